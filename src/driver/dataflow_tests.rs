//! Both forms of dataflows as loops and places, and what is refused before anybody counts.

use super::tests::{loops, run};
use crate::ir::{Links, LoopKind, Ports, Rate};
use crate::lower::Lowered;

const HARDWARE: &str = "Accelerator acc {
  Memory DRAM {} Memory SPM { Size: 64KiB }
  Array PE { Shape: [16, 8] } Memory RF { Size: 512 } Compute MAC { Lanes: 1 } }";

const LAYER: &str =
    "Type: CONV; Dimensions { K: 64, C: 128, Y: 14, X: 14, R: 3, S: 3 } Padding { Y: 1, X: 1 }";

fn map(layer: &str, hardware: &str, dataflow: &str) -> String {
    format!(
        "Network net {{ Layer l {{ {layer} }} }} {hardware}
         Map net on acc {{ l: {{ {dataflow} }}; }}"
    )
}

fn lowered(layer: &str, hardware: &str, dataflow: &str) -> Lowered {
    let (_, mut plans, messages) = run(&map(layer, hardware, dataflow));
    assert_eq!(messages, Vec::<String>::new());
    plans.remove(0).layers.remove(0).lowered.unwrap()
}

fn instances(lowered: &Lowered) -> Vec<u64> {
    lowered
        .mapping
        .schedule
        .loops
        .iter()
        .filter(|l| l.kind != LoopKind::Temporal)
        .map(|l| l.instances())
        .collect()
}

// The example of language.md 7.2 (its names): K over 16 rows of PEs, P and Q over one axis of 8.
#[test]
fn loop_form() {
    let lowered = lowered(
        LAYER,
        HARDWARE,
        "at DRAM { tile K by 64; tile C by 64; }
         at SPM { tile C by 8; }
         spread K by 16 over PE[0]; spread P by 1 over PE[1]; spread Q by 1 over PE[1];
         retain Weight in RF;
         at RF { tile Q by 1; tile C by 1; }",
    );
    assert_eq!(
        loops(&lowered),
        [
            "tile K by 64",
            "tile C by 64",
            "tile C by 8",
            "spread K by 16 over PE[0]",
            "spread P by 1 over PE[1]",
            "spread Q by 1 over PE[1]",
            "tile Q by 1",
            "tile C by 1"
        ]
    );
    // 64 / 16 pieces of K; Q takes all 8 of its axis (14 pieces), nothing is left for P.
    assert_eq!(instances(&lowered), [4, 1, 8]);
    let schedule = &lowered.mapping.schedule;
    assert_eq!(schedule.leaf, 6);
    // SPM behind the loops at DRAM; RF before its own.
    assert_eq!(schedule.positions[1], [Some(2); 3]);
    assert_eq!(schedule.positions[2], [Some(6); 3]);
    assert_eq!(lowered.automatic, Vec::<usize>::new());
    assert_eq!(lowered.fixed, [(2, 1)]);
}

#[test]
fn spreads_nest_inside_tiles() {
    // Q in pieces of 4, so only 4 of the 8 are needed; two are left for P.
    let lowered = lowered(
        LAYER,
        HARDWARE,
        "tile Q by 4; spread P by 1 over PE[1]; spread Q by 1 over PE[1]; spread C by 8 over PE[0];",
    );
    assert_eq!(instances(&lowered), [2, 4, 16]);
    assert_eq!(lowered.automatic, [1]);
    let whole = super::dataflow_tests::lowered(LAYER, HARDWARE, "spread K by 1 over PE;");
    assert_eq!(instances(&whole), [64]);
}

#[test]
fn retain_and_bypass() {
    let lowered = lowered(
        LAYER,
        HARDWARE,
        "tile K by 8; retain l.Weight in SPM; tile C by 8; retain Output in SPM; tile P by 1; bypass Input in SPM;",
    );
    let positions = &lowered.mapping.schedule.positions;
    assert_eq!(positions[1], [None, Some(1), Some(2)]);
    assert_eq!(positions[2], [Some(3); 3]);
    assert_eq!(lowered.fixed, [(1, 0), (1, 1), (1, 2)]);
}

