//! The accelerator at work: what every instance holds, and what passes between parent and child.
//!
//! A transfer to memories and the issues of the lanes cross arrays by the same rules: `ask` for operands,
//! `bring` for sums and products.

use super::super::counts::{BoundaryCounts, CrossingCounts, Resource, TensorCounts, Way};
use super::layout::{Layout, link, read_port, write_port};
use super::{Element, Place, Tile, touched, walk};
use crate::ir::Mapping;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What one instance of a memory holds of one tensor.
#[derive(Default)]
pub(super) struct Buffer {
    pub tile: Tile,
    /// Of the result: the elements of which there is a sum here, and how many points went into it.
    pub sums: BTreeMap<Element, u64>,
    /// Worked in the step before this one.
    pub fresh: bool,
}

/// What moved in one step at one position, or in the issues of one step of the lanes.
#[derive(Default)]
pub(super) struct Moved {
    /// Bits through every instance of every resource.
    pub through: BTreeMap<(Resource, Place), u64>,
    /// Resources on which each boundary put bits.
    pub used: BTreeSet<(usize, Resource)>,
    /// Bits that crossed each boundary at each parent instance, both ways.
    pub crossed: BTreeMap<(usize, Place), u64>,
    /// Boundaries through which something moved inwards or outwards.
    pub transfers: BTreeSet<(usize, Way)>,
}

impl Moved {
    pub fn pass(&mut self, boundary: usize, resource: Resource, instance: Place, bits: u64) {
        *self.through.entry((resource, instance)).or_insert(0) += bits;
        self.used.insert((boundary, resource));
    }

    /// Bits through the busiest instance of `resource`.
    pub fn busiest(&self, resource: Resource) -> u64 {
        let own = self.through.iter().filter(|((r, _), _)| *r == resource);
        own.map(|(_, &bits)| bits).max().unwrap_or(0)
    }
}

/// An element at one child instance, and of the result, how many points are in its sum.
pub(super) type At = (Place, Element, u64);

pub(super) struct Machine<'a> {
    pub mapping: &'a Mapping,
    pub layout: Layout,
    /// How many points make each element of the result.
    pub complete: BTreeMap<Element, u64>,
    /// Per memory and tensor: what every instance holds.
    pub held: Vec<Vec<BTreeMap<Place, Buffer>>>,
    /// Per memory and tensor, held there or not.
    pub counts: Vec<Vec<TensorCounts>>,
    pub boundaries: Vec<BoundaryCounts>,
}

