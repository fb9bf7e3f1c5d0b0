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
//! Each carries, for every site, a [`Transition`]: how many elements instances hold, keep, and share
//! when (a) this loop advances, or (b) some loop of *another* group advances and the group's loops inside
//! wrap from their last windows to their first.
//!
//! Where all instances of a group hold translates of one interval, a transition is a few lines of
//! arithmetic (`lattice`); otherwise the instances are listed and counted as sets (`crossing`).
//!
//! Invariants: only for regular groups (`Group::is_regular`) of legal mappings; an instance works in a
//! prefix of the windows of every loop, so the tile it held before is that of its last window that was not
//! empty; windows in the interior of a loop are exact translates of each other, in every tensor.

use super::EngineLimit;
use super::crossing::{Table, Transition};
use super::flows::Flows;
use super::forced::Forced;
use super::lanes::{Lines, SortSums, Sum};
use super::late::{Arrival, Fresh};
use super::lattice::{self, Lattice};
use super::plan::Plan;
use super::spot::Spot;
use crate::base::limits;
use crate::ir::{GroupAxis, GroupLoop, GroupLoops, GroupState, Mapping};
use smallvec::SmallVec;
use std::cell::OnceCell;
use std::rc::Rc;

/// [`limits::GROUP_STATES`].
const MOST_STATES: u64 = limits::GROUP_STATES;

/// A window of a far border is alike to no other, and there may be a million: so many are compared with.
const MOST_ALIKE: usize = 32;

/// All that the classes of a group depend on, besides the layer, the accelerator and what flows where
/// ([`Flows::id`]).
pub(super) struct Key {
    /// The loops that do something, outermost first.
    pub loops: GroupLoops,
    /// Per site: how many of the group's loops lie outside.
    pub inside: SmallVec<[usize; 6]>,
    /// Where it matters which instance is handed a sum.
    pub arrival: Option<Arrival>,
    /// Where instances that idle give up their sums.
    pub forced: SmallVec<[Forced; 4]>,
    /// Memories that refill whole tiles above some slot, site by site: loops of the group outside their
    /// places.
    pub flush: SmallVec<[usize; 4]>,
    /// The group's loops are listed step by step.
    pub explicit: bool,
    /// Per loop, of listed groups: whether loops of other groups turn between the loop outside it and it.
    pub between: SmallVec<[bool; 6]>,
}

/// One group and its classes.
pub(super) struct GroupClasses {
    pub plan: Rc<Plan>,
    /// Per site: how many of the loops lie outside.
    pub inside: SmallVec<[usize; 6]>,
    pub(super) arrival: Option<Arrival>,
    /// The steps were listed one by one.
    pub explicit: bool,
    /// Per loop, of listed groups: whether loops of other groups turn between the loop outside it and it.
    pub(super) between: SmallVec<[bool; 6]>,
    /// Instances that work at all.
    pub(super) used: u64,
    /// Points of the group that are performed, over all steps and instances; `None` past `u128`.
    pub(super) points: Option<u128>,
    /// Per depth: positions of the first loops, over all steps.
    pub(super) positions: SmallVec<[u128; 6]>,
    /// Loops that are steps of the PEs (before the leaf).
    pub loops: GroupLoops,
    /// `nodes[starts[m]..starts[m + 1]]`: positions of the first `m` loops; the first is the one start.
    pub nodes: Vec<Node>,
    pub(super) starts: SmallVec<[usize; 6]>,
    /// `edges[edge_starts[m]..edge_starts[m + 1]]`: advances of loop `m`.
    pub edges: Vec<Edge>,
    pub(super) edge_starts: SmallVec<[usize; 6]>,
    pub table: Table,
    /// Per node and site, per edge and site. Of the lanes: only of the last nodes.
    pub(super) wraps: Vec<Transition>,
    pub(super) advances: Vec<Transition>,
    pub(super) sites: usize,
    /// Instances listed so far.
    pub(super) listed: usize,
    /// Per site: all instances are alike in every step, and nothing comes from neighbours.
    pub(super) single: SmallVec<[bool; 8]>,
    /// What the engine's inner loop reads.
    lines: OnceCell<Lines>,
    /// Per depth, and per loop, sums of the sizes over all steps: `(depth * slots + slot)`, the slots of all
    /// sites in a row.
    pub node_sums: Vec<Sum>,
    pub edge_sums: Vec<Sum>,
    /// The same by the sorts of the elements; empty where nothing comes from neighbours.
    pub(super) node_sorts: Vec<SortSums>,
    pub(super) edge_sorts: Vec<SortSums>,
    /// Per slot the largest tile of one child instance.
    pub(super) tiles: Vec<u64>,
    /// Per node, and those after the first windows of its loops inside, one after the other: `first_starts`
    /// says where those of a node begin.
    firsts: Vec<u32>,
    first_starts: Vec<u32>,
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
    /// The class of its last window of the next loop.
    pub last: u32,
    /// Whether all loops over ranks that the result does not have are at their first window.
    pub fresh: Fresh,
    /// In how many of the positions all of them are at their last.
    pub last_count: u64,
    /// Points of the busiest PE in the first leaf tile below.
    pub busiest: u64,
    /// Points of all PEs, and how many PEs work; only at the leaf.
    pub volume: u128,
    pub working: u64,
}

