//! Layers as a problem of which the best fused design is to be found.
//!
//! Problem: `group: { net.expand, net.depthwise, net.project }` of a search names layers, and loops, places and fates are what
//! it looks for. What there is before them: layers in order, their ranks, the tensors between and around them.

use super::{Request, member, order, wiring};
use crate::base::Span;
use crate::diag::Diagnostics;
use crate::hir::{self, Accelerator, Network, Program};
use crate::ir::{FusedLayer, FusedProblem, FusedTensor};

/// A group whose design is not yet known.
#[derive(Clone, Debug, PartialEq)]
pub struct LoweredChain {
    pub problem: FusedProblem,
    /// By layer of the problem.
    pub layers: Vec<ChainLayer>,
    /// By tensor: `expand.Output` for what a layer makes, else `layer.Input` or `layer.Weight` of its first reader.
    pub tensors: Vec<String>,
    /// By tensor: made by a layer of the group, read in it, and wanted outside of it too.
    pub escapes: Vec<bool>,
    /// Bits of a sum of which only a part has been added up.
    pub partial_bits: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ChainLayer {
    /// Index into the network's layers.
    pub layer: usize,
    pub name: String,
    /// By rank.
    pub ranks: Vec<String>,
}

/// The layers as a problem; `None` when something was wrong, which has been reported.
#[must_use]
pub fn chain(
    program: &Program,
    network: &Network,
    accelerator: &Accelerator,
    (layers, span): (&[usize], Span),
    sink: &mut Diagnostics,
) -> Option<LoweredChain> {
    let group = hir::fused::FusedGroup {
        span,
        layers: layers.iter().map(|&layer| (layer, span)).collect(),
        loops: Vec::new(),
        fates: Vec::new(),
        stages: None,
    };
    let request = Request {
        program,
        network,
        map: None,
        group: &group,
        accelerator,
    };
    let order = order::order(&request, sink)?;
    let members = member::members(&request, &order, sink)?;
    let wiring = wiring::wire(&request, &members, &[], sink)?;
    let head = members.last()?;
    let partial_bits = head.desugared.operation.tensors.last()?.partial_bits;
    let last = members.len() - 1;
    let of_group = |shared: &wiring::Shared| shared.producer.is_some_and(|maker| maker < last);
    let escapes = wiring.tensors.iter();
    let escapes = escapes.map(|shared| of_group(shared) && shared.escapes);
    let escapes = escapes.collect();
    let names = members.iter().map(|member| ChainLayer {
        layer: member.layer,
        name: member.source.name.clone(),
        ranks: member.rank_names.clone(),
    });
    let names = names.collect();
    let known = members.iter().zip(wiring.accesses);
    let known = known.map(|(member, accesses)| FusedLayer {
        ranks: member.ranks.iter().map(|rank| rank.extent).collect(),
        accesses,
    });
    let layers = known.collect();
    let (tensors, tensor_names) = wiring
        .tensors
        .into_iter()
        .map(|shared| {
            let tensor = FusedTensor {
                extents: shared.extents,
                bits: shared.bits,
                producer: shared.producer,
            };
            (tensor, shared.name)
        })
        .unzip();
    Some(LoweredChain {
        problem: FusedProblem { layers, tensors },
        layers: names,
        tensors: tensor_names,
        escapes,
        partial_bits,
    })
}
