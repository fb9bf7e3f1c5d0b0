//! Mappings whose every loop partitions what its parent gives it, recognised in closed form.
//!
//! Problem: the check runs before every evaluation of a search, and extents may be 2^40, so it must not
//! enumerate windows. Nearly every legal dataflow is built from three moves:
//!
//! * over a rank, offset = size, or one window that takes all: pieces of `size`;
//! * over input rows `U`, with the kernel whole: a window of `m` rows holds `n = (m - span) / stride + 1`
//!   complete kernel windows; with offset `n * stride` that is the partition of the outputs by `n`;
//! * the row-stationary pair: rows and kernel move together, `dilation` rows per kernel step, and each
//!   instance has the rows for all outputs: the partition of the kernel.
//!
//! Which shapes `(outputs, kernel)` a window's ranks can have after a level is a handful: the full pieces
//! and the clipped last ones. They are carried along, because the number of outputs depends on them.
//!
//! Invariant: sufficient, never necessary. A rank that stays unproved is judged by [`super::cover`].

use crate::ir::{Axis, Mapping, Move, Window, window_count};
use smallvec::{SmallVec, smallvec};

/// Extents of the output and the kernel rank.
type Shape = (u64, u64);
type Shapes = SmallVec<[Shape; 4]>;

/// More shapes than this are not followed.
const SHAPES: usize = 32;

/// What a level does to one window's ranks and rows.
#[derive(Default)]
struct Level {
    outputs: SmallVec<[Move; 2]>,
    kernel: SmallVec<[Move; 2]>,
    rows: SmallVec<[Move; 2]>,
    /// Rows and kernel moved together.
    pair: Option<(Move, Move)>,
}

impl Level {
    fn is_empty(&self) -> bool {
        self.outputs.is_empty()
            && self.kernel.is_empty()
            && self.rows.is_empty()
            && self.pair.is_none()
    }
}

/// One window of the operation on the way through the nest.
struct Track {
    shapes: Shapes,
    /// The shapes are upper bounds only.
    rough: bool,
    level: Level,
    failed: bool,
}

/// Whether every loop cuts one rank into pieces that abut: then every point is performed once, whatever the sizes.
pub(super) fn is_plain(mapping: &Mapping) -> bool {
    mapping.schedule.loops.iter().all(|l| {
        let [m] = l.moves.as_slice() else {
            return false;
        };
        matches!(m.axis, Axis::Rank(_)) && m.offset == m.size
    })
}

/// Per rank: whether it is still open that the rank is covered exactly once. Sizes and extents are at most
/// [`super::LARGEST`].
pub(super) fn unproved(mapping: &Mapping) -> SmallVec<[bool; 16]> {
    let operation = &mapping.operation;
    let mut open: SmallVec<[bool; 16]> = smallvec![false; operation.ranks.len()];
    if is_plain(mapping) {
        return open;
    }
    // The largest extent of each rank so far.
    let mut largest: SmallVec<[u64; 16]> = operation.ranks.iter().copied().collect();
    let mut tracks: SmallVec<[Track; 2]> = operation
        .windows
        .iter()
        .map(|window| Track {
            shapes: smallvec![(
                operation.ranks[window.output.index()],
                operation.ranks[window.kernel.index()]
            )],
            rough: false,
            level: Level::default(),
            failed: false,
        })
        .collect();
    let mut level = None;
    for l in &mapping.schedule.loops {
        if level != Some(l.level) {
            level = Some(l.level);
            for (track, window) in tracks.iter_mut().zip(&operation.windows) {
                track.end_level(window);
            }
        }
        match l.moves.as_slice() {
            [m] => match m.axis {
                Axis::Window(window) => tracks[usize::from(window)].level.rows.push(*m),
                Axis::Rank(rank) => match operation.window_of(rank) {
                    Some(window) => {
                        let level = &mut tracks[window].level;
                        if operation.windows[window].output == rank {
                            level.outputs.push(*m);
                        } else {
                            level.kernel.push(*m);
                        }
                    }
                    None => {
                        let extent = &mut largest[rank.index()];
                        open[rank.index()] |= !partitions(*extent, m);
                        *extent = m.size.min(*extent);
                    }
                },
            },
            moves => {
                if let Some((window, rows, kernel)) = pair(mapping, moves) {
                    let level = &mut tracks[window].level;
                    if level.pair.is_none() {
                        level.pair = Some((rows, kernel));
                        continue;
                    }
                }
                // Moved together, each must have one window only.
                for m in moves {
                    let whole = match m.axis {
                        Axis::Rank(rank) if operation.window_of(rank).is_none() => {
                            m.size >= largest[rank.index()]
                        }
                        Axis::Rank(rank) => m.size >= operation.ranks[rank.index()],
                        Axis::Window(window) => {
                            m.size >= operation.windows[usize::from(window)].extent
                        }
                    };
                    if !whole {
                        for m in moves {
                            match m.axis {
                                Axis::Rank(rank) => match operation.window_of(rank) {
                                    Some(window) => tracks[window].failed = true,
                                    None => open[rank.index()] = true,
                                },
                                Axis::Window(window) => tracks[usize::from(window)].failed = true,
                            }
                        }
                    }
                }
            }
        }
    }
    for (track, window) in tracks.iter_mut().zip(&operation.windows) {
        track.end_level(window);
        if track.failed {
            open[window.output.index()] = true;
            open[window.kernel.index()] = true;
        }
    }
    open
}

