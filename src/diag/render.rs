//! Diagnostics as text for people. The only file that knows ariadne.
//!
//! ariadne is a printer with sharp edges, all filed off here: spans are bytes (its default is characters,
//! and with one non-ASCII letter the snippet is silently lost); a span that is not inside its file, or
//! cuts a character, is moved to the nearest place that is; lines end without blanks; a diagnostic on a very
//! long line (generated files) is printed without that line; and nothing of a source can command the
//! terminal or turn the direction of text.

use std::borrow::Cow;

use ariadne::{Cache, Color, Config, IndexType, Label, Report, ReportKind, Source};

use super::{Diagnostic, Fix, Severity, Sorted};
use crate::base::harmless::harmless;
use crate::base::{FileId, SourceFile, SourceMap, Span};

/// Longer lines are not shown, in bytes.
const LONGEST_LINE: usize = 1_000;
/// Longer pieces of text are not quoted in a fix, in characters.
const LONGEST_QUOTE: usize = 60;

/// All diagnostics, each with its lines of source.
#[must_use]
pub fn text(sources: &SourceMap, sorted: &Sorted, color: bool) -> String {
    let mut files = Files {
        sources: sources
            .files()
            .map(|(_, file)| (harmless(file.name()), Source::from(harmless(file.text()))))
            .collect(),
    };
    let mut out = String::new();
    for diagnostic in &sorted.list {
        out.push_str(&one(sources, &mut files, diagnostic, color));
        out.push('\n');
    }
    out
}

/// A byte range of a file, as ariadne wants it.
type Range = (FileId, std::ops::Range<usize>);

struct Files<'a> {
    sources: Vec<(Cow<'a, str>, Source<Cow<'a, str>>)>,
}

impl<'a> Cache<FileId> for &mut Files<'a> {
    type Storage = Cow<'a, str>;

    fn fetch(&mut self, id: &FileId) -> Result<&Source<Cow<'a, str>>, impl std::fmt::Debug> {
        self.sources
            .get(id.index())
            .map(|(_, source)| source)
            .ok_or("a label names a file that does not exist")
    }

    fn display<'b>(&self, id: &'b FileId) -> Option<impl std::fmt::Display + 'b> {
        self.sources
            .get(id.index())
            .map(|(name, _)| name.to_string())
    }
}

fn one(sources: &SourceMap, files: &mut Files<'_>, diagnostic: &Diagnostic, color: bool) -> String {
    let labels: Vec<(Range, &super::Label)> = diagnostic
        .labels
        .iter()
        .filter_map(|label| Some((shown(sources.get(label.span.file())?, label.span), label)))
        .collect();
    let too_long = labels.iter().any(|((id, range), _)| {
        sources.get(*id).is_some_and(|file| {
            longest_line(file, range.start) > LONGEST_LINE
                || longest_line(file, range.end) > LONGEST_LINE
        })
    });
    let Some((at, _)) = labels
        .iter()
        .find(|(_, label)| label.primary)
        .or(labels.first())
    else {
        return plain(sources, diagnostic);
    };
    if too_long {
        return plain(sources, diagnostic);
    }
    let (kind, main) = match diagnostic.severity {
        Severity::Error => (ReportKind::Error, Color::Red),
        Severity::Warning => (ReportKind::Warning, Color::Yellow),
    };
    let config = Config::new()
        .with_index_type(IndexType::Byte)
        .with_color(color)
        .with_compact(false);
    let mut report = Report::build(kind, at.clone())
        .with_config(config)
        .with_code(diagnostic.code)
        .with_message(harmless(&diagnostic.message));
    // In the order of the source, so that one file is shown in one piece.
    let mut ordered: Vec<&(Range, &super::Label)> = labels.iter().collect();
    ordered.sort_by_key(|((id, range), _)| (*id != at.0, id.index(), range.start));
    for (range, label) in ordered {
        let color = if label.primary { main } else { Color::Blue };
        report.add_label(
            Label::new(range.clone())
                .with_message(harmless(&label.message))
                .with_color(color)
                .with_priority(i32::from(label.primary)),
        );
    }
    for note in &diagnostic.notes {
        report.add_note(harmless(note));
    }
    if let Some(help) = help(sources, diagnostic) {
        report.add_help(harmless(&help));
    }
    let mut bytes = Vec::new();
    match report.finish().write(&mut *files, &mut bytes) {
        Ok(()) => trim_line_ends(&String::from_utf8_lossy(&bytes)),
        Err(_) => plain(sources, diagnostic),
    }
}

/// The range of a span, inside the file and on character boundaries.
fn shown(file: &SourceFile, span: Span) -> Range {
    let text = file.text();
    let start = text.floor_char_boundary(span.range().start);
    let end = text.ceil_char_boundary(span.range().end.min(text.len()));
    (span.file(), start..end.max(start))
}

fn longest_line(file: &SourceFile, offset: usize) -> usize {
    let lines = file.lines();
    let line = lines.line(u32::try_from(offset).unwrap_or(u32::MAX));
    let end = if line + 1 < lines.line_count() {
        lines.start(line + 1) as usize
    } else {
        file.text().len()
    };
    end - lines.start(line) as usize
}

/// Without source lines: `file:line:column` and the words.
fn plain(sources: &SourceMap, diagnostic: &Diagnostic) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => "Error",
        Severity::Warning => "Warning",
    };
    let mut out = format!("[{}] {severity}: {}\n", diagnostic.code, diagnostic.message);
    for label in &diagnostic.labels {
        let place = place(sources, label.span);
        out.push_str(&format!("  {place}: {}\n", label.message));
    }
    for note in &diagnostic.notes {
        out.push_str(&format!("  Note: {note}\n"));
    }
    if let Some(help) = help(sources, diagnostic) {
        out.push_str(&format!("  Help: {help}\n"));
    }
    trim_line_ends(&harmless(&out))
}

