//! Cluster levels onto arrays: who distributes over what, and over how many.
//!
//! `Cluster(16)` on 256 PEs makes two levels: 16 clusters, and 16 PEs in each. With memories between nested
//! arrays (4 tiles of 64 PEs, each tile with a buffer) a level must not reach across such a memory, or its
//! steps would be half outside and half inside of it: then the cluster that would cut it is named.

use super::LowerError;
use crate::base::Span;

/// Arrays without a memory between them: how many instances each has, outermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Index of the outermost in [`crate::ir::Architecture::arrays`].
    pub first: usize,
    pub sizes: Vec<u64>,
}

impl Run {
    fn size(&self) -> u64 {
        self.sizes
            .iter()
            .fold(1, |product, &size| product.saturating_mul(size))
    }

    /// The arrays over which a level of the run distributes, and over how many instances of each, outermost
    /// first: numbered row by row, one instance of an outer array after the other. `None` when the level ends
    /// in the middle of an array: no array then has a number of its own.
    pub(super) fn split(&self, level: Level) -> Option<Vec<(usize, u64)>> {
        let mut found = Vec::new();
        let mut left = level.instances.max(1);
        // PEs in one instance of the array looked at, and PEs that are placed.
        let mut inside = 1u64;
        let mut placed = level.taken.max(1);
        for (at, &size) in self.sizes.iter().enumerate().rev() {
            let reach = inside.saturating_mul(size);
            if placed < reach {
                if !placed.is_multiple_of(inside) {
                    return None;
                }
                let used = placed / inside;
                let room = size / used;
                let here = left.min(room);
                found.push((self.first + at, here));
                if left <= room {
                    left = 1;
                    break;
                }
                if room * used != size || !left.is_multiple_of(room) {
                    return None;
                }
                left /= room;
                placed = reach;
            }
            inside = reach;
        }
        if left > 1 {
            return None;
        }
        if found.is_empty() {
            found.push((self.first, 1));
        }
        found.reverse();
        Some(found)
    }
}

/// One cluster level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    /// Index into the runs; meaningless without arrays.
    pub run: usize,
    /// PEs of the run in one sub-cluster: what the levels further in take.
    pub taken: u64,
    /// Sub-clusters over which the level distributes.
    pub instances: u64,
}

/// A `Cluster` directive: its size and where it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cluster {
    pub size: u64,
    pub span: Span,
    pub size_span: Span,
}

/// The levels, outermost first: one more than there are clusters. `spatial[l]` says whether level `l`
/// distributes anything at all, `at` where to point when the whole cannot be cut.
pub(super) fn assign(
    runs: &[Run],
    clusters: &[Cluster],
    spatial: &[bool],
    at: Span,
) -> Result<Vec<Level>, Box<LowerError>> {
    let sizes: Vec<u64> = runs.iter().map(Run::size).collect();
    let available = sizes
        .iter()
        .fold(1u64, |product, &size| product.saturating_mul(size));
    let product = clusters
        .iter()
        .try_fold(1u64, |product, cluster| product.checked_mul(cluster.size));
    let product = match product {
        Some(product) if product <= available => product,
        _ => {
            return Err(Box::new(too_many(clusters, available, at)));
        }
    };
    let mut array = sizes.len().saturating_sub(1);
    // Sub-clusters of `array` that the levels inside have taken.
    let mut taken = 1u64;
    let mut levels = Vec::with_capacity(clusters.len() + 1);
    for level in (0..=clusters.len()).rev() {
        let size = sizes.get(array).copied().unwrap_or(1);
        let room = size / taken.max(1);
        let outermost = level == 0;
        let wanted = if outermost {
            available / product.max(1)
        } else {
            clusters[level - 1].size
        };
        let distributes = spatial.get(level).copied().unwrap_or(false);
        if room <= 1 && array > 0 && (wanted > 1 || outermost) {
            array -= 1;
            taken = 1;
        }
        let size = sizes.get(array).copied().unwrap_or(1);
        let room = size / taken.max(1);
        let instances = if outermost && array == 0 {
            room
        } else {
            wanted
        };
        if instances > room && distributes {
            return Err(Box::new(LowerError::ArraySplit {
                wanted: instances,
                room,
                cluster: room.max(1),
                span: if outermost {
                    at
                } else {
                    clusters[level - 1].span
                },
            }));
        }
        let instances = instances.min(room).max(1);
        levels.push(Level {
            run: array,
            taken,
            instances,
        });
        taken = taken.saturating_mul(instances);
    }
    levels.reverse();
    Ok(levels)
}

