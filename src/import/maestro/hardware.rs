//! Hardware of a `.m` file: the flat list of the public tool, and the block of the paper's Fig. 8, as an accelerator in
//! the short form.
//!
//! ```text
//! num_pes: 256            Accelerator hw {
//! l1_size_cstr: 100         PE { NumPEs: 256; VectorWidth: 1; MultPrecision: INT8; AddPrecision: INT8 }
//! noc_bw_cstr: 1000         Buffer { LocalL1: 100 }
//! NoC_NumHops: 1            NoC { Bandwidth: 1000; AvgLatency: 1 }
//!                         }
//! ```
//!
//! The tool counts elements and calls them bytes: an element is a byte here, also of a partial sum. What the list does
//! not say has no bound, as in the tool.

use super::error::MaestroError;
use super::lexer::lex;
use super::names::Names;
use super::parser::parse_pairs;
use super::tree::{self, Setting};
use crate::base::{Decimal, FileId, Span, Spanned};
use crate::diag::suggest::nearest;
use crate::syntax::ast::{self, Block, Body, Definition, Expr, ExprKind, Number, Path, Property};

/// Of the accelerator that is assumed when none is given: that of the paper's Fig. 8, and of the tool's example.
pub const ASSUMED_PES: u64 = 256;

/// Keys of the flat list, and where they go: a block and a key of the short form.
const KEYS: [(&str, &str, &str); 6] = [
    ("num_pes", "PE", "NumPEs"),
    ("l1_size_cstr", "Buffer", "LocalL1"),
    ("l2_size_cstr", "Buffer", "GlobalL2"),
    ("noc_bw_cstr", "NoC", "Bandwidth"),
    ("offchip_bw_cstr", "OffChip", "Bandwidth"),
    ("NoC_NumHops", "NoC", "AvgLatency"),
];

/// Whether a word is a key of the flat list.
#[must_use]
pub fn is_hardware_key(word: &str) -> bool {
    KEYS.iter().any(|(key, ..)| *key == word)
}

/// The accelerator of a flat list, called `name`; `None` when it has no PEs, which has been reported.
#[must_use]
pub fn flat(file: FileId, text: &str, name: &str) -> (Option<Definition>, Vec<MaestroError>) {
    let lexed = lex(file, text);
    let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let whole = Span::new(file, 0, end);
    let (pairs, mut errors) = parse_pairs(&lexed.lexemes, whole.end());
    let mut known: Vec<(usize, Spanned<u64>, Span)> = Vec::new();
    for (key, value) in pairs {
        let Some(at) = KEYS.iter().position(|(word, ..)| *word == key.as_str()) else {
            let near = nearest(key.as_str(), KEYS.map(|(word, ..)| word));
            errors.push(MaestroError::HardwareKey {
                span: key.span,
                key: key.value,
                near,
            });
            continue;
        };
        match known.iter().find(|(other, ..)| *other == at) {
            Some(&(_, _, first)) => errors.push(MaestroError::HardwareKeyTwice {
                span: key.span,
                first,
                key: key.value,
            }),
            None => known.push((at, value, key.span)),
        }
    }
    if !known.iter().any(|&(at, ..)| at == 0) {
        if errors.is_empty() {
            errors.push(MaestroError::NoPes { span: whole });
        }
        return (None, errors);
    }
    let mut blocks: Vec<(&str, Vec<ast::Entry>)> = ["PE", "Buffer", "NoC", "OffChip"]
        .map(|kind| (kind, Vec::new()))
        .to_vec();
    for (at, value, key) in known {
        let (_, kind, word) = KEYS[at];
        let entry = ast::Entry::Property(property(
            Spanned::new(word.to_owned(), key),
            number(value.value, value.span),
        ));
        for (known, entries) in &mut blocks {
            if *known == kind {
                entries.push(entry.clone());
            }
        }
    }
    if let Some((_, entries)) = blocks.first_mut() {
        entries.extend(of_elements(whole.start()));
    }
    let blocks = blocks
        .into_iter()
        .filter(|(_, entries)| !entries.is_empty())
        .map(|(kind, entries)| block(kind, entries, whole))
        .collect();
    let definition = definition(Spanned::new(name.to_owned(), whole.start()), blocks, whole);
    (Some(definition), errors)
}

/// The accelerator that is assumed when a network comes without one.
#[must_use]
pub fn assumed(at: Span) -> Definition {
    let mut entries = vec![ast::Entry::Property(property(
        Spanned::new("NumPEs".to_owned(), at),
        number(ASSUMED_PES, at),
    ))];
    entries.extend(of_elements(at));
    let name = Spanned::new("assumed".to_owned(), at);
    definition(name, vec![block("PE", entries, at)], at)
}

/// A lane, and a byte for each element.
fn of_elements(at: Span) -> Vec<ast::Entry> {
    let word = |key: &str, value: Expr| {
        ast::Entry::Property(property(Spanned::new(key.to_owned(), at), value))
    };
    vec![
        word("VectorWidth", number(1, at)),
        word("MultPrecision", name("INT8", at)),
        word("AddPrecision", name("INT8", at)),
    ]
}

/// The block of the paper; its keys are those of the short form already.
#[must_use]
pub fn of_paper(node: &tree::Accelerator, names: &mut Names) -> Definition {
    let name = match &node.name {
        Some(name) => Spanned::new(names.item(name.as_str()), name.span),
        None => Spanned::new("accelerator".to_owned(), node.keyword),
    };
    definition_of(name, entries(&node.body), node.braces, node.span)
}

fn entries(body: &[tree::Entry]) -> Vec<ast::Entry> {
    let entry = |entry: &tree::Entry| match entry {
        tree::Entry::Property { key, value } => ast::Entry::Property(property(
            key.clone(),
            match value {
                Setting::Integer(value) => number(value.value, value.span),
                Setting::Word(word) => self::name(word.as_str(), word.span),
            },
        )),
        tree::Entry::Block { kind, body, braces } => ast::Entry::Block(Block {
            kind: kind.clone(),
            name: None,
            body: Body {
                entries: entries(body),
                span: *braces,
            },
            span: kind.span.join(*braces),
        }),
        tree::Entry::Error(span) => ast::Entry::Error(*span),
    };
    body.iter().map(entry).collect()
}

fn definition(name: ast::Name, blocks: Vec<ast::Entry>, span: Span) -> Definition {
    definition_of(name, blocks, span, span)
}

fn definition_of(
    name: ast::Name,
    entries: Vec<ast::Entry>,
    braces: Span,
    span: Span,
) -> Definition {
    Definition {
        name: Some(name),
        parameters: Vec::new(),
        body: Body {
            entries,
            span: braces,
        },
        span,
    }
}

fn block(kind: &str, entries: Vec<ast::Entry>, span: Span) -> ast::Entry {
    ast::Entry::Block(Block {
        kind: Spanned::new(kind.to_owned(), span),
        name: None,
        body: Body { entries, span },
        span,
    })
}

pub(super) fn property(key: ast::Name, value: Expr) -> Property {
    let span = key.span.join(value.span);
    Property {
        key,
        arguments: Vec::new(),
        values: vec![value],
        span,
    }
}

pub(super) fn number(value: u64, span: Span) -> Expr {
    let number = Number {
        value: Decimal::integer(value),
        unit: None,
    };
    Expr::new(ExprKind::Number(number), span)
}

pub(super) fn name(text: &str, span: Span) -> Expr {
    Expr::new(ExprKind::Path(path(text, span)), span)
}

pub(super) fn path(text: &str, span: Span) -> Path {
    Path {
        segments: vec![Spanned::new(text.to_owned(), span)],
        span,
    }
}
