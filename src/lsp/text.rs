//! A document as the editor sees it: lines and columns, in the units that were agreed on, and changes to parts.
//!
//! Problem: in `/* ä 😀 */ Layer` the editor says that `Layer` begins at column 11 (UTF-16: the face counts two),
//! or 15 (UTF-8); the compiler says byte 15. And a change comes as "replace 3:4 to 3:7 by this".
//!
//! Invariants: every position of an editor has an offset (past the end of a line it is the end of that line, past
//! the last line the end of the text, inside a character the start of it); offsets are on character boundaries.

use std::ops::Range;

/// In what the columns of positions are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// What every editor knows.
    #[default]
    Utf16,
    Utf8,
}

/// A place as editors say it, both counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    pub line: u32,
    pub column: u32,
}

/// A text with its lines.
#[derive(Clone, Debug)]
pub struct Text {
    text: String,
    /// Where lines begin.
    starts: Vec<usize>,
    /// Behind every character that is not ASCII: how many bytes more than units of UTF-16 the text has up to there. A
    /// file may be one line of a megabyte, in which columns are asked for a hundred thousand times.
    surplus: Vec<(usize, usize)>,
}

impl Text {
    #[must_use]
    pub fn new(text: String) -> Text {
        let starts = line_starts(&text);
        let surplus = surplus(&text);
        Text {
            text,
            starts,
            surplus,
        }
    }

    /// Bytes more than units of UTF-16 before `offset`.
    fn surplus_before(&self, offset: usize) -> usize {
        let at = self.surplus.partition_point(|known| known.0 <= offset);
        let last = at.checked_sub(1).and_then(|at| self.surplus.get(at));
        last.map_or(0, |known| known.1)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The bytes of a line without its end; empty past the last one.
    fn line(&self, line: usize) -> Range<usize> {
        let Some(&start) = self.starts.get(line) else {
            return self.text.len()..self.text.len();
        };
        let end = self
            .starts
            .get(line + 1)
            .copied()
            .unwrap_or(self.text.len());
        let content = self.text.get(start..end).unwrap_or("");
        start..start + content.trim_end_matches(['\r', '\n']).len()
    }

    /// The byte offset of a position.
    #[must_use]
    pub fn offset(&self, point: Point, encoding: Encoding) -> usize {
        let line = self.line(usize::try_from(point.line).unwrap_or(usize::MAX));
        let wanted = usize::try_from(point.column).unwrap_or(usize::MAX);
        let mut column = 0;
        for (at, c) in self.text.get(line.clone()).unwrap_or("").char_indices() {
            column += width(c, encoding);
            if column > wanted {
                return line.start + at;
            }
        }
        line.end
    }

    /// The position of a byte offset; of the end for an offset past it.
    #[must_use]
    pub fn point(&self, offset: usize, encoding: Encoding) -> Point {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|&start| start <= offset) - 1;
        let start = self.starts.get(line).copied().unwrap_or(0);
        let bytes = offset - start;
        let column = match encoding {
            Encoding::Utf8 => bytes,
            Encoding::Utf16 => bytes - (self.surplus_before(offset) - self.surplus_before(start)),
        };
        Point {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }

    /// Puts `new` where `range` is; the whole text when there is no range.
    pub fn change(&mut self, range: Option<(Point, Point)>, new: &str, encoding: Encoding) {
        match range {
            None => self.text = new.to_owned(),
            Some((start, end)) => {
                let start = self.offset(start, encoding);
                let end = self.offset(end, encoding).max(start);
                self.text.replace_range(start..end, new);
            }
        }
        self.starts = line_starts(&self.text);
        self.surplus = surplus(&self.text);
    }
}

/// What of `old` has to be replaced, and by what, to get `new`; whole lines at the edges stay, and with them whatever the
/// editor keeps there. `None` when they are equal.
#[must_use]
pub fn difference<'n>(old: &str, new: &'n str) -> Option<(Range<usize>, &'n str)> {
    if old == new {
        return None;
    }
    let same = |a: &mut dyn Iterator<Item = &str>, b: &mut dyn Iterator<Item = &str>| -> usize {
        let pairs = std::iter::from_fn(|| a.next().zip(b.next()));
        pairs
            .take_while(|(a, b)| a == b)
            .map(|(a, _)| a.len())
            .sum()
    };
    let head = same(
        &mut old.split_inclusive('\n'),
        &mut new.split_inclusive('\n'),
    );
    let (old_rest, new_rest) = (old.get(head..)?, new.get(head..)?);
    let tail = same(
        &mut old_rest.split_inclusive('\n').rev(),
        &mut new_rest.split_inclusive('\n').rev(),
    );
    let end = old.len().checked_sub(tail)?;
    Some((
        head..end,
        new_rest.get(..new_rest.len().checked_sub(tail)?)?,
    ))
}

