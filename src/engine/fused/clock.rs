//! The clock of a group: its transfers and its stages on the ports of the memories (`semantics.md` 4.2).
//!
//! Problem: two layers of 64x64 in one step move 8,256 bytes in and 64 out, and compute for 1,024 cycles. In a memory
//! that does not overlap that is one after the other, 9,344 cycles; where it does, the longer of both but for the first
//! step; and a port that serves transfers and stages alike gives its bandwidth once.
//!
//! What arrives from the backing store for a step, and what the step before has left to go there, are the transfers of
//! the step, at one position per level of the memories that keep the tensors. A transfer takes the port of the backing
//! store and the port of the memory. From the inside out, with the stages innermost,
//!
//! ```text
//! own    = max over the transfers at this position
//! serial = own of those into or out of memories that do not overlap
//! region = max( serial + inside, own, max over ports of their busy time here and inside )
//! ```
//!
//! The first step pays `own` of every position and then its inside; after the last one what is left goes out.
//!
//! In a `sequence` the inside is the sum of the stages' times. In a `pipeline` the transfers are stages as well, arrivals
//! before and departures behind the others; those of memories that do not overlap stop all stages; and no port is busy for
//! longer than the run.

use super::pipeline::Matrix;
use crate::ir::{Memory, Overlap, Ports};

/// Busy cycles by memory: of the port for reads or for both, and of the port for writes.
pub type Busy = Vec<[u64; 2]>;

/// What a stage does with one tile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    pub cycles: u64,
    /// Part of `cycles`; by memory, those left out are not busy.
    pub busy: Busy,
}

impl Work {
    /// This and then that; `None` past `u64`.
    #[must_use]
    pub fn and(mut self, next: &Work) -> Option<Work> {
        self.cycles = self.cycles.checked_add(next.cycles)?;
        add(&mut self.busy, &next.busy, 1)?;
        Some(self)
    }
}

/// How long the ports of a memory are busy with so many bits; `None` past `u64`.
pub(super) fn busy(ports: Ports, read: u128, written: u128) -> Option<[u64; 2]> {
    match ports {
        Ports::One(rate) => Some([rate.cycles_for(read.checked_add(written)?)?, 0]),
        Ports::Two { read: r, write: w } => Some([
            r.map_or(Some(0), |rate| rate.cycles_for(read))?,
            w.map_or(Some(0), |rate| rate.cycles_for(written))?,
        ]),
    }
}

/// Adds busy times.
pub(super) fn add(into: &mut Busy, more: &[[u64; 2]], times: u64) -> Option<()> {
    if into.len() < more.len() {
        into.resize(more.len(), [0; 2]);
    }
    for (into, more) in into.iter_mut().zip(more) {
        for (into, &more) in into.iter_mut().zip(more) {
            *into = into.checked_add(more.checked_mul(times)?)?;
        }
    }
    Some(())
}

fn longest(busy: &[[u64; 2]]) -> u64 {
    busy.iter().flatten().copied().max().unwrap_or(0)
}

/// What one step does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Bits that arrive for it, by memory.
    pub down: Vec<u128>,
    /// Bits that it leaves to go out.
    pub up: Vec<u128>,
    /// Cycles of its stages.
    pub stages: Vec<u64>,
    /// Busy times of its stages, all together.
    pub busy: Busy,
}

impl Step {
    /// Ports of a memory are busy for so much longer.
    pub(super) fn keep_busy(&mut self, memory: usize, more: [u64; 2]) -> Option<()> {
        if let Some(known) = self.busy.get_mut(memory) {
            for (known, more) in known.iter_mut().zip(more) {
                *known = known.checked_add(more)?;
            }
        }
        Some(())
    }
}

/// The transfers at one position.
#[derive(Default)]
struct Transfers {
    own: u64,
    serial: u64,
    busy: Busy,
}

/// Memories of a group, by position.
#[derive(Debug)]
pub(super) struct Machine<'a> {
    /// From the outside in; empty: everything is free.
    memories: &'a [Memory],
    /// Of the memories that keep tensors, the innermost first.
    levels: Vec<usize>,
}

