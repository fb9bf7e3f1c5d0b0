//! From a file name to mapped layers: the stages in order, and the only place that reads and writes files.
//!
//! [`Session::load`] reads a file with everything that it imports, parses and resolves it; [`Compiled::plan`]
//! lowers every layer of a map. Both are functions of the texts alone, so that an editor calls them again
//! after every change ([`Session::set_text`]).
//!
//! Invariants: nothing here stops at the first mistake; what could not be made is absent and has been
//! reported; the same texts give the same result, in the same order.

#![allow(clippy::disallowed_methods)]

mod files;
mod folder;
mod load;
mod plan;
mod write;

#[cfg(test)]
mod dataflow_tests;
#[cfg(test)]
mod mutation_tests;
#[cfg(test)]
mod tests;

pub use files::{FileError, Files, MemoryFiles, NamedFiles, OsFiles, normal, read_file, relative};
pub use folder::{entries, files_below};
pub use load::Input;
pub use plan::{Plan, PlannedLayer};
pub use write::{is_same_file, keep_file, write_file};

use crate::base::{SourceMap, Span};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::hir::{self, Accelerator, Application, Module, Names, Program, Setting, Value};
use crate::import::maestro::{self, Surroundings, is_maestro};
use crate::syntax::ast::Definition;
use crate::syntax::{self, ast};
use plan::FOUND;
use std::collections::BTreeMap;

/// Texts that are open in an editor come before those of the files.
pub struct Session<F: Files> {
    files: F,
    open: BTreeMap<String, String>,
}

/// A file and its imports, resolved.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub sources: SourceMap,
    pub diagnostics: Diagnostics,
    pub program: Program,
    /// The trees that the program was made from, imported ones first, the file that was asked for last; empty
    /// when that could not be read.
    pub modules: Vec<Module>,
    /// The files that were asked for, readable or not, in the order in which they were met.
    pub inputs: Vec<Input>,
    /// With them networks and accelerators are made for other values of their parameters.
    pub names: Names,
    /// What dataflows without a name are called in reports, by where they are written: an importer gives the lists of
    /// its layers names.
    pub labels: BTreeMap<Span, String>,
}

impl Compiled {
    /// The accelerator number `base` with other values for some of its parameters, by their index; the rest follows
    /// from the defaults. `None` has been reported.
    #[must_use]
    pub fn accelerator(
        &self,
        base: usize,
        given: &[(usize, Value)],
        sink: &mut Diagnostics,
    ) -> Option<Accelerator> {
        let base = self.program.accelerators.get(base)?;
        self.names.accelerator(&self.modules, base, given, sink)
    }

    /// Whether something is written in another format than dflow.
    #[must_use]
    pub fn is_foreign(&self, span: Span) -> bool {
        let file = self.sources.get(span.file());
        file.is_some_and(|file| is_maestro(file.name()))
    }

    /// Adds the text of a dataflow, `{ ... }`, that a search has written for `title`; `None` has been reported.
    pub fn found_dataflow(
        &mut self,
        title: &str,
        text: &str,
        sink: &mut Diagnostics,
    ) -> Option<Application> {
        let text = format!("Dataflow found {text}\n");
        let file = self.sources.add(&format!("{FOUND}{title}"), &text);
        let parsed = syntax::parse(file, &text);
        let [ast::Item::Dataflow(node)] = parsed.ast.items.as_slice() else {
            return None;
        };
        let (names, modules) = (&self.names, &self.modules);
        names.dataflow(modules, &mut self.program, &node.body, sink)
    }

    /// Adds the network number `base` with other values for some of its parameters, by their index, to the program,
    /// and returns its number; `None` has been reported.
    pub fn network(
        &mut self,
        base: usize,
        given: &[(usize, Value)],
        sink: &mut Diagnostics,
    ) -> Option<usize> {
        let (names, modules) = (&self.names, &self.modules);
        names.network(modules, &mut self.program, base, given, sink)
    }
}

/// Takes away the edits that do not fit the file that they are for: what mends a mapping in dflow may be no word of the
/// format that the file is in.
pub fn drop_foreign_fixes(sources: &SourceMap, diagnostics: &mut Diagnostics) {
    diagnostics.keep_fixes(|_, fix| {
        let file = sources.get(fix.span.file());
        let Some(file) = file.filter(|file| is_maestro(file.name())) else {
            return true;
        };
        let (before, after) = (
            file.slice(0..fix.span.range().start),
            file.slice(fix.span.range().end..file.text().len()),
        );
        maestro::parses(fix.span.file(), &[before, &fix.replacement, after].concat())
    });
}

