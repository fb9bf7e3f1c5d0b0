//! Transitions counted with explicit sets, one per instance.
//!
//! Problem: in a clipped fold two PEs hold five rows each, the third holds two, and the fourth still has its
//! last ones from the fold before. No formula is shorter than the list of what each holds. So each child
//! instance gets its intervals, now and before, and unions and differences are taken of those.

use super::crossing::{
    BESIDE, HELD, Holder, Sharing, SiteView, Sizes, Sorts, StepSizes, Table, Touch, Transition,
    WORKED,
};
use super::flows::{Crossing, Slot};
use crate::ir::{Footprint, Interval, Intervals, Refill};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

pub(super) type Indices = SmallVec<[u32; 6]>;

/// What the instances had and have in one step.
pub(super) struct Step<'a> {
    pub now: &'a [Holder],
    /// Per slot: the last step in which each child instance worked.
    pub held: &'a [Vec<Holder>],
    /// The instances that work in the very last of the steps before.
    pub last: &'a [Holder],
    /// With forwarding: what they worked on in the step before.
    pub beside: Option<&'a [Holder]>,
    pub touch: Touch<'a>,
}

/// One child instance's sets of one tensor.
struct Child {
    key: Indices,
    now: Intervals,
    /// What it held, and what of that a new tile can keep.
    before: Intervals,
    kept: Intervals,
    worked: Intervals,
    beside: Intervals,
}

impl Child {
    fn new_elements(&self) -> Intervals {
        minus(&self.now, &self.kept)
    }

    fn leaving(&self) -> Intervals {
        if self.now.is_empty() {
            return self.before.clone();
        }
        let stays = if self.kept.is_empty() {
            Intervals::empty()
        } else {
            self.now.clone()
        };
        minus(&self.before, &stays)
    }
}

impl Table {
    /// Counts one transition with sets. `None` when a set has too many pieces to be counted.
    pub fn count(
        &mut self,
        view: &SiteView,
        footprints: &[Footprint],
        step: &Step,
    ) -> Option<Transition> {
        let mut instances: BTreeMap<Indices, Sizes> = BTreeMap::new();
        let slots = &view.site.slots;
        let mut late = BTreeSet::new();
        for (number, slot) in slots.iter().enumerate() {
            let children = children(view, number, slot, &footprints[slot.tensor], step)?;
            let mut by_site: BTreeMap<Indices, Vec<&Child>> = BTreeMap::new();
            for child in &children {
                by_site
                    .entry(view.sharing.only(&child.key, 0..view.site.depth))
                    .or_default()
                    .push(child);
            }
            let mut found = if slot.is_result {
                if let Some(arrival) = view.arrival {
                    let tile = |members: &Vec<&Child>| union(members.iter().map(|c| &c.now));
                    let tiles = by_site.iter().map(|(key, all)| (key.clone(), tile(all)));
                    late = arrival.late(view.sharing, slot.above, &tiles.collect());
                }
                sums(view, slot, &children, &by_site, step.touch)
            } else {
                by_site
                    .iter()
                    .map(|(key, members)| (key.clone(), operand(view, slot, members)))
                    .collect()
            };
            for (key, sizes) in &mut instances {
                sizes.push(found.remove(key).unwrap_or_default());
            }
            for (key, sizes) in found {
                let mut all: Sizes = (0..number).map(|_| Default::default()).collect();
                all.push(sizes);
                instances.insert(key, all);
            }
        }
        let instances = instances.into_iter();
        Some(self.kinds(instances.map(|(key, sizes)| (sizes, late.contains(&key)))))
    }
}

