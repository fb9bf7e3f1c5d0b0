//! `dflowc search FILE`

use super::args::{ReportFormat, Search as Arguments};
use super::output::{Failure, Output, Status};
use super::pipeline::{load, overwrites};
use super::progress::Searching;
use crate::diag::suggest::nearest;
use crate::driver::Compiled;
use crate::hir::search::{LONGEST, Search};
use crate::optimize::{self, Answer, Import, Observer, proof};
use crate::report::fused_search::{self, FusedSearchReport};
use crate::report::selection::SelectionReport;
use crate::report::{Report, json, search_text};
use std::fmt::Write;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// A search over a group, and what it came to.
type Group<'a> = (&'a Search, FusedSearchReport);

/// Searches and reports; a search that is stopped reports what it has, with exit code 0.
pub fn run(arguments: &Arguments, output: &Output) -> Result<Status, Failure> {
    let (compiled, mut sink) = load(&arguments.file, &arguments.settings);
    let written = [&arguments.output, &arguments.emit, &arguments.certificate];
    for path in written.into_iter().flatten() {
        if let Some(refusal) = overwrites(&compiled, &arguments.file, path) {
            sink.push(refusal);
        }
    }
    let budget = arguments.budget.as_deref().map(budget).transpose()?;
    let mut answers: Vec<(&Search, Answer)> = Vec::new();
    let mut selections = Vec::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut stopped = false;
    if !sink.has_errors() {
        let searches = select(&compiled, arguments)?;
        not_certified(&searches, arguments)?;
        has_pruning(&searches, arguments)?;
        if let Some(group) = searches.iter().find(|search| search.fused.is_some()) {
            is_written(arguments, group)?;
        }
        let mut observer = Searching::new();
        for search in searches {
            if search.fused.is_some() {
                let (sink, timings) = (&mut sink, arguments.timings);
                let found =
                    optimize::group(&compiled, search, budget, sink, &mut observer, timings);
                groups.extend(found.map(|found| (search, found)));
                continue;
            }
            let answer = optimize::run(&compiled, search, budget, &mut sink, &mut observer);
            if let Some(answer) = answer {
                selections.extend(selection(&compiled, search, &answer, arguments, &observer));
                answers.push((search, answer));
            }
        }
        stopped = observer.finish();
    }
    let status = output.diagnostics(&compiled.sources, sink, false)?;
    if status != Status::Clean && answers.is_empty() && groups.is_empty() {
        return Ok(status);
    }
    let mut report = Report::new(arguments.file.display().to_string(), Vec::new());
    report.selections = selections;
    for (search, answer) in &answers {
        let mut own = optimize::report(&compiled, search, answer, arguments.timings);
        for layer in &mut own {
            layer.certificate = arguments
                .certificate
                .as_ref()
                .map(|path| path.display().to_string());
        }
        report.searches.extend(own);
    }
    report.fused_searches = groups.iter().map(|group| group.1.clone()).collect();
    let text = match arguments.format {
        ReportFormat::Text => {
            let width = output.width(arguments.output.as_deref());
            search_text::text(&report, width)
                + &fused_search::text(&report, width)
                + &rest(&compiled, &answers, stopped)
        }
        ReportFormat::Csv => search_text::csv(&report),
        ReportFormat::Json => json::write(&report)
            .map_err(|error| Failure(format!("cannot write the report as JSON: {error}")))?,
    };
    if let Some(path) = &arguments.emit {
        emit(&compiled, arguments, (&answers, &groups), path, output)?;
    }
    if let Some(path) = &arguments.certificate {
        let file = relative(path, &arguments.file);
        let document = proof::document(&compiled, &answers, &file, &arguments.settings.set);
        let text = serde_json::to_string(&document)
            .map_err(|error| Failure(format!("cannot write the certificate: {error}")))?;
        output.result_to(&(text + "\n"), Some(path))?;
    }
    output.result_to(&text, arguments.output.as_deref())?;
    let mut layers = report.searches.iter();
    let mut groups = report.fused_searches.iter();
    let empty = layers.any(|search| search.reason.is_some() && search.proved)
        || groups.any(|search| search.reason.is_some() && search.proved);
    Ok(if empty { Status::Errors } else { status })
}

