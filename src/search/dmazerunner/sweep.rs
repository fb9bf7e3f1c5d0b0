//! A sweep over architectures: for each, the sum of the least EDPs of several layers under the adaptive rule.
//!
//! Example, the paper's figure 3: PEs 64 to 8192, RF 16 B to 1 KiB, SPM 64 KiB to 4 MiB, with six ResNet layers. The
//! sum falls with more PEs until 2048 and rises again at 8192.

use super::adaptive::adaptive;
use super::optimum::{Objective, optimum};
use super::problem::Unsearchable;
use crate::models::dmazerunner::{Layer, Machine};
use rayon::prelude::*;

/// One architecture's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Design {
    /// Tilings that the last round of each layer counted, together.
    pub tilings: u64,
    /// Sum of the layers' least EDPs, in pJ x cycles; none if a layer has no method.
    pub edp: Option<u128>,
}

/// Results of all architectures, in their order.
///
/// # Errors
///
/// The first that cannot be searched.
pub fn sweep(layers: &[Layer], machines: &[Machine]) -> Result<Vec<Design>, Unsearchable> {
    machines
        .par_iter()
        .map(|machine| {
            let mut design = Design {
                tilings: 0,
                edp: Some(0),
            };
            for layer in layers {
                let join = adaptive(layer, machine)?.join;
                design.tilings += join.count();
                let best = optimum(&join, Objective::Edp).best;
                design.edp = design
                    .edp
                    .zip(best)
                    .map(|(sum, best)| sum + best.score.value);
            }
            Ok(design)
        })
        .collect()
}

/// Energy of one access of a register file with this many usable bytes, in attojoule (28 nm, as published).
const RF_ENERGIES: [(u64, u64); 7] = [
    (16, 30_000),
    (32, 60_000),
    (64, 120_000),
    (128, 240_000),
    (256, 480_000),
    (512, 960_000),
    (1024, 1_920_000),
];

/// Energy of one access of an SPM of this many KiB, double buffer included, in attojoule.
const SPM_ENERGIES: [(u64, u64); 9] = [
    (16, 4_000_000),
    (32, 6_000_000),
    (64, 9_000_000),
    (128, 13_500_000),
    (256, 20_250_000),
    (512, 30_375_000),
    (1024, 45_562_500),
    (2048, 68_347_500),
    (4096, 99_098_400),
];

/// The published architecture with another number of PEs, another RF (usable bytes, half of what is there) and
/// another SPM (KiB, of which half is usable), each access at the published energy of its size; none if there is no
/// figure for a size.
#[must_use]
pub fn machine(pes: u64, rf_bytes: u64, spm_kib: u64) -> Option<Machine> {
    let energy = |table: &[(u64, u64)], size: u64| {
        let row = table.iter().find(|row| row.0 == size);
        row.map(|row| row.1)
    };
    let mut machine = Machine::published();
    machine.pes = pes;
    machine.rf_elements = rf_bytes / machine.element_bytes;
    machine.spm_banks = spm_kib * 1024 / 2 / machine.bank_bytes;
    machine.energy.rf = energy(&RF_ENERGIES, rf_bytes)?;
    machine.energy.spm = energy(&SPM_ENERGIES, spm_kib)?;
    Some(machine)
}

/// The architectures of the paper's sweep: PEs 64, 128 to 8192, RF 16 B to 1 KiB usable, SPM 64 KiB to 4 MiB, of which
/// all register files together have 32 to 512 KiB and the SPM an eighth to sixteen times of that. PEs, RF, SPM.
#[must_use]
pub fn published_grid() -> Vec<(u64, u64, u64)> {
    let mut grid = Vec::new();
    for pes in (6..=13).map(|power| 1_u64 << power) {
        for (rf, _) in RF_ENERGIES {
            for (spm, _) in SPM_ENERGIES.iter().filter(|row| row.0 >= 64) {
                let files = 2 * rf * pes;
                let spm_bytes = spm * 1024;
                let total = (32 * 1024..=512 * 1024).contains(&files);
                if total && files / 8 <= spm_bytes && spm_bytes <= 16 * files {
                    grid.push((pes, rf, *spm));
                }
            }
        }
    }
    grid
}
