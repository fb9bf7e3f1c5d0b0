//! `.m` files of the MAESTRO tool: networks of layers, each with its complete list of directives, and flat lists of
//! hardware.
//!
//! ```text
//! Network VGG16 {                                        Network VGG16 unwired {
//!   Layer CONV1 {                                          Layer CONV1 {
//!     Type: CONV                                             Type: CONV;
//!     Dimensions { K 64,C 3,R 3,S 3,Y 224,X 224 }            Dimensions { K: 64, C: 3, R: 3, S: 3, Y: 224, X: 224 }
//!     Dataflow { SpatialMap (1,1) K;                       }
//!                TemporalMap(64,64) C }    ->            }
//!   }                                                    Dataflow k_partitioned {
//! }                                                        SpatialMap(1, 1) K;
//!                                                          TemporalMap(upto 64, upto 64) C;
//!                                                        }
//!                                                        Map VGG16 on hw { CONV1: k_partitioned; }
//! ```
//!
//! [`import`] gives the tree that everything behind the parser works on; [`written`] the text on the right. Both mean the
//! same: [`lists`] says what had to be put into other words. What the tool itself would have printed for a layer, where
//! that is not true, is a warning ([`tool`]).

mod build;
mod error;
mod hardware;
mod lexer;
mod lists;
mod names;
mod parser;
mod tool;
mod tree;
mod write;

pub use error::MaestroError;

use crate::base::{FileId, Span};
use crate::diag::Mistake;
use crate::syntax::MAX_SOURCE_BYTES;
use crate::syntax::ast::{self, Definition, File, Item};
use build::Named;
use error::{OtherCount, Reason};
use lists::{Constants, Lists, lists};
use std::collections::BTreeMap;
use tree::Tree;

/// How the names of such files end.
pub const ENDING: &str = ".m";

/// What an importer has to know beside the text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings<'a> {
    /// From a hardware file beside the network.
    pub hardware: Option<&'a Definition>,
    /// The file is imported by another, which has the accelerator and the maps.
    pub is_part: bool,
}

/// A file as a tree of dflow.
#[derive(Clone, Debug)]
pub struct Imported {
    pub ast: File,
    pub errors: Vec<MaestroError>,
    /// What the list of directives at a place is called in reports.
    pub labels: BTreeMap<Span, String>,
}

/// Whether the file at `path` is in this format.
#[must_use]
pub fn is_maestro(path: &str) -> bool {
    path.ends_with(ENDING)
}

/// Reads a text; total.
#[must_use]
pub fn import(file: FileId, text: &str, around: Surroundings<'_>) -> Imported {
    let (tree, _, mut errors) = read(file, text);
    let constants = Constants::new(&tree.constants);
    let lists = lists(&tree, &constants);
    let named = name_all(&tree, &lists, around, file, text, &mut errors);
    let mut items: Vec<Item> = named.constants(&tree).map(|(_, item)| item).collect();
    items.extend(named.accelerator());
    let mut at = 0usize;
    let mut maps = Vec::new();
    for (number, network) in tree.networks.iter().enumerate() {
        let mut layers = Vec::with_capacity(network.layers.len());
        for node in &network.layers {
            if let Some(layer) = lists.layers.get(at) {
                layers.push(named.layer_node(node, at, layer, true));
            }
            at = at.saturating_add(1);
        }
        items.push(Item::Network(named.network(number, network, layers)));
        if !around.is_part {
            maps.extend(named.map(number, network, Vec::new()).map(Item::Map));
        }
    }
    items.extend(maps);
    if let Some(pes) = named.pes() {
        errors.extend(other_counts(&tree, &lists, &named, &constants, pes));
    }
    Imported {
        ast: ast::File {
            unread: Vec::new(),
            items,
            span: whole(file, text),
        },
        errors,
        labels: named.labels(&lists),
    }
}

/// The file in dflow, not laid out yet, with its comments. Only a file that has been imported without errors means the
/// same there.
#[must_use]
pub fn written(file: FileId, text: &str, around: Surroundings<'_>) -> String {
    let (tree, comments, mut errors) = read(file, text);
    let constants = Constants::new(&tree.constants);
    let lists = lists(&tree, &constants);
    let named = name_all(&tree, &lists, around, file, text, &mut errors);
    write::write(&tree, &lists, &named, &comments, text)
}

