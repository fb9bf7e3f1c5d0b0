//! What flows where: boundaries, positions, and the ports and links that they share.
//!
//! Problem: a port of a memory serves every boundary that begins or ends there, and a link every tensor that
//! passes it. `DRAM -> GLB` and `DRAM -> RF` (weights that pass the GLB by) take one DRAM port together, and
//! the network between takes what each of its instances carries. So this module lists, for one mapping,
//!
//! * the boundaries: parent, child, place in the nest, tensors; the *homes* to the lanes beside them;
//! * the positions (a place and a level): boundaries of one position move at the same time;
//! * the *sites*: a position seen from the instances below some number of arrays. A port of the parent is
//!   seen from the parent's arrays, a link of an inner array from the arrays above it, a port of the child
//!   from the child's;
//! * the resources, and which flow of which site passes through each.
//!
//! Invariants: boundaries are sorted by place, level of the child, parent and child, so that those of one
//! position lie together; every resource is seen from one depth only.

use super::TimingRule;
use super::counts::Resource;
use super::places::Places;
use super::timer::{SiteTimer, Timer};
use super::wiring::resources;
use crate::ir::{Architecture, Mapping, Ports, Rate, Refill};
use smallvec::SmallVec;

/// One crossing from a memory to the next one inside that holds the same tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Boundary {
    pub parent: usize,
    pub child: usize,
    /// Which of the places its child's tiles lie at ([`Places::ranked`]).
    pub place: usize,
    pub level: usize,
    /// Arrays above the parent, and above the child.
    pub above: usize,
    pub below: usize,
    /// In tensor order.
    pub tensors: SmallVec<[usize; 4]>,
}

/// A memory whose tensors cross to the lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Home {
    pub memory: usize,
    pub above: usize,
    pub tensors: SmallVec<[usize; 4]>,
}

/// A place in the nest and a level.
#[derive(Clone, Debug)]
pub(super) struct Position {
    pub place: usize,
    /// Range of boundaries.
    pub boundaries: (usize, usize),
    /// Range of sites.
    pub sites: (usize, usize),
}

/// Which crossing a flow belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crossing {
    /// Index into [`Flows::boundaries`].
    Boundary(usize),
    /// Index into [`Flows::homes`].
    Home(usize),
}

/// A position (or the lanes) seen from the instances below `depth` arrays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Site {
    pub place: usize,
    pub depth: usize,
    /// Whether it is the lanes that are fed here.
    pub lanes: bool,
    pub slots: SmallVec<[Slot; 4]>,
}

/// One tensor at a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub crossing: Crossing,
    pub tensor: usize,
    pub is_result: bool,
    /// Arrays above the parent (or home), and above the child (all arrays for the lanes).
    pub above: usize,
    pub below: usize,
    pub refill: Refill,
    /// Some array between delivers sums without joining them.
    pub separate: bool,
    /// Of a result: the parent is not the backing store, and gives up sums itself.
    pub waits: bool,
    /// Elements may come from neighbours.
    pub forwards: bool,
    /// Of a result: the memories above, the backing store apart, that refill whole tiles. What lies below
    /// leaves when theirs changes: arrays above, and place.
    pub flush: SmallVec<[(usize, usize); 1]>,
}

impl Slot {
    /// Whether the site is seen from the parent: what is counted is counted there.
    pub fn is_base(&self, depth: usize) -> bool {
        self.above == depth
    }
}

/// What passes through a resource at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passing {
    /// Elements that go inwards.
    Down,
    /// Sums on a link, with the width of what is joined there.
    UpLink,
    /// Sums written into the parent.
    UpPort,
    /// Sums that a delivery finds and reads.
    Add,
}

/// One flow through one resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    pub resource: usize,
    pub slot: usize,
    pub passing: Passing,
}

/// The transfers of one boundary: the resources of each direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Transfer {
    pub down: SmallVec<[usize; 4]>,
    pub up: SmallVec<[usize; 4]>,
    /// Some network between is timed: at least one cycle, and these more.
    pub timed: bool,
    pub latency: u64,
    /// Least cycles of a fill that is handed on from row to row.
    pub rows: u64,
    /// The child's transfers hide behind computation.
    pub overlaps: bool,
}

