//! Which schedules are searched.
//!
//! Problem: the user knows some things about a good mapping and leaves the rest open. A space is all schedules in
//! loop form on the memories of the accelerator that keep to what he said:
//!
//! * per rank a chain of extents, from the whole rank to the leaf tile, one for every *block* of the nest (the loops
//!   in time of one level, or one axis of an array);
//! * per block in time an order of the loops that make more than one trip;
//! * per tensor and memory whether the tensor is held there, and where its tile lies.
//!
//! For `FC K = 4` on a buffer in front of two PEs the blocks are: loops over the tiles of the backing store, the
//! axis of the array. A [`Skeleton`] is the list of blocks and the places of the tiles between them; a [`Candidate`]
//! fills it in. Two candidates that differ in no loop with more than one trip are one.
//!
//! Invariants: the spreads of one axis are in the order of the ranks, and their trips multiply to at most the axis;
//! no spread is folded (folds are a loop in time outside of it).

use crate::ir::{
    Architecture, Axis, Loop, LoopKind, Move, Operation, Origin, RankId, Schedule, Tensor,
};
use std::collections::{BTreeMap, BTreeSet};

/// Which extents a piece may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pieces {
    /// All that [`Tiles`] allows.
    Any,
    /// Divisors of what the piece is cut from, even if other extents are imperfect.
    Divisors,
    /// One piece: no loop.
    Whole,
    /// One of these; one that is larger than what it is cut from does not count.
    OneOf(Vec<u64>),
}

/// Extents where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tiles {
    /// Every extent divides the one outside.
    Perfect,
    /// Any extent that is not larger than the one outside.
    Imperfect,
}

/// Orders of the loops of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orders {
    /// One per set of tensors that stay while the innermost loops run.
    Dominant,
    All,
}

/// Where the tiles of the tensors of one memory lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Places {
    /// All after the same loops.
    Together,
    /// Each tensor after loops of its own.
    Apart,
}

/// Whether a memory holds a tensor that it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Held,
    Bypassed,
    Either,
}

/// What the user said about the space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    pub tiles: Tiles,
    pub orders: Orders,
    pub places: Places,
    /// By memory of the level outside and rank: the loops in time.
    pub time: BTreeMap<(usize, usize), Pieces>,
    /// By array, axis and rank.
    pub space: BTreeMap<(usize, usize, usize), Pieces>,
    /// Axes of arrays over which one rank at most is spread.
    pub single: BTreeSet<(usize, usize)>,
    /// By memory: ranks whose loops keep this order, outermost first.
    pub order: BTreeMap<usize, Vec<usize>>,
    /// By memory and tensor; [`Keep::Held`] where nothing is said.
    pub keep: BTreeMap<(usize, usize), Keep>,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            tiles: Tiles::Perfect,
            orders: Orders::Dominant,
            places: Places::Together,
            time: BTreeMap::new(),
            space: BTreeMap::new(),
            single: BTreeSet::new(),
            order: BTreeMap::new(),
            keep: BTreeMap::new(),
        }
    }
}

/// One group of loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Loops over tiles of the memories of `level`, whose first is `memory`.
    Time { level: usize, memory: usize },
    /// One axis of an array.
    Space {
        array: usize,
        axis: usize,
        size: u64,
    },
}

/// The blocks, outermost first, and the places of the tiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skeleton {
    pub blocks: Vec<Block>,
    /// Per memory and tensor how many blocks lie outside the tile; `None` if the tensor is not held.
    pub places: Vec<Vec<Option<usize>>>,
    /// Blocks outside the place of the innermost memory.
    pub steps: usize,
}

/// One schedule of a space.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Candidate {
    pub skeleton: usize,
    /// Per block in time, the ranks with more than one trip, outermost first; empty for blocks in space.
    pub orders: Vec<Vec<usize>>,
    /// Per rank, per block: the extent of a piece after the block.
    pub extents: Vec<Vec<u64>>,
}

/// Whether some index of `tensor` has `rank`.
#[must_use]
pub fn indexes(tensor: &Tensor, rank: usize) -> bool {
    let mut terms = tensor.dims.iter().flat_map(|dim| &dim.terms);
    terms.any(|term| term.rank.index() == rank && term.coefficient != 0)
}

