//! The session itself: start and end, columns, texts that change, cancellation, texts that are no program.

use super::editor::*;
use serde_json::{Value, json};

#[test]
fn initialize_says_what_the_server_can() {
    let (_, result) = Editor::with(json!({}));
    let can = &result["capabilities"];
    assert_eq!(can["positionEncoding"], "utf-16");
    assert_eq!(can["textDocumentSync"]["change"], 2);
    for name in [
        "hover",
        "definition",
        "documentSymbol",
        "completion",
        "rename",
        "inlayHint",
        "semanticTokens",
    ] {
        assert!(!can[format!("{name}Provider")].is_null(), "{name}: {can}");
    }
    assert_eq!(result["serverInfo"]["name"], "dflowc");
    let (_, result) =
        Editor::with(json!({ "general": { "positionEncodings": ["utf-8", "utf-16"] } }));
    assert_eq!(result["capabilities"]["positionEncoding"], "utf-8");
}

#[test]
fn shutdown_and_exit_have_their_codes() {
    let mut orderly = Editor::new();
    assert_eq!(orderly.ask("shutdown", Value::Null)["result"], Value::Null);
    let refused = orderly.at(
        "textDocument/hover",
        FILE,
        &json!({ "line": 0, "character": 0 }),
    );
    assert_eq!(refused["error"]["code"], -32600);
    orderly.note("exit", Value::Null);
    assert_eq!(orderly.wait(), Some(0));

    let mut abrupt = Editor::new();
    abrupt.note("exit", Value::Null);
    assert_eq!(abrupt.wait(), Some(1));

    let mut gone = Editor::new();
    gone.input = None;
    assert_eq!(gone.wait(), Some(1));
}

#[test]
fn unknown_methods_and_wrong_parameters_are_answered() {
    let mut editor = Editor::start();
    let early = editor.ask("textDocument/hover", json!({}));
    assert_eq!(early["error"]["code"], -32002);
    let mut editor = Editor::new();
    assert_eq!(
        editor.ask("textDocument/nonsense", json!({}))["error"]["code"],
        -32601
    );
    assert_eq!(
        editor.ask("textDocument/hover", json!({ "position": 3 }))["error"]["code"],
        -32602
    );
    assert_eq!(
        editor.ask("initialize", json!({ "capabilities": {} }))["error"]["code"],
        -32600
    );
    editor.note("nobody/knows", json!({}));
    editor.note("textDocument/didOpen", json!({ "wrong": true }));
    editor.change("file:///never/opened.dflow", json!([{ "text": "x" }]));
    let nothing = editor.at(
        "textDocument/hover",
        FILE,
        &json!({ "line": 0, "character": 0 }),
    );
    assert_eq!(nothing["result"], Value::Null);
}

#[test]
fn columns_are_units_of_utf16() {
    let mut editor = opened(SMALL);
    // Before `M` stand two characters that are not ASCII, of 1 and 2 units, of 2 and 4 bytes.
    let answer = editor.at(
        "textDocument/definition",
        FILE,
        &behind(SMALL, "Dimensions { M: "),
    );
    let range = &answer["result"]["range"];
    assert_eq!(
        range["start"],
        json!({ "line": 0, "character": "/* \u{e4} .. */ const ".len() - 1 })
    );
    assert_eq!(range["start"], behind(SMALL, "const "));
    // An edit behind them on the same line.
    let (start, end) = (behind(SMALL, "const M = "), behind(SMALL, "const M = 4"));
    editor.change(
        FILE,
        json!([{ "range": { "start": start, "end": end }, "text": "3 + 1" }]),
    );
    assert_eq!(editor.codes(FILE), Vec::<String>::new());
    editor.change(
        FILE,
        json!([{ "range": { "start": start, "end": start }, "text": "\u{1f600}" }]),
    );
    let list = editor.diagnostics(FILE);
    assert_eq!(list[0]["range"]["start"], start);
    assert_eq!(
        list[0]["range"]["end"]["character"],
        start["character"].as_u64().unwrap() + 2
    );
}

#[test]
fn columns_are_bytes_when_agreed() {
    let (mut editor, _) = Editor::with(json!({ "general": { "positionEncodings": ["utf-8"] } }));
    editor.open(FILE, SMALL);
    let answer = editor.at(
        "textDocument/definition",
        FILE,
        &json!({ "line": 2, "character": 42 }),
    );
    let bytes = SMALL.find("const ").unwrap() + "const ".len();
    assert_eq!(
        answer["result"]["range"]["start"],
        json!({ "line": 0, "character": bytes })
    );
}

