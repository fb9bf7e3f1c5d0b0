//! Repairs, each judged again before it is offered.
//!
//! The candidates for a directive are few and in the order in which a person would try them: windows that
//! abut (offset = size; over input rows offset = outputs x stride), then a window as large as the kernel
//! needs, then the whole dimension. The first one after which the group is covered exactly once is offered.
//! When the blamed directive cannot be repaired alone, the other ones of its group are tried.

use super::blame::{directive, span_and_stride};
use super::cover::{self, Cover};
use super::fast;
use super::violation::{Change, Directive, Repair};
use crate::base::limits;
use crate::ir::{Axis, Group, Loop, LoopKind, Mapping, Origin, groups};

/// [`limits::REPAIR_WINDOWS`].
const LIMIT: u64 = limits::REPAIR_WINDOWS;
/// [`limits::REPAIRS`].
const TRIES: usize = limits::REPAIRS;

/// `mapping` with `change` applied to `directive` (and to every move of the same origin).
pub(super) fn apply(mapping: &Mapping, directive: Directive, change: Change) -> Option<Mapping> {
    let mut changed = mapping.clone();
    match change {
        Change::Resize { size, offset } => {
            let same = |l: &Loop, origin: Origin| {
                let origin = if origin == Origin::NONE {
                    l.origin
                } else {
                    origin
                };
                origin != Origin::NONE && origin == directive.origin
            };
            for (index, l) in mapping.schedule.loops.iter().enumerate() {
                for (number, m) in l.moves.iter().enumerate() {
                    let this = index == directive.index && number == directive.number;
                    if this || (m.axis == directive.axis && same(l, m.origin)) {
                        let m = &mut changed.schedule.loops[index].moves[number];
                        m.size = size;
                        m.offset = offset;
                    }
                }
            }
        }
        Change::Temporal => {
            let schedule = &mut changed.schedule;
            let l = schedule.loops.get_mut(directive.index)?;
            if l.moves.len() < 2 || directive.number >= l.moves.len() {
                return None;
            }
            let single = l.moves.remove(directive.number);
            let temporal = Loop {
                moves: [single].into_iter().collect(),
                kind: LoopKind::Temporal,
                level: l.level,
                origin: single.origin,
            };
            schedule.loops.insert(directive.index + 1, temporal);
            let shift =
                |position: &mut usize| *position += usize::from(*position > directive.index);
            shift(&mut schedule.leaf);
            shift(&mut schedule.steps);
            schedule
                .positions
                .iter_mut()
                .flatten()
                .flatten()
                .for_each(shift);
        }
    }
    Some(changed)
}

/// Whether a loop further in cuts the directive's axis into pieces larger than `size`.
pub(super) fn is_cut_larger(mapping: &Mapping, directive: Directive, size: u64) -> bool {
    let inside = mapping.schedule.loops.iter().skip(directive.index + 1);
    let mut moves = inside.flat_map(|l| l.moves.iter().map(move |m| (l.origin, m)));
    moves.any(|(origin, m)| {
        let own = if m.origin == Origin::NONE {
            origin
        } else {
            m.origin
        };
        let is_same = own != Origin::NONE && own == directive.origin;
        m.axis == directive.axis && m.size > size && !is_same
    })
}

/// Whether the ranks of `group` are covered exactly once in `mapping`, another version of its mapping.
fn sound(mapping: &Mapping, group: &Group) -> bool {
    let unproved = fast::unproved(mapping);
    if group.ranks.iter().all(|rank| !unproved[rank.index()]) {
        return true;
    }
    groups(mapping)
        .iter()
        .filter(|other| other.ranks.iter().any(|rank| group.ranks.contains(rank)))
        .all(|other| cover::judge(other, LIMIT) == Cover::Exact)
}

/// New numbers for `blamed`, or for another directive of the group.
pub(super) fn resizing(mapping: &Mapping, group: &Group, blamed: Directive) -> Option<Repair> {
    let find = || resized(mapping, group, blamed);
    limits::within(limits::ADVICE, None, find).0
}

fn resized(mapping: &Mapping, group: &Group, blamed: Directive) -> Option<Repair> {
    let mut tries = TRIES;
    let others = (0..group.loops.len()).rev().flat_map(|depth| {
        (0..group.loops[depth].moves.len())
            .map(move |number| directive(mapping, group, depth, number))
    });
    for directive in std::iter::once(blamed).chain(others.filter(|d| *d != blamed)) {
        for change in candidates(mapping, group, directive) {
            tries = tries.checked_sub(1).filter(|_| !limits::is_spent())?;
            let repaired = apply(mapping, directive, change);
            if repaired.is_some_and(|repaired| sound(&repaired, group)) {
                return Some(Repair { directive, change });
            }
        }
    }
    None
}

/// One of `others`, which move together with the first, becomes temporal.
pub(super) fn parting(mapping: &Mapping, group: &Group, others: &[Directive]) -> Option<Repair> {
    let change = Change::Temporal;
    let find = || {
        others.iter().find(|&&directive| {
            apply(mapping, directive, change).is_some_and(|repaired| sound(&repaired, group))
        })
    };
    let (found, ..) = limits::within(limits::ADVICE, None, find);
    found.map(|&directive| Repair { directive, change })
}

fn candidates(mapping: &Mapping, group: &Group, directive: Directive) -> Vec<Change> {
    let Directive {
        axis, size, offset, ..
    } = directive;
    let mut numbers = Vec::new();
    match axis {
        Axis::Rank(rank) => {
            numbers.push((size, size));
            numbers.push((offset, offset));
            let extent = mapping.operation.ranks[rank.index()];
            numbers.push((extent, extent));
        }
        Axis::Window(window) => {
            let window = mapping.operation.windows[usize::from(window)];
            // The kernel pieces that some loop of the group makes, the whole kernel first.
            let mut kernels = vec![mapping.operation.ranks[window.kernel.index()]];
            for l in &group.loops {
                for m in &mapping.schedule.loops[l.index].moves {
                    if m.axis == Axis::Rank(window.kernel) && !kernels.contains(&m.size) {
                        kernels.push(m.size);
                    }
                }
            }
            let spans: Vec<(u64, u64)> = kernels
                .iter()
                .filter_map(|&kernel| span_and_stride(mapping, axis, kernel))
                .collect();
            for &(span, stride) in &spans {
                if let Some(slack) = size.checked_sub(span) {
                    numbers.push((size, (slack / stride + 1) * stride));
                }
            }
            for &kernel in &kernels[1..] {
                numbers.push((size, window.dilation * kernel));
            }
            for &(span, stride) in &spans {
                numbers.push((span, stride));
            }
            numbers.push((window.extent, window.extent));
        }
    }
    numbers.retain(|&(s, o)| (s, o) != (size, offset) && s > 0 && o > 0);
    numbers
        .into_iter()
        .map(|(size, offset)| Change::Resize { size, offset })
        .collect()
}
