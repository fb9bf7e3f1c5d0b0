//! The separable exact engine: counts and time from step classes, not from steps.
//!
//! Problem: a layer has billions of steps, and the report must be exact. A step is entered when one loop
//! advances and all loops inside wrap to their first windows. What moves in it is a difference of two
//! products over groups (see `crossing`), and each factor depends only on the class of the group's own
//! position (see `classes`). So all steps with the same advancing loop and the same classes are equal:
//! they are evaluated once and multiplied.
//!
//! Time is found the same way from the inside out. A *region* is everything that happens from one advance
//! of a loop to the next: the issues of its leaf tiles, around them what moves at every position inside
//! (see `clock`), and the regions of the loops inside. There are as many different regions as classes.
//!
//! For TemporalMap K (2 windows, equal), TemporalMap X (222 windows: first, interior, last) there are one
//! region of K times three of X, and two of X below each.

use super::classes::{GroupClasses, Key};
use super::clock::{Clock, Elapsed};
use super::counts::Counts;
use super::flows::Flows;
use super::lanes::Sum;
use super::late::{self, Arrival};
use super::levels::{Level, levels};
use super::places::Places;
use super::plan::{Counter, Plan, Whole};
use super::steps::Kind;
use super::still::Still;
use super::sums::Own;
use super::timer::Timer;
use super::{EngineLimit, forced};
use crate::base::limits;
use crate::ir::{GroupLoop, GroupLoops, Mapping};
use smallvec::SmallVec;
use std::rc::Rc;

/// [`limits::REGIONS`].
const MOST_REGIONS: usize = limits::REGIONS;

/// How delays follow from transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimingRule {
    /// Every position and every port, as `semantics.md` section 4 states.
    Exact,
    /// Only the transfers into the innermost memory count (the shared buffer is never waited for), they
    /// always overlap, and what passes from PE to PE takes a cycle each (MAESTRO section 4.3).
    Maestro,
}

/// One mapping on the way through the engine.
pub(super) struct Engine<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) flows: &'a Flows,
    pub(super) timer: &'a Timer,
    /// The groups without loops.
    pub(super) still: &'a Still,
    /// The groups with loops, and the loops of each.
    pub(super) classes: &'a [Rc<GroupClasses>],
    pub(super) own_loops: &'a [GroupLoops],
    /// Groups with at least one advance; the others are always at their one place.
    pub(super) moving: SmallVec<[usize; 8]>,
    pub(super) loops: &'a [Level],
    /// Places by rank: how many loops lie outside.
    pub(super) places: &'a [usize],
    /// Per site: all instances are alike, and nothing comes from neighbours.
    pub(super) single: SmallVec<[bool; 8]>,
    /// Per tensor.
    pub(super) wholes: &'a [Whole],
    /// Points of the busiest PE over the groups that never advance.
    still_busiest: u64,
    pub(super) work: &'a mut Work,
    /// Elements that the busiest PE got from a neighbour in the step at hand.
    pub(super) lent: u64,
}

/// Lists that every count fills again.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) places: Places,
    /// Per group.
    pub(super) loops: Vec<GroupLoops>,
    explicit: Vec<bool>,
    /// All that the classes of a group depend on.
    words: Vec<u64>,
    /// Of the groups with loops.
    pub(super) classes: Vec<Rc<GroupClasses>>,
    pub(super) levels: Vec<Level>,
    work: Work,
}

/// What is counted, and the steps at hand.
#[derive(Default)]
pub(super) struct Work {
    pub(super) clock: Clock,
    /// Per slot of all sites.
    pub(super) moved: Vec<Moved>,
    /// Per slot of all sites: what crosses to the lanes in all leaf tiles.
    pub(super) issued: Vec<Sum>,
    /// Per slot of all sites: the products over the groups that never advance; and their columns.
    pub(super) still: Vec<Sum>,
    pub(super) still_row: Vec<u64>,
    /// Rows of columns, for kinds of instances.
    pub(super) rows: Vec<u64>,
    pub(super) last_row: Vec<u64>,
    /// Per memory and tensor.
    pub(super) owns: Vec<Own>,
    products: Products,
    times: Vec<u64>,
}

