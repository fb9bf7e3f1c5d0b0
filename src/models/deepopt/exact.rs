//! The orders of the four loops as loops in time and space that the engine counts, beside the simulation of blocks.
//!
//! `XYZiZo` of a layer whose partial sums fit for two rows at a time is
//!
//! ```text
//! P by 2 | K by 64, C by 10, P by 1, R by 1 | C, S and K over the array | Q by 1
//! ```
//!
//! Pieces whose partial sums fit stand outside, and a sum stays in its memory inside the loops around that over channels. The memories of filters and inputs
//! are filled as far outside as their tiles fit, so that each holds one tile or does not; a simulated memory keeps the blocks
//! that were used last. Under an innermost loop that leaves the filters where they are, rows of taps follow one another outside
//! of it.

use super::layer::{Layer, Machine};
use super::price::Priced;
use super::schedule::Loop;
use super::simulate::{Order, Stationary, piece};
use super::subject::Ranks;
use crate::engine::{self, Counts, TimingRule};
use crate::ir::{self, Axis, LoopKind, Mapping, Move, Origin, RankId, Role, Schedule};
use crate::legality;
use crate::models::Problem;
use std::sync::Arc;

/// The ranks that the loops of an order move along.
#[derive(Clone, Copy)]
struct Axes {
    rows: RankId,
    columns: RankId,
    taps: [RankId; 2],
    channels: Option<RankId>,
    filters: Option<RankId>,
    groups: Option<RankId>,
}

/// A layer that the engine counts under any order.
pub(super) struct Engine<'a> {
    problem: Arc<ir::Problem>,
    layer: &'a Layer,
    machine: &'a Machine,
    axes: Axes,
    priced: &'a Priced,
}

/// A schedule that grows from the outside in.
struct Nest {
    loops: Vec<ir::Loop>,
    /// Extents of what the loops so far leave.
    left: Vec<u64>,
    /// Loops outside of that over channels: inside of them a sum grows until it is finished.
    sums: usize,
}

impl Nest {
    fn push(&mut self, rank: RankId, size: i64, kind: LoopKind) {
        let size = size.unsigned_abs().max(1);
        let Some(left) = self.left.get_mut(rank.index()).filter(|left| **left > size) else {
            return;
        };
        *left = size;
        let step = Move {
            axis: Axis::Rank(rank),
            size,
            offset: size,
            origin: Origin::NONE,
        };
        self.loops.push(ir::Loop {
            moves: std::iter::once(step).collect(),
            kind,
            level: 0,
            origin: Origin::NONE,
        });
    }

    fn time(&mut self, rank: RankId, size: i64) {
        self.push(rank, size, LoopKind::Temporal);
    }

    fn space(&mut self, rank: RankId) {
        let instances = self.left.get(rank.index()).copied().unwrap_or(1);
        self.push(
            rank,
            1,
            LoopKind::Spatial {
                array: 0,
                instances,
            },
        );
    }
}

