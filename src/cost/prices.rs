//! Which entry prices which action of one mapped layer.
//!
//! Found once per accelerator and layer, used for many counts: a search multiplies, it does not look up.

use super::CostError;
use super::table::{Lookup, Point, look_up, sort};
use super::tech::{Action, Precision, Technology, capacity_text};
use crate::ir::{Architecture, Mapping, OperationKind};

/// What the accelerator and the layer say about cost beyond the IR.
#[derive(Clone, Debug, PartialEq)]
pub struct Context {
    /// Of the operands; the widest one when they differ.
    pub precision: Precision,
    /// Cycles per second.
    pub clock_hz: Option<f64>,
    /// The accelerator has more arrays than the architecture: others beside the one that computes.
    pub side_by_side: bool,
    /// One entry per memory of the architecture; a missing one says nothing.
    pub memories: Vec<MemoryContext>,
}

/// The cost keys of one `Memory`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemoryContext {
    /// `Class:`.
    pub class: Option<String>,
    /// `ReadEnergy:`
    pub read: Option<OwnPrice>,
    /// `WriteEnergy:`
    pub write: Option<OwnPrice>,
    /// `Area:` of one instance.
    pub area_um2: Option<f64>,
}

/// What a memory says of its own accesses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OwnPrice {
    pub pj: f64,
    /// Of how many bits; `None` is one element, whatever its width.
    pub width_bits: Option<u32>,
}

/// What a price is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    Operation,
    Element,
    Bit,
    Cycle,
}

impl Per {
    /// As reports call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Per::Operation => "operation",
            Per::Element => "element",
            Per::Bit => "bit",
            Per::Cycle => "cycle",
        }
    }
}

/// The price of one action.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    pub pj: f64,
    pub per: Per,
    /// The technology entry, or the key of the memory, that the figure came from.
    pub label: String,
}

/// The prices of everything that a mapping may do. What has no price is an error only when it is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Prices {
    pub operation: Result<Price, CostError>,
    /// Read and write, per memory of the architecture.
    pub memories: Vec<[Result<Price, CostError>; 2]>,
    pub hop: Result<Price, CostError>,
    /// Absent when the technology has no static power.
    pub static_power: Option<Result<Price, CostError>>,
}

impl Prices {
    /// Finds the prices for every mapping of the same operation on the same architecture.
    #[must_use]
    pub fn new(technology: &Technology, context: &Context, mapping: &Mapping) -> Prices {
        Prices::on(
            technology,
            context,
            &mapping.architecture,
            mapping.operation.kind,
        )
    }

    /// Finds the prices for every schedule of operations of this kind on the architecture, loops or none.
    #[must_use]
    pub fn on(
        technology: &Technology,
        context: &Context,
        architecture: &Architecture,
        kind: OperationKind,
    ) -> Prices {
        let memories = (0..architecture.memories.len())
            .map(|memory| {
                [Direction::Read, Direction::Write]
                    .map(|direction| access(technology, context, architecture, memory, direction))
            })
            .collect();
        Prices {
            operation: operation(technology, context.precision, kind),
            memories,
            hop: hop(technology),
            static_power: static_power(technology, context.clock_hz),
        }
    }
}

fn operation(
    technology: &Technology,
    precision: Precision,
    kind: OperationKind,
) -> Result<Price, CostError> {
    let wanted = match kind {
        OperationKind::MultiplyAccumulate => Action::Mac(precision),
        OperationKind::Reduce | OperationKind::Elementwise => Action::Op(precision),
    };
    match technology.find(|action| *action == wanted) {
        Some(entry) => Ok(Price {
            pj: entry.value,
            per: Per::Operation,
            label: entry.label.clone(),
        }),
        None => Err(missing(technology, &wanted)),
    }
}

fn hop(technology: &Technology) -> Result<Price, CostError> {
    let found = technology.find(|action| matches!(action, Action::Hop { .. }));
    match found {
        Some(entry) => {
            let width = match entry.action {
                Action::Hop { width_bits } => width_bits,
                _ => None,
            };
            Ok(per_width(entry.value, width, &entry.label))
        }
        None => Err(missing(technology, &Action::Hop { width_bits: None })),
    }
}

fn static_power(
    technology: &Technology,
    clock_hz: Option<f64>,
) -> Option<Result<Price, CostError>> {
    let entry = technology.find(|action| *action == Action::Static)?;
    if entry.value <= 0.0 {
        return None;
    }
    Some(match clock_hz {
        // 1 mW during one cycle: 1e-3 J/s / Hz = 1e9 pJ / Hz.
        Some(clock) if clock > 0.0 => Ok(Price {
            pj: entry.value * 1e9 / clock,
            per: Per::Cycle,
            label: entry.label.clone(),
        }),
        _ => Err(CostError::MissingClock),
    })
}

#[derive(Clone, Copy)]
enum Direction {
    Read,
    Write,
}

