//! One layer of a search as a problem: operation, architecture, prices, rules and what is asked.

use super::rules;
use crate::cost::{self, Area, Prices, Technology};
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::Compiled;
use crate::hir::search::{Figure, Search, Strategy};
use crate::hir::{Accelerator, Layer, Word};
use crate::ir::{Mapping, Schedule};
use crate::lower::{self, Desugared};
use crate::models;
use crate::pricing;
use crate::search::{self, Keep, Limit, Natural, Objective, Places, Problem, Request, Rules};
use std::sync::Arc;

/// A layer that is ready to be searched.
#[derive(Clone, Debug)]
pub struct Task {
    /// Index into the layers of the network.
    pub layer: usize,
    /// Operation and names.
    pub desugared: Desugared,
    pub problem: Problem,
    pub request: Request,
}

impl Task {
    /// Whether an answer to the other is one to this.
    #[must_use]
    pub fn equals(&self, other: &Task) -> bool {
        let names = |task: &Task| {
            let desugared = &task.desugared;
            (desugared.rank_names.clone(), desugared.tensor_names.clone())
        };
        self.problem.operation == other.problem.operation
            && self.problem.architecture == other.problem.architecture
            && self.problem.prices == other.problem.prices
            && self.request.rules == other.request.rules
            && names(self) == names(other)
    }
}

/// What the names of a search mean to the library.
#[must_use]
pub fn objective(figure: Figure) -> Objective {
    match figure {
        Figure::Energy => Objective::Energy,
        Figure::Cycles => Objective::Cycles,
        Figure::Edp => Objective::Edp,
        Figure::E2dp => Objective::E2dp,
        Figure::Ed2p => Objective::Ed2p,
        Figure::Area => Objective::Area,
        Figure::Traffic(memory) => Objective::Traffic(memory),
        Figure::Capacity(memory) => Objective::Capacity(memory),
    }
}

/// The name of the model of a search.
#[must_use]
pub fn model_name(search: &Search) -> &str {
    let model = search.model.as_ref();
    model.map_or(models::DEFAULT.name(), |model| &model.text)
}

/// Judges every search of a program, and searches nothing.
pub fn check(compiled: &Compiled, sink: &mut Diagnostics) {
    let maps = compiled.program.maps.iter();
    let searches = maps.flat_map(|map| &map.searches);
    for search in compiled.program.searches.iter().chain(searches) {
        let _ = tasks(compiled, search, sink);
    }
}

/// The layers of a search; `None` when something is wrong with it, which has been reported.
#[must_use]
pub fn tasks(compiled: &Compiled, search: &Search, sink: &mut Diagnostics) -> Option<Vec<Task>> {
    let program = &compiled.program;
    let network = program.networks.get(search.network)?;
    let accelerator = program.accelerators.get(search.accelerator)?;
    if !model_is_known(search, sink) {
        return None;
    }
    if search.fused.is_some() {
        // A group has no search of each layer.
        return super::group::check(compiled, search, sink).map(|()| Vec::new());
    }
    let before = sink.error_count();
    rules::dimensions_are_known(search, network, accelerator, sink);
    let technology = technology(compiled, accelerator);
    let mut found = Vec::with_capacity(search.layers.len());
    for &at in &search.layers {
        let layer = network.layers.get(at)?;
        match task(search, at, layer, accelerator, technology.as_ref()) {
            Ok(task) => found.push(task),
            Err(refusal) => sink.push(refusal),
        }
    }
    (sink.error_count() == before).then_some(found)
}

/// The prices of an accelerator, whose mistakes are reported elsewhere.
pub(super) fn technology(compiled: &Compiled, accelerator: &Accelerator) -> Option<Technology> {
    let source = compiled.program.technologies.get(accelerator.technology?)?;
    Some(pricing::technology(source, &mut Diagnostics::new()))
}

fn model_is_known(search: &Search, sink: &mut Diagnostics) -> bool {
    let Some(Word { text, span }) = &search.model else {
        return true;
    };
    if search::rule_of(text).is_some() {
        return true;
    }
    let names = || models::REGISTRY.iter().map(|model| model.name());
    let known: Vec<&str> = names()
        .filter(|name| search::rule_of(name).is_some())
        .collect();
    let diagnostic = if names().any(|name| name == text) {
        Diagnostic::new(
            Code::E0601,
            format!("the model `{text}` has no bound for schedules in loops, so nothing can be searched by it"),
        )
        .at(*span, "no search by this model")
    } else {
        Diagnostic::new(Code::E0201, format!("there is no cost model `{text}`"))
            .at(*span, "unknown model")
    };
    let diagnostic = diagnostic.note(format!("a search goes by {}", known.join(" or ")));
    sink.push(match nearest(text, known.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
            *span,
            near.to_owned(),
            "use the known name",
        ),
        None => diagnostic,
    });
    false
}

