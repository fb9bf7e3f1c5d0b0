//! Transitions in closed form, where all instances hold translates of one interval.
//!
//! `SpatialMap(3,1) Y` over 85 clusters gives 85 windows of three rows, each one row further: together 87
//! rows, and when all move down by 85 rows, 85 new ones in each... of which no list is needed. An instance's
//! interval is that of the first instance plus a step per spatial loop: a lattice. Its union, what is new in
//! it, and what stays are a few multiplications.
//!
//! Everything here answers `None` when the instances are not translates (a clipped fold, the padded
//! border, a footprint with holes); the caller then lists them.

use super::crossing::{Sorts, StepSizes, Table, Transition};
use super::flows::Site;
use super::late::Fresh;
use super::plan::Plan;
use super::sets;
use super::spot::{Ground, Shadow, Spot};
use crate::ir::{GroupAxis, GroupLoop, Interval, Intervals, Mapping, Refill};
use smallvec::SmallVec;

/// The place of a group that is not small.
pub(super) const NOWHERE: Spot = Spot {
    ranks: [Interval { lo: 0, hi: 1 }; 2],
    rows: Interval { lo: 0, hi: 1 },
};

/// The spatial loops of a group: how many instances, and how far a rank moves from one to the next.
pub(super) struct Lattice {
    axes: SmallVec<[Axis; 3]>,
}

#[derive(Clone, Copy)]
struct Axis {
    /// Number of the loop within the group.
    depth: usize,
    array: usize,
    instances: u64,
    /// The rank that follows from the moves, and by how much; rows of an input window move its output.
    rank: Option<usize>,
    /// Of the move that decides: its offset in its own axis.
    offset: i64,
    by_rows: bool,
}

impl Lattice {
    pub fn new(loops: &[GroupLoop]) -> Lattice {
        let axes = loops
            .iter()
            .enumerate()
            .filter_map(|(depth, l)| {
                let array = l.array?;
                // In the pair of kernel and input rows only the kernel moves: the outputs stay.
                let kernel = l.moves.iter().find_map(|m| match m.axis {
                    GroupAxis::Rank(rank) => Some((rank, m.offset)),
                    GroupAxis::Window(_) => None,
                });
                let (rank, offset) = match kernel {
                    Some((rank, offset)) => (Some(rank), offset),
                    None => (None, l.moves.first()?.offset),
                };
                Some(Axis {
                    depth,
                    array,
                    instances: l.instances,
                    rank,
                    offset,
                    by_rows: kernel.is_none(),
                })
            })
            .collect();
        Lattice { axes }
    }

    /// How far a tensor's open footprint moves from one instance of loop `depth` to the next.
    pub fn step(&self, depth: usize, ground: &Ground, shadow: &Shadow) -> Option<i64> {
        let axis = self.axes.iter().find(|axis| axis.depth == depth)?;
        axis.step(ground, shadow)
    }

    /// How far a tensor's open footprint reaches down and up from the first instance over those of the first
    /// `depth` loops.
    pub fn reach(&self, ground: &Ground, shadow: &Shadow, depth: usize) -> Option<(i64, i64)> {
        let (mut down, mut up) = (0i64, 0i64);
        for axis in self.axes.iter().filter(|axis| axis.depth < depth) {
            let step = axis.step(ground, shadow)?;
            let reach = step.checked_mul(axis.instances as i64 - 1)?;
            down = down.checked_add(reach.min(0))?;
            up = up.checked_add(reach.max(0))?;
        }
        Some((down, up))
    }
}

impl Axis {
    /// How far a tensor's open footprint moves from one instance to the next.
    #[inline]
    fn step(&self, ground: &Ground, shadow: &Shadow) -> Option<i64> {
        match self.rank {
            Some(rank) => Some(shadow.slope(rank) * self.offset),
            None if self.by_rows => {
                let (output, stride) = ground.output()?;
                (self.offset % stride == 0).then(|| shadow.slope(output) * (self.offset / stride))
            }
            None => Some(0),
        }
    }
}

/// Whether all instances of trip `trip` of `l` work, on windows that are not clipped. A loop that is not
/// spatial keeps instances alike in any case.
#[inline]
pub(super) fn is_whole(spot: &Spot, l: &GroupLoop, trip: u64) -> bool {
    if l.instances == 1 {
        return true;
    }
    let last = (trip * l.instances + l.instances - 1) as i64;
    l.moves.iter().all(|m| {
        let length = spot.extent(m.axis).len() as i64;
        last.checked_mul(m.offset)
            .and_then(|start| start.checked_add(m.size))
            .is_some_and(|end| end <= length)
    })
}

