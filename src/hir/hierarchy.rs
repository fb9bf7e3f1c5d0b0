//! The general form of an accelerator: `Memory`, `Level`, `Array`, `Compute` from the outside in.

use super::accelerator::{NOC, capacity, energy, memory, missing, network, rate, silicon, switch};
use super::body::{Known, block, property, single, value};
use super::error::HirError;
use super::eval::describe;
use super::exclusive;
use super::scope::Context;
use super::{Accelerator, Array, Links, Memory, PerRole, Ports};
use crate::base::{Ratio, Span};
use crate::syntax::ast::{self, Block, Entry};

/// The ir and the search are dimensioned for this many PEs of an array.
const MAX_ARRAY: u128 = 1 << 40;
const MAX_LEVELS: usize = 16;
const MAX_PARTS: usize = 64;

/// Fills in memories, arrays and lanes.
pub(super) fn general_form(
    cx: &mut Context<'_>,
    node: &ast::Definition,
    accelerator: &mut Accelerator,
) {
    let clock = accelerator.clock;
    let mut level = 0;
    let mut array_level = 0;
    let mut computed = false;
    for entry in &node.body.entries {
        let Entry::Block(part) = entry else {
            continue;
        };
        if accelerator.memories.len() + accelerator.arrays.len() >= MAX_PARTS {
            cx.error(HirError::Unavailable {
                what: format!("an accelerator of more than {MAX_PARTS} parts"),
                span: part.kind.span,
            });
            return;
        }
        match part.kind.as_str() {
            "Memory" => {
                let arrays_above = accelerator.arrays.len();
                let memory = general_memory(cx, part, clock, level, arrays_above);
                accelerator.memories.push(memory);
                level += 1;
            }
            "Level" => {
                LEVEL.check(cx, &part.body);
                if let Some(beyond) = part.body.blocks().nth(MAX_PARTS) {
                    cx.error(HirError::Unavailable {
                        what: format!("a level of more than {MAX_PARTS} parts"),
                        span: beyond.kind.span,
                    });
                }
                let (memories, arrays) = (accelerator.memories.len(), accelerator.arrays.len());
                for side in part.body.blocks().take(MAX_PARTS) {
                    let first = part.body.blocks().next().unwrap_or(side);
                    if side.kind.as_str() != first.kind.as_str() {
                        mixed(cx, side, first);
                    } else if side.kind.as_str() == "Memory" {
                        let memory = general_memory(cx, side, clock, level, arrays);
                        accelerator.memories.push(memory);
                    } else if side.kind.as_str() == "Array" {
                        let array = general_array(cx, side, clock, array_level);
                        accelerator.arrays.extend(array);
                    }
                }
                level += usize::from(accelerator.memories.len() > memories);
                array_level += usize::from(accelerator.arrays.len() > arrays);
            }
            "Array" => {
                if let Some(array) = general_array(cx, part, clock, array_level) {
                    accelerator.arrays.push(array);
                    array_level += 1;
                }
            }
            "Compute" => {
                computed = true;
                COMPUTE.check(cx, &part.body);
                if let Some(name) = &part.name {
                    accelerator.compute = name.value.clone();
                }
                if let Some(expr) = value(cx, &part.body, "Lanes") {
                    accelerator.lanes = cx.size(expr, "`Lanes`").unwrap_or(1);
                }
            }
            _ => {}
        }
    }
    names_differ(cx, accelerator);
    let owner = format!("accelerator `{}`", accelerator.name);
    let mut lacks = |what: &str| {
        cx.error(HirError::Missing {
            what: what.to_owned(),
            owner: owner.clone(),
            span: accelerator.name_span,
            insert: None,
        });
    };
    if level < 2 {
        lacks("a backing store and a memory inside it (two `Memory`)");
    }
    if level > MAX_LEVELS || array_level > MAX_LEVELS {
        lacks("a depth that the models can handle (at most 16 levels)");
    }
    if !computed {
        lacks("`Compute { Lanes: 1 }`");
    }
    let first: Vec<usize> = accelerator
        .memories
        .iter()
        .map(|memory| memory.level)
        .filter(|&level| level == 0)
        .collect();
    if first.len() > 1 {
        lacks("one single backing store on the outside");
    }
    if let Some(outer) = accelerator.memories.first() {
        let all = PerRole {
            input: true,
            weight: true,
            output: true,
        };
        if level >= 2 && (outer.holds != all || outer.arrays_above != 0) {
            cx.error(HirError::WrongKind {
                expected: "an outermost memory outside of all arrays that holds every tensor"
                    .to_owned(),
                found: format!("`{}`", outer.name),
                span: outer.span,
            });
        }
    }
    sides_differ(cx, accelerator);
}

