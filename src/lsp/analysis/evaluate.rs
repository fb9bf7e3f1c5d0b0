//! Verdicts and costs of everything that a file maps, kept over key strokes.
//!
//! Problem: ResNet50 has 54 layers, and one key stroke in one of its dataflows changes the mapping of a few. Every
//! layer is lowered again (names and places may have moved), but what is expensive depends only on the mapping,
//! which has neither: verdicts, counts and tiles are remembered by mapping in a [`ResultCache`], in bounded number.
//!
//! Invariants: diagnostics are those of `dflowc check`, costs those of `dflowc eval`; a layer that is refused has no
//! cost; an evaluation that was stopped says so and has only what was finished.

use super::Snapshot;
use crate::base::SourceMap;
use crate::base::limits::{self, Stop};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::{PlannedLayer, drop_foreign_fixes};
use crate::evaluate::advice::{Place, advise};
use crate::evaluate::{
    self, Cache, CheckedLayer, GroupOutcome, LayerOutcome, Memo, Observer, Request, Selection,
    Step, Until,
};
use crate::hir::{DataflowBody, Program};
use crate::ir::Mapping;
use crate::legality::Footprint;
use crate::lower::Options;
use crate::models::{self, Model};
use crate::optimize;
use crate::report::advice::Advice;
use crate::report::{GroupReport, LayerReport};
use crate::sweep;

/// Most tables of tiles that are remembered.
const MOST: usize = 1024;
/// Most diagnostics of one evaluation.
const MOST_DIAGNOSTICS: usize = 1000;

/// What is remembered between evaluations.
pub struct ResultCache {
    /// Set when something has come that may make the work at hand worthless: it ends then, in the middle of a layer.
    pub stop: Stop,
    layers: Cache,
    tiles: Memo<Mapping, Tiles>,
}

/// `tiles[loop][tensor]`: elements of the largest tile that one step of the loop leaves to what is inside of it (of
/// the spatial loops, to one instance); `None` when that is too irregular to measure.
pub type Tiles = Vec<Vec<Option<u64>>>;

impl Default for ResultCache {
    fn default() -> ResultCache {
        ResultCache {
            stop: Stop::default(),
            layers: Cache::default(),
            tiles: Memo::new(MOST),
        }
    }
}

/// The maps of a program with their layers.
#[derive(Default)]
pub struct Evaluated {
    /// Per map of the program; fewer when the evaluation was stopped.
    pub maps: Vec<EvaluatedMap>,
    /// Of all files, in source order.
    pub diagnostics: Vec<Diagnostic>,
    /// Every map and layer was evaluated.
    pub complete: bool,
}

/// A map of the program.
#[derive(Default)]
pub struct EvaluatedMap {
    /// Per layer of the network; fused ones have nothing of their own.
    pub layers: Vec<EvaluatedLayer>,
    /// Per group of the map.
    pub groups: Vec<EvaluatedGroup>,
}

/// A fused group of a map.
#[derive(Clone, Default)]
pub struct EvaluatedGroup {
    /// `None` when refused, or for the reason in `absent`.
    pub report: Option<GroupReport>,
    /// Why a legal group has no cost.
    pub absent: Option<String>,
    /// Per loop, outermost first: how often it turns, in a whole piece of the loops outside.
    pub trips: Vec<u64>,
}

/// A layer of a map.
#[derive(Default)]
pub struct EvaluatedLayer {
    /// `None` when nothing could be planned, which has been reported.
    pub planned: Option<PlannedLayer>,
    /// `None` when refused, which has been reported.
    pub checked: Option<CheckedLayer>,
    /// `None` when refused, or for the reason in `absent`.
    pub report: Option<LayerReport>,
    /// Why a legal layer has no cost: `E0503: ...`.
    pub absent: Option<String>,
}

/// Fills the maps while a run goes on, until `stop` says so.
struct Collector<F> {
    sink: Diagnostics,
    maps: Vec<EvaluatedMap>,
    stop: F,
    /// What ends the work on a layer or group.
    inside: Stop,
    /// The map in which the run was stopped.
    stopped: Option<usize>,
}

impl<F: FnMut() -> bool> Observer for Collector<F> {
    fn diagnostics(&mut self) -> &mut Diagnostics {
        &mut self.sink
    }

    fn stop(&self) -> Option<Stop> {
        Some(self.inside.clone())
    }

    fn proceed(&mut self, next: &Step<'_>) -> bool {
        if (self.stop)() {
            self.stopped = Some(next.map);
        }
        self.stopped.is_none()
    }

