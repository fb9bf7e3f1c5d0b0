//! `auto(minimize = edp)` in a map: the dataflow of a layer is what a search finds.

use super::super::error::HirError;
use super::super::scope::{Context, Kind};
use super::super::{Accelerator, Word};
use super::figure::figure;
use super::{Objective, Search, Space, Strategy, budget, strategy, wrong};
use crate::syntax::ast::{DataflowUse, Invocation};

/// What may stand between the parentheses.
const ARGUMENTS: [&str; 4] = ["minimize", "strategy", "budget", "model"];

/// The use, if it is one of `auto` and nothing else is called so.
pub(in crate::hir) fn of<'a>(cx: &Context<'_>, usage: &'a DataflowUse) -> Option<&'a Invocation> {
    let DataflowUse::Named(invocation) = usage else {
        return None;
    };
    let name = invocation.path.as_name()?;
    let defined = || {
        let mut known = cx.known().into_iter();
        known.any(|(kind, name, _)| kind == Kind::Dataflow && name == "auto")
    };
    (name.value == "auto" && !defined()).then_some(invocation)
}

/// A search without layers yet; `None` has been reported.
pub(in crate::hir) fn search(
    cx: &mut Context<'_>,
    hardware: &Accelerator,
    (network, accelerator): (usize, usize),
    invocation: &Invocation,
) -> Option<Search> {
    let before = cx.errors();
    let mut search = Search {
        name: "auto".to_owned(),
        span: invocation.span,
        network,
        layers: Vec::new(),
        whole: false,
        accelerator,
        model: None,
        objectives: Vec::new(),
        limits: Vec::new(),
        utilization: Vec::new(),
        // Every class is looked at once: good schedules of many layers in little time.
        strategy: Strategy::Adaptive,
        budget: None,
        space: Space::default(),
        own: None,
        fused: None,
    };
    for (at, argument) in cx.arguments("`auto`", &ARGUMENTS, &invocation.arguments) {
        let value = &argument.value;
        match ARGUMENTS.get(at).copied() {
            Some("minimize") => {
                let figure = figure(cx, hardware, value)?;
                let span = value.span;
                search.objectives.push(Objective { figure, span });
            }
            Some("strategy") => search.strategy = strategy(cx, value)?,
            Some("budget") => search.budget = Some(budget(cx, value)?),
            _ => match value.as_name() {
                Some(name) => {
                    search.model = Some(Word {
                        text: name.value.clone(),
                        span: name.span,
                    });
                }
                None => wrong(cx, "the name of a cost model", value),
            },
        }
    }
    if search.objectives.is_empty() && cx.errors() == before {
        let what = if hardware.technology.is_some() {
            "edp"
        } else {
            "cycles"
        };
        cx.error(HirError::Missing {
            what: format!("`minimize`, such as `auto(minimize = {what})`,"),
            owner: "`auto`".to_owned(),
            span: invocation.span,
            insert: None,
        });
    }
    (cx.errors() == before).then_some(search)
}
