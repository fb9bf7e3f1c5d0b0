//! When each element of the result is first and last touched, of one group.
//!
//! Problem: where windows overlap in the result, or follow no pattern, a class of steps does not say whether
//! an element is met for the first time in it, or complete after it. So the group's own steps are gone
//! through once, and the first and the last of each element are kept, with the number of points that make it.

use super::EngineLimit;
use super::classes::GroupClasses;
use super::crossing::{Touched, Touches};
use super::transitions::MOST_LISTED;
use crate::ir::{GroupState, Intervals, Mapping};
use smallvec::SmallVec;
use std::collections::BTreeMap;

impl GroupClasses {
    /// Where windows overlap in the result: when each element is first and last touched, in steps of the
    /// first `inside` loops.
    pub(super) fn touches(&self, mapping: &Mapping, inside: usize) -> Result<Touches, EngineLimit> {
        let footprint = &self.plan.footprints[mapping.operation.result()];
        let too_many = EngineLimit::TooManyClasses;
        let mut found: BTreeMap<i64, Touched> = BTreeMap::new();
        let mut work = 0u64;
        // Nodes lie in the order of their steps.
        for (step, node) in self.nodes_at(inside).enumerate() {
            let mut pieces = SmallVec::new();
            let states = if self.explicit {
                let holders = self.working(inside, node).into_iter();
                holders.map(|holder| holder.state).collect()
            } else {
                self.states_at(node)
            };
            for state in states {
                footprint
                    .pieces(&state, &mut pieces)
                    .ok_or(too_many.clone())?;
            }
            let tile = Intervals::union_of(pieces);
            work += tile.len();
            if work > MOST_LISTED as u64 {
                return Err(too_many);
            }
            for element in tile.parts().iter().flat_map(|part| part.lo..part.hi) {
                found
                    .entry(element)
                    .and_modify(|touched| touched.last = step as u32)
                    .or_insert(Touched {
                        element,
                        first: step as u32,
                        last: step as u32,
                        points: 0,
                    });
            }
        }
        self.count_points(footprint, &mut found).ok_or(too_many)?;
        Ok(Touches {
            elements: found.into_values().collect(),
        })
    }

    /// How many points of the group make each element of the result.
    fn count_points(
        &self,
        footprint: &crate::ir::Footprint,
        found: &mut BTreeMap<i64, Touched>,
    ) -> Option<()> {
        let whole = self.plan.group.whole();
        if whole.volume() > MOST_LISTED as u64 {
            return None;
        }
        let mut point: SmallVec<[i64; 4]> = SmallVec::from_elem(0, whole.ranks.len());
        loop {
            let state = GroupState {
                ranks: point
                    .iter()
                    .map(|&x| crate::ir::Interval::new(x, x + 1))
                    .collect(),
                windows: whole.windows.clone(),
            };
            let mut pieces = SmallVec::new();
            footprint.pieces(&state, &mut pieces)?;
            if let Some(touched) = pieces.first().and_then(|piece| found.get_mut(&piece.lo)) {
                touched.points += 1;
            }
            let turned = (0..point.len()).rev().find(|&rank| {
                point[rank] += 1;
                let turns = point[rank] < whole.ranks[rank].hi;
                if !turns {
                    point[rank] = 0;
                }
                turns
            });
            if turned.is_none() {
                return Some(());
            }
        }
    }
}
