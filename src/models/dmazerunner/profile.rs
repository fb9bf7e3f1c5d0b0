//! One method's profile: everything the tool prints about it.

use super::cycles::{Pass, PassCycles, Transfers};
use super::dma::{self, Bursts};
use super::energy::{self, Accesses, Breakdown};
use super::layer::{Layer, TENSORS, Tensor};
use super::machine::{Energies, Machine, PICOJOULE};
use super::method::{Method, Rejected, Sizes};
use super::reuse::{self, Reuse};

const O: usize = Tensor::O.index();

/// The figures of one method.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    pub sizes: Sizes,
    pub pass: Pass,
    pub pass_cycles: PassCycles,
    pub transfers: Transfers,
    pub bursts: [Bursts; TENSORS],
    /// Cycles of the layer.
    pub cycles: u64,
    pub accesses: Accesses,
    /// Energy in units of `unit` attojoule.
    pub energy: Breakdown,
    /// Attojoule in one unit of `energy`.
    pub unit: u64,
}

/// What bounds an SPM pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bottleneck {
    Compute,
    /// Deliveries of this tensor to the array.
    Network(Tensor),
    /// Writing outputs back, without overlap.
    WriteBack,
    Dma,
}

impl Profile {
    /// Energy, rounded to a picojoule (halves to even).
    #[must_use]
    pub fn picojoule(&self) -> u64 {
        picojoule(self.energy.total(), self.unit)
    }

    /// Energy-delay product in pJ x cycles, of the rounded energy.
    #[must_use]
    pub fn edp(&self) -> u128 {
        u128::from(self.picojoule()) * u128::from(self.cycles)
    }

    /// What an SPM pass waits for most.
    #[must_use]
    pub fn bottleneck(&self) -> Bottleneck {
        if self.transfers.every_pass() > self.pass_cycles.total {
            return Bottleneck::Dma;
        }
        let compute = self.pass.compute * self.pass.passes;
        let write_back = if self.pass.kept == Some(O) {
            0
        } else {
            (self.pass.compute + self.pass.reduction) * (self.pass.passes / self.pass.reuse[O])
        };
        let network = self.pass_cycles.total - write_back;
        let longest = Tensor::ALL
            .into_iter()
            .filter(|x| self.pass.kept != Some(x.index()))
            .max_by_key(|x| self.pass.latency[x.index()] / self.pass.reuse[x.index()]);
        match longest {
            Some(tensor) if network > compute.max(write_back) => Bottleneck::Network(tensor),
            _ if write_back > compute => Bottleneck::WriteBack,
            _ => Bottleneck::Compute,
        }
    }
}

/// Energy in picojoule, halves to even.
#[must_use]
pub fn picojoule(energy: u64, unit: u64) -> u64 {
    let total = u128::from(energy) * u128::from(unit);
    let one = u128::from(PICOJOULE);
    let (whole, rest) = (total / one, total % one);
    let up = 2 * rest > one || (2 * rest == one && whole % 2 == 1);
    (whole + u128::from(up)) as u64
}

/// The profile of a method under its own orders.
///
/// # Errors
///
/// The condition that the method, the layer or the architecture fails.
pub fn evaluate(layer: &Layer, machine: &Machine, method: &Method) -> Result<Profile, Rejected> {
    let tiling = Tiling::new(layer, machine, method)?;
    let spm = reuse::by_order(layer, &method.spm, &method.spm_order);
    let dram = reuse::by_order(layer, &method.dram, &method.dram_order);
    Ok(tiling.profile(spm, dram))
}

/// A method without its orders: what its profile is under any.
#[derive(Clone, Copy, Debug)]
pub struct Tiling {
    pub sizes: Sizes,
    pub bursts: [Bursts; TENSORS],
    macs: u64,
    copies: [u64; TENSORS],
    energies: Energies,
    unit: u64,
    compute: u64,
    reduction: u64,
    rf_passes: u64,
    spm_passes: u64,
    /// Distinct tiles of the output.
    output_tiles: u64,
}

impl Tiling {
    /// Checks and prepares a method's tiling.
    ///
    /// # Errors
    ///
    /// The condition that the method, the layer or the architecture fails.
    pub fn new(layer: &Layer, machine: &Machine, method: &Method) -> Result<Tiling, Rejected> {
        let sizes = method.check(layer, machine)?;
        let energies = machine.energies_in_units();
        let spm_passes: u64 = method.dram.iter().product();
        let (idle, _) = layer.idle_products(&method.dram);
        Ok(Tiling {
            sizes,
            bursts: dma::all_bursts(layer, machine, &method.spm_tile()),
            macs: layer.macs(),
            copies: energy::copies(layer, &method.rf, &method.spatial),
            energies,
            unit: machine.energy_unit(),
            compute: method.rf.iter().product(),
            reduction: energy::reduction(layer, &method.rf, &method.spatial),
            rf_passes: method.spm.iter().product(),
            spm_passes,
            output_tiles: spm_passes / idle[O],
        })
    }

    /// The profile under orders with these reuses.
    #[must_use]
    pub fn profile(&self, spm: Reuse, dram: Reuse) -> Profile {
        let kept = (0..TENSORS).find(|x| spm[*x] == self.rf_passes && dram[*x] > 1);
        let pass = Pass {
            compute: self.compute,
            reduction: self.reduction,
            passes: self.rf_passes,
            latency: self.sizes.array,
            reuse: spm,
            kept,
        };
        let transfers = Transfers {
            dma: self.bursts.map(|b| b.cycles),
            reuse: dram,
            passes: self.spm_passes,
        };
        let pass_cycles = pass.cycles();
        let accesses = self.accesses(&spm, &dram, kept);
        Profile {
            sizes: self.sizes,
            pass,
            pass_cycles,
            transfers,
            bursts: self.bursts,
            cycles: transfers.cycles(&pass, pass_cycles),
            energy: accesses.energy(&self.energies),
            accesses,
            unit: self.unit,
        }
    }

    fn accesses(&self, spm: &Reuse, dram: &Reuse, kept: Option<usize>) -> Accesses {
        let counts = energy::counts(self.spm_passes, self.rf_passes, spm, dram, kept);
        let visits = dram.map(|reuse| self.spm_passes / reuse);
        let (size, tile) = (&self.sizes.array, &self.sizes.spm);
        // Sums that PEs hand on: two reads of a register file, an addition, a write, and the way between.
        let summed = counts[O] * self.reduction;
        let mut all = Accesses {
            operations: self.macs + summed,
            rf_reads: [self.macs; TENSORS],
            rf_writes: self.macs + summed,
            network: std::array::from_fn(|x| counts[x] * self.copies[x]),
            spm_reads: std::array::from_fn(|x| counts[x] * size[x]),
            spm_writes: counts[O] * size[O],
            dram_reads: std::array::from_fn(|x| visits[x] * tile[x]),
            dram_writes: visits[O] * tile[O],
        };
        all.rf_reads[O] += 2 * summed;
        if kept == Some(O) {
            all.spm_reads[O] = 0;
        } else {
            all.network[O] *= 2;
        }
        all.network[O] += summed;
        all.dram_reads[O] -= self.output_tiles * tile[O];
        all
    }
}
