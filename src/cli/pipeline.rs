//! What the commands need of the compiler, and nothing else of it.

use super::args::{Mapping, Model as Wanted, Selection, Settings, Stage};
use super::dump;
use super::groups;
use super::output::Failure;
use super::progress::Progress;
use crate::base::{FileId, SourceMap};
use crate::cost::CostError;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::{Compiled, Input, OsFiles, PlannedLayer, Session, is_same_file};
use crate::engine::TimingRule;
use crate::engine::{Counts, oracle};
use crate::evaluate::fused::{JudgedGroup, Unit, check_group, group_name, judge_group, units};
use crate::evaluate::{Counting, Evaluator, Judged, Model, judge};
use crate::hir::{Accelerator, Map, Network};
use crate::lower::Options;
use crate::report::{Evaluation, GroupReport, adds_up, totals};
use crate::syntax::{self, lexer};
use std::cell::RefCell;
use std::path::Path;

/// A result, and what the compiler has to say about the sources.
pub struct Outcome<T> {
    pub sources: SourceMap,
    pub diagnostics: Diagnostics,
    pub value: T,
}

fn load(file: &Path, settings: &Settings) -> (Compiled, Diagnostics) {
    let session = Session::new(OsFiles);
    let mut compiled = session.load_with(&file.to_string_lossy(), &settings.set);
    let diagnostics = std::mem::take(&mut compiled.diagnostics);
    (compiled, diagnostics)
}

fn options(mapping: Mapping) -> Options {
    Options { clip: mapping.clip }
}

/// Judges every item and every map of one file.
pub fn check(file: &Path, settings: &Settings, mapping: Mapping) -> Result<Outcome<()>, Failure> {
    let (compiled, mut sink) = load(file, settings);
    let _ = Evaluator::new(&compiled, &mut sink);
    for map in &compiled.program.maps {
        for unit in units(map, 0..map.assignments.len()) {
            let layer = match unit {
                Unit::Layer(layer) => layer,
                Unit::Group(group) => {
                    check_group(&compiled, map, group, options(mapping), &mut sink);
                    continue;
                }
            };
            if let Some(planned) = compiled.plan_layer(map, layer, options(mapping), &mut sink)
                && let Some(lowered) = &planned.lowered
            {
                let judged = judge(&compiled, map, lowered, &mut sink);
                sink.extend(judged.into_iter().flat_map(|judged| judged.warnings));
            }
        }
    }
    Ok(Outcome {
        sources: compiled.sources,
        diagnostics: sink,
        value: (),
    })
}

/// The selected maps, each with the numbers of its selected layers.
fn select<'a>(
    compiled: &'a Compiled,
    selection: &Selection,
    file: &Path,
) -> Result<Vec<(&'a Map, Vec<usize>)>, Failure> {
    let program = &compiled.program;
    let names = |map: &Map| {
        let network = program.networks.get(map.network);
        let accelerator = program.accelerators.get(map.accelerator);
        [
            map.name.clone(),
            network.map_or_else(String::new, |network| network.name.clone()),
            accelerator.map_or_else(String::new, |accelerator| accelerator.name.clone()),
        ]
    };
    if program.maps.is_empty() {
        return Err(Failure(format!("{} has no Map", file.display())));
    }
    let maps: Vec<&Map> = program
        .maps
        .iter()
        .filter(|map| {
            selection
                .map
                .as_ref()
                .is_none_or(|wanted| names(map).contains(wanted))
        })
        .collect();
    if maps.is_empty() {
        let known: Vec<&str> = program.maps.iter().map(|map| map.name.as_str()).collect();
        let wanted = selection.map.as_deref().unwrap_or_default();
        let hint = match nearest(wanted, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", known.join(", ")),
        };
        let file = file.display();
        return Err(Failure(format!("{file} has no map `{wanted}`; {hint}")));
    }
    let selected: Vec<(&Map, Vec<usize>)> = maps
        .into_iter()
        .map(|map| {
            let layers = program
                .networks
                .get(map.network)
                .map_or(&[][..], |network| network.layers.as_slice());
            let wanted = (0..layers.len())
                .filter(|&layer| {
                    selection
                        .layer
                        .as_ref()
                        .is_none_or(|wanted| layers[layer].name == *wanted)
                })
                .collect();
            (map, wanted)
        })
        .collect();
    if let Some(wanted) = &selection.layer
        && selected.iter().all(|(_, layers)| layers.is_empty())
    {
        let known = selected
            .iter()
            .filter_map(|(map, _)| program.networks.get(map.network))
            .flat_map(|network| network.layers.iter().map(|layer| layer.name.as_str()));
        let hint = nearest(wanted, known)
            .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        return Err(Failure(format!(
            "{} has no layer `{wanted}`{hint}",
            file.display()
        )));
    }
    Ok(selected)
}

