//! Published fused designs, too large for the oracle: the engine gives their figures.

use super::build::{Builder, affine, plain};
use super::points::bottleneck;
use dflowc::engine::fused::{Analysis, Flow, count, oracle};
use dflowc::ir::{Fate, FusedGroup, OperationKind};

/// Bytes from and to the backing store.
fn bytes(group: &FusedGroup, flow: &Flow, tensors: &[usize]) -> u64 {
    let moved = |&t: &usize| {
        let of = &flow.tensors[t];
        (of.dram_reads + of.dram_writes) * u64::from(group.tensors[t].bits) / 8
    };
    tensors.iter().map(moved).sum()
}

/// ISPASS 2023, Table I, as reconstructed in `data/looptree/table1_reconstruction.json` (`pipelined_exact`): the first
/// bottleneck of MobileNetV2, pointwise stages of 128 MACs per cycle, the depthwise one of 32.
#[test]
fn table_1_of_looptree() {
    // Tile, padding, cycles pipelined and in sequence, live and row window of F2, tile and row of F3, in bytes.
    let points = [
        ([1, 1], 1, [113_702, 263_424], [7264, 10_752], [32, 3584]),
        ([1, 1], 0, [114_652, 267_040], [7392, 10_944], [32, 3584]),
        (
            [1, 112],
            1,
            [115_136, 263_424],
            [10_752, 10_752],
            [3584, 3584],
        ),
        ([1, 4], 1, [113_736, 263_424], [7360, 10_752], [128, 3584]),
    ];
    for (tile, pad, cycles, f2, f3) in points {
        let mut group = bottleneck([32, 32, 16], 112, pad, tile);
        let flow = count(&group, &[128, 32, 128]).expect("countable");
        assert_eq!([flow.pipelined, flow.sequential], cycles, "{tile:?} {pad}");
        let (second, third) = (flow.tensors[2], flow.tensors[4]);
        assert_eq!([second.live, second.window], f2, "{tile:?} {pad}");
        assert_eq!(third.window, f3[0], "{tile:?} {pad}");
        assert_eq!([second.recomputed, third.recomputed], [0, 0]);
        // Kept per row instead, F3 takes a row.
        group.tensors[4].keep = Some(1);
        let flow = count(&group, &[128, 32, 128]).expect("countable");
        assert_eq!(flow.tensors[4].window, f3[1], "{tile:?} {pad}");
        if pad == 1 {
            // `dram_bytes`: the input, all weights and the output once.
            let all: Vec<usize> = (0..group.tensors.len()).collect();
            assert_eq!(bytes(&group, &flow, &all), 603_936);
        }
    }
}

/// A layer of VGG-E: kernel, padding and stride along both axes, the side of its input, its channels, and those of its
/// result (a pool where they are the same and the stride is 2).
struct Layer {
    kernel: u64,
    pad: u64,
    stride: u64,
    side: u64,
    channels: u64,
    results: u64,
}

/// The first five convolutions of VGG-E and the two pools between them, for images of `side` x `side`.
fn vgg_e(side: u64) -> Vec<Layer> {
    let conv = |side, channels, results| Layer {
        kernel: 3,
        pad: 1,
        stride: 1,
        side,
        channels,
        results,
    };
    let pool = |side, channels| Layer {
        kernel: 2,
        pad: 0,
        stride: 2,
        side,
        channels,
        results: channels,
    };
    vec![
        conv(side, 3, 64),
        conv(side, 64, 64),
        pool(side, 64),
        conv(side / 2, 64, 128),
        conv(side / 2, 128, 128),
        pool(side / 2, 128),
        conv(side / 4, 128, 256),
    ]
}

/// The layers, fused, computed one pixel of the last map at a time; every map kept in rows. Gives the maps too: what
/// the layers read, and the result.
fn pyramid(layers: &[Layer]) -> (FusedGroup, Vec<usize>) {
    let mut b = Builder::default();
    let side = layers[0].side;
    let mut maps = vec![b.input(&[layers[0].channels, side, side])];
    for layer in layers {
        let outputs = (layer.side + 2 * layer.pad - layer.kernel) / layer.stride + 1;
        let (k, c) = (layer.kernel, layer.channels);
        let map = maps[maps.len() - 1];
        let slide = |output, tap| {
            affine(
                &[(output, layer.stride as i64), (tap, 1)],
                -(layer.pad as i64),
            )
        };
        let made = if layer.stride == 1 {
            // Ranks K P Q C R S.
            let weight = b.weight(&[layer.results, c, k, k]);
            let reads = vec![affine(&[(3, 1)], 0), slide(1, 4), slide(2, 5)];
            b.stage(
                &[layer.results, outputs, outputs, c, k, k],
                vec![(map, reads), (weight, plain(&[0, 3, 4, 5]))],
                &[0, 1, 2],
            )
        } else {
            // Ranks C P Q R S.
            let ranks = [c, outputs, outputs, k, k].map(|extent| (extent, None));
            let reads = vec![affine(&[(0, 1)], 0), slide(1, 3), slide(2, 4)];
            b.stage_of(
                OperationKind::Reduce,
                &ranks,
                vec![(map, reads)],
                &[0, 1, 2],
            )
        };
        maps.push(made);
    }
    for tensor in &mut b.tensors {
        (tensor.bits, tensor.partial_bits) = (32, 32);
    }
    for &map in &maps {
        b.tensors[map].keep = Some(1);
        b.tensors[map].fate = Fate::Retain;
    }
    (b.group(&[(1, 1), (2, 1)]), maps)
}

