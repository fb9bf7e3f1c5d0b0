//! `dflowc fmt FILE...`

use super::args::{Fmt, MessageFormat};
use super::inputs::{STDIN_NAME, expand, is_stdin, read_stdin};
use super::output::{Failure, Output, Status};
use crate::base::SourceMap;
use crate::base::harmless::harmless;
use crate::diag::Diagnostics;
use crate::driver::read_file;
use crate::import::maestro::is_maestro;
use crate::{format, syntax};
use similar::TextDiff;
use std::path::Path;

/// Of longer files `--check` gives the name alone: comparing takes time quadratic in what differs.
const MOST_LINES: usize = 4_000;

/// Lays out every file, or says which are not; the worst status counts, and one bad file keeps no other from its
/// turn.
pub fn run(arguments: &Fmt, output: &Output) -> Result<Status, Failure> {
    if arguments.stdin || arguments.files.iter().any(|file| is_stdin(file)) {
        return stdin(arguments, output);
    }
    let (files, mut worst) = expand(&arguments.files, output);
    for each in &files {
        let status = file(each, arguments.check, output).unwrap_or_else(|failure| {
            output.failure(&failure);
            Status::Usage
        });
        worst = worst.max(status);
    }
    Ok(worst)
}

fn file(path: &Path, check: bool, output: &Output) -> Result<Status, Failure> {
    let name = path.to_string_lossy();
    if is_maestro(&name) {
        return Err(Failure(format!(
            "{name} is a MAESTRO file, whose layout is its author's: `dflowc import {name} -o OUT.dflow` writes it in dflow"
        )));
    }
    let bytes = read_file(path, syntax::MAX_SOURCE_BYTES)
        .map_err(|error| Failure(error.in_words(&name)))?;
    let (text, formatted) = match formatted(&name, bytes, output)? {
        Ok(texts) => texts,
        Err(status) => return Ok(status),
    };
    if text == formatted {
        return Ok(Status::Clean);
    }
    if check {
        return differs(&name, &text, &formatted, output);
    }
    output.result_to(&formatted, Some(path))
}

fn stdin(arguments: &Fmt, output: &Output) -> Result<Status, Failure> {
    const NAME: &str = STDIN_NAME;
    if !arguments.files.iter().all(|file| is_stdin(file)) {
        return Err(Failure(
            "standard input and files cannot be formatted in one run".to_owned(),
        ));
    }
    match formatted(NAME, read_stdin()?, output)? {
        Err(status) => Ok(status),
        Ok((text, formatted)) if arguments.check && text != formatted => {
            differs(NAME, &text, &formatted, output)
        }
        Ok(_) if arguments.check => Ok(Status::Clean),
        Ok((_, formatted)) => output.result(formatted.as_bytes()),
    }
}

/// The text of a file and its layout, or the status of a file with mistakes, which have been printed.
fn formatted(
    name: &str,
    bytes: Vec<u8>,
    output: &Output,
) -> Result<Result<(String, String), Status>, Failure> {
    let text = syntax::decode(&bytes).into_owned();
    let mut sources = SourceMap::new();
    let file = sources.add(name, &text);
    match format::format_file(file, &text) {
        Ok(formatted) => Ok(Ok((text, formatted))),
        Err(mistakes) => {
            let mut diagnostics = Diagnostics::new();
            diagnostics.extend(mistakes);
            // Clean is impossible here, and must not make a refused file look formatted.
            let status = output.diagnostics(&sources, diagnostics, false)?;
            Ok(Err(status.max(Status::Errors)))
        }
    }
}

/// Shows what formatting would change.
fn differs(name: &str, text: &str, formatted: &str, output: &Output) -> Result<Status, Failure> {
    let lines = |text: &str| text.lines().count();
    let shown = match output.format() {
        MessageFormat::Json => format!(
            "{}\n",
            serde_json::json!({ "file": name, "formatted": false })
        ),
        _ if lines(text).max(lines(formatted)) > MOST_LINES => {
            format!("--- {name}\n+++ {name} (formatted)\n")
        }
        _ => TextDiff::from_lines(text, formatted)
            .unified_diff()
            .context_radius(1)
            .header(name, &format!("{name} (formatted)"))
            .to_string(),
    };
    // A line end that is to change is shown as one.
    output.result(harmless(&shown).as_bytes())?;
    Ok(Status::Errors)
}
