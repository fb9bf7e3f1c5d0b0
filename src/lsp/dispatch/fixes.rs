//! Fixes of diagnostics as actions: one by one, all of one kind, all of a file.

use super::{Answer, RequestContext, json};
use crate::diag::{Diagnostic, Fix, render};
use crate::lsp::capabilities::FIX_ALL;
use crate::lsp::convert::{Places, edit};
use crate::lsp::workspace::Workspace;
use lsp_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, Range, TextEdit,
};
use std::collections::BTreeMap;

/// A fix, where it is written, and the diagnostic that it mends.
struct Mended {
    code: crate::diag::Code,
    shown: lsp_types::Diagnostic,
    title: String,
    /// Path of the file that it changes.
    target: String,
    edit: TextEdit,
    /// Its diagnostic is shown where actions are asked for.
    here: bool,
}

impl RequestContext<'_> {
    /// The fixes of diagnostics that are shown in a range: of every open document, as any of them may have found it.
    pub(super) fn code_actions(&mut self, params: CodeActionParams) -> Answer {
        let path = Workspace::path(params.text_document.uri.as_str());
        let wanted = params.context.only;
        let is_wanted = |kind: &CodeActionKind| {
            let asked = |only: &CodeActionKind| kind.as_str().starts_with(only.as_str());
            wanted.as_ref().is_none_or(|only| only.iter().any(asked))
        };
        let all = self.mended(&path, params.range);
        let mut actions: Vec<CodeAction> = Vec::new();
        let mut push = |action: CodeAction| {
            if !actions.contains(&action) {
                actions.push(action);
            }
        };
        if is_wanted(&CodeActionKind::QUICKFIX) {
            for one in all.iter().filter(|one| one.here) {
                let edits = BTreeMap::from([(one.target.clone(), vec![one.edit.clone()])]);
                push(CodeAction {
                    title: one.title.clone(),
                    kind: Some(CodeActionKind::QUICKFIX),
                    diagnostics: Some(vec![one.shown.clone()]),
                    edit: Some(edit(self.workspace, edits, self.editor.versioned_edits)),
                    is_preferred: Some(true),
                    ..CodeAction::default()
                });
            }
            for one in all.iter().filter(|one| one.here) {
                let same: Vec<&Mended> = all.iter().filter(|m| m.code == one.code).collect();
                let (edits, number) = apart(&same);
                if number < 2 {
                    continue;
                }
                push(CodeAction {
                    title: format!("fix all {number} of {}: {}", one.code, one.code.title()),
                    kind: Some(CodeActionKind::QUICKFIX),
                    diagnostics: Some(same.iter().map(|m| m.shown.clone()).collect()),
                    edit: Some(edit(self.workspace, edits, self.editor.versioned_edits)),
                    ..CodeAction::default()
                });
            }
        }
        // Only for who asks for it: in a menu at one mistake it would stand beside every fix.
        if wanted.is_some() && is_wanted(&FIX_ALL) {
            let (edits, number) = apart(&all.iter().collect::<Vec<_>>());
            if number > 0 {
                push(CodeAction {
                    title: format!("fix all that can be fixed ({number})"),
                    kind: Some(FIX_ALL),
                    edit: Some(edit(self.workspace, edits, self.editor.versioned_edits)),
                    ..CodeAction::default()
                });
            }
        }
        let actions = actions.into_iter().map(CodeActionOrCommand::CodeAction);
        json(actions.collect::<Vec<_>>())
    }

    /// Every diagnostic of a file that has a fix.
    fn mended(&mut self, path: &str, range: Range) -> Vec<Mended> {
        let mut found: Vec<Mended> = Vec::new();
        for root in self.workspace.paths() {
            let Some((snapshot, evaluated)) = self.workspace.evaluated(&root, self.stop) else {
                continue;
            };
            let mut places =
                Places::new(&snapshot, self.workspace.encoding).with_related(self.editor.related);
            let fixes = |one: &'_ Diagnostic| one.fix.as_deref().cloned();
            for (diagnostic, fix) in evaluated
                .diagnostics
                .iter()
                .filter_map(|one| Some((one, fixes(one)?)))
            {
                let fix: Fix = fix;
                let (file, shown) = places.diagnostic(self.workspace, diagnostic, &root);
                let Some(target) = places.path(fix.span).filter(|_| file == path) else {
                    continue;
                };
                let here = shown.range.start <= range.end && range.start <= shown.range.end;
                let edit = TextEdit::new(places.range(fix.span), fix.replacement.clone());
                // Several documents may find the same.
                let known = |one: &Mended| {
                    one.target == target && one.edit == edit && one.code == diagnostic.code
                };
                if found.iter().any(known) {
                    continue;
                }
                found.push(Mended {
                    code: diagnostic.code,
                    title: render::describe(&snapshot.compiled.sources, &fix),
                    target: target.to_owned(),
                    shown,
                    edit,
                    here,
                });
            }
        }
        found
    }
}

/// The edits by file, of those that meet another the first; and how many they are.
fn apart(all: &[&Mended]) -> (BTreeMap<String, Vec<TextEdit>>, usize) {
    let mut edits: BTreeMap<String, Vec<TextEdit>> = BTreeMap::new();
    let mut number = 0;
    for one in all {
        let list = edits.entry(one.target.clone()).or_default();
        let range = one.edit.range;
        let meets = list
            .iter()
            .any(|known| known.range.start <= range.end && range.start <= known.range.end);
        if !meets {
            list.push(one.edit.clone());
            number += 1;
        }
    }
    (edits, number)
}
