//! Statements of a dataflow -> loops, and the place of every tile among them.
//!
//! Two passes. The first evaluates what depends on the layer (`Sz`, parameters) and writes the loops down
//! in order; the second knows how many there are and finds instances of `spread`s (from the inside out)
//! and positions.

use super::architecture::Hardware;
use super::around::{Around, NoValue};
use super::operation::View;
use super::pieces::Written;
use super::{LowerError, Lowered, Options, Refusal, Source, Target, prepare};
use crate::base::Span;
use crate::diag::{Diagnostics, Mistake};
use crate::hir::{
    Accelerator, Application, Dataflow, Expr, ExprKind, Layer, Statement, StatementKind,
    UnknownPart, Word,
};
use crate::ir::{Axis, Loop, LoopKind, Mapping, Move, Origin, Schedule, window_count};
use smallvec::smallvec;
use std::ops::Range;

/// More loops than anybody writes; bounds the work of every later stage.
const MAX_LOOPS: usize = 64;

pub(super) struct Request<'a> {
    pub layer: &'a Layer,
    pub accelerator: &'a Accelerator,
    pub dataflow: &'a Dataflow,
    pub statements: &'a [Statement],
    pub application: &'a Application,
    pub options: Options,
}

pub(super) fn lower(request: &Request<'_>, sink: &mut Diagnostics) -> Result<Lowered, Refusal> {
    let target = prepare(request.layer, request.accelerator, sink)?;
    lower_on(request, &target, sink)
}

/// As [`lower`]; `target` may be a part of the layer.
pub(super) fn lower_on(
    request: &Request<'_>,
    target: &Target<'_>,
    sink: &mut Diagnostics,
) -> Result<Lowered, Refusal> {
    let mut refusal = None;
    for &view in target.desugared.views() {
        // A view that does not serve has nothing to say.
        let (said, result) = lower_as(request, target, view);
        match result {
            Err(Refusal::DoesNotServe { dim }) => {
                refusal.get_or_insert(Refusal::DoesNotServe { dim });
            }
            result => {
                sink.extend(said.iter().cloned());
                return result;
            }
        }
    }
    Err(refusal.unwrap_or(Refusal::Invalid))
}

/// With one view; arrays that a level cuts in the middle are joined as long as nothing tells them apart.
fn lower_as(
    request: &Request<'_>,
    target: &Target<'_>,
    view: View,
) -> (Diagnostics, Result<Lowered, Refusal>) {
    let mut own: Option<Target<'_>> = None;
    loop {
        let mut said = Diagnostics::new();
        let on = own.as_ref().unwrap_or(target);
        match Builder::new(request, on, view, &mut said).run() {
            Ok(lowered) => return (said, Ok(lowered)),
            Err(Stop::Refused(refusal)) => return (said, Err(refusal)),
            Err(Stop::Join(run)) => {
                let hardware = on.hardware.joined(&run);
                own = Some(Target {
                    layer: on.layer,
                    desugared: on.desugared.clone(),
                    hardware,
                });
            }
        }
    }
}

/// Why a builder ends without loops.
pub(super) enum Stop {
    Refused(Refusal),
    /// A level cuts these arrays in the middle; they are alike.
    Join(Range<usize>),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refused(refusal)
    }
}

/// Where a name of the dataflow leads.
enum Found {
    Axis(Axis),
    /// A dimension of 1 that the operation does not spell out.
    Unit,
}

/// A spread whose instances are not known yet.
struct Pending {
    at: usize,
    part: usize,
    axis: Option<usize>,
}

/// How a loop was written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `TemporalMap`, `SpatialMap`
    Directive,
    /// `tile`, `spread`
    Loop,
}

pub(super) struct Builder<'a, 'b> {
    pub request: &'a Request<'a>,
    pub target: &'a Target<'a>,
    view: View,
    pub sink: &'b mut Diagnostics,
    parameters: Vec<i64>,
    pub loops: Vec<Loop>,
    pub(super) origins: Vec<Source>,
    /// By origin: how its size was written.
    pub(super) written: Vec<Written>,
    /// Per cluster level the arrays over which it distributes, and over how many instances of each.
    pub levels: Vec<Vec<(usize, u64)>>,
    pub level: usize,
    /// The spatial loop of the current cluster level, the first of those over several arrays.
    pub spatial: Option<usize>,
    pending: Vec<Pending>,
    /// Explicit position per memory, from `at` groups.
    pub grouped: Vec<Option<usize>>,
    /// Per memory and tensor: `retain` (some position) or `bypass` (none).
    pub fixed: Vec<Vec<Option<Option<usize>>>>,
    /// First loop inside the tile of the innermost memory.
    pub inside: Option<usize>,
    /// First loop over an array inside the innermost memory.
    pub inner_spread: Option<usize>,
    failed: bool,
}

