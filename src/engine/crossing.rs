//! What one group contributes to one step of one site.
//!
//! Problem: in one step every instance of the child memory gets a new tile. How many elements are new, how
//! many of them are needed by several instances at once, how many does a neighbour have? A tile is a
//! product over groups, and so are "held before" and "held by every instance that needs it". So each group
//! reports a few sizes, the [`StepSizes`] of a tensor, and the sizes of the step are differences of products
//! (`semantics.md` 2.7):
//!
//! ```text
//! new of the instances = prod sum_i |now_i|   - prod sum_i |now_i and held_i|
//! new over instances   = prod |union now_i|   - prod |{x : every instance that needs x held it}|
//! ```
//!
//! With forwarding an element is also at hand when a neighbour worked on it, which is no product: the
//! neighbour differs in one group. There each element of a group is sorted by what its instances have
//! (`held`, `worked on`, `beside`), and the step looks at all combinations of these sorts.

use super::flows::{Boundary, Site, Slot};
use super::late::{Arrival, Fresh};
use crate::ir::{GroupLoop, GroupState, Mapping};
use smallvec::SmallVec;

/// One instance of all arrays, in one group: its index in every spatial loop, and its windows.
#[derive(Clone)]
pub(super) struct Holder {
    /// Per loop of the group outside the position; 0 for temporal loops.
    pub indices: SmallVec<[u32; 6]>,
    pub state: GroupState,
    /// Loops of the group in whose last trips the instance was idle, as a set of their numbers.
    pub idle: u32,
}

/// The spatial loops of a group, and who shares a transfer over them.
pub(super) struct Sharing {
    pub loops: SmallVec<[SharingLoop; 6]>,
}

#[derive(Clone, Copy)]
pub(super) struct SharingLoop {
    pub instances: u64,
    /// `None` for temporal loops.
    pub array: Option<usize>,
    pub multicast: bool,
    pub reduction: bool,
    pub forwarding: bool,
}

/// Whether some loop of any group outside the boundary forwards between neighbours.
pub(super) fn forwards(mapping: &Mapping, boundary: &Boundary) -> bool {
    let arrays = &mapping.architecture.arrays;
    mapping.schedule.loops[..boundary.place].iter().any(|l| {
        l.instances() > 1
            && l.array().is_some_and(|array| {
                (boundary.above..boundary.below).contains(&array)
                    && arrays[array].network.forwarding
            })
    })
}

impl Sharing {
    pub fn new(mapping: &Mapping, loops: &[GroupLoop]) -> Sharing {
        let loops = loops
            .iter()
            .map(|l| {
                let network = l
                    .array
                    .map(|array| mapping.architecture.arrays[array].network);
                SharingLoop {
                    instances: l.instances,
                    array: l.array,
                    multicast: network.is_some_and(|n| n.multicast),
                    reduction: network.is_some_and(|n| n.reduction),
                    forwarding: network.is_some_and(|n| n.forwarding),
                }
            })
            .collect();
        Sharing { loops }
    }

    /// `indices` with only the loops over `arrays` kept.
    pub fn only(&self, indices: &[u32], arrays: std::ops::Range<usize>) -> SmallVec<[u32; 6]> {
        self.select(indices, |l| {
            l.array.is_some_and(|array| arrays.contains(&array))
        })
    }

    /// Instances with equal keys share their transfers at a site of `depth`.
    pub fn collector(&self, indices: &[u32], slot: &Slot, depth: usize) -> SmallVec<[u32; 6]> {
        self.select(indices, |l| {
            let shared = if slot.is_result {
                l.reduction
            } else {
                l.multicast
            };
            l.array
                .is_some_and(|array| array >= depth && array < slot.below && !shared)
        })
    }

    fn select(&self, indices: &[u32], keep: impl Fn(&SharingLoop) -> bool) -> SmallVec<[u32; 6]> {
        indices
            .iter()
            .zip(&self.loops)
            .map(|(&index, l)| if keep(l) { index } else { 0 })
            .collect()
    }

