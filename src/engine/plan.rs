//! What of a layer and an accelerator does not depend on the schedule: prepared once, used for every
//! mapping of the layer that a search tries.

use super::classes::{GroupClasses, Key};
use super::flows::{Flows, Places};
use super::spot::{Ground, Shadow};
use super::{EngineLimit, TimingRule, counts::Counts, exact, stepped};
use crate::ir::{Footprint, Group, Grouping, Mapping};
use crate::legality::Legal;
use std::cell::RefCell;
use std::rc::Rc;

/// So many kinds of loops are remembered per group: neighbours in a search differ in one group.
const REMEMBERED: usize = 64;
/// So many choices of places for the tiles are remembered.
const REMEMBERED_PLACES: usize = 8;

/// Counts many schedules of one layer on one accelerator.
///
/// What one group's loops do is remembered: a search that tries another tile size of `K` works out `K`
/// anew, and nothing else. The result is the same as without.
pub struct Counter {
    pub(super) grouping: Grouping,
    pub(super) plans: Vec<Rc<Plan>>,
    /// Per group.
    known: RefCell<Vec<Known>>,
    flows: RefCell<KnownFlows>,
    /// Per tensor.
    pub(super) wholes: Vec<Whole>,
    /// No size of any step can pass `u64`.
    pub(super) fits: bool,
}

/// What no schedule changes of a tensor.
pub(super) struct Whole {
    /// Elements of the tensor.
    pub elements: u128,
    /// Distinct elements that the layer touches.
    pub unique: u128,
}

/// One group of ranks.
pub(super) struct Plan {
    pub group: Group,
    /// Per tensor.
    pub footprints: Vec<Footprint>,
    pub shadows: Vec<Shadow>,
    /// `None` for groups of more than two ranks.
    pub ground: Option<Ground>,
    /// Tensors with an index that can leave the tensor (padding).
    pub clipping: Vec<usize>,
    /// Different windows of this group can meet in one element of the result.
    pub overlaps: bool,
    /// Per tensor: distinct elements, and points whose element exists.
    pub unique: Vec<u64>,
    pub touching: Vec<u64>,
    /// Points of the whole group.
    pub points: u64,
    points_per_result: Option<u64>,
    /// Elements of the result that one point alone makes.
    pub single: u64,
}

/// What flows where, for the last choices of places.
#[derive(Default)]
struct KnownFlows {
    /// How many were made so far.
    made: u32,
    entries: Vec<(Places, Rc<Flows>)>,
}

/// The last classes made of one group.
#[derive(Default)]
struct Known {
    entries: Vec<(Key, Rc<GroupClasses>)>,
    /// Where the next one goes once the list is full.
    next: usize,
}

impl Counter {
    /// Prepares the layer and the accelerator of `mapping`.
    ///
    /// # Errors
    /// [`EngineLimit`] when a tensor's index has too many pieces to be counted.
    pub fn new(mapping: &Mapping) -> Result<Counter, EngineLimit> {
        let multi: Vec<_> = mapping
            .schedule
            .loops
            .iter()
            .filter(|l| l.moves.len() > 1)
            .cloned()
            .collect();
        let grouping = Grouping::new(&mapping.operation, &multi);
        let plans = grouping
            .groups
            .iter()
            .map(|group| Plan::new(mapping, group).map(Rc::new))
            .collect::<Option<Vec<_>>>()
            .ok_or(EngineLimit::TooManyClasses)?;
        // The sizes of one step are at most the elements of all tensors in every PE; there are no more
        // steps than points.
        let pes = u128::from(mapping.architecture.pes());
        let bits = mapping
            .operation
            .tensors
            .iter()
            .try_fold(0u128, |sum, tensor| {
                let elements = tensor
                    .dims
                    .iter()
                    .try_fold(1u128, |n, dim| n.checked_mul(u128::from(dim.extent)))?;
                elements
                    .checked_mul(u128::from(tensor.bits.max(tensor.partial_bits)))?
                    .checked_add(sum)
            });
        let fits = mapping
            .operation
            .volume()
            .is_some_and(|points| points < 1 << 63)
            && bits
                .and_then(|bits| bits.checked_mul(pes))
                .is_some_and(|bits| bits < 1 << 63);
        let wholes = (0..mapping.operation.tensors.len())
            .map(|tensor| Whole {
                elements: mapping.operation.tensors[tensor]
                    .dims
                    .iter()
                    .fold(1u128, |n, dim| n.saturating_mul(u128::from(dim.extent))),
                unique: plans.iter().fold(1u128, |n, plan| {
                    n.saturating_mul(u128::from(plan.unique[tensor]))
                }),
            })
            .collect();
        let known = grouping.groups.iter().map(|_| Known::default()).collect();
        Ok(Counter {
            grouping,
            plans,
            wholes,
            known: RefCell::new(known),
            flows: RefCell::default(),
            fits,
        })
    }

