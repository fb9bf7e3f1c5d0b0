//! What a design moves and needs, as products over groups of ranks.
//!
//! Problem: with `K` loops above the place of a tensor, the last of which slides its window, what is loaded into it is the
//! sum of its windows below the first `K - 1` loops: in such a window every element comes once, be it with the first
//! step or with a later one. What stands there is the largest window below all `K`. Both are products over the groups
//! of ranks of what [`Cuts::figures`] gives, so a walk down the tree that adds one loop after the other has them all.

use super::cuts::Cuts;
use super::groups::Groups;
use super::{TensorCounts, TreeCounts};
use crate::engine::EngineLimit;
use crate::ir::{Block, Body, Fate, FusedProblem, FusedSchedule};

/// Why a design has no counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miscount {
    /// Not of the form that is counted.
    Limit(EngineLimit),
    /// `retain` alone, and so many elements of this tensor are wanted again after they left.
    Lost { tensor: usize, elements: u64 },
    /// A tensor has no place on the path of the layers that touch it.
    Misplaced { tensor: usize },
}

impl From<EngineLimit> for Miscount {
    fn from(limit: EngineLimit) -> Miscount {
        Miscount::Limit(limit)
    }
}

/// Counts a chain of layers.
///
/// # Errors
/// [`Miscount`].
pub fn count(
    problem: &FusedProblem,
    schedule: &FusedSchedule,
) -> std::result::Result<TreeCounts, Miscount> {
    let groups = Groups::new(problem)?;
    let anew = anew(&groups, schedule);
    let cuts = (0..groups.count)
        .map(|group| Cuts::new(&groups, group, &anew))
        .collect::<std::result::Result<Vec<Cuts>, EngineLimit>>()?;
    let mut walk = Walk {
        groups: &groups,
        schedule,
        loaded: vec![None; groups.tensors.len()],
        once: figures(&groups, &cuts)?,
        operations: vec![0; groups.layers.len()],
    };
    let needed_bits = walk.block(&schedule.root, &mut Vec::new(), 0, cuts)?;
    let mut counts = TreeCounts {
        needed_bits,
        operations: walk.operations,
        ..TreeCounts::default()
    };
    for (tensor, loaded) in walk.loaded.iter().enumerate() {
        let known = &groups.tensors[tensor];
        let &(loaded, window) = loaded.as_ref().ok_or(Miscount::Misplaced { tensor })?;
        let once = walk.once[tensor].0;
        let is_result = groups.layers.last().map(|layer| layer.result) == Some(tensor);
        let fate = schedule.places[tensor].fate;
        let again = loaded - once;
        let (reads, writes) = match (is_result, known.inner, fate) {
            (true, ..) => (again, loaded),
            (_, false, _) => (loaded, 0),
            (_, _, Fate::Refetch) => (again, once),
            (_, _, Fate::Recompute) => (0, 0),
            (_, _, Fate::Retain) if again > 0 => {
                return Err(Miscount::Lost {
                    tensor,
                    elements: again,
                });
            }
            (_, _, Fate::Retain) => (0, 0),
        };
        counts.tensors.push(TensorCounts {
            reads,
            writes,
            window,
        });
        counts.moved_bits += u128::from(reads + writes) * u128::from(known.bits);
    }
    Ok(counts)
}

/// By map: whether nothing of it is made twice whatever leaves its place.
fn anew(groups: &Groups, schedule: &FusedSchedule) -> Vec<bool> {
    let makers = groups.layers.iter().take(groups.layers.len() - 1);
    makers
        .map(|layer| {
            let place = schedule.places.get(layer.result);
            place.is_some_and(|place| place.fate == Fate::Refetch)
        })
        .collect()
}

/// By tensor: elements touched in all steps together, and the most in one.
fn figures(groups: &Groups, cuts: &[Cuts]) -> std::result::Result<Vec<(u64, u64)>, EngineLimit> {
    (0..groups.tensors.len())
        .map(|tensor| figure(groups, cuts, tensor))
        .collect()
}

