//! Numbers derived by hand, each in a comment at its test; mappings built straight in the IR.

mod arrays;
mod clock;
mod laws;
mod sums;
mod systolic;

use super::run;
use crate::engine::TimingRule;
use crate::engine::counts::{Counts, Resource, TensorCounts};
use crate::engine::laws::check;
use crate::ir::{
    Architecture, Array, Axis, Dim, Links, Loop, LoopKind, Mapping, Memory, Move, Network,
    Operation, OperationKind, Origin, Ports, RankId, Rate, Refill, Role, RoleSet, Schedule, Tensor,
    Term,
};

/// Numbers of the tensors.
const INPUT: usize = 0;
const WEIGHT: usize = 1;
const OUTPUT: usize = 2;

/// Ranks of [`fc`].
const N: u8 = 0;
const K: u8 = 1;
const C: u8 = 2;

/// One byte a cycle.
const BYTE: Rate = Rate { bits: 8, cycles: 1 };
/// A hundredth of a byte a cycle.
const HUNDREDTH: Rate = Rate {
    bits: 8,
    cycles: 100,
};

fn dim(terms: &[(u8, i64)], extent: u64) -> Dim {
    Dim {
        terms: terms
            .iter()
            .map(|&(rank, coefficient)| Term {
                rank: RankId(rank),
                coefficient,
            })
            .collect(),
        constant: 0,
        extent,
    }
}

fn operation(ranks: &[u64], tensors: [Vec<Dim>; 3]) -> Operation {
    let roles = [Role::Input, Role::Weight, Role::Output];
    Operation {
        ranks: ranks.to_vec(),
        windows: vec![],
        tensors: roles
            .into_iter()
            .zip(tensors)
            .map(|(role, dims)| Tensor {
                role,
                dims,
                bits: 8,
                partial_bits: 8,
                density: 1.0,
            })
            .collect(),
        kind: OperationKind::MultiplyAccumulate,
        repeat: 1,
    }
}

/// Input (N x C) by Weight (K x C) gives Output (N x K), a byte each.
fn fc(n: u64, k: u64, c: u64) -> Operation {
    let (rank_n, rank_k, rank_c) = (dim(&[(N, 1)], n), dim(&[(K, 1)], k), dim(&[(C, 1)], c));
    operation(
        &[n, k, c],
        [
            vec![rank_n.clone(), rank_c.clone()],
            vec![rank_k.clone(), rank_c],
            vec![rank_n, rank_k],
        ],
    )
}

/// A memory for everything, unbounded, that does not overlap.
fn memory(level: usize, arrays_above: usize) -> Memory {
    Memory {
        arrays_above,
        level,
        capacity_bits: None,
        banks: 1,
        double_buffered: false,
        streams: false,
        refill: Refill::Window,
        holds: RoleSet::ALL,
        ports: Ports::UNBOUNDED,
    }
}

/// The same, double-buffered.
fn double(level: usize, arrays_above: usize) -> Memory {
    Memory {
        double_buffered: true,
        ..memory(level, arrays_above)
    }
}

/// `memory` with one port.
fn port(memory: Memory, rate: Rate) -> Memory {
    Memory {
        ports: Ports::One(rate),
        ..memory
    }
}

fn array(shape: &[u64]) -> Array {
    Array {
        shape: shape.to_vec(),
        network: Network::FREE,
    }
}

fn network(shape: &[u64], network: Network) -> Array {
    Array {
        shape: shape.to_vec(),
        network,
    }
}

fn a_loop(axis: Axis, size: u64, kind: LoopKind) -> Loop {
    Loop {
        moves: [Move {
            axis,
            size,
            offset: size,
            origin: Origin::NONE,
        }]
        .into_iter()
        .collect(),
        kind,
        level: 0,
        origin: Origin::NONE,
    }
}

/// `tile RANK by size`.
fn tile(rank: u8, size: u64) -> Loop {
    a_loop(Axis::Rank(RankId(rank)), size, LoopKind::Temporal)
}

/// `spread RANK by size` over so many instances of an array.
fn spread(rank: u8, size: u64, array: usize, instances: u64) -> Loop {
    let kind = LoopKind::Spatial { array, instances };
    a_loop(Axis::Rank(RankId(rank)), size, kind)
}

/// Positions of Input, Weight and Output in every memory but the backing store.
type Row = [Option<usize>; 3];

fn all(position: usize) -> Row {
    [Some(position); 3]
}

struct Design {
    memories: Vec<Memory>,
    arrays: Vec<Array>,
    lanes: u64,
}

/// A mapping whose innermost memory holds the leaf tile.
fn mapping(operation: Operation, design: Design, loops: Vec<Loop>, rows: &[Row]) -> Mapping {
    let mut positions = vec![all(0).to_vec()];
    positions.extend(rows.iter().map(|row| row.to_vec()));
    let mut memories = design.memories;
    for (memory, row) in memories.iter_mut().zip(&positions) {
        memory.holds = RoleSet {
            input: row[INPUT].is_some(),
            weight: row[WEIGHT].is_some(),
            output: row[OUTPUT].is_some(),
        };
    }
    Mapping::new(
        operation,
        Architecture {
            memories,
            arrays: design.arrays,
            lanes: design.lanes,
        },
        Schedule {
            steps: loops.len(),
            leaf: loops.len(),
            loops,
            positions,
        },
    )
}

/// The counts, which also keep the laws.
fn counts(mapping: &Mapping) -> Counts {
    let counts = run(mapping, 100_000).expect("legal and small");
    assert_eq!(check(mapping, &counts, TimingRule::Exact), Ok(()));
    counts
}

fn cycles(mapping: &Mapping) -> u64 {
    counts(mapping).timing.cycles
}

/// One tensor in one memory.
fn of(counts: &Counts, memory: usize, tensor: usize) -> &TensorCounts {
    let mut tensors = counts.memories[memory].tensors.iter();
    tensors.find(|t| t.tensor == tensor).expect("held there")
}

/// Bits through the busiest instance of a resource.
fn bits(counts: &Counts, resource: Resource) -> u64 {
    let mut resources = counts.resources.iter();
    let found = resources.find(|r| r.resource == resource);
    found.expect("it has a bandwidth").bits
}