/// Nodes with equal ones are translates of each other, and so is all that lies inside them.
#[derive(PartialEq)]
struct Likeness {
    ranks: [u64; 2],
    /// Their number, and where they lie beside the outputs that are made of them.
    rows: (u64, i64),
    /// Per tensor that can leave its extent: where it lies, unless it is far from the borders.
    at_border: SmallVec<[Option<i64>; 2]>,
    fresh: Fresh,
    /// Sums are complete, and wider than others.
    ends: bool,
}

pub(super) struct Edge {
    pub parent: u32,
    /// Class of the window that the advance leads to.
    pub child: u32,
    /// How many advances it stands for, below one parent.
    pub count: u64,
    /// The window that the (representative) advance leads to, and the one that it comes from.
    pub(super) window: u64,
    pub(super) before: u64,
    /// Class of the window that it comes from.
    pub(super) from: u32,
    /// In how many of the advances the step before was the last for its sums.
    pub last_count: u64,
}

impl GroupClasses {
    pub fn new(
        mapping: &Mapping,
        plan: Rc<Plan>,
        key: &Key,
        flows: &Flows,
    ) -> Result<GroupClasses, EngineLimit> {
        let mut classes = GroupClasses {
            plan,
            inside: key.inside.clone(),
            arrival: key.arrival.clone(),
            explicit: key.explicit,
            between: key.between.clone(),
            used: 0,
            loops: key.loops.clone(),
            nodes: Vec::with_capacity(16),
            starts: SmallVec::new(),
            edges: Vec::with_capacity(16),
            edge_starts: SmallVec::new(),
            table: Table::default(),
            wraps: Vec::new(),
            advances: Vec::new(),
            sites: flows.sites.len(),
            listed: 0,
            points: None,
            positions: SmallVec::new(),
            single: SmallVec::new(),
            lines: OnceCell::new(),
            node_sums: Vec::new(),
            edge_sums: Vec::new(),
            node_sorts: Vec::new(),
            edge_sorts: Vec::new(),
            tiles: Vec::new(),
            firsts: Vec::new(),
            first_starts: Vec::new(),
        };
        if key.explicit {
            classes.list()?;
        } else {
            classes.grow(mapping, flows.wide, key.arrival.as_ref())?;
        }
        classes.cross(mapping, key, flows)?;
        if key.explicit {
            classes.merge();
        }
        classes.line_up(flows);
        Ok(classes)
    }

    pub fn depth(&self) -> usize {
        self.loops.len()
    }

