//! `dflowc eval FILE`

use super::args::{Eval, ReportFormat};
use super::inputs::expand;
use super::output::{Failure, Output, Status};
use super::pipeline::{self, Destination};
use super::progress::Progress;
use crate::models;
use crate::report::{Evaluation, Report, chart, csv, json, svg, text};
use std::path::Path;

/// Evaluates and reports every file; what has errors is not reported. The worst status counts.
pub fn run(arguments: &Eval, output: &Output) -> Result<Status, Failure> {
    if arguments.chart.is_some() && arguments.model == models::ALL {
        return Err(Failure(
            "a chart is of one model: say which with `--model`".to_owned(),
        ));
    }
    let (files, mut worst) = expand(&arguments.files, output);
    // Of a folder only what has maps is meant.
    let named = files == arguments.files;
    let mut reports = Vec::with_capacity(files.len());
    for file in &files {
        let (report, status) = evaluated(file, named, arguments, output)?;
        worst = worst.max(status);
        reports.extend(report.filter(|report| named || !report.evaluations.is_empty()));
    }
    if reports.is_empty() {
        return Ok(worst);
    }
    if let Some(figure) = &arguments.chart {
        let evaluations = reports.into_iter().flat_map(|report| report.evaluations);
        let drawn = draw(&evaluations.collect::<Vec<_>>(), figure)?;
        output.result_to(&drawn, arguments.output.as_deref())?;
        return Ok(worst);
    }
    let detail = arguments.detail || arguments.selection.layer.is_some();
    let mut whole = String::new();
    for (at, report) in reports.iter().enumerate() {
        let text = match arguments.report {
            ReportFormat::Text => {
                text::write(report, detail, output.width(arguments.output.as_deref()))
            }
            ReportFormat::Csv => csv::write(report),
            ReportFormat::Json => json::write(report)
                .map_err(|error| Failure(format!("cannot write the report as JSON: {error}")))?,
        };
        if at > 0 && arguments.report == ReportFormat::Text {
            whole.push('\n');
        }
        whole.push_str(&text);
    }
    output.result_to(&whole, arguments.output.as_deref())?;
    Ok(worst)
}

/// The report of one file, if there is one; it must have maps where it is `named` itself.
fn evaluated(
    file: &Path,
    named: bool,
    arguments: &Eval,
    output: &Output,
) -> Result<(Option<Report>, Status), Failure> {
    let mut progress = Progress::new();
    let outcome = pipeline::evaluate(
        file,
        &arguments.selection,
        &arguments.model,
        arguments.mapping,
        Destination {
            strict: output.denies_warnings(),
            output: arguments.output.as_deref(),
            may_be_empty: !named,
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
        return Ok((None, status));
    }
    let report = Report::new(file.display().to_string(), outcome.value);
    Ok((Some(report), status))
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
