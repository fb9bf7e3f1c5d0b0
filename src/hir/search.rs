//! `Search name { ... }`: which layers on which hardware, what counts as better, and what is searched.
//!
//! Problem: `layer: resnet18.conv5_2; on: eyeriss; minimize: traffic(GLB);` are names; here they become a layer, an
//! accelerator and a memory of it. Names of dimensions and tensors in the `space` block stay words, because a search of
//! a network has layers of several types; [`Rule`]s are in source order, memories and arrays resolved.
//!
//! Invariant: a search without errors has at least one layer and one objective; its memories, arrays and axes exist in
//! the accelerator, and nothing that stands in its source is left out.

pub(super) mod auto;
mod figure;
mod group;
mod named;
mod own;
mod rules;
pub(in crate::hir) mod target;

pub use own::{FC, Fc, Own};
pub(in crate::hir) use own::{fc, scope};

use super::error::HirError;
use super::scope::Context;
use super::{Application, Value, Word};
use crate::base::{Dimension, Ratio, Span};
use crate::diag::suggest::nearest;
use crate::syntax::ast::{self, ExprKind, Item, SearchEntry};
use crate::syntax::print::print_pieces;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is searched for.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// Behind the word, else `layer on accelerator`.
    pub name: String,
    /// Of the word and the name.
    pub span: Span,
    /// Index into [`Program::networks`](super::Program::networks).
    pub network: usize,
    /// Indices into its layers, in its order.
    pub layers: Vec<usize>,
    /// Whether these are all of them because nobody chose some.
    pub whole: bool,
    /// Index into [`Program::accelerators`](super::Program::accelerators).
    pub accelerator: usize,
    /// Name of a cost model; nobody said one: the default.
    pub model: Option<Word>,
    /// One, or those of a Pareto front.
    pub objectives: Vec<Objective>,
    /// What an answer must keep.
    pub limits: Vec<Limit>,
    /// What must be used to a part.
    pub utilization: Vec<Utilization>,
    pub strategy: Strategy,
    pub budget: Option<Duration>,
    pub space: Space,
    /// `space deepopt;`: then there are no rules, limits and budget.
    pub own: Option<Own>,
    /// The layers are one group, whose fused design is searched for.
    pub fused: Option<Fused>,
}

/// What a search over the designs of a group may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fused {
    /// `recompute: never` or `recompute: allowed`; nothing: allowed.
    pub recompute: bool,
}

/// What an answer is measured by; less is better.
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
    /// Bytes between a memory (of [`Accelerator::memories`](super::Accelerator::memories)) and what it feeds.
    Traffic(usize),
    /// Bytes that one instance of a memory must hold.
    Capacity(usize),
}

impl Figure {
    /// Whether it is made of energy, so that a technology is needed.
    #[must_use]
    pub fn needs_energy(self) -> bool {
        matches!(
            self,
            Figure::Energy | Figure::Edp | Figure::E2dp | Figure::Ed2p
        )
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    pub figure: Figure,
    pub span: Span,
}

/// `capacity(GLB) <= 64KiB`
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub figure: Figure,
    /// In the unit of the figure.
    pub most: f64,
    pub span: Span,
}

/// `utilization >= 0.8`, `utilization(RF) >= 0.8`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utilization {
    /// Index into the memories of the accelerator: what its tiles fill. `None`: what the PEs do.
    pub memory: Option<usize>,
    /// Above 0 and at most 1.
    pub least: Ratio,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    Optimal,
    Adaptive,
    Random { draws: u64, seed: u64 },
}

/// What the user said of the schedules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Space {
    /// `space { ... }`; nothing: tiles that divide, and the dataflows of the library.
    pub span: Option<Span>,
    /// Whose it is, if it is not one of loops.
    pub named: Option<Named>,
    /// `tiles: imperfect`
    pub imperfect: bool,
    /// `orders: all`
    pub all_orders: bool,
    /// `places: apart`
    pub apart: bool,
    /// In source order.
    pub rules: Vec<Rule>,
}

/// A space that somebody else describes.
#[derive(Clone, Debug, PartialEq)]
pub enum Named {
    /// `space dmazerunner { filter: whole; }`: a model's own. Which there are is not known here.
    Model {
        name: Word,
        settings: Vec<(Word, Word)>,
    },
    /// `space row_stationary { k_tile: 1..64; }`: the parameters of a dataflow; others have their defaults.
    Dataflow {
        application: Application,
        varied: Vec<Varied>,
    },
}

