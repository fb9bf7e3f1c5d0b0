//! The cost profile `dmazerunner` and its searches, against what the paper and the public tool print.
//!
//! Sources: the paper "dMazeRunner: Optimizing Convolutions on Dataflow Accelerators" (section 4, Table 1), and runs
//! of its public tool at the default architecture; energy to a picojoule, cycles exactly.

mod generated;
mod proof;
mod published;
mod subject;

use dflowc::models::dmazerunner::{Layer, Machine};

/// The six ResNet layers that the paper maps, with a batch of 4.
pub fn resnet() -> [(&'static str, Layer); 6] {
    let layer = Layer::convolution;
    [
        ("conv1", layer([4, 64, 3, 112, 112, 7, 7], 2, 224, 3)),
        ("2_2", layer([4, 64, 64, 56, 56, 3, 3], 1, 56, 1)),
        ("3_2", layer([4, 128, 128, 28, 28, 3, 3], 1, 28, 1)),
        ("4_2", layer([4, 256, 256, 14, 14, 3, 3], 1, 14, 1)),
        ("5_1", layer([4, 512, 256, 7, 7, 3, 3], 2, 14, 1)),
        ("5_2", layer([4, 512, 512, 7, 7, 3, 3], 1, 7, 1)),
    ]
}

/// An architecture small enough that nested loops over its whole space take no time.
pub fn small() -> Machine {
    Machine {
        pes: 16,
        rf_elements: 32,
        spm_banks: 16,
        bank_bytes: 32,
        ..Machine::published()
    }
}
