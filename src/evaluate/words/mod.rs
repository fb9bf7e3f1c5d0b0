//! Violations and warnings of `legality` in words.
//!
//! `legality` knows ranks, loops and origins; the names and the places in the source come from [`Names`], and every repair becomes an edit of the directive's own text:
//! `TemporalMap(2,4) K` with the offset 2 is `TemporalMap(2,2) K`.
//!
//! With its names each of them is a [`Mistake`](crate::diag::Mistake): `violation.told(names, operation)`.

mod violation;
mod warning;

use crate::base::Span;
use crate::base::num::grouped;
use crate::diag::Diagnostic;
use crate::ir::{Axis, Operation, Origin, RankId};
use crate::legality::{Change, Directive, Doer, Repair};

/// How a directive stands in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub span: Span,
    /// With the numbers of this layer: `TemporalMap(3,1) Y`, `tile K by 64`.
    pub label: String,
    /// What `span` covers: `TemporalMap(Sz(R),1) Y`. An edit changes it; none is offered without it.
    pub text: Option<String>,
    /// See [`crate::lower::Source`].
    pub by_layer: bool,
}

/// What one layer's mapping is called in the source.
pub trait Names {
    /// `K`, `P`.
    fn rank(&self, rank: RankId) -> String;
    /// The input axis of `Operation::windows[window]`: `Y`.
    fn window(&self, window: usize) -> String;
    fn tensor(&self, tensor: usize) -> String;
    fn memory(&self, memory: usize) -> String;
    fn array(&self, array: usize) -> String;
    /// `None` for what nothing in the source stands for.
    fn written(&self, origin: Origin) -> Option<Written>;
    /// The first directive of the mapping, if it has one.
    fn first(&self) -> Option<Written>;
    /// Where to point for what has no directive (the layer, or the map that maps it), and its name.
    fn layer(&self) -> (Span, String);
}

/// The parts of sentences: directives, axes, points and repairs by their names.
struct Prose<'a, N: Names> {
    names: &'a N,
    /// Of the ranks; empty where no points are shown.
    extents: &'a [u64],
}

impl<N: Names> Prose<'_, N> {
    /// A kernel that moves with inputs which it does not slide along: which it does.
    fn other_window(&self, directives: &[Directive], operation: &Operation) -> Option<String> {
        let of_kernel = |directive: &Directive| {
            let windows = operation.windows.iter();
            let mut windows = windows.enumerate();
            windows.find(|(_, window)| directive.axis == Axis::Rank(window.kernel))
        };
        let kernels = directives.iter();
        let (kernel, (own, _)) = kernels
            .filter_map(|directive| Some((directive, of_kernel(directive)?)))
            .next()?;
        let other = directives.iter().find(
            |directive| matches!(directive.axis, Axis::Window(window) if usize::from(window) != own),
        )?;
        Some(format!(
            "did you mean {} instead of {}? {} slides along it",
            self.names.window(own),
            self.axis(other.axis),
            self.axis(kernel.axis)
        ))
    }

    fn axis(&self, axis: Axis) -> String {
        match axis {
            Axis::Rank(rank) => self.names.rank(rank),
            Axis::Window(window) => self.names.window(usize::from(window)),
        }
    }

    fn span(&self, directive: Directive) -> Span {
        self.names
            .written(directive.origin)
            .map_or_else(|| self.names.layer().0, |written| written.span)
    }

    /// Points at the directives that spread over an array.
    fn spreading(&self, diagnostic: Diagnostic, directives: &[Directive]) -> Diagnostic {
        let directives = directives.iter();
        directives.fold(diagnostic, |diagnostic, &directive| {
            diagnostic.at(self.span(directive), "spreads over the array")
        })
    }

    /// The directive as written, or as it would be.
    fn text(&self, directive: Directive) -> String {
        self.names.written(directive.origin).map_or_else(
            || self.spelled(directive, directive.size, directive.offset),
            |written| written.label,
        )
    }

    fn spelled(&self, directive: Directive, size: u64, offset: u64) -> String {
        let kind = if directive.spatial {
            "Spatial"
        } else {
            "Temporal"
        };
        format!("{kind}Map({size},{offset}) {}", self.axis(directive.axis))
    }

    /// The directive after `change`.
    fn changed(&self, directive: Directive, change: Change) -> String {
        self.names
            .written(directive.origin)
            .and_then(|written| rewritten(&written.label, change))
            .unwrap_or_else(|| match change {
                Change::Resize { size, offset } => self.spelled(directive, size, offset),
                Change::Temporal => {
                    let temporal = Directive {
                        spatial: false,
                        ..directive
                    };
                    self.spelled(temporal, directive.size, directive.offset)
                }
            })
    }

    /// The coordinates, by name; those that can only be 0 are left out.
    fn point(&self, point: &[u64]) -> String {
        let coordinates: Vec<String> = point
            .iter()
            .enumerate()
            .filter(|&(rank, _)| self.extents.get(rank).is_none_or(|&extent| extent > 1))
            .map(|(rank, x)| format!("{} = {x}", self.names.rank(RankId(rank as u8))))
            .collect();
        coordinates.join(", ")
    }

    /// Where `one` differs from `other`: "in step 0 of `TemporalMap(2,1) C`".
    fn doer(&self, one: &[Doer], other: &[Doer]) -> String {
        let mut parts = Vec::new();
        for (a, b) in one.iter().zip(other) {
            let text = self.text(a.directive);
            if a.step != b.step {
                let step = if a.instance.is_some() { "fold" } else { "step" };
                parts.push(format!("in {step} {} of `{text}`", a.step));
            }
            if let (Some(x), true) = (a.instance, a.instance != b.instance) {
                parts.push(format!("on instance {x} of `{text}`"));
            }
        }
        parts.join(" ")
    }

    fn repair(&self, diagnostic: Diagnostic, repair: Repair) -> Diagnostic {
        let old = self.text(repair.directive);
        let new = self.changed(repair.directive, repair.change);
        let what = match repair.change {
            Change::Resize { size, offset } if size == repair.directive.size => {
                format!("use offset {offset}: `{new}`")
            }
            _ => format!("write `{new}` for `{old}`"),
        };
        let edit = self
            .names
            .written(repair.directive.origin)
            .filter(|written| !written.by_layer)
            .and_then(|written| Some((written.span, rewritten(&written.text?, repair.change)?)));
        match edit {
            Some((span, replacement)) => diagnostic.fix(span, replacement, what),
            None => diagnostic.help(what),
        }
    }
}

