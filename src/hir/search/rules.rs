//! `space { ... }`: a dataflow with holes, statement by statement.
//!
//! ```text
//! at DRAM { order K, C; tile K by {16, 32}; tile * by divisors; }
//! spread {K, C} by any over PE[0];   retain Weight in RF;   tiles: imperfect;
//! ```
//!
//! An `at` block with a `tile` in it says all the loops over the tiles of that memory; a memory without a block has
//! any loops, and so has an axis that no `spread` names.

use super::super::error::HirError;
use super::super::scope::Context;
use super::super::{Accelerator, Word};
use super::{Keep, Pieces, Rule, RuleKind, Space, named, target, twice, whole, wrong};
use crate::base::Span;
use crate::diag::suggest::nearest;
use crate::syntax::ast::{self, Dims, ExprKind, Name, SpaceStatement, SpaceStatementKind, Tensors};
use crate::syntax::print::print_expr;
use std::collections::BTreeMap;

/// Keys of a space.
pub(super) const KEYS: [&str; 3] = ["tiles", "orders", "places"];
/// More sizes than anybody writes: bounds the work of every later stage.
const MAX_SIZES: u64 = 4096;

struct Collector<'a> {
    hardware: &'a Accelerator,
    space: Space,
    /// Keys and memories with a block, and where.
    seen: BTreeMap<String, Span>,
}

/// The space; what is wrong has been reported.
pub(super) fn collect(cx: &mut Context<'_>, hardware: &Accelerator, node: &ast::Space) -> Space {
    let mut collector = Collector {
        hardware,
        space: Space {
            span: Some(node.span),
            ..Space::default()
        },
        seen: BTreeMap::new(),
    };
    match (&node.named, &node.body) {
        // All of it is evaluated: `own` has it.
        (Some(name), None) if super::own::is_closed(name) => {}
        (Some(name), body) => {
            let statements = body.as_ref().map_or(&[][..], |body| &body.statements);
            collector.space.named = named::collect(cx, name, statements);
        }
        (None, Some(body)) => {
            for statement in &body.statements {
                collector.statement(cx, statement);
            }
        }
        (None, None) => {}
    }
    collector.space
}

