//! What is wrong, where it is shown, and the edit that mends it.

use super::editor::*;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn diagnostics_come_while_typing_and_go() {
    let mut editor = opened(SMALL);
    assert_eq!(editor.diagnostics(FILE), Vec::<Value>::new());
    // Column windows of 2 at distance 3 leave every third column out.
    let start = behind(SMALL, "TemporalMap(");
    let end = behind(SMALL, "TemporalMap(n,n");
    editor.change(
        FILE,
        json!([{ "range": { "start": start, "end": end }, "text": "2,3" }]),
    );
    assert!(editor.codes(FILE).contains(&"E0402".to_owned()));
    let (start, end) = (
        behind(SMALL, "TemporalMap("),
        behind(SMALL, "TemporalMap(2,3".replace("2,3", "n,n").as_str()),
    );
    editor.change(
        FILE,
        json!([{ "range": { "start": start, "end": end }, "text": "n,n" }]),
    );
    assert_eq!(editor.codes(FILE), Vec::<String>::new());
}

#[test]
fn diagnostics_have_code_severity_and_related_places() {
    let text = SMALL
        .replace("(n,n) N", "(2,3) N")
        .replace("; two: rows(n = 2)", "");
    let mut editor = opened(&text);
    let list = editor.diagnostics(FILE);
    let first = &list[0];
    assert_eq!(
        (&first["code"], &first["severity"]),
        (&json!("E0402"), &json!(1))
    );
    assert_eq!(first["source"], "dflowc");
    assert_eq!(
        first["range"]["start"],
        behind(&text, "SpatialMap(1,1) M; ")
    );
    assert_eq!(first["range"]["end"], behind(&text, "(2,3) N"));
    let related = first["relatedInformation"].as_array().unwrap();
    assert!(
        related
            .iter()
            .any(|one| one["location"]["range"]["start"] == behind(&text, "Layer ")),
        "{first}"
    );
    let helps = |one: &Value| one["message"].as_str().unwrap().starts_with("help: ");
    assert!(related.iter().any(helps), "{first}");
    assert_eq!(first["data"]["explain"], "dflowc explain E0402");
}

#[test]
fn a_code_action_removes_its_diagnostic() {
    let mut text = SMALL
        .replace("(n,n) N", "(2,3) N")
        .replace("; two: rows(n = 2)", "");
    let mut editor = opened(&text);
    let list = editor.diagnostics(FILE);
    let range = list[0]["range"].clone();
    let params = json!({ "textDocument": { "uri": FILE }, "range": range, "context": { "diagnostics": [list[0]] } });
    let answer = editor.ask("textDocument/codeAction", params.clone());
    let action = &answer["result"][0];
    assert_eq!(action["kind"], "quickfix");
    assert_eq!(action["diagnostics"][0]["code"], "E0402");
    let change = &action["edit"]["documentChanges"][0];
    assert_eq!(change["textDocument"]["version"], editor.version);
    text = edited(&text, &change["edits"]);
    editor.change(FILE, json!([{ "text": text }]));
    assert_eq!(editor.codes(FILE), Vec::<String>::new());
    let none = editor.ask("textDocument/codeAction", params);
    assert_eq!(none["result"], json!([]));
}

#[test]
fn code_actions_without_versions_for_editors_that_know_none() {
    let (mut editor, _) = Editor::with(json!({}));
    let text = "Map a on b { default: std.dataflows.nvdal; }";
    editor.open(FILE, text);
    let all =
        json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 9, "character": 0 } });
    let params =
        json!({ "textDocument": { "uri": FILE }, "range": all, "context": { "diagnostics": [] } });
    let answer = editor.ask("textDocument/codeAction", params.clone());
    let edits = &answer["result"][0]["edit"]["changes"][FILE];
    assert!(
        edited(text, edits).contains("std.dataflows.nvdla"),
        "{answer}"
    );
    // Asked for something else only.
    let mut other = params;
    other["context"]["only"] = json!(["refactor"]);
    assert_eq!(
        editor.ask("textDocument/codeAction", other)["result"],
        json!([])
    );
}

#[test]
fn mistakes_of_an_import_are_shown_there() {
    let folder = folder("imported");
    let library = folder.join("library.dflow");
    std::fs::write(&library, "Dataflow rows { TemporalMap(1) K; }").unwrap();
    let (library, design) = (address(&library), address(&folder.join("design.dflow")));
    let mut editor = Editor::new();
    editor.open(&design, "use \"library.dflow\";");
    assert_eq!(editor.codes(&design), Vec::<String>::new());
    let shown = |editor: &mut Editor| loop {
        let known = editor
            .notes
            .pop()
            .unwrap_or_else(|| editor.messages.recv_timeout(PATIENCE).unwrap());
        if known["params"]["uri"] == library.as_str() {
            return known["params"]["diagnostics"].as_array().unwrap().len();
        }
    };
    assert_eq!(shown(&mut editor), 1);
    editor.note(
        "textDocument/didClose",
        json!({ "textDocument": { "uri": design } }),
    );
    assert_eq!(shown(&mut editor), 0);
}

