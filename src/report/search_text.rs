//! Searches for people and for spreadsheets.
//!
//! A layer is a block with its dataflow; several layers of one search are a table with totals, a front is a table of
//! its points.

use super::model::Report;
use super::search::{FoundReport, SearchReport};
use super::selection::SelectionReport;
use super::selection_text;
use super::table::{Page, Table, line, verbatim};
use crate::base::num::grouped;

/// The searches as text of `width` columns.
#[must_use]
pub fn text(report: &Report, width: usize) -> String {
    let mut out = Page::new(width);
    for (index, searches) in by_name(&report.searches).iter().enumerate() {
        if index > 0 {
            line(&mut out, "", "");
        }
        let of = |known: &&SelectionReport| searches.iter().any(|one| one.name == known.name);
        match report.selections.iter().find(of) {
            Some(selection) => selection_text::write(&mut out, selection),
            None => write_search(&mut out, searches),
        }
    }
    out.finish()
}

/// The layers of each search.
fn by_name(searches: &[SearchReport]) -> Vec<&[SearchReport]> {
    searches
        .chunk_by(|one, next| one.name == next.name)
        .collect()
}

fn write_search(out: &mut Page, layers: &[SearchReport]) {
    let Some(first) = layers.first() else {
        return;
    };
    let objective = match first.objective.as_slice() {
        [one] => format!("least {one}"),
        several => format!("front of {}", several.join(", ")),
    };
    line(
        out,
        "",
        &format!(
            "{}: {} on {} ({} model), {objective}",
            first.name, first.network, first.accelerator, first.model
        ),
    );
    line(out, "", "");
    let mut spaces = layers.iter().map(|layer| &layer.space);
    if spaces.all(|space| *space == first.space) {
        line(out, "  ", &format!("space     {}", first.space));
    } else {
        for layer in layers {
            line(
                out,
                "  ",
                &format!("space     {}: {}", layer.layer, layer.space),
            );
        }
    }
    line(
        out,
        "  ",
        &format!("strategy  {}, at most {}", first.strategy, first.budget),
    );
    line(out, "", "");
    if let [only] = layers {
        one_layer(out, only);
    } else {
        table(out, layers);
        for layer in layers {
            if let Some(reason) = &layer.reason {
                line(
                    out,
                    "  ",
                    &format!("{}: {reason}", named(&layer.layer, &layer.same_as)),
                );
            } else if layer.best.is_none() {
                line(out, "", "");
                line(out, "  ", &named(&layer.layer, &layer.same_as));
                front(out, layer);
            }
        }
    }
}

/// `conv2 (and 3 equal ones)`
pub(super) fn named(layer: &str, same_as: &[String]) -> String {
    match same_as {
        [] => layer.to_owned(),
        [one] => format!("{layer} (and {one})"),
        more => format!("{layer} (and {} equal ones)", more.len()),
    }
}

fn one_layer(out: &mut Page, search: &SearchReport) {
    line(
        out,
        "  ",
        &format!("layer     {}", named(&search.layer, &search.same_as)),
    );
    let count = candidates(search);
    line(
        out,
        "  ",
        &format!("schedules {count}, {}", covered(search)),
    );
    if let Some(reason) = &search.reason {
        line(out, "", "");
        line(out, "  ", &format!("no answer: {reason}"));
        return;
    }
    match &search.best {
        Some(best) => {
            line(out, "  ", &format!("found     {}", figures(search, best)));
            if let Some(library) = &best.library {
                line(
                    out,
                    "  ",
                    &format!("by        {library}, as no schedule of the space is as good"),
                );
            }
            line(out, "  ", &format!("proof     {}", proof(search)));
            line(out, "", "");
            for text in best.dataflow.lines() {
                verbatim(out, "  ", text);
            }
        }
        None => front(out, search),
    }
}

fn covered(search: &SearchReport) -> String {
    let share = |reason: &str| {
        let count = search.pruned.get(reason).map_or("0", String::as_str);
        (count != "0").then(|| (reason.to_owned(), self::count(count)))
    };
    let parts: Vec<String> = [
        ("capacity", "too large"),
        ("untried", "too large or not tried"),
        ("order", "of orders that another replaces"),
        ("bound", "cut off by bounds"),
        ("join", "formed from tables"),
        ("dominated", "of splits that another replaces"),
        ("illegal", "that do not serve the layer"),
        ("uncounted", "that cannot be counted"),
    ]
    .iter()
    .filter_map(|(reason, words)| Some(format!("{} {words}", share(reason)?.1)))
    .collect();
    let evaluated = grouped(search.evaluated.into());
    let by = if search.model == "dmazerunner" {
        "priced by the model"
    } else {
        "counted by the engine"
    };
    if parts.is_empty() {
        return format!("{evaluated} {by}");
    }
    format!("{evaluated} {by} ({})", parts.join(", "))
}

