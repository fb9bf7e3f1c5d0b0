//! Times and step-wise peaks: one step for every cell of the grid.

use super::analysis::{Analysis, Kind, TensorSets};
use super::clock::{Busy, Clock, Machine, Step, Work};
use super::counts::Flow;
use super::flow::{Tile, narrow};
use super::grid::{Grid, Sizes};
use super::pipeline::Matrix;
use super::term::Term;
use crate::base::limits;
use crate::engine::EngineLimit;
use crate::ir::{Memory, Overlap};

impl Analysis {
    /// Times and step-wise peaks, cell by cell.
    pub(super) fn walk<E: From<EngineLimit>>(
        &self,
        flow: &mut Flow,
        memories: &[Memory],
        borders: bool,
        time: &mut impl FnMut(usize, &Tile<'_>) -> Result<Work, E>,
    ) -> Result<(), E> {
        let loops = self.trips.len();
        let tiles = self.stages.iter().map(|stage| &stage.tile[..]);
        let crossing = self.tensors.iter().flat_map(lists);
        let read = (0..self.stages.len())
            .filter(|_| borders)
            .flat_map(|stage| self.reads(stage));
        let terms = tiles.chain(crossing).flatten().chain(read);
        let grid = Grid::new(&self.trips, loops, terms.flat_map(Term::factors))?;
        grid.bound(self.stages.len() + self.tensors.len())?;
        let machine = Machine::new(memories, self.tensors.iter().map(|sets| sets.memory));
        let mut walk = Walk {
            analysis: self,
            tiles: self
                .stages
                .iter()
                .map(|stage| Sizes::new(&stage.tile, &grid, loops))
                .collect(),
            moves: self
                .tensors
                .iter()
                .map(|sets| Moves::new(sets, &grid, loops))
                .collect(),
            grid: &grid,
            flow,
            machine: &machine,
            step: vec![0; loops],
            cell: vec![0; loops],
            now: Step {
                stages: vec![0; self.stages.len()],
                ..Step::default()
            },
        };
        let mut run = Run::new(&walk, true);
        walk.nest(0, 1, &mut run, time)?;
        drop(walk);
        let pipelined = run.free.finish();
        let finished = match run.clock {
            Some(clock) => Some(clock.finish().ok_or(EngineLimit::Overflow)?),
            None => None,
        };
        flow.pipelined = pipelined;
        flow.steps = flow.stages.last().map_or(0, |head| head.active);
        flow.sequential = flow
            .stages
            .iter()
            .try_fold(0u64, |sum, stage| sum.checked_add(stage.cycles))
            .ok_or(EngineLimit::Overflow)?;
        if pipelined == u64::MAX {
            return Err(EngineLimit::Overflow.into());
        }
        let free = match self.overlap {
            Overlap::Sequence => flow.sequential,
            Overlap::Pipeline => pipelined,
        };
        (flow.cycles, flow.busy) = finished.unwrap_or((free, Busy::new()));
        Ok(())
    }
}

/// All lists of a tensor of which the sizes are looked up by step.
fn lists(sets: &TensorSets) -> impl Iterator<Item = &[Term]> {
    let result = (sets.kind == Kind::Result).then_some(&sets.required[..]);
    [
        &sets.missing[..],
        sets.computed(),
        &sets.written[..],
        &sets.new[..],
        &sets.leaving[..],
        &sets.last[..],
    ]
    .into_iter()
    .chain(result)
}

/// What of a tensor moves in a step.
struct Moves<'a> {
    sets: &'a TensorSets,
    missing: Sizes<'a>,
    /// Of what is missing, what does not come from the backing store.
    made: Sizes<'a>,
    /// What goes there: what is written, or what of the result leaves.
    out: Sizes<'a>,
    /// Of the result: what is touched, and of that the last time.
    touched: Sizes<'a>,
    last: Sizes<'a>,
}

/// Bits that cross to and from the backing store in a step, and how often a sum is read to be added to.
#[derive(Default)]
struct Moved {
    down: u128,
    up: u128,
    again: u128,
    incomplete: bool,
}

