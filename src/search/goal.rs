//! What is better, and which bounds cannot become better: one incumbent, or a front of them.
//!
//! Problem: with one objective a candidate is of no interest once its lower bound reaches the best value found; with
//! two or three once some found candidate is at least as good in all of them. Sums of products are rounded, so values
//! within [`SLACK`] of each other count as equal. Among equals that were counted the one of least energy stays, then of
//! least cycles; a bound that only reaches what was found is of no interest.
//!
//! Invariant: no entry of the front is at least as good as another one in all objectives.

use crate::search::problem::{Figures, Limit, Objective};
use crate::search::space::Candidate;
use std::cmp::Ordering;
use std::sync::Arc;

/// Relative difference that says nothing.
pub const SLACK: f64 = 1e-9;

/// A candidate that was counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub values: Vec<f64>,
    pub energy: f64,
    pub cycles: f64,
    /// Shared, as what is known is handed to every thread.
    pub candidate: Arc<Candidate>,
}

/// What was found so far, and what is asked for.
#[derive(Clone, Debug)]
pub struct Goal {
    pub objectives: Vec<Objective>,
    pub limits: Vec<Limit>,
    /// Sorted by the values.
    pub found: Vec<Found>,
    /// Of a front of two; looked up more often than anything else.
    stairs: Arc<Stairs>,
}

/// The steps of a front of two values: the more of the first, the less of the second.
#[derive(Clone, Debug, Default)]
struct Stairs {
    /// What a first and a second value must be below to be less than those of each step.
    steps: Vec<[f64; 2]>,
    /// Per interval of first values the steps before it.
    before: Vec<u32>,
    /// The first interval.
    begin: u64,
}

impl Stairs {
    /// Of answers sorted by their first values.
    fn new(found: &[Found]) -> Stairs {
        let steps: Vec<[f64; 2]> = (found.iter())
            .map(|found| [below(found.values[0]), below(found.values[1])])
            .collect();
        let begin = steps.first().map_or(0, |step| Stairs::interval(step[0]));
        let mut before = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let interval = Stairs::interval(step[0]) - begin;
            before.resize(before.len().max(interval as usize + 1), number as u32);
        }
        Stairs {
            before,
            begin,
            steps,
        }
    }

    /// 64 intervals between a power of two and the next; what is below one lies in the first.
    fn interval(value: f64) -> u64 {
        value.max(1.0).to_bits() >> 46
    }

    /// What a second value must be below to be less than that of the last step up to a first value; `None` if all
    /// steps have more of the first.
    fn last(&self, value: f64) -> Option<f64> {
        let interval = Stairs::interval(value).checked_sub(self.begin)?;
        let mut next = match self.before.get(interval as usize) {
            Some(before) => *before as usize,
            None => self.steps.len(),
        };
        while self.steps.get(next).is_some_and(|step| value >= step[0]) {
            next += 1;
        }
        Some(self.steps.get(next.checked_sub(1)?)?[1])
    }
}

fn less(a: f64, b: f64) -> bool {
    a < below(b)
}

/// What is less than a value is below this.
fn below(value: f64) -> f64 {
    value * (1.0 - SLACK)
}

impl Goal {
    #[must_use]
    pub fn new(objectives: &[Objective], limits: &[Limit]) -> Goal {
        Goal {
            objectives: objectives.to_vec(),
            limits: limits.to_vec(),
            found: Vec::new(),
            stairs: Arc::default(),
        }
    }

    #[must_use]
    pub fn single(&self) -> bool {
        self.objectives.len() == 1
    }

    /// Whether figures that are at least these can still be an answer.
    #[must_use]
    pub fn admits(&self, figures: &Figures) -> bool {
        self.admits_near(figures, &mut 0)
    }

    /// The same of figures like others before them; `near` is where in a front those were last compared.
    #[must_use]
    pub fn admits_near(&self, figures: &Figures, near: &mut usize) -> bool {
        self.keeps(figures) && self.improves(figures, near)
    }

    /// Whether the user's limits are kept.
    #[must_use]
    pub fn keeps(&self, figures: &Figures) -> bool {
        self.limits
            .iter()
            .all(|limit| figures.value(limit.of) <= limit.most * (1.0 + SLACK))
    }

    /// Whether nothing found is at least as good.
    fn improves(&self, figures: &Figures, near: &mut usize) -> bool {
        if self.single() {
            let value = figures.value(self.objectives[0]);
            let best = self.found.first();
            return best.is_none_or(|best| less(value, best.values[0]));
        }
        if let [first, second] = *self.objectives.as_slice() {
            // The further on in the front, the less of the second: the last one that has no more of the first.
            let last = self.stairs.last(figures.value(first));
            return last.is_none_or(|below| figures.value(second) < below);
        }
        let replaces = |found: &Found| {
            let mut values = found.values.iter().zip(&self.objectives);
            values.all(|(&own, &objective)| !less(figures.value(objective), own))
        };
        if self.found.get(*near).is_some_and(replaces) {
            return false;
        }
        match self.found.iter().position(replaces) {
            Some(at) => {
                *near = at;
                false
            }
            None => true,
        }
    }

    /// Takes a counted candidate in if it improves.
    pub fn take(&mut self, figures: &Figures, candidate: &Candidate) -> bool {
        if !self.admits(figures) {
            return self.take_tie(figures, candidate);
        }
        let values: Vec<f64> = self.objectives.iter().map(|&o| figures.value(o)).collect();
        if self.single() {
            self.found.clear();
        } else {
            self.found.retain(|found| {
                !values
                    .iter()
                    .zip(&found.values)
                    .all(|(new, old)| !less(*old, *new))
            });
        }
        let entry = Found {
            values,
            energy: figures.energy,
            cycles: figures.cycles,
            candidate: Arc::new(candidate.clone()),
        };
        let at = self
            .found
            .partition_point(|found| found.values < entry.values);
        self.found.insert(at, entry);
        if let [_, _] = *self.objectives.as_slice() {
            self.stairs = Arc::new(Stairs::new(&self.found));
        }
        true
    }

    /// Of equals the one of least energy stays, then of least cycles, then the first in the order of candidates.
    fn take_tie(&mut self, figures: &Figures, candidate: &Candidate) -> bool {
        if !self.single() || !self.keeps(figures) {
            return false;
        }
        let Some(best) = self.found.first_mut() else {
            return false;
        };
        let value = figures.value(self.objectives[0]);
        if less(best.values[0], value) {
            return false;
        }
        let order = |a: f64, b: f64| match (less(a, b), less(b, a)) {
            (true, _) => Ordering::Less,
            (_, true) => Ordering::Greater,
            _ => Ordering::Equal,
        };
        let order = order(figures.energy, best.energy)
            .then_with(|| order(figures.cycles, best.cycles))
            .then_with(|| candidate.cmp(best.candidate.as_ref()));
        if order == Ordering::Less {
            best.candidate = Arc::new(candidate.clone());
            (best.values[0], best.energy, best.cycles) = (value, figures.energy, figures.cycles);
        }
        false
    }

    /// One number to go by: the objective, or the product of them.
    #[must_use]
    pub fn key(&self, figures: &Figures) -> f64 {
        if self.single() {
            return figures.value(self.objectives[0]);
        }
        self.objectives
            .iter()
            .map(|&objective| figures.value(objective).max(1e-30))
            .product()
    }
}
