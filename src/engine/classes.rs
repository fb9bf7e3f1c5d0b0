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
//! Invariants: only for regular groups (`Group::is_regular`) of legal mappings; an instance works in a
//! prefix of the windows of every loop, so the tile it held before is that of its last window that was not
//! empty; windows in the interior of a loop are exact translates of each other, in every tensor.

use super::crossing::{Fresh, Holder, Seen, Sharing, Transition};
use super::tiles::Footprint;
use super::{Boundary, EngineLimit};
use crate::ir::{Group, GroupAxis, GroupLoop, GroupState, Mapping};

/// More states than this in one group: not countable in reasonable time.
const MOST_STATES: usize = 1 << 22;

/// One group and its classes.
pub(super) struct GroupClasses {
    pub group: Group,
    /// Per tensor.
    pub footprints: Vec<Footprint>,
    /// Loops that are steps of the PEs (before the leaf).
    pub depth: usize,
    /// `nodes[m]`: positions of the first `m` loops; `nodes[0]` is the one start.
    pub nodes: Vec<Vec<Node>>,
    /// `edges[m]`: advances of loop `m`.
    pub edges: Vec<Vec<Edge>>,
    /// Different windows of this group can meet in one element of the result. Then every position is a
    /// class of its own, and `distinct` holds per boundary the result's distinct elements, summed over the
    /// child's instances.
    pub overlaps: bool,
    pub distinct: Vec<u64>,
}

pub(super) struct Node {
    /// One per combination of the indices of the spatial loops so far, the innermost fastest; idle ones
    /// are empty.
    states: Vec<GroupState>,
    /// How many positions it stands for.
    pub count: u64,
    /// The class of its first window of the next loop.
    pub first: usize,
    /// Range in `edges[m]` of the advances of the next loop below this node.
    pub advances: std::ops::Range<usize>,
    /// All loops over ranks that the result does not have are at their first window.
    pub fresh: bool,
    /// Points of the busiest PE, and of all PEs.
    pub busiest: u64,
    pub volume: u128,
    pub working: u64,
    /// Per boundary; `None` where the boundary lies outside this depth.
    pub wrap: Vec<Option<Transition>>,
}

