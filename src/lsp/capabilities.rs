//! What the two sides tell each other at the start.

use super::analysis::tokens::Color;
use super::text::Encoding;
use lsp_types::{
    ClientCapabilities, CodeActionKind, CodeActionOptions, CodeActionProviderCapability,
    CompletionOptions, HoverProviderCapability, OneOf, PositionEncodingKind, RenameOptions,
    SaveOptions, SemanticTokenModifier, SemanticTokenType, SemanticTokensFullOptions,
    SemanticTokensLegend, SemanticTokensOptions, ServerCapabilities, TextDocumentSyncCapability,
    TextDocumentSyncKind, TextDocumentSyncOptions, TextDocumentSyncSaveOptions,
    WorkDoneProgressOptions,
};

/// What matters here of what an editor can do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Editor {
    pub encoding: Encoding,
    /// Edits may carry the version of the text that they are for.
    pub versioned_edits: bool,
    /// The outline may be a tree.
    pub tree_outline: bool,
    /// Hover texts may be Markdown.
    pub markdown: bool,
    /// Tells of changed files when it is asked to.
    pub watches_files: bool,
    /// Asks for hints again when it is told to.
    pub refreshes_hints: bool,
}

impl Editor {
    #[must_use]
    pub fn new(client: &ClientCapabilities) -> Editor {
        let general = client.general.as_ref();
        let encodings = general.and_then(|general| general.position_encodings.as_ref());
        let utf8 = encodings.is_some_and(|all| all.contains(&PositionEncodingKind::UTF8));
        let workspace = client.workspace.as_ref();
        let edits = workspace.and_then(|workspace| workspace.workspace_edit.as_ref());
        let document = client.text_document.as_ref();
        let outline = document.and_then(|document| document.document_symbol.as_ref());
        let hover = document.and_then(|document| document.hover.as_ref());
        let formats = hover.and_then(|hover| hover.content_format.as_ref());
        let watching = workspace.and_then(|workspace| workspace.did_change_watched_files.as_ref());
        let hints = workspace.and_then(|workspace| workspace.inlay_hint.as_ref());
        Editor {
            watches_files: watching.is_some_and(|it| it.dynamic_registration == Some(true)),
            refreshes_hints: hints.is_some_and(|hints| hints.refresh_support == Some(true)),
            encoding: if utf8 {
                Encoding::Utf8
            } else {
                Encoding::Utf16
            },
            versioned_edits: edits.is_some_and(|edits| edits.document_changes == Some(true)),
            tree_outline: outline
                .is_some_and(|outline| outline.hierarchical_document_symbol_support == Some(true)),
            markdown: formats.is_none_or(|all| all.contains(&lsp_types::MarkupKind::Markdown)),
        }
    }
}

/// What the server can do for it.
#[must_use]
pub fn server(editor: Editor) -> ServerCapabilities {
    ServerCapabilities {
        position_encoding: Some(match editor.encoding {
            Encoding::Utf16 => PositionEncodingKind::UTF16,
            Encoding::Utf8 => PositionEncodingKind::UTF8,
        }),
        text_document_sync: Some(TextDocumentSyncCapability::Options(
            TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(TextDocumentSyncKind::INCREMENTAL),
                save: Some(TextDocumentSyncSaveOptions::SaveOptions(SaveOptions {
                    include_text: Some(false),
                })),
                ..TextDocumentSyncOptions::default()
            },
        )),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some([".", ":", "(", "{", " "].map(str::to_owned).to_vec()),
            ..CompletionOptions::default()
        }),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_highlight_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
            code_action_kinds: Some(vec![CodeActionKind::QUICKFIX]),
            ..CodeActionOptions::default()
        })),
        document_formatting_provider: Some(OneOf::Left(true)),
        rename_provider: Some(OneOf::Right(RenameOptions {
            prepare_provider: Some(true),
            work_done_progress_options: WorkDoneProgressOptions::default(),
        })),
        semantic_tokens_provider: Some(
            SemanticTokensOptions {
                legend: SemanticTokensLegend {
                    token_types: Color::ALL.map(token_type).to_vec(),
                    token_modifiers: vec![
                        SemanticTokenModifier::DECLARATION,
                        SemanticTokenModifier::DEFAULT_LIBRARY,
                    ],
                },
                full: Some(SemanticTokensFullOptions::Bool(true)),
                ..SemanticTokensOptions::default()
            }
            .into(),
        ),
        inlay_hint_provider: Some(OneOf::Left(true)),
        ..ServerCapabilities::default()
    }
}

/// The standard type that editors have a colour for.
fn token_type(color: Color) -> SemanticTokenType {
    match color {
        Color::Keyword => SemanticTokenType::KEYWORD,
        Color::Comment => SemanticTokenType::COMMENT,
        Color::Text => SemanticTokenType::STRING,
        Color::Number => SemanticTokenType::NUMBER,
        Color::Operator => SemanticTokenType::OPERATOR,
        Color::Network => SemanticTokenType::CLASS,
        Color::Accelerator => SemanticTokenType::STRUCT,
        Color::Technology => SemanticTokenType::INTERFACE,
        Color::Dataflow | Color::Function => SemanticTokenType::FUNCTION,
        Color::Constant => SemanticTokenType::MACRO,
        Color::Layer => SemanticTokenType::VARIABLE,
        Color::Part => SemanticTokenType::ENUM,
        Color::Parameter => SemanticTokenType::PARAMETER,
        Color::Key => SemanticTokenType::PROPERTY,
        Color::Dimension => SemanticTokenType::TYPE_PARAMETER,
        Color::Word => SemanticTokenType::ENUM_MEMBER,
        Color::Folder => SemanticTokenType::NAMESPACE,
    }
}
