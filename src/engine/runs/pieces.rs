//! Tiles of one tensor that are translates of each other, their unions and what of them is new.

use super::*;

/// Instances that have translates of one tile now, and of one before.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    pub(super) from: u64,
    pub(super) count: u64,
    pub(super) step: i64,
    pub(super) now: Interval,
    pub(super) held: Interval,
    /// What of `held` a new tile can keep.
    pub(super) kept: Interval,
}

/// Adds the union of translates of an interval to a list.
pub(super) fn lay(
    piece: Interval,
    step: i64,
    count: u64,
    list: &mut SmallVec<[Interval; 8]>,
) -> Option<()> {
    if piece.is_empty() {
        return Some(());
    }
    let by = step.checked_mul(count as i64 - 1)?;
    if step.unsigned_abs() <= piece.len() {
        list.push(Interval::new(piece.lo + by.min(0), piece.hi + by.max(0)));
        return Some(());
    }
    if count > MOST_SINGLE {
        return None;
    }
    for at in 0..count as i64 {
        list.push(Interval::new(piece.lo + at * step, piece.hi + at * step));
    }
    Some(())
}

/// `a` without `b`: at most two intervals.
pub(super) fn without(a: Interval, b: Interval) -> [Interval; 2] {
    if a.intersect(b).is_empty() {
        return [a, Interval::EMPTY];
    }
    [
        Interval::new(a.lo, b.lo.max(a.lo)),
        Interval::new(b.hi.min(a.hi), a.hi),
    ]
}

pub(super) fn size(list: SmallVec<[Interval; 8]>) -> u64 {
    Intervals::union_of(list).len()
}

impl Piece {
    pub(super) fn new_elements(&self) -> [Interval; 2] {
        without(self.now, self.kept)
    }

    pub(super) fn leaving(&self) -> [Interval; 2] {
        if self.now.is_empty() || self.kept.is_empty() {
            [self.held, Interval::EMPTY]
        } else {
            without(self.held, self.now)
        }
    }
}

/// The tiles of one tensor in a site, and who shares its transfers.
pub(super) struct View<'a> {
    pub(super) slot: &'a Slot,
    pub(super) shadow: &'a Shadow,
    /// From one instance of the long loop to the next.
    pub(super) step: i64,
    /// All instances share a transfer, or none do.
    pub(super) shared: bool,
}

impl<'a> View<'a> {
    pub(super) fn new(
        mapping: &Mapping,
        site: &Site,
        slot: &'a Slot,
        (plan, lattice, spread): (&'a Plan, &Lattice, &Spread),
    ) -> Option<View<'a>> {
        let shadow = &plan.shadows[slot.tensor];
        let step = match spread.long {
            Some(long) => lattice.step(long, plan.ground.as_ref()?, shadow)?,
            None => 0,
        };
        let shares = |array: usize| {
            let network = &mapping.architecture.arrays[array].network;
            if slot.is_result {
                network.reduction
            } else {
                network.multicast
            }
        };
        let between = || {
            spread
                .arrays()
                .filter(|&array| array >= site.depth && array < slot.below)
        };
        let shared = between().all(shares);
        if !shared && between().any(shares) {
            return None;
        }
        Some(View {
            slot,
            shadow,
            step,
            shared,
        })
    }

    /// The tile at a place of a run.
    pub(super) fn tile(&self, at: Option<(Spot, u64)>) -> Option<Interval> {
        let Some((spot, further)) = at else {
            return Some(Interval::EMPTY);
        };
        let (_, open) = self.shadow.interval(&spot)?;
        let by = self.step.checked_mul(further as i64)?;
        Some(Interval::new(open.lo + by, open.hi + by))
    }

    pub(super) fn bounds(&self) -> Interval {
        let (lo, hi) = self.shadow.bounds().unwrap_or((i64::MIN, i64::MAX - 1));
        Interval::new(lo, hi.saturating_add(1))
    }

