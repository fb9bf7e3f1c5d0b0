//! What editors ask beside names and figures: calls, folds, growing selections, paths, the whole folder, reports, settings.

use super::editor::*;
use serde_json::{Value, json};

/// An editor as VS Code is one: with a folder, snippets, and notes beside diagnostics.
fn in_folder(folder: &std::path::Path, options: Value) -> (Editor, Value) {
    let mut editor = Editor::start();
    let params = json!({
        "processId": null,
        "rootUri": address(folder),
        "workspaceFolders": [{ "uri": address(folder), "name": "all" }],
        "initializationOptions": options,
        "capabilities": { "textDocument": {
            "publishDiagnostics": { "relatedInformation": true },
            "completion": { "completionItem": { "snippetSupport": true } },
        } },
    });
    let answer = editor.ask("initialize", params);
    editor.note("initialized", json!({}));
    (editor, answer["result"].clone())
}

fn clean(name: &str) -> std::path::PathBuf {
    let folder = folder(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("lib/inner")).unwrap();
    folder
}

const LIBRARY: &str =
    "Dataflow rows(n = 1) { SpatialMap(1,1) M; TemporalMap(n,n) N; TemporalMap(1,1) K }\n";
const USER: &str = "use \"lib/library.dflow\";\nMap std.networks.bert_base on std.accelerators.tpu_like { default: rows(n = 2); }\n";

#[test]
fn names_of_closed_files_are_found_and_renamed() {
    let folder = clean("closed");
    std::fs::write(folder.join("lib/library.dflow"), LIBRARY).unwrap();
    std::fs::write(folder.join("user.dflow"), USER).unwrap();
    // Another dataflow of the same name.
    std::fs::write(folder.join("other.dflow"), "Dataflow rows { }\n").unwrap();
    let uri = address(&folder.join("lib/library.dflow"));
    let (mut editor, _) = in_folder(&folder, Value::Null);
    editor.open(&uri, LIBRARY);
    let answer = editor.at(
        "textDocument/references",
        &uri,
        &behind(LIBRARY, "Dataflow "),
    );
    let files: Vec<String> = answer["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            one["uri"]
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(files, ["library.dflow", "user.dflow"]);
    let answer = editor.at("textDocument/rename", &uri, &behind(LIBRARY, "Dataflow "));
    let changes = answer["result"]["changes"].as_object().unwrap();
    assert_eq!(changes.len(), 2);
    let edits = &changes[&address(&folder.join("user.dflow"))];
    assert_eq!(edited(USER, edits), USER.replace("rows", "renamed"));
    let found = editor.ask("workspace/symbol", json!({ "query": "rws" }));
    let found = found["result"].as_array().unwrap();
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|one| one["name"] == "rows"));
}

