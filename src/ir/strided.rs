//! Exact finite sets of integers, as progressions.
//!
//! Problem: what one dimension of a tile touches is an interval most of the time, `3, 4, 5`; under a stride it is
//! `0, 2, 4`, and what a second tile adds to a first is a difference of such sets. Reuse is counted by
//! intersecting and subtracting them, so nothing may be rounded to a hull: `{0, 2, 4} - {2}` is `{0, 4}`.
//! A [`Strided`] is a sorted list of disjoint [`Run`]s. All operations are closed form in the lengths of the runs.
//!
//! Invariants:
//! * runs are disjoint and sorted by `lo`; runs may interleave (`0, 2, 4` and `1, 5`);
//! * one progression is one run; of several runs those that touch are merged: adjacent intervals, continued
//!   progressions, complete remainders. Equal sets are therefore usually equal values: [`Strided::same`] decides;
//! * a set that cannot be written is *inexact*, see below, and has no runs.
//!
//! **Inexact sets.** Elements are `i64`; a result with an element outside, with more than [`MAX_RUNS`] runs or that
//! takes too many steps to compute is not approximated but given up: [`Strided::is_exact`] is false, and remains
//! so through all further operations. Such a set reports itself empty; it is neither subset of nor disjoint with
//! anything, and says nothing about the true result. Whoever counts asks `is_exact` before using a final result.

mod normal;
mod run;
#[cfg(test)]
mod tests;

pub use run::Run;

use crate::base::limits;
use normal::normalise;
use smallvec::{SmallVec, smallvec};

/// A set with more runs than this is given up.
pub const MAX_RUNS: usize = 1024;

/// Pairs of runs that one operation may compare before it gives up: some tens of milliseconds.
const MAX_PAIRS: usize = 1 << 20;

type Runs = SmallVec<[Run; 2]>;

/// The result cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Overflow;

/// A finite set of integers: disjoint runs, sorted by their least elements.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct Strided {
    runs: Runs,
    inexact: bool,
}

impl Clone for Strided {
    // Runs are plain data: copied as a block, where the derived clone would go one by one.
    #[inline]
    fn clone(&self) -> Strided {
        Strided {
            runs: SmallVec::from_slice(&self.runs),
            inexact: self.inexact,
        }
    }
}

fn push(runs: &mut Runs, run: Run) -> Result<(), Overflow> {
    // Normal form may join pieces, hence the slack.
    if runs.len() >= 4 * MAX_RUNS {
        return Err(Overflow);
    }
    runs.push(run);
    Ok(())
}

impl Strided {
    #[inline]
    #[must_use]
    pub fn empty() -> Strided {
        Strided::default()
    }

    /// `lo..hi`; empty when `hi <= lo`.
    #[inline]
    #[must_use]
    pub fn interval(lo: i64, hi: i64) -> Strided {
        match hi.checked_sub(1) {
            Some(last) => Strided::of(Run::between(lo, last)),
            None => Strided::empty(),
        }
    }

    /// `lo, lo + step, ...`, `count` of them; inexact when one is no `i64`. A step of 0 repeats one element.
    #[must_use]
    pub fn run(lo: i64, step: u64, count: u64) -> Strided {
        match (step, count) {
            (_, 0) => Strided::empty(),
            (0, _) | (_, 1) => Strided::point(lo),
            _ => Strided::settle(
                Run::wide(i128::from(lo), u128::from(step), u128::from(count))
                    .map(|run| smallvec![run]),
            ),
        }
    }

    #[inline]
    #[must_use]
    pub fn point(x: i64) -> Strided {
        Strided::of(Some(Run::new(x, 1, 1)))
    }

    /// The set that is known to be unknown.
    #[must_use]
    pub fn inexact() -> Strided {
        Strided {
            runs: Runs::new(),
            inexact: true,
        }
    }