/// A parameter of a dataflow and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Varied {
    /// Index into the parameters of the dataflow.
    pub parameter: usize,
    pub name: Word,
    /// Ascending, at least one, none 0.
    pub values: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub kind: RuleKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RuleKind {
    /// These loops over the tiles of a memory keep this order, outermost first.
    Order { memory: usize, dims: Vec<Word> },
    /// Loops over the tiles of a memory; `None`: of all dimensions that no other statement of the block names.
    Tile {
        memory: usize,
        dim: Option<Word>,
        pieces: Pieces,
    },
    /// Over one axis of an array; of several dimensions one at most.
    Spread {
        array: usize,
        axis: usize,
        dims: Vec<Word>,
        pieces: Pieces,
    },
    /// Whether memories hold tensors; `None`: every tensor, every memory.
    Keep {
        tensors: Option<Vec<Word>>,
        memory: Option<usize>,
        keep: Keep,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Held,
    Bypassed,
    /// Both are tried.
    Either,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pieces {
    Any,
    Divisors,
    /// Ascending, at least one, none 0.
    Sizes(Vec<u64>),
}

/// Keys with a colon.
pub const KEYS: [&str; 11] = [
    "layer",
    "network",
    "group",
    "on",
    "model",
    "minimize",
    "recompute",
    "strategy",
    "budget",
    "scope",
    "fc",
];
/// What can be minimised, but for fronts.
pub const FIGURES: [&str; 8] = [
    "energy", "cycles", "edp", "e2dp", "ed2p", "area", "traffic", "capacity",
];
/// The longest budget in seconds, some four months: clocks can be set so far ahead.
pub const LONGEST: f64 = 1e7;
/// What may become of a map that is wanted again, in a search over a group.
pub const RECOMPUTE: [&str; 2] = ["allowed", "never"];
/// Ways to search.
pub const STRATEGIES: [&str; 3] = ["optimal", "adaptive", "random"];
/// Keys of a later version.
const LATER: [&str; 1] = ["fuse"];

/// The searches of the file that was asked for.
pub(super) fn collect(cx: &mut Context<'_>, root: &super::Module) {
    let mut named: BTreeMap<String, Span> = BTreeMap::new();
    for item in &root.ast.items {
        let Item::Search(node) = item else { continue };
        let Some(search) = Collector::new(node).collect(cx) else {
            continue;
        };
        if is_new(cx, &mut named, "search", (&search.name, search.span)) {
            cx.program.searches.push(search);
        }
    }
}

/// Whether nothing else of the file has the name; a second one is reported.
pub(in crate::hir) fn is_new(
    cx: &mut Context<'_>,
    named: &mut BTreeMap<String, Span>,
    what: &'static str,
    (name, span): (&str, Span),
) -> bool {
    let first = named.insert(name.to_owned(), span);
    if let Some(first) = first {
        cx.error(HirError::DefinedTwice {
            what,
            name: name.to_owned(),
            span,
            first,
        });
    }
    first.is_none()
}

/// The first of a block that may stand once; a second one is reported.
pub(in crate::hir) fn once<'a, T>(
    cx: &mut Context<'_>,
    known: &mut Option<&'a T>,
    node: &'a T,
    (word, keyword): (&str, fn(&T) -> Span),
) {
    match known {
        None => *known = Some(node),
        Some(first) => twice(cx, word, keyword(node), keyword(first)),
    }
}

/// One search under construction.
struct Collector<'a> {
    node: &'a ast::Search,
    /// By key; the first of each.
    keys: BTreeMap<&'a str, &'a ast::Property>,
}

