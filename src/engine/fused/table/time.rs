//! Sets of other steps: unions over loops, what earlier trips have had, time run backwards.

use super::build::{Builder, aligned, pieces_of, times};
use super::join::Join;
use super::{Level, Piece, Result, Table};
use crate::ir::Strided;

impl Table {
    /// The union over all loops inside loop `axis`: what is left depends only on `axis` and those around it.
    pub(in crate::engine::fused) fn within(&self, axis: usize) -> Table {
        match self {
            Table::Set(_) => self.clone(),
            Table::Loop(level) if level.axis > axis => Table::Set(self.whole()),
            Table::Loop(level) => level.each(|piece| Piece {
                table: piece.table.within(axis),
                ..*piece
            }),
        }
    }

    /// The union over all steps.
    pub(in crate::engine::fused) fn whole(&self) -> Strided {
        match self {
            Table::Set(set) => set.clone(),
            Table::Loop(level) => level.union_of(0, level.trips),
        }
    }

    /// The union over the trips `from..to` of loop `axis` and over all loops inside it, with the loops around it at
    /// `trips`; the set of the step itself if the table does not depend on `axis`.
    pub(in crate::engine::fused) fn range(
        &self,
        trips: &[u64],
        axis: usize,
        from: u64,
        to: u64,
    ) -> Strided {
        match self {
            Table::Set(set) => set.clone(),
            Table::Loop(level) if level.axis > axis => self.whole(),
            Table::Loop(level) if level.axis == axis => level.union_of(from, to),
            Table::Loop(level) => {
                let trip = trips.get(level.axis).copied().unwrap_or(0);
                match level.piece(trip) {
                    Some(piece) => piece
                        .table
                        .range(trips, axis, from, to)
                        .shifted(times(piece.shift, trip - piece.first)),
                    None => Strided::empty(),
                }
            }
        }
    }

    /// What the trip before this one of loop `axis`, which makes `trips`, had; nothing in the first. The table does not
    /// depend on loops inside `axis`.
    pub(in crate::engine::fused) fn previous(&self, axis: usize, trips: u64) -> Result<Table> {
        match self {
            Table::Loop(level) if level.axis < axis => level.rebuild(|piece, out| {
                let table = piece.table.previous(axis, trips)?;
                out.push(piece.first, piece.count, piece.shift, table)
            }),
            _ => {
                let mut out = Builder::default();
                out.push(0, 1, 0, Table::empty())?;
                for piece in pieces_of(self, axis, trips).iter() {
                    let end = (piece.end() + 1).min(trips);
                    if piece.first + 1 < end {
                        let count = end - piece.first - 1;
                        out.push(piece.first + 1, count, piece.shift, piece.table.clone())?;
                    }
                }
                Ok(out.finish(axis, trips))
            }
        }
    }

    /// What of this table the trips of loop `axis` (of `trips`) before the present one have had in `other`
    /// (`Intersect`), or what they have not (`Subtract`). `other` does not depend on loops inside `axis`.
    pub(in crate::engine::fused) fn against_earlier(
        &self,
        other: &Table,
        axis: usize,
        trips: u64,
        by: Join,
    ) -> Result<Table> {
        let outer_of = |table: &Table| match table {
            Table::Loop(level) if level.axis < axis => Some((level.axis, level.trips)),
            _ => None,
        };
        let outer = match (outer_of(self), outer_of(other)) {
            (Some(left), Some(right)) => left.min(right),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => return sweep(self, &pieces_of(other, axis, trips), axis, trips, by),
        };
        let mut out = Builder::default();
        for (left, right) in aligned(self, other, outer.0, outer.1) {
            if left.shift == right.shift {
                let table = left.table.against_earlier(&right.table, axis, trips, by)?;
                out.push(left.first, left.count, left.shift, table)?;
                continue;
            }
            for trip in left.first..left.end() {
                let table = left
                    .at(trip)
                    .against_earlier(&right.at(trip), axis, trips, by)?;
                out.push(trip, 1, 0, table)?;
            }
        }
        Ok(out.finish(outer.0, outer.1))
    }

    /// The same sets with every loop run backwards.
    pub(in crate::engine::fused) fn reversed(&self) -> Table {
        match self {
            Table::Set(_) => self.clone(),
            Table::Loop(level) => Table::Loop(Box::new(Level {
                axis: level.axis,
                trips: level.trips,
                pieces: level
                    .pieces
                    .iter()
                    .rev()
                    .map(|piece| Piece {
                        first: level.trips - piece.end(),
                        count: piece.count,
                        shift: piece.shift.saturating_neg(),
                        table: piece.at(piece.end() - 1).reversed(),
                    })
                    .collect(),
            })),
        }
    }
}

/// [`Table::against_earlier`] along the loop of `earlier`. The union of all earlier trips grows; but once the sets of a
/// run of trips have moved past what lay before the run, each meets the same part of it, moved along.
fn sweep(table: &Table, earlier: &[Piece], axis: usize, trips: u64, by: Join) -> Result<Table> {
    let own = pieces_of(table, axis, trips);
    let mut out = Builder::default();
    let mut union = Strided::empty();
    let (mut trip, mut at, mut past) = (0u64, 0usize, 0usize);
    // Of the union when the piece `past` of `earlier` began.
    let mut before: Option<(i64, i64)> = None;
    while trip < trips {
        let Some(piece) = own.get(at) else { break };
        if piece.end() <= trip {
            at += 1;
            continue;
        }
        let now = piece.at(trip);
        let mut count = 1;
        if let Some(run) = trip.checked_sub(1).and_then(|_| earlier.get(past)) {
            let end = piece.end().min(run.end() + 1);
            if end > trip + 1 && is_steady(&now, piece.shift, run, before) {
                count = end - trip;
            }
        }
        out.push(
            trip,
            count,
            piece.shift,
            now.join(&Table::Set(union.clone()), by)?,
        )?;
        // The trips that have just been passed are earlier ones from here on.
        let end = trip + count;
        while let Some(run) = earlier.get(past) {
            let (from, to) = (run.first.max(trip), run.end().min(end));
            if from < to {
                if from == run.first {
                    before = union.min().zip(union.max());
                }
                let set = run.table.whole();
                let moved = set.shifted(times(run.shift, from - run.first));
                union = union.union(&moved.repeated(run.shift, to - from));
            }
            if run.end() >= end {
                break;
            }
            past += 1;
        }
        trip = end;
    }
    Ok(out.finish(axis, trips))
}

/// Whether from this trip on, inside the piece and up to one trip past `run`, what the earlier trips have in common with
/// `now` only moves.
fn is_steady(now: &Table, shift: i64, run: &Piece, before: Option<(i64, i64)>) -> bool {
    let Some((low, high)) = now.hull() else {
        return true;
    };
    let Some((run_low, run_high)) = run.table.hull() else {
        return shift == 0
            || before.is_none_or(|before| {
                if shift > 0 {
                    before.1 < low
                } else {
                    before.0 > high
                }
            });
    };
    if run.shift != shift {
        return false;
    }
    if shift == 0 {
        return true;
    }
    if shift > 0 {
        run_high.saturating_sub(shift) < low && before.is_none_or(|before| before.1 < low)
    } else {
        run_low.saturating_sub(shift) > high && before.is_none_or(|before| before.0 > high)
    }
}
