//! Places for the memories that have none, then the verdict.

use crate::base::{SourceMap, Span};
use crate::diag::Diagnostics;
use crate::ir::{Axis, Mapping, Origin, RankId};
use crate::legality::{self, Legal, Written};
use crate::lower::Lowered;

/// A mapping that may be counted.
#[derive(Clone, Debug)]
pub struct Judged {
    pub legal: Legal<Mapping>,
    /// Where the tiles of memories were put by default.
    pub choices: Vec<String>,
}

/// Judges a lowered layer; what is wrong with it, or wasteful, goes to `sink`. Edits are made of the texts
/// in `sources`.
#[must_use]
pub fn judge(lowered: &Lowered, sources: &SourceMap, sink: &mut Diagnostics) -> Option<Judged> {
    let names = Named { lowered, sources };
    let mapping = lowered.mapping.clone();
    match legality::settle(mapping, &lowered.automatic, &lowered.fixed) {
        Ok((legal, choices)) => {
            let warnings = legality::warnings(&legal);
            sink.extend(warnings.iter().map(|warning| warning.to_diagnostic(&names)));
            let choices = choices
                .iter()
                .map(|choice| describe(lowered, choice.memory, choice.position))
                .collect();
            Some(Judged { legal, choices })
        }
        Err(illegal) => {
            let operation = &lowered.mapping.operation;
            let violations = illegal.violations.iter();
            sink.extend(violations.map(|violation| violation.to_diagnostic(&names, operation)));
            None
        }
    }
}

/// The tables of `lower`, as legality asks for them.
struct Named<'a> {
    lowered: &'a Lowered,
    sources: &'a SourceMap,
}

fn name(names: &[String], index: usize, or: &str) -> String {
    names.get(index).cloned().unwrap_or_else(|| or.to_owned())
}

impl legality::Names for Named<'_> {
    fn rank(&self, rank: RankId) -> String {
        name(&self.lowered.names.ranks, rank.index(), "a rank")
    }

    fn window(&self, window: usize) -> String {
        name(&self.lowered.names.windows, window, "an input axis")
    }

    fn tensor(&self, tensor: usize) -> String {
        name(&self.lowered.names.tensors, tensor, "a tensor")
    }

    fn memory(&self, memory: usize) -> String {
        name(&self.lowered.names.memories, memory, "a memory")
    }

    fn array(&self, array: usize) -> String {
        name(&self.lowered.names.arrays, array, "an array")
    }

    fn written(&self, origin: Origin) -> Option<Written> {
        let source = self.lowered.origin(origin)?;
        // Nobody can edit the embedded library.
        let file = self.sources.get(source.span.file());
        let editable = file.is_some_and(|file| !file.name().starts_with('<'));
        Some(Written {
            span: source.span,
            label: source.label.clone(),
            text: editable.then(|| self.sources.text_of(source.span).to_owned()),
        })
    }

    fn layer(&self) -> (Span, String) {
        let names = &self.lowered.names;
        (names.layer_span, names.layer.clone())
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
