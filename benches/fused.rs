//! How many fused groups per second go from lowered IR to counts and latency, on one core.
//!
//! `cargo bench --bench fused` prints the time of one evaluation; the README carries the rates.

use criterion::{Criterion, criterion_group, criterion_main};
use dflowc::diag::Diagnostics;
use dflowc::driver::{Compiled, MemoryFiles, OsFiles, Session};
use dflowc::engine::fused::count;
use dflowc::ir::FusedGroup;
use dflowc::lower::LoweredGroup;
use std::hint::black_box;

/// Five 3x3 convolutions as those of VGG (padding 1, 64 channels) on maps of `side` x `side`, fused: rows by 4, columns
/// by 28, every map between in row buffers.
fn five_convolutions(side: u64) -> FusedGroup {
    let layers: String = (1..=5)
        .map(|layer| {
            let channels = if layer == 1 { 3 } else { 64 };
            format!(
                "Layer c{layer} {{ Type: CONV; Dimensions {{ K: 64, C: {channels}, Y: {side}, X: {side}, R: 3, S: 3 }} \
                 Padding {{ Y: 1, X: 1 }} }} "
            )
        })
        .collect();
    let text = format!(
        "Network n {{ {layers} }} \
         Accelerator a {{ Memory DRAM {{ }} Memory GLB {{ }} Array PE {{ Shape: [256] }} Memory RF {{ }} Compute MAC {{ }} }} \
         Map n on a {{ Fuse c1, c2, c3, c4, c5 {{ \
           retain c1.Weight, c2.Weight, c3.Weight, c4.Weight, c5.Weight in GLB; \
           tile c5.P by 4 {{ retain c1.Input, c2.Input, c3.Input, c4.Input, c5.Input in GLB; tile c5.Q by 28 {{ }} }} }} }}"
    );
    let compiled = Session::new(MemoryFiles::new().with("vgg.dflow", &text)).load("vgg.dflow");
    let mut groups = groups(&compiled);
    match groups.pop() {
        Some(group) if groups.is_empty() => group.group,
        _ => panic!("the five convolutions are not one group"),
    }
}

/// The fused groups of the first map.
fn groups(compiled: &Compiled) -> Vec<LoweredGroup> {
    let mut sink = Diagnostics::new();
    let Some(map) = compiled.program.maps.first() else {
        panic!("no map: {:?}", compiled.diagnostics);
    };
    let lowered: Vec<LoweredGroup> = (0..map.groups.len())
        .filter_map(|group| compiled.plan_group(map, group, &mut sink))
        .collect();
    assert!(sink.is_empty(), "{sink:?}");
    lowered
}

fn counts(criterion: &mut Criterion) {
    for side in [224, 448] {
        let group = five_convolutions(side);
        let rates = [256; 5];
        if let Err(limit) = count(&group, &rates) {
            panic!("not counted: {limit:?}");
        }
        criterion.bench_function(&format!("5 convolutions fused, {side}x{side}"), |bencher| {
            bencher.iter(|| count(black_box(&group), &rates));
        });
    }
}

/// Whole MobileNetV2, 17 groups: from text to the counts of all groups, and the program with its report.
fn network(criterion: &mut Criterion) {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/mobilenet_v2_fused.dflow"
    );
    criterion.bench_function("MobileNetV2 fused, text to counts", |bencher| {
        bencher.iter(|| {
            let compiled = Session::new(OsFiles).load(black_box(file));
            let steps: u64 = groups(&compiled)
                .iter()
                .map(|lowered| {
                    let rates: Vec<u64> = lowered.stages.iter().map(|stage| stage.peak).collect();
                    count(&lowered.group, &rates).map_or(0, |flow| flow.steps)
                })
                .sum();
            assert!(steps > 0);
            steps
        });
    });
    let program = || {
        std::process::Command::new(env!("CARGO_BIN_EXE_dflowc"))
            .args(["eval", "--report=text", file])
            .output()
            .is_ok_and(|output| output.status.success())
    };
    assert!(program(), "MobileNetV2 is not evaluated");
    criterion.bench_function("MobileNetV2 fused, text to report", |bencher| {
        bencher.iter(program);
    });
}

criterion_group!(benches, counts, network);
criterion_main!(benches);
