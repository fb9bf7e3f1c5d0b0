//! The report of a layer by a model of closed forms: cycles, energy and the model's own figures, no mapping.

use super::LayerNames;
use super::build::{area_map, energy_block, is_products, ratio};
use super::model::{LayerReport, Ordered};
use crate::cost::Cost;
use crate::models::{Estimate, Problem};

/// The report of a layer that was estimated and not counted. Without `cost` it has no energy and no area.
#[must_use]
pub fn build_estimated(
    names: &LayerNames,
    problem: Problem<'_>,
    estimate: &Estimate,
    cost: Option<&Cost>,
) -> LayerReport {
    let products = is_products(problem.operation);
    let operations = problem.operation.volume().unwrap_or(u128::MAX);
    let operations = u64::try_from(operations).unwrap_or(u64::MAX);
    let peak = problem.architecture.pes() as f64 * problem.architecture.lanes as f64;
    // The cycles are those of one part, the operations those of all.
    let peak = peak * estimate.parts_of as f64;
    let longest = estimate.parts.iter().rev().max_by_key(|part| part.cycles);
    let parts = estimate.parts.iter();
    let energy = energy_block(names, products, cost.map(|cost| &cost.energy));
    let (area_um2, area_absent) = area_map(names, cost.map(|cost| &cost.area));
    let mut report = LayerReport {
        name: names.name.clone(),
        repeat: names.times,
        kind: names.kind.clone(),
        dimensions: Ordered(names.dimensions.clone()),
        dataflow: names.dataflow.clone(),
        macs: if products { operations } else { 0 },
        ops: if products { 0 } else { operations },
        cycles: estimate.cycles,
        seconds: names.seconds(estimate.cycles),
        utilization: ratio(operations as f64, estimate.cycles as f64 * peak),
        bound: longest.map_or_else(|| "compute".to_owned(), |part| part.name.to_string()),
        cycles_by: Ordered(
            parts
                .map(|part| (part.name.to_string(), part.cycles))
                .collect(),
        ),
        energy_pj: energy.by_component,
        energy_leaves_out: energy.leaves_out,
        energy_terms: energy.terms,
        area_um2,
        area_absent,
        mapping: None,
        peak,
        choices: names.choices.clone(),
        notes: names.notes.clone(),
        density: None,
        figures: Vec::new(),
        advice: None,
        differences: Vec::new(),
    };
    report.add_figures(&estimate.figures);
    report
}