fn place(sources: &SourceMap, span: Span) -> String {
    match sources.get(span.file()) {
        Some(file) => {
            let at = file.position(span.lo());
            format!("{}:{}:{}", file.name(), at.line, at.column)
        }
        None => "unknown place".to_owned(),
    }
}

/// The help in words and the fix, as one text.
#[must_use]
pub fn help(sources: &SourceMap, diagnostic: &Diagnostic) -> Option<String> {
    match (&diagnostic.help, &diagnostic.fix) {
        (Some(help), None) => Some(help.clone()),
        (Some(help), Some(fix)) if help.contains(&format!("`{}`", fix.replacement)) => {
            Some(help.clone())
        }
        (Some(help), Some(fix)) => Some(format!("{help}; {}", describe(sources, fix))),
        (None, Some(fix)) => Some(describe(sources, fix)),
        (None, None) => None,
    }
}

/// What a fix does, in words: with the name that it writes, and the one that it replaces.
#[must_use]
pub fn describe(sources: &SourceMap, fix: &Fix) -> String {
    let old = sources.text_of(fix.span);
    let short = |text: &str| text.chars().count() <= LONGEST_QUOTE && !text.contains('\n');
    let message = &fix.message;
    let new = fix.replacement.trim();
    if new.is_empty() || !short(new) || message.contains(&format!("`{new}`")) {
        return message.clone();
    }
    if fix.span.is_empty() {
        format!("{message}: insert `{new}`")
    } else if short(old) {
        format!("{message}: write `{new}` instead of `{old}`")
    } else {
        format!("{message}: write `{new}`")
    }
}

fn trim_line_ends(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Code, Diagnostics};

    fn rendered(files: &[(&str, &str)], make: impl FnOnce(&[FileId]) -> Diagnostic) -> String {
        let mut sources = SourceMap::new();
        let ids: Vec<FileId> = files
            .iter()
            .map(|(name, text)| sources.add(name, text))
            .collect();
        let mut sink = Diagnostics::new();
        sink.push(make(&ids));
        text(&sources, &sink.into_sorted(10), false)
    }

    #[test]
    fn shows_the_line_behind_letters_of_several_bytes() {
        let source = "// \u{b5}\u{b5}\u{b5}\nconst \u{e4} = 4;\n";
        let at = u32::try_from(source.find('4').unwrap()).unwrap();
        let out = rendered(&[("a.dflow", source)], |ids| {
            Diagnostic::new(Code::E0303, "too small")
                .at(Span::new(ids[0], at, at + 1), "this one")
                .note("sizes are positive")
                .fix(Span::new(ids[0], at, at + 1), "5", "take the next")
        });
        assert!(out.starts_with("[E0303] Error: too small\n"), "{out}");
        assert!(
            out.contains("a.dflow:2:11") && out.contains("const \u{e4} = 4;"),
            "{out}"
        );
        assert!(
            out.contains("this one") && out.contains("sizes are positive"),
            "{out}"
        );
        assert!(
            out.contains("take the next: write `5` instead of `4`"),
            "{out}"
        );
        assert!(out.lines().all(|line| line == line.trim_end()), "{out}");
    }

    #[test]
    fn several_files_empty_files_and_places_that_do_not_exist() {
        let out = rendered(&[("a.dflow", "first\n"), ("b.dflow", "second")], |ids| {
            Diagnostic::new(Code::E0204, "twice")
                .at(Span::new(ids[1], 0, 6), "again")
                .also(Span::new(ids[0], 0, 5), "before")
        });
        assert!(out.contains("first") && out.contains("second"), "{out}");
        let out = rendered(&[("a.dflow", "")], |ids| {
            Diagnostic::new(Code::E0101, "empty").at(Span::new(ids[0], 0, 0), "here")
        });
        assert!(out.contains("here"), "{out}");
        let out = rendered(&[("a.dflow", "\u{b5}")], |ids| {
            Diagnostic::new(Code::E0101, "past the end").at(Span::new(ids[0], 1, 99), "here")
        });
        assert!(out.contains("here"), "{out}");
        let out = rendered(&[], |_| {
            Diagnostic::new(Code::E0701, "no file").at(Span::new(FileId::new(7), 0, 0), "here")
        });
        assert_eq!(out, "[E0701] Error: no file\n  unknown place: here\n\n");
    }

    #[test]
    fn sources_cannot_command_the_terminal() {
        let source = "const \u{1b}[31m\u{9b}\u{202e}K = 1;";
        let at = u32::try_from(source.find('K').unwrap()).unwrap();
        let out = rendered(&[("a\u{7}.dflow", source)], |ids| {
            Diagnostic::new(Code::E0201, "no \u{1b}").at(Span::new(ids[0], at, at + 1), "here")
        });
        assert!(
            !out.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{7}']),
            "{out}"
        );
        assert!(out.contains("const ?[31m\u{b7}\u{fffd}K = 1;"), "{out}");
    }

    #[test]
    fn very_long_lines_are_left_out() {
        let source = "1,".repeat(100_000);
        let out = rendered(&[("a.dflow", &source)], |ids| {
            Diagnostic::new(Code::E0101, "long").at(Span::new(ids[0], 10, 11), "here")
        });
        assert!(
            out.len() < 200 && out.contains("a.dflow:1:11: here"),
            "{out}"
        );
    }
}