impl Collector<'_> {
    fn push(&mut self, kind: RuleKind, span: Span) {
        self.space.rules.push(Rule { kind, span });
    }

    fn statement(&mut self, cx: &mut Context<'_>, statement: &SpaceStatement) {
        let span = statement.span;
        match &statement.kind {
            SpaceStatementKind::Error => cx.fail_silently(),
            SpaceStatementKind::At { memory, body } => self.at(cx, memory, &body.statements),
            SpaceStatementKind::Order { .. } | SpaceStatementKind::Tile { .. } => {
                cx.error(HirError::WrongKind {
                    expected: "a memory around it, as in `at DRAM { tile K by any; }`".to_owned(),
                    found: "loops that are over the tiles of none".to_owned(),
                    span,
                });
            }
            SpaceStatementKind::Spread {
                dims,
                pieces,
                array,
                axis,
            } => self.spread(cx, dims, pieces, (array, axis.as_ref()), span),
            SpaceStatementKind::Retain { tensors, memory } => {
                if memory.value == "any" {
                    let tensors = words(tensors);
                    let keep = Keep::Either;
                    self.push(
                        RuleKind::Keep {
                            tensors,
                            memory: None,
                            keep,
                        },
                        span,
                    );
                } else {
                    self.keep(cx, tensors, memory, Keep::Held, span);
                }
            }
            SpaceStatementKind::Bypass { tensors, memory } => {
                self.keep(cx, tensors, memory, Keep::Bypassed, span);
            }
            SpaceStatementKind::Property { key, pieces } => self.property(cx, key, pieces),
        }
    }

    fn at(&mut self, cx: &mut Context<'_>, memory: &Name, statements: &[SpaceStatement]) {
        let Some(at) = target::memory(cx, self.hardware, memory) else {
            return;
        };
        if let Some(&first) = self.seen.get(memory.as_str()) {
            return twice(cx, memory.as_str(), memory.span, first);
        }
        self.seen.insert(memory.value.clone(), memory.span);
        let memories = &self.hardware.memories;
        let inside =
            memories.last().map_or(0, |last| last.arrays_above) < self.hardware.arrays.len();
        let innermost = memories.last().map(|last| last.level) == memories.get(at).map(|m| m.level);
        if innermost && !inside {
            cx.error(HirError::Unavailable {
                what: format!("a loop over the tiles of `{memory}`, the innermost memory,"),
                span: memory.span,
            });
            return;
        }
        let mut dims: BTreeMap<&str, Span> = BTreeMap::new();
        for statement in statements {
            match &statement.kind {
                SpaceStatementKind::Error => cx.fail_silently(),
                SpaceStatementKind::Order { dims } => {
                    let dims = dims.iter().map(word).collect();
                    self.push(RuleKind::Order { memory: at, dims }, statement.span);
                }
                SpaceStatementKind::Tile { dims: of, pieces } => {
                    let (name, place, dim) = match of {
                        Dims::All(span) => ("*", *span, None),
                        Dims::One(name) => (name.as_str(), name.span, Some(word(name))),
                    };
                    if let Some(first) = dims.insert(name, place) {
                        twice(cx, name, place, first);
                        continue;
                    }
                    let pieces = match pieces {
                        None => Some(Pieces::Any),
                        Some(pieces) => sizes(cx, pieces),
                    };
                    if let Some(pieces) = pieces {
                        let memory = at;
                        self.push(
                            RuleKind::Tile {
                                memory,
                                dim,
                                pieces,
                            },
                            statement.span,
                        );
                    }
                }
                _ => cx.error(HirError::WrongKind {
                    expected: "`order` and `tile` in an `at` block".to_owned(),
                    found: "a statement that stands outside of them".to_owned(),
                    span: statement.span,
                }),
            }
        }
    }

    fn spread(
        &mut self,
        cx: &mut Context<'_>,
        dims: &[Name],
        pieces: &ast::Pieces,
        (array, axis): (&Name, Option<&ast::Expr>),
        span: Span,
    ) {
        let Some(at) = target::array(cx, self.hardware, array) else {
            return;
        };
        let axes = self
            .hardware
            .arrays
            .get(at)
            .map_or(1, |known| known.shape.len());
        let axis = match axis {
            Some(expr) => match whole(cx, expr, 0).map(usize::try_from) {
                Some(Ok(axis)) if axis < axes => axis,
                Some(_) => {
                    return cx.error(HirError::WrongKind {
                        expected: format!("an axis of `{array}`, which has {axes}"),
                        found: print_expr(expr),
                        span: expr.span,
                    });
                }
                None => return,
            },
            None if axes == 1 => 0,
            None => {
                return cx.error(HirError::WrongKind {
                    expected: format!("an axis of `{array}`, which has {axes}: `{array}[0]`"),
                    found: "none".to_owned(),
                    span: array.span,
                });
            }
        };
        if self.beside(at) {
            return cx.error(HirError::Unavailable {
                what: format!("a spread over `{array}`, which lies beside the array of the layer,"),
                span: array.span,
            });
        }
        if dims.is_empty() {
            return cx.error(HirError::WrongKind {
                expected: "the dimensions of which one is spread".to_owned(),
                found: "none".to_owned(),
                span,
            });
        }
        if let Some(pieces) = sizes(cx, pieces) {
            let dims = dims.iter().map(word).collect();
            let array = at;
            self.push(
                RuleKind::Spread {
                    array,
                    axis,
                    dims,
                    pieces,
                },
                span,
            );
        }
    }

    /// Of arrays side by side a layer runs on the first.
    fn beside(&self, array: usize) -> bool {
        let arrays = &self.hardware.arrays;
        let before = array.checked_sub(1).and_then(|before| arrays.get(before));
        before.is_some_and(|before| {
            arrays
                .get(array)
                .is_some_and(|own| own.level == before.level)
        })
    }

    fn keep(
        &mut self,
        cx: &mut Context<'_>,
        tensors: &Tensors,
        memory: &Name,
        keep: Keep,
        span: Span,
    ) {
        let Some(at) = target::memory(cx, self.hardware, memory) else {
            return;
        };
        if self.hardware.memories.get(at).is_some_and(|m| m.level == 0) {
            return cx.error(HirError::Unavailable {
                what: format!("a choice of what `{memory}` holds, which holds everything,"),
                span: memory.span,
            });
        }
        let tensors = words(tensors);
        let memory = Some(at);
        self.push(
            RuleKind::Keep {
                tensors,
                memory,
                keep,
            },
            span,
        );
    }

    fn property(&mut self, cx: &mut Context<'_>, key: &Name, pieces: &ast::Pieces) {
        let known: &[&str] = match key.as_str() {
            "tiles" => &["perfect", "imperfect"],
            "orders" => &["dominant", "all"],
            "places" => &["together", "apart"],
            _ => {
                return cx.error(HirError::UnknownKey {
                    what: "key",
                    key: key.value.clone(),
                    owner: "a space".to_owned(),
                    span: key.span,
                    suggestion: nearest(key.as_str(), KEYS).map(str::to_owned),
                    known: KEYS.map(str::to_owned).to_vec(),
                });
            }
        };
        if let Some(&first) = self.seen.get(key.as_str()) {
            return twice(cx, key.as_str(), key.span, first);
        }
        self.seen.insert(key.value.clone(), key.span);
        let value = match pieces {
            ast::Pieces::One(expr) => expr.as_name(),
            _ => None,
        };
        let Some(value) = value else {
            return cx.error(HirError::WrongKind {
                expected: format!("`{}`", known.join("` or `")),
                found: super::describe(pieces),
                span: pieces.span(),
            });
        };
        let second = match known.iter().position(|known| *known == value.as_str()) {
            Some(at) => at == 1,
            None => {
                return cx.error(HirError::UnknownName {
                    expected: "way to search",
                    name: value.value.clone(),
                    span: value.span,
                    suggestion: nearest(value.as_str(), known.iter().copied()).map(str::to_owned),
                    found: None,
                });
            }
        };
        match key.as_str() {
            "tiles" => self.space.imperfect = second,
            "orders" => self.space.all_orders = second,
            _ => self.space.apart = second,
        }
    }
}

