//! The steps of one group of ranks, sorted into classes.
//!
//! Problem: `TemporalMap(3,1) Y` over 224 rows takes 222 steps, but only a handful of kinds of step: the
//! first, those at the padded border, the interior (all alike), the clipped end. What moves in a step
//! depends, in this group, on nothing but its kind. So the group's own loops become a tree whose nodes are
//! classes of positions, and whose edges are classes of advances from one position to the next.
//!
//! * A [`Node`] at depth `m` stands for all equal positions of the group's first `m` loops.
//! * An [`Edge`] stands for all equal advances of loop `m` from one window to the next.
//!
//! Each carries, for every boundary, a [`Transition`]: how many elements instances hold, keep, and share
//! when (a) this loop advances, or (b) some loop of *another* group advances and the group's loops inside
//! wrap from their last windows to their first.
//!
//! Where all instances of a group hold translates of one interval, a transition is a few lines of
//! arithmetic (`lattice`); otherwise the instances are listed and counted as sets (`crossing`).
//!
//! Invariants: only for regular groups (`Group::is_regular`) of legal mappings; an instance works in a
//! prefix of the windows of every loop, so the tile it held before is that of its last window that was not
//! empty; windows in the interior of a loop are exact translates of each other, in every tensor.

use super::crossing::{Cross, Fresh, Holder, Seen, Sharing, Table, Transition};
use super::lattice::{self, Lattice};
use super::plan::Plan;
use super::spot::Spot;
use super::{Boundary, EngineLimit};
use crate::ir::{GroupAxis, GroupLoop, GroupLoops, GroupState, Mapping};
use smallvec::SmallVec;
use std::rc::Rc;

/// More states than this in one group: not countable in reasonable time.
const MOST_STATES: u64 = 1 << 22;

/// All that the classes of a group depend on, besides the layer and the accelerator.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// The loops that do something, outermost first.
    pub loops: GroupLoops,
    pub boundaries: SmallVec<[KeyBoundary; 4]>,
}

/// What a group's classes depend on of a boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyBoundary {
    pub parent: usize,
    pub child: usize,
    /// Set of tensors, by their index modulo 32.
    pub tensors: u32,
    /// How many of the group's loops lie outside.
    pub inside: usize,
    /// Elements come from neighbours.
    pub forwards: bool,
}

/// Per node: the elements of the result that each parent instance (by number) meets there first.
type Meetings = Vec<Vec<(u64, u64)>>;

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        let same = |(a, b): (&GroupLoop, &GroupLoop)| {
            a.moves == b.moves
                && a.instances == b.instances
                && a.array == b.array
                && a.ends_level == b.ends_level
        };
        self.loops.len() == other.loops.len()
            && self.loops.iter().zip(&other.loops).all(same)
            && self.boundaries == other.boundaries
    }
}

/// One group and its classes.
pub(super) struct GroupClasses {
    pub plan: Rc<Plan>,
    /// Per boundary: how many of the loops lie outside.
    pub inside: SmallVec<[usize; 4]>,
    /// Loops that are steps of the PEs (before the leaf).
    pub loops: GroupLoops,
    /// `nodes[starts[m]..starts[m + 1]]`: positions of the first `m` loops; the first is the one start.
    pub nodes: Vec<Node>,
    starts: SmallVec<[usize; 6]>,
    /// `edges[edge_starts[m]..edge_starts[m + 1]]`: advances of loop `m`.
    pub edges: Vec<Edge>,
    edge_starts: SmallVec<[usize; 6]>,
    pub table: Table,
    /// Per node and boundary, per edge and boundary.
    wraps: Vec<Transition>,
    advances: Vec<Transition>,
    boundaries: usize,
    /// Per node and per edge, for the engine's inner loop: the sizes that decide how much crosses, all
    /// boundaries in a row, each tensor's [`LANES`] (operands) or [`RESULT_LANES`].
    pub node_lanes: Vec<u64>,
    pub edge_lanes: Vec<u64>,
    /// Where each boundary's lanes begin; one more for the end.
    pub lane_starts: SmallVec<[usize; 5]>,
    /// Per depth, and per loop, sums of the crosses over all steps: `(depth * boundaries + boundary)` and
    /// then tensors, in the order of the lanes.
    pub node_sums: Vec<Sum>,
    pub edge_sums: Vec<Sum>,
    /// Where each boundary's tensors begin among the sums; one more for the end.
    pub slot_starts: SmallVec<[usize; 5]>,
    /// Where windows overlap in the result, per boundary: the result's distinct elements, summed over the
    /// child's instances.
    pub distinct: SmallVec<[u64; 4]>,
}

