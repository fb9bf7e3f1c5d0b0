//! `Map network on accelerator { ... }`: which dataflow each layer gets, and by whose word.
//!
//! Precedence: an entry that names the layer, then the layer's own dataflow, then the default of its
//! type, then the general default. A file whose layers carry dataflows and that sees exactly one
//! accelerator has an implicit map per network.

use super::error::HirError;
use super::layer_type::{self, LayerType};
use super::module::Module;
use super::scope::{Context, Definition, Kind};
use super::{Application, Assignment, Choice, Map, dataflow, fuse, handover, search};
use crate::base::Span;
use crate::syntax::ast::{self, Item, MapEntry};
use std::collections::BTreeMap;

/// The maps of the file that was asked for.
pub(super) fn collect(cx: &mut Context<'_>, root: &Module) {
    let maps: Vec<&ast::Map> = root
        .ast
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Map(map) => Some(map),
            _ => None,
        })
        .collect();
    if maps.is_empty() {
        implicit(cx);
        return;
    }
    // By name, or by what is mapped on what: imports may give two definitions of one name others.
    let mut named: BTreeMap<String, Span> = BTreeMap::new();
    let mut pairs: BTreeMap<(Definition, Definition), Span> = BTreeMap::new();
    for node in &maps {
        let Some(map) = explicit(cx, node) else {
            continue;
        };
        let first = match &node.name {
            Some(name) => named.insert(name.value.clone(), name.span),
            None => {
                let network = cx.program.networks[map.network].origin;
                let accelerator = cx.program.accelerators[map.accelerator].origin;
                pairs.insert((network, accelerator), node.network.span)
            }
        };
        if let Some(first) = first {
            cx.error(twice_mapped(node, &map, first, &maps));
            continue;
        }
        handover::check(cx, &map);
        cx.program.maps.push(map);
    }
}

/// Two maps of one name, or of one pair and none.
fn twice_mapped(node: &ast::Map, map: &Map, first: Span, all: &[&ast::Map]) -> HirError {
    if let Some(name) = &node.name {
        return HirError::DefinedTwice {
            what: "map",
            name: name.value.clone(),
            span: name.span,
            first,
        };
    }
    let stem = node
        .network
        .path
        .segments
        .last()
        .map_or("map", |last| last.as_str());
    let taken = |name: &String| {
        let mut names = all.iter().filter_map(|map| map.name.as_ref());
        names.any(|known| known.value == *name)
    };
    let mut names = (2usize..).map(|number| format!("{stem}_{number}"));
    HirError::MapTwice {
        name: map.name.clone(),
        span: node.network.span,
        first,
        free: names.find(|name| !taken(name)).unwrap_or_default(),
        at: node.accelerator.span.end(),
    }
}

fn implicit(cx: &mut Context<'_>) {
    let accelerators = cx.visible(Kind::Accelerator);
    let &[accelerator] = accelerators.as_slice() else {
        return;
    };
    if cx.count_visible(Kind::Accelerator) != 1 {
        return;
    }
    for network in cx.own(Kind::Network) {
        let layers = &cx.program.networks[network].layers;
        if !layers.iter().any(|layer| layer.dataflow.is_some()) {
            continue;
        }
        let assignments = layers
            .iter()
            .map(|layer| own(layer.dataflow.clone()))
            .collect();
        let map = Map {
            name: format!(
                "{} on {}",
                cx.program.networks[network].name, cx.program.accelerators[accelerator].name
            ),
            is_named: false,
            span: cx.program.networks[network].name_span,
            network,
            accelerator,
            assignments,
            groups: Vec::new(),
            searches: Vec::new(),
        };
        handover::check(cx, &map);
        cx.program.maps.push(map);
    }
}

fn own(application: Option<Application>) -> Assignment {
    let choice = match application {
        Some(_) => Choice::Own,
        None => Choice::Absent,
    };
    Assignment {
        application,
        choice,
        array: None,
        note: None,
    }
}

/// Where the dataflow of an entry comes from.
#[derive(Clone)]
enum Origin {
    /// With the array that is named behind `on`.
    Application(Option<Application>, Option<usize>),
    /// Index into the searches of the map.
    Search(usize),
}

impl Origin {
    fn assignment(&self, choice: Choice) -> Assignment {
        match self {
            Origin::Application(application, array) => Assignment {
                application: application.clone(),
                choice,
                array: *array,
                note: None,
            },
            Origin::Search(_) => Assignment {
                application: None,
                choice: Choice::Searched,
                array: None,
                note: None,
            },
        }
    }
}

/// The dataflow of an entry; a search goes to `searches`.
fn origin(
    cx: &mut Context<'_>,
    parts: Option<(usize, usize)>,
    (usage, on): (&ast::DataflowUse, Option<&ast::Name>),
    searches: &mut Vec<search::Search>,
) -> Origin {
    let Some(invocation) = search::auto::of(cx, usage) else {
        let array = match (on, parts) {
            (Some(name), Some((_, accelerator))) => fuse::array(cx, accelerator, name),
            _ => None,
        };
        return Origin::Application(dataflow::apply(cx, usage), array);
    };
    if let Some(on) = on {
        cx.error(HirError::Unavailable {
            what: "a search on a named array".to_owned(),
            span: on.span,
        });
    }
    let hardware = parts.and_then(|(_, at)| cx.program.accelerators.get(at).cloned());
    if let (Some(parts), Some(hardware)) = (parts, hardware)
        && let Some(search) = search::auto::search(cx, &hardware, parts, invocation)
    {
        searches.push(search);
    }
    Origin::Search(searches.len().saturating_sub(1))
}

struct DefaultEntry {
    /// Canonical type names; empty for the general default.
    types: Vec<&'static str>,
    origin: Origin,
}

