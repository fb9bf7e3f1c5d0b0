//! Who moves how much between which memories while a group runs.
//!
//! Per stage: with a dataflow the single-layer engine has counted what its tiles do inside of the memories that
//! keep the group's tensors; at the peak rate a tile reads each element that it needs once from the memory of its
//! tensor, and writes each element that it makes once. Per tensor: what arrives from the backing store is written
//! once where the tensor is kept, what leaves is read there once, and a partial sum of an earlier step is read
//! before it is added to.

use super::Tiles;
use crate::cost::{GroupAction, GroupComponent, work_density};
use crate::engine::EngineLimit;
use crate::engine::fused::Flow;
use crate::ir::{FusedGroup, Memory, Ports};
use crate::report::fused::GroupTime;

/// All that is moved.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ledger {
    pub actions: Vec<GroupAction>,
    /// By memory: elements read and written.
    pub elements: Vec<[u128; 2]>,
}

impl Ledger {
    fn moved(&mut self, of: Moved, reads: u128, writes: u128) {
        let Moved {
            memory,
            tensor,
            bits,
            density,
        } = of;
        for (component, count) in [
            (GroupComponent::Read { memory, tensor }, reads),
            (GroupComponent::Write { memory, tensor }, writes),
        ] {
            self.actions.push(GroupAction {
                component,
                count,
                bits,
                density,
            });
        }
        let longer = self.elements.len().max(memory + 1);
        self.elements.resize(longer, [0; 2]);
        if let Some([r, w]) = self.elements.get_mut(memory) {
            *r = r.saturating_add(reads);
            *w = w.saturating_add(writes);
        }
    }
}

struct Moved {
    memory: usize,
    tensor: usize,
    bits: u32,
    density: f64,
}

/// The tensors of the group that make up an operand of a stage's operation: several for a concatenated input.
pub(super) fn tensors_of(group: &FusedGroup, stage: usize, operand: usize) -> Vec<usize> {
    let Some(known) = group.stages.get(stage) else {
        return Vec::new();
    };
    let operands = known.operation.tensors.len().max(1);
    let parts = (known.accesses.len() + 1).saturating_sub(operands).max(1);
    let range = match operand {
        0 => 0..parts,
        _ => operand + parts - 1..operand + parts,
    };
    let accesses = known.accesses.get(range).unwrap_or_default();
    accesses.iter().map(|access| access.tensor).collect()
}

/// The operand of the operation that an access belongs to.
pub(super) fn operand_of(group: &FusedGroup, stage: usize, access: usize) -> usize {
    let operands = group
        .stages
        .get(stage)
        .map_or(1, |s| s.operation.tensors.len());
    (0..operands)
        .scan(0, |before, operand| {
            *before += tensors_of(group, stage, operand).len();
            Some((operand, *before))
        })
        .find(|&(_, end)| access < end)
        .map_or(0, |found| found.0)
}

