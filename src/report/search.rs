//! `searches[]` and `explorations[]` of a report: the best of a space, and the best of a sweep over hardware.

use super::model::Ordered;

/// The best schedules of one layer.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct SearchReport {
    pub name: String,
    pub network: String,
    pub layer: String,
    /// How often it and the layers that equal it run.
    #[serde(skip)]
    pub times: u64,
    /// Layers that equal this one and were not searched again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub same_as: Vec<String>,
    pub accelerator: String,
    pub model: String,
    /// `energy`, `cycles`, `edp`, ...; several for a Pareto front.
    pub objective: Vec<String>,
    pub strategy: String,
    /// What it might take, in words.
    #[serde(skip)]
    pub budget: String,
    /// As in the source.
    pub space: String,
    /// Schedules of the space, as a decimal number of any length; absent where there are too many kinds to be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidates: Option<String>,
    pub evaluated: u64,
    /// Schedules that were not counted one by one, by the reason, as decimal numbers. Those of `join` were formed from
    /// tables, and counted where their bounds were below the answer; all reasons together are `candidates`.
    pub pruned: Ordered<String>,
    /// Only when times were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Whether no schedule of the space is better, nor in the front of one with several objectives.
    pub proved: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<FoundReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub front: Vec<FoundReport>,
    /// No schedule of the space is below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lower_bound: Option<f64>,
    /// How far the best may be from the optimum, as a part of it; 0 is proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<f64>,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The file that proves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// A schedule that was found.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FoundReport {
    /// In the order of `objective`: energy in pJ, cycles, EDP in pJ x cycles, traffic and capacity in bytes.
    pub values: Vec<f64>,
    pub cycles: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_pj: Option<f64>,
    /// The dataflow of the library that this is, where nothing of the space is as good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library: Option<String>,
    /// Source text.
    pub dataflow: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tilings: Option<u64>,
}

/// The best designs of a sweep by one objective.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ExplorationReport {
    pub name: String,
    pub network: String,
    pub layers: Vec<String>,
    /// With the arguments that are the same for all designs.
    pub accelerator: String,
    pub model: String,
    /// The dataflows of its layers, or how they were searched.
    pub inside: String,
    /// `network`: products are of sums over the layers; `layers`: sums of the products of the layers.
    pub scope: String,
    /// What was varied, and from where to where.
    pub varied: Ordered<String>,
    /// As in the source.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub budget: Vec<String>,
    /// `energy`, `cycles`, `edp`, ...; several for a Pareto front.
    pub objective: Vec<String>,
    /// Points of the sweep, without those that its conditions exclude.
    pub designs: u64,
    pub evaluated: u64,
    /// Of `evaluated`: some layer does not run on them.
    pub unfit: u64,
    /// Of `evaluated`: over the budget.
    pub over_budget: u64,
    /// Left out by a proof, by the reason.
    pub pruned: Ordered<u64>,
    /// Of an exploration that is not finished: pieces that are done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pieces_done: Option<u64>,
    /// And all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pieces: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<DesignReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst: Option<DesignReport>,
    /// Which designs the worst is one of, where somebody asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst_among: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub front: Vec<DesignReport>,
    /// The best of every value of one parameter that has one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub each: Vec<DesignReport>,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Amount {
    Number(i64),
    /// With its unit, as `--set` takes it: `64KiB`.
    Text(String),
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Amount::Number(value) => write!(f, "{value}"),
            Amount::Text(text) => f.write_str(text),
        }
    }
}

/// A point of a sweep.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct DesignReport {
    pub parameters: Ordered<Amount>,
    /// As a program has it: `npu(rows = 64, glb = 128KiB)`.
    pub accelerator: String,
    /// In the order of the objective.
    pub values: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub area_um2: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_mw: Option<f64>,
}
