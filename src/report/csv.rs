//! The report for spreadsheets: one row per layer, the unit of every column in the header.
//!
//! A fused group is one row of the type `FUSED` in the place of its layers; reports with groups have columns for
//! its traffic and for its layers one by one.
//!
//! Accelerators differ in their memories; the columns per component are the union over the report, in order
//! of appearance, and stay empty where a layer has no such component.

use super::fused::GroupReport;
use super::model::{FigureReport, Format, LayerReport, Ordered, Report, ResourceReport};

/// The report as comma-separated values (RFC 4180, but with plain line ends).
#[must_use]
pub fn write(report: &Report) -> String {
    let layers = || {
        report
            .evaluations
            .iter()
            .flat_map(|evaluation| evaluation.layers.iter())
    };
    let groups = || {
        report
            .evaluations
            .iter()
            .flat_map(|evaluation| evaluation.groups.iter())
    };
    let has_groups = groups().next().is_some();
    let times = layers()
        .map(|layer| &layer.cycles_by)
        .chain(groups().map(|group| &group.cycles_by));
    let resources = union(times.map(keys));
    let busy = union(layers().map(|layer| {
        let resources = resources_of(layer).iter();
        resources.map(|one| one.resource.as_str()).collect()
    }));
    let figures = union(layers().map(|layer| {
        let figures = layer.figures.iter();
        figures.map(|figure| figure.name.as_str()).collect()
    }));
    let energies = layers()
        .map(|layer| &layer.energy_pj)
        .chain(groups().map(|group| &group.energy_pj));
    let components = union(energies.flatten().map(keys));

    let mut header: Vec<String> = [
        "network",
        "accelerator",
        "model",
        "layer",
        "type",
        "dimensions",
        "macs",
        "ops",
        "cycles",
        "utilization",
        "bound",
        "steps",
        "pes_used",
        "pes",
        "area_um2",
        "formats_bits",
    ]
    .map(str::to_owned)
    .to_vec();
    header.extend(resources.iter().map(|name| format!("cycles {name}")));
    header.extend(busy.iter().map(|name| format!("busy_cycles {name}")));
    header.extend(components.iter().map(|name| format!("energy_pj {name}")));

    header.extend(figures.iter().map(|name| format!("figure {name}")));
    if has_groups {
        header.extend(GROUP_COLUMNS.map(str::to_owned));
    }
    let has_names = report.evaluations.iter().any(|one| one.map.is_some());
    if has_names {
        header.push("map".to_owned());
    }
    let repeats = layers().map(|layer| layer.repeat);
    let has_repeats = repeats
        .chain(groups().map(|group| group.repeat))
        .any(|times| times > 1);
    if has_repeats {
        header.push("repeat".to_owned());
    }

    let mut out = String::new();
    row(&mut out, &header);
    for evaluation in &report.evaluations {
        let mut write = |times: u64,
                         fixed: [String; 13],
                         cycles_by: &Ordered<u64>,
                         busy_of: &[ResourceReport],
                         energy_pj: Option<&Ordered<f64>>,
                         figures_of: &[FigureReport],
                         group: Option<&GroupReport>| {
            let mut cells = vec![
                evaluation.network.clone(),
                evaluation.accelerator.clone(),
                evaluation.model.clone(),
            ];
            cells.extend(fixed);
            cells.extend(resources.iter().map(|name| cell(cycles_by.get(name))));
            cells.extend(busy.iter().map(|name| {
                let mut all = busy_of.iter();
                cell(
                    all.find(|one| one.resource == *name)
                        .map(|one| &one.busy_cycles),
                )
            }));
            cells.extend(
                components
                    .iter()
                    .map(|name| cell(energy_pj.and_then(|energy| energy.get(name)))),
            );
            cells.extend(figures.iter().map(|name| {
                let mut all = figures_of.iter();
                cell(all.find(|one| one.name == *name).map(|one| &one.value))
            }));
            if has_groups {
                cells.extend(group_cells(group));
            }
            if has_names {
                cells.push(cell(evaluation.map.as_ref()));
            }
            if has_repeats {
                cells.push(times.to_string());
            }
            row(&mut out, &cells);
        };
        let mut groups = evaluation.groups.iter().peekable();
        for index in 0..=evaluation.layers.len() {
            let last = index == evaluation.layers.len();
            while let Some(group) = groups.next_if(|group| last || group.after <= index) {
                write(
                    group.repeat,
                    fixed_group_cells(group),
                    &group.cycles_by,
                    &[],
                    group.energy_pj.as_ref(),
                    &[],
                    Some(group),
                );
            }
            if let Some(layer) = evaluation.layers.get(index) {
                write(
                    layer.repeat,
                    fixed_cells(layer),
                    &layer.cycles_by,
                    resources_of(layer),
                    layer.energy_pj.as_ref(),
                    &layer.figures,
                    None,
                );
            }
        }
    }
    out
}

