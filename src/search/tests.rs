//! The search against plain enumeration, against published figures, and against itself.

use crate::engine::Counter;
use crate::ir::RankId;
use crate::search::big::Natural;
use crate::search::bounds;
use crate::search::certificate::{self, Flaw};
use crate::search::formed::formed;
use crate::search::goal::{Goal, SLACK};
use crate::search::judge::Judge;
use crate::search::prepare::{self, Prepared};
use crate::search::problem::{Limit, Objective, Problem};
use crate::search::random::{self, Random};
use crate::search::request::{Choices, Outcome, Request, Strategy};
use crate::search::run;
use crate::search::space::{self, Keep, Orders, Pieces, Places, Tiles};
use crate::search::why::{self, Why};
use crate::search::{count, plain, samples};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::time::Instant;

const OBJECTIVES: [Objective; 7] = [
    Objective::Energy,
    Objective::Cycles,
    Objective::Edp,
    Objective::E2dp,
    Objective::Ed2p,
    Objective::Traffic(0),
    Objective::Capacity(1),
];

fn counter(problem: &Problem) -> Counter {
    prepare::counter(problem).expect("a layer that can be counted")
}

fn search(problem: &Problem, request: &Request) -> Outcome {
    run::run(problem, request, &mut |_| true).expect("a layer that can be counted")
}

fn request(objective: Objective, tiles: Tiles) -> Request {
    let mut request = Request::new(objective);
    request.rules.tiles = tiles;
    request
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= SLACK * a.abs().max(b.abs())
}

/// Every candidate of small layers judged one by one, and what the search says: the same optimum, proved, or none.
fn agree(seeds: std::ops::Range<u64>) {
    let (mut compared, mut infeasible, mut sliding, mut imperfect) = (0, 0, 0, 0);
    for seed in seeds {
        let problem = samples::small(seed, 6);
        let own = counter(&problem);
        for tiles in [Tiles::Perfect, Tiles::Imperfect] {
            let mut request = request(OBJECTIVES[(seed % 7) as usize], tiles);
            request.rules.orders = if seed.is_multiple_of(5) {
                Orders::All
            } else {
                Orders::Dominant
            };
            let goal = Goal::new(&request.objectives, &[]);
            let Some(plain) = plain::of(&problem, &own, &request.rules, vec![goal], 6_000) else {
                continue;
            };
            let outcome = search(&problem, &request);
            let expected = plain.goals[0].found.first().map(|found| found.values[0]);
            let found = outcome.best.first().map(|best| best.found.values[0]);
            match (expected, found) {
                (Some(expected), Some(found)) => {
                    assert!(
                        close(expected, found),
                        "{seed} {tiles:?}: {expected} is the least, {found} was found"
                    );
                    assert!(
                        outcome.proved || outcome.uncounted > 0,
                        "{seed} {tiles:?}: not proved"
                    );
                    assert!(
                        outcome.lower_bound <= expected * (1.0 + SLACK),
                        "{seed} {tiles:?}: bound above the optimum"
                    );
                }
                (None, None) => infeasible += 1,
                both => panic!("{seed} {tiles:?}: {both:?}"),
            }
            compared += 1;
            sliding += u64::from(!problem.operation.windows.is_empty());
            imperfect += u64::from(tiles == Tiles::Imperfect);
        }
    }
    // Of all of these some were seen.
    assert!(
        compared > 20 && infeasible > 0 && sliding > 5 && imperfect > 5,
        "{compared} {infeasible} {sliding} {imperfect}"
    );
}

#[test]
fn finds_what_enumeration_finds() {
    agree(0..40);
}

#[test]
fn finds_what_enumeration_finds_in_others() {
    agree(40..80);
}

/// Whether some window of the layer slides: several outputs, and a kernel of several points.
fn slides(problem: &Problem) -> bool {
    let ranks = &problem.operation.ranks;
    let several = |rank: RankId| ranks[rank.index()] > 1;
    let mut windows = problem.operation.windows.iter();
    windows.any(|window| several(window.output) && several(window.kernel))
}

/// A small layer: its seed, its tiles, its candidates.
type Small = (u64, Tiles, u64);

