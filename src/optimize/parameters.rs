//! `space row_stationary { k_tile: 1..64; }`: a dataflow of the program with every value of its parameters.
//!
//! Problem: a user has written a dataflow and does not know how large its tiles should be. The space is all combinations
//! of the values that he names; each is lowered, judged and counted as a map would, so there is nothing to prove but
//! that all were looked at. Several figures make a front.

use super::run::{Answered, Evidence, Found, Question};
use super::task::{self, Task as Base, model_name};
use super::why::{self, amount, name, unit};
use super::written::lowered;
use crate::base::num::grouped;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::Compiled;
use crate::hir::search::{Named, Strategy, Varied};
use crate::hir::{Application, Expr, ExprKind, Layer};
use crate::ir::Mapping;
use crate::search::{Candidate, Figures, Goal, Judge, Natural, Progress, Unfit, counter, values};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A layer with a dataflow and the values of its parameters.
#[derive(Clone, Debug)]
pub struct Task {
    pub base: Base,
    pub application: Application,
    pub varied: Vec<Varied>,
}

/// What was found among the combinations of a layer.
#[derive(Clone, Debug)]
pub struct Parameters {
    pub task: Task,
    /// The combination of each answer, by its number.
    pub best: Vec<u64>,
    pub coverage: Coverage,
    pub proved: bool,
}

/// What the combinations of values came to; together they are all that were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    pub evaluated: u64,
    /// Some memory cannot hold the tiles.
    pub too_large: u64,
    /// The dataflow is wrong, or does not serve the layer, with these values.
    pub illegal: u64,
    /// The engine cannot count them, or they have no price.
    pub uncounted: u64,
}

/// When the search has to end.
pub(super) struct End {
    pub start: Instant,
    pub time: Duration,
    pub stop: Option<&'static AtomicBool>,
}

impl End {
    pub fn never() -> End {
        End {
            start: Instant::now(),
            time: Duration::MAX,
            stop: None,
        }
    }

    fn is_reached(&self) -> bool {
        let stopped = self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        stopped || self.start.elapsed() >= self.time
    }
}

impl Task {
    /// Whether an answer to the other is one to this.
    pub(super) fn equals(&self, other: &Task) -> bool {
        self.base.equals(&other.base)
    }

    /// How many combinations of values there are.
    #[must_use]
    pub fn combinations(&self) -> u64 {
        let lengths = self.varied.iter().map(|one| one.values.len() as u64);
        lengths.product()
    }

    /// The values of a combination; the last parameter changes fastest.
    #[must_use]
    pub fn values(&self, number: u64) -> Vec<u64> {
        let mut rest = number;
        let mut found: Vec<u64> = Vec::with_capacity(self.varied.len());
        for one in self.varied.iter().rev() {
            let length = one.values.len().max(1) as u64;
            found.extend(one.values.get((rest % length) as usize));
            rest /= length;
        }
        found.reverse();
        found
    }

    /// The dataflow with the values of a combination.
    fn application(&self, number: u64) -> Application {
        let mut application = self.application.clone();
        application.arguments.clear();
        for (one, value) in self.varied.iter().zip(self.values(number)) {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            let (kind, span) = (ExprKind::Integer(value), one.name.span);
            application
                .arguments
                .push((one.parameter, Expr { kind, span }));
        }
        application
    }
}

/// The layers of a question; `None` when something is wrong with it, which has been reported.
pub(super) fn tasks_on(
    question: &Question<'_>,
    layers: &[usize],
    sink: &mut Diagnostics,
) -> Option<Vec<Task>> {
    let search = question.search;
    let Some(Named::Dataflow {
        application,
        varied,
    }) = &search.space.named
    else {
        return None;
    };
    if search.strategy != Strategy::Optimal {
        let message = "of the parameters of a dataflow every combination is looked at";
        let refusal = Diagnostic::new(Code::E0601, message).at(search.span, "searched otherwise");
        sink.push(refusal.help("leave out `strategy`"));
        return None;
    }
    let tasks = task::tasks_on(question, layers, sink)?.into_iter();
    let tasks = tasks.map(|base| Task {
        base,
        application: application.clone(),
        varied: varied.clone(),
    });
    Some(tasks.collect())
}

/// What a combination came to.
enum Tried {
    Counted(Box<(Figures, Mapping, u64)>),
    /// The memory and the bytes that it needs.
    TooLarge(usize, u128),
    Illegal,
    Uncounted,
}

/// Combinations between two looks at the clock.
const CHUNK: u64 = 64;

/// Everything that was tried.
pub(super) struct All {
    pub goal: Goal,
    pub coverage: Coverage,
    /// Per memory that was too small, the least that a combination needs.
    needs: BTreeMap<usize, u128>,
    pub complete: bool,
}

/// Tries all combinations until the end is reached.
pub(super) fn all(
    compiled: &Compiled,
    question: &Question<'_>,
    task: &Task,
    end: &End,
    observe: &mut dyn FnMut(&Progress) -> bool,
) -> Option<All> {
    let layer = question.network.layers.get(task.base.layer)?;
    let request = &task.base.request;
    let mut found = All {
        goal: Goal::new(&request.objectives, &request.limits),
        coverage: Coverage::default(),
        needs: BTreeMap::new(),
        complete: false,
    };
    let combinations = task.combinations();
    let mut next = 0;
    while next < combinations {
        let last = combinations.min(next + CHUNK);
        let numbers: Vec<u64> = (next..last).collect();
        let tried: Vec<Tried> = numbers
            .into_par_iter()
            .map(|number| attempt(compiled, question, layer, task, number))
            .collect();
        for (number, tried) in (next..last).zip(tried) {
            let coverage = &mut found.coverage;
            match tried {
                Tried::Counted(counted) => {
                    coverage.evaluated += 1;
                    found.goal.take(&counted.0, &candidate(number));
                }
                Tried::TooLarge(memory, bytes) => {
                    coverage.too_large += 1;
                    let least = found.needs.entry(memory).or_insert(bytes);
                    *least = bytes.min(*least);
                }
                Tried::Illegal => coverage.illegal += 1,
                Tried::Uncounted => coverage.uncounted += 1,
            }
        }
        next = last;
        let now = Progress {
            evaluated: found.coverage.evaluated,
            formed: next,
            best: found.goal.found.first().map(|found| found.values[0]),
            lower_bound: 0.0,
            open: usize::try_from(combinations - next).unwrap_or(usize::MAX),
            pruned: 0,
        };
        let is_answered = !found.goal.found.is_empty();
        if next < combinations && (!observe(&now) || is_answered && end.is_reached()) {
            return Some(found);
        }
    }
    found.complete = true;
    Some(found)
}

