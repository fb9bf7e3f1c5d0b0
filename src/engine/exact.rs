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

use super::classes::{GroupClasses, Key, KeyLoops};
use super::clock::{Clock, Elapsed};
use super::counts::Counts;
use super::crossing::StepSizes;
use super::flows::Flows;
use super::lanes::{self, Sum};
use super::plan::{Counter, Plan, Whole};
use super::{EngineLimit, forced, issues};
use crate::ir::{GroupLoop, GroupLoops, Mapping};
use smallvec::SmallVec;
use std::rc::Rc;

/// More regions than this: not countable in reasonable time.
const MOST_REGIONS: usize = 1 << 22;

/// How delays follow from transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimingRule {
    /// Every position and every port, as `semantics.md` section 4 states.
    Exact,
    /// Only the transfers into the innermost memory count (the shared buffer is never waited for), they
    /// always overlap, and what passes from PE to PE takes a cycle each (MAESTRO section 4.3).
    Maestro,
}

pub(super) struct Engine<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) flows: Rc<Flows>,
    pub(super) clock: Clock,
    pub(super) classes: Vec<Rc<GroupClasses>>,
    /// Groups with at least one advance; the others are always at their one place.
    pub(super) moving: SmallVec<[usize; 8]>,
    pub(super) loops: Vec<Level>,
    /// Instances of every site are all alike, and nothing comes from neighbours.
    pub(super) simple: bool,
    /// Per slot of all sites: the products over the groups that never advance; and their columns.
    pub(super) still: Vec<Sum>,
    pub(super) still_lanes: Vec<u64>,
    /// Groups without loops, and per slot of all sites the product of their sizes.
    pub(super) fixed: SmallVec<[Rc<Plan>; 8]>,
    pub(super) whole: Vec<StepSizes>,
    /// Per tensor.
    pub(super) wholes: &'a [Whole],
    /// Points of the busiest PE over the groups that never advance.
    pub(super) still_busiest: u64,
    pub(super) rule: TimingRule,
    /// Per slot of all sites.
    pub(super) moved: Vec<Moved>,
    /// One row of columns, for kinds of instances.
    pub(super) row: Vec<u64>,
    /// Per slot of all sites: what crosses to the lanes in all leaf tiles.
    pub(super) issued: Vec<Sum>,
    /// Elements that the busiest PE got from a neighbour in the step at hand.
    pub(super) lent: u64,
}

/// The products of a context, group by group: level `m` is that of the first `m` moving groups, so that
/// the next context recomputes only what turned.
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
        if engine.simple {
            self.lanes.extend_from_slice(&engine.still_lanes[column..]);
        }
        self.width = self.lanes.len();
        self.lanes.resize(self.width * (moving + 1), 1);
        self.counts.resize(moving + 1, 1);
        self.busiest.resize(moving + 1, 1);
        self.counts[0] = 1;
        self.busiest[0] = engine.still_busiest;
    }
}

