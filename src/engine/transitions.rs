//! The transitions of a group's classes at every site: in closed form where all instances are alike, with
//! sets where they are not.
//!
//! With sets, the instances are listed as [`Holder`]s. What one held before is the tile of the last step in
//! which it worked: `TemporalMap(3,3) K; SpatialMap(1,1) K` over five channels and three PEs leaves the
//! third PE idle in the second window, and it still holds channel 2.

use super::classes::{GroupClasses, Key};
use super::crossing::{Holder, Sharing, SiteView, Touch, Touches, Transition};
use super::flows::{Flows, Site};
use super::lattice::{self, Lattice, SiteForm};
use super::runs::{Between, MOST_BESIDE};
use super::sets::Step;
use super::{EngineLimit, issues};
use crate::base::limits;
use crate::ir::{GroupLoop, GroupState, Intervals, Mapping};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// [`limits::LISTED_INSTANCES`].
pub(super) const MOST_LISTED: usize = limits::LISTED_INSTANCES;

/// Which way to go through the loops inside.
#[derive(Clone, Copy)]
enum Completion {
    First,
    /// The last step of all: instances that idle in it are left out.
    Last,
}

/// One step of the group: from the last windows below `before` to the first windows below `now`, both after
/// `from` loops.
struct Move {
    now: Vec<Holder>,
    before: Vec<Holder>,
    from: usize,
    /// Nodes of the two after `from` loops.
    now_node: usize,
    before_node: usize,
    /// The loop that advances, if it is one of the group, and the node around it.
    advances: Option<usize>,
    parent: usize,
}

/// What all transitions of one site share.
struct Route<'a> {
    mapping: &'a Mapping,
    lattice: &'a Lattice,
    number: usize,
    site: &'a Site,
    inside: usize,
    sharing: Sharing,
    touches: Option<Touches>,
    /// Where the site's memories that refill whole tiles begin in [`Key::flush`].
    flush: usize,
}

impl GroupClasses {
    /// Fills in the transitions of every site.
    pub(super) fn cross(
        &mut self,
        mapping: &Mapping,
        key: &Key,
        flows: &Flows,
    ) -> Result<(), EngineLimit> {
        let sites = flows.sites.len();
        self.wraps = vec![Transition::NONE; self.nodes.len() * sites];
        self.advances = vec![Transition::NONE; self.edges.len() * sites];
        let plan = Rc::clone(&self.plan);
        let lattice = Lattice::new(&self.loops);
        let mut flush = 0;
        for (number, site) in flows.sites.iter().enumerate() {
            let inside = key.inside[number];
            let forwards = site.slots.iter().any(|slot| slot.forwards);
            let mut route = Route {
                mapping,
                lattice: &lattice,
                number,
                site,
                inside,
                sharing: Sharing::new(mapping, &self.loops),
                touches: None,
                flush,
            };
            flush += site
                .slots
                .iter()
                .map(|slot| slot.flush.len())
                .sum::<usize>();
            if plan.overlaps || self.explicit {
                route.touches = Some(self.touches(mapping, inside)?);
            }
            let form = if self.explicit {
                None
            } else {
                SiteForm::new(mapping, site, &plan, &lattice, inside)
            };
            if site.lanes {
                self.cross_to_lanes(key, &route, form.as_ref())?;
            } else {
                self.cross_site(key, &route, form.as_ref(), forwards)?;
            }
        }
        Ok(())
    }

