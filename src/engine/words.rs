//! Tables looked up by lists of numbers.
//!
//! Problem: every candidate of a search asks for a table per group of ranks, and nearly all of them are
//! known. So the question is a list of numbers in a buffer that is filled again each time, and the answer is
//! found without a copy of it. The hash is made for that and nothing else: the lists come from mappings of
//! one user, not from a network.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A table by a list of numbers.
pub(super) type WordMap<T> = HashMap<Box<[u64]>, T, BuildHasherDefault<WordHasher>>;

/// Multiplies and turns, a word at a time.
#[derive(Clone, Default)]
pub(super) struct WordHasher(u64);

impl WordHasher {
    #[inline]
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(26) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl Hasher for WordHasher {
    #[inline]
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.add(word.try_into().map_or(0, u64::from_ne_bytes));
        }
        for &byte in words.remainder() {
            self.add(u64::from(byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.add(word);
    }

    #[inline]
    fn write_usize(&mut self, word: usize) {
        self.add(word as u64);
    }
}