#[test]
fn unsaved_texts_count_and_closed_ones_do_not() {
    let folder = folder("unsaved");
    let library = folder.join("library.dflow");
    let design = folder.join("design.dflow");
    std::fs::write(
        &library,
        "Dataflow rows { SpatialMap(1,1) M; TemporalMap(1,1) N; TemporalMap(1,1) K; }",
    )
    .unwrap();
    let own = "Dataflow rows(n = 1) { SpatialMap(1,1) M; TemporalMap(n,n) N; TemporalMap(1,1) K }";
    let text = SMALL.replace(own, "").replace("; two: rows(n = 2)", "");
    let text = format!("use \"library.dflow\";\n{text}");
    std::fs::write(&design, "nonsense").unwrap();
    let (library, design) = (address(&library), address(&design));
    let mut editor = Editor::new();
    editor.open(&design, &text);
    assert!(!editor.codes(&design).contains(&"E0201".to_owned()));
    // The name is gone from the open text of the other file, not from the disk.
    editor.open(
        &library,
        "Dataflow columns { SpatialMap(1,1) M; TemporalMap(1,1) N; TemporalMap(1,1) K; }",
    );
    editor.version = 1;
    editor.notes.clear();
    assert_eq!(editor.codes(&design), ["E0201"]);
    editor.version = 2;
    editor.notes.clear();
    editor.change(
        &library,
        json!([{ "text": "Dataflow rows { SpatialMap(1,1) M; TemporalMap(1,1) N; TemporalMap(1,1) K; }" }]),
    );
    editor.version = 1;
    assert_eq!(editor.codes(&design), Vec::<String>::new());
    editor.notes.clear();
    editor.version = 3;
    editor.change(
        &library,
        json!([{ "text": "Dataflow rows { SpatialMap(1,1) M; TemporalMap(1,1) N" }]),
    );
    assert_eq!(editor.codes(&library).len(), 1);
    editor.note(
        "textDocument/didClose",
        json!({ "textDocument": { "uri": library } }),
    );
    editor.notes.clear();
    editor.version = 1;
    assert_eq!(editor.codes(&design), Vec::<String>::new());
}

#[test]
fn a_saved_import_is_read_again() {
    let folder = folder("saved");
    let library = folder.join("library.dflow");
    std::fs::write(&library, "").unwrap();
    let design = address(&folder.join("design.dflow"));
    let mut editor = Editor::new();
    let text = "use \"library.dflow\";\nMap std.networks.vgg16 on std.accelerators.eyeriss { default: rows; }";
    editor.open(&design, text);
    assert_eq!(editor.codes(&design), ["E0201"]);
    std::fs::write(&library, "Dataflow rows { SpatialMap(1,1) K; }").unwrap();
    editor.notes.clear();
    let changed = json!({ "changes": [{ "uri": address(&library), "type": 2 }] });
    editor.note("workspace/didChangeWatchedFiles", changed);
    assert!(!editor.codes(&design).contains(&"E0201".to_owned()));
}

#[test]
fn an_editor_that_can_is_asked_to_watch_and_to_refresh() {
    let (mut editor, _) = Editor::with(json!({ "workspace": {
        "didChangeWatchedFiles": { "dynamicRegistration": true }, "inlayHint": { "refreshSupport": true },
    } }));
    let folder = folder("refresh");
    let (library, design) = (
        folder.join("library.dflow"),
        address(&folder.join("design.dflow")),
    );
    std::fs::write(&library, "const T = 1;").unwrap();
    editor.open(&design, "use \"library.dflow\";");
    assert_eq!(editor.codes(&design), Vec::<String>::new());
    let asked =
        |editor: &Editor, method: &str| editor.notes.iter().any(|note| note["method"] == method);
    assert!(asked(&editor, "client/registerCapability"));
    assert!(!asked(&editor, "workspace/inlayHint/refresh"));
    editor.open(&address(&library), "const T = 2;");
    let known = editor.at(
        "textDocument/hover",
        &design,
        &json!({ "line": 0, "character": 0 }),
    );
    assert!(known["error"].is_null());
    while !asked(&editor, "workspace/inlayHint/refresh") {
        let message = editor.receive();
        editor.notes.push(message);
    }
}

#[test]
fn broken_and_huge_files_are_no_end() {
    let mut editor = Editor::new();
    let huge = "Network n { ".repeat(100_000);
    let line = format!("// {}", "\u{e4}".repeat(200_000));
    for text in [
        "Network {",
        "Map",
        "\u{0}\u{1}\u{feff}",
        "/*",
        "\"",
        "}}}}",
        "Map a on b { c: {",
        &line,
        &huge,
    ] {
        editor.open(FILE, text);
        let _ = editor.diagnostics(FILE);
        for method in [
            "hover",
            "completion",
            "definition",
            "references",
            "prepareRename",
        ] {
            let answer = editor.at(
                &format!("textDocument/{method}"),
                FILE,
                &json!({ "line": 0, "character": 2 }),
            );
            assert_ne!(answer["error"]["code"], -32603, "{method}: {answer}");
        }
        for method in ["documentSymbol", "semanticTokens/full"] {
            let answer = editor.ask(
                &format!("textDocument/{method}"),
                json!({ "textDocument": { "uri": FILE } }),
            );
            assert!(answer["error"].is_null(), "{method}: {answer}");
        }
    }
    editor.open(FILE, SMALL);
    assert_eq!(editor.codes(FILE), Vec::<String>::new());
}

