//! Programs as execution methods of the profile, and what keeps others from being one.

use dflowc::driver::{MemoryFiles, Session};
use dflowc::evaluate::check_layer;
use dflowc::ir::Mapping;
use dflowc::lower::Options;
use dflowc::models::dmazerunner::{Given, Machine, Unfit, evaluate, given};

const LOOPS: &str = "
  at DRAM { tile K by 64; tile C by 8; }
  at SPM  { tile C by 1; spread K by 16 over PE; spread P by 1 over PE; spread Q by 1 over PE; }
";

/// ResNet conv5_2 with a batch of 4 on `dmaze256`, whose text may be changed before.
fn mapping(loops: &str, change: &dyn Fn(String) -> String) -> Mapping {
    let library = dflowc::stdlib::get("std.accelerators.dmaze256").unwrap();
    let text = format!(
        "{} Network n {{ Layer conv5_2 {{ Type: CONV; Dimensions {{ N: 4, K: 512, C: 512, Y: 7, X: 7, R: 3, S: 3 }} \
         Padding {{ Y: 1, X: 1 }} }} }} \
         Dataflow d {{ {loops} }} Map n on dmaze256 {{ default: d; }}",
        change(library.to_owned())
    );
    let mut compiled = Session::new(MemoryFiles::new().with("f.dflow", &text)).load("f.dflow");
    let mut sink = std::mem::take(&mut compiled.diagnostics);
    let map = &compiled.program.maps[0];
    let planned = compiled.plan_layer(map, 0, Options::default(), &mut sink);
    let planned = planned.unwrap();
    let lowered = planned.lowered.as_ref().unwrap();
    let checked = check_layer(&compiled, map, lowered, &mut sink);
    let checked = checked.unwrap_or_else(|| panic!("{loops} is not legal"));
    checked.legal.get().clone()
}

fn same(text: String) -> String {
    text
}

fn refused(loops: &str, change: &dyn Fn(String) -> String) -> Unfit {
    given(&mapping(loops, change)).unwrap_err()
}

#[test]
fn the_papers_method_written_as_loops_has_the_papers_figures() {
    let Given {
        layer,
        machine,
        method,
    } = given(&mapping(LOOPS, &same)).unwrap();
    assert_eq!(method.dram, [1, 8, 64, 1, 1, 1, 1]);
    assert_eq!(method.spm, [1, 1, 8, 1, 1, 1, 1]);
    assert_eq!(method.rf, [4, 16, 1, 1, 1, 3, 3]);
    assert_eq!(method.spatial, [1, 4, 1, 7, 7, 1, 1]);
    let published = Machine::published();
    // The text says no energies to the mapping; everything else is the published default, the DMA to a scale.
    let scale = machine.dma_scale / published.dma_scale;
    let same = Machine {
        energy: published.energy,
        dma_setup: machine.dma_setup / scale,
        dma_per_byte: machine.dma_per_byte / scale,
        dma_scale: machine.dma_scale / scale,
        ..machine
    };
    assert_eq!(same, published);
    let profile = evaluate(&layer, &published, &method).unwrap();
    assert_eq!(profile.cycles, 2_459_648);
    assert_eq!(profile.picojoule(), 2_908_068_209);
}

#[test]
fn what_the_profile_cannot_say_is_refused() {
    let slow = |text: String| text.replace("Bandwidth: 2B/cycle", "Bandwidth: 1B/cycle");
    assert_eq!(refused(LOOPS, &slow), Unfit::Network);
    let skewed = |text: String| text.replace("PerTensor;", "PerTensor; Skew: 1cycle;");
    assert_eq!(refused(LOOPS, &skewed), Unfit::NetworkKind);
    let single = |text: String| text.replace("Banks: spm / 2KiB; DoubleBuffered", "Banks: 64");
    assert!(matches!(refused(LOOPS, &single), Unfit::SingleBuffer(_)));
    let lanes = |text: String| text.replace("Lanes: 1", "Lanes: 2");
    assert_eq!(refused(LOOPS, &lanes), Unfit::Lanes(2));
    let wide = |text: String| {
        text.replace(
            "Precision: INT16;",
            "Precision { Input: INT16, Weight: INT16, PartialSum: INT16, Output: INT8 }",
        )
    };
    assert_eq!(refused(LOOPS, &wide), Unfit::Widths);
    let imperfect = LOOPS.replace("tile K by 64", "tile K by 60");
    assert!(matches!(
        refused(&imperfect, &same),
        Unfit::Imperfect { .. }
    ));
    let folded = LOOPS.replace("spread K by 16", "spread K by 4");
    assert!(matches!(refused(&folded, &same), Unfit::Folded { .. }));
}