/// Two hundred layers of 10^3 to 10^6 candidates on two memories with a size, half of them with windows that slide, half of
/// them with imperfect tiles, a tenth with a memory that is too small for anything.
fn two_hundred() -> Vec<Small> {
    /// Larger spaces are enumerated of some layers only.
    const MOST: u128 = 12_000;
    let mut open: BTreeMap<(bool, bool, bool), usize> = BTreeMap::new();
    for imperfect in [false, true] {
        open.insert((true, imperfect, false), 50);
        open.insert((false, imperfect, false), 40);
        open.insert((false, imperfect, true), 10);
    }
    let mut found = Vec::new();
    for seed in 100.. {
        if open.values().all(|left| *left == 0) {
            break;
        }
        let problem = samples::small(seed, 6);
        let memories = problem.architecture.memories.iter();
        assert_eq!(memories.filter(|m| m.capacity_bits.is_some()).count(), 2);
        let most = if seed.is_multiple_of(50) {
            400_000
        } else {
            MOST
        };
        for imperfect in [seed % 2 == 0, seed % 2 != 0] {
            let kind = (slides(&problem), imperfect, seed % 10 == 7);
            let tiles = if imperfect {
                Tiles::Imperfect
            } else {
                Tiles::Perfect
            };
            let Some(left) = open.get_mut(&kind).filter(|left| **left > 0) else {
                continue;
            };
            let rules = request(Objective::Area, tiles).rules;
            let skeletons = space::skeletons(&problem.operation, &problem.architecture, &rules);
            let count = count::candidates(&problem.operation, &skeletons, &rules);
            let count = count.and_then(|count| count.to_u128());
            if let Some(count) = count.filter(|count| (1_000..=most).contains(count)) {
                *left -= 1;
                found.push((seed, tiles, count as u64));
                break;
            }
        }
    }
    found
}

/// The optimum of every objective is that of the nested loops, of two hundred layers.
#[test]
fn finds_the_optimum_of_every_objective() {
    let layers = two_hundred();
    assert_eq!(layers.len(), 200);
    assert!(layers.iter().filter(|layer| layer.2 > 2_000).count() > 20);
    let infeasible: usize = layers
        .par_iter()
        .map(|&(seed, tiles, candidates)| {
            let problem = samples::small(seed, 6);
            let own = counter(&problem);
            let goals = OBJECTIVES.map(|objective| Goal::new(&[objective], &[]));
            let rules = request(Objective::Area, tiles).rules;
            let plain = plain::of(&problem, &own, &rules, goals.to_vec(), candidates);
            let plain = plain.expect("as many as were counted");
            assert_eq!(plain.candidates, candidates, "{seed} {tiles:?}");
            for (goal, objective) in plain.goals.iter().zip(OBJECTIVES) {
                let outcome = search(&problem, &request(objective, tiles));
                let expected = goal.found.first().map(|found| found.values[0]);
                let found = outcome.best.first().map(|best| best.found.values[0]);
                let same = match (expected, found) {
                    (Some(expected), Some(found)) => close(expected, found),
                    (expected, found) => expected == found,
                };
                let case = format!("{seed} {tiles:?} {objective:?}: {expected:?} {found:?}");
                assert!(same, "{case}");
                assert!(
                    outcome.proved || outcome.uncounted > 0,
                    "{case}: not proved"
                );
            }
            usize::from(plain.legal == 0)
        })
        .sum();
    assert!(infeasible >= 20, "{infeasible}");
}

/// Without a size of a memory, and every order alike, every candidate is formed; with sizes those that fit, and no more.
#[test]
fn forms_every_candidate() {
    for bytes in [None, Some(40)] {
        let problem = samples::one_buffer(samples::product(6, 4, 8, 8), bytes);
        let own = counter(&problem);
        let mut request = request(Objective::Traffic(0), Tiles::Perfect);
        request.rules.orders = Orders::All;
        let prepared = Prepared::new(&problem, &request.rules, request.choices).expect("countable");
        let goal = Goal::new(&request.objectives, &[]);
        let plain = plain::of(&problem, &own, &request.rules, vec![goal], 10_000);
        let plain = plain.expect("a small space");
        let work = formed(&prepared, &request);
        if bytes.is_none() {
            assert_eq!((work.formed, work.cut), (plain.candidates, 0));
        } else {
            assert!(
                (plain.legal..plain.candidates).contains(&work.formed),
                "{work:?}"
            );
        }
    }
}

