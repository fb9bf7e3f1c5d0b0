//! The verdict against the oracle's, on random mappings: legal ones, gaps, overlaps, diagonals.

use super::*;
use crate::engine::oracle;
use crate::engine::oracle::Refusal;
use crate::ir::{
    Architecture, Array, Dim, Links, Loop, LoopKind, Memory, Move, Network, Operation,
    OperationKind, Origin, Ports, RankId, Refill, Role, RoleSet, Schedule, Tensor, Term, Window,
};
use proptest::prelude::*;

pub(super) const K: RankId = RankId(0);
pub(super) const C: RankId = RankId(1);
pub(super) const P: RankId = RankId(2);
pub(super) const R: RankId = RankId(3);
pub(super) const Q: RankId = RankId(4);
pub(super) const S: RankId = RankId(5);

/// A convolution `K C P R Q S`; `window`: (stride, dilation) of each of the two windows.
pub(super) fn convolution(extents: [u64; 6], windows: [(u64, u64); 2]) -> Operation {
    let rank = |rank: RankId| (vec![(rank, 1)], extents[rank.index()]);
    let mut rows = Vec::new();
    let mut list = Vec::new();
    for ((output, kernel), (stride, dilation)) in [(P, R), (Q, S)].into_iter().zip(windows) {
        let extent =
            stride * (extents[output.index()] - 1) + dilation * (extents[kernel.index()] - 1) + 1;
        list.push(Window {
            output,
            kernel,
            stride,
            dilation,
            extent,
        });
        let terms = vec![(output, stride as i64), (kernel, dilation as i64)];
        rows.push((terms, extent));
    }
    let tensor = |role, dims: Vec<(Vec<(RankId, i64)>, u64)>| Tensor {
        role,
        dims: dims
            .into_iter()
            .map(|(terms, extent)| Dim {
                terms: terms
                    .into_iter()
                    .map(|(rank, coefficient)| Term { rank, coefficient })
                    .collect(),
                constant: 0,
                extent,
            })
            .collect(),
        bits: 8,
        partial_bits: 8,
        density: 1.0,
    };
    Operation {
        ranks: extents.to_vec(),
        windows: list,
        tensors: vec![
            tensor(Role::Input, vec![rank(C), rows[0].clone(), rows[1].clone()]),
            tensor(Role::Weight, vec![rank(K), rank(C), rank(R), rank(S)]),
            tensor(Role::Output, vec![rank(K), rank(P), rank(Q)]),
        ],
        kind: OperationKind::MultiplyAccumulate,
        repeat: 1,
    }
}

pub(super) fn network() -> Network {
    Network {
        links: Links::Shared(None),
        latency: Some(1),
        multicast: true,
        reduction: true,
        forwarding: false,
        skew: 0,
    }
}

pub(super) fn memory(arrays_above: usize, capacity_bits: Option<u128>) -> Memory {
    Memory {
        arrays_above,
        level: 0,
        banks: 1,
        streams: false,
        capacity_bits,
        double_buffered: false,
        refill: Refill::Window,
        holds: RoleSet::ALL,
        ports: Ports::UNBOUNDED,
    }
}

/// A loop: its level, its instances (0 for temporal), its moves.
pub(super) type Written = (u32, u64, Vec<(Axis, u64, u64)>);

/// A backing store and one memory next to the PEs; every spatial loop has an array of its own.
pub(super) fn mapping(operation: Operation, loops: &[Written]) -> Mapping {
    let mut arrays = Vec::new();
    let mut origin = 0;
    let mut list = Vec::new();
    for (level, instances, moves) in loops {
        let moves = moves
            .iter()
            .map(|&(axis, size, offset)| {
                origin += 1;
                Move {
                    axis,
                    size,
                    offset,
                    origin: Origin(origin),
                }
            })
            .collect();
        let kind = if *instances == 0 {
            LoopKind::Temporal
        } else {
            arrays.push(Array {
                shape: vec![*instances],
                network: network(),
            });
            LoopKind::Spatial {
                array: arrays.len() - 1,
                instances: *instances,
            }
        };
        list.push(Loop {
            moves,
            kind,
            level: *level,
            origin: Origin(origin),
        });
    }
    let leaf = list.len();
    let tensors = operation.tensors.len();
    Mapping::new(
        operation,
        Architecture {
            memories: vec![memory(0, None), memory(arrays.len(), None)],
            arrays,
            lanes: 1,
        },
        Schedule {
            positions: vec![vec![Some(0); tensors], vec![Some(leaf); tensors]],
            steps: leaf,
            leaf,
            loops: list,
        },
    )
}