#[test]
fn several_arrays() {
    let nested = "Accelerator acc {
      Memory DRAM {} Array Tile { Shape: [4] } Memory SPM { Size: 64KiB }
      Array Row { Shape: [8] } Array PE { Shape: [2, 4] } Memory RF { Size: 4KiB } Compute MAC { Lanes: 1 } }";
    let lowered = lowered(
        LAYER,
        nested,
        "SpatialMap(1,1) K; Cluster(16); SpatialMap(1,1) C; Cluster(4); SpatialMap(1,1) Y';",
    );
    let spatial: Vec<(usize, u64)> = lowered
        .mapping
        .schedule
        .loops
        .iter()
        .filter_map(|l| Some((l.array()?, l.instances())))
        .collect();
    // Row and PE have no memory between them: 64 in all, clusters of 4, so that C goes over the 8 rows and over
    // two halves of the 8 PEs of each.
    assert_eq!(spatial, [(0, 4), (1, 8), (2, 2), (2, 4)]);
    let moves = |at: usize| {
        let m = lowered.mapping.schedule.loops[at].moves[0];
        (m.size, m.offset)
    };
    assert_eq!([moves(1), moves(2), moves(3)], [(2, 2), (1, 1), (1, 1)]);
    assert_eq!(lowered.mapping.architecture.arrays[1].shape, [8]);
    assert_eq!(lowered.mapping.architecture.arrays[2].shape, [2, 4]);
    assert_eq!(lowered.mapping.architecture.memories[2].arrays_above, 3);
    let tiled = super::dataflow_tests::lowered(
        LAYER,
        nested,
        "at DRAM { tile K by 16; } spread K by 4 over Tile; at SPM { tile C by 8; } spread C by 1 over Row;",
    );
    assert_eq!(tiled.mapping.schedule.positions[1], [Some(2); 3]);
    let (_, _, messages) = run(&map(
        LAYER,
        nested,
        "SpatialMap(1,1) K; Cluster(8); SpatialMap(1,1) C;",
    ));
    assert_eq!(messages.len(), 1);
    assert!(messages[0].starts_with("E0505"), "{messages:?}");
}

// Clusters of 3 of 2 x 4 PEs: the second lies across both tiles.
#[test]
fn a_level_across_arrays_joins_those_that_are_alike() {
    let tiles = |network: &str| {
        format!(
            "Accelerator acc {{ Memory DRAM {{}} Array Tile {{ Shape: [2]; {network} }}
             Array PE {{ Shape: [4] }} Memory RF {{}} Compute MAC {{}} }}"
        )
    };
    let dataflow = "SpatialMap(1,1) K; Cluster(3); SpatialMap(1,1) C;";
    let alike = lowered(LAYER, &tiles(""), dataflow);
    assert_eq!(instances(&alike), [2, 3]);
    assert_eq!(alike.mapping.architecture.arrays.len(), 1);
    assert_eq!(alike.mapping.architecture.arrays[0].shape, [2, 4]);
    assert_eq!(alike.names.arrays, ["Tile x PE"]);
    let (_, _, messages) = run(&map(LAYER, &tiles("NoC { Multicast: false }"), dataflow));
    assert_eq!(messages.len(), 1);
    assert!(messages[0].starts_with("E0505"), "{messages:?}");
    // Clusters of 4 end with a tile: every array keeps its own network.
    let own = lowered(
        LAYER,
        &tiles("NoC { Multicast: false }"),
        "SpatialMap(1,1) K; Cluster(4); SpatialMap(1,1) C;",
    );
    let arrays: Vec<Option<usize>> = own
        .mapping
        .schedule
        .loops
        .iter()
        .map(|l| l.array())
        .collect();
    assert_eq!(arrays, [Some(0), Some(1)]);
    let multicast: Vec<bool> = own
        .mapping
        .architecture
        .arrays
        .iter()
        .map(|array| array.network.multicast)
        .collect();
    assert_eq!(multicast, [false, true]);
}

