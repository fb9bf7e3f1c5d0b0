//! From the defects of a group to violations: which directive, which witness, which repair.
//!
//! An uncovered point is blamed on the innermost loop that passes it by (`TemporalMap(2,4) K`: the point
//! K = 2 lies between the windows); a doubled one on the outermost loop at which two of its performances
//! part. When what is missed is everything off the diagonal of two dimensions that move together, or
//! everything at all because no kernel window is ever complete, that is the violation instead.

use super::cover::{self, Cover, Defects, Gap};
use super::full_point;
use super::repair;
use super::trace;
use super::violation::{Diagonal, Directive, Doer, Doubled, Incomplete, Uncovered, Violation};
use crate::ir::{Axis, Group, GroupAxis, GroupLoop, Mapping};

/// The violations of one group; empty when it is covered exactly once.
pub(super) fn judge(mapping: &Mapping, group: &Group) -> Vec<Violation> {
    let defects = match cover::judge(group, cover::LIMIT) {
        Cover::Exact => return Vec::new(),
        Cover::Undecided => return vec![undecided(mapping, group)],
        Cover::Broken(defects) => defects,
    };
    // Points of the other groups come with every point of this one.
    let others = (0..mapping.operation.ranks.len())
        .filter(|&rank| group.ranks.iter().all(|r| r.index() != rank))
        .fold(1u128, |product, rank| {
            product.saturating_mul(u128::from(mapping.operation.ranks[rank]))
        });
    let all = |points: Option<u128>| points.map(|points| points.saturating_mul(others));
    let mut found = Vec::new();
    if let Some(gap) = &defects.gap {
        let missed = all(defects.missed);
        found.push(
            diagonal(mapping, group, gap, missed)
                .or_else(|| incomplete(mapping, group, &defects, gap))
                .unwrap_or_else(|| uncovered(mapping, group, gap, missed)),
        );
    }
    if let Some(point) = &defects.doubled {
        found.extend(doubled(mapping, group, point, all(defects.surplus)));
    }
    if found.is_empty() {
        // It is broken, and nobody could be found to blame: not legal in any case.
        found.push(undecided(mapping, group));
    }
    found
}

fn undecided(mapping: &Mapping, group: &Group) -> Violation {
    let loops = group.loops.iter().enumerate().rev();
    let uneven = |l: &GroupLoop| l.moves.iter().any(|m| m.size != m.offset);
    let blamed = loops.clone().find(|(_, l)| uneven(l));
    Violation::Undecided {
        directive: blamed.map(|(depth, _)| directive(mapping, group, depth, 0)),
        ranks: group.ranks.to_vec(),
    }
}

/// Move `number` of the group's loop `depth`.
pub(super) fn directive(
    mapping: &Mapping,
    group: &Group,
    depth: usize,
    number: usize,
) -> Directive {
    let index = group.loops[depth].index;
    Directive::of(&mapping.schedule.loops[index], index, number)
}

/// Which component each rank belongs to when only indices and windows couple ranks, not loops.
fn coupled(mapping: &Mapping) -> Vec<usize> {
    let operation = &mapping.operation;
    let mut leader: Vec<usize> = (0..operation.ranks.len()).collect();
    let windows = operation
        .windows
        .iter()
        .map(|w| (w.output.index(), w.kernel.index()));
    let terms = operation
        .tensors
        .iter()
        .flat_map(|tensor| &tensor.dims)
        .flat_map(|dim| dim.terms.windows(2))
        .map(|pair| (pair[0].rank.index(), pair[1].rank.index()));
    for (a, b) in windows.chain(terms) {
        let (low, high) = (leader[a].min(leader[b]), leader[a].max(leader[b]));
        for l in &mut leader {
            if *l == high {
                *l = low;
            }
        }
    }
    leader
}

