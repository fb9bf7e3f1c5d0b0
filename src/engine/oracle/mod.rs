//! The oracle: executes the nest point by point and is the definition of correct.
//!
//! Problem: a closed form can be wrong in ways that no example shows. So this module steps through every
//! loop of the mapping, one window at a time, keeps the tile of every instance of every memory as an
//! explicit set of elements, counts by set difference, marks every performed point in a `done` table, and
//! adds up time step by step. `SpatialMap(3,1) Y` over two PEs is really two PEs with two sets here.
//! It is slow and has no cleverness on purpose; every engine must equal it.
//!
//! Rules, one place each (the language reference states them for users):
//! * a PE without points in a step is idle and keeps what it held;
//! * an element that an instance did not hold is new; a result element that it no longer holds leaves;
//! * with `Refill: tile` a tile that differs at all is new, and leaves, whole;
//! * over arrays with multicast (operands) or reduction (results) what several instances need, or
//!   deliver, in one step crosses once; over the others each instance has its own transfer;
//! * with forwarding, an operand element that the neighbour (index differing by one in one spatial loop)
//!   worked on in the step before comes from it;
//! * a result element that arrives is read from the parent unless it arrives for the first time.

mod boundary;
mod clock;
mod crossing;

use super::counts::{Counts, MemoryCounts, TensorCounts, Timing};
use boundary::{bound_of, boundaries};
use crate::ir::{Axis, LoopKind, Mapping, window_count};
use crossing::{cross, instance_of, touched};
use std::collections::{BTreeMap, BTreeSet};

/// An element of a tensor: its index in every dimension.
type Element = Vec<i64>;
type Tile = BTreeSet<Element>;
/// Half-open interval.
type Range = (i64, i64);

/// Why the oracle gave no counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A point of the iteration space that no tile performs.
    Uncovered(Vec<u64>),
    /// A point that is performed more than once.
    Doubled(Vec<u64>),
    /// More than the given number of points or steps: not for the oracle.
    TooLarge,
    /// A count passes `u64`.
    Overflow,
}

/// Where one PE works in one step.
#[derive(Clone, Debug)]
struct Pe {
    /// Index in every loop of the schedule (0 for temporal ones).
    place: Vec<u64>,
    ranks: Vec<Range>,
    windows: Vec<Range>,
}

/// One step of the PE array: the indices of the loops outside the leaf, and what every PE does.
struct Step {
    index: Vec<u64>,
    /// The working PEs only: place, and its box.
    boxes: Vec<(Vec<u64>, Vec<Range>)>,
}

/// Executes `mapping`; gives up past `limit` points (MACs) or instance-steps.
///
/// # Errors
/// [`Refusal`] with the first uncovered or doubled point in lexicographic order, or when the work or a
/// count is too large.
pub fn run(mapping: &Mapping, limit: u64) -> Result<Counts, Refusal> {
    let volume = mapping.operation.volume().ok_or(Refusal::TooLarge)?;
    if volume > u128::from(limit) {
        return Err(Refusal::TooLarge);
    }
    let mut done = BTreeMap::new();
    let steps = execute(mapping, limit, &mut done)?;
    judge(mapping, &done)?;
    count(mapping, &steps).ok_or(Refusal::Overflow)
}

/// Every point exactly once?
fn judge(mapping: &Mapping, done: &BTreeMap<Vec<i64>, u32>) -> Result<(), Refusal> {
    let ranks: Vec<Range> = mapping
        .operation
        .ranks
        .iter()
        .map(|&e| (0, e as i64))
        .collect();
    let mut doubled = None;
    for point in points(&ranks) {
        let natural = || point.iter().map(|&x| x as u64).collect();
        match done.get(&point) {
            None => return Err(Refusal::Uncovered(natural())),
            Some(1) => {}
            Some(_) => {
                doubled.get_or_insert_with(natural);
            }
        }
    }
    doubled.map_or(Ok(()), |point| Err(Refusal::Doubled(point)))
}

/// All integer points of a box, in lexicographic order.
fn points(ranges: &[Range]) -> Vec<Vec<i64>> {
    let mut all = vec![vec![]];
    for &(lo, hi) in ranges {
        all = all
            .into_iter()
            .flat_map(|point| {
                (lo..hi).map(move |x| {
                    let mut longer = point.clone();
                    longer.push(x);
                    longer
                })
            })
            .collect();
    }
    all
}

/// Walks the loops; returns the steps in order and marks every point performed.
fn execute(
    mapping: &Mapping,
    limit: u64,
    done: &mut BTreeMap<Vec<i64>, u32>,
) -> Result<Vec<Step>, Refusal> {
    let ranks: Vec<Range> = mapping
        .operation
        .ranks
        .iter()
        .map(|&e| (0, e as i64))
        .collect();
    let mut pes = vec![Pe {
        place: vec![],
        windows: vec![(0, 0); mapping.operation.windows.len()],
        ranks,
    }];
    for pe in &mut pes {
        hand_down_input_rows(mapping, pe);
    }
    let mut steps: Vec<Step> = Vec::new();
    let mut budget = limit.saturating_mul(4).saturating_add(1000);
    walk(mapping, 0, &mut vec![], pes, &mut steps, done, &mut budget)?;
    Ok(steps)
}

