//! Reading a file and, depth first, everything that it imports.
//!
//! Files come out in dependency order, each once. Beside `use` items, names written in full
//! (`Technology: std.technology.cacti28`) load the file of the library that they mean.

use super::files::{FileError, Files, relative};
use super::{Session, files};
use crate::base::{FileId, SourceMap, Span};
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Diagnostics, Mistake};
use crate::hir::{HirError, Module, Target};
use crate::import::maestro::{self, Surroundings};
use crate::syntax::ast::{
    self, Body, DataflowUse, Definition, Entry, ExprKind, Item, MapEntry, UseSource,
};
use crate::{stdlib, syntax};
use std::collections::BTreeMap;

/// Import chains and numbers of files past what anybody writes: bounds stack and work.
const MAX_DEPTH: usize = 64;
const MAX_FILES: usize = 1024;
/// Wrong imports past this are not reported.
const MAX_ERRORS: usize = 1000;

/// A file of the library or of the user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Std(String),
    File(String),
}

impl Place {
    fn display(&self) -> String {
        match self {
            Place::Std(path) => stdlib::display_name(path),
            Place::File(path) => path.clone(),
        }
    }
}

/// A file of the user that a program is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    pub path: String,
    /// Where it is imported first; `None` for the file that was asked for.
    pub from: Option<Span>,
}

/// What was read.
#[derive(Default)]
pub(super) struct Loaded {
    pub modules: Vec<Module>,
    pub inputs: Vec<Input>,
    /// What dataflows without a name are called, by where they are written.
    pub labels: BTreeMap<Span, String>,
    /// From a hardware file, for a file that says nothing of its own.
    pub hardware: Option<Definition>,
}

struct Loader<'a, F: Files> {
    session: &'a Session<F>,
    sources: &'a mut SourceMap,
    sink: &'a mut Diagnostics,
    loaded: Loaded,
    done: BTreeMap<Place, Option<usize>>,
    /// The chain of imports that led here.
    stack: Vec<Place>,
}

pub(super) fn load<F: Files>(
    session: &Session<F>,
    path: &str,
    hardware: Option<&str>,
    sources: &mut SourceMap,
    sink: &mut Diagnostics,
) -> Loaded {
    let mut loader = Loader {
        session,
        sources,
        sink,
        loaded: Loaded::default(),
        done: BTreeMap::new(),
        stack: Vec::new(),
    };
    if let Some(hardware) = hardware {
        loader.hardware(path, hardware);
    }
    let _ = loader.module(Place::File(files::normal(path)), None);
    loader.loaded
}

/// The name of a file without its folders and its ending.
pub(super) fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

