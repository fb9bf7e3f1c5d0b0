//! The elements of instances in runs by what their neighbours worked on.
//!
//! Seen from its own tile, what an instance and its neighbours worked on is mostly what the one before it and the neighbours
//! of that did: 56 PEs with one row each hold rows one further on each. So the instances from one to the last whose
//! neighbours are translates of its neighbours are sorted once, and counted together.

use super::pieces::{Piece, View, lay};
use super::*;

/// What every instance worked on in the step before.
struct Worked {
    tiles: Vec<Interval>,
    /// Per instance: the last of those after it in its row that worked on translates of its tile, a step further on each.
    until: Vec<u64>,
    /// Instances in a row.
    length: u64,
}

impl Worked {
    /// `None` where there are too many instances.
    fn new(view: &View, spread: &Spread, last: &Runs) -> Option<Worked> {
        let length = spread.long.map_or(1, |long| spread.loops[long].instances);
        let all = usize::try_from(spread.rows.checked_mul(length)?).ok()?;
        if all > MOST_BESIDE {
            return None;
        }
        let mut worked = Worked {
            tiles: vec![Interval::EMPTY; all],
            until: vec![0; all],
            length,
        };
        let bounds = view.bounds();
        for run in last {
            let mut open = view.tile(Some((run.spot, 0)))?;
            for index in run.from..run.from + run.count {
                let tile = open.intersect(bounds);
                if !tile.is_empty() {
                    let at = worked.number(run.row, index);
                    worked.tiles[at] = tile;
                }
                open = shifted(open, view.step);
            }
        }
        for row in 0..spread.rows {
            let mut end = length - 1;
            for index in (0..length).rev() {
                let at = worked.number(row, index);
                let follows =
                    index < end && worked.tiles[at + 1] == shifted(worked.tiles[at], view.step);
                if !follows {
                    end = index;
                }
                worked.until[at] = end;
            }
        }
        Some(worked)
    }

    fn number(&self, row: u64, index: u64) -> usize {
        (row * self.length + index) as usize
    }

    fn tile(&self, row: u64, index: u64) -> Interval {
        self.tiles[self.number(row, index)]
    }

    fn until(&self, row: u64, index: u64) -> u64 {
        self.until[self.number(row, index)]
    }
}

/// A tile so much further on; nothing stays nothing.
fn shifted(tile: Interval, by: i64) -> Interval {
    if tile.is_empty() {
        Interval::EMPTY
    } else {
        Interval::new(tile.lo + by, tile.hi + by)
    }
}

impl View<'_> {
    /// With forwarding: the elements of all children by the sorts of their instances. `loops`: the depths of the loops over
    /// which neighbours lend.
    pub(super) fn sorts(
        &self,
        spread: &Spread,
        pieces: &[(u64, Piece)],
        last: &Runs,
        loops: &[usize],
    ) -> Option<Sorts> {
        let worked = Worked::new(self, spread, last)?;
        let mut sorts = Sorts::default();
        let mut edges: Vec<(i64, u8, i32)> = Vec::new();
        for &(row, piece) in pieces.iter().filter(|(_, piece)| !piece.now.is_empty()) {
            let end = piece.from + piece.count;
            let mut index = piece.from;
            while index < end {
                let mut alike = worked.until(row, index).min(end - 1);
                let mut beside: SmallVec<[Interval; 8]> = SmallVec::new();
                for &depth in loops {
                    let instances = spread.loops[depth].instances;
                    if let Some(radix) = spread.radix(depth) {
                        let own = spread.digit(row, depth);
                        let near = [own.checked_sub(1), (own + 1 < instances).then_some(own + 1)];
                        for other in near.into_iter().flatten() {
                            let row = row - own * radix + other * radix;
                            beside.push(worked.tile(row, index));
                            alike = alike.min(worked.until(row, index));
                        }
                        continue;
                    }
                    // The first and the last instance have one neighbour only.
                    if index > 0 {
                        beside.push(worked.tile(row, index - 1));
                        alike = alike.min(worked.until(row, index - 1) + 1);
                    } else {
                        alike = index;
                    }
                    if index + 1 < instances {
                        beside.push(worked.tile(row, index + 1));
                        alike = alike.min(worked.until(row, index + 1) - 1);
                    } else {
                        alike = index;
                    }
                }
                let by = piece.step * (index - piece.from) as i64;
                let found = sorted(
                    &Intervals::one(shifted(piece.now, by)),
                    &Intervals::one(shifted(piece.kept, by)),
                    &Intervals::one(worked.tile(row, index)),
                    &Intervals::union_of(beside),
                );
                let count = alike + 1 - index;
                for (run, sort) in found {
                    if !self.shared {
                        sorts.add(1 << sort, run.len() * count, run.len() * count);
                        continue;
                    }
                    sorts.add(1 << sort, 0, run.len() * count);
                    let mut union: SmallVec<[Interval; 8]> = SmallVec::new();
                    lay(run, piece.step, count, &mut union)?;
                    for part in union {
                        edges.push((part.lo, sort, 1));
                        edges.push((part.hi, sort, -1));
                    }
                }
                index = alike + 1;
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