// Kernel rows and input rows move together, over 2 tiles of 4 PEs: tile t has the rows 4t to 4t + 3.
#[test]
fn a_diagonal_over_two_arrays() {
    let lowered = lowered(
        "Type: CONV; Dimensions { K: 1, C: 1, Y: 12, X: 8, R: 5, S: 1 }",
        "Accelerator acc { Memory DRAM {} Array Tile { Shape: [2] } Array PE { Shape: [4] }
         Memory RF {} Compute MAC {} }",
        "TemporalMap(5,1) Y; Cluster(8); SpatialMap(1,1) Y; SpatialMap(1,1) R;",
    );
    let moves: Vec<Vec<(u64, u64)>> = lowered.mapping.schedule.loops[1..]
        .iter()
        .map(|l| l.moves.iter().map(|m| (m.size, m.offset)).collect())
        .collect();
    assert_eq!(moves, [[(4, 4), (4, 4)], [(1, 1), (1, 1)]]);
}

const TREE: &str =
    "Accelerator acc { Memory DRAM {} Array PE { Shape: [2] } Memory Sum { Holds: Output }
  Array Dot { Shape: [8]; NoC { Reduction: true } } Compute MAC {} }";
const PRODUCT: &str = "Type: FC; Dimensions { N: 1, K: 4, C: 64 }";

// An adder tree of eight products into one register: the register's tile lies before the loop over the tree.
#[test]
fn arrays_inside_the_innermost_memory() {
    let loop_form = lowered(
        PRODUCT,
        TREE,
        "at DRAM { tile C by 8; } spread K by 2 over PE; at Sum { tile K by 1; } spread C by 1 over Dot[0];",
    );
    let schedule = &loop_form.mapping.schedule;
    assert_eq!((schedule.steps, schedule.leaf), (2, 4));
    assert_eq!(schedule.positions[1], [None, None, Some(2)]);
    assert_eq!(loop_form.mapping.architecture.memories[1].arrays_above, 1);
    assert_eq!(instances(&loop_form), [2, 8]);
    let directives = lowered(
        PRODUCT,
        TREE,
        "SpatialMap(2,2) K; TemporalMap(8,8) C; Cluster(8); SpatialMap(1,1) C; TemporalMap(1,1) K;",
    );
    let schedule = &directives.mapping.schedule;
    assert_eq!((schedule.steps, schedule.leaf), (2, 4));
    assert_eq!(instances(&directives), [2, 8]);
    for behind in [
        "spread C by 1 over Dot; tile K by 1;",
        "spread C by 1 over Dot; spread K by 1 over PE;",
        "spread C by 1 over Dot; at Sum { tile K by 1; }",
        "at Sum { spread K by 2 over PE; }",
    ] {
        let (_, _, messages) = run(&map(PRODUCT, TREE, behind));
        assert_eq!(messages.len(), 1, "{behind}: {messages:?}");
        let code = if behind.starts_with("at") {
            "E0104"
        } else {
            "E0502"
        };
        assert!(messages[0].starts_with(code), "{messages:?}");
    }
}

// Streaming: K in pieces of 8 over the tree, which comes last; what is left of the tree is 1, and nothing goes over PE.
#[test]
fn streaming_over_an_array_inside() {
    let text = format!("Network net {{ Layer l {{ {PRODUCT} }} }} {TREE} Map net on acc {{ }}")
        .replace("K: 4", "K: 20");
    let (_, mut plans, messages) = run(&text);
    assert_eq!(messages, Vec::<String>::new());
    let lowered = plans.remove(0).layers.remove(0).lowered.unwrap();
    let schedule = &lowered.mapping.schedule;
    let loops: Vec<(Option<usize>, u64, u64)> = schedule
        .loops
        .iter()
        .map(|l| (l.array(), l.instances(), l.moves[0].size))
        .collect();
    assert_eq!(loops, [(None, 1, 8), (None, 1, 1), (Some(1), 8, 1)]);
    assert_eq!((schedule.steps, schedule.leaf), (2, 3));
    assert_eq!(schedule.positions[1], [None, None, Some(2)]);
}