/// The child instances of one slot, in the order of their places.
fn children(
    view: &SiteView,
    number: usize,
    slot: &Slot,
    footprint: &Footprint,
    step: &Step,
) -> Option<Vec<Child>> {
    let sharing = view.sharing;
    let wanted = tiles(view, slot, footprint, step.now.iter())?;
    let forced = |holders| Working::new(view, slot, holders);
    let working = forced(step.last);
    let held = step.held[number]
        .iter()
        .filter(|holder| !slot.is_result || !working.gives_up(&holder.indices, holder.idle));
    let mut before = tiles(view, slot, footprint, held)?;
    let last = match step.beside {
        Some(last) if !slot.is_result => tiles(view, slot, footprint, last.iter())?,
        _ => BTreeMap::new(),
    };
    let mut children: Vec<Child> = Vec::with_capacity(wanted.len());
    for (key, now) in wanted {
        let before = before.remove(&key).unwrap_or_default();
        let whole = slot.refill == Refill::Tile && before != now;
        let flushed = slot.is_result
            && view.flushed[number]
                .iter()
                .any(|(above, set)| set.contains(&sharing.only(&key, 0..*above)));
        let kept = if whole || flushed {
            Intervals::empty()
        } else {
            before.clone()
        };
        let mut pieces = SmallVec::new();
        if !last.is_empty() {
            for neighbour in sharing.neighbours(&key, slot) {
                if let Some(tile) = last.get(&neighbour) {
                    pieces.extend_from_slice(tile.parts());
                }
            }
        }
        children.push(Child {
            worked: last.get(&key).cloned().unwrap_or_default(),
            beside: Intervals::union_of(pieces),
            key,
            now,
            before,
            kept,
        });
    }
    if slot.is_result && view.listed && passes(view, slot, &children, &before) {
        return None;
    }
    if slot.is_result && view.onset != 0 {
        // Those that idle from here on give up what the memory above gives up.
        let working = forced(step.now);
        for (key, before) in before {
            if !working.gives_up(&key, view.onset) {
                continue;
            }
            children.push(Child {
                key,
                now: Intervals::empty(),
                before,
                kept: Intervals::empty(),
                worked: Intervals::empty(),
                beside: Intervals::empty(),
            });
        }
        children.sort_by(|a, b| a.key.cmp(&b.key));
    }
    Some(children)
}

/// Whether sums pass between instances, or an instance that idles keeps a part of what others have: that
/// depends on the other groups too.
fn passes(
    view: &SiteView,
    slot: &Slot,
    children: &[Child],
    idle: &BTreeMap<Indices, Intervals>,
) -> bool {
    // Whether an idle instance may keep its sums is for the memory above to say.
    if slot.waits && !idle.is_empty() {
        return true;
    }
    let parent = |key: &Indices| view.sharing.only(key, 0..slot.above);
    children.iter().any(|child| {
        let new = child.new_elements();
        let own = union([&child.now, &child.before].into_iter());
        let of_idle = idle
            .iter()
            .any(|(key, kept)| parent(key) == parent(&child.key) && own.common(kept) > 0);
        of_idle
            || children.iter().any(|other| {
                other.key != child.key
                    && parent(&other.key) == parent(&child.key)
                    && minus(&other.now, &minus(&other.now, &other.kept)).common(&new) > 0
            })
    })
}

/// Which instances of the memories above a boundary work in some step.
struct Working<'a> {
    memories: Vec<(usize, u32, BTreeSet<Indices>)>,
    sharing: &'a Sharing,
}

impl<'a> Working<'a> {
    fn new(view: &SiteView<'a>, slot: &Slot, holders: &[Holder]) -> Working<'a> {
        let own = view.forced.iter().filter(|forced| {
            slot.is_result && slot.crossing == Crossing::Boundary(forced.boundary)
        });
        let memories = own.map(|forced| {
            let keys = holders
                .iter()
                .map(|holder| view.sharing.only(&holder.indices, 0..forced.above));
            (forced.above, forced.loops, keys.collect())
        });
        Working {
            memories: memories.collect(),
            sharing: view.sharing,
        }
    }

    /// Whether an instance that idles in the loops `idle` gives up its sums: what the innermost memory
    /// above that goes on working does.
    fn gives_up(&self, indices: &[u32], idle: u32) -> bool {
        if idle == 0 {
            return false;
        }
        self.memories
            .iter()
            .find(|(above, _, keys)| keys.contains(&self.sharing.only(indices, 0..*above)))
            .is_some_and(|(_, set, _)| set & idle != 0)
    }
}

/// Per child instance the union of the footprints of everything below it.
fn tiles<'a>(
    view: &SiteView,
    slot: &Slot,
    footprint: &Footprint,
    holders: impl Iterator<Item = &'a Holder>,
) -> Option<BTreeMap<Indices, Intervals>> {
    let mut pieces: BTreeMap<Indices, SmallVec<[Interval; 8]>> = BTreeMap::new();
    for holder in holders {
        let key = view.sharing.only(&holder.indices, 0..slot.below);
        footprint.pieces(&holder.state, pieces.entry(key).or_default())?;
    }
    Some(
        pieces
            .into_iter()
            .map(|(key, pieces)| (key, Intervals::union_of(pieces)))
            .collect(),
    )
}

