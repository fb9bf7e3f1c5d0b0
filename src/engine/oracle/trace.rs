//! What every instance of every memory holds, step by step.
//!
//! Problem: two PEs share an input row and pass sums on, and a total of reads says nothing of when. So the steps of the
//! interpreter are written down: per instance and tensor what it holds, what of that has just arrived and from where, and
//! what has left. It is the same machine that is counted, looked at between two steps.
//!
//! Reuse as the MAESTRO paper has it (table 1): what is held and did not arrive is reused over time; what arrives in several
//! instances at once is reused over space; what comes from a neighbour is reused over both.

use super::held::Begun;
use super::machine::Machine;
use super::walk::{self, Step};
use super::{Element, Place, Refusal, Tile};
use crate::ir::Mapping;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// One step of the lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStep {
    pub number: u64,
    /// Index in every loop outside the leaf tile.
    pub index: Vec<u64>,
    /// By memory from the outside in (without the backing store, which holds everything), instance and tensor; only
    /// instances that hold something or from which something left.
    pub instances: Vec<TraceInstance>,
}

/// One instance of a memory and one tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceInstance {
    pub memory: usize,
    /// Its number among the instances of the memory that the schedule uses.
    pub instance: u64,
    pub tensor: usize,
    /// Whether it works in this step.
    pub works: bool,
    /// In lexicographic order.
    pub held: Vec<Vec<i64>>,
    /// Of `held`, what arrived in this step.
    pub arrived: Vec<(Vec<i64>, Source)>,
    /// What left in this step: of a result, to the memory above.
    pub left: Vec<Vec<i64>>,
}

/// Where an element came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// From the memory above, to this instance only.
    Parent,
    /// From the memory above, to several instances at once.
    Multicast,
    /// From an instance beside this one, which worked on it in the step before.
    Neighbour,
    /// Of a result: it begins here without a sum.
    Begun,
    /// Of a result: with the sum that the memory above had.
    Sum,
}

/// What an instance held: the tile, and whether it worked in the step before.
type Before = BTreeMap<Place, (Tile, bool, BTreeSet<Element>)>;

/// The steps with the given numbers; gives up past `limit` points (MACs) or a few times as many instance-steps, as
/// [`super::run`] does.
///
/// # Errors
/// [`Refusal`].
pub fn trace(mapping: &Mapping, limit: u64, wanted: Range<u64>) -> Result<Vec<TraceStep>, Refusal> {
    let volume = mapping.operation.volume().ok_or(Refusal::TooLarge)?;
    if volume > u128::from(limit) {
        return Err(Refusal::TooLarge);
    }
    let steps = walk::steps(mapping, limit)?;
    let mut machine = Machine::new(mapping);
    let mut found = Vec::new();
    for (number, step) in (0u64..).zip(&steps) {
        if number >= wanted.end {
            break;
        }
        let begun = super::begun(&machine.layout, &steps, number as usize);
        let is_wanted = wanted.contains(&number);
        let before = if is_wanted {
            snapshot(&machine)
        } else {
            Vec::new()
        };
        machine.refill(&begun);
        if is_wanted {
            found.push(TraceStep {
                number,
                index: step.index.clone(),
                instances: instances(&machine, &before, &begun, step),
            });
        }
        machine.issue(step);
    }
    Ok(found)
}

/// Per memory and tensor.
fn snapshot(machine: &Machine) -> Vec<Vec<Before>> {
    let buffers = machine.held.iter();
    buffers
        .map(|tensors| {
            let of = |held: &BTreeMap<Place, super::machine::Buffer>| {
                let all = held.iter();
                all.map(|(place, buffer)| {
                    let sums = buffer.sums.keys().cloned().collect();
                    (place.clone(), (buffer.tile.clone(), buffer.fresh, sums))
                })
                .collect()
            };
            tensors.iter().map(of).collect()
        })
        .collect()
}

