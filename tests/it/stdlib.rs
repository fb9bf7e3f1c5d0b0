//! The library held to figures from outside: MACs and weights of the networks; and its dataflows on the networks, legal
//! on every layer, no product missing.

use dflowc::diag::Diagnostics;
use dflowc::driver::{MemoryFiles, Session};
use dflowc::engine::{self, TimingRule};
use dflowc::evaluate::check_layer;
use dflowc::ir::{Operation, OperationKind};
use dflowc::lower::Options;
use std::collections::BTreeSet;
use std::process::Command;

/// Every network with its published MAC total (batch 1): torchvision's table of operations for its own models, the
/// papers' figures or the closed forms in the heads of the files for the others.
const NETWORKS: [(&str, u64); 22] = [
    ("alexnet", 714_188_480),
    ("alexnet_grouped", 724_406_816),
    ("bert_base", 48_318_382_080),
    ("convnext_tiny", 4_455_531_264),
    ("efficientnet_b0", 385_814_752),
    ("fsrcnn", 32 * 32 * 12_464),
    ("googlenet", 1_582_671_872),
    ("googlenet_torchvision", 1_498_376_192),
    ("gpt2_small", 106_300_440_576),
    ("mobilenet_v1", 568_740_352),
    ("mobilenet_v2", 300_774_272),
    ("mobilenet_v3_large", 216_589_760),
    ("resnet152", 11_513_626_624),
    ("resnet18", 1_814_073_344),
    ("resnet50", 4_089_184_256),
    ("resnext50", 4_230_479_872),
    ("squeezenet1_0", 818_924_576),
    ("squeezenet1_1", 349_151_936),
    ("unet", 150_428_424_448),
    ("vgg16", 15_470_264_320),
    ("vit_b16", 17_563_828_224),
    ("yolov3", 32_932_037_632),
];

