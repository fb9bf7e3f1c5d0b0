//! Text to words, as the public tool cuts it.
//!
//! Blanks, tabs, `,` `>` `(` `)` `:` and `;` are one and the same separator, so that `TemporalMap(1,1) K;`,
//! `TemporalMap 1 1 K` and `TemporalMap:1;1->K` are the same three words. A word is whatever stands between two of
//! them: `K`, `Sz`, `Y'`, `1.5`, `conv2.1`. Two things differ from the tool, which wants blanks around braces and
//! knows comments at the start of a word only: here a brace is a word wherever it stands, and `//` begins a comment
//! everywhere.
//!
//! `-` is a separator too, but is kept: whoever wants a name puts `res-2a` together again, and whoever wants a number
//! says that the sign is lost.

use crate::base::{FileId, Span};
use logos::Logos;

#[derive(Logos, Clone, Copy, Debug, PartialEq, Eq)]
#[logos(skip r"[ \t\r\n\x0b\x0c,>():;\u{feff}]+")]
enum Kind {
    #[token("{")]
    Open,
    #[token("}")]
    Close,
    #[token("-")]
    Minus,
    #[regex(r"//[^\r\n]*", allow_greedy = true)]
    Comment,
    #[regex(r"[0-9]+", priority = 4)]
    Integer,
    // Everything up to a separator; a slash only where no comment begins.
    #[regex(
        r"([^ \t\r\n\x0b\x0c,>():;{}/\-\u{feff}]|/[^/ \t\r\n\x0b\x0c,>():;{}\-\u{feff}])+",
        priority = 2
    )]
    Word,
}

/// A word of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'input> {
    Open,
    Close,
    Minus,
    /// Digits only; they may be more than fit.
    Integer(&'input str),
    Word(&'input str),
    /// A slash that is no comment and no part of a word.
    Odd(&'input str),
}

/// A word and its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lexeme<'input> {
    pub token: Token<'input>,
    pub span: Span,
}

/// What the lexer found.
#[derive(Debug, Default)]
pub struct Lexed<'input> {
    pub lexemes: Vec<Lexeme<'input>>,
    /// From `//` to the end of the line, which is not in it.
    pub comments: Vec<Span>,
}

/// Cuts a text of less than 4 GiB into words; total.
#[must_use]
pub fn lex(file: FileId, text: &str) -> Lexed<'_> {
    let mut lexed = Lexed::default();
    for (kind, range) in Kind::lexer(text).spanned() {
        let slice = &text[range.clone()];
        let at = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        let span = Span::new(file, at(range.start), at(range.end));
        let token = match kind {
            Ok(Kind::Comment) => {
                let text = slice.trim_end();
                let end = at(range.start.saturating_add(text.len()));
                lexed.comments.push(Span::new(file, span.lo(), end));
                continue;
            }
            Ok(Kind::Open) => Token::Open,
            Ok(Kind::Close) => Token::Close,
            Ok(Kind::Minus) => Token::Minus,
            Ok(Kind::Integer) => Token::Integer(slice),
            Ok(Kind::Word) => Token::Word(slice),
            Err(()) => Token::Odd(slice),
        };
        lexed.lexemes.push(Lexeme { token, span });
    }
    lexed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        let lexed = lex(FileId::new(0), text);
        let words = lexed
            .lexemes
            .iter()
            .map(|lexeme| &text[lexeme.span.range()]);
        words.collect()
    }

    /// Section 1 of the format: all of these are separators, and each may stand for any other.
    #[test]
    fn separators_are_interchangeable() {
        for text in [
            "TemporalMap(1,10) K;",
            "TemporalMap 1 10 K",
            "TemporalMap:1;10>K",
            "\tTemporalMap\r\n( 1\u{b}10 ) K // why",
            "TemporalMap,1,,10,\u{c},K//why",
        ] {
            assert_eq!(words(text), ["TemporalMap", "1", "10", "K"], "{text}");
        }
        assert_eq!(words("1->2"), ["1", "-", "2"]);
        assert_eq!(words("{K: 64}"), ["{", "K", "64", "}"]);
    }

    #[test]
    fn numbers_are_digits_alone() {
        let tokens = |text| -> Vec<Token<'_>> {
            let lexed = lex(FileId::new(0), text);
            lexed.lexemes.iter().map(|lexeme| lexeme.token).collect()
        };
        assert_eq!(tokens("12 1.5"), [Token::Integer("12"), Token::Word("1.5")]);
        assert_eq!(tokens("3x3 Y'"), [Token::Word("3x3"), Token::Word("Y'")]);
        assert_eq!(tokens("a/b /"), [Token::Word("a/b"), Token::Odd("/")]);
    }

    #[test]
    fn comments_are_kept_aside() {
        let text = "a // b  \r\n//c\nd//";
        let lexed = lex(FileId::new(0), text);
        let comments = lexed.comments.iter().map(|span| &text[span.range()]);
        assert_eq!(comments.collect::<Vec<_>>(), ["// b", "//c", "//"]);
        // A return ends a line, as everywhere else.
        assert_eq!(words("a // b\rc"), ["a", "c"]);
    }
}
