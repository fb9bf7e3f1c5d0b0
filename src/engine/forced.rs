//! Where an idle instance has to give up its sums.
//!
//! Problem: `K` of three in two folds over two PEs leaves the second PE idle in the second fold, and it
//! keeps its sum as long as the memory above keeps a place for it. If that memory's own tile moves on
//! with the fold, or with a loop inside it, the sum leaves at once and not when the PE next works
//! (`semantics.md` 2: what leaves a memory leaves everything below it in the same step).
//!
//! Windows of a result do not overlap in regular groups, so a memory gives up everything in the step in
//! which the idling begins, or nothing until it ends. Which of the two depends on the loops alone.

use super::flows::Flows;
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
        if let Some(ground) = &plan.ground {
            let mut spot = ground.whole();
            for l in loops {
                turns[l.index] = Turning {
                    trips: ground.windows_in(&spot, l) > l.instances,
                    moves_result: moves_result(mapping, l.index),
                };
                spot = ground.step(&spot, l, 0);
            }
            continue;
        }
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

/// One memory above a boundary, of those of a boundary from the inside out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Forced {
    pub boundary: usize,
    /// Arrays above the memory.
    pub above: usize,
    /// Loops of the group in whose idle trips it gives up its sums, as a set of their numbers.
    pub loops: u32,
}

/// Where instances that idle in loops of a group give up their sums.
pub(super) fn forced(
    mapping: &Mapping,
    flows: &Flows,
    loops: &[GroupLoop],
    turns: &[Turning],
) -> SmallVec<[Forced; 4]> {
    let mut found = SmallVec::new();
    // In most groups no loop is spread, and no instance idles.
    if loops.iter().all(|l| l.instances == 1) {
        return found;
    }
    let tensor = mapping.operation.result();
    let memories = &mapping.architecture.memories;
    let positions = &mapping.schedule.positions;
    for (boundary, at) in flows.boundaries.iter().enumerate() {
        if !at.tensors.contains(&tensor) {
            continue;
        }
        for memory in (1..=at.parent).rev() {
            let Some(place) = positions[memory][tensor] else {
                continue;
            };
            let moved = |l: &GroupLoop| {
                l.index < place
                    && turns[l.index..place]
                        .iter()
                        .enumerate()
                        .any(|(n, turn)| turn.moves_result && (n == 0 || turn.trips))
            };
            let set = loops.iter().enumerate().fold(0u32, |set, (number, l)| {
                set | u32::from(moved(l)) << (number & 31)
            });
            found.push(Forced {
                boundary,
                above: memories[memory].arrays_above,
                loops: set,
            });
        }
    }
    found
}

/// Per loop of a group: whether loops of other groups turn between the loop of the group outside it and it.
pub(super) fn between(loops: &[GroupLoop], turns: &[Turning]) -> SmallVec<[bool; 6]> {
    let mut from = 0;
    loops
        .iter()
        .map(|l| {
            let turning = turns[from..l.index].iter().any(|turn| turn.trips);
            from = l.index + 1;
            turning
        })
        .collect()
}
