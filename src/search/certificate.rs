//! What proves an answer, in a form that can be checked without the search.
//!
//! Problem: "the optimum is 7.15e15" is a claim. Its proof is the list of everything that was not looked at, and why
//! not: beginnings of classes (skeleton, patterns of some groups) and classes that were cut off at the top, each with
//! a bound; and the classes whose combinations were formed. [`verify`] walks the whole tree of patterns and orders by
//! itself. Every branch must end in a listed one, every listed one must be met, the counts must add up to the space,
//! each bound is computed anew from problem and class, and of a hundred drawn at random the candidates are counted by the
//! engine, every one of a small part and some of a large one.
//! Classes that were joined are joined again.

use crate::engine::Counter;
use crate::search::big::Natural;
use crate::search::bounds;
use crate::search::class::{Cache, Class, Patterns, Room};
use crate::search::count;
use crate::search::formed::each_class;
use crate::search::goal::{Goal, SLACK};
use crate::search::join::{self, Options};
use crate::search::judge::{Judge, Unfit};
use crate::search::prepare::Prepared;
use crate::search::problem::{Figures, Problem};
use crate::search::random::Random;
use crate::search::request::{Outcome, Request};
use crate::search::space::{Block, Candidate, Rules, Skeleton};
use crate::search::ways::{Axis, Entry, Loops, Orders, Trips, Ways, between};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// Drawn parts of at most so many candidates are enumerated.
const WHOLE: usize = 500;
/// Candidates drawn of a larger one.
const SOME: usize = 84;
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
    /// The space has too many parts to be counted.
    Uncounted,
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

/// How many candidates begin with some patterns.
struct Counts {
    ways: Ways,
    /// Per group and pattern: the loops, and how many rows have these spreads.
    patterns: Vec<Vec<(Loops, BTreeMap<Trips, u64>)>>,
    /// What was counted last, pattern by pattern: what comes next often begins so, too.
    path: Vec<Beginning>,
    /// By pattern of the last group and what is left of the axes: rows that fit.
    fitting: BTreeMap<(u32, Trips), u64>,
    /// Blocks in time.
    blocks: usize,
}

impl Counts {
    /// `None` when there are too many to be counted in reasonable time.
    fn new(prepared: &Prepared, room: &Room) -> Option<Counts> {
        let blocks = &room.skeleton.blocks;
        // Blocks in time one after another.
        let mut numbers = Vec::new();
        let (mut axes, mut in_time) = (Vec::new(), 0);
        for block in blocks {
            numbers.push(in_time);
            match *block {
                Block::Space { array, axis, size } => axes.push(Axis {
                    size,
                    single: prepared.rules.single.contains(&(array, axis)),
                }),
                Block::Time { .. } => in_time += 1,
            }
        }
        let is_space = |block: &Block| matches!(block, Block::Space { .. });
        let patterns = room.tables.groups.iter().map(|group| {
            let patterns = group.patterns.iter().map(|pattern| {
                let mut loops = Loops::from_elem(0, in_time);
                let in_time = pattern.own.iter().filter(|own| !is_space(&blocks[own.0]));
                in_time.for_each(|own| loops[numbers[own.0]] += 1);
                let mut rows: BTreeMap<Trips, u64> = BTreeMap::new();
                for row in &pattern.rows {
                    let spreads = blocks.iter().zip(&row.uses);
                    let spreads = spreads.filter(|(block, _)| is_space(block));
                    *rows
                        .entry(spreads.map(|spread| *spread.1).collect())
                        .or_default() += 1;
                }
                (loops, rows)
            });
            patterns.collect()
        });
        let patterns: Vec<Vec<(Loops, BTreeMap<Trips, u64>)>> = patterns.collect();
        let parts = patterns.iter().map(|patterns| {
            let entries = patterns.iter().flat_map(|(loops, rows)| {
                rows.iter().map(|(trips, &rows)| Entry {
                    loops: loops.clone(),
                    trips: trips.clone(),
                    ways: Natural::from(rows),
                })
            });
            entries.collect()
        });
        let ways = Ways::new(axes, parts.collect(), Orders::Between)?;
        Some(Counts {
            ways,
            patterns,
            path: Vec::new(),
            fitting: BTreeMap::new(),
            blocks: in_time,
        })
    }