    fn cross_site(
        &mut self,
        key: &Key,
        route: &Route,
        form: Option<&SiteForm>,
        forwards: bool,
    ) -> Result<(), EngineLimit> {
        let plan = Rc::clone(&self.plan);
        let sites = self.sites;
        for depth in 0..=route.inside {
            for node in self.nodes_at(depth) {
                let at = &self.nodes[node];
                let closed = match (form, at.uniform) {
                    (Some(form), true) => {
                        let (spot, fresh) = (at.spot, at.fresh);
                        form.transition(&mut self.table, &self.loops, (spot, spot), depth, fresh)
                    }
                    _ => None,
                };
                if closed.is_none() {
                    self.may_run(route.inside, 2 + route.site.slots.len(), forwards)?;
                }
                let closed = closed.or_else(|| {
                    let path = self.nodes[node].path.clone();
                    let between = Between {
                        now: &path,
                        before: &path,
                        fresh: self.nodes[node].fresh,
                        advances: None,
                    };
                    let (mapping, lattice) = (route.mapping, route.lattice);
                    self.run_transition(mapping, key, (route.site, route.inside), lattice, &between)
                });
                let transition = match closed {
                    Some(transition) => transition,
                    None => {
                        self.may_list(route.inside, 2 + route.site.slots.len())?;
                        let start = self.holders(depth, node);
                        let step = Move {
                            before: start.clone(),
                            now: start,
                            from: depth,
                            now_node: node,
                            before_node: node,
                            advances: None,
                            parent: node,
                        };
                        self.transition(key, route, step, forwards)?
                    }
                };
                self.wraps[node * sites + route.number] = transition;
            }
        }
        for depth in 0..route.inside {
            for edge in self.edges_at(depth) {
                let at = &self.edges[edge];
                let parent = &self.nodes[at.parent as usize];
                let closed = match (form, parent.uniform, plan.ground.as_ref()) {
                    (Some(form), true, Some(ground)) => {
                        let l = &self.loops[depth];
                        let whole = |window| lattice::is_whole(&parent.spot, l, window);
                        let spot = |window| ground.advance(&parent.spot, l, window * l.instances);
                        if whole(at.window) && whole(at.window - 1) {
                            let fresh = self.nodes[at.child as usize].fresh;
                            form.transition(
                                &mut self.table,
                                &self.loops,
                                (spot(at.window), spot(at.window - 1)),
                                depth + 1,
                                fresh,
                            )
                        } else {
                            None
                        }
                    }
                    _ => None,
                };
                if closed.is_none() {
                    self.may_run(route.inside, 2 + route.site.slots.len(), forwards)?;
                }
                let closed = closed.or_else(|| {
                    let at = &self.edges[edge];
                    let mut now = self.nodes[at.parent as usize].path.clone();
                    let mut before = now.clone();
                    now.push(at.window);
                    before.push(at.before);
                    let between = Between {
                        now: &now,
                        before: &before,
                        fresh: self.nodes[at.child as usize].fresh,
                        advances: Some(depth),
                    };
                    let (mapping, lattice) = (route.mapping, route.lattice);
                    self.run_transition(mapping, key, (route.site, route.inside), lattice, &between)
                });
                let transition = match closed {
                    Some(transition) => transition,
                    None => {
                        self.may_list(route.inside, 2 + route.site.slots.len())?;
                        let step = self.advance_of_loop(depth, edge);
                        self.transition(key, route, step, forwards)?
                    }
                };
                self.advances[edge * sites + route.number] = transition;
            }
        }
        Ok(())
    }

    /// The issues of every leaf tile.
    fn cross_to_lanes(
        &mut self,
        key: &Key,
        route: &Route,
        form: Option<&SiteForm>,
    ) -> Result<(), EngineLimit> {
        if self.explicit && self.parts_parents(route.site) {
            return Err(EngineLimit::Irregular);
        }
        let plan = Rc::clone(&self.plan);
        let sites = self.sites;
        let depth = self.depth();
        let mut work = 0;
        for node in self.nodes_at(depth) {
            let at = &self.nodes[node];
            let (spot, fresh) = (at.spot, at.fresh);
            let closed = match (form, at.uniform) {
                (Some(form), true) => form.issues(&mut self.table, &spot, fresh),
                _ => None,
            };
            if closed.is_none() {
                self.may_run(depth, 1, false)?;
            }
            let closed = closed.or_else(|| {
                let path = self.nodes[node].path.clone();
                let (mapping, lattice) = (route.mapping, route.lattice);
                self.run_issues(mapping, key, route.site, lattice, (&path, fresh))
            });
            let transition = match closed {
                Some(transition) => transition,
                None => {
                    self.may_list(depth, 1)?;
                    let mut lanes = self.holders(depth, node);
                    lanes.retain(|lane| !lane.state.is_empty());
                    self.listed += lanes.len();
                    if self.listed > MOST_LISTED {
                        return Err(EngineLimit::TooManyClasses);
                    }
                    let number = (node - self.starts[depth]) as u32;
                    let touch = match &route.touches {
                        Some(touches) => Touch::Steps {
                            touches,
                            now: number,
                            before: number,
                        },
                        None => Touch::Alike { fresh },
                    };
                    issues::count(
                        &mut self.table,
                        &plan,
                        (route.site, &route.sharing, key.arrival.as_ref()),
                        &lanes,
                        touch,
                        &mut work,
                    )
                    .ok_or(EngineLimit::TooManyClasses)?
                }
            };
            self.wraps[node * sites + route.number] = transition;
        }
        Ok(())
    }

