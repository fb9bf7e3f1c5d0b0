//! `Explore name { ... }`: which layers, on which family of designs, how each design is used, and what counts as better.
//!
//! Problem: `on: npu(rows = n, cols = n); vary n: 8..64 by 8; budget: area <= 16mm2;` is a thousand accelerators in
//! three lines. Here every varied name has its values in the unit of the parameter that it is for, the conditions of
//! `where` are tables over the names that they mention, and the rest is layers, dataflows and figures.
//!
//! Invariant: an exploration without errors has at least one design, one layer, one objective and one way to use a
//! design; nothing that stands in its source is left out.

mod figure;
mod vary;

pub use vary::MOST_DESIGNS;

use super::error::HirError;
use super::scope::{Context, Kind};
use super::search::{Fc, called, fc, is_new, once, one, scope, target, twice, wrong};
use super::{Application, Value, Word, dataflow};
use crate::base::Span;
use crate::diag::suggest::nearest;
use crate::syntax::ast::{self, DataflowUse, ExprKind, Invocation, Item, SearchEntry};
use std::collections::BTreeMap;

/// A sweep over hardware.
#[derive(Clone, Debug, PartialEq)]
pub struct Explore {
    /// Behind the word, else `network on accelerator`.
    pub name: String,
    /// Of the word and the name.
    pub span: Span,
    /// Index into [`Program::networks`](super::Program::networks).
    pub network: usize,
    /// Indices into its layers, in its order.
    pub layers: Vec<usize>,
    /// Index into [`Program::accelerators`](super::Program::accelerators): with the arguments that are not varied.
    pub accelerator: usize,
    /// Name of a cost model; nobody said one: the default.
    pub model: Option<Word>,
    /// In source order: the last one changes fastest.
    pub axes: Vec<Axis>,
    /// What keeps a design out of the sweep.
    pub filters: Vec<Filter>,
    pub inside: Inside,
    /// Each with an answer of its own.
    pub objectives: Vec<Objective>,
    /// What a design must keep to be an answer.
    pub budget: Vec<Bound>,
    /// Among which designs the worst is looked for: those that reach all of these.
    pub worst: Option<Vec<Bound>>,
    /// The axis each of whose values has an answer of its own.
    pub each: Option<usize>,
    /// How the products of several layers are made.
    pub scope: Scope,
    /// How fully connected layers are charged; `None`: nobody said it.
    pub fc: Option<Fc>,
}

/// A varied name.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub name: String,
    pub span: Span,
    /// Parameters of the accelerator that have its value, by index.
    pub parameters: Vec<usize>,
    /// At least one, each once. Of one that is `required` the default: no value is its own.
    pub values: Vec<Value>,
    /// The size that the mappings of the layers require, on every design.
    pub required: bool,
}

/// A condition of `where`: which combinations of some axes are in the sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Indices into [`Explore::axes`], ascending.
    pub axes: Vec<usize>,
    /// One per combination of their values, the last axis fastest.
    pub admits: Vec<bool>,
    pub span: Span,
}

/// How a design is used.
#[derive(Clone, Debug, PartialEq)]
pub enum Inside {
    /// Every layer runs under the best of these.
    Dataflows(Vec<Application>),
    /// `strategy: adaptive`: the optimizer of the model, layer by layer.
    Adaptive(Span),
    /// `space deepopt`: every schedule of the model.
    Space(Word),
    /// `search: NAME`: what the search of that name (of [`Program::searches`](super::Program::searches)) finds on the
    /// design.
    Search { search: usize, span: Span },
}

/// A figure of a design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// pJ
    Energy,
    Cycles,
    /// pJ x cycles
    Edp,
    /// pJ^2 x cycles
    E2dp,
    /// pJ x cycles^2
    Ed2p,
    /// um2
    Area,
    /// mW: energy over time.
    Power,
}

/// What is minimised: one figure, or several for a Pareto front.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    pub figures: Vec<Figure>,
    pub span: Span,
}

/// `area <= 16mm2`, `area >= 14.4mm2`
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    pub figure: Figure,
    /// In the unit of the figure.
    pub value: f64,
    pub span: Span,
}

/// What the EDP of several layers is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The sum of the products of the layers.
    Layers,
    /// The product of the sums.
    Network,
}

