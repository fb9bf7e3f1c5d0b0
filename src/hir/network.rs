//! `Network`: its layers, and how they are wired.
//!
//! Without `Inputs` a layer takes the output of the layer before it; the first one takes the network's
//! input. What is wired must agree in shape: feature maps exactly (several producers of a one-operand layer
//! are concatenated along C, an FC flattens), GEMM, LSTM and EINSUM in the number of elements, because
//! reshapes and transpositions between them are no layers. `external` fits everything; among the
//! producers of a concatenation it stands for the channels that are missing. `Input x { M: 32, K: 64 }` is an
//! input with a name and a shape: every layer with `Inputs: x` reads the same tensor, and has to fit it.

use super::body::{Known, block, property, single};
use super::error::HirError;
use super::eval::describe;
use super::scope::{Context, Definition};
use super::shape::{Flow, Shape};
use super::{Bound, Layer, Network, NetworkInput, Source, dataflow, layer};
use crate::base::Span;
use crate::syntax::ast::{self, Entry};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::DiGraph;
use std::collections::BTreeMap;

pub(super) const NETWORK: Known = Known {
    owner: "a network",
    properties: &["Macs", "Description"],
    blocks: &[],
    repeated: &["Input"],
    flags: &[],
    layers: true,
};

/// More than anybody writes.
const MAX_INPUTS: usize = 256;
const MAX_DIMENSIONS: usize = 16;

/// The layers' names, wrong layers included.
#[derive(Default)]
struct Names<'a> {
    /// In source order.
    order: Vec<&'a str>,
    /// Place in `order`, where it was written, and the layer's index if the layer is good.
    known: BTreeMap<&'a str, (usize, Span, Option<usize>)>,
    /// Named inputs: where each was written, and its index if it is good.
    inputs: BTreeMap<&'a str, (Span, Option<usize>)>,
}

impl<'a> Names<'a> {
    fn push(&mut self, name: &'a str, span: Span) {
        self.known.insert(name, (self.order.len(), span, None));
        self.order.push(name);
    }

    fn good(&mut self, name: &str, layer: usize) {
        if let Some(known) = self.known.get_mut(name) {
            known.2 = Some(layer);
        }
    }

    fn span(&self, name: &str) -> Option<Span> {
        let layer = self.known.get(name).map(|known| known.1);
        layer.or_else(|| self.inputs.get(name).map(|known| known.0))
    }

    fn layer(&self, name: &str) -> Option<usize> {
        self.known.get(name)?.2
    }

    /// The layer before the one called `name`, unless that one was wrong.
    fn before(&self, name: &str) -> Option<usize> {
        let place = self.known.get(name)?.0.checked_sub(1)?;
        self.layer(self.order.get(place)?)
    }
}

/// Adds the network to the program, with these values of its parameters.
pub(super) fn collect(
    cx: &mut Context<'_>,
    node: &ast::Network,
    origin: Definition,
    parameters: &[Bound],
) -> Option<usize> {
    NETWORK.check(cx, &node.body);
    let mut network = Network {
        name: node.name.value.clone(),
        name_span: node.name.span,
        origin,
        parameters: parameters.to_vec(),
        description: description(cx, node),
        inputs: Vec::new(),
        layers: Vec::new(),
        broken: Vec::new(),
    };
    for entry in &node.body.entries {
        match entry {
            Entry::Dataflow(dataflow) => cx.error(HirError::Unavailable {
                what: "a dataflow outside a layer".to_owned(),
                span: dataflow.keyword,
            }),
            Entry::Compute(compute) => cx.error(HirError::Unavailable {
                what: "`Compute` outside a layer".to_owned(),
                span: compute.keyword,
            }),
            _ => {}
        }
    }
    let mut sources: Vec<&ast::Layer> = Vec::new();
    let mut names = Names::default();
    inputs(cx, node, &mut network, &mut names);
    for source in node.layers() {
        let name = &source.name;
        if let Some(first) = names.span(name.as_str()) {
            cx.error(HirError::DefinedTwice {
                what: "layer",
                name: name.value.clone(),
                span: name.span,
                first,
            });
            continue;
        }
        names.push(name.as_str(), name.span);
        let own = own_dataflow(cx, source);
        match layer::collect(cx, source) {
            Some(parsed) => {
                names.good(name.as_str(), sources.len());
                sources.push(source);
                network.layers.push(Layer {
                    name: name.value.clone(),
                    name_span: name.span,
                    span: source.span,
                    type_name: parsed.type_name,
                    declared: parsed.declared,
                    shape: parsed.shape,
                    precision: parsed.precision,
                    density: parsed.density,
                    named: parsed.named,
                    inputs: Vec::new(),
                    dataflow: own,
                });
            }
            None => network.broken.push(name.value.clone()),
        }
    }
    if names.order.is_empty() && node.body.entries.is_empty() {
        cx.error(HirError::NoNetworkLayers {
            span: node.name.span,
        });
    }
    wire(cx, &mut network, &names, &sources);
    circles(cx, &network);
    assert_macs(cx, &network, node);
    cx.program.networks.push(network);
    Some(cx.program.networks.len() - 1)
}

