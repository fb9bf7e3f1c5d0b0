//! Figures and keywords in words.

use crate::base::num::grouped;
use crate::report::model::Ordered;
use crate::report::{GroupReport, LayerReport};

/// `1,287,152 cycles, 40.1 %, 1.270 mJ, bound by DRAM -> GLB`
#[must_use]
pub fn cost(report: &LayerReport) -> String {
    bounded(
        report.cycles,
        report.utilization,
        report.energy_pj.as_ref(),
        &report.bound,
    )
}

/// A fused group, in the same words.
#[must_use]
pub fn group(report: &GroupReport) -> String {
    bounded(
        report.cycles,
        report.utilization,
        report.energy_pj.as_ref(),
        &report.bound,
    )
}

/// Editors cut longer texts beside a line off.
pub const MOST_BESIDE: usize = 43;

/// What fits beside a line, behind `before`: `1,287,152 cycles, 40.1 %, 1.270 mJ`, or where that is too long
/// `390.0M cycles, 45.6 %, 18.310 mJ`, or less.
#[must_use]
pub fn brief(before: &str, cycles: u128, utilization: f64, energy_pj: Option<f64>) -> String {
    let whole = figures(cycles, utilization, energy_pj);
    let cycles = format!("{} cycles", rounded(cycles));
    let percent = format!("{} %", percent(utilization));
    let energy = |digits: usize| energy_pj.map(|pj| energy_to(pj, digits));
    let shorter = |percent: Option<&String>, digits: usize| {
        let parts = [Some(cycles.clone()), percent.cloned(), energy(digits)];
        parts.into_iter().flatten().collect::<Vec<String>>()
    };
    let all = [
        whole,
        shorter(Some(&percent), 3),
        shorter(Some(&percent), 1),
        shorter(None, 1),
    ];
    let texts = all.map(|parts| format!("{before}{}", parts.join(", ")));
    let fits = |text: &&String| text.chars().count() <= MOST_BESIDE;
    texts.iter().find(fits).unwrap_or(&texts[3]).clone()
}

/// `390.0M`, `6.061G`: four digits, the rest cut off.
fn rounded(count: u128) -> String {
    const UNITS: [(&str, u128); 4] = [
        ("T", 10u128.pow(12)),
        ("G", 10u128.pow(9)),
        ("M", 10u128.pow(6)),
        ("k", 10u128.pow(3)),
    ];
    let Some((name, size)) = UNITS.into_iter().find(|(_, size)| count >= *size) else {
        return count.to_string();
    };
    let digits = match count / size {
        0..=9 => 3,
        10..=99 => 2,
        _ => 1,
    };
    let parts = 10u128.pow(digits);
    let part = count / (size / parts);
    let digits = digits as usize;
    format!("{}.{:0digits$}{name}", part / parts, part % parts)
}

/// [`brief`] of a layer.
#[must_use]
pub fn brief_cost(report: &LayerReport) -> String {
    brief_of(report.cycles, report.utilization, report.energy_pj.as_ref())
}

/// [`brief`] of a fused group.
#[must_use]
pub fn brief_group(report: &GroupReport) -> String {
    brief_of(report.cycles, report.utilization, report.energy_pj.as_ref())
}

/// `energy`: in pJ, by part and in `total`.
fn brief_of(cycles: u64, utilization: f64, energy: Option<&Ordered<f64>>) -> String {
    let total = energy.and_then(|map| map.get("total")).copied();
    brief("", u128::from(cycles), utilization, total)
}

fn bounded(cycles: u64, utilization: f64, energy: Option<&Ordered<f64>>, bound: &str) -> String {
    let energy = energy.and_then(|map| map.get("total")).copied();
    let mut parts = figures(u128::from(cycles), utilization, energy);
    parts.push(format!("bound by {bound}"));
    parts.join(", ")
}

/// What the layers of a group cost one by one, and what goes to and from the backing store either way.
#[must_use]
pub fn alone(report: &GroupReport) -> String {
    let or = |figure: Option<u128>| figure.map_or_else(|| "?".to_owned(), grouped);
    let bounded = report.baseline != "evaluated";
    let by_layer = if bounded {
        "lower bound of the layers one by one"
    } else {
        "layer by layer"
    };
    let mut lines = vec![
        format!(
            "{}, {} steps",
            report.overlap,
            grouped(u128::from(report.iterations))
        ),
        format!(
            "{by_layer}: {} cycles",
            or(report.cycles_layer_by_layer.map(u128::from))
        ),
        format!(
            "backing store: {} bytes, {by_layer} {}",
            grouped(report.dram_bytes),
            or(report.dram_bytes_layer_by_layer)
        ),
    ];
    if report.macs > report.macs_unique {
        let again = grouped(report.macs - report.macs_unique);
        lines.push(format!("{again} MACs are made again"));
    }
    lines.join("\n")
}

