//! The dataflows of the library on the networks of the library: legal on every layer, and no product missing.

use dflowc::diag::Diagnostics;
use dflowc::driver::{MemoryFiles, Session};
use dflowc::evaluate::judge;
use dflowc::ir::{Operation, OperationKind};
use dflowc::lower::Options;
use std::collections::BTreeSet;

/// Every network with its published MAC total (batch 1): torchvision's table of operations for its own models, the
/// papers' figures or the closed forms in the heads of the files for the others.
const NETWORKS: [(&str, u64); 16] = [
    ("alexnet", 714_188_480),
    ("alexnet_grouped", 724_406_816),
    ("bert_base", 48_318_382_080),
    ("googlenet", 1_582_671_872),
    ("googlenet_torchvision", 1_498_376_192),
    ("gpt2_small", 106_300_440_576),
    ("mobilenet_v1", 568_740_352),
    ("mobilenet_v2", 300_774_272),
    ("resnet18", 1_814_073_344),
    ("resnet50", 4_089_184_256),
    ("resnext50", 4_230_479_872),
    ("squeezenet1_0", 818_924_576),
    ("squeezenet1_1", 349_151_936),
    ("unet", 150_428_424_448),
    ("vgg16", 15_470_264_320),
    ("vit_b16", 17_563_828_224),
];

/// `maestro_fig8` is not among them: its file says that its buffers hold the tiles of figure 8 only.
const ACCELERATORS: [&str; 5] = [
    "eyeriss",
    "nvdla_large",
    "nvdla_small",
    "shidiannao",
    "tpu_like",
];

/// What has been judged already: networks repeat their layers.
type Seen = BTreeSet<String>;

fn signature(operation: &Operation) -> String {
    format!(
        "{:?} {:?} {:?}",
        operation.kind, operation.ranks, operation.windows
    )
}

/// Judges every layer of every network with `dataflow` for convolutions, `gemm_os` for matrix products and `streaming`
/// for the rest.
fn legal_everywhere(dataflow: &str, accelerator: &str, serves_convolutions: bool) {
    let mut seen = Seen::new();
    for (network, macs) in NETWORKS {
        let text = format!(
            "Map std.networks.{network} on std.accelerators.{accelerator} {{
               default: std.dataflows.streaming;
               default FC, GEMM: std.dataflows.gemm_os;
               default CONV, GCONV: std.dataflows.{dataflow};
             }}"
        );
        let files = MemoryFiles::new().with("test.dflow", &text);
        let compiled = Session::new(files).load("test.dflow");
        let mut sink = Diagnostics::new();
        let map = compiled.program.maps.first().expect(network);
        let mut total = 0;
        for layer in 0..map.assignments.len() {
            let name = format!("{dataflow} on {accelerator}: {network} layer {layer}");
            let planned = compiled.plan_layer(map, layer, Options::default(), &mut sink);
            let planned = planned.expect(&name);
            let lowered = planned.lowered.expect(&name);
            let convolution = lowered.names.layer_type == "CONV";
            assert_eq!(
                planned.note.is_some(),
                convolution && !serves_convolutions,
                "{name}: {:?}",
                planned.note
            );
            let operation = &lowered.mapping.operation;
            if operation.kind == OperationKind::MultiplyAccumulate {
                total += operation.ranks.iter().product::<u64>() * operation.repeat;
            }
            if seen.insert(signature(operation)) {
                let judged = judge(&compiled, map, &lowered, &mut sink);
                assert!(judged.is_some(), "{name}: {:#?}", sink.into_sorted(3).list);
            }
        }
        assert_eq!(total, macs, "{network}");
    }
}

macro_rules! dataflows {
    ($($test:ident: $dataflow:literal, $serves:literal;)*) => {
        $(#[test]
        fn $test() {
            for accelerator in ACCELERATORS {
                // The weights of a whole kernel for each of 65,536 PEs are more than the FIFO holds: there NVDLA's
                // dataflow has one kernel element at a time, as in the chip.
                let dataflow = match (accelerator, $dataflow) {
                    ("tpu_like", "nvdla") => "nvdla(r_tile = 1, s_tile = 1)",
                    _ => $dataflow,
                };
                legal_everywhere(dataflow, accelerator, $serves);
            }
        })*
    };
}

dataflows! {
    nlr: "nlr", true;
    weight_stationary: "weight_stationary", true;
    output_stationary: "shidiannao", true;
    row_stationary: "row_stationary", true;
    nvdla: "nvdla", true;
    // A convolution has no M: streaming takes its place, and says so.
    gemm_os: "gemm_os", false;
    streaming: "streaming", true;
}
