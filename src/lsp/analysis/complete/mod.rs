//! What may stand at the cursor.
//!
//! The surroundings ([`super::context`]) say what kind of word is wanted: a keyword, a key of the block, a name. Names
//! come from the snapshot: layers of the network at hand, dimensions of the layer, memories of the accelerator,
//! definitions that the file knows, and those of the library by their whole name.

mod dataflow;
mod map;
mod search;

use super::context::{self, Context};
use super::{Snapshot, words};
use crate::base::Precision;
use crate::cost::ACTIONS;
use crate::hir::vocabulary::{self, Keys, Owner, keys};
use crate::hir::{Definition, Kind};
use crate::stdlib;
use crate::syntax::ast;
use crate::syntax::token::Token;
use std::collections::BTreeSet;

/// A word that may stand at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    pub label: String,
    pub kind: CompletionKind,
    /// Beside the word: how it is used, or where it is from.
    pub detail: Option<String>,
    /// What to write instead of the word that was begun.
    pub insert: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompletionKind {
    Keyword,
    Key,
    Name(Kind),
    Layer,
    Dimension,
    Part,
    Parameter,
    Word,
    Function,
    Folder,
}

/// The words for an offset of the file that was asked for, and where the word that was begun starts.
#[must_use]
pub fn complete(snapshot: &Snapshot, offset: u32) -> (u32, Vec<Completion>) {
    let Some(context) = context::context(snapshot.text(), offset) else {
        return (offset, Vec::new());
    };
    let mut list = List {
        snapshot,
        context: &context,
        words: Vec::new(),
    };
    list.fill();
    (context.start, list.words)
}

/// Whether a name must follow at an offset: only there words are offered without being asked for. Elsewhere a list that
/// opens by itself takes the Enter key from whoever wants a new line.
#[must_use]
pub fn wants_name(snapshot: &Snapshot, offset: u32) -> bool {
    let Some(context) = context::context(snapshot.text(), offset) else {
        return false;
    };
    if context.call().is_some() {
        return false;
    }
    let follows = match context.statement.last() {
        Some(Token::Comma) => {
            context.block().first() == Some(&Token::Map)
                && !context.statement.contains(&Token::Colon)
        }
        Some(token) => FOLLOWED_BY_NAMES.contains(token),
        None => false,
    };
    // Where a number may stand as well, no list.
    let (_, words) = complete(snapshot, offset);
    let is_number = |word: &Completion| word.kind == CompletionKind::Function;
    follows && !words.is_empty() && !words.iter().any(is_number)
}

/// Words and signs behind which there must be a name.
const FOLLOWED_BY_NAMES: [Token<'static>; 17] = [
    Token::Use,
    Token::Map,
    Token::On,
    Token::Over,
    Token::Using,
    Token::In,
    Token::From,
    Token::At,
    Token::Run,
    Token::Fuse,
    Token::Tile,
    Token::Spread,
    Token::Retain,
    Token::Recompute,
    Token::Refetch,
    Token::Bypass,
    Token::Colon,
];

/// What a keyword that begins an item is completed to, with places to fill in (`$1`); only where the line ends behind it.
#[must_use]
pub fn snippet(word: &Completion, snapshot: &Snapshot, start: u32) -> Option<String> {
    let text = snapshot.text();
    let rest = text.get(usize::try_from(start).ok()?..)?;
    let line = rest.split(['\n', '\r']).next()?;
    let begun: usize = line
        .chars()
        .take_while(|letter| letter.is_alphanumeric())
        .map(char::len_utf8)
        .sum();
    if word.kind != CompletionKind::Keyword || !line[begun..].trim().is_empty() {
        return None;
    }
    let known = SNIPPETS.iter().find(|known| known.0 == word.label)?;
    Some(known.1.to_owned())
}

