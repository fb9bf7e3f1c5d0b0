//! `Fuse a, b { ... }`: names to layers, memories, arrays and dataflows, and the nest laid flat.
//!
//! Problem: in
//!
//! ```text
//! Fuse expand, project {
//!   retain expand.Weight in GLB;
//!   tile project.P by 1 {
//!     retain project.Input in GLB;
//!     sequence { run expand; run project on PE using gemm; }
//!   }
//! }
//! ```
//!
//! the place of a statement is the number of `tile` blocks around it. That is well defined as long as every
//! block holds at most one `tile` block and the group one block of stages, which stands innermost; anything
//! else is refused here. What a tensor is, and whether the words about it agree, only lowering can say.
//!
//! Invariant: a group without errors lists every layer once and, where it has stages, runs each of them once.

use super::UnknownPart;
use super::error::HirError;
use super::eval::word;
use super::fuse_error::FuseError;
use super::fused::{FateKind, FateWord, FusedGroup, FusedTile, Run, Stages};
use super::scope::Context;
use super::{Source, Word, dataflow};
use crate::base::{FileId, Span, Spanned};
use crate::syntax::ast::{self, FuseBody, FuseStatement, FuseStatementKind, StageEntry};
use std::collections::BTreeMap;

/// More than anybody writes: bounds the work of every later stage.
const MAX_LAYERS: usize = 256;
const MAX_WORDS: usize = 1024;

/// What the groups of one map share.
pub(super) struct Scope<'a> {
    pub network: usize,
    pub accelerator: usize,
    /// The network's layers by name.
    pub index: &'a BTreeMap<String, usize>,
    /// Layers that are in a group already, and where they were put there.
    pub taken: BTreeMap<usize, Span>,
}

/// One group under construction.
struct Collector<'s> {
    scope: &'s Scope<'s>,
    group: FusedGroup,
    /// Layers of the list, also of its end that was not read yet.
    listed: Vec<usize>,
    /// Names in the list that mean nothing, and that nothing is like: reported once, and what they would have been is not
    /// known. One that is like the name of a layer is reported wherever it stands, each time with the edit that mends it.
    unknown: Vec<String>,
    /// A statement could not be read, or a layer of the list is not known: whoever is missing may be there.
    damaged: bool,
    /// Tensors named so far.
    words: usize,
}

/// The group; `None` when something was wrong, which has been reported.
pub(super) fn collect(
    cx: &mut Context<'_>,
    scope: &mut Scope<'_>,
    node: &ast::Fuse,
) -> Option<FusedGroup> {
    let before = cx.errors();
    let end = node.layers.last().map_or(node.keyword, |last| last.span);
    let mut collector = Collector {
        group: FusedGroup {
            span: node.keyword.join(end),
            layers: Vec::new(),
            loops: Vec::new(),
            fates: Vec::new(),
            stages: None,
        },
        listed: Vec::new(),
        unknown: Vec::new(),
        damaged: node.body.is_damaged(),
        words: 0,
        scope,
    };
    collector.list(cx, &node.layers);
    collector.one_repeat(cx);
    collector.body(cx, &node.body);
    collector.stages_stand_innermost(cx);
    if collector.damaged {
        // What seems to be missing may be what could not be read: nobody is to judge the rest.
        cx.fail_silently();
    }
    let group = collector.group;
    for &(layer, span) in &group.layers {
        scope.taken.entry(layer).or_insert(span);
    }
    (cx.errors() == before).then_some(group)
}

