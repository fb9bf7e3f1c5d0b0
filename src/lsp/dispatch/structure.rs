//! What follows from how a text is built: folds, growing selections, links, calls, and names of the whole folder.

use super::{Answer, RequestContext, json, symbol_kind};
use crate::driver;
use crate::lsp::analysis::{Snapshot, folding, paths, signature, symbols};
use crate::lsp::convert::{Places, address, address_of};
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionTextEdit, DocumentLink, DocumentLinkParams,
    FoldingRange, FoldingRangeKind, FoldingRangeParams, Location, ParameterInformation,
    ParameterLabel, Range, SelectionRange, SelectionRangeParams, SignatureHelp,
    SignatureHelpParams, SignatureInformation, SymbolInformation, TextEdit, WorkspaceSymbolParams,
};
use serde_json::Value;
use std::rc::Rc;

/// Names that one search of the folder answers with, at most.
const MOST_SYMBOLS: usize = 256;
/// Files and folders that one completion of a path looks at, at most.
const MOST_ENTRIES: usize = 1_000;

impl RequestContext<'_> {
    pub(super) fn folds(&mut self, params: FoldingRangeParams) -> Answer {
        let Some((_, snapshot)) = self.open(&params.text_document.uri) else {
            return Ok(Value::Null);
        };
        let mut places = Places::new(&snapshot, self.workspace.encoding);
        let folds = folding::folds(&snapshot).into_iter().filter_map(|fold| {
            let range = places.range(fold.span);
            // The line of a closing brace stays.
            let last = range.end.line.saturating_sub(u32::from(!fold.is_comment));
            (range.start.line < last).then(|| FoldingRange {
                start_line: range.start.line,
                end_line: last,
                kind: fold.is_comment.then_some(FoldingRangeKind::Comment),
                ..FoldingRange::default()
            })
        });
        json(folds.collect::<Vec<_>>())
    }

    pub(super) fn selections(&mut self, params: SelectionRangeParams) -> Answer {
        let Some((path, snapshot)) = self.open(&params.text_document.uri) else {
            return Ok(Value::Null);
        };
        let mut places = Places::new(&snapshot, self.workspace.encoding);
        let mut found = Vec::new();
        for position in params.positions {
            let offset = self.offset(&path, position);
            let mut grown: Option<SelectionRange> = None;
            for span in folding::around(&snapshot, offset).into_iter().rev() {
                grown = Some(SelectionRange {
                    range: places.range(span),
                    parent: grown.map(Box::new),
                });
            }
            found.push(grown.unwrap_or(SelectionRange {
                range: Range::new(position, position),
                parent: None,
            }));
        }
        json(found)
    }

    pub(super) fn links(&mut self, params: DocumentLinkParams) -> Answer {
        let Some((_, snapshot)) = self.open(&params.text_document.uri) else {
            return Ok(Value::Null);
        };
        let mut places = Places::new(&snapshot, self.workspace.encoding);
        let links = paths::links(&snapshot).into_iter();
        let links = links.map(|(span, path)| DocumentLink {
            range: places.range(span),
            target: address(&address_of(self.workspace, &path)),
            tooltip: None,
            data: None,
        });
        json(links.collect::<Vec<_>>())
    }

    pub(super) fn signature(&mut self, params: SignatureHelpParams) -> Answer {
        let at = params.text_document_position_params;
        let Some((path, snapshot)) = self.open(&at.text_document.uri) else {
            return Ok(Value::Null);
        };
        let offset = self.offset(&path, at.position);
        let Some(found) = signature::signature(&snapshot, offset) else {
            return Ok(Value::Null);
        };
        let parameters = found.parameters.iter().filter_map(|&(from, to)| {
            Some(ParameterInformation {
                label: ParameterLabel::Simple(found.label.get(from..to)?.to_owned()),
                documentation: None,
            })
        });
        // Past the last one, none is shown as the present one.
        let active = found.active.unwrap_or(found.parameters.len());
        let active = u32::try_from(active).ok();
        let information = SignatureInformation {
            parameters: Some(parameters.collect()),
            documentation: found.meaning.map(lsp_types::Documentation::String),
            active_parameter: active,
            label: found.label,
        };
        json(SignatureHelp {
            signatures: vec![information],
            active_signature: Some(0),
            active_parameter: active,
        })
    }

    /// Definitions of all files of the folder whose name has the letters of the query in their order.
    #[expect(
        deprecated,
        reason = "the protocol's type has a field that is not to be used"
    )]
    pub(super) fn symbols(&mut self, params: WorkspaceSymbolParams) -> Answer {
        let mut found: Vec<SymbolInformation> = Vec::new();
        let roots: Vec<Rc<Snapshot>> = self.workspace.snapshots(&[]);
        for snapshot in roots {
            let mut places = Places::new(&snapshot, self.workspace.encoding);
            let Some(path) = snapshot.root().and_then(|(_, root)| {
                let file = snapshot.source(root.ast.span)?;
                Some(file.name().to_owned())
            }) else {
                continue;
            };
            let Some(uri) = address(&address_of(self.workspace, &path)) else {
                continue;
            };
            for one in symbols::outline(&snapshot) {
                let layers = one.children.iter().map(|child| (child, Some(&one.name)));
                for (symbol, container) in std::iter::once((&one, None)).chain(layers) {
                    if found.len() >= MOST_SYMBOLS || !has_letters(&symbol.name, &params.query) {
                        continue;
                    }
                    found.push(SymbolInformation {
                        name: symbol.name.clone(),
                        kind: symbol_kind(symbol.kind),
                        tags: None,
                        deprecated: None,
                        location: Location::new(uri.clone(), places.range(symbol.name_span)),
                        container_name: container.cloned(),
                    });
                }
            }
        }
        json(found)
    }

    /// Files and folders that a path behind `use "` may go on with.
    pub(super) fn path_completion(
        &self,
        path: &str,
        snapshot: &Snapshot,
        folder: &str,
        (start, end): (u32, u32),
    ) -> Answer {
        let mut places = Places::new(snapshot, self.workspace.encoding);
        let range = Range::new(places.at(start), places.at(end));
        let inside = driver::relative(path, &format!("{folder}."));
        let own = path.rsplit('/').next().unwrap_or_default();
        let items = driver::entries(&inside, MOST_ENTRIES)
            .into_iter()
            .filter(|(name, is_folder)| {
                let is_own = folder.is_empty() && name == own;
                *is_folder || (!is_own && name.ends_with(".dflow"))
            })
            .map(|(name, is_folder)| CompletionItem {
                kind: Some(if is_folder {
                    CompletionItemKind::FOLDER
                } else {
                    CompletionItemKind::FILE
                }),
                text_edit: Some(CompletionTextEdit::Edit(TextEdit::new(range, name.clone()))),
                label: name,
                ..CompletionItem::default()
            });
        json(items.collect::<Vec<_>>())
    }
}

fn has_letters(name: &str, query: &str) -> bool {
    let mut letters = name.chars().flat_map(char::to_lowercase);
    let mut wanted = query.chars().flat_map(char::to_lowercase);
    wanted.all(|letter| letters.any(|known| known == letter))
}
