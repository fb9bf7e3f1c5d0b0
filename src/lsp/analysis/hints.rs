//! What stands beside the text: the exact cost of every layer, the tile of every directive.
//!
//! `conv1_1: nvdla(c_tile = 3);` is followed by `1,287,152 cycles, 40.1 %, 1.270 mJ`, with what binds it and all else behind it,
//! `TemporalMap(2,2) K` by `Input 12, Weight 192, Output 16`: the elements that one of its steps works on. A dataflow
//! that serves several layers shows the tile of the first of them, by name.
//!
//! Invariant: no figure for what is not legal.

mod fused;

use super::Snapshot;
use super::evaluate::{Evaluated, EvaluatedGroup, EvaluatedLayer, EvaluatedMap, ResultCache};
use super::schedules;
use super::words;
use crate::base::Span;
use crate::hir::{Choice, Map};
use crate::report::{GroupReport, LayerReport, totals};
use crate::syntax::ast::{
    self, DataflowBody, DataflowUse, Directive, DirectiveKind, Entry, Item, MapEntry,
};
use std::collections::{BTreeMap, BTreeSet};

/// A text to show at a place that is no part of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Byte offset in the file that was asked for.
    pub offset: u32,
    pub label: String,
    /// More of it, for who points at it.
    pub tooltip: Option<String>,
    pub kind: HintKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HintKind {
    Cost,
    Tile,
    /// Of a schedule with a name.
    Schedule,
}

/// All hints of the file that was asked for, in source order.
#[must_use]
pub fn hints(snapshot: &Snapshot, evaluated: &Evaluated, cache: &mut ResultCache) -> Vec<Hint> {
    let mut hints = Vec::new();
    let Some((_, root)) = snapshot.root() else {
        return hints;
    };
    let directives = directives(&root.ast);
    tiles(snapshot, evaluated, cache, &directives, &mut hints);
    hints.extend(
        directives
            .iter()
            .filter_map(|directive| schedule(directive)),
    );
    for item in &root.ast.items {
        match item {
            Item::Map(node) => map(snapshot, evaluated, node, &mut hints),
            Item::Network(node) => network(snapshot, evaluated, node, &mut hints),
            _ => {}
        }
    }
    hints.sort_by_key(|hint| hint.offset);
    hints
}

/// The evaluated maps of the program with their definitions.
pub fn maps<'a>(
    snapshot: &'a Snapshot,
    evaluated: &'a Evaluated,
) -> impl Iterator<Item = (&'a Map, &'a EvaluatedMap)> {
    let maps = snapshot.compiled.program.maps.iter();
    maps.zip(&evaluated.maps)
}

fn map(snapshot: &Snapshot, evaluated: &Evaluated, node: &ast::Map, hints: &mut Vec<Hint>) {
    let span = node.head();
    let Some((known, result)) = maps(snapshot, evaluated).find(|(map, _)| map.span == span) else {
        return;
    };
    let layers = &result.layers;
    let all: Vec<&EvaluatedLayer> = layers.iter().collect();
    let groups: Vec<GroupReport> = result
        .groups
        .iter()
        .filter_map(|group| group.report.clone())
        .collect();
    sum(&all, &groups, known.assignments.len(), span.hi(), hints);
    for (group, result) in known.groups.iter().zip(&result.groups) {
        group_cost(result, group.span.hi(), hints);
    }
    let fuses = node.entries.iter().filter_map(|entry| match entry {
        MapEntry::Fuse(fuse) => Some(fuse),
        _ => None,
    });
    for fuse in fuses {
        let mut groups = known.groups.iter().zip(&result.groups);
        if let Some((_, group)) = groups.find(|(group, _)| fuse.span.contains(group.span)) {
            fused::inside(fuse, group, hints);
        }
    }
    for entry in &node.entries {
        let (dataflow, span, choice) = match entry {
            MapEntry::Default { dataflow, span, .. } => (dataflow, span, Choice::Default),
            MapEntry::Layers { dataflow, span, .. } => (dataflow, span, Choice::Named),
            MapEntry::Fuse(_) | MapEntry::Error(_) => continue,
        };
        let place = dataflow.span();
        let assigned: Vec<&EvaluatedLayer> = known
            .assignments
            .iter()
            .zip(layers)
            .filter(|(assignment, _)| {
                let application = assignment.application.as_ref();
                assignment.choice == choice
                    && application.is_some_and(|application| application.span == place)
            })
            .map(|(_, layer)| layer)
            .collect();
        let end = span.hi().max(place.hi());
        match assigned.as_slice() {
            [] => {}
            [layer] if choice == Choice::Named => one(layer, end, hints),
            several => sum(several, &[], several.len(), end, hints),
        }
    }
}

