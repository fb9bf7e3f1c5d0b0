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
use crate::ir::{GroupLoop, GroupState, Mapping};
use smallvec::SmallVec;

/// One instance below the boundary, in one group.
#[derive(Clone)]
pub(super) struct Holder {
    /// Index of the parent instance over the group's spatial loops above the parent.
    pub(super) above: u64,
    /// Index of the child instance over those between parent and child.
    pub(super) between: u64,
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
    pub(super) fn collector(&self, mut between: u64, result: bool) -> u64 {
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
    pub(super) fn neighbours(&self, between: u64) -> SmallVec<[u64; 4]> {
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
pub(super) type Sizes = SmallVec<[(Cross, Sorts); 3]>;

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

/// Equal parent instances, and the place of their sizes in [`Table::crosses`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    /// How many parent instances.
    pub count: u64,
    pub(super) first: u32,
}

/// A range of [`Table::variants`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Transition {
    pub(super) first: u32,
    pub(super) len: u32,
}

/// The transitions of one group, in flat lists.
pub(super) struct Table {
    pub(super) variants: Vec<Variant>,
    pub(super) crosses: Vec<Cross>,
    pub sorts: Vec<Sorts>,
    pub(super) transitions: usize,
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