    /// Refuses, before it is done, to list all instances after `depth` loops `times` over when they are too many.
    fn may_list(&self, depth: usize, times: usize) -> Result<(), EngineLimit> {
        let instances = self.loops[..depth].iter().map(|l| l.instances);
        let instances = instances.fold(1, u64::saturating_mul);
        if instances > MOST_LISTED as u64 {
            return Err(EngineLimit::TooManyClasses);
        }
        // Sets are taken of each: some units.
        limits::spend(instances.saturating_mul(6 * times as u64))?;
        Ok(())
    }

    /// Takes what looking at runs of instances costs: few of them stand for all, unless each has to know its neighbours.
    fn may_run(&self, depth: usize, times: usize, forwards: bool) -> Result<(), EngineLimit> {
        let instances = self.loops[..depth].iter().map(|l| l.instances);
        let instances = instances.fold(1, u64::saturating_mul);
        let beside = forwards && instances <= MOST_BESIDE as u64;
        let most = if beside { instances } else { 4 };
        limits::spend(instances.min(most).saturating_mul(6 * times as u64))?;
        Ok(())
    }

    /// All instances at a node after `depth` loops.
    pub(super) fn holders(&self, depth: usize, node: usize) -> Vec<Holder> {
        self.placed(depth, &self.states_at(node))
    }

    fn placed(&self, depth: usize, states: &[GroupState]) -> Vec<Holder> {
        states
            .iter()
            .enumerate()
            .map(|(combination, state)| {
                let mut rest = combination as u64;
                let mut indices: SmallVec<[u32; 6]> = SmallVec::from_elem(0, self.loops.len());
                for (at, l) in self.loops[..depth].iter().enumerate().rev() {
                    indices[at] = (rest % l.instances) as u32;
                    rest /= l.instances;
                }
                Holder {
                    indices,
                    state: state.clone(),
                    idle: 0,
                }
            })
            .collect()
    }

    fn advance_of_loop(&self, depth: usize, edge: usize) -> Move {
        let edge = &self.edges[edge];
        let parent = self.states_at(edge.parent as usize);
        let l = &self.loops[depth];
        let now = self.narrow(&parent, l, edge.window);
        let before = self.narrow(&parent, l, edge.before);
        Move {
            now: self.placed(depth + 1, &now),
            before: self.placed(depth + 1, &before),
            from: depth + 1,
            now_node: edge.child as usize,
            before_node: edge.from as usize,
            advances: Some(depth),
            parent: edge.parent as usize,
        }
    }

