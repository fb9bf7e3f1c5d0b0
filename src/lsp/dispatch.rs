//! Requests to questions, answers to messages.

mod fixes;
mod report;
mod structure;

use super::analysis::symbols::{Outline, OutlineKind};
use super::analysis::tokens::{Color, Colored};
use super::analysis::{Snapshot, complete, hints, hover, paths, rename, symbols, tokens};
use super::capabilities::Editor;
use super::convert::{Places, edit, point};
use super::text;
use super::workspace::Workspace;
use crate::hir::Kind;
use crate::import::maestro::is_maestro;
use lsp_server::{ErrorCode, Request};
use lsp_types::request::{self as method, Request as Method};
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionParams, CompletionTextEdit,
    DocumentFormattingParams, DocumentHighlight, DocumentHighlightParams, DocumentSymbol,
    DocumentSymbolParams, DocumentSymbolResponse, GotoDefinitionParams, Hover, HoverContents,
    HoverParams, InlayHint, InlayHintKind, InlayHintLabel, InlayHintParams, InlayHintTooltip,
    InsertTextFormat, Location, MarkupContent, MarkupKind, Position, PrepareRenameResponse, Range,
    ReferenceParams, RenameParams, SemanticToken, SemanticTokens, SemanticTokensParams,
    SymbolInformation, SymbolKind, TextDocumentPositionParams, TextEdit,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Why a request has no answer.
pub struct Failure {
    pub code: ErrorCode,
    pub message: String,
}

/// Everything that an answer needs.
pub struct RequestContext<'a> {
    pub workspace: &'a mut Workspace,
    pub editor: Editor,
    /// Whether to give up an evaluation: something more important has arrived.
    pub stop: &'a mut dyn FnMut() -> bool,
}

type Answer = Result<Value, Failure>;

/// What reads or writes words of dflow, and so has no answer for a file in another format.
const NEEDS_DFLOW: [&str; 10] = [
    method::SignatureHelpRequest::METHOD,
    method::FoldingRangeRequest::METHOD,
    method::SelectionRangeRequest::METHOD,
    method::DocumentLinkRequest::METHOD,
    method::CodeLensRequest::METHOD,
    method::Completion::METHOD,
    method::PrepareRenameRequest::METHOD,
    method::Rename::METHOD,
    method::SemanticTokensFullRequest::METHOD,
    method::Formatting::METHOD,
];

fn parse<P: DeserializeOwned>(params: Value) -> Result<P, Failure> {
    serde_json::from_value(params).map_err(|error| Failure {
        code: ErrorCode::InvalidParams,
        message: error.to_string(),
    })
}

fn json<T: serde::Serialize>(value: T) -> Answer {
    serde_json::to_value(value).map_err(|error| Failure {
        code: ErrorCode::InternalError,
        message: error.to_string(),
    })
}

