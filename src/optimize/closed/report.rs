//! What was chosen, as `searches[]` and `selections[]` of a report.

use super::emit::dataflow;
use super::{Chosen, Decided, Layered};
use crate::driver::Compiled;
use crate::hir::explore::Scope;
use crate::hir::search::Search;
use crate::hir::{Accelerator, Layer, Network};
use crate::models::deepopt::{Costed, Difference, Objective, Schedule, Term};
use crate::optimize::Answer;
use crate::report::model::Ordered;
use crate::report::search::{FoundReport, SearchReport};
use crate::report::selection::{
    ChoiceReport, DecisionReport, FixedReport, ScheduleReport, SelectionReport,
};

/// The name of an objective as it is written.
const fn name(objective: Objective) -> &'static str {
    match objective {
        Objective::Energy => "energy",
        Objective::Delay => "cycles",
        Objective::EnergyDelay => "edp",
        Objective::Energy2Delay => "e2dp",
        Objective::EnergyDelay2 => "ed2p",
    }
}

/// What a search is about.
#[derive(Clone, Copy)]
struct About<'a> {
    search: &'a Search,
    chosen: &'a Chosen,
    network: &'a Network,
    accelerator: &'a Accelerator,
}

impl<'a> About<'a> {
    fn new(compiled: &'a Compiled, search: &'a Search, chosen: &'a Chosen) -> Option<About<'a>> {
        let program = &compiled.program;
        Some(About {
            search,
            chosen,
            network: program.networks.get(search.network)?,
            accelerator: program.accelerators.get(search.accelerator)?,
        })
    }

    fn layer(&self, layered: &Layered) -> Option<&'a Layer> {
        self.network.layers.get(layered.layer)
    }

    fn same_as(&self, layered: &Layered) -> Vec<String> {
        let layers = layered.same_as.iter();
        let known = layers.filter_map(|&at| self.network.layers.get(at));
        known.map(|layer| layer.name.clone()).collect()
    }

    fn value(&self, cost: &Costed) -> Option<f64> {
        finite(cost.choice().value(self.chosen.objective))
    }

    /// Of a layer; the answers of several layers are proved together.
    fn search(&self, layered: &Layered) -> Option<SearchReport> {
        let layer = self.layer(layered)?;
        let cost = layered.chosen.and_then(|schedule| {
            let cost = layered.costs[schedule.index()].as_ref().ok()?;
            Some((schedule, cost))
        });
        let best = cost.and_then(|(schedule, cost)| {
            Some(FoundReport {
                values: vec![self.value(cost)?],
                cycles: cost.delay?,
                energy_pj: cost.energy,
                library: None,
                dataflow: dataflow(schedule),
                tilings: None,
            })
        });
        // Only in a sum each layer is best by itself.
        let plain = matches!(self.chosen.objective, Objective::Energy | Objective::Delay);
        let is_own = plain || self.chosen.scope == Scope::Layers;
        let value = best.as_ref().and_then(|best| best.values.first().copied());
        let reason = match (&best, cost) {
            (Some(_), _) => None,
            (None, Some((schedule, _))) => Some(format!(
                "`{schedule}` is chosen, and its stalls have no bound: there are no cycles to report"
            )),
            (None, None) => Some(nothing(layered)),
        };
        Some(SearchReport {
            name: self.search.name.clone(),
            network: self.network.label(),
            layer: layer.name.clone(),
            times: layered.times,
            same_as: self.same_as(layered),
            accelerator: self.accelerator.label(),
            model: self.chosen.model.to_owned(),
            objective: vec![name(self.chosen.objective).to_owned()],
            strategy: "optimal".to_owned(),
            budget: String::new(),
            space: "deepopt".to_owned(),
            candidates: Some(Schedule::ALL.len().to_string()),
            evaluated: Schedule::ALL.len() as u64,
            pruned: Ordered(Vec::new()),
            seconds: None,
            proved: cost.is_none() || best.is_some(),
            lower_bound: value.filter(|_| is_own),
            gap: value.map(|_| 0.0),
            best,
            front: Vec::new(),
            reason,
            certificate: None,
        })
    }

