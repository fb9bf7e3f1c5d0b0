//! What one candidate of a search costs along its whole way: formed, judged, counted and priced.
//!
//! `cargo bench --bench candidate`. Per accelerator and way to draw, 4,096 different schedules of VGG16's conv3_2 are
//! drawn from a fixed seed and evaluated once each: no result is remembered, only what loops of single groups of ranks
//! do. Each time that is printed is that of one candidate. `prepare` is what is done once per layer and accelerator.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dflowc::cost;
use dflowc::diag::Diagnostics;
use dflowc::driver::{MemoryFiles, Session};
use dflowc::engine::{Counter, Counts, TimingRule};
use dflowc::ir::{Mapping, Schedule};
use dflowc::legality;
use dflowc::optimize;
use dflowc::search::Problem;
use draw::{Kind, Random, draw};
use std::collections::HashSet;
use std::hint::black_box;
use std::time::Duration;

mod draw;

const CANDIDATES: usize = 4096;
const SEED: u64 = 7;
/// Where hardly anything fits, the draws end here.
const MOST_DRAWN: usize = 200_000;

/// VGG16's conv3_2 on an accelerator of the library.
fn problem(accelerator: &str) -> Problem {
    let text = format!(
        "use std.networks.vgg16;\nuse std.accelerators.{accelerator};\n\
         Search s {{ network: vgg16; layers: conv3_2; on: {accelerator}; model: exact; minimize: edp; }}\n"
    );
    let files = MemoryFiles::new().with("search.dflow", &text);
    let compiled = Session::new(files).load("search.dflow");
    let search = &compiled.program.searches[0];
    let tasks = optimize::tasks(&compiled, search, &mut Diagnostics::new()).expect("a search");
    tasks[0].problem.clone()
}

fn counter(problem: &Problem, schedule: &Schedule) -> Counter {
    Counter::new(&problem.mapping(schedule.clone())).expect("a countable layer")
}

/// Candidates that fit, and candidates that do not.
fn candidates(problem: &Problem, kind: Kind) -> [Vec<Schedule>; 2] {
    let prepared = legality::Prepared::new(&problem.mapped);
    let mut random = Random(SEED);
    let mut known = HashSet::new();
    let mut found = [Vec::new(), Vec::new()];
    for _ in 0..MOST_DRAWN {
        let schedule = draw(&problem.mapped, kind, &mut random);
        if !known.insert(format!("{schedule:?}")) {
            continue;
        }
        let fits = prepared.admits(&problem.mapping(schedule.clone()));
        let list = &mut found[usize::from(!fits)];
        if list.len() < CANDIDATES {
            list.push(schedule);
        }
        if found.iter().all(|list| list.len() == CANDIDATES) {
            break;
        }
    }
    found
}

/// What is kept from candidate to candidate.
struct Prepared<'a> {
    problem: &'a Problem,
    legality: legality::Prepared,
    counter: Counter,
    counts: Counts,
    schedule: Schedule,
}

impl<'a> Prepared<'a> {
    fn new(problem: &'a Problem, first: &Schedule) -> Prepared<'a> {
        Prepared {
            problem,
            legality: legality::Prepared::new(&problem.mapped),
            counter: counter(problem, first),
            counts: Counts::default(),
            schedule: first.clone(),
        }
    }

    /// Energy of one candidate, if it is legal.
    fn evaluate(&mut self, candidate: &Schedule, time: bool) -> Option<f64> {
        let mut schedule = std::mem::replace(
            &mut self.schedule,
            Schedule {
                loops: Vec::new(),
                positions: Vec::new(),
                steps: 0,
                leaf: 0,
            },
        );
        schedule.clone_from(candidate);
        match self.legality.check(self.problem.mapping(schedule)) {
            Ok(legal) => {
                let counted = if time {
                    self.counter
                        .count_into(&legal, TimingRule::Exact, &mut self.counts)
                } else {
                    self.counter.traffic_into(&legal, &mut self.counts)
                };
                let prices = self.problem.prices.as_ref();
                let energy = counted
                    .ok()
                    .zip(prices)
                    .and_then(|((), prices)| cost::total_pj(prices, &legal, &self.counts));
                self.schedule = legal.into_inner().schedule;
                energy
            }
            Err(mapping) => {
                let Mapping { schedule, .. } = mapping;
                self.schedule = schedule;
                None
            }
        }
    }
}

fn evaluations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("candidate");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(5));
    for accelerator in ["eyeriss", "tpu_like"] {
        let problem = problem(accelerator);
        for (name, kind) in [
            ("row stationary", Kind::RowStationary),
            ("perfect nests", Kind::Perfect),
            ("imperfect nests", Kind::Imperfect),
        ] {
            let [legal, refused] = candidates(&problem, kind);
            let Some(first) = legal.first() else {
                panic!("no candidate is legal")
            };
            println!(
                "{accelerator}, {name}: {} legal and {} refused candidates",
                legal.len(),
                refused.len()
            );
            let mixed: Vec<&Schedule> = legal
                .iter()
                .zip(&refused)
                .flat_map(|(a, b)| [a, b])
                .take(CANDIDATES)
                .collect();
            let legal: Vec<&Schedule> = legal.iter().collect();
            let refused: Vec<&Schedule> = refused.iter().collect();
            for (what, list, time) in [
                ("legal, counts alone", &legal, false),
                ("legal, with time", &legal, true),
                ("mixed, with time", &mixed, true),
                ("refused", &refused, true),
            ] {
                group.throughput(Throughput::Elements(list.len() as u64));
                group.bench_function(format!("{accelerator}/{name}/{what}"), |bencher| {
                    bencher.iter_batched_ref(
                        || Prepared::new(&problem, first),
                        |prepared| {
                            for candidate in list {
                                black_box(prepared.evaluate(candidate, time));
                            }
                        },
                        BatchSize::PerIteration,
                    );
                });
            }
            group.throughput(Throughput::Elements(1));
            group.bench_function(format!("{accelerator}/{name}/prepare"), |bencher| {
                bencher.iter(|| {
                    Prepared::new(black_box(&problem), first)
                        .counter
                        .groups()
                        .len()
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, evaluations);
criterion_main!(benches);
