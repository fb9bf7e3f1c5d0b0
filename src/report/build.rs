//! From indices and exact counts to names and figures.

use super::fused::GroupReport;
use super::model::{
    Boundary, BoundaryTensor, DensityReport, DensityTensor, EnergyTermReport, LayerReport, Level,
    LevelTensor, Ordered, Totals,
};
use crate::cost::{Area, AreaComponent, Component, Cost, Energy};
use crate::engine::{Bound, BoundaryCounts, Counts};
use crate::ir::{Architecture, Mapping, OperationKind, Rate, Refill};

/// What the source calls the things that the IR has as indices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerNames {
    pub name: String,
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
    /// What the compiler chose by default.
    pub choices: Vec<String>,
    /// Fallbacks and approximations.
    pub notes: Vec<String>,
}

impl LayerNames {
    fn tensor(&self, index: usize) -> String {
        name_or(&self.tensors, index, "tensor")
    }

    fn memory(&self, index: usize) -> String {
        name_or(&self.memories, index, "memory")
    }
}

fn name_or(names: &[String], index: usize, what: &str) -> String {
    names
        .get(index)
        .cloned()
        .unwrap_or_else(|| format!("{what}{index}"))
}

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
    let products = mapping.operation.kind == OperationKind::MultiplyAccumulate;
    let energy = cost.map(|cost| &cost.energy);

    let mut cycles_by = Ordered(vec![("compute".to_owned(), counts.timing.compute_cycles)]);
    for (name, boundary) in crossings.iter().zip(&counts.boundaries) {
        cycles_by.0.push((name.clone(), boundary.transfer_cycles));
    }
    let (area_um2, area_absent) = match cost.map(|cost| &cost.area) {
        Some(Area::Known { terms, total_um2 }) => {
            let mut map = Ordered(vec![("total".to_owned(), *total_um2)]);
            for term in terms {
                let key = match term.component {
                    AreaComponent::Compute => "compute".to_owned(),
                    AreaComponent::Memory(memory) => names.memory(memory),
                    AreaComponent::Bus => "noc.bus".to_owned(),
                    AreaComponent::Arbiter => "noc.arbiter".to_owned(),
                };
                map.add(&key, term.um2);
            }
            (Some(map), None)
        }
        Some(Area::Absent(absent)) => (None, Some(absent.to_string())),
        None => (None, None),
    };

    LayerReport {
        name: names.name.clone(),
        kind: names.kind.clone(),
        dimensions: Ordered(names.dimensions.clone()),
        dataflow: names.dataflow.clone(),
        macs: if products { counts.operations } else { 0 },
        ops: if products { 0 } else { counts.operations },
        cycles: counts.timing.cycles,
        seconds: names
            .clock_hz
            .filter(|hertz| *hertz > 0.0)
            .map(|hertz| counts.timing.cycles as f64 / hertz),
        utilization: ratio(
            counts.operations as f64,
            counts.timing.cycles as f64 * pes as f64 * lanes as f64,
        ),
        bound: match counts.timing.bound {
            Bound::Compute => "compute".to_owned(),
            Bound::Boundary(index) => name_or(&crossings, index, "boundary"),
            Bound::Resource(index) => format!("resource {index}"),
        },
        cycles_by,
        energy_pj: energy.map(|energy| energy_map(names, products, energy)),
        energy_terms: energy.map_or_else(Vec::new, |energy| energy_terms(names, products, energy)),
        area_um2,
        area_absent,
        levels: levels(names, mapping, counts, energy),
        boundaries: crossings
            .into_iter()
            .zip(&counts.boundaries)
            .map(|(name, boundary)| boundary_report(name, names, mapping, counts, boundary))
            .collect(),
        steps: counts.steps,
        pes_used: counts.pes_used,
        pes,
        lanes,
        refill: refill_of_all(architecture),
        choices: names.choices.clone(),
        notes: names.notes.clone(),
        density: density(names, mapping, counts, energy),
    }
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
        sum.macs += u128::from(layer.macs);
        sum.ops += u128::from(layer.ops);
        sum.cycles += u128::from(layer.cycles);
        if let Some(seconds) = layer.seconds {
            *sum.seconds.get_or_insert(0.0) += seconds;
        }
        operations += (u128::from(layer.macs) + u128::from(layer.ops)) as f64;
        slots += layer.cycles as f64 * layer.pes as f64 * layer.lanes as f64;
        for (key, value) in layer.energy_pj.iter().flat_map(Ordered::iter) {
            energy.add(key, *value);
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
        sum.macs += group.macs_unique;
        sum.ops += group.ops_unique;
        sum.cycles += u128::from(group.cycles);
        again += group.macs - group.macs_unique.min(group.macs);
        if let Some(seconds) = group.seconds {
            *sum.seconds.get_or_insert(0.0) += seconds;
        }
        operations += (group.macs + group.ops) as f64;
        slots += group.cycles as f64 * group.macs_per_cycle as f64;
        for (key, value) in group.energy_pj.iter().flat_map(Ordered::iter) {
            energy.add(key, *value);
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
fn ratio(numerator: f64, denominator: f64) -> f64 {
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
                .map_or("MAC".to_owned(), |child| names.memory(child))
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
    }
}

fn energy_map(names: &LayerNames, products: bool, energy: &Energy) -> Ordered<f64> {
    let mut map = Ordered(vec![("total".to_owned(), energy.total_pj)]);
    for term in &energy.terms {
        map.add(&component_key(names, products, term.component), term.pj);
    }
    map
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
                Component::Operations | Component::Static => None,
            },
            count: term.count,
            per: term.price.per.name(),
            price_pj: term.price.pj,
            energy_pj: term.pj,
            entry: term.price.label.clone(),
        })
        .collect()
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
    mapping: &Mapping,
    counts: &Counts,
    boundary: &BoundaryCounts,
) -> Boundary {
    let both = (u128::from(boundary.down_bits) + u128::from(boundary.up_bits)) as f64;
    Boundary {
        name,
        down_bytes: boundary.down_bits.div_ceil(8),
        up_bytes: boundary.up_bits.div_ceil(8),
        transfer_cycles: boundary.transfer_cycles,
        roofline_cycles: roofline(mapping, boundary),
        average_bytes_per_cycle: ratio(both / 8.0, counts.timing.cycles as f64),
        peak_bytes_per_step: boundary.peak_bits.div_ceil(8),
        tensors: boundary
            .tensors
            .iter()
            .map(|crossing| BoundaryTensor {
                tensor: names.tensor(crossing.tensor),
                down: crossing.down,
                up: crossing.up,
                forwarded: crossing.forwarded,
                hops: crossing.hops,
            })
            .collect(),
    }
}

