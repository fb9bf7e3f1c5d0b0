//! `auto(...)` in maps: what a search finds becomes the dataflow of the layer, so that everything behind it (checks,
//! models, reports) sees a dataflow like any other.

use super::emit::dataflow;
use super::run::{self, Found, NO_TIME, Observer};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::Compiled;
use crate::hir::search::Search;

/// Runs the searches of the chosen maps, each with those of its layers that were chosen, and gives the layers what was
/// found. A layer for which there is nothing is reported.
pub fn resolve(
    compiled: &mut Compiled,
    chosen: &[(usize, Vec<usize>)],
    sink: &mut Diagnostics,
    observer: &mut dyn Observer,
) {
    for (map, layers) in chosen {
        let searches = compiled
            .program
            .maps
            .get(*map)
            .map(|map| map.searches.clone());
        for mut search in searches.into_iter().flatten() {
            search.layers.retain(|layer| layers.contains(layer));
            if search.layers.is_empty() {
                continue;
            }
            let Some(answer) = run::run(compiled, &search, None, sink, observer) else {
                continue;
            };
            for found in &answer.found {
                take(compiled, *map, &search, found, sink);
            }
        }
    }
}

/// Gives the layers of an answer their dataflow.
fn take(
    compiled: &mut Compiled,
    map: usize,
    search: &Search,
    found: &Found,
    sink: &mut Diagnostics,
) {
    let program = &compiled.program;
    let (Some(network), Some(accelerator)) = (
        program.networks.get(search.network),
        program.accelerators.get(search.accelerator),
    ) else {
        return;
    };
    let Some(layer) = network.layers.get(found.layer) else {
        return;
    };
    let title = format!("{}.{}", network.name, layer.name);
    let Some(best) = found.answers.first() else {
        sink.push(nothing(search, found, &layer.name));
        return;
    };
    let Ok(text) = dataflow(layer, accelerator, best) else {
        return;
    };
    let proof = if found.proved {
        "none with tiles that divide is better".to_owned()
    } else {
        format!(
            "at most {:.3} % above the best with tiles that divide",
            above(found) * 100.0
        )
    };
    let figure = search
        .objectives
        .first()
        .map_or_else(String::new, |objective| {
            super::why::name(super::task::objective(objective.figure), accelerator)
        });
    let found_by = match &best.library {
        None => "found",
        Some(name) => &format!("{name} taken"),
    };
    let note = format!("{found_by} by a search for the least {figure}: {proof}");
    let Some(application) = compiled.found_dataflow(&title, &text, sink) else {
        return;
    };
    let Some(map) = compiled.program.maps.get_mut(map) else {
        return;
    };
    for layer in std::iter::once(&found.layer).chain(&found.same_as) {
        if let Some(assignment) = map.assignments.get_mut(*layer) {
            assignment.application = Some(application.clone());
            assignment.note = Some(note.clone());
        }
    }
}

/// By which part of the bound the answer is above it.
fn above(found: &Found) -> f64 {
    let value = found.answers.first().and_then(|best| best.values.first());
    match value {
        Some(value) if found.lower_bound > 0.0 => value / found.lower_bound - 1.0,
        _ => f64::INFINITY,
    }
}

fn nothing(search: &Search, found: &Found, layer: &str) -> Diagnostic {
    let (code, reason) = match &found.why {
        Some((code, reason)) => (*code, reason.as_str()),
        None => (Code::E0602, NO_TIME),
    };
    Diagnostic::new(code, format!("no schedule for layer `{layer}`: {reason}"))
        .at(search.span, "searched here")
}
