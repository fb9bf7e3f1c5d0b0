//! The table of codes, the pages of `dflowc explain`, and `tests/ui` belong together.

use crate::compile;
use crate::header::Header;
use crate::ui::code_of;
use dflowc::diag::{Code, explain::Page};
use libtest_mimic::{Failed, Trial};

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = Code::ALL
        .iter()
        .filter_map(|&code| Some((code, code.page()?)))
        .map(|(code, page)| Trial::test(format!("explain/{code}"), move || test(code, page)))
        .collect();
    trials.push(Trial::test("codes/pages", every_code_has_a_page));
    trials.push(Trial::test("codes/ui", every_code_has_a_ui_test));
    trials
}

fn test(code: Code, page: &str) -> Result<(), Failed> {
    let page = Page::parse(page);
    let examples = [
        (true, "example.dflow", &page.wrong),
        (false, "example.dflow", &page.right),
        (true, "example.m", &page.foreign_wrong),
        (false, "example.m", &page.foreign_right),
    ];
    for (wrong, name, text) in examples
        .iter()
        .flat_map(|(wrong, name, texts)| texts.iter().map(move |text| (*wrong, *name, text)))
    {
        let header = Header::parse(text)?;
        if header.run.is_some() {
            // About the command line: `tests/ui` runs it.
            continue;
        }
        let mut bytes = text.as_bytes().to_vec();
        if bytes.len() < header.pad {
            bytes.resize(header.pad, b' ');
        }
        let files = compile::package().with(name, bytes);
        let outcome = compile::evaluate(&files, name, &header);
        let mut codes: Vec<Code> = outcome.diagnostics.iter().map(|d| d.code).collect();
        codes.dedup();
        if codes != if wrong { vec![code] } else { Vec::new() } {
            let which = if wrong { "wrong" } else { "right" };
            return Err(format!("the {which} example\n{text}\n{}", outcome.rendered()).into());
        }
    }
    Ok(())
}

fn every_code_has_a_page() -> Result<(), Failed> {
    let without = Code::ALL.iter().filter(|code| code.page().is_none());
    none_left(without, "has no page")
}

fn every_code_has_a_ui_test() -> Result<(), Failed> {
    let tested: Vec<Code> = crate::ui::programs()
        .iter()
        .filter_map(|path| code_of(path))
        .collect();
    let without = Code::ALL.iter().filter(|code| !tested.contains(code));
    none_left(without, "has no test in tests/ui")
}

fn none_left<'a>(codes: impl Iterator<Item = &'a Code>, what: &str) -> Result<(), Failed> {
    let list: Vec<String> = codes
        .map(|code| format!("{code} ({}) {what}", code.title()))
        .collect();
    if list.is_empty() {
        return Ok(());
    }
    Err(list.join("\n").into())
}
