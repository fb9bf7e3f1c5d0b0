//! What is asked of a search, and what it answers.

use crate::ir::Schedule;
use crate::search::class::Class;
use crate::search::goal::Found;
use crate::search::join::Work;
use crate::search::judge::Exact;
use crate::search::problem::{Limit, Objective, Problem};
use crate::search::space::Rules;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How the space is gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Until the optimum is proved.
    Optimal,
    /// Every class is looked at once; the gap that is left is stated.
    Adaptive,
    /// So many candidates drawn at random.
    Random { draws: u64, seed: u64 },
}

/// How many choices of one group are tabulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choices {
    pub most: usize,
    /// Where there are more than so many, of the imperfect pieces with as many trips only the smallest is a choice.
    pub full: usize,
}

impl Choices {
    /// What can be tabulated in a part of a time.
    #[must_use]
    pub fn within(time: Duration) -> Choices {
        let all = Choices::default();
        let full = usize::try_from(time.as_millis()).unwrap_or(usize::MAX);
        Choices {
            full: full.saturating_mul(2).clamp(FEW, all.full),
            ..all
        }
    }
}

/// Choices of one group up to which all imperfect pieces are tried however little time there is.
pub(super) const FEW: usize = 512;

impl Default for Choices {
    fn default() -> Choices {
        Choices {
            most: 40_000,
            full: 40_000,
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    pub objectives: Vec<Objective>,
    pub limits: Vec<Limit>,
    pub rules: Rules,
    pub strategy: Strategy,
    pub time: Option<Duration>,
    pub evaluations: Option<u64>,
    pub choices: Choices,
    /// There is an answer already, from somewhere else: the time is not exceeded to find a first one.
    pub is_answered: bool,
    /// Set by somebody who wants what there is.
    pub stop: Option<&'static AtomicBool>,
}

impl Request {
    /// Whether what is asked depends on time: tables have lower bounds of that, so that a row which is no better than
    /// another one in all of them may be better all the same. Static power makes energy of time.
    #[must_use]
    pub fn needs_time(&self, problem: &Problem) -> bool {
        let prices = problem.prices.as_ref();
        let is_static = prices.is_some_and(|prices| prices.static_power.is_some());
        let mut asked = self.objectives.iter().copied();
        let mut limits = self.limits.iter().map(|limit| limit.of);
        let needs = |of: Objective| of.needs_time() || is_static && of == Objective::Energy;
        asked.any(needs) || limits.any(needs)
    }

    /// Whether somebody wants what there is.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    #[must_use]
    pub fn new(objective: Objective) -> Request {
        Request {
            objectives: vec![objective],
            limits: Vec::new(),
            rules: Rules::default(),
            strategy: Strategy::Optimal,
            time: None,
            evaluations: None,
            choices: Choices::default(),
            is_answered: false,
            stop: None,
        }
    }
}

/// What is told while a search runs.
#[derive(Clone, Debug)]
pub struct Progress {
    pub evaluated: u64,
    pub formed: u64,
    pub best: Option<f64>,
    pub lower_bound: f64,
    pub open: usize,
    /// Beginnings of classes, and classes, that were cut off.
    pub pruned: usize,
}

/// Told of progress; says whether to go on.
pub type Observer<'a> = dyn FnMut(&Progress) -> bool + 'a;

/// Part of a space that was cut off by its bound: all classes that begin so.
#[derive(Clone, Debug, PartialEq)]
pub struct Pruned {
    pub class: Class,
    /// One per objective.
    pub bound: Vec<f64>,
}

/// One answer: a candidate and all that the engine says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    pub found: Found,
    pub schedule: Schedule,
    pub exact: Exact,
}

/// What a search came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// One for one objective, the front otherwise, sorted by the first one; empty: none is legal.
    pub best: Vec<Best>,
    /// No candidate of the space is below it, for one objective.
    pub lower_bound: f64,
    /// Whether the answer is proved: no candidate is better (by more than [`SLACK`]).
    pub proved: bool,
    /// Candidates that the engine counted.
    pub evaluated: u64,
    pub work: Work,
    /// What was cut off at the top.
    pub pruned: Vec<Pruned>,
    /// Classes whose combinations were formed.
    pub joined: Vec<Class>,
    /// Choices of extents that the engine cannot count, over all groups.
    pub uncounted: usize,
    /// Imperfect extents were left out because there are too many.
    pub thinned: bool,
}

impl Outcome {
    /// `1 - lower bound / best`; 0 when the optimum is proved.
    #[must_use]
    pub fn gap(&self) -> f64 {
        match self.best.first() {
            Some(best) if self.best.len() == 1 && !self.proved => {
                let value = best.found.values[0];
                if value > 0.0 {
                    (1.0 - self.lower_bound / value).max(0.0)
                } else {
                    0.0
                }
            }
            _ => 0.0,
        }
    }
}
