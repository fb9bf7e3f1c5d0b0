//! `search: NAME`: on every design what a search of the program finds, layer by layer.
//!
//! Problem: which design is best depends on how it is used, and one dataflow is not the best on all of them. Here the
//! search says how: its model, its space, its conditions and what it minimises; its own layers and the arguments of its
//! accelerator are those of the exploration. The figures of a design are those of the schedules that it finds.
//!
//! Invariant: a search runs to its end, so that results do not depend on how fast the machine is.

use super::built::Parts;
use super::design::{Sums, accelerator, product};
use super::prepare::Sweep;
use super::{MOST_PIECES, Refused};
use crate::base::{Ratio, Span};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::Compiled;
use crate::explore::{Part, Stop};
use crate::hir::explore::Explore;
use crate::hir::search::Search;
use crate::optimize::Elsewhere;
use std::sync::atomic::{AtomicBool, Ordering};

/// The search, with what is the same for all designs.
pub(super) struct Searched<'a> {
    compiled: &'a Compiled,
    explore: &'a Explore,
    search: Elsewhere<'a>,
}

impl<'a> Searched<'a> {
    /// The search; `None` when it cannot be run on every design, which has been reported.
    pub fn new(
        compiled: &'a Compiled,
        (explore, search, span): (&'a Explore, &'a Search, Span),
        sink: &mut Diagnostics,
    ) -> Option<Searched<'a>> {
        let refused = if search.fused.is_some() {
            Some((
                "a group is searched for one design of a chip",
                "search for schedules of layers",
            ))
        } else if search.own.is_some() {
            Some((
                "a model's own space is evaluated whole and needs no search",
                "write `space deepopt;` in the exploration itself",
            ))
        } else if search.budget.is_some() {
            Some((
                "what a search finds within a budget depends on the machine",
                "leave its `budget` out, or say `strategy: adaptive`",
            ))
        } else if search.objectives.len() > 1 {
            Some((
                "a front is several schedules, and a design has one per layer",
                "search for one objective",
            ))
        } else {
            None
        };
        if let Some((why, help)) = refused {
            let refusal = Diagnostic::new(Code::E0602, why).at(span, "on every design");
            sink.push(refusal.also(search.span, "the search").help(help));
            return None;
        }
        Some(Searched {
            compiled,
            explore,
            search: Elsewhere::new(compiled, search),
        })
    }

    pub fn piece(&self, sweep: &Sweep<'_>, piece: u64, stop: &AtomicBool) -> Result<Part, Refused> {
        let mut part = Part::empty(&sweep.question);
        let pieces = sweep.grid.points().min(MOST_PIECES);
        let share = |piece: u64| {
            let points = u128::from(sweep.grid.points()) * u128::from(piece) / u128::from(pieces);
            u64::try_from(points).unwrap_or(u64::MAX)
        };
        for number in share(piece)..share(piece + 1) {
            let places = sweep.grid.places(number);
            if stop.load(Ordering::Relaxed) {
                return Err(Stop::Asked);
            }
            if sweep.grid.admits(&places) {
                self.design(sweep, (number, &places), stop, &mut part)?;
            }
        }
        Ok(part)
    }

    /// Adds a design to a part.
    fn design(
        &self,
        sweep: &Sweep<'_>,
        (number, places): (u64, &[usize]),
        stop: &AtomicBool,
        part: &mut Part,
    ) -> Result<(), Refused> {
        let made = accelerator(self.compiled, self.explore, places).map_err(Stop::Failed)?;
        let technology = sweep.technology.as_ref();
        let at = Parts::new(sweep, &made, &[], None).fixed;
        if sweep.is_too_large(at.area) {
            part.counts.pruned_by_area += 1;
            return Ok(());
        }
        let mut sums = Sums::new(self.explore.scope);
        for merged in &sweep.layers {
            let layer = (self.explore.network, merged.at);
            let found = self.search.best(layer, &made, technology, stop);
            // What a search that was stopped has found is not what it would have found.
            if stop.load(Ordering::Relaxed) {
                return Err(Stop::Asked);
            }
            let Some(best) = found.map_err(Stop::Failed)? else {
                part.unfit(1);
                return Ok(());
            };
            let (energy, cycles) = (best.energy_pj.unwrap_or(f64::NAN), best.cycles as f64);
            sums.add(merged.times, |figure| product(figure, energy, cycles));
        }
        let clock = made.clock.map(Ratio::to_f64);
        part.design(&sweep.question, sums.design(number, at, clock));
        Ok(())
    }
}
