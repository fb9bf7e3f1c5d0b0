use super::*;
use crate::ir::{Axis, LoopKind};
use crate::lower::Options;

/// Loads one text and plans its maps; all messages as `code: message`.
pub(super) fn run(text: &str) -> (Compiled, Vec<Plan>, Vec<String>) {
    run_files(MemoryFiles::new().with("a.dflow", text))
}

fn run_files(files: MemoryFiles) -> (Compiled, Vec<Plan>, Vec<String>) {
    let compiled = Session::new(files).load("a.dflow");
    let mut sink = compiled.diagnostics.clone();
    let plans = (0..compiled.program.maps.len())
        .filter_map(|map| compiled.plan(map, Options::default(), &mut sink))
        .collect();
    let messages = sink
        .iter()
        .map(|found| format!("{}: {}", found.code, found.message))
        .collect();
    (compiled, plans, messages)
}

pub(super) const FIG_8: &str = "
Network VGG16 {
  Layer CONV1 {
    Type: CONV;
    Dimensions { N: 1, K: 64, C: 3, Y: 224, X: 224, R: 3, S: 3 }
    Dataflow {
      TemporalMap(1,1) N; TemporalMap(2,2) K; TemporalMap(3,3) C;
      SpatialMap(3,1) Y; TemporalMap(3,1) X; Cluster(3, P);
      SpatialMap(1,1) Y; SpatialMap(1,1) R; TemporalMap(3,3) S
    }
  }
}
Accelerator {
  PE     { NumPEs: 256; VectorWidth: 4; MultPrecision: INT8; AddPrecision: INT16 }
  Buffer { GlobalL2: 2048; LocalL1: 64 }          // bytes
  NoC    { Bandwidth: 64; AvgLatency: 2 }         // bytes per cycle; cycles
}
";

// The MAESTRO paper, Fig. 8, with the sizes that its section 3 gives: 85 clusters of 3 PEs.
#[test]
fn figure_8_lowers() {
    let (compiled, plans, messages) = run(FIG_8);
    assert_eq!(messages, Vec::<String>::new());
    assert_eq!(
        compiled.program.networks[0].macs(),
        Some(64 * 3 * 9 * 222 * 222)
    );
    let lowered = plans[0].layers[0].lowered.as_ref().unwrap();
    let mapping = &lowered.mapping;
    assert_eq!(
        loops(lowered),
        [
            "TemporalMap(1,1) N",
            "TemporalMap(2,2) K",
            "TemporalMap(3,3) C",
            "SpatialMap(3,1) Y",
            "TemporalMap(3,1) X",
            "SpatialMap(1,1) Y",
            "SpatialMap(1,1) R",
            "TemporalMap(3,3) S"
        ]
    );
    let loops = &mapping.schedule.loops;
    assert_eq!(
        loops[3].kind,
        LoopKind::Spatial {
            array: 0,
            instances: 85
        }
    );
    assert_eq!(loops[3].moves[0].axis, Axis::Window(0));
    assert_eq!(
        loops[5].kind,
        LoopKind::Spatial {
            array: 0,
            instances: 3
        }
    );
    assert_eq!(loops[5].moves.len(), 2);
    assert_eq!((loops[4].level, loops[5].level), (0, 1));
    // DRAM outside, LocalL1 at the PE, GlobalL2 to be placed.
    assert_eq!(lowered.automatic, [1]);
    assert_eq!(mapping.schedule.positions[0], [Some(0); 3]);
    assert_eq!(mapping.schedule.positions[2], [Some(7); 3]);
    assert_eq!(mapping.operation.tensors[2].bits, 16);
    assert_eq!(mapping.architecture.memories[2].capacity_bits, Some(512));
    assert!(mapping.architecture.memories[2].double_buffered);
    assert!(!mapping.architecture.memories[1].double_buffered);
    assert_eq!(mapping.architecture.arrays[0].network.latency, Some(2));
}

