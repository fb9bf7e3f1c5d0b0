//! Which axis of a sweep is a bandwidth and nothing else.
//!
//! Problem: 62 bandwidths of the network times 62 numbers of PEs are 3,844 arrays, but what moves on them is different for
//! each number of PEs only. Where the model keeps the steps of a mapping ([`crate::models::Steps`]) a bandwidth is a sum over
//! a few of them.

use super::uses::{Uses, architectures};
use crate::driver::Compiled;
use crate::explore::Grid;
use crate::hir::explore::Explore;
use crate::ir::{Architecture, Links, Ports};

/// An axis that is a bandwidth.
#[derive(Clone, Debug)]
pub(super) struct RateAxis {
    /// Of the grid.
    pub axis: usize,
    /// Memories whose ports it changes, and arrays whose links.
    memories: Vec<usize>,
    arrays: Vec<usize>,
    /// Their bandwidths, per value of the axis.
    values: Vec<(Vec<Ports>, Vec<Links>)>,
}

impl RateAxis {
    /// The first axis that is one.
    pub fn find(compiled: &Compiled, explore: &Explore, grid: &Grid) -> Option<RateAxis> {
        (0..explore.axes.len()).find_map(|axis| RateAxis::new(compiled, explore, grid, axis))
    }

    fn new(compiled: &Compiled, explore: &Explore, grid: &Grid, axis: usize) -> Option<RateAxis> {
        let uses = Uses::new(compiled, explore, axis)?;
        let is_rate = |kind: &str, key: &str| {
            matches!(
                (kind, key),
                ("NoC", "Bandwidth") | ("Memory", "Bandwidth" | "ReadBandwidth" | "WriteBandwidth")
            )
        };
        // With another clock bytes a second are other bytes a cycle.
        if !uses.only(&is_rate) || uses.others_in("Clock") {
            return None;
        }
        let all = architectures(compiled, explore, grid, axis)?;
        let first = all.first()?;
        let ports = |one: &Architecture, at: usize| one.memories.get(at).map(|memory| memory.ports);
        let links = |one: &Architecture, at: usize| one.arrays.get(at).map(|a| a.network.links);
        let memories: Vec<usize> = (0..first.memories.len())
            .filter(|&at| all.iter().any(|one| ports(one, at) != ports(first, at)))
            .collect();
        let arrays: Vec<usize> = (0..first.arrays.len())
            .filter(|&at| all.iter().any(|one| links(one, at) != links(first, at)))
            .collect();
        let values = all.iter().map(|one| {
            let ports = memories.iter().filter_map(|&at| ports(one, at));
            let links = arrays.iter().filter_map(|&at| links(one, at));
            (ports.collect(), links.collect())
        });
        let found = RateAxis {
            axis,
            values: values.collect(),
            memories,
            arrays,
        };
        // With the same bandwidths they are the same.
        let same = all.iter().all(|one| {
            let mut one = one.clone();
            found.set(&mut one, 0);
            one == *first
        });
        same.then_some(found)
    }

    /// Values.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Gives an architecture the bandwidths of a place of the axis.
    pub fn set(&self, architecture: &mut Architecture, place: usize) {
        let Some((ports, links)) = self.values.get(place) else {
            return;
        };
        for (&at, &ports) in self.memories.iter().zip(ports) {
            if let Some(memory) = architecture.memories.get_mut(at) {
                memory.ports = ports;
            }
        }
        for (&at, &links) in self.arrays.iter().zip(links) {
            if let Some(array) = architecture.arrays.get_mut(at) {
                array.network.links = links;
            }
        }
    }
}
