//! Every name of a file, and what it means: the basis of definition, references, rename, hover and colours.
//!
//! Problem: the `conv1` of `Map net on acc { conv1: rows; }` is a layer of `net`, which may be defined in another
//! file; `rows` is a dataflow that may have been imported under another name. The walk over a tree below lists them
//! all as [`Occurrence`]s; every question is then a look into that list.
//!
//! Invariant: an occurrence's span is that of one word as written in the file.

mod search;

use super::{Snapshot, touches};
use crate::base::{Span, Spanned};
use crate::hir::{Definition, Kind, Module, defines};
use crate::syntax::ast::{
    self, Argument, Body, DataflowBody, DataflowUse, DirectiveKind, Entry, Expr, ExprKind,
    FuseBody, FuseStatementKind, Item, MapEntry, Name, Path, Run, StageEntry, UseSource,
};
use std::collections::{BTreeMap, BTreeSet};

/// Something that has a name and a place where it is defined.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Symbol {
    Item(Kind, Definition),
    /// A layer of a network, an input of it that has a name, a repeat or a block, by its whole name.
    Layer(Definition, String),
    /// A memory of an accelerator.
    Memory(Definition, String),
    /// An array of an accelerator.
    Array(Definition, String),
    /// A parameter of a dataflow, a network or an accelerator.
    Parameter(Definition, String),
    /// What `let` names, by the place of the name.
    Local(Span),
    /// A file, by the index of its module.
    File(usize),
}

/// Members of a network past this are not listed.
const MOST_MEMBERS: usize = 20_000;

/// What a name can mean in a network.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    /// As the network speaks of it: `decoder.q`.
    pub name: String,
    pub symbol: Symbol,
    pub what: What<'a>,
}

#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    Layer(&'a ast::Layer),
    Input,
    /// A repeat or a block.
    Other,
}

/// A name in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    pub span: Span,
    pub symbol: Symbol,
    /// Here it is defined.
    pub defines: bool,
}

impl Snapshot {
    /// All names of module number `module`, in source order.
    #[must_use]
    pub fn occurrences(&self, module: usize) -> Vec<Occurrence> {
        let mut walk = Walk {
            snapshot: self,
            module,
            network: None,
            prefix: String::new(),
            accelerator: None,
            parameters: None,
            lets: Vec::new(),
            found: Vec::new(),
        };
        if let Some(source) = self.compiled.modules.get(module) {
            walk.file(source);
        }
        walk.found.sort_by_key(|found| found.span);
        walk.found
    }

    /// The name at an offset of the file that was asked for.
    #[must_use]
    pub fn name_at(&self, offset: u32) -> Option<Occurrence> {
        let (root, _) = self.root()?;
        let all = self.occurrences(root);
        // Of two names that touch the cursor the one behind it.
        all.into_iter()
            .rev()
            .find(|found| touches(found.span, offset))
    }

    /// The item of a definition.
    #[must_use]
    pub fn item(&self, definition: Definition) -> Option<&Item> {
        let module = self.compiled.modules.get(definition.module)?;
        module.ast.items.get(definition.item)
    }

    /// Where the name of a symbol is defined; of a file its beginning.
    #[must_use]
    pub fn definition(&self, symbol: &Symbol) -> Option<Span> {
        match symbol {
            Symbol::Item(_, at) => defines(self.item(*at)?).map(|(_, _, span)| span),
            Symbol::Local(span) => Some(*span),
            Symbol::File(module) => Some(self.compiled.modules.get(*module)?.ast.span.start()),
            Symbol::Layer(at, _)
            | Symbol::Memory(at, _)
            | Symbol::Array(at, _)
            | Symbol::Parameter(at, _) => {
                let all = self.occurrences(at.module);
                let own = all
                    .iter()
                    .find(|found| found.defines && found.symbol == *symbol);
                own.map(|found| found.span)
            }
        }
    }

    /// What `path` means in a module.
    #[must_use]
    pub fn resolve(&self, module: usize, kind: Kind, path: &Path) -> Option<Definition> {
        if let Some(name) = path.as_name() {
            let scope = self.scopes.get(module)?;
            return scope.get(&(kind, name.value.clone())).copied();
        }
        let text = path.to_string();
        let last = path.segments.last()?;
        let modules = &self.compiled.modules;
        let target = modules.iter().position(|module| module.is_library(&text))?;
        let items = &modules.get(target)?.ast.items;
        let item = items.iter().position(|item| {
            defines(item).is_some_and(|(k, name, _)| k == kind && name == last.as_str())
        })?;
        Some(Definition {
            module: target,
            item,
        })
    }