impl Collector<'_> {
    fn list(&mut self, cx: &mut Context<'_>, names: &[ast::Name]) {
        if let Some(beyond) = names.get(MAX_LAYERS) {
            self.damaged = true;
            cx.error(HirError::Unavailable {
                what: format!("a group of more than {MAX_LAYERS} layers"),
                span: beyond.span,
            });
        }
        let index = &self.scope.index;
        let known = names.iter().filter_map(|name| index.get(name.as_str()));
        self.listed = known.copied().collect();
        for name in names.iter().take(MAX_LAYERS) {
            let Some(&layer) = self.scope.index.get(name.as_str()) else {
                self.damaged = true;
                let (listed, others) = (&self.listed, &self.scope.taken);
                let taken = |layer: usize| listed.contains(&layer) || others.contains_key(&layer);
                if !self.is_said(cx, name) && !cx.unknown_layer(self.scope.network, name, taken) {
                    self.unknown.push(name.value.clone());
                }
                continue;
            };
            let before = self
                .position(layer)
                .or(self.scope.taken.get(&layer).copied());
            match before {
                Some(first) => cx.error(HirError::KeyTwice {
                    key: name.value.clone(),
                    span: name.span,
                    first,
                }),
                None => self.group.layers.push((layer, name.span)),
            }
        }
    }

    /// What runs together runs equally often, within one time of a repeat.
    fn one_repeat(&self, cx: &mut Context<'_>) {
        let network = &cx.program.networks[self.scope.network];
        let repeat = |layer: usize| network.repeat_of(layer).map(|known| known.name.clone());
        let Some(&(first, first_span)) = self.group.layers.first() else {
            return;
        };
        let around = repeat(first);
        let stranger = self
            .group
            .layers
            .iter()
            .find(|listed| repeat(listed.0) != around);
        if let Some(&(layer, span)) = stranger {
            let error = FuseError::OtherRepeat {
                layer: network.layers[layer].name.clone(),
                first: network.layers[first].name.clone(),
                span,
                first_span,
            };
            cx.error(error.into());
        }
    }

    /// Where the list names the layer.
    fn position(&self, layer: usize) -> Option<Span> {
        let mut layers = self.group.layers.iter();
        layers.find(|known| known.0 == layer).map(|known| known.1)
    }

    /// A layer of the network, in the body; `None` has been reported.
    fn layer(&self, cx: &mut Context<'_>, name: &ast::Name) -> Option<usize> {
        let known = self.scope.index.get(name.as_str()).copied();
        if known.is_none() && !self.is_said(cx, name) {
            let taken = |layer: usize| self.scope.taken.contains_key(&layer);
            cx.unknown_layer(self.scope.network, name, taken);
        }
        known
    }

    /// Whether an unknown layer was reported before; whatever needs it has to be left out without a word.
    fn is_said(&self, cx: &mut Context<'_>, name: &ast::Name) -> bool {
        let network = &cx.program.networks[self.scope.network];
        let is_said = self.unknown.contains(&name.value) || network.is_broken(name.as_str());
        if is_said {
            cx.fail_silently();
        }
        is_said
    }

    /// Whether segments can be the name of a layer: `decoder.q`, but not `conv.Output` where there is a layer `conv`.
    fn may_be_layer(&self, segments: &[ast::Name]) -> bool {
        match segments {
            [] => false,
            [_] => true,
            [first, ..] => !self.scope.index.contains_key(first.as_str()),
        }
    }

    /// A layer of the group; `None` has been reported.
    fn member(&self, cx: &mut Context<'_>, name: &ast::Name) -> Option<usize> {
        let layer = self.layer(cx, name)?;
        if self.position(layer).is_some() {
            return Some(layer);
        }
        if self.damaged {
            cx.fail_silently();
        } else {
            cx.error(
                FuseError::OutsideGroup {
                    layer: name.value.clone(),
                    span: name.span,
                    group: self.group.span,
                }
                .into(),
            );
        }
        None
    }

    fn body(&mut self, cx: &mut Context<'_>, body: &FuseBody) {
        let depth = self.group.loops.len();
        let mut first_tile: Option<Span> = None;
        for statement in &body.statements {
            let FuseStatementKind::Tile { target, size, body } = &statement.kind else {
                self.statement(cx, statement, depth);
                continue;
            };
            let span = Span::new(
                statement.span.file(),
                statement.span.lo(),
                size.span.hi().max(statement.span.lo()),
            );
            match first_tile {
                Some(first) => cx.error(
                    FuseError::BlockTwice {
                        what: "two `tile` blocks side by side",
                        help: "the loops of a group nest: put one block into the other",
                        span,
                        first,
                    }
                    .into(),
                ),
                None => {
                    first_tile = Some(span);
                    self.tile(cx, target, size, span);
                    // The statements of this block that follow still have `depth` loops around them.
                    self.body(cx, body);
                }
            }
        }
    }

    /// Adds a loop in any case, so that what is in it lies where it does.
    fn tile(&mut self, cx: &mut Context<'_>, target: &ast::Path, size: &ast::Expr, span: Span) {
        let size = cx.symbolic(size, &[]);
        let found = match target.segments.as_slice() {
            [layers @ .., dim] if self.may_be_layer(layers) => {
                let layer = self.member(cx, &joined(layers));
                layer.map(|layer| (layer, word(dim)))
            }
            [name] => {
                let head = self.head(cx).map(|head| format!("{head}.{name}"));
                self.needs_layer(cx, "a dimension of a layer: `layer.P`", target, head);
                None
            }
            _ => {
                self.needs_layer(cx, "a dimension of a layer: `layer.P`", target, None);
                None
            }
        };
        let (layer, dim) = found.unwrap_or((
            0,
            Word {
                text: String::new(),
                span,
            },
        ));
        // A placeholder is never seen: whoever made it has reported something.
        let size = size.unwrap_or(super::Expr {
            kind: super::ExprKind::Integer(1),
            span,
        });
        self.group.loops.push(FusedTile {
            layer,
            dim,
            size,
            span,
        });
    }

    /// The name of a layer that no other one of the group reads, the last of several.
    fn head(&self, cx: &Context<'_>) -> Option<String> {
        let layers = &cx.program.networks[self.scope.network].layers;
        let listed = || self.group.layers.iter().map(|listed| listed.0);
        let is_read = |layer: usize| {
            listed().any(|reader| layers[reader].inputs.contains(&Source::Layer(layer)))
        };
        let head = listed().rfind(|&layer| !is_read(layer))?;
        Some(layers[head].name.clone())
    }

    fn needs_layer(
        &self,
        cx: &mut Context<'_>,
        expected: &'static str,
        path: &ast::Path,
        instead: Option<String>,
    ) {
        cx.error(
            FuseError::NeedsLayer {
                expected,
                found: path.to_string(),
                span: path.span,
                instead,
            }
            .into(),
        );
    }

    fn statement(&mut self, cx: &mut Context<'_>, statement: &FuseStatement, depth: usize) {
        match &statement.kind {
            FuseStatementKind::Retain { tensors, memory } => {
                let memory = self.retained(cx, tensors, memory, statement.span);
                self.fates(cx, FateKind::Retain, tensors, memory, depth, statement.span);
            }
            FuseStatementKind::Recompute { tensors } => {
                self.fates(
                    cx,
                    FateKind::Recompute,
                    tensors,
                    None,
                    depth,
                    statement.span,
                );
            }
            FuseStatementKind::Refetch { tensors, memory } => {
                let memory = self.refetched(cx, memory);
                self.fates(
                    cx,
                    FateKind::Refetch,
                    tensors,
                    memory,
                    depth,
                    statement.span,
                );
            }
            FuseStatementKind::Stages(stages) => self.stages(cx, stages, depth),
            FuseStatementKind::Tile { .. } | FuseStatementKind::Error => {}
        }
    }

    fn memory(&self, cx: &mut Context<'_>, name: &ast::Name) -> Option<(usize, Span)> {
        let accelerator = &cx.program.accelerators[self.scope.accelerator];
        let names = accelerator.memories.iter().map(|part| &part.name);
        let names: Vec<String> = names.cloned().collect();
        let found = part(cx, self.scope.accelerator, "memory", name, names)?;
        Some((found, name.span))
    }

    /// The memory of `retain`: one inside the backing store, which keeps everything anyway.
    fn retained(
        &self,
        cx: &mut Context<'_>,
        tensors: &[ast::Path],
        name: &ast::Name,
        statement: Span,
    ) -> Option<(usize, Span)> {
        let memory = self.memory(cx, name)?;
        if memory.0 != 0 {
            return Some(memory);
        }
        let tensors: Vec<String> = tensors.iter().map(ast::Path::to_string).collect();
        cx.error(
            FuseError::RetainedOutside {
                memory: name.value.clone(),
                span: name.span,
                statement,
                instead: format!("refetch {} from {name}", tensors.join(", ")),
            }
            .into(),
        );
        None
    }

    /// The memory of `refetch`: the backing store.
    fn refetched(&self, cx: &mut Context<'_>, name: &ast::Name) -> Option<(usize, Span)> {
        let memory = self.memory(cx, name)?;
        if memory.0 == 0 {
            return Some(memory);
        }
        let outermost = &cx.program.accelerators[self.scope.accelerator].memories[0];
        let outermost = outermost.name.clone();
        cx.error(
            FuseError::RefetchedInside {
                memory: name.value.clone(),
                outermost,
                span: name.span,
            }
            .into(),
        );
        None
    }

    fn fates(
        &mut self,
        cx: &mut Context<'_>,
        kind: FateKind,
        tensors: &[ast::Path],
        memory: Option<(usize, Span)>,
        depth: usize,
        statement: Span,
    ) {
        for path in tensors {
            if self.words == MAX_WORDS {
                cx.error(HirError::Unavailable {
                    what: format!("a group with more than {MAX_WORDS} words about its tensors"),
                    span: path.span,
                });
            }
            self.words += 1;
            if self.words > MAX_WORDS {
                continue;
            }
            let parts = path.segments.split_last();
            let Some((tensor, layers)) = parts.filter(|parts| self.may_be_layer(parts.1)) else {
                let expected = "a tensor of a layer: `layer.Input`, `.Weight` or `.Output`";
                let instead = path
                    .as_name()
                    .filter(|name| self.scope.index.contains_key(name.as_str()))
                    .map(|name| format!("{name}.Output"));
                self.needs_layer(cx, expected, path, instead);
                continue;
            };
            if let Some(layer) = self.member(cx, &joined(layers)) {
                self.group.fates.push(FateWord {
                    kind,
                    layer,
                    tensor: word(tensor),
                    span: path.span,
                    memory,
                    depth,
                    statement,
                });
            }
        }
    }

    fn stages(&mut self, cx: &mut Context<'_>, node: &ast::Stages, depth: usize) {
        if let Some(first) = &self.group.stages {
            let first = first.keyword;
            return cx.error(
                FuseError::BlockTwice {
                    what: "a second block of stages",
                    help: "a group has one `pipeline` or one `sequence`",
                    span: node.keyword,
                    first,
                }
                .into(),
            );
        }
        let mut runs: Vec<Run> = Vec::new();
        let mut foreign: Vec<&ast::Name> = Vec::new();
        let mut last = None;
        for entry in &node.entries {
            let StageEntry::Run(run) = entry else {
                continue;
            };
            last = Some(run.span);
            let array = match &run.array {
                Some(name) => self.array(cx, name),
                None => None,
            };
            let application = match &run.dataflow {
                Some(usage) => dataflow::apply(cx, usage),
                None => None,
            };
            let Some(layer) = self.layer(cx, &run.layer) else {
                self.damaged = true;
                continue;
            };
            if self.position(layer).is_none() {
                foreign.push(&run.layer);
            } else if let Some(first) = runs.iter().find(|known| known.layer == layer) {
                let first = first.span;
                cx.error(
                    FuseError::RunTwice {
                        layer: run.layer.value.clone(),
                        span: run.span,
                        first,
                    }
                    .into(),
                );
            } else {
                runs.push(Run {
                    layer,
                    array,
                    application,
                    span: run.span,
                });
            }
        }
        self.disagreements(cx, node, &runs, &foreign, last);
        self.group.stages = Some(Stages {
            pipeline: node.pipeline,
            keyword: node.keyword,
            depth,
            runs,
        });
    }

    /// Layers without a stage, and stages of layers that are not in the group. One of each is one mistake.
    fn disagreements(
        &self,
        cx: &mut Context<'_>,
        node: &ast::Stages,
        runs: &[Run],
        foreign: &[&ast::Name],
        last: Option<Span>,
    ) {
        if self.damaged {
            return;
        }
        let layers = &cx.program.networks[self.scope.network].layers;
        let missing: Vec<String> = self
            .group
            .layers
            .iter()
            .filter(|listed| !runs.iter().any(|run| run.layer == listed.0))
            .map(|listed| layers[listed.0].name.clone())
            .collect();
        let instead = match (missing.as_slice(), foreign) {
            ([missing], [_]) => Some(missing.clone()),
            _ => None,
        };
        let mistaken = instead.is_some();
        for name in foreign {
            cx.error(
                FuseError::RunOutside {
                    layer: name.value.clone(),
                    span: name.span,
                    group: self.group.span,
                    instead: instead.clone(),
                }
                .into(),
            );
        }
        if missing.is_empty() || mistaken {
            return;
        }
        let runs: Vec<String> = missing.iter().map(|name| format!("run {name}")).collect();
        let runs = runs.join("; ");
        let insert = match last {
            Some(last) => (last.end(), format!("; {runs}")),
            None => {
                let inside = node.span.hi().saturating_sub(1);
                let at = Span::new(node.span.file(), inside, inside);
                (at, format!(" {runs} "))
            }
        };
        cx.error(
            FuseError::RunsMissing {
                layers: missing,
                word: node.word(),
                span: node.keyword,
                group: self.group.span,
                insert,
            }
            .into(),
        );
    }

    fn array(&self, cx: &mut Context<'_>, name: &ast::Name) -> Option<(usize, Span)> {
        let found = array(cx, self.scope.accelerator, name)?;
        Some((found, name.span))
    }

    /// The stages are what a step of the innermost loop does.
    fn stages_stand_innermost(&self, cx: &mut Context<'_>) {
        let Some(stages) = &self.group.stages else {
            return;
        };
        if let Some(inner) = self.group.loops.get(stages.depth) {
            cx.error(
                FuseError::StagesOutside {
                    word: if stages.pipeline {
                        "pipeline"
                    } else {
                        "sequence"
                    },
                    span: stages.keyword,
                    tile: inner.span,
                }
                .into(),
            );
        }
    }
}

