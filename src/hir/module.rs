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

impl Module {
    /// Whether a definition of the library with this path lies here: `std.networks.vgg16` in the file of that name, and
    /// `std.dataflows.deepopt.XYZiZo` in a file of several definitions, `std.dataflows.deepopt`.
    #[must_use]
    pub fn is_library(&self, path: &str) -> bool {
        let Some(file) = self.std_path.as_deref() else {
            return false;
        };
        let folder = path.rsplit_once('.').map(|parts| parts.0);
        file == path || Some(file) == folder
    }
}

/// The module that a `use` leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Index of an earlier module.
    pub module: usize,
}
