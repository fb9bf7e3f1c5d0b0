//! Ports give their bandwidth once (`semantics.md` 4.1 and 4.2).

use super::*;

fn design(memories: Vec<Memory>, lanes: u64) -> Design {
    Design {
        memories,
        arrays: vec![],
        lanes,
    }
}

fn a_byte_from_dram() -> Memory {
    port(memory(0, 0), BYTE)
}

/// A memory that cannot keep up with the lanes: 100 MACs in time over K, a hundredth of a byte a cycle. A step
/// fills 2 bytes, reads 2, writes a sum and, but for the first, reads it: 5 + 99 x 6 bytes, and 1 leaves.
#[test]
fn the_innermost_memory_has_a_port_too() {
    let slow = mapping(
        fc(1, 1, 100),
        design(vec![memory(0, 0), port(double(1, 0), HUNDREDTH)], 1),
        vec![tile(C, 1)],
        &[all(1)],
    );
    let counts = counts(&slow);
    assert_eq!(counts.timing.cycles, 60_000);
    assert_eq!(counts.timing.compute_cycles, 100);
}

/// 64 MACs with the outputs outside: every step takes 6 bytes (an output that leaves for a sum that is begun),
/// the first 5; one leaves in the end: 384 bytes.
#[test]
fn what_leaves_takes_the_port_of_the_innermost_memory() {
    let slow = mapping(
        fc(1, 8, 8),
        design(vec![memory(0, 0), port(double(1, 0), HUNDREDTH)], 1),
        vec![tile(K, 1), tile(C, 1)],
        &[all(2)],
    );
    assert_eq!(cycles(&slow), 38_400);
}

/// 100 inputs and 100 weights from a DRAM of a byte a cycle, into one memory or three side by side: a MAC after
/// the first two bytes, 99 more steps of two, one output.
#[test]
fn memories_side_by_side_share_a_port() {
    let joint = mapping(
        fc(1, 1, 100),
        design(vec![a_byte_from_dram(), double(1, 0)], 1),
        vec![tile(C, 1)],
        &[all(1)],
    );
    assert_eq!(cycles(&joint), 202);
    let split = mapping(
        fc(1, 1, 100),
        design(
            vec![a_byte_from_dram(), double(1, 0), double(1, 0), double(1, 0)],
            1,
        ),
        vec![tile(C, 1)],
        &[
            [Some(1), None, None],
            [None, Some(1), None],
            [None, None, Some(1)],
        ],
    );
    assert_eq!(cycles(&split), 202);
}

/// The same from 8 x 8 products over K in slices of 8: 128 bytes a slice and a cycle after the first, 64 outputs:
/// 128 + 1 + 7 x 128 + 64. Past a memory that holds inputs and outputs only, as well.
#[test]
fn a_tensor_that_passes_a_level_by_shares_its_port() {
    let slices = || vec![tile(C, 8)];
    let three = mapping(
        fc(8, 8, 64),
        design(
            vec![a_byte_from_dram(), double(1, 0), double(1, 0), double(1, 0)],
            512,
        ),
        slices(),
        &[
            [Some(1), None, None],
            [None, Some(1), None],
            [None, None, Some(1)],
        ],
    );
    assert_eq!(cycles(&three), 1089);
    let pass = mapping(
        fc(8, 8, 64),
        design(vec![a_byte_from_dram(), double(1, 0), double(2, 0)], 512),
        vec![tile(C, 8), tile(N, 8)],
        &[[Some(1), None, Some(0)], all(2)],
    );
    assert_eq!(cycles(&pass), 1089);
}

/// 34 bytes into L2; 64 steps that fill an input, every second one a weight as well, and write a sum: 5 bytes a
/// pair; 64 sums leave: 34 + 160 + 64. Whether input and weight have one place or two.
#[test]
fn places_of_their_own_share_a_port() {
    let run = |registers: Row| {
        cycles(&mapping(
            fc(2, 32, 1),
            design(
                vec![memory(0, 0), port(memory(1, 0), BYTE), double(2, 0)],
                1,
            ),
            vec![tile(K, 1), tile(N, 1)],
            &[all(0), registers],
        ))
    };
    assert_eq!(run([Some(2), Some(2), None]), 258);
    assert_eq!(run([Some(2), Some(1), None]), 258);
}

/// 16 bytes leave DRAM for two memories, one inside the other: 2 and a MAC, 7 x 2, one output.
#[test]
fn a_weight_past_glb_and_an_input_into_it_share_dram() {
    let past = mapping(
        fc(1, 1, 8),
        design(vec![a_byte_from_dram(), double(1, 0), double(2, 0)], 1),
        vec![tile(C, 1)],
        &[[Some(1), None, Some(0)], all(1)],
    );
    assert_eq!(cycles(&past), 18);
    let beside = mapping(
        fc(1, 1, 8),
        design(
            vec![a_byte_from_dram(), double(1, 0), double(1, 0), double(2, 0)],
            1,
        ),
        vec![tile(C, 1)],
        &[[Some(1), None, None], [None, Some(1), Some(0)], all(1)],
    );
    assert_eq!(cycles(&beside), 18);
    // 8 inputs and 16 weights at places of their own, a MAC, two outputs.
    let uneven = mapping(
        fc(1, 2, 8),
        design(vec![a_byte_from_dram(), double(1, 0), double(2, 0)], 1),
        vec![tile(C, 1), tile(K, 1)],
        &[[Some(1), Some(2), Some(0)], all(2)],
    );
    assert_eq!(cycles(&uneven), 27);
}

