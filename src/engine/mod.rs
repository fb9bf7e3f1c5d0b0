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
mod stepped;
mod sums;
mod touches;
mod transitions;

pub use counts::{
    Bound, BoundaryCounts, Counts, CrossingCounts, MemoryCounts, Port, Resource, ResourceCounts,
    TensorCounts, Timing, Way,
};
pub use exact::TimingRule;
pub use plan::Counter;
pub use stepped::MOST_STEPS;

use crate::ir::Mapping;
use crate::legality::Legal;

/// Why a legal mapping was not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineLimit {
    /// Groups do not join as products: never the answer of [`count`], which executes such mappings.
    Irregular,
    /// The loops have too many kinds of windows to be counted in reasonable time.
    TooManyClasses,
    /// Its steps follow no pattern, and there are too many of them to be executed.
    TooManySteps,
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
    let counts = Counter::new(mapping)?.count(mapping, rule)?;
    laws::check(mapping, &counts, rule).map_err(EngineLimit::Law)?;
    Ok(counts)
}

/// Counts one mapping by executing its steps, the repeated ones once, whether or not its groups join as
/// products; the result is that of [`count`].
///
/// # Errors
/// As [`count`]; [`EngineLimit::TooManySteps`] for many mappings that [`count`] counts.
pub fn execute(mapping: &Legal<Mapping>, rule: TimingRule) -> Result<Counts, EngineLimit> {
    let counts = stepped::run(&Counter::new(mapping)?, mapping, rule)?;
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
