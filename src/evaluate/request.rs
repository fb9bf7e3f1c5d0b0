//! What a run is asked for, and who is told what it does.
//!
//! Invariant: whoever starts a run decides what becomes of its messages; the runner itself prints nothing.

use super::fused::CheckedGroup;
use super::{CheckedLayer, Selection};
use crate::base::limits::Stop;
use crate::diag::{Diagnostic, Diagnostics};
use crate::driver::PlannedLayer;
use crate::engine::fused::Flow;
use crate::lower::{LoweredGroup, Options};
use crate::models::{Estimate, Model};
use crate::report::{GroupReport, LayerReport};

/// What a run is to do.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub selection: &'a Selection,
    /// In the order of the evaluations.
    pub models: &'a [&'a dyn Model],
    pub until: Until,
    pub options: Options,
    /// Warnings about legal mappings are diagnostics, and not only notes of the reports.
    pub warnings: bool,
}

/// How far a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// Layers and groups are lowered.
    Lowered,
    /// And checked.
    Checked,
    /// And counted by the default model, to say what cannot be.
    Counted,
    /// And estimated by the models.
    Evaluated,
}

/// What stands before a run.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Layers and groups that are finished, and all of the selection.
    pub done: usize,
    pub total: usize,
    /// Index into the maps of the program.
    pub map: usize,
    /// The layer or group that is next.
    pub name: &'a str,
}

/// Who wants to know what a run does.
pub trait Observer {
    /// Where mistakes and warnings go.
    fn diagnostics(&mut self) -> &mut Diagnostics;

    /// What ends the work on a layer or group in the middle: then [`Observer::proceed`] is asked whether to begin it anew.
    fn stop(&self) -> Option<Stop> {
        None
    }

    /// Asked before every layer and group; `false` stops the run.
    fn proceed(&mut self, _next: &Step<'_>) -> bool {
        true
    }

    /// A model says nothing of a map, which has no evaluation by it therefore.
    fn inapplicable(&mut self, refusal: Diagnostic) {
        self.diagnostics().push(refusal);
    }

    /// No model of the request applies to a map; each of `refusals` has gone to [`Observer::inapplicable`] before.
    fn unevaluated(&mut self, _refusals: Vec<Diagnostic>) {}

    /// A legal layer or group has no figures by some model.
    fn without_figures(&mut self, reasons: &[Diagnostic]) {
        self.diagnostics().extend(reasons.iter().cloned());
    }

    /// A layer is finished.
    fn layer(&mut self, _outcome: LayerOutcome<'_>) {}

    /// A group is finished by one model; without models, or when it is refused, once.
    fn group(&mut self, _outcome: &GroupOutcome<'_>) {}
}

impl Observer for Diagnostics {
    fn diagnostics(&mut self) -> &mut Diagnostics {
        self
    }
}

/// What became of a layer.
pub struct LayerOutcome<'a> {
    /// Index into the maps of the program.
    pub map: usize,
    /// Index into the layers of the network.
    pub layer: usize,
    /// `None` when nothing could be planned, which has been reported.
    pub planned: Option<PlannedLayer>,
    /// `None` when it was refused, which has been reported, or not checked.
    pub checked: Option<CheckedLayer>,
    /// By the models that apply, in their order; empty when there is nothing to estimate.
    pub figures: &'a [Figures],
}

/// What a model says of a layer.
pub struct Figures {
    pub estimate: Option<Estimate>,
    /// Or why there is none.
    pub report: Result<LayerReport, Vec<Diagnostic>>,
}

/// What became of a fused group.
pub struct GroupOutcome<'a> {
    /// Index into the maps of the program.
    pub map: usize,
    /// Index into the groups of the map.
    pub group: usize,
    /// `None` when it could not be lowered, which has been reported.
    pub lowered: Option<&'a LoweredGroup>,
    /// `None` when it was refused, which has been reported, or not checked.
    pub checked: Option<&'a CheckedGroup<'a>>,
    /// What the model counted instead of the engine.
    pub counted: Option<&'a Flow>,
    /// Or why there is none; `None` when it was not estimated.
    pub report: Option<&'a Result<GroupReport, Vec<Diagnostic>>>,
}
