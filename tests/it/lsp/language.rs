//! Names: definitions, references, rename, completion, outline, colours, layout.

use super::editor::*;
use serde_json::{Value, json};
use std::path::Path;

#[test]
fn definitions_of_the_library_are_files() {
    let text = "use std.dataflows.{nvdla as weights};\nMap std.networks.vgg16 on std.accelerators.eyeriss { default: weights; conv1_1: weights(c_tile = 3); }";
    let mut editor = opened(text);
    for (before, path, word) in [
        ("default: ", "std/dataflows/nvdla.dflow", "nvdla"),
        ("Map std.networks.", "std/networks/vgg16.dflow", "vgg16"),
        ("weights; ", "std/networks/vgg16.dflow", "conv1_1"),
        ("weights(", "std/dataflows/nvdla.dflow", "c_tile"),
    ] {
        let answer = editor.at("textDocument/definition", FILE, &behind(text, before));
        let uri = answer["result"]["uri"]
            .as_str()
            .unwrap_or_else(|| panic!("{before}: {answer}"));
        assert!(uri.ends_with(path), "{uri}");
        // The file is there, has the library's text, and the range is that of the name.
        let file = std::fs::read_to_string(uri.strip_prefix("file://").unwrap()).unwrap();
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(path.replacen("std", "stdlib", 1));
        assert_eq!(file, std::fs::read_to_string(own).unwrap());
        let line = file
            .lines()
            .nth(answer["result"]["range"]["start"]["line"].as_u64().unwrap() as usize)
            .unwrap();
        let column = answer["result"]["range"]["start"]["character"]
            .as_u64()
            .unwrap() as usize;
        assert!(line[column..].starts_with(word), "{line}");
    }
    // And it can be opened.
    let answer = editor.at("textDocument/definition", FILE, &behind(text, "default: "));
    let uri = answer["result"]["uri"].as_str().unwrap().to_owned();
    let file = std::fs::read_to_string(uri.strip_prefix("file://").unwrap()).unwrap();
    editor.open(&uri, &file);
    assert_eq!(editor.codes(&uri), Vec::<String>::new());
}

#[test]
fn references_and_highlights() {
    let mut editor = opened(SMALL);
    let answer = editor.at("textDocument/references", FILE, &behind(SMALL, "Layer "));
    assert_eq!(answer["result"].as_array().unwrap().len(), 1);
    let answer = editor.at("textDocument/references", FILE, &behind(SMALL, "Dataflow "));
    assert_eq!(answer["result"].as_array().unwrap().len(), 3);
    let answer = editor.at(
        "textDocument/documentHighlight",
        FILE,
        &behind(SMALL, "rows("),
    );
    assert_eq!(answer["result"].as_array().unwrap().len(), 4);
}

#[test]
fn rename_in_the_file_and_in_open_importers() {
    let folder = folder("rename");
    let library = address(&folder.join("library.dflow"));
    let design = address(&folder.join("design.dflow"));
    let own = "Dataflow rows(n = 1) { TemporalMap(n,n) N; }\n";
    let text = "use \"library.dflow\";\nMap std.networks.bert_base on std.accelerators.tpu_like { default: rows(n = 2); }\n";
    let mut editor = Editor::new();
    editor.open(&library, own);
    editor.open(&design, text);
    let ready = editor.at(
        "textDocument/prepareRename",
        &library,
        &behind(own, "Dataflow "),
    );
    assert_eq!(ready["result"]["placeholder"], "rows");
    let answer = editor.at("textDocument/rename", &library, &behind(own, "Dataflow "));
    let changes = answer["result"]["documentChanges"].as_array().unwrap();
    assert_eq!(changes.len(), 2);
    for (change, (uri, text, version)) in
        changes.iter().zip([(&design, text, 2), (&library, own, 1)])
    {
        assert_eq!(
            change["textDocument"],
            json!({ "uri": uri, "version": version })
        );
        assert_eq!(
            edited(text, &change["edits"]),
            text.replace("rows", "renamed")
        );
    }
    // From the importer the same.
    let again = editor.at("textDocument/rename", &design, &behind(text, "default: "));
    assert_eq!(again["result"], answer["result"]);
    let parameter = editor.at("textDocument/rename", &design, &behind(text, "rows("));
    let edits = parameter["result"]["documentChanges"][1]["edits"]
        .as_array()
        .unwrap();
    assert_eq!(edits.len(), 3);
}

#[test]
fn renaming_is_refused_with_a_reason() {
    let mut editor = opened(SMALL);
    let params = |before: &str, name: &str| {
        json!({
            "textDocument": { "uri": FILE }, "position": behind(SMALL, before), "newName": name,
        })
    };
    for (before, name, reason) in [
        ("Layer ", "two", "defined already"),
        ("Layer ", "Map", "keyword"),
        ("Layer ", "1", "not a name"),
        ("Type: ", "x", "no name"),
        ("Memory ", "x", "only definitions"),
    ] {
        let answer = editor.ask("textDocument/rename", params(before, name));
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(reason), "{before}: {answer}");
    }
    let fine = editor.ask("textDocument/rename", params("Layer ", "first"));
    let edits = &fine["result"]["documentChanges"][0]["edits"];
    assert_eq!(
        edited(SMALL, edits),
        SMALL.replace("Layer one", "Layer first")
    );
}

