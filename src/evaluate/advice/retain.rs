//! Another place for one tensor in one memory: `retain T in M` at each statement of the dataflow, from the outside in.

use super::Advisor;
use super::settings::Setting;
use crate::base::Span;
use crate::diag::Diagnostics;
use crate::hir::{DataflowBody, Statement, StatementKind, Word};
use crate::report::LayerReport;
use crate::report::advice::{Edit, Piece};

/// Before which statement: of the dataflow, or of one of its `at` blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    statement: usize,
    inside: Option<usize>,
}

/// A tensor and a memory.
struct Kept {
    tensor: String,
    memory: usize,
    memory_name: String,
}

/// Loops begin with these.
fn is_loop(statement: &Statement) -> bool {
    matches!(
        statement.kind,
        StatementKind::Map { .. } | StatementKind::Tile { .. } | StatementKind::Spread { .. }
    )
}

/// Places among the loops, from the outside in; before the first of a block is before the block.
fn points(statements: &[Statement]) -> Vec<Point> {
    let mut found = Vec::new();
    for (at, statement) in statements.iter().enumerate() {
        let before = Point {
            statement: at,
            inside: None,
        };
        match &statement.kind {
            StatementKind::At { loops, .. } => {
                found.push(before);
                let inner = loops.iter().enumerate().skip(1);
                found.extend(inner.filter(|(_, l)| is_loop(l)).map(|(inside, _)| Point {
                    statement: at,
                    inside: Some(inside),
                }));
            }
            _ if is_loop(statement) => found.push(before),
            _ => {}
        }
    }
    found
}

fn statement_at(statements: &[Statement], point: Point) -> Option<&Statement> {
    let outer = statements.get(point.statement)?;
    match (&outer.kind, point.inside) {
        (StatementKind::At { loops, .. }, Some(inside)) => loops.get(inside),
        _ => Some(outer),
    }
}

impl Kept {
    fn is_meant(&self, word: &Word) -> bool {
        word.text.rsplit('.').next() == Some(self.tensor.as_str())
    }

    /// Takes the tensor out of what the dataflow says of the memory; returns whether there was something.
    fn take_out(&self, statements: &mut [Statement]) -> bool {
        let mut found = false;
        for statement in statements {
            match &mut statement.kind {
                StatementKind::Retain { tensors, memory }
                | StatementKind::Bypass { tensors, memory }
                    if memory.text == self.memory_name =>
                {
                    let before = tensors.len();
                    tensors.retain(|word| !self.is_meant(word));
                    found |= tensors.len() < before;
                }
                StatementKind::At { loops, .. } => found |= self.take_out(loops),
                _ => {}
            }
        }
        found
    }

    /// The statements with `retain` at `point`, and whether it replaces another.
    fn placed(&self, statements: &[Statement], point: Point) -> Option<(Vec<Statement>, bool)> {
        let mut all = statements.to_vec();
        let moved = self.take_out(&mut all);
        let before = statement_at(statements, point)?.span;
        // It stands in front of that statement, as its text would: behind whatever is before it.
        let at = before.lo().saturating_sub(1);
        let span = Span::new(before.file(), at, at);
        let word = |text: &str| Word {
            text: text.to_owned(),
            span,
        };
        let new = Statement {
            kind: StatementKind::Retain {
                tensors: vec![word(&self.tensor)],
                memory: word(&self.memory_name),
            },
            span,
        };
        match point.inside {
            None => all.insert(point.statement, new),
            Some(inside) => match &mut all.get_mut(point.statement)?.kind {
                StatementKind::At { loops, .. } => loops.insert(inside, new),
                _ => return None,
            },
        }
        Some((all, moved))
    }
}

/// What is best so far.
struct Best {
    piece: Option<Piece>,
}

impl Best {
    fn offer(&mut self, piece: Piece, now: &Piece) {
        let saves = is_less(&piece, now);
        if saves && self.piece.as_ref().is_none_or(|best| is_less(&piece, best)) {
            self.piece = Some(piece);
        }
    }
}

/// Less energy; without a technology fewer bytes of the backing store, and then fewer cycles.
fn is_less(one: &Piece, other: &Piece) -> bool {
    match (one.energy_pj, other.energy_pj) {
        (Some(one), Some(other)) => one < other * (1.0 - super::SLACK),
        _ => (one.backing_bytes, one.cycles) < (other.backing_bytes, other.cycles),
    }
}

