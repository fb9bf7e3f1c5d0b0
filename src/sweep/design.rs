//! One design: the accelerator with its arguments, its area, and figures from those of its layers.

use crate::cost::{self, Area, Technology};
use crate::diag::Diagnostics;
use crate::driver::Compiled;
use crate::explore::{Design, FIGURES, Figure};
use crate::hir::explore::{Explore, Scope};
use crate::hir::{Accelerator, Layer, Value};
use crate::{lower, pricing};

/// The arguments of the point at `places`: those that are the same everywhere, and the varied ones.
#[must_use]
pub(super) fn arguments(
    compiled: &Compiled,
    explore: &Explore,
    places: &[usize],
) -> Vec<(usize, Value)> {
    let base = compiled.program.accelerators.get(explore.accelerator);
    let bound = base.map_or(&[][..], |base| &base.parameters).iter();
    let fixed = bound.enumerate().filter(|(_, bound)| bound.given);
    let mut given: Vec<(usize, Value)> = fixed.map(|(at, bound)| (at, bound.value)).collect();
    for (axis, &place) in explore.axes.iter().zip(places) {
        let Some(&value) = axis.values.get(place) else {
            continue;
        };
        for &parameter in &axis.parameters {
            given.retain(|known| known.0 != parameter);
            given.push((parameter, value));
        }
    }
    given.sort_by_key(|known| known.0);
    given
}

/// The accelerator of a point.
///
/// # Errors
/// What is wrong with it.
pub(super) fn accelerator(
    compiled: &Compiled,
    explore: &Explore,
    places: &[usize],
) -> Result<Accelerator, Diagnostics> {
    let given = arguments(compiled, explore, places);
    let mut sink = Diagnostics::new();
    let made = compiled.accelerator(explore.accelerator, &given, &mut sink);
    match made {
        Some(mut made) if !sink.has_errors() => {
            let base = compiled.program.accelerators.get(explore.accelerator);
            // It is priced by the same technology, whose number is that of the program.
            made.technology = base.and_then(|base| base.technology);
            Ok(made)
        }
        _ => Err(sink),
    }
}

/// Square micrometres of an accelerator; not a number where the technology does not say. `layer` decides which
/// multipliers there are.
#[must_use]
pub(super) fn area(
    technology: Option<&Technology>,
    accelerator: &Accelerator,
    layer: &Layer,
) -> f64 {
    let Some(technology) = technology else {
        return f64::NAN;
    };
    let context = pricing::context(accelerator, lower::operand_precision(layer, accelerator));
    match cost::area(technology, &context, &lower::architecture(accelerator)) {
        Area::Known { total_um2, .. } => total_um2,
        Area::Absent(_) => f64::NAN,
    }
}

/// Sums over layers that become figures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums {
    scope: Scope,
    /// By [`Figure`]; the products only in the scope of layers.
    sums: [f64; FIGURES],
}

/// The value of a product of energy and delay, or of one of them.
pub(super) fn product(figure: Figure, energy: f64, cycles: f64) -> f64 {
    match figure {
        Figure::Energy => energy,
        Figure::Cycles => cycles,
        Figure::Edp => energy * cycles,
        Figure::E2dp => energy * energy * cycles,
        Figure::Ed2p => energy * cycles * cycles,
        Figure::Area | Figure::Power => f64::NAN,
    }
}

/// What sums over layers are made of.
pub(super) const SUMMED: [Figure; 5] = [
    Figure::Energy,
    Figure::Cycles,
    Figure::Edp,
    Figure::E2dp,
    Figure::Ed2p,
];

impl Sums {
    pub fn new(scope: Scope) -> Sums {
        Sums {
            scope,
            sums: [0.0; FIGURES],
        }
    }

    /// Adds a layer that runs `times`, with its value per figure.
    pub fn add(&mut self, times: u64, value: impl Fn(Figure) -> f64) {
        for figure in SUMMED {
            if let Some(sum) = self.sums.get_mut(figure as usize) {
                *sum += times as f64 * value(figure);
            }
        }
    }

    /// The design with that number, area and clock.
    pub fn design(&self, number: u64, area: f64, clock_hz: Option<f64>) -> Design {
        let mut figures = self.sums;
        let get = |figure: Figure| self.sums.get(figure as usize).copied().unwrap_or(f64::NAN);
        let (energy, cycles) = (get(Figure::Energy), get(Figure::Cycles));
        if self.scope == Scope::Network {
            for figure in [Figure::Edp, Figure::E2dp, Figure::Ed2p] {
                figures[figure as usize] = product(figure, energy, cycles);
            }
        }
        figures[Figure::Area as usize] = area;
        // pJ per second in mW.
        let power = clock_hz.map_or(f64::NAN, |clock| energy * clock / cycles * 1e-9);
        figures[Figure::Power as usize] = power;
        Design { number, figures }
    }
}
