//! In what of an accelerator the parameters of an axis stand.
//!
//! Problem: of 252 million designs of four parameters only 62 differ in more than sizes and bandwidths. Which parameter is
//! only a size, or only a bandwidth, is read from the source and not guessed from values.

use super::design::accelerator;
use crate::driver::Compiled;
use crate::explore::Grid;
use crate::hir::explore::Explore;
use crate::ir::Architecture;
use crate::lower;
use crate::syntax::ast::{Block, Body, Definition, Entry, Expr, Item, Property};

/// The parameters of one axis in the text of the accelerator.
pub(super) struct Uses<'a> {
    node: &'a Definition,
    /// Those of the axis, and those of the others.
    names: Vec<&'a str>,
    others: Vec<&'a str>,
}

impl<'a> Uses<'a> {
    /// `None` when the accelerator has no text, or another parameter's default needs one of these.
    pub fn new(compiled: &'a Compiled, explore: &Explore, axis: usize) -> Option<Uses<'a>> {
        let node = definition(compiled, explore)?;
        let of = |own: bool| {
            let axes = explore.axes.iter().enumerate();
            axes.filter(move |(at, _)| (*at == axis) == own)
                .flat_map(|(_, axis)| &axis.parameters)
                .filter_map(|&parameter| node.parameters.get(parameter))
                .map(|parameter| parameter.name.as_str())
                .collect::<Vec<_>>()
        };
        let uses = Uses {
            node,
            names: of(true),
            others: of(false),
        };
        let defaults = node.parameters.iter();
        let mut defaults = defaults.filter_map(|one| one.default.as_ref());
        let asks = |expr: &Expr| expr.names().iter().any(|name| uses.names.contains(name));
        (!defaults.any(asks)).then_some(uses)
    }

    /// Whether they stand in properties of this kind only, by the kind of the block and the key, and none of the other
    /// varied parameters beside them.
    pub fn only(&self, is: &dyn Fn(&str, &str) -> bool) -> bool {
        self.stand_only(&self.node.body, None, is)
    }

    /// Whether a property of this key mentions a varied parameter of another axis.
    pub fn others_in(&self, key: &str) -> bool {
        let mentions = |property: &Property| {
            property.key.value == key
                && expressions(property)
                    .flat_map(Expr::names)
                    .any(|name| self.others.contains(&name))
        };
        self.node
            .body
            .entries
            .iter()
            .any(|entry| matches!(entry, Entry::Property(property) if mentions(property)))
    }

    /// Blocks are nested only as deep as the parser allows.
    fn stand_only(
        &self,
        body: &Body,
        owner: Option<&Block>,
        is: &dyn Fn(&str, &str) -> bool,
    ) -> bool {
        body.entries.iter().all(|entry| match entry {
            Entry::Property(property) => {
                let mut found = expressions(property).flat_map(Expr::names);
                if !found.any(|name| self.names.contains(&name)) {
                    return true;
                }
                let kind = owner.map_or("", |block| block.kind.value.as_str());
                let mut all = expressions(property).flat_map(Expr::names);
                is(kind, property.key.value.as_str())
                    && !all.any(|name| self.others.contains(&name))
            }
            Entry::Block(block) => self.stand_only(&block.body, Some(block), is),
            Entry::Flag(_) => true,
            // Nothing of an accelerator; whatever it is, it may use the name.
            _ => false,
        })
    }
}

fn expressions(property: &Property) -> impl Iterator<Item = &Expr> {
    let arguments = property.arguments.iter().map(|argument| &argument.value);
    arguments.chain(&property.values)
}

fn definition<'a>(compiled: &'a Compiled, explore: &Explore) -> Option<&'a Definition> {
    let known = compiled.program.accelerators.get(explore.accelerator)?;
    let module = compiled.modules.get(known.origin.module)?;
    match module.ast.items.get(known.origin.item)? {
        Item::Accelerator(node) => Some(node),
        _ => None,
    }
}

/// The architectures of all values of an axis, where nothing else changes.
pub(super) fn architectures(
    compiled: &Compiled,
    explore: &Explore,
    grid: &Grid,
    axis: usize,
) -> Option<Vec<Architecture>> {
    let mut places = vec![0; grid.lengths().len()];
    let values = 0..explore.axes.get(axis)?.values.len();
    values
        .map(|place| {
            places[axis] = place;
            let made = accelerator(compiled, explore, &places).ok()?;
            Some(lower::architecture(&made))
        })
        .collect()
}