#[test]
fn nothing_is_said_of_what_is_refused() {
    let text = SMALL.replace("(n,n) N", "(2,3) N");
    let mut editor = opened(&text);
    let all =
        json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    let answer = editor.ask(
        "textDocument/inlayHint",
        json!({ "textDocument": { "uri": FILE }, "range": all }),
    );
    assert_eq!(answer["result"], json!([]));
    let hover = editor.at("textDocument/hover", FILE, &behind(&text, "Layer "));
    assert!(
        hover["result"]["contents"]["value"]
            .as_str()
            .unwrap()
            .contains("refused")
    );
}

/// Every wrong program of the tests: the server finds what `check` finds.
#[test]
fn diagnostics_are_those_of_check() {
    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "dflow") {
                found.push(path);
            }
        }
    }
    let mut all = Vec::new();
    files(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui"),
        &mut all,
    );
    all.sort();
    let mut compared = 0;
    for path in all {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let check = Command::new(env!("CARGO_BIN_EXE_dflowc"))
            .args(["check", "--message-format", "json"])
            .arg(&path)
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&check.stdout).unwrap();
        let own = path.to_str().unwrap();
        if report["more"] != 0 {
            continue;
        }
        let mut wanted: Vec<(String, Value)> = Vec::new();
        for one in report["diagnostics"].as_array().unwrap() {
            if one["file"] == own {
                let start = position(&text, one["byte_start"].as_u64().unwrap() as usize);
                wanted.push((one["code"].as_str().unwrap().to_owned(), start));
            }
        }
        let mut editor = Editor::new();
        let uri = address(&path);
        editor.open(&uri, &text);
        let mut found: Vec<(String, Value)> = editor
            .diagnostics(&uri)
            .iter()
            .map(|one| {
                (
                    one["code"].as_str().unwrap().to_owned(),
                    one["range"]["start"].clone(),
                )
            })
            .collect();
        // What points into the library or nowhere is shown in the document as well.
        found.retain(|one| wanted.contains(one) || one.1 != json!({ "line": 0, "character": 0 }));
        let order = |one: &(String, Value)| one.0.clone() + &one.1.to_string();
        wanted.sort_by_key(order);
        found.sort_by_key(order);
        for one in &wanted {
            assert!(
                found.contains(one),
                "{own}: {one:?} is missing in {found:?}"
            );
        }
        compared += wanted.len();
    }
    assert!(compared > 100, "{compared}");
}

/// A file of the MAESTRO tool has diagnostics in its own text, and what is said at a place; what reads or writes words of
/// dflow is not offered for it.
#[test]
fn a_file_of_the_maestro_tool() {
    const TOOL: &str = "file:///nowhere/vgg.m";
    let text = "Network n {\n  Layer a {\n    Type: CONV Dimensions { K 4,C 64,R 3,S 3,Y 9,X 9 }\n    \
                Dataflow { SpatialMap(1,1) K; TemporalMap(32,64) C }\n  }\n}\n";
    let mut editor = Editor::new();
    editor.open(TOOL, text);
    let codes = editor.codes(TOOL);
    for code in ["W0602", "W0601", "E0402"] {
        assert!(codes.contains(&code.to_owned()), "{codes:?}");
    }
    let all = editor.diagnostics(TOOL);
    let gap = all.iter().find(|one| one["code"] == "E0402").unwrap();
    assert_eq!(gap["range"]["start"]["line"], 3);
    for method in [
        "textDocument/formatting",
        "textDocument/semanticTokens/full",
    ] {
        let params = json!({ "textDocument": { "uri": TOOL }, "options": { "tabSize": 2, "insertSpaces": true } });
        assert_eq!(editor.ask(method, params)["result"], Value::Null);
    }
    editor.change(
        TOOL,
        json!([{ "text": text.replace("(32,64)", "(32,32)") }]),
    );
    let codes = editor.codes(TOOL);
    for code in ["W0601", "E0402"] {
        assert!(!codes.contains(&code.to_owned()), "{codes:?}");
    }
}

/// The hardware that the editor names is what a file of the tool runs on, and a mistake in it is said.
#[test]
fn a_file_of_the_maestro_tool_on_its_hardware() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("lsp_hardware");
    std::fs::create_dir_all(&folder).unwrap();
    let list = folder.join("hw.m");
    let tool = format!("file://{}/net.m", folder.display());
    let text = "Network n {\n  Layer a {\n    Type: CONV Dimensions { K 8,C 6,R 3,S 3,Y 9,X 9 }\n    \
                Dataflow { SpatialMap(1,1) K; TemporalMap(3,3) C }\n  }\n}\n";
    let codes = |hardware: &str| {
        std::fs::write(&list, hardware).unwrap();
        let (mut editor, _) = Editor::with_options(json!({}), json!({ "hardware": "hw.m" }));
        editor.open(&tool, text);
        editor.codes(&tool)
    };
    assert_eq!(codes("num_pes: 8\n"), Vec::<String>::new());
    // An L1 of 10 bytes holds no 3 channels of 9 inputs.
    let small = codes("num_pes: 8\nl1_size_cstr: 10\n");
    assert_eq!(small, ["E0501"]);
    let (mut editor, _) = Editor::with_options(json!({}), Value::Null);
    editor.open(&tool, text);
    // 256 PEs are assumed, of which 8 work.
    assert_eq!(editor.codes(&tool), ["W0602", "W0401"]);
}
