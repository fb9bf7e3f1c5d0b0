//! How many splits each tile of the array has, and the least of what a split decides.
//!
//! A split of the tile `a` is a tile `r` of the register file and a tile of the array's sharing `p` with
//! `r * p = a`. Counting all of them needs only a walk over `p` for every `r` that fits: for each pair the count
//! of its `a` grows by one, and the least computation, network energy and reduction of its `a` are updated,
//! each by itself. These four minima bound every split of the tile from below, and so spare most tiles the
//! listing of their splits ([`super::splits`]).

use super::lattice::Lattice;
use super::space::Limits;
use crate::models::dmazerunner::{DIMS, Dim, Factors, Layer, Machine, Tensor};
use rayon::prelude::*;

/// What all splits of one tile have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How many there are.
    pub count: u64,
    /// Least cycles of computation per RF pass.
    pub compute: u64,
    /// Least number of elements that one delivery of inputs, and of weights, brings to all PEs together.
    pub copies: [u64; 2],
    /// Least cycles of reduction.
    pub reduction: u64,
}

impl Summary {
    /// Of no split.
    pub const NONE: Summary = Summary {
        count: 0,
        compute: u64::MAX,
        copies: [u64::MAX; 2],
        reduction: u64::MAX,
    };

    fn merge(&mut self, other: &Summary) {
        self.count += other.count;
        self.compute = self.compute.min(other.compute);
        for (mine, theirs) in self.copies.iter_mut().zip(other.copies) {
            *mine = (*mine).min(theirs);
        }
        self.reduction = self.reduction.min(other.reduction);
    }
}

/// The summary of every vector of the lattice. Only tiles with `room` (the SPM holds them, and some tile that
/// they divide is admitted) are looked at.
#[must_use]
pub fn summaries(
    layer: &Layer,
    machine: &Machine,
    limits: &Limits,
    lattice: &Lattice,
    room: &[bool],
) -> Vec<Summary> {
    let space = Space {
        layer,
        machine,
        limits,
        lattice,
        room,
        steps: Steps::new(layer, limits, lattice),
    };
    let least_rf = limits.rf.least(machine.rf_elements);
    let files: Vec<usize> = lattice
        .select(&mut |r| layer.footprints(r).iter().sum::<u64>() <= machine.rf_elements)
        .into_iter()
        .filter(|r| {
            let filled: u64 = layer.footprints(&lattice.vector(*r)).iter().sum();
            room[*r] && filled >= least_rf
        })
        .collect();
    let threads = rayon::current_num_threads().max(1);
    let chunk = files.len().div_ceil(4 * threads).max(64);
    let parts: Vec<Vec<Summary>> = files
        .par_chunks(chunk)
        .fold(
            || vec![Summary::NONE; lattice.size()],
            |mut sums, files| {
                for index in files {
                    let walk = Walk::new(&space, *index);
                    walk.step(0, *index, 1, 1, &mut sums);
                }
                sums
            },
        )
        .collect();
    let mut parts = parts.into_iter();
    let Some(mut all) = parts.next() else {
        return vec![Summary::NONE; lattice.size()];
    };
    for part in parts {
        for (sum, other) in all.iter_mut().zip(&part) {
            sum.merge(other);
        }
    }
    all
}

/// One way to share a loop: how many PEs, and what it adds to the number of the vector.
#[derive(Clone, Copy)]
struct Share {
    pes: u64,
    step: usize,
}

/// Per loop and place of the register file's factor: the ways to share what is left of the loop.
struct Steps {
    ways: [Vec<Vec<Share>>; DIMS],
    /// Loops that reduce, and those of them that the array may share.
    reduces: [bool; DIMS],
    shared: [bool; DIMS],
}

impl Steps {
    fn new(layer: &Layer, limits: &Limits, lattice: &Lattice) -> Steps {
        let ways = std::array::from_fn(|d| {
            let divisors = lattice.divisors(d);
            let of = |from: &u64| {
                let (start, rest) = (lattice.place_of(d, *from), layer.bounds[d] / from);
                divisors
                    .iter()
                    .filter(|pes| rest % **pes == 0)
                    .map(|pes| Share {
                        pes: *pes,
                        step: (lattice.place_of(d, from * pes) - start) * lattice.step(d),
                    })
                    .collect()
            };
            divisors.iter().map(of).collect()
        });
        let reduces = Dim::ALL.map(|dim| layer.idle(dim) == Some(Tensor::O));
        Steps {
            ways,
            reduces,
            shared: reduces.map(|reduces| !(limits.no_spatial_reduction && reduces)),
        }
    }
}

/// What all walks have in common.
struct Space<'a> {
    layer: &'a Layer,
    machine: &'a Machine,
    limits: &'a Limits,
    lattice: &'a Lattice,
    room: &'a [bool],
    steps: Steps,
}

struct Walk<'a> {
    steps: &'a Steps,
    room: &'a [bool],
    most_pes: u64,
    least_pes: u64,
    /// Place of the register file's factor of each loop.
    places: [usize; DIMS],
    /// Loops that the array may share; their product from each on.
    loops: Vec<usize>,
    rest: Vec<u64>,
    compute: u64,
    sizes: [u64; 3],
}

impl<'a> Walk<'a> {
    fn new(space: &'a Space<'_>, index: usize) -> Walk<'a> {
        let r: Factors = space.lattice.vector(index);
        let bounds = &space.layer.bounds;
        let loops: Vec<usize> = (0..DIMS)
            .filter(|d| space.steps.shared[*d] && r[*d] < bounds[*d])
            .collect();
        let mut rest = vec![1; loops.len() + 1];
        for (i, d) in loops.iter().enumerate().rev() {
            rest[i] = rest[i + 1] * (bounds[*d] / r[*d]);
        }
        Walk {
            steps: &space.steps,
            room: space.room,
            most_pes: space.machine.pes,
            least_pes: space.limits.pe.least(space.machine.pes),
            places: std::array::from_fn(|d| space.lattice.place(index, d)),
            loops,
            rest,
            compute: r.iter().product(),
            sizes: space.layer.footprints(&r),
        }
    }

    /// Shares the `i`-th loop and all after it; `across` PEs have outputs of their own, each of `along` PEs has a
    /// part of the same outputs.
    fn step(&self, i: usize, index: usize, across: u64, along: u64, sums: &mut [Summary]) {
        if i == self.loops.len() {
            let pes = across * along;
            if pes >= self.least_pes {
                let sum = &mut sums[index];
                sum.count += 1;
                sum.compute = sum.compute.min(self.compute);
                sum.copies[0] = sum.copies[0].min(self.sizes[0] * pes);
                sum.copies[1] = sum.copies[1].min(self.sizes[1] * pes);
                sum.reduction = sum.reduction.min(self.sizes[2] * across * (along - 1));
            }
            return;
        }
        let d = self.loops[i];
        for way in &self.steps.ways[d][self.places[d]] {
            let pes = across * along * way.pes;
            if pes > self.most_pes || !self.room[index + way.step] {
                break;
            }
            if pes * self.rest[i + 1] < self.least_pes {
                continue;
            }
            let (across, along) = if self.steps.reduces[d] {
                (across, along * way.pes)
            } else {
                (across * way.pes, along)
            };
            self.step(i + 1, index + way.step, across, along, sums);
        }
    }
}
