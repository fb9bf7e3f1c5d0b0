//! Diagnostics as data, and the few ways to show them.
//!
//! A phase finds a mistake, keeps it as an enum of its own (ids, spans, numbers), and turns it into a
//! [`Diagnostic`] as the [`Mistake`] that this enum is. From here on nobody knows the phase: the text
//! renderer, the JSON writer and the editor read the same value.
//!
//! Invariants: [`Diagnostics::into_sorted`] is the only way out for output, it is in source order (file,
//! position, code), without doubles, what many need once, and capped; at most one label of a diagnostic is primary.

mod code;
pub mod explain;
pub mod github;
pub mod json;
mod mistake;
pub mod render;
pub mod sarif;
pub mod short;
pub mod suggest;

pub use code::Code;
pub use mistake::Mistake;

use crate::base::Span;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

impl Severity {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One message about the sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    pub severity: Severity,
    /// One line, without a final stop: what is wrong.
    pub message: String,
    /// Where; the primary label first. Empty for messages about no place (a file not found on the command line).
    pub labels: Vec<Label>,
    /// Facts: witnesses, sizes, both shapes.
    pub notes: Vec<String>,
    /// What to do, in words.
    pub help: Option<String>,
    /// What to do, as an edit. Boxed because few have one and many functions return a diagnostic.
    pub fix: Option<Box<Fix>>,
    /// Where it is one of many that are shown as one. Boxed as the fix is.
    pub one_of: Option<Box<OneOf>>,
}

/// What makes many messages one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OneOf {
    /// Who needs what is missing: of messages that differ in nothing else one is shown, which names the first and counts
    /// the others.
    NeededBy(Subject),
    /// All of one code have their cause at one place: the first is shown, and says who else it is about.
    CausedAt(Span, Subject),
}

/// Who a mistake was found for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// `layer`, `group`.
    pub kind: &'static str,
    pub name: String,
    /// Where the name is unique: the network.
    pub within: String,
}

/// A place and what is to be seen there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub span: Span,
    pub message: String,
    pub primary: bool,
}

/// An edit that repairs the mistake: put `replacement` where `span` is (an insertion if that is empty).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    pub span: Span,
    pub replacement: String,
    /// What the edit does: "close the block".
    pub message: String,
}

