//! `Network`: its layers, laid flat.
//!
//! ```text
//! Network llama(L = 32) {
//!   Layer embed { ... }
//!   repeat L decoder { Layer q { ... } ... Layer down { ... } }     layers `decoder.q` to `decoder.down`, 32 times each
//!   Block head: mlp(K = 64);                                      the layers of `mlp` as `head.up`, `head.down`
//! }
//! ```
//!
//! A layer of a `repeat` is one layer of the program with the number of its times; a `Block` copies the layers of
//! another network with its arguments. How they are wired is the business of [`super::wiring`].
//!
//! Invariant: the layers of a repeat, and those of a block, follow one another.

use super::body::{Known, block, property, single};
use super::error::HirError;
use super::eval::describe;
use super::scope::{Context, Definition, Kind};
use super::{
    Bound, Layer, Network, NetworkInput, Persistent, Repeat, Source, dataflow, layer, wiring,
};
use crate::base::Span;
use crate::diag::suggest::nearest;
use crate::syntax::ast::{self, Body, Entry};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::DiGraph;
use std::collections::BTreeMap;

pub(super) const NETWORK: Known = Known {
    owner: "a network",
    properties: &["Macs", "Description"],
    blocks: &[],
    repeated: &["Input", "Persistent"],
    flags: &[],
    layers: true,
};

pub(super) const REPEAT: Known = Known {
    owner: "`repeat`",
    properties: &["Inputs"],
    blocks: &["Input"],
    repeated: &["Persistent"],
    flags: &[],
    layers: true,
};

/// More than anybody writes.
const MAX_INPUTS: usize = 256;
const MAX_DIMENSIONS: usize = 16;
/// Layers of one network, those of its blocks included.
const MAX_LAYERS: usize = 20_000;
/// Times that a layer is repeated, repeats around repeats included.
const MAX_TIMES: u64 = 1 << 32;

/// What a name of a network means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Was wrong, which has been reported.
    Broken,
    Layer(usize),
    /// Index into [`Network::inputs`].
    Input(usize),
    /// Index into [`Network::persistents`].
    Persistent(usize),
    /// What a repeat takes: index into [`Members::scopes`].
    Taken(usize),
    /// A repeat: what it gives is known when it is wired.
    Repeat(usize),
    /// A block, of which this is the last layer.
    Block(Option<usize>),
}

/// The network itself (the first one), or a repeat.
pub(super) struct Scope<'a> {
    /// `decoder.`; empty for the network.
    pub prefix: String,
    /// Of a layer in it, repeats around it included.
    pub times: u64,
    pub parent: Option<usize>,
    pub elements: Vec<Element<'a>>,
    /// What `Input x { ... }` in a repeat says.
    pub input: Option<NetworkInput>,
}

/// What stands in a network, in order.
#[derive(Clone, Copy)]
pub(super) enum Element<'a> {
    Layer {
        node: &'a ast::Layer,
        /// `None` when it was wrong.
        layer: Option<usize>,
    },
    Repeat {
        node: &'a ast::Repeat,
        scope: usize,
    },
    Block {
        node: &'a ast::Instance,
        /// Its network, and where its layers begin; `None` when it was wrong.
        part: Option<Part>,
    },
}

/// The network of a block, and where what is copied of it begins in this one.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub network: usize,
    pub layers: usize,
    pub persistents: usize,
}

/// A network under construction.
pub(super) struct Members<'a> {
    pub network: Network,
    /// By whole name: where it was written, and what it means.
    pub names: BTreeMap<String, (Span, Meaning)>,
    pub scopes: Vec<Scope<'a>>,
    /// There are too many layers, which has been reported.
    full: bool,
    /// `Persistent x;`, and the scope that it stands in.
    marks: Vec<(usize, &'a ast::Persistent)>,
}

