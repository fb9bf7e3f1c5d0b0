//! LoopTree's points and the published fused designs, from text to counts.
//!
//! Every file of `data/looptree` is a program in `tests/looptree`, or an example; expected figures come from those files
//! (named at each test), from the papers, or from closed forms that the test spells out.

use crate::fused::points;
use dflowc::diag::Diagnostics;
use dflowc::driver::{Compiled, OsFiles, Session};
use dflowc::engine::fused::{Flow, StageFlow, TensorFlow, count};
use dflowc::evaluate::{self, Cache, Request, Selection, Until};
use dflowc::ir::OperationKind;
use dflowc::lower::{LoweredGroup, Options};
use dflowc::models;
use dflowc::report::fused::GroupReport;

/// A group of a program, counted at the peak rates of its arrays.
struct Counted {
    lowered: LoweredGroup,
    flow: Flow,
}

fn load(path: &str) -> Compiled {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    let compiled = Session::new(OsFiles).load(&path);
    let said: Vec<_> = compiled.diagnostics.iter().collect();
    assert!(said.is_empty(), "{path}: {said:#?}");
    compiled
}

/// The groups of the map called `name`, in order.
fn groups(compiled: &Compiled, name: &str) -> Vec<Counted> {
    let mut maps = compiled.program.maps.iter();
    let map = maps.find(|map| map.name == name).expect(name);
    let mut sink = Diagnostics::new();
    let counted = (0..map.groups.len())
        .map(|group| {
            let lowered = compiled.plan_group(map, group, &mut sink);
            let lowered =
                lowered.unwrap_or_else(|| panic!("{name}: {:#?}", sink.iter().collect::<Vec<_>>()));
            let rates: Vec<u64> = lowered.stages.iter().map(|stage| stage.peak).collect();
            let flow = count(&lowered.group, &rates).expect(name);
            Counted { lowered, flow }
        })
        .collect();
    assert!(sink.is_empty(), "{name}");
    counted
}

/// The only group of a map.
fn group(compiled: &Compiled, name: &str) -> Counted {
    let mut groups = groups(compiled, name);
    assert_eq!(groups.len(), 1, "{name}");
    groups.remove(0)
}

impl Counted {
    fn index(&self, tensor: &str) -> usize {
        let mut names = self.lowered.tensors.iter();
        let known = names.position(|names| {
            names.name == tensor || names.aliases.iter().any(|alias| alias == tensor)
        });
        known.unwrap_or_else(|| panic!("{tensor} in {:?}", self.lowered.tensors))
    }

    fn tensor(&self, name: &str) -> TensorFlow {
        self.flow.tensors[self.index(name)]
    }

    fn stage(&self, name: &str) -> StageFlow {
        let mut stages = self.lowered.stages.iter();
        self.flow.stages[stages.position(|stage| stage.name == name).expect(name)]
    }

    fn bytes_of(&self, index: usize, elements: u64) -> u64 {
        elements * u64::from(self.lowered.group.tensors[index].bits) / 8
    }

    /// From and to the backing store.
    fn dram_bytes(&self) -> u64 {
        let tensors = self.flow.tensors.iter().enumerate();
        tensors
            .map(|(at, tensor)| self.bytes_of(at, tensor.dram_reads + tensor.dram_writes))
            .sum()
    }

    fn window_bytes(&self, name: &str) -> u64 {
        self.bytes_of(self.index(name), self.tensor(name).window)
    }

    fn live_bytes(&self, name: &str) -> u64 {
        self.bytes_of(self.index(name), self.tensor(name).live)
    }

    /// Latency in a pipeline and in sequence.
    fn cycles(&self) -> [u64; 2] {
        [self.flow.pipelined, self.flow.sequential]
    }

    fn recomputed(&self) -> u64 {
        self.flow
            .tensors
            .iter()
            .map(|tensor| tensor.recomputed)
            .sum()
    }
}