fn too_many(clusters: &[Cluster], available: u64, at: Span) -> LowerError {
    let product = clusters.iter().fold(1u128, |product, cluster| {
        product.saturating_mul(u128::from(cluster.size))
    });
    // The largest cluster is the one to shrink: what the others leave room for.
    let largest = clusters.iter().max_by_key(|cluster| cluster.size);
    let fix = largest.and_then(|largest| {
        let others = product / u128::from(largest.size.max(1));
        let fitting = u128::from(available).checked_div(others)?;
        (fitting > 0).then_some((largest.size_span, fitting))
    });
    LowerError::ClusterTooLarge {
        product,
        available,
        span: largest.map_or(at, |cluster| cluster.span),
        fix,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::FileId;

    fn runs(sizes: &[u64]) -> Vec<Run> {
        let one = |(first, &size)| Run {
            first,
            sizes: vec![size],
        };
        sizes.iter().enumerate().map(one).collect()
    }

    fn levels(sizes: &[u64], clusters: &[u64]) -> Result<Vec<(usize, u64)>, Box<LowerError>> {
        let span = Span::new(FileId::new(0), 0, 0);
        let clusters: Vec<Cluster> = clusters
            .iter()
            .map(|&size| Cluster {
                size,
                span,
                size_span: span,
            })
            .collect();
        let spatial = vec![true; clusters.len() + 1];
        assign(&runs(sizes), &clusters, &spatial, span).map(|levels| {
            levels
                .into_iter()
                .map(|level| (level.run, level.instances))
                .collect()
        })
    }

    // Fig. 8 of the MAESTRO paper: Cluster(3) on 256 PEs leaves 85 clusters and one idle PE.
    #[test]
    fn one_array_is_cut_by_its_clusters() {
        assert_eq!(levels(&[256], &[3]).unwrap(), [(0, 85), (0, 3)]);
        assert_eq!(levels(&[256], &[]).unwrap(), [(0, 256)]);
        assert_eq!(levels(&[168], &[14, 2]).unwrap(), [(0, 6), (0, 14), (0, 2)]);
        let error = levels(&[16], &[5, 4]).unwrap_err();
        assert!(matches!(
            *error,
            LowerError::ClusterTooLarge {
                product: 20,
                available: 16,
                ..
            }
        ));
    }

    // Four tiles of 64 PEs: Cluster(64) cuts at the tile, Cluster(8) and no cluster do not.
    #[test]
    fn levels_must_not_reach_across_arrays() {
        assert_eq!(levels(&[4, 64], &[64]).unwrap(), [(0, 4), (1, 64)]);
        assert_eq!(levels(&[4, 64], &[8, 8]).unwrap(), [(0, 4), (1, 8), (1, 8)]);
        for clusters in [&[][..], &[8][..]] {
            let room = if clusters.is_empty() { 64 } else { 8 };
            let error = levels(&[4, 64], clusters).unwrap_err();
            assert!(matches!(*error, LowerError::ArraySplit { cluster, .. } if cluster == room));
        }
    }

    // Two tiles of four PEs, numbered 0 to 7 row by row.
    #[test]
    fn a_level_that_spans_arrays_is_a_loop_over_each() {
        let run = Run {
            first: 1,
            sizes: vec![2, 4],
        };
        let split = |taken, instances| {
            run.split(Level {
                run: 0,
                taken,
                instances,
            })
        };
        assert_eq!(split(1, 8), Some(vec![(1, 2), (2, 4)]));
        // Cluster(4) ends where a tile does, Cluster(2) in the middle of one.
        assert_eq!(split(1, 4), Some(vec![(2, 4)]));
        assert_eq!(split(4, 2), Some(vec![(1, 2)]));
        assert_eq!(split(1, 2), Some(vec![(2, 2)]));
        assert_eq!(split(2, 4), Some(vec![(1, 2), (2, 2)]));
        assert_eq!(split(8, 1), Some(vec![(1, 1)]));
        // Six PEs are a tile and a half; clusters of three lie across.
        assert_eq!(split(1, 6), None);
        assert_eq!(split(3, 2), None);
    }
}
