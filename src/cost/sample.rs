//! A mapping and its counts by hand, for the tests of cost and report: the product of a 2x4 and a 4x3
//! matrix, INT8 operands, INT32 result, on two PEs (one per row) under a global buffer.
//!
//! DRAM sends every operand once and takes the result once; the buffer sends each row of A to its PE and all
//! of B to both at once; each PE reads both operands per MAC and accumulates 3 results over 4 products.

use super::tech::{Action, Entry, Precision, Technology};
use super::{Context, MemoryContext};
use crate::engine::{
    Bound, BoundaryCounts, Counts, CrossingCounts, MemoryCounts, TensorCounts, Timing,
};
use crate::ir::{
    Architecture, Array, Dim, Links, Mapping, Memory, Network, Operation, OperationKind, Ports,
    RankId, Rate, Refill, Role, RoleSet, Schedule, Tensor, Term,
};

fn tensor(role: Role, dims: [(u8, u64); 2], bits: u32) -> Tensor {
    Tensor {
        role,
        dims: dims
            .into_iter()
            .map(|(rank, extent)| Dim {
                terms: vec![Term {
                    rank: RankId(rank),
                    coefficient: 1,
                }],
                constant: 0,
                extent,
            })
            .collect(),
        bits,
        partial_bits: bits,
        density: 1.0,
    }
}

fn memory(arrays_above: usize, capacity_bytes: Option<u128>) -> Memory {
    Memory {
        arrays_above,
        level: 0,
        banks: 1,
        streams: false,
        capacity_bits: capacity_bytes.map(|bytes| bytes * 8),
        double_buffered: false,
        refill: Refill::Window,
        holds: RoleSet::ALL,
        ports: Ports::UNBOUNDED,
    }
}

pub(crate) fn mapping() -> Mapping {
    let mut buffer = memory(0, Some(1024));
    buffer.ports = Ports::Two {
        read: Some(Rate {
            bits: 16,
            cycles: 1,
        }),
        write: None,
    };
    Mapping::new(
        Operation {
            ranks: vec![2, 3, 4],
            windows: Vec::new(),
            tensors: vec![
                tensor(Role::Input, [(0, 2), (2, 4)], 8),
                tensor(Role::Weight, [(2, 4), (1, 3)], 8),
                tensor(Role::Output, [(0, 2), (1, 3)], 32),
            ],
            kind: OperationKind::MultiplyAccumulate,
            repeat: 1,
        },
        Architecture {
            memories: vec![memory(0, None), buffer, memory(1, Some(32))],
            arrays: vec![Array {
                shape: vec![2],
                network: Network {
                    links: Links::Shared(Some(Rate {
                        bits: 64,
                        cycles: 1,
                    })),
                    latency: Some(1),
                    multicast: true,
                    reduction: true,
                    forwarding: true,
                    skew: 0,
                },
            }],
            lanes: 1,
        },
        Schedule {
            loops: Vec::new(),
            positions: Vec::new(),
            steps: 0,
            leaf: 0,
        },
    )
}

fn counts_of(tensor: usize, tile: u64, [fills, reads, writes, unique]: [u64; 4]) -> TensorCounts {
    TensorCounts {
        tensor,
        tile,
        fills,
        reads,
        writes,
        updates: 0,
        complete_reads: 0,
        complete_writes: 0,
        unique,
    }
}

fn crossing(tensor: usize, down: u64, up: u64, hops: u64) -> CrossingCounts {
    CrossingCounts {
        tensor,
        down,
        up,
        up_complete: up,
        forwarded: 0,
        hops,
    }
}

pub(crate) fn counts() -> Counts {
    Counts {
        operations: 24,
        steps: 12,
        pes_used: 2,
        memories: vec![
            MemoryCounts {
                required_bits: 0,
                tensors: vec![
                    counts_of(0, 8, [0, 8, 0, 8]),
                    counts_of(1, 12, [0, 12, 0, 12]),
                    counts_of(2, 6, [0, 0, 6, 6]),
                ],
            },
            MemoryCounts {
                required_bits: 8 * 8 + 12 * 8 + 6 * 32,
                tensors: vec![
                    counts_of(0, 8, [8, 8, 8, 8]),
                    counts_of(1, 12, [12, 12, 12, 12]),
                    counts_of(2, 6, [6, 6, 6, 6]),
                ],
            },
            MemoryCounts {
                required_bits: 8 + 8 + 32,
                tensors: vec![
                    counts_of(0, 1, [8, 24, 8, 8]),
                    counts_of(1, 1, [24, 24, 24, 12]),
                    // 4 products per result and PE: 3 of 4 read the partial sum; 6 results leave.
                    counts_of(2, 1, [6, 24, 24, 6]),
                ],
            },
        ],
        boundaries: vec![
            BoundaryCounts {
                parent: 0,
                child: Some(1),
                position: 0,
                tensors: vec![
                    crossing(0, 8, 0, 0),
                    crossing(1, 12, 0, 0),
                    crossing(2, 0, 6, 0),
                ],
                down_bits: 20 * 8,
                up_bits: 6 * 32,
                peak_bits: 20 * 8,
                transfer_cycles: 2,
            },
            BoundaryCounts {
                parent: 1,
                child: Some(2),
                position: 3,
                tensors: vec![
                    crossing(0, 8, 0, 8),
                    crossing(1, 12, 0, 24),
                    crossing(2, 0, 6, 6),
                ],
                down_bits: 20 * 8,
                up_bits: 6 * 32,
                peak_bits: 24,
                transfer_cycles: 24,
            },
        ],
        resources: Vec::new(),
        timing: Timing {
            cycles: 16,
            compute_cycles: 12,
            neighbour_cycles: 0,
            bound: Bound::Compute,
        },
    }
}

/// 0.25 pJ per MAC; 16 / 8 / 1 pJ per byte of DRAM / SRAM (1 KiB) / RF (32 B); writes cost the same; 2 pJ per hop
/// of 8 bits.
pub(crate) fn technology() -> Technology {
    let access = |class: &str, bytes: Option<u128>, width: u32, pj: f64| {
        let capacity_bits = bytes.map(|bytes| bytes * 8);
        let (class, width_bits) = (class.to_owned(), Some(width));
        [
            Entry::new(
                "t",
                Action::Read {
                    class: class.clone(),
                    capacity_bits,
                    width_bits,
                },
                pj,
            ),
            Entry::new(
                "t",
                Action::Write {
                    class,
                    capacity_bits,
                    width_bits,
                },
                pj,
            ),
        ]
    };
    let mut entries = vec![
        Entry::new("t", Action::Mac(Precision::INT8), 0.25),
        Entry::new("t", Action::Op(Precision::INT8), 0.125),
        Entry::new(
            "t",
            Action::Hop {
                width_bits: Some(8),
            },
            2.0,
        ),
    ];
    entries.extend(access("DRAM", None, 64, 128.0));
    entries.extend(access("SRAM", Some(1024), 32, 32.0));
    entries.extend(access("RF", Some(32), 8, 1.0));
    Technology {
        entries,
        extrapolate: false,
    }
}

pub(crate) fn context() -> Context {
    Context {
        side_by_side: false,
        precision: Precision::INT8,
        clock_hz: Some(1e9),
        memories: vec![MemoryContext::default(); 3],
    }
}
