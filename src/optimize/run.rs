//! Searches of all layers, equal ones once.

use super::closed::{self, Chosen};
use super::loops::{self, Loops};
use super::methods::{self, Methods};
use super::parameters::{self, Parameters};
use super::task::{Task, tasks_on, technology};
use super::written::{Library, is_beside};
use super::{BUDGET, group, kind};
use crate::base::num::grouped;
use crate::cost::Technology;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::Compiled;
use crate::engine::EngineLimit;
use crate::hir::search::Search;
use crate::hir::{Accelerator, Layer, Network};
use crate::ir::Mapping;
use crate::legality::LARGEST;
use crate::search::{Natural, Progress};
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
    /// Index into the layers of the network.
    pub layer: usize,
    /// Further layers, by index.
    pub same_as: Vec<usize>,
    /// One for one objective, the front otherwise; empty: none fits, or none was found in time.
    pub answers: Vec<Answered>,
    /// Candidates of the space; `None`: too many kinds to be counted.
    pub candidates: Option<Natural>,
    /// Candidates whose cost was computed one by one.
    pub evaluated: u64,
    /// The others, by the reason.
    pub pruned: Vec<(&'static str, Natural)>,
    /// Nothing that was looked at is below it, for one objective.
    pub lower_bound: f64,
    /// No candidate of the space, and no dataflow of the library, is better.
    pub proved: bool,
    /// `1 - lower bound / best`; 0 when the answer is proved.
    pub gap: f64,
    /// What was searched, if it is not the same for all layers.
    pub space: Option<String>,
    /// Why there is no answer, if the space has none.
    pub why: Option<(Code, String)>,
    /// The time was over before all of the space was tabulated: nothing is proved.
    pub cut: bool,
    pub time: Duration,
    pub evidence: Evidence,
}

/// Why there is no answer where time was what was missing.
pub(super) const NO_TIME: &str = "nothing was found in the time that it had";

impl Found {
    /// Why there is no answer; `None`: there is one.
    pub(super) fn missing(&self) -> Option<&str> {
        if !self.answers.is_empty() {
            return None;
        }
        let why = self.why.as_ref();
        Some(why.map_or(NO_TIME, |(_, reason)| reason))
    }
}

/// What a certificate is made of.
#[derive(Clone, Debug)]
pub enum Evidence {
    Loops(Box<Loops>),
    Methods(Box<Methods>),
    Parameters(Box<Parameters>),
}

/// One answer to a search.
#[derive(Clone, Debug)]
pub struct Answered {
    /// One per objective.
    pub values: Vec<f64>,
    pub cycles: u64,
    /// Where there are prices.
    pub energy_pj: Option<f64>,
    pub mapping: Mapping,
    /// The dataflow of the library that this is.
    pub library: Option<String>,
    /// Tilings that the model counts in the space.
    pub tilings: Option<u64>,
}

/// What is the same for all layers of a search.
pub(super) struct Question<'a> {
    pub search: &'a Search,
    pub network: &'a Network,
    pub accelerator: &'a Accelerator,
    pub technology: Option<&'a Technology>,
}

impl<'a> Question<'a> {
    /// What a search of the program asks.
    pub fn of(
        compiled: &'a Compiled,
        search: &'a Search,
        technology: Option<&'a Technology>,
    ) -> Option<Question<'a>> {
        Some(Question {
            search,
            network: compiled.program.networks.get(search.network)?,
            accelerator: compiled.program.accelerators.get(search.accelerator)?,
            technology,
        })
    }
}

/// A layer that is ready to be searched.
pub(super) enum Work {
    Loops(Task),
    Method(methods::Task),
    Parameters(parameters::Task),
}

impl Work {
    /// The layers of a search; `None` when something is wrong with it, which has been reported.
    pub fn of(
        compiled: &Compiled,
        question: &Question<'_>,
        layers: &[usize],
        sink: &mut Diagnostics,
    ) -> Option<Vec<Work>> {
        Some(match kind::of(question.search, sink)? {
            kind::Kind::Loops => {
                let tasks = tasks_on(question, layers, sink)?;
                tasks.into_iter().map(Work::Loops).collect()
            }
            kind::Kind::Methods => {
                let tasks = methods::tasks_on(compiled, question, layers, sink)?;
                tasks.into_iter().map(Work::Method).collect()
            }
            kind::Kind::Parameters => {
                let tasks = parameters::tasks_on(question, layers, sink)?;
                tasks.into_iter().map(Work::Parameters).collect()
            }
        })
    }

    fn layer(&self) -> usize {
        match self {
            Work::Loops(task) => task.layer,
            Work::Method(task) => task.layer,
            Work::Parameters(task) => task.base.layer,
        }
    }

    /// Whether an answer to the other is one to this.
    fn equals(&self, other: &Work) -> bool {
        match (self, other) {
            (Work::Loops(own), Work::Loops(other)) => own.equals(other),
            (Work::Method(own), Work::Method(other)) => own.equals(other),
            (Work::Parameters(own), Work::Parameters(other)) => own.equals(other),
            _ => false,
        }
    }
}

