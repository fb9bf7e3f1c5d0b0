//! The reconstruction of Table I (LoopTree, ISPASS 2023) as counted by hand: 112x112, pointwise 32->32, depthwise
//! 3x3 on 32, pointwise 32->16, rows of the last output, one byte per value.

use super::{Alone, GroupFigures, GroupNames, GroupTime, MemoryNeed, StageNames, build_group};
use crate::engine::fused::{Flow, StageFlow, TensorFlow};
use crate::ir::{
    Fate, FusedGroup, GroupTensor, Operation, OperationKind, Overlap, Stage, TileLoop,
};
use crate::report::model::{Evaluation, Report};
use crate::report::{csv, json, text, totals};

const PIXELS: u64 = 112 * 112;

fn group() -> FusedGroup {
    let stage = || Stage {
        ranks: Vec::new(),
        accesses: Vec::new(),
        kind: OperationKind::MultiplyAccumulate,
        operation: Operation {
            ranks: Vec::new(),
            windows: Vec::new(),
            tensors: Vec::new(),
            kind: OperationKind::MultiplyAccumulate,
            repeat: 1,
        },
    };
    let tensor = |extents: &[u64], producer, keep| GroupTensor {
        extents: extents.to_vec(),
        bits: 8,
        partial_bits: 8,
        producer,
        escapes: producer == Some(2),
        keep: Some(keep),
        fate: Fate::Retain,
        memory: 1,
    };
    FusedGroup {
        stages: vec![stage(), stage(), stage()],
        tensors: vec![
            tensor(&[32, 112, 112], None, 1),
            tensor(&[32, 32], None, 0),
            tensor(&[32, 112, 112], Some(0), 1),
            tensor(&[16, 112, 112], Some(2), 1),
        ],
        loops: vec![TileLoop { rank: 0, size: 1 }],
        overlap: Overlap::Pipeline,
    }
}

fn flow() -> Flow {
    let stage = |operations, cycles| StageFlow {
        operations,
        unique: operations,
        active: 112,
        cycles,
    };
    Flow {
        cycles: 115_136,
        busy: Vec::new(),
        steps: 112,
        tensors: vec![
            TensorFlow {
                required: 32 * PIXELS,
                first_fetch: 32 * PIXELS,
                dram_reads: 32 * PIXELS,
                window: 2 * 32 * 112,
                live: 2 * 32 * 112,
                ..TensorFlow::default()
            },
            TensorFlow {
                required: 112 * 1024,
                reused: 111 * 1024,
                first_fetch: 1024,
                dram_reads: 1024,
                window: 1024,
                live: 1024,
                ..TensorFlow::default()
            },
            TensorFlow {
                required: 32 * 112 * (110 * 3 + 4),
                reused: 32 * 112 * 222,
                computed: 32 * PIXELS,
                window: 3 * 32 * 112,
                live: 3 * 32 * 112,
                ..TensorFlow::default()
            },
            TensorFlow {
                dram_writes: 16 * PIXELS,
                window: 16 * 112,
                live: 16 * 112,
                ..TensorFlow::default()
            },
        ],
        stages: vec![
            stage(32 * 32 * PIXELS, 100_352),
            stage(32 * 9 * PIXELS, 112_896),
            stage(32 * 16 * PIXELS, 50_176),
        ],
        sequential: 263_424,
        pipelined: 115_136,
        peak_bits: 8 * (2 * 3584 + 1024),
    }
}

