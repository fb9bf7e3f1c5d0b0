//! What holds of every evaluation holds of the oracle's, on generated mappings: the laws, and that a better part
//! never makes anything slower.
//!
//! `DFLOW_CASES=20000 cargo test --release --test it laws` runs more of them.

use crate::features::Tally;
use crate::generate::{self, Choices};
use dflowc::engine::{laws, oracle};
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
                    let kept = laws::check(&mapping, &counts);
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
