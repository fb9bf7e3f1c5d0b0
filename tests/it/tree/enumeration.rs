//! The search equals plain enumeration of all designs, on generated chains of two and three layers.
//!
//! All trees with up to two shared loops on a path and up to two loops of one layer, every place and fate; what they cost says
//! the oracle, which walks every step. (A tensor from outside that only one layer reads costs the same wherever the others
//! lie, so the loops of each layer are walked apart, and the places are joined by plain nested loops.)
//!
//! `DFLOW_CASES=200 cargo test --release --test it tree::enumeration` runs more of them.

use super::generate::{blocks_of, chain};
use crate::generate::Choices;
use dflowc::engine::tree::{TreeCounts, oracle};
use dflowc::ir::{Block, Body, Fate, FusedProblem, FusedSchedule, Place, TileLoop};
use dflowc::search::fused::{Loops, Request, search};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Bytes in the root, in the block inside it, in a layer's own loops; and bytes moved.
type Cost = [u64; 4];

/// All lists of at most `most` loops over ranks of a layer; `again`: a rank may be cut twice.
fn lists(problem: &FusedProblem, layer: usize, most: usize, again: bool) -> Vec<Vec<TileLoop>> {
    let ranks = &problem.layers[layer].ranks;
    let mut all = vec![vec![]];
    let mut newest = all.clone();
    for _ in 0..most {
        let mut longer = vec![];
        for list in &newest {
            for (rank, &extent) in ranks.iter().enumerate() {
                let inside = list.iter().filter(|tile: &&TileLoop| tile.rank == rank);
                let piece = inside.map(|tile| tile.size).min().unwrap_or(extent);
                if !again && piece < extent {
                    continue;
                }
                for size in 1..piece {
                    let mut next = list.clone();
                    next.push(TileLoop { rank, size });
                    longer.push(next);
                }
            }
        }
        all.extend(longer.iter().cloned());
        newest = longer;
    }
    all
}

/// The trees without loops: `part` is the pair of layers that shares a block.
fn shape(problem: &FusedProblem, part: Option<usize>) -> Block {
    let leaf = |layer| Block {
        loops: vec![],
        body: Body::Layer(layer),
    };
    let mut blocks = vec![];
    let mut layer = 0;
    while layer < problem.layers.len() {
        if part == Some(layer) {
            blocks.push(Block {
                loops: vec![],
                body: Body::Blocks(vec![leaf(layer), leaf(layer + 1)]),
            });
            layer += 2;
        } else {
            blocks.push(leaf(layer));
            layer += 1;
        }
    }
    Block {
        loops: vec![],
        body: Body::Blocks(blocks),
    }
}

fn block_of<'a>(root: &'a mut Block, way: &[usize]) -> &'a mut Block {
    let Some((&first, rest)) = way.split_first() else {
        return root;
    };
    match &mut root.body {
        Body::Blocks(blocks) => block_of(&mut blocks[first], rest),
        Body::Layer(_) => unreachable!(),
    }
}

/// Every place that a tensor may have.
fn places(problem: &FusedProblem, root: &Block, tensor: usize) -> Vec<Place> {
    let (way, loops) = blocks_of(problem, root, tensor);
    let mut all = vec![];
    for depth in 0..=way.len() {
        for loops in 0..=loops[depth] {
            all.push(Place {
                block: way[..depth].to_vec(),
                loops,
                fate: Fate::Refetch,
            });
        }
    }
    all
}

fn undominated(mut costs: Vec<Cost>) -> Vec<Cost> {
    costs.sort_unstable();
    costs.dedup();
    let mut kept: Vec<Cost> = vec![];
    for cost in costs {
        if !kept
            .iter()
            .any(|other| other.iter().zip(&cost).all(|(a, b)| a <= b))
        {
            kept.push(cost);
        }
    }
    kept
}

fn add(a: Cost, b: Cost) -> Cost {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]]
}

/// Where the bytes of a tensor stand: root, block inside, own loops.
fn cost_of(counts: &TreeCounts, tensor: usize, place: &Place, is_leaf: bool) -> Cost {
    let known = &counts.tensors[tensor];
    let mut cost = [0, 0, 0, known.reads + known.writes];
    let level = match (place.block.is_empty(), is_leaf) {
        (true, _) => 0,
        (_, true) => 2,
        _ => 1,
    };
    cost[level] = known.window;
    cost
}