impl RequestContext<'_> {
    /// The answer to a request.
    ///
    /// # Errors
    /// Unknown methods, parameters that do not fit, renamings that are refused.
    pub fn answer(&mut self, request: Request) -> Answer {
        let params = request.params;
        let uri = params.pointer("/textDocument/uri").and_then(Value::as_str);
        let is_foreign = uri.is_some_and(|uri| is_maestro(&Workspace::path(uri)));
        if is_foreign && NEEDS_DFLOW.contains(&request.method.as_str()) {
            return Ok(Value::Null);
        }
        match request.method.as_str() {
            method::HoverRequest::METHOD => self.hover(parse(params)?),
            method::GotoDefinition::METHOD => self.definition(parse(params)?),
            method::References::METHOD => self.references(parse(params)?),
            method::DocumentHighlightRequest::METHOD => self.highlight(parse(params)?),
            method::DocumentSymbolRequest::METHOD => self.outline(parse(params)?),
            method::Completion::METHOD => self.completion(parse(params)?),
            method::CodeActionRequest::METHOD => self.code_actions(parse(params)?),
            method::PrepareRenameRequest::METHOD => self.prepare_rename(parse(params)?),
            method::Rename::METHOD => self.rename(parse(params)?),
            method::SemanticTokensFullRequest::METHOD => self.tokens(parse(params)?),
            method::Formatting::METHOD => self.format(parse(params)?),
            method::InlayHintRequest::METHOD => self.hints(parse(params)?),
            method::SignatureHelpRequest::METHOD => self.signature(parse(params)?),
            method::FoldingRangeRequest::METHOD => self.folds(parse(params)?),
            method::SelectionRangeRequest::METHOD => self.selections(parse(params)?),
            method::DocumentLinkRequest::METHOD => self.links(parse(params)?),
            method::CodeLensRequest::METHOD => self.lenses(parse(params)?),
            method::WorkspaceSymbolRequest::METHOD => self.symbols(parse(params)?),
            method::ExecuteCommand::METHOD => self.command(parse(params)?),
            other => Err(Failure {
                code: ErrorCode::MethodNotFound,
                message: format!("`{other}` is not a request that this server knows"),
            }),
        }
    }

    /// The path of a document and what is known of it; `None` for one that is not open.
    fn open(&mut self, uri: &lsp_types::Uri) -> Option<(String, Rc<Snapshot>)> {
        let path = Workspace::path(uri.as_str());
        let snapshot = self.workspace.snapshot(&path)?;
        Some((path, snapshot))
    }

    /// The byte at a position of an open document.
    fn offset(&self, path: &str, position: Position) -> u32 {
        let offset = self.workspace.document(path).map_or(0, |document| {
            document
                .text
                .offset(point(position), self.workspace.encoding)
        });
        u32::try_from(offset).unwrap_or(u32::MAX)
    }

    fn hover(&mut self, params: HoverParams) -> Answer {
        let at = params.text_document_position_params;
        let path = Workspace::path(at.text_document.uri.as_str());
        let offset = self.offset(&path, at.position);
        let Some((snapshot, evaluated)) = self.workspace.evaluated(&path, self.stop) else {
            return Ok(Value::Null);
        };
        let cache = &mut self.workspace.cache;
        let Some(found) = hover::hover(&snapshot, &evaluated, cache, offset) else {
            return Ok(Value::Null);
        };
        let kind = if self.editor.markdown {
            MarkupKind::Markdown
        } else {
            MarkupKind::PlainText
        };
        json(Hover {
            contents: HoverContents::Markup(MarkupContent {
                kind,
                value: found.markdown,
            }),
            range: Some(Places::new(&snapshot, self.workspace.encoding).range(found.span)),
        })
    }

    fn definition(&mut self, params: GotoDefinitionParams) -> Answer {
        let at = params.text_document_position_params;
        let Some((path, snapshot)) = self.open(&at.text_document.uri) else {
            return Ok(Value::Null);
        };
        let offset = self.offset(&path, at.position);
        let span = snapshot
            .name_at(offset)
            .and_then(|found| snapshot.definition(&found.symbol));
        let location = span.and_then(|span| {
            Places::new(&snapshot, self.workspace.encoding).location(self.workspace, span)
        });
        json(location)
    }

    fn references(&mut self, params: ReferenceParams) -> Answer {
        let at = params.text_document_position;
        let Some((path, snapshot)) = self.open(&at.text_document.uri) else {
            return Ok(Value::Null);
        };
        let offset = self.offset(&path, at.position);
        let Some(wanted) = snapshot.name_at(offset) else {
            return json(Vec::<Location>::new());
        };
        let mut found: Vec<Location> = Vec::new();
        let mut add = |workspace: &Workspace, snapshot: &Snapshot, span, defines: bool| {
            let mut places = Places::new(snapshot, workspace.encoding);
            let location = places.location(workspace, span);
            let counts = !defines || params.context.include_declaration;
            found.extend(location.filter(|_| counts));
        };
        match rename::known_as(&snapshot, &wanted.symbol) {
            // Other files know it too: open ones, and closed ones of the folder.
            Some(target) => {
                for snapshot in self.workspace.snapshots(&[&target.name]) {
                    for (span, defines) in rename::uses(&snapshot, &target) {
                        add(self.workspace, &snapshot, span, defines);
                    }
                }
            }
            None => {
                for module in 0..snapshot.compiled.modules.len() {
                    for one in snapshot.occurrences(module) {
                        if one.symbol == wanted.symbol {
                            add(self.workspace, &snapshot, one.span, one.defines);
                        }
                    }
                }
            }
        }
        found.sort_by(|a, b| {
            let key = |l: &Location| (l.uri.as_str().to_owned(), l.range.start, l.range.end);
            key(a).cmp(&key(b))
        });
        found.dedup();
        json(found)
    }

    fn highlight(&mut self, params: DocumentHighlightParams) -> Answer {
        let at = params.text_document_position_params;
        let Some((path, snapshot)) = self.open(&at.text_document.uri) else {
            return Ok(Value::Null);
        };
        let offset = self.offset(&path, at.position);
        let (Some(wanted), Some((root, _))) = (snapshot.name_at(offset), snapshot.root()) else {
            return Ok(Value::Null);
        };
        let mut places = Places::new(&snapshot, self.workspace.encoding);
        let same = snapshot
            .occurrences(root)
            .into_iter()
            .filter(|found| found.symbol == wanted.symbol);
        let found: Vec<DocumentHighlight> = same
            .map(|found| DocumentHighlight {
                range: places.range(found.span),
                kind: None,
            })
            .collect();
        json(found)
    }

    fn outline(&mut self, params: DocumentSymbolParams) -> Answer {
        let uri = params.text_document.uri;
        let Some((_, snapshot)) = self.open(&uri) else {
            return Ok(Value::Null);
        };
        let outline = symbols::outline(&snapshot);
        let mut places = Places::new(&snapshot, self.workspace.encoding);
        if self.editor.tree_outline {
            let tree = outline.iter().map(|one| tree(one, &mut places)).collect();
            return json(DocumentSymbolResponse::Nested(tree));
        }
        let mut list = Vec::new();
        for one in &outline {
            flat(one, None, &uri, &mut places, &mut list);
        }
        json(DocumentSymbolResponse::Flat(list))
    }

    fn completion(&mut self, params: CompletionParams) -> Answer {
        let at = params.text_document_position;
        let Some((path, snapshot)) = self.open(&at.text_document.uri) else {
            return Ok(Value::Null);
        };
        let offset = self.offset(&path, at.position);
        if let Some((folder, start)) = paths::begun(snapshot.text(), offset) {
            return self.path_completion(&path, &snapshot, folder, (start, offset));
        }
        let context = params.context;
        let trigger = context.and_then(|context| context.trigger_character);
        let unasked = match trigger.as_deref() {
            Some(" " | ":") => !complete::wants_name(&snapshot, offset),
            Some("/" | "\"") => true,
            _ => false,
        };
        if unasked {
            return json(Vec::<CompletionItem>::new());
        }
        let (start, words) = complete::complete(&snapshot, offset);
        let mut places = Places::new(&snapshot, self.workspace.encoding);
        let range = Range::new(places.at(start), places.at(offset));
        let snippets = self.editor.snippets;
        let items: Vec<CompletionItem> = words
            .into_iter()
            .enumerate()
            .map(|(rank, word)| {
                let form = snippets
                    .then(|| complete::snippet(&word, &snapshot, start))
                    .flatten();
                CompletionItem {
                    kind: Some(completion_kind(word.kind)),
                    detail: word.detail,
                    // Names of the file before those of the library, as listed.
                    sort_text: Some(format!("{rank:05}")),
                    insert_text_format: form.is_some().then_some(InsertTextFormat::SNIPPET),
                    text_edit: Some(CompletionTextEdit::Edit(TextEdit::new(
                        range,
                        form.unwrap_or(word.insert),
                    ))),
                    label: word.label,
                    ..CompletionItem::default()
                }
            })
            .collect();
        json(items)
    }

    fn prepare_rename(&mut self, params: TextDocumentPositionParams) -> Answer {
        let Some((path, snapshot)) = self.open(&params.text_document.uri) else {
            return Ok(Value::Null);
        };
        let offset = self.offset(&path, params.position);
        let (target, span) = rename::target(&snapshot, offset).map_err(refusal)?;
        json(PrepareRenameResponse::RangeWithPlaceholder {
            range: Places::new(&snapshot, self.workspace.encoding).range(span),
            placeholder: target.name,
        })
    }

    fn rename(&mut self, params: RenameParams) -> Answer {
        let at = params.text_document_position;
        let Some((path, snapshot)) = self.open(&at.text_document.uri) else {
            return Ok(Value::Null);
        };
        let offset = self.offset(&path, at.position);
        rename::check_name(&params.new_name).map_err(refusal)?;
        let (target, _) = rename::target(&snapshot, offset).map_err(refusal)?;
        // Several documents may see the same file: each place once.
        let mut edits: BTreeMap<String, BTreeMap<(Position, Position), TextEdit>> = BTreeMap::new();
        for snapshot in self.workspace.snapshots(&[&target.name]) {
            let mut found = rename::Places::new();
            rename::places(&snapshot, &target, &params.new_name, &mut found).map_err(refusal)?;
            let mut places = Places::new(&snapshot, self.workspace.encoding);
            for (file, spans) in found {
                let list = edits.entry(file).or_default();
                for span in spans {
                    let range = places.range(span);
                    let edit = TextEdit::new(range, params.new_name.clone());
                    list.insert((range.start, range.end), edit);
                }
            }
        }
        let edits = edits
            .into_iter()
            .map(|(path, edits)| (path, edits.into_values().collect()))
            .collect();
        json(edit(self.workspace, edits, self.editor.versioned_edits))
    }

    fn tokens(&mut self, params: SemanticTokensParams) -> Answer {
        let Some((_, snapshot)) = self.open(&params.text_document.uri) else {
            return Ok(Value::Null);
        };
        let mut places = Places::new(&snapshot, self.workspace.encoding);
        json(SemanticTokens {
            result_id: None,
            data: encoded(&tokens::tokens(&snapshot), &mut places),
        })
    }

    /// Nothing for a text with mistakes: what is not understood stays as it is.
    fn format(&mut self, params: DocumentFormattingParams) -> Answer {
        let path = Workspace::path(params.text_document.uri.as_str());
        let encoding = self.workspace.encoding;
        let Some(document) = self.workspace.document(&path) else {
            return Ok(Value::Null);
        };
        let old = document.text.as_str();
        let Ok(new) = crate::format::format(old) else {
            return Ok(Value::Null);
        };
        let Some((range, replacement)) = text::difference(old, &new) else {
            return json(Vec::<TextEdit>::new());
        };
        let place = |offset: usize| {
            let point = document.text.point(offset, encoding);
            Position::new(point.line, point.column)
        };
        let range = Range::new(place(range.start), place(range.end));
        json(vec![TextEdit::new(range, replacement.to_owned())])
    }

    fn hints(&mut self, params: InlayHintParams) -> Answer {
        let path = Workspace::path(params.text_document.uri.as_str());
        let Some((snapshot, evaluated)) = self.workspace.evaluated(&path, self.stop) else {
            return Ok(Value::Null);
        };
        let settings = self.editor.settings;
        let cache = &mut self.workspace.cache;
        let all = hints::hints(&snapshot, &evaluated, cache);
        let mut places = Places::new(&snapshot, self.workspace.encoding);
        let wanted = params.range.start..=params.range.end;
        let found: Vec<InlayHint> = all
            .into_iter()
            .filter(|hint| match hint.kind {
                hints::HintKind::Cost | hints::HintKind::Schedule => settings.costs,
                hints::HintKind::Tile => settings.tiles,
            })
            .map(|hint| (places.at(hint.offset), hint))
            .filter(|(position, _)| wanted.contains(position))
            .map(|(position, hint)| InlayHint {
                position,
                label: InlayHintLabel::String(hint.label),
                kind: match hint.kind {
                    hints::HintKind::Cost | hints::HintKind::Schedule => None,
                    hints::HintKind::Tile => Some(InlayHintKind::TYPE),
                },
                text_edits: None,
                tooltip: hint.tooltip.map(InlayHintTooltip::String),
                padding_left: Some(true),
                padding_right: None,
                data: None,
            })
            .collect();
        json(found)
    }
}

