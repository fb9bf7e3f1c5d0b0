//! Where the tiles of a mapping lie, as far as its flows depend on it.

use crate::ir::Mapping;

/// The places of a mapping's tiles, and all that its flows depend on, the layer and the accelerator apart:
/// which places are equal and which come first, and over which loops neighbours lend.
///
/// Mappings whose tiles lie at other places in the same order have the same flows; a flow names a place by
/// its rank.
#[derive(Default)]
pub(super) struct Places {
    /// Different places, outermost first; place number `rank` lies inside `ranked[rank]` loops.
    pub ranked: Vec<usize>,
    words: Vec<u64>,
}

impl Places {
    /// Every place that a mapping's loops have, so that a rank is the number of loops outside.
    pub fn every(mapping: &Mapping) -> Places {
        Places {
            ranked: (0..=mapping.schedule.loops.len()).collect(),
            words: Vec::new(),
        }
    }

    /// Looks at another mapping.
    pub fn find(&mut self, mapping: &Mapping) {
        let schedule = &mapping.schedule;
        self.ranked.clear();
        let mut add = |place: usize| {
            if let Err(at) = self.ranked.binary_search(&place) {
                self.ranked.insert(at, place);
            }
        };
        add(schedule.steps);
        add(schedule.leaf);
        for row in &schedule.positions {
            row.iter().flatten().for_each(|&place| add(place));
        }
        self.words.clear();
        let ranked = &self.ranked;
        let rank = |place: usize| ranked.partition_point(|&known| known < place) as u64;
        self.words
            .push(rank(schedule.steps) << 32 | rank(schedule.leaf));
        // There are no more places than tiles, so 16 bits are enough for a rank.
        let mut word = 0;
        let mut number = 0;
        for &place in schedule.positions.iter().flatten() {
            word = word << 16 | place.map_or(0, |place| rank(place) + 1);
            number += 1;
            if number % 4 == 0 {
                self.words.push(std::mem::take(&mut word));
            }
        }
        self.words.push(word);
        for (index, array) in lending(mapping) {
            let lends = rank(index + 1) << 32 | array as u64;
            if self.words.last() != Some(&lends) {
                self.words.push(lends);
            }
        }
    }

    pub fn words(&self) -> &[u64] {
        &self.words
    }

    pub fn rank(&self, place: usize) -> usize {
        self.ranked.partition_point(|&known| known < place)
    }
}

fn lending(mapping: &Mapping) -> impl Iterator<Item = (usize, usize)> + '_ {
    let loops = mapping.schedule.loops.iter().enumerate();
    loops.filter_map(|(index, l)| {
        let array = l.array()?;
        let forwards = mapping.architecture.arrays[array].network.forwarding;
        (forwards && l.instances() > 1).then_some((index, array))
    })
}
