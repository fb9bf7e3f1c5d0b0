//! How many candidates a space has, exactly, without listing them.
//!
//! Chains of different ranks are independent but for three things: the spreads of an axis must fit together, the
//! loops of a block may stand in any order, and some axes take one rank only. So the chains of each rank are counted
//! by what matters to these (which blocks have a loop of it, how many trips its spreads make), and the ranks are
//! joined. `K = 4` in two blocks in time with perfect pieces: 6 chains, of which 2 have loops in neither block
//! or only in the first, and so on.

use crate::ir::Operation;
use crate::search::big::Natural;
use crate::search::space::{Block, Pieces, Rules, Skeleton, Tiles, divisors};
use crate::search::ways::{Axis, Entry, Loops, Orders, Trips, Ways};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// The largest extent of which every piece is tried.
const LARGEST: u64 = 1 << 18;

/// Per block: of a block in time 1 if there is a loop, of one in space the trips.
type Shape = SmallVec<[u64; 8]>;

/// Candidates of all skeletons: everything that the rules allow, whatever the memories hold; every order of the loops
/// of a block counts. `None` when there are too many extents or blocks to be counted in reasonable time.
#[must_use]
pub fn candidates(operation: &Operation, skeletons: &[Skeleton], rules: &Rules) -> Option<Natural> {
    let mut sum = Natural::default();
    for skeleton in skeletons {
        sum.add(&of_skeleton(operation, skeleton, rules)?);
    }
    Some(sum)
}

fn of_skeleton(operation: &Operation, skeleton: &Skeleton, rules: &Rules) -> Option<Natural> {
    let blocks = &skeleton.blocks;
    // Where each block in time counts its loops, and those of them whose order is fixed.
    let mut counted = Vec::new();
    let (mut axes, mut numbers) = (Vec::new(), 0);
    for block in blocks {
        match *block {
            Block::Time { memory, .. } => {
                let fixed = rules.order.contains_key(&memory);
                counted.push((numbers, fixed.then_some(numbers + 1)));
                numbers += 1 + usize::from(fixed);
            }
            Block::Space { array, axis, size } => axes.push(Axis {
                size,
                single: rules.single.contains(&(array, axis)),
            }),
        }
    }
    let mut parts = Vec::new();
    for (rank, &extent) in operation
        .ranks
        .iter()
        .enumerate()
        .filter(|rank| *rank.1 > 1)
    {
        let entry = |(shape, ways): (Shape, Natural)| {
            let (mut loops, mut trips) = (Loops::new(), Trips::new());
            for (block, &trip) in blocks.iter().zip(&shape) {
                match *block {
                    Block::Time { memory, .. } => {
                        loops.push(u8::from(trip > 0));
                        if let Some(order) = rules.order.get(&memory) {
                            loops.push(u8::from(trip > 0 && order.contains(&rank)));
                        }
                    }
                    Block::Space { .. } => trips.push(trip),
                }
            }
            Entry { loops, trips, ways }
        };
        let shapes = chains(extent, skeleton, rules, rank)?;
        parts.push(shapes.into_iter().map(entry).collect());
    }
    Some(Ways::new(axes, parts, Orders::All(counted))?.all())
}

/// The chains of one rank by shape; `None` when too many extents would have to be tried.
fn chains(
    extent: u64,
    skeleton: &Skeleton,
    rules: &Rules,
    rank: usize,
) -> Option<BTreeMap<Shape, Natural>> {
    // By shape, how many chains end in each extent.
    let start = Ends::from([(extent, Natural::from(1))]);
    let mut known: BTreeMap<Shape, Ends> = BTreeMap::from([(Shape::new(), start)]);
    for block in &skeleton.blocks {
        let (pieces, most) = match *block {
            Block::Time { memory, .. } => (rules.time.get(&(memory, rank)), u64::MAX),
            Block::Space { array, axis, size } => (rules.space.get(&(array, axis, rank)), size),
        };
        let pieces = pieces.unwrap_or(&Pieces::Any);
        let any = *pieces == Pieces::Any && rules.tiles == Tiles::Imperfect;
        if any && extent > LARGEST {
            return None;
        }
        let mut next: BTreeMap<Shape, Ends> = BTreeMap::new();
        for (shape, ways) in known {
            let mut to = |trips: u64, ends: Ends| {
                let mut shape = shape.clone();
                shape.push(match block {
                    Block::Time { .. } => u64::from(trips > 1),
                    Block::Space { .. } => trips,
                });
                let known = next.entry(shape).or_default();
                for (inside, ways) in ends {
                    known.entry(inside).or_default().add(&ways);
                }
            };
            match block {
                Block::Time { .. } if any => {
                    to(2, smaller(&ways));
                    to(1, ways);
                }
                Block::Space { .. } if any => {
                    for (trips, ends) in spread(&ways, most) {
                        to(trips, ends);
                    }
                }
                _ => {
                    for (&outside, ways) in &ways {
                        let mut option = |inside: u64| {
                            let trips = outside.div_ceil(inside);
                            if trips <= most {
                                to(trips, Ends::from([(inside, ways.clone())]));
                            }
                        };
                        match pieces {
                            Pieces::Whole => option(outside),
                            Pieces::OneOf(list) => {
                                let mut list: Vec<u64> = list.clone();
                                list.sort_unstable();
                                list.dedup();
                                let fit = list.iter().filter(|&&e| e >= 1 && e <= outside);
                                fit.for_each(|&e| option(e));
                            }
                            Pieces::Any | Pieces::Divisors => divisors(outside).for_each(option),
                        }
                    }
                }
            }
        }
        known = next;
    }
    let sums = known.into_iter().map(|(shape, ways)| {
        let mut sum = Natural::default();
        ways.values().for_each(|w| sum.add(w));
        (shape, sum)
    });
    Some(sums.filter(|(_, sum)| !sum.is_zero()).collect())
}

/// How many chains end in each extent.
type Ends = BTreeMap<u64, Natural>;

/// Every smaller extent is reached from all larger ones.
fn smaller(ways: &Ends) -> Ends {
    let mut above = Natural::default();
    let largest = ways.keys().next_back().copied().unwrap_or(0);
    let mut found = Vec::new();
    for inside in (1..=largest).rev() {
        if !above.is_zero() {
            found.push((inside, above.clone()));
        }
        if let Some(own) = ways.get(&inside) {
            above.add(own);
        }
    }
    found.into_iter().rev().collect()
}

/// By the trips of a spread, at most `most`: all extents from `(trips - 1) * inside + 1` to `trips * inside` are cut into
/// so many pieces of `inside`, so with the sums over all smaller extents each is a difference.
fn spread(ways: &Ends, most: u64) -> Vec<(u64, Ends)> {
    let largest = ways.keys().next_back().copied().unwrap_or(0);
    // Up to each extent, and 0.
    let mut sums = vec![Natural::default()];
    let mut sum = Natural::default();
    for extent in 1..=largest {
        if let Some(own) = ways.get(&extent) {
            sum.add(own);
        }
        sums.push(sum.clone());
    }
    let upto = |extent: u64| &sums[extent.min(largest) as usize];
    let mut found = vec![(1, ways.clone())];
    for trips in 2..=most.min(largest) {
        let mut ends = Ends::new();
        for inside in 1..=largest {
            let below = (trips - 1).saturating_mul(inside);
            if below >= largest {
                break;
            }
            let all = upto(trips.saturating_mul(inside)).minus(upto(below));
            ends.extend(all.filter(|all| !all.is_zero()).map(|all| (inside, all)));
        }
        found.push((trips, ends));
    }
    found
}
