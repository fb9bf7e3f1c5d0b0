//! The definition, executed: explicit masks, step after step.
//!
//! Problem: an engine that counts sets in closed form can be wrong in ways that no example shows. Here two
//! 3-tap convolutions in tiles of 4 are really 4 steps, in each of which every operation of the tile is
//! visited, the elements it touches are marked, and what is marked, not held and not in the backing store is
//! computed by its producer, operation by operation. It is slow and has no cleverness on purpose; the engine
//! must equal it. The sets are those in the head of [`crate::ir::FusedGroup`]'s module, under the same
//! letters; the counts are as said in [`super::Flow`] and [`TensorFlow`].

mod clock;
mod moves;

use moves::{clocked, moved};

use super::{Flow, StageFlow, TensorFlow};
use crate::ir::{Access, Fate, FusedGroup, Index, Memory, Stage};

/// Why the oracle gave no counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// More cells to visit than allowed: not for the oracle.
    TooLarge,
}

/// Which operations of a stage, or elements of a tensor, in row-major order.
type Mask = Vec<bool>;

/// Executes `group`; stage `s` does `rates[s]` operations per cycle (1 where there is no rate). Gives up
/// when more than `most` cells of masks would be visited.
///
/// # Errors
/// [`Refusal::TooLarge`].
pub fn run(group: &FusedGroup, rates: &[u64], most: u64) -> Result<Flow, Refusal> {
    run_on(group, rates, &[], most)
}

/// Executes `group` between these memories, the backing store first; without any, transfers are free.
///
/// # Errors
/// [`Refusal::TooLarge`].
pub fn run_on(
    group: &FusedGroup,
    rates: &[u64],
    memories: &[Memory],
    most: u64,
) -> Result<Flow, Refusal> {
    let Execution {
        steps,
        tensors,
        done,
        wants,
    } = execute(group, most)?;
    let mut flow = Flow {
        steps: steps.len() as u64,
        ..Flow::default()
    };
    for (t, history) in tensors.iter().enumerate() {
        flow.tensors.push(tensor_flow(group, t, history, &steps));
    }
    // What every stage does in every step: operations by its rate, or longer where a port takes longer.
    let clocked: Vec<clock::Step> = (0..steps.len())
        .map(|i| {
            let rate = |s: usize| rates.get(s).copied().unwrap_or(1).max(1);
            let stages = done.iter().enumerate();
            let times = stages.map(|(s, thetas)| size(&thetas[i]).div_ceil(rate(s)));
            clocked(
                group,
                memories.len(),
                &tensors,
                &wants[i],
                times.collect(),
                i,
            )
        })
        .collect();
    let mut times = vec![vec![]; done.len()];
    for step in &clocked {
        for (times, time) in times.iter_mut().zip(clock::stages(memories, step)) {
            times.push(time);
        }
    }
    for (thetas, time) in done.iter().zip(&times) {
        flow.stages.push(StageFlow {
            operations: thetas.iter().map(size).sum(),
            unique: size(&union(thetas)),
            active: thetas.iter().filter(|theta| size(theta) > 0).count() as u64,
            cycles: time.iter().sum(),
        });
    }
    flow.sequential = times.iter().flatten().sum();
    flow.pipelined = pipelined(&times);
    let moved = |i: usize| -> u128 {
        let tensors = tensors.iter().enumerate();
        tensors
            .map(|(t, history)| moved(group, t, history, i))
            .map(|(down, up)| down + up)
            .sum()
    };
    flow.peak_bits = (0..steps.len()).map(moved).max().unwrap_or(0);
    let kept: Vec<usize> = group.tensors.iter().map(|tensor| tensor.memory).collect();
    (flow.cycles, flow.busy) = clock::run(memories, &kept, group.overlap, &clocked);
    Ok(flow)
}

