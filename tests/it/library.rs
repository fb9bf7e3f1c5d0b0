//! The transformers of the library held to the figures of their papers and model cards: parameters, weights of the matrices, and
//! MACs, in a prefill and in a step of decoding.

use crate::stdlib::{evaluate, list};
use serde_json::Value;

const MACHINE: &str =
    "Accelerator a { Memory DRAM { } Array PE { Shape: [64] } Memory RF { } Compute MAC { } }\n";

/// Elements that stay between runs: (weights of the layers, all but the caches).
fn persistent(evaluation: &Value) -> (u64, u64) {
    let elements = |row: &Value| row["elements"].as_u64().unwrap();
    let rows = list(&evaluation["persistent"]);
    let name = |row: &Value| row["tensor"].as_str().unwrap().to_owned();
    let weights = rows.iter().filter(|row| name(row) == "weights");
    let all = rows.iter().filter(|row| !name(row).ends_with("_cache"));
    (weights.map(elements).sum(), all.map(elements).sum())
}

fn map(network: &str) -> String {
    format!("Map std.networks.{network} on a {{ default: std.dataflows.streaming; }}\n")
}

/// Network with arguments; weights of its matrices without the head; weights of the head; all parameters.
///
/// Matrices by the shapes that the papers print. All parameters: 8,030,261,248, 70,553,706,496, 596,049,920 and
/// 46,702,792,704 are the totals of the published checkpoints (without biases, of which they have none); 60,506,624 is
/// that of t5-small.
const PARAMETERS: [(&str, u64, u64, Option<u64>); 8] = [
    (
        "llama3_8b",
        6_979_321_856,
        128_256 * 4_096,
        Some(8_030_261_248),
    ),
    (
        "llama3_70b",
        68_451_041_280,
        128_256 * 8_192,
        Some(70_553_706_496),
    ),
    (
        "qwen3_0_6b",
        440_401_920,
        151_936 * 1_024,
        Some(596_049_920),
    ),
    // The experts are tensors of their own: 32 * 8 * 3 * 4096 * 14336 of the 46,440,382,464.
    (
        "mixtral_8x7b",
        46_440_382_464 - 32 * 8 * 3 * 4_096 * 14_336,
        32_000 * 4_096,
        Some(46_702_792_704),
    ),
    ("gpt3_6_7b", 6_442_450_944, 0, None),
    ("deepseek_mla", 187_105_280, 0, None),
    ("bert_large", 301_989_888, 0, None),
    ("t5_small", 44_040_192, 32_128 * 512, Some(60_506_624)),
];

#[test]
fn transformers_have_the_published_number_of_parameters() {
    let maps: String = PARAMETERS.iter().map(|known| map(known.0)).collect();
    let report = evaluate("parameters.dflow", &format!("{MACHINE}{maps}"));
    for (evaluation, (network, matrices, head, all)) in
        list(&report["evaluations"]).iter().zip(PARAMETERS)
    {
        let (weights, parameters) = persistent(evaluation);
        assert_eq!(weights, matrices + head, "{network}");
        if let Some(all) = all {
            assert_eq!(parameters, all, "{network}");
        }
    }
}

/// What is called persistent where it is: an input, and the result of a layer of a repeat, which 3 times have; and what a
/// block takes, whoever gives it. Elements and bytes are products of the sizes above, of 8 bits each.
#[test]
fn inputs_and_results_that_stay() {
    let part = "Network part {
        Input table { N: 16, C: 8 }
        Persistent table;
        repeat 3 decoder {
            Layer k { Type: FC; Dimensions { N: 16, K: 8, C: 8 } Inputs: table; }
            Persistent k;
            Layer next { Type: FC; Dimensions { N: 16, K: 8, C: 8 } Inputs: k; }
        }
    }\n";
    let whole = "Network whole {
        Layer first { Type: FC; Dimensions { N: 16, K: 8, C: 4 } }
        Block given: part Inputs: first;
        Block own: part Inputs: external;
    }\n";
    let map =
        |network: &str| format!("Map {network} on a {{ default: std.dataflows.streaming; }}\n");
    let text = format!("{MACHINE}{part}{whole}{}{}", map("part"), map("whole"));
    let report = evaluate("stays.dflow", &text);
    let rows = |evaluation: &Value| -> Vec<(String, u64, u64)> {
        let number = |row: &Value, key: &str| row[key].as_u64().unwrap();
        let row = |row: &Value| {
            let name = row["tensor"].as_str().unwrap().to_owned();
            (name, number(row, "elements"), number(row, "bytes"))
        };
        list(&evaluation["persistent"]).iter().map(row).collect()
    };
    let named = |rows: &[(&str, u64)]| -> Vec<(String, u64, u64)> {
        let row = |&(name, elements): &(&str, u64)| (name.to_owned(), elements, elements);
        rows.iter().map(row).collect()
    };
    let (weights, table, keys) = (3 * 2 * 8 * 8, 16 * 8, 3 * 16 * 8);
    let evaluations = list(&report["evaluations"]);
    assert_eq!(
        rows(&evaluations[0]),
        named(&[("weights", weights), ("table", table), ("decoder.k", keys)])
    );
    assert_eq!(
        rows(&evaluations[1]),
        named(&[
            ("weights", 8 * 4 + 2 * weights),
            ("own.table", table),
            ("first", 16 * 8),
            ("given.decoder.k", keys),
            ("own.decoder.k", keys),
        ])
    );
}