/// All skeletons that the rules allow, in a fixed order: everything held comes first.
#[must_use]
pub fn skeletons(
    operation: &Operation,
    architecture: &Architecture,
    rules: &Rules,
) -> Vec<Skeleton> {
    let tensors = operation.tensors.len();
    let memories = architecture.memories.len();
    // Pairs of which both ways are open.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut held = vec![vec![false; tensors]; memories];
    for (memory, at) in architecture.memories.iter().enumerate() {
        for (tensor, known) in operation.tensors.iter().enumerate() {
            let may = memory == 0 || at.holds.contains(known.role);
            let keep = rules
                .keep
                .get(&(memory, tensor))
                .copied()
                .unwrap_or(Keep::Held);
            if memory == 0 || may && keep == Keep::Held {
                held[memory][tensor] = true;
            } else if may && keep == Keep::Either {
                held[memory][tensor] = true;
                open.push((memory, tensor));
            }
        }
    }
    let mut found = Vec::new();
    for bits in 0..1u64 << open.len().min(20) {
        let mut held = held.clone();
        for (number, &(memory, tensor)) in open.iter().enumerate() {
            if bits >> number & 1 == 1 {
                held[memory][tensor] = false;
            }
        }
        // Of memories side by side one holds a tensor.
        let twice = (0..tensors).any(|tensor| {
            (0..memories).any(|a| {
                (a + 1..memories).any(|b| {
                    held[a][tensor]
                        && held[b][tensor]
                        && architecture.memories[a].level == architecture.memories[b].level
                })
            })
        });
        if !twice {
            place(architecture, rules, &held, &mut found);
        }
    }
    found.dedup();
    found
}

fn place(
    architecture: &Architecture,
    rules: &Rules,
    held: &[Vec<bool>],
    found: &mut Vec<Skeleton>,
) {
    let tensors = held[0].len();
    let mut levels: Vec<usize> = architecture.memories.iter().map(|m| m.level).collect();
    levels.dedup();
    let of_level = |level: usize| -> Vec<usize> {
        let memories = architecture.memories.iter().enumerate();
        memories
            .filter(|(_, m)| m.level == level)
            .map(|(number, _)| number)
            .collect()
    };
    let mut open = vec![Skeleton {
        blocks: Vec::new(),
        places: held
            .iter()
            .enumerate()
            .map(|(memory, row)| {
                row.iter()
                    .map(|&h| (h && memory == 0).then_some(0))
                    .collect()
            })
            .collect(),
        steps: 0,
    }];
    let spaces = |from: usize, to: usize| -> Vec<Block> {
        let mut axes = Vec::new();
        for array in from..to {
            for (axis, &size) in architecture.arrays[array].shape.iter().enumerate() {
                axes.push(Block::Space { array, axis, size });
            }
        }
        axes
    };
    for pair in levels.windows(2) {
        let Some(&outer) = of_level(pair[0]).first() else {
            continue;
        };
        let Some(&inner) = of_level(pair[1]).first() else {
            continue;
        };
        let time = Block::Time {
            level: pair[0],
            memory: outer,
        };
        let above = architecture.memories[outer].arrays_above;
        let below = architecture.memories[inner].arrays_above;
        let resident: Vec<usize> = (0..tensors)
            .filter(|&tensor| {
                of_level(pair[1])
                    .into_iter()
                    .any(|memory| held[memory][tensor])
            })
            .collect();
        // A level that holds nothing cuts nothing.
        let idle = resident.is_empty() && above == below;
        let ways = match rules.places {
            Places::Together => vec![vec![resident.clone()]],
            Places::Apart => weak_orders(&resident),
        };
        let mut next = Vec::new();
        for skeleton in &open {
            for way in &ways {
                let mut skeleton = skeleton.clone();
                if !idle {
                    skeleton.blocks.push(time);
                    skeleton.blocks.extend(spaces(above, below));
                }
                for (number, set) in way.iter().enumerate() {
                    if number > 0 {
                        skeleton.blocks.push(time);
                    }
                    for memory in of_level(pair[1]) {
                        for &tensor in set {
                            if held[memory][tensor] {
                                skeleton.places[memory][tensor] = Some(skeleton.blocks.len());
                            }
                        }
                    }
                }
                skeleton.steps = skeleton.blocks.len();
                next.push(skeleton);
            }
        }
        open = next;
    }
    let Some(&last) = levels.last() else { return };
    let Some(&innermost) = of_level(last).first() else {
        return;
    };
    let above = architecture.memories[innermost].arrays_above;
    for mut skeleton in open {
        if above < architecture.arrays.len() {
            skeleton.blocks.push(Block::Time {
                level: last,
                memory: innermost,
            });
            skeleton
                .blocks
                .extend(spaces(above, architecture.arrays.len()));
        }
        found.push(skeleton);
    }
}