/// Most bits of the given tensors that are carried, together, from one step to the next: of elements touched so far
/// and reused the next time they are wanted. Less than the sum of what is live in each, which counts what a step only
/// passes on, and counts every tensor at its own worst step.
///
/// # Errors
/// [`Refusal::TooLarge`].
pub fn carried(group: &FusedGroup, tensors: &[usize], most: u64) -> Result<u128, Refusal> {
    let execution = execute(group, most)?;
    let after = |i: usize| -> u128 {
        let given = tensors.iter().map(|&t| {
            let history = &execution.tensors[t];
            let kept = |&x: &usize| history.seen(i + 1, x) && history.will_be_reused(i, x);
            let elements = (0..history.required[i].len()).filter(kept).count();
            // What is carried of the result are sums that are not complete.
            let bits = match is_result(group, t) {
                true => group.tensors[t].partial_bits,
                false => group.tensors[t].bits,
            };
            u128::from(bits) * elements as u128
        });
        given.sum()
    };
    Ok((0..execution.steps.len()).map(after).max().unwrap_or(0))
}

/// All sets of all steps.
struct Execution {
    steps: Vec<Vec<u64>>,
    tensors: Vec<History>,
    /// Theta by stage and step.
    done: Vec<Vec<Mask>>,
    /// By step, stage and access: elements touched.
    wants: Vec<Vec<Vec<u64>>>,
}

fn execute(group: &FusedGroup, most: u64) -> Result<Execution, Refusal> {
    if work(group).is_none_or(|cells| cells > most) {
        return Err(Refusal::TooLarge);
    }
    let mut steps = steps(group);
    // What begins past a clipped piece is no step.
    steps.retain(|step| size(&head_tile(group, step)) > 0);
    let stages = group.stages.iter();
    let stages: Vec<Operations> = stages.map(|stage| Operations::of(group, stage)).collect();
    let mut tensors: Vec<History> = group.tensors.iter().map(|_| History::default()).collect();
    let mut done: Vec<Vec<Mask>> = vec![vec![]; stages.len()];
    let mut wants = vec![];
    for i in 0..steps.len() {
        for (tensor, history) in group.tensors.iter().zip(&mut tensors) {
            history.required.push(vec![false; cells(&tensor.extents)]);
        }
        let mut wanted = vec![vec![]; stages.len()];
        // Consumers before producers: when a stage's turn comes, all that is wanted of its result is known.
        for (s, operations) in stages.iter().enumerate().rev() {
            let made = operations.result;
            let theta = if s == group.head() {
                head_tile(group, &steps[i])
            } else {
                let refetch = group.tensors[made].fate == Fate::Refetch;
                tensors[made].settle(group.tensors[made].keep, refetch, &steps, i);
                operations.making(&tensors[made].computed[i])
            };
            for operation in (0..theta.len()).filter(|&operation| theta[operation]) {
                for (tensor, elements) in &operations.touches[operation] {
                    for &element in elements {
                        tensors[*tensor].required[i][element] = true;
                    }
                }
                if s == group.head() {
                    // Of the head's result, what is touched stands in the place of what is required.
                    tensors[made].required[i][operations.makes[operation]] = true;
                }
            }
            wanted[s] = operations.sizes(group, &group.stages[s], &theta);
            done[s].push(theta);
        }
        wants.push(wanted);
        for (t, tensor) in group.tensors.iter().enumerate() {
            if tensor.producer.is_none() || is_result(group, t) {
                tensors[t].settle(tensor.keep, false, &steps, i);
            }
        }
    }
    Ok(Execution {
        steps,
        tensors,
        done,
        wants,
    })
}

/// Cells that are visited: every mask once per step, the masks of tensors once per pair of steps.
fn work(group: &FusedGroup) -> Option<u64> {
    let steps = product(trips(group).into_iter().map(|trip| trip.count))?;
    let mut total = 0u64;
    for tensor in &group.tensors {
        let cells = product(tensor.extents.iter().copied())?;
        total = total.checked_add(cells.checked_mul(steps)?.checked_mul(steps)?)?;
    }
    for stage in &group.stages {
        let operations = product(stage.ranks.iter().map(|rank| rank.extent))?;
        total = total.checked_add(operations.checked_mul(steps)?)?;
        for access in &stage.accesses {
            let extents = &group.tensors.get(access.tensor)?.extents;
            let whole = access.dims.iter().zip(extents);
            let whole = whole.filter(|(index, _)| matches!(index, Index::Whole));
            let touched = product(whole.map(|(_, &extent)| extent))?;
            total = total.checked_add(operations.checked_mul(touched)?.checked_mul(steps)?)?;
        }
    }
    Some(total)
}

