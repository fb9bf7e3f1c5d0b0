//! The counts of a run from the sums of its groups.
//!
//! Over all steps of one advancing loop the groups' positions combine freely, so the sum of a product over
//! groups is the product of the groups' sums: no step is visited. What remains is bookkeeping: every
//! transfer is a read where it leaves and a write where it arrives, and every sum that is stored is
//! consumed exactly once (`semantics.md` 2.3).

use super::counts::{
    BoundaryCounts, Counts, CrossingCounts, MemoryCounts, ResourceCounts, TensorCounts, Timing,
};
use super::exact::{Engine, Moved, TimingRule};
use super::lanes::{SortSums, Sum};
use super::neighbours;
use super::{Bound, EngineLimit, bound_of};
use smallvec::SmallVec;

fn small(n: u128) -> Result<u64, EngineLimit> {
    u64::try_from(n).map_err(|_| EngineLimit::Overflow)
}

/// What a tensor does in one memory.
#[derive(Clone, Copy, Default)]
pub(super) struct Own {
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
        let slots = self.flows.slots;
        for advance in std::iter::once(None).chain((0..self.loops.len()).map(Some)) {
            let own = match advance.map(|l| self.loops[l].own) {
                Some(None) => continue,
                own => own.flatten(),
            };
            let first = advance.is_none();
            // Per moving group, the sums of its part: of its advances, or of its positions.
            let mut factors: SmallVec<[&[Sum]; 8]> = SmallVec::new();
            for (m, &g) in self.moving.iter().enumerate() {
                let classes = &self.classes[g];
                factors.push(match own {
                    Some((own, number)) if own == m => &classes.edge_sums[number * slots..],
                    _ => {
                        let depth = advance.map_or(0, |l| self.loops[l].depths[m]);
                        &classes.node_sums[depth * slots..]
                    }
                });
            }
            let site = advance.map_or(0, |l| self.loops[l].site);
            let bases = self.flows.base_starts[site]..self.flows.base_starts[self.flows.lanes];
            for base in &self.flows.bases[bases] {
                let mut sum = self.work.still[base.at];
                for factor in &factors {
                    sum.multiply(&factor[base.at], base.is_result)
                        .ok_or(EngineLimit::Overflow)?;
                }
                let asked = if base.forwards && !first {
                    self.asked_in_all(base.at, advance)?
                } else {
                    None
                };
                add(&mut self.work.moved[base.at], &sum, first, asked);
            }
        }
        Ok(())
    }

    /// Over all steps of one advancing loop: elements of a slot that the parent is asked for, and those of
    /// them that its instances are asked for one by one. `None` when neighbours have nothing.
    fn asked_in_all(
        &self,
        at: usize,
        advance: Option<usize>,
    ) -> Result<Option<(u128, u128)>, EngineLimit> {
        let site = self.flows.slot_starts.partition_point(|&start| start <= at) - 1;
        if self.single[site] {
            return Ok(None);
        }
        let slots = self.flows.slots;
        let none = SortSums::new();
        let mut sorts: SmallVec<[&SortSums; 8]> = SmallVec::new();
        for (g, classes) in self.classes.iter().enumerate() {
            let moving = self.moving.iter().position(|&moving| moving == g);
            let level = advance.map(|l| &self.loops[l]);
            let found = match (moving, level.and_then(|level| level.own)) {
                (Some(m), Some((own, number))) if own == m => {
                    classes.edge_sorts.get(number * slots + at)
                }
                (Some(m), _) => {
                    let depth = level.map_or(0, |level| level.depths[m]);
                    classes.node_sorts.get(depth * slots + at)
                }
                (None, _) => classes.node_sorts.get(at),
            };
            sorts.push(found.unwrap_or(&none));
        }
        let whole = u128::from(self.still.sizes[at].needed);
        let shared = neighbours::asked(&sorts, |sort| (sort.0, sort.1));
        let alone = neighbours::asked(&sorts, |sort| (sort.0, sort.2));
        let all = shared.and_then(|n| n.checked_mul(whole));
        let each = alone.and_then(|n| n.checked_mul(whole));
        Ok(Some(all.zip(each).ok_or(EngineLimit::Overflow)?))
    }

    /// After the last step the remaining results leave through every position.
    pub(super) fn add_rest(&mut self) -> Result<(), EngineLimit> {
        let bases = ..self.flows.base_starts[self.flows.lanes];
        for base in self.flows.bases[bases].iter().filter(|base| base.is_result) {
            let mut sum = self.work.still[base.at];
            for &g in &self.moving {
                sum.multiply(&self.classes[g].node_sums[base.at], true)
                    .ok_or(EngineLimit::Overflow)?;
            }
            let moved = &mut self.work.moved[base.at];
            moved.up += sum.prev_held;
            moved.up_complete += sum.done_held;
            moved.own_complete += sum.own_done;
        }
        Ok(())
    }

    /// How long it takes until the remaining results have left through every position, innermost first.
    /// `row`: the columns of the first step of all, whose last windows are those of the last.
    pub(super) fn drain(&mut self, products: &[u64]) -> Result<u64, EngineLimit> {
        let width = self.work.still_row.len();
        let mut row = std::mem::take(&mut self.work.last_row);
        row.clear();
        row.extend_from_slice(&products[width * self.moving.len()..]);
        let mut drain = 0u64;
        for position in (0..self.flows.positions.len()).rev() {
            let (from, to) = self.flows.positions[position].sites;
            for site in from..to {
                if !self.single[site] {
                    self.pass_kinds(site, None, None)?;
                    continue;
                }
                let timer = &self.flows.site_timers[site];
                let row = &mut row[self.flows.column_starts[site]..];
                timer.slots.iter().for_each(|slot| slot.leave(row));
                self.work.clock.pass(timer, row, false);
            }
            let time = self
                .work
                .clock
                .drain((self.timer, self.flows), position)
                .ok_or(EngineLimit::Overflow)?;
            if self.timer.rule == TimingRule::Exact || position + 1 == self.flows.positions.len() {
                drain = drain.checked_add(time).ok_or(EngineLimit::Overflow)?;
            }
        }
        self.work.last_row = row;
        Ok(drain)
    }

    /// The traffic of one tensor at a boundary, from its parent.
    fn moved(&self, boundary: usize, tensor: usize) -> Moved {
        let tensors = self.mapping.operation.tensors.len();
        let counted = self.flows.counted[boundary * tensors + tensor];
        counted.map_or_else(Moved::default, |at| self.work.moved[at])
    }

    /// Adds up what crosses to the lanes in all leaf tiles.
    pub(super) fn add_issues(&mut self) -> Result<(), EngineLimit> {
        let slots = self.flows.slots;
        self.work.issued.clear();
        self.work.issued.resize(slots, Sum::default());
        for base in &self.flows.bases[self.flows.base_starts[self.flows.lanes]..] {
            let mut sum = self.work.still[base.at];
            for &g in &self.moving {
                let classes = &self.classes[g];
                sum.multiply(
                    &classes.node_sums[classes.depth() * slots + base.at],
                    base.is_result,
                )
                .ok_or(EngineLimit::Overflow)?;
            }
            self.work.issued[base.at] = sum;
        }
        Ok(())
    }

    /// The sums over all leaf tiles of what one tensor crosses to the lanes.
    fn issued(&self, home: usize, tensor: usize) -> Sum {
        let tensors = self.mapping.operation.tensors.len();
        let found = self.flows.issued.get(home * tensors + tensor);
        let found = found.copied().flatten();
        found.map_or_else(Sum::default, |at| self.work.issued[at])
    }

    /// Puts the sums together.
    pub(super) fn counts(&mut self, cycles: u64, counts: &mut Counts) -> Result<(), EngineLimit> {
        let mapping = self.mapping;
        let operation = &mapping.operation;
        let mut performed = u128::from(self.still.points);
        let (mut steps, mut pes_used) = (1u128, 1u128);
        for (classes, loops) in self.classes.iter().zip(self.own_loops) {
            performed = classes
                .points
                .and_then(|points| performed.checked_mul(points))
                .ok_or(EngineLimit::Overflow)?;
            // Loops inside the place of the innermost memory are no steps of the array.
            let outside = loops
                .iter()
                .take_while(|l| l.index < mapping.schedule.steps)
                .count();
            steps = steps
                .checked_mul(classes.positions[outside])
                .ok_or(EngineLimit::Overflow)?;
            pes_used *= u128::from(classes.used);
        }
        let expected = operation.volume().ok_or(EngineLimit::Overflow)?;
        if performed != expected {
            return Err(EngineLimit::Mismatch {
                performed,
                expected,
            });
        }
        self.find_owns();
        let positions = &mapping.schedule.positions;
        counts
            .memories
            .resize_with(positions.len(), MemoryCounts::default);
        for (memory, row) in positions.iter().enumerate() {
            let mut tensors = std::mem::take(&mut counts.memories[memory].tensors);
            tensors.clear();
            for tensor in (0..operation.tensors.len()).filter(|&t| row[t].is_some()) {
                tensors.push(self.tensor(memory, tensor)?);
            }
            counts.memories[memory] = MemoryCounts {
                required_bits: if memory == 0 {
                    0
                } else {
                    small(self.required(memory, &tensors))?
                },
                tensors,
            };
        }
        counts.operations = small(performed)?;
        counts.steps = small(steps)?;
        counts.pes_used = small(pes_used)?;
        self.crossings(&mut counts.boundaries)?;
        counts.resources.clear();
        let clock = &self.work.clock;
        for (number, &(resource, rate)) in self.flows.resources.iter().enumerate() {
            counts.resources.push(ResourceCounts {
                resource,
                rate,
                bits: small(clock.bits[number])?,
                busy_cycles: small(clock.busy[number])?,
            });
        }
        counts.timing = Timing {
            cycles,
            compute_cycles: small(clock.compute)?,
            neighbour_cycles: small(clock.neighbours)?,
            bound: Bound::Compute,
        };
        counts
            .repeat(operation.repeat)
            .ok_or(EngineLimit::Overflow)?;
        counts.timing.bound = bound_of(counts);
        Ok(())
    }

    /// What every tensor does in every memory that holds it, from the outside in: how many sums a memory
    /// hands down follows from how many elements began in it without one.
    fn find_owns(&mut self) {
        let operation = &self.mapping.operation;
        let tensors = operation.tensors.len();
        let mut owns = std::mem::take(&mut self.work.owns);
        owns.clear();
        owns.resize(
            self.mapping.schedule.positions.len() * tensors,
            Own::default(),
        );
        for (tensor, whole) in self.wholes.iter().enumerate() {
            owns[tensor].begun = whole.unique;
            owns[tensor].tile = whole.elements;
        }
        // Boundaries are sorted by place, and a tensor's places go inwards with its memories.
        for (number, boundary) in self.flows.boundaries.iter().enumerate() {
            for &tensor in &boundary.tensors {
                let moved = self.moved(number, tensor);
                let begun_above = owns[boundary.parent * tensors + tensor].begun;
                let arrived = if tensor == operation.result() {
                    moved.down.saturating_sub(begun_above)
                } else {
                    moved.fills
                };
                owns[boundary.child * tensors + tensor] = Own {
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
        self.work.owns = owns;
    }

    fn own(&self, memory: usize, tensor: usize) -> &Own {
        &self.work.owns[memory * self.mapping.operation.tensors.len() + tensor]
    }

    fn crossings(&self, found: &mut Vec<BoundaryCounts>) -> Result<(), EngineLimit> {
        let operation = &self.mapping.operation;
        let result = operation.result();
        let widths = |tensor: usize| {
            let tensor = &operation.tensors[tensor];
            (u128::from(tensor.bits), u128::from(tensor.partial_bits))
        };
        let boundaries = self.flows.boundaries.len();
        found.resize_with(boundaries + self.flows.homes.len(), BoundaryCounts::default);
        for (number, boundary) in self.flows.boundaries.iter().enumerate() {
            let (mut down_bits, mut up_bits) = (0u128, 0u128);
            let mut tensors = std::mem::take(&mut found[number].tensors);
            tensors.clear();
            for &tensor in &boundary.tensors {
                let moved = self.moved(number, tensor);
                let (bits, partial) = widths(tensor);
                let own = self.own(boundary.child, tensor);
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
            found[number] = BoundaryCounts {
                parent: boundary.parent,
                child: Some(boundary.child),
                position: self.places[boundary.place],
                tensors,
                down_bits: small(down_bits)?,
                up_bits: small(up_bits)?,
                peak_bits: self.work.clock.peaks[number],
                transfer_cycles: small(self.work.clock.transfer_cycles[number])?,
            };
        }
        for (number, home) in self.flows.homes.iter().enumerate() {
            let (mut down_bits, mut up_bits) = (0u128, 0u128);
            let mut tensors = std::mem::take(&mut found[boundaries + number].tensors);
            tensors.clear();
            for &tensor in &home.tensors {
                let issued = self.issued(number, tensor);
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
            found[boundaries + number] = BoundaryCounts {
                parent: home.memory,
                child: None,
                position: self.mapping.schedule.leaf,
                tensors,
                down_bits: small(down_bits)?,
                up_bits: small(up_bits)?,
                peak_bits: 0,
                transfer_cycles: small(self.work.clock.transfer_cycles[boundaries + number])?,
            };
        }
        Ok(())
    }

    /// One tensor in one memory: what the crossings on both sides move.
    fn tensor(&self, memory: usize, tensor: usize) -> Result<TensorCounts, EngineLimit> {
        let result = self.mapping.operation.result();
        let own = self.own(memory, tensor);
        let inside = self
            .flows
            .boundaries
            .iter()
            .position(|b| b.parent == memory && b.tensors.contains(&tensor));
        let (down, up) = match inside {
            Some(number) => {
                let moved = self.moved(number, tensor);
                (moved.down, moved.up)
            }
            None => {
                let home = self.flows.homes.iter().position(|h| h.memory == memory);
                let issued = self.issued(home.unwrap_or(0), tensor);
                (issued.needed, issued.needed)
            }
        };
        let borrowed = {
            let outside = self
                .flows
                .boundaries
                .iter()
                .position(|b| b.child == memory && b.tensors.contains(&tensor));
            outside.map_or(0, |b| self.moved(b, tensor).forwarded)
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
                let moved = self.moved(number, tensor);
                moved.up_complete != moved.up
            }
            None => {
                let home = self.flows.homes.iter().position(|h| h.memory == memory);
                let issued = self.issued(home.unwrap_or(0), tensor);
                issued.done_held != issued.needed
            }
        }
    }

    /// Largest tile of one child instance.
    fn tile(&self, boundary: usize, tensor: usize) -> u128 {
        let tensors = self.mapping.operation.tensors.len();
        let Some(at) = self.flows.counted[boundary * tensors + tensor] else {
            return 0;
        };
        let own = u128::from(self.still.sizes[at].tile);
        let tiles = self.classes.iter().map(|classes| classes.tiles[at]);
        tiles.fold(own, |product, tile| product * u128::from(tile))
    }
}

/// Adds the steps of one advancing loop. `asked`: what the parent, and each instance for itself, is asked
/// for where neighbours lend.
fn add(moved: &mut Moved, sum: &Sum, first: bool, asked: Option<(u128, u128)>) {
    let (reused, needed_reused) = if first {
        (0, 0)
    } else {
        (sum.reused_sum, sum.needed_reused)
    };
    let fills = sum.tile_sum - reused;
    moved.fills += fills;
    match asked {
        Some((all, each)) => {
            moved.down += all;
            moved.forwarded += fills - each;
        }
        None => moved.down += sum.needed - needed_reused,
    }
    if !first {
        moved.up += sum.prev_held - sum.retained;
        moved.up_complete += sum.done_held - sum.done_retained;
        moved.own_complete += sum.own_done - sum.own_retained;
    }
}
