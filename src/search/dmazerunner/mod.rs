//! Search over execution methods.
//!
//! A tiling is three nested divisor vectors: the register file's tile, inside the array's tile `a` (register
//! file times array), inside the SPM's tile `q`; the DRAM has the rest. What a method costs depends on the tile
//! `q` and its DRAM order (DMA, DRAM energy), and on the tile `a`, how it is split into register file and array,
//! and the SPM order. So the space is a join of two short lists: splits of each `a` ([`splits`]), and tiles `q`
//! ([`tiles`]), over all `a` that divide `q`. Example: ResNet conv2_2 has 1,160,980,152 valid tilings, of
//! only some thousand tiles each.
//!
//! Of the splits of one `a` only those matter that no other split beats in computation, network energy and
//! reduction at once, because cycles and energy never fall when one of these grows ([`splits`]). The
//! rest is a scan in the order of lower bounds, which ends when the bound exceeds the best method found ([`optimum`]).
//! Everything is counted exactly, whatever is skipped.

pub mod adaptive;
pub mod certificate;
pub mod lattice;
pub mod optimum;
pub mod pairs;
pub mod plain;
pub mod problem;
pub mod space;
pub mod splits;
pub mod sweep;
pub mod tiles;

pub use adaptive::{Adaptive, adaptive};
pub use optimum::{Best, Coverage, Found, Objective, Score};
pub use problem::{Join, Unsearchable};
pub use space::{Limits, Share};
