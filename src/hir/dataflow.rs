//! `Dataflow`: statements with their names numbered, and uses of dataflows with their arguments.

use super::error::HirError;
use super::eval::word;
use super::scope::{Context, Kind};
use super::{Application, Dataflow, DataflowBody, Parameter, Statement, StatementKind, Word};
use crate::base::Span;
use crate::diag::suggest::nearest;
use crate::syntax::ast::{self, DataflowUse, DirectiveKind};

/// The one dataflow that is made anew for every layer.
const STREAMING: &str = "std.dataflows.streaming";

/// More than anybody writes: bounds the work of every later stage.
const MAX_STATEMENTS: usize = 256;
const MAX_PARAMETERS: usize = 64;

/// Adds a named dataflow to the program.
pub(super) fn collect(cx: &mut Context<'_>, node: &ast::Dataflow) -> Option<usize> {
    let before = cx.errors();
    let mut parameters: Vec<Parameter> = Vec::new();
    if node.parameters.len() > MAX_PARAMETERS {
        cx.error(HirError::Unavailable {
            what: format!("a dataflow of more than {MAX_PARAMETERS} parameters"),
            span: node.name.span,
        });
        return None;
    }
    for parameter in &node.parameters {
        let name = &parameter.name;
        if let Some(first) = parameters.iter().find(|known| known.name == name.value) {
            let first = first.span;
            cx.error(HirError::DefinedTwice {
                what: "parameter",
                name: name.value.clone(),
                span: name.span,
                first,
            });
            continue;
        }
        // A default may use the constants, and `Sz` of the layer being mapped.
        let default = match &parameter.default {
            Some(expr) => Some(cx.symbolic(expr, &[])?),
            None => None,
        };
        parameters.push(Parameter {
            name: name.value.clone(),
            span: name.span,
            default,
        });
    }
    let on = match &node.on {
        Some(path) => Some(cx.resolve(Kind::Accelerator, path)?),
        None => None,
    };
    let names: Vec<String> = parameters
        .iter()
        .map(|parameter| parameter.name.clone())
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let streaming = cx.modules[cx.module].std_path.as_deref() == Some(STREAMING);
    let body = if streaming {
        Some(DataflowBody::Streaming)
    } else {
        statements(cx, &node.body, &names).map(DataflowBody::Statements)
    };
    if cx.errors() != before {
        return None;
    }
    cx.program.dataflows.push(Dataflow {
        name: Some(node.name.value.clone()),
        span: node.name.span,
        parameters,
        on,
        body: body?,
    });
    Some(cx.program.dataflows.len() - 1)
}

/// A use of a dataflow: by name with arguments, or written in place. `None` has been reported.
pub(super) fn apply(cx: &mut Context<'_>, usage: &DataflowUse) -> Option<Application> {
    match usage {
        DataflowUse::Inline(body) => {
            let before = cx.errors();
            let statements = statements(cx, body, &[])?;
            if cx.errors() != before {
                return None;
            }
            cx.program.dataflows.push(Dataflow {
                name: None,
                span: body.span,
                parameters: Vec::new(),
                on: None,
                body: DataflowBody::Statements(statements),
            });
            Some(Application {
                dataflow: cx.program.dataflows.len() - 1,
                arguments: Vec::new(),
                span: body.span,
            })
        }
        DataflowUse::Named(invocation) => {
            let dataflow = cx.resolve(Kind::Dataflow, &invocation.path)?;
            let arguments = arguments(cx, dataflow, invocation)?;
            Some(Application {
                dataflow,
                arguments,
                span: invocation.span,
            })
        }
    }
}

