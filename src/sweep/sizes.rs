//! Which axes of a sweep are sizes of memories and nothing else.
//!
//! Problem: of 252 million designs of four parameters, 65,536 each differ in two sizes alone. A size decides what fits,
//! where a dataflow without places puts its tiles, a price and an area; everything else is the same, and need not be
//! counted again. Which parameter is only a size is read from the source ([`super::uses`]): it stands in the `Size` of
//! memories, in nothing else of the accelerator and in no default of another parameter, and no dataflow asks for it.
//!
//! Invariant: the memories of two such axes are different ones, those of the first outside of those of the second, and
//! larger values are larger sizes.

use super::design::arguments;
use super::uses::{Uses, architectures};
use crate::base::Ratio;
use crate::diag::Diagnostics;
use crate::driver::Compiled;
use crate::explore::Grid;
use crate::hir::explore::Explore;
use crate::hir::{Application, Value};
use crate::ir::Architecture;
use crate::lower;

/// An axis that is a size.
#[derive(Clone, Debug)]
pub(super) struct SizeAxis {
    /// Of the grid.
    pub axis: usize,
    /// Memories of the architecture, ascending.
    pub memories: Vec<usize>,
    /// Bits of each of them, per value of the axis.
    pub bits: Vec<Vec<u128>>,
    /// Places on the axis, from small to large.
    pub order: Vec<usize>,
    /// It has one place, whose size is what the mappings on an array require.
    pub required: bool,
}

impl SizeAxis {
    /// Gives the memories their sizes at a place of the axis.
    pub fn set(&self, architecture: &mut Architecture, place: usize) {
        let Some(bits) = self.bits.get(place) else {
            return;
        };
        for (&memory, &bits) in self.memories.iter().zip(bits) {
            if let Some(memory) = architecture.memories.get_mut(memory) {
                memory.capacity_bits = Some(bits);
            }
        }
    }
}

/// The axes that are sizes, outer memories first.
pub(super) fn size_axes(
    compiled: &Compiled,
    explore: &Explore,
    grid: &Grid,
    dataflows: &[Application],
) -> Vec<SizeAxis> {
    let program = &compiled.program;
    let made = program.accelerators.get(explore.accelerator);
    let is_memory =
        |name: &str| made.is_none_or(|made| made.memories.iter().any(|memory| memory.name == name));
    let asks = |used: &Application| {
        let dataflow = program.dataflows.get(used.dataflow);
        dataflow.is_none_or(|dataflow| dataflow.asks_capacity(used, &is_memory))
    };
    if dataflows.iter().any(asks) {
        return Vec::new();
    }
    let axes = 0..explore.axes.len();
    let mut found: Vec<SizeAxis> = axes
        .filter_map(|at| size_axis(compiled, explore, grid, at))
        .collect();
    found.sort_by(|one, other| one.memories.cmp(&other.memories));
    let mut kept: Vec<SizeAxis> = Vec::new();
    for axis in found {
        let last = kept.last().and_then(|known| known.memories.last());
        if axis.memories.first() > last {
            kept.push(axis);
        }
    }
    kept
}

fn size_axis(compiled: &Compiled, explore: &Explore, grid: &Grid, at: usize) -> Option<SizeAxis> {
    let is_size = |kind: &str, key: &str| {
        matches!(
            (kind, key),
            ("Memory", "Size") | ("Buffer", "GlobalL2" | "LocalL1")
        )
    };
    if !Uses::new(compiled, explore, at)?.only(&is_size) {
        return None;
    }
    if explore.axes.get(at)?.required {
        return required_axis(compiled, explore, grid, at);
    }
    let architectures = architectures(compiled, explore, grid, at)?;
    let first = architectures.first()?;
    let memories: Vec<usize> = (0..first.memories.len())
        .filter(|&memory| {
            let size = |one: &Architecture| one.memories.get(memory).and_then(|m| m.capacity_bits);
            architectures.iter().any(|one| size(one) != size(first))
        })
        .collect();
    if memories.is_empty() {
        return None;
    }
    let bits: Option<Vec<Vec<u128>>> = architectures
        .iter()
        .map(|one| {
            let sizes = memories
                .iter()
                .map(|&at| one.memories.get(at)?.capacity_bits);
            sizes.collect()
        })
        .collect();
    let bits = bits?;
    let mut order: Vec<usize> = (0..bits.len()).collect();
    order.sort_by_key(|&place| bits.get(place).cloned());
    let ascends = order.windows(2).all(|pair| {
        let (smaller, larger) = (&bits[pair[0]], &bits[pair[1]]);
        smaller
            .iter()
            .zip(larger)
            .all(|(smaller, larger)| smaller <= larger)
    });
    ascends.then_some(SizeAxis {
        axis: at,
        memories,
        bits,
        order,
        required: false,
    })
}

/// The axis of a size that is required: which memories have it is seen with another value than the default.
fn required_axis(
    compiled: &Compiled,
    explore: &Explore,
    grid: &Grid,
    at: usize,
) -> Option<SizeAxis> {
    let mut sink = Diagnostics::new();
    let mut given = arguments(compiled, explore, &vec![0; grid.lengths().len()]);
    let mut made = |given: &[(usize, Value)]| {
        let made = compiled.accelerator(explore.accelerator, given, &mut sink)?;
        Some(lower::architecture(&made))
    };
    let first = made(&given)?;
    let own = &explore.axes.get(at)?.parameters;
    for (_, value) in given.iter_mut().filter(|one| own.contains(&one.0)) {
        *value = match *value {
            Value::Integer(value) => Value::Integer(value.checked_mul(2)?),
            Value::Exact(value, dimension) => {
                let two = Ratio::new(2, 1)?;
                Value::Exact(value.checked_mul(two)?, dimension)
            }
        };
    }
    let second = made(&given)?;
    let size = |one: &Architecture, memory: usize| one.memories.get(memory)?.capacity_bits;
    let memories: Vec<usize> = (0..first.memories.len())
        .filter(|&memory| size(&first, memory) != size(&second, memory))
        .collect();
    let bits = memories.iter().map(|&memory| size(&first, memory));
    Some(SizeAxis {
        axis: at,
        bits: vec![bits.collect::<Option<Vec<u128>>>()?],
        order: vec![0],
        required: true,
        memories,
    })
    .filter(|axis| !axis.memories.is_empty())
}
