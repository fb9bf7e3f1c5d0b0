//! One arithmetic progression, and what two of them have in common.
//!
//! Problem: a layer of stride 2 touches the rows `0, 2, 4`; one of dilation 3 `1, 4, 7`. Where such rows meet is a
//! question of remainders: `0, 6, 12 ...` for steps 2 and 3. Everything here is closed form, whatever the lengths.
//!
//! Invariants: every element is an `i64`, so the distance of the first to the last is a `u64` and never wraps.

use super::{Overflow, Runs, push};

/// `lo, lo + step, ...`, `count` of them; `count >= 1`, `step >= 1`, and 1 when there is one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    pub lo: i64,
    pub step: u64,
    pub count: u64,
}

impl Run {
    /// A run whose elements are known to be `i64`; `count` at least 1.
    #[inline]
    pub(super) fn new(lo: i64, step: u64, count: u64) -> Run {
        Run {
            lo,
            step: if count == 1 { 1 } else { step },
            count,
        }
    }

    /// The integers from `lo` to `last`, both included. All of i64 is one more than a run can count: see `joined`.
    #[inline]
    pub(super) fn between(lo: i64, last: i64) -> Option<Run> {
        (lo <= last).then(|| Run {
            lo,
            step: 1,
            count: last.abs_diff(lo).saturating_add(1),
        })
    }

    /// The integers from `lo` to `last`, which come from several runs.
    #[inline]
    pub(super) fn joined(lo: i64, last: i64) -> Result<Option<Run>, Overflow> {
        if last.abs_diff(lo) == u64::MAX {
            return Err(Overflow);
        }
        Ok(Run::between(lo, last))
    }

    /// The run of wide numbers; fails when an element is no `i64`.
    pub(super) fn wide(lo: i128, step: u128, count: u128) -> Result<Run, Overflow> {
        let length = count
            .checked_sub(1)
            .and_then(|steps| step.checked_mul(steps))
            .and_then(|length| u64::try_from(length).ok())
            .ok_or(Overflow)?;
        let lo = i64::try_from(lo).map_err(|_| Overflow)?;
        lo.checked_add_unsigned(length).ok_or(Overflow)?;
        let count = u64::try_from(count).map_err(|_| Overflow)?;
        // Only the step of a single element can be too wide, and that is dropped.
        Ok(Run::new(lo, u64::try_from(step).unwrap_or(1), count))
    }

    /// The greatest element.
    #[inline]
    #[must_use]
    pub fn last(self) -> i64 {
        self.at(self.count.saturating_sub(1))
    }

    /// Element number `index`, below `count`.
    #[inline]
    pub(super) fn at(self, index: u64) -> i64 {
        self.lo.wrapping_add_unsigned(self.step.wrapping_mul(index))
    }

    /// Element number `index`, below `count`, alone.
    #[inline]
    pub(in crate::ir) fn element(self, index: u64) -> Run {
        Run::new(self.at(index), 1, 1)
    }

    #[inline]
    #[must_use]
    pub fn contains(self, x: i64) -> bool {
        x >= self.lo && x <= self.last() && x.abs_diff(self.lo).is_multiple_of(self.step)
    }

    /// The elements from `lo` to `last`, both included.
    #[inline]
    pub(super) fn within(self, lo: i64, last: i64) -> Option<Run> {
        let (lo, last) = (lo.max(self.lo), last.min(self.last()));
        if lo > last {
            return None;
        }
        if self.step == 1 {
            return Run::between(lo, last);
        }
        let first = lo.abs_diff(self.lo).div_ceil(self.step);
        let end = last.abs_diff(self.lo) / self.step;
        (first <= end).then(|| Run::new(self.at(first), self.step, end - first + 1))
    }

    /// The common elements: again a run, of the least common multiple of the steps.
    #[inline]
    pub(super) fn intersect(self, other: Run) -> Option<Run> {
        if other.step == 1 {
            return self.within(other.lo, other.last());
        }
        if self.step == 1 {
            return other.within(self.lo, self.last());
        }
        self.intersect_stepped(other)
    }

