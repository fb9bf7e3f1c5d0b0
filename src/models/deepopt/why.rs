//! Why one schedule beats another on a layer: the term that decides.
//!
//! AlexNet's conv3 under `XYZiZo` reads every filter seven times and waits 346,942 cycles for them; under `XZiYZo` it reads them once per row
//! of results. What differs is a list of terms, some better and some worse. Each is weighed by what it changes of the objective: a
//! relative change of the energy as often as energy is a factor, and of the delay as often as that is. The largest gain is the
//! answer; multiplications, registers, computation and write-back are the same under every schedule and never one.

use super::estimate::{Estimate, Prices, float};
use super::layer::{Machine, PerTensor};
use super::objective::Objective;

/// A term of energy or delay in which schedules differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Term {
    FilterSram,
    IfmapSram,
    PsumSram,
    FilterDram,
    IfmapDram,
    Stall,
}

/// A term and what it contributes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    pub term: Term,
    /// Of the better schedule: pJ of one run for a memory, cycles of one run for a stall.
    pub winner: f64,
    /// Of the other one; infinite without a bound.
    pub other: f64,
}

/// The term by which `winner` gains most over `other` under an objective. `None` if it gains by none.
#[must_use]
pub fn deciding(
    winner: &Estimate,
    other: &Estimate,
    objective: Objective,
    machine: &Machine,
    prices: &Prices,
) -> Option<Difference> {
    let delay = other.delay().map_or(f64::INFINITY, |cycles| cycles as f64);
    let whole = (other.energy.total(), delay);
    deciding_of(winner, other, whole, objective, machine, prices)
}

/// The same where the objective is of more than this layer: `whole` are the energy (pJ) and the delay (cycles) that the terms
/// are parts of, with the other schedule. Energies of the estimates are not looked at.
#[must_use]
pub fn deciding_of(
    winner: &Estimate,
    other: &Estimate,
    (energy, delay): (f64, f64),
    objective: Objective,
    machine: &Machine,
    prices: &Prices,
) -> Option<Difference> {
    let (energy_power, delay_power) = objective.powers();
    let terms = |estimate: &Estimate| {
        let bits = machine.bits;
        let PerTensor {
            filter,
            ifmap,
            psum,
        } = estimate.sram;
        [
            (
                Term::FilterSram,
                filter.value() * float(bits.filter) * prices.sram_bit.filter,
            ),
            (
                Term::IfmapSram,
                ifmap.value() * float(bits.ifmap) * prices.sram_bit.ifmap,
            ),
            (
                Term::PsumSram,
                psum.value() * float(bits.psum) * prices.sram_bit.psum,
            ),
            (
                Term::FilterDram,
                estimate.dram.filter.value() * float(bits.filter) * prices.dram_bit,
            ),
            (
                Term::IfmapDram,
                estimate.dram.ifmap.value() * float(bits.ifmap) * prices.dram_bit,
            ),
            (
                Term::Stall,
                estimate
                    .cycles
                    .stall
                    .map_or(f64::INFINITY, |cycles| cycles as f64),
            ),
        ]
    };
    let gain = |difference: &Difference| {
        let change = difference.other - difference.winner;
        match difference.term {
            Term::Stall if delay_power == 0.0 => 0.0,
            Term::Stall if difference.other.is_infinite() => f64::INFINITY,
            Term::Stall => delay_power * change / delay,
            _ => energy_power * change / energy,
        }
    };
    terms(winner)
        .into_iter()
        .zip(terms(other))
        .map(|((term, winner), (_, other))| Difference {
            term,
            winner,
            other,
        })
        .filter(|difference| gain(difference) > 0.0)
        // The first of equal ones.
        .reduce(|best, next| {
            if gain(&next) > gain(&best) {
                next
            } else {
                best
            }
        })
}