impl<'a> Machine<'a> {
    /// `kept`: the memories of the tensors.
    pub(super) fn new(memories: &'a [Memory], kept: impl Iterator<Item = usize>) -> Machine<'a> {
        let level = |memory: usize| Some(memories.get(memory)?.level);
        let mut levels: Vec<usize> = kept.filter(|&at| at > 0).filter_map(level).collect();
        levels.sort_unstable();
        levels.dedup();
        levels.reverse();
        Machine { memories, levels }
    }

    /// How long the ports of a memory are busy with bits that are only read.
    pub(super) fn read(&self, memory: usize, bits: u128) -> Option<[u64; 2]> {
        match self.memories.get(memory) {
            Some(memory) => busy(memory.ports, bits, 0),
            None => Some([0; 2]),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.memories.len()
    }

    fn at(&self, level: usize, down: &[u128], up: &[u128]) -> Option<Transfers> {
        let mut all = Transfers {
            busy: vec![[0; 2]; self.memories.len()],
            ..Transfers::default()
        };
        let bits = |of: &[u128], memory: usize| of.get(memory).copied().unwrap_or(0);
        let here = || {
            let memories = self.memories.iter().enumerate().skip(1);
            memories.filter(move |(_, memory)| memory.level == level)
        };
        let sum = |of: &[u128]| here().map(|(memory, _)| bits(of, memory)).sum::<u128>();
        let outside = busy(self.memories.first()?.ports, sum(down), sum(up))?;
        *all.busy.first_mut()? = outside;
        // Of one port both directions are its only time.
        let port = |busy: [u64; 2], ports: Ports, write: bool| match ports {
            Ports::One(_) => busy[0],
            Ports::Two { .. } => busy[usize::from(write)],
        };
        for (at, memory) in here() {
            let (down, up) = (bits(down, at), bits(up, at));
            let inside = busy(memory.ports, up, down)?;
            *all.busy.get_mut(at)? = inside;
            for (bits, arrives) in [(down, true), (up, false)] {
                if bits == 0 {
                    continue;
                }
                let time = port(outside, self.memories.first()?.ports, !arrives).max(port(
                    inside,
                    memory.ports,
                    arrives,
                ));
                all.own = all.own.max(time);
                if !memory.overlaps() {
                    all.serial = all.serial.max(time);
                }
            }
        }
        Some(all)
    }

    /// The region of a step: cycles, and busy times.
    fn region(&self, before: &[u128], step: &Step) -> Option<(u64, Busy)> {
        let mut cycles = step
            .stages
            .iter()
            .try_fold(0u64, |a, &b| a.checked_add(b))?;
        let mut busy = step.busy.clone();
        for &level in &self.levels {
            let transfers = self.at(level, &step.down, before)?;
            add(&mut busy, &transfers.busy, 1)?;
            cycles = transfers
                .serial
                .checked_add(cycles)?
                .max(transfers.own)
                .max(longest(&busy));
        }
        Some((cycles, busy))
    }

    /// Of arrivals or departures alone, at all positions one after the other.
    fn alone(&self, down: &[u128], up: &[u128]) -> Option<(u64, Busy)> {
        let mut sum = (0u64, Busy::new());
        for &level in &self.levels {
            let transfers = self.at(level, down, up)?;
            sum.0 = sum.0.checked_add(transfers.own)?;
            add(&mut sum.1, &transfers.busy, 1)?;
        }
        Some(sum)
    }
}

/// Consecutive steps of a sequence: all but how the first one overlaps with what comes before.
#[derive(Clone, Debug)]
struct Run {
    first: Step,
    /// What the last step leaves to go out.
    last: Vec<u128>,
    /// Of all steps but the first.
    cycles: u64,
    busy: Busy,
}

impl Run {
    fn then(&mut self, next: &Run, machine: &Machine<'_>) -> Option<()> {
        let (cycles, busy) = machine.region(&self.last, &next.first)?;
        self.cycles = self.cycles.checked_add(cycles)?.checked_add(next.cycles)?;
        add(&mut self.busy, &busy, 1)?;
        add(&mut self.busy, &next.busy, 1)?;
        self.last.clone_from(&next.last);
        Some(())
    }

    fn power(&mut self, count: u64, machine: &Machine<'_>) -> Option<()> {
        let again = count.saturating_sub(1);
        let (cycles, busy) = machine.region(&self.last, &self.first)?;
        let each = cycles.checked_add(self.cycles)?;
        self.cycles = self.cycles.checked_add(each.checked_mul(again)?)?;
        let own = self.busy.clone();
        add(&mut self.busy, &own, again)?;
        add(&mut self.busy, &busy, again)
    }
}

/// Steps in order, however many.
#[derive(Clone, Debug)]
pub(super) struct Clock<'a> {
    machine: &'a Machine<'a>,
    overlap: Overlap,
    run: Option<Run>,
    /// Of a pipeline: its stages, arrivals and departures among them; what stops them all; busy times.
    finish: Matrix,
    stops: u64,
    busy: Busy,
}

impl<'a> Clock<'a> {
    /// Before the first step; `start`: of the run, not of a part of it.
    pub(super) fn new(
        machine: &'a Machine<'a>,
        overlap: Overlap,
        stages: usize,
        start: bool,
    ) -> Clock<'a> {
        let all = stages + 2 * machine.levels.len();
        Clock {
            machine,
            overlap,
            run: None,
            finish: if start {
                Matrix::start(all)
            } else {
                Matrix::identity(all)
            },
            stops: 0,
            busy: Busy::new(),
        }
    }