fn proof(search: &SearchReport) -> String {
    match (search.proved, search.gap, search.lower_bound) {
        (true, ..) => "no schedule of the space is better".to_owned(),
        (false, Some(gap), Some(bound)) => format!(
            "gap {}: no schedule of the space is below {}",
            percent(gap),
            amount(bound)
        ),
        _ => "none: the search was stopped".to_owned(),
    }
}

/// `edp 1.2e12 pJ x cycles, energy 3 pJ, cycles 17`
fn figures(search: &SearchReport, found: &FoundReport) -> String {
    let mut parts: Vec<String> = search
        .objective
        .iter()
        .zip(&found.values)
        .filter(|(name, _)| !matches!(name.as_str(), "energy" | "cycles"))
        .map(|(name, value)| format!("{name} {} {}", amount(*value), unit(name)))
        .collect();
    if let Some(energy) = found.energy_pj {
        parts.push(format!("energy {} pJ", amount(energy)));
    }
    parts.push(format!("{} cycles", grouped(found.cycles.into())));
    parts.join(", ")
}

pub(super) fn unit(objective: &str) -> &'static str {
    match objective {
        "energy" => "pJ",
        "cycles" => "cycles",
        "edp" => "pJ x cycles",
        "e2dp" => "pJ^2 x cycles",
        "ed2p" => "pJ x cycles^2",
        "area" => "um2",
        _ => "B",
    }
}

fn front(out: &mut Page, search: &SearchReport) {
    let proof = if search.proved {
        "no schedule of the space is as good in all of them"
    } else if search.pruned.get("untried").is_some() {
        "not proved: not all pieces were tried"
    } else {
        "not proved: the search was stopped"
    };
    line(
        out,
        "  ",
        &format!("front     {} points, {proof}", search.front.len()),
    );
    line(out, "", "");
    let mut table = Table::default();
    let mut header = vec!["point".to_owned()];
    for objective in &search.objective {
        header.push(format!("{objective} ({})", unit(objective)));
    }
    header.push("cycles".to_owned());
    header.push("energy (pJ)".to_owned());
    table.row(header);
    for (at, point) in search.front.iter().enumerate() {
        let mut row = vec![(at + 1).to_string()];
        row.extend(point.values.iter().map(|value| amount(*value)));
        row.push(grouped(point.cycles.into()));
        row.push(point.energy_pj.map_or_else(String::new, amount));
        table.row(row);
    }
    table.write(out, "  ", &[]);
}

/// One row per layer, with the sums over all of them where these mean something.
fn table(out: &mut Page, layers: &[SearchReport]) {
    let Some(first) = layers.first() else {
        return;
    };
    let single = first.objective.len() == 1;
    let mut table = Table::with_total();
    let mut header = vec!["layer".to_owned(), "times".to_owned()];
    if single {
        header.push(format!(
            "{} ({})",
            first.objective[0],
            unit(&first.objective[0])
        ));
    }
    header.extend(["cycles", "energy (pJ)", "gap", "counted", "schedules"].map(str::to_owned));
    table.row(header);
    let (mut cycles, mut energy, mut all) = (0u128, 0.0, true);
    for layer in layers {
        let mut row = vec![named(&layer.layer, &layer.same_as), layer.times.to_string()];
        let best = layer.best.as_ref();
        if single {
            row.push(best.map_or_else(|| "-".to_owned(), |best| amount(best.values[0])));
        }
        row.push(best.map_or_else(|| "-".to_owned(), |best| grouped(best.cycles.into())));
        let own = best.and_then(|best| best.energy_pj);
        row.push(own.map_or_else(|| "-".to_owned(), amount));
        row.push(match layer.gap {
            Some(gap) if gap > 0.0 => percent(gap),
            Some(_) => "proved".to_owned(),
            None => "-".to_owned(),
        });
        row.push(grouped(layer.evaluated.into()));
        row.push(candidates(layer));
        table.row(row);
        cycles += best.map_or(0, |best| u128::from(best.cycles) * u128::from(layer.times));
        energy += own.map_or(0.0, |own| own * layer.times as f64);
        all &= best.is_some();
    }
    let priced = layers.iter().all(|layer| {
        layer
            .best
            .as_ref()
            .is_some_and(|best| best.energy_pj.is_some())
    });
    let mut total = vec![
        if all { "all" } else { "all that were found" }.to_owned(),
        layers
            .iter()
            .map(|layer| layer.times)
            .sum::<u64>()
            .to_string(),
    ];
    if single {
        total.push(match sum(layers) {
            Some(sum) => amount(sum),
            None => String::new(),
        });
    }
    total.push(grouped(cycles));
    total.push(if priced {
        amount(energy)
    } else {
        String::new()
    });
    let all: Option<u128> = layers
        .iter()
        .map(|layer| layer.candidates.as_ref()?.parse::<u128>().ok())
        .try_fold(0u128, |sum, one| sum.checked_add(one?));
    let counted = layers.iter().map(|layer| layer.evaluated).sum::<u64>();
    total.extend([
        String::new(),
        grouped(counted.into()),
        all.map_or_else(String::new, |all| count(&all.to_string())),
    ]);
    table.row(total);
    table.write(out, "  ", &[0]);
}

