//! Groups from the field, each with its right value.

use super::{evaluated, load};

const THIN: &str = "Accelerator x { Memory DRAM { } Memory GLB { } Compute MAC { } }";

/// Both layers have 8 x 8 weights, which neither loop indexes: they come once, as in the same nest alone.
#[test]
fn weights_come_once_per_change_of_their_tile() {
    let conv = "Type: CONV; Dimensions { K: 8, C: 8, Y: 16, X: 16, R: 1, S: 1 }";
    let network = format!("Network n {{ Layer a {{ {conv} }} Layer b {{ {conv} }} }}");
    let of = |loops: &str| {
        let (groups, _) = evaluated(&format!(
            "{THIN} {network} Map n on x {{ Fuse a, b {{ {loops} {{ retain a.Output in GLB; \
             sequence {{ run a using {{ }}; run b using {{ }}; }} }} }} }} }}"
        ));
        let tensors = &groups[0].tensors;
        let read = |name: &str| {
            let known = tensors.iter().find(|tensor| tensor.tensor == name).unwrap();
            (known.dram_reads, known.loops_above)
        };
        [read("a.Weight"), read("b.Weight"), read("a.Input")]
    };
    // The input is cut by both loops and read once.
    let [a, b, input] = of("tile b.P by 4 { tile b.Q by 4");
    assert_eq!(
        [a, b, input],
        [(64, Some(0)), (64, Some(0)), (2048, Some(2))]
    );
    // Output channels outside: b's weights change with them, four times a quarter; a's stay; all of a's result and so of
    // its input is wanted in every step, and kept.
    let [a, b, input] = of("tile b.P by 4 { tile b.K by 2");
    // b's weights stand at the channels, which begin anew with every row: four times 64.
    assert_eq!(
        [a, b, input],
        [(64, Some(0)), (256, Some(2)), (2048, Some(1))]
    );
}

/// Three rows in pieces of 2 and 1, and these in pieces of 1: 2 + 1 steps.
#[test]
fn iterations_are_steps_that_exist() {
    let (groups, _) = evaluated(&format!(
        "{THIN} Network n {{ Layer a {{ Type: FC; Dimensions {{ N: 3, K: 2, C: 2 }} }}
         Layer b {{ Type: FC; Dimensions {{ N: 3, K: 2, C: 2 }} }} }}
         Map n on x {{ Fuse a, b {{ tile b.N by 2 {{ tile b.N by 1 {{ retain a.Output in GLB; }} }} }} }}"
    ));
    assert_eq!(groups[0].iterations, 3);
    assert_eq!(groups[0].stages[1].active, 3);
    assert_eq!(groups[0].baseline, "lower_bound");
}

fn two_products(sram: &str, dram: &str) -> String {
    format!(
        "Network two {{
           Layer a {{ Type: FC; Dimensions {{ N: 1, K: 64, C: 64 }} }}
           Layer b {{ Type: FC; Dimensions {{ N: 1, K: 64, C: 64 }} }}
         }}
         Accelerator s {{
           Memory DRAM {{ {dram} }} Memory SRAM {{ Size: 32KiB; {sram} }} Array PE {{ Shape: [8] }}
           Memory RF {{ Size: 1KiB }} Compute MAC {{ }}
         }}
         Dataflow df {{ SpatialMap(8,8) K; TemporalMap(64,64) C }}
         Map two on s {{ Fuse a, b {{ retain a.Output in SRAM; sequence {{ run a using df; run b using df; }} }} }}"
    )
}

/// 64 bytes of input and twice 4,096 of weights arrive, then 2 * 4,096 products on 8 PEs, then 64 bytes leave. Alone each
/// layer loads 4,160 bytes, computes 512 cycles and stores 64.
#[test]
fn a_group_and_its_layers_have_one_clock() {
    let of = |sram: &str, dram: &str| {
        let (groups, _) = evaluated(&two_products(sram, dram));
        let group = groups.into_iter().next().unwrap();
        assert_eq!(group.baseline, "evaluated");
        (group.cycles, group.cycles_layer_by_layer.unwrap())
    };
    let port = "Bandwidth: 1B/cycle";
    assert_eq!(of("", port), (8256 + 1024 + 64, 2 * (4160 + 512 + 64)));
    // The only step is the first, which nothing hides.
    assert_eq!(of("DoubleBuffered", port), (9344, 9472));
    // Behind a port of the SRAM of 4 bytes the DRAM still takes longest, and then each layer brings 64 + 4,096 bytes to
    // the registers in 1,040 cycles, computes in registers that do not overlap, and takes 64 results back in 16. What
    // arrives at the SRAM is no part of that.
    let inside = 1040 + 512 + 16;
    assert_eq!(
        of("Bandwidth: 4B/cycle", port),
        (8256 + 2 * inside + 64, 2 * (4160 + inside + 64))
    );
}

