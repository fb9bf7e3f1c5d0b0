//! Cycles that the array waits for DRAM, of one piece.
//!
//! A block is one row of results for one set of channels and filters; it computes for `n` = `R G` cycles. What the block needs is read meanwhile: where
//! that takes longer the array waits (`stall`), where it is shorter DRAM is idle (`slack`), and slack of an inner loop may hide the reads of an outer one
//! if the memory has room for the next tile beside the present one. Each schedule builds its total from the inside out; real ratios are rounded up
//! where they become cycles.

use super::access::{Geometry, ceil};
use super::layer::PerTensor;
use super::schedule::Schedule;

/// Sizes in bits and bits per cycle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Port {
    pub bits: PerTensor<i64>,
    pub bandwidth: i64,
}

/// What the waiting of a piece depends on, besides the sizes of the filter and ifmap memories.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Loads {
    /// Cycles of a block.
    n: i64,
    /// Bits of a block's filters and input, of its input after a step down, and of all channels of its filters.
    filter: i64,
    input: i64,
    step: i64,
    filters: i64,
    /// Bits of all channels of the input row, of the plane of the channels side by side, and of the whole input.
    strip: i64,
    slice: i64,
    volume: i64,
    /// Cycles to read them.
    filter_reads: i64,
    /// Stall and slack of the first block; stall of a block that reads filters only; of one that steps down.
    first: i64,
    first_slack: i64,
    on_filter: i64,
    on_step: i64,
    /// Stall and slack of a plane for one set.
    plane: i64,
    plane_slack: i64,
    bandwidth: i64,
    words: PerTensor<i64>,
}

impl Loads {
    const fn reads(&self, bits: i64) -> i64 {
        ceil(bits, self.bandwidth)
    }

    /// Cycles that a block waits for these bits if it computes for `n`.
    fn stall(&self, bits: i64, n: i64) -> i64 {
        (self.reads(bits) - n).max(0)
    }

    /// Cycles that DRAM is idle.
    fn slack(&self, bits: i64, n: i64) -> i64 {
        (n - self.reads(bits)).max(0)
    }

    pub fn new(p: &Geometry, port: &Port) -> Self {
        let n = p.r * p.g;
        let words = port.bits;
        let filter = p.r * p.s * p.cu * p.fu * words.filter;
        let row = p.w * p.cu * words.ifmap;
        let mut loads = Self {
            n,
            filter,
            input: p.r * row,
            step: p.u * row,
            filters: p.r * p.s * p.c * p.fu * words.filter,
            strip: p.r * p.w * p.c * words.ifmap,
            slice: p.h * row,
            volume: p.volume * words.ifmap,
            bandwidth: port.bandwidth,
            words,
            ..Self::default()
        };
        loads.filter_reads = loads.reads(filter);
        loads.first = loads.stall(filter + loads.input, n);
        loads.first_slack = loads.slack(filter + loads.input, n);
        loads.on_filter = (loads.filter_reads - n).max(0);
        let step_reads = loads.reads(loads.step);
        loads.on_step = (step_reads - n).max(0);
        let steps = p.e - 1;
        loads.plane = loads.first + loads.on_step * steps;
        loads.plane_slack = loads.first_slack
            + if loads.on_step * steps == 0 {
                (n - step_reads) * steps
            } else {
                0
            };
        loads
    }
}

/// Sizes of the filter and ifmap memories, in bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub filter: i64,
    pub ifmap: i64,
}

/// Cycles of waiting; `None` where the model has no bound: `ZiXYZo` while one set of filters does not fit its memory.
pub(super) fn stall(schedule: Schedule, p: &Geometry, loads: &Loads, sizes: &Sizes) -> Option<i64> {
    match schedule {
        Schedule::XYZiZo => Some(planes_then_channels(p, loads, sizes)),
        Schedule::XZiYZo => Some(channels_then_rows(p, loads, sizes)),
        Schedule::XYZoZi => Some(planes_then_filters(p, loads, sizes)),
        Schedule::XZoYZi => Some(filters_then_rows(p, loads, sizes)),
        Schedule::ZiXYZo => channels_first(p, loads, sizes),
    }
}

/// `XYZiZo`: the plane, then channels, then filters.
fn planes_then_channels(p: &Geometry, loads: &Loads, sizes: &Sizes) -> i64 {
    let (plane, slack) = (loads.plane, loads.plane_slack);
    if slack > 0 {
        let channels = if plane <= 0 {
            return 0;
        } else if sizes.filter < 2 * loads.filter {
            ceil(plane * p.c, p.cu)
        } else if plane <= slack {
            plane
        } else {
            plane + ceil((plane - slack) * (p.c - p.cu), p.cu)
        };
        return ceil(channels * p.f, p.fu);
    }
    let channels = ceil(plane * p.c, p.cu);
    let again = if loads.volume <= sizes.ifmap {
        ceil(loads.on_filter * p.c, p.cu)
    } else {
        let held = sizes.ifmap / loads.slice;
        loads.on_filter * held + ceil(plane * (p.c - held * p.cu), p.cu)
    };
    channels + ceil(again * (p.f - p.fu), p.fu)
}

