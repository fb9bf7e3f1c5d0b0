//! Names: which definition a name means in a file, and the walk over all files that makes the program.
//!
//! Kinds have separate name spaces: a network and a map argument may both be called `block`. An import
//! under a name that the file defines itself, or imports from elsewhere, is a clash.

use super::error::HirError;
use super::module::Module;
use super::parameter::{Local, Made, State};
use super::setting::{Override, Setting};
use super::value::Value;
use super::{
    Accelerator, Application, Program, dataflow, explore, import, map, search, technology,
};
use crate::base::Span;
use crate::diag::suggest::nearest;
use crate::diag::{Diagnostic, Diagnostics, Mistake};
use crate::syntax::ast::{self, Item, Name, Path, UseSource};
use std::collections::BTreeMap;

/// What a name can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Const,
    Technology,
    Accelerator,
    Network,
    Dataflow,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 5] = [
        Kind::Const,
        Kind::Technology,
        Kind::Accelerator,
        Kind::Network,
        Kind::Dataflow,
    ];

    /// As messages name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Const => "constant",
            Kind::Technology => "technology",
            Kind::Accelerator => "accelerator",
            Kind::Network => "network",
            Kind::Dataflow => "dataflow",
        }
    }
}

/// An item of a module: indices into the modules of a run and into the items of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Definition {
    pub module: usize,
    pub item: usize,
}

/// What the names of one module mean, its own and imported ones.
pub type Scope = BTreeMap<(Kind, String), Definition>;

#[derive(Clone, Copy, Debug)]
struct Binding {
    definition: Definition,
    /// Where the name was introduced in this file.
    span: Span,
}

/// Errors past this are not reported, and suggestions not looked for: bounds memory and work.
const MAX_ERRORS: usize = 10_000;
const MAX_SUGGESTIONS: usize = 200;

/// The name of an accelerator that has none in the source.
pub(super) const UNNAMED: &str = "accelerator";

/// What an item defines: the kind, the name, and where the name stands.
#[must_use]
pub fn defines(item: &Item) -> Option<(Kind, &str, Span)> {
    Some(match item {
        Item::Const(node) => (Kind::Const, node.name.as_str(), node.name.span),
        Item::Technology(node) => {
            let name = node.name.as_ref()?;
            (Kind::Technology, name.as_str(), name.span)
        }
        Item::Accelerator(node) => match &node.name {
            Some(name) => (Kind::Accelerator, name.as_str(), name.span),
            None => (Kind::Accelerator, UNNAMED, node.span),
        },
        Item::Network(node) => (Kind::Network, node.name.as_str(), node.name.span),
        Item::Dataflow(node) => (Kind::Dataflow, node.name.as_str(), node.name.span),
        Item::Use(_) | Item::Map(_) | Item::Search(_) | Item::Explore(_) | Item::Error(_) => {
            return None;
        }
    })
}

/// What every part of this stage works with.
pub(super) struct Context<'a> {
    pub modules: &'a [Module],
    names: Names,
    /// The module being collected.
    pub module: usize,
    pub program: Program,
    /// Parameters of the network or accelerator that is being collected.
    pub locals: Vec<Local>,
    /// Where the arguments stand for which it is collected, if it is not for its defaults.
    pub given: Option<Span>,
    /// What has been made for arguments.
    pub made: Vec<Made>,
    /// Networks that are being collected, each for a block of the one before it.
    pub open: Vec<Definition>,
    sink: &'a mut Diagnostics,
    /// Mistakes that were not reported.
    silent: usize,
    /// What is missing; kept back until it is known which keys are misspelt.
    missing: Vec<HirError>,
    /// Unknown keys, and what they probably mean.
    misspelt: Vec<(Span, String)>,
}

/// What is known of the names of a run beside its program: with it networks and accelerators can be made again, with
/// other values of their parameters.
#[derive(Clone, Debug, Default)]
pub struct Names {
    scopes: Vec<BTreeMap<(Kind, String), Binding>>,
    constants: BTreeMap<Definition, Option<Value>>,
    /// Program ids of what has been collected, with its defaults; `None` for what was wrong.
    ids: BTreeMap<Definition, Option<usize>>,
    /// Constants and defaults that are set from outside.
    pub(super) overrides: Vec<Override>,
}

