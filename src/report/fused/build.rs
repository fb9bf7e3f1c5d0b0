//! From indices and exact counts of a group to names and figures.

use super::model::{EnergySplit, GroupMemoryReport, GroupReport, GroupTensorReport, StageReport};
use crate::cost::{GroupComponent, GroupEnergy};
use crate::engine::fused::{Flow, TensorFlow};
use crate::ir::{Fate, FusedGroup, GroupTensor, OperationKind, Overlap};
use crate::report::build::effective_count;
use crate::report::model::{DensityReport, EnergyTermReport, Ordered};

/// What the source calls the parts of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupNames {
    pub name: String,
    /// How often the group runs.
    pub times: u64,
    /// By stage.
    pub stages: Vec<StageNames>,
    /// By tensor: its name, and its other names.
    pub tensors: Vec<(String, Vec<String>)>,
    /// By memory of the accelerator; the first is the backing store.
    pub memories: Vec<String>,
    pub clock_hz: Option<f64>,
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageNames {
    pub layer: String,
    /// `CONV`, `POOL`, ...
    pub kind: String,
    pub array: Option<String>,
    pub dataflow: Option<String>,
}

/// What was found out about a group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupFigures<'a> {
    pub group: &'a FusedGroup,
    pub flow: &'a Flow,
    /// The tensors that are no weights.
    pub maps: &'a [usize],
    /// Most bits of all feature maps together that are held between two steps.
    pub carried_bits: u128,
    pub time: GroupTime,
    /// Peak of the arrays that the group uses.
    pub macs_per_cycle: u64,
    /// By stage: different shapes of its tiles.
    pub shapes: Vec<usize>,
    pub energy: Option<GroupEnergy>,
    /// `None` where everything is dense.
    pub density: Option<DensityReport>,
    /// Memories that keep tensors, from the outside in.
    pub memories: Vec<MemoryNeed>,
    /// By stage: the layer alone; `None` when it cannot be evaluated so.
    pub alone: Vec<Option<Alone>>,
}

/// When the group is done, and why not sooner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupTime {
    pub cycles: u64,
    /// With free memories.
    pub compute: u64,
    /// Memory, and the time that its bandwidth asks for; bounded ones only.
    pub memories: Vec<(usize, u64)>,
    /// The memory that binds; `None`: computation.
    pub bound: Option<usize>,
}

/// What one memory keeps; bits and elements of all its instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryNeed {
    pub memory: usize,
    pub capacity_bits: Option<u128>,
    pub required_bits: u128,
    /// Windows alone.
    pub windows_bits: u128,
    /// Most that is held between two steps, of all its tensors together; `None` when that is not counted.
    pub carried_bits: Option<u128>,
    pub reads: u128,
    pub writes: u128,
}

/// A layer of the group by itself, on the same array.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alone {
    pub cycles: u64,
    pub dram_bits: u128,
    /// By a dataflow; else at the peak rate, every tensor moved once: a lower bound.
    pub evaluated: bool,
    /// As in the report of a layer.
    pub energy_pj: Option<Ordered<f64>>,
}