    #[inline]
    fn of(run: Option<Run>) -> Strided {
        let mut runs = Runs::new();
        if let Some(run) = run {
            runs.push(run);
        }
        Strided {
            runs,
            inexact: false,
        }
    }

    /// The set of runs that are disjoint.
    fn settle(runs: Result<Runs, Overflow>) -> Strided {
        match runs {
            Ok(mut runs) => {
                normalise(&mut runs);
                if runs.len() > MAX_RUNS {
                    return Strided::inexact();
                }
                Strided {
                    runs,
                    inexact: false,
                }
            }
            Err(Overflow) => Strided::inexact(),
        }
    }

    /// Whether this is the true result of the operations that led to it; see the module's head.
    #[inline]
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.inexact
    }

    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    #[inline]
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Number of elements; `u64::MAX` when there are that many or more.
    #[inline]
    #[must_use]
    pub fn count(&self) -> u64 {
        self.runs
            .iter()
            .fold(0, |sum: u64, run| sum.saturating_add(run.count))
    }

    #[inline]
    #[must_use]
    pub fn min(&self) -> Option<i64> {
        self.runs.first().map(|run| run.lo)
    }

    #[inline]
    #[must_use]
    pub fn max(&self) -> Option<i64> {
        self.runs.iter().map(|run| run.last()).max()
    }

    #[inline]
    #[must_use]
    pub fn contains(&self, x: i64) -> bool {
        self.runs.iter().any(|run| run.contains(x))
    }

    /// The one run, when there is one, of an exact set.
    #[inline]
    fn single(&self) -> Option<Run> {
        match self.runs.as_slice() {
            [run] => Some(*run),
            _ => None,
        }
    }

    /// The two intervals, when both sets are one each.
    #[inline]
    fn intervals(&self, other: &Strided) -> Option<(Run, Run)> {
        match (self.single(), other.single()) {
            (Some(a), Some(b)) if a.step == 1 && b.step == 1 => Some((a, b)),
            _ => None,
        }
    }

    /// `{ x + by }`.
    #[inline]
    #[must_use]
    pub fn shifted(&self, by: i64) -> Strided {
        if limits::spend(1).is_err() {
            return Strided::inexact();
        }
        let fits = |x: Option<i64>| x.is_none_or(|x| x.checked_add(by).is_some());
        if !fits(self.min()) || !fits(self.max()) {
            return Strided::inexact();
        }
        let mut shifted = self.clone();
        for run in &mut shifted.runs {
            run.lo = run.lo.wrapping_add(by);
        }
        shifted
    }

    #[inline]
    #[must_use]
    pub fn intersect(&self, other: &Strided) -> Strided {
        if limits::spend(1).is_err() {
            return Strided::inexact();
        }
        if let (Some(a), Some(b)) = (self.single(), other.single()) {
            return Strided::of(a.intersect(b));
        }
        if self.inexact || other.inexact {
            return Strided::inexact();
        }
        Strided::settle(self.intersect_runs(other))
    }

    fn intersect_runs(&self, other: &Strided) -> Result<Runs, Overflow> {
        let mut out = Runs::new();
        for a in &self.runs {
            let last = a.last();
            for b in other.runs.iter().take_while(|b| b.lo <= last) {
                if let Some(common) = a.intersect(*b) {
                    push(&mut out, common)?;
                }
            }
        }
        Ok(out)
    }

    /// The elements that `other` has not.
    #[inline]
    #[must_use]
    pub fn subtract(&self, other: &Strided) -> Strided {
        if limits::spend(1).is_err() {
            return Strided::inexact();
        }
        if let Some((a, b)) = self.intervals(other) {
            let before = if a.lo < b.lo {
                Run::between(a.lo, a.last().min(b.lo.saturating_sub(1)))
            } else {
                None
            };
            let after = if a.last() > b.last() {
                Run::between(a.lo.max(b.last().saturating_add(1)), a.last())
            } else {
                None
            };
            return match (before, after) {
                (Some(before), Some(after)) => Strided {
                    runs: Runs::from_buf([before, after]),
                    inexact: false,
                },
                (before, after) => Strided::of(before.or(after)),
            };
        }
        if self.inexact || other.inexact {
            return Strided::inexact();
        }
        let mut pairs = 0;
        Strided::settle(subtract_runs(self.runs.clone(), &other.runs, &mut pairs))
    }

    #[inline]
    #[must_use]
    pub fn union(&self, other: &Strided) -> Strided {
        if limits::spend(1).is_err() {
            return Strided::inexact();
        }
        if let Some((a, b)) = self.intervals(other) {
            let touch = a.lo <= b.last().saturating_add(1) && b.lo <= a.last().saturating_add(1);
            if touch && let Ok(joined) = Run::joined(a.lo.min(b.lo), a.last().max(b.last())) {
                return Strided::of(joined);
            }
        }
        if self.inexact || other.inexact {
            return Strided::inexact();
        }
        if self.is_empty() {
            return other.clone();
        }
        if other.is_empty() {
            return self.clone();
        }
        let mut pairs = 0;
        Strided::settle(
            subtract_runs(other.runs.clone(), &self.runs, &mut pairs).map(|mut rest| {
                rest.extend_from_slice(&self.runs);
                rest
            }),
        )
    }

    /// The elements in `lo..hi`.
    #[inline]
    #[must_use]
    pub fn clip(&self, lo: i64, hi: i64) -> Strided {
        match (self.min(), self.max()) {
            (Some(min), Some(max)) if lo <= min && max < hi => self.clone(),
            _ => self.intersect(&Strided::interval(lo, hi)),
        }
    }

    /// `{ coefficient * x + constant }`.
    #[inline]
    #[must_use]
    pub fn affine(&self, coefficient: i64, constant: i64) -> Strided {
        match coefficient {
            1 => self.shifted(constant),
            0 if self.is_empty() => self.clone(),
            0 => Strided::point(constant),
            _ if self.inexact => Strided::inexact(),
            _ => Strided::settle(
                self.runs
                    .iter()
                    .map(|run| run.affine(coefficient, constant))
                    .collect(),
            ),
        }
    }

    /// `{ floor(x / divisor) }`; there is none for a divisor of 0, the result is inexact.
    #[must_use]
    pub fn floor_div(&self, divisor: u64) -> Strided {
        if divisor == 1 {
            return self.clone();
        }
        if divisor == 0 || self.inexact {
            return Strided::inexact();
        }
        self.images(|run, out| run.floor_div_into(divisor, out))
    }

    /// `{ x : coefficient * x + constant in self, 0 <= x < extent }`.
    #[must_use]
    pub fn preimage(&self, coefficient: i64, constant: i64, extent: u64) -> Strided {
        if self.inexact {
            return Strided::inexact();
        }
        if coefficient == 0 {
            return if self.contains(constant) {
                Strided::run(0, 1, extent)
            } else {
                Strided::empty()
            };
        }
        Strided::settle(
            self.runs
                .iter()
                .filter_map(|run| run.preimage(coefficient, constant, extent).transpose())
                .collect(),
        )
    }

    /// `{ x + y }`.
    #[must_use]
    pub fn sum(&self, other: &Strided) -> Strided {
        if let Some((a, b)) = self.intervals(other)
            && let (Some(low), Some(high)) =
                (a.lo.checked_add(b.lo), a.last().checked_add(b.last()))
            && let Some(run) = Run::between(low, high)
            && run.count < u64::MAX
        {
            return Strided::of(Some(run));
        }
        if self.inexact || other.inexact {
            return Strided::inexact();
        }
        if let Some((a, b)) = self.intervals(other)
            && let Some(lo) = a.lo.checked_add(b.lo)
            && let Some(last) = a.last().checked_add(b.last())
        {
            return Run::joined(lo, last).map_or(Strided::inexact(), Strided::of);
        }
        self.images(|run, out| {
            for with in &other.runs {
                run.sum_into(*with, out)?;
            }
            Ok(())
        })
    }

    /// The union of `times` copies, each `by` further than the one before; empty for 0 times.
    #[must_use]
    pub fn repeated(&self, by: i64, times: u64) -> Strided {
        match (by, times) {
            _ if self.inexact => Strided::inexact(),
            (_, 0) => Strided::empty(),
            (0, _) | (_, 1) => self.clone(),
            _ if self.is_empty() => Strided::empty(),
            _ => {
                let starts = Run::wide(0, 1, u128::from(times)).and_then(|run| run.affine(by, 0));
                match starts {
                    Ok(starts) => self.sum(&Strided::of(Some(starts))),
                    Err(Overflow) => Strided::inexact(),
                }
            }
        }
    }

    /// Whether every element is in `other`; false for inexact sets.
    #[must_use]
    pub fn is_subset(&self, other: &Strided) -> bool {
        let rest = self.subtract(other);
        rest.is_exact() && rest.is_empty()
    }

    /// Whether there is no common element; false for inexact sets.
    #[must_use]
    pub fn is_disjoint(&self, other: &Strided) -> bool {
        self.is_exact()
            && other.is_exact()
            && !self
                .runs
                .iter()
                .any(|a| other.runs.iter().any(|b| a.intersect(*b).is_some()))
    }

    /// Whether the sets have the same elements, in whatever runs; false for inexact sets.
    #[must_use]
    pub fn same(&self, other: &Strided) -> bool {
        self.is_exact()
            && other.is_exact()
            && (self.runs == other.runs || (self.is_subset(other) && other.is_subset(self)))
    }

    /// The elements, ascending within each run; for small sets.
    pub fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        self.runs
            .iter()
            .flat_map(|run| (0..run.count).map(|index| run.at(index)))
    }

    /// The union of what `image` appends for every run; it may overlap.
    fn images(&self, mut image: impl FnMut(&Run, &mut Runs) -> Result<(), Overflow>) -> Strided {
        let mut all = Runs::new();
        for run in &self.runs {
            if image(run, &mut all).is_err() {
                return Strided::inexact();
            }
        }
        Strided::settle(union_runs(all))
    }
}

