//! Tensors at home outside an array (`semantics.md` 2.2), arrays inside the innermost memory, neighbours.

use super::*;

/// FC with four PEs over K and six steps over C; Buf gives a byte a cycle.
fn four_pes(input: Option<usize>) -> Mapping {
    mapping(
        fc(1, 4, 6),
        Design {
            memories: vec![memory(0, 0), port(double(1, 0), BYTE), double(2, 1)],
            arrays: vec![array(&[4])],
            lanes: 1,
        },
        vec![tile(C, 1), spread(K, 1, 0, 4)],
        &[all(0), [input, Some(2), Some(2)]],
    )
}

/// Case 01, `front`: no PE holds the input, all four use the same one: 6 reads. Buf is filled with 6 + 24
/// bytes (30 cycles); a step fills 4 weights and reads 1 input through one port: 4 + 1 one after the other in
/// the first step, 5 in each of five; 4 outputs leave the PEs and then Buf: 30 + 5 + 25 + 4 + 4.
#[test]
fn an_operand_that_no_pe_holds_is_read_once_for_all() {
    let counts = counts(&four_pes(None));
    assert_eq!(of(&counts, 1, INPUT).reads, 6);
    assert_eq!(counts.timing.cycles, 68);
}

/// Case 01, `latch`: the PEs hold the input as well; it crosses before the first step computes, so a cycle more.
#[test]
fn an_operand_in_a_latch_crosses_before_its_step() {
    let counts = counts(&four_pes(Some(2)));
    assert_eq!(of(&counts, 1, INPUT).reads, 6);
    assert_eq!(counts.timing.cycles, 69);
}

/// Case 02: four PEs make four products of one sum, the network adds them up: one write for each of 3 outputs.
#[test]
fn products_are_added_up_on_their_way_to_a_home_outside() {
    let counts = counts(&mapping(
        fc(1, 3, 4),
        Design {
            memories: vec![memory(0, 0), memory(1, 0), memory(1, 0), memory(2, 1)],
            arrays: vec![array(&[4])],
            lanes: 1,
        },
        vec![tile(K, 1), spread(C, 1, 0, 4)],
        &[
            [Some(0), Some(0), None],
            [None, None, Some(0)],
            [Some(2), Some(2), None],
        ],
    ));
    let acc = of(&counts, 2, OUTPUT);
    assert_eq!((acc.writes, acc.updates, acc.reads), (3, 0, 3));
}

fn bypass(operation: Operation, loops: Vec<Loop>, registers: Row) -> Counts {
    counts(&mapping(
        operation,
        Design {
            memories: vec![memory(0, 0), port(memory(1, 0), BYTE), double(2, 1)],
            arrays: vec![array(&[4])],
            lanes: 1,
        },
        loops,
        &[all(0), registers],
    ))
}

/// The PE has a register for the weight only. `sum` (K 3 in time, C 4 over the PEs): L2 is filled with 4 + 12
/// bytes; a step fills 4 weights, reads 4 inputs and writes 1 sum: 9 bytes; 16 + 9 + 9 + 9 + 3 that leave.
/// `share` (C 3 in time, K 4 over the PEs): 3 + 12 bytes; 4 weights, 1 input, 4 sums written, and in the
/// second and third step 4 read to be added to: 15 + 9 + 13 + 13 + 4.
#[test]
fn what_passes_registers_by_takes_the_port_outside() {
    let registers = [None, Some(2), None];
    let sum = bypass(fc(1, 3, 4), vec![tile(K, 1), spread(C, 1, 0, 4)], registers);
    assert_eq!(of(&sum, 1, OUTPUT).writes, 3);
    assert_eq!(sum.timing.cycles, 46);
    let share = bypass(fc(1, 4, 3), vec![tile(C, 1), spread(K, 1, 0, 4)], registers);
    assert_eq!(of(&share, 1, INPUT).reads, 3);
    assert_eq!(share.timing.cycles, 54);
}

/// The PE holds everything. `sum`: 16; 4 inputs, 4 weights and a MAC; then per step 4 weights down and 1 sum
/// up, twice; 1 sum leaves the PEs, 3 leave L2: 16 + 9 + 10 + 4. `share`: 15; 1 + 4 and a MAC; 5 and 5; 4 sums
/// leave the PEs, 4 leave L2: 15 + 6 + 10 + 8.
#[test]
fn with_registers_for_everything() {
    let sum = bypass(fc(1, 3, 4), vec![tile(K, 1), spread(C, 1, 0, 4)], all(2));
    assert_eq!(sum.timing.cycles, 39);
    let share = bypass(fc(1, 4, 3), vec![tile(C, 1), spread(K, 1, 0, 4)], all(2));
    assert_eq!(share.timing.cycles, 39);
}