    fn intersect_stepped(self, other: Run) -> Option<Run> {
        let lo = self.lo.max(other.lo);
        let last = self.last().min(other.last());
        if lo > last {
            return None;
        }
        if self.step == other.step {
            return if self.lo.abs_diff(other.lo).is_multiple_of(self.step) {
                self.within(lo, last)
            } else {
                None
            };
        }
        // self.lo + self.step * x = other.lo (mod other.step)
        let away = i128::from(other.lo) - i128::from(self.lo);
        let (x, period) = solve(i128::from(self.step), away, other.step)?;
        // Offsets from self.lo; both products are of two 64-bit numbers.
        let step = u128::from(self.step) * u128::from(period);
        let least = u128::from(self.step) * u128::from(x);
        let from = u128::from(lo.abs_diff(self.lo));
        let to = u128::from(last.abs_diff(self.lo));
        let first = if least >= from {
            least
        } else {
            let missing = (step - (from - least) % step) % step;
            from.checked_add(missing)?
        };
        let count = to.checked_sub(first)? / step + 1;
        let first = i128::from(self.lo).checked_add(i128::try_from(first).ok()?)?;
        Run::wide(first, step, count).ok()
    }

    /// Appends the elements that `other` has not: what lies before, between and after the common ones.
    pub(super) fn subtract_into(self, other: Run, out: &mut Runs) -> Result<(), Overflow> {
        let Some(common) = self.intersect(other) else {
            return push(out, self);
        };
        let first = common.lo.abs_diff(self.lo) / self.step;
        let last = common.last().abs_diff(self.lo) / self.step;
        if first > 0 {
            push(out, Run::new(self.lo, self.step, first))?;
        }
        let (gaps, ratio) = (common.count - 1, common.step / self.step);
        if gaps > 0 && ratio > 1 {
            if gaps < ratio {
                for gap in 0..gaps {
                    let from = first + gap * ratio + 1;
                    push(out, Run::new(self.at(from), self.step, ratio - 1))?;
                }
            } else {
                for residue in 1..ratio {
                    push(out, Run::new(self.at(first + residue), common.step, gaps))?;
                }
            }
        }
        let after = self.count.saturating_sub(last).saturating_sub(1);
        if after > 0 {
            push(out, Run::new(self.at(last + 1), self.step, after))?;
        }
        Ok(())
    }

    /// `{ coefficient * x + constant }`, for a coefficient that is not 0.
    pub(super) fn affine(self, coefficient: i64, constant: i64) -> Result<Run, Overflow> {
        let least = if coefficient < 0 {
            self.last()
        } else {
            self.lo
        };
        let lo = i128::from(coefficient) * i128::from(least) + i128::from(constant);
        let step = u128::from(coefficient.unsigned_abs()) * u128::from(self.step);
        Run::wide(lo, step, u128::from(self.count))
    }

    /// Appends `{ floor(x / divisor) }`; the runs appended are disjoint. `divisor` at least 1.
    pub(super) fn floor_div_into(self, divisor: u64, out: &mut Runs) -> Result<(), Overflow> {
        let floor = |x: i64| -> Result<i64, Overflow> {
            i64::try_from(i128::from(x).div_euclid(i128::from(divisor))).map_err(|_| Overflow)
        };
        if self.step <= divisor {
            // Steps of at most 1 leave nothing out.
            if let Some(run) = Run::between(floor(self.lo)?, floor(self.last())?) {
                push(out, run)?;
            }
            return Ok(());
        }
        let common = gcd(self.step, divisor);
        let period = divisor / common;
        for residue in 0..period.min(self.count) {
            let count = (self.count - residue).div_ceil(period);
            push(
                out,
                Run::new(floor(self.at(residue))?, self.step / common, count),
            )?;
        }
        Ok(())
    }

