//! Transitions of instances that come in runs of translates.
//!
//! Problem: 56 rows over 12 PEs, padded: four whole folds and one of eight PEs; the other four still hold the rows of the
//! fold before, and at the border one of them has a row less. A list of all instances says that, and costs as much for 65,536
//! PEs as it sounds. But there are few kinds: runs of instances whose tiles are translates of each other. So a fold is a run of
//! whole pieces, a clipped piece and nothing, and what instances held before is a run likewise. A [`Cell`] is a run of both.
//!
//! One loop may have runs, the one with the most instances; the instances of others are *rows*, looked at one by one.
//!
//! Everything here answers `None` where runs are not enough (arrays of which some share and others do not, tiles with holes);
//! the caller then lists the instances.

use super::classes::{GroupClasses, Key};
use super::crossing::{BESIDE, HELD, Sizes, Sorts, StepSizes, Transition, WORKED};
use super::flows::{Crossing, Site, Slot};
use super::forced::Forced;
use super::late::Fresh;
use super::lattice::Lattice;
use super::plan::Plan;
use super::sets::{minus, sorted};
use super::spot::{Ground, Shadow, Spot};
use crate::ir::{GroupAxis, GroupLoop, Interval, Intervals, Mapping, Refill};
use smallvec::SmallVec;

/// More rows than this are listed instead.
const MOST_ROWS: u64 = 64;
/// More instances at the border, or in pieces that do not touch, are listed instead.
const MOST_SINGLE: u64 = 64;
/// More instances that have neighbours are listed instead.
const MOST_BESIDE: usize = 1 << 12;
/// Trips from the last backwards in which an instance is looked for.
const MOST_IDLE: u32 = 4;

/// Instances `from..from + count` of one row: the place of the first, each further one a step of the long loop on.
#[derive(Clone, Copy, Debug)]
struct Run {
    row: u64,
    from: u64,
    count: u64,
    spot: Spot,
    /// Loops in whose last trips they idle, as a set.
    idle: u32,
}

type Runs = SmallVec<[Run; 8]>;

/// The spread loops of a group, outside one site.
struct Spread<'a> {
    ground: &'a Ground,
    loops: &'a [GroupLoop],
    long: Option<usize>,
    /// The others: depth, and what one of its instances counts in the number of a row.
    short: SmallVec<[(usize, u64); 2]>,
    rows: u64,
}

/// Instances with what they have now, and what they held before.
#[derive(Clone, Copy)]
struct Cell {
    row: u64,
    from: u64,
    count: u64,
    /// A run's first place, and how many instances further on the cell begins.
    now: Option<(Spot, u64)>,
    held: Option<(Spot, u64)>,
}

/// Instances that have translates of one tile now, and of one before.
#[derive(Clone, Copy)]
struct Piece {
    from: u64,
    count: u64,
    step: i64,
    now: Interval,
    held: Interval,
    /// What of `held` a new tile can keep.
    kept: Interval,
}

/// A step of the group: what [`super::transitions`] moves between.
pub(super) struct Between<'a> {
    pub now: &'a [u64],
    pub before: &'a [u64],
    pub fresh: Fresh,
    /// The loop that advances, if it is one of the group.
    pub advances: Option<usize>,
}

fn whole_windows(spot: &Spot, l: &GroupLoop) -> u64 {
    let whole = l.moves.iter().map(|m| {
        let length = spot.extent(m.axis).len() as i64;
        if length < m.size {
            0
        } else {
            ((length - m.size) / m.offset + 1) as u64
        }
    });
    whole.min().unwrap_or(0)
}

fn is_empty(spot: &Spot) -> bool {
    spot.ranks.iter().any(|range| range.is_empty())
}

