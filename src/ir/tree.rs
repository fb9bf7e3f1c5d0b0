//! A fused design as a tree of blocks: loops that all layers share, loops that some of them share, loops of one layer.
//!
//! Problem: two chained products of 128^3 move their compulsory 65,536 bytes with a buffer of 16,513 only if each of them
//! walks its own loops while the map between them stays whole: the first a column of its input at a time, the
//! second a column of its result. [`FusedGroup`](super::FusedGroup) has one list of loops for all layers and cannot
//! say that. Here a [`Block`] has loops over the ranks of its head and then one layer, or more blocks one after the
//! other:
//!
//! ```text
//! sequence {                                    the map between: whole                16,384
//!   g1 { tile K by 1 { Input;                   a column                                 128
//!        tile N by 1 { Weight } } }             one value                                  1
//!   g2 { tile N by 1 { Output;                  a column                                 128
//!        tile K by 1 { Weight } } }             one value                                  1
//! }
//! ```
//!
//! Semantics: those of `ir::fused` on a longer vector. The iteration vector of a layer is the list of the indices of the
//! loops on its path from the root, and steps come in lexicographic order. The head of a block is the last layer in it;
//! the loops of a block cut the operations that its head has in the current step of the loops outside, from their first
//! index of each rank on, and what begins past their end is no step. What is missing of a map is computed by its maker,
//! whose operations are then cut by the loops of the maker's own block.
//!
//! A tensor lies in a block, below some of its loops ([`Place`]). With `K` loops above it on the path, what is still there
//! in step `i` is what the earlier steps with the same first `K` indices touched, and the steps of the window just
//! before (the same first `K - 1` indices, the `K`-th one less). In a block other than the root a tensor above all the
//! block's own loops does not outlive the block: it has only the first of the two.
//!
//! Memory: a block needs the windows of what lies in it, and the most that one of its blocks needs.
//!
//! Invariants (kept by who builds one, relied on by the engine): a layer is a leaf of the tree once, in the order of the
//! list; readers come after makers, and the last layer is the only one whose result is not read; the place of a map
//! is in a block around its maker and its readers; a result is indexed by distinct ranks, each alone with coefficient 1.

use super::{Access, Fate, TileLoop};

/// Layers that run together, and what they read and make.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FusedProblem {
    /// Makers before their readers.
    pub layers: Vec<FusedLayer>,
    pub tensors: Vec<FusedTensor>,
}

/// One layer: a box of operations and what each of them touches.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FusedLayer {
    /// Extents.
    pub ranks: Vec<u64>,
    /// Operands first, the result last. Indices of terms are into `ranks`.
    pub accesses: Vec<Access>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FusedTensor {
    pub extents: Vec<u64>,
    /// Of an element; 0: neither its traffic nor its room counts (weights that have a memory of their own).
    pub bits: u32,
    /// The layer that makes it.
    pub producer: Option<usize>,
}

/// Loops and places: one of the many designs of a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FusedSchedule {
    pub root: Block,
    /// By tensor.
    pub places: Vec<Place>,
}

/// Loops over ranks of the head, the outermost first, and what happens in each step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// `rank` is an index into the head's ranks.
    pub loops: Vec<TileLoop>,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The operations of one layer.
    Layer(usize),
    /// One after the other; at least one.
    Blocks(Vec<Block>),
}

/// Where a tensor lies, and what happens to what is wanted again after it left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The way from the root: which block of each.
    pub block: Vec<usize>,
    /// Loops of that block around it.
    pub loops: usize,
    pub fate: Fate,
}

impl Block {
    /// The last layer in it; `None` only of a block without layers, which is no design.
    #[must_use]
    pub fn head(&self) -> Option<usize> {
        match &self.body {
            Body::Layer(layer) => Some(*layer),
            Body::Blocks(blocks) => blocks.last()?.head(),
        }
    }

    /// All layers in it, in order.
    #[must_use]
    pub fn layers(&self) -> Vec<usize> {
        match &self.body {
            Body::Layer(layer) => vec![*layer],
            Body::Blocks(blocks) => blocks.iter().flat_map(Block::layers).collect(),
        }
    }
}
