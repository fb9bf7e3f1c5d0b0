//! What one group contributes to one crossing of one boundary.
//!
//! Problem: in one step every instance of the child memory gets a new tile. How many elements are new, how
//! many of them are wanted by several instances at once, how many does a neighbour have? A tile is a
//! product over groups, and so are "held before" and "held by every instance that wants it". So each group
//! reports a few sizes, the [`Cross`] of a tensor, and the sizes of the step are differences of products:
//!
//! ```text
//! new of the instances = prod sum_i |now_i|   - prod sum_i |now_i and held_i|
//! new over instances   = prod |union now_i|   - prod |{x : every instance that wants x held it}|
//! ```
//!
//! With forwarding an element is also at hand when a neighbour worked on it, which is no product: the
//! neighbour differs in one group. There each element of a group is sorted by what its instances have
//! (`held`, `worked on`, `beside`), and the step looks at all combinations of these sorts.

use super::Boundary;
use super::tiles::Footprint;
use crate::ir::{GroupLoop, GroupState, Interval, Intervals, Mapping, Refill};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// One instance below the boundary, in one group.
#[derive(Clone)]
pub(super) struct Holder {
    /// Index of the parent instance over the group's spatial loops above the parent.
    above: u64,
    /// Index of the child instance over those between parent and child.
    between: u64,
    pub state: GroupState,
}

impl Holder {
    /// The child instance; holders below it differ in nothing else.
    pub fn instance(&self) -> (u64, u64) {
        (self.above, self.between)
    }
}

/// Where a spatial loop lies with respect to a boundary.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Temporal,
    Above,
    Between {
        multicast: bool,
        reduction: bool,
        forwarding: bool,
    },
    Below,
}

/// The group's loops outside the boundary, and who shares a transfer over them.
pub(super) struct Sharing {
    loops: Vec<(Place, u64)>,
    /// The loops between, outermost first.
    between: SmallVec<[(u64, bool, bool, bool); 2]>,
    /// Some loop of any group outside the boundary forwards between neighbours.
    forwards: bool,
}

/// Whether some loop of any group outside the boundary forwards between neighbours.
pub(super) fn forwards(mapping: &Mapping, boundary: &Boundary) -> bool {
    let architecture = &mapping.architecture;
    let above = architecture.memories[boundary.parent].arrays_above;
    let below = architecture.memories[boundary.child].arrays_above;
    mapping.schedule.loops[..boundary.position].iter().any(|l| {
        l.instances() > 1
            && l.array().is_some_and(|array| {
                (above..below).contains(&array) && architecture.arrays[array].network.forwarding
            })
    })
}

impl Sharing {
    pub fn new(mapping: &Mapping, boundary: &Boundary, loops: &[GroupLoop]) -> Sharing {
        let architecture = &mapping.architecture;
        let above = architecture.memories[boundary.parent].arrays_above;
        let below = architecture.memories[boundary.child].arrays_above;
        let loops: Vec<(Place, u64)> = loops
            .iter()
            .map(|l| {
                let place = match l.array {
                    None => Place::Temporal,
                    Some(array) if array < above => Place::Above,
                    Some(array) if array >= below => Place::Below,
                    Some(array) => {
                        let network = &architecture.arrays[array].network;
                        Place::Between {
                            multicast: network.multicast,
                            reduction: network.reduction,
                            forwarding: network.forwarding,
                        }
                    }
                };
                (place, l.instances)
            })
            .collect();
        let between = loops
            .iter()
            .filter_map(|&(place, instances)| match place {
                Place::Between {
                    multicast,
                    reduction,
                    forwarding,
                } => Some((instances, multicast, reduction, forwarding)),
                _ => None,
            })
            .collect();
        let forwards = forwards(mapping, boundary);
        Sharing {
            loops,
            between,
            forwards,
        }
    }

    pub fn is_below(&self, depth: usize) -> bool {
        self.loops[depth].0 == Place::Below
    }

    pub fn forwards(&self) -> bool {
        self.forwards
    }

