//! The definition, executed: every step of a tree of blocks, with explicit masks.
//!
//! Problem: [`super::count`] multiplies sums over one group of ranks each, and whether that is right is to be seen from
//! something that has no such idea. Here every block really walks its loops, every operation of a step marks the elements that
//! it touches, and what is marked and not there is computed by its maker, operation by operation. It shares nothing with
//! the count but the IR, is slow on purpose, and takes any order of readers (residual connections too).

use super::{TensorCounts, TreeCounts};
use crate::engine::fused::oracle::{cells, elements, point};
use crate::ir::{Access, Block, Body, Fate, FusedProblem, FusedSchedule};

/// Why the oracle gave no counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// More cells to visit than allowed.
    TooLarge,
    /// `retain` alone, and elements of this tensor are wanted again after they left.
    Lost { tensor: usize, elements: u64 },
    /// An input or a weight of several layers: where its steps lie is not said.
    SeveralReaders { tensor: usize },
}

type Mask = Vec<bool>;

/// Walks all steps; gives up after `most` visited cells.
///
/// # Errors
/// [`Refusal`].
pub fn run(
    problem: &FusedProblem,
    schedule: &FusedSchedule,
    most: u64,
) -> Result<TreeCounts, Refusal> {
    walk(problem, schedule, most)?.counts(schedule)
}

/// As [`run`], up to the counts: they are the same for all schedules that differ only in where tensors from outside and the
/// last result lie.
///
/// # Errors
/// [`Refusal`].
pub fn walk<'a>(
    problem: &'a FusedProblem,
    schedule: &FusedSchedule,
    most: u64,
) -> Result<Walked<'a>, Refusal> {
    for (tensor, known) in problem.tensors.iter().enumerate() {
        let readers = problem.layers.iter().filter(|layer| {
            let operands = layer.accesses.len() - 1;
            layer.accesses[..operands]
                .iter()
                .any(|access| access.tensor == tensor)
        });
        if known.producer.is_none() && readers.count() > 1 {
            return Err(Refusal::SeveralReaders { tensor });
        }
    }
    let mut walk = Walk {
        problem,
        schedule,
        events: vec![vec![]; problem.tensors.len()],
        operations: vec![0; problem.layers.len()],
        left: most,
    };
    let head = problem.layers.len() - 1;
    let all = vec![true; cells(&problem.layers[head].ranks)];
    walk.block(&schedule.root, &[], &all)?;
    Ok(Walked {
        problem,
        events: walk.events,
        operations: walk.operations,
    })
}

/// All steps of a walk.
pub struct Walked<'a> {
    problem: &'a FusedProblem,
    events: Vec<Vec<Event>>,
    operations: Vec<u64>,
}

/// A step of a tensor: the indices of the loops, and what was touched.
type Event = (Vec<u64>, Mask);

struct Walk<'a> {
    problem: &'a FusedProblem,
    schedule: &'a FusedSchedule,
    events: Vec<Vec<Event>>,
    operations: Vec<u64>,
    left: u64,
}

/// By tensor: what a part of a step touches.
type Touched = Vec<Option<Mask>>;