/// Lanes of an operand: wanted, at hand.
pub(super) const LANES: usize = 2;
/// Lanes of the result: wanted, at hand, fresh, held, staying.
pub(super) const RESULT_LANES: usize = 5;

/// Sums of one tensor's crosses over steps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub tiles: u128,
    pub kept: u128,
    pub wanted: u128,
    pub at_hand: u128,
    pub fresh: u128,
    pub held: u128,
    pub staying: u128,
}

impl Sum {
    fn add(&mut self, cross: &Cross, times: u128) {
        self.tiles += u128::from(cross.tiles) * times;
        self.kept += u128::from(cross.kept) * times;
        self.wanted += u128::from(cross.wanted) * times;
        self.at_hand += u128::from(cross.at_hand) * times;
        self.fresh += u128::from(cross.fresh) * times;
        self.held += u128::from(cross.held) * times;
        self.staying += u128::from(cross.staying) * times;
    }

    /// Of one step that happens `times` times.
    pub fn of(cross: &Cross, times: u128) -> Sum {
        let mut sum = Sum::default();
        sum.add(cross, times);
        sum
    }

    /// Over the steps of two groups; `None` past `u128`. Operands need no more than the first four.
    #[inline]
    pub fn times(&self, other: &Sum, is_result: bool) -> Option<Sum> {
        // The other fields are at most one of these.
        let most = |sum: &Sum| (sum.tiles | sum.wanted | sum.held).leading_zeros();
        if most(self) + most(other) < 128 {
            return None;
        }
        let mut product = Sum {
            tiles: self.tiles.wrapping_mul(other.tiles),
            kept: self.kept.wrapping_mul(other.kept),
            wanted: self.wanted.wrapping_mul(other.wanted),
            at_hand: self.at_hand.wrapping_mul(other.at_hand),
            ..Sum::default()
        };
        if is_result {
            product.fresh = self.fresh.wrapping_mul(other.fresh);
            product.held = self.held.wrapping_mul(other.held);
            product.staying = self.staying.wrapping_mul(other.staying);
        }
        Some(product)
    }
}

/// Appends the lanes of one tensor.
pub(super) fn lanes(cross: &Cross, is_result: bool, lanes: &mut Vec<u64>) {
    lanes.extend([cross.wanted, cross.at_hand]);
    if is_result {
        lanes.extend([cross.fresh, cross.held, cross.staying]);
    }
}

pub(super) struct Node {
    /// The first instance of every spatial loop; only for small groups.
    pub spot: Spot,
    /// All instances work, on translates of `spot`.
    pub uniform: bool,
    /// The windows of the representative position.
    path: SmallVec<[u64; 4]>,
    /// How many positions it stands for.
    pub count: u64,
    /// The class of its first window of the next loop.
    pub first: u32,
    /// The advances of the next loop below this node.
    advances: (u32, u32),
    /// All loops over ranks that the result does not have are at their first window.
    pub fresh: bool,
    /// Points of the busiest PE, of all PEs, and how many PEs work; only at the leaf.
    pub busiest: u64,
    pub volume: u128,
    pub working: u64,
}

pub(super) struct Edge {
    pub parent: u32,
    /// Class of the window that the advance leads to.
    pub child: u32,
    /// How many advances it stands for, below one parent.
    pub count: u64,
    /// The window that the (representative) advance leads to.
    window: u64,
}

