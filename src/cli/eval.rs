//! `dflowc eval FILE`

use super::args::{Eval, ReportFormat};
use super::output::{Failure, Output, Status};
use super::pipeline::{self, Destination};
use super::progress::Progress;
use crate::models;
use crate::report::{Evaluation, Report, chart, csv, json, svg, text};

/// Evaluates and reports; what has errors is not reported.
pub fn run(arguments: &Eval, output: &Output) -> Result<Status, Failure> {
    if arguments.chart.is_some() && arguments.model == models::ALL {
        return Err(Failure(
            "a chart is of one model: say which with `--model`".to_owned(),
        ));
    }
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
    if let Some(figure) = &arguments.chart {
        let drawn = draw(&outcome.value, figure)?;
        output.result_to(&drawn, arguments.output.as_deref())?;
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

/// The chart of a figure as SVG.
fn draw(evaluations: &[Evaluation], figure: &str) -> Result<String, Failure> {
    let made = chart::chart(evaluations, figure);
    let made = made.map_err(|known| {
        let known = known.join(", ");
        Failure(format!(
            "no layer has the figure `{figure}`; there are {known}"
        ))
    })?;
    Ok(svg::bar_chart(&made))
}