/// The children of one instance of the site by the classes that share a transfer.
fn classes<'a>(view: &SiteView, slot: &Slot, members: &[&'a Child]) -> Vec<Vec<&'a Child>> {
    let mut classes: BTreeMap<Indices, Vec<&Child>> = BTreeMap::new();
    for child in members {
        classes
            .entry(view.sharing.collector(&child.key, slot, view.site.depth))
            .or_default()
            .push(child);
    }
    classes.into_values().collect()
}

fn operand(view: &SiteView, slot: &Slot, members: &[&Child]) -> (StepSizes, Sorts) {
    let mut sizes = StepSizes::default();
    let mut sorts = Sorts::default();
    for child in members {
        sizes.tile_sum += child.now.len();
        sizes.tile = sizes.tile.max(child.now.len());
        sizes.reused_sum += child.now.common(&child.kept);
    }
    for class in classes(view, slot, members) {
        let needed = union(class.iter().map(|c| &c.now)).len();
        let new = union_owned(class.iter().map(|c| c.new_elements())).len();
        sizes.needed += needed;
        sizes.needed_reused += needed - new;
        if slot.forwards && view.site.depth < slot.below {
            sort_elements(&class, &mut sorts);
        }
    }
    (sizes, sorts.in_order())
}

/// The result's sizes, per instance of the site.
fn sums(
    view: &SiteView,
    slot: &Slot,
    children: &[Child],
    by_site: &BTreeMap<Indices, Vec<&Child>>,
    touch: Touch,
) -> BTreeMap<Indices, (StepSizes, Sorts)> {
    let done = |set: &Intervals| match touch {
        Touch::Alike { .. } => set.clone(),
        Touch::Steps {
            touches, before, ..
        } => touches.done_by(set, before),
    };
    let own: Vec<Intervals> = children.iter().map(|c| c.before.clone()).collect();
    let own_sole = sole(&own);
    // Instances of the site under one parent, in order: who comes first gets the sum.
    let mut met: BTreeMap<Indices, Intervals> = BTreeMap::new();
    let mut found = BTreeMap::new();
    let mut class_sets = Vec::new();
    let mut class_gone = Vec::new();
    let mut class_site = Vec::new();
    let mut site_sets = Vec::new();
    let mut site_gone = Vec::new();
    for (key, members) in by_site {
        let mut sizes = StepSizes::default();
        for child in members {
            sizes.tile_sum += child.now.len();
            sizes.tile = sizes.tile.max(child.now.len());
            sizes.reused_sum += child.now.common(&child.kept);
        }
        let parent = view.sharing.only(key, 0..slot.above);
        let before = met.entry(parent).or_default();
        let all = union(members.iter().map(|c| &c.now));
        let owned = minus(&all, before);
        let new = minus(
            &union_owned(members.iter().map(|c| c.new_elements())),
            before,
        );
        sizes.needed = owned.len();
        sizes.needed_reused = owned.len() - new.len();
        (sizes.first_touch, sizes.begun) = touch.begin(&owned);
        *before = union([&*before, &all].into_iter());
        for class in classes(view, slot, members) {
            let held = union(class.iter().map(|c| &c.before));
            let gone = union_owned(class.iter().map(|c| c.leaving()));
            sizes.prev_held += held.len();
            sizes.retained += held.len() - gone.len();
            class_sets.push(held);
            class_gone.push(gone);
            class_site.push(key.clone());
        }
        let held = union(members.iter().map(|c| &c.before));
        let gone = union_owned(members.iter().map(|c| c.leaving()));
        sizes.all_held = held.len();
        sizes.all_retained = held.len() - gone.len();
        site_sets.push(held);
        site_gone.push(gone);
        found.insert(key.clone(), (sizes, Sorts::default()));
    }
    for (child, sole) in children.iter().zip(&own_sole) {
        let key = view.sharing.only(&child.key, 0..view.site.depth);
        if let Some((sizes, _)) = found.get_mut(&key) {
            let done = done(sole);
            sizes.own_done += done.len();
            sizes.own_retained += minus(&done, &child.leaving()).len();
        }
    }
    for ((key, sole), gone) in class_site.iter().zip(&sole(&class_sets)).zip(&class_gone) {
        if let Some((sizes, _)) = found.get_mut(key) {
            let done = done(sole);
            sizes.done_held += done.len();
            sizes.done_retained += minus(&done, gone).len();
        }
    }
    for ((key, sole), gone) in by_site.keys().zip(&sole(&site_sets)).zip(&site_gone) {
        if let Some((sizes, _)) = found.get_mut(key) {
            let done = done(sole);
            sizes.all_done += done.len();
            sizes.all_done_retained += minus(&done, gone).len();
        }
    }
    found
}

