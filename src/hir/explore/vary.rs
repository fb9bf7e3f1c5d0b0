//! What is varied: `on: npu(rows = n, cols = n); vary n: 8..64 by 8; where { n != 24; }`.
//!
//! A varied name is a parameter of the accelerator, or stands as an argument of it (then one name may be the value of
//! several parameters). Its values have the kind and the unit of the parameter's default; a bare number counts in the
//! unit of the end of its range, else in that of the default. `vary l1: required;` has no values of its own: the size follows
//! from what the layers need on a design.

use super::super::Value;
use super::super::error::HirError;
use super::super::parameter::{Local, State, unit};
use super::super::scope::{Context, Kind};
use super::super::search::{called, one, wrong};
use super::super::value::binary;
use super::{Axis, Filter, owner};
use crate::base::{Span, Unit};
use crate::diag::suggest::nearest;
use crate::syntax::ast::{
    self, Argument, BinaryOp, Condition, Expr, ExprKind, Invocation, Item, Name, Pieces,
};
use std::cmp::Ordering;

/// Values of one name.
const MOST_VALUES: usize = 1 << 16;
/// Combinations for which the conditions of one exploration are asked, together: each is an evaluation of one.
const MOST_COMBINATIONS: usize = 1 << 19;
/// Designs of one exploration, the ones that conditions exclude counted too.
pub const MOST_DESIGNS: u64 = 1 << 32;

/// The accelerator with the arguments that are the same everywhere.
pub(super) struct Hardware {
    pub accelerator: usize,
    path: ast::Path,
    /// Of the definition, in order.
    parameters: Vec<ast::Parameter>,
    /// Arguments that are varied names: parameter and index into the `vary` statements.
    bound: Vec<(usize, usize)>,
}

/// `npu`, `npu(rows = n, bw = 4B/cycle)`; `None` has been reported.
pub(super) fn hardware(
    cx: &mut Context<'_>,
    property: &ast::Property,
    varied: &[&ast::Vary],
) -> Option<Hardware> {
    let value = one(cx, property)?;
    let (path, arguments) = called(cx, "the name of an accelerator", value)?;
    let before = cx.errors();
    let definition = cx.find(Kind::Accelerator, path)?;
    let modules = cx.modules;
    let item = modules
        .get(definition.module)?
        .ast
        .items
        .get(definition.item)?;
    let Item::Accelerator(node) = item else {
        return None;
    };
    let names: Vec<&str> = node
        .parameters
        .iter()
        .map(|node| node.name.as_str())
        .collect();
    let (mut bound, mut fixed) = (Vec::new(), Vec::new());
    for (at, argument) in cx.arguments(&owner(path), &names, arguments) {
        let name = argument.value.as_name();
        let axis = name.and_then(|name| {
            let mut all = varied.iter();
            all.position(|vary| vary.name.value == name.value)
        });
        match (axis, node.parameters.get(at)) {
            (Some(axis), _) => bound.push((at, axis)),
            (None, Some(parameter)) => fixed.push(Argument {
                name: Some(Name::new(parameter.name.value.clone(), argument.span)),
                ..argument.clone()
            }),
            (None, None) => {}
        }
    }
    if cx.errors() != before {
        return None;
    }
    let used = Invocation {
        path: path.clone(),
        arguments: fixed,
        span: value.span,
    };
    let accelerator = cx.applied(Kind::Accelerator, &used);
    if accelerator.is_none() && cx.errors() == before {
        // The accelerator is wrong, which has been said.
        cx.fail_silently();
    }
    Some(Hardware {
        accelerator: accelerator?,
        path: path.clone(),
        parameters: node.parameters.clone(),
        bound,
    })
}

/// All varied names with their values; `None` has been reported.
pub(super) fn axes(
    cx: &mut Context<'_>,
    hardware: &Hardware,
    varied: &[&ast::Vary],
) -> Option<Vec<Axis>> {
    let before = cx.errors();
    let mut axes = Vec::with_capacity(varied.len());
    for (index, vary) in varied.iter().enumerate() {
        axes.extend(axis(cx, hardware, index, vary));
    }
    if cx.errors() != before {
        return None;
    }
    let mut designs = 1u64;
    for axis in &axes {
        designs = designs.saturating_mul(axis.values.len() as u64);
        if designs > MOST_DESIGNS {
            let product: Vec<String> = axes
                .iter()
                .map(|axis| axis.values.len().to_string())
                .collect();
            cx.error(HirError::WrongKind {
                expected: format!("at most {MOST_DESIGNS} designs"),
                found: product.join(" x "),
                span: axis.span,
            });
            return None;
        }
    }
    Some(axes)
}