fn axis() -> impl Strategy<Value = Axis> {
    prop_oneof![
        1 => Just(Axis::Rank(K)),
        1 => Just(Axis::Rank(C)),
        3 => Just(Axis::Rank(P)),
        3 => Just(Axis::Rank(R)),
        5 => Just(Axis::Window(0)),
        1 => Just(Axis::Window(1)),
        1 => Just(Axis::Rank(Q)),
    ]
}

/// Sizes and offsets that often abut.
fn numbers() -> impl Strategy<Value = (u64, u64)> {
    prop_oneof![
        3 => (1u64..5).prop_map(|size| (size, size)),
        1 => (1u64..6, 1u64..5),
        1 => (1u64..8).prop_map(|size| (size, 1)),
        1 => Just((9u64, 9u64)),
    ]
}

fn written() -> impl Strategy<Value = Written> {
    let one = || (axis(), numbers()).prop_map(|(axis, (size, offset))| (axis, size, offset));
    let step = prop_oneof![2 => Just(0u32), 1 => Just(1u32)];
    prop_oneof![
        4 => (step.clone(), Just(0u64), prop::collection::vec(one(), 1)),
        2 => (step.clone(), 1u64..4, prop::collection::vec(one(), 1)),
        1 => (step.clone(), 1u64..4, prop::collection::vec(one(), 2)),
        2 => (step, 1u64..4, (1u64..3, 1u64..5, 1u64..3)).prop_map(|(level, instances, (c, rows, o))| {
            let moves = vec![(Axis::Window(0), rows, o * c), (Axis::Rank(R), c, c)];
            (level, instances, moves)
        }),
    ]
}

prop_compose! {
    /// Any mapping: mostly broken ones.
    fn any_mapping()(
        extents in (1u64..4, 1u64..3, 1u64..7, 1u64..5, 1u64..3, 1u64..3),
        stride in 1u64..4,
        dilation in 1u64..3,
        mut loops in prop::collection::vec(written(), 0..6),
        leaf in 0usize..6,
    ) -> Mapping {
        let mut level = 0;
        for l in &mut loops {
            level += l.0;
            l.0 = level;
            // Two moves of one axis in one loop do not exist.
            l.2.dedup_by_key(|m| m.0);
        }
        let (k, c, p, r, q, s) = extents;
        let operation = convolution([k, c, p, r, q, s], [(stride, dilation), (1, 1)]);
        let mut mapping = mapping(operation, &loops);
        let spatial = mapping.schedule.loops.iter().rposition(|l| l.array().is_some());
        let first = spatial.map_or(0, |last| last + 1);
        mapping.schedule.leaf = first.max(leaf.min(mapping.schedule.loops.len()));
        let leaf = mapping.schedule.leaf;
        mapping.schedule.steps = leaf;
        mapping.schedule.positions[1].fill(Some(leaf));
        mapping
    }
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Exact,
    Uncovered,
    Doubled,
}