impl<'a> Moves<'a> {
    fn new(sets: &'a TensorSets, grid: &Grid, loops: usize) -> Moves<'a> {
        let none: &[Term] = &[];
        let (made, out, touched, last) = match sets.kind {
            Kind::Outer => (none, none, none, none),
            Kind::Inner => (sets.computed(), &sets.written[..], none, none),
            Kind::Result => (
                &sets.new[..],
                &sets.leaving[..],
                &sets.required[..],
                &sets.last[..],
            ),
        };
        let sizes = |terms: &'a [Term]| Sizes::new(terms, grid, loops);
        Moves {
            sets,
            missing: sizes(&sets.missing),
            made: sizes(made),
            out: sizes(out),
            touched: sizes(touched),
            last: sizes(last),
        }
    }

    fn at(&self, cell: &[usize], step: &[u64]) -> Moved {
        let size = |sizes: &Sizes<'_>| sizes.at(cell, step);
        let (bits, partial) = (
            u128::from(self.sets.bits),
            u128::from(self.sets.partial_bits),
        );
        let back = size(&self.missing).saturating_sub(size(&self.made));
        let out = size(&self.out);
        if self.sets.kind != Kind::Result {
            return Moved {
                down: back.saturating_mul(bits),
                up: out.saturating_mul(bits),
                ..Moved::default()
            };
        }
        // Only the result has sums that are not complete; what is final leaves.
        let (touched, last) = (size(&self.touched), size(&self.last));
        let unfinished = out.saturating_sub(last).saturating_mul(partial);
        Moved {
            down: back.saturating_mul(partial),
            up: out
                .min(last)
                .saturating_mul(bits)
                .saturating_add(unfinished),
            again: touched
                .saturating_sub(size(&self.made))
                .saturating_mul(partial),
            incomplete: last < touched,
        }
    }
}

/// What has been done so far: the pipeline with free transfers, and the clock where they are not.
struct Run<'a> {
    free: Matrix,
    clock: Option<Clock<'a>>,
}

impl<'a> Run<'a> {
    fn new(walk: &Walk<'a>, start: bool) -> Run<'a> {
        let stages = walk.now.stages.len();
        Run {
            free: if start {
                Matrix::start(stages)
            } else {
                Matrix::identity(stages)
            },
            clock: (walk.machine.len() > 0)
                .then(|| Clock::new(walk.machine, walk.analysis.overlap, stages, start)),
        }
    }
}

struct Walk<'a> {
    analysis: &'a Analysis,
    grid: &'a Grid,
    /// By stage.
    tiles: Vec<Sizes<'a>>,
    /// By tensor.
    moves: Vec<Moves<'a>>,
    flow: &'a mut Flow,
    /// The first step of the cell, and its runs.
    step: Vec<u64>,
    cell: Vec<usize>,
    machine: &'a Machine<'a>,
    /// What the step does.
    now: Step,
}

