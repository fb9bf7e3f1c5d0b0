//! A fully connected layer of one image: no plane, so the general formulas do not apply, and two schedules have formulas of their own.

use super::access::ceil;
use super::layer::{Layer, Machine, PerTensor};
use super::schedule::Schedule;

/// Counts and cycles of a layer of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Single {
    pub sram: PerTensor<i64>,
    pub filter_dram: i64,
    pub ifmap_dram: i64,
    pub compute: i64,
    pub stall: i64,
    pub write: i64,
}

/// Reads for a block of so many cycles, and how long the array waits for them.
fn stall(machine: &Machine, bits: i64, cycles: i64) -> i64 {
    (ceil(bits, machine.bandwidth) - cycles).max(0)
}

/// Evaluates it; the machine was found large enough.
pub(super) fn single(layer: &Layer, machine: &Machine, schedule: Schedule) -> Single {
    let (c, cu) = (layer.c, machine.channels_at_once(layer));
    let bits = machine.bits;
    let write = ceil(layer.f * bits.ifmap, machine.bandwidth);
    if schedule.on_dense() == Schedule::XYZiZo {
        // Channels first: the sum of a filter is finished before the next filters come.
        let fu = machine.k.min(layer.f);
        let (c_steps, f_steps) = (ceil(c, cu), ceil(layer.f, fu));
        let missing = (c - machine.sram.ifmap / bits.ifmap).max(0);
        let filters = c * fu * bits.filter;
        let first = stall(machine, filters + c * bits.ifmap, c_steps);
        let again = stall(machine, filters + missing * bits.ifmap, c_steps);
        return Single {
            sram: PerTensor {
                filter: c * layer.f,
                ifmap: c * f_steps,
                psum: layer.f,
            },
            filter_dram: c * layer.f,
            ifmap_dram: c + missing * (f_steps - 1),
            compute: c_steps * f_steps,
            stall: first + ceil(again * (layer.f - fu), fu),
            write,
        };
    }
    // Filters first: the inputs stay in the array while all filters pass whose partial sums fit.
    let room = machine.sram.psum / bits.psum;
    let mut single = Single {
        sram: PerTensor::default(),
        filter_dram: 0,
        ifmap_dram: 0,
        compute: 0,
        stall: 0,
        write,
    };
    let mut filters = layer.f;
    while filters > 0 {
        let fu = machine.k.min(filters);
        let at_once = if filters <= room {
            filters
        } else {
            room / fu * fu
        };
        let times = filters / at_once;
        let (c_steps, f_steps) = (ceil(c, cu), ceil(at_once, fu));
        let load = cu * at_once * bits.filter + cu * bits.ifmap;
        single.sram.filter += times * c * at_once;
        single.sram.ifmap += times * c;
        single.sram.psum += times * at_once * (2 * c_steps - 1);
        single.filter_dram += times * c * at_once;
        single.ifmap_dram += times * c;
        single.compute += times * f_steps * c_steps;
        single.stall += times * ceil(stall(machine, load, f_steps) * c, cu);
        filters %= at_once;
    }
    single
}
