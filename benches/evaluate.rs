//! How many mappings per second go from lowered IR to counts and cycles, on one core.
//!
//! `cargo bench --bench evaluate` prints the time of one evaluation; the README carries the rates.

#![allow(clippy::disallowed_methods)]

use criterion::{Criterion, criterion_group, criterion_main};
use dflowc::engine::{Counter, TimingRule};
use dflowc::ir::{
    Architecture, Array, Axis, Dim, Links, Loop, LoopKind, Mapping, Memory, Move, Network,
    Operation, OperationKind, Origin, Ports, RankId, Rate, Refill, Role, RoleSet, Schedule, Tensor,
    Term, Window,
};
use dflowc::legality::{Legal, check};
use std::hint::black_box;

const N: u8 = 0;
const G: u8 = 1;
const K: u8 = 2;
const C: u8 = 3;
const P: u8 = 4;
const Q: u8 = 5;
const R: u8 = 6;
const S: u8 = 7;

/// A 3x3 convolution with padding 1, as in VGG16.
fn convolution(k: u64, c: u64, rows: u64) -> Operation {
    let dim = |terms: &[(u8, i64)], constant, extent| Dim {
        terms: terms
            .iter()
            .map(|&(rank, coefficient)| Term {
                rank: RankId(rank),
                coefficient,
            })
            .collect(),
        constant,
        extent,
    };
    let tensor = |role, bits, dims| Tensor {
        role,
        dims,
        bits,
        partial_bits: bits,
        density: 1.0,
    };
    let window = |output, kernel| Window {
        output: RankId(output),
        kernel: RankId(kernel),
        stride: 1,
        dilation: 1,
        extent: rows + 2,
    };
    Operation {
        ranks: vec![1, 1, k, c, rows, rows, 3, 3],
        windows: vec![window(P, R), window(Q, S)],
        tensors: vec![
            tensor(
                Role::Input,
                8,
                vec![
                    dim(&[(N, 1)], 0, 1),
                    dim(&[(G, 1)], 0, 1),
                    dim(&[(C, 1)], 0, c),
                    dim(&[(P, 1), (R, 1)], -1, rows),
                    dim(&[(Q, 1), (S, 1)], -1, rows),
                ],
            ),
            tensor(
                Role::Weight,
                8,
                vec![
                    dim(&[(G, 1)], 0, 1),
                    dim(&[(K, 1)], 0, k),
                    dim(&[(C, 1)], 0, c),
                    dim(&[(R, 1)], 0, 3),
                    dim(&[(S, 1)], 0, 3),
                ],
            ),
            tensor(
                Role::Output,
                16,
                vec![
                    dim(&[(N, 1)], 0, 1),
                    dim(&[(G, 1)], 0, 1),
                    dim(&[(K, 1)], 0, k),
                    dim(&[(P, 1)], 0, rows),
                    dim(&[(Q, 1)], 0, rows),
                ],
            ),
        ],
        kind: OperationKind::MultiplyAccumulate,
        repeat: 1,
    }
}

fn memory(arrays_above: usize, double_buffered: bool) -> Memory {
    Memory {
        arrays_above,
        level: 0,
        banks: 1,
        streams: false,
        capacity_bits: None,
        double_buffered,
        refill: Refill::Window,
        holds: RoleSet::ALL,
        ports: Ports::UNBOUNDED,
    }
}

/// DRAM, GlobalL2, an array, LocalL1.
fn architecture(pes: u64) -> Architecture {
    Architecture {
        memories: vec![memory(0, false), memory(0, false), memory(1, true)],
        arrays: vec![Array {
            shape: vec![pes],
            network: Network {
                links: Links::Shared(Some(Rate {
                    bits: 512,
                    cycles: 1,
                })),
                latency: Some(2),
                multicast: true,
                reduction: true,
                forwarding: false,
                skew: 0,
            },
        }],
        lanes: 1,
    }
}

fn directive(level: u32, instances: u64, axis: Axis, size: u64, offset: u64) -> Loop {
    Loop {
        moves: [Move {
            axis,
            size,
            offset,
            origin: Origin::NONE,
        }]
        .into_iter()
        .collect(),
        kind: if instances > 1 {
            LoopKind::Spatial {
                array: 0,
                instances,
            }
        } else {
            LoopKind::Temporal
        },
        level,
        origin: Origin::NONE,
    }
}

fn rank(r: u8) -> Axis {
    Axis::Rank(RankId(r))
}

fn place(loops: Vec<Loop>, shared: usize) -> Schedule {
    let leaf = loops.len();
    Schedule {
        positions: vec![vec![Some(0); 3], vec![Some(shared); 3], vec![Some(leaf); 3]],
        steps: leaf,
        leaf,
        loops,
    }
}

/// Seven directives on VGG16's conv3_2, output channels over 64 PEs: weights stay, and each PE takes whole
/// output maps of its channels. `k` and `c` are tile sizes.
fn weight_stationary(k: u64, c: u64) -> Mapping {
    let loops = vec![
        directive(0, 1, rank(N), 1, 1),
        directive(0, 64, rank(K), k, k),
        directive(0, 1, rank(C), c, c),
        directive(0, 1, rank(R), 3, 3),
        directive(0, 1, rank(S), 3, 3),
        directive(0, 1, rank(P), 56, 56),
        directive(0, 1, rank(Q), 56, 56),
    ];
    Mapping::new(convolution(256, 256, 56), architecture(64), place(loops, 3))
}

