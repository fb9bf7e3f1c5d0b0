//! An estimate with prices and names: the report of a layer.

use super::{CheckedLayer, names};
use crate::cost::{self, Technology};
use crate::diag::{Diagnostic, Diagnostics, Subject as Needing};
use crate::driver::{Compiled, PlannedLayer};
use crate::engine::Counts;
use crate::hir::{Accelerator, Layer, Map};
use crate::lower;
use crate::models::{Estimate, Model, Pricing, Subject};
use crate::pricing;
use crate::report::{LayerReport, build_estimated, build_layer};
use std::borrow::Cow;

/// A cost, nothing where nothing is priced, or the actions without a price.
type Priced = Result<Option<cost::Cost>, Vec<cost::CostError>>;

/// What the layers of one program have in common.
pub(crate) struct Evaluator<'a> {
    pub(super) compiled: &'a Compiled,
    /// By technology of the program.
    pub(super) technologies: Vec<Technology>,
}

/// A checked layer, or one under a schedule without loops, with everything that a report says about it.
pub(super) struct Checked<'a> {
    pub map: &'a Map,
    pub planned: &'a PlannedLayer,
    pub names: &'a lower::Names,
    pub subject: Subject<'a>,
    /// `None` of what has no loops.
    pub layer: Option<&'a CheckedLayer>,
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

    /// The layer, and the hardware as it sees it.
    fn parts(
        &self,
        map: &Map,
        planned: &PlannedLayer,
    ) -> Option<(&'a Layer, Cow<'a, Accelerator>)> {
        let program = &self.compiled.program;
        let network = program.networks.get(map.network)?;
        let accelerator = program.accelerators.get(map.accelerator)?;
        let array = map.assignments.get(planned.layer)?.array;
        let seen = match array {
            Some(_) => accelerator.on_array(array),
            None => Cow::Borrowed(accelerator),
        };
        Some((network.layers.get(planned.layer)?, seen))
    }

    /// The report of one checked and estimated layer.
    ///
    /// # Errors
    /// When an action has no price; empty when the map has no such layer.
    pub(super) fn report(
        &self,
        of: &Checked<'_>,
        model: &dyn Model,
        estimate: &Estimate,
    ) -> Result<LayerReport, Vec<Diagnostic>> {
        let Some((layer, accelerator)) = self.parts(of.map, of.planned) else {
            return Err(Vec::new());
        };
        let accelerator = &*accelerator;
        let subject = of.subject;
        let priced = self.priced(layer, accelerator, &|pricing| {
            model.price(&subject, estimate, pricing)
        });
        let cost = priced.map_err(|missing| {
            let network = self.compiled.program.networks.get(of.map.network);
            let needing = Needing {
                kind: "layer",
                name: layer.name.clone(),
                within: network.map_or_else(String::new, |network| network.name.clone()),
            };
            let missing = missing.into_iter();
            missing
                .map(|one| one.needed_by(needing.clone()))
                .collect::<Vec<_>>()
        })?;
        let names = names::layer_names(layer, accelerator, of.planned, of.names, of.layer);
        let mut report = match (&estimate.counts, subject) {
            (Some(counts), Subject::Loops(legal)) => {
                let mut report = build_layer(&names, legal, counts, cost.as_ref());
                report.add_figures(&estimate.figures);
                report
            }
            _ => build_estimated(&names, subject.problem(), estimate, cost.as_ref()),
        };
        if let Some(cost) = &cost {
            report.add_figures(&model.priced_figures(estimate, cost));
        }
        Ok(report)
    }

    /// What counts of a mapping cost; nothing without a technology.
    pub(super) fn cost(
        &self,
        layer: &Layer,
        accelerator: &Accelerator,
        checked: &CheckedLayer,
        counts: &Counts,
    ) -> Result<Option<cost::Cost>, Vec<Diagnostic>> {
        self.priced(layer, accelerator, &|pricing| {
            cost::evaluate(pricing.technology, pricing.context, &checked.legal, counts).map(Some)
        })
    }

    /// Asks `price` with the technology of the accelerator, if it has one; figures that it lacks become diagnostics.
    fn priced(
        &self,
        layer: &Layer,
        accelerator: &Accelerator,
        price: &dyn Fn(&Pricing<'_>) -> Priced,
    ) -> Result<Option<cost::Cost>, Vec<Diagnostic>> {
        let Some(index) = accelerator.technology else {
            return Ok(None);
        };
        let program = &self.compiled.program;
        let (Some(technology), Some(source)) = (
            self.technologies.get(index),
            program.technologies.get(index),
        ) else {
            return Ok(None);
        };
        let context = pricing::context(accelerator, lower::operand_precision(layer, accelerator));
        let pricing = Pricing {
            technology,
            context: &context,
        };
        price(&pricing).map_err(|errors| {
            let missing = errors.iter();
            missing
                .map(|error| pricing::cost_diagnostic(error, accelerator, source))
                .collect()
        })
    }
}
