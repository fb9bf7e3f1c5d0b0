//! Violations and warnings of `legality` in words.
//!
//! `legality` knows ranks, loops and origins; the names and the places in the source come from [`Names`], and every repair becomes an edit of the directive's own text:
//! `TemporalMap(2,4) K` with the offset 2 is `TemporalMap(2,2) K`.

use crate::base::Span;
use crate::base::num::grouped;
use crate::diag::{Code, Diagnostic};
use crate::ir::{Axis, Operation, OperationKind, Origin, RankId};
use crate::legality::{Change, Directive, Doer, Need, Overfull, Repair, Violation, Warning};

/// How a directive stands in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub span: Span,
    /// With the numbers of this layer: `TemporalMap(3,1) Y`, `tile K by 64`.
    pub label: String,
    /// What `span` covers: `TemporalMap(Sz(R),1) Y`. An edit changes it; none is offered without it.
    pub text: Option<String>,
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
    /// Where to point for what has no directive (the layer, or the map that maps it), and its name.
    fn layer(&self) -> (Span, String);
}

/// At most this many "fits with" lines.
const MOST_FITS: usize = 8;

impl Violation {
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Violation::Bound { .. } => Code::E0401,
            Violation::Uncovered(_) => Code::E0402,
            Violation::Doubled(_) => Code::E0403,
            Violation::Diagonal(_) => Code::E0404,
            Violation::Clusters { .. } => Code::E0405,
            Violation::Incomplete(_) => Code::E0406,
            Violation::TooLarge { .. } => Code::E0307,
            Violation::Undecided { .. } | Violation::Unmeasured { .. } => Code::E0602,
            Violation::Overfull(_) => Code::E0501,
        }
    }

    /// In words; `operation` is that of the mapping.
    #[must_use]
    pub fn to_diagnostic(&self, names: &impl Names, operation: &Operation) -> Diagnostic {
        let prose = Prose {
            names,
            extents: &operation.ranks,
        };
        let macs = match operation.kind {
            OperationKind::MultiplyAccumulate => "MAC",
            OperationKind::Reduce | OperationKind::Elementwise => "operation",
        };
        let of_all = |count: u128| match operation.volume() {
            Some(all) => format!("{} of {} {macs}s", grouped(count), grouped(all)),
            None => format!("{} {macs}s", grouped(count)),
        };
        let code = self.code();
        let layer = names.layer();
        let mut diagnostic = match self {
            Violation::Bound { directive, extent } => {
                let what = prose.text(*directive);
                let axis = prose.axis(directive.axis);
                if directive.size == 0 || directive.offset == 0 {
                    let message = format!("size and offset of `{what}` must be at least 1");
                    Diagnostic::new(code, message).at(prose.span(*directive), "zero here")
                } else {
                    let message = format!("`{what}` is larger than {axis}");
                    Diagnostic::new(code, message)
                        .at(
                            prose.span(*directive),
                            format!("{} of {} indices", directive.size, extent),
                        )
                        .note(format!(
                            "{axis} has {} indices here",
                            grouped((*extent).into())
                        ))
                }
            }
            Violation::Uncovered(v) => {
                let rank = names.rank(v.rank);
                let range = if v.range.1 == v.range.0 + 1 {
                    format!("{rank} = {}", v.range.0)
                } else {
                    format!("{rank} = {}..{}", v.range.0, v.range.1 - 1)
                };
                let message = format!("`{}` leaves {range} uncovered", prose.text(v.directive));
                let mut diagnostic = Diagnostic::new(code, message)
                    .at(prose.span(v.directive), "no window does these")
                    .note(format!("first uncovered {macs}: {}", prose.point(&v.point)));
                if let Some(missed) = v.missed {
                    let note = format!("{} of `{}` are in no tile", of_all(missed), layer.1);
                    diagnostic = diagnostic.note(note);
                }
                diagnostic
            }
            Violation::Doubled(v) => {
                let message = format!("`{}` does {macs}s more than once", prose.text(v.directive));
                let mut diagnostic = Diagnostic::new(code, message)
                    .at(prose.span(v.directive), "its windows share work")
                    .note(format!("first doubled {macs}: {}", prose.point(&v.point)))
                    .note(format!(
                        "done {} and {}",
                        prose.doer(&v.doers[0], &v.doers[1]),
                        prose.doer(&v.doers[1], &v.doers[0])
                    ));
                if let Some(surplus) = v.surplus {
                    let note = format!("{} {macs}s too many in all", grouped(surplus));
                    diagnostic = diagnostic.note(note);
                }
                diagnostic
            }
            Violation::Diagonal(v) => {
                let all: Vec<String> = v.directives.iter().map(|&d| prose.text(d)).collect();
                let axes: Vec<String> = v.directives.iter().map(|d| prose.axis(d.axis)).collect();
                let message = format!(
                    "{} are spatial in one cluster level, but nothing couples them",
                    axes.join(" and ")
                );
                let mut diagnostic = Diagnostic::new(code, message);
                for &directive in v.directives.iter().rev() {
                    diagnostic = diagnostic.at(prose.span(directive), "moves with the other");
                }
                diagnostic = diagnostic
                    .note(format!(
                        "`{}` move together: only the diagonal is done",
                        all.join("` and `")
                    ))
                    .note(format!("first missed {macs}: {}", prose.point(&v.point)));
                if let Some(missed) = v.missed {
                    let note = format!("{} of `{}` are missed", of_all(missed), layer.1);
                    diagnostic = diagnostic.note(note);
                }
                let apart = "put a `Cluster` between them, or make one of them temporal";
                diagnostic.help(match prose.other_window(&v.directives, operation) {
                    Some(meant) => format!("{meant}; otherwise {apart}"),
                    None => apart.to_owned(),
                })
            }
            Violation::Clusters {
                array,
                used,
                available,
                directives,
            } => {
                let message = format!(
                    "{} instances of {} are asked for, it has {}",
                    grouped((*used).into()),
                    names.array(*array),
                    grouped((*available).into())
                );
                let mut diagnostic = Diagnostic::new(code, message);
                for &directive in directives {
                    diagnostic = diagnostic.at(prose.span(directive), "spreads over the array");
                }
                diagnostic.help("the product of the clusters must not exceed the array")
            }
            Violation::Incomplete(v) => {
                let window = names.window(v.window);
                let message = format!(
                    "`{}` never holds a complete kernel window: nothing is produced",
                    prose.text(v.directive)
                );
                Diagnostic::new(code, message)
                    .at(
                        prose.span(v.directive),
                        format!("{} of {window} at a time, {} needed", v.rows, v.span),
                    )
                    .note(format!(
                        "an output needs its complete kernel window: {} consecutive indices of {window}, and a \
                         tile has {}",
                        v.span, v.rows
                    ))
            }
            Violation::TooLarge { directive, value } => {
                let (span, what) = match directive {
                    Some(directive) => (prose.span(*directive), prose.text(*directive)),
                    None => (layer.0, layer.1.clone()),
                };
                let message = format!("`{what}` has a number that is too large");
                Diagnostic::new(code, message)
                    .at(span, grouped((*value).into()))
                    .note("extents, sizes and offsets must be at most 2^48")
            }
            Violation::Undecided { directive, ranks } => {
                let ranks: Vec<String> = ranks.iter().map(|&rank| names.rank(rank)).collect();
                let message = format!(
                    "whether {} is covered exactly once could not be decided",
                    ranks.join(", ")
                );
                let span = directive.map_or(layer.0, |directive| prose.span(directive));
                Diagnostic::new(code, message)
                    .at(span, "too many windows that overlap or leave gaps")
                    .help("use offset = size, or map output rows (Y', X') instead of input rows")
            }
            Violation::Overfull(v) => {
                let memory = names.memory(v.memory);
                let message = format!(
                    "{memory} must hold {} and has {}",
                    amount(v.need),
                    amount(v.have)
                );
                let mut diagnostic = Diagnostic::new(code, message)
                    .at(layer.0, format!("`{}` does not fit in {memory}", layer.1));
                for need in &v.tensors {
                    diagnostic = diagnostic.note(format!(
                        "{}: {} elements, {}{}",
                        names.tensor(need.tensor),
                        grouped(need.elements.into()),
                        amount(need.bits),
                        banks(v, need)
                    ));
                }
                if v.double_buffered {
                    diagnostic = diagnostic.note("twice, because it is double-buffered");
                }
                if let Some(without) = v.decided_by_banks() {
                    diagnostic = diagnostic.note(format!(
                        "every tensor takes whole banks of {}; {} would fit",
                        amount(v.have / u128::from(v.banks.max(1))),
                        amount(without)
                    ));
                }
                if v.memory == 0 {
                    let help = format!(
                        "the outermost memory holds the tensors of a layer whole: give {memory} the size that it needs, or \
                         no `Size`"
                    );
                    diagnostic = diagnostic.help(help);
                } else if v.fits.is_empty() {
                    diagnostic = diagnostic.note("no temporal map alone can make it fit");
                }
                for fit in v.fits.iter().take(MOST_FITS) {
                    let change = Change::Resize {
                        size: fit.size,
                        offset: fit.offset,
                    };
                    diagnostic = diagnostic.note(format!(
                        "fits with `{}` (now `{}`)",
                        prose.changed(fit.directive, change),
                        prose.text(fit.directive)
                    ));
                }
                diagnostic
            }
            Violation::Unmeasured { memory } => {
                let message = format!("the tiles of {} are too irregular", names.memory(*memory));
                Diagnostic::new(code, message)
                    .at(layer.0, format!("in `{}`", layer.1))
                    .help("use offset = size, or map output rows (Y', X') instead of input rows")
            }
        };
        if diagnostic.primary() != Some(layer.0) {
            diagnostic = diagnostic.also(layer.0, format!("mapping `{}`", layer.1));
        }
        if let Some(repair) = self.repair() {
            diagnostic = prose.repair(diagnostic, repair);
        }
        diagnostic
    }
}