/// `data/looptree/lt_*.json`: steps, operations, reads and writes of the backing store, reused, refetched, computed,
/// recomputed, largest tile, window (`occ_window`), and latency both ways.
#[test]
fn every_point_of_the_data_is_a_program() {
    for point in points::all() {
        let name = point.name.trim_end_matches(".json");
        let compiled = load(&format!("tests/looptree/{name}.dflow"));
        let map = compiled.program.maps[0].name.clone();
        let counted = group(&compiled, &map);
        let names: Vec<&str> = counted
            .lowered
            .tensors
            .iter()
            .map(|tensor| tensor.name.as_str())
            .collect();
        let expected: &[&str] = match names[0] {
            "CA.I" => &["CA.I", "CA.W", "CA.A", "CB.W", "CB.B"],
            "C1.Input" => &[
                "C1.Input",
                "C1.Weight",
                "C1.Output",
                "C2.Weight",
                "C2.Output",
            ],
            _ => &[
                "PW1.Input",
                "PW1.Weight",
                "PW1.Output",
                "DW.Weight",
                "DW.Output",
                "PW2.Weight",
                "PW2.Output",
            ],
        };
        assert_eq!(names, expected);
        point.judge(&counted.flow);
    }
}

/// The reports of the groups of a map.
fn reports(compiled: &Compiled, name: &str) -> Vec<GroupReport> {
    let mut sink = Diagnostics::new();
    let request = Request {
        selection: &Selection::named(compiled, Some(name), None).expect(name),
        models: &[models::DEFAULT],
        until: Until::Evaluated,
        options: Options::default(),
        warnings: false,
    };
    let evaluations = evaluate::run(compiled, &request, &mut Cache::default(), &mut sink);
    let messages: Vec<_> = sink.iter().collect();
    assert!(messages.is_empty(), "{name}: {messages:#?}");
    let [evaluation] = <[_; 1]>::try_from(evaluations).expect(name);
    evaluation.groups
}

/// `data/looptree/table1_reconstruction.json`: `pipelined_exact`, `dram_bytes`, `dram_energy_uJ`, `saving_if_F3_tile`.
#[test]
fn table_1_is_an_example() {
    let compiled = load("examples/looptree_table1.dflow");
    // Cycles in a pipeline and in sequence; window and live bytes of the depthwise input; window of the last input.
    let points = [
        (
            "bottleneck_rows",
            [115_136, 263_424],
            [10_752, 10_752],
            3584,
        ),
        ("bottleneck_tiles", [113_736, 263_424], [10_752, 7360], 128),
        ("bottleneck_pixels", [113_702, 263_424], [10_752, 7264], 32),
        (
            "bottleneck_unpadded",
            [114_652, 267_040],
            [10_944, 7392],
            32,
        ),
    ];
    for (network, cycles, depthwise, last) in points {
        let name = format!("{network} on edge");
        let counted = group(&compiled, &name);
        assert_eq!(counted.cycles(), cycles, "{name}");
        let middle = "depthwise.Input";
        assert_eq!(
            [counted.window_bytes(middle), counted.live_bytes(middle)],
            depthwise,
            "{name}"
        );
        assert_eq!(counted.window_bytes("project.Input"), last, "{name}");
        assert_eq!(counted.recomputed(), 0, "{name}");
        let report = reports(&compiled, &name).remove(0);
        assert_eq!(report.cycles, cycles[0], "{name}");
        let between = u128::from(depthwise[0] + last);
        assert_eq!(report.intermediate_window_bytes, between, "{name}");
        assert_eq!(report.cycles_layer_by_layer, Some(cycles[1]), "{name}");
        if network == "bottleneck_unpadded" {
            continue;
        }
        assert_eq!(counted.dram_bytes(), 603_936, "{name}");
        assert_eq!(report.dram_bytes, 603_936, "{name}");
        assert_eq!(report.dram_bytes_layer_by_layer, Some(2_209_568), "{name}");
        let split = [report.energy_split, report.energy_split_layer_by_layer];
        let [fused, alone] = split.map(|split| split.expect("a technology").dram_pj);
        assert!((fused - 38_651_904.0).abs() < 1.0, "{name}: {fused}");
        assert!((alone - 141_412_352.0).abs() < 1.0, "{name}: {alone}");
    }
    // A quarter of what lies between the layers, when the last input is a tile: 3584 of 14,336 bytes, less the tile.
    let between = |network: &str| {
        let counted = group(&compiled, &format!("{network} on edge"));
        counted.window_bytes("depthwise.Input") + counted.window_bytes("project.Input")
    };
    let rows = between("bottleneck_rows");
    assert_eq!([rows, between("bottleneck_pixels")], [14_336, 10_784]);
    assert_eq!(3584 * 4, rows);
}

