//! Whether a dataflow asks how large a memory is.

use super::{Application, Dataflow, DataflowBody, Expr, ExprKind, Statement, StatementKind};

impl Expr {
    /// Whether `Size(M)` is in it; trees are only as high as the parser allows.
    fn asks_capacity(&self) -> bool {
        match &self.kind {
            ExprKind::Capacity(..) => true,
            ExprKind::Integer(_)
            | ExprKind::Parameter(_)
            | ExprKind::Size(_)
            | ExprKind::Stride(_) => false,
            ExprKind::PowerOfTwo(inner) | ExprKind::Negate(inner) | ExprKind::UpTo(inner) => {
                inner.asks_capacity()
            }
            ExprKind::If(one) => [&one.left, &one.right, &one.then, &one.otherwise]
                .into_iter()
                .any(Expr::asks_capacity),
            ExprKind::Operation(_, left, right) => left.asks_capacity() || right.asks_capacity(),
        }
    }
}

impl Dataflow {
    /// Whether its use depends on the sizes of memories, by `Size(M)` or because it is made for what there is.
    #[must_use]
    pub fn asks_capacity(&self, used: &Application) -> bool {
        let body = match &self.body {
            DataflowBody::Streaming => true,
            DataflowBody::Schedule(_) => false,
            DataflowBody::Statements(all) => all.iter().any(statement),
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
            .any(Expr::asks_capacity)
    }
}

/// Blocks are nested only as deep as the parser allows.
fn statement(one: &Statement) -> bool {
    match &one.kind {
        StatementKind::Map { size, offset, .. } => size.asks_capacity() || offset.asks_capacity(),
        StatementKind::Cluster { size } | StatementKind::Tile { size, .. } => size.asks_capacity(),
        StatementKind::Spread { size, axis, .. } => {
            size.asks_capacity() || axis.as_ref().is_some_and(Expr::asks_capacity)
        }
        StatementKind::At { loops, .. } => loops.iter().any(statement),
        StatementKind::Retain { .. } | StatementKind::Bypass { .. } => false,
    }
}
