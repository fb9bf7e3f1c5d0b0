//! Bodies with free keys, checked against the table of what their owner knows.

use super::error::HirError;
use super::scope::Context;
use crate::base::Span;
use crate::diag::suggest::nearest;
use crate::syntax::ast::{Block, Body, Entry, Expr, ExprKind, Name, Property};
use std::collections::BTreeMap;

/// What a body may hold. Names appear once, but for `repeated` blocks.
pub(super) struct Known<'a> {
    pub owner: &'static str,
    pub properties: &'a [&'static str],
    pub blocks: &'a [&'static str],
    /// Blocks that may come several times (`Memory`).
    pub repeated: &'a [&'static str],
    pub flags: &'a [&'static str],
    /// `Layer`, `Dataflow` and `Compute` entries are the owner's business.
    pub layers: bool,
}

impl<'a> Known<'a> {
    /// A body of properties only.
    pub(super) const fn properties(
        owner: &'static str,
        properties: &'a [&'static str],
    ) -> Known<'a> {
        Known {
            owner,
            properties,
            blocks: &[],
            repeated: &[],
            flags: &[],
            layers: false,
        }
    }

    /// Reports unknown and doubled keys of `body`.
    pub(super) fn check(&self, cx: &mut Context<'_>, body: &Body) {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for entry in &body.entries {
            let (key, known) = match entry {
                Entry::Property(property) => (&property.key, self.properties),
                Entry::Flag(name) => (name, self.flags),
                Entry::Block(block) if self.repeated.contains(&block.kind.as_str()) => continue,
                Entry::Block(block) => (&block.kind, self.blocks),
                Entry::Error(_) => continue,
                Entry::Layer(_)
                | Entry::Repeat(_)
                | Entry::Instance(_)
                | Entry::Persistent(_)
                | Entry::Dataflow(_)
                | Entry::Compute(_)
                    if self.layers =>
                {
                    continue;
                }
                Entry::Repeat(repeat) => {
                    cx.error(self.unavailable("a `repeat`", repeat.keyword));
                    continue;
                }
                Entry::Instance(block) => {
                    cx.error(self.unavailable("a `Block`", block.keyword));
                    continue;
                }
                Entry::Persistent(node) => {
                    cx.error(self.unavailable("`Persistent`", node.keyword));
                    continue;
                }
                Entry::Layer(layer) => {
                    cx.error(self.unavailable("a layer", layer.name.span));
                    continue;
                }
                Entry::Dataflow(dataflow) => {
                    cx.error(self.unavailable("a dataflow", dataflow.keyword));
                    continue;
                }
                Entry::Compute(compute) => {
                    cx.error(self.unavailable("`Compute`", compute.keyword));
                    continue;
                }
            };
            if let Some(&first) = seen.get(key.as_str()) {
                cx.error(HirError::KeyTwice {
                    key: key.value.clone(),
                    span: key.span,
                    first,
                });
                continue;
            }
            seen.insert(key.as_str(), key.span);
            // An equation that was not understood has been reported, and is no key of another kind.
            let is_equation = matches!(entry, Entry::Property(property)
                if key.as_str() == "Compute"
                    && property.values.iter().all(|value| matches!(value.kind, ExprKind::Error)));
            if is_equation && self.layers {
                cx.fail_silently();
                continue;
            }
            if !known.contains(&key.as_str()) {
                self.unknown(cx, key, entry);
            }
        }
    }

    /// `Stride { Y: 2, X: 2 }` for `Stride: 2`.
    fn by_axes(&self, key: &Name, entry: &Entry) -> Option<String> {
        let Entry::Property(property) = entry else {
            return None;
        };
        let [
            Expr {
                kind: ExprKind::Number(number),
                ..
            },
        ] = property.values.as_slice()
        else {
            return None;
        };
        let axes = match key.as_str() {
            "Stride" | "Padding" => ["Y", "X"],
            "Dilation" => ["R", "S"],
            _ => return None,
        };
        let value = (self.blocks.contains(&key.as_str()) && number.unit.is_none())
            .then(|| number.value.to_string())?;
        let [first, second] = axes;
        Some(format!("{key} {{ {first}: {value}, {second}: {value} }}"))
    }

    fn unavailable(&self, what: &str, span: Span) -> HirError {
        HirError::Unavailable {
            what: format!("{what} in {}", self.owner),
            span,
        }
    }

    fn unknown(&self, cx: &mut Context<'_>, key: &Name, entry: &Entry) {
        let mut all = [self.properties, self.blocks, self.repeated].concat();
        all.extend(
            self.flags
                .iter()
                .filter(|flag| !self.properties.contains(flag)),
        );
        if let Some(text) = self.by_axes(key, entry) {
            cx.error(HirError::NeedsAxes {
                key: key.value.clone(),
                text,
                span: entry.span(),
            });
            return;
        }
        if all.contains(&key.as_str()) {
            // Right word, wrong form: `Stride: 2` where a block is meant, `DoubleBuffered: true` ...
            let (expected, found) = match entry {
                Entry::Flag(_) => (
                    format!("`{key}: value` or `{key} {{ ... }}`"),
                    "a bare word",
                ),
                Entry::Block(_) => (format!("`{key}: value`"), "a block"),
                _ if self.flags.contains(&key.as_str()) => {
                    (format!("the bare word `{key}`"), "a value")
                }
                _ => (format!("`{key} {{ ... }}`"), "a value"),
            };
            cx.error(HirError::WrongKind {
                expected,
                found: found.to_owned(),
                span: key.span,
            });
            return;
        }
        cx.error(HirError::UnknownKey {
            what: "key",
            key: key.value.clone(),
            owner: self.owner.to_owned(),
            span: key.span,
            suggestion: nearest(key.as_str(), all.iter().copied()).map(str::to_owned),
            known: all.iter().map(|key| (*key).to_owned()).collect(),
        });
    }
}

/// The first property called `key`.
pub(super) fn property<'a>(body: &'a Body, key: &str) -> Option<&'a Property> {
    body.properties()
        .find(|property| property.key.as_str() == key)
}

/// The first block of that kind.
pub(super) fn block<'a>(body: &'a Body, kind: &str) -> Option<&'a Block> {
    body.blocks().find(|block| block.kind.as_str() == kind)
}

pub(super) fn flag(body: &Body, name: &str) -> bool {
    body.flags().any(|flag| flag.as_str() == name)
}

/// The one value of a property; complains about lists and arguments.
pub(super) fn single<'a>(cx: &mut Context<'_>, property: &'a Property) -> Option<&'a Expr> {
    match property.values.as_slice() {
        [value] if property.arguments.is_empty() => Some(value),
        _ => {
            cx.error(HirError::WrongKind {
                expected: format!("one value for `{}`", property.key),
                found: if property.arguments.is_empty() {
                    format!("{} values", property.values.len())
                } else {
                    "arguments".to_owned()
                },
                span: property.span,
            });
            None
        }
    }
}

/// The one value of the property `key`, if it is there.
pub(super) fn value<'a>(cx: &mut Context<'_>, body: &'a Body, key: &str) -> Option<&'a Expr> {
    single(cx, property(body, key)?)
}