/// Narrows `from..=to` to the trips at which `lo..=hi`, sliding by `slide` a trip, stays inside `bounds`.
#[inline]
pub(super) fn keep_inside(
    from: &mut i64,
    to: &mut i64,
    lo: i64,
    hi: i64,
    bounds: (i64, i64),
    slide: i64,
) {
    let below = bounds.0.saturating_sub(lo);
    let above = bounds.1.saturating_sub(hi);
    match slide.signum() {
        1 => {
            *from = (*from).max(-(-below).div_euclid(slide));
            *to = (*to).min(above.div_euclid(slide));
        }
        -1 => {
            *from = (*from).max(-above.div_euclid(-slide));
            *to = (*to).min((-below).div_euclid(-slide));
        }
        _ => {}
    }
}

/// The trips of `l`, the last of the first `depth` loops, below a uniform place that are translates of each other,
/// first and last.
pub(super) fn interior(
    plan: &Plan,
    (lattice, depth): (&Lattice, usize),
    spot: &Spot,
    l: &GroupLoop,
) -> Option<(u64, u64)> {
    let ground = plan.ground.as_ref()?;
    let [m] = l.moves.as_slice() else { return None };
    let instances = l.instances as i64;
    let length = spot.extent(m.axis).len() as i64;
    if length < m.size {
        return None;
    }
    let whole = (length - m.size).checked_div(m.offset)?;
    let mut to = (whole - (instances - 1)).div_euclid(instances);
    let mut from = 0i64;
    if to < 0 {
        return None;
    }
    for &tensor in &plan.clipping {
        let shadow = &plan.shadows[tensor];
        let (_, open) = shadow.interval(&ground.advance(spot, l, 0))?;
        let (rank, stride) = match m.axis {
            GroupAxis::Rank(rank) => (rank, 1),
            GroupAxis::Window(_) => ground.output()?,
        };
        let slide = shadow
            .slope(rank)
            .checked_mul(m.offset.checked_mul(instances)? / stride)?;
        let (down, up) = lattice.reach(ground, shadow, depth)?;
        let (lo, hi) = (open.lo + down, open.hi - 1 + up);
        keep_inside(&mut from, &mut to, lo, hi, shadow.bounds()?, slide);
    }
    (from <= to).then_some((from.max(0) as u64, to as u64))
}

/// One site, seen from one small group.
pub(super) struct SiteForm<'a> {
    ground: &'a Ground,
    inside: usize,
    /// Instances of the site over the group's loops.
    instances: u64,
    slots: SmallVec<[SlotForm<'a>; 4]>,
}

/// One tensor at a site: what does not depend on the step.
struct SlotForm<'a> {
    plan: &'a Plan,
    tensor: usize,
    shadow: &'a Shadow,
    is_result: bool,
    refill: Refill,
    /// Child instances of one instance of the site, and how many of them do not share transfers.
    instances: u64,
    classes: u64,
    /// Instances below the child, whose union is its tile; instances that share transfers; all instances
    /// below the site.
    below: Steps,
    shared: Steps,
    all: Steps,
    /// How far the instances reach down and up from the first one, together; and those below alone.
    down: i64,
    up: i64,
    below_down: i64,
    /// Lanes of one class that make one element together.
    joined: u64,
    /// Other classes, other children, or other parents have parts of the same sums.
    split: bool,
    own_split: bool,
    all_split: bool,
    /// With forwarding: how the children of one instance of the site lie beside each other.
    beside: Option<Beside>,
}

/// Neighbours over forwarding arrays.
#[derive(Clone, Copy)]
enum Beside {
    /// All children have the same elements; some have a neighbour, all do, or none has.
    Same { neighbours: bool },
    /// Each child has elements of its own, those of the next one `step` further.
    Apart { step: i64, instances: u64 },
}

