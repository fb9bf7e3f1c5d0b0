//! What may stand at the cursor.
//!
//! The surroundings ([`super::context`]) say what kind of word is wanted: a keyword, a key of the block, a name. Names
//! come from the snapshot: layers of the network at hand, dimensions of the layer, memories of the accelerator,
//! definitions that the file knows, and those of the library by their whole name.

use super::context::{self, Context};
use super::{Snapshot, words};
use crate::base::Precision;
use crate::cost::ACTIONS;
use crate::hir::vocabulary::{self, Keys, Owner, keys};
use crate::hir::{Definition, Kind, Layer};
use crate::stdlib;
use crate::syntax::ast::{self, Item};
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

struct List<'a, 's> {
    snapshot: &'s Snapshot,
    context: &'a Context<'a>,
    words: Vec<Completion>,
}

/// Words that begin an item.
const ITEMS: [&str; 7] = [
    "use",
    "const",
    "Technology",
    "Accelerator",
    "Network",
    "Dataflow",
    "Map",
];
/// Words that begin a directive.
const DIRECTIVES: [&str; 8] = [
    "TemporalMap",
    "SpatialMap",
    "Cluster",
    "at",
    "tile",
    "spread",
    "retain",
    "bypass",
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
const FUNCTIONS: [(&str, &str); 4] = [
    (
        "Sz",
        "Sz(D): the size of dimension D in the layer being mapped",
    ),
    ("min", "min(a, b)"),
    ("max", "max(a, b)"),
    ("ceil_div", "ceil_div(a, b): a / b rounded up"),
];

impl<'s> List<'_, 's> {
    fn fill(&mut self) {
        if let Some(path) = self.context.path() {
            match path.as_slice() {
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
            Some(Token::Network) => self.body(Owner::Network),
            Some(Token::Layer) => {
                let kind = self.layer_type();
                self.body(Owner::Layer(kind.as_deref()));
            }
            Some(Token::Accelerator) => self.body(Owner::Accelerator),
            Some(Token::Technology) => self.body(Owner::Technology),
            Some(Token::Map) => self.map_entry(),
            Some(Token::Fuse | Token::Tile) => self.fused(),
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
        match statement.as_slice() {
            [] => self.keywords(&ITEMS),
            [Token::Use] => self.push(
                "std",
                CompletionKind::Folder,
                Some("the library".to_owned()),
            ),
            [Token::Map] => self.names(Kind::Network),
            [Token::Map | Token::Dataflow, .., Token::On] => self.names(Kind::Accelerator),
            [Token::Map, .., Token::Identifier(_)] | [Token::Dataflow, Token::Identifier(_)] => {
                self.keywords(&["on"]);
            }
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
            Owner::Network => self.keywords(&["Layer"]),
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
            "Precision" | "Input" | "Weight" | "Output" | "MultPrecision" | "AddPrecision" => {
                let names = Precision::ALL.map(Precision::name);
                self.plain(&names);
            }
            "Multicast" | "Reduction" | "Forwarding" | "PerTensor" | "DoubleBuffered" => {
                self.plain(&["true", "false"]);
            }
            "Inputs" => {
                self.plain(&["external"]);
                let network = self.context.name_of(Token::Network).map(str::to_owned);
                let own = self.context.name_of(Token::Layer).map(str::to_owned);
                self.layers(network.as_deref(), own.as_deref());
            }
            "Dataflow" => self.names(Kind::Dataflow),
            "Technology" => self.names(Kind::Technology),
            _ => self.names(Kind::Const),
        }
    }

    /// A block whose kind is no keyword: `Dimensions { ... }`, `Memory RF { ... }`.
    fn part(&mut self, kind: &str) {
        let dims: Vec<String> = match kind {
            "Dimensions" => {
                let name = self.layer_type().unwrap_or_else(|| "CONV".to_owned());
                let known = vocabulary::dimensions(&name).iter();
                known.map(|dim| (*dim).to_owned()).collect()
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
            Some((_, false)) => self.names(Kind::Const),
            _ => {
                for dim in dims {
                    self.push(&dim, CompletionKind::Dimension, Some(format!("{dim}: ...")));
                }
            }
        }
    }

    fn map_entry(&mut self) {
        if self.context.call().is_some() {
            self.arguments();
            return;
        }
        let statement = &self.context.statement;
        if statement.contains(&Token::Colon) {
            if statement.last() == Some(&Token::Colon) {
                self.names(Kind::Dataflow);
            }
        } else if statement.first() == Some(&Token::Default) {
            let types = vocabulary::layer_types();
            self.plain(&types);
        } else if matches!(statement.last(), None | Some(Token::Comma | Token::Fuse)) {
            if statement.is_empty() {
                self.keywords(&["default", "Fuse"]);
            }
            let network = self.map_head(true);
            self.layers(network.as_deref(), None);
        }
    }

    /// A fused block, or a `tile` block in it.
    fn fused(&mut self) {
        if self.context.call().is_some() {
            self.arguments();
            return;
        }
        let with_tensors =
            |token: &Token<'_>| matches!(token, Token::Retain | Token::Recompute | Token::Refetch);
        match self.context.statement.as_slice() {
            [] => self.keywords(&FUSED),
            [.., Token::By] => self.expression(),
            [.., Token::In | Token::From] => self.parts("Memory"),
            [Token::Tile] | [.., Token::Comma] => self.group(),
            [word] if with_tensors(word) => self.group(),
            [Token::Tile, .., Token::Identifier(_)]
                if !self.context.statement.contains(&Token::By) =>
            {
                self.keywords(&["by"]);
            }
            [Token::Retain, .., Token::Identifier(_)] => self.keywords(&["in"]),
            [Token::Refetch, .., Token::Identifier(_)] => self.keywords(&["from"]),
            _ => {}
        }
    }

    /// A block of stages.
    fn stage(&mut self) {
        if self.context.call().is_some() {
            self.arguments();
            return;
        }
        match self.context.statement.as_slice() {
            [] => self.keywords(&["run"]),
            [Token::Run] => self.group(),
            [.., Token::On] => self.parts("Array"),
            [.., Token::Using] => self.names(Kind::Dataflow),
            [Token::Run, Token::Identifier(_)] => self.keywords(&["on", "using"]),
            [Token::Run, .., Token::Identifier(_)] => self.keywords(&["using"]),
            _ => {}
        }
    }

    /// The layers of the group around the cursor.
    fn group(&mut self) {
        let head = self.context.around(Token::Fuse).unwrap_or(&[]);
        let names: Vec<&str> = head
            .iter()
            .filter_map(|token| match token {
                Token::Identifier(name) => Some(*name),
                _ => None,
            })
            .collect();
        for name in names {
            self.push(name, CompletionKind::Layer, None);
        }
    }

    /// What follows `layer.`: a dimension where it is tiled, a tensor elsewhere.
    fn member(&mut self, layer: &str) {
        let network = self
            .map_head(true)
            .or_else(|| self.context.name_of(Token::Network).map(str::to_owned));
        let layers = network.map_or_else(Vec::new, |network| self.layers_of(&network, &[layer]));
        if self.context.statement.first() == Some(&Token::Tile) {
            self.dimensions_of(&layers);
        } else if !layers.is_empty() {
            self.tensors_of(&layers);
        }
    }

    /// The network or the accelerator of the map around the cursor, as written.
    fn map_head(&self, network: bool) -> Option<String> {
        let head = self.context.around(Token::Map)?;
        let on = head.iter().position(|token| *token == Token::On)?;
        let part = if network {
            head.get(1..on)?
        } else {
            head.get(on + 1..)?
        };
        context::path_at_end(part)
    }

    /// What a dotted name means in the file that was asked for.
    fn find(&self, kind: Kind, name: &str) -> Option<Definition> {
        let (root, _) = self.snapshot.root()?;
        let scope = self.snapshot.scopes.get(root)?;
        let local = scope.get(&(kind, name.to_owned())).copied();
        let last = name.rsplit('.').next()?;
        local.or_else(|| {
            let modules = &self.snapshot.compiled.modules;
            let module = modules
                .iter()
                .position(|module| module.std_path.as_deref() == Some(name))?;
            let items = &modules.get(module)?.ast.items;
            let item = items.iter().position(|item| {
                crate::hir::defines(item).is_some_and(|(k, known, _)| k == kind && known == last)
            })?;
            Some(Definition { module, item })
        })
    }

    fn layers(&mut self, network: Option<&str>, but: Option<&str>) {
        let Some(network) = network.and_then(|name| self.find(Kind::Network, name)) else {
            return;
        };
        let snapshot = self.snapshot;
        for layer in snapshot.layers(network) {
            let name = layer.name.as_str();
            if Some(name) != but {
                self.push(
                    name,
                    CompletionKind::Layer,
                    type_of(layer).map(str::to_owned),
                );
            }
        }
    }

    /// The type that the layer around the cursor has.
    fn layer_type(&self) -> Option<String> {
        let network = self.context.name_of(Token::Network)?;
        let layer = self.context.name_of(Token::Layer)?;
        let network = self.find(Kind::Network, network)?;
        let mut layers = self.snapshot.layers(network);
        let node = layers.find(|node| node.name.as_str() == layer)?;
        type_of(node).map(str::to_owned)
    }

    /// Inside of parentheses: parameters of a dataflow, or an expression.
    fn arguments(&mut self) {
        let Some((callee, inside)) = self.context.call() else {
            return;
        };
        let name = context::path_at_end(callee);
        if name.as_deref() == Some("Sz") {
            self.dimensions();
            return;
        }
        let dataflow = name.and_then(|name| self.find(Kind::Dataflow, &name));
        if let Some(Item::Dataflow(node)) = dataflow.and_then(|at| self.snapshot.item(at)) {
            if matches!(inside.last(), None | Some(Token::Comma)) {
                for parameter in &node.parameters {
                    let name = parameter.name.as_str();
                    let sources = &self.snapshot.compiled.sources;
                    self.words.push(Completion {
                        label: name.to_owned(),
                        kind: CompletionKind::Parameter,
                        detail: Some(sources.text_of(parameter.span).to_owned()),
                        insert: format!("{name} = "),
                    });
                }
            }
        }
        self.expression();
    }

    fn expression(&mut self) {
        if let Some(name) = self.context.name_of(Token::Dataflow)
            && let Some(at) = self.find(Kind::Dataflow, name)
            && let Some(Item::Dataflow(node)) = self.snapshot.item(at)
        {
            for parameter in &node.parameters {
                self.push(parameter.name.as_str(), CompletionKind::Parameter, None);
            }
        }
        self.names(Kind::Const);
        for (name, detail) in FUNCTIONS {
            self.push(name, CompletionKind::Function, Some(detail.to_owned()));
        }
    }

    fn directive(&mut self) {
        if self.context.call().is_some() {
            self.arguments();
            return;
        }
        match self.context.statement.as_slice() {
            [] => self.keywords(&DIRECTIVES),
            [
                Token::TemporalMap | Token::SpatialMap,
                ..,
                Token::RightParen,
            ]
            | [Token::Tile | Token::Spread] => self.dimensions(),
            [Token::At] | [.., Token::In] => self.parts("Memory"),
            [.., Token::Over] => self.parts("Array"),
            [Token::Tile | Token::Spread, _] => self.keywords(&["by"]),
            [.., Token::By] => self.expression(),
            [Token::Spread, _, Token::By, ..] => self.keywords(&["over"]),
            [Token::Retain | Token::Bypass] | [Token::Retain | Token::Bypass, .., Token::Comma] => {
                self.tensors();
            }
            [Token::Retain | Token::Bypass, ..] => self.keywords(&["in"]),
            _ => {}
        }
    }

    /// Layers of a network by name; all of them without names.
    fn layers_of(&self, network: &str, names: &[&str]) -> Vec<&'s Layer> {
        let name = network.rsplit('.').next().unwrap_or(network);
        let networks = self.snapshot.compiled.program.networks.iter();
        networks
            .filter(|known| known.name == name)
            .flat_map(|network| &network.layers)
            .filter(|layer| names.is_empty() || names.contains(&layer.name.as_str()))
            .collect()
    }

    /// The layers that what is written here maps.
    fn mapped(&self) -> Vec<&'s Layer> {
        let program = &self.snapshot.compiled.program;
        let sources = &self.snapshot.compiled.sources;
        if let Some(network) = self.map_head(true) {
            // `conv1, conv2: { |`; behind `default:` any layer.
            let entry = self
                .context
                .blocks
                .iter()
                .find(|block| block.contains(&Token::Colon));
            let names: Vec<&str> = entry
                .into_iter()
                .flatten()
                .filter_map(|token| match token {
                    Token::Identifier(name) => Some(*name),
                    _ => None,
                })
                .collect();
            let is_default = entry.is_some_and(|entry| entry.first() == Some(&Token::Default));
            return self.layers_of(&network, if is_default { &[] } else { &names });
        }
        if let (Some(network), Some(layer)) = (
            self.context.name_of(Token::Network),
            self.context.name_of(Token::Layer),
        ) {
            return self.layers_of(network, &[layer]);
        }
        let Some(name) = self.context.name_of(Token::Dataflow) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for map in &program.maps {
            let Some(network) = program.networks.get(map.network) else {
                continue;
            };
            for (layer, assignment) in network.layers.iter().zip(&map.assignments) {
                let uses = assignment.application.as_ref().is_some_and(|application| {
                    let text = sources.text_of(application.span);
                    let called = text.split('(').next().unwrap_or("").trim();
                    called.rsplit('.').next() == Some(name)
                });
                if uses {
                    found.push(layer);
                }
            }
        }
        found
    }

    /// The dimensions of the layers at hand; of all types when there are none.
    fn dimensions(&mut self) {
        let layers = self.mapped();
        self.dimensions_of(&layers);
    }

    fn dimensions_of(&mut self, layers: &[&Layer]) {
        let mut names: Vec<String> = Vec::new();
        let mut add = |name: String| {
            if !names.contains(&name) {
                names.push(name);
            }
        };
        let mut shapes: Vec<&Layer> = Vec::new();
        for layer in layers {
            // Networks repeat few types.
            if !shapes
                .iter()
                .any(|known| known.type_name == layer.type_name)
            {
                shapes.push(layer);
            }
        }
        let elements = crate::lower::Elements {
            input_bits: 8,
            weight_bits: 8,
            output_bits: 8,
            input_density: 1.0,
            weight_density: 1.0,
            output_density: 1.0,
        };
        for layer in &shapes {
            if let Some(desugared) = crate::lower::desugar(&layer.shape, elements) {
                desugared.axes.into_iter().for_each(|axis| add(axis.0));
            }
        }
        if shapes.is_empty() {
            let known = self.layer_type();
            let types = vocabulary::layer_types();
            let types = known.as_deref().map_or(types, |known| vec![known]);
            for dim in types.into_iter().flat_map(vocabulary::dimensions) {
                add((*dim).to_owned());
            }
        }
        for name in names {
            self.push(&name, CompletionKind::Dimension, None);
        }
    }

    fn tensors(&mut self) {
        let layers = self.mapped();
        self.tensors_of(&layers);
    }

    fn tensors_of(&mut self, layers: &[&Layer]) {
        let mut names: Vec<String> = Vec::new();
        for layer in layers {
            if let crate::hir::shape::Shape::Einsum(einsum) = &layer.shape {
                names.extend(einsum.tensors.iter().map(|tensor| tensor.name.clone()));
            }
        }
        names.extend(ROLES.map(str::to_owned));
        names.dedup();
        for name in names {
            self.push(&name, CompletionKind::Word, None);
        }
    }

    /// Memories or arrays of the accelerator at hand; of all that the file knows when there is none.
    fn parts(&mut self, kind: &str) {
        let written = self.map_head(false).or_else(|| {
            let head = self.context.around(Token::Dataflow)?;
            let on = head.iter().position(|token| *token == Token::On)?;
            context::path_at_end(head.get(on + 1..)?)
        });
        let accelerators: Vec<Definition> = match written {
            Some(name) => self.find(Kind::Accelerator, &name).into_iter().collect(),
            None => {
                let scope = self
                    .snapshot
                    .root()
                    .and_then(|(root, _)| self.snapshot.scopes.get(root));
                let known = scope.into_iter().flatten();
                known
                    .filter(|((k, _), _)| *k == Kind::Accelerator)
                    .map(|(_, definition)| *definition)
                    .collect()
            }
        };
        let snapshot = self.snapshot;
        for part in accelerators
            .into_iter()
            .flat_map(|at| snapshot.parts(at, kind))
        {
            if !self.words.iter().any(|word| word.label == part.value) {
                self.push(part.as_str(), CompletionKind::Part, Some(kind.to_owned()));
            }
        }
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
mod tests {
    use super::super::testing::cursor;
    use super::*;

    fn labels(text: &str) -> Vec<String> {
        let (snapshot, at) = cursor(text);
        complete(&snapshot, at)
            .1
            .into_iter()
            .map(|word| word.label)
            .collect()
    }

    const FILE: &str = "use std.dataflows.nvdla; use std.accelerators.eyeriss; const T = 4;
        Network net { Layer one { Type: CONV; Dimensions { K: 8, C: 4, Y: 6, X: 6, R: 3, S: 3 } }
                      Layer two { Type: FC; Dimensions { K: 8, C: 128 } } }
        Dataflow mine(t_k = 2) on eyeriss { tile K by 1; } ";

    fn after(more: &str) -> Vec<String> {
        labels(&format!("{FILE}{more}"))
    }

    fn has(more: &str, wanted: &[&str], unwanted: &[&str]) {
        let found = after(more);
        for word in wanted {
            assert!(
                found.iter().any(|label| label == word),
                "{more}: no {word} in {found:?}"
            );
        }
        for word in unwanted {
            assert!(
                !found.iter().any(|label| label == word),
                "{more}: {word} in {found:?}"
            );
        }
    }

    #[test]
    fn keywords_and_keys_in_context() {
        has(
            "$0",
            &["Network", "Map", "use"],
            &["TemporalMap", "Layer", "default"],
        );
        has("Network n { La$0", &["Layer", "Macs"], &["Network"]);
        has(
            "Accelerator a { $0",
            &["Memory", "Array", "Clock", "Buffer"],
            &["Size"],
        );
        has(
            "Accelerator a { Memory M { $0",
            &["Size", "DoubleBuffered"],
            &["Memory"],
        );
        has(
            "Accelerator a { Memory M { Holds: Input, $0",
            &["Weight"],
            &["Size"],
        );
        has("Technology t { $0", &["mac", "extrapolate"], &[]);
        has(
            "Dataflow d { Te$0",
            &["TemporalMap", "spread"],
            &["Network"],
        );
        has(
            "Network n { Layer a { Type: POOL; $0",
            &["Op", "Stride", "Dimensions"],
            &["Groups"],
        );
        has(
            "Network n { Layer a { Type: $0",
            &["CONV", "EINSUM"],
            &["max"],
        );
        has(
            "Network n { Layer a { Type: GEMM; Dimensions { M: 2, $0",
            &["N", "B"],
            &["Y"],
        );
    }

    #[test]
    fn names_of_the_file_and_of_the_library() {
        has(
            "Map $0",
            &["net", "std.networks.vgg16"],
            &["eyeriss", "nvdla"],
        );
        has(
            "Map net on $0",
            &["eyeriss", "std.accelerators.nvdla_small"],
            &["std.accelerators.eyeriss"],
        );
        has(
            "Map net on eyeriss { $0",
            &["one", "two", "default"],
            &["nvdla"],
        );
        has("Map net on eyeriss { default $0", &["FC", "CONV"], &["one"]);
        has(
            "Map net on eyeriss { one: $0",
            &["nvdla", "mine", "std.dataflows.streaming"],
            &["one"],
        );
        has(
            "Map net on eyeriss { one: nvdla($0",
            &["c_tile", "T", "min"],
            &["t_k"],
        );
        has("use std.$0", &["networks", "dataflows"], &["vgg16"]);
        has(
            "use std.dataflows.{nvdla, $0",
            &["row_stationary"],
            &["dataflows"],
        );
        has(
            "Network n { Layer a { Type: FC; } Layer b { Inputs: $0",
            &["a", "external"],
            &["b"],
        );
    }

    #[test]
    fn dimensions_and_memories() {
        has(
            "Map net on eyeriss { two: { TemporalMap(1,1) $0",
            &["K", "C"],
            &["Y", "R"],
        );
        has("Map net on eyeriss { one: { tile $0", &["Y'", "R"], &["B"]);
        has(
            "Map net on eyeriss { one: { at $0",
            &["DRAM", "GLB", "RF"],
            &["PE"],
        );
        has(
            "Map net on eyeriss { one: { spread K by 2 over $0",
            &["PE"],
            &["RF"],
        );
        has(
            "Map net on eyeriss { one: { retain $0",
            &["Weight"],
            &["RF"],
        );
        has("Dataflow d on eyeriss { retain Weight in $0", &["GLB"], &[]);
        has(
            "Dataflow d(t) { TemporalMap(Sz($0",
            &["K", "Y'", "M"],
            &["t"],
        );
        has("Dataflow d(t) { TemporalMap($0", &["t", "T", "Sz"], &["K"]);
    }

    #[test]
    fn fused_blocks() {
        let fuse = "Map net on eyeriss { Fuse one, two {";
        has(
            "Map net on eyeriss { Fuse $0",
            &["one", "two"],
            &["default"],
        );
        has(
            &format!("{fuse} $0"),
            &["tile", "retain", "pipeline"],
            &["SpatialMap"],
        );
        has(&format!("{fuse} tile $0"), &["one", "two"], &["K"]);
        has(&format!("{fuse} tile two.$0"), &["K", "C"], &["Y", "Input"]);
        has(
            &format!("{fuse} retain one.$0"),
            &["Output", "Weight"],
            &["K"],
        );
        has(
            &format!("{fuse} tile two.K by 2 {{ retain one.Output in $0"),
            &["GLB"],
            &["PE"],
        );
        has(
            &format!("{fuse} refetch one.Input from $0"),
            &["DRAM"],
            &["PE"],
        );
        has(&format!("{fuse} pipeline {{ run $0"), &["one"], &["PE"]);
        has(
            &format!("{fuse} pipeline {{ run one on $0"),
            &["PE"],
            &["RF"],
        );
        has(
            &format!("{fuse} pipeline {{ run one on PE using $0"),
            &["nvdla"],
            &["one"],
        );
    }

    #[test]
    fn nothing_where_nothing_may_stand() {
        assert_eq!(after("// Ma$0"), Vec::<String>::new());
        assert_eq!(after("Layer $0"), Vec::<String>::new());
        assert_eq!(labels(""), ITEMS.map(str::to_owned).to_vec());
    }
}
