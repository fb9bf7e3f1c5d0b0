//! The model of the MAESTRO paper on exact counts: only the transfers into the innermost memory take time, and they
//! always overlap with computation.

use super::exact::{count, needs_loops};
use super::{Estimate, Failure, Model, Subject, Why};
use crate::engine::TimingRule;

/// The model `maestro`.
#[derive(Clone, Copy, Debug)]
pub struct Maestro;

impl Model for Maestro {
    fn name(&self) -> &'static str {
        "maestro"
    }

    fn summary(&self) -> &'static str {
        "The model of the MAESTRO paper on exact counts"
    }

    fn applies(&self, subject: &Subject<'_>) -> Result<(), Why> {
        needs_loops(subject)
    }

    fn ignores_spare_capacity(&self) -> bool {
        true
    }

    fn estimate(&self, subject: &Subject<'_>) -> Result<Estimate, Failure> {
        count(subject, TimingRule::Maestro)
    }
}
