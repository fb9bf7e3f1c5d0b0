//! Area = MAC units + memories + buses + arbiters, as far as the technology has figures; and the power of the same parts,
//! as synthesis reports it, by the same sum.
//!
//! The backing store is off-chip and takes none. Arrays with no memory between them share one bus: a
//! dataflow that splits the array in clusters does not change the silicon.

use super::prices::{Context, class_of};
use super::table::{Lookup, Point, look_up, sort};
use super::tech::{Action, Built, Technology, capacity_text};
use crate::ir::{Architecture, Rate};
use std::fmt;

/// What a part of the area or the power is spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AreaComponent {
    Compute,
    Memory(usize),
    Bus,
    Arbiter,
}

/// One summand.
#[derive(Clone, Debug, PartialEq)]
pub struct AreaTerm {
    pub component: AreaComponent,
    /// um2, or mW of the power.
    pub value: f64,
    /// The technology entry, or the key of the memory.
    pub label: String,
}

/// The area of an accelerator, or why it cannot be said.
#[derive(Clone, Debug, PartialEq)]
pub enum Area {
    Known {
        terms: Vec<AreaTerm>,
        total_um2: f64,
    },
    Absent(AreaAbsent),
}

/// Why there is no area.
#[derive(Clone, Debug, PartialEq)]
pub enum AreaAbsent {
    NoEntries,
    Missing {
        action: String,
    },
    Outside {
        action: String,
    },
    /// Index of a memory without a size.
    UnboundedMemory(usize),
    UnboundedNetwork,
    /// The architecture is one of several side by side.
    SideBySide,
}

impl fmt::Display for AreaAbsent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AreaAbsent::NoEntries => out.write_str("the technology has no area entries"),
            AreaAbsent::Missing { action } => {
                write!(out, "the technology has no entry for {action}")
            }
            AreaAbsent::Outside { action } => {
                write!(out, "{action} is outside the table of the technology")
            }
            AreaAbsent::UnboundedMemory(_) => out.write_str("a memory on the chip has no size"),
            AreaAbsent::SideBySide => out.write_str("arrays side by side have no area"),
            AreaAbsent::UnboundedNetwork => out.write_str("a network on the chip has no bandwidth"),
        }
    }
}

/// The area of `architecture`.
#[must_use]
pub fn area(technology: &Technology, context: &Context, architecture: &Architecture) -> Area {
    match built(Built::Area, technology, context, architecture) {
        Ok(terms) => Area::Known {
            total_um2: terms.iter().map(|term| term.value).sum(),
            terms,
        },
        Err(absent) => Area::Absent(absent),
    }
}

/// The parts of `architecture`, with what each takes of this.
///
/// # Errors
/// Why it cannot be said.
pub fn built(
    built: Built,
    technology: &Technology,
    context: &Context,
    architecture: &Architecture,
) -> Result<Vec<AreaTerm>, AreaAbsent> {
    if !technology.has(built) {
        return Err(AreaAbsent::NoEntries);
    }
    if context.side_by_side {
        return Err(AreaAbsent::SideBySide);
    }
    let wanted = Action::BuiltMac(built, context.precision);
    let mac = technology
        .find(|action| *action == wanted)
        .ok_or_else(|| AreaAbsent::Missing {
            action: wanted.to_string(),
        })?;
    let units = architecture.pes() as f64 * architecture.lanes as f64;
    let mut terms = vec![AreaTerm {
        component: AreaComponent::Compute,
        value: units * mac.value,
        label: mac.label.clone(),
    }];
    for memory in 1..architecture.memories.len() {
        terms.push(memory_term(
            built,
            technology,
            context,
            architecture,
            memory,
        )?);
    }
    terms.extend(network_terms(built, technology, architecture)?);
    Ok(terms)
}

