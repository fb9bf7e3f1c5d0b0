//! The one runner: layer by layer and group by group of the selected maps, as far as it is asked to go.
//!
//! Everything that a run has to say goes to its [`Observer`]; what it returns are the evaluations, those of the first
//! model first, in the order of the maps. Layers and groups are lowered and checked once, however many models there
//! are.

use super::cache::{Cache, too_much};
use super::limits::{by_fallback, failure_diagnostic, inapplicable, of_model};
use super::persistent::persistent;
use super::price::Checked;
use super::request::{Figures, GroupOutcome, LayerOutcome, Observer, Request, Step, Until};
use super::unused::Unused;
use super::{CheckedLayer, Evaluator, fused, schedules};
use crate::base::limits::{self, Outcome, Stop};
use crate::cost::CostError;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::{Compiled, PlannedLayer};
use crate::hir::{Accelerator, Map, Network};
use crate::lower;
use crate::models::{self, Estimate, Failure, Model, Problem, Subject};
use crate::report::{Evaluation, GroupReport, LayerReport, adds_up, totals};
use fused::{Unit, check_group, units};

/// Lowers, checks and evaluates the selected layers and groups. Layers with errors are named in
/// [`Evaluation::failed`]; a map that was not finished because the observer stopped the run has no evaluation.
pub fn run(
    compiled: &Compiled,
    request: &Request<'_>,
    cache: &mut Cache,
    observer: &mut dyn Observer,
) -> Vec<Evaluation> {
    let program = &compiled.program;
    schedules::check_names(program, observer.diagnostics());
    let maps = request.selection.maps.iter();
    let parts: Vec<(usize, &Map, Vec<Unit>)> = maps
        .filter_map(|(index, layers)| {
            let map = program.maps.get(*index)?;
            Some((*index, map, units(map, layers.iter().copied())))
        })
        .collect();
    let mut runner = Runner {
        stop: observer.stop(),
        stopped: false,
        spent: 0,
        told: false,
        compiled,
        request,
        evaluator: Evaluator::new(compiled, observer.diagnostics()),
        cache,
        done: 0,
        refusals: Vec::new(),
        unused: Unused::default(),
        total: parts.iter().map(|part| part.2.len()).sum(),
        observer,
    };
    // By model, then by map.
    let mut evaluations: Vec<Vec<Evaluation>> = request.models.iter().map(|_| Vec::new()).collect();
    for (index, map, units) in &parts {
        let Some(drafts) = runner.map(*index, map, units) else {
            break;
        };
        runner.end_map(map, units);
        let refusals = std::mem::take(&mut runner.refusals);
        if !refusals.is_empty() && !drafts.iter().any(|draft| draft.applies) {
            runner.observer.unevaluated(refusals);
        }
        for draft in drafts.into_iter().filter(|draft| draft.applies) {
            let at = draft.at;
            let evaluation = runner.conclude(*index, map, draft);
            if let Some(list) = evaluations.get_mut(at) {
                list.extend(evaluation);
            }
        }
    }
    evaluations.into_iter().flatten().collect()
}

/// The name of a group, also of one that cannot be lowered: `expand + project`.
#[must_use]
pub fn group_name(compiled: &Compiled, map: &Map, group: usize) -> String {
    let network = compiled.program.networks.get(map.network);
    let layers = map.groups.get(group).map_or(&[][..], |group| &group.layers);
    let names: Vec<&str> = layers
        .iter()
        .filter_map(|layer| Some(network?.layers.get(layer.0)?.name.as_str()))
        .collect();
    names.join(" + ")
}

/// Says in the reports of models that stand beside the exact one where and why they differ from it. `figures` are those
/// of `models`.
fn compare(
    models: &[&dyn Model],
    figures: &mut [Figures],
    names: &lower::Names,
    checked: &CheckedLayer,
) {
    if models.len() < 2 || models.len() != figures.len() {
        return;
    }
    let exact = models
        .iter()
        .position(|model| model.name() == models::DEFAULT.name());
    let exact = exact.and_then(|at| figures.get(at)?.estimate.as_ref()?.counts.clone());
    let Some(exact) = exact else { return };
    let subject = Subject::Loops(&checked.legal);
    for (model, figures) in models.iter().zip(figures) {
        if let (Some(estimate), Ok(report)) = (&figures.estimate, &mut figures.report) {
            let differences = model.differences(&subject, estimate, &exact);
            report.add_differences(&differences, &names.memories, &names.tensors);
        }
    }
}

