//! What proves an answer, in a form that can be checked without the search.
//!
//! Problem: "the optimum is 7.15e15" is a claim. Its proof is the list of everything that was not looked at, and why
//! not: beginnings of classes (skeleton, patterns of some groups) and classes that were cut off at the top, each with
//! a bound; and the classes whose combinations were formed. [`verify`] walks the whole tree of patterns and orders by
//! itself. Every branch must end in a listed one, every listed one must be met, the counts must add up to the space,
//! each bound is computed anew from problem and class, and a hundred drawn at random are enumerated by the engine.
//! Classes that were joined are joined again.

use crate::engine::Counter;
use crate::search::big::Natural;
use crate::search::class::{Cache, Class, Patterns, Room};
use crate::search::count;
use crate::search::goal::{Goal, SLACK};
use crate::search::join::{self, Options};
use crate::search::judge::Judge;
use crate::search::prepare::Prepared;
use crate::search::problem::{Figures, Problem};
use crate::search::random::Random;
use crate::search::request::{Outcome, Request};
use crate::search::space::{Block, Candidate, Rules, Skeleton};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// Candidates of one drawn class that are enumerated at most.
const ENUMERATED: usize = 2_000;
/// Classes drawn.
pub const DRAWN: usize = 100;

/// A class without numbers that only the search knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    pub skeleton: usize,
    /// Per group (as many as are known) the loops with more than one trip: block and rank.
    pub loops: Vec<Vec<(usize, usize)>>,
    /// All loops in order as block and rank; empty while groups are open.
    pub order: Vec<(usize, usize)>,
}

/// One part of the space.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub class: Named,
    /// One per objective; of a part that was joined, nothing.
    pub bound: Vec<f64>,
    pub candidates: Natural,
}

/// The proof of an answer, or of the gap that is left.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// Of the space: every order counts, whatever memories hold, and whatever the rules say of orders.
    pub candidates: Natural,
    /// Extents that some memory cannot hold whatever else is chosen.
    pub by_capacity: Natural,
    /// Orders that another one replaces, or that the rules exclude.
    pub by_order: Natural,
    pub pruned: Vec<Part>,
    pub joined: Vec<Part>,
    /// Values of the answers.
    pub best: Vec<(Vec<f64>, Candidate)>,
    pub lower_bound: f64,
    pub proved: bool,
}

/// What is wrong with a certificate.
#[derive(Clone, Debug, PartialEq)]
pub enum Flaw {
    /// The best mapping does not cost what is said.
    Best(usize),
    /// A listed class is none of the space, or listed twice.
    Class(Named),
    /// A part of the space is not listed.
    Missing(Named),
    Bound {
        class: Named,
        stated: Vec<f64>,
        computed: Vec<f64>,
    },
    /// A bound is below the answer, and the part was not looked at.
    Open(Named),
    Count {
        class: Option<Named>,
        stated: Natural,
        computed: Natural,
    },
    /// A candidate is better than the bound of its class, or than the answer.
    Better { class: Named, value: f64 },
    /// The lower bound is not that of the parts.
    Lower,
}

fn named(room: &Room, class: &Class) -> Named {
    let group = |g: usize| {
        let group = &room.tables.groups[g];
        let pattern = &group.patterns[class.patterns[g] as usize];
        pattern
            .own
            .iter()
            .map(|&(block, local)| (block, group.ranks[local]))
            .collect::<Vec<_>>()
    };
    let loops: Vec<Vec<(usize, usize)>> = (0..class.patterns.len()).map(group).collect();
    Named {
        skeleton: class.skeleton,
        order: class
            .loops
            .iter()
            .map(|&(_, g, own)| loops[g][own])
            .collect(),
        loops,
    }
}

/// States of a join of counts: per block, loops so far or spreads' product and marks.
type State = SmallVec<[(u32, u32); 8]>;

struct Counts<'a> {
    room: &'a Room,
    single: Vec<bool>,
    /// Per group and pattern: how many rows have these spreads.
    shapes: Vec<Vec<BTreeMap<SmallVec<[u64; 8]>, u64>>>,
}

