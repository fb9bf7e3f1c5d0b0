//! What was found, as `searches[]` of a report.

use super::closed;
use super::emit::dataflow;
use super::proof::sum;
use super::run::{Answer, Found, Of};
use super::task::{model_name, objective};
use super::why::{name, sentence};
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
    let layer = network.layers.get(found.task.layer)?;
    let names = |at: &usize| network.layers.get(*at).map(|layer| layer.name.clone());
    let times = |at: &usize| network.layers.get(*at).map_or(0, |layer| layer.times);
    let outcome = &found.outcome;
    let single = search.objectives.len() == 1;
    let mut answers: Vec<FoundReport> = found
        .answers()
        .iter()
        .map(|best| FoundReport {
            values: best.values.to_vec(),
            library: match best.of {
                Of::Library(written) => Some(written.name.clone()),
                Of::Space(_) => None,
            },
            cycles: best.exact.counts.timing.cycles,
            energy_pj: found
                .task
                .problem
                .prices
                .as_ref()
                .map(|_| best.exact.figures.energy),
            dataflow: dataflow(layer, accelerator, &found.task, best)
                .unwrap_or_else(|why| format!("// not written: {why}")),
            tilings: None,
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
        space: space_text(compiled, search),
        candidates: found.candidates.as_ref().map(Natural::to_string),
        evaluated: outcome.evaluated,
        pruned: pruned(found),
        seconds: timings.then_some(found.time.as_secs_f64()),
        proved: found.is_proved(),
        best: if single { answers.pop() } else { None },
        front: answers,
        lower_bound: (single && has_answer).then_some(found.lower_bound()),
        gap: match (single, found.is_proved()) {
            _ if !has_answer => None,
            (_, true) => Some(0.0),
            (true, false) => Some(found.gap()),
            (false, false) => None,
        },
        reason: match &found.why {
            Some(why) => Some(sentence(why, &found.task, accelerator)),
            None if has_answer => None,
            None => Some("nothing was found in the time that it had".to_owned()),
        },
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

/// Candidates that were not counted one by one, by the reason; with those that were joined they are the space.
fn pruned(found: &Found) -> Ordered<String> {
    let (Some(certificate), Some(candidates)) = (&found.certificate, &found.candidates) else {
        return Ordered(Vec::new());
    };
    // What the statements of the space exclude is not of the space.
    let excluded = certificate.candidates.minus(candidates).unwrap_or_default();
    let by_order = certificate.by_order.minus(&excluded).unwrap_or_default();
    let reasons = [
        ("capacity", certificate.by_capacity.clone()),
        ("order", by_order),
        ("bound", sum(&certificate.pruned)),
        ("join", sum(&certificate.joined)),
    ];
    Ordered(
        reasons
            .into_iter()
            .map(|(reason, count)| (reason.to_owned(), count.to_string()))
            .collect(),
    )
}