/// Cycles, utilisation and, if there is a technology, energy.
#[must_use]
pub fn figures(cycles: u128, utilization: f64, energy_pj: Option<f64>) -> Vec<String> {
    let mut parts = vec![
        format!("{} cycles", grouped(cycles)),
        format!("{} %", percent(utilization)),
    ];
    parts.extend(energy_pj.map(energy));
    parts
}

/// As in the text report: one decimal.
fn percent(part: f64) -> String {
    if part > 0.0 && part < 0.0005 {
        "<0.1".to_owned()
    } else {
        format!("{:.1}", part * 100.0)
    }
}

/// As in the text report: three decimals of the largest unit in which the value is at least 1.
#[must_use]
pub fn energy(pj: f64) -> String {
    energy_to(pj, 3)
}

fn energy_to(pj: f64, digits: usize) -> String {
    const UNITS: [(&str, f64); 4] = [("J", 1e12), ("mJ", 1e9), ("uJ", 1e6), ("nJ", 1e3)];
    let unit = UNITS.into_iter().find(|(_, size)| pj >= *size);
    let (name, size) = unit.unwrap_or(("pJ", 1.0));
    format!("{:.digits$} {name}", pj / size)
}

/// `Input 12, Weight 192, Output 16`
#[must_use]
pub fn tile(names: &[String], tile: &[Option<u64>]) -> String {
    let parts: Vec<String> = names
        .iter()
        .zip(tile)
        .map(|(name, elements)| match elements {
            Some(elements) => format!("{name} {}", grouped(u128::from(*elements))),
            None => format!("{name} ?"),
        })
        .collect();
    parts.join(", ")
}

/// A tile beside its directive, of a layer or of all: as much of it as fits.
#[must_use]
pub fn brief_tile(layer: Option<&str>, names: &[String], elements: &[Option<u64>]) -> String {
    let whole = tile(names, elements);
    let named = layer.map(|layer| format!("{layer}: {whole}"));
    let fits = |text: &String| text.chars().count() <= MOST_BESIDE;
    if let Some(text) = named.into_iter().chain([whole]).find(fits) {
        return text;
    }
    let parts: Vec<String> = names
        .iter()
        .zip(elements)
        .map(|(name, elements)| match elements {
            Some(elements) => format!("{name} {}", rounded(u128::from(*elements))),
            None => format!("{name} ?"),
        })
        .collect();
    let text = parts.join(", ");
    match text.char_indices().nth(MOST_BESIDE - 1) {
        Some((at, _)) if !fits(&text) => format!("{}\u{2026}", &text[..at]),
        _ => text,
    }
}

/// How a keyword or a key of the hardware is used, and what it means, in one line.
#[must_use]
pub fn keyword(word: &str) -> Option<(&'static str, &'static str)> {
    let known = KEYWORDS.iter().chain(KEYS).find(|known| known.0 == word)?;
    Some((known.1, known.2))
}

