//! Searches of all layers, equal ones once.

use super::BUDGET;
use super::task::{Task, tasks};
use super::why::why;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::Compiled;
use crate::engine::EngineLimit;
use crate::hir::search::Search;
use crate::search::certificate::{Certificate, certificate};
use crate::search::{self, Natural, Outcome, Prepared, Progress, Why};
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
}

/// What was found for a layer and those that equal it.
#[derive(Clone, Debug)]
pub struct Found {
    pub task: Task,
    /// Further layers, by index.
    pub same_as: Vec<usize>,
    /// Schedules of the space.
    pub candidates: Natural,
    pub outcome: Outcome,
    /// Why there is no answer, if the space has none.
    pub why: Option<Why>,
    /// What the answer is proved by.
    pub certificate: Certificate,
    /// The time was over before all of the space was tabulated: nothing is proved.
    pub cut: bool,
    pub time: Duration,
}

/// Runs a search; `None` when something is wrong with it, which has been reported.
pub fn run(
    compiled: &Compiled,
    search: &Search,
    budget: Option<Duration>,
    sink: &mut Diagnostics,
    observer: &mut dyn Observer,
) -> Option<Answer> {
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
    };
    let network = compiled.program.networks.get(search.network)?;
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
        match one(task, same_as, observer) {
            Ok(found) => answer.found.push(found),
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
    let certificate = certificate(&prepared, &task.request, &outcome);
    // Without a word on orders it is the same space.
    let candidates = if task.request.rules.order.is_empty() {
        certificate.candidates.clone()
    } else {
        task.count()
    };
    let cut = prepared.cut;
    drop(prepared);
    let why = if outcome.best.is_empty() {
        why(&task, &outcome)?
    } else {
        None
    };
    Ok(Found {
        same_as,
        candidates,
        outcome,
        why,
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
