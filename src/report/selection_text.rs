//! Selections for people: a row per layer with its schedule and what decided, and what one schedule for all would cost.

use super::search_text::{amount, named, unit};
use super::selection::{ChoiceReport, DecisionReport, PruningReport, SelectionReport};
use super::table::{Page, Table, line};
use crate::base::num::grouped;

/// One selection.
pub(super) fn write(out: &mut Page, selection: &SelectionReport) {
    let SelectionReport {
        name,
        network,
        accelerator,
        model,
        objective,
        ..
    } = selection;
    let title = format!("{name}: {network} on {accelerator} ({model} model), least {objective}");
    line(out, "", &title);
    line(out, "", "");
    line(
        out,
        "  ",
        "space     deepopt: each layer under each of the five schedules",
    );
    let scope = match (objective.as_str(), selection.scope.as_str()) {
        ("energy" | "cycles", _) => format!("the sum of the {objective} of the layers"),
        (_, "layers") => format!("layers: the sum of the {objective} of every layer"),
        _ => format!("network: the {objective} of the sums over the layers"),
    };
    line(out, "  ", &format!("scope     {scope}"));
    line(out, "", "");
    layers(out, selection);
    line(out, "", "");
    fixed(out, selection);
    for layer in &selection.layers {
        for schedule in layer.schedules.iter().filter(|one| one.reason.is_some()) {
            let reason = schedule.reason.as_deref().unwrap_or_default();
            let name = named(&layer.layer, &layer.same_as);
            line(out, "  ", &format!("{name} {reason}"));
        }
    }
    pruning(out, selection);
}

fn layers(out: &mut Page, selection: &SelectionReport) {
    let objective = &selection.objective;
    let mut table = Table::with_total();
    let mut header = vec!["layer", "schedule", "times"];
    let own = with_unit(objective);
    let has_own = !matches!(objective.as_str(), "energy" | "cycles");
    if has_own {
        header.push(&own);
    }
    header.extend(["cycles", "energy (pJ)", "next", "decided by"]);
    table.row(header.into_iter().map(str::to_owned).collect());
    let dash = || "-".to_owned();
    for layer in &selection.layers {
        let best = layer.schedule.as_ref();
        let best = best.and_then(|best| layer.schedules.iter().find(|one| one.schedule == *best));
        let mut row = vec![
            named(&layer.layer, &layer.same_as),
            layer.schedule.clone().unwrap_or_else(dash),
            layer.times.to_string(),
        ];
        if has_own {
            row.push(best.and_then(|best| best.value).map_or_else(dash, amount));
        }
        let cycles = best.and_then(|best| best.cycles);
        row.push(cycles.map_or_else(dash, |cycles| grouped(cycles.into())));
        row.push(
            best.and_then(|best| best.energy_pj)
                .map_or_else(dash, amount),
        );
        let decision = layer.decided_by.as_ref();
        row.push(decision.map_or_else(dash, |decision| decision.against.clone()));
        row.push(decision.map_or_else(String::new, decided));
        table.row(row);
    }
    let times: u64 = selection.layers.iter().map(|layer| layer.times).sum();
    let mut total = vec!["all".to_owned(), String::new(), times.to_string()];
    if has_own {
        total.push(selection.value.map_or_else(dash, amount));
    }
    let cycles = selection.cycles;
    total.push(cycles.map_or_else(dash, |cycles| grouped(cycles.into())));
    total.push(selection.energy_pj.map_or_else(dash, amount));
    table.row(total);
    let last = if has_own { 7 } else { 6 };
    table.write(out, "  ", &[0, 1, last - 1, last]);
}

/// `filter DRAM: 9.497e8, not 1.583e9 pJ`
fn decided(decision: &DecisionReport) -> String {
    let (Some(term), Some(value)) = (&decision.term, decision.value) else {
        return String::new();
    };
    let unit = decision.unit.unwrap_or_default();
    match decision.other {
        Some(other) => format!("{term}: {}, not {} {unit}", short(value), short(other)),
        None => format!("{term}: {} {unit}, there without a bound", short(value)),
    }
}

fn short(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e9 {
        amount(value)
    } else {
        format!("{value:.3e}")
    }
}

