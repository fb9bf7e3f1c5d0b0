//! A schedule that is raised, printed, parsed and lowered is the schedule.
//!
//! Every case is a program whose dataflow is generated: loops or maps, a third of them with places and bypasses of
//! their own, half of them imperfect, sizes given by parameters. Lowered and settled it is a schedule without
//! anything left open; raised, it must come back, now without parameters and with every place said.
//!
//! `DFLOW_CASES=20000 cargo test --test it raise` runs more of them.

use dflowc::diag::Diagnostics;
use dflowc::driver::{Compiled, MemoryFiles, Session};
use dflowc::ir::{LoopKind, Mapping};
use dflowc::legality;
use dflowc::lower::raise::{raise, same};
use dflowc::lower::{Lowered, Options};
use dflowc::syntax::print::print_dataflow;
use std::collections::BTreeSet;

/// Numbers that are the same in every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// At least `from`, at most `to`.
    fn within(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from + 1)
    }

    fn one<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.within(0, list.len() as u64 - 1) as usize]
    }

    fn once_in(&mut self, times: u64) -> bool {
        self.within(1, times) == 1
    }
}

/// A layer: its text, and its dimensions with their extents, those of windows last.
struct Shape {
    text: String,
    dims: Vec<(&'static str, u64)>,
}

fn shape(dice: &mut Dice) -> Shape {
    match dice.within(0, 4) {
        0 | 1 => {
            let (k, c, r) = (dice.within(1, 24), dice.within(1, 16), dice.within(1, 3));
            let (y, x, stride) = (dice.within(r, 18), dice.within(r, 18), dice.within(1, 2));
            let (p, q) = ((y - r) / stride + 1, (x - r) / stride + 1);
            // Inputs that no output needs are not part of the layer.
            let (y, x) = ((p - 1) * stride + r, (q - 1) * stride + r);
            Shape {
                text: format!(
                    "Type: CONV; Stride {{ X: {stride}; Y: {stride} }} \
                     Dimensions {{ N: 1, K: {k}, C: {c}, Y: {y}, X: {x}, R: {r}, S: {r} }}"
                ),
                dims: vec![
                    ("K", k),
                    ("C", c),
                    ("P", p),
                    ("Q", q),
                    ("R", r),
                    ("S", r),
                    ("Y", y),
                    ("X", x),
                ],
            }
        }
        2 => {
            let (m, n, k) = (dice.within(1, 30), dice.within(1, 30), dice.within(1, 30));
            Shape {
                text: format!("Type: GEMM; Dimensions {{ M: {m}, N: {n}, K: {k} }}"),
                dims: vec![("M", m), ("N", n), ("K", k)],
            }
        }
        3 => {
            let (n, k, c) = (dice.within(1, 9), dice.within(1, 30), dice.within(1, 30));
            Shape {
                text: format!("Type: FC; Dimensions {{ N: {n}, K: {k}, C: {c} }}"),
                dims: vec![("N", n), ("K", k), ("C", c)],
            }
        }
        _ => {
            let (c, y) = (dice.within(1, 20), dice.within(2, 16));
            let (p, y) = ((y - 2) / 2 + 1, (y - 2) / 2 * 2 + 2);
            Shape {
                text: format!(
                    "Type: POOL; Stride {{ X: 2; Y: 2 }} \
                     Dimensions {{ N: 1, C: {c}, Y: {y}, X: {y}, R: 2, S: 2 }}"
                ),
                dims: vec![("C", c), ("P", p), ("Q", p), ("R", 2), ("S", 2)],
            }
        }
    }
}

/// An accelerator whose innermost memory is `RF`.
struct Machine {
    text: &'static str,
    /// Between the backing store and the innermost.
    memories: &'static [&'static str],
    /// Those that may be spread over, with the numbers of their axes.
    arrays: &'static [(&'static str, u64)],
    /// Sizes of clusters that its arrays can be cut into.
    clusters: &'static [u64],
}

