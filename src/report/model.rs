//! `dflow.report/1`, as it is serialised. A key never changes its meaning within one schema number.

use super::advice::Advice;
use super::fused::GroupReport;
use super::fused_search::FusedSearchReport;
use super::reuse::ReusePlace;
use super::search::{ExplorationReport, SearchReport};
use super::selection::SelectionReport;
use crate::engine::Resource;
use crate::models::{Difference, Figure, Quantity};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// The name of this form.
pub const SCHEMA: &str = "dflow.report/1";

/// Everything that one run has evaluated.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Of the program.
    pub version: &'static str,
    /// As given on the command line.
    pub file: String,
    pub evaluations: Vec<Evaluation>,
    /// What was searched for, if anything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub searches: Vec<SearchReport>,
    /// Of the searches, those that chose among a model's own schedules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub selections: Vec<SelectionReport>,
    /// What was searched for over groups, if anything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fused_searches: Vec<FusedSearchReport>,
    /// Sweeps over hardware, if any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub explorations: Vec<ExplorationReport>,
}

impl Report {
    #[must_use]
    pub fn new(file: impl Into<String>, evaluations: Vec<Evaluation>) -> Report {
        Report {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            file: file.into(),
            evaluations,
            searches: Vec::new(),
            selections: Vec::new(),
            fused_searches: Vec::new(),
            explorations: Vec::new(),
        }
    }
}

/// One network on one accelerator by one model.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Evaluation {
    /// The name of the map, if it has one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
    /// Number of the map in its program.
    #[serde(skip)]
    pub of_map: usize,
    /// With the arguments that it was made for: `llama(S = 1)`.
    pub network: String,
    /// What the network says about itself, line by line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub description: Vec<String>,
    /// Likewise.
    pub accelerator: String,
    /// `exact`, `maestro`, ...
    pub model: String,
    /// In network order; without the layers of `groups`.
    pub layers: Vec<LayerReport>,
    /// Fused groups, in network order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupReport>,
    /// Layers without figures because of errors (`--keep-going`), in network order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
    /// What stays from one run to the next, where the network says so of some tensor: the weights of its layers, then
    /// its persistent tensors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub persistent: Vec<PersistentReport>,
    /// Sums over `layers` and `groups`.
    pub totals: Totals,
}

/// Tensors that stay from one run to the next.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct PersistentReport {
    /// `weights` of all layers in one format, or a name of the network.
    pub tensor: String,
    /// Of all times of its repeats.
    pub elements: u128,
    /// How many there are of it. Absent for one.
    #[serde(skip_serializing_if = "is_once")]
    pub repeat: u64,
    /// Of one element.
    pub bits: u32,
    /// Of all elements, without gaps; rounded up.
    pub bytes: u128,
}

/// An object whose keys stand in the order in which they were put.
#[derive(Clone, Debug, PartialEq)]
pub struct Ordered<V>(pub Vec<(String, V)>);

impl<V> Default for Ordered<V> {
    fn default() -> Self {
        Ordered(Vec::new())
    }
}

impl<V> Ordered<V> {
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&V> {
        self.iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }
}

impl Ordered<f64> {
    /// Adds to the value of `key`, which starts at 0.
    pub fn add(&mut self, key: &str, value: f64) {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, sum)) => *sum += value,
            None => self.0.push((key.to_owned(), value)),
        }
    }
}

impl<V: Serialize> Serialize for Ordered<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

pub(super) fn is_once(times: &u64) -> bool {
    *times == 1
}