    /// Of the whole space.
    fn all(&mut self) -> Natural {
        self.ways.all()
    }

    /// Candidates that begin with `patterns`; with all orders, or with one.
    fn of(&mut self, patterns: &[u32], one_order: bool) -> Natural {
        // What the last group leaves of the axes is of no interest, only whether it fits.
        let (open, last) = match patterns.split_last() {
            Some((&last, rest)) if patterns.len() == self.patterns.len() => (rest, Some(last)),
            _ => (patterns, None),
        };
        let shared = self.path.iter().zip(open);
        let shared = shared.take_while(|(known, own)| known.pattern == **own);
        let shared = shared.count();
        self.path.truncate(shared);
        for &pattern in &open[shared..] {
            let next = self.longer(pattern);
            self.path.push(next);
        }
        let none = Beginning::none(&self.ways, self.blocks);
        let end = self.path.last().unwrap_or(&none);
        let mut sum = Natural::default();
        let Some(last) = last else {
            for (left, count) in &end.left {
                let behind = self.ways.behind(open.len(), &end.loops, left);
                sum.add(&count.times(&behind));
            }
            return sum.times(&end.orders);
        };
        let (loops, rows) = &self.patterns[open.len()][last as usize];
        for (left, count) in &end.left {
            let fitting = self.fitting.entry((last, left.clone())).or_insert_with(|| {
                let fit = rows
                    .iter()
                    .filter(|(trips, _)| self.ways.fit(left, trips).is_some());
                fit.map(|(_, rows)| rows).sum()
            });
            if *fitting > 0 {
                sum.add(&count.times(&Natural::from(*fitting)));
            }
        }
        if one_order {
            return sum;
        }
        let orders = between(&end.loops, loops);
        sum.times(&end.orders).times(&Natural::from(orders))
    }

    /// One pattern more behind the path.
    fn longer(&self, pattern: u32) -> Beginning {
        let (own, rows) = &self.patterns[self.path.len()][pattern as usize];
        let none = Beginning::none(&self.ways, self.blocks);
        let before = self.path.last().unwrap_or(&none);
        let mut left: BTreeMap<Trips, Natural> = BTreeMap::new();
        for (rest, count) in &before.left {
            for (trips, &rows) in rows {
                if let Some(after) = self.ways.fit(rest, trips) {
                    let all = count.times(&Natural::from(rows));
                    left.entry(after).or_default().add(&all);
                }
            }
        }
        let orders = between(&before.loops, own);
        Beginning {
            pattern,
            loops: before.loops.iter().zip(own).map(|(a, b)| a + b).collect(),
            orders: before.orders.times(&Natural::from(orders)),
            left,
        }
    }
}

/// The candidates that begin with the patterns up to one.
struct Beginning {
    pattern: u32,
    loops: Loops,
    /// Ways to put the loops of the groups between each other.
    orders: Natural,
    /// By what is left of the axes, how many ways to choose rows.
    left: BTreeMap<Trips, Natural>,
}

impl Beginning {
    /// Before any pattern; `blocks` is how many blocks count loops.
    fn none(ways: &Ways, blocks: usize) -> Beginning {
        Beginning {
            pattern: 0,
            loops: Loops::from_elem(0, blocks),
            orders: Natural::from(1),
            left: BTreeMap::from([(ways.empty(), Natural::from(1))]),
        }
    }
}

