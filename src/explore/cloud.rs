//! Where the designs of a sweep lie in the plane of two figures, for a picture.
//!
//! Problem: 252 million designs are no picture, and which of them lie where is not known before the last one is evaluated.
//! So the plane is divided into cells that are the same for all sweeps: 128 between a number and its double, on both axes.
//! A cell keeps the least place on the first axis of the sweep (fewest PEs) of the designs in it.
//!
//! Invariant: clouds of parts add up to the cloud of the whole in any order.

use super::answer::{Design, Figure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bits of a number below those of its cell: 7 are left behind the exponent.
const BELOW: u32 = 52 - 7;

/// Two figures of designs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plane {
    pub across: Figure,
    pub up: Figure,
    /// Points that follow each other with the same place on the first axis.
    pub stride: u64,
}

/// The cells in which there is a design.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cloud {
    /// Cell across and up in one number, and the least place.
    cells: BTreeMap<u64, u64>,
    /// The cell of the last design, and what it has: neighbours in a sweep are neighbours in the plane.
    #[serde(skip)]
    last: Option<(u64, u64)>,
}

/// A cell and what is in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Its middle.
    pub across: f64,
    pub up: f64,
    /// Least place on the first axis.
    pub place: u64,
}

impl Cloud {
    /// Adds a design; one without these figures, or with one that is not above 0, is nowhere.
    #[inline]
    pub fn add(&mut self, plane: &Plane, design: &Design) {
        let (across, up) = (design.get(plane.across), design.get(plane.up));
        if !(across > 0.0 && across.is_finite() && up > 0.0 && up.is_finite()) {
            return;
        }
        let cell = (across.to_bits() >> BELOW) << 32 | up.to_bits() >> BELOW;
        let place = design.number / plane.stride.max(1);
        if self
            .last
            .is_none_or(|last| last.0 != cell || last.1 > place)
        {
            self.last = Some((cell, place));
            self.enter(cell, place);
        }
    }

    fn enter(&mut self, cell: u64, place: u64) {
        let known = self.cells.entry(cell).or_insert(place);
        *known = (*known).min(place);
    }

    /// Adds the cells of another part.
    pub fn join(&mut self, other: &Cloud) {
        for (&cell, &place) in &other.cells {
            self.enter(cell, place);
        }
    }

    /// The cells, in the order of the figure across.
    pub fn cells(&self) -> impl Iterator<Item = Cell> + '_ {
        let middle = |cell: u64| f64::from_bits(cell << BELOW | 1 << (BELOW - 1));
        self.cells.iter().map(move |(&cell, &place)| Cell {
            across: middle(cell >> 32),
            up: middle(cell & 0xffff_ffff),
            place,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::FIGURES;

    const PLANE: Plane = Plane {
        across: Figure::Area,
        up: Figure::Cycles,
        stride: 10,
    };

    fn design(number: u64, area: f64, cycles: f64) -> Design {
        let mut figures = [f64::NAN; FIGURES];
        figures[Figure::Area as usize] = area;
        figures[Figure::Cycles as usize] = cycles;
        Design { number, figures }
    }

    /// A 128th of an octave: a cell is at most 0.8 % wide, and its middle at most 0.4 % away from what lies in it.
    #[test]
    fn a_cell_is_where_its_designs_are() {
        for value in [1.0, 1.01, 3.7e6, 15.999e6, 2.5e-3] {
            let mut cloud = Cloud::default();
            cloud.add(&PLANE, &design(37, value, 1000.0 * value));
            let cell = cloud.cells().next().unwrap();
            assert!((cell.across / value - 1.0).abs() < 0.004, "{value}");
            assert!((cell.up / value / 1000.0 - 1.0).abs() < 0.004, "{value}");
            assert_eq!(cell.place, 3);
        }
    }

    #[test]
    fn clouds_add_up_in_any_order() {
        let designs: Vec<Design> = (0..300)
            .map(|n| design(n, ((n * 7) % 40 + 1) as f64, ((n * 11) % 30 + 1) as f64))
            .collect();
        let of = |some: &[Design]| {
            let mut cloud = Cloud::default();
            some.iter().for_each(|design| cloud.add(&PLANE, design));
            cloud
        };
        let whole = of(&designs);
        for pieces in [1, 7, 100] {
            let parts: Vec<Cloud> = designs.chunks(pieces).map(of).collect();
            let mut joined = Cloud::default();
            parts.iter().rev().for_each(|part| joined.join(part));
            assert!(joined.cells().eq(whole.cells()), "{pieces}");
        }
        let mut nowhere = Cloud::default();
        nowhere.add(&PLANE, &design(0, f64::NAN, 1.0));
        nowhere.add(&PLANE, &design(0, 0.0, 1.0));
        assert_eq!(nowhere.cells().count(), 0);
    }
}
