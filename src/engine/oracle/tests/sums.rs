//! Partial sums (`semantics.md` 2.3) and their formats (2.4).

use super::*;
use crate::engine::counts::Port;
use crate::ir::Window;

/// DRAM, an array of two with `inside` behind it.
fn two_pes(inside: usize, reduction: bool) -> Design {
    let mut memories = vec![memory(0, 0)];
    memories.extend((1..=inside).map(|level| memory(level, 1)));
    Design {
        memories,
        arrays: vec![network(
            &[2],
            Network {
                reduction,
                ..Network::FREE
            },
        )],
        lanes: 1,
    }
}

/// C = 4 over two PEs in two folds, K = 2 in time.
fn halves(inside: usize) -> Mapping {
    mapping(
        fc(1, 2, 4),
        two_pes(inside, true),
        vec![spread(C, 1, 0, 2), tile(K, 1)],
        &vec![all(2); inside],
    )
}

/// Case 12: 8 products, 4 (first fold) and 2 (second) begin at zero, so 2 sums come back and are read: reads
/// 2 + 8 sent up, writes 2 + 8. DRAM takes 2 in each fold and gives 2.
#[test]
fn a_sum_comes_back_to_one_of_two_pes() {
    let counts = counts(&halves(1));
    let rf = of(&counts, 1, OUTPUT);
    assert_eq!((rf.updates, rf.reads, rf.writes), (2, 10, 10));
    let dram = of(&counts, 0, OUTPUT);
    assert_eq!((dram.reads, dram.writes), (2, 4));
}

/// Two L1 behind the array with one RF each: the two that come back go on to the RF.
#[test]
fn a_sum_that_comes_back_goes_on_inwards() {
    let counts = counts(&halves(2));
    let (l1, rf) = (of(&counts, 1, OUTPUT), of(&counts, 2, OUTPUT));
    let inner = counts
        .boundaries
        .iter()
        .find(|b| b.child == Some(2))
        .unwrap();
    assert_eq!(inner.tensors[OUTPUT].down, 2);
    assert_eq!((l1.reads, l1.writes), (10, 10));
    assert_eq!((rf.reads, rf.writes, rf.updates), (10, 10, 2));
}

/// Case 12b: two outputs, two kernel columns in time, three PEs over the input columns, no reduction. First
/// PE 0 has output 0 and PE 1 output 1; then PE 1 has output 0 (whose sum is still in PE 0, which idles: it
/// begins anew) and PE 2 output 1, which comes from DRAM. In the end three sums leave: DRAM writes 1 + 3 and
/// reads 2, one handed down and one to add to; the PEs write 4 products and 1 arrival.
#[test]
fn a_sum_is_begun_on_one_pe_and_finished_on_another() {
    let mut slide = operation(
        &[2, 2],
        [
            vec![dim(&[(0, 1), (1, 1)], 3)],
            vec![dim(&[(1, 1)], 2)],
            vec![dim(&[(0, 1)], 2)],
        ],
    );
    slide.windows = vec![Window {
        output: RankId(0),
        kernel: RankId(1),
        stride: 1,
        dilation: 1,
        extent: 3,
    }];
    let mut design = two_pes(1, false);
    design.arrays[0].shape = vec![3];
    let kind = LoopKind::Spatial {
        array: 0,
        instances: 3,
    };
    let counts = counts(&mapping(
        slide,
        design,
        vec![tile(1, 1), a_loop(Axis::Window(0), 1, kind)],
        &[all(2)],
    ));
    let rf = of(&counts, 1, OUTPUT);
    assert_eq!((rf.updates, rf.reads, rf.writes), (1, 5, 5));
    let dram = of(&counts, 0, OUTPUT);
    assert_eq!((dram.reads, dram.writes), (2, 4));
}

