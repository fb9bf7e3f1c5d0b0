//! From the sets of all steps to counts and times.

use super::analysis::{Analysis, Kind, TensorSets, largest, set_at, total, union_of, window};
use super::clock::{Busy, Work, busy};
use super::counts::{Flow, StageFlow, TensorFlow};
use super::grid::Grid;
use super::live::{carried, live};
use super::term::{Term, count_at};
use crate::base::limits;
use crate::engine::EngineLimit;
use crate::ir::{BoxSet, FusedGroup, Memory, Ports};

/// What a stage does in one step.
pub struct Tile<'a> {
    pub(super) terms: &'a [Term],
    pub(super) step: &'a [u64],
    pub(super) dims: usize,
    pub(super) operations: u64,
    pub(super) incomplete: bool,
}

impl Tile<'_> {
    /// Whether later steps add to the results.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.incomplete
    }

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

/// Counts a group whose stages do `rates` operations per cycle, with transfers that are free.
///
/// # Errors
/// [`EngineLimit`], when the group is beyond what can be counted exactly.
pub fn count(group: &FusedGroup, rates: &[u64]) -> Result<Flow, EngineLimit> {
    count_on(group, rates, &[])
}

/// Counts a group whose stages do `rates` operations per cycle between these memories, the backing store first; its
/// tensors lie in those that [`crate::ir::GroupTensor::memory`] says.
///
/// # Errors
/// As [`count`].
pub fn count_on(
    group: &FusedGroup,
    rates: &[u64],
    memories: &[Memory],
) -> Result<Flow, EngineLimit> {
    Analysis::new(group)?.flow(memories, &mut |stage, tile: &Tile<'_>| {
        let rate = rates.get(stage).copied().unwrap_or(1);
        at_peak(group, stage, rate, memories, tile)
    })
}

/// A tile at so many operations per cycle: every element that it needs is read once from the memory of its tensor, every
/// one that it makes is written once, and no port is busy for longer than the tile takes.
///
/// # Errors
/// [`EngineLimit`], when a set cannot be written.
pub fn at_peak(
    group: &FusedGroup,
    stage: usize,
    rate: u64,
    memories: &[Memory],
    tile: &Tile<'_>,
) -> Result<Work, EngineLimit> {
    let mut work = Work {
        cycles: tile.operations().div_ceil(rate.max(1)),
        busy: Busy::new(),
    };
    let Some(known) = group.stages.get(stage) else {
        return Ok(work);
    };
    let ports = |memory: usize| {
        let memory = memories.get(memory);
        memory.map_or(Ports::UNBOUNDED, |memory| memory.ports)
    };
    let mut bits: Vec<[u128; 2]> = vec![[0; 2]; memories.len()];
    let mut boxes: Option<BoxSet> = None;
    for (at, access) in known.accesses.iter().enumerate() {
        let Some(tensor) = group.tensors.get(access.tensor) else {
            continue;
        };
        if ports(tensor.memory) == Ports::UNBOUNDED {
            continue;
        }
        let operations = match &mut boxes {
            Some(known) => known,
            none => none.insert(tile.boxes()?),
        };
        let image = operations.image(&access.dims, &tensor.extents);
        let image = image
            .filter(BoxSet::is_exact)
            .ok_or(EngineLimit::Irregular)?;
        let written = at + 1 == known.accesses.len();
        let width = if written && tile.is_incomplete() {
            tensor.partial_bits
        } else {
            tensor.bits
        };
        if let Some(sum) = bits
            .get_mut(tensor.memory)
            .and_then(|both| both.get_mut(usize::from(written)))
        {
            *sum = sum.saturating_add(image.count().saturating_mul(width.into()));
        }
    }
    for (memory, [read, written]) in bits.into_iter().enumerate() {
        let times = busy(ports(memory), read, written).ok_or(EngineLimit::Overflow)?;
        work.cycles = work.cycles.max(times[0]).max(times[1]);
        work.busy.push(times);
    }
    Ok(work)
}

impl Analysis {
    /// All counts; `time` gives the time of a stage for a tile that is not empty, and is asked once for all steps that do
    /// not differ. The backing store is the first of `memories`; without any, transfers are free.
    ///
    /// # Errors
    /// What `time` returns, and [`EngineLimit`].
    pub fn flow<E: From<EngineLimit>>(
        &self,
        memories: &[Memory],
        time: &mut impl FnMut(usize, &Tile<'_>) -> Result<Work, E>,
    ) -> Result<Flow, E> {
        // What is read of a map is cut off at its border.
        let bounded = memories
            .iter()
            .skip(1)
            .any(|memory| memory.ports != Ports::UNBOUNDED);
        self.flow_by(memories, bounded, time)
    }

    /// As [`Analysis::flow`], where the time of a tile also depends on what of its operands is padding: steps that
    /// differ in that are asked for one by one.
    ///
    /// # Errors
    /// As [`Analysis::flow`].
    pub fn flow_by_shape<E: From<EngineLimit>>(
        &self,
        memories: &[Memory],
        time: &mut impl FnMut(usize, &Tile<'_>) -> Result<Work, E>,
    ) -> Result<Flow, E> {
        self.flow_by(memories, true, time)
    }

    fn flow_by<E: From<EngineLimit>>(
        &self,
        memories: &[Memory],
        borders: bool,
        time: &mut impl FnMut(usize, &Tile<'_>) -> Result<Work, E>,
    ) -> Result<Flow, E> {
        self.steps().ok_or(EngineLimit::Overflow)?;
        let mut flow = Flow {
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
        self.walk(&mut flow, memories, borders, time)?;
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

    /// The tiles of a stage that differ in shape, in place at the borders or in whether later steps add to them: one of
    /// each kind, and in how many steps there is one like it.
    ///
    /// # Errors
    /// [`EngineLimit::TooManyClasses`]
    pub fn tiles(&self, stage: usize) -> Result<Vec<TileKind>, EngineLimit> {
        let Some(sets) = self.stages.get(stage) else {
            return Ok(Vec::new());
        };
        let dims = sets.tile.first().map_or(0, |term| term.dims.len());
        // Of the head's results only.
        let result = self.tensors.get(sets.result);
        let last = result.map_or(&[][..], |result| &result.last);
        let terms = sets.tile.iter().chain(self.reads(stage)).chain(last);
        let grid = Grid::new(&self.trips, self.trips.len(), terms.flat_map(Term::factors))?;
        // Every cell becomes a set of boxes.
        grid.bound(128)?;
        let mut tiles = Vec::new();
        grid.each(self.trips.len(), |step, steps| {
            limits::spend(1)?;
            let boxes = set_at(&sets.tile, dims, step)?;
            if !boxes.is_empty() {
                let made = result.is_some_and(|result| result.kind == Kind::Result);
                tiles.push(TileKind {
                    boxes,
                    steps,
                    incomplete: made && count_at(last, step) == 0,
                });
            }
            Ok::<(), EngineLimit>(())
        })?;
        Ok(tiles)
    }
}

/// Tiles that are alike.
#[derive(Clone, Debug)]
pub struct TileKind {
    /// One of them, as boxes of the stage's ranks.
    pub boxes: BoxSet,
    /// In how many steps there is one.
    pub steps: u64,
    /// Later steps add to its results.
    pub incomplete: bool,
}

pub(super) fn narrow(count: u128) -> Result<u64, EngineLimit> {
    u64::try_from(count).map_err(|_| EngineLimit::Overflow)
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
            limits::spend(1)?;
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
