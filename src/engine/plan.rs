//! What of a layer and an accelerator does not depend on the schedule: prepared once, used for every
//! mapping of the layer that a search tries.

use super::classes::{GroupClasses, Key};
use super::counts::{Counts, Timing};
use super::exact::{self, Scratch};
use super::flows::Flows;
use super::places::Places;
use super::spot::{Ground, Shadow};
use super::steps::Steps;
use super::still::Still;
use super::words::WordMap;
use super::{EngineLimit, TimingRule, stepped};
use crate::ir::{Footprint, Group, Grouping, Mapping};
use crate::legality::Legal;
use std::cell::RefCell;
use std::rc::Rc;

/// Tables of more numbers than this are forgotten, all at once: 64 MiB.
const MOST_REMEMBERED: usize = 1 << 23;
/// So many choices of places for the tiles are remembered, and of groups without loops.
const REMEMBERED_PLACES: usize = 256;

/// Counts many schedules of one layer on one accelerator.
///
/// What one group's loops do is remembered: a search that tries another tile size of `K` works out `K`
/// anew, and nothing else. The result is the same as without.
pub struct Counter {
    pub(super) grouping: Grouping,
    pub(super) plans: Vec<Rc<Plan>>,
    known: RefCell<Known>,
    /// Per tensor.
    pub(super) wholes: Vec<Whole>,
    /// No size of any step can pass `u64`.
    pub(super) fits: bool,
    /// Lists that the next count fills again.
    pub(super) scratch: RefCell<Scratch>,
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

/// What was made so far, by all that it depends on in numbers.
#[derive(Default)]
struct Known {
    /// How many flows were made.
    made: u32,
    flows: WordMap<Rc<Flows>>,
    still: WordMap<Rc<Still>>,
    /// Per group.
    classes: Vec<WordMap<Rc<GroupClasses>>>,
    /// Numbers in the tables of all groups.
    weight: usize,
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
        let known = Known {
            classes: grouping.groups.iter().map(|_| WordMap::default()).collect(),
            ..Known::default()
        };
        Ok(Counter {
            grouping,
            plans,
            wholes,
            known: RefCell::new(known),
            fits,
            scratch: RefCell::default(),
        })
    }

