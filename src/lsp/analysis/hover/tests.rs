//! Texts with a cursor, and what there is to say.

use super::*;
use crate::lsp::analysis::testing::cursor;

fn text_at(text: &str) -> Option<String> {
    let (snapshot, at) = cursor(text);
    let mut cache = ResultCache::default();
    let evaluated = cache.evaluate(&snapshot, || false);
    hover(&snapshot, &evaluated, &mut cache, at).map(|hover| hover.markdown)
}

const TEXT: &str = "// Three by three.
Network net { Layer l { Type: CONV; Dimensions { K: 8, C: 4, Y: 6, X: 6, R: 3, S: 3 } } }
Accelerator acc { Memory DRAM {} Array PE { Shape: [4] } Memory RF { Size: 1kB } Compute MAC { Lanes: 1 } }
Map net on acc { l: { SpatialMap(1,1) K; TemporalMap(2,2) C; TemporalMap(1,1) Y'; } }";

fn at(before: &str, after: &str) -> String {
    let marked = TEXT.replacen(
        &format!("{before}{after}"),
        &format!("{before}$0{after}"),
        1,
    );
    assert_ne!(marked, TEXT);
    text_at(&marked).unwrap_or_default()
}

// 4,608 products on 4 PEs, and through a port of a byte per cycle 288 weights, 144 inputs for each of two folds of K, and 128 sums
// that go twice and come once. On 8 PEs there is one fold.
#[test]
fn a_layer_says_what_would_help() {
    let slow = TEXT.replace("DRAM {}", "DRAM { Bandwidth: 1B/cycle }");
    let text = text_at(&slow.replacen("Layer l", "Layer $0l", 1)).unwrap_or_default();
    let help = "\nbound by compute, 960 cycles more than the computation; 8 along PE[0] (now 4): 1,392 cycles (-34.1%)";
    assert_eq!(288 + 2 * 144 + 3 * 128, 960);
    assert_eq!(4608 / 8 + 288 + 144 + 3 * 128, 1392);
    assert!(text.contains(help), "{text}");
}

// Output 4x4 of a 6x6 input; 8*4*4*4*9 MACs; tensors 4*36, 8*4*9 and 8*16 elements.
#[test]
fn layers() {
    let text = at("{ ", "l: {");
    for part in [
        "output: N 1 x C 8 x Y 4 x X 4",
        "4,608 MACs",
        "| Input | 144 | 144 |",
        "| Weight | 288 |",
        "| Output | 128 |",
        "net on acc: ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn directives_memories_and_definitions() {
    // 4 channels in windows of 2: two steps; inside: 2*36 inputs, 2*9 weights, 16 outputs of one K.
    let text = at("Temporal", "Map(2,2) C");
    assert!(
        text.contains("| `l` | 2 by 2 | 2 | - | Input 72, Weight 18, Output 16 | 4 of 4 |"),
        "{text}"
    );
    let text = at("Spatial", "Map(1,1) K");
    assert!(text.contains("| `l` | 1 by 1 | 8 | 4 |"), "{text}");
    let text = at("Memory ", "RF");
    assert!(
        text.contains("available: 1,000 bytes") && text.contains("required by net on acc"),
        "{text}"
    );
    let text = at("Map ", "net");
    assert!(
        text.contains("1 layer, 4,608 MACs") && text.contains("Three by three."),
        "{text}"
    );
    assert!(at("on ", "acc").contains("4 PEs, DRAM -> RF"));
    assert!(at("", "Accelerator").contains("from the outside in"));
    let key = text_at("Accelerator a { Memory DRAM { } Memory RF { $0Overlap } Compute MAC { } }");
    assert!(key.unwrap().contains("as through a FIFO"));
}

#[test]
fn the_library_has_comments() {
    let text = text_at("use std.dataflows.{$0nvdla};").unwrap();
    assert!(
        text.contains("NVDLA's order") && text.contains("`std.dataflows.nvdla`"),
        "{text}"
    );
    assert_eq!(text_at("Network n { $0 }"), None);
}