    fn transition(
        &mut self,
        key: &Key,
        route: &Route,
        step: Move,
        forwards: bool,
    ) -> Result<Transition, EngineLimit> {
        if self.explicit {
            return self.listed_transition(key, route, &step, forwards);
        }
        let (from, inside) = (step.from, route.inside);
        let touch = match &route.touches {
            Some(touches) => {
                let start = self.starts[inside];
                Touch::Steps {
                    touches,
                    now: (self.first_at(step.now_node, inside - from) - start) as u32,
                    before: (self.last_at(step.before_node, inside - from) - start) as u32,
                }
            }
            None => Touch::Alike {
                fresh: self.nodes[step.now_node].fresh,
            },
        };
        let beside =
            forwards.then(|| self.complete(step.before.clone(), from, inside, Completion::Last));
        let mut held: Vec<Vec<Holder>> = Vec::with_capacity(route.site.slots.len());
        let mut flushed = Vec::with_capacity(route.site.slots.len());
        for (number, slot) in route.site.slots.iter().enumerate() {
            let same = route.site.slots[..number]
                .iter()
                .position(|other| other.below == slot.below);
            held.push(match same {
                Some(same) => held[same].clone(),
                None => self.last_working(slot.below, &step.before, from, inside),
            });
            let mut own = Vec::new();
            let before = route.flush
                + route.site.slots[..number]
                    .iter()
                    .map(|slot| slot.flush.len())
                    .sum::<usize>();
            for (&(above, _), &depth) in slot.flush.iter().zip(&key.flush[before..]) {
                own.push((
                    above,
                    self.changed(&route.sharing, slot.tensor, above, &step, depth)?,
                ));
            }
            flushed.push(own);
        }
        let last = self.complete(step.before, from, inside, Completion::Last);
        let now = self.complete(step.now, from, inside, Completion::First);
        self.listed += now.len() + held.iter().map(Vec::len).sum::<usize>();
        if self.listed > MOST_LISTED {
            return Err(EngineLimit::TooManyClasses);
        }
        let plan = Rc::clone(&self.plan);
        self.table
            .count(
                &SiteView {
                    site: route.site,
                    sharing: &route.sharing,
                    arrival: key.arrival.as_ref(),
                    forced: &key.forced,
                    flushed: &flushed,
                    onset: step.advances.map_or(0, |l| 1 << l),
                    listed: false,
                },
                &plan.footprints,
                &Step {
                    now: &now,
                    held: &held,
                    last: &last,
                    beside: beside.as_deref(),
                    touch,
                },
            )
            .ok_or(EngineLimit::TooManyClasses)
    }

    /// Whether the group spreads the result over several parents: each of them meets an element for the
    /// first time in a step of its own.
    fn parts_parents(&self, site: &Site) -> bool {
        site.slots.iter().any(|slot| {
            slot.is_result
                && self
                    .loops
                    .iter()
                    .any(|l| l.instances > 1 && l.array.is_some_and(|array| array < slot.above))
        })
    }

    /// A transition of a group whose steps are listed.
    fn listed_transition(
        &mut self,
        key: &Key,
        route: &Route,
        step: &Move,
        forwards: bool,
    ) -> Result<Transition, EngineLimit> {
        let (from, inside) = (step.from, route.inside);
        let now_node = self.first_at(step.now_node, inside - from);
        let last_node = self.last_at(step.before_node, inside - from);
        let range_node = match step.advances {
            // All windows of the loop around, up to the step before.
            Some(depth) => self.first_at(step.parent, inside - depth),
            None => now_node,
        };
        let now = self.working(inside, now_node);
        let last = self.working(inside, last_node);
        let mut held: Vec<Vec<Holder>> = Vec::with_capacity(route.site.slots.len());
        let several = self.loops.iter().any(|l| l.instances > 1);
        if self.parts_parents(route.site) {
            return Err(EngineLimit::Irregular);
        }
        for slot in &route.site.slots {
            if !slot.flush.is_empty() && several {
                return Err(EngineLimit::Irregular);
            }
            let range = range_node..last_node + 1;
            let own = self.held_before(
                &route.sharing,
                slot.below,
                inside,
                (range, step.advances),
                &now,
            );
            let own = own.ok_or(EngineLimit::Irregular)?;
            self.listed += own.len();
            held.push(own);
        }
        self.listed += now.len();
        if self.listed > MOST_LISTED {
            return Err(EngineLimit::TooManyClasses);
        }
        let mut flushed = Vec::with_capacity(route.site.slots.len());
        let mut depths = key.flush[route.flush..].iter();
        for slot in &route.site.slots {
            let mut own = Vec::new();
            for (&(above, _), &depth) in slot.flush.iter().zip(&mut depths) {
                own.push((above, self.changed_listed(route, slot.tensor, step, depth)?));
            }
            flushed.push(own);
        }
        let touches = route.touches.as_ref().ok_or(EngineLimit::TooManyClasses)?;
        let start = self.starts[inside];
        let plan = Rc::clone(&self.plan);
        self.table
            .count(
                &SiteView {
                    site: route.site,
                    sharing: &route.sharing,
                    arrival: None,
                    forced: &[],
                    flushed: &flushed,
                    onset: 0,
                    listed: several,
                },
                &plan.footprints,
                &Step {
                    now: &now,
                    held: &held,
                    last: &last,
                    beside: forwards.then_some(last.as_slice()),
                    touch: Touch::Steps {
                        touches,
                        now: (now_node - start) as u32,
                        before: (last_node - start) as u32,
                    },
                },
            )
            .ok_or(EngineLimit::Irregular)
    }

