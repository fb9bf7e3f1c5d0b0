//! Searches in an editor: words, sizes, mistakes; nothing is searched.

use super::editor::*;
use serde_json::Value;
use std::time::{Duration, Instant};

const TEXT: &str =
    "Network net unwired { Layer product { Type: GEMM; Dimensions { M: 8, N: 8, K: 8 } } }
Accelerator one { Memory DRAM { } Memory Buf { Size: 48B } Compute MAC { } }
Search least { layer: net.product; on: one; minimize: traffic(DRAM); }
";

/// An accelerator with a parameter, and a dataflow.
const SWEPT: &str =
    "Accelerator wide(lanes = 2) { Memory DRAM { } Memory Buf { Size: 48B } Compute MAC { Lanes: lanes } }
Dataflow rows { tile M by 1; }
";

#[test]
fn the_head_of_an_exploration_has_the_number_of_its_designs() {
    let text = format!(
        "{}{SWEPT}Explore all {{ network: net; on: wide; map: rows; vary lanes: 1..9 by 2; where {{ lanes != 3; }} minimize: cycles; }}\n",
        TEXT.split("Search").next().unwrap()
    );
    let mut editor = opened(&text);
    let answer = editor.at("textDocument/hover", FILE, &behind(&text, "Explore al"));
    let found = answer["result"]["contents"]["value"]
        .as_str()
        .unwrap_or_default();
    // 1, 5, 7 and 9.
    assert!(found.contains("4 designs, 5 lanes"), "{found}");
}

#[test]
fn words_of_a_search_are_completed() {
    let mut editor = Editor::new();
    let head = format!("{}{SWEPT}", TEXT.split("Search").next().unwrap());
    let mut words = |tail: &str| -> Vec<String> {
        let text = format!("{head}{tail}");
        editor.open(FILE, &text);
        let answer = editor.at(
            "textDocument/completion",
            FILE,
            &position(&text, text.len()),
        );
        let items = answer["result"].as_array().cloned().unwrap_or_default();
        let label = |item: &Value| item["label"].as_str().unwrap_or_default().to_owned();
        items.iter().map(label).collect()
    };
    for (tail, wanted) in [
        ("Sea", "Search"),
        ("Search s { mi", "minimize"),
        ("Search s { sp", "space"),
        ("Search s { on: o", "one"),
        ("Search s { network: n", "net"),
        ("Search s { layer: net.", "product"),
        ("Search s { minimize: e", "edp"),
        ("Search s { on: one; minimize: traffic(", "DRAM"),
        ("Search s { strategy: a", "adaptive"),
        ("Search s { model: m", "maestro"),
        ("Search s { model: d", "deepopt"),
        ("Search s { space d", "deepopt"),
        ("Search s { space deepopt; scope: l", "layers"),
        ("Search s { space deepopt; f", "fc"),
        ("Search s { space deepopt; fc: c", "corrected"),
        ("Search s { on: one; space { at ", "Buf"),
        (
            "Search s { layer: net.product; on: one; space { at DRAM { tile ",
            "K",
        ),
        (
            "Search s { on: one; space { at DRAM { tile K by ",
            "divisors",
        ),
        ("Search s { on: one; space { tiles: ", "imperfect"),
        ("Search s { on: one; where { capacity(", "Buf"),
        ("Exp", "Explore"),
        ("Explore e { va", "vary"),
        ("Explore e { bu", "budget"),
        ("Explore e { on: o", "one"),
        ("Explore e { network: net; layers: p", "product"),
        ("Explore e { on: wide; vary l", "lanes"),
        (
            "Explore e { on: wide; vary lanes: 1..4 by 1; each: l",
            "lanes",
        ),
        ("Explore e { scope: l", "layers"),
        ("Explore e { space deepopt; fc: p", "published"),
        ("Explore e { minimize: p", "pareto"),
        ("Explore e { map: r", "rows"),
        ("Explore e { model: d", "dmazerunner"),
    ] {
        let found = words(tail);
        assert!(found.iter().any(|word| word == wanted), "{tail}: {found:?}");
    }
}

#[test]
fn the_head_of_a_search_has_the_size_of_its_space() {
    let mut editor = opened(TEXT);
    let answer = editor.at("textDocument/hover", FILE, &behind(TEXT, "Search le"));
    let text = answer["result"]["contents"]["value"]
        .as_str()
        .unwrap_or_default();
    // As `dflowc search` counts them.
    assert!(text.contains("* product: 226 schedules"), "{text}");
    let memory = editor.at("textDocument/hover", FILE, &behind(TEXT, "traffic(D"));
    let text = memory["result"]["contents"]["value"]
        .as_str()
        .unwrap_or_default();
    assert!(text.contains("DRAM"), "{text}");
}

/// A key stroke in a search of some 10^30 schedules is answered at once.
#[test]
fn nothing_is_searched_on_a_key_stroke() {
    let text = "use std.networks.resnet50;
use std.accelerators.eyeriss;
Search all { network: resnet50; on: eyeriss; minimize: edp; space { tiles: imperfect; } }
Map resnet50 on eyeriss { default: auto(minimize = edp); }
";
    let start = Instant::now();
    let mut editor = opened(text);
    let answer = editor.at("textDocument/hover", FILE, &behind(text, "network: resn"));
    assert!(answer["result"].is_object(), "{answer}");
    assert!(start.elapsed() < Duration::from_secs(30));
}
