//! Whether a sum that is not complete ever lies in a memory: then it needs the wider format there.
//!
//! A sum is complete when every point of its reduction has been added. It lies incomplete in a memory unless
//! whatever is delivered to that memory is complete when it arrives: no loop in time outside the tile that is
//! sent up cuts the reduction, and where instances share it their network adds the parts up.

use crate::ir::{Axis, Mapping, OperationKind, RankId, window_count};
use smallvec::SmallVec;

/// Whether outputs in `memory` need the format of partial sums, its tile of the result lying as
/// `mapping.schedule.positions` say of the memories inside it.
#[must_use]
pub fn incomplete(mapping: &Mapping, memory: usize) -> bool {
    if mapping.operation.kind == OperationKind::Elementwise {
        return false;
    }
    let reduced = reduced(mapping);
    if !reduced.iter().any(|&reduced| reduced) {
        return false;
    }
    let architecture = &mapping.architecture;
    let result = mapping.operation.result();
    let positions = &mapping.schedule.positions;
    let inner = (memory + 1..positions.len()).find_map(|inner| {
        positions[inner]
            .get(result)
            .copied()
            .flatten()
            .map(|p| (inner, p))
    });
    let above = architecture.memories[memory].arrays_above;
    // Without a memory further in the lanes deliver, an issue at a time.
    let (place, below) = match inner {
        Some((inner, place)) => (place, architecture.memories[inner].arrays_above),
        None => (mapping.schedule.loops.len(), architecture.arrays.len()),
    };
    let mut extents: SmallVec<[u64; 16]> = mapping.operation.ranks.iter().copied().collect();
    for l in &mapping.schedule.loops[..place.min(mapping.schedule.loops.len())] {
        let mut cuts = false;
        let mut windows = u64::MAX;
        for m in &l.moves {
            if let Axis::Rank(rank) = m.axis {
                let extent = &mut extents[rank.index()];
                let count = window_count(*extent, m.size, m.offset);
                *extent = m.size.min(*extent);
                if reduced[rank.index()] {
                    cuts |= count > 1;
                    windows = windows.min(count);
                }
            }
        }
        if !cuts {
            continue;
        }
        let joined = l.array().is_some_and(|array| {
            let gathered = array >= below;
            let added = array >= above && architecture.arrays[array].network.reduction;
            gathered || added
        });
        if !joined || windows > l.instances() {
            return true;
        }
    }
    // What a lane does one after the other is delivered product by product.
    inner.is_none()
        && reduced
            .iter()
            .zip(&extents)
            .any(|(&r, &extent)| r && extent > 1)
}

/// The ranks over which the result is summed: those it does not have, and those that share an index of it (a
/// transposed convolution brings several of their points to one element).
fn reduced(mapping: &Mapping) -> SmallVec<[bool; 16]> {
    let operation = &mapping.operation;
    let dims = &operation.tensors[operation.result()].dims;
    (0..operation.ranks.len())
        .map(|rank| {
            !dims.iter().any(|dim| {
                dim.terms.len() == 1 && dim.terms.iter().any(|term| term.rank == id(rank))
            })
        })
        .zip(&operation.ranks)
        .map(|(reduced, &extent)| reduced && extent > 1)
        .collect()
}

fn id(rank: usize) -> RankId {
    RankId(u8::try_from(rank).unwrap_or(u8::MAX))
}
