//! From indices and exact counts to names and figures.

use super::fused::GroupReport;
use super::model::{
    Boundary, BoundaryTensor, DensityReport, DensityTensor, EnergyTermReport, Format, LayerReport,
    Level, LevelTensor, MappingReport, Ordered, ResourceReport, Totals,
};
use super::reuse;
use crate::cost::{Area, AreaComponent, Component, Cost, Energy, effective_accesses};
use crate::engine::{
    Bound, BoundaryCounts, Counts, Port, Resource, ResourceCounts, TensorCounts, Way,
};
use crate::ir::{Architecture, Mapping, Operation, OperationKind, Refill};

/// What the source calls the things that the IR has as indices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerNames {
    pub name: String,
    /// How often the layer runs.
    pub times: u64,
    /// `CONV`, `GEMM`, ...
    pub kind: String,
    /// As declared, in source order.
    pub dimensions: Vec<(String, u64)>,
    /// How it is mapped: `nvdla(c_tile = 3)`, `inline`.
    pub dataflow: Option<String>,
    /// Of the accelerator, if it has one.
    pub clock_hz: Option<f64>,
    /// By index of `Operation::tensors`.
    pub tensors: Vec<String>,
    /// By index of `Architecture::memories`.
    pub memories: Vec<String>,
    /// By index of `Architecture::arrays`.
    pub arrays: Vec<String>,
    /// Of the `Compute`; empty is `MAC`.
    pub compute: String,
    /// What the compiler chose by default.
    pub choices: Vec<String>,
    /// Fallbacks and approximations.
    pub notes: Vec<String>,
}

impl LayerNames {
    pub(super) fn tensor(&self, index: usize) -> String {
        name_or(&self.tensors, index, "tensor")
    }

    pub(super) fn memory(&self, index: usize) -> String {
        name_or(&self.memories, index, "memory")
    }

    /// What `cycles` take; `None` without a clock.
    pub(super) fn seconds(&self, cycles: u64) -> Option<f64> {
        let hertz = self.clock_hz.filter(|hertz| *hertz > 0.0);
        hertz.map(|hertz| cycles as f64 / hertz)
    }

    pub(super) fn compute(&self) -> &str {
        if self.compute.is_empty() {
            "MAC"
        } else {
            &self.compute
        }
    }

    /// `DRAM port`, `GLB read port`, `PE link up (Output)`.
    fn resource(&self, resource: Resource) -> String {
        match resource {
            Resource::Port { memory, port } => {
                let which = match port {
                    Port::Both => "port",
                    Port::Read => "read port",
                    Port::Write => "write port",
                };
                format!("{} {which}", self.memory(memory))
            }
            Resource::Link { array, tensor, way } => {
                let array = name_or(&self.arrays, array, "array");
                let way = match way {
                    Way::Down => "down",
                    Way::Up => "up",
                };
                match tensor {
                    Some(tensor) => format!("{array} link {way} ({})", self.tensor(tensor)),
                    None => format!("{array} link {way}"),
                }
            }
        }
    }
}

fn name_or(names: &[String], index: usize, what: &str) -> String {
    names
        .get(index)
        .cloned()
        .unwrap_or_else(|| format!("{what}{index}"))
}

/// What passes from PE to PE, among the parts of the cycles.
pub(super) const NEIGHBOURS: &str = "neighbours";