fn walk(
    mapping: &Mapping,
    depth: usize,
    index: &mut Vec<u64>,
    mut pes: Vec<Pe>,
    steps: &mut Vec<Step>,
    done: &mut BTreeMap<Vec<i64>, u32>,
    budget: &mut u64,
) -> Result<(), Refusal> {
    let loops = &mapping.schedule.loops;
    *budget = budget
        .checked_sub(pes.len() as u64)
        .ok_or(Refusal::TooLarge)?;
    let level_ends = depth > 0
        && loops
            .get(depth)
            .is_none_or(|next| next.level != loops[depth - 1].level);
    if level_ends {
        for pe in &mut pes {
            end_level(mapping, pe);
        }
    }
    if depth == mapping.schedule.leaf {
        // Loops from here on only order the accesses inside the tile.
        let mut tiles = pes.clone();
        for pe in &mut tiles {
            end_level(mapping, pe);
        }
        tiles.retain(|pe| !is_idle(pe));
        let boxes: Vec<_> = tiles.into_iter().map(|pe| (pe.place, pe.ranks)).collect();
        if !boxes.is_empty() {
            steps.push(Step {
                index: index.clone(),
                boxes,
            });
        }
    }
    let Some(this) = loops.get(depth) else {
        for pe in &pes {
            for point in points(&pe.ranks) {
                *budget = budget.checked_sub(1).ok_or(Refusal::TooLarge)?;
                *done.entry(point).or_insert(0) += 1;
            }
        }
        return Ok(());
    };
    // The windows of every move, as far as each PE's own extent reaches.
    let counts = |pe: &Pe| -> Vec<u64> {
        this.moves
            .iter()
            .map(|m| {
                let (lo, hi) = extent(pe, m.axis);
                window_count((hi - lo).max(0) as u64, m.size, m.offset)
            })
            .collect()
    };
    let busiest = pes.iter().flat_map(counts).max().unwrap_or(0);
    let instances = this.instances();
    for trip in 0..busiest.div_ceil(instances) {
        let mut inside = Vec::new();
        for pe in &pes {
            let reach = counts(pe);
            for instance in 0..instances {
                let window = trip * instances + instance;
                let mut moved = pe.clone();
                moved
                    .place
                    .push(if matches!(this.kind, LoopKind::Temporal) {
                        0
                    } else {
                        instance
                    });
                for (m, &reach) in this.moves.iter().zip(&reach) {
                    let (lo, hi) = extent(pe, m.axis);
                    let start = lo + (window * m.offset) as i64;
                    let piece = if window < reach {
                        (start, hi.min(start + m.size as i64))
                    } else {
                        (lo, lo)
                    };
                    match m.axis {
                        Axis::Rank(rank) => moved.ranks[rank.index()] = piece,
                        Axis::Window(w) => moved.windows[usize::from(w)] = piece,
                    }
                }
                inside.push(moved);
            }
        }
        index.push(trip);
        walk(mapping, depth + 1, index, inside, steps, done, budget)?;
        index.pop();
    }
    Ok(())
}

fn extent(pe: &Pe, axis: Axis) -> Range {
    match axis {
        Axis::Rank(rank) => pe.ranks[rank.index()],
        Axis::Window(window) => pe.windows[usize::from(window)],
    }
}

fn is_idle(pe: &Pe) -> bool {
    pe.ranks.iter().chain(&pe.windows).any(|&(lo, hi)| lo >= hi)
}

/// At the end of a cluster level a PE produces the outputs whose complete window it has, and hands down
/// exactly the input rows that these need.
fn end_level(mapping: &Mapping, pe: &mut Pe) {
    for (w, window) in mapping.operation.windows.iter().enumerate() {
        let (stride, dilation) = (window.stride as i64, window.dilation as i64);
        let (u, r) = (pe.windows[w], pe.ranks[window.kernel.index()]);
        let out = &mut pe.ranks[window.output.index()];
        let complete: Vec<i64> = (out.0..out.1)
            .filter(|p| (r.0..r.1).all(|r| (u.0..u.1).contains(&(stride * p + dilation * r))))
            .collect();
        *out = match (complete.first(), complete.last()) {
            (Some(&first), Some(&last)) => (first, last + 1),
            _ => (out.0, out.0),
        };
    }
    hand_down_input_rows(mapping, pe);
}

fn hand_down_input_rows(mapping: &Mapping, pe: &mut Pe) {
    for (w, window) in mapping.operation.windows.iter().enumerate() {
        let (stride, dilation) = (window.stride as i64, window.dilation as i64);
        let (p, r) = (
            pe.ranks[window.output.index()],
            pe.ranks[window.kernel.index()],
        );
        pe.windows[w] = if p.0 < p.1 && r.0 < r.1 {
            (
                stride * p.0 + dilation * r.0,
                stride * (p.1 - 1) + dilation * (r.1 - 1) + 1,
            )
        } else {
            (0, 0)
        };
    }
}

