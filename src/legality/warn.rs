//! What is legal but wasteful: PEs that never work, spatial maps that spread nothing.
//!
//! `SpatialMap(1,1) K` with `K: 64` on 256 PEs leaves 192 of them without work in every step; that is
//! allowed, and worth a word. So is an array whose last fold is nearly empty.

use super::Legal;
use super::cover::common_windows;
use super::violation::Directive;
use crate::ir::{Group, GroupLoop, Mapping, groups};
use std::collections::BTreeMap;

/// Idle shares of an array that are not worth a warning when every PE works in some step: a last fold that
/// is not full is the rule, not a mistake.
const NEGLIGIBLE: f64 = 0.25;

/// Something legal that costs performance.
#[derive(Clone, Debug, PartialEq)]
pub enum Warning {
    /// W0401: part of an array idles.
    Idle {
        array: usize,
        /// Instances that work in the fullest fold.
        used: u64,
        available: u64,
        /// Share of the array's time that is lost, over all folds, in [0, 1).
        lost: f64,
        /// The spatial maps over the array.
        directives: Vec<Directive>,
    },
    /// W0403: clusters of a size that does not end with an axis of the array.
    Across {
        array: usize,
        /// Instances in a cluster.
        size: u64,
        /// Of the axis that the clusters do not end with.
        row: u64,
        /// Clusters that lie in two rows, of those with work.
        across: u64,
        used: u64,
        /// Whole clusters that the rows hold without that.
        fitting: u64,
        /// The spatial map over the clusters.
        directive: Directive,
    },
    /// W0402: a spatial map with one window only.
    Still {
        directive: Directive,
        /// Instances that could have had a window.
        instances: u64,
    },
}

/// The warnings about `mapping`: clusters that lie across rows, arrays outside in, then spatial maps in order.
#[must_use]
pub fn warnings(mapping: &Legal<Mapping>) -> Vec<Warning> {
    let mut windows: BTreeMap<usize, u64> = BTreeMap::new();
    let groups = groups(mapping);
    for group in &groups {
        largest_counts(group, &mut windows);
    }
    // Every array, also one over which nothing spreads.
    let mut arrays: Vec<Vec<(Directive, u64, u64)>> = Vec::new();
    arrays.resize_with(mapping.architecture.arrays.len(), Vec::new);
    for (index, l) in mapping.schedule.loops.iter().enumerate() {
        let Some(array) = l.array() else { continue };
        let count = windows.get(&index).copied().unwrap_or(1);
        let directive = Directive::of(l, index, 0);
        if let Some(loops) = arrays.get_mut(array) {
            loops.push((directive, count, l.instances().max(1)));
        }
    }
    let mut found = across(mapping, &windows);
    for (array, loops) in arrays.iter().enumerate() {
        let still = |&(_, count, instances): &(Directive, u64, u64)| count <= 1 && instances > 1;
        if loops.iter().any(still) {
            let still = loops.iter().filter(|l| still(l));
            found.extend(still.map(|&(directive, _, instances)| Warning::Still {
                directive,
                instances,
            }));
            continue;
        }
        let available = mapping.architecture.arrays[array].size();
        let used = groups.iter().fold(1u64, |used, group| {
            used.saturating_mul(working(group, array, &windows))
        });
        // Windows done, of those that all instances of the array could have done in the same folds.
        let share = loops.iter().fold(1.0, |share, &(_, count, instances)| {
            share * count as f64 / count.div_ceil(instances) as f64
        });
        // In clipped pieces there are fewer.
        let lost = 1.0 - share.min(used as f64) / available as f64;
        if used < available || lost > NEGLIGIBLE {
            found.push(Warning::Idle {
                array,
                used,
                available,
                lost,
                directives: loops.iter().map(|l| l.0).collect(),
            });
        }
    }
    found
}

