//! The steps of one group's own loops, and what every instance touches in each.
//!
//! Problem: a tile is a product over groups of sets like `rows 3, 4, 5`, and the execution compares tiles
//! all the time. So each tensor's elements in the group are cut into *atoms*, runs that no window takes
//! apart: 64 channels that always move together are one. A set is a list of atoms with a number, and equal
//! sets have equal numbers.
//!
//! Invariants: a window in which no instance works is no step; windows that are left out are counted by the
//! weight of one that stays; the leaves below a node lie together.

use super::MOST_STEPS;
use super::shorten::Cut;
use crate::base::limits;
use crate::engine::EngineLimit;
use crate::engine::plan::Plan;
use crate::ir::{GroupLoop, GroupLoops, GroupState, Interval, Intervals};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::ops::Range;

/// Windows of a loop that are kept before the one that stands for others.
const KEPT_BEFORE: u64 = 2;

pub(super) struct Node {
    /// Number among those after the same number of loops.
    pub number: usize,
    /// What the next loop leads to, and how often each counts.
    pub children: Vec<(u32, u64)>,
    pub leaves: Range<usize>,
}

/// One step of the group.
pub(super) struct Leaf {
    /// One per instance.
    pub states: Vec<GroupState>,
    /// Loops whose window here counts several times, as indices into the schedule's, and how often.
    weights: SmallVec<[(usize, u64); 2]>,
}

impl Leaf {
    /// How often the step counts.
    pub fn weight(&self) -> u128 {
        self.weights.iter().map(|w| u128::from(w.1)).product()
    }
}

/// The sets of one tensor's elements in the group that occur.
pub(super) struct Sets {
    atoms: Vec<Interval>,
    /// Per set: its atoms in order, and as bits. Set 0 is empty.
    pub lists: Vec<Vec<u32>>,
    pub masks: Vec<Vec<u64>>,
    known: HashMap<Vec<u32>, u32>,
    /// Elements of each atom, by place: seen from outside a loop a window counts for those it stands for.
    pub sizes: Vec<Vec<u64>>,
    /// The same of each set.
    set_sizes: Vec<Vec<u64>>,
}

pub(super) struct Tree {
    pub loops: GroupLoops,
    pub nodes: Vec<Node>,
    /// Nodes after so many loops.
    pub widths: Vec<usize>,
    pub leaves: Vec<Leaf>,
    /// Per tensor.
    pub sets: Vec<Sets>,
}

/// What the instances below some number of arrays do at every node after some number of loops.
pub(super) struct View {
    pub depth: usize,
    pub keys: usize,
    tensors: usize,
    /// By node and instance: whether it works, and then per tensor the number of its set.
    works: Vec<bool>,
    sets: Vec<u32>,
}

impl View {
    #[inline]
    pub fn works(&self, node: usize, key: usize) -> bool {
        self.works[node * self.keys + key]
    }

    #[inline]
    pub fn set(&self, node: usize, key: usize, tensor: usize) -> u32 {
        self.sets[(node * self.keys + key) * self.tensors + tensor]
    }
}

impl Tree {
    /// Lists the steps. `loops`: those of the group before the leaf.
    pub fn new(
        plan: &Plan,
        loops: GroupLoops,
        cuts: &[&Cut],
        places: &[usize],
    ) -> Result<Tree, EngineLimit> {
        let mut tree = Tree {
            widths: vec![0; loops.len() + 1],
            loops,
            nodes: Vec::new(),
            leaves: Vec::new(),
            sets: Vec::new(),
        };
        tree.narrow_instances(plan);
        let mut walk = Walk {
            plan,
            cuts,
            weights: SmallVec::new(),
            work: 0,
        };
        walk.from(&mut tree, vec![plan.group.whole()], 0)?;
        for tensor in 0..plan.footprints.len() {
            let sets = Sets::new(plan, tensor, &tree, cuts, places)?;
            tree.sets.push(sets);
        }
        Ok(tree)
    }

    /// An array is no larger than the windows of its loop.
    fn narrow_instances(&mut self, plan: &Plan) {
        let whole = plan.group.whole();
        for l in &mut self.loops {
            // No piece is larger than the whole.
            let reach = plan.group.windows_in(&whole, l).max(1);
            l.instances = l.instances.min(reach);
        }
    }

