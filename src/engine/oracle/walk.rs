//! Walking the loops: which PE works on which box, step by step, and whether every point is done once.

use super::{Place, Range, Refusal, points};
use crate::ir::{Axis, LoopKind, Mapping, window_count};
use std::collections::BTreeMap;

/// Where one PE works in one step.
#[derive(Clone, Debug)]
struct Pe {
    /// Index in every loop of the schedule (0 for temporal ones).
    place: Place,
    ranks: Vec<Range>,
    windows: Vec<Range>,
}

/// One step of the lanes: the indices of the loops outside the leaf, and what every PE does.
pub(super) struct Step {
    pub index: Vec<u64>,
    /// The working PEs only, in the order of their places: place, and its box.
    pub boxes: Vec<(Place, Vec<Range>)>,
}

/// How often each point was performed.
type Done = BTreeMap<Vec<i64>, u32>;

/// The steps in order, after every point has been found to be performed exactly once.
pub(super) fn steps(mapping: &Mapping, limit: u64) -> Result<Vec<Step>, Refusal> {
    let mut first = Pe {
        place: vec![],
        ranks: whole(mapping),
        windows: vec![(0, 0); mapping.operation.windows.len()],
    };
    hand_down_input_rows(mapping, &mut first);
    let mut walk = Walk {
        mapping,
        index: vec![],
        steps: vec![],
        done: Done::new(),
        budget: limit.saturating_mul(4).saturating_add(1000),
    };
    walk.from(0, vec![first])?;
    judge(mapping, &walk.done)?;
    Ok(walk.steps)
}

/// The box of the whole operation.
pub(super) fn whole(mapping: &Mapping) -> Vec<Range> {
    let extents = mapping.operation.ranks.iter();
    extents.map(|&extent| (0, extent as i64)).collect()
}

/// Every point exactly once?
fn judge(mapping: &Mapping, done: &Done) -> Result<(), Refusal> {
    let mut doubled = None;
    for point in points(&whole(mapping)) {
        let natural = || point.iter().map(|&x| x as u64).collect();
        match done.get(&point) {
            None => return Err(Refusal::Uncovered(natural())),
            Some(1) => {}
            Some(_) => {
                doubled.get_or_insert_with(natural);
            }
        }
    }
    doubled.map_or(Ok(()), |point| Err(Refusal::Doubled(point)))
}

struct Walk<'a> {
    mapping: &'a Mapping,
    index: Vec<u64>,
    steps: Vec<Step>,
    done: Done,
    /// Points, PEs and trips that may still be visited.
    budget: u64,
}

impl Walk<'_> {
    fn pay(&mut self, price: usize) -> Result<(), Refusal> {
        self.budget = self
            .budget
            .checked_sub(price as u64)
            .ok_or(Refusal::TooLarge)?;
        Ok(())
    }

    /// Everything inside the first `depth` loops.
    fn from(&mut self, depth: usize, mut pes: Vec<Pe>) -> Result<(), Refusal> {
        let mapping = self.mapping;
        let loops = &mapping.schedule.loops;
        let level_ends = depth > 0
            && loops
                .get(depth)
                .is_none_or(|next| next.level != loops[depth - 1].level);
        if level_ends {
            for pe in &mut pes {
                end_level(mapping, pe);
            }
            pes.retain(|pe| !is_idle(pe));
        }
        if depth == mapping.schedule.leaf {
            // Loops from here on only order the accesses inside the tile.
            let mut tiles = pes.clone();
            for pe in &mut tiles {
                end_level(mapping, pe);
            }
            tiles.retain(|pe| !is_idle(pe));
            if !tiles.is_empty() {
                self.steps.push(Step {
                    index: self.index.clone(),
                    boxes: tiles.into_iter().map(|pe| (pe.place, pe.ranks)).collect(),
                });
            }
        }
        let Some(this) = loops.get(depth) else {
            for point in pes.iter().flat_map(|pe| points(&pe.ranks)) {
                self.pay(1)?;
                *self.done.entry(point).or_insert(0) += 1;
            }
            return Ok(());
        };
        // The loop goes on as long as some PE has a window left in all that it moves.
        let reach = |pe: &Pe| -> u64 {
            let windows = this.moves.iter().map(|m| {
                let (lo, hi) = extent(pe, m.axis);
                window_count((hi - lo).max(0) as u64, m.size, m.offset)
            });
            windows.min().unwrap_or(1)
        };
        let most = pes.iter().map(reach).max().unwrap_or(0);
        let instances = this.instances().max(1);
        for trip in 0..most.div_ceil(instances) {
            let first = trip * instances;
            let mut inside = Vec::new();
            for pe in &pes {
                for window in first..reach(pe).min(first.saturating_add(instances)) {
                    self.pay(1)?;
                    let mut moved = pe.clone();
                    moved.place.push(match this.kind {
                        LoopKind::Temporal => 0,
                        LoopKind::Spatial { .. } => window - first,
                    });
                    for m in &this.moves {
                        let (lo, hi) = extent(pe, m.axis);
                        let start = lo + (window * m.offset) as i64;
                        let size = i64::try_from(m.size).unwrap_or(i64::MAX);
                        let piece = (start, hi.min(start.saturating_add(size)));
                        match m.axis {
                            Axis::Rank(rank) => moved.ranks[rank.index()] = piece,
                            Axis::Window(w) => moved.windows[usize::from(w)] = piece,
                        }
                    }
                    inside.push(moved);
                }
            }
            self.pay(1)?;
            self.index.push(trip);
            self.from(depth + 1, inside)?;
            self.index.pop();
        }
        Ok(())
    }
}

fn extent(pe: &Pe, axis: Axis) -> Range {
    match axis {
        Axis::Rank(rank) => pe.ranks[rank.index()],
        Axis::Window(window) => pe.windows[usize::from(window)],
    }
}

/// A PE with nothing in one direction has no points, whatever comes further inside.
fn is_idle(pe: &Pe) -> bool {
    pe.ranks.iter().chain(&pe.windows).any(|&(lo, hi)| lo >= hi)
}

/// At the end of a cluster level a PE produces the outputs whose complete window it has, and hands down
/// exactly the input rows that these need.
fn end_level(mapping: &Mapping, pe: &mut Pe) {
    for (w, window) in mapping.operation.windows.iter().enumerate() {
        let (stride, dilation) = (window.stride as i64, window.dilation as i64);
        let (u, r) = (pe.windows[w], pe.ranks[window.kernel.index()]);
        let out = &mut pe.ranks[window.output.index()];
        let complete: Vec<i64> = (out.0..out.1)
            .filter(|p| (r.0..r.1).all(|r| (u.0..u.1).contains(&(stride * p + dilation * r))))
            .collect();
        *out = match (complete.first(), complete.last()) {
            (Some(&first), Some(&last)) => (first, last + 1),
            _ => (out.0, out.0),
        };
    }
    hand_down_input_rows(mapping, pe);
}

fn hand_down_input_rows(mapping: &Mapping, pe: &mut Pe) {
    for (w, window) in mapping.operation.windows.iter().enumerate() {
        let (stride, dilation) = (window.stride as i64, window.dilation as i64);
        let p = pe.ranks[window.output.index()];
        let r = pe.ranks[window.kernel.index()];
        pe.windows[w] = if p.0 < p.1 && r.0 < r.1 {
            let first = stride * p.0 + dilation * r.0;
            let last = stride * (p.1 - 1) + dilation * (r.1 - 1);
            (first, last + 1)
        } else {
            (0, 0)
        };
    }
}