impl<'a> Walk<'a> {
    /// Adds the steps of the loops from `axis` on to `run`; `steps` is how often they are run.
    fn nest<E: From<EngineLimit>>(
        &mut self,
        axis: usize,
        steps: u64,
        run: &mut Run<'a>,
        time: &mut impl FnMut(usize, &Tile<'_>) -> Result<Work, E>,
    ) -> Result<(), E> {
        let loops = self.step.len();
        if axis >= loops {
            return self.add(steps, 1, run, time);
        }
        let grid = self.grid;
        for (at, trips) in grid.runs(axis).iter().enumerate() {
            if let (Some(trip), Some(cell)) = (self.step.get_mut(axis), self.cell.get_mut(axis)) {
                *trip = trips.first;
                *cell = at;
            }
            let times = steps
                .checked_mul(trips.count)
                .ok_or(E::from(EngineLimit::Overflow))?;
            if axis + 1 == loops {
                self.add(times, trips.count, run, time)?;
            } else if trips.count == 1 {
                self.nest(axis + 1, times, run, time)?;
            } else {
                let mut once = Run::new(self, false);
                self.nest(axis + 1, times, &mut once, time)?;
                run.free.then(&once.free.power(trips.count));
                if let (Some(clock), Some(once)) = (&mut run.clock, once.clock) {
                    let passed = clock.then(once, trips.count);
                    passed.ok_or(E::from(EngineLimit::Overflow))?;
                }
            }
        }
        Ok(())
    }

    /// `count` steps like this one, which stands for `steps`.
    fn add<E: From<EngineLimit>>(
        &mut self,
        steps: u64,
        count: u64,
        run: &mut Run<'a>,
        time: &mut impl FnMut(usize, &Tile<'_>) -> Result<Work, E>,
    ) -> Result<(), E> {
        let exists = self.cell(steps, time)?;
        if exists {
            run.free.steps(&self.now.stages, count);
            if let Some(clock) = &mut run.clock {
                let passed = clock.steps(&self.now, count);
                passed.ok_or(E::from(EngineLimit::Overflow))?;
            }
        }
        Ok(())
    }

    /// One step that stands for `steps`; whether there is anything to do.
    fn cell<E: From<EngineLimit>>(
        &mut self,
        steps: u64,
        time: &mut impl FnMut(usize, &Tile<'_>) -> Result<Work, E>,
    ) -> Result<bool, E> {
        let sizes = 1 + self.moves.len() as u64;
        limits::spend(sizes).map_err(|spent| E::from(spent.into()))?;
        let memories = self.machine.len();
        self.now.down.clear();
        self.now.down.resize(memories, 0);
        self.now.up.clear();
        self.now.up.resize(memories, 0);
        self.now.busy.clear();
        self.now.busy.resize(memories, [0; 2]);
        let (mut all, mut incomplete) = (0u128, false);
        for moves in &self.moves {
            let moved = moves.at(&self.cell, &self.step);
            let memory = moves.sets.memory;
            all = all.saturating_add(moved.down).saturating_add(moved.up);
            incomplete |= moved.incomplete;
            for (sums, bits) in [
                (&mut self.now.down, moved.down),
                (&mut self.now.up, moved.up),
            ] {
                if let Some(sum) = sums.get_mut(memory) {
                    *sum = sum.saturating_add(bits);
                }
            }
            if moved.again > 0 {
                let read = self.machine.read(memory, moved.again);
                let added = read.and_then(|read| self.now.keep_busy(memory, read));
                added.ok_or(E::from(EngineLimit::Overflow))?;
            }
        }
        self.flow.peak_bits = self.flow.peak_bits.max(all);
        let mut exists = false;
        for (stage, sets) in self.analysis.stages.iter().enumerate() {
            let operations = match self.tiles.get(stage) {
                Some(sizes) => narrow(sizes.at(&self.cell, &self.step))?,
                None => 0,
            };
            exists |= operations > 0;
            let work = if operations == 0 {
                Work::default()
            } else {
                let tile = Tile {
                    terms: &sets.tile,
                    step: &self.step,
                    dims: sets.tile.first().map_or(0, |term| term.dims.len()),
                    operations,
                    incomplete: incomplete && stage + 1 == self.analysis.stages.len(),
                };
                time(stage, &tile)?
            };
            if let Some(known) = self.now.stages.get_mut(stage) {
                *known = work.cycles;
            }
            let busy = work.busy.iter().enumerate();
            busy.take(memories)
                .try_for_each(|(memory, &busy)| self.now.keep_busy(memory, busy))
                .ok_or(E::from(EngineLimit::Overflow))?;
            if let Some(counts) = self.flow.stages.get_mut(stage) {
                let sum = work
                    .cycles
                    .checked_mul(steps)
                    .and_then(|all| counts.cycles.checked_add(all))
                    .ok_or(E::from(EngineLimit::Overflow))?;
                counts.cycles = sum;
                if operations > 0 {
                    counts.active = counts.active.saturating_add(steps);
                }
            }
        }
        Ok(exists)
    }
}
