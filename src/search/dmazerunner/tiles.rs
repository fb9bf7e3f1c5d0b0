//! Tiles of the SPM, with what depends on them and on the order of the DRAM's loops alone.

use super::lattice::Lattice;
use super::space::Limits;
use crate::models::dmazerunner::cycles::Transfers;
use crate::models::dmazerunner::method::check_spm;
use crate::models::dmazerunner::{
    Dim, Energies, Layer, Machine, TENSORS, Tensor, dma, energy, reuse,
};
use rayon::prelude::*;

/// A tile of the SPM.
#[derive(Clone, Debug)]
pub struct Tile {
    /// Its number in the lattice, and its exponents.
    pub index: usize,
    pub code: u128,
    /// Product of its factors.
    pub volume: u64,
    /// Products of its factors over the loops that do not index each tensor, and over those that index all.
    pub idle: [u64; TENSORS],
    pub all: u64,
    /// The classes of orders of the DRAM's loops.
    pub orders: Vec<DramOrder>,
}

/// One class of orders of the DRAM's loops.
#[derive(Clone, Copy, Debug)]
pub struct DramOrder {
    pub transfers: Transfers,
    /// The tensor that stays, if any.
    pub stays: Option<usize>,
    /// Energy of the DRAM.
    pub energy: u64,
}

/// All tiles that fit and reach the limits, in the order of the lattice.
#[must_use]
pub fn all(
    layer: &Layer,
    machine: &Machine,
    energies: &Energies,
    limits: &Limits,
    lattice: &Lattice,
) -> Vec<Tile> {
    let tiles = lattice.select(&mut |q| check_spm(&layer.footprints(q), machine).is_ok());
    tiles
        .par_iter()
        .with_min_len(64)
        .filter_map(|index| tile(layer, machine, energies, limits, lattice, *index))
        .collect()
}

fn tile(
    layer: &Layer,
    machine: &Machine,
    energies: &Energies,
    limits: &Limits,
    lattice: &Lattice,
    index: usize,
) -> Option<Tile> {
    let q = lattice.vector(index);
    let filter = [Dim::Fx, Dim::Fy].map(Dim::index);
    if limits.no_feature_dram && filter.iter().any(|d| q[*d] != layer.bounds[*d]) {
        return None;
    }
    let sizes = layer.footprints(&q);
    let bytes = sizes.iter().sum::<u64>() * machine.element_bytes;
    if !limits.spm.reached(bytes, machine.spm_bytes()) {
        return None;
    }
    let dram = std::array::from_fn(|d| layer.bounds[d] / q[d]);
    let (waiting, common) = layer.idle_products(&dram);
    let passes: u64 = dram.iter().product();
    let output_tiles = passes / waiting[Tensor::O.index()];
    let cycles = dma::all_bursts(layer, machine, &q).map(|b| b.cycles);
    let orders = reuse::classes(&waiting, common)
        .map(|reuse| DramOrder {
            transfers: Transfers {
                dma: cycles,
                reuse,
                passes,
            },
            stays: (0..TENSORS).find(|x| reuse[*x] > 1),
            energy: energy::dram(energies, &sizes, passes, &reuse, output_tiles),
        })
        .collect();
    let (idle, all) = layer.idle_products(&q);
    Some(Tile {
        index,
        code: lattice.code(index),
        volume: q.iter().product(),
        idle,
        all,
        orders,
    })
}
