//! The tree of one file: what was written, with spans, and no meaning yet.
//!
//! Two styles of node. Items, layers, maps and dataflow directives have their own types, because every
//! later phase asks for their parts. What is a list of `key: value` (layer properties, memories, the
//! short accelerator form, technology entries) is a generic [`Body`], because which keys exist is not
//! the grammar's business: `Memory RF { Size: 520B }` is a [`Block`] of kind `Memory`, name `RF`, with
//! one [`Property`].
//!
//! Invariants:
//! * every node has the span of its own text;
//! * `Error` variants stand where the parser gave up, and always come with a diagnostic: whoever meets one
//!   stays silent about it;
//! * expressions are at most [`MAX_HEIGHT`] high and blocks at most [`MAX_BLOCKS`] deep, so that recursive
//!   walks need no guard of their own.

mod fuse;
mod search;

pub use fuse::{Fuse, FuseBody, FuseStatement, FuseStatementKind, Run, StageEntry, Stages};
pub use search::{
    Condition, Dims, Pieces, Search, SearchEntry, Space, SpaceBody, SpaceStatement,
    SpaceStatementKind, Tensors, Vary, Where,
};

use crate::base::{Decimal, Span, Spanned, Unit};

/// Greatest height of an expression tree: operations on the way from its root to a number or name.
pub const MAX_HEIGHT: u16 = 256;
/// Greatest nesting of braces.
pub const MAX_BLOCKS: usize = 64;
/// Greatest nesting of parentheses and brackets.
pub const MAX_PARENTHESES: usize = 512;

/// An identifier, possibly with a prime: `K`, `Y'`.
pub type Name = Spanned<String>;

/// Dotted names: `std.networks.vgg16`, `layer.Input`; a plain name is a path of one segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// Never empty.
    pub segments: Vec<Name>,
    pub span: Span,
}

impl Path {
    /// The name, if the path is one.
    #[must_use]
    pub fn as_name(&self) -> Option<&Name> {
        match self.segments.as_slice() {
            [name] => Some(name),
            _ => None,
        }
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, segment) in self.segments.iter().enumerate() {
            if index != 0 {
                f.write_str(".")?;
            }
            f.write_str(&segment.value)?;
        }
        Ok(())
    }
}

/// A file: its items in order.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    pub items: Vec<Item>,
    /// Names of items that could not be read: whoever uses one makes no mistake.
    pub unread: Vec<String>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Use(Use),
    Const(Const),
    Technology(Definition),
    Accelerator(Definition),
    Network(Network),
    Dataflow(Dataflow),
    Map(Map),
    Search(Search),
    /// Has the same entries as a search, and `vary` beside them.
    Explore(Search),
    Error(Span),
}

impl Item {
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Use(node) => node.span,
            Self::Const(node) => node.span,
            Self::Technology(node) | Self::Accelerator(node) => node.span,
            Self::Network(node) => node.span,
            Self::Dataflow(node) => node.span,
            Self::Map(node) => node.span,
            Self::Search(node) | Self::Explore(node) => node.span,
            Self::Error(span) => *span,
        }
    }
}

/// `use std.dataflows.{a, b as c};` or `use "file.dflow";`
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    pub source: UseSource,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum UseSource {
    /// `prefix` is what stands before the last dot (`std.networks` in `use std.networks.vgg16;`); it is
    /// empty in `use vgg16;`.
    Names {
        prefix: Vec<Name>,
        names: Vec<UseName>,
    },
    /// Everything of a file; the text between the quotes, escapes resolved.
    File(Spanned<String>),
}

/// `name` or `name as alias`.
#[derive(Clone, Debug, PartialEq)]
pub struct UseName {
    pub name: Name,
    pub alias: Option<Name>,
}

impl UseName {
    /// The name under which the import is known in this file.
    #[must_use]
    pub fn local(&self) -> &Name {
        self.alias.as_ref().unwrap_or(&self.name)
    }
}

/// `const T = 4;` or `Constant T 4;`
#[derive(Clone, Debug, PartialEq)]
pub struct Const {
    pub name: Name,
    pub value: Expr,
    pub span: Span,
}

/// A `Technology` or an `Accelerator`: a name (optional for an accelerator) and a generic body.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    pub name: Option<Name>,
    /// `(rows = 128, sram = 32MiB)`; a technology has none.
    pub parameters: Vec<Parameter>,
    pub body: Body,
    pub span: Span,
}

