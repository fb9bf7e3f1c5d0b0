//! Inside of searches and explorations: keys and their values, conditions, and the statements of a space.

use super::{CompletionKind, List};
use crate::hir::Kind;
use crate::hir::explore;
use crate::hir::search::{FC, FIGURES, KEYS, RECOMPUTE, STRATEGIES};
use crate::models;
use crate::optimize::{self, METHOD_SETTINGS, METHODS};
use crate::syntax::ast::{ExprKind, Item, Search, SearchEntry};
use crate::syntax::token::Token;

/// Words that begin a statement of a space, but for its keys.
const SPACE: [&str; 4] = ["at", "spread", "retain", "bypass"];
/// The same in an `at` block.
const LOOPS: [&str; 2] = ["order", "tile"];
/// Models with a space of their own.
const OWN: [&str; 1] = ["deepopt"];
const PIECES: [&str; 2] = ["any", "divisors"];

impl List<'_, '_> {
    /// The search around the cursor.
    fn search_node(&self) -> Option<&Search> {
        let (_, root) = self.snapshot.root()?;
        let at = self.context.start;
        root.ast.items.iter().find_map(|item| match item {
            Item::Search(node) | Item::Explore(node)
                if (node.span.lo()..=node.span.hi()).contains(&at) =>
            {
                Some(node)
            }
            _ => None,
        })
    }

    /// The path that a key of the search around the cursor has.
    pub(super) fn searched(&self, key: &str) -> Option<String> {
        let context = &self.context;
        context
            .around(Token::Search)
            .or_else(|| context.around(Token::Explore))?;
        let node = self.search_node()?;
        let property = node.properties().find(|known| known.key.value == key)?;
        match &property.values.first()?.kind {
            ExprKind::Path(path) | ExprKind::Call { function: path, .. } => Some(path.to_string()),
            _ => None,
        }
    }

    /// The network of the search around the cursor.
    fn searched_network(&self) -> Option<String> {
        self.searched("network").or_else(|| {
            let path = self.searched("layer")?;
            let parts: Vec<&str> = path.split('.').collect();
            let first = if parts.first() == Some(&"std") { 3 } else { 1 };
            Some(parts.get(..first)?.join("."))
        })
    }

    /// Whether the cursor stands behind `layer:` of a search that names no network.
    pub(super) fn in_layer_of_search(&self) -> bool {
        let first = self.context.statement.first();
        let layer = matches!(first, Some(Token::Identifier("layer" | "group")));
        let block = self.context.block();
        layer && matches!(block.first(), Some(Token::Search | Token::Explore))
    }

    /// Between the entries of a search, and in them.
    pub(super) fn search(&mut self) {
        let key = match self.context.statement.as_slice() {
            [] => {
                for key in KEYS {
                    self.push(key, CompletionKind::Key, None);
                }
                self.keywords(&["space", "where"]);
                return;
            }
            [Token::Space] => {
                self.plain(&OWN);
                self.plain(&[METHODS]);
                self.names(Kind::Dataflow);
                return;
            }
            [Token::Identifier(key), Token::Colon, ..] => *key,
            [Token::On, Token::Colon, ..] => "on",
            _ => return,
        };
        let begins = self.context.statement.last() == Some(&Token::Colon);
        match key {
            "network" if begins => self.names(Kind::Network),
            "on" if begins => self.names(Kind::Accelerator),
            "layer" => match self.searched("network") {
                Some(network) => self.layers(Some(&network), None),
                None => self.names(Kind::Network),
            },
            "group" => self.names(Kind::Network),
            "recompute" if begins => self.plain(&RECOMPUTE),
            "model" if begins => {
                let known = models::REGISTRY
                    .iter()
                    .map(|model| (model.name(), model.summary()));
                let searched: Vec<&str> = optimize::models().chain(OWN).collect();
                for (name, summary) in known.filter(|known| searched.contains(&known.0)) {
                    self.push(name, CompletionKind::Word, Some(summary.to_owned()));
                }
            }
            "scope" if begins => self.plain(&explore::SCOPES),
            "fc" if begins => self.plain(&FC),
            "strategy" if begins => self.plain(&STRATEGIES),
            "minimize" => self.figure(),
            _ => {}
        }
    }