impl<'a> Spread<'a> {
    fn new(ground: &'a Ground, loops: &'a [GroupLoop]) -> Option<Spread<'a>> {
        let spread = || (0..loops.len()).filter(|&depth| loops[depth].instances > 1);
        let long = spread().max_by_key(|&depth| loops[depth].instances);
        let mut short = SmallVec::new();
        let mut rows = 1u64;
        for depth in spread().filter(|&depth| Some(depth) != long) {
            short.push((depth, rows));
            rows = rows.checked_mul(loops[depth].instances)?;
        }
        (rows <= MOST_ROWS).then_some(Spread {
            ground,
            loops,
            long,
            short,
            rows,
        })
    }

    fn radix(&self, depth: usize) -> Option<u64> {
        self.short
            .iter()
            .find(|one| one.0 == depth)
            .map(|one| one.1)
    }

    /// The instance of a short loop that a row has.
    fn digit(&self, row: u64, depth: usize) -> u64 {
        let radix = self.radix(depth).unwrap_or(1);
        row / radix % self.loops[depth].instances
    }

    /// The instances from `lo` to `hi` of the long loop in one trip.
    fn split(
        &self,
        spot: &Spot,
        depth: usize,
        trip: u64,
        (lo, hi): (u64, u64),
        mut each: impl FnMut(u64, u64, Spot) -> Option<()>,
    ) -> Option<()> {
        let l = &self.loops[depth];
        let first = trip * l.instances;
        let reach = self.ground.windows_in(spot, l);
        let active = reach.saturating_sub(first).min(l.instances).min(hi);
        let whole = whole_windows(spot, l).saturating_sub(first).min(active);
        if lo < whole {
            let piece = self.ground.advance(spot, l, first + lo);
            if !is_empty(&piece) {
                each(lo, whole - lo, piece)?;
            }
        }
        let clipped = lo.max(whole)..active;
        if clipped.end.saturating_sub(clipped.start) > MOST_SINGLE {
            return None;
        }
        for instance in clipped {
            let piece = self.ground.advance(spot, l, first + instance);
            if !is_empty(&piece) {
                each(instance, 1, piece)?;
            }
        }
        Some(())
    }

    /// Every run in trip `trip` of loop `depth`.
    fn enter(&self, runs: &Runs, depth: usize, trip: u64) -> Option<Runs> {
        let l = &self.loops[depth];
        let mut inside = Runs::new();
        for run in runs {
            if self.long == Some(depth) {
                self.split(
                    &run.spot,
                    depth,
                    trip,
                    (0, l.instances),
                    |from, count, spot| {
                        inside.push(Run {
                            from,
                            count,
                            spot,
                            ..*run
                        });
                        Some(())
                    },
                )?;
                continue;
            }
            let radix = self.radix(depth).unwrap_or(0);
            for index in 0..l.instances {
                let spot = self
                    .ground
                    .advance(&run.spot, l, trip * l.instances + index);
                if !is_empty(&spot) {
                    inside.push(Run {
                        row: run.row + index * radix,
                        spot,
                        ..*run
                    });
                }
            }
        }
        Some(inside)
    }

    fn arrays(&self) -> impl Iterator<Item = usize> + '_ {
        let spread = self.loops.iter().filter(|l| l.instances > 1);
        spread.filter_map(|l| l.array)
    }

    /// How the instances lie at a site of some depth.
    fn lie(&self, depth: usize) -> Option<Lie> {
        if self.arrays().all(|array| array >= depth) {
            Some(Lie::Below)
        } else if self.arrays().all(|array| array < depth) {
            Some(Lie::Apart)
        } else {
            None
        }
    }

    /// The place of an instance that is further on.
    fn shifted(&self, spot: &Spot, further: u64) -> Option<Spot> {
        let mut spot = *spot;
        if let (Some(long), true) = (self.long, further > 0) {
            let [m] = self.loops[long].moves.as_slice() else {
                return None;
            };
            let GroupAxis::Rank(rank) = m.axis else {
                return None;
            };
            let by = m.offset.checked_mul(further as i64)?;
            let range = spot.ranks[rank & 1];
            spot.ranks[rank & 1] = Interval::new(range.lo + by, range.hi + by);
        }
        Some(spot)
    }

    fn start(&self) -> Runs {
        std::iter::once(Run {
            row: 0,
            from: 0,
            count: 1,
            spot: self.ground.whole(),
            idle: 0,
        })
        .collect()
    }

    /// The runs that working instances make in the trips of `path`.
    fn follow(&self, path: &[u64]) -> Option<Runs> {
        let mut runs = self.start();
        for (depth, &trip) in path.iter().enumerate() {
            runs = self.enter(&runs, depth, trip)?;
        }
        Some(runs)
    }

    fn trips(&self, runs: &Runs, depth: usize) -> u64 {
        let l = &self.loops[depth];
        let reach = runs.iter().map(|run| self.ground.windows_in(&run.spot, l));
        reach.max().unwrap_or(0).div_ceil(l.instances)
    }

    /// The very last step inside `runs`, and its trips.
    fn very_last(&self, mut runs: Runs, from: usize) -> Option<(Runs, SmallVec<[u64; 8]>)> {
        let mut trips = SmallVec::from_elem(0, from);
        for depth in from..self.loops.len() {
            let count = self.trips(&runs, depth);
            trips.push(count);
            runs = self.enter(&runs, depth, count.saturating_sub(1))?;
        }
        Some((runs, trips))
    }

    /// Of every instance the last step inside `runs` in which it works.
    fn last_working(&self, runs: &Runs, from: usize, trips: &[u64]) -> Option<Runs> {
        let mut found = Runs::new();
        let inside: u64 = self
            .short
            .iter()
            .filter(|one| one.0 >= from)
            .map(|one| self.loops[one.0].instances)
            .product();
        for run in runs {
            for number in 0..inside {
                let (mut rest, mut row) = (number, run.row);
                for &(depth, radix) in self.short.iter().filter(|one| one.0 >= from) {
                    row += rest % self.loops[depth].instances * radix;
                    rest /= self.loops[depth].instances;
                }
                let range = match self.long {
                    Some(long) if long >= from => (0, self.loops[long].instances),
                    _ => (run.from, run.from + run.count),
                };
                let of = Run { row, ..*run };
                self.last(&of, from, range, Some(trips), &mut found)?;
            }
        }
        found.sort_unstable_by_key(|run| (run.row, run.from));
        Some(found)
    }

    /// The same of the instances in a range of one row, which have `at`; how far they were found. `trips`: those of the very
    /// last step, while these instances follow it.
    fn last(
        &self,
        at: &Run,
        depth: usize,
        (lo, hi): (u64, u64),
        trips: Option<&[u64]>,
        found: &mut Runs,
    ) -> Option<u64> {
        let Some(l) = self.loops.get(depth) else {
            found.push(Run {
                from: lo,
                count: hi - lo,
                ..*at
            });
            return Some(hi);
        };
        let reach = self.ground.windows_in(&at.spot, l);
        let inner = |spot: Spot, trip: u64| {
            let idles = trips.is_some_and(|trips| trip + 1 < trips[depth]);
            let run = Run {
                spot,
                idle: at.idle | u32::from(idles) << (depth & 31),
                ..*at
            };
            (run, trips.filter(|_| !idles))
        };
        if self.long != Some(depth) {
            let skipped = if l.instances > 1 {
                self.digit(at.row, depth)
            } else {
                0
            };
            let own = reach.saturating_sub(skipped).div_ceil(l.instances);
            let (mut from, mut tried) = (lo, 0);
            for trip in (0..own).rev() {
                tried += 1;
                if tried > MOST_IDLE {
                    return None;
                }
                let spot = self
                    .ground
                    .advance(&at.spot, l, trip * l.instances + skipped);
                if is_empty(&spot) {
                    continue;
                }
                let (run, trips) = inner(spot, trip);
                from = self.last(&run, depth + 1, (from, hi), trips, found)?;
                if from >= hi {
                    break;
                }
            }
            return Some(from);
        }
        let Some(last) = reach.div_ceil(l.instances).checked_sub(1) else {
            return Some(lo);
        };
        let here = (reach - last * l.instances).clamp(lo, hi);
        let mut part = |trip: u64, (lo, hi): (u64, u64)| {
            let mut end = lo;
            self.split(&at.spot, depth, trip, (lo, hi), |from, count, spot| {
                let (run, trips) = inner(spot, trip);
                let to = from + count;
                // An instance that does nothing in its last trip is looked for one by one.
                let all =
                    from == end && self.last(&run, depth + 1, (from, to), trips, found)? == to;
                end = to;
                all.then_some(())
            })?;
            (end == hi).then_some(())
        };
        if lo < here {
            part(last, (lo, here))?;
        }
        if here < hi && last > 0 {
            part(last - 1, (here, hi))?;
            return Some(hi);
        }
        Some(here)
    }

    /// What instances have now beside what they held.
    fn cells(&self, now: &Runs, held: &Runs) -> Vec<Cell> {
        let mut cells = Vec::with_capacity(now.len() + 4);
        for run in now {
            let mut at = run.from;
            let end = run.from + run.count;
            let own = held
                .iter()
                .filter(|h| h.row == run.row && h.from < end && h.from + h.count > run.from);
            for h in own {
                let (from, to) = (h.from.max(at), (h.from + h.count).min(end));
                if at < from {
                    cells.push(Cell {
                        row: run.row,
                        from: at,
                        count: from - at,
                        now: Some((run.spot, at - run.from)),
                        held: None,
                    });
                }
                cells.push(Cell {
                    row: run.row,
                    from,
                    count: to - from,
                    now: Some((run.spot, from - run.from)),
                    held: Some((h.spot, from - h.from)),
                });
                at = to;
            }
            if at < end {
                cells.push(Cell {
                    row: run.row,
                    from: at,
                    count: end - at,
                    now: Some((run.spot, at - run.from)),
                    held: None,
                });
            }
        }
        cells
    }

    /// The instances of `held` that do nothing now.
    fn idle(&self, now: &Runs, held: &Runs) -> Vec<Cell> {
        let mut cells = Vec::new();
        for h in held {
            let mut at = h.from;
            let end = h.from + h.count;
            let mut own: SmallVec<[(u64, u64); 4]> = now
                .iter()
                .filter(|run| run.row == h.row)
                .map(|run| (run.from, run.from + run.count))
                .collect();
            own.sort_unstable();
            own.push((end, end));
            for (from, to) in own {
                let to_here = from.min(end);
                if at < to_here {
                    cells.push(Cell {
                        row: h.row,
                        from: at,
                        count: to_here - at,
                        now: None,
                        held: Some((h.spot, at - h.from)),
                    });
                }
                at = at.max(to);
            }
        }
        cells
    }
}