/// One loop before the leaf.
pub(super) struct Level {
    /// Its place in `moving`, if it ever advances, and its number within the group.
    pub(super) own: Option<(usize, usize)>,
    /// Per moving group: how many of its loops lie outside this one.
    pub(super) depths: SmallVec<[usize; 8]>,
    /// Per moving group: first class and number of classes in the context of an advance of this loop.
    pub(super) classes: SmallVec<[(usize, usize); 8]>,
    /// Where its regions lie in the list of times.
    pub(super) first: usize,
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

/// Counts one legal mapping, of the layer and accelerator that `counter` was made for.
pub(super) fn run(
    counter: &Counter,
    mapping: &Mapping,
    rule: TimingRule,
) -> Result<Counts, EngineLimit> {
    if !counter.fits {
        return Err(EngineLimit::Overflow);
    }
    let leaf = mapping.schedule.leaf;
    let loops = counter
        .grouping
        .loops(&mapping.schedule.loops)
        .ok_or(EngineLimit::Irregular)?;
    let flows = counter.flows(mapping);
    if rule == TimingRule::Exact && flows.lends_through_a_port(mapping) {
        return Err(EngineLimit::Irregular);
    }
    let mut explicit: SmallVec<[bool; 8]> = SmallVec::new();
    let mut trimmed: SmallVec<[GroupLoops; 8]> = SmallVec::new();
    for (plan, mut own) in counter.plans.iter().zip(loops) {
        // Input rows and kernels that are tiled inside the leaf need a look at all loops of the group.
        let inner = !plan.group.windows.is_empty() && own.iter().any(|l| l.index >= leaf);
        if inner && !plan.group.is_regular(&own, leaf) {
            return Err(EngineLimit::Irregular);
        }
        trim(mapping, plan, &mut own);
        let regular = plan.group.is_regular(&own, usize::MAX);
        if !regular {
            // Which loops do nothing is not seen from their first windows.
            let all = counter.grouping.loops(&mapping.schedule.loops);
            let all = all.and_then(|mut all| all.get_mut(trimmed.len()).map(std::mem::take));
            own = all.ok_or(EngineLimit::Irregular)?;
            own.retain(|l| l.index < leaf);
        }
        // Sums that windows share pass between instances: that is looked at step by step.
        let shares = plan.overlaps && own.iter().any(|l| l.instances > 1);
        explicit.push(!regular || shares);
        trimmed.push(own);
    }
    let turns = forced::turning(mapping, &counter.plans, &trimmed);
    let mut classes = Vec::with_capacity(counter.plans.len());
    let mut indices: SmallVec<[SmallVec<[usize; 4]>; 8]> = SmallVec::new();
    let mut fixed: SmallVec<[Rc<Plan>; 8]> = SmallVec::new();
    for ((g, plan), own) in counter.plans.iter().enumerate().zip(trimmed) {
        if own.is_empty() {
            fixed.push(Rc::clone(plan));
            continue;
        }
        indices.push(own.iter().map(|l| l.index).collect());
        let key = Key {
            flows: flows.id,
            inside: flows
                .sites
                .iter()
                .map(|site| own.iter().take_while(|l| l.index < site.place).count())
                .collect(),
            forced: forced::forced(mapping, &flows, &own, &turns),
            flush: flows
                .sites
                .iter()
                .flat_map(|site| site.slots.iter().flat_map(|slot| &slot.flush))
                .map(|&(_, place)| own.iter().take_while(|l| l.index < place).count())
                .collect(),
            explicit: explicit[g],
            between: if explicit[g] {
                forced::between(&own, &turns)
            } else {
                SmallVec::new()
            },
            loops: KeyLoops(own),
        };
        classes.push(counter.classes(mapping, g, key, &flows)?);
    }
    if classes
        .iter()
        .any(|group| group.passes_sums(mapping, &flows))
    {
        return Err(EngineLimit::Irregular);
    }
    Engine::new(counter, mapping, flows, classes, &indices, fixed, rule)?.run()
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
    fn new(
        counter: &'a Counter,
        mapping: &'a Mapping,
        flows: Rc<Flows>,
        classes: Vec<Rc<GroupClasses>>,
        indices: &[SmallVec<[usize; 4]>],
        fixed: SmallVec<[Rc<Plan>; 8]>,
        rule: TimingRule,
    ) -> Result<Engine<'a>, EngineLimit> {
        let moving: SmallVec<[usize; 8]> = (0..classes.len())
            .filter(|&g| !classes[g].edges.is_empty())
            .collect();
        let loops = levels(mapping, &classes, &moving, indices);
        let mut whole = Vec::with_capacity(flows.slots);
        for site in &flows.sites {
            for slot in &site.slots {
                let mut product = StepSizes::whole(1);
                for plan in &fixed {
                    product = product.times(&if site.lanes {
                        issues::whole(plan, slot.tensor, slot.is_result)
                    } else {
                        StepSizes::whole(plan.unique[slot.tensor])
                    });
                }
                whole.push(product);
            }
        }
        let mut engine = Engine {
            mapping,
            clock: Clock::new(mapping, &flows, rule),
            moved: vec![Moved::default(); flows.slots],
            flows,
            classes,
            moving,
            loops,
            simple: false,
            still: Vec::with_capacity(8),
            still_lanes: Vec::with_capacity(32),
            whole,
            fixed,
            wholes: &counter.wholes,
            still_busiest: 1,
            rule,
            row: Vec::with_capacity(32),
            issued: Vec::new(),
            lent: 0,
        };
        engine.stand_still()?;
        Ok(engine)
    }

