//! The `maestro` model on the paper's Fig. 8, against closed forms.

use std::process::Command;

/// Evaluates the layer of Fig. 8 on 256 PEs of `lanes` lanes with free transfers; gives the cycles.
fn cycles(model: &str, lanes: u32) -> u64 {
    let text = format!(
        "Network VGG16 {{
           Layer CONV1 {{
             Type: CONV;
             Dimensions {{ N: 1, K: 64, C: 3, Y: 224, X: 224, R: 3, S: 3 }}
             Dataflow {{
               TemporalMap(1,1) N; TemporalMap(2,2) K; TemporalMap(3,3) C;
               SpatialMap(3,1) Y; TemporalMap(3,1) X; Cluster(3, P);
               SpatialMap(1,1) Y; SpatialMap(1,1) R; TemporalMap(3,3) S
             }}
           }}
         }}
         Accelerator free {{
           Memory DRAM {{ }}
           Memory L2 {{ }}
           Array PE {{ Shape: [256]; }}
           Memory L1 {{ DoubleBuffered; }}
           Compute MAC {{ Lanes: {lanes}; }}
         }}"
    );
    let file = std::env::temp_dir().join(format!("dflowc_maestro_{model}_{lanes}.dflow"));
    std::fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .args(["eval", "--model", model, "--report", "json"])
        .arg(&file)
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    report["evaluations"][0]["layers"][0]["cycles"]
        .as_u64()
        .unwrap()
}

/// 32 tiles of K, ceil(222 / 85) folds of Y over 85 clusters of three PEs, 222 positions of X.
const STEPS: u64 = 32 * 3 * 222;

#[test]
fn compute_bounds_a_step_of_few_lanes() {
    // A PE has K 2, C 3, S 3 of one row: 18 products, five cycles of four lanes.
    assert_eq!(cycles("exact", 4), STEPS * 5);
    assert_eq!(cycles("maestro", 4), STEPS * 5);
}

#[test]
fn partial_sums_pass_from_pe_to_pe() {
    // Section 4.3: one cycle for each spatio-temporally reused point. Three PEs of a cluster hold the same
    // two outputs, which pass over two links: four cycles, longer than the one that 32 lanes compute.
    assert_eq!(cycles("exact", 32), STEPS);
    assert_eq!(cycles("maestro", 32), STEPS * 4);
}

/// The first layer of `text` by a model.
fn layer(name: &str, text: &str, model: &str) -> serde_json::Value {
    let file = std::env::temp_dir().join(format!("dflowc_maestro_{name}_{model}.dflow"));
    std::fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .args(["eval", "--model", model, "--report", "json"])
        .arg(&file)
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    report["evaluations"][0]["layers"][0].clone()
}

#[test]
fn the_bound_is_a_term_of_the_model() {
    // 64^3 products on 4096 lanes: 64 cycles. The L2 is unbounded above in this model, so the slow DRAM is none of its
    // terms; by the exact clock it is what binds: 4096 inputs once, 4096 weights for each of 8 tiles of M, 4096 outputs
    // up, a byte a cycle.
    let text = "Network n { Layer g { Type: GEMM; Dimensions { M: 64, N: 64, K: 64 } } }
        Dataflow d { at DRAM { tile M by 8; tile N by 8 } at GLB { tile M by 8 } }
        Accelerator a {
          Memory DRAM { Bandwidth: 1B/cycle } Memory GLB { DoubleBuffered } Memory RF { DoubleBuffered }
          Compute MAC { Lanes: 4096 }
        }
        Map n on a { g: d; }";
    let maestro = layer("bound", text, "maestro");
    assert_eq!(maestro["cycles"], 64);
    assert_eq!(maestro["bound"], "compute");
    let exact = layer("bound", text, "exact");
    assert_eq!(exact["bound"], "DRAM port");
    assert_eq!(exact["resources"][0]["busy_cycles"], 4096 + 8 * 4096 + 4096);
}

