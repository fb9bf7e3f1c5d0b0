//! Counts and time exactly as an interpreter of the mapping has them (`engine`).

use super::{Estimate, Failure, Model, Subject, Why};
use crate::engine::{self, Counts, EngineLimit, TimingRule};
use crate::ir::Mapping;
use crate::legality::Legal;

/// The model `exact`: the default.
#[derive(Clone, Copy, Debug)]
pub struct Exact;

impl Model for Exact {
    fn name(&self) -> &'static str {
        "exact"
    }

    fn summary(&self) -> &'static str {
        "Counts and time exactly as an interpreter of the mapping has them"
    }

    fn applies(&self, subject: &Subject<'_>) -> Result<(), Why> {
        needs_loops(subject)
    }

    fn applies_to_groups(&self) -> Result<(), Why> {
        Ok(())
    }

    fn ignores_spare_capacity(&self) -> bool {
        true
    }

    fn estimate(&self, subject: &Subject<'_>) -> Result<Estimate, Failure> {
        count(subject, TimingRule::Exact)
    }
}

/// Models that count want loops.
pub(super) fn needs_loops(subject: &Subject<'_>) -> Result<(), Why> {
    match subject {
        Subject::Loops(_) => Ok(()),
        Subject::Named { schedule, .. } => Err(no_loops(schedule)),
    }
}

fn no_loops(schedule: &str) -> Why {
    let reason =
        format!("has the schedule `{schedule}`, which is a name and has no loops to count");
    let help = match super::knowing(schedule).next() {
        Some(model) => format!(
            "take `--model {}`, which knows the schedule, or give the layer a dataflow with loops",
            model.name()
        ),
        None => "give the layer a dataflow with loops".to_owned(),
    };
    Why::new(reason).help(help)
}

/// What the engine counts of a subject with loops, with time by `rule`.
pub(super) fn count(subject: &Subject<'_>, rule: TimingRule) -> Result<Estimate, Failure> {
    match subject {
        Subject::Loops(mapping) => Ok(Estimate::counted(engine::count(mapping, rule)?)),
        Subject::Named { schedule, .. } => Err(Failure::Own(no_loops(schedule))),
    }
}

/// What the engine counts of a mapping, with the time of this model.
///
/// # Errors
/// Limits of the engine.
pub fn exact_counts(mapping: &Legal<Mapping>) -> Result<Counts, EngineLimit> {
    engine::count(mapping, TimingRule::Exact)
}
