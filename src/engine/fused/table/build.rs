//! Pieces of a table: cut, joined when they continue each other, laid beside those of another table.

use super::{Level, Piece, Result, Table};
use crate::base::limits;
use crate::engine::EngineLimit;
use crate::ir::Strided;
use std::borrow::Cow;

/// [`limits::TABLE_PIECES`].
const MOST_PIECES: usize = limits::TABLE_PIECES;

impl Piece {
    pub(super) fn new(first: u64, count: u64, shift: i64, table: Table) -> Piece {
        let shift = if count == 1 { 0 } else { shift };
        Piece {
            first,
            count,
            shift,
            table,
        }
    }

    pub(super) fn end(&self) -> u64 {
        self.first + self.count
    }

    /// The table of trip `trip`, which lies in the piece.
    pub(super) fn at(&self, trip: u64) -> Table {
        self.table.shifted(times(self.shift, trip - self.first))
    }

    /// The part of the piece within `from..to`.
    pub(super) fn part(&self, from: u64, to: u64) -> Piece {
        Piece::new(from, to - from, self.shift, self.at(from))
    }
}

/// `shift * trips`, saturating: sets that far out are poisoned by [`Strided`] itself.
pub(super) fn times(shift: i64, trips: u64) -> i64 {
    shift.saturating_mul(i64::try_from(trips).unwrap_or(i64::MAX))
}

impl Level {
    pub(super) fn piece(&self, trip: u64) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.first <= trip);
        self.pieces.get(after.checked_sub(1)?)
    }

    pub(super) fn each(&self, change: impl Fn(&Piece) -> Piece) -> Table {
        Table::Loop(Box::new(Level {
            axis: self.axis,
            trips: self.trips,
            pieces: self.pieces.iter().map(change).collect(),
        }))
    }

    pub(super) fn rebuild(
        &self,
        mut change: impl FnMut(&Piece, &mut Builder) -> Result<()>,
    ) -> Result<Table> {
        let mut out = Builder::default();
        for piece in &self.pieces {
            change(piece, &mut out)?;
        }
        Ok(out.finish(self.axis, self.trips))
    }

    /// The union over the trips `from..to` and all loops inside.
    pub(super) fn union_of(&self, from: u64, to: u64) -> Strided {
        let mut union = Strided::empty();
        for piece in &self.pieces {
            let (first, last) = (piece.first.max(from), piece.end().min(to));
            if first < last {
                let set = piece.table.whole();
                let moved = set.shifted(times(piece.shift, first - piece.first));
                union = union.union(&moved.repeated(piece.shift, last - first));
            }
        }
        union
    }
}

/// Collects pieces in order and joins those that continue each other.
#[derive(Default)]
pub(super) struct Builder {
    pieces: Vec<Piece>,
}

impl Builder {
    pub(super) fn push(&mut self, first: u64, count: u64, shift: i64, table: Table) -> Result<()> {
        if self.pieces.len() >= MOST_PIECES {
            return Err(EngineLimit::TooManyClasses);
        }
        limits::spend(1)?;
        self.append(Piece::new(first, count, shift, table));
        Ok(())
    }

    pub(super) fn append(&mut self, piece: Piece) {
        if let Some(last) = self.pieces.last_mut()
            && let Some(shift) = continues(last, &piece)
        {
            last.shift = shift;
            last.count += piece.count;
            return;
        }
        self.pieces.push(piece);
    }

    pub(super) fn finish(self, axis: usize, trips: u64) -> Table {
        Table::level(axis, trips, self.pieces)
    }
}

/// The shift of the piece that the two are together, if they are one.
pub(super) fn continues(last: &Piece, next: &Piece) -> Option<i64> {
    let shift = match (last.count, next.count) {
        (1, 1) => match (last.table.hull(), next.table.hull()) {
            (None, None) => 0,
            (Some(left), Some(right)) => right.0.checked_sub(left.0)?,
            _ => return None,
        },
        (1, _) => next.shift,
        (_, 1) => last.shift,
        _ if last.shift == next.shift => last.shift,
        _ => return None,
    };
    let far = times(shift, last.count);
    let same = if far == 0 {
        last.table == next.table
    } else {
        last.table.is_moved(&next.table, far)
    };
    same.then_some(shift)
}

impl Table {
    /// Whether `other` is this table moved by `by`.
    pub(super) fn is_moved(&self, other: &Table, by: i64) -> bool {
        match (self, other) {
            (Table::Set(left), Table::Set(right)) => {
                left.min().map(|low| low.saturating_add(by)) == right.min()
                    && left.runs().len() == right.runs().len()
                    && left.shifted(by) == *right
            }
            (Table::Loop(_), Table::Loop(_)) => self.shifted(by) == *other,
            _ => false,
        }
    }
}

/// The pieces of loop `axis` of both, cut where either has a border. A table that does not depend on the loop is one
/// piece that does not move.
pub(super) fn aligned(left: &Table, right: &Table, axis: usize, trips: u64) -> Vec<(Piece, Piece)> {
    let (left, right) = (pieces_of(left, axis, trips), pieces_of(right, axis, trips));
    let mut pairs = Vec::with_capacity(left.len().max(right.len()));
    let (mut a, mut b, mut from) = (0, 0, 0);
    while let (Some(one), Some(other)) = (left.get(a), right.get(b)) {
        let to = one.end().min(other.end());
        if from < to {
            pairs.push((one.part(from, to), other.part(from, to)));
        }
        from = to;
        a += usize::from(one.end() == to);
        b += usize::from(other.end() == to);
    }
    pairs
}

pub(super) fn pieces_of(table: &Table, axis: usize, trips: u64) -> Cow<'_, [Piece]> {
    match table {
        Table::Loop(level) if level.axis == axis => Cow::Borrowed(&level.pieces),
        _ => Cow::Owned(vec![Piece::new(0, trips, 0, table.clone())]),
    }
}

/// Trips `first..first + count`, the first with `table`, each next one moved by `shift`.
pub(in crate::engine::fused) fn piece(first: u64, count: u64, shift: i64, table: Table) -> Piece {
    Piece::new(first, count, shift, table)
}