/// `decoder.q` of its segments.
fn joined(segments: &[ast::Name]) -> ast::Name {
    let names: Vec<&str> = segments.iter().map(|name| name.as_str()).collect();
    let spans = segments.iter().map(|name| name.span);
    let span = spans
        .reduce(Span::join)
        .unwrap_or_else(|| Span::new(FileId::new(0), 0, 0));
    Spanned::new(names.join("."), span)
}

/// The index of an array of the accelerator by name; `None` has been reported.
pub(super) fn array(cx: &mut Context<'_>, accelerator: usize, name: &ast::Name) -> Option<usize> {
    let arrays = &cx.program.accelerators[accelerator].arrays;
    let names = arrays.iter().map(|part| part.name.clone()).collect();
    part(cx, accelerator, "array", name, names)
}

/// The index of a part of the accelerator by name; `None` has been reported.
fn part(
    cx: &mut Context<'_>,
    accelerator: usize,
    what: &'static str,
    name: &ast::Name,
    known: Vec<String>,
) -> Option<usize> {
    if let Some(found) = known.iter().position(|known| *known == name.value) {
        return Some(found);
    }
    let suggestion = cx.suggest(name.as_str(), known.iter().map(String::as_str));
    let accelerator = cx.program.accelerators[accelerator].name.clone();
    cx.error(
        FuseError::UnknownPart(UnknownPart {
            what,
            name: name.value.clone(),
            accelerator,
            span: name.span,
            suggestion,
            known,
        })
        .into(),
    );
    None
}
