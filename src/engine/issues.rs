//! What one group contributes to the issues of a leaf tile.
//!
//! Problem: four PEs that all use the same input take it from the buffer in front of them once per issue,
//! not four times (`semantics.md` 2.2). At one relative point of the leaf tiles every lane with work left
//! touches one element of each tensor; over arrays that join, equal elements count once. The distinct
//! elements at a point are a product over groups, and so is the sum over all points.

use super::crossing::{Holder, Sharing, Sizes, Sorts, StepSizes, Table, Touch, Transition};
use super::flows::{Site, Slot};
use super::late::Arrival;
use super::plan::Plan;
use super::sets::{Indices, sole};
use crate::base::limits;
use crate::ir::{GroupState, Interval, Intervals};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// [`limits::LEAF_ISSUES`].
const MOST_ISSUES: u64 = limits::LEAF_ISSUES;

/// Counts the issues of one leaf tile at one site. `None` when that is too much work.
pub(super) fn count(
    table: &mut Table,
    plan: &Plan,
    (site, sharing, arrival): (&Site, &Sharing, Option<&Arrival>),
    lanes: &[Holder],
    touch: Touch,
    work: &mut u64,
) -> Option<Transition> {
    let mut by_site: BTreeMap<Indices, Vec<&Holder>> = BTreeMap::new();
    for lane in lanes {
        by_site
            .entry(sharing.only(&lane.indices, 0..site.depth))
            .or_default()
            .push(lane);
    }
    let mut late = BTreeSet::new();
    let mut instances: Vec<Sizes> = by_site.iter().map(|_| Sizes::new()).collect();
    for slot in &site.slots {
        let mut tiles = Vec::new();
        for (sizes, members) in instances.iter_mut().zip(by_site.values()) {
            let mut own = StepSizes::default();
            let mut classes: BTreeMap<Indices, Vec<&Holder>> = BTreeMap::new();
            for lane in members {
                classes
                    .entry(sharing.collector(&lane.indices, slot, site.depth))
                    .or_default()
                    .push(lane);
            }
            for class in classes.values() {
                let (crossing, complete) = class_issues(plan, slot, class, touch, work)?;
                own.needed += crossing;
                own.done_held += complete;
            }
            for lane in members {
                own.tile_sum += touching(plan, slot, &lane.state)?;
            }
            if slot.is_result {
                let mut pieces = SmallVec::new();
                for lane in members {
                    plan.footprints[slot.tensor].pieces(&lane.state, &mut pieces)?;
                }
                let tile = Intervals::union_of(pieces);
                (own.first_touch, own.begun) = touch.begin(&tile);
                tiles.push(tile);
            }
            sizes.push((own, Sorts::default()));
        }
        if let Some(arrival) = arrival.filter(|_| slot.is_result) {
            let tiles = by_site.keys().cloned().zip(tiles.iter().cloned());
            late = arrival.late(sharing, slot.above, &tiles.collect());
        }
        for (sizes, sole) in instances.iter_mut().zip(sole(&tiles)) {
            if let Some((own, _)) = sizes.last_mut() {
                own.all_done = match touch {
                    Touch::Alike { .. } => sole.len(),
                    Touch::Steps { touches, now, .. } => touches.done_by(&sole, now).len(),
                };
            }
        }
    }
    let instances = by_site.keys().zip(instances);
    Some(table.kinds(instances.map(|(key, sizes)| (sizes, late.contains(key)))))
}

/// Points of one lane whose element exists.
fn touching(plan: &Plan, slot: &Slot, state: &GroupState) -> Option<u64> {
    if slot.is_result && !plan.clipping.contains(&slot.tensor) {
        return Some(state.volume());
    }
    plan.footprints[slot.tensor].touching(state)
}

/// Elements that cross for one class of lanes, and how many of them are complete sums.
fn class_issues(
    plan: &Plan,
    slot: &Slot,
    class: &[&Holder],
    touch: Touch,
    work: &mut u64,
) -> Option<(u64, u64)> {
    let whole = plan.points_per_result();
    if let [lane] = class {
        let crossing = touching(plan, slot, &lane.state)?;
        let complete = match (touch, whole) {
            (Touch::Alike { .. }, Some(points)) => crossing * u64::from(points == 1),
            _ if !slot.is_result => 0,
            _ => return issue_by_issue(plan, slot, class, touch, work),
        };
        return Some((crossing, complete));
    }
    issue_by_issue(plan, slot, class, touch, work)
}

fn issue_by_issue(
    plan: &Plan,
    slot: &Slot,
    class: &[&Holder],
    touch: Touch,
    work: &mut u64,
) -> Option<(u64, u64)> {
    let ranks = plan.group.ranks.len();
    let extents: SmallVec<[i64; 4]> = (0..ranks)
        .map(|rank| {
            let lengths = class.iter().map(|lane| lane.state.ranks[rank].len());
            lengths.max().unwrap_or(0) as i64
        })
        .collect();
    let volume = extents
        .iter()
        .try_fold(class.len() as u64, |n, &e| n.checked_mul(e as u64))?;
    *work = work.checked_add(volume)?;
    if *work > MOST_ISSUES {
        return None;
    }
    let total = plan.points_per_result();
    let footprint = &plan.footprints[slot.tensor];
    let (mut crossing, mut complete) = (0, 0);
    let mut point: SmallVec<[i64; 4]> = SmallVec::from_elem(0, ranks);
    let mut at: Vec<i64> = Vec::with_capacity(class.len());
    loop {
        at.clear();
        for lane in class {
            let mut state = lane.state.clone();
            let inside = state.ranks.iter_mut().zip(&point).all(|(range, &j)| {
                let x = range.lo + j;
                let inside = x < range.hi;
                *range = Interval::new(x, x + 1);
                inside
            });
            if inside {
                let mut pieces = SmallVec::new();
                footprint.pieces(&state, &mut pieces)?;
                at.extend(pieces.first().map(|piece| piece.lo));
            }
        }
        at.sort_unstable();
        for run in at.chunk_by(|a, b| a == b) {
            crossing += 1;
            let points = match touch {
                Touch::Alike { .. } => total,
                Touch::Steps { touches, .. } => touches.of(run[0]).map(|t| t.points),
            };
            complete += u64::from(slot.is_result && points == Some(run.len() as u64));
        }
        let turned = (0..ranks).rev().find(|&rank| {
            point[rank] += 1;
            let turns = point[rank] < extents[rank];
            if !turns {
                point[rank] = 0;
            }
            turns
        });
        if turned.is_none() {
            return Some((crossing, complete));
        }
    }
}

/// The sizes of a group without loops: one lane does all of it.
pub(super) fn whole(plan: &Plan, tensor: usize, is_result: bool) -> StepSizes {
    let mut sizes = StepSizes {
        needed: plan.touching[tensor],
        tile_sum: plan.touching[tensor],
        first_touch: plan.unique[tensor],
        begun: plan.unique[tensor],
        all_done: plan.unique[tensor],
        ..StepSizes::default()
    };
    if is_result {
        sizes.done_held = plan.single;
    }
    sizes
}
