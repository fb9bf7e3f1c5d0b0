//! How a layer is cut into pieces whose partial sums fit their memory.
//!
//! Partial sums never leave the chip, so a schedule that comes back to a result only after a whole row, plane or set of filters needs room for all of
//! them. Where the memory is too small, the layer is computed piece by piece, each from a cold start. With room for 10 words, `Fu` = 4 filters side by
//! side and rows of 5 results, `XYZiZo` takes two columns of one row at a time: two pieces per row, and a strip of one column, which takes two
//! rows at a time.
//!
//! Invariant: the pieces cover every result once: the sum of `copies * g * e * f` is `G E F`.

use super::layer::{Layer, Machine, PerTensor};
use super::schedule::Schedule;

/// So many equal parts of a layer, each computed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub copies: i64,
    /// Columns of the result.
    pub g: i64,
    /// Rows of the result.
    pub e: i64,
    /// Filters.
    pub f: i64,
    /// Filters side by side.
    pub fu: i64,
}

/// The pieces of one schedule, and what each memory must hold at least.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Cover {
    pub pieces: Pieces,
    /// Bits that must fit, per memory.
    pub needs: PerTensor<i64>,
}

/// At most eight pieces: four for the plane, and as many again for the last filters.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pieces {
    list: [Option<Piece>; 8],
    len: usize,
}

impl Pieces {
    fn push(&mut self, piece: Piece) {
        if piece.copies > 0
            && piece.g > 0
            && piece.e > 0
            && let Some(slot) = self.list.get_mut(self.len)
        {
            *slot = Some(piece);
            self.len += 1;
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Piece> {
        self.list.iter().flatten().copied()
    }
}

impl PartialEq for Pieces {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl Eq for Pieces {}

/// What the covering depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Array {
    /// Channels side by side, `Cu`; at least one.
    pub cu: i64,
    /// Columns of the array, `K`.
    pub k: i64,
    /// Partial sums that the memory holds.
    pub psums: i64,
    pub bits: PerTensor<i64>,
}

impl Array {
    pub fn of(machine: &Machine, layer: &Layer) -> Self {
        Self {
            cu: machine.channels_at_once(layer),
            k: machine.k,
            psums: machine.sram.psum / machine.bits.psum,
            bits: machine.bits,
        }
    }
}

/// Cuts a layer for a schedule.
///
/// If not one partial sum per column fits, the need for partial sums says so and there are no pieces.
pub(super) fn cover(layer: &Layer, schedule: Schedule, array: &Array) -> Cover {
    let mut cover = Cover::default();
    let mut filters = layer.f;
    // At most two rounds: the whole sets of filters, and the remainder with extents of its own.
    while filters > 0 {
        let fu = array.k.min(filters);
        needs(&mut cover.needs, layer, schedule, array, fu);
        if array.psums < fu {
            cover.needs.psum = cover.needs.psum.max(fu * array.bits.psum);
            return cover;
        }
        let at_once = plane(&mut cover, layer, schedule, array, filters, fu);
        filters %= at_once;
    }
    cover
}

/// What one call asks of the memories: a tile of filters, and the input rows under one piece's row (for `ZiXYZo`, the window under one result).
fn needs(needs: &mut PerTensor<i64>, layer: &Layer, schedule: Schedule, array: &Array, fu: i64) {
    let filter = layer.r * layer.s * array.cu * fu * array.bits.filter;
    needs.filter = needs.filter.max(filter);
    let width = if schedule == Schedule::ZiXYZo {
        layer.s
    } else {
        layer.width(columns(layer, array, fu))
    };
    needs.ifmap = needs
        .ifmap
        .max(layer.r * width * array.cu * array.bits.ifmap);
    needs.psum = needs.psum.max(fu * array.bits.psum);
}

/// Columns of the result whose partial sums for `fu` filters fit, at most all.
fn columns(layer: &Layer, array: &Array, fu: i64) -> i64 {
    if layer.g * fu <= array.psums {
        layer.g
    } else {
        array.psums / fu
    }
}

/// Covers the plane for the first sets of `filters`, and says how many filters one piece takes.
fn plane(
    cover: &mut Cover,
    layer: &Layer,
    schedule: Schedule,
    array: &Array,
    filters: i64,
    fu: i64,
) -> i64 {
    let psums = array.psums;
    let whole_sets = |room: i64| {
        if room >= filters {
            filters
        } else {
            room / fu * fu
        }
    };
    let g = columns(layer, array, fu);
    // Filters per piece, and how many of them claim room while rows are added.
    let (at_once, held, e) = match schedule {
        Schedule::ZiXYZo => (filters, 0, layer.e),
        Schedule::XZiYZo => (filters, 0, layer.e),
        Schedule::XYZiZo => (filters, fu, layer.e.min(psums / (g * fu))),
        Schedule::XYZoZi => {
            let e = layer.e.min(psums / (g * fu));
            (whole_sets(psums / (g * e)), fu, e)
        }
        Schedule::XZoYZi => {
            let at_once = if g * filters <= psums {
                filters
            } else {
                whole_sets(psums / g)
            };
            (at_once, at_once, layer.e.min(psums / (g * at_once)))
        }
    };
    let times = filters / at_once;
    let mut add = |copies: i64, g: i64, e: i64| {
        cover.pieces.push(Piece {
            copies: copies * times,
            g,
            e,
            f: at_once,
            fu,
        })
    };
    match schedule {
        Schedule::ZiXYZo => add(1, layer.g, layer.e),
        Schedule::XZiYZo => {
            add(layer.g / g, g, layer.e);
            add(1, layer.g % g, layer.e);
        }
        _ if g < layer.g => {
            add(layer.g / g * layer.e, g, 1);
            let strip = layer.g % g;
            if strip > 0 {
                let rows = layer.e.min(psums / (strip * held));
                add(layer.e / rows, strip, rows);
                add(1, strip, layer.e % rows);
            }
        }
        _ => {
            add(layer.e / e, layer.g, e);
            add(1, layer.g, layer.e % e);
        }
    }
    at_once
}
