//! What is legal but wasteful: PEs that never work, spatial maps that spread nothing.
//!
//! `SpatialMap(1,1) K` with `K: 64` on 256 PEs leaves 192 of them without work in every step; that is
//! allowed, and worth a word. So is an array whose last fold is nearly empty.

use super::Legal;
use super::cover::common_windows;
use super::violation::Directive;
use crate::ir::{Group, Mapping, groups};
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
    /// W0402: a spatial map with one window only.
    Still {
        directive: Directive,
        /// Instances that could have had a window.
        instances: u64,
    },
}

/// The warnings about `mapping`: arrays outside in, then spatial maps in order.
#[must_use]
pub fn warnings(mapping: &Legal<Mapping>) -> Vec<Warning> {
    let mut windows: BTreeMap<usize, u64> = BTreeMap::new();
    for group in groups(mapping) {
        largest_counts(&group, &mut windows);
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
    let mut found = Vec::new();
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
        let used = loops.iter().fold(1u64, |used, &(_, count, n)| {
            used.saturating_mul(count.min(n))
        });
        // Windows done, of those that all instances of the array could have done in the same folds.
        let share = loops.iter().fold(1.0, |share, &(_, count, instances)| {
            share * count as f64 / count.div_ceil(instances) as f64
        });
        let lost = 1.0 - share / available as f64;
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
