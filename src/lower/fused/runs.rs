//! `run expand on PE using pointwise_ws;`: where a stage runs, and how a tile of it is computed.

use super::member::Member;
use super::{FuseError, LoweredStage, Request};
use crate::base::Span;
use crate::diag::{Diagnostics, Mistake};
use crate::hir::fused::Run;
use crate::hir::{Accelerator, Application, Choice};

/// The stages with their hardware, and whether they run at the same time.
pub(super) fn runs(
    request: &Request<'_>,
    members: &[Member<'_>],
    sink: &mut Diagnostics,
) -> (Vec<LoweredStage>, bool) {
    let block = request.group.stages.as_ref();
    let pipeline = block.is_some_and(|block| block.pipeline);
    let runs: &[Run] = block.map_or(&[], |block| &block.runs);
    let stages: Vec<LoweredStage> = members
        .iter()
        .map(|member| {
            let run = runs.iter().find(|run| run.layer == member.layer);
            let array = run.and_then(|run| run.array).map(|array| array.0);
            let entry = request
                .map
                .and_then(|map| map.assignments.get(member.layer));
            let entry = entry.filter(|entry| entry.choice == Choice::Named);
            let array = array.or_else(|| entry?.array);
            LoweredStage {
                layer: member.layer,
                name: member.source.name.clone(),
                rank_names: member.rank_names.clone(),
                array,
                peak: peak(request.accelerator, array),
                dataflow: dataflow(request, member, run),
                span: run.map_or(member.span, |run| run.span),
            }
        })
        .collect();
    if pipeline {
        let keyword = block.map_or(request.group.span, |block| block.keyword);
        if let Some(error) = shared(request.accelerator, &stages, keyword) {
            sink.push(error.to_diagnostic());
        }
    }
    (stages, pipeline)
}

/// MACs per cycle: the array and everything inside of it; without arrays the lanes of the one PE.
fn peak(accelerator: &Accelerator, array: Option<usize>) -> u64 {
    let level = array
        .and_then(|array| accelerator.arrays.get(array))
        .map_or(0, |array| array.level);
    accelerator
        .on_array(array)
        .arrays
        .iter()
        .filter(|array| array.level >= level)
        .flat_map(|array| &array.shape)
        .fold(accelerator.lanes, |peak, &size| peak.saturating_mul(size))
        .max(1)
}

/// The stage's own word, the map's entry for the layer, the layer's own; defaults are not for fused layers.
fn dataflow(request: &Request<'_>, member: &Member<'_>, run: Option<&Run>) -> Option<Application> {
    let entry = request
        .map
        .and_then(|map| map.assignments.get(member.layer))
        .filter(|entry| entry.choice == Choice::Named)
        .and_then(|entry| entry.application.as_ref());
    run.and_then(|run| run.application.as_ref())
        .or(entry)
        .or(member.source.dataflow.as_ref())
        .filter(|known| request.program.dataflows.get(known.dataflow).is_some())
        .cloned()
}

/// The first two stages of a pipeline that meet on one array; an array inside of another one is part of it.
fn shared(accelerator: &Accelerator, stages: &[LoweredStage], keyword: Span) -> Option<FuseError> {
    // Without a word a stage has the first array.
    let array = |stage: &LoweredStage| stage.array.unwrap_or(0);
    let name = |stage: &LoweredStage| {
        let known = accelerator.arrays.get(array(stage));
        known.map_or_else(|| "the PE".to_owned(), |array| format!("`{}`", array.name))
    };
    stages.iter().enumerate().find_map(|(at, second)| {
        let first = stages
            .iter()
            .take(at)
            .find(|first| !beside(accelerator, array(first), array(second)))?;
        Some(FuseError::SharedArray {
            stages: [first.name.clone(), second.name.clone()],
            arrays: [name(first), name(second)],
            chosen: [first.array.is_some(), second.array.is_some()],
            span: second.span,
            first: first.span,
            keyword,
        })
    })
}

/// Whether two arrays are different hardware: side by side, none inside the other.
fn beside(accelerator: &Accelerator, one: usize, other: usize) -> bool {
    let level = |array: usize| accelerator.arrays.get(array).map(|array| array.level);
    one != other && level(one).is_some() && level(one) == level(other)
}
