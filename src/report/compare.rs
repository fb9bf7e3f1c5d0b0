//! Two evaluations side by side: what differs, layer by layer and in total.
//!
//! ```text
//! baseline -> wide                 cycles          wide            DRAM [B]        wide
//! conv1                         1,287,152       643,576  -50.0%     614,400   614,400
//! ```
//!
//! Both sides are read from the JSON form of a report, so that a report of last week can be compared with one of
//! today. Layers are matched by name. A figure that both sides have in the same size is no difference; layers without
//! a difference are left out, and two equal evaluations give nothing at all.
//!
//! Invariant: figures are compared as they stand in the reports; nothing is rounded before.

use super::table::{Page, Table, line};
use super::text::significant;
use crate::base::num::grouped;
use serde_json::{Value, json};

/// One evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// What it is called in the comparison.
    pub name: String,
    rows: Vec<Figures>,
    totals: Figures,
}

/// The figures of a layer, a group, or all of them.
#[derive(Clone, Debug, Default, PartialEq)]
struct Figures {
    name: String,
    repeat: u64,
    /// Quantity and value, in the order of the report.
    values: Vec<(String, f64)>,
}

impl Side {
    /// An entry of `evaluations` of a report.
    #[must_use]
    pub fn new(name: &str, evaluation: &Value) -> Side {
        let list = |key: &str| evaluation[key].as_array().cloned().unwrap_or_default();
        let layers = list("layers");
        let groups = list("groups");
        let mut rows: Vec<Figures> = layers.iter().map(layer).collect();
        rows.extend(groups.iter().map(group));
        let mut totals = figures("total", &evaluation["totals"]);
        // The bytes of all are in no report: they are the sum of those of the parts.
        for row in &rows {
            for (quantity, value) in row.values.iter().filter(|(q, _)| q.ends_with("[B]")) {
                let value = value * row.repeat as f64;
                match totals.values.iter_mut().find(|known| known.0 == *quantity) {
                    Some(known) => known.1 += value,
                    None => totals.values.push((quantity.clone(), value)),
                }
            }
        }
        Side {
            name: name.to_owned(),
            rows,
            totals,
        }
    }
}

fn figures(name: &str, value: &Value) -> Figures {
    let mut found = Figures {
        name: name.to_owned(),
        repeat: value["repeat"].as_u64().unwrap_or(1),
        values: Vec::new(),
    };
    found.push("cycles", &value["cycles"]);
    found.push("energy [pJ]", &value["energy_pj"]["total"]);
    found
}

impl Figures {
    fn push(&mut self, quantity: &str, value: &Value) {
        self.values
            .extend(value.as_f64().map(|value| (quantity.to_owned(), value)));
    }

    fn get(&self, quantity: &str) -> Option<f64> {
        let found = self.values.iter().find(|known| known.0 == quantity);
        found.map(|known| known.1)
    }
}

/// Cycles, energy, and the bytes between each memory and what is inside of it.
fn layer(value: &Value) -> Figures {
    let mut found = figures(value["name"].as_str().unwrap_or("?"), value);
    for level in value["levels"].as_array().into_iter().flatten() {
        let Some(memory) = level["memory"].as_str() else {
            continue;
        };
        let inwards = format!("{memory} -> ");
        let boundaries = value["boundaries"].as_array().into_iter().flatten();
        let bytes = boundaries
            .filter(|boundary| {
                let name = boundary["name"].as_str();
                name.is_some_and(|name| name.starts_with(&inwards))
            })
            .filter_map(|boundary| {
                Some(boundary["down_bytes"].as_f64()? + boundary["up_bytes"].as_f64()?)
            });
        found.values.push((format!("{memory} [B]"), bytes.sum()));
    }
    found
}

/// Cycles, energy, and the bytes of the backing store.
fn group(value: &Value) -> Figures {
    let mut found = figures(value["name"].as_str().unwrap_or("?"), value);
    if let Some(memory) = value["memories"][0]["memory"].as_str() {
        let quantity = format!("{memory} [B]");
        found.push(&quantity, &value["dram_bytes"]);
    }
    found
}

/// What differs between two evaluations.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    pub left: String,
    pub right: String,
    /// Layers and groups with a difference, the largest first; the total is the last.
    rows: Vec<Row>,
    total: Row,
    quantities: Vec<String>,
}

/// A figure of the left and of the right side.
type Pair = (Option<f64>, Option<f64>);

#[derive(Clone, Debug, PartialEq)]
struct Row {
    name: String,
    /// In the order of the quantities; `None` where a side has no such figure.
    pairs: Vec<Pair>,
}

/// `right / left - 1`; `None` when one side is missing.
fn change((left, right): Pair) -> Option<f64> {
    match (left?, right?) {
        (left, right) if left == right => Some(0.0),
        (0.0, _) => Some(f64::INFINITY),
        (left, right) => Some(right / left - 1.0),
    }
}

impl Row {
    fn differs(&self) -> bool {
        self.pairs.iter().any(|pair| pair.0 != pair.1)
    }

    /// The largest change, up or down; a figure that one side lacks is more than any.
    fn largest(&self) -> f64 {
        let changes = self.pairs.iter().filter(|pair| pair.0 != pair.1);
        changes
            .map(|pair| change(*pair).map_or(f64::INFINITY, f64::abs))
            .fold(0.0, f64::max)
    }
}

