//! The search: best first over patterns, classes and leaves, until no open bound is below what was found.
//!
//! Problem: a layer has 10^10 candidates in 10^5 classes. All of them lie in one queue, ordered by their lower bounds:
//! first beginnings of classes (the patterns of some groups), then classes, then single combinations of rows. What is
//! at the head of the queue bounds everything that is left, so the gap is known at every moment, and the search is
//! done when the head cannot improve what was found.
//!
//! A class is looked at twice. First its few best combinations, among rows that no other row replaces, are counted by
//! the engine: that finds good candidates early, and gives the class's exact least bound. Only if the class comes to
//! the head of the queue again are all of its combinations listed whose bounds are below what was found.
//!
//! Invariants: entries are taken from the queue in batches of a fixed size and worked on in parallel, each with what
//! was found before the batch; so results do not depend on the number of threads. Every candidate that is returned
//! was judged and counted by the engine.

use crate::engine::{Counter, EngineLimit};
use crate::search::bounds::{leaf_figures, least};
use crate::search::class::{Cache, Class, Patterns, Room, Sums};
use crate::search::goal::{Goal, SLACK};
use crate::search::join::{self, Leaf, Options, Work};
use crate::search::judge::{Judge, Unfit};
use crate::search::par;
use crate::search::prepare::{Prepared, counter};
use crate::search::problem::{Figures, Problem};
use crate::search::random::{self, Random};
use crate::search::request::{Best, FEW, Observer, Outcome, Progress, Pruned, Request, Strategy};
use crate::search::space::{self, Tiles};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

enum Item {
    Begin(Patterns),
    /// A class, and whether its best combinations were already looked at.
    Class(Class, Sums, bool),
    Leaves {
        class: Class,
        sums: Sums,
        leaves: Vec<Leaf>,
        next: usize,
        more: bool,
    },
}

struct Entry {
    key: f64,
    number: u64,
    room: usize,
    figures: Figures,
    item: Item,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.number == other.number
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    /// The least key is the greatest entry; of equals the later one, so that the search goes deep first.
    fn cmp(&self, other: &Entry) -> Ordering {
        other
            .key
            .total_cmp(&self.key)
            .then_with(|| self.number.cmp(&other.number))
    }
}

/// Entries worked on at a time, whatever the number of threads.
const BATCH: usize = 8;
/// Combinations of a class counted at the first look.
const FIRST: usize = 4;
/// Combinations listed at a time, and the fewest where many classes wait with theirs.
const LISTED: [usize; 2] = [1 << 16, 1 << 8];
/// Combinations of one list for each that waits: all of them together take some hundred megabytes.
const HELD: usize = 1 << 20;
/// What a search may take beyond its time until it has found something.
const GRACE: Duration = Duration::from_secs(10);
/// Combinations of a list counted at a time.
const COUNTED: usize = 16;

struct Search<'a, 'b> {
    prepared: &'b Prepared<'a>,
    request: &'b Request,
    goal: Goal,
    queue: BinaryHeap<Entry>,
    number: u64,
    pruned: Vec<Pruned>,
    joined: Vec<Class>,
    work: Work,
    evaluated: u64,
    cache: Vec<Cache>,
    /// Least key of what was set aside (adaptive).
    aside: f64,
    /// Candidates that the engine could not count, and the least of their bounds.
    uncounted: (usize, f64),
    scratch: Vec<f64>,
}

/// What came of one entry.
struct Done {
    counted: Vec<(Figures, space::Candidate)>,
    evaluated: u64,
    uncounted: (usize, f64),
    work: Work,
    again: Option<(f64, Item)>,
    room: usize,
    figures: Figures,
}

/// Runs a search.
///
/// # Errors
/// [`EngineLimit`] when the layer cannot be counted at all.
pub fn run(
    problem: &Problem,
    request: &Request,
    observer: &mut Observer,
) -> Result<Outcome, EngineLimit> {
    let start = Instant::now();
    let prepared = Prepared::of(problem, request, start)?;
    search(&prepared, request, start, observer)
}

/// Runs a search in a prepared space.
///
/// # Errors
/// [`EngineLimit`] when the layer cannot be counted at all.
pub fn search(
    prepared: &Prepared,
    request: &Request,
    start: Instant,
    observer: &mut Observer,
) -> Result<Outcome, EngineLimit> {
    let goal = Goal::new(&request.objectives, &request.limits);
    let mut search = Search::new(prepared, request, goal);
    // What perfect tiles can do is known soon, then what few imperfect ones can; that cuts off most of the others.
    if request.rules.tiles == Tiles::Imperfect
        && !matches!(request.strategy, Strategy::Random { .. })
    {
        search.begin(start, observer)?;
    }
    let complete = match request.strategy {
        Strategy::Random { draws, seed } => {
            search.draw(draws, seed)?;
            false
        }
        Strategy::Optimal | Strategy::Adaptive => search.go(start, observer)?,
    };
    search.finish(complete)
}

