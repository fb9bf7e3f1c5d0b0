//! Zeros in the tensors of a group: what is left without them, and readers that see other zeros than were written.

use super::ledger;
use crate::cost::{GroupAction, GroupComponent, work_density};
use crate::diag::{Code, Diagnostic};
use crate::engine::fused::Flow;
use crate::ir::FusedGroup;
use crate::lower::LoweredGroup;
use crate::report::fused::{DensityReport, DensityTensor, GroupNames, Ordered};

/// The actions as they would be if every density were 1.
pub(super) fn dense(actions: &[GroupAction]) -> Vec<GroupAction> {
    let dense = |action: &GroupAction| GroupAction {
        density: 1.0,
        ..*action
    };
    actions.iter().map(dense).collect()
}

/// The `density` of a group's report, as that of a layer; `None` where everything is dense.
pub(super) fn report(
    group: &FusedGroup,
    flow: &Flow,
    names: &GroupNames,
    actions: &[GroupAction],
    dense_energy_pj: Option<f64>,
) -> Option<DensityReport> {
    let operands = group
        .stages
        .iter()
        .flat_map(|stage| &stage.operation.tensors);
    if operands.into_iter().all(|tensor| tensor.density >= 1.0) {
        return None;
    }
    let memory_name = |memory: usize| names.memories.get(memory).cloned().unwrap_or_default();
    let effective = |tensor: usize, written: bool| {
        let mut sums = Ordered::default();
        for action in actions {
            let memory = match action.component {
                GroupComponent::Read { memory, tensor: of } if !written && of == tensor => memory,
                GroupComponent::Write { memory, tensor: of } if written && of == tensor => memory,
                _ => continue,
            };
            sums.add(&memory_name(memory), action.count as f64 * action.density);
        }
        sums
    };
    let operations = group.stages.iter().zip(&flow.stages);
    let operations =
        operations.map(|(stage, done)| done.operations as f64 * work_density(&stage.operation));
    let tensors = names.tensors.iter().enumerate();
    Some(DensityReport {
        effective_operations: operations.sum(),
        dense_energy_pj,
        tensors: tensors
            .map(|(tensor, (name, _))| DensityTensor {
                tensor: name.clone(),
                density: ledger::density(group, tensor),
                effective_reads: effective(tensor, false),
                effective_writes: effective(tensor, true),
            })
            .collect(),
    })
}

/// W0302 for every reader that gives a map another density than its writer.
pub(super) fn told(lowered: &LoweredGroup) -> Vec<Diagnostic> {
    let group = &lowered.group;
    let mut told = Vec::new();
    for (at, (stage, names)) in group.stages.iter().zip(&lowered.stages).enumerate() {
        for (access, touched) in stage.accesses.iter().enumerate() {
            let producer = group.tensors.get(touched.tensor).and_then(|t| t.producer);
            let Some(maker) = producer.filter(|&maker| maker != at) else {
                continue;
            };
            let operand = ledger::operand_of(group, at, access);
            let read = stage.operation.tensors.get(operand).map(|t| t.density);
            let made = group.stages.get(maker);
            let written = made.and_then(|made| Some(made.operation.tensors.last()?.density));
            let (Some(read), Some(written), Some(maker)) =
                (read, written, lowered.stages.get(maker))
            else {
                continue;
            };
            if (read - written).abs() < 1e-12 {
                continue;
            }
            let message = format!(
                "`{}` reads a density of {read}, and `{}` writes one of {written}",
                names.name, maker.name
            );
            let diagnostic = Diagnostic::new(Code::W0302, message)
                .at(names.span, format!("its input has a density of {read}"))
                .also(maker.span, format!("its Output has a density of {written}"))
                .note("each is counted as it says: the accesses of one and the same map differ")
                .help("give both the same density");
            told.push(diagnostic);
        }
    }
    told
}
