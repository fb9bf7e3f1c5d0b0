//! A fused group: layers that run together, tile by tile of the last one's output.
//!
//! Problem: `Fuse expand, depthwise, project { tile project.P by 1 { ... } }` computes one row of `project` at a
//! time, and of the layers before it just what that row needs and nobody holds. A [`Group`] says what is
//! computed (stages with affine accesses to shared tensors), in which pieces (loops over the head's ranks) and,
//! for every tensor, how long its elements are kept and what happens to those that are wanted again after that.
//!
//! Semantics (fused layers, LoopTree): the loops give iteration vectors `i` in lexicographic order. With `k`
//! loops above the retention point of tensor T,
//!
//! ```text
//! prior_k(i) = { j before i with j_1..k = i_1..k }  +  { j : j_1..k-1 = i_1..k-1, j_k = i_k - 1 }   (k >= 1)
//! prior_0(i) = { j before i }                        nothing kept: empty
//! R_T(i) = union over consumers of A(Theta(i))       required, inside the tensor
//! B_T(i) = union of R_T(j) over j in prior_k(i)      held
//! X = R intersect B                                  reused
//! F = (R - X) intersect D, D = union of R_T(j) over all j before i, only if T is refetched
//! C = R - X - F                                      computed now (tensors made in the group), or first fetched
//! Theta_p(i) = the result ranks of C, times all reduction ranks of the producer p
//! ```
//!
//! Only `C` travels upstream. Along every tensor required = reused + refetched + computed.
//!
//! Invariants (kept by `lower`, relied on by the engine):
//! * stages are in topological order, producers first; the last one is the head and has the only result that no
//!   other stage reads;
//! * a stage's result is indexed by distinct ranks, each alone with coefficient 1: an element has one box of
//!   operations;
//! * every tensor has one producer at most; loops walk ranks of the head.

use super::{Operation, OperationKind, RankId};

/// Layers that run together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Producers before their consumers; the head is the last.
    pub stages: Vec<Stage>,
    pub tensors: Vec<GroupTensor>,
    /// Over ranks of the head, outermost first.
    pub loops: Vec<TileLoop>,
    pub overlap: Overlap,
}

/// One layer of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    pub ranks: Vec<StageRank>,
    /// Operands first, the result last, as in [`Operation::tensors`].
    pub accesses: Vec<Access>,
    pub kind: OperationKind,
    /// The layer as the single-layer engine takes it.
    pub operation: Operation,
}

/// A rank of a stage: a rank of its operation, or two that the fused tensors see as one (the groups and the
/// channels of each of a grouped convolution: channel = inner extent * outer + inner).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageRank {
    pub extent: u64,
    pub outer: RankId,
    pub inner: Option<RankId>,
}

/// How a stage touches a tensor: one index per dimension of the tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Index into [`Group::tensors`].
    pub tensor: usize,
    pub dims: Vec<Index>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Index {
    /// `constant + sum of coefficient * floor(rank / divisor)`; what lies outside the tensor touches nothing.
    Affine {
        terms: Vec<IndexTerm>,
        constant: i64,
    },
    /// The whole extent, whatever the ranks are (a flattened map read by a fully connected layer).
    Whole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexTerm {
    /// Index into [`Stage::ranks`].
    pub rank: usize,
    pub coefficient: i64,
    /// At least 1; 1 but for the operands of grouped convolutions.
    pub divisor: u64,
}

/// A tensor of the group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupTensor {
    pub extents: Vec<u64>,
    /// Bits of one element.
    pub bits: u32,
    /// The stage that makes it; `None` for inputs and weights.
    pub producer: Option<usize>,
    /// Wanted outside of the group: the head's result, and what layers outside read.
    pub escapes: bool,
    /// Loops above its retention point; `None`: nothing is kept from one step to the next.
    pub keep: Option<usize>,
    pub fate: Fate,
    /// The memory that holds its window, from the outside in; never 0.
    pub memory: usize,
}

/// What happens to an element that is wanted again after it left the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// That does not happen: legality shows it.
    Retain,
    /// The producer computes it again; only tensors made in the group and read in it.
    Recompute,
    /// It is read from the backing store; what is made in the group was written there when it was computed.
    Refetch,
}

/// A loop over a rank of the head, in pieces; the last piece is clipped. Of several loops over one rank the inner
/// one divides the piece of the outer one.
///
/// The number of trips is the same in every step: the extent of the outer loop's *full* piece (of the rank, where
/// there is no outer loop over it), divided by `size` and rounded up. Rank 10 in pieces of 4 and those in pieces of
/// 2 are 3 * 2 steps; the last one begins past the clipped piece 8..10, is empty, and counts as a step in which
/// nothing is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileLoop {
    /// Index into the head's [`Stage::ranks`].
    pub rank: usize,
    /// Extent of a piece, at least 1.
    pub size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// The stages share the hardware: a step ends when the last stage has.
    Sequence,
    /// Every stage has its own: stage `s` starts on step `t` when it has finished step `t - 1` and stage `s - 1`
    /// step `t`.
    Pipeline,
}

impl Group {
    /// The stage whose result no other one reads.
    #[must_use]
    pub fn head(&self) -> usize {
        self.stages.len().saturating_sub(1)
    }

    /// The tensor that a stage makes.
    #[must_use]
    pub fn result(&self, stage: usize) -> Option<usize> {
        Some(self.stages.get(stage)?.accesses.last()?.tensor)
    }
}
