//! Every operation equals the one on explicit sets of points.

use super::super::{Index, IndexTerm};
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

type Points = BTreeSet<Vec<i64>>;

/// The points of a box whose sides are given in full.
fn points(sides: &[Vec<i64>]) -> Points {
    sides.iter().fold(Points::from([vec![]]), |points, side| {
        points
            .iter()
            .flat_map(|point| {
                side.iter().map(move |&x| {
                    let mut longer = point.clone();
                    longer.push(x);
                    longer
                })
            })
            .collect()
    })
}

fn grid_points(grid: &Grid) -> Points {
    let side = |run: &Run| -> Vec<i64> {
        (0..run.count as i64)
            .map(|k| run.lo + k * run.step as i64)
            .collect()
    };
    points(&grid.iter().map(side).collect::<Vec<_>>())
}

/// One or two progressions per side, up to three boxes.
fn sets(dims: usize, lo: i64, hi: i64) -> impl Strategy<Value = (BoxSet, Points)> {
    let run = (lo..hi, 1u64..4, 0u64..5).prop_map(move |(start, step, count)| {
        (0..count as i64)
            .map(|k| start + k * step as i64)
            .filter(|&x| x < hi)
            .collect::<Vec<i64>>()
    });
    let side = prop::collection::vec(run, 1..3).prop_map(|runs| {
        let all: BTreeSet<i64> = runs.into_iter().flatten().collect();
        all.into_iter().collect::<Vec<i64>>()
    });
    let product = prop::collection::vec(side, dims);
    prop::collection::vec(product, 0..4).prop_map(move |boxes| {
        let factor = |side: &Vec<i64>| {
            side.iter()
                .fold(Strided::empty(), |set, &x| set.union(&Strided::point(x)))
        };
        let set = boxes.iter().fold(BoxSet::empty(dims), |set, sides| {
            set.union(&BoxSet::from_product(sides.iter().map(factor).collect()))
        });
        (set, boxes.iter().flat_map(|sides| points(sides)).collect())
    })
}

/// Disjoint exact boxes, and the points expected.
fn assert_is(set: &BoxSet, expected: &Points) {
    assert!(set.is_exact());
    let grids: Vec<Grid> = set.grids().collect();
    let all: Vec<Vec<i64>> = grids.iter().flat_map(grid_points).collect();
    assert_eq!(all.len(), expected.len(), "{set:?}");
    assert_eq!(&all.into_iter().collect::<Points>(), expected, "{set:?}");
    let plain: Vec<Grid> = set.boxes().collect();
    assert!(plain.iter().flatten().all(|run| run.step == 1));
    let all: Vec<Vec<i64>> = plain.iter().flat_map(grid_points).collect();
    assert_eq!(all.len(), expected.len(), "{set:?}");
    assert_eq!(set.count(), expected.len() as u128, "{set:?}");
    assert_eq!(set.is_empty(), expected.is_empty());
    assert_eq!(set.witness().as_ref(), expected.first());
}

fn pairs() -> impl Strategy<Value = ((BoxSet, Points), (BoxSet, Points))> {
    (0usize..4).prop_flat_map(|dims| (sets(dims, -4, 5), sets(dims, -4, 5)))
}

fn indices(ranks: usize) -> impl Strategy<Value = Vec<(Index, u64)>> {
    let term = (0..ranks, -3i64..4, 1u64..4).prop_map(|(rank, coefficient, divisor)| IndexTerm {
        rank,
        coefficient,
        divisor,
    });
    let affine = (prop::collection::vec(term, 0..3), -3i64..4)
        .prop_map(|(terms, constant)| Index::Affine { terms, constant });
    let index = prop_oneof![8 => affine, 1 => Just(Index::Whole)];
    prop::collection::vec((index, 0u64..9), 0..4)
}

