//! A tile of a stage of a fused group as a layer of its own.
//!
//! Problem: in every step of `Fuse expand, depthwise, project { tile project.P by 4 { ... } }` the stage
//! `depthwise` computes some rows of its result, with a dataflow that says nothing of groups. A tile is therefore
//! made to look like a layer ([`operation`]): ranks of the size of the tile, an input of just the rows that it
//! reads, its own part of the padding. Then the dataflow is lowered on it as on any layer ([`lower_tile`]), where
//! `Sz(P)` is 4, between the memories where the group keeps the tensors and the compute.
//!
//! Decisions (the reference manual states the same):
//! * a part `first, first + step, ...` of a rank is a rank with the coefficients times `step` (a stride);
//! * output channels of a grouped convolution are split into part of one group, whole groups, part of one group;
//! * each tensor of the tile lies whole in the memory where the group keeps it; memories outside of that one and
//!   beside it see nothing of it, and the traffic of the backing store is the group's business.

use super::{Lowered, Options, Refusal, schedule};
use crate::diag::{Diagnostics, Mistake};
use crate::hir::{Accelerator, Application, DataflowBody, Layer, Program};
use crate::ir::{Dim, Operation, Ports, Stage, Tensor, Term, Window};

/// Parts that a tile may fall into because of groups of channels.
const MAX_PIECES: usize = 4096;

/// A part of a rank: `first + step * i` for `i` below `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slice {
    pub first: u64,
    /// At least 1.
    pub step: u64,
    /// At least 1.
    pub count: u64,
}

impl Slice {
    /// `0..extent`
    #[must_use]
    pub fn whole(extent: u64) -> Slice {
        Slice {
            first: 0,
            step: 1,
            count: extent,
        }
    }
}

/// The operations that make up a box over the ranks of a stage, to be run one after the other; one but for
/// grouped convolutions. `None` when there are too many of them, or a number passes the range of the ir.
#[must_use]
pub fn operations(stage: &Stage, slices: &[Slice]) -> Option<Vec<Operation>> {
    let whole: Vec<Slice> = stage
        .operation
        .ranks
        .iter()
        .map(|&extent| Slice::whole(extent))
        .collect();
    let mut boxes = vec![whole];
    for (rank, &slice) in stage.ranks.iter().zip(slices) {
        let parts = match rank.inner {
            None => vec![(slice, None)],
            Some(inner) => {
                let extent = *stage.operation.ranks.get(inner.index())?;
                grouped(slice, extent)?
                    .into_iter()
                    .map(|(outer, part)| (outer, Some((inner, part))))
                    .collect()
            }
        };
        let mut next = Vec::with_capacity(boxes.len().checked_mul(parts.len())?);
        for known in &boxes {
            for &(outer, inner) in &parts {
                let mut piece = known.clone();
                *piece.get_mut(rank.outer.index())? = outer;
                if let Some((rank, part)) = inner {
                    *piece.get_mut(rank.index())? = part;
                }
                next.push(piece);
            }
        }
        boxes = next;
    }
    boxes
        .iter()
        .map(|ranks| operation(&stage.operation, ranks))
        .collect()
}

/// Channels of all groups as (groups, channels in each of them).
fn grouped(slice: Slice, extent: u64) -> Option<Vec<(Slice, Slice)>> {
    let extent = extent.max(1);
    let one = |first: u64, step: u64, count: u64| {
        let group = Slice {
            first: first / extent,
            step: 1,
            count: 1,
        };
        let channels = Slice {
            first: first % extent,
            step,
            count,
        };
        (group, channels)
    };
    let mut pieces = Vec::new();
    let (mut at, mut left) = (slice.first, slice.count);
    let step = slice.step.max(1);
    while left > 0 {
        if pieces.len() >= MAX_PIECES {
            return None;
        }
        let inside = at % extent;
        if step == 1 && inside == 0 && left >= extent {
            let groups = left / extent;
            let all = Slice {
                first: at / extent,
                step: 1,
                count: groups,
            };
            pieces.push((all, Slice::whole(extent)));
            at = at.checked_add(groups * extent)?;
            left -= groups * extent;
            continue;
        }
        // As many as are still in this group.
        let count = (extent - inside).div_ceil(step).min(left);
        pieces.push(one(at, step, count));
        at = at.checked_add(step.checked_mul(count)?)?;
        left -= count;
    }
    Some(pieces)
}

