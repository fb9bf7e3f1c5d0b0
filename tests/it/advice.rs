//! Every piece of advice is kept: the text is edited as it says, evaluated by the command, and has the figures that were promised.

use crate::cli::{dflowc, stderr};
use serde_json::Value;
use std::path::PathBuf;

/// Of a machine whose memory outside is slow, and whose buffer takes one tensor only.
const TIGHT: &str = "
Network n {
  Layer conv {
    Type: CONV; Dimensions { K: 8, C: 8, Y: 10, X: 10, R: 3, S: 3 }
    Dataflow {
      at DRAM { tile C by 4;
                tile Y' by 2;
                tile K by 4; }
      at GLB  { tile K by 1;
                tile C by 1; }
      spread X' by 1 over PE[0];
    }
  }
}
Accelerator a {
  Technology: t;
  Memory DRAM { Bandwidth: 0.25B/cycle }
  Memory GLB  { Size: 1000B; ReadBandwidth: 8B/cycle; WriteBandwidth: 4B/cycle; DoubleBuffered }
  Array PE    { Shape: [8]; NoC { Bandwidth: 4B/cycle; Multicast: true } }
  Memory RF   { Size: 256B; DoubleBuffered }
  Compute MAC { }
}
Technology t {
  mac(INT8): 0.25pJ; hop(8b): 0.5pJ;
  read(DRAM, 64b): 640pJ;   write(DRAM, 64b): 640pJ;
  read(SRAM, 512B, 64b): 8pJ; read(SRAM, 64KiB, 64b): 40pJ; write(SRAM, 512B, 64b): 8pJ; write(SRAM, 64KiB, 64b): 40pJ;
  read(RF, 64B, 8b): 0.5pJ; read(RF, 4KiB, 8b): 2pJ; write(RF, 64B, 8b): 1pJ; write(RF, 4KiB, 8b): 3pJ;
}
";

/// Nothing has a bandwidth: more PEs are all that helps.
const COMPUTES: &str = "
Network n { Layer fc { Type: GEMM; Dimensions { M: 12, N: 10, K: 16 } Dataflow { spread M by 1 over PE[0]; spread N by 1 over PE[1]; tile K by 1; } } }
Accelerator a {
  Memory DRAM { }
  Array PE    { Shape: [4, 5] }
  Memory RF   { }
  Compute MAC { }
}
";

/// A network per tensor, and a `retain` that is in the wrong place.
const LINKS: &str = "
Network n {
  Layer fc { Type: FC; Dimensions { N: 6, K: 16, C: 12 }
    Dataflow {
      spread K by 1 over PE[0];
      tile C by 1;
      tile N by 1;
      retain Input in RF;
    }
  }
}
Accelerator a {
  Memory DRAM { Bandwidth: 64B/cycle }
  Memory GLB  { Bandwidth: 48B/cycle }
  Array PE    { Shape: [8]; NoC { Bandwidth { Input: 1B/cycle, Weight: 2B/cycle, Output: 2B/cycle }; Multicast: true } }
  Memory RF   { Size: 40B; DoubleBuffered }
  Compute MAC { }
}
";

/// Sums go and come through the port outside.
const SUMS: &str = "
Network n {
  Layer fc { Type: FC; Dimensions { N: 1, K: 4, C: 6 }
    Dataflow {
      TemporalMap(1,1) C;
      TemporalMap(1,1) K;
    }
  }
}
Accelerator a {
  Memory DRAM { ReadBandwidth: 1B/cycle; WriteBandwidth: 0.5B/cycle }
  Memory RF   { Size: 5B }
  Compute MAC { }
}
";

fn file(name: &str, text: &str) -> PathBuf {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("advice_{name}.dflow"));
    std::fs::write(&file, text).unwrap();
    file
}

