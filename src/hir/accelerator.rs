//! `Accelerator`: the short form of the paper and the general one, as one hierarchy.
//!
//! `PE { NumPEs: 256; VectorWidth: 4 } Buffer { GlobalL2: 2048; LocalL1: 64 } NoC { Bandwidth: 64 }` is
//! DRAM, GlobalL2, an array of 256 with that network, LocalL1 (double-buffered) and 4 lanes; the general
//! form spells the same list out.
//!
//! Decisions (the reference manual states the same):
//! * a bare number is bytes for sizes, bytes per cycle for bandwidths, cycles for latencies, pJ for
//!   energies, MHz for `Clock`;
//! * `Bandwidth` of a memory is one port of one instance, for both directions; `ReadBandwidth` and
//!   `WriteBandwidth` are two;
//! * a network multicasts and reduces but does not forward unless it says so;
//! * energy classes, when absent: the backing store is `DRAM`, a memory inside every array is `RF`, any
//!   other `SRAM`.

use super::body::{Known, block, flag, property, value};
use super::error::HirError;
use super::eval::describe;
use super::exclusive;
use super::hierarchy::general_form;
use super::layer::precisions;
use super::scope::{Context, Definition, Kind, UNNAMED};
use super::{Accelerator, AccessEnergy, Array, Bound, Links, Memory, PerRole, Ports};
use crate::base::{Dimension, Ratio, Span};
use crate::syntax::ast::{self, Block, Body};

const BANDWIDTHS: [Dimension; 2] = [Dimension::BytesPerCycle, Dimension::BytesPerSecond];

/// Adds the accelerator to the program, with these values of its parameters.
pub(super) fn collect(
    cx: &mut Context<'_>,
    node: &ast::Definition,
    origin: Definition,
    parameters: &[Bound],
) -> Option<usize> {
    let before = cx.errors();
    let body = &node.body;
    let short = ["PE", "Buffer"]
        .iter()
        .any(|kind| block(body, kind).is_some());
    let known = if short { &SHORT } else { &GENERAL };
    known.check(cx, body);
    let clock = match value(cx, body, "Clock") {
        Some(expr) => {
            let default = (1_000_000, Dimension::Frequency);
            cx.quantity(expr, "Clock", &[Dimension::Frequency], default)
                .map(|(clock, _)| clock)
                .filter(|clock| positive(cx, "`Clock`", *clock, expr.span))
        }
        None => None,
    };
    let technology = match value(cx, body, "Technology") {
        Some(expr) => match &expr.kind {
            ast::ExprKind::Path(path) => cx.resolve(Kind::Technology, path),
            _ => {
                cx.error(HirError::WrongKind {
                    expected: "the name of a technology".to_owned(),
                    found: describe(expr),
                    span: expr.span,
                });
                None
            }
        },
        None => None,
    };
    let mut accelerator = Accelerator {
        name: node
            .name
            .as_ref()
            .map_or(UNNAMED.to_owned(), |name| name.value.clone()),
        name_span: node
            .name
            .as_ref()
            .map_or(node.span.start(), |name| name.span),
        origin,
        parameters: parameters.to_vec(),
        memories: Vec::new(),
        arrays: Vec::new(),
        compute: "MAC".to_owned(),
        lanes: 1,
        clock,
        precision: precisions(cx, body),
        technology,
    };
    if short {
        short_form(cx, body, &mut accelerator);
    } else {
        general_form(cx, node, &mut accelerator);
    }
    if cx.errors() != before {
        return None;
    }
    cx.program.accelerators.push(accelerator);
    Some(cx.program.accelerators.len() - 1)
}

pub(super) const SHORT: Known = Known {
    owner: "an accelerator in the short form",
    properties: &["Clock", "Precision", "Technology", "Description"],
    blocks: &["PE", "Buffer", "NoC", "OffChip", "Precision"],
    repeated: &[],
    flags: &[],
    layers: false,
};

pub(super) const PE: Known = Known::properties(
    "`PE`",
    &["NumPEs", "VectorWidth", "MultPrecision", "AddPrecision"],
);
pub(super) const BUFFER: Known = Known::properties("`Buffer`", &["GlobalL2", "LocalL1"]);
pub(super) const OFF_CHIP: Known = Known::properties("`OffChip`", &["Bandwidth"]);

