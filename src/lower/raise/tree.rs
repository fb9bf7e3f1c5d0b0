//! Statements of a dataflow as the tree that a parser would have made of their text.

use super::place;
use crate::base::Decimal;
use crate::hir::{Expr, ExprKind, Statement, StatementKind, Word};
use crate::syntax::ast;

/// The tree of all statements.
pub(super) fn body(statements: &[Statement]) -> ast::DataflowBody {
    ast::DataflowBody {
        directives: statements
            .iter()
            .map(|statement| ast::Directive {
                kind: directive(&statement.kind),
                span: place(0),
            })
            .collect(),
        span: place(0),
    }
}

fn directive(kind: &StatementKind) -> ast::DirectiveKind {
    use ast::DirectiveKind;
    match kind {
        StatementKind::Map {
            spatial,
            size,
            offset,
            dim,
        } => {
            let (size, offset, dim) = (number_of(size), number_of(offset), name(dim));
            if *spatial {
                DirectiveKind::SpatialMap { size, offset, dim }
            } else {
                DirectiveKind::TemporalMap { size, offset, dim }
            }
        }
        StatementKind::Cluster { size } => DirectiveKind::Cluster {
            size: number_of(size),
            kind: None,
        },
        StatementKind::At { memory, loops } => DirectiveKind::At {
            memory: name(memory),
            loops: body(loops),
        },
        StatementKind::Tile { dim, size } => DirectiveKind::Tile {
            dim: name(dim),
            size: number_of(size),
        },
        StatementKind::Spread {
            dim,
            size,
            array,
            axis,
        } => DirectiveKind::Spread {
            dim: name(dim),
            size: number_of(size),
            array: name(array),
            axis: axis.as_ref().map(number_of),
        },
        StatementKind::Retain { tensors, memory } => DirectiveKind::Retain {
            tensors: tensors.iter().map(path).collect(),
            memory: name(memory),
        },
        StatementKind::Bypass { tensors, memory } => DirectiveKind::Bypass {
            tensors: tensors.iter().map(path).collect(),
            memory: name(memory),
        },
    }
}

fn name(word: &Word) -> ast::Name {
    ast::Name::new(word.text.clone(), word.span)
}

fn path(word: &Word) -> ast::Path {
    ast::Path {
        segments: vec![name(word)],
        span: word.span,
    }
}

/// Only numbers are raised: parameters and sizes of the layer have become numbers when it was lowered.
fn number_of(expr: &Expr) -> ast::Expr {
    let value = match expr.kind {
        ExprKind::Integer(value) => u64::try_from(value).unwrap_or(0),
        _ => 0,
    };
    let number = ast::Number {
        value: Decimal::integer(value),
        unit: None,
    };
    ast::Expr::new(ast::ExprKind::Number(number), expr.span)
}