/// The products of a context, group by group: level `m` is that of the first `m` moving groups, so that
/// the next context recomputes only what turned.
#[derive(Default)]
struct Products {
    /// Per level the columns of all sites inside.
    lanes: Vec<u64>,
    width: usize,
    /// Per level: how many steps, and points of the busiest PE.
    counts: Vec<u64>,
    busiest: Vec<u64>,
}

impl Products {
    /// Level 0 for the sites from `column` on, and room for the others.
    fn start(&mut self, engine: &Engine, column: usize, moving: usize) {
        self.lanes.clear();
        self.lanes
            .extend_from_slice(&engine.work.still_row[column..]);
        self.width = self.lanes.len();
        self.lanes.resize(self.width * (moving + 1), 1);
        self.counts.resize(moving + 1, 1);
        self.busiest.resize(moving + 1, 1);
        self.counts[0] = 1;
        self.busiest[0] = engine.still_busiest;
    }
}

/// One tensor's traffic at one site.
#[derive(Clone, Copy, Default)]
pub(super) struct Moved {
    pub(super) fills: u128,
    /// Elements that enter: of a result those that arrive, with a sum or without.
    pub(super) down: u128,
    pub(super) up: u128,
    pub(super) up_complete: u128,
    pub(super) own_complete: u128,
    pub(super) forwarded: u128,
}

/// Classes of the moving groups: an edge for the advancing one, nodes for the others.
type Context = SmallVec<[usize; 8]>;

/// Per moving group a chain of nodes, and the depth of its first.
type Chains<'a> = SmallVec<[(&'a [u32], usize); 8]>;

/// Counts one legal mapping, of the layer and accelerator that `counter` was made for; without a rule of
/// time what takes time is left at 0.
pub(super) fn run(
    counter: &Counter,
    mapping: &Mapping,
    rule: Option<TimingRule>,
    counts: &mut Counts,
) -> Result<(), EngineLimit> {
    if !counter.fits {
        return Err(EngineLimit::Overflow);
    }
    let scratch = &mut *counter.scratch.borrow_mut();
    scratch.places.find(mapping);
    let flows = counter.flows(mapping, &scratch.places);
    if rule == Some(TimingRule::Exact) && flows.lends_through_a_port(mapping) {
        return Err(EngineLimit::Irregular);
    }
    let fixed = scratch.find(counter, mapping, &flows)?;
    let still = counter.still(&flows, fixed);
    let moving: SmallVec<[usize; 8]> = (0..scratch.classes.len())
        .filter(|&g| !scratch.classes[g].edges.is_empty())
        .collect();
    levels(mapping, scratch, &flows, &moving);
    let mut engine = Engine {
        mapping,
        flows: &flows,
        timer: flows.timer(rule.unwrap_or(TimingRule::Exact)),
        still: &still,
        single: (0..flows.sites.len())
            .map(|site| scratch.classes.iter().all(|classes| classes.single[site]))
            .collect(),
        classes: &scratch.classes,
        own_loops: &scratch.loops,
        moving,
        loops: &scratch.levels,
        places: &scratch.places.ranked,
        wholes: &counter.wholes,
        still_busiest: still.points,
        work: &mut scratch.work,
        lent: 0,
    };
    engine.stand_still(rule.is_some())?;
    let counted = engine.run(rule, counts);
    scratch.classes.clear();
    counted
}

impl Scratch {
    /// Whether the steps of what is counted next are kept; those that were.
    pub(super) fn keep_steps(&mut self, keep: bool) -> Option<Vec<Kind>> {
        let fresh = keep.then(Vec::new);
        std::mem::replace(&mut self.work.clock.kept, fresh)
    }

