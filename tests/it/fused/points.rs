//! Points that were counted by explicit masks before there was any dflow: `data/looptree/lt_*.json`, and the
//! two 3x3 convolutions of the design's section on fused layers.

use super::build::{Builder, affine, plain};
use dflowc::engine::fused::{Flow, TensorFlow};
use dflowc::ir::{Fate, FusedGroup};

/// One tensor as the files have it: reads and writes of the backing store, reused, refetched, first fetch,
/// computed, recomputed, `max_tile`, `occ_window`.
pub type Row = [u64; 9];

/// A group and what its file says.
pub struct Point {
    /// The file, or where else the figures come from.
    pub name: &'static str,
    pub group: FusedGroup,
    pub steps: u64,
    pub operations: Vec<u64>,
    pub tensors: Vec<Row>,
    pub sequential: u64,
    pub pipelined: u64,
}

pub fn row(tensor: &TensorFlow) -> Row {
    [
        tensor.dram_reads,
        tensor.dram_writes,
        tensor.reused,
        tensor.refetched,
        tensor.first_fetch,
        tensor.computed,
        tensor.recomputed,
        tensor.tile,
        tensor.window,
    ]
}

impl Point {
    /// Asserts that `flow`, counted with one operation per cycle, is what the file says.
    pub fn judge(&self, flow: &Flow) {
        let name = self.name;
        assert_eq!(flow.steps, self.steps, "{name}: steps");
        let operations: Vec<u64> = flow.stages.iter().map(|stage| stage.operations).collect();
        assert_eq!(operations, self.operations, "{name}: operations");
        for (t, (tensor, expected)) in flow.tensors.iter().zip(&self.tensors).enumerate() {
            assert_eq!(&row(tensor), expected, "{name}: tensor {t}");
        }
        assert_eq!(flow.sequential, self.sequential, "{name}: sequential");
        assert_eq!(flow.pipelined, self.pipelined, "{name}: pipelined");
    }
}

/// Tensors of [`lines`]: I WA A WB B.
pub const LINES: [usize; 5] = [0, 1, 2, 3, 4];

/// Two 3-tap convolutions of a line: 20 -> 18 -> 16.
pub fn lines(tile: u64, input: Option<usize>, middle: Option<usize>, fate: Fate) -> FusedGroup {
    let mut b = Builder::default();
    let i = b.input(&[20]);
    let wa = b.weight(&[3]);
    let tap = || vec![affine(&[(0, 1), (1, 1)], 0)];
    let a = b.stage(&[18, 3], vec![(i, tap()), (wa, plain(&[1]))], &[0]);
    let wb = b.weight(&[3]);
    let out = b.stage(&[16, 3], vec![(a, tap()), (wb, plain(&[1]))], &[0]);
    assert_eq!([i, wa, a, wb, out], LINES);
    b.tensors[i].keep = input;
    b.tensors[a].keep = middle;
    b.tensors[a].fate = fate;
    b.tensors[out].keep = Some(1);
    b.group(&[(0, tile)])
}

/// Two 3x3 convolutions, channels 4 -> 8 -> 8, maps 20 -> 18 -> 16, tiles of 4x4; tensors F1 W1 F2 W2 F3.
pub fn maps(input: Option<usize>, middle: Option<usize>, fate: Fate) -> FusedGroup {
    let mut b = Builder::default();
    let f1 = b.input(&[4, 20, 20]);
    let w1 = b.weight(&[8, 4, 3, 3]);
    // Ranks M P Q C R S.
    let window = || {
        vec![
            affine(&[(3, 1)], 0),
            affine(&[(1, 1), (4, 1)], 0),
            affine(&[(2, 1), (5, 1)], 0),
        ]
    };
    let kernel = || plain(&[0, 3, 4, 5]);
    let reads = vec![(f1, window()), (w1, kernel())];
    let f2 = b.stage(&[8, 18, 18, 4, 3, 3], reads, &[0, 1, 2]);
    let w2 = b.weight(&[8, 8, 3, 3]);
    let reads = vec![(f2, window()), (w2, kernel())];
    let f3 = b.stage(&[8, 16, 16, 8, 3, 3], reads, &[0, 1, 2]);
    b.tensors[f1].keep = input;
    b.tensors[f2].keep = middle;
    b.tensors[f2].fate = fate;
    b.tensors[f3].keep = Some(2);
    b.group(&[(1, 4), (2, 4)])
}

