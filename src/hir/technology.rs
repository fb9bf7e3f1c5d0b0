//! `Technology`: a list of figures, kept as written.

use super::body::{Known, single};
use super::error::HirError;
use super::scope::Context;
use super::value::Value;
use super::{Technology, TechnologyArgument, TechnologyEntry};
use crate::base::Ratio;
use crate::syntax::ast::{self, Entry};

/// Adds the technology to the program.
pub(super) fn collect(cx: &mut Context<'_>, node: &ast::Definition) -> Option<usize> {
    let name = node.name.as_ref()?;
    let mut technology = Technology {
        name: name.value.clone(),
        name_span: name.span,
        extrapolate: false,
        entries: Vec::new(),
    };
    for entry in &node.body.entries {
        match entry {
            Entry::Flag(flag) if flag.as_str() == "extrapolate" => technology.extrapolate = true,
            // Words for people.
            Entry::Property(property) if property.key.as_str() == "Description" => {}
            Entry::Property(property) => {
                if let Some(entry) = figure(cx, &technology.name, property) {
                    technology.entries.push(entry);
                }
            }
            Entry::Error(_) => {}
            _ => {
                let body = ast::Body {
                    entries: vec![entry.clone()],
                    span: entry.span(),
                };
                Known {
                    owner: "a technology",
                    properties: &["action(...)"],
                    blocks: &[],
                    repeated: &[],
                    flags: &["extrapolate"],
                    layers: false,
                }
                .check(cx, &body);
            }
        }
    }
    cx.program.technologies.push(technology);
    Some(cx.program.technologies.len() - 1)
}

fn figure(
    cx: &mut Context<'_>,
    technology: &str,
    property: &ast::Property,
) -> Option<TechnologyEntry> {
    let [value] = property.values.as_slice() else {
        let _ = single(cx, property);
        return None;
    };
    let (value, dimension) = exact(cx, value)?;
    let mut arguments = Vec::with_capacity(property.arguments.len());
    let mut label = String::new();
    for argument in &property.arguments {
        if !label.is_empty() {
            label.push_str(", ");
        }
        let parsed = match argument.value.as_name() {
            Some(word) if cx.constant(&path_of(word)).is_none() => {
                TechnologyArgument::Word(word.value.clone())
            }
            _ => {
                let (negative, expr) = match &argument.value.kind {
                    ast::ExprKind::Negate(inner) => (true, &**inner),
                    _ => (false, &argument.value),
                };
                let (value, dimension) = exact(cx, expr)?;
                if negative {
                    label.push('-');
                }
                match &expr.kind {
                    ast::ExprKind::Number(number) => {
                        label.push_str(&number.value.to_string());
                        if let Some(unit) = number.unit {
                            label.push_str(&unit.to_string());
                        }
                    }
                    _ => {
                        label.push_str(&value.to_f64().to_string());
                        label.push_str(dimension.map_or("", |dimension| dimension.base_unit()));
                    }
                }
                TechnologyArgument::Quantity {
                    value,
                    dimension,
                    negative,
                }
            }
        };
        if let TechnologyArgument::Word(word) = &parsed {
            label.push_str(word);
        }
        arguments.push(parsed);
    }
    let action = property.key.value.clone();
    let label = if arguments.is_empty() {
        format!("{technology}: {action}")
    } else {
        format!("{technology}: {action}({label})")
    };
    Some(TechnologyEntry {
        action,
        arguments,
        value,
        dimension,
        span: property.span,
        label,
    })
}

fn path_of(name: &ast::Name) -> ast::Path {
    ast::Path {
        segments: vec![name.clone()],
        span: name.span,
    }
}

fn exact(
    cx: &mut Context<'_>,
    expr: &ast::Expr,
) -> Option<(Ratio, Option<crate::base::Dimension>)> {
    match cx.value(expr)? {
        Value::Exact(ratio, dimension) => Some((ratio, dimension)),
        Value::Integer(value) => {
            let ratio = u128::try_from(value).ok().and_then(|n| Ratio::new(n, 1));
            if ratio.is_none() {
                cx.error(HirError::WrongKind {
                    expected: "a figure of at least 0".to_owned(),
                    found: value.to_string(),
                    span: expr.span,
                });
            }
            Some((ratio?, None))
        }
    }
}