fn stripped(text: &str) -> &str {
    text.trim().trim_end_matches(';').trim_end()
}

/// `text`, a directive, with other numbers or as a temporal map; `None` when its form cannot say that.
fn rewritten(text: &str, change: Change) -> Option<String> {
    if let Some(open) = text.find('(').filter(|&open| text[..open].ends_with("Map")) {
        // The end of the arguments, which may be calls themselves: `TemporalMap(Sz(R),1) Y`.
        let mut depth = 0usize;
        let close = text[open..].char_indices().find_map(|(at, c)| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            (depth == 0).then_some(open + at)
        })?;
        return match change {
            Change::Resize { size, offset } => {
                let arguments = &text[open + 1..close];
                let second = arguments.rsplit(',').next().unwrap_or_default();
                Some(format!(
                    "{}({}{size},{}{offset}){}",
                    text[..open].trim_end(),
                    upto(arguments),
                    upto(second),
                    &text[close + 1..]
                ))
            }
            Change::Temporal => text
                .starts_with("Spatial")
                .then(|| text.replacen("Spatial", "Temporal", 1)),
        };
    }
    // `tile K by 64`, `spread K by 16 over PE[0]`: windows that abut.
    let Change::Resize { size, offset } = change else {
        return None;
    };
    let at = text.find(" by ")? + " by ".len();
    let rest = &text[at..];
    let end = rest.find(" over ").unwrap_or_else(|| stripped(rest).len());
    (size == offset).then(|| format!("{}{}{size}{}", &text[..at], upto(rest), &rest[end..]))
}

/// What stays of a size when its number changes: layers in which the rank is smaller need it.
fn upto(size: &str) -> &'static str {
    match size.trim_start().starts_with("upto ") {
        true => "upto ",
        false => "",
    }
}

/// Two numbers of bits, in one unit.
fn amounts(one: u128, other: u128) -> (String, String) {
    if one.is_multiple_of(8) && other.is_multiple_of(8) {
        return (amount(one), amount(other));
    }
    let bits = |count: u128| format!("{} bits", grouped(count));
    (bits(one), bits(other))
}

/// Bits, in bytes where they are whole.
fn amount(bits: u128) -> String {
    if bits.is_multiple_of(8) {
        format!("{} B", grouped(bits / 8))
    } else {
        format!("{} bits", grouped(bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_keep_the_form_of_the_directive() {
        let resize = |size, offset| Change::Resize { size, offset };
        let cases = [
            (
                "TemporalMap(2,4) K;",
                resize(2, 2),
                Some("TemporalMap(2,2) K;"),
            ),
            (
                "SpatialMap(Sz(R), 1) Y",
                resize(3, 2),
                Some("SpatialMap(3,2) Y"),
            ),
            (
                "SpatialMap(1,1) C",
                Change::Temporal,
                Some("TemporalMap(1,1) C"),
            ),
            ("TemporalMap(1,1) C", Change::Temporal, None),
            ("tile K by 64;", resize(8, 8), Some("tile K by 8;")),
            (
                "spread K by 2*t over PE[0]",
                resize(8, 8),
                Some("spread K by 8 over PE[0]"),
            ),
            ("tile K by 64", resize(8, 4), None),
        ];
        for (text, change, expected) in cases {
            assert_eq!(rewritten(text, change).as_deref(), expected, "{text}");
        }
    }
}
