//! The best method of a join, proved.
//!
//! Tiles of the SPM are taken in the order of what any method in them costs at least, and within a tile the
//! items in the order of what they cost at least; both end when the bound exceeds the best found. Tiles are
//! taken in rounds: all tiles of a round see the best of the rounds before, so that what is counted does
//! not depend on the number of threads.

use super::problem::{Item, Join};
use super::tiles::Tile;
use crate::models::dmazerunner::profile::picojoule;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// What to minimise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objective {
    Energy,
    Cycles,
    /// Energy (rounded to a picojoule) times cycles.
    Edp,
}

impl Objective {
    /// All three.
    pub const ALL: [Objective; 3] = [Objective::Edp, Objective::Energy, Objective::Cycles];

    /// The score of a method with this energy, in units of `unit` attojoule, and these cycles. It grows with both,
    /// so the score of two lower bounds is a lower bound of the score.
    #[must_use]
    pub fn score(self, energy: u64, cycles: u64, unit: u64) -> Score {
        let value = match self {
            Objective::Energy => u128::from(energy),
            Objective::Cycles => u128::from(cycles),
            Objective::Edp => u128::from(picojoule(energy, unit)) * u128::from(cycles),
        };
        Score {
            value,
            energy,
            cycles,
        }
    }
}

/// The value of the objective; of equal values the least energy counts, then the least cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Score {
    pub value: u128,
    pub energy: u64,
    pub cycles: u64,
}

/// A method of the join: the place of its tile, of its item, and of the order of the DRAM's loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Best {
    pub score: Score,
    pub tile: usize,
    /// Place of the array's tile, and of the split among those that no other dominates.
    pub array: usize,
    pub split: usize,
    pub stays: usize,
    pub order: usize,
}

/// How the tilings of a space were dealt with; the parts add up to the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Tilings in the space.
    pub candidates: u64,
    /// Tilings whose cost was formed, for at least one order.
    pub evaluated: u64,
    /// Tilings whose split is dominated by another, in tiles that were opened.
    pub dominated: u64,
    /// Tilings whose bound exceeds the optimum, in tiles that were opened.
    pub bounded: u64,
    /// Tilings in tiles whose own bound exceeds the optimum.
    pub closed: u64,
    /// Number of those tiles.
    pub closed_tiles: u64,
}

/// The result of a search.
#[derive(Clone, Debug)]
pub struct Found {
    pub best: Option<Best>,
    pub coverage: Coverage,
    /// What any method in each tile costs at least, and whether the tile was opened.
    pub tiles: Vec<(Score, bool)>,
}

impl Found {
    /// What no method scores less than: the score of the best, or the least bound of a tile that was not opened, if
    /// the search was stopped before the best was proved.
    #[must_use]
    pub fn lower_bound(&self) -> Option<Score> {
        self.tiles
            .iter()
            .filter(|(_, opened)| !opened)
            .map(|(bound, _)| *bound)
            .chain(self.best.map(|best| best.score))
            .min()
    }
}

/// Items in the order of a scan, in arrays of their own because a scan reads little of each.
struct Scan {
    objective: Objective,
    items: Vec<Item>,
}

impl Scan {
    fn new(join: &Join, objective: Objective) -> Scan {
        let mut items = join.items.clone();
        match objective {
            Objective::Energy | Objective::Edp => {
                items.par_sort_by_key(|i| (i.energy, i.cycles, i.array, i.stays));
            }
            Objective::Cycles => items.par_sort_by_key(|i| (i.cycles, i.energy, i.array, i.stays)),
        }
        Scan { objective, items }
    }
}

/// What any method in the tile costs at least.
#[must_use]
pub fn tile_bound(join: &Join, place: usize, objective: Objective) -> Score {
    let tile = &join.tiles[place];
    let (energy, cycles) = join.least[place];
    (0..tile.orders.len())
        .map(|order| {
            let energy = energy + tile.orders[order].energy;
            let cycles = cycles.max(join.least_cycles(tile, order));
            objective.score(energy, cycles, join.unit)
        })
        .min()
        .expect("a tile has at least one order")
}

/// The best method of the join, with the proof's counts.
#[must_use]
pub fn optimum(join: &Join, objective: Objective) -> Found {
    optimum_until(join, objective, &|| false)
}

