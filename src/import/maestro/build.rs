//! Trees of a `.m` file to trees of dflow, in two forms with the same meaning.
//!
//! To be evaluated, every layer has its own directives where it has them in the text, so that a mistake is shown at every
//! place where it has to be mended. To be written, a list that many layers repeat is a Dataflow with a name, and a Map
//! says which layers have it. The report of a layer names its dataflow alike in both: see [`Named::labels`].

use super::error::MaestroError;
use super::hardware::{assumed, name, number, of_paper, path, property};
use super::lists::{Adjusted, Lists, Mapped, Moves};
use super::names::Names;
use super::tree::{self, DirectiveKind, Layer, Member, SizesOf, Tree, Value, ValueKind};
use crate::base::{Span, Spanned};
use crate::syntax::ast::{
    self, Argument, Block, Body, Const, DataflowBody, DataflowUse, Definition, Directive, Entry,
    Expr, ExprKind, Invocation, Item, LayerDataflow, Map, MapEntry, Network,
};
use std::collections::BTreeMap;

/// The names of everything in a file, as dflow has them.
pub struct Named {
    constants: BTreeMap<String, String>,
    networks: Vec<String>,
    /// Of the layers of all networks, in order.
    layers: Vec<String>,
    /// Of the distinct lists.
    pub dataflows: Vec<String>,
    accelerator: Option<Definition>,
}

impl Named {
    /// Names everything; what has to be called otherwise than in the file is reported. `hardware` comes from beside the
    /// file. A file that is imported by another has no hardware of its own to assume.
    pub fn new(
        tree: &Tree,
        lists: &Lists<'_>,
        hardware: Option<&Definition>,
        is_root: bool,
        errors: &mut Vec<MaestroError>,
    ) -> Named {
        let mut items = Names::default();
        let mut constants = BTreeMap::new();
        for constant in &tree.constants {
            let name = constant.name.as_str();
            // A second one of the same name keeps it, and is refused for it.
            if !constants.contains_key(name) {
                constants.insert(name.to_owned(), items.item(name));
            }
        }
        let networks = tree.networks.iter();
        let networks = networks
            .map(|network| items.item(network.name.as_str()))
            .collect();
        let mut layers = Vec::with_capacity(lists.layers.len());
        for network in &tree.networks {
            layers_of(network, &mut layers, errors);
        }
        let accelerator = accelerator(tree, hardware, is_root, &mut items, errors);
        let dataflows = lists.first.iter();
        let dataflows = dataflows
            .map(|&at| items.item(&title(&lists.layers[at])))
            .collect();
        Named {
            constants,
            networks,
            layers,
            dataflows,
            accelerator,
        }
    }

    /// The PEs of the accelerator, if that is plain to see.
    #[must_use]
    pub fn pes(&self) -> Option<u64> {
        let blocks = self.accelerator.as_ref()?.body.blocks();
        let pe = { blocks }.find(|block| block.kind.as_str() == "PE")?;
        let mut properties = pe.body.properties();
        let pes = properties.find(|property| property.key.as_str() == "NumPEs")?;
        match pes.values.as_slice() {
            [
                Expr {
                    kind: ExprKind::Number(number),
                    ..
                },
            ] => number.value.as_integer(),
            _ => None,
        }
    }

    /// The name of a layer.
    #[must_use]
    pub fn layer(&self, at: usize) -> &str {
        self.layers.get(at).map_or("", String::as_str)
    }

    /// The name of the list that is written at a place.
    #[must_use]
    pub fn labels(&self, lists: &Lists<'_>) -> BTreeMap<Span, String> {
        let mut labels = BTreeMap::new();
        for layer in &lists.layers {
            let name = layer.list.and_then(|list| self.dataflows.get(list));
            if let (Some(dataflow), Some(name)) = (layer.dataflow, name) {
                labels.entry(dataflow.body).or_insert_with(|| name.clone());
            }
        }
        labels
    }