/// E0404, if the group has a spatial loop over dimensions that nothing couples.
fn diagonal(
    mapping: &Mapping,
    group: &Group,
    gap: &Gap,
    missed: Option<u128>,
) -> Option<Violation> {
    let leader = coupled(mapping);
    let component = |axis: GroupAxis| match axis {
        GroupAxis::Rank(rank) => leader[group.ranks[rank].index()],
        GroupAxis::Window(w) => leader[group.ranks[group.windows[w].output].index()],
    };
    let depth = group.loops.iter().position(|l| {
        l.moves
            .iter()
            .any(|m| component(m.axis) != component(l.moves[0].axis))
    })?;
    let directives: Vec<Directive> = (0..group.loops[depth].moves.len())
        .map(|number| directive(mapping, group, depth, number))
        .collect();
    let first = component(group.loops[depth].moves[0].axis);
    let others: Vec<Directive> = group.loops[depth]
        .moves
        .iter()
        .zip(&directives)
        .filter(|(m, _)| component(m.axis) != first)
        .map(|(_, d)| *d)
        .collect();
    Some(Violation::Diagonal(Box::new(Diagonal {
        repair: repair::parting(mapping, group, &others),
        directives,
        point: full_point(mapping, group, &gap.point),
        missed,
        volume: mapping.operation.volume(),
    })))
}

/// E0406, if nothing of the group is performed because no kernel window is complete.
fn incomplete(mapping: &Mapping, group: &Group, defects: &Defects, gap: &Gap) -> Option<Violation> {
    let volume = group.whole().volume();
    let nothing = match defects.missed {
        Some(missed) => missed == u128::from(volume),
        // Not enumerated: the first point stands for all.
        None => gap.point.iter().all(|&x| x == 0),
    };
    let miss = trace::deepest(group, &gap.point)?;
    let (w, rows, span) = miss.incomplete?;
    if !nothing || rows >= span {
        return None;
    }
    let directive = directive(mapping, group, miss.depth, miss.number);
    Some(Violation::Incomplete(Box::new(Incomplete {
        directive,
        window: usize::from(group.windows[w].window),
        rows,
        span,
        repair: repair::resizing(mapping, group, directive),
    })))
}

fn uncovered(mapping: &Mapping, group: &Group, gap: &Gap, missed: Option<u128>) -> Violation {
    let (depth, number) =
        trace::deepest(group, &gap.point).map_or((0, 0), |miss| (miss.depth, miss.number));
    let directive = directive(mapping, group, depth, number);
    let bound = |x: i64| u64::try_from(x).unwrap_or(0);
    Violation::Uncovered(Box::new(Uncovered {
        point: full_point(mapping, group, &gap.point),
        rank: group.ranks[gap.rank],
        range: (bound(gap.range.lo), bound(gap.range.hi)),
        missed,
        repair: repair::resizing(mapping, group, directive),
        directive,
    }))
}

fn doubled(
    mapping: &Mapping,
    group: &Group,
    point: &[i64],
    surplus: Option<u128>,
) -> Option<Violation> {
    let paths = trace::performances(group, point, 2)?;
    let [one, other] = paths.as_slice() else {
        return None;
    };
    let depth = one.iter().zip(other).position(|(a, b)| a != b)?;
    // Of moves that go together, the one whose windows overlap.
    let moves = &group.loops[depth].moves;
    let number = moves
        .iter()
        .position(|m| m.offset < m.size)
        .unwrap_or_default();
    let part = directive(mapping, group, depth, number);
    let doers = |path: &[u64]| -> Vec<Doer> {
        path.iter()
            .zip(&group.loops)
            .enumerate()
            .map(|(depth, (&window, l))| Doer {
                directive: directive(mapping, group, depth, 0),
                step: window / l.instances.max(1),
                instance: l.array.map(|_| window % l.instances.max(1)),
            })
            .collect()
    };
    Some(Violation::Doubled(Box::new(Doubled {
        point: full_point(mapping, group, point),
        doers: [doers(one), doers(other)],
        surplus,
        repair: repair::resizing(mapping, group, part),
        directive: part,
    })))
}

/// The span of the kernel of the window that `axis` belongs to, and its stride.
pub(super) fn span_and_stride(mapping: &Mapping, axis: Axis, kernel: u64) -> Option<(u64, u64)> {
    let Axis::Window(window) = axis else {
        return None;
    };
    let window = mapping.operation.windows.get(usize::from(window))?;
    Some((
        window.dilation * kernel.saturating_sub(1) + 1,
        window.stride,
    ))
}
