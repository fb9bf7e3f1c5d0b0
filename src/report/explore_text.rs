//! Explorations for people and for spreadsheets.

use super::csv::row;
use super::model::Report;
use super::search::{DesignReport, ExplorationReport};
use super::table::{Page, Table, line};
use crate::base::num::grouped;

/// The explorations as text of `width` columns.
#[must_use]
pub fn text(report: &Report, width: usize) -> String {
    let mut out = Page::new(width);
    let by_name = report
        .explorations
        .chunk_by(|one, next| one.name == next.name);
    for (index, objectives) in by_name.enumerate() {
        if index > 0 {
            line(&mut out, "", "");
        }
        write(&mut out, objectives);
    }
    out.finish()
}

fn write(out: &mut Page, objectives: &[ExplorationReport]) {
    let Some(first) = objectives.first() else {
        return;
    };
    let layers = match first.layers.as_slice() {
        [one] => format!("{}.{one}", first.network),
        several => format!("{}, {} layers", first.network, several.len()),
    };
    line(
        out,
        "",
        &format!(
            "{}: {layers} on {} ({} model), {}",
            first.name, first.accelerator, first.model, first.inside
        ),
    );
    line(out, "", "");
    for (name, values) in first.varied.iter() {
        line(out, "  ", &format!("{name:<11}{values}"));
    }
    if !first.budget.is_empty() {
        line(
            out,
            "  ",
            &format!("budget     {}", first.budget.join(", ")),
        );
    }
    line(out, "  ", &format!("designs    {}", counts(first)));
    if let (Some(done), Some(all)) = (first.pieces_done, first.pieces) {
        line(
            out,
            "  ",
            &format!("unfinished {done} of {all} pieces are done; what follows is of these"),
        );
    }
    line(out, "", "");
    let single: Vec<&ExplorationReport> = objectives
        .iter()
        .filter(|one| one.objective.len() == 1)
        .collect();
    if !single.is_empty() {
        best(out, &single);
    }
    for one in objectives.iter().filter(|one| one.objective.len() > 1) {
        if !single.is_empty() {
            line(out, "", "");
        }
        let title = format!(
            "front of {}: {} designs",
            one.objective.join(", "),
            one.front.len()
        );
        designs(out, &title, one, &one.front);
    }
    for one in objectives.iter().filter(|one| !one.each.is_empty()) {
        line(out, "", "");
        let title = format!("least {} of each", one.objective.join(", "));
        designs(out, &title, one, &one.each);
    }
}

/// `70,631 evaluated (12 do not run a layer); 120 over the area budget, not evaluated`
fn counts(of: &ExplorationReport) -> String {
    let mut out = format!(
        "{}: {} evaluated",
        grouped(of.designs.into()),
        grouped(of.evaluated.into())
    );
    let mut parts = Vec::new();
    if of.unfit > 0 {
        parts.push(format!(
            "{} do not run every layer",
            grouped(of.unfit.into())
        ));
    }
    if of.over_budget > 0 {
        parts.push(format!(
            "{} over the budget",
            grouped(of.over_budget.into())
        ));
    }
    if !parts.is_empty() {
        out += &format!(" ({})", parts.join(", "));
    }
    for (reason, count) in of.pruned.iter().filter(|(_, count)| **count > 0) {
        out += &format!(
            "; {} left out because their {reason} is over the budget",
            grouped((*count).into())
        );
    }
    out
}

