//! What an identifier is that no definition explains, by the words around it.
//!
//! Problem: `Memory RF { Size: 512; DoubleBuffered }` has a kind of block, a name, a key and a flag, and the lexer calls all
//! four identifiers. A name with a definition is known before (`names`); the others are told apart by their neighbours,
//! so that a file in the middle of an edit keeps its colours.
//!
//! Invariant: the queries of the tree-sitter grammar call every word alike (`grammar/tree-sitter-dflow/words.py`).

use super::tokens::Color;
use crate::base::Precision;
use crate::hir::{FUNCTIONS, vocabulary};
use crate::syntax::lexer::Lexeme;
use crate::syntax::token::Token;

/// Lexemes that are looked at on either side of one: a statement is shorter, and a text without an end of one costs no more.
const REACH: usize = 256;

/// The color of `word`, number `at` of the lexemes, and whether it belongs to the language.
pub(super) fn identifier(lexemes: &[Lexeme<'_>], at: usize, word: &str) -> Option<(Color, bool)> {
    let token = |offset: usize| lexemes.get(offset).map(|lexeme| lexeme.token);
    let before = at.checked_sub(1).and_then(token);
    let (after, behind) = (token(at + 1), token(at + 2));
    if word == "std" || before == Some(Token::Dot) && after == Some(Token::Dot) {
        return Some((Color::Folder, true));
    }
    if matches!(before, Some(Token::Search | Token::Explore)) && after == Some(Token::LeftBrace) {
        return Some((Color::Named, false));
    }
    let statement = &lexemes[begin_of_statement(lexemes, at)..at];
    let first = statement.first().map(|first| first.token);
    match (first, before) {
        (Some(Token::Map), Some(Token::As)) => return Some((Color::Named, false)),
        (Some(Token::Schedule), _) => return Some((Color::Word, true)),
        // `Cluster(3, P)`
        (Some(Token::Cluster), Some(Token::Comma)) if matches!(word, "P" | "L") => {
            return Some((Color::Word, true));
        }
        (Some(Token::Fuse), _) => return Some((Color::Layer, false)),
        (Some(Token::Vary), Some(Token::Vary)) => return Some((Color::Key, false)),
        (Some(Token::Space), Some(Token::Space)) => return Some((Color::Function, false)),
        // `at DRAM`, `retain K in RF`, `over PE[0]`
        (_, Some(Token::At | Token::In | Token::Over | Token::From)) => {
            return Some((Color::Part, false));
        }
        // `Size(PE[0])`
        (_, Some(Token::LeftParen))
            if at > 1 && lexemes[at - 2].token == Token::Identifier("Size") =>
        {
            return Some((Color::Part, false));
        }
        // `tile K by 2`, `tile conv.p by 2`
        (Some(Token::Tile), Some(Token::Tile | Token::Dot)) if after == Some(Token::By) => {
            return Some((Color::Dimension, false));
        }
        (Some(Token::Retain | Token::Bypass | Token::Recompute | Token::Refetch), _)
            if after != Some(Token::Dot) =>
        {
            return Some((Color::Word, is_word(word)));
        }
        _ => {}
    }
    match after {
        Some(Token::LeftParen) => return Some(called(lexemes, at + 1, word)),
        // A tensor of an einsum.
        Some(Token::LeftBracket) => return Some((Color::Word, false)),
        _ => {}
    }
    if is_inside_brackets(statement) {
        return Some((Color::Dimension, false));
    }
    let begins = statement.is_empty();
    let opens = |next: Option<Token<'_>>| next == Some(Token::LeftBrace);
    // `Memory RF {`
    if begins && matches!(after, Some(Token::Identifier(_))) && opens(behind) {
        return Some((Color::Key, false));
    }
    if matches!(statement, [kind] if matches!(kind.token, Token::Identifier(_))) && opens(after) {
        return Some((Color::Part, false));
    }
    if is_word(word) {
        return Some((Color::Word, true));
    }
    let short = word.trim_end_matches('\'');
    if short.len() == 1 && short.chars().all(|c| c.is_ascii_uppercase()) {
        // Behind a key it is a name, and nobody knows of what.
        let is_value = statement.iter().any(|lexeme| lexeme.token == Token::Colon);
        return (!is_value).then_some((Color::Dimension, false));
    }
    let ends = matches!(
        after,
        None | Some(Token::Semicolon | Token::Comma | Token::RightBrace)
    );
    let is_key = matches!(after, Some(Token::Colon | Token::LeftBrace));
    (is_key || begins && ends).then_some((Color::Key, false))
}

/// Where the statement begins that the lexeme `at` is in. Commas separate statements, but for those in parentheses and
/// brackets, and those between the values of a key.
fn begin_of_statement(lexemes: &[Lexeme<'_>], at: usize) -> usize {
    let mut depth = 0usize;
    let mut begin = at;
    while let Some(next) = begin.checked_sub(1).filter(|next| at - next <= REACH) {
        match lexemes[next].token {
            Token::RightParen | Token::RightBracket => depth += 1,
            Token::LeftParen | Token::LeftBracket => depth = depth.saturating_sub(1),
            Token::Semicolon | Token::LeftBrace | Token::RightBrace => break,
            Token::Comma if depth == 0 && !is_value(lexemes, next) => break,
            _ => {}
        }
        begin = next;
    }
    begin
}

/// Whether what stands before the comma belongs to a key or to a statement that takes a list: another value follows it.
fn is_value(lexemes: &[Lexeme<'_>], comma: usize) -> bool {
    let near = lexemes[..comma].iter().rev().take(REACH);
    let mut own = near.take_while(|lexeme| {
        !matches!(
            lexeme.token,
            Token::Semicolon | Token::LeftBrace | Token::RightBrace
        )
    });
    // `N: 1, K: 64`: the comma ends the entry if a key follows it.
    let next = lexemes.get(comma + 2).map(|lexeme| lexeme.token);
    let is_key = next == Some(Token::Colon);
    let is_of = |token: Token<'_>| {
        matches!(token, Token::Colon | Token::LeftParen | Token::LeftBracket)
            || token.is_keyword()
            || token.is_contextual()
    };
    !is_key && own.any(|lexeme| is_of(lexeme.token))
}

fn is_inside_brackets(statement: &[Lexeme<'_>]) -> bool {
    let last = statement
        .iter()
        .rev()
        .find(|lexeme| matches!(lexeme.token, Token::LeftBracket | Token::RightBracket));
    last.is_some_and(|lexeme| lexeme.token == Token::LeftBracket)
}

/// `read(SRAM, 64B): 1pJ` is a key, anything else with arguments a function.
fn called(lexemes: &[Lexeme<'_>], open: usize, word: &str) -> (Color, bool) {
    let mut depth = 0usize;
    let mut near = lexemes[open..].iter().take(REACH);
    let close = near.position(|lexeme| {
        match lexeme.token {
            Token::LeftParen => depth += 1,
            Token::RightParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    });
    let behind = close.and_then(|close| lexemes.get(open + close + 1));
    if behind.is_some_and(|behind| behind.token == Token::Colon) {
        return (Color::Key, false);
    }
    let is_known = FUNCTIONS.iter().any(|known| known.name == word);
    (Color::Function, is_known)
}

fn is_word(word: &str) -> bool {
    let of_language = matches!(
        word,
        "Input" | "Weight" | "Output" | "PartialSum" | "true" | "false" | "external"
    );
    of_language || Precision::from_name(word).is_some() || vocabulary::layer_types().contains(&word)
}
