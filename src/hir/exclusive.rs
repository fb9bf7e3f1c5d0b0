//! Keys that cannot both be meant.
//!
//! `Bandwidth: 64B/cycle; ReadBandwidth: 32B/cycle` would be one port and two at once. Which of them was
//! meant nobody can know, but there is always an edit that keeps every figure that it can.

use super::body::property;
use super::error::HirError;
use super::scope::Context;
use crate::base::Span;
use crate::syntax::ast::{Body, Property};

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

fn renamed(property: &Property, key: &str) -> (Span, String, &'static str) {
    (property.key.span, key.to_owned(), "make it the other port")
}
