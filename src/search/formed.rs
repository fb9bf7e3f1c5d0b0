//! Every class of a space, and every candidate of it formed from the tables, without a search.
//!
//! Problem: a search cuts off nearly everything, so its time says little of how fast its inner loop is. Here nothing was
//! found before, no row is left out for another, and nothing is kept: what is left is the join itself, with the
//! capacities and the limits that it checks.

use crate::search::class::{Cache, Class, Patterns};
use crate::search::goal::Goal;
use crate::search::join::{self, Options, Work};
use crate::search::prepare::Prepared;
use crate::search::request::Request;

/// Forms every candidate that the memories can hold and the limits of a request admit, on one thread: what it asks for,
/// and what every memory with a size must hold.
#[must_use]
pub fn formed(prepared: &Prepared, request: &Request) -> Work {
    let goal = Goal::new(&request.objectives, &request.limits);
    let mut work = Work::default();
    for (skeleton, room) in prepared.rooms.iter().enumerate() {
        let mut join = |class: &Class| {
            let sums = room.sums(&prepared.problem.operation, class);
            let options = Options {
                most: 0,
                dominance: false,
                after: None,
                stop: &|| request.is_stopped(),
            };
            let joined = join::join(room, &prepared.rules, class, &sums, &goal, &options);
            work.add(joined.work);
            !joined.stopped
        };
        let (all, mut cache) = (Patterns::new(), Cache::new());
        each_class(prepared, skeleton, &all, &mut cache, &mut join);
    }
    work
}

/// Tells every class that begins with some patterns; `false` when `tell` did not want more of them.
pub fn each_class(
    prepared: &Prepared,
    skeleton: usize,
    patterns: &Patterns,
    cache: &mut Cache,
    tell: &mut dyn FnMut(&Class) -> bool,
) -> bool {
    let room = &prepared.rooms[skeleton];
    if let Some(group) = room.tables.groups.get(patterns.len()) {
        return (0..group.patterns.len()).all(|pattern| {
            let mut longer = patterns.clone();
            longer.push(pattern as u32);
            each_class(prepared, skeleton, &longer, cache, tell)
        });
    }
    let operation = &prepared.problem.operation;
    let orders = room.orders(operation, &prepared.rules, patterns, cache);
    orders.into_iter().all(|loops| {
        tell(&Class {
            skeleton,
            patterns: patterns.clone(),
            loops,
        })
    })
}