    /// Child instances one step away over a forwarding loop, in the order in which they are asked.
    pub fn neighbours(&self, indices: &[u32], slot: &Slot) -> SmallVec<[SmallVec<[u32; 6]>; 4]> {
        let mut found = SmallVec::new();
        for (at, l) in self.loops.iter().enumerate().take(indices.len()) {
            let between = l
                .array
                .is_some_and(|array| (slot.above..slot.below).contains(&array));
            if !between || !l.forwarding {
                continue;
            }
            let beside = [
                indices[at].checked_sub(1),
                (u64::from(indices[at]) + 1 < l.instances).then(|| indices[at] + 1),
            ];
            for index in beside.into_iter().flatten() {
                let mut other: SmallVec<[u32; 6]> = SmallVec::from_slice(indices);
                other[at] = index;
                found.push(other);
            }
        }
        found
    }
}

/// Sizes of one tensor in one group at one step of one site, for one instance of the site.
///
/// For the lanes: `needed` are the reads (operands) or deliveries (result) of the issues of a leaf tile,
/// `first_touch` the elements begun in it, `done_held` the deliveries that are complete by themselves,
/// `all_done` the elements that it completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct StepSizes {
    /// Sum over child instances of the tile, and of what of it was held before.
    pub tile_sum: u64,
    pub reused_sum: u64,
    /// Largest tile of one child instance.
    pub tile: u64,
    /// Operands: sum over the classes that share a transfer of the elements needed, and of those that every
    /// instance that needs them held. Result: elements of which the first instance under the parent lies
    /// here, and those of them held before.
    pub needed: u64,
    pub needed_reused: u64,
    /// Result: of `needed`, what no step before had; and what none had since the sums came into the memory of the
    /// [`Arrival`].
    pub first_touch: u64,
    pub begun: u64,
    /// Result: sum over classes of the elements held before, and of those that stay everywhere.
    pub prev_held: u64,
    pub retained: u64,
    /// Result: the same without regard to classes.
    pub all_held: u64,
    pub all_retained: u64,
    /// Result, if the step before was the last for its elements: of `prev_held` and `retained` those of
    /// which this class has the whole sum.
    pub done_held: u64,
    pub done_retained: u64,
    /// The same, summed over child instances.
    pub own_done: u64,
    pub own_retained: u64,
    /// The same, of the site as a whole.
    pub all_done: u64,
    pub all_done_retained: u64,
    /// With forwarding: index into [`Table::sorts`]; 0 is empty.
    pub sorts: u32,
}

macro_rules! fields {
    ($macro:ident) => {
        $macro!(
            tile_sum,
            reused_sum,
            needed,
            needed_reused,
            first_touch,
            begun,
            prev_held,
            retained,
            all_held,
            all_retained,
            done_held,
            done_retained,
            own_done,
            own_retained,
            all_done,
            all_done_retained
        )
    };
}

impl StepSizes {
    /// A group without loops, of `elements`: always held, always complete, and first met in the very first
    /// step.
    pub fn whole(elements: u64) -> StepSizes {
        macro_rules! all {
            ($($field:ident),*) => {
                StepSizes { tile: elements, sorts: 0, $($field: elements),* }
            };
        }
        fields!(all)
    }

    /// The sizes of the product of two groups. They are at most the elements of the tensor times the
    /// number of PEs, which `Counter::new` has seen to fit.
    #[inline]
    pub fn times(&self, other: &StepSizes) -> StepSizes {
        macro_rules! all {
            ($($field:ident),*) => {
                StepSizes {
                    tile: self.tile.wrapping_mul(other.tile),
                    sorts: 0,
                    $($field: self.$field.wrapping_mul(other.$field)),*
                }
            };
        }
        fields!(all)
    }
}

/// Numbers of elements by the sorts of their instances (bit set over sorts).
pub(super) type Elements = SmallVec<[(u8, u64); 4]>;

/// With forwarding: elements by sorts, per class and per instance.
#[derive(Clone, Debug, PartialEq, Eq, Default, PartialOrd, Ord)]
pub(super) struct Sorts {
    pub shared: Elements,
    pub alone: Elements,
}

/// Per slot of a site.
pub(super) type Sizes = SmallVec<[(StepSizes, Sorts); 3]>;

