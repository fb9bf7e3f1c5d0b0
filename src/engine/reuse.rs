//! How often what a memory was given is used, by the kinds of reuse of the MAESTRO paper (section 2.3 and table 1).
//!
//! Problem: six PEs have an output column each, and a kernel of three goes by over a row of eight inputs. 18 products need an
//! input, the row has 8, so each is used 18/8 times: where? With forwarding 8 reads of DRAM serve it; 18 inputs arrive at the
//! PEs, 10 of them from a neighbour, and each is used once. So 18/8 is all between PEs over time, nothing in a PE and nothing
//! at once. The weights are read 3 times, each for all six PEs: six times in space.
//!
//! Per memory and tensor, from exact counts of which each is the number of uses of the next, and never from a formula of the loops:
//!
//! | kind | of an operand | of a result |
//! |---|---|---|
//! | temporal | reads for what lies inside, per element that arrived | sums and products that arrived from inside, per sum sent up |
//! | spatial multicast | elements that arrived from the parent, per element that the parent read for them | |
//! | spatial reduction | | sums that instances sent up, per sum that the parent took |
//! | spatio-temporal | elements that arrived, per element that did not come from a neighbour | |
//!
//! In the backing store nothing arrives from outside: there the temporal kind is per element of the tensor that the layer
//! needs or makes (less than 1 of a result of which some elements get no sum). Arrays inside the home of a tensor have a place of their own, the lanes, at which nothing stays.
//!
//! Table 1 of the paper counts sums that pass from PE to PE as spatio-temporal as well. Here a network adds them within one
//! step, and that is spatial reduction (the name is of the paper's later version, MICRO 2019, table 1).
//!
//! Invariant: along the memories of a tensor the product of all kinds is what arrives at the lanes (of a result: leaves them) per
//! element of the tensor, which is the algorithmic maximum of reuse where every operation takes an element of it.

use super::counts::{BoundaryCounts, Counts, CrossingCounts, TensorCounts};
use crate::ir::{Mapping, Role};

/// So many uses of so many elements; both as counted, not in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    pub uses: u128,
    /// Never 0.
    pub of: u128,
}

impl Times {
    /// `None` where there is nothing to use.
    fn new(uses: impl Into<u128>, of: impl Into<u128>) -> Option<Times> {
        let (uses, of) = (uses.into(), of.into());
        (of > 0).then_some(Times { uses, of })
    }
}

/// One tensor at one place. A kind is absent where it cannot be: without an array between, without anything that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// Index into `Operation::tensors`.
    pub tensor: usize,
    pub temporal: Option<Times>,
    pub multicast: Option<Times>,
    pub reduction: Option<Times>,
    /// Spatio-temporal.
    pub neighbours: Option<Times>,
}

/// A memory with what reaches it over the arrays outside of it, or the lanes with what reaches them from the homes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `None`: the lanes.
    pub memory: Option<usize>,
    /// In tensor order; only those of which something can be said.
    pub tensors: Vec<Reuse>,
}

/// Every memory in its order, then the lanes; places of which nothing can be said are left out.
#[must_use]
pub fn reuse(mapping: &Mapping, counts: &Counts) -> Vec<Place> {
    let view = View { mapping, counts };
    let memories = counts.memories.iter().enumerate().map(|(memory, row)| {
        let tensors = row.tensors.iter().map(|row| view.memory(memory, row));
        (Some(memory), tensors.collect::<Vec<_>>())
    });
    let lanes = counts.boundaries.iter().filter(|b| b.child.is_none());
    let lanes = lanes.flat_map(|b| b.tensors.iter().map(|crossing| view.lanes(b, crossing)));
    let mut lanes: Vec<Reuse> = lanes.collect();
    lanes.sort_by_key(|known| known.tensor);
    memories
        .chain(std::iter::once((None, lanes)))
        .map(|(memory, mut tensors)| {
            tensors.retain(|known| {
                let kinds = [
                    known.temporal,
                    known.multicast,
                    known.reduction,
                    known.neighbours,
                ];
                kinds.iter().any(Option::is_some)
            });
            Place { memory, tensors }
        })
        .filter(|place| !place.tensors.is_empty())
        .collect()
}

struct View<'a> {
    mapping: &'a Mapping,
    counts: &'a Counts,
}

impl View<'_> {
    fn is_result(&self, tensor: usize) -> bool {
        self.mapping.operation.tensors[tensor].role == Role::Output
    }

    /// Whether an array lies between a memory and one further inside, or the lanes.
    fn array_between(&self, parent: usize, child: Option<usize>) -> bool {
        let architecture = &self.mapping.architecture;
        let below = child.map_or(architecture.arrays.len(), |child| {
            architecture.memories[child].arrays_above
        });
        architecture.memories[parent].arrays_above < below
    }

    /// By which a tensor comes into a memory; `None` for the backing store.
    fn arrival(&self, memory: usize, tensor: usize) -> Option<(&BoundaryCounts, &CrossingCounts)> {
        let boundaries = self.counts.boundaries.iter();
        let mut into = boundaries.filter(|known| known.child == Some(memory));
        into.find_map(|known| {
            let mut crossings = known.tensors.iter();
            Some((known, crossings.find(|crossing| crossing.tensor == tensor)?))
        })
    }

    /// Sums and products of a result that came to a memory from inside.
    fn delivered(&self, memory: usize, tensor: usize) -> u128 {
        let boundaries = self.counts.boundaries.iter();
        let inner = boundaries.filter(|known| known.parent == memory);
        let crossings = inner.flat_map(|known| &known.tensors);
        let of_it = crossings.filter(|crossing| crossing.tensor == tensor);
        of_it.map(|crossing| u128::from(crossing.up)).sum()
    }

    fn memory(&self, memory: usize, row: &TensorCounts) -> Reuse {
        let mut found = Reuse {
            tensor: row.tensor,
            temporal: None,
            multicast: None,
            reduction: None,
            neighbours: None,
        };
        let is_result = self.is_result(row.tensor);
        let Some((boundary, crossing)) = self.arrival(memory, row.tensor) else {
            let uses = match is_result {
                true => self.delivered(memory, row.tensor),
                false => u128::from(row.reads),
            };
            let all = u128::from(row.unique) * u128::from(self.mapping.operation.repeat);
            found.temporal = Times::new(uses, all);
            return found;
        };
        let between = self.array_between(boundary.parent, boundary.child);
        if is_result {
            let sent_up = row.reads.saturating_sub(row.updates);
            found.temporal = Times::new(self.delivered(memory, row.tensor), sent_up);
            if between {
                found.reduction = Times::new(sent_up, crossing.up);
            }
        } else {
            let from_parent = row.fills.saturating_sub(crossing.forwarded);
            found.temporal = Times::new(row.reads.saturating_sub(crossing.forwarded), row.fills);
            if between {
                found.multicast = Times::new(from_parent, crossing.down);
                found.neighbours = Times::new(row.fills, from_parent);
            }
        }
        found
    }

    /// Hops are arrivals at lanes and departures from them; of a result nothing arrives.
    fn lanes(&self, boundary: &BoundaryCounts, crossing: &CrossingCounts) -> Reuse {
        let between = self.array_between(boundary.parent, None);
        let is_result = self.is_result(crossing.tensor);
        let times = |of, wanted: bool| {
            (between && wanted)
                .then(|| Times::new(crossing.hops, of))
                .flatten()
        };
        Reuse {
            tensor: crossing.tensor,
            temporal: None,
            multicast: times(crossing.down, !is_result),
            reduction: times(crossing.up, is_result),
            neighbours: None,
        }
    }
}
