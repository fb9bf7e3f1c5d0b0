//! Sizes against the pieces that they lie in.
//!
//! Problem: in `at DRAM { tile K by 2 } at GLB { tile K by 4 }` a piece of 4 is to lie in a piece of 2. Cut to 2 it
//! would be a loop of one trip that nobody meant (other tools have numbers of trips in this place), so it is an
//! error; `tile K by upto 4` says that 2 will do.
//!
//! What a piece lies in is the *full* piece of the loops around it: the first one, which no end of a dimension
//! clips. What lies in a clipped last piece is clipped with it, in silence. Input rows lie in the window of rows
//! that the level above hands down, which follows from outputs and kernel as in [`crate::ir::Group`].

use super::LowerError;
use super::schedule::Builder;
use crate::base::Span;
use crate::hir::{Expr, ExprKind, Word};
use crate::ir::{Axis, GroupState, Grouping};

/// How the size of a move was written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    dim: Word,
    /// The number to replace, if it is one.
    literal: Option<Span>,
    size_up_to: bool,
    /// `None`: the window moves by its own extent.
    offset_up_to: Option<bool>,
}

impl Written {
    /// The loop over the steps of a layer, which is written nowhere.
    pub(super) fn steps(span: Span) -> Written {
        Written {
            dim: Word {
                text: "T".to_owned(),
                span,
            },
            literal: None,
            size_up_to: false,
            offset_up_to: None,
        }
    }

    pub(super) fn new(dim: &Word, size: &Expr, offset: Option<&Expr>) -> Written {
        Written {
            dim: dim.clone(),
            literal: matches!(size.kind, ExprKind::Integer(_)).then_some(size.span),
            size_up_to: size.is_up_to(),
            offset_up_to: offset.map(Expr::is_up_to),
        }
    }
}

/// The piece around a loop.
#[derive(Clone, Copy, Debug)]
struct Around {
    bound: u64,
    /// Who made it: an index into the builder's `origins`; `None` for the whole dimension.
    cut: Option<usize>,
}

impl Builder<'_, '_> {
    /// Puts numbers in the place of `upto`, and reports plain sizes that do not fit.
    pub(super) fn fit_pieces(&mut self) {
        let target = self.target;
        let grouping = Grouping::new(&target.desugared.operation, &self.loops);
        let Some(loops) = grouping.loops(&self.loops) else {
            return;
        };
        for (group, loops) in grouping.groups.iter().zip(loops) {
            let whole = group.whole();
            let mut state = whole.clone();
            let mut outer: Vec<usize> = Vec::new();
            for mut known in loops {
                for at in 0..known.moves.len() {
                    let axis = known.moves[at].axis;
                    let own = self.loops[known.index].moves[at].axis;
                    let extent = state.extent(axis);
                    let around = if extent == whole.extent(axis) || state.is_empty() {
                        // Rows that no output needs are rows of the dimension all the same.
                        Around {
                            bound: target.desugared.extent(own),
                            cut: None,
                        }
                    } else {
                        Around {
                            bound: extent.len().max(1),
                            cut: self.cut(&outer, own),
                        }
                    };
                    self.fit(known.index, at, around);
                    let fitted = self.loops[known.index].moves[at];
                    known.moves[at].size = i64::try_from(fitted.size).unwrap_or(i64::MAX);
                    known.moves[at].offset = i64::try_from(fitted.offset).unwrap_or(i64::MAX);
                }
                state = first(group.step(&state, &known, 0), state);
                outer.push(known.index);
            }
        }
    }

    /// The innermost move over the axis; of rows that nobody cut, the one that cut what they follow from.
    fn cut(&self, outer: &[usize], axis: Axis) -> Option<usize> {
        let moves = || outer.iter().rev().flat_map(|&at| &self.loops[at].moves);
        let over = moves().find(|m| m.axis == axis);
        let found = over.or_else(|| moves().next())?;
        usize::try_from(found.origin.0).ok()
    }

    fn fit(&mut self, at: usize, step: usize, around: Around) {
        let known = self.loops[at].moves[step];
        let origin = usize::try_from(known.origin.0).unwrap_or(usize::MAX);
        let Some(written) = self.written.get(origin).cloned() else {
            return;
        };
        let fitted = known.size.min(around.bound);
        if known.size > around.bound && !written.size_up_to {
            self.report(origin, &written, known.size, around);
        }
        let own = &mut self.loops[at].moves[step];
        own.size = fitted;
        own.offset = match written.offset_up_to {
            None => fitted,
            Some(true) => known.offset.min(around.bound),
            Some(false) => known.offset,
        };
    }

    fn report(&mut self, origin: usize, written: &Written, size: u64, around: Around) {
        let Some(source) = self.origins.get(origin).cloned() else {
            return;
        };
        let layer = self.request.layer;
        let error = match around.cut.and_then(|outer| self.origins.get(outer)) {
            None => LowerError::OverBound {
                layer: layer.name.clone(),
                layer_span: layer.name_span,
                label: source.label,
                dim: written.dim.text.clone(),
                size,
                bound: around.bound,
                span: source.span,
                fix: written.literal,
                clipped: self.request.options.clip,
            },
            Some(outer) => LowerError::OverPiece {
                layer: layer.name.clone(),
                label: source.label,
                dim: written.dim.text.clone(),
                size,
                bound: around.bound,
                span: source.span,
                outer: outer.label.clone(),
                outer_span: outer.span,
                fix: written.literal,
                clipped: self.request.options.clip,
            },
        };
        self.error(&error);
    }
}

/// The first piece. Windows that finish no output are reported elsewhere; what they hand down bounds nothing.
fn first(piece: GroupState, before: GroupState) -> GroupState {
    if piece.is_empty() { before } else { piece }
}
