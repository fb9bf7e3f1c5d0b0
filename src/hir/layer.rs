//! One `Layer { ... }`: from declared keys to a [`Shape`] with every size known.

use super::body::{Known, block, property, single, value};
use super::error::HirError;
use super::eval::describe;
use super::scope::Context;
use super::shape::Shape;
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Conv,
    Grouped,
    Depthwise,
    Transposed,
    Fc,
    Gemm,
    Pool,
    Add,
    Lstm,
    Einsum,
}

const TYPES: [(&str, Type); 14] = [
    ("CONV", Type::Conv),
    ("GCONV", Type::Grouped),
    ("NGCONV", Type::Grouped),
    ("DWCONV", Type::Depthwise),
    ("DSCONV", Type::Depthwise),
    ("TRCONV", Type::Transposed),
    ("FC", Type::Fc),
    ("GEMM", Type::Gemm),
    ("POOL", Type::Pool),
    ("ADD", Type::Add),
    ("ELTWISE", Type::Add),
    ("RESIDUAL", Type::Add),
    ("LSTM", Type::Lstm),
    ("EINSUM", Type::Einsum),
];

/// The canonical spelling of a layer type, for `default FC: ...`; aliases give the type they stand for.
pub(super) fn canonical_type(name: &str) -> Option<&'static str> {
    let known = TYPES.iter().find(|known| known.0 == name)?.1;
    TYPES
        .iter()
        .find(|canonical| canonical.1 == known)
        .map(|canonical| canonical.0)
}

/// The type that a word spells.
pub(super) fn type_called(name: &str) -> Option<Type> {
    TYPES
        .iter()
        .find(|known| known.0 == name)
        .map(|known| known.1)
}

/// Spellings of all layer types.
pub(super) fn type_names() -> impl Iterator<Item = &'static str> {
    TYPES.iter().map(|known| known.0)
}

impl Type {
    pub(super) fn dimensions(self) -> &'static [&'static str] {
        match self {
            Type::Conv => &["N", "K", "C", "Y", "X", "Y'", "X'", "P", "Q", "R", "S"],
            Type::Grouped => &["N", "G", "K", "C", "Y", "X", "Y'", "X'", "P", "Q", "R", "S"],
            Type::Depthwise | Type::Pool => &["N", "C", "Y", "X", "Y'", "X'", "P", "Q", "R", "S"],
            Type::Transposed => &["N", "K", "C", "Y", "X", "R", "S"],
            Type::Fc => &["N", "K", "C"],
            Type::Gemm => &["B", "M", "N", "K"],
            Type::Add => &["N", "C", "Y", "X"],
            Type::Lstm => &["N", "D", "H"],
            Type::Einsum => &[],
        }
    }

    fn slides(self) -> bool {
        matches!(
            self,
            Type::Conv | Type::Grouped | Type::Depthwise | Type::Transposed | Type::Pool
        )
    }

    /// Properties beside `Type`, `Inputs`, `Precision` and `Density`.
    pub(super) fn properties(self) -> &'static [&'static str] {
        match self {
            Type::Conv | Type::Transposed => {
                &["Type", "Inputs", "Precision", "Description", "Groups"]
            }
            Type::Pool => &["Type", "Inputs", "Precision", "Description", "Op"],
            Type::Lstm => &["Type", "Inputs", "Precision", "Description", "Steps"],
            _ => &["Type", "Inputs", "Precision", "Description"],
        }
    }

    pub(super) fn blocks(self) -> &'static [&'static str] {
        if self == Type::Einsum {
            &["Ranks", "Extents", "Precision", "Density"]
        } else if self.slides() {
            &[
                "Dimensions",
                "Stride",
                "Padding",
                "Dilation",
                "Precision",
                "Density",
            ]
        } else {
            &["Dimensions", "Precision", "Density"]
        }
    }
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
        properties: layer_type.properties(),
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
            ast::Entry::Compute(compute) if layer_type != Type::Einsum => {
                cx.error(HirError::Unavailable {
                    what: "`Compute` in a layer that is not an EINSUM".to_owned(),
                    span: compute.keyword,
                });
            }
            _ => {}
        }
    }
    let mut declared = Vec::new();
    let shape = if layer_type == Type::Einsum {
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
        type_name: type_spelling(layer_type),
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
    let known = TYPES.iter().find(|known| known.0 == name.as_str());
    if known.is_none() {
        cx.error(HirError::UnknownName {
            expected: "layer type",
            name: name.value.clone(),
            span: name.span,
            suggestion: nearest(name.as_str(), type_names()).map(str::to_owned),
            found: None,
        });
    }
    known.map(|known| known.1)
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
        if let Some(expr) = single(cx, property) {
            read(cx, name, expr);
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
    if let Some(block) = body {
        let owner = format!("a layer of type {}", type_spelling(layer_type));
        // One filter a channel is what such a layer has; it may be said.
        let mut known = layer_type.dimensions().to_vec();
        known.extend((layer_type == Type::Depthwise).then_some("K"));
        let meant = named(cx, &block.body, &owner, &known, |cx, name, expr| {
            match cx.size(expr, &format!("`{name}`")) {
                Some(value) => sizes.values.push((name, value, expr.span)),
                None => sizes.wrong.push(name),
            }
        });
        let is_meant = |name: &&&str| meant.iter().any(|meant| meant == **name);
        sizes
            .wrong
            .extend(layer_type.dimensions().iter().filter(is_meant));
    }
    if layer_type == Type::Depthwise
        && let Some((filters, span)) = sizes.take("K")
        && filters > 1
    {
        cx.error(HirError::FiltersOfChannel {
            layer: layer.name.value.clone(),
            filters,
            channels: sizes.get("C").map(|known| known.0),
            span,
        });
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
    let n = sizes.or_one("N");
    match layer_type {
        Type::Fc => {
            let (k, c) = (sizes.need(cx, "K"), sizes.need(cx, "C"));
            Some(Shape::Fc {
                n: n?,
                k: k?,
                c: c?,
            })
        }
        Type::Gemm => {
            let (m, k) = (sizes.need(cx, "M"), sizes.need(cx, "K"));
            let n = sizes.need(cx, "N");
            Some(Shape::Gemm {
                b: sizes.or_one("B")?,
                m: m?,
                n: n?,
                k: k?,
            })
        }
        Type::Add => {
            let (c, y, x) = (
                sizes.need(cx, "C"),
                sizes.need(cx, "Y"),
                sizes.need(cx, "X"),
            );
            Some(Shape::Add {
                n: n?,
                c: c?,
                y: y?,
                x: x?,
            })
        }
        Type::Lstm => {
            let (d, h) = (sizes.need(cx, "D"), sizes.need(cx, "H"));
            let steps = match value(cx, &layer.body, "Steps") {
                Some(expr) => cx.size(expr, "`Steps`"),
                None => Some(1),
            };
            Some(Shape::Lstm {
                n: n?,
                d: d?,
                h: h?,
                steps: steps?,
            })
        }
        Type::Einsum => None,
        Type::Conv | Type::Grouped | Type::Depthwise | Type::Transposed | Type::Pool => {
            sliding(cx, &sizes, layer_type)
        }
    }
}

fn type_spelling(layer_type: Type) -> &'static str {
    TYPES
        .iter()
        .find(|known| known.1 == layer_type)
        .map_or("", |known| known.0)
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
        let tensors = match shape {
            Some(Shape::Einsum(einsum)) => einsum
                .tensors
                .iter()
                .map(|tensor| tensor.name.clone())
                .collect(),
            _ => Vec::new(),
        };
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
