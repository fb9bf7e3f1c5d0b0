//! `dflowc emit FILE --stage STAGE`

use super::args::Emit;
use super::output::{Failure, Output, Status};
use super::pipeline;

/// Prints one stage, also of files with errors, as far as the stage was reached.
pub fn run(arguments: &Emit, output: &Output) -> Result<Status, Failure> {
    let outcome = pipeline::emit(
        &arguments.file,
        arguments.stage,
        &arguments.selection,
        arguments.mapping,
    )?;
    let status = output.diagnostics(&outcome.sources, outcome.diagnostics, false)?;
    output.result(outcome.value.as_bytes())?;
    Ok(status)
}
