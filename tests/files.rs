//! Tests that are files: each is one named test, and none needs a line of Rust.
//!
//! | folder | what its files say |
//! |---|---|
//! | `tests/ui/<phase>/e0402_gap.dflow` | a wrong program; `.stderr` beside it is what a user reads |
//! | `tests/spec/*.md` | the reference manual; its examples are executed |
//! | `tests/golden/<model>/*.dflow` | a report; `.json` beside it fixes its layout |
//! | `tests/golden/examples` | text and CSV of every example |
//! | `src/diag/explain/*.md` | the page of a code; its wrong and right examples are executed |
//! | `examples/*.dflow`, `stdlib/**/*.dflow` | must check without errors |
//!
//! `DFLOW_BLESS=1 cargo test --test files` writes `.stderr` and `.json` anew: read the difference before
//! you commit it. `cargo test --test files e0402` runs what has that in its name.

// Programs and expected texts are files.
#![allow(clippy::disallowed_methods)]

#[path = "files/arithmetic.rs"]
mod arithmetic;
#[path = "files/compile.rs"]
mod compile;
#[path = "files/golden.rs"]
mod golden;
#[path = "files/header.rs"]
mod header;
#[path = "files/pages.rs"]
mod pages;
#[path = "files/spec.rs"]
mod spec;
#[path = "files/ui.rs"]
mod ui;

use libtest_mimic::{Arguments, Failed, Trial};
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    let mut trials = ui::trials();
    trials.extend(pages::trials());
    trials.extend(spec::trials());
    trials.extend(golden::trials());
    trials.extend(golden::examples());
    trials.extend(clean("examples"));
    trials.extend(clean("stdlib"));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// The folder of the package: what a test names is relative to it.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a folder of the package with one of these endings, in order, as relative paths with `/`.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(root().join(&folder)) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|known| known == ending) {
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

/// The text of a file of the package.
fn text(path: &str) -> Result<String, Failed> {
    fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}").into())
}

/// Compares with the file `path`, or writes it.
fn compare(path: &str, actual: &str) -> Result<(), Failed> {
    if std::env::var_os("DFLOW_BLESS").is_some_and(|value| value == "1") {
        return fs::write(root().join(path), actual)
            .map_err(|error| format!("{path}: {error}").into());
    }
    let expected = text(path).unwrap_or_default();
    if expected == actual {
        return Ok(());
    }
    let line = expected
        .lines()
        .zip(actual.lines())
        .position(|(expected, actual)| expected != actual)
        .unwrap_or_else(|| expected.lines().count().min(actual.lines().count()));
    Err(format!(
        "{path} differs from line {} on (DFLOW_BLESS=1 writes it anew); now it is\n{actual}",
        line + 1
    )
    .into())
}

/// One test per file of a folder: no errors (a warning is the file's own business).
fn clean(folder: &str) -> impl Iterator<Item = Trial> {
    files(folder, "dflow").into_iter().map(|path| {
        Trial::test(path.clone(), move || {
            let checked = compile::check(compile::package(), &path, &header::Header::default());
            if checked
                .diagnostics
                .iter()
                .any(|diagnostic| diagnostic.is_error())
            {
                return Err(checked.rendered().into());
            }
            Ok(())
        })
    })
}
