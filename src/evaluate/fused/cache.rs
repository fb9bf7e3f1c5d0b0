//! What the analyses of groups found, kept over key strokes and over the maps of a run.
//!
//! Problem: a file has ten fused groups, and a key stroke in one of them leaves the others as they are, but for their
//! places in the text. The sets of a group's steps, and its counts at the peak rates of its stages, depend on the group as
//! the engine sees it, which has neither names nor places: they are remembered by it.
//!
//! Invariants: an answer that is remembered costs the allowance what it cost when it was found, so that the verdict on a
//! group does not depend on what was asked before; what was found when nothing was left is not remembered.

use crate::base::limits::{self, Outcome};
use crate::engine::EngineLimit;
use crate::engine::fused::{Analysis, Flow, Tile, at_peak};
use crate::evaluate::Memo;
use crate::ir::{FusedGroup, Memory};
use std::sync::Arc;

/// Groups of one kind that are remembered: some kilobytes each.
const MOST: usize = 256;

/// A group, the peak rates of its stages, and the memories whose ports are timed.
#[derive(Clone, Debug, PartialEq)]
struct Timed {
    group: FusedGroup,
    rates: Vec<u64>,
    memories: Vec<Memory>,
}

/// What was found, and the units that it cost; `None` when it could not be finished.
type Found<T> = Option<(Result<T, EngineLimit>, u64)>;

/// Answers about groups.
#[derive(Clone, Debug)]
pub struct GroupCache {
    analyses: Memo<FusedGroup, Found<Arc<Analysis>>>,
    flows: Memo<Timed, Found<Flow>>,
}

impl Default for GroupCache {
    fn default() -> GroupCache {
        GroupCache {
            analyses: Memo::new(MOST),
            flows: Memo::new(MOST),
        }
    }
}

impl GroupCache {
    /// As [`Analysis::new`].
    pub(super) fn analysis(&mut self, group: &FusedGroup) -> Result<Arc<Analysis>, EngineLimit> {
        let find = |make: &mut dyn FnMut() -> Found<Arc<Analysis>>| self.analyses.get(group, make);
        answer(find, || Analysis::new(group).map(Arc::new))
    }

    /// As [`Analysis::flow`], at these rates.
    pub(super) fn flow(
        &mut self,
        (group, analysis): (&FusedGroup, &Analysis),
        rates: &[u64],
        memories: &[Memory],
    ) -> Result<Flow, EngineLimit> {
        let is_same = |known: &Timed| {
            known.rates == rates && known.memories == memories && known.group == *group
        };
        let key = || Timed {
            group: group.clone(),
            rates: rates.to_vec(),
            memories: memories.to_vec(),
        };
        let find = |make: &mut dyn FnMut() -> Found<Flow>| self.flows.find(is_same, key, make);
        let mut peak = |stage: usize, tile: &Tile<'_>| {
            let rate = rates.get(stage).copied().unwrap_or(1);
            at_peak(group, stage, rate, memories, tile)
        };
        answer(find, || analysis.flow(memories, &mut peak))
    }
}

/// What is remembered, for its price, or what `make` finds.
fn answer<T>(
    find: impl FnOnce(&mut dyn FnMut() -> Found<T>) -> Found<T>,
    mut make: impl FnMut() -> Result<T, EngineLimit>,
) -> Result<T, EngineLimit> {
    let mut is_new = false;
    let found = find(&mut || {
        is_new = true;
        let (found, outcome, used) = limits::within(u64::MAX, None, &mut make);
        (outcome == Outcome::Finished).then_some((found, used))
    });
    match found {
        Some((found, _)) if is_new => found,
        Some((found, used)) => {
            limits::spend(used)?;
            found
        }
        // Nothing was left, and nothing is left now.
        None if is_new => {
            limits::spend(u64::MAX)?;
            Err(EngineLimit::TooMuchWork)
        }
        // It was not finished before; there may be more left today.
        None => make(),
    }
}