fn verdict(violations: &[Violation]) -> Verdict {
    let gap = |v: &Violation| {
        matches!(
            v,
            Violation::Uncovered(_) | Violation::Diagonal(_) | Violation::Incomplete(_)
        )
    };
    if violations.iter().any(gap) {
        Verdict::Uncovered
    } else if violations.is_empty() {
        Verdict::Exact
    } else {
        Verdict::Doubled
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    /// Verdict, witness and repairs agree with the oracle.
    #[test]
    fn agrees_with_the_oracle(mapping in any_mapping()) {
        let truth = oracle::run(&mapping, 50_000);
        prop_assume!(truth != Err(Refusal::TooLarge));
        let found = violations(&mapping);
        let expected = match &truth {
            Ok(_) => Verdict::Exact,
            Err(Refusal::Uncovered(_)) => Verdict::Uncovered,
            _ => Verdict::Doubled,
        };
        prop_assert_eq!(verdict(&found), expected, "{:?}", found);
        prop_assert_eq!(covers(&mapping), found.is_empty());
        if let [only] = found.as_slice() {
            match (only, &truth) {
                (Violation::Uncovered(u), Err(Refusal::Uncovered(point))) => {
                    prop_assert_eq!(&u.point, point);
                }
                (Violation::Diagonal(d), Err(Refusal::Uncovered(point))) => {
                    prop_assert_eq!(&d.point, point);
                }
                (Violation::Doubled(d), Err(Refusal::Doubled(point))) => {
                    prop_assert_eq!(&d.point, point);
                    prop_assert!(d.doers[0] != d.doers[1]);
                }
                _ => {}
            }
            if let Some(repair) = only.repair() {
                let repaired = repair::apply(&mapping, repair.directive, repair.change).unwrap();
                let again = oracle::run(&repaired, 1_000_000);
                prop_assert!(again.is_ok() || again == Err(Refusal::TooLarge), "{:?}", again);
            }
        }
    }
}

prop_compose! {
    /// A mapping with padding, and a shared memory outside some of the arrays.
    fn with_memories()(
        mapping in any_mapping(),
        position in 0usize..6,
        arrays in 0usize..4,
        pad in 0i64..3,
        double_buffered in any::<bool>(),
    ) -> Mapping {
        let mut mapping = mapping;
        let rows = &mut mapping.operation.tensors[0].dims[1];
        rows.constant = -pad;
        rows.extent = rows.extent.saturating_sub(2 * pad as u64).max(1);
        let arrays = arrays.min(mapping.architecture.arrays.len());
        let loops = &mapping.schedule.loops;
        let first = loops
            .iter()
            .rposition(|l| l.array().is_some_and(|array| array < arrays))
            .map_or(0, |last| last + 1);
        let position = position.clamp(first, mapping.schedule.leaf);
        let mut shared = memory(arrays, None);
        shared.double_buffered = double_buffered;
        mapping.architecture.memories.insert(1, shared);
        mapping.schedule.positions.insert(1, vec![Some(position); 3]);
        mapping
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    /// Tiles and requirements equal those of the oracle.
    #[test]
    fn tiles_equal_the_oracle(mapping in with_memories()) {
        let Ok(counts) = oracle::run(&mapping, 20_000) else {
            return Ok(());
        };
        for memory in 1..3 {
            let (bits, needs) = required(&mapping, memory).unwrap();
            let counts = &counts.memories[memory];
            prop_assert_eq!(bits, u128::from(counts.required_bits));
            for (need, counts) in needs.iter().zip(&counts.tensors) {
                prop_assert_eq!(need.elements, counts.tile);
            }
        }
    }

    /// A position is chosen at which the memory fits, and no position further out fits.
    #[test]
    fn chooses_the_outermost_position(mapping in with_memories(), capacity in 8u128..2000) {
        if !covers(&mapping) {
            return Ok(());
        }
        let mut mapping = mapping;
        mapping.architecture.memories[1].capacity_bits = Some(capacity);
        let before = mapping.clone();
        match choose(&mut mapping, &[1], &[]) {
            Ok(choices) => {
                let position = choices[0].position;
                prop_assert!(required(&mapping, 1).unwrap().0 <= capacity);
                let above = mapping.architecture.memories[1].arrays_above;
                let barred = |p: usize| mapping.schedule.loops[p..]
                    .iter()
                    .any(|l| l.array().is_some_and(|array| array < above));
                prop_assert!(!barred(position));
                if let Some(outer) = position.checked_sub(1).filter(|&p| !barred(p)) {
                    let mut further = mapping.clone();
                    further.schedule.positions[1].fill(Some(outer));
                    prop_assert!(required(&further, 1).unwrap().0 > capacity);
                }
                prop_assert!(check(mapping).is_ok());
            }
            Err(Violation::Overfull(o)) => {
                prop_assert!(o.need > capacity);
                let position = before.schedule.positions[2][0].unwrap();
                let mut innermost = before;
                innermost.schedule.positions[1].fill(Some(position));
                prop_assert!(required(&innermost, 1).unwrap().0 > capacity);
                if let Some(repair) = o.repair {
                    let repaired = repair::apply(&mapping, repair.directive, repair.change).unwrap();
                    prop_assert!(check(repaired).is_ok());
                }
            }
            Err(other) => prop_assert!(false, "{:?}", other),
        }
    }
}

/// The generator draws every kind of verdict, also legal mappings that only enumeration proves.
#[test]
fn the_generator_is_not_one_sided() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = [0u32; 6];
    for _ in 0..2000 {
        let mapping = any_mapping().new_tree(&mut runner).unwrap().current();
        let kind = match violations(&mapping).first() {
            None if fast::unproved(&mapping).contains(&true) => 0,
            None => 1,
            Some(Violation::Uncovered(_)) => 2,
            Some(Violation::Doubled(_)) => 3,
            Some(Violation::Diagonal(_)) => 4,
            Some(Violation::Incomplete(_)) => 5,
            other => panic!("{other:?}"),
        };
        seen[kind] += 1;
    }
    assert!(seen.iter().all(|&count| count >= 20), "{seen:?}");
}