impl<'a> Engine<'a> {
    /// `None` where a loop of an order would move along several ranks.
    pub fn new(
        problem: Problem<'_>,
        layer: &'a Layer,
        machine: &'a Machine,
        priced: &'a Priced,
    ) -> Option<Engine<'a>> {
        let ranks = Ranks::of(problem.operation).ok()?;
        let [rows, columns] = problem.operation.windows.as_slice() else {
            return None;
        };
        let one = |ranks: &[RankId]| match ranks {
            [] => Some(None),
            [one] => Some(Some(*one)),
            _ => None,
        };
        Some(Engine {
            axes: Axes {
                rows: rows.output,
                columns: columns.output,
                taps: [rows.kernel, columns.kernel],
                channels: one(&ranks.channels.along)?,
                filters: one(&ranks.filters.along)?,
                groups: one(&ranks.groups.along)?,
            },
            problem: Arc::new(ir::Problem {
                operation: problem.operation.clone(),
                architecture: problem.architecture.clone(),
            }),
            layer,
            machine,
            priced,
        })
    }

    /// Energy of the memories of one run under an order, in pJ; `None` where a memory cannot hold what the order works on, or
    /// the engine does not count it.
    pub fn energy(&self, order: &Order) -> Option<f64> {
        let counts = self.counts(order)?;
        let (bits, prices) = (self.machine.bits, &self.priced.prices);
        let mut sum = 0.0;
        for boundary in counts.boundaries.iter().filter(|one| one.parent == 0) {
            sum += (boundary.down_bits + boundary.up_bits) as f64 * prices.dram_bit;
        }
        let memories = &self.priced.memories;
        for (memory, bits, price) in [
            (memories.filter, bits.filter, prices.sram_bit.filter),
            (memories.ifmap, bits.ifmap, prices.sram_bit.ifmap),
            (memories.psum, bits.psum, prices.sram_bit.psum),
        ] {
            for tensor in &counts.memories.get(memory)?.tensors {
                sum += (tensor.reads + tensor.writes) as f64 * bits as f64 * price;
            }
        }
        Some(sum / self.layer.runs as f64)
    }

    pub fn counts(&self, order: &Order) -> Option<Counts> {
        let architecture = &self.problem.architecture;
        let mapping = Mapping::of(Arc::clone(&self.problem), self.schedule(order)?);
        let memories = &self.priced.memories;
        let mut automatic = vec![memories.filter, memories.ifmap];
        automatic.retain(|&memory| {
            let known = architecture.memories.get(memory);
            known.is_some_and(|known| known.arrays_above == 0)
        });
        let (legal, _) = legality::settle(mapping, &automatic, &[]).ok()?;
        engine::count(&legal, TimingRule::Exact).ok()
    }

    fn schedule(&self, order: &Order) -> Option<Schedule> {
        let (layer, axes) = (self.layer, &self.axes);
        let whole = (layer.g, layer.e, layer.f);
        let piece = piece(self.machine, order, whole)?;
        let mut nest = Nest {
            loops: Vec::new(),
            left: self.problem.operation.ranks.clone(),
            sums: 0,
        };
        if let Some(groups) = axes.groups {
            nest.time(groups, 1);
        }
        nest.time(axes.columns, piece.0);
        nest.time(axes.rows, piece.1);
        if let Some(filters) = axes.filters {
            nest.time(filters, piece.2);
        }
        let [outer @ .., innermost] = order.loops;
        for step in outer {
            self.step(&mut nest, step);
        }
        // Rows of taps in time and columns of taps in space, or the other way round along Y.
        let [mut in_time, mut in_space] = axes.taps;
        if innermost == Loop::Y {
            (in_time, in_space) = (in_space, in_time);
        }
        match order.stationary {
            Stationary::Filter => nest.time(in_time, 1),
            Stationary::Ifmap => {
                nest.time(in_time, 1);
                self.step(&mut nest, innermost);
            }
            Stationary::Taps | Stationary::Psum | Stationary::Passing => {
                self.step(&mut nest, innermost);
                nest.time(in_time, 1);
            }
        }
        for rank in [axes.channels, Some(in_space), axes.filters] {
            nest.space(rank.unwrap_or(in_space));
        }
        let steps = nest.loops.len();
        if order.stationary == Stationary::Filter {
            self.step(&mut nest, innermost);
        }
        Some(Schedule {
            positions: self.positions(nest.sums, steps),
            steps,
            leaf: steps,
            loops: nest.loops,
        })
    }

    fn step(&self, nest: &mut Nest, step: Loop) {
        let axes = &self.axes;
        if step == Loop::Zi {
            nest.sums = nest.loops.len();
        }
        let (rank, size) = match step {
            Loop::X => (Some(axes.columns), 1),
            Loop::Y => (Some(axes.rows), 1),
            Loop::Zi => (axes.channels, self.machine.channels_at_once(self.layer)),
            Loop::Zo => (axes.filters, self.machine.k.min(self.layer.f)),
        };
        if let Some(rank) = rank {
            nest.time(rank, size);
        }
    }

    /// Sums lie after `sums` loops, registers after `steps`; the memories of filters and inputs are placed later.
    fn positions(&self, sums: usize, steps: usize) -> Vec<Vec<Option<usize>>> {
        let (operation, architecture) = (&self.problem.operation, &self.problem.architecture);
        let memories = architecture.memories.iter();
        let rows = memories.map(|memory| {
            let tensors = operation.tensors.iter();
            let place = |role: Role| match (memory.level, memory.arrays_above, role) {
                (0, ..) => 0,
                (_, 0, Role::Output) => sums,
                _ => steps,
            };
            let held = tensors.map(|tensor| {
                let holds = memory.level == 0 || memory.holds.contains(tensor.role);
                holds.then(|| place(tensor.role))
            });
            held.collect()
        });
        rows.collect()
    }
}
