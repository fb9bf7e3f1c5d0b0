//! The kinds of reuse in reports meet closed forms: figure 7 of the MAESTRO paper, systolic arrays, and the law that
//! together they are the reuse that there is at most, on generated mappings.

use crate::generate;
use dflowc::base::Ratio;
use dflowc::engine::reuse::{Reuse, reuse};
use dflowc::engine::{Counts, oracle};
use dflowc::ir::{Mapping, Role};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;
use std::process::Command;

/// The layers of the JSON reports of an example, by accelerator.
fn layer(example: &str, accelerator: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .args(["eval", "--report", "json"])
        .arg(format!("{}/{example}", env!("CARGO_MANIFEST_DIR")))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let evaluations = report["evaluations"].as_array().unwrap();
    let of = |known: &&Value| known["accelerator"] == accelerator;
    evaluations.iter().find(of).unwrap()["layers"][0].clone()
}

/// `(uses, of)` of one kind in lowest terms; `None` where it is absent.
fn kind(layer: &Value, memory: &str, tensor: &str, kind: &str) -> Option<(u64, u64)> {
    let named = |list: &Value, key: &str, name: &str| {
        let list = list.as_array().unwrap();
        list.iter().find(|known| known[key] == name).cloned()
    };
    let place = named(&layer["reuse"], "memory", memory)?;
    let known = named(&place["tensors"], "tensor", tensor)?;
    let found = known.get(kind)?;
    let (uses, of) = (found["uses"].as_u64()?, found["of"].as_u64()?);
    let times = found["times"].as_f64()?;
    assert!((times - uses as f64 / of as f64).abs() <= 1e-12 * times);
    let mut divisor = (uses, of);
    while divisor.1 > 0 {
        divisor = (divisor.1, divisor.0 % divisor.1);
    }
    Some((uses / divisor.0, of / divisor.0))
}

const TEMPORAL: &str = "temporal";
const MULTICAST: &str = "spatial_multicast";
const REDUCTION: &str = "spatial_reduction";
const NEIGHBOURS: &str = "spatio_temporal";

// Fig. 7 of the MAESTRO paper: two clusters of three PEs; a cluster has an output row, a PE one row of the kernel and of
// the input. K = 4 by 2, C = 6 by 3, Y = X = 8, R = S = 3, six output rows in three folds.
#[test]
fn figure_7_of_the_maestro_paper() {
    let layer = layer("examples/trace/fig7.dflow", "six_pes");
    let at = |memory, tensor, what| kind(&layer, memory, tensor, what);
    // Weights stay while X goes by (6 columns) and Y (3 folds); both clusters have the same.
    assert_eq!(at("LocalL1", "Weight", TEMPORAL), Some((6 * 3, 1)));
    assert_eq!(at("LocalL1", "Weight", MULTICAST), Some((2, 1)));
    // For each of N = 2 they come anew.
    assert_eq!(at("GlobalL2", "Weight", TEMPORAL), Some((2, 1)));
    // A row of 8 inputs serves 2 output channels, 6 columns of 3 products each.
    assert_eq!(at("LocalL1", "Input", TEMPORAL), Some((9, 2)));
    // Two clusters need rows y, y+1, y+2 and y+1, y+2, y+3: six rows of which four are read.
    assert_eq!(at("LocalL1", "Input", MULTICAST), Some((3, 2)));
    // Of 8 rows the three folds read 4 each, for each of two tiles of K.
    assert_eq!(at("GlobalL2", "Input", TEMPORAL), Some((3, 1)));
    // Three channels of three columns in a PE, three rows over the PEs of a cluster, two tiles of C.
    assert_eq!(at("LocalL1", "Output", TEMPORAL), Some((3 * 3, 1)));
    assert_eq!(at("LocalL1", "Output", REDUCTION), Some((3, 1)));
    assert_eq!(at("GlobalL2", "Output", TEMPORAL), Some((2, 1)));
    // Nothing is forwarded on this machine, and a result has no multicast.
    assert_eq!(at("LocalL1", "Input", NEIGHBOURS), Some((1, 1)));
    assert_eq!(at("LocalL1", "Output", MULTICAST), None);
    assert_eq!(at("GlobalL2", "Input", MULTICAST), None);
}

