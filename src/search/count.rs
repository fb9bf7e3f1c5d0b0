//! How many candidates a space has, exactly, without listing them.
//!
//! Chains of different ranks are independent but for three things: the spreads of an axis must fit together, the
//! loops of a block may stand in any order, and some axes take one rank only. So the chains of each rank are counted
//! by what matters to these (which blocks have a loop of it, how many trips its spreads make), and the ranks are
//! joined. `K = 4` in two blocks in time with perfect pieces: 6 chains, of which 2 have loops in neither block
//! or only in the first, and so on.

use crate::ir::Operation;
use crate::search::big::Natural;
use crate::search::space::{Block, Pieces, Rules, Skeleton, Tiles};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// Per block: of a block in time 1 if there is a loop, of one in space the trips.
type Shape = SmallVec<[u32; 8]>;

/// Candidates of all skeletons: everything that the rules allow, whatever the memories hold; every order of the loops
/// of a block counts.
#[must_use]
pub fn candidates(operation: &Operation, skeletons: &[Skeleton], rules: &Rules) -> Natural {
    let mut sum = Natural::default();
    for skeleton in skeletons {
        sum.add(&of_skeleton(operation, skeleton, rules));
    }
    sum
}

/// What was joined so far, per block: loops and those of them whose order is fixed; or trips, and whether one rank is
/// spread.
type State = SmallVec<[(u32, u32); 8]>;

fn of_skeleton(operation: &Operation, skeleton: &Skeleton, rules: &Rules) -> Natural {
    let blocks = &skeleton.blocks;
    let start: State = blocks
        .iter()
        .map(|block| match block {
            Block::Time { .. } => (0, 0),
            Block::Space { .. } => (1, 0),
        })
        .collect();
    let mut states: BTreeMap<State, Natural> = BTreeMap::from([(start, Natural::from(1))]);
    for rank in 0..operation.ranks.len() {
        if operation.ranks[rank] == 1 {
            continue;
        }
        let shapes = chains(operation.ranks[rank], skeleton, rules, rank);
        let mut next: BTreeMap<State, Natural> = BTreeMap::new();
        for (state, count) in &states {
            'shapes: for (shape, ways) in &shapes {
                let mut state = state.clone();
                for (number, block) in blocks.iter().enumerate() {
                    let (sum, mark) = &mut state[number];
                    match *block {
                        Block::Time { memory, .. } => {
                            *sum += shape[number];
                            let fixed = rules
                                .order
                                .get(&memory)
                                .is_some_and(|order| order.contains(&rank));
                            *mark += shape[number] * u32::from(fixed);
                        }
                        Block::Space { array, axis, size } => {
                            let all = u64::from(*sum) * u64::from(shape[number]);
                            let spread = shape[number] > 1;
                            let twice =
                                spread && *mark > 0 && rules.single.contains(&(array, axis));
                            if all > size || twice {
                                continue 'shapes;
                            }
                            *sum = all as u32;
                            *mark |= u32::from(spread);
                        }
                    }
                }
                next.entry(state).or_default().add(&count.times(ways));
            }
        }
        states = next;
    }
    let mut sum = Natural::default();
    for (state, count) in states {
        let orders = blocks
            .iter()
            .zip(&state)
            .fold(count, |product, (block, &(loops, fixed))| match block {
                Block::Time { .. } => (fixed.max(1) + 1..=loops)
                    .fold(product, |p, n| p.times(&Natural::from(u64::from(n)))),
                Block::Space { .. } => product,
            });
        sum.add(&orders);
    }
    sum
}

/// The chains of one rank by shape.
fn chains(
    extent: u64,
    skeleton: &Skeleton,
    rules: &Rules,
    rank: usize,
) -> BTreeMap<Shape, Natural> {
    let size = extent as usize + 1;
    let mut start = vec![Natural::default(); size];
    start[extent as usize] = Natural::from(1);
    let mut known: BTreeMap<Shape, Vec<Natural>> = BTreeMap::from([(Shape::new(), start)]);
    for block in &skeleton.blocks {
        let (pieces, most) = match *block {
            Block::Time { memory, .. } => (rules.time.get(&(memory, rank)), u64::MAX),
            Block::Space { array, axis, size } => (rules.space.get(&(array, axis, rank)), size),
        };
        let pieces = pieces.unwrap_or(&Pieces::Any);
        let mut next: BTreeMap<Shape, Vec<Natural>> = BTreeMap::new();
        for (shape, ways) in &known {
            let mut to = |trips: u64, inside: usize, ways: &Natural| {
                let mut shape = shape.clone();
                shape.push(match block {
                    Block::Time { .. } => u32::from(trips > 1),
                    Block::Space { .. } => trips as u32,
                });
                let list = next
                    .entry(shape)
                    .or_insert_with(|| vec![Natural::default(); size]);
                list[inside].add(ways);
            };
            let any = *pieces == Pieces::Any && rules.tiles == Tiles::Imperfect;
            if any && matches!(block, Block::Time { .. }) {
                // Every smaller extent is reached from all larger ones.
                let mut above = Natural::default();
                for inside in (1..size).rev() {
                    to(1, inside, &ways[inside]);
                    if !above.is_zero() {
                        to(2, inside, &above);
                    }
                    above.add(&ways[inside]);
                }
                continue;
            }
            for outside in (1..size).filter(|&outside| !ways[outside].is_zero()) {
                let mut option = |inside: usize| {
                    let trips = (outside as u64).div_ceil(inside as u64);
                    if trips <= most {
                        to(trips, inside, &ways[outside]);
                    }
                };
                match pieces {
                    Pieces::Whole => option(outside),
                    Pieces::OneOf(list) => {
                        let mut list: Vec<u64> = list.clone();
                        list.sort_unstable();
                        list.dedup();
                        list.iter()
                            .filter(|&&e| e >= 1 && e <= outside as u64)
                            .for_each(|&e| option(e as usize));
                    }
                    Pieces::Any if any => (1..=outside).for_each(option),
                    Pieces::Any | Pieces::Divisors => {
                        (1..=outside)
                            .filter(|&e| outside.is_multiple_of(e))
                            .for_each(option);
                    }
                }
            }
        }
        known = next;
    }
    known
        .into_iter()
        .map(|(shape, ways)| {
            let mut sum = Natural::default();
            ways.iter().for_each(|w| sum.add(w));
            (shape, sum)
        })
        .filter(|(_, sum)| !sum.is_zero())
        .collect()
}