pub(super) const GENERAL: Known = Known {
    owner: "an accelerator",
    properties: &["Clock", "Precision", "Technology", "Description"],
    blocks: &["Precision", "Compute"],
    repeated: &["Memory", "Array", "Level"],
    flags: &[],
    layers: false,
};

fn positive(cx: &mut Context<'_>, what: &str, ratio: Ratio, span: Span) -> bool {
    if ratio.numerator() == 0 {
        cx.error(HirError::NotPositive {
            what: what.to_owned(),
            value: "0".to_owned(),
            span,
        });
    }
    ratio.numerator() != 0
}

/// A bandwidth in bits per cycle.
pub(super) fn rate(
    cx: &mut Context<'_>,
    body: &Body,
    key: &str,
    clock: Option<Ratio>,
) -> Option<Ratio> {
    let expr = value(cx, body, key)?;
    let default = (1, Dimension::BytesPerCycle);
    let (bytes, dimension) = cx.quantity(expr, key, &BANDWIDTHS, default)?;
    if !positive(cx, &format!("`{key}`"), bytes, expr.span) {
        return None;
    }
    let per_cycle = if dimension == Dimension::BytesPerSecond {
        let Some(clock) = clock else {
            cx.error(HirError::NoClock {
                key: key.to_owned(),
                span: expr.span,
            });
            return None;
        };
        Ratio::new(clock.denominator(), clock.numerator())
            .and_then(|period| bytes.checked_mul(period))
    } else {
        Some(bytes)
    };
    let rate = per_cycle
        .and_then(|bytes| bytes.checked_mul(Ratio::new(8, 1)?))
        .filter(|rate| {
            u64::try_from(rate.numerator()).is_ok() && u64::try_from(rate.denominator()).is_ok()
        });
    if rate.is_none() {
        cx.error(HirError::Overflow { span: expr.span });
    }
    rate
}

/// A capacity in bits.
pub(super) fn capacity(cx: &mut Context<'_>, body: &Body, key: &str) -> Option<u128> {
    let expr = value(cx, body, key)?;
    let default = (1, Dimension::Size);
    let (bytes, _) = cx.quantity(expr, key, &[Dimension::Size], default)?;
    let bits = bytes.checked_mul(Ratio::new(8, 1)?);
    match bits {
        Some(bits) if bits.denominator() == 1 && bits.numerator() > 0 => Some(bits.numerator()),
        Some(bits) if bits.numerator() == 0 => {
            cx.error(HirError::NotPositive {
                what: format!("`{key}`"),
                value: "0".to_owned(),
                span: expr.span,
            });
            None
        }
        Some(_) => {
            cx.error(HirError::WrongKind {
                expected: "a whole number of bits".to_owned(),
                found: "a fraction of one".to_owned(),
                span: expr.span,
            });
            None
        }
        None => {
            cx.error(HirError::Overflow { span: expr.span });
            None
        }
    }
}

fn cycles(cx: &mut Context<'_>, body: &Body, key: &str) -> Option<u64> {
    let expr = value(cx, body, key)?;
    let (cycles, _) = cx.quantity(expr, key, &[Dimension::Cycles], (1, Dimension::Cycles))?;
    let whole = cycles.as_integer();
    if whole.is_none() {
        cx.error(HirError::WrongKind {
            expected: "a whole number of cycles".to_owned(),
            found: describe(expr),
            span: expr.span,
        });
    }
    whole
}

/// Per element, per bit (`7.03pJ/bit`), or per access of a width (`ReadEnergy(64b): 25.87pJ`).
pub(super) fn energy(cx: &mut Context<'_>, body: &Body, key: &str) -> Option<AccessEnergy> {
    let written = property(body, key)?;
    let width = match written.arguments.as_slice() {
        [] => None,
        [argument] if argument.name.is_none() => Some(access_width(cx, &argument.value)?),
        _ => {
            cx.error(HirError::WrongKind {
                expected: format!("one width, such as `{key}(64b): ...`"),
                found: format!("{} arguments", written.arguments.len()),
                span: written.key.span,
            });
            return None;
        }
    };
    let [expr] = written.values.as_slice() else {
        // Says what is wrong with it.
        value(cx, body, key);
        return None;
    };
    let known: &[Dimension] = match width {
        None => &[Dimension::Energy, Dimension::EnergyPerByte],
        Some(_) => &[Dimension::Energy],
    };
    let (energy, dimension) = cx.quantity(expr, key, known, (1, Dimension::Energy))?;
    let width_bits = match dimension {
        Dimension::EnergyPerByte => Some(8),
        _ => width,
    };
    Some(AccessEnergy { energy, width_bits })
}

