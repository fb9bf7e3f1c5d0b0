//! Which axes of a sweep are sizes of memories and nothing else.
//!
//! Problem: of 252 million designs of four parameters, 65,536 each differ in two sizes alone. A size decides what fits,
//! where a dataflow without places puts its tiles, a price and an area; everything else is the same, and need not be
//! counted again. Which parameter is only a size is read from the source, not guessed from values: it stands in the `Size`
//! of memories, in nothing else of the accelerator and in no default of another parameter, and no dataflow asks for it.
//!
//! Invariant: the memories of two such axes are different ones, those of the first outside of those of the second, and
//! larger values are larger sizes.

use super::design::accelerator;
use crate::driver::Compiled;
use crate::explore::Grid;
use crate::hir::Application;
use crate::hir::explore::Explore;
use crate::ir::Architecture;
use crate::lower;
use crate::syntax::ast::{Block, Body, Definition, Entry, Expr, Item};

/// An axis that is a size.
#[derive(Clone, Debug)]
pub(super) struct SizeAxis {
    /// Of the grid.
    pub axis: usize,
    /// Memories of the architecture, ascending.
    pub memories: Vec<usize>,
    /// Bits of each of them, per value of the axis.
    pub bits: Vec<Vec<u128>>,
    /// Places on the axis, from small to large.
    pub order: Vec<usize>,
}

impl SizeAxis {
    /// Gives the memories their sizes at a place of the axis.
    pub fn set(&self, architecture: &mut Architecture, place: usize) {
        let Some(bits) = self.bits.get(place) else {
            return;
        };
        for (&memory, &bits) in self.memories.iter().zip(bits) {
            if let Some(memory) = architecture.memories.get_mut(memory) {
                memory.capacity_bits = Some(bits);
            }
        }
    }
}

/// The axes that are sizes, outer memories first.
pub(super) fn size_axes(
    compiled: &Compiled,
    explore: &Explore,
    grid: &Grid,
    dataflows: &[Application],
) -> Vec<SizeAxis> {
    let program = &compiled.program;
    let asks = |used: &Application| {
        let dataflow = program.dataflows.get(used.dataflow);
        dataflow.is_none_or(|dataflow| dataflow.asks_capacity(used))
    };
    let node = definition(compiled, explore);
    let (Some(node), false) = (node, dataflows.iter().any(asks)) else {
        return Vec::new();
    };
    let mut found: Vec<SizeAxis> = Vec::new();
    for at in 0..explore.axes.len() {
        found.extend(size_axis(compiled, explore, grid, node, at));
    }
    found.sort_by(|one, other| one.memories.cmp(&other.memories));
    let mut kept: Vec<SizeAxis> = Vec::new();
    for axis in found {
        let last = kept.last().and_then(|known| known.memories.last());
        if axis.memories.first() > last {
            kept.push(axis);
        }
    }
    kept
}

fn definition<'a>(compiled: &'a Compiled, explore: &Explore) -> Option<&'a Definition> {
    let origin = compiled
        .program
        .accelerators
        .get(explore.accelerator)?
        .origin;
    match compiled
        .modules
        .get(origin.module)?
        .ast
        .items
        .get(origin.item)?
    {
        Item::Accelerator(node) => Some(node),
        _ => None,
    }
}

fn size_axis(
    compiled: &Compiled,
    explore: &Explore,
    grid: &Grid,
    node: &Definition,
    at: usize,
) -> Option<SizeAxis> {
    let axis = explore.axes.get(at)?;
    let names: Vec<&str> = axis
        .parameters
        .iter()
        .filter_map(|&parameter| node.parameters.get(parameter))
        .map(|parameter| parameter.name.as_str())
        .collect();
    let others: Vec<&str> = explore
        .axes
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != at)
        .flat_map(|(_, axis)| &axis.parameters)
        .filter_map(|&parameter| node.parameters.get(parameter))
        .map(|parameter| parameter.name.as_str())
        .collect();
    let is_own = |expr: &Expr| expr.names().iter().any(|name| names.contains(name));
    let defaults = node
        .parameters
        .iter()
        .filter_map(|one| one.default.as_ref());
    if defaults.into_iter().any(is_own) || !sizes_only(&node.body, None, &names, &others) {
        return None;
    }
    // What it changes is seen where nothing else changes.
    let mut places = vec![0; grid.lengths().len()];
    let mut architectures = Vec::with_capacity(axis.values.len());
    for place in 0..axis.values.len() {
        places[at] = place;
        let made = accelerator(compiled, explore, &places).ok()?;
        architectures.push(lower::architecture(&made));
    }
    let first = architectures.first()?;
    let memories: Vec<usize> = (0..first.memories.len())
        .filter(|&memory| {
            let size = |one: &Architecture| one.memories.get(memory).and_then(|m| m.capacity_bits);
            architectures.iter().any(|one| size(one) != size(first))
        })
        .collect();
    if memories.is_empty() {
        return None;
    }
    let bits: Option<Vec<Vec<u128>>> = architectures
        .iter()
        .map(|one| {
            let sizes = memories
                .iter()
                .map(|&at| one.memories.get(at)?.capacity_bits);
            sizes.collect()
        })
        .collect();
    let bits = bits?;
    let mut order: Vec<usize> = (0..bits.len()).collect();
    order.sort_by_key(|&place| bits.get(place).cloned());
    let ascends = order.windows(2).all(|pair| {
        let (smaller, larger) = (&bits[pair[0]], &bits[pair[1]]);
        smaller
            .iter()
            .zip(larger)
            .all(|(smaller, larger)| smaller <= larger)
    });
    ascends.then_some(SizeAxis {
        axis: at,
        memories,
        bits,
        order,
    })
}

/// Whether these names stand in sizes of memories only, and none of the `others` beside them. Blocks are nested only as deep
/// as the parser allows.
fn sizes_only(body: &Body, owner: Option<&Block>, names: &[&str], others: &[&str]) -> bool {
    body.entries.iter().all(|entry| match entry {
        Entry::Property(property) => {
            let arguments = property.arguments.iter().map(|argument| &argument.value);
            let mut found = arguments.chain(&property.values).flat_map(Expr::names);
            if !found.any(|name| names.contains(&name)) {
                return true;
            }
            let kind = owner.map_or("", |block| block.kind.value.as_str());
            let is_size = matches!(
                (kind, property.key.value.as_str()),
                ("Memory", "Size") | ("Buffer", "GlobalL2" | "LocalL1")
            );
            let mut all = property.values.iter().flat_map(Expr::names);
            is_size && !all.any(|name| others.contains(&name))
        }
        Entry::Block(block) => sizes_only(&block.body, Some(block), names, others),
        Entry::Flag(_) => true,
        // Nothing of an accelerator; whatever it is, it may use the name.
        _ => false,
    })
}
