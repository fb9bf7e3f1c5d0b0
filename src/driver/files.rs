//! Where texts come from: the file system in the program, a table in tests and editors.

use crate::syntax::MAX_SOURCE_BYTES;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A source of files. Paths are as the user wrote them, imports joined to the folder of the importing file.
pub trait Files {
    /// The bytes of a file.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError>;
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileError {
    /// In the words of the system.
    Unreadable(String),
    /// Larger than this many bytes, which is more than such a file may have; not read at all.
    TooLarge(usize),
}

impl FileError {
    /// One sentence for people.
    #[must_use]
    pub fn in_words(&self, path: &str) -> String {
        match self {
            FileError::Unreadable(reason) => format!("cannot read `{path}`: {reason}"),
            FileError::TooLarge(most) => {
                let most = most >> 20;
                format!("`{path}` is larger than {most} MiB")
            }
        }
    }
}

/// The file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsFiles;

impl Files for OsFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        read_file(Path::new(path), MAX_SOURCE_BYTES)
    }
}

/// The file system, as a command sees it whose file has a name, or lies in a folder with a name, that is no UTF-8: the
/// name that is shown of it leads to it all the same, and so do those of its imports.
#[derive(Clone, Debug)]
pub struct NamedFiles {
    shown: String,
    real: PathBuf,
}

impl NamedFiles {
    #[must_use]
    pub fn new(file: &Path) -> NamedFiles {
        NamedFiles {
            shown: normal(&file.to_string_lossy()),
            real: file.to_path_buf(),
        }
    }

    /// Where a path leads.
    #[must_use]
    pub fn real(&self, path: &str) -> PathBuf {
        let folder = self.real.parent().filter(|_| self.real.to_str().is_none());
        let inside = |folder: &Path| {
            let shown = normal(&folder.to_string_lossy());
            let rest = path.strip_prefix(shown.as_str())?.strip_prefix('/')?;
            Some(folder.join(rest))
        };
        let real = match folder {
            _ if path == self.shown => Some(self.real.clone()),
            Some(folder) if folder.to_str().is_none() => inside(folder),
            _ => None,
        };
        real.unwrap_or_else(|| PathBuf::from(path))
    }
}

impl Files for NamedFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        read_file(&self.real(path), MAX_SOURCE_BYTES)
    }
}

/// The one way a file is read: a regular file of at most so many bytes.
///
/// # Errors
/// Why it cannot be read.
pub fn read_file(path: &Path, limit: usize) -> Result<Vec<u8>, FileError> {
    use std::io::Read;
    let unreadable = |error: std::io::Error| FileError::Unreadable(error.to_string());
    // Before it is opened: opening a named pipe waits for a writer, and a device may have no end.
    let known = std::fs::metadata(path).map_err(unreadable)?;
    if !known.is_file() {
        let what = if known.is_dir() {
            "a folder"
        } else {
            "not a regular file"
        };
        return Err(FileError::Unreadable(format!("it is {what}")));
    }
    if known.len() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(FileError::TooLarge(limit));
    }
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    // One byte past the limit tells a large file from one that just fits, also for one that grows meanwhile.
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() > limit {
        return Err(FileError::TooLarge(limit));
    }
    Ok(bytes)
}

/// Files in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    files: BTreeMap<String, Vec<u8>>,
}

impl MemoryFiles {
    #[must_use]
    pub fn new() -> MemoryFiles {
        MemoryFiles::default()
    }

    /// Adds or replaces a file.
    #[must_use]
    pub fn with(mut self, path: &str, text: &str) -> MemoryFiles {
        self.files
            .insert(normal(path), text.to_owned().into_bytes());
        self
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| FileError::Unreadable("no such file".to_owned()))
    }
}

/// The path without `.` and with `..` taken back where a folder stands before it.
#[must_use]
pub fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            "" if !parts.is_empty() => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, "" | "..")) => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// `text` as written in a `use` of `importer`.
pub fn relative(importer: &str, text: &str) -> String {
    if text.starts_with('/') {
        return normal(text);
    }
    match importer.rsplit_once('/') {
        Some((folder, _)) => normal(&format!("{folder}/{text}")),
        None => normal(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_text_lead_to_their_files() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
        let files = NamedFiles::new(&path(b"a/./b\xff.dflow"));
        assert_eq!(files.real("a/b\u{fffd}.dflow"), path(b"a/./b\xff.dflow"));
        assert_eq!(files.real("a/c.dflow"), path(b"a/c.dflow"));
        let files = NamedFiles::new(&path(b"d\xfe/b.dflow"));
        assert_eq!(files.real("d\u{fffd}/b.dflow"), path(b"d\xfe/b.dflow"));
        assert_eq!(files.real("d\u{fffd}/e/c.dflow"), path(b"d\xfe/e/c.dflow"));
        assert_eq!(files.real("c.dflow"), path(b"c.dflow"));
    }

    #[test]
    fn imports_are_relative_to_the_importing_file() {
        assert_eq!(relative("a/b.dflow", "c.dflow"), "a/c.dflow");
        assert_eq!(relative("a/b.dflow", "../c.dflow"), "c.dflow");
        assert_eq!(relative("b.dflow", "../c.dflow"), "../c.dflow");
        assert_eq!(relative("/a/b.dflow", "./d/./c.dflow"), "/a/d/c.dflow");
        assert_eq!(relative("a/b.dflow", "/c.dflow"), "/c.dflow");
    }
}