/// One layer.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct LayerReport {
    pub name: String,
    /// How often it runs; the figures are those of one time, the totals of all. Absent for once.
    #[serde(skip_serializing_if = "is_once")]
    pub repeat: u64,
    #[serde(rename = "type")]
    pub kind: String,
    pub dimensions: Ordered<u64>,
    /// How it is mapped, as the source names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataflow: Option<String>,
    /// Multiply-accumulates; 0 for pooling and element-wise layers.
    pub macs: u64,
    /// Operations of layers without products; 0 for the others.
    pub ops: u64,
    pub cycles: u64,
    /// Of `cycles`; absent when the accelerator has no clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Operations / (cycles * PEs * lanes).
    pub utilization: f64,
    /// What takes longest when everything else is free: `compute`, one of `resources`, `neighbours`, or a boundary whose
    /// networks have a latency.
    pub bound: String,
    /// Busy cycles of computation and of every boundary, overlapped or not.
    pub cycles_by: Ordered<u64>,
    /// `total` and one key per component; absent without a technology.
    pub energy_pj: Option<Ordered<f64>>,
    /// Components that the total holds at a price of 0, because the technology leaves them out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub energy_leaves_out: Vec<String>,
    /// The summands of the energy and the entries that they came from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub energy_terms: Vec<EnergyTermReport>,
    /// `total` and one key per component; absent without area entries.
    pub area_um2: Option<Ordered<f64>>,
    /// Why there is no area although there is a technology.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub area_absent: Option<String>,
    /// What a model counts of a mapping; a model of closed forms has none of these keys.
    #[serde(flatten)]
    pub mapping: Option<MappingReport>,
    /// Most operations per cycle of the accelerator: PEs times lanes.
    #[serde(skip)]
    pub peak: f64,
    /// What the compiler chose because the source did not say.
    pub choices: Vec<String>,
    /// What the reader should know: fallbacks, approximations.
    pub notes: Vec<String>,
    /// Present when some density is below 1; all counts elsewhere are dense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub density: Option<DensityReport>,
    /// What only this model has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<FigureReport>,
    /// What would help; only where it was asked for (`--layer`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<Advice>,
    /// Beside the exact model (`--model all`): what this one counts otherwise, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<DifferenceReport>,
}

impl LayerReport {
    /// Appends what only one model has.
    pub fn add_figures(&mut self, figures: &[Figure]) {
        self.figures
            .extend(figures.iter().map(|figure| FigureReport {
                name: figure.name.clone().into_owned(),
                value: figure.value,
                unit: figure.unit,
                from: figure.from.clone().into_owned(),
            }));
    }

    /// Appends what the exact model has otherwise.
    pub fn add_differences(
        &mut self,
        differences: &[Difference],
        memories: &[String],
        tensors: &[String],
    ) {
        let name = |list: &[String], index: usize| list.get(index).cloned().unwrap_or_default();
        let accesses = |memory, what: &str, tensor| {
            format!(
                "{} {what} of {}",
                name(memories, memory),
                name(tensors, tensor)
            )
        };
        self.differences
            .extend(differences.iter().map(|difference| DifferenceReport {
                quantity: match difference.of {
                    Quantity::Cycles => "cycles".to_owned(),
                    Quantity::Reads { memory, tensor } => accesses(memory, "reads", tensor),
                    Quantity::Writes { memory, tensor } => accesses(memory, "writes", tensor),
                },
                value: difference.here,
                exact: difference.exact,
                reasons: difference.why.iter().map(ToString::to_string).collect(),
            }));
    }
}

/// What a mapping does on its hardware, in the keys of its layer.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct MappingReport {
    /// From the outside in.
    pub levels: Vec<Level>,
    /// The kinds of reuse at every memory, then at the lanes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reuse: Vec<ReusePlace>,
    /// From the outside in; those to the lanes last.
    pub boundaries: Vec<Boundary>,
    /// Ports and links with a bandwidth, from the outside in.
    pub resources: Vec<ResourceReport>,
    /// Of every tensor, in the order of the layer type.
    pub formats: Vec<Format>,
    pub steps: u64,
    pub pes_used: u64,
    pub pes: u64,
    /// MACs per cycle of one PE.
    pub lanes: u64,
    /// `window`, `tile`, or `mixed` (then see `levels`).
    pub refill: String,
}

/// A figure that only one model has.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FigureReport {
    pub name: String,
    pub value: f64,
    /// Empty for a plain number.
    pub unit: &'static str,
    /// The formula or the page that it is from.
    pub from: String,
}

/// A figure that the exact model has otherwise; accesses in elements.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct DifferenceReport {
    /// `cycles`, `SPM reads of Input`.
    pub quantity: String,
    /// By the model of the evaluation.
    pub value: u64,
    /// By the exact one.
    pub exact: u64,
    pub reasons: Vec<String>,
}

/// One memory.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Level {
    pub memory: String,
    /// Of one instance; absent when unbounded.
    pub capacity_bytes: Option<u128>,
    /// What the largest tiles need in one instance, double buffering included.
    pub required_bytes: u64,
    pub instances: u64,
    pub refill: &'static str,
    pub tensors: Vec<LevelTensor>,
}

