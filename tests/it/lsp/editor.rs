//! An editor without a screen: it starts the server, speaks the protocol, and waits for answers with patience.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// No answer takes as long as this, however busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// An editor with one server.
pub struct Editor {
    pub child: Child,
    pub input: Option<ChildStdin>,
    pub messages: Receiver<Value>,
    /// Notifications that came while an answer was awaited.
    pub notes: Vec<Value>,
    pub id: i64,
    pub version: i64,
}

impl Editor {
    /// A running server, not initialized.
    pub fn start() -> Editor {
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
    pub fn new() -> Editor {
        Editor::with(json!({
            "textDocument": {
                "documentSymbol": { "hierarchicalDocumentSymbolSupport": true },
                "publishDiagnostics": { "relatedInformation": true },
            },
            "workspace": { "workspaceEdit": { "documentChanges": true } },
        }))
        .0
    }

    pub fn with(capabilities: Value) -> (Editor, Value) {
        Editor::with_options(capabilities, Value::Null)
    }

    /// And has these settings for it.
    pub fn with_options(capabilities: Value, options: Value) -> (Editor, Value) {
        let mut editor = Editor::start();
        let params = json!({
            "processId": null, "rootUri": null, "capabilities": capabilities, "initializationOptions": options
        });
        let answer = editor.ask("initialize", params);
        editor.note("initialized", json!({}));
        (editor, answer["result"].clone())
    }

    pub fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let input = self.input.as_mut().unwrap();
        write!(input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        input.flush().unwrap();
    }

    pub fn note(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Sends a request without waiting for its answer.
    pub fn request(&mut self, method: &str, params: Value) -> i64 {
        self.id += 1;
        let id = self.id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    pub fn receive(&mut self) -> Value {
        self.messages
            .recv_timeout(PATIENCE)
            .expect("the server says nothing")
    }

    /// The answer to a request; what is not one is kept.
    pub fn answer(&mut self, id: i64) -> Value {
        loop {
            let message = self.receive();
            // The server numbers its own requests.
            if message["id"] == id && message["method"].is_null() {
                return message;
            }
            self.notes.push(message);
        }
    }

    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params);
        self.answer(id)
    }

    /// The answer to a question about a place.
    pub fn at(&mut self, method: &str, uri: &str, position: &Value) -> Value {
        let params = json!({
            "textDocument": { "uri": uri }, "position": position,
            "context": { "includeDeclaration": true, "triggerKind": 1 }, "newName": "renamed",
        });
        self.ask(method, params)
    }

    pub fn open(&mut self, uri: &str, text: &str) {
        self.version += 1;
        let version = self.version;
        self.note(
            "textDocument/didOpen",
            json!({ "textDocument": { "uri": uri, "languageId": "dflow", "version": version, "text": text } }),
        );
    }

    pub fn change(&mut self, uri: &str, changes: Value) {
        self.version += 1;
        let version = self.version;
        self.note(
            "textDocument/didChange",
            json!({ "textDocument": { "uri": uri, "version": version }, "contentChanges": changes }),
        );
    }

    /// The diagnostics of the present version of a document.
    pub fn diagnostics(&mut self, uri: &str) -> Vec<Value> {
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

    pub fn codes(&mut self, uri: &str) -> Vec<String> {
        let list = self.diagnostics(uri);
        list.iter()
            .map(|one| one["code"].as_str().unwrap().to_owned())
            .collect()
    }

    /// How the process ended.
    pub fn wait(mut self) -> Option<i32> {
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
pub fn read(output: &mut impl BufRead) -> Option<Value> {
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

pub fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("lsp")
        .join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

pub fn address(path: &Path) -> String {
    format!("file://{}", path.to_str().unwrap())
}

/// Line and column in units of UTF-16 of the first place where `text` has `before`, behind it.
pub fn behind(text: &str, before: &str) -> Value {
    let at = text.find(before).unwrap_or_else(|| panic!("no {before}")) + before.len();
    position(text, at)
}

pub fn position(text: &str, at: usize) -> Value {
    let head = &text[..at];
    let start = head.rfind('\n').map_or(0, |end| end + 1);
    let column = head[start..].encode_utf16().count();
    json!({ "line": head.matches('\n').count(), "character": column })
}

/// The text after edits in units of UTF-16.
pub fn edited(text: &str, edits: &Value) -> String {
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

pub const FILE: &str = "file:///nowhere/a.dflow";

/// Two products on four PEs; see tests/it/cli.rs. The first comment holds characters of two bytes and of two units.
pub const SMALL: &str = "/* \u{e4} \u{1f600} */ const M = 4;
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

pub fn opened(text: &str) -> Editor {
    let mut editor = Editor::new();
    editor.open(FILE, text);
    editor
}