/// Everything of a mapping that crosses.
#[derive(Clone, Debug)]
pub(super) struct Flows {
    pub boundaries: Vec<Boundary>,
    pub homes: Vec<Home>,
    pub positions: Vec<Position>,
    /// Sites of the positions, then those of the lanes from `lanes` on.
    pub sites: Vec<Site>,
    pub lanes: usize,
    pub resources: Vec<(Resource, Rate)>,
    /// Per site.
    pub uses: Vec<SmallVec<[Use; 6]>>,
    /// Per boundary.
    pub transfers: Vec<Transfer>,
    /// Per home: the resources that its issues take.
    pub issues: Vec<SmallVec<[usize; 4]>>,
    /// Boundaries below which it matters which instance is handed a sum ([`super::late`]).
    pub late: Vec<usize>,
    /// Partial sums have another width than complete ones.
    pub wide: bool,
    /// Slots of all sites, and where those of each site begin.
    pub slots: usize,
    pub slot_starts: SmallVec<[usize; 8]>,
    /// Where each site's columns begin; one more for the end.
    pub column_starts: SmallVec<[usize; 8]>,
    /// Resources used at each position, and by the issues.
    pub at_position: Vec<SmallVec<[usize; 6]>>,
    pub at_issue: SmallVec<[usize; 6]>,
    /// Different for different flows of one counter.
    pub id: u32,
    /// Slots whose crossing is counted at their site, in the order of the sites, and where those of each
    /// site begin; one more for the end.
    pub bases: Vec<Base>,
    pub base_starts: SmallVec<[usize; 8]>,
    /// Per boundary and tensor (`boundary * tensors + tensor`), and per home likewise: the number of the
    /// slot from which the crossing is counted.
    pub counted: Vec<Option<usize>>,
    pub issued: Vec<Option<usize>>,
    /// Per site, and per rule of time.
    pub site_timers: Vec<SiteTimer>,
    timers: Vec<Timer>,
}

/// A slot at the site that its crossing is counted from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base {
    /// Its number among the slots of all sites.
    pub at: usize,
    pub is_result: bool,
    pub forwards: bool,
}

impl Flows {
    pub fn new(mapping: &Mapping, id: u32, places: &Places) -> Flows {
        let architecture = &mapping.architecture;
        let boundaries = boundaries(mapping);
        let homes = homes(mapping);
        let resources = resources(mapping);
        let mut flows = Flows {
            boundaries,
            homes,
            positions: Vec::with_capacity(4),
            sites: Vec::with_capacity(8),
            lanes: 0,
            resources,
            uses: Vec::with_capacity(8),
            transfers: Vec::with_capacity(4),
            issues: Vec::with_capacity(2),
            late: Vec::new(),
            wide: {
                let result = &mapping.operation.tensors[mapping.operation.result()];
                result.bits != result.partial_bits
            },
            slots: 0,
            slot_starts: SmallVec::new(),
            column_starts: SmallVec::new(),
            at_position: Vec::new(),
            at_issue: SmallVec::new(),
            id,
            bases: Vec::new(),
            base_starts: SmallVec::new(),
            counted: Vec::new(),
            issued: Vec::new(),
            site_timers: Vec::new(),
            timers: Vec::new(),
        };
        flows.place_positions(mapping);
        flows.lanes = flows.sites.len();
        let arrays = architecture.arrays.len();
        for number in 0..flows.homes.len() {
            let home = flows.homes[number].clone();
            let mut depths: SmallVec<[usize; 4]> = SmallVec::from_slice(&[home.above]);
            depths.extend((home.above + 1..arrays).filter(|&a| is_bounded(architecture, a)));
            for depth in depths {
                for &tensor in &home.tensors {
                    let slot = flows.slot(
                        mapping,
                        Crossing::Home(number),
                        tensor,
                        (home.above, arrays),
                        Refill::Window,
                    );
                    flows.add(mapping.schedule.leaf, depth, true, flows.lanes, slot);
                }
            }
        }
        flows.wire(mapping);
        flows.late = super::late::boundaries(mapping, &flows);
        flows.lay_out();
        for position in &flows.positions {
            let used = flows.used(position.sites.0..position.sites.1);
            flows.at_position.push(used);
        }
        flows.at_issue = flows.used(flows.lanes..flows.sites.len());
        flows.rank_places(places);
        flows.number_bases(mapping.operation.tensors.len());
        let sites = flows.sites.iter().enumerate();
        flows.site_timers = sites
            .map(|(number, site)| SiteTimer::new(mapping, &flows, number, site))
            .collect();
        flows.timers = [TimingRule::Exact, TimingRule::Maestro]
            .map(|rule| Timer::new(mapping, &flows, rule))
            .to_vec();
        flows
    }