/// [`optimum`], or what was found when `stop` first said so, between two rounds.
#[must_use]
pub fn optimum_until(join: &Join, objective: Objective, stop: &(dyn Fn() -> bool + Sync)) -> Found {
    let scan = Scan::new(join, objective);
    let bounds: Vec<Score> = (0..join.tiles.len())
        .into_par_iter()
        .with_min_len(64)
        .map(|place| tile_bound(join, place, objective))
        .collect();
    let mut order: Vec<usize> = (0..join.tiles.len()).collect();
    order.par_sort_by_key(|place| (bounds[*place], *place));
    let mut found = Found {
        best: None,
        coverage: Coverage {
            candidates: join.count(),
            ..Coverage::default()
        },
        tiles: bounds.iter().map(|bound| (*bound, false)).collect(),
    };
    let mut next = 0;
    let mut round = 1;
    while next < order.len() && !stop() {
        let end = order.len().min(next + round);
        round = (2 * round).min(256);
        let limit = found.best.map(|best| best.score);
        let open: Vec<usize> = order[next..end]
            .iter()
            .copied()
            .filter(|place| limit.is_none_or(|limit| bounds[*place] <= limit))
            .collect();
        if open.is_empty() {
            break;
        }
        let results: Vec<Opened> = open
            .par_iter()
            .map(|place| open_tile(join, &scan, *place, found.best))
            .collect();
        for (place, opened) in open.iter().zip(&results) {
            found.tiles[*place].1 = true;
            found.best = [found.best, opened.best].into_iter().flatten().min();
            found.coverage.evaluated += opened.evaluated;
            found.coverage.dominated += opened.dominated;
            found.coverage.bounded += join.tilings[*place] - opened.evaluated - opened.dominated;
        }
        next = end;
    }
    for (place, (_, opened)) in found.tiles.iter().enumerate() {
        if !opened {
            found.coverage.closed += join.tilings[place];
            found.coverage.closed_tiles += 1;
        }
    }
    found
}

struct Opened {
    best: Option<Best>,
    evaluated: u64,
    dominated: u64,
}

/// Scans the items of one tile.
fn open_tile(join: &Join, scan: &Scan, place: usize, mut best: Option<Best>) -> Opened {
    let tile = &join.tiles[place];
    let objective = scan.objective;
    let cycles: Vec<u64> = (0..tile.orders.len())
        .map(|order| join.least_cycles(tile, order))
        .collect();
    let least_cycles = *cycles.iter().min().expect("a tile has an order");
    let least_energy = least_dram(tile);
    // Per tile of the array that was opened: which of its splits were priced.
    let mut seen: BTreeMap<usize, Vec<bool>> = BTreeMap::new();
    for item in &scan.items {
        if let Some(best) = best {
            // The scan's key is a bound of all that follows.
            let (energy, cycles) = match objective {
                Objective::Energy => (least_energy + item.energy, 0),
                Objective::Cycles => (0, item.cycles.max(least_cycles)),
                Objective::Edp => (least_energy + item.energy, least_cycles),
            };
            if objective.score(energy, cycles, join.unit) > best.score {
                break;
            }
            let energy = least_energy + item.energy;
            let cycles = least_cycles.max(item.cycles);
            if objective.score(energy, cycles, join.unit) > best.score {
                continue;
            }
        }
        let Some(spm) = join.fits(item, tile) else {
            continue;
        };
        let array = &join.arrays[item.array];
        let splits = join.splits(array);
        let priced = seen
            .entry(item.array)
            .or_insert_with(|| vec![false; splits.len()]);
        for (place_of_split, split) in splits.iter().enumerate() {
            let bound = join.split_bound(item, split);
            for (order, least) in cycles.iter().enumerate() {
                if let Some(best) = best {
                    let energy = tile.orders[order].energy + bound.0;
                    let cycles = bound.1.max(*least);
                    if objective.score(energy, cycles, join.unit) > best.score {
                        continue;
                    }
                }
                let Some((energy, cycles)) = join.price(item, split, tile, order, &spm) else {
                    continue;
                };
                priced[place_of_split] = true;
                let this = Best {
                    score: objective.score(energy, cycles, join.unit),
                    tile: place,
                    array: item.array,
                    split: place_of_split,
                    stays: item.stays,
                    order,
                };
                if best.is_none_or(|best| this < best) {
                    best = Some(this);
                }
            }
        }
    }
    Opened {
        best,
        evaluated: seen.values().flatten().filter(|priced| **priced).count() as u64,
        dominated: seen
            .iter()
            .map(|(array, splits)| join.arrays[*array].summary.count - splits.len() as u64)
            .sum(),
    }
}

fn least_dram(tile: &Tile) -> u64 {
    tile.orders
        .iter()
        .map(|order| order.energy)
        .min()
        .expect("a tile has an order")
}
