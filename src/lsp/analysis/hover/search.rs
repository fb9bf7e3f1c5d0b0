//! The head of a search or an exploration: what is asked, and how large its space is.

use super::{Hover, Snapshot, code, touches};
use crate::base::FileId;
use crate::base::num::grouped;
use crate::diag::Diagnostics;
use crate::hir::explore::Scope;
use crate::hir::search::Search;
use crate::{models, optimize, sweep};
use std::fmt::Write;

/// Most layers of which the size is listed.
const MOST_LAYERS: usize = 12;
/// Larger extents are not counted while somebody waits, unless tiles are perfect.
const MOST_EXTENT: u64 = 1024;
/// Neither are spreads over larger axes.
const MOST_AXIS: u64 = 32;

pub(super) fn head(snapshot: &Snapshot, offset: u32) -> Option<Hover> {
    let file = snapshot.file()?;
    exploration(snapshot, file, offset).or_else(|| search(snapshot, file, offset))
}

fn exploration(snapshot: &Snapshot, file: FileId, offset: u32) -> Option<Hover> {
    let compiled = &snapshot.compiled;
    let mut all = compiled.program.explorations.iter();
    let explore = all.find(|one| one.span.file() == file && touches(one.span, offset))?;
    let mut markdown = code(compiled.sources.text_of(explore.span));
    let lengths: Vec<String> = explore
        .axes
        .iter()
        .map(|axis| format!("{} {}", axis.values.len(), axis.name))
        .collect();
    let designs = sweep::prepare(compiled, explore, &mut Diagnostics::new());
    let designs = designs.map_or_else(String::new, |sweep| {
        format!("{} designs, ", grouped(sweep.designs.into()))
    });
    let _ = writeln!(
        markdown,
        "{designs}{}, run by `dflowc explore`\n",
        lengths.join(" x ")
    );
    Some(Hover {
        markdown,
        span: explore.span,
    })
}

fn search(snapshot: &Snapshot, file: FileId, offset: u32) -> Option<Hover> {
    let searches = &snapshot.compiled.program.searches;
    let search = searches
        .iter()
        .find(|search| search.span.file() == file && touches(search.span, offset))?;
    let text = snapshot.compiled.sources.text_of(search.span);
    let mut markdown = code(text);
    let program = &snapshot.compiled.program;
    let network = program.networks.get(search.network)?;
    let accelerator = program.accelerators.get(search.accelerator)?;
    let _ = writeln!(
        markdown,
        "{} of `{}` on `{}`, run by `dflowc search`\n",
        if search.layers.len() == 1 {
            "one layer".to_owned()
        } else {
            format!("{} layers", search.layers.len())
        },
        network.label(),
        accelerator.label()
    );
    if let Some(own) = &search.own {
        let scope = match own.scope {
            Scope::Layers => "the objective of every layer is added up",
            Scope::Network => "products are of the sums over the layers",
        };
        let _ = writeln!(
            markdown,
            "* each under the {} schedules of the model `{}`\n* {scope}",
            models::deepopt::Schedule::ALL.len(),
            own.space.text
        );
    } else if is_small(snapshot, search) {
        for (layer, count) in optimize::candidates(&snapshot.compiled, search, MOST_LAYERS)? {
            let name = network.layers.get(layer).map_or("", |layer| &layer.name);
            let count = count.map_or_else(|| "too many kinds of".to_owned(), |n| n.to_string());
            let _ = writeln!(markdown, "* {name}: {count} schedules");
        }
        if search.layers.len() > MOST_LAYERS {
            let _ = writeln!(markdown, "* and {} more", search.layers.len() - MOST_LAYERS);
        }
    }
    Some(Hover {
        markdown,
        span: search.span,
    })
}

fn is_small(snapshot: &Snapshot, search: &Search) -> bool {
    let program = &snapshot.compiled.program;
    let Some(network) = program.networks.get(search.network) else {
        return false;
    };
    let Some(accelerator) = program.accelerators.get(search.accelerator) else {
        return false;
    };
    let mut axes = accelerator.arrays.iter().flat_map(|array| &array.shape);
    if axes.any(|&axis| axis > MOST_AXIS) {
        return false;
    }
    let layers = search
        .layers
        .iter()
        .filter_map(|&at| network.layers.get(at));
    let mut extents = layers.flat_map(|layer| &layer.declared);
    let most = if search.space.imperfect {
        MOST_EXTENT
    } else {
        16 * MOST_EXTENT
    };
    extents.all(|(_, extent)| *extent <= most)
}