/// Item, and its text.
const SNIPPETS: [(&str, &str); 7] = [
    (
        "Network",
        "Network ${1:net} {\n  Layer ${2:conv1} {\n    Type: ${3:CONV};\n    Dimensions { K: ${4:64}, C: ${5:3}, Y: ${6:224}, X: ${7:224}, R: ${8:3}, S: ${9:3} }\n  }\n  $0\n}",
    ),
    (
        "Layer",
        "Layer ${1:name} {\n  Type: ${2:CONV};\n  Dimensions { $0 }\n}",
    ),
    (
        "Accelerator",
        "Accelerator ${1:acc} {\n  Memory DRAM { Bandwidth: ${2:16B/cycle} }\n  Memory ${3:GLB} { Size: ${4:128KiB} }\n  Array PE { Shape: [${5:16}] }\n  Memory ${6:RF} { Size: ${7:512B} }\n  Compute MAC { Lanes: 1 }\n}",
    ),
    ("Dataflow", "Dataflow ${1:rows}(${2:t = 4}) {\n  $0\n}"),
    (
        "Map",
        "Map ${1:network} on ${2:accelerator} {\n  default: ${3:dataflow};$0\n}",
    ),
    (
        "Search",
        "Search ${1:best} {\n  network: ${2:net};\n  on: ${3:acc};\n  minimize: ${4:edp};$0\n}",
    ),
    ("Technology", "Technology ${1:mine} {\n  $0\n}"),
];

struct List<'a, 's> {
    snapshot: &'s Snapshot,
    context: &'a Context<'a>,
    words: Vec<Completion>,
}