/// The ledger of a group.
///
/// # Errors
/// [`EngineLimit`], when a set cannot be written.
pub(super) fn ledger(
    group: &FusedGroup,
    flow: &Flow,
    tiles: &[Tiles<'_>],
) -> Result<Ledger, EngineLimit> {
    let mut ledger = Ledger::default();
    for (index, (stage, tiles)) in group.stages.iter().zip(tiles).enumerate() {
        let operations = flow.stages.get(index).map_or(0, |stage| stage.operations);
        ledger.actions.push(GroupAction {
            component: GroupComponent::Operations { stage: index },
            count: operations.into(),
            bits: 1,
            density: work_density(&stage.operation),
        });
        match &tiles.cache {
            Some(_) => inside(&mut ledger, group, index, tiles),
            None => at_peak(&mut ledger, group, index, tiles)?,
        }
    }
    for (index, (tensor, moved)) in group.tensors.iter().zip(&flow.tensors).enumerate() {
        let whole = |memory: usize| Moved {
            memory,
            tensor: index,
            bits: tensor.bits,
            density: density(group, index),
        };
        // Sums that are not complete are dense, and as wide as they are.
        let partial = |memory: usize| Moved {
            bits: tensor.partial_bits,
            density: 1.0,
            ..whole(memory)
        };
        let (reads, writes) = (u128::from(moved.dram_reads), u128::from(moved.dram_writes));
        if tensor.producer == Some(group.head()) {
            let complete = writes.saturating_sub(reads);
            ledger.moved(whole(0), 0, complete);
            ledger.moved(whole(tensor.memory), complete, 0);
            ledger.moved(partial(0), reads, reads);
            ledger.moved(partial(tensor.memory), reads, reads);
            // Read to be added to.
            ledger.moved(partial(tensor.memory), moved.required.into(), 0);
        } else {
            ledger.moved(whole(0), reads, writes);
            ledger.moved(whole(tensor.memory), writes, reads);
        }
    }
    Ok(ledger)
}

/// Of the first stage that touches the tensor: of what is made in the group, the producer's word.
pub(super) fn density(group: &FusedGroup, tensor: usize) -> f64 {
    for (index, stage) in group.stages.iter().enumerate() {
        let accesses = stage.accesses.iter();
        if let Some(access) = accesses.clone().position(|access| access.tensor == tensor) {
            let operand = operand_of(group, index, access);
            return stage
                .operation
                .tensors
                .get(operand)
                .map_or(1.0, |t| t.density);
        }
    }
    1.0
}

/// What the single-layer engine has counted.
fn inside(ledger: &mut Ledger, group: &FusedGroup, index: usize, tiles: &Tiles<'_>) {
    let Some(cache) = &tiles.cache else {
        return;
    };
    for &(shape, times) in &tiles.shapes {
        let Some(shape) = cache.shapes.get(shape) else {
            continue;
        };
        let of = |operand: usize| {
            let known = shape.operation.tensors.get(operand);
            (
                tensors_of(group, index, operand)
                    .first()
                    .copied()
                    .unwrap_or(0),
                known.map_or(8, |tensor| tensor.bits),
                known.map_or(8, |tensor| tensor.partial_bits),
                known.map_or(1.0, |tensor| tensor.density),
            )
        };
        let times = u128::from(times);
        for access in &shape.accesses {
            let (tensor, bits, partial_bits, density) = of(access.operand);
            let moved = |bits: u32, density: f64| Moved {
                memory: access.memory,
                tensor,
                bits,
                density,
            };
            let partial = access.partial.map(|count| u128::from(count) * times);
            let reads = u128::from(access.reads) * times;
            let writes = u128::from(access.writes) * times;
            ledger.moved(
                moved(bits, density),
                reads.saturating_sub(partial[0]),
                writes.saturating_sub(partial[1]),
            );
            ledger.moved(moved(partial_bits, 1.0), partial[0], partial[1]);
        }
        for hops in &shape.hops {
            let (tensor, bits, partial_bits, density) = of(hops.operand);
            for (count, bits, density) in [
                (hops.count, bits, density),
                (hops.partial, partial_bits, 1.0),
            ] {
                ledger.actions.push(GroupAction {
                    component: GroupComponent::Hops { tensor },
                    count: u128::from(count) * times,
                    bits,
                    density,
                });
            }
        }
    }
}

/// Every element that a tile touches, once.
fn at_peak(
    ledger: &mut Ledger,
    group: &FusedGroup,
    index: usize,
    tiles: &Tiles<'_>,
) -> Result<(), EngineLimit> {
    let Some(stage) = group.stages.get(index) else {
        return Ok(());
    };
    for (at, access) in stage.accesses.iter().enumerate() {
        let Some(tensor) = group.tensors.get(access.tensor) else {
            continue;
        };
        let operand = operand_of(group, index, at);
        let known = stage.operation.tensors.get(operand);
        let result = at + 1 == stage.accesses.len();
        // Elements of complete results and of operands, and of sums that are not complete.
        let mut touched = [0u128; 2];
        for tile in &tiles.tiles {
            let image = tile.boxes.image(&access.dims, &tensor.extents);
            let image = image
                .filter(|image| image.is_exact())
                .ok_or(EngineLimit::Irregular)?;
            let part = usize::from(result && tile.incomplete);
            if let Some(sum) = touched.get_mut(part) {
                let count = image.count().saturating_mul(tile.steps.into());
                *sum = sum.saturating_add(count);
            }
        }
        let bits = known.map_or(tensor.bits, |known| known.bits);
        let density = known.map_or(1.0, |known| known.density);
        let [whole, partial] = touched;
        for (touched, bits, density) in
            [(whole, bits, density), (partial, tensor.partial_bits, 1.0)]
        {
            let moved = Moved {
                memory: tensor.memory,
                tensor: access.tensor,
                bits,
                density,
            };
            let (reads, writes) = if result { (0, touched) } else { (touched, 0) };
            ledger.moved(moved, reads, writes);
        }
    }
    Ok(())
}

/// The time of a group: what its clock says, and what takes longest when all else is free.
pub(super) fn time(flow: &Flow, compute: u64, memories: &[Memory]) -> GroupTime {
    let mut time = GroupTime {
        cycles: flow.cycles,
        compute,
        ..GroupTime::default()
    };
    let mut longest = compute;
    for (memory, (known, busy)) in memories.iter().zip(&flow.busy).enumerate() {
        if known.ports == Ports::UNBOUNDED {
            continue;
        }
        let needed = busy[0].max(busy[1]);
        time.memories.push((memory, needed));
        if needed > longest {
            longest = needed;
            time.bound = Some(memory);
        }
    }
    time
}