/// A sum of 32 bits, a result of 8, C = 2 over two PEs, one port of DRAM. Operands: 4 bytes. With reduction
/// the joined sum is complete: 8 bits. Without, each PE delivers 32 bits: the first is written so, then read,
/// and the second completes it: 32 + 32 + 8.
#[test]
fn the_width_goes_with_the_sum() {
    let run = |reduction| {
        let mut requant = mapping(
            fc(1, 1, 2),
            two_pes(1, reduction),
            vec![spread(C, 1, 0, 2)],
            &[all(1)],
        );
        requant.operation.tensors[OUTPUT].partial_bits = 32;
        requant.architecture.memories[0].ports = Ports::One(BYTE);
        requant.architecture.memories[1].ports = Ports::One(BYTE);
        counts(&requant)
    };
    let both = |memory| Resource::Port {
        memory,
        port: Port::Both,
    };
    let (joined, apart) = (run(true), run(false));
    assert_eq!(bits(&joined, both(0)), 32 + 8);
    assert_eq!(bits(&apart, both(0)), 32 + 32 + 32 + 8);
    assert_eq!(joined.boundaries[0].tensors[OUTPUT].up_complete, 1);
    assert_eq!(apart.boundaries[0].tensors[OUTPUT].up_complete, 0);
    assert_eq!(of(&apart, 0, OUTPUT).complete_writes, 1);
    // A PE: two operands filled and read, a sum of 32 bits written and sent up.
    assert_eq!(bits(&joined, both(1)), 16 + 16 + 32 + 32);
    assert_eq!(joined.memories[1].required_bits, 8 + 8 + 32);
}

/// One PE, C = 2 in time: the product begins a sum of 32 bits, which is read and completed: 8 bits.
#[test]
fn the_write_that_completes_a_sum_has_the_width_of_the_result() {
    let mut requant = mapping(
        fc(1, 1, 2),
        Design {
            memories: vec![memory(0, 0), port(memory(1, 0), BYTE)],
            arrays: vec![],
            lanes: 1,
        },
        vec![tile(C, 1)],
        &[all(1)],
    );
    requant.operation.tensors[OUTPUT].partial_bits = 32;
    let counts = counts(&requant);
    let port = Resource::Port {
        memory: 1,
        port: Port::Both,
    };
    // Operands 4 x 8 filled and 4 x 8 read; 32 written, 32 read, 8 written, 8 sent up.
    assert_eq!(bits(&counts, port), 64 + 32 + 32 + 8 + 8);
    let rf = of(&counts, 1, OUTPUT);
    assert_eq!((rf.complete_writes, rf.complete_reads), (1, 1));
}

/// Case corner_05: a transposed convolution of stride 3 over 3 rows with a kernel of 1: 7 rows, 4 of them zero.
/// All are written, and none is read back.
#[test]
fn rows_that_nothing_touches_are_written_as_zeros() {
    let up = operation(
        &[3, 1],
        [
            vec![dim(&[(0, 1)], 3)],
            vec![dim(&[(1, 1)], 1)],
            vec![dim(&[(0, 3), (1, 1)], 7)],
        ],
    );
    let counts = counts(&mapping(
        up,
        Design {
            memories: vec![memory(0, 0), memory(1, 0)],
            arrays: vec![],
            lanes: 1,
        },
        vec![tile(0, 1)],
        &[all(1)],
    ));
    let dram = of(&counts, 0, OUTPUT);
    assert_eq!((dram.writes, dram.unique, dram.reads), (7, 7, 0));
    assert_eq!(of(&counts, 1, OUTPUT).writes, 3);
}

/// What leaves a memory leaves what is below it: the RF keeps its place of one output while L1, refilled
/// whole, changes from outputs {0, 1} to {1, 2}; output 1 goes up and comes back through both.
#[test]
fn what_leaves_a_memory_leaves_everything_below() {
    let sliding = operation(
        &[2, 2],
        [
            vec![dim(&[(0, 1)], 2)],
            vec![dim(&[(1, 1)], 2)],
            // Outputs 0, 1 in the first step and 1, 2 in the second.
            vec![dim(&[(0, 1), (1, 1)], 3)],
        ],
    );
    let run = |refill| {
        let mut design = Design {
            memories: vec![memory(0, 0), memory(1, 0), memory(2, 0)],
            arrays: vec![],
            lanes: 1,
        };
        design.memories[1].refill = refill;
        counts(&mapping(
            sliding.clone(),
            design,
            vec![tile(0, 1)],
            &[all(1), all(1)],
        ))
    };
    let (window, whole) = (run(Refill::Window), run(Refill::Tile));
    assert_eq!(of(&window, 0, OUTPUT).writes, 3);
    assert_eq!(
        (of(&window, 2, OUTPUT).fills, of(&window, 2, OUTPUT).updates),
        (3, 1)
    );
    assert_eq!(
        (of(&whole, 0, OUTPUT).writes, of(&whole, 0, OUTPUT).reads),
        (4, 1)
    );
    assert_eq!(
        (of(&whole, 2, OUTPUT).fills, of(&whole, 2, OUTPUT).writes),
        (4, 5)
    );
}
