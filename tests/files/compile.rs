//! Programs through the library, as `dflowc check` and `dflowc eval` do it.

use crate::header::{Expected, Header};
use dflowc::base::SourceMap;
use dflowc::diag::{Diagnostic, Diagnostics, Sorted, render};
use dflowc::driver::{FileError, Files, Session};
use dflowc::evaluate::fused::{Unit, judge_group, units};
use dflowc::evaluate::{Evaluator, Model, judge};
use dflowc::lower::Options;
use dflowc::report::{Evaluation, Report, totals};
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
            return Err(FileError::TooLarge);
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

fn run(files: Overlay, path: &str, header: &Header, count: bool) -> Outcome {
    let mut compiled = Session::new(files).load(path);
    let mut sink: Diagnostics = std::mem::take(&mut compiled.diagnostics);
    let evaluator = Evaluator::new(&compiled, &mut sink);
    let program = &compiled.program;
    let options = Options { clip: header.clip };
    let model = if header.maestro {
        Model::Maestro
    } else {
        Model::Exact
    };
    let mut evaluations = Vec::new();
    for map in &program.maps {
        let mut reports = Vec::new();
        let mut groups = Vec::new();
        for unit in units(map, 0..map.assignments.len()) {
            let layer = match unit {
                Unit::Layer(layer) => layer,
                Unit::Group(group) => {
                    let Some(lowered) = compiled.plan_group(map, group, &mut sink) else {
                        continue;
                    };
                    let rule = model.rule();
                    let judged = judge_group(&compiled, map, &lowered, rule, options, &mut sink);
                    let Some(judged) = judged else {
                        continue;
                    };
                    sink.extend(judged.warnings.iter().cloned());
                    if count {
                        let report = evaluator.group(map, &judged, rule, options, &mut sink);
                        groups.extend(report.map(|mut report| {
                            report.after = reports.len();
                            report
                        }));
                    }
                    continue;
                }
            };
            let Some(planned) = compiled.plan_layer(map, layer, options, &mut sink) else {
                continue;
            };
            let Some(lowered) = &planned.lowered else {
                continue;
            };
            let Some(judged) = judge(&compiled, map, lowered, &mut sink) else {
                continue;
            };
            sink.extend(judged.warnings.iter().cloned());
            if !count {
                continue;
            }
            match model.count(&judged, &lowered.names) {
                Ok(counts) => {
                    reports.extend(evaluator.report(map, &planned, &judged, &counts, &mut sink));
                }
                Err(diagnostic) => sink.push(*diagnostic),
            }
        }
        evaluations.push(Evaluation {
            map: map.is_named.then(|| map.name.clone()),
            network: program.networks[map.network].label(),
            description: program.networks[map.network].description.clone(),
            accelerator: program.accelerators[map.accelerator].label(),
            model: model.name().to_owned(),
            totals: totals(&reports, &groups),
            layers: reports,
            groups,
            failed: Vec::new(),
        });
    }
    let report = (count && !sink.has_errors()).then(|| Report::new(path, evaluations));
    Outcome {
        sources: compiled.sources,
        diagnostics: sink.into_sorted(100).list,
        report,
    }
}