/// Seven directives on VGG16's conv3_2, output channels over 64 PEs, rows and columns in tiles of `rows` and
/// `columns`: every loop has steps, and the padded borders differ from the interior.
fn sliding(c: u64, rows: u64, columns: u64) -> Mapping {
    let loops = vec![
        directive(0, 1, rank(N), 1, 1),
        directive(0, 64, rank(K), 1, 1),
        directive(0, 1, rank(C), c, c),
        directive(0, 1, Axis::Window(0), rows + 2, rows),
        directive(0, 1, Axis::Window(1), columns + 2, columns),
        directive(0, 1, rank(R), 3, 3),
        directive(0, 1, rank(S), 3, 3),
    ];
    Mapping::new(convolution(256, 256, 56), architecture(64), place(loops, 3))
}

/// Three cluster levels over 256 PEs: rows, output channels, kernel rows.
fn clustered() -> Mapping {
    let loops = vec![
        directive(0, 1, rank(C), 8, 8),
        directive(0, 5, Axis::Window(0), 3, 1),
        directive(0, 1, Axis::Window(1), 3, 1),
        directive(1, 16, rank(K), 4, 4),
        directive(1, 1, rank(C), 2, 2),
        directive(2, 3, rank(R), 1, 1),
        directive(2, 1, rank(K), 1, 1),
        directive(2, 1, rank(S), 3, 3),
    ];
    Mapping::new(
        convolution(256, 256, 56),
        architecture(256),
        place(loops, 2),
    )
}

/// Evaluates the mappings in turn, as a search does that has prepared the layer once.
fn bench(criterion: &mut Criterion, name: &str, mappings: &[Mapping]) {
    let mappings: Vec<Legal<Mapping>> = mappings
        .iter()
        .filter_map(|mapping| check(mapping.clone()).ok())
        .collect();
    let Some(first) = mappings.first() else {
        panic!("{name} is not legal");
    };
    let counter = match Counter::new(first) {
        Ok(counter) => counter,
        Err(limit) => panic!("{name} cannot be prepared: {limit:?}"),
    };
    for mapping in &mappings {
        if let Err(limit) = counter.count(mapping, TimingRule::Exact) {
            panic!("{name} is not counted: {limit:?}");
        }
    }
    let mut next = mappings.iter().cycle();
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            let mapping = next.next().unwrap_or(first);
            counter.count(black_box(mapping), TimingRule::Exact)
        });
    });
}

fn evaluations(criterion: &mut Criterion) {
    let tiles = [1, 2, 4, 8];
    let stationary: Vec<Mapping> = tiles[..3]
        .iter()
        .flat_map(|&k| tiles.map(|c| weight_stationary(k, c)))
        .collect();
    bench(criterion, "flat/weight_stationary", &stationary);
    let slides: Vec<Mapping> = tiles
        .iter()
        .flat_map(|&c| tiles.map(|rows| sliding(c, rows, 4)))
        .collect();
    bench(criterion, "flat/sliding", &slides);
    bench(criterion, "clustered", &[clustered()]);
    let prepared = clustered();
    criterion.bench_function("prepare a layer", |bencher| {
        bencher.iter(|| Counter::new(black_box(&prepared)).map(|_| ()));
    });
}

/// Runs the program once; what it prints is thrown away.
fn program(arguments: &[&str], file: &std::path::Path) -> bool {
    std::process::Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .args(arguments)
        .arg(file)
        .output()
        .is_ok_and(|output| output.status.success())
}

/// ResNet50 with three memories, from text to the text of the report: a whole process.
fn network(criterion: &mut Criterion) {
    let file = std::env::temp_dir().join("dflowc_resnet50.dflow");
    let text = "use std.networks.resnet50;\n\
        use std.accelerators.eyeriss;\n\
        use std.dataflows.row_stationary;\n\
        Map resnet50 on eyeriss { default: row_stationary; }\n";
    if std::fs::write(&file, text).is_err() || !program(&["eval", "--report=text"], &file) {
        panic!("ResNet50 is not evaluated");
    }
    criterion.bench_function("ResNet50 from text to report", |bencher| {
        bencher.iter(|| program(&["eval", "--report=text"], &file));
    });
}

/// The program from start to end on a file of some twenty lines.
fn cold_start(criterion: &mut Criterion) {
    let file = std::env::temp_dir().join("dflowc_cold_start.dflow");
    let text = "// Fig. 8 of the MAESTRO paper.\n\
        Network VGG16 {\n\
          Layer CONV1 {\n\
            Type: CONV;\n\
            Dimensions { N: 1, K: 64, C: 3, Y: 224, X: 224, R: 3, S: 3 }\n\
            Dataflow {\n\
              TemporalMap(1,1) N;\n\
              TemporalMap(2,2) K;\n\
              TemporalMap(3,3) C;\n\
              SpatialMap(3,1) Y;\n\
              TemporalMap(3,1) X;\n\
              Cluster(3, P);\n\
              SpatialMap(1,1) Y;\n\
              SpatialMap(1,1) R;\n\
              TemporalMap(3,3) S\n\
            }\n\
          }\n\
        }\n\
        Accelerator {\n\
          PE { NumPEs: 256; VectorWidth: 4; MultPrecision: INT8; AddPrecision: INT16 }\n\
          Buffer { GlobalL2: 2048; LocalL1: 64 }\n\
          NoC { Bandwidth: 64; AvgLatency: 2 }\n\
        }\n";
    if std::fs::write(&file, text).is_err() || !program(&["check"], &file) {
        panic!("the file does not check");
    }
    criterion.bench_function("cold start of check", |bencher| {
        bencher.iter(|| program(&["check"], &file));
    });
}

criterion_group!(benches, evaluations, network, cold_start);
criterion_main!(benches);