    /// Loops of the group outside `place`.
    pub fn depth_at(&self, place: usize) -> usize {
        self.loops.iter().take_while(|l| l.index < place).count()
    }

    /// How many nodes there are after `depth` loops, by their weights.
    pub fn weight_at(&self, depth: usize) -> u128 {
        let mut level: Vec<(u32, u128)> = vec![(0, 1)];
        for _ in 0..depth {
            level = level
                .iter()
                .flat_map(|&(node, times)| {
                    let children = self.nodes[node as usize].children.iter();
                    children.map(move |&(child, weight)| (child, times * u128::from(weight)))
                })
                .collect();
        }
        level.iter().map(|node| node.1).sum()
    }

    pub fn instances(&self) -> usize {
        self.loops.iter().map(|l| l.instances as usize).product()
    }

    /// Number of every instance when only its loops over the first `below` arrays count, and how many
    /// numbers there are.
    fn keys(&self, below: usize) -> (usize, Vec<usize>) {
        let mut keys = vec![0usize];
        let mut count = 1;
        for l in &self.loops {
            let instances = l.instances as usize;
            let counts = l.array.is_some_and(|array| array < below);
            if counts {
                count *= instances;
            }
            keys = keys
                .iter()
                .flat_map(|&key| {
                    (0..instances).map(move |i| if counts { key * instances + i } else { key })
                })
                .collect();
        }
        (count, keys)
    }

    /// Number of every instance when only its loops over arrays from `from` on that do not join count.
    pub fn apart(&self, from: usize, joins: &dyn Fn(usize) -> bool) -> Vec<usize> {
        let mut numbers = vec![0usize];
        for l in &self.loops {
            let instances = l.instances as usize;
            let counts = l.array.is_some_and(|array| array >= from && !joins(array));
            numbers = numbers
                .iter()
                .flat_map(|&number| {
                    (0..instances).map(move |i| {
                        if counts {
                            number * instances + i
                        } else {
                            number
                        }
                    })
                })
                .collect();
        }
        numbers
    }

    /// The leaf states of the instances below each of the `below` arrays' instances, without idle ones.
    pub fn below(&self, leaf: usize, below: usize) -> Vec<Vec<(usize, &GroupState)>> {
        let (count, keys) = self.keys(below);
        let mut found = vec![Vec::new(); count];
        for (instance, state) in self.leaves[leaf].states.iter().enumerate() {
            if !state.is_empty() {
                found[keys[instance]].push((instance, state));
            }
        }
        found
    }

    /// What the instances below `below` arrays do at the nodes after `depth` loops.
    pub fn view(&mut self, plan: &Plan, depth: usize, below: usize) -> Result<View, EngineLimit> {
        let tensors = plan.footprints.len();
        let (count, keys) = self.keys(below);
        let nodes = self.widths[depth];
        let mut view = View {
            depth,
            keys: count,
            tensors,
            works: vec![false; nodes * count],
            sets: vec![0; nodes * count * tensors],
        };
        let ranges: Vec<Range<usize>> = self.at(depth).map(|n| n.leaves.clone()).collect();
        for (number, leaves) in ranges.into_iter().enumerate() {
            for leaf in leaves.clone() {
                for (instance, state) in self.leaves[leaf].states.iter().enumerate() {
                    if !state.is_empty() {
                        view.works[number * count + keys[instance]] = true;
                    }
                }
            }
            for tensor in 0..tensors {
                let mut pieces: Vec<SmallVec<[Interval; 8]>> = vec![SmallVec::new(); count];
                for leaf in leaves.clone() {
                    for (instance, state) in self.leaves[leaf].states.iter().enumerate() {
                        plan.footprints[tensor]
                            .pieces(state, &mut pieces[keys[instance]])
                            .ok_or(EngineLimit::TooManyClasses)?;
                    }
                }
                for (key, pieces) in pieces.into_iter().enumerate() {
                    let at = (number * count + key) * tensors + tensor;
                    view.sets[at] = self.sets[tensor].number(&Intervals::union_of(pieces));
                }
            }
        }
        Ok(view)
    }

