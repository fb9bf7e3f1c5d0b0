//! The texts of a session, and the translation of byte offsets to lines and columns.
//!
//! Spans are byte offsets; people read lines and characters, editors ask for UTF-16 units. The
//! [`LineIndex`] of a file answers all three from the same offset: in `µ Y` the `Y` is byte 3,
//! character 2 and UTF-16 unit 2.
//!
//! Invariant: a [`FileId`] handed out by a [`SourceMap`] stays valid for the life of that map; every
//! question about an offset past the end answers for the end.

use std::sync::Arc;

/// Index of a file in its [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

impl FileId {
    #[must_use]
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A line and a column, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineColumn {
    pub line: u32,
    pub column: u32,
}

/// Byte offsets at which lines begin. A line ends with `\n`, `\r\n` or a lone `\r`, as editors have it, and with
/// nothing else.
#[derive(Clone, Debug)]
pub struct LineIndex {
    starts: Vec<u32>,
}

impl LineIndex {
    #[must_use]
    pub fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let ends = (0..bytes.len()).filter(|&at| {
            bytes[at] == b'\n' || bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n')
        });
        let next = ends.map(|at| u32::try_from(at + 1).unwrap_or(u32::MAX));
        let starts = std::iter::once(0).chain(next).collect();
        Self { starts }
    }

    /// Zero-based line of a byte offset.
    #[must_use]
    pub fn line(&self, offset: u32) -> usize {
        self.starts.partition_point(|&start| start <= offset) - 1
    }

    /// Byte offset of the first byte of a zero-based line (of the last line if there is no such line).
    #[must_use]
    pub fn start(&self, line: usize) -> u32 {
        self.starts[line.min(self.starts.len() - 1)]
    }

    #[must_use]
    pub fn line_count(&self) -> usize {
        self.starts.len()
    }
}

/// One text: its name for messages, its content, its lines.
#[derive(Clone, Debug)]
pub struct SourceFile {
    name: Arc<str>,
    text: Arc<str>,
    lines: LineIndex,
}

impl SourceFile {
    fn new(name: &str, text: &str) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            lines: LineIndex::new(text),
        }
    }

    /// The name that messages show: a path as the user wrote it, or `<std>/...`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn lines(&self) -> &LineIndex {
        &self.lines
    }

    /// The text of a range of bytes; empty when the range is not inside the file or cuts a character.
    #[must_use]
    pub fn slice(&self, range: std::ops::Range<usize>) -> &str {
        self.text.get(range).unwrap_or("")
    }

    /// Line and column in characters.
    #[must_use]
    pub fn position(&self, offset: u32) -> LineColumn {
        self.position_by(offset, |_| 1)
    }

    /// Line and column in bytes of UTF-8.
    #[must_use]
    pub fn position_utf8(&self, offset: u32) -> LineColumn {
        self.position_by(offset, char::len_utf8)
    }

    /// Line and column in units of UTF-16, as editors count.
    #[must_use]
    pub fn position_utf16(&self, offset: u32) -> LineColumn {
        self.position_by(offset, char::len_utf16)
    }

    fn position_by(&self, offset: u32, width: impl Fn(char) -> usize) -> LineColumn {
        let offset = (offset as usize).min(self.text.len());
        let line = self.lines.line(u32::try_from(offset).unwrap_or(u32::MAX));
        let start = self.lines.start(line) as usize;
        let column: usize = self.text[start..]
            .char_indices()
            .take_while(|(at, c)| start + at + c.len_utf8() <= offset)
            .map(|(_, c)| width(c))
            .sum();
        LineColumn {
            line: u32::try_from(line + 1).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
        }
    }

    /// The byte offset of a zero-based line and UTF-16 column (LSP); the end of the line if it is shorter.
    #[must_use]
    pub fn offset_utf16(&self, line: usize, column: u32) -> u32 {
        let start = self.lines.start(line) as usize;
        let mut units = 0u32;
        let mut offset = start;
        for c in self.text[start..].chars() {
            if units >= column || matches!(c, '\n' | '\r') {
                break;
            }
            units += c.len_utf16() as u32;
            offset += c.len_utf8();
        }
        u32::try_from(offset).unwrap_or(u32::MAX)
    }
}

/// All texts of a session.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text under the name that messages are to show.
    pub fn add(&mut self, name: &str, text: &str) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(SourceFile::new(name, text));
        id
    }

    #[must_use]
    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.index())
    }

    /// The text under a span; empty for a span of no file of this map.
    #[must_use]
    pub fn text_of(&self, span: super::Span) -> &str {
        self.get(span.file())
            .map_or("", |file| file.slice(span.range()))
    }

    /// Files in the order in which they were added.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        (0..).map(FileId).zip(self.files.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_in_bytes_characters_and_utf16_units() {
        let mut map = SourceMap::new();
        let id = map.add("a.dflow", "x\n\u{1d4d0}µ Y\r\n");
        let file = map.get(id).unwrap();
        // The second line: four bytes / one character / two units, then two / one / one, then a blank.
        let y = 2 + 4 + 2 + 1;
        assert_eq!(file.position(y), LineColumn { line: 2, column: 4 });
        assert_eq!(file.position_utf8(y), LineColumn { line: 2, column: 8 });
        assert_eq!(file.position_utf16(y), LineColumn { line: 2, column: 5 });
        assert_eq!(file.offset_utf16(1, 4), y);
        assert_eq!(file.position(10_000).line, 3);
    }

    #[test]
    fn a_lone_carriage_return_ends_a_line_and_a_line_separator_does_not() {
        let index = LineIndex::new("a\rb\r\nc\u{2028}d\n");
        assert_eq!(index.line_count(), 4);
        assert_eq!([0, 2, 4, 5].map(|at| index.line(at)), [0, 1, 1, 2]);
    }

    #[test]
    fn empty_file_has_one_line() {
        let mut map = SourceMap::new();
        let id = map.add("e", "");
        assert_eq!(
            map.get(id).unwrap().position(0),
            LineColumn { line: 1, column: 1 }
        );
        assert_eq!(map.get(id).unwrap().lines().line_count(), 1);
    }
}