impl Names {
    /// The accelerator of which `base` is one instance, with other values for some of its parameters, by their index;
    /// the rest follows from the defaults. `None` has been reported.
    ///
    /// Nothing else is collected again, so that thousands of variants can be asked for.
    #[must_use]
    pub fn accelerator(
        &self,
        modules: &[Module],
        base: &Accelerator,
        given: &[(usize, Value)],
        sink: &mut Diagnostics,
    ) -> Option<Accelerator> {
        let mut cx = Context::new(modules, sink);
        cx.names = self.clone();
        cx.given = Some(base.name_span);
        cx.make(base.origin, given)?;
        cx.program.accelerators.pop()
    }

    /// Adds a dataflow that is written in place to the program, and returns its use; `None` has been reported.
    #[must_use]
    pub fn dataflow(
        &self,
        modules: &[Module],
        program: &mut Program,
        body: &ast::DataflowBody,
        sink: &mut Diagnostics,
    ) -> Option<Application> {
        let mut cx = Context::new(modules, sink);
        cx.names = self.clone();
        cx.module = modules.len().saturating_sub(1);
        cx.program = std::mem::take(program);
        let made = dataflow::apply(&mut cx, &ast::DataflowUse::Inline(body.clone()));
        *program = cx.program;
        made
    }

    /// Adds to the program the network of which number `base` is one instance, with other values for some of its
    /// parameters, by their index, and returns its number; `None` has been reported.
    #[must_use]
    pub fn network(
        &self,
        modules: &[Module],
        program: &mut Program,
        base: usize,
        given: &[(usize, Value)],
        sink: &mut Diagnostics,
    ) -> Option<usize> {
        let known = program.networks.get(base)?;
        let (origin, span) = (known.origin, known.name_span);
        let mut cx = Context::new(modules, sink);
        cx.names = self.clone();
        cx.given = Some(span);
        cx.program = std::mem::take(program);
        let made = cx.make(origin, given);
        *program = cx.program;
        made
    }
}

/// The program of the last module (the file that was asked for) and of everything that it imports.
/// `modules` are in dependency order.
#[must_use]
pub fn collect(modules: &[Module], sink: &mut Diagnostics) -> Program {
    collect_with(modules, &[], sink).0
}

/// [`collect`] with some constants and defaults set from outside.
#[must_use]
pub fn collect_with(
    modules: &[Module],
    settings: &[Setting],
    sink: &mut Diagnostics,
) -> (Program, Names) {
    let mut cx = Context::new(modules, sink);
    for module in 0..modules.len() {
        cx.module = module;
        cx.open_scope();
    }
    cx.settings(settings);
    for module in 0..modules.len() {
        cx.module = module;
        cx.constants();
        cx.definitions();
    }
    cx.module = modules.len().saturating_sub(1);
    if let Some(root) = modules.last() {
        map::collect(&mut cx, root);
        search::collect(&mut cx, root);
        explore::collect(&mut cx, root);
    }
    cx.report_missing();
    (cx.program, cx.names)
}

/// The scope of every module, in their order; what is wrong with them [`collect`] reports.
#[must_use]
pub fn scopes(modules: &[Module]) -> Vec<Scope> {
    let mut sink = Diagnostics::new();
    let mut cx = Context::new(modules, &mut sink);
    for module in 0..modules.len() {
        cx.module = module;
        cx.open_scope();
    }
    let bindings = |scope: BTreeMap<(Kind, String), Binding>| {
        let pairs = scope.into_iter();
        pairs.map(|(key, binding)| (key, binding.definition))
    };
    cx.names
        .scopes
        .into_iter()
        .map(|scope| bindings(scope).collect())
        .collect()
}

