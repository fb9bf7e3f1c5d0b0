//! The backward analysis: what every step requires, reuses, fetches and computes.
//!
//! Starting from the head's tile the stages are walked towards the inputs. What a stage's tile reads is an image of it;
//! what of that is neither held nor in the backing store is the tile of the producer. Everything is a list of
//! [`Term`]s: all steps at once.

use super::table::{Join, Table};
use super::term::{self, Cone, Term, disjoint, minus, minus_cones, prior};
use crate::engine::EngineLimit;
use crate::ir::{Access, BoxSet, Fate, FusedGroup, Index, Overlap, Product, Stage, Strided};
use std::ops::Range;

type Result<T> = std::result::Result<T, EngineLimit>;

/// More loops than this are refused: loop sets are 64 bits wide.
const MOST_LOOPS: usize = 32;

/// A group, analysed.
#[derive(Clone, Debug)]
pub struct Analysis {
    pub(super) overlap: Overlap,
    pub(super) trips: Vec<u64>,
    pub(super) stages: Vec<StageSets>,
    pub(super) tensors: Vec<TensorSets>,
}

/// One stage in every step.
#[derive(Clone, Debug)]
pub(super) struct StageSets {
    /// Disjoint boxes of its ranks.
    pub tile: Vec<Term>,
    /// Which terms of [`TensorSets::touched`] are its own: tensor and range.
    pub reads: Vec<(usize, Range<usize>)>,
    /// The tensor that it makes.
    pub result: usize,
    /// Of all ranks, and of those that the result does not have.
    pub extents: Vec<u64>,
    pub reduced: Vec<u64>,
}

/// One tensor in every step.
#[derive(Clone, Debug)]
pub(super) struct TensorSets {
    pub kind: Kind,
    pub bits: u32,
    pub partial_bits: u32,
    pub memory: usize,
    pub keep: Option<usize>,
    pub extents: Vec<u64>,
    pub fate: Fate,
    pub escapes: bool,
    /// What each reader touches (the head's result: the head); not disjoint.
    pub touched: Vec<Term>,
    /// The same, disjoint.
    pub required: Vec<Term>,
    /// Required and not held.
    pub missing: Vec<Term>,
    /// Required and never required before; left out where nothing is fetched.
    pub new: Vec<Term>,
    /// Computed and never computed before, of what is written as soon as it is first computed; else empty.
    pub written: Vec<Term>,
    /// Of the head's result: what leaves its window, final or to be read back.
    pub leaving: Vec<Term>,
    /// Of the head's result: what is touched for the last time; the sums are complete.
    pub last: Vec<Term>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An input or weights: comes from outside.
    Outer,
    /// Made and read in the group.
    Inner,
    /// The head's result.
    Result,
}

impl TensorSets {
    /// What the producer computes.
    pub(super) fn computed(&self) -> &[Term] {
        match (self.kind, self.fate) {
            (Kind::Inner, Fate::Refetch) => &self.new,
            (Kind::Inner, _) => &self.missing,
            _ => &[],
        }
    }
}

impl Analysis {
    /// Analyses a group.
    ///
    /// # Errors
    /// [`EngineLimit`], when its sets are no products or of too many kinds.
    pub fn new(group: &FusedGroup) -> Result<Analysis> {
        if group.loops.len() > MOST_LOOPS {
            return Err(EngineLimit::TooManyClasses);
        }
        let (tile, trips) = head_tile(group)?;
        let mut analysis = Analysis {
            overlap: group.overlap,
            stages: group.stages.iter().map(stage_sets).collect(),
            tensors: group
                .tensors
                .iter()
                .map(|tensor| TensorSets {
                    kind: match tensor.producer {
                        None => Kind::Outer,
                        Some(stage) if stage == group.head() => Kind::Result,
                        Some(_) => Kind::Inner,
                    },
                    bits: tensor.bits,
                    partial_bits: tensor.partial_bits,
                    memory: tensor.memory,
                    keep: tensor.keep,
                    extents: tensor.extents.clone(),
                    fate: tensor.fate,
                    escapes: tensor.escapes,
                    touched: Vec::new(),
                    required: Vec::new(),
                    missing: Vec::new(),
                    new: Vec::new(),
                    written: Vec::new(),
                    leaving: Vec::new(),
                    last: Vec::new(),
                })
                .collect(),
            trips,
        };
        let mut tile = tile;
        for stage in (0..group.stages.len()).rev() {
            let Some(result) = group.result(stage) else {
                return Err(EngineLimit::Irregular);
            };
            if stage != group.head() {
                // All readers are behind: the demand is complete.
                analysis.settle(result)?;
                tile = analysis.producer_tile(group, stage, result)?;
            }
            analysis.touch(group, stage, &tile)?;
            if let Some(sets) = analysis.stages.get_mut(stage) {
                sets.tile = std::mem::take(&mut tile);
            }
        }
        for tensor in 0..analysis.tensors.len() {
            if group
                .tensors
                .get(tensor)
                .is_some_and(|known| known.producer.is_none_or(|stage| stage == group.head()))
            {
                analysis.settle(tensor)?;
            }
        }
        Ok(analysis)
    }

