//! Trees of blocks: [`FusedProblem`](crate::ir::FusedProblem) and [`FusedSchedule`](crate::ir::FusedSchedule) to what moves
//! and what room it takes.
//!
//! Problem: a search over fused designs looks at millions of them, and each count of section 2 of `ir::fused` is a
//! product over groups of ranks that share an index. [`Groups`] finds these groups, [`Cuts`] holds the pieces in which the
//! loops so far cut one of them, and [`count`] walks a schedule and multiplies. [`oracle`] executes every step instead,
//! and both agree on all generated chains.
//!
//! Only chains are counted: each layer reads the map of the one before. What is no chain, and indices that leave gaps, are
//! refused ([`EngineLimit::Irregular`](crate::engine::EngineLimit)).

mod count;
mod cuts;
mod groups;
pub mod oracle;

pub use count::{Miscount, count};
pub use cuts::{Cuts, Extent};
pub use groups::Groups;

/// What a design moves and needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeCounts {
    /// By tensor.
    pub tensors: Vec<TensorCounts>,
    /// By layer: operations performed.
    pub operations: Vec<u64>,
    /// To and from the backing store.
    pub moved_bits: u128,
    /// Of the memory on the chip.
    pub needed_bits: u128,
}

/// In elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TensorCounts {
    /// From the backing store.
    pub reads: u64,
    /// To the backing store.
    pub writes: u64,
    /// Most that is touched between two loads of its place.
    pub window: u64,
}
