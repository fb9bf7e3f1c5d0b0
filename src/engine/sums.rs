//! The counts of a run from the sums of its groups.
//!
//! Over all steps of one advancing loop the groups' positions combine freely, so the sum of a product over
//! groups is the product of the groups' sums: no step is visited. What remains is bookkeeping: every
//! transfer is a read where it leaves and a write where it arrives, and every sum that is stored is
//! consumed exactly once (`semantics.md` 2.3).

use super::classes::Node;
use super::counts::{
    BoundaryCounts, Counts, CrossingCounts, MemoryCounts, ResourceCounts, TensorCounts, Timing,
};
use super::exact::{Engine, Moved, TimingRule};
use super::flows::Crossing;
use super::lanes::Sum;
use super::{Bound, EngineLimit, bound_of};

fn small(n: u128) -> Result<u64, EngineLimit> {
    u64::try_from(n).map_err(|_| EngineLimit::Overflow)
}

/// What a tensor does in one memory.
#[derive(Clone, Copy, Default)]
struct Own {
    fills: u128,
    /// Sums that came from above, and elements that began here without one.
    arrived: u128,
    begun: u128,
    sent_up: u128,
    complete: u128,
    tile: u128,
}

impl Engine<'_> {
    /// What crosses in all steps: the sum over the steps of one advancing loop is the product over groups
    /// of their sums.
    pub(super) fn add_up(&mut self) -> Result<(), EngineLimit> {
        for advance in std::iter::once(None).chain((0..self.loops.len()).map(Some)) {
            let own = match advance.map(|l| self.loops[l].own) {
                Some(None) => continue,
                own => own.flatten(),
            };
            let first = advance.is_none();
            for site in self.first_site(self.inside(advance))..self.flows.lanes {
                for number in 0..self.flows.sites[site].slots.len() {
                    let slot = &self.flows.sites[site].slots[number];
                    if !slot.is_base(self.flows.sites[site].depth) {
                        continue;
                    }
                    let (is_result, forwards) = (slot.is_result, slot.forwards);
                    let at = self.flows.slot_starts[site] + number;
                    let mut sum = self.still[at];
                    for (m, &g) in self.moving.iter().enumerate() {
                        let classes = &self.classes[g];
                        let row = self.flows.slots;
                        let factor = match own {
                            Some((own, number)) if own == m => {
                                &classes.edge_sums[number * row + at]
                            }
                            _ => {
                                let depth = advance.map_or(0, |l| self.loops[l].depths[m]);
                                &classes.node_sums[depth * row + at]
                            }
                        };
                        sum = sum.times(factor, is_result).ok_or(EngineLimit::Overflow)?;
                    }
                    let simple = self.simple;
                    add(&mut self.moved[at], &sum, first, !forwards || simple);
                }
            }
        }
        Ok(())
    }

    /// After the last step the remaining results leave through every position, innermost first.
    pub(super) fn drain(&mut self) -> Result<u64, EngineLimit> {
        let mut drain = 0u64;
        for position in (0..self.flows.positions.len()).rev() {
            let (from, to) = self.flows.positions[position].sites;
            for site in from..to {
                self.clock.begin_site();
                self.pass_rest(site)?;
                self.clock.end_site();
                for number in 0..self.flows.sites[site].slots.len() {
                    let slot = &self.flows.sites[site].slots[number];
                    if !slot.is_result || !slot.is_base(self.flows.sites[site].depth) {
                        continue;
                    }
                    let at = self.flows.slot_starts[site] + number;
                    let mut sum = Sum::default();
                    sum.add(&self.whole[at], 1, 1);
                    for classes in &self.classes {
                        sum = sum
                            .times(&classes.node_sums[at], true)
                            .ok_or(EngineLimit::Overflow)?;
                    }
                    let moved = &mut self.moved[at];
                    moved.up += sum.prev_held;
                    moved.up_complete += sum.done_held;
                    moved.own_complete += sum.own_done;
                }
            }
            let time = self
                .clock
                .drain(&self.flows, position)
                .ok_or(EngineLimit::Overflow)?;
            if self.rule == TimingRule::Exact || position + 1 == self.flows.positions.len() {
                drain = drain.checked_add(time).ok_or(EngineLimit::Overflow)?;
            }
        }
        Ok(drain)
    }

    /// The traffic of one tensor at the crossing from its parent.
    fn moved(&self, crossing: Crossing, tensor: usize) -> Moved {
        let found = self.base(crossing, tensor);
        found.map_or_else(Moved::default, |(_, at)| self.moved[at])
    }

    /// The site from which a crossing is counted, and the number of the slot.
    fn base(&self, crossing: Crossing, tensor: usize) -> Option<(usize, usize)> {
        self.flows
            .sites
            .iter()
            .enumerate()
            .find_map(|(number, site)| {
                let slot = site.slots.iter().position(|slot| {
                    slot.crossing == crossing && slot.tensor == tensor && slot.is_base(site.depth)
                })?;
                Some((number, self.flows.slot_starts[number] + slot))
            })
    }

    /// Adds up what crosses to the lanes in all leaf tiles.
    pub(super) fn add_issues(&mut self) -> Result<(), EngineLimit> {
        let slots = self.flows.slots;
        self.issued = vec![Sum::default(); slots];
        let result = self.mapping.operation.result();
        for site in self.flows.lanes..self.flows.sites.len() {
            let depth = self.flows.sites[site].depth;
            for (number, slot) in self.flows.sites[site].slots.iter().enumerate() {
                if !slot.is_base(depth) {
                    continue;
                }
                let at = self.flows.slot_starts[site] + number;
                let mut sum = Sum::default();
                sum.add(&self.whole[at], 1, 1);
                for classes in &self.classes {
                    let own = &classes.node_sums[classes.depth() * slots + at];
                    sum = sum
                        .times(own, slot.tensor == result)
                        .ok_or(EngineLimit::Overflow)?;
                }
                self.issued[at] = sum;
            }
        }
        Ok(())
    }

    /// The sums over all leaf tiles of what one tensor crosses to the lanes.
    fn issued(&self, home: usize, tensor: usize) -> Result<Sum, EngineLimit> {
        let found = self.base(Crossing::Home(home), tensor);
        Ok(found.map_or_else(Sum::default, |(_, at)| self.issued[at]))
    }

    /// Puts the sums together.
    pub(super) fn counts(&self, cycles: u64) -> Result<Counts, EngineLimit> {
        let mapping = self.mapping;
        let operation = &mapping.operation;
        let (mut performed, mut steps, mut pes_used) = (1u128, 1u128, 1u128);
        for classes in &self.classes {
            let leaves = &classes.nodes[classes.nodes_at(classes.depth())];
            let sum = |size: &dyn Fn(&Node) -> u128| -> u128 {
                leaves
                    .iter()
                    .map(|node| u128::from(node.count) * size(node))
                    .sum()
            };
            performed = performed
                .checked_mul(sum(&|n| n.volume))
                .ok_or(EngineLimit::Overflow)?;
            // Loops inside the place of the innermost memory are no steps of the array.
            let outside = classes
                .loops
                .iter()
                .take_while(|l| l.index < mapping.schedule.steps)
                .count();
            let places = &classes.nodes[classes.nodes_at(outside)];
            let places: u128 = places.iter().map(|node| u128::from(node.count)).sum();
            steps = steps.checked_mul(places).ok_or(EngineLimit::Overflow)?;
            pes_used *= u128::from(classes.used());
        }
        for plan in &self.fixed {
            performed = performed
                .checked_mul(u128::from(plan.points))
                .ok_or(EngineLimit::Overflow)?;
        }
        let expected = operation.volume().ok_or(EngineLimit::Overflow)?;
        if performed != expected {
            return Err(EngineLimit::Mismatch {
                performed,
                expected,
            });
        }
        let owns = self.owns();
        let mut memories = Vec::with_capacity(mapping.schedule.positions.len());
        for (memory, row) in mapping.schedule.positions.iter().enumerate() {
            let mut tensors = Vec::with_capacity(operation.tensors.len());
            for tensor in (0..operation.tensors.len()).filter(|&t| row[t].is_some()) {
                tensors.push(self.tensor(&owns, memory, tensor)?);
            }
            let required_bits = if memory == 0 {
                0
            } else {
                small(self.required(memory, &tensors))?
            };
            memories.push(MemoryCounts {
                required_bits,
                tensors,
            });
        }
        let resources = self.flows.resources.iter().enumerate();
        let mut counts = Counts {
            operations: small(performed)?,
            steps: small(steps)?,
            pes_used: small(pes_used)?,
            memories,
            boundaries: self.crossings(&owns)?,
            resources: resources
                .map(|(number, &(resource, rate))| {
                    Ok(ResourceCounts {
                        resource,
                        rate,
                        bits: small(self.clock.bits[number])?,
                        busy_cycles: small(self.clock.busy[number])?,
                    })
                })
                .collect::<Result<_, EngineLimit>>()?,
            timing: Timing {
                cycles,
                compute_cycles: small(self.clock.compute)?,
                bound: Bound::Compute,
            },
        };
        counts
            .repeat(operation.repeat)
            .ok_or(EngineLimit::Overflow)?;
        counts.timing.bound = bound_of(&counts);
        Ok(counts)
    }

    /// What every tensor does in every memory that holds it, from the outside in: how many sums a memory
    /// hands down follows from how many elements began in it without one.
    fn owns(&self) -> Vec<Vec<Own>> {
        let operation = &self.mapping.operation;
        let memories = self.mapping.schedule.positions.len();
        let mut owns = vec![vec![Own::default(); operation.tensors.len()]; memories];
        for (tensor, whole) in self.wholes.iter().enumerate() {
            owns[0][tensor].begun = whole.unique;
            owns[0][tensor].tile = whole.elements;
        }
        // Boundaries are sorted by place, and a tensor's places go inwards with its memories.
        for (number, boundary) in self.flows.boundaries.iter().enumerate() {
            for &tensor in &boundary.tensors {
                let moved = self.moved(Crossing::Boundary(number), tensor);
                let begun_above = owns[boundary.parent][tensor].begun;
                let arrived = if tensor == operation.result() {
                    moved.down.saturating_sub(begun_above)
                } else {
                    moved.fills
                };
                owns[boundary.child][tensor] = Own {
                    fills: moved.fills,
                    arrived,
                    begun: moved.fills.saturating_sub(arrived),
                    sent_up: if tensor == operation.result() {
                        moved.fills
                    } else {
                        0
                    },
                    complete: moved.own_complete,
                    tile: self.tile(number, tensor),
                };
            }
        }
        owns
    }

    fn crossings(&self, owns: &[Vec<Own>]) -> Result<Vec<BoundaryCounts>, EngineLimit> {
        let operation = &self.mapping.operation;
        let result = operation.result();
        let widths = |tensor: usize| {
            let tensor = &operation.tensors[tensor];
            (u128::from(tensor.bits), u128::from(tensor.partial_bits))
        };
        let mut found = Vec::with_capacity(self.flows.boundaries.len() + self.flows.homes.len());
        for (number, boundary) in self.flows.boundaries.iter().enumerate() {
            let (mut down_bits, mut up_bits) = (0u128, 0u128);
            let mut tensors = Vec::with_capacity(boundary.tensors.len());
            for &tensor in &boundary.tensors {
                let moved = self.moved(Crossing::Boundary(number), tensor);
                let (bits, partial) = widths(tensor);
                let own = &owns[boundary.child][tensor];
                let down = if tensor == result {
                    own.arrived
                } else {
                    moved.down
                };
                down_bits += down * if tensor == result { partial } else { bits };
                up_bits += (moved.up - moved.up_complete) * partial + moved.up_complete * bits;
                let returned = if tensor == result { down } else { 0 };
                tensors.push(CrossingCounts {
                    tensor,
                    down: small(down)?,
                    up: small(moved.up)?,
                    up_complete: small(moved.up_complete)?,
                    forwarded: small(moved.forwarded)?,
                    hops: if boundary.above < boundary.below {
                        small(moved.fills + returned)?
                    } else {
                        0
                    },
                });
            }
            found.push(BoundaryCounts {
                parent: boundary.parent,
                child: Some(boundary.child),
                position: boundary.place,
                tensors,
                down_bits: small(down_bits)?,
                up_bits: small(up_bits)?,
                peak_bits: self.clock.peaks[number],
                transfer_cycles: small(self.clock.transfer_cycles[number])?,
            });
        }
        for (number, home) in self.flows.homes.iter().enumerate() {
            let (mut down_bits, mut up_bits) = (0u128, 0u128);
            let mut tensors = Vec::with_capacity(home.tensors.len());
            for &tensor in &home.tensors {
                let issued = self.issued(number, tensor)?;
                let (bits, partial) = widths(tensor);
                let (down, up, complete) = if tensor == result {
                    (0, issued.needed, issued.done_held)
                } else {
                    (issued.needed, 0, 0)
                };
                down_bits += down * bits;
                up_bits += (up - complete) * partial + complete * bits;
                tensors.push(CrossingCounts {
                    tensor,
                    down: small(down)?,
                    up: small(up)?,
                    up_complete: small(complete)?,
                    forwarded: 0,
                    hops: if home.above < self.mapping.architecture.arrays.len() {
                        small(issued.tile_sum)?
                    } else {
                        0
                    },
                });
            }
            found.push(BoundaryCounts {
                parent: home.memory,
                child: None,
                position: self.mapping.schedule.leaf,
                tensors,
                down_bits: small(down_bits)?,
                up_bits: small(up_bits)?,
                peak_bits: 0,
                transfer_cycles: small(
                    self.clock.transfer_cycles[self.flows.boundaries.len() + number],
                )?,
            });
        }
        Ok(found)
    }

    /// One tensor in one memory: what the crossings on both sides move.
    fn tensor(
        &self,
        owns: &[Vec<Own>],
        memory: usize,
        tensor: usize,
    ) -> Result<TensorCounts, EngineLimit> {
        let result = self.mapping.operation.result();
        let own = &owns[memory][tensor];
        let inside = self
            .flows
            .boundaries
            .iter()
            .position(|b| b.parent == memory && b.tensors.contains(&tensor));
        let (down, up) = match inside {
            Some(number) => {
                let moved = self.moved(Crossing::Boundary(number), tensor);
                (moved.down, moved.up)
            }
            None => {
                let home = self.flows.homes.iter().position(|h| h.memory == memory);
                let issued = self.issued(home.unwrap_or(0), tensor)?;
                (issued.needed, issued.needed)
            }
        };
        let borrowed = {
            let outside = self
                .flows
                .boundaries
                .iter()
                .position(|b| b.child == memory && b.tensors.contains(&tensor));
            outside.map_or(0, |b| self.moved(Crossing::Boundary(b), tensor).forwarded)
        };
        let whole = &self.wholes[tensor];
        if tensor != result {
            return Ok(TensorCounts {
                tensor,
                tile: small(own.tile)?,
                fills: small(own.fills)?,
                reads: small(down + borrowed)?,
                writes: small(own.fills)?,
                updates: 0,
                complete_reads: 0,
                complete_writes: 0,
                unique: small(whole.unique)?,
            });
        }
        let updates = up.saturating_sub(own.begun);
        // Elements that nothing touches are written as zeros, once.
        let zeros = if memory == 0 {
            whole.elements - whole.unique
        } else {
            0
        };
        Ok(TensorCounts {
            tensor,
            tile: small(own.tile)?,
            fills: small(own.fills)?,
            reads: small(updates + own.sent_up)?,
            writes: small(own.arrived + up + zeros)?,
            updates: small(updates)?,
            complete_reads: small(own.complete)?,
            complete_writes: small(if memory == 0 {
                whole.elements
            } else {
                own.complete
            })?,
            unique: small(whole.elements)?,
        })
    }

    /// Bits that one instance of a memory must hold.
    fn required(&self, memory: usize, tensors: &[TensorCounts]) -> u128 {
        let at = &self.mapping.architecture.memories[memory];
        let bank = match at.capacity_bits {
            Some(bits) if at.banks > 1 => (bits / u128::from(at.banks)).max(1),
            _ => 1,
        };
        let bits = tensors.iter().map(|count| {
            let tensor = &self.mapping.operation.tensors[count.tensor];
            let width = if self.is_partial(memory, count.tensor) {
                tensor.partial_bits
            } else {
                tensor.bits
            };
            (u128::from(count.tile) * u128::from(width)).div_ceil(bank) * bank
        });
        bits.sum::<u128>() * (1 + u128::from(at.double_buffered))
    }

    /// Whether a sum that is not complete ever lies in a memory.
    fn is_partial(&self, memory: usize, tensor: usize) -> bool {
        if tensor != self.mapping.operation.result() {
            return false;
        }
        let inside = self
            .flows
            .boundaries
            .iter()
            .position(|b| b.parent == memory && b.tensors.contains(&tensor));
        match inside {
            Some(number) => {
                let moved = self.moved(Crossing::Boundary(number), tensor);
                moved.up_complete != moved.up
            }
            None => {
                let home = self.flows.homes.iter().position(|h| h.memory == memory);
                let issued = self.issued(home.unwrap_or(0), tensor);
                issued.is_ok_and(|sum| sum.done_held != sum.needed)
            }
        }
    }

    /// Largest tile of one child instance.
    fn tile(&self, boundary: usize, tensor: usize) -> u128 {
        let Some((site, at)) = self.base(Crossing::Boundary(boundary), tensor) else {
            return 0;
        };
        let slot = at - self.flows.slot_starts[site];
        let own = u128::from(self.whole[at].tile);
        self.classes.iter().fold(own, |product, classes| {
            let tiles = classes
                .nodes_at(classes.inside[site])
                .flat_map(|node| classes.table.variants(classes.wrap_of(node, site)))
                .map(|variant| classes.table.sizes(variant, slot).tile);
            product * u128::from(tiles.max().unwrap_or(0))
        })
    }
}

/// Adds the steps of one advancing loop. `down`: nothing of it comes from neighbours.
fn add(moved: &mut Moved, sum: &Sum, first: bool, down: bool) {
    let (reused, needed_reused) = if first {
        (0, 0)
    } else {
        (sum.reused_sum, sum.needed_reused)
    };
    moved.fills += sum.tile_sum - reused;
    if down {
        moved.down += sum.needed - needed_reused;
    }
    if !first {
        moved.up += sum.prev_held - sum.retained;
        moved.up_complete += sum.done_held - sum.done_retained;
        moved.own_complete += sum.own_done - sum.own_retained;
    }
}
