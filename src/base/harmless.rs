//! Text that comes from files, made safe to show.
//!
//! A description, a comment or the name of a file may hold ESC (which commands the terminal), U+202E (which turns the
//! direction of what follows) or U+2028 (which some printers take for a new line). People see other characters there;
//! data (JSON, CSV, source) keep them.

use std::borrow::Cow;

/// The text with control characters (but for line ends and tabs), marks of direction and separators of lines replaced
/// by others of as many bytes, so that spans stay right.
#[must_use]
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let replace = |c: char| match c.len_utf8() {
        _ if !harmful(c) => c,
        1 => '?',
        2 => '\u{b7}',
        _ => char::REPLACEMENT_CHARACTER,
    };
    Cow::Owned(text.chars().map(replace).collect())
}

/// As [`harmless`]; a carriage return that ends no line, which would write over the line, is replaced too.
#[must_use]
pub fn harmless_lines(text: &str) -> Cow<'_, str> {
    match harmless(text) {
        shown if !shown.contains('\r') => shown,
        shown => Cow::Owned(shown.replace("\r\n", "\n").replace('\r', "?")),
    }
}

fn harmful(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\r' | '\t')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaced_by_as_many_bytes() {
        let text = "a\u{1b}\u{9b}\u{202e}\u{2028}\u{61c}\u{feff}\tb\r\n\u{200f}";
        let shown = harmless(text);
        assert_eq!(shown.len(), text.len());
        assert_eq!(
            shown,
            "a?\u{b7}\u{fffd}\u{fffd}\u{b7}\u{feff}\tb\r\n\u{fffd}"
        );
        assert_eq!(harmless_lines("a\rb\r\nc"), "a?b\nc");
        assert!(matches!(harmless("\u{e4}\n"), Cow::Borrowed(_)));
    }
}
