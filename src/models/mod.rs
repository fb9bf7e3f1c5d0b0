//! The models: named ways to get from a schedule to cycles, counts and energy.
//!
//! Problem: users compare what different published systems say of the same layer. One of them counts every
//! access exactly, another has closed forms for five schedules that it knows by name and counts nothing. Both
//! answer the same question, so both are a [`Model`]: whether it says anything of a subject, what it estimates,
//! and what that costs by a technology.
//!
//! A model is one file or folder here and one line in [`REGISTRY`]. The values of `--model`, the help, `all`, the
//! completion of editors and the table of the manual are made from that list; nothing else names a model.
//!
//! Invariants:
//! * a model sees operations, architectures and schedules, never names, files or places in a text;
//! * equal subjects have equal estimates: an estimate is remembered and used again for another layer;
//! * an estimate that has [`Counts`] was made from a legal mapping and performs every operation once.

pub mod deepopt;
pub mod dmazerunner;
mod exact;
mod maestro;
#[cfg(test)]
mod toy;

pub use crate::engine::Steps;
pub use exact::{Exact, exact_counts};
pub use maestro::Maestro;

use crate::cost::{self, Cost, CostError, Prices, Technology};
use crate::engine::fused::Flow;
use crate::engine::{Counts, EngineLimit};
use crate::ir::{Architecture, FusedGroup, Mapping, Memory, Operation};
use crate::legality::Legal;
use std::borrow::Cow;

/// Every model of this version, in the order of reports. The first is the default and serves where no model was
/// asked for.
pub const REGISTRY: &[&dyn Model] = &[
    &Exact,
    &Maestro,
    &dmazerunner::DMazeRunner,
    &deepopt::PUBLISHED,
    #[cfg(test)]
    &toy::Toy,
];

/// The model that decides what a program costs when nobody asks for another: the first of [`REGISTRY`].
pub const DEFAULT: &dyn Model = &Exact;

/// The word for every model that applies.
pub const ALL: &str = "all";

/// The models that know a schedule by this name.
pub fn knowing(schedule: &str) -> impl Iterator<Item = &'static dyn Model> {
    let models = REGISTRY.iter().copied();
    models.filter(move |model| model.schedules().contains(&schedule))
}

/// The models and their variants.
pub fn known() -> impl Iterator<Item = &'static dyn Model> {
    let models = REGISTRY.iter().copied();
    models.flat_map(|model| std::iter::once(model).chain(model.variants().iter().copied()))
}

/// The model, or the variant of one, of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Model> {
    known().find(|model| model.name() == name)
}

/// One layer on one accelerator: what all of its schedules have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Problem<'a> {
    pub operation: &'a Operation,
    pub architecture: &'a Architecture,
}

impl<'a> Problem<'a> {
    /// The problem that a mapping solves.
    #[must_use]
    pub fn of(mapping: &'a Mapping) -> Problem<'a> {
        Problem {
            operation: &mapping.operation,
            architecture: &mapping.architecture,
        }
    }
}

/// What a model is asked about.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// Loops and places that were found legal.
    Loops(&'a Legal<Mapping>),
    /// A schedule that has no loops but a name which some model knows, such as `XYZiZo`.
    Named {
        problem: Problem<'a>,
        schedule: &'a str,
    },
}

impl<'a> Subject<'a> {
    #[must_use]
    pub fn problem(&self) -> Problem<'a> {
        match self {
            Subject::Loops(mapping) => Problem::of(mapping.get()),
            Subject::Named { problem, .. } => *problem,
        }
    }
}

/// Why a model says nothing of a subject, or has no figures for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// One of the codes E06xx.
    pub code: &'static str,
    /// What the subject is or does, after its name: `is not a perfect loop nest: 20 rows in tiles of 3`.
    pub reason: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Why {
    /// E0601: the model does not apply.
    pub fn new(reason: impl Into<String>) -> Why {
        Why {
            code: "E0601",
            reason: reason.into(),
            help: None,
        }
    }

    /// Under a code of the model's own.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Why {
        self.code = code;
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Why {
        self.help = Some(help.into());
        self
    }
}

/// Why there is no estimate although the model applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Past what the engine counts.
    Limit(EngineLimit),
    /// In the model's own words.
    Own(Why),
}

impl From<EngineLimit> for Failure {
    fn from(limit: EngineLimit) -> Failure {
        Failure::Limit(limit)
    }
}

/// What a model says of one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// From the first to the last cycle of the layer.
    pub cycles: u64,
    /// What was counted; absent in a model of closed forms.
    pub counts: Option<Counts>,
    /// Where the cycles of a model without counts go: of computation, of stalls, ...
    pub parts: Vec<Part>,
    /// What only this model has.
    pub figures: Vec<Figure>,
    /// Into how many equal parts (images of a batch) the operations fall of which `cycles` are one; 1 where they are all.
    pub parts_of: u64,
}

impl Estimate {
    /// What an engine has counted.
    #[must_use]
    pub fn counted(counts: Counts) -> Estimate {
        Estimate {
            cycles: counts.timing.cycles,
            counts: Some(counts),
            parts: Vec::new(),
            figures: Vec::new(),
            parts_of: 1,
        }
    }
}

/// A summand or a bound of the cycles in a model without counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// `compute`, `stall`: a key of `cycles_by`.
    pub name: Cow<'static, str>,
    pub cycles: u64,
}

