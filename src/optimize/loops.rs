//! A layer searched over everything that loops can say, and the dataflows of the library beside it.

use super::proof;
use super::run::{Answered, Found, Question};
use super::task::{Task, model_name};
use super::why::{why, words};
use super::written::{Library, Written};
use crate::engine::EngineLimit;
use crate::search::certificate::{Certificate, certificate};
use crate::search::{self, Choices, Natural, Outcome, Prepared, Progress, SLACK};
use std::time::Instant;

/// What was found among schedules in loops.
#[derive(Clone, Debug)]
pub struct Loops {
    pub task: Task,
    pub outcome: Outcome,
    /// The best dataflow of the library, where the search looks at them.
    pub written: Option<Written>,
    /// What the answer is proved by; `None`: its parts are too many to be counted.
    pub certificate: Option<Certificate>,
}

impl Loops {
    /// The library's dataflow, if nothing of the space is as good.
    #[must_use]
    pub fn better_written(&self) -> Option<&Written> {
        let value = |values: &[f64]| values.first().copied().unwrap_or(f64::INFINITY);
        let best = self.outcome.best.first();
        let least = best.map_or(f64::INFINITY, |best| value(&best.found.values));
        let written = self.written.as_ref();
        written.filter(|written| value(&written.values) < least * (1.0 - SLACK))
    }

    fn answers(&self) -> Vec<Answered> {
        let is_priced = self.task.problem.prices.is_some();
        if let Some(written) = self.better_written() {
            return vec![Answered {
                values: written.values.clone(),
                cycles: written.exact.counts.timing.cycles,
                energy_pj: is_priced.then_some(written.exact.figures.energy),
                mapping: written.mapping.clone(),
                library: Some(written.name.clone()),
                tilings: None,
            }];
        }
        let best = self.outcome.best.iter();
        best.map(|best| Answered {
            values: best.found.values.clone(),
            cycles: best.exact.counts.timing.cycles,
            energy_pj: is_priced.then_some(best.exact.figures.energy),
            mapping: self.task.problem.mapping(best.schedule.clone()),
            library: None,
            tilings: None,
        })
        .collect()
    }

    /// Nothing that was looked at is below it, for one objective.
    fn lower_bound(&self) -> f64 {
        let written = self.better_written().and_then(|known| known.values.first());
        self.outcome
            .lower_bound
            .min(written.copied().unwrap_or(f64::INFINITY))
    }

    /// `1 - lower bound / best`; 0 when the answer is proved.
    fn gap(&self) -> f64 {
        match self.better_written().and_then(|known| known.values.first()) {
            Some(value) if *value > 0.0 && !self.outcome.proved => {
                (1.0 - self.lower_bound() / value).max(0.0)
            }
            Some(_) => 0.0,
            None => self.outcome.gap(),
        }
    }

    /// Candidates that were not counted one by one, by the reason; with those that were joined they are the space.
    fn pruned(&self, candidates: Option<&Natural>) -> Vec<(&'static str, Natural)> {
        let (Some(certificate), Some(candidates)) = (&self.certificate, candidates) else {
            return Vec::new();
        };
        // What the statements of the space exclude is not of the space.
        let excluded = certificate.candidates.minus(candidates).unwrap_or_default();
        let by_order = certificate.by_order.minus(&excluded).unwrap_or_default();
        // Imperfect pieces that were left out are not of the tables, either.
        let absent = if self.outcome.thinned {
            "untried"
        } else {
            "capacity"
        };
        vec![
            (absent, certificate.by_capacity.clone()),
            ("order", by_order),
            ("bound", proof::sum(&certificate.pruned)),
            ("join", proof::sum(&certificate.joined)),
        ]
    }
}

/// Searches one layer.
///
/// # Errors
/// [`EngineLimit`] when the layer cannot be counted at all.
pub(super) fn run(
    question: &Question<'_>,
    library: Option<&Library>,
    mut task: Task,
    observe: &mut dyn FnMut(&Progress) -> bool,
) -> Result<Found, EngineLimit> {
    let start = Instant::now();
    let layer = question.network.layers.get(task.layer);
    let written = library.zip(layer).and_then(|(library, layer)| {
        let (technology, model) = (question.technology, model_name(question.search));
        library.best(&task, layer, question.accelerator, technology, model)
    });
    task.request.is_answered = written.is_some();
    task.request.choices = task
        .request
        .time
        .map_or_else(Choices::default, Choices::within);
    let prepared = Prepared::of(&task.problem, &task.request, start)?;
    let outcome = search::search(&prepared, &task.request, start, observe)?;
    let certificate = certificate(&prepared, &outcome);
    // Without a word on orders it is the same space.
    let candidates = if task.request.rules.order.is_empty() {
        certificate.as_ref().map(|known| known.candidates.clone())
    } else {
        task.count()
    };
    let cut = prepared.cut;
    drop(prepared);
    let why = if outcome.best.is_empty() && !task.request.is_answered {
        why(&task, &outcome)?.map(|why| words(&why, &task, question.accelerator))
    } else {
        None
    };
    let loops = Loops {
        task,
        outcome,
        written,
        certificate,
    };
    let gap = loops.gap();
    Ok(Found {
        layer: loops.task.layer,
        same_as: Vec::new(),
        answers: loops.answers(),
        pruned: loops.pruned(candidates.as_ref()),
        candidates,
        evaluated: loops.outcome.evaluated,
        lower_bound: loops.lower_bound(),
        proved: loops.outcome.proved || loops.better_written().is_some() && gap == 0.0,
        gap,
        space: None,
        why,
        cut,
        time: start.elapsed(),
        evidence: super::run::Evidence::Loops(Box::new(loops)),
    })
}