    /// From here on a place is named by its rank: the flows are those of other mappings too.
    fn rank_places(&mut self, places: &Places) {
        for boundary in &mut self.boundaries {
            boundary.place = places.rank(boundary.place);
        }
        for position in &mut self.positions {
            position.place = places.rank(position.place);
        }
        for site in &mut self.sites {
            site.place = places.rank(site.place);
            for (_, place) in site.slots.iter_mut().flat_map(|slot| &mut slot.flush) {
                *place = places.rank(*place);
            }
        }
    }

    pub fn timer(&self, rule: TimingRule) -> &Timer {
        &self.timers[usize::from(rule == TimingRule::Maestro)]
    }

    /// Finds the slots that crossings are counted from.
    fn number_bases(&mut self, tensors: usize) {
        self.counted = vec![None; self.boundaries.len() * tensors];
        self.issued = vec![None; self.homes.len() * tensors];
        for (number, site) in self.sites.iter().enumerate() {
            self.base_starts.push(self.bases.len());
            for (slot, own) in site.slots.iter().enumerate() {
                if !own.is_base(site.depth) {
                    continue;
                }
                let at = self.slot_starts[number] + slot;
                self.bases.push(Base {
                    at,
                    is_result: own.is_result,
                    forwards: own.forwards,
                });
                let counted = match own.crossing {
                    Crossing::Boundary(b) => &mut self.counted[b * tensors + own.tensor],
                    Crossing::Home(h) => &mut self.issued[h * tensors + own.tensor],
                };
                counted.get_or_insert(at);
            }
        }
        self.base_starts.push(self.bases.len());
    }

    /// The resources that some sites use, each once.
    fn used(&self, sites: std::ops::Range<usize>) -> SmallVec<[usize; 6]> {
        let mut used: SmallVec<[usize; 6]> = sites
            .flat_map(|site| self.uses[site].iter().map(|one| one.resource))
            .collect();
        used.sort_unstable();
        used.dedup();
        used
    }

    /// Where slots and columns lie, and what the sites are in numbers.
    fn lay_out(&mut self) {
        let mut columns = 0;
        for (number, site) in self.sites.iter().enumerate() {
            self.slot_starts.push(self.slots);
            self.column_starts.push(columns);
            self.slots += site.slots.len();
            // Of the lanes only what takes time is looked at step by step.
            if !site.lanes || !self.uses[number].is_empty() {
                columns += site
                    .slots
                    .iter()
                    .map(|slot| super::lanes::width(site, slot, self.wide))
                    .sum::<usize>();
            }
        }
        self.column_starts.push(columns);
    }

    /// Whether neighbours lend elements through a read port with a bandwidth: which of them is the busiest
    /// depends on pairs of instances, which is no product.
    pub fn lends_through_a_port(&self, mapping: &Mapping) -> bool {
        self.sites
            .iter()
            .flat_map(|site| &site.slots)
            .any(|slot| match slot.crossing {
                Crossing::Boundary(b) if slot.forwards => {
                    let child = self.boundaries[b].child;
                    mapping.architecture.memories[child].ports.read().is_some()
                }
                _ => false,
            })
    }

    fn place_positions(&mut self, mapping: &Mapping) {
        let architecture = &mapping.architecture;
        let mut first = 0;
        while first < self.boundaries.len() {
            let key = |b: &Boundary| (b.place, b.level);
            let here = key(&self.boundaries[first]);
            let end = first
                + self.boundaries[first..]
                    .iter()
                    .take_while(|b| key(b) == here)
                    .count();
            let sites = self.sites.len();
            for number in first..end {
                let b = self.boundaries[number].clone();
                let mut depths: SmallVec<[usize; 4]> = SmallVec::from_slice(&[b.above]);
                depths.extend((b.above + 1..b.below).filter(|&a| is_bounded(architecture, a)));
                if b.below > b.above && architecture.memories[b.child].ports != Ports::UNBOUNDED {
                    depths.push(b.below);
                }
                for depth in depths {
                    for &tensor in &b.tensors {
                        let slot = self.slot(
                            mapping,
                            Crossing::Boundary(number),
                            tensor,
                            (b.above, b.below),
                            architecture.memories[b.child].refill,
                        );
                        self.add(b.place, depth, false, sites, slot);
                    }
                }
            }
            self.positions.push(Position {
                place: here.0,
                boundaries: (first, end),
                sites: (sites, self.sites.len()),
            });
            first = end;
        }
        // The innermost position is there even if nothing is refilled in it.
        let last = mapping.architecture.memories.last().map_or(0, |m| m.level);
        let innermost = self.positions.last().is_some_and(|p| {
            p.place == mapping.schedule.steps && self.boundaries[p.boundaries.0].level == last
        });
        if !innermost {
            self.positions.push(Position {
                place: mapping.schedule.steps,
                boundaries: (self.boundaries.len(), self.boundaries.len()),
                sites: (self.sites.len(), self.sites.len()),
            });
        }
    }

