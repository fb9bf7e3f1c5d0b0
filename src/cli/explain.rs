//! `dflowc explain CODE`

use super::args::Explain;
use super::output::{Failure, Output, Status};
use crate::diag::Code;

/// Prints the page of a code, or all titles.
pub fn run(arguments: &Explain, output: &Output) -> Result<Status, Failure> {
    let Some(text) = &arguments.code else {
        let mut list = String::new();
        for code in Code::ALL {
            list += &format!("{code}  {}\n", code.title());
        }
        return output.result(list.as_bytes());
    };
    let Some(code) = Code::parse(text) else {
        return Err(Failure(format!(
            "there is no code `{text}`; `dflowc explain` lists them all"
        )));
    };
    let page = match code.page() {
        Some(page) => page.trim_end().to_owned(),
        None => format!("{code}: {}", code.title()),
    };
    output.result(format!("{page}\n").as_bytes())
}