    /// What a stage touches of the tensors that it reads, in every step: cut off at their borders.
    pub(super) fn reads(&self, stage: usize) -> impl Iterator<Item = &Term> {
        let reads = self.stages.get(stage).map_or(&[][..], |sets| &sets.reads);
        reads
            .iter()
            .filter_map(|(tensor, range)| self.tensors.get(*tensor)?.touched.get(range.clone()))
            .flatten()
    }

    /// Steps of all loops; `None` past `u64`.
    pub(super) fn steps(&self) -> Option<u64> {
        self.trips
            .iter()
            .try_fold(1u64, |product, &trips| product.checked_mul(trips))
    }

    /// Adds what a stage's tile touches to the demand on its operands (and, for the head, on its result).
    fn touch(&mut self, group: &FusedGroup, stage: usize, tile: &[Term]) -> Result<()> {
        let Some(known) = group.stages.get(stage) else {
            return Ok(());
        };
        let results = usize::from(stage != group.head());
        let read = known.accesses.len().saturating_sub(results);
        for access in known.accesses.iter().take(read) {
            let Some(tensor) = self.tensors.get_mut(access.tensor) else {
                continue;
            };
            let first = tensor.touched.len();
            for term in tile {
                let image = image(term, access, &tensor.extents)?;
                tensor.touched.extend(image);
            }
            if let Some(sets) = self.stages.get_mut(stage) {
                sets.reads
                    .push((access.tensor, first..tensor.touched.len()));
            }
        }
        Ok(())
    }

    /// Splits the complete demand on a tensor into what is held, what is fetched and what is computed.
    fn settle(&mut self, tensor: usize) -> Result<()> {
        let trips = &self.trips;
        let Some(sets) = self.tensors.get_mut(tensor) else {
            return Ok(());
        };
        let loops = trips.len();
        let held = prior(sets.keep, loops);
        let ever = prior(Some(0), loops);
        sets.required = disjoint(&sets.touched)?;
        sets.missing = minus_cones(&sets.required, &sets.touched, &held, trips)?;
        sets.new = if held == ever {
            sets.missing.clone()
        } else if sets.kind == Kind::Inner && sets.fate != Fate::Refetch {
            // What is computed does not depend on it.
            Vec::new()
        } else {
            minus_cones(&sets.required, &sets.touched, &ever, trips)?
        };
        let written = sets.kind == Kind::Inner && (sets.escapes || sets.fate == Fate::Refetch);
        if written {
            let computed = sets.computed().to_vec();
            sets.written = minus_cones(&computed, &computed, &ever, trips)?;
        }
        if sets.kind == Kind::Result {
            sets.leaving = leaving(&sets.required, &held, trips)?;
            sets.last = leaving(&sets.required, &ever, trips)?;
        }
        Ok(())
    }

