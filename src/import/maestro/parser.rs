//! Words to a tree. By hand, in one pass: nothing in the format needs more than the next two words.
//!
//! Invariants: there is always a tree, and what is missing from it has a message; every step takes a word, so that the
//! time is linear in the length of the text; one mistake gives one message, because after it words are passed over up
//! to one that begins something.

use super::error::MaestroError;
use super::hardware::is_hardware_key;
use super::lexer::{Lexeme, Token};
use super::names::plain;
use super::tree::{
    Accelerator, Constant, Dataflow, Directive, DirectiveKind, Entry, Layer, Member, Name, Network,
    Setting, Sizes, SizesOf, Tree, Value, ValueKind,
};
use crate::base::{Span, Spanned};
use crate::diag::suggest::nearest;
use crate::syntax::ast::ClusterKind;

/// Blocks in blocks of an accelerator.
const MAX_DEPTH: usize = 8;
/// Layers of all networks of a file, and directives of a layer: what is behind `hir` takes no more.
const MAX_LAYERS: usize = 20_000;
const MAX_DIRECTIVES: usize = 256;
/// Mistakes past this are not reported.
const MAX_ERRORS: usize = 1000;

const ITEMS: [&str; 3] = ["Network", "Constant", "Accelerator"];
const MEMBERS: [&str; 4] = ["Type", "Stride", "Dimensions", "Dataflow"];
const DIRECTIVES: [&str; 3] = ["TemporalMap", "SpatialMap", "Cluster"];

/// Reads the words of a text; `end` is where it ends.
#[must_use]
pub fn parse(lexemes: &[Lexeme<'_>], end: Span) -> (Tree, Vec<MaestroError>) {
    let mut parser = Parser {
        lexemes,
        at: 0,
        end,
        errors: Vec::new(),
        layers: 0,
    };
    let tree = parser.file();
    (tree, parser.errors)
}

struct Parser<'a, 'input> {
    lexemes: &'a [Lexeme<'input>],
    at: usize,
    end: Span,
    errors: Vec<MaestroError>,
    layers: usize,
}

