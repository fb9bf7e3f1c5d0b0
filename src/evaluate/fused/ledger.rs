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
use crate::hir::Accelerator;
use crate::ir::{FusedGroup, Rate};
use crate::lower;
use crate::report::fused::GroupTime;

/// All that is moved.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ledger {
    pub actions: Vec<GroupAction>,
    /// By memory: bits through its ports towards the compute, read and written.
    pub inward: Vec<[u128; 2]>,
    /// By memory: elements read and written.
    pub elements: Vec<[u128; 2]>,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// Through the ports to the inside.
    Inward,
    /// From or to the backing store, seen from the memory inside.
    Outward,
}

impl Ledger {
    fn moved(&mut self, of: Moved, reads: u128, writes: u128) {
        let Moved {
            memory,
            tensor,
            bits,
            density,
            way,
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
        self.inward.resize(longer, [0; 2]);
        if let Some([r, w]) = self.elements.get_mut(memory) {
            *r = r.saturating_add(reads);
            *w = w.saturating_add(writes);
        }
        if let (Way::Inward, Some([r, w])) = (way, self.inward.get_mut(memory)) {
            *r = r.saturating_add(reads.saturating_mul(bits.into()));
            *w = w.saturating_add(writes.saturating_mul(bits.into()));
        }
    }
}

struct Moved {
    memory: usize,
    tensor: usize,
    bits: u32,
    density: f64,
    way: Way,
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
fn operand_of(group: &FusedGroup, stage: usize, access: usize) -> usize {
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
        match &tiles.workshop {
            Some(_) => inside(&mut ledger, group, index, tiles),
            None => at_peak(&mut ledger, group, index, tiles)?,
        }
    }
    for (index, (tensor, moved)) in group.tensors.iter().zip(&flow.tensors).enumerate() {
        let (reads, writes) = (moved.dram_reads.into(), moved.dram_writes.into());
        let of = |memory: usize, way: Way| Moved {
            memory,
            tensor: index,
            bits: tensor.bits,
            density: density(group, index),
            way,
        };
        ledger.moved(of(0, Way::Inward), reads, writes);
        ledger.moved(of(tensor.memory, Way::Outward), writes, reads);
        if tensor.producer == Some(group.head()) {
            ledger.moved(of(tensor.memory, Way::Inward), moved.required.into(), 0);
        }
    }
    Ok(ledger)
}

/// Of the first stage that touches the tensor: of what is made in the group, the producer's word.
fn density(group: &FusedGroup, tensor: usize) -> f64 {
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
    let (Some(workshop), Some(stage)) = (&tiles.workshop, group.stages.get(index)) else {
        return;
    };
    for &(shape, times) in &tiles.shapes {
        let Some(shape) = workshop.shapes.get(shape) else {
            continue;
        };
        let of = |operand: usize| {
            let known = stage.operation.tensors.get(operand);
            (
                tensors_of(group, index, operand)
                    .first()
                    .copied()
                    .unwrap_or(0),
                known.map_or(8, |tensor| tensor.bits),
                known.map_or(1.0, |tensor| tensor.density),
            )
        };
        for access in &shape.accesses {
            let (tensor, bits, density) = of(access.operand);
            let moved = Moved {
                memory: access.memory,
                tensor,
                bits,
                density,
                way: Way::Inward,
            };
            let times = u128::from(times);
            ledger.moved(
                moved,
                u128::from(access.reads) * times,
                u128::from(access.writes) * times,
            );
        }
        for &(operand, count) in &shape.hops {
            let (tensor, bits, density) = of(operand);
            ledger.actions.push(GroupAction {
                component: GroupComponent::Hops { tensor },
                count: u128::from(count) * u128::from(times),
                bits,
                density,
            });
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
        let mut touched = 0u128;
        for (tile, times) in &tiles.tiles {
            let image = tile.image(&access.dims, &tensor.extents);
            let image = image
                .filter(|image| image.is_exact())
                .ok_or(EngineLimit::Irregular)?;
            touched = touched.saturating_add(image.count().saturating_mul((*times).into()));
        }
        let moved = Moved {
            memory: tensor.memory,
            tensor: access.tensor,
            bits: known.map_or(tensor.bits, |known| known.bits),
            density: known.map_or(1.0, |known| known.density),
            way: Way::Inward,
        };
        let result = at + 1 == stage.accesses.len();
        let (reads, writes) = if result { (0, touched) } else { (touched, 0) };
        ledger.moved(moved, reads, writes);
    }
    Ok(())
}

/// Computation in `compute` cycles, and no sooner than every memory has moved what it must.
pub(super) fn time(compute: u64, ledger: &Ledger, accelerator: &Accelerator) -> GroupTime {
    let mut time = GroupTime {
        cycles: compute,
        compute,
        ..GroupTime::default()
    };
    let alone = accelerator.on_array(None);
    let architecture = lower::architecture(&alone);
    for (memory, (known, &[reads, writes])) in
        architecture.memories.iter().zip(&ledger.inward).enumerate()
    {
        let instances = u128::from(architecture.instances(memory).max(1));
        let cycles = |bits: u128, rate: Option<Rate>| {
            rate.and_then(|rate| rate.cycles_for(bits.div_ceil(instances)))
        };
        let needed = cycles(reads, known.ports.read()).max(cycles(writes, known.ports.write()));
        if let Some(needed) = needed {
            time.memories.push((memory, needed));
            if needed > time.cycles {
                time.cycles = needed;
                time.bound = Some(memory);
            }
        }
    }
    time
}
