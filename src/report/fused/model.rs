//! `groups[]` of a report: what a fused group costs, per tensor, per stage, and beside its layers one by one.

use crate::report::model::{DensityReport, EnergyTermReport, Ordered};

/// One fused group.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct GroupReport {
    /// `expand + depthwise + project`
    pub name: String,
    /// How often it runs; the figures are those of one time, the totals of all. Absent for once.
    #[serde(skip_serializing_if = "crate::report::model::is_once")]
    pub repeat: u64,
    /// Of its stages, producers first.
    pub layers: Vec<String>,
    /// How many single layers of the evaluation come before it in the network.
    #[serde(skip)]
    pub after: usize,
    /// `pipeline` or `sequence`.
    pub overlap: &'static str,
    /// Steps of the inter-layer loops.
    pub iterations: u64,
    /// Multiply-accumulates performed, recomputed ones included.
    pub macs: u128,
    /// Multiply-accumulates of the layers.
    pub macs_unique: u128,
    /// Operations of layers without products, performed and distinct.
    pub ops: u128,
    pub ops_unique: u128,
    pub cycles: u64,
    /// Of `cycles`; absent when the accelerator has no clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// With stages one after the other, and with every stage at work at the same time; both with free memories.
    pub cycles_sequential: u64,
    pub cycles_pipelined: u64,
    /// What the figures `..._layer_by_layer` are: `evaluated`, by the dataflows of the layers, or `lower_bound`, where a
    /// layer without one computes at the peak rate and moves every tensor once.
    pub baseline: &'static str,
    /// Sum over the layers, each alone; absent when one of them cannot be evaluated alone.
    pub cycles_layer_by_layer: Option<u64>,
    /// Operations performed / (cycles * `macs_per_cycle`).
    pub utilization: f64,
    /// Peak of the arrays that the group uses.
    pub macs_per_cycle: u64,
    /// What takes longest: `compute`, or a memory.
    pub bound: String,
    /// Time of computation, and of every memory that has a bandwidth.
    pub cycles_by: Ordered<u64>,
    /// Read and written, to and from the backing store.
    pub dram_bytes: u128,
    /// Of `dram_bytes`: all but weights.
    pub dram_bytes_feature_maps: u128,
    pub dram_bytes_layer_by_layer: Option<u128>,
    /// On average over the run.
    pub dram_bytes_per_cycle: f64,
    pub dram_bytes_per_cycle_layer_by_layer: Option<f64>,
    /// In the step that moves most.
    pub dram_peak_bytes_per_step: u128,
    /// Most bytes of all feature maps together that are held between two steps.
    pub carried_bytes: u128,
    /// Windows of the maps between the layers: the buffer that fusing them asks for.
    pub intermediate_window_bytes: u128,
    /// `total` and one key per component; absent without a technology.
    pub energy_pj: Option<Ordered<f64>>,
    pub energy_pj_layer_by_layer: Option<Ordered<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_split: Option<EnergySplit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_split_layer_by_layer: Option<EnergySplit>,
    /// The summands of `energy_pj` and the entries that they came from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub energy_terms: Vec<EnergyTermReport>,
    /// Present when some density is below 1; all counts elsewhere are dense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub density: Option<DensityReport>,
    pub tensors: Vec<GroupTensorReport>,
    pub stages: Vec<StageReport>,
    /// Memories that keep tensors of the group, from the outside in.
    pub memories: Vec<GroupMemoryReport>,
    /// What the reader should know.
    pub notes: Vec<String>,
}

/// Where the energy goes: the backing store against everything else.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct EnergySplit {
    pub dram_pj: f64,
    pub on_chip_pj: f64,
}

/// One tensor of a group; counts in elements.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct GroupTensorReport {
    pub tensor: String,
    /// The same tensor as its readers call it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    pub memory: String,
    /// `retain`, `recompute` or `refetch`: what happens to data that is wanted again after it left the window.
    pub fate: &'static str,
    /// Loops outside its window; absent when nothing is kept from one step to the next.
    pub loops_above: Option<usize>,
    pub required: u64,
    pub reused: u64,
    pub refetched: u64,
    pub first_fetch: u64,
    pub computed: u64,
    pub recomputed: u64,
    pub dram_reads: u64,
    pub dram_writes: u64,
    pub dram_bytes: u128,
    /// Most that one step requires.
    pub tile: u64,
    pub window: u64,
    pub live: u64,
    pub window_bytes: u128,
    pub live_bytes: u128,
}

/// One stage of a group.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct StageReport {
    pub layer: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub array: Option<String>,
    /// How a tile is computed; absent: at the peak rate of the array.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataflow: Option<String>,
    /// Performed, and distinct; 0 for layers without products, which have `ops`.
    pub macs: u64,
    pub macs_unique: u64,
    pub ops: u64,
    pub ops_unique: u64,
    /// Performed / distinct.
    pub recomputation: f64,
    /// Steps in which it does something.
    pub active: u64,
    /// Different shapes of its tiles.
    pub tile_shapes: usize,
    /// Sum of its step times.
    pub cycles: u64,
    /// `cycles` / the group's.
    pub share: f64,
    /// The layer alone, whole, on the same array.
    pub cycles_alone: Option<u64>,
}

/// One memory that keeps tensors of a group.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct GroupMemoryReport {
    pub memory: String,
    /// All instances together; absent when unbounded.
    pub capacity_bytes: Option<u128>,
    /// Windows, double buffers where stages meet, all twice when the memory is double-buffered.
    pub required_bytes: u128,
    /// Of which: the windows alone.
    pub windows_bytes: u128,
    /// Most that is held between two steps because a later one reuses it, of all tensors together: no buffer can
    /// do with less. Absent when it is too irregular to be counted.
    pub carried_bytes: Option<u128>,
    /// Read and written, in elements, summed over the tensors.
    pub reads: u128,
    pub writes: u128,
}