/// Keys with a colon.
pub const KEYS: [&str; 14] = [
    "network", "layer", "layers", "on", "model", "map", "search", "strategy", "scope", "fc",
    "budget", "worst", "each", "minimize",
];
/// What can be minimised, but for fronts.
pub const FIGURES: [&str; 7] = ["energy", "cycles", "edp", "e2dp", "ed2p", "area", "power"];
/// How products are made.
pub const SCOPES: [&str; 2] = ["network", "layers"];

/// The explorations of the file that was asked for.
pub(super) fn collect(cx: &mut Context<'_>, root: &super::Module) {
    let mut named: BTreeMap<String, Span> = BTreeMap::new();
    for item in &root.ast.items {
        let Item::Explore(node) = item else { continue };
        let collector = Collector {
            node,
            keys: BTreeMap::new(),
            damaged: false,
        };
        let Some(found) = collector.collect(cx) else {
            continue;
        };
        if is_new(cx, &mut named, "exploration", (&found.name, found.span)) {
            cx.program.explorations.push(found);
        }
    }
}

/// One exploration under construction.
struct Collector<'a> {
    node: &'a ast::Search,
    /// By key; the first of each.
    keys: BTreeMap<&'a str, &'a ast::Property>,
    /// Something could not be read: what seems to be missing may be that.
    damaged: bool,
}

impl<'a> Collector<'a> {
    /// The exploration; `None` when something was wrong, which has been reported.
    fn collect(mut self, cx: &mut Context<'_>) -> Option<Explore> {
        let before = cx.errors();
        let mut varied: Vec<&ast::Vary> = Vec::new();
        let mut conditions: Option<&ast::Where> = None;
        let mut space: Option<&ast::Space> = None;
        for entry in &self.node.entries {
            match entry {
                SearchEntry::Error(_) => self.damaged = true,
                SearchEntry::Property(property) => self.key(cx, property),
                SearchEntry::Vary(node) => {
                    let name = &node.name;
                    match varied.iter().find(|known| known.name.value == name.value) {
                        Some(first) => twice(cx, name.as_str(), name.span, first.name.span),
                        None => varied.push(node),
                    }
                }
                SearchEntry::Space(node) => {
                    once(cx, &mut space, node, ("space", |node| node.keyword));
                }
                SearchEntry::Where(node) => {
                    once(cx, &mut conditions, node, ("where", |node| node.keyword));
                }
            }
        }
        if self.damaged {
            cx.fail_silently();
        }
        let target = self.target(cx);
        let hardware = match self.keys.get("on") {
            Some(property) => vary::hardware(cx, property, &varied),
            None => self.missing(cx, "`on`, the accelerator,"),
        };
        let axes = hardware
            .as_ref()
            .and_then(|hardware| vary::axes(cx, hardware, &varied));
        if varied.is_empty() {
            self.missing::<()>(cx, "`vary`, a parameter and its values,");
        }
        let filters = axes
            .as_ref()
            .and_then(|axes| vary::filters(cx, axes, conditions));
        let searched = self.keys.get("search").copied();
        let inside = match searched {
            Some(property) if self.ways(space) == 1 => searched_by(
                cx,
                property,
                hardware.as_ref().map(|known| known.accelerator),
            ),
            _ => self.inside(cx, space),
        };
        let model = match self.keys.get("model") {
            Some(property) => Some(name(cx, property, "the name of a cost model")?),
            None => None,
        };
        let scope = match self.keys.get("scope") {
            Some(property) => scope(cx, property),
            None => Some(Scope::Network),
        };
        let fc = match self.keys.get("fc") {
            Some(property) => Some(fc(cx, property)?),
            None => None,
        };
        let objectives = match self.keys.get("minimize") {
            Some(property) => figure::objectives(cx, property),
            None => self.missing(cx, "`minimize`"),
        };
        let budget = match self.keys.get("budget") {
            Some(property) => figure::bounds(cx, property, ast::CompareOp::LessEqual),
            None => Some(Vec::new()),
        };
        let worst = match self.keys.get("worst") {
            Some(property) => Some(figure::bounds(cx, property, ast::CompareOp::GreaterEqual)?),
            None => None,
        };
        let each = match (self.keys.get("each"), &axes) {
            (Some(property), Some(axes)) => Some(each(cx, property, axes)?),
            _ => None,
        };
        let (target, hardware, axes, filters) = (target?, hardware?, axes?, filters?);
        let (inside, scope, objectives, budget) = (inside?, scope?, objectives?, budget?);
        let network = cx.program.networks.get(target.network)?;
        let accelerator = cx.program.accelerators.get(hardware.accelerator)?;
        let name = match &self.node.name {
            Some(name) => name.value.clone(),
            None => format!("{} on {}", network.name, accelerator.name),
        };
        if cx.errors() != before {
            return None;
        }
        Some(Explore {
            name,
            span: self.node.head(),
            network: target.network,
            layers: target.layers,
            accelerator: hardware.accelerator,
            model,
            axes,
            filters,
            inside,
            objectives,
            budget,
            worst,
            each,
            scope,
            fc,
        })
    }

