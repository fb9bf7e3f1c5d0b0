//! Mappings and counts as plain text, for `emit --stage ir` and `oracle --compare`.

use crate::engine::Counts;
use crate::ir::{Axis, LoopKind, Mapping, Operation};
use crate::lower::{Lowered, NamedLayer, Names};
use crate::models;
use crate::models::deepopt::{Loop, Schedule};
use std::fmt::Debug;

/// A layer under a schedule without loops: the operation, and how some model knows the schedule.
pub fn named(out: &mut String, map: &str, layer: &NamedLayer) {
    operation(out, map, &layer.names, &layer.operation);
    let schedule = &layer.schedule;
    let models: Vec<&str> = models::knowing(schedule)
        .map(|model| model.name())
        .collect();
    *out += &format!("  schedule {schedule}");
    if !models.is_empty() {
        *out += &format!(" of {}", models.join(", "));
    }
    if let Some(known) = Schedule::named(schedule) {
        let loops = known.loops().map(Loop::name);
        *out += &format!(": {} from the outermost loop on", loops.join(" "));
    }
    *out += "\n\n";
}

fn name(list: &[String], index: usize) -> String {
    list.get(index).cloned().unwrap_or_default()
}

/// Ranks and tensors.
fn operation(out: &mut String, map: &str, names: &Names, operation: &Operation) {
    *out += &format!("{map}: {}\n", names.layer);
    let ranks: Vec<String> = operation
        .ranks
        .iter()
        .enumerate()
        .map(|(rank, extent)| format!("{} {extent}", name(&names.ranks, rank)))
        .collect();
    *out += &format!("  ranks {}\n", ranks.join(", "));
    for (index, tensor) in operation.tensors.iter().enumerate() {
        let dims: Vec<String> = tensor
            .dims
            .iter()
            .map(|dim| {
                let mut terms: Vec<String> = dim
                    .terms
                    .iter()
                    .map(|term| {
                        let rank = name(&names.ranks, term.rank.index());
                        match term.coefficient {
                            1 => rank,
                            coefficient => format!("{coefficient}*{rank}"),
                        }
                    })
                    .collect();
                if dim.constant != 0 || terms.is_empty() {
                    terms.push(dim.constant.to_string());
                }
                format!("{} < {}", terms.join(" + "), dim.extent)
            })
            .collect();
        *out += &format!(
            "  tensor {}[{}] {} bits{}\n",
            name(&names.tensors, index),
            dims.join(", "),
            tensor.bits,
            match tensor.partial_bits {
                bits if bits == tensor.bits => String::new(),
                bits => format!(", partial sums {bits} bits"),
            }
        );
    }
}

/// One mapped layer: the operation, the loops with the places of the tiles among them.
pub fn mapping(out: &mut String, map: &str, lowered: &Lowered, mapping: &Mapping) {
    let names = &lowered.names;
    let axis_name = |axis: Axis| match axis {
        Axis::Rank(rank) => name(&names.ranks, rank.index()),
        Axis::Window(window) => name(&names.windows, usize::from(window)),
    };
    let schedule = &mapping.schedule;
    operation(out, map, names, &mapping.operation);
    for place in 0..=schedule.loops.len() {
        for (memory, row) in schedule.positions.iter().enumerate() {
            let here: Vec<String> = row
                .iter()
                .enumerate()
                .filter(|(_, position)| **position == Some(place))
                .map(|(tensor, _)| name(&names.tensors, tensor))
                .collect();
            if !here.is_empty() {
                *out += &format!(
                    "  -- {}: {}\n",
                    name(&names.memories, memory),
                    here.join(", ")
                );
            }
        }
        if place == schedule.steps && schedule.steps != schedule.leaf {
            *out += "  -- steps of the lanes\n";
        }
        if place == schedule.leaf {
            *out += "  -- leaf\n";
        }
        if let Some(around) = schedule.loops.get(place) {
            let moves: Vec<String> = around
                .moves
                .iter()
                .map(|step| format!("{} ({},{})", axis_name(step.axis), step.size, step.offset))
                .collect();
            let kind = match around.kind {
                LoopKind::Temporal => "temporal".to_owned(),
                LoopKind::Spatial { array, instances } => {
                    format!(
                        "spatial over {} of {}",
                        instances,
                        name(&names.arrays, array)
                    )
                }
            };
            *out += &format!("  level {} {kind}: {}\n", around.level, moves.join(", "));
        }
    }
    out.push('\n');
}

/// Every figure in which two results differ, one line each.
pub fn differences(layer: &str, engine: &Counts, oracle: &Counts) -> Vec<String> {
    let mut found = Vec::new();
    let mut line = |what: String, left: &dyn Debug, right: &dyn Debug| {
        let (left, right) = (format!("{left:?}"), format!("{right:?}"));
        if left != right {
            found.push(format!("{layer}: {what}: engine {left}, oracle {right}"));
        }
    };
    line(
        "operations".to_owned(),
        &engine.operations,
        &oracle.operations,
    );
    line("steps".to_owned(), &engine.steps, &oracle.steps);
    line("PEs used".to_owned(), &engine.pes_used, &oracle.pes_used);
    line("timing".to_owned(), &engine.timing, &oracle.timing);
    for (index, (left, right)) in engine.memories.iter().zip(&oracle.memories).enumerate() {
        line(
            format!("memory {index}, required bits"),
            &left.required_bits,
            &right.required_bits,
        );
        for (left, right) in left.tensors.iter().zip(&right.tensors) {
            line(format!("memory {index}"), left, right);
        }
    }
    for (index, (left, right)) in engine.boundaries.iter().zip(&oracle.boundaries).enumerate() {
        line(format!("boundary {index}"), left, right);
    }
    if found.is_empty() {
        found.push(format!("{layer}: the results have different shapes"));
    }
    found
}