/// All ways to put `items` one after another, several of them at one place allowed.
fn weak_orders(items: &[usize]) -> Vec<Vec<Vec<usize>>> {
    if items.is_empty() {
        return vec![vec![Vec::new()]];
    }
    let mut found = Vec::new();
    for first in 1u32..1 << items.len() {
        let (mut here, mut rest) = (Vec::new(), Vec::new());
        for (number, &item) in items.iter().enumerate() {
            if first >> number & 1 == 1 {
                here.push(item);
            } else {
                rest.push(item);
            }
        }
        if rest.is_empty() {
            found.push(vec![here]);
        } else {
            for mut way in weak_orders(&rest) {
                way.insert(0, here.clone());
                found.push(way);
            }
        }
    }
    found
}

impl Skeleton {
    /// The schedule of a candidate.
    #[must_use]
    pub fn schedule(&self, operation: &Operation, candidate: &Candidate) -> Schedule {
        let mut loops = Vec::new();
        let mut before = vec![0; self.blocks.len() + 1];
        for (number, block) in self.blocks.iter().enumerate() {
            let outside = |rank: usize| match number {
                0 => operation.ranks[rank],
                _ => candidate.extents[rank][number - 1],
            };
            match *block {
                Block::Time { .. } => {
                    for &rank in &candidate.orders[number] {
                        let size = candidate.extents[rank][number];
                        loops.push(one_loop(rank, size, LoopKind::Temporal));
                    }
                }
                Block::Space { array, .. } => {
                    for rank in 0..operation.ranks.len() {
                        let size = candidate.extents[rank][number];
                        let instances = outside(rank).div_ceil(size);
                        if instances > 1 {
                            loops.push(one_loop(
                                rank,
                                size,
                                LoopKind::Spatial { array, instances },
                            ));
                        }
                    }
                }
            }
            before[number + 1] = loops.len();
        }
        let positions = self.places.iter();
        Schedule {
            positions: positions
                .map(|row| {
                    row.iter()
                        .map(|place| place.map(|blocks| before[blocks]))
                        .collect()
                })
                .collect(),
            steps: before[self.steps],
            leaf: loops.len(),
            loops,
        }
    }
}

pub(crate) fn one_loop(rank: usize, size: u64, kind: LoopKind) -> Loop {
    let step = Move {
        axis: Axis::Rank(RankId(rank as u8)),
        size,
        offset: size,
        origin: Origin::NONE,
    };
    Loop {
        moves: std::iter::once(step).collect(),
        kind,
        level: 0,
        origin: Origin::NONE,
    }
}

/// The numbers that divide `extent`, each once.
pub(super) fn divisors(extent: u64) -> impl Iterator<Item = u64> {
    let small = (1..).take_while(move |&small| small <= extent / small);
    let small = small.filter(move |&small| extent.is_multiple_of(small));
    small.flat_map(move |small| {
        let large = extent / small;
        std::iter::once(small).chain((large != small).then_some(large))
    })
}

/// The chains of one rank.
pub struct Chains<'a> {
    pub rules: &'a Rules,
    pub skeleton: &'a Skeleton,
    pub rank: usize,
    pub extent: u64,
    pub thin: Thin,
    /// Per block: the largest extent that leads to pieces that all memories can hold.
    pub limits: Vec<u64>,
    /// Blocks in time from here on have no loop of the rank.
    pub upto: usize,
    /// Per block the number of its run; the rank has one loop at most in the blocks of a run.
    pub runs: Vec<usize>,
}

/// The chains that were found so far.
struct List {
    most: usize,
    /// Of the whole extent.
    divisors: Vec<u64>,
    found: Vec<Vec<u64>>,
}

