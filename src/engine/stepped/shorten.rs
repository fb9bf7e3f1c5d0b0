//! Which windows are left out where windows overlap.
//!
//! Problem: `TemporalMap(3,1) Y` over 224 rows has 222 windows, and each takes two rows over from the one
//! before. Leaving out the windows 10 to 200 must leave window 201 where 10 was, two rows after window 9:
//! so the layer itself loses 191 rows, and the window before the gap stands for 192.
//!
//! Only the outermost loop over a rank is shortened here: the loops inside it see its windows as they were.
//! Loops over a rank that is alone in its group are shortened in the tree (`tree`), at any depth: their
//! windows are disjoint, and nothing has to move.

use crate::engine::plan::{Counter, Plan};
use crate::ir::{GroupAxis, GroupLoop, Mapping};

/// Windows that stand for others.
pub(super) struct Cut {
    /// The group and the loop, as an index into the schedule's.
    pub group: usize,
    pub index: usize,
    /// So many trips from this one on ...
    pub from: u64,
    pub period: u64,
    /// ... count so many times.
    pub times: u64,
    /// The rank that lost a part, by its number in the group; where the trips begin, and how long they are.
    pub rank: usize,
    pub start: i64,
    pub length: i64,
}

/// A shorter layer, and what in it stands for the rest.
pub(super) struct Short {
    pub mapping: Mapping,
    pub cuts: Vec<Cut>,
}

impl Short {
    /// Nothing was left out.
    pub fn is_whole(&self) -> bool {
        self.cuts.is_empty()
    }
}

/// Shortens the layer of `mapping` where that changes nothing.
pub(super) fn shorten(counter: &Counter, mapping: &Mapping) -> Short {
    let mut short = Short {
        mapping: mapping.clone(),
        cuts: Vec::new(),
    };
    let Some(loops) = counter.grouping.loops(&mapping.schedule.loops) else {
        return short;
    };
    for (group, (plan, loops)) in counter.plans.iter().zip(&loops).enumerate() {
        if plan.group.ranks.len() < 2 {
            continue;
        }
        for rank in 0..plan.group.ranks.len() {
            if let Some(cut) = cut(mapping, plan, loops, rank) {
                take_out(&mut short.mapping, plan, &cut);
                short.cuts.push(Cut { group, ..cut });
            }
        }
    }
    short
}

/// What can be left out of the outermost loop over `rank`.
fn cut(mapping: &Mapping, plan: &Plan, loops: &[GroupLoop], rank: usize) -> Option<Cut> {
    let group = &plan.group;
    if group.windows.iter().any(|window| window.kernel == rank) {
        return None;
    }
    let moves_it = |axis: GroupAxis| match axis {
        GroupAxis::Rank(other) => other == rank,
        GroupAxis::Window(window) => group.windows[window].output == rank,
    };
    let l = loops
        .iter()
        .find(|l| l.moves.iter().any(|m| moves_it(m.axis)))?;
    if l.index >= mapping.schedule.leaf {
        return None;
    }
    let [m] = l.moves.as_slice() else { return None };
    let stride = match m.axis {
        GroupAxis::Rank(_) => 1,
        GroupAxis::Window(window) => group.windows[window].stride,
    };
    // Rows of one trip, and trips until they are whole outputs.
    let rows = m.offset.checked_mul(i64::try_from(l.instances).ok()?)?;
    let period = stride / gcd(stride, rows);
    let length = rows.checked_mul(period)? / stride;
    let extent = i64::try_from(mapping.operation.ranks[group.ranks[rank].index()]).ok()?;
    // How far, in steps of the rank, anything reaches beyond its own place: other ranks of the same index,
    // padding, and windows that overlap.
    let overlap = (m.size - m.offset).max(0) / stride + 2;
    let (mut before, mut after) = (overlap, overlap);
    for tensor in &mapping.operation.tensors {
        let own = |dim: &&crate::ir::Dim| {
            dim.terms
                .iter()
                .any(|term| group.ranks.contains(&term.rank))
        };
        let dims: Vec<_> = tensor.dims.iter().filter(own).collect();
        for dim in &dims {
            let Some(term) = dim.terms.iter().find(|term| term.rank == group.ranks[rank]) else {
                continue;
            };
            if dims.len() > 1 || term.coefficient < 1 {
                return None;
            }
            let mut low = dim.constant;
            let mut high = dim.constant;
            let mut span = 0i64;
            for other in &dim.terms {
                let last = i64::try_from(mapping.operation.ranks[other.rank.index()] - 1).ok()?;
                let end = other.coefficient.checked_mul(last)?;
                low = low.checked_add(end.min(0))?;
                high = high.checked_add(end.max(0))?;
                if other.rank != term.rank {
                    span = span.checked_add(end.abs())?;
                }
            }
            let over = high - (dim.extent as i64 - 1);
            before = before.max((span + (-low).max(0)) / term.coefficient + overlap);
            after = after.max((span + over.max(0)) / term.coefficient + overlap);
        }
    }
    let trips_for = |n: i64| (n * stride).div_euclid(rows) + 1;
    let from = trips_for(before) + 1;
    let kept = from + period + trips_for(after) + 1;
    let trips = extent * stride / rows;
    let left_out = (trips - kept).div_euclid(period);
    if left_out < 1 {
        return None;
    }
    Some(Cut {
        group: 0,
        index: l.index,
        from: from as u64,
        period: period as u64,
        times: left_out as u64 + 1,
        rank,
        start: from * rows / stride,
        length,
    })
}

/// Makes the layer shorter by what `cut` leaves out.
fn take_out(mapping: &mut Mapping, plan: &Plan, cut: &Cut) {
    let rank = plan.group.ranks[cut.rank];
    let lost = cut.length as u64 * (cut.times - 1);
    let operation = &mut mapping.operation;
    operation.ranks[rank.index()] -= lost;
    for window in &mut operation.windows {
        if window.output == rank {
            window.extent -= lost * window.stride;
        }
    }
    for dim in operation.tensors.iter_mut().flat_map(|t| &mut t.dims) {
        let term = dim.terms.iter().find(|term| term.rank == rank);
        if let Some(coefficient) = term.map(|term| term.coefficient) {
            dim.extent -= lost * coefficient as u64;
        }
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
