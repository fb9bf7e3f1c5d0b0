//! What one group of ranks contributes to the counts of every mapping that has the group's loops.
//!
//! Problem: a search compares millions of mappings of one layer. Over all steps in which one loop advances the sum
//! of a product over groups is the product of the groups' sums (`semantics.md` 2.7), so traffic is a sum of few
//! products, and each factor depends on the loops of one group alone. `K` in pieces of 64 and then of 8 is worked
//! out once and multiplied with everything that `C`, `P` and `Q` may do.
//!
//! A [`GroupTables`] is made for a mapping that has all loops of the search and places for all tiles; the sizes of
//! its loops do not matter. [`GroupTables::sums`] sets the sizes of one group and adds up its steps.
//!
//! The sums are those of the counting engine, with one exception: where instances idle in the last trips of a
//! loop, whether they give up their sums at once depends on the loops of other groups too. The tables let them
//! keep the sums, so that a product of them is never more than the count.

use super::classes::{GroupClasses, Key};
use super::exact::trim;
use super::flows::{Crossing, Flows};
use super::lanes::Sum;
use super::places::Places;
use super::plan::{Counter, Plan};
use super::{EngineLimit, forced, issues};
use crate::ir::{GroupLoops, Mapping};
use smallvec::SmallVec;
use std::rc::Rc;

/// One tensor at one crossing, seen from the instances of the memory outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossed {
    pub parent: usize,
    /// `None`: the lanes.
    pub child: Option<usize>,
    pub tensor: usize,
    /// Loops outside the child's tile.
    pub place: usize,
    /// Elements may come from neighbours: then the sums of what the parent reads are not exact.
    pub forwards: bool,
}

/// Sums of one tensor's sizes over the steps of a group; see `StepSizes`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepSum {
    /// What all instances need, and what of it they held.
    pub tiles: f64,
    pub tiles_kept: f64,
    /// Distinct elements over the instances that share a transfer, and what all of those that need them held.
    pub needed: f64,
    pub needed_kept: f64,
    /// Of a result: what instances held before, and what of it stays.
    pub held: f64,
    pub held_kept: f64,
}

/// One choice of a group's loops.
#[derive(Clone, Debug)]
pub struct GroupSums {
    /// Indices into `Schedule::loops` of the loops that do something, outermost first.
    pub loops: SmallVec<[usize; 8]>,
    /// Per depth and crossing: the steps in which another group's loop advances, the first `depth` loops lying
    /// outside of it. Of the lanes: only of the last depth.
    pub nodes: Vec<StepSum>,
    /// Per loop and crossing: the steps in which it advances.
    pub edges: Vec<StepSum>,
    /// Per crossing the largest tile of one instance inside; 0 for the lanes.
    pub tiles: SmallVec<[u64; 8]>,
    /// Per depth: number of positions.
    pub positions: SmallVec<[f64; 8]>,
    /// Sum over all positions of the points of the busiest PE.
    pub busiest: f64,
    /// Instances that work at all.
    pub used: u64,
}

/// Tables of all groups for one choice of places.
pub struct GroupTables<'a> {
    counter: &'a Counter,
    mapping: Mapping,
    flows: Rc<Flows>,
    crossed: Vec<Crossed>,
    /// Per crossing: its site and slot.
    at: Vec<(usize, usize)>,
}

