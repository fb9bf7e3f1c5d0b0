//! The outline of a file: definitions, with layers, memories and map entries inside.

use super::Snapshot;
use crate::base::Span;
use crate::syntax::ast::{Block, Body, DataflowUse, Entry, Item, MapEntry, Name};

/// A definition in the outline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    pub name: String,
    /// Beside the name: a layer's type, what a map entry uses.
    pub detail: Option<String>,
    pub kind: OutlineKind,
    /// Of all of it.
    pub span: Span,
    /// Of the name.
    pub name_span: Span,
    pub children: Vec<Outline>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutlineKind {
    Const,
    Technology,
    Accelerator,
    Network,
    Dataflow,
    Map,
    Layer,
    Memory,
    Array,
    Part,
    Entry,
}

/// The outline of the file that was asked for, in source order.
#[must_use]
pub fn outline(snapshot: &Snapshot) -> Vec<Outline> {
    let Some((_, root)) = snapshot.root() else {
        return Vec::new();
    };
    root.ast
        .items
        .iter()
        .filter_map(|item| one(snapshot, item))
        .collect()
}

fn one(snapshot: &Snapshot, item: &Item) -> Option<Outline> {
    let text = |span: Span| snapshot.compiled.sources.text_of(span).to_owned();
    let of = |kind, name: String, name_span, children| Outline {
        name,
        detail: None,
        kind,
        span: item.span(),
        name_span,
        children,
    };
    Some(match item {
        Item::Const(node) => Outline {
            detail: Some(text(node.value.span)),
            ..of(
                OutlineKind::Const,
                node.name.value.clone(),
                node.name.span,
                Vec::new(),
            )
        },
        Item::Technology(node) => {
            let name = node.name.as_ref()?;
            of(
                OutlineKind::Technology,
                name.value.clone(),
                name.span,
                Vec::new(),
            )
        }
        Item::Accelerator(node) => {
            let (name, span) = match &node.name {
                Some(name) => (name.value.clone(), name.span),
                None => ("Accelerator".to_owned(), node.span.start()),
            };
            of(OutlineKind::Accelerator, name, span, blocks(&node.body))
        }
        Item::Network(node) => {
            let layers = node.layers().into_iter().map(|layer| {
                let mut properties = layer.body.properties();
                let kind = properties.find(|property| property.key.as_str() == "Type");
                let value = kind.and_then(|kind| kind.values.first());
                Outline {
                    name: layer.name.value.clone(),
                    detail: value.map(|value| text(value.span)),
                    kind: OutlineKind::Layer,
                    span: layer.span,
                    name_span: layer.name.span,
                    children: Vec::new(),
                }
            });
            let blocks = node.body.blocks();
            let inputs = blocks.filter(|block| block.name.is_some()).map(part);
            let mut children: Vec<Outline> = inputs.chain(layers).collect();
            children.sort_by_key(|child| child.span);
            of(
                OutlineKind::Network,
                node.name.value.clone(),
                node.name.span,
                children,
            )
        }
        Item::Dataflow(node) => {
            let parameters: Vec<&str> = node.parameters.iter().map(|p| p.name.as_str()).collect();
            Outline {
                detail: (!parameters.is_empty()).then(|| format!("({})", parameters.join(", "))),
                ..of(
                    OutlineKind::Dataflow,
                    node.name.value.clone(),
                    node.name.span,
                    Vec::new(),
                )
            }
        }
        Item::Map(node) => {
            let entries = node
                .entries
                .iter()
                .filter_map(|entry| map_entry(entry, &text));
            let name = match &node.name {
                Some(name) => name.value.clone(),
                None => format!("{} on {}", node.network.path, node.accelerator.path),
            };
            let span = node.head();
            of(OutlineKind::Map, name, span, entries.collect())
        }
        Item::Search(node) | Item::Explore(node) => {
            let name = match (&node.name, item) {
                (Some(name), _) => name.value.clone(),
                (None, Item::Explore(_)) => "Explore".to_owned(),
                (None, _) => "Search".to_owned(),
            };
            of(OutlineKind::Map, name, node.head(), Vec::new())
        }
        Item::Use(_) | Item::Error(_) => return None,
    })
}

fn map_entry(entry: &MapEntry, text: &impl Fn(Span) -> String) -> Option<Outline> {
    let list = |names: &[Name]| {
        let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        names.join(", ")
    };
    let used = |usage: &DataflowUse| match usage {
        DataflowUse::Named(invocation) => text(invocation.span),
        DataflowUse::Inline(_) => "inline".to_owned(),
    };
    let (name, first, detail, span) = match entry {
        MapEntry::Default {
            types,
            dataflow,
            span,
            ..
        } => {
            let name = format!("default {}", list(types)).trim_end().to_owned();
            (name, types.first(), Some(used(dataflow)), *span)
        }
        MapEntry::Layers {
            layers,
            dataflow,
            span,
            ..
        } => (list(layers), layers.first(), Some(used(dataflow)), *span),
        MapEntry::Fuse(fuse) => {
            let name = format!("Fuse {}", list(&fuse.layers));
            (name, fuse.layers.first(), None, fuse.span)
        }
        MapEntry::Error(_) => return None,
    };
    Some(Outline {
        name,
        detail,
        kind: OutlineKind::Entry,
        span,
        name_span: first.map_or(span.start(), |first| first.span),
        children: Vec::new(),
    })
}

/// Blocks are nested only as deep as the parser allows.
fn blocks(body: &Body) -> Vec<Outline> {
    let blocks = body.entries.iter().filter_map(|entry| match entry {
        Entry::Block(block) => Some(block),
        _ => None,
    });
    blocks.map(part).collect()
}

fn part(block: &Block) -> Outline {
    let kind = match block.kind.as_str() {
        "Memory" => OutlineKind::Memory,
        "Array" => OutlineKind::Array,
        _ => OutlineKind::Part,
    };
    let name = block.name.as_ref().unwrap_or(&block.kind);
    Outline {
        name: name.value.clone(),
        detail: block.name.as_ref().map(|_| block.kind.value.clone()),
        kind,
        span: block.span,
        name_span: name.span,
        children: blocks(&block.body),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::cursor;
    use super::*;

    #[test]
    fn definitions_with_their_parts() {
        let (snapshot, _) = cursor(
            "const T = 4; Network net { Input x { N: 1 } Layer one { Type: FC; } Layer two { } }
             Accelerator { Level S { Memory A { } } } Dataflow d(t) { } Map net on acc { default FC: d(t = T); one: d; } Oops",
        );
        let outline = outline(&snapshot);
        let names: Vec<&str> = outline.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["T", "net", "Accelerator", "d", "net on acc"]);
        assert_eq!(outline[1].children[0].name, "x");
        assert_eq!(outline[1].children[1].detail.as_deref(), Some("FC"));
        assert_eq!(outline[2].children[0].children[0].name, "A");
        let entries: Vec<&str> = outline[4]
            .children
            .iter()
            .map(|item| item.name.as_str())
            .collect();
        assert_eq!(entries, ["default FC", "one"]);
        for item in &outline {
            assert!(item.span.contains(item.name_span), "{item:?}");
        }
    }
}