fn instances(
    machine: &Machine,
    before: &[Vec<Before>],
    begun: &Begun,
    step: &Step,
) -> Vec<TraceInstance> {
    let mapping = machine.mapping;
    let result = mapping.operation.result();
    let nothing = (Tile::new(), false, BTreeSet::new());
    let mut found = Vec::new();
    for (number, boundary) in machine.layout.boundaries.iter().enumerate() {
        let Some(child) = boundary.child else {
            continue;
        };
        let working: BTreeSet<Place> = step
            .boxes
            .iter()
            .map(|(place, _)| machine.instance(place, 0..boundary.arrays.end))
            .collect();
        for &tensor in &boundary.tensors {
            let own = &before[child][tensor];
            let mut arrivals: Vec<(Place, Element, Source)> = Vec::new();
            if begun.contains_key(&number) {
                for (place, buffer) in &machine.held[child][tensor] {
                    let (old, ..) = own.get(place).unwrap_or(&nothing);
                    for element in buffer.tile.difference(old) {
                        let source = if tensor == result {
                            match buffer.sums.contains_key(element) {
                                true => Source::Sum,
                                false => Source::Begun,
                            }
                        } else {
                            let near = machine.neighbours(number, place);
                            let lends = near.iter().any(|beside| {
                                let known = own.get(beside);
                                known.is_some_and(|(tile, fresh, _)| {
                                    *fresh && tile.contains(element)
                                })
                            });
                            match lends {
                                true => Source::Neighbour,
                                false => Source::Parent,
                            }
                        };
                        arrivals.push((place.clone(), element.clone(), source));
                    }
                }
                share(machine, number, &mut arrivals);
            }
            for (place, buffer) in &machine.held[child][tensor] {
                let (old, ..) = own.get(place).unwrap_or(&nothing);
                let arrived = arrivals.iter().filter(|(at, ..)| at == place);
                let one = TraceInstance {
                    memory: child,
                    instance: numbered(mapping, place, boundary.arrays.end),
                    tensor,
                    works: working.contains(place),
                    held: buffer.tile.iter().cloned().collect(),
                    arrived: arrived
                        .map(|(_, element, source)| (element.clone(), *source))
                        .collect(),
                    left: old.difference(&buffer.tile).cloned().collect(),
                };
                if !one.held.is_empty() || !one.left.is_empty() {
                    found.push(one);
                }
            }
        }
    }
    found.sort_by_key(|one| (one.memory, one.instance, one.tensor));
    found
}

/// What the parent sends to several instances at once.
fn share(machine: &Machine, boundary: usize, arrivals: &mut [(Place, Element, Source)]) {
    let arrays = machine.layout.boundaries[boundary].arrays.clone();
    let joins = |array: usize| {
        let network = &machine.mapping.architecture.arrays[array].network;
        arrays.contains(&array) && network.multicast
    };
    // Instances that differ only in arrays that join.
    let class = |place: &Place| -> Place {
        let loops = machine.mapping.schedule.loops.iter();
        let index = place.iter().zip(loops);
        index
            .map(|(&i, l)| match l.array() {
                Some(array) if joins(array) => 0,
                _ => i,
            })
            .collect()
    };
    let mut sent: BTreeMap<(Place, Element), u64> = BTreeMap::new();
    for (place, element, source) in arrivals.iter() {
        if *source == Source::Parent {
            *sent.entry((class(place), element.clone())).or_insert(0) += 1;
        }
    }
    for (place, element, source) in arrivals {
        let count = sent.get(&(class(place), element.clone()));
        if *source == Source::Parent && count.is_some_and(|&count| count > 1) {
            *source = Source::Multicast;
        }
    }
}

/// The number of an instance below `above` arrays: its indices in the spatial loops, the outermost counting most.
fn numbered(mapping: &Mapping, place: &Place, above: usize) -> u64 {
    let loops = mapping.schedule.loops.iter().zip(place);
    loops
        .filter(|(l, _)| l.array().is_some_and(|array| array < above))
        .fold(0, |number, (l, &index)| number * l.instances() + index)
}
