//! The issues of one leaf tile (`semantics.md` 2.2): what its lanes read, and what they deliver.
//!
//! At one relative point of the leaf tiles the distinct elements are a product over groups, and so is their
//! sum over all points. Whether a delivery finds a sum is for the home to say, element by element.

use super::layout::Outlet;
use super::machine::Machine;
use super::tally::add;
use super::tree::Tree;
use crate::engine::EngineLimit;
use crate::engine::plan::Plan;
use crate::ir::{GroupState, Interval};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// What the lanes of one instance do in one leaf of a group, or together.
#[derive(Clone, Copy)]
pub(super) struct Issue {
    /// Elements that cross: distinct ones where arrays join.
    pub crossing: u64,
    /// Of those, sums that are complete by themselves.
    pub complete: u64,
    /// Elements over all lanes.
    pub touching: u64,
}

impl Issue {
    const ONE: Issue = Issue {
        crossing: 1,
        complete: 1,
        touching: 1,
    };

    fn times(self, other: Issue) -> Issue {
        Issue {
            crossing: self.crossing.wrapping_mul(other.crossing),
            complete: self.complete.wrapping_mul(other.complete),
            touching: self.touching.wrapping_mul(other.touching),
        }
    }
}

/// What the lanes below every instance do, by leaf and instance.
pub(super) struct Issues {
    pub keys: usize,
    pub table: Vec<Issue>,
}

impl Issues {
    /// Of one tensor in one group, seen from the instances below `depth` arrays; `joins`: whether an array
    /// joins equal elements.
    pub fn new(
        (plan, tree): (&Plan, &Tree),
        (tensor, is_result): (usize, bool),
        depth: usize,
        joins: &dyn Fn(usize) -> bool,
        work: &mut u64,
    ) -> Result<Issues, EngineLimit> {
        let too_many = EngineLimit::TooManySteps;
        let points = if is_result && plan.points_per_result().is_none() {
            Some(points(plan, tensor, work).ok_or(too_many.clone())?)
        } else {
            None
        };
        let mut issues = Issues {
            keys: 0,
            table: Vec::new(),
        };
        let apart = tree.apart(depth, joins);
        for leaf in 0..tree.leaves.len() {
            let below = tree.below(leaf, depth);
            issues.keys = below.len();
            for lanes in below {
                let mut classes: BTreeMap<usize, Vec<&GroupState>> = BTreeMap::new();
                let mut issue = Issue {
                    crossing: 0,
                    complete: 0,
                    touching: 0,
                };
                for (instance, state) in lanes {
                    classes.entry(apart[instance]).or_default().push(state);
                    issue.touching += plan.footprints[tensor]
                        .touching(state)
                        .ok_or(too_many.clone())?;
                }
                for class in classes.values() {
                    let (crossing, complete) =
                        class_issues(plan, (tensor, is_result), class, points.as_ref(), work)
                            .ok_or(too_many.clone())?;
                    issue.crossing += crossing;
                    issue.complete += complete;
                }
                issues.table.push(issue);
            }
        }
        Ok(issues)
    }
}

/// How many points of the group make each element of the result.
fn points(plan: &Plan, tensor: usize, work: &mut u64) -> Option<BTreeMap<i64, u64>> {
    let whole = plan.group.whole();
    spend(work, whole.volume())?;
    let mut found = BTreeMap::new();
    let extents: SmallVec<[i64; 4]> = whole.ranks.iter().map(|r| r.len() as i64).collect();
    each_point(&extents, |point| {
        *found
            .entry(element(plan, tensor, &whole, point)??)
            .or_insert(0) += 1;
        Some(())
    });
    Some(found)
}

fn spend(work: &mut u64, own: u64) -> Option<()> {
    *work = work.saturating_add(own);
    (*work <= super::MOST_STEPS / 2).then_some(())
}

