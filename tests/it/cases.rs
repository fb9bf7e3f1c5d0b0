//! Small programs from the field, each the smallest of a kind, with the number that is right and why beside the program
//! (`tests/cases`).

use dflowc::driver::{MemoryFiles, Session};
use dflowc::engine::{Bound, Counts, Port, Resource};
use dflowc::evaluate::check_layer;
use dflowc::lower::Options;
use dflowc::models::exact_counts;
use serde_json::Value;
use std::process::Command;

/// The evaluations of a case, in the order of its maps.
struct Case {
    name: &'static str,
    evaluations: Vec<Value>,
}

fn case(name: &'static str) -> Case {
    case_by(name, "exact")
}

fn case_by(name: &'static str, model: &str) -> Case {
    let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["eval", "--report", "json", "--color", "never"])
        .args(["--model", model])
        .arg(format!("tests/cases/{name}.dflow"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {errors}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let evaluations = report["evaluations"].as_array().unwrap().clone();
    Case { name, evaluations }
}

impl Case {
    /// The layer of that name on that accelerator (or of that network, where there is one accelerator).
    fn layer(&self, of: &str, layer: &str) -> &Value {
        let evaluation = self
            .evaluations
            .iter()
            .find(|known| known["accelerator"] == of || known["network"] == of)
            .unwrap_or_else(|| panic!("{}: no {of}", self.name));
        let mut layers = evaluation["layers"].as_array().unwrap().iter();
        layers
            .find(|known| known["name"] == layer)
            .unwrap_or_else(|| panic!("{}: no {layer}", self.name))
    }

    fn cycles(&self, of: &str, layer: &str, right: u64) {
        let cycles = &self.layer(of, layer)["cycles"];
        assert_eq!(*cycles, right, "{}: {of}: {layer}: cycles", self.name);
    }

    /// `keys` of one tensor in one memory.
    fn holds(&self, of: &str, layer: &str, memory: &str, tensor: &str, right: &[(&str, u64)]) {
        let level = named(&self.layer(of, layer)["levels"], "memory", memory);
        self.tensor(level, tensor, right);
    }

    /// `keys` of one tensor at one boundary.
    fn crosses(&self, of: &str, layer: &str, boundary: &str, tensor: &str, right: &[(&str, u64)]) {
        let crossing = named(&self.layer(of, layer)["boundaries"], "name", boundary);
        self.tensor(crossing, tensor, right);
    }

    fn tensor(&self, of: &Value, tensor: &str, right: &[(&str, u64)]) {
        let counts = named(&of["tensors"], "tensor", tensor);
        for (key, right) in right {
            assert_eq!(counts[key], *right, "{}: {tensor}: {key}", self.name);
        }
    }
}

fn named<'a>(list: &'a Value, key: &str, name: &str) -> &'a Value {
    let mut list = list.as_array().unwrap().iter();
    list.find(|entry| entry[key] == name)
        .unwrap_or_else(|| panic!("no {name}"))
}

