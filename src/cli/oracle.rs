//! `dflowc oracle FILE [--compare]`

use super::args::Oracle;
use super::output::{Failure, Output, Status};
use super::pipeline;
use crate::report::{Report, text};

/// Interprets and reports; with `--compare`, reports differences and fails when there are any.
pub fn run(arguments: &Oracle, output: &Output) -> Result<Status, Failure> {
    let outcome = pipeline::interpret(
        &arguments.file,
        &arguments.selection,
        arguments.mapping,
        arguments.limit,
        arguments.compare,
    )?;
    let status = output.diagnostics(&outcome.sources, outcome.diagnostics, false)?;
    if status != Status::Clean {
        return Ok(status);
    }
    let layers: usize = outcome
        .value
        .evaluations
        .iter()
        .map(|evaluation| evaluation.totals.layers)
        .sum();
    let differences = &outcome.value.differences;
    if !differences.is_empty() {
        output.result(format!("{}\n", differences.join("\n")).as_bytes())?;
        return Ok(Status::Errors);
    }
    let report = Report::new(
        arguments.file.display().to_string(),
        outcome.value.evaluations,
    );
    let mut result = text::write(&report, arguments.selection.layer.is_some());
    if arguments.compare {
        result += &format!("\nengine and oracle agree on {layers} layers\n");
    }
    output.result(result.as_bytes())
}