/// A figure that only one model has, such as the number of tilings of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub name: Cow<'static, str>,
    pub value: f64,
    /// `elements`, `cycles`, `pJ`; empty for plain numbers.
    pub unit: &'static str,
    /// The formula or the page that it is from.
    pub from: Cow<'static, str>,
}

/// What a model counts otherwise than the engine does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub of: Quantity,
    /// By the model.
    pub here: u64,
    /// By the exact engine, of the same mapping.
    pub exact: u64,
    /// The habits of the model that this mapping meets, each a clause: `zeros of the padding count as data`.
    pub why: Vec<Cow<'static, str>>,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    Cycles,
    /// Elements read, by index of the memory and the tensor.
    Reads {
        memory: usize,
        tensor: usize,
    },
    /// Elements written.
    Writes {
        memory: usize,
        tensor: usize,
    },
}

/// A named way to estimate.
pub trait Model: Sync {
    /// As on the command line and in reports: lower case, no blanks.
    fn name(&self) -> &'static str;

    /// One line for the help and the manual: what it computes, and from what.
    fn summary(&self) -> &'static str;

    /// The same model with another value of a parameter, each named with it: `deepopt(fc: corrected)`. They are models to
    /// whoever names them; [`ALL`] leaves them out.
    fn variants(&self) -> &'static [&'static dyn Model] {
        &[]
    }

    /// Names of the schedules without loops that it knows; completion offers them.
    fn schedules(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether it says anything of `subject`.
    ///
    /// # Errors
    /// Which condition of the model does not hold.
    fn applies(&self, subject: &Subject<'_>) -> Result<(), Why>;

    /// Whether it says anything of fused groups: `reason` goes on after the name of the model, `has no clock for the
    /// groups`.
    ///
    /// # Errors
    /// By default it does not.
    fn applies_to_groups(&self) -> Result<(), Why> {
        Err(Why::new("has no clock for the groups"))
    }

    /// Cycles and counts of something that it applies to.
    ///
    /// # Errors
    /// Limits of the engine, or reasons of its own.
    fn estimate(&self, subject: &Subject<'_>) -> Result<Estimate, Failure>;

    /// What an estimate costs by a technology; without counts and without prices of its own, nothing is said.
    ///
    /// # Errors
    /// Every performed action without a price, each once.
    fn price(
        &self,
        subject: &Subject<'_>,
        estimate: &Estimate,
        pricing: &Pricing<'_>,
    ) -> Result<Option<Cost>, Vec<CostError>> {
        match (subject, &estimate.counts) {
            (Subject::Loops(mapping), Some(counts)) => {
                cost::evaluate(pricing.technology, pricing.context, mapping, counts).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// What only this model has and needs a price for, such as an energy-delay product.
    fn priced_figures(&self, _estimate: &Estimate, _cost: &Cost) -> Vec<Figure> {
        Vec::new()
    }

    /// Every figure of `estimate` that the engine has otherwise, and why: `--model all` prints it beside the figures of
    /// the model.
    fn differences(
        &self,
        _subject: &Subject<'_>,
        _estimate: &Estimate,
        _exact: &Counts,
    ) -> Vec<Difference> {
        Vec::new()
    }

    /// Counts of a fused group at the peak rates of its stages, where the model has other ones than the engine.
    ///
    /// # Errors
    /// As [`Model::estimate`].
    fn group(
        &self,
        _group: &FusedGroup,
        _rates: &[u64],
        _memories: &[Memory],
    ) -> Result<Option<Flow>, Failure> {
        Ok(None)
    }

    /// Whether cycles and counts of a legal mapping depend on nothing that its memories have left: then a larger memory
    /// changes prices and areas alone, and sweeps need not ask again.
    fn ignores_spare_capacity(&self) -> bool {
        false
    }

    /// Whether nothing but cycles depends on bandwidths, and [`Model::steps`] says how.
    fn keeps_steps(&self) -> bool {
        false
    }

    /// The steps of a subject: its cycles at other bandwidths are a sum over these, and sweeps need not ask again. `None`
    /// where they follow no pattern.
    fn steps(&self, _subject: &Subject<'_>) -> Option<Steps> {
        None
    }

    /// Cycles that no schedule of the problem can do with less of: a search may leave out what lies above. `None` when
    /// the model knows none.
    fn bound(&self, _problem: &Problem<'_>) -> Option<u64> {
        None
    }

    /// Every schedule of the model's own closed space, by name; `None` when it takes any loops.
    fn space(&self, _problem: &Problem<'_>) -> Option<Vec<String>> {
        None
    }
}

/// With what an estimate is priced.
#[derive(Clone, Copy, Debug)]
pub struct Pricing<'a> {
    pub technology: &'a Technology,
    pub context: &'a cost::Context,
}

impl Pricing<'_> {
    /// What every action of a problem costs.
    pub(crate) fn prices(&self, problem: Problem<'_>) -> Prices {
        Prices::on(
            self.technology,
            self.context,
            problem.architecture,
            problem.operation.kind,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_are_words() {
        let names: Vec<&str> = REGISTRY.iter().map(|model| model.name()).collect();
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name) && *name != ALL, "{name}");
            let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(!name.is_empty() && name.chars().all(word), "{name}");
            assert!(by_name(name).is_some());
        }
        for model in REGISTRY {
            for variant in model.variants() {
                let parameters = variant.name().strip_prefix(model.name());
                assert!(parameters.is_some_and(|rest| rest.starts_with('(')));
                assert!(by_name(variant.name()).is_some());
            }
        }
        assert_eq!(names[0], DEFAULT.name());
    }
}