/// The report of one group.
#[must_use]
pub fn build_group(names: &GroupNames, figures: &GroupFigures<'_>) -> GroupReport {
    let (group, flow) = (figures.group, figures.flow);
    let time = &figures.time;
    let stages: Vec<StageReport> = (0..group.stages.len())
        .map(|stage| stage_report(names, figures, stage))
        .collect();
    let sum = |of: fn(&StageReport) -> u64| stages.iter().map(|stage| u128::from(of(stage))).sum();
    let (macs, ops): (u128, u128) = (sum(|s| s.macs), sum(|s| s.ops));
    let tensors: Vec<GroupTensorReport> = (0..group.tensors.len())
        .filter_map(|tensor| tensor_report(names, figures, tensor))
        .collect();
    let dram_bytes = dram_bits(group, flow).div_ceil(8);
    // Compulsory traffic of one layer makes the sum no evaluation.
    let bounded = figures.alone.iter().flatten().any(|alone| !alone.evaluated);
    let alone = alone(&figures.alone, names.memories.first());
    let mut cycles_by = Ordered(vec![("compute".to_owned(), time.compute)]);
    for &(memory, cycles) in &time.memories {
        cycles_by.0.push((memory_name(names, memory), cycles));
    }
    GroupReport {
        name: names.name.clone(),
        repeat: names.times,
        layers: names
            .stages
            .iter()
            .map(|stage| stage.layer.clone())
            .collect(),
        after: 0,
        overlap: match group.overlap {
            Overlap::Pipeline => "pipeline",
            Overlap::Sequence => "sequence",
        },
        iterations: flow.steps,
        macs,
        macs_unique: sum(|s| s.macs_unique),
        ops,
        ops_unique: sum(|s| s.ops_unique),
        cycles: time.cycles,
        seconds: names
            .clock_hz
            .filter(|hertz| *hertz > 0.0)
            .map(|hertz| time.cycles as f64 / hertz),
        cycles_sequential: flow.sequential,
        cycles_pipelined: flow.pipelined,
        baseline: if bounded { "lower_bound" } else { "evaluated" },
        cycles_layer_by_layer: alone.cycles,
        utilization: ratio(
            (macs + ops) as f64,
            time.cycles as f64 * figures.macs_per_cycle as f64,
        ),
        macs_per_cycle: figures.macs_per_cycle,
        bound: time
            .bound
            .map_or_else(|| "compute".to_owned(), |memory| memory_name(names, memory)),
        cycles_by,
        dram_bytes,
        dram_bytes_feature_maps: figures
            .maps
            .iter()
            .filter_map(|&map| tensors.get(map))
            .map(|tensor| tensor.dram_bytes)
            .sum(),
        dram_bytes_layer_by_layer: alone.dram_bytes,
        dram_bytes_per_cycle: ratio(dram_bytes as f64, time.cycles as f64),
        dram_bytes_per_cycle_layer_by_layer: alone
            .dram_bytes
            .zip(alone.cycles)
            .map(|(bytes, cycles)| ratio(bytes as f64, cycles as f64)),
        dram_peak_bytes_per_step: flow.peak_bits.div_ceil(8),
        carried_bytes: figures.carried_bits.div_ceil(8),
        intermediate_window_bytes: intermediate_bits(group, flow).div_ceil(8),
        energy_pj: figures
            .energy
            .as_ref()
            .map(|energy| energy_map(names, group, energy)),
        energy_pj_layer_by_layer: alone.energy_pj,
        energy_split: figures.energy.as_ref().map(|energy| EnergySplit {
            dram_pj: energy.backing_pj,
            on_chip_pj: energy.total_pj - energy.backing_pj,
        }),
        energy_split_layer_by_layer: alone.split,
        energy_terms: figures
            .energy
            .as_ref()
            .map_or_else(Vec::new, |energy| energy_terms(names, group, energy)),
        density: figures.density.clone(),
        tensors,
        stages,
        memories: figures
            .memories
            .iter()
            .map(|need| GroupMemoryReport {
                memory: memory_name(names, need.memory),
                capacity_bytes: need.capacity_bits.map(|bits| bits / 8),
                required_bytes: need.required_bits.div_ceil(8),
                windows_bytes: need.windows_bits.div_ceil(8),
                carried_bytes: need.carried_bits.map(|bits| bits.div_ceil(8)),
                reads: need.reads,
                writes: need.writes,
            })
            .collect(),
        notes: names.notes.clone(),
    }
}

/// What all tensors of a group move from and to the backing store.
#[must_use]
pub fn dram_bits(group: &FusedGroup, flow: &Flow) -> u128 {
    let both = group.tensors.iter().zip(&flow.tensors);
    both.map(|(tensor, moved)| moved_bits(group, tensor, moved))
        .sum()
}