/// A memory beside an array.
fn mixed(cx: &mut Context<'_>, side: &Block, first: &Block) {
    if ["Memory", "Array"].contains(&side.kind.as_str()) {
        cx.error(HirError::WrongKind {
            expected: "a `Level` of memories, or one of arrays".to_owned(),
            found: format!("`{}` beside `{}`", side.kind, first.kind),
            span: side.kind.span,
        });
    }
}

/// Memories side by side must not hold the same tensor.
fn sides_differ(cx: &mut Context<'_>, accelerator: &Accelerator) {
    for (at, memory) in accelerator.memories.iter().enumerate() {
        for other in &accelerator.memories[..at] {
            let both = (memory.holds.input && other.holds.input)
                || (memory.holds.weight && other.holds.weight)
                || (memory.holds.output && other.holds.output);
            if memory.level == other.level && both {
                cx.error(HirError::WrongKind {
                    expected: "memories of one `Level` to hold different tensors".to_owned(),
                    found: format!("one that `{}` holds too", other.name),
                    span: memory.span,
                });
            }
        }
    }
}

fn names_differ(cx: &mut Context<'_>, accelerator: &Accelerator) {
    let parts = accelerator
        .memories
        .iter()
        .map(|memory| (memory.name.as_str(), memory.span, "memory"))
        .chain(
            accelerator
                .arrays
                .iter()
                .map(|array| (array.name.as_str(), array.span, "array")),
        );
    let mut seen: Vec<(&str, Span, &str)> = Vec::new();
    for (name, span, what) in parts {
        match seen.iter().find(|known| known.0 == name) {
            Some(&(_, first, _)) => cx.error(HirError::DefinedTwice {
                what,
                name: name.to_owned(),
                span,
                first,
            }),
            None => seen.push((name, span, what)),
        }
    }
}

pub(super) const COMPUTE: Known = Known::properties("`Compute`", &["Lanes"]);

pub(super) const LEVEL: Known = Known {
    owner: "a `Level`",
    properties: &[],
    blocks: &[],
    repeated: &["Memory", "Array"],
    flags: &[],
    layers: false,
};

pub(super) const ARRAY: Known = Known {
    owner: "an `Array`",
    properties: &["Shape"],
    blocks: &["NoC"],
    repeated: &[],
    flags: &[],
    layers: false,
};

pub(super) const MEMORY: Known = Known {
    owner: "a `Memory`",
    properties: &[
        "Size",
        "Refill",
        "Banks",
        "Bandwidth",
        "ReadBandwidth",
        "WriteBandwidth",
        "DoubleBuffered",
        "Overlap",
        "Holds",
        "Class",
        "ReadEnergy",
        "WriteEnergy",
        "Area",
    ],
    blocks: &[],
    repeated: &[],
    flags: &["DoubleBuffered", "Overlap"],
    layers: false,
};