    /// What cannot be counted, as `check` says it. What only a cost needs (prices) `check` does not ask for either: it
    /// is said beside the layer.
    fn without_figures(&mut self, reasons: &[Diagnostic]) {
        let uncounted = reasons.iter().filter(|one| one.code == Code::E0602);
        self.sink.extend(uncounted.cloned());
    }

    /// That a model takes no such thing at all is nothing to say: another one does, and nobody asked for this one.
    fn inapplicable(&mut self, refusal: Diagnostic) {
        if !matches!(refusal.code, Code::E0601 | Code::E0613) {
            self.sink.push(refusal);
        }
    }

    fn layer(&mut self, outcome: LayerOutcome<'_>) {
        let map = self.maps.get_mut(outcome.map);
        let Some(slot) = map.and_then(|map| map.layers.get_mut(outcome.layer)) else {
            return;
        };
        (slot.planned, slot.checked) = (outcome.planned, outcome.checked);
        if let Some(figures) = outcome.figures.first() {
            match &figures.report {
                Ok(report) => slot.report = Some(report.clone()),
                Err(reasons) => slot.absent = reason_of(reasons),
            }
        }
    }

    fn group(&mut self, outcome: &GroupOutcome<'_>) {
        let map = self.maps.get_mut(outcome.map);
        let Some(slot) = map.and_then(|map| map.groups.get_mut(outcome.group)) else {
            return;
        };
        if let Some(lowered) = outcome.lowered {
            slot.trips = trips(&lowered.group);
        }
        match outcome.report {
            Some(Ok(report)) => slot.report = Some(report.clone()),
            Some(Err(reasons)) => slot.absent = reason_of(reasons),
            None => {}
        }
    }
}

impl<F> Collector<F> {
    /// What was collected of the maps that were finished.
    fn finish(mut self, sources: &SourceMap) -> Evaluated {
        self.maps.truncate(self.stopped.unwrap_or(usize::MAX));
        drop_foreign_fixes(sources, &mut self.sink);
        Evaluated {
            maps: self.maps,
            diagnostics: self.sink.into_sorted(MOST_DIAGNOSTICS).list,
            complete: self.stopped.is_none(),
        }
    }
}

impl ResultCache {
    /// Checks and evaluates every map, until `stop` says so; it is asked before every layer and group, and whenever the
    /// flag of this cache is set.
    pub fn evaluate(&mut self, snapshot: &Snapshot, stop: impl FnMut() -> bool) -> Evaluated {
        let compiled = &snapshot.compiled;
        let maps = compiled.program.maps.iter().map(|map| {
            let mut result = EvaluatedMap::default();
            let layers = map.assignments.len();
            result.layers.resize_with(layers, EvaluatedLayer::default);
            result
                .groups
                .resize(map.groups.len(), EvaluatedGroup::default());
            result
        });
        let mut collector = Collector {
            sink: compiled.diagnostics.clone(),
            maps: maps.collect(),
            stop,
            inside: self.stop.clone(),
            stopped: None,
        };
        let models = models_of(&compiled.program);
        let request = Request {
            selection: &Selection::all(compiled),
            models: &models,
            until: Until::Evaluated,
            options: Options::default(),
            warnings: true,
        };
        evaluate::run(compiled, &request, &mut self.layers, &mut collector);
        // Judged only: a search takes longer than a key stroke.
        optimize::check(compiled, &mut collector.sink);
        sweep::check(compiled, &mut collector.sink);
        collector.finish(&compiled.sources)
    }

    /// What is remembered of layers and groups, for other runs over the same texts.
    pub fn layers(&mut self) -> &mut Cache {
        &mut self.layers
    }

    /// What would help a layer of a map, as far as it is found while somebody waits.
    pub fn advice(
        &self,
        snapshot: &Snapshot,
        place: Place,
        report: &LayerReport,
    ) -> Option<Advice> {
        let by = (models::DEFAULT, Options::default());
        let allowed = (limits::ADVISED_AT_ONCE, Some(&self.stop));
        advise(&snapshot.compiled, place, by, report, allowed)
    }

