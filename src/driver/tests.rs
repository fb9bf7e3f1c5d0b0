use super::*;
use crate::ir::{Axis, LoopKind};
use crate::lower::Options;

/// Loads one text and plans its maps; all messages as `code: message`.
fn run(text: &str) -> (Compiled, Vec<Plan>, Vec<String>) {
    run_files(MemoryFiles::new().with("a.dflow", text))
}

fn run_files(files: MemoryFiles) -> (Compiled, Vec<Plan>, Vec<String>) {
    let compiled = Session::new(files).load("a.dflow");
    let mut sink = compiled.diagnostics.clone();
    let plans = (0..compiled.program.maps.len())
        .filter_map(|map| compiled.plan(map, Options::default(), &mut sink))
        .collect();
    let messages = sink
        .iter()
        .map(|found| format!("{}: {}", found.code, found.message))
        .collect();
    (compiled, plans, messages)
}

const FIG_8: &str = "
Network VGG16 {
  Layer CONV1 {
    Type: CONV;
    Dimensions { N: 1, K: 64, C: 3, Y: 224, X: 224, R: 3, S: 3 }
    Dataflow {
      TemporalMap(1,1) N; TemporalMap(2,2) K; TemporalMap(3,3) C;
      SpatialMap(3,1) Y; TemporalMap(3,1) X; Cluster(3, P);
      SpatialMap(1,1) Y; SpatialMap(1,1) R; TemporalMap(3,3) S
    }
  }
}
Accelerator {
  PE     { NumPEs: 256; VectorWidth: 4; MultPrecision: INT8; AddPrecision: INT16 }
  Buffer { GlobalL2: 2048; LocalL1: 64 }          // bytes
  NoC    { Bandwidth: 64; AvgLatency: 2 }         // bytes per cycle; cycles
}
";

// The MAESTRO paper, Fig. 8, with the sizes that its section 3 gives: 85 clusters of 3 PEs.
#[test]
fn figure_8_lowers() {
    let (compiled, plans, messages) = run(FIG_8);
    assert_eq!(messages, Vec::<String>::new());
    assert_eq!(
        compiled.program.networks[0].macs(),
        Some(64 * 3 * 9 * 222 * 222)
    );
    let lowered = plans[0].layers[0].lowered.as_ref().unwrap();
    let mapping = &lowered.mapping;
    let labels: Vec<String> = mapping
        .schedule
        .loops
        .iter()
        .flat_map(|l| &l.moves)
        .map(|step| lowered.origin(step.origin).unwrap().label.clone())
        .collect();
    assert_eq!(
        labels,
        [
            "TemporalMap(1,1) N",
            "TemporalMap(2,2) K",
            "TemporalMap(3,3) C",
            "SpatialMap(3,1) Y",
            "TemporalMap(3,1) X",
            "SpatialMap(1,1) Y",
            "SpatialMap(1,1) R",
            "TemporalMap(3,3) S"
        ]
    );
    let loops = &mapping.schedule.loops;
    assert_eq!(
        loops[3].kind,
        LoopKind::Spatial {
            array: 0,
            instances: 85
        }
    );
    assert_eq!(loops[3].moves[0].axis, Axis::Window(0));
    assert_eq!(
        loops[5].kind,
        LoopKind::Spatial {
            array: 0,
            instances: 3
        }
    );
    assert_eq!(loops[5].moves.len(), 2);
    assert_eq!((loops[4].level, loops[5].level), (0, 1));
    // DRAM outside, LocalL1 at the PE, GlobalL2 to be placed.
    assert_eq!(lowered.automatic, [1]);
    assert_eq!(mapping.schedule.positions[0], [Some(0); 3]);
    assert_eq!(mapping.schedule.positions[2], [Some(7); 3]);
    assert_eq!(mapping.operation.tensors[2].bits, 16);
    assert_eq!(mapping.architecture.memories[2].capacity_bits, Some(512));
    assert!(mapping.architecture.memories[2].double_buffered);
    assert!(!mapping.architecture.memories[1].double_buffered);
    assert_eq!(mapping.architecture.arrays[0].network.latency, 2);
}