// Fig. 5: a row stationary accelerator over four PEs, two of each channel, which have neighbouring rows: four input rows
// give three output rows, which two PEs make of two rows each. Every input row but the first and the last is used for two
// output rows: six of four, in both channels.
#[test]
fn figure_5_of_the_maestro_paper() {
    let layer = layer("examples/trace/fig5.dflow", "four_pes");
    let all = |tensor| {
        let place = ["DRAM", "GlobalL2", "LocalL1"].into_iter();
        let kinds = [TEMPORAL, MULTICAST, REDUCTION, NEIGHBOURS];
        let found = place.flat_map(|memory| kinds.map(|what| kind(&layer, memory, tensor, what)));
        let (uses, of) = found.flatten().fold((1, 1), |a, b| (a.0 * b.0, a.1 * b.1));
        uses as f64 / of as f64
    };
    // 2 * 3 * 2 products of 4 inputs, 4 weights and 6 outputs.
    assert!((all("Input") - 12.0 / 4.0).abs() < 1e-12);
    assert!((all("Weight") - 12.0 / 4.0).abs() < 1e-12);
    assert!((all("Output") - 12.0 / 6.0).abs() < 1e-12);
    // Both channels need an input at once ("I1 is used at cycle 0 across PE2 and PE1").
    assert_eq!(kind(&layer, "LocalL1", "Input", MULTICAST), Some((2, 1)));
}

// What a systolic array does for its operands, of M x DEPTH by DEPTH x N on ROWS x COLS (the constants of the example): the
// stationary one stays for all of the third extent, the others pass a row or a column of PEs.
#[test]
fn systolic_arrays() {
    let (m, n, depth, rows, cols) = (22u64, 23u64, 14u64, 8u64, 4u64);
    let example = "examples/systolic.dflow";
    let (os, ws, is) = (
        layer(example, "os"),
        layer(example, "ws"),
        layer(example, "is"),
    );
    assert_eq!(kind(&os, "RF", "Output", TEMPORAL), Some((depth, 1)));
    let folds = n.div_ceil(cols);
    assert_eq!(kind(&os, "SRAM", "Input", TEMPORAL), Some((folds, 1)));
    assert_eq!(kind(&os, "MAC", "Input", MULTICAST), Some((n, folds)));
    let folds = m.div_ceil(rows);
    assert_eq!(kind(&os, "SRAM", "Weight", TEMPORAL), Some((folds, 1)));
    assert_eq!(kind(&os, "MAC", "Weight", MULTICAST), Some((m, folds)));

    let folds = depth.div_ceil(rows);
    assert_eq!(depth % folds, 0);
    assert_eq!(kind(&ws, "RF", "Weight", TEMPORAL), Some((m, 1)));
    assert_eq!(
        kind(&ws, "MAC", "Output", REDUCTION),
        Some((depth / folds, 1))
    );
    assert_eq!(kind(&ws, "SRAM", "Output", TEMPORAL), Some((folds, 1)));
    assert_eq!(kind(&is, "RF", "Input", TEMPORAL), Some((n, 1)));
    assert_eq!(
        kind(&is, "MAC", "Output", REDUCTION),
        Some((depth / folds, 1))
    );
}

/// Whether all kinds of all tensors multiply to what passes the lanes per element of the tensor.
fn multiply(mapping: &Mapping, counts: &Counts) -> Result<(), usize> {
    let places = reuse(mapping, counts);
    for (index, tensor) in mapping.operation.tensors.iter().enumerate() {
        let lanes = counts.boundaries.iter().filter(|b| b.child.is_none());
        let mut lanes = lanes.flat_map(|b| &b.tensors);
        let Some(lanes) = lanes.find(|crossing| crossing.tensor == index) else {
            continue;
        };
        let passed = match (lanes.hops, tensor.role) {
            (0, Role::Output) => lanes.up,
            (0, _) => lanes.down,
            (hops, _) => hops,
        };
        let unique = counts.memories[0].tensors[index].unique;
        let all = u128::from(unique) * u128::from(mapping.operation.repeat);
        if passed == 0 || all == 0 {
            continue;
        }
        let of_it = places.iter().flat_map(|place| &place.tensors);
        let of_it = of_it.filter(|known| known.tensor == index);
        let kinds = of_it.flat_map(|known| {
            let Reuse {
                temporal,
                multicast,
                reduction,
                neighbours,
                ..
            } = known;
            [temporal, multicast, reduction, neighbours]
        });
        let product = kinds
            .flatten()
            .try_fold(Ratio::new(1, 1).unwrap(), |all, times| {
                all.checked_mul(Ratio::new(times.uses, times.of)?)
            });
        if product != Ratio::new(passed.into(), all) {
            return Err(index);
        }
    }
    Ok(())
}

// The oracle's counts, which share nothing with the engine: every use of an element is one use at every level.
#[test]
fn all_kinds_together_are_all_the_reuse() {
    let config = Config {
        cases: 1000,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let choices = prop::collection::vec(any::<u32>(), 0..160);
    runner
        .run(&choices, |choices| {
            let mapping = generate::mapping(&choices);
            if let Ok(counts) = oracle::run(&mapping, 200_000) {
                let kept = multiply(&mapping, &counts);
                prop_assert!(kept.is_ok(), "{kept:?}\n{mapping:#?}\n{counts:#?}");
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
