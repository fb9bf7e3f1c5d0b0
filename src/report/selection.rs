//! `selections[]` of a report: the schedules of several layers, each one of a model's own few, chosen together.

/// What a search over a model's own space came to; its layers are in `searches[]` as well.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct SelectionReport {
    /// Of the search.
    pub name: String,
    pub network: String,
    pub accelerator: String,
    pub model: String,
    /// `energy`, `cycles`, `edp`, ...
    pub objective: String,
    /// `network`: products are of sums over the layers; `layers`: sums of the products of the layers.
    pub scope: String,
    /// The objective of all layers; absent where some layer has no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The sums over the layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_pj: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycles: Option<u64>,
    /// What one schedule for all layers costs.
    pub fixed: Vec<FixedReport>,
    /// In the order of the network, equal ones once.
    pub layers: Vec<ChoiceReport>,
}

/// One schedule for all layers.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FixedReport {
    pub schedule: String,
    /// Absent where some layer does not run under it, or has no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// `value` over that of the selection, less 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub penalty: Option<f64>,
}

/// A layer and its schedules.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ChoiceReport {
    pub layer: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub same_as: Vec<String>,
    /// How often it and those run.
    pub times: u64,
    /// The one that was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<DecisionReport>,
    /// All of them.
    pub schedules: Vec<ScheduleReport>,
    /// When the pruning was to be verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pruning: Option<PruningReport>,
}

/// Why a schedule won.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct DecisionReport {
    /// The best of those that are worse.
    pub against: String,
    /// `filter DRAM`, `stall`, ...: in which it gains most of the objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term: Option<String>,
    /// The term of one run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Under the other schedule; absent without a bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
}

/// A layer under one schedule.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ScheduleReport {
    pub schedule: String,
    /// Of the objective, of one run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_pj: Option<f64>,
    /// Absent without a bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycles: Option<u64>,
    /// Why it does not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Orders of the loops that the model leaves out, beside its five.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct PruningReport {
    /// By a simulation block by block; absent where the layer is not simulated, for the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulated: Option<ComparedReport>,
    /// By the engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact: Option<ComparedReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Energy of the memories of one run under the best orders, in pJ.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ComparedReport {
    /// Of the five, and its energy.
    pub kept: String,
    pub kept_pj: f64,
    /// Of all orders.
    pub best: String,
    pub best_pj: f64,
    /// `1 - best / kept`
    pub saved: f64,
}
