//! Which mappings are legal: `ir::Mapping` to [`Legal<ir::Mapping>`], or to violations with witnesses.
//!
//! Problem: a dataflow is a few numbers, and most choices of numbers are wrong. `TemporalMap(2,4) K` skips
//! half of the channels, `TemporalMap(2,1) C` does most of them twice, and a cost computed for either means
//! nothing. A mapping is legal when every point of the iteration space is performed exactly once and every
//! memory holds what it must. Nothing past this module accepts a mapping that was not checked.
//!
//! The points of different *groups* of ranks are independent (`ir::groups`): a point is performed as often
//! as the product over the groups of how often its part is. So each group is judged alone, in two steps:
//!
//! 1. [`fast`]: every loop partitions what its parent gives it; closed form, about a microsecond.
//! 2. [`cover`]: otherwise the boxes of the group are enumerated and swept, exactly; past a limit of work
//!    single points are looked up ([`trace`]), and a mapping about which nothing is found is `Undecided`.
//!
//! Invariants: [`Legal`] is made only by [`check`]; the verdict equals that of `engine::oracle`
//! (property-tested here); a [`Repair`] is offered only after the group was judged again with it.

mod blame;
mod capacity;
mod cover;
mod fast;
mod place;
mod prepared;
mod repair;
mod sums;
mod trace;
mod violation;
mod warn;
mod whole;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod tests;

pub use capacity::{Footprint, check as capacities, footprint, required};
pub use place::{Choice, choose};
pub use prepared::Prepared;
pub use sums::incomplete;
pub use violation::{
    Change, Diagonal, Directive, Doer, Doubled, Fit, Incomplete, Need, Overfull, Repair, Uncovered,
    Violation, Whole,
};
pub use warn::{Warning, warnings};

use crate::ir::{Axis, Group, Mapping, Operation, groups};
use std::collections::BTreeMap;

/// Extents, sizes and offsets past this are refused, so that sums of many of them stay inside `i64`.
pub const LARGEST: u64 = 1 << 48;

/// Something that was checked; only [`check`] makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct Legal<T>(T);

impl<T> Legal<T> {
    #[must_use]
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The value itself; to use it again as legal it must be checked again.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Legal<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A mapping that is not legal, and everything that is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Illegal {
    pub mapping: Mapping,
    /// Never empty; in the order of the groups, then of the memories.
    pub violations: Vec<Violation>,
}

/// Judges coverage, redundancy, clusters and capacities.
///
/// # Errors
/// The mapping again, with its violations.
pub fn check(mapping: Mapping) -> Result<Legal<Mapping>, Box<Illegal>> {
    let violations = violations(&mapping);
    if violations.is_empty() {
        Ok(Legal(mapping))
    } else {
        Err(Box::new(Illegal {
            mapping,
            violations,
        }))
    }
}

/// Judges a mapping some of whose memories have no position yet: coverage first, then positions for the
/// memories in `automatic` (all tensors but the `fixed` pairs of memory and tensor), then capacities.
///
/// # Errors
/// The mapping, as far as it was settled, with its violations.
pub fn settle(
    mapping: Mapping,
    automatic: &[usize],
    fixed: &[(usize, usize)],
) -> Result<(Legal<Mapping>, Vec<Choice>), Box<Illegal>> {
    let mut mapping = mapping;
    let mut violations = coverage(&mapping);
    let mut choices = Vec::new();
    if violations.is_empty() {
        match choose(&mut mapping, automatic, fixed) {
            Ok(chosen) => choices = chosen,
            Err(violation) => violations.push(violation),
        }
    }
    if violations.is_empty() {
        violations = capacities(&mapping);
    }
    if violations.is_empty() {
        Ok((Legal(mapping), choices))
    } else {
        Err(Box::new(Illegal {
            mapping,
            violations,
        }))
    }
}

/// Everything that keeps `mapping` from being legal. Capacities are judged only when all points are
/// performed exactly once.
#[must_use]
pub fn violations(mapping: &Mapping) -> Vec<Violation> {
    let found = coverage(mapping);
    if found.is_empty() {
        capacities(mapping)
    } else {
        found
    }
}

/// What is wrong with the loops (E0402 to E0406, and what is too large to judge).
#[must_use]
pub fn coverage(mapping: &Mapping) -> Vec<Violation> {
    let mut found = oversized(mapping);
    if !found.is_empty() {
        return found;
    }
    let unproved = fast::unproved(mapping);
    if unproved.iter().any(|&open| open) {
        for group in groups(mapping) {
            if group.ranks.iter().any(|rank| unproved[rank.index()]) {
                found.extend(blame::judge(mapping, &group));
            }
        }
    }
    found.extend(clusters(mapping));
    found
}

/// Whether every point is performed exactly once: the verdict alone, without witnesses.
#[must_use]
pub fn covers(mapping: &Mapping) -> bool {
    if !oversized(mapping).is_empty() {
        return false;
    }
    let unproved = fast::unproved(mapping);
    !unproved.iter().any(|&open| open)
        || groups(mapping).iter().all(|group| {
            !group.ranks.iter().any(|rank| unproved[rank.index()])
                || cover::judge(group, cover::LIMIT) == cover::Cover::Exact
        })
}

/// Directives whose window is larger than the whole dimension (E0401). Such a window is clipped and
/// harmless to count, so [`check`] accepts it; the language does not.
#[must_use]
pub fn bounds(mapping: &Mapping) -> Vec<Violation> {
    directives(mapping)
        .filter_map(|directive| {
            let extent = extent_of(mapping, directive.axis);
            (directive.size > extent || directive.size == 0 || directive.offset == 0)
                .then_some(Violation::Bound { directive, extent })
        })
        .collect()
}

/// Every move of every loop, as a [`Directive`].
pub(crate) fn directives(mapping: &Mapping) -> impl Iterator<Item = Directive> + '_ {
    let loops = mapping.schedule.loops.iter().enumerate();
    loops.flat_map(|(index, l)| {
        (0..l.moves.len()).map(move |number| Directive::of(l, index, number))
    })
}