/// Which imperfect pieces are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thin {
    None,
    /// Those that a smaller one with as many trips replaces, and of pieces of pieces in time all but those of 1, 2, 3, 4,
    /// 6, 8, 16, 32 ... trips and those of one point.
    Fine,
    /// Of pieces of pieces all but those of 1, 16, 256 ... trips (with an array 1, 4, 16 ...) and those of one point.
    Coarse,
}

/// Which loops in time of the rank lie outside of a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// None.
    First,
    Again,
    /// One that does what a loop in the block would do.
    Replaced,
}

impl Chains<'_> {
    /// What a piece of block `number` may be, cut from `outside`; of more than `most` imperfect ones as many and one more.
    fn options(&self, number: usize, outside: u64, cut: Cut, list: &List) -> Vec<u64> {
        let mut found = Vec::new();
        let in_time = matches!(self.skeleton.blocks[number], Block::Time { .. });
        if in_time && (number >= self.upto || cut == Cut::Replaced) {
            found.push(outside);
            return found;
        }
        let limit = self.limits[number].min(outside);
        let (pieces, most) = match self.skeleton.blocks[number] {
            Block::Time { memory, .. } => (self.rules.time.get(&(memory, self.rank)), u64::MAX),
            Block::Space { array, axis, size } => {
                (self.rules.space.get(&(array, axis, self.rank)), size)
            }
        };
        let pieces = pieces.unwrap_or(&Pieces::Any);
        match pieces {
            Pieces::Whole => found.push(outside),
            Pieces::OneOf(list) => {
                found.extend(list.iter().copied().filter(|&e| e >= 1 && e <= outside))
            }
            Pieces::Any if self.rules.tiles == Tiles::Imperfect && self.thin == Thin::None => {
                let pieces = (outside.div_ceil(most)..=limit).rev();
                found.extend(pieces.take(list.most.saturating_add(1)));
            }
            Pieces::Any if self.rules.tiles == Tiles::Imperfect && in_time && cut == Cut::Again => {
                let spreads = |block: &Block| matches!(block, Block::Space { .. });
                let (step, more): (usize, &[u64]) = match self.thin {
                    Thin::None | Thin::Fine => (1, &[3, 6]),
                    // What is spread has to fit the array as well.
                    Thin::Coarse if self.skeleton.blocks.iter().any(spreads) => (2, &[]),
                    Thin::Coarse => (4, &[]),
                };
                let powers = (0..u64::BITS).step_by(step).map(|bits| 1 << bits);
                let trips = powers.take_while(|&trips| trips < outside);
                let trips = trips.chain(more.iter().copied()).chain([outside]);
                found.extend(trips.map(|trips| outside.div_ceil(trips)));
            }
            Pieces::Any if self.rules.tiles == Tiles::Imperfect => {
                let mut trips = outside.div_ceil(limit.max(1));
                while trips <= outside && found.len() <= list.most {
                    let extent = outside.div_ceil(trips);
                    found.push(extent);
                    // The next number of trips that needs a smaller extent.
                    trips = if extent == 1 {
                        outside + 1
                    } else {
                        outside.div_ceil(extent - 1)
                    };
                }
            }
            Pieces::Any | Pieces::Divisors if self.extent.is_multiple_of(outside) => {
                let own = list.divisors.iter().copied();
                found.extend(own.filter(|&piece| outside.is_multiple_of(piece)));
            }
            Pieces::Any | Pieces::Divisors => found.extend(divisors(outside)),
        }
        found.retain(|&e| e <= limit && outside.div_ceil(e) <= most);
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.dedup();
        found
    }

    /// All chains, or as many as `most` and one more.
    #[must_use]
    pub fn list(&self, most: usize) -> Vec<Vec<u64>> {
        let mut list = List {
            most,
            divisors: divisors(self.extent).collect(),
            found: Vec::new(),
        };
        let mut chain = Vec::with_capacity(self.skeleton.blocks.len());
        self.extend(&mut chain, None, &mut list);
        list.found
    }

    /// `taken`: the run of the last loop in time.
    fn extend(&self, chain: &mut Vec<u64>, taken: Option<usize>, list: &mut List) {
        if list.found.len() > list.most {
            return;
        }
        let number = chain.len();
        if number == self.skeleton.blocks.len() {
            list.found.push(chain.clone());
            return;
        }
        let outside = chain.last().copied().unwrap_or(self.extent);
        let own = self.runs[number];
        let cut = match taken {
            None => Cut::First,
            Some(run) if run == own => Cut::Replaced,
            Some(_) => Cut::Again,
        };
        let options = self.options(number, outside, cut, list);
        let in_time = matches!(self.skeleton.blocks[number], Block::Time { .. });
        for extent in options {
            chain.push(extent);
            let moves = in_time && extent < outside;
            let taken = if moves { Some(own) } else { taken };
            self.extend(chain, taken, list);
            chain.pop();
        }
    }
}

