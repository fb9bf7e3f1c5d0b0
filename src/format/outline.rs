//! Which pieces are a statement, and which statement has which block.
//!
//! ```text
//! Array PE { Shape: [4]; /* c */ NoC { } }      statement, head `Array PE`, block of
//!                                                 statement `Shape: [4]` ended by `;`
//!                                                 comment
//!                                                 statement, head `NoC`, empty block
//! ```
//!
//! The tree knows where statements begin and whether they have blocks; nothing else is taken from it. What
//! belongs to a statement is everything up to the next one, so that no token can be lost here: separators that
//! mean nothing (`;;`) are the only ones that no element has.

use super::pieces::Piece;
use crate::syntax::ast::{
    Body, DataflowBody, DataflowUse, DirectiveKind, Entry, File, FuseBody, FuseStatementKind, Item,
    MapEntry, SearchEntry, SpaceBody, SpaceStatementKind, StageEntry,
};
use crate::syntax::token::Token;
use std::ops::Range;

/// What stands in a block, or in a file.
#[derive(Debug)]
pub enum Element {
    Statement(Statement),
    /// Index of the piece.
    Comment(usize),
}

#[derive(Debug)]
pub struct Statement {
    /// Pieces without the block and the separator.
    pub head: Range<usize>,
    pub tail: Tail,
    /// Never beside another statement, nor in a block of one line.
    pub alone: bool,
}

#[derive(Debug)]
pub enum Tail {
    Block(Block),
    /// The sign that ends it, if there is one.
    Separator(Option<Sign>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    Semicolon,
    Comma,
}

impl Sign {
    pub fn text(self) -> &'static str {
        match self {
            Self::Semicolon => ";",
            Self::Comma => ",",
        }
    }
}

/// `{ ... }`
#[derive(Debug)]
pub struct Block {
    /// Piece of the `{`.
    pub open: usize,
    /// Piece of the `}`.
    pub close: usize,
    pub elements: Vec<Element>,
    /// A short list of `key: value` of a layer, such as `Dimensions`: one line whenever it fits.
    pub joins: bool,
}

/// What the tree says of a statement.
struct Sketch {
    lo: u32,
    alone: bool,
    /// The statements of its block.
    block: Option<Vec<Sketch>>,
    joins: bool,
}

impl Sketch {
    fn plain(lo: u32) -> Sketch {
        Sketch {
            lo,
            alone: false,
            block: None,
            joins: false,
        }
    }

    fn with(lo: u32, block: Vec<Sketch>) -> Sketch {
        Sketch {
            block: Some(block),
            ..Sketch::plain(lo)
        }
    }

    fn alone(self) -> Sketch {
        Sketch {
            alone: true,
            ..self
        }
    }
}