    fn size(&self, value: &Value) -> Expr {
        let span = value.span;
        match &value.kind {
            ValueKind::Integer(value) => number(*value, span),
            ValueKind::Constant(text) => {
                let known = self.constants.get(text);
                name(known.map_or(text.as_str(), String::as_str), span)
            }
            ValueKind::SizeOf(dim, at) => call("Sz", dim, *at, span),
        }
    }

    /// The statement, or nothing for one that says nothing in dflow.
    #[must_use]
    pub fn directive(&self, node: &tree::Directive, adjusted: Adjusted) -> Option<Directive> {
        let up_to = |expr: Expr| {
            let span = expr.span;
            match adjusted.clip {
                true => Expr::new(ExprKind::UpTo(Box::new(expr)), span),
                false => expr,
            }
        };
        let kind = match &node.kind {
            DirectiveKind::Cluster { size, kind } => ast::DirectiveKind::Cluster {
                size: self.size(size),
                kind: kind.clone(),
            },
            DirectiveKind::Map {
                spatial,
                size,
                offset,
                dim,
            } => {
                let (size, offset) = match adjusted.moves {
                    Moves::Dropped => return None,
                    // The same number twice is one number.
                    Moves::AsWritten if size.kind == offset.kind => {
                        (up_to(self.size(size)), up_to(self.size(offset)))
                    }
                    Moves::AsWritten => (up_to(self.size(size)), self.size(offset)),
                    Moves::ByStride => (
                        up_to(self.size(size)),
                        call("Stride", dim.as_str(), offset.span, offset.span),
                    ),
                    Moves::Sizes(rows, by) => {
                        (up_to(number(rows, size.span)), number(by, offset.span))
                    }
                };
                let dim = dim.clone();
                if *spatial {
                    ast::DirectiveKind::SpatialMap { size, offset, dim }
                } else {
                    ast::DirectiveKind::TemporalMap { size, offset, dim }
                }
            }
        };
        let span = node.span;
        Some(Directive { kind, span })
    }

    fn body(&self, dataflow: &tree::Dataflow, adjusted: &[Adjusted]) -> DataflowBody {
        let directives = dataflow.directives.iter().zip(adjusted);
        let directives = directives.filter_map(|(node, &adjusted)| self.directive(node, adjusted));
        let damaged = dataflow.damaged.map(|span| Directive {
            kind: ast::DirectiveKind::Error,
            span,
        });
        DataflowBody {
            directives: directives.chain(damaged).collect(),
            span: dataflow.body,
        }
    }

    /// A layer, with its directives in it or without.
    #[must_use]
    pub fn layer_node(
        &self,
        node: &Layer,
        at: usize,
        layer: &Mapped<'_>,
        inline: bool,
    ) -> ast::Layer {
        let mut entries = Vec::new();
        for member in &node.members {
            match member {
                Member::Type { keyword, name: of } => {
                    let kind = layer_type(of.as_str(), &layer.extents);
                    let key = Spanned::new("Type".to_owned(), *keyword);
                    entries.push(Entry::Property(property(key, name(kind, of.span))));
                }
                Member::Sizes(sizes) => entries.extend(self.sizes(sizes, layer)),
                Member::Dataflow(dataflow) if inline => {
                    let body = self.body(dataflow, &layer.adjusted);
                    entries.push(dataflow_entry(dataflow.keyword, body));
                }
                Member::Dataflow(_) => {}
                Member::Error(span) => entries.push(Entry::Error(*span)),
            }
        }
        let has_own = node
            .members
            .iter()
            .any(|member| matches!(member, Member::Dataflow(_)));
        if let Some(dataflow) = layer.dataflow.filter(|_| inline && !has_own) {
            let body = self.body(dataflow, &layer.adjusted);
            entries.push(dataflow_entry(dataflow.keyword, body));
        }
        ast::Layer {
            name: Spanned::new(self.layer(at).to_owned(), node.name.span),
            body: Body {
                entries,
                span: node.body,
            },
            span: node.span,
        }
    }

