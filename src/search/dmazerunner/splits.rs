//! Splits of the array's tile into what one PE works on and how PEs share it.
//!
//! For one tile `a` the number of deliveries and their size are settled; a split decides only four numbers:
//! cycles of computation per pass, network energy of an input delivery and of a weight delivery, and cycles of
//! reduction. Cycles and energy of every method never fall when one of the four grows, whatever the rest
//! of the method is. So a split for which another is at most as large in all four is *dominated*: leaving
//! it out loses no optimum of energy, of cycles, or of any objective that grows with both.

use super::lattice::Lattice;
use super::space::Limits;
use crate::models::dmazerunner::{DIMS, Dim, Factors, Layer, Machine, Tensor};

/// A split that no other dominates.
#[derive(Clone, Copy, Debug)]
pub struct Split {
    pub spatial: Factors,
    pub rf: Factors,
    /// Cycles of computation per RF pass.
    pub compute: u64,
    /// Elements that one delivery of inputs or weights brings to all PEs, copies counted.
    pub copies: [u64; 2],
    /// Cycles of reduction.
    pub reduction: u64,
}

/// The splits of the tile with this number that no other dominates.
#[must_use]
pub fn undominated(
    layer: &Layer,
    machine: &Machine,
    limits: &Limits,
    lattice: &Lattice,
    tile: usize,
) -> Vec<Split> {
    let mut walk = Walk::new(layer, machine, limits, lattice, tile);
    walk.step(0, 1);
    walk.best
}

struct Walk<'a> {
    layer: &'a Layer,
    machine: &'a Machine,
    lattice: &'a Lattice,
    places: [usize; DIMS],
    tile: Factors,
    /// Product of the tile's factors from each loop on.
    rest: [u64; DIMS + 1],
    least_pes: u64,
    least_rf: u64,
    rf: Factors,
    spatial: Factors,
    /// Loops that may not be shared between PEs.
    fixed: [bool; DIMS],
    best: Vec<Split>,
}

impl<'a> Walk<'a> {
    fn new(
        layer: &'a Layer,
        machine: &'a Machine,
        limits: &'a Limits,
        lattice: &'a Lattice,
        index: usize,
    ) -> Self {
        let tile = lattice.vector(index);
        let mut rest = [1; DIMS + 1];
        for d in (0..DIMS).rev() {
            rest[d] = rest[d + 1] * tile[d];
        }
        Walk {
            layer,
            machine,
            lattice,
            places: std::array::from_fn(|d| lattice.place(index, d)),
            tile,
            rest,
            least_pes: limits.pe.least(machine.pes),
            least_rf: limits.rf.least(machine.rf_elements),
            rf: [1; DIMS],
            spatial: [1; DIMS],
            fixed: Dim::ALL
                .map(|dim| limits.no_spatial_reduction && layer.idle(dim) == Some(Tensor::O)),
            best: Vec::new(),
        }
    }

    /// Chooses the factors of loop `d` and of all after it.
    fn step(&mut self, d: usize, pes: u64) {
        if d == DIMS {
            self.take(pes);
            return;
        }
        let lattice = self.lattice;
        let below: &[usize] = if self.fixed[d] {
            &[0]
        } else {
            lattice.below(d, self.places[d])
        };
        for i in below {
            let shared = lattice.divisors(d)[*i];
            let pes = pes * shared;
            if pes > self.machine.pes {
                break;
            }
            if pes * self.rest[d + 1] < self.least_pes {
                continue;
            }
            self.spatial[d] = shared;
            self.rf[d] = self.tile[d] / shared;
            if self.rf[d] > 1 && self.rf_elements() > self.machine.rf_elements {
                continue;
            }
            self.step(d + 1, pes);
        }
        self.spatial[d] = 1;
        self.rf[d] = 1;
    }

    fn rf_elements(&self) -> u64 {
        self.layer.footprints(&self.rf).iter().sum()
    }

    fn take(&mut self, pes: u64) {
        let sizes = self.layer.footprints(&self.rf);
        let filled = sizes.iter().sum::<u64>();
        if pes < self.least_pes || filled < self.least_rf || filled > self.machine.rf_elements {
            return;
        }
        let split = Split {
            spatial: self.spatial,
            rf: self.rf,
            compute: self.rf.iter().product(),
            copies: [sizes[0] * pes, sizes[1] * pes],
            reduction: crate::models::dmazerunner::energy::reduction(
                self.layer,
                &self.rf,
                &self.spatial,
            ),
        };
        let beats = |a: &Split, b: &Split| {
            a.compute <= b.compute
                && a.copies[0] <= b.copies[0]
                && a.copies[1] <= b.copies[1]
                && a.reduction <= b.reduction
        };
        if self.best.iter().any(|other| beats(other, &split)) {
            return;
        }
        self.best.retain(|other| !beats(&split, other));
        self.best.push(split);
    }
}
