//! The oracle: executes the nest point by point and is the definition of correct.
//!
//! Problem: a closed form can be wrong in ways that no example shows. So this module steps through every
//! loop of the mapping, one window at a time, keeps what every instance of every memory holds as an
//! explicit set of elements, counts by set difference, marks every performed point in a `done` table, and
//! adds up time step by step. `SpatialMap(3,1) Y` over two PEs is really two PEs with two sets here.
//! It is slow and has no cleverness on purpose; every engine must equal it, and it shares nothing with
//! them but the IR and the form of the result.
//!
//! One file per job, each with the rules that it keeps:
//! * `walk`: the loops, the steps, and whether every point is performed exactly once;
//! * `layout`: the boundaries, the positions and the resources of a mapping;
//! * `held`: what is held and what moves in a step of the memories;
//! * `issues`: what the lanes read and deliver;
//! * `machine`: what crosses arrays, and how sums meet;
//! * `clock`: time;
//! * `trace`: what is held, written down step by step.

mod clock;
mod held;
mod issues;
mod layout;
mod machine;
#[cfg(test)]
mod tests;
mod trace;
mod walk;

use super::counts::{Counts, MemoryCounts, TensorCounts};
use crate::ir::Mapping;
use clock::Clock;
use held::Begun;
use layout::Layout;
use machine::Machine;
use std::collections::{BTreeMap, BTreeSet};
use walk::Step;

pub use trace::{Source, TraceInstance, TraceStep, trace};

/// An element of a tensor: its index in every dimension.
type Element = Vec<i64>;
type Tile = BTreeSet<Element>;
/// Index in every loop; 0 for those that are temporal or do not matter.
type Place = Vec<u64>;
/// Half-open interval.
type Range = (i64, i64);

/// Why the oracle gave no counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A point of the iteration space that no tile performs.
    Uncovered(Vec<u64>),
    /// A point that is performed more than once.
    Doubled(Vec<u64>),
    /// More than the given number of points or steps: not for the oracle.
    TooLarge,
    /// A count passes `u64`.
    Overflow,
}

/// Executes `mapping`; gives up past `limit` points (MACs) or a few times as many instance-steps.
///
/// # Errors
/// [`Refusal`] with the first uncovered or doubled point in lexicographic order, or when the work or a
/// count is too large.
pub fn run(mapping: &Mapping, limit: u64) -> Result<Counts, Refusal> {
    let volume = mapping.operation.volume().ok_or(Refusal::TooLarge)?;
    if volume > u128::from(limit) {
        return Err(Refusal::TooLarge);
    }
    let steps = walk::steps(mapping, limit)?;
    perform(mapping, &steps).ok_or(Refusal::Overflow)
}

/// All integer points of a box, in lexicographic order.
fn points(ranges: &[Range]) -> Vec<Vec<i64>> {
    let mut all = vec![vec![]];
    for &(lo, hi) in ranges {
        all = all
            .into_iter()
            .flat_map(|point| {
                (lo..hi).map(move |x| {
                    let mut longer = point.clone();
                    longer.push(x);
                    longer
                })
            })
            .collect();
    }
    all
}

/// The element of `tensor` that a point touches; `None` outside the tensor.
fn element(mapping: &Mapping, tensor: usize, point: &[i64]) -> Option<Element> {
    let dims = &mapping.operation.tensors[tensor].dims;
    let index = |dim: &crate::ir::Dim| {
        let terms = dim
            .terms
            .iter()
            .map(|t| t.coefficient * point[t.rank.index()]);
        let x = terms.sum::<i64>() + dim.constant;
        (x >= 0 && (x as u64) < dim.extent).then_some(x)
    };
    dims.iter().map(index).collect()
}

/// The elements of `tensor` that a box touches, each as often as it is touched.
fn touched(mapping: &Mapping, tensor: usize, ranks: &[Range]) -> Vec<Element> {
    let all = points(ranks);
    all.iter()
        .filter_map(|point| element(mapping, tensor, point))
        .collect()
}

/// The boundaries that start a step of theirs with the given step of the lanes, because a loop outside the child's tile has
/// gone on; and the steps of the lanes that it consists of.
fn begun<'a>(layout: &Layout, steps: &'a [Step], number: usize) -> Begun<'a> {
    let mut begun = BTreeMap::new();
    for (index, boundary) in layout.boundaries.iter().enumerate() {
        let place = boundary.position.0;
        let here = |other: &Step| other.index[..place] == steps[number].index[..place];
        if boundary.child.is_some() && (number == 0 || !here(&steps[number - 1])) {
            let length = steps[number..].iter().take_while(|s| here(s)).count();
            begun.insert(index, &steps[number..number + length]);
        }
    }
    begun
}