/// Weights of every network: the published number of parameters less what is no weight of a layer here. "tv" is the
/// `num_params` that torchvision's pages print for its model; K is the sum of the output channels of all convolutions (and
/// depthwise ones), B biases; a batch normalisation has two parameters a channel.
const WEIGHTS: [(&str, u64); 22] = [
    // tv; B: 64 + 192 + 384 + 256 + 256 channels, 4096 + 4096 + 1000 features.
    ("alexnet", 61_100_840 - 1_152 - 9_192),
    // 60,965,224: Caffe's AlexNet (bvlc_alexnet); B: 96 + 256 + 384 + 384 + 256 channels, 9,192 features.
    ("alexnet_grouped", 60_965_224 - 1_376 - 9_192),
    // 109,482,240: BertModel, base, uncased; less embeddings (30,522 words, 512 places, 2 kinds, a norm), per block the
    // biases (4 d + ff + d) and two norms, and the pooler.
    (
        "bert_base",
        109_482_240
            - (30_522 + 512 + 2 + 2) * 768
            - 12 * (5 * 768 + 3_072 + 4 * 768)
            - (768 * 768 + 768),
    ),
    // tv; two numbers for each of 8,160 channels of layer norms, 6,624 scales of blocks; B: K = 41,184, and 1000.
    (
        "convnext_tiny",
        28_589_128 - 2 * 8_160 - 6_624 - 41_184 - 1_000,
    ),
    // tv; norms of K = 21,008; B: K = 9,340 of the squeezed and widened channels, and 1000.
    ("efficientnet_b0", 5_288_548 - 2 * 21_008 - 9_340 - 1_000),
    // The paper's table 1: 12,464 parameters of FSRCNN (56, 12, 4).
    ("fsrcnn", 12_464),
    // 6,998,552: Caffe's GoogLeNet (bvlc_googlenet) without its auxiliary classifiers; B: K = 7,280, and 1000.
    ("googlenet", 6_998_552 - 7_280 - 1_000),
    // tv 6,624,904; norms of K = 7,280, B 1000.
    ("googlenet_torchvision", 6_624_904 - 2 * 7_280 - 1_000),
    // 124,439,808: GPT-2 small; less 50,257 words and 1,024 places, biases (3 d + d + ff + d) and norms of 12 blocks, the
    // last norm.
    (
        "gpt2_small",
        124_439_808 - (50_257 + 1_024) * 768 - 12 * (5 * 768 + 3_072 + 4 * 768) - 2 * 768,
    ),
    // 4,253,864: Keras's MobileNet; there a norm has four parameters a channel, of K = 10,944; B 1000.
    ("mobilenet_v1", 4_253_864 - 4 * 10_944 - 1_000),
    // tv; norms of K = 17,056, B 1000.
    ("mobilenet_v2", 3_504_872 - 2 * 17_056 - 1_000),
    // tv; norms of K = 12,200; B: K = 5,080 of the squeezed and widened channels, 1280 and 1000.
    ("mobilenet_v3_large", 5_483_032 - 2 * 12_200 - 5_080 - 2_280),
    // tv; norms of K = 64 + 3 * 384 + 256 + 8 * 768 + 512 + 36 * 1536 + 1024 + 3 * 3072 + 2048.
    ("resnet152", 60_192_808 - 2 * 75_712 - 1_000),
    // tv; norms of K = 64 + 4 (64 + 128 + 256 + 512) + 128 + 256 + 512.
    ("resnet18", 11_689_512 - 2 * 4_800 - 1_000),
    // tv; norms of K = 64 + 3 * 384 + 256 + 4 * 768 + 512 + 6 * 1536 + 1024 + 3 * 3072 + 2048.
    ("resnet50", 25_557_032 - 2 * 26_560 - 1_000),
    // tv; norms of K = 64 + 3 * 512 + 256 + 4 * 1024 + 512 + 6 * 2048 + 1024 + 3 * 4096 + 2048.
    ("resnext50", 25_028_904 - 2 * 34_112 - 1_000),
    // tv; B: K = 96 + 8 fire modules + 1000.
    ("squeezenet1_0", 1_248_424 - 3_976),
    // tv; B: K = 64 + 8 fire modules + 1000.
    ("squeezenet1_1", 1_235_496 - 3_944),
    // 31,037,633: the U-Net with norms for 3 planes and one class that is used most on GitHub (milesial); norms of the
    // 18 convolutions (2,944 channels twice), B of the four transposed ones (960) and of the last (1); here one plane
    // (64 * 9 weights each) and two classes (64 more).
    (
        "unet",
        31_037_633 - 2 * 2 * 2_944 - 960 - 1 - 2 * 64 * 9 + 64,
    ),
    // tv; B: 2 * 64 + 2 * 128 + 3 * 256 + 6 * 512 channels, 9,192 features.
    ("vgg16", 138_357_544 - 4_224 - 9_192),
    // tv; biases and norms of 12 blocks as in BERT, the last norm, B of patches, class token, 197 places, B 1000.
    (
        "vit_b16",
        86_567_656 - 12 * (5 * 768 + 3_072 + 4 * 768) - 2 * 768 - 768 - 768 - 197 * 768 - 1_000,
    ),
    // The published file yolov3.weights, 248,007,048 bytes, is a head of 20 and 62,001,757 numbers of 4; a norm has four a
    // channel, of K = 26,304; B: 3 * 255.
    ("yolov3", (248_007_048 - 20) / 4 - 4 * 26_304 - 765),
];