impl<'a> Collector<'a> {
    fn new(node: &'a ast::Search) -> Collector<'a> {
        Collector {
            node,
            keys: BTreeMap::new(),
        }
    }

    /// The search; `None` when something was wrong, which has been reported.
    fn collect(mut self, cx: &mut Context<'_>) -> Option<Search> {
        let before = cx.errors();
        let mut damaged = false;
        let mut space: Option<&ast::Space> = None;
        let mut conditions: Option<&ast::Where> = None;
        for entry in &self.node.entries {
            match entry {
                SearchEntry::Error(_) => damaged = true,
                SearchEntry::Property(property) => self.key(cx, property),
                SearchEntry::Space(node) => {
                    once(cx, &mut space, node, ("space", |node| node.keyword));
                }
                SearchEntry::Where(node) => {
                    once(cx, &mut conditions, node, ("where", |node| node.keyword));
                }
                SearchEntry::Vary(node) => cx.error(HirError::Unavailable {
                    what: "`vary`, which is for an `Explore`,".to_owned(),
                    span: node.keyword,
                }),
            }
        }
        if damaged {
            // What seems to be missing may be what could not be read.
            cx.fail_silently();
        }
        let accelerator = match self.keys.get("on") {
            Some(property) => target::accelerator(cx, property),
            None => self.missing(cx, "on", damaged),
        };
        let target = self.target(cx, damaged);
        let model = self.keys.get("model").and_then(|p| self.model(cx, p));
        let strategy = match self.keys.get("strategy") {
            Some(property) => one(cx, property).and_then(|value| strategy(cx, value)),
            None => Some(Strategy::Optimal),
        };
        let budget = match self.keys.get("budget") {
            Some(property) => one(cx, property).and_then(|value| budget(cx, value)),
            None => None,
        };
        let own = own::collect(cx, space, conditions, &self.keys);
        let minimize = self.keys.get("minimize").copied();
        if minimize.is_none() {
            self.missing::<()>(cx, "minimize", damaged);
        }
        // The rest speaks of the parts of the accelerator.
        let hardware = cx.program.accelerators.get(accelerator?)?.clone();
        let objectives = minimize.map(|property| figure::objectives(cx, &hardware, property));
        let (mut limits, mut utilization) = (Vec::new(), Vec::new());
        for condition in conditions.into_iter().flat_map(|node| &node.conditions) {
            match figure::condition(cx, &hardware, condition) {
                Some(figure::Kept::Limit(limit)) => limits.push(limit),
                Some(figure::Kept::Utilization(least)) => utilization.push(least),
                None => {}
            }
        }
        let space = space.map(|node| rules::collect(cx, &hardware, node));
        let target = target?;
        let key = |key: &str| self.keys.get(key).copied();
        let fused = group::fused(cx, key("group"), key("recompute"));
        if cx.errors() != before {
            return None;
        }
        let network = cx.program.networks.get(target.network)?;
        let subject = match target.layers.as_slice() {
            [one] if !target.whole => {
                format!("{}.{}", network.name, network.layers.get(*one)?.name)
            }
            _ => network.name.clone(),
        };
        let search = Search {
            name: match &self.node.name {
                Some(name) => name.value.clone(),
                None => format!("{subject} on {}", hardware.name),
            },
            span: self.node.head(),
            network: target.network,
            layers: target.layers,
            whole: target.whole,
            accelerator: accelerator?,
            model,
            objectives: objectives??,
            limits,
            utilization,
            strategy: strategy?,
            budget,
            space: space.unwrap_or_default(),
            own,
            fused,
        };
        group::is_searched(cx, &search).then_some(search)
    }

    fn key(&mut self, cx: &mut Context<'_>, property: &'a ast::Property) {
        let key = property.key.as_str();
        if LATER.contains(&key) {
            cx.error(HirError::Unavailable {
                what: format!("`{key}` of a search"),
                span: property.key.span,
            });
        } else if !KEYS.contains(&key) {
            cx.error(HirError::UnknownKey {
                what: "key",
                key: key.to_owned(),
                owner: "a search".to_owned(),
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

    fn missing<T>(&self, cx: &mut Context<'_>, what: &str, damaged: bool) -> Option<T> {
        if !damaged {
            cx.error(HirError::Missing {
                what: format!("`{what}`"),
                owner: "the search".to_owned(),
                span: self.node.head(),
                insert: None,
            });
        }
        None
    }

    fn target(&self, cx: &mut Context<'_>, damaged: bool) -> Option<target::Target> {
        if let Some(group) = self.keys.get("group").copied() {
            let beside = ["network", "layer"].into_iter();
            let beside = beside.filter_map(|key| self.keys.get(key).copied());
            return group::target(cx, group, &beside.collect::<Vec<_>>());
        }
        match (self.keys.get("network"), self.keys.get("layer")) {
            (Some(network), layers) => target::network(cx, network, layers.copied()),
            (None, Some(layers)) => target::layers(cx, layers),
            (None, None) => self.missing(cx, "layer", damaged),
        }
    }

    /// Which models there are is not known here.
    fn model(&self, cx: &mut Context<'_>, property: &ast::Property) -> Option<Word> {
        let value = one(cx, property)?;
        match value.as_name() {
            Some(name) => Some(Word {
                text: name.value.clone(),
                span: name.span,
            }),
            None => {
                wrong(cx, "the name of a cost model", value);
                None
            }
        }
    }
}

/// A name with or without arguments; `None` has been reported.
pub(in crate::hir) fn called<'a>(
    cx: &mut Context<'_>,
    expected: &str,
    expr: &'a ast::Expr,
) -> Option<(&'a ast::Path, &'a [ast::Argument])> {
    let found = expr.as_call();
    match (&found, &expr.kind) {
        (None, ExprKind::Error) => cx.fail_silently(),
        (None, _) => wrong(cx, expected, expr),
        (Some(_), _) => {}
    }
    found
}

/// `optimal`, `random(1000, seed = 2)`
fn strategy(cx: &mut Context<'_>, value: &ast::Expr) -> Option<Strategy> {
    let (name, arguments) = called(cx, "`optimal`, `adaptive` or `random(n)`", value)?;
    let text = name.to_string();
    match (text.as_str(), arguments) {
        ("optimal", []) => return Some(Strategy::Optimal),
        ("adaptive", []) => return Some(Strategy::Adaptive),
        ("random", []) => {
            wrong(cx, "how many are drawn: `random(1000)`", value);
            return None;
        }
        ("random", _) => {}
        ("optimal" | "adaptive", _) => {
            wrong(cx, "a strategy without arguments", value);
            return None;
        }
        _ => {
            unknown(cx, "strategy", &text, name.span, STRATEGIES);
            return None;
        }
    }
    let owner = "the strategy `random`";
    let mut numbers = [None, None];
    for (at, argument) in cx.arguments(owner, &["draws", "seed"], arguments) {
        let least = if at == 0 { 1 } else { 0 };
        let number = whole(cx, &argument.value, least)?;
        if let Some(place) = numbers.get_mut(at) {
            *place = Some(number);
        }
    }
    match numbers {
        [Some(draws), seed] => Some(Strategy::Random {
            draws,
            seed: seed.unwrap_or(1),
        }),
        _ => {
            wrong(cx, "how many are drawn: `random(1000)`", value);
            None
        }
    }
}

/// `10s`
fn budget(cx: &mut Context<'_>, expr: &ast::Expr) -> Option<Duration> {
    let value = cx.value(expr)?;
    match value {
        Value::Exact(nanoseconds, Some(Dimension::Time))
            if (0.0..=LONGEST * 1e9).contains(&nanoseconds.to_f64()) =>
        {
            Some(Duration::from_secs_f64(nanoseconds.to_f64() / 1e9))
        }
        other => {
            cx.error(HirError::WrongUnit {
                key: "budget".to_owned(),
                expected: "a time of at most 10,000,000 s, such as `10s`".to_owned(),
                found: other.describe(),
                span: expr.span,
                instead: None,
            });
            None
        }
    }
}

pub(in crate::hir) fn twice(cx: &mut Context<'_>, key: &str, span: Span, first: Span) {
    cx.error(HirError::KeyTwice {
        key: key.to_owned(),
        span,
        first,
    });
}

/// The only value of a property; several are reported.
pub(in crate::hir) fn one<'a>(
    cx: &mut Context<'_>,
    property: &'a ast::Property,
) -> Option<&'a ast::Expr> {
    match property.values.as_slice() {
        [value] => Some(value),
        [_, second, ..] => {
            let found = "a second one".to_owned();
            cx.error(HirError::WrongKind {
                expected: format!("one value of `{}`", property.key),
                found,
                span: second.span,
            });
            None
        }
        [] => None,
    }
}

pub(in crate::hir) fn wrong(cx: &mut Context<'_>, expected: &str, expr: &ast::Expr) {
    cx.error(HirError::WrongKind {
        expected: expected.to_owned(),
        found: super::eval::describe(expr),
        span: expr.span,
    });
}

pub(in crate::hir) fn unknown<const N: usize>(
    cx: &mut Context<'_>,
    expected: &'static str,
    name: &str,
    span: Span,
    known: [&'static str; N],
) {
    cx.error(HirError::UnknownName {
        expected,
        name: name.to_owned(),
        span,
        suggestion: nearest(name, known).map(str::to_owned),
        found: None,
    });
}

fn describe(pieces: &ast::Pieces) -> String {
    format!("`{}`", print_pieces(pieces))
}

/// A whole number of at least `least`.
pub(in crate::hir) fn whole(cx: &mut Context<'_>, expr: &ast::Expr, least: u64) -> Option<u64> {
    let value = cx.value(expr)?;
    let number = match value {
        Value::Integer(value) => u64::try_from(value).ok().filter(|&value| value >= least),
        Value::Exact(..) => None,
    };
    if number.is_none() {
        cx.error(HirError::WrongKind {
            expected: format!("a whole number of at least {least}"),
            found: format!("`{value}`"),
            span: expr.span,
        });
    }
    number
}
