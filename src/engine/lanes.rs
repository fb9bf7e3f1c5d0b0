//! The classes of a group, laid out for the engine's inner loop.
//!
//! Time needs, for every combination of classes, the product over groups of a few sizes per tensor. They
//! lie in one row per class, all sites after one another, so that a step is a product of rows. Counts need
//! only sums over classes; they are made here once.

use super::classes::GroupClasses;
use super::crossing::{StepSizes, Transition};
use super::flows::{Flows, Site, Slot};

/// Sums of one tensor's sizes over steps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub tile_sum: u128,
    pub reused_sum: u128,
    pub needed: u128,
    pub needed_reused: u128,
    pub prev_held: u128,
    pub retained: u128,
    pub done_held: u128,
    pub done_retained: u128,
    pub own_done: u128,
    pub own_retained: u128,
}

impl Sum {
    /// Adds one step that happens `times` times; in `done` of them the step before was the last for its
    /// sums.
    pub fn add(&mut self, sizes: &StepSizes, times: u128, done: u128) {
        self.tile_sum += u128::from(sizes.tile_sum) * times;
        self.reused_sum += u128::from(sizes.reused_sum) * times;
        self.needed += u128::from(sizes.needed) * times;
        self.needed_reused += u128::from(sizes.needed_reused) * times;
        self.prev_held += u128::from(sizes.prev_held) * times;
        self.retained += u128::from(sizes.retained) * times;
        self.done_held += u128::from(sizes.done_held) * done;
        self.done_retained += u128::from(sizes.done_retained) * done;
        self.own_done += u128::from(sizes.own_done) * done;
        self.own_retained += u128::from(sizes.own_retained) * done;
    }

    /// Over the steps of two groups; `None` past `u128`. Operands need no more than the first four.
    #[inline]
    pub fn times(&self, other: &Sum, is_result: bool) -> Option<Sum> {
        // The other fields are at most one of these.
        let most =
            |sum: &Sum| (sum.tile_sum | sum.needed | sum.prev_held | sum.own_done).leading_zeros();
        if most(self) + most(other) < 128 {
            return None;
        }
        let mut product = Sum {
            tile_sum: self.tile_sum.wrapping_mul(other.tile_sum),
            reused_sum: self.reused_sum.wrapping_mul(other.reused_sum),
            needed: self.needed.wrapping_mul(other.needed),
            needed_reused: self.needed_reused.wrapping_mul(other.needed_reused),
            ..Sum::default()
        };
        if is_result {
            product.prev_held = self.prev_held.wrapping_mul(other.prev_held);
            product.retained = self.retained.wrapping_mul(other.retained);
            product.done_held = self.done_held.wrapping_mul(other.done_held);
            product.done_retained = self.done_retained.wrapping_mul(other.done_retained);
            product.own_done = self.own_done.wrapping_mul(other.own_done);
            product.own_retained = self.own_retained.wrapping_mul(other.own_retained);
        }
        Some(product)
    }
}

/// How many columns a slot has in a row, and which: see [`append`].
pub(super) fn width(site: &Site, slot: &Slot, wide: bool) -> usize {
    if site.lanes {
        return if !slot.is_result {
            1
        } else {
            2 + 2 * usize::from(wide)
        };
    }
    if !slot.is_result {
        return 2;
    }
    let base = slot.is_base(site.depth);
    5 + 2 * usize::from(base && slot.separate)
        + 2 * usize::from(wide)
        + 2 * usize::from(wide && base)
}

/// Appends the columns of one slot; `last`: the step before (for the lanes: this one) was the last for its
/// sums.
pub(super) fn append(
    site: &Site,
    slot: &Slot,
    wide: bool,
    sizes: &StepSizes,
    last: bool,
    row: &mut Vec<u64>,
) {
    let done = |size: u64| if last { size } else { 0 };
    if site.lanes {
        row.push(sizes.needed);
        if slot.is_result {
            row.push(sizes.first_touch);
            if wide {
                row.extend([done(sizes.done_held), done(sizes.all_done)]);
            }
        }
        return;
    }
    row.extend([sizes.needed, sizes.needed_reused]);
    if slot.is_result {
        row.extend([sizes.first_touch, sizes.prev_held, sizes.retained]);
        let base = slot.is_base(site.depth);
        if base && slot.separate {
            row.extend([sizes.all_held, sizes.all_retained]);
        }
        if wide {
            row.extend([done(sizes.done_held), done(sizes.done_retained)]);
            if base {
                row.extend([done(sizes.all_done), done(sizes.all_done_retained)]);
            }
        }
    }
}

impl GroupClasses {
    /// Lays out what the engine's inner loop reads, and adds up what the counts need.
    pub(super) fn line_up(&mut self, flows: &Flows) {
        let simple = self.table.is_simple();
        let slots = flows.slots;
        let depth = self.depth();
        let mut node_sums = vec![Sum::default(); (depth + 1) * slots];
        let mut edge_sums = vec![Sum::default(); depth * slots];
        let (mut node_lanes, mut edge_lanes) = (Vec::new(), Vec::new());
        let sum = |transition: Transition, times: (u64, u64), site: usize, sums: &mut [Sum]| {
            for variant in self.table.variants(transition) {
                let count = u128::from(variant.count);
                for slot in 0..flows.sites[site].slots.len() {
                    sums[flows.slot_starts[site] + slot].add(
                        self.table.sizes(variant, slot),
                        count * u128::from(times.0),
                        count * u128::from(times.1),
                    );
                }
            }
        };
        let line = |transition: Transition, last: bool, number: usize, row: &mut Vec<u64>| {
            let width = flows.column_starts[number + 1] - flows.column_starts[number];
            if !simple || width == 0 {
                return;
            }
            let site = &flows.sites[number];
            match self.table.variants(transition).first() {
                None => row.resize(row.len() + width, 0),
                Some(variant) => {
                    for (slot, at) in site.slots.iter().enumerate() {
                        let sizes = self.table.sizes(variant, slot);
                        append(site, at, flows.wide, sizes, last, row);
                    }
                }
            }
        };
        for at in 0..=depth {
            for node in self.nodes_at(at) {
                let leaf = self.first_at(node, depth - at);
                for number in 0..flows.sites.len() {
                    let of = if number >= flows.lanes { leaf } else { node };
                    let transition = self.wraps[of * self.sites + number];
                    let class = &self.nodes[of];
                    line(transition, class.last_count > 0, number, &mut node_lanes);
                    if number < flows.lanes || at == depth {
                        let times = (class.count, class.last_count);
                        sum(transition, times, number, &mut node_sums[at * slots..]);
                    }
                }
            }
        }
        for at in 0..depth {
            for edge in self.edges_at(at) {
                let class = &self.edges[edge];
                let leaf = self.first_at(class.child as usize, depth - at - 1);
                for number in 0..flows.sites.len() {
                    if number >= flows.lanes {
                        let last = self.nodes[leaf].last_count > 0;
                        line(
                            self.wraps[leaf * self.sites + number],
                            last,
                            number,
                            &mut edge_lanes,
                        );
                        continue;
                    }
                    let transition = self.advances[edge * self.sites + number];
                    line(transition, class.last_count > 0, number, &mut edge_lanes);
                    let count = self.nodes[class.parent as usize].count * class.count;
                    let times = (count, class.last_count);
                    sum(transition, times, number, &mut edge_sums[at * slots..]);
                }
            }
        }
        (self.node_sums, self.edge_sums) = (node_sums, edge_sums);
        (self.node_lanes, self.edge_lanes) = (node_lanes, edge_lanes);
    }
}
