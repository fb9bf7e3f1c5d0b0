//! One `Layer { ... }`: from declared keys to a [`Shape`] with every size known.

use super::body::{Known, block, property, single, value};
use super::error::HirError;
use super::eval::describe;
use super::layer_type::{self, Declared, Slides, Type};
use super::scope::Context;
use super::shape::{Shape, Typed};
use super::sliding::sliding;
use super::value::{Value, is_fraction};
use super::{Formats, NamedTensor, PerRole, einsum};
use crate::base::{Ratio, Span};
use crate::diag::suggest::nearest;
use crate::syntax::ast::{self, Body};
use std::collections::BTreeMap;

/// Everything of a layer but its wiring and its dataflow.
pub(super) struct Parsed {
    pub type_name: &'static str,
    pub declared: Vec<(String, u64)>,
    pub shape: Shape,
    pub precision: Formats,
    pub density: PerRole<Option<Ratio>>,
    pub named: Vec<NamedTensor>,
}

/// The declared dimensions of a layer.
pub(super) struct Sizes<'a> {
    pub layer: &'a ast::Layer,
    /// Where a missing one is reported, and can be inserted.
    pub span: Span,
    insert: Option<Span>,
    values: Vec<(&'a str, u64, Span)>,
    /// Names whose value was wrong: they are not missing.
    pub wrong: Vec<&'a str>,
}

impl Sizes<'_> {
    pub(super) fn get(&self, name: &str) -> Option<(u64, Span)> {
        self.values
            .iter()
            .find(|value| value.0 == name)
            .map(|value| (value.1, value.2))
    }

    /// As [`Sizes::get`], and it is no longer among them.
    fn take(&mut self, name: &str) -> Option<(u64, Span)> {
        let at = self.values.iter().position(|value| value.0 == name)?;
        let (_, value, span) = self.values.remove(at);
        Some((value, span))
    }

    pub(super) fn or_one(&self, name: &str) -> Option<u64> {
        if self.wrong.contains(&name) {
            return None;
        }
        Some(self.get(name).map_or(1, |value| value.0))
    }

    pub(super) fn missing(&self, cx: &mut Context<'_>, name: &str) {
        if !self.wrong.contains(&name) {
            let insert = self.insert.map(|span| (span, format!(" {name}: 1,")));
            cx.error(HirError::Missing {
                what: format!("dimension {name}"),
                owner: format!("layer `{}`", self.layer.name),
                span: self.span,
                insert,
            });
        }
    }

    pub(super) fn need(&self, cx: &mut Context<'_>, name: &str) -> Option<u64> {
        if let Some((value, _)) = self.get(name) {
            return Some(value);
        }
        self.missing(cx, name);
        None
    }
}

/// Reads the layer; `None` when something was wrong (and reported).
pub(super) fn collect(cx: &mut Context<'_>, layer: &ast::Layer) -> Option<Parsed> {
    let before = cx.errors();
    let layer_type = type_of(cx, layer)?;
    Known {
        owner: "the layer",
        properties: &layer_type.properties(),
        blocks: layer_type.blocks(),
        repeated: &[],
        flags: &[],
        layers: true,
    }
    .check(cx, &layer.body);
    for inner in layer.body.entries.iter() {
        match inner {
            ast::Entry::Layer(inner) => cx.error(HirError::Unavailable {
                what: "a layer inside a layer".to_owned(),
                span: inner.name.span,
            }),
            ast::Entry::Compute(compute) if !layer_type.is_einsum() => {
                cx.error(HirError::Unavailable {
                    what: "`Compute` in a layer that is not an EINSUM".to_owned(),
                    span: compute.keyword,
                });
            }
            _ => {}
        }
    }
    let mut declared = Vec::new();
    let shape = if layer_type.is_einsum() {
        let einsum = einsum::collect(cx, layer);
        if let Some(einsum) = &einsum {
            declared.clone_from(&einsum.ranks);
        }
        einsum.map(Shape::Einsum)
    } else {
        dimensions(cx, layer, layer_type, &mut declared)
    };
    let mut named = Named::of(shape.as_ref());
    let precision = formats(cx, &layer.body, &mut named);
    let density = densities(cx, &layer.body, &mut named);
    let shape = shape?;
    if shape.points().is_none() || shape.output().is_none() {
        cx.error(HirError::Overflow {
            span: layer.name.span,
        });
        return None;
    }
    (cx.errors() == before).then_some(Parsed {
        type_name: layer_type.name(),
        declared,
        shape,
        precision,
        density,
        named: named.said,
    })
}