/// The cost of one layer, or why there is none.
fn one(layer: &EvaluatedLayer, offset: u32, hints: &mut Vec<Hint>) {
    let known = layer.report.as_ref();
    let known = known.map(|report| {
        let whole = format!("{}\n{}", words::cost(report), details(report));
        (words::brief_cost(report), whole)
    });
    cost(known, layer.absent.as_deref(), offset, hints);
}

/// The cost of a fused group, beside that of its layers one by one.
fn group_cost(result: &EvaluatedGroup, offset: u32, hints: &mut Vec<Hint>) {
    let known = result.report.as_ref();
    let known = known.map(|report| {
        let whole = format!("{}\n{}", words::group(report), words::alone(report));
        (words::brief_group(report), whole)
    });
    cost(known, result.absent.as_deref(), offset, hints);
}

/// A hint of what is known, label and tooltip, or of why nothing is; none where nobody has looked.
fn cost(known: Option<(String, String)>, absent: Option<&str>, offset: u32, hints: &mut Vec<Hint>) {
    let (label, tooltip) = match (known, absent) {
        (Some(known), _) => known,
        (None, Some(absent)) => {
            let code = absent.split(':').next().unwrap_or_default();
            (format!("no cost: {code}"), absent.to_owned())
        }
        (None, None) => return,
    };
    hints.push(Hint {
        offset,
        label,
        tooltip: Some(tooltip),
        kind: HintKind::Cost,
    });
}

/// The cost of several layers and groups together; `of` is the number of layers that there are.
fn sum(
    layers: &[&EvaluatedLayer],
    groups: &[GroupReport],
    of: usize,
    offset: u32,
    hints: &mut Vec<Hint>,
) {
    let reports: Vec<LayerReport> = layers
        .iter()
        .filter_map(|layer| layer.report.clone())
        .collect();
    if reports.is_empty() && groups.is_empty() {
        return;
    }
    let all = totals(&reports, groups);
    let energy = all.energy_pj.as_ref().and_then(|map| map.get("total"));
    let count = if all.layers < of {
        format!("{} of {of} layers", all.layers)
    } else if of == 1 {
        "1 layer".to_owned()
    } else {
        format!("{of} layers")
    };
    let figures = words::figures(all.cycles, all.utilization, energy.copied());
    let before = format!("{count}: ");
    let brief = words::brief(&before, all.cycles, all.utilization, energy.copied());
    hints.push(Hint {
        offset,
        label: brief,
        tooltip: Some(format!("{count}: {}", figures.join(", "))),
        kind: HintKind::Cost,
    });
}

/// The rest of a report, in a few lines.
fn details(report: &LayerReport) -> String {
    let mut lines = Vec::new();
    lines.extend(
        report
            .dataflow
            .as_ref()
            .map(|name| format!("dataflow {name}")),
    );
    lines.extend(report.mapping.as_ref().map(|mapping| {
        let (steps, used, pes) = (mapping.steps, mapping.pes_used, mapping.pes);
        format!("{steps} steps, {used} of {pes} PEs work")
    }));
    lines.extend(report.choices.iter().cloned());
    lines.extend(report.notes.iter().cloned());
    lines.join("\n")
}

