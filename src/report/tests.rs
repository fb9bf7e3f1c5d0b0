//! The writers on the sample of `cost::sample`; its figures are closed forms derived there.

use super::model::{Evaluation, LayerReport, Report};
use super::{LayerNames, WIDTH, adds_up, build_layer, csv, json, text, totals};
use crate::cost::{evaluate, sample};
use crate::engine::{Bound, Port, Resource, ResourceCounts, Way};

fn names() -> LayerNames {
    LayerNames {
        times: 1,
        name: "fc1".to_owned(),
        kind: "GEMM".to_owned(),
        dimensions: vec![
            ("M".to_owned(), 2),
            ("N".to_owned(), 3),
            ("K".to_owned(), 4),
        ],
        dataflow: Some("rows".to_owned()),
        clock_hz: Some(1e9),
        tensors: ["Input", "Weight", "Output"].map(str::to_owned).to_vec(),
        memories: ["DRAM", "GLB", "RF"].map(str::to_owned).to_vec(),
        arrays: vec!["PE".to_owned()],
        compute: String::new(),
        choices: vec!["GLB holds whole tensors".to_owned()],
        notes: Vec::new(),
    }
}

fn layer() -> LayerReport {
    let (mapping, counts) = (sample::mapping(), sample::counts());
    let cost = evaluate(&sample::technology(), &sample::context(), &mapping, &counts).unwrap();
    build_layer(&names(), &mapping, &counts, Some(&cost))
}

fn report() -> Report {
    let mut pool = layer();
    pool.name = "pool1".to_owned();
    pool.kind = "POOL".to_owned();
    (pool.ops, pool.macs) = (pool.macs, 0);
    let layers = vec![layer(), pool];
    Report::new(
        "f.dflow",
        vec![Evaluation {
            map: None,
            of_map: 0,
            network: "net".to_owned(),
            description: Vec::new(),
            accelerator: "small".to_owned(),
            model: "exact".to_owned(),
            totals: totals(&layers, &[]),
            layers,
            groups: Vec::new(),
            persistent: Vec::new(),
            failed: Vec::new(),
        }],
    )
}

#[test]
fn a_layer_has_the_derived_figures() {
    let layer = layer();
    // 24 MACs in 16 cycles on 2 PEs of one lane.
    assert!((layer.utilization - 0.75).abs() < 1e-12);
    assert_eq!(layer.bound, "compute");
    let energy = layer.energy_pj.as_ref().unwrap();
    assert_eq!(energy.get("mac"), Some(&6.0));
    assert_eq!(energy.get("DRAM.read"), Some(&320.0));
    assert_eq!(energy.get("noc"), Some(&112.0));
    let sum: f64 = energy.iter().skip(1).map(|(_, pj)| pj).sum();
    assert!((energy.get("total").unwrap() - sum).abs() < 1e-9);
    // 24 MACs on 8 fills.
    assert_eq!(
        layer.mapping.as_ref().unwrap().levels[1].tensors[0].reuse,
        Some(3.0)
    );
    assert_eq!(
        layer.mapping.as_ref().unwrap().levels[0].tensors[0].reuse,
        None
    );
    assert!(
        (layer.mapping.as_ref().unwrap().boundaries[1].average_bytes_per_cycle - 44.0 / 16.0).abs()
            < 1e-12
    );
}