    /// Between the entries of an exploration, and in them.
    pub(super) fn exploration(&mut self) {
        let statement = self.context.statement.clone();
        let key = match statement.as_slice() {
            [] => {
                for key in explore::KEYS {
                    self.push(key, CompletionKind::Key, None);
                }
                self.keywords(&["vary", "where", "space"]);
                return;
            }
            [Token::Vary] => {
                self.varied();
                return;
            }
            [Token::Vary, ..] => {
                match statement.last() {
                    Some(Token::Colon) => self.plain(&["powers"]),
                    Some(Token::Number(_) | Token::RightParen) => self.keywords(&["by"]),
                    _ => {}
                }
                return;
            }
            [Token::Space] => {
                self.plain(&OWN);
                return;
            }
            [Token::Identifier(key), Token::Colon, ..] => *key,
            [Token::On, Token::Colon, ..] => "on",
            _ => return,
        };
        let begins = matches!(statement.last(), Some(Token::Colon | Token::Comma));
        match key {
            "network" if begins => self.names(Kind::Network),
            "on" if begins => self.names(Kind::Accelerator),
            "map" if begins => self.names(Kind::Dataflow),
            "layer" | "layers" => match self.searched("network") {
                Some(network) => self.layers(Some(&network), None),
                None => self.names(Kind::Network),
            },
            "model" if begins => {
                for model in models::REGISTRY {
                    let summary = Some(model.summary().to_owned());
                    self.push(model.name(), CompletionKind::Word, summary);
                }
            }
            "strategy" if begins => self.plain(&["adaptive"]),
            "scope" if begins => self.plain(&explore::SCOPES),
            "fc" if begins => self.plain(&FC),
            "budget" | "worst" if begins => self.plain(&explore::FIGURES),
            "minimize" => {
                self.plain(&explore::FIGURES);
                self.plain(&["pareto"]);
            }
            "each" if begins => {
                let names: Vec<String> = self.search_node().map_or_else(Vec::new, |node| {
                    let entries = node.entries.iter().filter_map(|entry| match entry {
                        SearchEntry::Vary(vary) => Some(vary.name.value.clone()),
                        _ => None,
                    });
                    entries.collect()
                });
                for name in names {
                    self.push(&name, CompletionKind::Word, None);
                }
            }
            _ => {}
        }
    }

    /// Parameters of the accelerator that is swept over.
    fn varied(&mut self) {
        let Some(name) = self.searched("on") else {
            return;
        };
        let program = &self.snapshot.compiled.program;
        let last = name.rsplit('.').next().unwrap_or_default();
        let known = program.accelerators.iter().find(|known| known.name == last);
        let parameters: Vec<(String, String)> = known.map_or_else(Vec::new, |known| {
            let bound = known.parameters.iter();
            bound
                .map(|one| (one.name.clone(), one.value.to_string()))
                .collect()
        });
        for (name, value) in parameters {
            self.push(
                &name,
                CompletionKind::Word,
                Some(format!("{value} when nothing is said")),
            );
        }
    }

    /// A figure, or the memory that it is of.
    fn figure(&mut self) {
        let of_memory = match self.context.statement.as_slice() {
            [.., Token::Identifier(name), Token::LeftParen] => {
                matches!(*name, "traffic" | "capacity" | "utilization")
            }
            _ => false,
        };
        if of_memory {
            self.parts("Memory");
        } else {
            self.plain(&FIGURES);
            self.plain(&["pareto"]);
        }
    }

    /// A condition of `where`.
    pub(super) fn conditions(&mut self) {
        match self.context.statement.as_slice() {
            [] => {
                self.figure();
                self.plain(&["utilization"]);
            }
            [.., Token::LeftParen] => self.figure(),
            _ => {}
        }
    }

    /// Whether the space around the cursor is that of the model `dmazerunner`.
    fn in_methods(&self) -> bool {
        self.context.name_of(Token::Space) == Some(METHODS)
    }

    /// A statement of a space.
    pub(super) fn space(&mut self) {
        let inside = self.context.block().first() == Some(&Token::At);
        match self.context.statement.as_slice() {
            [] if inside => self.keywords(&LOOPS),
            statement if self.in_methods() => match statement {
                [] => self.plain(&METHOD_SETTINGS.map(|(name, _)| name)),
                [Token::Identifier(key), Token::Colon] => {
                    let mut known = METHOD_SETTINGS.iter();
                    if let Some((_, values)) = known.find(|(name, _)| name == key) {
                        self.plain(values);
                    }
                }
                _ => {}
            },
            [] => {
                self.keywords(&SPACE);
                self.plain(&["tiles", "orders", "places"]);
            }
            [Token::At] | [.., Token::In] => self.parts("Memory"),
            [.., Token::Over] => self.parts("Array"),
            [.., Token::By] => {
                self.plain(&PIECES);
                self.numbers();
            }
            [Token::Order, ..]
            | [Token::Tile | Token::Spread]
            | [Token::Spread, .., Token::Comma] => {
                let network = self.searched_network();
                let layers = network.map_or_else(Vec::new, |name| self.layers_of(&name, &[]));
                self.dimensions_of(&layers);
            }
            [Token::Retain | Token::Bypass] | [Token::Retain | Token::Bypass, .., Token::Comma] => {
                let network = self.searched_network();
                let layers = network.map_or_else(Vec::new, |name| self.layers_of(&name, &[]));
                self.tensors_of(&layers);
            }
            [Token::Identifier("tiles"), Token::Colon] => self.plain(&["perfect", "imperfect"]),
            [Token::Identifier("orders"), Token::Colon] => self.plain(&["dominant", "all"]),
            [Token::Identifier("places"), Token::Colon] => self.plain(&["together", "apart"]),
            [Token::Tile | Token::Spread, .., Token::Identifier(_)]
                if !self.context.statement.contains(&Token::By) =>
            {
                self.keywords(&["by"]);
            }
            [Token::Spread, ..] if !self.context.statement.contains(&Token::Over) => {
                self.keywords(&["over"]);
            }
            [Token::Retain | Token::Bypass, .., Token::Identifier(_)]
                if !self.context.statement.contains(&Token::In) =>
            {
                self.keywords(&["in"]);
            }
            _ => {}
        }
    }
}