impl<'input> Parser<'_, 'input> {
    fn error(&mut self, error: MaestroError) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error);
        }
    }

    /// The next word; a minus that is a plain separator is passed over, one before a number is reported first.
    fn peek(&mut self) -> Option<Lexeme<'input>> {
        while let Some(&lexeme) = self.lexemes.get(self.at) {
            if lexeme.token != Token::Minus {
                return Some(lexeme);
            }
            let behind = self.lexemes.get(self.at.saturating_add(1));
            if let Some(number) = behind
                && number.span.lo() == lexeme.span.hi()
                && let Token::Integer(text) = number.token
            {
                self.error(MaestroError::LostSign {
                    span: lexeme.span,
                    number: text.to_owned(),
                });
            }
            self.take();
        }
        None
    }

    /// The next word, if it is one of letters.
    fn word(&mut self) -> Option<(&'input str, Span)> {
        match self.peek()? {
            Lexeme {
                token: Token::Word(text),
                span,
            } => Some((text, span)),
            _ => None,
        }
    }

    fn is_word(&mut self, words: &[&str]) -> bool {
        self.word().is_some_and(|(text, _)| words.contains(&text))
    }

    fn take(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// A word that fits nowhere. A block is left to be passed over whole.
    fn take_odd(&mut self) {
        if self
            .peek()
            .is_some_and(|lexeme| lexeme.token != Token::Open)
        {
            self.take();
        }
    }

    /// Where the last word ended.
    fn last(&self) -> Span {
        let before = self.at.min(self.lexemes.len()).checked_sub(1);
        before
            .and_then(|at| self.lexemes.get(at))
            .map_or(self.end.start(), |lexeme| lexeme.span)
    }

    /// Says that the next word does not fit; it stays.
    fn unexpected(&mut self, expected: &'static str, words: &[&'static str]) {
        let error = match self.peek() {
            None => MaestroError::UnexpectedEnd {
                span: self.last(),
                expected,
            },
            Some(Lexeme { token, span }) => match token {
                Token::Odd(text) => MaestroError::Odd {
                    span,
                    text: text.to_owned(),
                },
                Token::Word(text) | Token::Integer(text) => MaestroError::Unexpected {
                    span,
                    found: text.to_owned(),
                    expected,
                    near: near(text, words),
                },
                Token::Open => MaestroError::Unexpected {
                    span,
                    found: "{".to_owned(),
                    expected,
                    near: None,
                },
                Token::Close | Token::Minus => MaestroError::Unexpected {
                    span,
                    found: "}".to_owned(),
                    expected,
                    near: None,
                },
            },
        };
        self.error(error);
    }

    /// Passes over words up to one of `stops` or a brace that closes; blocks on the way are passed over whole.
    fn pass_to(&mut self, stops: &[&[&str]]) -> Span {
        let start = self.lexemes.get(self.at);
        let mut span = start.map_or(self.end, |lexeme| lexeme.span);
        while let Some(&lexeme) = self.lexemes.get(self.at) {
            match lexeme.token {
                Token::Close => break,
                Token::Word(text) if stops.iter().any(|words| words.contains(&text)) => break,
                Token::Open => span = span.join(self.pass_block()),
                _ => {
                    span = span.join(lexeme.span);
                    self.take();
                }
            }
        }
        span
    }

    /// Passes over a block with those in it.
    fn pass_block(&mut self) -> Span {
        let mut depth = 0usize;
        let start = self.last();
        while let Some(&lexeme) = self.lexemes.get(self.at) {
            self.take();
            match lexeme.token {
                Token::Open => depth = depth.saturating_add(1),
                Token::Close => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        break;
                    }
                }
                _ => {}
            }
        }
        start.join(self.last())
    }

    /// A name of any words and numbers that `-` joins without blanks: `res-2a`.
    fn name(&mut self, expected: &'static str) -> Option<Name> {
        let first = self.peek();
        let Some(Lexeme {
            token: Token::Word(text) | Token::Integer(text),
            mut span,
        }) = first
        else {
            self.unexpected(expected, &[]);
            return None;
        };
        self.take();
        let mut name = text.to_owned();
        while let [minus, behind, ..] = self.lexemes.get(self.at..).unwrap_or_default()
            && minus.token == Token::Minus
            && minus.span.lo() == span.hi()
            && minus.span.hi() == behind.span.lo()
            && let Token::Word(text) | Token::Integer(text) = behind.token
        {
            name.push('-');
            name.push_str(text);
            span = span.join(behind.span);
            self.at = self.at.saturating_add(2);
        }
        Some(Spanned::new(name, span))
    }

    /// `{`
    fn open(&mut self) -> Option<Span> {
        match self.peek() {
            Some(Lexeme {
                token: Token::Open,
                span,
            }) => {
                self.take();
                Some(span)
            }
            _ => {
                self.unexpected("`{`", &[]);
                None
            }
        }
    }

    /// Whether a block ends here: by its brace, or because something begins that cannot be in it, or the file ends.
    fn closes(&mut self, open: Span, strangers: &[&[&str]]) -> bool {
        match self.peek() {
            Some(Lexeme {
                token: Token::Close,
                ..
            }) => {
                self.take();
                true
            }
            None => {
                let at = self.end;
                self.error(MaestroError::Unclosed { open, at });
                true
            }
            Some(Lexeme {
                token: Token::Word(text),
                span,
            }) if strangers.iter().any(|words| words.contains(&text)) => {
                self.error(MaestroError::Unclosed { open, at: span });
                true
            }
            Some(_) => false,
        }
    }

    fn file(&mut self) -> Tree {
        let mut tree = Tree::default();
        while let Some(lexeme) = self.peek() {
            match lexeme.token {
                Token::Word("Network") => tree.networks.extend(self.network()),
                Token::Word("Constant") => tree.constants.extend(self.constant()),
                Token::Word("Accelerator") => tree.accelerators.extend(self.accelerator()),
                Token::Close => {
                    self.error(MaestroError::StrayBrace { span: lexeme.span });
                    self.take();
                }
                Token::Word(text) if is_hardware_key(text) => {
                    self.error(MaestroError::NoNetwork { span: lexeme.span });
                    self.pass_to(&[&ITEMS]);
                }
                _ => {
                    self.unexpected("`Network`, `Constant` or `Accelerator`", &ITEMS);
                    self.take_odd();
                    self.pass_to(&[&ITEMS]);
                }
            }
        }
        tree
    }

    /// `Constant SzM 100`
    fn constant(&mut self) -> Option<Constant> {
        let start = self.peek()?.span;
        self.take();
        let name = self.name("the name of a constant");
        let value = name.is_some().then(|| self.integer()).flatten();
        let (Some(name), Some(value)) = (name, value) else {
            self.pass_to(&[&ITEMS]);
            return None;
        };
        let span = start.join(value.span);
        Some(Constant { name, value, span })
    }

    fn integer(&mut self) -> Option<Spanned<u64>> {
        match self.peek() {
            Some(Lexeme {
                token: Token::Integer(text),
                span,
            }) => {
                self.take();
                match text.parse() {
                    Ok(number) => Some(Spanned::new(number, span)),
                    Err(_) => {
                        self.error(MaestroError::NumberTooLarge { span });
                        None
                    }
                }
            }
            Some(Lexeme {
                token: Token::Word(text),
                span,
            }) if !is_name(text) => {
                self.error(MaestroError::NotAnInteger {
                    span,
                    text: text.to_owned(),
                });
                None
            }
            _ => {
                self.unexpected("a whole number", &[]);
                None
            }
        }
    }

    /// An integer, `Sz(R)` or the name of a constant.
    fn value(&mut self) -> Option<Value> {
        match self.word() {
            Some(("Sz", span)) => {
                self.take();
                let Some((dim, at)) = self.word().filter(|(dim, _)| is_dimension(dim)) else {
                    self.unexpected("a dimension", &[]);
                    return None;
                };
                self.take();
                Some(Value {
                    kind: ValueKind::SizeOf(dim.to_owned(), at),
                    span: span.join(at),
                })
            }
            Some((text, _)) if begins(text) => {
                self.unexpected("a size", &[]);
                None
            }
            Some((text, span)) if is_name(text) => {
                self.take();
                Some(Value {
                    kind: ValueKind::Constant(text.to_owned()),
                    span,
                })
            }
            _ => {
                let number = self.integer()?;
                Some(Value {
                    kind: ValueKind::Integer(number.value),
                    span: number.span,
                })
            }
        }
    }

    fn network(&mut self) -> Option<Network> {
        let start = self.peek()?.span;
        self.take();
        let name = self.name("the name of a network");
        let open = name.is_some().then(|| self.open()).flatten();
        let (Some(name), Some(open)) = (name, open) else {
            self.pass_to(&[&ITEMS]);
            return None;
        };
        let mut layers = Vec::new();
        while !self.closes(open, &[&ITEMS]) {
            if self.is_word(&["Layer"]) {
                let layer = self.layer();
                self.layers = self.layers.saturating_add(1);
                match layer {
                    Some(layer) if self.layers <= MAX_LAYERS => layers.push(layer),
                    Some(layer) if self.layers == MAX_LAYERS.saturating_add(1) => {
                        self.error(MaestroError::TooMany {
                            span: layer.name.span,
                            what: "layers in a file",
                            limit: MAX_LAYERS,
                        });
                    }
                    _ => {}
                }
            } else {
                self.unexpected("`Layer`", &["Layer"]);
                self.take_odd();
                self.pass_to(&[&ITEMS, &["Layer"]]);
            }
        }
        let body = open.join(self.last());
        Some(Network {
            name,
            layers,
            body,
            span: start.join(body),
        })
    }

    fn layer(&mut self) -> Option<Layer> {
        let start = self.peek()?.span;
        self.take();
        let name = self.name("the name of a layer");
        let open = name.is_some().then(|| self.open()).flatten();
        let (Some(name), Some(open)) = (name, open) else {
            self.pass_to(&[&ITEMS, &["Layer"]]);
            return None;
        };
        let mut members = Vec::new();
        while !self.closes(open, &[&ITEMS, &["Layer"]]) {
            members.push(self.member());
        }
        let body = open.join(self.last());
        Some(Layer {
            name,
            members,
            body,
            span: start.join(body),
        })
    }

    fn member(&mut self) -> Member {
        let start = self.peek().map_or(self.end, |lexeme| lexeme.span);
        let member = match self.word() {
            Some(("Type", keyword)) => {
                self.take();
                match self.word() {
                    Some((text, span)) if is_dimension(text) => {
                        self.take();
                        let name = Spanned::new(text.to_owned(), span);
                        Some(Member::Type { keyword, name })
                    }
                    _ => {
                        self.unexpected("a layer type", &[]);
                        None
                    }
                }
            }
            Some(("Stride", keyword)) => self.sizes(SizesOf::Stride, keyword).map(Member::Sizes),
            Some(("Dimensions", keyword)) => {
                self.sizes(SizesOf::Dimensions, keyword).map(Member::Sizes)
            }
            Some(("Dataflow", keyword)) => self.dataflow(keyword).map(Member::Dataflow),
            _ => {
                self.unexpected("`Type`, `Stride`, `Dimensions` or `Dataflow`", &MEMBERS);
                self.take_odd();
                None
            }
        };
        member.unwrap_or_else(|| {
            let passed = self.pass_to(&[&ITEMS, &["Layer"], &MEMBERS]);
            Member::Error(start.join(passed))
        })
    }

    /// `Dimensions { K: 64, C: SzC }`
    fn sizes(&mut self, of: SizesOf, keyword: Span) -> Option<Sizes> {
        self.take();
        let open = self.open()?;
        let strangers: [&[&str]; 4] = [&ITEMS, &["Layer"], &MEMBERS, &DIRECTIVES];
        let mut pairs = Vec::new();
        let mut damaged = None;
        while !self.closes(open, &strangers) {
            let pair = match self.word() {
                Some((text, span)) if is_dimension(text) => {
                    self.take();
                    let key = Spanned::new(text.to_owned(), span);
                    self.value().map(|value| (key, value))
                }
                _ => {
                    self.unexpected("a dimension", &[]);
                    None
                }
            };
            match pair {
                Some(pair) => pairs.push(pair),
                None => damaged = Some(self.pass_to(&strangers)),
            }
        }
        Some(Sizes {
            of,
            keyword,
            pairs,
            damaged,
            body: open.join(self.last()),
        })
    }

    fn dataflow(&mut self, keyword: Span) -> Option<Dataflow> {
        self.take();
        let open = self.open()?;
        let mut directives = Vec::new();
        let mut damaged = None;
        while !self.closes(open, &[&ITEMS, &["Layer"], &MEMBERS]) {
            match self.directive() {
                Some(directive) if directives.len() < MAX_DIRECTIVES => directives.push(directive),
                Some(directive) if damaged.is_none() => {
                    self.error(MaestroError::TooMany {
                        span: directive.span,
                        what: "directives in a layer",
                        limit: MAX_DIRECTIVES,
                    });
                    damaged = Some(directive.span);
                }
                Some(_) => {}
                None => {
                    damaged = Some(self.pass_to(&[&ITEMS, &["Layer"], &MEMBERS, &DIRECTIVES]));
                }
            }
        }
        Some(Dataflow {
            keyword,
            directives,
            damaged,
            body: open.join(self.last()),
        })
    }

    fn directive(&mut self) -> Option<Directive> {
        let Some((text, start)) = self.word().filter(|(text, _)| DIRECTIVES.contains(text)) else {
            self.unexpected("`TemporalMap`, `SpatialMap` or `Cluster`", &DIRECTIVES);
            self.take_odd();
            return None;
        };
        self.take();
        let size = self.value()?;
        let kind = if text == "Cluster" {
            let kind = match self.word() {
                Some((word @ ("L" | "P"), span)) => {
                    self.take();
                    let kind = match word {
                        "L" => ClusterKind::Logical,
                        _ => ClusterKind::Physical,
                    };
                    Some(Spanned::new(kind, span))
                }
                Some((word, _)) if !begins(word) => {
                    self.unexpected("`L` or `P`", &["L", "P"]);
                    return None;
                }
                _ => None,
            };
            DirectiveKind::Cluster { size, kind }
        } else {
            let offset = self.value()?;
            let Some((dim, span)) = self.word().filter(|(word, _)| is_dimension(word)) else {
                self.unexpected("a dimension", &[]);
                return None;
            };
            self.take();
            DirectiveKind::Map {
                spatial: text == "SpatialMap",
                size,
                offset,
                dim: Spanned::new(dim.to_owned(), span),
            }
        };
        let span = start.join(self.last());
        Some(Directive { kind, span })
    }

    fn accelerator(&mut self) -> Option<Accelerator> {
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

/// Whether the word begins something and so is no value, name or dimension.
fn begins(text: &str) -> bool {
    MEMBERS.contains(&text)
        || DIRECTIVES.contains(&text)
        || ITEMS.contains(&text)
        || text == "Layer"
}

/// Whether a word may be a dimension, a type or a key, in dflow too: `K`, `Y'`.
fn is_dimension(text: &str) -> bool {
    let stem = text.strip_suffix('\'').unwrap_or(text);
    !stem.is_empty() && !begins(text) && plain(stem) == stem
}

/// Whether a word may be a name: it begins with a letter and has no sign of arithmetic in it.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && !text.contains(['+', '*', '/', '%', '='])
}

fn near(text: &str, words: &[&'static str]) -> Option<&'static str> {
    nearest(text, words.iter().copied())
}
