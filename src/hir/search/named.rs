//! A space with a name: `space dmazerunner { filter: whole; }`, `space row_stationary { k_tile: 1..64; }`.
//!
//! A name that a dataflow has is that dataflow, whose parameters take the values of the block; any other one is a
//! model's, which says itself what its settings mean.

use super::super::error::HirError;
use super::super::scope::{Context, Kind};
use super::super::{Application, Expr, ExprKind, Word};
use super::rules::sizes;
use super::{Named, Pieces, Varied, twice};
use crate::diag::suggest::nearest;
use crate::syntax::ast::{self, Path, SpaceStatement, SpaceStatementKind};

/// Parameter values in all combinations that a space may have.
pub const MOST_COMBINATIONS: u64 = 1_000_000;

/// Whose space it is; `None` has been reported.
pub(super) fn collect(
    cx: &mut Context<'_>,
    name: &Path,
    statements: &[SpaceStatement],
) -> Option<Named> {
    let known = cx.known().into_iter();
    let mut dataflows = known.filter(|(kind, ..)| *kind == Kind::Dataflow);
    let text = name.to_string();
    if name.segments.len() > 1 || dataflows.any(|(_, known, _)| known == text) {
        parameters(cx, name, statements)
    } else {
        model(cx, name, statements)
    }
}

/// What may stand in the block: keys with values.
fn property<'a>(
    cx: &mut Context<'_>,
    statement: &'a SpaceStatement,
) -> Option<(&'a ast::Name, &'a ast::Pieces)> {
    match &statement.kind {
        SpaceStatementKind::Property { key, pieces } => Some((key, pieces)),
        SpaceStatementKind::Error => {
            cx.fail_silently();
            None
        }
        _ => {
            cx.error(HirError::WrongKind {
                expected: "a name and its values, as in `k_tile: 1..64`".to_owned(),
                found: "a statement about loops".to_owned(),
                span: statement.span,
            });
            None
        }
    }
}

fn model(cx: &mut Context<'_>, name: &Path, statements: &[SpaceStatement]) -> Option<Named> {
    let mut settings: Vec<(Word, Word)> = Vec::new();
    for statement in statements {
        let (key, pieces) = property(cx, statement)?;
        let value = match pieces {
            ast::Pieces::One(expr) => expr.as_name(),
            _ => None,
        };
        let Some(value) = value else {
            cx.error(HirError::WrongKind {
                expected: "a word".to_owned(),
                found: super::describe(pieces),
                span: pieces.span(),
            });
            return None;
        };
        let word = |name: &ast::Name| Word {
            text: name.value.clone(),
            span: name.span,
        };
        if let Some((first, _)) = settings.iter().find(|(known, _)| known.text == key.value) {
            twice(cx, key.as_str(), key.span, first.span);
            return None;
        }
        settings.push((word(key), word(value)));
    }
    Some(Named::Model {
        name: Word {
            text: name.to_string(),
            span: name.span,
        },
        settings,
    })
}

fn parameters(cx: &mut Context<'_>, name: &Path, statements: &[SpaceStatement]) -> Option<Named> {
    let dataflow = cx.resolve(Kind::Dataflow, name)?;
    let parameters = cx.program.dataflows.get(dataflow)?.parameters.clone();
    let known: Vec<String> = parameters.iter().map(|known| known.name.clone()).collect();
    let mut varied: Vec<Varied> = Vec::new();
    for statement in statements {
        let (key, pieces) = property(cx, statement)?;
        let Some(parameter) = known.iter().position(|known| *known == key.value) else {
            cx.error(HirError::UnknownKey {
                what: "parameter",
                key: key.value.clone(),
                owner: format!("the dataflow `{name}`"),
                span: key.span,
                suggestion: nearest(key.as_str(), known.iter().map(String::as_str))
                    .map(str::to_owned),
                known,
            });
            return None;
        };
        if let Some(first) = varied.iter().find(|known| known.parameter == parameter) {
            twice(cx, key.as_str(), key.span, first.name.span);
            return None;
        }
        let values = match sizes(cx, pieces)? {
            Pieces::Sizes(values) => values,
            Pieces::Any | Pieces::Divisors => {
                cx.error(HirError::WrongKind {
                    expected: "the values of a parameter, as in `1..64` or `{16, 32}`".to_owned(),
                    found: super::describe(pieces),
                    span: pieces.span(),
                });
                return None;
            }
        };
        varied.push(Varied {
            parameter,
            name: Word {
                text: key.value.clone(),
                span: key.span,
            },
            values,
        });
    }
    if varied.is_empty() {
        cx.error(HirError::WrongKind {
            expected: format!(
                "parameters of `{name}` with their values, as in `{{ k_tile: 1..64; }}`"
            ),
            found: "none".to_owned(),
            span: name.span,
        });
        return None;
    }
    let given = |at: usize| varied.iter().any(|one| one.parameter == at);
    let mut missing = parameters.iter().enumerate();
    if let Some((_, one)) = missing.find(|(at, one)| one.default.is_none() && !given(*at)) {
        cx.error(HirError::Missing {
            what: format!("values of `{}`, which has no default,", one.name),
            owner: format!("the space of `{name}`"),
            span: name.span,
            insert: None,
        });
        return None;
    }
    let lengths = varied.iter().map(|one| one.values.len() as u64);
    let combinations = lengths.fold(1u64, u64::saturating_mul);
    if combinations > MOST_COMBINATIONS {
        cx.error(HirError::WrongKind {
            expected: format!("at most {MOST_COMBINATIONS} combinations of values"),
            found: combinations.to_string(),
            span: name.span,
        });
        return None;
    }
    let values = |one: &Varied| {
        let value = i64::try_from(*one.values.first()?).ok()?;
        let (kind, span) = (ExprKind::Integer(value), one.name.span);
        Some((one.parameter, Expr { kind, span }))
    };
    let application = Application {
        dataflow,
        arguments: varied.iter().map(values).collect::<Option<_>>()?,
        span: name.span,
    };
    Some(Named::Dataflow {
        application,
        varied,
    })
}
