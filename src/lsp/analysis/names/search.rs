//! The names of a search or an exploration: its network and layers, its accelerator, and the parts of that in the space.

use super::Walk;
use crate::hir::Kind;
use crate::syntax::ast::{
    Condition, Expr, ExprKind, Invocation, Path, Pieces, Property, Search, SearchEntry, SpaceBody,
    SpaceStatementKind, Tensors,
};

impl Walk<'_> {
    pub(super) fn search(&mut self, node: &Search) {
        let key = |name: &str| node.properties().find(|known| known.key.value == name);
        let network = key("network").and_then(|property| self.applied(Kind::Network, property));
        self.enter_network(network);
        let layers = key("layer").or_else(|| key("layers"));
        if let Some(layers) = layers.or_else(|| key("group")) {
            self.layers(&layers.values, network.is_some());
        }
        let accelerator = key("on").and_then(|property| self.applied(Kind::Accelerator, property));
        self.enter_accelerator(accelerator);
        for entry in &node.entries {
            match entry {
                SearchEntry::Property(property) => match property.key.as_str() {
                    "minimize" => property.values.iter().for_each(|value| self.figure(value)),
                    "map" => property.values.iter().for_each(|value| self.used(value)),
                    "strategy" | "budget" | "worst" => {
                        property.values.iter().for_each(|value| self.expr(value));
                    }
                    _ => {}
                },
                SearchEntry::Space(space) => {
                    if let Some(body) = &space.body {
                        self.space(body);
                    }
                }
                SearchEntry::Where(conditions) => {
                    for condition in &conditions.conditions {
                        if let Condition::Expr(expr) = condition {
                            self.figure(expr);
                        }
                    }
                }
                SearchEntry::Vary(vary) => {
                    self.pieces(&vary.pieces);
                    vary.step.iter().for_each(|step| self.expr(step));
                }
                SearchEntry::Error(_) => {}
            }
        }
        self.network = None;
        self.accelerator = None;
    }

    /// A dataflow with its arguments.
    fn used(&mut self, value: &Expr) {
        if let Some((path, arguments)) = value.as_call() {
            self.invocation(
                Kind::Dataflow,
                &Invocation {
                    path: path.clone(),
                    arguments: arguments.to_vec(),
                    span: value.span,
                },
            );
        }
    }

    fn applied(&mut self, kind: Kind, property: &Property) -> Option<crate::hir::Definition> {
        let value = property.values.first()?;
        let (path, arguments) = value.as_call()?;
        self.invocation(
            kind,
            &Invocation {
                path: path.clone(),
                arguments: arguments.to_vec(),
                span: value.span,
            },
        )
    }

    /// `network.layer`, or layers alone if the network is known.
    fn layers(&mut self, values: &[Expr], known: bool) {
        for value in values {
            let path = match &value.kind {
                ExprKind::Path(path) => path,
                // Those of a group stand in braces.
                ExprKind::List(items) => {
                    self.layers(items, known);
                    continue;
                }
                _ => continue,
            };
            if known {
                self.members(&path.segments);
                continue;
            }
            let full = path
                .segments
                .first()
                .is_some_and(|first| first.value == "std");
            let parts = if full { 3 } else { 1 };
            let (Some(head), Some(rest)) = (path.segments.get(..parts), path.segments.get(parts..))
            else {
                continue;
            };
            let Some(span) = head.first().map(|first| first.span) else {
                continue;
            };
            let head = Path {
                segments: head.to_vec(),
                span: head.last().map_or(span, |last| span.join(last.span)),
            };
            let network = self.path(Kind::Network, &head);
            self.enter_network(network);
            self.members(rest);
        }
    }

    /// `traffic(GLB)`, and whatever is made of such.
    fn figure(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Call {
                function,
                arguments,
            } => {
                let of_memory = matches!(function.to_string().as_str(), "traffic" | "capacity");
                for argument in arguments {
                    match argument.value.as_name() {
                        Some(name) if of_memory => self.memory(name),
                        _ => self.figure(&argument.value),
                    }
                }
            }
            ExprKind::Compare { left, right, .. } => {
                self.figure(left);
                self.expr(right);
            }
            // `energy` is no constant.
            ExprKind::Path(_) => {}
            _ => self.expr(expr),
        }
    }

    /// Blocks are nested only as deep as the parser allows.
    fn space(&mut self, body: &SpaceBody) {
        for statement in &body.statements {
            match &statement.kind {
                SpaceStatementKind::At { memory, body } => {
                    self.memory(memory);
                    self.space(body);
                }
                SpaceStatementKind::Tile { pieces, .. } => {
                    if let Some(pieces) = pieces {
                        self.pieces(pieces);
                    }
                }
                SpaceStatementKind::Spread {
                    pieces,
                    array,
                    axis,
                    ..
                } => {
                    self.pieces(pieces);
                    self.array(array);
                    if let Some(axis) = axis {
                        self.expr(axis);
                    }
                }
                SpaceStatementKind::Retain { tensors, memory }
                | SpaceStatementKind::Bypass { tensors, memory } => {
                    if let Tensors::These(tensors) = tensors {
                        tensors.iter().for_each(|tensor| self.tensor(tensor));
                    }
                    self.memory(memory);
                }
                SpaceStatementKind::Order { .. }
                | SpaceStatementKind::Property { .. }
                | SpaceStatementKind::Error => {}
            }
        }
    }

    fn pieces(&mut self, pieces: &Pieces) {
        match pieces {
            Pieces::One(expr) => match expr.as_name() {
                Some(name) if matches!(name.as_str(), "any" | "divisors") => {}
                _ => self.expr(expr),
            },
            Pieces::Set { sizes, .. } => sizes.iter().for_each(|size| self.expr(size)),
            Pieces::Range { from, to, .. } => {
                self.expr(from);
                self.expr(to);
            }
        }
    }
}
