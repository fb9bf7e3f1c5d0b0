//! From a lowered fused group to its report: counted, checked, priced, and put beside its layers one by one.
//!
//! Problem: `ir::FusedGroup` and `engine::fused` know what every step requires, reuses and computes; what that
//! costs also depends on how a tile is computed (`run expand on PE using pointwise_ws`), on the memories that must
//! hold the windows, and on the prices. The order is: traffic first (a group that loses data or does not fit is
//! refused before any tile is looked at), then the shapes of the tiles, then time, energy, comparison.
//!
//! Invariants: a number is only given for a group that fits, loses nothing that it promised to keep, and whose
//! tiles are legal; what the tiles of a stage perform equals what the group's analysis says.

mod alone;
mod cache;
mod density;
mod error;
mod figures;
mod ledger;
mod needs;
mod stage;

pub use cache::GroupCache;
pub use error::{Fit, GroupError, Lost, Part};

use crate::base::{Span, limits};
use crate::diag::{Diagnostic, Diagnostics, Mistake};
use crate::driver::Compiled;
use crate::engine::EngineLimit;
use crate::engine::fused::{Analysis, Flow, Tile, TileKind, Work, at_peak};
use crate::hir::{Accelerator, Map, Network, Source};
use crate::ir::{FusedGroup, Memory, Ports, Role};
use crate::lower::{self, LoweredGroup, Options};
use crate::models::Failure;
use needs::Need;
use stage::{Reported, StageContext, TileCache};
use std::sync::Arc;

/// The tiles of one stage.
pub(in crate::evaluate) struct Tiles<'a> {
    /// The commonest first.
    tiles: Vec<TileKind>,
    /// `None`: at the peak rate.
    cache: Option<TileCache<'a>>,
    /// Shape, and how often it is computed.
    shapes: Vec<(usize, u64)>,
}

/// A group that may be reported.
pub struct CheckedGroup<'a> {
    pub lowered: &'a LoweredGroup,
    pub flow: Flow,
    /// The tensors that are no weights.
    pub maps: Vec<usize>,
    /// Most bits of all feature maps together that are held between two steps.
    pub carried_bits: u128,
    /// What is legal but wasteful.
    pub warnings: Vec<Diagnostic>,
    /// Those of the accelerator.
    pub memories: Vec<Memory>,
    analysis: Arc<Analysis>,
    tiles: Vec<Tiles<'a>>,
    needs: Vec<Need>,
}

impl CheckedGroup<'_> {
    /// MACs per cycle of the stages, at the peak of their arrays.
    #[must_use]
    pub fn rates(&self) -> Vec<u64> {
        let stages = self.lowered.stages.iter();
        stages.map(|stage| stage.peak.max(1)).collect()
    }

    /// A model has no figures for the group.
    pub(super) fn failure(&self, failure: &Failure) -> Diagnostic {
        let name = &self.lowered.name;
        match failure {
            Failure::Limit(limit) => GroupError::Uncounted {
                code: super::limits::code(limit),
                what: format!("group `{name}`"),
                reason: super::limits::reason(limit),
                span: self.lowered.span,
            }
            .to_diagnostic(),
            Failure::Own(why) => {
                let message = format!("group `{name}` {}", why.reason);
                super::limits::of_model(why, message).at(self.lowered.span, "this group")
            }
        }
    }

    /// Takes the counts of somebody else who has counted the group at its peak rates between its memories. Times of
    /// stages with a dataflow stay what they are.
    pub fn set_counts(&mut self, mut flow: Flow) {
        if self.tiles.iter().any(|tiles| tiles.cache.is_some()) {
            let timed = self.flow.stages.iter();
            for (stage, timed) in flow.stages.iter_mut().zip(timed) {
                stage.cycles = timed.cycles;
            }
            (flow.sequential, flow.pipelined) = (self.flow.sequential, self.flow.pipelined);
            flow.cycles = self.flow.cycles;
            flow.busy.clone_from(&self.flow.busy);
        }
        self.flow = flow;
    }
}

