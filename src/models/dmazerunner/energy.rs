//! Energy, in the machine's unit ([`super::Machine::energy_unit`]), split five ways.
//!
//! MACs, and four accesses of the register file per MAC (input, weight, output read and written), do not depend
//! on the method. Deliveries pay the network per receiving PE and the SPM per distinct element; outputs go
//! both ways in every delivery, even the first (the tool reads an output back before anything was written
//! there). DRAM pays per element of the SPM tile; the first visit of an output tile is not read. Writing the
//! SPM or a register file on a fill costs nothing.

use super::layer::{Factors, Layer, TENSORS, Tensor};
use super::machine::Energies;
use super::reuse::Reuse;

const O: usize = Tensor::O.index();

/// Energy by what spends it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breakdown {
    pub mac: u64,
    pub rf: u64,
    pub noc: u64,
    pub spm: u64,
    pub dram: u64,
}

impl Breakdown {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.mac + self.rf + self.noc + self.spm + self.dram
    }
}

/// What a method does over the layer, per tensor: the counts that energies are multiplied with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accesses {
    /// Multiply-accumulates, and additions of partial results across PEs.
    pub operations: u64,
    pub rf_reads: [u64; TENSORS],
    /// Of outputs: nothing is counted for writing inputs and weights.
    pub rf_writes: u64,
    /// Elements delivered to PEs or from them, one for every PE that receives it.
    pub network: [u64; TENSORS],
    pub spm_reads: [u64; TENSORS],
    /// Of outputs that leave the array.
    pub spm_writes: u64,
    pub dram_reads: [u64; TENSORS],
    /// Of outputs.
    pub dram_writes: u64,
}

impl Accesses {
    /// What they cost.
    #[must_use]
    pub fn energy(&self, e: &Energies) -> Breakdown {
        let sum = |counts: &[u64; TENSORS]| counts.iter().sum::<u64>();
        Breakdown {
            mac: self.operations * e.mac,
            rf: (sum(&self.rf_reads) + self.rf_writes) * e.rf,
            noc: sum(&self.network) * e.noc,
            spm: (sum(&self.spm_reads) + self.spm_writes) * e.spm,
            dram: (sum(&self.dram_reads) + self.dram_writes) * e.dram,
        }
    }
}

/// Elements that one delivery of each tensor brings to PEs: to all PEs for inputs and weights, to one PE per distinct
/// element for outputs.
#[must_use]
pub fn copies(layer: &Layer, rf: &Factors, spatial: &Factors) -> [u64; TENSORS] {
    let pes: u64 = spatial.iter().product();
    let (idle, _) = layer.idle_products(spatial);
    Tensor::ALL.map(|tensor| {
        let receivers = match tensor {
            Tensor::O => pes / idle[O],
            _ => pes,
        };
        layer.footprint(tensor, rf) * receivers
    })
}

/// Number of deliveries of each tensor over the layer.
#[must_use]
pub fn counts(
    spm_passes: u64,
    rf_passes: u64,
    spm_reuse: &Reuse,
    dram_reuse: &Reuse,
    kept: Option<usize>,
) -> [u64; TENSORS] {
    std::array::from_fn(|x| {
        if kept == Some(x) {
            spm_passes / dram_reuse[x]
        } else {
            spm_passes * (rf_passes / spm_reuse[x])
        }
    })
}

/// Cycles that summing the partial results of one write-back takes: one element after the other, over all
/// groups of PEs that share outputs.
#[must_use]
pub fn reduction(layer: &Layer, rf: &Factors, spatial: &Factors) -> u64 {
    let pes: u64 = spatial.iter().product();
    let (idle, _) = layer.idle_products(spatial);
    layer.footprint(Tensor::O, rf) * (idle[O] - 1) * (pes / idle[O])
}

/// Energy of the DRAM: tiles of the SPM in and out.
#[must_use]
pub fn dram(
    e: &Energies,
    sizes: &[u64; TENSORS],
    passes: u64,
    reuse: &Reuse,
    output_tiles: u64,
) -> u64 {
    let transfers = |x: usize| {
        let visits = passes / reuse[x];
        if x == O {
            2 * visits - output_tiles
        } else {
            visits
        }
    };
    (0..TENSORS).map(|x| sizes[x] * transfers(x) * e.dram).sum()
}