/// Adds the network to the program, with these values of its parameters.
pub(super) fn collect(
    cx: &mut Context<'_>,
    node: &ast::Network,
    origin: Definition,
    parameters: &[Bound],
) -> Option<usize> {
    NETWORK.check(cx, &node.body);
    let mut members = Members {
        network: Network {
            name: node.name.value.clone(),
            name_span: node.name.span,
            origin,
            parameters: parameters.to_vec(),
            description: description(cx, node),
            inputs: Vec::new(),
            persistents: Vec::new(),
            kept: Vec::new(),
            layers: Vec::new(),
            repeats: Vec::new(),
            entry: Vec::new(),
            output: None,
            broken: Vec::new(),
        },
        names: BTreeMap::new(),
        scopes: vec![Scope {
            prefix: String::new(),
            times: 1,
            parent: None,
            elements: Vec::new(),
            input: None,
        }],
        full: false,
        marks: Vec::new(),
    };
    members.inputs(cx, &node.body);
    members.declare(cx, &node.body, 0);
    members.keep(cx);
    if members.names.is_empty() && node.body.entries.is_empty() {
        cx.error(HirError::NoNetworkLayers {
            span: node.name.span,
        });
    }
    wiring::wire(cx, &mut members, node.unwired);
    let network = members.network;
    circles(cx, &network);
    assert_macs(cx, &network, node);
    cx.program.networks.push(network);
    Some(cx.program.networks.len() - 1)
}

impl<'a> Members<'a> {
    /// Whether a name is new; what it means is put in later.
    fn define(
        &mut self,
        cx: &mut Context<'_>,
        scope: usize,
        name: &ast::Name,
        what: &'static str,
    ) -> Option<String> {
        let whole = format!("{}{name}", self.scopes[scope].prefix);
        if let Some(&(first, _)) = self.names.get(&whole) {
            cx.error(HirError::DefinedTwice {
                what,
                name: name.value.clone(),
                span: name.span,
                first,
            });
            return None;
        }
        self.names
            .insert(whole.clone(), (name.span, Meaning::Broken));
        Some(whole)
    }

    pub(super) fn mean(&mut self, whole: &str, meaning: Meaning) {
        if let Some(known) = self.names.get_mut(whole) {
            known.1 = meaning;
        }
    }

    /// The entries of a network or a repeat; nested only as deep as the parser allows.
    fn declare(&mut self, cx: &mut Context<'_>, body: &'a Body, scope: usize) {
        self.persistents(cx, body, scope);
        for entry in &body.entries {
            match entry {
                Entry::Dataflow(dataflow) => cx.error(HirError::Unavailable {
                    what: "a dataflow outside a layer".to_owned(),
                    span: dataflow.keyword,
                }),
                Entry::Compute(compute) => cx.error(HirError::Unavailable {
                    what: "`Compute` outside a layer".to_owned(),
                    span: compute.keyword,
                }),
                Entry::Layer(node) => self.layer(cx, node, scope),
                Entry::Repeat(node) => self.repeat(cx, node, scope),
                Entry::Instance(node) => self.block(cx, node, scope),
                Entry::Persistent(node) => self.marks.push((scope, node)),
                _ => {}
            }
        }
    }

    fn layer(&mut self, cx: &mut Context<'_>, node: &'a ast::Layer, scope: usize) {
        let Some(name) = self.define(cx, scope, &node.name, "layer") else {
            return;
        };
        let own = own_dataflow(cx, node);
        let parsed = layer::collect(cx, node).filter(|_| self.has_room(cx, node.name.span, 1));
        let layer = parsed.map(|parsed| {
            self.network.layers.push(Layer {
                name: name.clone(),
                name_span: node.name.span,
                span: node.span,
                times: self.scopes[scope].times,
                type_name: parsed.type_name,
                declared: parsed.declared,
                shape: parsed.shape,
                precision: parsed.precision,
                density: parsed.density,
                named: parsed.named,
                inputs: Vec::new(),
                dataflow: own,
            });
            self.network.layers.len() - 1
        });
        match layer {
            Some(layer) => self.mean(&name, Meaning::Layer(layer)),
            None => self.network.broken.push(name),
        }
        self.scopes[scope]
            .elements
            .push(Element::Layer { node, layer });
    }

    fn has_room(&mut self, cx: &mut Context<'_>, span: Span, more: usize) -> bool {
        let fits = self.network.layers.len().saturating_add(more) <= MAX_LAYERS;
        if !fits && !self.full {
            self.full = true;
            cx.error(HirError::Unavailable {
                what: format!("a network of more than {MAX_LAYERS} layers"),
                span,
            });
        } else if !fits {
            cx.fail_silently();
        }
        fits
    }

