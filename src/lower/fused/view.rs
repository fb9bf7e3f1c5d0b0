//! A reader's indices, in the dimensions of the tensor that it reads.
//!
//! Problem: a pooling layer writes `[N, C, Y, X]`; the FC after it reads `[N, C]`, where its C counts all elements
//! of an image. Both are cut into runs of equal size: `N | N` and `C | C Y X`. A run of one dimension each is
//! the reader's index as it is; dimensions of 1 have the index 0; what is left is `Index::Whole`, and that is
//! the truth only if the reader takes the whole run in every step.
//!
//! Invariant: the result has one index per dimension of the tensor; it touches what the reader touches, exactly.

use super::member::AffineDim;
use crate::ir::{Index, StageRank};

/// The ranks of the reader, and which of them do not run over all of their extent in every step.
pub(super) struct Reader<'a> {
    pub ranks: &'a [StageRank],
    pub partial: &'a [bool],
}

/// Why there is no exact index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The reader wants another number of elements than there are; the wiring of the network has been reported.
    Count,
    /// These dimensions of the reader would have to be whole.
    Partial(Vec<usize>),
}

impl Reader<'_> {
    /// Whether the index takes every value of `0..extent` in every step.
    pub(super) fn covers(&self, dim: &AffineDim) -> bool {
        let mut strides = Vec::with_capacity(dim.terms.len());
        let mut low = i128::from(dim.constant);
        for term in &dim.terms {
            let extent = self.ranks.get(term.rank).map_or(1, |rank| rank.extent);
            let last = i128::from(extent.saturating_sub(1) / term.divisor.max(1));
            if self.partial.get(term.rank).copied().unwrap_or(false) {
                return false;
            }
            if last == 0 {
                continue;
            }
            let stride = i128::from(term.coefficient);
            if stride < 0 {
                low = low.saturating_add(stride.saturating_mul(last));
            }
            strides.push((stride.abs(), last));
        }
        strides.sort_unstable();
        // Each stride closes up to what the smaller ones reach: no value is left out.
        let mut reach = 0i128;
        for (stride, last) in strides {
            if stride > reach.saturating_add(1) {
                return false;
            }
            reach = reach.saturating_add(stride.saturating_mul(last));
        }
        low <= 0 && low.saturating_add(reach) >= i128::from(dim.extent) - 1
    }
}

/// The index of a dimension as it is written.
pub(super) fn affine(dim: &AffineDim) -> Index {
    Index::Affine {
        terms: dim.terms.clone(),
        constant: dim.constant,
    }
}

/// `dims` of the reader, as indices of a tensor of these extents.
pub(super) fn view(
    dims: &[AffineDim],
    extents: &[u64],
    reader: &Reader<'_>,
) -> Result<Vec<Index>, Obstacle> {
    if dims
        .iter()
        .map(|dim| dim.extent)
        .eq(extents.iter().copied())
    {
        return Ok(dims.iter().map(affine).collect());
    }
    let mut indices = vec![
        Index::Affine {
            terms: Vec::new(),
            constant: 0,
        };
        extents.len()
    ];
    let mut partial = Vec::new();
    for run in runs(dims, extents).ok_or(Obstacle::Count)? {
        if run.0.len() == 1 && run.1.len() == 1 {
            if let (Some(dim), Some(index)) = (dims.get(run.0.start), indices.get_mut(run.1.start))
            {
                *index = affine(dim);
            }
            continue;
        }
        let large = |at: &usize| extents.get(*at).is_some_and(|&extent| extent != 1);
        let wanted: Vec<usize> = run.1.clone().filter(large).collect();
        let (given, ones): (Vec<usize>, Vec<usize>) = run
            .0
            .partition(|&at| dims.get(at).is_some_and(|dim| dim.extent != 1));
        let hidden = match (given.as_slice(), wanted.as_slice()) {
            (&[from], &[to]) => {
                if let (Some(dim), Some(index)) = (dims.get(from), indices.get_mut(to)) {
                    *index = affine(dim);
                }
                ones
            }
            _ => {
                for at in wanted {
                    if let Some(index) = indices.get_mut(at) {
                        *index = Index::Whole;
                    }
                }
                given.into_iter().chain(ones).collect()
            }
        };
        let open = |at: &usize| dims.get(*at).is_some_and(|dim| !reader.covers(dim));
        partial.extend(hidden.into_iter().filter(open));
    }
    if partial.is_empty() {
        Ok(indices)
    } else {
        partial.sort_unstable();
        Err(Obstacle::Partial(partial))
    }
}

type Run = (std::ops::Range<usize>, std::ops::Range<usize>);