/// A search for good candidates among some, from what is known.
fn begin(
    prepared: &Prepared,
    request: &Request,
    start: Instant,
    observer: &mut Observer,
    goal: Goal,
) -> Result<Outcome, EngineLimit> {
    let mut search = Search::new(prepared, request, goal);
    let complete = search.go(start, observer)?;
    search.finish(complete)
}

impl<'a, 'b> Search<'a, 'b> {
    /// A search that goes on from what is known.
    fn new(prepared: &'b Prepared<'a>, request: &'b Request, goal: Goal) -> Search<'a, 'b> {
        Search {
            goal,
            queue: BinaryHeap::new(),
            number: 0,
            pruned: Vec::new(),
            joined: Vec::new(),
            work: Work::default(),
            evaluated: 0,
            cache: vec![Cache::new(); prepared.rooms.len()],
            aside: f64::INFINITY,
            uncounted: (0, f64::INFINITY),
            scratch: Vec::new(),
            prepared,
            request,
        }
    }

    fn blank(&self) -> Figures {
        let memories = self.prepared.problem.architecture.memories.len();
        Figures {
            traffic: vec![0.0; memories],
            capacity: vec![0.0; memories],
            ..Figures::default()
        }
    }

    fn push(&mut self, room: usize, figures: Figures, key: f64, item: Item) {
        self.number += 1;
        self.queue.push(Entry {
            key,
            number: self.number,
            room,
            figures,
            item,
        });
    }

    fn prune(&mut self, class: Class, figures: &Figures) {
        let bound = self
            .goal
            .objectives
            .iter()
            .map(|&o| figures.value(o))
            .collect();
        self.pruned.push(Pruned { class, bound });
    }

    /// Finds the best perfect tiles, to begin with.
    fn begin(&mut self, start: Instant, observer: &mut Observer) -> Result<(), EngineLimit> {
        let mut request = self.request.clone();
        request.strategy = Strategy::Adaptive;
        // The whole of the time is for it: what it finds is an answer.
        let grace = if request.is_answered {
            Duration::ZERO
        } else {
            GRACE
        };
        let time = request.time.map(|time| time.saturating_add(grace));
        let asked = self.request;
        let stop = || asked.is_stopped() || time.is_some_and(|time| start.elapsed() >= time);
        let problem = self.prepared.problem;
        for tiles in [Tiles::Perfect, Tiles::Imperfect] {
            // A front of few pieces is most of the front of all.
            if tiles == Tiles::Imperfect && !self.goal.single() {
                break;
            }
            request.rules.tiles = tiles;
            if tiles == Tiles::Imperfect {
                request.choices.full = FEW.min(request.choices.full);
            }
            let prepared = Prepared::until(problem, &request.rules, request.choices, &stop)?;
            // If there are few pieces, all of them follow anyway.
            if tiles == Tiles::Imperfect && !prepared.thinned {
                break;
            }
            let outcome = begin(&prepared, &request, start, observer, self.goal.clone())?;
            self.evaluated += outcome.evaluated;
            for best in &outcome.best {
                self.goal.take(&best.exact.figures, &best.found.candidate);
            }
        }
        Ok(())
    }