#[test]
fn a_cancelled_request_is_answered_as_such() {
    let mut editor = Editor::new();
    // Work that keeps the server from reading on: a network, evaluated.
    editor.open(FILE, "Map std.networks.googlenet on std.accelerators.eyeriss { default: std.dataflows.row_stationary; }");
    let range =
        json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 9, "character": 0 } });
    let params = json!({ "textDocument": { "uri": FILE }, "range": range });
    let requests: Vec<i64> = (0..20)
        .map(|_| editor.request("textDocument/inlayHint", params.clone()))
        .collect();
    for id in &requests {
        editor.note("$/cancelRequest", json!({ "id": id }));
    }
    let answers: Vec<Value> = requests.iter().map(|id| editor.answer(*id)).collect();
    // Every request has an answer, and what was cancelled in time has the code for it.
    let cancelled = answers
        .iter()
        .filter(|answer| answer["error"]["code"] == -32800)
        .count();
    let done = answers
        .iter()
        .filter(|answer| answer["result"].is_array())
        .count();
    assert_eq!(cancelled + done, requests.len());
    assert!(cancelled > 0, "{answers:?}");
    // What is not known is no matter.
    editor.note("$/cancelRequest", json!({ "id": 4711 }));
    editor.note("$/cancelRequest", json!({ "id": "text" }));
    assert_eq!(editor.codes(FILE), editor.codes(FILE));
}

/// An editor cancels what it does not need any more, whether or not the answer is under way; the server is idle then.
#[test]
fn a_cancellation_that_meets_nothing_ends_nothing() {
    let mut editor = opened(SMALL);
    assert_eq!(editor.codes(FILE), Vec::<String>::new());
    let place = behind(SMALL, "Dimensions { M: ");
    let shown = |editor: &mut Editor| {
        let answer = editor.at("textDocument/hover", FILE, &place);
        assert!(!answer["result"].is_null(), "{answer}");
        answer["id"].clone()
    };
    // Answered already, once and twice; unknown, as a number and as a text; not to be understood at all.
    let answered = shown(&mut editor);
    for params in [
        json!({ "id": answered }),
        json!({ "id": answered }),
        json!({ "id": 4711 }),
        json!({ "id": "text" }),
        json!({ "id": null }),
        json!({}),
        Value::Null,
    ] {
        editor.note("$/cancelRequest", params);
        // Time to take it in alone: with the next message behind it, an empty queue is not seen.
        std::thread::sleep(std::time::Duration::from_millis(30));
        shown(&mut editor);
    }
    // A number that was cancelled too late may be used again.
    editor.id = answered.as_i64().unwrap() - 1;
    assert_eq!(shown(&mut editor), answered);
    // A running one, cancelled twice: an answer all the same, and the next one of that number is not touched.
    let busy = "Map std.networks.googlenet on std.accelerators.eyeriss { default: std.dataflows.row_stationary; }";
    editor.change(FILE, json!([{ "text": busy }]));
    let range =
        json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 9, "character": 0 } });
    let hints = json!({ "textDocument": { "uri": FILE }, "range": range });
    let running = editor.request("textDocument/inlayHint", hints);
    std::thread::sleep(std::time::Duration::from_millis(5));
    editor.note("$/cancelRequest", json!({ "id": running }));
    editor.note("$/cancelRequest", json!({ "id": running }));
    let answer = editor.answer(running);
    assert!(
        answer["error"]["code"] == -32800 || answer["result"].is_array(),
        "{answer}"
    );
    editor.change(FILE, json!([{ "text": SMALL }]));
    editor.id = running - 1;
    shown(&mut editor);
    assert_eq!(editor.ask("shutdown", Value::Null)["result"], Value::Null);
    editor.note("$/cancelRequest", json!({ "id": answered }));
    std::thread::sleep(std::time::Duration::from_millis(30));
    editor.note("exit", Value::Null);
    assert_eq!(editor.wait(), Some(0));
}

#[test]
fn typing_queues_no_work() {
    let mut editor = opened(SMALL);
    // Two hundred changes at once: some are never evaluated, the last one is.
    for count in 0..200 {
        let text = format!("{SMALL}// {count}\n");
        editor.change(FILE, json!([{ "text": text }]));
    }
    editor.change(
        FILE,
        json!([{ "text": "Network n { Layer l { Type: CONF; } }" }]),
    );
    assert_eq!(editor.codes(FILE), ["E0201"]);
    let said = editor
        .notes
        .iter()
        .filter(|note| note["method"] == "textDocument/publishDiagnostics");
    assert!(said.count() < 150);
}
