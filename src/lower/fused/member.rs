//! A layer of a group as a stage: its ranks, and its tensors in the dimensions that stages share.
//!
//! Problem: a convolution of 2 groups writes `[N, G, K, P, Q]` and the layer after it reads `[N, C, Y, X]`. Here
//! the groups and their channels are one rank, so that both speak of one channel index; the operand's channel is
//! then `Cg * floor(gk / Kg) + c`. A convolution of one group just loses its dimension of 1.

use super::order::Listed;
use super::{FuseError, Request};
use crate::base::Span;
use crate::diag::{Diagnostics, Mistake};
use crate::hir::Layer;
use crate::hir::layer_type::{Slides, Type};
use crate::ir::{Axis, Dim, IndexTerm, RankId, StageRank};
use crate::lower::operation::View;
use crate::lower::{Desugared, LowerError, operation};

/// A layer of the group, ready to be wired.
pub(super) struct Member<'a> {
    /// Index into the network's layers.
    pub layer: usize,
    pub source: &'a Layer,
    /// In the list of `Fuse`.
    pub span: Span,
    pub desugared: Desugared,
    pub ranks: Vec<StageRank>,
    pub rank_names: Vec<String>,
    /// The rank of the stage for every rank of the operation.
    pub rank_of: Vec<usize>,
    /// By tensor of the operation.
    pub tensors: Vec<Vec<AffineDim>>,
    /// Of a convolution of several groups: channels of its result per group.
    pub grouped: Option<Grouped>,
}

/// One index of a tensor in the ranks of the stage, over `0..extent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AffineDim {
    pub terms: Vec<IndexTerm>,
    pub constant: i64,
    pub extent: u64,
}

/// The ranks of a grouped convolution that are not one to one with those of the stage.
#[derive(Clone, Copy)]
pub(super) struct Grouped {
    pub groups: RankId,
    /// Output channels per group.
    pub channels: RankId,
    /// Input channels per group.
    reduced: RankId,
}

impl Member<'_> {
    pub(super) fn name(&self) -> &str {
        &self.source.name
    }

    /// Index of the result among the tensors of the operation.
    pub(super) fn result(&self) -> usize {
        self.tensors.len().saturating_sub(1)
    }

    /// `expand.Input`
    pub(super) fn tensor_name(&self, tensor: usize) -> String {
        let name = self.desugared.tensor_names.get(tensor);
        format!("{}.{}", self.source.name, name.map_or("?", String::as_str))
    }

    pub(super) fn extent(&self, rank: RankId) -> u64 {
        self.desugared.extent(Axis::Rank(rank))
    }
}

/// The stages; `None` when a layer is none, which has been reported.
pub(super) fn members<'a>(
    request: &Request<'a>,
    order: &[Listed],
    sink: &mut Diagnostics,
) -> Option<Vec<Member<'a>>> {
    let mut members = Vec::with_capacity(order.len());
    for &(layer, span) in order {
        let source = request.network.layers.get(layer)?;
        if !is_stage(source.shape.layer_type()) {
            let error = FuseError::NotFusible {
                layer: source.name.clone(),
                layer_type: source.shape.layer_type().name(),
                span,
            };
            sink.push(error.to_diagnostic());
            continue;
        }
        let built = operation(source, request.accelerator)
            .and_then(|desugared| member(layer, source, span, desugared));
        let Some(member) = built else {
            let error = LowerError::TooLarge {
                layer: source.name.clone(),
                span: source.name_span,
            };
            sink.push(error.to_diagnostic());
            continue;
        };
        if let Some(index) = irregular(&member) {
            let error = FuseError::ResultIndex {
                tensor: member.tensor_name(member.result()),
                index: index + 1,
                span,
                layer_span: source.name_span,
            };
            sink.push(error.to_diagnostic());
            continue;
        }
        members.push(member);
    }
    (members.len() == order.len()).then_some(members)
}

/// Whether the steps of a type may be those of a fused group: they follow no order of their own, and no two of them
/// write one element by windows that overlap.
fn is_stage(layer_type: Type) -> bool {
    layer_type.sequential.is_none() && layer_type.slides != Slides::OverOutput
}

/// The first index of the result that is not a rank alone, or repeats one.
fn irregular(member: &Member<'_>) -> Option<usize> {
    let dims = member.tensors.last()?;
    let mut seen = Vec::new();
    dims.iter().position(|dim| {
        let plain = match dim.terms.as_slice() {
            [term] => term.coefficient == 1 && dim.constant == 0 && !seen.contains(&term.rank),
            _ => false,
        };
        seen.extend(dim.terms.iter().map(|term| term.rank));
        !plain
    })
}

