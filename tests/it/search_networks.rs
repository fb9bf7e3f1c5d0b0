//! Searches of whole networks by the exact model: no answer is worse than a dataflow of the library, what is emitted costs
//! what was printed, and the number of threads changes no byte.

use crate::cli::stderr;
use crate::search::{emitted_is_the_same, program, text};
use dflowc::diag::Diagnostics;
use dflowc::driver::{MemoryFiles, Session};
use dflowc::evaluate::{self, Cache, LayerOutcome, Observer, Request, Selection, Until};
use dflowc::lower::Options;
use dflowc::{models, stdlib};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::process::Command;

/// Energy times delay of every layer that a map serves.
#[derive(Default)]
struct Products {
    sink: Diagnostics,
    edp: BTreeMap<String, f64>,
}

impl Observer for Products {
    fn diagnostics(&mut self) -> &mut Diagnostics {
        &mut self.sink
    }

    fn layer(&mut self, outcome: LayerOutcome<'_>) {
        let Some(Ok(report)) = outcome.figures.first().map(|figures| &figures.report) else {
            return;
        };
        let report = serde_json::to_value(report).unwrap();
        let energy = report["energy_pj"]["total"].as_f64().unwrap();
        let edp = energy * report["cycles"].as_f64().unwrap();
        self.edp
            .insert(report["name"].as_str().unwrap().to_owned(), edp);
    }
}

/// What the layers of a network cost under a dataflow, of those that it serves.
fn products(network: &str, accelerator: &str, dataflow: &str) -> BTreeMap<String, f64> {
    let text = format!(
        "Map std.networks.{network} on std.accelerators.{accelerator} {{ default: {dataflow}; }}"
    );
    let files = MemoryFiles::new().with("test.dflow", &text);
    let compiled = Session::new(files).load("test.dflow");
    let request = Request {
        selection: &Selection::all(&compiled),
        models: &[models::DEFAULT],
        until: Until::Evaluated,
        options: Options::default(),
        warnings: false,
    };
    let mut found = Products::default();
    evaluate::run(&compiled, &request, &mut Cache::default(), &mut found);
    found.edp
}

/// However little time a search has: its answers are compared with every dataflow of the library, which the evaluation
/// prices without the search.
fn no_layer_is_worse(network: &str, accelerator: &str) {
    let source = format!(
        "Search best {{ network: std.networks.{network}; on: std.accelerators.{accelerator}; minimize: edp; }}"
    );
    let file = program(&format!("{network}_{accelerator}"), &source);
    let report = emitted_is_the_same(&file, &["--budget", "6s"]);
    let mut found: BTreeMap<String, f64> = BTreeMap::new();
    for search in report["searches"].as_array().unwrap() {
        let edp = search["best"]["values"][0].as_f64().unwrap();
        let same = search["same_as"].as_array().into_iter().flatten();
        for layer in same.chain([&search["layer"]]) {
            found.insert(layer.as_str().unwrap().to_owned(), edp);
        }
    }
    let paths: Vec<&str> = (stdlib::paths())
        .filter(|path| path.starts_with("std.dataflows."))
        .collect();
    let compared: usize = paths
        .par_iter()
        .map(|dataflow| {
            let products = products(network, accelerator, dataflow);
            for (layer, edp) in &products {
                let best = found[layer];
                assert!(
                    best <= edp * (1.0 + 1e-9),
                    "{layer}: {best}, and {edp} under {dataflow}"
                );
            }
            products.len()
        })
        .sum();
    assert!(compared >= found.len(), "{compared}");
}

#[test]
fn resnet18_on_eyeriss_is_not_worse_than_the_library() {
    no_layer_is_worse("resnet18", "eyeriss");
}

#[test]
fn resnet18_on_tpu_like_is_not_worse_than_the_library() {
    no_layer_is_worse("resnet18", "tpu_like");
}

#[test]
fn mobilenet_v2_on_eyeriss_is_not_worse_than_the_library() {
    no_layer_is_worse("mobilenet_v2", "eyeriss");
}

#[test]
fn mobilenet_v2_on_tpu_like_is_not_worse_than_the_library() {
    no_layer_is_worse("mobilenet_v2", "tpu_like");
}

/// Layers that are searched to the end, so that time decides nothing.
#[test]
fn one_thread_finds_what_two_find() {
    let source = "
        Search best {
          layer: std.networks.resnet18.conv5_1_shortcut, std.networks.resnet18.add5_1, std.networks.resnet18.avgpool;
          on: std.accelerators.eyeriss; minimize: edp;
        }";
    let file = text(&program("network_threads", source));
    let run = |threads: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
            .args(["search", &file, "--format", "json", "--budget", "1000s"])
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        output.stdout
    };
    assert_eq!(run("1"), run("2"));
}