/// Over how many instances of `array` a group has work, in the fullest fold. A clipped piece has fewer windows
/// to spread than a full one: `spread K by 3; spread K by 1` of five K on 3 x 3 PEs works on 3 + 2 of them.
fn working(group: &Group, array: usize, windows: &BTreeMap<usize, u64>) -> u64 {
    let own = |l: &GroupLoop| l.array == Some(array);
    let spread = |l: &GroupLoop| {
        let count = windows.get(&l.index).copied().unwrap_or(1);
        if own(l) { count.min(l.instances) } else { 1 }
    };
    let all = group
        .loops
        .iter()
        .fold(1u64, |n, l| n.saturating_mul(spread(l)));
    // More than this are not looked at one by one, and taken for full.
    if all > MOST_CLUSTERS || group.loops.iter().filter(|l| own(l)).count() < 2 {
        return all;
    }
    let mut states = vec![group.whole()];
    for l in &group.loops {
        states = states
            .iter()
            .flat_map(|state| (0..spread(l)).map(|window| group.step(state, l, window)))
            .collect();
    }
    states.iter().filter(|state| !state.is_empty()).count() as u64
}

/// Clusters against the axes of their array. The PEs are numbered row by row, and cluster number i has those from
/// `i * size` on: with 3 PEs in rows of 8 the third cluster has 6, 7 and 8, in two rows. Loops of one level are
/// spread over axes that they name, and have no clusters.
fn across(mapping: &Mapping, windows: &BTreeMap<usize, u64>) -> Vec<Warning> {
    let loops = &mapping.schedule.loops;
    let mut found = Vec::new();
    for (index, l) in loops.iter().enumerate() {
        let Some(array) = l.array() else { continue };
        let Some(known) = mapping.architecture.arrays.get(array) else {
            continue;
        };
        // The clusters of this level are as large as what the levels inside distribute over.
        let inside = loops[index + 1..].iter();
        let size = inside
            .filter(|inner| inner.array() == Some(array) && inner.level > l.level)
            .fold(1u64, |size, inner| size.saturating_mul(inner.instances()));
        if size <= 1 {
            continue;
        }
        let used = windows
            .get(&index)
            .map_or(1, |&count| count.min(l.instances()));
        let Some((row, part)) = torn(&known.shape, size) else {
            continue;
        };
        // In units of which a row has `row` and a cluster `part`.
        let across = (0..used.min(MOST_CLUSTERS))
            .filter(|cluster| {
                let first = cluster.saturating_mul(part);
                let last = first.saturating_add(part - 1);
                first / row != last / row && !(first % row == 0 && (last + 1) % row == 0)
            })
            .count();
        if across == 0 {
            continue;
        }
        let unit = size / part;
        found.push(Warning::Across {
            array,
            size,
            row: row.saturating_mul(unit),
            across: u64::try_from(across).unwrap_or(u64::MAX),
            used,
            fitting: (known.size() / row.saturating_mul(unit).max(1)) * (row / part),
            directive: Directive::of(l, index, 0),
        });
    }
    found
}

/// Clusters of which more than this are not looked at one by one: the pattern repeats long before.
const MOST_CLUSTERS: u64 = 1 << 16;

/// The innermost axis that clusters of `size` do not end with: its extent, and the part of it that a cluster takes.
fn torn(shape: &[u64], size: u64) -> Option<(u64, u64)> {
    let mut left = size;
    for &axis in shape.iter().rev().take(shape.len().saturating_sub(1)) {
        if axis == 0 || axis.is_multiple_of(left) {
            return None;
        }
        if !left.is_multiple_of(axis) {
            return Some((axis, left));
        }
        left /= axis;
    }
    None
}

/// Per spatial loop of the group, how many windows the largest part of its parent has: the first, since
/// later ones are clipped if anything.
fn largest_counts(group: &Group, windows: &mut BTreeMap<usize, u64>) {
    let mut state = group.whole();
    for l in &group.loops {
        let count = common_windows(&state, l);
        if l.array.is_some() {
            windows.insert(l.index, count);
        }
        state = group.step(&state, l, 0);
    }
}
