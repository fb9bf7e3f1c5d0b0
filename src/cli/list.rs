//! `dflowc list [NAME]`: what the embedded library has.

use super::args::List;
use super::output::{Failure, Output, Status};
use crate::base::FileId;
use crate::diag::suggest::nearest;
use crate::syntax::ast::{Item, Parameter};
use crate::syntax::print::print_expr;
use crate::{stdlib, syntax};

/// A definition of the library with its parameters: `std.networks.llama3_8b (B = 1, S = 2048, L = S)`.
struct Entry {
    path: String,
    parameters: String,
}

/// Prints every definition with the first sentence of its file; of a file that is named, all that its head says.
pub fn run(arguments: &List, output: &Output) -> Result<Status, Failure> {
    let wanted = arguments.name.as_deref().unwrap_or("std");
    let wanted = match wanted == "std" || wanted.starts_with("std.") {
        true => wanted.to_owned(),
        false => format!("std.{wanted}"),
    };
    let inside = |path: &str| {
        let rest = path.strip_prefix(wanted.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let mut text = String::new();
    for path in stdlib::paths().filter(|path| inside(path)) {
        let source = stdlib::get(path).unwrap_or_default();
        let head = head(source);
        for entry in entries(path, source) {
            text += &format!("{}{}\n", entry.path, entry.parameters);
        }
        if path == wanted {
            text += &format!("\n{}\n", head.join("\n"));
        } else {
            text += &format!("    {}\n", title(&head));
        }
    }
    if text.is_empty() {
        let kinds = stdlib::paths().filter_map(|path| path.rsplit_once('.').map(|split| split.0));
        let known = stdlib::paths().chain(kinds);
        let hint = nearest(&wanted, known).map_or_else(
            || "`dflowc list` prints all".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        return Err(Failure(format!("the library has no `{wanted}`; {hint}")));
    }
    output.result(text.as_bytes())
}

/// The definitions of a file: the one that has its name, then the others.
fn entries(path: &str, source: &str) -> Vec<Entry> {
    let own = path.rsplit('.').next().unwrap_or_default();
    let parsed = syntax::parse(FileId::new(0), source);
    let mut found: Vec<Entry> = Vec::new();
    for item in &parsed.ast.items {
        let (name, parameters): (&str, &[Parameter]) = match item {
            Item::Network(node) => (node.name.as_str(), &node.parameters),
            Item::Dataflow(node) => (node.name.as_str(), &node.parameters),
            Item::Accelerator(node) | Item::Technology(node) => {
                let name = node.name.as_ref().map_or("", |name| name.as_str());
                (name, &node.parameters)
            }
            _ => continue,
        };
        let entry = Entry {
            path: match name == own {
                true => path.to_owned(),
                false => format!("{path}.{name}"),
            },
            parameters: written(parameters),
        };
        match name == own {
            true => found.insert(0, entry),
            false => found.push(entry),
        }
    }
    found
}

fn written(parameters: &[Parameter]) -> String {
    if parameters.is_empty() {
        return String::new();
    }
    let one = |parameter: &Parameter| match &parameter.default {
        Some(default) => format!("{} = {}", parameter.name, print_expr(default)),
        None => parameter.name.to_string(),
    };
    let list: Vec<String> = parameters.iter().map(one).collect();
    format!("({})", list.join(", "))
}

/// The lines of the comment at the head of a file, without their signs.
fn head(source: &str) -> Vec<&str> {
    let lines = source.lines().map_while(|line| line.strip_prefix("//"));
    lines
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect()
}

/// The first sentence of a head, or as much of it as one line holds.
fn title(head: &[&str]) -> String {
    const MOST: usize = 100;
    let paragraph: Vec<&str> = head
        .iter()
        .copied()
        .take_while(|line| !line.is_empty())
        .collect();
    let text = paragraph.join(" ");
    let sentence = text.split(". ").next().unwrap_or_default();
    let sentence = sentence.trim_end_matches(['.', ':']);
    match sentence.char_indices().nth(MOST) {
        None => sentence.to_owned(),
        Some((at, _)) => {
            let cut = sentence[..at].rfind(' ').unwrap_or(at);
            format!("{} ...", &sentence[..cut])
        }
    }
}
