//! Text to tree: the one door to the front end.
//!
//! `text -> tokens -> balanced tokens -> items`, each with its own mistakes; together they are sorted and
//! become diagnostics here. There is always a tree.

use super::error::SyntaxError;
use super::lexer::Lexeme;
use super::token::Token;
use super::{ast, balance, contextual, lexer, recover};
use crate::base::{FileId, Span, Spanned};
use crate::diag::{Code, Diagnostic, Fix, Mistake};

/// Longer texts are refused: a tree takes up to some hundred bytes for each byte of text.
pub const MAX_SOURCE_BYTES: usize = 1 << 20;
/// More mistakes of one file are not reported.
const MAX_MISTAKES: usize = 1_000;

/// A tree and what is wrong with the text.
#[derive(Clone, Debug)]
pub struct Parsed {
    pub ast: ast::File,
    /// Comments, in order; they are not part of the tree.
    pub comments: Vec<Span>,
    /// In source order.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// The text of a file as bytes; what is not UTF-8 becomes U+FFFD, and [`parse`] reports it.
#[must_use]
pub fn decode(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Parses one file. Spans refer to `text`, under the number `file`.
#[must_use]
pub fn parse(file: FileId, text: &str) -> Parsed {
    if text.len() > MAX_SOURCE_BYTES {
        return refuse(file);
    }
    let lexed = lexer::lex(file, text);
    let mut lexical: Vec<Span> = lexed.errors.iter().map(SyntaxError::span).collect();
    let mut errors = lexed.errors;

    let mut unbalanced = Vec::new();
    let mut lexemes = balance::balance(file, text, lexed.lexemes, &mut unbalanced);
    contextual::mark(&mut lexemes);
    // Behind a comment without an end every block seems open.
    if lexed.cut_short {
        unbalanced.retain(|error| !matches!(error, SyntaxError::Unclosed { .. }));
    }
    // What was mended is known to be bad like a malformed literal.
    lexical.extend(unbalanced.iter().filter_map(|error| match error {
        SyntaxError::TooDeep { span, .. } | SyntaxError::StrayBrace { span, .. } => Some(*span),
        SyntaxError::Unclosed { at, .. } | SyntaxError::MissingOpen { at, .. } => Some(*at),
        _ => None,
    }));
    lexical.sort();
    errors.extend(unbalanced);

    let (items, unread) = recover::items(file, text, &lexemes, &lexical, &mut errors);
    errors.sort_by_key(|error| error.span());
    errors.dedup();
    errors.truncate(MAX_MISTAKES);
    let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
    Parsed {
        ast: ast::File {
            items,
            unread,
            span: Span::new(file, 0, end),
        },
        comments: lexed.comments,
        diagnostics: said(&errors),
    }
}

/// The mistakes as messages. Behind a string or a comment without an end an edit would lie in it: only the one that
/// ends it is left.
fn said(errors: &[SyntaxError]) -> Vec<Diagnostic> {
    let mut said: Vec<Diagnostic> = errors.iter().map(SyntaxError::to_diagnostic).collect();
    let endless = |one: &&Diagnostic| matches!(one.code, Code::E0003 | Code::E0004);
    let endless: Vec<Span> = said
        .iter()
        .filter(endless)
        .filter_map(Diagnostic::primary)
        .collect();
    for one in &mut said {
        let inside = |fix: &Fix| {
            let at = fix.span.lo();
            endless.iter().any(|open| open.lo() < at && at <= open.hi())
        };
        if !matches!(one.code, Code::E0003 | Code::E0004) {
            one.fix = one.fix.take().filter(|fix| !inside(fix));
        }
    }
    said
}

/// Parses `NAME=VALUE`, as it stands behind `--set`; the name may be dotted.
///
/// # Errors
/// What is wrong with the text, in source order.
pub fn parse_setting(file: FileId, text: &str) -> Result<(ast::Path, ast::Expr), Vec<Diagnostic>> {
    let lexed = lexer::lex(file, text);
    let said = |errors: &[SyntaxError]| errors.iter().map(SyntaxError::to_diagnostic).collect();
    if !lexed.errors.is_empty() {
        return Err(said(&lexed.errors));
    }
    let lexical: Vec<Span> = Vec::new();
    let equals = lexed
        .lexemes
        .iter()
        .position(|lexeme| lexeme.token == Token::Equals);
    let whole = Span::new(file, 0, u32::try_from(text.len()).unwrap_or(u32::MAX));
    let malformed = || Err(said(&[SyntaxError::NotASetting { span: whole }]));
    let Some(equals) = equals else {
        return malformed();
    };
    let (name, value) = lexed.lexemes.split_at(equals);
    let mut segments = Vec::new();
    for (at, lexeme) in name.iter().enumerate() {
        match (at % 2, lexeme.token) {
            (0, Token::Identifier(word)) => segments.push(Spanned::new(
                word.to_owned(),
                Span::new(file, lexeme.lo, lexeme.hi),
            )),
            (1, Token::Dot) => {}
            _ => return malformed(),
        }
    }
    let (Some(first), Some(last), 1) = (segments.first(), segments.last(), name.len() % 2) else {
        return malformed();
    };
    let span = first.span.join(last.span);
    // `const x = VALUE;`: the parser reads items.
    let at = |token, lo| Lexeme { token, lo, hi: lo };
    let start = whole.lo();
    let mut lexemes = vec![at(Token::Const, start), at(Token::Identifier("x"), start)];
    lexemes.extend_from_slice(value);
    lexemes.push(at(Token::Semicolon, whole.hi()));
    let mut errors = Vec::new();
    let (items, _) = recover::items(file, text, &lexemes, &lexical, &mut errors);
    match items.as_slice() {
        [ast::Item::Const(node)] if errors.is_empty() => {
            Ok((ast::Path { segments, span }, node.value.clone()))
        }
        _ => malformed(),
    }
}

fn refuse(file: FileId) -> Parsed {
    let span = Span::new(file, 0, 0);
    let error = SyntaxError::FileTooLarge {
        span,
        limit: MAX_SOURCE_BYTES,
    };
    Parsed {
        ast: ast::File {
            items: Vec::new(),
            unread: Vec::new(),
            span,
        },
        comments: Vec::new(),
        diagnostics: vec![error.to_diagnostic()],
    }
}