/// Makes the certificate of an outcome; `None` when the parts of the space are too many to be counted in reasonable
/// time.
#[must_use]
pub fn certificate(prepared: &Prepared, outcome: &Outcome) -> Option<Certificate> {
    let problem = prepared.problem;
    let skeletons: Vec<Skeleton> = prepared
        .rooms
        .iter()
        .map(|room| room.skeleton.clone())
        .collect();
    let candidates = count::candidates(&problem.operation, &skeletons, &in_any_order(prepared))?;
    let counts = prepared
        .rooms
        .iter()
        .map(|room| Counts::new(prepared, room));
    let mut counts: Vec<Counts> = counts.collect::<Option<_>>()?;
    let mut tabulated = Natural::default();
    for own in &mut counts {
        tabulated.add(&own.all());
    }
    let bounded = outcome.pruned.iter().map(|p| (&p.class, p.bound.clone()));
    let (pruned, mut covered) = parts(prepared, &mut counts, bounded.collect());
    let formed = outcome.joined.iter().map(|class| (class, Vec::new()));
    let (joined, others) = parts(prepared, &mut counts, formed.collect());
    covered.add(&others);
    Some(Certificate {
        by_capacity: candidates.minus(&tabulated).unwrap_or_default(),
        by_order: tabulated.minus(&covered).unwrap_or_default(),
        candidates,
        pruned,
        joined,
        best: outcome
            .best
            .iter()
            .map(|b| (b.found.values.clone(), b.found.candidate.as_ref().clone()))
            .collect(),
        lower_bound: outcome.lower_bound,
        proved: outcome.proved,
    })
}

