//! Slips that a statement shows plainly enough to read on as it was meant.
//!
//! `Dimensions = { K=4, C=3 }` is three mistakes for the parser and one for whoever made them: signs of another
//! language. Each kind is recognised at the token that does not fit, said once with one edit for the whole statement or
//! block, and mended among the tokens, so that what stands behind it is read.

use super::Mender;
use crate::base::Span;
use crate::syntax::lexer::Lexeme;
use crate::syntax::slip::Slip;
use crate::syntax::token::Token;

/// How other languages begin a loop.
const LOOPS: [&str; 8] = [
    "for",
    "foreach",
    "forall",
    "loop",
    "parallel",
    "parallel_for",
    "par_for",
    "parfor",
];

impl<'input> Mender<'_, 'input> {
    /// Recognises a slip at token `at` and mends it; every kind takes a token out or makes a sign of another one, so
    /// that none is met twice.
    pub(super) fn slip(&mut self, at: usize) -> Option<Slip> {
        self.sign_before_block(at)
            .or_else(|| self.equals(at))
            .or_else(|| self.minus_in_name(at))
            .or_else(|| self.index_lists(at))
            .or_else(|| self.reduction(at))
            .or_else(|| self.map_arguments(at))
    }

    /// `for` and its like where a directive may stand.
    pub(super) fn loop_word(&self, at: usize, terminals: &[String]) -> Option<Slip> {
        let Some(Token::Identifier(word)) = self.token(at) else {
            return None;
        };
        let directive = terminals
            .iter()
            .any(|terminal| terminal == "\"TemporalMap\"");
        (directive && LOOPS.contains(&word)).then(|| Slip::Loop {
            span: self.span(at, at + 1),
            word: word.to_owned(),
        })
    }

    fn token(&self, at: usize) -> Option<Token<'input>> {
        self.lexemes.get(at).map(|lexeme| lexeme.token)
    }

    fn before(&self, at: usize, distance: usize) -> Option<Token<'input>> {
        self.token(at.checked_sub(distance)?)
    }

    fn keys_are_free(&self) -> bool {
        matches!(
            self.token(0),
            Some(Token::Network | Token::Accelerator | Token::Technology)
        )
    }

    /// The text from the end of token `from` to the beginning of token `to`.
    fn between(&self, from: usize, to: usize) -> Option<Span> {
        let (from, to) = (self.lexemes.get(from)?.hi, self.lexemes.get(to)?.lo);
        (from <= to).then(|| Span::new(self.file, from, to))
    }

    /// `Dimensions: { ... }`
    fn sign_before_block(&mut self, at: usize) -> Option<Slip> {
        let key = match (self.before(at, 2)?, self.before(at, 1)?, self.token(at)?) {
            (Token::Identifier(key), Token::Colon, Token::LeftBrace) => key,
            _ => return None,
        };
        if !self.keys_are_free() {
            return None;
        }
        let slip = Slip::SignBeforeBlock {
            key: key.to_owned(),
            sign: self.span(at - 1, at),
            cut: self.between(at - 2, at)?,
        };
        self.lexemes.remove(at - 1);
        Some(slip)
    }

    /// `K = 4`, and all that follow in the item.
    fn equals(&mut self, at: usize) -> Option<Slip> {
        if !self.keys_are_free() || !self.is_key_equals(at) {
            return None;
        }
        let mut places = Vec::new();
        let mut depth = 0usize;
        for index in at..self.lexemes.len() {
            match self.lexemes[index].token {
                Token::LeftParen | Token::LeftBracket => depth += 1,
                Token::RightParen | Token::RightBracket => depth = depth.saturating_sub(1),
                Token::Equals if depth == 0 && self.is_key_equals(index) => places.push(index),
                _ => {}
            }
        }
        let (first, last) = (*places.first()?, *places.last()?);
        let whole = Span::new(
            self.file,
            self.lexemes.get(first - 1)?.hi,
            self.lexemes.get(last + 1)?.lo,
        );
        let mut text = String::new();
        let mut from = whole.lo();
        for &place in &places {
            let sign = self.between(place - 1, place + 1)?;
            text.push_str(self.text.get(from as usize..sign.lo() as usize)?);
            let opens = self.token(place + 1) == Some(Token::LeftBrace);
            text.push_str(if opens { " " } else { ": " });
            from = sign.hi();
        }
        let slip = Slip::EqualsForColon {
            first: self.span(first, first + 1),
            opens: self.token(first + 1) == Some(Token::LeftBrace),
            more: places.len() - 1,
            whole,
            text,
        };
        for &place in places.iter().rev() {
            if self.token(place + 1) == Some(Token::LeftBrace) {
                self.lexemes.remove(place);
            } else {
                self.lexemes[place].token = Token::Colon;
            }
        }
        Some(slip)
    }

    /// Whether `key =` stands there, where an entry begins.
    fn is_key_equals(&self, at: usize) -> bool {
        self.token(at) == Some(Token::Equals)
            && matches!(self.before(at, 1), Some(Token::Identifier(_)))
            && matches!(
                self.before(at, 2),
                Some(Token::LeftBrace | Token::RightBrace | Token::Semicolon | Token::Comma)
            )
            && self.token(at + 1).is_some()
    }

    /// `Layer conv-1 {`
    fn minus_in_name(&mut self, at: usize) -> Option<Slip> {
        let first = at.checked_sub(1)?;
        let (Token::Identifier(_), Some(Token::Minus)) = (self.token(first)?, self.token(at))
        else {
            return None;
        };
        if !self.before(first, 1).is_some_and(names_something) {
            return None;
        }
        let mut end = first + 1;
        while let Some(lexeme) = self.lexemes.get(end) {
            let touches = lexeme.lo == self.lexemes[end - 1].hi;
            let belongs = matches!(
                lexeme.token,
                Token::Identifier(_) | Token::Number(_) | Token::BadValue | Token::Minus
            );
            if !touches || !belongs {
                break;
            }
            end += 1;
        }
        let whole = self.span(first, end);
        let written: &'input str = self.text.get(whole.range())?;
        if end == first + 1 || written.ends_with('-') {
            return None;
        }
        self.lexemes.drain(first + 1..end);
        self.lexemes[first] = Lexeme {
            token: Token::Identifier(written),
            lo: whole.lo(),
            hi: whole.hi(),
        };
        Some(Slip::MinusInName {
            span: whole,
            name: written.replace('-', "_"),
        })
    }

    /// `A[m][k]`, in the whole statement.
    fn index_lists(&mut self, at: usize) -> Option<Slip> {
        if self.token(at) != Some(Token::LeftBracket)
            || self.before(at, 1) != Some(Token::RightBracket)
        {
            return None;
        }
        let end = self.statement(at)?.end;
        let pairs: Vec<usize> = (at..end)
            .filter(|&index| {
                self.token(index) == Some(Token::LeftBracket)
                    && self.before(index, 1) == Some(Token::RightBracket)
            })
            .collect();
        let last = *pairs.last()?;
        let (first, whole) = (self.span(at - 1, at + 1), self.span(at - 1, last + 1));
        let mut text = String::new();
        let mut from = whole.lo();
        for &pair in &pairs {
            let (close, open) = (self.lexemes[pair - 1], self.lexemes[pair]);
            text.push_str(self.text.get(from as usize..close.lo as usize)?);
            text.push(',');
            from = open.hi;
        }
        for &pair in pairs.iter().rev() {
            self.lexemes[pair].token = Token::Comma;
            self.lexemes.remove(pair - 1);
        }
        Some(Slip::IndexLists { first, whole, text })
    }

    /// `Y[m] avg= X[m,n]`
    fn reduction(&mut self, at: usize) -> Option<Slip> {
        let (before, name) = (self.before(at, 1)?, self.token(at)?);
        let (Token::RightBracket, Token::Identifier(name)) = (before, name) else {
            return None;
        };
        if self.token(at + 1) != Some(Token::Equals) {
            return None;
        }
        let span = self.span(at, at + 2);
        self.lexemes[at].token = match name {
            "max" => Token::MaxEquals,
            "min" => Token::MinEquals,
            _ => Token::PlusEquals,
        };
        self.lexemes.remove(at + 1);
        Some(Slip::Reduction {
            span,
            name: name.to_owned(),
        })
    }

    /// `TemporalMap 3,1 Y` and `TemporalMap(1) C`
    fn map_arguments(&mut self, at: usize) -> Option<Slip> {
        let range = self.statement(at)?;
        let start = range.start;
        let word = match self.token(start)? {
            Token::TemporalMap => "TemporalMap",
            Token::SpatialMap => "SpatialMap",
            _ => return None,
        };
        let inside = self.lexemes.get(start + 1..range.end)?;
        use Token::{Comma, LeftParen, RightParen};
        let signs = inside.iter().map(|lexeme| lexeme.token);
        let is_sign = |token: &Token<'_>| matches!(token, LeftParen | Comma | RightParen);
        if inside.len() == 6 && signs.filter(is_sign).eq([LeftParen, Comma, RightParen]) {
            // It is as it should be; the mistake is another one.
            return None;
        }
        let sizes: Vec<Lexeme<'input>> = inside
            .iter()
            .filter(|lexeme| !is_sign(&lexeme.token))
            .copied()
            .collect();
        let (dim, sizes) = sizes.split_last()?;
        let is_plain =
            |lexeme: &Lexeme<'_>| matches!(lexeme.token, Token::Number(_) | Token::Identifier(_));
        let (Token::Identifier(_), true) = (dim.token, sizes.iter().all(is_plain)) else {
            return None;
        };
        let (size, offset) = match *sizes {
            [size] => (size, size),
            [size, offset] => (size, offset),
            _ => return None,
        };
        let of = |lexeme: Lexeme<'_>| self.text.get(lexeme.lo as usize..lexeme.hi as usize);
        let whole = self.span(start, range.end);
        let slip = Slip::MapArguments {
            word,
            span: whole,
            text: format!("{word}({},{}) {}", of(size)?, of(offset)?, of(*dim)?),
            one: sizes.len() == 1,
        };
        let sign = |token, at: u32| Lexeme {
            token,
            lo: at,
            hi: at,
        };
        let mended = [
            self.lexemes[start],
            sign(Token::LeftParen, size.lo),
            size,
            sign(Token::Comma, size.hi),
            sign_at(offset, size.hi.max(offset.lo)),
            sign(Token::RightParen, offset.hi),
            *dim,
        ];
        self.lexemes.splice(range, mended);
        Some(slip)
    }
}

/// The same token at a place behind the one before it.
fn sign_at(lexeme: Lexeme<'_>, lo: u32) -> Lexeme<'_> {
    Lexeme {
        lo: lo.min(lexeme.hi),
        ..lexeme
    }
}

/// The words that stand before a name: those of items and layers, and the kind of a block.
fn names_something(token: Token<'_>) -> bool {
    matches!(
        token,
        Token::Layer
            | Token::Network
            | Token::Accelerator
            | Token::Technology
            | Token::Dataflow
            | Token::Identifier("Memory" | "Array" | "Compute" | "Level" | "Input" | "Persistent")
    )
}
