//! The oracle of the search: nested loops over every candidate, each judged and counted by the engine.
//!
//! No tables, no bounds, no classes: ranks one after the other, extents from the outside in, then all orders. It is
//! what [`crate::search::run`] must agree with on small spaces, and what a certificate of a small space is checked against.

use crate::engine::Counter;
use crate::ir::Operation;
use crate::search::goal::Goal;
use crate::search::judge::Judge;
use crate::search::space::{self, Block, Candidate, Pieces, Rules, Skeleton, Tiles};
use crate::search::tables::permutations;

/// What an enumeration found.
#[derive(Clone, Debug)]
pub struct Enumerated {
    /// What is best by each of them.
    pub goals: Vec<Goal>,
    pub candidates: u64,
    pub legal: u64,
    /// Legal, but not countable.
    pub uncounted: u64,
}

/// Enumerates a space; `None` when it has more than `most` candidates.
pub fn enumerate(
    judge: &Judge,
    operation: &Operation,
    skeletons: &[Skeleton],
    rules: &Rules,
    goals: Vec<Goal>,
    most: u64,
) -> Option<Enumerated> {
    let mut found = Enumerated {
        goals,
        candidates: 0,
        legal: 0,
        uncounted: 0,
    };
    for (number, skeleton) in skeletons.iter().enumerate() {
        let mut extents = Vec::new();
        rank(
            judge,
            operation,
            skeleton,
            number,
            rules,
            &mut extents,
            &mut found,
            most,
        )?;
    }
    Some(found)
}

#[allow(clippy::too_many_arguments)]
fn rank(
    judge: &Judge,
    operation: &Operation,
    skeleton: &Skeleton,
    number: usize,
    rules: &Rules,
    extents: &mut Vec<Vec<u64>>,
    found: &mut Enumerated,
    most: u64,
) -> Option<()> {
    if extents.len() == operation.ranks.len() {
        return orders(
            judge, operation, skeleton, number, rules, extents, found, most,
        );
    }
    let mut chains = vec![Vec::new()];
    for block in &skeleton.blocks {
        let mut longer = Vec::new();
        for chain in &chains {
            let outside = chain
                .last()
                .copied()
                .unwrap_or(operation.ranks[extents.len()]);
            for extent in 1..=outside {
                if allowed(rules, block, extents.len(), outside, extent) {
                    let mut chain: Vec<u64> = chain.clone();
                    chain.push(extent);
                    longer.push(chain);
                }
            }
        }
        chains = longer;
    }
    for chain in chains {
        extents.push(chain);
        let fits = skeleton
            .blocks
            .iter()
            .enumerate()
            .all(|(b, block)| match *block {
                Block::Time { .. } => true,
                Block::Space { size, array, axis } => {
                    let trips: Vec<u64> = (0..extents.len())
                        .map(|r| trips(operation, extents, r, b))
                        .collect();
                    let single = rules.single.contains(&(array, axis));
                    trips.iter().product::<u64>() <= size
                        && !(single && trips.iter().filter(|&&n| n > 1).count() > 1)
                }
            });
        if fits {
            rank(
                judge, operation, skeleton, number, rules, extents, found, most,
            )?;
        }
        extents.pop();
    }
    Some(())
}

fn trips(operation: &Operation, extents: &[Vec<u64>], rank: usize, block: usize) -> u64 {
    let outside = if block == 0 {
        operation.ranks[rank]
    } else {
        extents[rank][block - 1]
    };
    outside.div_ceil(extents[rank][block])
}

fn allowed(rules: &Rules, block: &Block, rank: usize, outside: u64, extent: u64) -> bool {
    let pieces = match *block {
        Block::Time { memory, .. } => rules.time.get(&(memory, rank)),
        Block::Space { array, axis, size } => {
            if outside.div_ceil(extent) > size {
                return false;
            }
            rules.space.get(&(array, axis, rank))
        }
    };
    match pieces.unwrap_or(&Pieces::Any) {
        Pieces::Any => rules.tiles == Tiles::Imperfect || outside.is_multiple_of(extent),
        Pieces::Divisors => outside.is_multiple_of(extent),
        Pieces::Whole => extent == outside,
        Pieces::OneOf(list) => list.contains(&extent),
    }
}

#[allow(clippy::too_many_arguments)]
fn orders(
    judge: &Judge,
    operation: &Operation,
    skeleton: &Skeleton,
    number: usize,
    rules: &Rules,
    extents: &[Vec<u64>],
    found: &mut Enumerated,
    most: u64,
) -> Option<()> {
    let mut all: Vec<Vec<Vec<usize>>> = vec![Vec::new()];
    for (b, block) in skeleton.blocks.iter().enumerate() {
        let mut ways = vec![Vec::new()];
        if let Block::Time { memory, .. } = block {
            let moving: Vec<usize> = (0..extents.len())
                .filter(|&r| trips(operation, extents, r, b) > 1)
                .collect();
            ways = permutations(&moving);
            if let Some(fixed) = rules.order.get(memory) {
                ways.retain(|way| {
                    let places: Vec<usize> = way
                        .iter()
                        .filter_map(|r| fixed.iter().position(|f| f == r))
                        .collect();
                    places.is_sorted()
                });
            }
        }
        let ways = &ways;
        all = all
            .iter()
            .flat_map(|known| {
                ways.iter().map(move |way| {
                    let mut longer = known.clone();
                    longer.push(way.clone());
                    longer
                })
            })
            .collect();
    }
    for orders in all {
        found.candidates += 1;
        if found.candidates > most {
            return None;
        }
        let candidate = Candidate {
            skeleton: number,
            orders,
            extents: extents.to_vec(),
        };
        match judge.exact(skeleton.schedule(operation, &candidate)) {
            Ok(exact) => {
                found.legal += 1;
                for goal in &mut found.goals {
                    goal.take(&exact.figures, &candidate);
                }
            }
            Err(crate::search::judge::Unfit::Uncounted(_)) => found.uncounted += 1,
            Err(_) => {}
        }
    }
    Some(())
}

/// As [`enumerate`], with all that it needs made from the problem.
pub fn of(
    problem: &crate::search::problem::Problem,
    counter: &Counter,
    rules: &Rules,
    goals: Vec<Goal>,
    most: u64,
) -> Option<Enumerated> {
    let judge = Judge::new(problem, counter);
    let skeletons = space::skeletons(&problem.operation, &problem.architecture, rules);
    enumerate(&judge, &problem.operation, &skeletons, rules, goals, most)
}
