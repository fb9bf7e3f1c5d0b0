//! `space deepopt;`: the schedule of every layer from a model's own closed space.
//!
//! Problem: a systolic array can run each layer of a network under one of five schedules. DeepOpt takes for every layer the
//! one whose energy-delay product is least and adds these up; a user may as well want the least product of the network's
//! energy and delay, and those are other schedules. Both are exact here: five evaluations per layer are all there are, and
//! the product of sums is minimised over the layers' Pareto sets
//! ([`network_product`]). What one schedule for all layers costs more, and the term
//! by which a schedule won, is said beside.
//!
//! Invariants: energies are those that `--model deepopt` prints of the same schedule; a schedule whose stalls have no bound
//! can have the least energy and nothing else.

mod emit;
mod prepare;
mod pruning;
mod report;

pub(super) use emit::emit;
pub use prepare::check;
pub use pruning::{MOST_ROWS, verify_pruning};
pub(super) use report::report;
pub use report::selection;

use crate::diag::Diagnostics;
use crate::driver::Compiled;
use crate::hir::explore::Scope;
use crate::hir::search::Search;
use crate::models::deepopt::{
    Choice, Choices, Costed, Difference, Objective, Prices, Schedule, deciding_of, network_product,
    per_layer, product_of,
};
use prepare::{Question, Subject};

/// What one layer costs under the five schedules, in their order; or why it cannot run.
pub type Costs = [Result<Costed, String>; 5];

/// What a search over a model's own space came to.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Of the model, with its parameters.
    pub model: &'static str,
    pub objective: Objective,
    pub scope: Scope,
    /// In the order of the network; equal layers with equal answers once.
    pub layers: Vec<Layered>,
    /// Of all layers, if each has an answer.
    pub whole: Option<Whole>,
    /// The objective with one schedule for all layers, in their order; infinite where one does not run, or has no bound.
    pub fixed: [f64; 5],
}

/// Figures of all layers with the schedules that were chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Whole {
    pub value: f64,
    /// pJ
    pub energy: Option<f64>,
    /// `None`: some layer has no bound.
    pub cycles: Option<u64>,
}

/// A layer and what was chosen for it.
#[derive(Clone, Debug)]
pub struct Layered {
    /// Index into the layers of the network.
    pub layer: usize,
    /// Further layers, by index.
    pub same_as: Vec<usize>,
    /// How often it and those run.
    pub times: u64,
    pub costs: Costs,
    /// `None`: it runs under no schedule, or under none with a bound.
    pub chosen: Option<Schedule>,
    pub decided: Option<Decided>,
}

/// Why a schedule won.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decided {
    /// The next one: the best of those that are worse.
    pub against: Schedule,
    /// By what; `None` where prices are not by the bit, so that terms cannot be compared.
    pub by: Option<Difference>,
}

/// Evaluates all schedules and chooses; `None` when something is wrong with the search, which has been reported.
pub(super) fn run(compiled: &Compiled, search: &Search, sink: &mut Diagnostics) -> Option<Chosen> {
    let question = prepare::prepare(compiled, search, sink)?;
    let Some(selection) = Selecting::new(&question) else {
        sink.push(prepare::too_large(search));
        return None;
    };
    let chosen = selection.choose();
    let mut layers: Vec<(Layered, &Subject)> = Vec::new();
    for (at, (subject, &schedule)) in question.subjects.iter().zip(&chosen).enumerate() {
        let same = layers
            .iter_mut()
            .find(|(known, of)| known.chosen == schedule && of.equals(subject));
        if let Some((known, _)) = same {
            known.same_as.push(subject.layer);
            known.times += subject.times;
            continue;
        }
        let layered = Layered {
            layer: subject.layer,
            same_as: Vec::new(),
            times: subject.times,
            costs: subject.costs.clone(),
            chosen: schedule,
            decided: schedule.and_then(|schedule| selection.decided(&chosen, at, schedule)),
        };
        layers.push((layered, subject));
    }
    Some(Chosen {
        model: question.model.name(),
        objective: question.objective,
        scope: question.scope,
        layers: layers.into_iter().map(|one| one.0).collect(),
        whole: selection.whole(&chosen),
        fixed: Schedule::ALL.map(|schedule| selection.value(&vec![Some(schedule); chosen.len()])),
    })
}

/// The layers of a search as numbers.
struct Selecting<'a> {
    question: &'a Question,
    /// Of one run of every layer.
    single: Vec<Choices>,
    /// Of all its runs. How often a layer runs is no choice: all of its runs have one schedule.
    repeated: Vec<Choices>,
    /// Whether the objective is a sum over the layers, so that each is chosen by itself.
    is_sum: bool,
}

