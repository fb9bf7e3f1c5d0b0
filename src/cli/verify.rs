//! `dflowc verify CERT.json`

use super::args::{Settings, Verify};
use super::output::{Failure, Output, Status};
use super::pipeline::load;
use crate::optimize::proof::{self, Document};
use std::fmt::Write;
use std::path::Path;

/// Checks a certificate against the program that it names; exit code 1 when it proves nothing.
pub fn run(arguments: &Verify, output: &Output) -> Result<Status, Failure> {
    let shown = arguments.file.display();
    let text = std::fs::read_to_string(&arguments.file)
        .map_err(|error| Failure(format!("cannot read {shown}: {error}")))?;
    let document: Document = serde_json::from_str(&text)
        .map_err(|error| Failure(format!("{shown} is no certificate: {error}")))?;
    let folder = arguments.file.parent().unwrap_or(Path::new(""));
    let program = arguments
        .program
        .clone()
        .unwrap_or_else(|| folder.join(&document.file));
    let settings = Settings {
        set: document.settings.clone(),
        hw: None,
    };
    let (compiled, mut sink) = load(&program, &settings);
    if sink.has_errors() {
        return output.diagnostics(&compiled.sources, sink, false);
    }
    let verdict = proof::verify(&compiled, &document, arguments.enumerate, &mut sink);
    let status = output.diagnostics(&compiled.sources, sink, false)?;
    let mut out = String::new();
    for (title, done) in &verdict.checked {
        let _ = writeln!(out, "{title}: {done}");
    }
    if verdict.flaws.is_empty() {
        let (all, proved) = document.answers();
        let _ = writeln!(
            out,
            "the certificate holds: {proved} of {all} answers are proved to be best, the others have a true gap",
        );
    }
    for flaw in &verdict.flaws {
        let _ = writeln!(out, "refused: {flaw}");
    }
    output.result(out.as_bytes())?;
    Ok(if verdict.flaws.is_empty() {
        status
    } else {
        Status::Errors
    })
}