/// `Network name(S = 2048) { Layer ... }`: layers are [`Entry::Layer`]s of the body, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub name: Name,
    pub parameters: Vec<Parameter>,
    /// The word `unwired`: the layers are independent.
    pub unwired: Option<Span>,
    pub body: Body,
    pub span: Span,
}

impl Network {
    /// The layers that are written in it, those of repeats included, in source order.
    #[must_use]
    pub fn layers(&self) -> Vec<&Layer> {
        let mut found = Vec::new();
        collect_layers(&self.body, &mut found);
        found
    }
}

/// Blocks are nested only as deep as the parser allows.
fn collect_layers<'a>(body: &'a Body, found: &mut Vec<&'a Layer>) {
    for entry in &body.entries {
        match entry {
            Entry::Layer(layer) => found.push(layer),
            Entry::Repeat(repeat) => collect_layers(&repeat.body, found),
            _ => {}
        }
    }
}

/// `repeat 32 name { Layer ... }`: layers that follow one another so many times.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeat {
    /// Of the word `repeat`.
    pub keyword: Span,
    pub count: Expr,
    pub name: Name,
    pub body: Body,
    pub span: Span,
}

/// `Persistent k_cache;`: an input or the result of a layer that stays from one run to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Persistent {
    /// Of the word `Persistent`.
    pub keyword: Span,
    pub name: Path,
    pub span: Span,
}

/// `Block name: network(K = 64) Inputs: a, b`: the layers of another network.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Of the word `Block`.
    pub keyword: Span,
    pub name: Name,
    pub network: Invocation,
    /// Empty when there is no `Inputs`.
    pub inputs: Vec<Expr>,
    pub span: Span,
}

/// `Layer name { ... }`: properties, blocks such as `Dimensions { ... }`, a dataflow, a `Compute`.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    pub name: Name,
    pub body: Body,
    pub span: Span,
}

impl Layer {
    /// Every dataflow given in the body (more than one is a mistake that the tree can hold).
    pub fn dataflows(&self) -> impl Iterator<Item = &LayerDataflow> {
        self.body.entries.iter().filter_map(|entry| match entry {
            Entry::Dataflow(dataflow) => Some(dataflow),
            _ => None,
        })
    }

    /// Every `Compute` statement of the body.
    pub fn computes(&self) -> impl Iterator<Item = &Compute> {
        self.body.entries.iter().filter_map(|entry| match entry {
            Entry::Compute(compute) => Some(compute),
            _ => None,
        })
    }
}

/// What stands between braces where keys are free. The span includes the braces.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    pub entries: Vec<Entry>,
    pub span: Span,
}

impl Body {
    /// All `key: ...` entries, in order.
    pub fn properties(&self) -> impl Iterator<Item = &Property> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Property(property) => Some(property),
            _ => None,
        })
    }

    /// All blocks, in order.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Block(block) => Some(block),
            _ => None,
        })
    }

    /// Whether a statement of this body (not of a block in it) could not be read: what seems to be missing may
    /// have been in it, and was reported.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| matches!(entry, Entry::Error(_)))
    }

    /// All words that stand alone, such as `DoubleBuffered`.
    pub fn flags(&self) -> impl Iterator<Item = &Name> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Flag(name) => Some(name),
            _ => None,
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    Property(Property),
    /// A word alone: `DoubleBuffered`, `extrapolate`.
    Flag(Name),
    Block(Block),
    Layer(Layer),
    Repeat(Repeat),
    Instance(Instance),
    Persistent(Persistent),
    Dataflow(LayerDataflow),
    Compute(Compute),
    Error(Span),
}

impl Entry {
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Property(node) => node.span,
            Self::Flag(name) => name.span,
            Self::Block(node) => node.span,
            Self::Layer(node) => node.span,
            Self::Repeat(node) => node.span,
            Self::Instance(node) => node.span,
            Self::Persistent(node) => node.span,
            Self::Dataflow(node) => node.span,
            Self::Compute(node) => node.span,
            Self::Error(span) => *span,
        }
    }
}

/// `key: value, value` or, in a technology, `read(SRAM, 64KiB): 9.99pJ`.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    pub key: Name,
    /// What stands in parentheses after the key; empty when there are none.
    pub arguments: Vec<Argument>,
    /// Never empty; more than one for comma lists (`Holds: Input, Output`).
    pub values: Vec<Expr>,
    pub span: Span,
}

/// `Kind name { ... }`; the name may be absent.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    pub kind: Name,
    pub name: Option<Name>,
    pub body: Body,
    pub span: Span,
}

