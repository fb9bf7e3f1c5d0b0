//! Tokens to items, whatever the tokens: the generated parser with a way to go on after a mistake.
//!
//! lalrpop's own recovery drops tokens until something fits, and does not know what a block is. This file
//! knows: braces already match (see [`super::balance`]), so a mistake lies in exactly one statement of one
//! block. The item is parsed; at the first mistake either the missing separator is put in, or the statement
//! is replaced by [`Token::BadStatement`]; and the item is parsed again. So in
//!
//! ```text
//! Dataflow d { tile K 64; TemporalMap(1,1) C  tile P by 1; spread by 4 over PE; }
//! ```
//!
//! there are three messages (`by` is missing, `;` is missing, a name is missing), and `tile P by 1` is kept.
//!
//! Every round takes at least one token out or puts one separator in, and the total work on a file is
//! bounded, so the time is linear in its length.

mod slip;
mod statement;

use std::cell::Cell;

use super::ast;
use super::build::Builder;
use super::error::SyntaxError;
use super::expected;
use super::lexer::Lexeme;
use super::token::Token;
use crate::base::{FileId, Span};
use crate::diag::suggest;

lalrpop_util::lalrpop_mod!(
    #[allow(clippy::all, clippy::pedantic, unused, missing_docs, unreachable_pub)]
    grammar,
    "/dflow.rs"
);

/// Tokens that may be parsed again because of mistakes, per file.
const BUDGET: usize = 4_000_000;

const ITEM_KEYWORDS: [&str; 10] = [
    "use",
    "const",
    "Constant",
    "Technology",
    "Accelerator",
    "Network",
    "Dataflow",
    "Map",
    "Search",
    "Explore",
];

/// Parses balanced tokens, and gives also the names of items that could not be read. `lexical` are the places already
/// complained about, in order.
pub fn items<'input>(
    file: FileId,
    text: &'input str,
    lexemes: &[Lexeme<'input>],
    lexical: &[Span],
    errors: &mut Vec<SyntaxError>,
) -> (Vec<ast::Item>, Vec<String>) {
    let parser = grammar::ItemParser::new();
    let mut builder = Builder::new(file);
    let mut budget = BUDGET;
    let (mut items, mut unread) = (Vec::new(), Vec::new());
    let mut rest = lexemes;
    let mut after_junk = false;
    loop {
        // A separator between items means nothing.
        while let [first, after @ ..] = rest
            && first.token == Token::Semicolon
        {
            rest = after;
        }
        let Some(length) = next_chunk(rest) else {
            return (items, unread);
        };
        let (chunk, after) = rest.split_at(length);
        rest = after;
        let mut mender = Mender {
            file,
            text,
            lexical,
            after: after.first().map(|lexeme| lexeme.token),
            lexemes: chunk.to_vec(),
            inserted: None,
        };
        let span = mender.span(0, length);
        // Junk in several pieces is one mistake, and so is an item cut in two by a stray `;`.
        let is_junk = !mender.begins_item();
        let line_goes_on = || match items.last() {
            Some(ast::Item::Error(before)) => {
                !text[before.range().end..span.range().start].contains('\n')
            }
            _ => false,
        };
        let reported = is_junk && (after_junk || line_goes_on());
        after_junk = is_junk;
        if !mender.check_head(reported, errors) {
            items.push(ast::Item::Error(span));
            continue;
        }
        after_junk = false;
        let name = mender.name().map(str::to_owned);
        let item = mender.parse(&parser, &mut builder, &mut budget, errors);
        if matches!(item, ast::Item::Error(_)) {
            unread.extend(name);
        }
        items.push(item);
    }
}