fn refusal(refusal: rename::Refusal) -> Failure {
    Failure {
        code: ErrorCode::RequestFailed,
        message: refusal.0,
    }
}

fn symbol_kind(kind: OutlineKind) -> SymbolKind {
    match kind {
        OutlineKind::Const => SymbolKind::CONSTANT,
        OutlineKind::Technology => SymbolKind::INTERFACE,
        OutlineKind::Accelerator => SymbolKind::STRUCT,
        OutlineKind::Network => SymbolKind::CLASS,
        OutlineKind::Dataflow => SymbolKind::FUNCTION,
        OutlineKind::Map => SymbolKind::MODULE,
        OutlineKind::Layer => SymbolKind::METHOD,
        OutlineKind::Memory | OutlineKind::Array | OutlineKind::Part => SymbolKind::FIELD,
        OutlineKind::Entry => SymbolKind::PROPERTY,
    }
}

#[expect(
    deprecated,
    reason = "the protocol's type has a field that is not to be used"
)]
fn tree(outline: &Outline, places: &mut Places<'_>) -> DocumentSymbol {
    DocumentSymbol {
        name: outline.name.clone(),
        detail: outline.detail.clone(),
        kind: symbol_kind(outline.kind),
        tags: None,
        deprecated: None,
        range: places.range(outline.span),
        selection_range: places.range(outline.name_span),
        children: Some(
            outline
                .children
                .iter()
                .map(|child| tree(child, places))
                .collect(),
        ),
    }
}