impl<'a> SiteForm<'a> {
    /// `None` when the group is not small, or its elements need more than sizes.
    pub fn new(
        mapping: &Mapping,
        site: &Site,
        plan: &'a Plan,
        lattice: &Lattice,
        inside: usize,
    ) -> Option<SiteForm<'a>> {
        let ground = plan.ground.as_ref()?;
        if plan.overlaps {
            return None;
        }
        let arrays = &mapping.architecture.arrays;
        let depth = site.depth;
        let axes = || lattice.axes.iter().filter(|axis| axis.depth < inside);
        let mut instances = 1u64;
        for axis in axes().filter(|axis| axis.array < depth) {
            instances = instances.checked_mul(axis.instances)?;
        }
        let mut slots = SmallVec::new();
        for slot in &site.slots {
            if !slot.flush.is_empty() {
                return None;
            }
            let shadow = &plan.shadows[slot.tensor];
            let mut form = SlotForm {
                plan,
                tensor: slot.tensor,
                shadow,
                is_result: slot.is_result,
                refill: slot.refill,
                instances: 1,
                classes: 1,
                below: Steps::new(),
                shared: Steps::new(),
                all: Steps::new(),
                down: 0,
                up: 0,
                below_down: 0,
                joined: 1,
                split: false,
                own_split: false,
                all_split: false,
                beside: None,
            };
            let mut forwarding: SmallVec<[(i64, u64, bool); 3]> = SmallVec::new();
            for axis in axes() {
                let step = axis.step(ground, shadow)?;
                let reach = step.checked_mul(axis.instances as i64 - 1)?;
                form.down = form.down.checked_add(reach.min(0))?;
                form.up = form.up.checked_add(reach.max(0))?;
                // Several instances add to the same elements.
                let adds = slot.is_result && step == 0 && axis.instances > 1;
                if axis.array >= slot.below {
                    form.below.add(step.unsigned_abs(), axis.instances);
                    form.below_down += reach.min(0);
                    continue;
                }
                form.own_split |= adds;
                form.all_split |= adds && axis.array < slot.above;
                if axis.array < depth {
                    form.split |= adds;
                    continue;
                }
                form.instances = form.instances.checked_mul(axis.instances)?;
                form.all.add(step.unsigned_abs(), axis.instances);
                let network = &arrays[axis.array].network;
                if axis.instances > 1 {
                    forwarding.push((step, axis.instances, network.forwarding));
                }
                if if slot.is_result {
                    network.reduction
                } else {
                    network.multicast
                } {
                    form.shared.add(step.unsigned_abs(), axis.instances);
                    if adds {
                        form.joined = form.joined.checked_mul(axis.instances)?;
                    }
                } else {
                    form.classes = form.classes.checked_mul(axis.instances)?;
                    form.split |= adds;
                }
            }
            if slot.forwards && depth < slot.below {
                form.beside = Some(match *forwarding {
                    [(step, instances, true)] if step != 0 => Beside::Apart { step, instances },
                    _ if forwarding.iter().all(|&(step, ..)| step == 0) => Beside::Same {
                        neighbours: forwarding.iter().any(|&(.., forwards)| forwards),
                    },
                    _ => return None,
                });
                // A neighbour outside the site lends too.
                if depth > slot.above
                    && axes().any(|axis| {
                        (slot.above..depth).contains(&axis.array)
                            && axis.instances > 1
                            && arrays[axis.array].network.forwarding
                    })
                {
                    return None;
                }
            }
            slots.push(form);
        }
        Some(SiteForm {
            ground,
            inside,
            instances,
            slots,
        })
    }

    /// From the last windows below `before` to the first windows below `now`, both after `depth` loops.
    pub fn transition(
        &self,
        table: &mut Table,
        loops: &[GroupLoop],
        (mut now, mut before): (Spot, Spot),
        depth: usize,
        fresh: Fresh,
    ) -> Option<Transition> {
        for l in loops.get(depth..self.inside).unwrap_or_default() {
            if !is_whole(&now, l, 0) {
                return None;
            }
            now = self.ground.advance(&now, l, 0);
            let reach = self.ground.windows_in(&before, l);
            let trips = if l.instances == 1 {
                reach
            } else {
                reach.div_ceil(l.instances)
            };
            let last = trips.checked_sub(1)?;
            if !is_whole(&before, l, last) {
                return None;
            }
            before = self.ground.advance(&before, l, last * l.instances);
        }
        let begin = table.begin();
        for slot in &self.slots {
            match slot.sizes(&now, &before, fresh) {
                Some((mut sizes, sorts)) => {
                    if let Some(sorts) = sorts {
                        sizes.sorts = table.keep(sorts);
                    }
                    table.push(sizes);
                }
                None => {
                    table.undo(begin);
                    return None;
                }
            }
        }
        Some(table.uniform(begin, self.instances))
    }

    /// The issues of the leaf tile `now`.
    pub fn issues(&self, table: &mut Table, now: &Spot, fresh: Fresh) -> Option<Transition> {
        let begin = table.begin();
        for slot in &self.slots {
            match slot.issues(now, fresh) {
                Some(sizes) => table.push(sizes),
                None => {
                    table.undo(begin);
                    return None;
                }
            }
        }
        Some(table.uniform(begin, self.instances))
    }
}