/// Both sides cut into the shortest runs of equal size; dimensions of 1 at the end belong to the last run.
fn runs(dims: &[AffineDim], extents: &[u64]) -> Option<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    let (mut left, mut right) = (0, 0);
    while left < dims.len() && right < extents.len() {
        let start = (left, right);
        let mut given = u128::from(dims.get(left)?.extent);
        let mut wanted = u128::from(*extents.get(right)?);
        (left, right) = (left + 1, right + 1);
        while given != wanted {
            if given < wanted {
                given = given.checked_mul(u128::from(dims.get(left)?.extent))?;
                left += 1;
            } else {
                wanted = wanted.checked_mul(u128::from(*extents.get(right)?))?;
                right += 1;
            }
        }
        runs.push((start.0..left, start.1..right));
    }
    let ones = dims.get(left..)?.iter().all(|dim| dim.extent == 1)
        && extents.get(right..)?.iter().all(|&extent| extent == 1);
    if !ones {
        return None;
    }
    // Also a tensor or a reader without any dimension is one run.
    match runs.last_mut() {
        Some(last) => {
            last.0.end = dims.len();
            last.1.end = extents.len();
        }
        None => runs.push((0..dims.len(), 0..extents.len())),
    }
    Some(runs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{IndexTerm, RankId};

    fn plain(rank: usize, extent: u64) -> AffineDim {
        AffineDim {
            terms: vec![IndexTerm {
                rank,
                coefficient: 1,
                divisor: 1,
            }],
            constant: 0,
            extent,
        }
    }

    fn seen(extents: &[u64], shape: &[u64], partial: &[bool]) -> Result<Vec<Index>, Obstacle> {
        let ranks: Vec<StageRank> = extents
            .iter()
            .map(|&extent| StageRank {
                extent,
                outer: RankId(0),
                inner: None,
            })
            .collect();
        let dims: Vec<AffineDim> = extents
            .iter()
            .enumerate()
            .map(|(rank, &extent)| plain(rank, extent))
            .collect();
        let reader = Reader {
            ranks: &ranks,
            partial,
        };
        view(&dims, shape, &reader)
    }

    fn rank(at: usize) -> Index {
        affine(&plain(at, 1))
    }

    fn zero() -> Index {
        Index::Affine {
            terms: Vec::new(),
            constant: 0,
        }
    }

    // FC of 2 x 60 features over 2 images of 3 x 4 x 5.
    #[test]
    fn a_flattened_map_is_whole_beside_the_images() {
        let whole = [rank(0), Index::Whole, Index::Whole, Index::Whole];
        assert_eq!(
            seen(&[2, 60], &[2, 3, 4, 5], &[true, false]),
            Ok(whole.into())
        );
        assert_eq!(
            seen(&[2, 60], &[2, 3, 4, 5], &[false, true]),
            Err(Obstacle::Partial(vec![1]))
        );
    }

    #[test]
    fn ones_are_left_out() {
        let open = [true, true, true];
        assert_eq!(seen(&[1, 60], &[1, 60, 1, 1], &open[..2]), {
            Ok(vec![rank(0), rank(1), zero(), zero()])
        });
        assert_eq!(seen(&[8, 4], &[1, 8, 1, 4], &open), {
            Ok(vec![zero(), rank(0), zero(), rank(1)])
        });
        assert_eq!(seen(&[1, 8, 4], &[8, 4], &[false, true, true]), {
            Ok(vec![rank(1), rank(2)])
        });
        // A tiled rank of extent 1 cannot be; one that is never whole is not left out.
        assert_eq!(
            seen(&[1, 8, 4], &[8, 4], &open),
            Err(Obstacle::Partial(vec![0]))
        );
    }

    #[test]
    fn other_counts_are_refused() {
        for shape in [&[59][..], &[2, 31], &[], &[60, 2]] {
            assert_eq!(seen(&[60], shape, &[false]), Err(Obstacle::Count));
        }
        assert_eq!(seen(&[], &[1], &[]), Ok(vec![zero()]));
        assert_eq!(
            seen(&[u64::MAX, u64::MAX, u64::MAX], &[3], &[false; 3]),
            Err(Obstacle::Count)
        );
    }

    // 3 taps at stride 4 leave every fourth value out.
    #[test]
    fn a_stride_beyond_the_kernel_does_not_cover() {
        let ranks = [3u64, 3].map(|extent| StageRank {
            extent,
            outer: RankId(0),
            inner: None,
        });
        let dim = |stride| AffineDim {
            terms: vec![
                IndexTerm {
                    rank: 0,
                    coefficient: stride,
                    divisor: 1,
                },
                IndexTerm {
                    rank: 1,
                    coefficient: 1,
                    divisor: 1,
                },
            ],
            constant: 0,
            extent: 9,
        };
        let reader = Reader {
            ranks: &ranks,
            partial: &[false, false],
        };
        assert!(reader.covers(&dim(3)));
        assert!(!reader.covers(&dim(4)));
        assert!(!reader.covers(&dim(2)), "0..=6 of 0..9");
    }
}
