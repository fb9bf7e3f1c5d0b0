//! Where something stands in the sources: a half-open byte range of one file.
//!
//! Every token, AST node and message carries a [`Span`]. Twelve bytes, `Copy`, ordered by file and then
//! by position, so that sorting by span is sorting by source order.
//!
//! Invariant: `lo <= hi`, both on character boundaries of the file; [`Span::new`] is the only constructor.

use super::source::FileId;

/// The bytes `lo..hi` of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    file: FileId,
    lo: u32,
    hi: u32,
}

impl Span {
    /// The bytes `lo..hi` of `file`. A reversed range becomes the empty range at `lo`.
    #[must_use]
    pub fn new(file: FileId, lo: u32, hi: u32) -> Self {
        debug_assert!(lo <= hi, "a span must not end before it starts: {lo}..{hi}");
        Self {
            file,
            lo,
            hi: hi.max(lo),
        }
    }

    #[must_use]
    pub fn file(self) -> FileId {
        self.file
    }

    /// First byte.
    #[must_use]
    pub fn lo(self) -> u32 {
        self.lo
    }

    /// One past the last byte.
    #[must_use]
    pub fn hi(self) -> u32 {
        self.hi
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(self) -> u32 {
        self.hi - self.lo
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.lo == self.hi
    }

    /// The byte range, for slicing the text of the file.
    #[must_use]
    pub fn range(self) -> std::ops::Range<usize> {
        self.lo as usize..self.hi as usize
    }

    /// The smallest span that holds both; `self` when they are in different files.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        if self.file != other.file {
            return self;
        }
        Self::new(self.file, self.lo.min(other.lo), self.hi.max(other.hi))
    }

    /// The empty span at the start: where something is to be inserted before.
    #[must_use]
    pub fn start(self) -> Self {
        Self::new(self.file, self.lo, self.lo)
    }

    /// The empty span at the end: where something is to be inserted after.
    #[must_use]
    pub fn end(self) -> Self {
        Self::new(self.file, self.hi, self.hi)
    }

    /// Whether `other` lies inside (same file, edges included).
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.file == other.file && self.lo <= other.lo && other.hi <= self.hi
    }
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

impl<T> Spanned<T> {
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// The same place, another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned {
            value: change(self.value),
            span: self.span,
        }
    }
}

impl Spanned<String> {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.value
    }
}

impl<T: std::fmt::Display> std::fmt::Display for Spanned<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.value.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn join_covers_both_and_stays_in_its_file() {
        let (a, b) = (FileId::new(0), FileId::new(1));
        let joined = Span::new(a, 4, 6).join(Span::new(a, 1, 2));
        assert_eq!(joined, Span::new(a, 1, 6));
        assert_eq!(
            Span::new(a, 4, 6).join(Span::new(b, 0, 9)),
            Span::new(a, 4, 6)
        );
        assert!(joined.contains(Span::new(a, 1, 1)));
    }
}