    /// `{ x : coefficient * x + constant in self, 0 <= x < extent }`, for a coefficient that is not 0.
    pub(super) fn preimage(
        self,
        coefficient: i64,
        constant: i64,
        extent: u64,
    ) -> Result<Option<Run>, Overflow> {
        if coefficient == 1
            && let Some(lo) = self.lo.checked_sub(constant)
            && let Some(end) = self.last().checked_sub(constant)
            && let Ok(extent) = i64::try_from(extent)
        {
            // The common case: one plain rank.
            let shifted = Run { lo, ..self };
            return Ok(shifted
                .within(0, end.min(extent.saturating_sub(1)))
                .filter(|_| extent > 0));
        }
        let (wide, constant) = (i128::from(coefficient), i128::from(constant));
        let (near, far) = if coefficient < 0 {
            (self.last(), self.lo)
        } else {
            (self.lo, self.last())
        };
        // Dividing by a negative number turns the order round; both ends go towards the inside.
        let lo = ceil_div(i128::from(near) - constant, wide).max(0);
        let last = floor_div(i128::from(far) - constant, wide).min(i128::from(extent) - 1);
        if lo > last {
            return Ok(None);
        }
        let Some((x, period)) = solve(wide, i128::from(self.lo) - constant, self.step) else {
            return Ok(None);
        };
        let period = i128::from(period);
        let first = lo + (i128::from(x) - lo).rem_euclid(period);
        if first > last {
            return Ok(None);
        }
        let count = (last - first) / period + 1;
        Run::wide(first, period.unsigned_abs(), count.unsigned_abs()).map(Some)
    }

    /// Appends `{ x + y }`; the runs appended are disjoint.
    ///
    /// With the steps divided by what they share, `s` and `t`: when `self` has at least `t` elements, the sums
    /// with every `s`-th element of `other` join without a gap, one run for each remainder. When neither is that
    /// long no two sums are equal.
    pub(super) fn sum_into(self, other: Run, out: &mut Runs) -> Result<(), Overflow> {
        let common = gcd(self.step, other.step);
        let (s, t) = (self.step / common, other.step / common);
        let rows = if self.count >= t {
            Some(s.min(other.count))
        } else {
            None
        };
        let columns = if other.count >= s {
            Some(t.min(self.count))
        } else {
            None
        };
        match (rows, columns) {
            (Some(rows), Some(columns)) if columns < rows => {
                other.sum_rows(self, t, s, columns, out)
            }
            (Some(rows), _) => self.sum_rows(other, s, t, rows, out),
            (None, Some(columns)) => other.sum_rows(self, t, s, columns, out),
            (None, None) => {
                let (long, short) = if self.count >= other.count {
                    (self, other)
                } else {
                    (other, self)
                };
                for index in 0..short.count {
                    let lo = i128::from(long.lo) + i128::from(short.at(index));
                    push(
                        out,
                        Run::wide(lo, u128::from(long.step), u128::from(long.count))?,
                    )?;
                }
                Ok(())
            }
        }
    }

    fn sum_rows(
        self,
        other: Run,
        s: u64,
        t: u64,
        rows: u64,
        out: &mut Runs,
    ) -> Result<(), Overflow> {
        for row in 0..rows {
            let lo = i128::from(self.lo) + i128::from(other.at(row));
            let joined = (other.count - row).div_ceil(s) - 1;
            let count = u128::from(self.count) + u128::from(t) * u128::from(joined);
            push(out, Run::wide(lo, u128::from(self.step), count)?)?;
        }
        Ok(())
    }
}

/// The greatest common divisor; of 0 and a number that number.
pub(super) fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn floor_div(a: i128, b: i128) -> i128 {
    let quotient = a / b;
    if a % b != 0 && ((a < 0) != (b < 0)) {
        quotient - 1
    } else {
        quotient
    }
}

fn ceil_div(a: i128, b: i128) -> i128 {
    let quotient = a / b;
    if a % b != 0 && ((a < 0) == (b < 0)) {
        quotient + 1
    } else {
        quotient
    }
}

/// The least `x >= 0` with `factor * x = value (mod modulus)`, and the period of the solutions.
fn solve(factor: i128, value: i128, modulus: u64) -> Option<(u64, u64)> {
    let wide = i128::from(modulus);
    let factor = factor.rem_euclid(wide);
    // Extended Euclid: inverse * factor = common (mod modulus) throughout.
    let (mut common, mut rest) = (wide, factor);
    let (mut inverse, mut next) = (0i128, 1i128);
    while rest != 0 {
        let quotient = common / rest;
        (common, rest) = (rest, common % rest);
        (inverse, next) = (next, inverse - quotient * next);
    }
    if value % common != 0 {
        return None;
    }
    let period = (wide / common).unsigned_abs();
    let inverse = inverse.rem_euclid(wide / common).unsigned_abs();
    let value = (value / common).rem_euclid(wide / common).unsigned_abs();
    // Both are below 2^64.
    let x = value * inverse % period;
    Some((u64::try_from(x).ok()?, u64::try_from(period).ok()?))
}
