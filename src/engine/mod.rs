//! Counting: `Legal<Mapping>` to [`Counts`].

mod counts;

pub use counts::{
    Bound, BoundaryCounts, Counts, CrossingCounts, MemoryCounts, TensorCounts, Timing,
};
