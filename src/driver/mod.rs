//! From a file name to mapped layers: the stages in order, and the only place that reads and writes files.
//!
//! [`Session::load`] reads a file with everything that it imports, parses and resolves it; [`Compiled::plan`]
//! lowers every layer of a map. Both are functions of the texts alone, so that an editor calls them again
//! after every change ([`Session::set_text`]).
//!
//! Invariants: nothing here stops at the first mistake; what could not be made is absent and has been
//! reported; the same texts give the same result, in the same order.

mod files;
mod load;
mod plan;
mod write;

#[cfg(test)]
mod dataflow_tests;
#[cfg(test)]
mod mutation_tests;
#[cfg(test)]
mod tests;

pub use files::{FileError, Files, MemoryFiles, OsFiles, normal};
pub use load::Input;
pub use plan::{Plan, PlannedLayer};
pub use write::{is_same_file, write_file};

use crate::base::SourceMap;
use crate::diag::Diagnostics;
use crate::hir::{self, Module, Program};
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
        let mut sources = SourceMap::new();
        let mut diagnostics = Diagnostics::new();
        let (modules, inputs) = load::load(self, path, &mut sources, &mut diagnostics);
        let program = hir::collect(&modules, &mut diagnostics);
        Compiled {
            sources,
            diagnostics,
            program,
            modules,
            inputs,
        }
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        match self.open.get(path) {
            Some(text) => Ok(text.clone().into_bytes()),
            None => self.files.read(path),
        }
    }
}
