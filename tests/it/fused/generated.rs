//! Generated groups: what the definition implies holds of what the oracle counts.

use super::generate;
use crate::features::{Tally, bounded, of_memories};
use dflowc::engine::fused::{Flow, oracle};
use dflowc::ir::{Fate, FusedGroup, Memory, Overlap};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Enough for every generated group.
pub const MOST: u64 = 100_000_000;

/// How many cases: `DFLOW_CASES`, or `otherwise`.
pub fn cases(otherwise: u32) -> u32 {
    std::env::var("DFLOW_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(otherwise)
}

/// Rates for the stages of a group, not the same for all.
pub fn rates(group: &FusedGroup) -> Vec<u64> {
    (0..group.stages.len())
        .map(|s| [1, 3, 8, 2][s % 4])
        .collect()
}

/// The choices that make a group.
pub fn choices() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(any::<u32>(), 0..130)
}

#[test]
fn what_the_definition_implies_holds() {
    let mut runner = TestRunner::new(Config {
        cases: cases(100),
        max_shrink_iters: 5_000,
        failure_persistence: None,
        ..Config::default()
    });
    let seen = std::cell::RefCell::new(Tally::default());
    runner
        .run(&choices(), |choices| {
            let group = generate::group(&choices);
            let flow = oracle::run(&group, &rates(&group), MOST)
                .map_err(|refusal| TestCaseError::fail(format!("{refusal:?}")))?;
            seen.borrow_mut().count(features(&group, &flow, &[]));
            if let Err(broken) = implied(&group, &flow) {
                let text = generate::describe(&group);
                return Err(TestCaseError::fail(format!("{broken}\n{text}{flow:#?}")));
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let seen = seen.into_inner();
    seen.print();
    // The generator must not drift into groups that say nothing.
    for (feature, count) in &seen.features {
        assert!(seen.all < 1000 || count * 20 > seen.all, "{feature}");
    }
}

/// What a group on `memories` exercises.
pub fn features(group: &FusedGroup, flow: &Flow, memories: &[Memory]) -> Vec<(&'static str, bool)> {
    let head = group.result(group.head());
    let inner = || {
        let tensors = group.tensors.iter().zip(&flow.tensors).enumerate();
        tensors.filter(move |(t, (tensor, _))| tensor.producer.is_some() && Some(*t) != head)
    };
    let readers = |t: usize| {
        let reads = |stage: &&dflowc::ir::Stage| {
            let operands = stage.accesses.split_last().map_or(&[][..], |(_, all)| all);
            operands.iter().any(|access| access.tensor == t)
        };
        group.stages.iter().filter(reads).count()
    };
    let twice = group.loops.iter().enumerate();
    let mut twice = twice.map(|(at, one)| group.loops[..at].iter().any(|l| l.rank == one.rank));
    let mut pieces: Vec<u64> = (group.stages[group.head()].ranks.iter())
        .map(|rank| rank.extent)
        .collect();
    let mut trips = 1;
    for tile in &group.loops {
        trips *= pieces[tile.rank].div_ceil(tile.size);
        pieces[tile.rank] = pieces[tile.rank].min(tile.size);
    }
    let used = |number: usize| group.tensors.iter().any(|tensor| tensor.memory == number);
    let mut found = vec![
        (
            "something is recomputed",
            inner().any(|(_, (_, flow))| flow.recomputed > 0),
        ),
        (
            "something is fetched again",
            inner().any(|(_, (_, flow))| flow.refetched > 0),
        ),
        (
            "something is reused",
            inner().any(|(_, (_, flow))| flow.reused > 0),
        ),
        (
            "a map with several readers",
            inner().any(|(t, _)| readers(t) > 1),
        ),
        (
            "partial sums",
            head.is_some_and(|t| flow.tensors[t].required > 0),
        ),
        ("a rank tiled twice", twice.any(|twice| twice)),
        ("loops whose trips do not divide", flow.steps < trips),
        (
            "one stage after the other",
            group.overlap == Overlap::Sequence,
        ),
    ];
    if !memories.is_empty() {
        let sums = head.map(|t| &group.tensors[t]);
        let inside = || {
            memories
                .iter()
                .enumerate()
                .skip(1)
                .filter(|(at, _)| used(*at))
        };
        found.extend(of_memories(memories));
        found.extend([
            (
                "a rate on a memory of the group",
                inside().any(|(_, m)| bounded(m)),
            ),
            ("double buffers", inside().any(|(_, m)| m.double_buffered)),
            ("a stream", inside().any(|(_, m)| m.streams)),
            (
                "partial sums of their own width",
                sums.is_some_and(|tensor| tensor.partial_bits != tensor.bits),
            ),
        ]);
    }
    found
}

/// What follows from the definition for any group.
fn implied(group: &FusedGroup, flow: &Flow) -> Result<(), String> {
    let check = |holds: bool, what: &str| {
        if holds { Ok(()) } else { Err(what.to_owned()) }
    };
    for (t, (tensor, of)) in group.tensors.iter().zip(&flow.tensors).enumerate() {
        let say = |what: &str| format!("tensor {t}: {what}");
        let elements: u64 = tensor.extents.iter().product();
        let is_head = group.result(group.head()) == Some(t);
        let sources = of.reused + of.first_fetch + of.refetched + of.computed;
        check(of.required == sources, &say("required = sources"))?;
        check(of.tile <= of.window, &say("tile <= window"))?;
        check(of.tile <= of.live, &say("tile <= live"))?;
        check(of.fresh <= of.tile, &say("fresh <= tile"))?;
        check(of.window <= elements, &say("window <= tensor"))?;
        check(of.live <= elements, &say("live <= tensor"))?;
        check(of.computed - of.recomputed <= elements, &say("made once"))?;
        if tensor.keep == Some(0) {
            check(
                of.recomputed + of.refetched == 0,
                &say("all kept, none lost"),
            )?;
            check(of.live <= of.window, &say("all kept, live <= window"))?;
        }
        if tensor.keep.is_none() {
            check(of.reused == 0, &say("nothing kept, none reused"))?;
            check(
                (of.live, of.window) == (of.tile, of.tile),
                &say("nothing kept, single tiles"),
            )?;
        }
        if tensor.fate == Fate::Refetch {
            check(of.recomputed == 0, &say("refetched, not recomputed"))?;
        }
        if is_head {
            check(of.dram_writes == elements + of.refetched, &say("written"))?;
        }
    }
    for (s, stage) in group.stages.iter().enumerate() {
        let of = flow.stages[s];
        let all: u64 = stage.ranks.iter().map(|rank| rank.extent).product();
        let say = |what: &str| format!("stage {s}: {what}");
        check(
            of.unique <= all && of.unique <= of.operations,
            &say("unique"),
        )?;
        check(of.active <= flow.steps, &say("active"))?;
        if s == group.head() {
            check(
                of.operations == all && of.unique == all,
                &say("the head's operations"),
            )?;
        } else if let Some(made) = group.result(s) {
            // An element of the result is one box of operations.
            let elements: u64 = group.tensors[made].extents.iter().product();
            let each = all / elements;
            let computed = flow.tensors[made].computed;
            check(
                of.operations == computed * each,
                &say("operations = elements * reduction"),
            )?;
        }
    }
    let longest = flow
        .stages
        .iter()
        .map(|stage| stage.cycles)
        .max()
        .unwrap_or(0);
    let sum: u64 = flow.stages.iter().map(|stage| stage.cycles).sum();
    check(flow.sequential == sum, "sequential = sum")?;
    check(
        longest <= flow.pipelined && flow.pipelined <= sum,
        "pipelined between",
    )?;
    let moved: u128 = group
        .tensors
        .iter()
        .zip(&flow.tensors)
        .map(|(tensor, of)| u128::from(tensor.bits) * u128::from(of.dram_reads + of.dram_writes))
        .sum();
    check(flow.peak_bits <= moved, "peak <= all")?;
    check(
        u128::from(flow.steps) * flow.peak_bits >= moved,
        "peak >= mean",
    )
}
