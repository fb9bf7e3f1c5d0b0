//! Mappings whose groups do not join as products: executed step by step, with shortened loops.
//!
//! Problem: `TemporalMap(1,1) S; SpatialMap(1,1) X` passes partial sums from PE to PE, in an order that
//! depends on all groups at once; the classes of one group (`classes`, `listing`) do not say who has a sum.
//! An execution does, but a layer has billions of steps. Nearly all of them repeat: window 7 of 512 channels
//! does what window 6 did, on other channels. So
//!
//! * [`shorten`] leaves out windows in the middle of a loop that do what the window before them does, and
//!   gives that one window their number as a weight;
//! * [`tree`] lists what is left of each group's own loops, with the tile of every instance as a set of
//!   *atoms*: runs of elements that no window takes apart;
//! * [`machine`] executes all steps that are left. [`operands`] and [`results`] keep what every instance
//!   holds, and which sums are where; [`lanes`] are the issues; [`clock`] is the time.
//!
//! A step counts as often as the windows around it say. Elements of a window that stands for others count
//! as many times where the whole loop is seen from outside, as one tile, and once inside it. Time adds up
//! the same way: a region is a maximum of sums, and each sum takes the regions inside it by their weights.
//!
//! Why it is exact: two windows with the same pieces, entered with the same tiles in place and the same sums
//! waiting (up to a shift), do the same, and leave the same behind. In a loop over a rank that is alone in
//! its group windows are disjoint; what the third window finds is what the second found. Where windows
//! overlap (input rows), only those are left out that are further from either end than any window reaches.

mod clock;
mod lanes;
mod layout;
mod machine;
mod operands;
mod places;
mod results;
mod shorten;
mod tally;
mod tree;

use super::counts::Counts;
use super::plan::Counter;
use super::{EngineLimit, TimingRule};
use crate::base::limits;
use crate::ir::Mapping;

/// [`limits::EXECUTED_STEPS`].
pub const MOST_STEPS: u64 = limits::EXECUTED_STEPS;

/// Counts one legal mapping, of the layer and accelerator that `counter` was made for.
pub(super) fn run(
    counter: &Counter,
    mapping: &Mapping,
    rule: TimingRule,
) -> Result<Counts, EngineLimit> {
    let short = shorten::shorten(counter, mapping);
    let own;
    let of_short = if short.is_whole() {
        counter
    } else {
        own = Counter::new(&short.mapping)?;
        &own
    };
    machine::Machine::new(of_short, &short, rule)?.run(counter, mapping)
}
