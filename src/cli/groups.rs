//! Fused groups for `emit --stage ir`, `emit --stage tree` and `oracle`.

use crate::base::num::grouped;
use crate::driver::Compiled;
use crate::engine::fused::{Flow, count};
use crate::hir::Map;
use crate::ir::{Fate, Index, Overlap};
use crate::lower::LoweredGroup;
use std::fmt::Debug;

/// The differences between two counts of a group, one line each.
pub fn differences(lowered: &LoweredGroup, engine: &Flow, oracle: &Flow) -> Vec<String> {
    let mut found = Vec::new();
    let mut line = |what: &str, left: &dyn Debug, right: &dyn Debug| {
        let (left, right) = (format!("{left:?}"), format!("{right:?}"));
        if left != right {
            found.push(format!(
                "{}: {what}: engine {left}, oracle {right}",
                lowered.name
            ));
        }
    };
    line("steps", &engine.steps, &oracle.steps);
    let sides = engine.tensors.iter().zip(&oracle.tensors);
    for ((left, right), names) in sides.zip(&lowered.tensors) {
        line(&names.name, left, right);
    }
    let sides = engine.stages.iter().zip(&oracle.stages);
    for ((left, right), stage) in sides.zip(&lowered.stages) {
        line(&stage.name, left, right);
    }
    line("cycles in sequence", &engine.sequential, &oracle.sequential);
    line("cycles in a pipeline", &engine.pipelined, &oracle.pipelined);
    line("most bits of a step", &engine.peak_bits, &oracle.peak_bits);
    if found.is_empty() && engine != oracle {
        found.push(format!(
            "{}: the results have different shapes",
            lowered.name
        ));
    }
    found
}

/// The group as the analysis sees it: stages, accesses, tensors, loops.
pub fn dump(out: &mut String, map: &str, lowered: &LoweredGroup) {
    let group = &lowered.group;
    *out += &format!("{map}: {}\n", lowered.name);
    for (tensor, names) in group.tensors.iter().zip(&lowered.tensors) {
        let extents: Vec<String> = tensor.extents.iter().map(u64::to_string).collect();
        let keep = match tensor.keep {
            Some(depth) => format!("kept inside of {depth} loops"),
            None => "not kept".to_owned(),
        };
        *out += &format!(
            "  tensor {}[{}] {} bits, {keep} in memory {}, then {}{}\n",
            names.name,
            extents.join(", "),
            tensor.bits,
            tensor.memory,
            fate_name(tensor.fate),
            if tensor.escapes {
                ", wanted outside"
            } else {
                ""
            }
        );
    }
    for (stage, known) in group.stages.iter().zip(&lowered.stages) {
        let name = |rank: usize| known.rank_names.get(rank).cloned().unwrap_or_default();
        let ranks: Vec<String> = stage
            .ranks
            .iter()
            .enumerate()
            .map(|(rank, extent)| format!("{} {}", name(rank), extent.extent))
            .collect();
        *out += &format!("  stage {}: {}\n", known.name, ranks.join(", "));
        for (at, access) in stage.accesses.iter().enumerate() {
            let dims: Vec<String> = access.dims.iter().map(|dim| index(dim, &name)).collect();
            let tensor = lowered
                .tensors
                .get(access.tensor)
                .map_or("?", |names| &names.name);
            let does = if at + 1 == stage.accesses.len() {
                "makes"
            } else {
                "reads"
            };
            *out += &format!("    {does} {tensor}[{}]\n", dims.join(", "));
        }
    }
    for source in &lowered.loops {
        *out += &format!("  loop {}\n", source.label);
    }
    *out += match group.overlap {
        Overlap::Pipeline => "  pipeline\n\n",
        Overlap::Sequence => "  sequence\n\n",
    };
}

