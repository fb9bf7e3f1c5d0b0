//! `dflowc check FILE...`

use super::args::Check;
use super::output::{Failure, Output, Status};
use super::pipeline;

/// Checks every file; the worst status counts.
pub fn run(arguments: &Check, output: &Output) -> Result<Status, Failure> {
    let mut worst = Status::Clean;
    for file in &arguments.files {
        let outcome = pipeline::check(file, &arguments.settings, arguments.mapping);
        let status = output.diagnostics(&outcome.sources, outcome.diagnostics, true)?;
        worst = worst.max(status);
    }
    Ok(worst)
}