impl<F: Files> Loader<'_, F> {
    /// The hardware of a file beside the one that is asked for.
    fn hardware(&mut self, program: &str, path: &str) {
        if !maestro::is_maestro(program) {
            let message = format!("`--hw` goes with a `.m` file, and `{program}` is none");
            let help = "say what the hardware is in an Accelerator of the program";
            let diagnostic = Diagnostic::new(Code::E0309, message).help(help);
            return self.sink.push(diagnostic);
        }
        let path = files::normal(path);
        self.loaded.inputs.push(Input {
            path: path.clone(),
            from: None,
        });
        match self.session.read(&path) {
            Ok(bytes) => {
                let text = syntax::decode(&bytes).into_owned();
                let file = self.sources.add(&path, &text);
                let (definition, errors) = maestro::hardware(file, &text, stem(&path));
                self.sink
                    .extend(errors.iter().map(maestro::MaestroError::to_diagnostic));
                self.loaded.hardware = definition;
            }
            Err(error) => self.sink.push(unreadable(&path, &error, None)),
        }
    }

    /// The tree of a text, and whether something is wrong with it.
    fn parse(
        &mut self,
        place: &Place,
        file: FileId,
        text: &str,
        is_part: bool,
    ) -> (ast::File, bool) {
        if !matches!(place, Place::File(path) if maestro::is_maestro(path)) {
            let parsed = syntax::parse(file, text);
            let tainted = parsed.has_errors();
            self.sink.extend(parsed.diagnostics);
            return (parsed.ast, tainted);
        }
        let hardware = self.loaded.hardware.as_ref().filter(|_| !is_part);
        let around = Surroundings { hardware, is_part };
        let imported = maestro::import(file, text, around);
        let before = self.sink.error_count();
        self.sink.extend(
            imported
                .errors
                .iter()
                .map(maestro::MaestroError::to_diagnostic),
        );
        self.loaded.labels.extend(imported.labels);
        (imported.ast, self.sink.error_count() != before)
    }

    /// The index of the module at `place`, loaded if need be; `None` has been reported. `from` is where
    /// the import stands.
    fn module(&mut self, place: Place, from: Option<Span>) -> Option<usize> {
        if let Some(known) = self.done.get(&place) {
            return *known;
        }
        if let Some(start) = self.stack.iter().position(|known| *known == place) {
            if let Some(span) = from {
                let around = self.stack[start..].iter().chain([&place]);
                let error = HirError::ImportCycle {
                    span,
                    chain: around.map(Place::display).collect(),
                };
                self.sink.push(error.to_diagnostic());
            }
            return None;
        }
        if self.stack.len() >= MAX_DEPTH || self.done.len() >= MAX_FILES {
            let diagnostic =
                Diagnostic::new(Code::E0103, "imports are nested too deeply, or too many");
            self.sink.push(match from {
                Some(span) => diagnostic.at(span, "not followed from here on"),
                None => diagnostic,
            });
            return None;
        }
        if let Place::File(path) = &place {
            let path = path.clone();
            self.loaded.inputs.push(Input { path, from });
        }
        let text = match &place {
            Place::Std(path) => stdlib::get(path)?.to_owned(),
            Place::File(path) => match self.session.read(path) {
                Ok(bytes) => syntax::decode(&bytes).into_owned(),
                Err(error) => {
                    self.sink.push(unreadable(path, &error, from));
                    self.done.insert(place, None);
                    return None;
                }
            },
        };
        let file = self.sources.add(&place.display(), &text);
        let (ast, tainted) = self.parse(&place, file, &text, from.is_some());
        self.stack.push(place.clone());
        let uses = self.uses(&ast, &place, file);
        self.stack.pop();
        self.loaded.modules.push(Module {
            ast,
            std_path: match &place {
                Place::Std(path) => Some(path.clone()),
                Place::File(_) => None,
            },
            uses,
            tainted,
        });
        let index = self.loaded.modules.len() - 1;
        self.done.insert(place, Some(index));
        Some(index)
    }

    fn uses(&mut self, ast: &ast::File, place: &Place, _file: FileId) -> Vec<Vec<Option<Target>>> {
        let mut uses = Vec::new();
        for item in &ast.items {
            let Item::Use(node) = item else {
                continue;
            };
            uses.push(match &node.source {
                UseSource::File(text) => {
                    let target = match place {
                        Place::File(importer) => {
                            let path = relative(importer, &text.value);
                            self.module(Place::File(path), Some(text.span))
                        }
                        // The library imports by name only.
                        Place::Std(_) => None,
                    };
                    vec![target.map(|module| Target { module })]
                }
                UseSource::Names { prefix, names } => {
                    let prefix: Vec<&str> = prefix.iter().map(|name| name.as_str()).collect();
                    let prefix = prefix.join(".");
                    names
                        .iter()
                        .map(|name| {
                            let span = name.name.span;
                            let path = format!("{prefix}.{}", name.name);
                            self.library(&path, span).map(|module| Target { module })
                        })
                        .collect()
                }
            });
        }
        for (path, span) in written_in_full(ast) {
            let _ = self.library(&path, span);
        }
        uses
    }

    fn library(&mut self, path: &str, span: Span) -> Option<usize> {
        if stdlib::get(path).is_some() {
            return self.module(Place::Std(path.to_owned()), Some(span));
        }
        // One of several definitions of a file: `std.dataflows.deepopt.XYZiZo`.
        if let Some((file, _)) = path.rsplit_once('.')
            && stdlib::get(file).is_some()
        {
            return self.module(Place::Std(file.to_owned()), Some(span));
        }
        if self.sink.error_count() >= MAX_ERRORS {
            return None;
        }
        let near = nearest(path, stdlib::paths());
        let last = |path: &str| path.rsplit('.').next().map(str::to_owned);
        // The span is of the last name; a slip further to the front is only named.
        let same_folder = near.is_some_and(|near| {
            near.rsplit_once('.').map(|parts| parts.0) == path.rsplit_once('.').map(|parts| parts.0)
        });
        let mut diagnostic = HirError::UnknownImport {
            path: path.to_owned(),
            span,
            suggestion: near.filter(|_| same_folder).and_then(last),
        }
        .to_diagnostic();
        if let (Some(near), false) = (near, same_folder) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
        } else if near.is_none() {
            diagnostic = diagnostic.help(match path.split('.').collect::<Vec<_>>().as_slice() {
                ["std", folder, _] if known_in(folder).next().is_some() => {
                    let names: Vec<&str> = known_in(folder).collect();
                    format!("`std.{folder}` has {}", names.join(", "))
                }
                _ => "names come from `std.accelerators`, `std.dataflows`, `std.networks` and \
                      `std.technology`; files are imported as `use \"file.dflow\";`"
                    .to_owned(),
            });
        }
        self.sink.push(diagnostic);
        None
    }
}

