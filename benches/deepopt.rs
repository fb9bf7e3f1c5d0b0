//! How many schedules of layers per second DeepOpt's model evaluates.
//!
//! `cargo bench --bench deepopt`: one layer by itself, and inside a sweep of hardware, where layers under one array share what does not depend
//! on the memories. Every evaluation has all counts, cycles and energies; what does not fit, equal layers and rows that make no difference
//! to a layer are not counted.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dflowc::models::deepopt::*;
use std::hint::black_box;

const LAYERS: &str = include_str!("../tests/deepopt/layers.csv");

fn network(wanted: &str) -> Vec<Repeated> {
    let mut list: Vec<Repeated> = Vec::new();
    for row in LAYERS
        .lines()
        .map(|line| line.split(',').collect::<Vec<_>>())
        .filter(|row| row[0] == wanted)
    {
        let n = |column: usize| row[column].parse::<u64>().unwrap();
        let shape = Shape {
            filter_rows: n(2),
            filter_columns: n(3),
            channels: n(6),
            filters: n(9),
            rows: n(7),
            columns: n(8),
            stride: n(10),
            groups: 1,
            kind: if n(12) == 1 {
                Kind::Dense { images: n(11) }
            } else {
                Kind::Convolution
            },
            runs: n(13),
        };
        let layer = Layer::new(&shape).unwrap();
        match list.iter_mut().find(|(known, _)| *known == layer) {
            Some((_, times)) => *times += 1,
            None => list.push((layer, 1)),
        }
    }
    list
}

fn evaluations(criterion: &mut Criterion) {
    let layers = network("googlenet_v1");
    let prices = Prices {
        mac: 0.535,
        register_bit: 0.09585,
        sram_bit: PerTensor {
            filter: 0.207,
            ifmap: 0.281,
            psum: 0.169,
        },
        dram_bit: 19.17,
        dense: DenseEnergy::Published,
    };
    let machine = Machine::new(&MachineShape {
        rows: 32,
        columns: 64,
        memories: PerTensor {
            filter: 16 << 13,
            ifmap: 32 << 13,
            psum: 8 << 13,
        },
        words: PerTensor {
            filter: 8,
            ifmap: 8,
            psum: 32,
        },
        dram_bits_per_cycle: 128,
    })
    .unwrap();
    let mut group = criterion.benchmark_group("deepopt");
    group.throughput(Throughput::Elements(layers.len() as u64 * 5));
    group.bench_function("GoogleNet, one machine", |bencher| {
        bencher.iter(|| {
            for (layer, _) in &layers {
                for schedule in Schedule::ALL {
                    black_box(estimate(black_box(layer), &machine, schedule, &prices).unwrap());
                }
            }
        });
    });
    let sizes: Vec<MemorySize> = (2..=8)
        .map(|power| 1_u64 << power)
        .map(|kib| MemorySize {
            bits: kib << 13,
            area_um2: kib as f64 * 33_327.0,
            bit_pj: 0.0396 * (kib as f64).powf(0.596),
        })
        .collect();
    let sides: Vec<u64> = (8..=64).step_by(2).collect();
    let sweep = Sweep {
        rows: sides.clone(),
        columns: sides,
        memories: PerTensor {
            filter: sizes.clone(),
            ifmap: sizes.clone(),
            psum: sizes,
        },
        words: PerTensor {
            filter: 8,
            ifmap: 8,
            psum: 32,
        },
        dram_bits_per_cycle: 128,
        pe_um2: 7405.95,
        budget_um2: 16e6,
        aspect: (1, 2),
    };
    let count = allocate(&layers, &sweep, &prices, &[]).evaluations;
    group
        .throughput(Throughput::Elements(count))
        .sample_size(10);
    group.bench_function("GoogleNet, 70,631 machines, all cores", |bencher| {
        bencher.iter(|| allocate(black_box(&layers), &sweep, &prices, &[]));
    });
}

criterion_group!(benches, evaluations);
criterion_main!(benches);