    fn slot(
        &self,
        mapping: &Mapping,
        crossing: Crossing,
        tensor: usize,
        (above, below): (usize, usize),
        refill: Refill,
    ) -> Slot {
        let is_result = tensor == mapping.operation.result();
        let child = match crossing {
            Crossing::Boundary(b) => self.boundaries[b].child,
            Crossing::Home(_) => 0,
        };
        let memories = &mapping.architecture.memories;
        let flush = (1..child)
            .filter(|&m| is_result && memories[m].refill == Refill::Tile)
            .filter_map(|m| {
                let place = mapping.schedule.positions[m][tensor]?;
                Some((memories[m].arrays_above, place))
            })
            .collect();
        Slot {
            crossing,
            tensor,
            is_result,
            above,
            below,
            refill,
            separate: is_result
                && mapping.architecture.arrays[above..below]
                    .iter()
                    .any(|array| !array.network.reduction),
            waits: is_result
                && matches!(crossing, Crossing::Boundary(b) if self.boundaries[b].parent > 0),
            forwards: match crossing {
                Crossing::Boundary(b) if !is_result => {
                    super::crossing::forwards(mapping, &self.boundaries[b])
                }
                _ => false,
            },
            flush,
        }
    }

    /// Adds a slot to the site of `depth` among those from `from` on.
    fn add(&mut self, place: usize, depth: usize, lanes: bool, from: usize, slot: Slot) {
        match self.sites[from..].iter_mut().find(|s| s.depth == depth) {
            Some(site) => site.slots.push(slot),
            None => self.sites.push(Site {
                place,
                depth,
                lanes,
                slots: std::iter::once(slot).collect(),
            }),
        }
    }
}

fn is_bounded(architecture: &Architecture, array: usize) -> bool {
    architecture.arrays[array].network.links.is_bounded()
}

fn boundaries(mapping: &Mapping) -> Vec<Boundary> {
    let positions = &mapping.schedule.positions;
    let memories = &mapping.architecture.memories;
    let mut found: Vec<Boundary> = Vec::with_capacity(4);
    for tensor in 0..mapping.operation.tensors.len() {
        let mut chain = positions
            .iter()
            .enumerate()
            .filter_map(|(memory, row)| row[tensor].map(|place| (memory, place)));
        let Some((mut parent, _)) = chain.next() else {
            continue;
        };
        for (child, place) in chain {
            let same = found
                .iter_mut()
                .find(|b| (b.parent, b.child, b.place) == (parent, child, place));
            match same {
                Some(boundary) => boundary.tensors.push(tensor),
                None => found.push(Boundary {
                    parent,
                    child,
                    place,
                    level: memories[child].level,
                    above: memories[parent].arrays_above,
                    below: memories[child].arrays_above,
                    tensors: SmallVec::from_slice(&[tensor]),
                }),
            }
            parent = child;
        }
    }
    found.sort_by_key(|b| (b.place, b.level, b.parent, b.child));
    found
}

fn homes(mapping: &Mapping) -> Vec<Home> {
    let positions = &mapping.schedule.positions;
    let mut homes: Vec<Home> = Vec::with_capacity(2);
    for tensor in 0..mapping.operation.tensors.len() {
        let held = |&memory: &usize| positions[memory][tensor].is_some();
        let Some(memory) = (0..positions.len()).rev().find(held) else {
            continue;
        };
        match homes.iter_mut().find(|home| home.memory == memory) {
            Some(home) => home.tensors.push(tensor),
            None => homes.push(Home {
                memory,
                above: mapping.architecture.memories[memory].arrays_above,
                tensors: SmallVec::from_slice(&[tensor]),
            }),
        }
    }
    homes.sort_by_key(|home| home.memory);
    homes
}
