//! What moves in and out of the instances of one memory, step by step, by set difference.

use super::clock::{Link, StepTime};
use super::boundary::Boundary;
use super::super::{BoundaryCounts, CrossingCounts, MemoryCounts};
use super::{Element, Range, Step, Tile, points};
use crate::ir::{Mapping, Refill, Role};
use std::collections::BTreeMap;

/// The elements of `tensor` that a box touches, and for how many points the tensor is touched.
pub(super) fn touched(mapping: &Mapping, tensor: usize, ranks: &[Range]) -> (Tile, u64) {
    let dims = &mapping.operation.tensors[tensor].dims;
    let mut tile = Tile::new();
    let mut touching = 0;
    for point in points(ranks) {
        let element: Element = dims
            .iter()
            .map(|dim| {
                let sum: i64 = dim
                    .terms
                    .iter()
                    .map(|term| term.coefficient * point[term.rank.index()])
                    .sum();
                sum + dim.constant
            })
            .collect();
        let inside = element
            .iter()
            .zip(dims)
            .all(|(&x, dim)| x >= 0 && x < dim.extent as i64);
        if inside {
            touching += 1;
            tile.insert(element);
        }
    }
    (tile, touching)
}

/// The indices of `place` along the spatial loops of the arrays in `arrays`.
pub(super) fn instance_of(
    mapping: &Mapping,
    place: &[u64],
    arrays: std::ops::Range<usize>,
) -> Vec<u64> {
    let loops = &mapping.schedule.loops;
    place
        .iter()
        .zip(loops)
        .map(|(&i, l)| match l.array() {
            Some(array) if arrays.contains(&array) => i,
            _ => 0,
        })
        .collect()
}

/// What one instance of a child memory holds of one tensor.
#[derive(Default)]
struct Buffer {
    tile: Tile,
    /// Worked in the step before this one.
    fresh: bool,
}

/// Sets of elements that cross together: one per parent instance and per instance of the arrays that
/// cannot share a transfer.
type Collector = (Vec<u64>, Vec<u64>);

/// One boundary over all its steps.
pub(super) struct Crossing {
    pub counts: BoundaryCounts,
    pub steps: Vec<StepTime>,
    /// Cycles for the remaining results to leave.
    pub drain: u64,
}

