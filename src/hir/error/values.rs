//! Keys and values: what is missing, of another kind, or past its bounds.

use super::{HirError, list};
use crate::diag::suggest::did_you_mean;
use crate::diag::{Diagnostic, Mistake};

impl HirError {
    /// Keys that are unknown, and what is not given.
    pub(super) fn keys(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::UnknownKey {
                what,
                key,
                owner,
                span,
                suggestion,
                known,
            } => {
                let diagnostic = self
                    .titled(format!("{owner} has no {what} `{key}`"))
                    .at(*span, format!("unknown {what}"))
                    .note(format!("known {what}s: {}", list(known)));
                did_you_mean(diagnostic, *span, suggestion.as_ref())
            }
            Self::Missing {
                what,
                owner,
                span,
                insert,
            } => {
                let diagnostic = self
                    .titled(format!("{owner} lacks {what}"))
                    .at(*span, format!("{what} is missing"));
                match insert {
                    Some((at, text)) => diagnostic.fix(*at, text.clone(), format!("add {what}")),
                    None => diagnostic,
                }
            }
            Self::NoDefault { name, span } => self
                .titled(format!("the parameter `{name}` lacks a default"))
                .at(*span, "a default is missing")
                .note(
                    "the default tells what unit the parameter has, and the definition \
                        is checked with it",
                )
                .help(format!("write `{name} = ...`")),
            Self::NoNetworkLayers { span } => self
                .titled("the network has no layers")
                .at(*span, "no `Layer` here"),
            _ => return None,
        })
    }

    /// A value of another kind or unit.
    pub(super) fn kinds(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::WrongUnit {
                key,
                expected,
                found,
                span,
                instead,
            } => {
                let diagnostic = self
                    .titled(format!("`{key}` must be {expected}"))
                    .at(*span, format!("this is {found}"));
                match instead {
                    Some(text) if text.ends_with("/s") => diagnostic
                        .note(format!("a bandwidth is an amount in a time: `{text}`"))
                        .fix(*span, text.clone(), "per second"),
                    Some(text) => diagnostic.fix(*span, text.clone(), "use the right unit"),
                    None => diagnostic,
                }
            }
            Self::NeedsAxes { key, text, span } => self
                .titled(format!("`{key}` has a size for each axis"))
                .at(*span, "found one value")
                .fix(*span, text.clone(), "one for each axis"),
            Self::NoClock { key, span } => self
                .titled(format!(
                    "`{key}` per second needs the accelerator's `Clock`"
                ))
                .at(*span, "a bandwidth per second")
                .help(
                    "add `Clock: ...MHz;` to the accelerator, or give the bandwidth in \
                    B/cycle",
                ),
            Self::WrongKind {
                expected,
                found,
                span,
            } => self
                .titled(format!("expected {expected}"))
                .at(*span, format!("found {found}")),
            _ => return None,
        })
    }

    /// Arithmetic.
    pub(super) fn numbers(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::NotPositive { what, value, span } => self
                .titled(format!("{what} must be at least 1"))
                .at(*span, format!("this is {value}")),
            Self::Overflow { span } => self
                .titled("the number does not fit 64 bits")
                .at(*span, "overflows"),
            Self::DivisionByZero { span } => self
                .titled("division by zero")
                .at(*span, "the divisor is 0"),
            Self::OutOfDomain { span } => self
                .titled("`largest_divisor` and `pow2_floor` take numbers of at least 1")
                .at(*span, "has no value here")
                .note("`largest_divisor(n, at_most)` takes an `n` of at most 2^32"),
            Self::InexactDivision { left, right, span } => self
                .titled(format!(
                    "{left} / {right} is not a whole number and is rounded towards zero"
                ))
                .at(*span, "rounded")
                .help("write `ceil_div(a, b)` to round up"),
            Self::Indivisible {
                dim,
                size,
                groups,
                span,
            } => self
                .titled(format!(
                    "`{dim}: {size}` cannot be split into {groups} groups"
                ))
                .at(*span, format!("{size} is not a multiple of {groups}")),
            _ => return None,
        })
    }
}
