//! Which memory feeds which: the crossings of a mapping, from the outside in.
//!
//! Each tensor has its own chain of memories (those that hold it). Tensors with the same parent, child and
//! position share one boundary: in `DRAM -> GLB -> RF` where the GLB does not hold weights, weights cross
//! `DRAM -> RF` while inputs and outputs cross `GLB -> RF`.

use crate::engine::counts::{Bound, Counts};
use crate::ir::Mapping;
use smallvec::SmallVec;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Boundary {
    pub parent: usize,
    pub child: usize,
    /// Loops outside the child's tile.
    pub position: usize,
    /// In tensor order.
    pub tensors: SmallVec<[usize; 4]>,
}

/// The boundaries of `mapping`, outermost first: by position, then parent, then child.
pub(super) fn boundaries(mapping: &Mapping) -> Vec<Boundary> {
    let positions = &mapping.schedule.positions;
    let mut found: Vec<Boundary> = Vec::with_capacity(4);
    for tensor in 0..mapping.operation.tensors.len() {
        let mut chain = positions
            .iter()
            .enumerate()
            .filter_map(|(memory, row)| row[tensor].map(|position| (memory, position)));
        let Some((mut parent, _)) = chain.next() else {
            continue;
        };
        for (child, position) in chain {
            let same = found
                .iter_mut()
                .find(|b| (b.parent, b.child, b.position) == (parent, child, position));
            match same {
                Some(boundary) => boundary.tensors.push(tensor),
                None => found.push(Boundary {
                    parent,
                    child,
                    position,
                    tensors: SmallVec::from_slice(&[tensor]),
                }),
            }
            parent = child;
        }
    }
    found.sort_by_key(|b| (b.position, b.parent, b.child));
    found
}

/// The roofline's binding resource: whatever alone takes longest, computation first among equals.
pub(super) fn bound_of(counts: &Counts) -> Bound {
    let mut bound = Bound::Compute;
    let mut longest = counts.timing.compute_cycles;
    for (index, boundary) in counts.boundaries.iter().enumerate() {
        if boundary.transfer_cycles > longest {
            longest = boundary.transfer_cycles;
            bound = Bound::Boundary(index);
        }
    }
    bound
}
