//! The blanks inside a statement, and where it is broken when it is too long for a line.
//!
//! `TemporalMap( min(c,Sz( C )) ,1 )C` is the atoms `TemporalMap` `(` `min` `(` `c` `,` ... with one blank or none
//! before each. Pairs and indices of plain values are written tightly, as the papers do: `SpatialMap(3,1) Y`,
//! `(0,1)`, `Q[b,m,e]`; every other comma has a blank behind it.
//!
//! A line may end behind a comma or before a sign like `+`; the outermost such place is taken, and of several
//! the last that fits.

use super::pieces::{Kind, Piece};
use crate::syntax::token::Token;
use std::ops::Range;

/// A piece with the blank before it.
#[derive(Clone, Copy, Debug)]
pub struct Atom<'a> {
    pub piece: &'a Piece<'a>,
    /// Whether a blank stands before it, unless it begins a line.
    pub blank: bool,
    /// How much a line end before it costs; `None` where there can be none.
    cost: Option<usize>,
}

/// What the blank before a piece depends on.
#[derive(Default)]
struct Spacer {
    /// The piece before is the last of a value, so that a sign behind it has two sides.
    behind_value: bool,
    /// The piece before is a sign of the value that follows.
    behind_sign: bool,
    /// For every open parenthesis, bracket, and brace of a `use`: whether its commas have no blank.
    tight: Vec<bool>,
}

/// The atoms of the head of a statement.
pub fn atoms<'a>(pieces: &'a [Piece<'a>], range: Range<usize>) -> Vec<Atom<'a>> {
    let pieces = without_idle_signs(pieces.get(range).unwrap_or_default());
    let constant = pieces
        .first()
        .is_some_and(|first| first.is(Token::Constant));
    let mut atoms: Vec<Atom<'a>> = Vec::with_capacity(pieces.len());
    let mut spacer = Spacer::default();
    for (index, piece) in pieces.iter().copied().enumerate() {
        let before = atoms.last().map(|atom| atom.piece);
        // `Constant T -4`: what stands behind the name is no difference.
        if constant && index == 2 {
            spacer.behind_value = false;
        }
        let mut atom = spacer.atom(before, piece);
        if constant && index == 2 {
            atom.blank = true;
        }
        spacer.open_or_close(before, &pieces, index);
        // A comma goes before the comment that would hide it.
        let hidden = piece.is(Token::Comma) && before.is_some_and(Piece::ends_line);
        let place = atoms
            .iter()
            .rposition(|atom| !(hidden && atom.piece.is_comment()))
            .map_or(0, |last| last + 1);
        atoms.insert(place, atom);
    }
    atoms
}

/// Without commas behind the last element of a list, and without signs behind a comma: they say nothing.
fn without_idle_signs<'a>(pieces: &'a [Piece<'a>]) -> Vec<&'a Piece<'a>> {
    let mut kept: Vec<&Piece<'_>> = Vec::with_capacity(pieces.len());
    let mut after_comma = false;
    for (index, piece) in pieces.iter().enumerate() {
        let is_last = piece.is(Token::Comma) && pieces.get(index + 1).is_some_and(closes);
        if is_last || piece.is_separator() && after_comma {
            continue;
        }
        if !piece.is_comment() {
            after_comma = piece.is(Token::Comma);
        }
        kept.push(piece);
    }
    kept
}

impl Spacer {
    fn atom<'a>(&mut self, before: Option<&Piece<'_>>, piece: &'a Piece<'a>) -> Atom<'a> {
        let depth = self.tight.len();
        let tight = self.tight.last() == Some(&true);
        let is_sign = sign(piece);
        let two_sided = is_sign && self.behind_value;
        let blank = before.is_some_and(|before| self.blank(before, piece, tight));
        let cost = match before {
            Some(before) if before.is(Token::Comma) && blank => Some(3 * depth),
            Some(_) if two_sided => Some(3 * depth + precedence(piece)),
            _ => None,
        };
        if !piece.is_comment() {
            // `retain * in GLB`: all of them.
            let all = before.is_some_and(|before| {
                before.is(Token::Tile) || before.is(Token::Retain) || before.is(Token::Bypass)
            });
            self.behind_sign = is_sign && !two_sided && !all;
            self.behind_value = ends_value(piece);
        }
        Atom { piece, blank, cost }
    }

    fn blank(&self, before: &Piece<'_>, piece: &Piece<'_>, tight: bool) -> bool {
        use Token::{
            Colon, Comma, Dot, LeftBrace, LeftBracket, LeftParen, RightBrace, RightBracket,
            RightParen, Semicolon,
        };
        let Kind::Token(token) = piece.kind else {
            return true;
        };
        if matches!(
            token,
            Comma | Semicolon | Colon | Dot | RightParen | RightBracket | RightBrace
        ) {
            return false;
        }
        let Kind::Token(last) = before.kind else {
            return true;
        };
        match (last, token) {
            (LeftParen | LeftBracket | LeftBrace | Dot, _) => false,
            (Comma, _) => !tight,
            _ if self.behind_sign => false,
            (_, LeftParen) => !is_called(before),
            (Token::Identifier(_), LeftBracket) => false,
            _ => true,
        }
    }

    /// Keeps the groups up to date with the piece at `index`.
    fn open_or_close(&mut self, before: Option<&Piece<'_>>, pieces: &[&Piece<'_>], index: usize) {
        let Some(Kind::Token(token)) = pieces.get(index).map(|piece| piece.kind) else {
            return;
        };
        let inside = pieces.get(index + 1..).unwrap_or_default();
        let named = matches!(
            before.map(|before| before.kind),
            Some(Kind::Token(Token::Identifier(_) | Token::Cluster))
        );
        match token {
            // Arguments of a map, or a tuple.
            Token::LeftParen => {
                let pair = plain_values(inside, Token::RightParen).is_some_and(|count| count <= 2);
                self.tight.push(!named && pair);
            }
            // Indices.
            Token::LeftBracket => {
                let plain = plain_values(inside, Token::RightBracket).is_some();
                self.tight.push(named && plain);
            }
            Token::LeftBrace => self.tight.push(false),
            Token::RightParen | Token::RightBracket | Token::RightBrace => {
                self.tight.pop();
            }
            _ => {}
        }
    }
}

