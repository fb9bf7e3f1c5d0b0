//! What holds of the engine's figures without a second implementation to compare with: laws, bounds of the time, and that
//! a better part at the same places never makes anything slower or dearer.
//!
//! `DFLOW_CASES=20000 cargo test --release --test it properties` runs more of them.

use crate::generate;
use dflowc::engine::{Counts, TimingRule, count, laws};
use dflowc::ir::{Links, Mapping, Network, Ports, Rate};
use dflowc::legality;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::cell::RefCell;
use std::collections::BTreeMap;

fn cases() -> u32 {
    std::env::var("DFLOW_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(300)
}

/// The same mappings in every run, so that what is asserted of their number is a fact.
fn runner() -> TestRunner {
    let config = Config {
        cases: cases(),
        max_shrink_iters: 2_000,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn choices() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(any::<u32>(), 0..160)
}

/// `None` where the mapping is illegal, or beyond what can be counted.
fn counted(mapping: &Mapping) -> Option<Counts> {
    let legal = legality::check(mapping.clone()).ok()?;
    count(&legal, TimingRule::Exact).ok()
}

/// One part of an accelerator made better.
struct Better {
    name: &'static str,
    /// Only the time may change, no count.
    time_only: bool,
    mapping: Mapping,
}

fn twice(rate: Option<Rate>) -> Option<Rate> {
    rate.map(|rate| Rate {
        bits: rate.bits * 2,
        ..rate
    })
}

/// Every memory and every network made better in every way there is, one at a time.
fn improvements(mapping: &Mapping) -> Vec<Better> {
    let mut found = Vec::new();
    let mut add = |name, time_only, better: &dyn Fn(&mut Mapping)| {
        let mut changed = mapping.clone();
        better(&mut changed);
        if changed != *mapping {
            found.push(Better {
                name,
                time_only,
                mapping: changed,
            });
        }
    };
    for memory in 0..mapping.architecture.memories.len() {
        let mut ports = |name, to: &dyn Fn(Ports) -> Ports| {
            add(name, true, &|m| {
                let memory = &mut m.architecture.memories[memory];
                memory.ports = to(memory.ports);
            });
        };
        ports("twice the bandwidth of a memory", &|ports| match ports {
            Ports::One(rate) => Ports::One(twice(Some(rate)).unwrap_or(rate)),
            Ports::Two { read, write } => Ports::Two {
                read: twice(read),
                write: twice(write),
            },
        });
        ports("an unbounded memory", &|_| Ports::UNBOUNDED);
        ports("two ports for one", &|ports| match ports {
            Ports::One(rate) => Ports::Two {
                read: Some(rate),
                write: Some(rate),
            },
            two @ Ports::Two { .. } => two,
        });
        add("double buffering", true, &|m| {
            m.architecture.memories[memory].double_buffered = true;
        });
        add("a stream", true, &|m| {
            m.architecture.memories[memory].streams = true;
        });
    }
    for array in 0..mapping.architecture.arrays.len() {
        let mut network = |name, time_only, better: &dyn Fn(&mut Network)| {
            add(name, time_only, &|m| {
                better(&mut m.architecture.arrays[array].network);
            });
        };
        network("twice the bandwidth of a network", true, &|network| {
            network.links = match network.links {
                Links::Shared(rate) => Links::Shared(twice(rate)),
                Links::PerTensor {
                    input,
                    weight,
                    output,
                } => Links::PerTensor {
                    input: twice(input),
                    weight: twice(weight),
                    output: twice(output),
                },
            };
        });
        network("an unbounded network", true, &|network| {
            network.links = Links::UNBOUNDED;
        });
        network("links per tensor", true, &|network| {
            if let Links::Shared(rate @ Some(_)) = network.links {
                network.links = Links::PerTensor {
                    input: rate,
                    weight: rate,
                    output: rate,
                };
            }
        });
        network("less latency", true, &|network| {
            network.latency = network.latency.map(|latency| latency.saturating_sub(1));
        });
        // Not given is 1 where there is a bandwidth, and less than that is said with 0.
        network("no latency", true, &|network| {
            network.latency = network.latency.filter(|latency| *latency == 0);
        });
        network("less skew", true, &|network| {
            network.skew = network.skew.saturating_sub(1);
        });
        network("multicast", false, &|network| network.multicast = true);
        network("reduction", false, &|network| network.reduction = true);
    }
    found
}

/// Everything that is counted, but for time, and for what a memory needs and its peaks.
fn figures(counts: &Counts) -> BTreeMap<String, u64> {
    let mut figures = BTreeMap::new();
    for (memory, m) in counts.memories.iter().enumerate() {
        for t in &m.tensors {
            let mut add = |what: &str, count| {
                figures.insert(
                    format!("{what} of tensor {} in memory {memory}", t.tensor),
                    count,
                );
            };
            add("fills", t.fills);
            add("reads", t.reads);
            add("writes", t.writes);
        }
    }
    for b in &counts.boundaries {
        let (parent, child) = (b.parent, b.child);
        for c in &b.tensors {
            let mut add = |what: &str, count| {
                figures.insert(
                    format!("{what} of tensor {} from {parent} to {child:?}", c.tensor),
                    count,
                );
            };
            add("hops", c.hops);
            add("down", c.down);
            add("up", c.up);
        }
    }
    figures
}

/// The first figure of `after` that is larger than before.
fn dearer(before: &Counts, after: &Counts) -> Option<String> {
    let (before, after) = (figures(before), figures(after));
    let mut both = before.iter().zip(&after);
    both.find(|((known, before), (name, after))| known != name || after > before)
        .map(|((_, before), (name, after))| format!("{name}: {after} instead of {before}"))
}

#[test]
fn a_better_part_is_neither_slower_nor_dearer() {
    let compared = RefCell::new(BTreeMap::<&str, u32>::new());
    runner()
        .run(&choices(), |choices| {
            let mapping = generate::mapping(&choices);
            let Some(before) = counted(&mapping) else {
                return Ok(());
            };
            for better in improvements(&mapping) {
                let name = better.name;
                let Some(after) = counted(&better.mapping) else {
                    prop_assert!(false, "{name}: not counted\n{mapping:#?}");
                    return Ok(());
                };
                let (slow, fast) = (before.timing.cycles, after.timing.cycles);
                prop_assert!(
                    fast <= slow,
                    "{name}: {fast} cycles instead of {slow}\n{mapping:#?}"
                );
                let dearer = dearer(&before, &after);
                prop_assert!(dearer.is_none(), "{name}: {dearer:?}\n{mapping:#?}");
                if better.time_only {
                    let same = figures(&before) == figures(&after);
                    prop_assert!(same, "{name}: other counts\n{mapping:#?}");
                }
                *compared.borrow_mut().entry(name).or_default() += 1;
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let compared = compared.into_inner();
    println!("{compared:?}");
    // Every kind of improvement in at least one of twenty mappings.
    assert_eq!(compared.len(), 13);
    assert!(compared.values().all(|count| count * 20 >= cases()));
}

/// Forwarding takes reads from the parent. The neighbour's reads and port come on top, so that nothing is said of time.
#[test]
fn forwarding_never_adds_reads_of_the_parent() {
    let (compared, fewer) = (RefCell::new(0u32), RefCell::new(0u32));
    runner()
        .run(&choices(), |choices| {
            let mut mapping = generate::mapping(&choices);
            for array in &mut mapping.architecture.arrays {
                array.network.forwarding = false;
            }
            let Some(without) = counted(&mapping) else {
                return Ok(());
            };
            for array in 0..mapping.architecture.arrays.len() {
                let mut better = mapping.clone();
                better.architecture.arrays[array].network.forwarding = true;
                let Some(with) = counted(&better) else {
                    prop_assert!(false, "not counted\n{mapping:#?}");
                    return Ok(());
                };
                for (before, after) in without.boundaries.iter().zip(&with.boundaries) {
                    for (before, after) in before.tensors.iter().zip(&after.tensors) {
                        // What comes from a neighbour is counted apart, and is a hop as before.
                        prop_assert!(
                            after.down <= before.down && after.hops == before.hops,
                            "{before:?} {after:?}\n{mapping:#?}"
                        );
                        *fewer.borrow_mut() += u32::from(after.down < before.down);
                    }
                }
                let fills = |counts: &Counts| -> Vec<u64> {
                    let tensors = counts.memories.iter().flat_map(|m| &m.tensors);
                    tensors.map(|t| t.fills).collect()
                };
                prop_assert_eq!(fills(&without), fills(&with));
                *compared.borrow_mut() += 1;
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let (compared, fewer) = (compared.into_inner(), fewer.into_inner());
    println!("{compared} compared, {fewer} tensors read less often");
    assert!(compared * 2 > cases());
    // A neighbour that has what is wanted next is rare among random mappings.
    assert!(compared < 5_000 || fewer > 0);
}

/// The laws of every evaluation; of time once more in words of its own, and against the same mapping with everything serial.
#[test]
fn figures_keep_the_laws() {
    let legal = RefCell::new(0u32);
    runner()
        .run(&choices(), |choices| {
            let mapping = generate::mapping(&choices);
            let Some(counts) = counted(&mapping) else {
                return Ok(());
            };
            let kept = laws::check(&mapping, &counts, TimingRule::Exact);
            prop_assert!(kept.is_ok(), "{kept:?}\n{mapping:#?}\n{counts:#?}");
            let timing = &counts.timing;
            prop_assert!(timing.cycles >= timing.compute_cycles);
            let mut serial = u128::from(timing.compute_cycles);
            for resource in &counts.resources {
                // Never more through a resource than it has: bits <= rate * busy, busy <= cycles.
                let most = u128::from(resource.busy_cycles) * u128::from(resource.rate.bits);
                let bits = u128::from(resource.bits) * u128::from(resource.rate.cycles);
                prop_assert!(bits <= most && resource.busy_cycles <= timing.cycles);
                serial += u128::from(resource.busy_cycles);
            }
            for boundary in &counts.boundaries {
                serial += u128::from(boundary.transfer_cycles);
            }
            prop_assert!(u128::from(timing.cycles) <= serial);
            // No more MACs than the PEs and their lanes do in that time.
            let architecture = &mapping.architecture;
            let slots = u128::from(timing.cycles)
                * u128::from(architecture.pes())
                * u128::from(architecture.lanes);
            prop_assert!(u128::from(counts.operations) <= slots);
            // With nothing to wait for, time is that of computation.
            let mut free = mapping.clone();
            for memory in &mut free.architecture.memories {
                memory.ports = Ports::UNBOUNDED;
            }
            for array in &mut free.architecture.arrays {
                array.network.links = Links::UNBOUNDED;
                array.network.latency = None;
                array.network.skew = 0;
            }
            let Some(free) = counted(&free) else {
                prop_assert!(false, "not counted");
                return Ok(());
            };
            prop_assert_eq!(free.timing.cycles, free.timing.compute_cycles);
            prop_assert_eq!(figures(&free), figures(&counts));
            *legal.borrow_mut() += 1;
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    assert!(legal.into_inner() * 2 > cases());
}
