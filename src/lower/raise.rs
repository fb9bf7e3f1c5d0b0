//! ir -> ast: a schedule as the dataflow that a user would have written, the inverse of lowering.
//!
//! Problem: a search finds loops and places; what a user wants is source text that he can read, change and evaluate.
//! The loops `K by 16`, `P over the rows of PE`, `C by 4` with the weights kept between the first two come back as
//!
//! ```text
//! retain Weight in GLB;   tile K by 16;   spread P by 1 over PE[0];   tile C by 4;
//! ```
//!
//! Most schedules can be written as loops (`tile`, `spread`, `at`). Where several windows move together over an array,
//! or overlap, or belong to a cluster, they are written as maps (`TemporalMap`, `SpatialMap`, `Cluster`).
//! Places are always written down (`retain`, `bypass`), so that nothing is left to be chosen.
//!
//! Invariant: what is returned was lowered again and gave the same schedule, but for the origins of its loops; a
//! schedule for which that is not so is refused ([`Unraisable`]).

mod tree;

use super::architecture::{Hardware, hardware};
use super::levels::{self, Cluster};
use super::operation::View;
use super::schedule::{self, Request};
use super::{Desugared, Options};
use crate::base::{FileId, Span};
use crate::diag::Diagnostics;
use crate::hir::{
    Accelerator, Application, Dataflow, DataflowBody, Expr, ExprKind, Layer, Statement,
    StatementKind, Word,
};
use crate::ir::{Axis, Loop, LoopKind, Mapping, Move, Origin, Schedule, window_count};
use crate::syntax::ast;
use std::fmt;

/// Why a schedule is not raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unraisable {
    /// The layer has no such ranks: the mapping is of another one.
    OtherLayer,
    /// No directive distributes windows over as many instances, or moves them so.
    Loops,
    /// No directive puts a tile there.
    Places,
}

impl fmt::Display for Unraisable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unraisable::OtherLayer => "the schedule is of another layer",
            Unraisable::Loops => "its loops cannot be written as directives",
            Unraisable::Places => "its places cannot be written as directives",
        })
    }
}

/// The dataflow of a schedule, for this layer on this accelerator; its spans mean nothing.
///
/// # Errors
/// When the language has no directives for it.
pub fn raise(
    layer: &Layer,
    accelerator: &Accelerator,
    mapping: &Mapping,
) -> Result<ast::DataflowBody, Unraisable> {
    let desugared = super::operation(layer, accelerator).ok_or(Unraisable::OtherLayer)?;
    if desugared.operation.ranks.len() != mapping.operation.ranks.len() {
        return Err(Unraisable::OtherLayer);
    }
    let raiser = Raiser {
        hardware: hardware(accelerator),
        desugared,
        schedule: &mapping.schedule,
    };
    let mut refusal = Unraisable::Loops;
    for form in [Raiser::as_loops, Raiser::as_maps] {
        let Some(loops) = form(&raiser) else {
            continue;
        };
        let Some(mut statements) = raiser.with_places(loops) else {
            continue;
        };
        number(&mut statements, &mut 0);
        match lowered_again(layer, accelerator, &statements) {
            Some(again) if again.architecture.arrays != mapping.architecture.arrays => {}
            Some(again) if same(&again.schedule, &mapping.schedule) => {
                return Ok(tree::body(&statements));
            }
            Some(again) if same_loops(&again.schedule.loops, &mapping.schedule.loops) => {
                refusal = Unraisable::Places;
            }
            _ => {}
        }
    }
    Err(refusal)
}

/// Whether two schedules are one, wherever their loops are from.
#[must_use]
pub fn same(left: &Schedule, right: &Schedule) -> bool {
    same_loops(&left.loops, &right.loops)
        && left.positions == right.positions
        && (left.steps, left.leaf) == (right.steps, right.leaf)
}