/// Adds the union of translates of an interval to a list.
fn lay(piece: Interval, step: i64, count: u64, list: &mut SmallVec<[Interval; 8]>) -> Option<()> {
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
fn without(a: Interval, b: Interval) -> [Interval; 2] {
    if a.intersect(b).is_empty() {
        return [a, Interval::EMPTY];
    }
    [
        Interval::new(a.lo, b.lo.max(a.lo)),
        Interval::new(b.hi.min(a.hi), a.hi),
    ]
}

fn size(list: SmallVec<[Interval; 8]>) -> u64 {
    Intervals::union_of(list).len()
}

impl Piece {
    fn new_elements(&self) -> [Interval; 2] {
        without(self.now, self.kept)
    }

    fn leaving(&self) -> [Interval; 2] {
        if self.now.is_empty() || self.kept.is_empty() {
            [self.held, Interval::EMPTY]
        } else {
            without(self.held, self.now)
        }
    }
}

/// The tiles of one tensor in a site, and who shares its transfers.
struct View<'a> {
    slot: &'a Slot,
    shadow: &'a Shadow,
    /// From one instance of the long loop to the next.
    step: i64,
    /// All instances share a transfer, or none do.
    shared: bool,
}

impl<'a> View<'a> {
    fn new(
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
    fn tile(&self, at: Option<(Spot, u64)>) -> Option<Interval> {
        let Some((spot, further)) = at else {
            return Some(Interval::EMPTY);
        };
        let (_, open) = self.shadow.interval(&spot)?;
        let by = self.step.checked_mul(further as i64)?;
        Some(Interval::new(open.lo + by, open.hi + by))
    }

    fn bounds(&self) -> Interval {
        let (lo, hi) = self.shadow.bounds().unwrap_or((i64::MIN, i64::MAX - 1));
        Interval::new(lo, hi.saturating_add(1))
    }

    /// How many instances of a run of `count` lie inside the borders with `tile`, and from which on.
    fn inside(&self, tile: Interval, count: u64) -> (u64, u64) {
        let bounds = self.bounds();
        let count = count as i64;
        if tile.is_empty() {
            return (0, count as u64);
        }
        let (mut from, mut to) = (0i64, count - 1);
        super::lattice::keep_inside(
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
    fn parts(&self, cell: &Cell, starts: &mut SmallVec<[u64; 8]>) -> Option<()> {
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

    fn piece(&self, cell: &Cell, from: u64, count: u64) -> Option<Piece> {
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

    fn pieces(&self, cells: &[Cell]) -> Option<Vec<(u64, Piece)>> {
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
    fn sizes(&self, pieces: &[(u64, Piece)], fresh: Fresh) -> Option<StepSizes> {
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
    fn sole(&self, pieces: &[(u64, Piece)]) -> Option<Intervals> {
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

/// The number of an instance among those that have neighbours.
fn number(row: u64, index: u64, length: u64) -> usize {
    (row * length + index) as usize
}

impl View<'_> {
    /// With forwarding: the elements of all children by the sorts of their instances.
    fn sorts(
        &self,
        spread: &Spread,
        pieces: &[(u64, Piece)],
        last: &Runs,
        loops: &[(usize, bool)],
    ) -> Option<Sorts> {
        let length = spread.long.map_or(1, |long| spread.loops[long].instances);
        let all = usize::try_from(spread.rows.checked_mul(length)?).ok()?;
        if all > MOST_BESIDE {
            return None;
        }
        let mut worked = vec![Interval::EMPTY; all];
        let bounds = self.bounds();
        for run in last {
            for at in 0..run.count {
                let tile = self.tile(Some((run.spot, at)))?.intersect(bounds);
                if !tile.is_empty() {
                    worked[number(run.row, run.from + at, length)] = tile;
                }
            }
        }
        let mut sorts = Sorts::default();
        let mut edges: Vec<(i64, u8, i32)> = Vec::new();
        for &(row, piece) in pieces.iter().filter(|(_, piece)| !piece.now.is_empty()) {
            for at in 0..piece.count {
                let by = piece.step * at as i64;
                let moved = |tile: Interval| {
                    let tile = if tile.is_empty() {
                        tile
                    } else {
                        Interval::new(tile.lo + by, tile.hi + by)
                    };
                    Intervals::one(tile)
                };
                let index = piece.from + at;
                let mut beside: SmallVec<[Interval; 8]> = SmallVec::new();
                for &(depth, forwards) in loops.iter().filter(|one| one.1) {
                    debug_assert!(forwards);
                    let instances = spread.loops[depth].instances;
                    let (own, radix) = match spread.radix(depth) {
                        Some(radix) => (spread.digit(row, depth), Some(radix)),
                        None => (index, None),
                    };
                    let near = [own.checked_sub(1), (own + 1 < instances).then_some(own + 1)];
                    for other in near.into_iter().flatten() {
                        let (row, index) = match radix {
                            Some(radix) => (row - own * radix + other * radix, index),
                            None => (row, other),
                        };
                        beside.push(worked[number(row, index, length)]);
                    }
                }
                let own = Intervals::one(worked[number(row, index, length)]);
                for (run, sort) in sorted(
                    &moved(piece.now),
                    &moved(piece.kept),
                    &own,
                    &Intervals::union_of(beside),
                ) {
                    sorts.add(
                        1 << sort,
                        if self.shared { 0 } else { run.len() },
                        run.len(),
                    );
                    if self.shared {
                        edges.push((run.lo, sort, 1));
                        edges.push((run.hi, sort, -1));
                    }
                }
            }
        }
        edges.sort_unstable();
        let mut depth = [0i32; (HELD | WORKED | BESIDE) as usize + 1];
        let mut from = 0;
        for (at, sort, change) in edges {
            let bits = (0..8).fold(0u8, |bits, sort| bits | u8::from(depth[sort] > 0) << sort);
            if bits != 0 && at > from {
                sorts.add(bits, (at - from) as u64, 0);
            }
            depth[usize::from(sort)] += change;
            from = at;
        }
        sorts.shared.retain(|entry| entry.1 > 0);
        sorts.alone.retain(|entry| entry.1 > 0);
        Some(sorts.in_order())
    }
}

/// How the instances of a site lie.
#[derive(Clone, Copy, PartialEq)]
enum Lie {
    /// All below one instance of the site.
    Below,
    /// Each in a site of its own.
    Apart,
}

impl GroupClasses {
    /// A transition whose instances come in runs; `None` where they have to be listed.
    pub(super) fn run_transition(
        &mut self,
        mapping: &Mapping,
        key: &Key,
        (site, inside): (&Site, usize),
        lattice: &Lattice,
        step: &Between,
    ) -> Option<Transition> {
        let plan = std::rc::Rc::clone(&self.plan);
        let ground = plan.ground.as_ref()?;
        let result = site.slots.iter().any(|slot| slot.is_result);
        if plan.overlaps || self.explicit || result && key.arrival.is_some() {
            return None;
        }
        let loops = self.loops.clone();
        let spread = Spread::new(ground, loops.get(..inside)?)?;
        let from = step.now.len();
        let mut now = spread.follow(step.now)?;
        let before = spread.follow(step.before)?;
        for depth in from..inside {
            now = spread.enter(&now, depth, 0)?;
        }
        now.sort_unstable_by_key(|run| (run.row, run.from));
        let (last, trips) = spread.very_last(before.clone(), from)?;
        let held = spread.last_working(&before, from, &trips)?;
        let arrays = || spread.arrays();
        let lie = spread.lie(site.depth)?;
        let mut views: SmallVec<[View; 4]> = SmallVec::new();
        for slot in &site.slots {
            let apart = lie == Lie::Apart && slot.is_result && slot.above != site.depth;
            if !slot.flush.is_empty() || apart {
                return None;
            }
            views.push(View::new(mapping, site, slot, (&plan, lattice, &spread))?);
        }
        let mut kinds: Vec<(Sizes, u64)> = Vec::new();
        let mut all = Sizes::new();
        let cells = |view: &View| -> Option<Vec<Cell>> {
            if !view.slot.is_result {
                return Some(spread.cells(&now, &held));
            }
            let keeps = |run: &&Run| !gives_up(&key.forced, view.slot, run.idle);
            let kept: Runs = held.iter().filter(keeps).copied().collect();
            let mut cells = spread.cells(&now, &kept);
            if let Some(depth) = step.advances
                && gives_up(&key.forced, view.slot, 1 << (depth & 31))
            {
                cells.extend(spread.idle(&now, &kept));
            }
            Some(cells)
        };
        if key.forced.iter().any(|forced| {
            let inside = arrays().any(|array| array < forced.above);
            inside
                && site.slots.iter().any(|slot| {
                    slot.is_result && slot.crossing == Crossing::Boundary(forced.boundary)
                })
        }) && (held.iter().any(|run| run.idle != 0) || step.advances.is_some())
        {
            return None;
        }
        if lie == Lie::Below {
            for view in &views {
                let below = arrays().all(|array| array >= view.slot.below);
                let beside = arrays().all(|array| array < view.slot.below);
                let mut sorts = Sorts::default();
                let sizes = if below && arrays().next().is_some() {
                    together(view, &now, &last, step.fresh)?
                } else if beside {
                    let pieces = view.pieces(&cells(view)?)?;
                    if view.slot.forwards && site.depth < view.slot.below {
                        let loops: SmallVec<[(usize, bool); 4]> = (0..spread.loops.len())
                            .filter_map(|depth| {
                                let l = &spread.loops[depth];
                                let array = l.array.filter(|_| l.instances > 1)?;
                                let near = (view.slot.above..view.slot.below).contains(&array);
                                Some((
                                    depth,
                                    near && mapping.architecture.arrays[array].network.forwarding,
                                ))
                            })
                            .collect();
                        sorts = view.sorts(&spread, &pieces, &last, &loops)?;
                    }
                    view.sizes(&pieces, step.fresh)?
                } else {
                    return None;
                };
                all.push((sizes, sorts));
            }
            return Some(self.table.counted(std::iter::once((all, 1))));
        }
        if views
            .iter()
            .any(|view| view.slot.forwards && site.depth < view.slot.below)
        {
            return None;
        }
        let own: Vec<Cell> = spread.cells(&now, &held);
        let results: SmallVec<[usize; 2]> = (0..views.len())
            .filter(|&v| views[v].slot.is_result)
            .collect();
        if !results.is_empty()
            && (held.iter().any(|run| run.idle != 0)
                || step.advances.is_some() && !key.forced.is_empty())
        {
            return None;
        }
        for cell in &own {
            let mut starts: SmallVec<[u64; 8]> = SmallVec::new();
            for view in &views {
                view.parts(cell, &mut starts)?;
            }
            starts.sort_unstable();
            starts.dedup();
            for (at, &from) in starts.iter().enumerate() {
                let to = starts.get(at + 1).copied().unwrap_or(cell.count);
                let mut sizes = Sizes::new();
                for view in &views {
                    let one = view.piece(cell, from, 1)?;
                    sizes.push((
                        view.sizes(&[(cell.row, one)], step.fresh)?,
                        Sorts::default(),
                    ));
                }
                kinds.push((sizes, to - from));
            }
        }
        for &v in &results {
            // Whose sums are complete depends on who else has them.
            let view = &views[v];
            let single = view.sole(&view.pieces(&own)?)?;
            let held: u64 = view
                .pieces(&own)?
                .iter()
                .map(|(_, piece)| piece.held.len() * piece.count)
                .sum();
            if single.len() == held {
                continue;
            }
            if !single.is_empty() {
                return None;
            }
            for (sizes, _) in &mut kinds {
                let sizes = &mut sizes[v].0;
                (sizes.own_done, sizes.own_retained) = (0, 0);
                (sizes.done_held, sizes.done_retained) = (0, 0);
                (sizes.all_done, sizes.all_done_retained) = (0, 0);
            }
        }
        Some(self.table.counted(kinds.into_iter()))
    }

    /// The issues of the leaf tiles at the end of `path`; `None` where the lanes have to be listed.
    pub(super) fn run_issues(
        &mut self,
        mapping: &Mapping,
        key: &Key,
        site: &Site,
        lattice: &Lattice,
        (path, fresh): (&[u64], Fresh),
    ) -> Option<Transition> {
        let plan = std::rc::Rc::clone(&self.plan);
        let ground = plan.ground.as_ref()?;
        let result = site.slots.iter().any(|slot| slot.is_result);
        if plan.overlaps || self.explicit || result && key.arrival.is_some() {
            return None;
        }
        let loops = self.loops.clone();
        let spread = Spread::new(ground, loops.get(..path.len())?)?;
        let lanes = spread.follow(path)?;
        let lie = spread.lie(site.depth)?;
        let cells = spread.cells(&lanes, &Runs::new());
        let mut parts: Vec<Vec<(Piece, u64)>> = Vec::new();
        let mut starts: Vec<SmallVec<[u64; 8]>> = vec![SmallVec::new(); cells.len()];
        let mut views: SmallVec<[View; 4]> = SmallVec::new();
        for slot in &site.slots {
            let view = View::new(mapping, site, slot, (&plan, lattice, &spread))?;
            for (cell, starts) in cells.iter().zip(&mut starts) {
                view.parts(cell, starts)?;
            }
            views.push(view);
        }
        for starts in &mut starts {
            starts.sort_unstable();
            starts.dedup();
        }
        // Per slot the pieces of all cells, and the points of each whose element exists.
        for view in &views {
            let mut own = Vec::new();
            for (cell, starts) in cells.iter().zip(&starts) {
                for (at, &from) in starts.iter().enumerate() {
                    let to = starts.get(at + 1).copied().unwrap_or(cell.count);
                    let piece = view.piece(cell, from, to - from)?;
                    let (spot, further) = cell.now?;
                    let clips = plan.clipping.contains(&view.slot.tensor);
                    let points = if clips {
                        let spot = spread.shifted(&spot, further + from)?;
                        plan.footprints[view.slot.tensor].touching(&spot.state(&plan.group))?
                    } else {
                        spot.volume()
                    };
                    own.push((piece, points));
                }
            }
            parts.push(own);
        }
        let whole = plan.points_per_result();
        if lie == Lie::Below {
            let mut all = Sizes::new();
            for (view, parts) in views.iter().zip(&parts) {
                let mut sizes = StepSizes::default();
                let each: u64 = parts
                    .iter()
                    .map(|(piece, points)| points * piece.count)
                    .sum();
                sizes.tile_sum = each;
                sizes.needed = each;
                if view.shared && spread.long.is_some() {
                    // Lanes of one row are at different elements, or all at the same.
                    if spread.rows > 1 {
                        return None;
                    }
                    if view.step == 0 {
                        sizes.needed = parts.iter().map(|part| part.1).max().unwrap_or(0);
                    }
                }
                if view.slot.is_result {
                    let points = whole?;
                    let mut list: SmallVec<[Interval; 8]> = SmallVec::new();
                    for (piece, _) in parts {
                        lay(piece.now, piece.step, piece.count, &mut list)?;
                    }
                    let elements = size(list);
                    sizes.first_touch = elements * u64::from(fresh.ever);
                    sizes.begun = elements * u64::from(fresh.here);
                    sizes.all_done = elements;
                    sizes.done_held = if view.shared && view.step == 0 && spread.long.is_some() {
                        // So many lanes are at one element; the shorter tiles of some end before.
                        let mut volumes: SmallVec<[(u64, u64); 4]> = parts
                            .iter()
                            .map(|(piece, points)| (*points, piece.count))
                            .collect();
                        volumes.sort_unstable();
                        let mut lanes: u64 = volumes.iter().map(|part| part.1).sum();
                        let (mut done, mut before) = (0, 0);
                        for (volume, count) in volumes {
                            done += if lanes == points { volume - before } else { 0 };
                            (before, lanes) = (volume, lanes - count);
                        }
                        done
                    } else {
                        sizes.needed * u64::from(points == 1)
                    };
                }
                all.push((sizes, Sorts::default()));
            }
            return Some(self.table.counted(std::iter::once((all, 1))));
        }
        let mut kinds: Vec<(Sizes, u64)> = Vec::new();
        for number in 0..parts.first()?.len() {
            let mut sizes = Sizes::new();
            for (view, parts) in views.iter().zip(&parts) {
                let (piece, points) = &parts[number];
                let mut own = StepSizes {
                    tile_sum: *points,
                    needed: *points,
                    ..StepSizes::default()
                };
                if view.slot.is_result {
                    let elements = piece.now.len();
                    own.first_touch = elements * u64::from(fresh.ever);
                    own.begun = elements * u64::from(fresh.here);
                    own.all_done = elements;
                    own.done_held = points * u64::from(whole? == 1);
                }
                sizes.push((own, Sorts::default()));
            }
            kinds.push((sizes, parts[0][number].0.count));
        }
        for (v, view) in views
            .iter()
            .enumerate()
            .filter(|(_, view)| view.slot.is_result)
        {
            let tiles: Vec<(u64, Piece)> = parts[v]
                .iter()
                .map(|(piece, _)| {
                    (
                        0,
                        Piece {
                            held: piece.now,
                            ..*piece
                        },
                    )
                })
                .collect();
            let single = view.sole(&tiles)?;
            let all: u64 = tiles
                .iter()
                .map(|(_, piece)| piece.held.len() * piece.count)
                .sum();
            if single.len() == all {
                continue;
            }
            if !single.is_empty() {
                return None;
            }
            kinds
                .iter_mut()
                .for_each(|(sizes, _)| sizes[v].0.all_done = 0);
        }
        Some(self.table.counted(kinds.into_iter()))
    }

    /// Points of the busiest instance, of all, and how many work, at the end of `path`; `None` where they have to be listed.
    pub(super) fn run_work(&self, path: &[u64]) -> Option<(u64, u128, u64)> {
        let ground = self.plan.ground.as_ref()?;
        if self.explicit {
            return None;
        }
        let spread = Spread::new(ground, self.loops.get(..path.len())?)?;
        let runs = spread.follow(path)?;
        let busiest = runs.iter().map(|run| run.spot.volume()).max().unwrap_or(0);
        let all = runs
            .iter()
            .map(|run| u128::from(run.spot.volume()) * u128::from(run.count))
            .sum();
        Some((busiest, all, runs.iter().map(|run| run.count).sum()))
    }
}

/// Whether the memory above takes the sums of instances that idle in some of `idle`.
fn gives_up(forced: &[Forced], slot: &Slot, idle: u32) -> bool {
    let own = forced
        .iter()
        .find(|forced| slot.crossing == Crossing::Boundary(forced.boundary));
    own.is_some_and(|forced| forced.loops & idle != 0)
}

/// One child over all instances: its tile is their union.
fn together(view: &View, now: &Runs, last: &Runs, fresh: Fresh) -> Option<StepSizes> {
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