const MACHINES: &[Machine] = &[
    Machine {
        text: "Accelerator a { Memory DRAM {} Memory GLB {} Array PE { Shape: [4, 6] } Memory RF {} Compute MAC {} }",
        memories: &["GLB"],
        arrays: &[("PE", 2)],
        clusters: &[2, 3, 4, 6, 12],
    },
    Machine {
        text: "Accelerator a { Memory DRAM {} Memory L2 {} Memory L1 { Holds: Input, Output } Array PE { Shape: [12] } \
               Memory RF {} Compute MAC {} }",
        memories: &["L2", "L1"],
        arrays: &[("PE", 1)],
        clusters: &[2, 3, 4, 5, 6],
    },
    Machine {
        text: "Accelerator a { Memory DRAM {} Array Core { Shape: [3] } Memory GLB {} Array PE { Shape: [5] } \
               Memory RF {} Compute MAC {} }",
        memories: &["GLB"],
        arrays: &[("Core", 1), ("PE", 1)],
        clusters: &[5],
    },
    Machine {
        text: "Accelerator a { Memory DRAM {} Memory GLB {} Array Row { Shape: [2] } Array Cell { Shape: [8] } \
               Memory RF {} Compute MAC {} }",
        memories: &["GLB"],
        arrays: &[("Row", 1), ("Cell", 1)],
        clusters: &[2, 4, 8, 3],
    },
    Machine {
        text: "Accelerator a { Memory DRAM {} Memory GLB {} Array PE { Shape: [6] } Memory RF {} \
               Array Lane { Shape: [4] } Compute MAC {} }",
        memories: &["GLB"],
        arrays: &[("PE", 1)],
        clusters: &[2, 3, 4],
    },
];

/// A size of at most `bound`; a divisor when it is to be perfect.
fn piece(dice: &mut Dice, bound: u64, perfect: bool) -> u64 {
    let size = dice.within(1, bound);
    if perfect {
        (1..=size)
            .rev()
            .find(|part| bound.is_multiple_of(*part))
            .unwrap()
    } else {
        size
    }
}

fn tensors(text: &str) -> &'static [&'static str] {
    match text {
        _ if text.contains("GEMM") => &["A", "B", "C"],
        _ if text.contains("POOL") => &["Input", "Output"],
        _ => &["Input", "Weight", "Output"],
    }
}

/// `tile` and `spread`.
fn loops(dice: &mut Dice, shape: &Shape, hardware: usize, perfect: bool, places: bool) -> String {
    let Machine {
        memories, arrays, ..
    } = MACHINES[hardware];
    let ranks: Vec<_> = shape
        .dims
        .iter()
        .filter(|dim| !matches!(dim.0, "Y" | "X"))
        .collect();
    let mut left: Vec<u64> = ranks.iter().map(|rank| rank.1).collect();
    let mut lines = Vec::new();
    let mut spread = 0;
    let count = dice.within(2, 9);
    for number in 0..count {
        let at = dice.within(0, ranks.len() as u64 - 1) as usize;
        let size = piece(dice, left[at], perfect);
        let (dim, remaining) = (ranks[at].0, count - number);
        let spreads = arrays.len() - spread;
        if spreads > 0 && (dice.once_in(3) || remaining as usize <= spreads) {
            let (array, axes) = arrays[spread];
            let axis = match axes {
                1 => String::new(),
                _ if dice.once_in(2) => String::new(),
                _ => format!("[{}]", dice.within(0, axes - 1)),
            };
            lines.push(format!("spread {dim} by {size} over {array}{axis};"));
            spread += 1;
        } else {
            lines.push(format!("tile {dim} by {size};"));
        }
        left[at] = size;
    }
    // Where the arrays are passed, memories may be placed.
    if places {
        let names = tensors(&shape.text);
        let last = lines.iter().rposition(|line| line.starts_with("spread"));
        for &memory in memories {
            let tensor = dice.one(names);
            if dice.once_in(3) {
                lines.insert(0, format!("bypass {tensor} in {memory};"));
            } else {
                let inside = if memory == "GLB" && hardware == 2 {
                    last.map_or(0, |at| at + 1)
                } else {
                    0
                };
                let at = dice.within(inside as u64, lines.len() as u64) as usize;
                lines.insert(at, format!("retain {tensor} in {memory};"));
            }
        }
        let last = lines.iter().rposition(|line| line.starts_with("spread"));
        let behind = last.map_or(0, |at| at + 1);
        if dice.once_in(3) && behind < lines.len() && hardware != 4 {
            let at = dice.within(behind as u64, lines.len() as u64 - 1) as usize;
            let (tiles, others): (Vec<String>, Vec<String>) = lines
                .split_off(at)
                .into_iter()
                .partition(|line| line.starts_with("tile"));
            lines.extend(others);
            lines.push(format!("at RF {{ {} }}", tiles.join(" ")));
        }
    }
    lines.join(" ")
}

