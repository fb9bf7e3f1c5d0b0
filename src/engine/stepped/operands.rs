//! What every instance holds of the operands, and what enters in a step.
//!
//! An instance holds the tile of the last step in which it worked. New elements come from a neighbour that
//! worked in the step before and has them, or from the parent, once for all instances that arrays join.

use super::layout::Crossing;
use super::machine::Machine;
use super::tally::add;
use crate::ir::Refill;
use smallvec::SmallVec;

/// The sets of a tile, per group.
pub(super) type Tile = SmallVec<[u32; 8]>;

/// What the instances of one memory hold of one operand.
pub(super) struct Held {
    /// Sets of the last tile, per instance and group; all empty before the first.
    pub tiles: Vec<u32>,
    /// Worked in the step before.
    pub fresh: Vec<bool>,
}

/// One instance's tile now, and what it held.
struct Child {
    number: usize,
    now: Tile,
    held: Tile,
    new: u64,
}

impl Machine<'_> {
    /// All instances below a boundary get their tiles of `tensor`.
    pub(super) fn fetch(&mut self, boundary: usize, tensor: usize) {
        let groups = self.trees.len();
        let crossing = std::rc::Rc::clone(&self.crossings[boundary]);
        let flow = &crossing.flows[tensor];
        let (position, place) = (crossing.position, crossing.place);
        let refill = self.mapping.architecture.memories[crossing.child].refill;
        let bits = u64::from(self.mapping.operation.tensors[tensor].bits);
        let forwards = crossing.forwards;
        let mut children: Vec<Child> = Vec::new();
        let mut worked: Vec<(usize, Tile)> = Vec::new();
        let mut largest = 0;
        let nodes = self.nodes_of(&crossing);
        for number in 0..crossing.children {
            let Some(now) = self.tile_of(&crossing, &nodes, number, tensor) else {
                continue;
            };
            let tiles = &self.held[boundary][tensor].tiles;
            let held = &tiles[number * groups..(number + 1) * groups];
            let mut new = 0;
            let same = held == now.as_slice();
            if !same {
                let size = self.size(place, tensor, &now);
                largest = largest.max(size);
                let mut held: Tile = SmallVec::from_slice(held);
                let either_empty = |tile: &Tile| tile.contains(&0);
                if refill == Refill::Tile && !(either_empty(&held) && either_empty(&now)) {
                    held.fill(0);
                }
                new = size - self.common(place, tensor, &now, &held);
                if new > 0 {
                    children.push(Child {
                        number,
                        now: now.clone(),
                        held,
                        new,
                    });
                }
            }
            if !same || forwards {
                worked.push((number, now));
            }
            if new > 0 {
                let own = &mut self.tally.owns[crossing.child][tensor];
                add(&mut own.fills, self.weight, new);
                add(&mut own.writes, self.weight, new);
                if crossing.above < crossing.below {
                    let crossed = &mut self.tally.crossed[boundary][tensor];
                    add(&mut crossed.hops, self.weight, new);
                }
                self.clock
                    .pass(position, flow.child_write, number, new * bits);
            }
        }
        let own = &mut self.tally.owns[crossing.child][tensor];
        own.tile = own.tile.max(largest);
        if !children.is_empty() {
            self.clock.goes_down(boundary);
            if forwards {
                self.borrow_and_ask(&crossing, tensor, &children);
            } else {
                self.ask(&crossing, tensor, &children);
            }
        }
        let held = &mut self.held[boundary][tensor];
        if forwards {
            held.fresh.fill(false);
        }
        for (number, now) in worked {
            held.tiles[number * groups..(number + 1) * groups].copy_from_slice(&now);
            held.fresh[number] = true;
        }
    }

    /// Everything comes from the parent.
    fn ask(&mut self, crossing: &Crossing, tensor: usize, children: &[Child]) {
        for joint in 0..crossing.operands.len() {
            let at = &crossing.operands[joint];
            let mut order: Vec<(u32, u32)> = (0..children.len() as u32)
                .map(|c| (at.class_of[children[c as usize].number], c))
                .collect();
            order.sort_unstable();
            for class in order.chunk_by(|a, b| a.0 == b.0) {
                let members: SmallVec<[&Child; 8]> =
                    class.iter().map(|&(_, c)| &children[c as usize]).collect();
                let new = self.distinct(crossing.place, tensor, &members);
                let site = at.site_of[members[0].number] as usize;
                self.asked(crossing, joint, tensor, (site, new));
            }
        }
    }

    /// Elements that leave the parent of a boundary for the instances of one site.
    fn asked(
        &mut self,
        crossing: &Crossing,
        joint: usize,
        tensor: usize,
        (site, new): (usize, u64),
    ) {
        let at = &crossing.operands[joint];
        let flow = &crossing.flows[tensor];
        let bits = u64::from(self.mapping.operation.tensors[tensor].bits);
        if at.depth < crossing.below {
            let link = flow.down[at.depth - crossing.above];
            self.clock.pass(crossing.position, link, site, new * bits);
        }
        if at.depth == crossing.above {
            self.clock
                .pass(crossing.position, flow.parent_read, site, new * bits);
            self.clock.cross(crossing.number, site, new * bits);
            let crossed = &mut self.tally.crossed[crossing.number][tensor];
            add(&mut crossed.down, self.weight, new);
            let own = &mut self.tally.owns[crossing.parent][tensor];
            add(&mut own.reads, self.weight, new);
        }
    }

    /// Distinct elements that are new in some instance of a class.
    fn distinct(&mut self, place: usize, tensor: usize, members: &[&Child]) -> u64 {
        let first = members[0];
        let alike = |other: &&&Child| other.now == first.now && other.held == first.held;
        if members.iter().skip(1).all(|other| alike(&other)) {
            return first.new;
        }
        let groups = self.trees.len();
        let varies: SmallVec<[bool; 8]> = (0..groups)
            .map(|g| {
                let same = |c: &&Child| c.now[g] == first.now[g] && c.held[g] == first.held[g];
                !members.iter().all(same)
            })
            .collect();
        // Of the groups in which all are alike, either everything was held, or something was not.
        let (mut all, mut kept) = (1u64, 1u64);
        for g in (0..groups).filter(|&g| !varies[g]) {
            let sets = &self.trees[g].sets[tensor];
            all *= sets.size(place, first.now[g]);
            kept *= sets.common(place, first.now[g], first.held[g]);
        }
        let (mut needed, mut new) = (0u64, 0u64);
        self.stamp += 2;
        let stamp = self.stamp;
        for member in members {
            let mut visit = |element: usize, size: u64, held: bool| {
                let mark = &mut self.marks[tensor][element];
                // Seen, or seen where it was not held.
                if *mark < stamp {
                    *mark = stamp;
                    needed += size;
                }
                if !held && *mark == stamp {
                    *mark = stamp + 1;
                    new += size;
                }
            };
            each(
                (&self.trees, &self.strides[tensor], tensor, place),
                (&member.now, &member.held),
                &varies,
                &mut visit,
            );
        }
        (all - kept) * needed + kept * new
    }

    /// Neighbours lend what they worked on in the step before.
    fn borrow_and_ask(&mut self, crossing: &Crossing, tensor: usize, children: &[Child]) {
        let groups = self.trees.len();
        let varies: SmallVec<[bool; 8]> = SmallVec::from_elem(true, groups);
        let bits = u64::from(self.mapping.operation.tensors[tensor].bits);
        let flow = &crossing.flows[tensor];
        let mut asked: Vec<(usize, usize, u64)> = Vec::new();
        let mut lent: Vec<(usize, u64)> = Vec::new();
        let mut most = 0;
        for child in children {
            let mut borrowed = 0;
            let held = &self.held[crossing.number][tensor];
            let strides = &self.strides[tensor];
            let mut visit = |element: usize, size: u64, kept: bool| {
                if kept {
                    return;
                }
                let has = |neighbour: &&u32| {
                    let at = **neighbour as usize;
                    held.fresh[at]
                        && (0..groups).all(|g| {
                            let sets = &self.trees[g].sets[tensor];
                            let atom = element / strides[g] % sets.atoms().max(1);
                            sets.has(held.tiles[at * groups + g], atom as u32)
                        })
                };
                match crossing.near[child.number].iter().find(has) {
                    Some(&lender) => {
                        borrowed += size;
                        lent.push((lender as usize, size));
                    }
                    None => asked.push((child.number, element, size)),
                }
            };
            each(
                (&self.trees, strides, tensor, crossing.place),
                (&child.now, &child.held),
                &varies,
                &mut visit,
            );
            most = most.max(borrowed);
        }
        self.clock.least = self.clock.least.max(most);
        for (lender, size) in lent {
            let crossed = &mut self.tally.crossed[crossing.number][tensor];
            add(&mut crossed.forwarded, self.weight, size);
            let own = &mut self.tally.owns[crossing.child][tensor];
            add(&mut own.reads, self.weight, size);
            self.clock
                .pass(crossing.position, flow.child_read, lender, size * bits);
        }
        for joint in 0..crossing.operands.len() {
            let at = &crossing.operands[joint];
            let mut met: Vec<(u32, u32, usize, u64)> = asked
                .iter()
                .map(|&(child, element, size)| {
                    (at.site_of[child], at.class_of[child], element, size)
                })
                .collect();
            met.sort_unstable();
            met.dedup();
            for site in met.chunk_by(|a, b| a.0 == b.0) {
                let new = site.iter().map(|entry| entry.3).sum();
                self.asked(crossing, joint, tensor, (site[0].0 as usize, new));
            }
        }
    }
}