/// Words that begin an item.
const ITEMS: [&str; 9] = [
    "use",
    "const",
    "Technology",
    "Accelerator",
    "Network",
    "Dataflow",
    "Map",
    "Search",
    "Explore",
];
/// Words that begin a directive.
const DIRECTIVES: [&str; 10] = [
    "TemporalMap",
    "SpatialMap",
    "Cluster",
    "at",
    "tile",
    "spread",
    "retain",
    "bypass",
    "let",
    "Schedule",
];
/// Words that begin a statement of a fused block.
const FUSED: [&str; 6] = [
    "tile",
    "retain",
    "recompute",
    "refetch",
    "pipeline",
    "sequence",
];
const ROLES: [&str; 3] = ["Input", "Weight", "Output"];
impl<'s> List<'_, 's> {
    fn fill(&mut self) {
        if let Some(path) = self.context.path() {
            match path.as_slice() {
                [network] if *network != "std" && self.in_layer_of_search() => {
                    self.layers(Some(network), None);
                }
                ["std", "networks", network] if self.in_layer_of_search() => {
                    let path = format!("std.networks.{network}");
                    self.layers(Some(&path), None);
                }
                [layer] if *layer != "std" => self.member(layer),
                path => self.library(path),
            }
            return;
        }
        match self.context.block().first().copied() {
            None => self.top(),
            Some(Token::Use) => {
                let path = context::dotted(self.context.block()).unwrap_or_default();
                self.library(&path);
            }
            Some(Token::Network) => self.network(Owner::Network),
            Some(Token::Repeat) => self.network(Owner::Repeat),
            Some(Token::Layer) => {
                let kind = self.layer_type();
                self.body(Owner::Layer(kind.as_deref()));
            }
            Some(Token::Accelerator) => self.body(Owner::Accelerator),
            Some(Token::Technology) => self.body(Owner::Technology),
            Some(Token::Map) => self.map_entry(),
            Some(Token::Fuse | Token::Tile) => self.fused(),
            Some(Token::Search) => self.search(),
            Some(Token::Explore) => self.exploration(),
            Some(Token::Space) => self.space(),
            Some(Token::Where) => self.conditions(),
            Some(Token::At) if self.context.around(Token::Space).is_some() => self.space(),
            Some(Token::Pipeline | Token::Sequence) => self.stage(),
            Some(Token::Dataflow | Token::At | Token::Default) => self.directive(),
            Some(Token::Identifier(kind)) => {
                if self.context.block().contains(&Token::Colon) {
                    self.directive();
                } else {
                    self.part(kind);
                }
            }
            Some(_) => {}
        }
    }

    fn push(&mut self, label: &str, kind: CompletionKind, detail: Option<String>) {
        self.words.push(Completion {
            label: label.to_owned(),
            kind,
            detail,
            insert: label.to_owned(),
        });
    }

    fn keywords(&mut self, words: &[&str]) {
        for word in words {
            let form = words::keyword(word).map(|(form, _)| form.to_owned());
            self.push(word, CompletionKind::Keyword, form);
        }
    }

    fn plain(&mut self, words: &[&str]) {
        for word in words {
            self.push(word, CompletionKind::Word, None);
        }
    }

    /// What follows `std.`, `std.networks.`
    fn library(&mut self, path: &[&str]) {
        let prefix = format!("{}.", path.join("."));
        let inside: BTreeSet<(&str, bool)> = stdlib::paths()
            .filter_map(|known| known.strip_prefix(&prefix))
            .map(|rest| match rest.split_once('.') {
                Some((folder, _)) => (folder, false),
                None => (rest, true),
            })
            .collect();
        for (word, is_file) in inside {
            if is_file {
                let kind = kind_of(&prefix);
                let whole = format!("{prefix}{word}");
                self.push(word, kind, Some(whole));
            } else {
                self.push(word, CompletionKind::Folder, None);
            }
        }
    }

    /// Between items, and in their heads.
    fn top(&mut self) {
        let statement = &self.context.statement;
        if statement.first() == Some(&Token::Map) && self.context.call().is_some() {
            self.arguments();
            return;
        }
        match statement.as_slice() {
            [] => self.keywords(&ITEMS),
            [Token::Use] => self.push(
                "std",
                CompletionKind::Folder,
                Some("the library".to_owned()),
            ),
            [Token::Map] => self.names(Kind::Network),
            [Token::Map | Token::Dataflow, .., Token::On] => self.names(Kind::Accelerator),
            [Token::Map, .., Token::Identifier(_) | Token::RightParen]
                if statement.contains(&Token::On) && !statement.contains(&Token::As) =>
            {
                self.keywords(&["as"]);
            }
            [Token::Map, .., Token::Identifier(_) | Token::RightParen]
                if !statement.contains(&Token::On) =>
            {
                self.keywords(&["on"]);
            }
            [Token::Dataflow, Token::Identifier(_)] => self.keywords(&["on"]),
            [Token::Dataflow, .., Token::RightParen] => self.keywords(&["on"]),
            [Token::Const | Token::Constant, _, ..] => self.names(Kind::Const),
            _ => {}
        }
    }

    /// Names that the file knows, then those of the library that it does not.
    fn names(&mut self, kind: Kind) {
        let Some((root, _)) = self.snapshot.root() else {
            return;
        };
        let mut known = BTreeSet::new();
        if let Some(scope) = self.snapshot.scopes.get(root) {
            for ((_, name), definition) in scope.iter().filter(|((k, _), _)| *k == kind) {
                let module = self.snapshot.compiled.modules.get(definition.module);
                let path = module.and_then(|module| module.std_path.clone());
                known.extend(path.clone());
                let detail = path.or_else(|| Some(kind.name().to_owned()));
                self.push(name, CompletionKind::Name(kind), detail);
            }
        }
        let folder = match kind {
            Kind::Network => "std.networks.",
            Kind::Accelerator => "std.accelerators.",
            Kind::Dataflow => "std.dataflows.",
            Kind::Technology => "std.technology.",
            Kind::Const => return,
        };
        for path in stdlib::paths().filter(|path| path.starts_with(folder)) {
            if !known.contains(path) {
                let label = path.to_owned();
                self.push(
                    &label,
                    CompletionKind::Name(kind),
                    Some("the library".to_owned()),
                );
            }
        }
    }

    /// An entry of a network or a repeat, or the network of a block in it.
    fn network(&mut self, owner: Owner<'_>) {
        match self.context.statement.as_slice() {
            [Token::Block, _, Token::Colon] => self.names(Kind::Network),
            [Token::Persistent | Token::Identifier("Persistent")] => {
                let network = self.context.name_of(Token::Network).map(str::to_owned);
                self.inputs(network.as_deref());
                self.layers(network.as_deref(), None);
            }
            _ => self.body(owner),
        }
    }

    /// A block with keys: a key, or the value of one.
    fn body(&mut self, owner: Owner<'_>) {
        if self.context.call().is_some() {
            self.arguments();
            return;
        }
        match self.context.key() {
            // Only these take several values; elsewhere a comma begins the next key.
            Some((key, comma)) if !comma || matches!(key, "Inputs" | "Holds") => self.value(key),
            Some(_) => self.keys(owner),
            None if self.context.statement.is_empty() => self.keys(owner),
            None => {}
        }
    }

    fn keys(&mut self, owner: Owner<'_>) {
        let Keys {
            properties,
            blocks,
            repeated,
            flags,
        } = keys(owner);
        let detail = |form: &str| Some(form.to_owned());
        for key in properties {
            self.push(key, CompletionKind::Key, detail(&format!("{key}: ...;")));
        }
        for key in blocks {
            self.push(
                key,
                CompletionKind::Key,
                detail(&format!("{key} {{ ... }}")),
            );
        }
        for key in repeated {
            self.push(
                key,
                CompletionKind::Key,
                detail(&format!("{key} name {{ ... }}")),
            );
        }
        for key in flags {
            if !self.words.iter().any(|word| word.label == key) {
                self.push(key, CompletionKind::Key, None);
            }
        }
        match owner {
            Owner::Network | Owner::Repeat => self.keywords(&["Layer", "repeat", "Block"]),
            Owner::Layer(_) => self.keywords(&["Dataflow"]),
            Owner::Technology => {
                for action in ACTIONS {
                    self.push(
                        action,
                        CompletionKind::Function,
                        detail(&format!("{action}(...): ...;")),
                    );
                }
            }
            _ => {}
        }
    }

    fn value(&mut self, key: &str) {
        match key {
            "Type" => {
                let types = vocabulary::layer_types();
                self.plain(&types);
            }
            "Op" => self.plain(&["max", "avg"]),
            "Refill" => self.plain(&["window", "tile"]),
            "Holds" => self.plain(&ROLES),
            "Precision" | "Input" | "Weight" | "PartialSum" | "Output" | "MultPrecision"
            | "AddPrecision" => {
                let names = Precision::COMMON.map(Precision::name);
                self.plain(&names);
            }
            "Multicast" | "Reduction" | "Forwarding" | "PerTensor" | "DoubleBuffered"
            | "Overlap" => {
                self.plain(&["true", "false"]);
            }
            "Inputs" => {
                self.plain(&["external"]);
                let network = self.context.name_of(Token::Network).map(str::to_owned);
                let own = self.context.name_of(Token::Layer).map(str::to_owned);
                self.inputs(network.as_deref());
                self.layers(network.as_deref(), own.as_deref());
            }
            "Dataflow" => self.names(Kind::Dataflow),
            "Technology" => self.names(Kind::Technology),
            _ => self.numbers(),
        }
    }

    /// A block whose kind is no keyword: `Dimensions { ... }`, `Memory RF { ... }`.
    fn part(&mut self, kind: &str) {
        let dims: Vec<String> = match kind {
            "Dimensions" => {
                let name = self.layer_type().unwrap_or_else(|| "CONV".to_owned());
                let known = vocabulary::dimensions(&name).into_iter();
                known.map(str::to_owned).collect()
            }
            "Stride" | "Padding" => vec!["Y".to_owned(), "X".to_owned()],
            "Dilation" => vec!["R".to_owned(), "S".to_owned()],
            "Density" => ROLES.map(str::to_owned).to_vec(),
            _ => {
                self.body(Owner::Part(kind));
                return;
            }
        };
        match self.context.key() {
            Some((_, false)) => self.numbers(),
            _ => {
                for dim in dims {
                    self.push(&dim, CompletionKind::Dimension, Some(format!("{dim}: ...")));
                }
            }
        }
    }

    fn find(&self, kind: Kind, name: &str) -> Option<Definition> {
        self.snapshot.named(kind, name)
    }

    /// The type that the layer around the cursor has.
    fn layer_type(&self) -> Option<String> {
        let network = self.context.name_of(Token::Network)?;
        let layer = self.context.name_of(Token::Layer)?;
        let network = self.find(Kind::Network, network)?;
        let layers = self.snapshot.layers(network);
        let (_, node) = layers
            .iter()
            .find(|(_, node)| node.name.as_str() == layer)?;
        type_of(node).map(str::to_owned)
    }
}

fn kind_of(prefix: &str) -> CompletionKind {
    CompletionKind::Name(match prefix {
        "std.networks." => Kind::Network,
        "std.accelerators." => Kind::Accelerator,
        "std.technology." => Kind::Technology,
        _ => Kind::Dataflow,
    })
}

fn type_of(layer: &ast::Layer) -> Option<&str> {
    let mut properties = layer.body.properties();
    let kind = properties.find(|property| property.key.as_str() == "Type")?;
    Some(kind.values.first()?.as_name()?.as_str())
}

#[cfg(test)]
mod tests;
