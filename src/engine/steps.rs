//! The kinds of steps of one mapping under the MAESTRO rule of time, kept, so that the cycles at other bandwidths are a
//! sum over them.
//!
//! Problem: a sweep asks for the time of one mapping at 62 bandwidths of the network. What moves in a step does not depend
//! on how fast it moves, so the steps are classed once. A step of which 12 happen, with 4 cycles of computation, 64 bits
//! down and 16 bits up takes `max(4, 64 / b, 16 / b)` cycles on a link of b bits a cycle, and all 12 take twelve times that.
//!
//! Invariant: at the rates at which it was classed the sum is what the clock has.

use super::counts::Resource;
use super::wiring::resources;
use crate::ir::{Mapping, Rate};
use smallvec::SmallVec;

/// All steps of a mapping, those that take the same time at every bandwidth together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps {
    kinds: Vec<Kind>,
    resources: Vec<Resource>,
    repeat: u64,
}

/// Steps that are alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    /// Computation waits for what moves: the first step of all, and the last results.
    pub waits: bool,
    /// Cycles of computation.
    pub compute: u64,
    /// Cycles in which elements and sums pass from PE to PE.
    pub neighbours: u64,
    pub transfers: SmallVec<[Sent; 2]>,
    /// How often it happens.
    pub times: u128,
}

/// What one transfer moves one way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sent {
    /// Resources, and the bits that pass through each.
    pub bits: SmallVec<[(usize, u64); 3]>,
    /// Takes at least so long.
    pub least: u64,
    /// At least a cycle, and these more.
    pub latency: Option<u64>,
}

impl Kind {
    /// Everything but how often it happens.
    fn alike(&self, other: &Kind) -> bool {
        (self.waits, self.compute, self.neighbours)
            == (other.waits, other.compute, other.neighbours)
            && self.transfers == other.transfers
    }

    fn cycles(&self, rates: &[(Resource, Rate)]) -> Option<u64> {
        let mut own = 0;
        for sent in &self.transfers {
            own = own.max(sent.cycles(rates)?);
        }
        let time = if self.waits {
            self.compute.checked_add(own)?
        } else {
            self.compute.max(own)
        };
        Some(time.max(self.neighbours))
    }
}

impl Sent {
    fn cycles(&self, rates: &[(Resource, Rate)]) -> Option<u64> {
        let mut time = self.least;
        for &(resource, bits) in &self.bits {
            time = time.max(rates.get(resource)?.1.cycles_for(u128::from(bits))?);
        }
        match self.latency {
            Some(latency) => time.max(1).checked_add(latency),
            None => Some(time),
        }
    }
}

impl Steps {
    pub(super) fn new(mapping: &Mapping, mut kinds: Vec<Kind>) -> Steps {
        kinds.sort_unstable();
        kinds.dedup_by(|one, kept| {
            let alike = one.alike(kept);
            if alike {
                kept.times = kept.times.saturating_add(one.times);
            }
            alike
        });
        let resources = resources(mapping).into_iter().map(|one| one.0);
        Steps {
            kinds,
            resources: resources.collect(),
            repeat: mapping.operation.repeat,
        }
    }

    /// Cycles of the whole layer at the bandwidths of `mapping`, which differs in these alone from the one that was classed;
    /// `None` past 64 bits, or when it has a bandwidth more or less.
    #[must_use]
    pub fn cycles(&self, mapping: &Mapping) -> Option<u64> {
        let rates = resources(mapping);
        if !rates
            .iter()
            .map(|one| one.0)
            .eq(self.resources.iter().copied())
        {
            return None;
        }
        let mut all = 0u128;
        for kind in &self.kinds {
            let cycles = u128::from(kind.cycles(&rates)?);
            all = all.checked_add(cycles.checked_mul(kind.times)?)?;
        }
        u64::try_from(all.checked_mul(u128::from(self.repeat))?).ok()
    }
}
