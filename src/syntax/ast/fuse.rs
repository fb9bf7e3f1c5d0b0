//! Fused blocks: `Fuse a, b { tile b.P by 1 { retain b.Input in GLB; sequence { run a; run b; } } }`.
//!
//! Invariant: blocks nest only as deep as [`MAX_BLOCKS`](super::MAX_BLOCKS) allows, so walks may recurse.

use super::{DataflowUse, Expr, Name, Path};
use crate::base::Span;

/// `Fuse a, b, c { ... }`: layers of the network that run together.
#[derive(Clone, Debug, PartialEq)]
pub struct Fuse {
    /// Of the word `Fuse`.
    pub keyword: Span,
    /// Never empty.
    pub layers: Vec<Name>,
    pub body: FuseBody,
    pub span: Span,
}

impl Fuse {
    /// The `run` statements that could be read, wherever they stand, in source order.
    #[must_use]
    pub fn runs(&self) -> Vec<&Run> {
        let mut runs = Vec::new();
        collect_runs(&self.body, &mut runs);
        runs
    }
}

/// Blocks are nested only as deep as the parser allows.
fn collect_runs<'a>(body: &'a FuseBody, runs: &mut Vec<&'a Run>) {
    for statement in &body.statements {
        match &statement.kind {
            FuseStatementKind::Tile { body, .. } => collect_runs(body, runs),
            FuseStatementKind::Stages(stages) => {
                runs.extend(stages.entries.iter().filter_map(|entry| match entry {
                    StageEntry::Run(run) => Some(run),
                    StageEntry::Error(_) => None,
                }));
            }
            _ => {}
        }
    }
}

/// What stands in a fused block or in a `tile` block in it. The span includes the braces.
#[derive(Clone, Debug, PartialEq)]
pub struct FuseBody {
    pub statements: Vec<FuseStatement>,
    pub span: Span,
}

impl FuseBody {
    /// Whether a statement of this block, or of a `tile` block in it, could not be read: what seems to be
    /// missing may have been in it, and was reported.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.statements
            .iter()
            .any(|statement| match &statement.kind {
                FuseStatementKind::Tile { body, .. } => body.is_damaged(),
                FuseStatementKind::Stages(stages) => stages.is_damaged(),
                FuseStatementKind::Error => true,
                _ => false,
            })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct FuseStatement {
    pub kind: FuseStatementKind,
    /// Without the `;`.
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum FuseStatementKind {
    /// `tile layer.D by n { ... }`
    Tile {
        target: Path,
        size: Expr,
        body: FuseBody,
    },
    /// `retain T, T in M`
    Retain {
        tensors: Vec<Path>,
        memory: Name,
    },
    /// `recompute T, T`
    Recompute {
        tensors: Vec<Path>,
    },
    /// `refetch T, T from M`
    Refetch {
        tensors: Vec<Path>,
        memory: Name,
    },
    /// `pipeline { ... }` or `sequence { ... }`
    Stages(Stages),
    Error,
}

/// `pipeline { run ...; }` or `sequence { run ...; }`
#[derive(Clone, Debug, PartialEq)]
pub struct Stages {
    pub pipeline: bool,
    /// Of the word.
    pub keyword: Span,
    pub entries: Vec<StageEntry>,
    /// With the braces.
    pub span: Span,
}

impl Stages {
    /// The word: `pipeline` or `sequence`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        if self.pipeline {
            "pipeline"
        } else {
            "sequence"
        }
    }

    /// Whether an entry could not be read: what seems to be missing may have been it, and was reported.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| matches!(entry, StageEntry::Error(_)))
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum StageEntry {
    Run(Run),
    Error(Span),
}

/// `run layer on ARRAY using dataflow`
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub layer: Name,
    pub array: Option<Name>,
    pub dataflow: Option<DataflowUse>,
    /// Without the `;`.
    pub span: Span,
}
