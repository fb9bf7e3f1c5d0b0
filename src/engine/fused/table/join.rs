//! Sets changed and joined, step by step: images under affine maps, clipping, differences.

use super::build::{Builder, aligned, times};
use super::{Piece, Result, Table};
use crate::engine::EngineLimit;
use crate::ir::Strided;

/// What two tables are joined by, step by step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::fused) enum Join {
    Intersect,
    Subtract,
    /// All sums of an element of the one and an element of the other.
    Sum,
    /// The first where the second is not empty.
    Mask,
}

impl Join {
    fn sets(self, left: &Strided, right: &Strided) -> Strided {
        match self {
            Join::Intersect => left.intersect(right),
            Join::Subtract => left.subtract(right),
            Join::Sum => left.sum(right),
            Join::Mask if right.is_empty() => Strided::empty(),
            Join::Mask => left.clone(),
        }
    }

    /// By how much the result moves when the operands move by these; `None` when that is not a translation.
    fn shift(self, left: i64, right: i64) -> Option<i64> {
        match self {
            Join::Sum => left.checked_add(right),
            Join::Mask => Some(left),
            _ => (left == right).then_some(left),
        }
    }
}

impl Table {
    /// `{ coefficient * x + constant }`
    pub(in crate::engine::fused) fn affine(&self, coefficient: i64, constant: i64) -> Table {
        if (coefficient, constant) == (1, 0) {
            return self.clone();
        }
        match self {
            Table::Set(set) => Table::Set(set.affine(coefficient, constant)),
            Table::Loop(level) => level.each(|piece| Piece {
                shift: piece.shift.saturating_mul(coefficient),
                table: piece.table.affine(coefficient, constant),
                ..*piece
            }),
        }
    }

    /// `{ floor(x / divisor) }`
    pub(in crate::engine::fused) fn floor_div(&self, divisor: u64) -> Result<Table> {
        if divisor <= 1 {
            return Ok(self.clone());
        }
        let signed = i64::try_from(divisor).map_err(|_| EngineLimit::Overflow)?;
        match self {
            Table::Set(set) => Ok(Table::Set(set.floor_div(divisor))),
            Table::Loop(level) => level.rebuild(|piece, out| {
                if piece.shift % signed == 0 {
                    let table = piece.table.floor_div(divisor)?;
                    return out.push(piece.first, piece.count, piece.shift / signed, table);
                }
                for trip in piece.first..piece.end() {
                    out.push(trip, 1, 0, piece.at(trip).floor_div(divisor)?)?;
                }
                Ok(())
            }),
        }
    }

    /// What lies in `low..high`.
    pub(in crate::engine::fused) fn clip(&self, low: i64, high: i64) -> Result<Table> {
        match self.hull() {
            None => return Ok(Table::empty()),
            Some((least, greatest)) if least >= low && greatest < high => return Ok(self.clone()),
            Some(_) => {}
        }
        match self {
            Table::Set(set) => Ok(Table::Set(set.clip(low, high))),
            Table::Loop(level) => level.rebuild(|piece, out| clip_piece(piece, low, high, out)),
        }
    }

    /// Joins the two, step by step.
    pub(in crate::engine::fused) fn join(&self, other: &Table, by: Join) -> Result<Table> {
        let (axis, trips) = match (self, other) {
            (Table::Set(left), Table::Set(right)) => {
                let set = by.sets(left, right);
                return match set.is_exact() {
                    true => Ok(Table::Set(set)),
                    false => Err(EngineLimit::TooManyClasses),
                };
            }
            (Table::Loop(left), Table::Set(_)) => (left.axis, left.trips),
            (Table::Set(_), Table::Loop(right)) => (right.axis, right.trips),
            (Table::Loop(left), Table::Loop(right)) if left.axis <= right.axis => {
                (left.axis, left.trips)
            }
            (Table::Loop(_), Table::Loop(right)) => (right.axis, right.trips),
        };
        let mut out = Builder::default();
        for (left, right) in aligned(self, other, axis, trips) {
            join_pieces(&left, &right, by, &mut out)?;
        }
        Ok(out.finish(axis, trips))
    }
}

