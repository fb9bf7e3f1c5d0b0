//! Where in the grammar a cursor stands, told from the tokens before it.
//!
//! Problem: completion is asked for in the middle of a word, in a file that at this moment does not parse:
//! `Map net on acc { conv1: nvdla(c_| `. The tokens before the cursor say enough: which blocks are open and how each
//! was begun (`Map net on acc`), and what stands in the innermost one since its last statement (`conv1: nvdla(`).

use crate::base::FileId;
use crate::syntax::contextual;
use crate::syntax::lexer::{self, Lexeme};
use crate::syntax::token::Token;

/// The surroundings of a cursor.
#[derive(Clone, Debug)]
pub struct Context<'text> {
    /// How the blocks around the cursor were begun, outermost first.
    pub blocks: Vec<Vec<Token<'text>>>,
    /// What stands before the cursor since the last statement of the innermost block, without the word that is being
    /// typed.
    pub statement: Vec<Token<'text>>,
    /// Where the word that is being typed begins; the cursor, when there is none.
    pub start: u32,
}

/// More open blocks than the parser takes are no place for help.
const MAX_BLOCKS: usize = 64;

/// The surroundings of byte `offset`; `None` inside of comments and strings.
#[must_use]
pub fn context(text: &str, offset: u32) -> Option<Context<'_>> {
    let before = text.get(..usize::try_from(offset).ok()?)?;
    let mut lexed = lexer::lex(FileId::new(0), before);
    contextual::mark(&mut lexed.lexemes);
    // An open comment or string hides the cursor.
    if lexed.cut_short || in_line_comment(before, &lexed) {
        return None;
    }
    let mut lexemes: &[Lexeme<'_>] = &lexed.lexemes;
    let mut start = offset;
    if let [rest @ .., last] = lexemes
        && last.hi == offset
    {
        match last.token {
            Token::Identifier(_) => {
                start = last.lo;
                lexemes = rest;
            }
            token if token.is_keyword() || token.is_contextual() => {
                start = last.lo;
                lexemes = rest;
            }
            Token::Number(_) | Token::String(_) | Token::BadValue => return None,
            _ => {}
        }
    }
    let mut blocks = Vec::new();
    let mut statement = Vec::new();
    for lexeme in lexemes {
        match lexeme.token {
            Token::LeftBrace => {
                blocks.push(std::mem::take(&mut statement));
                if blocks.len() > MAX_BLOCKS {
                    return None;
                }
            }
            Token::RightBrace => {
                // `use std.dataflows.{ a }` goes on behind its brace, but there is nothing to say there.
                blocks.pop();
                statement.clear();
            }
            Token::Semicolon => statement.clear(),
            token => statement.push(token),
        }
    }
    Some(Context {
        blocks,
        statement,
        start,
    })
}

fn in_line_comment(before: &str, lexed: &lexer::Lexed<'_>) -> bool {
    lexed.comments.last().is_some_and(|last| {
        last.range().end == before.len()
            && before
                .get(last.range())
                .is_some_and(|text| text.starts_with("//"))
    })
}

impl<'text> Context<'text> {
    /// How the innermost block was begun.
    #[must_use]
    pub fn block(&self) -> &[Token<'text>] {
        self.blocks.last().map_or(&[], Vec::as_slice)
    }

    /// The innermost block that begins with `first`.
    #[must_use]
    pub fn around(&self, first: Token<'_>) -> Option<&[Token<'text>]> {
        let blocks = self.blocks.iter().rev();
        blocks
            .map(Vec::as_slice)
            .find(|block| block.first() == Some(&first))
    }

    /// The name behind the word that begins the innermost such block: `net` of `Network net {`.
    #[must_use]
    pub fn name_of(&self, first: Token<'_>) -> Option<&'text str> {
        match self.around(first)? {
            [_, Token::Identifier(name), ..] => Some(name),
            _ => None,
        }
    }

    /// The dotted words right before the cursor, if it stands behind a dot: `std.networks.|`.
    #[must_use]
    pub fn path(&self) -> Option<Vec<&'text str>> {
        dotted(&self.statement)
    }

    /// What calls the innermost open parenthesis of the statement: the tokens before it and those inside so far.
    #[must_use]
    pub fn call(&self) -> Option<(&[Token<'text>], &[Token<'text>])> {
        let mut depth = 0usize;
        for (at, token) in self.statement.iter().enumerate().rev() {
            match token {
                Token::RightParen => depth += 1,
                Token::LeftParen if depth == 0 => {
                    return Some((self.statement.get(..at)?, self.statement.get(at + 1..)?));
                }
                Token::LeftParen => depth -= 1,
                _ => {}
            }
        }
        None
    }

    /// The key whose value is being written, `Type` behind `Type:`; and whether a comma stands behind the colon.
    #[must_use]
    pub fn key(&self) -> Option<(&'text str, bool)> {
        let colon = self
            .statement
            .iter()
            .rposition(|token| *token == Token::Colon)?;
        let key = match self.statement.get(colon.checked_sub(1)?)? {
            Token::Identifier(key) => key,
            Token::Technology => "Technology",
            Token::Dataflow => "Dataflow",
            Token::Default => "default",
            _ => return None,
        };
        let comma = self.statement.get(colon..)?.contains(&Token::Comma);
        Some((key, comma))
    }
}

/// `a.b.` at the end of some tokens.
#[must_use]
pub fn dotted<'text>(tokens: &[Token<'text>]) -> Option<Vec<&'text str>> {
    let mut path = Vec::new();
    let mut rest = tokens;
    while let [before @ .., Token::Identifier(word), Token::Dot] = rest {
        path.push(*word);
        rest = before;
    }
    path.reverse();
    (!path.is_empty()).then_some(path)
}

/// The last dotted path that ends some tokens, as written: `std.dataflows.nvdla` of `conv1: std.dataflows.nvdla`.
#[must_use]
pub fn path_at_end(tokens: &[Token<'_>]) -> Option<String> {
    let (Token::Identifier(last), before) = tokens.split_last()? else {
        return None;
    };
    let mut path: Vec<&str> = dotted(before).unwrap_or_default();
    path.push(last);
    Some(path.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<Context<'_>> {
        context(text, u32::try_from(text.len()).unwrap())
    }

    #[test]
    fn blocks_and_statement() {
        let text = "const T = 4; Map net on acc { default: x; conv1: nvdla(c_";
        let found = at(text).unwrap();
        assert_eq!(found.block().first(), Some(&Token::Map));
        assert_eq!(found.statement.len(), 4);
        let (callee, inside) = found.call().unwrap();
        assert_eq!(path_at_end(callee).as_deref(), Some("nvdla"));
        assert!(inside.is_empty());
        assert_eq!(found.key(), Some(("conv1", false)));
        assert_eq!(found.start as usize, text.len() - 2);
    }

    #[test]
    fn paths_and_closed_blocks() {
        let found = at("Network n { } use std.networks.v").unwrap();
        assert!(found.blocks.is_empty());
        assert_eq!(found.path(), Some(vec!["std", "networks"]));
        let found = at("Network n { Layer a { Type: FC } Layer b { Inp").unwrap();
        assert_eq!(found.name_of(Token::Layer), Some("b"));
        assert_eq!(found.name_of(Token::Network), Some("n"));
        assert!(found.statement.is_empty());
    }

    #[test]
    fn nothing_in_comments_strings_and_numbers() {
        for text in ["// Net", "/* Net", "use \"Net", "const T = 4"] {
            assert!(at(text).is_none(), "{text}");
        }
        assert!(at("/* a */ Net").is_some());
    }
}