    /// Whether the tile of `tensor` after `depth` loops changes in a step; of a group on one instance.
    fn changed_listed(
        &self,
        route: &Route,
        tensor: usize,
        step: &Move,
        depth: usize,
    ) -> Result<BTreeSet<SmallVec<[u32; 6]>>, EngineLimit> {
        let mut changed = BTreeSet::new();
        if depth < step.from {
            return Ok(changed);
        }
        let footprint = &self.plan.footprints[tensor];
        let tile = |node: usize| {
            let mut pieces = SmallVec::new();
            for holder in self.working(depth, node) {
                footprint.pieces(&holder.state, &mut pieces)?;
            }
            Some(Intervals::union_of(pieces))
        };
        let now = self.first_at(step.now_node, depth - step.from);
        let before = self.last_at(step.before_node, depth - step.from);
        let too_many = EngineLimit::TooManyClasses;
        if tile(now).ok_or(too_many.clone())? != tile(before).ok_or(too_many)? {
            changed.insert(SmallVec::from_elem(0, route.sharing.loops.len()));
        }
        Ok(changed)
    }

    /// The instances below `above` arrays whose tile of `tensor` after `depth` loops changes in a step.
    fn changed(
        &self,
        sharing: &Sharing,
        tensor: usize,
        above: usize,
        step: &Move,
        depth: usize,
    ) -> Result<BTreeSet<SmallVec<[u32; 6]>>, EngineLimit> {
        let footprint = &self.plan.footprints[tensor];
        let tiles = |holders: &[Holder]| {
            let mut pieces: BTreeMap<SmallVec<[u32; 6]>, SmallVec<[_; 8]>> = BTreeMap::new();
            for holder in holders {
                let key = sharing.only(&holder.indices, 0..above);
                footprint.pieces(&holder.state, pieces.entry(key).or_default())?;
            }
            let tiles = pieces.into_iter();
            Some(
                tiles
                    .map(|(key, pieces)| (key, Intervals::union_of(pieces)))
                    .collect::<BTreeMap<_, _>>(),
            )
        };
        let too_many = EngineLimit::TooManyClasses;
        // A memory whose place lies further out than the loop that advances keeps its tile.
        if depth < step.from {
            return Ok(BTreeSet::new());
        }
        let now = self.complete(step.now.clone(), step.from, depth, Completion::First);
        let before = self.last_working(above, &step.before, step.from, depth);
        let now = tiles(&now).ok_or(too_many.clone())?;
        let before = tiles(&before).ok_or(too_many)?;
        Ok(now
            .into_iter()
            .filter(|(key, tile)| before.get(key) != Some(tile))
            .map(|(key, _)| key)
            .collect())
    }

    /// Follows the first (or the very last) windows of the loops `from..to` for all instances; idle ones
    /// are dropped.
    fn complete(
        &self,
        mut holders: Vec<Holder>,
        from: usize,
        to: usize,
        way: Completion,
    ) -> Vec<Holder> {
        for depth in from..to {
            let l = &self.loops[depth];
            holders.retain(|holder| !holder.state.is_empty());
            let trip = match way {
                Completion::First => 0,
                Completion::Last => self.trips(&holders, l).saturating_sub(1),
            };
            let mut next = Vec::with_capacity(holders.len() * l.instances as usize);
            for holder in &holders {
                next.extend((0..l.instances).map(|index| self.inner(holder, depth, trip, index)));
            }
            holders = next;
        }
        holders.retain(|holder| !holder.state.is_empty());
        holders
    }

    /// Trips of `l` for the busiest of the instances.
    fn trips(&self, holders: &[Holder], l: &GroupLoop) -> u64 {
        let reach = holders
            .iter()
            .filter(|holder| !holder.state.is_empty())
            .map(|holder| self.plan.group.windows_in(&holder.state, l));
        reach.max().unwrap_or(0).div_ceil(l.instances)
    }