fn index(dim: &Index, name: &impl Fn(usize) -> String) -> String {
    let Index::Affine { terms, constant } = dim else {
        return "whole".to_owned();
    };
    let mut parts: Vec<String> = terms
        .iter()
        .map(|term| {
            let rank = match term.divisor {
                1 => name(term.rank),
                divisor => format!("({} / {divisor})", name(term.rank)),
            };
            match term.coefficient {
                1 => rank,
                coefficient => format!("{coefficient}*{rank}"),
            }
        })
        .collect();
    if *constant != 0 || parts.is_empty() {
        parts.push(constant.to_string());
    }
    parts.join(" + ")
}

fn fate_name(fate: Fate) -> &'static str {
    match fate {
        Fate::Retain => "retained",
        Fate::Recompute => "recomputed",
        Fate::Refetch => "refetched",
    }
}

/// The loop tree: storage nodes between the loops, stages at the leaves.
pub fn tree(out: &mut String, compiled: &Compiled, map: &Map, lowered: &LoweredGroup) {
    let program = &compiled.program;
    let accelerator = program.accelerators.get(map.accelerator);
    let memory = |index: usize| {
        let known = accelerator.and_then(|accelerator| accelerator.memories.get(index));
        known.map_or("?", |memory| memory.name.as_str())
    };
    let group = &lowered.group;
    // What is wrong with a group is no reason not to look at it.
    let flow = count(group, &[]).ok();
    let buffers = |out: &mut String, indent: &str, depth: Option<usize>| {
        for (index, (tensor, names)) in group.tensors.iter().zip(&lowered.tensors).enumerate() {
            if tensor.keep != depth {
                continue;
            }
            let size = flow
                .as_ref()
                .and_then(|flow| flow.tensors.get(index))
                .map_or_else(String::new, |moved| {
                    let bytes = (u128::from(moved.window) * u128::from(tensor.bits)).div_ceil(8);
                    let elements = grouped(moved.window.into());
                    format!(": {elements} elements, {} B", grouped(bytes))
                });
            let also = if names.aliases.is_empty() {
                String::new()
            } else {
                format!(" = {}", names.aliases.join(" = "))
            };
            let then = match (depth, tensor.fate) {
                (None, _) => ", for one step",
                (Some(0), _) | (_, Fate::Retain) => "",
                (_, Fate::Recompute) => ", the rest recomputed",
                (_, Fate::Refetch) => ", the rest refetched",
            };
            let place = memory(tensor.memory);
            *out += &format!("{indent}[{place}] {}{also}{size}{then}\n", names.name);
        }
    };
    *out += &format!("{}: {}\n", map.name, lowered.name);
    let mut indent = "  ".to_owned();
    buffers(out, &indent, Some(0));
    let mut pieces: Vec<u64> = group.stages.last().map_or_else(Vec::new, |head| {
        head.ranks.iter().map(|rank| rank.extent).collect()
    });
    for (at, (tile, source)) in group.loops.iter().zip(&lowered.loops).enumerate() {
        let size = tile.size.max(1);
        let trips = pieces.get_mut(tile.rank).map_or(1, |piece| {
            let trips = piece.div_ceil(size);
            *piece = (*piece).min(size);
            trips
        });
        *out += &format!(
            "{indent}{}: {} times\n",
            source.label,
            grouped(trips.into())
        );
        indent += "  ";
        buffers(out, &indent, Some(at + 1));
    }
    buffers(out, &indent, None);
    *out += &indent;
    *out += match group.overlap {
        Overlap::Pipeline => "pipeline\n",
        Overlap::Sequence => "sequence\n",
    };
    indent += "  ";
    for stage in &lowered.stages {
        let array = stage.array.zip(accelerator);
        let array = array.and_then(|(array, accelerator)| accelerator.arrays.get(array));
        let array = array.map_or_else(String::new, |array| format!(" on {}", array.name));
        let how = match &stage.dataflow {
            Some(application) => format!("by {}", compiled.spelling(application)),
            None => format!("at {} per cycle", grouped(stage.peak.into())),
        };
        *out += &format!("{indent}{}{array} {how}\n", stage.name);
    }
    out.push('\n');
}