fn sign(piece: &Piece<'_>) -> bool {
    use Token::{Minus, Percent, Plus, Slash, Star};
    matches!(
        piece.kind,
        Kind::Token(Plus | Minus | Star | Slash | Percent)
    )
}

/// Sums are broken before products.
fn precedence(sign: &Piece<'_>) -> usize {
    if sign.is(Token::Plus) || sign.is(Token::Minus) {
        1
    } else {
        2
    }
}

fn closes(piece: &Piece<'_>) -> bool {
    use Token::{RightBrace, RightBracket, RightParen};
    matches!(
        piece.kind,
        Kind::Token(RightParen | RightBracket | RightBrace)
    )
}

fn ends_value(piece: &Piece<'_>) -> bool {
    use Token::{Identifier, Number, RightBracket, RightParen, String};
    matches!(
        piece.kind,
        Kind::Token(Identifier(_) | Number(_) | String(_) | RightBracket | RightParen)
    )
}

/// Whether a parenthesis behind it holds its arguments.
fn is_called(piece: &Piece<'_>) -> bool {
    use Token::{Cluster, Identifier, SpatialMap, TemporalMap};
    match piece.kind {
        // A size that gives way: `upto (a + b)`.
        Kind::Token(Identifier(name)) => name != "upto",
        Kind::Token(TemporalMap | SpatialMap | Cluster) => true,
        _ => false,
    }
}

/// How many values stand before the sign that closes, if each is a plain one: a name, a number, or `Sz(D)`.
fn plain_values(inside: &[&Piece<'_>], close: Token<'_>) -> Option<usize> {
    let mut rest = inside;
    let mut count = 0;
    loop {
        rest = after_plain_value(rest)?;
        count += 1;
        let (next, behind) = rest.split_first()?;
        if next.is(close) {
            return Some(count);
        }
        if !next.is(Token::Comma) {
            return None;
        }
        rest = behind;
    }
}

fn after_plain_value<'a, 'b>(pieces: &'a [&'b Piece<'b>]) -> Option<&'a [&'b Piece<'b>]> {
    if let [size, open, dim, close, rest @ ..] = pieces
        && size.is(Token::Identifier("Sz"))
        && open.is(Token::LeftParen)
        && matches!(dim.kind, Kind::Token(Token::Identifier(_)))
        && close.is(Token::RightParen)
    {
        return Some(rest);
    }
    match pieces {
        [value, rest @ ..]
            if matches!(
                value.kind,
                Kind::Token(Token::Identifier(_) | Token::Number(_))
            ) =>
        {
            Some(rest)
        }
        _ => None,
    }
}

/// The atoms on one line.
pub fn flat(atoms: &[Atom<'_>]) -> String {
    let mut out = String::new();
    for atom in atoms {
        push(&mut out, atom);
    }
    out
}

fn push(out: &mut String, atom: &Atom<'_>) {
    if atom.blank && !out.is_empty() {
        out.push(' ');
    }
    out.push_str(&atom.piece.text);
}

/// The atoms on as many lines as it takes.
pub struct Wrap {
    /// Widest line.
    pub width: usize,
    /// Blanks before the first line, which are written by somebody else.
    pub first: usize,
    /// Blanks before every other.
    pub others: usize,
    /// Characters that follow on the last line.
    pub suffix: usize,
}

impl Wrap {
    pub fn lines(&self, atoms: &[Atom<'_>]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut rest = atoms;
        let mut indent = self.first;
        while !rest.is_empty() {
            let (line, after) = rest.split_at(self.line_length(rest, indent).clamp(1, rest.len()));
            lines.push(flat(line));
            rest = after;
            indent = self.others;
        }
        lines
    }

    /// How many atoms the next line takes.
    fn line_length(&self, atoms: &[Atom<'_>], indent: usize) -> usize {
        let mut column = indent;
        // The best place so far at which to end the line.
        let mut best: Option<(usize, usize)> = None;
        for (index, atom) in atoms.iter().enumerate() {
            if let Some(cost) = atom.cost.filter(|_| index > 0)
                && best.is_none_or(|(least, _)| cost <= least)
            {
                best = Some((cost, index));
            }
            column += atom.piece.width() + usize::from(atom.blank && index > 0);
            let is_last = index + 1 == atoms.len();
            let suffix = if is_last { self.suffix } else { 0 };
            if column + suffix > self.width
                && !atom.piece.is_comment()
                && let Some((_, end)) = best
            {
                return end;
            }
            if atom.piece.ends_line() {
                return index + 1;
            }
        }
        atoms.len()
    }
}
