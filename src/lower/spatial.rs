//! Cluster levels and spatial maps onto arrays: one loop per array over which a level distributes.

use super::levels::{self, Cluster, Run};
use super::schedule::{Builder, Form, Stop};
use super::{LowerError, Refusal};
use crate::base::Span;
use crate::hir::{StatementKind, Word};
use crate::ir::{Axis, LoopKind, Move};

impl Builder<'_, '_> {
    pub(super) fn find_levels(&mut self) -> Result<(), Stop> {
        let mut clusters = Vec::new();
        let mut spatial = vec![false];
        let mut spread = None;
        let mut mapped = None;
        // Those inside of `at` blocks, which stand in no other one, as those outside.
        let all = self
            .request
            .statements
            .iter()
            .flat_map(|statement| match &statement.kind {
                StatementKind::At { loops, .. } => loops.as_slice(),
                _ => std::slice::from_ref(statement),
            });
        for statement in all {
            match &statement.kind {
                StatementKind::Cluster { size } => {
                    clusters.push(Cluster {
                        size: self.positive(size, "a cluster")?,
                        span: statement.span,
                        size_span: size.span,
                    });
                    spatial.push(false);
                }
                StatementKind::Map { spatial: true, .. } => {
                    mapped.get_or_insert(statement.span);
                    if let Some(level) = spatial.last_mut() {
                        *level = true;
                    }
                }
                StatementKind::Spread { .. } => {
                    spread.get_or_insert(statement.span);
                }
                _ => {}
            }
        }
        if let (Some(span), true) = (spread, mapped.is_some() || !clusters.is_empty()) {
            self.error(&LowerError::Misplaced {
                what: "`spread` beside `SpatialMap` or `Cluster` in one dataflow",
                span,
            });
            return Err(Refusal::Invalid.into());
        }
        let hardware = self.hardware();
        let ranges = hardware.runs();
        let arrays = &hardware.architecture.arrays;
        let runs: Vec<Run> = ranges
            .iter()
            .map(|run| Run {
                first: run.start,
                sizes: arrays[run.clone()]
                    .iter()
                    .map(|array| array.size())
                    .collect(),
            })
            .collect();
        let at = mapped.unwrap_or(self.request.dataflow.span);
        // What is wrong is looked at to the end, on an array that is only there for that.
        let unknown = vec![(arrays.len().saturating_sub(1), 1)];
        let levels = match levels::assign(&runs, &clusters, &spatial, at) {
            Ok(levels) => levels,
            Err(error) => {
                self.error(&error);
                self.levels = vec![unknown; clusters.len() + 1];
                return Ok(());
            }
        };
        for (number, level) in levels.into_iter().enumerate() {
            let Some(run) = runs.get(level.run) else {
                self.levels.push(unknown.clone());
                continue;
            };
            let distributes = spatial.get(number).copied().unwrap_or(false);
            let split = run.split(level);
            if let (None, true, Some(range)) = (&split, distributes, ranges.get(level.run)) {
                if hardware.alike(range) {
                    return Err(Stop::Join(range.clone()));
                }
                let error = LowerError::ArraysDiffer {
                    arrays: hardware.array_names[range.clone()].to_vec(),
                    wanted: level.instances,
                    span: number
                        .checked_sub(1)
                        .and_then(|outer| clusters.get(outer))
                        .map_or(at, |cluster| cluster.span),
                };
                self.error(&error);
            }
            self.levels.push(split.unwrap_or_else(|| unknown.clone()));
        }
        Ok(())
    }

    pub(super) fn spatial_map(&mut self, step: Move, dim: &Word, span: Span, group: Option<usize>) {
        if let Some(at) = self.spatial {
            let twin = self.loops[at]
                .moves
                .iter()
                .find(|known| known.axis == step.axis)
                .map(|known| known.origin);
            if let Some(origin) = twin {
                let first = usize::try_from(origin.0)
                    .ok()
                    .and_then(|index| self.origins.get(index))
                    .map_or(span, |source| source.span);
                self.error(&LowerError::SameDimTwice {
                    dim: dim.text.clone(),
                    span,
                    first,
                });
            }
            let arrays = self.levels.get(self.level).cloned().unwrap_or_default();
            for (number, step) in self.over(step, &arrays, at).into_iter().enumerate() {
                if let Some(l) = self.loops.get_mut(at + number) {
                    l.moves.push(step);
                }
            }
            return;
        }
        let Some(arrays) = self.levels.get(self.level).cloned() else {
            return;
        };
        if self.hardware().architecture.arrays.is_empty() {
            // One PE: the windows follow one another.
            self.push(step, LoopKind::Temporal, span, Form::Directive, group);
            return;
        }
        let at = self.loops.len();
        self.spatial = Some(at);
        let steps = self.over(step, &arrays, at);
        for (step, &(array, instances)) in steps.into_iter().zip(&arrays) {
            let kind = LoopKind::Spatial { array, instances };
            self.push(step, kind, span, Form::Directive, group);
        }
    }

    /// One spatial map as a move over each array of its level: an instance of an outer array has the windows
    /// of all instances inside it. `at` is the first of the loops.
    fn over(&self, step: Move, arrays: &[(usize, u64)], at: usize) -> Vec<Move> {
        let enclosing = self.enclosing(step.axis, at);
        (0..arrays.len())
            .map(|number| {
                let windows = arrays[number + 1..]
                    .iter()
                    .fold(1u64, |product, inner| product.saturating_mul(inner.1));
                let reach = (windows - 1).saturating_mul(step.offset);
                let size = if windows > 1 {
                    step.size
                        .saturating_add(reach)
                        .min(enclosing.max(step.size))
                } else {
                    step.size
                };
                Move {
                    size,
                    offset: windows.saturating_mul(step.offset),
                    ..step
                }
            })
            .collect()
    }

    /// The full piece of `axis` that the loops before `at` leave.
    pub(super) fn enclosing(&self, axis: Axis, at: usize) -> u64 {
        self.loops[..at.min(self.loops.len())]
            .iter()
            .rev()
            .flat_map(|outer| outer.moves.iter())
            .find(|outer| outer.axis == axis)
            .map_or_else(|| self.target.desugared.extent(axis), |outer| outer.size)
    }
}