impl SlotForm<'_> {
    fn issues(&self, now: &Spot, fresh: Fresh) -> Option<StepSizes> {
        let (tile, open) = self.shadow.interval(now)?;
        let volume = now.volume();
        let inside = self.is_inside(open);
        if !inside && (self.down != 0 || self.up != 0) {
            return None;
        }
        let touching = if inside {
            volume
        } else {
            self.plan.footprints[self.tensor].touching(&now.state(&self.plan.group))?
        };
        let mut sizes = StepSizes {
            tile_sum: touching * self.instances,
            needed: touching * self.shared.union(1)? * self.classes,
            ..StepSizes::default()
        };
        if self.is_result {
            let elements = self.all.union(tile.len())?;
            sizes.first_touch = elements * u64::from(fresh.ever);
            sizes.begun = elements * u64::from(fresh.here);
            sizes.all_done = elements * u64::from(!self.all_split);
            let points = self.plan.points_per_result()?;
            let here = touching / tile.len().max(1);
            if !self.split && here == 1 && self.joined == points {
                sizes.done_held = sizes.needed;
            }
        }
        Some(sizes)
    }

    fn sizes(&self, now: &Spot, before: &Spot, fresh: Fresh) -> Option<(StepSizes, Option<Sorts>)> {
        let (mut wanted, open) = self.shadow.interval(now)?;
        let (mut held, open_before) = self.shadow.interval(before)?;
        if self.down != 0 || self.up != 0 {
            // At the border some instances are clipped and others are not.
            if !(self.is_inside(open) && self.is_inside(open_before)) {
                return None;
            }
            // A child's tile is the union of what the instances below it hold: one interval again.
            for interval in [&mut wanted, &mut held] {
                interval.lo += self.below_down;
                interval.hi += self.below_down;
                interval.hi = interval.lo + self.below.run(interval.len())? as i64;
            }
        }
        let same = wanted == held || (wanted.is_empty() && held.is_empty());
        let refilled = self.refill == Refill::Tile && !same;
        let (kept, new, gone) = if refilled {
            (0, wanted, held)
        } else {
            (
                wanted.intersect(held).len(),
                difference(wanted, held)?,
                difference(held, wanted)?,
            )
        };
        let length = wanted.len();
        let mut sizes = StepSizes {
            tile_sum: length * self.instances,
            reused_sum: kept * self.instances,
            tile: length,
            ..StepSizes::default()
        };
        if self.is_result {
            sizes.needed = self.all.union(length)?;
            sizes.needed_reused = sizes.needed - self.all.union(new.len())?;
            sizes.first_touch = sizes.needed * u64::from(fresh.ever);
            sizes.begun = sizes.needed * u64::from(fresh.here);
            sizes.prev_held = self.shared.union(held.len())? * self.classes;
            sizes.retained = sizes.prev_held - self.shared.union(gone.len())? * self.classes;
            sizes.all_held = self.all.union(held.len())?;
            sizes.all_retained = sizes.all_held - self.all.union(gone.len())?;
            if !self.split {
                (sizes.done_held, sizes.done_retained) = (sizes.prev_held, sizes.retained);
            }
            if !self.own_split {
                sizes.own_done = held.len() * self.instances;
                sizes.own_retained = sizes.own_done - gone.len() * self.instances;
            }
            if !self.all_split {
                (sizes.all_done, sizes.all_done_retained) = (sizes.all_held, sizes.all_retained);
            }
        } else {
            sizes.needed = self.shared.union(length)? * self.classes;
            sizes.needed_reused = sizes.needed - self.shared.union(new.len())? * self.classes;
        }
        let sorts = match self.beside {
            None => None,
            Some(beside) => {
                let kept = if refilled { Interval::EMPTY } else { held };
                Some(self.sorts(beside, wanted, kept, held)?)
            }
        };
        Some((sizes, sorts))
    }

    /// The sorts of the elements of all children: those of the first one's are `wanted`, of which it keeps
    /// `kept`, and worked on `worked` in the step before.
    fn sorts(
        &self,
        beside: Beside,
        wanted: Interval,
        kept: Interval,
        worked: Interval,
    ) -> Option<Sorts> {
        let one = Intervals::one;
        match beside {
            Beside::Same { neighbours } => {
                let by = if neighbours {
                    one(worked)
                } else {
                    Intervals::empty()
                };
                let runs = sets::sorted(&one(wanted), &one(kept), &one(worked), &by);
                let mut sorts = Sorts::default();
                for (run, sort) in runs {
                    sorts.add(
                        1 << sort,
                        run.len() * self.classes,
                        run.len() * self.instances,
                    );
                }
                Some(sorts.in_order())
            }
            Beside::Apart { step, instances } => {
                // Elements that several children want are no matter of one child's sets.
                if step.unsigned_abs() < wanted.len() {
                    return None;
                }
                let moved = |by: i64| Interval::new(worked.lo + by, worked.hi + by);
                let (down, up) = (moved(-step), moved(step));
                let ends = if instances > 1 { 2 } else { 1 };
                let mut sorts = Sorts::default();
                for (count, near) in [
                    (instances - ends, &[down, up][..]),
                    (1, &[up][..]),
                    (ends - 1, &[down][..]),
                ] {
                    let by = Intervals::union_of(near.iter().copied().collect());
                    for (run, sort) in sets::sorted(&one(wanted), &one(kept), &one(worked), &by) {
                        let elements = run.len() * count;
                        sorts.add(1 << sort, elements, elements);
                    }
                }
                Some(sorts.in_order())
            }
        }
    }

    /// Whether the open footprints of all instances lie inside the tensor.
    #[inline]
    fn is_inside(&self, open: Interval) -> bool {
        self.shadow
            .bounds()
            .is_none_or(|(lo, hi)| open.lo + self.down >= lo && open.hi - 1 + self.up <= hi)
    }
}