/// Parameters do not depend on how many tokens there are.
#[test]
fn a_step_of_decoding_has_the_same_parameters() {
    let steps = [
        "llama3_8b(B = 32, S = 1, L = 4096)",
        "llama3_70b(S = 1, L = 4096)",
        "qwen3_0_6b(S = 1, L = 4096)",
        "mixtral_8x7b(S = 1, L = 4096)",
        "gpt3_6_7b(S = 1, L = 4096)",
        "deepseek_mla(S = 1, L = 4096)",
    ];
    let maps: String = steps.iter().copied().map(map).collect();
    let report = evaluate("steps.dflow", &format!("{MACHINE}{maps}"));
    for (evaluation, step) in list(&report["evaluations"]).iter().zip(steps) {
        let known = PARAMETERS.iter().find(|known| step.starts_with(known.0));
        let (network, matrices, head, all) = known.unwrap();
        let (weights, parameters) = persistent(evaluation);
        assert_eq!(weights, matrices + head, "{network}");
        assert_eq!(parameters, all.unwrap_or(parameters), "{network}");
    }
    // A token of one sequence goes to 2 of 8 experts: the others are not read.
    let mixtral = &list(&report["evaluations"])[3];
    let gate = list(&mixtral["layers"])
        .iter()
        .find(|layer| layer["name"] == "decoder.mlp.gate");
    let read = list(&gate.unwrap()["levels"][0]["tensors"])
        .iter()
        .find(|t| t["tensor"] == "Weight");
    assert_eq!(read.unwrap()["reads"], 2 * 4_096 * 14_336);
}

/// L (4 S d^2 + 2 S^2 d + 2 S d ff), as the papers on their cost count: a published total each (GPT-3 6.7B at S = 2048, BERT-large
/// at S = 384).
#[test]
fn transformers_have_the_published_macs() {
    let maps = [
        map("gpt3_6_7b"),
        map("bert_large"),
        map("bert_large(B = 3)").replace(" {", " as three {"),
    ]
    .concat();
    let report = evaluate("macs.dflow", &format!("{MACHINE}{maps}"));
    let macs: Vec<u64> = list(&report["evaluations"])
        .iter()
        .map(|evaluation| evaluation["totals"]["macs"].as_u64().unwrap())
        .collect();
    assert_eq!(
        macs,
        [14_293_651_161_088, 123_211_874_304, 3 * 123_211_874_304]
    );
}

/// One file, one network, one accelerator: every step of decoding and the prefill go through the same weights, 8 bits each.
#[test]
fn serving_reads_the_matrices_once_a_step() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/serving/llama3_8b.dflow"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let report = evaluate("serving.dflow", &text);
    let evaluations = list(&report["evaluations"]);
    assert_eq!(evaluations.len(), 10);
    for evaluation in evaluations {
        let name = evaluation["map"].as_str().unwrap();
        let rows = list(&evaluation["persistent"]);
        assert_eq!(rows[0]["tensor"], "weights", "{name}");
        assert_eq!(rows[0]["bytes"], 6_979_321_856u64 + 525_336_576, "{name}");
        // Weights of a step come from DRAM once; where there are more than 1024 rows, twice.
        let read: u64 = list(&evaluation["layers"])
            .iter()
            .filter(|layer| layer["type"] == "GEMM" && layer["name"] != "head")
            .map(|layer| {
                let tensors = list(&layer["levels"][0]["tensors"]);
                let weight = tensors.iter().find(|tensor| tensor["tensor"] == "Weight");
                let reads = weight.unwrap()["reads"].as_u64().unwrap();
                reads * layer["repeat"].as_u64().unwrap_or(1)
            })
            .sum();
        let times = if name.starts_with("prefill") { 2 } else { 1 };
        assert_eq!(read, times * 6_979_321_856, "{name}");
    }
}
