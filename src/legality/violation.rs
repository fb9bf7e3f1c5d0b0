//! What is wrong with a mapping, as data: directives, points, numbers; the prose is in `prose`.

use crate::ir::{Axis, Loop, Origin, RankId};

/// One move of one loop of the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directive {
    /// Index into `Schedule::loops`.
    pub index: usize,
    /// Index into `Loop::moves`.
    pub number: usize,
    pub axis: Axis,
    pub size: u64,
    pub offset: u64,
    pub origin: Origin,
    pub spatial: bool,
}

impl Directive {
    /// Move `number` of `l`, which is loop `index`. A loop always has a move.
    pub(super) fn of(l: &Loop, index: usize, number: usize) -> Directive {
        let m = l.moves[number];
        let origin = if m.origin == Origin::NONE {
            l.origin
        } else {
            m.origin
        };
        Directive {
            index,
            number,
            axis: m.axis,
            size: m.size,
            offset: m.offset,
            origin,
            spatial: l.array().is_some(),
        }
    }
}

/// Why a mapping is not legal.
#[derive(Clone, Debug, PartialEq)]
pub enum Violation {
    /// E0401: the window is larger than the whole dimension, or size or offset is 0.
    Bound { directive: Directive, extent: u64 },
    /// E0402: a point is in no tile.
    Uncovered(Box<Uncovered>),
    /// E0403: a point is in two tiles.
    Doubled(Box<Doubled>),
    /// E0404: spatial maps of uncoupled dimensions move together: only a diagonal is performed.
    Diagonal(Box<Diagonal>),
    /// E0405: more instances than the array has.
    Clusters {
        array: usize,
        used: u64,
        available: u64,
        /// One per spatial loop over the array.
        directives: Vec<Directive>,
    },
    /// E0406: no complete window ever fits: nothing is produced.
    Incomplete(Box<Incomplete>),
    /// E0307: an extent, size or offset past [`super::LARGEST`].
    TooLarge {
        /// `None`: an extent of the layer.
        directive: Option<Directive>,
        value: u64,
    },
    /// E0602: too many irregular windows to judge.
    Undecided {
        /// The innermost directive that does not simply partition its dimension.
        directive: Option<Directive>,
        ranks: Vec<RankId>,
    },
    /// E0501: a memory holds more than it can.
    Overfull(Box<Overfull>),
    /// E0602: the tiles of a memory are too irregular to measure.
    Unmeasured { memory: usize },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Uncovered {
    /// The first uncovered point, by rank.
    pub point: Vec<u64>,
    /// Along this rank, and with the other coordinates of `point`, ...
    pub rank: RankId,
    /// ... `first..end` is uncovered.
    pub range: (u64, u64),
    /// Points (MACs) that are in no tile; `None` when they were not counted.
    pub missed: Option<u128>,
    /// Which directive passes them by.
    pub directive: Directive,
    pub repair: Option<Repair>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Doubled {
    /// The first point that is performed more than once, by rank.
    pub point: Vec<u64>,
    /// Two of its performances: the windows of every loop over the ranks concerned, outermost first.
    pub doers: [Vec<Doer>; 2],
    /// Performances (MACs) beyond the first of each point; `None` when they were not counted.
    pub surplus: Option<u128>,
    /// Where the two performances part.
    pub directive: Directive,
    pub repair: Option<Repair>,
}

/// Which window of one loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doer {
    pub directive: Directive,
    /// The trip of a temporal loop, the fold of a spatial one.
    pub step: u64,
    /// The instance of a spatial loop.
    pub instance: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Diagonal {
    /// The directives that move together.
    pub directives: Vec<Directive>,
    /// The first point off the diagonal.
    pub point: Vec<u64>,
    pub missed: Option<u128>,
    /// The whole layer.
    pub volume: Option<u128>,
    pub repair: Option<Repair>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Incomplete {
    /// The window over input rows, or over the kernel, that is too small.
    pub directive: Directive,
    /// Index into `Operation::windows`.
    pub window: usize,
    /// Input rows that an instance has at most ...
    pub rows: u64,
    /// ... and that its kernel window spans.
    pub span: u64,
    pub repair: Option<Repair>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Overfull {
    pub memory: usize,
    /// Bits that one instance must hold, double buffering counted.
    pub need: u128,
    pub have: u128,
    pub double_buffered: bool,
    /// Banks of the memory; every tensor takes whole ones.
    pub banks: u64,
    /// Per held tensor, in tensor order.
    pub tensors: Vec<Need>,
    /// Per directive that alone could make it fit: the largest size with which it does.
    pub fits: Vec<Fit>,
    /// The first of `fits` that leaves the mapping legal otherwise.
    pub repair: Option<Repair>,
    /// Where no directive can: a rank that nothing cuts, and pieces of it with which it fits.
    pub whole: Option<Whole>,
}

/// A rank that is mapped whole, and what a loop over it outside all others would make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    pub rank: RankId,
    /// The largest pieces with which it fits.
    pub size: u64,
    /// Bits that are needed then.
    pub need: u128,
    /// The memory keeps a tensor from before the first loop on, and the new loop has to stand before that.
    pub kept_outside: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    pub tensor: usize,
    /// The largest tile of one instance.
    pub elements: u64,
    /// Of that tile, once.
    pub bits: u128,
    /// Bits of the whole banks that it takes, once; `bits` where there are none.
    pub taken: u128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    pub directive: Directive,
    pub size: u64,
    pub offset: u64,
}

/// A change of one directive after which the mapping was judged again and found better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repair {
    pub directive: Directive,
    pub change: Change,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Resize {
        size: u64,
        offset: u64,
    },
    /// The spatial map becomes a temporal map of the same numbers.
    Temporal,
}

impl Overfull {
    /// Bits that would be needed without banks, if only they make it too much.
    #[must_use]
    pub fn decided_by_banks(&self) -> Option<u128> {
        let sum: u128 = self.tensors.iter().map(|need| need.bits).sum();
        let without = sum * (1 + u128::from(self.double_buffered));
        (self.banks > 1 && without <= self.have).then_some(without)
    }
}

impl Violation {
    /// The change that repairs it, where one was found.
    #[must_use]
    pub fn repair(&self) -> Option<Repair> {
        match self {
            Violation::Uncovered(v) => v.repair,
            Violation::Doubled(v) => v.repair,
            Violation::Diagonal(v) => v.repair,
            Violation::Incomplete(v) => v.repair,
            Violation::Overfull(v) => v.repair,
            Violation::Bound { directive, extent } => Some(Repair {
                directive: *directive,
                change: Change::Resize {
                    size: *extent,
                    offset: *extent,
                },
            }),
            _ => None,
        }
    }
}
