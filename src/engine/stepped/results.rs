//! Which sums are where, and what becomes of them in a step.
//!
//! In a step what leaves goes up first, from the inside out: what a tile no longer has, and what the memory
//! above gives up. Then the tiles get their new elements, from the outside in: of several instances the
//! first gets the sum that the memory above has, and the others begin without one.
//!
//! A sum is complete when all visits of its element have gone into it: a visit is one PE in one step.

use super::layout::Crossing;
use super::machine::Machine;
use super::operands::{Tile, each};
use super::tally::add;
use crate::ir::Refill;
use smallvec::SmallVec;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

/// Sums of one memory: by instance and element, how many visits went in.
pub(super) type Sums = HashMap<u64, u32, BuildHasherDefault<Spread>>;

/// A hash of numbers that nobody chooses.
#[derive(Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, n: u64) {
        let mixed = (self.0 ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ mixed >> 32;
    }
}

/// What one instance has in place of the result.
#[derive(Default)]
pub(super) struct Buffer {
    /// The tile of its last step, and whether all of it is still there.
    tile: Tile,
    intact: bool,
    /// Elements, in order.
    elements: Vec<u32>,
}

/// The result in one memory of its chain.
pub(super) struct Chained {
    pub boundary: usize,
    pub buffers: Vec<Buffer>,
}

/// An instance's tile in the step that begins.
struct Next {
    child: usize,
    tile: Tile,
    /// `None` where it is what is in place.
    elements: Option<Vec<u32>>,
}

/// What instances give up, by instance.
type Leaving = BTreeMap<usize, Vec<u32>>;

