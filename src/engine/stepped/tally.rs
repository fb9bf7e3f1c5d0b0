//! What the executed steps add up to.

use super::clock::Clock;
use crate::engine::counts::{
    BoundaryCounts, Counts, CrossingCounts, MemoryCounts, ResourceCounts, TensorCounts, Timing,
};
use crate::engine::flows::Flows;
use crate::engine::plan::Counter;
use crate::engine::{Bound, EngineLimit, bound_of};
use crate::ir::Mapping;

/// Adds something that happens `weight` times. A sum that does not fit stays too large for a count.
#[inline]
pub(super) fn add(sum: &mut u128, weight: u128, own: u64) {
    if own > 0 {
        *sum = sum.saturating_add(weight.saturating_mul(u128::from(own)));
    }
}

fn small(n: u128) -> Result<u64, EngineLimit> {
    u64::try_from(n).map_err(|_| EngineLimit::Overflow)
}

/// One tensor in one memory.
#[derive(Clone, Copy, Default)]
pub(super) struct Own {
    pub tile: u64,
    pub fills: u128,
    pub reads: u128,
    pub writes: u128,
    pub updates: u128,
    pub complete_reads: u128,
    pub complete_writes: u128,
}

/// One tensor at one boundary, or from one home to the lanes.
#[derive(Clone, Copy, Default)]
pub(super) struct Crossed {
    pub down: u128,
    pub up: u128,
    pub up_complete: u128,
    pub forwarded: u128,
    pub hops: u128,
}

#[derive(Default)]
pub(super) struct Tally {
    /// Per memory and tensor.
    pub owns: Vec<Vec<Own>>,
    /// Per boundary, then per home, and tensor.
    pub crossed: Vec<Vec<Crossed>>,
    pub operations: u128,
    pub steps: u128,
    pub pes_used: u128,
}

impl Tally {
    pub fn new(mapping: &Mapping, flows: &Flows) -> Tally {
        let tensors = mapping.operation.tensors.len();
        let crossings = flows.boundaries.len() + flows.homes.len();
        Tally {
            owns: vec![vec![Own::default(); tensors]; mapping.architecture.memories.len()],
            crossed: vec![vec![Crossed::default(); tensors]; crossings],
            ..Tally::default()
        }
    }

    /// Puts the report together; `mapping` is the layer as it was.
    pub fn counts(
        &self,
        counter: &Counter,
        mapping: &Mapping,
        (flows, clock): (&Flows, &Clock),
        cycles: u64,
    ) -> Result<Counts, EngineLimit> {
        let operation = &mapping.operation;
        let expected = operation.volume().ok_or(EngineLimit::Overflow)?;
        if self.operations != expected {
            return Err(EngineLimit::Mismatch {
                performed: self.operations,
                expected,
            });
        }
        let boundaries = self.boundaries(mapping, flows, clock)?;
        let mut memories = Vec::with_capacity(mapping.schedule.positions.len());
        for (memory, row) in mapping.schedule.positions.iter().enumerate() {
            let held = (0..row.len()).filter(|&tensor| row[tensor].is_some());
            let tensors = held
                .map(|tensor| self.tensor(counter, mapping, memory, tensor))
                .collect::<Result<Vec<_>, _>>()?;
            let required_bits = if memory == 0 {
                0
            } else {
                small(required(mapping, &boundaries, memory, &tensors))?
            };
            memories.push(MemoryCounts {
                required_bits,
                tensors,
            });
        }
        let resources = flows.resources.iter().enumerate();
        let mut counts = Counts {
            operations: small(self.operations)?,
            steps: small(self.steps)?,
            pes_used: small(self.pes_used)?,
            memories,
            boundaries,
            resources: resources
                .map(|(number, &(resource, rate))| {
                    Ok(ResourceCounts {
                        resource,
                        rate,
                        bits: small(clock.bits[number])?,
                        busy_cycles: small(clock.busy[number])?,
                    })
                })
                .collect::<Result<_, EngineLimit>>()?,
            timing: Timing {
                cycles,
                compute_cycles: small(clock.compute)?,
                neighbour_cycles: small(clock.neighbours)?,
                bound: Bound::Compute,
            },
        };
        counts
            .repeat(operation.repeat)
            .ok_or(EngineLimit::Overflow)?;
        counts.timing.bound = bound_of(&counts);
        Ok(counts)
    }