/// Joins two pieces of the same trips. Where the result is not a translation the trips are halved until it is.
fn join_pieces(left: &Piece, right: &Piece, by: Join, out: &mut Builder) -> Result<()> {
    let (first, count) = (left.first, left.count);
    if count == 1 {
        return out.push(first, 1, 0, left.table.join(&right.table, by)?);
    }
    if let Some(shift) = by.shift(left.shift, right.shift) {
        return out.push(first, count, shift, left.table.join(&right.table, by)?);
    }
    if let Some((shift, table)) = apart(left, right, by) {
        return out.push(first, count, shift, table);
    }
    let middle = first + count / 2;
    join_pieces(
        &left.part(first, middle),
        &right.part(first, middle),
        by,
        out,
    )?;
    join_pieces(
        &left.part(middle, left.end()),
        &right.part(middle, right.end()),
        by,
        out,
    )
}

/// The join of two pieces that move differently, where one stays inside the other or they never meet.
fn apart(left: &Piece, right: &Piece, by: Join) -> Option<(i64, Table)> {
    let empty = || Some((0, Table::empty()));
    let (Some(one), Some(other)) = (span(left), span(right)) else {
        return match by {
            Join::Intersect => empty(),
            Join::Subtract => Some((left.shift, left.table.clone())),
            Join::Sum | Join::Mask => None,
        };
    };
    let disjoint = one.1 < other.0 || other.1 < one.0;
    let inside = |piece: &Piece, span: (i64, i64)| match &piece.table {
        Table::Set(set) if piece.shift == 0 => {
            Strided::interval(span.0, span.1.saturating_add(1)).is_subset(set)
        }
        _ => false,
    };
    match by {
        Join::Intersect | Join::Subtract if disjoint => match by {
            Join::Intersect => empty(),
            _ => Some((left.shift, left.table.clone())),
        },
        Join::Intersect if inside(right, one) => Some((left.shift, left.table.clone())),
        Join::Intersect if inside(left, other) => Some((right.shift, right.table.clone())),
        Join::Subtract if inside(right, one) => empty(),
        _ => None,
    }
}

/// Least and greatest element over the whole piece.
fn span(piece: &Piece) -> Option<(i64, i64)> {
    let (low, high) = piece.table.hull()?;
    let far = times(piece.shift, piece.count - 1);
    Some((
        low.min(low.saturating_add(far)),
        high.max(high.saturating_add(far)),
    ))
}

/// A piece clipped to `low..high`: trips that lie inside stay one piece, those outside are empty, the few between are
/// clipped one by one.
fn clip_piece(piece: &Piece, low: i64, high: i64, out: &mut Builder) -> Result<()> {
    let Some((least, greatest)) = piece.table.hull() else {
        return out.push(piece.first, piece.count, 0, Table::empty());
    };
    if piece.shift == 0 || piece.count == 1 {
        return out.push(piece.first, piece.count, 0, piece.table.clip(low, high)?);
    }
    let mut trip = piece.first;
    while trip < piece.end() {
        let moved = times(piece.shift, trip - piece.first);
        let (from, to) = (least.saturating_add(moved), greatest.saturating_add(moved));
        let rest = piece.end() - trip;
        // How many trips, this one included, stay on the same side of a border.
        let (count, table) = if to < low || from >= high {
            let leaves = match (piece.shift > 0, to < low) {
                (true, true) => steps_to(low - to, piece.shift),
                (false, false) => steps_to(from - high + 1, -piece.shift),
                _ => rest,
            };
            (leaves.min(rest), Table::empty())
        } else if from >= low && to < high {
            let leaves = if piece.shift > 0 {
                steps_to(high - to, piece.shift)
            } else {
                steps_to(from - low + 1, -piece.shift)
            };
            (leaves.min(rest), piece.at(trip))
        } else {
            (1, piece.at(trip).clip(low, high)?)
        };
        out.push(trip, count.max(1), piece.shift, table)?;
        trip += count.max(1);
    }
    Ok(())
}

/// Trips of `shift` each until `distance` is covered; both positive.
fn steps_to(distance: i64, shift: i64) -> u64 {
    u64::try_from(distance.max(1))
        .unwrap_or(1)
        .div_ceil(u64::try_from(shift.max(1)).unwrap_or(1))
}
