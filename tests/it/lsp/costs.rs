//! Figures: those of `eval`, beside the text and behind its words.

use super::editor::*;
use serde_json::{Value, json};
use std::process::Command;

#[test]
fn hover_tells_sizes_and_costs() {
    let mut editor = opened(SMALL);
    let mut text = |before: &str| {
        let answer = editor.at("textDocument/hover", FILE, &behind(SMALL, before));
        answer["result"]["contents"]["value"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    // 4 * 8 * 16 products; A has 4 * 16 elements, B 16 * 8, the result 4 * 8.
    let layer = text("Layer ");
    for part in ["512 MACs", "| 64 |", "| 128 |", "| 32 |", "net on small: "] {
        assert!(layer.contains(part), "{part}: {layer}");
    }
    // 8 columns one by one, and 16 two by two; one row of 4 on each of 4 PEs.
    let directive = text("SpatialMap(1,1) M; Temp");
    assert!(
        directive.contains("| `one` | 1 by 1 | 8 | - |")
            && directive.contains("| `two` | 2 by 2 | 8 | - |"),
        "{directive}"
    );
    assert!(directive.contains("4 of 4"), "{directive}");
    let memory = text("Memory G");
    assert!(
        memory.contains("available: 4,096 bytes") && memory.contains("required by net on small: "),
        "{memory}"
    );
    assert!(text("default: ").contains("Rows side by side."));
    assert!(text("Lay").contains("one layer"));
    assert_eq!(text("/* "), "");
}

/// Cycles, utilisation and energy of a hint.
fn figures(label: &str) -> Vec<&str> {
    label.split(", ").collect()
}

#[test]
fn inlay_hints_have_the_numbers_of_eval() {
    let path = folder("hints").join("design.dflow");
    let text = "use std.networks.vgg16;\nuse std.accelerators.eyeriss;\n\
                use std.dataflows.{row_stationary, gemm_os, streaming};\n\
                Map vgg16 on eyeriss {\n  default POOL: streaming;\n  default: row_stationary(k_tile = 16, c_tile = 4);\n\
                conv1_2: row_stationary(k_tile = 16, c_tile = 4);\n  fc6: gemm_os;\n  fc7, fc8: gemm_os;\n}\n";
    std::fs::write(&path, text).unwrap();
    let eval = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .args(["eval", "--report", "json"])
        .arg(&path)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&eval.stdout).unwrap();
    let layer = |name: &str| {
        let layers = report["evaluations"][0]["layers"].as_array().unwrap();
        layers
            .iter()
            .find(|layer| layer["name"] == name)
            .unwrap()
            .clone()
    };
    let uri = address(&path);
    let mut editor = Editor::new();
    editor.open(&uri, text);
    let all =
        json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    let answer = editor.ask(
        "textDocument/inlayHint",
        json!({ "textDocument": { "uri": uri }, "range": all }),
    );
    let hints = answer["result"].as_array().unwrap();
    let shown = |number: usize, part: &str| {
        let line = text.lines().nth(number).unwrap();
        let end = line.rfind(';').or_else(|| line.rfind(" {")).unwrap();
        let place = json!({ "line": number, "character": line[..end].encode_utf16().count() });
        let hint = hints.iter().find(|hint| hint["position"] == place);
        hint.unwrap_or_else(|| panic!("{line}: {hints:?}"))[part]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let cycles = |count: &Value| {
        let digits = count.as_u64().unwrap().to_string();
        let groups: Vec<&str> = digits
            .as_bytes()
            .rchunks(3)
            .rev()
            .map(|part| std::str::from_utf8(part).unwrap())
            .collect();
        format!("{} cycles", groups.join(","))
    };
    for (line, name) in [(6, "conv1_2"), (7, "fc6")] {
        let (label, wanted) = (shown(line, "label"), layer(name));
        let energy = wanted["energy_pj"]["total"].as_f64().unwrap();
        assert_eq!(
            figures(&label),
            [
                cycles(&wanted["cycles"]).as_str(),
                &format!("{:.1} %", wanted["utilization"].as_f64().unwrap() * 100.0),
                &format!("{:.3} mJ", energy / 1e9),
            ]
        );
        // What binds it stands behind.
        let bound = format!("bound by {}", wanted["bound"].as_str().unwrap());
        assert!(shown(line, "tooltip").contains(&bound));
    }
    let totals = &report["evaluations"][0]["totals"];
    assert!(
        shown(3, "tooltip").starts_with(&format!("21 layers: {}, ", cycles(&totals["cycles"])))
    );
    let two = layer("fc7")["cycles"].as_u64().unwrap() + layer("fc8")["cycles"].as_u64().unwrap();
    assert!(shown(8, "tooltip").starts_with(&format!("2 layers: {}", cycles(&json!(two)))));
    // Only what is asked for.
    let some =
        json!({ "start": { "line": 7, "character": 0 }, "end": { "line": 8, "character": 0 } });
    let answer = editor.ask(
        "textDocument/inlayHint",
        json!({ "textDocument": { "uri": uri }, "range": some }),
    );
    assert_eq!(answer["result"].as_array().unwrap().len(), 1);
}

#[test]
fn tiles_stand_beside_directives() {
    let mut editor = opened(SMALL);
    let all =
        json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    let answer = editor.ask(
        "textDocument/inlayHint",
        json!({ "textDocument": { "uri": FILE }, "range": all }),
    );
    let hints = answer["result"].as_array().unwrap().clone();
    let at = |before: &str| {
        let place = behind(SMALL, before);
        let hint = hints.iter().find(|hint| hint["position"] == place);
        hint.unwrap_or_else(|| panic!("{before}: {hints:?}"))["label"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    // Of layer one, the first: a row of 16 against all 128 of B; then one column; then one product.
    let numbers = |label: &str| -> Vec<u64> {
        label
            .split(' ')
            .filter_map(|word| word.trim_end_matches(',').parse().ok())
            .collect()
    };
    let label = at("SpatialMap(1,1) M");
    assert!(label.starts_with("one: "), "{label}");
    assert_eq!(numbers(&label), [16, 128, 8]);
    assert_eq!(numbers(&at("TemporalMap(n,n) N")), [16, 16, 1]);
    assert_eq!(numbers(&at("TemporalMap(1,1) K")), [1, 1, 1]);
    // No technology: cycles and utilisation.
    assert_eq!(figures(&at("Layer one")).len(), 2);
}

/// The block of chapter 11 of the manual.
const FUSED: &str = "Accelerator edge {
  Memory DRAM { }
  Memory GLB { }
  Level Engine { Array PE { Shape: [4] } Array PEdw { Shape: [2] } Array PEout { Shape: [4] } }
  Memory RF { }
  Compute MAC { }
}
Network block {
  Layer expand    { Type: CONV;   Dimensions { K: 8, C: 4, Y: 8, X: 8, R: 1, S: 1 } }
  Layer depthwise { Type: DWCONV; Dimensions { C: 8, Y: 8, X: 8, R: 3, S: 3 } Padding { Y: 1, X: 1 } }
  Layer project   { Type: CONV;   Dimensions { K: 4, C: 8, Y: 8, X: 8, R: 1, S: 1 } }
}
Dataflow outputs { SpatialMap(1,1) K; TemporalMap(1,1) X' }
Map block on edge {
  Fuse expand, depthwise, project {
    tile project.P by 2 {
      retain expand.Output, depthwise.Output in GLB;
      pipeline { run expand on PE using outputs; run depthwise on PEdw; run project on PEout using outputs; }
    }
  }
}
";

#[test]
fn fused_groups_have_names_costs_and_the_numbers_of_eval() {
    let path = folder("fused").join("block.dflow");
    std::fs::write(&path, FUSED).unwrap();
    let eval = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .args(["eval", "--report", "json"])
        .arg(&path)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&eval.stdout).unwrap();
    let cycles = report["evaluations"][0]["groups"][0]["cycles"]
        .as_u64()
        .unwrap();
    let uri = address(&path);
    let mut editor = Editor::new();
    editor.open(&uri, FUSED);
    let all =
        json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    let question = json!({ "textDocument": { "uri": uri }, "range": all });
    let answer = editor.ask("textDocument/inlayHint", question);
    let place = behind(FUSED, "Fuse expand, depthwise, project");
    let hints = answer["result"].as_array().unwrap();
    let hint = hints.iter().find(|hint| hint["position"] == place).unwrap();
    let label = hint["label"].as_str().unwrap();
    assert_eq!(
        label.split(' ').next().unwrap().replace(',', ""),
        cycles.to_string()
    );
    assert!(
        hint["tooltip"]
            .as_str()
            .unwrap()
            .contains("the layers one by one: ")
    );
    let hover = editor.at("textDocument/hover", &uri, &behind(FUSED, "tile "));
    assert!(
        hover["result"]["contents"]["value"]
            .as_str()
            .unwrap()
            .contains("fused: ")
    );
    for (before, line) in [
        ("tile ", 10),
        ("in G", 2),
        ("on PE", 3),
        ("using ", 12),
        ("retain ", 8),
    ] {
        let answer = editor.at("textDocument/definition", &uri, &behind(FUSED, before));
        assert_eq!(
            answer["result"]["range"]["start"]["line"], line,
            "{before}: {answer}"
        );
    }
    let half = FUSED.split("retain").next().unwrap();
    let text = format!("{half}retain expand.Output in ");
    editor.open(&uri, &text);
    let answer = editor.at(
        "textDocument/completion",
        &uri,
        &position(&text, text.len()),
    );
    let items = answer["result"].as_array().unwrap();
    assert!(items.iter().any(|item| item["label"] == "GLB"), "{answer}");
}
