//! What the shared buffer needs by the paper: twice the unique data of the array in two consecutive steps (section 4.4).
//!
//! Example: Fig. 8 on 85 clusters: a step has 87 input rows of 3 columns and 3 channels, 2 kernels of 3 channels and 3 x 3,
//! and 85 rows of 2 channels of one output column. The next step is one column further: both together have 4 input
//! columns, the same kernels, and 2 output columns. The buffer has twice that.
//!
//! Two steps are one step of a loop with windows twice as far apart. So the innermost loop that turns gets another around
//! it, of two windows of its own, and the tile inside that one is measured as legality measures tiles.

use crate::ir::{Loop, LoopKind, Mapping, Move, groups};
use crate::legality::Footprint;

/// Bits, and the memory that they are in: the one from which the innermost memory is filled, if it is on the chip; `None` if
/// there is none, or the innermost loop moves several ranks at once.
pub(super) fn required(mapping: &Mapping) -> Option<u128> {
    let private = mapping.architecture.memories.len().checked_sub(1)?;
    let held = mapping.schedule.positions.get(private)?;
    // Where each tensor of the innermost memory is from; what comes from outside of the chip takes no buffer.
    let parents: Vec<Option<usize>> = (0..held.len())
        .map(|tensor| {
            held[tensor]?;
            let inside = (1..private).rev();
            inside
                .filter(|&memory| mapping.schedule.positions[memory][tensor].is_some())
                .find(|&memory| is_outside(mapping, memory, private))
        })
        .collect();
    let memory = parents.iter().flatten().max().copied()?;
    let mut two = mapping.clone();
    let place = match turning(mapping) {
        Some(at) => {
            let around = pair(mapping.schedule.loops.get(at)?)?;
            insert(&mut two, at, around);
            at + 1
        }
        None => two.schedule.steps,
    };
    let shared = two.architecture.memories.get_mut(memory)?;
    (shared.double_buffered, shared.banks) = (false, 1);
    let row: Vec<Option<usize>> = parents.iter().map(|parent| parent.map(|_| place)).collect();
    let (bits, _) = Footprint::new(&two).required(memory, &row)?;
    bits.checked_mul(2)
}

/// Puts a loop before another one; tiles stay inside the same loops.
fn insert(mapping: &mut Mapping, at: usize, around: Loop) {
    let schedule = &mut mapping.schedule;
    schedule.loops.insert(at, around);
    schedule.steps += 1;
    schedule.leaf += 1;
    for place in schedule.positions.iter_mut().flatten().flatten() {
        *place += usize::from(*place > at);
    }
}

/// Whether some array lies between the memories.
fn is_outside(mapping: &Mapping, memory: usize, private: usize) -> bool {
    let above = |at: usize| {
        let memory = mapping.architecture.memories.get(at);
        memory.map(|memory| memory.arrays_above)
    };
    above(memory) < above(private)
}

/// The innermost loop of the steps that has more than one window, or more than one fold.
fn turning(mapping: &Mapping) -> Option<usize> {
    let mut last = None;
    for group in groups(mapping) {
        let mut state = group.whole();
        for own in &group.loops {
            if own.index >= mapping.schedule.steps {
                break;
            }
            let folds = group.windows_in(&state, own).div_ceil(own.instances.max(1));
            if folds > 1 {
                last = last.max(Some(own.index));
            }
            state = group.step(&state, own, 0);
        }
    }
    last
}

/// A temporal loop whose windows are two steps of `inside`.
fn pair(inside: &Loop) -> Option<Loop> {
    let [one] = inside.moves.as_slice() else {
        return None;
    };
    let step = inside.instances().checked_mul(one.offset)?;
    let reach = step.checked_mul(2)? - one.offset;
    let around = Move {
        size: reach.checked_add(one.size)?,
        offset: step.checked_mul(2)?,
        ..*one
    };
    Some(Loop {
        moves: std::iter::once(around).collect(),
        kind: LoopKind::Temporal,
        level: inside.level,
        origin: inside.origin,
    })
}