    /// The operations that make what is to be computed of `result`.
    fn producer_tile(&self, group: &FusedGroup, stage: usize, result: usize) -> Result<Vec<Term>> {
        let (Some(known), Some(sets)) = (group.stages.get(stage), self.tensors.get(result)) else {
            return Ok(Vec::new());
        };
        let Some(access) = known.accesses.last() else {
            return Ok(Vec::new());
        };
        let mut tile = Vec::with_capacity(sets.computed().len());
        for term in sets.computed() {
            let mut ranks: Vec<Table> = known.ranks.iter().map(|rank| whole(rank.extent)).collect();
            let mut gates = term.gates.clone();
            for (dim, index) in term.dims.iter().zip(&access.dims) {
                let Index::Affine { terms, constant: 0 } = index else {
                    return Err(EngineLimit::Irregular);
                };
                match terms.as_slice() {
                    [] => gates.extend(dim.occupied()),
                    [only] if only.coefficient == 1 && only.divisor <= 1 => {
                        let Some(rank) = ranks.get_mut(only.rank) else {
                            return Err(EngineLimit::Irregular);
                        };
                        *rank = dim.clone();
                    }
                    _ => return Err(EngineLimit::Irregular),
                }
            }
            tile.extend(Term::new(ranks, gates)?);
        }
        Ok(tile)
    }

    /// The elements of `tensor` that are lost: wanted again after they left the window.
    pub(super) fn lost_terms(&self, tensor: usize) -> Result<Vec<Term>> {
        let Some(sets) = self.tensors.get(tensor) else {
            return Ok(Vec::new());
        };
        let ever = prior(Some(0), self.trips.len());
        let new = minus_cones(&sets.missing, &sets.touched, &ever, &self.trips)?;
        minus(&sets.missing, &new)
    }
}

/// A stage before its tile is known.
fn stage_sets(stage: &Stage) -> StageSets {
    let result = stage.accesses.last();
    let indexed = |rank: usize| {
        result.is_some_and(|access| {
            access.dims.iter().any(|dim| match dim {
                Index::Affine { terms, .. } => terms.iter().any(|term| term.rank == rank),
                Index::Whole => false,
            })
        })
    };
    let extents: Vec<u64> = stage.ranks.iter().map(|rank| rank.extent).collect();
    StageSets {
        tile: Vec::new(),
        reads: Vec::new(),
        result: result.map_or(usize::MAX, |access| access.tensor),
        reduced: extents
            .iter()
            .enumerate()
            .filter(|(rank, _)| !indexed(*rank))
            .map(|(_, &extent)| extent)
            .collect(),
        extents,
    }
}

fn whole(extent: u64) -> Table {
    Table::Set(Strided::interval(
        0,
        i64::try_from(extent).unwrap_or(i64::MAX),
    ))
}

/// The head's tile in every step, and the trips of the loops.
fn head_tile(group: &FusedGroup) -> Result<(Vec<Term>, Vec<u64>)> {
    let Some(head) = group.stages.last() else {
        return Err(EngineLimit::Irregular);
    };
    let signed = |value: u64| i64::try_from(value).map_err(|_| EngineLimit::Overflow);
    let mut trips = Vec::with_capacity(group.loops.len());
    let mut pieces: Vec<u64> = head.ranks.iter().map(|rank| rank.extent).collect();
    for tile in &group.loops {
        let Some(piece) = pieces.get_mut(tile.rank) else {
            return Err(EngineLimit::Irregular);
        };
        let size = tile.size.clamp(1, (*piece).max(1));
        trips.push(piece.div_ceil(size).max(1));
        *piece = size;
    }
    let mut ranks = Vec::with_capacity(head.ranks.len());
    for (at, rank) in head.ranks.iter().enumerate() {
        let loops: Vec<(usize, u64)> = group
            .loops
            .iter()
            .enumerate()
            .filter(|(_, tile)| tile.rank == at)
            .map(|(axis, tile)| (axis, tile.size))
            .collect();
        signed(rank.extent)?;
        ranks.push(nested(&loops, rank.extent, &trips, rank.extent)?);
    }
    Ok((Term::new(ranks, Vec::new())?, trips))
}

/// `0..extent` cut by the loops, outermost first; `full` is the extent of a piece that is not clipped.
fn nested(loops: &[(usize, u64)], extent: u64, trips: &[u64], full: u64) -> Result<Table> {
    let Some((&(axis, size), inner)) = loops.split_first() else {
        return Ok(whole(extent));
    };
    let size = size.clamp(1, full.max(1));
    let count = trips.get(axis).copied().unwrap_or(1);
    let shift = i64::try_from(size).map_err(|_| EngineLimit::Overflow)?;
    let complete = extent / size;
    let rest = extent % size;
    let mut pieces = Vec::with_capacity(3);
    if complete > 0 {
        let table = nested(inner, size, trips, size)?;
        pieces.push(super::table::piece(0, complete, shift, table));
    }
    let mut next = complete;
    if rest > 0 && next < count {
        let start =
            i64::try_from(complete.saturating_mul(size)).map_err(|_| EngineLimit::Overflow)?;
        let table = nested(inner, rest, trips, size)?.shifted(start);
        pieces.push(super::table::piece(next, 1, 0, table));
        next += 1;
    }
    if next < count {
        pieces.push(super::table::piece(next, count - next, 0, Table::empty()));
    }
    Ok(Table::level(axis, count, pieces))
}

