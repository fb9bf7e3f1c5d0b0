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

/// Pieces that one level of a table may have: beyond that nothing is regular and a report would take too long.
const MOST_PIECES: usize = 1 << 13;

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

impl Piece {
    fn new(first: u64, count: u64, shift: i64, table: Table) -> Piece {
        let shift = if count == 1 { 0 } else { shift };
        Piece {
            first,
            count,
            shift,
            table,
        }
    }

    fn end(&self) -> u64 {
        self.first + self.count
    }

    /// The table of trip `trip`, which lies in the piece.
    fn at(&self, trip: u64) -> Table {
        self.table.shifted(times(self.shift, trip - self.first))
    }

    /// The part of the piece within `from..to`.
    fn part(&self, from: u64, to: u64) -> Piece {
        Piece::new(from, to - from, self.shift, self.at(from))
    }
}

/// `shift * trips`, saturating: sets that far out are poisoned by [`Strided`] itself.
fn times(shift: i64, trips: u64) -> i64 {
    shift.saturating_mul(i64::try_from(trips).unwrap_or(i64::MAX))
}

/// What two tables are joined by, step by step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
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

    /// `{ coefficient * x + constant }`
    pub(super) fn affine(&self, coefficient: i64, constant: i64) -> Table {
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
    pub(super) fn floor_div(&self, divisor: u64) -> Result<Table> {
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
    pub(super) fn clip(&self, low: i64, high: i64) -> Result<Table> {
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
    pub(super) fn join(&self, other: &Table, by: Join) -> Result<Table> {
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

    /// The union over all loops inside loop `axis`: what is left depends only on `axis` and those around it.
    pub(super) fn within(&self, axis: usize) -> Table {
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
    pub(super) fn whole(&self) -> Strided {
        match self {
            Table::Set(set) => set.clone(),
            Table::Loop(level) => level.union_of(0, level.trips),
        }
    }

    /// The union over the trips `from..to` of loop `axis` and over all loops inside it, with the loops around it at
    /// `trips`; the set of the step itself if the table does not depend on `axis`.
    pub(super) fn range(&self, trips: &[u64], axis: usize, from: u64, to: u64) -> Strided {
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
    pub(super) fn previous(&self, axis: usize, trips: u64) -> Result<Table> {
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
    pub(super) fn against_earlier(
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
    pub(super) fn reversed(&self) -> Table {
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

impl Level {
    fn piece(&self, trip: u64) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.first <= trip);
        self.pieces.get(after.checked_sub(1)?)
    }

    fn each(&self, change: impl Fn(&Piece) -> Piece) -> Table {
        Table::Loop(Box::new(Level {
            axis: self.axis,
            trips: self.trips,
            pieces: self.pieces.iter().map(change).collect(),
        }))
    }

    fn rebuild(&self, mut change: impl FnMut(&Piece, &mut Builder) -> Result<()>) -> Result<Table> {
        let mut out = Builder::default();
        for piece in &self.pieces {
            change(piece, &mut out)?;
        }
        Ok(out.finish(self.axis, self.trips))
    }

    /// The union over the trips `from..to` and all loops inside.
    fn union_of(&self, from: u64, to: u64) -> Strided {
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
struct Builder {
    pieces: Vec<Piece>,
}

impl Builder {
    fn push(&mut self, first: u64, count: u64, shift: i64, table: Table) -> Result<()> {
        if self.pieces.len() >= MOST_PIECES {
            return Err(EngineLimit::TooManyClasses);
        }
        self.append(Piece::new(first, count, shift, table));
        Ok(())
    }

    fn append(&mut self, piece: Piece) {
        if let Some(last) = self.pieces.last_mut()
            && let Some(shift) = continues(last, &piece)
        {
            last.shift = shift;
            last.count += piece.count;
            return;
        }
        self.pieces.push(piece);
    }

    fn finish(self, axis: usize, trips: u64) -> Table {
        Table::level(axis, trips, self.pieces)
    }
}

/// The shift of the piece that the two are together, if they are one.
fn continues(last: &Piece, next: &Piece) -> Option<i64> {
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
    fn is_moved(&self, other: &Table, by: i64) -> bool {
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
fn aligned(left: &Table, right: &Table, axis: usize, trips: u64) -> Vec<(Piece, Piece)> {
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

fn pieces_of(table: &Table, axis: usize, trips: u64) -> std::borrow::Cow<'_, [Piece]> {
    match table {
        Table::Loop(level) if level.axis == axis => std::borrow::Cow::Borrowed(&level.pieces),
        _ => std::borrow::Cow::Owned(vec![Piece::new(0, trips, 0, table.clone())]),
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

/// Trips `first..first + count`, the first with `table`, each next one moved by `shift`.
pub(super) fn piece(first: u64, count: u64, shift: i64, table: Table) -> Piece {
    Piece::new(first, count, shift, table)
}
