//! One set, one list of runs: as far as that is cheap.
//!
//! Problem: `{0, 2, 4} + {1, 3}` is the interval 0 to 4, and whoever compares or counts it next wants one run and
//! not two. One progression is always found, whatever the pieces; of sets that need several runs only the joins
//! below are tried, which take a sort each.
//!
//! Invariant: runs come in disjoint and leave disjoint, sorted, with the same elements.

use super::run::gcd;
use super::{Run, Runs};
use smallvec::smallvec;

/// Merges what can be merged cheaply among disjoint runs, and sorts them.
pub(super) fn normalise(runs: &mut Runs) {
    if runs.len() <= 1 {
        return;
    }
    if let Some(run) = whole(runs) {
        *runs = smallvec![run];
        return;
    }
    split_pairs(runs);
    loop {
        let before = runs.len();
        join_continued(runs);
        join_remainders(runs);
        join_points(runs);
        if runs.len() == before {
            break;
        }
    }
    runs.sort_unstable();
}

/// Two elements far apart are no progression until proved: `{0, 5}` and `{1, 6}` are two intervals.
fn split_pairs(runs: &mut Runs) {
    for index in 0..runs.len() {
        let Some(run) = runs.get_mut(index) else {
            return;
        };
        if run.count == 2 && run.step > 1 {
            let second = Run::new(run.last(), 1, 1);
            *run = Run::new(run.lo, 1, 1);
            runs.push(second);
        }
    }
}

/// `0, 2` and `4, 6`.
fn join_continued(runs: &mut Runs) {
    runs.sort_unstable_by_key(|run| {
        let remainder = i128::from(run.lo).rem_euclid(i128::from(run.step));
        (run.step, remainder, run.lo)
    });
    runs.dedup_by(|next, run| {
        let continues = run.step == next.step
            && run.last() < next.lo
            && next.lo.abs_diff(run.last()) == run.step;
        match run.count.checked_add(next.count) {
            Some(count) if continues => {
                run.count = count;
                true
            }
            _ => false,
        }
    });
}

/// `0, 3, 6` with `1, 4, 7` and `2, 5`: the numbers 0 to 7.
fn join_remainders(runs: &mut Runs) {
    runs.sort_unstable_by_key(|run| (run.step, run.lo));
    let mut out = Runs::new();
    let mut rest = runs.as_slice();
    while let Some((first, others)) = rest.split_first() {
        match remainders(rest) {
            Some((joined, used)) => {
                out.push(joined);
                rest = rest.get(used..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = others;
            }
        }
    }
    *runs = out;
}

/// The progression that the first of these runs are the remainders of, and how many they are.
fn remainders(runs: &[Run]) -> Option<(Run, usize)> {
    let [first, second, ..] = runs else {
        return None;
    };
    if first.step == 1 || second.step != first.step {
        return None;
    }
    let step = second.lo.abs_diff(first.lo);
    if step == 0 || !first.step.is_multiple_of(step) {
        return None;
    }
    let used = usize::try_from(first.step / step).ok()?;
    let members = runs.get(..used)?;
    let mut count = 0u64;
    for pair in members.windows(2) {
        let [a, b] = pair else { return None };
        let fits = a.step == b.step
            && b.lo.abs_diff(a.lo) == step
            && b.count <= a.count
            && b.count.saturating_add(1) >= first.count;
        if !fits {
            return None;
        }
    }
    for run in members {
        count = count.checked_add(run.count)?;
    }
    Some((Run::new(first.lo, step, count), used))
}

/// `0, 2, 4` and `6`.
fn join_points(runs: &mut Runs) {
    runs.sort_unstable_by_key(|run| (run.count > 1, run.lo));
    let points = runs.partition_point(|run| run.count == 1);
    let (points, longer) = runs.split_at_mut(points);
    if points.is_empty() || longer.is_empty() {
        return;
    }
    let mut take = |x: Option<i64>| {
        let found = x.and_then(|x| points.binary_search_by_key(&x, |point| point.lo).ok());
        // A point taken keeps its place for the search and is dropped below.
        match found.and_then(|index| points.get_mut(index)) {
            Some(point) if point.count == 1 => {
                point.count = 0;
                true
            }
            _ => false,
        }
    };
    for run in longer.iter_mut() {
        while run.count < u64::MAX && take(run.last().checked_add_unsigned(run.step)) {
            run.count += 1;
        }
        while run.count < u64::MAX && take(run.lo.checked_sub_unsigned(run.step)) {
            run.lo = run.lo.wrapping_sub_unsigned(run.step);
            run.count += 1;
        }
    }
    runs.retain(|run| run.count > 0);
}

/// The one progression that disjoint runs make up: all distances are multiples of `step`, and none is missing.
fn whole(runs: &[Run]) -> Option<Run> {
    let lo = runs.iter().map(|run| run.lo).min()?;
    let last = runs.iter().map(|run| run.last()).max()?;
    let mut step = 0;
    let mut count = 0u64;
    for run in runs {
        step = gcd(step, run.lo.abs_diff(lo));
        if run.count > 1 {
            step = gcd(step, run.step);
        }
        count = count.checked_add(run.count)?;
    }
    let missing = last.abs_diff(lo).checked_div(step)? != count.checked_sub(1)?;
    (!missing).then(|| Run::new(lo, step, count))
}
