//! Tree to text, in one canonical layout: two blanks per level, one statement per line, short lists of
//! `key: value` on one line.
//!
//! Printing what was parsed from printed text gives the same text again (tested). Comments are not in the
//! tree and so not in the output; error nodes print as comments.

mod search;

pub use search::print_pieces;

use std::fmt::Write;

use super::ast::{
    Argument, Block, Body, ClusterKind, Compute, DataflowBody, DataflowUse, Directive,
    DirectiveKind, Entry, Expr, ExprKind, File, Fuse, FuseBody, FuseStatement, FuseStatementKind,
    Invocation, Item, MapEntry, Name, Parameter, Path, Property, Run, StageEntry, UseName,
    UseSource,
};

/// Longest block that stands on one line, in characters, without its indentation.
const INLINE: usize = 88;
const ERROR: &str = "/* error */";

/// The text of a file.
#[must_use]
pub fn print(file: &File) -> String {
    let mut printer = Printer::default();
    for (index, item) in file.items.iter().enumerate() {
        let plain = |item: &Item| matches!(item, Item::Use(_) | Item::Const(_));
        if index > 0 && !(plain(item) && plain(&file.items[index - 1])) {
            printer.out.push('\n');
        }
        printer.item(item);
        printer.out.push('\n');
    }
    printer.out
}

/// The text of a dataflow, without a name: what stands between braces, with them.
#[must_use]
pub fn print_dataflow(body: &DataflowBody) -> String {
    let mut printer = Printer::default();
    printer.directives(body);
    printer.out
}

/// The text of one entry of a body, such as a layer.
#[must_use]
pub fn print_entry(entry: &Entry) -> String {
    let mut printer = Printer::default();
    printer.entry(entry);
    printer.out
}

/// The text of one statement of a dataflow.
#[must_use]
pub fn print_directive(directive: &Directive) -> String {
    let mut printer = Printer::default();
    printer.directive(directive);
    printer.out
}

/// The text of an expression.
#[must_use]
pub fn print_expr(expr: &Expr) -> String {
    let mut out = String::new();
    write_expr(&mut out, expr, 0);
    out
}

#[derive(Default)]
struct Printer {
    out: String,
    level: usize,
}

impl Printer {
    fn line(&mut self) {
        self.out.push('\n');
        for _ in 0..self.level {
            self.out.push_str("  ");
        }
    }