const GROUP_COLUMNS: [&str; 7] = [
    "overlap",
    "macs_performed",
    "dram_bytes",
    "cycles_layer_by_layer",
    "dram_bytes_layer_by_layer",
    "energy_pj_layer_by_layer",
    "baseline",
];

fn group_cells(group: Option<&GroupReport>) -> [String; 7] {
    let Some(group) = group else {
        return GROUP_COLUMNS.map(|_| String::new());
    };
    let energy = group.energy_pj_layer_by_layer.as_ref();
    [
        group.overlap.to_owned(),
        group.macs.to_string(),
        group.dram_bytes.to_string(),
        cell(group.cycles_layer_by_layer.as_ref()),
        cell(group.dram_bytes_layer_by_layer.as_ref()),
        cell(energy.and_then(|energy| energy.get("total"))),
        group.baseline.to_owned(),
    ]
}

fn fixed_group_cells(group: &GroupReport) -> [String; 13] {
    [
        group.name.clone(),
        "FUSED".to_owned(),
        String::new(),
        group.macs_unique.to_string(),
        group.ops_unique.to_string(),
        group.cycles.to_string(),
        group.utilization.to_string(),
        group.bound.clone(),
        group.iterations.to_string(),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
    ]
}

/// None where nothing was counted.
fn resources_of(layer: &LayerReport) -> &[ResourceReport] {
    let mapping = layer.mapping.as_ref();
    mapping.map_or(&[][..], |mapping| &mapping.resources)
}

fn fixed_cells(layer: &LayerReport) -> [String; 13] {
    let dimensions: Vec<String> = layer
        .dimensions
        .iter()
        .map(|(name, extent)| format!("{name}={extent}"))
        .collect();
    let mapping = layer.mapping.as_ref();
    let formats = mapping.map_or(&[][..], |mapping| &mapping.formats);
    let formats: Vec<String> = formats.iter().map(format_cell).collect();
    let area = layer.area_um2.as_ref().and_then(|area| area.get("total"));
    [
        layer.name.clone(),
        layer.kind.clone(),
        dimensions.join(" "),
        layer.macs.to_string(),
        layer.ops.to_string(),
        layer.cycles.to_string(),
        layer.utilization.to_string(),
        layer.bound.clone(),
        cell(mapping.map(|mapping| &mapping.steps)),
        cell(mapping.map(|mapping| &mapping.pes_used)),
        cell(mapping.map(|mapping| &mapping.pes)),
        cell(area),
        formats.join(" "),
    ]
}

/// `Weight=8`, or `Output=8/32`: complete and partial.
fn format_cell(format: &Format) -> String {
    match format.partial_bits.filter(|bits| *bits != format.bits) {
        Some(partial) => format!("{}={}/{partial}", format.tensor, format.bits),
        None => format!("{}={}", format.tensor, format.bits),
    }
}

fn cell(value: Option<&impl ToString>) -> String {
    value.map_or_else(String::new, ToString::to_string)
}

fn keys<V>(map: &Ordered<V>) -> Vec<&str> {
    map.iter().map(|(key, _)| key).collect()
}

fn union<'a>(lists: impl Iterator<Item = Vec<&'a str>>) -> Vec<&'a str> {
    let mut all = Vec::new();
    for list in lists {
        for key in list {
            if !all.contains(&key) {
                all.push(key);
            }
        }
    }
    all
}

pub(super) fn row(out: &mut String, cells: &[String]) {
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        if cell.contains([',', '"', '\n', '\r']) {
            out.push('"');
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(cell);
        }
    }
    out.push('\n');
}
