//! The words of a text, one after the other: looking at the next one, taking it, saying that it does not fit, and passing over
//! what cannot be read.
//!
//! Invariants: every step takes a word or leaves the parser where it is, and what is passed over ends at something that
//! begins anew: one mistake gives one message.

use super::super::error::MaestroError;
use super::super::lexer::{Lexeme, Token};
use super::super::tree::Name;
use super::is_name;
use crate::base::{Span, Spanned};
use crate::diag::suggest::nearest;

/// Mistakes past this are not reported.
const MAX_ERRORS: usize = 1000;

pub(super) struct Parser<'a, 'input> {
    pub(super) lexemes: &'a [Lexeme<'input>],
    pub(super) at: usize,
    pub(super) end: Span,
    pub(super) errors: Vec<MaestroError>,
    pub(super) layers: usize,
}

impl<'input> Parser<'_, 'input> {
    pub(super) fn error(&mut self, error: MaestroError) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error);
        }
    }

    /// The next word; a minus that is a plain separator is passed over, one before a number is reported first.
    pub(super) fn peek(&mut self) -> Option<Lexeme<'input>> {
        while let Some(&lexeme) = self.lexemes.get(self.at) {
            if lexeme.token != Token::Minus {
                return Some(lexeme);
            }
            let behind = self.lexemes.get(self.at.saturating_add(1));
            if let Some(number) = behind
                && number.span.lo() == lexeme.span.hi()
                && let Token::Integer(text) = number.token
            {
                self.error(MaestroError::LostSign {
                    span: lexeme.span,
                    number: text.to_owned(),
                });
            }
            self.take();
        }
        None
    }

    /// The next word, if it is one of letters.
    pub(super) fn word(&mut self) -> Option<(&'input str, Span)> {
        match self.peek()? {
            Lexeme {
                token: Token::Word(text),
                span,
            } => Some((text, span)),
            _ => None,
        }
    }

    pub(super) fn is_word(&mut self, words: &[&str]) -> bool {
        self.word().is_some_and(|(text, _)| words.contains(&text))
    }

    pub(super) fn take(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// A word that fits nowhere. A block is left to be passed over whole.
    pub(super) fn take_odd(&mut self) {
        if self
            .peek()
            .is_some_and(|lexeme| lexeme.token != Token::Open)
        {
            self.take();
        }
    }

    /// Where the last word ended.
    pub(super) fn last(&self) -> Span {
        let before = self.at.min(self.lexemes.len()).checked_sub(1);
        before
            .and_then(|at| self.lexemes.get(at))
            .map_or(self.end.start(), |lexeme| lexeme.span)
    }

    /// Says that the next word does not fit; it stays.
    pub(super) fn unexpected(&mut self, expected: &'static str, words: &[&'static str]) {
        let error = match self.peek() {
            None => MaestroError::UnexpectedEnd {
                span: self.last(),
                expected,
            },
            Some(Lexeme { token, span }) => match token {
                Token::Odd(text) => MaestroError::Odd {
                    span,
                    text: text.to_owned(),
                },
                Token::Word(text) | Token::Integer(text) => MaestroError::Unexpected {
                    span,
                    found: text.to_owned(),
                    expected,
                    near: near(text, words),
                },
                Token::Open => MaestroError::Unexpected {
                    span,
                    found: "{".to_owned(),
                    expected,
                    near: None,
                },
                Token::Close | Token::Minus => MaestroError::Unexpected {
                    span,
                    found: "}".to_owned(),
                    expected,
                    near: None,
                },
            },
        };
        self.error(error);
    }

    /// Passes over words up to one of `stops` or a brace that closes; blocks on the way are passed over whole.
    pub(super) fn pass_to(&mut self, stops: &[&[&str]]) -> Span {
        let start = self.lexemes.get(self.at);
        let mut span = start.map_or(self.end, |lexeme| lexeme.span);
        while let Some(&lexeme) = self.lexemes.get(self.at) {
            match lexeme.token {
                Token::Close => break,
                Token::Word(text) if stops.iter().any(|words| words.contains(&text)) => break,
                Token::Open => span = span.join(self.pass_block()),
                _ => {
                    span = span.join(lexeme.span);
                    self.take();
                }
            }
        }
        span
    }

    /// Passes over a block with those in it.
    pub(super) fn pass_block(&mut self) -> Span {
        let mut depth = 0usize;
        let start = self.last();
        while let Some(&lexeme) = self.lexemes.get(self.at) {
            self.take();
            match lexeme.token {
                Token::Open => depth = depth.saturating_add(1),
                Token::Close => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        break;
                    }
                }
                _ => {}
            }
        }
        start.join(self.last())
    }

    /// A name of any words and numbers that `-` joins without blanks: `res-2a`.
    pub(super) fn name(&mut self, expected: &'static str) -> Option<Name> {
        let first = self.peek();
        let Some(Lexeme {
            token: Token::Word(text) | Token::Integer(text),
            mut span,
        }) = first
        else {
            self.unexpected(expected, &[]);
            return None;
        };
        self.take();
        let mut name = text.to_owned();
        while let [minus, behind, ..] = self.lexemes.get(self.at..).unwrap_or_default()
            && minus.token == Token::Minus
            && minus.span.lo() == span.hi()
            && minus.span.hi() == behind.span.lo()
            && let Token::Word(text) | Token::Integer(text) = behind.token
        {
            name.push('-');
            name.push_str(text);
            span = span.join(behind.span);
            self.at = self.at.saturating_add(2);
        }
        Some(Spanned::new(name, span))
    }

    /// `{`
    pub(super) fn open(&mut self) -> Option<Span> {
        match self.peek() {
            Some(Lexeme {
                token: Token::Open,
                span,
            }) => {
                self.take();
                Some(span)
            }
            _ => {
                self.unexpected("`{`", &[]);
                None
            }
        }
    }

    /// Whether a block ends here: by its brace, or because something begins that cannot be in it, or the file ends.
    pub(super) fn closes(&mut self, open: Span, strangers: &[&[&str]]) -> bool {
        match self.peek() {
            Some(Lexeme {
                token: Token::Close,
                ..
            }) => {
                self.take();
                true
            }
            None => {
                let at = self.end;
                self.error(MaestroError::Unclosed { open, at });
                true
            }
            Some(Lexeme {
                token: Token::Word(text),
                span,
            }) if strangers.iter().any(|words| words.contains(&text)) => {
                self.error(MaestroError::Unclosed { open, at: span });
                true
            }
            Some(_) => false,
        }
    }

    pub(super) fn integer(&mut self) -> Option<Spanned<u64>> {
        match self.peek() {
            Some(Lexeme {
                token: Token::Integer(text),
                span,
            }) => {
                self.take();
                match text.parse() {
                    Ok(number) => Some(Spanned::new(number, span)),
                    Err(_) => {
                        self.error(MaestroError::NumberTooLarge { span });
                        None
                    }
                }
            }
            Some(Lexeme {
                token: Token::Word(text),
                span,
            }) if !is_name(text) => {
                self.error(MaestroError::NotAnInteger {
                    span,
                    text: text.to_owned(),
                });
                None
            }
            _ => {
                self.unexpected("a whole number", &[]);
                None
            }
        }
    }
}

fn near(text: &str, words: &[&'static str]) -> Option<&'static str> {
    nearest(text, words.iter().copied())
}
