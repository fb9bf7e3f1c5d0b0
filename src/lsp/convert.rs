//! Places and diagnostics of the compiler as the protocol has them.

use super::analysis::Snapshot;
use super::text::{Encoding, Point, Text};
use super::uri;
use super::workspace::Workspace;
use crate::base::{FileId, Span};
use crate::diag::{self, Severity};
use lsp_types::{
    DiagnosticRelatedInformation, DiagnosticSeverity, Location, NumberOrString, OneOf,
    OptionalVersionedTextDocumentIdentifier, Position, Range, TextDocumentEdit, TextEdit, Uri,
    WorkspaceEdit,
};
use std::collections::BTreeMap;
use std::str::FromStr;

/// The lines of the files of one snapshot.
pub struct Places<'a> {
    snapshot: &'a Snapshot,
    encoding: Encoding,
    /// The editor shows what stands beside a diagnostic; else it is all in the message.
    related: bool,
    texts: BTreeMap<FileId, Text>,
}

/// A path as an address; `None` when it cannot be one.
#[must_use]
pub fn address(uri: &str) -> Option<Uri> {
    Uri::from_str(uri).ok()
}

/// A position of the protocol.
#[must_use]
pub fn point(position: Position) -> Point {
    Point {
        line: position.line,
        column: position.character,
    }
}

impl<'a> Places<'a> {
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, encoding: Encoding) -> Places<'a> {
        Places {
            snapshot,
            encoding,
            related: true,
            texts: BTreeMap::new(),
        }
    }

    /// For an editor that does not show what stands beside a diagnostic.
    #[must_use]
    pub fn with_related(mut self, related: bool) -> Places<'a> {
        self.related = related;
        self
    }

    fn position(&mut self, file: FileId, offset: u32) -> Position {
        let snapshot = self.snapshot;
        let text = self.texts.entry(file).or_insert_with(|| {
            let source = snapshot.compiled.sources.get(file);
            Text::new(source.map_or_else(String::new, |source| source.text().to_owned()))
        });
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let point = text.point(offset, self.encoding);
        Position::new(point.line, point.column)
    }

    /// The place of a byte of the file that was asked for.
    pub fn at(&mut self, offset: u32) -> Position {
        match self.snapshot.file() {
            Some(file) => self.position(file, offset),
            None => Position::default(),
        }
    }

    /// The lines and columns of a span, in its own file.
    pub fn range(&mut self, span: Span) -> Range {
        Range::new(
            self.position(span.file(), span.lo()),
            self.position(span.file(), span.hi()),
        )
    }

    /// The path of the file of a span; `None` inside of the library.
    #[must_use]
    pub fn path(&self, span: Span) -> Option<&'a str> {
        if self.snapshot.library(span).is_some() {
            return None;
        }
        Some(self.snapshot.source(span)?.name())
    }

    /// A place with its file; in the library a copy of the file is made.
    pub fn location(&mut self, workspace: &Workspace, span: Span) -> Option<Location> {
        let uri = match self.snapshot.library(span) {
            Some(path) => {
                let file = super::library::file(path)?;
                uri::from_path(&file.to_string_lossy().replace('\\', "/"))
            }
            None => address_of(workspace, self.snapshot.source(span)?.name()),
        };
        Some(Location::new(address(&uri)?, self.range(span)))
    }

    /// A diagnostic, and the path of the file where it is shown: that of its first place outside of the library,
    /// else `or`.
    pub fn diagnostic(
        &mut self,
        workspace: &Workspace,
        diagnostic: &diag::Diagnostic,
        or: &str,
    ) -> (String, lsp_types::Diagnostic) {
        let primary = diagnostic.primary();
        let places = diagnostic.labels.iter().map(|label| label.span);
        let shown = primary
            .into_iter()
            .chain(places)
            .find(|span| self.path(*span).is_some());
        let path = shown
            .and_then(|span| self.path(span))
            .unwrap_or(or)
            .to_owned();
        let range = shown.map_or_else(Range::default, |span| self.range(span));
        // A list of problems has one line for each: what else there is to say stands beside it.
        let mut related = Vec::new();
        for label in &diagnostic.labels {
            if label.message.is_empty() {
                continue;
            }
            if let Some(location) = self.location(workspace, label.span) {
                related.push(DiagnosticRelatedInformation {
                    location,
                    message: one_line(&label.message),
                });
            }
        }
        let here = shown.and_then(|span| self.location(workspace, span));
        let notes = diagnostic.notes.iter().map(|note| format!("note: {note}"));
        let help = diag::render::help(&self.snapshot.compiled.sources, diagnostic);
        let help = help.map(|help| format!("help: {help}"));
        for text in notes.chain(help) {
            related.extend(here.clone().map(|location| DiagnosticRelatedInformation {
                location,
                message: one_line(&text),
            }));
        }
        let mut message = one_line(&diagnostic.message);
        if !self.related {
            for one in &related {
                message.push_str(&format!("\n{}", one.message));
            }
            related.clear();
        }
        let shown = lsp_types::Diagnostic {
            range,
            severity: Some(match diagnostic.severity {
                Severity::Error => DiagnosticSeverity::ERROR,
                Severity::Warning => DiagnosticSeverity::WARNING,
            }),
            code: Some(NumberOrString::String(diagnostic.code.as_str().to_owned())),
            code_description: None,
            source: Some("dflowc".to_owned()),
            message,
            related_information: (!related.is_empty()).then_some(related),
            tags: None,
            // There is no address for the page of a code: the program has it (`dflowc explain E0402`).
            data: Some(serde_json::json!({
                "title": diagnostic.code.title(),
                "explain": format!("dflowc explain {}", diagnostic.code),
            })),
        };
        (path, shown)
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The address of a file: as the editor spells it, if it is open.
#[must_use]
pub fn address_of(workspace: &Workspace, path: &str) -> String {
    match workspace.document(path) {
        Some(document) => document.uri.clone(),
        None => uri::from_path(path),
    }
}

/// Edits by path of their file, for the versions of the documents that are open now. Without `versioned` the editor
/// only knows edits without versions.
#[must_use]
pub fn edit(
    workspace: &Workspace,
    edits: BTreeMap<String, Vec<TextEdit>>,
    versioned: bool,
) -> WorkspaceEdit {
    let addressed = edits.into_iter().filter_map(|(path, edits)| {
        let uri = address(&address_of(workspace, &path))?;
        let version = workspace.document(&path).map(|document| document.version);
        Some((uri, version, edits))
    });
    if versioned {
        let documents = addressed
            .map(|(uri, version, edits)| TextDocumentEdit {
                text_document: OptionalVersionedTextDocumentIdentifier { uri, version },
                edits: edits.into_iter().map(OneOf::Left).collect(),
            })
            .collect();
        return WorkspaceEdit {
            document_changes: Some(lsp_types::DocumentChanges::Edits(documents)),
            ..WorkspaceEdit::default()
        };
    }
    WorkspaceEdit {
        changes: Some(addressed.map(|(uri, _, edits)| (uri, edits)).collect()),
        ..WorkspaceEdit::default()
    }
}
