//! Where the tiles of a memory lie when nobody said so.
//!
//! Problem: `DRAM -> GLB -> PEs` with a flat list of loops leaves open which of them refill the GLB. The
//! further out its tile lies, the larger it is and the less often it is filled. So a memory takes the
//! outermost position at which everything it holds fits; an unbounded one holds whole tensors.
//!
//! Invariants kept: along a tensor's chain of memories positions never decrease inwards, and every spatial
//! loop of an array above a memory lies before its position.

use super::capacity::{Footprint, overfull};
use super::violation::Violation;
use crate::ir::Mapping;

/// The position that was chosen for everything a memory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub memory: usize,
    /// How many loops lie outside.
    pub position: usize,
}

/// Sets the positions of the memories in `automatic` (rows whose `Some` entries are placeholders), from
/// the outside in. The mapping should cover every point exactly once: judge it with [`super::covers`] or
/// [`super::violations`] first, or the sizes mean nothing.
///
/// # Errors
/// [`Violation::Overfull`] or [`Violation::Unmeasured`] of the first memory that fits nowhere; it and those
/// inside it are left at their innermost position.
pub fn choose(mapping: &mut Mapping, automatic: &[usize]) -> Result<Vec<Choice>, Violation> {
    let mut open: Vec<usize> = automatic.to_vec();
    open.sort_unstable();
    open.dedup();
    let mut choices = Vec::new();
    let mut failed = None;
    while !open.is_empty() {
        let memory = open.remove(0);
        if memory == 0 || memory >= mapping.architecture.memories.len() {
            continue;
        }
        let (first, last) = range(mapping, memory, &open);
        let capacity = mapping.architecture.memories[memory].capacity_bits;
        let mut position = if failed.is_some() { last } else { first };
        if let (Some(capacity), None) = (capacity, &failed) {
            match search(mapping, memory, capacity, first, last) {
                Ok(found) => position = found,
                Err(violation) => {
                    position = last;
                    failed = Some(violation);
                }
            }
        }
        set(mapping, memory, position);
        choices.push(Choice { memory, position });
    }
    match failed {
        None => Ok(choices),
        Some(violation) => Err(violation),
    }
}

/// Outermost and innermost position allowed for `memory` by its neighbours, those in `open` aside.
fn range(mapping: &Mapping, memory: usize, open: &[usize]) -> (usize, usize) {
    let schedule = &mapping.schedule;
    let above = mapping.architecture.memories[memory].arrays_above;
    let spatial = schedule
        .loops
        .iter()
        .rposition(|l| l.array().is_some_and(|array| array < above))
        .map_or(0, |last| last + 1);
    let held = |tensor: &usize| schedule.positions[memory][*tensor].is_some();
    let tensors: Vec<usize> = (0..mapping.operation.tensors.len()).filter(held).collect();
    let outer = (0..memory).flat_map(|m| {
        tensors
            .iter()
            .filter_map(move |&t| schedule.positions[m][t])
    });
    let inner = (memory + 1..schedule.positions.len())
        .filter(|m| !open.contains(m))
        .flat_map(|m| {
            tensors
                .iter()
                .filter_map(move |&t| schedule.positions[m][t])
        });
    let first = outer.max().unwrap_or(0).max(spatial);
    let last = inner.min().unwrap_or(schedule.leaf).min(schedule.leaf);
    (first, last.max(first))
}

/// The outermost position in `first..=last` at which the memory fits.
fn search(
    mapping: &mut Mapping,
    memory: usize,
    capacity: u128,
    first: usize,
    last: usize,
) -> Result<usize, Violation> {
    let footprint = Footprint::new(mapping);
    let mut tightest = None;
    for position in first..=last {
        let row: Vec<Option<usize>> = mapping.schedule.positions[memory]
            .iter()
            .map(|held| held.map(|_| position))
            .collect();
        match footprint.required(memory, &row) {
            Some((need, _)) if need <= capacity => return Ok(position),
            measured => tightest = measured,
        }
    }
    drop(footprint);
    set(mapping, memory, last);
    Err(match tightest {
        Some((need, tensors)) => overfull(mapping, memory, capacity, need, tensors),
        None => Violation::Unmeasured { memory },
    })
}

fn set(mapping: &mut Mapping, memory: usize, position: usize) {
    for held in mapping.schedule.positions[memory].iter_mut().flatten() {
        *held = position;
    }
}
