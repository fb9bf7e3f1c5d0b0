//! The tiles of one stage: each shape is lowered, checked and counted once.
//!
//! Problem: in 3,136 steps a stage sees perhaps nine different shapes of tiles: corners, edges, the interior, the
//! first window of a row. Each is a layer of its own for the stage's dataflow (`lower::tile`); what is wrong on one
//! shape is reported for that shape, and what it costs is counted once and multiplied.
//!
//! A map larger than its dimension is an error only if that is so on every shape: the last tile is clipped, and so
//! are the maps on it.

use super::error::GroupError;
use crate::base::Span;
use crate::base::limits;
use crate::diag::{Code, Diagnostic, Diagnostics, Mistake, Severity};
use crate::driver::Compiled;
use crate::engine::fused::Work;
use crate::engine::{Counts, Port, Resource};
use crate::evaluate::check_layer;
use crate::evaluate::limits::limit_diagnostic;
use crate::hir::{Accelerator, Application, Layer, Map};
use crate::ir::{Architecture, BoxSet, Mapping, Operation, Ports, Schedule, Stage};
use crate::legality;
use crate::lower::tile::{Slice, TileContext, lower_tile, operations};
use crate::lower::{self, LowerError, Lowered, Options, Refusal};
use crate::models;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// [`limits::TILE_SHAPES`].
const MAX_SHAPES: usize = limits::TILE_SHAPES;

/// A stage with a dataflow: what is to be done, and where.
pub(super) struct StageContext<'a> {
    pub compiled: &'a Compiled,
    pub map: &'a Map,
    pub layer: &'a Layer,
    pub application: &'a Application,
    /// Of arrays side by side only that of the stage.
    pub accelerator: Cow<'a, Accelerator>,
    pub stage: &'a Stage,
    /// `expand + depthwise + project`
    pub group: &'a str,
    /// By operand of the operation: the memory where the group keeps it.
    pub places: Vec<usize>,
    /// By memory: bits of one instance that the group keeps there.
    pub kept: Vec<u128>,
    pub options: Options,
}

/// A stage with a dataflow, and what is known of its tiles.
pub(super) struct TileCache<'a> {
    context: StageContext<'a>,
    pub shapes: Vec<Shape>,
    known: BTreeMap<Vec<i64>, usize>,
}

/// One shape of a tile, evaluated.
pub(super) struct Shape {
    /// Without the arrivals from and departures to the outside.
    work: Work,
    pub operations: u64,
    /// What its memories do, without the arrivals from and departures to the outside.
    pub accesses: Vec<Access>,
    pub hops: Vec<Hops>,
    pub operation: Operation,
    warnings: Vec<Diagnostic>,
    /// Where a map was larger than the tile.
    clipped: Vec<Span>,
}

/// Elements of one operand of the operation in one memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Access {
    pub memory: usize,
    pub operand: usize,
    pub reads: u64,
    pub writes: u64,
    /// Of a result: how many of them of sums that are not complete.
    pub partial: [u64; 2],
}

/// Elements of one operand that pass an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hops {
    pub operand: usize,
    /// Without the next.
    pub count: u64,
    /// Of sums that are not complete.
    pub partial: u64,
}

/// Something is wrong and has been reported.
pub(super) struct Reported;

