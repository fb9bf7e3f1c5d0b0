//! What is remembered between the layers of a run, and between runs.
//!
//! Problem: a network has equal layers, and an editor evaluates the same ones at every key stroke. A verdict depends on
//! the lowered layer, an estimate on the legal mapping and the model: both are kept by these. What is remembered of groups
//! is in `fused::cache`.
//!
//! Invariant: what was found when the allowance of work was spent is no result, and is not remembered as one.

use super::fused::GroupCache;
use super::{CheckCache, Memo};
use crate::base::limits;
use crate::engine::EngineLimit;
use crate::ir::Mapping;
use crate::models::{Estimate, Failure, Model, Subject};

/// Verdicts and estimates that are remembered, at most so many of each.
const MOST: usize = 1024;

/// Estimates of one model by mapping.
type Estimates = Memo<Mapping, Result<Estimate, Failure>>;

/// What is remembered between layers, and between runs.
pub struct Cache {
    pub(super) checks: CheckCache,
    pub(super) groups: GroupCache,
    /// By name of the model.
    estimates: Vec<(&'static str, Estimates)>,
}

impl Default for Cache {
    fn default() -> Cache {
        Cache {
            checks: CheckCache::new(MOST),
            groups: GroupCache::default(),
            estimates: Vec::new(),
        }
    }
}

impl Cache {
    pub(super) fn estimate(
        &mut self,
        model: &dyn Model,
        subject: &Subject<'_>,
    ) -> Result<Estimate, Failure> {
        // Closed forms are faster than a look at what is remembered.
        let Subject::Loops(legal) = subject else {
            return model.estimate(subject);
        };
        let name = model.name();
        let at = match self.estimates.iter().position(|known| known.0 == name) {
            Some(at) => at,
            None => {
                self.estimates.push((name, Memo::new(MOST)));
                self.estimates.len() - 1
            }
        };
        let estimate = || {
            let estimate = model.estimate(subject);
            // Whatever gave up when nothing was left, and whatever was found with that, is no result.
            match limits::is_spent() {
                true => Err(too_much()),
                false => estimate,
            }
        };
        match self.estimates.get_mut(at) {
            Some((_, known)) => known.get(legal, estimate),
            None => estimate(),
        }
    }
}

/// What is found when nothing is left of an allowance is no result.
pub(super) fn too_much() -> Failure {
    Failure::Limit(EngineLimit::TooMuchWork)
}