/// A part of a map that is evaluated by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Index into the network's layers.
    Layer(usize),
    /// Index into the map's groups.
    Group(usize),
}

/// The layers `wanted` of a map, in order, each group once in the place of the first of its layers.
#[must_use]
pub fn units(map: &Map, wanted: impl IntoIterator<Item = usize>) -> Vec<Unit> {
    let mut units = Vec::new();
    for layer in wanted {
        let member = |group: &crate::hir::fused::FusedGroup| {
            group.layers.iter().any(|known| known.0 == layer)
        };
        let unit = match map.groups.iter().position(member) {
            Some(group) => Unit::Group(group),
            None => Unit::Layer(layer),
        };
        if !units.contains(&unit) {
            units.push(unit);
        }
    }
    units
}

enum Stop {
    Limit(EngineLimit),
    Reported,
}

impl From<EngineLimit> for Stop {
    fn from(limit: EngineLimit) -> Stop {
        Stop::Limit(limit)
    }
}

impl From<Reported> for Stop {
    fn from(_: Reported) -> Stop {
        Stop::Reported
    }
}

/// Checks a lowered group of `map`; what is wrong goes to `sink`.
#[must_use]
pub fn check_group<'a>(
    compiled: &'a Compiled,
    map: &'a Map,
    lowered: &'a LoweredGroup,
    options: Options,
    (cache, sink): (&mut GroupCache, &mut Diagnostics),
) -> Option<CheckedGroup<'a>> {
    let program = &compiled.program;
    let checker = Checker {
        compiled,
        map,
        network: program.networks.get(map.network)?,
        accelerator: program.accelerators.get(map.accelerator)?,
        lowered,
        options,
    };
    let checked = checker.run(cache, sink);
    match checked {
        // Sets that could not be written when nothing was left say that they are empty.
        Ok(_) | Err(Stop::Limit(_)) if limits::is_spent() => {
            sink.push(checker.uncounted(&EngineLimit::TooMuchWork).to_diagnostic());
            None
        }
        Ok(checked) => Some(checked),
        Err(Stop::Reported) => None,
        Err(Stop::Limit(limit)) => {
            sink.push(checker.uncounted(&limit).to_diagnostic());
            None
        }
    }
}

/// The tensors of a group that are no weights.
fn feature_maps(group: &FusedGroup) -> Vec<usize> {
    let weight = |tensor: usize| {
        group.stages.iter().enumerate().any(|(at, stage)| {
            let operands = stage.operation.tensors.iter().enumerate();
            operands
                .filter(|(_, operand)| operand.role == Role::Weight)
                .any(|(operand, _)| ledger::tensors_of(group, at, operand).contains(&tensor))
        })
    };
    (0..group.tensors.len())
        .filter(|&tensor| {
            let made = group
                .tensors
                .get(tensor)
                .is_some_and(|known| known.producer.is_some());
            made || !weight(tensor)
        })
        .collect()
}

/// The memories of an accelerator, for a group.
pub(super) fn memories(accelerator: &Accelerator) -> Vec<Memory> {
    lower::architecture(&accelerator.on_array(None)).memories
}

struct Checker<'a> {
    compiled: &'a Compiled,
    map: &'a Map,
    network: &'a Network,
    accelerator: &'a Accelerator,
    lowered: &'a LoweredGroup,
    options: Options,
}