#[test]
fn paths_are_completed_and_lead_to_files() {
    let folder = clean("paths");
    std::fs::write(folder.join("lib/library.dflow"), LIBRARY).unwrap();
    std::fs::write(folder.join("lib/notes.txt"), "").unwrap();
    let uri = address(&folder.join("user.dflow"));
    let (mut editor, _) = in_folder(&folder, Value::Null);
    let mut labels = |text: &str| -> Vec<String> {
        editor.open(&uri, text);
        let answer = editor.at("textDocument/completion", &uri, &position(text, text.len()));
        let items = answer["result"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["label"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(labels("use \"l"), ["lib"]);
    assert_eq!(labels("use \"lib/"), ["inner", "library.dflow"]);
    editor.open(&uri, USER);
    let links = editor.ask(
        "textDocument/documentLink",
        json!({ "textDocument": { "uri": uri } }),
    );
    assert_eq!(
        links["result"][0]["target"],
        address(&folder.join("lib/library.dflow"))
    );
    assert_eq!(links["result"][0]["range"]["start"], behind(USER, "use "));
}

/// A list that opens by itself takes the Enter key: only where a name must follow.
#[test]
fn no_list_opens_by_itself_where_a_line_may_end() {
    let (mut editor, result) = in_folder(&clean("unasked"), Value::Null);
    let triggers = &result["capabilities"]["completionProvider"]["triggerCharacters"];
    let triggers: Vec<&str> = triggers
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap())
        .collect();
    assert!(!triggers.contains(&"{") && !triggers.contains(&"("));
    let mut number = |text: &str| {
        editor.open(FILE, text);
        let typed = &text[text.len() - 1..];
        assert!(triggers.contains(&typed));
        let params = json!({
            "textDocument": { "uri": FILE }, "position": position(text, text.len()),
            "context": { "triggerKind": 2, "triggerCharacter": typed },
        });
        let answer = editor.ask("textDocument/completion", params);
        answer["result"].as_array().unwrap().len()
    };
    let uses = "use std.networks.vgg16; use std.accelerators.eyeriss; use std.dataflows.nvdla;\n";
    for (text, opens) in [
        ("Map ", true),
        ("Map vgg16 ", false),
        ("Map vgg16 on ", true),
        ("Map vgg16 on eyeriss ", false),
        ("Map vgg16 on eyeriss { ", false),
        ("Map vgg16 on eyeriss { default:", true),
        ("Map vgg16 on eyeriss { default: ", true),
        ("Map vgg16 on eyeriss { default: nvdla; ", false),
        ("Map vgg16 on eyeriss { conv1_1, ", true),
        ("Network n { Layer ", false),
        ("Network n { Layer a { Type: ", true),
        ("Network n { Layer a { Type: CONV; Dimensions { K:", false),
        ("Network n { Layer a { Type: CONV; Dimensions { K: ", false),
        ("Dataflow d { TemporalMap(1, ", false),
        ("Dataflow d { tile ", true),
    ] {
        let found = number(&format!("{uses}{text}"));
        assert_eq!(found > 0, opens, "{text}: {found}");
    }
}

#[test]
fn keywords_come_with_their_block_where_the_line_ends() {
    let (mut editor, _) = in_folder(&clean("snippets"), Value::Null);
    let mut item = |text: &str, at: usize, label: &str| {
        editor.open(FILE, text);
        let answer = editor.at("textDocument/completion", FILE, &position(text, at));
        let items = answer["result"].as_array().unwrap();
        items
            .iter()
            .find(|item| item["label"] == label)
            .unwrap()
            .clone()
    };
    let map = item("Ma", 2, "Map");
    assert_eq!(map["insertTextFormat"], 2);
    assert!(
        map["textEdit"]["newText"]
            .as_str()
            .unwrap()
            .contains("default: ${3:dataflow};")
    );
    let map = item("Ma net on acc { }", 2, "Map");
    assert_eq!(map["textEdit"]["newText"], "Map");
}

#[test]
fn a_call_shows_what_it_takes() {
    let text = "use std.dataflows.nvdla; Map n on a { default: nvdla(c_tile = 3, ";
    let mut editor = opened(text);
    let mut at = |place: usize| {
        let params = json!({ "textDocument": { "uri": FILE }, "position": position(text, place) });
        editor.ask("textDocument/signatureHelp", params)
    };
    let answer = at(text.len());
    let shown = &answer["result"]["signatures"][0];
    let label = shown["label"].as_str().unwrap();
    assert!(
        label.starts_with("nvdla(") && label.contains("c_tile = "),
        "{label}"
    );
    assert_eq!(shown["activeParameter"], 1);
    let outside = at(10);
    assert_eq!(outside["result"], Value::Null);
}

#[test]
fn blocks_fold_and_selections_grow() {
    let mut editor = opened(SMALL);
    let file = json!({ "textDocument": { "uri": FILE } });
    let answer = editor.ask("textDocument/foldingRange", file);
    let lines: Vec<(u64, u64)> = answer["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["startLine"].as_u64().unwrap(),
                one["endLine"].as_u64().unwrap(),
            )
        })
        .collect();
    // The network and the accelerator; the brace at the end stays.
    assert_eq!(lines, [(1, 3), (7, 12)]);
    let params = json!({ "textDocument": { "uri": FILE }, "positions": [behind(SMALL, "Size: ")] });
    let answer = editor.ask("textDocument/selectionRange", params);
    let mut range = &answer["result"][0];
    let mut number = 0;
    while let Some(parent) = range.get("parent") {
        assert!(
            parent["range"]["start"]["line"].as_u64() <= range["range"]["start"]["line"].as_u64()
        );
        range = parent;
        number += 1;
    }
    assert!(number >= 4, "{answer}");
    assert_eq!(
        range["range"]["start"],
        json!({ "line": 0, "character": 0 })
    );
}

#[test]
fn a_map_shows_its_report() {
    let mut editor = opened(SMALL);
    let answer = editor.ask(
        "textDocument/codeLens",
        json!({ "textDocument": { "uri": FILE } }),
    );
    let command = &answer["result"][0]["command"];
    assert_eq!(command["command"], "dflow.showReport");
    let report = editor.ask(
        "workspace/executeCommand",
        json!({ "command": "dflowc.report", "arguments": command["arguments"] }),
    );
    assert_eq!(report["result"]["title"], "net on small");
    // 4 * 8 * 16 + 4 * 16 * 16 products.
    let text = report["result"]["text"].as_str().unwrap();
    assert!(text.contains("1,536") && text.contains("GLB"), "{text}");
    let nothing = editor.ask(
        "workspace/executeCommand",
        json!({ "command": "dflowc.report", "arguments": [FILE] }),
    );
    assert!(
        nothing["error"]["message"]
            .as_str()
            .unwrap()
            .contains("position")
    );
}