/// What comes from DRAM and what the stages read pass one port of the buffer: in a loop of 64 steps that overlap, it is
/// busy with both.
#[test]
fn a_port_of_the_buffer_is_one_for_transfers_and_stages() {
    let text = |size: &str| {
        format!(
            "Network n {{ Layer a {{ Type: FC; Dimensions {{ N: 64, K: 4, C: 4 }} }}
             Layer b {{ Type: FC; Dimensions {{ N: 64, K: 4, C: 4 }} }} }}
             Accelerator s {{ Memory DRAM {{ }} Memory SRAM {{ DoubleBuffered; {size} }} Array PE {{ Shape: [16] }}
               Memory RF {{ }} Compute MAC {{ }} }}
             Map n on s {{ Fuse a, b {{ tile b.N by 1 {{ retain a.Output in SRAM; }} }} }}"
        )
    };
    let of = |size: &str| {
        let (groups, _) = evaluated(&text(size));
        (groups[0].cycles, groups[0].bound.clone())
    };
    // 16 products a stage and step, one cycle each.
    assert_eq!(of(""), (128, "compute".to_owned()));
    // A step reads 16 weights and 4 values and writes 4 in each stage: 24 bytes, 12 cycles at 2 bytes. Its 4 inputs arrive
    // while the 4 results of the step before leave: 4 more. The first step also takes 32 weights, 36 bytes in 18 cycles,
    // before it does anything, and the last results leave in 2.
    let (cycles, bound) = of("Bandwidth: 2B/cycle");
    assert_eq!(bound, "SRAM");
    assert_eq!(cycles, (18 + 24) + 63 * (24 + 4) + 2);
    // With a port for each direction reads take 10 cycles a stage (20 bytes), writes 2; arrivals add 2 to the writes, and
    // departures 2 to the reads. The first step: 18 cycles, then its stages; the end: 2.
    let (cycles, _) = of("ReadBandwidth: 2B/cycle; WriteBandwidth: 2B/cycle");
    assert_eq!(cycles, (18 + 20) + 63 * (20 + 2) + 2);
}

/// A group whose layers have no dataflows is put beside a bound, and is told so; one whose layers have, beside them.
#[test]
fn compulsory_traffic_is_a_lower_bound() {
    let text = |using: &str| {
        format!(
            "{THIN} Network n {{ Layer a {{ Type: FC; Dimensions {{ N: 8, K: 8, C: 8 }} }}
             Layer b {{ Type: FC; Dimensions {{ N: 8, K: 8, C: 8 }} }} }}
             Map n on x {{ Fuse a, b {{ retain a.Output in GLB; sequence {{ run a {using}; run b {using}; }} }} }}"
        )
    };
    let print = |text: &str| {
        let name = if text.contains("using") { "e" } else { "l" };
        let (code, out, errors) = super::dflowc(&format!("{name}.dflow"), text, &["eval"]);
        assert_eq!(code, Some(0), "{errors}");
        out
    };
    let bound = print(&text(""));
    assert!(bound.contains("lower bound"), "{bound}");
    assert!(!bound.contains("layer by layer"), "{bound}");
    let evaluated = print(&text("using { }"));
    assert!(evaluated.contains("layer by layer"), "{evaluated}");
    assert!(!evaluated.contains("lower bound"), "{evaluated}");
    let (groups, _) = super::evaluated(&text("using { }"));
    assert_eq!(groups[0].baseline, "evaluated");
    // 64 inputs, 64 weights, 64 results, of each.
    assert_eq!(groups[0].dram_bytes_layer_by_layer, Some(2 * 192));
    assert_eq!(groups[0].dram_bytes, 64 + 2 * 64 + 64);
}