/// The names in a folder of the library.
fn known_in(folder: &str) -> impl Iterator<Item = &'static str> {
    stdlib::paths().filter_map(move |path| {
        let (kind, name) = path.strip_prefix("std.")?.split_once('.')?;
        (kind == folder).then_some(name)
    })
}

fn unreadable(path: &str, error: &FileError, from: Option<Span>) -> Diagnostic {
    let code = match error {
        FileError::Unreadable(_) => Code::E0701,
        FileError::TooLarge(_) => Code::E0702,
    };
    let diagnostic = Diagnostic::new(code, error.in_words(path));
    match from {
        Some(span) => diagnostic.at(span, "imported here"),
        None => diagnostic,
    }
}

/// Names of the library that are used without a `use`, each once, with the place of the first.
fn written_in_full(ast: &ast::File) -> BTreeMap<String, Span> {
    let mut found: BTreeMap<String, Span> = BTreeMap::new();
    let mut note = |path: &ast::Path| {
        let is_std = path.segments.len() > 1
            && path
                .segments
                .first()
                .is_some_and(|first| first.as_str() == "std");
        let text = path.to_string();
        if is_std {
            let span = path.segments.last().map_or(path.span, |last| last.span);
            found.entry(text).or_insert(span);
        }
    };
    for item in &ast.items {
        match item {
            Item::Accelerator(Definition { body, .. })
            | Item::Technology(Definition { body, .. })
            | Item::Network(ast::Network { body, .. }) => in_body(body, &mut note),
            Item::Dataflow(dataflow) => {
                if let Some(path) = &dataflow.on {
                    note(path);
                }
            }
            Item::Map(map) => {
                note(&map.network.path);
                note(&map.accelerator.path);
                for entry in &map.entries {
                    match entry {
                        MapEntry::Default { dataflow, .. } | MapEntry::Layers { dataflow, .. } => {
                            in_use(dataflow, &mut note);
                        }
                        MapEntry::Fuse(fuse) => fuse
                            .runs()
                            .iter()
                            .filter_map(|run| run.dataflow.as_ref())
                            .for_each(|dataflow| in_use(dataflow, &mut note)),
                        MapEntry::Error(_) => {}
                    }
                }
            }
            Item::Search(search) | Item::Explore(search) => {
                search.properties().for_each(|property| {
                    in_search(property, &mut note);
                })
            }
            Item::Use(_) | Item::Const(_) | Item::Error(_) => {}
        }
    }
    found
}

/// `network: std.networks.vgg16;`, `layer: std.networks.vgg16.conv1_1;`
fn in_search(property: &ast::Property, note: &mut impl FnMut(&ast::Path)) {
    for value in &property.values {
        let (ExprKind::Path(path) | ExprKind::Call { function: path, .. }) = &value.kind else {
            continue;
        };
        match (property.key.as_str(), path.segments.get(..3)) {
            ("on" | "network" | "map", _) => note(path),
            ("layer", Some(segments)) => note(&ast::Path {
                segments: segments.to_vec(),
                span: path.span,
            }),
            _ => {}
        }
    }
}

fn in_use(usage: &DataflowUse, note: &mut impl FnMut(&ast::Path)) {
    if let DataflowUse::Named(invocation) = usage {
        note(&invocation.path);
    }
}

/// Blocks are nested only as deep as the parser allows.
fn in_body(body: &Body, note: &mut dyn FnMut(&ast::Path)) {
    for entry in &body.entries {
        match entry {
            Entry::Property(property) => {
                for value in &property.values {
                    if let ExprKind::Path(path) = &value.kind {
                        note(path);
                    }
                }
            }
            Entry::Block(block) => in_body(&block.body, note),
            Entry::Layer(layer) => in_body(&layer.body, note),
            Entry::Repeat(repeat) => in_body(&repeat.body, note),
            Entry::Instance(block) => note(&block.network.path),
            Entry::Dataflow(dataflow) => {
                in_use(&dataflow.dataflow, &mut |path: &ast::Path| note(path));
            }
            Entry::Flag(_) | Entry::Persistent(_) | Entry::Compute(_) | Entry::Error(_) => {}
        }
    }
}
