//! The elements that one group contributes to a tensor's tile.
//!
//! Problem: the Input rows of a stride-2 convolution with a 1x1 kernel are every second row; a bounding box
//! would count twice as many. So a footprint is the exact set `{2p : p in P}`. A tile of a tensor is the
//! product over groups of such one-dimensional sets.
//!
//! A set with stride `s` would be as many intervals as it has rows. Written by residue, `x = s*k + rho` at
//! the key `rho * length + k`, it is one interval per residue, whatever its size. Keys are only compared
//! with keys of the same tensor and group.

use super::{Group, GroupState, Interval, Intervals, Mapping};
use crate::base::limits;
use smallvec::SmallVec;

/// [`limits::SET_PIECES`].
const MOST_PIECES: u64 = limits::SET_PIECES;

/// How the states of one group map to elements of one tensor.
#[derive(Clone, Debug)]
pub struct Footprint {
    dims: SmallVec<[Index; 1]>,
}

/// One index of a tensor in one group.
#[derive(Clone, Debug)]
struct Index {
    /// The rank that makes the intervals, and its coefficient.
    main: (usize, i64),
    /// The others, each value of which shifts the intervals.
    others: SmallVec<[(usize, i64); 2]>,
    constant: i64,
    extent: i64,
    /// Elements per residue, rounded up.
    length: i64,
}

impl Footprint {
    pub fn new(mapping: &Mapping, group: &Group, tensor: usize) -> Footprint {
        let operation = &mapping.operation;
        let local = |rank| group.ranks.iter().position(|&r| r == rank);
        let dims = operation.tensors[tensor]
            .dims
            .iter()
            .filter_map(|dim| {
                let mut terms: SmallVec<[(usize, i64); 3]> = dim
                    .terms
                    .iter()
                    .filter_map(|term| Some((local(term.rank)?, term.coefficient)))
                    .collect();
                let extent_of = |term: &(usize, i64)| operation.ranks[group.ranks[term.0].index()];
                let main =
                    (0..terms.len()).max_by_key(|&t| (extent_of(&terms[t]), usize::MAX - t))?;
                let main = terms.remove(main);
                let extent = dim.extent as i64;
                let stride = main.1.abs().max(1);
                Some(Index {
                    main,
                    others: terms.into_iter().collect(),
                    constant: dim.constant,
                    extent,
                    length: (extent + stride - 1) / stride,
                })
            })
            .collect();
        Footprint { dims }
    }

    /// Whether some index can leave the tensor, so that translates of a state may have other footprints.
    pub fn clips(&self, group: &Group) -> bool {
        let whole = group.whole();
        self.dims.iter().any(|dim| {
            let (lo, hi) = dim.bounds(&whole);
            lo < 0 || hi >= dim.extent
        })
    }

    /// Whether different points of the group's ranks that are indexed here can meet in one element, as the
    /// rows of a transposed convolution whose kernel is larger than its stride do.
    pub fn overlaps(&self, group: &Group) -> bool {
        let whole = group.whole();
        self.dims.iter().any(|dim| {
            // Mixed radix: each coefficient exceeds all that the smaller ones reach together.
            let mut terms: Vec<(i64, i64)> = std::iter::once(&dim.main)
                .chain(&dim.others)
                .map(|&(rank, coefficient)| (coefficient.abs(), whole.ranks[rank].len() as i64 - 1))
                .collect();
            terms.sort_unstable();
            let mut reach = 0i64;
            terms.iter().any(|&(coefficient, steps)| {
                let meets = steps > 0 && coefficient <= reach;
                reach = reach.saturating_add(coefficient.saturating_mul(steps));
                meets
            })
        })
    }

