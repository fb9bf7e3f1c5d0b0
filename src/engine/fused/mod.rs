//! Fused groups: [`crate::ir::FusedGroup`] to [`Flow`].
//!
//! Problem: `tile project.P by 1 { tile project.Q by 4 { ... } }` makes 112 x 28 steps, and in each every layer of the
//! group requires, reuses, fetches and computes another set of elements. All of it follows from the definition in
//! `ir::fused`; [`oracle`] executes that with masks, [`Analysis`] finds the sets of all steps at once, as products of
//! functions of one loop each (`table`, `term`), and counts them in a time that does not grow with the maps.
//!
//! Invariants: `required = reused + first_fetch + refetched + computed` for every tensor; whatever cannot be counted
//! exactly is refused ([`crate::engine::EngineLimit`]).

mod analysis;
mod clock;
mod counts;
mod flow;
mod grid;
mod live;
pub mod oracle;
mod pipeline;
mod separate;
mod table;
mod term;
mod walk;

pub use analysis::Analysis;
pub use clock::{Busy, Work};
pub use counts::{Flow, StageFlow, TensorFlow};
pub use flow::{Lost, Tile, TileKind, at_peak, count, count_on};