/// An evaluation that is not finished.
struct Draft<'a> {
    /// Index into the models of the request.
    at: usize,
    model: &'a dyn Model,
    layers: Vec<LayerReport>,
    groups: Vec<GroupReport>,
    failed: Vec<String>,
    /// To all that was met so far.
    applies: bool,
}

struct Runner<'a> {
    stop: Option<Stop>,
    /// The work on the present layer or group was stopped.
    stopped: bool,
    /// Units of work so far.
    spent: u64,
    /// It was said that the run is left unfinished.
    told: bool,
    compiled: &'a Compiled,
    request: &'a Request<'a>,
    evaluator: Evaluator<'a>,
    cache: &'a mut Cache,
    done: usize,
    total: usize,
    /// Why models say nothing of the map at hand.
    refusals: Vec<Diagnostic>,
    /// Memories of the map at hand that nothing uses so far.
    unused: Unused,
    observer: &'a mut dyn Observer,
}

impl<'a> Runner<'a> {
    /// The drafts of one map; `None` when the run was stopped.
    fn map(&mut self, index: usize, map: &'a Map, units: &[Unit]) -> Option<Vec<Draft<'a>>> {
        let mut drafts = self.drafts(map, units);
        if drafts.is_empty() && self.request.until == Until::Evaluated {
            self.done += units.len();
            return Some(drafts);
        }
        for unit in units {
            let name = match unit {
                Unit::Layer(layer) => self.layer_name(map, *layer).to_owned(),
                Unit::Group(group) => group_name(self.compiled, map, *group),
            };
            let step = Step {
                done: self.done,
                total: self.total,
                map: index,
                name: &name,
            };
            loop {
                // Cleared before the question: what sets it from here on is not part of the answer.
                if let Some(stop) = &self.stop {
                    stop.clear();
                }
                self.stopped = false;
                if !self.observer.proceed(&step) {
                    return None;
                }
                if self.spent > limits::RUN {
                    self.leave_out(map, unit, &name, &mut drafts);
                    break;
                }
                match unit {
                    Unit::Layer(layer) => self.layer(index, map, *layer, &mut drafts),
                    Unit::Group(group) => self.group(index, map, *group, &mut drafts),
                }
                if !self.stopped {
                    break;
                }
            }
            self.done += 1;
        }
        Some(drafts)
    }

    /// Says what is known when all layers of a map have been looked at.
    fn end_map(&mut self, map: &Map, units: &[Unit]) {
        let unused = std::mem::take(&mut self.unused);
        let network = self.compiled.program.networks.get(map.network);
        // A group is one unit of several layers, and keeps its tensors by rules of its own.
        let whole = network.is_some_and(|network| network.layers.len() == units.len());
        if whole && self.request.until >= Until::Checked {
            let warnings = unused.warnings(&map.name);
            self.observer.diagnostics().extend(warnings);
        }
    }

    /// Hands on what there is to say of a layer or group, without edits of the embedded library: nobody can make them.
    fn say(&mut self, said: &Diagnostics) {
        let mut said = said.clone();
        said.keep_fixes(|_, fix| {
            let file = self.compiled.sources.get(fix.span.file());
            file.is_none_or(|file| !file.name().starts_with("<std>/"))
        });
        self.observer.diagnostics().extend(said.iter().cloned());
    }

    /// Does a part of the work on a layer or group, within its allowance.
    fn allowed<R>(&mut self, units: u64, work: impl FnOnce(&mut Self) -> R) -> R {
        let stop = self.stop.clone();
        let (result, outcome, used) = limits::within(units, stop.as_ref(), || work(self));
        self.spent = self.spent.saturating_add(used);
        self.stopped |= outcome == Outcome::Stopped;
        result
    }

    /// The run has cost all that it may: said once.
    fn leave_out(&mut self, map: &Map, unit: &Unit, name: &str, drafts: &mut [Draft<'_>]) {
        let network = self.compiled.program.networks.get(map.network);
        let (what, span, names) = match unit {
            Unit::Layer(layer) => {
                let layer = network.and_then(|network| network.layers.get(*layer));
                let span = layer.map_or(map.span, |layer| layer.name_span);
                (format!("layer `{name}`"), span, vec![name.to_owned()])
            }
            Unit::Group(group) => {
                let span = map.groups.get(*group).map_or(map.span, |group| group.span);
                (
                    format!("group `{name}`"),
                    span,
                    self.member_names(map, *group),
                )
            }
        };
        for draft in drafts {
            draft.failed.extend(names.iter().cloned());
        }
        if !std::mem::replace(&mut self.told, true) {
            let refusal = super::limits::run_is_spent(&what, span);
            self.observer.diagnostics().push(refusal);
        }
    }

    /// A draft for every model, but for those that say nothing of groups where there is one: one total must not be
    /// of two clocks.
    fn drafts(&mut self, map: &Map, units: &[Unit]) -> Vec<Draft<'a>> {
        if self.request.until < Until::Evaluated {
            return Vec::new();
        }
        let group = units.iter().find_map(|unit| match unit {
            Unit::Group(group) => map.groups.get(*group),
            Unit::Layer(_) => None,
        });
        let mut drafts = Vec::new();
        for (at, &model) in self.request.models.iter().enumerate() {
            if let Some(group) = group
                && let Err(why) = model.applies_to_groups()
            {
                let (name, reason) = (model.name(), &why.reason);
                let message = format!("the model `{name}` {reason} of `{}`", map.name);
                self.refuse(
                    of_model(&why, message)
                        .at(group.span, "these layers run together")
                        .help(format!(
                            "take `--model {}`, or `--layer` for a layer outside of the groups",
                            models::DEFAULT.name()
                        )),
                );
                continue;
            }
            drafts.push(Draft {
                at,
                model,
                layers: Vec::new(),
                groups: Vec::new(),
                failed: Vec::new(),
                applies: true,
            });
        }
        drafts
    }

    fn refuse(&mut self, refusal: Diagnostic) {
        self.refusals.push(refusal.clone());
        self.observer.inapplicable(refusal);
    }

    fn layer_name(&self, map: &Map, layer: usize) -> &'a str {
        let network = self.compiled.program.networks.get(map.network);
        let layer = network.and_then(|network| network.layers.get(layer));
        layer.map_or("", |layer| layer.name.as_str())
    }