fn fixed(out: &mut Page, selection: &SelectionReport) {
    let objective = &selection.objective;
    let mut table = Table::default();
    table.row(vec![
        "for all layers".to_owned(),
        with_unit(objective),
        "penalty".to_owned(),
    ]);
    for one in &selection.fixed {
        table.row(vec![
            one.schedule.clone(),
            one.value.map_or_else(|| "-".to_owned(), amount),
            one.penalty.map_or_else(|| "-".to_owned(), percent),
        ]);
    }
    table.write(out, "  ", &[0]);
}

/// `edp (pJ x cycles)`
fn with_unit(objective: &str) -> String {
    match unit(objective) {
        unit if unit == objective => unit.to_owned(),
        unit => format!("{objective} ({unit})"),
    }
}

/// With two decimals; what differs from its own optimum by rounding is no penalty.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    let percent = if percent.abs() < 1e-9 { 0.0 } else { percent };
    format!("{percent:.2} %")
}

/// A layer whose pruning was to be verified.
type Verified<'a> = (&'a ChoiceReport, &'a PruningReport);

fn pruning(out: &mut Page, selection: &SelectionReport) {
    let verified: Vec<Verified<'_>> = selection
        .layers
        .iter()
        .filter_map(|layer| Some((layer, layer.pruning.as_ref()?)))
        .collect();
    if verified.is_empty() {
        return;
    }
    line(out, "", "");
    let title = "pruning: energy of the memories under all 24 orders, by simulation of blocks and by the exact engine";
    line(out, "  ", title);
    line(out, "", "");
    let is_known = |one: &PruningReport| one.simulated.is_some() || one.exact.is_some();
    let known: Vec<Verified<'_>> = verified
        .iter()
        .copied()
        .filter(|one| is_known(one.1))
        .collect();
    if !known.is_empty() {
        orders(out, &known);
    }
    not_walked(out, &verified);
}

/// The best orders of every layer, and how many layers lose by the pruning.
fn orders(out: &mut Page, known: &[Verified<'_>]) {
    let mut table = Table::default();
    let header = [
        "layer",
        "of five",
        "pJ",
        "of all",
        "pJ",
        "saved",
        "exact: of five",
        "of all",
        "saved",
        "exact / simulated",
    ];
    table.row(header.map(str::to_owned).to_vec());
    for (layer, pruning) in known {
        let mut row = vec![named(&layer.layer, &layer.same_as)];
        match &pruning.simulated {
            Some(found) => row.extend([
                found.kept.clone(),
                amount(found.kept_pj),
                found.best.clone(),
                amount(found.best_pj),
                percent(found.saved),
            ]),
            None => row.extend(["-"; 5].map(str::to_owned)),
        }
        match &pruning.exact {
            Some(found) => {
                row.extend([found.kept.clone(), found.best.clone(), percent(found.saved)]);
                let simulated = pruning.simulated.as_ref();
                row.push(simulated.map_or_else(String::new, |simulated| {
                    format!("{:.3}", found.best_pj / simulated.best_pj)
                }));
            }
            None => row.extend(["-"; 4].map(str::to_owned)),
        }
        table.row(row);
    }
    table.write(out, "  ", &[0, 1, 3, 6, 7]);
    line(out, "", "");
    let simulated = known.iter().filter_map(|one| one.1.simulated.as_ref());
    let saved: Vec<f64> = simulated.map(|found| found.saved).collect();
    let (count, wins) = (
        saved.len(),
        saved.iter().filter(|saved| **saved > 0.0).count(),
    );
    let sum = match wins {
        0 => format!("no pruned order is better on any of {count} different layers"),
        _ => format!(
            "a pruned order is better on {wins} of {count} different layers, by {:.1} % at most",
            100.0 * saved.iter().copied().fold(0.0, f64::max)
        ),
    };
    line(out, "  ", &sum);
    let why = "exact / simulated: for the engine a memory holds a tile or does not, keeps the rows that neighbouring pieces share, and \
               is charged for being filled; neighbours do not share inputs inside the array";
    line(out, "  ", why);
}

/// Layers with the same reason together.
fn not_walked(out: &mut Page, verified: &[Verified<'_>]) {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for (layer, pruning) in verified {
        let Some(reason) = pruning.reason.as_deref() else {
            continue;
        };
        let name = named(&layer.layer, &layer.same_as);
        match reasons.iter_mut().find(|known| known.0 == reason) {
            Some((_, names)) => names.push(name),
            None => reasons.push((reason, vec![name])),
        }
    }
    for (reason, names) in reasons {
        let text = format!("not walked: {}: {reason}", names.join(", "));
        line(out, "  ", &text);
    }
}