/// `Dataflow: name(args);`, `Dataflow: { ... }` or `Dataflow { ... }` in a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerDataflow {
    /// Of the word `Dataflow`.
    pub keyword: Span,
    pub dataflow: DataflowUse,
    pub span: Span,
}

/// `Compute: S[b,m,n] += Q[b,m,e] * K[b,n,e];`
#[derive(Clone, Debug, PartialEq)]
pub struct Compute {
    /// Of the word `Compute`.
    pub keyword: Span,
    /// The left side, an [`ExprKind::Index`] if the user wrote what is meant.
    pub target: Expr,
    pub combine: Combine,
    pub value: Expr,
    pub span: Span,
}

/// What becomes of the values that are computed for one element of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// `=`: there is one.
    Assign,
    /// `+=`
    Sum,
    /// `max=`
    Max,
    /// `min=`
    Min,
}

impl Combine {
    /// As it is written.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Combine::Assign => "=",
            Combine::Sum => "+=",
            Combine::Max => "max=",
            Combine::Min => "min=",
        }
    }
}

/// Which dataflow: by name or written in place.
#[derive(Clone, Debug, PartialEq)]
pub enum DataflowUse {
    Named(Invocation),
    Inline(DataflowBody),
}

impl DataflowUse {
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Named(invocation) => invocation.span,
            Self::Inline(body) => body.span,
        }
    }
}

/// `nvdla(c_tile = 3)`; without parentheses there are no arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation {
    pub path: Path,
    pub arguments: Vec<Argument>,
    pub span: Span,
}

/// `3` or `c_tile = 3`.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    pub name: Option<Name>,
    pub value: Expr,
    pub span: Span,
}

/// `Dataflow name(p = 3, q) on accelerator { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Dataflow {
    pub name: Name,
    pub parameters: Vec<Parameter>,
    pub on: Option<Path>,
    pub body: DataflowBody,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    pub name: Name,
    pub default: Option<Expr>,
    pub span: Span,
}