/// Each dimension of a result: one rank, all different.
fn results(ranks: usize) -> impl Strategy<Value = Vec<Index>> {
    let order = Just((0..ranks).collect::<Vec<usize>>()).prop_shuffle();
    let plain = (
        prop_oneof![2 => Just(1i64), 1 => 2i64..4, 1 => -3i64..0],
        -2i64..3,
    );
    (order, 0..=ranks, prop::collection::vec(plain, ranks)).prop_map(|(order, dims, plain)| {
        let terms = order.into_iter().zip(plain).take(dims);
        terms
            .map(|(rank, (coefficient, constant))| Index::Affine {
                terms: vec![IndexTerm {
                    rank,
                    coefficient,
                    divisor: 1,
                }],
                constant,
            })
            .collect()
    })
}

/// The elements that one operation touches, by the definition in `ir::fused`.
fn touched(point: &[i64], map: &[(Index, u64)]) -> Points {
    let side = |(index, extent): &(Index, u64)| -> Vec<i64> {
        let inside = 0..*extent as i64;
        match index {
            Index::Whole => inside.collect(),
            Index::Affine { terms, constant } => {
                let value = terms.iter().fold(*constant, |sum, term| {
                    sum + term.coefficient * point[term.rank].div_euclid(term.divisor as i64)
                });
                inside.filter(|&x| x == value).collect()
            }
        }
    };
    points(&map.iter().map(side).collect::<Vec<_>>())
}