    /// What the clock reads, laid out when it is first asked for: counts alone need none of it.
    #[inline]
    pub(super) fn lines(&self, flows: &Flows) -> &Lines {
        self.lines.get_or_init(|| self.lay_lines(flows))
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

    /// `node`, and the classes reached from it through one first window, two, and so on.
    #[inline]
    pub(super) fn firsts(&self, node: usize) -> &[u32] {
        &self.firsts[self.first_starts[node] as usize..]
    }

    /// Lists what lies inside the first windows of every node.
    pub(super) fn list_firsts(&mut self) {
        let depth = self.depth();
        for at in 0..=depth {
            for node in self.nodes_at(at) {
                self.first_starts.push(self.firsts.len() as u32);
                let mut inner = node;
                self.firsts.push(inner as u32);
                for _ in at..depth {
                    inner = self.nodes[inner].first as usize;
                    self.firsts.push(inner as u32);
                }
                self.nodes[node].busiest = self.nodes[inner].busiest;
            }
        }
    }

    /// The class reached from `node` through `steps` last windows.
    #[inline]
    pub fn last_at(&self, mut node: usize, steps: usize) -> usize {
        for _ in 0..steps {
            node = self.nodes[node].last as usize;
        }
        node
    }

    #[inline]
    pub fn wrap_of(&self, node: usize, site: usize) -> Transition {
        self.wraps[node * self.sites + site]
    }

    /// What happens at a site when a class is entered; `advances`: a class of advances; `lanes`: in the first leaf
    /// tile inside.
    pub(super) fn entering(
        &self,
        (class, advances): (usize, bool),
        (site, lanes): (usize, bool),
    ) -> Transition {
        let node = if advances {
            self.edges[class].child as usize
        } else {
            class
        };
        match (lanes, advances) {
            (true, _) => {
                let mut leaf = node;
                while leaf < self.starts[self.depth()] {
                    leaf = self.nodes[leaf].first as usize;
                }
                self.wrap_of(leaf, site)
            }
            (false, true) => self.advance_of(class, site),
            (false, false) => self.wrap_of(class, site),
        }
    }

    #[inline]
    pub fn advance_of(&self, edge: usize, site: usize) -> Transition {
        self.advances[edge * self.sites + site]
    }

    /// Builds nodes and edges, outermost loop first.
    fn grow(
        &mut self,
        mapping: &Mapping,
        wide: bool,
        arrival: Option<&Arrival>,
    ) -> Result<(), EngineLimit> {
        let plan = Rc::clone(&self.plan);
        let ground = plan.ground.as_ref();
        let start = ground.map_or(lattice::NOWHERE, |ground| ground.whole());
        self.nodes.push(Node::new(
            start,
            ground.is_some(),
            SmallVec::new(),
            (1, 1),
            Fresh {
                ever: true,
                here: arrival.is_some(),
            },
        ));
        self.starts.push(0);
        self.starts.push(1);
        self.edge_starts.push(0);
        let mut work = 0u64;
        let mut instances = 1u64;
        let lattice = Lattice::new(&self.loops);
        for depth in 0..self.loops.len() {
            let l = self.loops[depth].clone();
            let l = &l;
            instances = instances.saturating_mul(l.instances);
            let reduces = self.reduces(mapping, l);
            let renews = arrival.is_some_and(|arrival| arrival.renews >> (depth & 31) & 1 == 1);
            let mut alike_nodes: SmallVec<[(Likeness, usize); 8]> = SmallVec::new();
            for parent in self.nodes_at(depth) {
                let node = &self.nodes[parent];
                let (count, fresh, uniform, spot) =
                    (node.count, node.fresh, node.uniform, node.spot);
                let last_count = node.last_count;
                let path = node.path.clone();
                // Groups that are not small are listed state by state.
                if ground.is_none() || !uniform {
                    let outside = self.loops[..depth].iter().map(|l| l.instances);
                    work = work.saturating_add(outside.fold(1, u64::saturating_mul));
                    if work > MOST_STATES {
                        return Err(EngineLimit::TooManyClasses);
                    }
                }
                limits::spend(1)?;
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
                    Some(_) if uniform => lattice::interior(&plan, (&lattice, depth + 1), &spot, l),
                    _ => self.interior(&states, l),
                };
                // Whether sums begin in the first trip only.
                let begins = reduces && (fresh.ever || fresh.here && !renews);
                let first_edge = self.edges.len();
                // The classes of the first window and of the one before.
                let (mut first, mut previous) = (None, 0);
                let mut window = 0;
                // The last trip of a reduction is a class of its own where complete sums have another width.
                let end = |to: u64| {
                    if wide && reduces && to + 1 == trips {
                        to - 1
                    } else {
                        to
                    }
                };
                let alike = alike.map(|(from, to)| (from, end(to)));
                while window < trips {
                    // One class for the interior, where windows are translates of each other.
                    let run = match alike {
                        // Only where sums begin is the first trip of a reduction another than the others.
                        Some((0, to)) if begins && window == 1 && to > 1 => to,
                        Some((0, _)) if begins => 1,
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
                    let again = reduces && window > 0;
                    let fresh = Fresh {
                        ever: fresh.ever && !again,
                        here: fresh.here && (!again || renews),
                    };
                    let last = match reduces {
                        false => last_count * run,
                        true if window + run == trips => last_count,
                        true => 0,
                    };
                    let node = Node::new(piece, whole, path, (times, last), fresh);
                    let child = self.join(node, &mut alike_nodes, (&lattice, wide)) as u32;
                    // The advance into the run comes from another class than the advances within it.
                    let mut edge = |window: u64, count, from| {
                        self.edges.push(Edge {
                            parent: parent as u32,
                            child,
                            count,
                            window,
                            before: window - 1,
                            from,
                            last_count: if reduces { 0 } else { last_count * count },
                        });
                    };
                    let within = alike.is_some_and(|(from, to)| window > from && window <= to);
                    if window > 0 && within {
                        edge(window, run, previous);
                    } else {
                        if window > 0 {
                            edge(window, 1, previous);
                        }
                        if run > 1 {
                            edge(window + 1, run - 1, child);
                        }
                    }
                    first.get_or_insert(child);
                    previous = child;
                    window += run;
                }
                let node = &mut self.nodes[parent];
                (node.first, node.last) = (first.unwrap_or(0), previous);
                node.advances = (first_edge as u32, self.edges.len() as u32);
            }
            self.starts.push(self.nodes.len());
            self.edge_starts.push(self.edges.len());
        }
        self.weigh(instances)
    }

    /// Adds a node to those of its depth, or counts it with one that is a translate of it: all that happens at it and
    /// inside it is the same. So the classes of a depth are those at the low border, those at the high one and those
    /// between, however many loops lie outside.
    fn join(
        &mut self,
        node: Node,
        known: &mut SmallVec<[(Likeness, usize); 8]>,
        (lattice, wide): (&Lattice, bool),
    ) -> usize {
        let number = self.nodes.len();
        if let Some(likeness) = self.likeness(&node, lattice, wide) {
            if let Some(&(_, same)) = known.iter().find(|(own, _)| *own == likeness) {
                self.nodes[same].count += node.count;
                self.nodes[same].last_count += node.last_count;
                return same;
            }
            if known.len() < MOST_ALIKE {
                known.push((likeness, number));
            }
        }
        self.nodes.push(node);
        number
    }

    /// What decides everything at a node and inside it; `None` where its place does.
    fn likeness(&self, node: &Node, lattice: &Lattice, wide: bool) -> Option<Likeness> {
        let ground = self.plan.ground.as_ref()?;
        if !node.uniform || self.plan.overlaps {
            return None;
        }
        let spot = &node.spot;
        let mut at_border = SmallVec::new();
        for &tensor in &self.plan.clipping {
            let shadow = &self.plan.shadows[tensor];
            let (_, open) = shadow.interval(spot)?;
            let (lo, hi) = shadow.bounds()?;
            let (down, up) = lattice.reach(ground, shadow, node.path.len())?;
            let inside = open.lo + down >= lo && open.hi - 1 + up <= hi;
            at_border.push(if inside { None } else { Some(open.lo) });
        }
        Some(Likeness {
            ranks: spot.ranks.map(|range| range.len()),
            rows: (spot.rows.len(), ground.skew(spot)),
            at_border,
            fresh: node.fresh,
            ends: wide && node.last_count > 0,
        })
    }

    /// What the PEs do at every last node.
    pub(super) fn weigh(&mut self, instances: u64) -> Result<(), EngineLimit> {
        for node in self.nodes_at(self.loops.len()) {
            let (busiest, volume, working) = if self.nodes[node].uniform {
                let volume = self.nodes[node].spot.volume();
                (
                    volume,
                    u128::from(volume) * u128::from(instances),
                    instances,
                )
            } else if let Some(work) = self.run_work(&self.nodes[node].path) {
                work
            } else {
                limits::spend(instances)?;
                let states = self.states_at(node);
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
    pub(super) fn reduces(&self, mapping: &Mapping, l: &GroupLoop) -> bool {
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

    /// All instances at a node.
    pub(super) fn states_at(&self, node: usize) -> Vec<GroupState> {
        self.states(&self.nodes[node].path)
    }

    /// One window of a loop.
    #[inline]
    pub(super) fn step(&self, state: &GroupState, l: &GroupLoop, window: u64) -> GroupState {
        if self.explicit {
            self.plan.group.step(state, l, window)
        } else {
            self.plan.group.advance(state, l, window)
        }
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
                pieces.push(self.step(state, l, trip * l.instances + instance));
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
    pub(super) fn new(
        spot: Spot,
        uniform: bool,
        path: SmallVec<[u64; 4]>,
        (count, last_count): (u64, u64),
        fresh: Fresh,
    ) -> Node {
        Node {
            last: 0,
            last_count,
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

impl GroupClasses {
    /// Whether what becomes of a sum depends on more than products: sums pass from instance to instance
    /// below a memory that they can wait in, or an idle instance keeps a part of a sum whose width its
    /// neighbour decides through a port with a bandwidth, or an idle instance keeps a part of the sums while those of
    /// the others come and go further inside.
    pub(super) fn passes_sums(&self, mapping: &Mapping, flows: &Flows) -> bool {
        let spread = |l: &GroupLoop| l.instances > 1;
        let result = mapping.operation.result();
        if self.plan.overlaps {
            let waits = flows
                .boundaries
                .iter()
                .any(|b| b.parent > 0 && b.tensors.contains(&result));
            return (waits || flows.wide) && self.loops.iter().any(spread);
        }
        let leaves = || &self.nodes[self.nodes_at(self.depth())];
        let all: u64 = self.loops.iter().map(|l| l.instances).product();
        let idles = || leaves().iter().any(|node| node.working < all);
        if let Some(arrival) = &self.arrival
            && arrival.inside
            && self.loops.iter().any(|l| {
                let over =
                    |&(from, to): &(usize, usize)| l.array.is_some_and(|a| (from..to).contains(&a));
                spread(l) && arrival.arrays.iter().any(over) && self.reduces(mapping, l)
            })
            && idles()
        {
            return true;
        }
        if !flows.wide {
            return false;
        }
        if self.explicit {
            return self.loops.iter().any(spread);
        }
        let home = flows
            .homes
            .iter()
            .find(|home| home.tensors.contains(&result));
        let Some(home) = home else { return false };
        let ports = mapping.architecture.memories[home.memory].ports;
        let shared = |l: &GroupLoop| {
            spread(l) && l.array.is_some_and(|array| array < home.above) && self.reduces(mapping, l)
        };
        ports.write().is_some() && self.loops.iter().any(shared) && idles()
    }

    /// How much memory its tables take, in numbers of eight bytes.
    pub(super) fn weight(&self) -> usize {
        let tables = self.table.sizes.len() * 18 + self.table.variants.len() * 2;
        let classes = (self.nodes.len() + self.edges.len()) * (32 + 10 * self.sites);
        let sums = (self.node_sums.len() + self.edge_sums.len()) * 20;
        let sorts = (self.node_sorts.len() + self.edge_sorts.len()) * 26;
        tables + classes + sums + sorts + 128
    }

    /// Instances that work in at least one step.
    pub(super) fn used(&self) -> u64 {
        if self.explicit {
            return self.used;
        }
        let start = self.first_at(0, self.depth());
        self.nodes[start].working
    }
}