    fn key(&mut self, cx: &mut Context<'_>, property: &'a ast::Property) {
        let key = property.key.as_str();
        if key == "group" {
            cx.error(HirError::Unavailable {
                what: format!("`{key}` of an exploration"),
                span: property.key.span,
            });
        } else if !KEYS.contains(&key) {
            cx.error(HirError::UnknownKey {
                what: "key",
                key: key.to_owned(),
                owner: "an exploration".to_owned(),
                span: property.key.span,
                suggestion: nearest(key, KEYS).map(str::to_owned),
                known: KEYS.map(str::to_owned).to_vec(),
            });
        } else if let Some(first) = self.keys.get(key) {
            twice(cx, key, property.key.span, first.key.span);
        } else {
            self.keys.insert(key, property);
        }
    }

    fn missing<T>(&self, cx: &mut Context<'_>, what: &str) -> Option<T> {
        if !self.damaged {
            cx.error(HirError::Missing {
                what: what.to_owned(),
                owner: "the exploration".to_owned(),
                span: self.node.head(),
                insert: None,
            });
        }
        None
    }

    /// `network: net; layers: a, b;`, or `layer: net.a;`.
    fn target(&self, cx: &mut Context<'_>) -> Option<target::Target> {
        let key = |name: &str| self.keys.get(name).copied();
        match (key("network"), key("layers"), key("layer")) {
            (_, Some(layers), Some(layer)) => {
                twice(cx, "layers", layer.key.span, layers.key.span);
                None
            }
            (Some(network), layers, layer) => target::network(cx, network, layers.or(layer)),
            (None, layers, layer) => match layers.or(layer) {
                Some(layers) => target::layers(cx, layers),
                None => self.missing(cx, "`network`"),
            },
        }
    }

    /// How many ways to use a design are given.
    fn ways(&self, space: Option<&ast::Space>) -> usize {
        let keys = ["map", "search", "strategy"];
        let given = keys.iter().filter(|key| self.keys.contains_key(*key));
        given.count() + usize::from(space.is_some())
    }

