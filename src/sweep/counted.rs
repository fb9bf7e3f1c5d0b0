//! Designs under written dataflows, by any model: lowered, checked, estimated and priced.
//!
//! Problem: a sweep over PEs, bandwidth and two sizes has thousands of designs per array that differ in sizes alone, or, by
//! a model that keeps the steps of a mapping, in sizes and a bandwidth. All of these are one [`Shape`]: it is lowered
//! once. Where a dataflow puts its tiles depends on what fits, in steps: the sizes fall into few boxes within which every
//! layer is mapped in the same way, found by bisection, because larger sizes never move a tile further in. A box is
//! counted once, and its designs are sums ([`super::rows`]).
//!
//! Invariants: every design is evaluated by the mapping that it has by itself; what is left out for its area or power is
//! not.

use super::built::Parts;
use super::design::accelerator;
use super::prepare::Sweep;
use super::rates::RateAxis;
use super::rows::{Rows, Use};
use super::sizes::{SizeAxis, size_axes};
use super::{MOST_PIECES, Refused};
use crate::base::limits;
use crate::cost::{self, Component, Price, Prices};
use crate::diag::Diagnostics;
use crate::driver::{Compiled, PlannedLayer};
use crate::explore::{Figure, Grid, Part, Stop};
use crate::hir::explore::Explore;
use crate::hir::{Accelerator, Application, Assignment, Choice, Map};
use crate::ir::{Architecture, Mapping};
use crate::legality::{self, Legal};
use crate::lower::{self, Options};
use crate::models::{Model, Pricing, Problem, Subject};
use crate::pricing;
use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Designs of a piece, if a shape has fewer.
const PIECE: usize = 64;

/// An evaluator of designs by a model.
pub(super) struct Counted<'a> {
    pub model: &'static dyn Model,
    pub compiled: &'a Compiled,
    pub explore: &'a Explore,
    dataflows: &'a [Application],
    /// Made when the first design is evaluated: whoever only judges an exploration does not wait for it.
    division: OnceLock<Division>,
}

/// How the designs are divided into shapes.
struct Division {
    /// The program, with a map for every dataflow in place of its own.
    compiled: Compiled,
    sizes: Vec<SizeAxis>,
    /// The axis of a bandwidth, if the model keeps steps.
    rate: Option<RateAxis>,
    /// The axes that are neither, in order.
    others: Vec<usize>,
    shapes: u64,
    /// Shapes of a piece.
    chunk: u64,
}