fn word(name: &Name) -> Word {
    Word {
        text: name.value.clone(),
        span: name.span,
    }
}

/// `None` for all.
fn words(tensors: &Tensors) -> Option<Vec<Word>> {
    match tensors {
        Tensors::All(_) => None,
        Tensors::These(paths) => {
            let word = |path: &ast::Path| Word {
                text: path.to_string(),
                span: path.span,
            };
            Some(paths.iter().map(word).collect())
        }
    }
}

/// `any`, `divisors`, `16`, `{16, 32}`, `1..64`, `powers(2, 1, 64)`
pub(super) fn sizes(cx: &mut Context<'_>, pieces: &ast::Pieces) -> Option<Pieces> {
    let mut found = match pieces {
        ast::Pieces::One(expr) => match &expr.kind {
            ExprKind::Path(path) if path.to_string() == "any" => return Some(Pieces::Any),
            ExprKind::Path(path) if path.to_string() == "divisors" => {
                return Some(Pieces::Divisors);
            }
            ExprKind::Call {
                function,
                arguments,
            } if function.to_string() == "powers" => powers(cx, expr, arguments)?,
            ExprKind::UpTo(_) => {
                cx.error(HirError::Unavailable {
                    what: "`upto` in a space".to_owned(),
                    span: expr.span,
                });
                return None;
            }
            _ => vec![whole(cx, expr, 1)?],
        },
        ast::Pieces::Set { sizes, span } => {
            let mut found = Vec::with_capacity(sizes.len());
            for size in sizes {
                found.push(whole(cx, size, 1)?);
            }
            if found.is_empty() {
                return too(cx, "at least one size", "none".to_owned(), *span);
            }
            found
        }
        ast::Pieces::Range { from, to, span } => {
            let (from, to) = (whole(cx, from, 1)?, whole(cx, to, 1)?);
            if to < from {
                return too(cx, "a range upwards", format!("{from}..{to}"), *span);
            }
            if to - from >= MAX_SIZES {
                let most = format!("at most {MAX_SIZES} sizes");
                return too(cx, &most, format!("{}", to - from + 1), *span);
            }
            (from..=to).collect()
        }
    };
    found.sort_unstable();
    found.dedup();
    Some(Pieces::Sizes(found))
}

fn too<T>(cx: &mut Context<'_>, expected: &str, found: String, span: Span) -> Option<T> {
    cx.error(HirError::WrongKind {
        expected: expected.to_owned(),
        found,
        span,
    });
    None
}

/// `powers(2, 1, 64)`: 1, 2, 4, ... 64.
fn powers(cx: &mut Context<'_>, expr: &ast::Expr, arguments: &[ast::Argument]) -> Option<Vec<u64>> {
    let [base, from, to] = arguments else {
        wrong(cx, "a base and two ends: `powers(2, 1, 64)`", expr);
        return None;
    };
    let base = whole(cx, &base.value, 2)?;
    let from = whole(cx, &from.value, 1)?;
    let to = whole(cx, &to.value, 1)?;
    let mut found = Vec::new();
    let mut next = Some(from);
    while let Some(size) = next.filter(|&size| size <= to) {
        found.push(size);
        next = size.checked_mul(base);
    }
    if found.is_empty() {
        return too(cx, "a range upwards", format!("{from} to {to}"), expr.span);
    }
    Some(found)
}
