//! From the sets of all steps to counts and times.

use super::analysis::{Analysis, Kind, TensorSets, largest, set_at, total, union_of, window};
use super::counts::{Flow, StageFlow, TensorFlow};
use super::grid::{Grid, Run, Sizes};
use super::live::{carried, live};
use super::pipeline::Matrix;
use super::term::Term;
use crate::engine::EngineLimit;
use crate::ir::{BoxSet, FusedGroup};
use smallvec::{SmallVec, smallvec};

/// What a stage does in one step.
pub struct Tile<'a> {
    terms: &'a [Term],
    step: &'a [u64],
    dims: usize,
    operations: u64,
}

impl Tile<'_> {
    /// How many operations; not 0.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.operations
    }

    /// Which, as boxes of the stage's ranks.
    ///
    /// # Errors
    /// [`EngineLimit::TooManyClasses`], when they cannot be written.
    pub fn boxes(&self) -> Result<BoxSet, EngineLimit> {
        set_at(self.terms, self.dims, self.step)
    }
}

/// Counts a group whose stages do `rates` operations per cycle.
///
/// # Errors
/// [`EngineLimit`], when the group is beyond what can be counted exactly.
pub fn count(group: &FusedGroup, rates: &[u64]) -> Result<Flow, EngineLimit> {
    Analysis::new(group)?.flow(&mut |stage, tile: &Tile<'_>| {
        let rate = rates.get(stage).copied().unwrap_or(1).max(1);
        Ok(tile.operations().div_ceil(rate))
    })
}

