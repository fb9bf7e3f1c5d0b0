//! Places for the memories that have none, then the verdict, in the words of the source.

use super::Memo;
use super::words::{Names, Written};
use crate::base::Span;
use crate::diag::{Diagnostic, Diagnostics, Mistake, Subject};
use crate::driver::Compiled;
use crate::hir::Map;
use crate::ir::{Axis, Mapping, Origin, RankId};
use crate::legality::{self, Illegal, Legal, Violation};
use crate::lower::Lowered;

/// A layer whose mapping may be counted.
#[derive(Clone, Debug)]
pub struct CheckedLayer {
    pub legal: Legal<Mapping>,
    /// Where the tiles of memories were put by default.
    pub choices: Vec<String>,
    /// What is legal but wasteful.
    pub warnings: Vec<Diagnostic>,
}

/// The verdict about a mapping, with the places that its memories were given; without names and places in texts.
type Verdict = Result<(Legal<Mapping>, Vec<legality::Choice>), Box<Illegal>>;

/// What a verdict depends on.
#[derive(Clone, Debug, PartialEq)]
struct Question {
    mapping: Mapping,
    automatic: Vec<usize>,
    fixed: Vec<(usize, usize)>,
}

/// Verdicts by what they depend on: for whoever checks the same layers again and again.
#[derive(Clone, Debug)]
pub struct CheckCache {
    known: Memo<Question, Verdict>,
}

impl CheckCache {
    /// Remembers at most `most` verdicts.
    #[must_use]
    pub fn new(most: usize) -> CheckCache {
        CheckCache {
            known: Memo::new(most),
        }
    }

    /// As [`check_layer`].
    #[must_use]
    pub fn check_layer(
        &mut self,
        compiled: &Compiled,
        map: &Map,
        lowered: &Lowered,
        sink: &mut Diagnostics,
    ) -> Option<CheckedLayer> {
        let is_same = |known: &Question| {
            known.mapping == lowered.mapping
                && known.automatic == lowered.automatic
                && known.fixed == lowered.fixed
        };
        let question = || Question {
            mapping: lowered.mapping.clone(),
            automatic: lowered.automatic.clone(),
            fixed: lowered.fixed.clone(),
        };
        let verdict = self.known.find(is_same, question, || verdict(lowered));
        render(compiled, map, lowered, verdict, sink)
    }
}

/// Checks a lowered layer of `map`; what is wrong goes to `sink`.
#[must_use]
pub fn check_layer(
    compiled: &Compiled,
    map: &Map,
    lowered: &Lowered,
    sink: &mut Diagnostics,
) -> Option<CheckedLayer> {
    render(compiled, map, lowered, verdict(lowered), sink)
}

fn verdict(lowered: &Lowered) -> Verdict {
    let mapping = lowered.mapping.clone();
    legality::settle(mapping, &lowered.automatic, &lowered.fixed)
}