    /// Multiplies out the groups that never advance.
    fn stand_still(&mut self) -> Result<(), EngineLimit> {
        let still: SmallVec<[usize; 8]> = (0..self.classes.len())
            .filter(|g| !self.moving.contains(g))
            .collect();
        for plan in &self.fixed {
            self.still_busiest *= plan.points;
        }
        for &g in &still {
            let classes = &self.classes[g];
            let leaf = classes.first_at(0, classes.depth());
            self.still_busiest *= classes.nodes[leaf].busiest;
        }
        self.simple = self.classes.iter().all(|classes| classes.table.is_simple());
        for (number, site) in self.flows.sites.iter().enumerate() {
            let start = self.flows.slot_starts[number];
            let columns = self.flows.column_starts[number + 1] - self.flows.column_starts[number];
            for (slot, at) in site.slots.iter().enumerate() {
                let whole = self.whole[start + slot];
                let mut sum = Sum::default();
                sum.add(&whole, 1, 1);
                let mut product = whole;
                for &g in &still {
                    let classes = &self.classes[g];
                    let depth = if site.lanes { classes.depth() } else { 0 };
                    let own = &classes.node_sums[depth * self.flows.slots + start + slot];
                    sum = sum.times(own, at.is_result).ok_or(EngineLimit::Overflow)?;
                    if self.simple && columns > 0 {
                        let node = if site.lanes {
                            classes.first_at(0, classes.depth())
                        } else {
                            0
                        };
                        let table = &classes.table;
                        let variants = table.variants(classes.wrap_of(node, number));
                        let variant = variants.first().ok_or(EngineLimit::TooManyClasses)?;
                        product = product.times(table.sizes(variant, slot));
                    }
                }
                self.still.push(sum);
                if self.simple && columns > 0 {
                    lanes::append(
                        site,
                        at,
                        self.flows.wide,
                        &product,
                        true,
                        &mut self.still_lanes,
                    );
                }
            }
        }
        Ok(())
    }

    fn run(&mut self) -> Result<Counts, EngineLimit> {
        let cycles = self.time()?;
        self.counts(cycles)
    }

    /// Time of the whole run; adds up all counts on the way.
    fn time(&mut self) -> Result<u64, EngineLimit> {
        // The regions of each loop lie together, the last group's class turning fastest.
        let mut size = 0usize;
        for level in &mut self.loops {
            level.first = size;
            if level.own.is_some() {
                let own = level
                    .classes
                    .iter()
                    .try_fold(1usize, |n, c| n.checked_mul(c.1));
                size = own
                    .and_then(|own| size.checked_add(own))
                    .filter(|&size| size <= MOST_REGIONS)
                    .ok_or(EngineLimit::TooManyClasses)?;
            }
        }
        let stride = self.clock.stride();
        let mut times: Vec<u64> = vec![0; size * stride];
        let mut products = Products {
            lanes: Vec::with_capacity(64),
            width: 0,
            counts: Vec::with_capacity(8),
            busiest: Vec::with_capacity(8),
        };
        let mut elapsed = self.clock.start();
        for l in (0..self.loops.len()).rev() {
            if self.loops[l].own.is_none() {
                continue;
            }
            let firsts: Context = self.loops[l].classes.iter().map(|c| c.0).collect();
            let mut context = firsts.clone();
            let mut index = self.loops[l].first;
            let mut turned = Some(0);
            while let Some(from) = turned {
                self.multiply(&mut products, Some(l), &context, from);
                self.region(Some(l), &context, &products, &times, &mut elapsed)?;
                elapsed.store(&mut times[index * stride..(index + 1) * stride]);
                index += 1;
                turned = (0..context.len()).rev().find(|&m| {
                    context[m] += 1;
                    let turns = context[m] < firsts[m] + self.loops[l].classes[m].1;
                    if !turns {
                        context[m] = firsts[m];
                    }
                    turns
                });
            }
        }
        let start: Context = SmallVec::from_elem(0, self.moving.len());
        self.multiply(&mut products, None, &start, 0);
        self.region(None, &start, &products, &times, &mut elapsed)?;
        self.add_up()?;
        self.add_issues()?;
        let drain = self.drain()?;
        let wave = self.clock.wave_of_the_run();
        elapsed
            .time
            .checked_add(drain)
            .and_then(|time| time.checked_add(wave))
            .ok_or(EngineLimit::Overflow)
    }