/// What of each set no other set has.
pub(super) fn sole(sets: &[Intervals]) -> Vec<Intervals> {
    if let [one] = sets {
        return vec![one.clone()];
    }
    let mut events: Vec<(i64, i32)> = Vec::new();
    for set in sets {
        for part in set.parts() {
            events.push((part.lo, 1));
            events.push((part.hi, -1));
        }
    }
    events.sort_unstable();
    // Where exactly one set covers.
    let mut pieces: SmallVec<[Interval; 8]> = SmallVec::new();
    let (mut depth, mut last) = (0, 0i64);
    for (at, change) in events {
        if depth == 1 && at > last {
            pieces.push(Interval::new(last, at));
        }
        depth += change;
        last = at;
    }
    let single = Intervals::union_of(pieces);
    sets.iter()
        .map(|set| minus(set, &minus(set, &single)))
        .collect()
}

pub(super) fn union<'a>(sets: impl Iterator<Item = &'a Intervals>) -> Intervals {
    Intervals::union_of(sets.flat_map(|set| set.parts().iter().copied()).collect())
}

fn union_owned(sets: impl Iterator<Item = Intervals>) -> Intervals {
    let mut pieces: SmallVec<[Interval; 8]> = SmallVec::new();
    for set in sets {
        pieces.extend_from_slice(set.parts());
    }
    Intervals::union_of(pieces)
}

pub(super) fn minus(left: &Intervals, right: &Intervals) -> Intervals {
    let mut pieces: SmallVec<[Interval; 8]> = SmallVec::new();
    let mut at = 0;
    for part in left.parts() {
        let mut lo = part.lo;
        while at < right.parts().len() && right.parts()[at].hi <= lo {
            at += 1;
        }
        let mut next = at;
        while next < right.parts().len() && right.parts()[next].lo < part.hi {
            let hole = right.parts()[next];
            pieces.push(Interval::new(lo, hole.lo));
            lo = lo.max(hole.hi);
            next += 1;
        }
        pieces.push(Interval::new(lo, part.hi));
    }
    Intervals::union_of(pieces)
}

/// A run of elements that one instance needs, and its sort.
type Sorted = (Interval, u8);

/// What an instance needs, by sort, given what it held, worked on, and has beside it.
pub(super) fn sorted(
    now: &Intervals,
    held: &Intervals,
    worked: &Intervals,
    beside: &Intervals,
) -> SmallVec<[Sorted; 8]> {
    let mut edges: SmallVec<[i64; 16]> = SmallVec::new();
    for set in [now, held, worked, beside] {
        edges.extend(set.parts().iter().flat_map(|part| [part.lo, part.hi]));
    }
    edges.sort_unstable();
    edges.dedup();
    let has = |set: &Intervals, x: i64| {
        let after = set.parts().partition_point(|part| part.lo <= x);
        after > 0 && set.parts()[after - 1].hi > x
    };
    let mut runs = SmallVec::new();
    for pair in edges.windows(2) {
        if has(now, pair[0]) {
            let mut sort = 0;
            for (set, bit) in [(held, HELD), (worked, WORKED), (beside, BESIDE)] {
                if has(set, pair[0]) {
                    sort |= bit;
                }
            }
            runs.push((Interval::new(pair[0], pair[1]), sort));
        }
    }
    runs
}

/// Adds to `sorts` how many elements are needed by instances of which sorts.
fn sort_elements(members: &[&Child], sorts: &mut Sorts) {
    // Where a run of some sort begins and ends.
    let mut events: Vec<(i64, i32, u8)> = Vec::new();
    for member in members {
        for (run, sort) in sorted(&member.now, &member.kept, &member.worked, &member.beside) {
            sorts.add(1 << sort, 0, run.len());
            events.push((run.lo, 1, sort));
            events.push((run.hi, -1, sort));
        }
    }
    events.sort_unstable();
    let mut open = [0i32; 8];
    let mut last = 0i64;
    for (at, change, sort) in events {
        let bits = (0..8u8).fold(0u8, |bits, s| {
            bits | u8::from(open[usize::from(s)] > 0) << s
        });
        if bits != 0 && at > last {
            sorts.add(bits, (at - last) as u64, 0);
        }
        open[usize::from(sort)] += change;
        last = at;
    }
}