/// Runs one boundary over all its steps.
pub(super) fn cross(
    mapping: &Mapping,
    boundary: &Boundary,
    steps: &[Step],
    memories: &mut [MemoryCounts],
) -> Option<Crossing> {
    let operation = &mapping.operation;
    let architecture = &mapping.architecture;
    let link = Link::new(architecture, boundary.parent, boundary.child);
    let above = architecture.memories[boundary.parent].arrays_above;
    let below = architecture.memories[boundary.child].arrays_above;
    let network = |array: usize| architecture.arrays[array].network;
    let refill = architecture.memories[boundary.child].refill;

    let mut crossing: Vec<CrossingCounts> = boundary
        .tensors
        .iter()
        .map(|&tensor| CrossingCounts {
            tensor,
            down: 0,
            up: 0,
            up_complete: 0,
            forwarded: 0,
            hops: 0,
        })
        .collect();
    // Steps of this boundary: the leaf steps with equal indices outside its position.
    let mut groups: Vec<(&[u64], Vec<&Step>)> = Vec::new();
    for step in steps {
        let prefix = &step.index[..boundary.position];
        match groups.last_mut() {
            Some((last, members)) if *last == prefix => members.push(step),
            _ => groups.push((prefix, vec![step])),
        }
    }

    let mut held: Vec<BTreeMap<Vec<u64>, Buffer>> = Vec::new();
    held.resize_with(boundary.tensors.len(), BTreeMap::new);
    let mut seen: Vec<BTreeMap<Collector, Tile>> = vec![BTreeMap::new(); boundary.tensors.len()];
    let mut times = Vec::new();
    let (mut down_bits, mut up_bits, mut peak_bits, mut transfer_cycles) = (0u64, 0u64, 0u64, 0u64);

    for (_, members) in &groups {
        // Bits per parent instance and tensor, inwards and outwards.
        let mut ingress: BTreeMap<Vec<u64>, Vec<u64>> = BTreeMap::new();
        let mut egress: BTreeMap<Vec<u64>, Vec<u64>> = BTreeMap::new();
        for (slot, &tensor) in boundary.tensors.iter().enumerate() {
            let is_result =
                operation.tensors[tensor].role == Role::Output && tensor == operation.result();
            let shared = |array: usize| {
                if is_result {
                    network(array).reduction
                } else {
                    network(array).multicast
                }
            };
            let collector = |place: &[u64]| -> Collector {
                let alone: Vec<u64> = mapping
                    .schedule
                    .loops
                    .iter()
                    .zip(place)
                    .map(|(l, &i)| match l.array() {
                        Some(a) if a >= above && a < below && !shared(a) => i,
                        _ => 0,
                    })
                    .collect();
                (instance_of(mapping, place, 0..above), alone)
            };
            let mut tiles: BTreeMap<Vec<u64>, Tile> = BTreeMap::new();
            for (place, ranks) in members.iter().flat_map(|step| &step.boxes) {
                tiles
                    .entry(instance_of(mapping, place, 0..below))
                    .or_default()
                    .extend(touched(mapping, tensor, ranks).0);
            }
            let mut coming: BTreeMap<Collector, Tile> = BTreeMap::new();
            let mut going: BTreeMap<Collector, Tile> = BTreeMap::new();
            let counts = memories[boundary.child]
                .tensors
                .iter_mut()
                .find(|c| c.tensor == tensor)?;
            for (place, tile) in &tiles {
                let empty = Tile::new();
                let before = held[slot].get(place).map_or(&empty, |buffer| &buffer.tile);
                let (new, left): (Tile, Tile) = match refill {
                    Refill::Window => (
                        tile.difference(before).cloned().collect(),
                        before.difference(tile).cloned().collect(),
                    ),
                    Refill::Tile if tile == before => (Tile::new(), Tile::new()),
                    Refill::Tile => (tile.clone(), before.clone()),
                };
                counts.tile = counts.tile.max(tile.len() as u64);
                counts.fills += new.len() as u64;
                if above < below && !is_result {
                    crossing[slot].hops += new.len() as u64;
                }
                if is_result {
                    counts.reads += left.len() as u64;
                    if above < below {
                        crossing[slot].hops += left.len() as u64;
                    }
                    going.entry(collector(place)).or_default().extend(left);
                    coming.entry(collector(place)).or_default().extend(new);
                } else {
                    counts.writes += new.len() as u64;
                    let near = neighbours(mapping, place, &held[slot], above..below);
                    let (lent, asked): (Tile, Tile) = new
                        .into_iter()
                        .partition(|x| near.iter().any(|tile| tile.contains(x)));
                    crossing[slot].forwarded += lent.len() as u64;
                    coming.entry(collector(place)).or_default().extend(asked);
                }
            }
            let bits = u64::from(operation.tensors[tensor].bits);
            for (collector, mut elements) in coming {
                if is_result {
                    let seen = seen[slot].entry(collector.clone()).or_default();
                    let again = elements
                        .iter()
                        .filter(|x| seen.contains(*x))
                        .cloned()
                        .collect();
                    seen.append(&mut elements);
                    elements = again;
                    counts.writes += elements.len() as u64;
                    if above < below {
                        crossing[slot].hops += elements.len() as u64;
                    }
                }
                crossing[slot].down += elements.len() as u64;
                let sums = ingress
                    .entry(collector.0)
                    .or_insert(vec![0; boundary.tensors.len()]);
                sums[slot] += elements.len() as u64 * bits;
            }
            for (collector, elements) in going {
                crossing[slot].up += elements.len() as u64;
                let sums = egress
                    .entry(collector.0)
                    .or_insert(vec![0; boundary.tensors.len()]);
                sums[slot] += elements.len() as u64 * bits;
            }
            for buffer in held[slot].values_mut() {
                buffer.fresh = false;
            }
            for (place, tile) in tiles {
                held[slot].insert(place, Buffer { tile, fresh: true });
            }
        }
        let time = link.step(ingress.values(), egress.values())?;
        down_bits += ingress.values().flatten().sum::<u64>();
        up_bits += egress.values().flatten().sum::<u64>();
        let none = vec![0; boundary.tensors.len()];
        for parent in ingress.keys().chain(egress.keys()) {
            let sum = |map: &BTreeMap<Vec<u64>, Vec<u64>>| -> u64 {
                map.get(parent).unwrap_or(&none).iter().sum()
            };
            peak_bits = peak_bits.max(sum(&ingress) + sum(&egress));
        }
        transfer_cycles += time.ingress.max(time.egress);
        times.push(time);
    }

    // After the last step the remaining results leave.
    let mut egress: BTreeMap<Vec<u64>, Vec<u64>> = BTreeMap::new();
    for (slot, &tensor) in boundary.tensors.iter().enumerate() {
        if tensor != operation.result() {
            continue;
        }
        let mut going: BTreeMap<Collector, Tile> = BTreeMap::new();
        for (place, buffer) in &held[slot] {
            let alone: Vec<u64> = mapping
                .schedule
                .loops
                .iter()
                .zip(place)
                .map(|(l, &i)| match l.array() {
                    Some(a) if a >= above && a < below && !network(a).reduction => i,
                    _ => 0,
                })
                .collect();
            let counts = memories[boundary.child]
                .tensors
                .iter_mut()
                .find(|c| c.tensor == tensor)?;
            counts.reads += buffer.tile.len() as u64;
            if above < below {
                crossing[slot].hops += buffer.tile.len() as u64;
            }
            going
                .entry((instance_of(mapping, place, 0..above), alone))
                .or_default()
                .extend(buffer.tile.iter().cloned());
        }
        for (collector, elements) in going {
            crossing[slot].up += elements.len() as u64;
            let bits = u64::from(operation.tensors[tensor].bits);
            let sums = egress
                .entry(collector.0)
                .or_insert(vec![0; boundary.tensors.len()]);
            sums[slot] += elements.len() as u64 * bits;
        }
    }
    up_bits += egress.values().flatten().sum::<u64>();
    for sums in egress.values() {
        peak_bits = peak_bits.max(sums.iter().sum());
    }
    let drain = link.step([].iter(), egress.values())?.egress;
    transfer_cycles += drain;

    // What leaves the child arrives at the parent, and the reverse.
    for crossing in &crossing {
        let counts = memories[boundary.parent]
            .tensors
            .iter_mut()
            .find(|c| c.tensor == crossing.tensor)?;
        counts.reads += crossing.down;
        counts.writes += crossing.up;
        if crossing.tensor == operation.result() {
            counts.updates += crossing.down;
        }
    }
    Some(Crossing {
        counts: BoundaryCounts {
            parent: boundary.parent,
            child: Some(boundary.child),
            position: boundary.position,
            tensors: crossing,
            down_bits,
            up_bits,
            peak_bits,
            transfer_cycles,
        },
        steps: times,
        drain,
    })
}

/// What the neighbours over the forwarding arrays in `arrays` worked on in the step before.
fn neighbours<'a>(
    mapping: &Mapping,
    place: &[u64],
    held: &'a BTreeMap<Vec<u64>, Buffer>,
    arrays: std::ops::Range<usize>,
) -> Vec<&'a Tile> {
    let mut tiles = Vec::new();
    for (at, l) in mapping.schedule.loops.iter().enumerate() {
        let Some(array) = l.array() else { continue };
        if !arrays.contains(&array) || !mapping.architecture.arrays[array].network.forwarding {
            continue;
        }
        for index in [place[at].checked_sub(1), Some(place[at] + 1)]
            .into_iter()
            .flatten()
        {
            let mut beside = place.to_vec();
            beside[at] = index;
            tiles.extend(held.get(&beside).filter(|b| b.fresh).map(|b| &b.tile));
        }
    }
    tiles
}
