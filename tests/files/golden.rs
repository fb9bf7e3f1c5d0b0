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

/// Text and CSV of every example, as users read them.
pub fn examples() -> impl Iterator<Item = Trial> {
    // Searches and explorations have figures of their own; `tests/it` runs them.
    let own = ["/shared/", "/search/", "/explore/", "/fused/"];
    let here = move |path: &String| !own.iter().any(|folder| path.contains(folder));
    let examples = crate::files("examples", "dflow").into_iter().filter(here);
    examples.map(|path| Trial::test(format!("report of {path}"), move || example(&path)))
}

fn example(path: &str) -> Result<(), Failed> {
    let outcome = compile::evaluate(&compile::package(), path, &Header::default());
    let Some(report) = &outcome.report else {
        return Err(outcome.rendered().into());
    };
    for width in [dflowc::report::WIDTH, NARROW] {
        for detail in [false, true] {
            fits(&dflowc::report::text::write(report, detail, width), width)?;
        }
    }
    let snapshot = |ending: &str| {
        let name = path.replace("examples/", "tests/golden/examples/");
        name.replace(".dflow", ending)
    };
    crate::compare(
        &snapshot(".txt"),
        &dflowc::report::text::write(report, false, dflowc::report::WIDTH),
    )?;
    crate::compare(&snapshot(".csv"), &dflowc::report::csv::write(report))
}

/// Columns of a small terminal.
const NARROW: usize = 80;

/// No line is wider than the page, but for a single word that nothing can break.
fn fits(text: &str, width: usize) -> Result<(), Failed> {
    let wide = |line: &&str| {
        let is_word = line.split_whitespace().nth(1).is_none();
        line.chars().count() > width && !is_word
    };
    match text.lines().find(wide) {
        Some(line) => Err(format!("more than {width} columns: {line}").into()),
        None => Ok(()),
    }
}

fn test(path: &str) -> Result<(), Failed> {
    let header = Header {
        model: path.contains("/maestro/").then(|| "maestro".to_owned()),
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
