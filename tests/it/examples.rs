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
const TOTALS: [(&str, &[u64]); 24] = [
    ("alexnet", &[714_188_480; 2]),
    // conv1_1 to conv3_1 of VGG16.
    (
        "alwani_vgge",
        &[86_704_128 + 1_849_688_064 + 924_844_032 + 1_849_688_064 + 924_844_032],
    ),
    // Two products of 512 x 512 x 64 for each of 12 heads.
    ("bert_attention_flat", &[2 * 12 * 512 * 512 * 64]),
    ("bert_attention_fused", &[2 * 12 * 512 * 512 * 64]),
    ("bert_base", &[48_318_382_080; 2]),
    ("googlenet", &[1_582_671_872, 1_498_376_192]),
    ("gpt2_small", &[106_300_440_576]),
    // Products per pixel of the pointwise, the depthwise and the last pointwise layer.
    (
        "looptree_fig1",
        &[256 * 4 * 24 + 196 * 24 * 9 + 196 * 24 * 4; 5],
    ),
    (
        "looptree_table1",
        &[
            112 * 112 * (32 * 32 + 32 * 9 + 32 * 16),
            112 * 112 * (32 * 32 + 32 * 9 + 32 * 16),
            112 * 112 * (32 * 32 + 32 * 9 + 32 * 16),
            114 * 114 * 32 * 32 + 112 * 112 * (32 * 9 + 32 * 16),
        ],
    ),
    // 64 * 3 * 9 products for each of 222 * 222 outputs: the figure has no padding.
    ("maestro_fig8", &[64 * 3 * 9 * 222 * 222]),
    // 512 * 512 * 9 for each of 12 * 12.
    ("maestro_fig8_conv11", &[512 * 512 * 9 * 12 * 12]),
    ("mobilenet_v2", &[300_774_272; 2]),
    (
        "mobilenet_v2_bottleneck_fused",
        &[112 * 112 * 16 * 96 + 56 * 56 * (96 * 9 + 96 * 24)],
    ),
    ("mobilenet_v2_fused", &[300_774_272]),
    ("resnet18", &[1_814_073_344; 3]),
    ("resnet50", &[4_089_184_256; 2]),
    ("resnet50_bottleneck_fused", &[4_089_184_256]),
    ("resnet50_edge", &[4_089_184_256; 2]),
    ("squeezenet", &[818_924_576, 349_151_936]),
    // Padded: conv1_1 and conv5_1 of VGG16 five times each.
    ("maestro_table2", &[5 * (86_704_128 + 462_422_016)]),
    // M * N * DEPTH.
    ("systolic", &[22 * 23 * 14; 3]),
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

/// The part of `text` from `start` up to the line before the one that begins with `end`, without blank lines at its end.
fn part<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let from = text.find(start).unwrap_or_else(|| panic!("{text}"));
    let rest = &text[from..];
    let until = rest.find(&format!("\n{end}")).unwrap_or(rest.len());
    rest[..until].trim_end()
}

/// `DFLOW_BLESS=1 cargo test --test it readme` writes the README's blocks anew.
#[test]
fn the_readme_prints_what_the_program_prints() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let known = |start: &str| {
        part(&readme, &format!("```text\n{start}"), "```")["```text\n".len()..].to_owned()
    };
    let example = "examples/vgg16_eyeriss.dflow";
    let (_, table, _) = dflowc(&["eval", example, "--report"]);
    let map = "vgg16 on eyeriss";
    let (_, layer, _) = dflowc(&["eval", example, "--map", map, "--layer", "conv1_2"]);
    let fused = "expand + depthwise + project: pipeline";
    let table1 = [
        "eval",
        "examples/looptree_table1.dflow",
        "--report",
        "--map",
        "bottleneck_rows",
    ];
    let (_, group, _) = dflowc(&table1);
    let mine = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("mine.dflow");
    std::fs::write(&mine, known("use std.accelerators.eyeriss;") + "\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .args(["check", "mine.dflow", "--color", "never"])
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    let mut blessed = readme.clone();
    for (start, actual) in [
        (map, part(&table, map, "no area")),
        ("conv1_2: CONV", part(&layer, "conv1_2: CONV", "  energy ")),
        ("  advice:", part(&layer, "  advice:", "energy figures")),
        (fused, part(&group, fused, "energy figures")),
        ("[E0402]", part(&message, "[E0402]", "1 error")),
    ] {
        blessed = blessed.replace(&known(start), actual);
    }
    if std::env::var_os("DFLOW_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(path, blessed).unwrap();
    } else {
        assert!(blessed == readme, "DFLOW_BLESS=1 writes it anew: {blessed}");
    }
}

/// What the README says is built in, counted: of the networks the five of DeepOpt and the blocks stand apart.
#[test]
fn the_readme_counts_what_is_built_in() {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let count = |folder: &str| {
        dflowc::stdlib::paths()
            .filter(|path| path.contains(folder))
            .count()
    };
    let said = format!(
        "{} networks (and five as DeepOpt has them), the blocks that transformers are made of, {} accelerators, {} files\n  \
         of dataflows and {} technologies are built in",
        count(".networks.") - count(".networks.deepopt_") - 1,
        count(".accelerators."),
        count(".dataflows."),
        count(".technology."),
    );
    assert_eq!(count(".networks.deepopt_"), 5);
    assert!(readme.contains(&said), "{said}");
}

