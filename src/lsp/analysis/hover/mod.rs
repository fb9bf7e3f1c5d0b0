//! What is behind the word under the cursor, as Markdown.
//!
//! A layer: what it makes, MACs, sizes of its tensors, its cost in every map. A directive: window, steps and tile in
//! every layer that it serves. A memory: what the fullest layer needs of it. A definition: what it is and the comment
//! above it, which for the library says where its figures are from. A keyword: how it is used.

mod directive;
mod search;

use super::evaluate::{Evaluated, EvaluatedMap, ResultCache};
use super::hints;
use super::names::Symbol;
use super::{Snapshot, schedules, touches, words};
use crate::base::Span;
use crate::base::harmless::harmless_lines;
use crate::base::num::grouped;
use crate::evaluate::advice::Place;
use crate::hir::{Definition, Kind, Layer, Map, Network};
use crate::lower::{Desugared, Elements, desugar};
use crate::report::advice;
use crate::syntax::ast::DirectiveKind;
use crate::syntax::lexer;

/// Most lines of a comment.
const MOST_LINES: usize = 40;

/// A text about a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    pub markdown: String,
    pub span: Span,
}

/// What there is to say about an offset of the file that was asked for.
#[must_use]
pub fn hover(
    snapshot: &Snapshot,
    evaluated: &Evaluated,
    cache: &mut ResultCache,
    offset: u32,
) -> Option<Hover> {
    if let Some(found) = snapshot.name_at(offset) {
        let markdown = symbol(snapshot, evaluated, cache, &found.symbol)?;
        return Some(Hover {
            markdown,
            span: found.span,
        });
    }
    if let Some(found) = group(snapshot, evaluated, offset) {
        return Some(found);
    }
    if let Some(found) = search::head(snapshot, offset) {
        return Some(found);
    }
    let (_, root) = snapshot.root()?;
    // The innermost: `at` has directives inside.
    let directive = hints::directives(&root.ast)
        .into_iter()
        .filter(|directive| touches(directive.span, offset))
        .min_by_key(|directive| directive.span.len());
    let word = keyword(snapshot, offset);
    if let Some(directive) = directive
        && let Some(table) = directive::table(snapshot, evaluated, cache, directive.span)
    {
        let text = snapshot.compiled.sources.text_of(directive.span);
        let mut markdown = code(text);
        markdown.push_str(&table);
        if let Some((_, word)) = &word {
            markdown.push_str(&format!("\n{word}"));
        }
        return Some(Hover {
            markdown,
            span: directive.span,
        });
    }
    if let Some(directive) = directive
        && let DirectiveKind::Schedule { words } = &directive.kind
        && let Some(about) = schedules::about(words)
    {
        let mut markdown = code(snapshot.compiled.sources.text_of(directive.span));
        markdown.push_str(&about);
        let span = directive.span;
        return Some(Hover { markdown, span });
    }
    let (span, markdown) = word?;
    Some(Hover { markdown, span })
}

/// The keyword at an offset: how it is used.
fn keyword(snapshot: &Snapshot, offset: u32) -> Option<(Span, String)> {
    let file = snapshot.file()?;
    let lexed = lexer::lex(file, snapshot.text());
    let at = lexed
        .lexemes
        .iter()
        .find(|lexeme| (lexeme.lo..lexeme.hi).contains(&offset))?;
    let span = Span::new(file, at.lo, at.hi);
    let (form, meaning) = words::keyword(snapshot.compiled.sources.text_of(span))?;
    Some((span, format!("`{form}`: {meaning}\n")))
}

fn symbol(
    snapshot: &Snapshot,
    evaluated: &Evaluated,
    cache: &ResultCache,
    symbol: &Symbol,
) -> Option<String> {
    let definition = snapshot.definition(symbol)?;
    match symbol {
        Symbol::Item(kind, at) => item(snapshot, evaluated, *kind, *at),
        Symbol::Layer(network, name) => {
            let network = network_at(snapshot, *network)?;
            if let Some(input) = network.inputs.iter().find(|input| input.name == *name) {
                let text = code(&format!("Input {}: {}", input.name, input.shape()));
                let stays = match input.kept {
                    Some(_) => "; stays from one run to the next",
                    None => "",
                };
                return Some(format!(
                    "{text}one tensor for every layer that reads it{stays}\n"
                ));
            }
            let mut persistents = network.persistents.iter().map(|known| &known.tensor);
            if let Some(tensor) = persistents.find(|tensor| tensor.name == *name) {
                let text = code(&format!("Persistent {}: {}", tensor.name, tensor.shape()));
                return Some(text + "stays from one run to the next, as weights do\n");
            }
            let layer = network.layer(name).and_then(|at| network.layers.get(at))?;
            Some(layer_text(snapshot, evaluated, cache, layer))
        }
        Symbol::Memory(accelerator, name) => {
            memory(snapshot, evaluated, *accelerator, name, definition)
        }
        Symbol::Array(accelerator, name) => {
            let accelerator = accelerator_at(snapshot, *accelerator)?;
            let array = accelerator
                .arrays
                .iter()
                .find(|array| array.name == *name)?;
            let shape: Vec<String> = array.shape.iter().map(u64::to_string).collect();
            Some(format!(
                "{}\n{} instances\n",
                code(&format!("Array {name}")),
                shape.join(" x ")
            ))
        }
        Symbol::Parameter(_, name) => {
            let text = line_of(snapshot, definition);
            Some(format!("parameter `{name}`\n{}", code(text)))
        }
        Symbol::Local(_) => Some(code(line_of(snapshot, definition))),
        Symbol::File(_) => {
            let name = snapshot.source(definition)?.name();
            Some(format!("`{name}`\n"))
        }
    }
}

