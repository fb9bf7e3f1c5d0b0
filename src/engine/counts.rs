//! What an engine returns: exact integers, no technology, no names.
//!
//! Everything is for the whole layer (all `repeat` runs) and summed over all instances, unless a field
//! says otherwise. Sizes are elements, widths are bits.

/// The exact counts and the exact time of one mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Points performed: MACs, or element operations for pooling and element-wise layers.
    pub operations: u64,
    /// Steps of the PE array in which at least one PE works.
    pub steps: u64,
    /// PEs that work in at least one step.
    pub pes_used: u64,
    /// One entry per memory of the architecture, in its order.
    pub memories: Vec<MemoryCounts>,
    /// From the outside in.
    pub boundaries: Vec<BoundaryCounts>,
    pub timing: Timing,
}

/// One memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryCounts {
    /// Bits that one instance must hold for its largest tiles; doubled when the memory is double-buffered.
    /// 0 for the backing store.
    pub required_bits: u64,
    /// Only tensors that the memory holds, in tensor order.
    pub tensors: Vec<TensorCounts>,
}

/// One tensor in one memory. Every transfer is one read where it leaves and one write where it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorCounts {
    /// Index into `Operation::tensors`.
    pub tensor: usize,
    /// Largest tile of one instance, in elements.
    pub tile: u64,
    /// Elements that entered instances from the level above (for the result: elements that entered an
    /// instance's tile, the first arrivals included, although those carry no data).
    pub fills: u64,
    /// Elements read: deliveries inwards, operand reads by the PEs, partial sums read back by the level
    /// inside, and results leaving outwards.
    pub reads: u64,
    /// Elements written: fills of operands, partial sums from the level inside, and partial sums that come
    /// back from outside.
    pub writes: u64,
    /// Partial sums read back from this memory by the level inside it (part of `reads`).
    pub updates: u64,
    /// Distinct elements of the tensor that the layer touches.
    pub unique: u64,
}

/// The crossing from one memory to the next one inside that holds the same tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundaryCounts {
    pub parent: usize,
    pub child: usize,
    /// Loops outside the child's tile.
    pub position: usize,
    pub tensors: Vec<CrossingCounts>,
    /// Bits sent inwards by the parent over the run.
    pub down_bits: u64,
    /// Bits taken up by the parent over the run.
    pub up_bits: u64,
    /// Largest ingress + egress of a single step, in bits, of the busiest parent instance.
    pub peak_bits: u64,
    /// Sum over the steps of the longer of ingress and egress, and the last results' departure: the time
    /// that this boundary alone would take.
    pub transfer_cycles: u64,
}

/// One tensor at one boundary, in elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrossingCounts {
    pub tensor: usize,
    /// Read from the parent: operands after multicast and forwarding; for the result, partial sums read back.
    pub down: u64,
    /// Written to the parent: results after reduction. 0 for operands.
    pub up: u64,
    /// Elements that came from a neighbour instead of the parent.
    pub forwarded: u64,
    /// Arrivals at and departures from instances over the arrays between parent and child, forwarded ones
    /// included; the first arrival of a result carries nothing and is none. 0 when no array lies between.
    pub hops: u64,
}

/// Exact time and its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    pub cycles: u64,
    /// Sum over the steps of the busiest PE's compute cycles: the time with free transfers.
    pub compute_cycles: u64,
    /// What takes longest when everything else is free: the roofline's binding resource.
    pub bound: Bound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    Compute,
    /// Index into [`Counts::boundaries`].
    Boundary(usize),
}

impl Counts {
    /// Turns the counts of one run of the operation into those of `times` runs, one after the other.
    /// `None` when a count passes `u64`.
    pub(super) fn repeat(&mut self, times: u64) -> Option<()> {
        if times == 1 {
            return Some(());
        }
        let scale = |count: &mut u64| -> Option<()> {
            *count = count.checked_mul(times)?;
            Some(())
        };
        scale(&mut self.operations)?;
        scale(&mut self.steps)?;
        scale(&mut self.timing.cycles)?;
        scale(&mut self.timing.compute_cycles)?;
        for counts in self.memories.iter_mut().flat_map(|m| &mut m.tensors) {
            scale(&mut counts.fills)?;
            scale(&mut counts.reads)?;
            scale(&mut counts.writes)?;
            scale(&mut counts.updates)?;
        }
        for boundary in &mut self.boundaries {
            scale(&mut boundary.down_bits)?;
            scale(&mut boundary.up_bits)?;
            scale(&mut boundary.transfer_cycles)?;
            for crossing in &mut boundary.tensors {
                scale(&mut crossing.down)?;
                scale(&mut crossing.up)?;
                scale(&mut crossing.forwarded)?;
                scale(&mut crossing.hops)?;
            }
        }
        Some(())
    }
}
