//! `model: dmazerunner`: the execution methods of the published tool, all of them or those that its thresholds admit.
//!
//! Problem: the model has a space of its own - every tiling over DRAM, SPM, array and register files, with the orders
//! that matter -, and the tool's thresholds and its adaptive rule are ways to look at less of it. `where` says the
//! thresholds, `space dmazerunner { filter: whole; reduction: in_time; }` the two prunings, `strategy: adaptive` is
//! the rule. What is found is a dataflow as any other one.
//!
//! Invariants: a condition or an objective that the optimizer does not know is refused; the counts are those of the
//! tool.

mod why;

use super::machine::{machine, unsearchable};
use super::run::{Answered, Evidence, Found, Question};
use crate::base::Ratio;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::Compiled;
use crate::hir::search::{Figure, Named, Search, Strategy};
use crate::hir::{Accelerator, Word};
use crate::ir::{self, Mapping, Schedule};
use crate::lower;
use crate::models::dmazerunner::profile::picojoule;
use crate::models::dmazerunner::{Layer, Machine, Method, schedule};
use crate::search::Natural;
use crate::search::dmazerunner::certificate::Certificate;
use crate::search::dmazerunner::optimum::optimum_until;
use crate::search::dmazerunner::{Join, Limits, Objective, Score, Share, adaptive};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Memories of the accelerator whose tiles have a threshold.
const SPM: usize = 1;
const RF: usize = 2;
/// The settings of the space, each with what it may be; the last value is the tool's pruning.
pub const SETTINGS: [(&str, [&str; 2]); 2] = [
    ("filter", ["any", "whole"]),
    ("reduction", ["any", "in_time"]),
];

/// A layer that is ready to be searched.
#[derive(Clone, Debug)]
pub struct Task {
    /// Index into the layers of the network.
    pub layer: usize,
    pub problem: Arc<ir::Problem>,
    /// In the words of the model.
    pub of: Layer,
    pub machine: Machine,
    pub objective: Objective,
    /// `None`: those that the adaptive rule ends with.
    pub limits: Option<Limits>,
    /// Whether there are prices.
    pub is_priced: bool,
}

/// What was found among the methods of a layer.
#[derive(Clone, Debug)]
pub struct Methods {
    pub task: Task,
    /// Attojoule in one unit of energy of the certificate.
    pub unit: u64,
    pub certificate: Certificate,
}

impl Task {
    /// Whether an answer to the other is one to this.
    pub(super) fn equals(&self, other: &Task) -> bool {
        (self.of, self.machine, self.limits) == (other.of, other.machine, other.limits)
            && self.problem.operation == other.problem.operation
    }

    /// The mapping that a method is.
    pub(super) fn mapping(&self, method: &Method) -> Option<Mapping> {
        let schedule = schedule(&self.problem.operation, method).ok()?;
        Some(Mapping::of(Arc::clone(&self.problem), schedule))
    }
}

/// In pJ, cycles, or pJ x cycles.
pub(super) fn value(objective: Objective, score: Score, unit: u64) -> f64 {
    match objective {
        Objective::Energy => picojoule(score.energy, unit) as f64,
        Objective::Cycles | Objective::Edp => score.value as f64,
    }
}

/// The layers of a question; `None` when something is wrong with it, which has been reported.
pub(super) fn tasks_on(
    compiled: &Compiled,
    question: &Question<'_>,
    layers: &[usize],
    sink: &mut Diagnostics,
) -> Option<Vec<Task>> {
    let Question {
        search,
        network,
        accelerator,
        technology,
    } = *question;
    let asked =
        objective(search).and_then(|objective| Ok((objective, limits(search, accelerator)?)));
    let (objective, limits) = match asked {
        Ok(asked) => asked,
        Err(refusal) => {
            sink.push(*refusal);
            return None;
        }
    };
    let mut found = Vec::with_capacity(layers.len());
    let before = sink.error_count();
    for &at in layers {
        let layer = network.layers.get(at)?;
        let place = (search.span, "this search");
        match machine(compiled, layer, accelerator, technology, place) {
            Ok((of, machine)) => found.push(Task {
                layer: at,
                problem: problem(layer, accelerator)?,
                of,
                machine,
                objective,
                limits,
                is_priced: technology.is_some(),
            }),
            Err(refusals) => sink.extend(refusals.iter().cloned()),
        }
    }
    (sink.error_count() == before).then_some(found)
}

