//! `dflowc fmt FILE...`

use super::args::{Fmt, MessageFormat};
use super::output::{Failure, Output, Status};
use crate::base::SourceMap;
use crate::base::harmless::harmless;
use crate::diag::Diagnostics;
use crate::driver::read_file;
use crate::import::maestro::is_maestro;
use crate::{format, syntax};
use similar::TextDiff;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Of longer files `--check` gives the name alone: comparing takes time quadratic in what differs.
const MOST_LINES: usize = 4_000;
/// Folders in folders that are looked into.
const MOST_FOLDERS: usize = 32;

/// Lays out every file, or says which are not; the worst status counts, and one bad file keeps no other from its
/// turn.
pub fn run(arguments: &Fmt, output: &Output) -> Result<Status, Failure> {
    if arguments.stdin || arguments.files.iter().any(|file| file.as_os_str() == "-") {
        return stdin(arguments, output);
    }
    let mut worst = Status::Clean;
    for path in &arguments.files {
        let files = match path.is_dir() {
            true => folder(path, MOST_FOLDERS),
            false => Ok(vec![path.clone()]),
        };
        for each in files.unwrap_or_else(|failure| {
            output.failure(&failure);
            worst = Status::Usage;
            Vec::new()
        }) {
            let status = file(&each, arguments.check, output).unwrap_or_else(|failure| {
                output.failure(&failure);
                Status::Usage
            });
            worst = worst.max(status);
        }
    }
    Ok(worst)
}

/// The dflow files in a folder and in those in it, by name; links and hidden folders are left alone.
fn folder(path: &Path, depth: usize) -> Result<Vec<PathBuf>, Failure> {
    let wrong =
        |error: std::io::Error| Failure(format!("cannot read {}: {error}", path.to_string_lossy()));
    let mut entries = std::fs::read_dir(path)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .map_err(wrong)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    let mut files = Vec::new();
    for entry in entries {
        let kind = entry.file_type().map_err(wrong)?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let inside = entry.path();
        if kind.is_dir() && !hidden && depth > 0 {
            files.extend(folder(&inside, depth - 1)?);
        } else if kind.is_file() && inside.extension().is_some_and(|known| known == "dflow") {
            files.push(inside);
        }
    }
    Ok(files)
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
    const NAME: &str = "<stdin>";
    if !arguments.files.iter().all(|file| file.as_os_str() == "-") {
        return Err(Failure(
            "standard input and files cannot be formatted in one run".to_owned(),
        ));
    }
    // One byte past the limit is enough for the parser to refuse the text.
    let most = u64::try_from(syntax::MAX_SOURCE_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| Failure(format!("cannot read standard input: {error}")))?;
    match formatted(NAME, bytes, output)? {
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
        MessageFormat::Text if lines(text).max(lines(formatted)) > MOST_LINES => {
            format!("--- {name}\n+++ {name} (formatted)\n")
        }
        MessageFormat::Text => TextDiff::from_lines(text, formatted)
            .unified_diff()
            .context_radius(1)
            .header(name, &format!("{name} (formatted)"))
            .to_string(),
    };
    // A line end that is to change is shown as one.
    output.result(harmless(&shown).as_bytes())?;
    Ok(Status::Errors)
}
