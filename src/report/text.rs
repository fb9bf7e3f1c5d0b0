//! The report for people: a table per network, what the compiler chose, where the energy figures are from;
//! on demand a breakdown of every layer by memory, tensor and boundary.

use super::detail;
use super::fused::GroupReport;
use super::fused::text as fused;
use super::model::{Evaluation, Format, LayerReport, Ordered, Report};
use super::table::{Page, Table, line};
use crate::base::num::grouped;

/// The report as text of `width` columns; `detail` adds the breakdown of every layer.
#[must_use]
pub fn write(report: &Report, detail: bool, width: usize) -> String {
    let mut out = Page::new(width);
    for (index, evaluation) in report.evaluations.iter().enumerate() {
        if index > 0 {
            line(&mut out, "", "");
        }
        write_evaluation(&mut out, evaluation, detail);
    }
    out.finish()
}

fn write_evaluation(out: &mut Page, evaluation: &Evaluation, detail: bool) {
    let name = evaluation.map.as_ref();
    let name = name.map_or_else(String::new, |name| format!(" as {name}"));
    line(
        out,
        "",
        &format!(
            "{} on {}{name} ({} model)",
            evaluation.network, evaluation.accelerator, evaluation.model
        ),
    );
    line(out, "", "");
    for text in &evaluation.description {
        line(out, "  ", text);
    }
    if !evaluation.description.is_empty() {
        line(out, "", "");
    }
    formats(out, evaluation);
    if !evaluation.layers.is_empty() || !evaluation.groups.is_empty() {
        summary(out, evaluation);
        left_out(out, "energy", &evaluation.totals.energy_leaves_out);
        line(out, "", "");
        time_of_all(out, evaluation);
        bounds(out, evaluation);
    }
    if !evaluation.failed.is_empty() {
        let failed = evaluation.failed.join(", ");
        line(
            out,
            "",
            &format!("not evaluated because of errors: {failed}"),
        );
    }
    persistent(out, evaluation);
    fused::compare(out, evaluation);
    area(out, evaluation);
    remarks(out, "dataflows", evaluation, |layer| {
        layer.dataflow.as_slice()
    });
    remarks(out, "chosen by the compiler", evaluation, |layer| {
        &layer.choices
    });
    remarks(out, "notes", evaluation, |layer| &layer.notes);
    for group in &evaluation.groups {
        for note in &group.notes {
            line(out, "", "");
            line(out, "", &format!("note: {}: {note}", group.name));
        }
    }
    if detail {
        for layer in &evaluation.layers {
            line(out, "", "");
            detail::write_layer(out, layer);
        }
    } else if let [layer] = &evaluation.layers[..] {
        // A network of many layers would bury its table; one layer is what was asked for.
        detail::write_own(out, layer);
    }
    differences(out, evaluation);
    // A network of many groups would bury its table; one group is what was asked for.
    if detail || evaluation.groups.len() == 1 {
        for group in &evaluation.groups {
            line(out, "", "");
            fused::write_group(out, group);
        }
    }
    provenance(out, evaluation);
}

/// `formats: Input 8, Weight 8, Output 8 (partial sums 32) bits`; where layers differ, which has which.
fn formats(out: &mut Page, evaluation: &Evaluation) {
    let mut all: Vec<&Format> = Vec::new();
    for format in evaluation.layers.iter().flat_map(formats_of) {
        if !all.contains(&format) {
            all.push(format);
        }
    }
    let mut found: Vec<(String, Vec<&str>)> = Vec::new();
    let is_named_twice =
        |format: &&Format| all.iter().filter(|f| f.tensor == format.tensor).count() > 1;
    if all.iter().any(is_named_twice) {
        for layer in &evaluation.layers {
            let text = format_list(&mut formats_of(layer).iter());
            match found.iter_mut().find(|(known, _)| *known == text) {
                Some((_, layers)) => layers.push(&layer.name),
                None => found.push((text, vec![&layer.name])),
            }
        }
    } else if !all.is_empty() {
        found.push((format_list(&mut all.into_iter()), Vec::new()));
    }
    for (text, layers) in &found {
        let who = if layers.is_empty() {
            String::new()
        } else {
            format!(" ({})", some_of(layers))
        };
        line(out, "", &format!("formats: {text} bits{who}"));
    }
    if !found.is_empty() {
        line(out, "", "");
    }
}

