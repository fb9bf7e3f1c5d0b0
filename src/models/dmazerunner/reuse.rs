//! Reuse by the order of loops, and the few classes of orders that matter.
//!
//! A tensor stays in place while the innermost loops do not index it: its reuse at a level is the product of
//! the factors of the maximal innermost run of such loops, loops of one trip skipped. As every loop with more
//! than one trip indexes at least two of the three tensors, at most one tensor per level has a reuse above 1.
//!
//! Of all orders only those count that put *all* idle loops of one tensor innermost (output-, weight-,
//! input-stationary): with fewer of them the same tensor has a smaller reuse, no other tensor has any, and
//! neither cycles nor energy fall when a reuse falls. (A tensor is kept in the register files only if its
//! reuse is the whole SPM pass; with fewer idle loops innermost that happens only if the others have one
//! trip, and then the reuse is the same.) Depthwise, the loop C indexes all tensors; an order with C
//! innermost has no reuse at all and is a class of its own.

use super::layer::{DIMS, Dim, Factors, Layer, TENSORS, Tensor};

/// Reuse of each tensor at one level.
pub type Reuse = [u64; TENSORS];

/// Reuse of each tensor under one order, from the outermost loop to the innermost.
#[must_use]
pub fn by_order(layer: &Layer, factors: &Factors, order: &[Dim; DIMS]) -> Reuse {
    Tensor::ALL.map(|tensor| {
        order
            .iter()
            .rev()
            .filter(|dim| factors[dim.index()] > 1)
            .take_while(|dim| layer.idle(**dim) == Some(tensor))
            .map(|dim| factors[dim.index()])
            .product()
    })
}

/// The reuse of every class of orders at a level: for each tensor that can stay, that it stays through all its
/// idle loops; and no reuse at all, if the level has no loops or a loop that all tensors need.
pub fn classes(idle: &[u64; TENSORS], all: u64) -> impl Iterator<Item = Reuse> + use<> {
    let idle = *idle;
    let none = all > 1 || idle == [1; TENSORS];
    (0..TENSORS)
        .filter(move |x| idle[*x] > 1)
        .map(move |x| {
            let mut reuse = [1; TENSORS];
            reuse[x] = idle[x];
            reuse
        })
        .chain(none.then_some([1; TENSORS]))
}