    /// The parameters of a dataflow, a network or an accelerator.
    #[must_use]
    pub fn parameters(&self, item: Definition) -> &[ast::Parameter] {
        match self.item(item) {
            Some(Item::Dataflow(node)) => &node.parameters,
            Some(Item::Network(node)) => &node.parameters,
            Some(Item::Accelerator(node)) => &node.parameters,
            _ => &[],
        }
    }

    /// The layers that a network defines itself, by their whole names (`decoder.q`), in order.
    #[must_use]
    pub fn layers(&self, network: Definition) -> Vec<(String, &ast::Layer)> {
        let members = self.members(network).into_iter();
        members
            .filter_map(|member| match member.what {
                What::Layer(layer) => Some((member.name, layer)),
                _ => None,
            })
            .collect()
    }

    /// Everything that a name can mean in a network: layers, inputs, repeats and blocks, and what is in those.
    #[must_use]
    pub fn members(&self, network: Definition) -> Vec<Member<'_>> {
        let mut found = Vec::new();
        self.collect(network, "", &mut Vec::new(), &mut found);
        found
    }

    fn collect<'a>(
        &'a self,
        network: Definition,
        prefix: &str,
        around: &mut Vec<Definition>,
        found: &mut Vec<Member<'a>>,
    ) {
        let Some(Item::Network(node)) = self.item(network) else {
            return;
        };
        // A network that is a block of itself is a mistake.
        if around.contains(&network) {
            return;
        }
        around.push(network);
        self.inside(network, &node.body, ("", prefix), around, found);
        around.pop();
    }

    /// The entries of a network or a repeat; `own` is the name of the repeat there, `prefix` what is before it.
    fn inside<'a>(
        &'a self,
        network: Definition,
        body: &'a Body,
        (own, prefix): (&str, &str),
        around: &mut Vec<Definition>,
        found: &mut Vec<Member<'a>>,
    ) {
        let mut push = |name: &str, what| {
            if found.len() < MOST_MEMBERS {
                found.push(Member {
                    name: format!("{prefix}{own}{name}"),
                    symbol: Symbol::Layer(network, format!("{own}{name}")),
                    what,
                });
            }
        };
        for name in inputs(body) {
            push(name.as_str(), What::Input);
        }
        for entry in &body.entries {
            match entry {
                Entry::Layer(layer) => push(layer.name.as_str(), What::Layer(layer)),
                Entry::Repeat(node) => push(node.name.as_str(), What::Other),
                Entry::Instance(node) => push(node.name.as_str(), What::Other),
                _ => {}
            }
        }
        for entry in &body.entries {
            match entry {
                Entry::Repeat(node) => {
                    let own = format!("{own}{}.", node.name);
                    self.inside(network, &node.body, (own.as_str(), prefix), around, found);
                }
                Entry::Instance(node) => {
                    let place = self.resolve(network.module, Kind::Network, &node.network.path);
                    if let Some(part) = place
                        && found.len() < MOST_MEMBERS
                    {
                        let prefix = format!("{prefix}{own}{}.", node.name);
                        self.collect(part, &prefix, around, found);
                    }
                }
                _ => {}
            }
        }
    }

    /// The inputs of a network that have a name.
    pub fn inputs(&self, network: Definition) -> impl Iterator<Item = &Name> {
        let body = match self.item(network) {
            Some(Item::Network(network)) => Some(&network.body),
            _ => None,
        };
        body.into_iter().flat_map(inputs)
    }

    /// The named blocks of an accelerator of one kind (`Memory`, `Array`), from the outside in; in the short form
    /// the memories that it stands for.
    #[must_use]
    pub fn parts(&self, accelerator: Definition, kind: &str) -> Vec<Name> {
        let mut found = Vec::new();
        if let Some(Item::Accelerator(node)) = self.item(accelerator) {
            parts(&node.body, kind, &mut found);
        }
        found
    }
}

