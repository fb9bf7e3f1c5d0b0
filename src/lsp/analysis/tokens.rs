//! What every word of a file is, for colours: keywords and literals by the lexer, names by their meaning.
//!
//! `nvdla` is an ordinary identifier to the lexer; here it is a dataflow of the library. Identifiers without a
//! definition are keys (`Size`), dimensions (`K`), or words that the language knows (`CONV`, `INT8`, `Input`).
//!
//! Invariant: tokens are in source order, do not overlap, and lie each in one line.

use super::Snapshot;
use super::names::Symbol;
use crate::base::{FileId, Precision, Span};
use crate::hir::{Definition, FUNCTIONS, Kind, vocabulary};
use crate::syntax::lexer::Lexeme;
use crate::syntax::token::Token;
use crate::syntax::{contextual, lexer};
use std::collections::BTreeMap;

/// A coloured word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colored {
    pub span: Span,
    pub color: Color,
    /// Here it is defined.
    pub defines: bool,
    /// It belongs to the embedded library or to the language.
    pub library: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    Keyword,
    Comment,
    Text,
    Number,
    Operator,
    Network,
    Accelerator,
    Technology,
    Dataflow,
    Constant,
    Layer,
    /// A memory or an array.
    Part,
    Parameter,
    /// `Size:`
    Key,
    /// `K` of `TemporalMap(1,1) K`, and where a layer declares it.
    Dimension,
    /// `CONV`, `INT8`, `Input`
    Word,
    /// `min`, `Sz`
    Function,
    /// `std` and the folders in it.
    Folder,
}

impl Color {
    /// All of them, in the order of their numbers.
    pub const ALL: [Color; 18] = [
        Color::Keyword,
        Color::Comment,
        Color::Text,
        Color::Number,
        Color::Operator,
        Color::Network,
        Color::Accelerator,
        Color::Technology,
        Color::Dataflow,
        Color::Constant,
        Color::Layer,
        Color::Part,
        Color::Parameter,
        Color::Key,
        Color::Dimension,
        Color::Word,
        Color::Function,
        Color::Folder,
    ];
}

/// The coloured words of the file that was asked for.
#[must_use]
pub fn tokens(snapshot: &Snapshot) -> Vec<Colored> {
    let Some((root, module)) = snapshot.root() else {
        return Vec::new();
    };
    let file = module.ast.span.file();
    let text = snapshot.text();
    let mut lexed = lexer::lex(file, text);
    contextual::mark(&mut lexed.lexemes);
    let known: BTreeMap<Span, (Color, bool, bool)> = snapshot
        .occurrences(root)
        .into_iter()
        .filter_map(|found| {
            let color = color(&found.symbol)?;
            Some((
                found.span,
                (color, found.defines, is_library(snapshot, &found.symbol)),
            ))
        })
        .collect();
    let mut tokens = Vec::new();
    let lexemes = &lexed.lexemes;
    for (at, lexeme) in lexemes.iter().enumerate() {
        let span = Span::new(file, lexeme.lo, lexeme.hi);
        let token = |offset: usize| lexemes.get(offset).map(|lexeme| lexeme.token);
        let before = at.checked_sub(1).and_then(token);
        let colored = match (lexeme.token, known.get(&span)) {
            (_, Some(&(color, defines, library))) => Some((color, defines, library)),
            (Token::Identifier("P" | "L"), None) if is_kind_of_cluster(&lexemes[..at]) => {
                Some((Color::Word, false, true))
            }
            (Token::Identifier(word), None) => identifier(word, before, token(at + 1))
                .map(|(color, library)| (color, false, library)),
            (other, None) => literal(other).map(|color| (color, false, false)),
        };
        if let Some((color, defines, library)) = colored {
            tokens.push(Colored {
                span,
                color,
                defines,
                library,
            });
        }
    }
    for comment in lexed.comments {
        lines(file, text, comment, &mut tokens);
    }
    tokens.sort_by_key(|token| token.span);
    tokens
}

