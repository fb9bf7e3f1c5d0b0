//! Accesses to the three SRAMs and to DRAM, in elements, of one piece.
//!
//! A loop that turns round goes back the way it came ("snake"), so what its memory still holds of the pass before is not read again. Where a memory
//! holds a part only, the part is counted in whole kernel planes (filters), input rows or elements, as the formulas of each schedule say, and the
//! whole memory is credited. Ratios of channels to channels side by side, and of filters to columns, are real numbers in the model: a count may be a
//! fraction, and stays one until it is reported.
//!
//! With a 1x1 filter of stride 2 the rows between are charged as if they were read, and a memory that is too small may read less than one that is
//! large enough. That is how the published tables were computed.

use super::cover::{Array, Piece};
use super::layer::{Layer, PerTensor};
use super::schedule::Schedule;

/// Quotient, rounded up; both positive or the numerator zero.
pub(super) const fn ceil(numerator: i64, denominator: i64) -> i64 {
    (numerator + denominator - 1) / denominator
}

/// A piece with what its formulas share.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Geometry {
    pub copies: i64,
    pub r: i64,
    pub s: i64,
    pub c: i64,
    pub u: i64,
    pub g: i64,
    pub e: i64,
    pub f: i64,
    pub fu: i64,
    pub cu: i64,
    /// Columns and rows of the padded input.
    pub w: i64,
    pub h: i64,
    /// Steps over channels and over filters, rounded up.
    pub c_steps: i64,
    pub f_steps: i64,
    /// Elements of the input, all channels.
    pub volume: i64,
}

impl Geometry {
    pub fn new(layer: &Layer, array: &Array, piece: &Piece) -> Self {
        let (w, h) = (layer.width(piece.g), layer.height(piece.e));
        Self {
            copies: piece.copies,
            r: layer.r,
            s: layer.s,
            c: layer.c,
            u: layer.u,
            g: piece.g,
            e: piece.e,
            f: piece.f,
            fu: piece.fu,
            cu: array.cu,
            w,
            h,
            c_steps: ceil(layer.c, array.cu),
            f_steps: ceil(piece.f, piece.fu),
            volume: w * h * layer.c,
        }
    }

    /// Elements of the result.
    pub const fn results(&self) -> i64 {
        self.e * self.g * self.f
    }

    /// Cycles of computation: one row of one window position, for all channels and filters that stand side by side, per cycle.
    pub const fn compute(&self) -> i64 {
        self.r * self.g * self.e * self.c_steps * self.f_steps
    }
}

/// Accesses to the three memories.
pub(super) fn sram(schedule: Schedule, p: &Geometry) -> PerTensor<i64> {
    if schedule == Schedule::ZiXYZo {
        return PerTensor {
            filter: p.r * p.s * p.c * p.f * p.e * p.g,
            ifmap: p.r * p.s * p.c * p.e * p.g * p.f_steps,
            psum: p.results(),
        };
    }
    // Neighbours share a row of the input inside the array when windows overlap by all but one column.
    let row = if p.u == 1 && p.r > 1 && p.s > 1 {
        p.w
    } else {
        p.g * p.s
    };
    PerTensor {
        filter: p.r * p.s * p.c * p.f * p.e,
        ifmap: p.r * row * p.c * p.e * p.f_steps,
        psum: p.results() * (2 * p.r * p.c_steps - 1),
    }
}

/// What the filter counts of a schedule are multiples of the reciprocal of.
pub(super) const fn filter_divisor(schedule: Schedule, p: &Geometry) -> i64 {
    match schedule {
        Schedule::XYZiZo | Schedule::XYZoZi => 1,
        Schedule::XZiYZo | Schedule::ZiXYZo => p.fu,
        Schedule::XZoYZi => p.cu,
    }
}

/// Filter elements read from DRAM, times [`filter_divisor`]. `bits` is the size of a word, `sram` that of the filter memory.
pub(super) fn filter_dram(schedule: Schedule, p: &Geometry, bits: i64, sram: i64) -> i64 {
    let plane = p.r * p.s;
    let held = sram / (plane * bits);
    match schedule {
        Schedule::XYZiZo | Schedule::XYZoZi => plane * p.c * p.f,
        Schedule::XZiYZo | Schedule::ZiXYZo => {
            let set = p.fu * p.c;
            if held >= set {
                return plane * p.c * p.f * p.fu;
            }
            let turns = if schedule == Schedule::XZiYZo {
                p.e
            } else {
                p.g * p.e
            } - 1;
            (plane * set + plane * (set - held) * turns) * p.f
        }
        Schedule::XZoYZi => {
            let set = p.f * p.cu;
            let turns = if held >= set { 0 } else { p.e - 1 };
            (plane * set + plane * (set - held) * turns) * p.c
        }
    }
}

/// Input elements read from DRAM. `bits` is the size of a word, `sram` that of the ifmap memory.
pub(super) fn ifmap_dram(schedule: Schedule, p: &Geometry, bits: i64, sram: i64) -> i64 {
    match schedule {
        Schedule::XYZiZo => {
            if p.volume * bits <= sram {
                return p.volume;
            }
            p.volume + p.w * (p.h * p.c - sram / (p.w * bits)) * (p.f_steps - 1)
        }
        Schedule::XZiYZo => {
            if p.volume * bits <= sram {
                return p.volume;
            }
            let held = sram / (p.w * p.r * bits);
            let once = if held >= p.c {
                p.volume
            } else {
                p.r * p.w * p.c + (p.w * p.u * p.c + p.w * (p.r - p.u) * (p.c - held)) * (p.e - 1)
            };
            if p.f_steps == 1 {
                once
            } else {
                once + (once - p.w * p.r * held) * (p.f_steps - 1)
            }
        }
        Schedule::XYZoZi => {
            let slice = p.w * p.h * p.cu;
            if slice * bits <= sram {
                return p.volume;
            }
            // `slice * c / cu`, and so for the part that is read again: both are whole.
            // The ratio of filters to columns is a real number; see `cover`: more than one set is always whole sets, or all filters.
            let again = p.w * (p.h - sram / (p.w * p.cu * bits)) * p.c;
            p.volume + again * (p.f - p.fu) / p.fu
        }
        Schedule::XZoYZi => p.volume,
        Schedule::ZiXYZo => {
            if p.volume * bits <= sram {
                return p.volume;
            }
            let windows = sram / (p.r * p.s * bits);
            let columns = sram / (p.c * p.r * bits);
            let once = if columns >= p.w {
                p.volume
            } else if windows >= p.c {
                p.r * p.w * p.c
                    + (p.w * p.u * p.c + (p.w - columns) * (p.r - p.u) * p.c) * (p.e - 1)
            } else {
                (p.r * p.s * p.c
                    + (p.r * p.u * p.c + p.r * (p.s - p.u) * (p.c - windows)) * (p.g - 1))
                    * p.e
            };
            if p.f_steps == 1 {
                once
            } else {
                once + (once - p.c * p.r * columns) * (p.f_steps - 1)
            }
        }
    }
}
