//! The classes of a group, laid out for the engine's inner loop.
//!
//! Time needs, for every combination of classes, the product over groups of a few sizes per tensor. They
//! lie in one row per class, all boundaries after one another, so that a step is a product of rows.
//! Counts need only sums over classes; they are made here once.

use super::Boundary;
use super::classes::GroupClasses;
use super::crossing::{Cross, Transition};

/// Lanes of an operand: wanted, at hand.
pub(super) const LANES: usize = 2;
/// Lanes of the result: wanted, at hand, fresh, held, staying.
pub(super) const RESULT_LANES: usize = 5;

/// Sums of one tensor's crosses over steps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub tiles: u128,
    pub kept: u128,
    pub wanted: u128,
    pub at_hand: u128,
    pub fresh: u128,
    pub held: u128,
    pub staying: u128,
}

impl Sum {
    fn add(&mut self, cross: &Cross, times: u128) {
        self.tiles += u128::from(cross.tiles) * times;
        self.kept += u128::from(cross.kept) * times;
        self.wanted += u128::from(cross.wanted) * times;
        self.at_hand += u128::from(cross.at_hand) * times;
        self.fresh += u128::from(cross.fresh) * times;
        self.held += u128::from(cross.held) * times;
        self.staying += u128::from(cross.staying) * times;
    }

    /// Of one step that happens `times` times.
    pub fn of(cross: &Cross, times: u128) -> Sum {
        let mut sum = Sum::default();
        sum.add(cross, times);
        sum
    }

    /// Over the steps of two groups; `None` past `u128`. Operands need no more than the first four.
    #[inline]
    pub fn times(&self, other: &Sum, is_result: bool) -> Option<Sum> {
        // The other fields are at most one of these.
        let most = |sum: &Sum| (sum.tiles | sum.wanted | sum.held).leading_zeros();
        if most(self) + most(other) < 128 {
            return None;
        }
        let mut product = Sum {
            tiles: self.tiles.wrapping_mul(other.tiles),
            kept: self.kept.wrapping_mul(other.kept),
            wanted: self.wanted.wrapping_mul(other.wanted),
            at_hand: self.at_hand.wrapping_mul(other.at_hand),
            ..Sum::default()
        };
        if is_result {
            product.fresh = self.fresh.wrapping_mul(other.fresh);
            product.held = self.held.wrapping_mul(other.held);
            product.staying = self.staying.wrapping_mul(other.staying);
        }
        Some(product)
    }
}

/// Appends the lanes of one tensor.
pub(super) fn lanes(cross: &Cross, is_result: bool, lanes: &mut Vec<u64>) {
    lanes.extend([cross.wanted, cross.at_hand]);
    if is_result {
        lanes.extend([cross.fresh, cross.held, cross.staying]);
    }
}

impl GroupClasses {
    /// Lays out what the engine's inner loop reads.
    pub(super) fn line_up(&mut self, result: usize, boundaries: &[Boundary]) {
        let (mut lanes_end, mut slots_end) = (0, 0);
        for boundary in boundaries {
            self.lane_starts.push(lanes_end);
            self.slot_starts.push(slots_end);
            for &tensor in &boundary.tensors {
                lanes_end += if tensor == result {
                    RESULT_LANES
                } else {
                    LANES
                };
                slots_end += 1;
            }
        }
        self.lane_starts.push(lanes_end);
        self.slot_starts.push(slots_end);
        let depth = self.loops.len();
        self.node_sums = vec![Sum::default(); (depth + 1) * slots_end];
        self.edge_sums = vec![Sum::default(); depth * slots_end];
        let line = |transition: Transition,
                    times: u64,
                    lines: &mut Vec<u64>,
                    number: usize,
                    sums: &mut [Sum]| {
            let boundary = &boundaries[number];
            let Some(variant) = self.table.variants(transition).first() else {
                lines.resize(
                    lines.len() + self.lane_starts[number + 1] - self.lane_starts[number],
                    0,
                );
                return;
            };
            let times = u128::from(times) * u128::from(variant.count);
            for (slot, &tensor) in boundary.tensors.iter().enumerate() {
                let cross = self.table.cross(variant, slot);
                lanes(cross, tensor == result, lines);
                sums[slot].add(cross, times);
            }
        };
        let (mut node_lanes, mut edge_lanes) = (Vec::new(), Vec::new());
        for at in 0..=depth {
            for node in self.nodes_at(at) {
                for number in 0..boundaries.len() {
                    let from = at * slots_end + self.slot_starts[number];
                    let transition = self.wraps[node * boundaries.len() + number];
                    let count = self.nodes[node].count;
                    line(
                        transition,
                        count,
                        &mut node_lanes,
                        number,
                        &mut self.node_sums[from..],
                    );
                }
            }
        }
        for at in 0..depth {
            for edge in self.edges_at(at) {
                for number in 0..boundaries.len() {
                    let from = at * slots_end + self.slot_starts[number];
                    let transition = self.advances[edge * boundaries.len() + number];
                    let parent = &self.nodes[self.edges[edge].parent as usize];
                    let count = parent.count * self.edges[edge].count;
                    line(
                        transition,
                        count,
                        &mut edge_lanes,
                        number,
                        &mut self.edge_sums[from..],
                    );
                }
            }
        }
        self.node_lanes = node_lanes;
        self.edge_lanes = edge_lanes;
    }
}
