//! Names that may be written in dflow: `res-2a.conv` becomes `res_2a_conv`, `3x3` becomes `_3x3`, `tile` becomes `tile_`.
//!
//! Invariant: two names of one kind that differ stay different.

use crate::syntax::token::Token;
use std::collections::{BTreeMap, BTreeSet};

/// The names of one kind that are taken.
#[derive(Debug, Default)]
pub struct Names {
    taken: BTreeSet<String>,
    /// By name: the number that was tried last, so that a thousand equal names do not try each other's.
    last: BTreeMap<String, u64>,
}

impl Names {
    /// A name that looks like `text` and that nothing else has.
    pub fn item(&mut self, text: &str) -> String {
        let name = plain(text);
        if self.taken.insert(name.clone()) {
            return name;
        }
        let last = self.last.entry(name.clone()).or_insert(1);
        loop {
            *last = last.saturating_add(1);
            let numbered = format!("{name}_{last}");
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

/// An identifier that looks like the name.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut name: String = text
        .chars()
        .map(|c| match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '_' => c,
            _ => '_',
        })
        .collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        name.insert(0, '_');
    }
    let is_word = |word: &Token<'static>| word.fixed_text() == Some(name.as_str());
    if Token::WORDS.iter().any(is_word) {
        name.push('_');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_identifiers() {
        assert_eq!(plain("res-2a.conv"), "res_2a_conv");
        assert_eq!(plain("3x3"), "_3x3");
        assert_eq!(plain("tile"), "tile_");
        assert_eq!(plain(""), "_");
        let mut names = Names::default();
        let all = ["a.b", "a-b", "a_b"].map(|name| names.item(name));
        assert_eq!(all, ["a_b", "a_b_2", "a_b_3"]);
    }
}
