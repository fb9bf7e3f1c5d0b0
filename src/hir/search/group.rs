//! `group: { net.a, net.b }; recompute: never;`: layers whose fused design is searched for.
//!
//! Problem: a search over designs of a group is another search than one of each layer. What it does not do (other
//! objectives than what moves to and from the backing store, rules of a space, conditions) is refused here, so
//! that nothing that stands in its source is left out.

use super::super::error::HirError;
use super::super::scope::Context;
use super::target::{self, Target};
use super::{Figure, Fused, RECOMPUTE, Search, Strategy, one, unknown, wrong};
use crate::base::Span;
use crate::syntax::ast::{self, ExprKind};

/// The layers of a group, in braces or without.
pub(super) fn target(
    cx: &mut Context<'_>,
    group: &ast::Property,
    beside: &[&ast::Property],
) -> Option<Target> {
    for other in beside {
        unavailable(
            cx,
            &format!("`{}` beside `group`", other.key),
            other.key.span,
        );
    }
    let values = group.values.iter().flat_map(|value| match &value.kind {
        ExprKind::List(items) => items.clone(),
        _ => vec![value.clone()],
    });
    let flat = ast::Property {
        values: values.collect(),
        ..group.clone()
    };
    let target = target::layers(cx, &flat)?;
    beside.is_empty().then_some(target)
}

/// What the group may do, if there is one.
pub(super) fn fused(
    cx: &mut Context<'_>,
    group: Option<&ast::Property>,
    recompute: Option<&ast::Property>,
) -> Option<Fused> {
    if let (None, Some(property)) = (group, recompute) {
        unavailable(
            cx,
            "`recompute` of a search without `group`",
            property.key.span,
        );
    }
    group?;
    let Some(property) = recompute else {
        return Some(Fused { recompute: true });
    };
    let value = one(cx, property)?;
    let Some(name) = value.as_name() else {
        wrong(cx, "`allowed` or `never`", value);
        return None;
    };
    match name.as_str() {
        "allowed" => Some(Fused { recompute: true }),
        "never" => Some(Fused { recompute: false }),
        other => {
            unknown(cx, "kind of recomputation", other, name.span, RECOMPUTE);
            None
        }
    }
}

/// Whether a search over a group does all that it says; what it does not do is reported.
pub(super) fn is_searched(cx: &mut Context<'_>, search: &Search) -> bool {
    if search.fused.is_none() {
        return true;
    }
    let before = cx.errors();
    for objective in &search.objectives {
        if objective.figure != Figure::Traffic(0) {
            let what =
                "another objective than the traffic of the backing store in a search over a group";
            unavailable(cx, what, objective.span);
        }
    }
    if let Some(own) = &search.own {
        unavailable(
            cx,
            "a model's own space in a search over a group",
            own.space.span,
        );
    }
    if search.space.named.is_some() {
        let span = search.space.span.unwrap_or(search.span);
        unavailable(cx, "a space with a name in a search over a group", span);
    }
    for second in search.objectives.iter().skip(1) {
        unavailable(cx, "a front in a search over a group", second.span);
    }
    for limit in &search.limits {
        unavailable(cx, "a condition in a search over a group", limit.span);
    }
    if !search.utilization.is_empty() {
        unavailable(cx, "a condition in a search over a group", search.span);
    }
    if search.strategy != Strategy::Optimal {
        let what = "another strategy than `optimal` in a search over a group";
        unavailable(cx, what, search.span);
    }
    if let Some(model) = search.model.as_ref().filter(|model| model.text != "exact") {
        unavailable(
            cx,
            "another model than `exact` in a search over a group",
            model.span,
        );
    }
    let space = &search.space;
    for rule in &space.rules {
        unavailable(
            cx,
            "a rule of the space in a search over a group",
            rule.span,
        );
    }
    if let Some(span) = space.span.filter(|_| space.all_orders || space.apart) {
        unavailable(cx, "`orders` or `places` in a search over a group", span);
    }
    cx.errors() == before
}

fn unavailable(cx: &mut Context<'_>, what: &str, span: Span) {
    cx.error(HirError::Unavailable {
        what: what.to_owned(),
        span,
    });
}
