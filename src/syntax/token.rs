//! The alphabet of dflow.
//!
//! Logos finds the tokens; what a regular expression says badly (comments, strings, units behind numbers)
//! is scanned by hand in callbacks. Numbers and strings stay slices of the text here, so that a token is
//! small; [`super::lexer`] has checked them before the parser sees them.

use logos::{FilterResult, Lexer, Logos};

use crate::base::Unit;

/// A run of characters that logos could not place is `Err(())`; the lexer turns it into a diagnostic.
#[derive(Logos, Clone, Copy, Debug, PartialEq, Eq)]
#[logos(skip r"[ \t\r\n\f\u{feff}]+")]
pub enum Token<'input> {
    #[token("use")]
    Use,
    #[token("as")]
    As,
    #[token("const")]
    Const,
    #[token("on")]
    On,
    #[token("default")]
    Default,
    #[token("at")]
    At,
    #[token("tile")]
    Tile,
    #[token("spread")]
    Spread,
    #[token("by")]
    By,
    #[token("over")]
    Over,
    #[token("retain")]
    Retain,
    #[token("bypass")]
    Bypass,
    #[token("in")]
    In,
    #[token("Constant")]
    Constant,
    #[token("Technology")]
    Technology,
    #[token("Accelerator")]
    Accelerator,
    #[token("Network")]
    Network,
    #[token("Layer")]
    Layer,
    #[token("Dataflow")]
    Dataflow,
    #[token("Map")]
    Map,
    #[token("Search")]
    Search,
    #[token("Explore")]
    Explore,
    #[token("Fuse")]
    Fuse,
    #[token("TemporalMap")]
    TemporalMap,
    #[token("SpatialMap")]
    SpatialMap,
    #[token("Cluster")]
    Cluster,

    #[token("{")]
    LeftBrace,
    #[token("}")]
    RightBrace,
    #[token("(")]
    LeftParen,
    #[token(")")]
    RightParen,
    #[token("[")]
    LeftBracket,
    #[token("]")]
    RightBracket,
    #[token(",")]
    Comma,
    #[token(";")]
    Semicolon,
    #[token(":")]
    Colon,
    #[token(".")]
    Dot,
    #[token("+=")]
    PlusEquals,
    /// `max=` behind an indexed tensor.
    MaxEquals,
    /// `min=` likewise.
    MinEquals,
    #[token("=")]
    Equals,
    #[token("==")]
    EqualEqual,
    #[token("!=")]
    NotEqual,
    #[token("<")]
    Less,
    #[token("<=")]
    LessEqual,
    #[token(">")]
    Greater,
    #[token(">=")]
    GreaterEqual,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
    #[token("%")]
    Percent,

    #[regex("[A-Za-z_][A-Za-z0-9_]*'?")]
    Identifier(&'input str),
    /// The digits and, after them, the unit with the blank between, if any: `25.6 GB/s`.
    #[regex(r"[0-9][0-9_]*(\.[0-9][0-9_]*)?([eE][+-]?[0-9]+)?", number)]
    Number(&'input str),
    /// With its quotes.
    #[token("\"", string)]
    String(&'input str),

    /// Found by the lexer, never given to the parser.
    #[regex("//[^\n\r]*", allow_greedy = true)]
    LineComment,
    #[token("/*", block_comment)]
    BlockComment,

    // The words of a fused block: names everywhere else, made by [`super::contextual`].
    Recompute,
    Refetch,
    From,
    Pipeline,
    Sequence,
    Run,
    Using,
    /// Before a size, likewise.
    UpTo,
    /// Before a name and `=`, likewise.
    Let,
    /// Of the directives of a dataflow, likewise.
    Schedule,
    /// Before the block of a network, likewise.
    Unwired,
    /// Of the entries of a network, likewise.
    Repeat,
    Block,
    Inputs,
    /// `Persistent x;` in a network; `Persistent x { ... }` is a block of that kind.
    Persistent,
    /// Of the statements of a search or an exploration, likewise.
    Space,
    Where,
    Vary,
    Order,

    /// Stands for a literal that was reported as malformed.
    BadValue,
    /// Stands for a statement or an item that was reported as wrong.
    BadStatement,
}

/// Takes the unit behind the digits: all letters and digits that touch them, or one blank and a word that
/// is a unit; then `/cycle` and the like when the whole is a unit.
fn number<'input>(lexer: &mut Lexer<'input, Token<'input>>) -> FilterResult<&'input str, ()> {
    let rest = lexer.remainder();
    let touching = word_length(rest);
    let (blank, word) = if touching > 0 {
        (0, touching)
    } else {
        rest.strip_prefix(' ')
            .map_or((0, 0), |behind| (1, word_length(behind)))
    };
    let unit = &rest[blank..blank + word];
    // `N: 2 B: 8` lacks a comma; its `B` is a key and no unit. In `if(2 B == n, ...)` it is one.
    let behind = rest[blank + word..].trim_start_matches(' ');
    let begins_more = behind.starts_with([':', '(', '[', '{', '=']) && !behind.starts_with("==");
    if word > 0 && (blank == 0 || (Unit::parse(unit).is_some() && !begins_more)) {
        let mut taken = blank + word;
        if rest[taken..].starts_with('/') {
            let under = word_length(&rest[taken + 1..]);
            if under > 0 && Unit::parse(&rest[blank..taken + 1 + under]).is_some() {
                taken += 1 + under;
            }
        }
        lexer.bump(taken);
    }
    FilterResult::Emit(lexer.slice())
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len())
}

/// Takes everything up to the closing quote on the same line; without one, up to the end of the line.
fn string<'input>(lexer: &mut Lexer<'input, Token<'input>>) -> FilterResult<&'input str, ()> {
    let mut escaped = false;
    let mut taken = 0;
    for c in lexer.remainder().chars() {
        if matches!(c, '\n' | '\r') {
            break;
        }
        taken += c.len_utf8();
        if c == '"' && !escaped {
            break;
        }
        escaped = c == '\\' && !escaped;
    }
    lexer.bump(taken);
    FilterResult::Emit(lexer.slice())
}

fn block_comment<'input>(lexer: &mut Lexer<'input, Token<'input>>) -> FilterResult<(), ()> {
    let rest = lexer.remainder();
    lexer.bump(rest.find("*/").map_or(rest.len(), |at| at + 2));
    FilterResult::Emit(())
}

