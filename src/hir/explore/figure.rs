//! What is minimised and what is kept: `pareto(cycles, energy)`, `area <= 16mm2`.

use super::super::Value;
use super::super::error::HirError;
use super::super::scope::Context;
use super::super::search::{twice, unknown, wrong};
use super::{Bound, FIGURES, Figure, Objective};
use crate::base::Dimension;
use crate::syntax::ast::{self, CompareOp, ExprKind};
use crate::syntax::print::print_expr;

/// All of `minimize: edp, pareto(cycles, energy)`; `None` has been reported.
pub(super) fn objectives(cx: &mut Context<'_>, property: &ast::Property) -> Option<Vec<Objective>> {
    let mut found: Vec<Objective> = Vec::with_capacity(property.values.len());
    for value in &property.values {
        let figures = objective(cx, value)?;
        if let Some(first) = found.iter().find(|known| known.figures == figures) {
            twice(cx, &print_expr(value), value.span, first.span);
            return None;
        }
        found.push(Objective {
            figures,
            span: value.span,
        });
    }
    Some(found)
}

fn objective(cx: &mut Context<'_>, value: &ast::Expr) -> Option<Vec<Figure>> {
    let ExprKind::Call {
        function,
        arguments,
    } = &value.kind
    else {
        return Some(vec![figure(cx, value)?]);
    };
    if function.to_string() != "pareto" {
        unknown(
            cx,
            "figure of a design",
            &function.to_string(),
            function.span,
            FIGURES,
        );
        return None;
    }
    if !(2..=3).contains(&arguments.len()) {
        wrong(cx, "two or three figures: `pareto(energy, cycles)`", value);
        return None;
    }
    let mut figures: Vec<Figure> = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let figure = figure(cx, &argument.value)?;
        if figures.contains(&figure) {
            wrong(cx, "another figure than before", &argument.value);
            return None;
        }
        figures.push(figure);
    }
    Some(figures)
}

fn figure(cx: &mut Context<'_>, expr: &ast::Expr) -> Option<Figure> {
    let Some(name) = expr.as_name() else {
        match &expr.kind {
            ExprKind::Error => cx.fail_silently(),
            _ => wrong(cx, "a figure, such as `energy` or `area`", expr),
        }
        return None;
    };
    Some(match name.as_str() {
        "energy" => Figure::Energy,
        "cycles" => Figure::Cycles,
        "edp" => Figure::Edp,
        "e2dp" => Figure::E2dp,
        "ed2p" => Figure::Ed2p,
        "area" => Figure::Area,
        "power" => Figure::Power,
        text => {
            unknown(cx, "figure of a design", text, name.span, FIGURES);
            return None;
        }
    })
}

/// `area <= 16mm2, power <= 450mW`; all with the same sign.
pub(super) fn bounds(
    cx: &mut Context<'_>,
    property: &ast::Property,
    sign: CompareOp,
) -> Option<Vec<Bound>> {
    let mut found = Vec::with_capacity(property.values.len());
    for value in &property.values {
        let example = format!("a bound, such as `area {} 16mm2`", sign.sign());
        let ExprKind::Compare { op, left, right } = &value.kind else {
            match &value.kind {
                ExprKind::Error => cx.fail_silently(),
                _ => wrong(cx, &example, value),
            }
            return None;
        };
        if op.value != sign {
            cx.error(HirError::WrongKind {
                expected: format!("`{}` in `{}`", sign.sign(), property.key),
                found: format!("`{}`", op.value.sign()),
                span: op.span,
            });
            return None;
        }
        let figure = figure(cx, left)?;
        found.push(Bound {
            figure,
            value: amount(cx, figure, left, right)?,
            span: value.span,
        });
    }
    Some(found)
}

/// In the unit of the figure.
fn amount(
    cx: &mut Context<'_>,
    figure: Figure,
    left: &ast::Expr,
    right: &ast::Expr,
) -> Option<f64> {
    let value = cx.value(right)?;
    let (expected, dimension) = match figure {
        Figure::Energy => ("an energy, such as `2mJ`", Some(Dimension::Energy)),
        Figure::Cycles => ("a number of cycles", Some(Dimension::Cycles)),
        Figure::Area => ("an area, such as `16mm2`", Some(Dimension::Area)),
        Figure::Power => ("a power, such as `450mW`", Some(Dimension::Power)),
        Figure::Edp | Figure::E2dp | Figure::Ed2p => ("a number without a unit", None),
    };
    let unit = match value {
        Value::Integer(_) => None,
        Value::Exact(_, dimension) => dimension,
    };
    // A bare number of cycles is one; a bare area would be one of some unit.
    let fits = unit == dimension || (unit.is_none() && figure == Figure::Cycles);
    match value.number().filter(|_| fits) {
        Some(number) => Some(number.to_f64()),
        None => {
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
