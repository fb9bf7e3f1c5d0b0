//! What is asked of a search, and what it comes to.
//!
//! Problem: which maps are refetched decides what is made of all maps before, so that each set of them is a search of its own; one
//! after the other, the fewest first, each below what the ones before have reached.

use super::block::{Part, Space};
use super::tables::Table;
use crate::base::limits;
use crate::engine::EngineLimit;
use crate::engine::tree::{self, Cuts, Groups, Miscount, TreeCounts};
use crate::ir::{Fate, FusedLayer, FusedProblem, FusedSchedule};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Bits of the memory on the chip.
    pub room: u64,
    /// Pieces of any size; else they divide what they lie in.
    pub imperfect: bool,
    /// Whether anything may be computed twice.
    pub recompute: bool,
    /// Answers must move less; `u64::MAX`: any.
    pub limit: u64,
    /// When to end with the best so far, unproved; `None`: when all is looked at.
    pub until: Option<Instant>,
    /// What somebody sets who wants what there is.
    pub stop: Option<&'static AtomicBool>,
    /// Nothing: a loop per rank and block at most, and those of one layer where they are of use.
    pub loops: Option<Loops>,
}

/// All lists of few loops, so that all designs can be listed.
#[derive(Clone, Copy, Debug)]
pub struct Loops {
    /// Most that layers share on a path.
    pub shared: usize,
    /// Most of one layer.
    pub own: usize,
    /// Whether a block may cut a rank twice.
    pub again: bool,
}

/// The best design.
#[derive(Clone, Debug)]
pub struct Answer {
    pub schedule: FusedSchedule,
    pub counts: TreeCounts,
}

/// What a search came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// `None`: nothing fits, or moves less than the limit.
    pub best: Option<Answer>,
    /// Nothing of the space moves less.
    pub proved: bool,
    /// Lists of loops looked at.
    pub nodes: u64,
    /// What no design moves less than: everything from outside once, and the result.
    pub compulsory_bits: u64,
}

/// Whether a chain is of the form that is searched.
///
/// # Errors
/// Why not.
pub fn check(problem: &FusedProblem) -> Result<(), EngineLimit> {
    let groups = Groups::new(problem)?;
    let steps = |layer: &FusedLayer, group: usize, known: &[usize]| {
        let ranks = layer
            .ranks
            .iter()
            .zip(known)
            .filter(|(_, own)| **own == group);
        ranks.fold(1u64, |steps, (&extent, _)| steps.saturating_mul(extent))
    };
    let both = problem.layers.iter().zip(&groups.layers);
    let longest = both.flat_map(|(layer, known)| {
        (0..groups.count).map(move |group| steps(layer, group, &known.group))
    });
    if problem.layers.len() > limits::SEARCHED_LAYERS
        || problem.tensors.len() > limits::SEARCHED_TENSORS
        || longest.max().unwrap_or(0) > limits::SEARCHED_STEPS
    {
        return Err(EngineLimit::TooManyClasses);
    }
    let anew = vec![false; groups.layers.len() - 1];
    for group in 0..groups.count {
        let cuts = Cuts::new(&groups, group, &anew)?;
        for tensor in 0..groups.tensors.len() {
            cuts.figures(&groups, tensor)?;
        }
    }
    Ok(())
}

/// The design of a chain that moves least.
///
/// # Errors
/// The chain is not of the form that is counted.
pub fn search(problem: &FusedProblem, request: &Request) -> Result<Outcome, EngineLimit> {
    check(problem)?;
    let groups = Groups::new(problem)?;
    let last = groups.layers.len() - 1;
    // What does not count stands whole in the root.
    let open = (0..groups.tensors.len()).filter(|&tensor| {
        let known = &groups.tensors[tensor];
        !known.inner && known.bits > 0
    });
    let whole = Part {
        first: 0,
        head: last,
        open: open.collect(),
    };
    let ranks = groups.layers.iter().map(|layer| layer.extents.len());
    let most = ranks.max().unwrap_or(0);
    let mut masks: Vec<u64> = (0..1u64 << last.min(63)).collect();
    masks.sort_by_key(|mask| mask.count_ones());
    let mut best: Option<FusedSchedule> = None;
    let mut limit = request.limit;
    let mut outcome = Outcome {
        best: None,
        proved: true,
        nodes: 0,
        compulsory_bits: 0,
    };
    for mask in masks {
        let anew: Vec<bool> = (0..last).map(|map| mask >> map & 1 == 1).collect();
        let mut space = Space::new(&groups, request, anew)?;
        space.nodes = outcome.nodes;
        let start = space.start.clone();
        if mask == 0 {
            let once = whole
                .open
                .iter()
                .map(|&tensor| space.cost(tensor, space.once[tensor]));
            outcome.compulsory_bits = once.fold(0, u64::saturating_add);
        }
        // Few loops first: what they reach bounds the rest.
        for loops in [2, 3].into_iter().filter(|&few| few < most).chain([most]) {
            space.deep = loops;
            space.parts.clear();
            if let Some(found) = space.block(&whole, &start, (request.room, limit), 0) {
                limit = found.cost;
                best = Some(space.schedule(&found));
            }
        }
        outcome.nodes = space.nodes;
        space.over |= space.tables.iter().any(Table::is_full);
        if best.is_some() && limit <= outcome.compulsory_bits {
            // Nothing moves less than what comes from outside once.
            break;
        }
        if space.over {
            outcome.proved = false;
            break;
        }
    }
    // What loses nothing is retained, the rest computed again.
    while let Some(mut schedule) = best.take() {
        match tree::count(problem, &schedule) {
            Ok(counts) => outcome.best = Some(Answer { schedule, counts }),
            Err(Miscount::Lost { tensor, .. }) => {
                schedule.places[tensor].fate = Fate::Recompute;
                best = Some(schedule);
            }
            Err(Miscount::Limit(limit)) => return Err(limit),
            Err(Miscount::Misplaced { .. }) => return Err(EngineLimit::Irregular),
        }
    }
    Ok(outcome)
}
