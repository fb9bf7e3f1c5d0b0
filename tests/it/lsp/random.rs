//! Two thousand messages drawn at random: whatever comes, every request is answered once and the server lives.

use super::editor::Editor;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;

/// A small generator of our own: the same messages in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        // Knuth's MMIX constants; the upper bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::try_from(self.below(list.len() as u64)).unwrap()]
    }
}

const FILES: [&str; 3] = ["file:///a.dflow", "file:///b.dflow", "untitled:c"];

const TEXTS: [&str; 5] = [
    "Network n { Layer l { Type: FC; Dimensions { N: 1, K: 4, C: 6 } } }\nAccelerator a { PE { NumPEs: 4 } }\nMap n on a { default: { TemporalMap(1,1) K; SpatialMap(1,1) C; }; }\n",
    "use \"b.dflow\";\nMap std.networks.vgg16 on std.accelerators.eyeriss { default: std.dataflows.row_stationary; }\n",
    "Network n { Layer l { Type: CONV; Dimensions { K: 4,",
    "// 😀 \u{202e}\r\u{0} const A = ((((1",
    "",
];

const QUESTIONS: [&str; 12] = [
    "textDocument/hover",
    "textDocument/definition",
    "textDocument/references",
    "textDocument/documentHighlight",
    "textDocument/documentSymbol",
    "textDocument/completion",
    "textDocument/codeAction",
    "textDocument/prepareRename",
    "textDocument/rename",
    "textDocument/semanticTokens/full",
    "textDocument/formatting",
    "textDocument/inlayHint",
];

fn place(random: &mut Random) -> Value {
    let (line, character) = (random.below(5), random.below(90));
    json!({ "line": line, "character": character })
}

/// The parameters of any question, sensible or not.
fn params(random: &mut Random) -> Value {
    match random.below(12) {
        0 => Value::Null,
        1 => json!([1, 2]),
        2 => json!({ "textDocument": { "uri": 7 } }),
        _ => json!({
            "textDocument": { "uri": random.one(&FILES) }, "position": place(random),
            "range": { "start": place(random), "end": place(random) }, "newName": random.one(&["x", "", "1", "tile"]),
            "context": { "includeDeclaration": true, "triggerKind": 1, "diagnostics": [] },
            "options": { "tabSize": 4, "insertSpaces": true },
        }),
    }
}

/// What is framed and is no message.
const BROKEN: [&str; 7] = [
    "",
    "{",
    "[]",
    "{\"jsonrpc\":\"2.0\",,}",
    "{\"id\": \"five\"}",
    "{\"id\": 1.5, \"method\": \"textDocument/hover\"}",
    "{\"method\": \"textDocument/didChange\", \"params\": {\"textDocument\": {\"uri\": \"file:///a.dflow\", \"version\": 900000}, \"contentChanges\": [{\"text\": \"\\ud83d\"}]}}",
];

fn raw(editor: &mut Editor, bytes: &[u8]) {
    let input = editor.input.as_mut().unwrap();
    input.write_all(bytes).unwrap();
    input.flush().unwrap();
}

fn note(editor: &mut Editor, random: &mut Random, asked: &[i64]) {
    let file = random.one(&FILES);
    match random.below(8) {
        0 => editor.open(file, random.one(&TEXTS)),
        1 | 2 => editor.change(file, json!([{ "text": random.one(&TEXTS) }])),
        3 => {
            let range = json!({ "start": place(random), "end": place(random) });
            let text = random.one(&["", "{", "}", "\n", "😀", "K: 3;"]);
            editor.change(file, json!([{ "range": range, "text": text }]));
        }
        4 => editor.note(
            "textDocument/didClose",
            json!({ "textDocument": { "uri": file } }),
        ),
        5 => editor.note("$/unknown", params(random)),
        // Of a request that is answered, that is running, or that was never made.
        _ => {
            let last = asked
                .len()
                .saturating_sub(usize::try_from(random.below(9)).unwrap());
            let id = asked.get(last).copied().unwrap_or(1_000_000);
            editor.note("$/cancelRequest", json!({ "id": id }));
        }
    }
}

#[test]
fn two_thousand_messages_at_random() {
    let mut editor = Editor::new();
    let mut random = Random(20);
    let mut answers: BTreeMap<i64, usize> = BTreeMap::new();
    let mut asked = Vec::new();
    for _ in 0..2000 {
        match random.below(10) {
            0 => {
                let text = random.one(&BROKEN);
                raw(
                    &mut editor,
                    format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes(),
                );
            }
            1 => raw(
                &mut editor,
                b"no header\r\n\r\nContent-Length: 1000000000000\r\n\r\n",
            ),
            2..=5 => note(&mut editor, &mut random, &asked),
            _ => {
                let params = params(&mut random);
                let method = random.one(&QUESTIONS);
                asked.push(editor.request(method, params));
            }
        }
        // At times the server is idle, at times it has much to do.
        if random.below(50) == 0 {
            let id = editor.request("textDocument/hover", json!({}));
            let answer = editor.answer(id);
            assert!(answer["error"]["code"].is_number(), "{answer}");
        }
    }
    let last = editor.request("unknown/method", json!({}));
    editor.answer(last);
    for note in &editor.notes {
        if note["method"].is_null()
            && let Some(id) = note["id"].as_i64()
        {
            *answers.entry(id).or_default() += 1;
        }
    }
    for id in asked {
        assert_eq!(answers.get(&id), Some(&1), "request {id}");
    }
    // Alive, and of the same mind as at the start.
    editor.open("file:///last.dflow", "const A = B;\n");
    assert_eq!(editor.codes("file:///last.dflow"), ["E0201"]);
    assert_eq!(editor.ask("shutdown", Value::Null)["result"], Value::Null);
    editor.note("exit", Value::Null);
    assert_eq!(editor.wait(), Some(0));
}
