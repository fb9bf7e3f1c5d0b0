//! What there is: boundaries, positions, resources.

use super::super::counts::{Port, Resource, Way};
use crate::ir::{Mapping, Ports, Rate, Role};
use std::ops::Range;

/// The crossing from a memory to the next one inside that holds the same tensors, or to the lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Boundary {
    pub parent: usize,
    /// `None`: the lanes.
    pub child: Option<usize>,
    /// Loops outside the child's tile, and the level of the child; of the lanes, that of the leaf tile.
    pub position: (usize, usize),
    /// In tensor order.
    pub tensors: Vec<usize>,
    /// The arrays between parent and child.
    pub arrays: Range<usize>,
}

pub(super) struct Layout {
    /// Those between memories from the outside in, then those to the lanes.
    pub boundaries: Vec<Boundary>,
    /// The positions of the boundaries between memories, and the innermost one, from the outside in.
    pub positions: Vec<(usize, usize)>,
    /// What has a bandwidth.
    pub resources: Vec<(Resource, Rate)>,
}

impl Layout {
    pub fn new(mapping: &Mapping) -> Layout {
        let boundaries = boundaries(mapping);
        let innermost = mapping.architecture.memories.last().map_or(0, |m| m.level);
        let mut positions: Vec<_> = boundaries
            .iter()
            .filter(|b| b.child.is_some())
            .map(|b| b.position)
            .chain([(mapping.schedule.steps, innermost)])
            .collect();
        positions.sort_unstable();
        positions.dedup();
        Layout {
            boundaries,
            positions,
            resources: resources(mapping),
        }
    }

    /// Indices of the boundaries that `tensor` crosses between memories, from the outside in.
    pub fn chain(&self, tensor: usize) -> Vec<usize> {
        let all = self.boundaries.iter().enumerate();
        all.filter(|(_, b)| b.child.is_some() && b.tensors.contains(&tensor))
            .map(|(index, _)| index)
            .collect()
    }

    /// Index of the boundary from the home of `tensor` to the lanes.
    pub fn to_lanes(&self, tensor: usize) -> Option<usize> {
        let own = |b: &Boundary| b.child.is_none() && b.tensors.contains(&tensor);
        self.boundaries.iter().position(own)
    }
}

fn boundaries(mapping: &Mapping) -> Vec<Boundary> {
    let memories = &mapping.architecture.memories;
    let mut found: Vec<Boundary> = Vec::new();
    let mut add = |parent: usize, child: Option<usize>, place: usize, tensor: usize| {
        let above = memories[parent].arrays_above;
        let (level, below) = match child {
            Some(child) => (memories[child].level, memories[child].arrays_above),
            None => (usize::MAX, mapping.architecture.arrays.len()),
        };
        let same =
            |b: &&mut Boundary| (b.parent, b.child, b.position) == (parent, child, (place, level));
        match found.iter_mut().find(same) {
            Some(boundary) => boundary.tensors.push(tensor),
            None => found.push(Boundary {
                parent,
                child,
                position: (place, level),
                tensors: vec![tensor],
                arrays: above..below.max(above),
            }),
        }
    };
    for tensor in 0..mapping.operation.tensors.len() {
        let mut parent = 0;
        for (memory, row) in mapping.schedule.positions.iter().enumerate().skip(1) {
            if let Some(place) = row[tensor] {
                add(parent, Some(memory), place, tensor);
                parent = memory;
            }
        }
        add(parent, None, mapping.schedule.leaf, tensor);
    }
    found.sort_by_key(|b| (b.child.is_none(), b.position, b.parent, b.child));
    found
}

/// The port of `memory` through which it is read.
pub(super) fn read_port(mapping: &Mapping, memory: usize) -> Resource {
    port(mapping, memory, Port::Read)
}

/// The port of `memory` through which it is written.
pub(super) fn write_port(mapping: &Mapping, memory: usize) -> Resource {
    port(mapping, memory, Port::Write)
}

fn port(mapping: &Mapping, memory: usize, of_two: Port) -> Resource {
    let port = match mapping.architecture.memories[memory].ports {
        Ports::One(_) => Port::Both,
        Ports::Two { .. } => of_two,
    };
    Resource::Port { memory, port }
}

/// The link of `array` that `tensor` takes.
pub(super) fn link(mapping: &Mapping, array: usize, tensor: usize, way: Way) -> Resource {
    let links = mapping.architecture.arrays[array].network.links;
    Resource::Link {
        array,
        tensor: links.is_per_tensor().then_some(tensor),
        way,
    }
}

/// Everything with a bandwidth, in the order of the report.
fn resources(mapping: &Mapping) -> Vec<(Resource, Rate)> {
    let mut found = Vec::new();
    for (memory, m) in mapping.architecture.memories.iter().enumerate() {
        let mut port = |port, rate: Option<Rate>| {
            found.extend(rate.map(|rate| (Resource::Port { memory, port }, rate)));
        };
        match m.ports {
            Ports::One(rate) => port(Port::Both, Some(rate)),
            Ports::Two { read, write } => {
                port(Port::Read, read);
                port(Port::Write, write);
            }
        }
    }
    for (array, a) in mapping.architecture.arrays.iter().enumerate() {
        let links = a.network.links;
        let mut pair = |tensor: Option<usize>, role: Role, ways: &[Way]| {
            let Some(rate) = links.rate(role) else { return };
            found.extend(ways.iter().map(|&way| {
                let link = Resource::Link { array, tensor, way };
                (link, rate)
            }));
        };
        if !links.is_per_tensor() {
            pair(None, Role::Output, &[Way::Down, Way::Up]);
            continue;
        }
        for (tensor, t) in mapping.operation.tensors.iter().enumerate() {
            if tensor == mapping.operation.result() {
                pair(Some(tensor), t.role, &[Way::Down, Way::Up]);
            } else {
                pair(Some(tensor), t.role, &[Way::Down]);
            }
        }
    }
    found
}