fn same_loops(left: &[Loop], right: &[Loop]) -> bool {
    let anywhere = |l: &Loop| {
        let mut l = l.clone();
        l.origin = Origin::NONE;
        l.moves.iter_mut().for_each(|m| m.origin = Origin::NONE);
        l
    };
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|(left, right)| anywhere(left) == anywhere(right))
}

/// The statements of one loop; several maps of one cluster level stand where the first of their loops is.
struct Written {
    /// Index of the first loop; behind all loops, how many there are.
    at: usize,
    statements: Vec<StatementKind>,
}

struct Raiser<'a> {
    desugared: Desugared,
    hardware: Hardware,
    schedule: &'a Schedule,
}

impl Raiser<'_> {
    fn loops(&self) -> &[Loop] {
        &self.schedule.loops
    }

    /// Loops that lowering puts there by itself: the steps that follow one another.
    fn unwritten(&self) -> usize {
        usize::from(self.desugared.sequential.is_some())
    }

    fn name(&self, axis: Axis) -> Option<Word> {
        let name = self.desugared.axis_name(axis);
        let found = self.desugared.axis(View::Own, name) == Some(axis);
        found.then(|| word(name))
    }

    fn is_inner(&self, l: &Loop) -> bool {
        l.array()
            .is_some_and(|array| array >= self.hardware.first_inside())
    }

    /// As `tile` and `spread`.
    fn as_loops(&self) -> Option<Vec<Written>> {
        let spreads = self.spreads()?;
        let mut spreads = spreads.into_iter();
        let mut behind_inner = false;
        let mut written = Vec::with_capacity(self.loops().len());
        for (at, l) in self.loops().iter().enumerate().skip(self.unwritten()) {
            let [step] = l.moves[..] else {
                return None;
            };
            let dim = self.name(step.axis)?;
            let statement = match l.kind {
                _ if l.level != 0 => return None,
                // Behind an array inside the innermost memory only a map is allowed.
                LoopKind::Temporal if step.size == step.offset && !behind_inner => {
                    StatementKind::Tile {
                        dim,
                        size: integer(step.size)?,
                    }
                }
                LoopKind::Temporal => self.map(false, step)?,
                LoopKind::Spatial { .. } => {
                    let (part, axis) = spreads.next()?;
                    let part = self.hardware.parts.get(part)?;
                    let axis = match axis {
                        Some(axis) => Some(integer(u64::try_from(axis).ok()?)?),
                        None => None,
                    };
                    StatementKind::Spread {
                        dim,
                        size: integer(step.size)?,
                        array: word(&part.name),
                        axis,
                    }
                }
            };
            behind_inner |= self.is_inner(l);
            written.push(Written {
                at,
                statements: vec![statement],
            });
        }
        Some(written)
    }

    /// The array, and its axis where one is named, of every spatial loop; `None` when no choice gives every loop its
    /// instances.
    fn spreads(&self) -> Option<Vec<(usize, Option<usize>)>> {
        let spatial: Vec<usize> = (0..self.loops().len())
            .filter(|&at| self.loops()[at].array().is_some())
            .collect();
        let arrays = self.hardware.architecture.arrays.iter();
        let left: Vec<Vec<u64>> = arrays.map(|array| array.shape.clone()).collect();
        let mut found = self.choose_spreads(&spatial, left)?;
        found.reverse();
        Some(found)
    }

    /// For the loops `spatial`, the last of them first: lowering counts instances from the inside out, too.
    fn choose_spreads(
        &self,
        spatial: &[usize],
        left: Vec<Vec<u64>>,
    ) -> Option<Vec<(usize, Option<usize>)>> {
        let Some((&at, outer)) = spatial.split_last() else {
            return Some(Vec::new());
        };
        let LoopKind::Spatial { array, instances } = self.loops()[at].kind else {
            return None;
        };
        let [step] = self.loops()[at].moves[..] else {
            return None;
        };
        if step.size != step.offset {
            return None;
        }
        let windows = window_count(self.enclosing(step.axis, at), step.size, step.offset).max(1);
        let parts = self.hardware.parts.iter().enumerate();
        for (index, part) in parts.filter(|(_, part)| part.array == array) {
            let whole = (part.first_axis..part.first_axis + part.axes, None);
            let axes = (0..part.axes).map(|axis| {
                let first = part.first_axis + axis;
                (first..first + 1, Some(axis))
            });
            let single = part.axes > 1;
            for (range, axis) in axes.filter(|_| single).chain([whole]) {
                let mut left = left.clone();
                let Some(sizes) = left.get_mut(array).and_then(|shape| shape.get_mut(range)) else {
                    continue;
                };
                let available = sizes
                    .iter()
                    .fold(1u64, |all, &size| all.saturating_mul(size));
                let taken = windows.min(available).max(1);
                if taken != instances {
                    continue;
                }
                for (at, size) in sizes.iter_mut().enumerate() {
                    *size = if at == 0 { available / taken } else { 1 };
                }
                if let Some(mut found) = self.choose_spreads(outer, left) {
                    found.insert(0, (index, axis));
                    return Some(found);
                }
            }
        }
        None
    }

    /// The full piece of an axis that the loops before `at` leave.
    fn enclosing(&self, axis: Axis, at: usize) -> u64 {
        let outer = self.loops()[..at].iter().rev();
        let mut moves = outer.flat_map(|outer| outer.moves.iter());
        let found = moves.find(|outer| outer.axis == axis);
        found.map_or_else(|| self.desugared.extent(axis), |outer| outer.size)
    }

    /// As `TemporalMap`, `SpatialMap` and `Cluster`.
    fn as_maps(&self) -> Option<Vec<Written>> {
        let levels = self.loops().iter().map(|l| l.level).max().unwrap_or(0) as usize + 1;
        // Per level the spatial loops: one per array that it spans.
        let mut spatial: Vec<Vec<usize>> = vec![Vec::new(); levels];
        for (at, l) in self.loops().iter().enumerate() {
            if l.array().is_some() {
                spatial[l.level as usize].push(at);
            }
        }
        let clusters = self.cluster_sizes(&spatial)?;
        let mut written = Vec::with_capacity(self.loops().len());
        let mut level = 0;
        for (at, l) in self.loops().iter().enumerate().skip(self.unwritten()) {
            let mut statements = Vec::new();
            let next = l.level as usize;
            for &size in clusters.get(level..next)? {
                let size = integer(size)?;
                statements.push(StatementKind::Cluster { size });
            }
            level = next;
            match l.kind {
                LoopKind::Temporal => {
                    let [step] = l.moves[..] else {
                        return None;
                    };
                    statements.push(self.map(false, step)?);
                }
                LoopKind::Spatial { .. } if spatial[level].first() != Some(&at) => continue,
                LoopKind::Spatial { .. } => {
                    // The innermost array has the windows as they are written.
                    let inner = self.loops().get(*spatial[level].last()?)?;
                    for &step in &inner.moves {
                        statements.push(self.map(true, step)?);
                    }
                }
            }
            written.push(Written { at, statements });
        }
        for &size in clusters.get(level..)? {
            let size = integer(size)?;
            written.push(Written {
                at: self.loops().len(),
                statements: vec![StatementKind::Cluster { size }],
            });
        }
        Some(written)
    }

    /// The sizes of the clusters between the levels, and of one inside of all loops where that is needed. That of a
    /// level without a spatial loop is nowhere in the loops, but it decides how many instances are left for the others.
    fn cluster_sizes(&self, spatial: &[Vec<usize>]) -> Option<Vec<u64>> {
        let arrays = &self.hardware.architecture.arrays;
        let available = arrays
            .iter()
            .fold(1u64, |all, array| all.saturating_mul(array.size()));
        let used = spatial
            .iter()
            .map(|loops| self.instances(loops))
            .fold(1, u64::saturating_mul);
        let rest = (available / used.max(1)).max(1);
        let mut deeper = spatial.to_vec();
        deeper.push(Vec::new());
        for levels in [spatial, &deeper] {
            let sizes: Vec<u64> = levels[1..].iter().map(|l| self.instances(l)).collect();
            let open = (0..sizes.len()).filter(|&at| levels[at + 1].is_empty());
            let candidates = open.map(|at| {
                let mut sizes = sizes.clone();
                sizes[at] = rest;
                sizes
            });
            let mut all = std::iter::once(sizes.clone()).chain(candidates);
            if let Some(found) = all.find(|sizes| self.gives(sizes, levels)) {
                return Some(found);
            }
        }
        None
    }

    /// Whether clusters of these sizes give every level its arrays and instances.
    fn gives(&self, sizes: &[u64], spatial: &[Vec<usize>]) -> bool {
        let span = place(0);
        let arrays = &self.hardware.architecture.arrays;
        let ranges = self.hardware.runs();
        let runs: Vec<levels::Run> = ranges
            .iter()
            .map(|run| levels::Run {
                first: run.start,
                sizes: arrays[run.clone()]
                    .iter()
                    .map(|array| array.size())
                    .collect(),
            })
            .collect();
        let clusters: Vec<Cluster> = sizes
            .iter()
            .map(|&size| Cluster {
                size,
                span,
                size_span: span,
            })
            .collect();
        let distributes: Vec<bool> = spatial.iter().map(|loops| !loops.is_empty()).collect();
        let Ok(levels) = levels::assign(&runs, &clusters, &distributes, span) else {
            return false;
        };
        let split = |level: &levels::Level| runs.get(level.run)?.split(*level);
        // One level that ends in the middle of an array makes one array of its run. Then only the numbers of instances
        // can be compared; lowering again tells whether that is what was meant.
        let joined = |run: usize| {
            let mut levels = levels.iter().zip(spatial);
            levels.any(|(level, loops)| {
                level.run == run && !loops.is_empty() && split(level).is_none()
            })
        };
        levels.iter().zip(spatial).all(|(level, loops)| {
            if loops.is_empty() {
                return true;
            }
            if joined(level.run) {
                return self.instances(loops) == level.instances;
            }
            split(level).is_some_and(|split| {
                split.len() == loops.len()
                    && loops.iter().zip(split).all(|(&at, (array, instances))| {
                        self.loops()[at].kind == LoopKind::Spatial { array, instances }
                    })
            })
        })
    }

    /// Instances of these loops together.
    fn instances(&self, loops: &[usize]) -> u64 {
        let loops = loops.iter().map(|&at| self.loops()[at].kind);
        loops.fold(1, |all, kind| match kind {
            LoopKind::Spatial { instances, .. } => all.saturating_mul(instances),
            LoopKind::Temporal => all,
        })
    }

    fn map(&self, spatial: bool, step: Move) -> Option<StatementKind> {
        Some(StatementKind::Map {
            spatial,
            size: integer(step.size)?,
            offset: integer(step.offset)?,
            dim: self.name(step.axis)?,
        })
    }

    /// Loops with the places of all tiles between them.
    fn with_places(&self, loops: Vec<Written>) -> Option<Vec<Statement>> {
        let Schedule { steps, .. } = *self.schedule;
        let first_inner = self.loops().iter().position(|l| self.is_inner(l));
        let enclosed = steps < first_inner.unwrap_or(self.loops().len());
        let mut statements = self.bypasses()?;
        let mut inside = Vec::new();
        let mut next = 0;
        for written in loops {
            for position in next..=written.at.min(self.loops().len()) {
                statements.extend(self.retains(position)?);
            }
            next = written.at + 1;
            let list = if enclosed && written.at >= steps {
                &mut inside
            } else {
                &mut statements
            };
            list.extend(written.statements.into_iter().map(statement));
        }
        for position in next..=self.loops().len() {
            statements.extend(self.retains(position)?);
        }
        if enclosed {
            statements.push(statement(StatementKind::At {
                memory: word(self.hardware.memory_names.last()?),
                loops: inside,
            }));
        }
        Some(statements)
    }

    /// The tensors that a memory could hold and does not.
    fn bypasses(&self) -> Option<Vec<Statement>> {
        let mut statements = Vec::new();
        for (memory, row) in self.schedule.positions.iter().enumerate().skip(1) {
            let holds = self.hardware.architecture.memories.get(memory)?.holds;
            let known = &self.desugared.operation.tensors;
            let passed = row.iter().zip(known).enumerate();
            let passed = passed
                .filter(|(_, (place, tensor))| place.is_none() && holds.contains(tensor.role))
                .map(|(tensor, _)| tensor);
            let tensors = self.tensor_words(passed)?;
            if !tensors.is_empty() {
                let memory = word(self.hardware.memory_names.get(memory)?);
                statements.push(statement(StatementKind::Bypass { tensors, memory }));
            }
        }
        Some(statements)
    }

    /// What is kept at a position, but for the innermost memories at the place that they have anyway.
    fn retains(&self, position: usize) -> Option<Vec<Statement>> {
        let mut statements = Vec::new();
        for (memory, row) in self.schedule.positions.iter().enumerate().skip(1) {
            let innermost = *self.hardware.levels.get(memory)? == self.hardware.last_level();
            if innermost && position == self.schedule.steps {
                continue;
            }
            let here = row.iter().enumerate();
            let here = here
                .filter(|(_, place)| **place == Some(position))
                .map(|(tensor, _)| tensor);
            let tensors = self.tensor_words(here)?;
            if !tensors.is_empty() {
                let memory = word(self.hardware.memory_names.get(memory)?);
                statements.push(statement(StatementKind::Retain { tensors, memory }));
            }
        }
        Some(statements)
    }

    /// The names of tensors, each once: two operands may be one tensor.
    fn tensor_words(&self, tensors: impl Iterator<Item = usize>) -> Option<Vec<Word>> {
        let mut words: Vec<Word> = Vec::new();
        for tensor in tensors {
            let name = self.desugared.tensor_names.get(tensor)?;
            if words.iter().all(|known| known.text != *name) {
                words.push(word(name));
            }
        }
        Some(words)
    }
}

