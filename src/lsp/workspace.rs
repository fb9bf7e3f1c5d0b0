//! The open documents, and what was found out about each: made when asked for, thrown away when a text changes.
//!
//! Problem: `lib.dflow` defines a dataflow, `design.dflow` imports and maps it; both are open, neither is saved. A
//! change of the first makes what is known about both worthless, and their diagnostics have to be said anew: those of
//! a file come from itself and from every open file that imports it.
//!
//! Invariants: what is kept was made from the present texts; a document that changed is due until it has been
//! evaluated to the end and its diagnostics have been collected.

use super::analysis::Snapshot;
use super::analysis::evaluate::{Evaluated, ResultCache};
use super::text::{Encoding, Point, Text};
use super::uri;
use crate::driver::{self, Files, OsFiles, Session, normal};
use crate::import::maestro::is_maestro;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A document that an editor has open.
pub struct Document {
    /// As the editor spells it.
    pub uri: String,
    pub version: i32,
    pub text: Text,
    snapshot: Option<Rc<Snapshot>>,
    evaluated: Option<Rc<Evaluated>>,
    due: bool,
    /// The version that was evaluated last.
    seen: Option<i32>,
}

/// All open documents, by path.
pub struct Workspace {
    pub encoding: Encoding,
    pub cache: ResultCache,
    /// What the editor has open as folders.
    pub folders: Vec<String>,
    /// What `.m` files run on: a flat list of the tool, as the editor names it.
    pub hardware: Option<String>,
    session: Session<OsFiles>,
    documents: BTreeMap<String, Document>,
}

/// Closed files of the folders that are looked into, at most.
const MOST_FILES: usize = 2_000;

/// A change of a part, or of all of a text.
pub struct Change {
    pub range: Option<(Point, Point)>,
    pub text: String,
}

impl Workspace {
    #[must_use]
    pub fn new(encoding: Encoding) -> Workspace {
        Workspace {
            encoding,
            cache: ResultCache::default(),
            folders: Vec::new(),
            hardware: None,
            session: Session::new(OsFiles),
            documents: BTreeMap::new(),
        }
    }

    /// The path under which a document is known.
    #[must_use]
    pub fn path(uri: &str) -> String {
        normal(&uri::to_path(uri))
    }

    /// From now on the editor's text counts, not that of the file.
    pub fn open(&mut self, uri: &str, version: i32, text: String) {
        let path = Workspace::path(uri);
        self.session.set_text(&path, &text);
        let document = Document {
            uri: uri.to_owned(),
            version,
            text: Text::new(text),
            snapshot: None,
            evaluated: None,
            due: true,
            seen: None,
        };
        self.documents.insert(path.clone(), document);
        self.forget(&path);
    }

    /// Changes are applied one after the other, each to the text that the one before left.
    pub fn change(&mut self, uri: &str, version: i32, changes: Vec<Change>) {
        let path = Workspace::path(uri);
        let Some(document) = self.documents.get_mut(&path) else {
            return;
        };
        document.version = version;
        for change in changes {
            document
                .text
                .change(change.range, &change.text, self.encoding);
        }
        self.session.set_text(&path, document.text.as_str());
        self.forget(&path);
    }

    /// The file's own text counts again.
    pub fn close(&mut self, uri: &str) {
        let path = Workspace::path(uri);
        self.documents.remove(&path);
        self.session.close(&path);
        self.forget(&path);
    }

    /// Throws away what depends on the text of a file.
    pub fn forget(&mut self, path: &str) {
        for (own, document) in &mut self.documents {
            let depends = document
                .snapshot
                .as_ref()
                .is_none_or(|snapshot| own == path || reads(snapshot, path));
            if depends {
                document.snapshot = None;
                document.evaluated = None;
                document.due = true;
            }
        }
    }

    /// The open document at a path.
    #[must_use]
    pub fn document(&self, path: &str) -> Option<&Document> {
        self.documents.get(path)
    }

