//! The row of a group of one rank, in closed form.
//!
//! Problem: `K` of 1000 in pieces of 205 over 32 PEs has thousands of choices, and most groups are like it: one rank,
//! whose pieces are pieces of every tensor that has it. All that happens follows from the sizes of the pieces, of
//! which there are few: whole ones, and clipped ones at the end.
//!
//! * A tensor that has the rank: the pieces of all instances of a step are distinct elements. A tile is there already
//!   when all loops inside make one trip, and in instances that stood idle since.
//! * One that has not: an element per instance that works, or per set of instances that share it.
//!
//! Invariant: as `engine::GroupTables` says, or less (a kept part: or more) where instances idle.

use crate::engine::Crossed;
use crate::search::problem::Problem;
use crate::search::space::{self, Block, Skeleton};
use crate::search::tables::{Kind, Layout};
use smallvec::SmallVec;

/// Sizes of pieces, and how many there are of each.
type Pieces = SmallVec<[(u64, u64); 4]>;

/// One chain of one rank, whose loops in time lie outside of its spreads.
pub struct Partition<'a> {
    pub problem: &'a Problem,
    pub skeleton: &'a Skeleton,
    pub rank: usize,
    /// Per block.
    pub extents: &'a [u64],
    /// Loops in time: block, and 0.
    pub own: &'a [(usize, usize)],
}

/// A spread with more than one trip.
#[derive(Clone, Copy)]
struct Spread {
    array: usize,
    size: u64,
}

fn cut(pieces: &Pieces, size: u64) -> Pieces {
    let mut next = Pieces::new();
    let mut add = |size: u64, count: u64| match next.iter_mut().find(|(known, _)| *known == size) {
        Some((_, sum)) => *sum += count,
        None if count > 0 && size > 0 => next.push((size, count)),
        None => {}
    };
    for &(outside, count) in pieces {
        if outside <= size {
            add(outside, count);
        } else {
            add(size, count * (outside / size));
            add(outside % size, count);
        }
    }
    next
}

impl Partition<'_> {
    /// The factors.
    pub fn row(&self, crossed: &[Crossed]) -> Vec<f64> {
        let operation = &self.problem.operation;
        let architecture = &self.problem.architecture;
        let extent = operation.ranks[self.rank];
        let layout = Layout {
            times: self.own.len(),
            crossings: crossed.len(),
        };
        let mut factors = vec![0.0; layout.len()];
        let sizes: SmallVec<[u64; 8]> = self
            .own
            .iter()
            .map(|&(block, _)| self.extents[block])
            .collect();
        let mut spreads: SmallVec<[Spread; 4]> = SmallVec::new();
        for (number, block) in self.skeleton.blocks.iter().enumerate() {
            let outside = if number == 0 {
                extent
            } else {
                self.extents[number - 1]
            };
            if let Block::Space { array, .. } = *block
                && outside > self.extents[number]
            {
                spreads.push(Spread {
                    array,
                    size: self.extents[number],
                });
            }
        }
        // Per depth the sizes of pieces in time.
        let mut pieces: SmallVec<[Pieces; 8]> = SmallVec::new();
        pieces.push(std::iter::once((extent, 1)).collect());
        for (at, &size) in sizes.iter().enumerate() {
            pieces.push(cut(&pieces[at], size));
        }
        let times = sizes.len();
        for (c, crossing) in crossed.iter().enumerate() {
            let tensor = &operation.tensors[crossing.tensor];
            let moves = space::indexes(tensor, self.rank);
            let is_result = crossing.tensor == operation.result();
            factors[layout.unique(c)] = if moves { extent as f64 } else { 1.0 };
            let above = architecture.memories[crossing.parent].arrays_above;
            let joins = |array: usize| {
                let network = &architecture.arrays[array].network;
                array >= above
                    && if is_result {
                        network.reduction
                    } else {
                        network.multicast
                    }
            };
            let Some(child) = crossing.child else {
                let needed: u64 = if moves {
                    extent
                } else {
                    pieces[times]
                        .iter()
                        .map(|&(size, n)| n * issues(size, &spreads, &joins))
                        .sum()
                };
                for depth in 0..=times {
                    factors[layout.node(c, Kind::Tiles, depth)] = extent as f64;
                    factors[layout.node(c, Kind::Needed, depth)] = needed as f64;
                }
                continue;
            };
            let below = architecture.memories[child].arrays_above;
            let place = self.skeleton.places[child][crossing.tensor].unwrap_or(0);
            let inside = self.own.iter().filter(|(block, _)| *block < place).count();
            let whole = inside.checked_sub(1).map_or(extent, |last| sizes[last]);
            let outer = || spreads.iter().filter(|s| s.array < below);
            let tile = outer().fold(whole, |tile, spread| tile.min(spread.size));
            factors[layout.tile(c)] = if moves { tile as f64 } else { 1.0 };
            // Instances that count, for each of the sums.
            let of = |counts: &dyn Fn(usize) -> bool, size: u64| -> u64 {
                working(size, &spreads, counts)
            };
            let mut before = [0.0; 3];
            for depth in 0..=times {
                let at = depth.min(inside);
                let (mut sums, mut kept) = ([0.0; 3], 0.0);
                for &(size, count) in &pieces[at] {
                    let (first, last, later) = steps(size, &sizes[at..inside]);
                    let count = count as f64;
                    if moves {
                        sums[0] += count * first as f64;
                        sums[1] += count * first as f64;
                        sums[2] += count * last as f64;
                        let idle = match later {
                            None => first,
                            Some(later) if outer().next().is_some() => first.saturating_sub(later),
                            Some(_) => 0,
                        };
                        kept += count * idle as f64;
                    } else {
                        let all = |array: usize| array < below;
                        let parents = |array: usize| array < above;
                        let apart = |array: usize| array < below && !joins(array);
                        sums[0] += count * of(&all, first) as f64;
                        sums[1] += count
                            * if is_result {
                                of(&parents, first)
                            } else {
                                of(&apart, first)
                            } as f64;
                        sums[2] += count * of(&apart, last) as f64;
                    }
                }
                for kind in [Kind::Tiles, Kind::Needed, Kind::Held] {
                    let sum = sums[kind as usize];
                    factors[layout.node(c, kind, depth)] = sum;
                    factors[layout.node_kept(c, kind, depth)] =
                        if moves { kept.min(sum) } else { sum };
                    if depth > 0 && depth <= inside {
                        let edge = sum - before[kind as usize];
                        factors[layout.edge(c, kind, depth - 1)] = edge;
                        factors[layout.edge_kept(c, kind, depth - 1)] = match (moves, kind) {
                            (false, _) => edge,
                            (true, Kind::Held) if outer().next().is_some() => {
                                edge.min(resting(&pieces[depth - 1], &sizes[depth - 1..inside]))
                            }
                            (true, _) => 0.0,
                        };
                    }
                    before[kind as usize] = sum;
                }
            }
        }
        let every = |_: usize| true;
        let busiest: u64 = pieces[times]
            .iter()
            .map(|&(size, n)| n * issues(size, &spreads, &every))
            .sum();
        factors[layout.busiest()] = busiest as f64;
        let steps = self
            .own
            .iter()
            .filter(|(block, _)| *block < self.skeleton.steps)
            .count();
        factors[layout.steps()] = pieces[steps].iter().map(|&(_, count)| count as f64).sum();
        factors
    }
}