    fn at(&self, depth: usize) -> impl Iterator<Item = &Node> {
        // Nodes are numbered within their depth in the order of the list.
        let mut found: Vec<&Node> = Vec::with_capacity(self.widths[depth]);
        let mut level = vec![0u32];
        for _ in 0..depth {
            level = level
                .iter()
                .flat_map(|&node| self.nodes[node as usize].children.iter().map(|c| c.0))
                .collect();
        }
        found.extend(level.iter().map(|&node| &self.nodes[node as usize]));
        found.into_iter()
    }
}

impl Tree {
    /// How many of the instances below `view`'s work on each atom of its sets, by leaf and instance; `view`
    /// is one of the leaves.
    pub fn visits(&self, plan: &Plan, tensor: usize, view: &View, below: usize) -> Vec<Vec<u32>> {
        let mut counts = Vec::with_capacity(self.leaves.len() * view.keys);
        for leaf in 0..self.leaves.len() {
            for (key, lanes) in self.below(leaf, below).into_iter().enumerate() {
                let sets = &self.sets[tensor];
                let list = &sets.lists[view.set(leaf, key, tensor) as usize];
                let mut own = vec![0u32; list.len()];
                for (_, state) in lanes {
                    let mut pieces = SmallVec::new();
                    // The same pieces were listed before.
                    let _ = plan.footprints[tensor].pieces(state, &mut pieces);
                    for atom in sets.cover(&Intervals::union_of(pieces)) {
                        if let Ok(at) = list.binary_search(&atom) {
                            own[at] += 1;
                        }
                    }
                }
                counts.push(own);
            }
        }
        counts
    }
}

struct Walk<'a> {
    plan: &'a Plan,
    cuts: &'a [&'a Cut],
    weights: SmallVec<[(usize, u64); 2]>,
    work: u64,
}

