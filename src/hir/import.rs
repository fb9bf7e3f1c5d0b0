//! Names that an imported file imports itself: they are known there and not here.
//!
//! `use "flows.dflow";` makes known what stands in that file. If its own head is `use std.accelerators.npu;`, then `npu` is
//! unknown here, and what is missing is the same `use`.

use super::scope::{Context, Kind, defines};
use crate::base::Span;
use crate::syntax::ast::{Item, Name, UseSource};

/// Nobody reads more.
const MOST_ERRORS: usize = 100;

/// Where a `use` that makes the name known can be put, and its text.
pub(super) fn missing_use(cx: &Context<'_>, kind: Kind, name: &Name) -> Option<(Span, String)> {
    let own = cx.modules.get(cx.module)?;
    if cx.errors() > MOST_ERRORS {
        return None;
    }
    let first = own.ast.items.first()?.span();
    let at = Span::new(first.file(), first.lo(), first.lo());
    let uses = own.ast.items.iter().filter_map(|item| match item {
        Item::Use(node) => Some(node),
        _ => None,
    });
    // The list of what they lead to is the one that ends first: no item behind the last `use` is looked at.
    for (targets, node) in own.uses.iter().zip(uses) {
        let (UseSource::File(text), Some(Some(target))) = (&node.source, targets.first()) else {
            continue;
        };
        let folder = text.value.rfind('/').map_or("", |end| &text.value[..=end]);
        if let Some(text) = used(cx, target.module, folder, kind, name) {
            return Some((at, format!("use {text};\n")));
        }
    }
    None
}

/// What stands behind `use` for a name of a module that is defined elsewhere.
fn used(cx: &Context<'_>, module: usize, folder: &str, kind: Kind, name: &Name) -> Option<String> {
    let (definition, span) = cx.binding(module, kind, name.as_str())?;
    let home = cx.modules.get(definition.module)?;
    let (_, defined, _) = defines(home.ast.items.get(definition.item)?)?;
    if let Some(path) = &home.std_path {
        let path = match path.rsplit('.').next() == Some(defined) {
            true => path.clone(),
            false => format!("{path}.{defined}"),
        };
        return Some(match defined == name.as_str() {
            true => path,
            false => format!("{path} as {name}"),
        });
    }
    let items = &cx.modules.get(module)?.ast.items;
    let file = items.iter().find_map(|item| match item {
        Item::Use(node) => match &node.source {
            UseSource::File(text) if text.span == span => Some(&text.value),
            _ => None,
        },
        _ => None,
    })?;
    Some(format!("\"{folder}{file}\""))
}
