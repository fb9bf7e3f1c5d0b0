//! Designs under written dataflows, by any model: lowered, checked, estimated and priced one by one.

use super::design::{Sums, accelerator, area, product};
use super::prepare::Sweep;
use super::Refused;
use crate::base::limits;
use crate::diag::Diagnostics;
use crate::driver::Compiled;
use crate::explore::{Part, Stop};
use crate::hir::explore::Explore;
use crate::hir::{Application, Assignment, Choice, Map};
use crate::legality;
use crate::lower::Options;
use crate::models::{Model, Pricing, Problem, Subject};
use crate::pricing;
use std::sync::atomic::{AtomicBool, Ordering};

/// Designs of a piece.
const PIECE: u64 = 64;

/// An evaluator of designs by a model.
pub(super) struct Counted<'a> {
    pub model: &'static dyn Model,
    /// The program, with a map for every dataflow behind its own.
    pub compiled: Compiled,
    pub explore: &'a Explore,
}

/// Cycles and pJ of one layer.
type Layer = (f64, f64);

impl<'a> Counted<'a> {
    pub fn new(
        compiled: &Compiled,
        explore: &'a Explore,
        model: &'static dyn Model,
        dataflows: &[Application],
    ) -> Counted<'a> {
        let mut compiled = compiled.clone();
        compiled.program.maps.clear();
        let network = compiled.program.networks.get(explore.network);
        let layers = network.map_or(0, |network| network.layers.len());
        for dataflow in dataflows {
            let assignment = Assignment {
                application: Some(dataflow.clone()),
                choice: Choice::Named,
                note: None,
            };
            compiled.program.maps.push(Map {
                name: explore.name.clone(),
                is_named: true,
                span: explore.span,
                network: explore.network,
                accelerator: explore.accelerator,
                assignments: vec![assignment; layers],
                groups: Vec::new(),
                searches: Vec::new(),
            });
        }
        Counted {
            model,
            compiled,
            explore,
        }
    }

    pub fn pieces(&self, sweep: &Sweep<'_>) -> u64 {
        sweep.grid.points().div_ceil(PIECE)
    }

    pub fn piece(
        &self,
        sweep: &Sweep<'_>,
        piece: u64,
        stop: &AtomicBool,
    ) -> Result<Part, Refused> {
        let mut part = Part::empty(&sweep.question);
        let mut compiled: Option<Compiled> = None;
        let first = piece * PIECE;
        for number in first..(first + PIECE).min(sweep.grid.points()) {
            let places = sweep.grid.places(number);
            if !sweep.grid.admits(&places) {
                continue;
            }
            if stop.load(Ordering::Relaxed) {
                return Err(Stop::Asked);
            }
            let compiled = compiled.get_or_insert_with(|| self.compiled.clone());
            self.design(sweep, compiled, number, &places, &mut part)?;
        }
        Ok(part)
    }

    /// Adds one design to a part.
    fn design(
        &self,
        sweep: &Sweep<'_>,
        compiled: &mut Compiled,
        number: u64,
        places: &[usize],
        part: &mut Part,
    ) -> Result<(), Refused> {
        let made = accelerator(&self.compiled, self.explore, places).map_err(Stop::Failed)?;
        let clock = made.clock.map(crate::base::Ratio::to_f64);
        let um2 = sweep
            .layers
            .first()
            .map_or(f64::NAN, |one| area(sweep.technology.as_ref(), &made, one.layer));
        if sweep.is_too_large(um2) {
            part.counts.pruned_by_area += 1;
            return Ok(());
        }
        if let Some(place) = compiled.program.accelerators.get_mut(self.explore.accelerator) {
            *place = made;
        }
        let mut sums = Sums::new(self.explore.scope);
        for merged in &sweep.layers {
            let all = (0..compiled.program.maps.len())
                .filter_map(|map| self.layer(sweep, compiled, map, merged.at));
            let all: Vec<Layer> = all.collect();
            if all.is_empty() {
                part.unfit(1);
                return Ok(());
            }
            sums.add(merged.times, |figure| {
                let values = all.iter().map(|&(cycles, energy)| product(figure, energy, cycles));
                values.fold(f64::NAN, f64::min)
            });
        }
        part.design(&sweep.question, sums.design(number, um2, clock));
        Ok(())
    }

    /// Cycles and energy of a layer under one of the dataflows; `None` if it does not run.
    fn layer(
        &self,
        sweep: &Sweep<'_>,
        compiled: &Compiled,
        map: usize,
        layer: usize,
    ) -> Option<Layer> {
        let map = compiled.program.maps.get(map)?;
        let mut sink = Diagnostics::new();
        let planned = compiled.plan_layer(map, layer, Options::default(), &mut sink)?;
        if let Some(named) = &planned.named {
            let subject = Subject::Named {
                problem: Problem {
                    operation: &named.operation,
                    architecture: &named.architecture,
                },
                schedule: &named.schedule,
            };
            return self.priced(sweep, compiled, layer, &subject);
        }
        let lowered = planned.lowered?;
        let (legal, _, _) = limits::within(limits::LAYER, None, || {
            let settled = legality::settle(lowered.mapping, &lowered.automatic, &lowered.fixed);
            let (legal, _) = settled.ok()?;
            self.priced(sweep, compiled, layer, &Subject::Loops(&legal))
        });
        legal
    }

    fn priced(
        &self,
        sweep: &Sweep<'_>,
        compiled: &Compiled,
        layer: usize,
        subject: &Subject<'_>,
    ) -> Option<Layer> {
        self.model.applies(subject).ok()?;
        let estimate = self.model.estimate(subject).ok()?;
        let program = &compiled.program;
        let accelerator = program.accelerators.get(self.explore.accelerator)?;
        let source = program.networks.get(self.explore.network)?.layers.get(layer)?;
        let energy = match &sweep.technology {
            None => f64::NAN,
            Some(technology) => {
                let operand = crate::lower::operand_precision(source, accelerator);
                let context = pricing::context(accelerator, operand);
                let pricing = Pricing {
                    technology,
                    context: &context,
                };
                let cost = self.model.price(subject, &estimate, &pricing).ok()?;
                cost.map_or(f64::NAN, |cost| cost.energy.total_pj)
            }
        };
        Some((estimate.cycles as f64, energy))
    }
}