#[test]
fn what_a_neighbour_lends_takes_a_cycle_each() {
    // Six PEs, one output column each; the step of the next kernel column moves every window by one, and all but the
    // last PE get their 8 inputs from the neighbour, one direct link each: max(compute 1, forwarding 8) in two of the
    // three steps.
    let text = "Network n {
          Layer conv {
            Type: CONV; Dimensions { K: 1, C: 8, Y: 1, X: 8, R: 1, S: 3 }
            Dataflow { TemporalMap(1,1) S; SpatialMap(1,1) X' }
          }
        }
        Accelerator a {
          Memory DRAM { } Array PE { Shape: [6]; NoC { Multicast: false; Forwarding: true } }
          Memory RF { DoubleBuffered } Compute MAC { Lanes: 8 }
        }";
    let layer = layer("lends", text, "maestro");
    assert_eq!(layer["cycles"], 1 + 8 + 8);
    // 16 of them pass from neighbour to neighbour, 3 compute.
    assert_eq!(layer["bound"], "neighbours");
    assert_eq!(layer["cycles_by"]["neighbours"], 8 + 8);
}

#[test]
fn fig_8_fits_its_buffers() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/maestro_fig8.dflow");
    let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .args(["eval", file, "--report", "json"])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let layer = &report["evaluations"][0]["layers"][0];
    // Section 3.2: a PE of the figure holds K 2, C 3, X 3 and one row: 9 inputs and 18 weights of one byte, 2
    // partial sums of two; section 4.4: twice the tile.
    assert_eq!(layer["levels"][2]["required_bytes"], 2 * (9 + 18 + 2 * 2));
    // 85 clusters slide by one row each: 87 rows of 3 columns and 3 channels, the weights, 85 rows of outputs.
    assert_eq!(
        layer["levels"][1]["required_bytes"],
        87 * 3 * 3 + 2 * 3 * 9 + 2 * 85 * 2
    );
    // 64 channels of 222 x 222 outputs, 27 products each.
    assert_eq!(layer["macs"], 64 * 222 * 222 * 27);
}

/// The case study of section 5.1. Roofline: output columns over 64 PEs for NLR, WS and ShiDianNao (224 in 4 folds, 14 in one);
/// for RS output rows over 21 clusters of 3 (224 in 11 folds, 14 in one); for NVDLA 64 channels, or all 3 with 21 kernels of 64 at a
/// time, in 4 folds. Buffer: twice an input, a weight and a sum (NLR), a kernel row of each (RS), whole kernels (the others).
#[test]
fn the_case_study_of_section_5_1() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/maestro/case1.dflow");
    let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .args(["eval", file, "--model", "maestro", "--report", "json"])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let columns = [224.0 / 4.0, 14.0];
    for (map, private, rooflines) in [
        ("nlr", 2 * (1 + 1 + 1), columns),
        ("ws", 2 * (9 + 9 + 1), columns),
        ("shi", 2 * (9 + 9 + 1), columns),
        ("rs", 2 * (3 + 3 + 1), [224.0 * 3.0 / 11.0, 14.0 * 3.0]),
        ("dla", 2 * (9 + 9 + 1), [64.0 * 3.0 / 4.0, 64.0]),
    ] {
        let evaluations = report["evaluations"].as_array().unwrap();
        let found = evaluations.iter().find(|found| found["map"] == map);
        let layers = found.unwrap()["layers"].as_array().unwrap();
        for (layer, roofline) in layers.iter().zip(rooflines) {
            let figure = |name: &str| {
                let figures = layer["figures"].as_array().unwrap();
                let found = figures.iter().find(|figure| figure["name"] == name);
                found.unwrap()["value"].as_f64().unwrap()
            };
            assert_eq!(figure("private_buffer"), f64::from(private), "{map}");
            assert!((figure("roofline") - roofline).abs() < 1e-9, "{map}");
            // Nothing that moves is left out: what enters and leaves the PEs over the cycles of computation.
            let boundaries = layer["boundaries"].as_array().unwrap();
            let inner = boundaries
                .iter()
                .find(|one| one["name"] == "L2 -> L1")
                .unwrap();
            let bytes = inner["down_bytes"].as_f64().unwrap() + inner["up_bytes"].as_f64().unwrap();
            let compute = layer["macs"].as_f64().unwrap() / roofline;
            assert!(
                (figure("network_bandwidth") - bytes / compute).abs() < 1e-6,
                "{map}"
            );
        }
    }
}

