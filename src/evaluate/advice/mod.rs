//! What would help a layer, found by evaluating changed programs.
//!
//! Problem: a layer takes 45 million cycles of which 11 compute, and its report says `bound by DRAM port`. Which bandwidth
//! would do? Is it cheaper to keep a tensor on the chip, or to have more PEs? Every change that is tried is made in the
//! resolved program, where its text would make it, and the layer is evaluated by [`run`] as the command would; a piece of advice
//! has the figures of that run. Nothing is extrapolated.
//!
//! * The least bandwidth, in whole bytes per cycle, with which what binds the layer does not ([`settings`]). What else is busy is busy
//!   for as long as before, so a larger bandwidth never binds where a smaller one does not, and the least is found by bisection.
//!   Where every bandwidth binds, since a step takes a cycle at least: the least that no larger one betters.
//! * Each tensor in each memory, from the outermost place inwards until it fits, and in a memory as large as it needs ([`retain`]).
//! * Each size (memories, bandwidths, axes of arrays) by itself a quarter, a half and the whole larger: which saves the largest
//!   part of the cycles for the part by which it grows.
//!
//! A layer whose dataflow is found by a search has no advice: a changed program would be searched anew.
//!
//! Invariant: at most [`MOST`] programs are evaluated, and none is begun when all together have cost what the caller allows
//! ([`limits::ADVISED`]); the advice says whether that was enough.

mod retain;
mod settings;

use super::request::{Request, Until};
use super::{Cache, Selection, run};
use crate::base::limits::{self, Outcome, Stop};
use crate::diag::Diagnostics;
use crate::driver::Compiled;
use crate::hir::{Accelerator, Choice};
use crate::lower::Options;
use crate::models::{self, Model};
use crate::report::advice::{Advice, Edit, Piece};
use crate::report::{Evaluation, LayerReport};
use settings::Setting;

/// Programs that are evaluated for one layer.
const MOST: u64 = 400;

/// More than one evaluation may take, so that nothing is refused that a run by itself does not refuse.
const ONE: u64 = 4 * limits::LAYER;

/// Energies are sums of rounded products: less by no more than this is not less.
const SLACK: f64 = 1e-9;

/// A layer of a map, by their numbers.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub map: usize,
    pub layer: usize,
}

/// What would help a layer that was evaluated to `report`, for at most so many units of work; `None` where nothing is known
/// of it that could be changed, or the work was stopped.
#[must_use]
pub fn advise(
    compiled: &Compiled,
    place: Place,
    (model, options): (&dyn Model, Options),
    report: &LayerReport,
    (units, stop): (u64, Option<&Stop>),
) -> Option<Advice> {
    report.mapping.as_ref()?;
    let map = compiled.program.maps.get(place.map)?;
    if map.assignments.get(place.layer)?.choice == Choice::Searched {
        return None;
    }
    let mut advisor = Advisor {
        compiled: compiled.clone(),
        accelerator: map.accelerator,
        place,
        model,
        options,
        cache: Cache::default(),
        report,
        evaluations: 0,
        left: units,
        complete: true,
    };
    let (advice, outcome, _) = limits::within(u64::MAX, stop, || advisor.advice());
    (outcome != Outcome::Stopped).then_some(advice)
}

/// Puts what would help every layer of some evaluations into its report.
pub fn advise_all(
    compiled: &Compiled,
    evaluations: &mut [Evaluation],
    options: Options,
    mut begin: impl FnMut(&str),
) {
    for evaluation in evaluations {
        let map = evaluation.of_map;
        let network = compiled.program.maps.get(map);
        let network = network.and_then(|map| compiled.program.networks.get(map.network));
        let model = models::by_name(&evaluation.model);
        let (Some(network), Some(model)) = (network, model) else {
            continue;
        };
        for report in &mut evaluation.layers {
            if let Some(layer) = network.layer(&report.name) {
                begin(&report.name);
                let place = Place { map, layer };
                report.advice = advise(
                    compiled,
                    place,
                    (model, options),
                    report,
                    (limits::ADVISED, None),
                );
            }
        }
    }
}

struct Advisor<'a> {
    /// A copy, in which one thing after the other is changed and changed back.
    compiled: Compiled,
    /// That of the map.
    accelerator: usize,
    place: Place,
    model: &'a dyn Model,
    options: Options,
    /// Of its own: what is remembered of the layers as they are stays.
    cache: Cache,
    /// Of the layer as it is.
    report: &'a LayerReport,
    evaluations: u64,
    /// Units of work: with some left one more program is evaluated, to its end.
    left: u64,
    complete: bool,
}

impl Advisor<'_> {
    fn advice(&mut self) -> Advice {
        let bandwidth = self.bandwidth();
        let (retain, retain_larger) = self.retained();
        let size = self.best_growth();
        let compute = self.report.cycles_by.get("compute").copied();
        Advice {
            stall_cycles: self.report.cycles.saturating_sub(compute.unwrap_or(0)),
            bandwidth,
            retain,
            retain_larger,
            size,
            evaluations: self.evaluations,
            complete: self.complete,
        }
    }

    /// The layer in the program as it is changed; `None` where it has errors.
    fn evaluate(&mut self) -> Option<LayerReport> {
        if self.evaluations >= MOST || self.left == 0 || limits::is_stopped() {
            self.complete = false;
            return None;
        }
        self.evaluations += 1;
        let selection = Selection {
            maps: vec![(self.place.map, vec![self.place.layer])],
        };
        let request = Request {
            selection: &selection,
            models: &[self.model],
            until: Until::Evaluated,
            options: self.options,
            warnings: false,
        };
        let mut sink = Diagnostics::new();
        let (compiled, cache) = (&self.compiled, &mut self.cache);
        let (found, _, used) =
            limits::within(ONE, None, || run(compiled, &request, cache, &mut sink));
        self.left = self.left.saturating_sub(used);
        let layer = found.into_iter().next()?.layers.into_iter().next()?;
        (!sink.has_errors()).then_some(layer)
    }

    /// The accelerator as it is.
    fn hardware(&self) -> Option<&Accelerator> {
        self.compiled.program.accelerators.get(self.accelerator)
    }

    /// What `evaluate` finds on another accelerator.
    fn on(
        &mut self,
        changed: Accelerator,
        evaluate: impl FnOnce(&mut Self) -> Option<LayerReport>,
    ) -> Option<LayerReport> {
        let slot = self
            .compiled
            .program
            .accelerators
            .get_mut(self.accelerator)?;
        let before = std::mem::replace(slot, changed);
        let found = evaluate(self);
        if let Some(slot) = self.compiled.program.accelerators.get_mut(self.accelerator) {
            *slot = before;
        }
        found
    }

    /// The layer with one size of the accelerator changed.
    fn with(&mut self, setting: Setting, value: u64) -> Option<LayerReport> {
        let mut changed = self.hardware()?.clone();
        setting.set(&mut changed, value)?;
        self.on(changed, Advisor::evaluate)
    }

    /// The piece of advice that a setting with this value is.
    fn piece(&self, setting: Setting, value: u64, then: &LayerReport) -> Option<Piece> {
        let edit: Edit = setting.edit(self.hardware()?, value)?;
        Some(Piece::new(vec![edit], then))
    }

    /// Which part of the energy is saved, where there is one and some is.
    fn energy_saved(&self, then: &LayerReport) -> Option<f64> {
        let total = |layer: &LayerReport| layer.energy_pj.as_ref()?.get("total").copied();
        let (now, then) = (total(self.report)?, total(then)?);
        (then < now * (1.0 - SLACK)).then(|| (now - then) / now)
    }
}
