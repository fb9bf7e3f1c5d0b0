//! `dflowc search` by the model `dmazerunner`, and over the parameters of a dataflow.

use crate::cli::{dflowc, stderr, stdout};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const EXAMPLE: &str = "examples/search/dmazerunner.dflow";

/// A folder of its own for one test.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("methods_{name}"));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn program(name: &str, source: &str) -> String {
    let path = folder(name).join("design.dflow");
    fs::write(&path, source).unwrap();
    path.display().to_string()
}

fn report(arguments: &[&str]) -> Value {
    let output = dflowc(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The layers of one search of a report.
fn layers<'a>(report: &'a Value, name: &str) -> Vec<&'a Value> {
    let all = report["searches"].as_array().unwrap();
    all.iter().filter(|one| one["name"] == name).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// Valid, explored, least EDP, its energy and cycles, least energy, least cycles.
type Row = (u64, u64, &'static str, [u64; 2], u64, u64);

/// Table 1 of the paper (the tool counts its column "valid" exactly) and the tool's three optima under utilization
/// 0.8 / 0.8 / 0.5 with both prunings: valid, explored, least EDP to seven digits with its energy and cycles, least
/// energy, least cycles.
const TABLE: [Row; 6] = [
    (
        124_179_787,
        46_812,
        "1.928213e16",
        [3_087_772_840, 6_244_672],
        2_996_214_184,
        6_121_472,
    ),
    (
        1_160_980_152,
        122_092,
        "7.196508e15",
        [2_623_919_473, 2_742_656],
        2_502_735_729,
        2_727_424,
    ),
    (
        624_640_793,
        53_690,
        "5.729089e15",
        [2_519_051_633, 2_274_304],
        2_450_369_905,
        2_244_320,
    ),
    (
        180_283_650,
        10_938,
        "5.022050e15",
        [2_489_791_857, 2_017_056],
        2_421_110_129,
        2_017_056,
    ),
    (
        14_295_643,
        877,
        "8.048775e15",
        [1_754_542_776, 4_587_392],
        1_469_657_784,
        4_198_784,
    ),
    (
        17_545_176,
        753,
        "6.844957e15",
        [2_784_205_169, 2_458_496],
        2_592_991_601,
        2_457_488,
    ),
];

#[test]
fn the_example_has_the_papers_figures() {
    let report = report(&["search", EXAMPLE, "--format", "json"]);
    let best = |name: &str, at: usize| number(&layers(&report, name)[at]["best"]["values"][0]);
    for (at, (valid, explored, edp, least, energy, cycles)) in TABLE.into_iter().enumerate() {
        let own = layers(&report, "table_1")[at];
        assert_eq!(own["candidates"], explored.to_string());
        assert_eq!(layers(&report, "all")[at]["candidates"], valid.to_string());
        assert_eq!(format!("{:.6e}", best("table_1", at)), edp);
        let found = (&own["best"]["energy_pj"], &own["best"]["cycles"]);
        assert_eq!(
            (number(found.0) as u64, found.1.as_u64()),
            (least[0], Some(least[1]))
        );
        assert_eq!(best("table_1_energy", at) as u64, energy);
        assert_eq!(best("table_1_cycles", at) as u64, cycles);
        assert!(best("all", at) <= best("table_1", at));
    }
    // Exhaustive runs of an independent program over all valid tilings of three of the layers.
    assert_eq!(format!("{:.4e}", best("all", 3)), "4.9078e15");
    assert_eq!(format!("{:.4e}", best("all", 4)), "7.9080e15");
    assert_eq!(format!("{:.4e}", best("all", 5)), "6.8450e15");
    assert_eq!(best("all_energy", 3) as u64, 2_421_110_129);
    assert_eq!(best("all_energy", 4) as u64, 1_469_657_784);
    assert_eq!(best("all_energy", 5) as u64, 2_581_195_121);
    for one in report["searches"].as_array().unwrap() {
        assert_eq!((&one["proved"], &one["gap"]), (&json!(true), &json!(0.0)));
        let mut parts = one["evaluated"].as_u64().unwrap();
        for (_, count) in one["pruned"].as_object().unwrap() {
            parts += count.as_str().unwrap().parse::<u64>().unwrap();
        }
        assert_eq!(one["candidates"], parts.to_string());
    }
    // AlexNet under the tool's rule for thresholds: 10,124 methods, and the sum of the least EDPs.
    let adaptive = layers(&report, "adaptive");
    let methods = [162, 1809, 136, 394, 271, 4991, 923, 1438];
    for (layer, methods) in adaptive.iter().zip(methods) {
        assert_eq!(layer["candidates"], methods.to_string());
    }
    assert_eq!(methods.iter().sum::<u64>(), 10_124);
    let sum: f64 = adaptive
        .iter()
        .map(|one| number(&one["best"]["values"][0]))
        .sum();
    assert_eq!(format!("{sum:.4e}"), "3.8885e17");
    assert!(
        adaptive[5]["space"]
            .as_str()
            .unwrap()
            .contains("utilization >= 0.2, utilization(RF) >= 0.2, utilization(SPM) >= 0.1")
    );
}

/// The README of the examples has what this one prints.
#[test]
fn the_example_prints_what_its_readme_says() {
    let readme = fs::read_to_string("examples/search/README.md").unwrap();
    for name in ["table_1", "adaptive"] {
        let output = dflowc(&["search", EXAMPLE, "--search", name]);
        let printed: String = stdout(&output)
            .lines()
            .map(|line| match line {
                "" => "\n".to_owned(),
                _ => format!("    {line}\n"),
            })
            .collect();
        assert!(readme.contains(&printed), "{printed}");
    }
}

/// What is found evaluates to the same under the model, as a dataflow of the program; and its certificate holds until a
/// count, a bound or a class is altered.
#[test]
fn what_is_found_is_a_dataflow_and_is_proved() {
    let source = "
        use std.accelerators.dmaze256;
        Network net unwired {
          Layer conv {
            Type: CONV; Dimensions { N: 1, K: 8, C: 4, Y: 6, X: 6, R: 3, S: 3 } Padding { Y: 1, X: 1 }
          }
          Layer same {
            Type: CONV; Dimensions { N: 1, K: 8, C: 4, Y: 6, X: 6, R: 3, S: 3 } Padding { Y: 1, X: 1 }
          }
          Layer product { Type: GEMM; Dimensions { M: 6, N: 64, K: 32 } }
        }
        Search best { network: net; on: dmaze256; model: dmazerunner; minimize: edp; }";
    let file = program("emitted", source);
    let beside = |name: &str| {
        let path = Path::new(&file).with_file_name(name);
        path.display().to_string()
    };
    let (emitted, proof) = (beside("found.dflow"), beside("proof.json"));
    let found = report(&[
        "search",
        &file,
        "--format",
        "json",
        "--emit",
        &emitted,
        "--certificate",
        &proof,
    ]);
    let searches = found["searches"].as_array().unwrap();
    assert_eq!(searches.len(), 2, "equal layers are searched once");
    let evaluated = report(&[
        "eval",
        &emitted,
        "--model",
        "dmazerunner",
        "--report",
        "json",
    ]);
    let evaluated = evaluated["evaluations"][0]["layers"].as_array().unwrap();
    for (search, layer) in searches.iter().zip([0, 2]) {
        let layer = &evaluated[layer];
        assert_eq!(layer["name"], search["layer"]);
        assert_eq!(layer["cycles"], search["best"]["cycles"]);
        let energy = number(&layer["energy_pj"]["total"]).round_ties_even();
        assert_eq!(energy, number(&search["best"]["energy_pj"]));
    }
    let holds = dflowc(&["verify", &proof]);
    assert_eq!(holds.status.code(), Some(0), "{}", stdout(&holds));
    assert!(
        stdout(&holds).contains("the certificate holds: 2 of 2"),
        "{}",
        stdout(&holds)
    );
    let honest: Value = serde_json::from_str(&fs::read_to_string(&proof).unwrap()).unwrap();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut altered = honest.clone();
        change(&mut altered["methods"][0]);
        assert_ne!(altered, honest);
        fs::write(&proof, altered.to_string()).unwrap();
        let output = dflowc(&["verify", &proof]);
        assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
        assert!(stdout(&output).contains("refused:"), "{}", stdout(&output));
    };
    refused(&|one| one["candidates"] = 1.into());
    refused(&|one| one["covered"]["evaluated"] = 0.into());
    refused(&|one| one["covered"]["closed"] = 0.into());
    refused(&|one| one["closed"][3]["tilings"] = 1_000_000_007.into());
    refused(&|one| one["closed"][3]["bound"]["value"] = "1".into());
    refused(&|one| one["closed"][3]["bound"]["cycles"] = 1.into());
    refused(&|one| {
        one["closed"].as_array_mut().unwrap().pop();
    });
    refused(&|one| {
        let first = one["closed"][0].clone();
        one["closed"][1] = first;
    });
    refused(&|one| {
        one["open"].as_array_mut().unwrap().pop();
    });
    refused(&|one| one["best"]["cycles"] = 1.into());
    refused(&|one| one["best"]["score"]["value"] = "1".into());
    refused(&|one| one["best"]["dataflow"] = "{ }".into());
    refused(&|one| one["lower_bound"]["value"] = "1".into());
    refused(&|one| one["gap"] = 0.5.into());
    refused(&|one| one["limits"]["rf"] = 800.into());
    refused(&|one| one["objective"][0] = "energy".into());
}

/// The certificates of the paper's table and of the adaptive rule hold as they are written, with every digit of their figures.
#[test]
fn certificates_of_the_example_hold() {
    for (search, answers) in [("table_1", "6 of 6"), ("adaptive", "8 of 8")] {
        let proof = folder(search).join("proof.json").display().to_string();
        let output = dflowc(&[
            "search",
            EXAMPLE,
            "--search",
            search,
            "--certificate",
            &proof,
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let holds = dflowc(&["verify", &proof]);
        assert_eq!(holds.status.code(), Some(0), "{}", stdout(&holds));
        let verdict = format!("the certificate holds: {answers}");
        assert!(stdout(&holds).contains(&verdict), "{}", stdout(&holds));
    }
}

/// 7 x 3 x 4 x 4 x 3 x 3 has no divisor 256, only 252. The layer is named in what is written, and the model does not
/// tell its user to mend the loops of streaming, which nobody wrote.
#[test]
fn a_layer_without_an_answer_is_named_in_the_program() {
    let source = "
        use std.accelerators.dmaze256;
        Network two unwired {
          Layer wide { Type: CONV; Dimensions { K: 256, C: 16, Y: 6, X: 6, R: 3, S: 3 } }
          Layer thin { Type: CONV; Dimensions { K: 7, C: 3, Y: 6, X: 6, R: 3, S: 3 } }
        }
        Search s {
          network: two; on: dmaze256; model: dmazerunner; where { utilization(PE) >= 1.0; } minimize: edp;
        }";
    let file = program("without", source);
    let emitted = Path::new(&file).with_file_name("found.dflow");
    let path = emitted.display().to_string();
    let output = dflowc(&["search", &file, "--emit", &path]);
    let reason = "thin: nothing reaches utilization >= 1";
    assert!(stdout(&output).contains(reason), "{}", stdout(&output));
    let text = fs::read_to_string(&emitted).unwrap();
    assert!(text.contains(&format!("\n  // {reason}")), "{text}");
    let refused = dflowc(&["eval", &path, "--model", "dmazerunner"]);
    assert_eq!(refused.status.code(), Some(1));
    let message = stderr(&refused);
    for part in [
        "E0613",
        "no dataflow is given: mapped by std.dataflows.streaming",
        "give the layer a dataflow",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

/// With a second, and with no time at all, there is a gap, and what a search to its end finds lies in it.
#[test]
fn a_budget_leaves_a_true_gap() {
    let proof = folder("budget").join("proof.json").display().to_string();
    let run = |budget: &str, more: &[&str]| {
        let head = [
            "search", EXAMPLE, "--search", "all", "--format", "json", "--budget", budget,
        ];
        report(&[&head, more].concat())
    };
    let (short, long) = (run("1s", &[]), run("600s", &[]));
    let none = run("0s", &["--certificate", &proof]);
    for (at, exact) in layers(&long, "all").iter().enumerate() {
        let best = number(&exact["best"]["values"][0]);
        assert_eq!(exact["proved"], true);
        for hurried in [layers(&short, "all")[at], layers(&none, "all")[at]] {
            if let Some(found) = hurried["best"]["values"][0].as_f64() {
                let gap = number(&hurried["gap"]);
                assert!(found >= best && found * (1.0 - gap) <= best * (1.0 + 1e-12));
            } else {
                assert_eq!(hurried["proved"], false);
            }
        }
    }
}

/// What admits nothing is named, with the least that would admit something.
#[test]
fn an_empty_space_says_what_excludes_all() {
    let says = |name: &str, (pes, rf, spm): (u64, &str, &str), more: &str, words: &str| {
        let source = format!(
            "Accelerator small {{
               Precision: INT16;
               Memory DRAM {{ Bandwidth: 4B/cycle }}
               Memory SPM {{ Size: {spm}; DoubleBuffered }}
               Array PE {{ Shape: [{pes}]; NoC {{ Bandwidth: 2B/cycle; PerTensor }} }}
               Memory RF {{ Size: {rf}; DoubleBuffered }}
               Compute MAC {{ }}
             }}
             Network net unwired {{ Layer product {{ Type: GEMM; Dimensions {{ M: 4, N: 8, K: 8 }} }} }}
             Search none {{ layer: net.product; on: small; model: dmazerunner; minimize: cycles; {more} }}"
        );
        let output = dflowc(&["search", &program(name, &source)]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stdout(&output).contains(words), "{}", stdout(&output));
    };
    // An element of two bytes of each of three tensors, twice.
    let none = "nothing fits into RF (it has 8 B): the smallest tiles need 12 B";
    says("rf", (4, "8B", "1KiB"), "", none);
    let none = "nothing fits into SPM (it has 8 B): the smallest tiles need 12 B";
    says("spm", (4, "64B", "8B"), "", none);
    // 64 of 100 PEs: 4 * 8 * 8 operations have divisors 64 and 128.
    let where_ = "where { utilization >= 0.65; }";
    let none = "nothing reaches utilization >= 0.65: the most is 0.64";
    says("pes", (100, "64B", "1KiB"), where_, none);
}

#[test]
fn what_the_optimizer_does_not_know_is_refused() {
    let refused = |name: &str, body: &str, code: &str| {
        let source = format!(
            "use std.accelerators.{{dmaze256, eyeriss}};
             Network net unwired {{ Layer product {{ Type: GEMM; Dimensions {{ M: 4, N: 8, K: 8 }} }} }}
             Search one {{ layer: net.product; {body} }}"
        );
        let output = dflowc(&["check", &program(name, &source)]);
        assert_eq!(output.status.code(), Some(1), "{body}");
        assert!(
            stderr(&output).contains(code),
            "{body}: {}",
            stderr(&output)
        );
    };
    let on = "on: dmaze256; model: dmazerunner;";
    refused("figure", &format!("{on} minimize: traffic(DRAM);"), "E0601");
    refused(
        "pareto",
        &format!("{on} minimize: pareto(energy, cycles);"),
        "E0601",
    );
    refused(
        "limit",
        &format!("{on} minimize: edp; where {{ energy <= 2mJ; }}"),
        "E0601",
    );
    refused(
        "dram",
        &format!("{on} minimize: edp; where {{ utilization(DRAM) >= 0.5; }}"),
        "E0601",
    );
    refused(
        "fine",
        &format!("{on} minimize: edp; where {{ utilization >= 0.8005; }}"),
        "E0601",
    );
    refused(
        "random",
        &format!("{on} minimize: edp; strategy: random(10);"),
        "E0601",
    );
    refused(
        "loops",
        &format!("{on} minimize: edp; space {{ tiles: imperfect; }}"),
        "E0601",
    );
    refused(
        "rule",
        &format!("{on} minimize: edp; strategy: adaptive; where {{ utilization >= 0.8; }}"),
        "E0601",
    );
    refused(
        "key",
        &format!("{on} minimize: edp; space dmazerunner {{ filters: whole; }}"),
        "E0201",
    );
    refused(
        "value",
        &format!("{on} minimize: edp; space dmazerunner {{ filter: hole; }}"),
        "E0201",
    );
    refused(
        "hardware",
        "on: eyeriss; model: dmazerunner; minimize: edp;",
        "E06",
    );
    refused(
        "exact",
        "on: dmaze256; minimize: edp; space dmazerunner;",
        "E0601",
    );
    refused(
        "filled",
        "on: dmaze256; minimize: edp; where { utilization(RF) >= 0.5; }",
        "E0601",
    );
}

/// A block of m x n results stays in 48 bytes while k runs: m n + m + n <= 48, and of all m and n up to 8 the least traffic is
/// that of 4 x 8: 128 + 64 + 64 bytes. Of three values of each the 18 combinations are tried, those above 48 bytes not counted.
#[test]
fn parameters_of_a_dataflow_are_a_space() {
    let source = "
        Network net unwired { Layer product { Type: GEMM; Dimensions { M: 8, N: 8, K: 8 } } }
        Accelerator one(size = 48B) { Memory DRAM { } Memory Buf { Size: size } Compute MAC { } }
        Dataflow blocks(m, n, k = 1) { tile M by m; tile N by n; tile K by k; }
        Search best { layer: net.product; on: one; minimize: traffic(DRAM); space blocks { m: 1..8; n: powers(2, 1, 8); } }
        Search none { layer: net.product; on: one(size = 2B); minimize: traffic(DRAM); space blocks { m: {1, 2}; n: 2; } }
        Search front { layer: net.product; on: one(size = 1KiB); minimize: pareto(capacity(Buf), traffic(DRAM)); space blocks { m: 1..8; n: 1..8; k: 1..2; } }";
    let file = program("parameters", source);
    let beside = |name: &str| {
        let path = Path::new(&file).with_file_name(name);
        path.display().to_string()
    };
    let (emitted, proof) = (beside("found.dflow"), beside("proof.json"));
    let found = report(&[
        "search",
        &file,
        "--search",
        "best",
        "--format",
        "json",
        "--emit",
        &emitted,
        "--certificate",
        &proof,
    ]);
    let best = &found["searches"][0];
    assert_eq!(best["candidates"], "32");
    // m n + m + n <= 48: all but 8 x 8, 8 x 7, 8 x 6 and 8 x 5 rows of m by n = 1, 2, 4, 8.
    let fit = (1..=8).flat_map(|m| [1, 2, 4, 8].map(|n| m * n + m + n <= 48));
    assert_eq!(best["evaluated"], fit.filter(|fits| *fits).count());
    assert_eq!(best["best"]["values"], json!([128.0 + 64.0 + 64.0]));
    assert_eq!(best["proved"], true);
    let evaluated = report(&["eval", &emitted, "--report", "json"]);
    assert_eq!(
        evaluated["evaluations"][0]["layers"][0]["cycles"],
        best["best"]["cycles"]
    );
    let holds = dflowc(&["verify", &proof]);
    assert_eq!(holds.status.code(), Some(0), "{}", stdout(&holds));
    let mut altered: Value = serde_json::from_str(&fs::read_to_string(&proof).unwrap()).unwrap();
    altered["parameters"][0]["covered"]["capacity"] = 0.into();
    fs::write(&proof, altered.to_string()).unwrap();
    assert_eq!(dflowc(&["verify", &proof]).status.code(), Some(1));
    let output = dflowc(&["search", &file, "--search", "none"]);
    assert_eq!(output.status.code(), Some(1));
    // 1 x 2 results, one operand and two of the other.
    assert!(
        stdout(&output).contains("with the smallest tiles Buf needs 5 B"),
        "{}",
        stdout(&output)
    );
    let front = report(&["search", &file, "--search", "front", "--format", "json"]);
    let points = front["searches"][0]["front"].as_array().unwrap();
    assert_eq!(points[0]["values"][0], json!(3.0));
    assert_eq!(points[points.len() - 1]["values"][1], json!(3.0 * 64.0));
}

/// What a search finds on every design of an exploration is what it finds there by itself, by any model.
#[test]
fn explorations_run_searches_on_every_design() {
    let source = "
        use std.accelerators.dmaze256;
        Network net unwired { Layer product { Type: GEMM; Dimensions { M: 8, N: 16, K: 8 } } }
        Accelerator one(size = 48B) { Memory DRAM { Bandwidth: 1B/cycle } Memory Buf { Size: size; Overlap } Compute MAC { } }
        Search loops { layer: net.product; on: one; minimize: cycles; }
        Search small { layer: net.product; on: one(size = 12B); minimize: cycles; }
        Search large { layer: net.product; on: one(size = 96B); minimize: cycles; }
        Explore sizes { network: net; on: one; search: loops; vary size: {2B, 12B, 96B}; each: size; minimize: cycles; }
        Search methods { layer: net.product; on: dmaze256; model: dmazerunner; minimize: edp; }
        Search few { layer: net.product; on: dmaze256(pes = 64); model: dmazerunner; minimize: edp; }
        Explore pes { network: net; on: dmaze256(pes = n); search: methods; vary n: {64, 256}; each: n; minimize: edp; }";
    let file = program("explored", source);
    let searched = report(&["search", &file, "--format", "json"]);
    let explored = report(&["explore", &file, "--format", "json"]);
    let found = |name: &str| number(&layers(&searched, name)[0]["best"]["values"][0]);
    let all = explored["explorations"].as_array().unwrap();
    let values = |name: &str| {
        let one = all.iter().find(|one| one["name"] == name).unwrap();
        let each = one["each"].as_array().unwrap().iter();
        each.map(|design| number(&design["values"][0]))
            .collect::<Vec<f64>>()
    };
    assert_eq!(values("sizes"), [found("small"), found("large")]);
    assert_eq!(values("pes"), [found("few"), found("methods")]);
    // Two bytes are none of the three that a schedule needs.
    let sizes = all.iter().find(|one| one["name"] == "sizes").unwrap();
    assert_eq!(
        (&sizes["evaluated"], &sizes["unfit"]),
        (&json!(3), &json!(1))
    );
}

/// The least bytes of a product of 4096^3 bytes behind seven buffers: with pieces of any size as the peers' published mapper
/// states them, with pieces that divide those of the best block of m x n results beside a column and a row. `eval` of the
/// emitted maps moves as many bytes, and what it needs fits.
#[test]
fn the_products_are_those_of_the_peers() {
    let folder = folder("products");
    let emitted = folder.join("found.dflow").display().to_string();
    let file = "examples/search/gemm_4096.dflow";
    let perfect = |bytes: u64| {
        let sizes = || (0..=12).map(|bits| 1u64 << bits);
        let blocks = sizes().flat_map(|m| sizes().map(move |n| (m, n)));
        let fit = blocks.filter(|(m, n)| m * n + m + n <= bytes);
        fit.map(|(m, n)| 4096 * 4096 * (4096 / m + 4096 / n + 1))
            .min()
    };
    let found = report(&["search", file, "--format", "json", "--emit", &emitted]);
    let evaluated = report(&["eval", &emitted, "--report", "json"]);
    let maps = evaluated["evaluations"].as_array().unwrap();
    for (kib, least) in [
        (32, 788_529_152u64),
        (64, 570_425_344),
        (128, 402_653_184),
        (256, 301_989_888),
        (512, 218_103_808),
        (1024, 167_772_160),
        (4096, 100_663_296),
    ] {
        let imperfect = match kib {
            1024.. => format!("mib_{}", kib / 1024),
            _ => format!("kib_{kib}"),
        };
        let divided = perfect(kib << 10).unwrap();
        for (name, least) in [(imperfect, least), (format!("perfect_{kib}"), divided)] {
            let search = layers(&found, &name)[0];
            assert_eq!(search["best"]["values"], json!([least as f64]), "{name}");
            assert_eq!(search["proved"], true, "{name}");
            let (bytes, moved) = counted(maps, &name);
            assert!(bytes <= kib << 10, "{name}");
            assert_eq!(moved, least, "{name}");
        }
    }
    assert_eq!(perfect(64 << 10), Some(822_083_584));
    for (name, points, proved) in [("front", 415, false), ("perfect_front", 36, true)] {
        let search = layers(&found, name)[0];
        let front = search["front"].as_array().unwrap();
        assert_eq!((front.len(), &search["proved"]), (points, &json!(proved)));
        let ends = [&front[0]["values"], &front[points - 1]["values"]];
        let known = [
            json!([3.0, 137_455_730_688.0]),
            json!([16_781_313.0, 50_331_648.0]),
        ];
        assert_eq!(ends, [&known[0], &known[1]], "{name}");
        for (at, point) in front.iter().enumerate() {
            let name = format!("{name}_{}", at + 1);
            let (bytes, moved) = counted(maps, &name);
            assert_eq!(
                point["values"],
                json!([bytes as f64, moved as f64]),
                "{name}"
            );
        }
    }
}

/// Bytes that the buffer of a map needs, and bytes from and to the DRAM.
fn counted(maps: &[Value], name: &str) -> (u64, u64) {
    let map = maps.iter().find(|map| map["map"] == *name).unwrap();
    let layer = &map["layers"][0];
    let list = |list: &str| layer[list].as_array().unwrap().iter();
    // One per place of tiles.
    let boundaries = list("boundaries");
    let first = boundaries.filter(|one| one["name"].as_str().unwrap().starts_with("DRAM -> Buf"));
    let bytes = |one: &Value, way: &str| one[way].as_u64().unwrap();
    let moved = first.map(|one| bytes(one, "down_bytes") + bytes(one, "up_bytes"));
    let buffer = list("levels").find(|one| one["memory"] == "Buf").unwrap();
    (bytes(buffer, "required_bytes"), moved.sum())
}

/// The peers' mapper finds 3.34746e-7 J s for this product; a picojoule times a cycle of a nanosecond is 1e-21 J s.
#[test]
fn the_array_like_nvdlas_beats_the_peers() {
    let file = "examples/search/gemm_1024.dflow";
    let found = report(&["search", file, "--format", "json", "--budget", "20s"]);
    let best = &found["searches"][0];
    assert!(
        number(&best["best"]["values"][0]) * 1e-21 <= 3.15e-7,
        "{best}"
    );
    assert!(number(&best["lower_bound"]) <= number(&best["best"]["values"][0]));
}