/// The cost of every layer that the file defines, by the first map that has one; the others in the tooltip.
fn network(snapshot: &Snapshot, evaluated: &Evaluated, node: &ast::Network, hints: &mut Vec<Hint>) {
    let program = &snapshot.compiled.program;
    let mut by_layer: BTreeMap<Span, Vec<(&Map, &EvaluatedLayer)>> = BTreeMap::new();
    for (map, evaluated) in maps(snapshot, evaluated) {
        let Some(network) = program.networks.get(map.network) else {
            continue;
        };
        if network.name_span != node.name.span {
            continue;
        }
        // Layers of a block stand elsewhere.
        let layers = network.layers.iter().zip(&evaluated.layers);
        for (layer, result) in layers.filter(|(layer, _)| node.span.contains(layer.name_span)) {
            by_layer
                .entry(layer.name_span)
                .or_default()
                .push((map, result));
        }
    }
    for (span, results) in by_layer {
        let Some((_, first)) = results.iter().find(|(_, layer)| layer.report.is_some()) else {
            continue;
        };
        one(first, span.hi(), hints);
        if let (Some(hint), true) = (hints.last_mut(), results.len() > 1) {
            let lines: Vec<String> = results
                .iter()
                .filter_map(|(map, layer)| {
                    let report = layer.report.as_ref()?;
                    Some(format!("{}: {}", map.name, words::cost(report)))
                })
                .collect();
            hint.tooltip = Some(lines.join("\n"));
        }
    }
}

/// Every directive of a file.
pub fn directives(file: &ast::File) -> Vec<&Directive> {
    let mut found = Vec::new();
    for item in &file.items {
        match item {
            Item::Dataflow(node) => inside(&node.body, &mut found),
            Item::Map(node) => {
                for entry in &node.entries {
                    match entry {
                        MapEntry::Default { dataflow, .. } | MapEntry::Layers { dataflow, .. } => {
                            used(dataflow, &mut found);
                        }
                        MapEntry::Fuse(fuse) => {
                            for run in fuse.runs() {
                                run.dataflow
                                    .iter()
                                    .for_each(|dataflow| used(dataflow, &mut found));
                            }
                        }
                        MapEntry::Error(_) => {}
                    }
                }
            }
            Item::Network(node) => {
                for layer in node.layers() {
                    for entry in &layer.body.entries {
                        if let Entry::Dataflow(dataflow) = entry {
                            used(&dataflow.dataflow, &mut found);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    found
}

fn used<'a>(usage: &'a DataflowUse, found: &mut Vec<&'a Directive>) {
    if let DataflowUse::Inline(body) = usage {
        inside(body, found);
    }
}

fn inside<'a>(body: &'a DataflowBody, found: &mut Vec<&'a Directive>) {
    for directive in &body.directives {
        found.push(directive);
        if let DirectiveKind::At { loops, .. } = &directive.kind {
            inside(loops, found);
        }
    }
}

fn tiles(
    snapshot: &Snapshot,
    evaluated: &Evaluated,
    cache: &mut ResultCache,
    directives: &[&Directive],
    hints: &mut Vec<Hint>,
) {
    let written: BTreeSet<Span> = directives.iter().map(|directive| directive.span).collect();
    for (span, uses) in uses(snapshot, evaluated) {
        if !written.contains(&span) {
            continue;
        }
        let Some(first) = uses.first() else { continue };
        let Some((names, tile)) = tile_of(cache, first) else {
            continue;
        };
        let layer = (uses.len() > 1).then_some(first.name);
        let label = words::brief_tile(layer, names, &tile);
        hints.push(Hint {
            offset: span.hi(),
            label,
            tooltip: Some(format!(
                "elements that one step of this directive works on in `{}`: {}",
                first.name,
                words::tile(names, &tile)
            )),
            kind: HintKind::Tile,
        });
    }
}

/// The other spelling of a schedule with a name.
fn schedule(directive: &Directive) -> Option<Hint> {
    let DirectiveKind::Schedule { words } = &directive.kind else {
        return None;
    };
    Some(Hint {
        offset: directive.span.hi(),
        label: schedules::other_spelling(words)?,
        tooltip: schedules::about(words),
        kind: HintKind::Schedule,
    })
}

/// A directive at work in one layer.
pub struct Use<'a> {
    /// Of the layer.
    pub name: &'a str,
    pub layer: &'a EvaluatedLayer,
    /// Index of the loop, and of the move in it.
    pub place: (usize, usize),
}

/// Where each directive of the file that was asked for is at work: legal layers only, in order.
pub fn uses<'a>(snapshot: &Snapshot, evaluated: &'a Evaluated) -> BTreeMap<Span, Vec<Use<'a>>> {
    let mut found: BTreeMap<Span, Vec<Use<'a>>> = BTreeMap::new();
    let Some(file) = snapshot.file() else {
        return found;
    };
    for layer in evaluated.maps.iter().flat_map(|map| &map.layers) {
        let lowered = layer
            .planned
            .as_ref()
            .and_then(|planned| planned.lowered.as_ref());
        let (Some(lowered), Some(_)) = (lowered, &layer.checked) else {
            continue;
        };
        for (at, around) in lowered.mapping.schedule.loops.iter().enumerate() {
            for (number, m) in around.moves.iter().enumerate() {
                let Some(source) = lowered.origin(m.origin) else {
                    continue;
                };
                if source.span.file() == file {
                    found.entry(source.span).or_default().push(Use {
                        name: &lowered.names.layer,
                        layer,
                        place: (at, number),
                    });
                }
            }
        }
    }
    found
}

/// The tile inside the loop of a use, with the names of the tensors.
pub fn tile_of<'a>(
    cache: &mut ResultCache,
    used: &Use<'a>,
) -> Option<(&'a [String], Vec<Option<u64>>)> {
    let checked = used.layer.checked.as_ref()?;
    let lowered = used.layer.planned.as_ref()?.lowered.as_ref()?;
    let tile = cache.tiles(checked).get(used.place.0)?.clone();
    Some((&lowered.names.tensors, tile))
}