/// The operation on parts of its ranks, one [`Slice`] per rank. `None` past the range of the ir.
#[must_use]
pub fn operation(whole: &Operation, ranks: &[Slice]) -> Option<Operation> {
    let mut tile = Operation {
        ranks: ranks.iter().map(|slice| slice.count).collect(),
        windows: Vec::with_capacity(whole.windows.len()),
        tensors: Vec::with_capacity(whole.tensors.len()),
        kind: whole.kind,
        repeat: whole.repeat,
    };
    for window in &whole.windows {
        let output = ranks.get(window.output.index())?;
        let kernel = ranks.get(window.kernel.index())?;
        let stride = window.stride.checked_mul(output.step)?;
        let dilation = window.dilation.checked_mul(kernel.step)?;
        let rows = stride.checked_mul(output.count.checked_sub(1)?)?;
        let reach = dilation.checked_mul(kernel.count.checked_sub(1)?)?;
        tile.windows.push(Window {
            stride,
            dilation,
            extent: rows.checked_add(reach)?.checked_add(1)?,
            ..*window
        });
    }
    for tensor in &whole.tensors {
        let dims: Option<Vec<Dim>> = tensor.dims.iter().map(|dim| clipped(dim, ranks)).collect();
        tile.tensors.push(Tensor {
            dims: dims?,
            ..tensor.clone()
        });
    }
    Some(tile)
}

/// An index on parts of the ranks, counted from the first element of the tensor that it can touch.
fn clipped(dim: &Dim, ranks: &[Slice]) -> Option<Dim> {
    let (mut low, mut high) = (i128::from(dim.constant), i128::from(dim.constant));
    let mut constant = i128::from(dim.constant);
    let mut terms = Vec::with_capacity(dim.terms.len());
    for term in &dim.terms {
        let slice = ranks.get(term.rank.index())?;
        let start = i128::from(term.coefficient) * i128::from(slice.first);
        let coefficient = i128::from(term.coefficient).checked_mul(slice.step.into())?;
        let span = coefficient.checked_mul(i128::from(slice.count) - 1)?;
        constant = constant.checked_add(start)?;
        low = low.checked_add(start)?.checked_add(span.min(0))?;
        high = high.checked_add(start)?.checked_add(span.max(0))?;
        terms.push(Term {
            rank: term.rank,
            coefficient: i64::try_from(coefficient).ok()?,
        });
    }
    let last = i128::from(dim.extent) - 1;
    if let [term] = terms.as_mut_slice()
        && low >= 0
        && high <= last
        && term.coefficient != 0
    {
        // Elements of their own, one after the other.
        term.coefficient = 1;
        let count = ranks.get(term.rank.index())?.count;
        return Some(Dim {
            terms,
            constant: 0,
            extent: count,
        });
    }
    // What is nothing but padding touches nothing; an index has at least one element all the same.
    let first = low.clamp(0, last.max(0));
    let end = high.clamp(first, last.max(first));
    Some(Dim {
        terms,
        constant: i64::try_from(constant - first).ok()?,
        extent: u64::try_from(end - first + 1).ok()?,
    })
}

/// Where and how a stage computes its tiles.
#[derive(Clone, Copy, Debug)]
pub struct TileContext<'a> {
    pub program: &'a Program,
    pub layer: &'a Layer,
    pub application: &'a Application,
    /// Of arrays side by side only that of the stage.
    pub accelerator: &'a Accelerator,
    /// By tensor of the operation: the memory where the group keeps it.
    pub places: &'a [usize],
    pub options: Options,
}

/// Maps a tile as the dataflow of its stage says.
///
/// # Errors
/// As [`super::lower`].
pub fn lower_tile(
    context: &TileContext<'_>,
    tile: Operation,
    sink: &mut Diagnostics,
) -> Result<Lowered, Refusal> {
    let mut target = super::prepare(context.layer, context.accelerator, sink)?;
    target.desugared.operation = tile;
    let mut lowered = match context.program.dataflows.get(context.application.dataflow) {
        None => return Err(Refusal::Invalid),
        Some(dataflow) => match &dataflow.body {
            DataflowBody::Streaming => super::streaming::lower(target),
            DataflowBody::Schedule(word) => {
                sink.push(super::LowerError::no_loops(word).to_diagnostic());
                return Err(Refusal::Invalid);
            }
            DataflowBody::Statements(statements) => {
                let request = schedule::Request {
                    layer: context.layer,
                    accelerator: context.accelerator,
                    dataflow,
                    statements,
                    application: context.application,
                    options: context.options,
                };
                schedule::lower_on(&request, &target, sink)?
            }
        },
    };
    hold_whole(&mut lowered, context.accelerator, context.places);
    Ok(lowered)
}

