//! The two lists of a search and what every scan of them needs.

use super::lattice::Lattice;
use super::optimum::Best;
use super::pairs::{self, Summary};
use super::space::Limits;
use super::splits::{self, Split};
use super::tiles::{self, Tile};
use crate::models::dmazerunner::cycles::Pass;
use crate::models::dmazerunner::method::{Rejected, check_problem, stationary_order};
use crate::models::dmazerunner::{
    Energies, Layer, Machine, Method, Operator, Reuse, TENSORS, Tensor,
};
use std::sync::OnceLock;

const O: usize = Tensor::O.index();

/// Stands for "no tensor stays".
pub const NOTHING: usize = TENSORS;

/// Why a layer cannot be searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsearchable {
    /// The profile does not apply to layer or architecture.
    Problem(Rejected),
    /// More divisor vectors than [`super::lattice::MOST`].
    TooManyVectors,
    /// More tilings than 64 bits count.
    TooManyTilings,
}

/// A tile of the array: what all its splits have in common.
#[derive(Clone, Debug)]
pub struct ArrayTile {
    /// Its number in the lattice, and its exponents.
    pub index: usize,
    pub code: u128,
    pub summary: Summary,
    /// Product of its factors.
    pub volume: u64,
    /// Products of its factors over the loops that do not index each tensor, and over those that index all.
    pub idle: [u64; TENSORS],
    pub all: u64,
    /// Elements of each tensor's tile: cycles of a delivery.
    pub latency: [u64; TENSORS],
    /// RF passes of the whole layer.
    pub passes: u64,
    /// Deliveries of each tensor if it stayed through all its idle loops of SPM and DRAM.
    pub least: [u64; TENSORS],
    /// Its splits, listed when first needed.
    splits: OnceLock<Vec<Split>>,
}

/// An array's tile with the tensor that stays through the loops of the SPM (or, if the SPM has none, of the
/// DRAM), and what any method with both costs at least.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Place of the tile.
    pub array: usize,
    pub stays: usize,
    /// Energy without the DRAM's.
    pub energy: u64,
    pub cycles: u64,
}

/// Everything that a search of one layer on one architecture needs.
#[derive(Clone, Debug)]
pub struct Join {
    pub layer: Layer,
    pub machine: Machine,
    pub limits: Limits,
    pub energies: Energies,
    /// Attojoule in one unit of energy.
    pub unit: u64,
    pub lattice: Lattice,
    pub tiles: Vec<Tile>,
    pub arrays: Vec<ArrayTile>,
    pub items: Vec<Item>,
    /// Energy of MACs and register files, the same for every method.
    pub constant: u64,
    /// Tilings in each tile of the SPM, in the order of `tiles`.
    pub tilings: Vec<u64>,
    /// Least energy without the DRAM's, and least cycles, of any item in each tile.
    pub least: Vec<(u64, u64)>,
}

