//! `Dataflow`: statements with their names numbered, and uses of dataflows with their arguments.

use super::error::HirError;
use super::eval::word;
use super::scope::{Context, Definition, Kind};
use super::{Application, Dataflow, DataflowBody, Let, Parameter, Statement, StatementKind, Word};
use crate::base::Span;
use crate::syntax::ast::{self, DataflowUse, DirectiveKind};

/// The one dataflow that is made anew for every layer.
const STREAMING: &str = "std.dataflows.streaming";

/// More than anybody writes: bounds the work of every later stage.
const MAX_STATEMENTS: usize = 256;
const MAX_PARAMETERS: usize = 64;
const MAX_LETS: usize = 256;

/// Adds a named dataflow to the program.
pub(super) fn collect(
    cx: &mut Context<'_>,
    node: &ast::Dataflow,
    definition: Definition,
) -> Option<usize> {
    let before = cx.errors();
    let mut parameters: Vec<Parameter> = Vec::new();
    if node.parameters.len() > MAX_PARAMETERS {
        cx.error(HirError::Unavailable {
            what: format!("a dataflow of more than {MAX_PARAMETERS} parameters"),
            span: node.name.span,
        });
        return None;
    }
    let mut names: Vec<String> = Vec::with_capacity(node.parameters.len());
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
        // A default may use the constants, the parameters before it, and `Sz` of the layer being mapped.
        let default = match &parameter.default {
            Some(expr) => Some(cx.symbolic(expr, &names)?),
            None => None,
        };
        names.push(name.value.clone());
        let default = match cx.set_integer(definition, name.as_str()) {
            Some(value) => Some(super::Expr {
                kind: super::ExprKind::Integer(value?),
                span: name.span,
            }),
            None => default,
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
    let mut scope = Scope {
        spans: parameters.iter().map(|parameter| parameter.span).collect(),
        names,
        lets: Vec::new(),
    };
    let streaming = cx.modules[cx.module].std_path.as_deref() == Some(STREAMING);
    let body = if streaming {
        Some(DataflowBody::Streaming)
    } else {
        contents(cx, &node.body, &mut scope)
    };
    if cx.errors() != before {
        return None;
    }
    cx.program.dataflows.push(Dataflow {
        name: Some(node.name.value.clone()),
        span: node.name.span,
        parameters,
        lets: scope.lets,
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
            let mut scope = Scope::default();
            let contents = contents(cx, body, &mut scope)?;
            if cx.errors() != before {
                return None;
            }
            cx.program.dataflows.push(Dataflow {
                name: None,
                span: body.span,
                parameters: Vec::new(),
                lets: scope.lets,
                on: None,
                body: contents,
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
    let known: Vec<&str> = parameters.iter().map(|known| known.0.as_str()).collect();
    let owner = format!("the dataflow `{name}`");
    for (parameter, argument) in cx.arguments(&owner, &known, &invocation.arguments) {
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

/// The names of the numbers of a dataflow.
#[derive(Default)]
struct Scope {
    /// By number: parameters, then what `let` names; empty where the block of a `let` has ended.
    names: Vec<String>,
    spans: Vec<Span>,
    lets: Vec<Let>,
}

impl Scope {
    /// Whether `let name = value;` is right.
    fn define(&mut self, cx: &mut Context<'_>, name: &ast::Name, value: &ast::Expr) -> bool {
        if self.lets.len() >= MAX_LETS {
            cx.error(HirError::Unavailable {
                what: format!("a dataflow of more than {MAX_LETS} `let`s"),
                span: name.span,
            });
            return false;
        }
        let value = cx.symbolic(value, &self.names);
        let first = self.names.iter().position(|known| *known == name.value);
        if let Some(first) = first.and_then(|at| self.spans.get(at)) {
            cx.error(HirError::DefinedTwice {
                what: "number",
                name: name.value.clone(),
                span: name.span,
                first: *first,
            });
            return false;
        }
        let known = value.is_some();
        // What could not be read has a value all the same, so that nobody misses the name.
        let value = value.unwrap_or(super::Expr {
            kind: super::ExprKind::Integer(1),
            span: name.span,
        });
        self.names.push(name.value.clone());
        self.spans.push(name.span);
        self.lets.push(Let {
            name: name.value.clone(),
            span: name.span,
            value,
        });
        known
    }

    /// The names from number `from` on are forgotten; their numbers stay.
    fn leave(&mut self, from: usize) {
        for name in self.names.iter_mut().skip(from) {
            name.clear();
        }
    }
}

/// Directives, or a schedule that stands alone.
fn contents(
    cx: &mut Context<'_>,
    body: &ast::DataflowBody,
    scope: &mut Scope,
) -> Option<DataflowBody> {
    let named = body
        .directives
        .iter()
        .find_map(|directive| match &directive.kind {
            DirectiveKind::Schedule { words } => Some((directive, words)),
            _ => None,
        });
    let Some((directive, words)) = named else {
        return statements(cx, body, scope).map(DataflowBody::Statements);
    };
    if let Some(other) = body
        .directives
        .iter()
        .find(|other| !std::ptr::eq(*other, directive))
    {
        cx.error(HirError::Unavailable {
            what: "a directive beside a `Schedule`".to_owned(),
            span: other.span,
        });
        return None;
    }
    Some(DataflowBody::Schedule(schedule(words, directive.span)))
}

/// One name, or loops from the outermost on, which the name has the other way round.
fn schedule(words: &[ast::Name], span: Span) -> Word {
    let text = words.iter().rev().map(|word| word.as_str()).collect();
    Word { text, span }
}

fn statements(
    cx: &mut Context<'_>,
    body: &ast::DataflowBody,
    scope: &mut Scope,
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
    let outside = scope.names.len();
    for directive in &body.directives {
        if let DirectiveKind::Let { name, value } = &directive.kind {
            complete &= scope.define(cx, name, value);
            continue;
        }
        match statement(cx, directive, scope) {
            Some(kind) => statements.push(Statement {
                kind,
                span: directive.span,
            }),
            None => complete = false,
        }
    }
    scope.leave(outside);
    complete.then_some(statements)
}

fn statement(
    cx: &mut Context<'_>,
    directive: &ast::Directive,
    scope: &mut Scope,
) -> Option<StatementKind> {
    let parameters = &scope.names;
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
            loops: statements(cx, loops, scope)?,
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
        DirectiveKind::Schedule { .. } => {
            cx.error(HirError::Unavailable {
                what: "a `Schedule` inside of a block".to_owned(),
                span: directive.span,
            });
            None
        }
        // Named where the statements are listed.
        DirectiveKind::Let { .. } | DirectiveKind::Error => None,
    }
}

fn tensor(path: &ast::Path) -> Word {
    Word {
        text: path.to_string(),
        span: path.span,
    }
}
