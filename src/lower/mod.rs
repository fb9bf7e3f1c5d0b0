//! hir -> ir: one layer, one dataflow, one accelerator become one [`Mapping`].
//!
//! Problem: `TemporalMap(2,2) K; SpatialMap(3,1) Y; Cluster(3); ...` and `at DRAM { tile K by 64; }
//! spread P by 1 over PE[0];` are two ways to say the same thing: a list of loops and, in it, a place for
//! the tile of every memory. This stage makes that list. Names and spans stay behind in tables beside it
//! ([`Lowered::origins`], [`Lowered::names`]), so that whoever finds something wrong with a loop can point
//! at the directive.
//!
//! Decisions (the reference manual states the same):
//! * the spatial maps of one cluster level are one loop that moves all of them, at the place of the first; over
//!   several arrays without a memory between them one loop per array, row by row. A level that ends in the
//!   middle of such an array makes one array of them if their networks are alike, and is refused otherwise;
//! * loops over arrays inside the innermost memory come last, and its tile lies before them;
//! * a memory whose tile nobody placed is provisionally placed at the leaf and listed in
//!   [`Lowered::automatic`]: `legality::place` finds its position;
//! * where `retain` places one tensor of a memory, the others of that memory lie at the innermost place that it gave;
//! * FC and LSTM also answer to the names of the matrix product that they are (`M`, `N`, `K` for their
//!   `N`, `K`, `C`, and a `B` of 1), so that a GEMM dataflow serves them;
//! * a directive on a dimension that the layer does not have means that the dataflow does not serve the
//!   layer, which is not yet an error: see [`Refusal`].

mod architecture;
mod around;
mod error;
mod fused;
mod levels;
mod operation;
mod pieces;
mod places;
pub mod raise;
mod schedule;
mod spatial;
mod streaming;
pub mod tile;

pub use architecture::{architecture, architecture_on};
pub use error::{LowerError, with_article};
pub use fused::{
    ChainLayer, FuseError, LoweredChain, LoweredGroup, LoweredStage, TensorNames, chain, fuse,
};
pub use operation::{Desugared, Elements, desugar};
pub use raise::{Unraisable, raise};

use crate::base::Span;
use crate::diag::{Diagnostics, Mistake};
use crate::hir::{self, Accelerator, Application, DataflowBody, Layer, Precision, Program};
use crate::ir::{Architecture, Mapping, Operation, Origin};

/// How strictly to read a dataflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// A window larger than its dimension is clipped, with a warning (`--clip`).
    pub clip: bool,
}

/// A mapped layer, before anybody has judged it.
#[derive(Clone, Debug, PartialEq)]
pub struct Lowered {
    pub mapping: Mapping,
    /// What [`Origin`]s of loops and moves index.
    pub origins: Vec<Source>,
    /// Memories whose position is provisional (the leaf) for every tensor without one of its own.
    pub automatic: Vec<usize>,
    /// (memory, tensor) pairs that `retain` or `bypass` has fixed.
    pub fixed: Vec<(usize, usize)>,
    pub names: Names,
}

impl Lowered {
    /// The directive behind a node, if there is one.
    #[must_use]
    pub fn origin(&self, origin: Origin) -> Option<&Source> {
        self.origins.get(usize::try_from(origin.0).ok()?)
    }
}

/// A layer under a schedule that has a name and no loops.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedLayer {
    pub operation: Operation,
    pub architecture: Architecture,
    /// `XYZiZo`
    pub schedule: String,
    /// Where it is written.
    pub span: Span,
    pub names: Names,
}

/// The directive that a loop or a move stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub span: Span,
    /// `TemporalMap(2,4) K`, with the numbers of this layer.
    pub label: String,
    /// Of the size and of the offset, where a fix would go; `tile` and `spread` have no offset of their own.
    pub size: Option<Span>,
    pub offset: Option<Span>,
    /// The size is worked out for each layer (`upto m`, a `let`): a number that is right for one may be wrong for the next.
    pub by_layer: bool,
}

/// What people call the parts of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    pub layer: String,
    /// Where the layer is defined, for messages about the whole of it.
    pub layer_span: Span,
    pub layer_type: &'static str,
    pub ranks: Vec<String>,
    pub windows: Vec<String>,
    pub tensors: Vec<String>,
    pub memories: Vec<String>,
    /// Where each memory is defined.
    pub memory_spans: Vec<Span>,
    /// Of the arrays of the ir (joined ones: `A x B`).
    pub arrays: Vec<String>,
}

/// Why there is no mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The dataflow names a dimension that the layer does not have. As a default it is then replaced by
    /// streaming; as an explicit choice it is E0207 ([`LowerError::does_not_serve`]).
    DoesNotServe { dim: hir::Word },
    /// Something was wrong, and has been reported.
    Invalid,
}

/// The formats that a layer computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Precisions {
    pub input: Precision,
    pub weight: Precision,
    /// Of a sum that is not complete.
    pub partial: Precision,
    pub output: Precision,
}

/// The format of every role: the layer's word, then the accelerator's, then INT8; of partial sums that of
/// the output when nobody said another.
#[must_use]
pub fn precision(layer: &Layer, accelerator: &Accelerator) -> Precisions {
    let (own, hardware) = (&layer.precision, &accelerator.precision);
    let or = |own: Option<Precision>, hardware: Option<Precision>| {
        own.or(hardware).unwrap_or(Precision::INT8)
    };
    let output = or(own.output, hardware.output);
    Precisions {
        input: or(own.input, hardware.input),
        weight: or(own.weight, hardware.weight),
        partial: own.partial.or(hardware.partial).unwrap_or(output),
        output,
    }
}