    /// The first position inside an advance of loop `advance`.
    pub(super) fn inside(&self, advance: Option<usize>) -> usize {
        let outside = advance.map_or(0, |l| l + 1);
        self.flows.positions.partition_point(|p| p.place < outside)
    }

    /// The first site of a position.
    pub(super) fn first_site(&self, position: usize) -> usize {
        self.flows
            .positions
            .get(position)
            .map_or(self.flows.lanes, |p| p.sites.0)
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
            let site = self.first_site(self.inside(advance));
            products.start(self, self.flows.column_starts[site], context.len());
        }
        let width = products.width;
        for (m, &class) in context.iter().enumerate().skip(from) {
            let classes = &self.classes[self.moving[m]];
            let advances = own.is_some_and(|(own, _)| own == m);
            let (count, node, depth) = if advances {
                let edge = &classes.edges[class];
                let parent = &classes.nodes[edge.parent as usize];
                let number = own.map_or(0, |(_, number)| number);
                (parent.count * edge.count, edge.child as usize, number + 1)
            } else {
                let depth = advance.map_or(0, |l| self.loops[l].depths[m]);
                (classes.nodes[class].count, class, depth)
            };
            let leaf = classes.first_at(node, classes.depth() - depth);
            products.counts[m + 1] = products.counts[m] * count;
            products.busiest[m + 1] = products.busiest[m] * classes.nodes[leaf].busiest;
            if width > 0 {
                let all = self.still_lanes.len();
                let own = if advances {
                    &classes.edge_lanes
                } else {
                    &classes.node_lanes
                };
                let own = &own[(class + 1) * all - width..(class + 1) * all];
                let (known, rest) = products.lanes.split_at_mut((m + 1) * width);
                for ((to, from), own) in rest.iter_mut().zip(&known[m * width..]).zip(own) {
                    // Fits: see `Counter::new`.
                    *to = from.wrapping_mul(*own);
                }
            }
        }
    }

    /// Time from the advance of loop `advance` (or from the start) until the next advance of it or of a
    /// loop outside it, for the classes in `context`.
    fn region(
        &mut self,
        advance: Option<usize>,
        context: &[usize],
        products: &Products,
        times: &[u64],
        elapsed: &mut Elapsed,
    ) -> Result<(), EngineLimit> {
        let outside = advance.map_or(0, |l| l + 1);
        let own = advance.and_then(|l| self.loops[l].own);
        // The node that every moving group is at after the advance, and its depth.
        let mut at: SmallVec<[(usize, usize); 8]> = SmallVec::new();
        for (m, &class) in context.iter().enumerate() {
            at.push(match own {
                Some((own, number)) if own == m => {
                    let edge = &self.classes[self.moving[m]].edges[class];
                    (edge.child as usize, number + 1)
                }
                _ => (class, advance.map_or(0, |l| self.loops[l].depths[m])),
            });
        }
        let last = context.len();
        let count = products.counts[last];
        let row = &products.lanes[products.width * last..products.width * (last + 1)];
        let first_column = self.flows.column_starts[self.first_site(self.inside(advance))];
        self.clock
            .issue(elapsed, products.busiest[last], u128::from(count))
            .ok_or(EngineLimit::Overflow)?;
        for site in self.flows.lanes..self.flows.sites.len() {
            if self.flows.uses[site].is_empty() || self.rule == TimingRule::Maestro {
                continue;
            }
            self.clock.begin_site();
            if self.simple {
                let row = &row[self.flows.column_starts[site] - first_column..];
                self.clock.pass_row(&self.flows, site, row, false);
            } else {
                self.pass_kinds(site, advance, context, &at, u128::from(count))?;
            }
            self.clock.end_site();
        }
        self.clock
            .end_issues(elapsed, &self.flows, u128::from(count))
            .ok_or(EngineLimit::Overflow)?;

        let mut position = self.flows.positions.len();
        let mut place = self.mapping.schedule.leaf;
        loop {
            if place == self.mapping.schedule.steps {
                self.clock
                    .end_leaf(elapsed, &self.flows, u128::from(count))
                    .ok_or(EngineLimit::Overflow)?;
            }
            while position > 0 && self.flows.positions[position - 1].place == place {
                position -= 1;
                let (from, to) = self.flows.positions[position].sites;
                self.lent = 0;
                for site in from..to {
                    self.clock.begin_site();
                    if self.simple {
                        let row = &row[self.flows.column_starts[site] - first_column..];
                        self.clock
                            .pass_row(&self.flows, site, row, advance.is_none());
                    } else {
                        self.pass_kinds(site, advance, context, &at, u128::from(count))?;
                    }
                    self.clock.end_site();
                }
                self.clock
                    .end_step(
                        elapsed,
                        &self.flows,
                        position,
                        advance.is_none(),
                        u128::from(count),
                    )
                    .ok_or(EngineLimit::Overflow)?;
                if self.rule == TimingRule::Maestro && position + 1 == self.flows.positions.len() {
                    let passed = self.passed(position, advance, context);
                    elapsed.time = elapsed.time.max(passed).max(self.lent);
                }
            }
            if place == outside {
                break;
            }
            place -= 1;
            self.add_loop(place, &at, times, elapsed)?;
        }
        Ok(())
    }

    /// Adds the regions of all further windows of loop `l`.
    fn add_loop(
        &self,
        l: usize,
        at: &[(usize, usize)],
        times: &[u64],
        elapsed: &mut Elapsed,
    ) -> Result<(), EngineLimit> {
        let level = &self.loops[l];
        let Some((own, _)) = level.own else {
            return Ok(());
        };
        // Index of the context, but for the own group's digit.
        let mut index = 0usize;
        let mut scale = 1usize;
        let mut parent = 0usize;
        for (m, &(node, depth)) in at.iter().enumerate() {
            let (first, radix) = level.classes[m];
            let here = self.classes[self.moving[m]].first_at(node, level.depths[m] - depth);
            index *= radix;
            if m == own {
                parent = here;
                scale = 1;
            } else {
                index += here - first;
                scale *= radix;
            }
        }
        let stride = self.clock.stride();
        let classes = &self.classes[self.moving[own]];
        let first = level.classes[own].0;
        for edge in classes.advances_of(parent) {
            let region = (level.first + index + (edge - first) * scale) * stride;
            elapsed
                .add(&times[region..region + stride], classes.edges[edge].count)
                .ok_or(EngineLimit::Overflow)?;
        }
        Ok(())
    }
}