    fn go(&mut self, start: Instant, observer: &mut Observer) -> Result<bool, EngineLimit> {
        let prepared = self.prepared;
        for room in 0..prepared.rooms.len() {
            if prepared.rooms[room]
                .tables
                .groups
                .iter()
                .any(|g| g.patterns.is_empty())
            {
                continue;
            }
            let mut figures = self.blank();
            prepared.rooms[room].open_bound(&[], &mut figures, &mut self.scratch);
            let key = self.goal.key(&figures);
            self.push(room, figures, key, Item::Begin(Patterns::new()));
        }
        let mut batch: Vec<Entry> = Vec::with_capacity(BATCH);
        loop {
            while batch.len() < BATCH {
                let Some(entry) = self.queue.pop() else { break };
                if !self.goal.admits(&entry.figures) {
                    let Entry {
                        figures,
                        room,
                        item,
                        ..
                    } = entry;
                    match item {
                        Item::Begin(patterns) => {
                            self.prune(
                                Class {
                                    skeleton: room,
                                    patterns,
                                    loops: Vec::new(),
                                },
                                &figures,
                            );
                        }
                        Item::Class(class, _, false) => self.prune(class, &figures),
                        // Joined before: what is left of it is not better.
                        Item::Class(..) | Item::Leaves { .. } => {}
                    }
                    continue;
                }
                match entry.item {
                    Item::Begin(patterns) => self.open(entry.room, &patterns),
                    Item::Class(ref class, _, false) => {
                        self.joined.push(class.clone());
                        batch.push(entry);
                    }
                    _ => batch.push(entry),
                }
            }
            if batch.is_empty() {
                return Ok(true);
            }
            let found = !self.goal.found.is_empty();
            let spent = is_spent(self.request, start, self.evaluated, found);
            let [most, fewest] = LISTED;
            let listed = (HELD / (self.queue.len() + 1)).clamp(fewest, most);
            if spent || !self.tell(&batch, observer) {
                for entry in &batch {
                    if matches!(entry.item, Item::Class(_, _, false)) {
                        self.joined.pop();
                    }
                }
                self.queue.extend(batch);
                return Ok(false);
            }
            let entries = std::mem::take(&mut batch);
            let goal = &self.goal;
            let request = self.request;
            let done: Vec<Result<Done, EngineLimit>> = par::map(
                entries,
                || counter(prepared.problem),
                |counter, entry| {
                    let counter = counter.as_ref().map_err(Clone::clone)?;
                    let stop = || is_spent(request, start, 0, found);
                    let goal = goal.clone();
                    Ok(work(
                        prepared,
                        request,
                        goal,
                        counter,
                        entry,
                        (listed, &stop),
                    ))
                },
            );
            for done in done {
                let done = done?;
                self.evaluated += done.evaluated;
                self.uncounted.0 += done.uncounted.0;
                self.uncounted.1 = self.uncounted.1.min(done.uncounted.1);
                self.work.add(done.work);
                for (figures, candidate) in &done.counted {
                    self.goal.take(figures, candidate);
                }
                if let Some((key, item)) = done.again {
                    if self.request.strategy == Strategy::Adaptive {
                        self.aside = self.aside.min(key);
                    } else {
                        self.push(done.room, done.figures, key, item);
                    }
                }
            }
        }
    }

    fn tell(&self, batch: &[Entry], observer: &mut Observer) -> bool {
        let keys = batch.iter().map(|entry| entry.key);
        let head = self.queue.peek().map_or(f64::INFINITY, |entry| entry.key);
        observer(&Progress {
            evaluated: self.evaluated,
            formed: self.work.formed,
            best: self.goal.found.first().map(|found| found.values[0]),
            lower_bound: keys.fold(head, f64::min).min(self.aside),
            open: self.queue.len() + batch.len(),
            pruned: self.pruned.len(),
        })
    }

    /// Adds the next group's patterns to a beginning, or the orders to full ones.
    fn open(&mut self, room: usize, patterns: &Patterns) {
        let prepared = self.prepared;
        let at = &prepared.rooms[room];
        let operation = &prepared.problem.operation;
        if patterns.len() < at.groups() {
            for p in 0..at.tables.groups[patterns.len()].patterns.len() {
                let mut longer = patterns.clone();
                longer.push(p as u32);
                let mut figures = self.blank();
                at.open_bound(&longer, &mut figures, &mut self.scratch);
                if self.fits(room, &figures) && self.goal.admits(&figures) {
                    let key = self.goal.key(&figures);
                    self.push(room, figures, key, Item::Begin(longer));
                } else {
                    self.prune(
                        Class {
                            skeleton: room,
                            patterns: longer,
                            loops: Vec::new(),
                        },
                        &figures,
                    );
                }
            }
            return;
        }
        let nests = at.orders(operation, &prepared.rules, patterns, &mut self.cache[room]);
        for loops in nests {
            let class = Class {
                skeleton: room,
                patterns: patterns.clone(),
                loops,
            };
            let sums = at.sums(operation, &class);
            let mut figures = self.blank();
            at.class_bound(&class, &sums, &mut figures, &mut self.scratch);
            if self.fits(room, &figures) && self.goal.admits(&figures) {
                let key = self.goal.key(&figures);
                self.push(room, figures, key, Item::Class(class, sums, false));
            } else {
                self.prune(class, &figures);
            }
        }
    }