impl Sorts {
    /// Adds elements of one sort, or set of sorts.
    pub fn add(&mut self, bits: u8, shared: u64, alone: u64) {
        for (list, count) in [(&mut self.shared, shared), (&mut self.alone, alone)] {
            match list.iter_mut().find(|(known, _)| *known == bits) {
                Some((_, sum)) => *sum += count,
                None if count > 0 => list.push((bits, count)),
                None => {}
            }
        }
    }

    /// The order of a list says nothing; equal lists shall be equal.
    pub fn in_order(mut self) -> Sorts {
        self.shared.sort_unstable();
        self.alone.sort_unstable();
        self
    }
}

/// Equal instances of the site, and the place of their sizes in [`Table::sizes`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    /// How many instances.
    pub count: u64,
    pub(super) first: u32,
    /// Some element of it may come from neighbours.
    pub(super) sorted: bool,
    /// No sum of the memory above the array reaches them.
    pub(super) late: bool,
}

/// A range of [`Table::variants`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transition {
    pub(super) first: u32,
    pub(super) len: u32,
}

/// The transitions of one group, in flat lists.
pub(super) struct Table {
    pub(super) variants: Vec<Variant>,
    pub(super) sizes: Vec<StepSizes>,
    pub sorts: Vec<Sorts>,
}

impl Transition {
    /// Of a site that lies outside.
    pub const NONE: Transition = Transition { first: 0, len: 0 };
}

impl Default for Table {
    fn default() -> Table {
        Table {
            variants: Vec::with_capacity(32),
            sizes: Vec::with_capacity(96),
            sorts: Vec::new(),
        }
    }
}

impl Table {
    pub fn variants(&self, transition: Transition) -> &[Variant] {
        let first = transition.first as usize;
        &self.variants[first..first + transition.len as usize]
    }

    #[inline]
    pub fn sizes(&self, variant: &Variant, slot: usize) -> &StepSizes {
        &self.sizes[variant.first as usize + slot]
    }

    /// Keeps `sorts`; its index, 0 when it is empty.
    pub fn keep(&mut self, sorts: Sorts) -> u32 {
        if sorts == Sorts::default() {
            return 0;
        }
        if self.sorts.is_empty() {
            self.sorts.push(Sorts::default());
        }
        self.sorts.push(sorts);
        self.sorts.len() as u32 - 1
    }

    /// Where the sizes of the next variant will lie.
    pub fn begin(&self) -> usize {
        self.sizes.len()
    }

    /// Forgets everything since `begin`.
    pub fn undo(&mut self, begin: usize) {
        self.sizes.truncate(begin);
    }

    pub fn push(&mut self, sizes: StepSizes) {
        self.sizes.push(sizes);
    }

    /// A transition with one kind of instance, whose sizes were pushed since `begin`.
    pub fn uniform(&mut self, begin: usize, count: u64) -> Transition {
        let first = self.variants.len() as u32;
        self.variants.push(Variant {
            count,
            first: begin as u32,
            sorted: self.sizes[begin..].iter().any(|sizes| sizes.sorts != 0),
            late: false,
        });
        Transition { first, len: 1 }
    }

    /// A transition of instances with the given sizes; and whether they are late.
    pub fn kinds(&mut self, instances: impl Iterator<Item = (Sizes, bool)>) -> Transition {
        self.sorted_out(instances.map(|(sizes, late)| (sizes, 1, late)))
    }

    /// A transition of so many instances of each of the given sizes.
    pub fn counted(&mut self, instances: impl Iterator<Item = (Sizes, u64)>) -> Transition {
        self.sorted_out(instances.map(|(sizes, count)| (sizes, count, false)))
    }