struct Lists<'a> {
    problem: &'a FusedProblem,
    recompute: bool,
    again: bool,
    /// Bytes needed and moved, of all designs.
    found: Vec<(u64, u64)>,
}

impl Lists<'_> {
    fn run(&self, root: &Block, places: &[Place]) -> Option<TreeCounts> {
        let schedule = FusedSchedule {
            root: root.clone(),
            places: places.to_vec(),
        };
        match oracle::run(self.problem, &schedule, u64::MAX) {
            Ok(counts) => Some(counts),
            Err(oracle::Refusal::Lost { .. }) => None,
            Err(other) => panic!("{other:?}"),
        }
    }

    /// All designs with these shared loops.
    fn shared(&mut self, root: &Block, part: Option<usize>) {
        let problem = self.problem;
        let last = problem.layers.len() - 1;
        let result = |layer: usize| problem.layers[layer].accesses.last().unwrap().tensor;
        let maps: Vec<usize> = (0..last).map(result).collect();
        let fates: &[Fate] = if self.recompute {
            // What loses nothing is the same under both words.
            &[Fate::Recompute, Fate::Refetch]
        } else {
            &[Fate::Retain, Fate::Refetch]
        };
        let mut chosen: Vec<Vec<(usize, Place)>> = vec![vec![]];
        for &map in &maps {
            let mut longer = vec![];
            for list in &chosen {
                for place in places(problem, root, map) {
                    for &fate in fates {
                        let mut list = list.clone();
                        let place = place.clone();
                        list.push((map, Place { fate, ..place }));
                        longer.push(list);
                    }
                }
            }
            chosen = longer;
        }
        for list in chosen {
            let nowhere = Place {
                block: vec![],
                loops: 0,
                fate: Fate::Refetch,
            };
            let mut all = vec![nowhere; problem.tensors.len()];
            for (map, place) in &list {
                all[*map] = place.clone();
            }
            let Some(counts) = self.run(root, &all) else {
                continue;
            };
            let of_maps = list
                .iter()
                .map(|(map, place)| cost_of(&counts, *map, place, false))
                .fold([0; 4], add);
            let layers = (0..=last).map(|layer| self.layer(root, &all, layer));
            let layers: Vec<Vec<Cost>> = layers.collect();
            self.join(part, of_maps, &layers);
        }
    }

    /// All loops of one layer, and the places of what it alone touches.
    fn layer(&self, root: &Block, maps: &[Place], layer: usize) -> Vec<Cost> {
        let problem = self.problem;
        let way = super::generate::path(root, layer).0;
        let mut costs = vec![];
        for loops in lists(problem, layer, 2, self.again) {
            let mut root = root.clone();
            block_of(&mut root, &way).loops = loops;
            let own: Vec<usize> = problem.layers[layer]
                .accesses
                .iter()
                .map(|access| access.tensor)
                .filter(|&tensor| {
                    let maker = problem.tensors[tensor].producer;
                    maker.is_none_or(|maker| maker + 1 == problem.layers.len())
                })
                .collect();
            let mut sums = vec![[0; 4]];
            let options: Vec<Vec<Place>> = own
                .iter()
                .map(|&tensor| places(problem, &root, tensor))
                .collect();
            let schedule = |tensor: usize, place: &Place| {
                let mut places = maps.to_vec();
                places[tensor] = place.clone();
                let root = root.clone();
                FusedSchedule { root, places }
            };
            let Some(&first) = own.first() else {
                // A pool between two maps has nothing of its own.
                return vec![[0; 4]];
            };
            let bare = schedule(first, &options[0][0]);
            let walked = oracle::walk(problem, &bare, u64::MAX).expect("it is small");
            let known = own.iter().zip(&options).map(|(&tensor, options)| {
                let costs = options.iter().map(|place| {
                    let counts = walked.counts(&schedule(tensor, place));
                    let counts = counts.expect("maps do not change");
                    cost_of(&counts, tensor, place, place.block == way)
                });
                costs.collect::<Vec<Cost>>()
            });
            for known in known {
                let both = sums
                    .iter()
                    .flat_map(|&sum| known.iter().map(move |&cost| add(sum, cost)));
                sums = undominated(both.collect());
            }
            costs.extend(sums);
        }
        undominated(costs)
    }

    fn join(&mut self, part: Option<usize>, of_maps: Cost, layers: &[Vec<Cost>]) {
        // Root, block inside, the most of its layers, the most of the others, moved.
        let mut sums = vec![[of_maps[0], of_maps[1], 0, 0, of_maps[3]]];
        for (layer, costs) in layers.iter().enumerate() {
            let inside = part.is_some_and(|part| (part..part + 2).contains(&layer));
            let mut longer = vec![];
            for sum in &sums {
                for cost in costs {
                    let mut next = *sum;
                    next[0] += cost[0];
                    next[1] += cost[1];
                    let own = if inside { &mut next[2] } else { &mut next[3] };
                    *own = (*own).max(cost[2]);
                    next[4] += cost[3];
                    longer.push(next);
                }
            }
            sums = longer;
        }
        for [root, inside, inner, outer, moved] in sums {
            self.found.push((root + (inside + inner).max(outer), moved));
        }
        self.found.sort_unstable();
        let mut least = u64::MAX;
        self.found.retain(|&(_, moved)| {
            let better = moved < least;
            least = least.min(moved);
            better
        });
    }
}