#[expect(
    deprecated,
    reason = "the protocol's type has a field that is not to be used"
)]
fn flat(
    outline: &Outline,
    container: Option<&str>,
    uri: &lsp_types::Uri,
    places: &mut Places<'_>,
    list: &mut Vec<SymbolInformation>,
) {
    list.push(SymbolInformation {
        name: outline.name.clone(),
        kind: symbol_kind(outline.kind),
        tags: None,
        deprecated: None,
        location: Location::new(uri.clone(), places.range(outline.span)),
        container_name: container.map(str::to_owned),
    });
    for child in &outline.children {
        flat(child, Some(&outline.name), uri, places, list);
    }
}

fn completion_kind(kind: complete::CompletionKind) -> CompletionItemKind {
    use complete::CompletionKind;
    match kind {
        CompletionKind::Keyword => CompletionItemKind::KEYWORD,
        CompletionKind::Key => CompletionItemKind::PROPERTY,
        CompletionKind::Name(Kind::Network) => CompletionItemKind::CLASS,
        CompletionKind::Name(Kind::Accelerator) => CompletionItemKind::STRUCT,
        CompletionKind::Name(Kind::Technology) => CompletionItemKind::INTERFACE,
        CompletionKind::Name(Kind::Dataflow) | CompletionKind::Function => {
            CompletionItemKind::FUNCTION
        }
        CompletionKind::Name(Kind::Const) => CompletionItemKind::CONSTANT,
        CompletionKind::Layer | CompletionKind::Parameter => CompletionItemKind::VARIABLE,
        CompletionKind::Dimension => CompletionItemKind::TYPE_PARAMETER,
        CompletionKind::Part => CompletionItemKind::FIELD,
        CompletionKind::Word => CompletionItemKind::ENUM_MEMBER,
        CompletionKind::Folder => CompletionItemKind::MODULE,
    }
}

/// Each token relative to the one before, as the protocol wants.
fn encoded(tokens: &[Colored], places: &mut Places<'_>) -> Vec<SemanticToken> {
    let mut last = Position::default();
    let mut list = Vec::with_capacity(tokens.len());
    for token in tokens {
        let range = places.range(token.span);
        let length = range.end.character.saturating_sub(range.start.character);
        if range.start.line != range.end.line || length == 0 {
            continue;
        }
        let delta_line = range.start.line.saturating_sub(last.line);
        let delta_start = if delta_line == 0 {
            range.start.character.saturating_sub(last.character)
        } else {
            range.start.character
        };
        let number = Color::ALL.iter().position(|color| *color == token.color);
        list.push(SemanticToken {
            delta_line,
            delta_start,
            length,
            token_type: number
                .and_then(|number| u32::try_from(number).ok())
                .unwrap_or(0),
            token_modifiers_bitset: u32::from(token.defines) | u32::from(token.library) << 1,
        });
        last = range.start;
    }
    list
}