/// Parts of the space with how many candidates each has, and all together.
fn parts(
    prepared: &Prepared,
    counts: &mut [Counts],
    classes: Vec<(&Class, Vec<f64>)>,
) -> (Vec<Part>, Natural) {
    // Those that begin alike follow one another.
    let mut order: Vec<usize> = (0..classes.len()).collect();
    order.sort_by_key(|&at| (classes[at].0.skeleton, &classes[at].0.patterns));
    let mut found = vec![Natural::default(); classes.len()];
    for at in order {
        let class = classes[at].0;
        let full = class.patterns.len() == prepared.rooms[class.skeleton].groups();
        let one_order = full && is_ordered(prepared, class);
        found[at] = counts[class.skeleton].of(&class.patterns, one_order);
    }
    let mut sum = Natural::default();
    found.iter().for_each(|own| sum.add(own));
    let parts = classes.into_iter().zip(found);
    let parts = parts.map(|((class, bound), candidates)| Part {
        class: named(&prepared.rooms[class.skeleton], class),
        bound,
        candidates,
    });
    (parts.collect(), sum)
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
        let Some(mut counts) = Counts::new(prepared, room) else {
            walk.flaws.push(Flaw::Uncounted);
            continue;
        };
        tabulated.add(&counts.all());
        walk.cache = Cache::new();
        if room.tables.groups.iter().all(|g| !g.patterns.is_empty()) {
            walk.down(number, &mut counts, &Patterns::new());
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
    if all.is_none() {
        walk.flaws.push(Flaw::Uncounted);
    }
    let all = all.unwrap_or_default();
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
    if goal.single() {
        let best = certificate.best.first();
        let mut most = best.map_or(f64::INFINITY, |best| best.0[0]);
        let is_partial = prepared.thinned || prepared.uncounted > 0;
        // What is proved has no open part, and every combination below the answer was counted again.
        if !certificate.proved {
            most = most.min(lower);
        }
        if is_partial {
            most = most.min(bounds::least(prepared, &goal));
        }
        if certificate.lower_bound > most * (1.0 + SLACK) || certificate.proved && is_partial {
            flaws.push(Flaw::Lower);
        }
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
    fn down(&mut self, number: usize, counts: &mut Counts, patterns: &Patterns) {
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
    fn met(&mut self, class: &Class, counts: &mut Counts) -> bool {
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
    let exact_time = !request.needs_time(prepared.problem);
    // Without a proof the answer is said to be near a bound: what is below that is counted.
    let stated = certificate.lower_bound * (1.0 - SLACK);
    let below = |key: f64| certificate.proved || goal.single() && key < stated;
    let mut after = None;
    loop {
        let options = Options {
            most: 1 << 20,
            dominance: exact_time,
            after,
            stop: &|| false,
        };
        let joined = join::join(room, &prepared.rules, class, &sums, goal, &options);
        for leaf in joined.leaves.iter().take_while(|leaf| below(leaf.key)) {
            let candidate = room.candidate(operation, class, &leaf.rows);
            match judge.exact(room.skeleton.schedule(operation, &candidate)) {
                Ok(exact) if goal.admits(&exact.figures) && below(goal.key(&exact.figures)) => {
                    flaws.push(Flaw::Better {
                        class: named(room, class),
                        value: goal.key(&exact.figures),
                    });
                }
                Err(Unfit::Uncounted(_)) if certificate.proved => {
                    flaws.push(Flaw::Open(named(room, class)));
                }
                Err(Unfit::Uncounted(_)) => *lower = lower.min(leaf.key),
                _ => {}
            }
        }
        let last = joined
            .leaves
            .last()
            .filter(|leaf| joined.more && below(leaf.key));
        let Some(last) = last else { return };
        after = Some(last.clone());
    }
}

/// Counts candidates of one part, all of a small one, and compares each with the part's bound and with the answer.
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
    let goal = Goal::new(&request.objectives, &request.limits);
    let mut bound = blank(prepared.problem);
    let mut scratch = Vec::new();
    if class.patterns.len() == room.groups() && is_ordered(prepared, class) {
        let sums = room.sums(operation, class);
        room.class_bound(class, &sums, &mut bound, &mut scratch);
    } else {
        room.open_bound(&class.patterns, &mut bound, &mut scratch);
    }
    let whole = all_of(prepared, class);
    let candidates = whole.unwrap_or_else(|| some_of(prepared, class, random));
    for candidate in candidates {
        let Ok(exact) = judge.exact(room.skeleton.schedule(operation, &candidate)) else {
            continue;
        };
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
    }
}

/// Every candidate of a part; `None` if there are more than [`WHOLE`].
fn all_of(prepared: &Prepared, class: &Class) -> Option<Vec<Candidate>> {
    let room = &prepared.rooms[class.skeleton];
    let operation = &prepared.problem.operation;
    let (mut found, mut tried) = (Vec::new(), 0);
    let mut add = |class: &Class| -> bool {
        let rows = class.patterns.iter().enumerate();
        let counts: SmallVec<[u32; 8]> = rows
            .map(|(g, &p)| room.tables.groups[g].patterns[p as usize].rows.len() as u32)
            .collect();
        let mut rows: SmallVec<[u32; 8]> = SmallVec::from_elem(0, counts.len());
        loop {
            if tried == WHOLE {
                return false;
            }
            tried += 1;
            if room.spreads_fit(&prepared.rules, &class.patterns, &rows) {
                found.push(room.candidate(operation, class, &rows));
            }
            let turned = (0..rows.len()).rev().find(|&at| {
                rows[at] = (rows[at] + 1) % counts[at];
                rows[at] > 0
            });
            if turned.is_none() {
                return true;
            }
        }
    };
    let is_one = class.patterns.len() == room.groups() && is_ordered(prepared, class);
    let is_whole = if is_one {
        add(class)
    } else {
        let (skeleton, patterns) = (class.skeleton, &class.patterns);
        each_class(prepared, skeleton, patterns, &mut Cache::new(), &mut add)
    };
    is_whole.then_some(found)
}

/// Some candidates of a part, drawn at random.
fn some_of(prepared: &Prepared, class: &Class, random: &mut Random) -> Vec<Candidate> {
    let room = &prepared.rooms[class.skeleton];
    let operation = &prepared.problem.operation;
    let is_one = class.patterns.len() == room.groups() && is_ordered(prepared, class);
    let mut cache = Cache::new();
    let mut found = Vec::with_capacity(SOME);
    for _ in 0..SOME {
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
        if !room.spreads_fit(&prepared.rules, &patterns, &rows) {
            continue;
        }
        let loops = if is_one {
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
        found.push(room.candidate(operation, &drawn, &rows));
    }
    found
}