    /// Finds or makes the classes of every group with loops, and sorts the loops likewise; the groups
    /// without, as a set of their numbers.
    fn find(
        &mut self,
        counter: &Counter,
        mapping: &Mapping,
        flows: &Flows,
    ) -> Result<u64, EngineLimit> {
        let leaf = mapping.schedule.leaf;
        if counter.plans.len() > 64 {
            return Err(EngineLimit::TooManyClasses);
        }
        counter
            .grouping
            .loops_into(&mapping.schedule.loops, &mut self.loops)
            .ok_or(EngineLimit::Irregular)?;
        self.explicit.clear();
        for (number, plan) in counter.plans.iter().enumerate() {
            let own = &mut self.loops[number];
            if own.is_empty() {
                self.explicit.push(false);
                continue;
            }
            // Input rows and kernels that are tiled inside the leaf need a look at all loops of the group.
            let inner = !plan.group.windows.is_empty() && own.iter().any(|l| l.index >= leaf);
            if inner && !plan.group.is_regular(own, leaf) {
                return Err(EngineLimit::Irregular);
            }
            trim(mapping, plan, own);
            let regular = plan.group.is_regular(own, usize::MAX);
            if !regular {
                // Which loops do nothing is not seen from their first windows.
                let all = counter.grouping.loops(&mapping.schedule.loops);
                let all = all.and_then(|mut all| all.get_mut(number).map(std::mem::take));
                *own = all.ok_or(EngineLimit::Irregular)?;
                own.retain(|l| l.index < leaf);
                // No piece is larger than the whole: instances beyond its windows never work.
                let whole = plan.group.whole();
                for l in own.iter_mut() {
                    let reach = plan.group.windows_in(&whole, l).max(1);
                    l.instances = l.instances.min(reach);
                }
            }
            // Sums that windows share pass between instances: that is looked at step by step.
            let shares = plan.overlaps && own.iter().any(|l| l.instances > 1);
            self.explicit.push(!regular || shares);
        }
        // Which loops turn is asked only where instances can idle, or steps are listed.
        let spread = self.loops.iter().flatten().any(|l| l.instances > 1);
        let turns = if spread || self.explicit.contains(&true) {
            forced::turning(mapping, &counter.plans, &self.loops)
        } else {
            SmallVec::new()
        };
        // In most accelerators nothing inside an array asks which instance is handed a sum.
        let late = if spread && !flows.late.is_empty() {
            late::spread(mapping, flows, &self.loops)
        } else {
            late::Late::new()
        };
        self.classes.clear();
        let mut fixed = 0u64;
        let places = &self.places.ranked;
        let outside = |own: &[GroupLoop], place: usize| -> usize {
            own.iter().take_while(|l| l.index < places[place]).count()
        };
        for (g, own) in self.loops.iter().enumerate() {
            if own.is_empty() {
                fixed |= 1 << g;
                continue;
            }
            let explicit = self.explicit[g];
            let forced = forced::forced(mapping, flows, own, &turns);
            let arrival = Arrival::new(mapping, flows, &late, own, &turns);
            let between = if explicit {
                forced::between(own, &turns)
            } else {
                SmallVec::new()
            };
            let words = &mut self.words;
            words.clear();
            words.push(u64::from(flows.id) << 32 | u64::from(explicit));
            for l in own {
                words.push(
                    (l.moves.len() as u64) << 2
                        | u64::from(l.ends_level) << 1
                        | u64::from(l.moves_window),
                );
                words.extend([l.instances, l.array.map_or(0, |array| array as u64 + 1)]);
                for m in &l.moves {
                    words.extend([m.axis.number(), m.size as u64, m.offset as u64]);
                }
            }
            for site in &flows.sites {
                words.push(outside(own, site.place) as u64);
                let flush = site.slots.iter().flat_map(|slot| &slot.flush);
                words.extend(flush.map(|&(_, place)| outside(own, place) as u64));
            }
            for one in &forced {
                words.extend([one.boundary as u64, one.above as u64, u64::from(one.loops)]);
            }
            if let Some(arrival) = &arrival {
                words.extend(late.iter().map(|&number| 1 << 32 | number as u64));
                words.push(u64::from(arrival.renews));
            }
            words.extend(between.iter().map(|&turns| u64::from(turns)));
            if let Some(classes) = counter.known_classes(g, words) {
                self.classes.push(classes);
                continue;
            }
            let slots = || flows.sites.iter().flat_map(|site| &site.slots);
            let key = Key {
                inside: flows.sites.iter().map(|s| outside(own, s.place)).collect(),
                flush: slots()
                    .flat_map(|slot| &slot.flush)
                    .map(|&(_, place)| outside(own, place))
                    .collect(),
                forced,
                arrival,
                explicit,
                between,
                loops: own.clone(),
            };
            let classes = counter.make_classes(mapping, g, (&key, words), flows)?;
            self.classes.push(classes);
        }
        self.loops.retain(|own| !own.is_empty());
        let passes = |group: &Rc<GroupClasses>| group.passes_sums(mapping, flows);
        if self.classes.iter().any(passes) {
            return Err(EngineLimit::Irregular);
        }
        Ok(fixed)
    }
}

