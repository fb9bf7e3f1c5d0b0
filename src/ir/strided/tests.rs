//! Every operation equals the one on explicit sets.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

type Explicit = BTreeSet<i64>;

/// Up to four progressions and the set of their elements.
fn sets() -> impl Strategy<Value = (Strided, Explicit)> {
    prop::collection::vec((-20i64..20, 1u64..6, 0u64..8), 0..5).prop_map(|parts| {
        let set = parts
            .iter()
            .fold(Strided::empty(), |set, &(lo, step, count)| {
                set.union(&Strided::run(lo, step, count))
            });
        let explicit = parts
            .iter()
            .flat_map(|&(lo, step, count)| (0..count as i64).map(move |k| lo + k * step as i64))
            .collect();
        (set, explicit)
    })
}

fn elements(set: &Strided) -> Explicit {
    set.iter().collect()
}

/// Disjoint, sorted, exact runs, and the elements expected.
fn assert_is(set: &Strided, expected: &Explicit) {
    assert!(set.is_exact());
    assert_eq!(&elements(set), expected, "{set:?}");
    assert_eq!(set.count(), expected.len() as u64, "{set:?}");
    assert_eq!(set.min(), expected.first().copied());
    assert_eq!(set.max(), expected.last().copied());
    assert!(set.runs().windows(2).all(|w| w[0].lo < w[1].lo));
    for run in set.runs() {
        assert!(run.count >= 1 && run.step >= 1 && (run.count > 1 || run.step == 1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn combinations((a, ea) in sets(), (b, eb) in sets(), lo in -25i64..25, length in -3i64..30) {
        assert_is(&a, &ea);
        assert_is(&a.intersect(&b), &ea.intersection(&eb).copied().collect());
        assert_is(&a.subtract(&b), &ea.difference(&eb).copied().collect());
        assert_is(&a.union(&b), &ea.union(&eb).copied().collect());
        assert_is(&a.clip(lo, lo + length), &ea.iter().copied().filter(|&x| x >= lo && x < lo + length).collect());
        assert_is(&a.sum(&b), &ea.iter().flat_map(|x| eb.iter().map(move |y| x + y)).collect());
        prop_assert_eq!(a.is_subset(&b), ea.is_subset(&eb));
        prop_assert_eq!(a.is_disjoint(&b), ea.is_disjoint(&eb));
        prop_assert_eq!(a.same(&b), ea == eb);
        prop_assert!(a.union(&b).same(&b.union(&a)));
        prop_assert!(a.intersect(&b).is_subset(&a));
        for x in -25..25 {
            prop_assert_eq!(a.contains(x), ea.contains(&x));
        }
    }

    #[test]
    fn images((a, ea) in sets(), coefficient in -5i64..6, constant in -9i64..10, divisor in 1u64..8, extent in 0u64..30) {
        let image = |x: &i64| coefficient * x + constant;
        assert_is(&a.shifted(constant), &ea.iter().map(|x| x + constant).collect());
        assert_is(&a.affine(coefficient, constant), &ea.iter().map(image).collect());
        assert_is(&a.floor_div(divisor), &ea.iter().map(|x| x.div_euclid(divisor as i64)).collect());
        assert_is(
            &a.preimage(coefficient, constant, extent),
            &(0..extent as i64).filter(|x| ea.contains(&image(x))).collect(),
        );
    }

    #[test]
    fn repetitions((a, ea) in sets(), by in -7i64..8, times in 0u64..9) {
        assert_is(
            &a.repeated(by, times),
            &(0..times as i64).flat_map(|t| ea.iter().map(move |x| x + t * by)).collect(),
        );
    }

    /// An interval is one value, however it came about; so is any progression.
    #[test]
    fn progressions_are_one_run(lo in -20i64..20, step in 1u64..6, count in 1u64..30, part in 1u64..5, cut in 0u64..30) {
        let whole = Strided::run(lo, step, count);
        let parts = (0..part).fold(Strided::empty(), |set, k| {
            let count = count.saturating_sub(k).div_ceil(part);
            set.union(&Strided::run(lo + (k * step) as i64, step * part, count))
        });
        prop_assert_eq!(&parts, &whole);
        let cut = cut.min(count);
        let left = Strided::run(lo, step, cut);
        let right = Strided::run(lo + (cut * step) as i64, step, count - cut);
        prop_assert_eq!(&right.union(&left), &whole);
    }

    /// Nothing panics anywhere in i64; what is exact agrees with membership.
    #[test]
    fn the_ends_of_i64(
        a in (any::<i64>(), any::<u64>(), any::<u64>()),
        b in (prop::sample::select(vec![i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX]), prop::sample::select(vec![0, 1, 2, u64::MAX / 2, u64::MAX]), prop::sample::select(vec![0, 1, 2, 3, u64::MAX])),
        c in any::<i64>(), d in any::<u64>(), e in prop::sample::select(vec![i64::MIN, -1, 0, 1, i64::MAX]),
    ) {
        let x = Strided::run(a.0, a.1 >> (a.2 % 64), a.2 >> (a.1 % 64));
        let y = Strided::run(b.0, b.1, b.2).union(&Strided::interval(e, c));
        for (x, y) in [(&x, &y), (&y, &x), (&y, &y)] {
            let common = x.intersect(y);
            let rest = x.subtract(y);
            for set in [&common, &rest, &x.union(y), &x.sum(y), &x.affine(e, c), &x.affine(c, e), &x.floor_div(d),
                        &x.preimage(c, e, d), &x.preimage(e, c, d), &x.repeated(c, d), &x.repeated(e, d), &x.shifted(e), &x.clip(e, c)] {
                prop_assert!(set.is_exact() || set.is_empty());
                prop_assert!(set.runs().windows(2).all(|w| w[0].lo < w[1].lo));
            }
            if common.is_exact() && rest.is_exact() {
                prop_assert!(rest.is_disjoint(y) && common.is_subset(y));
                prop_assert_eq!(rest.count().saturating_add(common.count()), x.count());
            }
        }
    }
}

#[test]
fn inexact_sets_stay_inexact() {
    let lost = Strided::point(i64::MAX).shifted(1);
    assert!(!lost.is_exact() && lost.is_empty());
    let zero = Strided::empty();
    for set in [
        lost.union(&zero),
        lost.intersect(&zero),
        zero.intersect(&lost),
        zero.subtract(&lost),
        lost.clip(0, 1),
        lost.affine(0, 0),
        lost.affine(1, 0),
        lost.affine(2, 0),
        lost.floor_div(1),
        lost.floor_div(2),
        lost.preimage(0, 0, 4),
        lost.preimage(1, 0, 4),
        lost.sum(&zero),
        zero.sum(&lost),
        lost.repeated(0, 0),
        lost.shifted(-1),
    ] {
        assert!(!set.is_exact(), "{set:?}");
    }
    assert!(!lost.is_subset(&zero) && !zero.is_subset(&lost));
    assert!(!lost.is_disjoint(&zero) && !lost.same(&lost));
}

/// All of i64 is one element more than a run can count: two runs, or given up, never one short.
#[test]
fn the_whole_of_i64() {
    let low = Strided::interval(i64::MIN, i64::MAX);
    let all = low.union(&Strided::point(i64::MAX));
    assert!(all.is_exact() && all.contains(i64::MIN) && all.contains(i64::MAX));
    assert_eq!(
        all.runs()
            .iter()
            .map(|run| u128::from(run.count))
            .sum::<u128>(),
        1 << 64
    );
    assert!(!low.sum(&Strided::interval(0, 2)).is_exact());
    assert!(all.sum(&Strided::point(0)).same(&all));
    assert!(all.subtract(&low).same(&Strided::point(i64::MAX)));
}

/// A difference with too many remainders is given up, not computed.
#[test]
fn pathological_sizes_are_given_up() {
    let all = Strided::interval(0, 1 << 40);
    let sparse = Strided::run(0, 100_003, 1_000_000);
    assert!(!all.subtract(&sparse).is_exact());
    // A thousand progressions of different primes, every one cutting the others.
    let mut set = Strided::empty();
    for step in 1000..3000 {
        set = set.union(&Strided::run(step, step as u64, 1 << 20));
    }
    assert!(!set.is_exact());
}