/// Calls `visit` with every element of a tile over the groups that vary: its number, its size, and whether
/// the sets of what was held have it.
pub(super) fn each(
    (trees, strides, tensor, place): (&[super::tree::Tree], &[usize], usize, usize),
    (now, held): (&Tile, &Tile),
    varies: &[bool],
    visit: &mut impl FnMut(usize, u64, bool),
) {
    fn inner(
        (trees, strides, tensor, place): (&[super::tree::Tree], &[usize], usize, usize),
        (now, held): (&Tile, &Tile),
        varies: &[bool],
        (g, element, size, kept): (usize, usize, u64, bool),
        visit: &mut impl FnMut(usize, u64, bool),
    ) {
        let Some(tree) = trees.get(g) else {
            visit(element, size, kept);
            return;
        };
        let view = (trees, strides, tensor, place);
        if !varies[g] {
            inner(
                view,
                (now, held),
                varies,
                (g + 1, element, size, kept),
                visit,
            );
            return;
        }
        let sets = &tree.sets[tensor];
        for &atom in &sets.lists[now[g] as usize] {
            let next = (
                g + 1,
                element + atom as usize * strides[g],
                size * sets.sizes[place][atom as usize],
                kept && sets.has(held[g], atom),
            );
            inner(view, (now, held), varies, next, visit);
        }
    }
    inner(
        (trees, strides, tensor, place),
        (now, held),
        varies,
        (0, 0, 1, true),
        visit,
    );
}