/// Which way to go through the loops inside.
#[derive(Clone, Copy)]
enum Completion {
    First,
    /// The last step of all: instances that idle in it are left out.
    Last,
}

impl GroupClasses {
    pub fn new(
        mapping: &Mapping,
        plan: Rc<Plan>,
        key: &Key,
        boundaries: &[Boundary],
    ) -> Result<GroupClasses, EngineLimit> {
        if !plan.group.is_regular(&key.loops, usize::MAX) {
            return Err(EngineLimit::Irregular);
        }
        let mut classes = GroupClasses {
            plan,
            inside: key.boundaries.iter().map(|b| b.inside).collect(),
            loops: key.loops.clone(),
            nodes: Vec::with_capacity(16),
            starts: SmallVec::new(),
            edges: Vec::with_capacity(16),
            edge_starts: SmallVec::new(),
            table: Table::default(),
            wraps: Vec::new(),
            advances: Vec::new(),
            boundaries: boundaries.len(),
            node_lanes: Vec::new(),
            edge_lanes: Vec::new(),
            lane_starts: SmallVec::new(),
            node_sums: Vec::new(),
            edge_sums: Vec::new(),
            slot_starts: SmallVec::new(),
            distinct: SmallVec::new(),
        };
        classes.grow(mapping)?;
        classes.cross(mapping, boundaries)?;
        if classes.table.is_simple() {
            classes.line_up(mapping.operation.result(), boundaries);
        }
        Ok(classes)
    }

    pub fn depth(&self) -> usize {
        self.loops.len()
    }

    /// Positions of the first `depth` loops.
    #[inline]
    pub fn nodes_at(&self, depth: usize) -> std::ops::Range<usize> {
        self.starts[depth]..self.starts[depth + 1]
    }

    /// Advances of loop `depth`.
    #[inline]
    pub fn edges_at(&self, depth: usize) -> std::ops::Range<usize> {
        self.edge_starts[depth]..self.edge_starts[depth + 1]
    }

    /// The advances of the next loop below `node`.
    #[inline]
    pub fn advances_of(&self, node: usize) -> std::ops::Range<usize> {
        let (from, to) = self.nodes[node].advances;
        from as usize..to as usize
    }

    /// The class reached from `node` through `steps` first windows.
    #[inline]
    pub fn first_at(&self, mut node: usize, steps: usize) -> usize {
        for _ in 0..steps {
            node = self.nodes[node].first as usize;
        }
        node
    }

    #[inline]
    pub fn wrap_of(&self, node: usize, boundary: usize) -> Transition {
        self.wraps[node * self.boundaries + boundary]
    }

    #[inline]
    pub fn advance_of(&self, edge: usize, boundary: usize) -> Transition {
        self.advances[edge * self.boundaries + boundary]
    }