    fn word(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn item(&mut self, item: &Item) {
        match item {
            Item::Use(node) => {
                self.word("use ");
                self.use_source(&node.source);
                self.word(";");
            }
            Item::Const(node) => {
                self.word("const ");
                self.word(&node.name.value);
                self.word(" = ");
                self.word(&print_expr(&node.value));
                self.word(";");
            }
            Item::Technology(node) => {
                self.headed("Technology", node.name.as_ref(), &[], &node.body);
            }
            Item::Accelerator(node) => {
                let name = node.name.as_ref();
                self.headed("Accelerator", name, &node.parameters, &node.body);
            }
            Item::Network(node) => {
                let head = format!("Network {}{}", node.name, parameters(&node.parameters));
                let unwired = if node.unwired.is_some() {
                    " unwired"
                } else {
                    ""
                };
                self.headed(&format!("{head}{unwired}"), None, &[], &node.body);
            }
            Item::Dataflow(node) => {
                self.word("Dataflow ");
                self.word(&node.name.value);
                self.word(&parameters(&node.parameters));
                if let Some(on) = &node.on {
                    self.word(&format!(" on {on}"));
                }
                self.word(" ");
                self.directives(&node.body);
            }
            Item::Map(node) => {
                let (network, accelerator) =
                    (invocation(&node.network), invocation(&node.accelerator));
                self.word(&format!("Map {network} on {accelerator} "));
                if let Some(name) = &node.name {
                    self.word(&format!("as {name} "));
                }
                self.block(node.entries.iter(), Self::map_entry);
            }
            Item::Search(node) => self.search("Search", node),
            Item::Explore(node) => self.search("Explore", node),
            Item::Error(_) => self.word(ERROR),
        }
    }

    fn use_source(&mut self, source: &UseSource) {
        match source {
            UseSource::File(path) => self.word(&quote(&path.value)),
            UseSource::Names { prefix, names } => {
                for name in prefix {
                    self.word(&name.value);
                    self.word(".");
                }
                let use_name = |name: &UseName| match &name.alias {
                    Some(alias) => format!("{} as {alias}", name.name),
                    None => name.name.to_string(),
                };
                match names.as_slice() {
                    [name] => self.word(&use_name(name)),
                    names => {
                        let names: Vec<String> = names.iter().map(use_name).collect();
                        self.word(&format!("{{{}}}", names.join(", ")));
                    }
                }
            }
        }
    }

    fn headed(&mut self, kind: &str, name: Option<&Name>, known: &[Parameter], body: &Body) {
        self.word(kind);
        self.word(" ");
        if let Some(name) = name {
            self.word(&name.value);
        }
        self.word(&parameters(known));
        if name.is_some() || !known.is_empty() {
            self.word(" ");
        }
        self.body(body);
    }

    /// `{ ... }` with one element per line.
    fn block<'a, T: 'a>(
        &mut self,
        elements: impl Iterator<Item = &'a T>,
        mut print: impl FnMut(&mut Self, &'a T),
    ) {
        self.word("{");
        self.level += 1;
        let mut empty = true;
        for element in elements {
            self.line();
            print(self, element);
            empty = false;
        }
        self.level -= 1;
        if empty {
            self.word(" ");
        } else {
            self.line();
        }
        self.word("}");
    }

    fn body(&mut self, body: &Body) {
        match inline_body(body) {
            Some(text) => self.word(&text),
            None => self.block(body.entries.iter(), Self::entry),
        }
    }

    fn entry(&mut self, entry: &Entry) {
        match entry {
            Entry::Property(node) => self.word(&format!("{};", property(node))),
            Entry::Flag(name) => self.word(&format!("{name};")),
            Entry::Block(Block {
                kind, name, body, ..
            }) => self.headed(&kind.value, name.as_ref(), &[], body),
            Entry::Repeat(node) => {
                self.word(&format!("repeat {} ", count(&node.count)));
                self.headed(&node.name.value, None, &[], &node.body);
            }
            Entry::Instance(node) => {
                self.word(&format!(
                    "Block {}: {}",
                    node.name,
                    invocation(&node.network)
                ));
                if !node.inputs.is_empty() {
                    let mut inputs = String::from(" Inputs: ");
                    write_list(&mut inputs, &node.inputs);
                    self.word(&inputs);
                }
                self.word(";");
            }
            Entry::Persistent(node) => self.word(&format!("Persistent {};", node.name)),
            Entry::Layer(node) => self.headed("Layer", Some(&node.name), &[], &node.body),
            Entry::Dataflow(node) => match &node.dataflow {
                DataflowUse::Named(named) => {
                    self.word(&format!("Dataflow: {};", invocation(named)));
                }
                DataflowUse::Inline(body) => {
                    self.word("Dataflow ");
                    self.directives(body);
                }
            },
            Entry::Compute(Compute {
                target,
                combine,
                value,
                ..
            }) => {
                let sign = combine.sign();
                let text = format!(
                    "Compute: {} {sign} {};",
                    print_expr(target),
                    print_expr(value)
                );
                self.word(&text);
            }
            Entry::Error(_) => self.word(ERROR),
        }
    }

    fn map_entry(&mut self, entry: &MapEntry) {
        let (key, dataflow, array) = match entry {
            MapEntry::Default {
                types,
                dataflow,
                array,
                ..
            } if types.is_empty() => ("default".to_owned(), dataflow, array),
            MapEntry::Default {
                types,
                dataflow,
                array,
                ..
            } => (format!("default {}", names(types)), dataflow, array),
            MapEntry::Layers {
                layers,
                dataflow,
                array,
                ..
            } => (names(layers), dataflow, array),
            MapEntry::Fuse(node) => return self.fuse(node),
            MapEntry::Error(_) => return self.word(ERROR),
        };
        self.word(&key);
        self.word(": ");
        match (dataflow, array) {
            (DataflowUse::Named(named), Some(array)) => {
                self.word(&format!("{} on {array};", invocation(named)));
            }
            _ => self.dataflow_use(dataflow),
        }
    }

    fn dataflow_use(&mut self, dataflow: &DataflowUse) {
        match dataflow {
            DataflowUse::Named(named) => self.word(&format!("{};", invocation(named))),
            DataflowUse::Inline(body) => self.directives(body),
        }
    }

    fn fuse(&mut self, node: &Fuse) {
        self.word(&format!("Fuse {} ", names(&node.layers)));
        self.fuse_body(&node.body);
    }

    fn fuse_body(&mut self, body: &FuseBody) {
        self.block(body.statements.iter(), Self::fuse_statement);
    }

    fn fuse_statement(&mut self, statement: &FuseStatement) {
        let text = match &statement.kind {
            FuseStatementKind::Tile { target, size, body } => {
                self.word(&format!("tile {target} by {} ", print_expr(size)));
                return self.fuse_body(body);
            }
            FuseStatementKind::Stages(stages) => {
                self.word(stages.word());
                self.word(" ");
                return self.block(stages.entries.iter(), Self::stage);
            }
            FuseStatementKind::Retain { tensors, memory } => {
                format!("retain {} in {memory};", paths(tensors))
            }
            FuseStatementKind::Recompute { tensors } => format!("recompute {};", paths(tensors)),
            FuseStatementKind::Refetch { tensors, memory } => {
                format!("refetch {} from {memory};", paths(tensors))
            }
            FuseStatementKind::Error => ERROR.to_owned(),
        };
        self.word(&text);
    }

    fn stage(&mut self, entry: &StageEntry) {
        let StageEntry::Run(Run {
            layer,
            array,
            dataflow,
            ..
        }) = entry
        else {
            return self.word(ERROR);
        };
        self.word(&format!("run {layer}"));
        if let Some(array) = array {
            self.word(&format!(" on {array}"));
        }
        match dataflow {
            Some(dataflow) => {
                self.word(" using ");
                self.dataflow_use(dataflow);
            }
            None => self.word(";"),
        }
    }

    fn directives(&mut self, body: &DataflowBody) {
        self.block(body.directives.iter(), Self::directive);
    }

    fn directive(&mut self, directive: &Directive) {
        let text = match &directive.kind {
            DirectiveKind::TemporalMap { size, offset, dim } => {
                format!(
                    "TemporalMap({}, {}) {dim};",
                    print_expr(size),
                    print_expr(offset)
                )
            }
            DirectiveKind::SpatialMap { size, offset, dim } => {
                format!(
                    "SpatialMap({}, {}) {dim};",
                    print_expr(size),
                    print_expr(offset)
                )
            }
            DirectiveKind::Cluster { size, kind } => {
                let kind = match kind.as_ref().map(|kind| kind.value) {
                    None => "",
                    Some(ClusterKind::Logical) => ", L",
                    Some(ClusterKind::Physical) => ", P",
                };
                format!("Cluster({}{kind});", print_expr(size))
            }
            DirectiveKind::At { memory, loops } => {
                self.word(&format!("at {memory} "));
                return self.directives(loops);
            }
            DirectiveKind::Tile { dim, size } => format!("tile {dim} by {};", print_expr(size)),
            DirectiveKind::Spread {
                dim,
                size,
                array,
                axis,
            } => {
                let axis = axis
                    .as_ref()
                    .map(|axis| format!("[{}]", print_expr(axis)))
                    .unwrap_or_default();
                format!("spread {dim} by {} over {array}{axis};", print_expr(size))
            }
            DirectiveKind::Retain { tensors, memory } => {
                format!("retain {} in {memory};", paths(tensors))
            }
            DirectiveKind::Bypass { tensors, memory } => {
                format!("bypass {} in {memory};", paths(tensors))
            }
            DirectiveKind::Let { name, value } => format!("let {name} = {};", print_expr(value)),
            DirectiveKind::Schedule { words } => {
                let words: Vec<&str> = words.iter().map(|word| word.as_str()).collect();
                format!("Schedule: {};", words.join(" "))
            }
            DirectiveKind::Error => ERROR.to_owned(),
        };
        self.word(&text);
    }
}

/// `{ N: 1, K: 64 }`, if the body is short and has nothing but properties and flags.
fn inline_body(body: &Body) -> Option<String> {
    if body.entries.is_empty() {
        return Some("{ }".to_owned());
    }
    // A comma would take a flag or a further value for one of the property before it.
    let mut comma = true;
    let mut parts = Vec::with_capacity(body.entries.len().min(16));
    let mut length = 0;
    for entry in &body.entries {
        let text = match entry {
            Entry::Property(node) => {
                comma &= node.values.len() == 1;
                property(node)
            }
            Entry::Flag(name) => {
                comma = false;
                name.to_string()
            }
            _ => return None,
        };
        length += text.len() + 2;
        if length > INLINE {
            return None;
        }
        parts.push(text);
    }
    let separator = if comma { ", " } else { "; " };
    Some(format!("{{ {} }}", parts.join(separator)))
}

fn property(node: &Property) -> String {
    let mut out = node.key.value.clone();
    if !node.arguments.is_empty() {
        write_arguments(&mut out, &node.arguments);
    }
    out.push_str(": ");
    write_list(&mut out, &node.values);
    out
}

/// A count is a number, a name, a call, or stands in parentheses.
fn count(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Binary { .. } | ExprKind::Negate(_) => format!("({})", print_expr(expr)),
        _ => print_expr(expr),
    }
}

/// `(rows = 128, k)`; nothing when there are none.
fn parameters(parameters: &[Parameter]) -> String {
    let one = |parameter: &Parameter| match &parameter.default {
        Some(default) => format!("{} = {}", parameter.name, print_expr(default)),
        None => parameter.name.to_string(),
    };
    let all: Vec<String> = parameters.iter().map(one).collect();
    match all.as_slice() {
        [] => String::new(),
        all => format!("({})", all.join(", ")),
    }
}

fn invocation(node: &Invocation) -> String {
    let mut out = node.path.to_string();
    if !node.arguments.is_empty() {
        write_arguments(&mut out, &node.arguments);
    }
    out
}

fn names(names: &[Name]) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.value.as_str()).collect();
    names.join(", ")
}