/// `TemporalMap`, `SpatialMap` and `Cluster`.
fn maps(dice: &mut Dice, shape: &Shape, hardware: usize, perfect: bool, places: bool) -> String {
    let Machine {
        memories, clusters, ..
    } = MACHINES[hardware];
    let levels = match hardware {
        2 => 2,
        _ => dice.within(1, 2),
    };
    let mut left: Vec<u64> = shape.dims.iter().map(|dim| dim.1).collect();
    let windows = shape.dims.iter().any(|dim| dim.0 == "Y") && dice.once_in(2);
    let mut lines = Vec::new();
    for level in 0..levels {
        if level > 0 {
            lines.push(format!("Cluster({});", dice.one(clusters)));
        }
        let mut used = BTreeSet::new();
        for _ in 0..dice.within(1, 5) {
            let at = dice.within(0, shape.dims.len() as u64 - 1) as usize;
            let dim = shape.dims[at].0;
            let (input, output) = (matches!(dim, "Y" | "X"), matches!(dim, "P" | "Q"));
            if !used.insert(dim) || (input && !windows) || (output && windows) {
                continue;
            }
            let size = piece(dice, left[at], perfect);
            let word = if dice.once_in(3) {
                "SpatialMap"
            } else {
                "TemporalMap"
            };
            let offset = if input { dice.within(1, size) } else { size };
            lines.push(format!("{word}({size},{offset}) {dim};"));
            left[at] = size;
        }
    }
    if places {
        let names = tensors(&shape.text);
        for &memory in memories {
            let tensor = dice.one(names);
            let word = if dice.once_in(2) { "bypass" } else { "retain" };
            let at = dice.within(0, lines.len() as u64) as usize;
            lines.insert(at, format!("{word} {tensor} in {memory};"));
        }
    }
    lines.join(" ")
}

/// Every number becomes a parameter with a default.
fn with_parameters(dataflow: &str) -> (String, String) {
    let mut parameters = Vec::new();
    let mut out = String::new();
    let mut words = dataflow.split_inclusive(' ').peekable();
    while let Some(word) = words.next() {
        out += word;
        let number = |word: &&&str| word.trim_end().trim_end_matches(';').parse::<u64>().is_ok();
        if word.trim_end() == "by" && words.peek().as_ref().is_some_and(number) {
            let value = words.next().unwrap_or_default();
            let digits = value.trim_end().trim_end_matches(';');
            let name = format!("p{}", parameters.len());
            parameters.push(format!("{name} = {digits}"));
            out += &value.replacen(digits, &name, 1);
        }
    }
    (parameters.join(", "), out)
}

fn program(shape: &Shape, hardware: usize, dataflow: &str) -> String {
    let (parameters, body) = with_parameters(dataflow);
    let parameters = if parameters.is_empty() {
        String::new()
    } else {
        format!("({parameters})")
    };
    let maps = format!("Dataflow d{parameters} {{ {body} }}\nMap n on a {{ l: d; }}\n");
    layer_on(shape, hardware, &maps)
}

