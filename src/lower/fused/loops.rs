//! `tile project.P by 4 { ... }`: inter-layer loops, over ranks of the head.
//!
//! A grouped convolution has the channels of all groups as one rank: `tile L.G by n` takes n groups of channels,
//! and `tile L.K by n` is a loop over that rank only inside of one group (under `tile L.G by 1`).

use super::member::Member;
use super::{FuseError, Request};
use crate::base::Span;
use crate::diag::suggest::nearest;
use crate::diag::{Diagnostic, Diagnostics, Mistake};
use crate::hir::fused::FusedTile;
use crate::ir::{Axis, RankId, TileLoop};
use crate::lower::around::{Around, NoValue};
use crate::lower::operation::View;
use crate::lower::{LowerError, Source};

/// More loops than anybody writes.
const MAX_LOOPS: usize = 16;

/// A loop and where it is written.
#[derive(Clone, Debug)]
pub(super) struct Tile {
    pub tile: TileLoop,
    pub source: Source,
}

/// The loops that are right; the others have been reported.
pub(super) fn loops(request: &Request<'_>, head: &Member<'_>, sink: &mut Diagnostics) -> Vec<Tile> {
    let tiles = &request.group.loops;
    if let Some(deep) = tiles.get(MAX_LOOPS) {
        let error = LowerError::Misplaced {
            what: "a group of more than 16 loops",
            span: deep.span,
        };
        sink.push(error.to_diagnostic());
        return Vec::new();
    }
    let view = view(tiles, head);
    let mut known: Vec<Tile> = Vec::with_capacity(tiles.len());
    for tile in tiles {
        let own = Loop {
            request,
            head,
            view,
            tile,
        };
        match own.lower(&known, sink) {
            Ok(tile) => known.push(tile),
            Err(error) => sink.push(error),
        }
    }
    known
}

/// By which names the loops speak of the head.
fn view(tiles: &[FusedTile], head: &Member<'_>) -> View {
    let serves = |view: &View| {
        tiles
            .iter()
            .filter(|tile| tile.layer == head.layer)
            .all(|tile| head.desugared.axis(*view, &tile.dim.text).is_some())
    };
    head.desugared
        .views()
        .iter()
        .copied()
        .find(serves)
        .unwrap_or(View::Own)
}

struct Loop<'a, 'b> {
    request: &'b Request<'a>,
    head: &'b Member<'a>,
    view: View,
    tile: &'b FusedTile,
}

impl Loop<'_, '_> {
    fn lower(&self, outer: &[Tile], sink: &mut Diagnostics) -> Result<Tile, Diagnostic> {
        let (head, tile) = (self.head, self.tile);
        if tile.layer != head.layer {
            return Err(self.not_the_head());
        }
        let rank = self.rank()?;
        let size = self.size(sink)?;
        let at = head.rank_of.get(rank.index()).copied().unwrap_or(0);
        let piece = outer
            .iter()
            .rev()
            .find(|outer| outer.tile.rank == at)
            .map(|outer| (outer.tile.size, outer.source.span));
        let extent = head.extent(rank);
        let size = if tile.size.is_up_to() {
            size.min(extent)
        } else {
            size
        };
        if size > extent {
            let error = FuseError::PieceTooLarge {
                layer: head.source.name.clone(),
                layer_span: head.source.name_span,
                dim: tile.dim.text.clone(),
                size,
                extent,
                span: tile.size.span,
            };
            return Err(error.to_diagnostic());
        }
        // Of a grouped convolution: how many channels a group of the loop has.
        let unit = match head.grouped {
            Some(grouped) if rank == grouped.groups => head.extent(grouped.channels),
            Some(grouped) if rank == grouped.channels => {
                if piece.is_none_or(|(piece, _)| piece > extent) {
                    let error = FuseError::GroupedChannels {
                        layer: head.source.name.clone(),
                        span: tile.span,
                        dim: tile.dim.span,
                    };
                    return Err(error.to_diagnostic());
                }
                1
            }
            _ => 1,
        };
        let whole = piece.map_or(extent, |(piece, _)| (piece / unit.max(1)).max(1));
        if size >= whole {
            let error = FuseError::OneTrip {
                dim: tile.dim.text.clone(),
                size,
                whole,
                span: tile.size.span,
                outer: piece.map_or(head.source.name_span, |(_, span)| span),
                nested: piece.is_some(),
            };
            return Err(error.to_diagnostic());
        }
        Ok(Tile {
            tile: TileLoop {
                rank: at,
                size: size.saturating_mul(unit),
            },
            source: Source {
                span: tile.span,
                label: format!("tile {}.{} by {size}", head.source.name, tile.dim.text),
                size: Some(tile.size.span),
                offset: None,
                by_layer: false,
            },
        })
    }

