//! One design: the accelerator with its arguments, its area, and figures from those of its layers.

use crate::cost::{self, Built, Technology};
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

/// Area (um2) or power (mW) of an accelerator; not a number where the technology does not say. `layer` decides which
/// multipliers there are.
#[must_use]
pub(super) fn built(
    kind: Built,
    technology: Option<&Technology>,
    accelerator: &Accelerator,
    layer: &Layer,
) -> f64 {
    let Some(technology) = technology else {
        return f64::NAN;
    };
    let context = pricing::context(accelerator, lower::operand_precision(layer, accelerator));
    let architecture = lower::architecture(accelerator);
    match cost::built(kind, technology, &context, &architecture) {
        Ok(terms) => terms.iter().map(|term| term.value).sum(),
        Err(_) => f64::NAN,
    }
}

/// What a design takes whatever runs on it, or a part of that. Not a number where it is not known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Totals {
    /// um2
    pub area: f64,
    /// mW
    pub power: f64,
    /// Bytes of the memories on the chip.
    pub buffer: f64,
}

impl Totals {
    pub const NOTHING: Totals = Totals {
        area: 0.0,
        power: 0.0,
        buffer: 0.0,
    };

    /// Where only the area is known.
    pub fn area(um2: f64) -> Totals {
        Totals {
            area: um2,
            power: f64::NAN,
            buffer: f64::NAN,
        }
    }

    #[inline]
    pub fn plus(self, other: Totals) -> Totals {
        Totals {
            area: self.area + other.area,
            power: self.power + other.power,
            buffer: self.buffer + other.buffer,
        }
    }

    /// Writes the figures that follow from these, the energy and the cycles.
    #[inline]
    fn write(self, figures: &mut [f64; FIGURES], clock_hz: Option<f64>) {
        figures[Figure::Area as usize] = self.area;
        figures[Figure::Buffer as usize] = self.buffer;
        figures[Figure::Power as usize] = if self.power.is_nan() {
            let (energy, cycles) = (
                figures[Figure::Energy as usize],
                figures[Figure::Cycles as usize],
            );
            // pJ per second in mW.
            clock_hz.map_or(f64::NAN, |clock| energy * clock / cycles * 1e-9)
        } else {
            self.power
        };
    }
}

/// A design whose energy and cycles are those of all layers.
#[inline]
pub(super) fn design(
    number: u64,
    (energy, cycles): (f64, f64),
    at: Totals,
    clock_hz: Option<f64>,
) -> Design {
    let mut figures = [f64::NAN; FIGURES];
    for figure in SUMMED {
        figures[figure as usize] = product(figure, energy, cycles);
    }
    at.write(&mut figures, clock_hz);
    Design { number, figures }
}

/// Sums over layers that become figures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums {
    scope: Scope,
    /// By [`Figure`]; the products only in the scope of layers.
    sums: [f64; FIGURES],
}

/// The value of a product of energy and delay, or of one of them.
#[inline]
pub(super) fn product(figure: Figure, energy: f64, cycles: f64) -> f64 {
    match figure {
        Figure::Energy => energy,
        Figure::Cycles => cycles,
        Figure::Edp => energy * cycles,
        Figure::E2dp => energy * energy * cycles,
        Figure::Ed2p => energy * cycles * cycles,
        Figure::Area | Figure::Power | Figure::Buffer => f64::NAN,
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

    /// The design with that number and clock.
    pub fn design(&self, number: u64, at: Totals, clock_hz: Option<f64>) -> Design {
        let mut figures = self.sums;
        let get = |figure: Figure| self.sums.get(figure as usize).copied().unwrap_or(f64::NAN);
        let (energy, cycles) = (get(Figure::Energy), get(Figure::Cycles));
        if self.scope == Scope::Network {
            for figure in [Figure::Edp, Figure::E2dp, Figure::Ed2p] {
                figures[figure as usize] = product(figure, energy, cycles);
            }
        }
        at.write(&mut figures, clock_hz);
        Design { number, figures }
    }
}
