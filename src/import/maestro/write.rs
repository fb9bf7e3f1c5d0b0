//! The text of an imported file: constants, a Dataflow for each distinct list before the network that has it first,
//! networks, the accelerator, and a Map that groups the layers by their lists.
//!
//! Comments stay with what they stand before, or behind on the same line. Those of a list are kept once: a layer that
//! repeats the list repeats them, and what it says otherwise stands before the layer.

use super::build::Named;
use super::lists::{Lists, Mapped};
use super::tree::{Dataflow, Tree};
use crate::base::Span;
use crate::syntax::ast::{self, Entry, File, Item};
use crate::syntax::print;
use std::collections::{BTreeMap, BTreeSet};

/// The comments of a file, by where they belong.
struct Comments<'a> {
    text: &'a str,
    all: &'a [Span],
    /// The first one that is not written yet.
    next: usize,
}

impl<'a> Comments<'a> {
    fn words(&self, span: Span) -> &'a str {
        self.text.get(span.range()).unwrap_or("//")
    }

    /// Those before a place, each on a line of its own.
    fn before(&mut self, place: u32, out: &mut String) {
        while let Some(&span) = self.all.get(self.next).filter(|span| span.lo() < place) {
            out.push_str(self.words(span));
            out.push('\n');
            self.next = self.next.saturating_add(1);
        }
    }

    /// Those in a span.
    fn inside(&self, span: Span) -> &'a [Span] {
        let from = self.all.partition_point(|comment| comment.lo() < span.lo());
        let to = self.all.partition_point(|comment| comment.lo() < span.hi());
        self.all.get(from..to).unwrap_or_default()
    }
}

/// Items, in the order in which they stand in the file.
enum Part<'a> {
    Const(String),
    Network(usize, &'a super::tree::Network),
    Accelerator,
}

/// The whole text.
#[must_use]
pub fn write(
    tree: &Tree,
    lists: &Lists<'_>,
    named: &Named,
    comments: &[Span],
    text: &str,
) -> String {
    let mut comments = Comments {
        text,
        all: comments,
        next: 0,
    };
    let mut out = String::new();
    let mut parts: BTreeMap<Span, Part<'_>> = BTreeMap::new();
    for (span, item) in named.constants(tree) {
        parts.insert(span, Part::Const(printed(item)));
    }
    for (at, network) in tree.networks.iter().enumerate() {
        parts.insert(network.span, Part::Network(at, network));
    }
    for accelerator in tree.accelerators.iter().take(1) {
        parts.insert(accelerator.span, Part::Accelerator);
    }
    let mut first_layer = 0usize;
    for (span, part) in &parts {
        comments.before(span.lo(), &mut out);
        match part {
            Part::Const(text) => out.push_str(text),
            Part::Accelerator => {
                out.push_str(&named.accelerator().map_or(String::new(), printed));
                comments.before(span.hi(), &mut out);
            }
            Part::Network(at, node) => {
                out.push('\n');
                dataflows(*at, lists, named, &comments, &mut out);
                network(
                    *at,
                    node,
                    first_layer,
                    lists,
                    named,
                    &mut comments,
                    &mut out,
                );
                first_layer = first_layer.saturating_add(node.layers.len());
            }
        }
    }
    comments.before(u32::MAX, &mut out);
    if tree.accelerators.is_empty() {
        out.push('\n');
        out.push_str(&named.accelerator().map_or(String::new(), printed));
    }
    for (at, node) in tree.networks.iter().enumerate() {
        if let Some(map) = named.map(at, node, named.entries(at, lists)) {
            out.push('\n');
            out.push_str(&printed(Item::Map(map)));
        }
    }
    out
}

fn printed(item: Item) -> String {
    let span = item.span();
    print::print(&File {
        unread: Vec::new(),
        items: vec![item],
        span,
    })
}