    fn repeat(&mut self, cx: &mut Context<'_>, node: &'a ast::Repeat, scope: usize) {
        let Some(name) = self.define(cx, scope, &node.name, "layer") else {
            return;
        };
        REPEAT.check(cx, &node.body);
        let outer = self.scopes[scope].times;
        let times = cx.size(&node.count, "the number of times");
        let all = times.and_then(|times| outer.checked_mul(times));
        if times.is_some() && all.is_none_or(|all| all > MAX_TIMES) {
            cx.error(HirError::Unavailable {
                what: format!("a layer of more than {MAX_TIMES} times"),
                span: node.count.span,
            });
        }
        let inner = self.scopes.len();
        self.scopes.push(Scope {
            prefix: format!("{name}."),
            times: all.filter(|all| *all <= MAX_TIMES).unwrap_or(1),
            parent: Some(scope),
            elements: Vec::new(),
            input: None,
        });
        self.mean(&name, Meaning::Repeat(inner));
        let element = Element::Repeat { node, scope: inner };
        self.scopes[scope].elements.push(element);
        if let Some(block) = block(&node.body, "Input") {
            self.taken(cx, block, inner);
        }
        let first = self.network.layers.len();
        self.declare(cx, &node.body, inner);
        self.network.repeats.push(Repeat {
            name,
            span: node.name.span,
            times: times.unwrap_or(1),
            layers: first..self.network.layers.len(),
            output: None,
            readers: Vec::new(),
        });
        if self.scopes[inner].elements.is_empty() && node.body.entries.is_empty() {
            cx.error(HirError::NoNetworkLayers {
                span: node.name.span,
            });
        }
    }

    /// `Input x { ... }` of a repeat: what it takes, with a name and a shape.
    fn taken(&mut self, cx: &mut Context<'_>, block: &'a ast::Block, scope: usize) {
        let Some(name) = input_name(cx, block) else {
            return;
        };
        let Some(whole) = self.define(cx, scope, name, "input") else {
            return;
        };
        if let Some(dims) = input_dims(cx, block, name) {
            self.mean(&whole, Meaning::Taken(scope));
            self.scopes[scope].input = Some(NetworkInput {
                name: whole,
                name_span: name.span,
                dims,
                kept: None,
            });
        }
    }

    /// Copies the layers of another network.
    fn block(&mut self, cx: &mut Context<'_>, node: &'a ast::Instance, scope: usize) {
        let Some(name) = self.define(cx, scope, &node.name, "layer") else {
            return;
        };
        let part = cx.applied(Kind::Network, &node.network);
        let part = part.filter(|&part| {
            let layers = cx.program.networks[part].layers.len();
            self.has_room(cx, node.name.span, layers)
        });
        let base = self.network.layers.len();
        let persistents = self.network.persistents.len();
        let outer = self.scopes[scope].times;
        let prefixed = |inner: &str| format!("{name}.{inner}");
        if let Some(part) = part {
            let part = &cx.program.networks[part];
            self.network
                .broken
                .extend(part.broken.iter().map(|inner| prefixed(inner)));
            let mut too_often = false;
            for layer in &part.layers {
                let times = outer
                    .checked_mul(layer.times)
                    .filter(|all| *all <= MAX_TIMES);
                too_often |= times.is_none();
                self.names.insert(
                    prefixed(&layer.name),
                    (node.name.span, Meaning::Layer(self.network.layers.len())),
                );
                self.network.layers.push(Layer {
                    name: prefixed(&layer.name),
                    times: times.unwrap_or(1),
                    ..layer.clone()
                });
            }
            let moved = |reader: &(usize, usize)| (reader.0 + base, reader.1);
            self.network
                .repeats
                .extend(part.repeats.iter().map(|inner| Repeat {
                    name: prefixed(&inner.name),
                    layers: inner.layers.start + base..inner.layers.end + base,
                    output: inner.output.map(|output| output + base),
                    readers: inner.readers.iter().map(moved).collect(),
                    ..inner.clone()
                }));
            for &(layer, span) in &part.kept {
                self.network.kept.push((layer + base, span));
            }
            for own in &part.persistents {
                let times = outer.checked_mul(own.times).filter(|all| *all <= MAX_TIMES);
                too_often |= times.is_none();
                self.network.persistents.push(Persistent {
                    tensor: NetworkInput {
                        name: prefixed(&own.tensor.name),
                        ..own.tensor.clone()
                    },
                    times: times.unwrap_or(1),
                });
            }
            let output = part.output.map(|output| output + base);
            self.mean(&name, Meaning::Block(output));
            if too_often {
                cx.error(HirError::Unavailable {
                    what: format!("a layer of more than {MAX_TIMES} times"),
                    span: node.name.span,
                });
            }
        } else {
            self.network.broken.push(name);
        }
        self.scopes[scope].elements.push(Element::Block {
            node,
            part: part.map(|network| Part {
                network,
                layers: base,
                persistents,
            }),
        });
    }