/// One tensor in one memory; all in elements, summed over instances and steps, but for `tile`.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct LevelTensor {
    pub tensor: String,
    /// Of one element; of a result, of a complete one.
    pub bits: u32,
    /// Of a partial sum, where that is another format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial_bits: Option<u32>,
    /// Largest tile of one instance.
    pub tile: u64,
    pub fills: u64,
    pub reads: u64,
    pub writes: u64,
    /// Sums read to be added to, in place or handed down (part of `reads`): `reads` less what is sent up.
    pub updates: u64,
    /// Elements of the tensor that the layer needs or makes.
    pub unique: u64,
    /// Operations per filled element; absent where nothing is filled.
    pub reuse: Option<f64>,
    /// Reads and writes; absent without a technology.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_pj: Option<f64>,
}

/// The crossing between two memories, or from the home of its tensors to the lanes.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Boundary {
    /// Index of the memory outside.
    #[serde(skip)]
    pub parent: usize,
    /// `parent -> child`, with the tensors when several boundaries join the same two.
    pub name: String,
    pub down_bytes: u64,
    pub up_bytes: u64,
    /// Sum of the transfer times.
    pub transfer_cycles: u64,
    /// Both directions over all cycles of the run.
    pub average_bytes_per_cycle: f64,
    /// Both directions in the step that moves most, of the busiest instance of the parent.
    pub peak_bytes_per_step: u64,
    pub tensors: Vec<BoundaryTensor>,
}

/// A port of a memory or a link of an array, and what it had to do. Of several instances the busiest counts in
/// every step.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ResourceReport {
    #[serde(skip)]
    pub of: Resource,
    /// `DRAM port`, `GLB read port`, `PE link up (Output)`.
    pub resource: String,
    /// Sum over the steps, each rounded up to whole cycles.
    pub busy_cycles: u64,
    /// The same bits without a pause: bits / bandwidth.
    pub roofline_cycles: u64,
    /// For how much longer than the computation it is busy.
    pub stall_cycles: u64,
    pub bytes_per_cycle: f64,
    /// The bandwidth with which it would be busy for as long as the computation.
    pub needed_bytes_per_cycle: f64,
}

/// The widths of one tensor.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Format {
    pub tensor: String,
    /// Of one element; of a result, of a complete one.
    pub bits: u32,
    /// Of a result: of a partial sum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial_bits: Option<u32>,
}

/// One tensor at a crossing, in elements.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct BoundaryTensor {
    pub tensor: String,
    /// Read from the parent; of a result, sums handed down.
    pub down: u64,
    /// Written to the parent.
    pub up: u64,
    /// Of `up`, the complete ones; they are `bits` wide, the others `partial_bits`.
    pub up_complete: u64,
    pub forwarded: u64,
    pub hops: u64,
}

/// A summand of the energy.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct EnergyTermReport {
    /// A key of `energy_pj`.
    pub component: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tensor: Option<String>,
    /// How many of `per`, zeros included.
    pub count: u128,
    /// How many without the zeros that are skipped; absent where none are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_count: Option<f64>,
    /// `operation`, `element`, `bit` or `cycle`.
    pub per: &'static str,
    /// Price of one of `per`.
    pub price_pj: f64,
    /// `effective_count`, else `count`, times the price.
    pub energy_pj: f64,
    /// The technology entry.
    pub entry: String,
}

/// What is left when zeros are skipped.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct DensityReport {
    /// Operations times the product of the operand densities.
    pub effective_operations: f64,
    /// What the energy would be with every density 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dense_energy_pj: Option<f64>,
    pub tensors: Vec<DensityTensor>,
}

/// The density of one tensor and its accesses without the zeros.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct DensityTensor {
    pub tensor: String,
    pub density: f64,
    /// Per memory that holds the tensor: accesses times density; partial sums of a result are not thinned.
    pub effective_reads: Ordered<f64>,
    pub effective_writes: Ordered<f64>,
}

/// Sums over layers and fused groups.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Totals {
    /// Those of groups included.
    pub layers: usize,
    /// Of the layers: what a group does again is not counted again.
    pub macs: u128,
    /// With what groups do again; absent when that is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub macs_performed: Option<u128>,
    pub ops: u128,
    pub cycles: u128,
    /// Absent when the accelerator has no clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Operations of all layers / (cycles * PEs * lanes).
    pub utilization: f64,
    /// Absent when some layer has none.
    pub energy_pj: Option<Ordered<f64>>,
    /// Components that some layer's energy holds at a price of 0.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub energy_leaves_out: Vec<String>,
    /// The largest of the layers (they share one accelerator).
    pub area_um2: Option<Ordered<f64>>,
}