impl Direction {
    /// Class, capacity and width when `action` is an access in this direction.
    fn of(self, action: &Action) -> Option<(&str, Option<u128>, Option<u32>)> {
        match (self, action) {
            (
                Direction::Read,
                Action::Read {
                    class,
                    capacity_bits,
                    width_bits,
                },
            )
            | (
                Direction::Write,
                Action::Write {
                    class,
                    capacity_bits,
                    width_bits,
                },
            ) => Some((class, *capacity_bits, *width_bits)),
            _ => None,
        }
    }

    fn action(self, class: &str, capacity_bits: Option<u128>) -> Action {
        let class = class.to_owned();
        match self {
            Direction::Read => Action::Read {
                class,
                capacity_bits,
                width_bits: None,
            },
            Direction::Write => Action::Write {
                class,
                capacity_bits,
                width_bits: None,
            },
        }
    }
}

fn access(
    technology: &Technology,
    context: &Context,
    architecture: &Architecture,
    memory: usize,
    direction: Direction,
) -> Result<Price, CostError> {
    let own = context
        .memories
        .get(memory)
        .and_then(|keys| match direction {
            Direction::Read => keys.read.map(|price| (price, "ReadEnergy of the memory")),
            Direction::Write => keys.write.map(|price| (price, "WriteEnergy of the memory")),
        });
    if let Some((price, label)) = own {
        return Ok(per_width(price.pj, price.width_bits, label));
    }
    let class = class_of(technology, context, architecture, memory);
    let capacity = architecture.memories[memory].capacity_bits;
    let wanted = direction.action(&class, capacity);
    let entries = || {
        technology.entries.iter().filter_map(|entry| {
            direction
                .of(&entry.action)
                .filter(|(found, ..)| *found == class)
                .map(|(_, capacity, width)| (entry, capacity, width))
        })
    };
    let flat = entries().find(|(_, capacity, _)| capacity.is_none());
    let mut points: Vec<Point<'_>> = entries()
        .filter_map(|(entry, capacity, width)| {
            Some(Point {
                capacity_bits: capacity?,
                value: entry.value / f64::from(width?.max(1)),
                label: &entry.label,
            })
        })
        .collect();
    sort(&mut points);
    // An entry per element has no place on a curve per bit: it holds for its own capacity only.
    let exact_element = entries()
        .find(|(_, found, width)| width.is_none() && found.is_some() && *found == capacity);
    if let Some((entry, ..)) = exact_element {
        return Ok(per_width(entry.value, None, &entry.label));
    }
    if let Some(bits) = capacity {
        match look_up(&points, bits, &capacity_text(bits), technology.extrapolate) {
            Lookup::Value { value, label } => {
                return Ok(Price {
                    pj: value,
                    per: Per::Bit,
                    label,
                });
            }
            Lookup::Outside { smallest, largest } if flat.is_none() => {
                return Err(CostError::OutsideTable {
                    action: wanted.to_string(),
                    smallest: points[smallest].label.to_owned(),
                    largest: points[largest].label.to_owned(),
                });
            }
            Lookup::Outside { .. } | Lookup::Empty => {}
        }
    }
    match flat {
        Some((entry, _, width)) => Ok(per_width(entry.value, width, &entry.label)),
        None => Err(missing(technology, &wanted)),
    }
}

/// The class of a memory: what its `Class:` says; else DRAM for the backing store; else RF for the
/// innermost memories of an array when the technology knows RF; else SRAM.
pub(super) fn class_of(
    technology: &Technology,
    context: &Context,
    architecture: &Architecture,
    memory: usize,
) -> String {
    if let Some(class) = context
        .memories
        .get(memory)
        .and_then(|keys| keys.class.as_ref())
    {
        return class.clone();
    }
    let class = if memory == 0 {
        "DRAM"
    } else if is_innermost(architecture, memory)
        && architecture.memories[memory].arrays_above > 0
        && technology.has_class("RF")
    {
        "RF"
    } else {
        "SRAM"
    };
    class.to_owned()
}

/// No memory further in holds a role that this one holds.
fn is_innermost(architecture: &Architecture, memory: usize) -> bool {
    let holds = architecture.memories[memory].holds;
    architecture.memories[memory + 1..].iter().all(|inner| {
        !((inner.holds.input && holds.input)
            || (inner.holds.weight && holds.weight)
            || (inner.holds.output && holds.output))
    })
}

fn per_width(value: f64, width_bits: Option<u32>, label: &str) -> Price {
    match width_bits {
        Some(bits) => Price {
            pj: value / f64::from(bits.max(1)),
            per: Per::Bit,
            label: label.to_owned(),
        },
        None => Price {
            pj: value,
            per: Per::Element,
            label: label.to_owned(),
        },
    }
}

fn missing(technology: &Technology, wanted: &Action) -> CostError {
    CostError::MissingEntry {
        action: wanted.to_string(),
        have: technology.spellings(wanted.word()),
    }
}