/// `from - what`, both disjoint runs. `pairs` counts the comparisons of the whole operation.
fn subtract_runs(mut from: Runs, what: &[Run], pairs: &mut usize) -> Result<Runs, Overflow> {
    let mut out = Runs::new();
    for other in what {
        *pairs = pairs.saturating_add(from.len());
        let paid = limits::spend(from.len() as u64 / 8);
        if *pairs > MAX_PAIRS || paid.is_err() {
            return Err(Overflow);
        }
        out.clear();
        for run in &from {
            run.subtract_into(*other, &mut out)?;
        }
        std::mem::swap(&mut from, &mut out);
    }
    Ok(from)
}

/// The union of any runs, as disjoint ones.
fn union_runs(mut any: Runs) -> Result<Runs, Overflow> {
    if any.len() <= 1 {
        return Ok(any);
    }
    // Intervals join by sorting; the stepped runs then lose what is there already.
    any.sort_unstable_by_key(|run| (run.step, run.lo));
    any.dedup();
    let mut out = Runs::new();
    let mut pairs = 0;
    for run in any {
        if run.step == 1 {
            match out.last_mut() {
                Some(last) if run.lo <= last.last() => {
                    let joined = Run::joined(last.lo, last.last().max(run.last()))?;
                    *last = joined.ok_or(Overflow)?;
                }
                _ => push(&mut out, run)?,
            }
            continue;
        }
        for piece in subtract_runs(smallvec![run], &out, &mut pairs)? {
            push(&mut out, piece)?;
        }
    }
    Ok(out)
}