/// The widest format of the operands: it decides which MAC or operation is priced.
#[must_use]
pub fn operand_precision(layer: &Layer, accelerator: &Accelerator) -> Precision {
    let precision = precision(layer, accelerator);
    let wider = |widest: Precision, next: Precision| {
        if next.bits() > widest.bits() {
            next
        } else {
            widest
        }
    };
    let formats = layer.shape.tensors().filter_map(|(role, name)| {
        let named = layer.named.iter().find(|known| known.name == name);
        let of_role = match role {
            hir::layer_type::Role::Input => precision.input,
            hir::layer_type::Role::Weight => precision.weight,
            hir::layer_type::Role::Output => return None,
        };
        Some(named.and_then(|known| known.precision).unwrap_or(of_role))
    });
    formats.reduce(wider).unwrap_or(precision.input)
}

/// The operation of a layer as the accelerator computes it; `None` past the range of the ir.
#[must_use]
pub fn operation(layer: &Layer, accelerator: &Accelerator) -> Option<Desugared> {
    let precision = precision(layer, accelerator);
    let density = |ratio: Option<crate::base::Ratio>| ratio.map_or(1.0, crate::base::Ratio::to_f64);
    let mut desugared = desugar(
        &layer.shape,
        Elements {
            input_bits: precision.input.bits(),
            weight_bits: precision.weight.bits(),
            output_bits: precision.output.bits(),
            partial_bits: precision.partial.bits(),
            input_density: density(layer.density.input),
            weight_density: density(layer.density.weight),
            output_density: density(layer.density.output),
        },
    )?;
    let partial = layer.precision.partial.or(accelerator.precision.partial);
    for named in &layer.named {
        desugared.say(named, partial);
    }
    Some(desugared)
}

/// Maps `layer` on `accelerator` as `application` says.
///
/// # Errors
/// [`Refusal::DoesNotServe`] is for the caller to judge; everything else has been reported to `sink`.
pub fn lower(
    program: &Program,
    layer: &Layer,
    application: &Application,
    accelerator: &Accelerator,
    options: Options,
    sink: &mut Diagnostics,
) -> Result<Lowered, Refusal> {
    let Some(dataflow) = program.dataflows.get(application.dataflow) else {
        return Err(Refusal::Invalid);
    };
    match &dataflow.body {
        DataflowBody::Streaming => stream(layer, accelerator, sink),
        // `named` lowers these; whoever needs loops has none here.
        DataflowBody::Schedule(word) => {
            sink.push(LowerError::no_loops(word).to_diagnostic());
            Err(Refusal::Invalid)
        }
        DataflowBody::Statements(statements) => {
            let request = schedule::Request {
                layer,
                accelerator,
                dataflow,
                statements,
                application,
                options,
            };
            schedule::lower(&request, sink)
        }
    }
}

/// Maps `layer` by the built-in streaming dataflow, which serves every layer.
///
/// # Errors
/// Only sizes past the range of the ir, and hardware that cannot be mapped on (both reported).
pub fn stream(
    layer: &Layer,
    accelerator: &Accelerator,
    sink: &mut Diagnostics,
) -> Result<Lowered, Refusal> {
    let target = prepare(layer, accelerator, sink)?;
    Ok(streaming::lower(target))
}

/// `layer` and `accelerator` for a model that knows `schedule` by name.
///
/// # Errors
/// As [`stream`].
pub fn named(
    layer: &Layer,
    accelerator: &Accelerator,
    schedule: &hir::Word,
    sink: &mut Diagnostics,
) -> Result<NamedLayer, Refusal> {
    let target = prepare(layer, accelerator, sink)?;
    let names = target.names();
    Ok(NamedLayer {
        operation: target.desugared.operation,
        architecture: target.hardware.architecture,
        schedule: schedule.text.clone(),
        span: schedule.span,
        names,
    })
}

/// Layer and hardware in the terms of the ir, before any loop.
struct Target<'a> {
    layer: &'a Layer,
    desugared: Desugared,
    hardware: architecture::Hardware,
}

fn prepare<'a>(
    layer: &'a Layer,
    accelerator: &Accelerator,
    sink: &mut Diagnostics,
) -> Result<Target<'a>, Refusal> {
    let Some(desugared) = operation(layer, accelerator) else {
        sink.push(
            LowerError::TooLarge {
                layer: layer.name.clone(),
                span: layer.name_span,
            }
            .to_diagnostic(),
        );
        return Err(Refusal::Invalid);
    };
    let hardware = architecture::hardware(accelerator);
    Ok(Target {
        layer,
        desugared,
        hardware,
    })
}

impl Target<'_> {
    fn names(&self) -> Names {
        Names {
            layer: self.layer.name.clone(),
            layer_span: self.layer.name_span,
            layer_type: self.layer.type_name,
            ranks: self.desugared.rank_names.clone(),
            windows: self.desugared.window_names.clone(),
            tensors: self.desugared.tensor_names.clone(),
            memories: self.hardware.memory_names.clone(),
            memory_spans: self.hardware.memory_spans.clone(),
            arrays: self.hardware.array_names.clone(),
        }
    }
}