impl<'a> Counts<'a> {
    fn new(prepared: &Prepared, room: &'a Room) -> Counts<'a> {
        let single = room.skeleton.blocks.iter().map(|block| match *block {
            Block::Space { array, axis, .. } => prepared.rules.single.contains(&(array, axis)),
            Block::Time { .. } => false,
        });
        let shapes = room.tables.groups.iter().map(|group| {
            let patterns = group.patterns.iter().map(|pattern| {
                let mut found = BTreeMap::new();
                for row in &pattern.rows {
                    *found.entry(row.uses.clone()).or_insert(0) += 1;
                }
                found
            });
            patterns.collect()
        });
        Counts {
            room,
            single: single.collect(),
            shapes: shapes.collect(),
        }
    }

    /// Candidates that begin with `patterns`; with all orders, or with one.
    fn of(&self, patterns: &[u32], one_order: bool) -> Natural {
        let blocks = &self.room.skeleton.blocks;
        let start: State = blocks
            .iter()
            .map(|b| {
                if matches!(b, Block::Space { .. }) {
                    (1, 0)
                } else {
                    (0, 0)
                }
            })
            .collect();
        let mut states: BTreeMap<State, Natural> = BTreeMap::from([(start, Natural::from(1))]);
        for (g, group) in self.room.tables.groups.iter().enumerate() {
            let mut next: BTreeMap<State, Natural> = BTreeMap::new();
            let all: Vec<usize> = match patterns.get(g) {
                Some(&p) => vec![p as usize],
                None => (0..group.patterns.len()).collect(),
            };
            for p in all {
                let mut own = vec![0u32; blocks.len()];
                for &(block, _) in &group.patterns[p].own {
                    own[block] += 1;
                }
                for (uses, &rows) in &self.shapes[g][p] {
                    'states: for (state, count) in &states {
                        let mut state = state.clone();
                        let mut count = count.times(&Natural::from(rows));
                        for (number, block) in blocks.iter().enumerate() {
                            let (sum, mark) = &mut state[number];
                            match *block {
                                Block::Time { .. } => {
                                    if !one_order {
                                        count =
                                            count.times(&binomial(*sum + own[number], own[number]));
                                    }
                                    *sum += own[number];
                                }
                                Block::Space { size, .. } => {
                                    let product = u64::from(*sum) * uses[number];
                                    let spread = uses[number] > 1;
                                    if product > size || spread && *mark > 0 && self.single[number]
                                    {
                                        continue 'states;
                                    }
                                    *sum = product as u32;
                                    *mark |= u32::from(spread);
                                }
                            }
                        }
                        next.entry(state).or_default().add(&count);
                    }
                }
            }
            states = next;
        }
        let mut sum = Natural::default();
        states.values().for_each(|count| sum.add(count));
        sum
    }
}

fn binomial(n: u32, k: u32) -> Natural {
    let mut value = 1u64;
    for i in 0..u64::from(k) {
        value = value * (u64::from(n) - i) / (i + 1);
    }
    Natural::from(value)
}

/// Makes the certificate of an outcome.
#[must_use]
pub fn certificate(prepared: &Prepared, request: &Request, outcome: &Outcome) -> Certificate {
    let problem = prepared.problem;
    let skeletons: Vec<Skeleton> = prepared
        .rooms
        .iter()
        .map(|room| room.skeleton.clone())
        .collect();
    let candidates = count::candidates(&problem.operation, &skeletons, &in_any_order(prepared));
    let counts: Vec<Counts> = prepared
        .rooms
        .iter()
        .map(|room| Counts::new(prepared, room))
        .collect();
    let mut tabulated = Natural::default();
    for own in &counts {
        tabulated.add(&own.of(&[], false));
    }
    let mut covered = Natural::default();
    let mut part = |class: &Class, bound: Vec<f64>| {
        let full = class.patterns.len() == prepared.rooms[class.skeleton].groups();
        let candidates =
            counts[class.skeleton].of(&class.patterns, full && is_ordered(prepared, class));
        covered.add(&candidates);
        Part {
            class: named(&prepared.rooms[class.skeleton], class),
            bound,
            candidates,
        }
    };
    let pruned: Vec<Part> = outcome
        .pruned
        .iter()
        .map(|p| part(&p.class, p.bound.clone()))
        .collect();
    let joined: Vec<Part> = outcome
        .joined
        .iter()
        .map(|class| part(class, Vec::new()))
        .collect();
    let _ = request;
    Certificate {
        by_capacity: candidates.minus(&tabulated).unwrap_or_default(),
        by_order: tabulated.minus(&covered).unwrap_or_default(),
        candidates,
        pruned,
        joined,
        best: outcome
            .best
            .iter()
            .map(|b| (b.found.values.clone(), b.found.candidate.clone()))
            .collect(),
        lower_bound: outcome.lower_bound,
        proved: outcome.proved,
    }
}