/// The loops before the leaf, and where each moving group is in the context of their advances.
fn levels(
    mapping: &Mapping,
    classes: &[Rc<GroupClasses>],
    moving: &[usize],
    indices: &[SmallVec<[usize; 4]>],
) -> Vec<Level> {
    let mut loops: Vec<Level> = Vec::with_capacity(mapping.schedule.leaf);
    let mut depths: SmallVec<[usize; 8]> = SmallVec::from_elem(0, moving.len());
    for index in 0..mapping.schedule.leaf {
        let at = moving.iter().enumerate().find_map(|(m, &g)| {
            let number = depths[m];
            (*indices[g].get(number)? == index).then_some((m, number))
        });
        let own = at.filter(|&(m, number)| !classes[moving[m]].edges_at(number).is_empty());
        let mut level = Level {
            own,
            depths: SmallVec::new(),
            classes: SmallVec::new(),
            first: 0,
        };
        if let Some((own, number)) = own {
            level.depths.extend_from_slice(&depths);
            for (m, &g) in moving.iter().enumerate() {
                let range = if own == m {
                    classes[g].edges_at(number)
                } else {
                    classes[g].nodes_at(depths[m])
                };
                level.classes.push((range.start, range.len()));
            }
        }
        loops.push(level);
        if let Some((m, _)) = at {
            depths[m] += 1;
        }
    }
    loops
}
