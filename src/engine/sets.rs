//! Transitions counted with explicit sets, one per instance.
//!
//! Problem: in a clipped fold two PEs hold five rows each, the third holds two, and the fourth still has its
//! last ones from the fold before. No formula is shorter than the list of what each holds. So each child
//! instance gets its intervals, now and before, and unions and differences are taken of those.

use super::Boundary;
use super::crossing::{
    BESIDE, Cross, Fresh, HELD, Holder, Sharing, Sizes, Sorts, Table, Transition, Variant, WORKED,
};
use crate::ir::{Footprint, Interval, Intervals, Mapping, Refill};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// One child instance's sets of one tensor.
struct Child {
    above: u64,
    between: u64,
    now: Intervals,
    held: Intervals,
    worked: Intervals,
    beside: Intervals,
}

impl Table {
    /// Counts one transition with sets. `None` when a set has too many pieces to be counted.
    #[allow(clippy::too_many_arguments)]
    pub fn count(
        &mut self,
        mapping: &Mapping,
        boundary: &Boundary,
        sharing: &Sharing,
        footprints: &[Footprint],
        now: Vec<Holder>,
        held: Vec<Holder>,
        beside: Option<Vec<Holder>>,
        fresh: Fresh,
    ) -> Option<Transition> {
        let refill = mapping.architecture.memories[boundary.child].refill;
        let result = mapping.operation.result();
        let mut parents: Vec<Sizes> = Vec::new();
        for &tensor in &boundary.tensors {
            let footprint = &footprints[tensor];
            let is_result = tensor == result;
            let wanted = tiles(footprint, &now)?;
            let before = tiles(footprint, &held)?;
            let last = match &beside {
                Some(last) if !is_result => tiles(footprint, last)?,
                _ => Vec::new(),
            };
            let find = |list: &[(u64, u64, Intervals)], above: u64, between: u64| {
                list.binary_search_by_key(&(above, between), |entry| (entry.0, entry.1))
                    .ok()
                    .map(|at| list[at].2.clone())
                    .unwrap_or_default()
            };
            let children: Vec<Child> = wanted
                .into_iter()
                .map(|(above, between, now)| {
                    let mut held = find(&before, above, between);
                    if refill == Refill::Tile && held != now {
                        held = Intervals::empty();
                    }
                    let mut pieces = SmallVec::new();
                    if !last.is_empty() {
                        for neighbour in sharing.neighbours(between) {
                            pieces.extend_from_slice(find(&last, above, neighbour).parts());
                        }
                    }
                    Child {
                        above,
                        between,
                        now,
                        held,
                        worked: find(&last, above, between),
                        beside: Intervals::union_of(pieces),
                    }
                })
                .collect();
            // What leaves: for `Refill: tile` the whole old tile.
            let leaving: Vec<(u64, u64, Intervals)> = if is_result { before } else { Vec::new() };
            let mut begin = 0;
            let mut parent = 0;
            while begin < children.len() {
                let above = children[begin].above;
                let end = begin
                    + children[begin..]
                        .iter()
                        .take_while(|c| c.above == above)
                        .count();
                let cross = cross(
                    sharing,
                    &children[begin..end],
                    &leaving,
                    is_result,
                    beside.is_some(),
                    fresh,
                );
                if parents.len() == parent {
                    parents.push(SmallVec::new());
                }
                parents[parent].push(cross);
                parent += 1;
                begin = end;
            }
        }
        let mut kinds: Vec<(u64, Sizes)> = Vec::new();
        for tensors in parents {
            match kinds.iter_mut().find(|(_, known)| *known == tensors) {
                Some((count, _)) => *count += 1,
                None => kinds.push((1, tensors)),
            }
        }
        let first = self.variants.len() as u32;
        self.transitions += 1;
        let len = kinds.len() as u32;
        for (count, tensors) in kinds {
            self.variants.push(Variant {
                count,
                first: self.crosses.len() as u32,
            });
            for (mut cross, sorts) in tensors {
                cross.sorts = self.keep(sorts);
                self.crosses.push(cross);
            }
        }
        Some(Transition { first, len })
    }
}

/// The elements of the result met so far, in the order of the steps.
pub(super) struct Seen {
    /// Per parent instance and collector.
    together: BTreeMap<(u64, u64), Intervals>,
    /// Per child instance.
    alone: BTreeMap<(u64, u64), Intervals>,
}

impl Seen {
    pub fn new() -> Seen {
        Seen {
            together: BTreeMap::new(),
            alone: BTreeMap::new(),
        }
    }

