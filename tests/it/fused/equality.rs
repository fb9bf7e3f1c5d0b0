//! The engine of fused groups equals the oracle on generated groups: every count and every cycle.
//!
//! `DFLOW_CASES=20000 cargo test --test it fused::equality` runs more of them. A failing group is printed as a person
//! reads it, as Rust text, and with the counts that differ.

use super::build::{Builder, affine, plain};
use super::generate;
use super::generated::{MOST, cases, choices, features, rates};
use super::points;
use crate::features::Tally;
use dflowc::engine::EngineLimit;
use dflowc::engine::fused::{Analysis, Flow, count, count_on, oracle};
use dflowc::ir::{FusedGroup, Memory, Overlap, Ports, Rate};
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};

/// The counts in which two flows differ, one per line.
fn difference(engine: &Flow, oracle: &Flow) -> String {
    let (engine, oracle) = (format!("{engine:#?}"), format!("{oracle:#?}"));
    let (mut text, mut list, mut at) = (String::new(), "", 0);
    for (mine, truth) in engine.lines().zip(oracle.lines()) {
        match mine.trim() {
            "tensors: [" => (list, at) = ("tensor", 0),
            "stages: [" => (list, at) = ("stage", 0),
            "]," => list = "",
            "}," => at += 1,
            _ => {}
        }
        if mine != truth {
            let place = if list.is_empty() {
                String::new()
            } else {
                format!("{list} {at} ")
            };
            text += &format!("{place}engine {} oracle {}\n", mine.trim(), truth.trim());
        }
    }
    text
}

/// What is wrong with the bits that all tensors carry from step to step, if anything.
fn carried(group: &FusedGroup) -> Result<Option<String>, String> {
    let all: Vec<usize> = (0..group.tensors.len()).collect();
    let truth = oracle::carried(group, &all, MOST).map_err(|refusal| format!("{refusal:?}"))?;
    let counted = Analysis::new(group).and_then(|analysis| analysis.carried_bits(&all));
    Ok((counted != Ok(truth)).then(|| format!("carried: engine {counted:?} oracle {truth}\n")))
}

/// What is wrong with the engine's counts of a group, if anything.
pub fn judge(group: &FusedGroup, rates: &[u64]) -> Result<Flow, String> {
    judge_on(group, rates, &[])
}

/// As [`judge`], between memories.
fn judge_on(group: &FusedGroup, rates: &[u64], memories: &[Memory]) -> Result<Flow, String> {
    let truth =
        oracle::run_on(group, rates, memories, MOST).map_err(|refusal| format!("{refusal:?}"))?;
    let counted = std::panic::catch_unwind(|| count_on(group, rates, memories));
    let wrong = match counted {
        Ok(Ok(flow)) if flow == truth => match carried(group)? {
            None => return Ok(truth),
            Some(wrong) => wrong,
        },
        Ok(Ok(flow)) => difference(&flow, &truth),
        Ok(Err(limit)) => format!("engine {limit:?}\n"),
        Err(_) => "engine panics\n".to_owned(),
    };
    let text = generate::describe(group);
    let source = generate::source_text(group);
    Err(format!(
        "{text}rates {rates:?}\n{memories:?}\n{wrong}{source}\n"
    ))
}

/// The choices that make the memories of a group.
fn hardware() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(any::<u32>(), 0..40)
}

/// A change of one memory.
type Change<'a> = &'a dyn Fn(&mut Memory);