    /// Builds nodes and edges, outermost loop first.
    fn grow(&mut self, mapping: &Mapping) -> Result<(), EngineLimit> {
        let plan = Rc::clone(&self.plan);
        let ground = plan.ground.as_ref();
        let start = ground.map_or(lattice::NOWHERE, |ground| ground.whole());
        self.nodes
            .push(Node::new(start, ground.is_some(), SmallVec::new(), 1, true));
        self.starts.push(0);
        self.starts.push(1);
        self.edge_starts.push(0);
        let mut work = 0u64;
        let mut instances = 1u64;
        for depth in 0..self.loops.len() {
            let l = &self.loops[depth];
            instances = instances.saturating_mul(l.instances);
            let reduces = self.reduces(mapping, l);
            for parent in self.nodes_at(depth) {
                let node = &self.nodes[parent];
                let (count, fresh, uniform, spot) =
                    (node.count, node.fresh, node.uniform, node.spot);
                let path = node.path.clone();
                // Groups that are not small are listed state by state.
                let states = if ground.is_none() || !uniform {
                    self.states(&path)
                } else {
                    Vec::new()
                };
                let reach = match ground {
                    Some(ground) => ground.windows_in(&spot, l),
                    None => {
                        let reach = states
                            .iter()
                            .map(|state| self.plan.group.windows_in(state, l));
                        reach.max().unwrap_or(0)
                    }
                };
                let trips = reach.div_ceil(l.instances);
                let alike = match ground {
                    _ if self.plan.overlaps || trips <= 2 => None,
                    Some(_) if uniform => {
                        let lattice = Lattice::new(&self.loops[..=depth]);
                        lattice::interior(&plan, &lattice, &spot, l)
                    }
                    _ => self.interior(&states, l),
                };
                let first_edge = self.edges.len();
                let first = self.nodes.len();
                let mut window = 0;
                while window < trips {
                    // One class for the interior, where windows are translates of each other.
                    let run = match alike {
                        Some((0, to)) if reduces && window == 1 && to > 1 => to,
                        Some((0, _)) if reduces => 1,
                        Some((from, to)) if window == from && to > from => to - from + 1,
                        _ => 1,
                    };
                    work = work.saturating_add(if uniform { 1 } else { instances });
                    if work > MOST_STATES {
                        return Err(EngineLimit::TooManyClasses);
                    }
                    let (piece, whole) = match ground {
                        Some(ground) => (
                            ground.advance(&spot, l, window * l.instances),
                            uniform && lattice::is_whole(&spot, l, window),
                        ),
                        None => (lattice::NOWHERE, false),
                    };
                    let times = count.checked_mul(run).ok_or(EngineLimit::Overflow)?;
                    let mut path = path.clone();
                    path.push(window);
                    let child = self.nodes.len() as u32;
                    let fresh = fresh && !(reduces && window > 0);
                    self.nodes.push(Node::new(piece, whole, path, times, fresh));
                    // The advance into the run comes from another class than the advances within it.
                    let mut edge = |window, count| {
                        self.edges.push(Edge {
                            parent: parent as u32,
                            child,
                            count,
                            window,
                        });
                    };
                    let within = alike.is_some_and(|(from, to)| window > from && window <= to);
                    if window > 0 && within {
                        edge(window, run);
                    } else {
                        if window > 0 {
                            edge(window, 1);
                        }
                        if run > 1 {
                            edge(window + 1, run - 1);
                        }
                    }
                    window += run;
                }
                let node = &mut self.nodes[parent];
                node.first = first as u32;
                node.advances = (first_edge as u32, self.edges.len() as u32);
            }
            self.starts.push(self.nodes.len());
            self.edge_starts.push(self.edges.len());
        }
        for node in self.nodes_at(self.loops.len()) {
            let (busiest, volume, working) = if self.nodes[node].uniform {
                let volume = self.nodes[node].spot.volume();
                (
                    volume,
                    u128::from(volume) * u128::from(instances),
                    instances,
                )
            } else {
                let states = self.states(&self.nodes[node].path);
                (
                    states.iter().map(GroupState::volume).max().unwrap_or(0),
                    states.iter().map(|s| u128::from(s.volume())).sum(),
                    states.iter().filter(|s| !s.is_empty()).count() as u64,
                )
            };
            let node = &mut self.nodes[node];
            (node.busiest, node.volume, node.working) = (busiest, volume, working);
        }
        Ok(())
    }

    /// Whether `l` moves a rank that the result does not have: a second visit accumulates.
    fn reduces(&self, mapping: &Mapping, l: &GroupLoop) -> bool {
        let result = &mapping.operation.tensors[mapping.operation.result()];
        l.moves.iter().any(|m| match m.axis {
            GroupAxis::Rank(rank) => {
                let rank = self.plan.group.ranks[rank];
                let mut terms = result.dims.iter().flat_map(|dim| &dim.terms);
                !terms.any(|term| term.rank == rank)
            }
            GroupAxis::Window(_) => false,
        })
    }

    /// All instances at the position that `path` leads to.
    fn states(&self, path: &[u64]) -> Vec<GroupState> {
        let mut states = vec![self.plan.group.whole()];
        for (l, &window) in self.loops.iter().zip(path) {
            states = self.narrow(&states, l, window);
        }
        states
    }