    /// Counts `mapping`, which has the operation and the architecture that this counter was made for.
    ///
    /// # Errors
    /// [`EngineLimit`], when the mapping is beyond what can be counted exactly.
    pub fn count(&self, mapping: &Legal<Mapping>, rule: TimingRule) -> Result<Counts, EngineLimit> {
        match self.count_by_classes(mapping, rule) {
            Err(EngineLimit::Irregular) => stepped::run(self, mapping, rule),
            counted => counted,
        }
    }

    /// As [`Counter::count`], for mappings whose groups join as products.
    ///
    /// # Errors
    /// As [`Counter::count`]; [`EngineLimit::Irregular`] for the others.
    pub fn count_by_classes(
        &self,
        mapping: &Legal<Mapping>,
        rule: TimingRule,
    ) -> Result<Counts, EngineLimit> {
        exact::run(self, mapping, rule)
    }

    /// What flows where, remembered or made.
    pub(super) fn flows(&self, mapping: &Mapping) -> Rc<Flows> {
        let KnownFlows {
            made,
            entries: known,
        } = &mut *self.flows.borrow_mut();
        if let Some((_, flows)) = known.iter().find(|(places, _)| places.are_of(mapping)) {
            return Rc::clone(flows);
        }
        *made += 1;
        let flows = Rc::new(Flows::new(mapping, *made));
        if known.len() == REMEMBERED_PLACES {
            known.remove(0);
        }
        known.push((Places::new(mapping), Rc::clone(&flows)));
        flows
    }

    /// The classes of one group, remembered or made.
    pub(super) fn classes(
        &self,
        mapping: &Mapping,
        group: usize,
        key: Key,
        flows: &Flows,
    ) -> Result<Rc<GroupClasses>, EngineLimit> {
        if let Some(known) = self.known.borrow().get(group)
            && let Some((_, classes)) = known.entries.iter().find(|(other, _)| *other == key)
        {
            return Ok(Rc::clone(classes));
        }
        let plan = Rc::clone(&self.plans[group]);
        let made = Rc::new(GroupClasses::new(mapping, plan, &key, flows)?);
        if let Some(known) = self.known.borrow_mut().get_mut(group) {
            let entry = (key, Rc::clone(&made));
            if known.entries.len() < REMEMBERED {
                known.entries.push(entry);
            } else {
                known.entries[known.next] = entry;
                known.next = (known.next + 1) % REMEMBERED;
            }
        }
        Ok(made)
    }
}

impl Plan {
    /// How many points of the group make one element of the result; `None` where they differ.
    pub fn points_per_result(&self) -> Option<u64> {
        self.points_per_result
    }

    fn new(mapping: &Mapping, group: &Group) -> Option<Plan> {
        let tensors = 0..mapping.operation.tensors.len();
        let footprints: Vec<Footprint> = tensors
            .clone()
            .map(|tensor| Footprint::new(mapping, group, tensor))
            .collect();
        let whole = group.whole();
        let overlaps = footprints[mapping.operation.result()].overlaps(group);
        let result = &mapping.operation.tensors[mapping.operation.result()];
        let reduced = group.ranks.iter().zip(&whole.ranks).filter(|(rank, _)| {
            let mut terms = result.dims.iter().flat_map(|dim| &dim.terms);
            !terms.any(|term| term.rank == **rank)
        });
        let points_per_result = if overlaps {
            None
        } else {
            Some(reduced.map(|(_, range)| range.len()).product())
        };
        let single = match points_per_result {
            Some(1) => footprints[mapping.operation.result()].size(&whole)?,
            Some(_) => 0,
            None => footprints[mapping.operation.result()].single(&whole)?,
        };
        Some(Plan {
            single,
            points_per_result,
            group: group.clone(),
            shadows: tensors
                .map(|tensor| Shadow::new(mapping, group, tensor))
                .collect(),
            ground: Ground::new(group),
            clipping: (0..footprints.len())
                .filter(|&tensor| footprints[tensor].clips(group))
                .collect(),
            overlaps,
            unique: footprints
                .iter()
                .map(|footprint| footprint.size(&whole))
                .collect::<Option<_>>()?,
            touching: footprints
                .iter()
                .map(|footprint| footprint.touching(&whole))
                .collect::<Option<_>>()?,
            footprints,
            points: whole.volume(),
        })
    }
}