fn code(text: &str) -> String {
    format!("```dflow\n{}\n```\n", harmless_lines(text.trim()))
}

fn line_of(snapshot: &Snapshot, span: Span) -> &str {
    let Some(file) = snapshot.source(span) else {
        return "";
    };
    let lines = file.lines();
    let line = lines.line(span.lo());
    let start = lines.start(line) as usize;
    let end = match line + 1 < lines.line_count() {
        true => lines.start(line + 1) as usize,
        false => file.text().len(),
    };
    file.slice(start..end).trim_end_matches(['\r', '\n'])
}

fn network_at(snapshot: &Snapshot, at: Definition) -> Option<&Network> {
    let span = snapshot.definition(&Symbol::Item(Kind::Network, at))?;
    let mut networks = snapshot.compiled.program.networks.iter();
    networks.find(|network| network.name_span == span)
}

fn accelerator_at(snapshot: &Snapshot, at: Definition) -> Option<&crate::hir::Accelerator> {
    let span = snapshot.definition(&Symbol::Item(Kind::Accelerator, at))?;
    let mut accelerators = snapshot.compiled.program.accelerators.iter();
    accelerators.find(|accelerator| accelerator.name_span == span)
}

/// A definition: its first line, what is known of it, and the comment that belongs to it.
fn item(snapshot: &Snapshot, evaluated: &Evaluated, kind: Kind, at: Definition) -> Option<String> {
    let definition = snapshot.definition(&Symbol::Item(kind, at))?;
    let span = snapshot.item(at)?.span();
    let first = snapshot.compiled.sources.text_of(span).lines().next()?;
    let mut out = code(first.trim_end().trim_end_matches('{'));
    match kind {
        Kind::Network => {
            if let Some(network) = network_at(snapshot, at) {
                let macs = network.macs().map_or_else(|| "?".to_owned(), grouped);
                let layers = network.layers.len();
                let plural = if layers == 1 { "" } else { "s" };
                out.push_str(&format!("{layers} layer{plural}, {macs} MACs\n"));
                for (map, result) in hints::maps(snapshot, evaluated) {
                    let known = snapshot.compiled.program.networks.get(map.network);
                    if known.is_some_and(|known| known.name_span == network.name_span) {
                        out.push_str(&total(map, result));
                    }
                }
            }
        }
        Kind::Accelerator => {
            if let Some(accelerator) = accelerator_at(snapshot, at) {
                let pes = pes(accelerator);
                let memories: Vec<&str> = accelerator
                    .memories
                    .iter()
                    .map(|memory| memory.name.as_str())
                    .collect();
                let pes = pes.map_or_else(|| "?".to_owned(), |pes| grouped(u128::from(pes)));
                out.push_str(&format!("{pes} PEs, {}\n", memories.join(" -> ")));
            }
        }
        Kind::Const | Kind::Dataflow | Kind::Technology => {}
    }
    if let Some(comment) = comment(snapshot, span) {
        out.push_str(&format!("\n{comment}\n"));
    }
    if let Some(path) = snapshot.library(definition) {
        out.push_str(&format!("\n`{path}`\n"));
    }
    Some(out)
}

/// All PEs: arrays inside each other multiply, arrays side by side add.
fn pes(accelerator: &crate::hir::Accelerator) -> Option<u64> {
    let arrays = &accelerator.arrays;
    let levels = arrays.iter().map(|array| array.level).max();
    (0..=levels.unwrap_or(0)).try_fold(1u64, |product, level| {
        let mut here = arrays
            .iter()
            .filter(|array| array.level == level)
            .peekable();
        if here.peek().is_none() {
            return Some(product);
        }
        let sum = here.try_fold(0u64, |sum, array| {
            let size = array
                .shape
                .iter()
                .try_fold(1u64, |size, &axis| size.checked_mul(axis))?;
            sum.checked_add(size)
        })?;
        product.checked_mul(sum)
    })
}