    fn narrow(&self, states: &[GroupState], l: &GroupLoop, trip: u64) -> Vec<GroupState> {
        let mut pieces = Vec::with_capacity(states.len() * l.instances as usize);
        for state in states {
            for instance in 0..l.instances {
                pieces.push(
                    self.plan
                        .group
                        .advance(state, l, trip * l.instances + instance),
                );
            }
        }
        pieces
    }

    /// The trips of `l` that are translates of each other, first and last: no instance is clipped at the
    /// end of its extent, and no tensor at its border.
    fn interior(&self, states: &[GroupState], l: &GroupLoop) -> Option<(u64, u64)> {
        let [m] = l.moves.as_slice() else { return None };
        let instances = l.instances as i64;
        let step = m.offset.checked_mul(instances)?;
        let (mut from, mut to) = (0i64, i64::MAX);
        for state in states.iter().filter(|state| !state.is_empty()) {
            let extent = match m.axis {
                GroupAxis::Rank(rank) => state.ranks[rank],
                GroupAxis::Window(window) => state.windows[window],
            };
            if (extent.len() as i64) < m.size {
                return None;
            }
            // The last window that is not clipped, and the last trip with only such.
            let whole = (extent.len() as i64 - m.size).checked_div(m.offset)?;
            to = to.min((whole - (instances - 1)).div_euclid(instances));
            for &tensor in &self.plan.clipping {
                // How the moved rank shifts the tensor's index from one trip to the next.
                let (rank, shift) = match m.axis {
                    GroupAxis::Rank(rank) => (rank, step),
                    GroupAxis::Window(w) => {
                        let window = &self.plan.group.windows[w];
                        (window.output, step / window.stride)
                    }
                };
                for instance in [0, instances - 1] {
                    let piece = self.plan.group.advance(state, l, instance as u64);
                    for (lo, hi, extent, slope) in self.plan.footprints[tensor].reach(&piece, rank)
                    {
                        let slide = slope.checked_mul(shift)?;
                        lattice::keep_inside(&mut from, &mut to, lo, hi, (0, extent - 1), slide);
                    }
                }
            }
        }
        (from <= to && to < i64::MAX).then_some((from.max(0) as u64, to as u64))
    }

    /// Fills in the transitions of every boundary.
    fn cross(&mut self, mapping: &Mapping, boundaries: &[Boundary]) -> Result<(), EngineLimit> {
        self.wraps = vec![Transition::NONE; self.nodes.len() * boundaries.len()];
        self.advances = vec![Transition::NONE; self.edges.len() * boundaries.len()];
        let plan = Rc::clone(&self.plan);
        let lattice = Lattice::new(&self.loops);
        for (number, boundary) in boundaries.iter().enumerate() {
            let inside = self.inside[number];
            let mut slow = SetRoute {
                sharing: None,
                meetings: None,
            };
            self.distinct.push(0);
            if self.plan.overlaps {
                let sharing = slow.sharing(mapping, boundary, &self.loops[..inside]);
                let (meetings, distinct) = self.first_meetings(mapping, sharing, inside)?;
                slow.meetings = Some(meetings);
                self.distinct[number] = distinct;
            }
            let forwards = super::crossing::forwards(mapping, boundary);
            let port = lattice::Port::new(mapping, boundary, &plan, &lattice, inside, forwards);
            for depth in 0..=inside {
                for node in self.nodes_at(depth) {
                    let at = &self.nodes[node];
                    let closed = match (&port, at.uniform) {
                        (Some(port), true) => {
                            let (spot, fresh) = (at.spot, at.fresh);
                            port.transition(
                                &mut self.table,
                                &self.loops,
                                spot,
                                spot,
                                (true, true),
                                depth,
                                fresh,
                            )
                        }
                        _ => None,
                    };
                    let transition = match closed {
                        Some(transition) => transition,
                        None => self.wrap(mapping, boundary, &mut slow, depth, node, inside)?,
                    };
                    self.wraps[node * boundaries.len() + number] = transition;
                }
            }
            for depth in 0..inside {
                for edge in self.edges_at(depth) {
                    let at = &self.edges[edge];
                    let parent = &self.nodes[at.parent as usize];
                    let closed = match (&port, parent.uniform, self.plan.ground.as_ref()) {
                        (Some(port), true, Some(ground)) => {
                            let l = &self.loops[depth];
                            let now = ground.advance(&parent.spot, l, at.window * l.instances);
                            let before =
                                ground.advance(&parent.spot, l, (at.window - 1) * l.instances);
                            let whole = (
                                lattice::is_whole(&parent.spot, l, at.window),
                                lattice::is_whole(&parent.spot, l, at.window - 1),
                            );
                            let fresh = self.nodes[at.child as usize].fresh;
                            port.transition(
                                &mut self.table,
                                &self.loops,
                                now,
                                before,
                                whole,
                                depth + 1,
                                fresh,
                            )
                        }
                        _ => None,
                    };
                    let transition = match closed {
                        Some(transition) => transition,
                        None => self.advance(mapping, boundary, &mut slow, depth, edge, inside)?,
                    };
                    self.advances[edge * boundaries.len() + number] = transition;
                }
            }
        }
        Ok(())
    }

