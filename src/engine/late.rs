//! Which instances of a memory are handed no sum.
//!
//! Problem: four PEs with a register file and an accumulator each add to the same sums, and the array joins them on
//! the way up. When the sums come down again, the first PE gets them; the others begin anew. So in the first step
//! of the accumulators the register file of the first PE hands a sum down, and those of the others have none:
//! their ports are free for operands. In the steps after, every register file has a sum of its own.
//!
//! Where all PEs have equal operands the first one is the busiest, and nothing has to be known of the others. Where
//! they differ (a kernel over the PEs, and padding on the first one) every kind of instance is looked at, and
//! of an instance that is *late* the sums begin where they begin in the memory below the array.
//!
//! Whether a sum has begun there is a product over groups. A loop that adds to sums begins them anew if, between it
//! and the place of that memory, some loop moves the sums: then they have left in the meantime. Otherwise only
//! its first trip begins them.

use super::crossing::Sharing;
use super::flows::{Boundary, Flows};
use super::forced::Turning;
use super::sets::Indices;
use crate::ir::{Axis, GroupLoops, Intervals, Mapping};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// Numbers of boundaries.
pub(super) type Late = SmallVec<[usize; 1]>;

/// Memories below arrays whose instances add to the same sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// The arrays between each of them and the memory above. Where there are several, which of them says when sums
    /// begin depends on the instance: that is no product, and such instances are not timed here.
    pub arrays: SmallVec<[(usize, usize); 1]>,
    /// Sums go on to a memory further inside.
    pub inside: bool,
    /// The loops of a group, as a set of their numbers, in whose later trips sums begin anew in the first of them.
    pub renews: u32,
}

/// Whether sums begin in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fresh {
    /// No step before had them.
    pub ever: bool,
    /// None had them since they came into the memory of the [`Arrival`].
    pub here: bool,
}

impl Fresh {
    pub const YES: Fresh = Fresh {
        ever: true,
        here: true,
    };
}

/// The boundaries that bring sums over an array into a memory below which it is seen when they begin: by a
/// boundary inside, or by a port.
pub(super) fn boundaries(mapping: &Mapping, flows: &Flows) -> Vec<usize> {
    let result = mapping.operation.result();
    let brings = |number: &usize| {
        let at = &flows.boundaries[*number];
        let inside = |b: &Boundary| b.parent == at.child && b.tensors.contains(&result);
        at.above < at.below
            && at.tensors.contains(&result)
            && (flows.boundaries.iter().any(inside) || times_issues(flows, result))
    };
    (0..flows.boundaries.len()).filter(brings).collect()
}

/// Whether the sums of the lanes pass a port or link with a bandwidth.
fn times_issues(flows: &Flows, result: usize) -> bool {
    let lanes = flows.lanes..flows.sites.len();
    lanes.into_iter().any(|number| {
        let slots = &flows.sites[number].slots;
        flows.uses[number]
            .iter()
            .any(|one| slots[one.slot].tensor == result)
    })
}

/// The boundaries of [`boundaries`] over whose arrays some group spreads a loop that adds to sums.
pub(super) fn spread(mapping: &Mapping, flows: &Flows, loops: &[GroupLoops]) -> Late {
    let spread = |number: &usize| {
        let at = &flows.boundaries[*number];
        loops.iter().flatten().any(|l| {
            l.instances > 1
                && l.array.is_some_and(|a| (at.above..at.below).contains(&a))
                && adds(mapping, l.index)
        })
    };
    flows.late.iter().copied().filter(spread).collect()
}

/// Whether a loop moves a rank that the result does not have: a second visit adds to the sums.
fn adds(mapping: &Mapping, index: usize) -> bool {
    let result = &mapping.operation.tensors[mapping.operation.result()];
    mapping.schedule.loops[index].moves.iter().any(|m| {
        let mut terms = result.dims.iter().flat_map(|dim| &dim.terms);
        matches!(m.axis, Axis::Rank(rank) if !terms.any(|term| term.rank == rank))
    })
}

impl Arrival {
    /// What a group with the loops `own` has to know of some boundaries. `turns`: what every loop of the schedule does.
    pub fn new(
        mapping: &Mapping,
        flows: &Flows,
        late: &Late,
        own: &GroupLoops,
        turns: &[Turning],
    ) -> Option<Arrival> {
        let boundary = |&number: &usize| &flows.boundaries[number];
        let child = late.first().map(boundary)?.child;
        let place = mapping.schedule.positions[child][mapping.operation.result()]?;
        let moves = |at: &Turning| at.moves_result && at.trips;
        let renews = |index: usize| {
            index < place && adds(mapping, index) && turns[index + 1..place].iter().any(moves)
        };
        Some(Arrival {
            arrays: late
                .iter()
                .map(boundary)
                .map(|b| (b.above, b.below))
                .collect(),
            inside: (flows.boundaries.iter())
                .any(|b| b.parent == child && b.tensors.contains(&mapping.operation.result())),
            renews: own.iter().enumerate().fold(0, |set, (number, l)| {
                set | u32::from(renews(l.index)) << (number & 31)
            }),
        })
    }

    /// Of some instances below `above` arrays, those that are late. `tiles`: what they have of the result, by their
    /// places.
    pub fn late(
        &self,
        sharing: &Sharing,
        above: usize,
        tiles: &BTreeMap<Indices, Intervals>,
    ) -> BTreeSet<Indices> {
        let over = |array: usize| {
            let mut outside = self.arrays.iter().filter(|arrays| arrays.1 <= above);
            outside.any(|&(from, to)| (from..to).contains(&array))
        };
        let is_late = |key: &Indices, tile: &Intervals| {
            sharing
                .loops
                .iter()
                .take(key.len())
                .enumerate()
                .any(|(at, l)| {
                    let between = l.array.is_some_and(over);
                    if !between || key[at] == 0 {
                        return false;
                    }
                    let mut first = key.clone();
                    first[at] = 0;
                    tiles.get(&first).is_some_and(|own| own.common(tile) > 0)
                })
        };
        let late = tiles.iter().filter(|(key, tile)| is_late(key, tile));
        late.map(|(key, _)| key.clone()).collect()
    }
}