/// A run over selected layers, in which `count` says how a judged layer is counted.
struct Run<'a> {
    compiled: &'a Compiled,
    options: Options,
    selected: Vec<(&'a Map, Vec<usize>)>,
    /// Warnings about mappings are diagnostics and not only notes of the report.
    strict: bool,
}

impl Run<'_> {
    fn evaluate(
        &self,
        model: (&str, TimingRule),
        sink: &mut Diagnostics,
        mut step: impl FnMut(&str),
        mut count: impl FnMut(&PlannedLayer, &Judged) -> Result<Counts, Box<Diagnostic>>,
        mut recount: impl FnMut(&mut JudgedGroup<'_>) -> Result<(), Box<Diagnostic>>,
    ) -> Vec<Evaluation> {
        let program = &self.compiled.program;
        let evaluator = Evaluator::new(self.compiled, sink);
        let mut evaluations = Vec::new();
        for (map, layers) in &self.selected {
            let mut reports = Vec::new();
            let mut groups: Vec<GroupReport> = Vec::new();
            let mut failed = Vec::new();
            let known = program.networks.get(map.network);
            let name_of = |layer: usize| {
                let layer = known.and_then(|network| network.layers.get(layer));
                layer.map_or("", |layer| layer.name.as_str())
            };
            for unit in units(map, layers.iter().copied()) {
                let layer = match unit {
                    Unit::Layer(layer) => layer,
                    Unit::Group(group) => {
                        step(&group_name(self.compiled, map, group));
                        match self.group(&evaluator, map, group, model.1, sink, &mut recount) {
                            Some(mut report) => {
                                report.after = reports.len();
                                groups.push(report);
                            }
                            None => {
                                let members = map.groups.get(group).map_or(&[][..], |g| &g.layers);
                                failed.extend(members.iter().map(|m| name_of(m.0).to_owned()));
                            }
                        }
                        continue;
                    }
                };
                let name = name_of(layer);
                step(name);
                let planned = self.compiled.plan_layer(map, layer, self.options, sink);
                let report = planned.as_ref().and_then(|planned| {
                    let judged = judge(self.compiled, map, planned.lowered.as_ref()?, sink)?;
                    if self.strict {
                        sink.extend(judged.warnings.iter().cloned());
                    }
                    match count(planned, &judged) {
                        Ok(counts) => evaluator.report(map, planned, &judged, &counts, sink),
                        Err(diagnostic) => {
                            sink.push(*diagnostic);
                            None
                        }
                    }
                });
                match report {
                    Some(report) => reports.push(report),
                    None => failed.push(name.to_owned()),
                }
            }
            let accelerator = program.accelerators.get(map.accelerator);
            let evaluation = Evaluation {
                map: map.is_named.then(|| map.name.clone()),
                network: known.map(Network::label).unwrap_or_default(),
                description: known
                    .map(|network| network.description.clone())
                    .unwrap_or_default(),
                accelerator: accelerator.map(Accelerator::label).unwrap_or_default(),
                model: model.0.to_owned(),
                totals: totals(&reports, &groups),
                layers: reports,
                groups,
                failed,
            };
            if !adds_up(&evaluation) {
                let (network, reason) = (&evaluation.network, CostError::Law);
                let message = format!("`{network}` cannot be totalled: {reason}");
                sink.push(Diagnostic::new(Code::E0602, message).help(reason.help()));
                continue;
            }
            evaluations.push(evaluation);
        }
        evaluations
    }

    fn group(
        &self,
        evaluator: &Evaluator<'_>,
        map: &Map,
        group: usize,
        rule: TimingRule,
        sink: &mut Diagnostics,
        recount: &mut impl FnMut(&mut JudgedGroup<'_>) -> Result<(), Box<Diagnostic>>,
    ) -> Option<GroupReport> {
        let lowered = self.compiled.plan_group(map, group, sink)?;
        let mut judged = judge_group(self.compiled, map, &lowered, rule, self.options, sink)?;
        if self.strict {
            sink.extend(judged.warnings.iter().cloned());
        }
        if let Err(diagnostic) = recount(&mut judged) {
            sink.push(*diagnostic);
            return None;
        }
        evaluator.group(map, &judged, rule, self.options, sink)
    }
}

/// The models that were asked for.
fn models(wanted: Wanted) -> Result<&'static [Model], Box<Diagnostic>> {
    match wanted {
        Wanted::Exact => Ok(&[Model::Exact]),
        Wanted::Maestro => Ok(&[Model::Maestro]),
        Wanted::All => Ok(&Model::ALL),
        Wanted::DMazeRunner | Wanted::DeepOpt => Err(Box::new(
            Diagnostic::new(
                Code::E0601,
                format!("the model `{}` is not in this version", wanted.name()),
            )
            .help(format!(
                "this version has {}",
                Model::ALL.map(Model::name).join(", ")
            )),
        )),
    }
}

