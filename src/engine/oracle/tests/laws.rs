//! Every law sees the fault that it is there for.

use super::*;
use crate::engine::TimingRule;
use crate::engine::laws::Law;

/// Two PEs, everything held in them, no port: only the laws of counts can be broken.
fn free() -> Mapping {
    mapping(
        fc(1, 2, 4),
        Design {
            memories: vec![memory(0, 0), memory(1, 0), memory(2, 1)],
            arrays: vec![array(&[2])],
            lanes: 1,
        },
        vec![spread(C, 1, 0, 2), tile(K, 1)],
        &[all(0), all(2)],
    )
}

fn broken(mapping: &Mapping, tamper: impl Fn(&mut Counts)) -> Option<Law> {
    let mut counts = counts(mapping);
    tamper(&mut counts);
    check(mapping, &counts, TimingRule::Exact).err()
}

#[test]
fn a_lost_point_is_seen() {
    assert_eq!(
        broken(&free(), |c| c.operations -= 1),
        Some(Law::Operations)
    );
}

#[test]
fn bandwidth_given_away_twice_is_seen() {
    let mut bounded = free();
    bounded.architecture.memories[1].ports = Ports::One(BYTE);
    // The port of L1 takes 4 + 8 bytes in, and more out: it cannot be done in 12 cycles.
    let twice = |c: &mut Counts| {
        c.timing.cycles = 12;
        c.resources.clear();
    };
    assert_eq!(broken(&bounded, twice), Some(Law::Bandwidth));
    let busy = |c: &mut Counts| c.resources[0].bits *= 2;
    assert_eq!(broken(&bounded, busy), Some(Law::Bandwidth));
}

/// The older rule read two sums of case 12 that nobody held.
#[test]
fn a_sum_that_nobody_holds_is_seen() {
    let read = |c: &mut Counts| {
        let rf = &mut c.memories[2].tensors[OUTPUT];
        rf.reads += 2;
        rf.updates += 2;
    };
    assert_eq!(broken(&free(), read), Some(Law::Sums));
    let left_behind = |c: &mut Counts| c.memories[0].tensors[OUTPUT].complete_writes -= 1;
    assert_eq!(broken(&free(), left_behind), Some(Law::Sums));
}

#[test]
fn an_operand_that_nobody_asked_for_is_seen() {
    let read = |c: &mut Counts| c.memories[1].tensors[INPUT].reads += 1;
    assert_eq!(broken(&free(), read), Some(Law::Operands));
    let fill = |c: &mut Counts| c.memories[2].tensors[WEIGHT].fills += 1;
    assert_eq!(broken(&free(), fill), Some(Law::Operands));
}

#[test]
fn bits_that_no_element_has_are_seen() {
    let up = |c: &mut Counts| c.boundaries[0].up_bits += 1;
    assert_eq!(broken(&free(), up), Some(Law::Crossings));
}

#[test]
fn an_element_that_is_not_read_is_seen() {
    let unique = |c: &mut Counts| c.memories[0].tensors[WEIGHT].unique += 1;
    // One more than the whole tensor is more than a tensor can have, before it is more than was read.
    assert_eq!(broken(&free(), unique), Some(Law::Capacity));
}

#[test]
fn time_outside_its_parts_is_seen() {
    let fast = |c: &mut Counts| c.timing.cycles = c.timing.compute_cycles - 1;
    assert_eq!(broken(&free(), fast), Some(Law::Time));
    let slow = |c: &mut Counts| c.timing.cycles = c.timing.compute_cycles + 1;
    assert_eq!(broken(&free(), slow), Some(Law::Time));
}