impl<'a> Counted<'a> {
    pub fn new(
        compiled: &'a Compiled,
        explore: &'a Explore,
        model: &'static dyn Model,
        dataflows: &'a [Application],
    ) -> Counted<'a> {
        Counted {
            model,
            compiled,
            explore,
            dataflows,
            division: OnceLock::new(),
        }
    }

    fn division(&self, grid: &Grid) -> &Division {
        self.division.get_or_init(|| {
            let mut sizes = if self.model.ignores_spare_capacity() {
                size_axes(self.compiled, self.explore, grid, self.dataflows)
            } else {
                Vec::new()
            };
            // What one memory requires depends on the sizes of the others.
            if sizes.iter().any(|size| size.required) {
                sizes.retain(|size| size.required);
            }
            let rate = if self.model.keeps_steps() {
                RateAxis::find(self.compiled, self.explore, grid)
            } else {
                None
            };
            let inside = |at: &usize| {
                let mut sizes = sizes.iter();
                sizes.any(|size| size.axis == *at) || rate.as_ref().is_some_and(|r| r.axis == *at)
            };
            let others: Vec<usize> = (0..grid.lengths().len()).filter(|at| !inside(at)).collect();
            let designs: usize = sizes.iter().map(|size| size.bits.len()).product();
            let designs = designs.saturating_mul(rate.as_ref().map_or(1, RateAxis::len));
            let lengths = others.iter().filter_map(|&at| grid.lengths().get(at));
            let shapes = lengths.map(|&length| length as u64).product::<u64>();
            let few = (PIECE / designs.max(1)).max(1) as u64;
            Division {
                compiled: with_maps(self.compiled, self.explore, self.dataflows),
                chunk: few.max(shapes.div_ceil(MOST_PIECES)),
                sizes,
                rate,
                others,
                shapes,
            }
        })
    }

    /// The program, with a map for every dataflow in place of its own.
    pub fn program(&self, grid: &Grid) -> &Compiled {
        &self.division(grid).compiled
    }

    /// Whether every axis that is `required` is a size that can be set.
    pub fn sets_required(&self, grid: &Grid) -> bool {
        let sizes = &self.division(grid).sizes;
        let mut axes = self.explore.axes.iter().enumerate();
        axes.all(|(at, axis)| !axis.required || sizes.iter().any(|size| size.axis == at))
    }

    /// The sizes that are required on a design: axis of the grid, and bits.
    pub fn required(&self, sweep: &Sweep<'_>, places: &[usize]) -> Vec<(usize, u128)> {
        let division = self.division(&sweep.grid);
        let mut compiled = division.compiled.clone();
        let Ok(made) = accelerator(self.compiled, self.explore, places) else {
            return Vec::new();
        };
        let places = places.to_vec();
        let mut shape = Shape::new(self, division, sweep, &mut compiled, places, made);
        shape.plan();
        shape.require();
        let own = shape.sizes.iter().filter(|size| size.required);
        own.filter_map(|size| Some((size.axis, *size.bits.first()?.first()?)))
            .collect()
    }

    pub fn pieces(&self, sweep: &Sweep<'_>) -> u64 {
        let division = self.division(&sweep.grid);
        division.shapes.div_ceil(division.chunk)
    }

    pub fn piece(&self, sweep: &Sweep<'_>, piece: u64, stop: &AtomicBool) -> Result<Part, Refused> {
        let division = self.division(&sweep.grid);
        let lengths = sweep.grid.lengths();
        let mut part = Part::empty(&sweep.question);
        let mut compiled: Option<Compiled> = None;
        let first = piece * division.chunk;
        for shape in first..(first + division.chunk).min(division.shapes) {
            if stop.load(Ordering::Relaxed) {
                return Err(Stop::Asked);
            }
            let mut places = vec![0; lengths.len()];
            let mut known = vec![None; lengths.len()];
            let mut rest = shape;
            for &axis in division.others.iter().rev() {
                let length = lengths[axis] as u64;
                places[axis] = usize::try_from(rest % length).unwrap_or(0);
                known[axis] = Some(places[axis]);
                rest /= length;
            }
            if !sweep.grid.may_admit(&known) {
                continue;
            }
            let compiled = compiled.get_or_insert_with(|| division.compiled.clone());
            let made = accelerator(self.compiled, self.explore, &places).map_err(Stop::Failed)?;
            Shape::new(self, division, sweep, compiled, places, made).designs(&mut part);
        }
        Ok(part)
    }
}

/// The program with one map per dataflow: every layer under it.
fn with_maps(compiled: &Compiled, explore: &Explore, dataflows: &[Application]) -> Compiled {
    let mut compiled = compiled.clone();
    compiled.program.maps.clear();
    let network = compiled.program.networks.get(explore.network);
    let layers = network.map_or(0, |network| network.layers.len());
    for dataflow in dataflows {
        let assignment = Assignment {
            application: Some(dataflow.clone()),
            choice: Choice::Named,
            array: None,
            note: None,
        };
        compiled.program.maps.push(Map {
            name: explore.name.clone(),
            is_named: true,
            span: explore.span,
            network: explore.network,
            accelerator: explore.accelerator,
            assignments: vec![assignment; layers],
            groups: Vec::new(),
            searches: Vec::new(),
        });
    }
    compiled
}

/// Designs that differ in sizes and a bandwidth alone.
struct Shape<'a> {
    of: &'a Counted<'a>,
    sizes: Cow<'a, [SizeAxis]>,
    rate: Option<&'a RateAxis>,
    sweep: &'a Sweep<'a>,
    compiled: &'a Compiled,
    accelerator: Accelerator,
    /// The design with the first size on every axis of sizes.
    places: Vec<usize>,
    /// Per layer, its plans under the dataflows that serve it.
    plans: Vec<Vec<PlannedLayer>>,
    parts: Parts,
}

/// Where every layer has its tiles under every dataflow; `None` where it does not run.
type Settled = Vec<Vec<Option<Legal<Mapping>>>>;

