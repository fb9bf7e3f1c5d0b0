//! The verdict on one candidate: legal or not, and what it costs by the counting engine.
//!
//! Everything that a search prints comes from here; tables and bounds only decide what is looked at.

use crate::cost;
use crate::engine::{self, Counter, Counts, EngineLimit};
use crate::ir::{Mapping, Schedule};
use crate::legality::{self, Legal};
use crate::search::problem::{Figures, Objective, Problem};

/// Judges schedules of one problem, made ready: what its loops do not change is known, and what loops of one group do is
/// remembered. One per thread.
pub struct Judge<'a> {
    problem: &'a Problem,
    legality: legality::Prepared,
    counter: &'a Counter,
}

/// What a legal candidate costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Exact {
    pub figures: Figures,
    pub counts: Counts,
}

/// Why a candidate has no cost.
#[derive(Clone, Debug, PartialEq)]
pub enum Unfit {
    Illegal,
    Uncounted(EngineLimit),
    /// An action has no price.
    Unpriced,
}

impl<'a> Judge<'a> {
    #[must_use]
    pub fn new(problem: &'a Problem, counter: &'a Counter) -> Judge<'a> {
        Judge {
            problem,
            legality: legality::Prepared::new(&problem.mapped),
            counter,
        }
    }

    /// # Errors
    /// [`Unfit`]
    pub fn exact(&self, schedule: Schedule) -> Result<Exact, Unfit> {
        let mapping = self.problem.mapping(schedule);
        // Nobody asks why it does not fit: no witness is looked for.
        let Ok(legal) = self.legality.check(mapping) else {
            return Err(Unfit::Illegal);
        };
        let counts = match self.counter.count(&legal, self.problem.rule) {
            // Small ones are executed step by step.
            Err(EngineLimit::Irregular) => engine::count(&legal, self.problem.rule),
            counted => counted,
        };
        let counts = counts.map_err(Unfit::Uncounted)?;
        let figures = self.figures(&legal, &counts)?;
        Ok(Exact { figures, counts })
    }

    fn figures(&self, mapping: &Legal<Mapping>, counts: &Counts) -> Result<Figures, Unfit> {
        let energy = match &self.problem.prices {
            Some(prices) => cost::total_pj(prices, mapping, counts).ok_or(Unfit::Unpriced)?,
            None => 0.0,
        };
        let mut traffic = vec![0.0; counts.memories.len()];
        for boundary in &counts.boundaries {
            traffic[boundary.parent] += (boundary.down_bits as f64 + boundary.up_bits as f64) / 8.0;
        }
        Ok(Figures {
            energy,
            cycles: counts.timing.cycles as f64,
            traffic,
            capacity: counts
                .memories
                .iter()
                .map(|m| m.required_bits as f64 / 8.0)
                .collect(),
            area: self.problem.area_um2.unwrap_or(0.0),
        })
    }
}

/// The values of `objectives`, in their order.
#[must_use]
pub fn values(figures: &Figures, objectives: &[Objective]) -> Vec<f64> {
    objectives
        .iter()
        .map(|&objective| figures.value(objective))
        .collect()
}
