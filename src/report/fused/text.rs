//! Fused groups for people: all beside their layers one by one, and on demand each by tensor, stage and memory.

use super::model::GroupReport;
use crate::base::num::grouped;
use crate::report::detail::without_zeros;
use crate::report::model::{Evaluation, Ordered};
use crate::report::table::{Page, Table, line};
use crate::report::text::{EnergyUnit, count, percent, significant};

/// One line per group: fused, layer by layer, and the ratio of the two.
pub(in crate::report) fn compare(out: &mut Page, evaluation: &Evaluation) {
    let groups = &evaluation.groups;
    // One group stands below with all its figures.
    if groups.len() < 2 {
        return;
    }
    let energies = groups
        .iter()
        .flat_map(|group| [&group.energy_pj, &group.energy_pj_layer_by_layer]);
    let largest = energies.filter_map(total).fold(0.0, f64::max);
    let unit = EnergyUnit::for_largest(largest);
    let has_energy = groups.iter().any(|group| group.energy_pj.is_some());
    let mut table = Table::default();
    let mut header = vec!["fused".to_owned()];
    let mut titles = vec!["cycles".to_owned(), "DRAM [B]".to_owned()];
    titles.extend(has_energy.then(|| format!("energy [{}]", unit.name)));
    let bounded = groups.iter().filter(|group| is_bounded(group)).count();
    let column = match bounded {
        0 => "by layer",
        all if all == groups.len() => "lower bound",
        _ => "by layer (>= bound)",
    };
    for title in titles {
        header.extend([title, column.to_owned(), "ratio".to_owned()]);
    }
    table.row(header);
    for group in groups {
        let mut row = vec![group.name.clone()];
        let mixed = bounded > 0 && bounded < groups.len();
        let against = |fused, alone, show: &dyn Fn(f64) -> String| {
            let [fused, mut alone, ratio] = against(group, fused, alone, show);
            if mixed && is_bounded(group) && alone != "-" {
                alone = format!(">= {alone}");
            }
            [fused, alone, ratio]
        };
        row.extend(against(
            Some(group.cycles as f64),
            group.cycles_layer_by_layer.map(|cycles| cycles as f64),
            &whole,
        ));
        row.extend(against(
            Some(group.dram_bytes as f64),
            group.dram_bytes_layer_by_layer.map(|bytes| bytes as f64),
            &whole,
        ));
        if has_energy {
            row.extend(against(
                total(&group.energy_pj),
                total(&group.energy_pj_layer_by_layer),
                &|pj| unit.show(Some(pj)),
            ));
        }
        table.row(row);
    }
    line(out, "", "");
    table.write(out, "", &[0]);
}

/// Everything about one group.
pub(in crate::report) fn write_group(out: &mut Page, group: &GroupReport) {
    line(
        out,
        "",
        &format!(
            "{}: {} of {} stages, {} step{}",
            group.name,
            group.overlap,
            group.stages.len(),
            count(group.iterations),
            if group.iterations == 1 { "" } else { "s" },
        ),
    );
    line(out, "", "");
    tensors(out, group);
    line(out, "", "");
    stages(out, group);
    line(out, "", "");
    memories(out, group);
    line(out, "", "");
    side_by_side(out, group);
    density(out, group);
}

/// As for a layer.
fn density(out: &mut Page, group: &GroupReport) {
    let Some(density) = &group.density else {
        return;
    };
    let thin = density.tensors.iter().filter(|tensor| tensor.density < 1.0);
    without_zeros(out, density, thin);
    line(
        out,
        "  ",
        "energy is without zeros, bytes and cycles are with them",
    );
}

fn tensors(out: &mut Page, group: &GroupReport) {
    let mut table = Table::default();
    table.row(
        [
            "tensor",
            "memory",
            "fate",
            "required",
            "reused",
            "refetched",
            "first fetch",
            "computed",
            "recomputed",
            "window [B]",
            "live [B]",
            "DRAM [B]",
        ]
        .map(str::to_owned)
        .to_vec(),
    );
    for tensor in &group.tensors {
        let mut row = vec![tensor.tensor.clone(), tensor.memory.clone()];
        row.push(match tensor.loops_above {
            Some(_) => tensor.fate.to_owned(),
            None => format!("{}, nothing kept", tensor.fate),
        });
        row.extend(
            [
                tensor.required,
                tensor.reused,
                tensor.refetched,
                tensor.first_fetch,
                tensor.computed,
                tensor.recomputed,
            ]
            .map(count),
        );
        row.extend([tensor.window_bytes, tensor.live_bytes, tensor.dram_bytes].map(grouped));
        table.row(row);
    }
    table.write(out, "  ", &[0, 1, 2]);
}

fn stages(out: &mut Page, group: &GroupReport) {
    let mut table = Table::default();
    table.row(
        [
            "stage",
            "type",
            "array",
            "tiles by",
            "operations",
            "of layer [x]",
            "steps",
            "cycles",
            if group.overlap == "pipeline" {
                "busy [%]"
            } else {
                "share [%]"
            },
        ]
        .map(str::to_owned)
        .to_vec(),
    );
    for stage in &group.stages {
        table.row(vec![
            stage.layer.clone(),
            stage.kind.clone(),
            stage.array.clone().unwrap_or_else(|| "all".to_owned()),
            stage
                .dataflow
                .clone()
                .unwrap_or_else(|| "peak rate".to_owned()),
            count(stage.macs + stage.ops),
            significant(stage.recomputation),
            count(stage.active),
            count(stage.cycles),
            percent(stage.share),
        ]);
    }
    table.write(out, "  ", &[0, 1, 2, 3]);
}

