//! What crosses at a site in one step, of instances in runs.

use super::pieces::{View, together};
use super::*;

/// Whether the memory above takes the sums of instances that idle in some of `idle`.
fn gives_up(forced: &[Forced], slot: &Slot, idle: u32) -> bool {
    let own = forced
        .iter()
        .find(|forced| slot.crossing == Crossing::Boundary(forced.boundary));
    own.is_some_and(|forced| forced.loops & idle != 0)
}

/// A step of the group: what [`super::transitions`] moves between.
pub(in crate::engine) struct Between<'a> {
    pub now: &'a [u64],
    pub before: &'a [u64],
    pub fresh: Fresh,
    /// The loop that advances, if it is one of the group.
    pub advances: Option<usize>,
}

impl GroupClasses {
    /// A transition whose instances come in runs; `None` where they have to be listed.
    pub(in crate::engine) fn run_transition(
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
                        let lends = |depth: &usize| {
                            let l = &spread.loops[*depth];
                            let array = l.array.filter(|_| l.instances > 1);
                            array.is_some_and(|array| {
                                (view.slot.above..view.slot.below).contains(&array)
                                    && mapping.architecture.arrays[array].network.forwarding
                            })
                        };
                        let loops: SmallVec<[usize; 4]> =
                            (0..spread.loops.len()).filter(lends).collect();
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

    /// Points of the busiest instance, of all, and how many work, at the end of `path`; `None` where they have to be listed.
    pub(in crate::engine) fn run_work(&self, path: &[u64]) -> Option<(u64, u128, u64)> {
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
