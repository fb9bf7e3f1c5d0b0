//! Searches and explorations: `Search best { layer: net.conv1; on: acc; minimize: edp; space { at DRAM { tile K by divisors; } } }`,
//! `Explore sizes { network: net; on: acc; vary rows: 8..64 by 8; minimize: edp; }`.
//!
//! What keys there are, and what their values mean, is the business of name resolution; here they are properties.
//!
//! Invariant: blocks nest only as deep as [`MAX_BLOCKS`](super::MAX_BLOCKS) allows, so walks may recurse.

use super::{Expr, Name, Path, Property};
use crate::base::Span;

/// `Search name { ... }`, `Explore name { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// Of the word `Search` or `Explore`.
    pub keyword: Span,
    pub name: Option<Name>,
    pub entries: Vec<SearchEntry>,
    pub span: Span,
}

impl Search {
    /// The word and the name.
    #[must_use]
    pub fn head(&self) -> Span {
        let name = self.name.as_ref();
        name.map_or(self.keyword, |name| self.keyword.join(name.span))
    }

    /// All `key: ...` entries, in order.
    pub fn properties(&self) -> impl Iterator<Item = &Property> {
        self.entries.iter().filter_map(|entry| match entry {
            SearchEntry::Property(property) => Some(property),
            _ => None,
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum SearchEntry {
    /// `on: acc;`; `group: { a, b };` has one value, a list.
    Property(Property),
    Space(Space),
    Where(Where),
    Vary(Box<Vary>),
    Error(Span),
}

impl SearchEntry {
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Property(node) => node.span,
            Self::Space(node) => node.span,
            Self::Where(node) => node.span,
            Self::Vary(node) => node.span,
            Self::Error(span) => *span,
        }
    }
}

/// `space { ... }`, `space deepopt;`, `space row_stationary { k_tile: 1..64; }`
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    /// Of the word `space`.
    pub keyword: Span,
    /// A model's own space, or a dataflow with parameters.
    pub named: Option<Path>,
    pub body: Option<SpaceBody>,
    pub span: Span,
}

/// `vary rows: 8..64 by 8`, `vary glb: {32KiB, 64KiB}`: the values of a parameter of the hardware, in an exploration.
#[derive(Clone, Debug, PartialEq)]
pub struct Vary {
    /// Of the word `vary`.
    pub keyword: Span,
    pub name: Name,
    pub pieces: Pieces,
    /// Behind `by`: of a range only.
    pub step: Option<Expr>,
    pub span: Span,
}

/// `where { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Where {
    /// Of the word `where`.
    pub keyword: Span,
    pub conditions: Vec<Condition>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// An [`ExprKind::Compare`](super::ExprKind::Compare) if the user wrote what is meant.
    Expr(Expr),
    Error(Span),
}

impl Condition {
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Expr(expr) => expr.span,
            Self::Error(span) => *span,
        }
    }
}

/// What stands in a space or in an `at` block of one. The span includes the braces.
#[derive(Clone, Debug, PartialEq)]
pub struct SpaceBody {
    pub statements: Vec<SpaceStatement>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SpaceStatement {
    pub kind: SpaceStatementKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SpaceStatementKind {
    /// `at M { ... }`
    At {
        memory: Name,
        body: SpaceBody,
    },
    /// `order K, C`: these loops, where they are, from the outside in.
    Order {
        dims: Vec<Name>,
    },
    /// `tile D by PIECES`; `tile D` is any piece.
    Tile {
        dims: Dims,
        pieces: Option<Pieces>,
    },
    /// `spread D by PIECES over A[axis]`, `spread {K, C} by any over A[axis]`: one of them.
    Spread {
        dims: Vec<Name>,
        pieces: Pieces,
        array: Name,
        axis: Option<Expr>,
    },
    /// `retain T in M`; `retain * in M`, and M may be `any`.
    Retain {
        tensors: Tensors,
        memory: Name,
    },
    /// `bypass T in M`
    Bypass {
        tensors: Tensors,
        memory: Name,
    },
    /// `tiles: imperfect`, and parameters of a dataflow.
    Property {
        key: Name,
        pieces: Pieces,
    },
    Error,
}

/// `K` or `*`
#[derive(Clone, Debug, PartialEq)]
pub enum Dims {
    All(Span),
    One(Name),
}

/// `Input, Weight` or `*`
#[derive(Clone, Debug, PartialEq)]
pub enum Tensors {
    All(Span),
    These(Vec<Path>),
}

/// Which pieces.
#[derive(Clone, Debug, PartialEq)]
pub enum Pieces {
    /// `16`, `any`, `divisors`, `powers(2, 1, 64)`
    One(Expr),
    /// `{16, 32, 64}`
    Set { sizes: Vec<Expr>, span: Span },
    /// `1..64`, both included.
    Range { from: Expr, to: Expr, span: Span },
}

impl Pieces {
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::One(expr) => expr.span,
            Self::Set { span, .. } | Self::Range { span, .. } => *span,
        }
    }
}