/// Eight PEs with a register for the sum only, behind a link of a byte a cycle. GLB is filled with 72 bytes; 8
/// issues read 1 input and 8 weights: 72 cycles; 8 sums leave twice: 72 + 72 + 8 + 8.
#[test]
fn operands_without_a_register_take_the_link() {
    let counts = counts(&mapping(
        fc(1, 8, 8),
        Design {
            memories: vec![memory(0, 0), port(double(1, 0), BYTE), double(2, 1)],
            arrays: vec![network(
                &[8],
                Network {
                    links: Links::Shared(Some(BYTE)),
                    ..Network::FREE
                },
            )],
            lanes: 1,
        },
        vec![spread(K, 1, 0, 8), tile(C, 1)],
        &[all(0), [None, None, Some(2)]],
    ));
    assert_eq!(of(&counts, 1, INPUT).reads, 8);
    assert_eq!(of(&counts, 1, WEIGHT).reads, 64);
    assert_eq!(counts.timing.cycles, 160);
    // An input at each of eight PEs in eight issues, a weight at each.
    let lanes = counts
        .boundaries
        .iter()
        .find(|b| b.child.is_none() && b.parent == 1);
    let hops: Vec<u64> = lanes.unwrap().tensors.iter().map(|c| c.hops).collect();
    assert_eq!(hops, [64, 64]);
}

/// Case 17: eight multipliers in an adder tree inside the register: one write a step, the first begins.
#[test]
fn an_adder_tree_writes_once_a_step() {
    let mut tree = mapping(
        fc(1, 1, 64),
        Design {
            memories: vec![memory(0, 0), memory(1, 0)],
            arrays: vec![array(&[8])],
            lanes: 1,
        },
        vec![tile(C, 8), spread(C, 1, 0, 8)],
        &[[None, None, Some(1)]],
    );
    tree.schedule.steps = 1;
    let counts = counts(&tree);
    let sum = of(&counts, 1, OUTPUT);
    assert_eq!((sum.writes, sum.updates), (8, 7));
    assert_eq!((counts.timing.cycles, counts.steps), (8, 8));
}

/// The tree without loops above its spread: the folds lie inside one step, the leaf tiles are eight.
#[test]
fn folds_of_an_inner_array_lie_inside_one_step() {
    let mut tree = mapping(
        fc(1, 1, 64),
        Design {
            memories: vec![memory(0, 0), memory(1, 0)],
            arrays: vec![array(&[8])],
            lanes: 1,
        },
        vec![spread(C, 1, 0, 8)],
        &[all(0)],
    );
    tree.schedule.steps = 0;
    let counts = counts(&tree);
    let sum = of(&counts, 1, OUTPUT);
    assert_eq!((sum.writes, sum.updates, sum.fills), (8, 7, 1));
    assert_eq!(
        (counts.timing.cycles, counts.steps, counts.pes_used),
        (8, 1, 8)
    );
}

/// Case 11: networks that describe nothing cost nothing, whatever stands between them: 100 steps of a MAC.
#[test]
fn networks_without_a_word_are_free() {
    let loops = || vec![spread(K, 2, 0, 4), spread(K, 1, 1, 2), tile(C, 1)];
    let arrays = || vec![array(&[4]), array(&[2])];
    let joined = mapping(
        fc(1, 8, 100),
        Design {
            memories: vec![memory(0, 0), double(1, 2)],
            arrays: arrays(),
            lanes: 1,
        },
        loops(),
        &[all(3)],
    );
    assert_eq!(cycles(&joined), 100);
    let parted = mapping(
        fc(1, 8, 100),
        Design {
            memories: vec![memory(0, 0), double(1, 1), double(2, 2)],
            arrays: arrays(),
            lanes: 1,
        },
        loops(),
        &[[None, Some(1), None], all(3)],
    );
    assert_eq!(cycles(&parted), 100);
}

/// A latency is of the network that gives it: 3 cycles for every fill of one byte, 2 more than without.
#[test]
fn a_latency_is_paid_where_it_is_given() {
    let mut far = mapping(
        fc(1, 1, 10),
        Design {
            memories: vec![memory(0, 0), memory(1, 1)],
            arrays: vec![array(&[1])],
            lanes: 1,
        },
        vec![tile(C, 1)],
        &[all(1)],
    );
    assert_eq!(cycles(&far), 10);
    far.architecture.arrays[0].network.latency = Some(3);
    // Ten fills and ten MACs, one after the other, and the sum that leaves.
    assert_eq!(cycles(&far), 10 * (3 + 1) + 3);
    far.architecture.arrays[0].network.latency = Some(0);
    assert_eq!(cycles(&far), 10 * (1 + 1) + 1);
}

/// Two PEs slide over three inputs: in the second step the first takes what the second had. DRAM gives 3, the
/// PEs read 4 for their MACs and 1 for the neighbour; 4 arrive.
#[test]
fn a_neighbour_reads_what_it_lends() {
    const Q: u8 = 0;
    const S: u8 = 1;
    let slide = operation(
        &[2, 2],
        [
            vec![dim(&[(Q, 1), (S, 1)], 3)],
            vec![dim(&[(S, 1)], 2)],
            vec![dim(&[(Q, 1)], 2)],
        ],
    );
    let counts = counts(&mapping(
        slide,
        Design {
            memories: vec![memory(0, 0), port(memory(1, 1), BYTE)],
            arrays: vec![network(
                &[2],
                Network {
                    forwarding: true,
                    ..Network::FREE
                },
            )],
            lanes: 1,
        },
        vec![tile(S, 1), spread(Q, 1, 0, 2)],
        &[all(2)],
    ));
    assert_eq!(of(&counts, 0, INPUT).reads, 3);
    assert_eq!(of(&counts, 1, INPUT).reads, 5);
    let crossing = &counts.boundaries[0].tensors[INPUT];
    assert_eq!(
        (crossing.down, crossing.forwarded, crossing.hops),
        (3, 1, 4)
    );
}