/// What will be done with the figures.
#[derive(Clone, Copy)]
pub struct Destination<'a> {
    /// Warnings about mappings are diagnostics and not only notes of the report.
    pub strict: bool,
    /// The file that the report goes to.
    pub output: Option<&'a Path>,
}

/// E0703: the report would be written over a file that it is made from.
fn overwrites(compiled: &Compiled, output: &Path) -> Option<Diagnostic> {
    let input = |input: &&Input| is_same_file(output, Path::new(&input.path));
    let input = compiled.inputs.iter().find(input)?;
    let name = output.display();
    let diagnostic = Diagnostic::new(
        Code::E0703,
        format!(
            "`-o {name}` would replace `{}`, which this run reads",
            input.path
        ),
    )
    .help("give the report a file of its own, such as `-o report.txt`");
    Some(match input.from {
        Some(span) => diagnostic.at(span, "read because it is imported here"),
        None => diagnostic,
    })
}

/// Leaves out the maps of which a group would be evaluated, and says why (E0601): a group has the exact clock,
/// and one total must not be of two.
fn leave_out_groups(selected: &mut Vec<(&Map, Vec<usize>)>) -> Vec<Diagnostic> {
    let mut refused = Vec::new();
    selected.retain(|(map, layers)| {
        let units = units(map, layers.iter().copied());
        let group = units.iter().find_map(|unit| match unit {
            Unit::Group(group) => map.groups.get(*group),
            Unit::Layer(_) => None,
        });
        let Some(group) = group else {
            return true;
        };
        refused.push(
            Diagnostic::new(
                Code::E0601,
                format!(
                    "the model `maestro` has no clock for the groups of `{}`",
                    map.name
                ),
            )
            .at(group.span, "these layers run together")
            .help("take `--model exact`, or `--layer` for a layer outside of the groups"),
        );
        false
    });
    refused
}