/// `x` in `Input x { ... }` and `Persistent x { ... }`
pub(super) fn inputs(body: &Body) -> impl Iterator<Item = &Name> {
    let blocks = body.blocks();
    let blocks = blocks.filter(|block| matches!(block.kind.as_str(), "Input" | "Persistent"));
    blocks.filter_map(|block| block.name.as_ref())
}

fn parts(body: &Body, kind: &str, found: &mut Vec<Name>) {
    for block in body.blocks() {
        match block.kind.as_str() {
            "Level" => parts(&block.body, kind, found),
            "Buffer" if kind == "Memory" => {
                found.extend(block.body.properties().map(|property| property.key.clone()));
            }
            known if known == kind => found.extend(block.name.clone()),
            _ => {}
        }
    }
}

struct Walk<'a> {
    snapshot: &'a Snapshot,
    module: usize,
    /// The network, the accelerator and the item with parameters that names at this place belong to, each with its
    /// names: large files ask for them often.
    network: Option<(Definition, BTreeMap<String, Symbol>)>,
    /// `decoder.` in the repeat of that name.
    prefix: String,
    accelerator: Option<Hardware>,
    parameters: Option<(Definition, BTreeSet<String>)>,
    /// What `let` has named so far in the blocks around this place.
    lets: Vec<(String, Span)>,
    found: Vec<Occurrence>,
}

#[derive(Clone)]
struct Hardware {
    definition: Definition,
    memories: BTreeSet<String>,
    arrays: BTreeSet<String>,
}

fn set(names: impl IntoIterator<Item = Name>) -> BTreeSet<String> {
    names.into_iter().map(|name| name.value).collect()
}

