//! What the engine and the oracle say about a fused group; all in elements unless said otherwise.

use super::clock::Busy;

/// Everything that is counted of a group before anything is priced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Steps of the inter-layer loops in which there is something to do.
    pub steps: u64,
    /// By [`crate::ir::FusedGroup::tensors`].
    pub tensors: Vec<TensorFlow>,
    /// By [`crate::ir::FusedGroup::stages`].
    pub stages: Vec<StageFlow>,
    /// Cycles when the stages share the hardware, and when each has its own; the transfers are free.
    pub sequential: u64,
    pub pipelined: u64,
    /// Cycles as the group says, transfers and ports of the memories included.
    pub cycles: u64,
    /// How long the ports of each memory are busy.
    pub busy: Busy,
    /// Most bits that one step moves from and to the backing store. An element made in the group is written in the
    /// step that computes it first (escaping or refetched tensors), one of the head's result in every touch after
    /// which it is not reused: then it is final, or will be read back.
    pub peak_bits: u128,
}

/// One tensor over all steps.
///
/// `required = reused + first_fetch + refetched + computed`. The head's result is required only where a later
/// step adds to a partial sum of an earlier one (a reduction rank is tiled): such an element is reused, or read
/// back (refetched) and then written once more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TensorFlow {
    pub required: u64,
    pub reused: u64,
    /// Inputs and weights: distinct elements required. 0 for what is made in the group.
    pub first_fetch: u64,
    pub refetched: u64,
    /// Made in the group: elements computed, recomputed ones included. 0 for the head's result.
    pub computed: u64,
    /// Of `computed`, beyond the first time.
    pub recomputed: u64,
    /// First fetches and refetches.
    pub dram_reads: u64,
    /// Distinct elements computed, of tensors that escape or are refetched; of the head's result, distinct elements
    /// and once more each that is read back. 0 for inputs and weights.
    pub dram_writes: u64,
    /// Most that one step requires (of the head's result: touches).
    pub tile: u64,
    /// Most elements that the steps below the retention point touch together; of single steps, where nothing is kept.
    pub window: u64,
    /// Most elements that must be held at once: what a step touches, and what was touched before and will be
    /// reused the next time it is wanted.
    pub live: u64,
    /// Most that one step computes anew (made in the group), reads from the backing store (inputs and weights), or
    /// touches without having held it (the head's result).
    pub fresh: u64,
}

/// One stage over all steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageFlow {
    /// Operations performed, recomputed ones included.
    pub operations: u64,
    /// Distinct operations.
    pub unique: u64,
    /// Steps in which the stage does something.
    pub active: u64,
    /// Sum of its step times; a step's time is its operations by the rate, rounded up.
    pub cycles: u64,
}
