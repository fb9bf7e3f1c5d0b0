//! `strategy: adaptive` of the model `dmazerunner`: on every design the published rule for thresholds, layer by layer,
//! and the best method of what it admits.

use super::design::{SUMMED, Sums, Totals, accelerator, built};
use super::prepare::{Merged, Sweep, name};
use super::{MOST_PIECES, Refused};
use crate::cost::{Built, Technology};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::Compiled;
use crate::explore::{Figure, Grid, Part, Stop};
use crate::hir::Accelerator;
use crate::hir::explore::Explore;
use crate::models::dmazerunner::{Layer, Machine};
use crate::optimize;
use crate::search::dmazerunner::optimum::optimum;
use crate::search::dmazerunner::{Objective, Unsearchable, adaptive};
use std::sync::atomic::{AtomicBool, Ordering};

/// The optimizer, with what is the same for all designs.
pub(super) struct Optimizer<'a> {
    compiled: &'a Compiled,
    explore: &'a Explore,
    layers: Vec<Merged<'a>>,
    technology: Option<Technology>,
    /// Figures that are asked for: each is an optimization of its own.
    wanted: Vec<Figure>,
}

/// Designs of a piece.
fn chunk(grid: &Grid) -> u64 {
    grid.points().div_ceil(MOST_PIECES).max(1)
}

pub(super) fn pieces(grid: &Grid) -> u64 {
    grid.points().div_ceil(chunk(grid))
}

fn objective(figure: Figure) -> Option<Objective> {
    match figure {
        Figure::Energy => Some(Objective::Energy),
        Figure::Cycles => Some(Objective::Cycles),
        Figure::Edp => Some(Objective::Edp),
        _ => None,
    }
}

impl<'a> Optimizer<'a> {
    /// The optimizer; `None` when it does not apply, which has been reported.
    pub fn new(
        compiled: &'a Compiled,
        explore: &'a Explore,
        layers: &[Merged<'a>],
        technology: Option<&Technology>,
        wanted: &[(Figure, crate::base::Span)],
        sink: &mut Diagnostics,
    ) -> Option<Optimizer<'a>> {
        let mut figures = Vec::new();
        for &(figure, span) in wanted {
            if figure == Figure::Area {
                continue;
            }
            if objective(figure).is_none() {
                let message = format!(
                    "the optimizer of `dmazerunner` does not know `{}`",
                    name(figure)
                );
                let refusal = Diagnostic::new(Code::E0601, message).at(span, "wanted here");
                sink.push(refusal.help("it minimises `energy`, `cycles` or `edp`"));
                return None;
            }
            if !figures.contains(&figure) {
                figures.push(figure);
            }
        }
        Some(Optimizer {
            compiled,
            explore,
            layers: layers.to_vec(),
            technology: technology.cloned(),
            wanted: figures,
        })
    }

    pub fn piece(&self, sweep: &Sweep<'_>, piece: u64, stop: &AtomicBool) -> Result<Part, Refused> {
        let mut part = Part::empty(&sweep.question);
        let chunk = chunk(&sweep.grid);
        for number in (piece * chunk)..((piece + 1) * chunk).min(sweep.grid.points()) {
            let places = sweep.grid.places(number);
            if stop.load(Ordering::Relaxed) {
                return Err(Stop::Asked);
            }
            if sweep.grid.admits(&places) {
                self.design(sweep, number, &places, &mut part)?;
            }
        }
        Ok(part)
    }

    /// Adds a design to a part.
    fn design(
        &self,
        sweep: &Sweep<'_>,
        number: u64,
        places: &[usize],
        part: &mut Part,
    ) -> Result<(), Refused> {
        let made = accelerator(self.compiled, self.explore, places).map_err(Stop::Failed)?;
        let um2 = self.layers.first().map_or(f64::NAN, |layer| {
            built(Built::Area, self.technology.as_ref(), &made, layer.layer)
        });
        if sweep.is_too_large(um2) {
            part.counts.pruned_by_area += 1;
            return Ok(());
        }
        let mut sums = Sums::new(self.explore.scope);
        for merged in &self.layers {
            let (layer, machine) = self.machine(merged, &made)?;
            let join = adaptive(&layer, &machine)
                .map_err(|why| self.unsearchable(merged, why))?
                .join;
            let mut values = [f64::NAN; SUMMED.len()];
            for &figure in &self.wanted {
                let Some(best) = objective(figure).and_then(|what| optimum(&join, what).best)
                else {
                    part.unfit(1);
                    return Ok(());
                };
                if let Some(value) = values.get_mut(figure as usize) {
                    *value = best.score.value as f64;
                }
            }
            sums.add(merged.times, |figure| {
                values.get(figure as usize).copied().unwrap_or(f64::NAN)
            });
        }
        part.design(
            &sweep.question,
            sums.design(number, Totals::area(um2), None),
        );
        Ok(())
    }

    /// A layer and a design in the words of the model.
    fn machine(
        &self,
        merged: &Merged<'_>,
        made: &Accelerator,
    ) -> Result<(Layer, Machine), Refused> {
        let (layer, technology) = (merged.layer, self.technology.as_ref());
        let at = (self.explore.span, "this exploration");
        optimize::machine(self.compiled, layer, made, technology, at).map_err(Stop::Failed)
    }

    fn unsearchable(&self, merged: &Merged<'_>, why: Unsearchable) -> Refused {
        let why = optimize::unsearchable(why);
        let mut sink = Diagnostics::new();
        let message = format!("the layer `{}` {why}", merged.layer.name);
        sink.push(Diagnostic::new(Code::E0602, message).at(self.explore.span, "this exploration"));
        Stop::Failed(sink)
    }
}
