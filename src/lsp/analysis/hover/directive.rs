//! A directive at work: window, steps, instances and tile in every layer that it serves.

use crate::base::Span;
use crate::base::num::grouped;
use crate::ir::{LoopKind, groups};
use crate::lsp::analysis::evaluate::{Evaluated, ResultCache};
use crate::lsp::analysis::hints::{self, Use};
use crate::lsp::analysis::{Snapshot, words};

/// Most rows of the table.
const MOST_ROWS: usize = 12;

/// Window, steps, instances and tile of a directive in every layer that it serves.
pub(super) fn table(
    snapshot: &Snapshot,
    evaluated: &Evaluated,
    cache: &mut ResultCache,
    span: Span,
) -> Option<String> {
    let all = hints::uses(snapshot, evaluated);
    let uses = all.get(&span)?;
    let mut out =
        "| layer | window | steps | instances | tile | PEs used |\n|---|---|---:|---:|---|---:|\n"
            .to_owned();
    for used in uses.iter().take(MOST_ROWS) {
        if let Some(row) = row(cache, used) {
            out.push_str(&row);
        }
    }
    if uses.len() > MOST_ROWS {
        out.push_str(&format!("\nand {} more layers\n", uses.len() - MOST_ROWS));
    }
    Some(out)
}

fn row(cache: &mut ResultCache, used: &Use<'_>) -> Option<String> {
    let checked = used.layer.checked.as_ref()?;
    let (at, number) = used.place;
    let around = checked.legal.schedule.loops.get(at)?;
    let step = around.moves.get(number)?;
    let (names, tile) = hints::tile_of(cache, used)?;
    let instances = match around.kind {
        LoopKind::Temporal => "-".to_owned(),
        LoopKind::Spatial { instances, .. } => grouped(u128::from(instances)),
    };
    let windows = windows(checked, at).map_or_else(|| "?".to_owned(), |n| grouped(u128::from(n)));
    let report = used.layer.report.as_ref();
    let mapping = report.and_then(|report| report.mapping.as_ref());
    let pes = mapping.map_or_else(
        || "?".to_owned(),
        |mapping| {
            format!(
                "{} of {}",
                grouped(u128::from(mapping.pes_used)),
                grouped(u128::from(mapping.pes))
            )
        },
    );
    Some(format!(
        "| `{}` | {} by {} | {windows} | {instances} | {} | {pes} |\n",
        used.name,
        grouped(u128::from(step.size)),
        grouped(u128::from(step.offset)),
        words::tile(names, &tile),
    ))
}

/// How many windows a loop has inside the first windows of the loops around it.
fn windows(checked: &crate::evaluate::CheckedLayer, index: usize) -> Option<u64> {
    groups(&checked.legal).into_iter().find_map(|group| {
        let mut state = group.whole();
        for around in &group.loops {
            if around.index == index {
                return Some(group.windows_in(&state, around));
            }
            state = group.step(&state, around, 0);
        }
        None
    })
}