    /// Smallest and largest index over the state's box, per dimension, and how far each moves when the
    /// local rank `rank` moves by one.
    pub fn reach(&self, state: &GroupState, rank: usize) -> SmallVec<[(i64, i64, i64, i64); 1]> {
        self.dims
            .iter()
            .map(|dim| {
                let (lo, hi) = dim.bounds(state);
                let slope = std::iter::once(&dim.main)
                    .chain(&dim.others)
                    .find(|term| term.0 == rank)
                    .map_or(0, |term| term.1);
                (lo, hi, dim.extent, slope)
            })
            .collect()
    }

    /// Adds the pieces of the state's footprint to `pieces`; `None` when there are too many.
    pub fn pieces(&self, state: &GroupState, pieces: &mut SmallVec<[Interval; 8]>) -> Option<()> {
        if state.is_empty() {
            return Some(());
        }
        match self.dims.as_slice() {
            [] => pieces.push(Interval::new(0, 1)),
            [dim] => dim.pieces(state, 0, pieces)?,
            [first, rest @ ..] => {
                // The product of several indices, element by element of all but the first.
                let mut shifts = vec![0i64];
                let mut scale = first.span();
                for dim in rest {
                    let mut own = SmallVec::new();
                    dim.pieces(state, 0, &mut own)?;
                    let own = Intervals::union_of(own);
                    if own.len().checked_mul(shifts.len() as u64)? > MOST_PIECES {
                        return None;
                    }
                    shifts = shifts
                        .iter()
                        .flat_map(|shift| {
                            own.parts()
                                .iter()
                                .flat_map(|part| part.lo..part.hi)
                                .map(move |key| shift + key * scale)
                        })
                        .collect();
                    scale = scale.checked_mul(dim.span())?;
                }
                for shift in shifts {
                    first.pieces(state, shift, pieces)?;
                }
            }
        }
        Some(())
    }

    /// Whether some index of the tensor has a rank of the group.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        !self.dims.is_empty()
    }

    /// The elements whose index belongs to `length` values of the local rank `rank` from `start` on, all
    /// other ranks at 0. Nothing where no index has the rank, or there are several.
    #[must_use]
    pub fn slab(&self, rank: usize, start: i64, length: i64) -> SmallVec<[Interval; 8]> {
        let mut pieces = SmallVec::new();
        if let [dim] = self.dims.as_slice()
            && let Some(&(_, coefficient)) = std::iter::once(&dim.main)
                .chain(&dim.others)
                .find(|term| term.0 == rank)
        {
            let stride = dim.main.1.abs().max(1);
            let from = coefficient * start + dim.constant;
            for x in from..from + coefficient * length {
                let key = x.rem_euclid(stride) * dim.length + x.div_euclid(stride);
                pieces.push(Interval::new(key, key + 1));
            }
        }
        pieces
    }

    /// Number of elements in the footprint of one state.
    pub fn size(&self, state: &GroupState) -> Option<u64> {
        let mut pieces = SmallVec::new();
        self.pieces(state, &mut pieces)?;
        Some(Intervals::union_of(pieces).len())
    }

    /// How many elements exactly one point of the state's box makes; `None` when there are too many points.
    pub fn single(&self, state: &GroupState) -> Option<u64> {
        if state.volume() > MOST_PIECES {
            return None;
        }
        let mut keys: Vec<i64> = Vec::new();
        let mut point: SmallVec<[i64; 4]> = state.ranks.iter().map(|range| range.lo).collect();
        loop {
            let at = GroupState {
                ranks: point.iter().map(|&x| Interval::new(x, x + 1)).collect(),
                windows: state.windows.clone(),
            };
            let mut pieces = SmallVec::new();
            self.pieces(&at, &mut pieces)?;
            keys.extend(pieces.first().map(|piece| piece.lo));
            let turned = (0..point.len()).rev().find(|&rank| {
                point[rank] += 1;
                let turns = point[rank] < state.ranks[rank].hi;
                if !turns {
                    point[rank] = state.ranks[rank].lo;
                }
                turns
            });
            if turned.is_none() {
                break;
            }
        }
        keys.sort_unstable();
        Some(
            keys.chunk_by(|a, b| a == b)
                .filter(|run| run.len() == 1)
                .count() as u64,
        )
    }

    /// In how many points of the state's box every index lies inside the tensor.
    pub fn touching(&self, state: &GroupState) -> Option<u64> {
        let mut points = 1u64;
        let mut free = vec![true; state.ranks.len()];
        for dim in &self.dims {
            points = points.checked_mul(dim.touching(state)?)?;
            free[dim.main.0] = false;
            for other in &dim.others {
                free[other.0] = false;
            }
        }
        for (rank, interval) in state.ranks.iter().enumerate() {
            if free[rank] {
                points = points.checked_mul(interval.len())?;
            }
        }
        Some(points)
    }
}

