//! What crosses where in an execution: per boundary its instances, who shares a transfer, and the ports and links that
//! each tensor takes.

use super::lanes::Issues;
use super::machine::Machine;
use super::operands::Held;
use super::places::Places;
use super::results::{Buffer, Chained};
use super::tree::{Tree, View};
use crate::engine::EngineLimit;
use crate::engine::counts::{Port, Way};
use crate::engine::plan::{Counter, Plan};
use std::rc::Rc;

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
    pub(super) keys: Vec<u32>,
    pub(super) views: Vec<View>,
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

impl Machine<'_> {
    /// What is known before the first step: operations, steps, PEs.
    pub(super) fn add_whole(&mut self, plans: &[Rc<Plan>]) {
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

    pub(super) fn sizes_of(&self, tensor: usize, place: usize, elements: usize) -> Vec<u64> {
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
    pub(super) fn count_visits(
        &mut self,
        counter: &Counter,
        elements: usize,
    ) -> Result<(), EngineLimit> {
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

    pub(super) fn lay_out(
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

    pub(super) fn flow(
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
}

/// Points of the busiest PE, by leaf.
pub(super) fn busiest(tree: &Tree) -> Vec<u64> {
    let volumes = tree.leaves.iter().map(|leaf| {
        let volumes = leaf.states.iter().map(crate::ir::GroupState::volume);
        volumes.max().unwrap_or(0)
    });
    volumes.collect()
}

/// Per instance below `below` arrays and group: its number there.
pub(super) fn keys(places: &Places, below: usize, groups: usize) -> Vec<u32> {
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
