//! Where each memory's tile lies among the loops: `at` groups, `retain`, `bypass`, and what is left open.

use super::schedule::Builder;
use super::{LowerError, Refusal};
use crate::base::Span;
use crate::hir::{Statement, StatementKind, UnknownPart, Word};

impl Builder<'_, '_> {
    fn memory(&mut self, memory: &Word) -> Option<usize> {
        let hardware = self.hardware();
        let found = hardware.memory(&memory.text);
        if found.is_none() {
            let known = hardware.memory_names.clone();
            self.error(&LowerError::UnknownPart(UnknownPart::with_nearest(
                "memory",
                &memory.text,
                &self.request.accelerator.name,
                memory.span,
                known,
            )));
        }
        found
    }

    pub(super) fn group(
        &mut self,
        statement: &Statement,
        memory: &Word,
        loops: &[Statement],
    ) -> Result<(), Refusal> {
        let Some(memory) = self.memory(memory) else {
            return Ok(());
        };
        let level = self.hardware().levels[memory];
        let innermost = level == self.hardware().last_level();
        if innermost {
            self.inside.get_or_insert(self.loops.len());
        }
        for inner in loops {
            let outer_array = match &inner.kind {
                StatementKind::Spread { array, .. } => {
                    let hardware = self.hardware();
                    let first = hardware.first_inside();
                    let mut parts = hardware.parts.iter();
                    parts.all(|part| part.name != array.text || part.array < first)
                }
                StatementKind::Map { spatial, .. } => *spatial,
                StatementKind::Cluster { .. } => true,
                _ => false,
            };
            if innermost && outer_array {
                self.error(&LowerError::Misplaced {
                    what: "a spatial loop or a cluster over the tiles of the innermost memory",
                    span: inner.span,
                });
                continue;
            }
            self.statement(inner, Some(memory))?;
        }
        let position = self.loops.len();
        let levels = &self.target.hardware.levels;
        for (place, &inner) in self.grouped.iter_mut().zip(levels) {
            if inner == level + 1 && !innermost {
                *place = Some(position);
            }
        }
        // Groups come from the outside in: an inner one before this one has placed its memory too early.
        let early = self
            .grouped
            .iter()
            .zip(levels)
            .position(|(place, &inner)| inner > level + 1 && place.is_some());
        if let Some(early) = early {
            let names = &self.target.hardware.memory_names;
            let error = LowerError::OutOfOrder {
                inner: names[early].clone(),
                outer: names
                    .iter()
                    .zip(levels)
                    .find(|(_, inner)| **inner == level + 1)
                    .map_or_else(String::new, |(name, _)| name.clone()),
                span: statement.span,
            };
            self.error(&error);
        }
        Ok(())
    }

    pub(super) fn fix(&mut self, tensors: &[Word], memory: &Word, position: Option<usize>) {
        let Some(at) = self.memory(memory) else {
            return;
        };
        let names = &self.target.desugared.tensor_names;
        for word in tensors {
            // `layer.Input` is `Input` of this layer.
            let name = word.text.rsplit('.').next().unwrap_or_default();
            let found: Vec<usize> = names
                .iter()
                .enumerate()
                .filter(|(_, known)| *known == name)
                .map(|(tensor, _)| tensor)
                .collect();
            if found.is_empty() {
                self.error(&LowerError::UnknownTensor {
                    name: word.text.clone(),
                    layer: self.request.layer.name.clone(),
                    span: word.span,
                    known: names.clone(),
                });
            }
            for tensor in found {
                let role = self.target.desugared.operation.tensors[tensor].role;
                let holds = self.hardware().architecture.memories[at].holds;
                if position.is_some() && !holds.contains(role) {
                    self.error(&LowerError::NotHeld {
                        tensor: word.text.clone(),
                        memory: memory.text.clone(),
                        span: word.span,
                    });
                } else if at == 0 {
                    self.error(&LowerError::Misplaced {
                        what: "a place of one's own in the backing store",
                        span: memory.span,
                    });
                } else {
                    self.fixed[at][tensor] = Some(position);
                    if position.is_some_and(|place| place > self.innermost()) {
                        let names = &self.hardware().memory_names;
                        let error = LowerError::InsideTile {
                            memory: memory.text.clone(),
                            innermost: names.last().cloned().unwrap_or_default(),
                            span: word.span,
                        };
                        self.error(&error);
                    } else if let Some(position) = position {
                        self.check_arrays(at, position, word.span);
                    }
                }
            }
        }
    }

