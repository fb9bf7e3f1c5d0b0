//! `dflowc compare FILE --maps A, B`, `dflowc compare A.json B.json` and `dflowc compare FILE --measured M.csv`

use super::args::{Compare, ReportFormat, Selection};
use super::output::{Failure, Output, Status};
use super::pipeline::{self, Destination, Outcome};
use super::progress::Progress;
use crate::base::limits;
use crate::driver::read_file;
use crate::models;
use crate::report::{Comparison, Report, Side, Validation, measurements};
use serde_json::Value;
use std::path::Path;

/// Compares and reports; nothing is printed when nothing differs.
pub fn run(arguments: &Compare, output: &Output) -> Result<Status, Failure> {
    let most = arguments.fail_over.as_deref().map(share).transpose()?;
    if let Some(measured) = &arguments.measured {
        return with_measured(arguments, measured, most, output);
    }
    let sides = match maps(arguments)? {
        Some((file, maps)) => of_maps(arguments, file, &maps, output)?,
        None => match arguments.files.as_slice() {
            [left, right] => Ok([of_report(left)?, of_report(right)?]),
            _ => {
                let usage = "compare takes two reports, or one file and `--maps A,B`";
                return Err(Failure(usage.to_owned()));
            }
        },
    };
    let [left, right] = match sides {
        Ok(sides) => sides,
        Err(status) => return Ok(status),
    };
    let comparison = Comparison::new(&left, &right);
    let text = match arguments.report {
        ReportFormat::Text => comparison.text(output.width(arguments.output.as_deref())),
        ReportFormat::Csv => comparison.csv(),
        ReportFormat::Json => comparison.json(),
    };
    if !comparison.is_empty() {
        output.result_to(&text, arguments.output.as_deref())?;
    }
    Ok(match most {
        Some(most) if comparison.exceeds(most) => Status::Errors,
        _ => Status::Clean,
    })
}

/// Holds one map of a file to measurements.
fn with_measured(
    arguments: &Compare,
    measured: &Path,
    most: Option<f64>,
    output: &Output,
) -> Result<Status, Failure> {
    let [file] = arguments.files.as_slice() else {
        return Err(Failure("`--measured` is about one file".to_owned()));
    };
    let shown = measured.display();
    let bytes = read_file(measured, limits::REPORT_BYTES)
        .map_err(|error| Failure(error.in_words(&shown.to_string())))?;
    let rows = measurements(&String::from_utf8_lossy(&bytes))
        .map_err(|why| Failure(format!("{shown}: {why}")))?;
    let (outcome, report) = evaluated(arguments, file, arguments.map.clone(), output)?;
    let status = output.diagnostics(&outcome.sources, outcome.diagnostics, false)?;
    if status != Status::Clean {
        return Ok(status);
    }
    let evaluations = report["evaluations"].as_array().map(Vec::as_slice);
    let Some([evaluation]) = evaluations else {
        let message = "measurements are of one map: say which with `--map`";
        return Err(Failure(format!("{}: {message}", file.display())));
    };
    let validation = Validation::new(evaluation, rows)
        .map_err(|why| Failure(format!("{shown}: {why} in {}", file.display())))?;
    let text = match arguments.report {
        ReportFormat::Text => validation.text(output.width(arguments.output.as_deref())),
        ReportFormat::Csv => validation.csv(),
        ReportFormat::Json => validation.json(),
    };
    output.result_to(&text, arguments.output.as_deref())?;
    Ok(match most {
        Some(most) if validation.largest() > most => Status::Errors,
        _ => Status::Clean,
    })
}

/// `2%`, `0.02`
fn share(text: &str) -> Result<f64, Failure> {
    let (number, scale) = match text.trim().strip_suffix('%') {
        Some(number) => (number, 0.01),
        None => (text, 1.0),
    };
    match number.trim().parse::<f64>() {
        Ok(number) if number >= 0.0 && number.is_finite() => Ok(number * scale),
        _ => Err(Failure(format!(
            "`--fail-over {text}` is no share: write `2%` or `0.02`"
        ))),
    }
}