/// Word, form, meaning.
const KEYWORDS: &[(&str, &str, &str)] = &[
    (
        "use",
        "use std.networks.vgg16;",
        "imports a definition of the library, or all of a file",
    ),
    ("const", "const T = 4;", "a constant"),
    (
        "Technology",
        "Technology name { ... }",
        "energy and area per action",
    ),
    (
        "Accelerator",
        "Accelerator name { ... }",
        "memories, arrays of PEs and compute, from the outside in",
    ),
    (
        "Network",
        "Network name { Layer ... }",
        "layers in order, or wired with `Inputs`",
    ),
    (
        "Search",
        "Search name { layer: net.conv1; on: acc; minimize: edp; }",
        "the schedules that cost least, with a proof: `dflowc search`",
    ),
    (
        "Explore",
        "Explore name { network: net; on: acc; vary rows: 8..64 by 8; map: ws; minimize: edp; }",
        "the designs that cost least, out of a sweep over parameters of the hardware: `dflowc explore`",
    ),
    (
        "vary",
        "vary rows: 8..64 by 8;",
        "the values of a parameter of the accelerator: a range, `{a, b}` or `powers(2, a, b)`",
    ),
    (
        "space",
        "space { at DRAM { tile K by divisors; } spread K by any over PE[0]; }",
        "which schedules are searched; what is not said is free. `space deepopt;`: the five schedules of that model",
    ),
    (
        "where",
        "where { capacity(GLB) <= 64KiB; }",
        "what an answer must keep",
    ),
    (
        "order",
        "order K, C;",
        "these loops stand in this order, from the outside in",
    ),
    (
        "Layer",
        "Layer name { Type: CONV; Dimensions { ... } }",
        "one layer",
    ),
    (
        "Dataflow",
        "Dataflow name(p = 3) { ... }",
        "a reusable mapping",
    ),
    (
        "Map",
        "Map network on accelerator { ... }",
        "which dataflow each layer uses",
    ),
    (
        "Fuse",
        "Fuse a, b { ... }",
        "layers that run together, tile by tile of the last one",
    ),
    (
        "default",
        "default FC: dataflow;",
        "the dataflow of layers that no entry names, of all types or of some",
    ),
    (
        "TemporalMap",
        "TemporalMap(size, offset) D",
        "`size` indices of D are mapped; over time the window moves by `offset`",
    ),
    (
        "SpatialMap",
        "SpatialMap(size, offset) D",
        "consecutive instances hold windows of D that are `offset` apart; too few instances fold over time",
    ),
    (
        "Cluster",
        "Cluster(n)",
        "directives above see clusters of `n`, those below distribute inside one",
    ),
    (
        "at",
        "at MEMORY { ... }",
        "loops over the tiles held in that memory: each step refills the next one in",
    ),
    ("tile", "tile D by n", "visits D in pieces of `n`"),
    (
        "repeat",
        "repeat 32 name { Layer ... }",
        "layers that follow one another so many times: evaluated once, counted every time",
    ),
    (
        "Block",
        "Block name: network(K = 64) Inputs: a;",
        "the layers of another network",
    ),
    (
        "Persistent",
        "Persistent name;",
        "an input, or the result of a layer, that stays from one run to the next; with `{ ... }` a tensor of its own",
    ),
    (
        "unwired",
        "Network name unwired { ... }",
        "a table of layers that are independent of each other",
    ),
    (
        "let",
        "let n = ceil_div(Sz(K), 2);",
        "a number of the dataflow, by this name until its block ends",
    ),
    (
        "as",
        "Map network on accelerator as name { ... }",
        "another name of an import, or the name of a map",
    ),
    (
        "upto",
        "tile D by upto n",
        "`n`, or the whole of what there is (the piece around it) if that is less",
    ),
    (
        "spread",
        "spread D by n over ARRAY[axis]",
        "pieces of `n` of D over the instances of an array, or of one axis of it",
    ),
    (
        "retain",
        "retain T in MEMORY",
        "the tile of T in that memory lies here in the nest",
    ),
    (
        "Schedule",
        "Schedule: XYZiZo;",
        "a schedule that a model knows by name; or its loops from the outermost on, `Schedule: Zo Zi Y X;`",
    ),
    (
        "bypass",
        "bypass T in MEMORY",
        "that memory does not hold T",
    ),
    (
        "recompute",
        "recompute T",
        "what is wanted again of T is made again",
    ),
    (
        "refetch",
        "refetch T from MEMORY",
        "what is wanted again of T is read again",
    ),
    (
        "pipeline",
        "pipeline { run ... }",
        "every stage has its own array; they work at the same time",
    ),
    (
        "sequence",
        "sequence { run ... }",
        "the stages share the hardware, one after the other",
    ),
    (
        "run",
        "run layer on ARRAY using dataflow;",
        "where and how a layer of the group runs",
    ),
];

/// Keys of the hardware: word, form, meaning.
const KEYS: &[(&str, &str, &str)] = &[
    (
        "Bandwidth",
        "Bandwidth: 64B/cycle",
        "of a memory one port for both directions; of a network a link down and a link up; `Bandwidth { Input: 2B/cycle }` a network for every tensor",
    ),
    (
        "ReadBandwidth",
        "ReadBandwidth: 64B/cycle",
        "a port of its own for reads",
    ),
    (
        "WriteBandwidth",
        "WriteBandwidth: 64B/cycle",
        "a port of its own for writes",
    ),
    (
        "DoubleBuffered",
        "DoubleBuffered",
        "twice the tile must fit, and transfers hide behind computation",
    ),
    (
        "Overlap",
        "Overlap",
        "transfers hide behind computation although one tile is all that is held, as through a FIFO",
    ),
    (
        "Banks",
        "Banks: 4",
        "equal parts of the `Size`, of which every tensor takes whole ones",
    ),
    (
        "Latency",
        "Latency: 2cycles",
        "cycles until the first beat of a transfer has arrived",
    ),
    (
        "Multicast",
        "Multicast: true",
        "what several instances want is sent once",
    ),
    (
        "Reduction",
        "Reduction: true",
        "sums of several instances are added up on the way",
    ),
    (
        "Forwarding",
        "Forwarding: true",
        "what a neighbour held one step before comes from it",
    ),
    (
        "PerTensor",
        "PerTensor: true",
        "every tensor has a network of its own",
    ),
    (
        "Skew",
        "Skew: 1cycle",
        "every PE works that much later than its neighbour before it (systolic arrays)",
    ),
    (
        "PartialSum",
        "PartialSum: INT32",
        "the format of a sum that is not complete; `Output` when absent",
    ),
    (
        "ReadEnergy",
        "ReadEnergy: 5pJ",
        "per element, per bit (`7.03pJ/bit`) or per access (`ReadEnergy(64b): 25.87pJ`)",
    ),
    (
        "WriteEnergy",
        "WriteEnergy: 5pJ",
        "per element, per bit (`7.03pJ/bit`) or per access (`WriteEnergy(64b): 25.87pJ`)",
    ),
    ("Area", "Area: 0.5mm2", "silicon of one instance"),
];
