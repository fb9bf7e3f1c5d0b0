//! What the right side of `Compute` reads: `exp(S[m,n] - M[m]) / D[m]` reads S, M and D.
//!
//! An expression is a tree of signs and functions of elements over tensors and numbers. Of that only the tensors
//! matter, and whether it is a product of several of them: how an element is computed from others moves nothing.

use super::error::HirError;
use super::eval::describe;
use super::scope::Context;
use super::value::Value;
use crate::diag::suggest::nearest;
use crate::syntax::ast::{self, BinaryOp, ExprKind};

/// Functions of one element.
const ELEMENT_FUNCTIONS: [&str; 14] = [
    "abs", "cos", "erf", "exp", "gelu", "log", "relu", "rsqrt", "sigmoid", "silu", "sin", "sqrt",
    "square", "tanh",
];

/// Functions of two elements.
const OF_TWO: [&str; 2] = ["max", "min"];

/// What an expression reads.
#[derive(Default)]
pub(super) struct Operands<'a> {
    /// Indexed tensors, left to right, repetitions included.
    pub tensors: Vec<&'a ast::Expr>,
    /// It is a product of at least two factors that read tensors.
    pub product: bool,
}

/// Reads the right side of an equation; what is wrong is reported.
pub(super) fn operands<'a>(cx: &mut Context<'_>, expr: &'a ast::Expr) -> Operands<'a> {
    let mut found = Operands::default();
    found.product = factors(cx, expr, &mut found.tensors) > 1;
    found
}

/// How many factors of a product read tensors; their tensors.
fn factors<'a>(cx: &mut Context<'_>, expr: &'a ast::Expr, into: &mut Vec<&'a ast::Expr>) -> usize {
    match &expr.kind {
        ExprKind::Binary { op, left, right } if op.value == BinaryOp::Multiply => {
            factors(cx, left, into).saturating_add(factors(cx, right, into))
        }
        _ => {
            let before = into.len();
            read(cx, expr, into);
            usize::from(into.len() > before)
        }
    }
}

fn read<'a>(cx: &mut Context<'_>, expr: &'a ast::Expr, into: &mut Vec<&'a ast::Expr>) {
    match &expr.kind {
        ExprKind::Index { .. } => into.push(expr),
        ExprKind::Binary { op, left, right } => {
            if op.value == BinaryOp::Remainder {
                wrong(cx, "`+`, `-`, `*` or `/` between elements", "`%`", op.span);
            }
            read(cx, left, into);
            read(cx, right, into);
        }
        ExprKind::Negate(inner) => read(cx, inner, into),
        ExprKind::Call {
            function,
            arguments,
        } => {
            call(cx, function, arguments, expr);
            for argument in arguments {
                read(cx, &argument.value, into);
            }
        }
        ExprKind::Number(number) => {
            if number.unit.is_some() {
                wrong(cx, "a plain number", "one with a unit", expr.span);
            }
        }
        ExprKind::Path(path) => match cx.constant(path) {
            Some(Some(Value::Exact(_, Some(_)))) => {
                wrong(cx, "a plain number", "one with a unit", expr.span);
            }
            Some(_) => {}
            None => not_a_tensor(cx, expr),
        },
        ExprKind::Error => {}
        _ => not_a_tensor(cx, expr),
    }
}

/// Whether a function of elements is one, with as many of them as it takes.
fn call(cx: &mut Context<'_>, function: &ast::Path, arguments: &[ast::Argument], call: &ast::Expr) {
    let name = function.to_string();
    let takes = if ELEMENT_FUNCTIONS.contains(&name.as_str()) {
        1
    } else if OF_TWO.contains(&name.as_str()) {
        2
    } else {
        let known = ELEMENT_FUNCTIONS.iter().chain(&OF_TWO).copied();
        cx.error(HirError::UnknownName {
            expected: "function of elements",
            suggestion: nearest(&name, known).map(str::to_owned),
            name,
            span: function.span,
            found: None,
        });
        return;
    };
    if arguments.len() != takes || arguments.iter().any(|argument| argument.name.is_some()) {
        let elements = |count: usize| match count {
            1 => "1 element".to_owned(),
            count => format!("{count} elements"),
        };
        let expected = format!("{} of `{name}`", elements(takes));
        wrong(cx, &expected, &elements(arguments.len()), call.span);
    }
}

fn not_a_tensor(cx: &mut Context<'_>, expr: &ast::Expr) {
    let expected = "an indexed tensor such as `Q[b, m]`";
    wrong(cx, expected, &describe(expr), expr.span);
}

fn wrong(cx: &mut Context<'_>, expected: &str, found: &str, span: crate::base::Span) {
    cx.error(HirError::WrongKind {
        expected: expected.to_owned(),
        found: found.to_owned(),
        span,
    });
}
