//! Sets of integers as functions of the inter-layer loops.
//!
//! Problem: with `tile P by 1` over 224 rows a 3x3 layer reads the rows 0..2, then 0..3, 1..4, ... 222..224. Listing
//! them costs as much as the map is large. A [`Table`] keeps runs of steps whose sets are translates of each other:
//! here three pieces, the first row, the 222 rows between that move by one each, and the last one.
//!
//! A table knows only the loops that its sets depend on. They nest like the loops themselves, the outermost first;
//! a dimension is seldom indexed by more than one.
//!
//! Invariants: the pieces of a level cover its trips in order, without gaps; an inner level has a larger loop number
//! than the one around it; every operation gives exactly the set of every step, or refuses
//! ([`EngineLimit::TooManyClasses`]).

use crate::engine::EngineLimit;
use crate::ir::Strided;

mod build;
mod join;
mod time;

pub(super) use build::piece;
use build::{Builder, times};
pub(super) use join::Join;

type Result<T> = std::result::Result<T, EngineLimit>;

/// One set per step of the loops that it depends on.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Table {
    /// The same in every step.
    Set(Strided),
    Loop(Box<Level>),
}

/// The dependence on one loop.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Level {
    /// Number of the loop, 0 is the outermost.
    pub axis: usize,
    pub trips: u64,
    pub pieces: Vec<Piece>,
}

/// Consecutive trips whose sets move by `shift` each.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    pub first: u64,
    /// At least 1.
    pub count: u64,
    /// 0 when `count` is 1.
    pub shift: i64,
    /// Of trip `first`.
    pub table: Table,
}

impl Table {
    pub(super) fn empty() -> Table {
        Table::Set(Strided::empty())
    }

    /// The set of zero: a condition that holds in every step.
    pub(super) fn open() -> Table {
        Table::Set(Strided::point(0))
    }

    /// Holds in every trip of loop `axis` but the first.
    pub(super) fn after_first(axis: usize, trips: u64) -> Table {
        if trips <= 1 {
            return Table::empty();
        }
        Table::Loop(Box::new(Level {
            axis,
            trips,
            pieces: vec![
                Piece::new(0, 1, 0, Table::empty()),
                Piece::new(1, trips - 1, 0, Table::open()),
            ],
        }))
    }

    /// Holds in one trip of loop `axis`.
    pub(super) fn only(axis: usize, trip: u64, trips: u64) -> Table {
        let mut pieces = Vec::with_capacity(3);
        if trip > 0 {
            pieces.push(Piece::new(0, trip, 0, Table::empty()));
        }
        pieces.push(Piece::new(trip, 1, 0, Table::open()));
        if trip + 1 < trips {
            pieces.push(Piece::new(trip + 1, trips - trip - 1, 0, Table::empty()));
        }
        Table::level(axis, trips, pieces)
    }

    /// The trips of loop `axis`, if it depends on that.
    pub(super) fn trips_of(&self, axis: usize) -> Option<u64> {
        match self {
            Table::Set(_) => None,
            Table::Loop(level) if level.axis == axis => Some(level.trips),
            Table::Loop(level) => level
                .pieces
                .iter()
                .find_map(|piece| piece.table.trips_of(axis)),
        }
    }

    /// What it is in trip `trip` of loop `axis`.
    pub(super) fn fixed(&self, axis: usize, trip: u64) -> Result<Table> {
        match self {
            Table::Loop(level) if level.axis == axis => {
                let piece = level.piece(trip);
                Ok(piece.map_or_else(Table::empty, |piece| piece.at(trip)))
            }
            Table::Loop(level) if level.axis < axis => level.rebuild(|piece, out| {
                let table = piece.table.fixed(axis, trip)?;
                out.push(piece.first, piece.count, piece.shift, table)
            }),
            Table::Set(_) | Table::Loop(_) => Ok(self.clone()),
        }
    }

    pub(super) fn level(axis: usize, trips: u64, pieces: Vec<Piece>) -> Table {
        match pieces.as_slice() {
            [only] if only.shift == 0 => only.table.clone(),
            _ => Table::Loop(Box::new(Level {
                axis,
                trips,
                pieces,
            })),
        }
    }

    pub(super) fn shifted(&self, by: i64) -> Table {
        if by == 0 {
            return self.clone();
        }
        match self {
            Table::Set(set) => Table::Set(set.shifted(by)),
            Table::Loop(level) => Table::Loop(Box::new(Level {
                axis: level.axis,
                trips: level.trips,
                pieces: level
                    .pieces
                    .iter()
                    .map(|piece| Piece {
                        table: piece.table.shifted(by),
                        ..*piece
                    })
                    .collect(),
            })),
        }
    }

    /// Whether the sets differ with the trips of loop `axis`.
    pub(super) fn depends_on(&self, axis: usize) -> bool {
        match self {
            Table::Set(_) => false,
            Table::Loop(level) => {
                level.axis == axis
                    || (level.axis < axis
                        && level
                            .pieces
                            .iter()
                            .any(|piece| piece.table.depends_on(axis)))
            }
        }
    }

    /// The loops it depends on, as bits.
    pub(super) fn axes(&self) -> u64 {
        match self {
            Table::Set(_) => 0,
            Table::Loop(level) => level
                .pieces
                .iter()
                .fold(1u64 << level.axis.min(63), |axes, piece| {
                    axes | piece.table.axes()
                }),
        }
    }

