//! Hardware as words: the blocks of the paper's Fig. 8, and the flat list of the public tool.

use super::super::error::MaestroError;
use super::super::lexer::{Lexeme, Token};
use super::super::tree::{Accelerator, Entry, Name, Setting};
use super::words::Parser;
use super::{ITEMS, is_dimension};
use crate::base::{Span, Spanned};

/// Blocks in blocks of an accelerator.
const MAX_DEPTH: usize = 8;

impl Parser<'_, '_> {
    pub(super) fn accelerator(&mut self) -> Option<Accelerator> {
        let keyword = self.peek()?.span;
        self.take();
        let name = match self.word() {
            Some(_) => self.name("the name of an accelerator"),
            None => None,
        };
        let Some(open) = self.open() else {
            self.pass_to(&[&ITEMS]);
            return None;
        };
        let body = self.entries(open, 1);
        let braces = open.join(self.last());
        Some(Accelerator {
            name,
            keyword,
            body,
            braces,
            span: keyword.join(braces),
        })
    }

    /// What stands in a block of an accelerator, up to its brace.
    fn entries(&mut self, open: Span, depth: usize) -> Vec<Entry> {
        let mut entries = Vec::new();
        while !self.closes(open, &[&ITEMS]) {
            let start = self.peek().map_or(self.end, |lexeme| lexeme.span);
            let Some((text, span)) = self.word().filter(|(word, _)| is_dimension(word)) else {
                self.unexpected("`key: value`", &[]);
                self.take_odd();
                entries.push(Entry::Error(start.join(self.pass_to(&[&ITEMS]))));
                continue;
            };
            self.take();
            let key = Spanned::new(text.to_owned(), span);
            match self.peek() {
                Some(Lexeme {
                    token: Token::Open,
                    span: inner,
                }) => {
                    if depth >= MAX_DEPTH {
                        let limit = MAX_DEPTH;
                        self.error(MaestroError::TooDeep { span, limit });
                        entries.push(Entry::Error(self.pass_block()));
                        continue;
                    }
                    self.take();
                    let body = self.entries(inner, depth.saturating_add(1));
                    let braces = inner.join(self.last());
                    entries.push(Entry::Block {
                        kind: key,
                        body,
                        braces,
                    });
                }
                Some(Lexeme {
                    token: Token::Word(text),
                    span,
                }) if is_dimension(text) => {
                    self.take();
                    let value = Setting::Word(Spanned::new(text.to_owned(), span));
                    entries.push(Entry::Property { key, value });
                }
                _ => match self.integer() {
                    Some(number) => entries.push(Entry::Property {
                        key,
                        value: Setting::Integer(number),
                    }),
                    None => {
                        entries.push(Entry::Error(start.join(self.pass_to(&[&ITEMS]))));
                    }
                },
            }
        }
        entries
    }
}

/// The pairs of a flat list `num_pes: 256`; what is not one has been reported.
#[must_use]
pub fn parse_pairs(
    lexemes: &[Lexeme<'_>],
    end: Span,
) -> (Vec<(Name, Spanned<u64>)>, Vec<MaestroError>) {
    let mut parser = Parser {
        lexemes,
        at: 0,
        end,
        errors: Vec::new(),
        layers: 0,
    };
    let mut pairs = Vec::new();
    while let Some(lexeme) = parser.peek() {
        let Token::Word(key) = lexeme.token else {
            parser.unexpected("`key: number`", &[]);
            parser.take();
            continue;
        };
        parser.take();
        let key = Spanned::new(key.to_owned(), lexeme.span);
        match parser.integer() {
            Some(number) => pairs.push((key, number)),
            None => parser.take(),
        }
    }
    (pairs, parser.errors)
}
