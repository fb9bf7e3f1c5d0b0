//! Verdicts and costs of everything that a file maps, kept over key strokes.
//!
//! Problem: ResNet50 has 54 layers, and one key stroke in one of its dataflows changes the mapping of a few. Every
//! layer is lowered again (names and places may have moved), but what is expensive depends only on the mapping,
//! which has neither: verdicts, counts and tiles are remembered by mapping in a [`Workshop`], in bounded number.
//!
//! Invariants: diagnostics are those of `dflowc check`, costs those of `dflowc eval`; a layer that is refused has no
//! cost; an evaluation that was stopped says so and has only what was finished.

use super::Snapshot;
use crate::diag::{Diagnostic, Diagnostics};
use crate::driver::PlannedLayer;
use crate::engine::TimingRule;
use crate::evaluate::fused::{Unit, judge_group, units};
use crate::evaluate::{Counting, Evaluator, Judged, Judging, Memo, Model};
use crate::hir::Map;
use crate::ir::Mapping;
use crate::legality::Footprint;
use crate::lower::Options;
use crate::report::{GroupReport, LayerReport};

/// Most verdicts, and most tables of tiles, that are remembered.
const MOST: usize = 1024;
/// Most diagnostics of one evaluation.
const MOST_DIAGNOSTICS: usize = 1000;

/// What is remembered between evaluations.
pub struct Workshop {
    judging: Judging,
    counting: Counting,
    tiles: Memo<Mapping, Tiles>,
}

/// `tiles[loop][tensor]`: elements of the largest tile that one step of the loop leaves to what is inside of it (of
/// the spatial loops, to one instance); `None` when that is too irregular to measure.
pub type Tiles = Vec<Vec<Option<u64>>>;

impl Default for Workshop {
    fn default() -> Workshop {
        Workshop {
            judging: Judging::new(MOST),
            counting: Counting::new(Model::Exact),
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
}

/// A layer of a map.
#[derive(Default)]
pub struct EvaluatedLayer {
    /// `None` when nothing could be planned, which has been reported.
    pub planned: Option<PlannedLayer>,
    /// `None` when refused, which has been reported.
    pub judged: Option<Judged>,
    /// `None` when refused, or for the reason in `absent`.
    pub report: Option<LayerReport>,
    /// Why a legal layer has no cost: `E0503: ...`.
    pub absent: Option<String>,
}

impl Workshop {
    /// Judges and evaluates every map, until `stop` says so; it is asked before every layer.
    pub fn evaluate(&mut self, snapshot: &Snapshot, mut stop: impl FnMut() -> bool) -> Evaluated {
        let compiled = &snapshot.compiled;
        let mut sink = compiled.diagnostics.clone();
        let evaluator = Evaluator::new(compiled, &mut sink);
        let mut evaluated = Evaluated {
            complete: true,
            ..Evaluated::default()
        };
        'maps: for map in &compiled.program.maps {
            let count = map.assignments.len();
            let mut result = EvaluatedMap::default();
            result.layers.resize_with(count, EvaluatedLayer::default);
            result
                .groups
                .resize(map.groups.len(), EvaluatedGroup::default());
            for unit in units(map, 0..count) {
                if stop() {
                    evaluated.complete = false;
                    break 'maps;
                }
                match unit {
                    Unit::Group(group) => {
                        if let Some(slot) = result.groups.get_mut(group) {
                            *slot = fused(snapshot, &evaluator, map, group, &mut sink);
                        }
                    }
                    Unit::Layer(layer) => {
                        if let Some(slot) = result.layers.get_mut(layer) {
                            let options = Options::default();
                            slot.planned = compiled.plan_layer(map, layer, options, &mut sink);
                            self.layer(snapshot, &evaluator, map, slot, &mut sink);
                        }
                    }
                }
            }
            evaluated.maps.push(result);
        }
        evaluated.diagnostics = sink.into_sorted(MOST_DIAGNOSTICS).list;
        evaluated
    }

    fn layer(
        &mut self,
        snapshot: &Snapshot,
        evaluator: &Evaluator<'_>,
        map: &Map,
        result: &mut EvaluatedLayer,
        sink: &mut Diagnostics,
    ) {
        let Some(planned) = &result.planned else {
            return;
        };
        let Some(lowered) = &planned.lowered else {
            return;
        };
        let judged = self.judging.judge(&snapshot.compiled, map, lowered, sink);
        let Some(judged) = judged else { return };
        sink.extend(judged.warnings.iter().cloned());
        match self.counting.count(&judged, &lowered.names) {
            Ok(counts) => {
                // What only a cost needs (prices) `check` does not ask for either.
                let mut unpriced = Diagnostics::new();
                result.report = evaluator.report(map, planned, &judged, &counts, &mut unpriced);
                let first = unpriced.into_sorted(1).list.into_iter().next();
                result.absent = first.map(|reason| reason_of(&reason));
            }
            Err(refusal) => result.absent = Some(reason_of(&refusal)),
        }
        result.judged = Some(judged);
    }

    /// The tiles inside every loop of a legal mapping.
    pub fn tiles(&mut self, judged: &Judged) -> Tiles {
        let mapping: &Mapping = &judged.legal;
        self.tiles.get(mapping, || {
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
        })
    }
}

/// Judges and evaluates a group.
fn fused(
    snapshot: &Snapshot,
    evaluator: &Evaluator<'_>,
    map: &Map,
    group: usize,
    sink: &mut Diagnostics,
) -> EvaluatedGroup {
    let compiled = &snapshot.compiled;
    let (rule, options) = (TimingRule::Exact, Options::default());
    let mut result = EvaluatedGroup::default();
    let Some(lowered) = compiled.plan_group(map, group, sink) else {
        return result;
    };
    let Some(judged) = judge_group(compiled, map, &lowered, rule, options, sink) else {
        return result;
    };
    sink.extend(judged.warnings.iter().cloned());
    let mut unpriced = Diagnostics::new();
    result.report = evaluator.group(map, &judged, rule, options, &mut unpriced);
    let first = unpriced.into_sorted(1).list.into_iter().next();
    result.absent = first.map(|reason| reason_of(&reason));
    result
}

fn reason_of(diagnostic: &Diagnostic) -> String {
    format!("{}: {}", diagnostic.code, diagnostic.message)
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
        let mut workshop = Workshop::default();
        let evaluated = workshop.evaluate(&snapshot, || false);
        assert!(evaluated.complete && evaluated.diagnostics.is_empty());
        let layer = &evaluated.maps[0].layers[0];
        // 4 rows on 4 PEs: each does 8 * 16 products.
        assert_eq!(layer.report.as_ref().unwrap().macs, 4 * 8 * 16);
        let tiles = workshop.tiles(layer.judged.as_ref().unwrap());
        // Per PE inside of K: one row and one K of A, one K and two columns of B, two outputs.
        assert_eq!(tiles[2], [Some(1), Some(2), Some(2)]);
        // Inside of M only: one row of A, all of B, one row of outputs.
        assert_eq!(tiles[0], [Some(16), Some(128), Some(8)]);
    }

    #[test]
    fn stops_when_asked_and_continues_later() {
        let (snapshot, _) = cursor(TEXT);
        let mut workshop = Workshop::default();
        let stopped = workshop.evaluate(&snapshot, || true);
        assert!(!stopped.complete && stopped.maps.is_empty());
        assert!(workshop.evaluate(&snapshot, || false).complete);
    }
}
