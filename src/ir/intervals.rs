//! Integer intervals and finite unions of them.

use smallvec::{SmallVec, smallvec};

/// Half-open: `lo..hi`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    pub lo: i64,
    pub hi: i64,
}

impl Interval {
    pub const EMPTY: Interval = Interval { lo: 0, hi: 0 };

    #[must_use]
    pub fn new(lo: i64, hi: i64) -> Interval {
        Interval { lo, hi }
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.lo >= self.hi
    }

    /// Number of integers; 0 when empty.
    #[must_use]
    pub fn len(self) -> u64 {
        u64::try_from(self.hi.saturating_sub(self.lo)).unwrap_or(0)
    }

    #[must_use]
    pub fn intersect(self, other: Interval) -> Interval {
        Interval {
            lo: self.lo.max(other.lo),
            hi: self.hi.min(other.hi),
        }
    }
}

/// A set of integers: sorted, disjoint, non-touching, non-empty intervals.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Intervals {
    parts: SmallVec<[Interval; 2]>,
}

impl Intervals {
    #[must_use]
    pub fn empty() -> Intervals {
        Intervals::default()
    }

    #[must_use]
    pub fn one(interval: Interval) -> Intervals {
        Intervals {
            parts: if interval.is_empty() {
                SmallVec::new()
            } else {
                smallvec![interval]
            },
        }
    }

    /// The union of any intervals.
    #[must_use]
    pub fn union_of(mut any: SmallVec<[Interval; 8]>) -> Intervals {
        any.retain(|interval| !interval.is_empty());
        any.sort_unstable();
        let mut parts: SmallVec<[Interval; 2]> = SmallVec::new();
        for interval in any {
            match parts.last_mut() {
                Some(last) if interval.lo <= last.hi => last.hi = last.hi.max(interval.hi),
                _ => parts.push(interval),
            }
        }
        Intervals { parts }
    }

    #[must_use]
    pub fn parts(&self) -> &[Interval] {
        &self.parts
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Number of integers.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.parts.iter().map(|part| part.len()).sum()
    }

    /// `|self intersect other|`.
    #[must_use]
    pub fn common(&self, other: &Intervals) -> u64 {
        let (mut left, mut right) = (0, 0);
        let mut sum = 0;
        while left < self.parts.len() && right < other.parts.len() {
            let (a, b) = (self.parts[left], other.parts[right]);
            sum += a.intersect(b).len();
            if a.hi <= b.hi {
                left += 1;
            } else {
                right += 1;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn explicit(parts: &[(i64, i64)]) -> BTreeSet<i64> {
        parts.iter().flat_map(|&(lo, hi)| lo..hi).collect()
    }

    fn set(parts: &[(i64, i64)]) -> Intervals {
        Intervals::union_of(
            parts
                .iter()
                .map(|&(lo, hi)| Interval::new(lo, hi))
                .collect(),
        )
    }

    proptest! {
        /// Unions, sizes and intersections equal those of explicit sets.
        #[test]
        fn equals_explicit_sets(
            a in prop::collection::vec((-9i64..9, -9i64..9), 0..6),
            b in prop::collection::vec((-9i64..9, -9i64..9), 0..6),
        ) {
            let (x, y) = (set(&a), set(&b));
            let (ex, ey) = (explicit(&a), explicit(&b));
            prop_assert_eq!(x.len() as usize, ex.len());
            prop_assert_eq!(x.common(&y) as usize, ex.intersection(&ey).count());
            prop_assert!(x.parts().windows(2).all(|w| w[0].hi < w[1].lo));
        }
    }
}