/// The accelerator of a hardware file, called `name`.
#[must_use]
pub fn hardware(file: FileId, text: &str, name: &str) -> (Option<Definition>, Vec<MaestroError>) {
    if let Some(error) = too_large(file, text) {
        return (None, vec![error]);
    }
    hardware::flat(file, text, name)
}

/// The words that the text is cut into: where each begins, and what it is.
#[must_use]
pub fn words(file: FileId, text: &str) -> Vec<(u32, String)> {
    if too_large(file, text).is_some() {
        return Vec::new();
    }
    let lexed = lexer::lex(file, text);
    let word = |lexeme: &lexer::Lexeme<'_>| (lexeme.span.lo(), format!("{:?}", lexeme.token));
    lexed.lexemes.iter().map(word).collect()
}

/// Whether a text can be read without a mistake: an edit that makes one is none.
#[must_use]
pub fn parses(file: FileId, text: &str) -> bool {
    let (_, _, errors) = read(file, text);
    !errors.iter().any(|error| error.to_diagnostic().is_error())
}

fn whole(file: FileId, text: &str) -> Span {
    Span::new(file, 0, u32::try_from(text.len()).unwrap_or(u32::MAX))
}

fn too_large(file: FileId, text: &str) -> Option<MaestroError> {
    (text.len() > MAX_SOURCE_BYTES).then(|| MaestroError::FileTooLarge {
        span: Span::new(file, 0, 0),
        limit: MAX_SOURCE_BYTES,
    })
}

/// The tree of a text, and its comments.
fn read(file: FileId, text: &str) -> (Tree, Vec<Span>, Vec<MaestroError>) {
    if let Some(error) = too_large(file, text) {
        return (Tree::default(), Vec::new(), vec![error]);
    }
    let lexed = lexer::lex(file, text);
    let (tree, errors) = parser::parse(&lexed.lexemes, whole(file, text).end());
    (tree, lexed.comments, errors)
}

fn name_all(
    tree: &Tree,
    lists: &Lists<'_>,
    around: Surroundings<'_>,
    file: FileId,
    text: &str,
    errors: &mut Vec<MaestroError>,
) -> Named {
    if tree.networks.is_empty() && errors.is_empty() {
        let start = whole(file, text).start();
        errors.push(MaestroError::NoNetwork { span: start });
    }
    if let Some(span) = lists.cut {
        errors.push(MaestroError::TooMany {
            span,
            what: "directives of layers without a Dataflow of their own",
            limit: lists::MAX_INHERITED,
        });
    }
    Named::new(tree, lists, around.hardware, !around.is_part, errors)
}

/// Where the public tool prints another number: once for the layers that have it from one list for one reason.
fn other_counts(
    tree: &Tree,
    lists: &Lists<'_>,
    named: &Named,
    constants: &Constants,
    pes: u64,
) -> Vec<MaestroError> {
    let mut found: Vec<OtherCount> = Vec::new();
    let mut known: BTreeMap<(usize, Reason), usize> = BTreeMap::new();
    for (at, layer) in lists.layers.iter().enumerate() {
        let Some((list, dataflow)) = layer.list.zip(layer.dataflow) else {
            continue;
        };
        let Some(counted) = tool::printed(dataflow, &layer.extents, constants, pes) else {
            continue;
        };
        if counted.printed == counted.macs {
            continue;
        }
        let Some((dim, reason)) = counted.reasons.into_iter().next() else {
            continue;
        };
        let name = named.layer(at).to_owned();
        match known
            .get(&(list, reason.clone()))
            .and_then(|&at| found.get_mut(at))
        {
            Some(first) => first.more.push((name, counted.printed, counted.macs)),
            None => {
                known.insert((list, reason.clone()), found.len());
                let node = tree.networks.get(layer.network);
                let node = node.and_then(|network| network.layers.get(layer.layer));
                let place = lists::place(dataflow, &dim);
                let Some(span) = place.or(node.map(|node| node.name.span)) else {
                    continue;
                };
                found.push(OtherCount {
                    span,
                    reason,
                    layer: name,
                    printed: counted.printed,
                    true_macs: counted.macs,
                    more: Vec::new(),
                });
            }
        }
    }
    let boxed = found.into_iter().map(Box::new);
    boxed.map(MaestroError::OtherCount).collect()
}