/// Lines end as the protocol says: `\n`, `\r\n` or `\r`.
fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends = bytes.iter().enumerate().filter(|&(at, &byte)| {
        byte == b'\n' || (byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'))
    });
    std::iter::once(0)
        .chain(ends.map(|(at, _)| at + 1))
        .collect()
}

fn surplus(text: &str) -> Vec<(usize, usize)> {
    let mut sum = 0;
    let wide = text.char_indices().filter(|(_, c)| !c.is_ascii());
    wide.map(|(at, c)| {
        sum += c.len_utf8() - c.len_utf16();
        (at + c.len_utf8(), sum)
    })
    .collect()
}

fn width(c: char, encoding: Encoding) -> usize {
    match encoding {
        Encoding::Utf16 => c.len_utf16(),
        Encoding::Utf8 => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(line: u32, column: u32) -> Point {
        Point { line, column }
    }

    // ä is 2 bytes and 1 unit of UTF-16, the face 4 bytes and 2 units.
    #[test]
    fn columns_in_both_encodings() {
        let text = Text::new("x\r\n/* ä 😀 */ L\ry".to_owned());
        let at = text.as_str().find('L').unwrap();
        assert_eq!(text.point(at, Encoding::Utf16), point(1, 11));
        assert_eq!(text.point(at, Encoding::Utf8), point(1, 14));
        assert_eq!(text.offset(point(1, 11), Encoding::Utf16), at);
        assert_eq!(text.offset(point(1, 14), Encoding::Utf8), at);
        // A lone carriage return ends a line too.
        assert_eq!(
            text.point(text.as_str().len(), Encoding::Utf16),
            point(2, 1)
        );
    }

    #[test]
    fn every_position_has_an_offset() {
        let text = Text::new("ab😀\nc".to_owned());
        assert_eq!(text.offset(point(0, 99), Encoding::Utf16), 6);
        assert_eq!(text.offset(point(9, 0), Encoding::Utf16), 8);
        // In the middle of a pair.
        assert_eq!(text.offset(point(0, 3), Encoding::Utf16), 2);
        assert_eq!(text.point(99, Encoding::Utf16), point(1, 1));
    }

    #[test]
    fn differences_are_whole_lines() {
        for (old, new, found) in [
            ("a\nb\nc\n", "a\nx\ny\nc\n", Some((2..4, "x\ny\n"))),
            ("a\nb", "a\nb\n", Some((2..3, "b\n"))),
            ("a\na\na\n", "a\na\n", Some((4..6, ""))),
            ("", "a\n", Some((0..0, "a\n"))),
            ("a\n", "a\n", None),
        ] {
            assert_eq!(difference(old, new), found, "{old:?} {new:?}");
        }
    }

    #[test]
    fn changes_of_parts() {
        let mut text = Text::new("one ä two\nthree".to_owned());
        let range = Some((point(0, 6), point(1, 2)));
        text.change(range, "2\n", Encoding::Utf16);
        assert_eq!(text.as_str(), "one ä 2\nree");
        // A reversed range is an insertion at its start.
        text.change(Some((point(1, 1), point(0, 0))), "!", Encoding::Utf16);
        assert_eq!(text.as_str(), "one ä 2\nr!ee");
        text.change(None, "all", Encoding::Utf16);
        assert_eq!(text.as_str(), "all");
    }
}