impl Diagnostic {
    /// A diagnostic of the severity that its code has (`W` codes are warnings).
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: code.severity(),
            message: message.into(),
            labels: Vec::new(),
            notes: Vec::new(),
            help: None,
            fix: None,
            one_of: None,
        }
    }

    /// The place of the mistake; a second call adds a secondary label.
    #[must_use]
    pub fn at(mut self, span: Span, message: impl Into<String>) -> Self {
        let primary = !self.labels.iter().any(|label| label.primary);
        self.labels.push(Label {
            span,
            message: message.into(),
            primary,
        });
        self
    }

    /// A place that explains the first one.
    #[must_use]
    pub fn also(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            message: message.into(),
            primary: false,
        });
        self
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The same may be found for others: see [`OneOf::NeededBy`].
    #[must_use]
    pub fn needed_by(mut self, subject: Subject) -> Self {
        self.one_of = Some(Box::new(OneOf::NeededBy(subject)));
        self
    }

    /// One of many with one cause: see [`OneOf::CausedAt`].
    #[must_use]
    pub fn caused_at(mut self, place: Span, subject: Subject) -> Self {
        self.one_of = Some(Box::new(OneOf::CausedAt(place, subject)));
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub fn fix(
        mut self,
        span: Span,
        replacement: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        self.fix = Some(Box::new(Fix {
            span,
            replacement: replacement.into(),
            message: message.into(),
        }));
        self
    }

    /// The place of the primary label.
    #[must_use]
    pub fn primary(&self) -> Option<Span> {
        self.labels
            .iter()
            .find(|label| label.primary)
            .or(self.labels.first())
            .map(|label| label.span)
    }

    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// One message for all of one code and cause, the first of them.
fn joined(list: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut known: BTreeMap<(Code, Span), usize> = BTreeMap::new();
    let mut kept: Vec<(Diagnostic, Option<Subject>, Vec<Subject>)> = Vec::with_capacity(list.len());
    for mut diagnostic in list {
        let (place, subject) = match diagnostic.one_of.take().map(|one| *one) {
            Some(OneOf::CausedAt(place, subject)) => (place, subject),
            other => {
                diagnostic.one_of = other.map(Box::new);
                kept.push((diagnostic, None, Vec::new()));
                continue;
            }
        };
        let key = (diagnostic.code, place);
        match known.get(&key).and_then(|&at| kept.get_mut(at)) {
            Some((_, first, more)) => {
                if first.as_ref() != Some(&subject) && !more.contains(&subject) {
                    more.push(subject);
                }
            }
            None => {
                known.insert(key, kept.len());
                kept.push((diagnostic, Some(subject), Vec::new()));
            }
        }
    }
    let said = kept.into_iter().map(|(mut diagnostic, _, more)| {
        diagnostic.notes.extend(also_so(&more));
        diagnostic
    });
    said.collect()
}

/// `and 71 more layers: `conv1`, `conv2_1a`, ...`
fn also_so(more: &[Subject]) -> Option<String> {
    const SHOWN: usize = 4;
    let first = more.first()?;
    let plural = if more.len() == 1 { "" } else { "s" };
    let names: Vec<String> = more
        .iter()
        .take(SHOWN)
        .map(|subject| format!("`{}`", subject.name))
        .collect();
    let rest = if more.len() > SHOWN { ", ..." } else { "" };
    Some(format!(
        "and {} more {}{plural}: {}{rest}",
        more.len(),
        first.kind,
        names.join(", ")
    ))
}

/// One message for all that differ only in who needs it; those follow each other in a sorted list.
fn merged(list: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut merged: Vec<(Diagnostic, Vec<Subject>)> = Vec::with_capacity(list.len());
    let mut known: BTreeSet<Subject> = BTreeSet::new();
    for mut diagnostic in list {
        let subject = diagnostic.one_of.take().map(|one| match *one {
            OneOf::NeededBy(subject) | OneOf::CausedAt(_, subject) => subject,
        });
        match (merged.last_mut(), subject) {
            (Some((last, subjects)), Some(subject))
                if !subjects.is_empty() && *last == diagnostic =>
            {
                if known.insert(subject.clone()) {
                    subjects.push(subject);
                }
            }
            (_, subject) => {
                known = subject.iter().cloned().collect();
                merged.push((diagnostic, subject.into_iter().collect()));
            }
        }
    }
    let said = merged.into_iter().map(|(mut diagnostic, subjects)| {
        diagnostic.notes.extend(who_needs_it(&subjects));
        diagnostic
    });
    said.collect()
}

/// `layer `fc` needs it`, or `layer `fc` and 71 more layers need it`.
fn who_needs_it(subjects: &[Subject]) -> Option<String> {
    let (first, others) = subjects.split_first()?;
    let (kind, name) = (first.kind, &first.name);
    let more = others.len();
    let mut kinds: Vec<&str> = others.iter().map(|other| other.kind).collect();
    kinds.sort_unstable_by(|a, b| b.cmp(a));
    kinds.dedup();
    let plural = if more == 1 { "" } else { "s" };
    let kinds: Vec<String> = kinds.iter().map(|kind| format!("{kind}{plural}")).collect();
    Some(match more {
        0 => format!("{kind} `{name}` needs it"),
        _ => format!(
            "{kind} `{name}` and {more} more {} need it",
            kinds.join(" and ")
        ),
    })
}

/// Collects what the phases have to say.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    errors: usize,
}

/// What is left for output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorted {
    /// In source order, without doubles.
    pub list: Vec<Diagnostic>,
    /// How many more there were past the limit.
    pub more: usize,
}

