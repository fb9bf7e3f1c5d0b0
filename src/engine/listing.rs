//! Groups whose loops follow no pattern, step by step.
//!
//! Problem: `TemporalMap(1,1) Y; TemporalMap(1,1) R` finishes an output row only when a kernel row meets the
//! right input row, and most pairs of windows produce nothing. Which rows are finished when is no product
//! *inside* the group; seen from the other groups it is a factor like any (`semantics.md` 2.7). So the
//! group's own loops alone are walked, every step that produces something becomes a node, and what the
//! nodes contribute is counted with sets. Afterwards equal nodes are merged ([`GroupClasses::merge`]), so
//! that a join with the other groups sees a handful of classes again: a kernel of 3 rows over 224 input rows
//! has 666 steps and some ten classes.
//!
//! Invariants: no node is empty (a window in which no instance produces anything is no step); nodes lie in
//! the order of their steps until they are merged.

use super::EngineLimit;
use super::classes::{Edge, GroupClasses, Node};
use super::crossing::{Holder, Sharing, StepSizes, Transition};
use super::late::Fresh;
use super::lattice::NOWHERE;
use crate::base::limits;
use crate::ir::GroupState;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// [`limits::WALKED_INSTANCES`].
const MOST_WALKED: u64 = limits::WALKED_INSTANCES;

type Path = SmallVec<[u64; 4]>;
type Indices = SmallVec<[u32; 6]>;

/// A node while the steps are listed: its windows, and its parent among those one loop further out.
struct Listed {
    path: Path,
    parent: usize,
}

impl GroupClasses {
    /// Lists every step of the group as a node of its own.
    pub(super) fn list(&mut self) -> Result<(), EngineLimit> {
        let mut levels: Vec<Vec<Listed>> = (0..=self.loops.len()).map(|_| Vec::new()).collect();
        let mut work = 0;
        let whole = vec![self.plan.group.whole()];
        self.walk(&whole, &Path::new(), 0, &mut levels, &mut work)
            .ok_or(EngineLimit::TooManyClasses)?;
        self.starts.push(0);
        self.edge_starts.push(0);
        for (depth, level) in levels.iter().enumerate() {
            let first = self.nodes.len();
            let above = if depth == 0 {
                0
            } else {
                self.starts[depth - 1]
            };
            let mut before: Option<usize> = None;
            for listed in level {
                let number = self.nodes.len();
                let path = listed.path.clone();
                self.nodes
                    .push(Node::new(NOWHERE, false, path, (1, 1), Fresh::YES));
                if depth == 0 {
                    continue;
                }
                let parent = above + listed.parent;
                let window = listed.path.last().copied().unwrap_or(0);
                match before.filter(|&before| level[before].parent == listed.parent) {
                    None => {
                        self.nodes[parent].first = number as u32;
                        let edges = self.edges.len() as u32;
                        self.nodes[parent].advances = (edges, edges);
                    }
                    Some(before) => {
                        let from = &level[before];
                        self.edges.push(Edge {
                            parent: parent as u32,
                            child: number as u32,
                            count: 1,
                            window,
                            before: from.path.last().copied().unwrap_or(0),
                            from: (first + before) as u32,
                            last_count: 1,
                        });
                        self.nodes[parent].advances.1 = self.edges.len() as u32;
                    }
                }
                self.nodes[parent].last = number as u32;
                before = Some(number - first);
            }
            self.starts.push(self.nodes.len());
            if depth > 0 {
                self.edge_starts.push(self.edges.len());
            }
        }
        let instances = self.loops.iter().map(|l| l.instances).product();
        self.weigh(instances)?;
        let mut used: BTreeSet<usize> = BTreeSet::new();
        for node in self.nodes_at(self.depth()) {
            let states = self.states_at(node);
            used.extend((0..states.len()).filter(|&at| !states[at].is_empty()));
        }
        self.used = used.len() as u64;
        Ok(())
    }

    /// Walks the loops from `depth` on; whether something is produced. `None` past the budget.
    fn walk(
        &self,
        states: &[GroupState],
        path: &Path,
        depth: usize,
        levels: &mut [Vec<Listed>],
        work: &mut u64,
    ) -> Option<bool> {
        *work += states.len() as u64;
        if *work > MOST_WALKED {
            return None;
        }
        let parent = match depth.checked_sub(1) {
            Some(above) => levels[above].len() - 1,
            None => 0,
        };
        let Some(l) = self.loops.get(depth) else {
            let works = states.iter().any(|state| !state.is_empty());
            if works {
                levels[depth].push(Listed {
                    path: path.clone(),
                    parent,
                });
            }
            return Some(works);
        };
        levels[depth].push(Listed {
            path: path.clone(),
            parent,
        });
        let reach = states
            .iter()
            .map(|state| self.plan.group.windows_in(state, l));
        let trips = reach.max().unwrap_or(0).div_ceil(l.instances);
        let mut works = false;
        for trip in 0..trips {
            let pieces = (states.len() as u64).saturating_mul(l.instances);
            if work.saturating_add(pieces) > MOST_WALKED {
                return None;
            }
            limits::spend(pieces).ok()?;
            let pieces = self.narrow(states, l, trip);
            let mut inner = path.clone();
            inner.push(trip);
            works |= self.walk(&pieces, &inner, depth + 1, levels, work)?;
        }
        if !works {
            levels[depth].pop();
        }
        Some(works)
    }

