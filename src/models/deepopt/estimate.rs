//! What a layer costs under a schedule: counts, cycles, energy, or the memory that is too small.
//!
//! A fully connected layer of `N` images is computed as a 1x1 convolution with one row of `N` results per filter, and its counts are divided by `N`;
//! each of the three terms of its delay is divided and rounded up.

use std::fmt;

use super::access::{self, Geometry, ceil};
use super::cover::{Array, Cover, cover};
use super::delay::{self, Loads, Port, Sizes};
use super::dense;
use super::layer::{Layer, Machine, PerTensor};
use super::schedule::Schedule;

/// A count that may be a fraction: the model multiplies by real ratios, and divides by images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    numerator: i64,
    denominator: i64,
}

impl Count {
    pub(super) const fn new(numerator: i64, denominator: i64) -> Self {
        // Almost all are whole.
        if numerator % denominator == 0 {
            return Self {
                numerator: numerator / denominator,
                denominator: 1,
            };
        }
        let (mut a, mut b) = (numerator.unsigned_abs(), denominator.unsigned_abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let divisor = a.cast_signed();
        Self {
            numerator: numerator / divisor,
            denominator: denominator / divisor,
        }
    }

    /// The numerator in lowest terms. Negative only where a 1x1 filter of stride 2 is credited with more than it reads.
    #[must_use]
    pub const fn numerator(&self) -> i64 {
        self.numerator
    }

    /// The denominator in lowest terms; 1 for a whole number.
    #[must_use]
    pub const fn denominator(&self) -> i64 {
        self.denominator
    }

    /// The nearest floating-point number.
    #[must_use]
    pub fn value(&self) -> f64 {
        float(self.numerator) / float(self.denominator)
    }
}

/// Conversion for energies: counts stay below 2^53 for every layer of use, and are rounded to the nearest beyond.
pub(super) const fn float(value: i64) -> f64 {
    value as f64
}

/// Words read from DRAM, or written to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DramCounts {
    pub filter: Count,
    pub ifmap: Count,
    /// Finished results, written once.
    pub ofmap: Count,
}

/// The three terms of the delay; nothing overlaps the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cycles {
    pub compute: u64,
    /// Cycles that the array waits for DRAM. `None`: the model gives no bound, since one set of filters does not fit its memory under `ZiXYZo`.
    pub stall: Option<u64>,
    pub write: u64,
}

impl Cycles {
    /// Their sum for one run.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        Some(self.compute + self.stall? + self.write)
    }
}

/// Energy of all runs, in pJ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Energy {
    pub mac: f64,
    pub registers: f64,
    pub sram: f64,
    pub dram: f64,
}

impl Energy {
    /// Their sum.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.mac + self.registers + self.sram + self.dram
    }
}

/// Cost of a layer under a schedule. Counts and cycles are those of one run and, for a fully connected layer, of one image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    pub sram: PerTensor<Count>,
    pub dram: DramCounts,
    pub cycles: Cycles,
    pub energy: Energy,
    runs: u64,
}

impl Estimate {
    /// Cycles of all runs.
    #[must_use]
    pub fn delay(&self) -> Option<u64> {
        self.cycles.total().map(|cycles| cycles * self.runs)
    }
}

/// Prices in pJ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prices {
    /// One multiplication and addition.
    pub mac: f64,
    /// One bit of a register.
    pub register_bit: f64,
    /// One bit of each SRAM, at its size.
    pub sram_bit: PerTensor<f64>,
    /// One bit of DRAM.
    pub dram_bit: f64,
    /// How multiplications of several images are counted.
    pub dense: DenseEnergy,
}

impl Prices {
    /// Everything for nothing: counts need no prices.
    pub const FREE: Prices = Prices {
        mac: 0.0,
        register_bit: 0.0,
        sram_bit: PerTensor {
            filter: 0.0,
            ifmap: 0.0,
            psum: 0.0,
        },
        dram_bit: 0.0,
        dense: DenseEnergy::Published,
    };
}