// Every file of the library resolves without a word; the networks' own `Macs` are checked on the way.
#[test]
fn the_library_is_clean() {
    for path in crate::stdlib::paths() {
        let name = path.rsplit('.').next().unwrap();
        let (compiled, _, messages) = run(&format!("use {path};"));
        assert_eq!(messages, Vec::<String>::new(), "{path}");
        let program = &compiled.program;
        let defined = match path.split('.').nth(1).unwrap() {
            "networks" => program.networks.last().map(|network| network.name.clone()),
            "accelerators" => program.accelerators.last().map(|known| known.name.clone()),
            "technology" => program.technologies.last().map(|known| known.name.clone()),
            _ => program
                .dataflows
                .last()
                .and_then(|known| known.name.clone()),
        };
        assert_eq!(defined.as_deref(), Some(name));
    }
}

/// Places what is open and judges; the violations as text, of layers that were lowered.
fn judge(plan: &Plan) -> Vec<String> {
    let mut wrong = Vec::new();
    for layer in &plan.layers {
        let Some(lowered) = &layer.lowered else {
            wrong.push(format!("layer {}: not lowered", layer.layer));
            continue;
        };
        let mut mapping = lowered.mapping.clone();
        let placed = crate::legality::choose(&mut mapping, &lowered.automatic, &lowered.fixed);
        if let Err(violation) = placed {
            wrong.push(format!("{}: {violation:?}", lowered.names.layer));
        }
        if let Err(illegal) = crate::legality::check(mapping) {
            wrong.push(format!("{}: {:?}", lowered.names.layer, illegal.violations));
        }
    }
    wrong
}

// language.md section 1, the shape in which people should write.
#[test]
fn the_second_file_of_the_language_page() {
    let (_, plans, messages) = run("use std.networks.vgg16;
         use std.dataflows.{nvdla, row_stationary};
         use std.accelerators.eyeriss;
         Map vgg16 on eyeriss {
           default: row_stationary;
           conv1_1: nvdla(c_tile = 3);
         }");
    assert_eq!(messages, Vec::<String>::new());
    assert_eq!(judge(&plans[0]), Vec::<String>::new());
    let layers = &plans[0].layers;
    assert_eq!(layers[0].dataflow, "nvdla(c_tile = 3)");
    assert!(layers[0].note.is_none());
    // POOL and FC have no K or no rows.
    assert!(layers[2].note.as_deref().unwrap().contains("streaming"));
}

/// A CONV of every kind of window, larger and smaller than the arrays.
fn odd_layers() -> String {
    let mut text = String::from("Network odd {\n");
    let mut number = 0;
    for (y, r) in [(7, 3), (12, 1), (13, 5), (4, 4)] {
        for (stride, dilation, low, high) in [
            (1, 1, 0, 0),
            (2, 1, 1, 1),
            (3, 1, 0, 1),
            (1, 2, 2, 2),
            (2, 3, 6, 5),
            (4, 1, 1, 0),
        ] {
            for (groups, k, c) in [(1, 5, 3), (2, 6, 4)] {
                number += 1;
                text += &format!(
                    "Layer l{number} {{ Type: CONV; Groups: {groups}; Inputs: external;
                       Dimensions {{ N: 2, K: {k}, C: {c}, Y: {y}, X: {x}, R: {r}, S: {s} }}
                       Stride {{ Y: {stride}, X: 1 }} Dilation {{ R: {dilation}, S: 1 }}
                       Padding {{ Y: ({low}, {high}), X: 1 }} }}\n",
                    x = y + 1,
                    s = r.min(3)
                );
            }
        }
    }
    text + "}\n"
}

// The library promises that its CONV dataflows are legal for any window; legality is the judge.
#[test]
fn the_dataflows_of_the_library_serve_every_conv() {
    for dataflow in [
        "nlr",
        "weight_stationary",
        "shidiannao",
        "row_stationary",
        "row_stationary(k_tile = 4, c_tile = 3)",
        "nvdla",
        "nvdla(c_tile = 2)",
        "nvdla(c_tile = 3, r_tile = 1, s_tile = 2)",
        "streaming",
    ] {
        let text = format!(
            "{} Accelerator acc {{ Memory DRAM {{}} Memory L2 {{ Size: 64KiB }}
               Array PE {{ Shape: [3, 4] }} Memory RF {{ Size: 4KiB }} Compute MAC {{ Lanes: 2 }} }}
             Map odd on acc {{ default: std.dataflows.{dataflow}; }}",
            odd_layers()
        );
        let (_, plans, messages) = run(&text);
        assert_eq!(messages, Vec::<String>::new());
        assert_eq!(judge(&plans[0]), Vec::<String>::new(), "{dataflow}");
        assert!(plans[0].layers.iter().all(|layer| layer.note.is_none()));
    }
}