/// Puts every tensor whole into the memory where the group keeps it.
fn hold_whole(lowered: &mut Lowered, accelerator: &Accelerator, places: &[usize]) {
    let level = |memory: usize| accelerator.memories.get(memory).map(|known| known.level);
    for (tensor, &place) in places.iter().enumerate() {
        for (memory, row) in lowered.mapping.schedule.positions.iter_mut().enumerate() {
            if memory == 0 || (memory != place && level(memory) > level(place)) {
                continue;
            }
            if let Some(position) = row.get_mut(tensor) {
                *position = (memory == place).then_some(0);
                lowered.fixed.push((memory, tensor));
            }
        }
    }
    // What arrives from outside arrives for the group, in the time that is reckoned there.
    if let Some(outermost) = lowered.mapping.architecture.memories.first_mut() {
        outermost.ports = Ports::UNBOUNDED;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hir::layer_type;
    use crate::hir::shape::{Shape, Slide, Typed};
    use crate::ir::StageRank;
    use crate::lower::{Elements, desugar};
    use std::collections::BTreeSet;

    fn slide(input: u64, kernel: u64, stride: u64, dilation: u64, pad: u64) -> Slide {
        let reach = dilation * (kernel - 1) + 1;
        Slide {
            input,
            kernel,
            stride,
            dilation,
            pad_low: pad,
            pad_high: pad,
            output: (input + 2 * pad - reach) / stride + 1,
        }
    }

    fn conv(groups: u64, rows: Slide, columns: Slide) -> Operation {
        let elements = Elements {
            input_bits: 8,
            weight_bits: 8,
            output_bits: 8,
            partial_bits: 8,
            input_density: 1.0,
            weight_density: 1.0,
            output_density: 1.0,
        };
        let shape = Shape::Typed(Typed {
            layer_type: layer_type::called("CONV").unwrap(),
            sizes: vec![("N", 1), ("G", groups), ("K", 3), ("C", 2)],
            axes: Some([rows, columns]),
        });
        desugar(&shape, elements).unwrap().operation
    }

    fn slice(first: u64, step: u64, count: u64) -> Slice {
        Slice { first, step, count }
    }

    /// Elements of `tensor` that the points of a box of `operation` touch.
    fn touched(operation: &Operation, tensor: usize, ranks: &[Slice]) -> usize {
        let mut points: Vec<Vec<i64>> = vec![vec![]];
        for slice in ranks {
            let along = |point: &Vec<i64>| -> Vec<Vec<i64>> {
                (0..slice.count)
                    .map(|at| {
                        let mut longer = point.clone();
                        longer.push((slice.first + slice.step * at) as i64);
                        longer
                    })
                    .collect()
            };
            points = points.iter().flat_map(along).collect();
        }
        let mut found = BTreeSet::new();
        for point in points {
            let index: Vec<i64> = operation.tensors[tensor]
                .dims
                .iter()
                .map(|dim| {
                    let terms = dim.terms.iter();
                    let sum = terms.map(|term| term.coefficient * point[term.rank.index()]);
                    dim.constant + sum.sum::<i64>()
                })
                .collect();
            let dims = operation.tensors[tensor].dims.iter();
            if index
                .iter()
                .zip(dims)
                .all(|(&x, dim)| x >= 0 && x < dim.extent as i64)
            {
                found.insert(index);
            }
        }
        found.len()
    }

    // A tile touches as many elements as its box of the whole layer: enumerated for every box.
    #[test]
    fn a_tile_touches_what_its_box_touches() {
        for (stride, dilation, pad) in [(1, 1, 1), (2, 1, 1), (1, 2, 2), (3, 1, 0)] {
            let whole = conv(1, slide(9, 3, stride, dilation, pad), slide(5, 3, 1, 1, 1));
            let rows = whole.ranks[4];
            for first in 0..rows {
                for count in 1..=rows - first {
                    for step in 1..=2 {
                        if first + step * (count - 1) >= rows {
                            continue;
                        }
                        let mut ranks: Vec<Slice> = whole
                            .ranks
                            .iter()
                            .map(|&extent| Slice::whole(extent))
                            .collect();
                        ranks[4] = slice(first, step, count);
                        ranks[6] = slice(1, 1, 2);
                        let tile = operation(&whole, &ranks).unwrap();
                        let own: Vec<Slice> = tile
                            .ranks
                            .iter()
                            .map(|&extent| Slice::whole(extent))
                            .collect();
                        for tensor in 0..3 {
                            assert_eq!(
                                touched(&tile, tensor, &own),
                                touched(&whole, tensor, &ranks),
                                "{stride} {dilation} {pad}: {ranks:?} {tensor}"
                            );
                        }
                    }
                }
            }
        }
    }

    // Rows 0..4 of 3x3 on 9 rows with padding 1 read input rows 0..5, and the padding above them.
    #[test]
    fn padding_belongs_to_the_first_tile_only() {
        let whole = conv(1, slide(9, 3, 1, 1, 1), slide(9, 3, 1, 1, 1));
        let mut ranks: Vec<Slice> = whole.ranks.iter().map(|&e| Slice::whole(e)).collect();
        ranks[4] = slice(0, 1, 4);
        let first = operation(&whole, &ranks).unwrap();
        let dim = &first.tensors[0].dims[3];
        assert_eq!((dim.constant, dim.extent), (-1, 5));
        assert_eq!(first.windows[0].extent, 6);
        ranks[4] = slice(4, 1, 4);
        let second = operation(&whole, &ranks).unwrap();
        let dim = &second.tensors[0].dims[3];
        assert_eq!((dim.constant, dim.extent), (0, 6));
    }

    #[test]
    fn channels_of_groups_are_split() {
        // Groups of 4: channels 2..15 are half of group 0, groups 1 and 2, and 3 of group 3.
        let pieces = grouped(slice(2, 1, 13), 4).unwrap();
        let expected = [
            (slice(0, 1, 1), slice(2, 1, 2)),
            (slice(1, 1, 2), slice(0, 1, 4)),
            (slice(3, 1, 1), slice(0, 1, 3)),
        ];
        assert_eq!(pieces, expected);
        // 1, 4, 7, 10 in groups of 4.
        let pieces = grouped(slice(1, 3, 4), 4).unwrap();
        let expected = [
            (slice(0, 1, 1), slice(1, 3, 1)),
            (slice(1, 1, 1), slice(0, 3, 2)),
            (slice(2, 1, 1), slice(2, 3, 1)),
        ];
        assert_eq!(pieces, expected);
    }

    #[test]
    fn a_box_of_a_grouped_stage_is_several_operations() {
        let operation = conv(4, slide(5, 3, 1, 1, 0), slide(5, 3, 1, 1, 0));
        let mut ranks: Vec<StageRank> = Vec::new();
        for (at, &extent) in operation.ranks.iter().enumerate() {
            let id = crate::ir::RankId(at as u8);
            if at == 2 {
                let joined = ranks.last_mut().unwrap();
                joined.extent *= extent;
                joined.inner = Some(id);
            } else {
                ranks.push(StageRank {
                    extent,
                    outer: id,
                    inner: None,
                });
            }
        }
        let stage = Stage {
            ranks,
            accesses: Vec::new(),
            kind: operation.kind,
            operation,
        };
        let mut slices: Vec<Slice> = stage.ranks.iter().map(|r| Slice::whole(r.extent)).collect();
        assert_eq!(
            operations(&stage, &slices).unwrap(),
            std::slice::from_ref(&stage.operation)
        );
        slices[1] = slice(1, 1, 5);
        // Channels 1 and 2 of group 0, and all of group 1.
        let tiles = operations(&stage, &slices).unwrap();
        let sizes: Vec<&[u64]> = tiles.iter().map(|tile| &tile.ranks[1..3]).collect();
        assert_eq!(sizes, [&[1, 2], &[1, 3]]);
    }
}
