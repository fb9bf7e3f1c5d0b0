//! `dflowc trace`: the figures 5, 6 and 7 of the MAESTRO paper show what its text says of them, and what is traced adds up
//! to what `eval` counts.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/trace/{name}.dflow"))
}

fn dflowc(arguments: &[&str], file: &Path) -> String {
    let (command, rest) = arguments.split_first().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .arg(command)
        .arg(file)
        .args(rest)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The steps of the only layer of a file.
fn steps(name: &str, range: &str) -> Vec<Value> {
    let text = dflowc(
        &["trace", "--report", "json", "--steps", range],
        &example(name),
    );
    let all: Value = serde_json::from_str(&text).unwrap();
    all[0]["steps"].as_array().unwrap().clone()
}

/// What an instance of the innermost memory has in a step.
fn at<'a>(step: &'a Value, pe: u64, tensor: &str) -> &'a Value {
    let all = step["memories"].as_array().unwrap();
    let found = all
        .iter()
        .rev()
        .find(|one| one["memory"] == "LocalL1" && one["instance"] == pe && one["tensor"] == tensor);
    found.unwrap_or_else(|| panic!("PE {pe} has no {tensor}: {step}"))
}

fn held(step: &Value, pe: u64, tensor: &str) -> Vec<Vec<i64>> {
    serde_json::from_value(at(step, pe, tensor)["held"].clone()).unwrap()
}

/// The indices in one dimension of what is held.
fn indices(step: &Value, pe: u64, tensor: &str, dim: usize) -> Vec<i64> {
    let mut all: Vec<i64> = held(step, pe, tensor).iter().map(|one| one[dim]).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Section 2.3 on Fig. 5, here with one row of four input rows per step and PE: a weight is used at cycle 0 and at cycle 2 in one PE, an input at cycle 0 by two PEs, and a sum that
/// one PE makes at cycle 2 is added to at cycle 3 in another.
#[test]
fn figure_5_reuses_over_time_space_and_both() {
    let steps = steps("fig5", "0..3");
    let (weight, input, output) = ("Weight", "Input", "Output");
    let first = held(&steps[0], 0, weight);
    assert_eq!(held(&steps[2], 0, weight), first);
    assert_eq!(held(&steps[0], 0, input), held(&steps[0], 2, input));
    let multicast = at(&steps[0], 0, input)["arrived"].as_array().unwrap();
    assert!(multicast.iter().all(|one| one["from"] == "multicast"));
    let made = held(&steps[2], 0, output);
    assert!(at(&steps[2], 0, output)["works"].as_bool().unwrap());
    let added = at(&steps[3], 1, output);
    assert_eq!(held(&steps[3], 1, output), made);
    assert!(added["works"].as_bool().unwrap());
    let sums = added["arrived"].as_array().unwrap();
    assert!(
        !sums.is_empty() && sums.iter().all(|one| one["from"] == "sum"),
        "{added}"
    );
}

/// Section 3.1.2: "the mapped x over time is (0,1,2), (1,2,3), (2,3,4), and so on".
#[test]
fn figure_6_maps_over_time() {
    let steps = steps("fig6_time", "0..5");
    for (number, step) in (0..).zip(&steps) {
        assert_eq!(
            indices(step, 0, "Input", 4),
            [number, number + 1, number + 2]
        );
    }
    assert_eq!(steps.len(), 6);
}

/// Section 3.1.3: "PE0 <= (0,1,2), PE1 <= (1,2,3), PE2 <= (2,3,4)", folded over time.
#[test]
fn figure_6_maps_over_space() {
    let steps = steps("fig6_space", "0..9");
    for pe in 0..4i64 {
        let rows = |step: usize| indices(&steps[step], pe as u64, "Input", 3);
        assert_eq!(rows(0), [pe, pe + 1, pe + 2]);
        // Six windows on four PEs: the second fold has two.
        if pe < 2 {
            assert_eq!(rows(1), [pe + 4, pe + 5, pe + 6]);
        }
    }
    assert_eq!(steps.len(), 2);
}

/// Section 3.1.1: two PEs make a cluster, three of those a larger one; there are two of them on 12 PEs.
#[test]
fn figure_6_builds_clusters() {
    let steps = steps("fig6_clusters", "0");
    for pe in 0..12i64 {
        let (large, small, lane) = (pe / 6, pe / 2 % 3, pe % 2);
        // The weight of an FC layer is by K and C, its input by N and C.
        let weight = held(&steps[0], pe as u64, "Weight");
        let input = held(&steps[0], pe as u64, "Input");
        assert_eq!((weight.len(), input.len()), (1, 1));
        assert!(
            weight[0].windows(2).any(|w| w == [large, small]),
            "{pe}: {weight:?}"
        );
        assert_eq!(
            input[0].iter().copied().filter(|&x| x > 0).sum::<i64>(),
            lane + small,
            "{pe}: {input:?}"
        );
    }
}

/// Section 3.2 on Fig. 7: clusters share 18 inputs, and every PE keeps 18 weights from step 0 to step 1.
#[test]
fn figure_7_shares_inputs_and_keeps_weights() {
    let steps = steps("fig7", "0..1");
    let inputs = |cluster: u64| {
        let pes = 3 * cluster..3 * cluster + 3;
        let all = pes.flat_map(|pe| held(&steps[0], pe, "Input"));
        all.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(inputs(0).intersection(&inputs(1)).count(), 18);
    for pe in 0..6 {
        let kept = at(&steps[1], pe, "Weight");
        assert_eq!(kept["held"].as_array().unwrap().len(), 18);
        assert_eq!(kept["arrived"].as_array().unwrap().len(), 0);
        assert_eq!(held(&steps[0], pe, "Weight"), held(&steps[1], pe, "Weight"));
    }
}

/// What arrives in all steps is what `eval` counts as fills.
#[test]
fn traces_add_up_to_the_counts_of_eval() {
    for name in ["fig5", "fig6_time", "fig6_space", "fig6_clusters"] {
        let steps = steps(name, "0..10000");
        let text = dflowc(&["eval", "--report", "json"], &example(name));
        let report: Value = serde_json::from_str(&text).unwrap();
        let layer = &report["evaluations"][0]["layers"][0];
        for level in layer["levels"].as_array().unwrap().iter().skip(1) {
            for tensor in level["tensors"].as_array().unwrap() {
                let own = |held: &&Value| {
                    held["memory"] == level["memory"] && held["tensor"] == tensor["tensor"]
                };
                let arrived: u64 = steps
                    .iter()
                    .flat_map(|step| step["memories"].as_array().unwrap())
                    .filter(own)
                    .map(|held| held["arrived"].as_array().unwrap().len() as u64)
                    .sum();
                assert_eq!(
                    arrived,
                    tensor["fills"].as_u64().unwrap(),
                    "{name}: {tensor}"
                );
            }
        }
    }
}

#[test]
fn a_layer_that_is_too_large_and_a_range_that_is_none_are_said() {
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
            .arg("trace")
            .arg(example("fig7"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(run(&["--limit", "10"]).contains("--limit"));
    assert!(run(&["--steps", "3..1"]).contains("0..7"));
}

#[test]
fn the_picture_has_a_row_per_instance() {
    let svg = dflowc(
        &["trace", "--report", "svg", "--steps", "0..1"],
        &example("fig7"),
    );
    for row in ["LocalL1 0", "LocalL1 5", "GlobalL2 0", "step 1"] {
        assert!(svg.contains(row), "{row}");
    }
    assert_eq!(svg.matches("<svg").count(), 1);
}