    /// `count` more steps that do the same.
    pub(super) fn steps(&mut self, step: &Step, count: u64) -> Option<()> {
        match self.overlap {
            Overlap::Sequence => {
                let mut run = Run {
                    first: step.clone(),
                    last: step.up.clone(),
                    cycles: 0,
                    busy: Busy::new(),
                };
                if count > 1 {
                    run.power(count, self.machine)?;
                }
                self.join(run)
            }
            Overlap::Pipeline => {
                let machine = self.machine;
                let levels = &machine.levels;
                let mut times = Vec::with_capacity(step.stages.len() + 2 * levels.len());
                let mut stops = 0u64;
                let mut busy = step.busy.clone();
                let none: &[u128] = &[];
                let mut transfer = |level: usize, down: &[u128], up: &[u128]| {
                    let transfers = machine.at(level, down, up)?;
                    stops = stops.checked_add(transfers.serial)?;
                    add(&mut busy, &transfers.busy, 1)?;
                    Some(transfers.own - transfers.serial)
                };
                for &level in levels.iter().rev() {
                    times.push(transfer(level, &step.down, none)?);
                }
                times.extend(&step.stages);
                for &level in levels {
                    times.push(transfer(level, none, &step.up)?);
                }
                self.finish.steps(&times, count);
                self.stops = self.stops.checked_add(stops.checked_mul(count)?)?;
                add(&mut self.busy, &busy, count)
            }
        }
    }

    fn join(&mut self, next: Run) -> Option<()> {
        match &mut self.run {
            Some(run) => run.then(&next, self.machine),
            none => {
                *none = Some(next);
                Some(())
            }
        }
    }

    /// `count` times what `part`, which did not begin as the start of the run, has done.
    pub(super) fn then(&mut self, part: Clock<'a>, count: u64) -> Option<()> {
        if let Some(mut run) = part.run {
            run.power(count, self.machine)?;
            self.join(run)?;
        }
        if self.overlap == Overlap::Pipeline {
            self.finish.then(&part.finish.power(count));
            self.stops = self.stops.checked_add(part.stops.checked_mul(count)?)?;
            add(&mut self.busy, &part.busy, count)?;
        }
        Some(())
    }

    /// Cycles of the run, and how long every port is busy.
    pub(super) fn finish(self) -> Option<(u64, Busy)> {
        let mut all = vec![[0; 2]; self.machine.len()];
        let cycles = match self.overlap {
            Overlap::Pipeline => {
                add(&mut all, &self.busy, 1)?;
                let finish = self.finish.finish();
                let finish = (finish < u64::MAX).then_some(finish)?;
                self.stops.checked_add(finish)?.max(longest(&all))
            }
            Overlap::Sequence => {
                let Some(run) = self.run else {
                    return Some((0, all));
                };
                let none: &[u128] = &[];
                let (arrive, before) = self.machine.alone(&run.first.down, none)?;
                let (leave, after) = self.machine.alone(none, &run.last)?;
                for busy in [&before, &run.first.busy, &run.busy, &after] {
                    add(&mut all, busy, 1)?;
                }
                let mut sum = run.cycles;
                let stages = run.first.stages.iter();
                for &cycles in stages.chain([&arrive, &leave]) {
                    sum = sum.checked_add(cycles)?;
                }
                // The sums that the first step adds to keep a port busy beside its stages.
                sum.max(longest(&all))
            }
        };
        Some((cycles, all))
    }
}
