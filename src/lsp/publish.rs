//! Which diagnostics each file shows.
//!
//! Those of a file come from every open document that reads it: itself, and what imports it. What several of them
//! find is shown once. A file that is not open shows what its importers find in it.
//!
//! Invariant: a file that showed something and has nothing left is told so once.

use super::convert::{Places, address, address_of};
use super::workspace::Workspace;
use crate::diag::Severity;
use lsp_types::{Diagnostic, PublishDiagnosticsParams};
use std::collections::{BTreeMap, BTreeSet};

/// Found by one document: by path of the file that shows it.
type Found = BTreeMap<String, Vec<Diagnostic>>;

/// What the editor wants to see.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Notes stand beside a diagnostic, not in it.
    pub related: bool,
    pub warnings: bool,
}

/// What is shown at the moment.
#[derive(Default)]
pub struct Shown {
    by_document: BTreeMap<String, Found>,
    /// Files that show something, with the address under which they do.
    files: BTreeMap<String, String>,
}

impl Shown {
    /// Evaluates a document that is due and says what changed, and whether that is due to another file; `None` when
    /// `stop` ended it before.
    pub fn update(
        &mut self,
        workspace: &mut Workspace,
        path: &str,
        view: View,
        stop: &mut dyn FnMut() -> bool,
    ) -> Option<(Vec<PublishDiagnosticsParams>, bool)> {
        let (snapshot, evaluated) = workspace.evaluated(path, stop)?;
        if !evaluated.complete {
            return None;
        }
        let mut places = Places::new(&snapshot, workspace.encoding).with_related(view.related);
        let mut found = Found::new();
        // The document itself is told even when there is nothing to say: editors wait for it.
        found.entry(path.to_owned()).or_default();
        let shown = |diagnostic: &&crate::diag::Diagnostic| {
            view.warnings || diagnostic.severity != Severity::Warning
        };
        for diagnostic in evaluated.diagnostics.iter().filter(shown) {
            let (file, shown) = places.diagnostic(workspace, diagnostic, path);
            found.entry(file).or_default().push(shown);
        }
        let elsewhere = workspace.done(path);
        let before = self.by_document.insert(path.to_owned(), found);
        let touched = before.iter().flat_map(BTreeMap::keys).cloned();
        let now = self
            .by_document
            .get(path)
            .into_iter()
            .flat_map(BTreeMap::keys)
            .cloned();
        let files: BTreeSet<String> = touched.chain(now).collect();
        Some((self.say(workspace, files), elsewhere))
    }

    /// What a document found is no longer shown.
    pub fn closed(&mut self, workspace: &Workspace, path: &str) -> Vec<PublishDiagnosticsParams> {
        let Some(found) = self.by_document.remove(path) else {
            return Vec::new();
        };
        self.say(workspace, found.into_keys().collect())
    }

    fn say(
        &mut self,
        workspace: &Workspace,
        files: BTreeSet<String>,
    ) -> Vec<PublishDiagnosticsParams> {
        let mut messages = Vec::new();
        for path in files {
            let mut all: Vec<Diagnostic> = Vec::new();
            for diagnostic in self
                .by_document
                .values()
                .filter_map(|found| found.get(&path))
                .flatten()
            {
                if !all.contains(diagnostic) {
                    all.push(diagnostic.clone());
                }
            }
            let address_now = address_of(workspace, &path);
            let shown_as = self.files.remove(&path);
            if !all.is_empty() {
                self.files.insert(path.clone(), address_now.clone());
            }
            let silent =
                all.is_empty() && shown_as.is_none() && workspace.document(&path).is_none();
            let target = if all.is_empty() {
                shown_as.unwrap_or(address_now)
            } else {
                address_now
            };
            if let (Some(uri), false) = (address(&target), silent) {
                let version = workspace.document(&path).map(|document| document.version);
                messages.push(PublishDiagnosticsParams::new(uri, all, version));
            }
        }
        messages
    }
}