/// A figure of the model of a layer.
fn figure(layer: &serde_json::Value, name: &str) -> f64 {
    let figures = layer["figures"].as_array().unwrap();
    let found = figures.iter().find(|figure| figure["name"] == name);
    found.unwrap()["value"].as_f64().unwrap()
}

/// The layers of a map of a program (of its only one), by the model of the paper.
fn layers(file: &str, map: &str) -> Vec<serde_json::Value> {
    let file = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_dflowc"));
    command.args(["eval", &file, "--model", "maestro", "--report", "json"]);
    if !map.is_empty() {
        command.args(["--map", map]);
    }
    let output = command.output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    report["evaluations"][0]["layers"]
        .as_array()
        .unwrap()
        .clone()
}

/// Section 4.4: twice the unique data of the array in two consecutive steps. Padding of a row or a column is no data.
#[test]
fn the_shared_buffer_holds_two_steps_twice() {
    // Fig. 8: 85 clusters. Two columns of 3 are 4; kernels of 2 x 3 x 9 stay; two columns of sums of two bytes.
    let fig8 = layers("examples/maestro_fig8.dflow", "");
    let inputs = 87 * (3 + 1) * 3;
    let expected = 2 * (inputs + 2 * 3 * 9 + 2 * (85 * 2) * 2);
    assert_eq!(figure(&fig8[0], "shared_buffer"), f64::from(expected));
    // NLR on 64 PEs: conv1 has 224 columns in folds of 64, of which two are 128 inputs, 128 sums and one weight; conv11 has
    // 14 in one, and the next step is the next column of the kernel: 14 inputs are all that there are, two weights.
    let nlr = layers("examples/maestro/case1.dflow", "nlr");
    assert_eq!(
        figure(&nlr[0], "shared_buffer"),
        2.0 * (128.0 + 128.0 + 1.0)
    );
    assert_eq!(figure(&nlr[1], "shared_buffer"), 2.0 * (14.0 + 14.0 + 2.0));
    // NVDLA, conv11: 64 channels of one output of one kernel; the next column is 3 x 4 inputs and another sum.
    let dla = layers("examples/maestro/case1.dflow", "dla");
    let expected = 2.0 * (64.0 * 3.0 * 4.0 + 64.0 * 9.0 + 2.0);
    assert_eq!(figure(&dla[1], "shared_buffer"), expected);
}