#[test]
fn every_network_maps_on_every_accelerator_by_streaming() {
    for network in crate::stdlib::paths().filter(|path| path.starts_with("std.networks.")) {
        for accelerator in
            crate::stdlib::paths().filter(|path| path.starts_with("std.accelerators."))
        {
            let text =
                format!("Map {network} on {accelerator} {{ default: std.dataflows.streaming; }}");
            let (_, plans, messages) = run(&text);
            // Some read 8 bits of what they write with 16 or 32: told once per map.
            let (told, wrong): (Vec<String>, Vec<String>) = messages
                .into_iter()
                .partition(|message| message.starts_with("W0302"));
            assert_eq!(wrong, Vec::<String>::new());
            assert!(told.len() <= 1, "{told:?}");
            assert_eq!(
                judge(&plans[0]),
                Vec::<String>::new(),
                "{network} on {accelerator}"
            );
        }
    }
}

/// The directives behind the loops, with the numbers of the layer.
pub(super) fn loops(lowered: &crate::lower::Lowered) -> Vec<String> {
    lowered
        .mapping
        .schedule
        .loops
        .iter()
        .flat_map(|l| &l.moves)
        .filter_map(|step| lowered.origin(step.origin))
        .map(|source| source.label.clone())
        .collect()
}

#[test]
fn imports() {
    let files = |main: &str| {
        MemoryFiles::new()
            .with("a.dflow", main)
            .with(
                "lib/b.dflow",
                "use \"../c.dflow\"; Network n { Layer l { Type: FC; Dimensions { K: T, C: 2 } } }",
            )
            .with("c.dflow", "const T = 3;")
            .with("d.dflow", "use \"e.dflow\";")
            .with("e.dflow", "use \"d.dflow\";")
            .with("f.dflow", "const T = 5;")
    };
    let (compiled, _, messages) = run_files(files(
        "use \"lib/b.dflow\"; use \"./lib/../c.dflow\"; const U = T;",
    ));
    assert_eq!(messages, Vec::<String>::new());
    assert_eq!(compiled.program.networks[0].macs(), Some(6));
    for (main, expected) in [
        ("use \"d.dflow\";", "E0203"),
        ("use \"a.dflow\";", "E0203"),
        (
            "use \"x.dflow\";",
            "E0701: cannot read `x.dflow`: no such file",
        ),
        ("use \"c.dflow\"; use \"f.dflow\";", "E0204"),
        ("use \"c.dflow\"; const T = 1;", "E0204"),
        // What a file imports is not handed on.
        ("use \"lib/b.dflow\"; const U = T;", "E0201"),
        ("use std.networks.vgg61;", "E0202"),
        ("use std.networks;", "E0202"),
        ("use vgg16;", "E0202"),
        ("use std.dataflows.{nvdla, nlr as nvdla};", "E0204"),
        (
            "Map std.networks.vgg17 on std.accelerators.eyeriss { default: std.dataflows.streaming; }",
            "E0202",
        ),
        (
            "Accelerator a { Technology: std.technology.cacti29; Memory DRAM {} Memory RF {} Compute MAC {} }",
            "E0202",
        ),
    ] {
        let (_, _, messages) = run_files(files(main));
        assert_eq!(messages.len(), 1, "{main}: {messages:?}");
        assert!(messages[0].starts_with(expected), "{main}: {messages:?}");
    }
}

#[test]
fn a_file_that_is_not_there_and_one_with_syntax_errors() {
    let missing = Session::new(MemoryFiles::new()).load("a.dflow");
    assert_eq!(missing.diagnostics.iter().count(), 1);
    // The layer that does not parse is not missed by the map.
    let (_, _, messages) = run(
        "Network n { Layer l { Type: FC; Dimensions { K: , C: 2 } } }
         Accelerator a { Memory D {} Memory R {} Compute M {} } Map m on a { l: nowhere; }",
    );
    assert!(
        messages.iter().all(|found| found.starts_with("E01")),
        "{messages:?}"
    );
}