    /// Whether the set is empty in every step.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Table::Set(set) => set.is_empty(),
            Table::Loop(level) => level.pieces.iter().all(|piece| piece.table.is_empty()),
        }
    }

    /// Whether the set is empty in no step.
    fn is_never_empty(&self) -> bool {
        match self {
            Table::Set(set) => !set.is_empty(),
            Table::Loop(level) => level
                .pieces
                .iter()
                .all(|piece| piece.table.is_never_empty()),
        }
    }

    /// Whether every set is exact (see [`Strided::is_exact`]).
    pub(super) fn is_exact(&self) -> bool {
        match self {
            Table::Set(set) => set.is_exact(),
            Table::Loop(level) => level.pieces.iter().all(|piece| piece.table.is_exact()),
        }
    }

    /// Least and greatest element of any step.
    fn hull(&self) -> Option<(i64, i64)> {
        match self {
            Table::Set(set) => Some((set.min()?, set.max()?)),
            Table::Loop(level) => level
                .pieces
                .iter()
                .filter_map(|piece| {
                    let (low, high) = piece.table.hull()?;
                    let far = times(piece.shift, piece.count - 1);
                    Some((
                        low.min(low.saturating_add(far)),
                        high.max(high.saturating_add(far)),
                    ))
                })
                .reduce(|left, right| (left.0.min(right.0), left.1.max(right.1))),
        }
    }

    /// Sum of the sizes over all steps of the loops in `axes` (as bits; at least those of the table).
    pub(super) fn total(&self, axes: u64, trips: &[u64]) -> u128 {
        match self {
            Table::Set(set) => trips
                .iter()
                .enumerate()
                .filter(|(axis, _)| axes >> axis & 1 == 1)
                .fold(u128::from(set.count()), |product, (_, &trips)| {
                    product.saturating_mul(u128::from(trips))
                }),
            Table::Loop(level) => {
                let inner = axes & !(1u64 << level.axis.min(63));
                level.pieces.iter().fold(0u128, |sum, piece| {
                    let each = piece.table.total(inner, trips);
                    sum.saturating_add(u128::from(piece.count).saturating_mul(each))
                })
            }
        }
    }

    /// Size of the largest set.
    pub(super) fn largest(&self) -> u64 {
        match self {
            Table::Set(set) => set.count(),
            Table::Loop(level) => level
                .pieces
                .iter()
                .map(|piece| piece.table.largest())
                .max()
                .unwrap_or(0),
        }
    }

    /// The set of one step; `trips` are the indices of all loops.
    pub(super) fn at(&self, trips: &[u64]) -> Strided {
        let mut table = self;
        let mut moved = 0i64;
        loop {
            match table {
                Table::Set(set) if moved == 0 => return set.clone(),
                Table::Set(set) => return set.shifted(moved),
                Table::Loop(level) => {
                    let trip = trips.get(level.axis).copied().unwrap_or(0);
                    let Some(piece) = level.piece(trip) else {
                        return Strided::empty();
                    };
                    moved = moved.saturating_add(times(piece.shift, trip - piece.first));
                    table = &piece.table;
                }
            }
        }
    }

    /// Size of the set of one step.
    pub(super) fn count_at(&self, trips: &[u64]) -> u64 {
        let mut table = self;
        loop {
            match table {
                Table::Set(set) => return set.count(),
                Table::Loop(level) => {
                    let trip = trips.get(level.axis).copied().unwrap_or(0);
                    let Some(piece) = level.piece(trip) else {
                        return 0;
                    };
                    table = &piece.table;
                }
            }
        }
    }

    /// The first trips of all pieces, by loop, into `bounds`.
    pub(super) fn boundaries(&self, bounds: &mut [Vec<u64>]) {
        if let Table::Loop(level) = self {
            for piece in &level.pieces {
                if let Some(known) = bounds.get_mut(level.axis) {
                    known.push(piece.first);
                }
                piece.table.boundaries(bounds);
            }
        }
    }

    /// Trips of loop `axis` until sets have moved past where they were.
    pub(super) fn reach(&self, axis: usize) -> u64 {
        let Table::Loop(level) = self else {
            return 0;
        };
        level
            .pieces
            .iter()
            .map(|piece| match piece.table.hull() {
                _ if level.axis != axis => piece.table.reach(axis),
                Some((low, high)) if piece.shift != 0 => {
                    high.abs_diff(low) / piece.shift.unsigned_abs()
                }
                _ => 0,
            })
            .max()
            .unwrap_or(0)
    }

    /// By how much sets move with a trip of loop `axis`, where they are not empty.
    pub(super) fn speeds(&self, axis: usize, speeds: &mut Vec<i64>) {
        let Table::Loop(level) = self else {
            return;
        };
        for piece in &level.pieces {
            if level.axis != axis {
                piece.table.speeds(axis, speeds);
            } else if piece.count > 1 && !piece.table.is_empty() {
                speeds.push(piece.shift);
            }
        }
    }

    /// Where the set is not empty, as a condition; `None` when that is everywhere.
    pub(super) fn occupied(&self) -> Option<Table> {
        if self.is_never_empty() {
            return None;
        }
        Some(self.condition())
    }

    fn condition(&self) -> Table {
        match self {
            Table::Set(set) if set.is_empty() => Table::empty(),
            Table::Set(_) => Table::open(),
            Table::Loop(level) => {
                let mut out = Builder::default();
                for piece in &level.pieces {
                    out.append(Piece::new(
                        piece.first,
                        piece.count,
                        0,
                        piece.table.condition(),
                    ));
                }
                out.finish(level.axis, level.trips)
            }
        }
    }
}