    /// Lays out what the engine's inner loop reads.
    fn line_up(&mut self, result: usize, boundaries: &[Boundary]) {
        let (mut lanes_end, mut slots_end) = (0, 0);
        for boundary in boundaries {
            self.lane_starts.push(lanes_end);
            self.slot_starts.push(slots_end);
            for &tensor in &boundary.tensors {
                lanes_end += if tensor == result {
                    RESULT_LANES
                } else {
                    LANES
                };
                slots_end += 1;
            }
        }
        self.lane_starts.push(lanes_end);
        self.slot_starts.push(slots_end);
        let depth = self.loops.len();
        self.node_sums = vec![Sum::default(); (depth + 1) * slots_end];
        self.edge_sums = vec![Sum::default(); depth * slots_end];
        let line = |transition: Transition,
                    times: u64,
                    lines: &mut Vec<u64>,
                    number: usize,
                    sums: &mut [Sum]| {
            let boundary = &boundaries[number];
            let Some(variant) = self.table.variants(transition).first() else {
                lines.resize(
                    lines.len() + self.lane_starts[number + 1] - self.lane_starts[number],
                    0,
                );
                return;
            };
            let times = u128::from(times) * u128::from(variant.count);
            for (slot, &tensor) in boundary.tensors.iter().enumerate() {
                let cross = self.table.cross(variant, slot);
                lanes(cross, tensor == result, lines);
                sums[slot].add(cross, times);
            }
        };
        let (mut node_lanes, mut edge_lanes) = (Vec::new(), Vec::new());
        for at in 0..=depth {
            for node in self.nodes_at(at) {
                for number in 0..boundaries.len() {
                    let from = at * slots_end + self.slot_starts[number];
                    let transition = self.wraps[node * boundaries.len() + number];
                    let count = self.nodes[node].count;
                    line(
                        transition,
                        count,
                        &mut node_lanes,
                        number,
                        &mut self.node_sums[from..],
                    );
                }
            }
        }
        for at in 0..depth {
            for edge in self.edges_at(at) {
                for number in 0..boundaries.len() {
                    let from = at * slots_end + self.slot_starts[number];
                    let transition = self.advances[edge * boundaries.len() + number];
                    let parent = &self.nodes[self.edges[edge].parent as usize];
                    let count = parent.count * self.edges[edge].count;
                    line(
                        transition,
                        count,
                        &mut edge_lanes,
                        number,
                        &mut self.edge_sums[from..],
                    );
                }
            }
        }
        self.node_lanes = node_lanes;
        self.edge_lanes = edge_lanes;
    }

