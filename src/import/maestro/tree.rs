//! What a `.m` file says, word for word, with its places.

use crate::base::{Span, Spanned};
use crate::syntax::ast::ClusterKind;

/// A word as written: `res-2a.conv`, `Y'`.
pub type Name = Spanned<String>;

/// A file: its items in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    pub constants: Vec<Constant>,
    pub networks: Vec<Network>,
    pub accelerators: Vec<Accelerator>,
}

/// `Constant SzM 100;`
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    pub name: Name,
    pub value: Spanned<u64>,
    pub span: Span,
}

/// `Network VGG16 { Layer ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub name: Name,
    pub layers: Vec<Layer>,
    /// With its braces.
    pub body: Span,
    pub span: Span,
}

/// `Layer CONV1 { Type: CONV ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    pub name: Name,
    pub members: Vec<Member>,
    pub body: Span,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Member {
    /// `Type: CONV`
    Type {
        keyword: Span,
        name: Name,
    },
    /// `Stride { X: 2, Y: 2 }` and `Dimensions { K: 64 }`
    Sizes(Sizes),
    Dataflow(Dataflow),
    /// Could not be read, which has been reported.
    Error(Span),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizesOf {
    Stride,
    Dimensions,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sizes {
    pub of: SizesOf,
    pub keyword: Span,
    pub pairs: Vec<(Name, Value)>,
    /// A pair could not be read, which has been reported.
    pub damaged: Option<Span>,
    pub body: Span,
}

/// `Dataflow { TemporalMap(1,1) K; ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Dataflow {
    pub keyword: Span,
    pub directives: Vec<Directive>,
    pub damaged: Option<Span>,
    pub body: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Directive {
    pub kind: DirectiveKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum DirectiveKind {
    Map {
        spatial: bool,
        size: Value,
        offset: Value,
        dim: Name,
    },
    Cluster {
        size: Value,
        kind: Option<Spanned<ClusterKind>>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    pub kind: ValueKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ValueKind {
    Integer(u64),
    /// `Sz(R)`: the name of the dimension, and where.
    SizeOf(String, Span),
    Constant(String),
}

/// `Accelerator { PE { NumPEs: 256 } ... }`, as in the paper.
#[derive(Clone, Debug, PartialEq)]
pub struct Accelerator {
    pub name: Option<Name>,
    pub keyword: Span,
    pub body: Vec<Entry>,
    pub braces: Span,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// `NumPEs: 256`, `MultPrecision: INT8`
    Property {
        key: Name,
        value: Setting,
    },
    /// `PE { ... }`
    Block {
        kind: Name,
        body: Vec<Entry>,
        braces: Span,
    },
    Error(Span),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    Integer(Spanned<u64>),
    Word(Name),
}
