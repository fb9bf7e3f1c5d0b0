//! `dflowc search` over groups: what is emitted evaluates to the same bytes, a budget leaves a true gap, what is not done is
//! refused.

use crate::cli::{dflowc, stderr, stdout};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn program(name: &str, text: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tree_{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("group.dflow");
    fs::write(&path, text).unwrap();
    path
}

const BLOCK: &str = "
    Network block {
      Layer expand    { Type: CONV;   Dimensions { K: 192, C: 24, Y: 28, X: 28, R: 1, S: 1 } }
      Layer depthwise { Type: DWCONV; Dimensions { C: 192, Y: 28, X: 28, R: 3, S: 3 } Padding { Y: 1, X: 1 } }
      Layer project   { Type: CONV;   Dimensions { K: 24, C: 192, Y: 28, X: 28, R: 1, S: 1 } }
    }
    Accelerator chip(size = 12994B) { Precision: INT8; Memory DRAM { } Memory GLB { Size: size } Compute MAC { } }
";

fn json(arguments: &[&str]) -> Value {
    let output = dflowc(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// A second implementation counts what the search found: the engine of fused groups, which knows sets and not products.
#[test]
fn what_is_emitted_evaluates_to_the_same_bytes() {
    let search = "Search s { group: { block.expand, block.depthwise, block.project }; on: chip; minimize: traffic(DRAM); }";
    let file = program("emit", &format!("{BLOCK}{search}"));
    let emitted = file.with_file_name("found.dflow");
    let (file, emitted) = (file.display().to_string(), emitted.display().to_string());
    let report = json(&["search", &file, "--format", "json", "--emit", &emitted]);
    let best = &report["fused_searches"][0]["best"];
    assert_eq!(best["dram_bytes"], 48_576.0);
    assert_eq!(report["fused_searches"][0]["proved"], true);
    let evaluated = json(&["eval", &emitted, "--report", "json"]);
    let group = &evaluated["evaluations"][0]["groups"][0];
    assert_eq!(group["dram_bytes"].as_f64(), best["dram_bytes"].as_f64());
    let memories = group["memories"].as_array().unwrap();
    let buffer = memories.iter().find(|memory| memory["memory"] == "GLB");
    assert_eq!(
        buffer.unwrap()["windows_bytes"].as_f64(),
        best["needed_bytes"].as_f64()
    );
}

#[test]
fn a_budget_leaves_a_true_gap() {
    let text = "
        Network n {
          Layer a { Type: FC; Dimensions { N: 4096, K: 4096, C: 4096 } }
          Layer b { Type: FC; Dimensions { N: 4096, K: 4096, C: 4096 } }
          Layer c { Type: FC; Dimensions { N: 4096, K: 4096, C: 4096 } }
        }
        Accelerator chip { Precision: INT8; Memory DRAM { } Memory GLB { Size: 64KiB } Compute MAC { } }
        Search s { group: n.a, n.b, n.c; on: chip; minimize: traffic(DRAM); space { tiles: imperfect; } }
    ";
    let file = program("budget", text);
    let file = file.display().to_string();
    let report = json(&["search", &file, "--format", "json", "--budget", "1s"]);
    let search = &report["fused_searches"][0];
    assert_eq!(search["proved"], false);
    // All from outside once, and the result.
    let compulsory = 5.0 * 4096.0 * 4096.0;
    assert_eq!(search["lower_bound"], compulsory);
    let moved = search["best"]["dram_bytes"].as_f64().unwrap();
    assert_eq!(search["gap"].as_f64().unwrap(), 1.0 - compulsory / moved);
}

#[test]
fn what_a_program_cannot_say_is_not_written() {
    let text = "
        Network n {
          Layer a { Type: FC; Dimensions { N: 8, K: 8, C: 8 } }
          Layer b { Type: FC; Dimensions { N: 8, K: 8, C: 8 } }
        }
        Accelerator chip { Precision: INT8; Memory DRAM { } Memory GLB { Size: 73B } Compute MAC { } }
        Search s { group: n.a, n.b; on: chip; minimize: traffic(DRAM); }
    ";
    let file = program("refused", text);
    let emitted = file.with_file_name("found.dflow");
    let (file, emitted_text) = (file.display().to_string(), emitted.display().to_string());
    // A whole map, a column and a value: 64 + 8 + 1.
    let report = json(&["search", &file, "--format", "json"]);
    assert_eq!(
        report["fused_searches"][0]["best"]["dram_bytes"],
        4.0 * 64.0
    );
    let output = dflowc(&["search", &file, "--emit", &emitted_text]);
    assert_ne!(output.status.code(), Some(0));
    assert!(
        stderr(&output).contains("loops of one layer"),
        "{}",
        stderr(&output)
    );
    assert!(!emitted.exists());
    for refused in [["--certificate", "proof.json"], ["--format", "csv"]] {
        let output = dflowc(&[&["search", &file][..], &refused[..]].concat());
        assert_ne!(output.status.code(), Some(0));
    }
}

/// What the heads of the examples say, the figures of the design page (section 7).
#[test]
fn the_examples_move_what_they_say() {
    let moved = |example: &str| -> Vec<f64> {
        let file = format!(
            "{}/examples/fused/{example}.dflow",
            env!("CARGO_MANIFEST_DIR")
        );
        let report = json(&["search", &file, "--format", "json"]);
        let searches = report["fused_searches"].as_array().unwrap();
        let best = searches.iter().map(|search| {
            assert_eq!(search["proved"], true);
            search["best"]["dram_bytes"].as_f64().unwrap()
        });
        best.collect()
    };
    assert_eq!(
        moved("products"),
        [65_536.0, 147_456.0, 131_072.0, 98_304.0]
    );
    assert_eq!(moved("bottleneck"), [48_576.0, 105_024.0, 103_296.0]);
}
