//! What is searched for, on what: `layer: std.networks.resnet18.conv5_2;`, `network: llama(S = 1);`, `on: eyeriss;`.

use super::super::error::HirError;
use super::super::scope::{Context, Kind};
use super::super::{Accelerator, FuseError, UnknownPart};
use super::{called, wrong};
use crate::syntax::ast::{self, ExprKind, Invocation, Name, Path};

/// Layers of a network.
pub(in crate::hir) struct Target {
    pub network: usize,
    pub layers: Vec<usize>,
    pub whole: bool,
}

/// `eyeriss`, `npu(rows = 64)`
fn invocation(cx: &mut Context<'_>, what: &str, property: &ast::Property) -> Option<Invocation> {
    let value = super::one(cx, property)?;
    let (path, arguments) = called(cx, what, value)?;
    Some(Invocation {
        path: path.clone(),
        arguments: arguments.to_vec(),
        span: value.span,
    })
}

pub(super) fn accelerator(cx: &mut Context<'_>, property: &ast::Property) -> Option<usize> {
    let used = invocation(cx, "the name of an accelerator", property)?;
    let before = cx.errors();
    let found = cx.applied(Kind::Accelerator, &used);
    if found.is_none() && cx.errors() == before {
        // The accelerator is wrong, which has been said.
        cx.fail_silently();
    }
    found
}

/// All layers of a network, or those that `layer` names.
pub(in crate::hir) fn network(
    cx: &mut Context<'_>,
    property: &ast::Property,
    layers: Option<&ast::Property>,
) -> Option<Target> {
    let used = invocation(cx, "the name of a network", property)?;
    let before = cx.errors();
    let Some(network) = cx.applied(Kind::Network, &used) else {
        if cx.errors() == before {
            cx.fail_silently();
        }
        return None;
    };
    let Some(layers) = layers else {
        let all = cx.program.networks.get(network)?.layers.len();
        return Some(Target {
            network,
            layers: (0..all).collect(),
            whole: true,
        });
    };
    let mut found = Vec::new();
    for value in &layers.values {
        let path = path(cx, value)?;
        found.push(layer(cx, network, &path.segments)?);
    }
    found.sort_unstable();
    found.dedup();
    Some(Target {
        network,
        layers: found,
        whole: false,
    })
}

fn path<'a>(cx: &mut Context<'_>, value: &'a ast::Expr) -> Option<&'a Path> {
    match &value.kind {
        ExprKind::Path(path) => Some(path),
        ExprKind::Error => {
            cx.fail_silently();
            None
        }
        _ => {
            wrong(cx, "a layer: `network.layer`", value);
            None
        }
    }
}

/// Layers of one network, each as `network.layer`.
pub(in crate::hir) fn layers(cx: &mut Context<'_>, property: &ast::Property) -> Option<Target> {
    let mut target: Option<Target> = None;
    for value in &property.values {
        let path = path(cx, value)?;
        // `std.networks.resnet18.conv5_2`: a name of the library in full has three parts.
        let full = path.segments.first().is_some_and(|s| s.as_str() == "std");
        let (head, rest) = path
            .segments
            .split_at(if full { 3 } else { 1 }.min(path.segments.len()));
        if rest.is_empty() {
            cx.error(HirError::WrongKind {
                expected: "a layer: `network.layer`".to_owned(),
                found: format!("`{path}`"),
                span: path.span,
            });
            return None;
        }
        let head_span = head.first()?.span.join(head.last()?.span);
        let used = Invocation {
            path: Path {
                segments: head.to_vec(),
                span: head_span,
            },
            arguments: Vec::new(),
            span: head_span,
        };
        let before = cx.errors();
        let Some(network) = cx.applied(Kind::Network, &used) else {
            if cx.errors() == before {
                cx.fail_silently();
            }
            return None;
        };
        let found = layer(cx, network, rest)?;
        match &mut target {
            None => {
                target = Some(Target {
                    network,
                    layers: vec![found],
                    whole: false,
                });
            }
            Some(known) if known.network == network => known.layers.push(found),
            Some(_) => {
                cx.error(HirError::Unavailable {
                    what: "a search over layers of several networks".to_owned(),
                    span: path.span,
                });
                return None;
            }
        }
    }
    let mut target = target?;
    target.layers.sort_unstable();
    target.layers.dedup();
    Some(target)
}

/// The layer of that name, which may be dotted.
fn layer(cx: &mut Context<'_>, network: usize, segments: &[Name]) -> Option<usize> {
    let texts: Vec<&str> = segments.iter().map(Name::as_str).collect();
    let text = texts.join(".");
    let known = cx.program.networks.get(network)?;
    if let Some(at) = known.layer(&text) {
        return Some(at);
    }
    if known.is_broken(&text) {
        cx.fail_silently();
        return None;
    }
    let span = segments.first()?.span.join(segments.last()?.span);
    cx.unknown_layer(network, &Name::new(text, span), |_| false);
    None
}

/// A memory of the accelerator by its name.
pub(super) fn memory(cx: &mut Context<'_>, hardware: &Accelerator, name: &Name) -> Option<usize> {
    let known = hardware.memories.iter().map(|memory| &memory.name);
    part(cx, "memory", hardware, name, known.cloned().collect())
}

/// An array of the accelerator by its name.
pub(super) fn array(cx: &mut Context<'_>, hardware: &Accelerator, name: &Name) -> Option<usize> {
    let known = hardware.arrays.iter().map(|array| &array.name);
    part(cx, "array", hardware, name, known.cloned().collect())
}

fn part(
    cx: &mut Context<'_>,
    what: &'static str,
    hardware: &Accelerator,
    name: &Name,
    known: Vec<String>,
) -> Option<usize> {
    let found = known.iter().position(|known| *known == name.value);
    if found.is_none() {
        let (text, owner) = (name.as_str(), hardware.name.as_str());
        let part = UnknownPart::with_nearest(what, text, owner, name.span, known);
        cx.error(FuseError::UnknownPart(part).into());
    }
    found
}