/// Leaves out the loops that only order accesses, and those of one trip on one instance: they do nothing.
/// So do the instances of an array beyond the windows of its loop.
pub(super) fn trim(mapping: &Mapping, plan: &Plan, loops: &mut GroupLoops) {
    let group = &plan.group;
    let leaf = mapping.schedule.leaf;
    match &plan.ground {
        Some(ground) => {
            let mut spot = ground.whole();
            loops.retain(|l| {
                let reach = ground.windows_in(&spot, l);
                l.instances = l.instances.min(reach.max(1));
                let works = l.index < leaf && reach > 1;
                if works {
                    spot = ground.step(&spot, l, 0);
                }
                works
            });
        }
        None => {
            let mut state = group.whole();
            loops.retain(|l| {
                let reach = group.windows_in(&state, l);
                l.instances = l.instances.min(reach.max(1));
                let works = l.index < leaf && reach > 1;
                if works {
                    state = group.step(&state, l, 0);
                }
                works
            });
        }
    }
    let level = |l: &GroupLoop| mapping.schedule.loops[l.index].level;
    for at in 0..loops.len() {
        loops[at].ends_level = loops
            .get(at + 1)
            .is_none_or(|next| level(next) != level(&loops[at]));
    }
}

impl<'a> Engine<'a> {
    /// Multiplies out the groups that never advance.
    fn stand_still(&mut self, timed: bool) -> Result<(), EngineLimit> {
        let work = &mut *self.work;
        work.still.clone_from(&self.still.sums);
        work.still_row.clone_from(&self.still.row);
        for (g, classes) in self.classes.iter().enumerate() {
            if self.moving.contains(&g) {
                continue;
            }
            let leaf = classes.first_at(0, classes.depth());
            self.still_busiest = self.still_busiest.wrapping_mul(classes.nodes[leaf].busiest);
            for (site, bases) in self.flows.base_starts.windows(2).enumerate() {
                let depth = if site >= self.flows.lanes {
                    classes.depth()
                } else {
                    0
                };
                for base in &self.flows.bases[bases[0]..bases[1]] {
                    let own = &classes.node_sums[depth * self.flows.slots + base.at];
                    work.still[base.at]
                        .multiply(own, base.is_result)
                        .ok_or(EngineLimit::Overflow)?;
                }
            }
            if timed {
                let own = &classes.lines(self.flows).nodes.lanes;
                for (column, own) in work.still_row.iter_mut().zip(own) {
                    // Fits: see `Counter::new`.
                    *column = column.wrapping_mul(*own);
                }
            }
        }
        Ok(())
    }

    fn run(&mut self, rule: Option<TimingRule>, counts: &mut Counts) -> Result<(), EngineLimit> {
        let work = &mut *self.work;
        work.clock.wind(self.flows);
        work.moved.clear();
        work.moved.resize(self.flows.slots, Moved::default());
        self.add_up()?;
        self.add_issues()?;
        self.add_rest()?;
        let cycles = match rule {
            Some(_) => self.time()?,
            None => 0,
        };
        self.counts(cycles, counts)
    }

    /// Time of the whole run.
    fn time(&mut self) -> Result<u64, EngineLimit> {
        let stride = self.timer.stride;
        let size = self.loops.last().map_or(0, |level| level.end);
        if size > MOST_REGIONS {
            return Err(EngineLimit::TooManyClasses);
        }
        let mut times = std::mem::take(&mut self.work.times);
        let mut products = std::mem::take(&mut self.work.products);
        times.clear();
        times.resize(size * stride, 0);
        let elapsed = self.regions(&mut products, &mut times);
        // The products are those of the first step.
        let drain = elapsed.and_then(|elapsed| Ok((elapsed, self.drain(&products.lanes)?)));
        (self.work.times, self.work.products) = (times, products);
        let (elapsed, drain) = drain?;
        let wave = self.work.clock.wave_of_the_run(self.timer);
        elapsed
            .time
            .checked_add(drain)
            .and_then(|time| time.checked_add(wave))
            .ok_or(EngineLimit::Overflow)
    }