/// `None` past the range of the ir.
fn member(layer: usize, source: &Layer, span: Span, desugared: Desugared) -> Option<Member<'_>> {
    let rank = |name: &str| match desugared.axis(View::Own, name) {
        Some(Axis::Rank(rank)) => Some(rank),
        _ => None,
    };
    let groups = match source.shape.layer_type().groups {
        Some([groups, channels, reduced]) => Some(Grouped {
            groups: rank(groups)?,
            channels: rank(channels)?,
            reduced: rank(reduced)?,
        }),
        None => None,
    };
    let many = groups.filter(|ranks| desugared.extent(Axis::Rank(ranks.groups)) > 1);
    let (mut ranks, mut rank_names, mut rank_of) = (Vec::new(), Vec::new(), Vec::new());
    for (at, &extent) in desugared.operation.ranks.iter().enumerate() {
        let id = RankId(u8::try_from(at).ok()?);
        match many {
            Some(many) if id == many.channels => {
                // Its group stands right before it.
                let joined: &mut StageRank = ranks.last_mut()?;
                joined.extent = joined.extent.checked_mul(extent)?;
                joined.inner = Some(id);
                *rank_names.last_mut()? = desugared.rank_names.get(at)?.clone();
            }
            _ => {
                ranks.push(StageRank {
                    extent,
                    outer: id,
                    inner: None,
                });
                rank_names.push(desugared.rank_names.get(at)?.clone());
            }
        }
        rank_of.push(ranks.len() - 1);
    }
    let mut tensors = Vec::with_capacity(desugared.operation.tensors.len());
    for tensor in &desugared.operation.tensors {
        tensors.push(shared_dims(
            &tensor.dims,
            groups,
            many.is_some(),
            &rank_of,
            &desugared,
        )?);
    }
    Some(Member {
        layer,
        source,
        span,
        ranks,
        rank_names,
        rank_of,
        tensors,
        grouped: many,
        desugared,
    })
}

/// The dimensions of a tensor with the one of the groups joined to the one of the channels after it.
fn shared_dims(
    dims: &[Dim],
    groups: Option<Grouped>,
    many: bool,
    rank_of: &[usize],
    desugared: &Desugared,
) -> Option<Vec<AffineDim>> {
    let is = |dim: &Dim, rank: RankId| matches!(dim.terms.as_slice(), [term] if term.rank == rank && term.coefficient == 1);
    let mut shared = Vec::with_capacity(dims.len());
    let mut joined = None;
    for dim in dims {
        if let Some(groups) = groups
            && is(dim, groups.groups)
        {
            joined = many.then_some(groups);
            continue;
        }
        let own = plain_dim(dim, rank_of)?;
        shared.push(match joined.take() {
            Some(groups) => channels(dim, own, groups, rank_of, desugared)?,
            None => own,
        });
    }
    Some(shared)
}

fn plain_dim(dim: &Dim, rank_of: &[usize]) -> Option<AffineDim> {
    let terms: Option<Vec<IndexTerm>> = dim
        .terms
        .iter()
        .map(|term| {
            Some(IndexTerm {
                rank: *rank_of.get(term.rank.index())?,
                coefficient: term.coefficient,
                divisor: 1,
            })
        })
        .collect();
    Some(AffineDim {
        terms: terms?,
        constant: dim.constant,
        extent: dim.extent,
    })
}

/// The channels of all groups: of the result the joined rank itself, of the operand those of the group that the
/// joined rank is in.
fn channels(
    dim: &Dim,
    mut own: AffineDim,
    groups: Grouped,
    rank_of: &[usize],
    desugared: &Desugared,
) -> Option<AffineDim> {
    let count = desugared.extent(Axis::Rank(groups.groups));
    let per_group = dim.extent;
    own.extent = per_group.checked_mul(count)?;
    let of_input = dim.terms.iter().any(|term| term.rank == groups.reduced);
    if of_input {
        own.terms.insert(
            0,
            IndexTerm {
                rank: *rank_of.get(groups.groups.index())?,
                coefficient: i64::try_from(per_group).ok()?,
                divisor: desugared.extent(Axis::Rank(groups.channels)),
            },
        );
    }
    Some(own)
}