    fn boundaries(
        &self,
        mapping: &Mapping,
        flows: &Flows,
        clock: &Clock,
    ) -> Result<Vec<BoundaryCounts>, EngineLimit> {
        let operation = &mapping.operation;
        let mut found = Vec::with_capacity(self.crossed.len());
        for (number, crossed) in self.crossed.iter().enumerate() {
            let home = number.checked_sub(flows.boundaries.len());
            let (parent, child, position, tensors) = match home {
                None => {
                    let b = &flows.boundaries[number];
                    (b.parent, Some(b.child), b.place, &b.tensors)
                }
                Some(home) => {
                    let home = &flows.homes[home];
                    (home.memory, None, mapping.schedule.leaf, &home.tensors)
                }
            };
            let (mut down_bits, mut up_bits) = (0u128, 0u128);
            let mut counts = Vec::with_capacity(tensors.len());
            for &tensor in tensors {
                let at = &crossed[tensor];
                let widths = &operation.tensors[tensor];
                let (bits, partial) = (u128::from(widths.bits), u128::from(widths.partial_bits));
                let is_result = tensor == operation.result();
                let down = if is_result { partial } else { bits };
                down_bits = down_bits.saturating_add(at.down.saturating_mul(down));
                let incomplete = (at.up - at.up_complete).saturating_mul(partial);
                let complete = at.up_complete.saturating_mul(bits);
                up_bits = up_bits.saturating_add(incomplete).saturating_add(complete);
                counts.push(CrossingCounts {
                    tensor,
                    down: small(at.down)?,
                    up: small(at.up)?,
                    up_complete: small(at.up_complete)?,
                    forwarded: small(at.forwarded)?,
                    hops: small(at.hops)?,
                });
            }
            found.push(BoundaryCounts {
                parent,
                child,
                position,
                tensors: counts,
                down_bits: small(down_bits)?,
                up_bits: small(up_bits)?,
                peak_bits: clock.peaks.get(number).copied().unwrap_or(0),
                transfer_cycles: small(clock.transfer_cycles[number])?,
            });
        }
        Ok(found)
    }

    fn tensor(
        &self,
        counter: &Counter,
        mapping: &Mapping,
        memory: usize,
        tensor: usize,
    ) -> Result<TensorCounts, EngineLimit> {
        let own = &self.owns[memory][tensor];
        let whole = &counter.wholes[tensor];
        let is_result = tensor == mapping.operation.result();
        // Elements that nothing touches are written as zeros, once.
        let zeros = if memory == 0 && is_result {
            whole.elements - whole.unique
        } else {
            0
        };
        Ok(TensorCounts {
            tensor,
            tile: if memory == 0 {
                small(whole.elements)?
            } else {
                own.tile
            },
            fills: small(own.fills)?,
            reads: small(own.reads)?,
            writes: small(own.writes + zeros)?,
            updates: small(own.updates)?,
            complete_reads: small(own.complete_reads)?,
            complete_writes: small(own.complete_writes + zeros)?,
            unique: small(if is_result {
                whole.elements
            } else {
                whole.unique
            })?,
        })
    }
}

/// Bits that one instance of `memory` must hold, in whole banks.
fn required(
    mapping: &Mapping,
    boundaries: &[BoundaryCounts],
    memory: usize,
    tensors: &[TensorCounts],
) -> u128 {
    let at = &mapping.architecture.memories[memory];
    let bank = match at.capacity_bits {
        Some(bits) if at.banks > 1 => (bits / u128::from(at.banks)).max(1),
        _ => 1,
    };
    let bits = tensors.iter().map(|count| {
        let tensor = &mapping.operation.tensors[count.tensor];
        let width = if is_partial(mapping, boundaries, memory, count.tensor) {
            tensor.partial_bits
        } else {
            tensor.bits
        };
        (u128::from(count.tile) * u128::from(width)).div_ceil(bank) * bank
    });
    bits.sum::<u128>() * (1 + u128::from(at.double_buffered))
}

/// Whether a sum that is not complete ever lies in `memory`.
fn is_partial(
    mapping: &Mapping,
    boundaries: &[BoundaryCounts],
    memory: usize,
    tensor: usize,
) -> bool {
    tensor == mapping.operation.result()
        && boundaries.iter().any(|boundary| {
            let mut own = boundary.tensors.iter().filter(|c| c.tensor == tensor);
            own.any(|c| {
                boundary.parent == memory && c.up_complete < c.up
                    || boundary.child == Some(memory) && c.down > 0
            })
        })
}
