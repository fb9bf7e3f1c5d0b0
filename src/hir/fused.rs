//! `Fuse a, b, c { ... }`, resolved: which layers, which loops, and what is said of each tensor where.
//!
//! The nest is flat here: `tile` blocks nest one inside the other, so a statement's place in it is the number of
//! loops around it.

use super::{Application, Expr, Word};
use crate::base::Span;

/// Layers that run together.
#[derive(Clone, Debug, PartialEq)]
pub struct FusedGroup {
    /// Of `Fuse a, b, c`, without the block.
    pub span: Span,
    /// As listed: index into the network's layers, and where it stands. At least one, none twice.
    pub layers: Vec<(usize, Span)>,
    /// Outermost first.
    pub loops: Vec<FusedTile>,
    /// `retain`, `recompute`, `refetch`; one entry per tensor named, in source order.
    pub fates: Vec<FateWord>,
    /// `None`: all layers in sequence.
    pub stages: Option<Stages>,
}

/// `tile layer.Dim by size { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct FusedTile {
    /// Index into the network's layers; a layer of the group.
    pub layer: usize,
    pub dim: Word,
    /// `Sz(D)` is of `layer`.
    pub size: Expr,
    /// Of `tile layer.Dim by size`.
    pub span: Span,
}

/// One word about one tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct FateWord {
    pub kind: FateKind,
    /// Index into the network's layers; a layer of the group.
    pub layer: usize,
    /// `Input`, `Weight`, `Output` or the tensor's own name.
    pub tensor: Word,
    /// Of `layer.Tensor`.
    pub span: Span,
    /// The memory of `retain` and of `refetch`: index into the accelerator's memories.
    pub memory: Option<(usize, Span)>,
    /// Loops around it.
    pub depth: usize,
    /// Of the whole statement, `;` left out.
    pub statement: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FateKind {
    Retain,
    Recompute,
    Refetch,
}

/// `pipeline { ... }` or `sequence { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Stages {
    pub pipeline: bool,
    /// Of the word.
    pub keyword: Span,
    /// Loops around it.
    pub depth: usize,
    pub runs: Vec<Run>,
}

/// `run layer on ARRAY using dataflow`
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Index into the network's layers; a layer of the group.
    pub layer: usize,
    /// Index into the accelerator's arrays.
    pub array: Option<(usize, Span)>,
    pub application: Option<Application>,
    pub span: Span,
}