/// The report of one layer. Without `cost` it has no energy and no area.
#[must_use]
pub fn build_layer(
    names: &LayerNames,
    mapping: &Mapping,
    counts: &Counts,
    cost: Option<&Cost>,
) -> LayerReport {
    let architecture = &mapping.architecture;
    let (pes, lanes) = (architecture.pes(), architecture.lanes);
    let crossings = boundary_names(names, counts);
    let products = is_products(&mapping.operation);
    let energy = cost.map(|cost| &cost.energy);

    let mut cycles_by = Ordered(vec![("compute".to_owned(), counts.timing.compute_cycles)]);
    for (name, boundary) in crossings.iter().zip(&counts.boundaries) {
        cycles_by.0.push((name.clone(), boundary.transfer_cycles));
    }
    if counts.timing.neighbour_cycles > 0 {
        let cycles = counts.timing.neighbour_cycles;
        cycles_by.0.push((NEIGHBOURS.to_owned(), cycles));
    }
    let (area_um2, area_absent) = area_map(names, cost.map(|cost| &cost.area));
    let block = energy_block(names, products, energy);

    LayerReport {
        name: names.name.clone(),
        repeat: names.times,
        kind: names.kind.clone(),
        dimensions: Ordered(names.dimensions.clone()),
        dataflow: names.dataflow.clone(),
        macs: if products { counts.operations } else { 0 },
        ops: if products { 0 } else { counts.operations },
        cycles: counts.timing.cycles,
        seconds: names.seconds(counts.timing.cycles),
        utilization: ratio(
            counts.operations as f64,
            counts.timing.cycles as f64 * pes as f64 * lanes as f64,
        ),
        bound: match counts.timing.bound {
            Bound::Compute => "compute".to_owned(),
            Bound::Neighbours => NEIGHBOURS.to_owned(),
            Bound::Boundary(index) => name_or(&crossings, index, "boundary"),
            Bound::Resource(index) => counts.resources.get(index).map_or_else(
                || format!("resource {index}"),
                |bound| names.resource(bound.resource),
            ),
        },
        cycles_by,
        energy_pj: block.by_component,
        energy_leaves_out: block.leaves_out,
        energy_terms: block.terms,
        area_um2,
        area_absent,
        mapping: Some(MappingReport {
            levels: levels(names, mapping, counts, energy),
            reuse: reuse::places(names, mapping, counts),
            boundaries: crossings
                .into_iter()
                .zip(&counts.boundaries)
                .map(|(name, boundary)| boundary_report(name, names, counts, boundary))
                .collect(),
            resources: counts
                .resources
                .iter()
                .map(|resource| resource_report(names, counts, resource))
                .collect(),
            formats: formats(names, mapping),
            steps: counts.steps,
            pes_used: counts.pes_used,
            pes,
            lanes,
            refill: refill_of_all(architecture),
        }),
        peak: pes as f64 * lanes as f64,
        choices: names.choices.clone(),
        notes: names.notes.clone(),
        density: density(names, mapping, counts, energy),
        figures: Vec::new(),
        advice: None,
        differences: Vec::new(),
    }
}

/// What a layer's report says of energy.
#[derive(Default)]
pub(super) struct EnergyBlock {
    pub by_component: Option<Ordered<f64>>,
    pub leaves_out: Vec<String>,
    pub terms: Vec<EnergyTermReport>,
}

pub(super) fn energy_block(
    names: &LayerNames,
    products: bool,
    energy: Option<&Energy>,
) -> EnergyBlock {
    energy.map_or_else(EnergyBlock::default, |energy| EnergyBlock {
        by_component: Some(energy_map(names, products, energy)),
        leaves_out: leaves_out(names, products, energy),
        terms: energy_terms(names, products, energy),
    })
}

/// The area by component, or why there is none although there is a technology.
pub(super) fn area_map(
    names: &LayerNames,
    area: Option<&Area>,
) -> (Option<Ordered<f64>>, Option<String>) {
    match area {
        Some(Area::Known { terms, total_um2 }) => {
            let mut map = Ordered(vec![("total".to_owned(), *total_um2)]);
            for term in terms {
                let key = match term.component {
                    AreaComponent::Compute => "compute".to_owned(),
                    AreaComponent::Memory(memory) => names.memory(memory),
                    AreaComponent::Bus => "noc.bus".to_owned(),
                    AreaComponent::Arbiter => "noc.arbiter".to_owned(),
                };
                map.add(&key, term.value);
            }
            (Some(map), None)
        }
        Some(Area::Absent(absent)) => (None, Some(absent.to_string())),
        None => (None, None),
    }
}

/// Whether the operations are products, which are counted as MACs.
pub(super) fn is_products(operation: &Operation) -> bool {
    operation.kind == OperationKind::MultiplyAccumulate
}

