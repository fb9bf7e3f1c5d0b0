//! Makes the braces match before the parser runs, so that one missing brace is one message.
//!
//! ```text
//! Network n {
//!   Layer a {
//!     Type: CONV;        <- `}` missing after this line
//!   Layer b { Type: CONV }
//! }
//! ```
//!
//! Counting alone finds the mistake at the end of the file. The layout says more: `Layer b` stands no
//! deeper than the line that opened `a`, so `a` should have been closed before it. In the same way a brace
//! that closes nothing is traced back to the line that should have opened a block, or found to be the one
//! too many inside a line. Layout is asked only when the counts disagree; a file with balanced braces may be
//! laid out in any way.
//!
//! Also here, because it needs only braces: blocks that nest too deeply, which become one
//! [`Token::BadStatement`].
//!
//! Guarantee: in the result every brace has its partner and the depth is at most [`MAX_BLOCKS`];
//! parentheses, which need not match, are at most [`MAX_PARENTHESES`] deep.

use super::ast::{MAX_BLOCKS, MAX_PARENTHESES};
use super::error::SyntaxError;
use super::lexer::Lexeme;
use super::token::Token;
use crate::base::{FileId, Span};

/// Balanced tokens; mistakes go to `errors`.
#[must_use]
pub fn balance<'input>(
    file: FileId,
    text: &str,
    lexemes: Vec<Lexeme<'input>>,
    errors: &mut Vec<SyntaxError>,
) -> Vec<Lexeme<'input>> {
    let lexemes = if is_balanced(&lexemes) {
        lexemes
    } else {
        mend(file, text, &lexemes, errors)
    };
    prune(file, lexemes, errors)
}

fn is_balanced(lexemes: &[Lexeme<'_>]) -> bool {
    let mut depth = 0usize;
    for lexeme in lexemes {
        match lexeme.token {
            Token::LeftBrace => depth += 1,
            Token::RightBrace if depth == 0 => return false,
            Token::RightBrace => depth -= 1,
            _ => {}
        }
    }
    depth == 0
}

/// The layout of a token: how far its line is indented, and whether it is the first on it.
struct Layout<'text> {
    text: &'text [u8],
    line_start: usize,
    scanned: usize,
    indent: usize,
}

impl<'text> Layout<'text> {
    fn new(text: &'text str) -> Self {
        Self {
            text: text.as_bytes(),
            line_start: 0,
            scanned: 0,
            indent: indent_at(text.as_bytes(), 0),
        }
    }

    /// Indentation of the line of `offset`, and whether only blanks stand before it. Offsets must not decrease.
    fn of(&mut self, offset: u32) -> (usize, bool) {
        let offset = (offset as usize).min(self.text.len());
        if let Some(newline) = self.text[self.scanned..offset]
            .iter()
            .rposition(|&byte| byte == b'\n')
        {
            self.line_start = self.scanned + newline + 1;
            self.indent = indent_at(self.text, self.line_start);
        }
        self.scanned = offset;
        (self.indent, self.line_start + self.indent == offset)
    }
}

fn indent_at(text: &[u8], start: usize) -> usize {
    text[start..]
        .iter()
        .take_while(|&&byte| byte == b' ' || byte == b'\t')
        .count()
}

struct Open {
    span: Span,
    indent: usize,
    line: usize,
}

/// The tokens so far, the open blocks and the lines; see the head of the file.
struct Mender<'input, 'errors> {
    file: FileId,
    out: Vec<Lexeme<'input>>,
    stack: Vec<Open>,
    /// Of every line with tokens: its indentation and where its tokens begin in `out`.
    lines: Vec<(usize, usize)>,
    /// How many braces may still be put in among the tokens: each moves all tokens behind it.
    insertions: usize,
    /// How many closing braces there are too many in the whole file.
    excess: usize,
    errors: &'errors mut Vec<SyntaxError>,
}