/// Directives, outermost first. The span includes the braces.
#[derive(Clone, Debug, PartialEq)]
pub struct DataflowBody {
    pub directives: Vec<Directive>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Directive {
    pub kind: DirectiveKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum DirectiveKind {
    /// `TemporalMap(size, offset) D`
    TemporalMap {
        size: Expr,
        offset: Expr,
        dim: Name,
    },
    /// `SpatialMap(size, offset) D`
    SpatialMap {
        size: Expr,
        offset: Expr,
        dim: Name,
    },
    /// `Cluster(n)`, `Cluster(n, L)`, `Cluster(n, P)`
    Cluster {
        size: Expr,
        kind: Option<Spanned<ClusterKind>>,
    },
    /// `at M { ... }`
    At {
        memory: Name,
        loops: DataflowBody,
    },
    /// `tile D by n`
    Tile {
        dim: Name,
        size: Expr,
    },
    /// `spread D by n over A` or `over A[axis]`
    Spread {
        dim: Name,
        size: Expr,
        array: Name,
        axis: Option<Expr>,
    },
    /// `retain T, T in M`
    Retain {
        tensors: Vec<Path>,
        memory: Name,
    },
    /// `Schedule: XYZiZo`, or its loops from the outermost on: `Schedule: Zo Zi Y X`
    Schedule {
        words: Vec<Name>,
    },
    /// `bypass T, T in M`
    Bypass {
        tensors: Vec<Path>,
        memory: Name,
    },
    /// `let n = e`
    Let {
        name: Name,
        value: Expr,
    },
    Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterKind {
    Logical,
    Physical,
}

/// `Map network(S = 1) on accelerator(rows = 64) as name { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    pub network: Invocation,
    pub accelerator: Invocation,
    /// Behind `as`.
    pub name: Option<Name>,
    pub entries: Vec<MapEntry>,
    pub span: Span,
}

impl Map {
    /// What is mapped on what, and its name.
    #[must_use]
    pub fn head(&self) -> Span {
        let end = self
            .name
            .as_ref()
            .map_or(self.accelerator.span, |name| name.span);
        self.network.span.join(end)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum MapEntry {
    /// `default: d;` (no types) or `default POOL, ADD: d;`
    Default {
        types: Vec<Name>,
        dataflow: DataflowUse,
        /// Behind `on`; only a dataflow with a name has one.
        array: Option<Name>,
        span: Span,
    },
    /// `conv1: d;`, also `conv1, conv2: d;`; never without a name.
    Layers {
        layers: Vec<Name>,
        dataflow: DataflowUse,
        /// Behind `on`.
        array: Option<Name>,
        span: Span,
    },
    Fuse(Fuse),
    Error(Span),
}

/// An expression or value.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
    /// Height of the tree, kept at most [`MAX_HEIGHT`] by [`Expr::new`]'s caller, the parser.
    height: u16,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `64`, `0.96`, `64KiB`: exact, with the unit as written.
    Number(Number),
    /// `"text"`, escapes resolved.
    String(String),
    /// `K`, `INT8`, `true`, `std.technology.eyeriss65`
    Path(Path),
    /// `min(a, b)`, `Sz(R)`, `nvdla(c_tile = 3)`
    Call {
        function: Path,
        arguments: Vec<Argument>,
    },
    /// `Q[b, m, e]`
    Index {
        base: Name,
        indices: Vec<Expr>,
    },
    /// `-e`
    Negate(Box<Expr>),
    Binary {
        op: Spanned<BinaryOp>,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `a <= b`: as the condition of `if` only.
    Compare {
        op: Spanned<CompareOp>,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `upto 64`: as a size only.
    UpTo(Box<Expr>),
    /// `[12, 14]`
    List(Vec<Expr>),
    /// `(0, 1)`: always at least two elements.
    Tuple(Vec<Expr>),
    Error,
}

impl Expr {
    /// Every name in it that is no call and has no dot, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.add_names(&mut names);
        names
    }

    /// Trees are only [`MAX_HEIGHT`] high.
    fn add_names<'a>(&'a self, names: &mut Vec<&'a str>) {
        match &self.kind {
            ExprKind::Path(_) => names.extend(self.as_name().map(Name::as_str)),
            ExprKind::Call { arguments, .. } => {
                for argument in arguments {
                    argument.value.add_names(names);
                }
            }
            ExprKind::Negate(inner) | ExprKind::UpTo(inner) => inner.add_names(names),
            ExprKind::Binary { left, right, .. } | ExprKind::Compare { left, right, .. } => {
                left.add_names(names);
                right.add_names(names);
            }
            ExprKind::List(all) | ExprKind::Tuple(all) | ExprKind::Index { indices: all, .. } => {
                all.iter().for_each(|inner| inner.add_names(names));
            }
            ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Error => {}
        }
    }

    #[must_use]
    pub fn new(kind: ExprKind, span: Span) -> Self {
        let height = if kind.is_leaf() {
            0
        } else {
            1u16.saturating_add(kind.max_child_height())
        };
        Self { kind, span, height }
    }

    #[must_use]
    pub fn height(&self) -> u16 {
        self.height
    }

    /// The name, if the expression is one plain name.
    #[must_use]
    pub fn as_name(&self) -> Option<&Name> {
        match &self.kind {
            ExprKind::Path(path) => path.as_name(),
            _ => None,
        }
    }

    /// A name with its arguments, of which there may be none: `edp`, `traffic(DRAM)`.
    #[must_use]
    pub fn as_call(&self) -> Option<(&Path, &[Argument])> {
        match &self.kind {
            ExprKind::Path(path) => Some((path, &[])),
            ExprKind::Call {
                function,
                arguments,
            } => Some((function, arguments)),
            _ => None,
        }
    }
}

impl ExprKind {
    fn is_leaf(&self) -> bool {
        matches!(
            self,
            Self::Number(_) | Self::String(_) | Self::Path(_) | Self::Error
        )
    }

    fn max_child_height(&self) -> u16 {
        let highest = |items: &[Expr]| items.iter().map(Expr::height).max().unwrap_or(0);
        match self {
            Self::Number(_) | Self::String(_) | Self::Path(_) | Self::Error => 0,
            Self::Call { arguments, .. } => arguments
                .iter()
                .map(|argument| argument.value.height())
                .max()
                .unwrap_or(0),
            Self::Index { indices, .. } => highest(indices),
            Self::Negate(inner) | Self::UpTo(inner) => inner.height(),
            Self::Binary { left, right, .. } | Self::Compare { left, right, .. } => {
                left.height().max(right.height())
            }
            Self::List(items) | Self::Tuple(items) => highest(items),
        }
    }
}

/// A number literal with its unit, if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    pub value: Decimal,
    pub unit: Option<Unit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl BinaryOp {
    /// The sign, as written.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareOp {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl CompareOp {
    /// The sign, as written.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }

    /// Whether it holds between two values that compare so.
    #[must_use]
    pub fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterEqual => ordering.is_ge(),
        }
    }
}
