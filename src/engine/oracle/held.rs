//! What is held and what moves: one step of the memories, by set difference.
//!
//! In a step, what leaves goes up first, from the inside out; then what arrives comes down, from the
//! outside in.

use super::super::counts::Way;
use super::layout::{link, read_port, write_port};
use super::machine::{At, Machine, Moved};
use super::walk::Step;
use super::{Place, Tile, touched};
use crate::ir::Refill;
use std::collections::BTreeMap;

/// Per instance, its tile of one tensor, or what of it leaves.
type Tiles = BTreeMap<Place, Tile>;
/// The boundaries that start a step of theirs, with the steps of the lanes that it consists of.
pub(super) type Begun<'a> = BTreeMap<usize, &'a [Step]>;
/// What moved, per position.
pub(super) type AtPositions = BTreeMap<(usize, usize), Moved>;

impl Machine<'_> {
    /// The boundaries in `begun` start a step that consists of the given steps of the lanes. Returns what
    /// moves, per position.
    pub fn refill(&mut self, begun: &Begun) -> AtPositions {
        let mut moved = AtPositions::new();
        let result = self.mapping.operation.result();
        for (&boundary, steps) in begun {
            for tensor in self.layout.boundaries[boundary].tensors.clone() {
                if tensor != result {
                    let tiles = self.tiles(boundary, tensor, steps);
                    let moved = moved.entry(self.position(boundary)).or_default();
                    self.fetch(boundary, tensor, tiles, moved);
                }
            }
        }
        let chain: Vec<usize> = self.layout.chain(result);
        let begun: Vec<(usize, Tiles)> = chain
            .into_iter()
            .filter_map(|b| Some((b, self.tiles(b, result, begun.get(&b)?))))
            .collect();
        let mut leaving: Vec<(usize, Tiles)> = Vec::new();
        for (boundary, tiles) in &begun {
            let above = leaving.last().map(|(_, leaving)| leaving);
            let left = self.leaving(*boundary, tiles, above);
            leaving.push((*boundary, left));
        }
        for (boundary, left) in leaving.iter().rev() {
            let moved = moved.entry(self.position(*boundary)).or_default();
            self.send_up(*boundary, left, moved);
        }
        for (boundary, tiles) in begun {
            let moved = moved.entry(self.position(boundary)).or_default();
            self.receive(boundary, tiles, moved);
        }
        moved
    }

    /// After the last step everything that remains of the result leaves, innermost first.
    pub fn drain(&mut self) -> AtPositions {
        let mut moved = AtPositions::new();
        let result = self.mapping.operation.result();
        for boundary in self.layout.chain(result).into_iter().rev() {
            let Some(child) = self.layout.boundaries[boundary].child else {
                continue;
            };
            let all = self.held[child][result].iter();
            let left = all
                .map(|(place, b)| (place.clone(), b.tile.clone()))
                .collect();
            let moved = moved.entry(self.position(boundary)).or_default();
            self.send_up(boundary, &left, moved);
        }
        moved
    }

    fn position(&self, boundary: usize) -> (usize, usize) {
        self.layout.boundaries[boundary].position
    }

    /// The tiles of the working instances.
    fn tiles(&self, boundary: usize, tensor: usize, steps: &[Step]) -> Tiles {
        let below = self.layout.boundaries[boundary].arrays.end;
        let mut tiles = Tiles::new();
        for (place, ranks) in steps.iter().flat_map(|step| &step.boxes) {
            tiles
                .entry(self.instance(place, 0..below))
                .or_default()
                .extend(touched(self.mapping, tensor, ranks));
        }
        tiles
    }

    /// An operand: what is new comes from a neighbour that had it in the step before, or from the parent.
    fn fetch(&mut self, boundary: usize, tensor: usize, tiles: Tiles, moved: &mut Moved) {
        let Some(child) = self.layout.boundaries[boundary].child else {
            return;
        };
        let (_, arrays) = self.ends(boundary);
        let bits = u64::from(self.mapping.operation.tensors[tensor].bits);
        let refill = self.mapping.architecture.memories[child].refill;
        let mut asked: Vec<At> = Vec::new();
        for (place, tile) in &tiles {
            let nothing = Tile::new();
            let held = &self.held[child][tensor];
            let before = held.get(place).map_or(&nothing, |buffer| &buffer.tile);
            let new: Tile = match refill {
                Refill::Window => tile.difference(before).cloned().collect(),
                Refill::Tile if tile == before => Tile::new(),
                Refill::Tile => tile.clone(),
            };
            let count = new.len() as u64;
            let counts = &mut self.counts[child][tensor];
            counts.tile = counts.tile.max(tile.len() as u64);
            counts.fills += count;
            counts.writes += count;
            if !arrays.is_empty() {
                self.crossing(boundary, tensor).hops += count;
            }
            if count > 0 {
                let port = write_port(self.mapping, child);
                moved.pass(boundary, port, place.clone(), count * bits);
                moved.transfers.insert((boundary, Way::Down));
            }
            let near = self.neighbours(boundary, place);
            for element in new {
                let has = |place: &&Place| {
                    let buffer = self.held[child][tensor].get(*place);
                    buffer.is_some_and(|b| b.fresh && b.tile.contains(&element))
                };
                match near.iter().find(has) {
                    Some(lender) => {
                        self.crossing(boundary, tensor).forwarded += 1;
                        self.counts[child][tensor].reads += 1;
                        let port = read_port(self.mapping, child);
                        moved.pass(boundary, port, lender.clone(), bits);
                    }
                    None => asked.push((place.clone(), element, 0)),
                }
            }
        }
        self.ask(boundary, tensor, &asked, moved);
        let held = &mut self.held[child][tensor];
        held.values_mut().for_each(|buffer| buffer.fresh = false);
        for (place, tile) in tiles {
            let buffer = held.entry(place).or_default();
            buffer.tile = tile;
            buffer.fresh = true;
        }
    }

    /// The instances beside `place` over the arrays that forward: the order in which they are asked.
    pub fn neighbours(&self, boundary: usize, place: &Place) -> Vec<Place> {
        let (_, arrays) = self.ends(boundary);
        let mut near = Vec::new();
        for (at, l) in self.mapping.schedule.loops.iter().enumerate() {
            let forwards = |array: usize| {
                let network = &self.mapping.architecture.arrays[array].network;
                arrays.contains(&array) && network.forwarding
            };
            if !l.array().is_some_and(forwards) {
                continue;
            }
            for index in [place[at].checked_sub(1), Some(place[at] + 1)] {
                near.extend(index.map(|index| {
                    let mut beside = place.clone();
                    beside[at] = index;
                    beside
                }));
            }
        }
        near
    }

    /// What each instance of the child gives up of the result: what its tile no longer has, and what the
    /// memory above gives up.
    fn leaving(&self, boundary: usize, tiles: &Tiles, above: Option<&Tiles>) -> Tiles {
        let (_, arrays) = self.ends(boundary);
        let Some(child) = self.layout.boundaries[boundary].child else {
            return Tiles::new();
        };
        let refill = self.mapping.architecture.memories[child].refill;
        let mut leaving = Tiles::new();
        for (place, buffer) in &self.held[child][self.mapping.operation.result()] {
            let held = &buffer.tile;
            let mut left: Tile = match (tiles.get(place), refill) {
                // Idle.
                (None, _) => Tile::new(),
                (Some(tile), Refill::Window) => held.difference(tile).cloned().collect(),
                (Some(tile), Refill::Tile) if tile == held => Tile::new(),
                (Some(_), Refill::Tile) => held.clone(),
            };
            let parent = self.instance(place, 0..arrays.start);
            if let Some(given_up) = above.and_then(|above| above.get(&parent)) {
                left.extend(held.intersection(given_up).cloned());
            }
            leaving.insert(place.clone(), left);
        }
        leaving
    }

    /// Sums leave the child: each is read there, and brought to the parent.
    fn send_up(&mut self, boundary: usize, leaving: &Tiles, moved: &mut Moved) {
        let result = self.mapping.operation.result();
        let Some(child) = self.layout.boundaries[boundary].child else {
            return;
        };
        let (_, arrays) = self.ends(boundary);
        let mut given: Vec<At> = Vec::new();
        for (place, left) in leaving {
            for element in left {
                let buffer = self.buffer(child, place);
                buffer.tile.remove(element);
                let Some(points) = buffer.sums.remove(element) else {
                    continue;
                };
                let bits = self.width(element, points);
                let whole = self.is_complete(element, points);
                self.counts[child][result].reads += 1;
                self.counts[child][result].complete_reads += u64::from(whole);
                if !arrays.is_empty() {
                    self.crossing(boundary, result).hops += 1;
                }
                moved.pass(
                    boundary,
                    read_port(self.mapping, child),
                    place.clone(),
                    bits,
                );
                given.push((place.clone(), element.clone(), points));
            }
        }
        self.bring(boundary, &given, moved);
    }

    /// What is new of the result: the first instance in which it arrives gets the sum that the parent has.
    fn receive(&mut self, boundary: usize, tiles: Tiles, moved: &mut Moved) {
        let result = self.mapping.operation.result();
        let Some(child) = self.layout.boundaries[boundary].child else {
            return;
        };
        let (parent, arrays) = self.ends(boundary);
        for (place, tile) in tiles {
            let counts = &mut self.counts[child][result];
            counts.tile = counts.tile.max(tile.len() as u64);
            let above = self.instance(&place, 0..arrays.start);
            for element in &tile {
                if !self.buffer(child, &place).tile.insert(element.clone()) {
                    continue;
                }
                self.counts[child][result].fills += 1;
                let Some(points) = self.buffer(parent, &above).sums.remove(element) else {
                    continue;
                };
                self.buffer(child, &place)
                    .sums
                    .insert(element.clone(), points);
                let bits = self.width(element, points);
                self.counts[parent][result].reads += 1;
                self.counts[parent][result].updates += 1;
                self.counts[child][result].writes += 1;
                let crossing = self.crossing(boundary, result);
                crossing.down += 1;
                crossing.hops += u64::from(!arrays.is_empty());
                self.boundaries[boundary].down_bits += bits;
                moved.transfers.insert((boundary, Way::Down));
                *moved.crossed.entry((boundary, above.clone())).or_insert(0) += bits;
                moved.pass(
                    boundary,
                    read_port(self.mapping, parent),
                    above.clone(),
                    bits,
                );
                for array in arrays.clone() {
                    let network = self.instance(&place, 0..array);
                    moved.pass(
                        boundary,
                        link(self.mapping, array, result, Way::Down),
                        network,
                        bits,
                    );
                }
                moved.pass(
                    boundary,
                    write_port(self.mapping, child),
                    place.clone(),
                    bits,
                );
            }
        }
    }
}
