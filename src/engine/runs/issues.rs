//! The issues of leaf tiles, of lanes in runs.

use super::pieces::{Piece, View, lay, size};
use super::*;

impl GroupClasses {
    /// The issues of the leaf tiles at the end of `path`; `None` where the lanes have to be listed.
    pub(in crate::engine) fn run_issues(
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
}