/// Of a piece that loops of `sizes` cut further: the first step's part, the last one's, and the largest of those after
/// the first; `None` if there is one step.
fn steps(size: u64, sizes: &[u64]) -> (u64, u64, Option<u64>) {
    let first = sizes.iter().fold(size, |first, &s| first.min(s));
    let last = sizes.iter().fold(size, |last, &s| {
        if last <= s {
            last
        } else if last.is_multiple_of(s) {
            s
        } else {
            last % s
        }
    });
    let mut pieces: Pieces = std::iter::once((size, 1)).collect();
    for &s in sizes {
        pieces = cut(&pieces, s);
    }
    let all: u64 = pieces.iter().map(|&(_, n)| n).sum();
    if all == 1 {
        return (first, last, None);
    }
    let later = pieces
        .iter()
        .filter(|&&(size, n)| size != first || n > 1)
        .map(|&(size, _)| size)
        .max();
    (first, last, Some(later.unwrap_or(0)))
}

/// Of pieces that the first of `sizes` cuts, with the others inside: what instances keep of their sums because they
/// stand idle in the clipped piece at the end.
fn resting(pieces: &Pieces, sizes: &[u64]) -> f64 {
    let Some((&size, inside)) = sizes.split_first() else {
        return 0.0;
    };
    pieces
        .iter()
        .filter(|&&(outside, _)| outside > size && !outside.is_multiple_of(size))
        .map(|&(outside, count)| {
            let (_, last, _) = steps(size, inside);
            let (first, _, _) = steps(outside % size, inside);
            count as f64 * last.saturating_sub(first) as f64
        })
        .sum()
}

/// Instances that work on a piece, of the arrays that count.
fn working(size: u64, spreads: &[Spread], counts: &dyn Fn(usize) -> bool) -> u64 {
    let Some((spread, rest)) = spreads.split_first() else {
        return 1;
    };
    if size <= spread.size {
        return working(size, rest, counts);
    }
    if !counts(spread.array) {
        return working(spread.size, rest, counts);
    }
    let clipped = match size % spread.size {
        0 => 0,
        left => working(left, rest, counts),
    };
    size / spread.size * working(spread.size, rest, counts) + clipped
}

/// Points of a piece, one at a time in each instance; those of instances that are joined count once.
fn issues(size: u64, spreads: &[Spread], joins: &dyn Fn(usize) -> bool) -> u64 {
    let Some((spread, rest)) = spreads.split_first() else {
        return size;
    };
    if size <= spread.size {
        return issues(size, rest, joins);
    }
    if joins(spread.array) {
        return issues(spread.size, rest, joins);
    }
    let clipped = match size % spread.size {
        0 => 0,
        left => issues(left, rest, joins),
    };
    size / spread.size * issues(spread.size, rest, joins) + clipped
}