/// `64b`, `8B`: whole bits.
fn access_width(cx: &mut Context<'_>, expr: &ast::Expr) -> Option<u32> {
    let default = (1, Dimension::Size);
    let (bytes, _) = cx.quantity(expr, "the width of an access", &[Dimension::Size], default)?;
    let bits = Ratio::new(8, 1)
        .and_then(|eight| bytes.checked_mul(eight))
        .and_then(Ratio::as_integer)
        .and_then(|bits| u32::try_from(bits).ok())
        .filter(|&bits| bits > 0);
    if bits.is_none() {
        cx.error(HirError::WrongKind {
            expected: "a width of whole bits".to_owned(),
            found: describe(expr),
            span: expr.span,
        });
    }
    bits
}

/// Silicon of one instance.
pub(super) fn silicon(cx: &mut Context<'_>, body: &Body) -> Option<Ratio> {
    let expr = value(cx, body, "Area")?;
    let default = (1, Dimension::Area);
    cx.quantity(expr, "Area", &[Dimension::Area], default)
        .map(|(area, _)| area)
}

/// A key that is a word alone or `key: true`.
pub(super) fn switch(cx: &mut Context<'_>, body: &Body, key: &str, default: bool) -> bool {
    if flag(body, key) {
        return true;
    }
    match value(cx, body, key) {
        Some(expr) => cx.boolean(expr).unwrap_or(default),
        None => default,
    }
}

pub(super) fn memory(name: String, span: Span, level: usize, arrays_above: usize) -> Memory {
    Memory {
        name,
        span,
        level,
        arrays_above,
        capacity_bits: None,
        double_buffered: false,
        streams: false,
        refill_tile: false,
        banks: 1,
        holds: PerRole {
            input: true,
            weight: true,
            output: true,
        },
        ports: Ports::Two {
            read: None,
            write: None,
        },
        class: None,
        read_energy: None,
        write_energy: None,
        area: None,
    }
}

fn short_form(cx: &mut Context<'_>, body: &Body, accelerator: &mut Accelerator) {
    let clock = accelerator.clock;
    let here = accelerator.name_span;
    let mut pes = None;
    if let Some(pe) = block(body, "PE") {
        PE.check(cx, &pe.body);
        if let Some(expr) = value(cx, &pe.body, "NumPEs") {
            pes = cx.size(expr, "`NumPEs`");
        } else if property(&pe.body, "NumPEs").is_none() {
            missing(cx, "`NumPEs`", "`PE`", pe);
        }
        if let Some(expr) = value(cx, &pe.body, "VectorWidth") {
            accelerator.lanes = cx.size(expr, "`VectorWidth`").unwrap_or(1);
        }
        let multiply = value(cx, &pe.body, "MultPrecision").and_then(|expr| cx.precision(expr));
        let add = value(cx, &pe.body, "AddPrecision").and_then(|expr| cx.precision(expr));
        let precision = &mut accelerator.precision;
        precision.input = precision.input.or(multiply);
        precision.weight = precision.weight.or(multiply);
        precision.partial = precision.partial.or(add);
        precision.output = precision.output.or(add);
    } else {
        cx.error(HirError::Missing {
            what: "`PE { ... }`".to_owned(),
            owner: format!("accelerator `{}`", accelerator.name),
            span: here,
            insert: None,
        });
    }
    let mut dram = memory("DRAM".to_owned(), here, 0, 0);
    if let Some(off_chip) = block(body, "OffChip") {
        OFF_CHIP.check(cx, &off_chip.body);
        dram.span = off_chip.kind.span;
        if let Some(rate) = rate(cx, &off_chip.body, "Bandwidth", clock) {
            dram.ports = Ports::One(rate);
        }
    }
    let mut global = memory("GlobalL2".to_owned(), here, 1, 0);
    let mut local = memory("LocalL1".to_owned(), here, 2, 1);
    local.double_buffered = true;
    if let Some(buffer) = block(body, "Buffer") {
        BUFFER.check(cx, &buffer.body);
        for (memory, key) in [(&mut global, "GlobalL2"), (&mut local, "LocalL1")] {
            if let Some(property) = property(&buffer.body, key) {
                memory.span = property.span;
            }
            memory.capacity_bits = capacity(cx, &buffer.body, key);
        }
    }
    let mut array = Array {
        name: "PE".to_owned(),
        span: block(body, "PE").map_or(here, |pe| pe.kind.span),
        level: 0,
        shape: vec![pes.unwrap_or(1)],
        links: Links::Shared(None),
        latency: None,
        multicast: true,
        reduction: true,
        forwarding: true,
        skew: 0,
    };
    if let Some(noc) = block(body, "NoC") {
        network(cx, noc, clock, &mut array, &NOC_SHORT);
        if let Some(latency) = cycles(cx, &noc.body, "AvgLatency") {
            array.latency = Some(latency);
        }
    }
    accelerator.memories = vec![dram, global, local];
    accelerator.arrays = vec![array];
}