fn report() -> super::GroupReport {
    let (group, flow) = (group(), flow());
    let names = GroupNames {
        times: 1,
        name: "expand + depthwise + project".to_owned(),
        stages: ["expand", "depthwise", "project"]
            .map(|layer| StageNames {
                layer: layer.to_owned(),
                kind: "CONV".to_owned(),
                array: Some("PE".to_owned()),
                dataflow: None,
            })
            .to_vec(),
        tensors: ["expand.Input", "expand.Weight", "expand.Output"]
            .map(|name| (name.to_owned(), Vec::new()))
            .to_vec(),
        memories: vec!["DRAM".to_owned(), "GLB".to_owned()],
        clock_hz: None,
        notes: Vec::new(),
    };
    let alone = |cycles, bytes: u64| {
        Some(Alone {
            cycles,
            dram_bits: u128::from(bytes) * 8,
            evaluated: true,
            energy_pj: None,
        })
    };
    build_group(
        &names,
        &GroupFigures {
            density: None,
            group: &group,
            flow: &flow,
            maps: &[0, 2, 3],
            carried_bits: 0,
            time: GroupTime {
                cycles: 115_136,
                compute: 115_136,
                memories: Vec::new(),
                bound: None,
            },
            macs_per_cycle: 288,
            shapes: vec![2, 3, 1],
            energy: None,
            memories: vec![MemoryNeed {
                memory: 1,
                required_bits: 8 * 21_000,
                windows_bits: 8 * 19_000,
                ..MemoryNeed::default()
            }],
            alone: vec![
                alone(100_352, 64 * PIXELS + 1024),
                alone(112_896, 64 * PIXELS + 288),
                alone(50_176, 48 * PIXELS + 512),
            ],
        },
    )
}

fn whole() -> Report {
    let groups = vec![report()];
    Report::new(
        "f.dflow",
        vec![Evaluation {
            map: None,
            of_map: 0,
            network: "block".to_owned(),
            description: Vec::new(),
            accelerator: "edge".to_owned(),
            model: "exact".to_owned(),
            totals: totals(&[], &groups),
            layers: Vec::new(),
            groups,
            persistent: Vec::new(),
            failed: Vec::new(),
        }],
    )
}

// 263 -> 115 kcycles and 2,209,568 bytes in Table I; here without the weights of two layers.
#[test]
fn the_layers_one_by_one_are_summed() {
    let group = report();
    assert_eq!(group.cycles, 115_136);
    assert_eq!(group.cycles_layer_by_layer, Some(263_424));
    assert_eq!(group.dram_bytes, 602_112 + 1024);
    assert_eq!(group.dram_bytes_feature_maps, 602_112);
    assert_eq!(group.dram_bytes_layer_by_layer, Some(2_209_568));
    assert_eq!(group.macs, 22_880_256);
    assert_eq!(group.tensors[2].window_bytes, 10_752);
    assert!((group.stages[1].share - 112_896.0 / 115_136.0).abs() < 1e-12);
    assert_eq!(group.energy_split_layer_by_layer, None);
}

#[test]
fn a_missing_layer_leaves_no_sum() {
    let (group, flow) = (group(), flow());
    let figures = GroupFigures {
        density: None,
        group: &group,
        flow: &flow,
        maps: &[],
        carried_bits: 0,
        time: GroupTime::default(),
        macs_per_cycle: 1,
        shapes: Vec::new(),
        energy: None,
        memories: Vec::new(),
        alone: vec![Some(Alone::default()), None],
    };
    let report = build_group(&GroupNames::default(), &figures);
    assert_eq!(report.cycles_layer_by_layer, None);
    assert_eq!(report.dram_bytes_layer_by_layer, None);
}

#[test]
fn every_format_has_the_group() {
    let report = whole();
    let text = text::write(&report, false, crate::report::WIDTH);
    assert!(
        text.contains("expand + depthwise + project  FUSED"),
        "{text}"
    );
    assert!(text.contains("115,136         263,424  0.437"), "{text}");
    assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
    let value: serde_json::Value = serde_json::from_str(&json::write(&report).unwrap()).unwrap();
    let group = &value["evaluations"][0]["groups"][0];
    assert_eq!(group["tensors"][2]["reused"], 32 * 112 * 222);
    assert_eq!(group["energy_pj"], serde_json::Value::Null);
    assert_eq!(value["evaluations"][0]["totals"]["layers"], 3);
    let csv = csv::write(&report);
    let lines: Vec<&str> = csv.lines().collect();
    let columns: Vec<&str> = lines[0].split(',').collect();
    let cells: Vec<&str> = lines[1].split(',').collect();
    assert_eq!(columns.len(), cells.len());
    let at = |name: &str| cells[columns.iter().position(|column| *column == name).unwrap()];
    assert_eq!(at("layer"), "expand + depthwise + project");
    assert_eq!(at("dram_bytes_layer_by_layer"), "2209568");
}