/// Whether some rank occurs in two places.
fn shares(map: &[(Index, u64)]) -> bool {
    let mut seen = BTreeSet::new();
    map.iter().any(|(index, _)| match index {
        Index::Whole => false,
        Index::Affine { terms, .. } => terms.iter().any(|term| !seen.insert(term.rank)),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn combinations(((a, ea), (b, eb)) in pairs()) {
        assert_is(&a, &ea);
        assert_is(&a.intersect(&b), &ea.intersection(&eb).cloned().collect());
        assert_is(&a.subtract(&b), &ea.difference(&eb).cloned().collect());
        assert_is(&a.union(&b), &ea.union(&eb).cloned().collect());
        let products = a.products().iter().chain(b.products()).cloned();
        assert_is(&BoxSet::union_of(a.dims(), products), &ea.union(&eb).cloned().collect());
        prop_assert_eq!(a.is_subset(&b), ea.is_subset(&eb));
        prop_assert_eq!(a.is_disjoint(&b), ea.is_disjoint(&eb));
        prop_assert_eq!(a.same(&b), ea == eb);
        prop_assert!(a.subtract(&b).union(&a.intersect(&b)).same(&a));
        for point in points(&vec![(-5..6).collect(); a.dims()]).iter().step_by(7) {
            prop_assert_eq!(a.contains(point), ea.contains(point));
        }
    }

    #[test]
    fn images(((a, ea), map) in (1usize..4).prop_flat_map(|ranks| (sets(ranks, 0, 6), indices(ranks)))) {
        let (indices, extents): (Vec<Index>, Vec<u64>) = map.iter().cloned().unzip();
        match a.image(&indices, &extents) {
            Some(image) => assert_is(&image, &ea.iter().flat_map(|point| touched(point, &map)).collect()),
            None => prop_assert!(shares(&map)),
        }
    }

    #[test]
    fn inverse_images(((a, ea), map, ranks) in (0usize..4).prop_flat_map(|ranks| {
        (results(ranks), prop::collection::vec(0u64..7, ranks))
            .prop_flat_map(|(map, ranks)| (sets(map.len(), -3, 6), Just(map), Just(ranks)))
    })) {
        let inverse = a.preimage(&map, &ranks).unwrap();
        let all = points(&ranks.iter().map(|&extent| (0..extent as i64).collect()).collect::<Vec<_>>());
        let value = |point: &[i64]| -> Vec<i64> {
            map.iter().map(|index| match index {
                Index::Affine { terms, constant } => constant + terms[0].coefficient * point[terms[0].rank],
                Index::Whole => 0,
            }).collect()
        };
        assert_is(&inverse, &all.into_iter().filter(|point| ea.contains(&value(point))).collect());
    }
}

fn rank(rank: usize) -> Index {
    Index::Affine {
        terms: vec![IndexTerm {
            rank,
            coefficient: 1,
            divisor: 1,
        }],
        constant: 0,
    }
}

#[test]
fn diagonals_are_refused() {
    let square = BoxSet::whole(&[4, 4]);
    assert_eq!(square.image(&[rank(0), rank(0)], &[4, 4]), None);
    assert_eq!(square.preimage(&[rank(0), rank(0)], &[4, 4]), None);
    assert_eq!(square.preimage(&[rank(0), Index::Whole], &[4, 4]), None);
    assert_eq!(square.preimage(&[rank(0), rank(2)], &[4, 4]), None);
    assert_eq!(square.image(&[rank(2)], &[4]), None);
    assert_eq!(square.image(&[rank(0)], &[4, 4]), None);
    // One value of the rank: the diagonal is a point.
    let row = BoxSet::whole(&[1, 4]);
    let point = row.image(&[rank(0), rank(0)], &[4, 4]);
    assert_eq!(point.and_then(|set| set.witness()), Some(vec![0, 0]));
}

/// A 4x4 tile and the one to its right under a 3x3 window: 6x6 maps that share two columns.
#[test]
fn consecutive_tiles_share_their_border() {
    let conv = |rank, window| Index::Affine {
        terms: [rank, window]
            .map(|rank| IndexTerm {
                rank,
                coefficient: 1,
                divisor: 1,
            })
            .to_vec(),
        constant: -1,
    };
    let tile = |lo: i64| {
        let sides = [(0, 4), (lo, lo + 4), (0, 3), (0, 3)];
        BoxSet::from_product(
            sides
                .map(|(lo, hi)| Strided::interval(lo, hi))
                .into_iter()
                .collect(),
        )
        .image(&[conv(0, 2), conv(1, 3)], &[16, 16])
        .unwrap()
    };
    // Rows and columns -1 of the padding touch nothing.
    assert_eq!(tile(0).count(), 25);
    assert_eq!(tile(4).count(), 30);
    assert_eq!(tile(4).intersect(&tile(0)).count(), 10);
    assert_eq!(tile(4).subtract(&tile(0)).products().len(), 1);
}

#[test]
fn no_dimensions() {
    let point = BoxSet::whole(&[]);
    assert_eq!((point.count(), point.witness()), (1, Some(vec![])));
    assert!(point.subtract(&point).is_empty());
    assert_eq!(point.union(&point), point);
    assert_eq!(point.boxes().count(), 1);
    assert_eq!(BoxSet::empty(0).boxes().count(), 0);
}

#[test]
fn inexact_sets_stay_inexact() {
    let lost = BoxSet::from_product([Strided::inexact()].into_iter().collect());
    let whole = BoxSet::whole(&[4]);
    for set in [
        lost.union(&whole),
        whole.union(&lost),
        whole.intersect(&lost),
        whole.subtract(&lost),
        lost.subtract(&whole),
        whole.union(&BoxSet::whole(&[4, 4])),
        BoxSet::whole(&[u64::MAX]),
    ] {
        assert!(!set.is_exact() && set.is_empty());
    }
    assert!(!lost.is_subset(&whole) && !lost.is_disjoint(&whole) && !lost.same(&lost));
    assert_eq!(
        lost.image(&[rank(0)], &[4]).map(|set| set.is_exact()),
        Some(false)
    );
    assert_eq!(
        lost.preimage(&[rank(0)], &[4]).map(|set| set.is_exact()),
        Some(false)
    );
}

/// More pieces than fit are given up, in little time.
#[test]
fn pathological_sizes_are_given_up() {
    let cubes = (0..10_000i64).map(|k| {
        let sides = [k * k % 997, k * 31 % 1009, k * 17 % 1013];
        let sides = sides.map(|x| Strided::interval(x, x + 3));
        sides.into_iter().collect::<Product>()
    });
    let set = BoxSet::union_of(3, cubes.clone());
    assert!(!set.is_exact());
    assert!(BoxSet::union_of(3, cubes.take(1000)).is_exact());
    // Counts saturate: (2^63)^3 points.
    let large = BoxSet::whole(&[1 << 63; 3]);
    assert_eq!(large.count(), u128::MAX);
}