    /// Whether the least tiles fit.
    fn fits(&self, room: usize, figures: &Figures) -> bool {
        let model = &self.prepared.rooms[room].model;
        let all = model.capacity.iter().zip(&figures.capacity);
        all.into_iter()
            .all(|((_, most), &need)| need * 8.0 <= *most)
    }

    /// Counts candidates drawn at random.
    fn draw(&mut self, draws: u64, seed: u64) -> Result<(), EngineLimit> {
        let prepared = self.prepared;
        let counter = counter(prepared.problem)?;
        let judge = Judge::new(prepared.problem, &counter);
        let mut random = Random(seed);
        let full: Vec<usize> = (0..prepared.rooms.len())
            .filter(|&r| {
                prepared.rooms[r]
                    .tables
                    .groups
                    .iter()
                    .all(|g| !g.patterns.is_empty())
            })
            .collect();
        if full.is_empty() {
            return Ok(());
        }
        for _ in 0..draws {
            let room = full[random.below(full.len() as u64) as usize];
            let Some(candidate) = random::draw(prepared, room, &mut random, &mut self.cache[room])
            else {
                continue;
            };
            let schedule = prepared.rooms[room]
                .skeleton
                .schedule(&prepared.problem.operation, &candidate);
            self.evaluated += 1;
            if let Ok(exact) = judge.exact(schedule) {
                self.goal.take(&exact.figures, &candidate);
            }
        }
        Ok(())
    }

    fn finish(mut self, complete: bool) -> Result<Outcome, EngineLimit> {
        let prepared = self.prepared;
        let counter = counter(prepared.problem)?;
        let judge = Judge::new(prepared.problem, &counter);
        let mut best = Vec::new();
        for found in std::mem::take(&mut self.goal.found) {
            let skeleton = &prepared.rooms[found.candidate.skeleton].skeleton;
            let schedule = skeleton.schedule(&prepared.problem.operation, &found.candidate);
            if let Ok(exact) = judge.exact(schedule.clone()) {
                best.push(Best {
                    found,
                    schedule,
                    exact,
                });
            }
        }
        let head = self
            .queue
            .peek()
            .map_or(f64::INFINITY, |entry| entry.key)
            .min(self.aside);
        // What is still open when the budget is spent is listed with its bound, too.
        for entry in std::mem::take(&mut self.queue)
            .into_sorted_vec()
            .into_iter()
            .rev()
        {
            match entry.item {
                Item::Begin(patterns) => {
                    self.prune(
                        Class {
                            skeleton: entry.room,
                            patterns,
                            loops: Vec::new(),
                        },
                        &entry.figures,
                    );
                }
                Item::Class(class, _, false) => self.prune(class, &entry.figures),
                Item::Class(..) | Item::Leaves { .. } => {}
            }
        }
        let value = best.first().map_or(f64::INFINITY, |b| b.found.values[0]);
        let random = matches!(self.request.strategy, Strategy::Random { .. });
        let partial = prepared.thinned || prepared.uncounted > 0 || random;
        let head = head.min(self.uncounted.1);
        let mut lower_bound = head.min(value);
        if partial {
            lower_bound = lower_bound.min(least(prepared, &self.goal));
        }
        let proved = if self.goal.single() {
            complete && !partial && head >= value * (1.0 - SLACK)
                || !partial && lower_bound >= value * (1.0 - SLACK)
        } else {
            // Keys of a front are products: only an empty queue proves one.
            complete && !partial && head == f64::INFINITY
        };
        Ok(Outcome {
            best,
            lower_bound,
            proved,
            evaluated: self.evaluated,
            work: self.work,
            pruned: self.pruned,
            joined: self.joined,
            uncounted: prepared.uncounted + self.uncounted.0,
            thinned: prepared.thinned,
        })
    }
}

/// A search that has found nothing yet goes on for a while: any answer is worth more than the time.
fn is_spent(request: &Request, start: Instant, evaluated: u64, found: bool) -> bool {
    let more = if found || request.is_answered {
        Duration::ZERO
    } else {
        GRACE
    };
    request
        .time
        .is_some_and(|time| start.elapsed() >= time.saturating_add(more))
        || request.is_stopped()
        || request.evaluations.is_some_and(|most| evaluated >= most)
}