fn figure(
    groups: &Groups,
    cuts: &[Cuts],
    tensor: usize,
) -> std::result::Result<(u64, u64), EngineLimit> {
    cuts.iter().try_fold((1u64, 1u64), |(sums, most), cuts| {
        let (sum, largest) = cuts.figures(groups, tensor)?;
        let sums = sums.checked_mul(sum).ok_or(EngineLimit::Overflow)?;
        Ok((sums, most.saturating_mul(largest)))
    })
}

struct Walk<'a> {
    groups: &'a Groups,
    schedule: &'a FusedSchedule,
    /// By tensor: elements loaded into its place, and its window.
    loaded: Vec<Option<(u64, u64)>>,
    once: Vec<(u64, u64)>,
    operations: Vec<u64>,
}

impl Walk<'_> {
    /// Bits that a block needs, the first layer of which is `first`.
    fn block(
        &mut self,
        block: &Block,
        path: &mut Vec<usize>,
        first: usize,
        mut cuts: Vec<Cuts>,
    ) -> std::result::Result<u128, Miscount> {
        let head = block.head().ok_or(EngineLimit::Irregular)?;
        let mut needed = self.place(path, 0, first, None, &mut cuts)?;
        for (depth, tile) in block.loops.iter().enumerate() {
            let layer = &self.groups.layers[head];
            let &group = layer.group.get(tile.rank).ok_or(EngineLimit::Irregular)?;
            let before = cuts.clone();
            cuts[group] = cuts[group].cut(self.groups, (first, head), tile.rank, tile.size)?;
            let slid = Some((group, &before[..]));
            needed += self.place(path, depth + 1, first, slid, &mut cuts)?;
        }
        match &block.body {
            Body::Layer(layer) => {
                let product = cuts.iter().try_fold(1u64, |product, cuts| {
                    product
                        .checked_mul(cuts.operations(*layer)?)
                        .ok_or(EngineLimit::Overflow)
                });
                self.operations[*layer] = product?;
            }
            Body::Blocks(blocks) => {
                let mut most = 0;
                let mut from = first;
                for (at, child) in blocks.iter().enumerate() {
                    path.push(at);
                    let inner = self.block(child, path, from, cuts.clone())?;
                    path.pop();
                    most = most.max(inner);
                    from = child.head().map_or(from, |head| head + 1);
                }
                needed += most;
            }
        }
        Ok(needed)
    }

    /// Places what stands in the block at `path` below its first `depth` loops; `slid`: the group of the last of
    /// them, and the cuts before it.
    fn place(
        &mut self,
        path: &[usize],
        depth: usize,
        first: usize,
        slid: Option<(usize, &[Cuts])>,
        cuts: &mut [Cuts],
    ) -> std::result::Result<u128, Miscount> {
        let mut needed = 0;
        // Readers' maps before makers': what a maker makes depends on what stays of them.
        let mut here: Vec<usize> = (0..self.groups.tensors.len())
            .filter(|&tensor| {
                let place = self.schedule.places.get(tensor);
                place.is_some_and(|place| place.block == path && place.loops == depth)
            })
            .collect();
        here.sort_by_key(|&tensor| {
            let known = &self.groups.tensors[tensor];
            (!known.inner, std::cmp::Reverse(known.reader.0))
        });
        for tensor in here {
            let known = self.groups.tensors[tensor];
            let base = slid.map_or(&*cuts, |(_, before)| before);
            let (loaded, _) = figure(self.groups, base, tensor)?;
            let (_, window) = figure(self.groups, cuts, tensor)?;
            needed += u128::from(window) * u128::from(known.bits);
            self.loaded[tensor] = Some((loaded, window));
            if known.inner {
                let maker = known.reader.0 - 1;
                for (group, cuts) in cuts.iter_mut().enumerate() {
                    let slides = slid.is_some_and(|(slid, _)| slid == group);
                    let loops = cuts.loops(maker + 1) - usize::from(slides);
                    *cuts = cuts.keep(self.groups, first, maker, loops)?;
                }
            }
        }
        Ok(needed)
    }
}