impl Advisor<'_> {
    /// The statements of the layer's dataflow, with their number, where a text could be changed.
    fn statements(&self) -> Option<(usize, Vec<Statement>)> {
        let program = &self.compiled.program;
        let map = program.maps.get(self.place.map)?;
        let assignment = map.assignments.get(self.place.layer)?;
        let number = assignment.application.as_ref()?.dataflow;
        let dataflow = program.dataflows.get(number)?;
        match &dataflow.body {
            DataflowBody::Statements(all) if !self.compiled.is_foreign(dataflow.span) => {
                Some((number, all.clone()))
            }
            _ => None,
        }
    }

    fn with_statements(&mut self, number: usize, all: Vec<Statement>) -> Option<LayerReport> {
        let slot = &mut self.compiled.program.dataflows.get_mut(number)?.body;
        let before = std::mem::replace(slot, DataflowBody::Statements(all));
        let found = self.evaluate();
        if let Some(dataflow) = self.compiled.program.dataflows.get_mut(number) {
            dataflow.body = before;
        }
        found
    }

    /// The same where a memory is as large as `bytes`; or unbounded, and then without a technology, which has prices for
    /// memories that there are.
    fn with_memory(
        &mut self,
        memory: usize,
        bytes: Option<u64>,
        (number, all): (usize, Vec<Statement>),
    ) -> Option<LayerReport> {
        let mut changed = self.hardware()?.clone();
        changed.memories.get_mut(memory)?.capacity_bits =
            bytes.map(|bytes| u128::from(bytes).saturating_mul(8));
        if bytes.is_none() {
            changed.technology = None;
        }
        self.on(changed, |advisor| advisor.with_statements(number, all))
    }

    /// Every tensor in every memory inside of the backing store that holds its kind.
    fn kept(&self) -> Option<Vec<Kept>> {
        let map = self.compiled.program.maps.get(self.place.map)?;
        let mut said = Diagnostics::new();
        let planned = self
            .compiled
            .plan_layer(map, self.place.layer, self.options, &mut said)?;
        // The default may have fallen back to streaming, which nobody has written.
        let lowered = planned.lowered.filter(|_| !planned.fallback)?;
        let architecture = &lowered.mapping.architecture;
        let mut found = Vec::new();
        for (memory, known) in architecture.memories.iter().enumerate().skip(1) {
            for (tensor, operand) in lowered.mapping.operation.tensors.iter().enumerate() {
                let tensor = lowered.names.tensors.get(tensor)?;
                let is_new = |kept: &Kept| kept.memory != memory || kept.tensor != *tensor;
                if known.holds.contains(operand.role) && found.iter().all(is_new) {
                    found.push(Kept {
                        tensor: tensor.clone(),
                        memory,
                        memory_name: lowered.names.memories.get(memory)?.clone(),
                    });
                }
            }
        }
        Some(found)
    }

    /// The place that saves most in memories as large as they are, and with one that is larger where that saves more.
    pub(super) fn retained(&mut self) -> (Option<Piece>, Option<Piece>) {
        let (Some((number, statements)), Some(kept)) = (self.statements(), self.kept()) else {
            return (None, None);
        };
        let now = Piece::new(Vec::new(), self.report);
        let (mut fits, mut larger) = (Best { piece: None }, Best { piece: None });
        for kept in kept {
            self.place(&kept, (number, &statements), &now, (&mut fits, &mut larger));
        }
        let more = match (&fits.piece, larger.piece) {
            (Some(fits), Some(larger)) => is_less(&larger, fits).then_some(larger),
            (_, larger) => larger,
        };
        (fits.piece, more)
    }

    /// One tensor in one memory: the outermost place that there is, with whatever it needs, and the outermost that fits.
    fn place(
        &mut self,
        kept: &Kept,
        (number, statements): (usize, &[Statement]),
        now: &Piece,
        (fits, larger): (&mut Best, &mut Best),
    ) {
        let memory = kept.memory;
        let mut enlarged = false;
        for point in points(statements) {
            let Some((all, moved)) = kept.placed(statements, point) else {
                continue;
            };
            let Some(edit) = self.edit(kept, statements, point, moved) else {
                continue;
            };
            if let Some(then) = self.with_statements(number, all.clone()) {
                fits.offer(Piece::new(vec![edit], &then), now);
                return;
            }
            if enlarged {
                continue;
            }
            let Some(then) = self.with_memory(memory, None, (number, all.clone())) else {
                continue;
            };
            let levels = then.mapping.as_ref().map(|mapping| &mapping.levels);
            let Some(needed) = levels.and_then(|levels| Some(levels.get(memory)?.required_bytes))
            else {
                continue;
            };
            let setting = Setting::Size { memory };
            let size = self.hardware().and_then(|now| setting.edit(now, needed));
            let then = self.with_memory(memory, Some(needed), (number, all));
            if let (Some(size), Some(then)) = (size, then) {
                larger.offer(Piece::new(vec![edit, size], &then), now);
                enlarged = true;
            }
        }
    }

    /// As the text says it.
    fn edit(
        &self,
        kept: &Kept,
        statements: &[Statement],
        point: Point,
        moved: bool,
    ) -> Option<Edit> {
        let before = statement_at(statements, point)?;
        let sources = &self.compiled.sources;
        let text = sources.text_of(before.span);
        let first = text.split(['{', '\n', ';']).next().unwrap_or_default();
        let file = sources.get(before.span.file())?;
        Some(Edit::Retain {
            tensor: kept.tensor.clone(),
            memory: kept.memory_name.clone(),
            before: first.trim().to_owned(),
            line: file.lines().line(before.span.lo()) as u32 + 1,
            library: file
                .name()
                .starts_with("<std>/")
                .then(|| file.name().to_owned()),
            moved,
        })
    }
}