/// The lists that a network is the first to have.
fn dataflows(
    network: usize,
    lists: &Lists<'_>,
    named: &Named,
    comments: &Comments<'_>,
    out: &mut String,
) {
    for list in lists.new_in(network) {
        let first = lists
            .first
            .get(list)
            .and_then(|&first| lists.layers.get(first));
        let Some((layer, name)) = first.zip(named.dataflows.get(list)) else {
            continue;
        };
        let Some(dataflow) = layer.dataflow else {
            continue;
        };
        out.push_str(&format!("Dataflow {name} {{\n"));
        let placed = placed(dataflow, comments);
        let said = |at: usize, behind: bool, out: &mut String| {
            for comment in placed
                .iter()
                .filter(|one| (one.at, one.behind) == (at, behind))
            {
                out.push_str(if behind { " " } else { "\n" });
                out.push_str(comment.words);
            }
        };
        for (at, (node, &adjusted)) in dataflow.directives.iter().zip(&layer.adjusted).enumerate() {
            said(at, false, out);
            if let Some(directive) = named.directive(node, adjusted) {
                out.push('\n');
                out.push_str(&print::print_directive(&directive));
            }
            said(at, true, out);
        }
        said(dataflow.directives.len(), false, out);
        out.push_str("\n}\n\n");
    }
}

fn network(
    at: usize,
    node: &super::tree::Network,
    first_layer: usize,
    lists: &Lists<'_>,
    named: &Named,
    comments: &mut Comments<'_>,
    out: &mut String,
) {
    let empty = named.network(at, node, Vec::new());
    let unwired = if empty.unwired.is_some() {
        " unwired"
    } else {
        ""
    };
    out.push_str(&format!("Network {}{unwired} {{\n", empty.name));
    let mut number = first_layer;
    let mut kept = BTreeMap::new();
    for layer in &node.layers {
        comments.before(layer.span.lo(), out);
        if let Some(mapped) = lists.layers.get(number) {
            leftover(layer, mapped, lists, &mut kept, comments, out);
            let node: ast::Layer = named.layer_node(layer, number, mapped, false);
            out.push_str(&print::print_entry(&Entry::Layer(node)));
            out.push('\n');
        }
        number = number.saturating_add(1);
    }
    comments.before(node.span.hi(), out);
    out.push_str("}\n");
}

/// The comments in a layer that do not stand in the Dataflow of its list.
fn leftover<'a>(
    node: &super::tree::Layer,
    layer: &Mapped<'_>,
    lists: &Lists<'_>,
    kept: &mut BTreeMap<usize, BTreeSet<Placed<'a>>>,
    comments: &mut Comments<'a>,
    out: &mut String,
) {
    let own = layer.dataflow.filter(|own| node.span.contains(own.body));
    let kept = own.zip(layer.list).map(|(_, list)| {
        kept.entry(list).or_insert_with(|| {
            let first = lists
                .first
                .get(list)
                .and_then(|&first| lists.layers.get(first));
            let first = first.and_then(|first| first.dataflow);
            first.map_or(BTreeSet::new(), |first| {
                placed(first, comments).into_iter().collect()
            })
        })
    });
    let in_list: Vec<Placed<'_>> = own.map_or(Vec::new(), |own| placed(own, comments));
    let mut in_list = in_list.into_iter();
    for &span in comments.inside(node.span) {
        let is_kept = own.is_some_and(|own| own.body.contains(span))
            && in_list
                .next()
                .is_some_and(|one| kept.as_ref().is_some_and(|kept| kept.contains(&one)));
        if !is_kept {
            out.push_str(comments.words(span));
            out.push('\n');
        }
    }
    let past = comments
        .all
        .partition_point(|comment| comment.lo() < node.span.hi());
    comments.next = comments.next.max(past);
}

/// A comment of a list: before the directive of a number, or behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Placed<'a> {
    at: usize,
    behind: bool,
    words: &'a str,
}

/// The comments of a list, in order.
fn placed<'a>(dataflow: &Dataflow, comments: &Comments<'a>) -> Vec<Placed<'a>> {
    let directives = &dataflow.directives;
    let inside = comments.inside(dataflow.body).iter();
    inside
        .map(|span| {
            let at = directives.partition_point(|directive| directive.span.lo() < span.lo());
            let before = at
                .checked_sub(1)
                .and_then(|before| Some((before, directives.get(before)?)));
            let same_line = before.filter(|(_, directive)| {
                let between = directive.span.hi() as usize..span.lo() as usize;
                let between = comments.text.get(between);
                between.is_some_and(|between| !between.contains(['\n', '\r']))
            });
            let words = comments.words(*span);
            match same_line {
                Some((before, _)) => Placed {
                    at: before,
                    behind: true,
                    words,
                },
                None => Placed {
                    at,
                    behind: false,
                    words,
                },
            }
        })
        .collect()
}