    /// Times every region, those of the innermost loops first; the last one is all.
    fn regions(
        &mut self,
        products: &mut Products,
        times: &mut [u64],
    ) -> Result<Elapsed, EngineLimit> {
        let stride = self.timer.stride;
        let mut elapsed = self.work.clock.start(self.timer);
        for l in (0..self.loops.len()).rev() {
            let level = &self.loops[l];
            if level.own.is_none() {
                continue;
            }
            // The regions of each loop lie together, the last group's class turning fastest.
            limits::spend(level.end.saturating_sub(level.first) as u64)?;
            let mut context: Context = level.classes.iter().map(|c| c.0).collect();
            let mut chains = Chains::new();
            let mut index = level.first;
            let mut turned = Some(0);
            while let Some(from) = turned {
                self.multiply(products, Some(l), &context, from);
                self.follow(&mut chains, Some(l), &context, from);
                self.region(Some(l), (&context, &chains), products, times, &mut elapsed)?;
                elapsed.store(&mut times[index * stride..(index + 1) * stride]);
                index += 1;
                turned = (0..context.len()).rev().find(|&m| {
                    let (first, number) = level.classes[m];
                    context[m] += 1;
                    let turns = context[m] < first + number;
                    if !turns {
                        context[m] = first;
                    }
                    turns
                });
            }
        }
        let start: Context = SmallVec::from_elem(0, self.moving.len());
        self.multiply(products, None, &start, 0);
        let mut chains = Chains::new();
        self.follow(&mut chains, None, &start, 0);
        self.region(None, (&start, &chains), products, times, &mut elapsed)?;
        Ok(elapsed)
    }

    /// The nodes that every moving group is at after an advance, and then after the first windows of its loops inside, one
    /// after the other; and how many of its loops lie outside the first of them. Those from the moving group `from` on
    /// are looked up again.
    fn follow(
        &self,
        chains: &mut Chains<'a>,
        advance: Option<usize>,
        context: &[usize],
        from: usize,
    ) {
        let own = advance.and_then(|l| self.loops[l].own);
        let all: &'a [Rc<GroupClasses>] = self.classes;
        chains.truncate(from);
        for (m, &class) in context.iter().enumerate().skip(from) {
            let classes = &all[self.moving[m]];
            let (node, depth) = match own {
                Some((own, number)) if own == m => {
                    (classes.edges[class].child as usize, number + 1)
                }
                _ => (class, advance.map_or(0, |l| self.loops[l].depths[m])),
            };
            chains.push((classes.firsts(node), depth));
        }
    }

    /// Multiplies out `context` from the moving group `from` on.
    fn multiply(
        &self,
        products: &mut Products,
        advance: Option<usize>,
        context: &[usize],
        from: usize,
    ) {
        let own = advance.and_then(|l| self.loops[l].own);
        if from == 0 {
            let column = advance.map_or(0, |l| self.loops[l].column);
            products.start(self, column, context.len());
        }
        let width = products.width;
        let all = self.work.still_row.len();
        for (m, &class) in context.iter().enumerate().skip(from) {
            let classes = &self.classes[self.moving[m]];
            let advances = own.is_some_and(|(own, _)| own == m);
            let (count, node) = if advances {
                let edge = &classes.edges[class];
                let parent = &classes.nodes[edge.parent as usize];
                (parent.count * edge.count, edge.child as usize)
            } else {
                (classes.nodes[class].count, class)
            };
            products.counts[m + 1] = products.counts[m] * count;
            products.busiest[m + 1] = products.busiest[m] * classes.nodes[node].busiest;
            let lines = classes.lines(self.flows);
            let own = if advances { &lines.edges } else { &lines.nodes };
            let own = &own.lanes[(class + 1) * all - width..(class + 1) * all];
            let (known, rest) = products.lanes.split_at_mut((m + 1) * width);
            for ((to, from), own) in rest.iter_mut().zip(&known[m * width..]).zip(own) {
                // Fits: see `Counter::new`.
                *to = from.wrapping_mul(*own);
            }
        }
    }

