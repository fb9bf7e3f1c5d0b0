//! The least that must be held at once.
//!
//! Problem: three rows of a 112-wide map are the *window* of a 3x3 layer that moves by pixels, but of the oldest row only
//! what lies ahead is still needed, and of the newest only what has been made exists: 227 elements, not 336. At step `i`
//! an element is live if the step touches it, or if an earlier step touched it and a later one will reuse it:
//!
//! ```text
//! live(i) = R(i)  +  (prior_k(i) meets later steps of the window)  +  (earlier steps of the window meet the next window)
//! ```
//!
//! (`prior_k` is a contiguous range of steps that ends before `i`; an element that step `j` reuses was touched at or
//! after the start of `prior_k(j)`.) Each part is a union of products, as the sets of `term` are. Along a run of trips the
//! factors grow, shrink or move evenly once the borders are far enough, so that the size is linear in each index between
//! the trips that are looked at here: its maximum lies at one of them.

use super::analysis::TensorSets;
use super::boxset::BoxSet;
use super::table::Table;
use super::term::Term;
use crate::engine::EngineLimit;
use crate::ir::Strided;

/// More steps than this are not looked at one by one.
const MOST_STEPS: usize = 1 << 20;

/// Most elements of a tensor that must be held at once.
pub(super) fn live(sets: &TensorSets, trips: &[u64]) -> Result<u128, EngineLimit> {
    let dims = sets.extents.len();
    let loops = trips.len();
    let keep = match sets.keep {
        // Nothing is carried from one step to the next but the next one.
        None => loops,
        Some(keep) => keep.min(loops),
    };
    if keep == loops || sets.touched.is_empty() {
        return super::grid::largest(&sets.required, loops, trips);
    }
    let samples: Vec<Vec<u64>> = (0..loops)
        .map(|axis| samples(&sets.touched, axis, trips))
        .collect();
    let steps = samples
        .iter()
        .fold(1usize, |product, trips| product.saturating_mul(trips.len()));
    if steps > MOST_STEPS {
        return Err(EngineLimit::TooManyClasses);
    }
    let mut most = 0;
    let mut index = vec![0usize; loops];
    loop {
        let step: Vec<u64> = index
            .iter()
            .zip(&samples)
            .map(|(&at, trips)| trips.get(at).copied().unwrap_or(0))
            .collect();
        most = most.max(at(&sets.touched, keep, &step, trips, dims)?);
        // The next combination, the innermost loop first.
        let mut axis = loops;
        loop {
            let Some(next) = axis.checked_sub(1) else {
                return Ok(most);
            };
            axis = next;
            let (Some(at), Some(trips)) = (index.get_mut(axis), samples.get(axis)) else {
                return Ok(most);
            };
            *at += 1;
            if *at < trips.len() {
                break;
            }
            *at = 0;
        }
    }
}

/// Where one loop stands in the steps that are looked at.
#[derive(Clone, Copy)]
enum Place {
    Earlier,
    Later,
    Previous,
    Next,
}

/// The product of what the steps have that differ from `step` at loop `axis` as `place` says, run freely inside it and
/// agree outside it.
fn cone(
    term: &Term,
    axis: usize,
    place: Place,
    step: &[u64],
    trips: &[u64],
) -> Option<Vec<Strided>> {
    let now = step.get(axis).copied()?;
    let count = trips.get(axis).copied()?;
    let (from, to) = match place {
        Place::Earlier => (0, now),
        Place::Later => (now + 1, count),
        Place::Previous => (now.checked_sub(1)?, now),
        Place::Next => (now + 1, (now + 2).min(count)),
    };
    if from >= to {
        return None;
    }
    let range = |table: &Table| table.range(step, axis, from, to);
    if term.gates.iter().any(|gate| range(gate).is_empty()) {
        return None;
    }
    let sides: Vec<Strided> = term.dims.iter().map(range).collect();
    sides.iter().all(|side| !side.is_empty()).then_some(sides)
}

/// Elements that are live in one step.
fn at(
    touched: &[Term],
    keep: usize,
    step: &[u64],
    trips: &[u64],
    dims: usize,
) -> Result<u128, EngineLimit> {
    let cones = |places: &[(usize, Place)]| -> Vec<Vec<Strided>> {
        touched
            .iter()
            .flat_map(|term| {
                places
                    .iter()
                    .filter_map(|&(axis, place)| cone(term, axis, place, step, trips))
            })
            .collect()
    };
    let inside = |place: Place| (keep..trips.len()).map(move |axis| (axis, place));
    let earlier: Vec<(usize, Place)> = inside(Place::Earlier).collect();
    let later: Vec<(usize, Place)> = inside(Place::Later).collect();
    let outer = keep.checked_sub(1);
    let before = cones(&earlier);
    let last: Vec<Vec<Strided>> =
        outer.map_or_else(Vec::new, |axis| cones(&[(axis, Place::Previous)]));
    let after = cones(&later);
    let next: Vec<Vec<Strided>> = outer.map_or_else(Vec::new, |axis| cones(&[(axis, Place::Next)]));
    let mut set = BoxSet::empty(dims);
    for term in touched {
        if let Some(sides) = term.at(step) {
            set = set.union(&BoxSet::from_sides(sides));
        }
    }
    let pairs = [(&before, &after), (&last, &after), (&before, &next)];
    for (past, future) in pairs {
        for one in past {
            for other in future {
                let sides: Vec<Strided> = one
                    .iter()
                    .zip(other)
                    .map(|(left, right)| left.intersect(right))
                    .collect();
                if sides.iter().all(|side| !side.is_empty()) {
                    set = set.union(&BoxSet::from_sides(sides));
                }
            }
        }
    }
    Ok(set.count())
}

/// The trips of a loop at which live sets are looked at: the borders of every run of translates, and as many beside them
/// as it takes until sets no longer reach across.
fn samples(touched: &[Term], axis: usize, trips: &[u64]) -> Vec<u64> {
    let count = trips.get(axis).copied().unwrap_or(1);
    let mut bounds: Vec<Vec<u64>> = vec![vec![0]; trips.len()];
    let mut reach = 1u64;
    for factor in touched.iter().flat_map(Term::factors) {
        factor.boundaries(&mut bounds);
        reach = reach.max(factor.reach(axis));
    }
    let firsts = bounds.get(axis).cloned().unwrap_or_default();
    let mut samples = Vec::new();
    for first in firsts.into_iter().chain(std::iter::once(count)) {
        let from = first.saturating_sub(reach + 1);
        let to = first.saturating_add(reach + 1).min(count.saturating_sub(1));
        samples.extend(from..=to);
    }
    samples.retain(|&trip| trip < count);
    samples.sort_unstable();
    samples.dedup();
    samples
}
