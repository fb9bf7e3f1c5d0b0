//! Searches of all layers, equal ones once.

use super::BUDGET;
use super::closed::{self, Chosen};
use super::task::{Task, model_name, tasks, technology};
use super::why::why;
use super::written::{Library, Written, is_beside};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::Compiled;
use crate::engine::EngineLimit;
use crate::hir::search::Search;
use crate::ir::Schedule;
use crate::search::certificate::{Certificate, certificate};
use crate::search::{self, Exact, Natural, Outcome, Prepared, Progress, SLACK, Why};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// What stands before the search of a layer.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Searches that are finished, and all.
    pub done: usize,
    pub total: usize,
    pub layer: &'a str,
}

/// Who wants to know what a search does.
pub trait Observer {
    /// Asked before every layer; `false` ends the run.
    fn begin(&mut self, _next: &Step<'_>) -> bool {
        true
    }

    /// What somebody sets who wants what there is.
    fn stop(&self) -> Option<&'static AtomicBool> {
        None
    }

    /// Asked again and again; `false` ends the search of this layer with what it has.
    fn progress(&mut self, _now: &Progress) -> bool {
        true
    }
}

/// What a search of a program came to.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What it was allowed to take, and whether somebody said so.
    pub budget: Duration,
    pub given: bool,
    /// One per layer that was searched, in the order of the network.
    pub found: Vec<Found>,
    /// Layers (of the network) that were not begun because the run was ended.
    pub left: Vec<usize>,
    /// Of a search over a model's own space, which has nothing else.
    pub own: Option<Chosen>,
}

/// What was found for a layer and those that equal it.
#[derive(Clone, Debug)]
pub struct Found {
    pub task: Task,
    /// Further layers, by index.
    pub same_as: Vec<usize>,
    /// Schedules of the space; `None`: too many kinds to be counted.
    pub candidates: Option<Natural>,
    pub outcome: Outcome,
    /// Why there is no answer, if the space has none.
    pub why: Option<Why>,
    /// The best dataflow of the library, where the search looks at them.
    pub written: Option<Written>,
    /// What the answer is proved by; `None`: its parts are too many to be counted.
    pub certificate: Option<Certificate>,
    /// The time was over before all of the space was tabulated: nothing is proved.
    pub cut: bool,
    pub time: Duration,
}

/// One answer to a search.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    pub values: &'a [f64],
    pub exact: &'a Exact,
    /// The schedule that was found in the space, or a dataflow of the library that is better.
    pub of: Of<'a>,
}

#[derive(Clone, Copy, Debug)]
pub enum Of<'a> {
    Space(&'a Schedule),
    Library(&'a Written),
}

impl Found {
    /// The library's dataflow, if nothing of the space is as good.
    #[must_use]
    pub fn better_written(&self) -> Option<&Written> {
        let value = |values: &[f64]| values.first().copied().unwrap_or(f64::INFINITY);
        let best = self.outcome.best.first();
        let least = best.map_or(f64::INFINITY, |best| value(&best.found.values));
        let written = self.written.as_ref();
        written.filter(|written| value(&written.values) < least * (1.0 - SLACK))
    }

    /// One for one objective, the front otherwise.
    #[must_use]
    pub fn answers(&self) -> Vec<Answered<'_>> {
        if let Some(written) = self.better_written() {
            return vec![Answered {
                values: &written.values,
                exact: &written.exact,
                of: Of::Library(written),
            }];
        }
        let best = self.outcome.best.iter();
        best.map(|best| Answered {
            values: &best.found.values,
            exact: &best.exact,
            of: Of::Space(&best.schedule),
        })
        .collect()
    }

    /// Nothing that was looked at is below it, for one objective.
    #[must_use]
    pub fn lower_bound(&self) -> f64 {
        let written = self.better_written().and_then(|known| known.values.first());
        self.outcome
            .lower_bound
            .min(written.copied().unwrap_or(f64::INFINITY))
    }

    /// No schedule of the space and no dataflow of the library is better.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        self.outcome.proved || self.better_written().is_some() && self.gap() == 0.0
    }

    /// `1 - lower bound / best`; 0 when the answer is proved.
    #[must_use]
    pub fn gap(&self) -> f64 {
        match self.better_written().and_then(|known| known.values.first()) {
            Some(value) if *value > 0.0 && !self.outcome.proved => {
                (1.0 - self.lower_bound() / value).max(0.0)
            }
            Some(_) => 0.0,
            None => self.outcome.gap(),
        }
    }
}