/// One layer of a search.
///
/// # Errors
/// Why this layer cannot be searched.
pub fn task(
    search: &Search,
    at: usize,
    layer: &Layer,
    accelerator: &Accelerator,
    technology: Option<&Technology>,
) -> Result<Task, Diagnostic> {
    let refuse = |why: &str| {
        Diagnostic::new(
            Code::E0602,
            format!("the layer `{}` cannot be searched: {why}", layer.name),
        )
        .at(search.span, "this search")
        .also(layer.name_span, "the layer")
    };
    let desugared = lower::operation(layer, accelerator)
        .ok_or_else(|| refuse("its sizes are past what is counted"))?;
    if desugared.sequential.is_some() {
        return Err(
            refuse("its steps follow one another, which no search goes through")
                .help("search a layer of one step, or leave this one out"),
        );
    }
    let architecture = lower::architecture(accelerator);
    let mapping = Mapping::new(
        desugared.operation.clone(),
        architecture,
        Schedule {
            loops: Vec::new(),
            positions: Vec::new(),
            steps: 0,
            leaf: 0,
        },
    );
    let problem = problem(&mapping, layer, accelerator, technology, model_name(search))
        .ok_or_else(|| refuse("there is no search by its model"))?;
    let wants_area = search
        .objectives
        .iter()
        .any(|one| one.figure == Figure::Area)
        || search
            .limits
            .iter()
            .any(|limit| limit.figure == Figure::Area);
    if wants_area && problem.area_um2.is_none() {
        return Err(refuse("the area of the accelerator is not known"));
    }
    let rules = rules::rules(&search.space, &desugared, accelerator);
    if placements(&rules, &mapping) > MOST_PLACEMENTS {
        return Err(refuse("there are too many ways to place its tiles").help(
            "say with `retain` and `bypass` which memories hold what, or leave out `places: apart`",
        ));
    }
    let mut request = Request::new(Objective::Energy);
    request.objectives = search
        .objectives
        .iter()
        .map(|one| objective(one.figure))
        .collect();
    let limits = search.limits.iter();
    request.limits = limits
        .map(|limit| Limit {
            of: objective(limit.figure),
            most: limit.most,
        })
        .collect();
    let volume = problem.operation.volume();
    for share in &search.utilization {
        // operations / (cycles * PEs * lanes) >= share
        let at_once =
            u128::from(problem.architecture.pes()) * u128::from(problem.architecture.lanes);
        let most = volume
            .and_then(|volume| volume.checked_mul(share.denominator()))
            .zip(at_once.checked_mul(share.numerator()))
            .map(|(operations, at_once)| operations / at_once.max(1))
            .ok_or_else(|| refuse("its sizes are past what is counted"))?;
        request.limits.push(Limit {
            of: Objective::Cycles,
            most: most as f64,
        });
    }
    request.rules = rules;
    request.strategy = match search.strategy {
        Strategy::Optimal => search::Strategy::Optimal,
        Strategy::Adaptive => search::Strategy::Adaptive,
        Strategy::Random { draws, seed } => search::Strategy::Random { draws, seed },
    };
    Ok(Task {
        layer: at,
        problem,
        request,
        desugared,
    })
}

/// A layer under a mapping as a problem, with its prices; `None` if nothing can be searched by the model.
pub(super) fn problem(
    mapping: &Mapping,
    layer: &Layer,
    accelerator: &Accelerator,
    technology: Option<&Technology>,
    model: &str,
) -> Option<Problem> {
    let rule = search::rule_of(model)?;
    let context = pricing::context(accelerator, lower::operand_precision(layer, accelerator));
    let area = technology.map(|technology| cost::area(technology, &context, &mapping.architecture));
    Some(Problem {
        mapped: Arc::clone(mapping.problem()),
        prices: technology.map(|technology| Prices::new(technology, &context, mapping)),
        area_um2: match area {
            Some(Area::Known { total_um2, .. }) => Some(total_um2),
            _ => None,
        },
        rule,
    })
}

/// Ways to place tiles that are searched at most.
const MOST_PLACEMENTS: u64 = 4096;
/// Ways to put so many tensors one after another, several at one place allowed.
const WEAK_ORDERS: [u64; 6] = [1, 1, 3, 13, 75, 541];

/// At most how many skeletons a space has.
fn placements(rules: &Rules, mapping: &Mapping) -> u64 {
    let (tensors, memories) = (&mapping.operation.tensors, &mapping.architecture.memories);
    let may = |&(memory, tensor): &(usize, usize)| {
        let (memory, tensor) = (memories.get(memory), tensors.get(tensor));
        memory
            .zip(tensor)
            .is_some_and(|(memory, tensor)| memory.holds.contains(tensor.role))
    };
    let either = rules
        .keep
        .iter()
        .filter(|(at, keep)| **keep == Keep::Either && may(at));
    let open = u32::try_from(either.count()).unwrap_or(u32::MAX);
    let ways = 2u64.checked_pow(open).unwrap_or(u64::MAX);
    let levels = memories.last().map_or(0, |last| last.level);
    let orders = match rules.places {
        Places::Together => 1,
        Places::Apart => WEAK_ORDERS.get(tensors.len()).copied().unwrap_or(u64::MAX),
    };
    (0..levels).fold(ways, |all, _| all.saturating_mul(orders))
}

/// How many schedules the spaces of the first `most` layers of a search have; for editors. `None` where something is
/// wrong.
#[must_use]
pub fn candidates(
    compiled: &Compiled,
    search: &Search,
    most: usize,
) -> Option<Vec<(usize, Option<Natural>)>> {
    let tasks = tasks(compiled, search, &mut Diagnostics::new())?;
    let counted = tasks
        .iter()
        .take(most)
        .map(|task| (task.layer, task.count()));
    Some(counted.collect())
}

impl Task {
    /// Schedules of the space, whatever the memories hold; `None` when they are too many kinds to be counted in
    /// reasonable time.
    #[must_use]
    pub fn count(&self) -> Option<Natural> {
        let (problem, rules) = (&self.problem.mapped, &self.request.rules);
        let skeletons = search::skeletons(&problem.operation, &problem.architecture, rules);
        search::candidates(&problem.operation, &skeletons, rules)
    }
}