/// The counts of the only layer on the accelerator of that name.
fn counts(name: &str, accelerator: &str) -> Counts {
    let path = format!("{}/tests/cases/{name}.dflow", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut compiled = Session::new(MemoryFiles::new().with("f.dflow", &text)).load("f.dflow");
    let mut sink = std::mem::take(&mut compiled.diagnostics);
    let program = &compiled.program;
    let mut maps = program.maps.iter();
    let map = maps
        .find(|map| program.accelerators[map.accelerator].name == accelerator)
        .unwrap();
    let planned = compiled
        .plan_layer(map, 0, Options::default(), &mut sink)
        .unwrap();
    let lowered = planned.lowered.as_ref().unwrap();
    let checked = check_layer(&compiled, map, lowered, &mut sink).unwrap();
    exact_counts(&checked.legal).unwrap()
}

// What no memory inside an array holds crosses that array.

#[test]
fn an_operand_held_in_front_of_the_array_is_read_once_for_all_pes() {
    let case = case("operand_in_front");
    case.holds("front", "fc", "Buf", "Input", &[("reads", 6)]);
    case.holds("latch", "fc", "Buf", "Input", &[("reads", 6)]);
    case.crosses(
        "front",
        "fc",
        "Buf -> MAC",
        "Input",
        &[("down", 6), ("hops", 24)],
    );
    case.cycles("front", "fc", 68);
    case.cycles("latch", "fc", 69);
}

#[test]
fn a_sum_held_in_front_of_the_array_is_written_once() {
    let case = case("sum_in_front");
    let right = [("writes", 3), ("updates", 0), ("reads", 3)];
    case.holds("tree", "fc", "Acc", "Output", &right);
    case.crosses(
        "tree",
        "fc",
        "Acc -> MAC",
        "Output",
        &[("up", 3), ("hops", 12)],
    );
}

#[test]
fn what_passes_the_registers_by_is_traffic_of_the_memory_above() {
    let case = case("passed_by");
    case.cycles("kept", "sum", 39);
    case.cycles("kept", "share", 39);
    case.cycles("passed", "sum", 46);
    case.cycles("passed", "share", 54);
    case.holds("passed", "sum", "L2", "Output", &[("writes", 3)]);
    case.holds("passed", "sum", "L2", "Input", &[("reads", 12)]);
    case.holds("passed", "share", "L2", "Input", &[("reads", 3)]);
    let read_to_be_added_to = [("writes", 12), ("updates", 8)];
    case.holds("passed", "share", "L2", "Output", &read_to_be_added_to);
}

#[test]
fn operands_without_registers_take_the_network_at_every_mac() {
    let case = case("past_registers");
    case.cycles("without", "fc", 160);
    case.cycles("with", "fc", 161);
    case.holds("without", "fc", "GLB", "Input", &[("reads", 8)]);
    case.holds("without", "fc", "GLB", "Weight", &[("reads", 64)]);
    for tensor in ["Input", "Weight"] {
        case.crosses("without", "fc", "GLB -> MAC", tensor, &[("hops", 64)]);
        case.crosses("with", "fc", "GLB -> RF", tensor, &[("hops", 64)]);
    }
}

#[test]
fn an_adder_tree_writes_once_an_issue() {
    let case = case("adder_tree");
    let right = [("writes", 8), ("updates", 7), ("reads", 8)];
    case.holds("tree", "fc", "Sum", "Output", &right);
    case.cycles("tree", "fc", 8);
    let right = [("writes", 64), ("updates", 63)];
    case.holds("lanes", "fc", "Sum", "Output", &right);
    case.cycles("lanes", "fc", 8);
}

// A port gives its bandwidth once.

#[test]
fn a_memory_gives_its_bandwidth_once() {
    let one = case("one_bandwidth");
    for accelerator in ["one", "three", "pass"] {
        one.cycles(accelerator, "g", 1_089);
    }
    let port = case("split_or_joint");
    port.cycles("split", "g", 202);
    port.cycles("joint", "g", 202);
    let places = case("places_apart");
    places.cycles("together", "g", 258);
    places.cycles("apart", "g", 258);
}

#[test]
fn boundaries_share_the_port_of_dram() {
    case("dram_shared").cycles("a", "fc", 18);
    case("dram_uneven").cycles("a", "fc", 27);
    case("dram_side_by_side").cycles("a", "fc", 18);
}

// Fills take the port of the memory that is filled, and the innermost memory has ports too.

#[test]
fn fills_take_the_port_of_the_memory_that_is_filled() {
    let case_04 = case("fill_ports");
    case_04.cycles("slow_fill", "fc", 9_459);
    case_04.cycles("slow_rf", "fc", 2_457_618);
    let counts = counts("fill_ports", "slow_rf");
    let Bound::Resource(index) = counts.timing.bound else {
        panic!("{:?}", counts.timing);
    };
    let port = Port::Both;
    // DRAM, GLB, RF.
    let right = Resource::Port { memory: 2, port };
    assert_eq!(counts.resources[index].resource, right);
    case("slow_fill").cycles("a", "fc", 8_059);
}

#[test]
fn issues_take_the_ports_of_the_innermost_memory() {
    case("slow_registers").cycles("slow", "g", 60_000);
    case("slow_innermost").cycles("a", "fc", 38_400);
}

#[test]
fn networks_that_describe_nothing_cost_nothing() {
    let case = case("undescribed");
    for accelerator in ["joined", "parted", "one"] {
        case.cycles(accelerator, "fc", 100);
    }
}

// Sums.

#[test]
fn a_sum_is_read_when_there_is_one() {
    for (name, layer, rf, dram) in [
        ("sums_two_folds", "fc", (2, 10, 10), (2, 4)),
        ("sums_two_visits", "fc", (2, 10, 10), (2, 4)),
        ("sums_neighbours", "c", (1, 5, 5), (2, 4)),
    ] {
        let case = case(name);
        let (updates, reads, writes) = rf;
        let right = [("updates", updates), ("reads", reads), ("writes", writes)];
        case.holds("a", layer, "RF", "Output", &right);
        let (reads, writes) = dram;
        let right = [("reads", reads), ("writes", writes)];
        case.holds("a", layer, "DRAM", "Output", &right);
    }
}

#[test]
fn only_complete_results_have_zeros() {
    let counts = counts("dense_sums", "a");
    let output = &counts.memories[1].tensors[2];
    // 20 partial sums and 4 complete ones: 20 + 4 * 0.5 = 22 are read if half of the results are zero.
    assert_eq!((output.reads, output.complete_reads), (20 + 4, 4));
    assert_eq!((output.writes, output.complete_writes), (20 + 4, 4));
    let case = case("dense_sums");
    let density = &case.layer("a", "fc")["density"]["tensors"];
    let output = named(density, "tensor", "Output");
    assert_eq!(output["effective_reads"]["RF"], 22.0);
    assert_eq!(output["effective_writes"]["RF"], 22.0);
}

#[test]
fn the_width_goes_with_the_sum() {
    let case = case("requantised");
    let bytes = |of: &str, layer: &str, way: &str| {
        let boundaries = &case.layer(of, layer)["boundaries"];
        named(boundaries, "name", "DRAM -> RF")[way]
            .as_u64()
            .unwrap()
    };
    assert_eq!(bytes("narrow", "a", "up_bytes"), 64);
    assert_eq!(bytes("wide", "a", "up_bytes"), 64 * 4);
    // 64 inputs of a byte, as they were written, and the weights.
    assert_eq!(bytes("narrow", "b", "down_bytes"), 64 + 8 * 64);
    let rf = named(&case.layer("narrow", "a")["levels"], "memory", "RF");
    assert_eq!(rf["required_bytes"], 16 + 64 * 16 + 64 * 4);
}

#[test]
fn a_cache_has_a_format_of_its_own() {
    let case = case("cache_of_keys");
    let down = |layer: &str| {
        let boundaries = &case.layer("a", layer)["boundaries"];
        named(boundaries, "name", "DRAM -> RF")["down_bytes"].clone()
    };
    assert_eq!(down("weights"), 128 + 4096 * 128 / 2);
    assert_eq!(down("cache"), 128 + 4096 * 128);
}

// The edges of tensors.

#[test]
fn padding_stands_at_both_ends() {
    let case = case("padding_both_ends");
    let right = [("unique", 6), ("reads", 16)];
    case.holds("a", "conv", "DRAM", "Input", &right);
    case.holds("a", "sum", "DRAM", "I", &right);
}

#[test]
fn rows_that_nothing_touches_are_written_as_zeros() {
    let case = case("rows_of_zeros");
    let right = [("writes", 7), ("unique", 7)];
    case.holds("a", "up", "DRAM", "Output", &right);
    case.holds("a", "next", "DRAM", "Input", &[("reads", 7)]);
}

#[test]
fn the_maestro_model_names_a_bound_of_its_own() {
    let case = case_by("maestro_bound", "maestro");
    case.cycles("a", "g", 64);
    assert_eq!(case.layer("a", "g")["bound"], "compute");
}