    /// What a name means here, or in the scopes around.
    pub(super) fn meaning(&self, scope: usize, name: &str) -> Option<Meaning> {
        let mut around = Some(scope);
        while let Some(at) = around {
            let key = format!("{}{name}", self.scopes[at].prefix);
            if let Some(known) = self.names.get(&key) {
                return Some(known.1);
            }
            around = self.scopes[at].parent;
        }
        None
    }

    /// Marks what `Persistent x;` names.
    fn keep(&mut self, cx: &mut Context<'_>) {
        for (scope, node) in std::mem::take(&mut self.marks) {
            let name = node.name.to_string();
            let span = node.name.span;
            let first = match self.meaning(scope, &name) {
                Some(Meaning::Layer(layer)) => {
                    let kept = &mut self.network.kept;
                    let first = kept.iter().find(|known| known.0 == layer);
                    let first = first.map(|known| known.1);
                    if first.is_none() {
                        kept.push((layer, span));
                    }
                    first
                }
                Some(Meaning::Input(input)) => {
                    let kept = &mut self.network.inputs[input].kept;
                    let first = *kept;
                    kept.get_or_insert(span);
                    first
                }
                Some(Meaning::Persistent(at)) => {
                    Some(self.network.persistents[at].tensor.name_span)
                }
                Some(Meaning::Broken) => {
                    cx.fail_silently();
                    None
                }
                Some(Meaning::Taken(_) | Meaning::Repeat(_) | Meaning::Block(_)) => {
                    cx.error(HirError::WrongKind {
                        expected: "an input of the network or a layer".to_owned(),
                        found: format!("`{name}`, whose tensor is that of another name"),
                        span,
                    });
                    None
                }
                None => {
                    let prefix = self.scopes[scope].prefix.as_str();
                    let known = self.names.keys().filter_map(|key| key.strip_prefix(prefix));
                    cx.error(HirError::UnknownName {
                        expected: "input or layer",
                        suggestion: nearest(&name, known).map(str::to_owned),
                        name,
                        span,
                        found: None,
                    });
                    None
                }
            };
            if let Some(first) = first {
                cx.error(HirError::KeyTwice {
                    key: format!("Persistent {}", node.name),
                    span,
                    first,
                });
            }
        }
    }

    /// The inputs of the network that have names.
    fn inputs(&mut self, cx: &mut Context<'_>, body: &'a Body) {
        for block in body.blocks().filter(|b| b.kind.as_str() == "Input") {
            let room = self.network.inputs.len() < MAX_INPUTS;
            if let Some(input) = self.tensor(cx, block, 0, room) {
                self.mean(&input.name, Meaning::Input(self.network.inputs.len()));
                self.network.inputs.push(input);
            }
        }
    }

    /// What stays from one run to the next, of the network or of every time of a repeat.
    fn persistents(&mut self, cx: &mut Context<'_>, body: &'a Body, scope: usize) {
        for block in body.blocks().filter(|b| b.kind.as_str() == "Persistent") {
            let room = self.network.persistents.len() < MAX_LAYERS;
            if let Some(tensor) = self.tensor(cx, block, scope, room) {
                let at = self.network.persistents.len();
                self.mean(&tensor.name, Meaning::Persistent(at));
                self.network.persistents.push(Persistent {
                    tensor,
                    times: self.scopes[scope].times,
                });
            }
        }
    }

    /// A tensor with a name and a shape that no layer makes; `None` has been reported.
    fn tensor(
        &mut self,
        cx: &mut Context<'_>,
        block: &'a ast::Block,
        scope: usize,
        room: bool,
    ) -> Option<NetworkInput> {
        let name = input_name(cx, block)?;
        if !room {
            cx.error(HirError::Unavailable {
                what: "a network of so many inputs".to_owned(),
                span: name.span,
            });
            return None;
        }
        let whole = self.define(cx, scope, name, "input")?;
        let dims = input_dims(cx, block, name)?;
        Some(NetworkInput {
            name: whole,
            name_span: name.span,
            dims,
            kept: None,
        })
    }
}

/// The name of an `Input`; `None` has been reported.
fn input_name<'a>(cx: &mut Context<'_>, block: &'a ast::Block) -> Option<&'a ast::Name> {
    let Some(name) = &block.name else {
        cx.error(HirError::Missing {
            what: "a name".to_owned(),
            owner: format!("`{}`", block.kind),
            span: block.kind.span,
            insert: Some((block.kind.span.end(), " x".to_owned())),
        });
        return None;
    };
    if name.as_str() == "external" {
        cx.error(HirError::Unavailable {
            what: "an input called `external`, which is any input without a name".to_owned(),
            span: name.span,
        });
        return None;
    }
    Some(name)
}