fn type_of(cx: &mut Context<'_>, layer: &ast::Layer) -> Option<Type> {
    let Some(found) = property(&layer.body, "Type") else {
        // Without a type the other keys are not judged; one that looks like it is.
        let meant = |key: &str| nearest(key, ["Type"]).is_some();
        if let Some(slip) = layer.body.properties().find(|p| meant(p.key.as_str())) {
            cx.error(HirError::UnknownKey {
                what: "key",
                key: slip.key.value.clone(),
                owner: "the layer".to_owned(),
                span: slip.key.span,
                suggestion: Some("Type".to_owned()),
                known: vec!["Type".to_owned(), "Inputs".to_owned()],
            });
            return None;
        }
        cx.error(HirError::Missing {
            what: "`Type`".to_owned(),
            owner: format!("layer `{}`", layer.name),
            span: layer.name.span,
            insert: None,
        });
        return None;
    };
    let expr = single(cx, found)?;
    if matches!(expr.kind, ast::ExprKind::Error) {
        return None;
    }
    let Some(name) = expr.as_name() else {
        cx.error(HirError::WrongKind {
            expected: "a layer type".to_owned(),
            found: describe(expr),
            span: expr.span,
        });
        return None;
    };
    let known = layer_type::called(name.as_str());
    if known.is_none() {
        cx.error(HirError::UnknownName {
            expected: "layer type",
            name: name.value.clone(),
            span: name.span,
            suggestion: layer_type::meant(name.as_str()).map(str::to_owned),
            found: None,
        });
    }
    known
}

/// The named sizes of a block such as `Dimensions { N: 1, K: 64 }`. Returns what unknown names probably mean.
pub(super) fn named<'a>(
    cx: &mut Context<'_>,
    body: &'a Body,
    owner: &str,
    known: &[&str],
    mut read: impl FnMut(&mut Context<'_>, &'a str, &'a ast::Expr),
) -> Vec<String> {
    let mut meant = Vec::new();
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for entry in &body.entries {
        let property = match entry {
            ast::Entry::Property(property) => property,
            ast::Entry::Error(_) => continue,
            other => {
                cx.error(HirError::WrongKind {
                    expected: "`name: value`".to_owned(),
                    found: "something else".to_owned(),
                    span: other.span(),
                });
                continue;
            }
        };
        let name = property.key.as_str();
        if let Some(&first) = seen.get(name) {
            cx.error(HirError::KeyTwice {
                key: name.to_owned(),
                span: property.key.span,
                first,
            });
            continue;
        }
        seen.insert(name, property.key.span);
        if !known.contains(&name) {
            let suggestion = ours(name, known)
                .or_else(|| nearest(name, known.iter().copied()))
                .map(str::to_owned);
            meant.extend(suggestion.clone());
            cx.error(HirError::UnknownDimension {
                name: name.to_owned(),
                owner: owner.to_owned(),
                span: property.key.span,
                suggestion,
                known: known.iter().map(|name| (*name).to_owned()).collect(),
            });
            continue;
        }
        match single(cx, property) {
            Some(expr) => read(cx, name, expr),
            // It has a value, which is wrong: it is not missing.
            None => meant.push(name.to_owned()),
        }
    }
    meant
}

/// What other tools call the dimensions of a layer.
fn ours(name: &str, known: &[&str]) -> Option<&'static str> {
    let ours = match name {
        "H" | "IH" | "HI" => "Y",
        "W" | "IW" | "WI" => "X",
        "OH" | "HO" | "OY" => "P",
        "OW" | "WO" | "OX" => "Q",
        "KH" | "FH" | "FY" | "HK" => "R",
        "KW" | "FW" | "FX" | "WK" => "S",
        "OC" | "M" | "F" => "K",
        "IC" | "CI" => "C",
        "B" | "NB" => "N",
        _ => return None,
    };
    known.contains(&ours).then_some(ours)
}

