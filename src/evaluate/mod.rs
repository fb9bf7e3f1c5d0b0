//! From planned layers to their reports: checked, estimated by models, priced, named.
//!
//! Problem: `Map vgg16 on eyeriss` is sixteen lowered mappings in which some memories have no place yet. Each
//! is given its places, checked, estimated by every model that was asked for and priced with the technology of the
//! accelerator; what keeps a layer from its figures becomes a diagnostic and the other layers go on. [`run`] does all
//! of it, for the command line, the language server, the tests and the benches.
//!
//! Invariant: only a mapping that `legality::check` accepted is estimated.

pub mod advice;
mod cache;
mod check;
pub mod fused;
mod limits;
mod memo;
mod names;
mod persistent;
mod price;
mod request;
mod run;
mod schedules;
mod select;
#[cfg(test)]
mod tests;
mod unused;
pub(crate) mod words;

pub use cache::Cache;
pub use check::{CheckCache, CheckedLayer, check_layer};
pub use limits::limit_diagnostic;
pub use memo::Memo;
pub(crate) use price::Evaluator;
pub use request::{Figures, GroupOutcome, LayerOutcome, Observer, Request, Step, Until};
pub use run::{group_name, run};
pub use select::{NothingSelected, Selection};
