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
//! A step exists if the head has something to do in it: pieces of a clipped piece that begin past its end are no
//! steps. A tensor of which nothing is said is retained at the innermost point of which its tile depends
//! ([`Group::innermost`]) and refetched: an inner loop that does not index it does not fetch it again.
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
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Access {
    /// Index into [`Group::tensors`].
    pub tensor: usize,
    pub dims: Vec<Index>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Index {
    /// `constant + sum of coefficient * floor(rank / divisor)`; what lies outside the tensor touches nothing.
    Affine {
        terms: Vec<IndexTerm>,
        constant: i64,
    },
    /// The whole extent, whatever the ranks are (a flattened map read by a fully connected layer).
    Whole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
    /// Bits of an element of which only a part has been summed up: of the head's result, where a loop cuts what the
    /// head reduces over. `bits` of everything else.
    pub partial_bits: u32,
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
/// The indices of a loop run over the extent of the outer loop's *full* piece (of the rank, where there is no outer
/// loop over it), divided by `size` and rounded up; what begins past a clipped piece is no step. Rank 10 in pieces of 4
/// and those in pieces of 2 are 2 + 2 + 1 steps: the third piece, 8..10, has only one.
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

    /// Loops above the innermost point of which the tile of a tensor depends: the loops around and with the innermost
    /// one that walks a rank by which the tensor is indexed, in the head or, backwards through what the stages make, in
    /// a stage before it. 0 when no loop does.
    #[must_use]
    pub fn innermost(&self, tensor: usize) -> usize {
        let depth_of = |wanted: &[Vec<usize>], tensor: usize| {
            let dims = wanted.get(tensor).map_or(&[][..], Vec::as_slice);
            dims.iter().copied().max().unwrap_or(0)
        };
        // By tensor and dimension: loops above the innermost one that moves it.
        let mut wanted: Vec<Vec<usize>> = self
            .tensors
            .iter()
            .map(|known| vec![0; known.extents.len()])
            .collect();
        for (at, stage) in self.stages.iter().enumerate().rev() {
            let mut ranks = vec![0usize; stage.ranks.len()];
            let (Some(made), head) = (stage.accesses.last(), at == self.head()) else {
                continue;
            };
            if head {
                for (depth, tile) in self.loops.iter().enumerate() {
                    if let Some(rank) = ranks.get_mut(tile.rank) {
                        *rank = depth + 1;
                    }
                }
            } else if let Some(dims) = wanted.get(made.tensor) {
                for (index, &depth) in made.dims.iter().zip(dims) {
                    for rank in ranks_of(index) {
                        if let Some(known) = ranks.get_mut(rank) {
                            *known = depth.max(*known);
                        }
                    }
                }
            }
            let touched = stage.accesses.len() - usize::from(!head);
            for access in stage.accesses.iter().take(touched) {
                let Some(dims) = wanted.get_mut(access.tensor) else {
                    continue;
                };
                for (index, depth) in access.dims.iter().zip(dims) {
                    for rank in ranks_of(index) {
                        *depth = ranks.get(rank).copied().unwrap_or(0).max(*depth);
                    }
                }
            }
        }
        depth_of(&wanted, tensor)
    }
}

/// The ranks in an index.
fn ranks_of(index: &Index) -> impl Iterator<Item = usize> + '_ {
    let terms = match index {
        Index::Affine { terms, .. } => terms.as_slice(),
        Index::Whole => &[],
    };
    terms.iter().map(|term| term.rank)
}
