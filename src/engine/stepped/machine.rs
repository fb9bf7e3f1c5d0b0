//! The execution: one loop after the other, one step after the other.

use super::MOST_STEPS;
use super::clock::{Begun, Clock, Issued, Region};
use super::lanes::Issues;
use super::operands::{Held, Tile};
use super::places::{Places, Spread};
use super::results::{Buffer, Chained, Sums};
use super::shorten::Short;
use super::tally::Tally;
use super::tree::{Tree, View};
use crate::base::limits;
use crate::engine::counts::{Counts, Port, Way};
use crate::engine::flows::{self, Flows};
use crate::engine::plan::{Counter, Plan};
use crate::engine::{EngineLimit, TimingRule};
use crate::ir::Mapping;
use smallvec::SmallVec;
use std::rc::Rc;

/// [`limits::EXECUTED_ELEMENTS`].
const MOST_ELEMENTS: usize = limits::EXECUTED_ELEMENTS;

/// The resources that one tensor takes at a crossing.
#[derive(Default)]
pub(super) struct Flow {
    pub parent_read: Option<usize>,
    pub parent_write: Option<usize>,
    pub child_read: Option<usize>,
    pub child_write: Option<usize>,
    /// Per array between.
    pub down: Vec<Option<usize>>,
    pub up: Vec<Option<usize>>,
}

/// A crossing seen from the instances below `depth` arrays: of the parent, or of a link with a bandwidth.
pub(super) struct Joint {
    pub depth: usize,
    /// Per child: the instances that share a transfer, and the instance that it passes.
    pub class_of: Vec<u32>,
    pub site_of: Vec<u32>,
}

/// One boundary.
pub(super) struct Crossing {
    pub number: usize,
    pub position: usize,
    pub parent: usize,
    pub child: usize,
    pub above: usize,
    pub below: usize,
    /// Index into the places from which sizes are seen.
    pub place: usize,
    pub children: usize,
    /// Per child and group: its number there.
    keys: Vec<u32>,
    views: Vec<View>,
    pub parent_of: Vec<u32>,
    /// Per array between: the instance of its network.
    pub networks: Vec<Vec<u32>>,
    /// Per tensor.
    pub flows: Vec<Flow>,
    pub operands: Vec<Joint>,
    pub results: Vec<Joint>,
    pub forwards: bool,
    pub near: Vec<Vec<u32>>,
}

/// The lanes seen from the instances below `depth` arrays.
pub(super) struct LaneJoint {
    pub depth: usize,
    pub sites: usize,
    /// Per site and group.
    pub keys: Vec<u32>,
    /// Per tensor and group.
    pub issues: Vec<Vec<Issues>>,
}

/// Who works on which elements of the result below a home, in one group.
pub(super) struct Visits {
    pub view: View,
    pub keys: Vec<u32>,
    pub counts: Vec<Vec<u32>>,
}

/// A home and its lanes.
pub(super) struct Outlet {
    pub memory: usize,
    pub above: usize,
    pub place: usize,
    pub tensors: Vec<usize>,
    pub flows: Vec<Flow>,
    pub joints: Vec<LaneJoint>,
    /// Per group.
    pub visits: Vec<Visits>,
}

pub(super) struct Machine<'a> {
    pub mapping: &'a Mapping,
    pub flows: Flows,
    pub trees: Vec<Tree>,
    /// Per loop of the schedule: its group and its number there, if it does something.
    loops: Vec<Option<(usize, usize)>>,
    /// Per place and group: loops outside.
    depths: Vec<Vec<usize>>,
    /// Per group, after so many of its loops: the node at hand.
    at: Vec<Vec<u32>>,
    /// Per group: points of the busiest PE, by leaf.
    busiest: Vec<Vec<u64>>,
    pub crossings: Vec<Rc<Crossing>>,
    pub outlets: Vec<Rc<Outlet>>,
    pub clock: Clock,
    pub tally: Tally,
    /// How often the step at hand counts.
    pub weight: u128,
    /// Per boundary and tensor.
    pub held: Vec<Vec<Held>>,
    /// The result's memories from the outside in, the backing store apart.
    pub chain: Vec<Chained>,
    /// Per memory.
    pub sums: Vec<Sums>,
    /// Per element of the result: visits that complete it.
    pub totals: Vec<u32>,
    /// Per place: the size of every element of the result.
    pub element_sizes: Vec<Rc<Vec<u64>>>,
    /// Per tensor and group: how far apart elements with neighbouring atoms lie.
    pub strides: Vec<Vec<usize>>,
    /// Per tensor: elements that were looked at, by the number of the look.
    pub marks: Vec<Vec<u64>>,
    pub stamp: u64,
    /// Steps that have begun, per position.
    begun: Vec<Option<Begun>>,
    /// Instances that are looked at in a step.
    pes: u64,
}