pub(super) fn missing(cx: &mut Context<'_>, what: &str, owner: &str, block: &Block) {
    cx.error(HirError::Missing {
        what: what.to_owned(),
        owner: owner.to_owned(),
        span: block.kind.span,
        insert: None,
    });
}

pub(super) const NOC: Known = Known {
    owner: "`NoC`",
    properties: &[
        "Bandwidth",
        "Latency",
        "Multicast",
        "Reduction",
        "Forwarding",
        "PerTensor",
        "Skew",
    ],
    blocks: &["Bandwidth"],
    repeated: &[],
    flags: &["Multicast", "Reduction", "Forwarding", "PerTensor"],
    layers: false,
};

pub(super) const NOC_SHORT: Known = Known {
    owner: "`NoC`",
    properties: &[
        "Bandwidth",
        "AvgLatency",
        "Latency",
        "Multicast",
        "Reduction",
        "Forwarding",
        "PerTensor",
        "Skew",
    ],
    blocks: &["Bandwidth"],
    repeated: &[],
    flags: &["Multicast", "Reduction", "Forwarding", "PerTensor"],
    layers: false,
};

/// What `NoC { ... }` says, over what `array` has as defaults.
pub(super) fn network(
    cx: &mut Context<'_>,
    noc: &Block,
    clock: Option<Ratio>,
    array: &mut Array,
    known: &Known,
) {
    let body = &noc.body;
    known.check(cx, body);
    if let Some(latency) = cycles(cx, body, "Latency") {
        array.latency = Some(latency);
    }
    array.multicast = switch(cx, body, "Multicast", array.multicast);
    array.reduction = switch(cx, body, "Reduction", array.reduction);
    array.forwarding = switch(cx, body, "Forwarding", array.forwarding);
    if let Some(skew) = cycles(cx, body, "Skew") {
        array.skew = skew;
    }
    array.links = links(cx, body, clock);
}

pub(super) const WIDTHS: Known = Known::properties("`Bandwidth`", &["Input", "Weight", "Output"]);

/// `Bandwidth: 8B/cycle` of one network, or of a network for every tensor with `PerTensor`; with
/// `Bandwidth { Input: 2B/cycle }` every tensor has a network of its own width.
fn links(cx: &mut Context<'_>, body: &Body, clock: Option<Ratio>) -> Links {
    if let Some(block) = block(body, "Bandwidth") {
        WIDTHS.check(cx, &block.body);
        if property(body, "PerTensor").is_some() && !switch(cx, body, "PerTensor", true) {
            exclusive::widths(cx, body, block);
        }
        let mut width = |role| rate(cx, &block.body, role, clock);
        return Links::PerTensor(PerRole {
            input: width("Input"),
            weight: width("Weight"),
            output: width("Output"),
        });
    }
    let rate = rate(cx, body, "Bandwidth", clock);
    if switch(cx, body, "PerTensor", false) {
        Links::PerTensor(PerRole {
            input: rate,
            weight: rate,
            output: rate,
        })
    } else {
        Links::Shared(rate)
    }
}
