//! The breakdown of one layer for people: memories, accesses, time, energy, zeros, and what only a model has.

use super::advice;
use super::build::NEIGHBOURS;
use super::model::{DensityReport, DensityTensor, LayerReport, Level, LevelTensor, MappingReport};
use super::reuse;
use super::table::{Page, Table, line};
use super::text::{EnergyUnit, count, left_out, percent, repeated, significant};
use crate::base::num::grouped;

pub(super) fn write_layer(out: &mut Page, layer: &LayerReport) {
    let dimensions: Vec<String> = layer
        .dimensions
        .iter()
        .map(|(name, extent)| format!("{name}={extent}"))
        .collect();
    line(
        out,
        "",
        &format!(
            "{}: {} {}",
            repeated(&layer.name, layer.repeat),
            layer.kind,
            dimensions.join(" ")
        ),
    );
    if let Some(dataflow) = &layer.dataflow {
        line(out, "  ", &format!("dataflow {dataflow}"));
    }
    match &layer.mapping {
        Some(mapping) => {
            line(
                out,
                "  ",
                &format!(
                    "{} steps, {} of {} PEs work, refill by {}",
                    count(mapping.steps),
                    count(mapping.pes_used),
                    count(mapping.pes),
                    mapping.refill
                ),
            );
            memories(out, mapping);
            accesses(out, layer, mapping);
            reuse::write(out, mapping);
            time(out, layer, mapping);
        }
        None => parts(out, layer),
    }
    energy(out, layer);
    if let Some(density) = &layer.density {
        without_zeros(out, density, density.tensors.iter());
    }
    figures(out, layer);
    advice::write(out, layer);
}

/// What a model without counts says of its only layer.
pub(super) fn write_own(out: &mut Page, layer: &LayerReport) {
    if layer.mapping.is_none() {
        parts(out, layer);
        energy(out, layer);
        figures(out, layer);
    }
}

/// Where the cycles go by a model that counts nothing.
fn parts(out: &mut Page, layer: &LayerReport) {
    if layer.cycles_by.0.is_empty() {
        return;
    }
    let mut table = Table::with_total();
    table.row(vec!["time".to_owned(), "cycles".to_owned()]);
    for (name, cycles) in layer.cycles_by.iter() {
        table.row(vec![name.to_owned(), count(*cycles)]);
    }
    table.row(vec!["layer".to_owned(), count(layer.cycles)]);
    line(out, "", "");
    table.write(out, "  ", &[0]);
}

/// What only the model of the evaluation has.
fn figures(out: &mut Page, layer: &LayerReport) {
    if layer.figures.is_empty() {
        return;
    }
    let mut table = Table::default();
    table.row(
        ["figure", "value", "unit", "from"]
            .map(str::to_owned)
            .to_vec(),
    );
    for figure in &layer.figures {
        table.row(vec![
            figure.name.clone(),
            significant(figure.value),
            figure.unit.to_owned(),
            figure.from.clone(),
        ]);
    }
    line(out, "", "");
    table.write(out, "  ", &[0, 2, 3]);
}

/// What zeros save, for layers and for groups; `named`: the tensors whose density is said.
pub(super) fn without_zeros<'a>(
    out: &mut Page,
    density: &DensityReport,
    named: impl Iterator<Item = &'a DensityTensor>,
) {
    let parts: Vec<String> = named
        .map(|tensor| format!("{} {}", tensor.tensor, significant(tensor.density)))
        .collect();
    line(out, "", "");
    line(out, "  ", &format!("density: {}", parts.join(", ")));
    let mut effective = format!(
        "operations without zeros: {}",
        significant(density.effective_operations)
    );
    if let Some(dense) = density.dense_energy_pj {
        let unit = EnergyUnit::for_largest(dense);
        effective += &format!("; dense energy {} {}", unit.show(Some(dense)), unit.name);
    }
    line(out, "  ", &effective);
}

fn memories(out: &mut Page, mapping: &MappingReport) {
    let mut table = Table::default();
    table.row(
        [
            "memory",
            "instances",
            "needs [B]",
            "has [B]",
            "used [%]",
            "refill",
        ]
        .map(str::to_owned)
        .to_vec(),
    );
    for level in &mapping.levels {
        let used = level
            .capacity_bytes
            .filter(|&bytes| bytes > 0)
            .map(|bytes| percent(level.required_bytes as f64 / bytes as f64));
        table.row(vec![
            level.memory.clone(),
            count(level.instances),
            count(level.required_bytes),
            level
                .capacity_bytes
                .map_or_else(|| "unbounded".to_owned(), grouped),
            used.unwrap_or_default(),
            level.refill.to_owned(),
        ]);
    }
    line(out, "", "");
    table.write(out, "  ", &[0, 5]);
}