/// Energy of multiplications and registers in a fully connected layer of several images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DenseEnergy {
    /// As in the published tables: memory per image, multiplications and registers of all images.
    #[default]
    Published,
    /// Everything per image.
    Corrected,
}

/// Why a schedule cannot run on a machine. Sizes in bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// A row of a filter needs as many rows of the array as it has columns.
    ArrayRows { needs: u64, has: u64 },
    /// A memory cannot feed the array for one cycle, or cannot hold the tile that the schedule works on.
    Memory {
        memory: Memory,
        needs: u64,
        has: u64,
    },
}

/// One of the three memories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    Filter,
    Ifmap,
    Psum,
}

impl fmt::Display for Unfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ArrayRows { needs, has } => {
                write!(
                    out,
                    "a row of a filter stands in {needs} rows of the array, which has {has}"
                )
            }
            Self::Memory { memory, needs, has } => {
                let (name, tile) = match memory {
                    Memory::Filter => ("filter", "the filters that stand in the array together"),
                    Memory::Ifmap => ("ifmap", "the input under one row of results"),
                    Memory::Psum => ("psum", "one partial sum per column"),
                };
                write!(
                    out,
                    "the {name} SRAM holds {has} bits and {tile} are {needs}"
                )
            }
        }
    }
}

impl std::error::Error for Unfit {}

/// What a machine must hold whatever the schedule.
pub(super) fn guard(machine: &Machine) -> PerTensor<i64> {
    PerTensor {
        filter: machine.j * machine.k * machine.bits.filter,
        ifmap: machine.j * machine.bits.ifmap,
        psum: machine.k * machine.bits.psum,
    }
}

fn fits(needs: &PerTensor<i64>, machine: &Machine) -> Result<(), Unfit> {
    for (memory, needs, has) in [
        (Memory::Filter, needs.filter, machine.sram.filter),
        (Memory::Ifmap, needs.ifmap, machine.sram.ifmap),
        (Memory::Psum, needs.psum, machine.sram.psum),
    ] {
        if needs > has {
            return Err(Unfit::Memory {
                memory,
                needs: needs.unsigned_abs(),
                has: has.unsigned_abs(),
            });
        }
    }
    Ok(())
}

/// Whether the machine can run the layer at all, and if so, how it is cut.
pub(super) fn covered(
    layer: &Layer,
    machine: &Machine,
    schedule: Schedule,
) -> Result<(Array, Cover), Unfit> {
    if machine.j < layer.s {
        return Err(Unfit::ArrayRows {
            needs: layer.s.unsigned_abs(),
            has: machine.j.unsigned_abs(),
        });
    }
    fits(&guard(machine), machine)?;
    let array = Array::of(machine, layer);
    let schedule = if layer.dense {
        schedule.on_dense()
    } else {
        schedule
    };
    let cover = cover(layer, schedule, &array);
    fits(&cover.needs, machine)?;
    Ok((array, cover))
}

/// Evaluates a layer under a schedule.
///
/// # Errors
/// The memory that is too small, or the rows that are missing.
pub fn estimate(
    layer: &Layer,
    machine: &Machine,
    schedule: Schedule,
    prices: &Prices,
) -> Result<Estimate, Unfit> {
    let totals = totals(layer, machine, schedule)?;
    Ok(totals.priced(layer, machine, prices))
}

/// Sums over the pieces of a layer, of all images.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub sram: PerTensor<i64>,
    /// Times `filter_divisor`.
    pub filter_dram: i64,
    pub filter_divisor: i64,
    pub ifmap_dram: i64,
    pub results: i64,
    pub compute: i64,
    pub stall: Option<i64>,
    pub write: i64,
}