    fn sizes(&self, sizes: &tree::Sizes, layer: &Mapped<'_>) -> Option<Entry> {
        let extents = &layer.extents;
        let is_one = |value: &Value| value.kind == ValueKind::Integer(1);
        let keep = |(key, value): &&(tree::Name, Value)| match sizes.of {
            // A stride of 1 says nothing, of whatever dimension.
            SizesOf::Stride => !is_one(value) || matches!(key.as_str(), "Y" | "X"),
            SizesOf::Dimensions => {
                let no_k = matches!(extents.kind.as_str(), "DSCONV" | "POOL");
                !(no_k && key.as_str() == "K" && extents.get("K") == Some(1))
            }
        };
        if sizes.of == SizesOf::Stride
            && sizes.damaged.is_none()
            && sizes.pairs.iter().all(|(_, value)| is_one(value))
        {
            return None;
        }
        let pairs = sizes.pairs.iter().filter(keep);
        let pairs =
            pairs.map(|(key, value)| Entry::Property(property(key.clone(), self.size(value))));
        let kind = match sizes.of {
            SizesOf::Stride => "Stride",
            SizesOf::Dimensions => "Dimensions",
        };
        Some(Entry::Block(Block {
            kind: Spanned::new(kind.to_owned(), sizes.keyword),
            name: None,
            body: Body {
                entries: pairs.chain(sizes.damaged.map(Entry::Error)).collect(),
                span: sizes.body,
            },
            span: sizes.keyword.join(sizes.body),
        }))
    }

    /// The constants, as items.
    pub fn constants<'a>(&'a self, tree: &'a Tree) -> impl Iterator<Item = (Span, Item)> + 'a {
        tree.constants.iter().map(|node| {
            let known = self.constants.get(node.name.as_str());
            let name = known.unwrap_or(&node.name.value).clone();
            let item = Item::Const(Const {
                name: Spanned::new(name, node.name.span),
                value: number(node.value.value, node.value.span),
                span: node.span,
            });
            (node.span, item)
        })
    }

    /// The accelerator, as an item.
    #[must_use]
    pub fn accelerator(&self) -> Option<Item> {
        self.accelerator.clone().map(Item::Accelerator)
    }

    /// The head of a network: its layers are independent, as there is no word for how they are wired.
    #[must_use]
    pub fn network(&self, at: usize, node: &tree::Network, layers: Vec<ast::Layer>) -> Network {
        let name = self.networks.get(at).cloned().unwrap_or_default();
        let is_table = node.layers.len() > 1;
        Network {
            name: Spanned::new(name, node.name.span),
            parameters: Vec::new(),
            unwired: is_table.then_some(node.name.span),
            body: Body {
                entries: layers.into_iter().map(Entry::Layer).collect(),
                span: node.body,
            },
            span: node.span,
        }
    }

    /// The map of a network, if there is an accelerator.
    #[must_use]
    pub fn map(&self, at: usize, node: &tree::Network, entries: Vec<MapEntry>) -> Option<Map> {
        let accelerator = self.accelerator.as_ref()?.name.as_ref()?;
        let span = node.name.span;
        let invocation = |text: &str| Invocation {
            path: path(text, span),
            arguments: Vec::new(),
            span,
        };
        Some(Map {
            network: invocation(self.networks.get(at)?),
            accelerator: invocation(accelerator.as_str()),
            name: None,
            entries,
            span,
        })
    }

    /// `CONV1, CONV2: kc_partitioned;` for every list that layers of the network have, in the order of their first ones.
    #[must_use]
    pub fn entries(&self, network: usize, lists: &Lists<'_>) -> Vec<MapEntry> {
        let mut order = Vec::new();
        let mut layers: BTreeMap<usize, (Span, Vec<ast::Name>)> = BTreeMap::new();
        let own = lists.of(network);
        let all = lists.layers.iter().enumerate();
        for (at, layer) in all.take(own.end).skip(own.start) {
            let Some((list, dataflow)) = layer.list.zip(layer.dataflow) else {
                continue;
            };
            let span = dataflow.body;
            let (_, names) = layers.entry(list).or_insert_with(|| {
                order.push(list);
                (span, Vec::new())
            });
            names.push(Spanned::new(self.layer(at).to_owned(), span));
        }
        let entry = |list: usize| {
            let (span, layers) = layers.remove(&list)?;
            let name = self.dataflows.get(list)?;
            Some(MapEntry::Layers {
                layers,
                dataflow: DataflowUse::Named(Invocation {
                    path: path(name, span),
                    arguments: Vec::new(),
                    span,
                }),
                array: None,
                span,
            })
        };
        order.into_iter().filter_map(entry).collect()
    }
}