/// The elements of a file.
pub fn outline(file: &File, pieces: &[Piece<'_>]) -> Vec<Element> {
    let sketches: Vec<Sketch> = file.items.iter().map(|node| item(node).alone()).collect();
    let finder = Finder {
        pieces,
        closing: closing_braces(pieces),
    };
    finder.elements(&sketches, 0..pieces.len())
}

// The tree -------------------------------------------------------------------------------------------

fn item(node: &Item) -> Sketch {
    let lo = node.span().lo();
    match node {
        Item::Use(_) | Item::Const(_) | Item::Error(_) => Sketch::plain(lo),
        Item::Technology(node) | Item::Accelerator(node) => {
            Sketch::with(lo, entries(&node.body, false))
        }
        Item::Network(node) => Sketch::with(lo, entries(&node.body, false)),
        Item::Dataflow(node) => Sketch::with(lo, directives(&node.body)),
        Item::Map(node) => Sketch::with(lo, node.entries.iter().map(map_entry).collect()),
        Item::Search(node) | Item::Explore(node) => {
            Sketch::with(lo, node.entries.iter().map(search_entry).collect())
        }
    }
}

fn entries(body: &Body, in_layer: bool) -> Vec<Sketch> {
    let sketch = |node: &Entry| {
        let lo = node.span().lo();
        match node {
            Entry::Property(_)
            | Entry::Flag(_)
            | Entry::Persistent(_)
            | Entry::Compute(_)
            | Entry::Error(_) => Sketch::plain(lo),
            Entry::Block(node) => Sketch {
                joins: in_layer && is_short_list(&node.body),
                ..Sketch::with(lo, entries(&node.body, false))
            },
            Entry::Layer(node) => Sketch::with(lo, entries(&node.body, true)).alone(),
            Entry::Repeat(node) => Sketch::with(lo, entries(&node.body, false)).alone(),
            Entry::Instance(_) => Sketch::plain(lo).alone(),
            Entry::Dataflow(node) => dataflow(lo, Some(&node.dataflow)),
        }
    };
    body.entries.iter().map(sketch).collect()
}

fn is_short_list(body: &Body) -> bool {
    let is_pair = |node: &Entry| matches!(node, Entry::Property(node) if node.values.len() == 1);
    body.entries.iter().all(is_pair)
}

fn dataflow(lo: u32, used: Option<&DataflowUse>) -> Sketch {
    match used {
        Some(DataflowUse::Inline(body)) => Sketch::with(lo, directives(body)),
        Some(DataflowUse::Named(_)) | None => Sketch::plain(lo),
    }
}

fn directives(body: &DataflowBody) -> Vec<Sketch> {
    let sketch = |node: &crate::syntax::ast::Directive| match &node.kind {
        DirectiveKind::At { loops, .. } => Sketch::with(node.span.lo(), directives(loops)),
        _ => Sketch::plain(node.span.lo()),
    };
    body.directives.iter().map(sketch).collect()
}

fn map_entry(node: &MapEntry) -> Sketch {
    match node {
        MapEntry::Default {
            dataflow: used,
            span,
            ..
        }
        | MapEntry::Layers {
            dataflow: used,
            span,
            ..
        } => dataflow(span.lo(), Some(used)),
        MapEntry::Fuse(node) => Sketch::with(node.span.lo(), fused(&node.body)).alone(),
        MapEntry::Error(span) => Sketch::plain(span.lo()),
    }
}

fn search_entry(node: &SearchEntry) -> Sketch {
    let lo = node.span().lo();
    match node {
        SearchEntry::Space(node) => match &node.body {
            Some(body) => Sketch::with(lo, space(body)),
            None => Sketch::plain(lo),
        },
        SearchEntry::Where(node) => {
            let conditions = node.conditions.iter();
            Sketch::with(
                lo,
                conditions
                    .map(|condition| Sketch::plain(condition.span().lo()))
                    .collect(),
            )
        }
        SearchEntry::Property(_) | SearchEntry::Vary(_) | SearchEntry::Error(_) => {
            Sketch::plain(lo)
        }
    }
}

fn space(body: &SpaceBody) -> Vec<Sketch> {
    let sketch = |node: &crate::syntax::ast::SpaceStatement| match &node.kind {
        SpaceStatementKind::At { body, .. } => Sketch::with(node.span.lo(), space(body)),
        _ => Sketch::plain(node.span.lo()),
    };
    body.statements.iter().map(sketch).collect()
}

fn fused(body: &FuseBody) -> Vec<Sketch> {
    let sketch = |node: &crate::syntax::ast::FuseStatement| {
        let lo = node.span.lo();
        match &node.kind {
            FuseStatementKind::Tile { body, .. } => Sketch::with(lo, fused(body)),
            FuseStatementKind::Stages(stages) => {
                Sketch::with(lo, stages.entries.iter().map(stage).collect())
            }
            _ => Sketch::plain(lo),
        }
    };
    body.statements.iter().map(sketch).collect()
}

fn stage(node: &StageEntry) -> Sketch {
    match node {
        StageEntry::Run(node) => dataflow(node.span.lo(), node.dataflow.as_ref()),
        StageEntry::Error(span) => Sketch::plain(span.lo()),
    }
}

// The pieces -----------------------------------------------------------------------------------------

/// For every `{` the index of its `}`.
fn closing_braces(pieces: &[Piece<'_>]) -> Vec<usize> {
    let mut closing = vec![0; pieces.len()];
    let mut open = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        if piece.is(Token::LeftBrace) {
            open.push(index);
        } else if piece.is(Token::RightBrace)
            && let Some(before) = open.pop()
            && let Some(slot) = closing.get_mut(before)
        {
            *slot = index;
        }
    }
    closing
}

struct Finder<'a> {
    pieces: &'a [Piece<'a>],
    closing: Vec<usize>,
}

