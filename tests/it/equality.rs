//! The engine equals the oracle on generated mappings: every count, every cycle.
//!
//! `DFLOW_CASES=20000 cargo test --release --test it equality` runs more of them.

use crate::generate;
use dflowc::engine::{EngineLimit, TimingRule, count, oracle};
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};

fn cases() -> u32 {
    std::env::var("DFLOW_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1000)
}

/// The lines in which two counts differ, and the mapping.
fn difference(
    mapping: &dflowc::ir::Mapping,
    mine: &Result<dflowc::engine::Counts, EngineLimit>,
    truth: &dflowc::engine::Counts,
) -> String {
    let mut text = format!(
        "{:?}\n{:?}\n{:?}\npositions {:?} leaf {}\n",
        mapping.operation.ranks,
        mapping.operation.tensors,
        mapping.architecture,
        mapping.schedule.positions,
        mapping.schedule.leaf
    );
    for l in &mapping.schedule.loops {
        text += &format!(
            "{} {:?} {:?}\n",
            l.level,
            l.kind,
            l.moves
                .iter()
                .map(|m| (m.axis, m.size, m.offset))
                .collect::<Vec<_>>()
        );
    }
    match mine {
        Ok(mine) => {
            let (mine, truth) = (format!("{mine:#?}"), format!("{truth:#?}"));
            let mut path = String::new();
            for (a, b) in mine.lines().zip(truth.lines()) {
                if a.ends_with('{') && path.len() < 20_000 {
                    path = a.trim().to_owned();
                }
                if a != b {
                    text += &format!("{path}: engine {} oracle {}\n", a.trim(), b.trim());
                }
            }
        }
        Err(limit) => text += &format!("engine: {limit:?}\n"),
    }
    text
}

#[test]
fn engine_equals_oracle() {
    let mut runner = TestRunner::new(Config {
        cases: cases(),
        max_shrink_iters: 20_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/it/equality.regressions",
        ))),
        ..Config::default()
    });
    let counts = std::cell::Cell::new((0u32, 0u32, 0u32));
    runner
        .run(&prop::collection::vec(any::<u32>(), 0..120), |choices| {
            let mapping = generate::mapping(&choices);
            let truth = oracle::run(&mapping, 200_000);
            let (legal, irregular, illegal) = counts.get();
            match truth {
                Ok(truth) => {
                    let mine = std::panic::catch_unwind(|| count(&mapping, TimingRule::Exact))
                        .unwrap_or(Err(EngineLimit::Overflow));
                    if mine == Err(EngineLimit::Irregular) {
                        counts.set((legal, irregular + 1, illegal));
                        return Ok(());
                    }
                    counts.set((legal + 1, irregular, illegal));
                    prop_assert!(
                        mine.as_ref() == Ok(&truth),
                        "{}",
                        difference(&mapping, &mine, &truth)
                    );
                }
                Err(_) => counts.set((legal, irregular, illegal + 1)),
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let (legal, irregular, illegal) = counts.get();
    println!("{legal} equal, {irregular} irregular, {illegal} illegal");
}