/// Runs the program on `text`; the report of it.
pub fn evaluate(name: &str, text: &str) -> serde_json::Value {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .arg("eval")
        .arg(&path)
        .args(["--report", "json", "--color", "never"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

pub fn list(value: &serde_json::Value) -> &[serde_json::Value] {
    value.as_array().unwrap()
}

#[test]
fn networks_have_the_published_number_of_weights() {
    let machine =
        "Accelerator a { Memory DRAM { } Array PE { Shape: [64] } Memory RF { } Compute MAC { } }";
    let maps: String = WEIGHTS
        .iter()
        .map(|(network, _)| {
            format!("Map std.networks.{network} on a {{ default: std.dataflows.streaming; }}\n")
        })
        .collect();
    let report = evaluate("weights.dflow", &format!("{machine}\n{maps}"));
    for (evaluation, (network, weights)) in list(&report["evaluations"]).iter().zip(WEIGHTS) {
        assert_eq!(evaluation["network"], network);
        let total: u64 = list(&evaluation["layers"])
            .iter()
            // The second operand of these two products is another layer's result.
            .filter(|layer| {
                let name = layer["name"].as_str().unwrap();
                !name.ends_with("_scores") && !name.ends_with("_context")
            })
            .flat_map(|layer| {
                let times = layer["repeat"].as_u64().unwrap_or(1);
                let tensors = list(&layer["levels"][0]["tensors"]);
                let weights = tensors.iter().filter(|tensor| tensor["tensor"] == "Weight");
                weights.map(move |tensor| tensor["unique"].as_u64().unwrap() * times)
            })
            .sum();
        assert_eq!(total, weights, "{network}");
    }
}

/// `maestro_fig8` is not among them: its file says that its buffers hold the tiles of figure 8 only; nor is `simba`, which
/// has memories between its arrays (a cluster level must end there).
const ACCELERATORS: [&str; 6] = [
    "eyeriss",
    "gemmini",
    "nvdla_large",
    "nvdla_small",
    "shidiannao",
    "tpu_like",
];

/// Every machine runs whole networks by the dataflow that it was made for (`simba`'s is in `examples/resnet50_edge.dflow`).
#[test]
fn machines_evaluate_their_own_dataflows() {
    let mut maps = String::new();
    let own = [
        ("eyeriss", "row_stationary(s_tile = 12)"),
        ("gemmini", "nvdla(c_tile = 16, r_tile = 1, s_tile = 1)"),
        ("nvdla_large", "nvdla(r_tile = 1, s_tile = 1)"),
        ("nvdla_small", "nvdla(c_tile = 8, r_tile = 1, s_tile = 1)"),
        ("shidiannao", "shidiannao"),
        ("tpu_like", "nvdla(c_tile = 256, r_tile = 1, s_tile = 1)"),
    ];
    for (accelerator, dataflow) in own {
        for network in ["vgg16", "resnet50"] {
            maps += &format!(
                "Map std.networks.{network} on std.accelerators.{accelerator} {{
                   default: std.dataflows.streaming;
                   default FC: std.dataflows.gemm_os;
                   default CONV: std.dataflows.{dataflow};
                 }}\n"
            );
        }
    }
    let report = evaluate("own.dflow", &maps);
    let totals: Vec<u64> = list(&report["evaluations"])
        .iter()
        .map(|evaluation| evaluation["totals"]["macs"].as_u64().unwrap())
        .collect();
    assert_eq!(totals, [15_470_264_320, 4_089_184_256].repeat(own.len()));
}

/// What has been judged already: networks repeat their layers.
type Seen = BTreeSet<String>;

fn signature(operation: &Operation) -> String {
    format!(
        "{:?} {:?} {:?}",
        operation.kind, operation.ranks, operation.windows
    )
}

/// Judges and counts every layer of every network with `dataflow` for convolutions, `gemm_os` for matrix products and `streaming`
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
                let times = compiled.program.networks[map.network].layers[layer].times;
                total += operation.ranks.iter().product::<u64>() * operation.repeat * times;
            }
            if seen.insert(signature(operation)) {
                let Some(checked) = check_layer(&compiled, map, &lowered, &mut sink) else {
                    panic!("{name}: {:#?}", sink.into_sorted(3).list);
                };
                // Counts, and with them the laws of every evaluation: a breach is an error.
                let counts = engine::count(&checked.legal, TimingRule::Exact).expect(&name);
                let points: u64 = operation.ranks.iter().product();
                assert_eq!(counts.operations, points, "{name}");
            }
        }
        assert_eq!(total, macs, "{network}");
    }
}

/// The dataflow with pieces of the kernel that a PE has room for: one weight in the cells of NVDLA, the TPU and Gemmini, a
/// row of 12 inputs in Eyeriss.
fn fitted(dataflow: &str, accelerator: &str) -> String {
    let columns = match accelerator {
        "shidiannao" => return dataflow.to_owned(),
        "eyeriss" => 12,
        _ => 1,
    };
    match dataflow {
        "weight_stationary" | "shidiannao" | "nvdla" => {
            format!("{dataflow}(r_tile = 1, s_tile = {columns})")
        }
        "row_stationary" => format!("{dataflow}(s_tile = {columns})"),
        _ => dataflow.to_owned(),
    }
}

macro_rules! dataflows {
    ($($test:ident: $dataflow:literal, $serves:literal;)*) => {
        $(#[test]
        fn $test() {
            for accelerator in ACCELERATORS {
                let dataflow = fitted($dataflow, accelerator);
                legal_everywhere(&dataflow, accelerator, $serves);
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
