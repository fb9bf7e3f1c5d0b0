//! What the grammar's actions do: spans, and the checks that a grammar words badly.
//!
//! Example: in `Memory GLB { Holds: Input, Output; DoubleBuffered }` the grammar reads the segments
//! `Holds: Input` `,` `Output` `;` `DoubleBuffered`. A bare value behind a comma belongs to the property
//! before it, a bare word anywhere else is a flag.

use super::ast::{
    Argument, BinaryOp, Body, ClusterKind, Combine, Compute, DataflowUse, Entry, Expr, ExprKind,
    Invocation, LayerDataflow, MAX_HEIGHT, MapEntry, Name, Number, Path, Property, Run, StageEntry,
    UseName, UseSource,
};
use super::error::SyntaxError;
use super::lexer::{split_number, unquote};
use crate::base::{Decimal, FileId, Span, Spanned, Unit};

/// Makes nodes of one file and collects what is wrong with them.
#[derive(Debug)]
pub struct Builder {
    file: FileId,
    errors: Vec<SyntaxError>,
    too_high: bool,
}

/// What stands between two separators of a generic body.
#[derive(Debug)]
pub enum Segment {
    Entry(Entry),
    Value(Expr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    Semicolon,
    Comma,
}

/// What stands behind the colon of a property.
#[derive(Debug)]
pub enum Value {
    Plain(Expr),
    Assign {
        target: Expr,
        combine: Combine,
        value: Expr,
    },
}

/// Where a body stands, which decides what may stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Network,
    Layer,
    Other,
}

impl Builder {
    #[must_use]
    pub fn new(file: FileId) -> Self {
        Self {
            file,
            errors: Vec::new(),
            too_high: false,
        }
    }

    /// The errors so far; the builder forgets them.
    pub fn take_errors(&mut self) -> Vec<SyntaxError> {
        self.too_high = false;
        std::mem::take(&mut self.errors)
    }

    #[must_use]
    pub fn span(&self, lo: u32, hi: u32) -> Span {
        Span::new(self.file, lo, hi.max(lo))
    }

    /// The entries alone, where separators carry no meaning.
    #[must_use]
    pub fn plain<T>(entries: Vec<(T, Option<Separator>)>) -> Vec<T> {
        entries.into_iter().map(|(entry, _)| entry).collect()
    }

    /// The name; an empty one, reported, if it is missing.
    pub fn required(&mut self, name: Option<Name>, what: &'static str, lo: u32, hi: u32) -> Name {
        let keyword = self.span(lo, hi);
        name.unwrap_or_else(|| {
            self.errors.push(SyntaxError::MissingName { keyword, what });
            Spanned::new(String::new(), keyword.end())
        })
    }

    #[must_use]
    pub fn use_path(path: Path, alias: Option<Name>) -> UseSource {
        let mut prefix = path.segments;
        let name = prefix
            .pop()
            .unwrap_or_else(|| Spanned::new(String::new(), path.span));
        UseSource::Names {
            prefix,
            names: vec![UseName { name, alias }],
        }
    }

    /// A dotted name as one.
    #[must_use]
    pub fn dotted(path: &Path) -> Name {
        Spanned::new(path.to_string(), path.span)
    }

    #[must_use]
    pub fn keyword_path(&self, text: &str, lo: u32, hi: u32) -> Path {
        let span = self.span(lo, hi);
        Path {
            segments: vec![Spanned::new(text.to_owned(), span)],
            span,
        }
    }

    #[must_use]
    pub fn string(&self, text: &str, lo: u32, hi: u32) -> Spanned<String> {
        Spanned::new(unquote(text), self.span(lo, hi))
    }

    // Bodies ------------------------------------------------------------------------------------------

    pub fn body(&mut self, segments: Vec<(Segment, Option<Separator>)>, span: Span) -> Body {
        let mut entries: Vec<Entry> = Vec::with_capacity(segments.len());
        let mut after_comma = false;
        for (segment, separator) in segments {
            match segment {
                Segment::Entry(entry) => entries.push(entry),
                Segment::Value(value) => self.bare_value(value, after_comma, &mut entries),
            }
            after_comma = separator == Some(Separator::Comma);
        }
        Body { entries, span }
    }