/// Bytes needed and least bytes moved.
fn enumerate(problem: &FusedProblem, recompute: bool, again: bool) -> Vec<(u64, u64)> {
    let mut all = Lists {
        problem,
        recompute,
        again,
        found: vec![],
    };
    let last = problem.layers.len() - 1;
    for part in [None, Some(0), Some(1)] {
        if part.is_some_and(|part| part + 2 > last + 1 || last < 2) {
            continue;
        }
        let bare = shape(problem, part);
        for outer in lists(problem, last, 2, again) {
            let mut root = bare.clone();
            let most = 2 - outer.len();
            root.loops = outer;
            let Some(part) = part else {
                all.shared(&root, None);
                continue;
            };
            for inner in lists(problem, part + 1, most, again) {
                block_of(&mut root, &[part]).loops = inner;
                all.shared(&root, Some(part));
            }
        }
    }
    all.found
}

#[test]
fn the_search_equals_the_enumeration() {
    let wanted = std::env::var("DFLOW_CASES").ok();
    let cases = wanted.and_then(|text| text.parse().ok()).unwrap_or(6);
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 0,
        ..Config::default()
    };
    let choices = prop::collection::vec(0..1000u32, 10..30);
    let result = TestRunner::new(config).run(&choices, |choices| {
        let c = &mut Choices::new(&choices);
        let layers = if c.once_in(4) { 3 } else { 2 };
        let problem = chain(c, layers, if layers == 2 { 5 } else { 3 }, 1);
        let recompute = c.below(2) == 0;
        let again = c.below(2) == 1;
        let operations = problem.layers.iter().map(|layer| layer.ranks.iter().product::<u64>());
        if operations.max() > Some(if layers == 2 { 40 } else { 8 }) {
            return Err(TestCaseError::reject("too large"));
        }
        let front = enumerate(&problem, recompute, again);
        for pair in front.windows(2).rev().take(6) {
            let room = pair[0].0.max(pair[1].0 - 1);
            let request = Request {
                room: room * 8,
                imperfect: true,
                recompute,
                limit: u64::MAX,
                until: None,
                stop: None,
                loops: Some(Loops {
                    shared: 2,
                    own: 2,
                    again,
                }),
            };
            let found = search(&problem, &request).ok().and_then(|outcome| outcome.best);
            let moved = found.as_ref().map(|found| found.counts.moved_bits / 8);
            prop_assert!(
                moved == Some(u128::from(pair[0].1)),
                "{problem:?}\nroom {room}, recompute {recompute}: enumeration {}, search {moved:?}\n{:?}",
                pair[0].1,
                found.map(|found| found.schedule)
            );
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
