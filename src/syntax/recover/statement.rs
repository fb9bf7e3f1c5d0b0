//! Where statements begin and end among the tokens of an item, and which sign is missing in them.
//!
//! `;` ends a statement everywhere; `,` only where keys are free (`{ N: 1, K: 64 }`), because in a list of
//! directives it also stands between names; a block ends its statement; and a word that begins a line and
//! can only begin a statement does so even if the `;` before it was forgotten.

use super::Mender;
use crate::syntax::lexer::Lexeme;
use crate::syntax::token::Token;

impl<'input> Mender<'_, 'input> {
    /// Whether `key:` stands at `start`, in a block of properties or in a map.
    pub(super) fn begins_property(&self, start: usize) -> bool {
        let token = |index: usize| self.lexemes.get(index).map(|lexeme| lexeme.token);
        matches!(
            (token(start), token(start + 1)),
            (
                Some(Token::Identifier(_) | Token::Technology | Token::Dataflow | Token::Default),
                Some(Token::Colon)
            )
        )
    }

    /// The key of `K 64` or `Type CONV;` where keys are free.
    pub(super) fn misses_colon(&self, at: usize) -> Option<usize> {
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

    /// Whether what begins at `at` is the rest of a statement that a stray `;` cut in two.
    pub(super) fn is_rest_of_bad(&self, at: usize) -> bool {
        matches!(
            self.lexemes[..at],
            [
                ..,
                Lexeme {
                    token: Token::BadStatement | Token::BadValue,
                    ..
                },
                Lexeme {
                    token: Token::Semicolon,
                    ..
                }
            ]
        ) && !self.begins_line(at)
    }

    pub(super) fn misses_separator(&self, at: usize, terminals: &[String]) -> bool {
        let accepted = terminals.iter().any(|terminal| terminal == "\";\"");
        if !accepted || at == 0 {
            return false;
        }
        let Some(lexeme) = self.lexemes.get(at) else {
            return true;
        };
        if self.open_brace(at).is_none() {
            return false;
        }
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

    pub(super) fn begins_line(&self, at: usize) -> bool {
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
    pub(super) fn separator_before(&self, at: usize) -> Token<'input> {
        if !self.commas_separate(at) {
            return Token::Semicolon;
        }
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
    pub(super) fn statement(&self, at: usize) -> Option<std::ops::Range<usize>> {
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

    pub(super) fn statement_end(
        &self,
        start: usize,
        at: usize,
        commas: bool,
        mut parens: usize,
    ) -> usize {
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
    pub(super) fn enclosing_statement(&self, inner: usize) -> Option<std::ops::Range<usize>> {
        let open = self.open_brace(inner)?;
        self.statement(open)
    }

    /// The brace that opens the block around token `inner`.
    pub(super) fn open_brace(&self, inner: usize) -> Option<usize> {
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
    pub(super) fn commas_separate(&self, start: usize) -> bool {
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
    pub(super) fn is_known_bad(&self, start: usize, end: usize) -> bool {
        let range = &self.lexemes[start..end];
        let (Some(first), Some(last)) = (range.first(), range.last()) else {
            return false;
        };
        let hi = self.lexemes.get(end).map_or(last.hi, |next| next.lo);
        let from = self.lexical.partition_point(|span| span.hi() < first.lo);
        self.lexical.get(from).is_some_and(|span| span.lo() <= hi)
            || range
                .iter()
                .any(|lexeme| matches!(lexeme.token, Token::BadStatement | Token::BadValue))
    }
}