/// The pair of moves over one window's rows and over its kernel.
fn pair(mapping: &Mapping, moves: &[Move]) -> Option<(usize, Move, Move)> {
    let [a, b] = moves else { return None };
    let (rows, kernel, window, rank) = match (a.axis, b.axis) {
        (Axis::Window(window), Axis::Rank(rank)) => (a, b, window, rank),
        (Axis::Rank(rank), Axis::Window(window)) => (b, a, window, rank),
        _ => return None,
    };
    let window = usize::from(window);
    (mapping.operation.windows[window].kernel == rank).then_some((window, *rows, *kernel))
}

fn partitions(extent: u64, m: &Move) -> bool {
    m.offset == m.size || extent <= m.size
}

/// Pieces of `size` of every extent: full ones and the clipped last ones.
fn pieces(extents: &mut SmallVec<[u64; 4]>, size: u64) {
    let mut cut: SmallVec<[u64; 4]> = SmallVec::new();
    for &extent in extents.iter() {
        for piece in [
            extent.min(size),
            if extent > size { extent % size } else { 0 },
        ] {
            if piece > 0 && !cut.contains(&piece) {
                cut.push(piece);
            }
        }
    }
    *extents = cut;
}

/// Applies partitions of a rank to its extent; false when one is not a partition.
fn tile(extents: &mut SmallVec<[u64; 4]>, moves: &[Move]) -> bool {
    moves.iter().all(|m| {
        let fine = extents.iter().all(|&extent| partitions(extent, m));
        pieces(extents, m.size);
        fine
    })
}

impl Track {
    fn end_level(&mut self, window: &Window) {
        if self.failed || self.level.is_empty() {
            return;
        }
        let level = std::mem::take(&mut self.level);
        let mut next = Shapes::new();
        for &shape in &self.shapes {
            let Some((shapes, rough)) = level.split(window, shape, self.rough) else {
                self.failed = true;
                return;
            };
            self.rough |= rough;
            for shape in shapes {
                if !next.contains(&shape) {
                    next.push(shape);
                }
            }
        }
        self.failed = next.len() > SHAPES;
        self.shapes = next;
    }
}

impl Level {
    /// The shapes into which the level partitions `shape`, and whether they are bounds only; `None` when
    /// that it is a partition cannot be seen.
    fn split(&self, window: &Window, shape: Shape, rough: bool) -> Option<(Shapes, bool)> {
        let (stride, dilation) = (window.stride, window.dilation);
        let span = |kernel: u64| dilation * kernel.saturating_sub(1) + 1;
        let rows_of = |(outputs, kernel): Shape| stride * outputs.saturating_sub(1) + span(kernel);
        let produced = |rows: u64, kernel: u64| {
            rows.checked_sub(span(kernel))
                .map(|slack| slack / stride + 1)
        };
        let needed = rows_of(shape);

        if let Some((rows, kernel)) = self.pair {
            if !(self.outputs.is_empty() && self.kernel.is_empty() && self.rows.is_empty()) {
                return None;
            }
            if kernel.size >= shape.1 && rows.size >= needed {
                return Some((smallvec![shape], false));
            }
            let reach = window_count(needed, rows.size, rows.offset);
            let sound = !rough
                && kernel.size < shape.1
                && kernel.offset == kernel.size
                && rows.offset == dilation * kernel.size
                && produced(rows.size, kernel.size)? >= shape.0
                && reach >= shape.1.div_ceil(kernel.size);
            let mut pieces: SmallVec<[u64; 4]> = smallvec![shape.1];
            return (sound && tile(&mut pieces, &[kernel]))
                .then(|| (pieces.iter().map(|&k| (shape.0, k)).collect(), false));
        }

        let mut outputs: SmallVec<[u64; 4]> = smallvec![shape.0];
        let mut kernels: SmallVec<[u64; 4]> = smallvec![shape.1];
        if !tile(&mut outputs, &self.outputs) || !tile(&mut kernels, &self.kernel) {
            return None;
        }
        let mut extent = needed;
        let mut bounds_only = false;
        for (number, rows) in self.rows.iter().enumerate() {
            if rows.size >= extent {
                continue;
            }
            if rough || !(self.outputs.is_empty() || outputs.as_slice() == [shape.0]) {
                return None;
            }
            let kernel = kernels[0];
            let fitting = produced(rows.size, kernel)?;
            if rows.offset != fitting * stride {
                return None;
            }
            if kernels.as_slice() == [shape.1] {
                pieces(&mut outputs, fitting);
            } else {
                // Every piece of the kernel sees the outputs shifted by whole strides, the same number of
                // them in each window, so each piece is a partition of its own.
                let aligned = stride == 1 || (dilation * kernel).is_multiple_of(stride);
                if kernels.len() > 1 || !aligned || number + 1 < self.rows.len() {
                    return None;
                }
                bounds_only = true;
                outputs = smallvec![fitting.min(shape.0)];
            }
            extent = rows.size;
        }
        let shapes = outputs
            .iter()
            .flat_map(|&outputs| kernels.iter().map(move |&kernel| (outputs, kernel)))
            .collect();
        Some((shapes, bounds_only))
    }
}