    fn choice(&self, layered: &Layered) -> Option<ChoiceReport> {
        let schedules = Schedule::ALL.into_iter().zip(&layered.costs);
        let schedules = schedules.map(|(schedule, cost)| match cost {
            Ok(cost) => ScheduleReport {
                schedule: schedule.to_string(),
                value: self.value(cost),
                energy_pj: cost.energy,
                cycles: cost.delay,
                reason: None,
            },
            Err(reason) => ScheduleReport {
                schedule: schedule.to_string(),
                value: None,
                energy_pj: None,
                cycles: None,
                reason: Some(reason.clone()),
            },
        });
        Some(ChoiceReport {
            layer: self.layer(layered)?.name.clone(),
            same_as: self.same_as(layered),
            times: layered.times,
            schedule: layered.chosen.map(|schedule| schedule.to_string()),
            decided_by: layered.decided.as_ref().map(decision),
            schedules: schedules.collect(),
            pruning: None,
        })
    }
}

/// Why a layer has no schedule.
fn nothing(layered: &Layered) -> String {
    let reasons = layered.costs.iter().filter_map(|cost| cost.as_ref().err());
    let reasons: Vec<&str> = reasons.map(String::as_str).collect();
    if reasons.len() == Schedule::ALL.len() {
        return format!("it {}", reasons.join("; it "));
    }
    "it, or another layer, runs under no schedule whose cycles have a bound".to_owned()
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn decision(decided: &Decided) -> DecisionReport {
    let unit = |by: &Difference| match by.term {
        Term::Stall => "cycles",
        _ => "pJ",
    };
    DecisionReport {
        against: decided.against.to_string(),
        term: decided.by.as_ref().map(|by| term(by.term).to_owned()),
        value: decided.by.as_ref().map(|by| by.winner),
        other: decided.by.as_ref().and_then(|by| finite(by.other)),
        unit: decided.by.as_ref().map(unit),
    }
}

const fn term(term: Term) -> &'static str {
    match term {
        Term::FilterSram => "filter SRAM",
        Term::IfmapSram => "ifmap SRAM",
        Term::PsumSram => "psum SRAM",
        Term::FilterDram => "filter DRAM",
        Term::IfmapDram => "ifmap DRAM",
        Term::Stall => "stall",
    }
}

/// One report per layer.
pub(in crate::optimize) fn report(
    compiled: &Compiled,
    search: &Search,
    chosen: &Chosen,
) -> Vec<SearchReport> {
    let about = About::new(compiled, search, chosen);
    let layers = chosen.layers.iter();
    layers
        .filter_map(|layered| about.as_ref()?.search(layered))
        .collect()
}

/// The layers together; `None` of a search in loops.
#[must_use]
pub fn selection(compiled: &Compiled, search: &Search, answer: &Answer) -> Option<SelectionReport> {
    let chosen = answer.own.as_ref()?;
    let about = About::new(compiled, search, chosen)?;
    let whole = chosen.whole.as_ref();
    let value = whole.and_then(|whole| finite(whole.value));
    let fixed = Schedule::ALL.into_iter().zip(chosen.fixed);
    Some(SelectionReport {
        name: search.name.clone(),
        network: about.network.label(),
        accelerator: about.accelerator.label(),
        model: chosen.model.to_owned(),
        objective: name(chosen.objective).to_owned(),
        scope: match chosen.scope {
            Scope::Layers => "layers".to_owned(),
            Scope::Network => "network".to_owned(),
        },
        value,
        energy_pj: whole.and_then(|whole| whole.energy),
        cycles: whole.and_then(|whole| whole.cycles),
        fixed: fixed
            .map(|(schedule, all)| FixedReport {
                schedule: schedule.to_string(),
                value: finite(all),
                penalty: value.zip(finite(all)).map(|(best, all)| all / best - 1.0),
            })
            .collect(),
        layers: chosen
            .layers
            .iter()
            .filter_map(|layered| about.choice(layered))
            .collect(),
    })
}