/// The table of what changed, here and in the change log: the old texts under the rules of today, and the machines of today.
/// What was before is in commit c0ef996.
#[test]
fn the_readme_tells_what_changed() {
    let totals = |file: &str| -> Vec<String> {
        let (_, report, _) = dflowc(&["eval", file, "--report", "json"]);
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let evaluations = report["evaluations"].as_array().unwrap();
        let cycles = |evaluation: &serde_json::Value| {
            let digits = evaluation["totals"]["cycles"].as_u64().unwrap().to_string();
            let groups: Vec<&str> = digits
                .as_bytes()
                .rchunks(3)
                .rev()
                .map(|part| std::str::from_utf8(part).unwrap())
                .collect();
            groups.join(",")
        };
        evaluations.iter().map(cycles).collect()
    };
    let old = totals("tests/cases/before.dflow");
    let vgg16 = &totals("examples/vgg16_eyeriss.dflow")[0];
    let stripes = &totals("examples/resnet50.dflow")[1];
    for name in ["README.md", "CHANGELOG.md"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let text = std::fs::read_to_string(path).unwrap();
        let rows = [
            format!("| 290,849,685 | {} | {vgg16} |", old[0]),
            format!("| 6,328,251 | {} | {}", old[1], old[2]),
            stripes.clone(),
        ];
        for row in rows {
            assert!(text.contains(&row), "{name} does not have {row}");
        }
    }
}

/// NLR of MAESTRO's table 2 as printed, at full size. A PE keeps one sum and works on another in every step,
/// and of the PEs of one step no two have the same: so a sum leaves after every product, and comes back for
/// every product but the first of each of 64 * 224 * 224.
#[test]
fn a_sum_passes_for_every_product_of_nlr() {
    let example = "examples/maestro_table2.dflow";
    let (code, report, errors) =
        dflowc(&["eval", example, "--layer", "nlr_conv1", "--report", "json"]);
    assert_eq!(code, Some(0), "{errors}");
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let layers = report["evaluations"][0]["layers"].as_array().unwrap();
    let layer = layers.iter().find(|l| l["name"] == "nlr_conv1").unwrap();
    let boundaries = layer["boundaries"].as_array().unwrap();
    let inner = boundaries
        .iter()
        .find(|b| b["name"] == "GlobalL2 -> LocalL1")
        .unwrap();
    let tensors = inner["tensors"].as_array().unwrap();
    let output = tensors.iter().find(|t| t["tensor"] == "Output").unwrap();
    assert_eq!(output["up"], 86_704_128u64);
    assert_eq!(output["down"], 86_704_128u64 - 64 * 224 * 224);
}

/// MACs of the designs of architects, map by map, by the closed forms of their layers; those of ResNet-18, ResNet-50 and
/// MobileNetV2 are the published ones of `tests/it/stdlib.rs`.
#[test]
fn designs_have_the_macs_of_their_networks() {
    let bert = 384 * (4 * 768 * 768 + 2 * 768 * 3072) + 2 * 384 * 384 * 768;
    // A token through the matrices of a decoder, and scores and context against 4096 keys; tokens that go to two of eight
    // experts, with their router and the weights of what the experts say; products of states with what they give.
    let decoder = 41_943_040 + 3 * 4096 * 14336 + 2 * 4096 * 4096;
    let experts = 2048 * (8 * 4096 + 2 * 3 * 4096 * 14336 + 2 * 4096);
    let designs: [(&str, &[u64]); 9] = [
        ("bert", &[bert; 3]),
        ("compare", &[1_814_073_344; 2]),
        ("flash", &[2 * 32 * 2048 * 2048 * 128]),
        ("gemmini", &[4_089_184_256; 2]),
        // A window of 2 x 2 over 3 x 4; 2 images, 4 kernels of 6 channels, 6 x 6 places of 3 x 3.
        ("maestro_figures", &[2 * 3 * 4, 2 * 4 * 6 * 36 * 9]),
        ("nvdla_like", &[4_089_184_256, 300_774_272]),
        ("simba", &[4_089_184_256, 300_774_272]),
        ("tiny", &[2 * 16 * 64 * 128, 32 * 32 * 49 * 9]),
        ("transformers", &[decoder, experts, 2048 * 5120 * 16]),
    ];
    for (name, totals) in designs {
        let path = format!("examples/designs/{name}.dflow");
        let (code, report, errors) = dflowc(&["eval", &path, "--report", "json"]);
        assert_eq!(code, Some(0), "{name}: {errors}");
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let evaluations = report["evaluations"].as_array().unwrap().iter();
        let macs: Vec<u64> = evaluations
            .map(|evaluation| evaluation["totals"]["macs"].as_u64().unwrap())
            .collect();
        assert_eq!(macs, totals, "{name}");
    }
}
