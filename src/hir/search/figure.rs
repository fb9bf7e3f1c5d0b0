//! What is minimised and what must be kept: `pareto(energy, cycles)`, `capacity(GLB) <= 64KiB`.

use super::super::error::HirError;
use super::super::scope::Context;
use super::super::{Accelerator, Value};
use super::{
    FIGURES, Figure, Limit, Objective, Utilization, called, one, target, twice, unknown, wrong,
};
use crate::base::{Dimension, Ratio, Spanned};
use crate::syntax::ast::{self, CompareOp, Condition, ExprKind};
use crate::syntax::print::print_expr;

/// What is minimised; an inner `None` has been reported.
pub(super) fn objectives(
    cx: &mut Context<'_>,
    hardware: &Accelerator,
    property: &ast::Property,
) -> Option<Vec<Objective>> {
    let value = one(cx, property)?;
    let exprs: Vec<&ast::Expr> = match &value.kind {
        ExprKind::Call {
            function,
            arguments,
        } if function.to_string() == "pareto" => {
            if !(2..=3).contains(&arguments.len()) {
                wrong(
                    cx,
                    "two or three objectives: `pareto(energy, cycles)`",
                    value,
                );
                return None;
            }
            arguments.iter().map(|argument| &argument.value).collect()
        }
        _ => vec![value],
    };
    let mut found: Vec<Objective> = Vec::with_capacity(exprs.len());
    for expr in exprs {
        let figure = figure(cx, hardware, expr)?;
        if let Some(first) = found.iter().find(|known| known.figure == figure) {
            twice(cx, &print_expr(expr), expr.span, first.span);
            return None;
        }
        found.push(Objective {
            figure,
            span: expr.span,
        });
    }
    Some(found)
}

/// `edp`, `traffic(DRAM)`
pub(super) fn figure(
    cx: &mut Context<'_>,
    hardware: &Accelerator,
    expr: &ast::Expr,
) -> Option<Figure> {
    let (name, arguments) = called(cx, "a figure, such as `energy` or `traffic(DRAM)`", expr)?;
    let text = name.to_string();
    let plain = match text.as_str() {
        "energy" => Some(Figure::Energy),
        "cycles" => Some(Figure::Cycles),
        "edp" => Some(Figure::Edp),
        "e2dp" => Some(Figure::E2dp),
        "ed2p" => Some(Figure::Ed2p),
        "area" => Some(Figure::Area),
        "traffic" | "capacity" => None,
        "utilization" => {
            wrong(
                cx,
                "a figure; `where { utilization >= 0.8; }` asks for busy PEs, and the least cycles have the busiest",
                expr,
            );
            return None;
        }
        "power" | "pareto" => {
            cx.error(HirError::Unavailable {
                what: format!("`{text}` as a figure of a search"),
                span: name.span,
            });
            return None;
        }
        _ => {
            unknown(cx, "figure of a search", &text, name.span, FIGURES);
            return None;
        }
    };
    let figure = match (plain, arguments) {
        (Some(figure), []) => figure,
        (Some(_), _) => {
            wrong(cx, &format!("`{text}` without arguments"), expr);
            return None;
        }
        (None, [argument]) if argument.name.is_none() => {
            let Some(memory) = argument.value.as_name() else {
                wrong(cx, "the name of a memory", &argument.value);
                return None;
            };
            let memory = target::memory(cx, hardware, memory)?;
            if text == "traffic" {
                Figure::Traffic(memory)
            } else {
                Figure::Capacity(memory)
            }
        }
        (None, _) => {
            wrong(
                cx,
                &format!("the memory that is meant: `{text}(NAME)`"),
                expr,
            );
            return None;
        }
    };
    if figure.needs_energy() && hardware.technology.is_none() {
        cx.error(HirError::Missing {
            what: "`Technology`".to_owned(),
            owner: format!("the accelerator `{}`", hardware.name),
            span: expr.span,
            insert: None,
        });
        return None;
    }
    Some(figure)
}

/// What a condition asks for.
pub(super) enum Kept {
    Limit(Limit),
    /// At least this part of what all PEs could do, or of what a memory could hold.
    Utilization(Utilization),
}

