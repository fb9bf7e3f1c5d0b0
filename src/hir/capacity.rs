//! Whether a dataflow asks how large a memory is. `Size(PE)` of an array is no such question.

use super::{Application, Dataflow, DataflowBody, Expr, ExprKind, Statement, StatementKind};

/// Which names of an accelerator are memories.
type Memories<'a> = &'a dyn Fn(&str) -> bool;

impl Expr {
    /// Whether `Size(M)` of a memory is in it; trees are only as high as the parser allows.
    fn asks_capacity(&self, is_memory: Memories<'_>) -> bool {
        match &self.kind {
            ExprKind::Capacity(part, _) => is_memory(&part.text),
            ExprKind::Integer(_)
            | ExprKind::Parameter(_)
            | ExprKind::Size(_)
            | ExprKind::Stride(_) => false,
            ExprKind::PowerOfTwo(inner) | ExprKind::Negate(inner) | ExprKind::UpTo(inner) => {
                inner.asks_capacity(is_memory)
            }
            ExprKind::If(one) => [&one.left, &one.right, &one.then, &one.otherwise]
                .into_iter()
                .any(|part| part.asks_capacity(is_memory)),
            ExprKind::Operation(_, left, right) => {
                left.asks_capacity(is_memory) || right.asks_capacity(is_memory)
            }
        }
    }
}

impl Dataflow {
    /// Whether its use depends on the sizes of memories, by `Size(M)` or because it is made for what there is. `is_memory`: of
    /// the names that an accelerator has.
    #[must_use]
    pub fn asks_capacity(&self, used: &Application, is_memory: Memories<'_>) -> bool {
        let body = match &self.body {
            DataflowBody::Streaming => true,
            DataflowBody::Schedule(_) => false,
            DataflowBody::Statements(all) => all.iter().any(|one| statement(one, is_memory)),
        };
        let defaults = self
            .parameters
            .iter()
            .filter_map(|one| one.default.as_ref());
        let arguments = used.arguments.iter().map(|argument| &argument.1);
        let lets = self.lets.iter().map(|one| &one.value);
        body || defaults
            .chain(arguments)
            .chain(lets)
            .any(|one| one.asks_capacity(is_memory))
    }
}

/// Blocks are nested only as deep as the parser allows.
fn statement(one: &Statement, is_memory: Memories<'_>) -> bool {
    let asks = |one: &Expr| one.asks_capacity(is_memory);
    match &one.kind {
        StatementKind::Map { size, offset, .. } => asks(size) || asks(offset),
        StatementKind::Cluster { size } | StatementKind::Tile { size, .. } => asks(size),
        StatementKind::Spread { size, axis, .. } => asks(size) || axis.as_ref().is_some_and(asks),
        StatementKind::At { loops, .. } => loops.iter().any(|one| statement(one, is_memory)),
        StatementKind::Retain { .. } | StatementKind::Bypass { .. } => false,
    }
}