    /// Meets what `holders` have; returns how many elements are new, per parent instance. `None` when a set
    /// has too many pieces.
    pub fn meet(
        &mut self,
        sharing: &Sharing,
        footprint: &Footprint,
        holders: &[Holder],
    ) -> Option<Vec<(u64, u64)>> {
        let mut fresh: Vec<(u64, u64)> = Vec::new();
        for (above, between, tile) in tiles(footprint, holders)? {
            let collector = sharing.collector(between, true);
            let known = self.together.entry((above, collector)).or_default();
            let all = union([&*known, &tile].into_iter());
            let new = all.len() - known.len();
            *known = all;
            match fresh.last_mut() {
                Some((last, count)) if *last == above => *count += new,
                _ => fresh.push((above, new)),
            }
            let own = self.alone.entry((above, between)).or_default();
            *own = union([&*own, &tile].into_iter());
        }
        Some(fresh)
    }

    /// Distinct elements, summed over child instances.
    pub fn alone(&self) -> u64 {
        self.alone.values().map(Intervals::len).sum()
    }
}

/// Per child instance, in order, the union of the footprints of everything below it.
fn tiles(footprint: &Footprint, holders: &[Holder]) -> Option<Vec<(u64, u64, Intervals)>> {
    let mut tiles = Vec::new();
    let mut begin = 0;
    while begin < holders.len() {
        let instance = holders[begin].instance();
        let mut pieces = SmallVec::new();
        let mut end = begin;
        while end < holders.len() && holders[end].instance() == instance {
            footprint.pieces(&holders[end].state, &mut pieces)?;
            end += 1;
        }
        tiles.push((instance.0, instance.1, Intervals::union_of(pieces)));
        begin = end;
    }
    Some(tiles)
}

fn cross(
    sharing: &Sharing,
    children: &[Child],
    leaving: &[(u64, u64, Intervals)],
    is_result: bool,
    forwards: bool,
    fresh: Fresh,
) -> (Cross, Sorts) {
    let mut cross = Cross::default();
    let mut sorts = Sorts::default();
    let mut collectors: Vec<(u64, Vec<&Child>)> = Vec::new();
    if let (Fresh::Given(counts), Some(child)) = (fresh, children.first()) {
        let own = counts.iter().filter(|(above, _)| *above == child.above);
        cross.fresh = own.map(|(_, count)| count).sum();
    }
    for child in children {
        cross.tiles += child.now.len();
        cross.tile = cross.tile.max(child.now.len());
        cross.kept += child.now.common(&child.held);
        let collector = sharing.collector(child.between, is_result);
        match collectors
            .iter_mut()
            .find(|(number, _)| *number == collector)
        {
            Some((_, members)) => members.push(child),
            None => collectors.push((collector, vec![child])),
        }
    }
    for (_, members) in &collectors {
        let wanted = union(members.iter().map(|c| &c.now)).len();
        cross.wanted += wanted;
        if forwards && !is_result {
            sort_elements(members, &mut sorts);
        }
        let new = members.iter().map(|c| minus(&c.now, &c.held));
        cross.at_hand += wanted - union_owned(new).len();
        if is_result {
            let before = |c: &Child| {
                leaving
                    .binary_search_by_key(&(c.above, c.between), |entry| (entry.0, entry.1))
                    .ok()
                    .map(|at| leaving[at].2.clone())
                    .unwrap_or_default()
            };
            let all = union_owned(members.iter().map(|c| before(c)));
            // `held` is empty where a tile is refilled whole, so that all of the old tile leaves.
            let gone = members.iter().map(|c| {
                let stays = if c.held.is_empty() {
                    Intervals::empty()
                } else {
                    c.now.clone()
                };
                minus(&before(c), &stays)
            });
            cross.held += all.len();
            cross.staying += all.len() - union_owned(gone).len();
            if matches!(fresh, Fresh::All) {
                cross.fresh += wanted;
            }
        }
    }
    (cross, sorts.in_order())
}

fn union<'a>(sets: impl Iterator<Item = &'a Intervals>) -> Intervals {
    Intervals::union_of(sets.flat_map(|set| set.parts().iter().copied()).collect())
}

fn union_owned(sets: impl Iterator<Item = Intervals>) -> Intervals {
    let mut pieces: SmallVec<[Interval; 8]> = SmallVec::new();
    for set in sets {
        pieces.extend_from_slice(set.parts());
    }
    Intervals::union_of(pieces)
}

fn minus(left: &Intervals, right: &Intervals) -> Intervals {
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

/// A run of elements that one instance wants, and its sort.
type Sorted = (Interval, u8);

/// What an instance wants, by sort, given what it held, worked on, and has beside it.
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

/// Adds to `sorts` how many elements are wanted by instances of which sorts.
fn sort_elements(members: &[&Child], sorts: &mut Sorts) {
    // Where a run of some sort begins and ends.
    let mut events: Vec<(i64, i32, u8)> = Vec::new();
    for member in members {
        for (run, sort) in sorted(&member.now, &member.held, &member.worked, &member.beside) {
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
