//! `dflowc explore FILE` and `dflowc merge`: sweeps over hardware, with journals that outlive the program.

use super::args::{Explore as Arguments, Merge, ReportFormat};
use super::output::{Failure, Output, Status};
use super::pipeline::{load, overwrites};
use super::progress::Exploring;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::{Compiled, is_same_file};
use crate::explore::{Evaluator, Flaw, Journal, Outcome, Part, run as evaluate};
use crate::hir::explore::Explore;
use crate::report::{Report, explore_text, json, svg};
use crate::sweep::{self, Sweep};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Evaluates what is not in the journal yet, and reports what there is.
pub fn run(arguments: &Arguments, output: &Output) -> Result<Status, Failure> {
    let (compiled, mut sink) = load(&arguments.file, &arguments.settings);
    let written = [&arguments.output, &arguments.journal, &arguments.svg];
    for path in written.into_iter().flatten() {
        if let Some(refusal) = overwrites(&compiled, &arguments.file, path) {
            sink.push(refusal);
        }
    }
    let shard = arguments.shard.as_deref().map(shard).transpose()?;
    if sink.has_errors() {
        return output.diagnostics(&compiled.sources, sink, false);
    }
    if let Some(threads) = arguments.threads {
        // The pool of the whole process: whatever evaluates a design may use it too.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build_global()
            .map_err(|error| Failure(format!("cannot start {threads} threads: {error}")))?;
    }
    let chosen = select(&compiled, arguments)?;
    if chosen.len() > 1 && arguments.journal.is_some() {
        let names: Vec<&str> = chosen.iter().map(|one| one.name.as_str()).collect();
        return Err(Failure(format!(
            "a journal is of one exploration; say with `--explore` which: {}",
            names.join(", ")
        )));
    }
    let mut report = Report::new(arguments.file.display().to_string(), Vec::new());
    let mut unfit = false;
    let mut finished: Vec<(Sweep<'_>, Part)> = Vec::new();
    for explore in chosen {
        let Some(mut sweep) = sweep::prepare(&compiled, explore, &mut sink) else {
            continue;
        };
        if arguments.svg.is_some() {
            sweep.draw();
        }
        let Some(done) = one(&compiled, &sweep, arguments, shard, &mut sink)? else {
            continue;
        };
        let complete = done.pieces.0 == done.pieces.1;
        let found = done
            .part
            .answers
            .iter()
            .any(|answer| answer.best.is_some() || !answer.front.is_empty());
        if complete && !found {
            unfit = true;
            sweep::explain(&compiled, &sweep, &mut sink);
        }
        report
            .explorations
            .extend(sweep::report(&compiled, &sweep, &done.part, done.pieces));
        finished.push((sweep, done.part));
    }
    let status = output.diagnostics(&compiled.sources, sink, false)?;
    if finished.is_empty() {
        return Ok(status);
    }
    if let Some(path) = &arguments.svg {
        let all: Vec<(&Sweep<'_>, &Part)> =
            finished.iter().map(|(sweep, part)| (sweep, part)).collect();
        let drawn = svg::scatter(&sweep::picture(&compiled, &all));
        output.result_to(&drawn, Some(path))?;
    }
    let text = match arguments.format {
        ReportFormat::Text => {
            explore_text::text(&report, output.width(arguments.output.as_deref()))
        }
        ReportFormat::Csv => explore_text::csv(&report),
        ReportFormat::Json => json::write(&report)
            .map_err(|error| Failure(format!("cannot write the report as JSON: {error}")))?,
    };
    output.result_to(&text, arguments.output.as_deref())?;
    Ok(if unfit { Status::Errors } else { status })
}

/// What there is of an exploration.
struct Done {
    part: Part,
    /// That are done, and all.
    pieces: (u64, u64),
}

/// Runs one exploration; `None` when it failed, which has been reported.
fn one(
    compiled: &Compiled,
    sweep: &Sweep<'_>,
    arguments: &Arguments,
    shard: Option<(u64, u64)>,
    sink: &mut Diagnostics,
) -> Result<Option<Done>, Failure> {
    let heading = sweep.heading(compiled, &arguments.settings.set);
    let mut journal = Journal::new(heading.clone());
    let mut file: Option<File> = None;
    if let Some(path) = &arguments.journal {
        match open(path, &journal)? {
            Ok((known, opened)) => {
                journal = known;
                file = Some(opened);
            }
            Err(flaw) => {
                sink.push(refusal(path, &flaw));
                return Ok(None);
            }
        }
    }
    let total = sweep.pieces();
    let mine = |piece: &u64| shard.is_none_or(|(which, of)| piece % of == which);
    let open: Vec<u64> = (0..total)
        .filter(mine)
        .filter(|piece| !journal.parts().contains_key(piece))
        .collect();
    let mut progress = Exploring::new(open.len(), sweep.designs, total);
    let mut broken: Option<io::Error> = None;
    let outcome = evaluate(sweep, &open, Exploring::stop(), &mut |piece, part| {
        progress.piece(&part);
        let line = journal.finish(piece, part);
        let Some(file) = &mut file else {
            return true;
        };
        let written = match line {
            Some(line) => file.write_all(line.as_bytes()).and_then(|()| file.flush()),
            None => Err(io::Error::other("a piece has no form as JSON")),
        };
        if let Err(error) = written {
            broken = Some(error);
            return false;
        }
        true
    });
    progress.finish();
    if let (Some(error), Some(path)) = (broken, &arguments.journal) {
        return Err(Failure(format!(
            "cannot write to {}: {error}",
            path.display()
        )));
    }
    if let Outcome::Failed(refused) = outcome {
        sink.extend(refused.iter().cloned());
        return Ok(None);
    }
    let mut part = Part::empty(&sweep.question);
    for other in journal.parts().values() {
        part.add(&sweep.question, other);
    }
    Ok(Some(Done {
        part,
        pieces: (journal.parts().len() as u64, total),
    }))
}

/// The journal of that name, to be appended to, with what it has; a new one if there is none.
fn open(path: &Path, fresh: &Journal) -> Result<Result<(Journal, File), Flaw>, Failure> {
    let failed = |error: io::Error| Failure(format!("cannot open {}: {error}", path.display()));
    let known = match std::fs::read(path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    let mut options = OpenOptions::new();
    let mut file = options
        .append(true)
        .create(true)
        .open(path)
        .map_err(failed)?;
    let Some(bytes) = known.filter(|bytes| bytes.contains(&b'\n')) else {
        // Nothing, or half of a first line.
        file.set_len(0).map_err(failed)?;
        file.write_all(fresh.head().as_bytes()).map_err(failed)?;
        return Ok(Ok((fresh.clone(), file)));
    };
    let Ok(text) = String::from_utf8(bytes) else {
        return Ok(Err(Flaw::NoHeading));
    };
    let (journal, holds) = match Journal::read(&text) {
        Ok(read) => read,
        Err(flaw) => return Ok(Err(flaw)),
    };
    if let Err(flaw) = journal.is_of(&fresh.heading) {
        return Ok(Err(flaw));
    }
    // Whoever wrote half a line was killed.
    file.set_len(holds as u64).map_err(failed)?;
    Ok(Ok((journal, file)))
}

/// E0704
fn refusal(path: &Path, flaw: &Flaw) -> Diagnostic {
    let path = path.display();
    let help = match flaw {
        Flaw::NoHeading => "give the name of a journal, or of a file that there is not yet",
        Flaw::OtherSource | Flaw::OtherSweep => {
            "take another file, or remove this one: its figures are not those of this sweep"
        }
        Flaw::Damaged(_) | Flaw::Disagrees(_) => "remove it and begin anew",
    };
    Diagnostic::new(
        Code::E0704,
        format!("{path} cannot be gone on with: {flaw}"),
    )
    .help(help)
}

/// `1/4`: zero-based.
fn shard(text: &str) -> Result<(u64, u64), Failure> {
    let parsed = text.split_once('/').and_then(|(which, of)| {
        let (which, of) = (which.parse::<u64>().ok()?, of.parse::<u64>().ok()?);
        (1..=of).contains(&which).then(|| (which - 1, of))
    });
    parsed.ok_or_else(|| {
        Failure(format!(
            "`{text}` is no part of a whole: write `1/4`, `2/4`, `3/4` or `4/4`"
        ))
    })
}

/// The explorations of that name, or all.
fn select<'a>(compiled: &'a Compiled, arguments: &Arguments) -> Result<Vec<&'a Explore>, Failure> {
    let all = &compiled.program.explorations;
    let file = arguments.file.display();
    if all.is_empty() {
        return Err(Failure(format!("{file} has no Explore")));
    }
    let Some(wanted) = &arguments.explore else {
        return Ok(all.iter().collect());
    };
    let found: Vec<&Explore> = all.iter().filter(|one| one.name == *wanted).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    Err(Failure(match nearest(wanted, names.iter().copied()) {
        Some(near) => format!("{file} has no exploration `{wanted}`; did you mean `{near}`?"),
        None => format!(
            "{file} has no exploration `{wanted}`; it has {}",
            names.join(", ")
        ),
    }))
}

/// Joins journals of one sweep to one.
pub fn merge(arguments: &Merge, output: &Output) -> Result<Status, Failure> {
    let mut sink = Diagnostics::new();
    let mut joined: Option<Journal> = None;
    for path in &arguments.journals {
        let shown = path.display();
        if arguments
            .output
            .as_deref()
            .is_some_and(|out| is_same_file(out, path))
        {
            let message = format!("{shown} is one of the journals that are joined");
            sink.push(Diagnostic::new(Code::E0703, message).help("write to another file"));
            continue;
        }
        let bytes = std::fs::read(path)
            .map_err(|error| Failure(format!("cannot read {shown}: {error}")))?;
        let read = String::from_utf8(bytes).map_err(|_| Flaw::NoHeading);
        let read = read.and_then(|text| Journal::read(&text));
        let added = read.and_then(|(journal, _)| match &mut joined {
            None => {
                joined = Some(journal);
                Ok(())
            }
            Some(joined) => joined.merge(&journal),
        });
        if let Err(flaw) = added {
            sink.push(refusal(path, &flaw));
        }
    }
    let sources = crate::base::SourceMap::new();
    let status = output.diagnostics(&sources, sink, false)?;
    let Some(joined) = joined.filter(|_| status == Status::Clean) else {
        return Ok(status);
    };
    output.result_to(&joined.text(), arguments.output.as_deref())
}
