//! The separable exact engine: counts and time from step classes, not from steps.
//!
//! Problem: a layer has billions of steps, and the report must be exact. A step is entered when one loop
//! advances and all loops inside wrap to their first windows. What moves in it is a difference of two
//! products over groups (see `crossing`), and each factor depends only on the class of the group's own
//! position (see `classes`). So all steps with the same advancing loop and the same classes are equal:
//! they are evaluated once and multiplied.
//!
//! Time is found the same way from the inside out. A *region* is everything that happens from one advance
//! of a loop to the next: its time is the delay of the step at every boundary inside, around the sum of
//! the regions of the loops inside. There are as many different regions as classes.
//!
//! For TemporalMap K (2 windows, equal), TemporalMap X (222 windows: first, interior, last) there are one
//! region of K times three of X, and two of X below each.

use super::classes::{GroupClasses, Key, KeyBoundary};
use super::clock::{Link, StepTime};
use super::counts::Counts;
use super::crossing::Cross;
use super::lanes::{LANES, RESULT_LANES, Sum, lanes};
use super::plan::{Counter, Plan, Whole};
use super::{Boundary, EngineLimit, boundaries};
use crate::ir::{GroupLoop, GroupLoops, Mapping};
use smallvec::SmallVec;
use std::rc::Rc;

/// More regions than this: not countable in reasonable time.
const MOST_REGIONS: usize = 1 << 22;

/// How delays follow from transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimingRule {
    /// Every boundary, as `semantics.md` section 4 states.
    Exact,
    /// Only the boundary of the innermost memory counts (the shared buffer is never waited for), transfers
    /// always overlap, and partial sums that several PEs hold pass from PE to PE in one cycle each (MAESTRO
    /// section 4.3).
    Maestro,
}

pub(super) struct Engine<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) boundaries: Vec<Boundary>,
    pub(super) links: SmallVec<[Link; 4]>,
    pub(super) classes: Vec<Rc<GroupClasses>>,
    /// Groups with at least one advance; the others are always at their one place.
    pub(super) moving: SmallVec<[usize; 8]>,
    pub(super) loops: Vec<Level>,
    /// Parent instances are all alike at every boundary, and nothing comes from neighbours.
    pub(super) simple: bool,
    /// Per boundary and tensor: the products over the groups that never advance, and their lanes.
    pub(super) still: Vec<Sum>,
    pub(super) still_lanes: Vec<u64>,
    /// Where each boundary's lanes and tensors begin; one more for the end.
    pub(super) lane_starts: SmallVec<[usize; 5]>,
    pub(super) slot_starts: SmallVec<[usize; 5]>,
    /// Groups without loops; per tensor, the product of their elements.
    pub(super) fixed: SmallVec<[Rc<Plan>; 8]>,
    /// Per tensor.
    pub(super) wholes: &'a [Whole],
    pub(super) whole: SmallVec<[u64; 4]>,
    /// Points of the busiest PE over those groups.
    pub(super) still_busiest: u64,
    pub(super) rule: TimingRule,
    pub(super) totals: SmallVec<[Totals; 4]>,
    pub(super) compute: u128,
}

/// The products of a context, group by group: level `m` is that of the first `m` moving groups, so that
/// the next context recomputes only what turned.
struct Products {
    /// Per level the lanes of all boundaries inside.
    lanes: Vec<u64>,
    width: usize,
    /// Per level: how many steps, and points of the busiest PE.
    counts: Vec<u64>,
    busiest: Vec<u64>,
}