fn layer_on(shape: &Shape, hardware: usize, maps: &str) -> String {
    let (layer, accelerator) = (&shape.text, MACHINES[hardware].text);
    format!("Network n {{ Layer l {{ {layer} }} }}\n{accelerator}\n{maps}")
}

fn load(text: &str) -> Compiled {
    Session::new(MemoryFiles::new().with("f.dflow", text)).load("f.dflow")
}

/// The lowered layer; `None` when something is wrong with it.
fn lowered(compiled: &Compiled) -> Option<Lowered> {
    let mut sink = Diagnostics::new();
    let map = compiled.program.maps.first()?;
    let planned = compiled.plan_layer(map, 0, Options::default(), &mut sink)?;
    planned.lowered
}

/// With a place for every tensor, also of a mapping that is not legal.
fn settled(lowered: &Lowered) -> Mapping {
    let mut mapping = lowered.mapping.clone();
    match legality::settle(mapping.clone(), &lowered.automatic, &lowered.fixed) {
        Ok((legal, _)) => legal.into_inner(),
        Err(_) => {
            let _ = legality::choose(&mut mapping, &lowered.automatic, &lowered.fixed);
            mapping
        }
    }
}

/// The text of a schedule.
fn raised(compiled: &Compiled, layer: usize, mapping: &Mapping) -> Result<String, String> {
    let map = &compiled.program.maps[0];
    let source = &compiled.program.networks[map.network].layers[layer];
    let accelerator = &compiled.program.accelerators[map.accelerator];
    let body = raise(source, accelerator, mapping).map_err(|why| why.to_string())?;
    Ok(print_dataflow(&body))
}

/// What is wrong with a layer of a program that was made of raised texts.
fn is_back(again: &Compiled, layer: usize, mapping: &Mapping) -> Result<(), String> {
    let mut sink = again.diagnostics.clone();
    let map = again.program.maps.first().ok_or("no map")?;
    let planned = again.plan_layer(map, layer, Options::default(), &mut sink);
    let lowered = planned.and_then(|planned| planned.lowered);
    let Some(lowered) = lowered.filter(|_| !sink.has_errors()) else {
        return Err(format!("{:#?}", sink.into_sorted(3).list));
    };
    if !lowered.automatic.is_empty() {
        return Err("leaves a place open".to_owned());
    }
    match same(&lowered.mapping.schedule, &mapping.schedule) {
        true => Ok(()),
        false => Err("gives another schedule".to_owned()),
    }
}

fn cases() -> u64 {
    let cases = std::env::var("DFLOW_CASES").ok();
    cases.and_then(|cases| cases.parse().ok()).unwrap_or(2000)
}