impl Diagnostics {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.is_error());
        self.list.push(diagnostic);
    }

    pub fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        for diagnostic in diagnostics {
            self.push(diagnostic);
        }
    }

    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors != 0
    }

    /// Number of errors so far (doubles included): compare before and after a phase to see whether it failed.
    #[must_use]
    pub fn error_count(&self) -> usize {
        self.errors
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// In the order in which they were pushed.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// Takes the edit away where `keep` says so: there is none that is right.
    pub fn keep_fixes(&mut self, keep: impl Fn(&Diagnostic, &Fix) -> bool) {
        for diagnostic in &mut self.list {
            let fix = diagnostic.fix.take();
            diagnostic.fix = fix.filter(|fix| keep(diagnostic, fix));
        }
    }

    /// Warnings become errors (`-D warnings`).
    pub fn deny_warnings(&mut self) {
        for diagnostic in &mut self.list {
            diagnostic.severity = Severity::Error;
        }
        self.errors = self.list.len();
    }

    /// In source order (messages about no place first), doubles removed, at most `limit`.
    /// Errors are kept before warnings when the limit bites.
    #[must_use]
    pub fn into_sorted(self, limit: usize) -> Sorted {
        let mut list = self.list;
        list.sort_by(|a, b| {
            (a.primary(), a.code, a.severity, &a.message).cmp(&(
                b.primary(),
                b.code,
                b.severity,
                &b.message,
            ))
        });
        list.dedup();
        let mut list = merged(joined(list));
        let total = list.len();
        if total > limit {
            let errors = list.iter().filter(|d| d.is_error()).count();
            let mut errors_left = errors.min(limit);
            let mut warnings_left = limit - errors_left;
            list.retain(|diagnostic| {
                let left = if diagnostic.is_error() {
                    &mut errors_left
                } else {
                    &mut warnings_left
                };
                let keep = *left > 0;
                *left -= usize::from(keep);
                keep
            });
        }
        Sorted {
            more: total - list.len(),
            list,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::FileId;

    fn at(code: Code, lo: u32) -> Diagnostic {
        Diagnostic::new(code, "m").at(Span::new(FileId::new(0), lo, lo + 1), "here")
    }

    #[test]
    fn what_many_need_is_said_once() {
        let subject = |kind, name: &str| Subject {
            kind,
            name: name.to_owned(),
            within: "n".to_owned(),
        };
        let mut sink = Diagnostics::new();
        // Another message at the same place stands between them; `b` is met twice.
        for (message, kind, name) in [
            ("no mac", "layer", "a"),
            ("no hop", "layer", "a"),
            ("no mac", "layer", "b"),
            ("no mac", "layer", "b"),
            ("no mac", "group", "c + d"),
            ("no mac", "layer", "e"),
            ("no op", "layer", "p"),
            ("no op", "layer", "q"),
        ] {
            let span = Span::new(FileId::new(0), 3, 4);
            let found = Diagnostic::new(Code::E0503, message).at(span, "here");
            sink.push(found.needed_by(subject(kind, name)));
        }
        let sorted = sink.into_sorted(100);
        let said: Vec<(&str, &[String])> = sorted
            .list
            .iter()
            .map(|found| (found.message.as_str(), found.notes.as_slice()))
            .collect();
        let note = |text: &str| [text.to_owned()];
        assert_eq!(
            said,
            [
                ("no hop", &note("layer `a` needs it")[..]),
                (
                    "no mac",
                    &note("layer `a` and 3 more layers and groups need it")[..]
                ),
                ("no op", &note("layer `p` and 1 more layer need it")[..]),
            ]
        );
    }

    #[test]
    fn sorted_deduplicated_and_capped() {
        let mut sink = Diagnostics::new();
        for lo in [9, 3, 3, 5] {
            sink.push(at(Code::E0101, lo));
        }
        sink.push(at(Code::W0401, 0));
        assert_eq!(sink.error_count(), 4);
        let sorted = sink.into_sorted(2);
        // The warning comes first in the file but errors are kept first.
        let places: Vec<u32> = sorted
            .list
            .iter()
            .filter_map(|d| d.primary())
            .map(Span::lo)
            .collect();
        assert_eq!(places, [3, 5]);
        assert_eq!(sorted.more, 2);
    }
}