/// What one tensor moves; sums of the head's result that are not complete are as wide as they are.
fn moved_bits(group: &FusedGroup, tensor: &GroupTensor, moved: &TensorFlow) -> u128 {
    let (reads, writes) = (u128::from(moved.dram_reads), u128::from(moved.dram_writes));
    if tensor.producer == Some(group.head()) {
        // Every sum that is read back was written before it was complete.
        writes.saturating_sub(reads) * u128::from(tensor.bits)
            + 2 * reads * u128::from(tensor.partial_bits)
    } else {
        (reads + writes) * u128::from(tensor.bits)
    }
}

/// Windows of what one stage makes for another.
fn intermediate_bits(group: &FusedGroup, flow: &Flow) -> u128 {
    let both = group.tensors.iter().zip(&flow.tensors);
    both.filter(|(tensor, _)| tensor.producer.is_some_and(|stage| stage != group.head()))
        .map(|(tensor, counts)| u128::from(counts.window) * u128::from(tensor.bits))
        .sum()
}

fn ratio(numerator: f64, denominator: f64) -> f64 {
    if denominator > 0.0 {
        numerator / denominator
    } else {
        0.0
    }
}

fn memory_name(names: &GroupNames, memory: usize) -> String {
    let known = names.memories.get(memory).cloned();
    known.unwrap_or_else(|| format!("memory{memory}"))
}

fn tensor_name(names: &GroupNames, tensor: usize) -> String {
    let known = names.tensors.get(tensor).map(|tensor| tensor.0.clone());
    known.unwrap_or_else(|| format!("tensor{tensor}"))
}

fn tensor_report(
    names: &GroupNames,
    figures: &GroupFigures<'_>,
    index: usize,
) -> Option<GroupTensorReport> {
    let tensor = figures.group.tensors.get(index)?;
    let flow = figures.flow.tensors.get(index)?;
    let summed = tensor.producer == Some(figures.group.head()) && flow.required > 0;
    let bits = u128::from(if summed {
        tensor.bits.max(tensor.partial_bits)
    } else {
        tensor.bits
    });
    let bytes = |elements: u64| (u128::from(elements) * bits).div_ceil(8);
    Some(GroupTensorReport {
        tensor: tensor_name(names, index),
        aliases: names
            .tensors
            .get(index)
            .map_or_else(Vec::new, |tensor| tensor.1.clone()),
        memory: memory_name(names, tensor.memory),
        fate: match tensor.fate {
            Fate::Retain => "retain",
            Fate::Recompute => "recompute",
            Fate::Refetch => "refetch",
        },
        loops_above: tensor.keep,
        required: flow.required,
        reused: flow.reused,
        refetched: flow.refetched,
        first_fetch: flow.first_fetch,
        computed: flow.computed,
        recomputed: flow.recomputed,
        dram_reads: flow.dram_reads,
        dram_writes: flow.dram_writes,
        dram_bytes: moved_bits(figures.group, tensor, flow).div_ceil(8),
        tile: flow.tile,
        window: flow.window,
        live: flow.live,
        window_bytes: bytes(flow.window),
        live_bytes: bytes(flow.live),
    })
}

fn stage_report(names: &GroupNames, figures: &GroupFigures<'_>, index: usize) -> StageReport {
    let known = names.stages.get(index).cloned().unwrap_or_default();
    let flow = figures.flow.stages.get(index).copied().unwrap_or_default();
    let products = is_product(figures.group, index);
    let of = |wanted: bool, count: u64| if products == wanted { count } else { 0 };
    StageReport {
        layer: known.layer,
        kind: known.kind,
        array: known.array,
        dataflow: known.dataflow,
        macs: of(true, flow.operations),
        macs_unique: of(true, flow.unique),
        ops: of(false, flow.operations),
        ops_unique: of(false, flow.unique),
        recomputation: ratio(flow.operations as f64, flow.unique as f64),
        active: flow.active,
        tile_shapes: figures.shapes.get(index).copied().unwrap_or(0),
        cycles: flow.cycles,
        share: ratio(flow.cycles as f64, figures.time.cycles as f64),
        cycles_alone: figures
            .alone
            .get(index)
            .and_then(|alone| alone.as_ref().map(|alone| alone.cycles)),
    }
}

