//! The pieces in which loops cut one group of ranks.
//!
//! Problem: rows of a chain of two 3x3 convolutions in pieces of 4 of the second, the map between kept from piece to
//! piece: the second layer has rows 0..4, 4..8, ..., the first makes rows 0..5 (one above the image is padding), then
//! 5..9, 9..13: what is wanted less what is there. Of that come all figures of rows: how many of a tensor are
//! touched in all steps together, and the most in one. The columns know nothing of it, and the whole is a product.
//!
//! Invariant: in every step what is touched of a dimension is an interval, and what is touched up to a step, within equal
//! indices of some outer loops, is one too; else [`EngineLimit::Irregular`].

use super::groups::{Dim, Groups, Layer};
use crate::engine::EngineLimit;
use smallvec::SmallVec;

/// `lo..hi`; empty when `lo >= hi`.
pub type Extent = (u64, u64);

/// Of one group of ranks: the pieces of every layer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cuts {
    group: usize,
    /// By layer.
    tracks: Vec<Track>,
    /// By layer but the last: of how many loops of its reader's track the indices must be equal for what was touched of the
    /// map between to be there still. `None`: of all, nothing is there.
    kept: Vec<Option<usize>>,
}

/// The steps of one layer along one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Track {
    /// Loops that cut it.
    loops: usize,
    /// In lexicographic order; steps without anything to do are left out.
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Step {
    /// The outermost loop whose index differs from that of the step before; 0 in the first step.
    level: usize,
    /// By rank of the layer in this group.
    ranges: SmallVec<[Extent; 3]>,
}

type Result<T> = std::result::Result<T, EngineLimit>;

impl Cuts {
    /// Without loops. `anew`: maps of which nothing is made twice, whatever becomes of them (they are refetched).
    ///
    /// # Errors
    /// [`EngineLimit::Irregular`].
    pub fn new(groups: &Groups, group: usize, anew: &[bool]) -> Result<Cuts> {
        let mut cuts = Cuts {
            group,
            tracks: vec![Track::default(); groups.layers.len()],
            kept: anew.iter().map(|&anew| anew.then_some(0)).collect(),
        };
        if let (Some(layer), Some(track)) = (groups.layers.last(), cuts.tracks.last_mut()) {
            let ranges = members(layer, group).map(|rank| (0, layer.extents[rank]));
            track.steps.push(Step {
                level: 0,
                ranges: ranges.collect(),
            });
        }
        cuts.upstream(groups, 0, groups.layers.len() - 1)?;
        Ok(cuts)
    }

    /// Loops that cut a layer along this group.
    #[must_use]
    pub fn loops(&self, layer: usize) -> usize {
        self.tracks[layer].loops
    }

    /// One more loop, over `rank` of `head` in pieces of `size`, for the layers `first..=head`.
    ///
    /// # Errors
    /// [`EngineLimit::Irregular`].
    pub fn cut(
        &self,
        groups: &Groups,
        (first, head): (usize, usize),
        rank: usize,
        size: u64,
    ) -> Result<Cuts> {
        let mut cuts = self.clone();
        let layer = &groups.layers[head];
        let slot = members(layer, self.group)
            .position(|known| known == rank)
            .ok_or(EngineLimit::Irregular)?;
        let old = &self.tracks[head];
        let mut steps = Vec::with_capacity(old.steps.len() * 2);
        for step in &old.steps {
            let (mut lo, end) = step.ranges[slot];
            let mut level = step.level;
            while lo < end {
                let hi = end.min(lo.saturating_add(size.max(1)));
                let mut ranges = step.ranges.clone();
                ranges[slot] = (lo, hi);
                steps.push(Step { level, ranges });
                lo = hi;
                level = old.loops;
            }
        }
        cuts.tracks[head] = Track {
            loops: old.loops + 1,
            steps,
        };
        cuts.upstream(groups, first, head)?;
        Ok(cuts)
    }

    /// What was touched of the map that `maker` makes stays while the indices of the first `loops` loops of the reader's
    /// track are equal; for the layers from `first` on.
    ///
    /// # Errors
    /// [`EngineLimit::Irregular`].
    pub fn keep(&self, groups: &Groups, first: usize, maker: usize, loops: usize) -> Result<Cuts> {
        let mut cuts = self.clone();
        if cuts.kept[maker].is_none() {
            cuts.kept[maker] = Some(loops);
            cuts.upstream(groups, first, maker + 1)?;
        }
        Ok(cuts)
    }

    /// The steps of the layers before `head`, back to `first`, from those of `head`.
    fn upstream(&mut self, groups: &Groups, first: usize, head: usize) -> Result<()> {
        for maker in (first..head).rev() {
            let reader = &groups.layers[maker + 1];
            let kept = self.kept[maker];
            let track = made(
                &groups.layers[maker],
                reader,
                &self.tracks[maker + 1],
                self.group,
                kept,
            )?;
            self.tracks[maker] = track;
        }
        Ok(())
    }

    /// Of a tensor: elements along this group, in all steps together and the most in one. Both 1 per step that has
    /// anything to do where this group does not index it.
    ///
    /// # Errors
    /// [`EngineLimit::Irregular`].
    pub fn figures(&self, groups: &Groups, tensor: usize) -> Result<(u64, u64)> {
        let (reader, position) = groups.tensors[tensor].reader;
        let layer = &groups.layers[reader];
        let dim = dim_of(layer, position, self.group);
        let mut sum = 0u64;
        let mut most = 0;
        for step in &self.tracks[reader].steps {
            let (lo, hi) = touched(layer, dim, self.group, &step.ranges)?;
            let size = hi.saturating_sub(lo);
            sum = sum.checked_add(size).ok_or(EngineLimit::Overflow)?;
            most = most.max(size);
        }
        Ok((sum, most))
    }