#[test]
fn ports_links_and_formats() {
    let lowered = lowered(
        "Type: EINSUM; Ranks { M: 2, N: 4, E: 8 } Compute: S[m,n] += Q[m,e] * K[n,e];
         Precision { K: INT4, Input: INT16 } Density { Q: 0.5 }",
        "Accelerator acc {
           Precision { Input: INT8, Weight: INT12, PartialSum: INT40, Output: INT8 }
           Memory DRAM { Bandwidth: 2B/cycle }
           Memory GLB { Size: 1KiB; Banks: 4; Overlap; ReadBandwidth: 1B/cycle }
           Array PE { Shape: [2]; NoC { Skew: 1cycle; Bandwidth { Input: 2B/cycle, Output: 8B/cycle } } }
           Memory RF {} Compute MAC {} }",
        "TemporalMap(1,1) M;",
    );
    let bits: Vec<(u32, u32, f64)> = lowered
        .mapping
        .operation
        .tensors
        .iter()
        .map(|tensor| (tensor.bits, tensor.partial_bits, tensor.density))
        .collect();
    // Q is an Input of the layer's INT16; K would be a Weight and has a word of its own.
    assert_eq!(bits, [(16, 16, 0.5), (4, 4, 1.0), (8, 40, 1.0)]);
    let architecture = &lowered.mapping.architecture;
    let rate = |bits| Rate { bits, cycles: 1 };
    assert_eq!(architecture.memories[0].ports, Ports::One(rate(16)));
    let (read, write) = (Some(rate(8)), None);
    let buffer = &architecture.memories[1];
    assert_eq!(buffer.ports, Ports::Two { read, write });
    assert_eq!(
        (buffer.banks, buffer.streams, buffer.double_buffered),
        (4, true, false)
    );
    let network = architecture.arrays[0].network;
    assert_eq!((network.skew, network.latency), (1, None));
    let links = Links::PerTensor {
        input: Some(rate(16)),
        weight: None,
        output: Some(rate(64)),
    };
    assert_eq!(network.links, links);
}

#[test]
fn other_layer_types() {
    for (layer, dataflow, expected) in [
        (
            "Type: EINSUM; Ranks { B: 2, M: 6, N: 6, E: 4 } Compute: S[b,m,n] += Q[b,m,e] * K[b,n,e];",
            "TemporalMap(1,1) b; SpatialMap(1,1) M; TemporalMap(2,2) E;",
            vec![
                "TemporalMap(1,1) b",
                "SpatialMap(1,1) M",
                "TemporalMap(2,2) E",
            ],
        ),
        (
            "Type: FC; Dimensions { N: 2, K: 8, C: 6 }",
            "TemporalMap(1,1) B; TemporalMap(1,1) M; SpatialMap(Sz(N)/4,2) N; TemporalMap(Sz(B),1) K;",
            vec![
                "TemporalMap(1,1) M",
                "SpatialMap(2,2) N",
                "TemporalMap(1,1) K",
            ],
        ),
        (
            "Type: LSTM; Steps: 3; Dimensions { D: 4, H: 2 }",
            "TemporalMap(Sz(H),Sz(H)) K; SpatialMap(1,1) C;",
            // The steps are the outermost loop of every dataflow.
            vec!["Steps", "TemporalMap(2,2) K", "SpatialMap(1,1) C"],
        ),
        (
            "Type: TRCONV; Dimensions { K: 2, C: 2, Y: 4, X: 4, R: 2, S: 2 } Stride { Y: 2, X: 2 }",
            "SpatialMap(1,1) Y; TemporalMap(1,1) X; TemporalMap(1,1) R;",
            vec![
                "SpatialMap(1,1) Y",
                "TemporalMap(1,1) X",
                "TemporalMap(1,1) R",
            ],
        ),
        (
            "Type: ADD; Inputs: external, external; Dimensions { C: 2, Y: 4, X: 4 }",
            "SpatialMap(1,1) Y; TemporalMap(1,1) X';",
            vec!["SpatialMap(1,1) Y", "TemporalMap(1,1) X'"],
        ),
        (
            "Type: POOL; Op: avg; Dimensions { C: 2, Y: 4, X: 4, R: 2, S: 2 } Stride { Y: 2, X: 2 }",
            "TemporalMap(2,2) Y; SpatialMap(1,1) Q;",
            vec!["TemporalMap(2,2) Y", "SpatialMap(1,1) Q"],
        ),
    ] {
        assert_eq!(loops(&lowered(layer, HARDWARE, dataflow)), expected);
    }
}