/// The inputs with names.
fn inputs<'a>(
    cx: &mut Context<'_>,
    node: &'a ast::Network,
    network: &mut Network,
    names: &mut Names<'a>,
) {
    let blocks = node.body.blocks();
    for (count, block) in blocks.filter(|b| b.kind.as_str() == "Input").enumerate() {
        let Some(name) = &block.name else {
            cx.error(HirError::Missing {
                what: "a name".to_owned(),
                owner: "`Input`".to_owned(),
                span: block.kind.span,
                insert: Some((block.kind.span.end(), " x".to_owned())),
            });
            continue;
        };
        if let Some(first) = names.span(name.as_str()) {
            cx.error(HirError::DefinedTwice {
                what: "input",
                name: name.value.clone(),
                span: name.span,
                first,
            });
            continue;
        }
        if count >= MAX_INPUTS || name.as_str() == "external" {
            let what = match name.as_str() {
                "external" => {
                    "an input called `external`, which is any input without a name".to_owned()
                }
                _ => format!("a network of more than {MAX_INPUTS} inputs"),
            };
            cx.error(HirError::Unavailable {
                what,
                span: name.span,
            });
            continue;
        }
        let dims = input_dims(cx, block, name);
        let good = dims.is_some().then_some(network.inputs.len());
        names.inputs.insert(name.as_str(), (name.span, good));
        network.inputs.extend(dims.map(|dims| NetworkInput {
            name: name.value.clone(),
            name_span: name.span,
            dims,
        }));
    }
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
    layer::named(cx, &block.body, "`Input`", &known, |cx, dim, expr| {
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

fn wire(cx: &mut Context<'_>, network: &mut Network, names: &Names<'_>, sources: &[&ast::Layer]) {
    for (at, source) in sources.iter().enumerate() {
        let explicit = property(&source.body, "Inputs");
        let inputs = match explicit {
            Some(property) => {
                let mut inputs = Vec::with_capacity(property.values.len());
                for expr in &property.values {
                    match producer(cx, names, expr) {
                        Some(input) => inputs.push(input),
                        None => {
                            inputs.clear();
                            break;
                        }
                    }
                }
                if inputs.is_empty() {
                    continue;
                }
                inputs
            }
            None => {
                // The layer before in the source: if that one was wrong, nothing is known about it.
                let before = names.before(source.name.as_str());
                vec![before.map_or(Source::External, Source::Layer)]
            }
        };
        gate_sums(
            cx,
            network,
            at,
            &inputs,
            explicit.map_or(source.name.span, |p| p.span),
        );
        network.layers[at].inputs.clone_from(&inputs);
        let place = Place {
            consumer: at,
            span: explicit.map_or(source.name.span, |property| property.span),
            insert: explicit.is_none().then(|| before_brace(source)),
        };
        agree(cx, network, &inputs, &place);
    }
}

/// Where a statement can be put at the end of the layer's block.
fn before_brace(source: &ast::Layer) -> Span {
    let span = source.body.span;
    let at = span.hi().saturating_sub(1).max(span.lo());
    Span::new(span.file(), at, at)
}

fn producer(cx: &mut Context<'_>, names: &Names<'_>, expr: &ast::Expr) -> Option<Source> {
    let name = match &expr.kind {
        ast::ExprKind::Path(path) => match path.segments.as_slice() {
            [name] => name,
            [name, output] if output.as_str() == "Output" => name,
            _ => {
                cx.error(HirError::WrongKind {
                    expected: "the name of a layer, or `external`".to_owned(),
                    found: describe(expr),
                    span: expr.span,
                });
                return None;
            }
        },
        ast::ExprKind::Error => return None,
        _ => {
            cx.error(HirError::WrongKind {
                expected: "the name of a layer, or `external`".to_owned(),
                found: describe(expr),
                span: expr.span,
            });
            return None;
        }
    };
    if name.as_str() == "external" {
        return Some(Source::External);
    }
    if let Some(layer) = names.layer(name.as_str()) {
        return Some(Source::Layer(layer));
    }
    if let Some((_, Some(input))) = names.inputs.get(name.as_str()) {
        return Some(Source::Input(*input));
    }
    if names.span(name.as_str()).is_none() {
        let known = names.order.iter().chain(names.inputs.keys());
        cx.error(HirError::UnknownName {
            expected: "layer",
            name: name.value.clone(),
            span: name.span,
            suggestion: cx.suggest(name.as_str(), known.copied()),
            found: None,
        });
    }
    None
}

struct Place {
    consumer: usize,
    span: Span,
    insert: Option<Span>,
}

/// Says that what a reader takes of an LSTM is not what that writes.
fn gate_sums(cx: &mut Context<'_>, network: &Network, at: usize, inputs: &[Source], span: Span) {
    let lstm = inputs.iter().find_map(|input| match input {
        Source::Layer(from) => {
            let from = &network.layers[*from];
            matches!(from.shape, Shape::Lstm { .. }).then_some(from)
        }
        _ => None,
    });
    if let Some(lstm) = lstm
        && let Some(read) = lstm.shape.output().and_then(Flow::elements)
        && let Some(written) = read.checked_mul(4)
    {
        cx.error(HirError::GateSums {
            consumer: network.layers[at].name.clone(),
            producer: lstm.name.clone(),
            read,
            written,
            span,
            producer_span: lstm.name_span,
        });
    }
}

/// Checks the shapes of what is wired to one layer.
fn agree(cx: &mut Context<'_>, network: &Network, inputs: &[Source], place: &Place) {
    let consumer = &network.layers[place.consumer];
    let operands = match &consumer.shape {
        Shape::Add { .. } => 2,
        Shape::Gemm { .. } => inputs.len().min(2),
        Shape::Einsum(einsum) => inputs.len().min(einsum.tensors.len().saturating_sub(1)),
        _ => 1,
    };
    let one_operand =
        operands == 1 && !matches!(consumer.shape, Shape::Gemm { .. } | Shape::Einsum(_));
    if !one_operand && inputs.len() != operands {
        // A residual ADD whose second input nobody named has nothing to add.
        cx.error(HirError::OperandCount {
            consumer: consumer.name.clone(),
            layer_type: consumer.shape.type_name(),
            needed: operands,
            found: inputs.len(),
            span: place.span,
        });
        return;
    }
    if one_operand {
        if let Some(needed) = consumer.shape.operand(0) {
            concatenated(cx, network, inputs, needed, place);
        }
        return;
    }
    for (operand, &input) in inputs.iter().enumerate() {
        if let Some(needed) = consumer.shape.operand(operand) {
            concatenated(cx, network, &[input], needed, place);
        }
    }
}

/// Whether the producers together give what is needed.
fn concatenated(
    cx: &mut Context<'_>,
    network: &Network,
    inputs: &[Source],
    needed: Flow,
    place: &Place,
) {
    let consumer = &network.layers[place.consumer];
    let flatten = matches!(consumer.shape, Shape::Fc { .. });
    let mut external = false;
    let mut all: Option<Flow> = None;
    let mut names = Vec::new();
    let mut producer_span = None;
    let mut fits = true;
    let mut named: Option<&NetworkInput> = None;
    for &input in inputs {
        let (name, name_span) = match input {
            Source::External => {
                external = true;
                continue;
            }
            Source::Input(at) => {
                let known = &network.inputs[at];
                named = Some(known);
                (known.name.as_str(), known.name_span)
            }
            Source::Layer(at) => {
                let known = &network.layers[at];
                (known.name.as_str(), known.name_span)
            }
        };
        names.push(name);
        producer_span.get_or_insert(name_span);
        let Some(flow) = network.flow(input) else {
            return;
        };
        let flow = match flow {
            // One value per (n, feature): a flattened map is one as well.
            Flow::Map { n, c, y, x } if flatten => {
                let features = c.checked_mul(y).and_then(|size| size.checked_mul(x));
                match features {
                    Some(c) => Flow::Map { n, c, y: 1, x: 1 },
                    None => return,
                }
            }
            other => other,
        };
        all = Some(match (all, flow) {
            (None, flow) => flow,
            (
                Some(Flow::Map { n, c, y, x }),
                Flow::Map {
                    n: other_n,
                    c: other_c,
                    y: other_y,
                    x: other_x,
                },
            ) => {
                if (n, y, x) != (other_n, other_y, other_x) {
                    fits = false;
                    producer_span = Some(name_span);
                    all = Some(flow);
                    names = vec![name];
                    break;
                }
                match c.checked_add(other_c) {
                    Some(c) => Flow::Map { n, c, y, x },
                    None => return,
                }
            }
            (Some(left), right) => {
                let sum = left
                    .elements()
                    .zip(right.elements())
                    .and_then(|(left, right)| left.checked_add(right));
                match sum {
                    Some(sum) => Flow::Elements(sum),
                    None => return,
                }
            }
        });
    }
    // Only external inputs: nothing to compare with.
    let (Some(found), Some(producer_span)) = (all, producer_span) else {
        return;
    };
    if fits {
        fits = match (found, needed) {
            (
                Flow::Map { n, c, y, x },
                Flow::Map {
                    n: needed_n,
                    c: needed_c,
                    y: needed_y,
                    x: needed_x,
                },
            ) => {
                (n, y, x) == (needed_n, needed_y, needed_x)
                    && (c == needed_c || (external && c < needed_c))
            }
            _ => match (found.elements(), needed.elements()) {
                (Some(found), Some(needed)) => found == needed || (external && found < needed),
                _ => true,
            },
        };
    }
    if !fits {
        cx.error(HirError::ShapeMismatch {
            consumer: consumer.name.clone(),
            producers: names.join(", "),
            needed,
            found,
            input: named
                .filter(|known| names == [known.name.as_str()])
                .map(NetworkInput::shape),
            span: place.span,
            producer_span,
            insert: place.insert,
        });
    }
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
