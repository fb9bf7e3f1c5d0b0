//! Fused groups in a report.
//!
//! Problem: a group has figures that a layer does not have (what is reused, recomputed, fetched again, which
//! window a buffer must hold, when stages overlap), and the question that it answers is whether all this beats
//! its layers one by one. [`build_group`] makes a [`GroupReport`] of exact counts, [`text`] the tables for
//! people, and the JSON is the report itself.

mod build;
mod model;
pub(super) mod text;

#[cfg(test)]
mod tests;

pub use crate::report::model::{DensityReport, DensityTensor, Ordered};
pub use build::{
    Alone, GroupFigures, GroupNames, GroupTime, MemoryNeed, StageNames, build_group, dram_bits,
    energy_map as group_energy_map,
};
pub use model::{EnergySplit, GroupMemoryReport, GroupReport, GroupTensorReport, StageReport};