    /// The holders of all `states` after `depth` loops; sorted by instance.
    pub fn holders(&self, states: &[GroupState], depth: usize) -> Vec<Holder> {
        let mut holders: Vec<Holder> = states
            .iter()
            .enumerate()
            .map(|(combination, state)| {
                let mut rest = combination as u64;
                let mut digits: SmallVec<[u64; 4]> = SmallVec::new();
                for &(_, instances) in self.loops[..depth].iter().rev() {
                    digits.push(rest % instances);
                    rest /= instances;
                }
                let (mut above, mut between) = (0, 0);
                for (&(place, instances), digit) in self.loops.iter().zip(digits.iter().rev()) {
                    match place {
                        Place::Above => above = above * instances + digit,
                        Place::Between { .. } => between = between * instances + digit,
                        Place::Temporal | Place::Below => {}
                    }
                }
                Holder {
                    above,
                    between,
                    state: state.clone(),
                }
            })
            .collect();
        holders.sort_by_key(Holder::instance);
        holders
    }

    /// The holder at `index` of the loop `depth` below `holder`.
    pub fn placed(&self, holder: &Holder, depth: usize, index: u64, state: GroupState) -> Holder {
        let (place, instances) = self.loops[depth];
        let (mut above, mut between) = holder.instance();
        match place {
            Place::Above => above = above * instances + index,
            Place::Between { .. } => between = between * instances + index,
            Place::Temporal | Place::Below => {}
        }
        Holder {
            above,
            between,
            state,
        }
    }

    /// Instances with the same number share their transfers.
    fn collector(&self, mut between: u64, result: bool) -> u64 {
        let (mut collector, mut scale) = (0, 1);
        for &(instances, multicast, reduction, _) in self.between.iter().rev() {
            let shared = if result { reduction } else { multicast };
            if !shared {
                collector += between % instances * scale;
                scale *= instances;
            }
            between /= instances;
        }
        collector
    }

    /// Child instances one step away over a forwarding loop.
    fn neighbours(&self, between: u64) -> SmallVec<[u64; 4]> {
        let mut found = SmallVec::new();
        let mut scale = 1;
        for &(instances, _, _, forwarding) in self.between.iter().rev() {
            let digit = between / scale % instances;
            if forwarding {
                if digit > 0 {
                    found.push(between - scale);
                }
                if digit + 1 < instances {
                    found.push(between + scale);
                }
            }
            scale *= instances;
        }
        found
    }
}

/// Sizes of one tensor in one group at one transition, for one parent instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Cross {
    /// Sum over child instances of the tile, and of what of it was held before.
    pub tiles: u64,
    pub kept: u64,
    /// Largest tile of one child instance.
    pub tile: u64,
    /// Sum over collectors of the elements wanted, and of those that every instance that wants them held.
    pub wanted: u64,
    pub at_hand: u64,
    /// For the result: sum over collectors of the elements held before, and of those that stay everywhere.
    pub held: u64,
    pub staying: u64,
    /// For the result: elements that no step before had.
    pub fresh: u64,
    /// With forwarding: index into [`Table::sorts`]; 0 is empty.
    pub sorts: u32,
}

impl Cross {
    /// A group without loops, of `elements`: always held, and fresh in the very first step.
    pub fn whole(elements: u64) -> Cross {
        Cross {
            tiles: elements,
            kept: elements,
            tile: elements,
            wanted: elements,
            at_hand: elements,
            held: elements,
            staying: elements,
            fresh: elements,
            sorts: 0,
        }
    }

    /// The sizes of the product of two groups. They are at most the elements of the tensor times the
    /// number of PEs, which `Counter::new` has seen to fit.
    #[inline]
    pub fn times(&self, other: &Cross) -> Cross {
        Cross {
            tiles: self.tiles * other.tiles,
            kept: self.kept * other.kept,
            tile: self.tile,
            wanted: self.wanted * other.wanted,
            at_hand: self.at_hand * other.at_hand,
            held: self.held * other.held,
            staying: self.staying * other.staying,
            fresh: self.fresh * other.fresh,
            sorts: 0,
        }
    }
}

/// With forwarding: elements by the sorts of their instances (bit set over sorts), per collector and per
/// instance.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Sorts {
    pub shared: SmallVec<[(u8, u64); 4]>,
    pub alone: SmallVec<[(u8, u64); 4]>,
}

/// Per tensor of a boundary.
type Sizes = SmallVec<[(Cross, Sorts); 3]>;

/// Equal parent instances, and the place of their sizes in [`Table::crosses`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    /// How many parent instances.
    pub count: u64,
    first: u32,
}

