//! `dflowc import FILE.m`

use super::args::Import;
use super::output::{Failure, Output, Status};
use super::pipeline;
use crate::diag::Diagnostics;
use crate::driver::{NamedFiles, Session};
use crate::format;
use crate::import::maestro::is_maestro;

/// Writes the file in dflow; one with mistakes is not written.
pub fn run(arguments: &Import, output: &Output) -> Result<Status, Failure> {
    let name = arguments.file.to_string_lossy();
    if !is_maestro(&name) {
        let message = format!("{name} is no MAESTRO file: its name does not end with `.m`");
        return Err(Failure(message));
    }
    let session = Session::new(NamedFiles::new(&arguments.file));
    let hardware = arguments.hw.as_ref().map(|hw| hw.to_string_lossy());
    let (mut compiled, text) = session.import(&name, hardware.as_deref());
    let mut diagnostics = std::mem::take(&mut compiled.diagnostics);
    let target = arguments.output.as_deref();
    let overwrites =
        target.and_then(|target| pipeline::overwrites(&compiled, &arguments.file, target));
    diagnostics.extend(overwrites);
    let status = output.diagnostics(&compiled.sources, diagnostics, false)?;
    let Some(text) = text.filter(|_| status == Status::Clean) else {
        return Ok(status.max(Status::Errors));
    };
    let file = compiled.sources.add(&format!("{name} in dflow"), &text);
    match format::format_file(file, &text) {
        Ok(text) => output.result_to(&text, target),
        // What the importer writes can be read; if not, nobody is to get half of it.
        Err(mistakes) => {
            let mut diagnostics = Diagnostics::new();
            diagnostics.extend(mistakes);
            let status = output.diagnostics(&compiled.sources, diagnostics, false)?;
            Ok(status.max(Status::Errors))
        }
    }
}
