//! A fused group in the terms of the ir, and what its parts are called.

use super::Source;
use crate::base::Span;
use crate::hir::Application;
use crate::ir::FusedGroup;

/// A group, before anybody has judged it.
#[derive(Clone, Debug, PartialEq)]
pub struct LoweredGroup {
    pub group: FusedGroup,
    /// By stage of the group.
    pub stages: Vec<LoweredStage>,
    /// By tensor of the group.
    pub tensors: Vec<TensorNames>,
    /// By loop of the group: where it is written; the label is `tile project.P by 1`.
    pub loops: Vec<Source>,
    /// `expand + depthwise + project`
    pub name: String,
    /// Of `Fuse expand, depthwise, project`.
    pub span: Span,
}

/// A stage and where it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct LoweredStage {
    /// Index into the network's layers.
    pub layer: usize,
    pub name: String,
    pub rank_names: Vec<String>,
    /// Index into the accelerator's arrays.
    pub array: Option<usize>,
    /// MACs per cycle at the array's peak; at least 1.
    pub peak: u64,
    /// How a tile is computed; `None`: at the peak rate.
    pub dataflow: Option<Application>,
    /// Of `run ...`, or of the layer's name in the list.
    pub span: Span,
}

/// What a tensor of the group is called.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorNames {
    /// `expand.Output` for what a stage makes, else `layer.Input` or `layer.Weight` of its first reader.
    pub name: String,
    /// All other names (`depthwise.Input`), in the order of the stages.
    pub aliases: Vec<String>,
    /// Where its fate is written: the statements that name it, in source order.
    pub statements: Vec<Source>,
}
