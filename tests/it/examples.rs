//! The examples: what they evaluate to, and what the README prints of them.

use std::collections::BTreeMap;
use std::process::Command;

fn dflowc(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .args(["--color", "never"])
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// Published totals, as in `totals.rs` and the heads of the networks; every network under how many maps.
const TOTALS: [(&str, &[u64]); 14] = [
    ("alexnet", &[714_188_480; 2]),
    ("bert_base", &[48_318_382_080; 2]),
    ("googlenet", &[1_582_671_872, 1_498_376_192]),
    ("gpt2_small", &[106_300_440_576]),
    // 64 * 3 * 9 products for each of 222 * 222 outputs: the figure has no padding.
    ("maestro_fig8", &[64 * 3 * 9 * 222 * 222]),
    // 512 * 512 * 9 for each of 12 * 12.
    ("maestro_fig8_conv11", &[512 * 512 * 9 * 12 * 12]),
    ("mobilenet_v2", &[300_774_272; 2]),
    ("resnet18", &[1_814_073_344; 3]),
    ("resnet50", &[4_089_184_256; 2]),
    ("squeezenet", &[818_924_576, 349_151_936]),
    // Padded: conv1_1 and conv5_1 of VGG16 four times each, and 4 * 4 * 9 products on 6 * 6.
    (
        "maestro_table2",
        &[4 * (86_704_128 + 462_422_016) + 4 * 4 * 9 * 36],
    ),
    ("unet", &[150_428_424_448; 2]),
    ("vgg16_eyeriss", &[15_470_264_320; 2]),
    ("vit_b16", &[17_563_828_224; 2]),
];

#[test]
fn every_example_evaluates_to_the_published_total() {
    let mut known: BTreeMap<String, &[u64]> = TOTALS
        .iter()
        .map(|(name, totals)| (format!("{name}.dflow"), *totals))
        .collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".dflow") {
            continue;
        }
        let expected = known.remove(&name).expect("an example without its total");
        let path = format!("examples/{name}");
        let (code, report, errors) = dflowc(&["eval", &path, "--report", "json"]);
        assert_eq!(code, Some(0), "{name}: {errors}");
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let evaluations = report["evaluations"].as_array().unwrap();
        let totals: Vec<u64> = evaluations
            .iter()
            .map(|evaluation| evaluation["totals"]["macs"].as_u64().unwrap())
            .collect();
        assert_eq!(totals, expected, "{name}");
        for layer in evaluations
            .iter()
            .flat_map(|evaluation| evaluation["layers"].as_array().unwrap())
        {
            let utilization = layer["utilization"].as_f64().unwrap();
            assert!(utilization > 0.0 && utilization <= 1.0, "{name}: {layer}");
            for note in layer["notes"].as_array().unwrap() {
                let note = note.as_str().unwrap();
                assert!(!note.contains("streaming"), "{name}: a fallback: {note}");
            }
        }
    }
    assert!(known.is_empty(), "missing: {known:?}");
}

/// The block of the README, between its fences, that begins with `start`.
fn block<'a>(readme: &'a str, start: &str) -> &'a str {
    let (_, rest) = readme
        .split_once(&format!("```text\n{start}"))
        .unwrap_or_else(|| panic!("no block begins with {start}"));
    let length = rest.find("\n```").unwrap();
    let at = readme.len() - rest.len() - start.len();
    &readme[at..at + start.len() + length]
}

#[test]
fn the_readme_prints_what_the_program_prints() {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let example = "examples/vgg16_eyeriss.dflow";
    let (_, table, _) = dflowc(&["eval", example, "--report"]);
    assert!(
        table.contains(block(&readme, "vgg16 on eyeriss")),
        "{table}"
    );
    let (_, layer, _) = dflowc(&["eval", example, "--layer", "conv1_2"]);
    assert!(layer.contains(block(&readme, "conv1_2: CONV")), "{layer}");
    let mine = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("mine.dflow");
    std::fs::write(&mine, block(&readme, "use std.accelerators.eyeriss;")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .args(["check", "mine.dflow", "--color", "never"])
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains(block(&readme, "[E0402]")), "{message}");
}