#[cfg(test)]
mod tests {
    use super::super::testing::cursor;
    use super::*;

    #[test]
    fn costs_beside_layers_and_tiles_beside_directives() {
        let text = "Network net { Layer l { Type: GEMM; Dimensions { M: 4, N: 8, K: 16 } } }
        Accelerator acc { Memory DRAM {} Array PE { Shape: [4] } Memory RF { Size: 64 } Compute MAC { Lanes: 1 } }
        Map net on acc { l: { SpatialMap(1,1) M; TemporalMap(1,1) N; TemporalMap(1,1) K }; }";
        let (snapshot, _) = cursor(text);
        let mut cache = ResultCache::default();
        let evaluated = cache.evaluate(&snapshot, || false);
        let hints = hints(&snapshot, &evaluated, &mut cache);
        let of = |kind| hints.iter().filter(move |hint| hint.kind == kind);
        // Layer, map and entry; the entry has the figures of the layer.
        let costs: Vec<&str> = of(HintKind::Cost).map(|hint| hint.label.as_str()).collect();
        assert_eq!(costs.len(), 3);
        assert!(costs[1].starts_with("1 layer: "), "{costs:?}");
        assert_eq!(costs[0], costs[2]);
        let tiles: Vec<&str> = of(HintKind::Tile).map(|hint| hint.label.as_str()).collect();
        // One element each at the innermost loop; M alone leaves a row of A, all of B, a row of outputs.
        assert!(
            tiles[0].contains(" 16,") && tiles[0].contains(" 128,"),
            "{tiles:?}"
        );
        assert!(tiles[2].ends_with(" 1"), "{tiles:?}");
    }

    #[test]
    fn nothing_for_what_is_refused() {
        let text = "Network net { Layer l { Type: GEMM; Dimensions { M: 4, N: 8, K: 16 } } }
        Accelerator acc { Memory DRAM {} Array PE { Shape: [4] } Memory RF { Size: 64 } Compute MAC { Lanes: 1 } }
        Map net on acc { l: { SpatialMap(1,2) M; } }";
        let (snapshot, _) = cursor(text);
        let mut cache = ResultCache::default();
        let evaluated = cache.evaluate(&snapshot, || false);
        assert_eq!(evaluated.diagnostics.len(), 1);
        assert_eq!(hints(&snapshot, &evaluated, &mut cache), []);
    }
}
