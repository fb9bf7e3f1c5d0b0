//! The searches of a program: from `Search best { ... }` to the best schedules as reports and as source text.
//!
//! Problem: `search` knows operations, architectures and rules by number. Here a resolved search becomes such problems,
//! one per layer ([`task`]), equal ones are searched once ([`run()`]), and what was found becomes figures and a dataflow
//! that a user can read, evaluate and change ([`report()`], [`emit()`]). A model's own space (`space deepopt;`) needs no search:
//! it is evaluated whole, and the schedules of the layers are chosen together ([`Chosen`], [`selection`]).
//!
//! A search over the designs of a group is none of its layers: [`group()`].
//!
//! Invariants: nothing is printed of a schedule in loops that the engine did not count; a search that is stopped states its gap; without a
//! budget of its own a search ends after [`BUDGET`].

mod auto;
mod closed;
mod elsewhere;
mod emit;
mod group;
mod kind;
mod loops;
mod machine;
mod methods;
mod parameters;
pub mod proof;
mod report;
mod rules;
mod run;
mod task;
mod why;
mod written;

pub use auto::resolve;
pub use closed::{Chosen, MOST_ROWS, selection, verify_pruning};
pub use elsewhere::Elsewhere;
pub use emit::{Import, emit, imports};
pub use group::{emit as emit_group, group};
pub use kind::{METHODS, models};
pub use machine::{machine, unsearchable};
pub use methods::SETTINGS as METHOD_SETTINGS;
pub use report::report;
pub use run::{Answer, Answered, Found, Observer, Step, candidates, check, run};
pub use task::{Task, objective, task, tasks};
pub use written::Written;

use std::time::Duration;

/// What a search may take when nobody says: of all its layers together.
pub const BUDGET: Duration = Duration::from_secs(60);
