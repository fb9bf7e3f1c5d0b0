//! One parsed file with its imports already found: what `collect` works on.
//!
//! Reading files is the driver's business; it hands over modules in dependency order, imported first.

use crate::syntax::ast;

/// A file and what its `use` items lead to.
#[derive(Clone, Debug)]
pub struct Module {
    pub ast: ast::File,
    /// `std.dataflows.streaming` for a file of the embedded library.
    pub std_path: Option<String>,
    /// In the order of the file's `use` items, and of the names within one; `None` for what could not be
    /// loaded (and has been reported).
    pub uses: Vec<Vec<Option<Target>>>,
    /// The file did not parse cleanly: unknown names may be the consequence, and are not reported.
    pub tainted: bool,
}

/// The module that a `use` leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Index of an earlier module.
    pub module: usize,
}
