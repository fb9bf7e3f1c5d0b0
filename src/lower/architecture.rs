//! Accelerator -> [`ir::Architecture`](crate::ir::Architecture), and the names of its parts.

use crate::base::{Ratio, Span};
use crate::hir::{self, Accelerator};
use crate::ir::{Architecture, Array, Links, Memory, Network, Ports, Rate, Refill, RoleSet};
use std::ops::Range;

/// An architecture with what its parts are called.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hardware {
    pub architecture: Architecture,
    pub memory_names: Vec<String>,
    pub memory_spans: Vec<Span>,
    /// Level of each memory, 0 outermost; side by side means equal.
    pub levels: Vec<usize>,
    pub array_names: Vec<String>,
    /// Every array as written: name, array of the ir, its axes in there.
    pub parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub name: String,
    pub array: usize,
    pub first_axis: usize,
    pub axes: usize,
}

impl Hardware {
    /// Memories by name.
    pub(super) fn memory(&self, name: &str) -> Option<usize> {
        self.memory_names.iter().position(|known| known == name)
    }

    /// The first array inside the innermost memory; as many as there are arrays when there is none.
    pub(super) fn first_inside(&self) -> usize {
        let memories = &self.architecture.memories;
        memories.last().map_or(0, |memory| memory.arrays_above)
    }

    /// The arrays without a memory between them, from the outside in.
    pub(super) fn runs(&self) -> Vec<Range<usize>> {
        let arrays = self.architecture.arrays.len();
        let memories = &self.architecture.memories;
        let starts = |at: &usize| *at == 0 || memories.iter().any(|m| m.arrays_above == *at);
        let mut runs: Vec<Range<usize>> = Vec::new();
        let mut starts = (0..arrays).filter(starts).peekable();
        while let Some(first) = starts.next() {
            runs.push(first..starts.peek().copied().unwrap_or(arrays));
        }
        runs
    }

    /// Whether the arrays of a run are one, but for how they are written.
    pub(super) fn alike(&self, run: &Range<usize>) -> bool {
        let arrays = self.architecture.arrays.get(run.clone()).unwrap_or(&[]);
        arrays
            .windows(2)
            .all(|pair| pair[0].network == pair[1].network)
    }

    /// The same hardware with the arrays of a run as one of the joined shape.
    pub(super) fn joined(&self, run: &Range<usize>) -> Hardware {
        let mut joined = self.clone();
        let inner = run.len().saturating_sub(1);
        let mut axes = 0;
        for part in &mut joined.parts {
            if run.contains(&part.array) {
                part.array = run.start;
                part.first_axis = axes;
                axes += part.axes;
            } else if part.array >= run.end {
                part.array -= inner;
            }
        }
        let shape = self.architecture.arrays.get(run.clone()).unwrap_or(&[]);
        let shape: Vec<u64> = shape.iter().flat_map(|array| array.shape.clone()).collect();
        if let Some(first) = joined.architecture.arrays.get_mut(run.start) {
            first.shape = shape;
        }
        let names = self.array_names.get(run.clone()).unwrap_or(&[]).join(" x ");
        if let Some(first) = joined.array_names.get_mut(run.start) {
            *first = names;
        }
        let rest = run.start + 1..run.end;
        joined.architecture.arrays.drain(rest.clone());
        joined.array_names.drain(rest);
        for memory in &mut joined.architecture.memories {
            if memory.arrays_above >= run.end {
                memory.arrays_above -= inner;
            }
        }
        joined
    }

    /// The innermost level.
    pub(super) fn last_level(&self) -> usize {
        self.levels.last().copied().unwrap_or(0)
    }
}

/// The ir of an accelerator.
#[must_use]
pub fn architecture(accelerator: &Accelerator) -> Architecture {
    architecture_on(accelerator, None)
}

/// The ir of an accelerator as a computation on one of its arrays sees it (an index into
/// [`Accelerator::arrays`]): of arrays side by side only that one; without a choice the first.
#[must_use]
pub fn architecture_on(accelerator: &Accelerator, array: Option<usize>) -> Architecture {
    hardware(&accelerator.on_array(array)).architecture
}

/// Of arrays side by side the first counts. Every written array is one of the ir, with its own network.
pub(super) fn hardware(accelerator: &Accelerator) -> Hardware {
    let accelerator = &*accelerator.on_array(None);
    let arrays = accelerator.arrays.iter().map(|array| Array {
        shape: array.shape.clone(),
        network: Network {
            links: links(array.links),
            latency: array.latency,
            multicast: array.multicast,
            reduction: array.reduction,
            forwarding: array.forwarding,
            skew: array.skew,
        },
    });
    let parts = accelerator
        .arrays
        .iter()
        .enumerate()
        .map(|(at, array)| Part {
            name: array.name.clone(),
            array: at,
            first_axis: 0,
            axes: array.shape.len(),
        });
    let mut memories = Vec::with_capacity(accelerator.memories.len());
    for memory in &accelerator.memories {
        memories.push(Memory {
            arrays_above: memory.arrays_above.min(accelerator.arrays.len()),
            level: memory.level,
            banks: memory.banks,
            streams: memory.streams,
            capacity_bits: memory.capacity_bits,
            double_buffered: memory.double_buffered,
            refill: if memory.refill_tile {
                Refill::Tile
            } else {
                Refill::Window
            },
            holds: RoleSet {
                input: memory.holds.input,
                weight: memory.holds.weight,
                output: memory.holds.output,
            },
            ports: ports(memory.ports),
        });
    }
    Hardware {
        architecture: Architecture {
            memories,
            arrays: arrays.collect(),
            lanes: accelerator.lanes,
        },
        memory_names: accelerator
            .memories
            .iter()
            .map(|memory| memory.name.clone())
            .collect(),
        memory_spans: accelerator
            .memories
            .iter()
            .map(|memory| memory.span)
            .collect(),
        levels: accelerator
            .memories
            .iter()
            .map(|memory| memory.level)
            .collect(),
        array_names: accelerator
            .arrays
            .iter()
            .map(|array| array.name.clone())
            .collect(),
        parts: parts.collect(),
    }
}

fn ports(written: hir::Ports) -> Ports {
    match written {
        hir::Ports::One(both) => rate(both).map_or(Ports::UNBOUNDED, Ports::One),
        hir::Ports::Two { read, write } => Ports::Two {
            read: read.and_then(rate),
            write: write.and_then(rate),
        },
    }
}

fn links(written: hir::Links) -> Links {
    match written {
        hir::Links::Shared(both) => Links::Shared(both.and_then(rate)),
        hir::Links::PerTensor(widths) => Links::PerTensor {
            input: widths.input.and_then(rate),
            weight: widths.weight.and_then(rate),
            output: widths.output.and_then(rate),
        },
    }
}

/// The front end has seen to it that both parts fit.
fn rate(ratio: Ratio) -> Option<Rate> {
    Some(Rate {
        bits: u64::try_from(ratio.numerator()).ok()?,
        cycles: u64::try_from(ratio.denominator()).ok()?,
    })
}