fn product(mut extents: impl Iterator<Item = u64>) -> Option<u64> {
    extents.try_fold(1u64, |product, extent| product.checked_mul(extent))
}

// ---- steps and tiles

/// A loop of the group: how often it goes round, and how far apart its pieces are.
struct Trip {
    rank: usize,
    count: u64,
    size: u64,
}

/// A loop divides the full piece of the enclosing loop over its rank (the rank itself, if there is none); what begins
/// past the end of a piece that is clipped is left out later.
fn trips(group: &FusedGroup) -> Vec<Trip> {
    let mut pieces: Vec<u64> = match group.stages.last() {
        Some(head) => head.ranks.iter().map(|rank| rank.extent).collect(),
        None => vec![],
    };
    let mut trips = vec![];
    for tile in &group.loops {
        let size = tile.size.max(1);
        trips.push(Trip {
            rank: tile.rank,
            count: pieces[tile.rank].div_ceil(size),
            size,
        });
        pieces[tile.rank] = pieces[tile.rank].min(size);
    }
    trips
}

/// All iteration vectors, in lexicographic order, those of no step included.
fn steps(group: &FusedGroup) -> Vec<Vec<u64>> {
    let mut all = vec![vec![]];
    for trip in trips(group) {
        let longer = |step: Vec<u64>| {
            (0..trip.count).map(move |index| {
                let mut step = step.clone();
                step.push(index);
                step
            })
        };
        all = all.into_iter().flat_map(longer).collect();
    }
    all
}

/// Theta of the head: its operations inside the pieces of all loops.
fn head_tile(group: &FusedGroup, step: &[u64]) -> Mask {
    let head = &group.stages[group.head()];
    let mut ranges: Vec<(u64, u64)> = head.ranks.iter().map(|rank| (0, rank.extent)).collect();
    for (trip, index) in trips(group).iter().zip(step) {
        let (lo, hi) = ranges[trip.rank];
        let start = (lo + index * trip.size).min(hi);
        ranges[trip.rank] = (start, hi.min(start + trip.size));
    }
    let inside = |point: Vec<u64>| {
        let mut sides = point.iter().zip(&ranges);
        sides.all(|(x, (lo, hi))| lo <= x && x < hi)
    };
    let extents: Vec<u64> = head.ranks.iter().map(|rank| rank.extent).collect();
    (0..cells(&extents))
        .map(|cell| inside(point(&extents, cell)))
        .collect()
}

// ---- operations and elements

/// What every operation of a stage touches.
struct Operations {
    /// The tensor it makes.
    result: usize,
    /// By operation: the element of the result.
    makes: Vec<usize>,
    /// By operation: for every operand, the tensor and its elements.
    touches: Vec<Vec<(usize, Vec<usize>)>>,
}

impl Operations {
    fn of(group: &FusedGroup, stage: &Stage) -> Operations {
        let extents: Vec<u64> = stage.ranks.iter().map(|rank| rank.extent).collect();
        let (operands, result) = stage.accesses.split_at(stage.accesses.len() - 1);
        let result = &result[0];
        let all = |access: &Access, operation| {
            let extents_of = &group.tensors[access.tensor].extents;
            elements(access, extents_of, &point(&extents, operation))
        };
        let operations = 0..cells(&extents);
        Operations {
            result: result.tensor,
            makes: operations
                .clone()
                .map(|operation| all(result, operation)[0])
                .collect(),
            touches: operations
                .map(|operation| {
                    let touched = |access: &Access| (access.tensor, all(access, operation));
                    operands.iter().map(touched).collect()
                })
                .collect(),
        }
    }

    /// By access: how many elements the operations of `theta` touch.
    fn sizes(&self, group: &FusedGroup, stage: &Stage, theta: &Mask) -> Vec<u64> {
        let tensors = stage.accesses.iter().map(|access| access.tensor);
        let mut touched: Vec<Mask> = tensors
            .map(|tensor| vec![false; cells(&group.tensors[tensor].extents)])
            .collect();
        let result = touched.len() - 1;
        for operation in (0..theta.len()).filter(|&operation| theta[operation]) {
            for (at, (_, elements)) in self.touches[operation].iter().enumerate() {
                for &element in elements {
                    touched[at][element] = true;
                }
            }
            touched[result][self.makes[operation]] = true;
        }
        touched.iter().map(size).collect()
    }