    fn bare_value(&mut self, value: Expr, after_comma: bool, entries: &mut Vec<Entry>) {
        match entries.last_mut() {
            Some(Entry::Property(property)) if after_comma => {
                property.span = property.span.join(value.span);
                property.values.push(value);
                return;
            }
            Some(Entry::Instance(block)) if after_comma && !block.inputs.is_empty() => {
                block.span = block.span.join(value.span);
                block.inputs.push(value);
                return;
            }
            // More of what was already reported.
            Some(Entry::Error(_)) if after_comma => return,
            _ => {}
        }
        match value.as_name() {
            Some(name) => entries.push(Entry::Flag(name.clone())),
            None => {
                let span = value.span;
                if !matches!(value.kind, ExprKind::Error) {
                    self.errors.push(SyntaxError::ValueWithoutKey { span });
                }
                entries.push(Entry::Error(span));
            }
        }
    }

    pub fn property(
        &mut self,
        head: Path,
        arguments: Option<Vec<Argument>>,
        value: Value,
        lo: u32,
        hi: u32,
    ) -> Segment {
        let span = self.span(lo, hi);
        let Some(key) = head.as_name().cloned() else {
            self.errors.push(SyntaxError::DottedKey { span: head.span });
            return Segment::Entry(Entry::Error(span));
        };
        Segment::Entry(match value {
            Value::Plain(value) => Entry::Property(Property {
                key,
                arguments: arguments.unwrap_or_default(),
                values: vec![value],
                span,
            }),
            Value::Assign {
                target,
                combine,
                value,
            } if key.value == "Compute" => Entry::Compute(Compute {
                keyword: key.span,
                target,
                combine,
                value,
                span,
            }),
            Value::Assign { target, value, .. } => {
                self.errors.push(SyntaxError::AssignmentOutsideCompute {
                    span: target.span.join(value.span),
                    key: key.value,
                });
                Entry::Error(span)
            }
        })
    }

    /// A property of a search: a word and its values.
    #[must_use]
    pub fn plain_property(&self, key: Name, values: Vec<Expr>, lo: u32, hi: u32) -> Property {
        Property {
            key,
            arguments: Vec::new(),
            values,
            span: self.span(lo, hi),
        }
    }

    /// Replaces entries that cannot stand here: layers outside networks, dataflows and `Compute` statements
    /// outside layers.
    pub fn placed(&mut self, mut body: Body, place: Place) -> Body {
        for entry in &mut body.entries {
            let (span, what, wanted) = match entry {
                Entry::Layer(layer) => (layer.span, "a layer", Place::Network),
                Entry::Repeat(node) => (node.keyword, "a `repeat`", Place::Network),
                Entry::Instance(node) => (node.keyword, "a `Block`", Place::Network),
                Entry::Persistent(node) => (node.keyword, "`Persistent`", Place::Network),
                Entry::Dataflow(dataflow) => (dataflow.keyword, "a dataflow", Place::Layer),
                Entry::Compute(compute) => (compute.keyword, "an equation", Place::Layer),
                _ => continue,
            };
            if wanted != place {
                self.errors.push(SyntaxError::Misplaced {
                    span,
                    what,
                    home: if wanted == Place::Network {
                        "a network"
                    } else {
                        "a layer"
                    },
                });
                *entry = Entry::Error(entry.span());
            }
        }
        body
    }

    // Dataflows and maps ------------------------------------------------------------------------------

    pub fn layer_dataflow(&mut self, value: Expr, lo: u32, keyword: u32, hi: u32) -> Segment {
        let span = self.span(lo, hi);
        let keyword = self.span(lo, keyword);
        Segment::Entry(match self.invocation(value) {
            Some(dataflow) => Entry::Dataflow(LayerDataflow {
                keyword,
                dataflow,
                span,
            }),
            None => Entry::Error(span),
        })
    }

