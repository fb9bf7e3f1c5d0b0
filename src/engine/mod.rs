//! Counting: `Legal<Mapping>` to [`Counts`].

mod boundary;
mod clock;
mod counts;
pub mod oracle;

use boundary::{Boundary, bound_of, boundaries};
pub use counts::{
    Bound, BoundaryCounts, Counts, CrossingCounts, MemoryCounts, TensorCounts, Timing,
};
