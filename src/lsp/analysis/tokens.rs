//! What every word of a file is, for colours: keywords and literals by the lexer, names by their meaning.
//!
//! `nvdla` is an ordinary identifier to the lexer; here it is a dataflow of the library. Identifiers without a
//! definition are keys (`Size`), dimensions (`K`), or words that the language knows (`CONV`, `INT8`, `Input`): see `unnamed`.
//!
//! Invariant: tokens are in source order, do not overlap, and lie each in one line.

use super::Snapshot;
use super::names::Symbol;
use super::unnamed;
use crate::base::{FileId, Span};
use crate::hir::{Definition, Kind};
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
    /// A search, an exploration, or a map that has a name.
    Named,
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
    pub const ALL: [Color; 19] = [
        Color::Keyword,
        Color::Comment,
        Color::Text,
        Color::Number,
        Color::Operator,
        Color::Network,
        Color::Accelerator,
        Color::Technology,
        Color::Named,
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
        let after = lexemes.get(at + 1).map(|lexeme| lexeme.token);
        let colored = match (lexeme.token, known.get(&span)) {
            (_, Some(&(color, defines, library))) => Some((color, defines, library)),
            (Token::Identifier(word), None) => unnamed::identifier(lexemes, at, word)
                .map(|(color, library)| (color, color == Color::Named, library)),
            // `Technology: std.technology.cacti28;` in an accelerator.
            (Token::Technology | Token::Inputs, None) if after == Some(Token::Colon) => {
                Some((Color::Key, false, false))
            }
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