fn problem(layer: &crate::hir::Layer, accelerator: &Accelerator) -> Option<Arc<ir::Problem>> {
    let desugared = lower::operation(layer, accelerator)?;
    let none = Schedule {
        loops: Vec::new(),
        positions: Vec::new(),
        steps: 0,
        leaf: 0,
    };
    let mapping = Mapping::new(desugared.operation, lower::architecture(accelerator), none);
    Some(Arc::clone(mapping.problem()))
}

type Asked<T> = Result<T, Box<Diagnostic>>;

fn refused<T>(span: crate::base::Span, message: &str, help: &str) -> Asked<T> {
    let refusal = Diagnostic::new(Code::E0601, message).at(span, "asked for here");
    Err(Box::new(refusal.help(help)))
}

fn objective(search: &Search) -> Asked<Objective> {
    let known = match search.objectives.as_slice() {
        [one] => match one.figure {
            Figure::Energy => Some(Objective::Energy),
            Figure::Cycles => Some(Objective::Cycles),
            Figure::Edp => Some(Objective::Edp),
            _ => None,
        },
        _ => None,
    };
    match (known, search.objectives.first()) {
        (Some(objective), _) => Ok(objective),
        (None, first) => refused(
            first.map_or(search.span, |one| one.span),
            "the optimizer of `dmazerunner` does not know this objective",
            "it minimises `energy`, `cycles` or `edp`, one at a time",
        ),
    }
}

/// What `where` and `space` ask for; `None`: the rule of the tool.
fn limits(search: &Search, accelerator: &Accelerator) -> Asked<Option<Limits>> {
    if let Some(limit) = search.limits.first() {
        return refused(
            limit.span,
            "the optimizer of `dmazerunner` keeps no such condition",
            "it keeps `utilization >= 0.8`, of the PEs, and of its memories as in `utilization(RF) >= 0.8`",
        );
    }
    match search.strategy {
        Strategy::Optimal => {}
        Strategy::Adaptive => {
            let said = search.utilization.first().map(|one| one.span);
            return match said.or(search.space.span) {
                None => Ok(None),
                Some(span) => refused(
                    span,
                    "the adaptive rule of `dmazerunner` says its thresholds and prunings itself",
                    "say `strategy: optimal`, or leave this out",
                ),
            };
        }
        Strategy::Random { .. } => {
            return refused(
                search.span,
                "the optimizer of `dmazerunner` draws no methods at random",
                "say `strategy: optimal` or `strategy: adaptive`",
            );
        }
    }
    let mut limits = Limits::NONE;
    for one in &search.utilization {
        let level = one.memory.and_then(|at| accelerator.memories.get(at));
        let place = match (one.memory, level.map(|memory| memory.level)) {
            (None, _) => &mut limits.pe,
            (_, Some(SPM)) => &mut limits.spm,
            (_, Some(RF)) => &mut limits.rf,
            _ => {
                return refused(
                    one.span,
                    "the memory of all tensors has no tiles that fill it",
                    "the model has thresholds for its PEs, its SPM and its register files",
                );
            }
        };
        *place = (*place).max(share(one.least).map_or_else(
            || {
                refused(
                    one.span,
                    "the model counts thresholds in thousandths",
                    "write at most three digits behind the point",
                )
            },
            Ok,
        )?);
    }
    if let Some(Named::Model { settings, .. }) = &search.space.named {
        for (key, word) in settings {
            let pruned = setting(key, word)?;
            match key.text.as_str() {
                "filter" => limits.no_feature_dram = pruned,
                _ => limits.no_spatial_reduction = pruned,
            }
        }
    }
    Ok(Some(limits))
}

fn share(least: Ratio) -> Option<Share> {
    let thousand = least.numerator().checked_mul(1000)?;
    let whole = thousand.is_multiple_of(least.denominator());
    let share = u32::try_from(thousand / least.denominator()).ok()?;
    whole.then_some(Share(share))
}