impl<'a> Checker<'a> {
    fn run(
        &self,
        cache: &mut GroupCache,
        sink: &mut Diagnostics,
    ) -> Result<CheckedGroup<'a>, Stop> {
        let group = &self.lowered.group;
        let analysis = cache.analysis(group)?;
        let memories = memories(self.accelerator);
        let rates: Vec<u64> = (0..group.stages.len()).map(|at| self.peak(at)).collect();
        // What is lost follows from the sets of the steps alone: it is said also of a group that is beyond counting.
        let mut errors = needs::lost(self.lowered, &analysis, self.accelerator)?;
        let mut flow = match cache.flow((group, &analysis), &rates, &[]) {
            Ok(flow) => flow,
            Err(limit) if errors.is_empty() => return Err(limit.into()),
            Err(_) => {
                sink.extend(errors.iter().map(|error| self.place(error.to_diagnostic())));
                return Err(Stop::Reported);
            }
        };
        let needs = needs::needs(group, &flow, self.accelerator);
        errors.extend(needs::never_computed(self.lowered, &flow, |stage| {
            self.outside_readers(stage)
        })?);
        let backing = needs::backing(group, self.accelerator);
        let all: Vec<Need> = backing.into_iter().chain(needs.iter().cloned()).collect();
        errors.extend(needs::overfull(
            self.lowered,
            &all,
            self.accelerator,
            |span| !self.is_embedded(span),
        ));
        if !errors.is_empty() {
            sink.extend(errors.iter().map(|error| self.place(error.to_diagnostic())));
            return Err(Stop::Reported);
        }
        let mut tiles = Vec::with_capacity(group.stages.len());
        let told = density::told(self.lowered);
        let told = told.into_iter().map(|warning| self.place(warning));
        let mut warnings: Vec<Diagnostic> = told.collect();
        let mut failed = false;
        for stage in 0..group.stages.len() {
            match self.tiles(&analysis, stage, &needs, &mut warnings, sink) {
                Ok(known) => tiles.push(known),
                Err(Stop::Reported) => failed = true,
                Err(limit) => return Err(limit),
            }
        }
        if failed {
            return Err(Stop::Reported);
        }
        if tiles.iter().any(|tiles| tiles.cache.is_some()) {
            flow = analysis.flow_by_shape(&memories, &mut |stage, tile: &Tile<'_>| {
                let cache = tiles.get_mut(stage).and_then(|tiles| tiles.cache.as_mut());
                match cache {
                    Some(cache) => {
                        let work = cache.work(&tile.boxes()?, tile.is_incomplete(), sink);
                        Ok::<Work, Stop>(work?)
                    }
                    None => Ok(at_peak(group, stage, self.peak(stage), &memories, tile)?),
                }
            })?;
            self.same_operations(&flow, &tiles)?;
        } else if memories
            .iter()
            .any(|memory| memory.ports != Ports::UNBOUNDED)
        {
            flow = cache.flow((group, &analysis), &rates, &memories)?;
        }
        let maps = feature_maps(group);
        Ok(CheckedGroup {
            lowered: self.lowered,
            carried_bits: analysis.carried_bits(&maps)?,
            maps,
            flow,
            warnings,
            memories,
            analysis,
            tiles,
            needs,
        })
    }

    fn peak(&self, stage: usize) -> u64 {
        self.lowered
            .stages
            .get(stage)
            .map_or(1, |stage| stage.peak.max(1))
    }

    fn uncounted(&self, limit: &EngineLimit) -> GroupError {
        GroupError::Uncounted {
            code: super::limits::code(limit),
            what: format!("group `{}`", self.lowered.name),
            reason: super::limits::reason(limit),
            span: self.lowered.span,
        }
    }

    /// Layers outside of the group that read what a stage makes.
    fn outside_readers(&self, stage: usize) -> Vec<String> {
        let Some(layer) = self.lowered.stages.get(stage).map(|stage| stage.layer) else {
            return Vec::new();
        };
        let inside = |at: usize| self.lowered.stages.iter().any(|stage| stage.layer == at);
        self.network
            .layers
            .iter()
            .enumerate()
            .filter(|(at, known)| !inside(*at) && known.inputs.contains(&Source::Layer(layer)))
            .map(|(_, known)| known.name.clone())
            .collect()
    }

    fn is_embedded(&self, span: Span) -> bool {
        let file = self.compiled.sources.get(span.file());
        file.is_some_and(|file| file.name().starts_with("<std>/"))
    }

    /// A mistake in the embedded library is pointed at from the map.
    fn place(&self, diagnostic: Diagnostic) -> Diagnostic {
        match diagnostic.primary() {
            Some(span) if !self.is_embedded(span) => diagnostic,
            _ => diagnostic.also(self.lowered.span, "needed here"),
        }
    }

    /// Evaluates the shapes of a stage's tiles.
    fn tiles(
        &self,
        analysis: &Analysis,
        stage: usize,
        needs: &[Need],
        warnings: &mut Vec<Diagnostic>,
        sink: &mut Diagnostics,
    ) -> Result<Tiles<'a>, Stop> {
        let mut tiles = Tiles {
            tiles: analysis.tiles(stage)?,
            cache: self.cache(stage, needs),
            shapes: Vec::new(),
        };
        tiles
            .tiles
            .sort_by_key(|tile| std::cmp::Reverse(tile.steps));
        let Some(cache) = &mut tiles.cache else {
            return Ok(tiles);
        };
        for tile in &tiles.tiles {
            for shape in cache.shapes_of(&tile.boxes, tile.incomplete, sink)? {
                match tiles.shapes.iter_mut().find(|known| known.0 == shape) {
                    Some(known) => known.1 = known.1.saturating_add(tile.steps),
                    None => tiles.shapes.push((shape, tile.steps)),
                }
            }
        }
        // The one with most of the work; of equals the first.
        let work = |&(shape, times): &(usize, u64)| {
            let operations = cache.shapes.get(shape).map_or(0, |shape| shape.operations);
            u128::from(operations) * u128::from(times)
        };
        let commonest = tiles.shapes.iter().rev().max_by_key(|&shape| work(shape));
        let found = cache.conclude(commonest.map(|shape| shape.0), sink)?;
        warnings.extend(found.into_iter().map(|warning| self.place(warning)));
        Ok(tiles)
    }

    fn cache(&self, index: usize, needs: &[Need]) -> Option<TileCache<'a>> {
        let known = self.lowered.stages.get(index)?;
        let stage = self.lowered.group.stages.get(index)?;
        let application = known.dataflow.as_ref()?;
        let layer = self.network.layers.get(known.layer)?;
        let places: Vec<usize> = (0..stage.operation.tensors.len())
            .map(|operand| {
                let tensors = ledger::tensors_of(&self.lowered.group, index, operand);
                let first = tensors
                    .first()
                    .and_then(|&at| self.lowered.group.tensors.get(at));
                first.map_or(1, |tensor| tensor.memory)
            })
            .collect();
        let mut kept = vec![0; self.accelerator.memories.len()];
        for need in needs {
            if let Some(kept) = kept.get_mut(need.figures.memory) {
                *kept = need.figures.required_bits;
            }
        }
        Some(TileCache::new(StageContext {
            compiled: self.compiled,
            map: self.map,
            layer,
            application,
            accelerator: self.accelerator.on_array(known.array),
            stage,
            group: &self.lowered.name,
            places,
            kept,
            options: self.options,
        }))
    }

    /// What the tiles perform is what the group's analysis counted.
    fn same_operations(&self, flow: &Flow, tiles: &[Tiles<'_>]) -> Result<(), EngineLimit> {
        for (tiles, counted) in tiles.iter().zip(&flow.stages) {
            let Some(cache) = &tiles.cache else {
                continue;
            };
            let performed = tiles.shapes.iter().map(|&(shape, times)| {
                let operations = cache.shapes.get(shape).map_or(0, |shape| shape.operations);
                u128::from(operations) * u128::from(times)
            });
            let performed: u128 = performed.sum();
            if performed != u128::from(counted.operations) {
                return Err(EngineLimit::Mismatch {
                    performed,
                    expected: counted.operations.into(),
                });
            }
        }
        Ok(())
    }
}