    /// Whether counts of all schedules fit into 64 bits; where not, none is counted.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.fits
    }

    /// The groups of ranks, in the order of the tables made of them ([`super::GroupTables`]).
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.grouping.groups
    }

    /// Distinct elements of `tensor` that the layer touches.
    #[must_use]
    pub fn unique(&self, tensor: usize) -> u128 {
        self.wholes[tensor].unique
    }

    /// Distinct elements of `tensor` in one group: the product over the groups is [`Counter::unique`].
    #[must_use]
    pub fn unique_in(&self, group: usize, tensor: usize) -> u64 {
        self.plans[group].unique[tensor]
    }

    /// Counts `mapping`, which has the operation and the architecture that this counter was made for.
    ///
    /// # Errors
    /// [`EngineLimit`], when the mapping is beyond what can be counted exactly.
    pub fn count(&self, mapping: &Legal<Mapping>, rule: TimingRule) -> Result<Counts, EngineLimit> {
        let mut counts = Counts::default();
        self.count_into(mapping, rule, &mut counts)?;
        Ok(counts)
    }

    /// As [`Counter::count`], into `counts`, whose lists are filled again.
    ///
    /// # Errors
    /// [`EngineLimit`], when the mapping is beyond what can be counted exactly; then `counts` say nothing.
    pub fn count_into(
        &self,
        mapping: &Legal<Mapping>,
        rule: TimingRule,
        counts: &mut Counts,
    ) -> Result<(), EngineLimit> {
        match exact::run(self, mapping, Some(rule), counts) {
            Err(limit) => {
                *counts = self.execute(mapping, rule, limit)?;
                Ok(())
            }
            counted => counted,
        }
    }

    /// As [`super::steps`], of a mapping for which this counter was made.
    ///
    /// # Errors
    /// [`EngineLimit`], when the mapping is beyond what can be counted exactly.
    pub fn steps(&self, mapping: &Legal<Mapping>) -> Result<Option<Steps>, EngineLimit> {
        self.scratch.borrow_mut().keep_steps(true);
        let mut counts = Counts::default();
        let counted = exact::run(self, mapping, Some(TimingRule::Maestro), &mut counts);
        let kept = self.scratch.borrow_mut().keep_steps(false);
        match counted {
            Err(EngineLimit::Irregular | EngineLimit::TooManyClasses) => return Ok(None),
            counted => counted?,
        }
        let steps = kept.map(|kinds| Steps::new(mapping, kinds));
        // What was kept is what the clock had, or nothing.
        Ok(steps.filter(|steps| steps.cycles(mapping) == Some(counts.timing.cycles)))
    }

    /// Executes what the classes cannot count: groups that do not join as products, or have too many kinds of windows.
    fn execute(
        &self,
        mapping: &Legal<Mapping>,
        rule: TimingRule,
        limit: EngineLimit,
    ) -> Result<Counts, EngineLimit> {
        match limit {
            EngineLimit::Irregular => stepped::run(self, mapping, rule),
            EngineLimit::TooManyClasses => stepped::run(self, mapping, rule).map_err(|_| limit),
            _ => Err(limit),
        }
    }

    /// All that moves, and not how long it takes: every field of `counts` but those that need the clock
    /// (the timing, what the resources did, the peak and the cycles of the boundaries), which are 0. The
    /// time costs far more than the rest, and most candidates of a search need no more than bounds of it.
    ///
    /// # Errors
    /// [`EngineLimit`], when the mapping is beyond what can be counted exactly; then `counts` say nothing.
    pub fn traffic_into(
        &self,
        mapping: &Legal<Mapping>,
        counts: &mut Counts,
    ) -> Result<(), EngineLimit> {
        match exact::run(self, mapping, None, counts) {
            Err(limit) => {
                *counts = self.execute(mapping, TimingRule::Exact, limit)?;
                without_time(counts);
                Ok(())
            }
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
        let mut counts = Counts::default();
        exact::run(self, mapping, Some(rule), &mut counts)?;
        Ok(counts)
    }

    /// What flows where, remembered or made.
    pub(super) fn flows(&self, mapping: &Mapping, places: &Places) -> Rc<Flows> {
        let known = &mut *self.known.borrow_mut();
        if let Some(flows) = known.flows.get(places.words()) {
            return Rc::clone(flows);
        }
        known.made += 1;
        let flows = Rc::new(Flows::new(mapping, known.made, places));
        if known.flows.len() >= REMEMBERED_PLACES {
            known.flows.clear();
        }
        known.flows.insert(places.words().into(), Rc::clone(&flows));
        flows
    }

    /// What the groups without loops (a set of their numbers) contribute, remembered or made.
    pub(super) fn still(&self, flows: &Flows, groups: u64) -> Rc<Still> {
        let known = &mut *self.known.borrow_mut();
        let key = [u64::from(flows.id), groups];
        if let Some(still) = known.still.get(&key[..]) {
            return Rc::clone(still);
        }
        let still = Rc::new(Still::new(flows, &self.plans, groups));
        if known.still.len() >= REMEMBERED_PLACES {
            known.still.clear();
        }
        known.still.insert(key.into(), Rc::clone(&still));
        still
    }

    /// The classes of one group, if they are remembered. `words`: all that they depend on.
    #[inline]
    pub(super) fn known_classes(&self, group: usize, words: &[u64]) -> Option<Rc<GroupClasses>> {
        let known = self.known.borrow();
        known.classes.get(group)?.get(words).map(Rc::clone)
    }

    /// Makes the classes of one group and remembers them.
    pub(super) fn make_classes(
        &self,
        mapping: &Mapping,
        group: usize,
        (key, words): (&Key, &[u64]),
        flows: &Flows,
    ) -> Result<Rc<GroupClasses>, EngineLimit> {
        let plan = Rc::clone(&self.plans[group]);
        let made = Rc::new(GroupClasses::new(mapping, plan, key, flows)?);
        let known = &mut *self.known.borrow_mut();
        known.weight += made.weight() + words.len();
        if known.weight > MOST_REMEMBERED {
            known.classes.iter_mut().for_each(WordMap::clear);
            known.weight = 0;
        }
        if let Some(classes) = known.classes.get_mut(group) {
            classes.insert(words.into(), Rc::clone(&made));
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

/// Leaves out what only the clock knows.
fn without_time(counts: &mut Counts) {
    counts.timing = Timing::default();
    for resource in &mut counts.resources {
        (resource.bits, resource.busy_cycles) = (0, 0);
    }
    for boundary in &mut counts.boundaries {
        (boundary.peak_bits, boundary.transfer_cycles) = (0, 0);
    }
}