fn count(mapping: &Mapping, steps: &[Step]) -> Option<Counts> {
    let operation = &mapping.operation;
    let architecture = &mapping.architecture;
    let repeat = operation.repeat;
    let result = operation.result();
    let innermost = |tensor: usize| {
        (0..architecture.memories.len())
            .rev()
            .find(|&m| mapping.schedule.positions[m][tensor].is_some())
    };

    let mut memories: Vec<MemoryCounts> = (0..architecture.memories.len())
        .map(|m| MemoryCounts {
            required_bits: 0,
            tensors: (0..operation.tensors.len())
                .filter(|&t| mapping.schedule.positions[m][t].is_some())
                .map(|tensor| TensorCounts {
                    tensor,
                    tile: 0,
                    fills: 0,
                    reads: 0,
                    writes: 0,
                    updates: 0,
                    complete_reads: 0,
                    complete_writes: 0,
                    unique: 0,
                })
                .collect(),
        })
        .collect();

    // Accesses of the PEs: one read of each operand, one write of the partial sum and one read of it
    // unless the element is accumulated there for the first time.
    let mut operations = 0u64;
    let mut used = BTreeSet::new();
    for tensor in 0..operation.tensors.len() {
        let memory = innermost(tensor)?;
        let above = architecture.memories[memory].arrays_above;
        let mut touching = 0u64;
        let mut unique = Tile::new();
        let mut per_instance: BTreeMap<Vec<u64>, Tile> = BTreeMap::new();
        for (place, ranks) in steps.iter().flat_map(|step| &step.boxes) {
            let (tile, count) = touched(mapping, tensor, ranks);
            touching += count;
            per_instance
                .entry(instance_of(mapping, place, 0..above))
                .or_default()
                .extend(tile.iter().cloned());
            unique.extend(tile);
            used.insert(place.clone());
            if tensor == result {
                operations += points(ranks).len() as u64;
            }
        }
        for counts in &mut memories {
            for counts in counts.tensors.iter_mut().filter(|c| c.tensor == tensor) {
                counts.unique = unique.len() as u64;
            }
        }
        let counts = memories[memory]
            .tensors
            .iter_mut()
            .find(|c| c.tensor == tensor)?;
        if tensor == result {
            let first: usize = per_instance.values().map(BTreeSet::len).sum();
            counts.writes += touching;
            counts.updates += touching - first as u64;
            counts.reads += touching - first as u64;
        } else {
            counts.reads += touching;
        }
    }
    for counts in memories[0].tensors.iter_mut() {
        counts.tile = operation.tensors[counts.tensor]
            .dims
            .iter()
            .map(|dim| dim.extent)
            .product();
    }

    // Inner time of every step, then outwards through the boundaries.
    let mut times: Vec<(Vec<u64>, u64)> = steps
        .iter()
        .map(|step| {
            let volume = |ranks: &Vec<Range>| points(ranks).len() as u64;
            let busiest = step.boxes.iter().map(|(_, ranks)| volume(ranks)).max();
            (
                step.index.clone(),
                busiest.unwrap_or(0).div_ceil(architecture.lanes),
            )
        })
        .collect();
    let compute_cycles: u64 = times.iter().map(|(_, time)| time).sum();
    let mut drain = 0;
    let mut crossed = Vec::new();
    for boundary in boundaries(mapping).into_iter().rev() {
        let crossing = cross(mapping, &boundary, steps, &mut memories)?;
        let mut outer: Vec<(Vec<u64>, u64)> = Vec::new();
        for (index, time) in times {
            let prefix = index[..boundary.position].to_vec();
            match outer.last_mut() {
                Some((last, sum)) if *last == prefix => *sum += time,
                _ => outer.push((prefix, time)),
            }
        }
        let serial = !architecture.memories[boundary.child].double_buffered;
        for (number, ((_, inner), step)) in outer.iter_mut().zip(&crossing.steps).enumerate() {
            *inner = step.delay(*inner, serial || number == 0);
        }
        drain += crossing.drain;
        times = outer;
        crossed.push(crossing.counts);
    }
    crossed.reverse();

    let cycles = times.iter().map(|(_, time)| time).sum::<u64>() + drain;
    for (memory, counts) in memories.iter_mut().enumerate().skip(1) {
        let buffers = if architecture.memories[memory].double_buffered {
            2
        } else {
            1
        };
        let bits = counts
            .tensors
            .iter()
            .map(|c| c.tile * u64::from(operation.tensors[c.tensor].bits));
        counts.required_bits = bits.sum::<u64>() * buffers;
    }
    let mut counts = Counts {
        operations,
        steps: steps.len() as u64,
        pes_used: used.len() as u64,
        memories,
        boundaries: crossed,
        resources: Vec::new(),
        timing: Timing {
            cycles,
            compute_cycles,
            bound: super::Bound::Compute,
        },
    };
    counts.repeat(repeat)?;
    counts.timing.bound = bound_of(&counts);
    Some(counts)
}