/// Number of tokens of the first item, `None` at the end. A `;` behind an item belongs to it.
fn next_chunk(lexemes: &[Lexeme<'_>]) -> Option<usize> {
    let first = lexemes.first()?.token;
    let mut depth = 0usize;
    for (index, lexeme) in lexemes.iter().enumerate() {
        match lexeme.token {
            Token::LeftBrace => depth += 1,
            Token::RightBrace => {
                depth = depth.saturating_sub(1);
                if depth == 0 && first != Token::Use {
                    return Some(index + 1);
                }
            }
            Token::Semicolon if depth == 0 => return Some(index + 1),
            token
                if depth == 0
                    && index > 0
                    && (token.begins_item() || token == Token::BadStatement)
                    && !is_name(&lexemes[..index], lexemes.get(index + 1)) =>
            {
                return Some(index);
            }
            _ => {}
        }
    }
    Some(lexemes.len())
}

/// Whether the keyword behind `before` stands where the name of a constant would: `const Network = 4;`.
fn is_name(before: &[Lexeme<'_>], next: Option<&Lexeme<'_>>) -> bool {
    matches!(before, [first] if first.token == Token::Const)
        && next.is_some_and(|next| next.token == Token::Equals)
}

/// A separator that was put in.
struct Inserted {
    at: usize,
    /// What else was acceptable there.
    terminals: Vec<String>,
    /// How many mistakes were known before.
    errors: usize,
}

/// One item under repair.
struct Mender<'a, 'input> {
    file: FileId,
    text: &'input str,
    lexical: &'a [Span],
    /// The token behind the item, for messages.
    after: Option<Token<'input>>,
    lexemes: Vec<Lexeme<'input>>,
    /// Where the last separator was put in.
    inserted: Option<Inserted>,
}

impl<'input> Mender<'_, 'input> {
    fn begins_item(&self) -> bool {
        self.lexemes
            .first()
            .is_some_and(|first| first.token.begins_item() || first.token == Token::BadStatement)
    }

    /// Of the item, where it stands behind the keyword.
    fn name(&self) -> Option<&'input str> {
        match self.lexemes.get(1)?.token {
            Token::Identifier(name) => Some(name),
            _ => None,
        }
    }

    /// Whether the chunk begins like an item; a misspelt keyword is reported and mended.
    fn check_head(&mut self, reported: bool, errors: &mut Vec<SyntaxError>) -> bool {
        if self.begins_item() {
            return true;
        }
        let first = self.lexemes[0];
        let keyword = match first.token {
            Token::Identifier(word) => suggest::nearest(word, ITEM_KEYWORDS),
            _ => None,
        };
        let token = keyword.and_then(item_keyword);
        if keyword.is_some() || !(reported || self.is_known_bad(0, self.lexemes.len())) {
            errors.push(SyntaxError::NotAnItem {
                span: self.span(0, 1),
                found: first.token.to_string(),
                keyword,
            });
        }
        match token {
            Some(token) => {
                self.lexemes[0].token = token;
                true
            }
            None => false,
        }
    }

    fn parse(
        &mut self,
        parser: &grammar::ItemParser,
        builder: &mut Builder,
        budget: &mut usize,
        errors: &mut Vec<SyntaxError>,
    ) -> ast::Item {
        loop {
            let taken = Cell::new(0usize);
            let tokens = self.lexemes.iter().map(|lexeme| {
                taken.set(taken.get() + 1);
                Ok((lexeme.lo, lexeme.token, lexeme.hi))
            });
            let (at, terminals) = match parser.parse(builder, tokens) {
                Ok(item) => {
                    errors.extend(builder.take_errors());
                    return item;
                }
                Err(error) => match error {
                    lalrpop_util::ParseError::UnrecognizedEof { expected, .. } => {
                        (self.lexemes.len(), expected)
                    }
                    lalrpop_util::ParseError::UnrecognizedToken { expected, .. } => {
                        (taken.get().saturating_sub(1), expected)
                    }
                    _ => (taken.get().saturating_sub(1), Vec::new()),
                },
            };
            // What the actions said belongs to an attempt that failed.
            builder.take_errors();
            let whole = self.span(0, self.lexemes.len());
            if self.lexemes.len() > *budget {
                errors.push(SyntaxError::GaveUp { span: whole });
                return ast::Item::Error(whole);
            }
            *budget -= self.lexemes.len();
            if !self.mend(at, &terminals, errors) {
                return ast::Item::Error(whole);
            }
        }
    }

    /// Repairs the mistake at token `at`; false when nothing of the item can be kept.
    fn mend(&mut self, at: usize, terminals: &[String], errors: &mut Vec<SyntaxError>) -> bool {
        if let Some(slip) = self.slip(at) {
            errors.push(SyntaxError::Slip(slip));
            return true;
        }
        if let Some(key) = self.misses_colon(at) {
            let lexeme = self.lexemes[key];
            errors.push(SyntaxError::MissingColon {
                key: self.span(key, key + 1),
            });
            let (lo, hi) = (lexeme.hi, lexeme.hi);
            self.lexemes.insert(
                key + 1,
                Lexeme {
                    token: Token::Colon,
                    lo,
                    hi,
                },
            );
            return true;
        }
        if let Some(inserted) = self.inserted.take()
            && inserted.at + 1 == at
        {
            // The separator did not help: the mistake is another one.
            self.lexemes.remove(inserted.at);
            errors.truncate(inserted.errors);
            return self.give_up_statement(inserted.at, &inserted.terminals, errors);
        }
        if self.misses_separator(at, terminals) {
            self.insert_separator(at, terminals, errors);
            return true;
        }
        self.give_up_statement(at, terminals, errors)
    }

    fn insert_separator(&mut self, at: usize, terminals: &[String], errors: &mut Vec<SyntaxError>) {
        let separator = self.separator_before(at);
        let offset = self.lexemes[at - 1].hi;
        self.inserted = Some(Inserted {
            at,
            terminals: terminals.to_vec(),
            errors: errors.len(),
        });
        if !self.is_known_bad(at - 1, at) {
            errors.push(SyntaxError::MissingSeparator {
                after: Span::new(self.file, offset, offset),
                found: self.found(at),
                separator: if separator == Token::Comma { ',' } else { ';' },
            });
        }
        self.lexemes.insert(
            at,
            Lexeme {
                token: separator,
                lo: offset,
                hi: offset,
            },
        );
    }

    /// Replaces the statement around token `at`; false when nothing of the item can be kept.
    fn give_up_statement(
        &mut self,
        at: usize,
        terminals: &[String],
        errors: &mut Vec<SyntaxError>,
    ) -> bool {
        let mut region = self.statement(at);
        let reported = region.as_ref().is_some_and(|region| {
            self.is_known_bad(region.start, region.end)
                || (region.start == at && self.is_rest_of_bad(at))
        });
        if !reported {
            errors.push(match self.loop_word(at, terminals) {
                Some(slip) => SyntaxError::Slip(slip),
                None => self.unexpected(at, terminals),
            });
        }
        while let Some(range) = region {
            let only_bad = self.lexemes[range.clone()]
                .iter()
                .all(|lexeme| lexeme.token == Token::BadStatement);
            // A head of an item without its block is nothing to keep; and a bad statement where none can
            // stand makes the statement round it bad.
            if range.start == 0 {
                return false;
            }
            if !only_bad {
                self.replace(range);
                return true;
            }
            region = self.enclosing_statement(range.start);
        }
        false
    }

    /// Replaces a statement. Of `key: ...` the key is kept, so that nobody misses it later.
    fn replace(&mut self, range: std::ops::Range<usize>) {
        let hi = self.lexemes[range.end - 1].hi;
        let value = range.start + 2..range.end;
        let keeps_key = self.begins_property(range.start)
            && range.len() >= 2
            && !matches!(
                self.lexemes[value.clone()],
                [Lexeme {
                    token: Token::BadValue,
                    ..
                }]
            );
        let (range, token) = if keeps_key {
            (value, Token::BadValue)
        } else {
            (range, Token::BadStatement)
        };
        let lo = self.lexemes[range.start..range.end]
            .first()
            .map_or(hi, |first| first.lo);
        self.lexemes.splice(range, [Lexeme { token, lo, hi }]);
    }

    fn unexpected(&self, at: usize, terminals: &[String]) -> SyntaxError {
        let (span, keyword) = match self.lexemes.get(at) {
            Some(lexeme) => (self.span(at, at + 1), lexeme.token.is_keyword()),
            None => {
                let end = self.lexemes.last().map_or(0, |last| last.hi);
                (Span::new(self.file, end, end), false)
            }
        };
        SyntaxError::Unexpected {
            span,
            found: self.found(at),
            keyword,
            expected: expected::describe(terminals),
            called: self
                .lexemes
                .get(at + 1)
                .is_some_and(|next| next.token == Token::LeftParen),
        }
    }

    fn found(&self, at: usize) -> String {
        match self
            .lexemes
            .get(at)
            .map(|lexeme| lexeme.token)
            .or(self.after)
        {
            Some(token) => token.to_string(),
            None => "the end of the file".to_owned(),
        }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let lo = self.lexemes.get(start).map_or(0, |first| first.lo);
        let hi = self
            .lexemes
            .get(end.saturating_sub(1))
            .map_or(lo, |last| last.hi);
        Span::new(self.file, lo, hi.max(lo))
    }
}

fn item_keyword(word: &str) -> Option<Token<'static>> {
    Some(match word {
        "use" => Token::Use,
        "const" => Token::Const,
        "Constant" => Token::Constant,
        "Technology" => Token::Technology,
        "Accelerator" => Token::Accelerator,
        "Network" => Token::Network,
        "Dataflow" => Token::Dataflow,
        "Map" => Token::Map,
        "Search" => Token::Search,
        "Explore" => Token::Explore,
        _ => return None,
    })
}