/// Blocks from which on a loop in time of `rank` is of no use: no tile further in has the rank, so the loop makes none
/// smaller, and what it does one after the other a PE does as well.
#[must_use]
pub fn useful(operation: &Operation, skeleton: &Skeleton, rank: usize) -> usize {
    let tiles = skeleton.places.iter().flat_map(|row| {
        let held = row
            .iter()
            .enumerate()
            .filter(|(tensor, _)| indexes(&operation.tensors[*tensor], rank));
        held.filter_map(|(_, place)| *place)
    });
    tiles.fold(0, usize::max)
}

/// Per block the number of its run, of a rank whose pieces are pieces of every tensor that has it. Blocks in time over the
/// tiles of one memory are a run if no tile of a tensor with the rank lies between them. Two loops of the rank in a run
/// are of no more use than the inner one alone: no tile that it makes smaller lies before that, and tiles without the
/// rank, and sums, move the more often the further out a loop of it is.
#[must_use]
pub fn runs(operation: &Operation, skeleton: &Skeleton, rank: usize) -> Vec<usize> {
    let lies = |at: usize| {
        let mut rows = skeleton.places.iter();
        rows.any(|row| {
            let mut places = row.iter().enumerate();
            places.any(|(tensor, place)| {
                *place == Some(at) && indexes(&operation.tensors[tensor], rank)
            })
        })
    };
    let mut run = 0;
    let mut found = Vec::with_capacity(skeleton.blocks.len());
    for (number, block) in skeleton.blocks.iter().enumerate() {
        let goes_on = number > 0
            && matches!(block, Block::Time { .. })
            && *block == skeleton.blocks[number - 1]
            && !lies(number);
        run += usize::from(!goes_on);
        found.push(run);
    }
    found
}

/// Per block the largest extent of `rank` that leads to pieces that the memories can hold: of those whose tiles lie right
/// after it, and of those further in if there are only spreads before them, and loops in time from `upto` on, of which
/// there are none.
#[must_use]
pub fn limits(
    operation: &Operation,
    architecture: &Architecture,
    (rules, skeleton): (&Rules, &Skeleton),
    (rank, upto): (usize, usize),
) -> Vec<u64> {
    let mut limits = vec![u64::MAX; skeleton.blocks.len()];
    for (memory, row) in skeleton.places.iter().enumerate() {
        let at = &architecture.memories[memory];
        let Some(capacity) = at.capacity_bits else {
            continue;
        };
        for (tensor, place) in row.iter().enumerate() {
            let Some(block) = place.and_then(|place| place.checked_sub(1)) else {
                continue;
            };
            let known = &operation.tensors[tensor];
            // An index of the rank alone: a tile has as many elements as the piece.
            let alone = known.dims.iter().any(|dim| {
                dim.terms.len() == 1
                    && dim.constant == 0
                    && dim.terms[0].rank.index() == rank
                    && dim.terms[0].coefficient > 0
                    && (operation.ranks[rank] - 1).saturating_mul(dim.terms[0].coefficient as u64)
                        < dim.extent
            });
            if alone {
                let bits = u128::from(known.bits.min(known.partial_bits).max(1));
                let most = capacity / (1 + u128::from(at.double_buffered)) / bits;
                limits[block] = limits[block].min(u64::try_from(most).unwrap_or(u64::MAX));
            }
        }
    }
    for number in (1..limits.len()).rev() {
        let outside = match skeleton.blocks[number] {
            Block::Space { array, axis, size } => {
                let fixed = rules.space.get(&(array, axis, rank)) == Some(&Pieces::Whole);
                limits[number].saturating_mul(if fixed { 1 } else { size })
            }
            Block::Time { .. } if number >= upto => limits[number],
            Block::Time { .. } => continue,
        };
        limits[number - 1] = limits[number - 1].min(outside);
    }
    limits
}
