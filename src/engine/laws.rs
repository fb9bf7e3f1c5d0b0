//! What holds of every evaluation, whatever counted it (`semantics.md` 2.6): checks that need no second
//! implementation.
//!
//! Each law follows from what the counts *are*, not from how they are made: a memory cannot give more bits
//! than its port has, and what arrives somewhere has left somewhere else. The laws are cheap (no loop over
//! steps), so they are checked on every evaluation.

use super::counts::{
    BoundaryCounts, Counts, CrossingCounts, Port, Resource, ResourceCounts, TensorCounts, Way,
};
use super::{TimingRule, bound_of};
use crate::ir::{Mapping, Ports, Rate, Role};
use smallvec::SmallVec;
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
    /// A memory needs the bits of its largest tiles.
    Capacity,
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
            Law::Capacity => "a memory needs what its largest tiles take",
            Law::Compulsory => "every needed element is read and every result written",
            Law::Time => "time lies between the slowest part and the sum of all parts",
        })
    }
}

/// Checks all laws; a clock other than the exact one times some resources only, so of its time less is known.
///
/// # Errors
/// The first [`Law`] that `counts` break, in the order of their list.
pub fn check(mapping: &Mapping, counts: &Counts, rule: TimingRule) -> Result<(), Law> {
    let view = View { mapping, counts };
    let exact = rule == TimingRule::Exact;
    let broken = |law, holds: Option<bool>| {
        if holds == Some(true) {
            Ok(())
        } else {
            Err(law)
        }
    };
    broken(Law::Crossings, Some(view.is_well_formed()))?;
    broken(Law::Operations, view.operations())?;
    if exact {
        broken(Law::Bandwidth, view.bandwidth())?;
    }
    broken(Law::Sums, view.sums())?;
    broken(Law::Operands, view.operands())?;
    broken(Law::Crossings, view.crossings())?;
    broken(Law::Capacity, view.capacity())?;
    broken(Law::Compulsory, view.compulsory())?;
    broken(Law::Time, view.work())?;
    if exact {
        broken(Law::Time, view.time())?;
    }
    Ok(())
}

/// Counts beside their mapping. The laws are `None` when something that they speak of is missing.
struct View<'a> {
    mapping: &'a Mapping,
    counts: &'a Counts,
}

/// Bits of which only bounds are known: sums that come down again are seldom, but may be, complete.
#[derive(Clone, Copy, Default)]
struct Bits {
    least: u128,
    most: u128,
}

impl Bits {
    fn add(&mut self, elements: u64, width: u32) {
        self.between(elements, width, width);
    }

    fn between(&mut self, elements: u64, least: u32, most: u32) {
        self.least += u128::from(elements) * u128::from(least);
        self.most += u128::from(elements) * u128::from(most);
    }
}