    /// Where windows overlap in the result: per node just outside the boundary, what it meets first.
    fn first_meetings(
        &self,
        mapping: &Mapping,
        sharing: &Sharing,
        inside: usize,
    ) -> Result<(Meetings, u64), EngineLimit> {
        let mut meetings = Vec::new();
        let mut seen = Seen::new();
        let footprint = &self.plan.footprints[mapping.operation.result()];
        // Nodes lie in the order of their steps.
        for node in self.nodes_at(inside) {
            let states = self.states(&self.nodes[node].path);
            let mut holders = sharing.holders(&states, inside);
            holders.retain(|holder| !holder.state.is_empty());
            let met = seen.meet(sharing, footprint, &holders);
            meetings.push(met.ok_or(EngineLimit::TooManyClasses)?);
        }
        Ok((meetings, seen.alone()))
    }

    fn wrap(
        &mut self,
        mapping: &Mapping,
        boundary: &Boundary,
        slow: &mut SetRoute,
        depth: usize,
        node: usize,
        inside: usize,
    ) -> Result<Transition, EngineLimit> {
        let states = self.states(&self.nodes[node].path);
        let start = slow
            .sharing(mapping, boundary, &self.loops[..inside])
            .holders(&states, depth);
        self.transition(
            mapping,
            boundary,
            slow,
            start.clone(),
            start,
            depth,
            inside,
            node,
        )
    }

    fn advance(
        &mut self,
        mapping: &Mapping,
        boundary: &Boundary,
        slow: &mut SetRoute,
        depth: usize,
        edge: usize,
        inside: usize,
    ) -> Result<Transition, EngineLimit> {
        let edge = &self.edges[edge];
        let parent = self.states(&self.nodes[edge.parent as usize].path);
        let l = &self.loops[depth];
        let now = self.narrow(&parent, l, edge.window);
        let before = self.narrow(&parent, l, edge.window - 1);
        let child = edge.child as usize;
        let sharing = slow.sharing(mapping, boundary, &self.loops[..inside]);
        let now = sharing.holders(&now, depth + 1);
        let before = sharing.holders(&before, depth + 1);
        self.transition(
            mapping,
            boundary,
            slow,
            now,
            before,
            depth + 1,
            inside,
            child,
        )
    }

    #[allow(clippy::too_many_arguments)]
    fn transition(
        &mut self,
        mapping: &Mapping,
        boundary: &Boundary,
        slow: &mut SetRoute,
        now: Vec<Holder>,
        before: Vec<Holder>,
        from: usize,
        inside: usize,
        node: usize,
    ) -> Result<Transition, EngineLimit> {
        slow.sharing(mapping, boundary, &self.loops[..inside]);
        let SetRoute {
            sharing: Some(sharing),
            meetings,
        } = &*slow
        else {
            return Err(EngineLimit::TooManyClasses);
        };
        let fresh = match meetings {
            Some(meetings) => {
                let first = self.first_at(node, inside - from);
                Fresh::Given(&meetings[first - self.starts[inside]])
            }
            None if self.nodes[node].fresh => Fresh::All,
            None => Fresh::None,
        };
        let held = self.last_working(sharing, &before, from, inside);
        let beside = sharing
            .forwards()
            .then(|| self.complete(sharing, before, from, inside, Completion::Last));
        let now = self.complete(sharing, now, from, inside, Completion::First);
        self.table
            .count(
                mapping,
                boundary,
                sharing,
                &self.plan.footprints,
                now,
                held,
                beside,
                fresh,
            )
            .ok_or(EngineLimit::TooManyClasses)
    }

    /// Follows the first (or the very last) windows of the loops `from..to` for all instances; idle ones
    /// are dropped.
    fn complete(
        &self,
        sharing: &Sharing,
        mut holders: Vec<Holder>,
        from: usize,
        to: usize,
        way: Completion,
    ) -> Vec<Holder> {
        for depth in from..to {
            let l = &self.loops[depth];
            holders.retain(|holder| !holder.state.is_empty());
            let reach = |holder: &Holder| self.plan.group.windows_in(&holder.state, l);
            let last = holders
                .iter()
                .map(reach)
                .max()
                .unwrap_or(0)
                .div_ceil(l.instances);
            let trip = match way {
                Completion::First => 0,
                Completion::Last => last.saturating_sub(1),
            };
            let mut next = Vec::with_capacity(holders.len() * l.instances as usize);
            for holder in &holders {
                for index in 0..l.instances {
                    let window = trip * l.instances + index;
                    let state = self.plan.group.advance(&holder.state, l, window);
                    next.push(sharing.placed(holder, depth, index, state));
                }
            }
            holders = next;
        }
        holders.retain(|holder| !holder.state.is_empty());
        holders.sort_by_key(Holder::instance);
        holders
    }