impl<'a> Shape<'a> {
    fn new(
        of: &'a Counted<'a>,
        division: &'a Division,
        sweep: &'a Sweep<'a>,
        compiled: &'a mut Compiled,
        places: Vec<usize>,
        made: Accelerator,
    ) -> Shape<'a> {
        if let Some(place) = compiled
            .program
            .accelerators
            .get_mut(of.explore.accelerator)
        {
            *place = made.clone();
        }
        let compiled: &Compiled = compiled;
        let (sizes, rate) = (division.sizes.as_slice(), division.rate.as_ref());
        Shape {
            of,
            sizes: Cow::Borrowed(sizes),
            rate,
            sweep,
            compiled,
            parts: Parts::new(sweep, &made, sizes, rate),
            accelerator: made,
            places,
            plans: Vec::new(),
        }
    }

    /// Adds all of its designs to a part.
    fn designs(mut self, part: &mut Part) {
        if self.sizes.iter().any(|size| size.required) {
            self.plan();
            self.require();
        }
        if self.sweep.is_too_large(self.parts.least_area()) {
            let last: Vec<usize> = self.sizes.iter().map(|size| size.bits.len() - 1).collect();
            let all: Vec<(usize, usize)> = last.iter().map(|&last| (0, last)).collect();
            self.rows().leave_out(&all, part);
            return;
        }
        if self.plans.is_empty() {
            self.plan();
        }
        let mut ranges = Vec::new();
        let mut largest: Vec<usize> = self.sizes.iter().map(|size| size.bits.len() - 1).collect();
        self.boxes(&mut ranges, &mut largest, part);
    }

    /// Gives the memories whose sizes are `required` the least with which every layer runs, the inner ones first.
    fn require(&mut self) {
        for axis in (0..self.sizes.len()).rev() {
            if !self.sizes[axis].required {
                continue;
            }
            let plans = self.plans.iter().flatten();
            let least = plans.filter_map(|planned| self.least(planned, axis)).max();
            // A layer that runs with no size has been refused for something else.
            if let (Some(bits), Some(size)) = (least, self.sizes.to_mut().get_mut(axis)) {
                size.bits = vec![vec![bits; size.memories.len()]];
            }
        }
        self.parts = Parts::new(self.sweep, &self.accelerator, &self.sizes, self.rate);
    }

    /// Bits of the least memories of an axis with which a layer runs, whole bytes; those further out have no bound. A smaller
    /// memory moves a tile further in, so that what is required falls in as many steps as there are places.
    fn least(&self, planned: &PlannedLayer, axis: usize) -> Option<u128> {
        let lowered = planned.lowered.as_ref()?;
        let mut mapping = lowered.mapping.clone();
        for size in self.sizes.iter().skip(axis + 1) {
            size.set(&mut mapping.architecture, 0);
        }
        let memories = &self.sizes.get(axis)?.memories;
        for size in self.sizes.iter().take(axis) {
            for &memory in &size.memories {
                mapping.architecture.memories.get_mut(memory)?.capacity_bits = None;
            }
        }
        let (mut least, mut bound) = (None, None);
        loop {
            for &memory in memories {
                mapping.architecture.memories.get_mut(memory)?.capacity_bits = bound;
            }
            let (settled, ..) = limits::within(limits::LAYER, None, || {
                legality::settle(mapping.clone(), &lowered.automatic, &lowered.fixed).ok()
            });
            let Some((legal, _)) = settled else {
                return least;
            };
            let needs = memories.iter().map(|&memory| {
                let (bits, _) = legality::required(legal.get(), memory)?;
                Some(bits)
            });
            let bits = needs.collect::<Option<Vec<u128>>>()?.into_iter().max()?;
            least = Some(bits.div_ceil(8) * 8);
            if bits == 0 {
                return least;
            }
            bound = Some(bits - 1);
        }
    }

    fn rows(&self) -> Rows<'_> {
        Rows {
            sweep: self.sweep,
            sizes: &self.sizes,
            rate: self.rate,
            parts: &self.parts,
            places: &self.places,
            most: (
                self.sweep.most(Figure::Area),
                self.sweep.most(Figure::Power),
            ),
            clock_hz: self.accelerator.clock.map(crate::base::Ratio::to_f64),
        }
    }

    /// The plans of its layers.
    fn plan(&mut self) {
        let maps = &self.compiled.program.maps;
        self.plans = self
            .sweep
            .layers
            .iter()
            .map(|merged| {
                let planned = maps.iter().filter_map(|map| {
                    let mut sink = Diagnostics::new();
                    self.compiled
                        .plan_layer(map, merged.at, Options::default(), &mut sink)
                });
                let runs = |one: &PlannedLayer| one.lowered.is_some() || one.named.is_some();
                planned.filter(runs).collect()
            })
            .collect();
    }

    /// Cuts what is left of the axes of sizes into boxes, and evaluates each. `ranges` are those of the axes before, as
    /// ranks from small to large; `ranks` the largest of each, and the largest of the axes behind.
    fn boxes(&self, ranges: &mut Vec<(usize, usize)>, ranks: &mut [usize], part: &mut Part) {
        let axis = ranges.len();
        let Some(size) = self.sizes.get(axis) else {
            let settled = self.settle(ranks);
            self.evaluate(ranges, &settled, part);
            return;
        };
        let last = size.bits.len() - 1;
        let mut seen: Vec<Option<Everywhere>> = vec![None; last + 1];
        let mut low = 0;
        while low <= last {
            let mut same = |rank: usize| {
                for at in [low, rank] {
                    if seen[at].is_none() {
                        ranks[axis] = at;
                        seen[at] = Some(positions(&self.settle(ranks)));
                    }
                }
                seen[low] == seen[rank]
            };
            // Positions only ever move outwards: those that are the same follow each other.
            let (mut high, mut beyond) = (low, last + 1);
            if same(last) {
                high = last;
            }
            while high < last && beyond - high > 1 {
                let middle = high + (beyond - high) / 2;
                if same(middle) {
                    high = middle;
                } else {
                    beyond = middle;
                }
            }
            ranks[axis] = high;
            ranges.push((low, high));
            self.boxes(ranges, ranks, part);
            ranges.pop();
            for (behind, size) in ranks.iter_mut().zip(self.sizes.iter()).skip(axis + 1) {
                *behind = size.bits.len() - 1;
            }
            low = high + 1;
        }
        ranks[axis] = last;
    }

    /// An architecture with the sizes of these ranks.
    fn sized(&self, architecture: &Architecture, ranks: &[usize]) -> Architecture {
        let mut sized = architecture.clone();
        for (size, &rank) in self.sizes.iter().zip(ranks) {
            size.set(&mut sized, size.order.get(rank).copied().unwrap_or(0));
        }
        sized
    }

    /// The mappings of all layers with the sizes of these ranks.
    fn settle(&self, ranks: &[usize]) -> Settled {
        let settle = |planned: &PlannedLayer| {
            let lowered = planned.lowered.as_ref()?;
            let mut mapping = lowered.mapping.clone();
            mapping.architecture = self.sized(&mapping.architecture, ranks);
            let (settled, ..) = limits::within(limits::LAYER, None, || {
                legality::settle(mapping, &lowered.automatic, &lowered.fixed).ok()
            });
            Some(settled?.0)
        };
        let plans = self.plans.iter();
        plans
            .map(|plans| plans.iter().map(settle).collect())
            .collect()
    }

    /// Adds the designs of a box, all of whose layers are mapped as `settled`.
    fn evaluate(&self, ranges: &[(usize, usize)], settled: &Settled, part: &mut Part) {
        let mut layers: Vec<(u64, Vec<Use>)> = Vec::with_capacity(settled.len());
        let both = self.plans.iter().zip(settled).zip(&self.sweep.layers);
        for ((plans, settled), merged) in both {
            let uses = plans.iter().zip(settled).filter_map(|(planned, legal)| {
                match (&planned.named, legal) {
                    (Some(named), _) => self.priced(
                        merged.at,
                        &Subject::Named {
                            problem: Problem {
                                operation: &named.operation,
                                architecture: &named.architecture,
                            },
                            schedule: &named.schedule,
                        },
                    ),
                    (None, Some(legal)) => self.priced(merged.at, &Subject::Loops(legal)),
                    (None, None) => None,
                }
            });
            layers.push((merged.times, uses.collect()));
        }
        self.rows().add(ranges, layers, part);
    }

    /// Cycles at every bandwidth; those of `estimate` where none is varied.
    fn cycles(&self, subject: &Subject<'_>, cycles: u64) -> Option<Vec<f64>> {
        let Some(rate) = self.rate else {
            return Some(vec![cycles as f64]);
        };
        let Subject::Loops(legal) = subject else {
            return None;
        };
        let model = self.of.model;
        let steps = model.steps(subject);
        let at = |place: usize| {
            let mut mapping = legal.get().clone();
            rate.set(&mut mapping.architecture, place);
            if let Some(steps) = &steps {
                return steps.cycles(&mapping);
            }
            let legal = legality::check(mapping).ok()?;
            let estimate = model.estimate(&Subject::Loops(&legal)).ok()?;
            Some(estimate.cycles)
        };
        let all = (0..rate.len()).map(|place| at(place).map(|cycles| cycles as f64));
        all.collect()
    }

    /// What a layer costs; `None` if the model says nothing of it.
    fn priced(&self, layer: usize, subject: &Subject<'_>) -> Option<Use> {
        let model = self.of.model;
        let (estimate, ..) = limits::within(limits::LAYER, None, || {
            model.applies(subject).ok()?;
            let estimate = model.estimate(subject).ok()?;
            let cycles = self.cycles(subject, estimate.cycles)?;
            (!limits::is_spent()).then_some((estimate, cycles))
        });
        let (estimate, cycles) = estimate?;
        let mut used = Use {
            each: cycles.iter().map(|&cycles| (cycles, f64::NAN)).collect(),
            tables: self
                .sizes
                .iter()
                .map(|size| vec![0.0; size.bits.len()])
                .collect(),
        };
        let Some(technology) = &self.sweep.technology else {
            return Some(used);
        };
        let program = &self.compiled.program;
        let source = program
            .networks
            .get(self.of.explore.network)?
            .layers
            .get(layer)?;
        let operand = lower::operand_precision(source, &self.accelerator);
        let context = pricing::context(&self.accelerator, operand);
        let pricing = Pricing {
            technology,
            context: &context,
        };
        let Some(cost) = model.price(subject, &estimate, &pricing).ok()? else {
            return Some(used);
        };
        if self.sizes.is_empty() && self.rate.is_none() {
            let total = cost.energy.total_pj;
            used.each.iter_mut().for_each(|one| one.1 = total);
            return Some(used);
        }
        let axis_of = |component: &Component| match component {
            Component::Read { memory, .. } | Component::Write { memory, .. } => self
                .sizes
                .iter()
                .position(|size| size.memories.contains(memory)),
            _ => None,
        };
        let terms = &cost.energy.terms;
        // What flows all the time takes longer with a narrower network; nothing else depends on the bandwidth.
        let sum = |always: bool| -> f64 {
            let own = terms.iter().filter(|term| {
                axis_of(&term.component).is_none()
                    && (term.component == Component::Static) == always
            });
            own.map(|term| term.pj).sum()
        };
        let (fixed, always) = (sum(false), sum(true));
        for (cycles, energy) in &mut used.each {
            *energy = match always {
                0.0 => fixed,
                _ => fixed + always * *cycles / estimate.cycles as f64,
            };
        }
        let problem = subject.problem();
        for (axis, size) in self.sizes.iter().enumerate() {
            let own = || {
                terms
                    .iter()
                    .filter(|term| axis_of(&term.component) == Some(axis))
            };
            for place in 0..size.bits.len() {
                let mut sized = problem.architecture.clone();
                size.set(&mut sized, place);
                let prices = Prices::on(technology, &context, &sized, problem.operation.kind);
                let sum = own().map(|term| price(&prices, term)).sum();
                if let Some(cell) = used
                    .tables
                    .get_mut(axis)
                    .and_then(|table| table.get_mut(place))
                {
                    *cell = sum;
                }
            }
        }
        Some(used)
    }
}

/// A term at other prices; not a number where there is none, or one by another unit.
fn price(prices: &Prices, term: &cost::EnergyTerm) -> f64 {
    let (memory, write) = match term.component {
        Component::Read { memory, .. } => (memory, 0),
        Component::Write { memory, .. } => (memory, 1),
        _ => return term.pj,
    };
    match prices.memories.get(memory).map(|both| &both[write]) {
        Some(Ok(Price { pj, per, .. })) if *per == term.price.per => term.effective * pj,
        _ => f64::NAN,
    }
}

/// Where the tiles of every memory lie.
type Positions = Vec<Vec<Option<usize>>>;
/// Of every layer under every dataflow; `None` where it does not run.
type Everywhere = Vec<Vec<Option<Positions>>>;

/// What settled mappings are told apart by: where the tiles of every memory lie.
fn positions(settled: &Settled) -> Everywhere {
    let one = |legal: &Option<Legal<Mapping>>| {
        let legal = legal.as_ref()?;
        Some(legal.get().schedule.positions.clone())
    };
    let all = settled.iter();
    all.map(|some| some.iter().map(one).collect()).collect()
}
