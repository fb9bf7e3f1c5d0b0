//! Inside of dataflows: directives, what they name, and expressions.

use super::{Completion, CompletionKind, DIRECTIVES, List, ROLES};
use crate::hir::{Definition, FUNCTIONS, Kind, Layer, vocabulary};
use crate::lower::{Elements, desugar};
use crate::lsp::analysis::context;
use crate::models;
use crate::syntax::ast::{DataflowBody, DirectiveKind, Item};
use crate::syntax::token::Token;

impl List<'_, '_> {
    /// Inside of parentheses: parameters of a dataflow, or an expression.
    pub(super) fn arguments(&mut self) {
        let Some((callee, inside)) = self.context.call() else {
            return;
        };
        let name = context::path_at_end(callee);
        if matches!(name.as_deref(), Some("Sz" | "Stride")) {
            self.dimensions();
            return;
        }
        if name.as_deref() == Some("Size") {
            self.parts("Memory");
            self.parts("Array");
            return;
        }
        let used = name.and_then(|name| self.find(self.called(callee), &name));
        let begins = matches!(inside.last(), None | Some(Token::Comma));
        if let (Some(at), true) = (used, begins) {
            for parameter in self.snapshot.parameters(at) {
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
        if matches!(callee.last(), Some(Token::TemporalMap | Token::SpatialMap)) && begins {
            self.size();
            return;
        }
        self.expression();
    }

    /// What takes arguments here: the head of a map names a network and an accelerator.
    fn called(&self, callee: &[Token<'_>]) -> Kind {
        if !self.context.blocks.is_empty() || callee.first() != Some(&Token::Map) {
            Kind::Dataflow
        } else if callee.contains(&Token::On) {
            Kind::Accelerator
        } else {
            Kind::Network
        }
    }

    /// A size of a piece.
    pub(super) fn size(&mut self) {
        self.expression();
        self.keywords(&["upto"]);
    }

    pub(super) fn expression(&mut self) {
        self.numbers();
        for known in FUNCTIONS {
            let takes = known.takes.join(", ");
            let detail = format!("{}({takes}): {}", known.name, known.meaning);
            self.push(known.name, CompletionKind::Function, Some(detail));
        }
    }

    /// Parameters of the item around the cursor, and constants.
    pub(super) fn numbers(&mut self) {
        let around = [
            (Token::Dataflow, Kind::Dataflow),
            (Token::Network, Kind::Network),
            (Token::Accelerator, Kind::Accelerator),
        ];
        let snapshot = self.snapshot;
        for (word, kind) in around {
            let name = self.context.name_of(word);
            let known = name.and_then(|name| self.find(kind, name));
            for parameter in known.map_or(&[][..], |at| snapshot.parameters(at)) {
                self.push(parameter.name.as_str(), CompletionKind::Parameter, None);
            }
            if let Some(Item::Dataflow(node)) = known.and_then(|at| snapshot.item(at)) {
                let mut names = Vec::new();
                lets(&node.body, &mut names);
                for name in names {
                    self.push(name, CompletionKind::Parameter, None);
                }
            }
        }
        self.names(Kind::Const);
    }

    pub(super) fn directive(&mut self) {
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
            [Token::Let, _, Token::Equals, ..] => self.expression(),
            [Token::Schedule, Token::Colon] => self.schedules(),
            [Token::At] | [.., Token::In] => self.parts("Memory"),
            [.., Token::Over] => self.parts("Array"),
            [Token::Tile | Token::Spread, _] => self.keywords(&["by"]),
            [.., Token::By] => self.size(),
            [Token::Spread, _, Token::By, ..] => self.keywords(&["over"]),
            [Token::Retain | Token::Bypass] | [Token::Retain | Token::Bypass, .., Token::Comma] => {
                self.tensors();
            }
            [Token::Retain | Token::Bypass, ..] => self.keywords(&["in"]),
            _ => {}
        }
    }

    /// What some model knows by name.
    fn schedules(&mut self) {
        for model in models::REGISTRY {
            for name in model.schedules() {
                let detail = format!("a schedule of the model `{}`", model.name());
                self.push(name, CompletionKind::Keyword, Some(detail));
            }
        }
    }

    /// The dimensions of the layers at hand; of all types when there are none.
    pub(super) fn dimensions(&mut self) {
        let layers = self.mapped();
        self.dimensions_of(&layers);
    }

    pub(super) fn dimensions_of(&mut self, layers: &[&Layer]) {
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
        let elements = Elements {
            input_bits: 8,
            weight_bits: 8,
            output_bits: 8,
            partial_bits: 8,
            input_density: 1.0,
            weight_density: 1.0,
            output_density: 1.0,
        };
        for layer in &shapes {
            if let Some(desugared) = desugar(&layer.shape, elements) {
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

    pub(super) fn tensors(&mut self) {
        let layers = self.mapped();
        self.tensors_of(&layers);
    }

    pub(super) fn tensors_of(&mut self, layers: &[&Layer]) {
        let mut names: Vec<String> = Vec::new();
        for layer in layers {
            if let Some(einsum) = layer.shape.einsum() {
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
    pub(super) fn parts(&mut self, kind: &str) {
        let written = self.map_head(false).or_else(|| {
            let head = self.context.around(Token::Dataflow)?;
            let on = head.iter().position(|token| *token == Token::On)?;
            context::path_at_end(head.get(on + 1..)?)
        });
        let written = written.or_else(|| self.searched("on"));
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

/// What a dataflow names by `let`; blocks are nested only as deep as the parser allows.
fn lets<'a>(body: &'a DataflowBody, names: &mut Vec<&'a str>) {
    for directive in &body.directives {
        match &directive.kind {
            DirectiveKind::Let { name, .. } => names.push(name.as_str()),
            DirectiveKind::At { loops, .. } => lets(loops, names),
            _ => {}
        }
    }
}