/// Pointwise, depthwise 3x3, pointwise: `channels` of the maps F1 F2=F3 F4, rows and columns of the last two,
/// `pad` around the middle map; loops over rows and columns of the last. F2 kept per row, F3 per tile.
/// Tensors F1 W1 F2 W2 F3 W3 F4.
pub fn bottleneck(channels: [u64; 3], side: u64, pad: u64, tile: [u64; 2]) -> FusedGroup {
    let [c1, c2, c4] = channels;
    let outer = side + 2 - 2 * pad;
    let mut b = Builder::default();
    let f1 = b.input(&[c1, outer, outer]);
    let w1 = b.weight(&[c2, c1]);
    let reads = vec![(f1, plain(&[3, 1, 2])), (w1, plain(&[0, 3]))];
    let f2 = b.stage(&[c2, outer, outer, c1], reads, &[0, 1, 2]);
    let w2 = b.weight(&[c2, 3, 3]);
    let window = vec![
        affine(&[(0, 1)], 0),
        affine(&[(1, 1), (3, 1)], -(pad as i64)),
        affine(&[(2, 1), (4, 1)], -(pad as i64)),
    ];
    let reads = vec![(f2, window), (w2, plain(&[0, 3, 4]))];
    let f3 = b.stage(&[c2, side, side, 3, 3], reads, &[0, 1, 2]);
    let w3 = b.weight(&[c4, c2]);
    let reads = vec![(f3, plain(&[3, 1, 2])), (w3, plain(&[0, 3]))];
    let f4 = b.stage(&[c4, side, side, c2], reads, &[0, 1, 2]);
    for (tensor, keep) in [(f1, 1), (f2, 1), (f3, 2), (f4, 2)] {
        b.tensors[tensor].keep = Some(keep);
    }
    b.group(&[(1, tile[0]), (2, tile[1])])
}

/// All points that the oracle can execute.
pub fn all() -> Vec<Point> {
    let weights = [3, 0, 9, 0, 3, 0, 0, 3, 3];
    let point = |name, group, steps, operations: &[u64], tensors: &[Row], times: [u64; 2]| Point {
        name,
        group,
        steps,
        operations: operations.to_vec(),
        tensors: tensors.to_vec(),
        sequential: times[0],
        pipelined: times[1],
    };
    let [w1, w2] = [
        [288, 0, 4320, 0, 288, 0, 0, 288, 288],
        [576, 0, 8640, 0, 576, 0, 0, 576, 576],
    ];
    let f3 = [0, 2048, 0, 0, 0, 0, 0, 128, 128];
    vec![
        point(
            "lt_01_conv1d2_tile4_reuse.json",
            lines(4, Some(1), Some(1), Fate::Retain),
            4,
            &[54, 48],
            &[
                [20, 0, 6, 0, 20, 0, 0, 8, 8],
                weights,
                [0, 0, 6, 0, 0, 18, 0, 6, 6],
                weights,
                [0, 16, 0, 0, 0, 0, 0, 4, 4],
            ],
            [102, 66],
        ),
        point(
            "lt_02_conv1d2_tile4_recompute.json",
            lines(4, None, None, Fate::Recompute),
            4,
            &[72, 48],
            &[
                [32, 0, 0, 12, 20, 0, 0, 8, 8],
                weights,
                [0, 0, 0, 0, 0, 24, 6, 6, 6],
                weights,
                [0, 16, 0, 0, 0, 0, 0, 4, 4],
            ],
            [120, 84],
        ),
        point(
            "lt_04_conv1d2_tile4_refetch.json",
            lines(4, Some(1), None, Fate::Refetch),
            4,
            &[54, 48],
            &[
                [20, 0, 6, 0, 20, 0, 0, 8, 8],
                weights,
                [6, 18, 0, 6, 0, 18, 0, 6, 6],
                weights,
                [0, 16, 0, 0, 0, 0, 0, 4, 4],
            ],
            [102, 66],
        ),
        point(
            "lt_05_conv1d2_tile5_imperfect.json",
            lines(5, Some(1), Some(1), Fate::Retain),
            4,
            &[54, 48],
            &[
                [20, 0, 6, 0, 20, 0, 0, 9, 9],
                weights,
                [0, 0, 6, 0, 0, 18, 0, 7, 7],
                weights,
                [0, 16, 0, 0, 0, 0, 0, 5, 5],
            ],
            [102, 69],
        ),
        point(
            "lt_10_conv2_44_q_reuse.json",
            maps(Some(2), Some(2), Fate::Recompute),
            16,
            &[124_416, 147_456],
            &[
                [2560, 0, 768, 960, 1600, 0, 0, 256, 256],
                w1,
                [0, 0, 1152, 0, 0, 3456, 864, 288, 288],
                w2,
                f3,
            ],
            [271_872, 157_824],
        ),
        point(
            "lt_11_conv2_44_rowbuf.json",
            maps(Some(1), Some(1), Fate::Retain),
            16,
            &[93_312, 147_456],
            &[
                [1600, 0, 1104, 0, 1600, 0, 0, 256, 640],
                w1,
                [0, 0, 2016, 0, 0, 2592, 0, 288, 864],
                w2,
                f3,
            ],
            [240_768, 157_824],
        ),
        point(
            "lt_23_pdp_fig1e.json",
            bottleneck([4, 24, 4], 14, 0, [2, 2]),
            49,
            &[24_576, 42_336, 18_816],
            &[
                [1024, 0, 0, 0, 1024, 0, 0, 64, 256],
                [96, 0, 4608, 0, 96, 0, 0, 96, 96],
                [0, 0, 12_672, 0, 0, 6144, 0, 384, 1536],
                [216, 0, 10_368, 0, 216, 0, 0, 216, 216],
                [0, 0, 0, 0, 0, 4704, 0, 96, 96],
                [96, 0, 4608, 0, 96, 0, 0, 96, 96],
                [0, 784, 0, 0, 0, 0, 0, 16, 16],
            ],
            [85_728, 44_256],
        ),
    ]
}