fn paths(paths: &[Path]) -> String {
    let paths: Vec<String> = paths.iter().map(Path::to_string).collect();
    paths.join(", ")
}

fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// Precedence: sums 1, products 2, signs 3; an operand below `least` is put in parentheses.
fn write_expr(out: &mut String, expr: &Expr, least: u8) {
    match &expr.kind {
        ExprKind::Number(number) => {
            // Writing to a string cannot fail.
            let _ = write!(out, "{}", number.value);
            if let Some(unit) = number.unit {
                let _ = write!(out, "{unit}");
            }
        }
        ExprKind::String(text) => out.push_str(&quote(text)),
        ExprKind::Path(path) => out.push_str(&path.to_string()),
        ExprKind::Call {
            function,
            arguments,
        } => {
            out.push_str(&function.to_string());
            write_arguments(out, arguments);
        }
        ExprKind::Index { base, indices } => {
            out.push_str(&base.value);
            out.push('[');
            write_list(out, indices);
            out.push(']');
        }
        ExprKind::Negate(inner) => {
            parenthesise(out, least > 3, |out| {
                out.push('-');
                write_expr(out, inner, 3);
            });
        }
        ExprKind::Compare { op, left, right } => {
            write_expr(out, left, 0);
            let _ = write!(out, " {} ", op.value.sign());
            write_expr(out, right, 0);
        }
        ExprKind::UpTo(most) => {
            out.push_str("upto ");
            write_expr(out, most, 0);
        }
        ExprKind::Binary { op, left, right } => {
            let own = match op.value.sign() {
                "+" | "-" => 1,
                _ => 2,
            };
            parenthesise(out, least > own, |out| {
                write_expr(out, left, own);
                let _ = write!(out, " {} ", op.value.sign());
                write_expr(out, right, own + 1);
            });
        }
        ExprKind::List(items) => {
            out.push('[');
            write_list(out, items);
            out.push(']');
        }
        ExprKind::Tuple(items) => {
            out.push('(');
            write_list(out, items);
            out.push(')');
        }
        ExprKind::Error => out.push_str(ERROR),
    }
}

fn parenthesise(out: &mut String, needed: bool, inner: impl FnOnce(&mut String)) {
    if needed {
        out.push('(');
    }
    inner(out);
    if needed {
        out.push(')');
    }
}

fn write_list(out: &mut String, items: &[Expr]) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write_expr(out, item, 0);
    }
}

fn write_arguments(out: &mut String, arguments: &[Argument]) {
    out.push('(');
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        if let Some(name) = &argument.name {
            let _ = write!(out, "{name} = ");
        }
        write_expr(out, &argument.value, 0);
    }
    out.push(')');
}