    /// Time from the advance of loop `advance` (or from the start) until the next advance of it or of a
    /// loop outside it, for the classes in `context`.
    fn region(
        &mut self,
        advance: Option<usize>,
        (context, chains): (&[usize], &Chains),
        products: &Products,
        times: &[u64],
        elapsed: &mut Elapsed,
    ) -> Result<(), EngineLimit> {
        let outside = advance.map_or(0, |l| l + 1);
        let (flows, timer) = (self.flows, self.timer);
        let last = context.len();
        let count = u128::from(products.counts[last]);
        let row = &products.lanes[products.width * last..products.width * (last + 1)];
        let first_column = advance.map_or(0, |l| self.loops[l].column);
        let overflow = EngineLimit::Overflow;
        self.work
            .clock
            .issue(timer, elapsed, products.busiest[last], count)
            .ok_or(overflow)?;
        if timer.times_issues {
            for site in flows.lanes..flows.sites.len() {
                if flows.site_timers[site].width > 0 {
                    let row = &row[flows.column_starts[site] - first_column..];
                    self.pass_site(site, advance, context, row)?;
                }
            }
            self.work
                .clock
                .end_issues((timer, flows), elapsed, count)
                .ok_or(EngineLimit::Overflow)?;
        }
        // No position lies inside the place of the innermost memory.
        let mut ended = false;
        let mut position = flows.positions.len();
        let mut place = self.loops.len();
        loop {
            // The next loop that advances, from the inside out.
            if place > outside {
                place = self.loops[place - 1].stop.max(outside);
            }
            if !ended && self.mapping.schedule.steps >= place {
                ended = true;
                self.work
                    .clock
                    .end_leaf((timer, flows), elapsed, count)
                    .ok_or(EngineLimit::Overflow)?;
            }
            while position > 0 && self.places[flows.positions[position - 1].place] >= place {
                position -= 1;
                let (from, to) = flows.positions[position].sites;
                self.lent = 0;
                for site in from..to {
                    let row = &row[flows.column_starts[site] - first_column..];
                    self.pass_site(site, advance, context, row)?;
                }
                self.work
                    .clock
                    .end_step((timer, flows), elapsed, position, advance.is_none(), count)
                    .ok_or(EngineLimit::Overflow)?;
                if timer.rule == TimingRule::Maestro && position + 1 == flows.positions.len() {
                    let passed = self.passed(position, advance, context);
                    self.work
                        .clock
                        .passes_on(elapsed, passed.max(self.lent), count)
                        .ok_or(EngineLimit::Overflow)?;
                }
            }
            if place == outside {
                break;
            }
            place -= 1;
            self.add_loop(place, chains, times, elapsed)?;
        }
        Ok(())
    }

    /// What a site passes in one step. `row`: its columns, if all instances are alike.
    #[inline]
    fn pass_site(
        &mut self,
        site: usize,
        advance: Option<usize>,
        context: &[usize],
        row: &[u64],
    ) -> Result<(), EngineLimit> {
        if self.single[site] {
            let timer = &self.flows.site_timers[site];
            self.work.clock.pass(timer, row, advance.is_none());
            return Ok(());
        }
        self.pass_kinds(site, advance, Some(context))
    }

    /// Adds the regions of all further windows of loop `l`.
    fn add_loop(
        &self,
        l: usize,
        chains: &[(&[u32], usize)],
        times: &[u64],
        elapsed: &mut Elapsed,
    ) -> Result<(), EngineLimit> {
        let level = &self.loops[l];
        let Some((own, _)) = level.own else {
            return Ok(());
        };
        // The region but for the class of the group that advances.
        let mut others = level.base;
        for ((&scale, &depth), &(chain, from)) in level.scales.iter().zip(&level.depths).zip(chains)
        {
            others = others.wrapping_add(chain[depth - from] as usize * scale);
        }
        let (chain, from) = chains[own];
        let parent = chain[level.depths[own] - from] as usize;
        let stride = self.timer.stride;
        let classes = &self.classes[self.moving[own]];
        for edge in classes.advances_of(parent) {
            let region = others.wrapping_add(edge * level.own_scale) * stride;
            elapsed
                .add(&times[region..region + stride], classes.edges[edge].count)
                .ok_or(EngineLimit::Overflow)?;
        }
        Ok(())
    }
}