    /// The paths of all open documents, in order.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.documents.keys().cloned().collect()
    }

    /// An open document whose diagnostics are not said yet.
    #[must_use]
    pub fn due(&self) -> Option<String> {
        let mut documents = self.documents.iter();
        documents
            .find(|(_, document)| document.due)
            .map(|(path, _)| path.clone())
    }

    /// What the compiler knows of an open document.
    pub fn snapshot(&mut self, path: &str) -> Option<Rc<Snapshot>> {
        let document = self.documents.get_mut(path)?;
        let session = &self.session;
        let hardware = self.hardware.as_deref().filter(|_| is_maestro(path));
        let hardware = hardware.map(|hardware| beside(path, hardware));
        // The list itself is no network, and runs on nothing.
        let hardware = hardware.filter(|hardware| hardware != path);
        let snapshot = document
            .snapshot
            .get_or_insert_with(|| Rc::new(Snapshot::on(session, path, hardware.as_deref())));
        Some(Rc::clone(snapshot))
    }

    /// The files of the folders that are not open, in order.
    #[must_use]
    pub fn closed_files(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for folder in &self.folders {
            let left = MOST_FILES.saturating_sub(found.len());
            found.extend(driver::files_below(folder, "dflow", left));
        }
        found.retain(|path| !self.documents.contains_key(path));
        found.sort();
        found.dedup();
        found
    }

    /// What the compiler knows of every open document, and of every closed file of the folders in whose text all of
    /// `words` stand.
    pub fn snapshots(&mut self, words: &[&str]) -> Vec<Rc<Snapshot>> {
        let mut found = Vec::new();
        for path in self.paths() {
            found.extend(self.snapshot(&path));
        }
        for path in self.closed_files() {
            let text = OsFiles.read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            if words.iter().all(|word| text.contains(word)) {
                found.push(Rc::new(Snapshot::new(&self.session, &path)));
            }
        }
        found
    }

    /// What an editor wants to see has changed: everything is said again.
    pub fn say_again(&mut self) {
        for document in self.documents.values_mut() {
            document.due = true;
        }
    }

    /// Verdicts and costs of an open document; incomplete when `stop` ended the evaluation, and then not kept.
    pub fn evaluated(
        &mut self,
        path: &str,
        stop: &mut dyn FnMut() -> bool,
    ) -> Option<(Rc<Snapshot>, Rc<Evaluated>)> {
        let snapshot = self.snapshot(path)?;
        let known = self.documents.get(path)?.evaluated.clone();
        if let Some(evaluated) = known {
            return Some((snapshot, evaluated));
        }
        let evaluated = Rc::new(self.cache.evaluate(&snapshot, stop));
        if evaluated.complete {
            self.documents.get_mut(path)?.evaluated = Some(Rc::clone(&evaluated));
        }
        Some((snapshot, evaluated))
    }

    /// The diagnostics of the document are said, or cannot be. Whether the same text was evaluated before: then
    /// something has changed that it reads.
    pub fn done(&mut self, path: &str) -> bool {
        let Some(document) = self.documents.get_mut(path) else {
            return false;
        };
        document.due = false;
        document.seen.replace(document.version) == Some(document.version)
    }
}

/// A path as it is meant in a file: one that is not absolute begins where the file lies.
fn beside(file: &str, path: &str) -> String {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    if path.starts_with('/') || folder.is_empty() {
        normal(path)
    } else {
        normal(&format!("{folder}/{path}"))
    }
}

/// Whether a snapshot was made from the text of a file, or would be if that could be read: its imports may name it.
fn reads(snapshot: &Snapshot, path: &str) -> bool {
    let unreadable = |code| matches!(code, crate::diag::Code::E0701 | crate::diag::Code::E0702);
    snapshot.depends_on(path)
        || snapshot
            .compiled
            .diagnostics
            .iter()
            .any(|diagnostic| unreadable(diagnostic.code))
}
