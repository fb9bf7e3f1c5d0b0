//! How long after a key stroke an editor has diagnostics and hints.
//!
//! One file has 1,000 lines: ResNet50, the dataflow of its convolutions, a map, and a hundred other dataflows; another
//! one ten fused groups of three layers. Each iteration changes one number in one of them, as typing does, and asks for
//! everything that an editor shows: diagnostics, hints, colours, outline. `cargo bench --bench editor`; the README carries the figure.

use criterion::{Criterion, criterion_group, criterion_main};
use dflowc::driver::{MemoryFiles, Session};
use dflowc::lsp::analysis::evaluate::ResultCache;
use dflowc::lsp::analysis::{Snapshot, hints, symbols, tokens};
use dflowc::stdlib;
use std::hint::black_box;

/// Tiles that fit the accelerator; one after the other they are more mappings than are remembered.
fn tiles(turn: usize) -> (usize, usize) {
    (turn % 16 + 1, turn / 16 % 4 + 1)
}

/// The file, with these tiles in the dataflow that serves the convolutions.
fn text((k_tile, c_tile): (usize, usize)) -> String {
    let library = |path: &str| stdlib::get(path).unwrap_or_default();
    let mut text = String::from("use std.accelerators.eyeriss;\n");
    text.push_str(library("std.networks.resnet50"));
    let dataflow = library("std.dataflows.row_stationary");
    text.push_str(&dataflow.replace("Dataflow row_stationary(", "Dataflow mine("));
    text.push_str(&format!(
        "Map resnet50 on eyeriss {{\n  default: mine(k_tile = {k_tile}, c_tile = {c_tile});\n}}\n"
    ));
    for number in 0.. {
        if text.lines().count() >= 1000 {
            break;
        }
        text.push_str(&format!(
            "// Number {number}.\nDataflow spare_{number}(k_tile = {number} + 1) {{\n  TemporalMap(k_tile, k_tile) K;\n  \
             TemporalMap(1,1) C;\n  SpatialMap(1,1) Y';\n  TemporalMap(1,1) X';\n}}\n"
        ));
    }
    text
}

/// Ten inverted bottlenecks that run fused, rows by `rows`.
fn fused(rows: usize) -> String {
    let mut text = String::from(
        "Accelerator edge {\n  Precision: INT8;\n  Memory DRAM { Bandwidth: 16B/cycle }\n  Memory GLB { Size: 4MiB }\n  \
         Array PE { Shape: [64] }\n  Memory RF { }\n  Compute MAC { }\n}\nNetwork blocks {\n",
    );
    for block in 0..10 {
        let (wide, narrow) = (24 * (block + 2), 4 * (block + 2));
        text.push_str(&format!(
            "  Layer e{block} {{ Type: CONV; Dimensions {{ K: {wide}, C: {narrow}, Y: 56, X: 56, R: 1, S: 1 }} Inputs: external; }}\n  \
             Layer d{block} {{ Type: DWCONV; Dimensions {{ C: {wide}, Y: 56, X: 56, R: 3, S: 3 }} Padding {{ Y: 1, X: 1 }} Inputs: e{block}; }}\n  \
             Layer p{block} {{ Type: CONV; Dimensions {{ K: {narrow}, C: {wide}, Y: 56, X: 56, R: 1, S: 1 }} Inputs: d{block}; }}\n"
        ));
    }
    text.push_str("}\nMap blocks on edge {\n");
    for block in 0..10 {
        text.push_str(&format!(
            "  Fuse e{block}, d{block}, p{block} {{\n    retain e{block}.Weight, d{block}.Weight, p{block}.Weight in GLB;\n    \
             tile p{block}.P by {rows} {{\n      retain d{block}.Input, p{block}.Input in GLB;\n      \
             sequence {{ run e{block}; run d{block}; run p{block}; }}\n    }}\n  }}\n"
        ));
    }
    text.push_str("}\n");
    text
}

fn stroke(session: &mut Session<MemoryFiles>, cache: &mut ResultCache, text: &str) -> usize {
    session.set_text("a.dflow", text);
    let snapshot = Snapshot::new(session, "a.dflow");
    let evaluated = cache.evaluate(&snapshot, || false);
    let shown = hints::hints(&snapshot, &evaluated, cache);
    let colours = tokens::tokens(&snapshot);
    let outline = symbols::outline(&snapshot);
    black_box(evaluated.diagnostics.len() + colours.len() + outline.len());
    shown.len()
}

fn typing(criterion: &mut Criterion) {
    let mut session = Session::new(MemoryFiles::new());
    let mut cache = ResultCache::default();
    let texts: Vec<String> = (0..2).map(|turn| text(tiles(turn))).collect();
    for text in &texts {
        // One hint per layer, one for the map, one per entry, one per directive.
        let hints = stroke(&mut session, &mut cache, text);
        assert!(hints > 60, "{hints} hints");
    }
    // Back and forth between two texts: everything is known, but for what the text itself needs.
    let mut turn = 0;
    criterion.bench_function("a key stroke that was made before", |bencher| {
        bencher.iter(|| {
            turn += 1;
            stroke(&mut session, &mut cache, &texts[turn % 2])
        });
    });
    let groups: Vec<String> = [1, 2].map(fused).to_vec();
    for text in &groups {
        // One hint per layer, group and map, and those inside of the groups.
        let hints = stroke(&mut session, &mut cache, text);
        assert!(hints > 60, "{hints} hints");
    }
    criterion.bench_function(
        "ten fused groups, a key stroke that was made before",
        |bencher| {
            bencher.iter(|| {
                turn += 1;
                stroke(&mut session, &mut cache, &groups[turn % 2])
            });
        },
    );
    criterion.bench_function(
        "ten fused groups, a key stroke that changes every group",
        |bencher| {
            bencher.iter(|| {
                turn += 1;
                stroke(&mut session, &mut cache, &fused(turn % 28 + 1))
            });
        },
    );
    // Every stroke makes mappings that are not remembered.
    criterion.bench_function("a key stroke that changes every layer", |bencher| {
        bencher.iter(|| {
            turn += 1;
            stroke(&mut session, &mut cache, &text(tiles(turn)))
        });
    });
}

criterion_group!(benches, typing);
criterion_main!(benches);
