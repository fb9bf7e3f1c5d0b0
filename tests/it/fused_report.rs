//! Reports of fused groups, through the library: Table I of LoopTree (ISPASS 2023) and what follows from the
//! layers by themselves.

mod cases;

use dflowc::driver::{Compiled, MemoryFiles, Session};
use dflowc::evaluate::fused::{Unit, units};
use dflowc::evaluate::{self, Cache, Request, Selection, Until};
use dflowc::lower::Options;
use dflowc::models;
use dflowc::report::LayerReport;
use dflowc::report::fused::GroupReport;

const BLOCK: &str = "
Network block {
  Layer expand    { Type: CONV;   Dimensions { K: 32, C: 32, Y: 112, X: 112, R: 1, S: 1 } }
  Layer depthwise { Type: DWCONV; Dimensions { C: 32, Y: 112, X: 112, R: 3, S: 3 } Padding { Y: 1, X: 1 } }
  Layer project   { Type: CONV;   Dimensions { K: 16, C: 32, Y: 112, X: 112, R: 1, S: 1 } }
}
Technology t {
  mac(INT8): 0.25pJ;     hop(8b): 0.5pJ;
  read(DRAM, 8b): 64pJ;  write(DRAM, 8b): 64pJ;
  read(SRAM, 8b): 1pJ;   write(SRAM, 8b): 1pJ;
  read(RF, 8b): 0.125pJ; write(RF, 8b): 0.125pJ;
}
";

const EDGE: &str = "
Accelerator edge {
  Technology: t; Precision: INT8;
  Memory DRAM { }
  Memory GLB  { Size: 64KiB }
  Level Engine { Array PE { Shape: [128] } Array PEdw { Shape: [32] } Array PEout { Shape: [128] } }
  Memory RF   { Size: 256B }
  Compute MAC { }
}
";

fn load(text: &str) -> Compiled {
    Session::new(MemoryFiles::new().with("f.dflow", text)).load("f.dflow")
}

/// Groups and layers of the only map; nothing may be wrong.
fn evaluated(text: &str) -> (Vec<GroupReport>, Vec<LayerReport>) {
    let compiled = load(text);
    let mut sink = compiled.diagnostics.clone();
    let request = Request {
        selection: &Selection::all(&compiled),
        models: &[models::DEFAULT],
        until: Until::Evaluated,
        options: Options::default(),
        warnings: false,
    };
    let evaluations = evaluate::run(&compiled, &request, &mut Cache::default(), &mut sink);
    let found = sink.into_sorted(9).list;
    assert!(found.iter().all(|found| !found.is_error()), "{found:#?}");
    let evaluation = evaluations.into_iter().next().unwrap();
    (evaluation.groups, evaluation.layers)
}

fn group(map: &str) -> GroupReport {
    let (groups, _) = evaluated(&format!("{BLOCK}{EDGE}{map}"));
    groups.into_iter().next().unwrap()
}

fn rows_by(tiles: &str, runs: &str) -> GroupReport {
    group(&format!(
        "Map block on edge {{ Fuse expand, depthwise, project {{
           retain expand.Weight, depthwise.Weight, project.Weight in GLB;
           tile project.P by 1 {{ retain depthwise.Input in GLB;
             {tiles} retain project.Input in GLB; pipeline {{ {runs} }} }} }} }}"
    ))
}

const PEAK: &str = "run expand on PE; run depthwise on PEdw; run project on PEout;";

