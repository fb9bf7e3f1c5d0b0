//! Is every point of a group performed exactly once? Decided by enumeration, exactly.
//!
//! Problem: loops that do not partition can still add up to an exact cover. Over `K: 4`,
//! `TemporalMap(3,2) K` has the windows 0..3 and 2..4, which overlap; with `TemporalMap(2,3) K` inside, only
//! 0..2 and 2..4 are left, and every channel is done once. So all boxes of the group are listed, over all
//! trips, folds and instances, and a sweep finds what is covered never or twice.
//!
//! How often a point is performed does not depend on which trips are shared by instances: an instance goes
//! through its own windows, however far the busiest one goes on. So space and time are walked alike.
//!
//! Past the limit of work (`limit` windows, or half the allowance of a layer) single points at the edges of the first windows are looked up instead: a doubled
//! or missed one is a proof; without one the verdict is open.

use super::trace;
use crate::base::limits;
use crate::ir::{Group, GroupAxis, GroupLoop, GroupState, Interval, window_count};
use smallvec::SmallVec;

/// A part of a group's box: an interval per rank of the group.
pub(super) type Boxed = SmallVec<[Interval; 2]>;

/// [`limits::COVER_WINDOWS`].
pub(super) const LIMIT: u64 = limits::COVER_WINDOWS;

/// The verdict on a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cover {
    Exact,
    Broken(Defects),
    Undecided,
}

/// What is wrong with a cover. At least one of `gap` and `doubled` is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Defects {
    /// The first uncovered point, in lexicographic order when everything was enumerated.
    pub gap: Option<Gap>,
    /// A point performed more than once; the first one likewise.
    pub doubled: Option<Vec<i64>>,
    /// Points of the group that are not performed; `None` unless everything was enumerated.
    pub missed: Option<u128>,
    /// Performances beyond the first of each point; likewise.
    pub surplus: Option<u128>,
}

/// An uncovered point, and how far along one rank nothing is covered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub point: Vec<i64>,
    /// Index into `Group::ranks`.
    pub rank: usize,
    /// Of `rank`; starts at the point.
    pub range: Interval,
}

/// How many windows of `l` have something of every axis in `state`.
pub(super) fn common_windows(state: &GroupState, l: &GroupLoop) -> u64 {
    let reach = |m: &crate::ir::GroupMove| {
        let extent = match m.axis {
            GroupAxis::Rank(rank) => state.ranks[rank],
            GroupAxis::Window(window) => state.windows[window],
        };
        window_count(extent.len(), m.size as u64, m.offset as u64)
    };
    l.moves.iter().map(reach).min().unwrap_or(0)
}

/// Judges `group`, within about `limit` operations.
pub(super) fn judge(group: &Group, limit: u64) -> Cover {
    // So that something is left for the look-ups, and for whoever explains the verdict.
    let (verdict, ..) = limits::within(limits::LAYER / 2, None, || enumerate(group, limit));
    if let Some(verdict) = verdict {
        return verdict;
    }
    let (defects, ..) = limits::within(limits::LAYER / 8, None, || probe(group, &group.whole()));
    defects.map_or(Cover::Undecided, Cover::Broken)
}

/// The verdict from all windows; `None` when they are too many.
fn enumerate(group: &Group, limit: u64) -> Option<Cover> {
    let whole = group.whole();
    let mut boxes = Vec::new();
    let mut budget = limit;
    if !list(group, 0, &whole, &mut boxes, &mut budget) {
        return None;
    }
    let mut sweep = Sweep {
        extents: &whole.ranks,
        boxes: &boxes,
        budget: limit.saturating_mul(16),
        defects: Defects {
            missed: Some(0),
            surplus: Some(0),
            ..Defects::default()
        },
        prefix: Vec::new(),
    };
    let all: Vec<u32> = (0..boxes.len() as u32).collect();
    sweep.run(all, 1)?;
    let defects = sweep.defects;
    Some(if defects.gap.is_none() && defects.doubled.is_none() {
        Cover::Exact
    } else {
        Cover::Broken(defects)
    })
}

/// Lists the non-empty leaf boxes of `group` inside `state`; false when the budget is spent.
fn list(
    group: &Group,
    depth: usize,
    state: &GroupState,
    boxes: &mut Vec<Boxed>,
    budget: &mut u64,
) -> bool {
    let Some(l) = group.loops.get(depth) else {
        boxes.push(state.ranks.clone());
        return true;
    };
    for window in 0..common_windows(state, l) {
        let Some(left) = budget.checked_sub(1) else {
            return false;
        };
        *budget = left;
        if limits::spend(1).is_err() {
            return false;
        }
        let piece = group.step(state, l, window);
        if !piece.is_empty() && !list(group, depth + 1, &piece, boxes, budget) {
            return false;
        }
    }
    true
}

/// Sweeps the boxes rank by rank: between two edges along a rank the same boxes are met, so each such slab
/// is a problem of one rank less.
struct Sweep<'a> {
    extents: &'a [Interval],
    boxes: &'a [Boxed],
    budget: u64,
    defects: Defects,
    /// First coordinates of the slabs that are being swept.
    prefix: Vec<i64>,
}