fn axis(cx: &mut Context<'_>, hardware: &Hardware, index: usize, vary: &ast::Vary) -> Option<Axis> {
    let name = &vary.name;
    let own = hardware
        .parameters
        .iter()
        .position(|known| known.name.value == name.value);
    let mut parameters: Vec<usize> = hardware
        .bound
        .iter()
        .filter(|known| known.1 == index)
        .map(|known| known.0)
        .collect();
    if parameters.is_empty() {
        match own {
            Some(own) if !hardware.bound.iter().any(|known| known.0 == own) => parameters.push(own),
            _ => {
                let known = hardware.parameters.iter().map(|known| known.name.as_str());
                let known: Vec<&str> = known.collect();
                cx.error(HirError::UnknownKey {
                    what: "parameter",
                    key: name.value.clone(),
                    owner: owner(&hardware.path),
                    span: name.span,
                    suggestion: nearest(name.as_str(), known.iter().copied()).map(str::to_owned),
                    known: known.iter().map(|&known| known.to_owned()).collect(),
                });
                return None;
            }
        }
    }
    let required = is_required(vary);
    let mut values: Option<Vec<Value>> = None;
    for &at in &parameters {
        let parameter = hardware.parameters.get(at)?;
        let bound = &cx
            .program
            .accelerators
            .get(hardware.accelerator)?
            .parameters;
        let default = bound
            .iter()
            .find(|known| known.name == parameter.name.value)?
            .value;
        let taker = Taker {
            name: parameter.name.as_str(),
            default,
            unit: parameter.default.as_ref().and_then(unit),
        };
        let found = if required {
            vec![default]
        } else {
            taker.values(cx, vary)?
        };
        match &values {
            Some(known) if *known != found => {
                cx.error(HirError::WrongKind {
                    expected: format!("the same values for all parameters that `{name}` is for"),
                    found: format!("another unit for `{}`", parameter.name),
                    span: name.span,
                });
                return None;
            }
            _ => values = Some(found),
        }
    }
    Some(Axis {
        name: name.value.clone(),
        span: name.span,
        parameters,
        values: values?,
        required,
    })
}

/// `vary l1: required;`
fn is_required(vary: &ast::Vary) -> bool {
    let Pieces::One(expr) = &vary.pieces else {
        return false;
    };
    vary.step.is_none() && expr.as_name().is_some_and(|name| name.value == "required")
}

/// A parameter for which values are made.
struct Taker<'a> {
    name: &'a str,
    default: Value,
    /// Of the default.
    unit: Option<Unit>,
}

impl Taker<'_> {
    fn values(&self, cx: &mut Context<'_>, vary: &ast::Vary) -> Option<Vec<Value>> {
        let span = vary.pieces.span();
        let found = match &vary.pieces {
            Pieces::Range { from, to, .. } => self.range(cx, from, to, vary.step.as_ref(), span)?,
            _ if vary.step.is_some() => {
                let step = vary.step.as_ref()?;
                cx.error(HirError::WrongKind {
                    expected: "a step behind a range `a..b` only".to_owned(),
                    found: "one behind other values".to_owned(),
                    span: step.span,
                });
                return None;
            }
            Pieces::One(expr) => match &expr.kind {
                ExprKind::Call {
                    function,
                    arguments,
                } if function.to_string() == "powers" => self.powers(cx, expr, arguments)?,
                _ => vec![self.value(cx, expr, self.unit)?],
            },
            Pieces::Set { sizes, span } => {
                let mut found: Vec<Value> = Vec::with_capacity(sizes.len());
                for size in sizes {
                    let value = self.value(cx, size, self.unit)?;
                    if found.contains(&value) {
                        return too(
                            cx,
                            "every value once",
                            format!("`{value}` again"),
                            size.span,
                        );
                    }
                    found.push(value);
                }
                if found.is_empty() {
                    return too(cx, "at least one value", "none".to_owned(), *span);
                }
                found
            }
        };
        Some(found)
    }

    /// In the kind and the unit of the parameter.
    fn value(&self, cx: &mut Context<'_>, expr: &Expr, unit: Option<Unit>) -> Option<Value> {
        let value = cx.value(expr)?;
        cx.coerce(self.name, value, self.default, unit, expr)
    }

    /// `8..64 by 8`, both ends included if the steps meet them.
    fn range(
        &self,
        cx: &mut Context<'_>,
        from: &Expr,
        to: &Expr,
        step: Option<&Expr>,
        span: Span,
    ) -> Option<Vec<Value>> {
        let unit = unit(to).or(self.unit);
        let last = self.value(cx, to, unit)?;
        let first = self.value(cx, from, unit)?;
        let one = Expr::new(
            ExprKind::Number(ast::Number {
                value: crate::base::Decimal::integer(1),
                unit: None,
            }),
            span,
        );
        let step = step.unwrap_or(&one);
        let by = self.value(cx, step, unit)?;
        if by.number().is_none_or(|by| by.numerator() == 0) {
            return too(cx, "a step of more than 0", format!("`{by}`"), step.span);
        }
        self.steps(cx, (first, last), span, |value| {
            Some(binary(BinaryOp::Add, value, by).ok()?.0)
        })
    }

    /// `powers(2, 64B, 4KiB)`: 64 B, 128 B, ... 4 KiB.
    fn powers(
        &self,
        cx: &mut Context<'_>,
        expr: &Expr,
        arguments: &[Argument],
    ) -> Option<Vec<Value>> {
        let [base, from, to] = arguments else {
            wrong(cx, "a base and two ends: `powers(2, 64, 1024)`", expr);
            return None;
        };
        let factor = super::super::search::whole(cx, &base.value, 2)?;
        let factor = Value::Integer(i64::try_from(factor).ok()?);
        let unit = unit(&to.value).or(self.unit);
        let last = self.value(cx, &to.value, unit)?;
        let first = self.value(cx, &from.value, unit)?;
        if first.number().is_none_or(|first| first.numerator() == 0) {
            return too(
                cx,
                "a first value of more than 0",
                format!("`{first}`"),
                from.value.span,
            );
        }
        self.steps(cx, (first, last), expr.span, |value| {
            Some(binary(BinaryOp::Multiply, value, factor).ok()?.0)
        })
    }

    /// From the first value on, as far as the last.
    fn steps(
        &self,
        cx: &mut Context<'_>,
        (first, last): (Value, Value),
        span: Span,
        next: impl Fn(Value) -> Option<Value>,
    ) -> Option<Vec<Value>> {
        let mut found = Vec::new();
        let mut value = Some(first);
        while let Some(known) = value {
            if known
                .compare(last)
                .is_none_or(|order| order == Ordering::Greater)
            {
                break;
            }
            if found.len() == MOST_VALUES {
                let most = format!("at most {MOST_VALUES} values");
                return too(cx, &most, "more".to_owned(), span);
            }
            found.push(known);
            value = next(known);
        }
        if found.is_empty() {
            return too(cx, "a range upwards", format!("{first}..{last}"), span);
        }
        Some(found)
    }
}

