//! The transitions of a group's classes at every boundary: in closed form where all instances are alike,
//! with sets where they are not.
//!
//! With sets, the instances are listed as [`Holder`]s. What one held before is the tile of the last step in
//! which it worked: `TemporalMap(3,3) K; SpatialMap(1,1) K` over five channels and three PEs leaves the
//! third PE idle in the second window, and it still holds channel 2.

use super::classes::{GroupClasses, Meetings};
use super::crossing::{Fresh, Holder, Sharing, Transition};
use super::lattice::{self, Lattice};
use super::sets::Seen;
use super::{Boundary, EngineLimit};
use crate::ir::{GroupLoop, Mapping};
use std::rc::Rc;

/// More instances than this, over all transitions of a group: not countable in reasonable time.
const MOST_LISTED: usize = 1 << 18;

/// Which way to go through the loops inside.
#[derive(Clone, Copy)]
enum Completion {
    First,
    /// The last step of all: instances that idle in it are left out.
    Last,
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

impl GroupClasses {
    /// Fills in the transitions of every boundary.
    pub(super) fn cross(
        &mut self,
        mapping: &Mapping,
        boundaries: &[Boundary],
    ) -> Result<(), EngineLimit> {
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
        self.listed += now.len() + held.len();
        if self.listed > MOST_LISTED {
            return Err(EngineLimit::TooManyClasses);
        }
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