    fn not_the_head(&self) -> Diagnostic {
        let (head, tile) = (self.head, self.tile);
        let layer = self.request.network.layers.get(tile.layer);
        let known = matches!(
            head.desugared.axis(self.view, &tile.dim.text),
            Some(Axis::Rank(_))
        );
        FuseError::NotTheHead {
            layer: layer.map_or_else(String::new, |layer| layer.name.clone()),
            head: head.source.name.clone(),
            head_span: head.span,
            span: tile.span,
            dim: tile.dim.span,
            fits: known,
        }
        .to_diagnostic()
    }

    fn rank(&self) -> Result<RankId, Diagnostic> {
        let (head, dim) = (self.head, &self.tile.dim);
        match head.desugared.axis(self.view, &dim.text) {
            Some(Axis::Rank(rank)) => Ok(rank),
            Some(Axis::Window(window)) => {
                let output = head
                    .desugared
                    .operation
                    .windows
                    .get(usize::from(window))
                    .map(|window| head.desugared.axis_name(Axis::Rank(window.output)));
                Err(FuseError::WindowAxis {
                    layer: head.source.name.clone(),
                    dim: dim.text.clone(),
                    span: dim.span,
                    output: output.unwrap_or("P").to_owned(),
                }
                .to_diagnostic())
            }
            None => Err(self.unknown(&dim.text, dim.span)),
        }
    }

    fn unknown(&self, dim: &str, span: Span) -> Diagnostic {
        let head = self.head;
        let mut known: Vec<String> = head
            .desugared
            .axes
            .iter()
            .filter(|axis| matches!(axis.1, Axis::Rank(_)))
            .map(|axis| axis.0.clone())
            .collect();
        known.dedup();
        FuseError::UnknownDimension {
            layer: head.source.name.clone(),
            layer_type: head.source.type_name,
            layer_span: head.source.name_span,
            dim: dim.to_owned(),
            span,
            suggestion: nearest(dim, known.iter().map(String::as_str)).map(str::to_owned),
            known,
        }
        .to_diagnostic()
    }

    /// At least 1.
    fn size(&self, sink: &mut Diagnostics) -> Result<u64, Diagnostic> {
        let around = Around {
            layer: self.head.source,
            desugared: &self.head.desugared,
            view: self.view,
            accelerator: self.request.accelerator,
        };
        let expr = &self.tile.size;
        let mut said = Vec::new();
        let value = around.value(expr, &[], &mut said);
        sink.extend(said);
        match value {
            Ok(value) => match u64::try_from(value) {
                Ok(value) if value > 0 => Ok(value),
                _ => Err(LowerError::NotPositive {
                    layer: self.head.source.name.clone(),
                    what: "the extent of a tile",
                    value,
                    span: expr.span,
                }
                .to_diagnostic()),
            },
            Err(NoValue::Dimension(dim)) => Err(self.unknown(&dim.text, dim.span)),
            Err(NoValue::Wrong(error)) => Err(error.to_diagnostic()),
        }
    }
}
