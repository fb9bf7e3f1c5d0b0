//! Parameters of networks and accelerators, and what they are in one use.
//!
//! ```text
//! Accelerator npu(rows = 128, cols = rows, sram = 32MiB) { ... }      the values of the definition itself
//! Map net(S = 1) on npu(rows = 64) as decode { ... }                  rows 64, cols 64, sram 32 MiB
//! ```
//!
//! A definition is collected once with its defaults, so that everything in it is judged even if nobody uses it, and
//! once more for every other set of values. While it is collected its parameters are in
//! [`Context::locals`](super::scope::Context), before the constants.
//!
//! Invariants: a value has the kind and the dimension of the default; equal values make one program item; a message
//! about an item made for arguments says where these stand.

use super::error::HirError;
use super::scope::{Context, Definition, Kind};
use super::value::Value;
use super::{accelerator, network};
use crate::base::{Span, Unit};
use crate::diag::suggest::nearest;
use crate::syntax::ast::{self, Item};

/// More than anybody writes.
const MAX_PARAMETERS: usize = 64;

/// A parameter with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    pub name: String,
    pub value: Value,
    /// By an argument; else by the default.
    pub given: bool,
}

/// `npu(rows = 64)`: the name and what was given.
pub(super) fn label(name: &str, parameters: &[Bound]) -> String {
    let given = parameters.iter().filter(|parameter| parameter.given);
    let given: Vec<String> = given
        .map(|parameter| format!("{} = {}", parameter.name, parameter.value))
        .collect();
    if given.is_empty() {
        name.to_owned()
    } else {
        format!("{name}({})", given.join(", "))
    }
}

/// A parameter while its item is collected.
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub name: String,
    pub span: Span,
    pub state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    /// Stands behind the parameter that is being given its value.
    Later,
    Known(Value),
    /// Its default has no value, which has been reported.
    Wrong,
}

/// The parameters of an item that is made anew for arguments.
fn parameters(item: &Item) -> &[ast::Parameter] {
    match item {
        Item::Accelerator(node) => &node.parameters,
        Item::Network(node) => &node.parameters,
        _ => &[],
    }
}