/// The layer of a program of one, by a model.
fn layer(name: &str, text: &str, model: &str, arguments: &[&str]) -> Value {
    let file = file(name, text);
    let mut all = vec!["eval", "--report", "json", "--model", model];
    all.extend(arguments);
    all.push(file.to_str().unwrap());
    let output = dflowc(&all);
    assert!(output.status.success(), "{}\n{text}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["evaluations"][0]["layers"][0].clone()
}

fn advised(name: &str, text: &str, model: &str) -> Value {
    let of = text.split("Layer ").nth(1).unwrap();
    let of = of.split_whitespace().next().unwrap();
    layer(name, text, model, &["--layer", of])
}

/// The end of the block that begins behind `from`.
fn block(text: &str, from: usize) -> usize {
    let mut depth = 0;
    for (at, letter) in text[from..].char_indices() {
        depth += match letter {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        if depth == 0 && letter == '}' {
            return from + at;
        }
    }
    panic!("no block in {}", &text[from..]);
}

/// Puts `value` in place of what stands behind `key:` in the part `head`.
fn put(text: &str, head: &str, key: &str, value: &str) -> String {
    let from = text
        .find(head)
        .unwrap_or_else(|| panic!("no {head} in {text}"));
    let end = block(text, from);
    let marked = format!("{key}:");
    let found = text[from..end].match_indices(&marked);
    let is_word = |at: &usize| !text[..from + at].ends_with(char::is_alphanumeric);
    let at = found.map(|known| known.0).find(is_word).unwrap() + from + key.len() + 1;
    let stop = text[at..].find([';', '}']).unwrap();
    let stop = match text[at..at + stop].find(',') {
        // Another key of the same list.
        Some(comma) if !text[at..at + comma].contains('[') => comma,
        _ => stop,
    };
    format!("{} {value}{}", &text[..at], &text[at + stop..])
}

/// The text as one edit of the advice says.
fn apply(text: &str, edit: &Value) -> String {
    let word = |key: &str| edit[key].as_str().unwrap();
    let number = |key: &str| edit[key].as_u64().unwrap();
    match word("kind") {
        "bandwidth" => {
            let value = format!("{}B/cycle", number("bytes_per_cycle"));
            match word("key").strip_prefix("NoC Bandwidth") {
                None => put(
                    text,
                    &format!("Memory {} ", word("of")),
                    word("key"),
                    &value,
                ),
                Some("") => put(text, &format!("Array {} ", word("of")), "Bandwidth", &value),
                Some(role) => put(text, &format!("Array {} ", word("of")), role.trim(), &value),
            }
        }
        "size" => {
            let value = format!("{}B", number("bytes"));
            put(text, &format!("Memory {} ", word("of")), "Size", &value)
        }
        "shape" => {
            let head = format!("Array {} ", word("of"));
            let from = text.find(&head).unwrap();
            let open = from + text[from..].find('[').unwrap() + 1;
            let close = from + text[from..].find(']').unwrap();
            let mut shape: Vec<String> = text[open..close]
                .split(',')
                .map(|axis| axis.trim().to_owned())
                .collect();
            let axis = &mut shape[number("axis") as usize];
            assert_eq!(*axis, number("instead_of").to_string());
            *axis = number("instances").to_string();
            format!("{}{}{}", &text[..open], shape.join(", "), &text[close..])
        }
        "retain" => {
            let retain = format!("retain {} in {};", word("tensor"), word("memory"));
            let bypass = retain.replace("retain", "bypass");
            let moved = text.contains(&retain) || text.contains(&bypass);
            assert_eq!(edit["moved"], moved);
            let mut lines: Vec<String> = text
                .lines()
                .map(|line| line.replace(&retain, "").replace(&bypass, ""))
                .collect();
            let line = &mut lines[number("line") as usize - 1];
            let at = line.find(word("before")).unwrap();
            line.insert_str(at, &format!("{retain} "));
            lines.join("\n")
        }
        other => panic!("{other}"),
    }
}

const PIECES: [&str; 4] = ["bandwidth", "retain", "retain_larger", "size"];

/// Applies all pieces; returns which there are.
fn keeps(name: &str, text: &str, model: &str) -> Vec<&'static str> {
    let now = advised(name, text, model);
    let advice = &now["advice"];
    assert_eq!(advice["complete"], true, "{advice}");
    let compute = now["cycles_by"]["compute"].as_u64().unwrap();
    assert_eq!(
        advice["stall_cycles"].as_u64().unwrap() + compute,
        now["cycles"].as_u64().unwrap()
    );
    let mut found = Vec::new();
    for piece in PIECES {
        let Some(promised) = advice.get(piece) else {
            continue;
        };
        found.push(piece);
        let edits = promised["edits"].as_array().unwrap();
        let edited = edits
            .iter()
            .fold(text.to_owned(), |text, edit| apply(&text, edit));
        let then = layer(&format!("{name}_{model}_{piece}"), &edited, model, &[]);
        assert_eq!(then["cycles"], promised["cycles"], "{promised}\n{edited}");
        assert_eq!(then["bound"], promised["bound"], "{promised}\n{edited}");
        let energy = &then["energy_pj"]["total"];
        assert_eq!(
            energy,
            promised.get("energy_pj").unwrap_or(&Value::Null),
            "{promised}\n{edited}"
        );
        let boundaries = then["boundaries"].as_array().unwrap();
        let outside = boundaries
            .iter()
            .filter(|known| known["name"].as_str().unwrap().starts_with("DRAM -> "));
        let bytes: u64 = outside
            .flat_map(|known| [&known["down_bytes"], &known["up_bytes"]])
            .map(|bytes| bytes.as_u64().unwrap())
            .sum();
        assert_eq!(promised["backing_bytes"], bytes, "{promised}\n{edited}");
        if piece == "bandwidth" {
            least(&format!("{name}_{model}"), text, model, (&now, promised));
        }
        if piece == "size" {
            let faster = then["cycles"].as_u64() < now["cycles"].as_u64();
            assert!(faster || energy.as_f64() < now["energy_pj"]["total"].as_f64());
        }
    }
    found
}

/// One byte per cycle less, and it binds as before; or, where it binds with any bandwidth, takes longer.
fn least(name: &str, text: &str, model: &str, (now, promised): (&Value, &Value)) {
    let mut edit = promised["edits"][0].clone();
    let less = edit["bytes_per_cycle"].as_u64().unwrap() - 1;
    if (less as f64) <= edit["instead_of"].as_f64().unwrap() {
        return;
    }
    edit["bytes_per_cycle"] = less.into();
    let then = layer(&format!("{name}_less"), &apply(text, &edit), model, &[]);
    if promised["bound"] == now["bound"] {
        assert!(then["cycles"].as_u64() > promised["cycles"].as_u64());
    } else {
        // Whatever it is, it is no longer what has this bandwidth.
        assert_ne!(then["bound"], promised["bound"]);
    }
}

#[test]
fn a_slow_memory_outside() {
    let found = keeps("tight", TIGHT, "exact");
    assert!(
        found.contains(&"bandwidth") && found.contains(&"size"),
        "{found:?}"
    );
    assert!(
        found.contains(&"retain") || found.contains(&"retain_larger"),
        "{found:?}"
    );
    keeps("tight", TIGHT, "maestro");
}

// 12 x 10 outputs on 4 x 5 PEs are 3 x 2 folds of 16 products. A quarter more rows of PEs, 5, leave 3 folds; a half more, 6, are 2:
// a third of the cycles for a half. 7 and 8 of N leave 2 folds, 10 are one: a half of the cycles for twice as many.
#[test]
fn what_computes_all_the_time_wants_pes() {
    assert_eq!(keeps("computes", COMPUTES, "exact"), ["retain", "size"]);
    let now = advised("computes", COMPUTES, "exact");
    assert_eq!(
        (now["cycles"].as_u64(), &now["bound"]),
        (Some(6 * 16), &"compute".into())
    );
    assert_eq!(now["advice"]["stall_cycles"], 0);
    // The inputs of the 16 products stay while the two folds of N go by: 12 * 16 of them come instead of twice as many, beside
    // 16 * 10 weights for each of three folds of M, and 120 results.
    let retain = &now["advice"]["retain"];
    assert_eq!(retain["edits"][0]["tensor"], "Input");
    assert_eq!(retain["backing_bytes"], 12 * 16 + 3 * 16 * 10 + 12 * 10);
    let size = &now["advice"]["size"];
    assert_eq!(size["cycles"], 2 * 2 * 16);
    let edit = &size["edits"][0];
    assert_eq!((&edit["axis"], &edit["instances"]), (&0.into(), &6.into()));
}

#[test]
fn networks_per_tensor_and_a_retain_that_moves() {
    let found = keeps("links", LINKS, "exact");
    assert!(found.contains(&"bandwidth"), "{found:?}");
}

// Chapter 8 of the manual: 24 sums go up and 20 come back, 24 weights and 6 inputs come. If RF holds the four sums, with an input and
// a weight 6 bytes, 4 go up: 34 bytes.
#[test]
fn sums_that_stay() {
    let found = keeps("sums", SUMS, "exact");
    assert_eq!(found, ["bandwidth", "retain_larger", "size"]);
    let larger = &advised("sums", SUMS, "exact")["advice"]["retain_larger"];
    assert_eq!(larger["backing_bytes"], 6 + 24 + 4);
    assert_eq!(larger["edits"][0]["tensor"], "Output");
    assert_eq!(larger["edits"][1]["bytes"], 4 + 1 + 1);
    // Where there is room it is the other piece.
    let room = SUMS.replace("Size: 5B", "Size: 6B");
    let advice = &advised("room", &room, "exact")["advice"];
    assert_eq!(advice["retain"]["backing_bytes"], 6 + 24 + 4);
    assert!(advice.get("retain_larger").is_none());
    assert!(keeps("room", &room, "exact").contains(&"retain"));
    // So it is where the dataflow says another place already.
    let inner = "TemporalMap(1,1) K;";
    let moves = room.replace(inner, &format!("{inner}\n      retain Output in RF;"));
    let retain = advised("moves", &moves, "exact")["advice"]["retain"].clone();
    assert_eq!(retain["backing_bytes"], 6 + 24 + 4);
    assert_eq!(retain["edits"][0]["moved"], true);
    assert!(keeps("moves", &moves, "exact").contains(&"retain"));
}

// The same with a buffer between that the sums go past.
#[test]
fn sums_that_need_not_go_past_a_buffer() {
    let text = SUMS
        .replace(
            "Memory RF   { Size: 5B }",
            "Memory GLB  { Size: 64B }\n  Memory RF   { Size: 5B }",
        )
        .replace(
            "TemporalMap(1,1) C;",
            "bypass Output in GLB;\n      TemporalMap(1,1) C;",
        );
    let retain = advised("past", &text, "exact")["advice"]["retain"].clone();
    assert_eq!(retain["backing_bytes"], 6 + 24 + 4);
    assert_eq!(retain["edits"][0]["moved"], true);
    assert!(keeps("past", &text, "exact").contains(&"retain"));
}

// Only where it was asked for; not of what a search would find anew.
#[test]
fn nobody_is_advised_who_did_not_ask() {
    assert!(layer("plain", SUMS, "exact", &[]).get("advice").is_none());
    let found = "
Network n { Layer fc { Type: FC; Dimensions { N: 1, K: 4, C: 6 } } }
Accelerator a { Memory DRAM { Bandwidth: 1B/cycle } Memory RF { Size: 8B } Compute MAC { } }
Map n on a { fc: auto(minimize = cycles); }
";
    assert!(advised("auto", found, "exact").get("advice").is_none());
}