// Table I as reconstructed in table1_reconstruction.json: rows whole, and four columns at a time.
#[test]
fn table_one_by_rows_and_by_four_columns() {
    let rows = group(&format!(
        "Map block on edge {{ Fuse expand, depthwise, project {{
           retain expand.Weight, depthwise.Weight, project.Weight in GLB;
           tile project.P by 1 {{ retain depthwise.Input, project.Input in GLB; pipeline {{ {PEAK} }} }} }} }}"
    ));
    let four = rows_by("tile project.Q by 4 {", &format!("{PEAK} }}"));
    assert_eq!((rows.cycles, four.cycles), (115_136, 113_736));
    for group in [&rows, &four] {
        assert_eq!(group.cycles_layer_by_layer, Some(263_424));
        assert_eq!(group.dram_bytes, 603_936);
        assert_eq!(group.dram_bytes_layer_by_layer, Some(2_209_568));
        // 141.4 -> 38.65 uJ.
        let split = [group.energy_split, group.energy_split_layer_by_layer];
        let [fused, alone] = split.map(|split| split.unwrap().dram_pj);
        assert!((fused - 38_651_904.0).abs() < 1.0);
        assert!((alone - 141_412_352.0).abs() < 1.0);
    }
    let bytes = |group: &GroupReport| {
        let of = |name: &str| {
            let tensor = group.tensors.iter().find(|tensor| tensor.tensor == name);
            tensor.unwrap().window_bytes
        };
        (of("expand.Output"), of("depthwise.Output"))
    };
    assert_eq!(bytes(&rows), (10_752, 3_584));
    assert_eq!(bytes(&four), (10_752, 128));
    // 5.25 bytes per cycle on average.
    assert!((rows.dram_bytes_per_cycle - 603_936.0 / 115_136.0).abs() < 1e-12);
}

// Through one port of 2 bytes per cycle go 403,232 bytes in and 200,704 out: 301,968 cycles. A buffer that does not overlap
// takes them beside the 115,136 of the pipeline, one that does in their shadow: the port is busy all the time, as the
// pipeline behind the loads (201,616 cycles of them) needs less.
#[test]
fn a_slow_backing_store_binds() {
    let map = format!(
        "Map block on edge {{ Fuse expand, depthwise, project {{
           retain expand.Weight, depthwise.Weight, project.Weight in GLB;
           tile project.P by 1 {{ retain depthwise.Input, project.Input in GLB; pipeline {{ {PEAK} }} }} }} }}"
    );
    let on = |buffer: &str| {
        let text = format!("{BLOCK}{EDGE}{map}");
        let text = text.replace("Memory DRAM { }", "Memory DRAM { Bandwidth: 2B/cycle }");
        let text = text.replace("Size: 64KiB", &format!("Size: 128KiB{buffer}"));
        let (groups, _) = evaluated(&text);
        groups.into_iter().next().unwrap()
    };
    let port = (112 * 112 * (32 + 16) + 1024 + 288 + 512) / 2;
    let alone = on("");
    assert_eq!(alone.bound, "DRAM");
    assert_eq!(alone.cycles, 115_136 + port);
    assert_eq!(alone.cycles_pipelined, 115_136);
    for buffer in ["; DoubleBuffered", "; Overlap"] {
        assert_eq!(on(buffer).cycles, port, "{buffer}");
    }
}

/// One tile per group is the layer itself: what happens inside must be what the single-layer engine says of it.
#[test]
fn a_group_of_one_whole_tile_is_its_layers() {
    let layers = "
Network n {
  Layer a { Type: CONV; Dimensions { K: 8, C: 4, Y: 10, X: 10, R: 3, S: 3 } Padding { Y: 1, X: 1 } }
  Layer b { Type: CONV; Dimensions { K: 4, C: 8, Y: 10, X: 10, R: 3, S: 3 } }
}
Dataflow d { SpatialMap(1,1) K; TemporalMap(2,2) X'; TemporalMap(2,2) C }
Accelerator x {
  Technology: t; Precision: INT8;
  Memory DRAM { }
  Memory GLB { Size: 64KiB; Bandwidth: 8B/cycle }
  Array PE { Shape: [4]; NoC { Latency: 2 } }
  Memory RF { Size: 512B; DoubleBuffered }
  Compute MAC { }
}
";
    let technology = &BLOCK[BLOCK.find("Technology").unwrap()..];
    let fused = format!(
        "{technology}{layers} Map n on x {{ Fuse a, b {{ retain a.Output, a.Input, a.Weight, b.Weight in GLB;
           sequence {{ run a using d; run b using d; }} }} }}"
    );
    let single = format!("{technology}{layers} Map n on x {{ default: d; }}");
    let (groups, _) = evaluated(&fused);
    let (_, layers) = evaluated(&single);
    let group = &groups[0];
    let inner = |reports: &[LayerReport], key: &str| -> f64 {
        let of = |layer: &LayerReport| *layer.energy_pj.as_ref().unwrap().get(key).unwrap();
        reports.iter().map(of).sum()
    };
    let energy = group.energy_pj.as_ref().unwrap();
    for key in ["mac", "RF.read", "RF.write", "noc"] {
        let (fused, alone) = (*energy.get(key).unwrap(), inner(&layers, key));
        assert!(
            (fused - alone).abs() < 1e-6 * alone,
            "{key}: {fused} and {alone}"
        );
    }
    // Whole in GLB alone as well: the same but for the map between, which stays.
    let moved = |key: &str| inner(&layers, key) - energy.get(key).unwrap();
    let between = 8.0 * 10.0 * 10.0;
    assert!((moved("DRAM.write") - 64.0 * between).abs() < 1e-6);
    assert!((moved("DRAM.read") - 64.0 * between).abs() < 1e-6);
    assert!(
        (moved("GLB.write") - between).abs() < 1e-6,
        "{}",
        moved("GLB.write")
    );
    assert!(
        (moved("GLB.read") - between).abs() < 1e-6,
        "{}",
        moved("GLB.read")
    );
    let cycles: u64 = layers.iter().map(|layer| layer.cycles).sum();
    assert_eq!(group.cycles_layer_by_layer, Some(cycles));
    assert_eq!(group.macs, 8 * 4 * 9 * 100 + 4 * 8 * 9 * 64);
}