#[test]
fn texts_change() {
    let mut session = Session::new(MemoryFiles::new().with("a.dflow", "const T = ;"));
    assert!(session.load("a.dflow").diagnostics.has_errors());
    session.set_text("./a.dflow", "const T = 1;");
    assert!(!session.load("a.dflow").diagnostics.has_errors());
    session.close("a.dflow");
    assert!(session.load("a.dflow").diagnostics.has_errors());
}

// A long chain of imports, and a file that imports a thousand: reported, and no stack is lost.
#[test]
fn imports_are_bounded() {
    let mut files = MemoryFiles::new();
    for at in 0..2000 {
        files = files.with(
            &format!("f{at}.dflow"),
            &format!("use \"f{}.dflow\";", at + 1),
        );
    }
    let (_, _, messages) = run_files(files.with("a.dflow", "use \"f0.dflow\";"));
    assert_eq!(messages.len(), 1);
    assert!(messages[0].starts_with("E0103"), "{messages:?}");
}

/// What is made for other values is what a file with those values as defaults has.
#[test]
fn accelerators_and_networks_for_other_values() {
    use crate::base::{Dimension, Ratio};
    use crate::hir::Value;
    let load = |rows: u64, size: &str| {
        let text = format!(
            "Accelerator npu(rows = {rows}, cols = rows, buffer = {size}) {{
               Memory DRAM {{ }} Memory GLB {{ Size: buffer }} Array PE {{ Shape: [rows, cols] }}
               Memory RF {{ }} Compute MAC {{ }}
             }}
             Network n(B = {rows}) {{ Layer fc {{ Type: FC; Dimensions {{ N: B, K: 4, C: 4 }} }} }}"
        );
        Session::new(MemoryFiles::new().with("a.dflow", &text)).load("a.dflow")
    };
    let mut compiled = load(4, "64kB");
    let wanted = load(8, "16KiB");
    let bytes = Value::Exact(Ratio::new(16_384, 1).unwrap(), Some(Dimension::Size));
    let mut sink = Diagnostics::new();
    let made = compiled
        .accelerator(0, &[(0, Value::Integer(8)), (2, bytes)], &mut sink)
        .unwrap();
    let other = &wanted.program.accelerators[0];
    assert_eq!(made.arrays[0].shape, other.arrays[0].shape);
    assert_eq!(made.memories[1].capacity_bits, Some(16_384 * 8));
    assert_eq!(made.label(), "npu(rows = 8, buffer = 16KiB)");
    let network = compiled
        .network(0, &[(0, Value::Integer(8))], &mut sink)
        .unwrap();
    let shape =
        |compiled: &Compiled, at: usize| compiled.program.networks[at].layers[0].shape.clone();
    assert_eq!(shape(&compiled, network), shape(&wanted, 0));
    assert!(sink.is_empty());
    // Nothing is left of what cannot be made.
    assert_eq!(
        compiled.accelerator(0, &[(0, Value::Integer(0))], &mut sink),
        None
    );
    assert_eq!(sink.error_count(), 1);
}

// One network and one accelerator are named; the accelerator names its technology. Nothing else of the library is read.
#[test]
fn only_what_is_named_of_the_library_is_parsed() {
    let (compiled, _, found) = run(
        "Map std.networks.vgg16 on std.accelerators.eyeriss { default FC: std.dataflows.gemm_os; }",
    );
    assert_eq!(found, Vec::<String>::new());
    let parsed = compiled.modules.iter();
    let mut parsed: Vec<&str> = parsed
        .filter_map(|module| module.std_path.as_deref())
        .collect();
    parsed.sort_unstable();
    assert_eq!(
        parsed,
        [
            "std.accelerators.eyeriss",
            "std.dataflows.gemm_os",
            "std.networks.vgg16",
            "std.technology.eyeriss65",
        ]
    );
}