impl<'a> Machine<'a> {
    pub fn new(mapping: &'a Mapping) -> Machine<'a> {
        let layout = Layout::new(mapping);
        let tensors = mapping.operation.tensors.len();
        let memories = mapping.architecture.memories.len();
        let boundaries = layout.boundaries.iter().map(|b| BoundaryCounts {
            parent: b.parent,
            child: b.child,
            position: b.position.0,
            tensors: b.tensors.iter().map(|&tensor| crossing(tensor)).collect(),
            down_bits: 0,
            up_bits: 0,
            peak_bits: 0,
            transfer_cycles: 0,
        });
        let mut complete = BTreeMap::new();
        for element in touched(mapping, mapping.operation.result(), &walk::whole(mapping)) {
            *complete.entry(element).or_insert(0) += 1;
        }
        Machine {
            mapping,
            complete,
            held: (0..memories)
                .map(|_| (0..tensors).map(|_| BTreeMap::new()).collect())
                .collect(),
            counts: vec![(0..tensors).map(nothing).collect(); memories],
            boundaries: boundaries.collect(),
            layout,
        }
    }

    /// `place` as far as it lies in `arrays`: the instance of what stands inside them.
    pub fn instance(&self, place: &[u64], arrays: Range<usize>) -> Place {
        let index = |(&i, array): (&u64, Option<usize>)| match array {
            Some(array) if arrays.contains(&array) => i,
            _ => 0,
        };
        let loops = self.mapping.schedule.loops.iter().map(|l| l.array());
        place.iter().zip(loops).map(index).collect()
    }

    /// Bits of a sum of `points` points of `element`.
    pub fn width(&self, element: &Element, points: u64) -> u64 {
        let result = &self.mapping.operation.tensors[self.mapping.operation.result()];
        u64::from(if self.is_complete(element, points) {
            result.bits
        } else {
            result.partial_bits
        })
    }

    pub fn is_complete(&self, element: &Element, points: u64) -> bool {
        self.complete.get(element) == Some(&points)
    }

    pub fn crossing(&mut self, boundary: usize, tensor: usize) -> &mut CrossingCounts {
        let tensors = &self.layout.boundaries[boundary].tensors;
        let slot = tensors.iter().position(|&t| t == tensor).unwrap_or(0);
        &mut self.boundaries[boundary].tensors[slot]
    }

    pub fn buffer(&mut self, memory: usize, instance: &Place) -> &mut Buffer {
        let result = self.mapping.operation.result();
        self.held[memory][result]
            .entry(instance.clone())
            .or_default()
    }

    /// What passes the network of array `from` (or, before the first array, the parent's port) when `all`
    /// cross the arrays up to `below`: instances that differ only in arrays that join share an element.
    /// Per network, the others each have their own; of sums, the points that meet.
    fn joined(
        &self,
        all: &[At],
        tensor: usize,
        from: usize,
        below: usize,
    ) -> BTreeMap<(Place, Element, Place), u64> {
        let joins = |array: usize| {
            let network = &self.mapping.architecture.arrays[array].network;
            if tensor == self.mapping.operation.result() {
                network.reduction
            } else {
                network.multicast
            }
        };
        let mut met = BTreeMap::new();
        for (place, element, points) in all {
            let apart = place
                .iter()
                .zip(&self.mapping.schedule.loops)
                .map(|(&i, l)| match l.array() {
                    Some(array) if (from..below).contains(&array) && !joins(array) => i,
                    _ => 0,
                });
            let key = (
                self.instance(place, 0..from),
                element.clone(),
                apart.collect(),
            );
            *met.entry(key).or_insert(0) += points;
        }
        met
    }

    /// Operand elements that children ask for: read by the parent once for all that arrays join.
    pub fn ask(&mut self, boundary: usize, tensor: usize, asked: &[At], moved: &mut Moved) {
        let (parent, arrays) = self.ends(boundary);
        let bits = u64::from(self.mapping.operation.tensors[tensor].bits);
        for array in arrays.clone() {
            for (network, ..) in self.joined(asked, tensor, array, arrays.end).into_keys() {
                moved.pass(
                    boundary,
                    link(self.mapping, array, tensor, Way::Down),
                    network,
                    bits,
                );
            }
        }
        for (instance, ..) in self
            .joined(asked, tensor, arrays.start, arrays.end)
            .into_keys()
        {
            self.counts[parent][tensor].reads += 1;
            self.crossing(boundary, tensor).down += 1;
            self.boundaries[boundary].down_bits += bits;
            moved.pass(
                boundary,
                read_port(self.mapping, parent),
                instance.clone(),
                bits,
            );
            *moved.crossed.entry((boundary, instance)).or_insert(0) += bits;
        }
    }

    /// Sums or products that children give: added up on the way where arrays reduce, and at the parent.
    pub fn bring(&mut self, boundary: usize, given: &[At], moved: &mut Moved) {
        let result = self.mapping.operation.result();
        let (parent, arrays) = self.ends(boundary);
        for array in arrays.clone() {
            for ((network, element, _), points) in self.joined(given, result, array, arrays.end) {
                let bits = self.width(&element, points);
                moved.pass(
                    boundary,
                    link(self.mapping, array, result, Way::Up),
                    network,
                    bits,
                );
            }
        }
        for ((instance, element, _), points) in self.joined(given, result, arrays.start, arrays.end)
        {
            let bits = self.width(&element, points);
            let whole = self.is_complete(&element, points);
            let crossing = self.crossing(boundary, result);
            crossing.up += 1;
            crossing.up_complete += u64::from(whole);
            self.boundaries[boundary].up_bits += bits;
            *moved
                .crossed
                .entry((boundary, instance.clone()))
                .or_insert(0) += bits;
            moved.transfers.insert((boundary, Way::Up));
            // A delivery that finds a sum in place is added to it: one read beside the write.
            let found = self.buffer(parent, &instance).sums.remove(&element);
            if let Some(found) = found {
                let bits = self.width(&element, found);
                self.counts[parent][result].reads += 1;
                self.counts[parent][result].updates += 1;
                moved.pass(
                    boundary,
                    read_port(self.mapping, parent),
                    instance.clone(),
                    bits,
                );
            }
            let sum = found.unwrap_or(0) + points;
            let bits = self.width(&element, sum);
            let whole = self.is_complete(&element, sum);
            self.counts[parent][result].writes += 1;
            self.counts[parent][result].complete_writes += u64::from(whole);
            moved.pass(
                boundary,
                write_port(self.mapping, parent),
                instance.clone(),
                bits,
            );
            self.buffer(parent, &instance).sums.insert(element, sum);
        }
    }

    /// The parent of a boundary, and the arrays that it crosses.
    pub fn ends(&self, boundary: usize) -> (usize, Range<usize>) {
        let boundary = &self.layout.boundaries[boundary];
        (boundary.parent, boundary.arrays.clone())
    }

    /// Every sum lies complete in the backing store, and none anywhere else.
    pub fn is_settled(&self) -> bool {
        let result = self.mapping.operation.result();
        let mut memories = self.held.iter();
        let mut outside = memories.next().into_iter().flat_map(|m| m[result].values());
        let mut inside = memories.flat_map(|m| m[result].values());
        outside.all(|buffer| buffer.sums == self.complete)
            && inside.all(|buffer| buffer.sums.is_empty())
    }

    /// Takes the step's largest traffic of one parent instance into the boundaries' peaks.
    pub fn peak(&mut self, moved: &Moved) {
        for ((boundary, _), &bits) in &moved.crossed {
            let peak = &mut self.boundaries[*boundary].peak_bits;
            *peak = bits.max(*peak);
        }
    }
}

fn crossing(tensor: usize) -> CrossingCounts {
    CrossingCounts {
        tensor,
        down: 0,
        up: 0,
        up_complete: 0,
        forwarded: 0,
        hops: 0,
    }
}

fn nothing(tensor: usize) -> TensorCounts {
    TensorCounts {
        tensor,
        tile: 0,
        fills: 0,
        reads: 0,
        writes: 0,
        updates: 0,
        complete_reads: 0,
        complete_writes: 0,
        unique: 0,
    }
}