    /// How many instances of a run of `count` lie inside the borders with `tile`, and from which on.
    pub(super) fn inside(&self, tile: Interval, count: u64) -> (u64, u64) {
        let bounds = self.bounds();
        let count = count as i64;
        if tile.is_empty() {
            return (0, count as u64);
        }
        let (mut from, mut to) = (0i64, count - 1);
        lattice::keep_inside(
            &mut from,
            &mut to,
            tile.lo,
            tile.hi,
            (bounds.lo, bounds.hi),
            self.step,
        );
        if self.step == 0 && (tile.lo < bounds.lo || tile.hi > bounds.hi) {
            // All are clipped alike.
            return (0, count as u64);
        }
        let from = from.clamp(0, count);
        (from as u64, (to + 1).clamp(from, count) as u64)
    }

    /// The first instances of the pieces of a cell: those that reach over a border are alone.
    pub(super) fn parts(&self, cell: &Cell, starts: &mut SmallVec<[u64; 8]>) -> Option<()> {
        let (a, b) = self.inside(self.tile(cell.now)?, cell.count);
        let (c, d) = self.inside(self.tile(cell.held)?, cell.count);
        let (from, to) = (a.max(c), b.min(d).max(a.max(c)));
        if from + (cell.count - to) > MOST_SINGLE {
            return None;
        }
        starts.extend(0..=from.min(cell.count - 1));
        starts.extend(to..cell.count);
        Some(())
    }

    pub(super) fn piece(&self, cell: &Cell, from: u64, count: u64) -> Option<Piece> {
        let at = |place: Option<(Spot, u64)>| place.map(|(spot, further)| (spot, further + from));
        let bounds = self.bounds();
        let clip = |tile: Interval| {
            let tile = tile.intersect(bounds);
            if tile.is_empty() {
                Interval::EMPTY
            } else {
                tile
            }
        };
        let (now, held) = (
            clip(self.tile(at(cell.now))?),
            clip(self.tile(at(cell.held))?),
        );
        let whole = self.slot.refill == Refill::Tile && now != held;
        let idle = cell.now.is_none();
        Some(Piece {
            from: cell.from + from,
            count,
            step: self.step,
            now,
            held,
            kept: if whole || idle { Interval::EMPTY } else { held },
        })
    }

    pub(super) fn pieces(&self, cells: &[Cell]) -> Option<Vec<(u64, Piece)>> {
        let mut pieces = Vec::with_capacity(cells.len());
        let mut starts: SmallVec<[u64; 8]> = SmallVec::new();
        for cell in cells {
            starts.clear();
            self.parts(cell, &mut starts)?;
            starts.sort_unstable();
            starts.dedup();
            for (at, &from) in starts.iter().enumerate() {
                let to = starts.get(at + 1).copied().unwrap_or(cell.count);
                pieces.push((cell.row, self.piece(cell, from, to - from)?));
            }
        }
        Some(pieces)
    }

    /// Sizes of one instance of the site, of all its children.
    pub(super) fn sizes(&self, pieces: &[(u64, Piece)], fresh: Fresh) -> Option<StepSizes> {
        let mut sizes = StepSizes::default();
        let (mut now, mut new): (SmallVec<[Interval; 8]>, SmallVec<[Interval; 8]>) =
            Default::default();
        let (mut held, mut gone): (SmallVec<[Interval; 8]>, SmallVec<[Interval; 8]>) =
            Default::default();
        let [mut now_each, mut new_each, mut held_each, mut gone_each] = [0u64; 4];
        for (_, piece) in pieces {
            let (count, step) = (piece.count, piece.step);
            sizes.tile = sizes.tile.max(piece.now.len());
            sizes.reused_sum += piece.now.intersect(piece.kept).len() * count;
            now_each += piece.now.len() * count;
            lay(piece.now, step, count, &mut now)?;
            for part in piece.new_elements() {
                new_each += part.len() * count;
                lay(part, step, count, &mut new)?;
            }
            if self.slot.is_result {
                held_each += piece.held.len() * count;
                lay(piece.held, step, count, &mut held)?;
                for part in piece.leaving() {
                    gone_each += part.len() * count;
                    lay(part, step, count, &mut gone)?;
                }
            }
        }
        sizes.tile_sum = now_each;
        let needed = size(now);
        let new = size(new);
        if !self.slot.is_result {
            (sizes.needed, sizes.needed_reused) = if self.shared {
                (needed, needed - new)
            } else {
                (now_each, now_each - new_each)
            };
            return Some(sizes);
        }
        (sizes.needed, sizes.needed_reused) = (needed, needed - new);
        sizes.first_touch = needed * u64::from(fresh.ever);
        sizes.begun = needed * u64::from(fresh.here);
        let single = self.sole(pieces)?;
        let gone = Intervals::union_of(gone);
        sizes.all_held = size(held);
        sizes.all_retained = sizes.all_held - gone.len();
        sizes.own_done = single.len();
        sizes.own_retained = single.len() - single.common(&gone);
        (sizes.all_done, sizes.all_done_retained) = (sizes.all_held, sizes.all_retained);
        if self.shared {
            (sizes.prev_held, sizes.retained) = (sizes.all_held, sizes.all_retained);
            (sizes.done_held, sizes.done_retained) = (sizes.all_held, sizes.all_retained);
        } else {
            (sizes.prev_held, sizes.retained) = (held_each, held_each - gone_each);
            (sizes.done_held, sizes.done_retained) = (sizes.own_done, sizes.own_retained);
        }
        Some(sizes)
    }

