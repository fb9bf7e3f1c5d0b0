//! Keys that cannot both be meant.
//!
//! `Bandwidth: 64B/cycle; ReadBandwidth: 32B/cycle` would be one port and two at once. Which of them was
//! meant nobody can know, but there is always an edit that keeps every figure that it can.

use super::body::property;
use super::error::HirError;
use super::scope::Context;
use crate::base::Span;
use crate::syntax::ast::{Block, Body, Entry, Property};

/// `Bandwidth` is one port for both directions, `ReadBandwidth` and `WriteBandwidth` are a port each.
pub(super) fn ports(cx: &mut Context<'_>, body: &Body) {
    let Some(both) = property(body, "Bandwidth") else {
        return;
    };
    let read = property(body, "ReadBandwidth");
    let write = property(body, "WriteBandwidth");
    let (one, fix) = match (read, write) {
        (None, None) => return,
        // Beside one direction it can be the other one.
        (Some(read), None) => (read, renamed(both, "WriteBandwidth")),
        (None, Some(write)) => (write, renamed(both, "ReadBandwidth")),
        // Beside both it says nothing.
        (Some(read), Some(_)) => (read, (both.span, String::new(), "keep the two ports")),
    };
    let (first, second) = if both.span < one.span {
        (both, one)
    } else {
        (one, both)
    };
    cx.error(HirError::Exclusive {
        key: second.key.value.clone(),
        other: first.key.value.clone(),
        why: "`Bandwidth` is one port for both directions, `ReadBandwidth` and `WriteBandwidth` are two",
        span: second.key.span,
        first: first.key.span,
        fix,
    });
}

/// Either two tiles fit, or one of them streams through.
pub(super) fn buffers(cx: &mut Context<'_>, body: &Body) {
    let written = |key: &str| {
        body.entries.iter().find_map(|entry| match entry {
            Entry::Flag(name) if name.as_str() == key => Some((name.span, name.span)),
            Entry::Property(property) if property.key.as_str() == key => {
                Some((property.key.span, property.span))
            }
            _ => None,
        })
    };
    let (Some((double, _)), Some((stream, whole))) =
        (written("DoubleBuffered"), written("Overlap"))
    else {
        return;
    };
    let (key, other, span, first) = if double < stream {
        ("Overlap", "DoubleBuffered", stream, double)
    } else {
        ("DoubleBuffered", "Overlap", double, stream)
    };
    cx.error(HirError::Exclusive {
        key: key.to_owned(),
        other: other.to_owned(),
        why: "with `DoubleBuffered` twice the tile must fit, with `Overlap` one tile streams through",
        span,
        first,
        fix: (whole, String::new(), "keep the double buffer"),
    });
}

/// A width for every tensor is a network for every tensor.
pub(super) fn widths(cx: &mut Context<'_>, body: &Body, block: &Block) {
    let Some(shared) = property(body, "PerTensor") else {
        return;
    };
    let (key, other, span, first) = if shared.key.span < block.kind.span {
        ("Bandwidth", "PerTensor", block.kind.span, shared.key.span)
    } else {
        ("PerTensor", "Bandwidth", shared.key.span, block.kind.span)
    };
    cx.error(HirError::Exclusive {
        key: key.to_owned(),
        other: other.to_owned(),
        why: "`Bandwidth { ... }` is a network for every tensor, each with its width",
        span,
        first,
        fix: (
            shared.span,
            "PerTensor".to_owned(),
            "say that every tensor has a network",
        ),
    });
}

fn renamed(property: &Property, key: &str) -> (Span, String, &'static str) {
    (property.key.span, key.to_owned(), "make it the other port")
}
