//! How long after a key stroke an editor has diagnostics and hints.
//!
//! The file has 1,000 lines: ResNet50, the dataflow of its convolutions, a map, and a hundred other dataflows. Each iteration changes one number in one of them, as typing does, and asks for everything that an
//! editor shows: diagnostics, hints, colours, outline. `cargo bench --bench editor`; the README carries the figure.

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