/// Evaluates the selected maps; layers with errors are named in [`Evaluation::failed`]. Nothing is evaluated when
/// the output is an input.
pub fn evaluate(
    file: &Path,
    selection: &Selection,
    wanted: Wanted,
    mapping: Mapping,
    to: Destination<'_>,
    progress: &mut Progress,
) -> Result<Outcome<Vec<Evaluation>>, Failure> {
    let (compiled, mut sink) = load(file, &selection.settings);
    let mut evaluations = Vec::new();
    let refused = to.output.and_then(|output| overwrites(&compiled, output));
    match refused.map_or_else(|| models(wanted), |refused| Err(Box::new(refused))) {
        Err(refused) => sink.push(*refused),
        Ok(models) if runnable(&compiled, &sink) => {
            let mut run = Run {
                compiled: &compiled,
                options: options(mapping),
                selected: select(&compiled, selection, file)?,
                strict: to.strict,
            };
            let selected = run.selected.iter();
            let parts = selected.map(|(map, layers)| units(map, layers.iter().copied()).len());
            let (mut done, total) = (0, parts.sum::<usize>() * models.len());
            for model in models {
                if *model == Model::Maestro {
                    let refused = leave_out_groups(&mut run.selected);
                    // `all` is every model that applies.
                    sink.extend(refused.into_iter().filter(|_| wanted != Wanted::All));
                }
                let mut counting = Counting::new(*model);
                evaluations.extend(run.evaluate(
                    (model.name(), model.rule()),
                    &mut sink,
                    |name| {
                        progress.step(done, total, name);
                        done += 1;
                    },
                    |planned, judged| match &planned.lowered {
                        Some(lowered) => counting.count(judged, &lowered.names),
                        None => Err(Box::new(Diagnostic::new(
                            Code::E0602,
                            "the layer is not mapped",
                        ))),
                    },
                    |_| Ok(()),
                ));
            }
        }
        Ok(_) => {}
    }
    Ok(Outcome {
        sources: compiled.sources,
        diagnostics: sink,
        value: evaluations,
    })
}

/// With errors and no map there is nothing to say but the errors.
fn runnable(compiled: &Compiled, sink: &Diagnostics) -> bool {
    !(sink.has_errors() && compiled.program.maps.is_empty())
}

/// What the compiler sees at one stage, as text.
pub fn emit(
    file: &Path,
    stage: Stage,
    selection: &Selection,
    mapping: Mapping,
) -> Result<Outcome<String>, Failure> {
    match stage {
        Stage::Tokens | Stage::Ast => {
            let bytes = std::fs::read(file)
                .map_err(|error| Failure(format!("cannot read {}: {error}", file.display())))?;
            let mut sources = SourceMap::new();
            let id = sources.add(&file.display().to_string(), &syntax::decode(&bytes));
            let text = sources.get(id).map_or("", |source| source.text());
            let parsed = syntax::parse(id, text);
            let value = if stage == Stage::Tokens {
                tokens(id, &sources)
            } else {
                format!("{:#?}\n", parsed.ast)
            };
            let mut diagnostics = Diagnostics::new();
            diagnostics.extend(parsed.diagnostics);
            Ok(Outcome {
                sources,
                diagnostics,
                value,
            })
        }
        Stage::Hir => {
            let (compiled, diagnostics) = load(file, &selection.settings);
            let value = format!("{:#?}\n", compiled.program);
            Ok(Outcome {
                sources: compiled.sources,
                diagnostics,
                value,
            })
        }
        Stage::Ir => emit_ir(file, selection, mapping),
        Stage::Tree => emit_tree(file, selection),
    }
}

fn emit_ir(
    file: &Path,
    selection: &Selection,
    mapping: Mapping,
) -> Result<Outcome<String>, Failure> {
    let (compiled, mut sink) = load(file, &selection.settings);
    let mut value = String::new();
    if runnable(&compiled, &sink) {
        for (map, layers) in select(&compiled, selection, file)? {
            for unit in units(map, layers) {
                let layer = match unit {
                    Unit::Layer(layer) => layer,
                    Unit::Group(group) => {
                        if let Some(lowered) = compiled.plan_group(map, group, &mut sink) {
                            groups::dump(&mut value, &map.name, &lowered);
                        }
                        continue;
                    }
                };
                let planned = compiled.plan_layer(map, layer, options(mapping), &mut sink);
                if let Some(lowered) = planned.and_then(|planned| planned.lowered) {
                    // Illegal mappings are shown as they are: that is when one wants to see them.
                    let judged = judge(&compiled, map, &lowered, &mut sink);
                    let mapping = judged
                        .as_ref()
                        .map_or(&lowered.mapping, |judged| &*judged.legal);
                    dump::mapping(&mut value, &map.name, &lowered, mapping);
                }
            }
        }
    }
    Ok(Outcome {
        sources: compiled.sources,
        diagnostics: sink,
        value,
    })
}

