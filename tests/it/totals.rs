//! Every network of the library performs the multiply-accumulates that its publication, or a count over the
//! published model, says.
//!
//! The figures were counted layer by layer over the reference models (torchvision 0.x definitions; the
//! BERT, GPT-2 and ViT papers' dimensions, batch 1, attention products included, no biases, no softmax, no
//! language-model head), except `unet`, for which see its file.

use dflowc::driver::{MemoryFiles, Session};

/// Network of the library, MACs, where the figure comes from.
const TOTALS: &[(&str, u64, &str)] = &[
    (
        "alexnet",
        714_188_480,
        "torchvision.models.alexnet, 224 x 224",
    ),
    (
        "alexnet_grouped",
        724_406_816,
        "Krizhevsky et al., NIPS 2012, groups 2",
    ),
    (
        "vgg16",
        15_470_264_320,
        "Simonyan and Zisserman, configuration D",
    ),
    ("resnet18", 1_814_073_344, "torchvision.models.resnet18"),
    (
        "resnet50",
        4_089_184_256,
        "torchvision.models.resnet50 (v1.5)",
    ),
    (
        "resnext50",
        4_230_479_872,
        "torchvision.models.resnext50_32x4d",
    ),
    (
        "mobilenet_v1",
        568_740_352,
        "Howard et al., 2017, width 1.0, 224 x 224",
    ),
    (
        "mobilenet_v2",
        300_774_272,
        "torchvision.models.mobilenet_v2",
    ),
    (
        "squeezenet1_0",
        818_924_576,
        "torchvision.models.squeezenet1_0",
    ),
    (
        "squeezenet1_1",
        349_151_936,
        "torchvision.models.squeezenet1_1",
    ),
    (
        "googlenet",
        1_582_671_872,
        "Szegedy et al., 2015, 5 x 5 kernels",
    ),
    (
        "googlenet_torchvision",
        1_498_376_192,
        "torchvision.models.googlenet, 3 x 3 kernels",
    ),
    (
        "bert_base",
        48_318_382_080,
        "Devlin et al., 2018, base, sequence 512",
    ),
    (
        "gpt2_small",
        106_300_440_576,
        "Radford et al., 2019, 12 layers of 768, sequence 1024",
    ),
    (
        "vit_b16",
        17_563_828_224,
        "Dosovitskiy et al., 2021, ViT-B/16, 224 x 224",
    ),
];

/// Networks whose total is asserted in their own file only (`Macs:`).
const ELSEWHERE: &[&str] = &["unet"];

fn macs(network: &str) -> u128 {
    let text = format!(
        "use std.networks.{network};\nuse std.accelerators.eyeriss;\nMap {network} on eyeriss {{ }}\n"
    );
    let files = MemoryFiles::new().with("total.dflow", &text);
    let compiled = Session::new(files).load("total.dflow");
    assert!(
        !compiled.diagnostics.has_errors(),
        "{network}: {:?}",
        compiled.diagnostics
    );
    compiled.program.networks[compiled.program.maps[0].network]
        .layers
        .iter()
        .map(|layer| layer.shape.macs().unwrap())
        .sum()
}

#[test]
fn networks_have_their_published_totals() {
    for &(network, expected, source) in TOTALS {
        assert_eq!(macs(network), u128::from(expected), "{network}: {source}");
    }
}

#[test]
fn every_network_of_the_library_is_checked() {
    for path in dflowc::stdlib::paths() {
        let Some(network) = path.strip_prefix("std.networks.") else {
            continue;
        };
        let is_known =
            TOTALS.iter().any(|known| known.0 == network) || ELSEWHERE.contains(&network);
        assert!(is_known, "{network} has no total here");
    }
}