#[test]
fn formatting_is_that_of_fmt() {
    let text = "// \u{1f600}\nNetwork   n{Layer a{Type:FC;\nDimensions{K:4,C:4}}\n}\n";
    let mut editor = opened(text);
    let params = json!({ "textDocument": { "uri": FILE }, "options": { "tabSize": 2, "insertSpaces": true } });
    let answer = editor.ask("textDocument/formatting", params.clone());
    let new = edited(text, &answer["result"]);
    assert_eq!(new, dflowc::format::format(text).unwrap());
    assert_ne!(new, text);
    editor.change(FILE, json!([{ "text": new }]));
    let again = editor.ask("textDocument/formatting", params.clone());
    assert_eq!(again["result"], json!([]));
    // What is not understood stays.
    editor.change(FILE, json!([{ "text": "Network {" }]));
    assert_eq!(
        editor.ask("textDocument/formatting", params)["result"],
        Value::Null
    );
}

#[test]
fn completion_in_a_text_that_does_not_parse() {
    let mut editor = Editor::new();
    let mut labels = |text: &str| {
        editor.open(FILE, text);
        let answer = editor.at("textDocument/completion", FILE, &position(text, text.len()));
        answer["result"].as_array().unwrap().clone()
    };
    let words = |items: &[Value]| -> Vec<String> {
        items
            .iter()
            .map(|item| item["label"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(words(&labels("Ne")).contains(&"Network".to_owned()));
    assert!(words(&labels("use std.networks.")).contains(&"resnet50".to_owned()));
    let half = SMALL.split("default:").next().unwrap();
    assert!(words(&labels(&format!("{half} on"))).contains(&"one".to_owned()));
    let found = labels(&format!("{half} one: ro"));
    let rows = found.iter().find(|item| item["label"] == "rows").unwrap();
    assert_eq!(rows["kind"], 3);
    // Instead of the two letters that were typed.
    let range = &rows["textEdit"]["range"];
    assert_eq!(
        range["end"]["character"].as_u64().unwrap() - range["start"]["character"].as_u64().unwrap(),
        2
    );
    assert!(words(&labels(&format!("{half} one: {{ at "))).contains(&"GLB".to_owned()));
    assert!(words(&labels(&format!("{half} one: {{ tile "))).contains(&"N".to_owned()));
    assert_eq!(words(&labels("// Ne")), Vec::<String>::new());
}

#[test]
fn the_outline_has_layers_and_memories() {
    let mut editor = opened(SMALL);
    let answer = editor.ask(
        "textDocument/documentSymbol",
        json!({ "textDocument": { "uri": FILE } }),
    );
    let list = answer["result"].as_array().unwrap();
    let names: Vec<&str> = list
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["M", "net", "rows", "small", "net on small"]);
    assert_eq!(list[1]["children"][1]["name"], "two");
    assert_eq!(list[1]["children"][1]["detail"], "GEMM");
    assert_eq!(list[3]["children"][0]["name"], "DRAM");
    let (mut plain, _) = Editor::with(json!({}));
    plain.open(FILE, SMALL);
    let answer = plain.ask(
        "textDocument/documentSymbol",
        json!({ "textDocument": { "uri": FILE } }),
    );
    assert!(
        answer["result"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["containerName"] == "net")
    );
}

#[test]
fn semantic_tokens_are_in_order_and_named() {
    let (mut editor, result) = Editor::with(json!({}));
    let legend = &result["capabilities"]["semanticTokensProvider"]["legend"]["tokenTypes"];
    editor.open(FILE, SMALL);
    let answer = editor.ask(
        "textDocument/semanticTokens/full",
        json!({ "textDocument": { "uri": FILE } }),
    );
    let data: Vec<u64> = answer["result"]["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_u64().unwrap())
        .collect();
    let lines: Vec<Vec<u16>> = SMALL
        .lines()
        .map(|line| line.encode_utf16().collect())
        .collect();
    let (mut line, mut column) = (0, 0);
    let mut found = Vec::new();
    for token in data.chunks(5) {
        column = if token[0] == 0 {
            column + token[1]
        } else {
            token[1]
        };
        line += token[0];
        let units = &lines[line as usize][column as usize..(column + token[2]) as usize];
        let kind = legend[token[3] as usize].as_str().unwrap().to_owned();
        found.push((String::from_utf16(units).unwrap(), kind, token[4]));
    }
    let has = |word: &str, kind: &str, modifiers: u64| {
        assert!(
            found.contains(&(word.to_owned(), kind.to_owned(), modifiers)),
            "{word} {kind}: {found:?}"
        );
    };
    has("/* \u{e4} \u{1f600} */", "comment", 0);
    has("const", "keyword", 0);
    has("M", "macro", 1);
    has("M", "macro", 0);
    has("net", "class", 1);
    has("one", "variable", 1);
    has("GEMM", "enumMember", 2);
    has("rows", "function", 0);
    has("n", "parameter", 0);
    has("4KiB", "number", 0);
    has("GLB", "enum", 1);
}