impl<'a> GroupTables<'a> {
    /// `mapping` has the layer and the accelerator of `counter`, all loops, and all places.
    #[must_use]
    pub fn new(counter: &'a Counter, mapping: Mapping) -> GroupTables<'a> {
        let flows = Rc::new(Flows::new(&mapping, 0, &Places::every(&mapping)));
        let (mut crossed, mut at) = (Vec::new(), Vec::new());
        for (number, site) in flows.sites.iter().enumerate() {
            for (index, slot) in site.slots.iter().enumerate() {
                if !slot.is_base(site.depth) {
                    continue;
                }
                let (parent, child, place) = match slot.crossing {
                    Crossing::Boundary(b) => {
                        let b = &flows.boundaries[b];
                        (b.parent, Some(b.child), b.place)
                    }
                    Crossing::Home(h) => (flows.homes[h].memory, None, site.place),
                };
                crossed.push(Crossed {
                    parent,
                    child,
                    tensor: slot.tensor,
                    place,
                    forwards: slot.forwards,
                });
                at.push((number, index));
            }
        }
        GroupTables {
            counter,
            mapping,
            flows,
            crossed,
            at,
        }
    }

    #[must_use]
    pub fn crossed(&self) -> &[Crossed] {
        &self.crossed
    }

    /// Adds up the steps of group `group`, whose loops have `sizes` (index into the loops, size of a piece,
    /// instances). All loops of other groups are taken to make one trip.
    ///
    /// # Errors
    /// [`EngineLimit`], when the group's loops are beyond what can be counted exactly.
    pub fn sums(
        &mut self,
        group: usize,
        sizes: &[(usize, u64, u64)],
    ) -> Result<GroupSums, EngineLimit> {
        for &(index, size, instances) in sizes {
            let l = &mut self.mapping.schedule.loops[index];
            for m in &mut l.moves {
                (m.size, m.offset) = (size, size);
            }
            if let crate::ir::LoopKind::Spatial { instances: all, .. } = &mut l.kind {
                *all = instances;
            }
        }
        let plan = Rc::clone(self.counter.plans.get(group).ok_or(EngineLimit::Overflow)?);
        let loops = self
            .counter
            .grouping
            .loops(&self.mapping.schedule.loops)
            .ok_or(EngineLimit::Irregular)?;
        let mut own = loops.into_iter().nth(group).unwrap_or_default();
        trim(&self.mapping, &plan, &mut own);
        if !plan.group.is_regular(&own, usize::MAX) {
            return Err(EngineLimit::Irregular);
        }
        let crossings = self.crossed.len();
        if own.is_empty() {
            return Ok(self.whole(&plan));
        }
        let explicit = plan.overlaps && own.iter().any(|l| l.instances > 1);
        let mut others: SmallVec<[GroupLoops; 8]> = SmallVec::new();
        others.resize(self.counter.plans.len(), GroupLoops::new());
        others[group] = own.clone();
        let turns = forced::turning(&self.mapping, &self.counter.plans, &others);
        let indices: SmallVec<[usize; 8]> = own.iter().map(|l| l.index).collect();
        let outside = |place: usize| indices.iter().take_while(|&&l| l < place).count();
        let key = Key {
            inside: self.flows.sites.iter().map(|s| outside(s.place)).collect(),
            // Which instance is handed a sum is a matter of time, which is not tabulated.
            arrival: None,
            forced: forced::forced(&self.mapping, &self.flows, &own, &turns),
            flush: (self.flows.sites.iter())
                .flat_map(|site| site.slots.iter().flat_map(|slot| &slot.flush))
                .map(|&(_, place)| outside(place))
                .collect(),
            explicit,
            between: if explicit {
                forced::between(&own, &turns)
            } else {
                SmallVec::new()
            },
            loops: own,
        };
        let classes = GroupClasses::new(&self.mapping, plan, &key, &self.flows)?;
        if classes.passes_sums(&self.mapping, &self.flows) {
            return Err(EngineLimit::Irregular);
        }
        let depth = classes.depth();
        let mut sums = GroupSums {
            nodes: Vec::with_capacity((depth + 1) * crossings),
            edges: Vec::with_capacity(depth * crossings),
            tiles: SmallVec::new(),
            positions: SmallVec::new(),
            busiest: 0.0,
            used: classes.used(),
            loops: indices,
        };
        let slots = self.flows.slots;
        for at in 0..=depth {
            for &(site, slot) in &self.at {
                let number = at * slots + self.flows.slot_starts[site] + slot;
                sums.nodes.push(StepSum::from(&classes.node_sums[number]));
                if at < depth {
                    sums.edges.push(StepSum::from(&classes.edge_sums[number]));
                }
            }
            let nodes = &classes.nodes[classes.nodes_at(at)];
            sums.positions
                .push(nodes.iter().map(|node| node.count as f64).sum());
        }
        let leaves = &classes.nodes[classes.nodes_at(depth)];
        sums.busiest = leaves
            .iter()
            .map(|node| node.count as f64 * node.busiest as f64)
            .sum();
        for &(site, slot) in &self.at {
            let tile = if site >= self.flows.lanes {
                0
            } else {
                classes
                    .nodes_at(classes.inside[site])
                    .flat_map(|node| classes.table.variants(classes.wrap_of(node, site)))
                    .map(|variant| classes.table.sizes(variant, slot).tile)
                    .max()
                    .unwrap_or(0)
            };
            sums.tiles.push(tile);
        }
        Ok(sums)
    }

    /// A group none of whose loops does anything.
    fn whole(&self, plan: &Plan) -> GroupSums {
        let mut sums = GroupSums {
            loops: SmallVec::new(),
            nodes: Vec::with_capacity(self.crossed.len()),
            edges: Vec::new(),
            tiles: SmallVec::new(),
            positions: std::iter::once(1.0).collect(),
            busiest: plan.points as f64,
            used: 1,
        };
        for (crossed, &(site, slot)) in self.crossed.iter().zip(&self.at) {
            let is_result = self.flows.sites[site].slots[slot].is_result;
            let (sizes, tile) = if crossed.child.is_some() {
                let size = plan.unique[crossed.tensor];
                (super::crossing::StepSizes::whole(size), size)
            } else {
                (issues::whole(plan, crossed.tensor, is_result), 0)
            };
            let mut sum = Sum::default();
            sum.add(&sizes, 1, 1);
            sums.nodes.push(StepSum::from(&sum));
            sums.tiles.push(tile);
        }
        sums
    }
}

impl From<&Sum> for StepSum {
    fn from(sum: &Sum) -> StepSum {
        StepSum {
            tiles: sum.tile_sum as f64,
            tiles_kept: sum.reused_sum as f64,
            needed: sum.needed as f64,
            needed_kept: sum.needed_reused as f64,
            held: sum.prev_held as f64,
            held_kept: sum.retained as f64,
        }
    }
}
