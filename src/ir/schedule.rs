//! In which order and where it is computed: one list of loops, and a place in it for every tile.

use super::RankId;
use smallvec::SmallVec;

/// Where a node came from; the driver resolves it to a span when a message is needed. An index into a
/// table that `lower` returns beside the mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(pub u32);

impl Origin {
    /// A node that nothing in the source stands for.
    pub const NONE: Origin = Origin(u32::MAX);
}

/// The loops and the places of the tiles among them.
#[derive(Debug, PartialEq)]
pub struct Schedule {
    /// Outermost first, all cluster levels in one list.
    pub loops: Vec<Loop>,
    /// `positions[memory][tensor]`: how many loops lie outside the tile of `tensor` in `memory`; `None`
    /// when the memory does not hold the tensor. Row 0 (the backing store) is all `Some(0)`.
    pub positions: Vec<Vec<Option<usize>>>,
    /// Place of the innermost memory: loops before this are steps of the PEs. At least as large as every
    /// position.
    pub steps: usize,
    /// Place of the leaf tile, whose points are performed in issues. Equal to `steps` unless an array lies
    /// inside the innermost memory: then the loops between lie inside one step. Loops from here on only
    /// order the accesses inside the leaf tile; every spatial loop lies before it.
    pub leaf: usize,
}

impl Clone for Schedule {
    fn clone(&self) -> Schedule {
        Schedule {
            loops: self.loops.clone(),
            positions: self.positions.clone(),
            steps: self.steps,
            leaf: self.leaf,
        }
    }

    /// Into lists that are there already: a search forms its candidates one after the other.
    fn clone_from(&mut self, source: &Schedule) {
        self.loops.clone_from(&source.loops);
        self.positions.clone_from(&source.positions);
        (self.steps, self.leaf) = (source.steps, source.leaf);
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loop {
    /// What moves, all together, by one window per trip. One move for a temporal loop; several for the
    /// spatial maps of one cluster level, which move together.
    pub moves: SmallVec<[Move; 2]>,
    pub kind: LoopKind,
    /// Cluster level, 0 = outermost. Output windows follow from input and kernel windows at the end of
    /// each level. Never decreases along the list.
    pub level: u32,
    pub origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    pub axis: Axis,
    /// Extent of one window; at least 1.
    pub size: u64,
    /// Distance of consecutive windows; at least 1.
    pub offset: u64,
    pub origin: Origin,
}

/// What a loop walks over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Axis {
    Rank(RankId),
    /// The padded input axis of [`super::Operation::windows`] (`Y` or `X` of a convolution).
    Window(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopKind {
    Temporal,
    /// Window `w` goes to instance `w % instances` in fold `w / instances`; the folds are a temporal
    /// loop at this place of the list.
    Spatial {
        /// Index into [`super::Architecture::arrays`].
        array: usize,
        /// At least 1.
        instances: u64,
    },
}

impl Loop {
    /// Instances over which the loop spreads; 1 for a temporal loop.
    #[must_use]
    pub fn instances(&self) -> u64 {
        match self.kind {
            LoopKind::Temporal => 1,
            LoopKind::Spatial { instances, .. } => instances,
        }
    }

    /// The array of a spatial loop.
    #[must_use]
    pub fn array(&self) -> Option<usize> {
        match self.kind {
            LoopKind::Temporal => None,
            LoopKind::Spatial { array, .. } => Some(array),
        }
    }
}

/// How many windows of `size` at distance `offset` start inside `extent` before its end is reached; the
/// last one is clipped, none is empty. Zero for an empty extent.
#[must_use]
pub fn window_count(extent: u64, size: u64, offset: u64) -> u64 {
    if extent == 0 {
        0
    } else if offset > size {
        extent.div_ceil(offset)
    } else if extent <= size {
        1
    } else {
        (extent - size).div_ceil(offset) + 1
    }
}