impl Sweep<'_> {
    /// `met`: the boxes that contain the current slab; `thickness`: its points in the outer ranks.
    /// `None` when the budget is spent.
    fn run(&mut self, mut met: Vec<u32>, thickness: u128) -> Option<()> {
        let rank = self.prefix.len();
        let Some(&extent) = self.extents.get(rank) else {
            self.count(met.len(), thickness);
            return Some(());
        };
        let side = |number: u32| self.boxes[number as usize][rank];
        met.sort_by_key(|&number| side(number).lo);
        let (mut next, mut at) = (0, extent.lo);
        let mut active: Vec<u32> = Vec::new();
        while at < extent.hi {
            active.retain(|&number| side(number).hi > at);
            while next < met.len() && side(met[next]).lo <= at {
                active.push(met[next]);
                next += 1;
            }
            let ends = active.iter().map(|&number| side(number).hi);
            let starts = met.get(next).map(|&number| side(number).lo);
            let end = ends.chain(starts).min().unwrap_or(extent.hi).min(extent.hi);
            let work = 1 + active.len() as u64;
            self.budget = self.budget.checked_sub(work)?;
            limits::spend(work.div_ceil(8)).ok()?;
            let slab = Interval::new(at, end);
            self.prefix.push(at);
            let thick = thickness.saturating_mul(u128::from(slab.len()));
            if active.is_empty() {
                self.leave(rank, slab, thick);
            } else {
                self.run(active.clone(), thick)?;
            }
            self.prefix.pop();
            at = end;
        }
        Some(())
    }

    /// A cell that `times` boxes contain.
    fn count(&mut self, times: usize, points: u128) {
        if times > 1 {
            let again = points.saturating_mul(times as u128 - 1);
            self.defects.surplus = self.defects.surplus.map(|sum| sum.saturating_add(again));
            let first = &self.prefix;
            self.defects.doubled.get_or_insert_with(|| first.clone());
        }
    }

    /// A slab that no box contains.
    fn leave(&mut self, rank: usize, range: Interval, thick: u128) {
        let inner = self.extents[rank + 1..].iter();
        let points = inner.fold(thick, |sum, e| sum.saturating_mul(u128::from(e.len())));
        self.defects.missed = self.defects.missed.map(|sum| sum.saturating_add(points));
        if self.defects.gap.is_none() {
            let mut point = self.prefix.clone();
            point.extend(self.extents[rank + 1..].iter().map(|e| e.lo));
            self.defects.gap = Some(Gap { point, rank, range });
        }
    }
}

/// Looks up points at the edges of the first windows of every loop.
fn probe(group: &Group, whole: &GroupState) -> Option<Defects> {
    const PER_RANK: usize = 24;
    const POINTS: usize = 20_000;
    let candidates: Vec<Vec<i64>> = (0..whole.ranks.len())
        .map(|rank| {
            let extent = whole.ranks[rank];
            let mut some = vec![extent.lo, extent.hi - 1];
            for m in group.loops.iter().flat_map(|l| &l.moves) {
                match m.axis {
                    GroupAxis::Rank(r) if r == rank => some.extend(edges(m.size, m.offset)),
                    GroupAxis::Window(w) if group.windows[w].output == rank => {
                        let stride = group.windows[w].stride;
                        some.extend(edges(m.size / stride, m.offset / stride));
                        let kernel = whole.ranks[group.windows[w].kernel].len() as i64;
                        let span = group.windows[w].dilation * (kernel - 1) + 1;
                        some.extend(edges((m.size - span) / stride + 1, m.offset / stride));
                    }
                    _ => {}
                }
            }
            some.retain(|x| (extent.lo..extent.hi).contains(x));
            some.sort_unstable();
            some.dedup();
            some.truncate(PER_RANK);
            some
        })
        .collect();
    let mut defects = Defects::default();
    let mut point: Vec<i64> = candidates.iter().map(|c| c[0]).collect();
    let mut digits = vec![0usize; candidates.len()];
    for _ in 0..POINTS {
        if limits::is_spent() {
            break;
        }
        match trace::performances(group, &point, 2).map(|paths| paths.len()) {
            Some(0) if defects.gap.is_none() => {
                let rank = trace::deepest(group, &point)
                    .map(|miss| group.loops[miss.depth].moves[miss.number].axis)
                    .map_or(0, |axis| match axis {
                        GroupAxis::Rank(rank) => rank,
                        GroupAxis::Window(w) => group.windows[w].output,
                    });
                let range = Interval::new(point[rank], point[rank] + 1);
                defects.gap = Some(Gap {
                    point: point.clone(),
                    rank,
                    range,
                });
            }
            Some(2..) if defects.doubled.is_none() => defects.doubled = Some(point.clone()),
            _ => {}
        }
        if defects.gap.is_some() {
            break;
        }
        // The next point: an odometer over the candidates, last rank fastest.
        let mut rank = candidates.len();
        loop {
            if rank == 0 {
                return defects.doubled.is_some().then_some(defects);
            }
            rank -= 1;
            digits[rank] += 1;
            if digits[rank] < candidates[rank].len() {
                point[rank] = candidates[rank][digits[rank]];
                break;
            }
            digits[rank] = 0;
            point[rank] = candidates[rank][0];
        }
    }
    (defects.gap.is_some() || defects.doubled.is_some()).then_some(defects)
}

fn edges(size: i64, offset: i64) -> [i64; 7] {
    [
        1,
        size - 1,
        size,
        offset - 1,
        offset,
        offset + size - 1,
        offset + size,
    ]
}