/// Sums over the layers and the fused groups of one evaluation.
#[must_use]
pub fn totals(layers: &[LayerReport], groups: &[GroupReport]) -> Totals {
    let fused: usize = groups.iter().map(|group| group.layers.len()).sum();
    let mut sum = Totals {
        layers: layers.len() + fused,
        ..Totals::default()
    };
    let mut slots = 0.0;
    let mut operations = 0.0;
    let mut energy = Ordered::default();
    for layer in layers {
        let (times, often) = (u128::from(layer.repeat), layer.repeat as f64);
        sum.macs += u128::from(layer.macs) * times;
        sum.ops += u128::from(layer.ops) * times;
        sum.cycles += u128::from(layer.cycles) * times;
        if let Some(seconds) = layer.seconds {
            *sum.seconds.get_or_insert(0.0) += seconds * often;
        }
        operations += (u128::from(layer.macs) + u128::from(layer.ops)) as f64 * often;
        slots += layer.cycles as f64 * layer.peak * often;
        for (key, value) in layer.energy_pj.iter().flat_map(Ordered::iter) {
            energy.add(key, *value * often);
        }
        for component in &layer.energy_leaves_out {
            if !sum.energy_leaves_out.contains(component) {
                sum.energy_leaves_out.push(component.clone());
            }
        }
        if let Some(area) = &layer.area_um2 {
            let total = |map: &Ordered<f64>| map.get("total").copied().unwrap_or(0.0);
            if sum
                .area_um2
                .as_ref()
                .is_none_or(|old| total(old) < total(area))
            {
                sum.area_um2 = Some(area.clone());
            }
        }
    }
    let mut again = 0;
    for group in groups {
        let (times, often) = (u128::from(group.repeat), group.repeat as f64);
        sum.macs = sum
            .macs
            .saturating_add(group.macs_unique.saturating_mul(times));
        sum.ops = sum
            .ops
            .saturating_add(group.ops_unique.saturating_mul(times));
        sum.cycles += u128::from(group.cycles) * times;
        let more = group.macs - group.macs_unique.min(group.macs);
        again = more.saturating_mul(times).saturating_add(again);
        if let Some(seconds) = group.seconds {
            *sum.seconds.get_or_insert(0.0) += seconds * often;
        }
        for term in group.energy_terms.iter().filter(|t| is_free(t.price_pj)) {
            if !sum.energy_leaves_out.contains(&term.component) {
                sum.energy_leaves_out.push(term.component.clone());
            }
        }
        operations += (group.macs + group.ops) as f64 * often;
        slots += group.cycles as f64 * group.macs_per_cycle as f64 * often;
        for (key, value) in group.energy_pj.iter().flat_map(Ordered::iter) {
            energy.add(key, *value * often);
        }
    }
    sum.macs_performed = (again > 0).then_some(sum.macs + again);
    sum.utilization = ratio(operations, slots);
    let priced = layers.iter().all(|layer| layer.energy_pj.is_some())
        && groups.iter().all(|group| group.energy_pj.is_some());
    if priced && sum.layers > 0 {
        sum.energy_pj = Some(energy);
    }
    sum
}

/// 0 for an empty denominator.
pub(super) fn ratio(numerator: f64, denominator: f64) -> f64 {
    if denominator > 0.0 {
        numerator / denominator
    } else {
        0.0
    }
}

/// `DRAM -> GLB`; where several boundaries join the same memories, `DRAM -> GLB (Weight)`.
fn boundary_names(names: &LayerNames, counts: &Counts) -> Vec<String> {
    let plain = |boundary: &BoundaryCounts| {
        format!(
            "{} -> {}",
            names.memory(boundary.parent),
            boundary
                .child
                .map_or_else(|| names.compute().to_owned(), |child| names.memory(child))
        )
    };
    let pairs: Vec<_> = counts
        .boundaries
        .iter()
        .map(|boundary| (boundary.parent, boundary.child))
        .collect();
    counts
        .boundaries
        .iter()
        .map(|boundary| {
            let pair = (boundary.parent, boundary.child);
            if pairs.iter().filter(|other| **other == pair).count() == 1 {
                return plain(boundary);
            }
            let tensors: Vec<String> = boundary
                .tensors
                .iter()
                .map(|crossing| names.tensor(crossing.tensor))
                .collect();
            format!("{} ({})", plain(boundary), tensors.join(", "))
        })
        .collect()
}