/// `capacity(GLB) <= 64KiB`, `utilization >= 0.8`
pub(super) fn condition(
    cx: &mut Context<'_>,
    hardware: &Accelerator,
    condition: &Condition,
) -> Option<Kept> {
    if let Condition::Expr(expr) = condition
        && let ExprKind::Compare { op, left, right } = &expr.kind
        && let Some((name, arguments)) = left.as_call()
        && name.to_string() == "utilization"
    {
        let used = utilization(cx, hardware, op, (left, arguments), right);
        return used.map(|(memory, least)| {
            Kept::Utilization(Utilization {
                memory,
                least,
                span: expr.span,
            })
        });
    }
    limit(cx, hardware, condition).map(Kept::Limit)
}

/// `utilization(PE) >= 0.8`: with one array its name may stand there; `utilization(RF) >= 0.8` is of a memory.
fn utilization(
    cx: &mut Context<'_>,
    hardware: &Accelerator,
    op: &Spanned<CompareOp>,
    (left, arguments): (&ast::Expr, &[ast::Argument]),
    right: &ast::Expr,
) -> Option<(Option<usize>, Ratio)> {
    if op.value != CompareOp::GreaterEqual {
        cx.error(HirError::Unavailable {
            what: format!("`utilization` with `{}`, not `>=`,", op.value.sign()),
            span: op.span,
        });
        return None;
    }
    let name = match arguments {
        [one] => one.value.as_name().map(ToString::to_string),
        _ => None,
    };
    let mut memories = hardware.memories.iter();
    let memory = memories.position(|memory| Some(&memory.name) == name.as_ref());
    let is_the_array =
        matches!(hardware.arrays.as_slice(), [only] if Some(&only.name) == name.as_ref());
    if !arguments.is_empty() && memory.is_none() && !is_the_array {
        wrong(
            cx,
            "`utilization` of all PEs, without arguments or with the only array, or of a memory",
            left,
        );
        return None;
    }
    let value = cx.value(right)?;
    let is_plain = !matches!(value, Value::Exact(_, Some(_)));
    let fits = |share: &Ratio| share.numerator() > 0 && share.numerator() <= share.denominator();
    let found = value.number().filter(|share| is_plain && fits(share));
    if found.is_none() {
        wrong(cx, "a part of 1, such as `0.8`", right);
    }
    found.map(|share| (memory, share))
}

/// `capacity(GLB) <= 64KiB`
fn limit(cx: &mut Context<'_>, hardware: &Accelerator, condition: &Condition) -> Option<Limit> {
    let Condition::Expr(expr) = condition else {
        cx.fail_silently();
        return None;
    };
    let (left, right) = match &expr.kind {
        ExprKind::Compare { op, left, right } => match op.value {
            CompareOp::LessEqual => (left, right),
            _ => {
                let figure = figure(cx, hardware, left);
                figure?;
                cx.error(HirError::Unavailable {
                    what: format!("a condition with `{}`, not `<=`,", op.value.sign()),
                    span: op.span,
                });
                return None;
            }
        },
        ExprKind::Error => {
            cx.fail_silently();
            return None;
        }
        _ => {
            wrong(cx, "a condition, such as `capacity(GLB) <= 64KiB`", expr);
            return None;
        }
    };
    let figure = figure(cx, hardware, left)?;
    let value = cx.value(right)?;
    let (expected, dimension) = match figure {
        Figure::Energy => ("an energy", Some(Dimension::Energy)),
        Figure::Cycles => ("a number of cycles", Some(Dimension::Cycles)),
        Figure::Area => ("an area", Some(Dimension::Area)),
        Figure::Traffic(_) | Figure::Capacity(_) => ("a size", Some(Dimension::Size)),
        Figure::Edp | Figure::E2dp | Figure::Ed2p => ("a number without a unit", None),
    };
    let found = match value {
        Value::Integer(_) => None,
        Value::Exact(_, dimension) => dimension,
    };
    let number = value.number().map(|number| number.to_f64());
    match number {
        Some(most) if found.is_none() || found == dimension => Some(Limit {
            figure,
            most,
            span: expr.span,
        }),
        _ => {
            cx.error(HirError::WrongUnit {
                key: print_expr(left),
                expected: expected.to_owned(),
                found: value.describe(),
                span: right.span,
                instead: None,
            });
            None
        }
    }
}
