//! What holds of every evaluation, whatever counted it (`semantics.md` 2.6): checks that need no second
//! implementation.
//!
//! Each law follows from what the counts *are*, not from how they are made: a memory cannot give more bits
//! than its port has, and what arrives somewhere has left somewhere else. The laws are cheap (no loop over
//! steps), so they are checked on every evaluation.

use super::counts::{BoundaryCounts, Counts, CrossingCounts, Resource, TensorCounts, Way};
use crate::ir::{Mapping, Rate};
use std::fmt;

/// A law that some counts break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// The points performed are those of the operation.
    Operations,
    /// No port and no link is asked for more than it has.
    Bandwidth,
    /// Every sum that is stored is read exactly once, and the last ones stay, complete.
    Sums,
    /// What is read of an operand is what is asked for, and what is asked for is what is new.
    Operands,
    /// What crosses a boundary is what its parent gives and takes.
    Crossings,
    /// Every element that is needed is read, every element of the result written.
    Compulsory,
    /// Nothing is faster than its slowest part, nor slower than all parts one after the other.
    Time,
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Law::Operations => "the points performed are those of the operation",
            Law::Bandwidth => "no port and no link carries more than it can",
            Law::Sums => "every sum that is stored is read exactly once, and the last ones stay",
            Law::Operands => "what is read of an operand is what is new below",
            Law::Crossings => "what crosses a boundary is what its parent gives and takes",
            Law::Compulsory => "every needed element is read and every result written",
            Law::Time => "time lies between the slowest part and the sum of all parts",
        })
    }
}

/// Checks all laws.
///
/// # Errors
/// The first [`Law`] that `counts` break, in the order of their list.
pub fn check(mapping: &Mapping, counts: &Counts) -> Result<(), Law> {
    let view = View { mapping, counts };
    let laws = [
        (Law::Operations, view.operations()),
        (Law::Bandwidth, view.bandwidth()),
        (Law::Sums, view.sums()),
        (Law::Operands, view.operands()),
        (Law::Crossings, view.crossings()),
        (Law::Compulsory, view.compulsory()),
        (Law::Time, view.time()),
    ];
    let broken = laws.into_iter().find(|(_, holds)| *holds != Some(true));
    broken.map_or(Ok(()), |(law, _)| Err(law))
}

/// Counts beside their mapping. The laws are `None` when something that they speak of is missing.
struct View<'a> {
    mapping: &'a Mapping,
    counts: &'a Counts,
}