impl Walk<'_> {
    /// Lists what lies inside the first `depth` loops; `None` when nothing is done there.
    fn from(
        &mut self,
        tree: &mut Tree,
        states: Vec<GroupState>,
        depth: usize,
    ) -> Result<Option<u32>, EngineLimit> {
        self.work = self.work.saturating_add(states.len() as u64);
        if self.work > MOST_STEPS / 8 {
            return Err(EngineLimit::TooManySteps);
        }
        let group = &self.plan.group;
        let first_leaf = tree.leaves.len();
        let Some(l) = tree.loops.get(depth).cloned() else {
            let mut states = states;
            // Loops of the level that lie inside the leaf tile end it.
            states.iter_mut().for_each(|state| group.end_level(state));
            if states.iter().all(GroupState::is_empty) {
                return Ok(None);
            }
            let node = tree.nodes.len() as u32;
            tree.leaves.push(Leaf {
                states,
                weights: self.weights.clone(),
            });
            tree.nodes.push(Node {
                number: tree.widths[depth],
                children: Vec::new(),
                leaves: first_leaf..first_leaf + 1,
            });
            tree.widths[depth] += 1;
            return Ok(Some(node));
        };
        let reach = states.iter().map(|state| group.windows_in(state, &l));
        let trips = reach.max().unwrap_or(0).div_ceil(l.instances);
        let node = tree.nodes.len();
        let number = tree.widths[depth];
        tree.widths[depth] += 1;
        tree.nodes.push(Node {
            number,
            children: Vec::new(),
            leaves: first_leaf..first_leaf,
        });
        let mut children = Vec::new();
        for (trip, weight) in self.kept(&l, &states, trips) {
            let pieces = (states.len() as u64).saturating_mul(l.instances);
            if self.work.saturating_add(pieces) > MOST_STEPS / 8 {
                return Err(EngineLimit::TooManySteps);
            }
            limits::spend(pieces)?;
            let mut inner = Vec::with_capacity(states.len() * l.instances as usize);
            for state in &states {
                for instance in 0..l.instances {
                    inner.push(group.step(state, &l, trip * l.instances + instance));
                }
            }
            if weight > 1 {
                self.weights.push((l.index, weight));
            }
            let child = self.from(tree, inner, depth + 1)?;
            if weight > 1 {
                self.weights.pop();
            }
            children.extend(child.map(|child| (child, weight)));
        }
        if children.is_empty() {
            tree.nodes.truncate(node);
            tree.widths[depth] -= 1;
            return Ok(None);
        }
        tree.nodes[node].leaves.end = tree.leaves.len();
        tree.nodes[node].children = children;
        Ok(Some(node as u32))
    }

    /// The trips of a loop that are listed, and how often each counts.
    ///
    /// Trips are alike where every instance has a whole piece in them and in those beside them, or none in any. `K` by 1
    /// over two instances and 23 channels has 12 trips, in the last of which the second instance idles: it holds what it
    /// had in the trip before, which therefore is none of those that are alike.
    fn kept(&self, l: &GroupLoop, states: &[GroupState], trips: u64) -> Vec<(u64, u64)> {
        if let Some(cut) = self.cuts.iter().find(|cut| cut.index == l.index) {
            let stands = |trip: &u64| (cut.from..cut.from + cut.period).contains(trip);
            let weight = |trip: u64| if stands(&trip) { cut.times } else { 1 };
            return (0..trips).map(|trip| (trip, weight(trip))).collect();
        }
        let alone = self.plan.group.ranks.len() == 1 && self.plan.clipping.is_empty();
        let (true, [m]) = (alone, l.moves.as_slice()) else {
            return (0..trips).map(|trip| (trip, 1)).collect();
        };
        if m.size != m.offset {
            return (0..trips).map(|trip| (trip, 1)).collect();
        }
        // Where some instance has its first piece that is not whole, and where its first trip without work begins.
        let mut breaks: Vec<u64> = vec![trips];
        for state in states {
            let length = state.extent(m.axis).len();
            let (whole, all) = (
                length / m.size.unsigned_abs().max(1),
                self.plan.group.windows_in(state, l),
            );
            breaks.extend([
                whole / l.instances,
                whole.div_ceil(l.instances),
                all.div_ceil(l.instances),
            ]);
        }
        breaks.retain(|&at| at > 0 && at <= trips);
        breaks.sort_unstable();
        breaks.dedup();
        let mut kept = Vec::new();
        let mut from = 0;
        for end in breaks {
            let first = from + KEPT_BEFORE;
            if end > first + 2 {
                kept.extend((from..first).map(|trip| (trip, 1)));
                kept.push((first, end - 1 - first));
                kept.push((end - 1, 1));
            } else {
                kept.extend((from..end).map(|trip| (trip, 1)));
            }
            from = end;
        }
        kept
    }
}

