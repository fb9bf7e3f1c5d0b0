//! Searches as text.

use super::{ERROR, Printer, names, paths, print_expr, property, write_list};
use crate::syntax::ast::{
    Condition, Dims, ExprKind, Pieces, Search, SearchEntry, Space, SpaceBody, SpaceStatement,
    SpaceStatementKind, Tensors,
};

impl Printer {
    /// `word` is `Search` or `Explore`.
    pub(super) fn search(&mut self, word: &str, node: &Search) {
        self.word(&format!("{word} "));
        if let Some(name) = &node.name {
            self.word(&format!("{name} "));
        }
        self.block(node.entries.iter(), Self::search_entry);
    }

    fn search_entry(&mut self, entry: &SearchEntry) {
        match entry {
            SearchEntry::Property(node) => match node.values.as_slice() {
                [value] if matches!(value.kind, ExprKind::List(_)) => {
                    let list = print_expr(value);
                    let inner = list.trim_start_matches('[').trim_end_matches(']');
                    self.word(&format!("{}: {{{inner}}};", node.key));
                }
                _ => self.word(&format!("{};", property(node))),
            },
            SearchEntry::Space(Space { named, body, .. }) => {
                self.word("space ");
                if let Some(named) = named {
                    self.word(&named.to_string());
                    self.word(if body.is_some() { " " } else { ";" });
                }
                if let Some(body) = body {
                    self.space(body);
                }
            }
            SearchEntry::Where(node) => {
                self.word("where ");
                self.block(
                    node.conditions.iter(),
                    |printer, condition| match condition {
                        Condition::Expr(expr) => printer.word(&format!("{};", print_expr(expr))),
                        Condition::Error(_) => printer.word(ERROR),
                    },
                );
            }
            SearchEntry::Vary(node) => {
                let step = node.step.as_ref();
                let step = step.map(|step| format!(" by {}", print_expr(step)));
                let (name, pieces) = (&node.name, print_pieces(&node.pieces));
                self.word(&format!(
                    "vary {name}: {pieces}{};",
                    step.unwrap_or_default()
                ));
            }
            SearchEntry::Error(_) => self.word(ERROR),
        }
    }

    fn space(&mut self, body: &SpaceBody) {
        self.block(body.statements.iter(), Self::space_statement);
    }

    fn space_statement(&mut self, statement: &SpaceStatement) {
        let tensors = |tensors: &Tensors| match tensors {
            Tensors::All(_) => "*".to_owned(),
            Tensors::These(tensors) => paths(tensors),
        };
        let text = match &statement.kind {
            SpaceStatementKind::At { memory, body } => {
                self.word(&format!("at {memory} "));
                return self.space(body);
            }
            SpaceStatementKind::Order { dims } => format!("order {};", names(dims)),
            SpaceStatementKind::Tile { dims, pieces } => {
                let dims = match dims {
                    Dims::All(_) => "*",
                    Dims::One(name) => name.as_str(),
                };
                match pieces {
                    Some(pieces) => format!("tile {dims} by {};", print_pieces(pieces)),
                    None => format!("tile {dims};"),
                }
            }
            SpaceStatementKind::Spread {
                dims,
                pieces,
                array,
                axis,
            } => {
                let dims = match dims.as_slice() {
                    [name] => name.to_string(),
                    several => format!("{{{}}}", names(several)),
                };
                let axis = axis
                    .as_ref()
                    .map(|axis| format!("[{}]", print_expr(axis)))
                    .unwrap_or_default();
                format!(
                    "spread {dims} by {} over {array}{axis};",
                    print_pieces(pieces)
                )
            }
            SpaceStatementKind::Retain {
                tensors: kept,
                memory,
            } => format!("retain {} in {memory};", tensors(kept)),
            SpaceStatementKind::Bypass {
                tensors: passed,
                memory,
            } => format!("bypass {} in {memory};", tensors(passed)),
            SpaceStatementKind::Property { key, pieces } => {
                format!("{key}: {};", print_pieces(pieces))
            }
            SpaceStatementKind::Error => ERROR.to_owned(),
        };
        self.word(&text);
    }
}

/// `16`, `{16, 32}`, `1..64`
#[must_use]
pub fn print_pieces(pieces: &Pieces) -> String {
    match pieces {
        Pieces::One(size) => print_expr(size),
        Pieces::Set { sizes, .. } => {
            let mut list = String::new();
            write_list(&mut list, sizes);
            format!("{{{list}}}")
        }
        Pieces::Range { from, to, .. } => format!("{}..{}", print_expr(from), print_expr(to)),
    }
}
