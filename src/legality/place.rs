//! Where the tiles of a memory lie when nobody said so.
//!
//! Problem: `DRAM -> GLB -> PEs` with a flat list of loops leaves open which of them refill the GLB. The
//! further out its tile lies, the larger it is and the less often it is filled. So a memory takes the
//! outermost position at which everything it holds fits; an unbounded one holds whole tensors.
//!
//! Invariants kept: along a tensor's chain of memories positions never decrease inwards, and every spatial
//! loop of an array above a memory lies before its position.

use super::capacity::{Footprint, overfull};
use super::violation::{Need, Violation};
use crate::ir::Mapping;

/// The position that was chosen for what a memory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub memory: usize,
    /// How many loops lie outside.
    pub position: usize,
}

/// `positions[memory][tensor]`, as in `Schedule`.
type Positions = Vec<Vec<Option<usize>>>;

/// Bits that a memory needs, and what of them each tensor.
type Total = (u128, Vec<Need>);

/// Sets the positions of the memories in `automatic`, from the outside in: of every tensor they hold but
/// those in `fixed` (pairs of memory and tensor). What they had was a placeholder. The mapping should cover
/// every point exactly once ([`super::covers`]), or the sizes mean nothing; [`super::settle`] sees to that.
///
/// # Errors
/// [`Violation::Overfull`] or [`Violation::Unmeasured`] of the first memory that fits nowhere; it and the
/// automatic ones inside it are then at their innermost positions.
pub fn choose(
    mapping: &mut Mapping,
    automatic: &[usize],
    fixed: &[(usize, usize)],
) -> Result<Vec<Choice>, Violation> {
    let mut open: Vec<usize> = automatic
        .iter()
        .copied()
        .filter(|memory| (1..mapping.architecture.memories.len()).contains(memory))
        .collect();
    open.sort_unstable();
    open.dedup();
    let mut positions = mapping.schedule.positions.clone();
    let mut choices = Vec::new();
    let mut failed: Option<(usize, Option<Total>)> = None;
    let footprint = (!open.is_empty()).then(|| Footprint::new(mapping));
    for (at, &memory) in open.iter().enumerate() {
        let free =
            |m: usize, tensor: usize| open[at..].contains(&m) && !fixed.contains(&(m, tensor));
        let (first, last) = range(mapping, &positions, memory, &free);
        let capacity = mapping.architecture.memories[memory].capacity_bits;
        let mut position = if failed.is_some() { last } else { first };
        if let (Some(capacity), Some(footprint), None) = (capacity, &footprint, &failed) {
            let mut tightest = None;
            let fitting = (first..=last).find(|&position| {
                set(&mut positions[memory], memory, position, &free);
                tightest = footprint.required(memory, &positions[memory]);
                matches!(tightest, Some((need, _)) if need <= capacity)
            });
            position = fitting.unwrap_or(last);
            if fitting.is_none() {
                failed = Some((memory, tightest));
            }
        }
        set(&mut positions[memory], memory, position, &free);
        choices.push(Choice { memory, position });
    }
    mapping.schedule.positions = positions;
    let Some((memory, tightest)) = failed else {
        return Ok(choices);
    };
    let capacity = mapping.architecture.memories[memory].capacity_bits;
    Err(match tightest {
        Some((need, tensors)) => overfull(mapping, memory, capacity.unwrap_or(0), need, tensors),
        None => Violation::Unmeasured { memory },
    })
}

/// Outermost and innermost position that its neighbours and the arrays allow to `memory`; entries that are
/// `free` are still placeholders.
fn range(
    mapping: &Mapping,
    positions: &Positions,
    memory: usize,
    free: &impl Fn(usize, usize) -> bool,
) -> (usize, usize) {
    let schedule = &mapping.schedule;
    let above = mapping.architecture.memories[memory].arrays_above;
    let spatial = schedule
        .loops
        .iter()
        .rposition(|l| l.array().is_some_and(|array| array < above))
        .map_or(0, |last| last + 1);
    let (mut first, mut last) = (spatial, schedule.steps);
    for (tensor, held) in positions[memory].iter().enumerate() {
        if held.is_none() || !free(memory, tensor) {
            continue;
        }
        for (m, row) in positions.iter().enumerate() {
            let Some(position) = row[tensor].filter(|_| m != memory && !free(m, tensor)) else {
                continue;
            };
            if m < memory {
                first = first.max(position);
            } else {
                last = last.min(position);
            }
        }
    }
    (first, last.max(first))
}

fn set(
    row: &mut [Option<usize>],
    memory: usize,
    position: usize,
    free: &impl Fn(usize, usize) -> bool,
) {
    for (tensor, held) in row.iter_mut().enumerate() {
        if let Some(held) = held.as_mut().filter(|_| free(memory, tensor)) {
            *held = position;
        }
    }
}