impl Sets {
    fn new(
        plan: &Plan,
        tensor: usize,
        tree: &Tree,
        cuts: &[&Cut],
        places: &[usize],
    ) -> Result<Sets, EngineLimit> {
        let too_many = EngineLimit::TooManySteps;
        let footprint = &plan.footprints[tensor];
        let mut all: Vec<Interval> = Vec::new();
        let mut ends: Vec<i64> = Vec::new();
        for leaf in &tree.leaves {
            let mut pieces = SmallVec::new();
            for state in &leaf.states {
                footprint
                    .pieces(state, &mut pieces)
                    .ok_or(too_many.clone())?;
            }
            ends.extend(pieces.iter().flat_map(|piece| [piece.lo, piece.hi]));
            ends.sort_unstable();
            ends.dedup();
            all.extend_from_slice(Intervals::union_of(pieces).parts());
            if all.len() > 1 << 12 {
                all = Intervals::union_of(all.into_iter().collect())
                    .parts()
                    .to_vec();
            }
        }
        // Where a window that stands for others begins and ends.
        let slabs: Vec<(&Cut, Intervals)> = cuts
            .iter()
            .map(|cut| {
                let slab = footprint.slab(cut.rank, cut.start, cut.length);
                (*cut, Intervals::union_of(slab))
            })
            .collect();
        for (_, slab) in &slabs {
            ends.extend(slab.parts().iter().flat_map(|part| [part.lo, part.hi]));
        }
        ends.sort_unstable();
        ends.dedup();
        let covered = Intervals::union_of(all.into_iter().collect());
        let atoms: Vec<Interval> = ends
            .windows(2)
            .map(|pair| Interval::new(pair[0], pair[1]))
            .filter(|&atom| covered.common(&Intervals::one(atom)) > 0)
            .collect();
        let mut sets = Sets {
            atoms,
            lists: Vec::new(),
            masks: Vec::new(),
            known: HashMap::new(),
            sizes: Vec::new(),
            set_sizes: Vec::new(),
        };
        sets.number(&Intervals::empty());
        let plain: Vec<u64> = sets.atoms.iter().map(|atom| atom.len()).collect();
        for &place in places {
            let mut sizes = plain.clone();
            for (cut, slab) in slabs.iter().filter(|(cut, _)| cut.index >= place) {
                for (size, atom) in sizes.iter_mut().zip(&sets.atoms) {
                    if slab.common(&Intervals::one(*atom)) > 0 {
                        *size = size.checked_mul(cut.times).ok_or(EngineLimit::Overflow)?;
                    }
                }
            }
            for leaf in tree.leaves.iter().filter(|leaf| !leaf.weights.is_empty()) {
                let own = leaf.weights.iter().filter(|(index, _)| {
                    *index >= place && cuts.iter().all(|cut| cut.index != *index)
                });
                let times: u64 = own.map(|w| w.1).product();
                if times == 1 || !footprint.is_indexed() {
                    continue;
                }
                let mut pieces = SmallVec::new();
                for state in &leaf.states {
                    footprint
                        .pieces(state, &mut pieces)
                        .ok_or(too_many.clone())?;
                }
                for atom in sets.cover(&Intervals::union_of(pieces)) {
                    let size = &mut sizes[atom as usize];
                    *size = size.checked_mul(times).ok_or(EngineLimit::Overflow)?;
                }
            }
            sets.sizes.push(sizes);
            // The empty set.
            sets.set_sizes.push(vec![0]);
        }
        Ok(sets)
    }

    pub fn atoms(&self) -> usize {
        self.atoms.len()
    }

    /// The atoms that make up `set`.
    fn cover(&self, set: &Intervals) -> Vec<u32> {
        let mut found = Vec::new();
        for part in set.parts() {
            let from = self.atoms.partition_point(|atom| atom.lo < part.lo);
            let inside = self.atoms[from..]
                .iter()
                .take_while(|atom| atom.hi <= part.hi)
                .count();
            found.extend((from..from + inside).map(|atom| atom as u32));
        }
        found
    }

    /// The number of a set.
    fn number(&mut self, set: &Intervals) -> u32 {
        let list = self.cover(set);
        if let Some(&known) = self.known.get(&list) {
            return known;
        }
        let mut mask = vec![0u64; self.atoms.len().div_ceil(64)];
        for &atom in &list {
            mask[atom as usize / 64] |= 1 << (atom % 64);
        }
        let number = self.lists.len() as u32;
        for (sets, sizes) in self.set_sizes.iter_mut().zip(&self.sizes) {
            sets.push(list.iter().map(|&atom| sizes[atom as usize]).sum());
        }
        self.known.insert(list.clone(), number);
        self.lists.push(list);
        self.masks.push(mask);
        number
    }

    #[inline]
    pub fn has(&self, set: u32, atom: u32) -> bool {
        self.masks[set as usize][atom as usize / 64] >> (atom % 64) & 1 == 1
    }

    /// Elements of a set, seen from `place` (an index into the places).
    #[inline]
    pub fn size(&self, place: usize, set: u32) -> u64 {
        self.set_sizes[place][set as usize]
    }

    /// Elements that two sets have in common.
    pub fn common(&self, place: usize, a: u32, b: u32) -> u64 {
        if a == b {
            return self.size(place, a);
        }
        let sizes = &self.sizes[place];
        let (short, long) = if self.lists[a as usize].len() <= self.lists[b as usize].len() {
            (a, b)
        } else {
            (b, a)
        };
        self.lists[short as usize]
            .iter()
            .filter(|&&atom| self.has(long, atom))
            .map(|&atom| sizes[atom as usize])
            .sum()
    }
}