/// A combination in the words of [`Goal`], which orders equals by it.
fn candidate(number: u64) -> Candidate {
    Candidate {
        skeleton: usize::try_from(number).unwrap_or(usize::MAX),
        orders: Vec::new(),
        extents: Vec::new(),
    }
}

fn attempt(
    compiled: &Compiled,
    question: &Question<'_>,
    layer: &Layer,
    task: &Task,
    number: u64,
) -> Tried {
    let (accelerator, technology) = (question.accelerator, question.technology);
    let application = task.application(number);
    let mapping = match lowered(&compiled.program, &application, layer, accelerator) {
        Ok(mapping) => mapping,
        Err(None) => return Tried::Illegal,
        Err(Some(overfull)) => {
            return Tried::TooLarge(overfull.memory, overfull.need.div_ceil(8));
        }
    };
    // Clusters cut the arrays in their own way.
    let model = model_name(question.search);
    let Some(problem) = task::problem(&mapping, layer, accelerator, technology, model) else {
        return Tried::Illegal;
    };
    let Ok(counter) = counter(&problem) else {
        return Tried::Uncounted;
    };
    match Judge::new(&problem, &counter).exact(mapping.schedule.clone()) {
        Ok(exact) => {
            let cycles = exact.counts.timing.cycles;
            Tried::Counted(Box::new((exact.figures, mapping, cycles)))
        }
        Err(Unfit::Illegal) => Tried::Illegal,
        Err(Unfit::Uncounted(_) | Unfit::Unpriced) => Tried::Uncounted,
    }
}

/// Searches one layer; `None` only if the search has no such layer.
pub(super) fn run(
    compiled: &Compiled,
    question: &Question<'_>,
    task: Task,
    end: &End,
    observe: &mut dyn FnMut(&Progress) -> bool,
) -> Option<Found> {
    let layer = question.network.layers.get(task.base.layer)?;
    let all = all(compiled, question, &task, end, observe)?;
    let is_priced = task.base.problem.prices.is_some();
    let mut answers = Vec::new();
    let mut best = Vec::new();
    for found in &all.goal.found {
        let number = found.candidate.skeleton as u64;
        if let Tried::Counted(counted) = attempt(compiled, question, layer, &task, number) {
            let (figures, mapping, cycles) = *counted;
            best.push(number);
            answers.push(Answered {
                values: values(&figures, &task.base.request.objectives),
                cycles,
                energy_pj: is_priced.then_some(figures.energy),
                mapping,
                library: None,
                tilings: None,
            });
        }
    }
    let proved = all.complete;
    let value = answers.first().and_then(|best| best.values.first());
    let lower_bound = match value {
        Some(value) if proved => *value,
        _ => 0.0,
    };
    let coverage = all.coverage;
    let why = (answers.is_empty() && proved).then(|| words(&task, &all, question));
    let pruned = [
        ("capacity", coverage.too_large),
        ("illegal", coverage.illegal),
        ("uncounted", coverage.uncounted),
    ];
    Some(Found {
        layer: task.base.layer,
        same_as: Vec::new(),
        answers,
        candidates: Some(Natural::from(task.combinations())),
        evaluated: coverage.evaluated,
        pruned: pruned
            .map(|(reason, count)| (reason, Natural::from(count)))
            .to_vec(),
        lower_bound,
        proved,
        gap: if proved { 0.0 } else { 1.0 },
        space: None,
        why,
        cut: false,
        time: end.start.elapsed(),
        evidence: Evidence::Parameters(Box::new(Parameters {
            task,
            best,
            coverage,
            proved,
        })),
    })
}

/// Why no combination is an answer, and the code of a mistake that it is.
fn words(task: &Task, all: &All, question: &Question<'_>) -> (Code, String) {
    let accelerator = question.accelerator;
    let coverage = &all.coverage;
    if coverage.evaluated > 0 {
        let limits = task.base.request.limits.iter();
        let limits: Vec<String> = limits
            .map(|limit| {
                let name = name(limit.of, accelerator);
                format!("{name} <= {} {}", amount(limit.most), unit(limit.of))
            })
            .collect();
        let why = format!(
            "no combination of the values keeps {}",
            limits.join(" and ")
        );
        return (Code::E0602, why);
    }
    if coverage.too_large > 0 {
        let needs: Vec<String> = all
            .needs
            .iter()
            .map(|(memory, bytes)| {
                let name = why::memory(accelerator, *memory);
                format!("{name} needs {} B", grouped(*bytes))
            })
            .collect();
        let why = format!(
            "of all combinations of the values none fits: with the smallest tiles {}",
            needs.join(", ")
        );
        return (Code::E0501, why);
    }
    let why = "the dataflow serves the layer with none of the values";
    (Code::E0602, why.to_owned())
}