/// `, 2 of 4 banks`
fn banks(overfull: &Overfull, need: &Need) -> String {
    if overfull.banks <= 1 {
        return String::new();
    }
    let bank = (overfull.have / u128::from(overfull.banks)).max(1);
    let taken = grouped(need.taken / bank);
    format!(", {taken} of {} banks", grouped(overfull.banks.into()))
}

impl Warning {
    #[must_use]
    pub fn to_diagnostic(&self, names: &impl Names) -> Diagnostic {
        let prose = Prose {
            names,
            extents: &[],
        };
        match self {
            Warning::Idle {
                array,
                used,
                available,
                lost,
                directives,
            } => {
                let name = names.array(*array);
                let message = if used < available {
                    format!(
                        "{} of {} instances of {name} have no work",
                        grouped((available - used).into()),
                        grouped((*available).into())
                    )
                } else {
                    format!("the last fold leaves most of {name} without work")
                };
                let mut diagnostic = Diagnostic::new(Code::W0401, message);
                for &directive in directives {
                    diagnostic = diagnostic.at(prose.span(directive), "spreads over the array");
                }
                if directives.is_empty() {
                    diagnostic = diagnostic.at(names.layer().0, "nothing spreads over the array");
                }
                diagnostic.note(format!(
                    "{:.1}% of the array's time is lost in `{}`",
                    lost * 100.0,
                    names.layer().1
                ))
            }
            Warning::Across {
                array,
                size,
                row,
                across,
                used,
                fitting,
                directive,
            } => {
                let name = names.array(*array);
                let diagnostic = Diagnostic::new(
                    Code::W0403,
                    format!(
                        "{} of {} clusters of {} lie across the rows of {name}",
                        grouped((*across).into()),
                        grouped((*used).into()),
                        grouped((*size).into())
                    ),
                )
                .at(
                    prose.span(*directive),
                    format!("distributes over clusters of {size}, and a row has {row}"),
                )
                .note("the counts take such a cluster for one, as if its PEs lay side by side");
                let whole = if *fitting == 0 {
                    "no row holds a whole one".to_owned()
                } else {
                    format!("the rows hold {} whole ones", grouped((*fitting).into()))
                };
                diagnostic
                    .note(whole)
                    .help("take clusters that end with an axis, or `spread` over the axes by name")
            }
            Warning::Still {
                directive,
                instances,
            } => Diagnostic::new(
                Code::W0402,
                format!("`{}` has one window only", prose.text(*directive)),
            )
            .at(prose.span(*directive), "spreads nothing")
            .note(format!(
                "{} of {} instances have no work",
                grouped((instances - 1).into()),
                grouped((*instances).into())
            )),
        }
    }
}

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
            Change::Resize { size, offset } => Some(format!(
                "{}({size},{offset}){}",
                text[..open].trim_end(),
                &text[close + 1..]
            )),
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
    (size == offset).then(|| format!("{}{size}{}", &text[..at], &rest[end..]))
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