impl View<'_> {
    fn operations(&self) -> Option<bool> {
        let volume = self.mapping.operation.volume()?;
        let all = volume.checked_mul(u128::from(self.mapping.operation.repeat))?;
        Some(u128::from(self.counts.operations) == all)
    }

    fn bandwidth(&self) -> Option<bool> {
        let cycles = self.counts.timing.cycles;
        for resource in &self.counts.resources {
            let fits = |cycles: u64| carries(resource.rate, cycles, 1, u128::from(resource.bits));
            if !fits(cycles) || !fits(resource.busy_cycles) || resource.busy_cycles > cycles {
                return Some(false);
            }
        }
        // The same again, from what the memories and boundaries say, over all instances.
        let architecture = &self.mapping.architecture;
        for (memory, m) in architecture.memories.iter().enumerate() {
            let (mut read, mut written) = (0u128, 0u128);
            for tensor in &self.counts.memories.get(memory)?.tensors {
                let writes = if memory == 0 {
                    // Zeros that nothing touches take no time.
                    self.delivered(memory, tensor.tensor)?
                } else {
                    tensor.writes
                };
                let bits = u128::from(self.least_width(tensor.tensor));
                read += u128::from(tensor.reads) * bits;
                written += u128::from(writes) * bits;
            }
            let instances = architecture.instances(memory);
            let fits = |rate: Option<Rate>, bits: u128| {
                rate.is_none_or(|rate| carries(rate, cycles, instances, bits))
            };
            let fits = match m.ports {
                crate::ir::Ports::One(rate) => fits(Some(rate), read + written),
                crate::ir::Ports::Two { read: r, write: w } => fits(r, read) && fits(w, written),
            };
            if !fits {
                return Some(false);
            }
        }
        // The outermost array of a boundary carries what the parent gives and takes.
        for resource in &self.counts.resources {
            let Resource::Link { array, tensor, way } = resource.resource else {
                continue;
            };
            let mut bits = 0u128;
            let mut networks = 1;
            for boundary in &self.counts.boundaries {
                if !self
                    .arrays(boundary)
                    .is_some_and(|a| a.start == array && a.end > array)
                {
                    continue;
                }
                networks = architecture.instances(boundary.parent);
                for crossing in &boundary.tensors {
                    if tensor.is_none_or(|tensor| tensor == crossing.tensor) {
                        let elements = match way {
                            Way::Down => crossing.down,
                            Way::Up => crossing.up,
                        };
                        bits +=
                            u128::from(elements) * u128::from(self.least_width(crossing.tensor));
                    }
                }
            }
            if !carries(resource.rate, cycles, networks, bits) {
                return Some(false);
            }
        }
        Some(true)
    }

    fn sums(&self) -> Option<bool> {
        let result = self.mapping.operation.result();
        let mut all = true;
        for (memory, m) in self.counts.memories.iter().enumerate() {
            let Some(here) = m.tensors.iter().find(|t| t.tensor == result) else {
                continue;
            };
            let sent_up = here.reads.checked_sub(here.updates)?;
            let delivered = self.delivered(memory, result)?;
            all &= here.complete_writes <= here.writes && here.complete_reads <= sent_up;
            if memory == 0 {
                let stay = here.unique.checked_mul(self.mapping.operation.repeat)?;
                all &= sent_up == 0 && here.reads.checked_add(stay)? == here.writes;
                // Zeros that nothing touches are written beside what is delivered.
                all &= here.writes >= delivered && here.complete_writes >= stay;
            } else {
                let (boundary, above) = self.into(memory, result)?;
                all &= here.reads == here.writes;
                all &= here.writes == above.down.checked_add(delivered)?;
                all &= above.up <= sent_up && above.down <= here.fills;
                if !self.joins(boundary, result)? {
                    all &= above.up == sent_up;
                }
                if !self.arrays(boundary)?.is_empty() {
                    all &= above.hops == above.down.checked_add(sent_up)?;
                }
            }
            all &= self.given(memory, result)? <= here.updates;
        }
        Some(all)
    }

    fn operands(&self) -> Option<bool> {
        let mut all = true;
        for (memory, m) in self.counts.memories.iter().enumerate() {
            for here in m
                .tensors
                .iter()
                .filter(|t| t.tensor != self.mapping.operation.result())
            {
                let asked = self.given(memory, here.tensor)?;
                all &= here.updates == 0 && here.complete_reads == 0 && here.complete_writes == 0;
                if memory == 0 {
                    all &= here.reads == asked && here.writes == 0;
                    continue;
                }
                let (boundary, above) = self.into(memory, here.tensor)?;
                let came = above.down.checked_add(above.forwarded)?;
                all &= here.reads == asked.checked_add(above.forwarded)?;
                all &= here.writes == here.fills && above.up == 0;
                // With multicast, between the largest child's fills and the sum of all.
                let children = self.mapping.architecture.instances(memory).max(1);
                all &= here.fills.div_ceil(children) <= came && came <= here.fills;
                if !self.joins(boundary, here.tensor)? {
                    all &= came == here.fills;
                }
                if !self.arrays(boundary)?.is_empty() {
                    all &= above.hops == here.fills;
                }
            }
        }
        Some(all)
    }

    fn crossings(&self) -> Option<bool> {
        let mut all = true;
        for boundary in &self.counts.boundaries {
            let (mut low, mut high, mut up) = (0u128, 0u128, 0u128);
            for crossing in &boundary.tensors {
                let tensor = &self.mapping.operation.tensors[crossing.tensor];
                let (bits, partial) = (u128::from(tensor.bits), u128::from(tensor.partial_bits));
                let incomplete = crossing.up.checked_sub(crossing.up_complete)?;
                low += u128::from(crossing.down) * u128::from(self.least_width(crossing.tensor));
                high += u128::from(crossing.down)
                    * if crossing.tensor == self.mapping.operation.result() {
                        bits.max(partial)
                    } else {
                        bits
                    };
                up += u128::from(incomplete) * partial + u128::from(crossing.up_complete) * bits;
                if self.arrays(boundary)?.is_empty() {
                    all &= crossing.hops == 0 && crossing.forwarded == 0;
                }
                if boundary.child.is_none() {
                    let points = self.counts.operations;
                    all &= crossing.down.max(crossing.up).max(crossing.hops) <= points;
                }
            }
            let down = u128::from(boundary.down_bits);
            all &= low <= down && down <= high && up == u128::from(boundary.up_bits);
            all &= u128::from(boundary.peak_bits) <= down + up;
        }
        Some(all)
    }

    fn compulsory(&self) -> Option<bool> {
        let repeat = self.mapping.operation.repeat;
        let result = self.mapping.operation.result();
        let mut all = true;
        for outside in &self.counts.memories.first()?.tensors {
            let needed = outside.unique.checked_mul(repeat)?;
            if outside.tensor == result {
                all &= outside.writes >= needed;
                continue;
            }
            all &= outside.reads >= needed;
            let inside = |t: &&TensorCounts| t.tensor == outside.tensor;
            let mut chip = self.counts.memories.iter().skip(1);
            if let Some(outermost) = chip.find_map(|m| m.tensors.iter().find(inside)) {
                all &= outermost.fills >= needed;
            }
        }
        Some(all)
    }

    fn time(&self) -> Option<bool> {
        let timing = &self.counts.timing;
        let architecture = &self.mapping.architecture;
        let mut serial = u128::from(timing.compute_cycles);
        for resource in &self.counts.resources {
            serial += u128::from(resource.busy_cycles);
        }
        for boundary in self.counts.boundaries.iter().filter(|b| b.child.is_some()) {
            serial += u128::from(boundary.transfer_cycles);
        }
        let most = u128::from(timing.compute_cycles)
            .saturating_mul(u128::from(architecture.pes()))
            .saturating_mul(u128::from(architecture.lanes));
        Some(
            timing.cycles >= timing.compute_cycles
                && u128::from(timing.cycles) <= serial
                && u128::from(self.counts.operations) <= most
                && self.counts.steps <= timing.compute_cycles
                && self.counts.pes_used <= architecture.pes(),
        )
    }

    /// The boundary through which `memory` gets `tensor`.
    fn into(&self, memory: usize, tensor: usize) -> Option<(&BoundaryCounts, &CrossingCounts)> {
        let mut above = self
            .counts
            .boundaries
            .iter()
            .filter(|b| b.child == Some(memory));
        above.find_map(|b| Some((b, b.tensors.iter().find(|c| c.tensor == tensor)?)))
    }

    /// What crosses of `tensor` from `memory` inwards.
    fn below(&self, memory: usize, tensor: usize) -> impl Iterator<Item = &CrossingCounts> {
        let boundaries = self.counts.boundaries.iter();
        boundaries
            .filter(move |b| b.parent == memory)
            .flat_map(|b| &b.tensors)
            .filter(move |c| c.tensor == tensor)
    }

    /// Sums and products that `memory` takes from below.
    fn delivered(&self, memory: usize, tensor: usize) -> Option<u64> {
        let mut below = self.below(memory, tensor);
        below.try_fold(0u64, |sum, crossing| sum.checked_add(crossing.up))
    }

    /// Elements that `memory` gives to what is below.
    fn given(&self, memory: usize, tensor: usize) -> Option<u64> {
        let mut below = self.below(memory, tensor);
        below.try_fold(0u64, |sum, crossing| sum.checked_add(crossing.down))
    }

    /// The arrays that a boundary crosses.
    fn arrays(&self, boundary: &BoundaryCounts) -> Option<std::ops::Range<usize>> {
        let architecture = &self.mapping.architecture;
        let above = architecture.memories.get(boundary.parent)?.arrays_above;
        let below = match boundary.child {
            Some(child) => architecture.memories.get(child)?.arrays_above,
            None => architecture.arrays.len(),
        };
        Some(above..below.max(above))
    }

    /// Whether an array of `boundary` lets instances share what crosses of `tensor`.
    fn joins(&self, boundary: &BoundaryCounts, tensor: usize) -> Option<bool> {
        let arrays = &self.mapping.architecture.arrays[self.arrays(boundary)?];
        Some(arrays.iter().any(|array| {
            if tensor == self.mapping.operation.result() {
                array.network.reduction
            } else {
                array.network.multicast
            }
        }))
    }

    /// The narrowest that an element of `tensor` is anywhere.
    fn least_width(&self, tensor: usize) -> u32 {
        let t = &self.mapping.operation.tensors[tensor];
        if tensor == self.mapping.operation.result() {
            t.bits.min(t.partial_bits)
        } else {
            t.bits
        }
    }
}

/// Whether `instances` resources of `rate` carry `bits` in `cycles`.
fn carries(rate: Rate, cycles: u64, instances: u64, bits: u128) -> bool {
    let most = u128::from(rate.bits)
        .checked_mul(u128::from(cycles))
        .and_then(|most| most.checked_mul(u128::from(instances)));
    match (most, bits.checked_mul(u128::from(rate.cycles))) {
        (Some(most), Some(asked)) => asked <= most,
        (None, Some(_)) => true,
        (_, None) => false,
    }
}