/// Cycles that the bits of the run take when the parent's instances share them evenly and send without a
/// pause: the slower direction, each at the slowest of the parent's port and the networks below it. Tensors
/// with networks of their own do not wait for each other.
fn roofline(mapping: &Mapping, boundary: &BoundaryCounts) -> Option<u64> {
    let architecture = &mapping.architecture;
    let (Some(parent), Some(child)) = (
        architecture.memories.get(boundary.parent),
        boundary
            .child
            .and_then(|child| architecture.memories.get(child)),
    ) else {
        return None;
    };
    let networks = architecture
        .arrays
        .get(parent.arrays_above..child.arrays_above)
        .unwrap_or_default();
    let slowest = |port: Option<Rate>| {
        networks
            .iter()
            .filter_map(|array| array.network.links.total())
            .chain(port)
            .reduce(Rate::min)
    };
    let parents = u128::from(architecture.instances(boundary.parent).max(1));
    let cycles = |bits: u128, rate: Option<Rate>| {
        rate.and_then(|rate| rate.cycles_for(bits.div_ceil(parents)))
    };
    let (down, up) = (slowest(parent.ports.read()), slowest(parent.ports.write()));
    if networks
        .iter()
        .any(|array| array.network.links.is_per_tensor())
    {
        boundary
            .tensors
            .iter()
            .filter_map(|crossing| {
                let bits = u128::from(mapping.operation.tensors[crossing.tensor].bits);
                let inwards = cycles(u128::from(crossing.down) * bits, down);
                inwards.max(cycles(u128::from(crossing.up) * bits, up))
            })
            .max()
    } else {
        cycles(u128::from(boundary.down_bits), down).max(cycles(u128::from(boundary.up_bits), up))
    }
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
    let effective = |tensor: usize, of: fn(&crate::engine::TensorCounts) -> u64| {
        Ordered(
            counts
                .memories
                .iter()
                .enumerate()
                .flat_map(|(memory, row)| row.tensors.iter().map(move |count| (memory, count)))
                .filter(|(_, count)| count.tensor == tensor)
                .map(|(memory, count)| {
                    let dense = of(count) as f64;
                    (names.memory(memory), dense * tensors[tensor].density)
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
                effective_reads: effective(index, |count| count.reads),
                effective_writes: effective(index, |count| count.writes),
            })
            .collect(),
    })
}
