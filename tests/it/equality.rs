//! The engine equals the oracle on generated mappings: every count, every cycle, every verdict.
//!
//! `DFLOW_CASES=20000 cargo test --release --test it equality` runs more of them.

use crate::features::Tally;
use crate::generate;
use dflowc::engine::{Counter, Counts, EngineLimit, Timing, TimingRule, count, execute, oracle};
use dflowc::ir::Mapping;
use dflowc::legality::{self, Legal};
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
        "{:?}\n{:?}\n{:?}\npositions {:?} steps {} leaf {}\n",
        mapping.operation.ranks,
        mapping.operation.tensors,
        mapping.architecture,
        mapping.schedule.positions,
        mapping.schedule.steps,
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

/// Whether a counter that has counted before counts the same again: without time everything but what needs
/// the clock, and then, into the same lists, everything.
fn again(counter: &Counter, mapping: &Legal<Mapping>, truth: &Counts) -> bool {
    let mut expected = truth.clone();
    expected.timing = Timing::default();
    for resource in &mut expected.resources {
        (resource.bits, resource.busy_cycles) = (0, 0);
    }
    for boundary in &mut expected.boundaries {
        (boundary.peak_bits, boundary.transfer_cycles) = (0, 0);
    }
    let mut counts = Counts::default();
    counter.traffic_into(mapping, &mut counts) == Ok(())
        && counts == expected
        && counter.count_into(mapping, TimingRule::Exact, &mut counts) == Ok(())
        && counts == *truth
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
    let tally = std::cell::RefCell::new(Tally::default());
    runner
        .run(&prop::collection::vec(any::<u32>(), 0..120), |choices| {
            let mapping = generate::mapping(&choices);
            let truth = oracle::run(&mapping, 200_000);
            // The verdict: every point exactly once.
            let judged = legality::check(mapping.clone());
            let prepared = legality::Prepared::new(mapping.problem());
            prop_assert_eq!(prepared.admits(&mapping), judged.is_ok());
            let (legal, stepped, illegal) = counts.get();
            match truth {
                Ok(truth) => {
                    let Ok(legal_mapping) = judged else {
                        prop_assert!(false, "refused although legal\n{:?}", mapping.schedule);
                        return Ok(());
                    };
                    tally.borrow_mut().add(&mapping);
                    let mine =
                        std::panic::catch_unwind(|| count(&legal_mapping, TimingRule::Exact))
                            .unwrap_or(Err(EngineLimit::Overflow));
                    prop_assert!(
                        mine.as_ref() == Ok(&truth),
                        "{}",
                        difference(&mapping, &mine, &truth)
                    );
                    // Executing all of them, not only those that need it, says more of the execution.
                    let executed =
                        std::panic::catch_unwind(|| execute(&legal_mapping, TimingRule::Exact))
                            .unwrap_or(Err(EngineLimit::Overflow));
                    prop_assert!(
                        executed.as_ref() == Ok(&truth),
                        "executed: {}",
                        difference(&mapping, &executed, &truth)
                    );
                    let counter = Counter::new(&mapping);
                    let by_classes = counter.as_ref().map_err(Clone::clone).and_then(|counter| {
                        counter.count_by_classes(&legal_mapping, TimingRule::Exact)
                    });
                    if by_classes == Err(EngineLimit::Irregular) {
                        counts.set((legal, stepped + 1, illegal));
                    } else {
                        prop_assert!(
                            counter.is_ok_and(|counter| again(&counter, &legal_mapping, &truth)),
                            "not the same again, or without time\n{:?}",
                            mapping.schedule
                        );
                        counts.set((legal + 1, stepped, illegal));
                    }
                }
                Err(oracle::Refusal::Uncovered(_) | oracle::Refusal::Doubled(_)) => {
                    prop_assert!(
                        judged.is_err(),
                        "accepted although illegal\n{:?}",
                        mapping.schedule
                    );
                    counts.set((legal, stepped, illegal + 1));
                }
                Err(refusal) => prop_assert!(false, "{:?}", refusal),
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let (legal, stepped, illegal) = counts.get();
    tally.borrow().print();
    println!("{legal} equal, {stepped} equal of irregular loops, executed; {illegal} illegal");
    // The generator must not drift into producing next to nothing of a kind; a short run says little of rare ones.
    assert!(legal > illegal && illegal * 40 > legal);
    assert!(legal < 10_000 || stepped * 400 > legal);
}

/// The verdict without a diagnosis is the verdict with one: of memories that are just large enough, and one bit short.
#[test]
fn both_doors_of_legality_decide_the_same() {
    let mut runner = TestRunner::new(Config {
        cases: cases(),
        failure_persistence: None,
        ..Config::default()
    });
    let verdicts = std::cell::Cell::new((0u32, 0u32));
    runner
        .run(&prop::collection::vec(any::<u32>(), 0..120), |choices| {
            let drawn = generate::mapping(&choices);
            for memory in 1..drawn.architecture.memories.len() {
                let Some((need, _)) = legality::required(&drawn, memory) else {
                    continue;
                };
                for short in [0, 1] {
                    let mut mapping = drawn.clone();
                    mapping.architecture.memories[memory].capacity_bits =
                        Some(need.saturating_sub(short));
                    let prepared = legality::Prepared::new(mapping.problem());
                    let legal = legality::check(mapping.clone()).is_ok();
                    prop_assert_eq!(prepared.admits(&mapping), legal, "{:?}", mapping);
                    let (yes, no) = verdicts.get();
                    verdicts.set((yes + u32::from(legal), no + u32::from(!legal)));
                }
            }
            Ok(())
        })
        .unwrap();
    let (yes, no) = verdicts.get();
    assert!(
        yes > cases() / 4 && no > cases() / 4,
        "{yes} legal, {no} not"
    );
}

/// The rank `rank` of a layer, longer by `more`.
fn lengthen(mapping: &mut dflowc::ir::Mapping, rank: usize, more: u64) {
    let operation = &mut mapping.operation;
    operation.ranks[rank] += more;
    for window in &mut operation.windows {
        if window.output.index() == rank {
            window.extent += more * window.stride;
        }
    }
    for dim in operation.tensors.iter_mut().flat_map(|t| &mut t.dims) {
        let own = dim.terms.iter().find(|term| term.rank.index() == rank);
        if let Some(coefficient) = own.map(|term| term.coefficient) {
            dim.extent += more * coefficient.unsigned_abs();
            if coefficient < 0 {
                dim.constant += more as i64 * -coefficient;
            }
        }
    }
}

/// Loops of up to fifty windows, of which the execution leaves most out.
#[test]
fn execution_leaves_out_what_repeats() {
    let mut runner = TestRunner::new(Config {
        cases: cases().div_ceil(10),
        max_shrink_iters: 500,
        failure_persistence: None,
        ..Config::default()
    });
    let counts = std::cell::Cell::new((0u32, 0u32));
    runner
        .run(
            &(
                prop::collection::vec(any::<u32>(), 0..120),
                any::<u32>(),
                6u64..46,
            ),
            |(choices, rank, more)| {
                let mut mapping = generate::mapping(&choices);
                let rank = rank as usize % mapping.operation.ranks.len();
                if mapping
                    .operation
                    .windows
                    .iter()
                    .any(|window| window.kernel.index() == rank)
                {
                    return Ok(());
                }
                lengthen(&mut mapping, rank, more);
                let Ok(legal) = legality::check(mapping.clone()) else {
                    return Ok(());
                };
                let Ok(truth) = oracle::run(&mapping, 20_000) else {
                    return Ok(());
                };
                for (how, mine) in [
                    ("executed", execute(&legal, TimingRule::Exact)),
                    ("counted", count(&legal, TimingRule::Exact)),
                ] {
                    prop_assert!(
                        mine.as_ref() == Ok(&truth),
                        "{how}: {}",
                        difference(&mapping, &mine, &truth)
                    );
                }
                let (all, several) = counts.get();
                counts.set((all + 1, several + u32::from(truth.steps > 5)));
                Ok(())
            },
        )
        .unwrap_or_else(|failure| panic!("{failure}"));
    let (all, several) = counts.get();
    println!("{all} long ones equal, {several} of more than five steps");
    assert!(several * 12 > all);
}

/// A case that was once wrong, by the choices that make it, and its counts.
fn kept(choices: &[u32]) -> (Legal<Mapping>, Counts) {
    let mapping = generate::mapping(choices);
    let truth = oracle::run(&mapping, 200_000).unwrap();
    (legality::check(mapping).unwrap(), truth)
}

/// 23 groups over two PEs, under a kernel over two: in the last fold of the groups a PE idles, and keeps the sums of the fold
/// before it, which is therefore none of those that are alike. (The execution counted it nine times.)
#[test]
fn a_fold_before_an_idle_one_is_executed_by_itself() {
    #[rustfmt::skip]
    let choices = [
        0, 0, 0, 2787459199, 0, 0, 0, 0, 14, 1493486348, 1285415215, 1432482621, 138126918, 146541177, 396423143,
        4278036972, 1119226924, 3793645686, 3543101227, 2530407127, 3021062303, 1692741027, 3574268956, 1794129132,
        2944919287, 3148419854, 1508415390, 1676119227, 3268871297, 3287556999, 587471745, 2582814181, 2839560227,
        3814772150, 2094617366, 604296683, 2410655121, 1849833806, 2068096001, 4090878874, 273312102, 1980841871,
        3078582765, 2272176286, 914882704, 2391043243, 1811994314, 766488150, 2785847374, 3259234288, 718067618,
        657611136, 3393375383, 4163209311, 3168049360, 3501016109, 3281728864, 3152413838, 3926128376, 1328203992,
        341254128, 1574489255, 636885411, 1183520693, 2660569905, 3016237680, 1707495247, 538385098, 3015143250,
        3451212042, 568712079, 3179499738, 3049451084, 1154886203, 1520588299, 3496419761, 305140632, 1297261575,
        3607217767, 1022807334, 4149888648, 2184506401, 3616365941, 4145156505, 169917050, 1854526297, 1871506646,
        3644127757, 1749357537, 4146249465, 2989133205, 107598777, 3873670743, 1268999741, 603621773, 1426701393,
        1721253484, 2621594557, 1573258857, 1974421014, 2337861241, 182699152,
    ];
    let mut mapping = generate::mapping(&choices);
    lengthen(&mut mapping, 1, 22);
    let truth = oracle::run(&mapping, 200_000).unwrap();
    let legal = legality::check(mapping).unwrap();
    assert_eq!(execute(&legal, TimingRule::Exact).unwrap(), truth);
    assert_eq!(count(&legal, TimingRule::Exact).unwrap(), truth);
}

/// A kernel over an array with padding on its first PE, sums that come down to one PE, tiles of operands and sums at
/// different places: of the other PEs no register file is handed a sum. Executed and by classes as the oracle counts it.
#[test]
fn padding_on_the_pe_that_takes_the_sums() {
    #[rustfmt::skip]
    let choices = [
        352353608, 1466057503, 1115109083, 2456793366, 2990176562, 4000097603, 3339315656, 3925615620, 3766102694, 4186044584,
        1753889695, 1960130889, 238942616, 1753602861, 2226536185, 3825943434, 1176983917, 1488540959, 1500447907, 2203319798,
        835575159, 1372472387, 3408420400, 3532364168, 2084166287, 2323886335, 903934357, 4082364743, 1907106190, 2094862080,
        856695945, 243082635, 33533189, 2843425673, 3732987238, 1393215479, 2559797539, 270416608, 2427602165, 2435087065,
        1940103453, 464478676, 1846756051, 1456716639, 1619193226, 2425415789, 1330592492, 2345127346, 3187449232, 130201355,
        1609952438, 814675941, 2611767152, 4284372034, 1252727973, 2236009452, 391591126, 871850011, 688470088, 1878578420,
        1511116722, 3719562106, 3060301503, 1849988993, 1712089993, 3017673034, 545507766, 2292828712, 3183419433, 2357841305,
        2215796310, 2347685174, 1816346713, 3391902463, 4285441237, 3618608434, 3072470184, 1443791983, 1563661828, 3827206203,
        2635077910, 4218052077, 159590647, 2734526697, 3811730060, 3660881742, 3072236695, 2422650730, 3219247056, 1165718025,
        1640279768, 3507684946, 1233061711, 87725993, 100071592, 3089327525,
    ];
    let (legal, truth) = kept(&choices);
    assert_eq!(execute(&legal, TimingRule::Exact), Ok(truth.clone()));
    let counter = Counter::new(&legal).unwrap();
    let counts = counter.count_by_classes(&legal, TimingRule::Exact);
    assert_eq!(counts, Ok(truth));
}

/// A PE idles in the last fold of a loop that adds to sums, and keeps its part of them in the outer of two register
/// files while the sums of the others come and go: none of those is complete. It is executed.
#[test]
fn an_idle_pe_keeps_its_part_of_the_sums() {
    #[rustfmt::skip]
    let choices = [
        0, 0, 0, 1052417217, 0, 2374696366, 503725589, 0, 0, 0,
        293790251, 0, 0, 385626609, 0, 0, 0, 0, 0, 3775506227,
        0, 2182265488, 0, 0, 0, 0, 0, 0, 1416007195, 420500085,
        0, 0, 0, 0, 0, 0, 0, 189233220, 0, 0,
        0, 0, 0, 0, 0, 113229984, 3121340633, 1551646888, 0, 0,
        2228071359, 889922059, 0, 1335618613, 173771767, 0, 0, 2865474506, 0, 0,
        83124, 0, 28204619, 21816, 913991450, 390531578, 3572825670, 2835435961,
    ];
    let (legal, truth) = kept(&choices);
    assert_eq!(count(&legal, TimingRule::Exact), Ok(truth));
}