/// Sum over the layers of what a sliding window keeps: K - S rows of the map, and K - S columns of the `rows` that the
/// tile has above them; in bytes of 4 per value.
fn kept(layers: &[Layer], rows: impl Fn(usize, &Layer) -> u64) -> u64 {
    let layers = layers.iter().enumerate();
    let of = |(at, layer): (usize, &Layer)| {
        let kept = layer.kernel - layer.stride;
        (kept * layer.side + kept * rows(at, layer)) * layer.channels * 4
    };
    layers.map(of).sum()
}

/// New rows of a layer's input per step, when everything else is reused: the strides from here to the tip.
fn advance(layers: &[Layer], at: usize) -> u64 {
    layers[at..].iter().map(|layer| layer.stride).product()
}

/// Alwani et al., MICRO 2016: the first five convolutions of VGG-E with everything reused.
#[test]
fn the_pyramid_of_vgg_e() {
    let layers = vgg_e(224);
    let (group, maps) = pyramid(&layers);
    let flow = count(&group, &[1; 7]).expect("countable");
    // Feature maps move once: the image in, the last map out, (224 * 224 * 3 + 56 * 56 * 256) * 4 bytes.
    assert_eq!(bytes(&group, &flow, &maps), 3_813_376);
    for (stage, layer) in flow.stages.iter().zip(&layers) {
        assert_eq!(stage.operations, stage.unique);
        let outputs = layer.side / layer.stride;
        let each = layer.kernel * layer.kernel * layer.results;
        let channels = if layer.stride == 1 { layer.channels } else { 1 };
        assert_eq!(stage.operations, outputs * outputs * each * channels);
    }
    // Live elements of every map, from the first and the last step in which each element is wanted (counted apart from
    // engine and oracle).
    let live: Vec<u64> = maps.iter().map(|&map| flow.tensors[map].live).collect();
    let expected = [1548, 32_512, 9216, 15_360, 29_952, 2048, 14_720, 256];
    assert_eq!(live, expected);
    // The paper's closed form, 362 KB: K - S columns of the whole tile of each layer (h - K + S rows above the others),
    // with the tile of a tip of one pixel: 3, 6, 8, 10, 20, 22, 24.
    let mut tiles = vec![];
    let mut tile = 1;
    for layer in layers.iter().rev() {
        tile = (tile - 1) * layer.stride + layer.kernel;
        tiles.insert(0, tile);
    }
    let published = kept(&layers, |at, layer| tiles[at] - layer.kernel + layer.stride);
    assert_eq!(published, 371_472);
    // What is really carried from one step to the next: columns of the new rows only.
    assert_eq!(kept(&layers, |at, _| advance(&layers, at)), 355_680);
    let carried = Analysis::new(&group).and_then(|analysis| analysis.carried_bits(&maps));
    assert_eq!(carried, Ok(355_680 * 8));
}

/// The same closed form, against the masks: a smaller image, and pixels of one channel with the bits of all.
#[test]
fn a_small_pyramid_carries_rows_and_the_columns_of_the_new_ones() {
    let layers = vgg_e(40);
    let thin: Vec<Layer> = layers
        .iter()
        .map(|layer| Layer {
            channels: 1,
            results: 1,
            ..*layer
        })
        .collect();
    let (mut group, maps) = pyramid(&thin);
    for (&map, layer) in maps.iter().zip(&layers) {
        group.tensors[map].bits = layer.channels as u32 * 32;
    }
    let bits = oracle::carried(&group, &maps, 1_000_000_000).expect("small enough");
    let carried = kept(&layers, |at, _| advance(&layers, at));
    assert_eq!(bits, u128::from(carried) * 8);
}
