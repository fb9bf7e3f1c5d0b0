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

use super::crossing::{Table, Transition};
use super::lanes::Sum;
use super::lattice::{self, Lattice};
use super::plan::Plan;
use super::spot::Spot;
use super::{Boundary, EngineLimit};
use crate::ir::{GroupAxis, GroupLoop, GroupLoops, GroupState, Mapping};
use smallvec::SmallVec;
use std::rc::Rc;

/// More states than this in one group: not countable in reasonable time.
const MOST_STATES: u64 = 1 << 16;

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
pub(super) type Meetings = Vec<Vec<(u64, u64)>>;

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
    pub(super) starts: SmallVec<[usize; 6]>,
    /// `edges[edge_starts[m]..edge_starts[m + 1]]`: advances of loop `m`.
    pub edges: Vec<Edge>,
    pub(super) edge_starts: SmallVec<[usize; 6]>,
    pub table: Table,
    /// Per node and boundary, per edge and boundary.
    pub(super) wraps: Vec<Transition>,
    pub(super) advances: Vec<Transition>,
    pub(super) boundaries: usize,
    /// Instances listed so far.
    pub(super) listed: usize,
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

pub(super) struct Node {
    /// The first instance of every spatial loop; only for small groups.
    pub spot: Spot,
    /// All instances work, on translates of `spot`.
    pub uniform: bool,
    /// The windows of the representative position.
    pub(super) path: SmallVec<[u64; 4]>,
    /// How many positions it stands for.
    pub count: u64,
    /// The class of its first window of the next loop.
    pub first: u32,
    /// The advances of the next loop below this node.
    pub(super) advances: (u32, u32),
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
    pub(super) window: u64,
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
            listed: 0,
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
    pub(super) fn states(&self, path: &[u64]) -> Vec<GroupState> {
        let mut states = vec![self.plan.group.whole()];
        for (l, &window) in self.loops.iter().zip(path) {
            states = self.narrow(&states, l, window);
        }
        states
    }

    pub(super) fn narrow(
        &self,
        states: &[GroupState],
        l: &GroupLoop,
        trip: u64,
    ) -> Vec<GroupState> {
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