/// The names of the layers of a network. A second layer of one name is no mistake in the format: it is called otherwise.
fn layers_of(network: &tree::Network, layers: &mut Vec<String>, errors: &mut Vec<MaestroError>) {
    let mut names = Names::default();
    let mut first: BTreeMap<&str, Span> = BTreeMap::new();
    for layer in &network.layers {
        let name = layer.name.as_str();
        let new = names.item(name);
        match first.get(name) {
            Some(&first) => errors.push(MaestroError::Renamed {
                span: layer.name.span,
                first,
                name: name.to_owned(),
                new: new.clone(),
            }),
            None => {
                first.insert(name, layer.name.span);
            }
        }
        layers.push(new);
    }
}

fn accelerator(
    tree: &Tree,
    hardware: Option<&Definition>,
    is_root: bool,
    items: &mut Names,
    errors: &mut Vec<MaestroError>,
) -> Option<Definition> {
    let own = tree.accelerators.first();
    let second = match hardware {
        Some(_) => own.map(|own| (own.keyword, None)),
        None => {
            let second = tree.accelerators.get(1);
            second.map(|second| (second.keyword, own.map(|own| own.keyword)))
        }
    };
    if let Some((span, first)) = second {
        errors.push(MaestroError::TwoAccelerators { span, first });
    }
    let mut definition = match (hardware, own) {
        (Some(hardware), _) => hardware.clone(),
        (None, Some(own)) => return Some(of_paper(own, items)),
        (None, None) => {
            let network = tree.networks.first().filter(|_| is_root)?;
            let span = network.name.span;
            let assumed = assumed(span);
            let pes = super::hardware::ASSUMED_PES;
            errors.push(MaestroError::AssumedHardware { span, pes });
            assumed
        }
    };
    if let Some(name) = &mut definition.name {
        name.value = items.item(name.as_str());
    }
    Some(definition)
}

/// What a list is called: after what it spreads, as its users do (`kc_partitioned`).
fn title(layer: &Mapped<'_>) -> String {
    let mut dims: Vec<String> = Vec::new();
    for (directive, adjusted) in layer
        .dataflow
        .iter()
        .flat_map(|dataflow| &dataflow.directives)
        .zip(&layer.adjusted)
    {
        if let DirectiveKind::Map {
            spatial: true, dim, ..
        } = &directive.kind
            && adjusted.moves != Moves::Dropped
        {
            let dim = dim.as_str().trim_end_matches('\'').to_lowercase();
            if !dims.contains(&dim) && dims.len() < 8 {
                dims.push(dim);
            }
        }
    }
    match dims.is_empty() {
        true => "in_time".to_owned(),
        false => format!("{}_partitioned", dims.concat()),
    }
}

/// The type in dflow. A fully connected layer with kernel and input sizes is a convolution whose window is its input.
fn layer_type<'a>(kind: &'a str, extents: &super::lists::Extents) -> &'a str {
    let slides = ["R", "S", "Y", "X", "Y'", "X'"];
    if kind == "FC" && slides.iter().any(|dim| extents.get(dim).is_some()) {
        "CONV"
    } else {
        kind
    }
}

fn dataflow_entry(keyword: Span, body: DataflowBody) -> Entry {
    Entry::Dataflow(LayerDataflow {
        keyword,
        span: keyword.join(body.span),
        dataflow: DataflowUse::Inline(body),
    })
}

fn call(function: &str, argument: &str, at: Span, span: Span) -> Expr {
    let value = name(argument, at);
    let arguments = vec![Argument {
        name: None,
        value,
        span: at,
    }];
    let function = path(function, span);
    Expr::new(
        ExprKind::Call {
            function,
            arguments,
        },
        span,
    )
}