impl Analysis {
    /// All counts; `time` gives the cycles of a stage for a tile that is not empty, and is asked once for all steps
    /// that do not differ.
    ///
    /// # Errors
    /// What `time` returns, and [`EngineLimit`].
    pub fn flow<E: From<EngineLimit>>(
        &self,
        time: &mut impl FnMut(usize, &Tile<'_>) -> Result<u64, E>,
    ) -> Result<Flow, E> {
        self.flow_by(false, time)
    }

    /// As [`Analysis::flow`], where the time of a tile also depends on what of its operands is padding: steps that
    /// differ in that are asked for one by one.
    ///
    /// # Errors
    /// As [`Analysis::flow`].
    pub fn flow_by_shape<E: From<EngineLimit>>(
        &self,
        time: &mut impl FnMut(usize, &Tile<'_>) -> Result<u64, E>,
    ) -> Result<Flow, E> {
        self.flow_by(true, time)
    }

    fn flow_by<E: From<EngineLimit>>(
        &self,
        borders: bool,
        time: &mut impl FnMut(usize, &Tile<'_>) -> Result<u64, E>,
    ) -> Result<Flow, E> {
        let steps = self.steps().ok_or(EngineLimit::Overflow)?;
        let mut flow = Flow {
            steps,
            tensors: Vec::with_capacity(self.tensors.len()),
            stages: Vec::with_capacity(self.stages.len()),
            ..Flow::default()
        };
        for tensor in &self.tensors {
            flow.tensors.push(self.tensor(tensor)?);
        }
        for stage in &self.stages {
            let dims = stage.tile.first().map_or(0, |term| term.dims.len());
            let unique = narrow(union_of(&stage.tile, dims)?.count())?;
            flow.stages.push(StageFlow {
                operations: total(&stage.tile, &self.trips)?,
                unique,
                ..StageFlow::default()
            });
        }
        self.balance(&flow)?;
        self.walk(&mut flow, borders, time)?;
        Ok(flow)
    }

    /// The engine's own check: the head does every operation once, and every other stage the operations of the elements
    /// that are computed.
    fn balance(&self, flow: &Flow) -> Result<(), EngineLimit> {
        for (sets, counts) in self.stages.iter().zip(&flow.stages) {
            let performed = u128::from(counts.operations);
            let elements = flow
                .tensors
                .get(sets.result)
                .map_or(0, |tensor| u128::from(tensor.computed));
            let volume = |extents: &[u64]| {
                extents.iter().fold(1u128, |product, &extent| {
                    product.saturating_mul(u128::from(extent))
                })
            };
            let expected = match self.tensors.get(sets.result).map(|tensor| tensor.kind) {
                Some(Kind::Inner) => elements.saturating_mul(volume(&sets.reduced)),
                _ => volume(&sets.extents),
            };
            if performed != expected {
                return Err(EngineLimit::Mismatch {
                    performed,
                    expected,
                });
            }
        }
        Ok(())
    }

    fn tensor(&self, sets: &TensorSets) -> Result<TensorFlow, EngineLimit> {
        let trips = &self.trips;
        let loops = trips.len();
        let dims = sets.extents.len();
        let touched = total(&sets.required, trips)?;
        let missing = total(&sets.missing, trips)?;
        let new = total(&sets.new, trips)?;
        let below = |from: u64, less: u64| from.checked_sub(less).ok_or(EngineLimit::Overflow);
        let mut counts = TensorFlow {
            tile: narrow(largest(&sets.required, trips)?)?,
            window: narrow(window(&sets.touched, sets.keep.unwrap_or(loops), trips)?)?,
            live: narrow(live(sets, trips)?)?,
            ..TensorFlow::default()
        };
        match sets.kind {
            Kind::Outer => {
                counts.required = touched;
                counts.reused = below(touched, missing)?;
                counts.first_fetch = new;
                counts.refetched = below(missing, new)?;
                counts.dram_reads = missing;
                counts.fresh = narrow(largest(&sets.missing, trips)?)?;
            }
            Kind::Inner => {
                let computed = total(sets.computed(), trips)?;
                counts.required = touched;
                counts.reused = below(touched, missing)?;
                counts.refetched = below(missing, computed)?;
                counts.computed = computed;
                counts.recomputed =
                    below(computed, narrow(union_of(sets.computed(), dims)?.count())?)?;
                counts.dram_reads = counts.refetched;
                counts.dram_writes = total(&sets.written, trips)?;
                counts.fresh = narrow(largest(sets.computed(), trips)?)?;
            }
            Kind::Result => {
                counts.required = below(touched, new)?;
                counts.reused = below(touched, missing)?;
                counts.refetched = below(missing, new)?;
                counts.dram_reads = counts.refetched;
                counts.dram_writes = missing;
                counts.fresh = narrow(largest(&sets.missing, trips)?)?;
            }
        }
        Ok(counts)
    }

    /// Times and step-wise peaks, cell by cell.
    fn walk<E: From<EngineLimit>>(
        &self,
        flow: &mut Flow,
        borders: bool,
        time: &mut impl FnMut(usize, &Tile<'_>) -> Result<u64, E>,
    ) -> Result<(), E> {
        let loops = self.trips.len();
        let tiles = self.stages.iter().map(|stage| &stage.tile[..]);
        let crossing = self.tensors.iter().flat_map(|sets| {
            let (more, less) = moves(sets);
            more.into_iter().chain(less)
        });
        let read = (0..self.stages.len())
            .filter(|_| borders)
            .flat_map(|stage| self.reads(stage));
        let terms = tiles.chain(crossing).flatten().chain(read);
        let grid = Grid::new(&self.trips, loops, terms.flat_map(Term::factors))?;
        grid.bound(self.stages.len() + self.tensors.len())?;
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
            step: vec![0; loops],
            cell: vec![0; loops],
            times: vec![0; self.stages.len()],
        };
        let mut finish = Matrix::start(self.stages.len());
        walk.nest(0, 1, &mut finish, time)?;
        let pipelined = finish.finish();
        drop(walk);
        flow.pipelined = pipelined;
        flow.sequential = flow
            .stages
            .iter()
            .try_fold(0u64, |sum, stage| sum.checked_add(stage.cycles))
            .ok_or(EngineLimit::Overflow)?;
        if pipelined == u64::MAX {
            return Err(EngineLimit::Overflow.into());
        }
        Ok(())
    }

    /// The tiles of a stage that differ in shape or place at the borders: one of each kind, and in how many steps there
    /// is one like it.
    ///
    /// # Errors
    /// [`EngineLimit::TooManyClasses`]
    pub fn tiles(&self, stage: usize) -> Result<Vec<(BoxSet, u64)>, EngineLimit> {
        let Some(sets) = self.stages.get(stage) else {
            return Ok(Vec::new());
        };
        let dims = sets.tile.first().map_or(0, |term| term.dims.len());
        let terms = sets.tile.iter().chain(self.reads(stage));
        let grid = Grid::new(&self.trips, self.trips.len(), terms.flat_map(Term::factors))?;
        // Every cell becomes a set of boxes.
        grid.bound(128)?;
        let mut tiles = Vec::new();
        grid.each(self.trips.len(), |step, count| {
            let boxes = set_at(&sets.tile, dims, step)?;
            if !boxes.is_empty() {
                tiles.push((boxes, count));
            }
            Ok::<(), EngineLimit>(())
        })?;
        Ok(tiles)
    }
}

fn narrow(count: u128) -> Result<u64, EngineLimit> {
    u64::try_from(count).map_err(|_| EngineLimit::Overflow)
}

/// Lists of disjoint terms.
type Lists<'a> = SmallVec<[&'a [Term]; 2]>;

/// What of a tensor crosses to and from the backing store in a step: terms that count and terms that are taken off.
fn moves(sets: &TensorSets) -> (Lists<'_>, Lists<'_>) {
    match sets.kind {
        Kind::Outer => (smallvec![&sets.missing[..]], SmallVec::new()),
        // Read back: what is missing but not computed.
        Kind::Inner => (
            smallvec![&sets.missing[..], &sets.written[..]],
            smallvec![sets.computed()],
        ),
        // Read back: what is missing but not new.
        Kind::Result => (
            smallvec![&sets.missing[..], &sets.leaving[..]],
            smallvec![&sets.new[..]],
        ),
    }
}

/// [`moves`], by cell.
struct Moves<'a> {
    bits: u32,
    more: SmallVec<[Sizes<'a>; 2]>,
    less: SmallVec<[Sizes<'a>; 2]>,
}

impl<'a> Moves<'a> {
    fn new(sets: &'a TensorSets, grid: &Grid, loops: usize) -> Moves<'a> {
        let (more, less) = moves(sets);
        let sizes = |lists: Lists<'a>| {
            lists
                .into_iter()
                .map(|terms| Sizes::new(terms, grid, loops))
                .collect()
        };
        Moves {
            bits: sets.bits,
            more: sizes(more),
            less: sizes(less),
        }
    }

    fn bits_at(&self, cell: &[usize], step: &[u64]) -> u128 {
        let sum = |lists: &[Sizes<'_>]| {
            lists
                .iter()
                .fold(0u128, |sum, sizes| sum.saturating_add(sizes.at(cell, step)))
        };
        sum(&self.more)
            .saturating_sub(sum(&self.less))
            .saturating_mul(u128::from(self.bits))
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
    times: Vec<u64>,
}

impl Walk<'_> {
    /// Adds the steps of the loops from `axis` on to `finish`; `steps` is how often they are run.
    fn nest<E: From<EngineLimit>>(
        &mut self,
        axis: usize,
        steps: u64,
        finish: &mut Matrix,
        time: &mut impl FnMut(usize, &Tile<'_>) -> Result<u64, E>,
    ) -> Result<(), E> {
        let loops = self.step.len();
        if axis >= loops {
            self.cell(steps, time)?;
            finish.steps(&self.times, 1);
            return Ok(());
        }
        let runs: &[Run] = self.grid.runs(axis);
        for (at, run) in runs.iter().enumerate() {
            if let (Some(trip), Some(cell)) = (self.step.get_mut(axis), self.cell.get_mut(axis)) {
                *trip = run.first;
                *cell = at;
            }
            let times = steps
                .checked_mul(run.count)
                .ok_or(E::from(EngineLimit::Overflow))?;
            if axis + 1 == loops {
                self.cell(times, time)?;
                finish.steps(&self.times, run.count);
            } else if run.count == 1 {
                self.nest(axis + 1, times, finish, time)?;
            } else {
                let mut once = Matrix::identity(self.times.len());
                self.nest(axis + 1, times, &mut once, time)?;
                finish.then(&once.power(run.count));
            }
        }
        Ok(())
    }

    /// One step that stands for `steps`.
    fn cell<E: From<EngineLimit>>(
        &mut self,
        steps: u64,
        time: &mut impl FnMut(usize, &Tile<'_>) -> Result<u64, E>,
    ) -> Result<(), E> {
        for (stage, sets) in self.analysis.stages.iter().enumerate() {
            let operations = match self.tiles.get(stage) {
                Some(sizes) => narrow(sizes.at(&self.cell, &self.step))?,
                None => 0,
            };
            let cycles = if operations == 0 {
                0
            } else {
                let tile = Tile {
                    terms: &sets.tile,
                    step: &self.step,
                    dims: sets.tile.first().map_or(0, |term| term.dims.len()),
                    operations,
                };
                time(stage, &tile)?
            };
            if let Some(known) = self.times.get_mut(stage) {
                *known = cycles;
            }
            if let Some(counts) = self.flow.stages.get_mut(stage) {
                let sum = cycles
                    .checked_mul(steps)
                    .and_then(|all| counts.cycles.checked_add(all))
                    .ok_or(E::from(EngineLimit::Overflow))?;
                counts.cycles = sum;
                if operations > 0 {
                    counts.active = counts.active.saturating_add(steps);
                }
            }
        }
        let bits = self.moves.iter().fold(0u128, |sum, moves| {
            sum.saturating_add(moves.bits_at(&self.cell, &self.step))
        });
        self.flow.peak_bits = self.flow.peak_bits.max(bits);
        Ok(())
    }
}

impl Analysis {
    /// Most bits of the given tensors that are held, together, between two steps: elements touched so far that will be
    /// reused. The least that a buffer for all of them must keep; less than the sum of [`TensorFlow::live`], which counts
    /// every tensor at its own worst step, and with what the step only passes on.
    ///
    /// # Errors
    /// [`EngineLimit::TooManyClasses`]
    pub fn carried_bits(&self, tensors: &[usize]) -> Result<u128, EngineLimit> {
        let sets: Vec<&TensorSets> = tensors
            .iter()
            .filter_map(|&tensor| self.tensors.get(tensor))
            .collect();
        carried(&sets, &self.trips)
    }
}

/// Index of the first step and element of a tensor that was wanted again after it had left its window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// How many, over all steps.
    pub count: u64,
    /// The indices of the loops.
    pub step: Vec<u64>,
    /// The indices of the tensor.
    pub element: Vec<i64>,
}

impl Analysis {
    /// What of a tensor is wanted again after it has left the window; `None` if nothing is.
    ///
    /// # Errors
    /// [`EngineLimit`]
    pub fn lost(&self, tensor: usize) -> Result<Option<Lost>, EngineLimit> {
        let terms = self.lost_terms(tensor)?;
        let count = total(&terms, &self.trips)?;
        if count == 0 {
            return Ok(None);
        }
        let dims = self
            .tensors
            .get(tensor)
            .map_or(0, |sets| sets.extents.len());
        let tables = terms.iter().flat_map(Term::factors);
        let grid = Grid::new(&self.trips, self.trips.len(), tables)?;
        grid.bound(128)?;
        let mut lost = None;
        grid.each(self.trips.len(), |step, _| {
            if lost.is_none() {
                lost = set_at(&terms, dims, step)?.witness().map(|element| Lost {
                    count,
                    step: step.to_vec(),
                    element,
                });
            }
            Ok::<(), EngineLimit>(())
        })?;
        Ok(lost)
    }
}