impl<'a> Context<'a> {
    fn new(modules: &'a [Module], sink: &'a mut Diagnostics) -> Context<'a> {
        Context {
            modules,
            names: Names::default(),
            module: 0,
            program: Program::default(),
            locals: Vec::new(),
            given: None,
            made: Vec::new(),
            open: Vec::new(),
            sink,
            silent: 0,
            missing: Vec::new(),
            misspelt: Vec::new(),
        }
    }

    /// Reports a mistake; in a file that did not parse, not one that may follow from that.
    pub(super) fn error(&mut self, error: HirError) {
        let follows = error.may_follow_from_syntax() && self.modules[self.module].tainted;
        if let HirError::UnknownKey {
            span,
            suggestion: Some(meant),
            ..
        } = &error
        {
            self.misspelt.push((*span, meant.clone()));
        }
        if follows || self.is_full() {
            self.silent += 1;
        } else if matches!(error, HirError::Missing { .. }) && self.missing.len() < MAX_ERRORS {
            self.silent += 1;
            self.missing.push(error);
        } else {
            self.push(&error);
        }
    }

    /// Of an item that is made for arguments it is said where these are, but for what its defaults have as well.
    fn push(&mut self, error: &HirError) {
        let diagnostic = error.to_diagnostic();
        let Some(given) = self.given else {
            self.sink.push(diagnostic);
            return;
        };
        let same = |known: &Diagnostic| {
            known.code == diagnostic.code
                && known.primary() == diagnostic.primary()
                && known.message == diagnostic.message
        };
        let known = self.sink.error_count() < MAX_SUGGESTIONS && self.sink.iter().any(same);
        if known {
            self.silent += usize::from(diagnostic.is_error());
        } else {
            self.sink
                .push(diagnostic.also(given, "with the arguments given here"));
        }
    }

    /// The names that the module being collected knows.
    fn scope(&self) -> Option<&BTreeMap<(Kind, String), Binding>> {
        self.names.scopes.get(self.module)
    }

    /// What a module knows by a name, and where it has it from.
    pub(super) fn binding(
        &self,
        module: usize,
        kind: Kind,
        name: &str,
    ) -> Option<(Definition, Span)> {
        let scope = self.names.scopes.get(module)?;
        let binding = scope.get(&(kind, name.to_owned()))?;
        Some((binding.definition, binding.span))
    }

    /// The program id of a definition with its defaults.
    pub(super) fn id(&self, definition: Definition) -> Option<usize> {
        self.names.ids.get(&definition).copied().flatten()
    }

    /// Collects a network that stands further down, for a block of the one that is being collected.
    pub(super) fn need(&mut self, kind: Kind, definition: Definition, span: Span) {
        if kind != Kind::Network {
            return;
        }
        if let Some(at) = self.open.iter().position(|open| *open == definition) {
            let modules = self.modules;
            let name = |at: &Definition| {
                let item = modules.get(at.module)?.ast.items.get(at.item)?;
                defines(item).map(|(_, name, _)| name.to_owned())
            };
            let around = self.open[at..].iter().chain([&definition]);
            let networks = around.filter_map(name).collect();
            self.error(HirError::NetworksInside { networks, span });
            return;
        }
        if self.names.ids.contains_key(&definition) {
            return;
        }
        let given = self.given.take();
        let id = self.make(definition, &[]);
        self.given = given;
        self.names.ids.insert(definition, id);
    }

    /// Every name that the module being collected knows, with its definition.
    pub(super) fn known(&self) -> Vec<(Kind, String, Definition)> {
        let scope = self.scope().into_iter().flatten();
        scope
            .map(|((kind, name), binding)| (*kind, name.clone(), binding.definition))
            .collect()
    }

    pub(super) fn overrides(&self) -> &[Override] {
        &self.names.overrides
    }

    pub(super) fn set_overrides(&mut self, overrides: Vec<Override>) {
        self.names.overrides = overrides;
    }

    /// What has been reported makes something else fail too: counts, and says nothing.
    pub(super) fn fail_silently(&mut self) {
        self.silent += 1;
    }

    /// What is misspelt is not missing: `Dimension { N: 1 }` is one mistake.
    fn report_missing(&mut self) {
        let mut missing = std::mem::take(&mut self.missing);
        let mut misspelt = std::mem::take(&mut self.misspelt);
        missing.sort_by_key(HirError::missing_at);
        misspelt.sort();
        // Both are in source order: a misspelling belongs to the last place before it that lacks the word.
        let mut explained = vec![false; missing.len()];
        for (span, meant) in misspelt {
            let before = missing.partition_point(|error| error.missing_at() <= Some(span));
            let lacks = (before.saturating_sub(MAX_SUGGESTIONS)..before)
                .rev()
                .find(|&at| !explained[at] && missing[at].is_missing(span, &meant));
            if let Some(at) = lacks {
                explained[at] = true;
            }
        }
        for (error, explained) in missing.iter().zip(explained) {
            if !explained {
                self.sink.push(error.to_diagnostic());
            }
        }
    }

    /// Nobody reads that many messages; a file that makes more is not meant to be read either.
    fn is_full(&self) -> bool {
        self.sink.error_count() >= MAX_ERRORS
    }

    /// Did-you-mean among any number of names.
    pub(super) fn suggest<'n>(
        &self,
        name: &str,
        candidates: impl IntoIterator<Item = &'n str>,
    ) -> Option<String> {
        if self.sink.error_count() >= MAX_SUGGESTIONS {
            return None;
        }
        nearest(name, candidates).map(str::to_owned)
    }

    /// Says that a network has no such layer, and returns whether it says which is meant. One that is `taken`, and may not be
    /// named again, is not.
    pub(super) fn unknown_layer(
        &mut self,
        network: usize,
        name: &ast::Name,
        taken: impl Fn(usize) -> bool,
    ) -> bool {
        let known = self.program.networks[network].layers.iter().enumerate();
        let free = known.filter(|&(layer, _)| !taken(layer));
        let names: Vec<&str> = free.map(|(_, layer)| layer.name.as_str()).collect();
        // Without the repeat or the block that it stands in.
        let inside = |known: &&&str| {
            known
                .rsplit_once('.')
                .is_some_and(|(_, last)| last == name.as_str())
        };
        let mut inner = names.iter().filter(inside);
        let suggestion = match (inner.next(), inner.next()) {
            (Some(only), None) => Some((*only).to_owned()),
            _ => self.suggest(name.as_str(), names.iter().copied()),
        };
        let is_meant = suggestion.is_some();
        self.error(HirError::UnknownName {
            expected: "layer",
            name: name.value.clone(),
            span: name.span,
            suggestion,
            found: None,
        });
        is_meant
    }

    /// Number of errors so far: compare before and after to see whether something failed.
    pub(super) fn errors(&self) -> usize {
        self.sink.error_count() + self.silent
    }

    /// First sweep: the names of the module.
    fn open_scope(&mut self) {
        let modules = self.modules;
        let module = &modules[self.module];
        self.names.scopes.push(BTreeMap::new());
        for (item, node) in module.ast.items.iter().enumerate() {
            if let Some((kind, name, span)) = defines(node) {
                let definition = Definition {
                    module: self.module,
                    item,
                };
                self.bind(kind, name, definition, span);
            }
        }
        let uses = module.ast.items.iter().filter_map(|item| match item {
            Item::Use(node) => Some(node),
            _ => None,
        });
        for (node, targets) in uses.zip(&module.uses) {
            match &node.source {
                UseSource::File(text) => {
                    if let Some(Some(target)) = targets.first() {
                        self.import_all(target.module, text.span);
                    }
                }
                UseSource::Names { names, .. } => {
                    for (name, target) in names.iter().zip(targets) {
                        if let Some(target) = target {
                            self.import_name(target.module, name);
                        }
                    }
                }
            }
        }
    }

    fn bind(&mut self, kind: Kind, name: &str, definition: Definition, span: Span) {
        let Some(scope) = self.names.scopes.last_mut() else {
            return;
        };
        let key = (kind, name.to_owned());
        match scope.get(&key) {
            Some(first) if first.definition == definition => {}
            Some(first) => {
                let first = first.span;
                self.error(HirError::DefinedTwice {
                    what: kind.name(),
                    name: name.to_owned(),
                    span,
                    first,
                });
            }
            None => {
                scope.insert(key, Binding { definition, span });
            }
        }
    }

    fn import_all(&mut self, target: usize, span: Span) {
        let modules = self.modules;
        for (item, node) in modules[target].ast.items.iter().enumerate() {
            if let Some((kind, name, _)) = defines(node) {
                let definition = Definition {
                    module: target,
                    item,
                };
                self.bind(kind, name, definition, span);
            }
        }
    }

    fn import_name(&mut self, target: usize, name: &ast::UseName) {
        let modules = self.modules;
        let mut found = false;
        let mut others = Vec::new();
        for (item, node) in modules[target].ast.items.iter().enumerate() {
            if let Some((kind, defined, _)) = defines(node) {
                others.push(defined);
                if defined == name.name.as_str() {
                    found = true;
                    let definition = Definition {
                        module: target,
                        item,
                    };
                    let local = name.local();
                    self.bind(kind, local.as_str(), definition, local.span);
                }
            }
        }
        if !found && !modules[target].tainted {
            self.error(HirError::UnknownImport {
                path: name.name.value.clone(),
                span: name.name.span,
                suggestion: self.suggest(name.name.as_str(), others),
            });
        }
    }

    /// Second sweep: constants, each of which may use those above it.
    fn constants(&mut self) {
        let modules = self.modules;
        for (item, node) in modules[self.module].ast.items.iter().enumerate() {
            if let Item::Const(node) = node {
                let value = self.value(&node.value);
                let definition = Definition {
                    module: self.module,
                    item,
                };
                let value = self.set_constant(definition, node, value);
                self.names.constants.insert(definition, value);
            }
        }
    }

    /// Third sweep: the bodies.
    fn definitions(&mut self) {
        let modules = self.modules;
        // Technologies before accelerators before the dataflows that are `on` them; networks last, as
        // their layers use dataflows.
        for wanted in [
            Kind::Technology,
            Kind::Accelerator,
            Kind::Dataflow,
            Kind::Network,
        ] {
            for (item, node) in modules[self.module].ast.items.iter().enumerate() {
                if defines(node).map(|(kind, ..)| kind) != Some(wanted) {
                    continue;
                }
                let definition = Definition {
                    module: self.module,
                    item,
                };
                if self.names.ids.contains_key(&definition) {
                    // A network that another one has as a block.
                    continue;
                }
                let id = match node {
                    Item::Technology(node) => technology::collect(self, node),
                    Item::Dataflow(node) => dataflow::collect(self, node, definition),
                    Item::Accelerator(_) | Item::Network(_) => self.make(definition, &[]),
                    _ => None,
                };
                self.names.ids.insert(definition, id);
            }
        }
        for node in &modules[self.module].ast.items {
            if let Item::Technology(node) = node
                && node.name.is_none()
            {
                self.error(HirError::Missing {
                    what: "a name".to_owned(),
                    owner: "the technology".to_owned(),
                    span: node.span,
                    insert: None,
                });
            }
        }
    }

    /// What `path` means as a `kind`: `Err` when that was reported (or must stay silent).
    pub(super) fn find(&mut self, kind: Kind, path: &Path) -> Option<Definition> {
        let modules = self.modules;
        if let Some(name) = path.as_name() {
            let key = (kind, name.value.clone());
            if let Some(binding) = self.scope().and_then(|scope| scope.get(&key)) {
                return Some(binding.definition);
            }
            self.unknown(kind, name);
            return None;
        }
        let text = path.to_string();
        let target = modules.iter().position(|module| module.is_library(&text));
        let item = self.library(kind, path);
        // A module that is not there was reported where it could not be loaded; a path that does not
        // begin with `std` leads nowhere at all.
        let elsewhere = path
            .segments
            .first()
            .is_none_or(|first| first.as_str() != "std");
        if item.is_none() && (target.is_some() || elsewhere) {
            self.error(HirError::UnknownName {
                expected: kind.name(),
                name: text,
                span: path.span,
                suggestion: None,
                found: None,
            });
        }
        item
    }

    /// The definition in the library that a path in full means.
    pub(super) fn library(&self, kind: Kind, path: &Path) -> Option<Definition> {
        let text = path.to_string();
        let last = path.segments.last()?;
        let mut modules = self.modules.iter();
        let target = modules.position(|module| module.is_library(&text))?;
        let items = &self.modules.get(target)?.ast.items;
        let item = items.iter().position(|item| {
            defines(item).is_some_and(|(k, n, _)| k == kind && n == last.as_str())
        })?;
        Some(Definition {
            module: target,
            item,
        })
    }

    fn unknown(&mut self, kind: Kind, name: &Name) {
        let Some(scope) = self.scope() else {
            return;
        };
        let modules = self.modules;
        let unread = &modules[self.module].ast.unread;
        if unread.contains(&name.value) {
            self.fail_silently();
            return;
        }
        let found = Kind::ALL
            .into_iter()
            .find(|&other| scope.contains_key(&(other, name.value.clone())))
            .map(Kind::name);
        let known = scope
            .keys()
            .filter(|key| key.0 == kind)
            .map(|key| key.1.as_str());
        if let Some(add) = import::missing_use(self, kind, name) {
            self.error(HirError::NotImported {
                expected: kind.name(),
                name: name.value.clone(),
                span: name.span,
                add,
            });
            return;
        }
        let locals = self.locals.iter().map(|local| local.name.as_str());
        let locals = locals.filter(|_| kind == Kind::Const);
        let suggestion = self.suggest(name.as_str(), locals.chain(known));
        self.error(HirError::UnknownName {
            expected: match kind {
                Kind::Const if !self.locals.is_empty() => "parameter or constant",
                _ => kind.name(),
            },
            name: name.value.clone(),
            span: name.span,
            suggestion,
            found,
        });
    }

    /// The program id of what `path` means; `None` has been reported.
    pub(super) fn resolve(&mut self, kind: Kind, path: &Path) -> Option<usize> {
        let definition = self.find(kind, path)?;
        self.id(definition)
    }

    /// The parameter or constant called `path`, if there is one; an inner `None` has been reported.
    pub(super) fn constant(&mut self, path: &Path) -> Option<Option<Value>> {
        let name = path.as_name()?;
        let local = self.locals.iter().find(|local| local.name == name.value);
        if let Some(local) = local {
            let (state, definition) = (local.state, local.span);
            return Some(match state {
                State::Known(value) => Some(value),
                State::Wrong => None,
                State::Later => {
                    self.error(HirError::UsedEarly {
                        what: "parameter",
                        name: name.value.clone(),
                        span: name.span,
                        definition,
                    });
                    None
                }
            });
        }
        let key = (Kind::Const, name.value.clone());
        let binding = *self.scope()?.get(&key)?;
        let value = self.names.constants.get(&binding.definition).copied();
        if value.is_none() {
            self.error(HirError::UsedEarly {
                what: "constant",
                name: name.value.clone(),
                span: name.span,
                definition: binding.span,
            });
        }
        Some(value.flatten())
    }

    /// Reports an unknown constant.
    pub(super) fn unknown_constant(&mut self, path: &Path) {
        match path.as_name() {
            Some(name) => self.unknown(Kind::Const, name),
            None => self.error(HirError::WrongKind {
                expected: "a number".to_owned(),
                found: format!("`{path}`"),
                span: path.span,
            }),
        }
    }

    /// Ids of all accelerators that the module being collected can see, by name.
    pub(super) fn visible(&self, kind: Kind) -> Vec<usize> {
        let Some(scope) = self.scope() else {
            return Vec::new();
        };
        let mut ids: Vec<usize> = scope
            .iter()
            .filter(|(key, _)| key.0 == kind)
            .filter_map(|(_, binding)| self.id(binding.definition))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Whether a definition of that kind is visible at all, right or wrong.
    pub(super) fn count_visible(&self, kind: Kind) -> usize {
        self.scope()
            .map_or(0, |scope| scope.keys().filter(|key| key.0 == kind).count())
    }

    /// Ids of the networks that the module being collected defines itself.
    pub(super) fn own(&self, kind: Kind) -> Vec<usize> {
        let items = &self.modules[self.module].ast.items;
        (0..items.len())
            .filter(|&item| defines(&items[item]).is_some_and(|(k, ..)| k == kind))
            .filter_map(|item| {
                let definition = Definition {
                    module: self.module,
                    item,
                };
                self.id(definition)
            })
            .collect()
    }
}