/// The verdict in the words of the source.
fn render(
    compiled: &Compiled,
    map: &Map,
    lowered: &Lowered,
    verdict: Verdict,
    sink: &mut Diagnostics,
) -> Option<CheckedLayer> {
    let named = Named {
        compiled,
        map,
        lowered,
    };
    match verdict {
        Ok((legal, choices)) => {
            let warnings = legality::warnings(&legal)
                .iter()
                .map(|warning| {
                    named.joined(named.place(warning.told(&named).to_diagnostic()), None)
                })
                .collect();
            let choices = choices
                .iter()
                .map(|choice| describe(lowered, choice.memory, choice.position))
                .collect();
            Some(CheckedLayer {
                legal,
                choices,
                warnings,
            })
        }
        Err(illegal) => {
            let operation = &lowered.mapping.operation;
            sink.extend(illegal.violations.iter().map(|violation| {
                let diagnostic = named.place(violation.told(&named, operation).to_diagnostic());
                match violation {
                    Violation::Overfull(overfull) => {
                        let memory = overfull.memory;
                        named.joined(named.show_memory(memory, diagnostic), Some(memory))
                    }
                    _ => diagnostic,
                }
            }));
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

/// The words and places of one lowered layer.
struct Named<'a> {
    compiled: &'a Compiled,
    map: &'a Map,
    lowered: &'a Lowered,
}

impl Named<'_> {
    fn is_embedded(&self, span: Span) -> bool {
        self.compiled
            .sources
            .get(span.file())
            .is_some_and(|file| file.name().starts_with("<std>/"))
    }

    /// A mistake in the embedded library is pointed at from the map.
    fn place(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        if diagnostic
            .primary()
            .is_none_or(|span| self.is_embedded(span))
        {
            diagnostic = diagnostic.also(
                self.map.span,
                format!("needed here, for layer `{}`", self.lowered.names.layer),
            );
        }
        // What the built-in streaming dataflow spreads has no places of its own: once is enough.
        let mut seen = Vec::new();
        diagnostic.labels.retain(|label| {
            let place = (label.span, label.message.clone());
            let new = !seen.contains(&place);
            seen.push(place);
            new
        });
        diagnostic
    }

    /// Whether nothing of the mapping stands in a source: it is streaming.
    fn is_written_by_nobody(&self) -> bool {
        let loops = &self.lowered.mapping.schedule.loops;
        let is_written = |origin| self.lowered.origin(origin).is_some();
        loops
            .iter()
            .all(|l| !is_written(l.origin) && l.moves.iter().all(|m| !is_written(m.origin)))
    }

    /// What nobody wrote for this layer, and no edit of it mends, has its cause in the memory that is too small, or in the
    /// map: it is the same for all layers.
    fn joined(&self, diagnostic: Diagnostic, memory: Option<usize>) -> Diagnostic {
        let memory = memory.and_then(|memory| self.lowered.names.memory_spans.get(memory));
        let shared = match diagnostic.primary() {
            Some(place) if place == self.map.span || self.is_written_by_nobody() => {
                Some(self.map.span)
            }
            _ => memory.copied(),
        };
        let (Some(place), None) = (shared, &diagnostic.fix) else {
            return diagnostic;
        };
        let subject = Subject {
            kind: "layer",
            name: self.lowered.names.layer.clone(),
            within: self.map.name.clone(),
        };
        diagnostic.caused_at(memory.copied().unwrap_or(place), subject)
    }

    /// What is too small is as much to blame as what is too large.
    fn show_memory(&self, memory: usize, diagnostic: Diagnostic) -> Diagnostic {
        match self.lowered.names.memory_spans.get(memory) {
            Some(&span) if !self.is_embedded(span) => diagnostic.also(span, "the memory"),
            _ => diagnostic,
        }
    }
}

fn name(names: &[String], index: usize, or: &str) -> String {
    names.get(index).cloned().unwrap_or_else(|| or.to_owned())
}

impl Names for Named<'_> {
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
        let editable = !self.is_embedded(source.span);
        Some(Written {
            span: source.span,
            label: source.label.clone(),
            text: editable.then(|| self.compiled.sources.text_of(source.span).to_owned()),
            by_layer: source.by_layer,
        })
    }

    fn first(&self) -> Option<Written> {
        let loops = self.lowered.mapping.schedule.loops.first()?;
        let own = loops
            .moves
            .first()
            .map_or(loops.origin, |first| first.origin);
        let origin = if own == Origin::NONE {
            loops.origin
        } else {
            own
        };
        self.written(origin)
    }

    fn layer(&self) -> (Span, String) {
        let names = &self.lowered.names;
        // A layer of the library says nothing about the mapping: the map is what can be changed.
        let span = if self.is_embedded(names.layer_span) {
            self.map.span
        } else {
            names.layer_span
        };
        (span, names.layer.clone())
    }
}
