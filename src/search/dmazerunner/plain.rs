//! The search without cleverness: nested loops over every factorization and every order, the model at each.
//!
//! It defines what a search must find. It shares with [`super::optimum`] nothing but the model; no tile is
//! skipped, no split is thought dominated, and orders are not reduced to classes beforehand: every order of the
//! loops with more than one trip is formed and its reuse read off.

use super::optimum::{Objective, Score};
use super::space::Limits;
use crate::models::dmazerunner::method::check_spm;
use crate::models::dmazerunner::{
    DIMS, Dim, Factors, Layer, Machine, Method, Reuse, Sizes, Tensor, Tiling, reuse,
};
use rayon::prelude::*;
use std::collections::BTreeSet;

/// Which orders of the loops of a level are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orders {
    /// Every order of the loops with more than one trip.
    All,
    /// One per class of [`reuse::classes`].
    Classes,
}

/// What nested loops find.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    /// Tilings that fit and reach the limits.
    pub tilings: u64,
    /// Least score of each of [`Objective::ALL`].
    pub best: [Option<Score>; 3],
}

/// Tilings that [`all`] looks at, whatever fits and whatever the limits say; `None`: more than 64 bits count.
#[must_use]
pub fn tilings(layer: &Layer) -> Option<u64> {
    // A prime that divides a bound n times is in n of four factors, in any way: n + 3 over 3.
    let ways = |bound: u64| {
        let mut rest = bound;
        let mut all = 1u64;
        for prime in 2.. {
            if prime > rest {
                break;
            }
            let mut times = 0;
            while rest.is_multiple_of(prime) {
                rest /= prime;
                times += 1;
            }
            all = all.checked_mul((times + 3) * (times + 2) * (times + 1) / 6)?;
            if prime > rest / prime && rest > 1 {
                return all.checked_mul(4);
            }
        }
        Some(all)
    };
    let mut bounds = layer.bounds.iter();
    bounds.try_fold(1u64, |all, &bound| all.checked_mul(ways(bound)?))
}

/// All methods of the layer.
#[must_use]
pub fn all(layer: &Layer, machine: &Machine, limits: &Limits, orders: Orders) -> Plain {
    let tiles = vectors(&layer.bounds).into_par_iter();
    let plain = tiles.map(|tile| in_tile(layer, machine, limits, &tile, orders));
    plain.reduce(Plain::default, |one, other| {
        let mut sum = one;
        sum.tilings += other.tilings;
        for (mine, theirs) in sum.best.iter_mut().zip(other.best) {
            *mine = [*mine, theirs].into_iter().flatten().min();
        }
        sum
    })
}

/// All methods whose SPM tile has these factors.
#[must_use]
pub fn in_tile(
    layer: &Layer,
    machine: &Machine,
    limits: &Limits,
    tile: &Factors,
    orders: Orders,
) -> Plain {
    let mut plain = Plain::default();
    // What most tilings fail is asked first: to check and prepare one takes as long as to look at a hundred.
    if check_spm(&layer.footprints(tile), machine).is_err() {
        return plain;
    }
    let dram = quotient(&layer.bounds, tile);
    let dram_reuse = reuses(layer, &dram, orders);
    for rf in vectors(tile) {
        let filled: u64 = layer.footprints(&rf).iter().sum();
        if filled > machine.rf_elements || !limits.rf.reached(filled, machine.rf_elements) {
            continue;
        }
        for spatial in vectors(&quotient(tile, &rf)) {
            let method = Method {
                dram,
                spm: quotient(&quotient(tile, &rf), &spatial),
                rf,
                spatial,
                dram_order: Dim::ALL,
                spm_order: Dim::ALL,
            };
            let pes: u64 = spatial.iter().product();
            if pes > machine.pes || !admitted(layer, machine, limits, &method, &method.sizes(layer))
            {
                continue;
            }
            let Ok(tiling) = Tiling::new(layer, machine, &method) else {
                continue;
            };
            plain.tilings += 1;
            let spm_reuse = reuses(layer, &method.spm, orders);
            for dram in &dram_reuse {
                for spm in &spm_reuse {
                    let profile = tiling.profile(*spm, *dram);
                    let (energy, cycles) = (profile.energy.total(), profile.cycles);
                    for (best, objective) in plain.best.iter_mut().zip(Objective::ALL) {
                        let score = objective.score(energy, cycles, profile.unit);
                        *best = Some(best.map_or(score, |best| best.min(score)));
                    }
                }
            }
        }
    }
    plain
}

/// Whether a method that fits, with these sizes, reaches the limits.
#[must_use]
pub fn admitted(
    layer: &Layer,
    machine: &Machine,
    limits: &Limits,
    method: &Method,
    sizes: &Sizes,
) -> bool {
    let filled: u64 = sizes.rf.iter().sum();
    let bytes = sizes.spm.iter().sum::<u64>() * machine.element_bytes;
    let pes: u64 = method.spatial.iter().product();
    let feature = [Dim::Fx, Dim::Fy]
        .iter()
        .any(|d| method.dram[d.index()] > 1);
    let reduces = Dim::ALL
        .iter()
        .any(|d| layer.idle(*d) == Some(Tensor::O) && method.spatial[d.index()] > 1);
    limits.pe.reached(pes, machine.pes)
        && limits.rf.reached(filled, machine.rf_elements)
        && limits.spm.reached(bytes, machine.spm_bytes())
        && !(limits.no_feature_dram && feature)
        && !(limits.no_spatial_reduction && reduces)
}

/// Every reuse that some of the orders of the loops has.
fn reuses(layer: &Layer, factors: &Factors, which: Orders) -> BTreeSet<Reuse> {
    if which == Orders::Classes {
        let (idle, all) = layer.idle_products(factors);
        return reuse::classes(&idle, all).collect();
    }
    let active: Vec<Dim> = Dim::ALL
        .into_iter()
        .filter(|dim| factors[dim.index()] > 1)
        .collect();
    let mut found = BTreeSet::new();
    permute(&mut active.clone(), 0, &mut |order| {
        let mut full = [Dim::N; DIMS];
        let idle = Dim::ALL.into_iter().filter(|dim| !active.contains(dim));
        for (place, dim) in full.iter_mut().zip(idle.chain(order.iter().copied())) {
            *place = dim;
        }
        found.insert(reuse::by_order(layer, factors, &full));
    });
    found
}

fn permute(dims: &mut [Dim], from: usize, visit: &mut impl FnMut(&[Dim])) {
    if from == dims.len() {
        visit(dims);
        return;
    }
    for i in from..dims.len() {
        dims.swap(from, i);
        permute(dims, from + 1, visit);
        dims.swap(from, i);
    }
}

/// Every vector that divides `of`.
#[must_use]
pub fn vectors(of: &Factors) -> Vec<Factors> {
    let mut all = vec![[1; DIMS]];
    for d in 0..DIMS {
        let mut longer = Vec::new();
        for vector in all {
            for factor in (1..)
                .take_while(|f| f * f <= of[d])
                .filter(|f| of[d].is_multiple_of(*f))
            {
                let mut next: Factors = vector;
                next[d] = factor;
                longer.push(next);
                if factor * factor != of[d] {
                    next[d] = of[d] / factor;
                    longer.push(next);
                }
            }
        }
        all = longer;
    }
    all
}

fn quotient(of: &Factors, by: &Factors) -> Factors {
    std::array::from_fn(|d| of[d] / by[d])
}