impl Walk<'_> {
    fn spend(&mut self, cells: usize) -> Result<(), Refusal> {
        self.left = self
            .left
            .checked_sub(cells as u64)
            .ok_or(Refusal::TooLarge)?;
        Ok(())
    }

    /// All steps of a block in one step of what is around it, which gives its head the operations `theta`; what they touch
    /// of the tensors that are made before the block.
    fn block(&mut self, block: &Block, step: &[u64], theta: &Mask) -> Result<Touched, Refusal> {
        self.loops(block, 0, step, theta)
    }

    fn loops(
        &mut self,
        block: &Block,
        depth: usize,
        step: &[u64],
        theta: &Mask,
    ) -> Result<Touched, Refusal> {
        self.spend(theta.len())?;
        let mut touched: Touched = vec![None; self.problem.tensors.len()];
        if !theta.contains(&true) {
            return Ok(touched);
        }
        let Some(tile) = block.loops.get(depth) else {
            return self.inner(block, step, theta);
        };
        let head = block.head().expect("a block has a layer");
        let ranks = &self.problem.layers[head].ranks;
        let along = |cell: usize| point(ranks, cell)[tile.rank];
        let indices: Vec<u64> = (0..theta.len()).map(along).collect();
        let mut inside = (0..theta.len())
            .filter(|&cell| theta[cell])
            .map(|c| indices[c]);
        let first = inside.next().expect("it has operations");
        let (first, last) = inside.fold((first, first), |(a, b), x| (a.min(x), b.max(x)));
        let mut start = first;
        let mut index = 0;
        while start <= last {
            let piece: Mask = (0..theta.len())
                .map(|cell| {
                    theta[cell] && start <= indices[cell] && indices[cell] < start + tile.size
                })
                .collect();
            let mut longer = step.to_vec();
            longer.push(index);
            let part = self.loops(block, depth + 1, &longer, &piece)?;
            join(&mut touched, part);
            start += tile.size;
            index += 1;
        }
        Ok(touched)
    }

    /// One step of all loops of a block.
    fn inner(&mut self, block: &Block, step: &[u64], theta: &Mask) -> Result<Touched, Refusal> {
        let blocks = match &block.body {
            Body::Layer(layer) => return self.layer(*layer, step, theta),
            Body::Blocks(blocks) => blocks,
        };
        // Readers before makers: when the turn of a maker comes, all that is wanted of its result is known.
        let mut touched: Touched = vec![None; self.problem.tensors.len()];
        for (at, child) in blocks.iter().enumerate().rev() {
            let head = child.head().expect("a block has a layer");
            let part = if at + 1 == blocks.len() {
                self.block(child, step, theta)?
            } else {
                let made = result(self.problem, head).tensor;
                let missing = match touched[made].take() {
                    Some(required) => self.settle(made, step, required)?,
                    None => vec![false; cells(&self.problem.tensors[made].extents)],
                };
                let making = self.making(head, &missing);
                self.block(child, step, &making)?
            };
            join(&mut touched, part);
        }
        Ok(touched)
    }

    /// The operations of a layer in a step.
    fn layer(&mut self, layer: usize, step: &[u64], theta: &Mask) -> Result<Touched, Refusal> {
        self.operations[layer] += theta.iter().filter(|&&there| there).count() as u64;
        let known = &self.problem.layers[layer];
        let mut touched: Touched = vec![None; self.problem.tensors.len()];
        let head = layer + 1 == self.problem.layers.len();
        let count = known.accesses.len() - usize::from(!head);
        for access in &known.accesses[..count] {
            let extents = &self.problem.tensors[access.tensor].extents;
            let mut mask = vec![false; cells(extents)];
            for cell in (0..theta.len()).filter(|&cell| theta[cell]) {
                for element in elements(access, extents, &point(&known.ranks, cell)) {
                    mask[element] = true;
                }
            }
            self.spend(theta.len() + mask.len())?;
            let known = &self.problem.tensors[access.tensor];
            if known.producer.is_some() && known.producer != Some(layer) {
                join_one(&mut touched[access.tensor], mask);
            } else {
                self.events[access.tensor].push((step.to_vec(), mask));
            }
        }
        Ok(touched)
    }

    /// What is missing of a map that is wanted in a step.
    fn settle(&mut self, tensor: usize, step: &[u64], required: Mask) -> Result<Mask, Refusal> {
        self.spend(self.events[tensor].len() * required.len())?;
        let place = &self.schedule.places[tensor];
        let mut missing = required.clone();
        for (earlier, touched) in &self.events[tensor] {
            // What has been made once is in the backing store.
            if place.fate == Fate::Refetch || held(self.schedule, tensor, earlier, step) {
                take(&mut missing, touched);
            }
        }
        self.events[tensor].push((step.to_vec(), required));
        Ok(missing)
    }

    /// The operations of a layer that make what is missing.
    fn making(&self, layer: usize, missing: &Mask) -> Mask {
        let ranks = &self.problem.layers[layer].ranks;
        let access = result(self.problem, layer);
        let extents = &self.problem.tensors[access.tensor].extents;
        (0..cells(ranks))
            .map(|cell| missing[elements(access, extents, &point(ranks, cell))[0]])
            .collect()
    }
}