/// The rules without what they say of orders: what has another order is counted among [`Certificate::by_order`].
fn in_any_order(prepared: &Prepared) -> Rules {
    let mut rules = prepared.rules.clone();
    rules.order.clear();
    rules
}

/// Whether the class stands for one order; a class without loops is one, too.
fn is_ordered(prepared: &Prepared, class: &Class) -> bool {
    let room = &prepared.rooms[class.skeleton];
    let loops: usize = (class.patterns.iter().enumerate())
        .map(|(g, &p)| room.tables.groups[g].patterns[p as usize].own.len())
        .sum();
    class.loops.len() == loops
}

/// Checks a certificate against the problem; everything is computed anew.
#[must_use]
pub fn verify(
    prepared: &Prepared,
    request: &Request,
    certificate: &Certificate,
    counter: &Counter,
    seed: u64,
) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let judge = Judge::new(prepared.problem, counter);
    let operation = &prepared.problem.operation;
    let mut goal = Goal::new(&request.objectives, &request.limits);
    for (number, (values, candidate)) in certificate.best.iter().enumerate() {
        let exact = prepared.rooms.get(candidate.skeleton).and_then(|room| {
            judge
                .exact(room.skeleton.schedule(operation, candidate))
                .ok()
        });
        match exact {
            Some(exact)
                if close_all(
                    values,
                    &crate::search::judge::values(&exact.figures, &request.objectives),
                ) =>
            {
                goal.take(&exact.figures, candidate);
            }
            _ => flaws.push(Flaw::Best(number)),
        }
    }
    let mut listed: BTreeMap<Named, &Part> = BTreeMap::new();
    for part in certificate.pruned.iter().chain(&certificate.joined) {
        if listed.insert(part.class.clone(), part).is_some() {
            flaws.push(Flaw::Class(part.class.clone()));
        }
    }
    let mut walk = Walk {
        prepared,
        goal: &goal,
        proved: certificate.proved,
        listed,
        met: BTreeSet::new(),
        flaws,
        classes: Vec::new(),
        covered: Natural::default(),
        least: f64::INFINITY,
        cache: Cache::new(),
    };
    let mut tabulated = Natural::default();
    for (number, room) in prepared.rooms.iter().enumerate() {
        let counts = Counts::new(prepared, room);
        tabulated.add(&counts.of(&[], false));
        walk.cache = Cache::new();
        if room.tables.groups.iter().all(|g| !g.patterns.is_empty()) {
            walk.down(number, &counts, &Patterns::new());
        }
    }
    let unmet: Vec<Named> = walk
        .listed
        .keys()
        .filter(|class| !walk.met.contains(*class))
        .cloned()
        .collect();
    walk.flaws.extend(unmet.into_iter().map(Flaw::Class));
    let skeletons: Vec<Skeleton> = prepared
        .rooms
        .iter()
        .map(|room| room.skeleton.clone())
        .collect();
    let all = count::candidates(operation, &skeletons, &in_any_order(prepared));
    let numbers = [
        (&certificate.candidates, all.clone()),
        (
            &certificate.by_capacity,
            all.minus(&tabulated).unwrap_or_default(),
        ),
        (
            &certificate.by_order,
            tabulated.minus(&walk.covered).unwrap_or_default(),
        ),
    ];
    for (stated, computed) in numbers {
        if *stated != computed {
            walk.flaws.push(Flaw::Count {
                class: None,
                stated: stated.clone(),
                computed,
            });
        }
    }
    let Walk {
        mut flaws,
        classes,
        least,
        ..
    } = walk;
    // What was joined is joined again: nothing that the goal admits may be left.
    let mut lower = least;
    for class in classes
        .iter()
        .filter(|(_, joined)| *joined)
        .map(|(class, _)| class)
    {
        rejoin(
            prepared,
            request,
            &judge,
            class,
            &goal,
            certificate,
            &mut lower,
            &mut flaws,
        );
    }
    if goal.single()
        && certificate.lower_bound > lower * (1.0 + SLACK)
        && certificate
            .best
            .first()
            .is_none_or(|b| certificate.lower_bound > b.0[0] * (1.0 + SLACK))
    {
        flaws.push(Flaw::Lower);
    }
    // Some of the parts, candidate by candidate.
    let mut random = Random(seed);
    for _ in 0..DRAWN.min(classes.len()) {
        let (class, _) = &classes[random.below(classes.len() as u64) as usize];
        draw(
            prepared,
            request,
            &judge,
            class,
            certificate,
            &mut random,
            &mut flaws,
        );
    }
    flaws
}

