//! What the two sides tell each other at the start.

use super::analysis::tokens::Color;
use super::text::Encoding;
use lsp_types::{
    ClientCapabilities, CodeActionKind, CodeActionOptions, CodeActionProviderCapability,
    CodeLensOptions, CompletionOptions, DocumentLinkOptions, ExecuteCommandOptions,
    FoldingRangeProviderCapability, HoverProviderCapability, OneOf, PositionEncodingKind,
    RenameOptions, SaveOptions, SelectionRangeProviderCapability, SemanticTokenModifier,
    SemanticTokenType, SemanticTokensFullOptions, SemanticTokensLegend, SemanticTokensOptions,
    ServerCapabilities, SignatureHelpOptions, TextDocumentSyncCapability, TextDocumentSyncKind,
    TextDocumentSyncOptions, TextDocumentSyncSaveOptions, WorkDoneProgressOptions,
    WorkspaceFoldersServerCapabilities, WorkspaceServerCapabilities,
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
    /// Shows what stands beside a diagnostic.
    pub related: bool,
    /// Takes texts with places to fill in.
    pub snippets: bool,
    pub settings: Settings,
}

/// What the user wants to see: `dflow.hints.costs`, `dflow.hints.tiles`, `dflow.warnings`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub costs: bool,
    pub tiles: bool,
    pub warnings: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            costs: true,
            tiles: true,
            warnings: true,
        }
    }
}

impl Settings {
    /// With what `value` says, `{ "hints": { "costs": false }, "warnings": true }`, also below `"dflow"`.
    #[must_use]
    pub fn with(self, value: &serde_json::Value) -> Settings {
        let value = value.get("dflow").unwrap_or(value);
        let flag = |path: &str, old: bool| {
            let new = value.pointer(path).and_then(serde_json::Value::as_bool);
            new.unwrap_or(old)
        };
        Settings {
            costs: flag("/hints/costs", self.costs),
            tiles: flag("/hints/tiles", self.tiles),
            warnings: flag("/warnings", self.warnings),
        }
    }
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
        let shown = document.and_then(|document| document.publish_diagnostics.as_ref());
        let completion = document.and_then(|document| document.completion.as_ref());
        let item = completion.and_then(|completion| completion.completion_item.as_ref());
        Editor {
            related: shown.is_some_and(|shown| shown.related_information == Some(true)),
            snippets: item.is_some_and(|item| item.snippet_support == Some(true)),
            settings: Settings::default(),
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

/// The command that answers with the report of the map at a place: address, position.
pub const REPORT: &str = "dflowc.report";
/// The command of the editor that shows it.
pub const SHOW_REPORT: &str = "dflow.showReport";
/// The kind of an action that applies all fixes of a file.
pub const FIX_ALL: CodeActionKind = CodeActionKind::SOURCE_FIX_ALL;

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
            trigger_characters: Some([".", ":", " ", "/", "\""].map(str::to_owned).to_vec()),
            ..CompletionOptions::default()
        }),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_highlight_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
            code_action_kinds: Some(vec![CodeActionKind::QUICKFIX, FIX_ALL]),
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
        signature_help_provider: Some(SignatureHelpOptions {
            trigger_characters: Some(["(", ","].map(str::to_owned).to_vec()),
            ..SignatureHelpOptions::default()
        }),
        folding_range_provider: Some(FoldingRangeProviderCapability::Simple(true)),
        selection_range_provider: Some(SelectionRangeProviderCapability::Simple(true)),
        document_link_provider: Some(DocumentLinkOptions {
            resolve_provider: Some(false),
            work_done_progress_options: WorkDoneProgressOptions::default(),
        }),
        workspace_symbol_provider: Some(OneOf::Left(true)),
        workspace: Some(WorkspaceServerCapabilities {
            workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                supported: Some(true),
                change_notifications: Some(OneOf::Left(true)),
            }),
            file_operations: None,
        }),
        code_lens_provider: Some(CodeLensOptions {
            resolve_provider: Some(false),
        }),
        execute_command_provider: Some(ExecuteCommandOptions {
            commands: vec![REPORT.to_owned()],
            ..ExecuteCommandOptions::default()
        }),
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
        Color::Named => SemanticTokenType::EVENT,
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