    /// `map: nvdla, row_stationary`, `strategy: adaptive`, `space deepopt`.
    fn inside(&self, cx: &mut Context<'_>, space: Option<&'a ast::Space>) -> Option<Inside> {
        let key = |name: &str| self.keys.get(name).copied();
        match (key("map"), key("strategy"), space, key("search")) {
            (Some(map), None, None, None) => {
                let mut all = Vec::with_capacity(map.values.len());
                for value in &map.values {
                    let (path, arguments) = called(cx, "the name of a dataflow", value)?;
                    let used = DataflowUse::Named(Invocation {
                        path: path.clone(),
                        arguments: arguments.to_vec(),
                        span: value.span,
                    });
                    all.push(dataflow::apply(cx, &used));
                }
                all.into_iter()
                    .collect::<Option<Vec<_>>>()
                    .map(Inside::Dataflows)
            }
            (None, Some(strategy), None, None) => {
                let word = name(cx, strategy, "`adaptive`")?;
                if word.text == "adaptive" {
                    return Some(Inside::Adaptive(word.span));
                }
                cx.error(HirError::UnknownName {
                    expected: "strategy of an exploration",
                    suggestion: nearest(&word.text, ["adaptive"]).map(str::to_owned),
                    name: word.text,
                    span: word.span,
                    found: None,
                });
                None
            }
            (None, None, Some(space), None) => match (&space.named, &space.body) {
                (Some(path), None) => Some(Inside::Space(Word {
                    text: path.to_string(),
                    span: path.span,
                })),
                _ => {
                    cx.error(HirError::Unavailable {
                        what: "a space in an exploration that is not one of a model".to_owned(),
                        span: space.span,
                    });
                    None
                }
            },
            (None, None, None, None) => self.missing(cx, "`map`, the dataflow of its layers,"),
            (map, strategy, space, search) => {
                let mut spans: Vec<(&str, Span)> = Vec::new();
                spans.extend(map.map(|map| ("map", map.key.span)));
                spans.extend(search.map(|search| ("search", search.key.span)));
                spans.extend(strategy.map(|strategy| ("strategy", strategy.key.span)));
                spans.extend(space.map(|space| ("space", space.keyword)));
                spans.sort_by_key(|one| one.1);
                if let [first, second, ..] = spans.as_slice() {
                    cx.error(HirError::WrongKind {
                        expected: "one way to use a design: `map`, `search`, `strategy` or `space`"
                            .to_owned(),
                        found: format!("`{}` beside `{}`", second.0, first.0),
                        span: second.1,
                    });
                }
                None
            }
        }
    }
}

/// The search of that name, which is about the accelerator of the exploration.
fn searched_by(
    cx: &mut Context<'_>,
    property: &ast::Property,
    accelerator: Option<usize>,
) -> Option<Inside> {
    let word = name(cx, property, "the name of a search")?;
    let mut searches = cx.program.searches.iter();
    let Some(search) = searches.position(|search| search.name == word.text) else {
        let known: Vec<String> = {
            let searches = cx.program.searches.iter();
            searches.map(|search| search.name.clone()).collect()
        };
        cx.error(HirError::UnknownName {
            expected: "search",
            suggestion: nearest(&word.text, known.iter().map(String::as_str)).map(str::to_owned),
            name: word.text,
            span: word.span,
            found: None,
        });
        return None;
    };
    let origin = |at: usize| cx.program.accelerators.get(at).map(|known| known.origin);
    let own = cx.program.searches.get(search)?.accelerator;
    if accelerator.and_then(origin) != origin(own) {
        let of = cx.program.accelerators.get(own)?.name.clone();
        cx.error(HirError::WrongKind {
            expected: "a search on the accelerator of the exploration".to_owned(),
            found: format!("one on `{of}`"),
            span: word.span,
        });
        return None;
    }
    Some(Inside::Search {
        search,
        span: word.span,
    })
}

/// The only value of a property, which is a name.
fn name(cx: &mut Context<'_>, property: &ast::Property, expected: &str) -> Option<Word> {
    let value = one(cx, property)?;
    match value.as_name() {
        Some(name) => Some(Word {
            text: name.value.clone(),
            span: name.span,
        }),
        None => {
            match &value.kind {
                ExprKind::Error => cx.fail_silently(),
                _ => wrong(cx, expected, value),
            }
            None
        }
    }
}

/// `each: rows`: the axis.
fn each(cx: &mut Context<'_>, property: &ast::Property, axes: &[Axis]) -> Option<usize> {
    let word = name(cx, property, "the name of what is varied")?;
    let found = axes.iter().position(|axis| axis.name == word.text);
    let required = found
        .and_then(|at| axes.get(at))
        .filter(|axis| axis.required);
    if required.is_some() {
        cx.error(HirError::WrongKind {
            expected: "the name of something that has several values".to_owned(),
            found: format!("`{}`, which has the one that is required", word.text),
            span: word.span,
        });
        return None;
    }
    if found.is_none() {
        let known = axes.iter().map(|axis| axis.name.as_str());
        cx.error(HirError::UnknownName {
            expected: "varied parameter",
            suggestion: nearest(&word.text, known).map(str::to_owned),
            name: word.text,
            span: word.span,
            found: None,
        });
    }
    found
}

/// What the accelerator of a use is called in messages.
fn owner(path: &ast::Path) -> String {
    format!("the {} `{path}`", Kind::Accelerator.name())
}
