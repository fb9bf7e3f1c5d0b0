//! Accelerator -> [`ir::Architecture`](crate::ir::Architecture), and the names of its parts.

use super::LowerError;
use crate::base::{Ratio, Span};
use crate::hir::{self, Accelerator};
use crate::ir::{Architecture, Array, Links, Memory, Network, Ports, Rate, Refill, RoleSet};

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

    /// The innermost level.
    pub(super) fn last_level(&self) -> usize {
        self.levels.last().copied().unwrap_or(0)
    }
}

/// The ir of an accelerator.
///
/// # Errors
/// Hardware on which nothing can be mapped: no memory inside the innermost array.
pub fn architecture(accelerator: &Accelerator) -> Result<Architecture, Box<LowerError>> {
    architecture_on(accelerator, None)
}

/// The ir of an accelerator as a computation on one of its arrays sees it (an index into
/// [`Accelerator::arrays`]): of arrays side by side only that one; without a choice the first.
///
/// # Errors
/// As [`architecture`].
pub fn architecture_on(
    accelerator: &Accelerator,
    array: Option<usize>,
) -> Result<Architecture, Box<LowerError>> {
    hardware(&accelerator.on_array(array)).map(|hardware| hardware.architecture)
}

/// Of arrays side by side the first counts.
pub(super) fn hardware(accelerator: &Accelerator) -> Result<Hardware, Box<LowerError>> {
    let accelerator = &*accelerator.on_array(None);
    // Runs of arrays without a memory between them become one.
    let mut arrays: Vec<Array> = Vec::new();
    let mut array_names: Vec<String> = Vec::new();
    let mut parts = Vec::new();
    // Index in `arrays` of every written array.
    let mut run_of = Vec::new();
    for (at, array) in accelerator.arrays.iter().enumerate() {
        let separated = accelerator
            .memories
            .iter()
            .any(|memory| memory.arrays_above == at);
        match (arrays.last_mut(), array_names.last_mut()) {
            (Some(run), Some(name)) if !separated => {
                parts.push(Part {
                    name: array.name.clone(),
                    array: run_of.last().copied().unwrap_or(0),
                    first_axis: run.shape.len(),
                    axes: array.shape.len(),
                });
                run.shape.extend(&array.shape);
                name.push_str(" x ");
                name.push_str(&array.name);
            }
            _ => {
                parts.push(Part {
                    name: array.name.clone(),
                    array: arrays.len(),
                    first_axis: 0,
                    axes: array.shape.len(),
                });
                arrays.push(Array {
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
                array_names.push(array.name.clone());
            }
        }
        run_of.push(arrays.len() - 1);
    }
    let mut memories = Vec::with_capacity(accelerator.memories.len());
    for memory in &accelerator.memories {
        let arrays_above = match memory.arrays_above.checked_sub(1) {
            Some(last) => run_of.get(last).map_or(0, |run| run + 1),
            None => 0,
        };
        memories.push(Memory {
            arrays_above,
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
    if memories
        .last()
        .is_none_or(|inner| inner.arrays_above != arrays.len())
    {
        return Err(Box::new(LowerError::NoInnerMemory {
            accelerator: accelerator.name.clone(),
            array: array_names.last().cloned().unwrap_or_default(),
            span: accelerator
                .arrays
                .last()
                .map_or(accelerator.name_span, |array| array.span),
        }));
    }
    Ok(Hardware {
        architecture: Architecture {
            memories,
            arrays,
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
        array_names,
        parts,
    })
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
