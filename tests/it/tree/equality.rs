//! Products of sums over groups of ranks equal the walk through all steps, on generated chains.
//!
//! `DFLOW_CASES=20000 cargo test --test it tree::equality` runs more of them.

use super::generate::{chain, schedule};
use crate::generate::Choices;
use dflowc::engine::EngineLimit;
use dflowc::engine::tree::{Miscount, count, oracle};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::Cell;

#[test]
fn the_count_equals_the_oracle() {
    let wanted = std::env::var("DFLOW_CASES").ok();
    let cases = wanted.and_then(|text| text.parse().ok()).unwrap_or(300);
    let config = Config {
        cases,
        failure_persistence: None,
        max_global_rejects: cases * 100,
        ..Config::default()
    };
    let (refused, lost) = (Cell::new(0), Cell::new(0));
    let choices = prop::collection::vec(0..1000u32, 20..100);
    let result = TestRunner::new(config).run(&choices, |choices| {
        let c = &mut Choices::new(&choices);
        let layers = c.from(1, 3);
        let problem = chain(c, layers, 6, 2);
        let schedule = schedule(c, &problem);
        let counted = match count(&problem, &schedule) {
            Err(Miscount::Limit(EngineLimit::Irregular)) => {
                refused.set(refused.get() + 1);
                return Ok(());
            }
            other => other,
        };
        match (oracle::run(&problem, &schedule, 4_000_000), counted) {
            (Err(oracle::Refusal::TooLarge), _) => {
                return Err(TestCaseError::reject("too large"));
            }
            (
                Err(oracle::Refusal::Lost { tensor, elements }),
                Err(Miscount::Lost {
                    tensor: other,
                    elements: counted,
                }),
            ) => {
                lost.set(lost.get() + 1);
                prop_assert_eq!((tensor, elements), (other, counted));
            }
            (truth, counted) => {
                prop_assert!(
                    counted.is_ok() && truth.as_ref().ok() == counted.as_ref().ok(),
                    "{problem:#?}\n{schedule:#?}\noracle {truth:#?}\ncount {counted:#?}"
                );
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    // Most cases are counted: the form is that of all chains of products, convolutions and pools.
    assert!(
        refused.get() * 10 < cases,
        "{} of {cases} refused",
        refused.get()
    );
    assert!(lost.get() > 0);
}