/// Runs all steps; `None` when a count passes `u64`.
fn perform(mapping: &Mapping, steps: &[Step]) -> Option<Counts> {
    let mut machine = Machine::new(mapping);
    let (mut moved, mut issued) = (Vec::new(), Vec::new());
    for (number, step) in steps.iter().enumerate() {
        let begun = begun(&machine.layout, steps, number);
        let here = machine.refill(&begun);
        here.values().for_each(|moved| machine.peak(moved));
        moved.push(here);
        let here = machine.issue(step);
        issued.push(here);
    }
    let drained = machine.drain();
    // Loops inside the leaf tile may leave gaps in it, or finish what it does not: sums are then held that
    // nothing completes.
    let boxes = steps.iter().flat_map(|step| &step.boxes);
    let tiles: u128 = boxes.map(|(_, ranks)| points(ranks).len() as u128).sum();
    let whole = Some(tiles) == mapping.operation.volume();
    debug_assert!(!whole || machine.is_settled());
    drained.values().for_each(|moved| machine.peak(moved));

    let clock = Clock {
        mapping,
        layout: &machine.layout,
        steps,
        moved,
        issued,
        drained,
    };
    clock.transfers(&mut machine.boundaries)?;
    let places = steps.iter().flat_map(|step| &step.boxes);
    let used: BTreeSet<&Place> = places.clone().map(|(place, _)| place).collect();
    let mut counts = Counts {
        operations: places.map(|(_, ranks)| points(ranks).len() as u64).sum(),
        steps: clock.leaf_regions().len() as u64,
        pes_used: used.len() as u64,
        memories: Vec::new(),
        resources: clock.resources()?,
        timing: clock.time()?,
        boundaries: machine.boundaries.clone(),
    };
    counts.memories = memories(&machine)?;
    counts.repeat(mapping.operation.repeat)?;
    let compute_cycles = counts.timing.compute_cycles;
    counts.timing.bound = clock::bound(compute_cycles, &counts.resources, &counts.boundaries);
    Some(counts)
}

/// What was counted in the memories, and what of it was not yet known on the way.
fn memories(machine: &Machine) -> Option<Vec<MemoryCounts>> {
    let mapping = machine.mapping;
    let result = mapping.operation.result();
    let mut found = Vec::new();
    for (memory, row) in mapping.schedule.positions.iter().enumerate() {
        let mut tensors = Vec::new();
        for tensor in (0..row.len()).filter(|&tensor| row[tensor].is_some()) {
            let mut counts = machine.counts[memory][tensor].clone();
            let everything = touched(mapping, tensor, &walk::whole(mapping));
            let needed = everything.into_iter().collect::<Tile>().len() as u64;
            let dims = mapping.operation.tensors[tensor].dims.iter();
            let elements = dims
                .map(|dim| dim.extent)
                .try_fold(1u64, |n, extent| n.checked_mul(extent))?;
            counts.unique = if tensor == result { elements } else { needed };
            if memory == 0 {
                counts.tile = elements;
                if tensor == result {
                    // Elements that no point touches are zeros, and written as such.
                    let gaps = elements.checked_sub(needed)?;
                    counts.writes = counts.writes.checked_add(gaps)?;
                    counts.complete_writes = counts.complete_writes.checked_add(gaps)?;
                }
            }
            tensors.push(counts);
        }
        let required_bits = if memory == 0 {
            0
        } else {
            required_bits(machine, memory, &tensors)?
        };
        found.push(MemoryCounts {
            required_bits,
            tensors,
        });
    }
    Some(found)
}

/// Bits that one instance of `memory` must hold, in whole banks.
fn required_bits(machine: &Machine, memory: usize, tensors: &[TensorCounts]) -> Option<u64> {
    let this = &machine.mapping.architecture.memories[memory];
    let bank = match this.capacity_bits {
        Some(capacity) if this.banks > 1 => capacity / u128::from(this.banks),
        _ => 1,
    };
    let mut required = 0u128;
    for counts in tensors {
        let tensor = &machine.mapping.operation.tensors[counts.tensor];
        let width = if has_incomplete_sums(machine, memory, counts.tensor) {
            tensor.partial_bits
        } else {
            tensor.bits
        };
        let bits = u128::from(counts.tile) * u128::from(width);
        required = required.checked_add(bits.div_ceil(bank.max(1)).checked_mul(bank.max(1))?)?;
    }
    let buffers = if this.double_buffered { 2 } else { 1 };
    u64::try_from(required.checked_mul(buffers)?).ok()
}

/// Whether a sum that is not complete ever lies in `memory`.
fn has_incomplete_sums(machine: &Machine, memory: usize, tensor: usize) -> bool {
    tensor == machine.mapping.operation.result()
        && machine.boundaries.iter().any(|boundary| {
            boundary
                .tensors
                .iter()
                .filter(|c| c.tensor == tensor)
                .any(|c| {
                    let into = boundary.parent == memory && c.up_complete < c.up;
                    into || boundary.child == Some(memory) && c.down > 0
                })
        })
}