fn memory_term(
    built: Built,
    technology: &Technology,
    context: &Context,
    architecture: &Architecture,
    memory: usize,
) -> Result<AreaTerm, AreaAbsent> {
    let own = context.memories.get(memory).and_then(|keys| keys.area_um2);
    if let Some(um2) = own.filter(|_| built == Built::Area) {
        return Ok(AreaTerm {
            component: AreaComponent::Memory(memory),
            value: um2 * architecture.instances(memory) as f64,
            label: "Area of the memory".to_owned(),
        });
    }
    let bits = architecture.memories[memory]
        .capacity_bits
        .ok_or(AreaAbsent::UnboundedMemory(memory))?;
    let class = class_of(technology, context, architecture, memory);
    let wanted = Action::BuiltMemory {
        built,
        class: class.clone(),
        capacity_bits: bits,
    }
    .to_string();
    let mut points: Vec<Point<'_>> = technology
        .entries
        .iter()
        .filter_map(|entry| match &entry.action {
            Action::BuiltMemory {
                built: of,
                class: found,
                capacity_bits,
            } if *of == built && *found == class && *capacity_bits > 0 => Some(Point {
                capacity_bits: *capacity_bits,
                value: entry.value / *capacity_bits as f64,
                label: &entry.label,
            }),
            _ => None,
        })
        .collect();
    sort(&mut points);
    match look_up(&points, bits, &capacity_text(bits), technology.extrapolate) {
        Lookup::Value { value, label } => Ok(AreaTerm {
            component: AreaComponent::Memory(memory),
            value: value * bits as f64 * architecture.instances(memory) as f64,
            label,
        }),
        Lookup::Outside { .. } => Err(AreaAbsent::Outside { action: wanted }),
        Lookup::Empty => Err(AreaAbsent::Missing { action: wanted }),
    }
}

fn network_terms(
    built: Built,
    technology: &Technology,
    architecture: &Architecture,
) -> Result<Vec<AreaTerm>, AreaAbsent> {
    let bus = technology
        .find(|action| matches!(action, Action::BuiltBus { built: of, .. } if *of == built));
    let arbiter = technology
        .find(|action| matches!(action, Action::BuiltArbiter { built: of, .. } if *of == built));
    let mut terms = Vec::new();
    let arrays = physical_arrays(architecture);
    if let Some(entry) = bus
        && let Action::BuiltBus {
            slope, intercept, ..
        } = entry.action
    {
        let mut value = 0.0;
        for array in &arrays {
            let rate = array.bandwidth.ok_or(AreaAbsent::UnboundedNetwork)?;
            let bytes = rate.bits as f64 / rate.cycles.max(1) as f64 / 8.0;
            value += array.copies * entry.value * (slope * array.size + intercept) * bytes;
        }
        terms.push(AreaTerm {
            component: AreaComponent::Bus,
            value,
            label: entry.label.clone(),
        });
    }
    if let Some(entry) = arbiter
        && let Action::BuiltArbiter {
            quadratic,
            linear,
            constant,
            ..
        } = entry.action
    {
        let value = arrays
            .iter()
            .map(|array| {
                let grown = quadratic * array.size * array.size + linear * array.size + constant;
                array.copies * entry.value * grown.max(1.0)
            })
            .sum();
        terms.push(AreaTerm {
            component: AreaComponent::Arbiter,
            value,
            label: entry.label.clone(),
        });
    }
    Ok(terms)
}

struct PhysicalArray {
    size: f64,
    /// How many of it the arrays further out make.
    copies: f64,
    bandwidth: Option<Rate>,
}

/// Arrays with no memory between them are one.
fn physical_arrays(architecture: &Architecture) -> Vec<PhysicalArray> {
    let mut found: Vec<PhysicalArray> = Vec::new();
    let mut copies = 1.0;
    for (index, array) in architecture.arrays.iter().enumerate() {
        let size = array.size() as f64;
        let starts = index == 0
            || architecture
                .memories
                .iter()
                .any(|memory| memory.arrays_above == index);
        match found.last_mut() {
            Some(last) if !starts => last.size *= size,
            _ => found.push(PhysicalArray {
                size,
                copies,
                bandwidth: array.network.links.total(),
            }),
        }
        copies *= size;
    }
    found
}