/// What was chosen from a model's own space, with what else was asked of it.
fn selection(
    compiled: &Compiled,
    search: &Search,
    answer: &Answer,
    arguments: &Arguments,
    observer: &Searching,
) -> Option<SelectionReport> {
    let mut selection = optimize::selection(compiled, search, answer)?;
    if let Some(rows) = arguments.verify_pruning {
        static GO: AtomicBool = AtomicBool::new(false);
        let stop = observer.stop().unwrap_or(&GO);
        optimize::verify_pruning(compiled, search, answer, (rows, stop), &mut selection);
    }
    Some(selection)
}

/// Only a model's own space leaves orders out.
fn has_pruning(searches: &[&Search], arguments: &Arguments) -> Result<(), Failure> {
    let any = searches.iter().any(|search| search.own.is_some());
    if any || arguments.verify_pruning.is_none() {
        return Ok(());
    }
    Err(Failure(format!(
        "`--verify-pruning` is about the orders that the space `deepopt` leaves out, and no search of {} is over it",
        arguments.file.display()
    )))
}

/// Of a model's own space there is no certificate.
fn not_certified(searches: &[&Search], arguments: &Arguments) -> Result<(), Failure> {
    let own = searches
        .iter()
        .find_map(|search| Some((search, search.own.as_ref()?)));
    match (own, &arguments.certificate) {
        (Some((search, own)), Some(_)) => Err(Failure(format!(
            "`{}` has no certificate: every schedule of the space `{}` is evaluated and listed in the report (`--format json`), so \
             that nothing is left to be proved; take `--search` for another one",
            search.name, own.space.text
        ))),
        _ => Ok(()),
    }
}

/// What a search over a group cannot give is refused before it begins.
fn is_written(arguments: &Arguments, group: &Search) -> Result<(), Failure> {
    let name = &group.name;
    if arguments.certificate.is_some() {
        return Err(Failure(format!(
            "`--certificate` is of searches of layers, and `{name}` searches the design of a group: choose others by `--search`"
        )));
    }
    if arguments.format == ReportFormat::Csv {
        return Err(Failure(format!(
            "CSV has lines for layers, and `{name}` searches the design of a group: write text or JSON"
        )));
    }
    Ok(())
}

/// The searches of that name, or all.
fn select<'a>(compiled: &'a Compiled, arguments: &Arguments) -> Result<Vec<&'a Search>, Failure> {
    let all = &compiled.program.searches;
    let file = arguments.file.display();
    if all.is_empty() {
        return Err(Failure(format!("{file} has no Search")));
    }
    let Some(wanted) = &arguments.search else {
        return Ok(all.iter().collect());
    };
    let found: Vec<&Search> = all.iter().filter(|search| search.name == *wanted).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let names: Vec<&str> = all.iter().map(|search| search.name.as_str()).collect();
    Err(Failure(match nearest(wanted, names.iter().copied()) {
        Some(near) => format!("{file} has no search `{wanted}`; did you mean `{near}`?"),
        None => format!(
            "{file} has no search `{wanted}`; it has {}",
            names.join(", ")
        ),
    }))
}

/// `10s`, `500ms`, `2m`, or a number of seconds.
pub fn budget(text: &str) -> Result<Duration, Failure> {
    let units = [
        ("ms", 1e-3),
        ("us", 1e-6),
        ("s", 1.0),
        ("min", 60.0),
        ("m", 60.0),
        ("h", 3600.0),
    ];
    let found = units.iter().find_map(|(unit, scale)| {
        let number = text.strip_suffix(unit)?.trim_end();
        Some(number.parse::<f64>().ok()? * scale)
    });
    let seconds = found.or_else(|| text.parse::<f64>().ok());
    seconds
        .filter(|seconds| seconds.is_finite() && (0.0..=LONGEST).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| {
            Failure(format!(
                "`{text}` is not a time: write `10s`, `500ms` or `2min`"
            ))
        })
}

