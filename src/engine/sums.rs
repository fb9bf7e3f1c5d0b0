//! The counts of a run from the sums of its groups.
//!
//! Over all steps of one advancing loop the groups' positions combine freely, so the sum of a product over
//! groups is the product of the groups' sums: no step is visited. What remains is bookkeeping: every
//! transfer is a read where it leaves and a write where it arrives.

use super::classes::Node;
use super::counts::{
    Bound, BoundaryCounts, Counts, CrossingCounts, MemoryCounts, TensorCounts, Timing,
};
use super::exact::{Engine, TimingRule};
use super::plan::Whole;
use super::{Boundary, EngineLimit, bound_of};
use smallvec::SmallVec;

impl Engine<'_> {
    /// What crosses in all steps: the sum over the steps of one advancing loop is the product over groups
    /// of their sums.
    pub(super) fn add_up(&mut self) -> Result<(), EngineLimit> {
        let result = self.mapping.operation.result();
        for advance in std::iter::once(None).chain((0..self.loops.len()).map(Some)) {
            let own = match advance.map(|l| self.loops[l].own) {
                Some(None) => continue,
                own => own.flatten(),
            };
            let first = advance.is_none();
            for index in self.inside(advance)..self.boundaries.len() {
                let tensors = &self.boundaries[index].tensors;
                for (slot, &tensor) in tensors.iter().enumerate() {
                    let at = self.slot_starts[index] + slot;
                    let mut sum = self.still[at];
                    for (m, &g) in self.moving.iter().enumerate() {
                        let classes = &self.classes[g];
                        let row = self.still.len();
                        let factor = match own {
                            Some((own, number)) if own == m => {
                                &classes.edge_sums[number * row + at]
                            }
                            _ => {
                                let depth = advance.map_or(0, |l| self.loops[l].depths[m]);
                                &classes.node_sums[depth * row + at]
                            }
                        };
                        sum = sum
                            .times(factor, tensor == result)
                            .ok_or(EngineLimit::Overflow)?;
                    }
                    let (kept, at_hand) = if first {
                        (0, 0)
                    } else {
                        (sum.kept, sum.at_hand)
                    };
                    let mut enters = sum.wanted - at_hand;
                    let mut leaves = 0;
                    if tensor == result {
                        enters -= sum.fresh;
                        leaves = if first { 0 } else { sum.held - sum.staying };
                    }
                    let bits = u128::from(self.mapping.operation.tensors[tensor].bits);
                    let totals = &mut self.totals[index];
                    totals.tensors[slot].fills += sum.tiles - kept;
                    totals.tensors[slot].down += enters;
                    totals.tensors[slot].up += leaves;
                    totals.down_bits += enters * bits;
                    totals.up_bits += leaves * bits;
                }
            }
        }
        Ok(())
    }

    /// After the last step the remaining results leave through every boundary.
    pub(super) fn drain(&mut self) -> Result<u64, EngineLimit> {
        let result = self.mapping.operation.result();
        let mut drain = 0u64;
        for (index, boundary) in self.boundaries.iter().enumerate() {
            let Some(slot) = boundary.tensors.iter().position(|&t| t == result) else {
                continue;
            };
            let mut combinations: SmallVec<[(u128, u64); 4]> = SmallVec::new();
            combinations.push((1, self.whole[result]));
            for classes in &self.classes {
                let variants = classes.table.variants(classes.wrap_of(0, index));
                combinations = combinations
                    .iter()
                    .flat_map(|&(count, size)| {
                        variants.iter().map(move |v| {
                            let held = classes.table.cross(v, slot).held;
                            (count * u128::from(v.count), size.saturating_mul(held))
                        })
                    })
                    .collect();
            }
            let bits = u64::from(self.mapping.operation.tensors[result].bits);
            let totals = &mut self.totals[index];
            let mut longest = 0;
            for (count, elements) in combinations {
                let width = elements.checked_mul(bits).ok_or(EngineLimit::Overflow)?;
                totals.tensors[slot].up += count * u128::from(elements);
                totals.up_bits += count * u128::from(width);
                totals.peak_bits = totals.peak_bits.max(width);
                let cycles = self.links[index]
                    .up_cycles(&[width])
                    .ok_or(EngineLimit::Overflow)?;
                longest = longest.max(cycles);
            }
            totals.transfer_cycles += u128::from(longest);
            if self.rule == TimingRule::Exact || self.is_innermost(boundary.child) {
                drain = drain.checked_add(longest).ok_or(EngineLimit::Overflow)?;
            }
        }
        Ok(drain)
    }

    /// Puts the sums together.
    pub(super) fn counts(&self, cycles: u64) -> Result<Counts, EngineLimit> {
        let mapping = self.mapping;
        let operation = &mapping.operation;
        let result = operation.result();
        let small = |n: u128| u64::try_from(n).map_err(|_| EngineLimit::Overflow);
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
            steps = steps
                .checked_mul(sum(&|_| 1))
                .ok_or(EngineLimit::Overflow)?;
            let start = classes.first_at(0, classes.depth());
            pes_used *= u128::from(classes.nodes[start].working);
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

        let mut memories = Vec::with_capacity(mapping.schedule.positions.len());
        for (memory, row) in mapping.schedule.positions.iter().enumerate() {
            let mut tensors = Vec::with_capacity(operation.tensors.len());
            for tensor in (0..operation.tensors.len()).filter(|&t| row[t].is_some()) {
                tensors.push(self.tensor(memory, tensor)?);
            }
            let buffers = if mapping.architecture.memories[memory].double_buffered {
                2
            } else {
                1
            };
            let bits: u128 = tensors
                .iter()
                .map(|c| u128::from(c.tile) * u128::from(operation.tensors[c.tensor].bits))
                .sum();
            memories.push(MemoryCounts {
                required_bits: if memory == 0 {
                    0
                } else {
                    small(bits * buffers)?
                },
                tensors,
            });
        }
        let mut crossings = Vec::with_capacity(self.boundaries.len());
        for (index, boundary) in self.boundaries.iter().enumerate() {
            let totals = &self.totals[index];
            let above = mapping.architecture.memories[boundary.parent].arrays_above;
            let below = mapping.architecture.memories[boundary.child].arrays_above;
            let mut tensors = Vec::with_capacity(boundary.tensors.len());
            for (slot, &tensor) in boundary.tensors.iter().enumerate() {
                let moved = &totals.tensors[slot];
                // What has entered leaves; of a result only what comes back carries data on its way in.
                let returned = if tensor == result { moved.down } else { 0 };
                tensors.push(CrossingCounts {
                    tensor,
                    down: small(moved.down)?,
                    up: small(moved.up)?,
                    up_complete: 0,
                    forwarded: small(moved.forwarded)?,
                    hops: if above < below {
                        small(moved.fills + returned)?
                    } else {
                        0
                    },
                });
            }
            crossings.push(BoundaryCounts {
                parent: boundary.parent,
                child: Some(boundary.child),
                position: boundary.position,
                tensors,
                down_bits: small(totals.down_bits)?,
                up_bits: small(totals.up_bits)?,
                peak_bits: totals.peak_bits,
                transfer_cycles: small(totals.transfer_cycles)?,
            });
        }
        let mut counts = Counts {
            operations: small(performed)?,
            steps: small(steps)?,
            pes_used: small(pes_used)?,
            memories,
            boundaries: crossings,
            resources: Vec::new(),
            timing: Timing {
                cycles,
                compute_cycles: small(self.compute)?,
                bound: Bound::Compute,
            },
        };
        counts
            .repeat(operation.repeat)
            .ok_or(EngineLimit::Overflow)?;
        counts.timing.bound = bound_of(&counts);
        Ok(counts)
    }

    /// One tensor in one memory: what the boundaries on both sides and the PEs move.
    fn tensor(&self, memory: usize, tensor: usize) -> Result<TensorCounts, EngineLimit> {
        let operation = &self.mapping.operation;
        let result = operation.result();
        let small = |n: u128| u64::try_from(n).map_err(|_| EngineLimit::Overflow);
        let slot_of = |b: &Boundary| b.tensors.iter().position(|&t| t == tensor);
        let outside = self.boundaries.iter().enumerate().find_map(|(i, b)| {
            (b.child == memory)
                .then(|| slot_of(b).map(|s| (i, s)))
                .flatten()
        });
        let inside = self.boundaries.iter().enumerate().find_map(|(i, b)| {
            (b.parent == memory)
                .then(|| slot_of(b).map(|s| (i, s)))
                .flatten()
        });

        let &Whole {
            elements,
            unique,
            touching,
        } = &self.wholes[tensor];
        let (mut fills, mut reads, mut writes, mut updates) = (0u128, 0u128, 0u128, 0u128);
        let mut tile = elements;
        if let Some((boundary, slot)) = outside {
            let moved = &self.totals[boundary].tensors[slot];
            fills = moved.fills;
            tile = self.tile(boundary, slot) * u128::from(self.whole[tensor]);
            if tensor == result {
                // All that entered leaves again; what comes back is written once.
                reads += fills;
                writes += moved.down;
            } else {
                writes += fills;
            }
        }
        match inside {
            Some((boundary, slot)) => {
                let moved = &self.totals[boundary].tensors[slot];
                reads += moved.down;
                writes += moved.up;
                if tensor == result {
                    updates += moved.down;
                }
            }
            None if tensor == result => {
                let first = match outside {
                    Some((boundary, slot)) => {
                        self.first_accumulations(boundary, slot) * u128::from(self.whole[tensor])
                    }
                    None => unique,
                };
                writes += touching;
                updates += touching - first;
                reads += touching - first;
            }
            None => reads += touching,
        }
        Ok(TensorCounts {
            tensor,
            tile: small(tile)?,
            fills: small(fills)?,
            reads: small(reads)?,
            writes: small(writes)?,
            updates: small(updates)?,
            complete_reads: 0,
            complete_writes: 0,
            unique: small(unique)?,
        })
    }

    /// Largest tile of one child instance.
    fn tile(&self, boundary: usize, slot: usize) -> u128 {
        self.classes
            .iter()
            .map(|classes| {
                let tiles = classes
                    .nodes_at(classes.inside[boundary])
                    .flat_map(|node| classes.table.variants(classes.wrap_of(node, boundary)))
                    .map(|variant| classes.table.cross(variant, slot).tile);
                u128::from(tiles.max().unwrap_or(0))
            })
            .product()
    }

    /// Elements of the result that each instance of the innermost memory accumulates for the first time,
    /// summed over instances.
    fn first_accumulations(&self, boundary: usize, slot: usize) -> u128 {
        self.classes
            .iter()
            .map(|classes| {
                if classes.plan.overlaps {
                    return u128::from(classes.distinct[boundary]);
                }
                classes
                    .nodes_at(classes.inside[boundary])
                    .filter(|&node| classes.nodes[node].fresh)
                    .map(|node| {
                        let tiles: u64 = classes
                            .table
                            .variants(classes.wrap_of(node, boundary))
                            .iter()
                            .map(|variant| variant.count * classes.table.cross(variant, slot).tiles)
                            .sum();
                        u128::from(classes.nodes[node].count) * u128::from(tiles)
                    })
                    .sum::<u128>()
            })
            .product()
    }
}