    fn sorted_out(&mut self, instances: impl Iterator<Item = (Sizes, u64, bool)>) -> Transition {
        let mut kinds: SmallVec<[(u64, Sizes, bool); 2]> = SmallVec::new();
        for (sizes, more, late) in instances {
            match kinds.iter_mut().find(|(_, known, _)| *known == sizes) {
                // With equal operands the one that is handed a sum is the busiest.
                Some((count, _, all)) => (*count, *all) = (*count + more, *all && late),
                None => kinds.push((more, sizes, late)),
            }
        }
        let first = self.variants.len() as u32;
        let len = kinds.len() as u32;
        for (count, slots, late) in kinds {
            let begin = self.sizes.len();
            let mut sorted = false;
            for (mut sizes, sorts) in slots {
                sizes.sorts = self.keep(sorts);
                sorted |= sizes.sorts != 0;
                self.sizes.push(sizes);
            }
            self.variants.push(Variant {
                count,
                first: begin as u32,
                sorted,
                late,
            });
        }
        Transition { first, len }
    }
}

/// Bits of a sort: the instance held the element, worked on it in the step before, and a neighbour did.
pub(super) const HELD: u8 = 1;
pub(super) const WORKED: u8 = 2;
pub(super) const BESIDE: u8 = 4;

/// When the elements of the result are first and last touched.
#[derive(Clone, Copy)]
pub(super) enum Touch<'a> {
    /// All elements alike: whether sums begin in this step; whether the one before was the last is
    /// said by the class.
    Alike { fresh: Fresh },
    /// Element by element, by the numbers of the group's own steps.
    Steps {
        touches: &'a Touches,
        now: u32,
        before: u32,
    },
}

/// First and last step that touches each element of the result, of one group.
#[derive(Clone, Debug, Default)]
pub(super) struct Touches {
    /// Sorted by element.
    pub elements: Vec<Touched>,
}

/// One element of the result in one group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touched {
    pub element: i64,
    /// First and last step.
    pub first: u32,
    pub last: u32,
    /// Points of the group that make it.
    pub points: u64,
}

impl Touch<'_> {
    /// How many sums of `set` begin: ever, and since they came into the memory of the [`Arrival`] (which is not
    /// looked at where elements are touched one by one).
    pub fn begin(&self, set: &crate::ir::Intervals) -> (u64, u64) {
        match self {
            Touch::Alike { fresh } => (
                set.len() * u64::from(fresh.ever),
                set.len() * u64::from(fresh.here),
            ),
            Touch::Steps { touches, now, .. } => {
                let first = touches.first_in(set, *now);
                (first, first)
            }
        }
    }
}

impl Touches {
    pub fn of(&self, element: i64) -> Option<&Touched> {
        let at = self
            .elements
            .binary_search_by_key(&element, |entry| entry.element);
        at.ok().map(|at| &self.elements[at])
    }

    /// Of `set`, how many are touched first in step `now`.
    pub fn first_in(&self, set: &crate::ir::Intervals, now: u32) -> u64 {
        elements(set)
            .filter(|&x| self.of(x).is_some_and(|t| t.first == now))
            .count() as u64
    }

    /// Of `set`, what is not touched after step `before`.
    pub fn done_by(&self, set: &crate::ir::Intervals, before: u32) -> crate::ir::Intervals {
        let done = elements(set).filter(|&x| self.of(x).is_some_and(|t| t.last <= before));
        crate::ir::Intervals::union_of(done.map(|x| crate::ir::Interval::new(x, x + 1)).collect())
    }
}

fn elements(set: &crate::ir::Intervals) -> impl Iterator<Item = i64> + '_ {
    set.parts().iter().flat_map(|part| part.lo..part.hi)
}

/// The instances below some number of arrays whose sums all leave.
pub(super) type Flushed = (usize, std::collections::BTreeSet<SmallVec<[u32; 6]>>);

/// What counting a transition with sets needs of its site.
pub(super) struct SiteView<'a> {
    pub site: &'a Site,
    pub sharing: &'a Sharing,
    pub arrival: Option<&'a Arrival>,
    /// Where instances that idle give up their sums.
    pub forced: &'a [super::forced::Forced],
    /// Per slot: instances whose sums all leave, because a memory above refills a whole tile: the arrays
    /// above that memory, and its instances.
    pub flushed: &'a [Vec<Flushed>],
    /// The loop that advances, as a set, if one of this group does: instances that idle from here on.
    pub onset: u32,
    /// The steps are listed one by one, and there are several instances: where sums pass between them is
    /// not counted here.
    pub listed: bool,
}
