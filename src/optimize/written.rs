//! The dataflows of the library, priced beside a space.
//!
//! Problem: where nobody says what the schedules are, tiles divide what they are cut from. `streaming` spreads 4,096
//! channels over all 168 PEs of `eyeriss` with a last fold that is not full; tiles that divide use 128 of them at most.
//! A search that ends above a dataflow of the library would be an answer that nobody wants, so every dataflow of the
//! library is counted as it is, and the answer is the least of all.
//!
//! Invariants: only where nothing is said of the space, and for one objective; the proof of the space is about the
//! space alone, and a better dataflow of the library is named beside it.

use super::kind::METHODS;
use super::task::{self, Task};
use crate::cost::Technology;
use crate::diag::Diagnostics;
use crate::driver::{MemoryFiles, Session};
use crate::hir::search::{Search, Strategy};
use crate::hir::{Accelerator, Application, Layer, Program};
use crate::ir::Mapping;
use crate::legality::{self, Overfull, Violation};
use crate::lower::{self, Options};
use crate::search::{Exact, Goal, Judge, Problem, SLACK, counter, values};
use crate::stdlib;

/// A dataflow of the library on a layer.
#[derive(Clone, Debug)]
pub struct Written {
    /// `std.dataflows.streaming`
    pub name: String,
    pub mapping: Mapping,
    pub exact: Exact,
    /// One per objective.
    pub values: Vec<f64>,
}

/// The dataflows of the library, resolved once for all layers.
pub(super) struct Library {
    program: Program,
    dataflows: Vec<(String, Application)>,
}

/// Whether a search looks at the library as well.
#[must_use]
pub(super) fn is_beside(search: &Search) -> bool {
    let counts = matches!(search.strategy, Strategy::Optimal | Strategy::Adaptive);
    let loops = task::model_name(search) != METHODS;
    loops && search.space.span.is_none() && search.objectives.len() == 1 && counts
}

impl Library {
    pub fn new() -> Library {
        let paths = stdlib::paths().filter(|path| path.starts_with("std.dataflows."));
        let paths: Vec<&str> = paths.collect();
        let maps: String = paths
            .iter()
            .enumerate()
            .map(|(at, path)| format!("Map n on a as d{at} {{ default: {path}; }}\n"))
            .collect();
        let text = format!(
            "Network n {{ Layer l {{ Type: FC; Dimensions {{ N: 1, K: 1, C: 1 }} }} }}\n\
             Accelerator a {{ Memory DRAM {{ }} Memory RF {{ }} Compute MAC {{ }} }}\n{maps}"
        );
        let files = MemoryFiles::new().with("library.dflow", &text);
        let program = Session::new(files).load("library.dflow").program;
        let named = paths.into_iter().zip(&program.maps);
        let dataflows = named.filter_map(|(path, map)| {
            let application = map.assignments.first()?.application.clone()?;
            Some((path.to_owned(), application))
        });
        Library {
            dataflows: dataflows.collect(),
            program,
        }
    }

    /// The dataflow of least value on the layer of a task, of those that serve it and keep the limits; the first of
    /// equals.
    pub fn best(
        &self,
        task: &Task,
        layer: &Layer,
        accelerator: &Accelerator,
        technology: Option<&Technology>,
        model: &str,
    ) -> Option<Written> {
        let mut best: Option<Written> = None;
        for (name, application) in &self.dataflows {
            let lowered = lowered(&self.program, application, layer, accelerator);
            let found = lowered.ok().and_then(|mapping| {
                // Clusters cut the arrays in their own way.
                let problem = task::problem(&mapping, layer, accelerator, technology, model)?;
                priced(name, mapping, problem, task)
            });
            let Some(found) = found else { continue };
            let is_better = |best: &Written| found.values[0] < best.values[0] * (1.0 - SLACK);
            if best.as_ref().is_none_or(is_better) {
                best = Some(found);
            }
        }
        best
    }
}

/// A dataflow that serves the layer, with places for all memories.
///
/// # Errors
/// The only thing that is wrong, if that is a memory that is too small.
pub(super) fn lowered(
    program: &Program,
    application: &Application,
    layer: &Layer,
    accelerator: &Accelerator,
) -> Result<Mapping, Option<Box<Overfull>>> {
    let mut unsaid = Diagnostics::new();
    let options = Options::default();
    let lowered = lower::lower(
        program,
        layer,
        application,
        accelerator,
        options,
        &mut unsaid,
    );
    let lowered = lowered.ok().filter(|_| unsaid.error_count() == 0);
    let lowered = lowered.ok_or(None)?;
    match legality::settle(lowered.mapping, &lowered.automatic, &lowered.fixed) {
        Ok((legal, _)) => Ok(legal.into_inner()),
        Err(illegal) => Err(match illegal.violations.as_slice() {
            [Violation::Overfull(one)] => Some(one.clone()),
            _ => None,
        }),
    }
}

/// What a dataflow costs, if that can be said and the limits are kept.
fn priced(name: &str, mapping: Mapping, problem: Problem, task: &Task) -> Option<Written> {
    let counter = counter(&problem).ok()?;
    let exact = Judge::new(&problem, &counter).exact(mapping.schedule.clone());
    let exact = exact.ok()?;
    let goal = Goal::new(&task.request.objectives, &task.request.limits);
    let values = values(&exact.figures, &task.request.objectives);
    goal.keeps(&exact.figures).then(|| Written {
        name: name.to_owned(),
        mapping,
        exact,
        values,
    })
}
