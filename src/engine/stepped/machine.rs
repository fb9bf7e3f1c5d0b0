//! The execution: one loop after the other, one step after the other.

use super::MOST_STEPS;
use super::clock::{Begun, Clock, Issued, Region};
use super::layout::{Crossing, Outlet, busiest};
use super::operands::{Held, Tile};
use super::places::{Places, Spread};
use super::results::{Chained, Sums};
use super::shorten::Short;
use super::tally::Tally;
use super::tree::Tree;
use crate::base::limits;
use crate::engine::counts::Counts;
use crate::engine::flows::Flows;
use crate::engine::plan::Counter;
use crate::engine::{EngineLimit, TimingRule};
use crate::ir::Mapping;
use smallvec::SmallVec;
use std::rc::Rc;

/// [`limits::EXECUTED_ELEMENTS`].
const MOST_ELEMENTS: usize = limits::EXECUTED_ELEMENTS;

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
        let flows = Flows::new(mapping, 0, &crate::engine::places::Places::every(mapping));
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