/// The largest number of a layer, if it is too large.
fn oversized_problem(operation: &Operation) -> Option<u64> {
    let windows = operation.windows.iter();
    let dims = operation.tensors.iter().flat_map(|tensor| &tensor.dims);
    // The rows that a window's outputs need; `lower` makes them fit its extent.
    let rows = windows.clone().map(|w| {
        let outputs = operation.ranks[w.output.index()].saturating_sub(1);
        let kernel = operation.ranks[w.kernel.index()].saturating_sub(1);
        let last = outputs.saturating_mul(w.stride);
        last.saturating_add(kernel.saturating_mul(w.dilation))
    });
    let largest = operation
        .ranks
        .iter()
        .copied()
        .chain(windows.flat_map(|w| [w.extent, w.stride, w.dilation]))
        .chain(dims.map(|dim| dim.extent))
        .chain(rows)
        .max();
    largest.filter(|&value| value > LARGEST)
}

/// What the rest of this module must not see: numbers that could overflow, windows that never move.
fn oversized(mapping: &Mapping) -> Vec<Violation> {
    let mut found = Vec::new();
    if let Some(value) = oversized_problem(&mapping.operation) {
        found.push(Violation::TooLarge {
            directive: None,
            value,
        });
    }
    for directive in directives(mapping) {
        let value = directive.size.max(directive.offset);
        if directive.size == 0 || directive.offset == 0 {
            let extent = extent_of(mapping, directive.axis);
            found.push(Violation::Bound { directive, extent });
        } else if value > LARGEST {
            found.push(Violation::TooLarge {
                directive: Some(directive),
                value,
            });
        }
    }
    found
}

/// The whole extent of an axis; of a window with padding.
fn extent_of(mapping: &Mapping, axis: Axis) -> u64 {
    match axis {
        Axis::Rank(rank) => mapping.operation.ranks[rank.index()],
        Axis::Window(window) => mapping.operation.windows[usize::from(window)].extent,
    }
}

/// E0405: the loops over one array ask for more instances than it has.
fn clusters(mapping: &Mapping) -> Vec<Violation> {
    let mut used: BTreeMap<usize, (u64, Vec<Directive>)> = BTreeMap::new();
    for (index, l) in mapping.schedule.loops.iter().enumerate() {
        if let Some(array) = l.array() {
            let entry = used.entry(array).or_insert((1, Vec::new()));
            entry.0 = entry.0.saturating_mul(l.instances());
            entry.1.push(Directive::of(l, index, 0));
        }
    }
    used.into_iter()
        .filter_map(|(array, (used, directives))| {
            let available = mapping.architecture.arrays.get(array)?.size();
            (used > available).then_some(Violation::Clusters {
                array,
                used,
                available,
                directives,
            })
        })
        .collect()
}

/// The whole point of the operation whose coordinates in `group` are `local`, zero elsewhere.
fn full_point(mapping: &Mapping, group: &Group, local: &[i64]) -> Vec<u64> {
    let mut point = vec![0; mapping.operation.ranks.len()];
    for (rank, &x) in group.ranks.iter().zip(local) {
        point[rank.index()] = u64::try_from(x).unwrap_or(0);
    }
    point
}