/// `XYZoZi`: the plane, then filters, then channels.
fn planes_then_filters(p: &Geometry, loads: &Loads, sizes: &Sizes) -> i64 {
    let (plane, slack, on_filter) = (loads.plane, loads.plane_slack, loads.on_filter);
    let more = p.f - p.fu;
    let filters = if slack <= 0 {
        if loads.slice <= sizes.ifmap {
            plane + ceil(on_filter * more, p.fu)
        } else {
            ceil(plane * p.f, p.fu)
        }
    } else if plane <= 0 {
        return 0;
    } else if on_filter <= 0 {
        plane
    } else if sizes.filter < 2 * loads.filter {
        plane + ceil(on_filter * more, p.fu)
    } else if on_filter <= slack {
        plane
    } else {
        plane + ceil((on_filter - slack) * more, p.fu)
    };
    ceil(filters * p.c, p.cu)
}

/// `XZiYZo`: channels, then rows, then filters.
fn channels_then_rows(p: &Geometry, loads: &Loads, sizes: &Sizes) -> i64 {
    if loads.first_slack > 0 {
        return 0;
    }
    let channels = ceil(loads.first * p.c, p.cu);
    let load = if loads.strip <= sizes.ifmap {
        loads.step
    } else {
        loads.input
    };
    let (again, slack) = if sizes.filter >= loads.filters {
        let again = ceil(loads.stall(load, loads.n) * p.c, p.cu);
        (again, loads.slack(load, loads.n) * p.c_steps * (p.e - 1))
    } else {
        let held = sizes.filter / loads.filter;
        let rest = loads.stall(load + loads.filter, loads.n) * (p.c - held * p.cu);
        (loads.stall(load, loads.n) * held + ceil(rest, p.cu), 0)
    };
    close(p, loads, sizes, channels + again * (p.e - 1), slack)
}

/// `XZoYZi`: filters, then rows, then channels.
fn filters_then_rows(p: &Geometry, loads: &Loads, sizes: &Sizes) -> i64 {
    let more = p.f - p.fu;
    let on_filters = ceil(loads.on_filter * more, p.fu);
    let first = loads.first + on_filters;
    let slack = loads.first_slack
        + if on_filters == 0 {
            (loads.n - loads.filter_reads) * ceil(more, p.fu)
        } else {
            0
        };
    let steps = p.e - 1;
    let rows = if slack <= 0 {
        let all = p.r * p.s * p.cu * p.f * loads.words.filter;
        let again = if all <= sizes.filter {
            loads.on_step
        } else {
            let held = sizes.filter / loads.filter;
            loads.on_step + ceil(loads.on_filter * (p.f - held * p.fu), p.fu)
        };
        first + again * steps
    } else if first <= 0 {
        return 0;
    } else if loads.on_step <= 0 {
        first
    } else if sizes.ifmap < loads.input + loads.step {
        first + loads.on_step * steps
    } else if loads.on_step <= slack {
        first
    } else {
        first + (loads.on_step - slack) * steps
    };
    ceil(rows * p.c, p.cu)
}

/// `ZiXYZo`: channels, then the plane, then filters.
fn channels_first(p: &Geometry, loads: &Loads, sizes: &Sizes) -> Option<i64> {
    if sizes.filter < loads.filters {
        return None;
    }
    let n = p.c_steps * p.r;
    let window = p.r * p.s * p.c * loads.words.ifmap;
    let step = p.r * p.u * p.c * loads.words.ifmap;
    let along = p.g - 1;
    let row = loads.stall(loads.filters + window, n) + loads.stall(step, n) * along;
    let row_slack = loads.slack(loads.filters + window, n) + loads.slack(step, n) * along;
    if row <= 0 {
        return Some(0);
    }
    let load = if loads.strip <= sizes.ifmap {
        step
    } else {
        window
    };
    let rest = p.g * (p.e - 1);
    let plane = row + loads.stall(load, n) * rest;
    let slack = row_slack + loads.slack(load, n) * rest;
    Some(close(p, loads, sizes, plane, slack))
}

/// The outermost loop over filters, where a set of filters covers all channels: its reads hide in the slack if there is room beside the present set.
fn close(p: &Geometry, loads: &Loads, sizes: &Sizes, stall: i64, slack: i64) -> i64 {
    if sizes.filter <= loads.filters || slack <= 0 {
        return ceil(stall * p.f, p.fu);
    }
    let hidden = slack.min(loads.reads(loads.filters.min(sizes.filter - loads.filters)));
    stall + ceil((stall - hidden).max(0) * (p.f - p.fu), p.fu)
}