impl Walked<'_> {
    /// What a schedule of this walk moves and needs.
    ///
    /// # Errors
    /// [`Refusal::Lost`].
    pub fn counts(&self, schedule: &FusedSchedule) -> Result<TreeCounts, Refusal> {
        let mut counts = TreeCounts {
            operations: self.operations.clone(),
            ..TreeCounts::default()
        };
        for (t, tensor) in self.problem.tensors.iter().enumerate() {
            let events = &self.events[t];
            let mut fetched = 0;
            let mut all = vec![false; cells(&tensor.extents)];
            for (at, (step, touched)) in events.iter().enumerate() {
                let mut fresh = touched.clone();
                for (earlier, before) in &events[..at] {
                    if held(schedule, t, earlier, step) {
                        take(&mut fresh, before);
                    }
                }
                fetched += size(&fresh);
                add(&mut all, touched);
            }
            let once = size(&all);
            let above = above(schedule, t);
            let mut windows: Vec<Event> = vec![];
            for (step, touched) in events {
                match windows.last_mut() {
                    Some((first, mask)) if first[..] == step[..above] => add(mask, touched),
                    _ => windows.push((step[..above].to_vec(), touched.clone())),
                }
            }
            let window = windows.iter().map(|(_, mask)| size(mask)).max();
            let is_result = t == result(self.problem, self.problem.layers.len() - 1).tensor;
            let fate = schedule.places[t].fate;
            let (reads, writes) = match (tensor.producer, is_result, fate) {
                (_, true, _) => (fetched - once, fetched),
                (None, ..) => (fetched, 0),
                (Some(_), _, Fate::Refetch) => (fetched - once, once),
                (Some(_), _, Fate::Recompute) => (0, 0),
                (Some(_), _, Fate::Retain) if fetched > once => {
                    let elements = fetched - once;
                    return Err(Refusal::Lost {
                        tensor: t,
                        elements,
                    });
                }
                (Some(_), _, Fate::Retain) => (0, 0),
            };
            counts.tensors.push(TensorCounts {
                reads,
                writes,
                window: window.unwrap_or(0),
            });
            counts.moved_bits += u128::from(reads + writes) * u128::from(tensor.bits);
        }
        counts.needed_bits = self.needed(schedule, &schedule.root, &mut vec![], &counts.tensors);
        Ok(counts)
    }

    fn needed(
        &self,
        schedule: &FusedSchedule,
        block: &Block,
        path: &mut Vec<usize>,
        tensors: &[TensorCounts],
    ) -> u128 {
        let places = schedule.places.iter().enumerate();
        let here = places.filter(|(_, place)| place.block == *path);
        let bits = |t: usize| u128::from(self.problem.tensors[t].bits);
        let mut needed: u128 = here
            .map(|(t, _)| u128::from(tensors[t].window) * bits(t))
            .sum();
        if let Body::Blocks(blocks) = &block.body {
            let inner = blocks.iter().enumerate().map(|(at, child)| {
                path.push(at);
                let inner = self.needed(schedule, child, path, tensors);
                path.pop();
                inner
            });
            needed += inner.max().unwrap_or(0);
        }
        needed
    }
}

/// Whether what a tensor's step `earlier` touched is still there in `step`.
fn held(schedule: &FusedSchedule, tensor: usize, earlier: &[u64], step: &[u64]) -> bool {
    let place = &schedule.places[tensor];
    let above = above(schedule, tensor);
    if earlier[..above] == step[..above] {
        return true;
    }
    let outlives = place.loops > 0 || place.block.is_empty();
    outlives
        && earlier[..above - 1] == step[..above - 1]
        && earlier[above - 1] + 1 == step[above - 1]
}

/// Loops on the path above the place of a tensor.
fn above(schedule: &FusedSchedule, tensor: usize) -> usize {
    let place = &schedule.places[tensor];
    let mut block = &schedule.root;
    let mut above = 0;
    for &at in &place.block {
        above += block.loops.len();
        if let Body::Blocks(blocks) = &block.body {
            block = &blocks[at];
        }
    }
    above + place.loops
}

fn result(problem: &FusedProblem, layer: usize) -> &Access {
    problem.layers[layer]
        .accesses
        .last()
        .expect("a layer has a result")
}

fn join(all: &mut Touched, part: Touched) {
    for (all, part) in all.iter_mut().zip(part) {
        if let Some(part) = part {
            join_one(all, part);
        }
    }
}

fn join_one(all: &mut Option<Mask>, part: Mask) {
    match all {
        Some(all) => add(all, &part),
        None => *all = Some(part),
    }
}

fn add(all: &mut Mask, part: &Mask) {
    for (all, part) in all.iter_mut().zip(part) {
        *all |= part;
    }
}

fn take(from: &mut Mask, part: &Mask) {
    for (from, part) in from.iter_mut().zip(part) {
        *from &= !part;
    }
}

fn size(mask: &Mask) -> u64 {
    mask.iter().filter(|&&there| there).count() as u64
}