/// What all of a map costs, as far as it can be said.
fn total(map: &Map, result: &EvaluatedMap) -> String {
    let layers = result.layers.iter();
    let reports: Vec<_> = layers.filter_map(|layer| layer.report.clone()).collect();
    let groups = result.groups.iter();
    let groups: Vec<_> = groups.filter_map(|group| group.report.clone()).collect();
    if reports.is_empty() && groups.is_empty() {
        return String::new();
    }
    let all = crate::report::totals(&reports, &groups);
    let energy = all.energy_pj.as_ref().and_then(|map| map.get("total"));
    let figures = words::figures(all.cycles, all.utilization, energy.copied());
    format!(
        "\n{}: {} of {} layers, {}\n",
        map.name,
        all.layers,
        result.layers.len(),
        figures.join(", ")
    )
}

/// The line comments right above an item; above the first item of a file of the library those at its head, even
/// with an empty line between.
fn comment(snapshot: &Snapshot, item: Span) -> Option<String> {
    let text = snapshot.source(item)?.text();
    let before = text.get(..item.range().start)?;
    let is_library = snapshot.library(item).is_some();
    let mut lines: Vec<&str> = before
        .lines()
        .rev()
        .map(str::trim)
        .skip_while(|line| is_library && line.is_empty())
        .map_while(|line| line.strip_prefix("//"))
        .map(|comment| comment.strip_prefix(' ').unwrap_or(comment))
        .collect();
    if lines.is_empty() {
        return None;
    }
    lines.reverse();
    let more = lines.len() > MOST_LINES;
    lines.truncate(MOST_LINES);
    let mut comment = lines.join("\n");
    if more {
        comment.push_str("\n...");
    }
    Some(comment)
}

/// A layer without a map: sizes; with maps: the cost in each, and in the first what would help.
fn layer_text(
    snapshot: &Snapshot,
    evaluated: &Evaluated,
    cache: &ResultCache,
    layer: &Layer,
) -> String {
    let mut out = code(&format!("Layer {}: {}", layer.name, layer.type_name));
    let sizes: Vec<String> = layer
        .shape
        .dimensions()
        .iter()
        .map(|(name, extent)| format!("{name} {extent}"))
        .collect();
    out.push_str(&format!("{}\n\n", sizes.join(", ")));
    if let Some(output) = layer.shape.output() {
        out.push_str(&format!("output: {output}\n\n"));
    }
    match (layer.shape.macs(), layer.shape.points()) {
        (Some(0), Some(points)) => out.push_str(&format!("{} operations\n\n", grouped(points))),
        (Some(macs), _) => out.push_str(&format!("{} MACs\n\n", grouped(macs))),
        _ => {}
    }
    out.push_str(&tensors(snapshot, layer));
    let mut advised = false;
    for (number, (map, result)) in hints::maps(snapshot, evaluated).enumerate() {
        let network = snapshot.compiled.program.networks.get(map.network);
        let Some(at) = network.and_then(|network| {
            let mut known = network.layers.iter();
            known.position(|known| known.name_span == layer.name_span)
        }) else {
            continue;
        };
        let cost = in_map(map, result, at);
        out.push_str(&format!("\n{}: {cost}\n", map.name));
        if !std::mem::replace(&mut advised, true) {
            let help = helps(snapshot, cache, (number, at), result);
            out.push_str(&help.unwrap_or_default());
        }
    }
    out
}

/// What binds a layer in a map, and what would help.
fn helps(
    snapshot: &Snapshot,
    cache: &ResultCache,
    (map, layer): (usize, usize),
    result: &EvaluatedMap,
) -> Option<String> {
    let report = result.layers.get(layer)?.report.as_ref()?;
    let advice = cache.advice(snapshot, Place { map, layer }, report)?;
    Some(format!("\n{}\n", advice::short(report, &advice)))
}

/// What a layer costs in a map, or its group.
fn in_map(map: &Map, result: &EvaluatedMap, layer: usize) -> String {
    let fused = map
        .groups
        .iter()
        .position(|group| group.layers.iter().any(|known| known.0 == layer));
    let (figures, absent, before) = match fused.and_then(|group| result.groups.get(group)) {
        Some(group) => (
            group.report.as_ref().map(words::group),
            &group.absent,
            "fused: ",
        ),
        None => match result.layers.get(layer) {
            Some(layer) => (layer.report.as_ref().map(words::cost), &layer.absent, ""),
            None => return "refused".to_owned(),
        },
    };
    match (figures, absent) {
        (Some(figures), _) => format!("{before}{figures}"),
        (None, Some(absent)) => format!("no cost: {absent}"),
        (None, None) => "refused".to_owned(),
    }
}