/// What was not searched because somebody stopped it.
fn rest(compiled: &Compiled, answers: &[(&Search, Answer)], stopped: bool) -> String {
    let mut out = String::new();
    for (search, answer) in answers {
        let Some(network) = compiled.program.networks.get(search.network) else {
            continue;
        };
        let left: Vec<&str> = answer
            .left
            .iter()
            .filter_map(|&at| network.layers.get(at))
            .map(|layer| layer.name.as_str())
            .collect();
        if !left.is_empty() {
            let _ = writeln!(out, "\nnot searched: {}", left.join(", "));
        }
        let cut = answer.found.iter().filter(|found| found.cut);
        let cut = cut.filter_map(|found| network.layers.get(found.layer));
        let cut: Vec<&str> = cut.map(|layer| layer.name.as_str()).collect();
        if !cut.is_empty() {
            let _ = writeln!(
                out,
                "\nnot gone through to the end of its tables, so only the gap to what no schedule at all is below is known, \
                 and there is no certificate: {}",
                cut.join(", ")
            );
        }
    }
    if stopped {
        out.push_str("\nstopped before its end\n");
    }
    out
}

fn emit(
    compiled: &Compiled,
    arguments: &Arguments,
    (answers, groups): (&[(&Search, Answer)], &[Group<'_>]),
    path: &Path,
    output: &Output,
) -> Result<(), Failure> {
    let searches = answers.iter().map(|(search, _)| *search);
    let searches = searches.chain(groups.iter().map(|(search, _)| *search));
    let mut imports: Vec<Import> = searches
        .flat_map(|search| optimize::imports(compiled, search))
        .collect();
    imports.sort();
    imports.dedup();
    let mut out = format!(
        "// What `dflowc search` found for {}.\n",
        shown(&arguments.file)
    );
    if !arguments.settings.set.is_empty() {
        let set: Vec<String> = arguments
            .settings
            .set
            .iter()
            .map(|s| format!("--set {s}"))
            .collect();
        let _ = writeln!(
            out,
            "// Found with, and to be evaluated with, {}.",
            set.join(" ")
        );
    }
    let own = answers.iter().filter_map(|(_, answer)| answer.own.as_ref());
    let mut models: Vec<&str> = own.map(|chosen| chosen.model).collect();
    models.dedup();
    for model in models {
        let _ = writeln!(
            out,
            "// Its schedules have formulas and no loops: evaluate with `--model '{model}'`."
        );
    }
    out.push('\n');
    for import in &imports {
        let _ = match import {
            Import::Std(name) => writeln!(out, "use {name};"),
            Import::File(file) => writeln!(out, "use \"{}\";", relative(path, Path::new(file))),
        };
    }
    let all_parameters = !arguments.settings.set.is_empty();
    let mut any = false;
    for (search, answer) in answers {
        if let Some(maps) = optimize::emit(compiled, search, answer, "", all_parameters) {
            out.push_str(&maps);
            any = true;
        }
    }
    for (search, found) in groups {
        // Nothing is left out in silence: what cannot be written ends it, whatever else was found.
        let map = optimize::emit_group(compiled, search, found, all_parameters);
        out.push_str(
            &map.map_err(|why| Failure(format!("{why}, so {} is not written", path.display())))?,
        );
        any = true;
    }
    if !any {
        return Err(Failure(format!(
            "nothing was found, so {} is not written",
            path.display()
        )));
    }
    output.result_to(&out, Some(path))?;
    Ok(())
}

fn shown(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The way from the folder of one file to another, with slashes.
fn relative(from: &Path, to: &Path) -> String {
    let absolute = |path: &Path| -> Vec<String> {
        let folder = std::env::current_dir().unwrap_or_default();
        let path = folder.join(path);
        let path = path.canonicalize().unwrap_or(path);
        let mut parts: Vec<String> = Vec::new();
        for part in path.components() {
            match part {
                Component::ParentDir => drop(parts.pop()),
                Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
                _ => {}
            }
        }
        parts
    };
    let folder: PathBuf = from.parent().map(Path::to_path_buf).unwrap_or_default();
    let (from, to) = (absolute(&folder), absolute(to));
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), from.len() - common);
    up.chain(to[common..].iter().cloned())
        .collect::<Vec<_>>()
        .join("/")
}