    /// A dataflow by name; `None`, reported, for any other value.
    pub fn invocation(&mut self, value: Expr) -> Option<DataflowUse> {
        let span = value.span;
        let (path, arguments) = match value.kind {
            ExprKind::Path(path) => (path, Vec::new()),
            ExprKind::Call {
                function,
                arguments,
            } => (function, arguments),
            ExprKind::Error => return None,
            _ => {
                self.errors.push(SyntaxError::NotADataflow { span });
                return None;
            }
        };
        Some(DataflowUse::Named(Invocation {
            path,
            arguments,
            span,
        }))
    }

    pub fn map_entry(
        &mut self,
        (is_default, names): (bool, Vec<Name>),
        dataflow: Option<DataflowUse>,
        array: Option<Name>,
        lo: u32,
        hi: u32,
    ) -> MapEntry {
        let span = self.span(lo, hi);
        match dataflow {
            None => MapEntry::Error(span),
            Some(dataflow) if is_default => MapEntry::Default {
                types: names,
                dataflow,
                array,
                span,
            },
            Some(dataflow) => MapEntry::Layers {
                layers: names,
                dataflow,
                array,
                span,
            },
        }
    }

    /// A stage with `using`; an error node if what stands behind it was reported.
    pub fn run(
        &mut self,
        layer: Name,
        array: Option<Name>,
        dataflow: Option<DataflowUse>,
        lo: u32,
        hi: u32,
    ) -> StageEntry {
        let span = self.span(lo, hi);
        match dataflow {
            None => StageEntry::Error(span),
            Some(_) => StageEntry::Run(Run {
                layer,
                array,
                dataflow,
                span,
            }),
        }
    }

    pub fn cluster_kind(&mut self, name: Name) -> Option<Spanned<ClusterKind>> {
        let kind = match name.as_str() {
            "L" => ClusterKind::Logical,
            "P" => ClusterKind::Physical,
            _ => {
                self.errors
                    .push(SyntaxError::ClusterKind { span: name.span });
                return None;
            }
        };
        Some(Spanned::new(kind, name.span))
    }

    // Expressions -------------------------------------------------------------------------------------

    /// The expression, or [`ExprKind::Error`], reported once, when it is too high.
    pub fn expr(&mut self, kind: ExprKind, lo: u32, hi: u32) -> Expr {
        let span = self.span(lo, hi);
        let expr = Expr::new(kind, span);
        if expr.height() <= MAX_HEIGHT {
            return expr;
        }
        if !self.too_high {
            self.too_high = true;
            self.errors.push(SyntaxError::TooDeep {
                span,
                what: "expression",
                limit: usize::from(MAX_HEIGHT),
            });
        }
        Expr::new(ExprKind::Error, span)
    }

    pub fn binary(&mut self, left: Expr, op: Spanned<BinaryOp>, right: Expr) -> Expr {
        let (lo, hi) = (left.span.lo(), right.span.hi());
        let (left, right) = (Box::new(left), Box::new(right));
        self.expr(ExprKind::Binary { op, left, right }, lo, hi)
    }

    /// One expression in parentheses is itself, with the parentheses in its span; several are a tuple.
    pub fn parenthesised(&mut self, mut items: Vec<Expr>, lo: u32, hi: u32) -> Expr {
        match (items.len(), items.pop()) {
            (1, Some(mut inner)) => {
                inner.span = self.span(lo, hi);
                inner
            }
            (_, last) => {
                items.extend(last);
                self.expr(ExprKind::Tuple(items), lo, hi)
            }
        }
    }

    pub fn number(&mut self, text: &str, lo: u32, hi: u32) -> Expr {
        let (digits, unit) = split_number(text);
        let kind = match Decimal::parse(digits) {
            Some(value) => ExprKind::Number(Number {
                value,
                unit: Unit::parse(unit),
            }),
            // The lexer lets no such token pass.
            None => ExprKind::Error,
        };
        self.expr(kind, lo, hi)
    }
}