impl Context<'_> {
    /// Collects a network or an accelerator with the values `given` for some of its parameters.
    pub(super) fn make(
        &mut self,
        definition: Definition,
        given: &[(usize, Value)],
    ) -> Option<usize> {
        let modules = self.modules;
        let node = modules
            .get(definition.module)?
            .ast
            .items
            .get(definition.item)?;
        let module = std::mem::replace(&mut self.module, definition.module);
        let outer = std::mem::take(&mut self.locals);
        self.open.push(definition);
        let bound = self.values(definition, parameters(node), given);
        let id = match node {
            Item::Accelerator(node) => accelerator::collect(self, node, definition, &bound),
            Item::Network(node) => network::collect(self, node, definition, &bound),
            _ => None,
        };
        let complete = (self.locals.iter()).all(|local| matches!(local.state, State::Known(_)));
        self.locals = outer;
        self.module = module;
        self.open.pop();
        id.filter(|_| complete)
    }

    /// Gives every parameter its value: the given one, or that of its default, which may use those before it.
    fn values(
        &mut self,
        definition: Definition,
        nodes: &[ast::Parameter],
        given: &[(usize, Value)],
    ) -> Vec<Bound> {
        if let Some(node) = nodes.get(MAX_PARAMETERS) {
            self.error(HirError::Unavailable {
                what: format!("an item of more than {MAX_PARAMETERS} parameters"),
                span: node.name.span,
            });
        }
        for node in nodes.iter().take(MAX_PARAMETERS) {
            let name = &node.name;
            let first = self.locals.iter().find(|known| known.name == name.value);
            if let Some(first) = first.map(|known| known.span) {
                self.error(HirError::DefinedTwice {
                    what: "parameter",
                    name: name.value.clone(),
                    span: name.span,
                    first,
                });
            }
            self.locals.push(Local {
                name: name.value.clone(),
                span: name.span,
                state: State::Later,
            });
        }
        let mut bound = Vec::with_capacity(self.locals.len());
        for (at, node) in nodes.iter().enumerate().take(MAX_PARAMETERS) {
            let name = &node.name;
            let argument = given.iter().find(|given| given.0 == at);
            let value = match (argument, &node.default) {
                (Some((_, value)), _) => Some(*value),
                (None, Some(default)) => {
                    let value = self.value(default);
                    self.set_parameter(definition, name.as_str(), value, default)
                }
                (None, None) => {
                    self.error(HirError::NoDefault {
                        name: name.value.clone(),
                        span: name.span,
                    });
                    None
                }
            };
            if let Some(local) = self.locals.get_mut(at) {
                local.state = value.map_or(State::Wrong, State::Known);
            }
            bound.extend(value.map(|value| Bound {
                name: name.value.clone(),
                value,
                given: argument.is_some(),
            }));
        }
        bound
    }

    /// The program id of a network or an accelerator as it is used; `None` has been reported.
    pub(super) fn applied(&mut self, kind: Kind, node: &ast::Invocation) -> Option<usize> {
        let definition = self.find(kind, &node.path)?;
        self.need(kind, definition, node.span);
        let base = self.id(definition);
        if node.arguments.is_empty() {
            return base;
        }
        let modules = self.modules;
        let item = modules
            .get(definition.module)?
            .ast
            .items
            .get(definition.item)?;
        let known = parameters(item);
        let names: Vec<&str> = known.iter().map(|node| node.name.as_str()).collect();
        let before = self.errors();
        let owner = format!("the {} `{}`", kind.name(), node.path);
        let mut given = Vec::with_capacity(node.arguments.len());
        for (at, argument) in self.arguments(&owner, &names, &node.arguments) {
            let value = self.value(&argument.value);
            // Without a default instance its parameters have no kind to compare with.
            let default = base
                .and_then(|base| self.bound(kind, base))
                .and_then(|all| {
                    let all = all.iter();
                    all.map(|known| (known.name.as_str(), known.value))
                        .find(|known| Some(known.0) == names.get(at).copied())
                });
            let unit = known.get(at).and_then(|node| unit(node.default.as_ref()?));
            if let (Some(value), Some((name, default))) = (value, default) {
                let name = name.to_owned();
                let value = self.coerce(&name, value, default, unit, &argument.value);
                given.extend(value.map(|value| (at, value)));
            }
        }
        let base = base?;
        if self.errors() != before {
            return None;
        }
        self.instance(definition, kind, base, &given, node.span)
    }

    /// The parameters of an item of the program.
    fn bound(&self, kind: Kind, id: usize) -> Option<&[Bound]> {
        Some(match kind {
            Kind::Network => &self.program.networks.get(id)?.parameters,
            _ => &self.program.accelerators.get(id)?.parameters,
        })
    }

    fn instance(
        &mut self,
        definition: Definition,
        kind: Kind,
        base: usize,
        given: &[(usize, Value)],
        span: Span,
    ) -> Option<usize> {
        let defaults = self.bound(kind, base)?;
        let is_default = |given: &(usize, Value)| {
            defaults
                .get(given.0)
                .is_some_and(|known| known.value == given.1)
        };
        if given.iter().all(is_default) {
            return Some(base);
        }
        let mut key: Vec<(usize, Value)> = given.to_vec();
        key.sort_by_key(|given| given.0);
        let same = |known: &&Made| known.definition == definition && known.given == key;
        if let Some(known) = self.made.iter().find(same) {
            return known.id;
        }
        let outer = self.given.replace(span);
        let id = self.make(definition, &key);
        self.given = outer;
        self.made.push(Made {
            definition,
            given: key,
            id,
        });
        id
    }

    /// Which parameter each argument is for; what is none is reported, and left out.
    pub(super) fn arguments<'e>(
        &mut self,
        owner: &str,
        names: &[&str],
        arguments: &'e [ast::Argument],
    ) -> Vec<(usize, &'e ast::Argument)> {
        let mut found: Vec<(usize, &ast::Argument)> = Vec::with_capacity(names.len());
        for (position, argument) in arguments.iter().enumerate() {
            let parameter = match &argument.name {
                Some(name) => names.iter().position(|known| *known == name.as_str()),
                None => (position < names.len()).then_some(position),
            };
            let Some(parameter) = parameter else {
                let key = argument.name.as_ref().map_or_else(
                    || format!("number {}", position + 1),
                    |name| name.value.clone(),
                );
                self.error(HirError::UnknownKey {
                    what: "parameter",
                    suggestion: nearest(&key, names.iter().copied()).map(str::to_owned),
                    key,
                    owner: owner.to_owned(),
                    span: argument
                        .name
                        .as_ref()
                        .map_or(argument.span, |name| name.span),
                    known: names.iter().map(|name| (*name).to_owned()).collect(),
                });
                continue;
            };
            if let Some((_, first)) = found.iter().find(|known| known.0 == parameter) {
                self.error(HirError::KeyTwice {
                    key: names[parameter].to_owned(),
                    span: argument.span,
                    first: first.span,
                });
                continue;
            }
            found.push((parameter, argument));
        }
        found
    }

    /// A value in the kind and the dimension of the default; a bare number counts in the unit in which the default is
    /// written. `None` has been reported.
    pub(super) fn coerce(
        &mut self,
        name: &str,
        value: Value,
        default: Value,
        unit: Option<Unit>,
        expr: &ast::Expr,
    ) -> Option<Value> {
        let wrong = |expected: &str| HirError::WrongKind {
            expected: format!("{expected} for `{name}`"),
            found: value.describe().to_owned(),
            span: expr.span,
        };
        let error = match (default, value) {
            (Value::Integer(_), Value::Integer(_)) => return Some(value),
            (Value::Integer(_), Value::Exact(..)) => wrong("a whole number"),
            (Value::Exact(_, known), Value::Exact(_, found)) if known == found => {
                return Some(value);
            }
            (Value::Exact(_, None), Value::Exact(_, Some(_))) => wrong("a number without a unit"),
            (Value::Exact(_, dimension), bare) => match (dimension, unit, bare.number()) {
                (_, _, None) => wrong("a value of at least 0"),
                (None, _, Some(ratio)) => return Some(Value::Exact(ratio, None)),
                (Some(dimension), Some(unit), Some(ratio)) if bare.is_bare() => {
                    let Some(ratio) = ratio.checked_mul(unit.scale) else {
                        self.error(HirError::Overflow { span: expr.span });
                        return None;
                    };
                    return Some(Value::Exact(ratio, Some(dimension)));
                }
                (Some(dimension), ..) => HirError::WrongUnit {
                    key: name.to_owned(),
                    expected: format!("{} ({})", dimension.describe(), dimension.base_unit()),
                    found: value.describe(),
                    span: expr.span,
                    instead: None,
                },
            },
        };
        self.error(error);
        None
    }
}

/// What was made for arguments.
#[derive(Clone, Debug)]
pub(super) struct Made {
    definition: Definition,
    /// In the order of the parameters.
    given: Vec<(usize, Value)>,
    id: Option<usize>,
}

/// The unit in which a default is written.
pub(super) fn unit(default: &ast::Expr) -> Option<Unit> {
    match &default.kind {
        ast::ExprKind::Number(number) => number.unit,
        _ => None,
    }
}