fn best(out: &mut Page, objectives: &[&ExplorationReport]) {
    let worst = objectives.iter().any(|one| one.worst_among.is_some());
    let mut table = Table::default();
    let mut head = vec!["least".to_owned()];
    let names = |design: &DesignReport| -> Vec<String> {
        design
            .parameters
            .iter()
            .map(|(name, _)| name.to_owned())
            .collect()
    };
    let some = objectives.iter().find_map(|one| one.best.as_ref());
    let Some(some) = some else {
        line(out, "  ", "no design runs all layers within the budget");
        return;
    };
    let parameters = names(some);
    let sized = objectives.iter().any(|one| has_area(one.best.as_ref()));
    head.extend(parameters.iter().cloned());
    head.push("value".to_owned());
    if sized {
        head.push("area mm2".to_owned());
    }
    if worst {
        head.push("worst / best".to_owned());
    }
    table.row(head);
    for one in objectives {
        let name = one.objective.join(", ");
        let Some(best) = &one.best else {
            let mut row = vec![name, "none".to_owned()];
            let columns = parameters.len() + 2 + usize::from(sized) + usize::from(worst);
            row.resize(columns, String::new());
            table.row(row);
            continue;
        };
        let mut row = vec![name];
        row.extend(best.parameters.iter().map(|(_, value)| value.to_string()));
        row.push(value(best, 0));
        if sized {
            row.push(area(best));
        }
        if worst {
            let ratio = one.worst.as_ref().map(|worst| first(worst) / first(best));
            row.push(ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")));
        }
        table.row(row);
    }
    table.write(out, "  ", &[0]);
    for one in objectives {
        if let (Some(worst), Some(among)) = (&one.worst, &one.worst_among) {
            let among = if among.is_empty() {
                String::new()
            } else {
                format!(" of those with {}", among.join(", "))
            };
            line(
                out,
                "  ",
                &format!(
                    "worst {}{among}: {} with {}",
                    one.objective.join(", "),
                    value(worst, 0),
                    worst.accelerator
                ),
            );
        }
    }
}

fn designs(out: &mut Page, title: &str, of: &ExplorationReport, all: &[DesignReport]) {
    line(out, "  ", title);
    let Some(some) = all.first() else {
        return;
    };
    let mut table = Table::default();
    let mut head: Vec<String> = some
        .parameters
        .iter()
        .map(|(name, _)| name.to_owned())
        .collect();
    head.extend(of.objective.iter().cloned());
    let sized = has_area(Some(some)) && !of.objective.iter().any(|name| name == "area");
    if sized {
        head.push("area mm2".to_owned());
    }
    table.row(head);
    for design in all {
        let mut row: Vec<String> = design
            .parameters
            .iter()
            .map(|(_, value)| value.to_string())
            .collect();
        row.extend((0..of.objective.len()).map(|at| value(design, at)));
        if sized {
            row.push(area(design));
        }
        table.row(row);
    }
    table.write(out, "  ", &[]);
}

fn first(design: &DesignReport) -> f64 {
    design.values.first().copied().unwrap_or(f64::NAN)
}

/// Whole numbers as such.
fn value(design: &DesignReport, at: usize) -> String {
    let value = design.values.get(at).copied().unwrap_or(f64::NAN);
    if value.fract() == 0.0 && value.abs() < 1e15 {
        grouped(value as u128)
    } else {
        format!("{value:.6e}")
    }
}

fn has_area(design: Option<&DesignReport>) -> bool {
    design.is_some_and(|design| design.area_um2.is_some())
}

fn area(design: &DesignReport) -> String {
    design
        .area_um2
        .map_or_else(|| "-".to_owned(), |um2| format!("{:.4}", um2 / 1e6))
}

/// One row per design: the best and the worst of every objective, and the designs of fronts. Parameters and figures that
/// an exploration does not have are empty.
#[must_use]
pub fn csv(report: &Report) -> String {
    let (mut parameters, mut figures): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for of in &report.explorations {
        for (name, _) in of.varied.iter() {
            if !parameters.contains(&name) {
                parameters.push(name);
            }
        }
        for name in &of.objective {
            if !figures.contains(&name.as_str()) {
                figures.push(name);
            }
        }
    }
    let mut out = String::new();
    let fixed = ["exploration", "objective", "kind", "accelerator"];
    let head = fixed.iter().chain(&parameters).chain(&figures);
    let head = head.chain(&["area_um2", "power_mw"]);
    row(
        &mut out,
        &head.map(|&name| name.to_owned()).collect::<Vec<_>>(),
    );
    for of in &report.explorations {
        let designs = (of.best.iter().map(|design| ("best", design)))
            .chain(of.worst.iter().map(|design| ("worst", design)))
            .chain(of.front.iter().map(|design| ("front", design)))
            .chain(of.each.iter().map(|design| ("each", design)));
        for (kind, design) in designs {
            let number = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
            let mut cells = vec![
                of.name.clone(),
                of.objective.join(" "),
                kind.to_owned(),
                design.accelerator.clone(),
            ];
            for name in &parameters {
                let value = design.parameters.get(name);
                cells.push(value.map_or_else(String::new, ToString::to_string));
            }
            for name in &figures {
                let at = of.objective.iter().position(|known| known == name);
                cells.push(number(at.and_then(|at| design.values.get(at)).copied()));
            }
            cells.extend([number(design.area_um2), number(design.power_mw)]);
            row(&mut out, &cells);
        }
    }
    out
}