    /// Theta of a producer: all operations whose result is in `computed`.
    fn making(&self, computed: &Mask) -> Mask {
        self.makes
            .iter()
            .map(|&element| computed[element])
            .collect()
    }
}

/// The elements of a tensor that the operation at `point` touches through `access`; none outside of it.
pub(in crate::engine) fn elements(access: &Access, extents: &[u64], point: &[u64]) -> Vec<usize> {
    let mut all = vec![0usize];
    for (index, &extent) in access.dims.iter().zip(extents) {
        let touched: Vec<u64> = match index {
            Index::Whole => (0..extent).collect(),
            Index::Affine { terms, constant } => {
                let value = terms.iter().fold(i128::from(*constant), |sum, term| {
                    sum + i128::from(term.coefficient) * i128::from(point[term.rank] / term.divisor)
                });
                u64::try_from(value)
                    .into_iter()
                    .filter(|&x| x < extent)
                    .collect()
            }
        };
        let inner = |cell: usize| {
            touched
                .iter()
                .map(move |&x| cell * extent as usize + x as usize)
        };
        all = all.into_iter().flat_map(inner).collect();
    }
    all
}

pub(in crate::engine) fn cells(extents: &[u64]) -> usize {
    extents.iter().product::<u64>() as usize
}

/// The coordinates of a cell.
pub(in crate::engine) fn point(extents: &[u64], cell: usize) -> Vec<u64> {
    let mut rest = cell as u64;
    let mut point: Vec<u64> = extents
        .iter()
        .rev()
        .map(|extent| {
            let x = rest % extent;
            rest /= extent;
            x
        })
        .collect();
    point.reverse();
    point
}

// ---- one tensor

/// The sets of one tensor, by step.
#[derive(Default)]
struct History {
    /// R; of the head's result: what is touched.
    required: Vec<Mask>,
    /// X
    reused: Vec<Mask>,
    /// F
    refetched: Vec<Mask>,
    /// C
    computed: Vec<Mask>,
}

impl History {
    /// What becomes of all that step `i` requires. Nothing is refetched by this but of tensors made in the
    /// group: for the others, and for partial sums, a refetch is what is missing for the second time.
    fn settle(&mut self, keep: Option<usize>, refetch: bool, steps: &[Vec<u64>], i: usize) {
        let required = &self.required[i];
        let prior = |k: usize, j: usize| is_prior(k, &steps[i], &steps[j]);
        let none = vec![false; required.len()];
        let (mut buffered, mut stored) = (none.clone(), none);
        for j in 0..i {
            if keep.is_some_and(|k| prior(k, j)) {
                include(&mut buffered, &self.required[j]);
            }
            if refetch {
                include(&mut stored, &self.required[j]);
            }
        }
        let reused = both(required, &buffered);
        let missing = without(required, &reused);
        let refetched = both(&missing, &stored);
        self.computed.push(without(&missing, &refetched));
        self.reused.push(reused);
        self.refetched.push(refetched);
    }

    /// All that was required before step `i`.
    fn seen(&self, i: usize, element: usize) -> bool {
        self.required[..i].iter().any(|required| required[element])
    }

    /// Is it required after step `i`?
    fn wanted_after(&self, i: usize, element: usize) -> bool {
        let mut later = self.required[i + 1..].iter();
        later.any(|required| required[element])
    }

    /// Is the next use of an element, after step `i`, a reuse?
    fn will_be_reused(&self, i: usize, element: usize) -> bool {
        let next = (i + 1..self.required.len()).find(|&j| self.required[j][element]);
        next.is_some_and(|j| self.reused[j][element])
    }

    /// Elements that must be there in step `i`: required now, or seen before and reused later.
    fn live(&self, i: usize) -> u64 {
        let kept =
            |&x: &usize| self.required[i][x] || (self.seen(i, x) && self.will_be_reused(i, x));
        (0..self.required[i].len()).filter(kept).count() as u64
    }
}

