//! Programs through the library, as `dflowc check` and `dflowc eval` do it.

use crate::header::{Expected, Header};
use dflowc::base::SourceMap;
use dflowc::diag::{Diagnostic, Diagnostics, Sorted, render};
use dflowc::driver::{FileError, Files, Session};
use dflowc::evaluate::advice::advise_all;
use dflowc::evaluate::{self, Cache, Request, Selection, Until};
use dflowc::lower::Options;
use dflowc::models;
use dflowc::optimize;
use dflowc::report::Report;
use dflowc::sweep;
use std::collections::BTreeMap;

/// What became of a program.
pub struct Outcome {
    pub sources: SourceMap,
    /// In the order of output.
    pub diagnostics: Vec<Diagnostic>,
    /// `None` when it was only checked, or has errors.
    pub report: Option<Report>,
}

impl Outcome {
    /// Code and place of every message.
    pub fn found(&self) -> Vec<Expected> {
        self.diagnostics
            .iter()
            .map(|diagnostic| Expected {
                code: diagnostic.code.as_str().to_owned(),
                at: diagnostic.primary().and_then(|span| {
                    let at = self.sources.get(span.file())?.position(span.lo());
                    Some((at.line, at.column))
                }),
            })
            .collect()
    }

    /// What a user reads, without color.
    pub fn rendered(&self) -> String {
        let sorted = Sorted {
            list: self.diagnostics.clone(),
            more: 0,
        };
        render::text(&self.sources, &sorted, false)
    }
}

/// Files of the package, some of them replaced by other texts.
#[derive(Clone, Default)]
pub struct Overlay {
    texts: BTreeMap<String, Vec<u8>>,
}

/// The files of the package as they are.
pub fn package() -> Overlay {
    Overlay::default()
}

impl Overlay {
    pub fn with(mut self, path: &str, text: impl Into<Vec<u8>>) -> Overlay {
        self.texts.insert(path.to_owned(), text.into());
        self
    }
}

impl Files for Overlay {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let bytes = match self.texts.get(path) {
            Some(bytes) => bytes.clone(),
            // The words of the system differ between systems.
            None => std::fs::read(crate::root().join(path))
                .map_err(|_| FileError::Unreadable("no such file".to_owned()))?,
        };
        if bytes.len() > dflowc::syntax::MAX_SOURCE_BYTES {
            return Err(FileError::TooLarge(dflowc::syntax::MAX_SOURCE_BYTES));
        }
        Ok(bytes)
    }
}

/// `dflowc check PATH`.
pub fn check(files: Overlay, path: &str, header: &Header) -> Outcome {
    run(files, path, header, false)
}

/// `dflowc eval PATH`, after `check` has found no error.
pub fn evaluate(files: &Overlay, path: &str, header: &Header) -> Outcome {
    let checked = check(files.clone(), path, header);
    if checked.diagnostics.iter().any(Diagnostic::is_error) {
        return checked;
    }
    run(files.clone(), path, header, true)
}

/// Nobody watches a search.
struct Nobody;

impl optimize::Observer for Nobody {}

fn run(files: Overlay, path: &str, header: &Header, count: bool) -> Outcome {
    let mut compiled = Session::new(files).load(path);
    let mut sink: Diagnostics = std::mem::take(&mut compiled.diagnostics);
    if count {
        let chosen = Selection::all(&compiled);
        optimize::resolve(&mut compiled, &chosen.maps, &mut sink, &mut Nobody);
    }
    let model = header.model.as_deref().unwrap_or(models::DEFAULT.name());
    let request = Request {
        selection: &Selection::all(&compiled),
        models: &[models::by_name(model).expect("the header names a model")],
        until: if count {
            Until::Evaluated
        } else {
            Until::Checked
        },
        options: Options { clip: header.clip },
        warnings: true,
    };
    let mut evaluations = evaluate::run(&compiled, &request, &mut Cache::default(), &mut sink);
    if header.advice {
        advise_all(&compiled, &mut evaluations, request.options, |_| {});
    }
    optimize::check(&compiled, &mut sink);
    sweep::check(&compiled, &mut sink);
    let mut searches = Vec::new();
    let mut selections = Vec::new();
    let mut groups = Vec::new();
    if count && !sink.has_errors() {
        for search in &compiled.program.searches {
            if search.fused.is_some() {
                let found = optimize::group(&compiled, search, None, &mut sink, &mut Nobody, false);
                groups.extend(found);
                continue;
            }
            let answer = optimize::run(&compiled, search, None, &mut sink, &mut Nobody);
            if let Some(answer) = answer {
                searches.extend(optimize::report(&compiled, search, &answer, false));
                selections.extend(optimize::selection(&compiled, search, &answer));
            }
        }
    }
    let mut explorations = Vec::new();
    if count && !sink.has_errors() {
        for explore in &compiled.program.explorations {
            let Some(sweep) = sweep::prepare(&compiled, explore, &mut sink) else {
                continue;
            };
            match sweep::whole(&sweep) {
                Ok(part) => explorations.extend(sweep::report(&compiled, &sweep, &part, (1, 1))),
                Err(refused) => sink.extend(refused.iter().cloned()),
            }
        }
    }
    let report = (count && !sink.has_errors()).then(|| {
        let mut report = Report::new(path, evaluations);
        report.searches = searches;
        report.selections = selections;
        report.fused_searches = groups;
        report.explorations = explorations;
        report
    });
    Outcome {
        sources: compiled.sources,
        diagnostics: sink.into_sorted(100).list,
        report,
    }
}