/// The element at a relative point of a box: outer `None` past the end, inner outside the tensor.
fn element(plan: &Plan, tensor: usize, state: &GroupState, point: &[i64]) -> Option<Option<i64>> {
    let mut at = state.clone();
    for (range, &j) in at.ranks.iter_mut().zip(point) {
        let x = range.lo + j;
        if x >= range.hi {
            return None;
        }
        *range = Interval::new(x, x + 1);
    }
    let mut pieces = SmallVec::new();
    plan.footprints[tensor].pieces(&at, &mut pieces)?;
    Some(pieces.first().map(|piece| piece.lo))
}

fn each_point(extents: &[i64], mut visit: impl FnMut(&[i64]) -> Option<()>) {
    let mut point: SmallVec<[i64; 4]> = SmallVec::from_elem(0, extents.len());
    loop {
        let _ = visit(&point);
        let turned = (0..extents.len()).rev().find(|&rank| {
            point[rank] += 1;
            let turns = point[rank] < extents[rank];
            if !turns {
                point[rank] = 0;
            }
            turns
        });
        if turned.is_none() {
            return;
        }
    }
}

/// Elements that cross for lanes that share, and how many of them are complete sums.
fn class_issues(
    plan: &Plan,
    (tensor, is_result): (usize, bool),
    class: &[&GroupState],
    points: Option<&BTreeMap<i64, u64>>,
    work: &mut u64,
) -> Option<(u64, u64)> {
    let alike = class.iter().all(|state| *state == class[0]);
    if alike && points.is_none() {
        let crossing = plan.footprints[tensor].touching(class[0])?;
        let whole = plan.points_per_result() == Some(class.len() as u64);
        return Some((crossing, crossing * u64::from(is_result && whole)));
    }
    let extents: SmallVec<[i64; 4]> = (0..plan.group.ranks.len())
        .map(|rank| {
            let lengths = class.iter().map(|state| state.ranks[rank].len());
            lengths.max().unwrap_or(0) as i64
        })
        .collect();
    let volume = extents
        .iter()
        .try_fold(class.len() as u64, |n, &e| n.checked_mul(e as u64))?;
    spend(work, volume)?;
    let (mut crossing, mut complete) = (0, 0);
    let mut at: Vec<i64> = Vec::with_capacity(class.len());
    each_point(&extents, |point| {
        at.clear();
        let elements = class
            .iter()
            .filter_map(|s| element(plan, tensor, s, point)?);
        at.extend(elements);
        at.sort_unstable();
        for run in at.chunk_by(|a, b| a == b) {
            crossing += 1;
            let all = match points {
                Some(points) => points.get(&run[0]).copied(),
                None => plan.points_per_result(),
            };
            complete += u64::from(is_result && all == Some(run.len() as u64));
        }
        Some(())
    });
    Some((crossing, complete))
}

