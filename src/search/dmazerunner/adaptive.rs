//! The published tool's rule for thresholds: strict ones first, lower until enough methods exist.
//!
//! It starts at utilisation 0.8 of the PEs, 0.8 of the RF and 0.5 of the SPM with both prunings and wants at least
//! 100 tilings. Otherwise the first two fall by 0.1; once they have fallen to 0.6 the SPM's falls too, from the
//! next round on; once they have fallen below 0.3 both prunings are dropped and one tiling is enough. Example: AlexNet's
//! products end at 0.2 / 0.2 / 0.1 without prunings.

use super::problem::{Join, Unsearchable};
use super::space::{Limits, Share};
use crate::models::dmazerunner::{Layer, Machine};

/// How the rule ended.
#[derive(Clone, Debug)]
pub struct Adaptive {
    /// The space of the last round; it has no tiling if no round found any.
    pub join: Join,
    /// How often the thresholds were lowered.
    pub rounds: u32,
}

/// Tilings that a round must find while the prunings hold.
const ENOUGH: u64 = 100;

/// Applies the rule.
///
/// # Errors
///
/// If the layer cannot be searched.
pub fn adaptive(layer: &Layer, machine: &Machine) -> Result<Adaptive, Unsearchable> {
    let mut limits = Limits::PUBLISHED;
    let mut rounds = 0;
    loop {
        let enough = if limits.no_feature_dram { ENOUGH } else { 1 };
        let join = Join::new(layer, machine, &limits)?;
        let Some(next) = lower(&limits).filter(|_| join.count() < enough) else {
            return Ok(Adaptive { join, rounds });
        };
        limits = next;
        rounds += 1;
    }
}

/// The next thresholds; none if they would fall below zero.
fn lower(limits: &Limits) -> Option<Limits> {
    let step = |share: Share| share.0.checked_sub(100).map(Share);
    let (pe, rf) = (step(limits.pe)?, step(limits.rf)?);
    let spm = if limits.pe <= Share(600) || limits.rf <= Share(600) {
        step(limits.spm)?
    } else {
        limits.spm
    };
    let pruned = limits.no_feature_dram && pe >= Share(300) && rf >= Share(300);
    Some(Limits {
        pe,
        rf,
        spm,
        no_feature_dram: pruned,
        no_spatial_reduction: pruned,
    })
}
