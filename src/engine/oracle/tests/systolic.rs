//! The closed forms of SCALE-Sim (`semantics.md` 4.3), for M x K by K x N written as FC with N := M, K := N and
//! C := K.

use super::*;

/// Extents (M, N, K), rows and columns: whole arrays, and arrays with partly filled edges.
const SHAPES: [(u64, u64, u64, u64, u64); 6] = [
    (4, 4, 3, 4, 4),
    (5, 7, 3, 4, 4),
    (3, 2, 9, 4, 3),
    (9, 4, 6, 2, 5),
    (7, 10, 5, 3, 4),
    (1, 1, 1, 3, 2),
];

fn systolic(
    (m, n, k, rows, columns): (u64, u64, u64, u64, u64),
    ranks: [u8; 2],
    stationary: usize,
) -> u64 {
    let skewed = Network {
        skew: 1,
        ..Network::FREE
    };
    let axis = |rank, instances, level| Loop {
        level,
        ..spread(rank, 1, 0, instances)
    };
    let mut rf = [None; 3];
    rf[stationary] = Some(2);
    cycles(&mapping(
        fc(m, n, k),
        Design {
            memories: vec![memory(0, 0), memory(1, 0), memory(2, 1)],
            arrays: vec![network(&[rows, columns], skewed)],
            lanes: 1,
        },
        vec![axis(ranks[0], rows, 0), axis(ranks[1], columns, 1)],
        &[all(0), rf],
    ))
}

#[test]
fn output_stationary() {
    for shape in SHAPES {
        let (m, n, k, r, c) = shape;
        let folds = m.div_ceil(r) * n.div_ceil(c);
        assert_eq!(
            systolic(shape, [N, K], OUTPUT),
            folds * (r + c + k - 2),
            "{shape:?}"
        );
    }
}

#[test]
fn weight_stationary() {
    for shape in SHAPES {
        let (m, n, k, r, c) = shape;
        let folds = k.div_ceil(r) * n.div_ceil(c);
        assert_eq!(
            systolic(shape, [C, K], WEIGHT),
            folds * (2 * r + c + m - 2),
            "{shape:?}"
        );
    }
}

#[test]
fn input_stationary() {
    for shape in SHAPES {
        let (m, n, k, r, c) = shape;
        let folds = k.div_ceil(r) * m.div_ceil(c);
        assert_eq!(
            systolic(shape, [C, N], INPUT),
            folds * (2 * r + c + n - 2),
            "{shape:?}"
        );
    }
}

/// With an overlapping innermost memory the next wave follows in the shadow of the one before: 4 tiles of 3 MACs,
/// and one wave of 4 + 4 - 2.
#[test]
fn overlapping_waves_are_paid_once() {
    let skewed = Network {
        skew: 1,
        ..Network::FREE
    };
    let waves = mapping(
        fc(8, 8, 3),
        Design {
            memories: vec![memory(0, 0), memory(1, 0), double(2, 1)],
            arrays: vec![network(&[4, 4], skewed)],
            lanes: 1,
        },
        vec![spread(N, 1, 0, 4), spread(K, 1, 0, 4)],
        &[all(0), [None, None, Some(2)]],
    );
    assert_eq!(cycles(&waves), 4 * 3 + 6);
}