#[test]
fn generated_schedules_come_back() {
    let mut wrong = Vec::new();
    let (mut tried, mut lowered_ones) = (0, 0);
    let mut seen = [0u64; 7];
    while lowered_ones < cases() {
        tried += 1;
        assert!(tried < 20 * cases(), "only {lowered_ones} of {tried} serve");
        let mut dice = Dice::new(tried);
        let shape = shape(&mut dice);
        let hardware = dice.within(0, MACHINES.len() as u64 - 1) as usize;
        let (as_loops, perfect, places) = (tried % 2 == 0, dice.once_in(2), dice.once_in(3));
        let dataflow = if as_loops {
            loops(&mut dice, &shape, hardware, perfect, places)
        } else {
            maps(&mut dice, &shape, hardware, perfect, places)
        };
        let text = program(&shape, hardware, &dataflow);
        let compiled = load(&text);
        assert!(
            !compiled.diagnostics.has_errors(),
            "{text}\n{:#?}",
            compiled.diagnostics
        );
        let Some(lowered) = lowered(&compiled) else {
            continue;
        };
        lowered_ones += 1;
        let mapping = settled(&lowered);
        let back = raised(&compiled, 0, &mapping).and_then(|body| {
            let again = load(&layer_on(
                &shape,
                hardware,
                &format!("Map n on a {{ l: {body} }}"),
            ));
            match is_back(&again, 0, &mapping) {
                Ok(()) => Ok(body),
                Err(why) => Err(format!("{body}\n{why}")),
            }
        });
        match back {
            Ok(text) => {
                let loops = &mapping.schedule.loops;
                let spatial = |l: &dflowc::ir::Loop| matches!(l.kind, LoopKind::Spatial { .. });
                for (count, met) in seen.iter_mut().zip([
                    text.contains("tile"),
                    text.contains("SpatialMap"),
                    text.contains("Cluster"),
                    text.contains("bypass"),
                    text.contains("at RF"),
                    loops.iter().any(|l| l.moves.len() > 1),
                    loops.iter().filter(|l| spatial(l)).count() > 1,
                ]) {
                    *count += u64::from(met);
                }
            }
            Err(why) => wrong.push(format!("{text}{why}")),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {lowered_ones}\n{}",
        wrong.len(),
        wrong[..wrong.len().min(3)].join("\n\n")
    );
    // Every kind of directive was needed.
    assert!(
        seen.iter().all(|&count| count * 100 >= lowered_ones),
        "{seen:?} of {lowered_ones}"
    );
}

/// Every distinct layer of every network, by every dataflow of the library, on two machines: one array of two axes, and
/// two arrays with a memory between.
#[test]
fn the_dataflows_of_the_library_come_back() {
    let files: Vec<&str> = dflowc::stdlib::paths().collect();
    let names = |folder: &str| -> Vec<String> {
        let prefix = format!("std.{folder}.");
        let inside = files.iter().filter_map(|file| file.strip_prefix(&prefix));
        inside.map(str::to_owned).collect()
    };
    let (mut back, mut wrong) = (0, Vec::new());
    let mut served = BTreeSet::new();
    for accelerator in ["eyeriss", "simba", "npu"] {
        for dataflow in names("dataflows") {
            // One names the memories of its machine.
            if (dataflow == "npu") != (accelerator == "npu") {
                continue;
            }
            let mut seen = BTreeSet::new();
            for network in names("networks") {
                let header =
                    format!("Map std.networks.{network} on std.accelerators.{accelerator}");
                let compiled = load(&format!(
                    "{header} {{ default: std.dataflows.{dataflow}; }}"
                ));
                let mut sink = Diagnostics::new();
                let map = &compiled.program.maps[0];
                let mut entries = String::new();
                let mut mappings = Vec::new();
                for layer in 0..map.assignments.len() {
                    let planned = compiled.plan_layer(map, layer, Options::default(), &mut sink);
                    let planned = planned.unwrap();
                    let Some(lowered) = planned.lowered else {
                        continue;
                    };
                    // Streaming in the place of a dataflow that does not serve the layer is met once.
                    if planned.note.is_some() && dataflow != "streaming" {
                        continue;
                    }
                    let operation = &lowered.mapping.operation;
                    let signature = format!("{:?} {:?}", operation.ranks, operation.windows);
                    if !seen.insert(signature) {
                        continue;
                    }
                    let mapping = settled(&lowered);
                    match raised(&compiled, layer, &mapping) {
                        Ok(body) => {
                            entries += &format!("{}: {body}\n", lowered.names.layer);
                            mappings.push((layer, mapping));
                        }
                        Err(why) => wrong.push(format!("{header} {dataflow} {layer}: {why}")),
                    }
                    served.insert(dataflow.clone());
                }
                let again = load(&format!("{header} {{ {entries} }}"));
                for (layer, mapping) in mappings {
                    match is_back(&again, layer, &mapping) {
                        Ok(()) => back += 1,
                        Err(why) => wrong.push(format!("{header} {dataflow} {layer}: {why}")),
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {back}: {}",
        wrong.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
    // `deepopt` is a schedule by name, and has no loops.
    assert_eq!(served.len() + 1, names("dataflows").len(), "{served:?}");
    assert!(back > 500, "{back}");
}