impl Comparison {
    /// Compares `right` with `left`.
    #[must_use]
    pub fn new(left: &Side, right: &Side) -> Comparison {
        let mut quantities: Vec<String> = Vec::new();
        let both = [left, right];
        let all = both
            .iter()
            .flat_map(|side| side.rows.iter().chain([&side.totals]));
        for (quantity, _) in all.flat_map(|figures| &figures.values) {
            if !quantities.contains(quantity) {
                quantities.push(quantity.clone());
            }
        }
        let row = |name: &str, left: Option<&Figures>, right: Option<&Figures>| Row {
            name: name.to_owned(),
            pairs: quantities
                .iter()
                .map(|quantity| {
                    (
                        left.and_then(|figures| figures.get(quantity)),
                        right.and_then(|figures| figures.get(quantity)),
                    )
                })
                .collect(),
        };
        let mut names: Vec<&str> = left.rows.iter().map(|row| row.name.as_str()).collect();
        for found in &right.rows {
            if !names.contains(&found.name.as_str()) {
                names.push(&found.name);
            }
        }
        let named = |side: &'_ Side, name: &str| side.rows.iter().position(|row| row.name == name);
        let mut rows: Vec<Row> = names
            .into_iter()
            .map(|name| {
                let left = named(left, name).and_then(|at| left.rows.get(at));
                let right = named(right, name).and_then(|at| right.rows.get(at));
                row(name, left, right)
            })
            .filter(Row::differs)
            .collect();
        // Stable: layers that changed alike stay in the order of the network.
        rows.sort_by(|a, b| b.largest().total_cmp(&a.largest()));
        Comparison {
            left: left.name.clone(),
            right: right.name.clone(),
            total: row("total", Some(&left.totals), Some(&right.totals)),
            rows,
            quantities,
        }
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && !self.total.differs()
    }

    /// Whether a figure of a layer, or of all, changed by more than the share `most`, up or down.
    #[must_use]
    pub fn exceeds(&self, most: f64) -> bool {
        self.rows
            .iter()
            .chain([&self.total])
            .any(|row| row.largest() > most)
    }

    /// Columns of the two sides and of the change, for every quantity that differs somewhere; on `width` columns.
    #[must_use]
    pub fn text(&self, width: usize) -> String {
        if self.is_empty() {
            return String::new();
        }
        let shown: Vec<usize> = (0..self.quantities.len())
            .filter(|&at| {
                let mut rows = self.rows.iter().chain([&self.total]);
                rows.any(|row| row.pairs.get(at).is_some_and(|pair| pair.0 != pair.1))
            })
            .collect();
        let mut table = Table::with_total();
        let mut header = vec!["layer".to_owned()];
        for &at in &shown {
            let quantity = &self.quantities[at];
            header.extend([quantity.clone(), self.right.clone(), "change".to_owned()]);
        }
        table.row(header);
        for row in self.rows.iter().chain([&self.total]) {
            let mut cells = vec![row.name.clone()];
            for &at in &shown {
                let pair = row.pairs.get(at).copied().unwrap_or((None, None));
                cells.extend([number(pair.0), number(pair.1), percent(pair)]);
            }
            table.row(cells);
        }
        let mut out = Page::new(width);
        line(&mut out, "", &format!("{} -> {}", self.left, self.right));
        line(&mut out, "", "");
        table.write(&mut out, "", &[0]);
        out.finish()
    }

    /// One row per layer and quantity that differs, and per quantity in total.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut out = String::from("layer,quantity,left,right,change\n");
        for (row, quantity, pair) in self.differences() {
            let value = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
            let cells = [
                row.to_owned(),
                quantity.to_owned(),
                value(pair.0),
                value(pair.1),
                value(change(pair).filter(|change| change.is_finite())),
            ];
            super::csv::row(&mut out, &cells);
        }
        out
    }

    /// `dflow.comparison/1`
    #[must_use]
    pub fn json(&self) -> String {
        let differences: Vec<Value> = self
            .differences()
            .into_iter()
            .map(|(layer, quantity, pair)| {
                json!({
                    "layer": layer,
                    "quantity": quantity,
                    "left": pair.0,
                    "right": pair.1,
                    "change": change(pair).filter(|change| change.is_finite()),
                })
            })
            .collect();
        let report = json!({
            "schema": "dflow.comparison/1",
            "left": self.left,
            "right": self.right,
            "differences": differences,
        });
        format!("{report:#}\n")
    }

    fn differences(&self) -> Vec<(&str, &str, Pair)> {
        let rows = self.rows.iter().chain([&self.total]);
        rows.flat_map(|row| {
            let pairs = row.pairs.iter().zip(&self.quantities);
            pairs
                .filter(|(pair, _)| pair.0 != pair.1)
                .map(|(pair, quantity)| (row.name.as_str(), quantity.as_str(), *pair))
        })
        .collect()
    }
}

fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        // Counts are whole.
        Some(value) if value.fract() == 0.0 && (0.0..1e18).contains(&value) => {
            grouped(value as u128)
        }
        Some(value) => significant(value),
    }
}

fn percent(pair: Pair) -> String {
    match change(pair) {
        Some(change) if pair.0 == pair.1 && change == 0.0 => "=".to_owned(),
        Some(change) if change.is_finite() => format!("{:+.1}%", change * 100.0),
        _ => "new".to_owned(),
    }
}
