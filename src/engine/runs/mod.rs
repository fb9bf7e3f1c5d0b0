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

mod beside;
mod issues;
mod pieces;
mod transition;

pub(super) use transition::Between;

use super::classes::{GroupClasses, Key};
use super::crossing::{BESIDE, HELD, Sizes, Sorts, StepSizes, Transition, WORKED};
use super::flows::{Crossing, Site, Slot};
use super::forced::Forced;
use super::late::Fresh;
use super::lattice::{self, Lattice};
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
pub(super) const MOST_BESIDE: usize = 1 << 12;
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

/// How the instances of a site lie.
#[derive(Clone, Copy, PartialEq)]
enum Lie {
    /// All below one instance of the site.
    Below,
    /// Each in a site of its own.
    Apart,
}
