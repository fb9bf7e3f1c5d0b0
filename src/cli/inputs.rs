//! The files that a command is given: by name, in folders, or as standard input.

use super::output::{Failure, Output, Status};
use crate::syntax;
use std::io::Read;
use std::path::{Path, PathBuf};

/// How standard input is called on the command line, and in messages.
pub const STDIN: &str = "-";
pub const STDIN_NAME: &str = "<stdin>";

/// Folders in folders that are looked into.
const MOST_FOLDERS: usize = 32;

/// The files that are named, and for each folder those in it, by name. What cannot be read is said, and is the status.
pub fn expand(paths: &[PathBuf], output: &Output) -> (Vec<PathBuf>, Status) {
    let mut files = Vec::with_capacity(paths.len());
    let mut status = Status::Clean;
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        match folder(path, MOST_FOLDERS) {
            Ok(inside) => files.extend(inside),
            Err(failure) => {
                output.failure(&failure);
                status = Status::Usage;
            }
        }
    }
    (files, status)
}

pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN
}

/// All of standard input; one byte past the limit is enough for the parser to refuse the text.
pub fn read_stdin() -> Result<Vec<u8>, Failure> {
    let most = u64::try_from(syntax::MAX_SOURCE_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| Failure(format!("cannot read standard input: {error}")))?;
    Ok(bytes)
}

/// The dflow files in a folder and in those in it, by name; links and hidden folders are left alone.
fn folder(path: &Path, depth: usize) -> Result<Vec<PathBuf>, Failure> {
    let wrong =
        |error: std::io::Error| Failure(format!("cannot read {}: {error}", path.to_string_lossy()));
    let mut entries = std::fs::read_dir(path)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .map_err(wrong)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    let mut files = Vec::new();
    for entry in entries {
        let kind = entry.file_type().map_err(wrong)?;
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let inside = entry.path();
        if kind.is_dir() && !hidden && depth > 0 {
            files.extend(folder(&inside, depth - 1)?);
        } else if kind.is_file() && inside.extension().is_some_and(|known| known == "dflow") {
            files.push(inside);
        }
    }
    Ok(files)
}
