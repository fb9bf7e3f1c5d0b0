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
    /// Of a front the first value of each, one after another: they are compared more often than anything else.
    firsts: Vec<f64>,
}

fn less(a: f64, b: f64) -> bool {
    a < b * (1.0 - SLACK) || (b == 0.0 && a < 0.0)
}

impl Goal {
    #[must_use]
    pub fn new(objectives: &[Objective], limits: &[Limit]) -> Goal {
        Goal {
            objectives: objectives.to_vec(),
            limits: limits.to_vec(),
            found: Vec::new(),
            firsts: Vec::new(),
        }
    }

    #[must_use]
    pub fn single(&self) -> bool {
        self.objectives.len() == 1
    }

    /// Whether figures that are at least these can still be an answer.
    #[must_use]
    pub fn admits(&self, figures: &Figures) -> bool {
        self.keeps(figures) && self.improves(figures)
    }

    /// Whether the user's limits are kept.
    #[must_use]
    pub fn keeps(&self, figures: &Figures) -> bool {
        self.limits
            .iter()
            .all(|limit| figures.value(limit.of) <= limit.most * (1.0 + SLACK))
    }

    /// Whether nothing found is at least as good.
    #[must_use]
    pub fn improves(&self, figures: &Figures) -> bool {
        if self.single() {
            let value = figures.value(self.objectives[0]);
            return self
                .found
                .first()
                .is_none_or(|best| less(value, best.values[0]));
        }
        let replaces = |found: &Found| {
            let mut values = found.values.iter().zip(&self.objectives);
            values.all(|(&own, &objective)| !less(figures.value(objective), own))
        };
        if let [first, _] = *self.objectives.as_slice() {
            // The further on in the front, the less of the second: the last one that has no more of the first.
            let value = figures.value(first);
            let upto = |known: &f64| !less(value, *known);
            let last = self.firsts.partition_point(upto).checked_sub(1);
            return !last.is_some_and(|last| replaces(&self.found[last]));
        }
        !self.found.iter().any(replaces)
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
        let firsts = self.found.iter().map(|found| found.values[0]);
        self.firsts = firsts.collect();
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