impl Walk<'_> {
    fn push(&mut self, span: Span, symbol: Symbol, defines: bool) {
        self.found.push(Occurrence {
            span,
            symbol,
            defines,
        });
    }

    fn enter_network(&mut self, network: Option<Definition>) {
        let snapshot = self.snapshot;
        self.network = network.map(|network| {
            let members = snapshot.members(network).into_iter();
            let known = members.map(|member| (member.name, member.symbol));
            (network, known.collect())
        });
    }

    fn enter_accelerator(&mut self, accelerator: Option<Definition>) {
        let snapshot = self.snapshot;
        self.accelerator = accelerator.map(|definition| Hardware {
            definition,
            memories: set(snapshot.parts(definition, "Memory")),
            arrays: set(snapshot.parts(definition, "Array")),
        });
    }

    fn file(&mut self, module: &Module) {
        let mut uses = module.uses.iter();
        for (index, item) in module.ast.items.iter().enumerate() {
            let here = Definition {
                module: self.module,
                item: index,
            };
            if let Some((kind, _, span)) = defines(item)
                && !matches!(item, Item::Accelerator(node) if node.name.is_none())
            {
                self.push(span, Symbol::Item(kind, here), true);
            }
            match item {
                Item::Use(node) => {
                    let targets = uses.next().map_or(&[][..], Vec::as_slice);
                    self.imports(node, targets);
                }
                Item::Const(node) => self.expr(&node.value),
                Item::Technology(node) => self.body(&node.body),
                Item::Accelerator(node) => {
                    self.enter_accelerator(Some(here));
                    self.parameters(here, &node.parameters);
                    self.body(&node.body);
                    self.parameters = None;
                    self.accelerator = None;
                }
                Item::Network(node) => {
                    self.enter_network(Some(here));
                    self.parameters(here, &node.parameters);
                    self.body(&node.body);
                    self.parameters = None;
                    self.network = None;
                }
                Item::Dataflow(node) => self.dataflow(node, here),
                Item::Map(node) => self.map(node),
                Item::Search(node) | Item::Explore(node) => self.search(node),
                Item::Error(_) => {}
            }
        }
    }

    fn imports(&mut self, node: &ast::Use, targets: &[Option<crate::hir::Target>]) {
        match &node.source {
            UseSource::File(text) => {
                if let Some(Some(target)) = targets.first() {
                    self.push(text.span, Symbol::File(target.module), false);
                }
            }
            UseSource::Names { names, .. } => {
                for (name, target) in names.iter().zip(targets) {
                    let Some(target) = target else { continue };
                    let Some(symbol) = self.exported(target.module, name.name.as_str()) else {
                        continue;
                    };
                    self.push(name.name.span, symbol.clone(), false);
                    if let Some(alias) = &name.alias {
                        self.push(alias.span, symbol, false);
                    }
                }
            }
        }
    }

    fn exported(&self, module: usize, name: &str) -> Option<Symbol> {
        let items = &self.snapshot.compiled.modules.get(module)?.ast.items;
        items.iter().enumerate().find_map(|(item, node)| {
            let (kind, defined, _) = defines(node)?;
            (defined == name).then_some(Symbol::Item(kind, Definition { module, item }))
        })
    }

    /// Defines parameters, which are known until the end of their item.
    fn parameters(&mut self, here: Definition, parameters: &[ast::Parameter]) {
        let names = parameters.iter().map(|parameter| parameter.name.clone());
        self.parameters = Some((here, set(names)));
        for parameter in parameters {
            let symbol = Symbol::Parameter(here, parameter.name.value.clone());
            self.push(parameter.name.span, symbol, true);
            if let Some(default) = &parameter.default {
                self.expr(default);
            }
        }
    }

    fn dataflow(&mut self, node: &ast::Dataflow, here: Definition) {
        self.parameters(here, &node.parameters);
        if let Some(path) = &node.on {
            let accelerator = self.path(Kind::Accelerator, path);
            self.enter_accelerator(accelerator);
        }
        self.directives(&node.body);
        self.accelerator = None;
        self.parameters = None;
    }

    fn map(&mut self, node: &ast::Map) {
        let network = self.invocation(Kind::Network, &node.network);
        self.enter_network(network);
        let accelerator = self.invocation(Kind::Accelerator, &node.accelerator);
        self.enter_accelerator(accelerator);
        for entry in &node.entries {
            match entry {
                MapEntry::Default {
                    dataflow, array, ..
                } => {
                    self.usage(dataflow);
                    self.arrays(array.as_ref());
                }
                MapEntry::Layers {
                    layers,
                    dataflow,
                    array,
                    ..
                } => {
                    for layer in layers {
                        self.layer(layer);
                    }
                    self.usage(dataflow);
                    self.arrays(array.as_ref());
                }
                MapEntry::Fuse(fuse) => {
                    for layer in &fuse.layers {
                        self.layer(layer);
                    }
                    self.fused(&fuse.body);
                }
                MapEntry::Error(_) => {}
            }
        }
        self.network = None;
        self.accelerator = None;
    }

    /// Blocks are nested only as deep as the parser allows.
    fn fused(&mut self, body: &FuseBody) {
        for statement in &body.statements {
            match &statement.kind {
                FuseStatementKind::Tile { target, size, body } => {
                    self.tensor(target);
                    self.expr(size);
                    self.fused(body);
                }
                FuseStatementKind::Retain { tensors, memory }
                | FuseStatementKind::Refetch { tensors, memory } => {
                    tensors.iter().for_each(|tensor| self.tensor(tensor));
                    self.memory(memory);
                }
                FuseStatementKind::Recompute { tensors } => {
                    tensors.iter().for_each(|tensor| self.tensor(tensor));
                }
                FuseStatementKind::Stages(stages) => {
                    for entry in &stages.entries {
                        if let StageEntry::Run(run) = entry {
                            self.run(run);
                        }
                    }
                }
                FuseStatementKind::Error => {}
            }
        }
    }

    fn run(&mut self, run: &Run) {
        self.layer(&run.layer);
        if let Some(array) = &run.array {
            self.array(array);
        }
        if let Some(dataflow) = &run.dataflow {
            self.usage(dataflow);
        }
    }

    /// A name, dotted or not, that may be a layer of the network at hand.
    fn layer(&mut self, name: &Name) {
        let mut lo = name.span.lo();
        let mut words = Vec::new();
        for word in name.value.split('.') {
            let hi = lo.saturating_add(u32::try_from(word.len()).unwrap_or(u32::MAX));
            words.push(Spanned::new(
                word.to_owned(),
                Span::new(name.span.file(), lo, hi),
            ));
            lo = hi.saturating_add(1);
        }
        // With blanks around the dots the words lie elsewhere.
        if words
            .last()
            .is_some_and(|last| last.span.hi() == name.span.hi())
        {
            self.members(&words);
        }
    }

    /// Words that may lead to a layer: in the repeat at hand, or in what is around it.
    fn members(&mut self, words: &[Name]) {
        let Some((_, known)) = &self.network else {
            return;
        };
        let Some(first) = words.first() else { return };
        let mut prefix = self.prefix.as_str();
        let prefix = loop {
            if known.contains_key(&format!("{prefix}{first}")) {
                break prefix.to_owned();
            }
            let outer = prefix.trim_end_matches('.');
            match outer.rfind('.') {
                Some(dot) => prefix = &prefix[..=dot],
                None if prefix.is_empty() => return,
                None => prefix = "",
            }
        };
        let mut whole = prefix;
        let mut found = Vec::new();
        for word in words {
            whole.push_str(word.as_str());
            if let Some(symbol) = known.get(&whole) {
                found.push((word.span, symbol.clone()));
            }
            whole.push('.');
        }
        for (span, symbol) in found {
            self.push(span, symbol, false);
        }
    }

    fn path(&mut self, kind: Kind, path: &Path) -> Option<Definition> {
        let definition = self.snapshot.resolve(self.module, kind, path)?;
        if let Some(last) = path.segments.last() {
            self.push(last.span, Symbol::Item(kind, definition), false);
        }
        Some(definition)
    }

    fn usage(&mut self, usage: &DataflowUse) {
        match usage {
            DataflowUse::Inline(body) => self.directives(body),
            DataflowUse::Named(invocation) => {
                self.invocation(Kind::Dataflow, invocation);
            }
        }
    }

    /// An item with arguments.
    fn invocation(&mut self, kind: Kind, node: &ast::Invocation) -> Option<Definition> {
        let used = self.path(kind, &node.path);
        for argument in &node.arguments {
            if let (Some(used), Some(name)) = (used, &argument.name) {
                let symbol = Symbol::Parameter(used, name.value.clone());
                self.push(name.span, symbol, false);
            }
            self.expr(&argument.value);
        }
        used
    }

    fn directives(&mut self, body: &DataflowBody) {
        let outside = self.lets.len();
        self.statements(body);
        self.lets.truncate(outside);
    }

    fn statements(&mut self, body: &DataflowBody) {
        for directive in &body.directives {
            match &directive.kind {
                DirectiveKind::TemporalMap { size, offset, .. }
                | DirectiveKind::SpatialMap { size, offset, .. } => {
                    self.expr(size);
                    self.expr(offset);
                }
                DirectiveKind::Cluster { size, .. } | DirectiveKind::Tile { size, .. } => {
                    self.expr(size);
                }
                DirectiveKind::At { memory, loops } => {
                    self.memory(memory);
                    self.directives(loops);
                }
                DirectiveKind::Spread {
                    size, array, axis, ..
                } => {
                    self.expr(size);
                    self.array(array);
                    if let Some(axis) = axis {
                        self.expr(axis);
                    }
                }
                DirectiveKind::Retain { tensors, memory }
                | DirectiveKind::Bypass { tensors, memory } => {
                    for tensor in tensors {
                        self.tensor(tensor);
                    }
                    self.memory(memory);
                }
                DirectiveKind::Let { name, value } => {
                    self.expr(value);
                    self.push(name.span, Symbol::Local(name.span), true);
                    self.lets.push((name.value.clone(), name.span));
                }
                DirectiveKind::Schedule { .. } | DirectiveKind::Error => {}
            }
        }
    }

    /// `layer.Tensor`, `layer.Dimension`
    fn tensor(&mut self, path: &Path) {
        if let Some((_, layers)) = path.segments.split_last() {
            self.members(layers);
        }
    }

    fn memory(&mut self, name: &Name) {
        if let Some(hardware) = &self.accelerator
            && hardware.memories.contains(&name.value)
        {
            let symbol = Symbol::Memory(hardware.definition, name.value.clone());
            self.push(name.span, symbol, false);
        }
    }

    fn arrays(&mut self, name: Option<&Name>) {
        if let Some(name) = name {
            self.array(name);
        }
    }

    fn array(&mut self, name: &Name) {
        if let Some(hardware) = &self.accelerator
            && hardware.arrays.contains(&name.value)
        {
            let symbol = Symbol::Array(hardware.definition, name.value.clone());
            self.push(name.span, symbol, false);
        }
    }

    fn body(&mut self, body: &Body) {
        for entry in &body.entries {
            match entry {
                Entry::Property(property) => {
                    let key = property.key.as_str();
                    for argument in &property.arguments {
                        self.argument(argument);
                    }
                    for value in &property.values {
                        self.value(key, value);
                    }
                }
                Entry::Block(block) => self.block(block),
                Entry::Layer(layer) => {
                    self.defines(&layer.name);
                    self.body(&layer.body);
                }
                Entry::Repeat(node) => {
                    self.expr(&node.count);
                    self.defines(&node.name);
                    let outer = self.prefix.clone();
                    self.prefix = format!("{outer}{}.", node.name);
                    self.body(&node.body);
                    self.prefix = outer;
                }
                Entry::Instance(node) => {
                    self.defines(&node.name);
                    self.invocation(Kind::Network, &node.network);
                    for input in &node.inputs {
                        self.value("Inputs", input);
                    }
                }
                Entry::Dataflow(dataflow) => self.usage(&dataflow.dataflow),
                Entry::Persistent(node) => self.members(&node.name.segments),
                // The names in a `Compute` are tensors and ranks.
                Entry::Flag(_) | Entry::Compute(_) | Entry::Error(_) => {}
            }
        }
    }

    /// A layer, an input, a repeat or a block of the network at hand.
    fn defines(&mut self, name: &Name) {
        if let Some((network, _)) = &self.network {
            let symbol = Symbol::Layer(*network, format!("{}{name}", self.prefix));
            self.push(name.span, symbol, true);
        }
    }

    fn block(&mut self, block: &ast::Block) {
        if let ("Input" | "Persistent", Some(name)) = (block.kind.as_str(), &block.name) {
            self.defines(name);
        }
        if let Some(accelerator) = self.accelerator.as_ref().map(|known| known.definition) {
            match (block.kind.as_str(), &block.name) {
                ("Memory", Some(name)) => {
                    let symbol = Symbol::Memory(accelerator, name.value.clone());
                    self.push(name.span, symbol, true);
                }
                ("Array", Some(name)) => {
                    let symbol = Symbol::Array(accelerator, name.value.clone());
                    self.push(name.span, symbol, true);
                }
                ("Buffer", _) => {
                    for property in block.body.properties() {
                        let symbol = Symbol::Memory(accelerator, property.key.value.clone());
                        self.push(property.key.span, symbol, true);
                    }
                }
                _ => {}
            }
        }
        self.body(&block.body);
    }

    /// What stands behind `key:`.
    fn value(&mut self, key: &str, value: &Expr) {
        match (&value.kind, key) {
            (ExprKind::Path(path), "Technology") => {
                self.path(Kind::Technology, path);
            }
            (ExprKind::Path(path), "Inputs") => {
                self.members(&path.segments);
            }
            _ => self.expr(value),
        }
    }

    fn argument(&mut self, argument: &Argument) {
        self.expr(&argument.value);
    }

    /// Parameters and constants in an expression, which is only as high as the parser allows.
    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Path(path) => self.number(path),
            ExprKind::Call {
                function,
                arguments,
            } if function
                .as_name()
                .is_some_and(|name| name.as_str() == "Size") =>
            {
                for argument in arguments {
                    self.part(&argument.value);
                }
            }
            ExprKind::Call { arguments, .. } => {
                for argument in arguments {
                    self.argument(argument);
                }
            }
            ExprKind::Index { indices, .. } => indices.iter().for_each(|index| self.expr(index)),
            ExprKind::Negate(inner) | ExprKind::UpTo(inner) => self.expr(inner),
            ExprKind::Binary { left, right, .. } | ExprKind::Compare { left, right, .. } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::List(items) | ExprKind::Tuple(items) => {
                items.iter().for_each(|item| self.expr(item));
            }
            ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Error => {}
        }
    }

    /// `GLB` or `PE[0]` in `Size(...)`.
    fn part(&mut self, expr: &Expr) {
        let name = match &expr.kind {
            ExprKind::Index { base, indices } => {
                indices.iter().for_each(|index| self.expr(index));
                Some(base)
            }
            _ => expr.as_name(),
        };
        if let Some(name) = name {
            self.memory(name);
            self.array(name);
        }
    }

    fn number(&mut self, path: &Path) {
        let Some(name) = path.as_name() else { return };
        let local = self.lets.iter().rev().find(|known| known.0 == name.value);
        if let Some(&(_, defined)) = local {
            self.push(name.span, Symbol::Local(defined), false);
            return;
        }
        if let Some((item, names)) = &self.parameters
            && names.contains(&name.value)
        {
            let symbol = Symbol::Parameter(*item, name.value.clone());
            self.push(name.span, symbol, false);
            return;
        }
        self.path(Kind::Const, path);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::cursor;
    use super::*;

    const TEXT: &str = "const T = 4;
        Network net { Layer one { Type: FC; Dimensions { K: T, C: 4 } }
                      Layer two { Type: FC; Dimensions { K: 4, C: 4 } Inputs: one; } }
        Accelerator acc { Memory DRAM {} Memory RF { Size: 64 } Compute MAC { Lanes: 1 } }
        Dataflow rows(t = T) on acc { at DRAM { tile K by min(t, 2); } }
        Map net on acc { one: rows(t = 2); two: std.dataflows.gemm_os; }
        Network wide(B = T) { Layer l { Type: FC; Dimensions { N: B, K: 4, C: 4 } } }
        Accelerator npu(pes = 4, bytes = pes * 1KiB) { Memory DRAM {} Memory RF { Size: bytes } Compute MAC { Lanes: pes } }
        Map wide(B = 2) on npu(pes = 8) as both { }
        Network deep { repeat T stack { Layer up { Type: FC; Dimensions { K: 4, C: 4 } }
                                        Layer down { Type: FC; Dimensions { K: 4, C: 4 } Inputs: up; } } }
        Network more { Block twice: deep; }
        Map deep on acc { stack.up: rows; }
        Map more on acc { twice.stack.down: rows; }";

    fn meaning(text: &str) -> Option<(Symbol, String)> {
        let (snapshot, at) = cursor(text);
        let found = snapshot.name_at(at)?;
        let definition = snapshot.definition(&found.symbol)?;
        let text = snapshot.compiled.sources.text_of(definition).to_owned();
        Some((found.symbol, text))
    }

    #[test]
    fn every_name_leads_to_its_definition() {
        for (before, after, defined) in [
            ("K: ", "T, C", "T"),
            ("Inputs: ", "one", "one"),
            ("on ", "acc {", "acc"),
            ("at ", "DRAM", "DRAM"),
            ("min(", "t,", "t"),
            ("(", "t = 2", "t"),
            ("{ ", "one: rows", "one"),
            ("one: ", "rows", "rows"),
            ("Map ", "net", "net"),
            ("std.dataflows.", "gemm_os", "gemm_os"),
            ("N: ", "B, K", "B"),
            ("Size: ", "bytes", "bytes"),
            ("bytes = ", "pes", "pes"),
            ("on npu(", "pes = 8", "pes"),
            ("wide(", "B = 2", "B"),
            ("Map ", "wide", "wide"),
            ("Inputs: ", "up; }", "up"),
            ("Map deep on acc { ", "stack.up: rows", "stack"),
            ("stack.", "up: rows", "up"),
            ("twice.", "stack", "stack"),
            ("stack.", "down: rows", "down"),
            ("twice: ", "deep", "deep"),
        ] {
            let marked = TEXT.replace(&format!("{before}{after}"), &format!("{before}$0{after}"));
            assert_ne!(marked, TEXT, "{before}{after}");
            let found = meaning(&marked).map(|found| found.1);
            assert_eq!(found.as_deref(), Some(defined), "{before}{after}");
        }
        assert_eq!(meaning("Network n { $0 }"), None);
        assert_eq!(meaning("Map $0net on acc {}"), None);
    }

    #[test]
    fn imports_and_their_aliases_are_one_symbol() {
        let text = "use std.dataflows.{nvdla as weights}; Map std.networks.vgg16 on a { default: $0weights; }";
        let (symbol, defined) = meaning(text).unwrap();
        assert!(matches!(symbol, Symbol::Item(Kind::Dataflow, _)));
        assert_eq!(defined, "nvdla");
    }
}