fn general_memory(
    cx: &mut Context<'_>,
    part: &Block,
    clock: Option<Ratio>,
    level: usize,
    arrays_above: usize,
) -> Memory {
    let body = &part.body;
    MEMORY.check(cx, body);
    let (name, span) = match &part.name {
        Some(name) => (name.value.clone(), name.span),
        None => {
            missing(cx, "a name", "a `Memory`", part);
            ("?".to_owned(), part.kind.span)
        }
    };
    let mut memory = memory(name, span, level, arrays_above);
    memory.capacity_bits = capacity(cx, body, "Size");
    memory.double_buffered = switch(cx, body, "DoubleBuffered", false);
    memory.streams = switch(cx, body, "Overlap", false);
    if memory.double_buffered && memory.streams {
        exclusive::buffers(cx, body);
    }
    if let Some(expr) = value(cx, body, "Refill") {
        match expr.as_name().map(|name| name.as_str()) {
            Some("window") => {}
            Some("tile") => memory.refill_tile = true,
            _ => cx.error(HirError::WrongKind {
                expected: "`window` or `tile`".to_owned(),
                found: describe(expr),
                span: expr.span,
            }),
        }
    }
    if let Some(expr) = value(cx, body, "Banks") {
        memory.banks = cx.size(expr, "`Banks`").unwrap_or(1);
        banks_divide(cx, &memory, body, expr.span);
    }
    exclusive::ports(cx, body);
    let read = rate(cx, body, "ReadBandwidth", clock);
    let write = rate(cx, body, "WriteBandwidth", clock);
    memory.ports = match rate(cx, body, "Bandwidth", clock) {
        Some(rate) => Ports::One(rate),
        None => Ports::Two { read, write },
    };
    if let Some(holds) = property(body, "Holds") {
        memory.holds = roles(cx, holds);
    }
    if let Some(expr) = value(cx, body, "Class") {
        match expr.as_name() {
            Some(name) => memory.class = Some(name.value.clone()),
            None => cx.error(HirError::WrongKind {
                expected: "an energy class such as `SRAM`".to_owned(),
                found: describe(expr),
                span: expr.span,
            }),
        }
    }
    memory.read_energy = energy(cx, body, "ReadEnergy");
    memory.write_energy = energy(cx, body, "WriteEnergy");
    memory.area = silicon(cx, body);
    memory
}

/// Banks are whole bits of a capacity that there is.
fn banks_divide(cx: &mut Context<'_>, memory: &Memory, body: &ast::Body, span: Span) {
    let Some(bits) = memory.capacity_bits else {
        if property(body, "Size").is_none() {
            cx.error(HirError::Missing {
                what: "`Size`, of which `Banks` are parts".to_owned(),
                owner: format!("memory `{}`", memory.name),
                span,
                insert: None,
            });
        }
        return;
    };
    if !bits.is_multiple_of(u128::from(memory.banks)) {
        cx.error(HirError::WrongKind {
            expected: "banks that divide the `Size`".to_owned(),
            found: format!("{bits} bits in {} parts", memory.banks),
            span,
        });
    }
}

fn roles(cx: &mut Context<'_>, holds: &ast::Property) -> PerRole<bool> {
    let mut roles = PerRole::default();
    for expr in &holds.values {
        match expr.as_name().map(|name| name.as_str()) {
            Some("Input") => roles.input = true,
            Some("Weight") => roles.weight = true,
            Some("Output") => roles.output = true,
            _ => cx.error(HirError::WrongKind {
                expected: "`Input`, `Weight` or `Output` (of an EINSUM: its first operand and those behind the second, its \
                           second, its result)"
                    .to_owned(),
                found: describe(expr),
                span: expr.span,
            }),
        }
    }
    roles
}

fn general_array(
    cx: &mut Context<'_>,
    part: &Block,
    clock: Option<Ratio>,
    level: usize,
) -> Option<Array> {
    ARRAY.check(cx, &part.body);
    let (name, span) = match &part.name {
        Some(name) => (name.value.clone(), name.span),
        None => ("PE".to_owned(), part.kind.span),
    };
    let Some(property) = property(&part.body, "Shape") else {
        missing(cx, "`Shape`", "an `Array`", part);
        return None;
    };
    let expr = single(cx, property)?;
    let axes = match &expr.kind {
        ast::ExprKind::List(axes) | ast::ExprKind::Tuple(axes) => axes.as_slice(),
        _ => std::slice::from_ref(expr),
    };
    let mut shape = Vec::with_capacity(axes.len());
    let mut product = 1u128;
    for axis in axes {
        let size = cx.size(axis, "an axis of the array")?;
        product = product.saturating_mul(u128::from(size));
        shape.push(size);
    }
    if shape.is_empty() || product > MAX_ARRAY {
        cx.error(HirError::Overflow { span: expr.span });
        return None;
    }
    let mut array = Array {
        name,
        span,
        level,
        shape,
        links: Links::Shared(None),
        latency: None,
        multicast: true,
        reduction: true,
        forwarding: false,
        skew: 0,
    };
    if let Some(noc) = block(&part.body, "NoC") {
        network(cx, noc, clock, &mut array, &NOC);
    }
    Some(array)
}