/// The one interval of `a` without `b`; `None` when it is two.
#[inline]
fn difference(a: Interval, b: Interval) -> Option<Interval> {
    if a.is_empty() || a.intersect(b).is_empty() {
        return Some(a);
    }
    let left = Interval::new(a.lo, b.lo.max(a.lo));
    let right = Interval::new(b.hi.min(a.hi), a.hi);
    match (left.is_empty(), right.is_empty()) {
        (_, true) => Some(left),
        (true, _) => Some(right),
        (false, false) => None,
    }
}

/// Steps and numbers of instances, smallest step first.
struct Steps {
    sorted: SmallVec<[(u64, u64); 3]>,
}

impl Steps {
    fn new() -> Steps {
        Steps {
            sorted: SmallVec::new(),
        }
    }

    #[inline]
    fn add(&mut self, step: u64, instances: u64) {
        if step > 0 && instances > 1 {
            let at = self.sorted.partition_point(|entry| entry.0 <= step);
            self.sorted.insert(at, (step, instances));
        }
    }

    /// Size of the union of the translates of an interval of `length`, if it is one interval.
    #[inline]
    fn run(&self, mut length: u64) -> Option<u64> {
        if length == 0 {
            return Some(0);
        }
        for &(step, instances) in &self.sorted {
            if step > length {
                return None;
            }
            length += step * (instances - 1);
        }
        Some(length)
    }

    /// Size of the union of the translates of an interval of `length`; `None` when they overlap in a way
    /// that has no short form.
    #[inline]
    fn union(&self, length: u64) -> Option<u64> {
        if length == 0 || self.sorted.is_empty() {
            return Some(length);
        }
        let (mut run, mut pieces, mut span) = (length, 1u64, length);
        for &(step, instances) in &self.sorted {
            if pieces == 1 && step <= run {
                run += step * (instances - 1);
                span = run;
            } else if step >= span {
                pieces = pieces.checked_mul(instances)?;
                span += step * (instances - 1);
            } else {
                return None;
            }
        }
        run.checked_mul(pieces)
    }
}