impl<'a> Machine<'a> {
    pub fn new(
        counter: &Counter,
        short: &'a Short,
        rule: TimingRule,
    ) -> Result<Machine<'a>, EngineLimit> {
        let mapping = &short.mapping;
        let too_many = EngineLimit::TooManySteps;
        let flows = Flows::new(mapping, 0, &flows::Places::every(mapping));
        let leaf = mapping.schedule.leaf;
        let mut places: Vec<usize> = flows.boundaries.iter().map(|b| b.place).collect();
        places.push(leaf);
        places.sort_unstable();
        places.dedup();
        let all = counter
            .grouping
            .loops(&mapping.schedule.loops)
            .ok_or(too_many.clone())?;
        let mut trees = Vec::new();
        let mut loops = vec![None; leaf];
        for (g, (plan, mut own)) in counter.plans.iter().zip(all).enumerate() {
            own.retain(|l| l.index < leaf);
            for (number, l) in own.iter().enumerate() {
                loops[l.index] = Some((g, number));
            }
            let cuts: Vec<_> = short.cuts.iter().filter(|cut| cut.group == g).collect();
            trees.push(Tree::new(plan, own, &cuts, &places)?);
        }
        let steps = trees.iter().map(|tree| tree.leaves.len() as u64);
        let instances = trees.iter().map(|tree| tree.instances() as u64);
        let pes = instances.clone().fold(1, u64::saturating_mul);
        steps
            .chain(instances)
            .try_fold(1u64, u64::checked_mul)
            .filter(|&work| work <= MOST_STEPS)
            .ok_or(too_many.clone())?;
        let result = mapping.operation.result();
        let tensors = mapping.operation.tensors.len();
        let strides: Vec<Vec<usize>> = (0..tensors)
            .map(|tensor| {
                let mut strides = vec![1usize; trees.len()];
                for g in (1..trees.len()).rev() {
                    strides[g - 1] =
                        strides[g].saturating_mul(trees[g].sets[tensor].atoms().max(1));
                }
                strides
            })
            .collect();
        let elements: Vec<usize> = (0..tensors)
            .map(|tensor| {
                let first = trees.first().map_or(1, |t| t.sets[tensor].atoms().max(1));
                strides[tensor]
                    .first()
                    .copied()
                    .unwrap_or(1)
                    .saturating_mul(first)
            })
            .collect();
        if elements.iter().any(|&n| n > MOST_ELEMENTS) {
            return Err(too_many);
        }
        let spreads = (0..leaf).filter_map(|index| {
            let (group, number) = loops[index]?;
            let l = &trees[group].loops[number];
            let instances = l.instances as usize;
            let array = l.array?;
            Some(Spread {
                group,
                array,
                instances,
            })
        });
        let built = Places {
            spreads: spreads.collect(),
        };
        let mut machine = Machine {
            mapping,
            clock: Clock::new(mapping, &flows, rule),
            tally: Tally::new(mapping, &flows),
            flows,
            depths: (0..=leaf)
                .map(|place| trees.iter().map(|tree| tree.depth_at(place)).collect())
                .collect(),
            at: Vec::new(),
            busiest: trees.iter().map(busiest).collect(),
            trees,
            loops,
            crossings: Vec::new(),
            outlets: Vec::new(),
            weight: 1,
            held: Vec::new(),
            chain: Vec::new(),
            sums: vec![Sums::default(); mapping.architecture.memories.len()],
            totals: Vec::new(),
            element_sizes: Vec::new(),
            strides,
            marks: elements.iter().map(|&n| vec![0; n]).collect(),
            stamp: 0,
            begun: Vec::new(),
            pes,
        };
        machine.begun = machine.flows.positions.iter().map(|_| None).collect();
        for g in 0..machine.trees.len() {
            let depth = machine.trees[g].loops.len();
            machine.at.push(vec![0; depth + 1]);
            machine.enter(g, 0, 0);
        }
        machine.lay_out(counter, &built, &places)?;
        machine.count_visits(counter, elements[result])?;
        for place in 0..places.len() {
            let sizes = machine.sizes_of(result, place, elements[result]);
            machine.element_sizes.push(Rc::new(sizes));
        }
        machine.add_whole(&counter.plans);
        Ok(machine)
    }

    /// What is known before the first step: operations, steps, PEs.
    fn add_whole(&mut self, plans: &[Rc<Plan>]) {
        let steps = self.mapping.schedule.steps;
        let (mut operations, mut all, mut used) = (1u128, 1u128, 1u128);
        for (tree, plan) in self.trees.iter().zip(plans) {
            let mut performed = 0u128;
            let mut works = vec![false; tree.instances()];
            for leaf in &tree.leaves {
                let volume: u128 = leaf.states.iter().map(|s| u128::from(s.volume())).sum();
                performed = performed.saturating_add(leaf.weight().saturating_mul(volume));
                for (works, state) in works.iter_mut().zip(&leaf.states) {
                    *works |= !state.is_empty();
                }
            }
            debug_assert!(!plan.group.ranks.is_empty());
            operations = operations.saturating_mul(performed);
            all = all.saturating_mul(tree.weight_at(tree.depth_at(steps)));
            used *= works.iter().filter(|works| **works).count() as u128;
        }
        self.tally.operations = operations;
        self.tally.steps = all;
        self.tally.pes_used = used;
    }

    fn sizes_of(&self, tensor: usize, place: usize, elements: usize) -> Vec<u64> {
        (0..elements)
            .map(|element| {
                self.trees.iter().enumerate().fold(1u64, |size, (g, tree)| {
                    let sets = &tree.sets[tensor];
                    let atom = element / self.strides[tensor][g] % sets.atoms().max(1);
                    size.saturating_mul(sets.sizes[place].get(atom).copied().unwrap_or(0))
                })
            })
            .collect()
    }

    /// How many visits complete each element of the result.
    fn count_visits(&mut self, counter: &Counter, elements: usize) -> Result<(), EngineLimit> {
        let result = self.mapping.operation.result();
        let mut totals = vec![1u64; elements];
        for (g, (tree, plan)) in self.trees.iter_mut().zip(&counter.plans).enumerate() {
            let depth = tree.loops.len();
            let view = tree.view(plan, depth, 0)?;
            let visits = tree.visits(plan, result, &view, 0);
            let sets = &tree.sets[result];
            let mut own = vec![0u64; sets.atoms().max(1)];
            for (leaf, counts) in visits.iter().enumerate() {
                let list = &sets.lists[view.set(leaf, 0, result) as usize];
                for (&atom, &count) in list.iter().zip(counts) {
                    own[atom as usize] += u64::from(count);
                }
            }
            let stride = self.strides[result][g];
            for (element, total) in totals.iter_mut().enumerate() {
                *total = total.saturating_mul(own[element / stride % own.len()]);
            }
        }
        self.totals = totals
            .into_iter()
            .map(|total| u32::try_from(total).map_err(|_| EngineLimit::TooManySteps))
            .collect::<Result<_, _>>()?;
        Ok(())
    }

    fn lay_out(
        &mut self,
        counter: &Counter,
        places: &Places,
        at_places: &[usize],
    ) -> Result<(), EngineLimit> {
        let mapping = self.mapping;
        let result = mapping.operation.result();
        let tensors = mapping.operation.tensors.len();
        let arrays = &mapping.architecture.arrays;
        let groups = self.trees.len();
        let multicast = |array: usize| arrays[array].network.multicast;
        let reduction = |array: usize| arrays[array].network.reduction;
        for number in 0..self.flows.boundaries.len() {
            let b = self.flows.boundaries[number].clone();
            let position = self.flows.positions.iter().position(|p| {
                let (from, to) = p.boundaries;
                (from..to).contains(&number)
            });
            let children = places.count(b.below);
            let mut views = Vec::new();
            for (tree, plan) in self.trees.iter_mut().zip(&counter.plans) {
                let depth = tree.depth_at(b.place);
                views.push(tree.view(plan, depth, b.below)?);
            }
            let flows: Vec<Flow> = (0..tensors)
                .map(|tensor| self.flow(tensor, b.parent, Some(b.child), b.above..b.below))
                .collect();
            let bounded = |array: usize| arrays[array].network.links.is_bounded();
            let joints = |joins: &dyn Fn(usize) -> bool| -> Vec<Joint> {
                let depths = std::iter::once(b.above)
                    .chain((b.above + 1..b.below).filter(|&array| bounded(array)));
                let joint = |depth: usize| Joint {
                    depth,
                    class_of: places
                        .project(b.below, |s| s.array < depth || !joins(s.array))
                        .1,
                    site_of: places.project(b.below, |s| s.array < depth).1,
                };
                depths.map(joint).collect()
            };
            let forwards = (b.above..b.below).any(|array| arrays[array].network.forwarding);
            self.held.push(
                (0..tensors)
                    .map(|_| Held {
                        tiles: vec![0; children * groups],
                        fresh: vec![false; children],
                    })
                    .collect(),
            );
            if b.tensors.contains(&result) {
                self.chain.push(Chained {
                    boundary: number,
                    buffers: (0..children).map(|_| Buffer::default()).collect(),
                });
            }
            self.crossings.push(Rc::new(Crossing {
                number,
                position: position.unwrap_or(0),
                parent: b.parent,
                child: b.child,
                above: b.above,
                below: b.below,
                place: at_places.binary_search(&b.place).unwrap_or(0),
                children,
                keys: keys(places, b.below, groups),
                views,
                parent_of: places.project(b.below, |s| s.array < b.above).1,
                networks: (b.above..b.below)
                    .map(|array| places.project(b.below, |s| s.array < array).1)
                    .collect(),
                flows,
                operands: joints(&multicast),
                results: joints(&reduction),
                forwards,
                near: if forwards {
                    places.neighbours(mapping, b.above, b.below)
                } else {
                    Vec::new()
                },
            }));
        }
        let leaf = at_places.binary_search(&mapping.schedule.leaf).unwrap_or(0);
        let mut work = 0;
        for home in self.flows.homes.clone() {
            let flows: Vec<Flow> = (0..tensors)
                .map(|tensor| self.flow(tensor, home.memory, None, home.above..arrays.len()))
                .collect();
            let depths = std::iter::once(home.above).chain(
                (home.above + 1..arrays.len())
                    .filter(|&array| arrays[array].network.links.is_bounded()),
            );
            let mut joints = Vec::new();
            for depth in depths {
                let mut issues: Vec<Vec<Issues>> = (0..tensors).map(|_| Vec::new()).collect();
                for &tensor in &home.tensors {
                    let joins: &dyn Fn(usize) -> bool = if tensor == result {
                        &reduction
                    } else {
                        &multicast
                    };
                    for (tree, plan) in self.trees.iter().zip(&counter.plans) {
                        let own = (tensor, tensor == result);
                        let made = Issues::new((plan, tree), own, depth, joins, &mut work)?;
                        issues[tensor].push(made);
                    }
                }
                joints.push(LaneJoint {
                    depth,
                    sites: places.count(depth),
                    keys: keys(places, depth, groups),
                    issues,
                });
            }
            let mut visits = Vec::new();
            if home.tensors.contains(&result) {
                for (tree, plan) in self.trees.iter_mut().zip(&counter.plans) {
                    let view = tree.view(plan, tree.loops.len(), home.above)?;
                    let counts = tree.visits(plan, result, &view, home.above);
                    visits.push(Visits {
                        view,
                        keys: keys(places, home.above, groups),
                        counts,
                    });
                }
            }
            self.outlets.push(Rc::new(Outlet {
                memory: home.memory,
                above: home.above,
                place: leaf,
                tensors: home.tensors.to_vec(),
                flows,
                joints,
                visits,
            }));
        }
        Ok(())
    }

    fn flow(
        &self,
        tensor: usize,
        parent: usize,
        child: Option<usize>,
        arrays: std::ops::Range<usize>,
    ) -> Flow {
        let flows = &self.flows;
        let link = |way: Way| {
            arrays
                .clone()
                .map(|array| flows.link(array, tensor, way))
                .collect()
        };
        Flow {
            parent_read: flows.port(parent, Port::Read),
            parent_write: flows.port(parent, Port::Write),
            child_read: child.and_then(|child| flows.port(child, Port::Read)),
            child_write: child.and_then(|child| flows.port(child, Port::Write)),
            down: link(Way::Down),
            up: link(Way::Up),
        }
    }

    /// Where every group is in the step at hand, for the instances of a boundary.
    pub(super) fn nodes_of(&self, crossing: &Crossing) -> SmallVec<[usize; 8]> {
        let views = crossing.views.iter().enumerate();
        views
            .map(|(g, view)| self.trees[g].nodes[self.at[g][view.depth] as usize].number)
            .collect()
    }

    /// The tile of one instance in the step in which the groups are at `nodes`; `None` when it idles.
    #[inline]
    pub(super) fn tile_of(
        &self,
        crossing: &Crossing,
        nodes: &[usize],
        child: usize,
        tensor: usize,
    ) -> Option<Tile> {
        let keys = &crossing.keys[child * nodes.len()..(child + 1) * nodes.len()];
        let mut tile = Tile::new();
        for ((view, &node), &key) in crossing.views.iter().zip(nodes).zip(keys) {
            if !view.works(node, key as usize) {
                return None;
            }
            tile.push(view.set(node, key as usize, tensor));
        }
        Some(tile)
    }

    /// Elements of a tile, seen from a place.
    pub(super) fn size(&self, place: usize, tensor: usize, tile: &Tile) -> u64 {
        self.trees
            .iter()
            .zip(tile)
            .map(|(tree, &set)| tree.sets[tensor].size(place, set))
            .product()
    }

    /// Elements that two tiles have in common.
    pub(super) fn common(&self, place: usize, tensor: usize, a: &Tile, b: &Tile) -> u64 {
        let sets = self.trees.iter().map(|tree| &tree.sets[tensor]);
        sets.zip(a.iter().zip(b))
            .map(|(sets, (&a, &b))| sets.common(place, a, b))
            .product()
    }

    /// The leaf of a group at hand.
    #[inline]
    pub(super) fn leaf(&self, g: usize) -> usize {
        let depth = self.trees[g].loops.len();
        self.trees[g].nodes[self.at[g][depth] as usize].number
    }

    /// The group is at `node` after `depth` of its loops, and at the first windows inside.
    fn enter(&mut self, g: usize, depth: usize, node: u32) {
        self.at[g][depth] = node;
        for inner in depth + 1..self.at[g].len() {
            let above = self.at[g][inner - 1] as usize;
            if let Some(&(child, _)) = self.trees[g].nodes[above].children.first() {
                self.at[g][inner] = child;
            }
        }
    }

    /// All loops from `place` on go back to their first windows.
    fn wrap(&mut self, place: usize) {
        for g in 0..self.trees.len() {
            let depth = self.depths[place][g];
            let node = self.at[g][depth];
            self.enter(g, depth, node);
        }
    }

    /// Executes everything.
    pub fn run(mut self, counter: &Counter, mapping: &Mapping) -> Result<Counts, EngineLimit> {
        self.refill(0, true)?;
        let mut cycles = self.region(0)?.cycles;
        self.weight = 1;
        self.send_the_rest();
        for position in (0..self.flows.positions.len()).rev() {
            let rest = self.clock.drain(&self.flows, position)?;
            cycles = cycles.checked_add(rest).ok_or(EngineLimit::Overflow)?;
        }
        let wave = self.clock.wave_of_the_run();
        cycles = cycles.checked_add(wave).ok_or(EngineLimit::Overflow)?;
        self.tally
            .counts(counter, mapping, (&self.flows, &self.clock), cycles)
    }

    /// All positions from `place` on begin a step.
    fn refill(&mut self, place: usize, first: bool) -> Result<(), EngineLimit> {
        let result = self.mapping.operation.result();
        for boundary in 0..self.flows.boundaries.len() {
            if self.flows.boundaries[boundary].place < place {
                continue;
            }
            for at in 0..self.flows.boundaries[boundary].tensors.len() {
                let tensor = self.flows.boundaries[boundary].tensors[at];
                if tensor != result {
                    self.fetch(boundary, tensor);
                }
            }
        }
        let begun = self
            .chain
            .partition_point(|link| self.flows.boundaries[link.boundary].place < place);
        self.renew(begun);
        for position in 0..self.flows.positions.len() {
            if self.flows.positions[position].place < place {
                continue;
            }
            if position + 1 == self.flows.positions.len() {
                self.least_of(position);
            } else {
                self.clock.least = 0;
            }
            let weight = self.weight;
            let begun = self.clock.begin(&self.flows, position, first, weight)?;
            self.begun[position] = Some(begun);
        }
        Ok(())
    }

    /// Of the model without ports: how long sums take from PE to PE.
    fn least_of(&mut self, position: usize) {
        if !self.clock.passes_sums() {
            self.clock.least = 0;
            return;
        }
        let (from, to) = self.flows.positions[position].boundaries;
        let link = self
            .chain
            .iter()
            .position(|link| (from..to).contains(&link.boundary));
        if let Some(link) = link {
            let passed = self.passed(link);
            self.clock.least = self.clock.least.max(passed);
        }
    }

    /// Everything inside `place` until a loop outside it goes on.
    fn region(&mut self, place: usize) -> Result<Region, EngineLimit> {
        let mut region = if place == self.mapping.schedule.steps {
            let issued = self.leaf_region(place)?;
            self.clock.end_leaf(&self.flows, &issued, self.weight)?
        } else {
            let mut region = self.clock.nothing();
            match self.loops[place] {
                None => region = self.region(place + 1)?,
                Some((g, depth)) => {
                    let outside = self.weight;
                    for window in 0.. {
                        let Some((node, weight)) = self.window(g, depth, window) else {
                            break;
                        };
                        limits::spend(self.pes.div_ceil(8))?;
                        self.weight = outside.saturating_mul(u128::from(weight));
                        self.enter(g, depth + 1, node);
                        if window > 0 {
                            self.wrap(place + 1);
                            self.refill(place + 1, false)?;
                        }
                        let inside = self.region(place + 1)?;
                        region.add(&inside, weight)?;
                    }
                    self.weight = outside;
                }
            }
            region
        };
        for position in (0..self.flows.positions.len()).rev() {
            if self.flows.positions[position].place == place
                && let Some(begun) = self.begun[position].take()
            {
                region = self.clock.around(region, &begun)?;
            }
        }
        Ok(region)
    }

    fn window(&self, g: usize, depth: usize, window: usize) -> Option<(u32, u64)> {
        let above = self.at[g][depth] as usize;
        self.trees[g].nodes[above].children.get(window).copied()
    }

    /// The issues of all leaf tiles of one step of the innermost memory.
    fn leaf_region(&mut self, place: usize) -> Result<Issued, EngineLimit> {
        if place == self.mapping.schedule.leaf {
            self.issue();
            let busiest = (0..self.trees.len())
                .map(|g| self.busiest[g][self.leaf(g)])
                .product();
            return Ok(self.clock.end_issues(busiest, self.weight));
        }
        let Some((g, depth)) = self.loops[place] else {
            return self.leaf_region(place + 1);
        };
        let outside = self.weight;
        let mut issued = self.clock.not_issued();
        for window in 0.. {
            let Some((node, weight)) = self.window(g, depth, window) else {
                break;
            };
            limits::spend(self.pes.div_ceil(8))?;
            self.weight = outside.saturating_mul(u128::from(weight));
            self.enter(g, depth + 1, node);
            self.wrap(place + 1);
            let inside = self.leaf_region(place + 1)?;
            issued.add(&inside, weight)?;
        }
        self.weight = outside;
        Ok(issued)
    }
}

/// Points of the busiest PE, by leaf.
fn busiest(tree: &Tree) -> Vec<u64> {
    let volumes = tree.leaves.iter().map(|leaf| {
        let volumes = leaf.states.iter().map(crate::ir::GroupState::volume);
        volumes.max().unwrap_or(0)
    });
    volumes.collect()
}

/// Per instance below `below` arrays and group: its number there.
fn keys(places: &Places, below: usize, groups: usize) -> Vec<u32> {
    let all = places.count(below);
    let mut keys = vec![0; all * groups];
    for g in 0..groups {
        let (_, own) = places.project(below, |s| s.group == g);
        for (instance, key) in own.into_iter().enumerate() {
            keys[instance * groups + g] = key;
        }
    }
    keys
}
