//! The searches of a program: from `Search best { ... }` to the best schedules as reports and as source text.
//!
//! Problem: `search` knows operations, architectures and rules by number. Here a resolved search becomes such problems,
//! one per layer ([`task`]), equal ones are searched once ([`run()`]), and what was found becomes figures and a dataflow
//! that a user can read, evaluate and change ([`report()`], [`emit()`]).
//!
//! A search over the designs of a group is none of its layers: [`group()`].
//!
//! Invariants: nothing is printed that the engine did not count; a search that is stopped states its gap; without a
//! budget of its own a search ends after [`BUDGET`].

mod auto;
mod emit;
mod group;
pub mod proof;
mod report;
mod rules;
mod run;
mod task;
mod why;
mod written;

pub use auto::resolve;
pub use emit::{Import, emit, imports};
pub use group::{emit as emit_group, group};
pub use report::report;
pub use run::{Answer, Answered, Found, Observer, Step, run};
pub use task::{Task, candidates, check, objective, task, tasks};
pub use written::Written;

use std::time::Duration;

/// What a search may take when nobody says: of all its layers together.
pub const BUDGET: Duration = Duration::from_secs(60);
