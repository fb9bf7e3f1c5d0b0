//! A figure of every layer under every map, as bars.
//!
//! Problem: the case study of the MAESTRO paper compares five dataflows on two layers, and on five arrays. What belongs side by
//! side follows from the evaluations: a group of bars is a layer on an accelerator, and the bars of a group are the
//! dataflows, or the maps where one dataflow serves several.

use super::model::{Evaluation, LayerReport};
use super::svg::{Bar, BarChart, BarGroup, Height};
use std::collections::BTreeSet;

/// What a layer has for a figure.
struct Value {
    /// One per part of the chart.
    parts: Vec<f64>,
    unit: &'static str,
}

/// A bar chart of the figure called `figure`: `cycles`, `energy`, or one that only the model has.
///
/// # Errors
/// The figures that there are, if no layer has this one.
pub fn chart(evaluations: &[Evaluation], figure: &str) -> Result<BarChart, Vec<String>> {
    let layers = || evaluations.iter().flat_map(|evaluation| &evaluation.layers);
    let parts = if figure == "energy" {
        components(layers())
    } else {
        Vec::new()
    };
    let Some(unit) = layers().find_map(|layer| Some(value(layer, figure, &parts)?.unit)) else {
        return Err(known(layers()));
    };
    let accelerators: BTreeSet<&str> = evaluations.iter().map(|e| e.accelerator.as_str()).collect();
    let by_map = !are_apart(evaluations);
    let mut chart = BarChart {
        title: figure.to_owned(),
        axis: if unit.is_empty() {
            figure.to_owned()
        } else {
            format!("{figure} [{unit}]")
        },
        parts: parts.clone(),
        ..BarChart::default()
    };
    // Layers are the outer order, accelerators the inner one.
    let mut names: Vec<&str> = Vec::new();
    for layer in layers() {
        if !names.contains(&layer.name.as_str()) {
            names.push(&layer.name);
        }
    }
    for name in names {
        let mut groups: Vec<(&str, BarGroup)> = Vec::new();
        for evaluation in evaluations {
            let found = evaluation.layers.iter().filter(|layer| layer.name == name);
            for layer in found {
                let Some(value) = value(layer, figure, &parts) else {
                    continue;
                };
                let bar = Bar {
                    label: short(value.parts.iter().sum()),
                    height: Height::Parts(value.parts),
                };
                let series = series(evaluation, layer, by_map);
                let place = match chart.series.iter().position(|known| *known == series) {
                    Some(place) => place,
                    None => {
                        chart.series.push(series);
                        chart.series.len() - 1
                    }
                };
                let accelerator = evaluation.accelerator.as_str();
                let known = groups.iter().position(|group| group.0 == accelerator);
                let at = known.unwrap_or(groups.len());
                if known.is_none() {
                    let several = accelerators.len() > 1;
                    let label = label(name, accelerator, several);
                    let bars = Vec::new();
                    groups.push((accelerator, BarGroup { label, bars }));
                }
                let bars = &mut groups[at].1.bars;
                if bars.len() <= place {
                    bars.resize(place + 1, None);
                }
                bars[place] = Some(bar);
            }
        }
        chart.groups.extend(groups.into_iter().map(|group| group.1));
    }
    for group in &mut chart.groups {
        group.bars.resize(chart.series.len(), None);
    }
    Ok(chart)
}

/// The part of an energy that a component is: `L1.read` and `L1.write` are both of L1.
fn part_of(component: &str) -> &str {
    component.split('.').next().unwrap_or(component)
}

/// Parts of the energy of some layer, in the order of the report, without those that are 0 everywhere.
fn components<'a>(layers: impl Iterator<Item = &'a LayerReport>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let energies = layers.filter_map(|layer| layer.energy_pj.as_ref());
    for (component, _) in energies.flat_map(|energy| energy.iter().filter(|one| *one.1 > 0.0)) {
        let part = part_of(component);
        if part != "total" && !found.iter().any(|known| known == part) {
            found.push(part.to_owned());
        }
    }
    found
}

fn value(layer: &LayerReport, figure: &str, parts: &[String]) -> Option<Value> {
    match figure {
        "cycles" => Some(Value {
            parts: vec![layer.cycles as f64],
            unit: "",
        }),
        "energy" => {
            let energy = layer.energy_pj.as_ref()?;
            let of = |part: &String| {
                let own = energy.iter().filter(|(name, _)| part_of(name) == part);
                own.map(|(_, pj)| pj / 1e6).sum()
            };
            Some(Value {
                parts: parts.iter().map(of).collect(),
                unit: "uJ",
            })
        }
        _ => {
            let found = layer.figures.iter().find(|known| known.name == figure)?;
            Some(Value {
                parts: vec![found.value],
                unit: found.unit,
            })
        }
    }
}

fn known<'a>(layers: impl Iterator<Item = &'a LayerReport>) -> Vec<String> {
    let mut found = vec!["cycles".to_owned()];
    for layer in layers {
        let own = layer.figures.iter().map(|figure| figure.name.clone());
        let energy = layer.energy_pj.is_some().then(|| "energy".to_owned());
        for name in energy.into_iter().chain(own) {
            if !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found
}

/// Whether no two evaluations have one layer on one accelerator under one dataflow.
fn are_apart(evaluations: &[Evaluation]) -> bool {
    let mut seen = BTreeSet::new();
    evaluations.iter().all(|evaluation| {
        evaluation.layers.iter().all(|layer| {
            let dataflow = series(evaluation, layer, false);
            seen.insert((&layer.name, &evaluation.accelerator, dataflow))
        })
    })
}

/// The name of a bar: the dataflow without its arguments, or the map.
fn series(evaluation: &Evaluation, layer: &LayerReport, by_map: bool) -> String {
    let map = || match &evaluation.map {
        Some(map) => map.clone(),
        None => format!("{} on {}", evaluation.network, evaluation.accelerator),
    };
    if by_map {
        return map();
    }
    match &layer.dataflow {
        Some(dataflow) => dataflow.split('(').next().unwrap_or(dataflow).to_owned(),
        None => map(),
    }
}

/// `conv1`, or `conv1, pes = 16` where there are several accelerators.
fn label(layer: &str, accelerator: &str, several: bool) -> String {
    if !several {
        return layer.to_owned();
    }
    let arguments = accelerator.split_once('(').map(|(_, rest)| rest);
    let of = arguments.map_or(accelerator, |rest| rest.trim_end_matches(')'));
    format!("{layer}, {of}")
}

/// Three digits and more for large numbers.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || size.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