/// What lowering makes of the statements; `None` when something is wrong with them.
fn lowered_again(
    layer: &Layer,
    accelerator: &Accelerator,
    statements: &[Statement],
) -> Option<Mapping> {
    let dataflow = Dataflow {
        name: None,
        span: place(0),
        parameters: Vec::new(),
        lets: Vec::new(),
        on: None,
        body: DataflowBody::Statements(Vec::new()),
    };
    let application = Application {
        dataflow: 0,
        arguments: Vec::new(),
        span: place(0),
    };
    let request = Request {
        layer,
        accelerator,
        dataflow: &dataflow,
        statements,
        application: &application,
        options: Options::default(),
    };
    let mut sink = Diagnostics::new();
    let lowered = schedule::lower(&request, &mut sink).ok()?;
    let settled = lowered.automatic.is_empty() && !sink.has_errors();
    settled.then_some(lowered.mapping)
}

/// A place in no text. Places only tell what stands before what.
fn place(at: u32) -> Span {
    Span::new(FileId::new(0), at, at)
}

/// Places in the order of the statements.
fn number(statements: &mut [Statement], next: &mut u32) {
    for statement in statements {
        statement.span = place(*next);
        *next += 1;
        match &mut statement.kind {
            StatementKind::At { loops, .. } => number(loops, next),
            StatementKind::Retain { tensors, .. } => {
                for tensor in tensors {
                    tensor.span = statement.span;
                }
            }
            _ => {}
        }
    }
}

fn word(text: &str) -> Word {
    Word {
        text: text.to_owned(),
        span: place(0),
    }
}

fn integer(value: u64) -> Option<Expr> {
    Some(Expr {
        kind: ExprKind::Integer(i64::try_from(value).ok()?),
        span: place(0),
    })
}

fn statement(kind: StatementKind) -> Statement {
    Statement {
        kind,
        span: place(0),
    }
}
