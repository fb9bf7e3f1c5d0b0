//! `tests/golden`: whole reports, for their layout. That the figures are right is the business of `tests/spec`
//! and of the oracle.

use crate::compile;
use crate::header::Header;
use libtest_mimic::{Failed, Trial};

pub fn trials() -> Vec<Trial> {
    crate::files("tests/golden", "dflow")
        .into_iter()
        // Layouts of texts; `tests/it/fmt.rs` looks at them.
        .filter(|path| !path.contains("/fmt/"))
        .map(|path| Trial::test(path.clone(), move || test(&path)))
        .collect()
}

fn test(path: &str) -> Result<(), Failed> {
    let header = Header {
        maestro: path.contains("/maestro/"),
        ..Header::parse(&crate::text(path)?)?
    };
    let outcome = compile::evaluate(&compile::package(), path, &header);
    let Some(report) = &outcome.report else {
        return Err(outcome.rendered().into());
    };
    crate::compare(
        &path.replace(".dflow", ".json"),
        &dflowc::report::json::write(report)?,
    )
}