fn is_product(group: &FusedGroup, stage: usize) -> bool {
    let kind = group.stages.get(stage).map(|stage| stage.kind);
    kind == Some(OperationKind::MultiplyAccumulate)
}

fn component_key(names: &GroupNames, group: &FusedGroup, component: GroupComponent) -> String {
    match component {
        GroupComponent::Operations { stage } if is_product(group, stage) => "mac".to_owned(),
        GroupComponent::Operations { .. } => "op".to_owned(),
        GroupComponent::Read { memory, .. } => format!("{}.read", memory_name(names, memory)),
        GroupComponent::Write { memory, .. } => format!("{}.write", memory_name(names, memory)),
        GroupComponent::Hops { .. } => "noc".to_owned(),
        GroupComponent::Static => "static".to_owned(),
    }
}

/// The energy of a group by component, as the reports of layers have it.
#[must_use]
pub fn energy_map(names: &GroupNames, group: &FusedGroup, energy: &GroupEnergy) -> Ordered<f64> {
    let mut map = Ordered(vec![("total".to_owned(), energy.total_pj)]);
    for term in &energy.terms {
        map.add(&component_key(names, group, term.component), term.pj);
    }
    map
}

fn energy_terms(
    names: &GroupNames,
    group: &FusedGroup,
    energy: &GroupEnergy,
) -> Vec<EnergyTermReport> {
    energy
        .terms
        .iter()
        .map(|term| EnergyTermReport {
            component: component_key(names, group, term.component),
            tensor: match term.component {
                GroupComponent::Read { tensor, .. }
                | GroupComponent::Write { tensor, .. }
                | GroupComponent::Hops { tensor } => Some(tensor_name(names, tensor)),
                GroupComponent::Operations { .. } | GroupComponent::Static => None,
            },
            count: term.count,
            effective_count: effective_count(term.count, term.effective),
            per: term.price.per.name(),
            price_pj: term.price.pj,
            energy_pj: term.pj,
            entry: term.price.label.clone(),
        })
        .collect()
}

/// Sums over the layers one by one.
struct AllAlone {
    cycles: Option<u64>,
    dram_bytes: Option<u128>,
    energy_pj: Option<Ordered<f64>>,
    split: Option<EnergySplit>,
}

/// A sum in which a layer is missing is no sum.
fn alone(layers: &[Option<Alone>], backing: Option<&String>) -> AllAlone {
    let all: Option<Vec<&Alone>> = layers.iter().map(Option::as_ref).collect();
    let all = all.filter(|all| !all.is_empty());
    let cycles = all
        .iter()
        .flatten()
        .try_fold(0u64, |sum, alone| sum.checked_add(alone.cycles));
    let bits: u128 = all.iter().flatten().map(|alone| alone.dram_bits).sum();
    let energies: Option<Vec<&Ordered<f64>>> = all
        .iter()
        .flatten()
        .map(|alone| alone.energy_pj.as_ref())
        .collect();
    let energy_pj = energies.filter(|maps| !maps.is_empty()).map(|maps| {
        let mut sum = Ordered::default();
        for (key, pj) in maps.iter().flat_map(|map| map.iter()) {
            sum.add(key, *pj);
        }
        sum
    });
    let split = energy_pj.as_ref().map(|map| {
        let of = |key: &str| map.get(key).copied().unwrap_or(0.0);
        let backing = backing.map_or("", String::as_str);
        let dram_pj = of(&format!("{backing}.read")) + of(&format!("{backing}.write"));
        EnergySplit {
            dram_pj,
            on_chip_pj: of("total") - dram_pj,
        }
    });
    AllAlone {
        cycles: all.as_ref().and(cycles),
        dram_bytes: all.as_ref().map(|_| bits.div_ceil(8)),
        energy_pj,
        split,
    }
}