// Rows of tiles with halos, clipped last tiles, and dataflows inside: 112 = 4 * 25 + 12.
#[test]
fn tiles_of_a_dataflow_perform_the_layer() {
    let flows = "
Dataflow d { SpatialMap(1,1) K; TemporalMap(5,5) X'; TemporalMap(4,4) C }
Dataflow e { SpatialMap(1,1) C; TemporalMap(1,1) X' }
";
    let map = "
Map block on edge { Fuse expand, depthwise, project {
  retain expand.Weight, depthwise.Weight, project.Weight in GLB;
  tile project.P by 1 { retain depthwise.Input in GLB;
    tile project.Q by 25 { retain project.Input in GLB;
      pipeline { run expand on PE using d; run depthwise on PEdw using e; run project on PEout using d; } } } } }
";
    let (groups, _) = evaluated(&format!("{BLOCK}{EDGE}{flows}{map}"));
    let group = &groups[0];
    let macs: Vec<u64> = group.stages.iter().map(|stage| stage.macs).collect();
    let pixels = 112 * 112;
    assert_eq!(macs, [32 * 32 * pixels, 32 * 9 * pixels, 16 * 32 * pixels]);
    assert_eq!(group.dram_bytes, 603_936);
    // Full and clipped tiles in a row; rows at the top, inside and at the bottom of the padded map.
    assert_eq!(group.stages[2].tile_shapes, 2);
    assert_eq!(group.stages[1].tile_shapes, 9);
    assert!(group.cycles > group.stages[1].cycles);
    assert!(group.cycles < group.cycles_sequential);
    // Every product reads its operands next to the multiplier.
    let energy = group.energy_pj.as_ref().unwrap();
    assert!(*energy.get("RF.read").unwrap() >= 22_880_256.0 * 2.0 * 0.125);
}

// Tiles of two rows of a padded map are three layers: the top one with padding above, the bottom one with padding
// below, and two of those between.
#[test]
fn a_tile_is_a_layer_with_its_own_padding() {
    let hardware = "
Dataflow d { SpatialMap(1,1) K; TemporalMap(2,2) X'; TemporalMap(2,2) C }
Accelerator x {
  Technology: t; Precision: INT8;
  Memory DRAM { }
  Memory GLB { Size: 64KiB; Bandwidth: 8B/cycle }
  Array PE { Shape: [4]; NoC { Latency: 2 } }
  Memory RF { Size: 512B; DoubleBuffered }
  Compute MAC { }
}
";
    let technology = &BLOCK[BLOCK.find("Technology").unwrap()..];
    let fused = format!(
        "{technology}{hardware}
Network n {{
  Layer a {{ Type: CONV; Dimensions {{ K: 4, C: 2, Y: 8, X: 8, R: 1, S: 1 }} }}
  Layer b {{ Type: CONV; Dimensions {{ K: 8, C: 4, Y: 8, X: 8, R: 3, S: 3 }} Padding {{ Y: 1, X: 1 }} }}
}}
Map n on x {{ Fuse a, b {{ tile b.P by 2 {{ retain a.Output in GLB; sequence {{ run a; run b using d; }} }} }} }}"
    );
    let single = format!(
        "{technology}{hardware}
Network n {{
  Layer top    {{ Type: CONV; Dimensions {{ K: 8, C: 4, Y: 3, X: 8, R: 3, S: 3 }} Padding {{ Y: (1,0), X: 1 }} }}
  Layer middle {{ Type: CONV; Dimensions {{ K: 8, C: 4, Y: 4, X: 8, R: 3, S: 3 }} Padding {{ X: 1 }} Inputs: external }}
  Layer bottom {{ Type: CONV; Dimensions {{ K: 8, C: 4, Y: 3, X: 8, R: 3, S: 3 }} Padding {{ Y: (0,1), X: 1 }} Inputs: external }}
}}
Map n on x {{ default: d; }}"
    );
    let (groups, _) = evaluated(&fused);
    let (_, layers) = evaluated(&single);
    let group = &groups[0];
    let times = [1u64, 2, 1];
    let energy = group.energy_pj.as_ref().unwrap();
    for key in ["RF.read", "RF.write", "noc"] {
        let of = |layer: &LayerReport| *layer.energy_pj.as_ref().unwrap().get(key).unwrap();
        let sum: f64 = layers
            .iter()
            .zip(times)
            .map(|(l, t)| of(l) * t as f64)
            .sum();
        let fused = *energy.get(key).unwrap();
        assert!((fused - sum).abs() < 1e-6 * sum, "{key}: {fused} and {sum}");
    }
    assert_eq!(group.stages[1].tile_shapes, 3);
    // A layer alone also waits for what comes into GLB at 8 bytes per cycle, 288 weights and 3, 4, 3 rows of 8 pixels
    // of 4 channels, and for 2 rows of 8 channels to leave: 36 + 12 + 16, 36 + 16 + 16 and again 64 cycles. In the
    // group that is no part of the stage.
    let cycles: u64 = layers.iter().zip(times).map(|(l, t)| l.cycles * t).sum();
    let cycles = cycles - 64 - 2 * 68 - 64;
    assert_eq!(group.stages[1].cycles, cycles);
    // GLB: its reads and writes of single layers are deliveries and arrivals; the group's have the halo only once.
    let of = |name: &str, reads: bool| -> u64 {
        let glb = |layer: &LayerReport| {
            let tensor = layer.mapping.as_ref().unwrap().levels[1]
                .tensors
                .iter()
                .find(|t| t.tensor == name)
                .unwrap();
            let outside = layer.mapping.as_ref().unwrap().levels[0]
                .tensors
                .iter()
                .find(|t| t.tensor == name)
                .unwrap();
            // What goes to and comes from DRAM is not the tile's.
            if reads {
                tensor.reads - outside.writes
            } else {
                tensor.writes - outside.reads
            }
        };
        layers.iter().zip(times).map(|(l, t)| glb(l) * t).sum()
    };
    let glb = group
        .memories
        .iter()
        .find(|memory| memory.memory == "GLB")
        .unwrap();
    let inside: u64 = ["Input", "Weight", "Output"]
        .map(|name| of(name, true))
        .iter()
        .sum();
    let results: u64 = of("Output", false);
    // `a` reads two channels of every pixel, and its eight weights in each of the four steps; it makes four channels.
    let (pixels, weights) = (64, 8);
    let drained = 8 * pixels;
    let reads = inside + 2 * pixels + 4 * weights + drained;
    assert_eq!(glb.reads, u128::from(reads));
    let arrivals = 2 * pixels + weights + 8 * 4 * 9;
    assert_eq!(glb.writes, u128::from(arrivals + 4 * pixels + results));
}

#[test]
fn units_have_every_group_once() {
    let compiled = load(&format!(
        "{BLOCK}{EDGE} Map block on edge {{ Fuse depthwise, project {{ retain project.Input in GLB; }} }}"
    ));
    let map = &compiled.program.maps[0];
    let all: Vec<Unit> = units(map, 0..3);
    assert_eq!(all, [Unit::Layer(0), Unit::Group(0)]);
    // A layer of a group stands for it.
    assert_eq!(units(map, [2]), [Unit::Group(0)]);
}

/// The command line on a program.
fn dflowc(name: &str, text: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    let (command, rest) = arguments.split_first().unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .arg(command)
        .arg(&path)
        .args(rest)
        .args(["--color", "never"])
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn the_tree_has_buffers_at_their_places() {
    let map = format!(
        "Map block on edge {{ Fuse expand, depthwise, project {{
           retain expand.Weight in GLB;
           tile project.P by 1 {{ retain depthwise.Input in GLB;
             tile project.Q by 4 {{ retain project.Input in GLB; pipeline {{ {PEAK} }} }} }} }} }}"
    );
    let text = format!("{BLOCK}{EDGE}{map}");
    let (code, tree, errors) = dflowc("tree.dflow", &text, &["emit", "--stage", "tree"]);
    assert_eq!(code, Some(0), "{errors}");
    let lines: Vec<&str> = tree.lines().collect();
    assert_eq!(lines[0], "block on edge: expand + depthwise + project");
    assert_eq!(lines[1], "  [GLB] expand.Weight: 1,024 elements, 1,024 B");
    // Without a word weights stand where the last loop is that indexes them: above all.
    assert_eq!(lines[2], "  [GLB] depthwise.Weight: 288 elements, 288 B");
    assert_eq!(lines[3], "  [GLB] project.Weight: 512 elements, 512 B");
    assert_eq!(lines[4], "  tile project.P by 1: 112 times");
    assert_eq!(
        lines[5],
        "    [GLB] expand.Output = depthwise.Input: 10,752 elements, 10,752 B"
    );
    assert_eq!(lines[6], "    tile project.Q by 4: 28 times");
    let kept = "      [GLB] depthwise.Output = project.Input: 128 elements, 128 B";
    assert!(lines.contains(&kept), "{tree}");
    assert!(
        lines.contains(&"        depthwise on PEdw at 32 per cycle"),
        "{tree}"
    );
}