impl Machine<'_> {
    /// The boundaries of the result's chain from `begun` on start a step.
    pub(super) fn renew(&mut self, begun: usize) {
        let result = self.mapping.operation.result();
        let mut next: Vec<Vec<Next>> = Vec::new();
        let mut leaving: Vec<Leaving> = Vec::new();
        for link in begun..self.chain.len() {
            let crossing = Rc::clone(&self.crossings[self.chain[link].boundary]);
            let tiles = self.next_tiles(&crossing, link, result);
            let left = self.leaving(&crossing, link, &tiles, leaving.last());
            next.push(tiles);
            leaving.push(left);
        }
        for (link, left) in (begun..self.chain.len()).zip(&leaving).rev() {
            self.send_up(link, left);
        }
        for (link, tiles) in (begun..self.chain.len()).zip(next) {
            self.receive(link, tiles);
        }
    }

    fn next_tiles(&mut self, crossing: &Crossing, link: usize, result: usize) -> Vec<Next> {
        let varies: SmallVec<[bool; 8]> = SmallVec::from_elem(true, self.trees.len());
        let mut tiles = Vec::new();
        let mut largest = 0;
        let nodes = self.nodes_of(crossing);
        for child in 0..crossing.children {
            let Some(tile) = self.tile_of(crossing, &nodes, child, result) else {
                continue;
            };
            let buffer = &self.chain[link].buffers[child];
            let elements = if buffer.intact && buffer.tile == tile {
                None
            } else {
                largest = largest.max(self.size(crossing.place, result, &tile));
                let mut elements = Vec::new();
                each(
                    (&self.trees, &self.strides[result], result, crossing.place),
                    (&tile, &tile),
                    &varies,
                    &mut |element, _, _| elements.push(element as u32),
                );
                Some(elements)
            };
            tiles.push(Next {
                child,
                tile,
                elements,
            });
        }
        let own = &mut self.tally.owns[crossing.child][result];
        own.tile = own.tile.max(largest);
        tiles
    }

    fn leaving(
        &self,
        crossing: &Crossing,
        link: usize,
        tiles: &[Next],
        above: Option<&Leaving>,
    ) -> Leaving {
        let refill = self.mapping.architecture.memories[crossing.child].refill;
        let buffers = &self.chain[link].buffers;
        let mut leaving = Leaving::new();
        for next in tiles {
            let Some(now) = &next.elements else { continue };
            let held = &buffers[next.child].elements;
            let left = match refill {
                Refill::Window => without(held, now),
                Refill::Tile if held == now => Vec::new(),
                Refill::Tile => held.clone(),
            };
            if !left.is_empty() {
                leaving.insert(next.child, left);
            }
        }
        let Some(above) = above.filter(|above| !above.is_empty()) else {
            return leaving;
        };
        for (child, buffer) in buffers.iter().enumerate() {
            if let Some(given) = above.get(&(crossing.parent_of[child] as usize)) {
                let mut both = common(&buffer.elements, given);
                if both.is_empty() {
                    continue;
                }
                let own = leaving.entry(child).or_default();
                own.append(&mut both);
                own.sort_unstable();
                own.dedup();
            }
        }
        leaving
    }

    fn sum_of(&self, instance: usize, element: u32) -> u64 {
        instance as u64 * self.totals.len() as u64 + u64::from(element)
    }

    fn send_up(&mut self, link: usize, leaving: &Leaving) {
        let result = self.mapping.operation.result();
        let crossing = Rc::clone(&self.crossings[self.chain[link].boundary]);
        let sizes = Rc::clone(&self.element_sizes[crossing.place]);
        let widths = self.widths();
        let mut given: Vec<(usize, u32, u32)> = Vec::new();
        for (&child, left) in leaving {
            let buffer = &mut self.chain[link].buffers[child];
            buffer.elements = without(&buffer.elements, left);
            buffer.intact = false;
            for &element in left {
                let key = self.sum_of(child, element);
                let Some(visits) = self.sums[crossing.child].remove(&key) else {
                    continue;
                };
                let size = sizes[element as usize];
                let complete = visits == self.totals[element as usize];
                let own = &mut self.tally.owns[crossing.child][result];
                add(&mut own.reads, self.weight, size);
                if complete {
                    add(&mut own.complete_reads, self.weight, size);
                }
                if crossing.above < crossing.below {
                    let crossed = &mut self.tally.crossed[crossing.number][result];
                    add(&mut crossed.hops, self.weight, size);
                }
                let port = crossing.flows[result].child_read;
                let bits = size * widths[usize::from(complete)];
                self.clock.pass(crossing.position, port, child, bits);
                given.push((child, element, visits));
            }
        }
        if !given.is_empty() {
            self.bring(&crossing, &given);
        }
    }

    /// Bits of an incomplete and of a complete sum.
    pub(super) fn widths(&self) -> [u64; 2] {
        let result = &self.mapping.operation.tensors[self.mapping.operation.result()];
        [u64::from(result.partial_bits), u64::from(result.bits)]
    }

    /// Sums that children give: added up on the way where arrays reduce, and at the parent.
    fn bring(&mut self, crossing: &Crossing, given: &[(usize, u32, u32)]) {
        let result = self.mapping.operation.result();
        let sizes = Rc::clone(&self.element_sizes[crossing.place]);
        let widths = self.widths();
        let flow = &crossing.flows[result];
        self.clock.goes_up(crossing.number);
        for joint in &crossing.results {
            let mut met: Vec<(u32, u32, u32, u32)> = given
                .iter()
                .map(|&(child, element, visits)| {
                    (joint.site_of[child], element, joint.class_of[child], visits)
                })
                .collect();
            met.sort_unstable();
            for run in met.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2)) {
                let (site, element) = (run[0].0 as usize, run[0].1);
                let visits = run.iter().map(|entry| entry.3).sum();
                let size = sizes[element as usize];
                let complete = visits == self.totals[element as usize];
                let bits = size * widths[usize::from(complete)];
                if joint.depth < crossing.below {
                    let link = flow.up[joint.depth - crossing.above];
                    self.clock.pass(crossing.position, link, site, bits);
                }
                if joint.depth == crossing.above {
                    let crossed = &mut self.tally.crossed[crossing.number][result];
                    add(&mut crossed.up, self.weight, size);
                    if complete {
                        add(&mut crossed.up_complete, self.weight, size);
                    }
                    self.clock.cross(crossing.number, site, bits);
                    self.put(crossing, (site, element, visits), size);
                }
            }
        }
    }

    /// A delivery at the parent is added to the sum that it finds.
    fn put(&mut self, crossing: &Crossing, (site, element, visits): (usize, u32, u32), size: u64) {
        let result = self.mapping.operation.result();
        let widths = self.widths();
        let flow = &crossing.flows[result];
        let key = self.sum_of(site, element);
        let found = self.sums[crossing.parent].get(&key).copied();
        let total = self.totals[element as usize];
        let sum = visits + found.unwrap_or(0);
        let own = &mut self.tally.owns[crossing.parent][result];
        if let Some(found) = found {
            add(&mut own.reads, self.weight, size);
            add(&mut own.updates, self.weight, size);
            let bits = size * widths[usize::from(found == total)];
            self.clock
                .pass(crossing.position, flow.parent_read, site, bits);
        }
        add(&mut own.writes, self.weight, size);
        if sum == total {
            add(&mut own.complete_writes, self.weight, size);
        }
        let bits = size * widths[usize::from(sum == total)];
        self.clock
            .pass(crossing.position, flow.parent_write, site, bits);
        self.sums[crossing.parent].insert(key, sum);
    }

    fn receive(&mut self, link: usize, tiles: Vec<Next>) {
        let result = self.mapping.operation.result();
        let crossing = Rc::clone(&self.crossings[self.chain[link].boundary]);
        let sizes = Rc::clone(&self.element_sizes[crossing.place]);
        let partial = self.widths()[0];
        let full = self.widths()[1];
        for next in tiles {
            let child = next.child;
            let buffer = &self.chain[link].buffers[child];
            let now = match next.elements {
                Some(now) => now,
                None if buffer.intact => continue,
                None => self.elements_of(&crossing, &next.tile, result),
            };
            let arriving = without(&now, &buffer.elements);
            let parent = crossing.parent_of[child] as usize;
            for &element in &arriving {
                let size = sizes[element as usize];
                let own = &mut self.tally.owns[crossing.child][result];
                add(&mut own.fills, self.weight, size);
                let above = self.sum_of(parent, element);
                let Some(visits) = self.sums[crossing.parent].remove(&above) else {
                    continue;
                };
                let key = self.sum_of(child, element);
                self.sums[crossing.child].insert(key, visits);
                let complete = visits == self.totals[element as usize];
                let bits = size * if complete { full } else { partial };
                add(
                    &mut self.tally.owns[crossing.child][result].writes,
                    self.weight,
                    size,
                );
                let own = &mut self.tally.owns[crossing.parent][result];
                add(&mut own.reads, self.weight, size);
                add(&mut own.updates, self.weight, size);
                let crossed = &mut self.tally.crossed[crossing.number][result];
                add(&mut crossed.down, self.weight, size);
                if crossing.above < crossing.below {
                    add(&mut crossed.hops, self.weight, size);
                }
                self.clock.goes_down(crossing.number);
                self.clock.cross(crossing.number, parent, bits);
                let flow = &crossing.flows[result];
                let position = crossing.position;
                self.clock.pass(position, flow.parent_read, parent, bits);
                self.clock.pass(position, flow.child_write, child, bits);
                for (network, &link) in crossing.networks.iter().zip(&flow.down) {
                    self.clock
                        .pass(position, link, network[child] as usize, bits);
                }
            }
            let buffer = &mut self.chain[link].buffers[child];
            buffer.elements = now;
            buffer.tile = next.tile;
            buffer.intact = true;
        }
    }

    fn elements_of(&self, crossing: &Crossing, tile: &Tile, result: usize) -> Vec<u32> {
        let varies: SmallVec<[bool; 8]> = SmallVec::from_elem(true, self.trees.len());
        let mut elements = Vec::new();
        each(
            (&self.trees, &self.strides[result], result, crossing.place),
            (tile, tile),
            &varies,
            &mut |element, _, _| elements.push(element as u32),
        );
        elements
    }

    /// After the last step everything that remains leaves, innermost first.
    pub(super) fn send_the_rest(&mut self) {
        for link in (0..self.chain.len()).rev() {
            let buffers = self.chain[link].buffers.iter().enumerate();
            let all: Leaving = buffers
                .filter(|(_, buffer)| !buffer.elements.is_empty())
                .map(|(child, buffer)| (child, buffer.elements.clone()))
                .collect();
            self.send_up(link, &all);
        }
    }

    /// Cycles in which partial sums pass from PE to PE in the model without ports, one per shared element
    /// of the busiest PE's tile and further PE that holds it.
    pub(super) fn passed(&self, link: usize) -> u64 {
        let result = self.mapping.operation.result();
        let crossing = &self.crossings[self.chain[link].boundary];
        let (mut tile, mut all) = (0u64, 0u64);
        let mut elements: Vec<u32> = Vec::new();
        let first = crossing.parent_of.first().copied();
        let nodes = self.nodes_of(crossing);
        for child in 0..crossing.children {
            if Some(crossing.parent_of[child]) != first {
                continue;
            }
            let Some(own) = self.tile_of(crossing, &nodes, child, result) else {
                continue;
            };
            let size = self.size(crossing.place, result, &own);
            tile = tile.max(size);
            all += size;
            elements.extend(self.elements_of(crossing, &own, result));
        }
        elements.sort_unstable();
        elements.dedup();
        let sizes = &self.element_sizes[crossing.place];
        let needed: u64 = elements.iter().map(|&e| sizes[e as usize]).sum();
        if needed == 0 {
            return 0;
        }
        tile * (all.div_ceil(needed) - 1)
    }
}

/// What `left` has and `right` has not; both in order.
fn without(left: &[u32], right: &[u32]) -> Vec<u32> {
    let mut at = 0;
    left.iter()
        .copied()
        .filter(|&element| {
            while at < right.len() && right[at] < element {
                at += 1;
            }
            right.get(at) != Some(&element)
        })
        .collect()
}

fn common(left: &[u32], right: &[u32]) -> Vec<u32> {
    let mut at = 0;
    left.iter()
        .copied()
        .filter(|&element| {
            while at < right.len() && right[at] < element {
                at += 1;
            }
            right.get(at) == Some(&element)
        })
        .collect()
}