    /// For every child instance the last windows of the loops `from..to` in which it works. They differ:
    /// where the last window of an outer loop is clipped, the instances at the end idle in it.
    fn last_working(
        &self,
        sharing: &Sharing,
        holders: &[Holder],
        from: usize,
        to: usize,
    ) -> Vec<Holder> {
        let mut found = Vec::new();
        let mut begin = 0;
        while begin < holders.len() {
            let same = |holder: &Holder| holder.instance() == holders[begin].instance();
            let end = begin + holders[begin..].iter().take_while(|h| same(h)).count();
            let mut indices: Vec<u64> = vec![0; to];
            loop {
                if let Some(tile) = self.last_of(sharing, &holders[begin..end], from, to, &indices)
                {
                    found.extend(tile);
                }
                // The next child instance below these holders.
                let turned = (from..to).rev().find(|&depth| {
                    if sharing.is_below(depth) {
                        return false;
                    }
                    indices[depth] += 1;
                    let turns = indices[depth] < self.loops[depth].instances;
                    if !turns {
                        indices[depth] = 0;
                    }
                    turns
                });
                if turned.is_none() {
                    break;
                }
            }
            begin = end;
        }
        found.sort_by_key(Holder::instance);
        found
    }

    /// The last step in which some PE below one child instance works; the instance is at `indices` of the
    /// spatial loops above it.
    fn last_of(
        &self,
        sharing: &Sharing,
        holders: &[Holder],
        depth: usize,
        to: usize,
        indices: &[u64],
    ) -> Option<Vec<Holder>> {
        if depth == to {
            let working: Vec<Holder> = holders
                .iter()
                .filter(|h| !h.state.is_empty())
                .cloned()
                .collect();
            return (!working.is_empty()).then_some(working);
        }
        let l = &self.loops[depth];
        let below = sharing.is_below(depth);
        let working = holders.iter().filter(|h| !h.state.is_empty());
        let reach = working
            .map(|h| self.plan.group.windows_in(&h.state, l))
            .max()?;
        let skipped = if below { 0 } else { indices[depth] };
        let trips = reach.saturating_sub(skipped).div_ceil(l.instances);
        (0..trips).rev().find_map(|trip| {
            let indices_here = if below {
                0..l.instances
            } else {
                skipped..skipped + 1
            };
            let inside: Vec<Holder> = holders
                .iter()
                .flat_map(|holder| indices_here.clone().map(move |index| (holder, index)))
                .map(|(holder, index)| {
                    let state =
                        self.plan
                            .group
                            .advance(&holder.state, l, trip * l.instances + index);
                    sharing.placed(holder, depth, index, state)
                })
                .collect();
            self.last_of(sharing, &inside, depth + 1, to, indices)
        })
    }
}

/// What counting with sets needs at one boundary, made when first needed.
struct SetRoute {
    sharing: Option<Sharing>,
    /// Where windows overlap in the result.
    meetings: Option<Meetings>,
}

impl SetRoute {
    fn sharing(&mut self, mapping: &Mapping, boundary: &Boundary, loops: &[GroupLoop]) -> &Sharing {
        self.sharing
            .get_or_insert_with(|| Sharing::new(mapping, boundary, loops))
    }
}

impl Node {
    fn new(spot: Spot, uniform: bool, path: SmallVec<[u64; 4]>, count: u64, fresh: bool) -> Node {
        Node {
            spot,
            uniform,
            path,
            count,
            first: 0,
            advances: (0, 0),
            fresh,
            busiest: 0,
            volume: 0,
            working: 0,
        }
    }
}
