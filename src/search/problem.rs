//! What is searched for: a layer on an accelerator, what counts as better, and what is not acceptable.

use crate::cost::Prices;
use crate::engine::TimingRule;
use crate::ir::{self, Mapping, Schedule};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// How a model reckons time, if schedules in loops can be searched by it: its bounds are those of the tables.
#[must_use]
pub fn rule_of(model: &str) -> Option<TimingRule> {
    match model {
        "exact" => Some(TimingRule::Exact),
        "maestro" => Some(TimingRule::Maestro),
        _ => None,
    }
}

/// A layer on an accelerator, and what is known of its cost. The parts of the mapped problem are read as its own.
#[derive(Clone, Debug)]
pub struct Problem {
    pub mapped: Arc<ir::Problem>,
    /// `None`: there is no technology, and nothing is known of energy.
    pub prices: Option<Prices>,
    pub area_um2: Option<f64>,
    /// How delays follow from transfers.
    pub rule: TimingRule,
}

impl Problem {
    /// A candidate: one schedule, the layer and the accelerator shared.
    #[must_use]
    pub fn mapping(&self, schedule: Schedule) -> Mapping {
        Mapping::of(Arc::clone(&self.mapped), schedule)
    }
}

impl Deref for Problem {
    type Target = ir::Problem;

    fn deref(&self) -> &ir::Problem {
        &self.mapped
    }
}

impl DerefMut for Problem {
    fn deref_mut(&mut self) -> &mut ir::Problem {
        Arc::make_mut(&mut self.mapped)
    }
}

/// What a candidate is measured by; less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Objective {
    /// pJ
    Energy,
    Cycles,
    /// pJ x cycles
    Edp,
    /// pJ^2 x cycles
    E2dp,
    /// pJ x cycles^2
    Ed2p,
    /// Bytes between a memory and what it feeds, both directions.
    Traffic(usize),
    /// Bytes that one instance of a memory must hold.
    Capacity(usize),
    /// um2; the same for all candidates.
    Area,
}

impl Objective {
    #[must_use]
    pub fn needs_energy(self) -> bool {
        matches!(
            self,
            Objective::Energy | Objective::Edp | Objective::E2dp | Objective::Ed2p
        )
    }

    #[must_use]
    pub fn needs_time(self) -> bool {
        matches!(
            self,
            Objective::Cycles | Objective::Edp | Objective::E2dp | Objective::Ed2p
        )
    }
}

/// An upper limit that a candidate must keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    pub of: Objective,
    pub most: f64,
}

/// What objectives are made of, or lower bounds of that.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    pub energy: f64,
    pub cycles: f64,
    /// Per memory: bytes.
    pub traffic: Vec<f64>,
    pub capacity: Vec<f64>,
    pub area: f64,
}

impl Figures {
    /// Monotone in every figure, so that a lower bound of the figures gives a lower bound of the objective.
    #[must_use]
    pub fn value(&self, objective: Objective) -> f64 {
        match objective {
            Objective::Energy => self.energy,
            Objective::Cycles => self.cycles,
            Objective::Edp => self.energy * self.cycles,
            Objective::E2dp => self.energy * self.energy * self.cycles,
            Objective::Ed2p => self.energy * self.cycles * self.cycles,
            Objective::Traffic(memory) => self.traffic[memory],
            Objective::Capacity(memory) => self.capacity[memory],
            Objective::Area => self.area,
        }
    }
}