/// Works on one entry with what was found before; of a class `listed` combinations at a time.
fn work(
    prepared: &Prepared,
    request: &Request,
    mut goal: Goal,
    counter: &Counter,
    entry: Entry,
    (listed, stop): (usize, &dyn Fn() -> bool),
) -> Done {
    let room = &prepared.rooms[entry.room];
    let judge = Judge::new(prepared.problem, counter);
    let mut done = Done {
        counted: Vec::new(),
        evaluated: 0,
        uncounted: (0, f64::INFINITY),
        work: Work::default(),
        again: None,
        room: entry.room,
        figures: entry.figures.clone(),
    };
    let exact_time = !request.needs_time(prepared.problem);
    let (class, sums, leaves, mut next, more) = match entry.item {
        Item::Begin(_) => return done,
        Item::Class(class, sums, false) if goal.single() => {
            let options = Options {
                most: FIRST,
                dominance: true,
                after: None,
                stop,
            };
            let joined = join::join(room, &prepared.rules, &class, &sums, &goal, &options);
            done.work = joined.work;
            if joined.stopped {
                // As if it had not been begun: its bound is still open.
                done.again = Some((entry.key, Item::Class(class, sums, true)));
                return done;
            }
            let least = joined.leaves.first().map(|leaf| leaf.key);
            for leaf in &joined.leaves {
                count(
                    prepared, room, &judge, &class, &sums, leaf, &mut goal, &mut done,
                );
            }
            // Nothing admitted among rows that replace the others: nothing among the others.
            if let Some(least) = least {
                done.figures = leaf_figures(prepared, room, &class, &sums, &joined.leaves[0]);
                done.again = Some((least, Item::Class(class, sums, true)));
            }
            return done;
        }
        Item::Class(class, sums, _) => {
            let options = Options {
                most: listed,
                dominance: exact_time,
                after: None,
                stop,
            };
            let joined = join::join(room, &prepared.rules, &class, &sums, &goal, &options);
            done.work = joined.work;
            if joined.stopped {
                done.again = Some((entry.key, Item::Class(class, sums, true)));
                return done;
            }
            (class, sums, joined.leaves, 0, joined.more)
        }
        Item::Leaves {
            class,
            sums,
            leaves,
            next,
            more,
        } if next < leaves.len() => (class, sums, leaves, next, more),
        Item::Leaves {
            class,
            sums,
            leaves,
            ..
        } => {
            let options = Options {
                most: listed,
                dominance: exact_time,
                after: leaves.last().cloned(),
                stop,
            };
            let joined = join::join(room, &prepared.rules, &class, &sums, &goal, &options);
            done.work = joined.work;
            if joined.stopped {
                let (next, more) = (leaves.len(), true);
                let item = Item::Leaves {
                    class,
                    sums,
                    leaves,
                    next,
                    more,
                };
                done.again = Some((entry.key, item));
                return done;
            }
            (class, sums, joined.leaves, 0, joined.more)
        }
    };
    let upto = if goal.single() {
        (next + COUNTED).min(leaves.len())
    } else {
        leaves.len()
    };
    while next < upto {
        count(
            prepared,
            room,
            &judge,
            &class,
            &sums,
            &leaves[next],
            &mut goal,
            &mut done,
        );
        next += 1;
    }
    if next < leaves.len() {
        done.figures = leaf_figures(prepared, room, &class, &sums, &leaves[next]);
        let key = leaves[next].key;
        done.again = Some((
            key,
            Item::Leaves {
                class,
                sums,
                leaves,
                next,
                more,
            },
        ));
    } else if let (true, Some(last)) = (more, leaves.last()) {
        done.figures = leaf_figures(prepared, room, &class, &sums, last);
        if !goal.single() {
            done.figures = entry.figures;
        }
        let key = last.key;
        done.again = Some((
            key,
            Item::Leaves {
                class,
                sums,
                leaves,
                next,
                more,
            },
        ));
    }
    done
}

#[allow(clippy::too_many_arguments)]
fn count(
    prepared: &Prepared,
    room: &Room,
    judge: &Judge,
    class: &Class,
    sums: &Sums,
    leaf: &Leaf,
    goal: &mut Goal,
    done: &mut Done,
) {
    if !goal.admits(&leaf_figures(prepared, room, class, sums, leaf)) {
        return;
    }
    let operation = &prepared.problem.operation;
    let candidate = room.candidate(operation, class, &leaf.rows);
    done.evaluated += 1;
    match judge.exact(room.skeleton.schedule(operation, &candidate)) {
        Ok(exact) if goal.keeps(&exact.figures) => {
            goal.take(&exact.figures, &candidate);
            done.counted.push((exact.figures, candidate));
        }
        Err(Unfit::Uncounted(_)) => {
            done.uncounted.0 += 1;
            done.uncounted.1 = done.uncounted.1.min(leaf.key);
        }
        Ok(_) | Err(Unfit::Illegal | Unfit::Unpriced) => {}
    }
}