impl<'a> TileCache<'a> {
    pub(super) fn new(context: StageContext<'a>) -> TileCache<'a> {
        TileCache {
            context,
            shapes: Vec::new(),
            known: BTreeMap::new(),
        }
    }

    /// The shapes that make up a tile, to be run one after the other; what is wrong with one goes to `sink`. Results of an
    /// `incomplete` tile are partial sums.
    pub(super) fn shapes_of(
        &mut self,
        tile: &BoxSet,
        incomplete: bool,
        sink: &mut Diagnostics,
    ) -> Result<Vec<usize>, Reported> {
        let mut shapes = Vec::new();
        for slices in slices(tile) {
            let Some(pieces) = operations(self.context.stage, &slices) else {
                sink.push(
                    self.refused("its tiles fall into too many parts")
                        .to_diagnostic(),
                );
                return Err(Reported);
            };
            for mut piece in pieces {
                if let Some(result) = piece.tensors.last_mut().filter(|_| incomplete) {
                    result.bits = result.partial_bits;
                    result.density = 1.0;
                }
                shapes.push(self.shape_of(piece, sink)?);
            }
        }
        Ok(shapes)
    }

    /// What a tile takes.
    pub(super) fn work(
        &mut self,
        tile: &BoxSet,
        incomplete: bool,
        sink: &mut Diagnostics,
    ) -> Result<Work, Reported> {
        let shapes = self.shapes_of(tile, incomplete, sink)?;
        let mut shapes = shapes.iter().filter_map(|&shape| self.shapes.get(shape));
        let sum = shapes.try_fold(Work::default(), |sum, shape| sum.and(&shape.work));
        sum.ok_or_else(|| {
            sink.push(self.refused("a count is larger than 2^64").to_diagnostic());
            Reported
        })
    }

    fn shape_of(&mut self, tile: Operation, sink: &mut Diagnostics) -> Result<usize, Reported> {
        let key = signature(&tile);
        if let Some(&known) = self.known.get(&key) {
            return Ok(known);
        }
        if self.shapes.len() >= MAX_SHAPES {
            let error = self.refused("its tiles have too many different shapes");
            sink.push(error.to_diagnostic());
            return Err(Reported);
        }
        let shape = self.evaluate(tile, sink)?;
        self.shapes.push(shape);
        self.known.insert(key, self.shapes.len() - 1);
        Ok(self.shapes.len() - 1)
    }

    fn evaluate(&self, tile: Operation, sink: &mut Diagnostics) -> Result<Shape, Reported> {
        let mut messages = Diagnostics::new();
        let clip = Options { clip: true };
        let mut lowered = match self.lowered(tile.clone(), clip, &mut messages) {
            Ok(lowered) => lowered,
            Err(refusal) => {
                let reported = self.refusal(&refusal);
                sink.extend(
                    messages
                        .iter()
                        .filter(|d| d.is_error())
                        .map(|d| self.about(d, &tile)),
                );
                sink.extend(reported.map(|diagnostic| self.about(&diagnostic, &tile)));
                return Err(Reported);
            }
        };
        self.leave_room(&mut lowered);
        let mut wrong = Diagnostics::new();
        let Some(checked) = check_layer(
            self.context.compiled,
            self.context.map,
            &lowered,
            &mut wrong,
        ) else {
            sink.extend(wrong.iter().map(|diagnostic| self.about(diagnostic, &tile)));
            return Err(Reported);
        };
        let counts = match models::exact_counts(&checked.legal) {
            Ok(counts) => counts,
            Err(limit) => {
                let diagnostic = limit_diagnostic(&limit, &lowered.names);
                sink.push(self.about(&diagnostic, &tile));
                return Err(Reported);
            }
        };
        let over = |diagnostic: &&Diagnostic| diagnostic.code == Code::E0401;
        let (accesses, hops) = self.collect(&counts);
        Ok(Shape {
            work: inside(&counts, &lowered.mapping.architecture),
            operations: counts.operations,
            accesses,
            hops,
            clipped: messages
                .iter()
                .filter(over)
                .filter_map(Diagnostic::primary)
                .collect(),
            warnings: checked.warnings,
            operation: tile,
        })
    }

    fn lowered(
        &self,
        tile: Operation,
        options: Options,
        sink: &mut Diagnostics,
    ) -> Result<Lowered, Refusal> {
        let context = TileContext {
            program: &self.context.compiled.program,
            layer: self.context.layer,
            application: self.context.application,
            accelerator: &self.context.accelerator,
            places: &self.context.places,
            options,
        };
        lower_tile(&context, tile, sink)
    }

    /// The capacities that the windows of the group leave; the tile itself is part of the windows.
    fn leave_room(&self, lowered: &mut Lowered) {
        let mut inside = vec![0u128; self.context.kept.len()];
        let whole = unmapped(&lowered.mapping);
        for (operand, &place) in self.context.places.iter().enumerate() {
            let bits = lowered.mapping.operation.tensors.get(operand);
            let bits = bits.map_or(0, |tensor| u128::from(tensor.bits));
            let tile = whole.as_ref();
            let tile = tile.and_then(|whole| legality::footprint(whole, place, operand, 0));
            let tile = tile.unwrap_or(0);
            if let Some(sum) = inside.get_mut(place) {
                *sum = sum.saturating_add(bits.saturating_mul(tile.into()));
            }
        }
        let memories = lowered.mapping.architecture.memories.iter_mut();
        for ((memory, &kept), tile) in memories.zip(&self.context.kept).zip(inside) {
            let tile = tile.saturating_mul(1 + u128::from(memory.double_buffered));
            memory.capacity_bits = memory
                .capacity_bits
                .map(|bits| bits.saturating_sub(kept).saturating_add(tile));
        }
    }

    /// What happens inside of a tile: what enters the memories of the group from outside, and leaves them, is
    /// counted there.
    fn collect(&self, counts: &Counts) -> (Vec<Access>, Vec<Hops>) {
        let mut accesses = Vec::new();
        for (memory, row) in counts.memories.iter().enumerate().skip(1) {
            for count in &row.tensors {
                let crossings = counts
                    .boundaries
                    .iter()
                    .filter(|boundary| boundary.parent == 0 && boundary.child == Some(memory))
                    .flat_map(|boundary| &boundary.tensors)
                    .filter(|crossing| crossing.tensor == count.tensor);
                let (down, up) = crossings.fold((0, 0), |(down, up), crossing| {
                    (down + crossing.down, up + crossing.up)
                });
                // What leaves for the outside is complete.
                let partial = match count.tensor + 1 == self.context.stage.operation.tensors.len() {
                    true => [
                        count.reads.saturating_sub(count.complete_reads),
                        count.writes.saturating_sub(count.complete_writes),
                    ],
                    false => [0; 2],
                };
                accesses.push(Access {
                    memory,
                    operand: count.tensor,
                    reads: count.reads.saturating_sub(up),
                    writes: count.writes.saturating_sub(down),
                    partial,
                });
            }
        }
        let result = self.context.stage.operation.tensors.len();
        let hops = counts.boundaries.iter().flat_map(|boundary| {
            let crossings = boundary.tensors.iter();
            crossings.map(|crossing| {
                // Of a result all that pass are complete, or count as partial sums.
                let sums = crossing.tensor + 1 == result && crossing.up_complete < crossing.up;
                Hops {
                    operand: crossing.tensor,
                    count: if sums { 0 } else { crossing.hops },
                    partial: if sums { crossing.hops } else { 0 },
                }
            })
        });
        let hops = hops.filter(|hops| hops.count + hops.partial > 0).collect();
        (accesses, hops)
    }

    /// Reports what holds for all shapes: maps larger than every tile, and what the commonest one wastes.
    pub(super) fn conclude(
        &self,
        commonest: Option<usize>,
        sink: &mut Diagnostics,
    ) -> Result<Vec<Diagnostic>, Reported> {
        let Some(first) = self.shapes.first() else {
            return Ok(Vec::new());
        };
        let mut always = first.clipped.iter();
        let always = always.any(|span| {
            let mut shapes = self.shapes.iter();
            shapes.all(|shape| shape.clipped.contains(span))
        });
        let mut warnings = Vec::new();
        if always {
            // The largest tile has the fewest such maps.
            let largest = self.shapes.iter().max_by_key(|shape| shape.operations);
            let mut messages = Diagnostics::new();
            if let Some(largest) = largest {
                let _ = self.lowered(
                    largest.operation.clone(),
                    self.context.options,
                    &mut messages,
                );
                let over = |diagnostic: &&Diagnostic| diagnostic.code == Code::E0401;
                let found = messages.iter().filter(over);
                let found: Vec<Diagnostic> = found
                    .map(|diagnostic| self.about(diagnostic, &largest.operation))
                    .collect();
                if found.iter().any(Diagnostic::is_error) {
                    sink.extend(found);
                    return Err(Reported);
                }
                warnings.extend(found);
            }
        }
        if let Some(shape) = commonest.and_then(|shape| self.shapes.get(shape)) {
            let of_tile = shape.warnings.iter();
            warnings.extend(of_tile.map(|warning| self.about(warning, &shape.operation)));
        }
        Ok(warnings)
    }

    fn refusal(&self, refusal: &Refusal) -> Option<Diagnostic> {
        let Refusal::DoesNotServe { dim } = refusal else {
            return None;
        };
        let error = LowerError::does_not_serve(dim, self.context.layer, &self.context.accelerator);
        Some(error.to_diagnostic())
    }

    /// A message about a tile says that it is one.
    fn about(&self, diagnostic: &Diagnostic, tile: &Operation) -> Diagnostic {
        let mut diagnostic = diagnostic.clone();
        if diagnostic.severity == Severity::Warning && diagnostic.code == Code::E0401 {
            return diagnostic;
        }
        diagnostic.notes.push(format!(
            "in stage `{}` of `{}`, whose tile has {}",
            self.context.layer.name,
            self.context.group,
            self.sizes(tile)
        ));
        diagnostic
    }

    /// `K 32, P 1, Q 112`: extents of 1 in the layer are left out.
    fn sizes(&self, tile: &Operation) -> String {
        let operation = &self.context.stage.operation;
        let names = lower::operation(self.context.layer, &self.context.accelerator)
            .map(|desugared| desugared.rank_names)
            .unwrap_or_default();
        let sizes = operation.ranks.iter().zip(&tile.ranks).zip(&names);
        let parts: Vec<String> = sizes
            .filter(|((whole, _), _)| **whole > 1)
            .map(|((whole, part), name)| {
                if whole == part {
                    format!("{name} {part}")
                } else {
                    format!("{name} {part} (of {whole})")
                }
            })
            .collect();
        parts.join(", ")
    }

    fn refused(&self, reason: &str) -> GroupError {
        GroupError::Uncounted {
            code: Code::E0602,
            what: format!(
                "stage `{}` of `{}`",
                self.context.layer.name, self.context.group
            ),
            reason: reason.to_owned(),
            span: self.context.layer.name_span,
        }
    }
}

/// The time of a tile without what arrives first, over the position of every level, and what leaves in the end: they are
/// transfers of the group. The backing store of a tile is unbounded and reaches the memories of the group without an
/// array between, so that only their own ports take time.
fn inside(counts: &Counts, architecture: &Architecture) -> Work {
    let mut work = Work {
        cycles: counts.timing.cycles,
        busy: vec![[0; 2]; architecture.memories.len()],
    };
    for known in &counts.resources {
        if let Resource::Port { memory, port } = known.resource
            && let Some(busy) = work.busy.get_mut(memory)
        {
            busy[usize::from(port == Port::Write)] += known.busy_cycles;
        }
    }
    // By level: the longest arrival and the longest departure.
    let mut outside: BTreeMap<usize, [u64; 2]> = BTreeMap::new();
    for (at, memory) in architecture.memories.iter().enumerate().skip(1) {
        let crossings = counts.boundaries.iter();
        let crossings = crossings.filter(|known| known.parent == 0 && known.child == Some(at));
        let bits = crossings.fold([0u128; 2], |[down, up], known| {
            [
                down + u128::from(known.down_bits),
                up + u128::from(known.up_bits),
            ]
        });
        let write = memory
            .ports
            .write()
            .and_then(|rate| rate.cycles_for(bits[0]));
        let read = memory
            .ports
            .read()
            .and_then(|rate| rate.cycles_for(bits[1]));
        let [arrives, leaves] = [write, read].map(|cycles| cycles.unwrap_or(0));
        let level = outside.entry(memory.level).or_default();
        *level = [level[0].max(arrives), level[1].max(leaves)];
        if let Some([both, writes]) = work.busy.get_mut(at) {
            let one = matches!(memory.ports, Ports::One(_));
            *both = both.saturating_sub(leaves + if one { arrives } else { 0 });
            *writes = writes.saturating_sub(if one { 0 } else { arrives });
        }
    }
    for [arrives, leaves] in outside.into_values() {
        work.cycles = work.cycles.saturating_sub(arrives + leaves);
    }
    work
}

/// The same layer without loops, to be measured; `None` for numbers that are refused in any case.
fn unmapped(mapping: &Mapping) -> Option<Mapping> {
    let operation = &mapping.operation;
    let dims = operation.tensors.iter().flat_map(|tensor| &tensor.dims);
    let windows = operation.windows.iter().map(|window| window.extent);
    let mut extents = operation
        .ranks
        .iter()
        .copied()
        .chain(dims.map(|dim| dim.extent))
        .chain(windows);
    if extents.any(|extent| extent > legality::LARGEST) {
        return None;
    }
    let row = vec![Some(0); operation.tensors.len()];
    Some(Mapping::new(
        operation.clone(),
        mapping.architecture.clone(),
        Schedule {
            loops: Vec::new(),
            positions: vec![row; mapping.architecture.memories.len()],
            steps: 0,
            leaf: 0,
        },
    ))
}

/// The boxes of a tile, in order.
fn slices(tile: &BoxSet) -> Vec<Vec<Slice>> {
    tile.grids()
        .map(|grid| {
            grid.iter()
                .map(|run| Slice {
                    first: u64::try_from(run.lo).unwrap_or(0),
                    step: run.step,
                    count: run.count,
                })
                .collect()
        })
        .collect()
}

/// Equal for tiles that are the same layer.
fn signature(tile: &Operation) -> Vec<i64> {
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let mut key: Vec<i64> = tile.ranks.iter().map(|&extent| signed(extent)).collect();
    for window in &tile.windows {
        key.extend([window.stride, window.dilation, window.extent].map(signed));
    }
    key.extend(tile.tensors.last().map(|result| i64::from(result.bits)));
    for dim in tile.tensors.iter().flat_map(|tensor| &tensor.dims) {
        key.extend([dim.constant, signed(dim.extent)]);
        key.extend(dim.terms.iter().map(|term| term.coefficient));
    }
    key
}