#[test]
fn problems_are_lines_and_what_belongs_to_them_stands_beside() {
    let text = SMALL.replace("(n,n) N", "(2,3) N");
    let (mut editor, _) = in_folder(&clean("lines"), Value::Null);
    editor.open(FILE, &text);
    let list = editor.diagnostics(FILE);
    assert!(!list.is_empty());
    for one in &list {
        assert!(!one["message"].as_str().unwrap().contains('\n'), "{one}");
    }
    let beside: Vec<&str> = list[0]["relatedInformation"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["message"].as_str().unwrap())
        .collect();
    assert!(
        beside.iter().any(|text| text.starts_with("help: ")),
        "{beside:?}"
    );
}

#[test]
fn all_of_a_kind_are_fixed_at_once() {
    let text = "Network net { Layer a { Typ: FC; } Layer b { Typ: FC; } }\n";
    let mut editor = opened(text);
    let list = editor.diagnostics(FILE);
    let range = list[0]["range"].clone();
    let ask = |only: Value| {
        json!({ "textDocument": { "uri": FILE }, "range": range,
                "context": { "diagnostics": list, "only": only } })
    };
    let answer = editor.ask("textDocument/codeAction", ask(json!(["quickfix"])));
    let actions = answer["result"].as_array().unwrap();
    let titles: Vec<&str> = actions
        .iter()
        .map(|one| one["title"].as_str().unwrap())
        .collect();
    assert!(titles[0].contains("`Type`"), "{titles:?}");
    let all = actions
        .iter()
        .find(|one| one["title"].as_str().unwrap().starts_with("fix all 2 of "));
    let edits = &all.unwrap_or_else(|| panic!("{titles:?}"))["edit"]["documentChanges"][0]["edits"];
    assert_eq!(edited(text, edits), text.replace("Typ:", "Type:"));
    let whole = editor.ask("textDocument/codeAction", ask(json!(["source.fixAll"])));
    let edits = &whole["result"][0]["edit"]["documentChanges"][0]["edits"];
    assert_eq!(edited(text, edits), text.replace("Typ:", "Type:"));
}

#[test]
fn settings_hide_hints_and_warnings() {
    let options = json!({ "hints": { "tiles": false }, "warnings": false });
    let (mut editor, _) = in_folder(&clean("settings"), options);
    // One of 8 PEs works, which is a warning.
    let text = SMALL.replace("Shape: [4]", "Shape: [8]");
    editor.open(FILE, &text);
    assert_eq!(editor.codes(FILE), Vec::<String>::new());
    let all = json!({ "textDocument": { "uri": FILE }, "range": {
        "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } } });
    let number = |answer: Value| answer["result"].as_array().unwrap().len();
    let costs = number(editor.ask("textDocument/inlayHint", all.clone()));
    assert!(costs > 0);
    let settings =
        json!({ "settings": { "dflow": { "hints": { "tiles": true }, "warnings": true } } });
    editor.note("workspace/didChangeConfiguration", settings);
    let both = number(editor.ask("textDocument/inlayHint", all));
    assert!(both > costs);
    // They are said again, with the warnings.
    let is_said = |message: &Value| {
        message["method"] == "textDocument/publishDiagnostics"
            && message["params"].to_string().contains("W0401")
    };
    while !editor.notes.iter().any(is_said) {
        let message = editor.receive();
        editor.notes.push(message);
    }
}

/// Editors cut hints off at 43 letters; the figures of the report are behind them.
#[test]
fn hints_can_be_read_whole() {
    for file in ["resnet50", "looptree_table1", "mobilenet_v2_fused"] {
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{file}.dflow"));
        let text = std::fs::read_to_string(&path).unwrap();
        let mut editor = Editor::new();
        editor.open(&address(&path), &text);
        let all = json!({ "textDocument": { "uri": address(&path) }, "range": {
            "start": { "line": 0, "character": 0 }, "end": { "line": 9999, "character": 0 } } });
        let answer = editor.ask("textDocument/inlayHint", all);
        let hints = answer["result"].as_array().unwrap();
        assert!(!hints.is_empty(), "{file}");
        for hint in hints {
            let label = hint["label"].as_str().unwrap();
            assert!(label.chars().count() <= 43, "{file}: {label}");
        }
        if file != "resnet50" {
            let has = |word: &str| {
                hints
                    .iter()
                    .any(|hint| hint["label"].as_str().unwrap().ends_with(word))
            };
            assert!(has(" steps") && has(" B"), "{file}: {hints:?}");
        }
    }
}