impl Products {
    /// Level 0 for the boundaries from `inside` on, and room for the others.
    fn start(&mut self, engine: &Engine, inside: usize, moving: usize) {
        self.lanes.clear();
        if engine.simple {
            let start = engine.lane_starts[inside];
            self.lanes.extend_from_slice(&engine.still_lanes[start..]);
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

/// Sums over the run at one boundary.
#[derive(Clone)]
pub(super) struct Totals {
    pub(super) tensors: SmallVec<[Moved; 3]>,
    pub(super) down_bits: u128,
    pub(super) up_bits: u128,
    pub(super) peak_bits: u64,
    pub(super) transfer_cycles: u128,
}

/// One tensor's traffic.
#[derive(Clone, Copy, Default)]
pub(super) struct Moved {
    pub(super) fills: u128,
    pub(super) down: u128,
    pub(super) up: u128,
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
    let boundaries = boundaries(mapping);
    let mut classes = Vec::with_capacity(counter.plans.len());
    let mut indices: SmallVec<[SmallVec<[usize; 4]>; 8]> = SmallVec::new();
    let mut fixed: SmallVec<[Rc<Plan>; 8]> = SmallVec::new();
    let forwards: SmallVec<[bool; 4]> = boundaries
        .iter()
        .map(|boundary| super::crossing::forwards(mapping, boundary))
        .collect();
    for ((g, plan), mut own) in counter.plans.iter().enumerate().zip(loops) {
        // Input rows and kernels that are tiled inside the leaf need a look at all loops of the group.
        let inner = !plan.group.windows.is_empty() && own.iter().any(|l| l.index >= leaf);
        if inner && !plan.group.is_regular(&own, leaf) {
            return Err(EngineLimit::Irregular);
        }
        trim(mapping, plan, &mut own);
        if own.is_empty() {
            fixed.push(Rc::clone(plan));
            continue;
        }
        indices.push(own.iter().map(|l| l.index).collect());
        let key = Key {
            boundaries: boundaries
                .iter()
                .zip(&forwards)
                .map(|(b, &forwards)| KeyBoundary {
                    parent: b.parent,
                    child: b.child,
                    tensors: b.tensors.iter().fold(0u32, |set, &t| set | 1 << (t & 31)),
                    inside: own.iter().take_while(|l| l.index < b.position).count(),
                    forwards,
                })
                .collect(),
            loops: own,
        };
        classes.push(counter.classes(mapping, g, key, &boundaries)?);
    }
    Engine::new(counter, mapping, boundaries, classes, &indices, fixed, rule)?.run()
}

/// Leaves out the loops that only order accesses, and those of one trip on one instance: they do nothing.
/// So do the instances of an array beyond the windows of its loop.
fn trim(mapping: &Mapping, plan: &Plan, loops: &mut GroupLoops) {
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
        boundaries: Vec<Boundary>,
        classes: Vec<Rc<GroupClasses>>,
        indices: &[SmallVec<[usize; 4]>],
        fixed: SmallVec<[Rc<Plan>; 8]>,
        rule: TimingRule,
    ) -> Result<Engine<'a>, EngineLimit> {
        let moving: SmallVec<[usize; 8]> = (0..classes.len())
            .filter(|&g| !classes[g].edges.is_empty())
            .collect();
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
        let mut engine = Engine {
            mapping,
            links: boundaries
                .iter()
                .map(|b| Link::new(&mapping.architecture, b.parent, b.child))
                .collect(),
            totals: boundaries
                .iter()
                .map(|b| Totals {
                    tensors: SmallVec::from_elem(Moved::default(), b.tensors.len()),
                    down_bits: 0,
                    up_bits: 0,
                    peak_bits: 0,
                    transfer_cycles: 0,
                })
                .collect(),
            boundaries,
            classes,
            moving,
            loops,
            simple: false,
            still: Vec::with_capacity(8),
            still_lanes: Vec::with_capacity(32),
            lane_starts: SmallVec::new(),
            slot_starts: SmallVec::new(),
            still_busiest: 1,
            whole: (0..mapping.operation.tensors.len())
                .map(|tensor| fixed.iter().map(|plan| plan.unique[tensor]).product())
                .collect(),
            fixed,
            wholes: &counter.wholes,
            rule,
            compute: 0,
        };
        engine.stand_still()?;
        Ok(engine)
    }

    /// Multiplies out the groups that never advance. Not for boundaries whose parents differ, or where
    /// elements come from neighbours: there every group is looked at.
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
        if !self.simple {
            return Ok(());
        }
        let result = self.mapping.operation.result();
        for (index, boundary) in self.boundaries.iter().enumerate() {
            self.lane_starts.push(self.still_lanes.len());
            self.slot_starts.push(self.still.len());
            for (slot, &tensor) in boundary.tensors.iter().enumerate() {
                let mut product = Cross::whole(self.whole[tensor]);
                let mut parents = 1u128;
                for &g in &still {
                    let table = &self.classes[g].table;
                    let variants = table.variants(self.classes[g].wrap_of(0, index));
                    let variant = variants.first().ok_or(EngineLimit::TooManyClasses)?;
                    parents *= u128::from(variant.count);
                    product = product.times(table.cross(variant, slot));
                }
                lanes(&product, tensor == result, &mut self.still_lanes);
                self.still.push(Sum::of(&product, parents));
            }
        }
        self.lane_starts.push(self.still_lanes.len());
        self.slot_starts.push(self.still.len());
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
        let mut times: Vec<u64> = vec![0; size];
        let mut products = Products {
            lanes: Vec::with_capacity(64),
            width: 0,
            counts: Vec::with_capacity(8),
            busiest: Vec::with_capacity(8),
        };
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
                times[index] = self.region(Some(l), &context, &products, &times)?;
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
        let run = self.region(None, &start, &products, &times)?;
        if self.simple {
            self.add_up()?;
        }
        run.checked_add(self.drain()?).ok_or(EngineLimit::Overflow)
    }

