//! `space deepopt;`: a space that a model has of its own, and the keys that only such a space has.
//!
//! ```text
//! Search best { network: googlenet; on: systolic; space deepopt; scope: layers; fc: corrected; minimize: edp; }
//! ```
//!
//! All of its schedules are evaluated, so that a strategy, a budget and
//! conditions would say nothing: they are refused.

use super::super::Word;
use super::super::error::HirError;
use super::super::explore::{SCOPES, Scope};
use super::super::scope::Context;
use super::{one, unknown, wrong};
use crate::base::Span;
use crate::syntax::ast::{self, ExprKind};
use std::collections::BTreeMap;

/// A model's own space.
#[derive(Clone, Debug, PartialEq)]
pub struct Own {
    /// `deepopt`
    pub space: Word,
    /// How the products of several layers are made.
    pub scope: Scope,
    /// `None`: nobody said it.
    pub fc: Option<Fc>,
}

/// `fc: corrected`: how a fully connected layer of several images is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fc {
    /// Of `corrected` or `published`.
    pub span: Span,
    pub corrected: bool,
}

/// How fully connected layers may be charged.
pub const FC: [&str; 2] = ["published", "corrected"];
/// Keys that only a model's own space has.
const KEYS: [&str; 2] = ["scope", "fc"];
/// Keys that it cannot have.
const WITHOUT: [&str; 2] = ["budget", "strategy"];

/// Spaces that are evaluated whole.
const CLOSED: [&str; 1] = ["deepopt"];

/// Whether a space is evaluated whole, so that it has no settings.
pub(super) fn is_closed(name: &ast::Path) -> bool {
    CLOSED.contains(&name.to_string().as_str())
}

/// The space of a model, if a search has one; what is wrong has been reported.
pub(super) fn collect(
    cx: &mut Context<'_>,
    space: Option<&ast::Space>,
    conditions: Option<&ast::Where>,
    keys: &BTreeMap<&str, &ast::Property>,
) -> Option<Own> {
    let named = space.and_then(|space| match (&space.named, &space.body) {
        (Some(path), None) if is_closed(path) => Some(path),
        _ => None,
    });
    let Some(path) = named else {
        for key in KEYS.iter().filter_map(|key| keys.get(key)) {
            cx.error(HirError::Unavailable {
                what: format!("`{}` without `space deepopt;`", key.key),
                span: key.key.span,
            });
        }
        return None;
    };
    let whole = "beside a model's own space, which is evaluated whole,";
    for key in WITHOUT.iter().filter_map(|key| keys.get(key)) {
        cx.error(HirError::Unavailable {
            what: format!("`{}` {whole}", key.key),
            span: key.key.span,
        });
    }
    if let Some(conditions) = conditions {
        cx.error(HirError::Unavailable {
            what: format!("`where` {whole}"),
            span: conditions.keyword,
        });
    }
    let scope = match keys.get("scope") {
        Some(property) => scope(cx, property)?,
        None => Scope::Network,
    };
    let fc = match keys.get("fc") {
        Some(property) => Some(fc(cx, property)?),
        None => None,
    };
    Some(Own {
        space: Word {
            text: path.to_string(),
            span: path.span,
        },
        scope,
        fc,
    })
}

/// The only value of a property, which is one of some words.
fn word<const N: usize>(
    cx: &mut Context<'_>,
    property: &ast::Property,
    (what, known): (&'static str, [&'static str; N]),
) -> Option<Word> {
    let value = one(cx, property)?;
    match (value.as_name(), &value.kind) {
        (Some(name), _) if known.contains(&name.as_str()) => Some(Word {
            text: name.value.clone(),
            span: name.span,
        }),
        (Some(name), _) => {
            unknown(cx, what, name.as_str(), name.span, known);
            None
        }
        (None, ExprKind::Error) => {
            cx.fail_silently();
            None
        }
        (None, _) => {
            wrong(cx, &format!("`{}`", known.join("` or `")), value);
            None
        }
    }
}

/// `scope: layers`
pub(in crate::hir) fn scope(cx: &mut Context<'_>, property: &ast::Property) -> Option<Scope> {
    let word = word(cx, property, ("scope", SCOPES))?;
    Some(match word.text.as_str() {
        "layers" => Scope::Layers,
        _ => Scope::Network,
    })
}

/// `fc: corrected`
pub(in crate::hir) fn fc(cx: &mut Context<'_>, property: &ast::Property) -> Option<Fc> {
    let word = word(cx, property, ("way to charge fully connected layers", FC))?;
    Some(Fc {
        span: word.span,
        corrected: word.text == "corrected",
    })
}