impl Index {
    /// One more than the largest key.
    fn span(&self) -> i64 {
        self.length * self.main.1.abs().max(1)
    }

    fn bounds(&self, state: &GroupState) -> (i64, i64) {
        let (mut lo, mut hi) = (self.constant, self.constant);
        for &(rank, coefficient) in std::iter::once(&self.main).chain(&self.others) {
            let interval = state.ranks[rank];
            let (a, b) = (coefficient * interval.lo, coefficient * (interval.hi - 1));
            lo += a.min(b);
            hi += a.max(b);
        }
        (lo, hi)
    }

    /// Calls `visit` with the constant of every choice of the other ranks.
    fn shifts(&self, state: &GroupState, mut visit: impl FnMut(i64)) -> Option<()> {
        match self.others.as_slice() {
            [] => visit(self.constant),
            [(rank, coefficient)] => {
                let interval = state.ranks[*rank];
                if interval.len() > MOST_PIECES {
                    return None;
                }
                for value in interval.lo..interval.hi {
                    visit(self.constant + coefficient * value);
                }
            }
            several => {
                let mut shifts = vec![self.constant];
                for &(rank, coefficient) in several {
                    let interval = state.ranks[rank];
                    if interval.len().checked_mul(shifts.len() as u64)? > MOST_PIECES {
                        return None;
                    }
                    shifts = shifts
                        .iter()
                        .flat_map(|shift| {
                            (interval.lo..interval.hi).map(move |v| shift + coefficient * v)
                        })
                        .collect();
                }
                shifts.into_iter().for_each(visit);
            }
        }
        Some(())
    }

    /// The values of the main rank for which `coefficient * value + shift` lies inside the tensor.
    fn inside(&self, state: &GroupState, shift: i64) -> Interval {
        let (rank, coefficient) = self.main;
        let range = state.ranks[rank];
        if coefficient >= 0 {
            let stride = coefficient.max(1);
            range.intersect(Interval::new(
                -(shift.div_euclid(stride)),
                (self.extent - 1 - shift).div_euclid(stride) + 1,
            ))
        } else {
            let stride = -coefficient;
            range.intersect(Interval::new(
                -((self.extent - 1 - shift).div_euclid(stride)),
                shift.div_euclid(stride) + 1,
            ))
        }
    }

    fn pieces(
        &self,
        state: &GroupState,
        base: i64,
        pieces: &mut SmallVec<[Interval; 8]>,
    ) -> Option<()> {
        let (_, coefficient) = self.main;
        let stride = coefficient.abs().max(1);
        self.shifts(state, |shift| {
            let values = self.inside(state, shift);
            if values.is_empty() {
                return;
            }
            let residue = shift.rem_euclid(stride);
            let first = shift.div_euclid(stride);
            let key = base + residue * self.length + first;
            pieces.push(if coefficient >= 0 {
                Interval::new(key + values.lo, key + values.hi)
            } else {
                Interval::new(key - values.hi + 1, key - values.lo + 1)
            });
        })
    }

    fn touching(&self, state: &GroupState) -> Option<u64> {
        let mut points = 0u64;
        self.shifts(state, |shift| points += self.inside(state, shift).len())?;
        Some(points)
    }
}