    /// Operations of a layer along this group, in all steps.
    ///
    /// # Errors
    /// [`EngineLimit::Overflow`].
    pub fn operations(&self, layer: usize) -> Result<u64> {
        let steps = self.tracks[layer].steps.iter();
        let sizes = steps.map(|step| {
            let mut sizes = step.ranges.iter().map(|(lo, hi)| hi - lo);
            sizes.try_fold(1u64, |product, size| product.checked_mul(size))
        });
        sizes.sum::<Option<u64>>().ok_or(EngineLimit::Overflow)
    }

    /// The ranges of a layer's ranks in this group, by step: all that its own loops depend on.
    pub fn ranges(&self, layer: usize) -> impl Iterator<Item = &[Extent]> {
        self.tracks[layer]
            .steps
            .iter()
            .map(|step| step.ranges.as_slice())
    }
}

/// The ranks of a layer in a group.
pub(super) fn members(layer: &Layer, group: usize) -> impl Iterator<Item = usize> + '_ {
    let ranks = layer.group.iter().enumerate();
    ranks
        .filter(move |(_, known)| **known == group)
        .map(|(rank, _)| rank)
}

/// The dimension of a tensor along a group.
fn dim_of(layer: &Layer, position: usize, group: usize) -> Option<&Dim> {
    layer.touches[position]
        .dims
        .iter()
        .find(|dim| dim.group == group)
}

/// The elements of a dimension that a step touches, inside the tensor; one if the group does not index it.
fn touched(layer: &Layer, dim: Option<&Dim>, group: usize, ranges: &[Extent]) -> Result<Extent> {
    let Some(dim) = dim else {
        return Ok((0, 1));
    };
    let (mut lo, mut hi) = (dim.constant, dim.constant + 1);
    for &(rank, coefficient) in &dim.terms {
        let slot = members(layer, group).position(|known| known == rank);
        let Some(&(from, to)) = slot.and_then(|slot| ranges.get(slot)) else {
            return Err(EngineLimit::Irregular);
        };
        let signed = |value: u64| i64::try_from(value).map_err(|_| EngineLimit::Overflow);
        let (from, to) = (signed(from)?, signed(to)?);
        // Sums of the terms so far are an interval: further steps must not be longer than it is.
        if to - from > 1 && coefficient > hi - lo {
            return Err(EngineLimit::Irregular);
        }
        lo += coefficient * from;
        hi += coefficient * (to - 1);
    }
    let bound = i64::try_from(dim.extent).map_err(|_| EngineLimit::Overflow)?;
    let inside = |value: i64| u64::try_from(value.clamp(0, bound)).unwrap_or(0);
    Ok((inside(lo), inside(hi)))
}

/// The steps of a maker: what its reader wants and is not there.
fn made(
    maker: &Layer,
    reader: &Layer,
    track: &Track,
    group: usize,
    kept: Option<usize>,
) -> Result<Track> {
    let dim = dim_of(reader, 0, group);
    let at = dim.and_then(|dim| {
        reader.touches[0]
            .dims
            .iter()
            .position(|known| std::ptr::eq(known, dim))
    });
    let indexed = at.map(|at| maker.made[at]);
    let equal = kept.unwrap_or(track.loops);
    let mut there: Extent = (0, 0);
    let mut left_out = usize::MAX;
    let mut steps = Vec::with_capacity(track.steps.len());
    for (number, step) in track.steps.iter().enumerate() {
        if number == 0 || step.level < equal || kept.is_none() {
            there = (0, 0);
        }
        let wanted = touched(reader, dim, group, &step.ranges)?;
        let missing = less(wanted, there)?;
        there = hull(there, wanted);
        left_out = left_out.min(step.level);
        if missing.0 >= missing.1 {
            continue;
        }
        let ranges = members(maker, group).map(|rank| {
            if Some(rank) == indexed {
                missing
            } else {
                (0, maker.extents[rank])
            }
        });
        steps.push(Step {
            level: left_out,
            ranges: ranges.collect(),
        });
        left_out = usize::MAX;
    }
    Ok(Track {
        loops: track.loops,
        steps,
    })
}

fn is_empty((lo, hi): Extent) -> bool {
    lo >= hi
}

/// What of `wanted` is not `there`.
fn less(wanted: Extent, there: Extent) -> Result<Extent> {
    if is_empty(wanted) || is_empty(there) {
        return Ok(wanted);
    }
    let gap = wanted.0 > there.1 || wanted.1 < there.0;
    let both = wanted.0 < there.0 && wanted.1 > there.1;
    if gap || both {
        return Err(EngineLimit::Irregular);
    }
    Ok(if wanted.0 >= there.0 {
        (wanted.0.max(there.1), wanted.1)
    } else {
        (wanted.0, wanted.1.min(there.0))
    })
}

fn hull(a: Extent, b: Extent) -> Extent {
    match (is_empty(a), is_empty(b)) {
        (true, _) => b,
        (_, true) => a,
        _ => (a.0.min(b.0), a.1.max(b.1)),
    }
}