impl View<'_> {
    /// Every index is one of something.
    fn is_well_formed(&self) -> bool {
        let (counts, tensors) = (self.counts, self.mapping.operation.tensors.len());
        let memories = self.mapping.architecture.memories.len();
        let held = counts.memories.iter().zip(&self.mapping.schedule.positions);
        let mut held = held.map(|(m, places)| {
            let tensors = (0..places.len()).filter(|&tensor| places[tensor].is_some());
            tensors.eq(m.tensors.iter().map(|t| t.tensor))
        });
        let crossing = counts.boundaries.iter().flat_map(|b| &b.tensors);
        counts.memories.len() == memories
            && held.all(|all| all)
            && crossing.map(|c| c.tensor).all(|tensor| tensor < tensors)
            && counts
                .boundaries
                .iter()
                .all(|b| b.parent < memories && b.child.is_none_or(|child| child < memories))
    }

    fn operations(&self) -> Option<bool> {
        let volume = self.mapping.operation.volume()?;
        let all = volume.checked_mul(u128::from(self.mapping.operation.repeat))?;
        Some(u128::from(self.counts.operations) == all)
    }

    fn bandwidth(&self) -> Option<bool> {
        let cycles = self.counts.timing.cycles;
        let mut all = self.are_all_resources();
        for resource in &self.counts.resources {
            let (bits, instances) = self.through(resource.resource)?;
            let busiest = u128::from(resource.bits);
            // The largest instance of every step, added up: no less than an even share, no more than all.
            all &= bits.least <= busiest.checked_mul(u128::from(instances))?;
            all &= busiest <= bits.most;
            all &= resource.busy_cycles <= cycles && self.rounds(resource)?;
        }
        Some(all)
    }

    /// Whether the list of resources is that of the architecture, with its rates.
    fn are_all_resources(&self) -> bool {
        let mut listed = self.counts.resources.iter().map(|r| (r.resource, r.rate));
        let architecture = &self.mapping.architecture;
        let mut all = true;
        let mut next = |resource, rate: Option<Rate>| {
            if let Some(rate) = rate {
                all &= listed.next() == Some((resource, rate));
            }
        };
        for (memory, m) in architecture.memories.iter().enumerate() {
            let port = |port| Resource::Port { memory, port };
            match m.ports {
                Ports::One(rate) => next(port(Port::Both), Some(rate)),
                Ports::Two { read, write } => {
                    next(port(Port::Read), read);
                    next(port(Port::Write), write);
                }
            }
        }
        for (array, a) in architecture.arrays.iter().enumerate() {
            let links = a.network.links;
            let link = |tensor, way| Resource::Link { array, tensor, way };
            if !links.is_per_tensor() {
                next(link(None, Way::Down), links.rate(Role::Input));
                next(link(None, Way::Up), links.rate(Role::Input));
                continue;
            }
            for (index, tensor) in self.mapping.operation.tensors.iter().enumerate() {
                let rate = links.rate(tensor.role);
                next(link(Some(index), Way::Down), rate);
                if tensor.role == Role::Output {
                    next(link(Some(index), Way::Up), rate);
                }
            }
        }
        all && listed.next().is_none()
    }

    /// All bits through the instances of a resource, and how many there are.
    fn through(&self, resource: Resource) -> Option<(Bits, u64)> {
        let architecture = &self.mapping.architecture;
        let mut bits = Bits::default();
        match resource {
            Resource::Port { memory, port } => {
                for tensor in &self.counts.memories.get(memory)?.tensors {
                    if port != Port::Write {
                        self.read(memory, tensor, &mut bits)?;
                    }
                    if port != Port::Read {
                        self.written(memory, tensor, &mut bits)?;
                    }
                }
                Some((bits, architecture.instances(memory)))
            }
            Resource::Link { array, tensor, way } => {
                for boundary in &self.counts.boundaries {
                    let arrays = self.arrays(boundary)?;
                    if !arrays.contains(&array) {
                        continue;
                    }
                    for crossing in &boundary.tensors {
                        if tensor.is_some_and(|tensor| tensor != crossing.tensor) {
                            continue;
                        }
                        let (least, most) = self.widths(crossing.tensor);
                        let elements = match way {
                            Way::Down => crossing.down,
                            Way::Up => crossing.up,
                        };
                        // The outermost array of a boundary carries what the parent gives and takes, those
                        // inside it more, but no more than arrives and leaves below.
                        if arrays.start == array {
                            bits.between(elements, least, most);
                        } else {
                            bits.between(elements.max(crossing.hops), 0, most);
                        }
                    }
                }
                let outside = architecture.arrays.get(..array)?.iter();
                Some((bits, outside.map(|a| a.size()).product()))
            }
        }
    }

    /// Adds the bits of a tensor that leave the memory through its port.
    fn read(&self, memory: usize, here: &TensorCounts, bits: &mut Bits) -> Option<()> {
        let tensor = &self.mapping.operation.tensors[here.tensor];
        if tensor.role != Role::Output {
            bits.add(here.reads, tensor.bits);
            return Some(());
        }
        let (least, most) = self.widths(here.tensor);
        let down = self.given(memory, here.tensor)?;
        let rest = here.reads.checked_sub(down)?;
        bits.between(down, least, most);
        bits.add(here.complete_reads, tensor.bits);
        bits.add(rest.checked_sub(here.complete_reads)?, tensor.partial_bits);
        Some(())
    }

    /// Adds the bits of a tensor that enter the memory through its port.
    fn written(&self, memory: usize, here: &TensorCounts, bits: &mut Bits) -> Option<()> {
        let tensor = &self.mapping.operation.tensors[here.tensor];
        if tensor.role != Role::Output {
            bits.add(here.writes, tensor.bits);
            return Some(());
        }
        let (least, most) = self.widths(here.tensor);
        let delivered = self.delivered(memory, here.tensor)?;
        // Zeros that nothing touches take no time.
        let zeros = match memory {
            0 => here.writes.checked_sub(delivered)?,
            _ => 0,
        };
        let complete = here.complete_writes.checked_sub(zeros)?;
        if memory > 0 {
            bits.between(self.into(memory, here.tensor)?.1.down, least, most);
        }
        bits.add(complete, tensor.bits);
        bits.add(delivered.checked_sub(complete)?, tensor.partial_bits);
        Some(())
    }

    /// Whether busy cycles are bits / rate, rounded up no more often than there can be steps.
    fn rounds(&self, resource: &ResourceCounts) -> Option<bool> {
        let rate = (
            u128::from(resource.rate.bits.max(1)),
            u128::from(resource.rate.cycles),
        );
        let asked = u128::from(resource.bits).checked_mul(rate.1)?;
        let given = u128::from(resource.busy_cycles).checked_mul(rate.0)?;
        // Every step moves whole words, so a part of a cycle is a multiple of what they have in common.
        let tensors = self.mapping.operation.tensors.iter();
        let word = tensors.fold(0, |word, tensor| {
            let both = gcd(u128::from(tensor.bits), u128::from(tensor.partial_bits));
            gcd(word, both)
        });
        let steps = u128::from(resource.bits) / word.max(1);
        let lost = rate.0 - gcd(word.checked_mul(rate.1)?, rate.0).min(rate.0);
        let most = steps
            .checked_mul(lost)
            .and_then(|lost| lost.checked_add(asked));
        Some(asked <= given && most.is_none_or(|most| given <= most))
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
            let given = self.given(memory, result)?;
            let mut below = self.below(memory, result);
            let complete = below.try_fold(0u64, |sum, c| sum.checked_add(c.up_complete))?;
            all &= given <= here.updates;
            if memory == 0 {
                let stay = here.unique.checked_mul(self.mapping.operation.repeat)?;
                all &= sent_up == 0 && here.reads.checked_add(stay)? == here.writes;
                // Zeros that nothing touches are written beside what is delivered.
                let zeros = here.writes.checked_sub(delivered)?;
                all &= here.complete_reads == 0 && here.fills == 0;
                all &= here.complete_writes >= stay.max(complete.checked_add(zeros)?);
                all &= here.complete_writes <= stay.checked_add(given)?.min(here.writes);
                continue;
            }
            let (boundary, above) = self.into(memory, result)?;
            all &= here.reads == here.writes;
            all &= here.writes == above.down.checked_add(delivered)?;
            all &= above.up <= sent_up && above.forwarded == 0;
            // What leaves, and what comes with a sum, entered.
            all &= sent_up.max(above.down) <= here.fills;
            // A complete sum was completed here or came down; it goes up or is handed down.
            all &= complete <= here.complete_writes && here.complete_writes <= delivered;
            all &= here.complete_writes <= here.complete_reads.checked_add(given)?;
            all &= here.complete_reads <= here.complete_writes.checked_add(above.down)?;
            all &= here.complete_reads <= sent_up.min(above.up_complete);
            if !self.joins(boundary, result)? {
                all &= above.up == sent_up && above.up_complete == here.complete_reads;
            }
            if !self.arrays(boundary)?.is_empty() {
                all &= above.hops == above.down.checked_add(sent_up)?;
            }
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
                    all &= here.reads == asked && here.writes == 0 && here.fills == 0;
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
                let (least, most) = self.widths(crossing.tensor);
                low += u128::from(crossing.down) * u128::from(least);
                high += u128::from(crossing.down) * u128::from(most);
                up += u128::from(incomplete) * partial + u128::from(crossing.up_complete) * bits;
                if self.arrays(boundary)?.is_empty() {
                    all &= crossing.hops == 0 && crossing.forwarded == 0;
                }
                all &= self.crosses_at(boundary, crossing)?;
            }
            let down = u128::from(boundary.down_bits);
            all &= low <= down && down <= high && up == u128::from(boundary.up_bits);
            all &= u128::from(boundary.peak_bits) <= down + up;
        }
        Some(all)
    }

    /// Where it crosses, and how often it can: to the lanes, once per point.
    fn crosses_at(&self, boundary: &BoundaryCounts, crossing: &CrossingCounts) -> Option<bool> {
        let schedule = &self.mapping.schedule;
        let (points, tensor) = (self.counts.operations, crossing.tensor);
        let arrays = !self.arrays(boundary)?.is_empty();
        // What a memory or a lane has comes from the next one outside that holds it.
        let inside = boundary.child.unwrap_or(schedule.positions.len());
        let outside = schedule.positions.get(..inside)?.iter();
        let holds = |places: &Vec<Option<usize>>| places.get(tensor).is_some_and(Option::is_some);
        if outside.rev().position(holds)? + 1 + boundary.parent != inside {
            return Some(false);
        }
        if let Some(child) = boundary.child {
            let place = schedule.positions.get(child)?.get(tensor)?;
            return Some(*place == Some(boundary.position));
        }
        let (moved, other) = match self.mapping.operation.tensors[tensor].role {
            Role::Output => (crossing.up, crossing.down),
            Role::Input | Role::Weight => (crossing.down, crossing.up),
        };
        let mut all = boundary.position == schedule.leaf && other == 0 && crossing.forwarded == 0;
        all &= moved <= points && crossing.hops <= points;
        all &= crossing.hops >= if arrays { moved } else { 0 };
        if self.stays_inside(tensor) {
            all &= self.joins(boundary, tensor)? || moved == points;
            all &= !arrays || crossing.hops == points;
        }
        Some(all)
    }

    /// Whether every point has an element of `tensor`: no padding.
    fn stays_inside(&self, tensor: usize) -> bool {
        let operation = &self.mapping.operation;
        operation.tensors[tensor].dims.iter().all(|dim| {
            let (mut low, mut high) = (i128::from(dim.constant), i128::from(dim.constant));
            for term in &dim.terms {
                let last = operation
                    .ranks
                    .get(term.rank.index())
                    .map_or(0, |n| n.saturating_sub(1));
                let far = i128::from(term.coefficient) * i128::from(last);
                low += far.min(0);
                high += far.max(0);
            }
            low >= 0 && high < i128::from(dim.extent)
        })
    }

    fn capacity(&self) -> Option<bool> {
        let mut all = true;
        for (memory, m) in self.counts.memories.iter().enumerate() {
            let hardware = self.mapping.architecture.memories.get(memory)?;
            let mut needed = 0u128;
            for here in &m.tensors {
                let tensor = &self.mapping.operation.tensors[here.tensor];
                let elements = tensor.dims.iter().map(|dim| u128::from(dim.extent));
                let elements = elements.fold(1, u128::saturating_mul);
                let unique = u128::from(here.unique);
                let tile = u128::from(here.tile);
                all &= tile <= elements && unique <= elements;
                all &= memory > 0 || tile == elements;
                all &= tensor.role != Role::Output || unique == elements;
                let mut width = tensor.bits;
                if tensor.role == Role::Output && memory > 0 {
                    let mut below = self.below(memory, here.tensor);
                    let down = self.into(memory, here.tensor)?.1.down;
                    if down > 0 || below.any(|c| c.up_complete < c.up) {
                        width = tensor.partial_bits;
                    }
                }
                let bits = tile.checked_mul(u128::from(width))?;
                needed += match hardware.capacity_bits {
                    Some(capacity) if hardware.banks > 1 => {
                        let bank = (capacity / u128::from(hardware.banks)).max(1);
                        bits.div_ceil(bank).checked_mul(bank)?
                    }
                    _ => bits,
                };
                // One tensor is of one size, wherever it lies.
                let outside = self.counts.memories.first()?.tensors.iter();
                let mut outside = outside.filter(|t| t.tensor == here.tensor);
                all &= outside.all(|t| t.unique == here.unique);
            }
            needed *= if hardware.double_buffered { 2 } else { 1 };
            all &= u128::from(m.required_bits) == if memory == 0 { 0 } else { needed };
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

    /// What any clock keeps.
    fn work(&self) -> Option<bool> {
        let (timing, architecture) = (&self.counts.timing, &self.mapping.architecture);
        let most = u128::from(timing.compute_cycles)
            .saturating_mul(u128::from(self.counts.pes_used))
            .saturating_mul(u128::from(architecture.lanes));
        Some(
            timing.cycles >= timing.compute_cycles
                && u128::from(self.counts.operations) <= most
                && self.counts.steps <= timing.compute_cycles
                && self.counts.pes_used <= architecture.pes()
                && timing.neighbour_cycles <= timing.cycles
                && timing.bound == bound_of(self.counts),
        )
    }

    fn time(&self) -> Option<bool> {
        let timing = &self.counts.timing;
        // What passes from PE to PE has ports and links of its own.
        let mut all = timing.neighbour_cycles == 0;
        let mut parts = u128::from(timing.compute_cycles);
        // Per position, the longest of what does not hide behind the work inside.
        let mut serial: SmallVec<[((usize, usize), u64); 8]> = SmallVec::new();
        for boundary in &self.counts.boundaries {
            let takes = boundary.transfer_cycles;
            parts += u128::from(takes);
            all &= takes <= timing.cycles;
            let Some(child) = boundary.child else {
                continue;
            };
            let memory = self.mapping.architecture.memories.get(child)?;
            if memory.overlaps() {
                continue;
            }
            let position = (boundary.position, memory.level);
            match serial.iter_mut().find(|(known, _)| *known == position) {
                Some((_, longest)) => *longest = takes.max(*longest),
                None => serial.push((position, takes)),
            }
        }
        // Sums that deliveries find are read by no transfer; the port that reads them is busy all the same.
        let result = self.mapping.operation.result();
        for resource in &self.counts.resources {
            let Resource::Port { memory, port } = resource.resource else {
                continue;
            };
            let row = &self.counts.memories.get(memory)?.tensors;
            let own = row.iter().find(|count| count.tensor == result);
            let adds = own.is_some_and(|own| Some(own.updates) > self.given(memory, result));
            if adds && port != Port::Write {
                parts += u128::from(resource.busy_cycles);
            }
        }
        let serial: u128 = serial.iter().map(|(_, cycles)| u128::from(*cycles)).sum();
        let cycles = u128::from(timing.cycles);
        Some(all && u128::from(timing.compute_cycles) + serial <= cycles && cycles <= parts)
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

    /// The narrowest and the widest that an element of `tensor` is anywhere.
    fn widths(&self, tensor: usize) -> (u32, u32) {
        let t = &self.mapping.operation.tensors[tensor];
        match t.role {
            Role::Output => (t.bits.min(t.partial_bits), t.bits.max(t.partial_bits)),
            Role::Input | Role::Weight => (t.bits, t.bits),
        }
    }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}