/// Whether a setting is the tool's pruning.
fn setting(key: &Word, value: &Word) -> Asked<bool> {
    let unknown = |word: &Word, what: &str, known: &[&str]| {
        let message = format!("the space `dmazerunner` has no {what} `{}`", word.text);
        let refusal = Diagnostic::new(Code::E0201, message)
            .at(word.span, format!("unknown {what}"))
            .note(format!("there are {}", known.join(" and ")));
        Box::new(match nearest(&word.text, known.iter().copied()) {
            Some(near) => refusal.help(format!("did you mean `{near}`?")).fix(
                word.span,
                near.to_owned(),
                "use the known name",
            ),
            None => refusal,
        })
    };
    let Some((_, values)) = SETTINGS.iter().find(|(name, _)| *name == key.text) else {
        return Err(unknown(key, "setting", &SETTINGS.map(|(name, _)| name)));
    };
    let found = values.iter().position(|known| *known == value.text);
    let found = found.ok_or_else(|| unknown(value, "value", values))?;
    Ok(found == values.len() - 1)
}

/// Searches one layer.
pub(super) fn run(
    question: &Question<'_>,
    task: Task,
    time: Duration,
    stop: Option<&'static AtomicBool>,
) -> Result<Found, Diagnostic> {
    let start = Instant::now();
    let join = match task.limits {
        Some(limits) => Join::new(&task.of, &task.machine, &limits),
        None => adaptive(&task.of, &task.machine).map(|found| found.join),
    };
    let join = join.map_err(|why| {
        let name = question.network.layers.get(task.layer);
        let name = name.map_or("", |layer| &layer.name);
        let message = format!("the layer `{name}` {}", unsearchable(why));
        Diagnostic::new(Code::E0602, message).at(question.search.span, "this search")
    })?;
    let spent = || start.elapsed() >= time || stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
    let found = optimum_until(&join, task.objective, &spent);
    let certificate = Certificate::new(&join, task.objective, &found);
    let of = |score: Score| value(task.objective, score, join.unit);
    let best = certificate.best;
    let answers = best.and_then(|(method, score)| {
        Some(Answered {
            values: vec![of(score)],
            cycles: score.cycles,
            energy_pj: task
                .is_priced
                .then(|| picojoule(score.energy, join.unit) as f64),
            mapping: task.mapping(&method)?,
            library: None,
            tilings: Some(join.count()),
        })
    });
    let value = best.map(|(_, score)| of(score));
    let lower_bound = certificate.lower_bound.map_or(f64::INFINITY, of);
    // All of a space without a method have been looked at, too.
    let proved = certificate.lower_bound == best.map(|(_, score)| score);
    let gap = match value {
        Some(value) if !proved && value > 0.0 => (1.0 - lower_bound / value).max(0.0),
        _ => 0.0,
    };
    let coverage = &found.coverage;
    let bounded = coverage.bounded + coverage.closed;
    let why =
        (best.is_none() && proved).then(|| why::words(&task, &join.limits, question.accelerator));
    Ok(Found {
        layer: task.layer,
        same_as: Vec::new(),
        answers: answers.into_iter().collect(),
        candidates: Some(Natural::from(coverage.candidates)),
        evaluated: coverage.evaluated,
        pruned: vec![
            ("dominated", Natural::from(coverage.dominated)),
            ("bound", Natural::from(bounded)),
        ],
        lower_bound,
        proved,
        gap,
        space: Some(space(&join.limits, question.accelerator)),
        why,
        cut: false,
        time: start.elapsed(),
        evidence: Evidence::Methods(Box::new(Methods {
            unit: join.unit,
            task,
            certificate,
        })),
    })
}

/// The space in words: `tilings with utilization(RF) >= 0.8, the filter whole, reductions in time`.
fn space(limits: &Limits, accelerator: &Accelerator) -> String {
    let memory = |level: usize| {
        let mut memories = accelerator.memories.iter();
        let found = memories.find(|memory| memory.level == level);
        found.map_or("a memory", |memory| memory.name.as_str())
    };
    let mut parts = Vec::new();
    for (share, of) in [
        (limits.pe, String::new()),
        (limits.rf, format!("({})", memory(RF))),
        (limits.spm, format!("({})", memory(SPM))),
    ] {
        if share > Share(0) {
            parts.push(format!(
                "utilization{of} >= {}",
                f64::from(share.0) / 1000.0
            ));
        }
    }
    if limits.no_feature_dram {
        parts.push("the filter whole".to_owned());
    }
    if limits.no_spatial_reduction {
        parts.push("reductions in time".to_owned());
    }
    if parts.is_empty() {
        return "all tilings that fit".to_owned();
    }
    format!("tilings with {}", parts.join(", "))
}
