//! Why a space has no legal candidate.
//!
//! Problem: "no legal candidate" helps nobody. What excludes them all is found by leaving conditions out one at a
//! time: if everything fits once the buffer is unbounded, the least that a buffer must hold is the answer, and it is
//! itself a search, for the candidate that needs the least of it.

use crate::engine::EngineLimit;
use crate::search::problem::{Limit, Objective, Problem};
use crate::search::request::{Request, Strategy};
use crate::search::run;
use crate::search::space::{Pieces, Rules};

/// What excludes every candidate.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// One memory alone: the smallest capacity in bytes that admits a candidate.
    Memory { memory: usize, bytes: f64 },
    /// No memory alone: per memory the smallest capacity that it needs if all others are unbounded.
    Memories(Vec<(usize, f64)>),
    /// A limit of the user: the least value that a candidate has. With several limits: of this one alone.
    Limit { limit: Limit, least: f64 },
    /// The limits together; each alone can be kept.
    Limits,
    /// Loops in time over the tiles of a memory: no extent of this rank is allowed.
    Time { memory: usize, rank: usize },
    /// The same of a spread.
    Space {
        array: usize,
        axis: usize,
        rank: usize,
    },
    /// The rules together.
    Rules,
    /// Candidates are legal, but none can be counted.
    Uncounted,
}

/// Finds out why a search of `problem` has no answer.
///
/// # Errors
/// [`EngineLimit`] when the layer cannot be counted at all.
pub fn none(problem: &Problem, request: &Request) -> Result<Why, EngineLimit> {
    let mut bare = Request {
        limits: Vec::new(),
        strategy: Strategy::Optimal,
        ..request.clone()
    };
    let least = |problem: &Problem, request: &Request, objective: Objective| {
        let request = Request {
            objectives: vec![objective],
            ..request.clone()
        };
        let outcome = run::run(problem, &request, &mut |_| true)?;
        Ok::<_, EngineLimit>(outcome.best.first().map(|best| best.found.values[0]))
    };
    let bounded: Vec<usize> = (1..problem.architecture.memories.len())
        .filter(|&m| problem.architecture.memories[m].capacity_bits.is_some())
        .collect();
    let mut open = problem.clone();
    for &memory in &bounded {
        open.architecture.memories[memory].capacity_bits = None;
    }
    let some = |problem: &Problem, request: &Request| {
        least(problem, request, Objective::Area).map(|v| v.is_some())
    };
    bare.evaluations = bare.evaluations.or(Some(10_000));
    if !request.limits.is_empty() && some(problem, &bare)? {
        for &limit in &request.limits {
            match least(problem, &bare, limit.of)? {
                Some(value) if value > limit.most * (1.0 + 1e-9) => {
                    return Ok(Why::Limit {
                        limit,
                        least: value,
                    });
                }
                _ => {}
            }
        }
        return Ok(Why::Limits);
    }
    if some(&open, &bare)? {
        let mut needs = Vec::new();
        for &memory in &bounded {
            let mut alone = problem.clone();
            alone.architecture.memories[memory].capacity_bits = None;
            if let Some(bytes) = least(&alone, &bare, Objective::Capacity(memory))? {
                return Ok(Why::Memory { memory, bytes });
            }
            if let Some(bytes) = least(&open, &bare, Objective::Capacity(memory))? {
                let have = problem.architecture.memories[memory]
                    .capacity_bits
                    .unwrap_or(0) as f64
                    / 8.0;
                if bytes > have {
                    needs.push((memory, bytes));
                }
            }
        }
        return Ok(Why::Memories(needs));
    }
    let without = |change: &dyn Fn(&mut Rules)| {
        let mut request = bare.clone();
        change(&mut request.rules);
        some(&open, &request)
    };
    for &(memory, rank) in request.rules.time.keys() {
        if without(&|rules| {
            rules.time.insert((memory, rank), Pieces::Any);
        })? {
            return Ok(Why::Time { memory, rank });
        }
    }
    for &(array, axis, rank) in request.rules.space.keys() {
        if without(&|rules| {
            rules.space.insert((array, axis, rank), Pieces::Any);
        })? {
            return Ok(Why::Space { array, axis, rank });
        }
    }
    let free = without(&|rules| {
        rules.time.clear();
        rules.space.clear();
        rules.single.clear();
        rules.order.clear();
    })?;
    Ok(if free { Why::Rules } else { Why::Uncounted })
}
