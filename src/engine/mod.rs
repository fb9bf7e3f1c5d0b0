//! Counting: `Legal<Mapping>` to [`Counts`].

mod classes;
mod clock;
mod counts;
mod crossing;
mod exact;
mod flows;
mod forced;
pub mod fused;
mod issues;
mod lanes;
mod lattice;
pub mod laws;
mod listing;
mod neighbours;
pub mod oracle;
mod plan;
mod sets;
mod spot;
mod sums;
mod tables;
mod touches;
mod transitions;

pub use counts::{
    Bound, BoundaryCounts, Counts, CrossingCounts, MemoryCounts, Port, Resource, ResourceCounts,
    TensorCounts, Timing, Way,
};
pub use exact::TimingRule;
pub use plan::Counter;
pub use tables::{Crossed, GroupSums, GroupTables, StepSum};

use crate::ir::Mapping;
use crate::legality::Legal;

/// Points up to which an irregular mapping is executed step by step instead.
const MOST_POINTS: u64 = 1 << 16;

/// Why a legal mapping was not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineLimit {
    /// Kernel and input rows are tiled by different loops of one level, or input windows move by less than
    /// the stride, and the layer is too large to be executed step by step.
    Irregular,
    /// The loops have too many kinds of windows to be counted in reasonable time.
    TooManyClasses,
    /// A count does not fit 64 bits.
    Overflow,
    /// The engine's own check failed: it did not perform the layer's MACs.
    Mismatch { performed: u128, expected: u128 },
    /// The counts break a law that holds of every evaluation.
    Law(laws::Law),
}

/// Counts one mapping.
///
/// # Errors
/// [`EngineLimit`], when the mapping is beyond what can be counted exactly, or the counts cannot be right.
pub fn count(mapping: &Legal<Mapping>, rule: TimingRule) -> Result<Counts, EngineLimit> {
    let counts = match Counter::new(mapping)?.count(mapping, rule) {
        Err(EngineLimit::Irregular) => match oracle::run(mapping, MOST_POINTS) {
            Ok(counts) => counts,
            Err(oracle::Refusal::Overflow) => return Err(EngineLimit::Overflow),
            Err(_) => return Err(EngineLimit::Irregular),
        },
        counted => counted?,
    };
    laws::check(mapping, &counts, rule).map_err(EngineLimit::Law)?;
    Ok(counts)
}

/// The roofline's binding resource: whatever alone takes longest, computation first among equals.
fn bound_of(counts: &Counts) -> Bound {
    let mut bound = Bound::Compute;
    let mut longest = counts.timing.compute_cycles;
    for (index, resource) in counts.resources.iter().enumerate() {
        if resource.busy_cycles > longest {
            longest = resource.busy_cycles;
            bound = Bound::Resource(index);
        }
    }
    for (index, boundary) in counts.boundaries.iter().enumerate() {
        if boundary.transfer_cycles > longest {
            longest = boundary.transfer_cycles;
            bound = Bound::Boundary(index);
        }
    }
    bound
}