    /// The first boundary inside an advance of loop `advance`.
    pub(super) fn inside(&self, advance: Option<usize>) -> usize {
        let outside = advance.map_or(0, |l| l + 1);
        self.boundaries.partition_point(|b| b.position < outside)
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
        let inside = self.inside(advance);
        if from == 0 {
            products.start(self, inside, context.len());
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
    ) -> Result<u64, EngineLimit> {
        let leaf = self.loops.len();
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
        let busiest = products.busiest[last];
        let lanes = self.mapping.architecture.lanes;
        let mut time = if lanes <= 1 {
            busiest
        } else {
            busiest.div_ceil(lanes)
        };
        self.compute += u128::from(count) * u128::from(time);
        let mut lanes = products.width * (last + 1);

        // Boundaries outside the advancing loop do not change; at the start all of them do.
        let mut boundary = self.boundaries.len();
        let mut position = leaf;
        loop {
            while boundary > 0 && self.boundaries[boundary - 1].position == position {
                boundary -= 1;
                let crossed = if self.simple {
                    let to = lanes;
                    lanes -= self.lane_starts[boundary + 1] - self.lane_starts[boundary];
                    let first = advance.is_none();
                    self.move_alike(boundary, first, &products.lanes[lanes..to], count)?
                } else {
                    self.crossing(boundary, advance, context, u128::from(count))?
                };
                time = self.delay(boundary, time, crossed, advance.is_none());
                if self.rule == TimingRule::Maestro {
                    time = time.max(self.forwarding(boundary, advance, context));
                }
            }
            if position == outside {
                break;
            }
            position -= 1;
            time = self.loop_time(position, &at, times, time)?;
        }
        Ok(time)
    }

    /// Adds the regions of all further windows of loop `l`.
    fn loop_time(
        &self,
        l: usize,
        at: &[(usize, usize)],
        times: &[u64],
        time: u64,
    ) -> Result<u64, EngineLimit> {
        let level = &self.loops[l];
        let Some((own, _)) = level.own else {
            return Ok(time);
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
        let classes = &self.classes[self.moving[own]];
        let first = level.classes[own].0;
        let mut sum = time;
        for edge in classes.advances_of(parent) {
            let region = times[level.first + index + (edge - first) * scale];
            sum = region
                .checked_mul(classes.edges[edge].count)
                .and_then(|all| sum.checked_add(all))
                .ok_or(EngineLimit::Overflow)?;
        }
        Ok(sum)
    }

    fn delay(&self, boundary: usize, inner: u64, crossed: StepTime, first: bool) -> u64 {
        let child = self.boundaries[boundary].child;
        let memory = &self.mapping.architecture.memories[child];
        match self.rule {
            TimingRule::Exact => crossed.delay(inner, first || !memory.double_buffered),
            TimingRule::Maestro if self.is_innermost(child) => crossed.delay(inner, first),
            TimingRule::Maestro => inner,
        }
    }

    /// Cycles in which partial sums pass from PE to PE in the MAESTRO model: "one-cycle delay for each
    /// spatio-temporally reused data point" (section 4.3). Those are the results of the busiest PE's tile,
    /// once for each further PE that holds them; different results pass over different wires.
    fn forwarding(&self, boundary: usize, advance: Option<usize>, context: &[usize]) -> u64 {
        let result = self.mapping.operation.result();
        let tensors = &self.boundaries[boundary].tensors;
        let Some(slot) = tensors.iter().position(|&tensor| tensor == result) else {
            return 0;
        };
        if !self.is_innermost(self.boundaries[boundary].child) {
            return 0;
        }
        let own = advance.and_then(|l| self.loops[l].own).map(|(m, _)| m);
        let (mut tiles, mut wanted, mut tile) = (1u64, 1u64, self.whole[result]);
        for (g, classes) in self.classes.iter().enumerate() {
            let moving = self.moving.iter().position(|&moving| moving == g);
            let transition = match moving {
                Some(m) if own == Some(m) => classes.advance_of(context[m], boundary),
                Some(m) => classes.wrap_of(context[m], boundary),
                None => classes.wrap_of(0, boundary),
            };
            let Some(variant) = classes.table.variants(transition).first() else {
                continue;
            };
            let cross = classes.table.cross(variant, slot);
            tiles *= cross.tiles;
            wanted *= cross.wanted;
            tile *= cross.tile;
        }
        if wanted == 0 {
            return 0;
        }
        tile * (tiles.div_ceil(wanted) - 1)
    }

    pub(super) fn is_innermost(&self, memory: usize) -> bool {
        memory + 1 == self.mapping.architecture.memories.len()
    }

    /// Times one kind of step at a boundary whose parent instances are all alike; what it moves is added
    /// up by `add_up`.
    fn move_alike(
        &mut self,
        boundary: usize,
        first: bool,
        mut lanes: &[u64],
        count: u64,
    ) -> Result<StepTime, EngineLimit> {
        let tensors = &self.boundaries[boundary].tensors;
        let result = self.mapping.operation.result();
        let (mut down, mut up, mut down_most) = (0u64, 0u64, 0u64);
        for &tensor in tensors {
            let bits = u64::from(self.mapping.operation.tensors[tensor].bits);
            let at_hand = if first { 0 } else { lanes[1] };
            let mut enters = lanes[0] - at_hand;
            if tensor == result {
                enters -= lanes[2];
                if !first {
                    up = (lanes[3] - lanes[4]) * bits;
                }
                lanes = &lanes[RESULT_LANES..];
            } else {
                lanes = &lanes[LANES..];
            }
            down += enters * bits;
            down_most = down_most.max(enters * bits);
        }
        let time = self.links[boundary]
            .busy(down, down_most, up)
            .ok_or(EngineLimit::Overflow)?;
        let totals = &mut self.totals[boundary];
        totals.peak_bits = totals.peak_bits.max(down + up);
        totals.transfer_cycles += u128::from(count) * u128::from(time.ingress.max(time.egress));
        Ok(time)
    }
}
