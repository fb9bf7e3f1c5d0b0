//! What was found, as `searches[]` of a report.

use super::closed;
use super::emit::dataflow;
use super::run::{Answer, Found};
use super::task::{model_name, objective};
use super::why::name;
use super::written::is_beside;
use crate::driver::Compiled;
use crate::hir::search::{Search, Strategy};
use crate::report::model::Ordered;
use crate::report::search::{FoundReport, SearchReport};
use crate::search::Natural;

/// The reports of a search, one per layer that was searched; `timings` adds how long it took.
#[must_use]
pub fn report(
    compiled: &Compiled,
    search: &Search,
    answer: &Answer,
    timings: bool,
) -> Vec<SearchReport> {
    if let Some(chosen) = &answer.own {
        return closed::report(compiled, search, chosen);
    }
    let nobody = if answer.given {
        ""
    } else {
        " (nobody gave a budget)"
    };
    let budget = format!("{} s{nobody}", answer.budget.as_secs_f64());
    let mut reports = Vec::with_capacity(answer.found.len());
    for found in &answer.found {
        let report = one(compiled, search, found, timings);
        reports.extend(report.map(|report| SearchReport {
            budget: budget.clone(),
            ..report
        }));
    }
    reports
}

fn one(compiled: &Compiled, search: &Search, found: &Found, timings: bool) -> Option<SearchReport> {
    let program = &compiled.program;
    let network = program.networks.get(search.network)?;
    let accelerator = program.accelerators.get(search.accelerator)?;
    let layer = network.layers.get(found.layer)?;
    let names = |at: &usize| network.layers.get(*at).map(|layer| layer.name.clone());
    let times = |at: &usize| network.layers.get(*at).map_or(0, |layer| layer.times);
    let single = search.objectives.len() == 1;
    let mut answers: Vec<FoundReport> = found
        .answers
        .iter()
        .map(|best| FoundReport {
            values: best.values.clone(),
            library: best.library.clone(),
            cycles: best.cycles,
            energy_pj: best.energy_pj,
            dataflow: dataflow(layer, accelerator, best)
                .unwrap_or_else(|why| format!("// not written: {why}")),
            tilings: best.tilings,
        })
        .collect();
    let has_answer = !answers.is_empty();
    Some(SearchReport {
        name: search.name.clone(),
        network: network.label(),
        layer: layer.name.clone(),
        times: layer.times + found.same_as.iter().map(times).sum::<u64>(),
        same_as: found.same_as.iter().filter_map(names).collect(),
        accelerator: accelerator.label(),
        model: model_name(search).to_owned(),
        objective: search
            .objectives
            .iter()
            .map(|one| name(objective(one.figure), accelerator))
            .collect(),
        strategy: strategy(search.strategy),
        budget: String::new(),
        space: match &found.space {
            Some(space) => space.clone(),
            None => space_text(compiled, search),
        },
        candidates: found.candidates.as_ref().map(Natural::to_string),
        evaluated: found.evaluated,
        pruned: Ordered(
            found
                .pruned
                .iter()
                .map(|(reason, count)| ((*reason).to_owned(), count.to_string()))
                .collect(),
        ),
        seconds: timings.then_some(found.time.as_secs_f64()),
        proved: found.proved,
        best: if single { answers.pop() } else { None },
        front: answers,
        lower_bound: (single && has_answer).then_some(found.lower_bound),
        gap: match (single, found.proved) {
            _ if !has_answer => None,
            (_, true) => Some(0.0),
            (true, false) => Some(found.gap),
            (false, false) => None,
        },
        reason: found.missing().map(str::to_owned),
        certificate: None,
    })
}

fn strategy(strategy: Strategy) -> String {
    match strategy {
        Strategy::Optimal => "optimal".to_owned(),
        Strategy::Adaptive => "adaptive".to_owned(),
        Strategy::Random { draws, seed } => format!("random({draws}, seed = {seed})"),
    }
}

/// As in the source, on one line.
fn space_text(compiled: &Compiled, search: &Search) -> String {
    match search.space.span {
        Some(span) => {
            let text = compiled.sources.text_of(span);
            let text = text.strip_prefix("space").unwrap_or(text);
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        }
        None if is_beside(search) => {
            "tiles that divide; beside them the dataflows of the library".to_owned()
        }
        None => "tiles that divide".to_owned(),
    }
}