impl Join {
    /// Lists splits and tiles.
    ///
    /// # Errors
    ///
    /// If the profile does not apply to the layer or its divisors are too many.
    pub fn new(layer: &Layer, machine: &Machine, limits: &Limits) -> Result<Join, Unsearchable> {
        check_problem(layer, machine).map_err(Unsearchable::Problem)?;
        let lattice = Lattice::new(&layer.bounds).ok_or(Unsearchable::TooManyVectors)?;
        let energies = machine.energies_in_units();
        let tiles = tiles::all(layer, machine, &energies, limits, &lattice);
        let mut room = vec![false; lattice.size()];
        for tile in &tiles {
            room[tile.index] = true;
        }
        lattice.over_multiples(&mut room, |a, b| a | b);
        let summaries = pairs::summaries(layer, machine, limits, &lattice, &room);
        let macs = layer.macs();
        let constant = macs * energies.mac + 4 * macs * energies.rf;
        let (bounds, _) = layer.idle_products(&layer.bounds);
        let mut counts: Vec<u64> = summaries.iter().map(|s| s.count).collect();
        let mut least = vec![(u64::MAX, u64::MAX); lattice.size()];
        let mut arrays = Vec::new();
        let mut items = Vec::new();
        for (index, summary) in summaries.iter().enumerate().filter(|(_, s)| s.count > 0) {
            let array = ArrayTile::new(layer, &lattice, &bounds, index, *summary);
            let common = Costs::of(&array, &energies, summary.copies, summary.reduction);
            for stays in 0..=TENSORS {
                if stays == NOTHING && layer.operator != Operator::Depthwise {
                    continue;
                }
                let (energy, cycles) = array.bound(&common, summary.compute, stays);
                let energy = energy + constant;
                let place = &mut least[index];
                *place = (place.0.min(energy), place.1.min(cycles));
                items.push(Item {
                    array: arrays.len(),
                    stays,
                    energy,
                    cycles,
                });
            }
            arrays.push(array);
        }
        lattice.over_divisors(&mut counts, |a: u64, b: u64| a.saturating_add(b));
        lattice.over_divisors(&mut least, |a, b| (a.0.min(b.0), a.1.min(b.1)));
        let tiles: Vec<Tile> = tiles
            .into_iter()
            .filter(|tile| counts[tile.index] > 0)
            .collect();
        let tilings: Vec<u64> = tiles.iter().map(|tile| counts[tile.index]).collect();
        let overflow = tilings
            .iter()
            .try_fold(0_u64, |sum, n| sum.checked_add(*n))
            .is_none_or(|sum| sum == u64::MAX);
        if overflow {
            return Err(Unsearchable::TooManyTilings);
        }
        Ok(Join {
            layer: *layer,
            machine: *machine,
            limits: *limits,
            energies,
            unit: machine.energy_unit(),
            tilings,
            least: tiles.iter().map(|tile| least[tile.index]).collect(),
            tiles,
            arrays,
            items,
            constant,
            lattice,
        })
    }

    /// Number of tilings.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.tilings.iter().sum()
    }

    /// The splits of an array's tile that no other dominates.
    #[must_use]
    pub fn splits<'a>(&self, array: &'a ArrayTile) -> &'a [Split] {
        array.splits.get_or_init(|| {
            splits::undominated(
                &self.layer,
                &self.machine,
                &self.limits,
                &self.lattice,
                array.index,
            )
        })
    }

    /// The SPM's part of a method: the tile over the array's tile, under the item's order.
    #[must_use]
    pub fn fits(&self, item: &Item, tile: &Tile) -> Option<SpmLoops> {
        let array = &self.arrays[item.array];
        if !self.lattice.divides(array.code, tile.code) {
            return None;
        }
        let passes = tile.volume / array.volume;
        let mut reuse = [1; TENSORS];
        if passes == 1 {
            // Without loops there is no order; the item stands for what stays at the DRAM.
            return (item.stays != NOTHING).then_some(SpmLoops { passes, reuse });
        }
        if item.stays == NOTHING {
            return (tile.all > array.all).then_some(SpmLoops { passes, reuse });
        }
        let x = item.stays;
        reuse[x] = tile.idle[x] / array.idle[x];
        (reuse[x] > 1).then_some(SpmLoops { passes, reuse })
    }

    /// Energy and cycles of the method, or none if the item does not stand for this order of the DRAM's loops.
    #[must_use]
    pub fn price(
        &self,
        item: &Item,
        split: &Split,
        tile: &Tile,
        order: usize,
        spm: &SpmLoops,
    ) -> Option<(u64, u64)> {
        let array = &self.arrays[item.array];
        let order = &tile.orders[order];
        if spm.passes == 1 && item.stays != order.stays.unwrap_or(O) {
            return None;
        }
        let kept = order.stays.filter(|x| spm.reuse[*x] == spm.passes);
        let pass = Pass {
            compute: split.compute,
            reduction: split.reduction,
            passes: spm.passes,
            latency: array.latency,
            reuse: spm.reuse,
            kept,
        };
        let cycles = order.transfers.cycles(&pass, pass.cycles());
        let costs = Costs::of(array, &self.energies, split.copies, split.reduction);
        let mut energy = self.constant + order.energy;
        for x in 0..TENSORS {
            let count = if kept == Some(x) {
                order.transfers.passes / order.transfers.reuse[x]
            } else if spm.reuse[x] == 1 {
                array.passes
            } else {
                array.passes / spm.reuse[x]
            };
            energy += count * costs.each(x, kept == Some(x));
        }
        Some((energy, cycles))
    }

    /// Bounds of the methods with this split under the item's order.
    #[must_use]
    pub fn split_bound(&self, item: &Item, split: &Split) -> (u64, u64) {
        let array = &self.arrays[item.array];
        let costs = Costs::of(array, &self.energies, split.copies, split.reduction);
        let (energy, cycles) = array.bound(&costs, split.compute, item.stays);
        (energy + self.constant, cycles)
    }

    /// Cycles that the order of the DRAM's loops takes at least, with every PE computing.
    #[must_use]
    pub fn least_cycles(&self, tile: &Tile, order: usize) -> u64 {
        let total = tile.volume.div_ceil(self.machine.pes);
        tile.orders[order].transfers.least(total)
    }

    /// The method in full, with an order of loops for each level.
    #[must_use]
    pub fn method(&self, best: &Best) -> Method {
        let tile = &self.tiles[best.tile];
        let q = self.lattice.vector(tile.index);
        let split = &self.splits(&self.arrays[best.array])[best.split];
        let order_of = |stays: Option<usize>| {
            let tensor = stays.and_then(|x| Tensor::ALL.get(x).copied());
            stationary_order(&self.layer, tensor)
        };
        Method {
            dram: std::array::from_fn(|d| self.layer.bounds[d] / q[d]),
            spm: std::array::from_fn(|d| q[d] / (split.rf[d] * split.spatial[d])),
            rf: split.rf,
            spatial: split.spatial,
            dram_order: order_of(tile.orders[best.order].stays),
            spm_order: order_of(Some(best.stays)),
        }
    }
}