fn close_all(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(a, b)| (a - b).abs() <= SLACK * a.abs().max(b.abs()))
}

fn blank(problem: &Problem) -> Figures {
    let memories = problem.architecture.memories.len();
    Figures {
        traffic: vec![0.0; memories],
        capacity: vec![0.0; memories],
        ..Figures::default()
    }
}

struct Walk<'a> {
    prepared: &'a Prepared<'a>,
    goal: &'a Goal,
    proved: bool,
    listed: BTreeMap<Named, &'a Part>,
    met: BTreeSet<Named>,
    flaws: Vec<Flaw>,
    /// The parts that were met, and whether they were joined.
    classes: Vec<(Class, bool)>,
    covered: Natural,
    least: f64,
    cache: Cache,
}

impl Walk<'_> {
    fn down(&mut self, number: usize, counts: &Counts, patterns: &Patterns) {
        let room = &self.prepared.rooms[number];
        let begin = Class {
            skeleton: number,
            patterns: patterns.clone(),
            loops: Vec::new(),
        };
        let full = patterns.len() == room.groups();
        if !(full && is_ordered(self.prepared, &begin)) && self.met(&begin, counts) {
            return;
        }
        if !full {
            for p in 0..room.tables.groups[patterns.len()].patterns.len() {
                let mut longer = patterns.clone();
                longer.push(p as u32);
                self.down(number, counts, &longer);
            }
            return;
        }
        let operation = &self.prepared.problem.operation;
        for loops in room.orders(operation, &self.prepared.rules, patterns, &mut self.cache) {
            let class = Class {
                loops,
                ..begin.clone()
            };
            if !self.met(&class, counts) {
                self.flaws.push(Flaw::Missing(named(room, &class)));
            }
        }
    }

    /// Checks a listed part; false if it is not listed.
    fn met(&mut self, class: &Class, counts: &Counts) -> bool {
        let room = &self.prepared.rooms[class.skeleton];
        let name = named(room, class);
        let Some(part) = self.listed.get(&name) else {
            return false;
        };
        let ordered = class.patterns.len() == room.groups() && is_ordered(self.prepared, class);
        let computed = counts.of(&class.patterns, ordered);
        self.covered.add(&computed);
        if part.candidates != computed {
            self.flaws.push(Flaw::Count {
                class: Some(name.clone()),
                stated: part.candidates.clone(),
                computed,
            });
        }
        let joined = part.bound.is_empty();
        if !joined {
            let mut figures = blank(self.prepared.problem);
            let mut scratch = Vec::new();
            if ordered {
                let sums = room.sums(&self.prepared.problem.operation, class);
                room.class_bound(class, &sums, &mut figures, &mut scratch);
            } else {
                room.open_bound(&class.patterns, &mut figures, &mut scratch);
            }
            let computed: Vec<f64> = self
                .goal
                .objectives
                .iter()
                .map(|&o| figures.value(o))
                .collect();
            if !close_all(&part.bound, &computed) {
                self.flaws.push(Flaw::Bound {
                    class: name.clone(),
                    stated: part.bound.clone(),
                    computed,
                });
            }
            let fits = room
                .model
                .capacity
                .iter()
                .zip(&figures.capacity)
                .all(|((_, most), need)| need * 8.0 <= *most);
            if fits && self.proved && self.goal.admits(&figures) {
                self.flaws.push(Flaw::Open(name.clone()));
            }
            if fits && self.goal.keeps(&figures) {
                self.least = self.least.min(self.goal.key(&figures));
            }
        }
        self.classes.push((class.clone(), joined));
        self.met.insert(name);
        true
    }
}

