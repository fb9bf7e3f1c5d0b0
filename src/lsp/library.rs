//! Files of the embedded library, for an editor that wants to open one.
//!
//! Problem: `std.dataflows.nvdla` is text inside of the program, and an editor can only show files. (A scheme of
//! our own, `dflow-std:...`, would need a plugin in every editor.) So the file that is asked for is written into
//! a cache directory, `dflowc/VERSION/std/dataflows/nvdla.dflow`, and its ordinary address is given: this works in
//! every editor without any help.
//!
//! The directory is `$XDG_CACHE_HOME` or `~/.cache` (`%LOCALAPPDATA%` on Windows), and the system's directory for
//! temporary files when that cannot be written. A file is written when it is missing or differs, and
//! no reader ever sees half of it.

use crate::driver::keep_file;
use crate::stdlib;
use std::path::{Path, PathBuf};

/// The path of the file with the text of `std.kind.name`; `None` when there is no such text, or nowhere to put it.
#[must_use]
pub fn file(path: &str) -> Option<PathBuf> {
    let text = stdlib::get(path)?;
    roots()
        .into_iter()
        .find_map(|root| write(&root, path, text))
}

/// Where copies may lie, best first.
fn roots() -> Vec<PathBuf> {
    let of = |name: &str| {
        let value = std::env::var_os(name)?;
        let path = PathBuf::from(value);
        path.is_absolute().then_some(path)
    };
    let own = format!("dflowc/{}", env!("CARGO_PKG_VERSION"));
    let caches = [
        of("XDG_CACHE_HOME"),
        of("LOCALAPPDATA"),
        of("HOME").map(|home| home.join(".cache")),
        Some(std::env::temp_dir()),
    ];
    caches
        .into_iter()
        .flatten()
        .map(|cache| cache.join(&own))
        .collect()
}

fn write(root: &Path, path: &str, text: &str) -> Option<PathBuf> {
    let file = root.join(format!("{}.dflow", path.replace('.', "/")));
    keep_file(&file, text.as_bytes()).ok()?;
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_once_and_mended() {
        let root = std::env::temp_dir().join(format!("dflowc-library-{}", std::process::id()));
        let text = stdlib::get("std.dataflows.nvdla").unwrap();
        let file = write(&root, "std.dataflows.nvdla", text).unwrap();
        assert!(file.ends_with("std/dataflows/nvdla.dflow"));
        std::fs::write(&file, "spoilt").unwrap();
        assert_eq!(
            write(&root, "std.dataflows.nvdla", text),
            Some(file.clone())
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        assert_eq!(write(&file, "std.dataflows.nvdla", text), None);
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!(super::file("std.dataflows.nothing"), None);
    }
}