impl Token<'_> {
    /// Every word of the language: the reserved ones, then those that are names where they are no keyword.
    pub const WORDS: [Token<'static>; 45] = [
        Token::Use,
        Token::As,
        Token::Const,
        Token::On,
        Token::Default,
        Token::At,
        Token::Tile,
        Token::Spread,
        Token::By,
        Token::Over,
        Token::Retain,
        Token::Bypass,
        Token::In,
        Token::Constant,
        Token::Technology,
        Token::Accelerator,
        Token::Network,
        Token::Layer,
        Token::Dataflow,
        Token::Map,
        Token::Search,
        Token::Explore,
        Token::Fuse,
        Token::TemporalMap,
        Token::SpatialMap,
        Token::Cluster,
        Token::Recompute,
        Token::Refetch,
        Token::From,
        Token::Pipeline,
        Token::Sequence,
        Token::Run,
        Token::Using,
        Token::UpTo,
        Token::Let,
        Token::Schedule,
        Token::Unwired,
        Token::Repeat,
        Token::Block,
        Token::Inputs,
        Token::Persistent,
        Token::Space,
        Token::Where,
        Token::Vary,
        Token::Order,
    ];

    /// Whether the word begins an item of a file.
    #[must_use]
    pub fn begins_item(self) -> bool {
        matches!(
            self,
            Self::Use
                | Self::Const
                | Self::Constant
                | Self::Technology
                | Self::Accelerator
                | Self::Network
                | Self::Dataflow
                | Self::Map
                | Self::Search
                | Self::Explore
        )
    }

    /// Whether the word begins a statement inside a block and nothing else.
    #[must_use]
    pub fn begins_statement(self) -> bool {
        matches!(
            self,
            Self::Layer
                | Self::Dataflow
                | Self::Technology
                | Self::TemporalMap
                | Self::SpatialMap
                | Self::Cluster
                | Self::At
                | Self::Tile
                | Self::Spread
                | Self::Retain
                | Self::Bypass
                | Self::Default
                | Self::Fuse
                | Self::Recompute
                | Self::Refetch
                | Self::Pipeline
                | Self::Sequence
                | Self::Run
                | Self::Let
                | Self::Schedule
                | Self::Repeat
                | Self::Block
                | Self::Persistent
                | Self::Space
                | Self::Where
                | Self::Vary
                | Self::Order
        )
    }

    /// The word or sign itself, for tokens that have only one spelling.
    #[must_use]
    pub fn fixed_text(self) -> Option<&'static str> {
        Some(match self {
            Self::Use => "use",
            Self::As => "as",
            Self::Const => "const",
            Self::On => "on",
            Self::Default => "default",
            Self::At => "at",
            Self::Tile => "tile",
            Self::Spread => "spread",
            Self::By => "by",
            Self::Over => "over",
            Self::Retain => "retain",
            Self::Bypass => "bypass",
            Self::In => "in",
            Self::Constant => "Constant",
            Self::Technology => "Technology",
            Self::Accelerator => "Accelerator",
            Self::Network => "Network",
            Self::Layer => "Layer",
            Self::Dataflow => "Dataflow",
            Self::Map => "Map",
            Self::Search => "Search",
            Self::Explore => "Explore",
            Self::Fuse => "Fuse",
            Self::TemporalMap => "TemporalMap",
            Self::SpatialMap => "SpatialMap",
            Self::Cluster => "Cluster",
            Self::Recompute => "recompute",
            Self::Refetch => "refetch",
            Self::From => "from",
            Self::Pipeline => "pipeline",
            Self::Sequence => "sequence",
            Self::Run => "run",
            Self::Using => "using",
            Self::UpTo => "upto",
            Self::Let => "let",
            Self::Schedule => "Schedule",
            Self::Unwired => "unwired",
            Self::Repeat => "repeat",
            Self::Block => "Block",
            Self::Inputs => "Inputs",
            Self::Persistent => "Persistent",
            Self::Space => "space",
            Self::Where => "where",
            Self::Vary => "vary",
            Self::Order => "order",
            Self::LeftBrace => "{",
            Self::RightBrace => "}",
            Self::LeftParen => "(",
            Self::RightParen => ")",
            Self::LeftBracket => "[",
            Self::RightBracket => "]",
            Self::Comma => ",",
            Self::Semicolon => ";",
            Self::Colon => ":",
            Self::Dot => ".",
            Self::PlusEquals => "+=",
            Self::MaxEquals => "max=",
            Self::MinEquals => "min=",
            Self::Equals => "=",
            Self::EqualEqual => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Star => "*",
            Self::Slash => "/",
            Self::Percent => "%",
            Self::Identifier(_)
            | Self::Number(_)
            | Self::String(_)
            | Self::LineComment
            | Self::BlockComment
            | Self::BadValue
            | Self::BadStatement => return None,
        })
    }

    /// Whether the token is a reserved word.
    #[must_use]
    pub fn is_keyword(self) -> bool {
        !self.is_contextual() && self.is_word()
    }

    /// Whether the token is a word that is a keyword in some places and a name in all others.
    #[must_use]
    pub fn is_contextual(self) -> bool {
        matches!(
            self,
            Self::Recompute
                | Self::Refetch
                | Self::From
                | Self::Pipeline
                | Self::Sequence
                | Self::Run
                | Self::Using
                | Self::UpTo
                | Self::Let
                | Self::Schedule
                | Self::Unwired
                | Self::Repeat
                | Self::Block
                | Self::Inputs
                | Self::Persistent
                | Self::Space
                | Self::Where
                | Self::Order
        )
    }

    fn is_word(self) -> bool {
        self.fixed_text()
            .is_some_and(|text| text.starts_with(|c: char| c.is_ascii_alphabetic()))
    }
}

/// As messages name it.
impl std::fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Identifier(text) | Self::Number(text) => write!(f, "`{text}`"),
            Self::String(_) => f.write_str("a string"),
            Self::LineComment | Self::BlockComment => f.write_str("a comment"),
            Self::BadValue => f.write_str("a malformed value"),
            Self::BadStatement => f.write_str("a malformed statement"),
            other => match other.fixed_text() {
                Some(text) if other.is_word() => write!(f, "the keyword `{text}`"),
                Some(text) => write!(f, "`{text}`"),
                None => Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `fixed_text` has an arm for every token, so a word that it knows and the list does not was forgotten.
    #[test]
    fn the_list_of_words_is_complete() {
        let listed: Vec<&str> = Token::WORDS
            .iter()
            .filter_map(|word| word.fixed_text())
            .collect();
        let known: Vec<&str> = include_str!("token.rs")
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => \""))
            .filter_map(|(_, text)| text.strip_suffix("\","))
            .filter(|text| text.chars().all(|c| c.is_ascii_alphabetic()))
            .collect();
        assert_eq!(listed, known);
        assert!(Token::WORDS.iter().all(|word| word.is_word()));
    }
}
