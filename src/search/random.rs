//! Candidates drawn at random, the same ones for the same seed.

use crate::search::class::{Cache, Class, Patterns};
use crate::search::prepare::Prepared;
use crate::search::space;
use smallvec::SmallVec;

/// Numbers that look random (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.number() % n.max(1)
    }
}

/// A candidate whose spreads fit; `None` when the drawn ones do not.
pub fn draw(
    prepared: &Prepared,
    number: usize,
    random: &mut Random,
    cache: &mut Cache,
) -> Option<space::Candidate> {
    let room = &prepared.rooms[number];
    let (mut patterns, mut rows) = (Patterns::new(), SmallVec::<[u32; 8]>::new());
    for group in &room.tables.groups {
        let all: usize = group.patterns.iter().map(|p| p.rows.len()).sum();
        let mut at = random.below(all as u64) as usize;
        for (p, pattern) in group.patterns.iter().enumerate() {
            if at < pattern.rows.len() {
                patterns.push(p as u32);
                rows.push(at as u32);
                break;
            }
            at -= pattern.rows.len();
        }
    }
    let fits = room.spreads_fit(&prepared.rules, &patterns, &rows);
    if !fits {
        return None;
    }
    let operation = &prepared.problem.operation;
    let nests = room.orders(operation, &prepared.rules, &patterns, cache);
    let loops = nests[random.below(nests.len() as u64) as usize].clone();
    let class = Class {
        skeleton: number,
        patterns,
        loops,
    };
    Some(room.candidate(operation, &class, &rows))
}