#[test]
fn engine_equals_oracle() {
    let mut runner = TestRunner::new(Config {
        cases: cases(300),
        max_shrink_iters: 20_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/it/fused/equality.regressions",
        ))),
        ..Config::default()
    });
    let seen = std::cell::RefCell::new(Tally::default());
    runner
        .run(&(choices(), hardware()), |(choices, hardware)| {
            let mut group = generate::group(&choices);
            let memories = generate::memories(&hardware, &mut group);
            let flow = judge_on(&group, &rates(&group), &memories).map_err(TestCaseError::fail)?;
            seen.borrow_mut().count(features(&group, &flow, &memories));
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let seen = seen.into_inner();
    seen.print();
    println!("{} equal, none refused", seen.all);
    for (feature, count) in &seen.features {
        assert!(seen.all < 1000 || count * 20 > seen.all, "{feature}");
    }
}

/// Two readers of one tensor that move at different speeds: what is live grows between the first and the last step.
#[test]
fn readers_of_different_strides_leave_a_growing_gap() {
    let mut b = Builder::default();
    let x = b.input(&[12]);
    let y = b.stage(&[6], vec![(x, vec![affine(&[(0, 2)], 0)])], &[0]);
    b.stage(&[6], vec![(y, plain(&[0])), (x, plain(&[0]))], &[0]);
    let group = b.group(&[(0, 1)]);
    assert!(judge(&group, &[1, 1]).is_ok());
    // Step 2 wants 2 and 4; 2 was there, 4 is wanted again in step 4. Step 3: 3 and 6, and 4.
    let flow = count(&group, &[1, 1]).expect("countable");
    assert_eq!(flow.tensors[x].live, 3);
}

#[test]
fn the_engine_counts_what_the_files_say() {
    for point in points::all() {
        let rates = vec![1; point.group.stages.len()];
        point.judge(&count(&point.group, &rates).expect("countable"));
        assert!(judge(&point.group, &rates).is_ok());
    }
}

/// No port is asked for more than it has, nothing is hidden from the time that everything in turn takes, and what is
/// better is never slower: a buffer that overlaps, a port of twice the bandwidth, two for one.
#[test]
fn the_laws_of_time_hold_of_groups() {
    let mut runner = TestRunner::new(Config {
        cases: cases(200),
        max_shrink_iters: 5_000,
        failure_persistence: None,
        ..Config::default()
    });
    let law = |(choices, hardware): (Vec<u32>, Vec<u32>)| {
        let mut group = generate::group(&choices);
        let memories = generate::memories(&hardware, &mut group);
        let rates = rates(&group);
        let time = |memories: &[Memory]| count_on(&group, &rates, memories);
        let flow = match time(&memories) {
            Ok(flow) => flow,
            Err(EngineLimit::Irregular) => return Ok(()),
            Err(limit) => return Err(TestCaseError::fail(format!("{limit:?}"))),
        };
        let describe = |what: &str| format!("{what}\n{}{memories:?}", generate::describe(&group));
        let fail = |what: &str| TestCaseError::fail(describe(what));
        let busy: Vec<u64> = flow.busy.iter().flatten().copied().collect();
        let stages = match group.overlap {
            Overlap::Sequence => flow.sequential,
            Overlap::Pipeline => flow.pipelined,
        };
        if busy.iter().any(|&busy| busy > flow.cycles) || stages > flow.cycles {
            return Err(fail("a port or the stages take longer than the run"));
        }
        if flow.cycles > flow.sequential + busy.iter().sum::<u64>() {
            return Err(fail("longer than everything in turn"));
        }
        let better = |change: &dyn Fn(&mut Memory)| {
            let mut better = memories.clone();
            better.iter_mut().for_each(change);
            time(&better).map(|flow| flow.cycles)
        };
        let twice = |rate: Rate| Rate {
            bits: rate.bits * 2,
            ..rate
        };
        let wide = |memory: &mut Memory| {
            memory.ports = match memory.ports {
                Ports::One(rate) => Ports::One(twice(rate)),
                Ports::Two { read, write } => Ports::Two {
                    read: read.map(twice),
                    write: write.map(twice),
                },
            };
        };
        let two = |memory: &mut Memory| {
            if let Ports::One(rate) = memory.ports {
                memory.ports = Ports::Two {
                    read: Some(rate),
                    write: Some(rate),
                };
            }
        };
        let overlap = |memory: &mut Memory| memory.streams = true;
        let changes: [(&str, Change); 3] = [
            ("bandwidth", &wide),
            ("two ports", &two),
            ("overlap", &overlap),
        ];
        for (what, change) in changes {
            match better(change) {
                Ok(cycles) if cycles <= flow.cycles => {}
                other => return Err(fail(&format!("{what}: {} and {other:?}", flow.cycles))),
            }
        }
        Ok(())
    };
    runner
        .run(&(choices(), hardware()), law)
        .unwrap_or_else(|failure| panic!("{failure}"));
}
