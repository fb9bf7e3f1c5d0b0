//! hir -> ir of a fused group, and what its parts are called.
//!
//! Problem: `Fuse expand, depthwise, project { tile project.P by 1 { ... } }` names three layers, one loop and a
//! few words about tensors. The engine wants stages in order, tensors that producer and consumer share, loops
//! over ranks of the last stage, and for each tensor where it is kept and what happens after that. [`fuse`] goes
//! there in six steps, one file each:
//!
//! * `order`: producers first, one head, one piece, no way out and back in;
//! * `member`: a layer as a stage, the groups and channels of a grouped convolution as one rank;
//! * `loops`: `tile L.D by n` over ranks of the head;
//! * `wiring`: which tensors there are, and how each stage indexes them (`view`: through reshapes);
//! * `fates`: `retain`, `recompute`, `refetch`, and what holds without a word;
//! * `runs`: arrays, peak rates, dataflows.
//!
//! Decisions (the reference manual states the same):
//! * a feature map has the dimensions that its producer writes, without a group dimension of 1: `[N, C, Y, X]` of
//!   everything that slides, `[N, K]` of an FC, `[B, M, N]` of a GEMM, those written of an EINSUM;
//! * what stages make has the bits of the producer's Output, whatever the reader says of its Input; what comes
//!   from outside has the widest Input of its readers;
//! * a map of an outside layer is one tensor for all readers that index it by its own dimensions; a reader that
//!   reshapes it has a copy of its own, and so has everybody who reads `external`;
//! * a reshape inside of the group passes where the dimensions agree in order (those of 1 left out), and where
//!   both sides of what does not agree are whole in every step;
//! * `b.Input` of a concatenation means all of its parts;
//! * defaults of the map do not reach fused layers: without `using`, an entry of their own or an own dataflow
//!   they compute at the peak rate.

mod chain;
mod error;
mod fates;
mod loops;
mod member;
mod order;
mod runs;
#[cfg(test)]
mod tests;
mod view;
mod wiring;

pub use chain::{ChainLayer, LoweredChain, chain};
pub use error::FuseError;

use super::Source;
use crate::base::Span;
use crate::diag::Diagnostics;
use crate::hir::{self, Accelerator, Application, Map, Network, Program};
use crate::ir::{FusedGroup, GroupTensor, Overlap, Stage};
use member::Member;

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
    /// By rank of the stage; `K` of a grouped convolution counts the channels of all groups.
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

/// What the steps of [`fuse`] look at.
struct Request<'a> {
    program: &'a Program,
    network: &'a Network,
    /// Nobody has said how tiles are computed when a design is still to be found.
    map: Option<&'a Map>,
    group: &'a hir::fused::FusedGroup,
    accelerator: &'a Accelerator,
}

/// The ir of a fused group; `None` when something was wrong, which has been reported to `sink` or, for a wrong
/// network, where that was resolved.
#[must_use]
pub fn fuse(
    program: &Program,
    network: &Network,
    map: &Map,
    group: &hir::fused::FusedGroup,
    accelerator: &Accelerator,
    sink: &mut Diagnostics,
) -> Option<LoweredGroup> {
    let request = Request {
        program,
        network,
        map: Some(map),
        group,
        accelerator,
    };
    let before = sink.error_count();
    let order = order::order(&request, sink)?;
    let members = member::members(&request, &order, sink)?;
    let head = members.last()?;
    let loops = loops::loops(&request, head, sink);
    let wiring = wiring::wire(&request, &members, &loops, sink)?;
    let fates = fates::fates(&request, &members, &wiring, sink);
    let (stages, overlap) = runs::runs(&request, &members, sink);
    if sink.error_count() != before {
        return None;
    }
    let mut tensors = Vec::with_capacity(wiring.tensors.len());
    let mut names = Vec::with_capacity(wiring.tensors.len());
    for (shared, fate) in wiring.tensors.into_iter().zip(fates?) {
        tensors.push(GroupTensor {
            extents: shared.extents,
            bits: shared.bits,
            partial_bits: shared.bits,
            producer: shared.producer,
            escapes: shared.escapes,
            keep: fate.keep,
            fate: fate.fate,
            memory: fate.memory,
        });
        names.push(TensorNames {
            name: shared.name,
            aliases: shared.aliases,
            statements: fate.statements,
        });
    }
    let name: Vec<&str> = members.iter().map(Member::name).collect();
    let name = name.join(" + ");
    let (tiles, sources) = loops
        .into_iter()
        .map(|tile| (tile.tile, tile.source))
        .unzip();
    let stages_of_group = members
        .into_iter()
        .zip(wiring.accesses)
        .map(|(member, accesses)| Stage {
            ranks: member.ranks,
            accesses,
            kind: member.desugared.operation.kind,
            operation: member.desugared.operation,
        })
        .collect();
    let mut group_of = FusedGroup {
        stages: stages_of_group,
        tensors,
        loops: tiles,
        overlap: if overlap {
            Overlap::Pipeline
        } else {
            Overlap::Sequence
        },
    };
    // Only the head leaves sums that a later step adds to.
    let head = group_of.stages.last();
    let partial = head.and_then(|head| Some(head.operation.tensors.last()?.partial_bits));
    let result = group_of.result(group_of.head());
    if let (Some(bits), Some(tensor)) =
        (partial, result.and_then(|at| group_of.tensors.get_mut(at)))
    {
        tensor.partial_bits = bits;
    }
    for (tensor, names) in names.iter().enumerate() {
        if names.statements.is_empty() {
            let innermost = group_of.innermost(tensor);
            if let Some(known) = group_of.tensors.get_mut(tensor) {
                known.keep = Some(innermost);
            }
        }
    }
    Some(LoweredGroup {
        group: group_of,
        stages,
        tensors: names,
        loops: sources,
        name,
        span: group.span,
    })
}
