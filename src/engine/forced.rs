//! Where an idle instance has to give up its sums.
//!
//! Problem: `K` of three in two folds over two PEs leaves the second PE idle in the second fold, and it
//! keeps its sum as long as the memory above keeps a place for it. If that memory's own tile moves on
//! with the fold, or with a loop inside it, the sum leaves at once and not when the PE next works
//! (`semantics.md` 2: what leaves a memory leaves everything below it in the same step).
//!
//! Windows of a result do not overlap in regular groups, so a memory gives up everything in the step in
//! which the idling begins, or nothing until it ends. Which of the two depends on the loops alone.

use super::flows::{Crossing, Flows};
use super::plan::Plan;
use crate::ir::{Axis, GroupLoop, GroupLoops, Mapping};
use smallvec::SmallVec;
use std::rc::Rc;

/// What one loop of the schedule does.
#[derive(Clone, Copy, Default)]
pub(super) struct Turning {
    /// It makes more than one trip.
    pub trips: bool,
    /// It moves the result's tile.
    pub moves_result: bool,
}

/// What every loop of the schedule does; loops that do nothing turn nothing.
pub(super) fn turning(
    mapping: &Mapping,
    plans: &[Rc<Plan>],
    loops: &[GroupLoops],
) -> SmallVec<[Turning; 16]> {
    let mut turns = SmallVec::from_elem(Turning::default(), mapping.schedule.loops.len());
    for (plan, loops) in plans.iter().zip(loops) {
        let mut state = plan.group.whole();
        for l in loops {
            let reach = plan.group.windows_in(&state, l);
            turns[l.index] = Turning {
                trips: reach > l.instances,
                moves_result: moves_result(mapping, l.index),
            };
            state = plan.group.step(&state, l, 0);
        }
    }
    turns
}

fn moves_result(mapping: &Mapping, index: usize) -> bool {
    let result = &mapping.operation.tensors[mapping.operation.result()];
    mapping.schedule.loops[index]
        .moves
        .iter()
        .any(|m| match m.axis {
            Axis::Window(_) => true,
            Axis::Rank(rank) => {
                let mut terms = result.dims.iter().flat_map(|dim| &dim.terms);
                terms.any(|term| term.rank == rank)
            }
        })
}

/// Per site and slot: loops of a group in whose idle trips sums are given up, as a set of their numbers.
pub(super) fn forced(
    mapping: &Mapping,
    flows: &Flows,
    loops: &[GroupLoop],
    turns: &[Turning],
) -> SmallVec<[SmallVec<[u32; 4]>; 6]> {
    flows
        .sites
        .iter()
        .map(|site| {
            site.slots
                .iter()
                .map(|slot| match slot.crossing {
                    Crossing::Boundary(b) if slot.is_result => set(
                        mapping,
                        flows.boundaries[b].parent,
                        slot.tensor,
                        loops,
                        turns,
                    ),
                    _ => 0,
                })
                .collect()
        })
        .collect()
}

fn set(
    mapping: &Mapping,
    parent: usize,
    tensor: usize,
    loops: &[GroupLoop],
    turns: &[Turning],
) -> u32 {
    // In most mappings the parent is the backing store, or no loop is spread.
    if parent == 0 || loops.iter().all(|l| l.instances == 1) {
        return 0;
    }
    let memories = &mapping.architecture.memories;
    let positions = &mapping.schedule.positions;
    let mut found = 0;
    let mut array = None;
    for (number, l) in loops.iter().enumerate() {
        if l.instances > 1 {
            array = l.array;
        }
        let Some(array) = array else { continue };
        // The innermost memory above that does not idle with the instance.
        let place = (1..=parent)
            .rev()
            .filter_map(|memory| Some((memory, positions[memory][tensor]?)))
            .find(|&(memory, _)| memories[memory].arrays_above <= array)
            .map(|(_, place)| place);
        let Some(place) = place else { continue };
        if l.index >= place {
            continue;
        }
        let moved = turns[l.index].moves_result
            || turns[l.index + 1..place]
                .iter()
                .any(|turn| turn.trips && turn.moves_result);
        found |= u32::from(moved) << number;
    }
    found
}
