//! `--set NAME=VALUE`: constants and defaults of parameters that are given from outside of the files.
//!
//! `--set T=8` is for every constant, and every default of a network, an accelerator or a dataflow, that is called `T`
//! among what the file that was asked for knows; `--set npu.rows=64` for one of them. The value stays of the kind that
//! the file gives it: a bare number counts in the unit of the file.

use super::error::HirError;
use super::eval::describe;
use super::parameter::unit;
use super::scope::{Context, Definition, Kind};
use super::value::Value;
use crate::syntax::ast::{self, Expr, ExprKind, Item, Path};

/// What stands behind one `--set`.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// `T`, `npu.rows`
    pub path: Path,
    pub value: Expr,
}

/// A value that comes before that of a definition.
#[derive(Clone, Debug)]
pub(super) struct Override {
    definition: Definition,
    /// `None` for the value of a constant.
    parameter: Option<String>,
    value: Value,
    expr: Expr,
}

impl Context<'_> {
    /// Finds out what each setting is for; the last one counts.
    pub(super) fn settings(&mut self, settings: &[Setting]) {
        self.module = self.modules.len().saturating_sub(1);
        let mut overrides: Vec<Override> = Vec::new();
        for setting in settings {
            let Some(value) = self.plain(&setting.value) else {
                continue;
            };
            let mut known: Vec<String> = Vec::new();
            let mut found = false;
            for (definition, parameter, names) in self.settable() {
                if names.contains(&setting.path.to_string()) {
                    found = true;
                    overrides.push(Override {
                        definition,
                        parameter,
                        value,
                        expr: setting.value.clone(),
                    });
                }
                known.extend(names);
            }
            if !found {
                let name = setting.path.to_string();
                let suggestion = self.suggest(&name, known.iter().map(String::as_str));
                self.error(HirError::UnknownName {
                    expected: "constant or parameter",
                    name,
                    span: setting.path.span,
                    suggestion,
                    found: None,
                });
            }
        }
        overrides.reverse();
        self.set_overrides(overrides);
    }

    /// Everything that can be set: definition, parameter, and how it may be called.
    fn settable(&self) -> Vec<(Definition, Option<String>, Vec<String>)> {
        let mut all: Vec<(Definition, String)> = Vec::new();
        let mut found = Vec::new();
        for (kind, name, definition) in self.known() {
            match kind {
                Kind::Const => found.push((definition, None, vec![name])),
                _ => all.push((definition, name)),
            }
        }
        // Names of the library in full are in no scope.
        for item in self.modules.last().map_or(&[][..], |root| &root.ast.items) {
            let used: Vec<(Kind, &Path)> = match item {
                Item::Map(map) => vec![
                    (Kind::Network, &map.network.path),
                    (Kind::Accelerator, &map.accelerator.path),
                ],
                Item::Search(search) | Item::Explore(search) => {
                    let values = search.properties().filter_map(|property| {
                        let kind = match property.key.as_str() {
                            "network" => Kind::Network,
                            "on" => Kind::Accelerator,
                            _ => return None,
                        };
                        match &property.values.first()?.kind {
                            ExprKind::Path(path) | ExprKind::Call { function: path, .. } => {
                                Some((kind, path))
                            }
                            _ => None,
                        }
                    });
                    values.collect()
                }
                _ => Vec::new(),
            };
            for (kind, path) in used {
                let place = self.library(kind, path);
                all.extend(place.map(|at| (at, path.to_string())));
            }
        }
        for (definition, name) in all {
            let items = self
                .modules
                .get(definition.module)
                .map(|module| &module.ast.items);
            let parameters = match items.and_then(|items| items.get(definition.item)) {
                Some(Item::Accelerator(node)) => &node.parameters,
                Some(Item::Network(node)) => &node.parameters,
                Some(Item::Dataflow(node)) => &node.parameters,
                _ => continue,
            };
            for parameter in parameters {
                let own = &parameter.name.value;
                let names = vec![own.clone(), format!("{name}.{own}")];
                found.push((definition, Some(own.clone()), names));
            }
        }
        found
    }

    /// The value of a setting, in which there are no names.
    fn plain(&mut self, expr: &Expr) -> Option<Value> {
        if let Some(named) = name_in(expr) {
            self.error(HirError::WrongKind {
                expected: "a number or a quantity".to_owned(),
                found: describe(named),
                span: named.span,
            });
            return None;
        }
        self.value(expr)
    }

    fn override_of(&self, definition: Definition, parameter: Option<&str>) -> Option<Override> {
        let mut all = self.overrides().iter();
        all.find(|known| known.definition == definition && known.parameter.as_deref() == parameter)
            .cloned()
    }

    /// The value of a constant: what it was set to, if it was.
    pub(super) fn set_constant(
        &mut self,
        definition: Definition,
        node: &ast::Const,
        value: Option<Value>,
    ) -> Option<Value> {
        match self.override_of(definition, None) {
            Some(set) => {
                let name = node.name.as_str();
                self.coerce(name, set.value, value?, unit(&node.value), &set.expr)
            }
            None => value,
        }
    }

    /// The default of a parameter: what it was set to, if it was.
    pub(super) fn set_parameter(
        &mut self,
        definition: Definition,
        name: &str,
        value: Option<Value>,
        default: &Expr,
    ) -> Option<Value> {
        match self.override_of(definition, Some(name)) {
            Some(set) => self.coerce(name, set.value, value?, unit(default), &set.expr),
            None => value,
        }
    }

    /// The default of a parameter of a dataflow, which is a whole number, if it was set; an inner `None` has been
    /// reported.
    pub(super) fn set_integer(
        &mut self,
        definition: Definition,
        name: &str,
    ) -> Option<Option<i64>> {
        let set = self.override_of(definition, Some(name))?;
        let integer = Value::Integer(0);
        let value = self.coerce(name, set.value, integer, None, &set.expr);
        Some(value.and_then(|value| match value {
            Value::Integer(value) => Some(value),
            Value::Exact(..) => None,
        }))
    }
}

/// The first name in an expression, which is only as high as the parser allows.
fn name_in(expr: &Expr) -> Option<&Expr> {
    match &expr.kind {
        ExprKind::Path(_) | ExprKind::Index { .. } => Some(expr),
        ExprKind::Call { arguments, .. } => arguments
            .iter()
            .find_map(|argument| name_in(&argument.value)),
        ExprKind::Negate(inner) | ExprKind::UpTo(inner) => name_in(inner),
        ExprKind::Binary { left, right, .. } | ExprKind::Compare { left, right, .. } => {
            name_in(left).or_else(|| name_in(right))
        }
        ExprKind::List(items) | ExprKind::Tuple(items) => items.iter().find_map(name_in),
        ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Error => None,
    }
}