    /// What every child instance (below `below` arrays) held before a step: the last node before it in
    /// which some instance below it worked. The step goes from the nodes at `inside` loops in `range` (the
    /// last of them is the step before) to `now`.
    ///
    /// `None` when an instance worked last in an earlier round of another group's loops: what it then had
    /// of the other groups is not what they have now.
    pub(super) fn held_before(
        &self,
        sharing: &Sharing,
        below: usize,
        inside: usize,
        (range, advances): (std::ops::Range<usize>, Option<usize>),
        now: &[Holder],
    ) -> Option<Vec<Holder>> {
        let key = |holder: &Holder| sharing.only(&holder.indices, 0..below);
        let mut missing: BTreeSet<Indices> = BTreeSet::new();
        let all = self.loops[..inside]
            .iter()
            .filter(|l| l.array.is_some_and(|array| array < below))
            .map(|l| l.instances)
            .product::<u64>();
        let mut found: BTreeMap<Indices, Vec<Holder>> = BTreeMap::new();
        let take = |node: usize, found: &mut BTreeMap<Indices, Vec<Holder>>| {
            let mut here: BTreeMap<Indices, Vec<Holder>> = BTreeMap::new();
            for holder in self.working(inside, node) {
                here.entry(key(&holder)).or_default().push(holder);
            }
            for (key, holders) in here {
                found.entry(key).or_insert(holders);
            }
        };
        for node in range.clone().rev() {
            limits::spend(all).ok()?;
            take(node, &mut found);
            if found.len() as u64 >= all {
                break;
            }
        }
        missing.extend(now.iter().map(key).filter(|key| !found.contains_key(key)));
        if let (false, Some(loop_)) = (missing.is_empty(), advances) {
            // These begin late in the windows of the loop around: they worked before it, or never.
            let start = self.starts[inside];
            let mut last: Option<usize> = None;
            for node in (start..range.start).rev() {
                limits::spend(all).ok()?;
                let works = self.working(inside, node);
                if works.iter().any(|holder| missing.contains(&key(holder))) {
                    last = Some(node);
                    break;
                }
            }
            let path = &self.nodes[range.start].path;
            let differs = last.map_or(0, |node| {
                let common = self.nodes[node].path.iter().zip(path);
                common.take_while(|(a, b)| a == b).count() + 1
            });
            if self.between[differs..=loop_].contains(&true) {
                return None;
            }
            for node in (start..range.start).rev() {
                limits::spend(all).ok()?;
                take(node, &mut found);
            }
        }
        Some(found.into_values().flatten().collect())
    }

    /// The instances that work below a node after `depth` loops, with what they do in each of its steps:
    /// a tile is what these touch, not the window that they look for it in.
    pub(super) fn working(&self, depth: usize, node: usize) -> Vec<Holder> {
        let mut found = Vec::new();
        for inner in self.below(node, depth) {
            let holders = self.holders(self.depth(), inner);
            found.extend(
                holders
                    .into_iter()
                    .filter(|holder| !holder.state.is_empty()),
            );
        }
        found
    }

    /// The last nodes below a node after `depth` loops.
    fn below(&self, node: usize, depth: usize) -> std::ops::Range<usize> {
        let steps = self.depth() - depth;
        self.first_at(node, steps)..self.last_at(node, steps) + 1
    }

    /// Makes one node of all that do and contribute the same.
    pub(super) fn merge(&mut self) {
        let mut known: BTreeMap<Vec<u64>, u32> = BTreeMap::new();
        let wraps: Vec<u32> = self
            .wraps
            .iter()
            .map(|&transition| self.number(transition, &mut known))
            .collect();
        let advances: Vec<u32> = self
            .advances
            .iter()
            .map(|&transition| self.number(transition, &mut known))
            .collect();
        let sites = self.sites;
        let depth = self.depth();
        // From the innermost nodes outwards: the class of every node, and one node of each class.
        let mut class_of: Vec<u32> = vec![0; self.nodes.len()];
        let mut classes: Vec<Vec<Merged>> = (0..=depth).map(|_| Vec::new()).collect();
        for at in (0..=depth).rev() {
            let mut found: BTreeMap<Vec<u64>, u32> = BTreeMap::new();
            for node in self.nodes_at(at) {
                let here = &self.nodes[node];
                let mut key: Vec<u64> = vec![
                    here.busiest,
                    (here.volume >> 64) as u64,
                    here.volume as u64,
                    here.working,
                ];
                key.extend(
                    wraps[node * sites..(node + 1) * sites]
                        .iter()
                        .map(|&n| u64::from(n)),
                );
                let mut edges: BTreeMap<(Vec<u32>, u32), (u64, usize)> = BTreeMap::new();
                if at < depth {
                    key.push(u64::from(class_of[here.first as usize]));
                    key.push(u64::from(class_of[here.last as usize]));
                    for edge in self.advances_of(node) {
                        let moves = advances[edge * sites..(edge + 1) * sites].to_vec();
                        let child = class_of[self.edges[edge].child as usize];
                        let entry = edges.entry((moves, child)).or_insert((0, edge));
                        entry.0 += 1;
                    }
                    for ((moves, child), (count, _)) in &edges {
                        key.extend(moves.iter().map(|&n| u64::from(n)));
                        key.extend([u64::from(*child), *count]);
                    }
                }
                let next = found.len() as u32;
                let class = *found.entry(key).or_insert(next);
                class_of[node] = class;
                if class == next {
                    classes[at].push(Merged {
                        node,
                        count: 0,
                        edges: edges
                            .into_iter()
                            .map(|((_, child), (count, edge))| (edge, child, count))
                            .collect(),
                    });
                }
                classes[at][class as usize].count += 1;
            }
        }
        self.rebuild(&classes, &class_of);
    }

