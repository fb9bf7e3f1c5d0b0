//! How long a search takes, and how many candidates a join forms in a second on one core.
//!
//! `cargo bench --bench search`. A candidate is formed when its traffic and what it needs of every memory are known;
//! what was cut off before is not counted.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dflowc::engine::TimingRule;
use dflowc::ir::{
    self, Architecture, Dim, Memory, Operation, OperationKind, Ports, RankId, Refill, Role,
    RoleSet, Tensor, Term,
};
use dflowc::search::{Objective, Places, Prepared, Problem, Request, formed};
use std::hint::black_box;
use std::sync::Arc;

/// Output[m, n] += Input[m, k] * Weight[k, n], bytes.
fn product(m: u64, n: u64, k: u64) -> Operation {
    let dim = |rank: u8, extent: u64| Dim {
        terms: vec![Term {
            rank: RankId(rank),
            coefficient: 1,
        }],
        constant: 0,
        extent,
    };
    let tensor = |role, dims| Tensor {
        role,
        dims,
        bits: 8,
        partial_bits: 8,
        density: 1.0,
    };
    Operation {
        ranks: vec![m, n, k],
        windows: Vec::new(),
        tensors: vec![
            tensor(Role::Input, vec![dim(0, m), dim(2, k)]),
            tensor(Role::Weight, vec![dim(2, k), dim(1, n)]),
            tensor(Role::Output, vec![dim(0, m), dim(1, n)]),
        ],
        kind: OperationKind::MultiplyAccumulate,
        repeat: 1,
    }
}

/// Memories one inside the other, each in front of the next.
fn memories(bytes: &[Option<u64>]) -> Problem {
    let memories = bytes.iter().enumerate().map(|(level, bytes)| Memory {
        arrays_above: 0,
        level,
        capacity_bits: bytes.map(|bytes| u128::from(bytes) * 8),
        banks: 1,
        double_buffered: false,
        streams: false,
        refill: Refill::Window,
        holds: RoleSet::ALL,
        ports: Ports::UNBOUNDED,
    });
    Problem {
        mapped: Arc::new(ir::Problem {
            operation: product(4096, 4096, 4096),
            architecture: Architecture {
                memories: memories.collect(),
                arrays: Vec::new(),
                lanes: 1,
            },
        }),
        prices: None,
        area_um2: None,
        rule: TimingRule::Exact,
    }
}

fn searches(c: &mut Criterion) {
    let mut group = c.benchmark_group("search");
    group.sample_size(10);
    let one = memories(&[None, Some(64 << 10)]);
    let mut request = Request::new(Objective::Traffic(0));
    request.rules.places = Places::Apart;
    group.bench_function("product of 4096^3, one buffer of 64 KiB, perfect", |b| {
        b.iter(|| black_box(dflowc::search::run(&one, &request, &mut |_| true)));
    });
    // Two buffers: traffic, and what both must hold, of every candidate that they can hold.
    let two = memories(&[None, Some(64 << 10), Some(1 << 10)]);
    let request = Request::new(Objective::Traffic(0));
    let prepared = Prepared::new(&two, &request.rules, request.choices).expect("a countable layer");
    group.throughput(Throughput::Elements(formed(&prepared, &request).formed));
    group.bench_function("join, traffic and two capacities, one thread", |b| {
        b.iter(|| black_box(formed(&prepared, &request)));
    });
    group.finish();
}

criterion_group!(benches, searches);
criterion_main!(benches);