fn memories(out: &mut Page, group: &GroupReport) {
    let mut table = Table::default();
    table.row(
        ["memory", "windows [B]", "needs [B]", "has [B]", "used [%]"]
            .map(str::to_owned)
            .to_vec(),
    );
    for memory in &group.memories {
        let used = memory
            .capacity_bytes
            .filter(|&bytes| bytes > 0)
            .map(|bytes| percent(memory.required_bytes as f64 / bytes as f64));
        table.row(vec![
            memory.memory.clone(),
            grouped(memory.windows_bytes),
            grouped(memory.required_bytes),
            memory
                .capacity_bytes
                .map_or_else(|| "unbounded".to_owned(), grouped),
            used.unwrap_or_default(),
        ]);
    }
    table.write(out, "  ", &[0]);
}

/// Whether the layers one by one are a bound and no evaluation.
fn is_bounded(group: &GroupReport) -> bool {
    group.baseline != "evaluated"
}

/// The fused column, and the layers one by one with the ratio, or their lower bound.
fn side_by_side(out: &mut Page, group: &GroupReport) {
    let mut table = Table::default();
    let bounded = is_bounded(group);
    let titles: &[&str] = if bounded {
        &["", "fused", "lower bound"]
    } else {
        &["", "fused", "layer by layer", "ratio"]
    };
    table.row(titles.iter().map(|&title| title.to_owned()).collect());
    let mut row = |name: String, cells: [String; 3]| {
        let mut cells = Vec::from(cells);
        if bounded {
            cells.pop();
        }
        table.row(std::iter::once(name).chain(cells).collect());
    };
    let against = |fused, alone, show: &dyn Fn(f64) -> String| against(group, fused, alone, show);
    row(
        "cycles".to_owned(),
        against(
            Some(group.cycles as f64),
            group.cycles_layer_by_layer.map(|cycles| cycles as f64),
            &whole,
        ),
    );
    row(
        "DRAM [B]".to_owned(),
        against(
            Some(group.dram_bytes as f64),
            group.dram_bytes_layer_by_layer.map(|bytes| bytes as f64),
            &whole,
        ),
    );
    row(
        "  feature maps".to_owned(),
        against(Some(group.dram_bytes_feature_maps as f64), None, &whole),
    );
    row(
        "DRAM [B/cycle]".to_owned(),
        against(
            Some(group.dram_bytes_per_cycle),
            group.dram_bytes_per_cycle_layer_by_layer,
            &significant,
        ),
    );
    if let Some(fused) = total(&group.energy_pj) {
        let alone = total(&group.energy_pj_layer_by_layer);
        let unit = EnergyUnit::for_largest(alone.unwrap_or(0.0).max(fused));
        let show = |pj: f64| unit.show(Some(pj));
        row(
            format!("energy [{}]", unit.name),
            against(Some(fused), alone, &show),
        );
        let split = [group.energy_split, group.energy_split_layer_by_layer];
        let [fused, alone] = split.map(|split| split.map(|split| split.dram_pj));
        row("  DRAM".to_owned(), against(fused, alone, &show));
        let [fused, alone] = split.map(|split| split.map(|split| split.on_chip_pj));
        row("  on chip".to_owned(), against(fused, alone, &show));
    }
    table.write(out, "  ", &[0]);
    line(out, "", "");
    if bounded {
        line(
            out,
            "  ",
            "lower bound: a layer without a dataflow computes at the peak rate and moves every tensor once; with one for \
             each layer they are evaluated",
        );
    }
    let times: Vec<String> = group
        .cycles_by
        .iter()
        .map(|(name, cycles)| format!("{name} {}", count(*cycles)))
        .collect();
    line(
        out,
        "  ",
        &format!(
            "bound by {}; cycles by itself: {}",
            group.bound,
            times.join(", ")
        ),
    );
    line(
        out,
        "  ",
        &format!(
            "cycles of the stages: {} one after the other, {} in a pipeline",
            count(group.cycles_sequential),
            count(group.cycles_pipelined),
        ),
    );
    line(
        out,
        "  ",
        &format!(
            "DRAM moves at most {} B in one step; feature maps hold at most {} B between two steps",
            grouped(group.dram_peak_bytes_per_step),
            grouped(group.carried_bytes)
        ),
    );
    line(
        out,
        "  ",
        &format!(
            "maps between the layers: windows of {} B together",
            grouped(group.intermediate_window_bytes)
        ),
    );
}

/// Both figures and the first as a part of the second, unless that is only a bound.
fn against(
    group: &GroupReport,
    fused: Option<f64>,
    alone: Option<f64>,
    show: impl Fn(f64) -> String,
) -> [String; 3] {
    let cell = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), &show);
    let ratio = match (fused, alone) {
        (Some(fused), Some(alone)) if alone > 0.0 && !is_bounded(group) => {
            format!("{:.3}", fused / alone)
        }
        _ => "-".to_owned(),
    };
    [cell(fused), cell(alone), ratio]
}

/// Counts up to 2^53, which is all that a float holds and more than anybody reads.
fn whole(value: f64) -> String {
    grouped(value as u128)
}

fn total(map: &Option<Ordered<f64>>) -> Option<f64> {
    map.as_ref()?.get("total").copied()
}