impl<'a> Selecting<'a> {
    /// `None` past what is counted.
    fn new(question: &'a Question) -> Option<Selecting<'a>> {
        let subjects = &question.subjects;
        let single: Vec<Choices> = subjects.iter().map(choices).collect();
        let both = single.iter().zip(subjects);
        let repeated = both.map(|(choices, subject)| times(choices, subject.times));
        let plain = matches!(question.objective, Objective::Energy | Objective::Delay);
        Some(Selecting {
            question,
            repeated: repeated.collect::<Option<_>>()?,
            single,
            is_sum: plain || question.scope == Scope::Layers,
        })
    }

    fn choose(&self) -> Vec<Option<Schedule>> {
        let objective = self.question.objective;
        if self.is_sum {
            let best = |one: &Choices| per_layer(&[*one], objective)?.0.first().copied();
            return self.single.iter().map(best).collect();
        }
        match network_product(&self.repeated, objective) {
            Some(selection) => selection.schedules.into_iter().map(Some).collect(),
            // Some layer has none: which others would be best is not asked.
            None => vec![None; self.single.len()],
        }
    }

    fn picked(&self, chosen: &[Option<Schedule>]) -> Vec<Option<Choice>> {
        let both = self.repeated.iter().zip(chosen);
        both.map(|(choices, schedule)| choices[(*schedule)?.index()])
            .collect()
    }

    /// The objective of all layers; infinite if one has nothing.
    fn value(&self, chosen: &[Option<Schedule>]) -> f64 {
        if self.is_sum {
            let layers = 0..chosen.len();
            return layers.map(|at| self.of_layer(at, chosen[at])).sum();
        }
        product_of(self.picked(chosen), self.question.objective)
    }

    /// The sum of the objective over the runs of a layer.
    fn of_layer(&self, at: usize, schedule: Option<Schedule>) -> f64 {
        let choice = schedule.and_then(|schedule| self.single[at][schedule.index()]);
        choice.map_or(f64::INFINITY, |choice| {
            self.question.subjects[at].times as f64 * choice.value(self.question.objective)
        })
    }

    /// Of all layers, if each has something.
    fn whole(&self, chosen: &[Option<Schedule>]) -> Option<Whole> {
        let picked: Option<Vec<Choice>> = self.picked(chosen).into_iter().collect();
        let picked = picked?;
        let energy: f64 = picked.iter().map(|one| one.energy).sum();
        let mut delays = picked.iter().map(|one| one.delay);
        Some(Whole {
            value: self.value(chosen),
            energy: energy.is_finite().then_some(energy),
            cycles: delays.try_fold(0u64, |sum, one| sum.checked_add(one?)),
        })
    }

    /// Why a layer has its schedule, beside the best of those that are worse.
    fn decided(
        &self,
        chosen: &[Option<Schedule>],
        at: usize,
        schedule: Schedule,
    ) -> Option<Decided> {
        let instead = |other: Schedule| -> Vec<Option<Schedule>> {
            let mut chosen = chosen.to_vec();
            chosen[at] = Some(other);
            chosen
        };
        // In a sum the other layers say nothing.
        let value = |other: Schedule| match self.is_sum {
            true => self.of_layer(at, Some(other)),
            false => self.value(&instead(other)),
        };
        let least = value(schedule);
        let runs = |other: &Schedule| self.single[at][other.index()].is_some();
        let others = Schedule::ALL.into_iter().filter(runs);
        let worse = others
            .map(|other| (other, value(other)))
            .filter(|other| other.1 > least * (1.0 + 1e-12));
        let (against, _) = worse.reduce(|best, next| if next.1 < best.1 { next } else { best })?;
        let whole = match self.is_sum {
            true => sums(&[self.repeated[at][against.index()]]),
            false => sums(&self.picked(&instead(against))),
        };
        Some(Decided {
            against,
            by: self.by(at, (schedule, against), whole),
        })
    }

    /// The term by which a schedule gains most.
    fn by(
        &self,
        at: usize,
        (schedule, against): (Schedule, Schedule),
        whole: (f64, f64),
    ) -> Option<Difference> {
        let subject = &self.question.subjects[at];
        let objective = self.question.objective;
        let cost = |schedule: Schedule| subject.costs[schedule.index()].as_ref().ok();
        let (one, other) = (cost(schedule)?, cost(against)?);
        let prices = match objective {
            Objective::Delay => Prices::FREE,
            _ => subject.prices?,
        };
        let (one, other, machine) = (&one.closed, &other.closed, &one.machine);
        deciding_of(one, other, whole, objective, machine, &prices)
    }
}

fn choices(subject: &Subject) -> Choices {
    std::array::from_fn(|at| subject.costs[at].as_ref().ok().map(Costed::choice))
}

/// Figures of so many runs; `None` past what is counted.
fn times(choices: &Choices, times: u64) -> Option<Choices> {
    let mut found = *choices;
    for choice in found.iter_mut().flatten() {
        choice.energy *= times as f64;
        choice.delay = match choice.delay {
            Some(delay) => Some(delay.checked_mul(times)?),
            None => None,
        };
    }
    Some(found)
}

/// Energy and delay of all that is there.
fn sums(picked: &[Option<Choice>]) -> (f64, f64) {
    let known = picked.iter().flatten();
    known.fold((0.0, 0.0), |(energy, delay), one| {
        let more = one.delay.map_or(f64::INFINITY, |delay| delay as f64);
        (energy + one.energy, delay + more)
    })
}
