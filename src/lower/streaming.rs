//! `std.dataflows.streaming`: one pass over any layer, parallel over its output.
//!
//! The ranks that index the output are spread over the PEs, innermost rank on the innermost array; what
//! does not fit follows in time. What is spread over an array inside the innermost memory comes last, a piece
//! that this array does at once. Each PE holds one output element and walks through the ranks that are
//! summed over, `Lanes` elements of the longest of them at a time, so that partial sums never leave it. A
//! layer that nothing else serves is mapped by this; it is legal for every layer and its tiles are as small
//! as a tile can be.

use super::{Lowered, Target};
use crate::ir::{Axis, Loop, LoopKind, Mapping, Move, Origin, RankId, Schedule};
use smallvec::smallvec;

pub(super) fn lower(target: Target<'_>) -> Lowered {
    let names = target.names();
    let first_inside = target.hardware.first_inside();
    let operation = &target.desugared.operation;
    let architecture = target.hardware.architecture;
    let mut produced: Vec<usize> = Vec::new();
    if let Some(result) = operation.tensors.last() {
        for dim in &result.dims {
            // Of an index with several ranks (a transposed convolution) the first, the output's own: the
            // kernel would bring several PEs to one element.
            if let Some(term) = dim.terms.first()
                && !produced.contains(&term.rank.index())
            {
                produced.push(term.rank.index());
            }
        }
    }
    let extent = |rank: usize| operation.ranks.get(rank).copied().unwrap_or(1);
    // Which rank goes over which array, innermost rank and array first.
    let mut spatial: Vec<(usize, usize, u64)> = Vec::new();
    let sequential = target.desugared.sequential.map(RankId::index);
    let side_by_side = |rank: &usize| Some(*rank) != sequential;
    let mut ranks = produced
        .iter()
        .rev()
        .copied()
        .filter(side_by_side)
        .peekable();
    for (array, hardware) in architecture.arrays.iter().enumerate().rev() {
        let mut left = hardware.size();
        while left > 1
            && let Some(&rank) = ranks.peek()
        {
            ranks.next();
            let instances = extent(rank).min(left);
            if instances > 1 {
                spatial.push((rank, array, instances));
                left /= instances;
            }
        }
    }
    spatial.reverse();
    let mut loops: Vec<Loop> = Vec::new();
    let push = |loops: &mut Vec<Loop>, rank: usize, size: u64, kind: LoopKind| {
        if extent(rank) <= size {
            return;
        }
        let Ok(id) = u8::try_from(rank) else {
            return;
        };
        loops.push(Loop {
            moves: smallvec![Move {
                axis: Axis::Rank(RankId(id)),
                size,
                offset: size,
                origin: Origin::NONE,
            }],
            kind,
            level: 0,
            origin: Origin::NONE,
        });
    };
    for &rank in &produced {
        if !spatial.iter().any(|known| known.0 == rank) {
            push(&mut loops, rank, 1, LoopKind::Temporal);
        }
    }
    for &(rank, array, instances) in &spatial {
        if array < first_inside {
            push(&mut loops, rank, 1, LoopKind::Spatial { array, instances });
        } else {
            push(&mut loops, rank, instances, LoopKind::Temporal);
        }
    }
    let reduced: Vec<usize> = (0..operation.ranks.len())
        .filter(|rank| !produced.contains(rank))
        .collect();
    let vector = reduced
        .iter()
        .copied()
        .max_by_key(|&rank| (extent(rank), std::cmp::Reverse(rank)));
    let chunk = vector_chunk(&architecture, operation);
    for &rank in &reduced {
        let size = if Some(rank) == vector { chunk } else { 1 };
        push(&mut loops, rank, size, LoopKind::Temporal);
    }
    let steps = loops.len();
    for &(rank, array, instances) in &spatial {
        if array >= first_inside {
            push(&mut loops, rank, 1, LoopKind::Spatial { array, instances });
        }
    }
    let leaf = loops.len();
    let last = target.hardware.levels.last().copied().unwrap_or(0);
    let mut positions = Vec::with_capacity(architecture.memories.len());
    let mut automatic = Vec::new();
    for (memory, known) in architecture.memories.iter().enumerate() {
        positions.push(
            operation
                .tensors
                .iter()
                .map(|tensor| match memory {
                    0 => Some(0),
                    _ => known.holds.contains(tensor.role).then_some(steps),
                })
                .collect(),
        );
        if memory != 0 && target.hardware.levels.get(memory) != Some(&last) {
            automatic.push(memory);
        }
    }
    Lowered {
        mapping: Mapping::new(
            target.desugared.operation,
            architecture,
            Schedule {
                loops,
                positions,
                steps,
                leaf,
            },
        ),
        origins: Vec::new(),
        automatic,
        fixed: Vec::new(),
        names,
    }
}

/// How many elements of the reduction a PE takes at once: one per lane, if they fit.
fn vector_chunk(architecture: &crate::ir::Architecture, operation: &crate::ir::Operation) -> u64 {
    let lanes = architecture.lanes.max(1);
    let Some(inner) = architecture.memories.last() else {
        return 1;
    };
    let Some(capacity) = inner.capacity_bits else {
        return lanes;
    };
    let usable = if inner.double_buffered {
        capacity / 2
    } else {
        capacity
    };
    // Every operand may be as wide as the chunk: an upper bound of what the PE holds, for every lane of arrays
    // inside the memory.
    let inside = architecture.arrays.get(inner.arrays_above..).unwrap_or(&[]);
    let copies = inside.iter().fold(1u128, |product, array| {
        product.saturating_mul(array.size().into())
    });
    let bank = if inner.banks > 1 {
        (capacity / u128::from(inner.banks)).max(1)
    } else {
        1
    };
    let result = operation.result();
    let need = operation
        .tensors
        .iter()
        .enumerate()
        .fold(0u128, |sum, (at, tensor)| {
            let elements = if at == result { 1 } else { u128::from(lanes) };
            let bits = tensor.bits.max(tensor.partial_bits);
            let held = elements
                .saturating_mul(u128::from(bits))
                .saturating_mul(copies);
            // A tensor takes whole banks.
            sum.saturating_add(held.div_ceil(bank).saturating_mul(bank))
        });
    if need <= usable { lanes } else { 1 }
}