fn component_key(names: &LayerNames, products: bool, component: Component) -> String {
    match component {
        Component::Operations if products => "mac".to_owned(),
        Component::Operations => "op".to_owned(),
        Component::Read { memory, .. } => format!("{}.read", names.memory(memory)),
        Component::Write { memory, .. } => format!("{}.write", names.memory(memory)),
        Component::Hops { .. } => "noc".to_owned(),
        Component::Static => "static".to_owned(),
        Component::Own(name) => name.to_owned(),
    }
}

fn energy_map(names: &LayerNames, products: bool, energy: &Energy) -> Ordered<f64> {
    let mut map = Ordered(vec![("total".to_owned(), energy.total_pj)]);
    for term in &energy.terms {
        map.add(&component_key(names, products, term.component), term.pj);
    }
    map
}

/// Whether a technology leaves an action out, by giving it no energy.
fn is_free(price_pj: f64) -> bool {
    price_pj <= 0.0
}

/// The components with a price of 0, in the order of the terms.
fn leaves_out(names: &LayerNames, products: bool, energy: &Energy) -> Vec<String> {
    let mut found = Vec::new();
    for term in energy.terms.iter().filter(|term| is_free(term.price.pj)) {
        let component = component_key(names, products, term.component);
        if !found.contains(&component) {
            found.push(component);
        }
    }
    found
}

