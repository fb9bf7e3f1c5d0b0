//! Tests that need what the module keeps to itself; the published tables are in `tests/it/deepopt.rs`.

mod allocation;
mod covering;
mod refusals;
mod selection;

use super::*;

/// A convolution, one run.
pub fn conv([r, s, c, f, e, g, u]: [u64; 7]) -> Layer {
    Layer::new(&Shape {
        filter_rows: r,
        filter_columns: s,
        channels: c,
        filters: f,
        rows: e,
        columns: g,
        stride: u,
        groups: 1,
        kind: Kind::Convolution,
        runs: 1,
    })
    .unwrap()
}

/// A machine with memories in bits, words of 8, 8 and 32 bits and 128 bits of DRAM per cycle.
pub fn machine(rows: u64, columns: u64, [filter, ifmap, psum]: [u64; 3]) -> Machine {
    Machine::new(&MachineShape {
        rows,
        columns,
        memories: PerTensor {
            filter,
            ifmap,
            psum,
        },
        words: PerTensor {
            filter: 8,
            ifmap: 8,
            psum: 32,
        },
        dram_bits_per_cycle: 128,
    })
    .unwrap()
}

/// Prices of no meaning, all different.
pub const PRICES: Prices = Prices {
    mac: 0.5,
    register_bit: 0.1,
    sram_bit: PerTensor {
        filter: 0.2,
        ifmap: 0.3,
        psum: 0.15,
    },
    dram_bit: 19.0,
    dense: DenseEnergy::Published,
};

/// Numbers for generated cases, the same in every run.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from `from` up to but not including `to`.
    pub fn within(&mut self, from: u64, to: u64) -> u64 {
        // Knuth's constants; the high bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        from + (self.0 >> 33) % (to - from)
    }
}
