//! Results that are expensive, kept by what they are results of, in bounded number.
//!
//! Problem: a network has its layers several times, and an editor evaluates the same network again after every
//! key stroke. Equal mappings have equal results.
//!
//! Invariant: at most `most` results are kept; the ones unused for longest go first.

use crate::base::limits;

/// A table of at most so many results.
#[derive(Clone, Debug)]
pub struct Memo<K, V> {
    most: usize,
    /// Counts questions.
    clock: u64,
    entries: Vec<Entry<K, V>>,
}

#[derive(Clone, Debug)]
struct Entry<K, V> {
    used: u64,
    key: K,
    value: V,
}

impl<K: PartialEq + Clone, V: Clone> Memo<K, V> {
    /// An empty table for `most` results, at least one.
    #[must_use]
    pub fn new(most: usize) -> Memo<K, V> {
        Memo {
            most: most.max(1),
            clock: 0,
            entries: Vec::new(),
        }
    }

    /// The result for `key`, made by `make` if it is not known.
    pub fn get(&mut self, key: &K, make: impl FnOnce() -> V) -> V {
        self.find(|known| known == key, || key.clone(), make)
    }

    /// As [`Memo::get`] for a key that is built only when its result is not known.
    pub fn find(
        &mut self,
        is_key: impl Fn(&K) -> bool,
        key: impl FnOnce() -> K,
        make: impl FnOnce() -> V,
    ) -> V {
        self.clock += 1;
        if let Some(known) = self.entries.iter_mut().find(|entry| is_key(&entry.key)) {
            known.used = self.clock;
            return known.value.clone();
        }
        let value = make();
        // What was stopped from outside is no result.
        if limits::is_stopped() {
            return value;
        }
        if self.entries.len() >= self.most {
            let oldest = (0..self.entries.len()).min_by_key(|&at| self.entries[at].used);
            if let Some(oldest) = oldest {
                self.entries.swap_remove(oldest);
            }
        }
        self.entries.push(Entry {
            used: self.clock,
            key: key(),
            value: value.clone(),
        });
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_unused_for_longest_goes() {
        let mut memo = Memo::new(2);
        let mut made = Vec::new();
        for key in [1, 2, 1, 3, 1, 2] {
            let value = memo.get(&key, || {
                made.push(key);
                key * 10
            });
            assert_eq!(value, key * 10);
        }
        // 2 had to go for 3, because 1 was asked for in between.
        assert_eq!(made, [1, 2, 3, 2]);
    }
}
