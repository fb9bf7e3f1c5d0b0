//! The language server as an editor has it: the program, spoken to over its standard channels.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// No answer takes as long as this, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// An editor with one server.
struct Editor {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    /// Notifications that came while an answer was awaited.
    notes: Vec<Value>,
    id: i64,
    version: i64,
}

impl Editor {
    /// A running server, not initialized.
    fn start() -> Editor {
        let mut child = Command::new(env!("CARGO_BIN_EXE_dflowc"))
            .arg("lsp")
            .env("XDG_CACHE_HOME", folder("cache"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let (send, messages) = mpsc::channel();
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            while let Some(message) = read(&mut output) {
                if send.send(message).is_err() {
                    break;
                }
            }
        });
        Editor {
            input: child.stdin.take(),
            child,
            messages,
            notes: Vec::new(),
            id: 0,
            version: 0,
        }
    }

    /// A server that knows what this editor can do.
    fn new() -> Editor {
        Editor::with(json!({
            "textDocument": { "documentSymbol": { "hierarchicalDocumentSymbolSupport": true } },
            "workspace": { "workspaceEdit": { "documentChanges": true } },
        }))
        .0
    }

    fn with(capabilities: Value) -> (Editor, Value) {
        let mut editor = Editor::start();
        let params = json!({ "processId": null, "rootUri": null, "capabilities": capabilities });
        let answer = editor.ask("initialize", params);
        editor.note("initialized", json!({}));
        (editor, answer["result"].clone())
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let input = self.input.as_mut().unwrap();
        write!(input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        input.flush().unwrap();
    }

    fn note(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Sends a request without waiting for its answer.
    fn request(&mut self, method: &str, params: Value) -> i64 {
        self.id += 1;
        let id = self.id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    fn receive(&mut self) -> Value {
        self.messages
            .recv_timeout(PATIENCE)
            .expect("the server says nothing")
    }

    /// The answer to a request; what is not one is kept.
    fn answer(&mut self, id: i64) -> Value {
        loop {
            let message = self.receive();
            // The server numbers its own requests.
            if message["id"] == id && message["method"].is_null() {
                return message;
            }
            self.notes.push(message);
        }
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params);
        self.answer(id)
    }

    /// The answer to a question about a place.
    fn at(&mut self, method: &str, uri: &str, position: &Value) -> Value {
        let params = json!({
            "textDocument": { "uri": uri }, "position": position,
            "context": { "includeDeclaration": true, "triggerKind": 1 }, "newName": "renamed",
        });
        self.ask(method, params)
    }

    fn open(&mut self, uri: &str, text: &str) {
        self.version += 1;
        let version = self.version;
        self.note(
            "textDocument/didOpen",
            json!({ "textDocument": { "uri": uri, "languageId": "dflow", "version": version, "text": text } }),
        );
    }

    fn change(&mut self, uri: &str, changes: Value) {
        self.version += 1;
        let version = self.version;
        self.note(
            "textDocument/didChange",
            json!({ "textDocument": { "uri": uri, "version": version }, "contentChanges": changes }),
        );
    }

    /// The diagnostics of the present version of a document.
    fn diagnostics(&mut self, uri: &str) -> Vec<Value> {
        let version = self.version;
        let fits = |message: &Value| {
            message["method"] == "textDocument/publishDiagnostics"
                && message["params"]["uri"] == uri
                && message["params"]["version"] == version
        };
        let known = self.notes.iter().rposition(fits);
        let message = match known {
            Some(at) => self.notes[at].clone(),
            None => loop {
                let message = self.receive();
                self.notes.push(message.clone());
                if fits(&message) {
                    break message;
                }
            },
        };
        message["params"]["diagnostics"].as_array().unwrap().clone()
    }

    fn codes(&mut self, uri: &str) -> Vec<String> {
        let list = self.diagnostics(uri);
        list.iter()
            .map(|one| one["code"].as_str().unwrap().to_owned())
            .collect()
    }

    /// How the process ended.
    fn wait(mut self) -> Option<i32> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the server does not end");
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One message; `None` at the end.
fn read(output: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.parse().ok()?;
        }
    }
    let mut text = vec![0; length];
    output.read_exact(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("lsp")
        .join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn address(path: &Path) -> String {
    format!("file://{}", path.to_str().unwrap())
}

/// Line and column in units of UTF-16 of the first place where `text` has `before`, behind it.
fn behind(text: &str, before: &str) -> Value {
    let at = text.find(before).unwrap_or_else(|| panic!("no {before}")) + before.len();
    position(text, at)
}

fn position(text: &str, at: usize) -> Value {
    let head = &text[..at];
    let start = head.rfind('\n').map_or(0, |end| end + 1);
    let column = head[start..].encode_utf16().count();
    json!({ "line": head.matches('\n').count(), "character": column })
}

/// The text after edits in units of UTF-16.
fn edited(text: &str, edits: &Value) -> String {
    let offset = |position: &Value| {
        let line = position["line"].as_u64().unwrap() as usize;
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        let wanted = position["character"].as_u64().unwrap() as usize;
        let mut units = 0;
        let rest = text[start..].char_indices().find(|(_, c)| {
            let found = units >= wanted;
            units += c.len_utf16();
            found
        });
        rest.map_or(text.len(), |(at, _)| start + at)
    };
    let mut places: Vec<(usize, usize, &str)> = edits
        .as_array()
        .unwrap()
        .iter()
        .map(|edit| {
            let range = &edit["range"];
            (
                offset(&range["start"]),
                offset(&range["end"]),
                edit["newText"].as_str().unwrap(),
            )
        })
        .collect();
    places.sort_unstable();
    let mut out = text.to_owned();
    for (start, end, new) in places.into_iter().rev() {
        out.replace_range(start..end, new);
    }
    out
}

const FILE: &str = "file:///nowhere/a.dflow";

/// Two products on four PEs; see tests/it/cli.rs. The first comment holds characters of two bytes and of two units.
const SMALL: &str = "/* \u{e4} \u{1f600} */ const M = 4;
Network net {
  Layer one { Type: GEMM; Dimensions { M: M, N: 8, K: 16 } }
  Layer two { Type: GEMM; Dimensions { M: 4, N: 16, K: 16 } Inputs: external; }
}
// Rows side by side.
Dataflow rows(n = 1) { SpatialMap(1,1) M; TemporalMap(n,n) N; TemporalMap(1,1) K }
Accelerator small {
  Memory DRAM { }
  Memory GLB { Size: 4KiB }
  Array PE { Shape: [4] }
  Memory RF { Size: 64B }
  Compute MAC { Lanes: 1 }
}
Map net on small { default: rows; two: rows(n = 2); }
";

fn opened(text: &str) -> Editor {
    let mut editor = Editor::new();
    editor.open(FILE, text);
    editor
}

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
    assert!(first["message"].as_str().unwrap().contains("help: "));
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

/// Cycles, utilisation, energy and bound of a hint.
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
    let behind_line = |number: usize| {
        let line = text.lines().nth(number).unwrap();
        let end = line.rfind(';').or_else(|| line.rfind(" {")).unwrap();
        let place = json!({ "line": number, "character": line[..end].encode_utf16().count() });
        let hint = hints.iter().find(|hint| hint["position"] == place);
        hint.unwrap_or_else(|| panic!("{line}: {hints:?}"))["label"]
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
        let (label, wanted) = (behind_line(line), layer(name));
        let energy = wanted["energy_pj"]["total"].as_f64().unwrap();
        assert_eq!(
            figures(&label),
            [
                cycles(&wanted["cycles"]).as_str(),
                &format!("{:.1} %", wanted["utilization"].as_f64().unwrap() * 100.0),
                &format!("{:.3} mJ", energy / 1e9),
                &format!("bound by {}", wanted["bound"].as_str().unwrap()),
            ]
        );
    }
    let totals = &report["evaluations"][0]["totals"];
    assert!(behind_line(3).starts_with(&format!("21 layers: {}, ", cycles(&totals["cycles"]))));
    let two = layer("fc7")["cycles"].as_u64().unwrap() + layer("fc8")["cycles"].as_u64().unwrap();
    assert!(behind_line(8).starts_with(&format!("2 layers: {}", cycles(&json!(two)))));
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
    // No technology: cycles, utilisation and bound.
    assert_eq!(figures(&at("Layer one")).len(), 3);
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
            .contains("layer by layer: ")
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
