//! Words to a tree. By hand, in one pass: nothing in the format needs more than the next two words. Here is what a file
//! consists of; [`words`] has the steps, [`accelerator`] the hardware.
//!
//! Invariants: there is always a tree, and what is missing from it has a message; every step takes a word, so that the
//! time is linear in the length of the text; one mistake gives one message, because after it words are passed over up
//! to one that begins something.

mod accelerator;
mod words;

pub use accelerator::parse_pairs;

use super::error::MaestroError;
use super::hardware::is_hardware_key;
use super::lexer::{Lexeme, Token};
use super::names::plain;
use super::tree::{
    Constant, Dataflow, Directive, DirectiveKind, Layer, Member, Network, Sizes, SizesOf, Tree,
    Value, ValueKind,
};
use crate::base::{Span, Spanned};
use crate::syntax::ast::ClusterKind;
use words::Parser;

/// Layers of all networks of a file, and directives of a layer: what is behind `hir` takes no more.
const MAX_LAYERS: usize = 20_000;
const MAX_DIRECTIVES: usize = 256;

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

impl Parser<'_, '_> {
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