impl<'a, 'b> Builder<'a, 'b> {
    fn new(
        request: &'a Request<'a>,
        target: &'a Target<'a>,
        view: View,
        sink: &'b mut Diagnostics,
    ) -> Builder<'a, 'b> {
        let memories = target.hardware.memory_names.len();
        let tensors = target.desugared.operation.tensors.len();
        Builder {
            request,
            target,
            view,
            sink,
            parameters: Vec::new(),
            loops: Vec::new(),
            origins: Vec::new(),
            written: Vec::new(),
            levels: Vec::new(),
            level: 0,
            spatial: None,
            pending: Vec::new(),
            grouped: vec![None; memories],
            fixed: vec![vec![None; tensors]; memories],
            inside: None,
            inner_spread: None,
            failed: false,
        }
    }

    pub(super) fn hardware(&self) -> &'a Hardware {
        &self.target.hardware
    }

    pub(super) fn error(&mut self, error: &LowerError) {
        let diagnostic = error.to_diagnostic();
        self.failed |= diagnostic.is_error();
        self.sink.push(diagnostic);
    }

    fn run(mut self) -> Result<Lowered, Stop> {
        self.bind_parameters()?;
        self.find_levels()?;
        self.steps();
        for statement in self.request.statements {
            self.statement(statement, None)?;
        }
        self.fit_pieces();
        self.count_spreads();
        let positions = self.positions();
        if self.loops.len() > MAX_LOOPS {
            self.error(&LowerError::Misplaced {
                what: "a dataflow of more than 64 loops",
                span: self.request.dataflow.span,
            });
        }
        if self.failed {
            return Err(Refusal::Invalid.into());
        }
        let steps = self.innermost();
        // With an array inside the innermost memory the loops of its tile are steps of the lanes; without,
        // they order the accesses of one.
        let hardware = self.hardware();
        let leaf = if hardware.first_inside() < hardware.architecture.arrays.len() {
            self.loops.len()
        } else {
            steps
        };
        let (automatic, fixed) = self.choices();
        Ok(Lowered {
            mapping: Mapping::new(
                self.target.desugared.operation.clone(),
                self.target.hardware.architecture.clone(),
                Schedule {
                    loops: self.loops,
                    positions,
                    steps,
                    leaf,
                },
            ),
            origins: self.origins,
            automatic,
            fixed,
            names: self.target.names(),
        })
    }

    // ---- numbers ----

    /// Arguments, then defaults, each of which may use the parameters before it; then what `let` names.
    fn bind_parameters(&mut self) -> Result<(), Refusal> {
        for (index, parameter) in self.request.dataflow.parameters.iter().enumerate() {
            let given = self
                .request
                .application
                .arguments
                .iter()
                .find(|argument| argument.0 == index)
                .map(|argument| &argument.1);
            let value = match given.or(parameter.default.as_ref()) {
                Some(expr) => self.number(expr)?,
                // Reported where the arguments were checked.
                None => return Err(Refusal::Invalid),
            };
            self.parameters.push(value);
        }
        for known in &self.request.dataflow.lets {
            let value = self.number(&known.value)?;
            self.parameters.push(value);
        }
        Ok(())
    }

    fn number(&mut self, expr: &Expr) -> Result<i64, Refusal> {
        let around = Around {
            layer: self.request.layer,
            desugared: &self.target.desugared,
            view: self.view,
            accelerator: self.request.accelerator,
        };
        let mut said = Vec::new();
        let value = around.value(expr, &self.parameters, &mut said);
        self.sink.extend(said);
        value.map_err(|why| {
            if let NoValue::Wrong(error) = &why {
                self.error(error);
            }
            why.into()
        })
    }

    /// A number of at least 1; what is not becomes 1 and is reported.
    pub(super) fn positive(&mut self, expr: &Expr, what: &'static str) -> Result<u64, Refusal> {
        let value = self.number(expr)?;
        match u64::try_from(value) {
            Ok(value) if value > 0 => Ok(value),
            _ => {
                self.error(&LowerError::NotPositive {
                    layer: self.request.layer.name.clone(),
                    what,
                    value,
                    span: expr.span,
                });
                Ok(1)
            }
        }
    }

    fn axis(&self, dim: &Word) -> Result<Found, Refusal> {
        match self.target.desugared.axis(self.view, &dim.text) {
            Some(axis) => Ok(Found::Axis(axis)),
            None if self.target.desugared.size(self.view, &dim.text) == Some(1)
                && self.view == View::MatrixProduct =>
            {
                Ok(Found::Unit)
            }
            None => Err(Refusal::DoesNotServe { dim: dim.clone() }),
        }
    }

    // ---- loops ----

    /// Place of the innermost memory, without one of its own that `retain` gives.
    pub(super) fn innermost(&self) -> usize {
        self.inside.unwrap_or(self.loops.len())
    }

    /// The loop over steps that follow one another, which nobody writes.
    fn steps(&mut self) {
        let Some(rank) = self.target.desugared.sequential else {
            return;
        };
        let layer = self.request.layer;
        let source = Source {
            span: layer.name_span,
            label: "Steps".to_owned(),
            size: None,
            offset: None,
            by_layer: false,
        };
        let origin = self.origin(source, Written::steps(layer.name_span));
        let step = Move {
            axis: Axis::Rank(rank),
            size: 1,
            offset: 1,
            origin,
        };
        self.push(
            step,
            LoopKind::Temporal,
            layer.name_span,
            Form::Directive,
            None,
        );
    }

    fn is_by_layer(&self, size: &Expr) -> bool {
        let parameters = self.request.dataflow.parameters.len();
        let is_open = match &size.kind {
            ExprKind::UpTo(most) => !matches!(most.kind, ExprKind::Integer(_)),
            _ => false,
        };
        is_open || size.has_parameter(&|at| at >= parameters)
    }

    fn origin(&mut self, source: Source, written: Written) -> Origin {
        self.origins.push(source);
        self.written.push(written);
        Origin(u32::try_from(self.origins.len() - 1).unwrap_or(u32::MAX))
    }

    /// `group` is the memory of the `at` block that the statement stands in.
    pub(super) fn statement(
        &mut self,
        statement: &Statement,
        group: Option<usize>,
    ) -> Result<(), Refusal> {
        match &statement.kind {
            StatementKind::Map {
                spatial,
                size,
                offset,
                dim,
            } => {
                let found = self.axis(dim)?;
                let size_value = self.positive(size, "the size of a map")?;
                let offset_value = self.positive(offset, "the offset of a map")?;
                let Found::Axis(axis) = found else {
                    return Ok(());
                };
                let word = if *spatial {
                    "SpatialMap"
                } else {
                    "TemporalMap"
                };
                let label = format!(
                    "{word}({},{}) {}",
                    size.label(size_value),
                    offset.label(offset_value),
                    dim.text
                );
                let source = Source {
                    span: statement.span,
                    label,
                    size: Some(size.span),
                    offset: Some(offset.span),
                    by_layer: self.is_by_layer(size) || self.is_by_layer(offset),
                };
                let origin = self.origin(source, Written::new(dim, size, Some(offset)));
                let step = Move {
                    axis,
                    size: size_value,
                    offset: offset_value,
                    origin,
                };
                if *spatial {
                    self.spatial_map(step, dim, statement.span, group);
                } else {
                    self.push(
                        step,
                        LoopKind::Temporal,
                        statement.span,
                        Form::Directive,
                        group,
                    );
                }
            }
            StatementKind::Cluster { .. } => {
                self.level += 1;
                self.spatial = None;
            }
            StatementKind::Tile { dim, size } => {
                let found = self.axis(dim)?;
                let value = self.positive(size, "the extent of a tile")?;
                let Found::Axis(axis) = found else {
                    return Ok(());
                };
                let label = format!("tile {} by {}", dim.text, size.label(value));
                let step = self.piece(axis, value, dim, label, size, statement.span);
                self.push(step, LoopKind::Temporal, statement.span, Form::Loop, group);
            }
            StatementKind::Spread {
                dim,
                size,
                array,
                axis,
            } => self.spread(statement, dim, size, array, axis.as_ref(), group)?,
            StatementKind::At { memory, loops } => {
                if group.is_some() {
                    self.error(&LowerError::Misplaced {
                        what: "`at` inside `at`",
                        span: statement.span,
                    });
                    return Ok(());
                }
                self.group(statement, memory, loops)?;
            }
            StatementKind::Retain { tensors, memory } => {
                let position = self.loops.len();
                self.fix(tensors, memory, Some(position));
            }
            StatementKind::Bypass { tensors, memory } => self.fix(tensors, memory, None),
        }
        Ok(())
    }

    /// A window that moves by its own extent.
    fn piece(
        &mut self,
        axis: Axis,
        value: u64,
        dim: &Word,
        label: String,
        size: &Expr,
        span: Span,
    ) -> Move {
        let source = Source {
            span,
            label,
            size: Some(size.span),
            offset: None,
            by_layer: self.is_by_layer(size),
        };
        let origin = self.origin(source, Written::new(dim, size, None));
        Move {
            axis,
            size: value,
            offset: value,
            origin,
        }
    }

    pub(super) fn push(
        &mut self,
        step: Move,
        kind: LoopKind,
        span: Span,
        form: Form,
        group: Option<usize>,
    ) {
        let hardware = self.hardware();
        let last = hardware.last_level();
        let innermost = group.is_some_and(|memory| hardware.levels.get(memory) == Some(&last));
        let name = || hardware.memory_names.last().cloned().unwrap_or_default();
        let inner = match kind {
            LoopKind::Spatial { array, .. } => array >= hardware.first_inside(),
            LoopKind::Temporal => false,
        };
        if inner {
            self.inside.get_or_insert(self.loops.len());
            self.inner_spread.get_or_insert(self.loops.len());
        } else if let Some(spread) = self.inner_spread {
            // Directives of one level come in any order; a temporal one behind is a step of the lanes.
            if form == Form::Loop || kind != LoopKind::Temporal {
                let first = self.loops.get(spread).map(|l| l.origin);
                let first = first.and_then(|origin| usize::try_from(origin.0).ok());
                let first = first.and_then(|index| self.origins.get(index));
                let error = LowerError::BehindInner {
                    memory: name(),
                    first: first.map_or(span, |source| source.span),
                    span,
                };
                self.error(&error);
            }
        } else if self.inside.is_some() && !innermost {
            self.error(&LowerError::OutOfOrder {
                inner: "the loops behind".to_owned(),
                outer: name(),
                span,
            });
        }
        self.loops.push(Loop {
            origin: step.origin,
            moves: smallvec![step],
            kind,
            level: u32::try_from(self.level).unwrap_or(u32::MAX),
        });
    }

    fn spread(
        &mut self,
        statement: &Statement,
        dim: &Word,
        size: &Expr,
        array: &Word,
        axis_index: Option<&Expr>,
        group: Option<usize>,
    ) -> Result<(), Refusal> {
        let found = self.axis(dim)?;
        let value = self.positive(size, "the extent of a piece")?;
        let hardware = self.hardware();
        let part = hardware
            .parts
            .iter()
            .position(|part| part.name == array.text);
        let Some(part) = part else {
            let known: Vec<String> = hardware
                .parts
                .iter()
                .map(|part| part.name.clone())
                .collect();
            self.error(&LowerError::UnknownPart(UnknownPart::with_nearest(
                "array",
                &array.text,
                &self.request.accelerator.name,
                array.span,
                known,
            )));
            return Ok(());
        };
        let mut over = array.text.clone();
        let axis_of_array = match axis_index {
            None => None,
            Some(expr) => {
                let index = self.number(expr)?;
                let known = usize::try_from(index)
                    .ok()
                    .filter(|&index| index < hardware.parts[part].axes);
                let Some(known) = known else {
                    let axes = hardware.parts[part].axes;
                    self.error(&LowerError::UnknownPart(UnknownPart {
                        what: "axis",
                        name: format!("{}[{index}]", array.text),
                        accelerator: self.request.accelerator.name.clone(),
                        span: expr.span,
                        suggestion: None,
                        known: (0..axes)
                            .map(|at| format!("{}[{at}]", array.text))
                            .collect(),
                    }));
                    return Ok(());
                };
                over = format!("{over}[{known}]");
                Some(known)
            }
        };
        let Found::Axis(axis) = found else {
            return Ok(());
        };
        let label = format!("spread {} by {} over {over}", dim.text, size.label(value));
        let step = self.piece(axis, value, dim, label, size, statement.span);
        self.pending.push(Pending {
            at: self.loops.len(),
            part,
            axis: axis_of_array,
        });
        let kind = LoopKind::Spatial {
            array: hardware.parts[part].array,
            instances: 1,
        };
        self.push(step, kind, statement.span, Form::Loop, group);
        Ok(())
    }

    /// Instances of the spreads, innermost first: what the pieces need of what the axis still has.
    fn count_spreads(&mut self) {
        let hardware = self.hardware();
        let mut left: Vec<Vec<u64>> = hardware
            .architecture
            .arrays
            .iter()
            .map(|array| array.shape.clone())
            .collect();
        for pending in self.pending.iter().rev() {
            let Some(step) = self.loops[pending.at].moves.first().copied() else {
                continue;
            };
            let enclosing = self.enclosing(step.axis, pending.at);
            let windows = window_count(enclosing, step.size, step.offset).max(1);
            let part = &hardware.parts[pending.part];
            let axes = match pending.axis {
                Some(axis) => part.first_axis + axis..part.first_axis + axis + 1,
                None => part.first_axis..part.first_axis + part.axes,
            };
            let Some(sizes) = left
                .get_mut(part.array)
                .and_then(|shape| shape.get_mut(axes))
            else {
                continue;
            };
            let available = sizes
                .iter()
                .fold(1u64, |product, &size| product.saturating_mul(size));
            let taken = windows.min(available).max(1);
            // What is left of several axes together counts as the first of them.
            for (at, size) in sizes.iter_mut().enumerate() {
                *size = if at == 0 { available / taken } else { 1 };
            }
            if let LoopKind::Spatial { instances, .. } = &mut self.loops[pending.at].kind {
                *instances = taken;
            }
        }
    }
}