fn dimensions(
    cx: &mut Context<'_>,
    layer: &ast::Layer,
    layer_type: Type,
    declared: &mut Vec<(String, u64)>,
) -> Option<Shape> {
    let body = block(&layer.body, "Dimensions");
    let mut sizes = Sizes {
        layer,
        span: body.map_or(layer.name.span, |block| block.kind.span),
        insert: body.map(|block| {
            let span = block.body.span;
            Span::new(span.file(), span.lo() + 1, span.lo() + 1)
        }),
        values: Vec::new(),
        wrong: Vec::new(),
    };
    let only_one = layer_type
        .sizes
        .iter()
        .filter(|size| size.from == Declared::OnlyOne);
    let only_one: Vec<&str> = only_one.map(|size| size.name).collect();
    if let Some(block) = body {
        let owner = format!("a layer of type {}", layer_type.name());
        let dimensions = layer_type.dimensions();
        let known = [dimensions.as_slice(), &only_one].concat();
        let meant = named(cx, &block.body, &owner, &known, |cx, name, expr| {
            match cx.size(expr, &format!("`{name}`")) {
                Some(value) => sizes.values.push((name, value, expr.span)),
                None => sizes.wrong.push(name),
            }
        });
        let is_meant = |name: &&str| meant.iter().any(|meant| meant == *name);
        sizes.wrong.extend(dimensions.into_iter().filter(is_meant));
    }
    for name in only_one {
        if let Some((filters, span)) = sizes.take(name)
            && filters > 1
        {
            cx.error(HirError::FiltersOfChannel {
                layer: layer.name.value.clone(),
                filters,
                channels: sizes.get("C").map(|known| known.0),
                span,
            });
        }
    }
    let sizes = sizes;
    if body.is_none() {
        // One message for all of them.
        cx.error(HirError::Missing {
            what: "`Dimensions { ... }`".to_owned(),
            owner: format!("layer `{}`", layer.name),
            span: layer.name.span,
            insert: None,
        });
        return None;
    }
    declared.extend(
        sizes
            .values
            .iter()
            .map(|value| (value.0.to_owned(), value.1)),
    );
    let own = own_sizes(cx, &sizes, layer_type);
    let axes = match layer_type.slides {
        Slides::No => Some(None),
        slides => sliding(cx, &sizes, slides).map(Some),
    };
    let choice = choice(cx, &layer.body, layer_type);
    let (sizes, axes, ()) = (own?, axes?, choice?);
    Some(Shape::Typed(Typed {
        layer_type,
        sizes,
        axes,
    }))
}