fn totals(layer: &Layer, machine: &Machine, schedule: Schedule) -> Result<Totals, Unfit> {
    let (array, cover) = covered(layer, machine, schedule)?;
    if layer.is_single_dense() {
        let single = dense::single(layer, machine, schedule);
        return Ok(Totals {
            sram: single.sram,
            filter_dram: single.filter_dram,
            filter_divisor: 1,
            ifmap_dram: single.ifmap_dram,
            results: layer.f,
            compute: single.compute,
            stall: Some(single.stall),
            write: single.write,
        });
    }
    let schedule = if layer.dense {
        schedule.on_dense()
    } else {
        schedule
    };
    let port = Port {
        bits: machine.bits,
        bandwidth: machine.bandwidth,
    };
    let sizes = Sizes {
        filter: machine.sram.filter,
        ifmap: machine.sram.ifmap,
    };
    let mut totals = Totals {
        stall: Some(0),
        ..Totals::default()
    };
    for piece in cover.pieces.iter() {
        let p = Geometry::new(layer, &array, &piece);
        let loads = Loads::new(&p, &port);
        totals.add_fixed(schedule, &p, &port);
        totals.filter_dram +=
            p.copies * access::filter_dram(schedule, &p, machine.bits.filter, sizes.filter);
        totals.ifmap_dram +=
            p.copies * access::ifmap_dram(schedule, &p, machine.bits.ifmap, sizes.ifmap);
        totals.stall = totals
            .stall
            .zip(delay::stall(schedule, &p, &loads, &sizes))
            .map(|(sum, more)| sum + p.copies * more);
    }
    Ok(totals)
}

impl Totals {
    /// What does not depend on the sizes of the filter and ifmap memories.
    pub fn add_fixed(&mut self, schedule: Schedule, p: &Geometry, port: &Port) {
        let sram = access::sram(schedule, p);
        self.sram.filter += p.copies * sram.filter;
        self.sram.ifmap += p.copies * sram.ifmap;
        self.sram.psum += p.copies * sram.psum;
        // The same for all pieces: schedules that split filters divide by channels or by nothing.
        self.filter_divisor = access::filter_divisor(schedule, p);
        self.results += p.copies * p.results();
        self.compute += p.copies * p.compute();
        self.write += p.copies * ceil(p.results() * port.bits.ifmap, port.bandwidth);
    }

    fn priced(&self, layer: &Layer, machine: &Machine, prices: &Prices) -> Estimate {
        let images = layer.images;
        let runs = float(layer.runs);
        let per_image = |count: i64| Count::new(count, images);
        let sram = PerTensor {
            filter: per_image(self.sram.filter),
            ifmap: per_image(self.sram.ifmap),
            psum: per_image(self.sram.psum),
        };
        let dram = DramCounts {
            filter: Count::new(self.filter_dram, self.filter_divisor * images),
            ifmap: per_image(self.ifmap_dram),
            ofmap: per_image(self.results),
        };
        let per_image = |cycles: i64| ceil(cycles, images).unsigned_abs();
        let cycles = Cycles {
            compute: per_image(self.compute),
            stall: self.stall.map(per_image),
            write: per_image(self.write),
        };
        let bits = machine.bits;
        let words = |count: Count, bits: i64| count.value() * float(bits);
        let macs = charged_macs(layer, prices.dense);
        let energy = Energy {
            mac: runs * macs * prices.mac,
            registers: runs * macs * float(register_bits(&bits)) * prices.register_bit,
            sram: runs
                * (words(sram.filter, bits.filter) * prices.sram_bit.filter
                    + words(sram.ifmap, bits.ifmap) * prices.sram_bit.ifmap
                    + words(sram.psum, bits.psum) * prices.sram_bit.psum),
            dram: runs
                * (words(dram.filter, bits.filter)
                    + words(dram.ifmap, bits.ifmap)
                    + words(dram.ofmap, bits.ifmap))
                * prices.dram_bit,
        };
        Estimate {
            sram,
            dram,
            cycles,
            energy,
            runs: layer.runs.unsigned_abs(),
        }
    }
}

/// Multiplications that one run of a layer is charged for.
pub(super) fn charged_macs(layer: &Layer, dense: DenseEnergy) -> f64 {
    match dense {
        DenseEnergy::Published => float(layer.macs()),
        DenseEnergy::Corrected => float(layer.macs()) / float(layer.images),
    }
}

/// Bits that registers move per multiplication: filter, input and partial sum read, partial sum written.
pub(super) const fn register_bits(bits: &PerTensor<i64>) -> i64 {
    bits.filter + bits.ifmap + 2 * bits.psum
}
