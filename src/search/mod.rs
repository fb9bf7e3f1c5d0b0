//! The best schedule of a layer on an accelerator, with a proof.
//!
//! Problem: a convolution on three memories and an array has 10^10 and more schedules, and the question is which of
//! them costs least. The space is described by rules ([`space`]) and counted exactly ([`count`]). What one group of
//! ranks may do is worked out once ([`tables`]); costs are linear forms in few products of the tables' factors
//! ([`model`]), so a whole class of candidates is joined group by group ([`join`]) under a bound, best first ([`run`]).
//! What is returned was judged and counted by the engine ([`judge`]), and comes with the list of all that was not
//! looked at and why ([`certificate`]). [`plain`] enumerates everything, and is what the rest must agree with.
//!
//! ```text
//! problem, rules -> skeletons -> tables -> beginnings of classes -> classes -> combinations -> engine
//!                                          each with a bound, in one queue
//! ```
//!
//! [`fused`] is another search: over trees of blocks of a chain of layers, by what moves to and from the backing store.
//!
//! Invariants: a bound is never above the cost of a candidate that it stands for; results do not depend on the number
//! of threads; nothing here knows names, files or spans.

mod big;
mod bounds;
pub mod certificate;
mod class;
mod count;
pub mod dmazerunner;
mod formed;
pub mod fused;
mod goal;
mod join;
mod judge;
mod model;
mod par;
mod partition;
pub mod plain;
mod prepare;
mod problem;
mod random;
mod request;
mod run;
#[cfg(test)]
mod samples;
mod space;
mod tables;
#[cfg(test)]
mod tests;
mod ways;
mod why;

pub use big::Natural;
pub use bounds::{bound_of, bounds_of};
pub use count::candidates;
pub use formed::formed;
pub use goal::{Found, Goal, SLACK};
pub use join::{Leaf, Work};
pub use judge::{Exact, Judge, Unfit, values};
pub use prepare::{Prepared, counter};
pub use problem::{Figures, Limit, Objective, Problem, rule_of};
pub use request::{Best, Choices, Observer, Outcome, Progress, Pruned, Request, Strategy};
pub use run::{run, search};
pub use space::{
    Block, Candidate, Keep, Orders, Pieces, Places, Rules, Skeleton, Tiles, skeletons,
};
pub use why::{Why, none as why_none};