fn accesses(out: &mut Page, layer: &LayerReport, mapping: &MappingReport) {
    let largest = mapping
        .levels
        .iter()
        .flat_map(|level| level.tensors.iter().filter_map(|tensor| tensor.energy_pj))
        .fold(0.0, f64::max);
    let unit = EnergyUnit::for_largest(largest);
    let has_energy = layer.energy_pj.is_some();
    let mut table = Table::default();
    let mut header: Vec<String> = [
        "memory", "tensor", "tile", "fills", "reads", "writes", "updates", "unique", "reuse",
    ]
    .map(str::to_owned)
    .to_vec();
    header.extend(has_energy.then(|| format!("energy [{}]", unit.name)));
    table.row(header);
    let row = |level: &Level, first: bool, tensor: &LevelTensor| {
        let mut cells = vec![
            if first {
                level.memory.clone()
            } else {
                String::new()
            },
            tensor.tensor.clone(),
        ];
        cells.extend(
            [
                tensor.tile,
                tensor.fills,
                tensor.reads,
                tensor.writes,
                tensor.updates,
                tensor.unique,
            ]
            .map(count),
        );
        cells.push(tensor.reuse.map_or_else(|| "-".to_owned(), significant));
        cells.extend(has_energy.then(|| unit.show(tensor.energy_pj)));
        cells
    };
    for level in &mapping.levels {
        for (index, tensor) in level.tensors.iter().enumerate() {
            table.row(row(level, index == 0, tensor));
        }
    }
    line(out, "", "");
    table.write(out, "  ", &[0, 1]);
}

/// Computation and every port and link with a bandwidth, then what crosses the boundaries.
fn time(out: &mut Page, layer: &LayerReport, mapping: &MappingReport) {
    let binds = |name: &str| {
        if layer.bound == name {
            "<- binds".to_owned()
        } else {
            String::new()
        }
    };
    let mut table = Table::default();
    table.row(
        [
            "resource",
            "busy [cycles]",
            "roofline [cycles]",
            "stall [cycles]",
            "has [B/cycle]",
            "needs [B/cycle]",
            "",
        ]
        .map(str::to_owned)
        .to_vec(),
    );
    let compute = layer.cycles_by.get("compute").copied().unwrap_or(0);
    let mut cells = vec!["compute".to_owned(), count(compute), count(compute)];
    cells.extend(["", "", ""].map(str::to_owned));
    cells.push(binds("compute"));
    table.row(cells);
    for resource in &mapping.resources {
        table.row(vec![
            resource.resource.clone(),
            count(resource.busy_cycles),
            count(resource.roofline_cycles),
            count(resource.stall_cycles),
            significant(resource.bytes_per_cycle),
            significant(resource.needed_bytes_per_cycle),
            binds(&resource.resource),
        ]);
    }
    if let Some(&cycles) = layer.cycles_by.get(NEIGHBOURS) {
        let mut cells = vec![NEIGHBOURS.to_owned(), count(cycles), count(cycles)];
        cells.push(count(cycles.saturating_sub(compute)));
        cells.extend(["", ""].map(str::to_owned));
        cells.push(binds(NEIGHBOURS));
        table.row(cells);
    }
    line(out, "", "");
    table.write(out, "  ", &[0, 6]);

    let mut table = Table::default();
    table.row(
        [
            "boundary",
            "transfers [cycles]",
            "down [B]",
            "up [B]",
            "average [B/cycle]",
            "peak [B/step]",
            "",
        ]
        .map(str::to_owned)
        .to_vec(),
    );
    for boundary in &mapping.boundaries {
        table.row(vec![
            boundary.name.clone(),
            count(boundary.transfer_cycles),
            count(boundary.down_bytes),
            count(boundary.up_bytes),
            significant(boundary.average_bytes_per_cycle),
            count(boundary.peak_bytes_per_step),
            binds(&boundary.name),
        ]);
    }
    line(out, "", "");
    table.write(out, "  ", &[0, 6]);
}

fn energy(out: &mut Page, layer: &LayerReport) {
    let Some(map) = &layer.energy_pj else {
        return;
    };
    let total = map.get("total").copied().unwrap_or(0.0);
    let unit = EnergyUnit::for_largest(total);
    let mut table = Table::with_total();
    table.row(vec![
        "energy".to_owned(),
        unit.name.to_owned(),
        "share [%]".to_owned(),
    ]);
    let share = |pj: f64| {
        if total > 0.0 {
            percent(pj / total)
        } else {
            String::new()
        }
    };
    for (key, pj) in map.iter().filter(|(key, _)| *key != "total") {
        table.row(vec![key.to_owned(), unit.show(Some(*pj)), share(*pj)]);
    }
    table.row(vec![
        "total".to_owned(),
        unit.show(Some(total)),
        share(total),
    ]);
    line(out, "", "");
    table.write(out, "  ", &[0]);
    left_out(out, "  total", &layer.energy_leaves_out);
}