/// Runs a search; `None` when something is wrong with it, which has been reported.
pub fn run(
    compiled: &Compiled,
    search: &Search,
    budget: Option<Duration>,
    sink: &mut Diagnostics,
    observer: &mut dyn Observer,
) -> Option<Answer> {
    if search.own.is_some() {
        let own = closed::run(compiled, search, sink)?;
        return Some(Answer {
            budget: Duration::ZERO,
            given: true,
            found: Vec::new(),
            left: Vec::new(),
            own: Some(own),
        });
    }
    let tasks = tasks(compiled, search, sink)?;
    let mut groups: Vec<(Task, Vec<usize>)> = Vec::new();
    for task in tasks {
        match groups.iter_mut().find(|(known, _)| known.equals(&task)) {
            Some((_, same)) => same.push(task.layer),
            None => groups.push((task, Vec::new())),
        }
    }
    let given = budget.or(search.budget);
    let budget = given.unwrap_or(BUDGET);
    let mut answer = Answer {
        budget,
        given: given.is_some(),
        found: Vec::new(),
        left: Vec::new(),
        own: None,
    };
    let network = compiled.program.networks.get(search.network)?;
    let accelerator = compiled.program.accelerators.get(search.accelerator)?;
    let library = is_beside(search).then(Library::new);
    let technology = technology(compiled, accelerator);
    let start = Instant::now();
    let total = groups.len();
    for (done, (mut task, same_as)) in groups.into_iter().enumerate() {
        let name = network
            .layers
            .get(task.layer)
            .map_or("", |layer| &layer.name);
        let step = Step {
            done,
            total,
            layer: name,
        };
        if !answer.left.is_empty() || !observer.begin(&step) {
            answer.left.push(task.layer);
            answer.left.extend(same_as);
            continue;
        }
        // Every layer has its share of what is left.
        let share = u32::try_from(total - done).unwrap_or(u32::MAX);
        task.request.stop = observer.stop();
        task.request.time = Some(budget.saturating_sub(start.elapsed()) / share.max(1));
        let written = library
            .as_ref()
            .zip(network.layers.get(task.layer))
            .and_then(|(library, layer)| {
                let (technology, model) = (technology.as_ref(), model_name(search));
                library.best(&task, layer, accelerator, technology, model)
            });
        task.request.is_answered = written.is_some();
        match one(task, same_as, observer) {
            Ok(found) => answer.found.push(Found { written, ..found }),
            Err(limit) => sink.push(refusal(search, name, &limit)),
        }
    }
    answer.left.sort_unstable();
    Some(answer)
}

fn one(task: Task, same_as: Vec<usize>, observer: &mut dyn Observer) -> Result<Found, EngineLimit> {
    let start = Instant::now();
    let prepared = Prepared::of(&task.problem, &task.request, start)?;
    let mut tell = |progress: &Progress| observer.progress(progress);
    let outcome = search::search(&prepared, &task.request, start, &mut tell)?;
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
        why(&task, &outcome)?
    } else {
        None
    };
    Ok(Found {
        same_as,
        candidates,
        outcome,
        why,
        written: None,
        certificate,
        cut,
        time: start.elapsed(),
        task,
    })
}

fn refusal(search: &Search, layer: &str, limit: &EngineLimit) -> Diagnostic {
    let reason = match limit {
        EngineLimit::TooManyClasses
        | EngineLimit::Irregular
        | EngineLimit::TooManySteps
        | EngineLimit::TooMuchWork => {
            "its tensors have indices that cannot be counted in reasonable time".to_owned()
        }
        EngineLimit::Overflow => "a count is larger than 2^64".to_owned(),
        EngineLimit::Mismatch { .. } | EngineLimit::Law(_) => {
            "the engine made a mistake with it; please report it".to_owned()
        }
    };
    Diagnostic::new(
        Code::E0602,
        format!("the layer `{layer}` cannot be searched: {reason}"),
    )
    .at(search.span, "this search")
}