/// Whether what follows says of which kind a cluster is: `Cluster(3, P)`.
fn is_kind_of_cluster(before: &[Lexeme<'_>]) -> bool {
    let [rest @ .., last] = before else {
        return false;
    };
    let statement = rest
        .iter()
        .rev()
        .take_while(|lexeme| !matches!(lexeme.token, Token::Semicolon | Token::LeftBrace));
    let opened = |lexeme: &Lexeme<'_>| lexeme.token == Token::Cluster;
    last.token == Token::Comma && statement.last().is_some_and(opened)
}

fn color(symbol: &Symbol) -> Option<Color> {
    Some(match symbol {
        Symbol::Item(Kind::Const, _) => Color::Constant,
        Symbol::Item(Kind::Technology, _) => Color::Technology,
        Symbol::Item(Kind::Accelerator, _) => Color::Accelerator,
        Symbol::Item(Kind::Network, _) => Color::Network,
        Symbol::Item(Kind::Dataflow, _) => Color::Dataflow,
        Symbol::Layer(..) => Color::Layer,
        Symbol::Memory(..) | Symbol::Array(..) => Color::Part,
        Symbol::Parameter(..) | Symbol::Local(_) => Color::Parameter,
        // A string stays one.
        Symbol::File(_) => return None,
    })
}

fn is_library(snapshot: &Snapshot, symbol: &Symbol) -> bool {
    let at: Option<&Definition> = match symbol {
        Symbol::Item(_, at)
        | Symbol::Layer(at, _)
        | Symbol::Memory(at, _)
        | Symbol::Array(at, _)
        | Symbol::Parameter(at, _) => Some(at),
        Symbol::File(_) | Symbol::Local(_) => None,
    };
    let module = at.and_then(|at| snapshot.compiled.modules.get(at.module));
    module.is_some_and(|module| module.std_path.is_some())
}

fn literal(token: Token<'_>) -> Option<Color> {
    Some(match token {
        Token::Number(_) => Color::Number,
        Token::String(_) => Color::Text,
        Token::Plus | Token::Minus | Token::Star | Token::Slash | Token::Percent => Color::Operator,
        Token::MaxEquals | Token::MinEquals => Color::Operator,
        Token::PlusEquals | Token::Equals | Token::EqualEqual | Token::NotEqual => Color::Operator,
        Token::Less | Token::LessEqual | Token::Greater | Token::GreaterEqual => Color::Operator,
        other if other.is_keyword() || other.is_contextual() => Color::Keyword,
        _ => return None,
    })
}

/// An identifier that no definition explains.
fn identifier(
    word: &str,
    before: Option<Token<'_>>,
    after: Option<Token<'_>>,
) -> Option<(Color, bool)> {
    if word == "std" || before == Some(Token::Dot) && after == Some(Token::Dot) {
        return Some((Color::Folder, true));
    }
    let is_function = || FUNCTIONS.iter().any(|known| known.name == word);
    if after == Some(Token::LeftParen) && is_function() {
        return Some((Color::Function, true));
    }
    if is_word(word) {
        return Some((Color::Word, true));
    }
    let short = word.trim_end_matches('\'');
    if short.len() == 1 && short.chars().all(|c| c.is_ascii_uppercase()) {
        return Some((Color::Dimension, false));
    }
    let key = matches!(
        after,
        Some(Token::Colon | Token::LeftBrace | Token::LeftParen)
    );
    key.then_some((Color::Key, false))
}

fn is_word(word: &str) -> bool {
    let role = matches!(word, "Input" | "Weight" | "Output" | "PartialSum");
    role || Precision::from_name(word).is_some() || vocabulary::layer_types().contains(&word)
}

/// A comment, line by line.
fn lines(file: FileId, text: &str, comment: Span, tokens: &mut Vec<Colored>) {
    let mut lo = comment.range().start;
    for line in text
        .get(comment.range())
        .unwrap_or("")
        .split_inclusive('\n')
    {
        let length = line.trim_end_matches(['\r', '\n']).len();
        let ends = (u32::try_from(lo), u32::try_from(lo + length));
        if let ((Ok(start), Ok(end)), true) = (ends, length > 0) {
            tokens.push(Colored {
                span: Span::new(file, start, end),
                color: Color::Comment,
                defines: false,
                library: false,
            });
        }
        lo += line.len();
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::cursor;
    use super::*;

    #[test]
    fn words_by_their_meaning() {
        let (snapshot, _) = cursor(
            "use std.dataflows.nvdla; /* a\n b */ const T = 4; // c
             Network net { Layer one { Type: CONV; Dimensions { K: T } } }
             Map net on acc { one: nvdla(c_tile = min(2, 3)); }",
        );
        let found: Vec<(String, Color)> = tokens(&snapshot)
            .into_iter()
            .map(|token| {
                (
                    snapshot.compiled.sources.text_of(token.span).to_owned(),
                    token.color,
                )
            })
            .collect();
        let of = |text: &str| {
            let all = found.iter().filter(|token| token.0 == text);
            all.map(|token| token.1).collect::<Vec<_>>()
        };
        assert_eq!(of("use"), [Color::Keyword]);
        assert_eq!(of("std"), [Color::Folder]);
        assert_eq!(of("dataflows"), [Color::Folder]);
        assert_eq!(of("nvdla"), [Color::Dataflow, Color::Dataflow]);
        assert_eq!(of("/* a"), [Color::Comment]);
        assert_eq!(of(" b */"), [Color::Comment]);
        assert_eq!(of("T"), [Color::Constant, Color::Constant]);
        assert_eq!(of("one"), [Color::Layer, Color::Layer]);
        assert_eq!(of("CONV"), [Color::Word]);
        assert_eq!(of("K"), [Color::Dimension]);
        assert_eq!(of("c_tile"), [Color::Parameter]);
        assert_eq!(of("min"), [Color::Function]);
        assert_eq!(of("Dimensions"), [Color::Key]);
    }
}