/// Names and extents; `None` has been reported.
fn input_dims(
    cx: &mut Context<'_>,
    block: &ast::Block,
    name: &ast::Name,
) -> Option<Vec<(String, u64)>> {
    let before = cx.errors();
    let known: Vec<&str> = block.body.properties().map(|p| p.key.as_str()).collect();
    let mut dims = Vec::new();
    let owner = format!("`{}`", block.kind);
    layer::named(cx, &block.body, &owner, &known, |cx, dim, expr| {
        let size = cx.size(expr, &format!("`{dim}`"));
        dims.extend(size.map(|size| (dim.to_owned(), size)));
    });
    if cx.errors() != before {
        return None;
    }
    if dims.is_empty() || dims.len() > MAX_DIMENSIONS {
        cx.error(HirError::WrongKind {
            expected: format!("1 to {MAX_DIMENSIONS} dimensions of `{name}`: `{{ M: 32, K: 64 }}`"),
            found: dims.len().to_string(),
            span: name.span,
        });
        return None;
    }
    Some(dims)
}

/// The lines of `Description`.
fn description(cx: &mut Context<'_>, node: &ast::Network) -> Vec<String> {
    let values = property(&node.body, "Description").map_or(&[][..], |known| &known.values);
    let mut lines = Vec::with_capacity(values.len());
    for value in values {
        match &value.kind {
            ast::ExprKind::String(line) => lines.push(line.clone()),
            ast::ExprKind::Error => {}
            _ => cx.error(HirError::WrongKind {
                expected: "a text in quotes".to_owned(),
                found: describe(value),
                span: value.span,
            }),
        }
    }
    lines
}

fn own_dataflow(cx: &mut Context<'_>, source: &ast::Layer) -> Option<super::Application> {
    let mut own = source.dataflows();
    let first = own.next()?;
    if let Some(second) = own.next() {
        cx.error(HirError::KeyTwice {
            key: "Dataflow".to_owned(),
            span: second.keyword,
            first: first.keyword,
        });
    }
    dataflow::apply(cx, &first.dataflow)
}

/// Layers that wait for themselves.
fn circles(cx: &mut Context<'_>, network: &Network) {
    let mut graph = DiGraph::<usize, ()>::new();
    let nodes: Vec<_> = (0..network.layers.len())
        .map(|layer| graph.add_node(layer))
        .collect();
    for (at, layer) in network.layers.iter().enumerate() {
        for input in &layer.inputs {
            if let Source::Layer(from) = input {
                graph.add_edge(nodes[*from], nodes[at], ());
            }
        }
    }
    let mut found: Vec<Vec<usize>> = kosaraju_scc(&graph)
        .into_iter()
        .filter(|component| {
            component.len() > 1
                || component
                    .iter()
                    .any(|&node| graph.contains_edge(node, node))
        })
        .map(|component| {
            let mut layers: Vec<usize> = component.into_iter().map(|node| graph[node]).collect();
            layers.sort_unstable();
            layers
        })
        .collect();
    found.sort();
    for layers in found {
        let Some(&first) = layers.first() else {
            continue;
        };
        let names = layers.iter().chain([&first]);
        cx.error(HirError::NetworkCycle {
            layers: names
                .map(|&layer| network.layers[layer].name.clone())
                .collect(),
            span: network.layers[first].name_span,
        });
    }
}

/// `Macs: N;` must be the sum over the layers.
fn assert_macs(cx: &mut Context<'_>, network: &Network, node: &ast::Network) {
    if block(&node.body, "Macs").is_some() {
        return;
    }
    let Some(property) = property(&node.body, "Macs") else {
        return;
    };
    let Some(expr) = single(cx, property) else {
        return;
    };
    let Some(asserted) = cx.count(expr, "a number of MACs") else {
        return;
    };
    if !network.broken.is_empty() {
        return;
    }
    match network.macs() {
        Some(actual) if actual != u128::from(asserted) => cx.error(HirError::MacsDiffer {
            network: network.name.clone(),
            asserted: u128::from(asserted),
            actual,
            span: property.span,
        }),
        Some(_) => {}
        None => cx.error(HirError::Overflow {
            span: property.span,
        }),
    }
}