    /// The tiles inside every loop of a legal mapping.
    pub fn tiles(&mut self, checked: &CheckedLayer) -> Tiles {
        let mapping: &Mapping = &checked.legal;
        let measure = || {
            let footprint = Footprint::new(mapping);
            let innermost = mapping.architecture.memories.len().saturating_sub(1);
            let tensors = mapping.operation.tensors.len();
            (1..=mapping.schedule.loops.len())
                .map(|position| {
                    (0..tensors)
                        .map(|tensor| footprint.largest(innermost, tensor, position))
                        .collect()
                })
                .collect()
        };
        let tiles = &mut self.tiles;
        limits::within(limits::TILES, Some(&self.stop), || {
            tiles.get(mapping, measure)
        })
        .0
    }
}

/// How often each loop of a group turns.
fn trips(group: &crate::ir::FusedGroup) -> Vec<u64> {
    let head = group.stages.last();
    let mut left: Vec<u64> = head
        .into_iter()
        .flat_map(|stage| stage.ranks.iter().map(|rank| rank.extent))
        .collect();
    let loops = group.loops.iter();
    loops
        .filter_map(|l| {
            let extent = left.get_mut(l.rank)?;
            let count = extent.div_ceil(l.size.max(1));
            *extent = l.size.min(*extent);
            Some(count)
        })
        .collect()
}

/// The default, and those that know the schedules that the program names: nobody else says anything of them.
fn models_of(program: &Program) -> Vec<&'static dyn Model> {
    let mut found: Vec<&'static dyn Model> = vec![models::DEFAULT];
    for dataflow in &program.dataflows {
        let DataflowBody::Schedule(word) = &dataflow.body else {
            continue;
        };
        for model in models::knowing(&word.text) {
            if !found.iter().any(|known| known.name() == model.name()) {
                found.push(model);
            }
        }
    }
    found
}

/// The first of the reasons why there is no cost, as it would be printed.
fn reason_of(reasons: &[Diagnostic]) -> Option<String> {
    let mut sink = Diagnostics::new();
    sink.extend(reasons.iter().cloned());
    let first = sink.into_sorted(1).list.into_iter().next()?;
    Some(format!("{}: {}", first.code, first.message))
}

#[cfg(test)]
mod tests {
    use super::super::testing::cursor;
    use super::*;

    const TEXT: &str = "Network net { Layer l { Type: GEMM; Dimensions { M: 4, N: 8, K: 16 } } }
        Accelerator acc { Memory DRAM {} Array PE { Shape: [4] } Memory RF { Size: 64 } Compute MAC { Lanes: 1 } }
        Map net on acc { l: { SpatialMap(1,1) M; TemporalMap(2,2) N; TemporalMap(1,1) K } }";

    #[test]
    fn costs_and_tiles() {
        let (snapshot, _) = cursor(TEXT);
        let mut cache = ResultCache::default();
        let evaluated = cache.evaluate(&snapshot, || false);
        assert!(evaluated.complete && evaluated.diagnostics.is_empty());
        let layer = &evaluated.maps[0].layers[0];
        // 4 rows on 4 PEs: each does 8 * 16 products.
        assert_eq!(layer.report.as_ref().unwrap().macs, 4 * 8 * 16);
        let tiles = cache.tiles(layer.checked.as_ref().unwrap());
        // Per PE inside of K: one row and one K of A, one K and two columns of B, two outputs.
        assert_eq!(tiles[2], [Some(1), Some(2), Some(2)]);
        // Inside of M only: one row of A, all of B, one row of outputs.
        assert_eq!(tiles[0], [Some(16), Some(128), Some(8)]);
    }

    /// The flag is set while the layer is worked on: the work ends, and it is asked whether to go on.
    #[test]
    fn stops_inside_of_a_layer_and_says_nothing_of_it() {
        let (snapshot, _) = cursor(TEXT);
        let mut cache = ResultCache::default();
        let flag = cache.stop.clone();
        for most in [2, 3] {
            let mut asked = 0;
            let evaluated = cache.evaluate(&snapshot, || {
                asked += 1;
                flag.set();
                asked == most
            });
            assert_eq!(asked, most);
            assert!(!evaluated.complete && evaluated.maps.is_empty());
        }
        // Nothing of what was stopped is remembered.
        let evaluated = cache.evaluate(&snapshot, || false);
        assert!(evaluated.complete && evaluated.maps[0].layers[0].report.is_some());
    }

    #[test]
    fn stops_when_asked_and_continues_later() {
        let (snapshot, _) = cursor(TEXT);
        let mut cache = ResultCache::default();
        let stopped = cache.evaluate(&snapshot, || true);
        assert!(!stopped.complete && stopped.maps.is_empty());
        assert!(cache.evaluate(&snapshot, || false).complete);
    }
}
