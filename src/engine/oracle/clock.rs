//! The clock: regions from the inside out (`semantics.md` 4.2).

use super::super::counts::{Bound, BoundaryCounts, Resource, ResourceCounts, Timing, Way};
use super::held::AtPositions;
use super::layout::{Boundary, Layout, link, read_port, write_port};
use super::machine::Moved;
use super::points;
use super::walk::Step;
use crate::ir::Mapping;
use std::ops::Range;

/// A run of the machine, to be timed.
pub(super) struct Clock<'a> {
    pub mapping: &'a Mapping,
    pub layout: &'a Layout,
    pub steps: &'a [Step],
    /// Per step of the lanes: what moved in the steps of the positions that begin with it.
    pub moved: Vec<AtPositions>,
    /// Per step of the lanes: what its issues moved.
    pub issued: Vec<Moved>,
    pub drained: AtPositions,
}

/// How long a region takes, and how long each resource is busy in it.
struct Region {
    cycles: u64,
    busy: Vec<u64>,
}

impl Clock<'_> {
    pub fn time(&self) -> Option<Timing> {
        let mut cycles = 0u64;
        let mut compute_cycles = 0u64;
        for steps in self.steps_at(self.layout.positions.first()?.0, 0..self.steps.len()) {
            cycles = cycles.checked_add(self.region(0, steps)?.cycles)?;
        }
        for steps in self.leaf_regions() {
            let leaf = self.compute(steps)?;
            compute_cycles = compute_cycles.checked_add(leaf)?;
        }
        for moved in self.drained.values() {
            let mut longest = self.own(moved, |_| true)?;
            for resource in 0..self.layout.resources.len() {
                longest = longest.max(self.busy(moved, resource)?);
            }
            cycles = cycles.checked_add(longest)?;
        }
        if self.waves_overlap() {
            cycles = cycles.checked_add(self.wave()?)?;
            compute_cycles = compute_cycles.checked_add(self.wave()?)?;
        }
        Some(Timing {
            cycles,
            compute_cycles,
            neighbour_cycles: 0,
            bound: Bound::Compute,
        })
    }

    /// `steps` cut into the steps of a position with so many loops outside.
    fn steps_at(&self, place: usize, steps: Range<usize>) -> Vec<Range<usize>> {
        let mut cut: Vec<Range<usize>> = Vec::new();
        for step in steps {
            match cut.last_mut() {
                Some(last)
                    if self.steps[last.start].index[..place] == self.steps[step].index[..place] =>
                {
                    last.end = step + 1;
                }
                _ => cut.push(step..step + 1),
            }
        }
        cut
    }

    pub fn leaf_regions(&self) -> Vec<Range<usize>> {
        self.steps_at(self.mapping.schedule.steps, 0..self.steps.len())
    }

    /// The region of one step at a position, or of one leaf tile inside all of them.
    fn region(&self, position: usize, steps: Range<usize>) -> Option<Region> {
        let Some(at) = self.layout.positions.get(position) else {
            return self.leaf(steps);
        };
        let within = match self.layout.positions.get(position + 1) {
            Some(&(place, _)) => self.steps_at(place, steps.clone()),
            None => vec![steps.clone()],
        };
        let mut region = Region {
            cycles: 0,
            busy: vec![0; self.layout.resources.len()],
        };
        for steps in within {
            let inner = self.region(position + 1, steps)?;
            region.cycles = region.cycles.checked_add(inner.cycles)?;
            for (sum, busy) in region.busy.iter_mut().zip(inner.busy) {
                *sum = sum.checked_add(busy)?;
            }
        }
        let Some(moved) = self.moved[steps.start].get(at) else {
            return Some(region);
        };
        for (resource, busy) in region.busy.iter_mut().enumerate() {
            *busy = busy.checked_add(self.busy(moved, resource)?)?;
        }
        let own = self.own(moved, |_| true)?;
        if steps.start == 0 {
            // The first step of the run waits for everything.
            region.cycles = region.cycles.checked_add(own)?;
            return Some(region);
        }
        let serial = self.own(moved, |child| {
            !self.mapping.architecture.memories[child].overlaps()
        })?;
        let busiest = region.busy.iter().copied().max().unwrap_or(0);
        region.cycles = region.cycles.checked_add(serial)?.max(own).max(busiest);
        Some(region)
    }

    /// One leaf tile: its issues, and what they take of the resources, rounded once.
    fn leaf(&self, steps: Range<usize>) -> Option<Region> {
        let busy = (0..self.layout.resources.len())
            .map(|resource| self.issue_busy(steps.clone(), resource))
            .collect::<Option<Vec<u64>>>()?;
        let busiest = busy.iter().copied().max().unwrap_or(0);
        let issues = self.issues(steps);
        let wave = if self.waves_overlap() {
            0
        } else {
            self.wave()?
        };
        Some(Region {
            cycles: issues.max(busiest).checked_add(wave)?,
            busy,
        })
    }

    fn issues(&self, steps: Range<usize>) -> u64 {
        let lanes = self.mapping.architecture.lanes.max(1);
        let busiest = |step: &Step| {
            let volumes = step
                .boxes
                .iter()
                .map(|(_, ranks)| points(ranks).len() as u64);
            volumes.max().unwrap_or(0).div_ceil(lanes)
        };
        self.steps[steps].iter().map(busiest).sum()
    }

    fn compute(&self, steps: Range<usize>) -> Option<u64> {
        let wave = if self.waves_overlap() {
            0
        } else {
            self.wave()?
        };
        self.issues(steps).checked_add(wave)
    }

    /// How much later than the first PE the last one of all skewed arrays works.
    fn wave(&self) -> Option<u64> {
        let mut wave = 0u64;
        for array in &self.mapping.architecture.arrays {
            for extent in &array.shape {
                let later = extent.saturating_sub(1).checked_mul(array.network.skew)?;
                wave = wave.checked_add(later)?;
            }
        }
        Some(wave)
    }

    /// Whether one wave follows in the shadow of the one before: the innermost memories overlap.
    fn waves_overlap(&self) -> bool {
        let memories = &self.mapping.architecture.memories;
        let innermost = memories.last().map(|m| m.level);
        memories
            .iter()
            .filter(|m| Some(m.level) == innermost)
            .all(|m| m.overlaps())
    }

    /// Cycles for which a resource is busy with the transfers of one step.
    fn busy(&self, moved: &Moved, resource: usize) -> Option<u64> {
        let (resource, rate) = self.layout.resources[resource];
        rate.cycles_for(u128::from(moved.busiest(resource)))
    }

    /// Bits that the issues of one leaf tile put on a resource.
    fn issue_bits(&self, steps: Range<usize>, resource: Resource) -> u64 {
        self.issued[steps]
            .iter()
            .map(|issued| issued.busiest(resource))
            .sum()
    }

    fn issue_busy(&self, steps: Range<usize>, resource: usize) -> Option<u64> {
        let (resource, rate) = self.layout.resources[resource];
        rate.cycles_for(u128::from(self.issue_bits(steps, resource)))
    }

    /// The longest of the transfers of one step into or out of the memories that `counts`.
    fn own(&self, moved: &Moved, counts: impl Fn(usize) -> bool) -> Option<u64> {
        let mut own = 0;
        for &(boundary, way) in &moved.transfers {
            if self.layout.boundaries[boundary].child.is_some_and(&counts) {
                own = own.max(self.transfer(boundary, way, moved)?);
            }
        }
        Some(own)
    }

    /// How long one transfer takes: its slowest resource, the latency of its networks, the wave of a fill.
    fn transfer(&self, boundary: usize, way: Way, moved: &Moved) -> Option<u64> {
        if !moved.transfers.contains(&(boundary, way)) {
            return Some(0);
        }
        let boundary = &self.layout.boundaries[boundary];
        let mut longest = 0;
        for resource in self.taken(boundary, way) {
            if let Some(index) = self
                .layout
                .resources
                .iter()
                .position(|(r, _)| *r == resource)
            {
                longest = longest.max(self.busy(moved, index)?);
            }
        }
        let arrays = &self.mapping.architecture.arrays[boundary.arrays.clone()];
        if way == Way::Down {
            let mut rows = 0u64;
            for array in arrays {
                let first = array.shape.first().copied().unwrap_or(1);
                rows = rows.checked_add(first.checked_mul(array.network.skew)?)?;
            }
            longest = longest.max(rows);
        }
        let mut timed = arrays
            .iter()
            .filter(|array| array.network.is_timed())
            .peekable();
        if timed.peek().is_some() {
            let latency = timed.try_fold(0u64, |sum, array| {
                sum.checked_add(array.network.latency.unwrap_or(1))
            })?;
            longest = longest.max(1).checked_add(latency.saturating_sub(1))?;
        }
        Some(longest)
    }

    /// The ports and links that a transfer takes.
    fn taken(&self, boundary: &Boundary, way: Way) -> Vec<Resource> {
        let Some(child) = boundary.child else {
            return vec![];
        };
        let (from, to) = match way {
            Way::Down => (boundary.parent, child),
            Way::Up => (child, boundary.parent),
        };
        let mut taken = vec![read_port(self.mapping, from), write_port(self.mapping, to)];
        for array in boundary.arrays.clone() {
            let tensors = boundary.tensors.iter();
            taken.extend(tensors.map(|&tensor| link(self.mapping, array, tensor, way)));
        }
        taken
    }

    /// What every resource had to do over the run.
    pub fn resources(&self) -> Option<Vec<ResourceCounts>> {
        let mut found = Vec::new();
        for (index, &(resource, rate)) in self.layout.resources.iter().enumerate() {
            let (mut bits, mut busy_cycles) = (0u64, 0u64);
            let steps = self.moved.iter().flat_map(AtPositions::values);
            for moved in steps.chain(self.drained.values()) {
                bits += moved.busiest(resource);
                busy_cycles = busy_cycles.checked_add(self.busy(moved, index)?)?;
            }
            for steps in self.leaf_regions() {
                bits += self.issue_bits(steps.clone(), resource);
                busy_cycles = busy_cycles.checked_add(self.issue_busy(steps, index)?)?;
            }
            found.push(ResourceCounts {
                resource,
                rate,
                bits,
                busy_cycles,
            });
        }
        Some(found)
    }

    /// Cycles of the transfers of each boundary.
    pub fn transfers(&self, boundaries: &mut [BoundaryCounts]) -> Option<()> {
        for (index, counts) in boundaries.iter_mut().enumerate() {
            let mut sum = 0u64;
            if counts.child.is_some() {
                let steps = self.moved.iter().flat_map(AtPositions::values);
                for moved in steps.chain(self.drained.values()) {
                    let down = self.transfer(index, Way::Down, moved)?;
                    let up = self.transfer(index, Way::Up, moved)?;
                    sum = sum.checked_add(down.max(up))?;
                }
            } else {
                for steps in self.leaf_regions() {
                    let mut longest = 0;
                    for (number, (resource, _)) in self.layout.resources.iter().enumerate() {
                        let uses = |issued: &Moved| issued.used.contains(&(index, *resource));
                        if self.issued[steps.clone()].iter().any(uses) {
                            longest = longest.max(self.issue_busy(steps.clone(), number)?);
                        }
                    }
                    sum = sum.checked_add(longest)?;
                }
            }
            counts.transfer_cycles = sum;
        }
        Some(())
    }
}

/// Whatever alone takes longest: computation, then a resource, then the latency of a boundary.
pub(super) fn bound(
    compute_cycles: u64,
    resources: &[ResourceCounts],
    boundaries: &[BoundaryCounts],
) -> Bound {
    let (mut bound, mut longest) = (Bound::Compute, compute_cycles);
    for (index, resource) in resources.iter().enumerate() {
        if resource.busy_cycles > longest {
            (bound, longest) = (Bound::Resource(index), resource.busy_cycles);
        }
    }
    for (index, boundary) in boundaries.iter().enumerate() {
        if boundary.transfer_cycles > longest {
            (bound, longest) = (Bound::Boundary(index), boundary.transfer_cycles);
        }
    }
    bound
}