/// Figs. 5 to 7, counted by hand: what comes from the L2, and what arrives at the PEs.
#[test]
fn the_examples_of_figures_5_to_7() {
    for (map, steps, pes, input, weight, output) in [
        // Two clusters make two output rows of three columns. 3 rows of 4 inputs, of which the middle one goes to two PEs; 2 x 2
        // weights to both clusters; 6 outputs, each the sum of two PEs.
        ("fig5", 3, 4, [3 * 4, 4 * 4], [4, 2 * 4], [6, 2 * 6]),
        // (0,1,2), (1,2,3), ...: ten windows, one input more each.
        ("fig6a", 10, 1, [12, 12], [3, 3], [10, 10]),
        // Ten windows of three rows on four PEs: 4, 4 and 2 of them in three folds, with 6, 6 and 4 rows.
        ("fig6b", 3, 4, [6 + 6 + 4, 3 * 10], [3, 4 * 3], [10, 10]),
        // M over two clusters of three pairs, N over the three, K over the two of a pair.
        ("fig6c", 1, 12, [2 * 2, 12], [3 * 2, 12], [6, 12]),
        // 2 images, 2 tiles of K, 2 of C, 3 folds of two output rows: 24 times 4 rows of 8 columns of 3 channels, of which the 18
        // inputs of section 4.2.2 go to two PEs at once; 18 weights stay in a PE while a tile of C lasts; a sum of the
        // first tile comes back for the second.
        (
            "fig7",
            24 * 6,
            6,
            [24 * 4 * 8 * 3, 24 * 6 * 8 * 3],
            [8 * 2 * 3 * 9, 2 * 8 * 2 * 3 * 9],
            [2 * 288, 2 * 3 * 288 + 288],
        ),
    ] {
        let layer = &layers("examples/maestro/figures.dflow", map)[0];
        assert_eq!(
            (&layer["steps"], &layer["pes_used"]),
            (&steps.into(), &pes.into())
        );
        let boundary = &layer["boundaries"][0];
        let tensor = |name: &str, keys: [&str; 2]| {
            let all = boundary["tensors"].as_array().unwrap();
            let found = all.iter().find(|one| one["tensor"] == name).unwrap();
            keys.map(|key| found[key].as_u64().unwrap())
        };
        assert_eq!(tensor("Input", ["down", "hops"]), input, "{map}");
        assert_eq!(tensor("Weight", ["down", "hops"]), weight, "{map}");
        assert_eq!(tensor("Output", ["up", "hops"]), output, "{map}");
    }
}

/// Section 5.1 as pictures: a bar per layer and dataflow, Fig. 12 on five arrays.
#[test]
fn charts_of_the_case_study() {
    let draw = |file: &str, figure: &str| {
        let file = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
            .args(["eval", &file, "--model", "maestro", "--chart", figure])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            said,
        )
    };
    let case = "examples/maestro/case1.dflow";
    let (status, svg, said) = draw(case, "roofline");
    assert_eq!(status, Some(0), "{said}");
    for text in [
        ">nlr<",
        ">nvdla<",
        ">conv1<",
        ">conv11<",
        ">roofline [MAC/cycle]<",
        ">56<",
        ">61.1<",
    ] {
        assert!(svg.contains(text), "{text}");
    }
    let (_, svg, _) = draw(case, "energy");
    for part in [">mac<", ">L1<", ">L2<"] {
        assert!(svg.contains(part), "{part}");
    }
    // DRAM has no price in this technology, and is no part.
    assert!(!svg.contains(">DRAM<"));
    let (_, svg, _) = draw("examples/maestro/figure12.dflow", "energy");
    for pes in [16, 32, 64, 128, 256] {
        assert!(svg.contains(&format!(">conv11, pes = {pes}<")), "{pes}");
    }
    let (status, _, said) = draw(case, "speed");
    assert_eq!(status, Some(2));
    assert!(
        said.contains("there are cycles, energy, private_buffer, shared_buffer"),
        "{said}"
    );
}

/// Layout and stages of a file of the tool: no layout of ours, its words, the tree that it becomes.
#[test]
fn files_of_the_tool_in_other_commands() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/maestro/strides.m");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dflowc"));
        let output = command.args(arguments).arg(file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            said,
        )
    };
    let before = std::fs::read(file).unwrap();
    let (status, _, said) = run(&["fmt"]);
    assert_eq!(status, Some(2));
    assert!(said.contains("`dflowc import"), "{said}");
    assert_eq!(std::fs::read(file).unwrap(), before);
    let (status, words, said) = run(&["emit", "--stage", "tokens"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(words.contains("\tWord(\"Network\")\n"), "{words}");
    let (status, tree, _) = run(&["emit", "--stage", "ast"]);
    assert_eq!(status, Some(0));
    assert!(tree.contains("Network(") && tree.contains("Map("), "{tree}");
}
