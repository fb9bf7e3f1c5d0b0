//! `dflowc eval FILE`

use super::args::{Eval, ReportFormat};
use super::output::{Failure, Output, Status};
use super::pipeline::{self, Destination};
use super::progress::Progress;
use crate::report::{Report, csv, json, text};

/// Evaluates and reports; what has errors is not reported.
pub fn run(arguments: &Eval, output: &Output) -> Result<Status, Failure> {
    let mut progress = Progress::new();
    let outcome = pipeline::evaluate(
        &arguments.file,
        &arguments.selection,
        &arguments.model,
        arguments.mapping,
        Destination {
            strict: output.denies_warnings(),
            output: arguments.output.as_deref(),
        },
        &mut progress,
    )?;
    drop(progress);
    let status = output.diagnostics(&outcome.sources, outcome.diagnostics, false)?;
    let has_figures = outcome
        .value
        .iter()
        .any(|evaluation| evaluation.totals.layers > 0);
    if status != Status::Clean && !(arguments.keep_going && has_figures) {
        return Ok(status);
    }
    let detail = arguments.detail || arguments.selection.layer.is_some();
    let report = Report::new(arguments.file.display().to_string(), outcome.value);
    let text = match arguments.report {
        ReportFormat::Text => text::write(&report, detail),
        ReportFormat::Csv => csv::write(&report),
        ReportFormat::Json => json::write(&report)
            .map_err(|error| Failure(format!("cannot write the report as JSON: {error}")))?,
    };
    output.result_to(&text, arguments.output.as_deref())?;
    Ok(status)
}
