//! Where texts come from: the file system in the program, a table in tests and editors.

use std::collections::BTreeMap;

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
    /// Larger than a source may be; not read at all.
    TooLarge,
}

impl FileError {
    /// One sentence for people.
    #[must_use]
    pub fn in_words(&self, path: &str) -> String {
        match self {
            FileError::Unreadable(reason) => format!("cannot read `{path}`: {reason}"),
            FileError::TooLarge => {
                let most = crate::syntax::MAX_SOURCE_BYTES >> 20;
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
        use std::io::Read;
        let unreadable = |error: std::io::Error| FileError::Unreadable(error.to_string());
        let limit = crate::syntax::MAX_SOURCE_BYTES;
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
            return Err(FileError::TooLarge);
        }
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        // One byte past the limit tells a large file from one that just fits, also for one that grows meanwhile.
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        file.take(most)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        if bytes.len() > limit {
            return Err(FileError::TooLarge);
        }
        Ok(bytes)
    }
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
pub(super) fn relative(importer: &str, text: &str) -> String {
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

    #[test]
    fn imports_are_relative_to_the_importing_file() {
        assert_eq!(relative("a/b.dflow", "c.dflow"), "a/c.dflow");
        assert_eq!(relative("a/b.dflow", "../c.dflow"), "c.dflow");
        assert_eq!(relative("b.dflow", "../c.dflow"), "../c.dflow");
        assert_eq!(relative("/a/b.dflow", "./d/./c.dflow"), "/a/d/c.dflow");
        assert_eq!(relative("a/b.dflow", "/c.dflow"), "/c.dflow");
    }
}