    /// A tile inside an array must lie inside the loops over that array, which follow only later.
    fn check_arrays(&mut self, memory: usize, position: usize, span: Span) {
        let above = self.hardware().architecture.memories[memory].arrays_above;
        let statements = self.request.statements;
        let clusters_before = |statement: &Statement| {
            let before = |other: &&Statement| other.span.lo() < statement.span.lo();
            let cluster = |other: &&Statement| matches!(other.kind, StatementKind::Cluster { .. });
            statements.iter().filter(before).filter(cluster).count()
        };
        let spread_later = |statement: &Statement| match &statement.kind {
            StatementKind::Spread { array, .. } => self
                .hardware()
                .parts
                .iter()
                .any(|part| part.name == array.text && part.array < above),
            StatementKind::Map { spatial: true, .. } => {
                let arrays = self.levels.get(clusters_before(statement));
                arrays.is_some_and(|arrays| arrays.iter().any(|&(array, _)| array < above))
            }
            _ => false,
        };
        let later = statements
            .iter()
            .flat_map(|statement| match &statement.kind {
                StatementKind::At { loops, .. } => loops.as_slice(),
                _ => std::slice::from_ref(statement),
            })
            .filter(|statement| statement.span.lo() > span.lo() && spread_later(statement))
            .count();
        if later > 0 && position < self.loops.len() + later {
            let name = self.hardware().memory_names[memory].clone();
            self.error(&LowerError::BeforeArray { memory: name, span });
        }
    }

    /// The innermost place that a `retain` gave in a memory: where its other tensors lie, too.
    fn retained(&self, memory: usize) -> Option<usize> {
        self.fixed[memory]
            .iter()
            .filter_map(|place| place.flatten())
            .max()
    }

    /// The tile of a memory inside an array lies behind the loops over that array, which follow the group of
    /// the memory outside.
    fn inside_arrays(&self, memory: usize, place: usize) -> usize {
        let above = self.hardware().architecture.memories[memory].arrays_above;
        let last = self
            .loops
            .iter()
            .rposition(|l| l.array().is_some_and(|array| array < above));
        place.max(last.map_or(0, |last| last + 1))
    }

    /// Row per memory, column per tensor.
    pub(super) fn positions(&mut self) -> Vec<Vec<Option<usize>>> {
        let innermost = self.innermost();
        let hardware = self.hardware();
        let operation = &self.target.desugared.operation;
        let last = hardware.last_level();
        let mut rows = Vec::with_capacity(hardware.levels.len());
        for (memory, &level) in hardware.levels.iter().enumerate() {
            let holds = hardware.architecture.memories[memory].holds;
            let row: Vec<Option<usize>> = operation
                .tensors
                .iter()
                .enumerate()
                .map(|(tensor, known)| {
                    if memory == 0 {
                        return Some(0);
                    }
                    if let Some(fixed) = self.fixed[memory][tensor] {
                        return fixed;
                    }
                    if !holds.contains(known.role) {
                        return None;
                    }
                    if level == last {
                        return Some(innermost);
                    }
                    let given = self.grouped[memory].map(|place| self.inside_arrays(memory, place));
                    Some(given.or(self.retained(memory)).unwrap_or(innermost))
                })
                .collect();
            rows.push(row);
        }
        self.check_order(&rows);
        rows
    }

    /// Along the chain of memories that hold a tensor, places never go outwards.
    fn check_order(&mut self, rows: &[Vec<Option<usize>>]) {
        let tensors = self.target.desugared.operation.tensors.len();
        let mut reported = Vec::new();
        for tensor in 0..tensors {
            let mut outer: Option<(usize, usize)> = None;
            for (memory, row) in rows.iter().enumerate() {
                // A provisional place can still move.
                let certain = memory == 0
                    || self.fixed[memory][tensor].is_some()
                    || self.grouped[memory].is_some()
                    || self.retained(memory).is_some()
                    || self.hardware().levels[memory] == self.hardware().last_level();
                let Some(position) = row[tensor].filter(|_| certain) else {
                    continue;
                };
                if let Some((further_out, place)) = outer
                    && place > position
                    && !reported.contains(&(memory, further_out))
                {
                    reported.push((memory, further_out));
                    let names = &self.hardware().memory_names;
                    let error = LowerError::OutOfOrder {
                        inner: names[memory].clone(),
                        outer: names[further_out].clone(),
                        span: self.request.dataflow.span,
                    };
                    self.error(&error);
                }
                outer = Some((memory, position));
            }
        }
    }

    /// Memories left to `legality::place`, and the pairs that are not.
    pub(super) fn choices(&self) -> (Vec<usize>, Vec<(usize, usize)>) {
        let hardware = self.hardware();
        let mut automatic = Vec::new();
        let mut fixed = Vec::new();
        for (memory, row) in self.fixed.iter().enumerate() {
            for (tensor, place) in row.iter().enumerate() {
                if place.is_some() {
                    fixed.push((memory, tensor));
                }
            }
            let holds = hardware.architecture.memories[memory].holds;
            let free = self
                .target
                .desugared
                .operation
                .tensors
                .iter()
                .zip(row)
                .any(|(tensor, place)| place.is_none() && holds.contains(tensor.role));
            let between = memory != 0
                && hardware.levels[memory] != hardware.last_level()
                && self.grouped[memory].is_none()
                && self.retained(memory).is_none();
            if between && free {
                automatic.push(memory);
            }
        }
        (automatic, fixed)
    }
}