/// The sizes that the row of the type lists.
fn own_sizes(
    cx: &mut Context<'_>,
    sizes: &Sizes<'_>,
    layer_type: Type,
) -> Option<Vec<(&'static str, u64)>> {
    let mut own: Vec<(&'static str, Option<u64>)> = Vec::new();
    for size in layer_type.sizes {
        let value = match size.from {
            Declared::OnlyOne => continue,
            Declared::OrOne => sizes.or_one(size.name),
            Declared::Needed | Declared::OfAllGroups => sizes.need(cx, size.name),
            Declared::Key(word) => match value(cx, &sizes.layer.body, word) {
                Some(expr) => cx.size(expr, &format!("`{word}`")),
                None => Some(1),
            },
        };
        own.push((size.name, value));
    }
    let own: Option<Vec<_>> = own
        .into_iter()
        .map(|(name, value)| Some((name, value?)))
        .collect();
    let mut own = own?;
    let groups = own.iter().find(|size| size.0 == "G").map(|size| size.1);
    let mut divides = true;
    for size in layer_type.sizes {
        if size.from == Declared::OfAllGroups
            && let Some(groups) = groups
            && let Some(known) = own.iter_mut().find(|known| known.0 == size.name)
        {
            match per_group(cx, sizes, size.name, known.1, groups) {
                Some(each) => known.1 = each,
                None => divides = false,
            }
        }
    }
    divides.then_some(own)
}

fn per_group(
    cx: &mut Context<'_>,
    sizes: &Sizes<'_>,
    dim: &'static str,
    size: u64,
    groups: u64,
) -> Option<u64> {
    if size.is_multiple_of(groups) {
        return Some(size / groups);
    }
    let span = sizes.get(dim).map_or(sizes.span, |value| value.1);
    cx.error(HirError::Indivisible {
        dim,
        size,
        groups,
        span,
    });
    None
}

/// Reports a word that the type does not know: `Op: mean`.
fn choice(cx: &mut Context<'_>, body: &Body, layer_type: Type) -> Option<()> {
    let Some((key, words)) = layer_type.choice else {
        return Some(());
    };
    let Some(expr) = value(cx, body, key) else {
        return Some(());
    };
    let known = expr
        .as_name()
        .is_some_and(|name| words.contains(&name.as_str()));
    if !known {
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        cx.error(HirError::WrongKind {
            expected: words.join(" or "),
            found: describe(expr),
            span: expr.span,
        });
    }
    known.then_some(())
}

const ROLES: [&str; 3] = ["Input", "Weight", "Output"];
/// What `Precision { ... }` knows.
pub(super) const FORMATS: [&str; 4] = ["Input", "Weight", "PartialSum", "Output"];

/// The tensors of an EINSUM, which `Precision` and `Density` may name; none of other layers.
#[derive(Default)]
struct Named {
    tensors: Vec<String>,
    said: Vec<NamedTensor>,
}

impl Named {
    fn of(shape: Option<&Shape>) -> Named {
        let einsum = shape.and_then(Shape::einsum);
        let tensors = einsum.into_iter().flat_map(|einsum| &einsum.tensors);
        let tensors = tensors.map(|tensor| tensor.name.clone()).collect();
        Named {
            tensors,
            said: Vec::new(),
        }
    }

    /// The words that a block of `roles` may hold here.
    fn words<'a>(&'a self, roles: &[&'a str]) -> Vec<&'a str> {
        let tensors = self.tensors.iter().map(String::as_str);
        let mut words: Vec<&str> = tensors.collect();
        words.extend(
            roles
                .iter()
                .filter(|role| !self.tensors.iter().any(|t| t == **role)),
        );
        words
    }

    /// What is said of the tensor called `name`, if it is one.
    fn entry(&mut self, name: &str) -> Option<&mut NamedTensor> {
        if !self.tensors.iter().any(|tensor| tensor == name) {
            return None;
        }
        let at = match self.said.iter().position(|known| known.name == name) {
            Some(at) => at,
            None => {
                self.said.push(NamedTensor {
                    name: name.to_owned(),
                    precision: None,
                    density: None,
                });
                self.said.len() - 1
            }
        };
        self.said.get_mut(at)
    }
}

/// `Precision { Input: INT8, PartialSum: INT32 }`, or `Precision: INT8` for all tensors.
pub(super) fn precisions(cx: &mut Context<'_>, body: &Body) -> Formats {
    formats(cx, body, &mut Named::default())
}

fn formats(cx: &mut Context<'_>, body: &Body, named_tensors: &mut Named) -> Formats {
    let mut formats = Formats::default();
    if let Some(expr) = value(cx, body, "Precision") {
        let all = cx.precision(expr);
        formats = Formats {
            input: all,
            weight: all,
            partial: None,
            output: all,
        };
    }
    if let Some(block) = block(body, "Precision") {
        let tensors = named_tensors.tensors.clone();
        let known = Named {
            tensors,
            said: Vec::new(),
        };
        let words = known.words(&FORMATS);
        named(cx, &block.body, "`Precision`", &words, |cx, word, expr| {
            let precision = cx.precision(expr);
            if let Some(tensor) = named_tensors.entry(word) {
                tensor.precision = precision;
                return;
            }
            match word {
                "Input" => formats.input = precision,
                "Weight" => formats.weight = precision,
                "PartialSum" => formats.partial = precision,
                _ => formats.output = precision,
            }
        });
    }
    formats
}

fn densities(
    cx: &mut Context<'_>,
    body: &Body,
    named_tensors: &mut Named,
) -> PerRole<Option<Ratio>> {
    let mut per = PerRole::default();
    let Some(block) = block(body, "Density") else {
        return per;
    };
    let known = Named {
        tensors: named_tensors.tensors.clone(),
        said: Vec::new(),
    };
    let words = known.words(&ROLES);
    named(cx, &block.body, "`Density`", &words, |cx, word, expr| {
        let ratio = match cx.value(expr) {
            Some(Value::Integer(1)) => Ratio::new(1, 1),
            Some(Value::Exact(ratio, None)) if is_fraction(ratio) => Some(ratio),
            Some(_) => {
                cx.error(HirError::WrongKind {
                    expected: "a fraction above 0 and at most 1".to_owned(),
                    found: describe(expr),
                    span: expr.span,
                });
                None
            }
            None => None,
        };
        if let Some(tensor) = named_tensors.entry(word) {
            tensor.density = ratio;
            return;
        }
        match word {
            "Input" => per.input = ratio,
            "Weight" => per.weight = ratio,
            _ => per.output = ratio,
        }
    });
    per
}