/// GLB is written a hundredth of a byte a cycle: 72 bytes are filled (7,200), the first step takes 1 and 1, 56
/// more a cycle each, 7 with an output that comes up 100 each; the last comes up (100), 8 leave (1).
#[test]
fn a_fill_takes_the_port_of_the_child() {
    let glb = Memory {
        ports: Ports::Two {
            read: Some(Rate {
                bits: 8000,
                cycles: 1,
            }),
            write: Some(HUNDREDTH),
        },
        ..double(1, 0)
    };
    let slow = mapping(
        fc(1, 8, 8),
        design(vec![memory(0, 0), glb, double(2, 0)], 1),
        vec![tile(K, 1), tile(C, 1)],
        &[all(0), all(2)],
    );
    assert_eq!(cycles(&slow), 8059);
}

/// Case 04: 64 x 64 MACs, GLB takes 16 rows of weights at a time. `slow_fill` (GLB is written half a byte a
/// cycle): the first 1,088 bytes take 2,176 cycles, the steps in it 2 + 15 x 2 + 1,008 (an output takes 2); then
/// three times 1,024 bytes and 16 outputs through one port: 2,080; 2 and 1 in the end. `slow_rf`: 17, then 6
/// bytes for each of 4,096 steps at a hundredth of a byte (one less in the first, one in the end), and 1.
#[test]
fn three_levels_with_one_slow_port() {
    let wide = Rate {
        bits: 512,
        cycles: 1,
    };
    let run = |glb: Ports, rf: Ports| {
        let glb = Memory {
            ports: glb,
            ..double(1, 0)
        };
        let rf = Memory {
            ports: rf,
            ..double(2, 0)
        };
        cycles(&mapping(
            fc(1, 64, 64),
            design(vec![port(memory(0, 0), wide), glb, rf], 1),
            vec![tile(K, 16), tile(K, 1), tile(C, 1)],
            &[all(1), all(3)],
        ))
    };
    let slow_fill = Ports::Two {
        read: Some(wide),
        write: Some(Rate { bits: 4, cycles: 1 }),
    };
    assert_eq!(run(slow_fill, Ports::UNBOUNDED), 9459);
    assert_eq!(run(Ports::One(wide), Ports::One(HUNDREDTH)), 2_457_618);
}

/// A memory that streams overlaps and needs one tile; a memory that does neither waits: 10 steps of a fill of
/// two cycles and a MAC.
#[test]
fn a_stream_overlaps_with_one_tile() {
    let run = |double_buffered, streams| {
        let mut slow = mapping(
            fc(1, 1, 10),
            design(vec![a_byte_from_dram(), memory(1, 0)], 1),
            vec![tile(C, 1)],
            &[all(1)],
        );
        slow.architecture.memories[1].double_buffered = double_buffered;
        slow.architecture.memories[1].streams = streams;
        let counts = counts(&slow);
        (counts.timing.cycles, counts.memories[1].required_bits)
    };
    assert_eq!(run(false, false), (10 * 3 + 1, 24));
    assert_eq!(run(false, true), (3 + 9 * 2 + 1, 24));
    assert_eq!(run(true, false), (3 + 9 * 2 + 1, 48));
}

/// Every tensor takes whole banks: 3 of 16 bits for tiles of a byte each.
#[test]
fn tensors_take_whole_banks() {
    let mut banked = mapping(
        fc(1, 1, 10),
        design(vec![memory(0, 0), memory(1, 0)], 1),
        vec![tile(C, 1)],
        &[all(1)],
    );
    banked.architecture.memories[1].capacity_bits = Some(64);
    banked.architecture.memories[1].banks = 4;
    assert_eq!(counts(&banked).memories[1].required_bits, 48);
}

/// A layer that runs three times takes three times as long and moves three times as much.
#[test]
fn runs_follow_one_another() {
    let mut once = mapping(
        fc(1, 1, 10),
        design(vec![a_byte_from_dram(), memory(1, 0)], 1),
        vec![tile(C, 1)],
        &[all(1)],
    );
    let single = counts(&once);
    once.operation.repeat = 3;
    let thrice = counts(&once);
    assert_eq!(thrice.timing.cycles, 3 * single.timing.cycles);
    assert_eq!(of(&thrice, 0, OUTPUT).writes, 3);
    assert_eq!(thrice.resources[0].bits, 3 * single.resources[0].bits);
}
