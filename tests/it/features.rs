//! What generated mappings exercise: a generator must not drift into leaving a feature out.

use dflowc::ir::{Mapping, Memory, Ports, Refill};
use std::collections::BTreeMap;

/// How many mappings had a feature.
#[derive(Default)]
pub struct Tally {
    pub all: u32,
    pub features: BTreeMap<&'static str, u32>,
}

impl Tally {
    pub fn add(&mut self, mapping: &Mapping) {
        self.count(features(mapping));
    }

    /// One more case, with or without each of the features.
    pub fn count(&mut self, features: Vec<(&'static str, bool)>) {
        self.all += 1;
        for (feature, has) in features {
            *self.features.entry(feature).or_insert(0) += u32::from(has);
        }
    }

    pub fn print(&self) {
        for (feature, count) in &self.features {
            println!("{count:>7} of {} {feature}", self.all);
        }
    }
}

/// What a mapping exercises.
fn features(mapping: &Mapping) -> Vec<(&'static str, bool)> {
    let (operation, architecture) = (&mapping.operation, &mapping.architecture);
    let schedule = &mapping.schedule;
    let memories = &architecture.memories;
    let arrays = &architecture.arrays;
    let tensors = 0..operation.tensors.len();
    let innermost = memories.last().map_or(0, |m| m.level);
    let holds = |memory: usize, tensor: usize| schedule.positions[memory][tensor].is_some();
    let level_of = |tensor: usize| {
        let home = (0..memories.len()).rev().find(|&m| holds(m, tensor));
        home.map_or(0, |memory| memories[memory].level)
    };
    let passes = |tensor: usize| {
        (1..level_of(tensor)).any(|level| {
            (0..memories.len()).all(|m| memories[m].level != level || !holds(m, tensor))
        })
    };
    let used = |array: usize| schedule.loops.iter().any(|l| l.array() == Some(array));
    let outside = |tensor: usize| {
        let home = (0..memories.len()).rev().find(|&m| holds(m, tensor));
        let above = home.map_or(0, |memory| memories[memory].arrays_above);
        (above..arrays.len()).any(used)
    };
    let own_places = |row: &Vec<Option<usize>>| {
        let mut places = row.iter().flatten();
        let first = places.next();
        places.any(|place| Some(place) != first)
    };
    let result = &operation.tensors[operation.result()];
    let mut found = of_memories(memories);
    found.extend([
        ("a tensor passes a level by", tensors.clone().any(passes)),
        ("a home outside an array", tensors.clone().any(outside)),
        (
            "places of their own",
            schedule.positions.iter().any(own_places),
        ),
        (
            "arrays inside the innermost memory",
            schedule.steps < schedule.leaf,
        ),
        (
            "a rate on the innermost memory",
            memories.iter().any(|m| m.level == innermost && bounded(m)),
        ),
        (
            "partial sums of their own width",
            result.partial_bits != result.bits,
        ),
        ("skew", arrays.iter().any(|a| a.network.skew > 0)),
        ("a stream", memories.iter().any(|m| m.streams)),
        (
            "links per tensor",
            arrays.iter().any(|a| a.network.links.is_per_tensor()),
        ),
        (
            "no latency given",
            arrays.iter().any(|a| a.network.latency.is_none()),
        ),
        ("no multicast", arrays.iter().any(|a| !a.network.multicast)),
        ("no reduction", arrays.iter().any(|a| !a.network.reduction)),
        ("forwarding", arrays.iter().any(|a| a.network.forwarding)),
        (
            "a refill of whole tiles",
            memories.iter().any(|m| m.refill == Refill::Tile),
        ),
    ]);
    found
}

/// Whether a port of a memory has a bandwidth.
pub fn bounded(memory: &Memory) -> bool {
    memory.ports.read().is_some() || memory.ports.write().is_some()
}

/// What memories exercise, whoever is mapped on them.
pub fn of_memories(memories: &[Memory]) -> Vec<(&'static str, bool)> {
    vec![
        (
            "memories side by side",
            memories
                .windows(2)
                .any(|pair| pair[0].level == pair[1].level),
        ),
        (
            "one port",
            memories.iter().any(|m| matches!(m.ports, Ports::One(_))),
        ),
        (
            "two ports",
            memories
                .iter()
                .any(|m| bounded(m) && matches!(m.ports, Ports::Two { .. })),
        ),
    ]
}