fn mend<'input>(
    file: FileId,
    text: &str,
    lexemes: &[Lexeme<'input>],
    errors: &mut Vec<SyntaxError>,
) -> Vec<Lexeme<'input>> {
    let count = |token: Token<'_>| {
        lexemes
            .iter()
            .filter(|lexeme| lexeme.token == token)
            .count()
    };
    let mut layout = Layout::new(text);
    let mut mender = Mender {
        file,
        out: Vec::with_capacity(lexemes.len() + 8),
        stack: Vec::new(),
        lines: Vec::new(),
        insertions: MAX_BLOCKS,
        excess: count(Token::RightBrace).saturating_sub(count(Token::LeftBrace)),
        errors,
    };
    for (index, &lexeme) in lexemes.iter().enumerate() {
        let (indent, first) = layout.of(lexeme.lo);
        if first {
            mender.lines.push((indent, mender.out.len()));
        }
        let next = lexemes.get(index + 1).map(|next| next.token);
        match lexeme.token {
            Token::LeftBrace => mender.stack.push(Open {
                span: Span::new(file, lexeme.lo, lexeme.hi),
                indent,
                line: mender.lines.len(),
            }),
            Token::RightBrace if !mender.close(lexeme, indent, first) => continue,
            // An item, a layer or a group that stands no deeper than an open block cannot belong to it.
            token
                if first
                    && (token.begins_item() || matches!(token, Token::Layer | Token::Fuse))
                    && next != Some(Token::Colon) =>
            {
                mender.close_deeper(indent);
            }
            // So cannot a statement, where blocks are indented.
            Token::Identifier(_)
                if first
                    && matches!(
                        next,
                        Some(Token::Colon | Token::LeftBrace | Token::Identifier(_))
                    ) =>
            {
                mender.close_not_deeper(indent);
            }
            Token::Tile | Token::Retain if first && matches!(next, Some(Token::Identifier(_))) => {
                mender.close_not_deeper(indent);
            }
            _ => {}
        }
        mender.out.push(lexeme);
    }
    mender.close_deeper(0);
    mender.out
}

impl Mender<'_, '_> {
    /// A closing brace; false when it is dropped.
    fn close(&mut self, lexeme: Lexeme<'_>, indent: usize, first: bool) -> bool {
        if first && self.is_open_at(indent) {
            // A brace that begins a line closes the block whose line is indented like it.
            self.close_deeper(indent + 1);
        } else if self.excess > 0 {
            if first && self.open_header(lexeme, indent) {
                self.excess -= 1;
                return true;
            }
            // A brace inside a line closes what was opened on that line; one too many is this one.
            let closes_outer = self
                .stack
                .last()
                .is_none_or(|open| open.line < self.lines.len());
            if closes_outer {
                self.excess -= 1;
                if self.open_on_line(lexeme) {
                    return true;
                }
                self.stray(lexeme);
                return false;
            }
        }
        if self.stack.pop().is_none() {
            self.stray(lexeme);
            return false;
        }
        true
    }

    /// Whether a block is open whose line is indented by `indent`, among those that may be open at all.
    fn is_open_at(&self, indent: usize) -> bool {
        let innermost = self.stack.iter().rev().take(2 * MAX_BLOCKS);
        innermost.into_iter().any(|open| open.indent == indent)
    }