// MACs of a transposed convolution are its (input, kernel) pairs; its outputs overlap where stride < kernel.
#[test]
fn transposed_convolution_is_indexed_exactly() {
    let lowered = lowered(
        "Type: TRCONV; Dimensions { K: 2, C: 3, Y: 4, X: 4, R: 3, S: 3 } Stride { Y: 2, X: 2 } Padding { Y: 1, X: 1 }",
        HARDWARE,
        "TemporalMap(1,1) K;",
    );
    let operation = &lowered.mapping.operation;
    assert_eq!(operation.volume(), Some(2 * 3 * 4 * 4 * 3 * 3));
    assert!(operation.windows.is_empty());
    // Row 2*Y + R - 1 of (4-1)*2 + 3 - 2 = 7.
    let row = &operation.tensors[2].dims[3];
    assert_eq!((row.extent, row.constant), (7, -1));
    assert_eq!(
        row.terms.iter().map(|t| t.coefficient).collect::<Vec<_>>(),
        [2, 1]
    );
}

#[test]
fn refusals() {
    for (dataflow, expected) in [
        (
            "TemporalMap(65,65) K;",
            "E0401: a window of 65 is larger than K, which is 64 in `l`",
        ),
        ("TemporalMap(0,1) K;", "E0401"),
        ("TemporalMap(1,0) K;", "E0401"),
        ("TemporalMap(Sz(K)-100,1) K;", "E0401"),
        ("TemporalMap(17,17) Y;", "E0401"),
        (
            "SpatialMap(1,1) K; Cluster(129);",
            "E0405: the clusters need 129 PEs, the accelerator has 128",
        ),
        ("Cluster(0); SpatialMap(1,1) K;", "E0401"),
        ("SpatialMap(1,1) K; SpatialMap(1,1) K;", "E0404"),
        ("TemporalMap(1,1) D;", "E0207"),
        ("TemporalMap(Sz(M),1) K;", "E0207"),
        ("tile M by 2;", "E0207"),
        ("at SRAM { tile K by 2; }", "E0502"),
        ("spread K by 2 over PES;", "E0502"),
        ("spread K by 2 over PE[2];", "E0502"),
        ("at SPM { tile K by 2; } at DRAM { tile C by 2; }", "E0502"),
        ("at RF { tile K by 2; } tile C by 2;", "E0502"),
        ("retain Weight in RF; spread K by 1 over PE;", "E0502"),
        ("retain Wait in SPM;", "E0201"),
        ("spread K by 2 over PE; SpatialMap(1,1) C;", "E0104"),
        (
            "TemporalMap(1,1) K; TemporalMap(64/(Sz(R)-3),1) C;",
            "E0307",
        ),
        ("TemporalMap(Sz(C)/3,Sz(C)/3) C;", "W0301"),
    ] {
        let (_, plans, messages) = run(&map(LAYER, HARDWARE, dataflow));
        assert!(
            messages
                .first()
                .is_some_and(|found| found.starts_with(expected)),
            "{dataflow}: {messages:?}"
        );
        let warned = expected.starts_with('W');
        assert_eq!(plans[0].layers[0].lowered.is_some(), warned, "{dataflow}");
    }
}

#[test]
fn a_window_too_large_is_clipped_on_request() {
    let compiled = super::Session::new(
        super::MemoryFiles::new().with("a", &map(LAYER, HARDWARE, "TemporalMap(100,100) K;")),
    )
    .load("a");
    let mut sink = crate::diag::Diagnostics::new();
    let clip = crate::lower::Options { clip: true };
    let plan = compiled.plan(0, clip, &mut sink).unwrap();
    assert!(!sink.has_errors() && sink.iter().count() == 1);
    let lowered = plan.layers[0].lowered.as_ref().unwrap();
    assert_eq!(lowered.mapping.schedule.loops[0].moves[0].size, 64);
}

// Everything that is wrong with a dataflow in one run, and nothing that follows from it.
#[test]
fn all_mistakes_of_a_dataflow() {
    let (_, _, messages) = run(&map(
        LAYER,
        HARDWARE,
        "TemporalMap(99,99) K; SpatialMap(0,1) C; Cluster(600); SpatialMap(1,1) R; TemporalMap(4,4) S;",
    ));
    let codes: Vec<&str> = messages.iter().map(|found| &found[..5]).collect();
    assert_eq!(codes, ["E0405", "E0401", "E0401", "E0401"]);
}
