//! The report for spreadsheets: one row per layer, the unit of every column in the header.
//!
//! Accelerators differ in their memories; the columns per component are the union over the report, in order
//! of appearance, and stay empty where a layer has no such component.

use super::model::{LayerReport, Ordered, Report};

/// The report as comma-separated values (RFC 4180, but with plain line ends).
#[must_use]
pub fn write(report: &Report) -> String {
    let layers = || {
        report
            .evaluations
            .iter()
            .flat_map(|evaluation| evaluation.layers.iter())
    };
    let resources = union(layers().map(|layer| keys(&layer.cycles_by)));
    let components = union(
        layers()
            .filter_map(|layer| layer.energy_pj.as_ref())
            .map(keys),
    );

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
    ]
    .map(str::to_owned)
    .to_vec();
    header.extend(resources.iter().map(|name| format!("cycles {name}")));
    header.extend(components.iter().map(|name| format!("energy_pj {name}")));

    let mut out = String::new();
    row(&mut out, &header);
    for evaluation in &report.evaluations {
        for layer in &evaluation.layers {
            let mut cells = vec![
                evaluation.network.clone(),
                evaluation.accelerator.clone(),
                evaluation.model.clone(),
            ];
            cells.extend(fixed_cells(layer));
            cells.extend(resources.iter().map(|name| cell(layer.cycles_by.get(name))));
            cells.extend(
                components
                    .iter()
                    .map(|name| cell(layer.energy_pj.as_ref().and_then(|energy| energy.get(name)))),
            );
            row(&mut out, &cells);
        }
    }
    out
}

fn fixed_cells(layer: &LayerReport) -> [String; 12] {
    let dimensions: Vec<String> = layer
        .dimensions
        .iter()
        .map(|(name, extent)| format!("{name}={extent}"))
        .collect();
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
        layer.steps.to_string(),
        layer.pes_used.to_string(),
        layer.pes.to_string(),
        cell(area),
    ]
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

fn row(out: &mut String, cells: &[String]) {
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
