//! What holds of every evaluation holds of the oracle's, on generated mappings: the laws, and that a better part
//! never makes anything slower.
//!
//! `DFLOW_CASES=20000 cargo test --release --test it laws` runs more of them.

use crate::features::Tally;
use crate::generate::{self, Choices};
use dflowc::engine::{
    Bound, BoundaryCounts, Counts, CrossingCounts, MemoryCounts, ResourceCounts, TensorCounts,
    Timing, TimingRule, laws, oracle,
};
use dflowc::ir::{Links, Mapping, Ports, Rate};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::cell::{Cell, RefCell};

fn cases() -> u32 {
    std::env::var("DFLOW_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(2000)
}

/// The same mappings in every run, so that the shares of features are facts.
fn runner() -> TestRunner {
    let config = Config {
        cases: cases(),
        max_shrink_iters: 5_000,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn choices() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(any::<u32>(), 0..160)
}

#[test]
fn the_oracle_keeps_the_laws() {
    let tally = RefCell::new(Tally::default());
    let illegal = Cell::new(0u32);
    runner()
        .run(&choices(), |choices| {
            let mapping = generate::mapping(&choices);
            match oracle::run(&mapping, 200_000) {
                Ok(counts) => {
                    tally.borrow_mut().add(&mapping);
                    let kept = laws::check(&mapping, &counts, TimingRule::Exact);
                    prop_assert!(kept.is_ok(), "{kept:?}\n{mapping:#?}\n{counts:#?}");
                }
                Err(oracle::Refusal::Uncovered(_) | oracle::Refusal::Doubled(_)) => {
                    illegal.set(illegal.get() + 1);
                }
                Err(refusal) => prop_assert!(false, "{refusal:?}"),
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let tally = tally.into_inner();
    tally.print();
    println!("{} legal, {} illegal", tally.all, illegal.get());
    for (feature, count) in &tally.features {
        assert!(
            tally.all < 1000 || count * 10 >= tally.all,
            "{feature} in only {count} of {}",
            tally.all
        );
    }
}

/// A number in finished counts.
enum Field<'a> {
    Count(&'a mut u64),
    Index(&'a mut usize),
}

impl Field<'_> {
    /// One more, or one less; `false` where that is below 0.
    fn alter(self, more: bool) -> bool {
        match self {
            Field::Count(count) if more => *count += 1,
            Field::Index(index) if more => *index += 1,
            Field::Count(count) if *count > 0 => *count -= 1,
            Field::Index(index) if *index > 0 => *index -= 1,
            _ => return false,
        }
        true
    }
}

/// Every number, by name (the bound is a choice, not a number, and has a test of its own). A new field of the counts does not compile until it is listed here.
fn fields(counts: &mut Counts, result: usize) -> Vec<(&'static str, Field<'_>)> {
    use Field::{Count, Index};
    let Counts {
        operations,
        steps,
        pes_used,
        memories,
        boundaries,
        resources,
        timing,
    } = counts;
    let Timing {
        cycles,
        compute_cycles,
        neighbour_cycles,
        bound: _,
    } = timing;
    let mut all = vec![
        ("operations", Count(operations)),
        ("steps", Count(steps)),
        ("pes_used", Count(pes_used)),
        ("cycles", Count(cycles)),
        ("compute_cycles", Count(compute_cycles)),
        ("neighbour_cycles", Count(neighbour_cycles)),
    ];
    for (memory, m) in memories.iter_mut().enumerate() {
        let MemoryCounts {
            required_bits,
            tensors,
        } = m;
        all.push(("required_bits", Count(required_bits)));
        for counts in tensors {
            let TensorCounts {
                tensor,
                tile,
                fills,
                reads,
                writes,
                updates,
                complete_reads,
                complete_writes,
                unique,
            } = counts;
            let result = *tensor == result;
            all.extend([
                ("tensor", Index(tensor)),
                (
                    if memory == 0 {
                        "outermost tile"
                    } else {
                        "tile"
                    },
                    Count(tile),
                ),
                (
                    if result {
                        "fills of the result"
                    } else {
                        "fills"
                    },
                    Count(fills),
                ),
                ("reads", Count(reads)),
                ("writes", Count(writes)),
                ("updates", Count(updates)),
                ("complete_reads", Count(complete_reads)),
                ("complete_writes", Count(complete_writes)),
                ("unique", Count(unique)),
            ]);
        }
    }
    for boundary in boundaries {
        let BoundaryCounts {
            parent,
            child,
            position,
            tensors,
            down_bits,
            up_bits,
            peak_bits,
            transfer_cycles,
        } = boundary;
        let lanes = child.is_none();
        all.extend([
            ("parent", Index(parent)),
            ("position", Index(position)),
            ("down_bits", Count(down_bits)),
            ("up_bits", Count(up_bits)),
            ("peak_bits", Count(peak_bits)),
            ("transfer_cycles", Count(transfer_cycles)),
        ]);
        all.extend(child.as_mut().map(|child| ("child", Index(child))));
        for crossing in tensors {
            let CrossingCounts {
                tensor,
                down,
                up,
                up_complete,
                forwarded,
                hops,
            } = crossing;
            all.extend([
                ("crossing tensor", Index(tensor)),
                ("down", Count(down)),
                ("up", Count(up)),
                ("up_complete", Count(up_complete)),
                ("forwarded", Count(forwarded)),
                (
                    if lanes { "hops to the lanes" } else { "hops" },
                    Count(hops),
                ),
            ]);
        }
    }
    for resource in resources {
        let ResourceCounts {
            resource: _,
            rate,
            bits,
            busy_cycles,
        } = resource;
        all.extend([
            ("rate", Count(&mut rate.bits)),
            ("rate", Count(&mut rate.cycles)),
            ("resource bits", Count(bits)),
            ("busy_cycles", Count(busy_cycles)),
        ]);
    }
    all
}

/// Numbers of which the laws know bounds only: they see one too many or too few where a bound is tight, and this
/// is why they cannot always.
const BOUNDED: [(&str, &str); 15] = [
    (
        "steps",
        "how many steps the loops make is what is counted; at most one per cycle of computation",
    ),
    (
        "pes_used",
        "no more than there are, and enough for the work in the time; idle ones depend on the loops",
    ),
    (
        "cycles",
        "overlap is what is counted; between the slowest part and all parts one after the other",
    ),
    (
        "compute_cycles",
        "edges keep some PEs idle; enough for the work, and a part of the cycles",
    ),
    (
        "fills of the result",
        "elements may enter without a sum and leave without one (gaps)",
    ),
    (
        "unique",
        "of an operand, how many elements the padding and the stride leave out is what is counted",
    ),
    (
        "complete_reads",
        "over arrays that add, the last of several sums is complete, or none",
    ),
    (
        "complete_writes",
        "over arrays that add, a sum can become complete on arrival or before",
    ),
    (
        "up_complete",
        "over arrays that add, and from the lanes where formats are equal",
    ),
    (
        "hops to the lanes",
        "lanes in the padding read nothing, and how many those are is what is counted",
    ),
    (
        "down_bits",
        "a sum that comes down again may be complete, and is then as wide as the result",
    ),
    (
        "peak_bits",
        "the largest of all steps, of which only the sum is known",
    ),
    (
        "transfer_cycles",
        "the slower of two ways in each step, of which only the sums are known",
    ),
    (
        "resource bits",
        "the largest of all instances in each step, of which only the sum is known",
    ),
    (
        "busy_cycles",
        "rounded up in each step, and how many steps there are is what is counted",
    ),
];

#[test]
fn a_number_that_is_one_off_is_seen() {
    // Per field: seen and tried, one less and one more.
    let tally = RefCell::new(std::collections::BTreeMap::<&str, [(u32, u32); 2]>::new());
    let config = Config {
        cases: 300,
        max_shrink_iters: 0,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
        .run(&choices(), |choices| {
            let mapping = generate::mapping(&choices);
            let result = mapping.operation.result();
            let Ok(counts) = oracle::run(&mapping, 20_000) else {
                return Ok(());
            };
            for index in 0..fields(&mut counts.clone(), result).len() {
                for more in [false, true] {
                    let mut altered = counts.clone();
                    let (name, field) = fields(&mut altered, result).swap_remove(index);
                    if field.alter(more) {
                        let seen = laws::check(&mapping, &altered, TimingRule::Exact).is_err();
                        let mut tally = tally.borrow_mut();
                        let (hits, tried) = &mut tally.entry(name).or_default()[usize::from(more)];
                        (*hits, *tried) = (*hits + u32::from(seen), *tried + 1);
                    }
                }
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    for (name, both) in tally.into_inner() {
        let reason = BOUNDED.iter().find(|(bounded, _)| *bounded == name);
        println!("{name:24} one less {:?}, one more {:?}", both[0], both[1]);
        for (seen, tried) in both {
            assert!(
                seen == tried || reason.is_some(),
                "{name}: {seen} of {tried}"
            );
        }
        assert!(both[0].0 + both[1].0 > 0, "no law covers {name}");
    }
}

#[test]
fn a_bound_that_is_not_the_longest_is_seen() {
    let mapping = generate::mapping(&[]);
    let counts = oracle::run(&mapping, 200_000).expect("small and legal");
    let all = (0..counts.resources.len()).map(Bound::Resource);
    let all = all.chain((0..counts.boundaries.len()).map(Bound::Boundary));
    for bound in all.chain([Bound::Compute]) {
        let mut altered = counts.clone();
        altered.timing.bound = bound;
        let seen = laws::check(&mapping, &altered, TimingRule::Exact);
        assert_eq!(seen.is_ok(), bound == counts.timing.bound, "{bound:?}");
    }
}

fn faster(rate: Option<Rate>) -> Option<Rate> {
    rate.map(|rate| Rate {
        bits: rate.bits * 2,
        ..rate
    })
}

/// One part of the accelerator made better; `None` where there is nothing to improve in the part drawn.
fn improved(mapping: &Mapping, c: &mut Choices) -> Option<(&'static str, Mapping)> {
    let mut better = mapping.clone();
    let kind = c.below(10);
    let architecture = &mut better.architecture;
    let memory = c.below(architecture.memories.len() as u64) as usize;
    let array = c.below(architecture.arrays.len() as u64) as usize;
    let memory = &mut architecture.memories[memory];
    if kind < 4 {
        let name = match (kind, memory.ports) {
            (0, Ports::One(rate)) => {
                memory.ports = Ports::Two {
                    read: Some(rate),
                    write: Some(rate),
                };
                "two ports for one"
            }
            (0, Ports::Two { .. }) => return None,
            (1, Ports::One(rate)) => {
                memory.ports = Ports::One(faster(Some(rate))?);
                "a faster port"
            }
            (1, Ports::Two { read, write }) => {
                memory.ports = Ports::Two {
                    read: faster(read),
                    write: faster(write),
                };
                "faster ports"
            }
            (2, _) => {
                memory.double_buffered = true;
                "double buffering"
            }
            _ => {
                memory.streams = true;
                "streaming"
            }
        };
        return Some((name, better));
    }
    let network = &mut architecture.arrays.get_mut(array)?.network;
    let name = match (kind, network.links) {
        (4, _) => {
            network.multicast = true;
            "multicast"
        }
        (5, _) => {
            network.reduction = true;
            "reduction"
        }
        (6, _) => {
            network.latency = network.latency.map(|latency| latency.saturating_sub(1));
            "less latency"
        }
        (7, Links::Shared(rate)) => {
            network.links = Links::PerTensor {
                input: rate,
                weight: rate,
                output: rate,
            };
            "links per tensor"
        }
        (8, Links::Shared(rate)) => {
            network.links = Links::Shared(faster(rate));
            "a faster link"
        }
        (9, _) => {
            network.skew = network.skew.saturating_sub(1);
            "less skew"
        }
        _ => return None,
    };
    Some((name, better))
}

#[test]
fn a_better_part_is_never_slower() {
    let compared = Cell::new(0u32);
    runner()
        .run(
            &(choices(), prop::collection::vec(any::<u32>(), 3)),
            |(choices, part)| {
                let mapping = generate::mapping(&choices);
                let Some((name, better)) = improved(&mapping, &mut Choices::new(&part)) else {
                    return Ok(());
                };
                let Ok(before) = oracle::run(&mapping, 200_000) else {
                    return Ok(());
                };
                let after = oracle::run(&better, 200_000).expect("still legal");
                compared.set(compared.get() + 1);
                prop_assert!(
                    after.timing.cycles <= before.timing.cycles,
                    "{name}: {} instead of {}\n{mapping:#?}",
                    after.timing.cycles,
                    before.timing.cycles
                );
                for (before, after) in before.memories.iter().zip(&after.memories) {
                    for (before, after) in before.tensors.iter().zip(&after.tensors) {
                        prop_assert!(
                            after.reads <= before.reads && after.writes <= before.writes,
                            "{name}: more accesses\n{mapping:#?}"
                        );
                    }
                }
                Ok(())
            },
        )
        .unwrap_or_else(|failure| panic!("{failure}"));
    assert!(compared.get() * 4 > cases());
}