    fn rebuild(&mut self, classes: &[Vec<Merged>], class_of: &[u32]) {
        let sites = self.sites;
        let mut nodes = Vec::new();
        let mut edges: Vec<Edge> = Vec::new();
        let (mut wraps, mut advances) = (Vec::new(), Vec::new());
        let mut starts = SmallVec::from_slice(&[0]);
        let mut edge_starts = SmallVec::from_slice(&[0]);
        let mut first = 0u32;
        for (at, level) in classes.iter().enumerate() {
            let inner = first + level.len() as u32;
            for merged in level {
                let old = &self.nodes[merged.node];
                let mut node = Node::new(
                    old.spot,
                    false,
                    old.path.clone(),
                    (merged.count, merged.count),
                    Fresh::YES,
                );
                (node.busiest, node.volume, node.working) = (old.busiest, old.volume, old.working);
                if at + 1 < classes.len() {
                    node.first = inner + class_of[old.first as usize];
                    node.last = inner + class_of[old.last as usize];
                }
                let begin = edges.len() as u32;
                for &(edge, child, count) in &merged.edges {
                    let old = &self.edges[edge];
                    edges.push(Edge {
                        parent: nodes.len() as u32,
                        child: inner + child,
                        count,
                        window: old.window,
                        before: old.before,
                        from: 0,
                        last_count: merged.count * count,
                    });
                    advances.extend_from_slice(&self.advances[edge * sites..(edge + 1) * sites]);
                }
                node.advances = (begin, edges.len() as u32);
                wraps
                    .extend_from_slice(&self.wraps[merged.node * sites..(merged.node + 1) * sites]);
                nodes.push(node);
            }
            first = inner;
            starts.push(nodes.len());
            if at + 1 < classes.len() {
                edge_starts.push(edges.len());
            }
        }
        (self.nodes, self.edges) = (nodes, edges);
        (self.wraps, self.advances) = (wraps, advances);
        (self.starts, self.edge_starts) = (starts, edge_starts);
    }

    /// Equal transitions have equal numbers.
    fn number(&self, transition: Transition, known: &mut BTreeMap<Vec<u64>, u32>) -> u32 {
        let mut key = Vec::new();
        let slots = |first: u32, next: Option<u32>| {
            let end = next.map_or(self.table.sizes.len(), |next| next as usize);
            first as usize..end
        };
        let from = transition.first as usize;
        for number in from..from + transition.len as usize {
            let variant = &self.table.variants[number];
            let next = self.table.variants.get(number + 1).map(|v| v.first);
            key.extend([u64::MAX, variant.count]);
            for sizes in &self.table.sizes[slots(variant.first, next)] {
                flatten(sizes, &mut key);
                let sorts = self.table.sorts.get(sizes.sorts as usize);
                for (bits, count) in sorts.iter().flat_map(|s| s.shared.iter().chain(&s.alone)) {
                    key.extend([u64::from(*bits), *count]);
                }
            }
        }
        let next = known.len() as u32;
        *known.entry(key).or_insert(next)
    }
}

/// One class of equal nodes.
struct Merged {
    /// One of them.
    node: usize,
    count: u64,
    /// One edge of each kind below it, the class of its child, and how many there are.
    edges: Vec<(usize, u32, u64)>,
}

fn flatten(sizes: &StepSizes, key: &mut Vec<u64>) {
    key.extend([
        sizes.tile_sum,
        sizes.reused_sum,
        sizes.tile,
        sizes.needed,
        sizes.needed_reused,
        sizes.first_touch,
        sizes.begun,
        sizes.prev_held,
        sizes.retained,
        sizes.all_held,
        sizes.all_retained,
        sizes.done_held,
        sizes.done_retained,
        sizes.own_done,
        sizes.own_retained,
        sizes.all_done,
        sizes.all_done_retained,
    ]);
}