fn too<T>(cx: &mut Context<'_>, expected: &str, found: String, span: Span) -> Option<T> {
    cx.error(HirError::WrongKind {
        expected: expected.to_owned(),
        found,
        span,
    });
    None
}

/// The conditions of `where` as tables; `None` has been reported.
pub(super) fn filters(
    cx: &mut Context<'_>,
    axes: &[Axis],
    conditions: Option<&ast::Where>,
) -> Option<Vec<Filter>> {
    let mut found = Vec::new();
    let mut left = MOST_COMBINATIONS;
    for condition in conditions.map_or(&[][..], |node| &node.conditions) {
        let Condition::Expr(expr) = condition else {
            cx.fail_silently();
            return None;
        };
        let locals = axes.iter().map(|axis| Local {
            name: axis.name.clone(),
            span: axis.span,
            state: State::Wrong,
        });
        let outer = std::mem::replace(&mut cx.locals, locals.collect());
        let filter = filter(cx, axes, expr, left);
        cx.locals = outer;
        let filter = filter?;
        left -= filter.admits.len();
        found.push(filter);
    }
    Some(found)
}

/// One condition, of at most `left` combinations.
fn filter(cx: &mut Context<'_>, axes: &[Axis], expr: &Expr, left: usize) -> Option<Filter> {
    if !matches!(expr.kind, ExprKind::Compare { .. }) {
        match &expr.kind {
            ExprKind::Error => cx.fail_silently(),
            _ => wrong(cx, "a condition, such as `rows <= 2 * cols`", expr),
        }
        return None;
    }
    let names = expr.names();
    let mentioned: Vec<usize> = (0..axes.len())
        .filter(|&at| {
            axes.get(at)
                .is_some_and(|axis| names.contains(&axis.name.as_str()))
        })
        .collect();
    if mentioned.is_empty() {
        let known: Vec<String> = axes.iter().map(|axis| format!("`{}`", axis.name)).collect();
        return too(
            cx,
            &format!("a condition on what is varied: {}", known.join(", ")),
            "one that is the same everywhere".to_owned(),
            expr.span,
        );
    }
    let mut of = mentioned.iter().filter_map(|&at| axes.get(at));
    if let Some(axis) = of.find(|axis| axis.required) {
        return too(
            cx,
            "a condition on what has values",
            format!("`{}`, whose value is what is required", axis.name),
            expr.span,
        );
    }
    let lengths: Vec<usize> = mentioned
        .iter()
        .filter_map(|&at| axes.get(at))
        .map(|axis| axis.values.len())
        .collect();
    let combinations = lengths
        .iter()
        .try_fold(1usize, |product, &length| product.checked_mul(length))
        .filter(|&product| product <= left);
    let Some(combinations) = combinations else {
        let lengths: Vec<String> = lengths.iter().map(usize::to_string).collect();
        let most = format!("conditions with at most {MOST_COMBINATIONS} combinations together");
        return too(cx, &most, lengths.join(" x "), expr.span);
    };
    let mut admits = Vec::with_capacity(combinations);
    for combination in 0..combinations {
        let mut rest = combination;
        for (&at, &length) in mentioned.iter().zip(&lengths).rev() {
            let value = axes.get(at)?.values.get(rest % length)?;
            if let Some(local) = cx.locals.get_mut(at) {
                local.state = State::Known(*value);
            }
            rest /= length;
        }
        admits.push(cx.holds(expr)?);
    }
    if !admits.contains(&true) {
        return too(
            cx,
            "a condition that some design keeps",
            "one that excludes all".to_owned(),
            expr.span,
        );
    }
    Some(Filter {
        axes: mentioned,
        admits,
        span: expr.span,
    })
}