/// Half of `a`'s inputs are zero: half of its products, of its reads of the input, and nothing else.
#[test]
fn density_is_told_of_a_group_as_of_a_layer() {
    let text = |input: &str, output: &str| {
        format!(
            "Technology t {{ mac(INT8): 1pJ; op(INT8): 1pJ; read(DRAM, 8b): 8pJ; write(DRAM, 8b): 8pJ;
               read(SRAM, 8b): 1pJ; write(SRAM, 8b): 1pJ; }}
             Accelerator x {{ Technology: t; Precision: INT8; Memory DRAM {{ }} Memory GLB {{ Size: 1KiB }}
               Compute MAC {{ }} }}
             Network n {{ Layer a {{ Type: FC; Dimensions {{ N: 2, K: 4, C: 4 }} Density {{ Input: {input}{output} }} }}
             Layer b {{ Type: FC; Dimensions {{ N: 2, K: 4, C: 4 }} }} }}
             Map n on x {{ Fuse a, b {{ retain a.Output in GLB; }} }}"
        )
    };
    let (groups, _) = evaluated(&text("0.5", ""));
    let density = groups[0].density.as_ref().unwrap();
    // 32 products of each layer.
    assert!((density.effective_operations - (16.0 + 32.0)).abs() < 1e-12);
    let input = &density.tensors[0];
    assert!((input.density - 0.5).abs() < 1e-12);
    // 8 inputs cross from DRAM to GLB and are read there once.
    assert_eq!(input.effective_reads.get("DRAM"), Some(&4.0));
    assert_eq!(input.effective_reads.get("GLB"), Some(&4.0));
    assert_eq!(input.effective_writes.get("GLB"), Some(&4.0));
    // Dense: 64 products; DRAM 8 + 32 read and 8 written, 8 pJ each; GLB written and read as often by the stages and the
    // transfers: written 40 + 8 + 8, read 40 + 8 + 8 (what leaves is read once more).
    let dense = 64.0 + 8.0 * 48.0 + (40.0 + 16.0) + (40.0 + 8.0 + 8.0);
    assert!(
        (density.dense_energy_pj.unwrap() - dense).abs() < 1e-9,
        "{density:?}"
    );
    let total = *groups[0].energy_pj.as_ref().unwrap().get("total").unwrap();
    assert!(
        (total - (dense - 16.0 - 4.0 * (8.0 + 2.0))).abs() < 1e-9,
        "{total}"
    );
    assert!(evaluated(&text("1", "")).0[0].density.is_none());
    // `b` reads 1, and `a` writes 0.5.
    let (groups, _) = evaluated(&text("1", ", Output: 0.5"));
    assert!(groups[0].notes.iter().any(|note| note.starts_with("W0302")));
}

/// Sums of 32 bits that leave before they are complete: `C[n,k]` with the channels outside, in halves. In DRAM each of
/// the 8 sums is written with 32 bits, read back and written with 8.
#[test]
fn sums_that_come_back_are_as_wide_as_they_are() {
    let text = "Accelerator x { Precision { Input: INT8; Weight: INT8; PartialSum: INT32; Output: INT8 }
          Memory DRAM { Bandwidth: 1B/cycle } Memory GLB { } Compute MAC { Lanes: 64 } }
        Network n { Layer a { Type: FC; Dimensions { N: 2, K: 4, C: 4 } } Layer b { Type: FC; Dimensions { N: 2, K: 4, C: 4 } } }
        Map n on x { Fuse a, b { retain a.Output, a.Weight, a.Input, b.Weight in GLB;
          tile b.C by 2 { tile b.N by 1 { } } } }";
    assert!(!load(text).diagnostics.has_errors());
    let (groups, _) = evaluated(text);
    let result = groups[0].tensors.last().unwrap();
    assert_eq!((result.dram_reads, result.dram_writes), (8, 16));
    assert_eq!(result.dram_bytes, 8 * 4 + 8 * 4 + 8);
    assert_eq!(result.window_bytes, 4 * 4);
}
