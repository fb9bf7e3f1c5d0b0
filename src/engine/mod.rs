//! Counting: `Legal<Mapping>` to [`Counts`].
//!
//! From loops to one number: an FC layer with K = 4 and C = 6, one MAC a step, K outside of C. How many inputs come into the
//! register file? A step needs one input, that of its c; what the step before left there is not fetched again. So
//!
//! ```text
//! fills = sum over the steps of |needed| - |needed and already there|
//! ```
//!
//! and both sizes depend only on which loop advances. In the first step 1 is needed and none is there. C advances
//! 4 * 5 times: another c, so 1 is needed and the one that is there is of no use. K advances 3 times, and C begins anew: c goes
//! from 5 to 0, again 1 that is not there. Together 1 + 20 + 3 = 24, for all steps of one kind at once: this is what the
//! engine does. Each size is a product over groups of ranks that do not share an index (here K and C): the K group
//! contributes 1 to both, as no input depends on k, and the C group 1 to what is needed and 0 to what is there.
//!
//! ```
//! use dflowc::diag::Diagnostics;
//! use dflowc::driver::{MemoryFiles, Session};
//! use dflowc::lower::Options;
//! use dflowc::{engine, legality};
//!
//! let text = "Network n { Layer fc { Type: FC; Dimensions { N: 1, K: 4, C: 6 }
//!                 Dataflow { TemporalMap(1,1) K; TemporalMap(1,1) C } } }
//!             Accelerator one { Memory DRAM { } Memory RF { } Compute MAC { } }
//!             Map n on one { }";
//! let compiled = Session::new(MemoryFiles::new().with("fc.dflow", text)).load("fc.dflow");
//! let map = &compiled.program.maps[0];
//! let planned = compiled.plan_layer(map, 0, Options::default(), &mut Diagnostics::new());
//! let mapping = planned.unwrap().lowered.unwrap().mapping;
//! let counts = engine::count(&legality::check(mapping).unwrap(), engine::TimingRule::Exact).unwrap();
//! let (register_file, input) = (1, 0);
//! assert_eq!(counts.memories[register_file].tensors[input].fills, 1 + 4 * 5 + 3);
//! ```

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
mod late;
mod lattice;
pub mod laws;
mod levels;
mod listing;
mod neighbours;
pub mod oracle;
mod places;
mod plan;
pub mod reuse;
mod runs;
mod sets;
mod spot;
mod stepped;
mod steps;
mod still;
mod sums;
mod tables;
mod timer;
mod touches;
mod transitions;
pub mod tree;
mod wiring;
mod words;

pub use counts::{
    Bound, BoundaryCounts, Counts, CrossingCounts, MemoryCounts, Port, Resource, ResourceCounts,
    TensorCounts, Timing, Way,
};
pub use exact::TimingRule;
pub use plan::Counter;
pub use stepped::MOST_STEPS;
pub use steps::Steps;
pub use tables::{Crossed, GroupSums, GroupTables, StepSum};

use crate::base::limits::Spent;
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
    /// It costs more than it is allowed ([`crate::base::limits`]).
    TooMuchWork,
    /// A count does not fit 64 bits.
    Overflow,
    /// The engine's own check failed: it did not perform the layer's MACs.
    Mismatch { performed: u128, expected: u128 },
    /// The counts break a law that holds of every evaluation.
    Law(laws::Law),
}

impl From<Spent> for EngineLimit {
    fn from(_: Spent) -> EngineLimit {
        EngineLimit::TooMuchWork
    }
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

/// The kinds of steps of one mapping by the rule of MAESTRO, for the time at other bandwidths; `None` where its steps
/// follow no pattern and are executed one by one.
///
/// # Errors
/// As [`count`].
pub fn steps(mapping: &Legal<Mapping>) -> Result<Option<Steps>, EngineLimit> {
    Counter::new(mapping)?.steps(mapping)
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
    if counts.timing.neighbour_cycles > longest {
        bound = Bound::Neighbours;
    }
    bound
}
