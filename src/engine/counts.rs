//! What an engine returns: exact integers, no technology, no names.
//!
//! Everything is for the whole layer (all `repeat` runs) and summed over all instances, unless a field
//! says otherwise. Sizes are elements, widths are bits.

use crate::ir::Rate;

/// The exact counts and the exact time of one mapping.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Counts {
    /// Points performed: MACs, or element operations for pooling and element-wise layers.
    pub operations: u64,
    /// Steps of the PE array in which at least one PE works.
    pub steps: u64,
    /// PEs that work in at least one step.
    pub pes_used: u64,
    /// One entry per memory of the architecture, in its order.
    pub memories: Vec<MemoryCounts>,
    /// From the outside in (by position, level of the child, parent, child), then those to the lanes, by
    /// home.
    pub boundaries: Vec<BoundaryCounts>,
    /// Ports of the memories from the outside in (both directions, or read and write), then links of the
    /// arrays from the outside in (down before up, tensors in order). Only those with a bandwidth.
    pub resources: Vec<ResourceCounts>,
    pub timing: Timing,
}

/// One memory.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct MemoryCounts {
    /// Bits that one instance must hold for its largest tiles; doubled when the memory is double-buffered.
    /// 0 for the backing store.
    pub required_bits: u64,
    /// Only tensors that the memory holds, in tensor order.
    pub tensors: Vec<TensorCounts>,
}

/// One tensor in one memory. Every transfer is one read where it leaves and one write where it arrives.
///
/// Of a result, sums are conserved (`semantics.md` 2.3): in every memory but the backing store reads equal
/// writes; in the backing store they are less by the sums that stay there in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorCounts {
    /// Index into `Operation::tensors`.
    pub tensor: usize,
    /// Largest tile of one instance, in elements.
    pub tile: u64,
    /// Elements that entered instances from the level above (for the result: elements that entered an
    /// instance's tile, those that began there without a sum included).
    pub fills: u64,
    /// Elements read: deliveries inwards, operand reads of the issues, sums read to be added to or handed
    /// down, and results leaving outwards.
    pub reads: u64,
    /// Elements written: fills of operands, sums from the level inside or products from the lanes, and
    /// sums that come back from outside.
    pub writes: u64,
    /// Sums read to be added to, in place or handed down (part of `reads`): `reads` less what is sent up.
    pub updates: u64,
    /// Of the reads of a result, those of a complete one. 0 for operands.
    pub complete_reads: u64,
    /// Of the writes of a result, those that complete it. 0 for operands.
    pub complete_writes: u64,
    /// Elements of the tensor that the layer needs or makes: distinct elements that it touches, and of a
    /// result also those that stay zero.
    pub unique: u64,
}

/// The crossing from one memory to the next one inside that holds the same tensors, or to the lanes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct BoundaryCounts {
    pub parent: usize,
    /// `None`: the lanes; `parent` is the home of the tensors.
    pub child: Option<usize>,
    /// Loops outside the child's tile; outside the leaf tile for the lanes.
    pub position: usize,
    pub tensors: Vec<CrossingCounts>,
    /// Bits sent inwards by the parent over the run.
    pub down_bits: u64,
    /// Bits taken up by the parent over the run.
    pub up_bits: u64,
    /// Largest ingress + egress of a single step, in bits, of the busiest parent instance; of the lanes, of
    /// a single leaf tile.
    pub peak_bits: u64,
    /// Sum over the steps of how long the slowest of its transfers takes; of the lanes, how long the
    /// resources that their issues take are busy with them.
    pub transfer_cycles: u64,
}

/// One tensor at one boundary, in elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrossingCounts {
    pub tensor: usize,
    /// Read from the parent: operands after multicast and forwarding; for the result, sums handed down.
    pub down: u64,
    /// Written to the parent: results after reduction. 0 for operands.
    pub up: u64,
    /// Of `up`, the complete ones.
    pub up_complete: u64,
    /// Elements that came from a neighbour instead of the parent.
    pub forwarded: u64,
    /// Arrivals at and departures from instances (or lanes) over the arrays between parent and child,
    /// forwarded ones included; a result that begins without a sum does not arrive. 0 when no array lies
    /// between.
    pub hops: u64,
}

/// Something that bits pass through, and what it had to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceCounts {
    pub resource: Resource,
    pub rate: Rate,
    /// Sum over the steps of the bits through its busiest instance.
    pub bits: u64,
    /// Sum over the steps of the cycles for which that instance is busy.
    pub busy_cycles: u64,
}

/// A port of a memory, or a link of an array's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    Port {
        memory: usize,
        port: Port,
    },
    Link {
        array: usize,
        /// `None` where all tensors share the link.
        tensor: Option<usize>,
        way: Way,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Port {
    /// One port for both directions.
    Both,
    Read,
    Write,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    Down,
    Up,
}

/// Exact time and its parts.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Timing {
    pub cycles: u64,
    /// Sum over the leaf tiles of the issues of the busiest PE, and the waves of skewed arrays: the time
    /// with free transfers.
    pub compute_cycles: u64,
    /// Sum over the steps of the cycles in which elements and sums pass from PE to PE, in the MAESTRO model
    /// (section 4.3: one for each that is reused by a neighbour). Exact time has them in ports and links.
    pub neighbour_cycles: u64,
    /// What takes longest when everything else is free: the roofline's binding resource.
    pub bound: Bound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Bound {
    #[default]
    Compute,
    /// Index into [`Counts::resources`].
    Resource(usize),
    /// Index into [`Counts::boundaries`]: the latency of its networks is what takes longest.
    Boundary(usize),
    /// What passes from PE to PE ([`Timing::neighbour_cycles`]).
    Neighbours,
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
        scale(&mut self.timing.neighbour_cycles)?;
        for counts in self.memories.iter_mut().flat_map(|m| &mut m.tensors) {
            scale(&mut counts.fills)?;
            scale(&mut counts.reads)?;
            scale(&mut counts.writes)?;
            scale(&mut counts.updates)?;
            scale(&mut counts.complete_reads)?;
            scale(&mut counts.complete_writes)?;
        }
        for boundary in &mut self.boundaries {
            scale(&mut boundary.down_bits)?;
            scale(&mut boundary.up_bits)?;
            scale(&mut boundary.transfer_cycles)?;
            for crossing in &mut boundary.tensors {
                scale(&mut crossing.down)?;
                scale(&mut crossing.up)?;
                scale(&mut crossing.up_complete)?;
                scale(&mut crossing.forwarded)?;
                scale(&mut crossing.hops)?;
            }
        }
        for resource in &mut self.resources {
            scale(&mut resource.bits)?;
            scale(&mut resource.busy_cycles)?;
        }
        Some(())
    }
}