/// Places of their own: the optimum of the nested loops, too.
#[test]
fn finds_what_enumeration_finds_with_places_apart() {
    let mut compared = 0;
    for seed in 0..24 {
        let (m, n, k) = (2 + seed % 2, 2 + seed / 2 % 2, 2 + seed / 4 % 2);
        let problem = samples::one_buffer(samples::product(m, n, k, 8), Some(3 + seed % 6));
        let own = counter(&problem);
        for tiles in [Tiles::Perfect, Tiles::Imperfect] {
            for objective in [
                Objective::Traffic(0),
                Objective::Capacity(1),
                Objective::Cycles,
            ] {
                let mut request = request(objective, tiles);
                request.rules.places = Places::Apart;
                let goal = Goal::new(&request.objectives, &[]);
                let Some(plain) = plain::of(&problem, &own, &request.rules, vec![goal], 60_000)
                else {
                    continue;
                };
                let outcome = search(&problem, &request);
                let expected = plain.goals[0].found[0].values[0];
                let found = outcome.best[0].found.values[0];
                assert!(
                    close(expected, found) && outcome.proved,
                    "{seed} {tiles:?} {objective:?}: {expected} is the least, {found} was found"
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 60, "{compared}");
}

/// The space is counted as the nested loops count it.
#[test]
fn counts_the_candidates_that_are_enumerated() {
    let mut compared = 0;
    for seed in 0..30 {
        let problem = samples::small(seed, 4);
        let own = counter(&problem);
        for tiles in [Tiles::Perfect, Tiles::Imperfect] {
            let mut request = request(Objective::Area, tiles);
            if seed.is_multiple_of(3) {
                request.rules.order.insert(0, vec![2, 0, 1]);
                request.rules.single.insert((0, 0));
                request.rules.time.insert((1, 1), Pieces::OneOf(vec![1, 2]));
            }
            if seed % 4 == 1 {
                request.rules.keep.insert((1, 0), Keep::Either);
            }
            let goal = Goal::new(&request.objectives, &[]);
            let Some(plain) = plain::of(&problem, &own, &request.rules, vec![goal], 3_000) else {
                continue;
            };
            let skeletons =
                space::skeletons(&problem.operation, &problem.architecture, &request.rules);
            let counted = count::candidates(&problem.operation, &skeletons, &request.rules);
            let plain = Natural::from(plain.candidates);
            assert_eq!(counted, Some(plain), "{seed} {tiles:?}");
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared}");
}

/// No bound is above what the engine says of the same candidate.
#[test]
fn bounds_are_admissible() {
    let mut compared = 0;
    for seed in 100..160 {
        let problem = samples::small(seed, 6);
        let own = counter(&problem);
        let judge = Judge::new(&problem, &own);
        for tiles in [Tiles::Perfect, Tiles::Imperfect] {
            let mut request = request(Objective::Edp, tiles);
            request.rules.orders = Orders::All;
            let prepared = Prepared::new(
                &problem,
                &request.rules,
                Choices {
                    most: 3_000,
                    full: 3_000,
                },
            )
            .expect("countable");
            let mut random = Random(seed);
            let mut cache = Default::default();
            for _ in 0..60 {
                if prepared.rooms[0]
                    .tables
                    .groups
                    .iter()
                    .any(|g| g.patterns.is_empty())
                {
                    break;
                }
                let Some(candidate) = random::draw(&prepared, 0, &mut random, &mut cache) else {
                    continue;
                };
                let schedule = prepared.rooms[0]
                    .skeleton
                    .schedule(&problem.operation, &candidate);
                let Ok(exact) = judge.exact(schedule) else {
                    continue;
                };
                for bound in bounds::bounds_of(&prepared, &candidate).expect("one of the space") {
                    for objective in OBJECTIVES {
                        let (low, value) = (bound.value(objective), exact.figures.value(objective));
                        assert!(
                            low <= value * (1.0 + SLACK),
                            "{seed} {objective:?}: {low} > {value} of {candidate:?}"
                        );
                    }
                }
                compared += 1;
            }
        }
    }
    assert!(compared > 500, "{compared}");
}

/// Least bytes between DRAM and one buffer for a product of 4096^3 bytes, and the buffers that they need, as a
/// published mapper finds them.
#[test]
fn moves_as_few_bytes_as_published() {
    let mut all = Request::new(Objective::Traffic(0));
    all.rules.places = Places::Apart;
    let imperfect = [(64 << 10, 570_425_344.0), (4 << 20, 100_663_296.0)];
    for (tiles, bytes, expected) in (imperfect
        .iter()
        .map(|&(bytes, least)| (Tiles::Imperfect, bytes, least)))
    .chain([(Tiles::Perfect, 64 << 10, 822_083_584.0)])
    {
        let problem = samples::one_buffer(samples::product(4096, 4096, 4096, 8), Some(bytes));
        all.rules.tiles = tiles;
        let outcome = search(&problem, &all);
        assert_eq!(
            outcome.best[0].found.values,
            [expected],
            "{bytes} {tiles:?}"
        );
        assert!(outcome.best[0].exact.figures.capacity[1] <= bytes as f64);
    }
}

/// A published mapper finds 3.34746e-7 J s for a product of 1024^3 on this machine, and its rule gives 3.08913e-7 for a
/// mapping that it does not find; one picojoule and one cycle of a nanosecond are 1e-21 J s.
#[test]
fn beats_a_published_product() {
    let problem = samples::nvdla_like(samples::product(1024, 1024, 1024, 8));
    let outcome = search(&problem, &request(Objective::Edp, Tiles::Imperfect));
    let best = &outcome.best[0];
    assert!(
        best.found.values[0] * 1e-21 < 3.08913e-7,
        "{}",
        best.found.values[0]
    );
    assert!(outcome.lower_bound < best.found.values[0] && !outcome.proved && outcome.thinned);
}

/// The front of buffer size against bytes moved for a product of 4096^3 with perfect tiles has 36 points, from three
/// bytes to one operand that stays whole.
#[test]
fn finds_the_whole_front() {
    let problem = samples::one_buffer(samples::product(4096, 4096, 4096, 8), None);
    let mut request = request(Objective::Cycles, Tiles::Perfect);
    request.objectives = vec![Objective::Capacity(1), Objective::Traffic(0)];
    request.rules.places = Places::Apart;
    let outcome = search(&problem, &request);
    assert_eq!(outcome.best.len(), 36);
    assert_eq!(outcome.best[0].found.values, [3.0, 137_455_730_688.0]);
    assert_eq!(outcome.best[35].found.values, [16_781_313.0, 50_331_648.0]);
}

/// With imperfect tiles it has 415 points, with the same ends: a block of m x n results stays, with a column of m, or a row
/// of n, and one element, `m n + min(m, n) + 1` bytes, and moves `4096^2 (ceil(4096 / m) + ceil(4096 / n) + 1)`.
#[test]
fn finds_the_whole_imperfect_front() {
    let problem = samples::one_buffer(samples::product(4096, 4096, 4096, 8), None);
    let mut request = request(Objective::Cycles, Tiles::Imperfect);
    request.objectives = vec![Objective::Capacity(1), Objective::Traffic(0)];
    request.rules.places = Places::Apart;
    let outcome = search(&problem, &request);
    let mut least: BTreeMap<u64, u64> = BTreeMap::new();
    for trips_m in 1..=4096u64 {
        for trips_n in 1..=trips_m {
            let (m, n) = (4096u64.div_ceil(trips_m), 4096u64.div_ceil(trips_n));
            let bytes = m * n + m.min(n) + 1;
            let moved = 4096 * 4096 * (4096u64.div_ceil(m) + 4096u64.div_ceil(n) + 1);
            let known = least.entry(moved).or_insert(bytes);
            *known = bytes.min(*known);
        }
    }
    let mut front: Vec<Vec<f64>> = Vec::new();
    for (moved, bytes) in least {
        if front.last().is_none_or(|last| (bytes as f64) < last[0]) {
            front.push(vec![bytes as f64, moved as f64]);
        }
    }
    front.reverse();
    assert_eq!(front.len(), 415);
    let found: Vec<Vec<f64>> = outcome
        .best
        .iter()
        .map(|b| b.found.values.clone())
        .collect();
    assert_eq!(found, front);
}

/// What a search finds in a prepared space, and the proof of it.
fn certified(prepared: &Prepared, request: &Request) -> (Outcome, certificate::Certificate) {
    let outcome = run::search(prepared, request, Instant::now(), &mut |_| true).expect("countable");
    let made = certificate::certificate(prepared, &outcome).expect("countable");
    (outcome, made)
}

/// What a certificate says can be checked, and what was changed in it is found.
#[test]
fn certificates_are_checked() {
    for (seed, tiles) in [
        (1, Tiles::Perfect),
        (2, Tiles::Perfect),
        (4, Tiles::Perfect),
        (13, Tiles::Imperfect),
    ] {
        let problem = samples::small(seed, 4);
        let request = request(Objective::Edp, tiles);
        let prepared =
            Prepared::new(&problem, &request.rules, Choices::default()).expect("countable");
        let (outcome, made) = certified(&prepared, &request);
        let own = counter(&problem);
        let check = |changed: &certificate::Certificate| {
            certificate::verify(&prepared, &request, changed, &own, 7)
        };
        assert_eq!(check(&made), [], "{seed}");
        if outcome.best.is_empty() {
            continue;
        }
        let mut changed = made.clone();
        changed.candidates.add(&Natural::from(1));
        assert!(
            matches!(check(&changed)[..], [Flaw::Count { .. }]),
            "{seed}"
        );
        for bound in [1.01, 1e9] {
            let mut changed = made.clone();
            changed.lower_bound *= bound;
            assert!(check(&changed).contains(&Flaw::Lower), "{seed}");
        }
        let mut changed = made.clone();
        changed.best[0].0[0] *= 0.99;
        assert!(check(&changed).contains(&Flaw::Best(0)), "{seed}");
        if !made.pruned.is_empty() {
            let mut changed = made.clone();
            changed.pruned[0].bound[0] *= 1.01;
            assert!(
                check(&changed)
                    .iter()
                    .any(|flaw| matches!(flaw, Flaw::Bound { .. })),
                "{seed}"
            );
            let mut changed = made.clone();
            changed.pruned[0].candidates.add(&Natural::from(1));
            assert!(
                check(&changed)
                    .iter()
                    .any(|flaw| matches!(flaw, Flaw::Count { .. })),
                "{seed}"
            );
            let mut changed = made.clone();
            changed.pruned.remove(0);
            assert!(!check(&changed).is_empty(), "{seed}");
        }
        let mut changed = made.clone();
        let part = if changed.joined.is_empty() {
            &mut changed.pruned[0]
        } else {
            &mut changed.joined[0]
        };
        part.class.skeleton += 1;
        assert!(!check(&changed).is_empty(), "{seed}");
    }
}

/// A search that was stopped has a certificate of its bound, which holds until the bound is raised.
#[test]
fn certificates_of_stopped_searches_are_checked() {
    let (mut open, mut raised) = (0, 0);
    for seed in 1..=16 {
        let problem = samples::small(seed, 6);
        let mut request = request(Objective::Edp, Tiles::Perfect);
        let whole = search(&problem, &request);
        request.evaluations = Some(6);
        let prepared =
            Prepared::new(&problem, &request.rules, Choices::default()).expect("countable");
        let (outcome, made) = certified(&prepared, &request);
        let own = counter(&problem);
        let check = |changed: &certificate::Certificate| {
            certificate::verify(&prepared, &request, changed, &own, 7)
        };
        assert_eq!(check(&made), [], "{seed}");
        let (Some(best), false) = (whole.best.first(), outcome.proved) else {
            continue;
        };
        open += 1;
        assert!(
            made.lower_bound <= best.found.values[0] * (1.0 + SLACK),
            "{seed}"
        );
        // A worse answer, and a bound between it and what there is.
        let mut drawn = request.clone();
        drawn.strategy = Strategy::Random { draws: 20, seed };
        let (_, worse) = certified(&prepared, &drawn);
        let (least, Some(answer)) = (best.found.values[0], worse.best.first()) else {
            continue;
        };
        if answer.0[0] > least * 1.001 {
            raised += 1;
            let mut changed = made.clone();
            changed.lower_bound = (least + answer.0[0]) / 2.0;
            changed.best = worse.best;
            let found = check(&changed);
            let is_bound = |flaw: &Flaw| matches!(flaw, Flaw::Lower | Flaw::Better { .. });
            assert!(found.iter().any(is_bound), "{seed}: {found:?}");
        }
    }
    assert!(open > 0 && raised > 0);
}

/// With one thread and with two the same answer after the same work.
#[test]
fn threads_change_nothing() {
    for seed in [2, 3, 5] {
        let problem = samples::small(seed, 6);
        let request = request(Objective::Edp, Tiles::Perfect);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("threads");
            let outcome = pool.install(|| search(&problem, &request));
            (
                outcome.best,
                outcome.evaluated,
                outcome.work,
                outcome.pruned,
            )
        };
        assert_eq!(run(1), run(2), "{seed}");
    }
}

/// A front is what enumeration finds: no answer at least as good is missing.
#[test]
fn fronts_are_complete() {
    let mut compared = 0;
    for seed in [1, 2, 3, 4, 5, 8] {
        let problem = samples::small(seed, 4);
        let own = counter(&problem);
        let mut request = request(Objective::Cycles, Tiles::Perfect);
        request.objectives = vec![Objective::Capacity(1), Objective::Energy];
        let goal = Goal::new(&request.objectives, &[]);
        let Some(plain) = plain::of(&problem, &own, &request.rules, vec![goal], 6_000) else {
            continue;
        };
        let outcome = search(&problem, &request);
        let values = |found: Vec<Vec<f64>>| found;
        let expected = values(
            plain.goals[0]
                .found
                .iter()
                .map(|f| f.values.clone())
                .collect(),
        );
        let found = values(
            outcome
                .best
                .iter()
                .map(|b| b.found.values.clone())
                .collect(),
        );
        assert_eq!(
            expected.len(),
            found.len(),
            "{seed}: {expected:?} {found:?}"
        );
        assert!(
            expected
                .iter()
                .flatten()
                .zip(found.iter().flatten())
                .all(|(&a, &b)| close(a, b)),
            "{seed}"
        );
        compared += 1;
    }
    assert!(compared > 3);
}

/// A buffer that is too small for one element of each tensor: three bytes would do.
#[test]
fn says_which_memory_excludes_all() {
    let problem = samples::one_buffer(samples::product(4, 4, 4, 8), Some(2));
    let request = Request::new(Objective::Traffic(0));
    assert!(search(&problem, &request).best.is_empty());
    assert_eq!(
        why::none(&problem, &request).expect("countable"),
        Why::Memory {
            memory: 1,
            bytes: 3.0
        }
    );
}

/// The product of 4^3 bytes reads each operand once and writes the result once: 48 bytes are the least.
#[test]
fn says_which_limit_excludes_all() {
    let problem = samples::one_buffer(samples::product(4, 4, 4, 8), None);
    let mut request = Request::new(Objective::Cycles);
    let limit = Limit {
        of: Objective::Traffic(0),
        most: 47.0,
    };
    request.limits.push(limit);
    assert!(search(&problem, &request).best.is_empty());
    assert_eq!(
        why::none(&problem, &request).expect("countable"),
        Why::Limit { limit, least: 48.0 }
    );
    request.limits[0].most = 48.0;
    assert!(!search(&problem, &request).best.is_empty());
}

#[test]
fn says_which_rule_excludes_all() {
    let problem = samples::one_buffer(samples::product(4, 4, 4, 8), None);
    let mut request = Request::new(Objective::Cycles);
    request.rules.time.insert((0, 1), Pieces::OneOf(vec![8]));
    assert!(search(&problem, &request).best.is_empty());
    assert_eq!(
        why::none(&problem, &request).expect("countable"),
        Why::Time { memory: 0, rank: 1 }
    );
}

/// The best of all is never worse than what was drawn at random; a budget leaves a gap that holds the optimum.
#[test]
fn other_strategies_state_their_gap() {
    for seed in [3, 4, 6] {
        let problem = samples::small(seed, 6);
        let mut request = request(Objective::Edp, Tiles::Perfect);
        let Some(best) = search(&problem, &request)
            .best
            .first()
            .map(|b| b.found.values[0])
        else {
            continue;
        };
        request.strategy = Strategy::Random {
            draws: 200,
            seed: 1,
        };
        let drawn = search(&problem, &request);
        assert!(
            !drawn.proved || drawn.best.is_empty() || close(drawn.best[0].found.values[0], best)
        );
        for found in &drawn.best {
            assert!(found.found.values[0] >= best * (1.0 - SLACK) && drawn.lower_bound <= best);
        }
        request.strategy = Strategy::Adaptive;
        let adaptive = search(&problem, &request);
        assert!(adaptive.lower_bound <= best * (1.0 + SLACK), "{seed}");
        request.strategy = Strategy::Optimal;
        request.evaluations = Some(6);
        let short = search(&problem, &request);
        assert!(short.lower_bound <= best * (1.0 + SLACK), "{seed}");
    }
}