/// None where nothing was counted.
fn formats_of(layer: &LayerReport) -> &[Format] {
    let mapping = layer.mapping.as_ref();
    mapping.map_or(&[][..], |mapping| &mapping.formats)
}

fn format_list(formats: &mut dyn Iterator<Item = &Format>) -> String {
    formats.map(format_text).collect::<Vec<_>>().join(", ")
}

fn format_text(format: &Format) -> String {
    let Format { tensor, bits, .. } = format;
    match format.partial_bits.filter(|partial| partial != bits) {
        Some(partial) => format!("{tensor} {bits} (partial sums {partial})"),
        None => format!("{tensor} {bits}"),
    }
}

/// What stays from one run to the next.
fn persistent(out: &mut Page, evaluation: &Evaluation) {
    if evaluation.persistent.is_empty() {
        return;
    }
    let mut table = Table::with_total();
    let head = ["persistent", "elements", "bits", "bytes"];
    table.row(head.map(str::to_owned).to_vec());
    let (mut elements, mut bytes) = (0u128, 0u128);
    for row in &evaluation.persistent {
        elements = elements.saturating_add(row.elements);
        bytes = bytes.saturating_add(row.bytes);
        table.row(vec![
            repeated(&row.tensor, row.repeat),
            grouped(row.elements),
            row.bits.to_string(),
            grouped(row.bytes),
        ]);
    }
    let total = [
        "total".to_owned(),
        grouped(elements),
        String::new(),
        grouped(bytes),
    ];
    table.row(total.to_vec());
    line(out, "", "");
    table.write(out, "", &[0]);
}

/// All names, or the first ones and how many more.
fn some_of(names: &[&str]) -> String {
    if names.len() > 4 {
        format!("{} and {} more", names[..3].join(", "), names.len() - 3)
    } else {
        names.join(", ")
    }
}

/// Says beside a total what it does not contain.
pub(super) fn left_out(out: &mut Page, what: &str, components: &[String]) {
    if !components.is_empty() {
        let list = components.join(", ");
        line(
            out,
            "",
            &format!("{what} without {list}: the technology gives them 0"),
        );
    }
}

/// A line of the table: a layer, or a group of layers that run together.
struct Entry<'a> {
    /// With how often it runs: `decoder.q x32`.
    name: String,
    times: u64,
    kind: &'a str,
    layers: usize,
    /// Distinct ones; what is done again is in the table of the group.
    macs: u128,
    ops: u128,
    cycles: u64,
    utilization: f64,
    energy_pj: Option<f64>,
    bound: &'a str,
}

