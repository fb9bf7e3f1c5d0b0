//! How many mappings per second go from lowered IR to counts and cycles, on one core.
//!
//! `cargo bench --bench evaluate` prints the time of one evaluation; the README carries the rates.

use criterion::{Criterion, criterion_group, criterion_main};
use dflowc::engine::{TimingRule, count};
use dflowc::ir::{
    Architecture, Array, Axis, Dim, Loop, LoopKind, Mapping, Memory, Move, Network, Operation,
    OperationKind, Origin, RankId, Rate, Refill, Role, RoleSet, Schedule, Tensor, Term, Window,
};
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
        capacity_bits: None,
        double_buffered,
        refill: Refill::Window,
        holds: RoleSet::ALL,
        read_bandwidth: None,
        write_bandwidth: None,
    }
}

/// DRAM, GlobalL2, an array, LocalL1.
fn architecture(pes: u64) -> Architecture {
    Architecture {
        memories: vec![memory(0, false), memory(0, false), memory(1, true)],
        arrays: vec![Array {
            shape: vec![pes],
            network: Network {
                bandwidth: Some(Rate {
                    bits: 512,
                    cycles: 1,
                }),
                latency: 2,
                multicast: true,
                reduction: true,
                forwarding: false,
                per_tensor: false,
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
        leaf,
        loops,
    }
}

/// Seven directives, output channels over 64 PEs, on VGG16's conv3_2.
fn flat() -> Mapping {
    let loops = vec![
        directive(0, 1, rank(N), 1, 1),
        directive(0, 64, rank(K), 1, 1),
        directive(0, 1, rank(C), 1, 1),
        directive(0, 1, Axis::Window(0), 3, 1),
        directive(0, 1, Axis::Window(1), 3, 1),
        directive(0, 1, rank(R), 3, 3),
        directive(0, 1, rank(S), 3, 3),
    ];
    Mapping {
        operation: convolution(256, 256, 56),
        architecture: architecture(64),
        schedule: place(loops, 3),
    }
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
    Mapping {
        operation: convolution(256, 256, 56),
        architecture: architecture(256),
        schedule: place(loops, 2),
    }
}

fn benches(criterion: &mut Criterion) {
    for (name, mapping) in [("flat", flat()), ("clustered", clustered())] {
        if let Err(limit) = count(&mapping, TimingRule::Exact) {
            panic!("{name} is not counted: {limit:?}");
        }
        criterion.bench_function(&format!("evaluate/{name}"), |bencher| {
            bencher.iter(|| count(black_box(&mapping), TimingRule::Exact));
        });
    }
}

criterion_group!(evaluate, benches);
criterion_main!(evaluate);