    /// The elements that exactly one instance held.
    pub(super) fn sole(&self, pieces: &[(u64, Piece)]) -> Option<Intervals> {
        let mut edges: SmallVec<[(i64, i64); 16]> = SmallVec::new();
        for (_, piece) in pieces.iter().filter(|(_, piece)| !piece.held.is_empty()) {
            let mut list: SmallVec<[Interval; 8]> = SmallVec::new();
            let mut times = 1;
            if piece.count > 1 && piece.step == 0 {
                times = 2;
            } else if piece.count > 1 && piece.step.unsigned_abs() < piece.held.len() {
                return None;
            }
            lay(piece.held, piece.step, piece.count, &mut list)?;
            for run in list {
                edges.push((run.lo, times));
                edges.push((run.hi, -times));
            }
        }
        edges.sort_unstable();
        let mut single: SmallVec<[Interval; 8]> = SmallVec::new();
        let (mut depth, mut last) = (0, 0);
        for (at, change) in edges {
            if depth == 1 && at > last {
                single.push(Interval::new(last, at));
            }
            depth += change;
            last = at;
        }
        Some(Intervals::union_of(single))
    }
}

/// One child over all instances: its tile is their union.
pub(super) fn together(view: &View, now: &Runs, last: &Runs, fresh: Fresh) -> Option<StepSizes> {
    let bounds = view.bounds();
    let union = |runs: &Runs| -> Option<Intervals> {
        let mut list: SmallVec<[Interval; 8]> = SmallVec::new();
        for run in runs {
            lay(
                view.tile(Some((run.spot, 0)))?,
                view.step,
                run.count,
                &mut list,
            )?;
        }
        let clipped = list.into_iter().map(|part| part.intersect(bounds));
        Some(Intervals::union_of(clipped.collect()))
    };
    let (wanted, before) = (union(now)?, union(last)?);
    let whole = view.slot.refill == Refill::Tile && wanted != before;
    let kept = if whole {
        Intervals::empty()
    } else {
        before.clone()
    };
    let new = minus(&wanted, &kept).len();
    let gone = if kept.is_empty() {
        before.len()
    } else {
        minus(&before, &wanted).len()
    };
    let mut sizes = StepSizes {
        tile_sum: wanted.len(),
        tile: wanted.len(),
        reused_sum: wanted.common(&kept),
        needed: wanted.len(),
        needed_reused: wanted.len() - new,
        ..StepSizes::default()
    };
    if view.slot.is_result {
        let (held, stays) = (before.len(), before.len() - gone);
        sizes.first_touch = sizes.needed * u64::from(fresh.ever);
        sizes.begun = sizes.needed * u64::from(fresh.here);
        (sizes.prev_held, sizes.retained) = (held, stays);
        (sizes.all_held, sizes.all_retained) = (held, stays);
        (sizes.done_held, sizes.done_retained) = (held, stays);
        (sizes.own_done, sizes.own_retained) = (held, stays);
        (sizes.all_done, sizes.all_done_retained) = (held, stays);
    }
    Some(sizes)
}