/// A range of [`Table::variants`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Transition {
    first: u32,
    len: u32,
}

/// The transitions of one group, in flat lists.
pub(super) struct Table {
    variants: Vec<Variant>,
    crosses: Vec<Cross>,
    pub sorts: Vec<Sorts>,
    transitions: usize,
}

impl Transition {
    /// Of a boundary that lies outside.
    pub const NONE: Transition = Transition { first: 0, len: 0 };
}

impl Default for Table {
    fn default() -> Table {
        Table {
            variants: Vec::with_capacity(32),
            crosses: Vec::with_capacity(96),
            sorts: Vec::new(),
            transitions: 0,
        }
    }
}

impl Table {
    /// One kind of parent instance in every transition, and nothing from neighbours.
    pub fn is_simple(&self) -> bool {
        self.sorts.is_empty() && self.variants.len() == self.transitions
    }

    pub fn variants(&self, transition: Transition) -> &[Variant] {
        let first = transition.first as usize;
        &self.variants[first..first + transition.len as usize]
    }

    #[inline]
    pub fn cross(&self, variant: &Variant, slot: usize) -> &Cross {
        &self.crosses[variant.first as usize + slot]
    }

    /// Where the sizes of the next variant will lie.
    pub fn begin(&self) -> usize {
        self.crosses.len()
    }

    /// Forgets everything since `begin`.
    pub fn undo(&mut self, begin: usize) {
        self.crosses.truncate(begin);
    }

    pub fn push(&mut self, cross: Cross) {
        self.crosses.push(cross);
    }

    /// A transition with one kind of parent instance, whose sizes were pushed since `begin`.
    pub fn uniform(&mut self, begin: usize, count: u64) -> Transition {
        let first = self.variants.len() as u32;
        self.transitions += 1;
        self.variants.push(Variant {
            count,
            first: begin as u32,
        });
        Transition { first, len: 1 }
    }
}

/// Bits of a sort: the instance held the element, worked on it in the step before, and a neighbour did.
pub(super) const HELD: u8 = 1;
pub(super) const WORKED: u8 = 2;
pub(super) const BESIDE: u8 = 4;

/// Which elements of the result no step before had.
#[derive(Clone, Copy)]
pub(super) enum Fresh<'a> {
    None,
    All,
    /// So many, per parent instance (its number, the elements).
    Given(&'a [(u64, u64)]),
}

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
                if sorts != Sorts::default() {
                    if self.sorts.is_empty() {
                        self.sorts.push(Sorts::default());
                    }
                    cross.sorts = self.sorts.len() as u32;
                    self.sorts.push(sorts);
                }
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
    (cross, sorts)
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

/// What one instance wants, by sort.
fn sorted_elements(child: &Child) -> SmallVec<[Sorted; 8]> {
    let mut edges: SmallVec<[i64; 16]> = SmallVec::new();
    for set in [&child.now, &child.held, &child.worked, &child.beside] {
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
        if has(&child.now, pair[0]) {
            let mut sort = 0;
            for (set, bit) in [
                (&child.held, HELD),
                (&child.worked, WORKED),
                (&child.beside, BESIDE),
            ] {
                if has(set, pair[0]) {
                    sort |= bit;
                }
            }
            runs.push((Interval::new(pair[0], pair[1]), sort));
        }
    }
    runs
}

fn add_sort(sorts: &mut SmallVec<[(u8, u64); 4]>, bits: u8, count: u64) {
    match sorts.iter_mut().find(|(known, _)| *known == bits) {
        Some((_, sum)) => *sum += count,
        None => sorts.push((bits, count)),
    }
}

/// Adds to `sorts` how many elements are wanted by instances of which sorts.
fn sort_elements(members: &[&Child], sorts: &mut Sorts) {
    // Where a run of some sort begins and ends.
    let mut events: Vec<(i64, i32, u8)> = Vec::new();
    for member in members {
        for (run, sort) in sorted_elements(member) {
            add_sort(&mut sorts.alone, 1 << sort, run.len());
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
            add_sort(&mut sorts.shared, bits, (at - last) as u64);
        }
        open[usize::from(sort)] += change;
        last = at;
    }
    // The order of a list says nothing; equal lists shall be equal.
    sorts.shared.sort_unstable();
    sorts.alone.sort_unstable();
}
