//! What is mapped, and what of a mapping a search varies.
//!
//! Problem: a search tries a million schedules of one layer on one accelerator. The layer and the accelerator are the
//! same in all of them, so they are kept once and shared: the schedule alone is the candidate.

use super::{Architecture, Operation, Schedule};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// One layer on one accelerator: what all of its schedules have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub operation: Operation,
    pub architecture: Architecture,
}

/// One layer, mapped: the unit of checking and of evaluation. The parts of its problem are read as its own; who
/// changes one of them changes it for this mapping only.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    problem: Arc<Problem>,
    pub schedule: Schedule,
}

impl Mapping {
    #[must_use]
    pub fn new(operation: Operation, architecture: Architecture, schedule: Schedule) -> Mapping {
        let problem = Problem {
            operation,
            architecture,
        };
        Mapping::of(Arc::new(problem), schedule)
    }

    /// A schedule of a problem that other mappings share.
    #[must_use]
    pub fn of(problem: Arc<Problem>, schedule: Schedule) -> Mapping {
        Mapping { problem, schedule }
    }

    #[must_use]
    pub fn problem(&self) -> &Arc<Problem> {
        &self.problem
    }
}

impl Deref for Mapping {
    type Target = Problem;

    fn deref(&self) -> &Problem {
        &self.problem
    }
}

impl DerefMut for Mapping {
    fn deref_mut(&mut self) -> &mut Problem {
        Arc::make_mut(&mut self.problem)
    }
}
