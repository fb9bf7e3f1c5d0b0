//! Inside of maps: entries, fused blocks, and the layers that are meant there.

use super::{CompletionKind, FUSED, List, type_of};
use crate::hir::{Kind, Layer, vocabulary};
use crate::lsp::analysis::context;
use crate::lsp::analysis::names::What;
use crate::syntax::token::Token;

impl<'s> List<'_, 's> {
    pub(super) fn map_entry(&mut self) {
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
    pub(super) fn fused(&mut self) {
        if self.context.call().is_some() {
            self.arguments();
            return;
        }
        let with_tensors =
            |token: &Token<'_>| matches!(token, Token::Retain | Token::Recompute | Token::Refetch);
        match self.context.statement.as_slice() {
            [] => self.keywords(&FUSED),
            [.., Token::By] => self.size(),
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
    pub(super) fn stage(&mut self) {
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
    pub(super) fn group(&mut self) {
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
    pub(super) fn member(&mut self, layer: &str) {
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
    pub(super) fn map_head(&self, network: bool) -> Option<String> {
        let head = self.context.around(Token::Map)?;
        let on = head.iter().position(|token| *token == Token::On)?;
        let part = if network {
            head.get(1..on)?
        } else {
            head.get(on + 1..)?
        };
        // Without the arguments, and the name of the map.
        let ends = |token: &Token<'_>| matches!(token, Token::LeftParen | Token::As);
        let end = part.iter().position(ends).unwrap_or(part.len());
        context::path_at_end(part.get(..end)?)
    }

    pub(super) fn layers(&mut self, network: Option<&str>, but: Option<&str>) {
        let Some(network) = network.and_then(|name| self.find(Kind::Network, name)) else {
            return;
        };
        let snapshot = self.snapshot;
        for member in snapshot.members(network) {
            let detail = match member.what {
                What::Layer(layer) => type_of(layer).map(str::to_owned),
                What::Input | What::Other => continue,
            };
            if Some(member.name.as_str()) != but {
                self.push(&member.name, CompletionKind::Layer, detail);
            }
        }
    }

    /// The inputs of a network that have a name.
    pub(super) fn inputs(&mut self, network: Option<&str>) {
        let network = network.and_then(|name| self.find(Kind::Network, name));
        let snapshot = self.snapshot;
        for name in network.into_iter().flat_map(|at| snapshot.inputs(at)) {
            let detail = Some("Input".to_owned());
            self.push(name.as_str(), CompletionKind::Layer, detail);
        }
    }

    /// Layers of a network by name; all of them without names.
    pub(super) fn layers_of(&self, network: &str, names: &[&str]) -> Vec<&'s Layer> {
        let name = network.rsplit('.').next().unwrap_or(network);
        let networks = self.snapshot.compiled.program.networks.iter();
        networks
            .filter(|known| known.name == name)
            .flat_map(|network| &network.layers)
            .filter(|layer| names.is_empty() || names.contains(&layer.name.as_str()))
            .collect()
    }

    /// The layers that what is written here maps.
    pub(super) fn mapped(&self) -> Vec<&'s Layer> {
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
}
