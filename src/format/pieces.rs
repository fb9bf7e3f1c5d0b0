//! The tokens and comments of a text in one list, with what stood between them.
//!
//! `A: 1;  // one` is the pieces `A` `:` `1` `;` `// one`, and before the last of them the author left a wide
//! gap. That, and how many lines begin in a gap, is all that the layout may know of the old blanks.

use crate::base::FileId;
use crate::syntax::lexer::{self, Lexeme};
use crate::syntax::token::Token;
use std::borrow::Cow;

/// A token or a comment.
#[derive(Clone, Debug)]
pub struct Piece<'text> {
    /// First byte in the source.
    pub lo: u32,
    pub kind: Kind<'text>,
    /// As it is written out; comments without blanks at the ends of their lines.
    pub text: Cow<'text, str>,
    /// Line ends in the gap before it; 2 stands for more.
    pub newlines: u8,
    /// Whether the gap before it is two blanks or more on one line.
    pub wide: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'text> {
    Token(Token<'text>),
    /// `// ...`: nothing can follow on its line.
    LineComment,
    /// `/* ... */`
    BlockComment,
}

impl Piece<'_> {
    pub fn is_comment(&self) -> bool {
        !matches!(self.kind, Kind::Token(_))
    }

    /// Whether it is a comment behind which a new line must begin.
    pub fn ends_line(&self) -> bool {
        self.kind == Kind::LineComment || self.is_comment() && self.text.contains('\n')
    }

    /// Whether it is this token; for tokens of one spelling.
    pub fn is(&self, token: Token<'_>) -> bool {
        matches!(self.kind, Kind::Token(own) if own == token)
    }

    pub fn is_separator(&self) -> bool {
        self.is(Token::Semicolon) || self.is(Token::Comma)
    }

    /// Characters of its first line.
    pub fn width(&self) -> usize {
        self.text
            .split('\n')
            .next()
            .map_or(0, |line| line.chars().count())
    }
}

/// All pieces of a text that parses, in order.
pub fn pieces(file: FileId, text: &str) -> Vec<Piece<'_>> {
    let lexed = lexer::lex(file, text);
    let mut comments = lexed.comments.iter().peekable();
    let mut pieces = Vec::with_capacity(lexed.lexemes.len() + lexed.comments.len());
    let mut end = 0;
    for lexeme in lexed.lexemes {
        while let Some(span) = comments.next_if(|span| span.lo() < lexeme.lo) {
            pieces.push(comment(text, end, span.range()));
            end = span.range().end;
        }
        pieces.push(token(text, end, &lexeme));
        end = lexeme.hi as usize;
    }
    for span in comments {
        pieces.push(comment(text, end, span.range()));
        end = span.range().end;
    }
    join_units(&mut pieces);
    pieces
}

/// `by 64 B {` on one line would be 64, and a block called `B`: there the unit must touch its number.
fn join_units(pieces: &mut [Piece<'_>]) {
    let mut before_brace = false;
    for piece in pieces.iter_mut().rev() {
        if let Kind::Token(token) = piece.kind {
            if before_brace && matches!(token, Token::Number(_)) && piece.text.contains(' ') {
                piece.text = Cow::Owned(piece.text.replace(' ', ""));
            }
            before_brace = token == Token::LeftBrace;
        }
    }
}

fn token<'text>(text: &'text str, end: usize, lexeme: &Lexeme<'text>) -> Piece<'text> {
    let range = lexeme.lo as usize..lexeme.hi as usize;
    let kind = Kind::Token(lexeme.token);
    let own = text.get(range.clone()).unwrap_or_default();
    piece(text, end, range, kind, Cow::Borrowed(own))
}

fn comment(text: &str, end: usize, range: std::ops::Range<usize>) -> Piece<'_> {
    let own = text.get(range.clone()).unwrap_or_default();
    let (kind, own) = if own.starts_with("//") {
        (Kind::LineComment, Cow::Borrowed(own.trim_end()))
    } else if own.contains('\n') {
        let lines: Vec<&str> = own.split('\n').map(str::trim_end).collect();
        (Kind::BlockComment, Cow::Owned(lines.join("\n")))
    } else {
        (Kind::BlockComment, Cow::Borrowed(own))
    };
    piece(text, end, range, kind, own)
}

fn piece<'text>(
    text: &'text str,
    end: usize,
    range: std::ops::Range<usize>,
    kind: Kind<'text>,
    own: Cow<'text, str>,
) -> Piece<'text> {
    let gap = text.get(end..range.start).unwrap_or_default();
    let newlines = gap.bytes().filter(|&byte| byte == b'\n').take(2).count();
    Piece {
        lo: u32::try_from(range.start).unwrap_or(u32::MAX),
        kind,
        text: own,
        newlines: u8::try_from(newlines).unwrap_or(2),
        wide: newlines == 0 && (gap.len() > 1 || gap == "\t"),
    }
}