/// Is `j`, a step before `i`, in prior_k(i): in the same window, or in the one just before?
fn is_prior(k: usize, i: &[u64], j: &[u64]) -> bool {
    let k = k.min(i.len());
    let same = j[..k] == i[..k];
    let just_before = k > 0 && j[..k - 1] == i[..k - 1] && j[k - 1] + 1 == i[k - 1];
    same || just_before
}

/// The tensor that the head makes.
fn is_result(group: &FusedGroup, t: usize) -> bool {
    group.result(group.head()) == Some(t)
}

fn tensor_flow(group: &FusedGroup, t: usize, history: &History, steps: &[Vec<u64>]) -> TensorFlow {
    let tensor = &group.tensors[t];
    let sum = |masks: &[Mask]| masks.iter().map(size).sum::<u64>();
    let most = |masks: &[Mask]| masks.iter().map(size).max().unwrap_or(0);
    let touched = sum(&history.required);
    let distinct = size(&union(&history.required));
    let mut flow = TensorFlow {
        required: touched,
        reused: sum(&history.reused),
        tile: most(&history.required),
        window: window(tensor.keep, history, steps),
        live: (0..steps.len()).map(|i| history.live(i)).max().unwrap_or(0),
        fresh: most(&history.computed),
        ..TensorFlow::default()
    };
    if is_result(group, t) {
        flow.required = touched - distinct;
        flow.refetched = flow.required - flow.reused;
        flow.dram_reads = flow.refetched;
        flow.dram_writes = distinct + flow.refetched;
    } else if tensor.producer.is_some() {
        let once = size(&union(&history.computed));
        flow.refetched = sum(&history.refetched);
        flow.computed = sum(&history.computed);
        flow.recomputed = flow.computed - once;
        flow.dram_reads = flow.refetched;
        if tensor.fate == Fate::Refetch || tensor.escapes {
            flow.dram_writes = once;
        }
    } else {
        flow.first_fetch = distinct;
        flow.refetched = touched - flow.reused - distinct;
        flow.dram_reads = flow.first_fetch + flow.refetched;
    }
    flow
}

/// The largest union of what the steps of one window require; a window are the steps below the retention
/// point, or a single step when nothing is kept.
fn window(keep: Option<usize>, history: &History, steps: &[Vec<u64>]) -> u64 {
    let same = |i: &[u64], j: &[u64]| match keep {
        Some(k) => i[..k.min(i.len())] == j[..k.min(j.len())],
        None => i == j,
    };
    let mut windows: Vec<(&[u64], Mask)> = vec![];
    for (step, required) in steps.iter().zip(&history.required) {
        match windows.last_mut() {
            Some((first, all)) if same(first, step) => include(all, required),
            _ => windows.push((step, required.clone())),
        }
    }
    windows.iter().map(|(_, all)| size(all)).max().unwrap_or(0)
}

// ---- time and masks

/// When the last stage has finished the last step, if a stage starts on a step when it has finished the one
/// before and the stage before it has finished this one. `times[s][i]`: of stage `s` in step `i`.
fn pipelined(times: &[Vec<u64>]) -> u64 {
    let mut finish = vec![0; times.first().map_or(0, Vec::len)];
    for stage in times {
        let mut free = 0;
        for (finish, time) in finish.iter_mut().zip(stage) {
            free = free.max(*finish) + time;
            *finish = free;
        }
    }
    finish.last().copied().unwrap_or(0)
}

fn size(mask: &Mask) -> u64 {
    mask.iter().filter(|&&set| set).count() as u64
}

fn include(into: &mut Mask, other: &Mask) {
    for (into, &other) in into.iter_mut().zip(other) {
        *into |= other;
    }
}

fn union(masks: &[Mask]) -> Mask {
    let mut all = masks.first().cloned().unwrap_or_default();
    for mask in masks {
        include(&mut all, mask);
    }
    all
}

fn both(a: &Mask, b: &Mask) -> Mask {
    a.iter().zip(b).map(|(&a, &b)| a && b).collect()
}

fn without(a: &Mask, b: &Mask) -> Mask {
    a.iter().zip(b).map(|(&a, &b)| a && !b).collect()
}
