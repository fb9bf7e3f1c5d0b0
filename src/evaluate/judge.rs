//! Places for the memories that have none, then the verdict.

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::ir::{Axis, Mapping};
use crate::legality::{self, Directive, Legal, Violation};
use crate::lower::Lowered;

/// A mapping that may be counted.
#[derive(Clone, Debug)]
pub struct Judged {
    pub legal: Legal<Mapping>,
    /// Where the tiles of memories were put by default.
    pub choices: Vec<String>,
}

/// Judges a lowered layer; what is wrong goes to `sink`.
#[must_use]
pub fn judge(lowered: &Lowered, sink: &mut Diagnostics) -> Option<Judged> {
    let mut mapping = lowered.mapping.clone();
    let mut choices = Vec::new();
    // Tiles can be measured only when every point is in exactly one of them; else `check` says what is wrong.
    if !lowered.automatic.is_empty() && legality::covers(&mapping) {
        match legality::choose(&mut mapping, &lowered.automatic) {
            Ok(chosen) => {
                choices = chosen
                    .iter()
                    .map(|choice| describe(lowered, choice.memory, choice.position))
                    .collect();
            }
            Err(violation) => {
                sink.push(diagnostic(&violation, lowered));
                return None;
            }
        }
    }
    match legality::check(mapping) {
        Ok(legal) => Some(Judged { legal, choices }),
        Err(illegal) => {
            sink.extend(
                illegal
                    .violations
                    .iter()
                    .map(|violation| diagnostic(violation, lowered)),
            );
            None
        }
    }
}

fn describe(lowered: &Lowered, memory: usize, position: usize) -> String {
    let name = lowered
        .names
        .memories
        .get(memory)
        .map_or("a memory", String::as_str);
    let around = position
        .checked_sub(1)
        .and_then(|last| lowered.mapping.schedule.loops.get(last));
    match around {
        None => format!("{name} is filled once, outside all loops"),
        Some(around) => {
            let label = around
                .moves
                .first()
                .and_then(|first| lowered.origin(first.origin))
                .or_else(|| lowered.origin(around.origin))
                .map_or_else(
                    || axis_name(lowered, around.moves.first().map(|m| m.axis)),
                    |source| format!("`{}`", source.label),
                );
            format!("{name} is refilled by {label} and the loops outside it")
        }
    }
}

fn axis_name(lowered: &Lowered, axis: Option<Axis>) -> String {
    let name = match axis {
        Some(Axis::Rank(rank)) => lowered.names.ranks.get(rank.index()),
        Some(Axis::Window(window)) => lowered.names.windows.get(usize::from(window)),
        None => None,
    };
    name.map_or_else(
        || "a loop".to_owned(),
        |name| format!("the loop over {name}"),
    )
}

/// The violation with its code, at the directive that is to blame.
fn diagnostic(violation: &Violation, lowered: &Lowered) -> Diagnostic {
    let names = &lowered.names;
    let (code, what, directive): (Code, &str, Option<Directive>) = match violation {
        Violation::Bound { directive, .. } => (
            Code::E0401,
            "a window is larger than its dimension",
            Some(*directive),
        ),
        Violation::Uncovered(found) => (
            Code::E0402,
            "some operations are not covered",
            Some(found.directive),
        ),
        Violation::Doubled(found) => (
            Code::E0403,
            "some operations are done twice",
            Some(found.directive),
        ),
        Violation::Diagonal(found) => (
            Code::E0404,
            "uncoupled dimensions move together",
            found.directives.first().copied(),
        ),
        Violation::Clusters { directives, .. } => (
            Code::E0405,
            "clusters exceed the array",
            directives.first().copied(),
        ),
        Violation::Incomplete(found) => (
            Code::E0406,
            "no complete window ever fits",
            Some(found.directive),
        ),
        Violation::TooLarge { directive, .. } => (Code::E0307, "a size is too large", *directive),
        Violation::Undecided { directive, .. } => (
            Code::E0602,
            "the windows are too irregular to judge",
            *directive,
        ),
        Violation::Overfull(_) => (Code::E0501, "a memory holds more than it can", None),
        Violation::Unmeasured { .. } => (
            Code::E0602,
            "the tiles of a memory are too irregular to measure",
            None,
        ),
    };
    let diagnostic = Diagnostic::new(code, format!("layer `{}`: {what}", names.layer));
    match directive.and_then(|directive| lowered.origin(directive.origin)) {
        Some(source) => diagnostic.at(source.span, format!("`{}`", source.label)),
        None => diagnostic.at(names.layer_span, "this layer"),
    }
}