// A read port of 2 bytes per cycle that 20 bytes pass in twelve steps, and the links of an array with one
// network per tensor.
#[test]
fn resources_are_named_and_say_what_they_would_need() {
    let (mapping, mut counts) = (sample::mapping(), sample::counts());
    let rate = |bits| crate::ir::Rate { bits, cycles: 1 };
    let used = |resource, rate, bits, busy_cycles| ResourceCounts {
        resource,
        rate,
        bits,
        busy_cycles,
    };
    let read = Resource::Port {
        memory: 1,
        port: Port::Read,
    };
    let up = Resource::Link {
        array: 0,
        tensor: Some(2),
        way: Way::Up,
    };
    counts.resources = vec![used(read, rate(16), 160, 15), used(up, rate(64), 192, 6)];
    counts.timing.bound = Bound::Resource(0);
    let layer = build_layer(&names(), &mapping, &counts, None);
    assert_eq!(layer.bound, "GLB read port");
    let mapping = layer.mapping.as_ref().unwrap();
    let [port, link] = &mapping.resources[..] else {
        panic!("{:?}", mapping.resources);
    };
    // 160 bits at 16 per cycle; 15 cycles are 3 more than the 12 of the computation, for which it would take
    // 20 bytes in 12 cycles.
    assert_eq!(port.resource, "GLB read port");
    assert_eq!(
        (port.busy_cycles, port.roofline_cycles, port.stall_cycles),
        (15, 10, 3)
    );
    assert!((port.bytes_per_cycle - 2.0).abs() < 1e-12);
    assert!((port.needed_bytes_per_cycle - 20.0 / 12.0).abs() < 1e-12);
    assert_eq!(link.resource, "PE link up (Output)");
    assert_eq!((link.roofline_cycles, link.stall_cycles), (3, 0));
}

// Of 24 bits written per partial sum and 8 per complete one, 6 complete: see `energy_follows_the_width_of_the_sum`
// of the cost. Here: every report says the widths.
#[test]
fn formats_are_in_every_report() {
    let mut mapping = sample::mapping();
    mapping.operation.tensors[2].bits = 8;
    let layer = build_layer(&names(), &mapping, &sample::counts(), None);
    let mut report = report();
    report.evaluations[0].layers = vec![layer];
    let text = text::write(&report, false, WIDTH);
    let line = "formats: Input 8, Weight 8, Output 8 (partial sums 32) bits\n";
    assert!(text.contains(line), "{text}");
    assert!(csv::write(&report).contains("Input=8 Weight=8 Output=8/32"));
    let json: serde_json::Value = serde_json::from_str(&json::write(&report).unwrap()).unwrap();
    let formats = &json["evaluations"][0]["layers"][0]["formats"];
    let output = serde_json::json!({"tensor": "Output", "bits": 8, "partial_bits": 32});
    assert_eq!(formats[2], output);
}

// maestro28 gives DRAM and hops 0, because the tool that it is from leaves them out.
#[test]
fn a_total_says_what_it_leaves_out() {
    let mut technology = sample::technology();
    for entry in &mut technology.entries {
        if matches!(entry.action, crate::cost::Action::Hop { .. }) {
            entry.value = 0.0;
        }
    }
    let (mapping, counts) = (sample::mapping(), sample::counts());
    let cost = evaluate(&technology, &sample::context(), &mapping, &counts).unwrap();
    let layer = build_layer(&names(), &mapping, &counts, Some(&cost));
    assert_eq!(layer.energy_leaves_out, ["noc"]);
    let mut report = report();
    report.evaluations[0].layers[0] = layer;
    report.evaluations[0].totals = totals(&report.evaluations[0].layers, &[]);
    assert_eq!(report.evaluations[0].totals.energy_leaves_out, ["noc"]);
    let text = text::write(&report, true, WIDTH);
    assert!(
        text.contains("\nenergy without noc: the technology gives them 0\n"),
        "{text}"
    );
    assert!(
        text.contains("\n  total without noc: the technology gives them 0\n"),
        "{text}"
    );
}

#[test]
fn json_has_integers_for_counts_and_the_schema_first() {
    let text = json::write(&report()).unwrap();
    assert!(text.starts_with("{\n  \"schema\": \"dflow.report/1\",\n"));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let layer = &value["evaluations"][0]["layers"][0];
    assert_eq!(layer["macs"], serde_json::json!(24));
    assert_eq!(layer["type"], "GEMM");
    assert_eq!(layer["cycles_by"]["GLB -> RF"], serde_json::json!(24));
    assert_eq!(
        layer["levels"][0]["capacity_bytes"],
        serde_json::Value::Null
    );
    assert_eq!(
        value["evaluations"][0]["totals"]["ops"],
        serde_json::json!(24)
    );
}

