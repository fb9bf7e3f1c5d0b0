//! The architecture that the profile knows: PEs with register files, one banked SPM, one DMA engine.
//!
//! Sizes are the usable ones: of a double-buffered memory, the half that one tile may fill.

use super::layer::{Layer, TENSORS};

/// Energy of one element's access or one operation, in attojoule (10^-6 pJ): the published tables have up to
/// six decimals of a picojoule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Energies {
    /// One access of a register file.
    pub rf: u64,
    /// One delivery of an element to a PE, or from one PE to the next.
    pub noc: u64,
    /// One access of the SPM.
    pub spm: u64,
    /// One access of the DRAM.
    pub dram: u64,
    /// One multiply-accumulate.
    pub mac: u64,
}

/// Attojoule in a picojoule.
pub const PICOJOULE: u64 = 1_000_000;

/// The architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Processing elements.
    pub pes: u64,
    /// Elements that the tiles of all tensors may fill in one register file.
    pub rf_elements: u64,
    /// Banks of the SPM that the tiles of all tensors may fill; a bank belongs to one tensor.
    pub spm_banks: u64,
    /// Bytes of one bank.
    pub bank_bytes: u64,
    /// Bytes of one element.
    pub element_bytes: u64,
    /// A burst of `b` bytes takes `(dma_setup + dma_per_byte * b) / dma_scale` cycles of the accelerator,
    /// rounded up.
    pub dma_setup: u64,
    pub dma_per_byte: u64,
    pub dma_scale: u64,
    pub energy: Energies,
}

impl Machine {
    /// The published default: 256 PEs, 512 B of usable RF, 64 KiB of usable SPM, a DMA of 291 + 0.24 b cycles at
    /// 3200 MHz beside an accelerator at 500 MHz, energies of 28 nm.
    #[must_use]
    pub fn published() -> Machine {
        Machine {
            pes: 256,
            rf_elements: 256,
            spm_banks: 32,
            bank_bytes: 2048,
            element_bytes: 2,
            // (291 + 0.24 b) * 500 / 3200 = (7275 + 6 b) / 160.
            dma_setup: 7275,
            dma_per_byte: 6,
            dma_scale: 160,
            energy: Energies {
                rf: 960_000,
                noc: 2_000_000,
                spm: 13_500_000,
                dram: 200_000_000,
                mac: 75_000,
            },
        }
    }

    /// Bytes of the SPM that tiles may fill.
    #[must_use]
    pub fn spm_bytes(&self) -> u64 {
        self.spm_banks * self.bank_bytes
    }

    /// The largest energy, in attojoule, that divides all five: sums in this unit are small and exact.
    #[must_use]
    pub fn energy_unit(&self) -> u64 {
        let e = &self.energy;
        [e.rf, e.noc, e.spm, e.dram, e.mac]
            .into_iter()
            .fold(0, gcd)
            .max(1)
    }

    /// The same architecture with its energies in [`Machine::energy_unit`].
    #[must_use]
    pub fn energies_in_units(&self) -> Energies {
        let unit = self.energy_unit();
        Energies {
            rf: self.energy.rf / unit,
            noc: self.energy.noc / unit,
            spm: self.energy.spm / unit,
            dram: self.energy.dram / unit,
            mac: self.energy.mac / unit,
        }
    }

    /// Whether every figure of every method of the layer fits 63 bits, so that no sum can overflow.
    ///
    /// A tile of the input has at most `(stride + 1)^2` times as many elements as MACs need it (each side
    /// `(ox - 1) * stride + fx` is at most `(stride + 1) * ox * fx`), and no tensor moves more often than once
    /// per MAC; so all moves together are bounded by the MACs times that, times the number of terms.
    #[must_use]
    pub fn holds(&self, layer: &Layer) -> bool {
        let wide = |value: u64| u128::from(value);
        let e = self.energies_in_units();
        let burst = wide(self.dma_setup)
            .checked_add(wide(self.dma_per_byte) * wide(self.element_bytes))
            .map(|sum| sum / wide(self.dma_scale.max(1)) + 1);
        let energies = [e.rf, e.noc, e.spm, e.dram, e.mac]
            .into_iter()
            .map(wide)
            .sum::<u128>();
        let terms = 16 * TENSORS as u128;
        let side = wide(layer.stride) + 1;
        let macs = layer
            .bounds
            .iter()
            .try_fold(1_u128, |sum, bound| sum.checked_mul(wide(*bound)));
        let Some((macs, burst)) = macs.zip(burst) else {
            return false;
        };
        [side, side, terms, burst.max(energies)]
            .into_iter()
            .try_fold(macs, u128::checked_mul)
            .is_some_and(|total| total < 1 << 63)
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