impl Finder<'_> {
    /// What stands in a range of pieces, given the statements in it.
    fn elements(&self, sketches: &[Sketch], range: Range<usize>) -> Vec<Element> {
        let mut starts: Vec<usize> = Vec::with_capacity(sketches.len() + 1);
        for sketch in sketches {
            let floor = starts.last().map_or(range.start, |last| last + 1);
            starts.push(self.start_of(sketch, floor).min(range.end));
        }
        starts.push(range.end);
        let mut elements = Vec::new();
        let first = starts.first().copied().unwrap_or(range.end);
        self.comments(range.start..first, &mut elements);
        for (sketch, bounds) in sketches.iter().zip(starts.windows(2)) {
            if let [start, end] = *bounds {
                self.statement(sketch, start..end, &mut elements);
            }
        }
        elements
    }

    /// The first piece of a statement, not before `floor`.
    fn start_of(&self, sketch: &Sketch, floor: usize) -> usize {
        let mut start = self.pieces.partition_point(|piece| piece.lo < sketch.lo);
        // A name in parentheses is that name, also to the tree: `(DoubleBuffered)`. No statement ends in one.
        while let Some(before) = start.checked_sub(1)
            && before >= floor
            && let Some(piece) = self.pieces.get(before)
            && piece.is(Token::LeftParen)
        {
            start = before;
        }
        start.max(floor)
    }

    fn comments(&self, range: Range<usize>, elements: &mut Vec<Element>) {
        let comments = range.filter(|&index| self.is(index, |piece| piece.is_comment()));
        elements.extend(comments.map(Element::Comment));
    }

    fn is(&self, index: usize, test: impl Fn(&Piece<'_>) -> bool) -> bool {
        self.pieces.get(index).is_some_and(test)
    }

    /// A statement and the comments behind it, which together are the pieces of `range`.
    fn statement(&self, sketch: &Sketch, range: Range<usize>, elements: &mut Vec<Element>) {
        let (head, tail, rest) = match &sketch.block {
            Some(inner) => self.with_block(inner, sketch.joins, range),
            None => self.without_block(range),
        };
        elements.push(Element::Statement(Statement {
            head,
            tail,
            alone: sketch.alone,
        }));
        self.comments(rest, elements);
    }

    fn with_block(
        &self,
        inner: &[Sketch],
        joins: bool,
        range: Range<usize>,
    ) -> (Range<usize>, Tail, Range<usize>) {
        let brace = |index: &usize| self.is(*index, |piece| piece.is(Token::LeftBrace));
        let Some(open) = range.clone().find(brace) else {
            return self.without_block(range);
        };
        let close = self.closing.get(open).copied().unwrap_or(open).max(open);
        // Comments before the brace stay there if the brace can follow them on the same line.
        let mut end = open;
        while end > range.start && self.is(end - 1, |piece| piece.is_comment()) {
            end -= 1;
        }
        if !(end..open).any(|index| self.is(index, |piece| piece.ends_line())) {
            end = open;
        }
        let mut elements: Vec<Element> = (end..open).map(Element::Comment).collect();
        elements.extend(self.elements(inner, open + 1..close));
        let block = Block {
            open,
            close,
            elements,
            joins,
        };
        (
            range.start..end,
            Tail::Block(block),
            close + 1..range.end.max(close + 1),
        )
    }

    fn without_block(&self, range: Range<usize>) -> (Range<usize>, Tail, Range<usize>) {
        let is_content =
            |index: &usize| self.is(*index, |piece| !piece.is_separator() && !piece.is_comment());
        let end = range
            .clone()
            .rev()
            .find(is_content)
            .map_or(range.start, |last| last + 1);
        // Of several signs in a row a `;` says as much as a comma, as no value follows.
        let has =
            |sign: Token<'_>| (end..range.end).any(|index| self.is(index, |piece| piece.is(sign)));
        let sign = match () {
            () if has(Token::Semicolon) => Some(Sign::Semicolon),
            () if has(Token::Comma) => Some(Sign::Comma),
            () => None,
        };
        (range.start..end, Tail::Separator(sign), end..range.end)
    }
}
