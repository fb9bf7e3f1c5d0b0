//! What every statement of a fused block costs: `retain a.Output in GLB;` the bytes of its window, `tile b.P by 1 { }` how
//! often it turns, `run a;` the cycles of its stage.

use super::{Hint, HintKind};
use crate::base::num::grouped;
use crate::lsp::analysis::evaluate::EvaluatedGroup;
use crate::report::GroupReport;
use crate::report::fused::GroupTensorReport;
use crate::syntax::ast::{Fuse, FuseBody, FuseStatementKind, Path, StageEntry};

/// Hints inside of one block whose group has figures.
pub fn inside(node: &Fuse, group: &EvaluatedGroup, hints: &mut Vec<Hint>) {
    let Some(report) = &group.report else { return };
    let mut trips = group.trips.iter();
    body(&node.body, report, &mut trips, hints);
}

/// Blocks are nested only as deep as the parser allows.
fn body<'a>(
    body: &FuseBody,
    report: &GroupReport,
    trips: &mut impl Iterator<Item = &'a u64>,
    hints: &mut Vec<Hint>,
) {
    for statement in &body.statements {
        let end = statement.span.hi();
        match &statement.kind {
            FuseStatementKind::Tile {
                size, body: inner, ..
            } => {
                if let Some(count) = trips.next() {
                    let label = format!("{} steps", grouped(u128::from(*count)));
                    let all = grouped(u128::from(report.iterations));
                    push(
                        size.span.hi(),
                        label,
                        format!("{all} steps of all loops together"),
                        hints,
                    );
                }
                self::body(inner, report, trips, hints);
            }
            FuseStatementKind::Retain { tensors, memory } => {
                let known = known(report, tensors);
                let bytes = known.iter().map(|tensor| tensor.window_bytes).sum();
                let lines = known.iter().map(|tensor| {
                    format!(
                        "{}: at most {} bytes in {memory}, {} of them used again; {} bytes from and to the backing store",
                        tensor.tensor,
                        grouped(tensor.window_bytes),
                        grouped(tensor.live_bytes),
                        grouped(tensor.dram_bytes)
                    )
                });
                let lines: Vec<String> = lines.collect();
                if !lines.is_empty() {
                    push(
                        end,
                        format!("{} B", grouped(bytes)),
                        lines.join("\n"),
                        hints,
                    );
                }
            }
            FuseStatementKind::Refetch { tensors, .. } => {
                let known = known(report, tensors);
                let bytes = known.iter().map(|tensor| tensor.dram_bytes).sum();
                if !known.is_empty() {
                    let label = format!("moves {} B", grouped(bytes));
                    push(
                        end,
                        label,
                        "from and to the backing store".to_owned(),
                        hints,
                    );
                }
            }
            FuseStatementKind::Recompute { tensors } => {
                let known = known(report, tensors);
                let again: u128 = known
                    .iter()
                    .map(|tensor| u128::from(tensor.recomputed))
                    .sum();
                if !known.is_empty() {
                    let label = format!("{} elements again", grouped(again));
                    push(
                        end,
                        label,
                        "elements that are made more than once".to_owned(),
                        hints,
                    );
                }
            }
            FuseStatementKind::Stages(stages) => {
                for entry in &stages.entries {
                    let StageEntry::Run(run) = entry else {
                        continue;
                    };
                    let stage = report
                        .stages
                        .iter()
                        .find(|stage| stage.layer == run.layer.value);
                    if let Some(stage) = stage {
                        let label = format!("{} cycles", grouped(u128::from(stage.cycles)));
                        let alone = stage.cycles_alone.map_or_else(String::new, |alone| {
                            format!("; {} alone and whole", grouped(u128::from(alone)))
                        });
                        let share =
                            format!("{:.1} % of the group's time{alone}", stage.share * 100.0);
                        push(run.span.hi(), label, share, hints);
                    }
                }
            }
            FuseStatementKind::Error => {}
        }
    }
}

fn known<'a>(report: &'a GroupReport, tensors: &[Path]) -> Vec<&'a GroupTensorReport> {
    let named = |path: &Path| {
        let name = path.to_string();
        let is_called =
            |tensor: &&GroupTensorReport| tensor.tensor == name || tensor.aliases.contains(&name);
        report.tensors.iter().find(is_called)
    };
    tensors.iter().filter_map(named).collect()
}

fn push(offset: u32, label: String, tooltip: String, hints: &mut Vec<Hint>) {
    hints.push(Hint {
        offset,
        label,
        tooltip: Some(tooltip),
        kind: HintKind::Cost,
    });
}