impl Machine<'_> {
    /// The issues of the leaf tiles at hand.
    pub(super) fn issue(&mut self) {
        let leaves: SmallVec<[usize; 8]> = (0..self.trees.len()).map(|g| self.leaf(g)).collect();
        for home in 0..self.outlets.len() {
            let outlet = std::rc::Rc::clone(&self.outlets[home]);
            for &tensor in &outlet.tensors {
                self.issue_tensor(&outlet, home, tensor, &leaves);
            }
        }
    }

    fn issue_tensor(&mut self, outlet: &Outlet, home: usize, tensor: usize, leaves: &[usize]) {
        let result = self.mapping.operation.result();
        let is_result = tensor == result;
        let bits = u64::from(self.mapping.operation.tensors[tensor].bits);
        let widths = self.widths();
        let flow = &outlet.flows[tensor];
        let number = self.flows.boundaries.len() + home;
        for joint in &outlet.joints {
            for site in 0..joint.sites {
                let mut all = Issue::ONE;
                let keys = &joint.keys[site * leaves.len()..(site + 1) * leaves.len()];
                for ((issues, &leaf), &key) in joint.issues[tensor].iter().zip(leaves).zip(keys) {
                    all = all.times(issues.table[leaf * issues.keys + key as usize]);
                }
                if all.touching == 0 {
                    continue;
                }
                let width = all.complete * widths[1] + (all.crossing - all.complete) * widths[0];
                if joint.depth < self.mapping.architecture.arrays.len() {
                    let at = joint.depth - outlet.above;
                    if is_result {
                        self.clock.issue(home, flow.up[at], site, width);
                    } else {
                        self.clock
                            .issue(home, flow.down[at], site, all.crossing * bits);
                    }
                }
                if joint.depth != outlet.above {
                    continue;
                }
                let crossed = &mut self.tally.crossed[number][tensor];
                if outlet.above < self.mapping.architecture.arrays.len() {
                    add(&mut crossed.hops, self.weight, all.touching);
                }
                if !is_result {
                    add(&mut crossed.down, self.weight, all.crossing);
                    let own = &mut self.tally.owns[outlet.memory][tensor];
                    add(&mut own.reads, self.weight, all.crossing);
                    let through = all.crossing * bits;
                    self.clock.issue(home, flow.parent_read, site, through);
                    continue;
                }
                add(&mut crossed.up, self.weight, all.crossing);
                add(&mut crossed.up_complete, self.weight, all.complete);
                let (begun, completed) = self.deliver(outlet, site, leaves);
                let found = all.crossing - begun;
                let own = &mut self.tally.owns[outlet.memory][tensor];
                add(&mut own.reads, self.weight, found);
                add(&mut own.updates, self.weight, found);
                add(&mut own.writes, self.weight, all.crossing);
                add(&mut own.complete_writes, self.weight, completed);
                self.clock
                    .issue(home, flow.parent_read, site, found * widths[0]);
                let written = completed * widths[1] + (all.crossing - completed) * widths[0];
                self.clock.issue(home, flow.parent_write, site, written);
            }
        }
    }

    /// The lanes below one home work on their elements of the result: how many had no sum there, and how
    /// many are complete now.
    fn deliver(&mut self, outlet: &Outlet, site: usize, leaves: &[usize]) -> (u64, u64) {
        let result = self.mapping.operation.result();
        let groups = leaves.len();
        let mut met: SmallVec<[(usize, u64, u32); 4]> = SmallVec::new();
        met.push((0, 1, 1));
        for (g, &leaf) in leaves.iter().enumerate() {
            let visits = &outlet.visits[g];
            let key = visits.keys[site * groups + g] as usize;
            let set = visits.view.set(leaf, key, result);
            let sets = &self.trees[g].sets[result];
            let own = &visits.counts[leaf * visits.view.keys + key];
            let stride = self.strides[result][g];
            let sizes = &sets.sizes[outlet.place];
            if let ([atom], [visits]) = (sets.lists[set as usize].as_slice(), own.as_slice()) {
                for (element, size, count) in &mut met {
                    *element += *atom as usize * stride;
                    *size *= sizes[*atom as usize];
                    *count *= visits;
                }
                continue;
            }
            let mut next = SmallVec::new();
            for &(element, size, count) in &met {
                for (&atom, &visits) in sets.lists[set as usize].iter().zip(own) {
                    next.push((
                        element + atom as usize * stride,
                        size * sizes[atom as usize],
                        count * visits,
                    ));
                }
            }
            met = next;
        }
        let (mut begun, mut completed) = (0, 0);
        let base = site as u64 * self.totals.len() as u64;
        let sums = &mut self.sums[outlet.memory];
        for (element, size, visits) in met {
            let sum = sums.entry(base + element as u64).or_insert(0);
            if *sum == 0 {
                begun += size;
            }
            *sum += visits;
            if *sum == self.totals[element] {
                completed += size;
            }
        }
        (begun, completed)
    }
}