/// The loops of the SPM under one class of orders.
#[derive(Clone, Copy, Debug)]
pub struct SpmLoops {
    /// RF passes in one SPM pass.
    pub passes: u64,
    pub reuse: Reuse,
}

/// Energy of one delivery of each tensor, one way, and of one reduction.
#[derive(Clone, Copy, Debug)]
struct Costs {
    delivery: [u64; TENSORS],
    summing: u64,
}

impl Costs {
    /// `copies`: elements of inputs and weights that one delivery brings to all PEs.
    fn of(array: &ArrayTile, e: &Energies, copies: [u64; 2], reduction: u64) -> Costs {
        // Every distinct output goes to one PE.
        let copies = [copies[0], copies[1], array.latency[O]];
        Costs {
            delivery: std::array::from_fn(|x| copies[x] * e.noc + array.latency[x] * e.spm),
            summing: reduction * (3 * e.rf + e.noc + e.mac),
        }
    }

    /// Of one delivery, with what an output needs beside.
    fn each(&self, x: usize, kept: bool) -> u64 {
        match x {
            O if kept => self.delivery[O] + self.summing,
            O => 2 * self.delivery[O] + self.summing,
            _ => self.delivery[x],
        }
    }
}

impl ArrayTile {
    fn new(
        layer: &Layer,
        lattice: &Lattice,
        bounds: &[u64; TENSORS],
        index: usize,
        summary: Summary,
    ) -> ArrayTile {
        let a = lattice.vector(index);
        let volume: u64 = a.iter().product();
        let (idle, all) = layer.idle_products(&a);
        let passes = layer.macs() / volume;
        ArrayTile {
            index,
            code: lattice.code(index),
            summary,
            volume,
            idle,
            all,
            latency: layer.footprints(&a),
            passes,
            least: std::array::from_fn(|x| passes / (bounds[x] / idle[x])),
            splits: OnceLock::new(),
        }
    }

    /// What deliveries cost at least, and the cycles, when this tensor stays and no other.
    fn bound(&self, costs: &Costs, compute: u64, stays: usize) -> (u64, u64) {
        let mut energy = 0;
        let mut delivery = 0;
        for x in 0..TENSORS {
            if x == stays {
                energy += self.least[x] * costs.each(x, true);
            } else {
                energy += self.passes * costs.each(x, false);
                delivery = delivery.max(self.latency[x]);
            }
        }
        let pass = if stays == O {
            compute.max(delivery)
        } else {
            delivery + compute + self.summary.reduction
        };
        (energy, self.passes * pass)
    }
}