/// Alwani et al., MICRO 2016: the closed forms are spelled out in `fused::papers`.
#[test]
fn the_pyramid_of_vgg_e_is_an_example() {
    let compiled = load("examples/alwani_vgge.dflow");
    let counted = group(&compiled, "vgg_e5 on pyramid");
    // Kernel, stride, side and channels of the inputs, from the image on.
    let layers: [(&str, u64, u64, u64, u64); 7] = [
        ("conv1_1", 3, 1, 224, 3),
        ("conv1_2", 3, 1, 224, 64),
        ("pool1", 2, 2, 224, 64),
        ("conv2_1", 3, 1, 112, 64),
        ("conv2_2", 3, 1, 112, 128),
        ("pool2", 2, 2, 112, 128),
        ("conv3_1", 3, 1, 56, 128),
    ];
    let mut maps: Vec<String> = layers
        .iter()
        .map(|layer| format!("{}.Input", layer.0))
        .collect();
    maps.push("conv3_1.Output".to_owned());
    let moved: u64 = maps
        .iter()
        .map(|map| {
            let tensor = counted.tensor(map);
            counted.bytes_of(counted.index(map), tensor.dram_reads + tensor.dram_writes)
        })
        .sum();
    assert_eq!(moved, (224 * 224 * 3 + 56 * 56 * 256) * 4);
    assert_eq!(moved, 3_813_376);
    assert_eq!(counted.recomputed(), 0);
    for stage in &counted.flow.stages {
        assert_eq!(stage.operations, stage.unique);
    }
    // K - S rows, and K - S columns: of the new rows, or (the paper) of the tile but its K - S rows.
    let (mut carried, mut published) = (0, 0);
    let (mut tile, mut advance) = (1, 1);
    for (_, kernel, stride, side, channels) in layers.iter().rev() {
        tile = (tile - 1) * stride + kernel;
        advance *= stride;
        let kept = kernel - stride;
        carried += (kept * side + kept * advance) * channels * 4;
        published += (kept * side + kept * (tile - kept)) * channels * 4;
    }
    assert_eq!([carried, published], [355_680, 371_472]);
    let report = reports(&compiled, "vgg_e5 on pyramid").remove(0);
    assert_eq!(report.dram_bytes_feature_maps, 3_813_376);
    assert_eq!(report.carried_bytes, u128::from(carried));
}

/// The five strategies; every figure of the head of the example, by closed forms on 16x16 and 14x14 pixels.
#[test]
fn figure_1_is_an_example() {
    let compiled = load("examples/looptree_fig1.dflow");
    let weights = 4 * 24 + 24 * 9 + 24 * 4;
    let (image, f2, f3, result) = (4 * 256, 24 * 256, 24 * 196, 4 * 196);
    let alone = groups(&compiled, "a_layer_by_layer on chip");
    let moved: u64 = alone.iter().map(Counted::dram_bytes).sum();
    assert_eq!(moved, image + weights + 2 * f2 + 2 * f3 + result);
    assert_eq!(moved, 23_912);
    let fused = image + weights + result;
    // Seven rows of seven tiles: of each row 4 rows by 16 columns are computed, of which 2 were there before but for the
    // first.
    let tiles = 7 * 4 * 16;
    let points = [
        ("b_channels", fused, 3 * 256, 3 * 196, 256 * 24 * 4),
        (
            "c_row_buffers",
            fused,
            4 * 16 * 24,
            2 * 14 * 24,
            256 * 24 * 4,
        ),
        (
            "d_tile_buffers",
            tiles * 4 + weights + result,
            4 * 4 * 24,
            2 * 2 * 24,
            tiles * 24 * 4,
        ),
        ("e_per_map", fused, 4 * 16 * 24, 2 * 2 * 24, 256 * 24 * 4),
    ];
    for (network, moved, depthwise, narrow, operations) in points {
        let counted = group(&compiled, &format!("{network} on chip"));
        assert_eq!(counted.dram_bytes(), moved, "{network}");
        assert_eq!(
            counted.window_bytes("depthwise.Input"),
            depthwise,
            "{network}"
        );
        assert_eq!(counted.window_bytes("narrow.Input"), narrow, "{network}");
        assert_eq!(counted.stage("widen").operations, operations, "{network}");
        assert_eq!(counted.stage("widen").unique, 256 * 24 * 4, "{network}");
    }
    let channels = group(&compiled, "b_channels on chip");
    assert_eq!(channels.window_bytes("narrow.Output"), result);
}