/// The loops of every fused group with the buffers at their places. Single layers have none.
fn emit_tree(file: &Path, selection: &Selection) -> Result<Outcome<String>, Failure> {
    let (compiled, mut sink) = load(file, &selection.settings);
    let mut value = String::new();
    if runnable(&compiled, &sink) {
        for (map, layers) in select(&compiled, selection, file)? {
            for unit in units(map, layers) {
                let Unit::Group(group) = unit else {
                    continue;
                };
                if let Some(lowered) = compiled.plan_group(map, group, &mut sink) {
                    groups::tree(&mut value, &compiled, map, &lowered);
                }
            }
        }
        if value.is_empty() && !sink.has_errors() {
            let shown = file.display();
            return Err(Failure(format!("{shown} has no fused group")));
        }
    }
    Ok(Outcome {
        sources: compiled.sources,
        diagnostics: sink,
        value,
    })
}

/// One token per line: where it is and what it is.
fn tokens(file: FileId, sources: &SourceMap) -> String {
    let Some(source) = sources.get(file) else {
        return String::new();
    };
    let mut out = String::new();
    for lexeme in lexer::lex(file, source.text()).lexemes {
        let at = source.position(lexeme.lo);
        out += &format!("{}:{}\t{:?}\n", at.line, at.column, lexeme.token);
    }
    out
}

/// What the interpreter counted, by layer; with `compare`, the differences to the engine.
pub struct Interpreted {
    pub evaluations: Vec<Evaluation>,
    /// One line per difference; empty when engine and interpreter agree.
    pub differences: Vec<String>,
}

/// Interprets the selected maps step by step.
pub fn interpret(
    file: &Path,
    selection: &Selection,
    mapping: Mapping,
    limit: u64,
    compare: bool,
) -> Result<Outcome<Interpreted>, Failure> {
    let (compiled, mut sink) = load(file, &selection.settings);
    let mut value = Interpreted {
        evaluations: Vec::new(),
        differences: Vec::new(),
    };
    if runnable(&compiled, &sink) {
        let run = Run {
            compiled: &compiled,
            options: options(mapping),
            selected: select(&compiled, selection, file)?,
            strict: false,
        };
        let differences = RefCell::new(Vec::new());
        value.evaluations = run.evaluate(
            ("oracle", TimingRule::Exact),
            &mut sink,
            |_| {},
            |planned, judged| {
                let Some(lowered) = &planned.lowered else {
                    return Err(Box::new(Diagnostic::new(
                        Code::E0602,
                        "the layer is not mapped",
                    )));
                };
                let names = &lowered.names;
                let counted = oracle::run(&judged.legal, limit).map_err(|refusal| {
                    let reason = match refusal {
                        oracle::Refusal::TooLarge => {
                            format!("it needs more than {limit} operations or steps")
                        }
                        oracle::Refusal::Overflow => "a count is larger than 2^64".to_owned(),
                        oracle::Refusal::Uncovered(point) => format!("{point:?} is not covered"),
                        oracle::Refusal::Doubled(point) => format!("{point:?} is done twice"),
                    };
                    let message =
                        format!("layer `{}` cannot be interpreted: {reason}", names.layer);
                    Box::new(
                        Diagnostic::new(Code::E0602, message)
                            .at(names.layer_span, "this layer")
                            .help("make the layer smaller, or raise `--limit`"),
                    )
                })?;
                if compare {
                    let engine = Model::Exact.count(judged, names)?;
                    if engine != counted {
                        let found = dump::differences(&names.layer, &engine, &counted);
                        differences.borrow_mut().extend(found);
                    }
                }
                Ok(counted)
            },
            |judged| {
                let found = groups::interpret(judged, limit)?;
                if compare {
                    differences.borrow_mut().extend(found);
                }
                Ok(())
            },
        );
        value.differences = differences.into_inner();
    }
    Ok(Outcome {
        sources: compiled.sources,
        diagnostics: sink,
        value,
    })
}