fn explicit(cx: &mut Context<'_>, node: &ast::Map) -> Option<Map> {
    let network = cx.applied(Kind::Network, &node.network);
    let accelerator = cx.applied(Kind::Accelerator, &node.accelerator);
    let mut defaults: Vec<DefaultEntry> = Vec::new();
    let mut default_spans: Vec<(Option<&'static str>, Span)> = Vec::new();
    // Per layer: its entry, and where.
    let mut named: BTreeMap<usize, (Span, Origin)> = BTreeMap::new();
    let index: BTreeMap<String, usize> = network
        .map(|network| cx.program.networks[network].layers.iter().enumerate())
        .into_iter()
        .flatten()
        .map(|(at, layer)| (layer.name.clone(), at))
        .collect();
    let before = cx.errors();
    let mut scope = match (network, accelerator) {
        (Some(network), Some(accelerator)) => Some(fuse::Scope {
            network,
            accelerator,
            index: &index,
            taken: BTreeMap::new(),
        }),
        _ => None,
    };
    let mut groups = Vec::new();
    let mut searches: Vec<search::Search> = Vec::new();
    let parts = network.zip(accelerator);
    for entry in &node.entries {
        match entry {
            MapEntry::Error(_) => {}
            MapEntry::Fuse(node) => {
                if let Some(scope) = &mut scope {
                    groups.extend(fuse::collect(cx, scope, node));
                }
            }
            MapEntry::Default {
                types,
                dataflow,
                array,
                span,
            } => {
                let mut canonical = Vec::with_capacity(types.len());
                for name in types {
                    match layer_type::called(name.as_str()).map(LayerType::name) {
                        Some(known) => {
                            twice(
                                cx,
                                &mut default_spans,
                                Some(known),
                                name.span,
                                name.as_str(),
                            );
                            canonical.push(known);
                        }
                        None => cx.error(HirError::UnknownName {
                            expected: "layer type",
                            name: name.value.clone(),
                            span: name.span,
                            suggestion: layer_type::meant(name.as_str()).map(str::to_owned),
                            found: None,
                        }),
                    }
                }
                if types.is_empty() {
                    twice(cx, &mut default_spans, None, *span, "default");
                }
                let usage = (dataflow, array.as_ref());
                let origin = origin(cx, parts, usage, &mut searches);
                defaults.push(DefaultEntry {
                    types: canonical,
                    origin,
                });
            }
            MapEntry::Layers {
                layers,
                dataflow,
                array,
                ..
            } => {
                let usage = (dataflow, array.as_ref());
                let origin = origin(cx, parts, usage, &mut searches);
                let Some(network) = network else {
                    continue;
                };
                for name in layers {
                    let known = &cx.program.networks[network];
                    match index.get(name.as_str()) {
                        Some(&layer) => {
                            if let Some(&(first, _)) = named.get(&layer) {
                                cx.error(HirError::KeyTwice {
                                    key: name.value.clone(),
                                    span: name.span,
                                    first,
                                });
                            } else {
                                named.insert(layer, (name.span, origin.clone()));
                            }
                        }
                        None if known.is_broken(name.as_str()) => {}
                        None => {
                            cx.unknown_layer(network, name, |layer| named.contains_key(&layer));
                        }
                    }
                }
            }
        }
    }
    let (network, accelerator) = (network?, accelerator?);
    if cx.errors() != before {
        return None;
    }
    let grouped: Vec<usize> = groups
        .iter()
        .flat_map(|group: &super::fused::FusedGroup| group.layers.iter().map(|layer| layer.0))
        .collect();
    let layers = &cx.program.networks[network].layers;
    let mut assignments = Vec::with_capacity(layers.len());
    for (at, layer) in layers.iter().enumerate() {
        let default = || {
            let own = |default: &&DefaultEntry| default.types.contains(&layer.type_name);
            let general = |default: &&DefaultEntry| default.types.is_empty();
            let mut all = defaults.iter();
            let found = all.find(own).or_else(|| defaults.iter().find(general));
            found.map(|found| &found.origin)
        };
        let (origin, choice) = match named.get(&at) {
            Some((_, origin)) => (Some(origin), Choice::Named),
            None if layer.dataflow.is_some() => (None, Choice::Own),
            None => (default(), Choice::Default),
        };
        assignments.push(match origin {
            _ if choice == Choice::Own => own(layer.dataflow.clone()),
            Some(Origin::Application(None, _)) if choice == Choice::Default => own(None),
            Some(origin) => {
                // Layers of a group have the loops of the group.
                if let Origin::Search(search) = origin
                    && !grouped.contains(&at)
                    && let Some(search) = searches.get_mut(*search)
                {
                    search.layers.push(at);
                }
                origin.assignment(choice)
            }
            None => own(None),
        });
    }
    searches.retain(|search| !search.layers.is_empty());
    let name = match &node.name {
        Some(name) => name.value.clone(),
        None => format!(
            "{} on {}",
            cx.program.networks[network].name, cx.program.accelerators[accelerator].name
        ),
    };
    Some(Map {
        name,
        is_named: node.name.is_some(),
        span: node.head(),
        network,
        accelerator,
        assignments,
        groups,
        searches,
    })
}

fn twice(
    cx: &mut Context<'_>,
    seen: &mut Vec<(Option<&'static str>, Span)>,
    key: Option<&'static str>,
    span: Span,
    name: &str,
) {
    match seen.iter().find(|known| known.0 == key) {
        Some(&(_, first)) => cx.error(HirError::KeyTwice {
            key: name.to_owned(),
            span,
            first,
        }),
        None => seen.push((key, span)),
    }
}