    fn stray(&mut self, lexeme: Lexeme<'_>) {
        let is_word = |token: Token<'_>| {
            token.is_keyword()
                || token.is_contextual()
                || matches!(token, Token::Identifier(_) | Token::Number(_))
        };
        let before = self.out.last();
        self.errors.push(SyntaxError::StrayBrace {
            span: Span::new(self.file, lexeme.lo, lexeme.hi),
            joins: before.is_some_and(|before| before.hi == lexeme.lo && is_word(before.token)),
        });
    }

    /// A brace that closes nothing: if an earlier line is indented like it, with only deeper lines since, that
    /// line should have opened the block.
    fn open_header(&mut self, close: Lexeme<'_>, indent: usize) -> bool {
        if self.insertions == 0 {
            return false;
        }
        let inside = self.lines.len() - 1;
        let Some(header) = self.lines[..inside]
            .iter()
            .rposition(|&(line, _)| line <= indent)
        else {
            return false;
        };
        let opened = self.stack.last().map_or(0, |open| open.line);
        if self.lines[header].0 != indent || header < opened || header + 1 >= inside {
            return false;
        }
        let at = self.lines[header + 1].1;
        // A string opens no block, and into one without an end no brace can be put.
        let Some(offset) = at
            .checked_sub(1)
            .and_then(|last| self.out.get(last))
            .filter(|last| !matches!(last.token, Token::String(_) | Token::BadValue))
            .map(|last| last.hi)
        else {
            return false;
        };
        self.out.insert(
            at,
            Lexeme {
                token: Token::LeftBrace,
                lo: offset,
                hi: offset,
            },
        );
        self.insertions -= 1;
        self.lines.truncate(header + 1);
        self.errors.push(SyntaxError::MissingOpen {
            at: Span::new(self.file, offset, offset),
            close: Span::new(self.file, close.lo, close.hi),
        });
        true
    }

    /// A brace that closes nothing on its line: in `Dimensions N: 1, K: 4 }` the name before `N:` should have
    /// opened the block.
    fn open_on_line(&mut self, close: Lexeme<'_>) -> bool {
        let start = self.lines.last().map_or(0, |line| line.1);
        let opens = |four: &[Lexeme<'_>]| match four {
            [before, name, key, colon] => {
                before.token != Token::Colon
                    && matches!(name.token, Token::Identifier(_))
                    && matches!(key.token, Token::Identifier(_))
                    && colon.token == Token::Colon
            }
            _ => false,
        };
        let begin = start.saturating_sub(1);
        let dataflow =
            |two: &[Lexeme<'_>]| two[0].token == Token::Dataflow && two[1].token.begins_statement();
        let line = &self.out[begin..];
        let Some(found) = line
            .windows(4)
            .position(opens)
            .map(|found| found + 2)
            .or_else(|| line.windows(2).position(dataflow).map(|found| found + 1))
        else {
            return false;
        };
        let at = begin + found;
        if self.insertions == 0 || at <= start {
            return false;
        }
        self.insertions -= 1;
        let offset = self.out[at - 1].hi;
        let brace = Lexeme {
            token: Token::LeftBrace,
            lo: offset,
            hi: offset,
        };
        self.out.insert(at, brace);
        self.errors.push(SyntaxError::MissingOpen {
            at: Span::new(self.file, offset, offset),
            close: Span::new(self.file, close.lo, close.hi),
        });
        true
    }

    /// A block that was not closed and whose line has `S: 3 Stride {`: what stands before `Stride` ended inside
    /// the line. Gives the place in `out` of the missing brace and the brace that opened the block.
    fn ended_on_line(&self, line: usize) -> Option<(usize, Span)> {
        let start = self.lines.get(line.checked_sub(1)?)?.1;
        let end = self.lines.get(line).map_or(self.out.len(), |next| next.1);
        let tokens = self.out.get(start..end)?;
        let mut open = Vec::new();
        for (at, lexeme) in tokens.iter().enumerate() {
            match lexeme.token {
                Token::LeftBrace => open.push(lexeme),
                Token::RightBrace => {
                    open.pop();
                }
                Token::Number(_) | Token::RightParen | Token::RightBracket => {
                    if let [name, brace, ..] = &tokens[at + 1..]
                        && matches!(name.token, Token::Identifier(_))
                        && brace.token == Token::LeftBrace
                        && let Some(open) = open.last()
                    {
                        return Some((start + at + 1, Span::new(self.file, open.lo, open.hi)));
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Before a statement indented by `indent`: closes the innermost block if its line, an earlier one, is
    /// indented as far, and the block around it less.
    fn close_not_deeper(&mut self, indent: usize) {
        let [.., outer, inner] = self.stack.as_slice() else {
            return;
        };
        if inner.line < self.lines.len() && inner.indent == indent && outer.indent < indent {
            self.close_deeper(indent);
        }
    }

    /// Closes, innermost first, the blocks whose opening line is indented by `indent` or more.
    fn close_deeper(&mut self, indent: usize) {
        let keep = self
            .stack
            .iter()
            .rposition(|open| open.indent < indent)
            .map_or(0, |at| at + 1);
        if keep == self.stack.len() {
            return;
        }
        if keep + 1 == self.stack.len()
            && self.insertions > 0
            && let Some((place, open)) = self.ended_on_line(self.stack[keep].line)
        {
            self.stack.truncate(keep);
            self.insertions -= 1;
            let at = self.out[place - 1].hi;
            let brace = Lexeme {
                token: Token::RightBrace,
                lo: at,
                hi: at,
            };
            self.out.insert(place, brace);
            let moved = self
                .lines
                .iter_mut()
                .rev()
                .take_while(|line| line.1 >= place);
            moved.for_each(|line| line.1 += 1);
            self.errors.push(SyntaxError::Unclosed {
                opens: vec![open],
                at: Span::new(self.file, at, at),
            });
            return;
        }
        let at = self.out.last().map_or(0, |last| last.hi);
        let opens: Vec<Span> = self
            .stack
            .drain(keep..)
            .rev()
            .map(|open| open.span)
            .collect();
        self.out.extend(opens.iter().map(|_| Lexeme {
            token: Token::RightBrace,
            lo: at,
            hi: at,
        }));
        self.errors.push(SyntaxError::Unclosed {
            opens,
            at: Span::new(self.file, at, at),
        });
    }
}

/// Takes out what is too deep; needs and keeps matching braces.
fn prune<'input>(
    file: FileId,
    lexemes: Vec<Lexeme<'input>>,
    errors: &mut Vec<SyntaxError>,
) -> Vec<Lexeme<'input>> {
    let mut out = Vec::with_capacity(lexemes.len());
    let mut depth = 0usize;
    let mut parens = 0usize;
    let mut index = 0;
    while let Some(&lexeme) = lexemes.get(index) {
        match lexeme.token {
            Token::LeftBrace => {
                depth += 1;
                if depth > MAX_BLOCKS {
                    errors.push(SyntaxError::TooDeep {
                        span: Span::new(file, lexeme.lo, lexeme.hi),
                        what: "block",
                        limit: MAX_BLOCKS,
                    });
                    out.push(lexeme);
                    depth -= 1;
                    index = end_of_block(&lexemes, index);
                    let close = lexemes[index - 1];
                    // Stands for what was in it, so that nobody misses that.
                    out.push(Lexeme {
                        token: Token::BadStatement,
                        lo: lexeme.hi,
                        hi: close.lo.max(lexeme.hi),
                    });
                    out.push(close);
                    continue;
                }
            }
            Token::RightBrace => {
                depth = depth.saturating_sub(1);
                parens = 0;
            }
            Token::Semicolon => parens = 0,
            Token::LeftParen | Token::LeftBracket => {
                parens += 1;
                if parens > MAX_PARENTHESES {
                    errors.push(SyntaxError::TooDeep {
                        span: Span::new(file, lexeme.lo, lexeme.hi),
                        what: "expression",
                        limit: MAX_PARENTHESES,
                    });
                    parens -= 1;
                    index = end_of_group(&lexemes, index);
                    out.push(Lexeme {
                        token: Token::BadValue,
                        lo: lexeme.lo,
                        hi: lexemes[index - 1].hi,
                    });
                    continue;
                }
            }
            Token::RightParen | Token::RightBracket => parens = parens.saturating_sub(1),
            _ => {}
        }
        out.push(lexeme);
        index += 1;
    }
    out
}

/// One past the brace that closes the one at `open`.
fn end_of_block(lexemes: &[Lexeme<'_>], open: usize) -> usize {
    let mut depth = 0usize;
    for (index, lexeme) in lexemes.iter().enumerate().skip(open) {
        match lexeme.token {
            Token::LeftBrace => depth += 1,
            Token::RightBrace => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index + 1;
                }
            }
            _ => {}
        }
    }
    lexemes.len()
}

/// One past the parenthesis that closes the one at `open`, or the end of its statement.
fn end_of_group(lexemes: &[Lexeme<'_>], open: usize) -> usize {
    let mut depth = 0usize;
    for (index, lexeme) in lexemes.iter().enumerate().skip(open) {
        match lexeme.token {
            Token::LeftParen | Token::LeftBracket => depth += 1,
            Token::RightParen | Token::RightBracket => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index + 1;
                }
            }
            Token::LeftBrace | Token::RightBrace | Token::Semicolon => return index,
            _ => {}
        }
    }
    lexemes.len()
}