/// The layers of a search of the program.
fn work(compiled: &Compiled, search: &Search, sink: &mut Diagnostics) -> Option<Vec<Work>> {
    if search.fused.is_some() {
        // A group has no search of each layer.
        return group::check(compiled, search, sink).map(|()| Vec::new());
    }
    let accelerator = compiled.program.accelerators.get(search.accelerator)?;
    let technology = technology(compiled, accelerator);
    let question = Question::of(compiled, search, technology.as_ref())?;
    Work::of(compiled, &question, &search.layers, sink)
}

/// Judges every search of a program, and searches nothing.
pub fn check(compiled: &Compiled, sink: &mut Diagnostics) {
    let maps = compiled.program.maps.iter();
    let searches = maps.flat_map(|map| &map.searches);
    for search in compiled.program.searches.iter().chain(searches) {
        match &search.own {
            Some(_) => closed::check(compiled, search, sink),
            None => drop(work(compiled, search, sink)),
        }
    }
}

/// How many candidates the spaces of the first `most` layers of a search have, for editors; not those whose number takes
/// a search of its own. `None` where something is wrong.
#[must_use]
pub fn candidates(
    compiled: &Compiled,
    search: &Search,
    most: usize,
) -> Option<Vec<(usize, Option<Natural>)>> {
    let work = work(compiled, search, &mut Diagnostics::new())?;
    let counted = work.iter().take(most).filter_map(|work| {
        let count = match work {
            Work::Loops(task) => task.count(),
            Work::Method(_) => return None,
            Work::Parameters(task) => Some(Natural::from(task.combinations())),
        };
        Some((work.layer(), count))
    });
    Some(counted.collect())
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
    let mut groups: Vec<(Work, Vec<usize>)> = Vec::new();
    for task in work(compiled, search, sink)? {
        match groups.iter_mut().find(|(known, _)| known.equals(&task)) {
            Some((_, same)) => same.push(task.layer()),
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
    let accelerator = compiled.program.accelerators.get(search.accelerator)?;
    let technology = technology(compiled, accelerator);
    let question = Question::of(compiled, search, technology.as_ref())?;
    let network = question.network;
    let library = is_beside(search).then(Library::new);
    let start = Instant::now();
    let total = groups.len();
    for (done, (work, same_as)) in groups.into_iter().enumerate() {
        let layer = network.layers.get(work.layer());
        let name = layer.map_or("", |layer| &layer.name);
        let step = Step {
            done,
            total,
            layer: name,
        };
        if !answer.left.is_empty() || !observer.begin(&step) {
            answer.left.push(work.layer());
            answer.left.extend(same_as);
            continue;
        }
        // Every layer has its share of what is left.
        let share = u32::try_from(total - done).unwrap_or(u32::MAX);
        let time = budget.saturating_sub(start.elapsed()) / share.max(1);
        let limits = (Some(time), observer.stop());
        let mut tell = |progress: &Progress| observer.progress(progress);
        let found = one(
            compiled,
            &question,
            library.as_ref(),
            work,
            limits,
            &mut tell,
        )?;
        match found {
            Ok(found) => answer.found.push(Found { same_as, ..found }),
            Err(refusal) => sink.push(refusal),
        }
    }
    answer.left.sort_unstable();
    Some(answer)
}

/// Searches one layer, with what it may take and what somebody sets who wants what there is; `None` only if there is no
/// such layer.
pub(super) fn one(
    compiled: &Compiled,
    question: &Question<'_>,
    library: Option<&Library>,
    work: Work,
    (time, stop): (Option<Duration>, Option<&'static AtomicBool>),
    tell: &mut dyn FnMut(&Progress) -> bool,
) -> Option<Result<Found, Diagnostic>> {
    let layer = question.network.layers.get(work.layer())?;
    Some(match work {
        Work::Loops(task) if task.problem.operation.ranks.iter().any(|&n| n > LARGEST) => {
            let largest = task.problem.operation.ranks.iter().max();
            Err(too_large(layer, largest.copied().unwrap_or(0)))
        }
        Work::Loops(mut task) => {
            task.request.stop = stop;
            task.request.time = time;
            loops::run(question, library, task, tell)
                .map_err(|limit| refusal(question.search, &layer.name, &limit))
        }
        Work::Method(task) => methods::run(question, task, time.unwrap_or(Duration::MAX), stop),
        Work::Parameters(task) => {
            let end = parameters::End {
                start: Instant::now(),
                time: time.unwrap_or(Duration::MAX),
                stop,
            };
            Ok(parameters::run(compiled, question, task, &end, tell)?)
        }
    })
}

/// As `eval` says it of every schedule.
fn too_large(layer: &Layer, extent: u64) -> Diagnostic {
    let message = format!("`{}` has a number that is too large", layer.name);
    Diagnostic::new(Code::E0307, message)
        .at(layer.name_span, grouped(extent.into()))
        .note("extents, sizes and offsets must be at most 2^48")
}

fn refusal(search: &Search, layer: &str, limit: &EngineLimit) -> Diagnostic {
    let reason = match limit {
        EngineLimit::TooManyClasses
        | EngineLimit::Irregular
        | EngineLimit::TooManySteps
        | EngineLimit::TooMuchWork => {
            "its tensors have indices that cannot be counted in reasonable time".to_owned()
        }
        EngineLimit::Overflow => "its counts may be larger than 2^64".to_owned(),
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