fn energy_terms(names: &LayerNames, products: bool, energy: &Energy) -> Vec<EnergyTermReport> {
    energy
        .terms
        .iter()
        .map(|term| EnergyTermReport {
            component: component_key(names, products, term.component),
            tensor: match term.component {
                Component::Read { tensor, .. }
                | Component::Write { tensor, .. }
                | Component::Hops { tensor, .. } => Some(names.tensor(tensor)),
                Component::Operations | Component::Static | Component::Own(_) => None,
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

/// What is left of `count` where zeros are skipped.
pub(super) fn effective_count(count: u128, effective: f64) -> Option<f64> {
    (effective < count as f64).then_some(effective)
}

fn levels(
    names: &LayerNames,
    mapping: &Mapping,
    counts: &Counts,
    energy: Option<&Energy>,
) -> Vec<Level> {
    let architecture = &mapping.architecture;
    architecture
        .memories
        .iter()
        .zip(&counts.memories)
        .enumerate()
        .map(|(index, (memory, row))| Level {
            memory: names.memory(index),
            capacity_bytes: memory.capacity_bits.map(|bits| bits / 8),
            required_bytes: match index {
                0 => whole_tensors(mapping),
                _ => row.required_bits.div_ceil(8),
            },
            instances: architecture.instances(index),
            refill: refill_name(memory.refill),
            tensors: row
                .tensors
                .iter()
                .map(|count| {
                    let known = &mapping.operation.tensors[count.tensor];
                    LevelTensor {
                        tensor: names.tensor(count.tensor),
                        bits: known.bits,
                        partial_bits: (known.partial_bits != known.bits)
                            .then_some(known.partial_bits),
                        tile: count.tile,
                        fills: count.fills,
                        reads: count.reads,
                        writes: count.writes,
                        updates: count.updates,
                        unique: count.unique,
                        reuse: (count.fills > 0)
                            .then(|| counts.operations as f64 / count.fills as f64),
                        energy_pj: energy.map(|energy| access_energy(energy, index, count.tensor)),
                    }
                })
                .collect(),
        })
        .collect()
}

/// What the backing store keeps.
fn whole_tensors(mapping: &Mapping) -> u64 {
    let bytes = mapping.operation.tensors.iter().map(|tensor| {
        let elements = tensor.dims.iter().map(|dim| u128::from(dim.extent));
        let elements = elements.fold(1, u128::saturating_mul);
        elements.saturating_mul(tensor.bits.into()).div_ceil(8)
    });
    u64::try_from(bytes.fold(0, u128::saturating_add)).unwrap_or(u64::MAX)
}

fn access_energy(energy: &Energy, of_memory: usize, of_tensor: usize) -> f64 {
    energy
        .terms
        .iter()
        .filter(|term| match term.component {
            Component::Read { memory, tensor } | Component::Write { memory, tensor } => {
                memory == of_memory && tensor == of_tensor
            }
            _ => false,
        })
        .map(|term| term.pj)
        // Not `sum`: over nothing that is -0.0, which would be printed.
        .fold(0.0, |sum, pj| sum + pj)
}

fn boundary_report(
    name: String,
    names: &LayerNames,
    counts: &Counts,
    boundary: &BoundaryCounts,
) -> Boundary {
    let both = (u128::from(boundary.down_bits) + u128::from(boundary.up_bits)) as f64;
    Boundary {
        parent: boundary.parent,
        name,
        down_bytes: boundary.down_bits.div_ceil(8),
        up_bytes: boundary.up_bits.div_ceil(8),
        transfer_cycles: boundary.transfer_cycles,
        average_bytes_per_cycle: ratio(both / 8.0, counts.timing.cycles as f64),
        peak_bytes_per_step: boundary.peak_bits.div_ceil(8),
        tensors: boundary
            .tensors
            .iter()
            .map(|crossing| BoundaryTensor {
                tensor: names.tensor(crossing.tensor),
                down: crossing.down,
                up: crossing.up,
                up_complete: crossing.up_complete,
                forwarded: crossing.forwarded,
                hops: crossing.hops,
            })
            .collect(),
    }
}

fn resource_report(
    names: &LayerNames,
    counts: &Counts,
    resource: &ResourceCounts,
) -> ResourceReport {
    let (rate, compute) = (resource.rate, counts.timing.compute_cycles);
    let bits = u128::from(resource.bits);
    ResourceReport {
        of: resource.resource,
        resource: names.resource(resource.resource),
        busy_cycles: resource.busy_cycles,
        // Never more than `busy_cycles`, which is rounded in every step.
        roofline_cycles: rate.cycles_for(bits).unwrap_or(resource.busy_cycles),
        stall_cycles: resource.busy_cycles.saturating_sub(compute),
        bytes_per_cycle: ratio(rate.bits as f64 / 8.0, rate.cycles as f64),
        needed_bytes_per_cycle: ratio(bits as f64 / 8.0, compute as f64),
    }
}

fn formats(names: &LayerNames, mapping: &Mapping) -> Vec<Format> {
    let result = mapping.operation.result();
    let tensors = mapping.operation.tensors.iter().enumerate();
    tensors
        .map(|(index, tensor)| Format {
            tensor: names.tensor(index),
            bits: tensor.bits,
            partial_bits: (index == result).then_some(tensor.partial_bits),
        })
        .collect()
}

fn refill_name(refill: Refill) -> &'static str {
    match refill {
        Refill::Window => "window",
        Refill::Tile => "tile",
    }
}

/// The rule of the memories that are filled; the backing store is not.
fn refill_of_all(architecture: &Architecture) -> String {
    let mut rules = architecture
        .memories
        .iter()
        .skip(1)
        .map(|memory| memory.refill);
    let first = rules.next().unwrap_or(Refill::Window);
    if rules.all(|rule| rule == first) {
        refill_name(first).to_owned()
    } else {
        "mixed".to_owned()
    }
}

fn density(
    names: &LayerNames,
    mapping: &Mapping,
    counts: &Counts,
    energy: Option<&Energy>,
) -> Option<DensityReport> {
    let tensors = &mapping.operation.tensors;
    if tensors.iter().all(|tensor| tensor.density >= 1.0) {
        return None;
    }
    let effective = |tensor: usize, of: fn(&TensorCounts) -> (u64, u64)| {
        Ordered(
            counts
                .memories
                .iter()
                .enumerate()
                .flat_map(|(memory, row)| row.tensors.iter().map(move |count| (memory, count)))
                .filter(|(_, count)| count.tensor == tensor)
                .map(|(memory, count)| {
                    let (all, complete) = of(count);
                    let left = effective_accesses(&tensors[tensor], all, complete);
                    (names.memory(memory), left)
                })
                .collect(),
        )
    };
    Some(DensityReport {
        effective_operations: counts.operations as f64
            * crate::cost::work_density(&mapping.operation),
        dense_energy_pj: energy.map(|energy| energy.dense_total_pj),
        tensors: tensors
            .iter()
            .enumerate()
            .map(|(index, tensor)| DensityTensor {
                tensor: names.tensor(index),
                density: tensor.density,
                effective_reads: effective(index, |count| (count.reads, count.complete_reads)),
                effective_writes: effective(index, |count| (count.writes, count.complete_writes)),
            })
            .collect(),
    })
}
