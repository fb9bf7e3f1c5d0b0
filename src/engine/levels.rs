//! The loops of a schedule as the clock goes through them.
//!
//! Problem: of `TemporalMap K; TemporalMap X` the region of an advance of `X` is looked up for every kind of place that `K`
//! and `X` are at. So every loop says once which group it is of, where the other groups are when it advances, and where
//! its regions lie in one list of times.

use super::exact::Scratch;
use super::flows::{Flows, Position};
use crate::ir::Mapping;
use smallvec::SmallVec;

/// One loop before the leaf.
pub(super) struct Level {
    /// Its place in `moving`, if it ever advances, and its number within the group.
    pub(super) own: Option<(usize, usize)>,
    /// Per moving group: how many of its loops lie outside this one.
    pub(super) depths: SmallVec<[usize; 8]>,
    /// Per moving group: first class and number of classes in the context of an advance of this loop.
    pub(super) classes: SmallVec<[(usize, usize); 8]>,
    /// The region of a context is `base` and for every moving group its class times its scale: the scale of the group
    /// that advances, and 0 in its place among those of all groups.
    pub(super) base: usize,
    pub(super) own_scale: usize,
    pub(super) scales: SmallVec<[usize; 8]>,
    /// How many loops there are up to the innermost one, from here outwards, that ever advances.
    pub(super) stop: usize,
    /// Where its regions lie in the list of times: the first of them, and the first of the next loop.
    pub(super) first: usize,
    pub(super) end: usize,
    /// The first site inside an advance, and its first column.
    pub(super) site: usize,
    pub(super) column: usize,
}

/// The loops before the leaf, and where each moving group is in the context of their advances.
pub(super) fn levels(mapping: &Mapping, scratch: &mut Scratch, flows: &Flows, moving: &[usize]) {
    let Scratch {
        levels,
        loops,
        classes,
        places,
        ..
    } = scratch;
    levels.clear();
    let mut size = 0usize;
    let mut depths: SmallVec<[usize; 8]> = SmallVec::from_elem(0, moving.len());
    let (mut position, mut stop) = (0, 0);
    for index in 0..mapping.schedule.leaf {
        let is_outside = |position: &Position| places.ranked[position.place] <= index;
        while flows.positions.get(position).is_some_and(is_outside) {
            position += 1;
        }
        let site = flows
            .positions
            .get(position)
            .map_or(flows.lanes, |position| position.sites.0);
        let at = moving.iter().enumerate().find_map(|(m, &g)| {
            let number = depths[m];
            (loops[g].get(number)?.index == index).then_some((m, number))
        });
        let own = at.filter(|&(m, number)| !classes[moving[m]].edges_at(number).is_empty());
        if own.is_some() {
            stop = index + 1;
        }
        let mut level = Level {
            own,
            stop,
            depths: SmallVec::new(),
            classes: SmallVec::new(),
            base: size,
            own_scale: 0,
            scales: SmallVec::new(),
            first: size,
            end: size,
            site,
            column: flows.column_starts[site],
        };
        if let Some((own, number)) = own {
            level.depths.extend_from_slice(&depths);
            for (m, &g) in moving.iter().enumerate() {
                let range = if own == m {
                    classes[g].edges_at(number)
                } else {
                    classes[g].nodes_at(depths[m])
                };
                level.classes.push((range.start, range.len()));
            }
            // The last group's class turns fastest. Numbers that wrap are those of levels that are too many to be
            // timed.
            level.scales.resize(moving.len(), 0);
            let mut regions = 1usize;
            for (m, &(first, number)) in level.classes.iter().enumerate().rev() {
                level.base = level.base.wrapping_sub(first.wrapping_mul(regions));
                if own == m {
                    level.own_scale = regions;
                } else {
                    level.scales[m] = regions;
                }
                regions = regions.saturating_mul(number);
            }
            size = size.saturating_add(regions);
            level.end = size;
        }
        levels.push(level);
        if let Some((m, _)) = at {
            depths[m] += 1;
        }
    }
}
