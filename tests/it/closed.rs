//! The models of closed forms, as users meet them: `--model dmazerunner` and `--model deepopt`.
//!
//! Sources: section 4.2 of the dMazeRunner paper and its public tool; `tests/deepopt/config_a.csv`, which the authors'
//! program of DeepOpt wrote.

use crate::cli::{dflowc, stderr, stdout};
use dflowc::diag::Diagnostics;
use dflowc::driver::{MemoryFiles, Session};
use dflowc::evaluate::{Cache, Request, Selection, Until, run};
use dflowc::lower::Options;
use dflowc::models;
use dflowc::report::LayerReport;
use serde_json::Value;

fn eval(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = dflowc(&[&["eval"], arguments].concat());
    (output.status.code(), stdout(&output), stderr(&output))
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs()
}

const CONV5_2: &str = "examples/dmazerunner/conv5_2.dflow";

/// Cycles, energy and EDP are the paper's; the five-way split is the tool's.
#[test]
fn the_papers_method_has_the_papers_figures() {
    let (code, text, errors) = eval(&[CONV5_2, "--model", "dmazerunner"]);
    assert_eq!(code, Some(0), "{errors}");
    for figure in ["2,459,648", "2,908,068,209", "7.1528e15", "3,644"] {
        assert!(text.contains(figure), "{figure} is not in\n{text}");
    }
    let (_, json, _) = eval(&[CONV5_2, "--model", "dmazerunner", "--report", "json"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    let layer = &report["evaluations"][0]["layers"][0];
    assert_eq!(layer["cycles"], 2_459_648);
    let energy = |keys: &[&str]| -> f64 {
        let parts = keys
            .iter()
            .map(|key| layer["energy_pj"][*key].as_f64().unwrap());
        parts.sum::<f64>() / 1e6
    };
    // In uJ, to the printed digits.
    for (keys, published) in [
        (&["mac"][..], 34.68),
        (&["RF.read", "RF.write"], 1775.70),
        (&["noc"], 289.21),
        (&["SPM.read", "SPM.write"], 51.12),
        (&["DRAM.read", "DRAM.write"], 757.35),
    ] {
        assert!(
            (energy(keys) - published).abs() < 0.005,
            "{keys:?}: {}",
            energy(keys)
        );
    }
    assert_eq!(
        energy(&["total"]).mul_add(1e6, 0.0).round_ties_even(),
        2_908_068_209.0
    );
}

/// Beside `exact` every count that it has otherwise is named with a reason, and no other.
#[test]
fn all_models_say_why_they_differ() {
    let (code, json, errors) = eval(&[CONV5_2, "--model", "all", "--report", "json"]);
    assert_eq!(code, Some(0), "{errors}");
    let report: Value = serde_json::from_str(&json).unwrap();
    let evaluations = report["evaluations"].as_array().unwrap();
    let names: Vec<&str> = evaluations
        .iter()
        .map(|one| one["model"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["exact", "maestro", "dmazerunner"]);
    let layer = |at: usize| &evaluations[at]["layers"][0];
    let differences = layer(2)["differences"].as_array().unwrap();
    let of = |quantity: &str| {
        let found = differences.iter().find(|one| one["quantity"] == quantity);
        found.unwrap_or_else(|| panic!("{quantity}: {differences:#?}"))
    };
    let cycles = of("cycles");
    assert_eq!(cycles["value"], 2_459_648);
    assert_eq!(cycles["exact"], layer(0)["cycles"]);
    // The padded image of 9 x 9 once for each of 8 rounds of filters; without zeros 7 x 7.
    let input = of("DRAM reads of Input");
    assert_eq!(input["value"], 8 * 4 * 512 * 81);
    assert_eq!(input["exact"], 8 * 4 * 512 * 49);
    assert_eq!(input["reasons"][0], "zeros of the padding count as data");
    for one in differences {
        assert_ne!(one["value"], one["exact"], "{one}");
        assert!(!one["reasons"].as_array().unwrap().is_empty(), "{one}");
    }
    // Weights are the same in both: 512 * 512 * 9, once.
    assert!(
        differences
            .iter()
            .all(|one| one["quantity"] != "DRAM reads of Weight")
    );
    assert!(layer(0).get("differences").is_none());
}

/// The report of one layer under one schedule; `None` where the model does not apply.
fn deepopt(network: &str, schedule: &str) -> Vec<Option<LayerReport>> {
    let text = format!(
        "use std.accelerators.systolic;
         use std.networks.deepopt_{network};
         use std.dataflows.deepopt.{schedule};
         Map deepopt_{network} on systolic {{ default: {schedule}; }}"
    );
    let compiled = Session::new(MemoryFiles::new().with("f.dflow", &text)).load("f.dflow");
    let messages: Vec<_> = compiled.diagnostics.iter().collect();
    assert!(messages.is_empty(), "{messages:#?}");
    let layers = compiled.program.maps[0].assignments.len();
    let model = models::by_name("deepopt").unwrap();
    let one = |layer: usize| {
        let request = Request {
            selection: &Selection {
                maps: vec![(0, vec![layer])],
            },
            models: &[model],
            until: Until::Evaluated,
            options: Options::default(),
            warnings: false,
        };
        let mut sink = Diagnostics::new();
        let mut evaluations = run(&compiled, &request, &mut Cache::default(), &mut sink);
        let codes: Vec<_> = sink.iter().map(|found| found.code.as_str()).collect();
        let report = evaluations
            .pop()
            .map(|mut evaluation| evaluation.layers.remove(0));
        assert_eq!(
            codes,
            if report.is_none() {
                vec!["E0614"]
            } else {
                vec![]
            }
        );
        report
    };
    (0..layers).map(one).collect()
}

/// Counts and cycles of one run exactly (fractions of ratios to 1e-9), energies of all runs to 1e-9.
#[test]
fn every_layer_has_the_figures_of_the_authors_program() {
    let table = include_str!("../deepopt/config_a.csv");
    let mut lines = table.lines().filter(|line| !line.starts_with('#'));
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let (mut evaluated, mut refused) = (0, 0);
    for (network, own) in [
        ("alexnet", "alexnet"),
        ("vgg16", "vgg16"),
        ("googlenet", "googlenet_v1"),
    ] {
        for schedule in models::by_name("deepopt").unwrap().schedules() {
            let rows = rows
                .iter()
                .filter(|row| row[0] == own && row[2] == *schedule);
            let reports = deepopt(network, schedule);
            assert_eq!(reports.len(), rows.clone().count(), "{network} {schedule}");
            for (row, report) in rows.zip(reports) {
                let cell = |name: &str| {
                    let at = head.iter().position(|known| *known == name).unwrap();
                    row[at].parse::<f64>().ok()
                };
                let case = format!("{row:?}");
                let Some(report) = report else {
                    assert!(cell("delay").is_none(), "{case}");
                    refused += 1;
                    continue;
                };
                evaluated += 1;
                let runs = cell("delay").unwrap()
                    / ["compute", "stall", "write"]
                        .map(|name| cell(name).unwrap())
                        .iter()
                        .sum::<f64>();
                for name in ["compute", "stall", "write"] {
                    let found = *report.cycles_by.get(name).unwrap() as f64;
                    assert_eq!(found, cell(name).unwrap() * runs, "{name} {case}");
                }
                assert_eq!(report.cycles as f64, cell("delay").unwrap(), "{case}");
                for (name, column) in [
                    ("filter SRAM", "sram_filter"),
                    ("ifmap SRAM", "sram_ifmap"),
                    ("psum SRAM", "sram_psum"),
                    ("filter DRAM", "dram_filter"),
                    ("ifmap DRAM", "dram_ifmap"),
                    ("ofmap DRAM", "dram_ofmap"),
                ] {
                    let figure = report.figures.iter().find(|figure| figure.name == name);
                    let found = figure.unwrap().value;
                    assert!(close(found, cell(column).unwrap()), "{name} {found} {case}");
                }
                let energy = report.energy_pj.as_ref().unwrap();
                let sum = |begins: &[&str]| {
                    let parts = energy
                        .iter()
                        .filter(|(key, _)| begins.iter().any(|begin| key.starts_with(begin)));
                    parts.map(|(_, pj)| *pj).sum::<f64>()
                };
                for (column, begins) in [
                    ("mac", &["mac"][..]),
                    ("registers", &["registers"]),
                    ("sram", &["FILTER", "IFMAP", "PSUM"]),
                    ("dram", &["DRAM"]),
                    ("total", &["total"]),
                ] {
                    let wanted = cell(column).unwrap() * 1e12;
                    assert!(
                        close(sum(begins), wanted),
                        "{column} {} {case}",
                        sum(begins)
                    );
                }
                assert!(
                    report.utilization > 0.0 && report.utilization <= 1.0,
                    "{case}"
                );
            }
        }
    }
    assert_eq!(evaluated + refused, 5 * (8 + 16 + 58));
    assert!(refused > 0);
}

/// From the command line: one layer, by the loops of its schedule.
#[test]
fn one_layer_from_the_command_line() {
    let folder = env!("CARGO_TARGET_TMPDIR");
    let path = format!("{folder}/deepopt_conv3.dflow");
    std::fs::write(
        &path,
        "use std.accelerators.systolic;
         use std.networks.deepopt_alexnet;
         Dataflow d { Schedule: Zo Zi Y X; }
         Map deepopt_alexnet on systolic { default: d; }",
    )
    .unwrap();
    let (code, json, errors) = eval(&[
        &path, "--layer", "l3", "--model", "deepopt", "--report", "json",
    ]);
    assert_eq!(code, Some(0), "{errors}");
    let report: Value = serde_json::from_str(&json).unwrap();
    let layer = &report["evaluations"][0]["layers"][0];
    // `deepopt.md`, section 5: AlexNet conv3 under XYZiZo on configuration A.
    assert_eq!(layer["cycles_by"]["compute"], 79_092);
    assert_eq!(layer["cycles_by"]["stall"], 346_942);
    assert_eq!(layer["cycles_by"]["write"], 4_056);
    assert_eq!(layer["figures"][0]["value"], 11_501_568.0);
    let total = layer["energy_pj"]["total"].as_f64().unwrap();
    assert!((total / 1e9 - 2.27751).abs() < 0.000_005, "{total}");
    // Section 4: 7,405.95 um2 a PE, 33,327 um2 a KiB.
    let area = layer["area_um2"]["total"].as_f64().unwrap();
    let of_parts = 2_048.0 * 7_405.948_063_89 + 56.0 * 133_307.065_15 / 4.0;
    assert!(close(area, of_parts), "{area}");
    let (code, _, errors) = eval(&[&path, "--model", "exact"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("--model deepopt"), "{errors}");
}
