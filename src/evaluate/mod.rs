//! From planned layers to their reports: judged, counted, priced, named.
//!
//! Problem: `Map vgg16 on eyeriss` is sixteen lowered mappings in which some memories have no place yet. Each
//! is given its places, judged, counted by a model and priced with the technology of the accelerator; what
//! keeps a layer from its figures becomes a diagnostic and the other layers go on.
//!
//! Invariant: only a mapping that `legality::check` accepted is counted.

pub mod fused;
mod judge;
mod memo;
mod names;

pub use judge::{Judged, Judging, judge};
pub use memo::Memo;
pub use names::dimensions;

use crate::base::num::grouped;
use crate::cost::{self, Cost, Technology};
use crate::diag::{Code, Diagnostic, Diagnostics, Subject};
use crate::driver::{Compiled, PlannedLayer};
use crate::engine::{self, Counts, EngineLimit, TimingRule};
use crate::hir::{Accelerator, Layer, Map};
use crate::ir::Mapping;
use crate::lower::{self, Names};
use crate::pricing;
use crate::report::{LayerReport, build_layer};

/// A named way to get from a legal mapping to counts and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    Exact,
    Maestro,
}

impl Model {
    /// The models of this version, in the order of reports.
    pub const ALL: [Model; 2] = [Model::Exact, Model::Maestro];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Model::Exact => "exact",
            Model::Maestro => "maestro",
        }
    }

    /// How it reckons time.
    #[must_use]
    pub fn rule(self) -> TimingRule {
        match self {
            Model::Exact => TimingRule::Exact,
            Model::Maestro => TimingRule::Maestro,
        }
    }

    /// Counts a legal mapping.
    ///
    /// # Errors
    /// E0602 at the layer, when the mapping is beyond the engine.
    pub fn count(self, judged: &Judged, names: &Names) -> Result<Counts, Box<Diagnostic>> {
        engine::count(&judged.legal, self.rule()).map_err(|limit| Box::new(beyond(&limit, names)))
    }
}

/// Counts the layers of a run; networks repeat layers, and equal mappings have equal counts.
pub struct Counting {
    model: Model,
    known: Memo<Mapping, Result<Counts, EngineLimit>>,
}

/// Counts of more mappings than this are not remembered.
const MOST_COUNTS: usize = 1024;

impl Counting {
    #[must_use]
    pub fn new(model: Model) -> Counting {
        Counting {
            model,
            known: Memo::new(MOST_COUNTS),
        }
    }

    /// Counts a legal mapping.
    ///
    /// # Errors
    /// As [`Model::count`].
    pub fn count(&mut self, judged: &Judged, names: &Names) -> Result<Counts, Box<Diagnostic>> {
        let rule = self.model.rule();
        self.known
            .get(&judged.legal, || engine::count(&judged.legal, rule))
            .map_err(|limit| Box::new(beyond(&limit, names)))
    }
}

/// Why the engine does not count something, in words.
fn reason(limit: &EngineLimit) -> String {
    match limit {
        EngineLimit::TooManyClasses | EngineLimit::Irregular => {
            "its loops have too many kinds of windows to be counted in reasonable time".to_owned()
        }
        EngineLimit::TooManySteps => format!(
            "more than {} steps of PEs follow no pattern and would have to be executed one by one",
            grouped(engine::MOST_STEPS.into())
        ),
        EngineLimit::Overflow => "a count is larger than 2^64".to_owned(),
        EngineLimit::Mismatch {
            performed,
            expected,
        } => format!(
            "the engine performed {performed} of {expected} operations; this is a mistake of the program, please \
             report it"
        ),
        EngineLimit::Law(law) => format!(
            "its counts break the law that {law}; this is a mistake of the program, please report it"
        ),
    }
}

fn beyond(limit: &EngineLimit, names: &Names) -> Diagnostic {
    let reason = reason(limit);
    let refusal = Diagnostic::new(
        Code::E0602,
        format!("layer `{}` cannot be counted: {reason}", names.layer),
    )
    .at(names.layer_span, "this layer");
    match limit {
        EngineLimit::TooManySteps => refusal.help(
            "use fewer or larger tiles; or map output rows and columns (`Y'`, `X'`) instead of input ones, with the \
             kernel (`R`, `S`) tiled in another Cluster level, which makes a pattern",
        ),
        EngineLimit::TooManyClasses | EngineLimit::Irregular => {
            refusal.help("use fewer or larger tiles")
        }
        EngineLimit::Overflow | EngineLimit::Mismatch { .. } | EngineLimit::Law(_) => refusal,
    }
}

/// What the layers of one program have in common.
pub struct Evaluator<'a> {
    compiled: &'a Compiled,
    /// By technology of the program.
    technologies: Vec<Technology>,
}

impl<'a> Evaluator<'a> {
    /// Makes the price tables; mistakes in technologies go to `sink`.
    #[must_use]
    pub fn new(compiled: &'a Compiled, sink: &mut Diagnostics) -> Evaluator<'a> {
        let technologies = compiled
            .program
            .technologies
            .iter()
            .map(|technology| pricing::technology(technology, sink))
            .collect();
        Evaluator {
            compiled,
            technologies,
        }
    }

    fn parts(&self, map: &Map, planned: &PlannedLayer) -> Option<(&'a Layer, &'a Accelerator)> {
        let program = &self.compiled.program;
        let network = program.networks.get(map.network)?;
        Some((
            network.layers.get(planned.layer)?,
            program.accelerators.get(map.accelerator)?,
        ))
    }

    /// The report of one judged and counted layer; `None` when an action has no price, which goes to `sink`.
    #[must_use]
    pub fn report(
        &self,
        map: &Map,
        planned: &PlannedLayer,
        judged: &Judged,
        counts: &Counts,
        sink: &mut Diagnostics,
    ) -> Option<LayerReport> {
        let (layer, accelerator) = self.parts(map, planned)?;
        let lowered = planned.lowered.as_ref()?;
        let network = self.compiled.program.networks.get(map.network);
        let subject = Subject {
            kind: "layer",
            name: layer.name.clone(),
            within: network.map_or_else(String::new, |network| network.name.clone()),
        };
        let cost = match self.cost(layer, accelerator, judged, counts) {
            Ok(cost) => cost,
            Err(missing) => {
                let missing = missing.into_iter();
                sink.extend(missing.map(|one| one.needed_by(subject.clone())));
                return None;
            }
        };
        let names = names::layer_names(layer, accelerator, planned, lowered, judged);
        Some(build_layer(&names, &judged.legal, counts, cost.as_ref()))
    }

    /// No cost without a technology; or the figures that it lacks.
    fn cost(
        &self,
        layer: &Layer,
        accelerator: &Accelerator,
        judged: &Judged,
        counts: &Counts,
    ) -> Result<Option<Cost>, Vec<Diagnostic>> {
        let Some(index) = accelerator.technology else {
            return Ok(None);
        };
        let program = &self.compiled.program;
        let (Some(prices), Some(source)) = (
            self.technologies.get(index),
            program.technologies.get(index),
        ) else {
            return Ok(None);
        };
        let context = pricing::context(accelerator, lower::operand_precision(layer, accelerator));
        cost::evaluate(prices, &context, &judged.legal, counts)
            .map(Some)
            .map_err(|errors| {
                let missing = errors.iter();
                missing
                    .map(|error| pricing::cost_diagnostic(error, accelerator, source))
                    .collect()
            })
    }
}
