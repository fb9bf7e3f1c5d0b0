//! Diagnostics as JSON for programs; the schema is stable.
//!
//! Offsets are bytes from 0 (`byte_end` is one past the last); lines and columns count characters from 1.

use serde::Serialize;

use super::{Diagnostic, Sorted};
use crate::base::{SourceMap, Span};

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    diagnostics: Vec<Entry<'a>>,
    /// Diagnostics past the limit.
    more: usize,
}

#[derive(Serialize)]
struct Entry<'a> {
    code: &'static str,
    title: &'static str,
    severity: &'static str,
    message: &'a str,
    /// Of the primary label; absent for messages about no place.
    #[serde(flatten)]
    place: Option<Place<'a>>,
    labels: Vec<LabelEntry<'a>>,
    notes: &'a [String],
    help: Option<&'a str>,
    fix: Option<FixEntry<'a>>,
}

#[derive(Serialize)]
struct LabelEntry<'a> {
    #[serde(flatten)]
    place: Option<Place<'a>>,
    message: &'a str,
    primary: bool,
}

#[derive(Serialize)]
struct FixEntry<'a> {
    #[serde(flatten)]
    place: Option<Place<'a>>,
    replacement: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct Place<'a> {
    file: &'a str,
    byte_start: u32,
    byte_end: u32,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
}

/// One JSON object on one line, with a line end.
#[must_use]
pub fn json(sources: &SourceMap, sorted: &Sorted) -> String {
    let document = Document {
        schema: "dflow.diagnostics/1",
        diagnostics: sorted
            .list
            .iter()
            .map(|diagnostic| entry(sources, diagnostic))
            .collect(),
        more: sorted.more,
    };
    // Strings and numbers only: this cannot fail.
    let mut text = serde_json::to_string(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn entry<'a>(sources: &'a SourceMap, diagnostic: &'a Diagnostic) -> Entry<'a> {
    Entry {
        code: diagnostic.code.as_str(),
        title: diagnostic.code.title(),
        severity: diagnostic.severity.as_str(),
        message: &diagnostic.message,
        place: diagnostic.primary().and_then(|span| place(sources, span)),
        labels: diagnostic
            .labels
            .iter()
            .map(|label| LabelEntry {
                place: place(sources, label.span),
                message: &label.message,
                primary: label.primary,
            })
            .collect(),
        notes: &diagnostic.notes,
        help: diagnostic.help.as_deref(),
        fix: diagnostic.fix.as_ref().map(|fix| FixEntry {
            place: place(sources, fix.span),
            replacement: &fix.replacement,
            message: &fix.message,
        }),
    }
}

fn place(sources: &SourceMap, span: Span) -> Option<Place<'_>> {
    let file = sources.get(span.file())?;
    let (start, end) = (file.position(span.lo()), file.position(span.hi()));
    Some(Place {
        file: file.name(),
        byte_start: span.lo(),
        byte_end: span.hi(),
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Code, Diagnostics};

    #[test]
    fn carries_bytes_and_characters() {
        let mut sources = SourceMap::new();
        let id = sources.add("a.dflow", "\u{b5}K\n");
        let mut sink = Diagnostics::new();
        sink.push(
            Diagnostic::new(Code::E0402, "m")
                .at(Span::new(id, 2, 3), "l")
                .fix(Span::new(id, 2, 3), "C", "f"),
        );
        sink.push(Diagnostic::new(Code::E0701, "no place"));
        let value: serde_json::Value =
            serde_json::from_str(&json(&sources, &sink.into_sorted(9))).unwrap();
        assert_eq!(value["schema"], "dflow.diagnostics/1");
        let (first, second) = (&value["diagnostics"][0], &value["diagnostics"][1]);
        assert_eq!(
            (&first["code"], &first["file"]),
            (&"E0701".into(), &serde_json::Value::Null)
        );
        assert_eq!(
            (&second["byte_start"], &second["column"]),
            (&2.into(), &2.into())
        );
        assert_eq!(second["fix"]["replacement"], "C");
    }
}