impl<'a> Entry<'a> {
    /// In network order.
    fn in_order(evaluation: &'a Evaluation) -> Vec<Entry<'a>> {
        let mut entries = Vec::with_capacity(evaluation.layers.len() + evaluation.groups.len());
        let mut groups = evaluation.groups.iter().peekable();
        for (index, layer) in evaluation.layers.iter().enumerate() {
            while let Some(group) = groups.next_if(|group| group.after <= index) {
                entries.push(Entry::of_group(group));
            }
            entries.push(Entry {
                name: repeated(&layer.name, layer.repeat),
                times: layer.repeat,
                kind: &layer.kind,
                layers: 1,
                macs: layer.macs.into(),
                ops: layer.ops.into(),
                cycles: layer.cycles,
                utilization: layer.utilization,
                energy_pj: energy_of(layer),
                bound: &layer.bound,
            });
        }
        entries.extend(groups.map(Entry::of_group));
        entries
    }

    fn of_group(group: &'a GroupReport) -> Entry<'a> {
        Entry {
            name: repeated(&group.name, group.repeat),
            times: group.repeat,
            kind: "FUSED",
            layers: group.layers.len(),
            macs: group.macs_unique,
            ops: group.ops_unique,
            cycles: group.cycles,
            utilization: group.utilization,
            energy_pj: group
                .energy_pj
                .as_ref()
                .and_then(|map| map.get("total"))
                .copied(),
            bound: &group.bound,
        }
    }
}

/// `decoder.q x32`
pub(super) fn repeated(name: &str, times: u64) -> String {
    match times {
        1 => name.to_owned(),
        _ => format!("{name} x{times}"),
    }
}

fn summary(out: &mut Page, evaluation: &Evaluation) {
    let totals = &evaluation.totals;
    let total_pj = totals.energy_pj.as_ref().and_then(|map| map.get("total"));
    let has_ops = totals.ops > 0;
    let entries = Entry::in_order(evaluation);
    let has_energy = entries.iter().any(|entry| entry.energy_pj.is_some());
    let largest = entries
        .iter()
        .filter_map(|entry| entry.energy_pj)
        .chain(total_pj.copied())
        .fold(0.0, f64::max);
    let unit = EnergyUnit::for_largest(largest);

    let mut table = Table::with_total();
    let mut header = vec!["layer".to_owned(), "type".to_owned(), "MACs".to_owned()];
    header.extend(has_ops.then(|| "ops".to_owned()));
    header.extend(["cycles".to_owned(), "util [%]".to_owned()]);
    header.extend(has_energy.then(|| format!("energy [{}]", unit.name)));
    header.push("bound".to_owned());
    let last = header.len() - 1;
    table.row(header);
    for entry in entries {
        let mut row = vec![entry.name, entry.kind.to_owned(), grouped(entry.macs)];
        row.extend(has_ops.then(|| grouped(entry.ops)));
        row.extend([count(entry.cycles), percent(entry.utilization)]);
        row.extend(has_energy.then(|| unit.show(entry.energy_pj)));
        row.push(entry.bound.to_owned());
        table.row(row);
    }
    let mut row = vec!["total".to_owned(), String::new(), grouped(totals.macs)];
    row.extend(has_ops.then(|| grouped(totals.ops)));
    row.extend([grouped(totals.cycles), percent(totals.utilization)]);
    row.extend(has_energy.then(|| unit.show(total_pj.copied())));
    row.push(String::new());
    table.row(row);
    table.write(out, "", &[0, 1, last]);
}

fn time_of_all(out: &mut Page, evaluation: &Evaluation) {
    if let Some(seconds) = evaluation.totals.seconds {
        line(out, "", &format!("time: {}", duration(seconds)));
    }
}

/// Which resources the cycles go to, the largest share first.
fn bounds(out: &mut Page, evaluation: &Evaluation) {
    let mut found: Vec<(&str, u128, usize)> = Vec::new();
    for entry in Entry::in_order(evaluation) {
        let cycles = u128::from(entry.cycles) * u128::from(entry.times);
        match found.iter_mut().find(|(name, ..)| *name == entry.bound) {
            Some(known) => *known = (known.0, known.1 + cycles, known.2 + entry.layers),
            None => found.push((entry.bound, cycles, entry.layers)),
        }
    }
    found.sort_by_key(|&(_, cycles, _)| std::cmp::Reverse(cycles));
    let all = evaluation.totals.cycles.max(1) as f64;
    let parts: Vec<String> = found
        .iter()
        .enumerate()
        .map(|(at, (name, cycles, layers))| {
            let of = if at == 0 { " of the cycles" } else { "" };
            let plural = if *layers == 1 { "" } else { "s" };
            let share = percent(*cycles as f64 / all);
            format!("{name} {share}%{of} ({layers} layer{plural})")
        })
        .collect();
    line(out, "", &format!("bound by: {}", parts.join(", ")));
}

/// Four digits in the largest unit in which the value is at least 1.
fn duration(seconds: f64) -> String {
    const UNITS: [(&str, f64); 4] = [("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)];
    let unit = UNITS.iter().find(|(_, size)| seconds >= *size);
    let (name, size) = unit.unwrap_or(&UNITS[3]);
    let value = seconds / size;
    let places = (3.0 - value.max(1.0).log10().floor()).max(0.0) as usize;
    let text = format!("{value:.places$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{text} {name}")
}

fn area(out: &mut Page, evaluation: &Evaluation) {
    if let Some(area) = &evaluation.totals.area_um2 {
        let parts: Vec<String> = area
            .iter()
            .filter(|(key, _)| *key != "total")
            .map(|(key, um2)| format!("{key} {}", square(*um2)))
            .collect();
        let total = square(area.get("total").copied().unwrap_or(0.0));
        line(out, "", "");
        line(out, "", &format!("area {total}: {}", parts.join(", ")));
    } else if let Some(absent) = evaluation
        .layers
        .iter()
        .find_map(|layer| layer.area_absent.as_ref())
    {
        line(out, "", "");
        line(out, "", &format!("no area: {absent}"));
    }
}

/// Remarks with the layers that they are about; one that holds for many layers is printed once.
fn remarks(
    out: &mut Page,
    title: &str,
    evaluation: &Evaluation,
    of: impl Fn(&LayerReport) -> &[String],
) {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    for layer in &evaluation.layers {
        for text in of(layer) {
            match found.iter_mut().find(|(known, _)| known == text) {
                Some((_, layers)) => layers.push(&layer.name),
                None => found.push((text, vec![&layer.name])),
            }
        }
    }
    if found.is_empty() {
        return;
    }
    line(out, "", "");
    line(out, "", &format!("{title}:"));
    for (text, layers) in found {
        let who = if layers.len() == evaluation.layers.len() && layers.len() > 1 {
            "all layers".to_owned()
        } else {
            some_of(&layers)
        };
        line(out, "  ", &format!("{who}: {text}"));
    }
}

/// What a model counts otherwise than the exact one beside it.
fn differences(out: &mut Page, evaluation: &Evaluation) {
    for layer in &evaluation.layers {
        if layer.differences.is_empty() {
            continue;
        }
        let mut table = Table::default();
        let header = ["quantity", &evaluation.model, "exact", "because"];
        table.row(header.map(str::to_owned).to_vec());
        for one in &layer.differences {
            table.row(vec![
                one.quantity.clone(),
                count(one.value),
                count(one.exact),
                one.reasons.join("; "),
            ]);
        }
        line(out, "", "");
        line(out, "", &format!("beside exact, {}:", layer.name));
        table.write(out, "  ", &[0, 3]);
    }
}

/// Which figure priced which component.
fn provenance(out: &mut Page, evaluation: &Evaluation) {
    let mut table = Table::default();
    table.row(
        ["component", "pJ", "per", "entry"]
            .map(str::to_owned)
            .to_vec(),
    );
    let mut seen: Vec<Vec<String>> = Vec::new();
    let of_layers = evaluation.layers.iter().map(|layer| &layer.energy_terms);
    let of_groups = evaluation.groups.iter().map(|group| &group.energy_terms);
    for term in of_layers.chain(of_groups).flatten() {
        let row = vec![
            term.component.clone(),
            significant(term.price_pj),
            term.per.to_owned(),
            term.entry.clone(),
        ];
        if !seen.contains(&row) {
            seen.push(row);
        }
    }
    if seen.is_empty() {
        return;
    }
    for row in seen {
        table.row(row);
    }
    line(out, "", "");
    line(out, "", "energy figures:");
    table.write(out, "  ", &[0, 2, 3]);
}

fn energy_of(layer: &LayerReport) -> Option<f64> {
    layer
        .energy_pj
        .as_ref()
        .and_then(|map: &Ordered<f64>| map.get("total"))
        .copied()
}

pub(super) fn count(value: u64) -> String {
    grouped(u128::from(value))
}

pub(super) fn percent(part: f64) -> String {
    if part > 0.0 && part < 0.0005 {
        "<0.1".to_owned()
    } else {
        format!("{:.1}", part * 100.0)
    }
}

/// Six significant digits at most, no trailing zeros.
pub(super) fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 {
            "0".to_owned()
        } else {
            "-".to_owned()
        };
    }
    let magnitude = value.abs().log10().floor();
    if !(-5.0..15.0).contains(&magnitude) {
        return format!("{value:.4e}");
    }
    let places = (5.0 - magnitude).max(0.0) as usize;
    let text = format!("{value:.places$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole = whole
        .parse::<u128>()
        .map_or_else(|_| whole.to_owned(), grouped);
    if fraction.is_empty() {
        whole
    } else {
        format!("{whole}.{fraction}")
    }
}

fn square(um2: f64) -> String {
    if um2 >= 10_000.0 {
        format!("{} mm2", significant(um2 / 1e6))
    } else {
        format!("{} um2", significant(um2))
    }
}

/// The unit of a column of energies.
pub(super) struct EnergyUnit {
    pub(super) name: &'static str,
    pj: f64,
}

impl EnergyUnit {
    /// The largest unit in which the largest value is at least 1.
    pub(super) fn for_largest(pj: f64) -> EnergyUnit {
        const UNITS: [(&str, f64); 4] = [("J", 1e12), ("mJ", 1e9), ("uJ", 1e6), ("nJ", 1e3)];
        UNITS.into_iter().find(|(_, size)| pj >= *size).map_or(
            EnergyUnit {
                name: "pJ",
                pj: 1.0,
            },
            |(name, pj)| EnergyUnit { name, pj },
        )
    }

    pub(super) fn show(&self, pj: Option<f64>) -> String {
        pj.map_or_else(|| "-".to_owned(), |pj| format!("{:.3}", pj / self.pj))
    }
}