// Law 6: totals are the sums over layers, energies the sums of their terms.
#[test]
fn a_total_that_is_not_the_sum_is_seen() {
    let report = report();
    let whole = &report.evaluations[0];
    assert!(adds_up(whole));
    type Alter = (&'static str, fn(&mut Evaluation));
    let alterations: [Alter; 9] = [
        ("layers", |e| e.totals.layers += 1),
        ("macs", |e| e.totals.macs += 1),
        ("ops", |e| e.totals.ops += 1),
        ("cycles", |e| e.totals.cycles += 1),
        ("a layer's cycles", |e| e.layers[1].cycles += 1),
        ("energy", |e| {
            let energy = e.totals.energy_pj.as_mut().unwrap();
            energy.add("total", 1.0);
        }),
        ("a component", |e| {
            let energy = e.layers[0].energy_pj.as_mut().unwrap();
            energy.add("noc", 1.0);
        }),
        ("a count", |e| e.layers[0].energy_terms[2].count += 1),
        ("a term", |e| {
            e.layers[0].energy_terms.pop();
        }),
    ];
    for (what, alter) in alterations {
        let mut altered = whole.clone();
        alter(&mut altered);
        assert!(!adds_up(&altered), "{what}");
    }
}

#[test]
fn csv_has_one_row_per_layer() {
    let text = csv::write(&report());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    let columns: Vec<&str> = lines[0].split(',').collect();
    let cells: Vec<&str> = lines[1].split(',').collect();
    assert_eq!(columns.len(), cells.len());
    let at = |name: &str| cells[columns.iter().position(|column| *column == name).unwrap()];
    assert_eq!(at("layer"), "fc1");
    assert_eq!(at("dimensions"), "M=2 N=3 K=4");
    assert_eq!(at("cycles GLB -> RF"), "24");
    assert_eq!(at("energy_pj mac"), "6");
}

#[test]
fn text_is_a_table_without_trailing_blanks() {
    let text = text::write(&report(), false, WIDTH);
    let expected = "\
net on small (exact model)

formats: Input 8, Weight 8, Output 32 bits

layer  type  MACs  ops  cycles  util [%]  energy [nJ]  bound
--------------------------------------------------------------
fc1    GEMM    24    0      16      75.0        1.798  compute
pool1  POOL     0   24      16      75.0        1.798  compute
--------------------------------------------------------------
total          24   24      32      75.0        3.596

time: 32 ns
bound by: compute 100.0% of the cycles (2 layers)

no area: the technology has no area entries

dataflows:
  all layers: rows

chosen by the compiler:
  all layers: GLB holds whole tensors

energy figures:
";
    assert!(text.starts_with(expected), "{text}");
    assert!(
        text.contains("mac          0.25  operation  t: mac(INT8)\n"),
        "{text}"
    );
}

#[test]
fn detail_shows_every_memory_and_boundary() {
    let text = text::write(&report(), true, WIDTH);
    assert!(text.lines().all(|line| line == line.trim_end()));
    for part in [
        "fc1: GEMM M=2 N=3 K=4",
        "GLB 1 44 1,024 4.3 window",
        "GLB -> RF",
        "<- binds",
        "DRAM.read",
    ] {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        assert!(words.join(" ").contains(part), "no `{part}` in\n{text}");
    }
}

#[test]
fn density_is_reported_beside_dense_counts() {
    let (mut mapping, counts) = (sample::mapping(), sample::counts());
    mapping.operation.tensors[1].density = 0.5;
    let layer = build_layer(&names(), &mapping, &counts, None);
    let density = layer.density.as_ref().unwrap();
    assert!((density.effective_operations - 12.0).abs() < 1e-12);
    assert_eq!(density.tensors[1].effective_reads.get("DRAM"), Some(&6.0));
    assert_eq!(
        layer.mapping.as_ref().unwrap().levels[0].tensors[1].reads,
        12
    );
    assert!(layer.energy_pj.is_none());
}

#[test]
fn equal_input_gives_equal_bytes() {
    assert_eq!(
        text::write(&report(), true, WIDTH),
        text::write(&report(), true, WIDTH)
    );
    assert_eq!(
        json::write(&report()).unwrap(),
        json::write(&report()).unwrap()
    );
}
