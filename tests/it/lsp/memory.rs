//! What is remembered between edits is bounded.
//!
//! `DFLOW_EDITS=10000 cargo test --release --test it lsp::memory` edits more often than every run does.

use super::editor::*;
use serde_json::json;

/// Bytes of the server that lie in memory; `None` where the system does not tell.
fn resident(editor: &Editor) -> Option<u64> {
    let path = format!("/proc/{}/status", editor.child.id());
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? << 10)
}

#[test]
fn memory_is_flat_over_many_edits() {
    let wanted = std::env::var("DFLOW_EDITS").ok();
    let edits = wanted.and_then(|n| n.parse().ok()).unwrap_or(2000u64);
    let mut editor = opened(SMALL);
    let all =
        json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 99, "character": 0 } });
    let mut first = None;
    for edit in 0..edits {
        // Mappings that were never seen before.
        let text = SMALL.replace("N: 8, K: 16", &format!("N: 8, K: {}", 16 + edit));
        editor.change(FILE, json!([{ "text": text }]));
        let params = json!({ "textDocument": { "uri": FILE }, "range": all });
        let answer = editor.ask("textDocument/inlayHint", params);
        assert!(answer["result"].is_array(), "{answer}");
        editor.notes.clear();
        if edit == edits * 7 / 10 {
            first = resident(&editor);
        }
    }
    // What is remembered is full long before: what comes in later pushes out what is there.
    if let (Some(first), Some(last)) = (first, resident(&editor)) {
        let most = first + first / 4 + (8 << 20);
        assert!(last <= most, "{} MiB, then {} MiB", first >> 20, last >> 20);
    }
}