/// In an item that does not parse, the tree is a guess, and so is what would mend its meaning: no edits for that.
fn drop_guesses(modules: &[Module], diagnostics: &mut Diagnostics) {
    let is_syntax = |code: Code| code < Code::E0201;
    let wrong = diagnostics.iter().filter(|one| is_syntax(one.code));
    let wrong: Vec<Span> = wrong.filter_map(Diagnostic::primary).collect();
    if wrong.is_empty() {
        return;
    }
    let holds = |item: Span, place: Span| {
        item.file() == place.file() && item.lo() <= place.lo() && place.hi() <= item.hi()
    };
    let items = modules.iter().flat_map(|module| &module.ast.items);
    let items = items.map(|item| item.span());
    let broken: Vec<Span> = items
        .filter(|&item| wrong.iter().any(|&place| holds(item, place)))
        .collect();
    diagnostics.keep_fixes(|one, fix| {
        is_syntax(one.code) || !broken.iter().any(|&item| holds(item, fix.span))
    });
}

impl<F: Files> Session<F> {
    pub fn new(files: F) -> Session<F> {
        Session {
            files,
            open: BTreeMap::new(),
        }
    }

    /// From now on `path` has this text, whatever the file says.
    pub fn set_text(&mut self, path: &str, text: &str) {
        self.open.insert(files::normal(path), text.to_owned());
    }

    /// From now on `path` has the text of its file again.
    pub fn close(&mut self, path: &str) {
        self.open.remove(&files::normal(path));
    }

    /// Reads, parses and resolves `path` and what it imports.
    #[must_use]
    pub fn load(&self, path: &str) -> Compiled {
        self.load_with(path, &[])
    }

    /// [`Session::load`] with some constants and defaults set: `NAME=VALUE` each.
    #[must_use]
    pub fn load_with(&self, path: &str, settings: &[String]) -> Compiled {
        self.load_on(path, settings, None)
    }

    /// [`Session::load_with`] of a `.m` file on the hardware of another, if one is given.
    #[must_use]
    pub fn load_on(&self, path: &str, settings: &[String], hardware: Option<&str>) -> Compiled {
        self.compile(path, settings, hardware).0
    }

    fn compile(
        &self,
        path: &str,
        settings: &[String],
        hardware: Option<&str>,
    ) -> (Compiled, Option<Definition>) {
        let mut sources = SourceMap::new();
        let mut diagnostics = Diagnostics::new();
        let load::Loaded {
            modules,
            inputs,
            labels,
            hardware,
        } = load::load(self, path, hardware, &mut sources, &mut diagnostics);
        let mut parsed = Vec::with_capacity(settings.len());
        for text in settings {
            let file = sources.add("--set", text);
            match syntax::parse_setting(file, text) {
                Ok((path, value)) => parsed.push(Setting { path, value }),
                Err(wrong) => diagnostics.extend(wrong),
            }
        }
        let (program, names) = hir::collect_with(&modules, &parsed, &mut diagnostics);
        drop_guesses(&modules, &mut diagnostics);
        let compiled = Compiled {
            sources,
            diagnostics,
            program,
            modules,
            inputs,
            names,
            labels,
        };
        (compiled, hardware)
    }

    /// A `.m` file with its text in dflow, not laid out yet; without one when something is wrong, which has been reported.
    #[must_use]
    pub fn import(&self, path: &str, hardware: Option<&str>) -> (Compiled, Option<String>) {
        let (compiled, hardware) = self.compile(path, &[], hardware);
        let module = compiled.modules.last();
        let text = module.filter(|_| !compiled.diagnostics.has_errors());
        let text = text.and_then(|module| {
            let file = module.ast.span.file();
            let source = compiled.sources.get(file)?;
            let around = Surroundings {
                hardware: hardware.as_ref(),
                is_part: false,
            };
            is_maestro(source.name()).then(|| maestro::written(file, source.text(), around))
        });
        (compiled, text)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        match self.open.get(path) {
            Some(text) => Ok(text.clone().into_bytes()),
            None => self.files.read(path),
        }
    }
}