/// The file and its two maps, if maps are compared. A shell makes two arguments of `--maps a, b`: the second is then the
/// last file.
fn maps(arguments: &Compare) -> Result<Option<(&Path, [String; 2])>, Failure> {
    let Some(list) = &arguments.maps else {
        return Ok(None);
    };
    let mut names: Vec<String> = list.split(',').map(|name| name.trim().to_owned()).collect();
    names.retain(|name| !name.is_empty());
    let mut files: Vec<&Path> = arguments.files.iter().map(|file| file.as_path()).collect();
    if list.trim_end().ends_with(',') && names.len() == 1 && files.len() == 2 {
        let second = files.pop().map(|file| file.display().to_string());
        names.extend(second);
    }
    match (files.as_slice(), names.as_slice()) {
        (&[file], [left, right]) => Ok(Some((file, [left.clone(), right.clone()]))),
        _ => Err(Failure(
            "`--maps A,B` takes two maps of one file".to_owned(),
        )),
    }
}

/// Evaluates a map of a file: what is said of the file, and the report as JSON.
fn evaluated(
    arguments: &Compare,
    file: &Path,
    map: Option<String>,
    output: &Output,
) -> Result<(Outcome<()>, Value), Failure> {
    let selection = Selection {
        map,
        settings: arguments.settings.clone(),
        ..Selection::default()
    };
    let mut progress = Progress::new();
    let to = Destination {
        strict: output.denies_warnings(),
        output: arguments.output.as_deref(),
        may_be_empty: false,
    };
    let model = models::DEFAULT.name();
    let outcome = pipeline::evaluate(
        file,
        &selection,
        model,
        arguments.mapping,
        to,
        &mut progress,
    )?;
    drop(progress);
    let report = Report::new(file.display().to_string(), outcome.value);
    let value = serde_json::to_value(&report)
        .map_err(|error| Failure(format!("cannot write the report as JSON: {error}")))?;
    let said = Outcome {
        sources: outcome.sources,
        diagnostics: outcome.diagnostics,
        value: (),
    };
    Ok((said, value))
}

/// Evaluates two maps of a file.
fn of_maps(
    arguments: &Compare,
    file: &Path,
    maps: &[String; 2],
    output: &Output,
) -> Result<Result<[Side; 2], Status>, Failure> {
    let mut sides = Vec::with_capacity(maps.len());
    for map in maps {
        let (outcome, value) = evaluated(arguments, file, Some(map.clone()), output)?;
        // What is wrong with the file is said once.
        if sides.is_empty() || outcome.diagnostics.has_errors() {
            let status = output.diagnostics(&outcome.sources, outcome.diagnostics, false)?;
            if status != Status::Clean {
                return Ok(Err(status));
            }
        }
        sides.push(one(map, &value, &format!("`{map}` of {}", file.display()))?);
    }
    match <[Side; 2]>::try_from(sides) {
        Ok(sides) => Ok(Ok(sides)),
        Err(_) => Err(Failure("two maps are compared".to_owned())),
    }
}

/// The one evaluation of a report.
fn one(name: &str, report: &Value, what: &str) -> Result<Side, Failure> {
    let evaluations = report["evaluations"].as_array();
    match evaluations.map(Vec::as_slice) {
        Some([evaluation]) => Ok(Side::new(name, evaluation)),
        Some(several) => Err(Failure(format!(
            "{what} has {} evaluations, and one can be compared",
            several.len()
        ))),
        None => Err(Failure(format!("{what} is no report of dflowc"))),
    }
}

fn of_report(file: &Path) -> Result<Side, Failure> {
    let shown = file.display();
    let bytes = read_file(file, limits::REPORT_BYTES)
        .map_err(|error| Failure(error.in_words(&shown.to_string())))?;
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Failure(format!("{shown} is no report of dflowc: {error}")))?;
    let name = file.file_stem().map_or_else(
        || shown.to_string(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    one(&name, &value, &shown.to_string())
}