    fn inner(&self, holder: &Holder, depth: usize, trip: u64, index: u64) -> Holder {
        let l = &self.loops[depth];
        let mut indices = holder.indices.clone();
        indices[depth] = index as u32;
        Holder {
            indices,
            state: self.step(&holder.state, l, trip * l.instances + index),
            idle: holder.idle,
        }
    }

    /// For every instance below `below` arrays the last windows of the loops `from..to` in which it works.
    /// They differ: where the last window of an outer loop is clipped, the instances at the end idle in it.
    fn last_working(
        &self,
        below: usize,
        holders: &[Holder],
        from: usize,
        to: usize,
    ) -> Vec<Holder> {
        let inside = |depth: usize| self.loops[depth].array.is_some_and(|array| array >= below);
        // The trips of the very last step, to see who idles in it.
        let mut trips: SmallVec<[u64; 6]> = SmallVec::new();
        let mut all: Vec<Holder> = holders.to_vec();
        for depth in from..to {
            let l = &self.loops[depth];
            let count = self.trips(&all, l);
            trips.push(count);
            all = all
                .iter()
                .filter(|holder| !holder.state.is_empty())
                .flat_map(|holder| {
                    (0..l.instances)
                        .map(|index| self.inner(holder, depth, count.saturating_sub(1), index))
                        .collect::<SmallVec<[Holder; 4]>>()
                })
                .collect();
        }
        let mut groups: BTreeMap<SmallVec<[u32; 6]>, Vec<Holder>> = BTreeMap::new();
        for holder in holders {
            let mut key = holder.indices.clone();
            for (depth, index) in key.iter_mut().enumerate() {
                if depth < from && inside(depth) {
                    *index = 0;
                }
            }
            groups.entry(key).or_default().push(holder.clone());
        }
        let mut found = Vec::new();
        for members in groups.into_values() {
            let mut indices: Vec<u64> = vec![0; to];
            loop {
                if let Some((mut tile, idle)) =
                    self.last_of(below, &members, (from, to), &indices, Some(&trips))
                {
                    for holder in &mut tile {
                        holder.idle = idle;
                    }
                    found.extend(tile);
                }
                // The next child instance below these holders.
                let turned = (from..to).rev().find(|&depth| {
                    if inside(depth) {
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
        }
        found
    }

    /// The last step in which some PE below one child instance works, and in which loops' last trips it
    /// idles; the instance is at `indices` of the spatial loops above it. `trips`: those of the last step
    /// of all, while this instance follows it.
    fn last_of(
        &self,
        below: usize,
        holders: &[Holder],
        (depth, to): (usize, usize),
        indices: &[u64],
        trips: Option<&[u64]>,
    ) -> Option<(Vec<Holder>, u32)> {
        if depth == to {
            let working: Vec<Holder> = holders
                .iter()
                .filter(|h| !h.state.is_empty())
                .cloned()
                .collect();
            return (!working.is_empty()).then_some((working, 0));
        }
        let l = &self.loops[depth];
        let inside = l.array.is_some_and(|array| array >= below);
        let working = holders.iter().filter(|h| !h.state.is_empty());
        let reach = working
            .map(|h| self.plan.group.windows_in(&h.state, l))
            .max()?;
        let skipped = if inside { 0 } else { indices[depth] };
        let own = reach.saturating_sub(skipped).div_ceil(l.instances);
        (0..own).rev().find_map(|trip| {
            let indices_here = if inside {
                0..l.instances
            } else {
                skipped..skipped + 1
            };
            let pieces: Vec<Holder> = holders
                .iter()
                .flat_map(|holder| indices_here.clone().map(move |index| (holder, index)))
                .map(|(holder, index)| self.inner(holder, depth, trip, index))
                .collect();
            let (last, rest) = match trips.and_then(|trips| trips.split_first()) {
                Some((&last, rest)) => (last, Some(rest)),
                None => (0, None),
            };
            let idles = trip + 1 < last;
            let rest = rest.filter(|_| !idles);
            let (tile, idle) = self.last_of(below, &pieces, (depth + 1, to), indices, rest)?;
            Some((tile, idle | u32::from(idles) << depth))
        })
    }
}