/// A residual block: its input crosses the border once, though two layers read it.
#[test]
fn the_shortcut_of_a_bottleneck_is_read_once() {
    let compiled = load("examples/resnet50_bottleneck_fused.dflow");
    let counted = group(&compiled, "resnet50 on fused_block");
    let weights = 256 * 64 + 64 * 64 * 9 + 64 * 256;
    let pixels = 56 * 56;
    assert_eq!(counted.dram_bytes(), pixels * (256 + 256) + weights);
    // conv2_2a makes a row that the 3x3 convolution wants one step later, the addition takes it then.
    assert_eq!(counted.window_bytes("conv2_2a.Input"), 2 * 56 * 256);
    assert_eq!(counted.window_bytes("conv2_2b.Input"), 3 * 56 * 64);
    assert_eq!(counted.window_bytes("add2_2.Input"), 56 * 256);
    assert_eq!(counted.recomputed(), 0);
    let report = reports(&compiled, "resnet50 on fused_block").remove(0);
    assert_eq!(report.macs, u128::from(pixels * weights));
    assert_eq!(report.macs_unique, report.macs);
}

/// Rows of a depthwise layer with stride 2.
#[test]
fn a_stride_keeps_one_row_of_three() {
    let compiled = load("examples/mobilenet_v2_bottleneck_fused.dflow");
    let counted = group(&compiled, "bottleneck2 on fused_block");
    let weights = 16 * 96 + 96 * 9 + 96 * 24;
    assert_eq!(
        counted.dram_bytes(),
        112 * 112 * 16 + 56 * 56 * 24 + weights
    );
    assert_eq!(counted.window_bytes("depthwise.Input"), 3 * 112 * 96);
    assert_eq!(counted.window_bytes("project.Input"), 8 * 96);
    assert_eq!(counted.stage("expand").operations, 112 * 112 * 16 * 96);
    assert_eq!(counted.recomputed(), 0);
}

/// Logits stay on the chip, of a head or of 16 rows; queries, keys, values and the result move once.
#[test]
fn attention_moves_no_logits() {
    let tensors = 4 * 12 * 512 * 64;
    for (example, logits) in [("fused", 512 * 512), ("flat", 16 * 512)] {
        let compiled = load(&format!("examples/bert_attention_{example}.dflow"));
        let name = "attention on fused_block";
        let counted = group(&compiled, name);
        assert_eq!(counted.dram_bytes(), tensors, "{example}");
        assert_eq!(counted.window_bytes("softmax.S"), logits, "{example}");
        assert_eq!(counted.window_bytes("context.P"), logits, "{example}");
        assert_eq!(counted.window_bytes("scores.K"), 512 * 64, "{example}");
        let report = reports(&compiled, name).remove(0);
        assert_eq!(
            report.dram_bytes_layer_by_layer,
            Some(u128::from(tensors + 4 * 12 * 512 * 512))
        );
        assert_eq!(report.macs, 2 * 12 * 512 * 512 * 64);
    }
}

/// All of MobileNetV2: products of fused and single layers together are the network's.
#[test]
fn mobilenet_v2_is_fused_without_recomputation() {
    let compiled = load("examples/mobilenet_v2_fused.dflow");
    let groups = groups(&compiled, "mobilenet_v2 on fused_block");
    assert_eq!(groups.len(), 17);
    assert_eq!(groups.iter().map(Counted::recomputed).sum::<u64>(), 0);
    let residual = |group: &&Counted| group.lowered.name.ends_with("_add");
    assert_eq!(groups.iter().filter(residual).count(), 10);
    let mut products: u64 = 0;
    for group in &groups {
        for (stage, flow) in group.lowered.group.stages.iter().zip(&group.flow.stages) {
            assert_eq!(flow.operations, flow.unique, "{}", group.lowered.name);
            if stage.kind == OperationKind::MultiplyAccumulate {
                products += flow.operations;
            }
        }
    }
    // conv1, conv_last and fc are not in any group.
    let alone = 112 * 112 * 32 * 27 + 49 * 320 * 1280 + 1280 * 1000;
    assert_eq!(products + alone, 300_774_272);
}