pub(super) struct Edge {
    pub parent: usize,
    /// Class of the window that the advance leads to, in `nodes[m + 1]`.
    pub child: usize,
    /// How many advances it stands for, below one parent.
    pub count: u64,
    /// The window that the (representative) advance leads to.
    window: u64,
    /// Per boundary; `None` where the boundary lies outside this loop.
    pub advance: Vec<Option<Transition>>,
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
        group: Group,
        boundaries: &[Boundary],
    ) -> Result<GroupClasses, EngineLimit> {
        let tensors = mapping.operation.tensors.len();
        let footprints: Vec<Footprint> = (0..tensors)
            .map(|tensor| Footprint::new(mapping, &group, tensor))
            .collect();
        let leaf = mapping.schedule.leaf;
        let depth = group.loops.iter().take_while(|l| l.index < leaf).count();
        let mut classes = GroupClasses {
            group,
            footprints,
            depth,
            nodes: Vec::new(),
            edges: Vec::new(),
            overlaps: false,
            distinct: Vec::new(),
        };
        classes.overlaps = classes.footprints[mapping.operation.result()].overlaps(&classes.group);
        classes.grow(mapping)?;
        classes.cross(mapping, boundaries)?;
        Ok(classes)
    }

    /// Loops of this group that lie outside `position`.
    pub fn depth_at(&self, position: usize) -> usize {
        self.group.loops[..self.depth]
            .iter()
            .take_while(|l| l.index < position)
            .count()
    }

    /// The class reached from `node` at depth `from` through first windows only.
    pub fn first_at(&self, mut node: usize, from: usize, to: usize) -> usize {
        for depth in from..to {
            node = self.nodes[depth][node].first;
        }
        node
    }

    /// Builds nodes and edges, outermost loop first.
    fn grow(&mut self, mapping: &Mapping) -> Result<(), EngineLimit> {
        let result = mapping.operation.result();
        let clipping: Vec<usize> = (0..self.footprints.len())
            .filter(|&t| self.footprints[t].clips(&self.group))
            .collect();
        self.nodes
            .push(vec![Node::new(vec![self.group.whole()], 1, true)]);
        let mut states = 1;
        for depth in 0..self.depth {
            let l = &self.group.loops[depth];
            // Ranks that the result does not have: a second visit accumulates.
            let reduces = l.moves.iter().any(|m| match m.axis {
                GroupAxis::Rank(rank) => {
                    let rank = self.group.ranks[rank];
                    !mapping.operation.tensors[result]
                        .dims
                        .iter()
                        .any(|dim| dim.terms.iter().any(|term| term.rank == rank))
                }
                GroupAxis::Window(_) => false,
            });
            let mut inside: Vec<Node> = Vec::new();
            let mut edges: Vec<Edge> = Vec::new();
            for parent in 0..self.nodes[depth].len() {
                let node = &self.nodes[depth][parent];
                let (count, fresh) = (node.count, node.fresh);
                let trips = self.trips(&node.states, l);
                let alike = if self.overlaps {
                    None
                } else {
                    self.interior(&node.states, l, &clipping)
                };
                let first_edge = edges.len();
                let first = inside.len();
                let mut window = 0;
                while window < trips {
                    // One class for the interior, where windows are translates of each other.
                    let run = match alike {
                        Some((from, to))
                            if window == from && to > from && !(reduces && window == 0) =>
                        {
                            to - from + 1
                        }
                        Some((0, to)) if reduces && window == 1 && to > 1 => to,
                        _ => 1,
                    };
                    let states_here = self.narrow(&node.states, l, window);
                    states += states_here.len();
                    if states > MOST_STATES {
                        return Err(EngineLimit::TooManyClasses);
                    }
                    let times = count.checked_mul(run).ok_or(EngineLimit::Overflow)?;
                    inside.push(Node::new(
                        states_here,
                        times,
                        fresh && !(reduces && window > 0),
                    ));
                    let child = inside.len() - 1;
                    // The advance into the run comes from another class than the advances within it.
                    if window > 0 {
                        let within_interior =
                            matches!(alike, Some((from, to)) if window > from && window <= to);
                        let count = if within_interior { run } else { 1 };
                        edges.push(Edge {
                            parent,
                            child,
                            count,
                            window,
                            advance: Vec::new(),
                        });
                        if run > 1 && !within_interior {
                            edges.push(Edge {
                                parent,
                                child,
                                count: run - 1,
                                window: window + 1,
                                advance: Vec::new(),
                            });
                        }
                    } else if run > 1 {
                        edges.push(Edge {
                            parent,
                            child,
                            count: run - 1,
                            window: 1,
                            advance: Vec::new(),
                        });
                    }
                    window += run;
                }
                let node = &mut self.nodes[depth][parent];
                node.first = first;
                node.advances = first_edge..edges.len();
            }
            self.nodes.push(inside);
            self.edges.push(edges);
        }
        for node in &mut self.nodes[self.depth] {
            node.busiest = node
                .states
                .iter()
                .map(GroupState::volume)
                .max()
                .unwrap_or(0);
            node.volume = node.states.iter().map(|s| u128::from(s.volume())).sum();
            node.working = node.states.iter().filter(|s| !s.is_empty()).count() as u64;
        }
        Ok(())
    }

    fn trips(&self, states: &[GroupState], l: &GroupLoop) -> u64 {
        let busiest = states
            .iter()
            .map(|state| self.group.windows_in(state, l))
            .max();
        busiest.unwrap_or(0).div_ceil(l.instances)
    }

    fn narrow(&self, states: &[GroupState], l: &GroupLoop, trip: u64) -> Vec<GroupState> {
        let mut pieces = Vec::with_capacity(states.len() * l.instances as usize);
        for state in states {
            for instance in 0..l.instances {
                pieces.push(self.group.advance(state, l, trip * l.instances + instance));
            }
        }
        pieces
    }

    /// The trips of `l` that are translates of each other, first and last: no instance is clipped at the
    /// end of its extent, and no tensor at its border.
    fn interior(
        &self,
        states: &[GroupState],
        l: &GroupLoop,
        clipping: &[usize],
    ) -> Option<(u64, u64)> {
        let [m] = l.moves.as_slice() else { return None };
        let instances = l.instances as i64;
        let step = m.offset.checked_mul(instances)?;
        let (mut from, mut to) = (0i64, i64::MAX);
        for state in states.iter().filter(|state| !state.is_empty()) {
            let extent = match m.axis {
                GroupAxis::Rank(rank) => state.ranks[rank],
                GroupAxis::Window(window) => state.windows[window],
            };
            // The last window that is not clipped, and the last trip with only such.
            let whole = (extent.len() as i64 - m.size).checked_div(m.offset)?;
            if (extent.len() as i64) < m.size {
                return None;
            }
            to = to.min((whole - (instances - 1)).div_euclid(instances));
            for &tensor in clipping {
                // How the moved rank shifts the tensor's index from one trip to the next.
                let (rank, shift) = match m.axis {
                    GroupAxis::Rank(rank) => (rank, step),
                    GroupAxis::Window(w) => {
                        let window = &self.group.windows[w];
                        (window.output, step / window.stride)
                    }
                };
                for instance in [0, instances - 1] {
                    let piece = self.group.advance(state, l, instance as u64);
                    for (lo, hi, extent, slope) in self.footprints[tensor].reach(&piece, rank) {
                        let slide = slope.checked_mul(shift)?;
                        match slide.signum() {
                            1 => {
                                from = from.max(-(lo.div_euclid(slide)));
                                to = to.min((extent - 1 - hi).div_euclid(slide));
                            }
                            -1 => {
                                from = from.max(-((extent - 1 - hi).div_euclid(-slide)));
                                to = to.min(lo.div_euclid(-slide));
                            }
                            _ => {}
                        }
                    }
                }
            }
        }
        (from <= to && to < i64::MAX).then_some((from.max(0) as u64, to as u64))
    }

    /// Fills in the transitions of every boundary.
    fn cross(&mut self, mapping: &Mapping, boundaries: &[Boundary]) -> Result<(), EngineLimit> {
        for boundary in boundaries {
            let inside = self.depth_at(boundary.position);
            let sharing = Sharing::new(mapping, boundary, &self.group.loops[..inside]);
            let fresh = self.first_meetings(mapping, &sharing, inside)?;
            for depth in 0..=self.depth {
                for node in 0..self.nodes[depth].len() {
                    let transition = (depth <= inside)
                        .then(|| {
                            self.wrap(mapping, boundary, &sharing, depth, node, inside, &fresh)
                        })
                        .transpose()?;
                    self.nodes[depth][node].wrap.push(transition);
                }
            }
            for depth in 0..self.depth {
                for edge in 0..self.edges[depth].len() {
                    let transition = (depth < inside)
                        .then(|| {
                            self.advance(mapping, boundary, &sharing, depth, edge, inside, &fresh)
                        })
                        .transpose()?;
                    self.edges[depth][edge].advance.push(transition);
                }
            }
        }
        Ok(())
    }

    /// Where windows overlap in the result: per node just outside the boundary, what it meets first.
    fn first_meetings(
        &mut self,
        mapping: &Mapping,
        sharing: &Sharing,
        inside: usize,
    ) -> Result<Vec<Vec<(u64, u64)>>, EngineLimit> {
        let mut meetings = Vec::new();
        if self.overlaps {
            let mut seen = Seen::new();
            let footprint = &self.footprints[mapping.operation.result()];
            // Nodes lie in the order of their steps.
            for node in &self.nodes[inside] {
                let mut holders = sharing.holders(&node.states, inside);
                holders.retain(|holder| !holder.state.is_empty());
                let met = seen.meet(sharing, footprint, &holders);
                meetings.push(met.ok_or(EngineLimit::TooManyClasses)?);
            }
            self.distinct.push(seen.alone());
        } else {
            self.distinct.push(0);
        }
        Ok(meetings)
    }

    /// What the first step below `node` meets first.
    fn fresh<'a>(
        &self,
        depth: usize,
        node: usize,
        inside: usize,
        meetings: &'a [Vec<(u64, u64)>],
    ) -> Fresh<'a> {
        if self.overlaps {
            let first = self.first_at(node, depth, inside);
            Fresh::Given(&meetings[first])
        } else if self.nodes[depth][node].fresh {
            Fresh::All
        } else {
            Fresh::None
        }
    }

    fn wrap(
        &self,
        mapping: &Mapping,
        boundary: &Boundary,
        sharing: &Sharing,
        depth: usize,
        node: usize,
        inside: usize,
        fresh: &[Vec<(u64, u64)>],
    ) -> Result<Transition, EngineLimit> {
        let fresh = self.fresh(depth, node, inside, fresh);
        let node = &self.nodes[depth][node];
        let start = sharing.holders(&node.states, depth);
        self.transition(
            mapping,
            boundary,
            sharing,
            start.clone(),
            start,
            depth,
            inside,
            fresh,
        )
    }

    fn advance(
        &self,
        mapping: &Mapping,
        boundary: &Boundary,
        sharing: &Sharing,
        depth: usize,
        edge: usize,
        inside: usize,
        fresh: &[Vec<(u64, u64)>],
    ) -> Result<Transition, EngineLimit> {
        let edge = &self.edges[depth][edge];
        let parent = &self.nodes[depth][edge.parent];
        let l = &self.group.loops[depth];
        let now = self.narrow(&parent.states, l, edge.window);
        let before = self.narrow(&parent.states, l, edge.window - 1);
        let fresh = self.fresh(depth + 1, edge.child, inside, fresh);
        self.transition(
            mapping,
            boundary,
            sharing,
            sharing.holders(&now, depth + 1),
            sharing.holders(&before, depth + 1),
            depth + 1,
            inside,
            fresh,
        )
    }

    #[allow(clippy::too_many_arguments)]
    fn transition(
        &self,
        mapping: &Mapping,
        boundary: &Boundary,
        sharing: &Sharing,
        now: Vec<Holder>,
        before: Vec<Holder>,
        from: usize,
        inside: usize,
        fresh: Fresh,
    ) -> Result<Transition, EngineLimit> {
        let held = self.last_working(sharing, &before, from, inside);
        let beside = sharing
            .forwards()
            .then(|| self.complete(sharing, before, from, inside, Completion::Last));
        let now = self.complete(sharing, now, from, inside, Completion::First);
        Transition::new(
            mapping,
            boundary,
            sharing,
            &self.footprints,
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
            let l = &self.group.loops[depth];
            holders.retain(|holder| !holder.state.is_empty());
            let reach = |holder: &Holder| self.group.windows_in(&holder.state, l);
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
                    let state = self.group.advance(&holder.state, l, window);
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
                    let turns = indices[depth] < self.group.loops[depth].instances;
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
        let l = &self.group.loops[depth];
        let below = sharing.is_below(depth);
        let working = holders.iter().filter(|h| !h.state.is_empty());
        let reach = working.map(|h| self.group.windows_in(&h.state, l)).max()?;
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
                    let state = self
                        .group
                        .advance(&holder.state, l, trip * l.instances + index);
                    sharing.placed(holder, depth, index, state)
                })
                .collect();
            self.last_of(sharing, &inside, depth + 1, to, indices)
        })
    }
}

impl Node {
    fn new(states: Vec<GroupState>, count: u64, fresh: bool) -> Node {
        Node {
            states,
            count,
            first: 0,
            advances: 0..0,
            fresh,
            busiest: 0,
            volume: 0,
            working: 0,
            wrap: Vec::new(),
        }
    }
}