/// The sum of an objective over the layers, as often as they run; products are those of the layers. Capacities and areas
/// have none.
fn sum(layers: &[SearchReport]) -> Option<f64> {
    let objective = &layers.first()?.objective;
    let adds = ["energy", "cycles", "edp", "e2dp", "ed2p"];
    let [name] = objective.as_slice() else {
        return None;
    };
    if !adds.contains(&name.as_str()) && !name.starts_with("traffic") {
        return None;
    }
    let values = layers.iter().map(|layer| {
        let best = layer.best.as_ref()?;
        Some(best.values.first()? * layer.times as f64)
    });
    values.sum()
}

/// Whole numbers in groups, others with six digits.
pub(super) fn amount(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        grouped(value as u128)
    } else {
        format!("{value:.6e}")
    }
}

fn percent(share: f64) -> String {
    format!("{:.3} %", share * 100.0)
}

/// How many schedules there are to search in.
fn candidates(search: &SearchReport) -> String {
    let all = search.candidates.as_deref();
    all.map_or_else(|| "uncounted".to_owned(), count)
}

/// Long numbers as a power of ten.
fn count(digits: &str) -> String {
    match digits.parse::<u64>() {
        Ok(number) => grouped(number.into()),
        Err(_) => {
            let (head, tail) = digits.split_at(4.min(digits.len()));
            let (one, rest) = head.split_at(1.min(head.len()));
            format!("{one}.{rest}e{}", head.len() - 1 + tail.len())
        }
    }
}

/// The searches as comma-separated values: one row per answer.
#[must_use]
pub fn csv(report: &Report) -> String {
    let mut out = String::from(
        "search,network,layer,same_as,accelerator,model,objective,values,cycles,energy_pj,candidates,evaluated,\
         lower_bound,gap,proved,reason,dataflow\n",
    );
    for search in &report.searches {
        let answers: Vec<Option<&FoundReport>> = match (&search.best, search.front.as_slice()) {
            (Some(best), _) => vec![Some(best)],
            (None, []) => vec![None],
            (None, front) => front.iter().map(Some).collect(),
        };
        for answer in answers {
            let number = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
            let values = answer.map_or_else(String::new, |answer| {
                let values: Vec<String> = answer.values.iter().map(f64::to_string).collect();
                values.join(" ")
            });
            let flat = |answer: &FoundReport| {
                let words: Vec<&str> = answer.dataflow.split_whitespace().collect();
                words.join(" ")
            };
            let cells = [
                search.name.clone(),
                search.network.clone(),
                search.layer.clone(),
                search.same_as.join(" "),
                search.accelerator.clone(),
                search.model.clone(),
                search.objective.join(" "),
                values,
                answer.map_or_else(String::new, |answer| answer.cycles.to_string()),
                number(answer.and_then(|answer| answer.energy_pj)),
                search.candidates.clone().unwrap_or_default(),
                search.evaluated.to_string(),
                number(search.lower_bound),
                number(search.gap),
                search.proved.to_string(),
                search.reason.clone().unwrap_or_default(),
                answer.map(flat).unwrap_or_default(),
            ];
            let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
            out.push_str(&cells.join(","));
            out.push('\n');
        }
    }
    out
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