/// What a tile touches of a tensor, in every step.
fn image(tile: &Term, access: &Access, extents: &[u64]) -> Result<Vec<Term>> {
    let mut used = vec![false; tile.dims.len()];
    let mut dims = Vec::with_capacity(access.dims.len());
    for (index, &extent) in access.dims.iter().zip(extents) {
        let bound = i64::try_from(extent).map_err(|_| EngineLimit::Overflow)?;
        match index {
            Index::Whole => dims.push(whole(extent)),
            Index::Affine { terms, constant } => {
                let mut table: Option<Table> = None;
                for term in terms {
                    let (Some(rank), Some(used)) =
                        (tile.dims.get(term.rank), used.get_mut(term.rank))
                    else {
                        return Err(EngineLimit::Irregular);
                    };
                    if std::mem::replace(used, true) {
                        return Err(EngineLimit::Irregular);
                    }
                    let constant = if table.is_none() { *constant } else { 0 };
                    let moved = rank
                        .floor_div(term.divisor)?
                        .affine(term.coefficient, constant);
                    table = Some(match table {
                        Some(known) => known.join(&moved, Join::Sum)?,
                        None => moved,
                    });
                }
                let table = table.unwrap_or_else(|| Table::Set(Strided::point(*constant)));
                dims.push(table.clip(0, bound)?);
            }
        }
    }
    // A rank without an index still says in which steps there is anything.
    let mut gates = tile.gates.clone();
    for (rank, _) in tile.dims.iter().zip(&used).filter(|(_, used)| !**used) {
        gates.extend(rank.occupied());
    }
    Term::new(dims, gates)
}

/// What of the touched elements is not reused from here on: it leaves, final or to be read back. Seen backwards in
/// time that is what no later step of the window, or of the next one, touches.
fn leaving(touched: &[Term], held: &[Cone], trips: &[u64]) -> Result<Vec<Term>> {
    let backwards: Vec<Term> = touched.iter().map(Term::reversed).collect();
    let left = minus_cones(&backwards, &backwards, held, trips)?;
    Ok(left.iter().map(Term::reversed).collect())
}

/// The elements of all steps together.
pub(super) fn union_of(terms: &[Term], dims: usize) -> Result<BoxSet> {
    exact(BoxSet::union_of(
        dims,
        terms.iter().map(|term| product(term.whole())),
    ))
}

/// The elements of one step.
pub(super) fn set_at(terms: &[Term], dims: usize, step: &[u64]) -> Result<BoxSet> {
    let sides = terms.iter().filter_map(|term| term.at(step));
    exact(BoxSet::union_of(dims, sides.map(product)))
}

pub(super) fn product(sides: Vec<Strided>) -> Product {
    Product {
        factors: sides.into(),
    }
}

/// The set, if it could be written.
pub(super) fn exact(set: BoxSet) -> Result<BoxSet> {
    if set.is_exact() {
        Ok(set)
    } else {
        Err(EngineLimit::TooManyClasses)
    }
}

/// Most elements of one step.
pub(super) fn largest(terms: &[Term], trips: &[u64]) -> Result<u128> {
    super::grid::largest(terms, trips.len(), trips)
}

/// Most elements that the steps with equal first `loops` indices touch together.
pub(super) fn window(touched: &[Term], loops: usize, trips: &[u64]) -> Result<u128> {
    let together: Vec<Term> = touched.iter().map(|term| term.within(loops)).collect();
    super::grid::largest(&disjoint(&together)?, loops, trips)
}

/// Elements, summed over all steps.
pub(super) fn total(terms: &[Term], trips: &[u64]) -> Result<u64> {
    u64::try_from(term::total(terms, trips)).map_err(|_| EngineLimit::Overflow)
}