fn arguments(
    cx: &mut Context<'_>,
    dataflow: usize,
    invocation: &ast::Invocation,
) -> Option<Vec<(usize, super::Expr)>> {
    let parameters: Vec<(String, bool)> = cx.program.dataflows[dataflow]
        .parameters
        .iter()
        .map(|parameter| (parameter.name.clone(), parameter.default.is_some()))
        .collect();
    let name = invocation.path.to_string();
    let before = cx.errors();
    let mut bound: Vec<(usize, super::Expr)> = Vec::new();
    let mut spans: Vec<(usize, Span)> = Vec::new();
    for (position, argument) in invocation.arguments.iter().enumerate() {
        let parameter = match &argument.name {
            Some(name) => parameters.iter().position(|known| known.0 == name.value),
            None => (position < parameters.len()).then_some(position),
        };
        let Some(parameter) = parameter else {
            let known: Vec<String> = parameters.iter().map(|known| known.0.clone()).collect();
            let key = argument.name.as_ref().map_or_else(
                || format!("number {}", position + 1),
                |name| name.value.clone(),
            );
            cx.error(HirError::UnknownKey {
                what: "parameter",
                suggestion: nearest(&key, known.iter().map(String::as_str)).map(str::to_owned),
                key,
                owner: format!("the dataflow `{name}`"),
                span: argument
                    .name
                    .as_ref()
                    .map_or(argument.span, |name| name.span),
                known,
            });
            continue;
        };
        if let Some(&(_, first)) = spans.iter().find(|known| known.0 == parameter) {
            cx.error(HirError::KeyTwice {
                key: parameters[parameter].0.clone(),
                span: argument.span,
                first,
            });
            continue;
        }
        spans.push((parameter, argument.span));
        if let Some(expr) = cx.symbolic(&argument.value, &[]) {
            bound.push((parameter, expr));
        }
    }
    for (index, (parameter, has_default)) in parameters.iter().enumerate() {
        if !has_default && !spans.iter().any(|known| known.0 == index) {
            cx.error(HirError::Missing {
                what: format!("the argument `{parameter}`"),
                owner: format!("the use of `{name}`"),
                span: invocation.span,
                insert: None,
            });
        }
    }
    (cx.errors() == before).then_some(bound)
}

fn statements(
    cx: &mut Context<'_>,
    body: &ast::DataflowBody,
    parameters: &[&str],
) -> Option<Vec<Statement>> {
    if body.directives.len() > MAX_STATEMENTS {
        cx.error(HirError::Unavailable {
            what: format!("a dataflow of more than {MAX_STATEMENTS} statements"),
            span: body.span.start(),
        });
        return None;
    }
    let mut statements = Vec::with_capacity(body.directives.len());
    let mut complete = true;
    for directive in &body.directives {
        match statement(cx, directive, parameters) {
            Some(kind) => statements.push(Statement {
                kind,
                span: directive.span,
            }),
            None => complete = false,
        }
    }
    complete.then_some(statements)
}

fn statement(
    cx: &mut Context<'_>,
    directive: &ast::Directive,
    parameters: &[&str],
) -> Option<StatementKind> {
    match &directive.kind {
        DirectiveKind::TemporalMap { size, offset, dim }
        | DirectiveKind::SpatialMap { size, offset, dim } => {
            let (size, offset) = (
                cx.symbolic(size, parameters),
                cx.symbolic(offset, parameters),
            );
            Some(StatementKind::Map {
                spatial: matches!(directive.kind, DirectiveKind::SpatialMap { .. }),
                size: size?,
                offset: offset?,
                dim: word(dim),
            })
        }
        DirectiveKind::Cluster { size, .. } => Some(StatementKind::Cluster {
            size: cx.symbolic(size, parameters)?,
        }),
        DirectiveKind::At { memory, loops } => Some(StatementKind::At {
            memory: word(memory),
            loops: statements(cx, loops, parameters)?,
        }),
        DirectiveKind::Tile { dim, size } => Some(StatementKind::Tile {
            dim: word(dim),
            size: cx.symbolic(size, parameters)?,
        }),
        DirectiveKind::Spread {
            dim,
            size,
            array,
            axis,
        } => {
            let size = cx.symbolic(size, parameters);
            let axis = match axis {
                Some(axis) => Some(cx.symbolic(axis, parameters)?),
                None => None,
            };
            Some(StatementKind::Spread {
                dim: word(dim),
                size: size?,
                array: word(array),
                axis,
            })
        }
        DirectiveKind::Retain { tensors, memory } => Some(StatementKind::Retain {
            tensors: tensors.iter().map(tensor).collect(),
            memory: word(memory),
        }),
        DirectiveKind::Bypass { tensors, memory } => Some(StatementKind::Bypass {
            tensors: tensors.iter().map(tensor).collect(),
            memory: word(memory),
        }),
        DirectiveKind::Error => None,
    }
}

fn tensor(path: &ast::Path) -> Word {
    Word {
        text: path.to_string(),
        span: path.span,
    }
}