/// The group whose `Fuse` is at an offset: what it costs, and what its layers cost one by one.
fn group(snapshot: &Snapshot, evaluated: &Evaluated, offset: u32) -> Option<Hover> {
    let file = snapshot.file()?;
    hints::maps(snapshot, evaluated).find_map(|(map, result)| {
        let mut groups = map.groups.iter().zip(&result.groups);
        let (known, group) =
            groups.find(|(group, _)| group.span.file() == file && touches(group.span, offset))?;
        let report = group.report.as_ref()?;
        let mut markdown = code(snapshot.compiled.sources.text_of(known.span));
        markdown.push_str(&format!("{}\n\n", words::group(report)));
        markdown.push_str(&words::alone(report).replace('\n', "\n\n"));
        markdown.push('\n');
        Some(Hover {
            markdown,
            span: known.span,
        })
    })
}

/// Elements and bytes of every tensor; bytes by the precision of the accelerator that the file maps it on.
fn tensors(snapshot: &Snapshot, layer: &Layer) -> String {
    let program = &snapshot.compiled.program;
    let accelerator = program.maps.iter().find_map(|map| {
        let network = program.networks.get(map.network)?;
        let uses = network
            .layers
            .iter()
            .any(|known| known.name_span == layer.name_span);
        program.accelerators.get(map.accelerator).filter(|_| uses)
    });
    let desugared: Option<Desugared> = match accelerator {
        Some(accelerator) => crate::lower::operation(layer, accelerator),
        None => {
            let bits =
                |own: Option<crate::hir::Precision>| own.map_or(8, crate::hir::Precision::bits);
            desugar(
                &layer.shape,
                Elements {
                    input_bits: bits(layer.precision.input),
                    weight_bits: bits(layer.precision.weight),
                    output_bits: bits(layer.precision.output),
                    partial_bits: bits(layer.precision.partial.or(layer.precision.output)),
                    input_density: 1.0,
                    weight_density: 1.0,
                    output_density: 1.0,
                },
            )
        }
    };
    let Some(desugared) = desugared else {
        return String::new();
    };
    let mut out = "| tensor | elements | bytes |\n|---|---:|---:|\n".to_owned();
    for (tensor, name) in desugared
        .operation
        .tensors
        .iter()
        .zip(&desugared.tensor_names)
    {
        let elements = tensor.dims.iter().try_fold(1u128, |product, dim| {
            product.checked_mul(u128::from(dim.extent))
        });
        let Some(elements) = elements else { continue };
        let bytes = elements
            .checked_mul(u128::from(tensor.bits))
            .map_or_else(|| "?".to_owned(), |bits| grouped(bits.div_ceil(8)));
        out.push_str(&format!("| {name} | {} | {bytes} |\n", grouped(elements)));
    }
    out
}

/// What the fullest layer of each map needs of a memory.
fn memory(
    snapshot: &Snapshot,
    evaluated: &Evaluated,
    accelerator: Definition,
    name: &str,
    definition: Span,
) -> Option<String> {
    let known = accelerator_at(snapshot, accelerator)?;
    let memory = known.memories.iter().find(|memory| memory.name == name)?;
    let mut out = code(line_of(snapshot, definition));
    let available = match memory.capacity_bits {
        None => "unbounded".to_owned(),
        Some(bits) => format!("{} bytes", grouped(bits / 8)),
    };
    let halves = if memory.double_buffered {
        ", double-buffered"
    } else {
        ""
    };
    out.push_str(&format!("available: {available}{halves}\n"));
    for (map, result) in hints::maps(snapshot, evaluated) {
        let on = snapshot.compiled.program.accelerators.get(map.accelerator);
        if on.is_none_or(|on| on.name_span != known.name_span) {
            continue;
        }
        let layers = result.layers.iter().filter_map(|layer| {
            let report = layer.report.as_ref()?;
            let mut levels = report.mapping.as_ref()?.levels.iter();
            let level = levels.find(|level| level.memory == name)?;
            Some((u128::from(level.required_bytes), report.name.as_str()))
        });
        let groups = result.groups.iter().filter_map(|group| {
            let report = group.report.as_ref()?;
            let mut memories = report.memories.iter();
            let memory = memories.find(|memory| memory.memory == name)?;
            Some((memory.required_bytes, report.name.as_str()))
        });
        let fullest = layers
            .chain(groups)
            .max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(a.1)));
        if let Some((required, layer)) = fullest {
            let required = grouped(required);
            out.push_str(&format!(
                "\nrequired by {}: {required} bytes (`{layer}`)\n",
                map.name
            ));
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests;
