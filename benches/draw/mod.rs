//! Schedules drawn at random, the same ones for the same seed.

use dflowc::ir::{Axis, Loop, LoopKind, Move, Origin, Problem, RankId, Schedule};

/// Ranks of a convolution.
const N: usize = 0;
const G: usize = 1;
const K: usize = 2;
const C: usize = 3;
const P: usize = 4;
const Q: usize = 5;
const R: usize = 6;
const S: usize = 7;

/// What a schedule is drawn as.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// The directives of `row_stationary`, with any order of the outer ones and any tiles.
    RowStationary,
    /// Loops whose pieces divide each other.
    Perfect,
    /// Loops with any pieces.
    Imperfect,
}

/// Numbers that look random (splitmix64).
pub struct Random(pub u64);

impl Random {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn from(&mut self, low: u64, high: u64) -> u64 {
        low + self.number() % (high - low + 1)
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.from(0, at as u64) as usize);
        }
    }
}

fn one(level: u32, rank: usize, size: u64, spread: Option<(usize, u64)>) -> Loop {
    Loop {
        moves: std::iter::once(Move {
            axis: Axis::Rank(RankId(rank as u8)),
            size,
            offset: size,
            origin: Origin::NONE,
        })
        .collect(),
        kind: match spread {
            Some((array, instances)) => LoopKind::Spatial { array, instances },
            None => LoopKind::Temporal,
        },
        level,
        origin: Origin::NONE,
    }
}

/// Draws a schedule of a convolution on an accelerator with one array.
pub fn draw(problem: &Problem, kind: Kind, random: &mut Random) -> Schedule {
    match kind {
        Kind::RowStationary => row_stationary(problem, random),
        Kind::Perfect => nest(problem, true, random),
        Kind::Imperfect => nest(problem, false, random),
    }
}

/// Puts the tiles of memory `memory` inside the first `place` loops.
fn put(problem: &Problem, positions: &mut [Vec<Option<usize>>], memory: usize, place: usize) {
    let holds = problem.architecture.memories[memory].holds;
    for (tensor, known) in problem.operation.tensors.iter().enumerate() {
        positions[memory][tensor] = holds.contains(known.role).then_some(place);
    }
}

fn nowhere(problem: &Problem) -> Vec<Vec<Option<usize>>> {
    let tensors = problem.operation.tensors.len();
    let mut positions = vec![vec![None; tensors]; problem.architecture.memories.len()];
    positions[0] = vec![Some(0); tensors];
    positions
}

fn row_stationary(problem: &Problem, random: &mut Random) -> Schedule {
    let ranks = &problem.operation.ranks;
    let pes = problem.architecture.arrays[0].size();
    let clusters = pes / ranks[R];
    let small = problem
        .architecture
        .memories
        .iter()
        .any(|m| m.arrays_above > 0 && m.capacity_bits < Some(64));
    let mut most = |rank: usize, n: u64| {
        let n = if small && matches!(rank, K | C | S) {
            1
        } else {
            n
        };
        random.from(1, n.min(ranks[rank]))
    };
    let (k, c, s) = (most(K, 24), most(C, 8), most(S, 3));
    let (p, q) = (most(P, 3), most(Q, 6));
    let mut outer = [
        one(0, K, k, None),
        one(0, C, c, None),
        one(0, P, p, Some((0, clusters))),
        one(0, Q, q, None),
    ];
    random.shuffle(&mut outer);
    let mut loops = vec![one(0, N, 1, None), one(0, G, 1, None)];
    loops.extend(outer);
    loops.push(one(1, R, 1, Some((0, ranks[R]))));
    loops.push(one(1, S, s, None));
    let mut positions = nowhere(problem);
    let (mut place, mut level) = (0, 0);
    for (memory, known) in problem.architecture.memories.iter().enumerate().skip(1) {
        if known.arrays_above > 0 {
            place = loops.len();
        } else if known.level != level {
            place = random.from(place as u64, 6) as usize;
        }
        level = known.level;
        put(problem, &mut positions, memory, place);
    }
    Schedule {
        positions,
        steps: loops.len(),
        leaf: loops.len(),
        loops,
    }
}

/// A factor of `n` that is at most `most`.
fn factor(n: u64, most: u64, random: &mut Random) -> u64 {
    let factors: Vec<u64> = (1..=most.min(n)).filter(|f| n.is_multiple_of(*f)).collect();
    factors[random.from(0, factors.len() as u64 - 1) as usize]
}

fn nest(problem: &Problem, perfect: bool, random: &mut Random) -> Schedule {
    let ranks = &problem.operation.ranks;
    let memories = &problem.architecture.memories;
    // The leaf tiles, then what is spread, then the loops of every memory from the inside out.
    let mut pieces = [1u64; 8];
    let small = memories
        .iter()
        .any(|m| m.arrays_above > 0 && m.capacity_bits < Some(64));
    for rank in [K, C, P, Q, R, S] {
        let most = match rank {
            K | C | R | S if small => 1,
            K | C | Q => 4,
            P => 2,
            _ => 3,
        };
        pieces[rank] = if perfect {
            factor(ranks[rank], most, random)
        } else {
            random.from(1, most.min(ranks[rank]))
        };
    }
    let mut spatial = Vec::new();
    let mut order = [K, C, P, Q, R];
    random.shuffle(&mut order);
    for (&axis, &rank) in problem.architecture.arrays[0].shape.iter().zip(&order) {
        let count = if perfect {
            factor(ranks[rank] / pieces[rank], axis, random)
        } else {
            random.from(1, axis.min(ranks[rank].div_ceil(pieces[rank])))
        };
        if count > 1 {
            spatial.push(one(0, rank, pieces[rank], Some((0, count))));
            pieces[rank] = (pieces[rank] * count).min(ranks[rank]);
        }
    }
    let mut levels: Vec<usize> = memories
        .iter()
        .filter(|m| m.arrays_above == 0)
        .map(|m| m.level)
        .collect();
    levels.dedup();
    let mut blocks: Vec<Vec<Loop>> = Vec::new();
    for &level in levels.iter().rev() {
        let mut block = Vec::new();
        for rank in [K, C, P, Q, R, S] {
            let (inner, whole) = (pieces[rank], ranks[rank]);
            let outer = if level == 0 {
                whole
            } else if perfect {
                inner * factor(whole / inner, whole, random)
            } else {
                random.from(inner, whole)
            };
            if outer > inner {
                block.push(one(0, rank, inner, None));
            }
            pieces[rank] = outer;
        }
        random.shuffle(&mut block);
        blocks.push(block);
    }
    let mut loops = Vec::new();
    let mut positions = nowhere(problem);
    for &level in &levels {
        for memory in (1..memories.len()).filter(|&m| memories[m].level == level) {
            put(problem, &mut positions, memory, loops.len());
        }
        loops.extend(blocks.pop().unwrap_or_default());
    }
    loops.extend(spatial);
    for memory in (1..memories.len()).filter(|&m| memories[m].arrays_above > 0) {
        put(problem, &mut positions, memory, loops.len());
    }
    Schedule {
        positions,
        steps: loops.len(),
        leaf: loops.len(),
        loops,
    }
}