// LoopTree, two 3x3 convolutions: 864 elements are computed again when tiles of 4x4 keep the overlap along Q.
#[test]
fn the_interpreter_agrees_and_prints_the_group() {
    let text = "
Network n {
  Layer a { Type: CONV; Dimensions { K: 8, C: 4, Y: 20, X: 20, R: 3, S: 3 } }
  Layer b { Type: CONV; Dimensions { K: 8, C: 8, Y: 18, X: 18, R: 3, S: 3 } }
}
Accelerator x {
  Memory DRAM { }
  Memory GLB { }
  Array PE { Shape: [4] }
  Memory RF { }
  Compute MAC { }
}
Map n on x {
  Fuse a, b { tile b.P by 4 { tile b.Q by 4 { retain a.Output in GLB; recompute a.Output; } } }
}
";
    let arguments = ["oracle", "--compare", "--limit", "100000000"];
    let (code, report, errors) = dflowc("oracle.dflow", text, &arguments);
    assert_eq!(code, Some(0), "{report}{errors}");
    assert!(
        report.contains("engine and oracle agree on 2 layers"),
        "{report}"
    );
    assert!(report.contains("n on x (oracle model)"), "{report}");
    let (code, _, errors) = dflowc("oracle.dflow", text, &["oracle"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("E0602"), "{errors}");
    // A layer of a group is shown with its group.
    let (code, report, errors) = dflowc("oracle.dflow", text, &["eval", "--layer", "a"]);
    assert_eq!(code, Some(0), "{errors}");
    let row = report
        .lines()
        .find(|line| line.trim_start().starts_with("a.Output"))
        .unwrap();
    let cells: Vec<&str> = row.split_whitespace().collect();
    // required, reused, refetched, first fetch, computed, recomputed
    assert_eq!(cells[8], "864", "{row}");
}