#[allow(clippy::too_many_arguments)]
fn rejoin(
    prepared: &Prepared,
    request: &Request,
    judge: &Judge,
    class: &Class,
    goal: &Goal,
    certificate: &Certificate,
    lower: &mut f64,
    flaws: &mut Vec<Flaw>,
) {
    let room = &prepared.rooms[class.skeleton];
    let operation = &prepared.problem.operation;
    let sums = room.sums(operation, class);
    let exact_time = !request.objectives.iter().any(|o| o.needs_time());
    let options = Options {
        most: 1 << 20,
        dominance: exact_time,
        after: None,
    };
    let joined = join::join(room, &prepared.rules, class, &sums, goal, &options);
    for leaf in &joined.leaves {
        *lower = lower.min(leaf.key);
        if !certificate.proved {
            return;
        }
        let candidate = room.candidate(operation, class, &leaf.rows);
        if let Ok(exact) = judge.exact(room.skeleton.schedule(operation, &candidate))
            && goal.admits(&exact.figures)
        {
            flaws.push(Flaw::Better {
                class: named(room, class),
                value: goal.key(&exact.figures),
            });
        }
    }
}

/// Counts candidates of one part, and compares each with the part's bound and with the answer.
fn draw(
    prepared: &Prepared,
    request: &Request,
    judge: &Judge,
    class: &Class,
    certificate: &Certificate,
    random: &mut Random,
    flaws: &mut Vec<Flaw>,
) {
    let room = &prepared.rooms[class.skeleton];
    let operation = &prepared.problem.operation;
    let mut goal = Goal::new(&request.objectives, &request.limits);
    let mut left = ENUMERATED / DRAWN + 1;
    let mut cache = Cache::new();
    let mut bound = blank(prepared.problem);
    let mut scratch = Vec::new();
    let full = class.patterns.len() == room.groups() && is_ordered(prepared, class);
    if full {
        let sums = room.sums(operation, class);
        room.class_bound(class, &sums, &mut bound, &mut scratch);
    } else {
        room.open_bound(&class.patterns, &mut bound, &mut scratch);
    }
    for _ in 0..4 * left {
        if left == 0 {
            break;
        }
        let mut patterns = class.patterns.clone();
        while patterns.len() < room.groups() {
            let group = &room.tables.groups[patterns.len()];
            patterns.push(random.below(group.patterns.len() as u64) as u32);
        }
        let rows: SmallVec<[u32; 8]> = (patterns.iter().enumerate())
            .map(|(g, &p)| {
                random.below(room.tables.groups[g].patterns[p as usize].rows.len() as u64) as u32
            })
            .collect();
        let loops = if full {
            class.loops.clone()
        } else {
            let nests = room.orders(operation, &prepared.rules, &patterns, &mut cache);
            if nests.is_empty() {
                continue;
            }
            nests[random.below(nests.len() as u64) as usize].clone()
        };
        let drawn = Class {
            skeleton: class.skeleton,
            patterns,
            loops,
        };
        let candidate = room.candidate(operation, &drawn, &rows);
        let Ok(exact) = judge.exact(room.skeleton.schedule(operation, &candidate)) else {
            continue;
        };
        left -= 1;
        let below = request
            .objectives
            .iter()
            .any(|&o| exact.figures.value(o) < bound.value(o) * (1.0 - SLACK));
        let better = certificate.proved
            && goal.single()
            && goal.keeps(&exact.figures)
            && certificate.best.first().is_none_or(|b| {
                exact.figures.value(request.objectives[0]) < b.0[0] * (1.0 - SLACK)
            });
        if below || better {
            flaws.push(Flaw::Better {
                class: named(room, class),
                value: goal.key(&exact.figures),
            });
        }
        goal.found.clear();
    }
}
