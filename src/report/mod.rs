//! One model of the results, and one small writer per format.
//!
//! [`build_layer`] turns exact counts and costs of one layer into a [`LayerReport`]; the writers
//! ([`text`], [`json`], [`csv`]) only format; a [`Comparison`] is of two evaluations, a [`Validation`] of one and what was measured. Every number that can be counted is an integer; every key names
//! its unit. Equal results give equal bytes.

pub mod advice;
mod build;
pub mod chart;
mod compare;
pub mod csv;
mod detail;
mod estimated;
pub mod explore_text;
pub mod fused;
pub mod fused_search;
pub mod json;
mod laws;
mod measured;
pub mod model;
pub mod reuse;
pub mod search;
pub mod search_text;
pub mod selection;
mod selection_text;
pub mod svg;
mod table;
#[cfg(test)]
mod tests;
pub mod text;
pub mod trace;

/// Columns of a text that goes to no terminal.
pub const WIDTH: usize = 120;

pub use build::{LayerNames, build_layer, totals};
pub use compare::{Comparison, Side};
pub use estimated::build_estimated;
pub use fused::{GroupReport, build_group};
pub use laws::adds_up;
pub use measured::{Measurement, Validation, measurements};
pub use model::{Evaluation, FigureReport, LayerReport, MappingReport, PersistentReport, Report};
