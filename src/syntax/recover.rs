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

const ITEM_KEYWORDS: [&str; 8] = [
    "use",
    "const",
    "Constant",
    "Technology",
    "Accelerator",
    "Network",
    "Dataflow",
    "Map",
];

/// Parses balanced tokens. `lexical` are the places already complained about, in order.
pub fn items(
    file: FileId,
    text: &str,
    lexemes: &[Lexeme<'_>],
    lexical: &[Span],
    errors: &mut Vec<SyntaxError>,
) -> Vec<ast::Item> {
    let parser = grammar::ItemParser::new();
    let mut builder = Builder::new(file);
    let mut budget = BUDGET;
    let mut items = Vec::new();
    let mut rest = lexemes;
    let mut in_junk = false;
    loop {
        // A separator between items means nothing.
        while let [first, after @ ..] = rest
            && first.token == Token::Semicolon
        {
            rest = after;
        }
        let Some(length) = next_chunk(rest) else {
            return items;
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
        // Junk in several pieces is one mistake.
        let after_junk = std::mem::replace(&mut in_junk, !mender.begins_item());
        if !mender.check_head(after_junk, errors) {
            items.push(ast::Item::Error(mender.span(0, length)));
            continue;
        }
        in_junk = false;
        items.push(mender.parse(&parser, &mut builder, &mut budget, errors));
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
                    && (token.begins_item() || token == Token::BadStatement) =>
            {
                return Some(index);
            }
            _ => {}
        }
    }
    Some(lexemes.len())
}

/// One item under repair.
struct Mender<'a, 'input> {
    file: FileId,
    text: &'a str,
    lexical: &'a [Span],
    /// The token behind the item, for messages.
    after: Option<Token<'input>>,
    lexemes: Vec<Lexeme<'input>>,
    /// Where the last separator was put in.
    inserted: Option<usize>,
}

impl<'input> Mender<'_, 'input> {
    fn begins_item(&self) -> bool {
        self.lexemes
            .first()
            .is_some_and(|first| first.token.begins_item() || first.token == Token::BadStatement)
    }

    /// Whether the chunk begins like an item; a misspelt keyword is reported and mended.
    fn check_head(&mut self, after_junk: bool, errors: &mut Vec<SyntaxError>) -> bool {
        if self.begins_item() {
            return true;
        }
        let first = self.lexemes[0];
        let keyword = match first.token {
            Token::Identifier(word) => suggest::closest(word, ITEM_KEYWORDS),
            _ => None,
        };
        let token = keyword.and_then(item_keyword);
        if keyword.is_some() || !(after_junk || self.is_known_bad(0, self.lexemes.len())) {
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
            self.inserted = Some(key + 1);
            return true;
        }
        if self.misses_separator(at, terminals) {
            let separator = self.separator_before(at);
            let previous = self.lexemes[at - 1];
            if !self.is_known_bad(at - 1, at) {
                errors.push(SyntaxError::MissingSeparator {
                    after: Span::new(self.file, previous.hi, previous.hi),
                    found: self.found(at),
                    separator: if separator == Token::Comma { ',' } else { ';' },
                });
            }
            self.lexemes.insert(
                at,
                Lexeme {
                    token: separator,
                    lo: previous.hi,
                    hi: previous.hi,
                },
            );
            self.inserted = Some(at);
            return true;
        }
        let region = self.statement(at);
        if !region
            .as_ref()
            .is_some_and(|region| self.is_known_bad(region.start, region.end))
        {
            errors.push(self.unexpected(at, terminals));
        }
        let mut region = region;
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

    fn replace(&mut self, range: std::ops::Range<usize>) {
        let bad = Lexeme {
            token: Token::BadStatement,
            lo: self.lexemes[range.start].lo,
            hi: self.lexemes[range.end - 1].hi,
        };
        self.lexemes.splice(range, [bad]);
        self.inserted = None;
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

    // Where statements begin and end ------------------------------------------------------------------

    /// The key of `K 64` or `Type CONV;` where keys are free.
    fn misses_colon(&self, at: usize) -> Option<usize> {
        let start = self.statement(at)?.start;
        let token = |index: usize| self.lexemes.get(index).map(|lexeme| lexeme.token);
        let ends = |index: usize| {
            matches!(
                token(index),
                None | Some(Token::Semicolon | Token::Comma | Token::RightBrace)
            )
        };
        let Some(Token::Identifier(_)) = token(start) else {
            return None;
        };
        let value = match token(start + 1) {
            Some(Token::Identifier(_)) => at == start + 2,
            Some(Token::Number(_)) => at == start + 1,
            _ => false,
        };
        let alone = value
            && ends(start + 2)
            && self.commas_separate(start)
            && !self.begins_line(start + 1)
            && !self.is_known_bad(start, start + 2);
        alone.then_some(start)
    }

    fn misses_separator(&self, at: usize, terminals: &[String]) -> bool {
        let accepted = terminals.iter().any(|terminal| terminal == "\";\"");
        if !accepted
            || at == 0
            || self.inserted == Some(at)
            || self.inserted.is_some_and(|i| i + 1 == at)
        {
            return false;
        }
        let Some(lexeme) = self.lexemes.get(at) else {
            return true;
        };
        if lexeme.token.begins_statement() {
            return true;
        }
        let Token::Identifier(_) = lexeme.token else {
            return false;
        };
        let after = |distance: usize| self.lexemes.get(at + distance).map(|lexeme| lexeme.token);
        self.begins_line(at)
            || matches!(after(1), Some(Token::Colon | Token::LeftBrace))
            || matches!(
                (after(1), after(2)),
                (Some(Token::Identifier(_)), Some(Token::LeftBrace))
            )
    }

    fn begins_line(&self, at: usize) -> bool {
        let (Some(previous), Some(lexeme)) =
            (self.lexemes.get(at.wrapping_sub(1)), self.lexemes.get(at))
        else {
            return true;
        };
        self.text
            .get(previous.hi as usize..lexeme.lo as usize)
            .is_some_and(|between| between.contains('\n'))
    }

    /// The separator that the statements before `at` use.
    fn separator_before(&self, at: usize) -> Token<'input> {
        let mut depth = 0usize;
        for lexeme in self.lexemes[..at].iter().rev() {
            match lexeme.token {
                Token::RightBrace | Token::RightParen | Token::RightBracket => depth += 1,
                Token::LeftBrace if depth == 0 => break,
                Token::LeftBrace | Token::LeftParen | Token::LeftBracket => {
                    depth = depth.saturating_sub(1)
                }
                Token::Semicolon if depth == 0 => break,
                Token::Comma if depth == 0 => return Token::Comma,
                _ => {}
            }
        }
        Token::Semicolon
    }

    /// The statement in which the mistake at `at` lies; never empty. `None` if there is nothing before or at it.
    fn statement(&self, at: usize) -> Option<std::ops::Range<usize>> {
        let mut start = at.min(self.lexemes.len());
        while start > 0
            && !matches!(
                self.lexemes[start - 1].token,
                Token::LeftBrace | Token::RightBrace | Token::Semicolon
            )
        {
            start -= 1;
        }
        let commas = self.commas_separate(start);
        let mut parens = 0usize;
        let before = self.lexemes.iter().enumerate().take(at).skip(start);
        for (index, lexeme) in before {
            match lexeme.token {
                Token::LeftParen | Token::LeftBracket => parens += 1,
                Token::RightParen | Token::RightBracket => parens = parens.saturating_sub(1),
                Token::Comma if commas && parens == 0 => start = index + 1,
                _ => {}
            }
        }
        let end = self.statement_end(start, at, commas, parens);
        if start < end {
            Some(start..end)
        } else {
            self.enclosing_statement(start)
        }
    }

    fn statement_end(&self, start: usize, at: usize, commas: bool, mut parens: usize) -> usize {
        let mut depth = 0usize;
        for index in at..self.lexemes.len() {
            let token = self.lexemes[index].token;
            let new_statement = index > start
                && depth == 0
                && self.begins_line(index)
                && (token.begins_statement()
                    || self.lexemes.get(index + 1).is_some_and(|next| {
                        matches!(token, Token::Identifier(_)) && next.token == Token::Colon
                    }));
            if new_statement {
                return index;
            }
            match token {
                Token::LeftBrace => depth += 1,
                Token::RightBrace if depth == 0 => return index,
                Token::RightBrace => {
                    depth -= 1;
                    if depth == 0 {
                        return index + 1;
                    }
                }
                Token::Semicolon if depth == 0 => return index,
                Token::LeftParen | Token::LeftBracket => parens += 1,
                Token::RightParen | Token::RightBracket => parens = parens.saturating_sub(1),
                Token::Comma if depth == 0 && commas && parens == 0 => return index,
                _ => {}
            }
        }
        self.lexemes.len()
    }

    /// The statement whose block holds token `inner`.
    fn enclosing_statement(&self, inner: usize) -> Option<std::ops::Range<usize>> {
        let open = self.open_brace(inner)?;
        self.statement(open)
    }

    /// The brace that opens the block around token `inner`.
    fn open_brace(&self, inner: usize) -> Option<usize> {
        let mut depth = 0usize;
        for index in (0..inner.min(self.lexemes.len())).rev() {
            match self.lexemes[index].token {
                Token::RightBrace => depth += 1,
                Token::LeftBrace if depth == 0 => return Some(index),
                Token::LeftBrace => depth -= 1,
                _ => {}
            }
        }
        None
    }

    /// Whether commas separate statements around `start`: they do where keys are free, but in a list of
    /// directives or of map entries they also separate names.
    fn commas_separate(&self, start: usize) -> bool {
        if !matches!(
            self.lexemes[0].token,
            Token::Network | Token::Accelerator | Token::Technology
        ) {
            return false;
        }
        let Some(open) = self.open_brace(start) else {
            return false;
        };
        let before = |distance: usize| {
            open.checked_sub(distance)
                .map(|index| self.lexemes[index].token)
        };
        !matches!(before(1), Some(Token::Dataflow | Token::Colon)) && before(2) != Some(Token::At)
    }

    /// Whether there was already a message about these tokens or the characters between them.
    fn is_known_bad(&self, start: usize, end: usize) -> bool {
        let range = &self.lexemes[start..end];
        let (Some(first), Some(last)) = (range.first(), range.last()) else {
            return false;
        };
        let hi = self.lexemes.get(end).map_or(last.hi, |next| next.lo);
        let from = self.lexical.partition_point(|span| span.hi() < first.lo);
        self.lexical.get(from).is_some_and(|span| span.lo() <= hi)
            || range
                .iter()
                .any(|lexeme| lexeme.token == Token::BadStatement)
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
        _ => return None,
    })
}