    fn member_names(&self, map: &Map, group: usize) -> Vec<String> {
        let members = map.groups.get(group).map_or(&[][..], |group| &group.layers);
        let members = members.iter().map(|member| member.0);
        members
            .map(|layer| self.layer_name(map, layer).to_owned())
            .collect()
    }

    fn layer(&mut self, index: usize, map: &Map, layer: usize, drafts: &mut [Draft<'_>]) {
        // Said only when the work is not stopped in the middle.
        let mut said = Diagnostics::new();
        let sink = &mut said;
        let planned = self
            .compiled
            .plan_layer(map, layer, self.request.options, sink);
        if planned
            .as_ref()
            .is_some_and(|planned| planned.named.is_some())
        {
            self.named(index, map, layer, (planned, said), drafts);
            return;
        }
        let lowered = planned
            .as_ref()
            .and_then(|planned| planned.lowered.as_ref());
        let lowered = lowered.filter(|_| self.request.until >= Until::Checked);
        let checked = lowered.and_then(|lowered| {
            self.allowed(limits::LAYER, |runner| {
                let checks = &mut runner.cache.checks;
                checks.check_layer(runner.compiled, map, lowered, sink)
            })
        });
        if let (Until::Counted, Some(lowered), Some(checked)) =
            (self.request.until, lowered, &checked)
            && let Err(failure) = self.estimate(models::DEFAULT, &Subject::Loops(&checked.legal))
        {
            sink.push(failure_diagnostic(&failure, &lowered.names));
        }
        if self.request.warnings {
            let warnings = checked.iter().flat_map(|checked| &checked.warnings);
            sink.extend(warnings.cloned());
        }
        if self.stopped {
            return;
        }
        let mut figures = Vec::with_capacity(drafts.len());
        for draft in drafts.iter_mut() {
            let (Some(planned), Some(lowered), Some(checked)) = (&planned, lowered, &checked)
            else {
                draft.failed.push(self.layer_name(map, layer).to_owned());
                continue;
            };
            let of = Checked {
                map,
                planned,
                names: &lowered.names,
                subject: Subject::Loops(&checked.legal),
                layer: Some(checked),
            };
            if let Some(found) = self.figures(&of, draft) {
                figures.push(found);
            }
        }
        if self.stopped {
            return;
        }
        if let (Some(lowered), Some(checked)) = (lowered, &checked) {
            self.unused.layer(&checked.legal, &lowered.names);
            let models = drafts.iter().filter(|draft| draft.applies);
            let models: Vec<&dyn Model> = models.map(|draft| draft.model).collect();
            compare(&models, &mut figures, &lowered.names, checked);
        } else {
            self.unused.unknown();
        }
        self.say_of_layer(&said, &figures);
        self.observer.layer(LayerOutcome {
            map: index,
            layer,
            planned,
            checked,
            figures: &figures,
        });
        self.settle(map, layer, figures, drafts);
    }

    /// A layer under a schedule without loops: the models that know its name say what there is to say.
    fn named(
        &mut self,
        index: usize,
        map: &Map,
        layer: usize,
        (planned, mut said): (Option<PlannedLayer>, Diagnostics),
        drafts: &mut [Draft<'_>],
    ) {
        self.unused.unknown();
        let mut figures = Vec::with_capacity(drafts.len());
        if let Some((planned, named)) = planned.as_ref().and_then(|p| Some((p, p.named.as_ref()?)))
        {
            let subject = Subject::Named {
                problem: Problem {
                    operation: &named.operation,
                    architecture: &named.architecture,
                },
                schedule: &named.schedule,
            };
            // A model that is asked says so itself.
            let knows = |model: &dyn Model| model.schedules().contains(&named.schedule.as_str());
            let is_asked = drafts
                .iter()
                .any(|draft| draft.applies && knows(draft.model));
            if self.request.until >= Until::Checked && !is_asked {
                let refusal = schedules::refusal(&subject, &named.schedule, &named.names);
                said.extend(refusal);
            }
            let of = Checked {
                map,
                planned,
                names: &named.names,
                subject,
                layer: None,
            };
            let is_known = models::knowing(&named.schedule).next().is_some();
            for draft in drafts.iter_mut() {
                if !is_known {
                    draft.failed.push(self.layer_name(map, layer).to_owned());
                } else if let Some(found) = self.figures(&of, draft) {
                    figures.push(found);
                }
            }
        }
        if self.stopped {
            return;
        }
        self.say_of_layer(&said, &figures);
        self.observer.layer(LayerOutcome {
            map: index,
            layer,
            planned,
            checked: None,
            figures: &figures,
        });
        self.settle(map, layer, figures, drafts);
    }

    /// Puts the reports of a layer into the drafts that they are of.
    fn settle(&self, map: &Map, layer: usize, figures: Vec<Figures>, drafts: &mut [Draft<'_>]) {
        let mut figures = figures.into_iter();
        for draft in drafts.iter_mut().filter(|draft| draft.applies) {
            match figures.next().map(|figures| figures.report) {
                Some(Ok(report)) => draft.layers.push(report),
                Some(Err(_)) => draft.failed.push(self.layer_name(map, layer).to_owned()),
                None => {}
            }
        }
    }

    /// What the model of `draft` says of a layer; `None` when it does not apply.
    fn figures(&mut self, of: &Checked<'_>, draft: &mut Draft<'_>) -> Option<Figures> {
        let model = draft.model;
        if draft.applies
            && let Err(why) = model.applies(&of.subject)
        {
            let refusal = inapplicable(model.name(), &why, of.names);
            self.refuse(by_fallback(refusal, of.planned));
            draft.applies = false;
        }
        if !draft.applies {
            return None;
        }
        let figures = match self.estimate(model, &of.subject) {
            Ok(estimate) => Figures {
                report: self.evaluator.report(of, model, &estimate),
                estimate: Some(estimate),
            },
            Err(failure) => Figures {
                estimate: None,
                report: Err(vec![failure_diagnostic(&failure, of.names)]),
            },
        };
        Some(figures)
    }

    /// Hands on what there is to say of a layer that was not stopped in the middle, and why there are no figures.
    fn say_of_layer(&mut self, said: &Diagnostics, figures: &[Figures]) {
        self.say(said);
        let missing = figures
            .iter()
            .filter_map(|figures| figures.report.as_ref().err());
        for reasons in missing {
            self.observer.without_figures(reasons);
        }
    }

    fn estimate(&mut self, model: &dyn Model, subject: &Subject<'_>) -> Result<Estimate, Failure> {
        self.allowed(limits::LAYER, |runner| {
            runner.cache.estimate(model, subject)
        })
    }

    fn group(&mut self, index: usize, map: &Map, group: usize, drafts: &mut [Draft<'_>]) {
        let mut said = Diagnostics::new();
        let sink = &mut said;
        let lowered = self.compiled.plan_group(map, group, sink);
        let options = self.request.options;
        let mut checked = match &lowered {
            Some(lowered) if self.request.until >= Until::Checked => {
                self.allowed(limits::GROUP, |runner| {
                    let cache = &mut runner.cache.groups;
                    check_group(runner.compiled, map, lowered, options, (cache, sink))
                })
            }
            _ => None,
        };
        if self.request.warnings {
            let warnings = checked.iter().flat_map(|checked| &checked.warnings);
            sink.extend(warnings.cloned());
        }
        if let (Until::Counted, Some(checked)) = (self.request.until, &checked) {
            let counted = self.allowed(limits::GROUP, |_| {
                let group = &checked.lowered.group;
                let counted = models::DEFAULT.group(group, &checked.rates(), &checked.memories);
                match limits::is_spent() {
                    true => Err(too_much()),
                    false => counted,
                }
            });
            if let Err(failure) = counted {
                sink.push(checked.failure(&failure));
            }
        }
        if self.stopped {
            return;
        }
        let mut finished = false;
        for draft in drafts.iter_mut() {
            let Some(checked) = &mut checked else {
                draft.failed.extend(self.member_names(map, group));
                continue;
            };
            let model = draft.model;
            let (counted, report) = self.allowed(limits::GROUP, |runner| {
                let counted =
                    model.group(&checked.lowered.group, &checked.rates(), &checked.memories);
                let (counted, report) = match counted {
                    Ok(counted) => {
                        if let Some(flow) = &counted {
                            checked.set_counts(flow.clone());
                        }
                        (counted, runner.evaluator.group(map, checked, options))
                    }
                    Err(failure) => (None, Err(vec![checked.failure(&failure)])),
                };
                match limits::is_spent() {
                    true => (None, Err(vec![checked.failure(&too_much())])),
                    false => (counted, report),
                }
            });
            if self.stopped {
                return;
            }
            if !finished {
                self.say(&said);
            }
            if let Err(reasons) = &report {
                self.observer.without_figures(reasons);
            }
            self.observer.group(&GroupOutcome {
                map: index,
                group,
                lowered: lowered.as_ref(),
                checked: Some(checked),
                counted: counted.as_ref(),
                report: Some(&report),
            });
            finished = true;
            match report {
                Ok(mut report) => {
                    report.after = draft.layers.len();
                    draft.groups.push(report);
                }
                Err(_) => draft.failed.extend(self.member_names(map, group)),
            }
        }
        if !finished {
            self.say(&said);
            self.observer.group(&GroupOutcome {
                map: index,
                group,
                lowered: lowered.as_ref(),
                checked: checked.as_ref(),
                counted: None,
                report: None,
            });
        }
    }

    /// The evaluation of a finished draft; `None` when its energy does not add up, which has been reported.
    fn conclude(&mut self, index: usize, map: &Map, draft: Draft<'_>) -> Option<Evaluation> {
        let program = &self.compiled.program;
        let network = program.networks.get(map.network);
        let accelerator = program.accelerators.get(map.accelerator);
        let evaluation = Evaluation {
            map: map.is_named.then(|| map.name.clone()),
            of_map: index,
            network: network.map(Network::label).unwrap_or_default(),
            description: network.map_or_else(Vec::new, |network| network.description.clone()),
            accelerator: accelerator.map(Accelerator::label).unwrap_or_default(),
            model: draft.model.name().to_owned(),
            persistent: network
                .zip(accelerator)
                .map_or_else(Vec::new, |(network, accelerator)| {
                    persistent(network, accelerator)
                }),
            totals: totals(&draft.layers, &draft.groups),
            layers: draft.layers,
            groups: draft.groups,
            failed: draft.failed,
        };
        if adds_up(&evaluation) {
            return Some(evaluation);
        }
        let (network, reason) = (&evaluation.network, CostError::Law);
        let message = format!("`{network}` cannot be totalled: {reason}");
        let sink = self.observer.diagnostics();
        sink.push(Diagnostic::new(Code::E0602, message).help(reason.help()));
        None
    }
}
