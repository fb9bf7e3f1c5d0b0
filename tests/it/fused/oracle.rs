//! The oracle of fused groups is right where the counts are known otherwise.

use super::build::{Builder, affine, plain};
use super::points::{self, lines, maps};
use dflowc::engine::fused::{Flow, oracle};
use dflowc::ir::{Fate, FusedGroup};

/// Enough for the largest of the points.
const MOST: u64 = 500_000_000;

/// Counted with one operation per cycle; the identity of every tensor is checked on the way.
fn count(group: &FusedGroup) -> Flow {
    let flow = oracle::run(group, &vec![1; group.stages.len()], MOST).expect("small enough");
    for tensor in &flow.tensors {
        let sources = tensor.reused + tensor.first_fetch + tensor.refetched + tensor.computed;
        assert_eq!(tensor.required, sources, "{tensor:?}");
    }
    flow
}

#[test]
fn the_oracle_counts_what_the_files_say() {
    for point in points::all() {
        point.judge(&count(&point.group));
    }
}

/// The design of fused layers, section 4: two 3x3 convolutions in tiles of 4x4.
#[test]
fn the_oracle_counts_the_points_of_the_design() {
    let middle = |keep, fate| {
        let flow = count(&maps(Some(0), keep, fate));
        (flow.tensors[2], flow.stages[0])
    };
    let (row, first) = middle(Some(1), Fate::Retain);
    assert_eq!((row.recomputed, row.window), (0, 864));
    assert_eq!(first.operations, first.unique);
    let (tile, first) = middle(Some(2), Fate::Recompute);
    assert_eq!(tile.recomputed, 864);
    assert_eq!(first.operations * 3, first.unique * 4); // 1.33x
    let (none, first) = middle(None, Fate::Recompute);
    assert_eq!(none.recomputed, 2016);
    assert_eq!(first.operations * 9, first.unique * 16); // 1.78x
    let (refetch, first) = middle(Some(2), Fate::Refetch);
    assert_eq!((refetch.dram_reads, refetch.dram_writes), (864, 2592));
    assert_eq!(first.operations, first.unique);
}

/// A line of `n` results in tiles of `t`: with `s` of them, n = s * t, every tile wants t + 2 of the middle.
#[test]
fn a_line_in_tiles_follows_closed_forms() {
    for tile in [1, 2, 4, 8, 16] {
        let s = 16 / tile;
        let kept = count(&lines(tile, Some(1), Some(1), Fate::Retain));
        // Two elements cross every border between tiles; nothing is made twice.
        let middle = kept.tensors[2];
        assert_eq!(middle.required, s * (tile + 2));
        assert_eq!(middle.computed, if tile == 1 { 18 } else { s * tile + 2 });
        assert_eq!(middle.reused, (s - 1) * 2);
        assert_eq!((middle.window, middle.tile), (tile + 2, tile + 2));
        assert_eq!(middle.fresh, tile + 2); // the first tile
        // The input of the first tile is tile + 4, of the others tile (new) + 2.
        assert_eq!(kept.tensors[0].first_fetch, 20);
        assert_eq!(kept.tensors[0].reused, (s - 1) * 2);
        // Peak: the first step reads 2 * 3 weights and tile + 4 inputs, and writes tile results, of 8 bits.
        assert_eq!(kept.peak_bits, u128::from(6 + tile + 4 + tile) * 8);
        let lost = count(&lines(tile, Some(1), None, Fate::Recompute));
        assert_eq!(lost.tensors[2].recomputed, (s - 1) * 2);
        assert_eq!(lost.stages[0].operations, s * (tile + 2) * 3);
        let stored = count(&lines(tile, Some(1), None, Fate::Refetch));
        assert_eq!(stored.tensors[2].dram_reads, (s - 1) * 2);
        assert_eq!(stored.tensors[2].dram_writes, 18);
    }
}

/// What is kept below the loop reaches one tile back, not two.
#[test]
fn the_window_reaches_one_tile_back() {
    let mut b = Builder::default();
    let input = b.input(&[12]);
    let weight = b.weight(&[3]);
    // Dilation 2: steps p and p + 2 share elements, p and p + 1 do not.
    let reads = vec![
        (input, vec![affine(&[(0, 1), (1, 2)], 0)]),
        (weight, plain(&[1])),
    ];
    b.stage(&[8, 3], reads, &[0]);
    b.tensors[input].keep = Some(1);
    let group = b.group(&[(0, 1)]);
    let flow = count(&group);
    // 8 results of 3 elements; 12 distinct; nothing of the step just before.
    let [required, reused, first, refetched] = [
        flow.tensors[0].required,
        flow.tensors[0].reused,
        flow.tensors[0].first_fetch,
        flow.tensors[0].refetched,
    ];
    assert_eq!([required, reused, first, refetched], [24, 0, 12, 12]);
    // Kept above the loop, all that was wanted is there; of the 3 of a step and the 2 that the next one shares with
    // the one before, 5 are held.
    let mut above = group;
    above.tensors[input].keep = Some(0);
    let flow = count(&above);
    assert_eq!(flow.tensors[0].refetched, 0);
    assert_eq!(flow.tensors[0].reused, 12);
    assert_eq!(flow.tensors[0].live, 5);
    assert_eq!(flow.tensors[0].window, 12);
}

/// Partial sums: `C[m] += A[m, k]`, with k outside of m, in tiles of 1.
#[test]
fn partial_sums_are_read_back_unless_held() {
    let of = |loops: &[(usize, u64)], keep| {
        let mut b = Builder::default();
        let a = b.input(&[4, 3]);
        let c = b.stage(&[4, 3], vec![(a, plain(&[0, 1]))], &[0]);
        b.tensors[c].keep = keep;
        count(&b.group(loops)).tensors[1]
    };
    // k outside: every sum leaves after each of 3 rounds, and is wanted again twice.
    let outside = of(&[(1, 1), (0, 1)], Some(2));
    assert_eq!(
        (outside.required, outside.reused, outside.refetched),
        (8, 0, 8)
    );
    assert_eq!((outside.dram_reads, outside.dram_writes), (8, 12));
    // Kept above all loops, the four sums stay.
    let kept = of(&[(1, 1), (0, 1)], Some(0));
    assert_eq!((kept.reused, kept.dram_reads, kept.dram_writes), (8, 0, 4));
    assert_eq!((kept.window, kept.live, kept.tile), (4, 4, 1));
    // k inside: one sum at a time.
    let inside = of(&[(0, 1), (1, 1)], Some(1));
    assert_eq!((inside.reused, inside.dram_writes, inside.live), (8, 4, 1));
}

/// Two loops over one rank: pieces of 4 in pieces of 2 of 10 = 4 + 4 + 2: two steps each but for the last, which has one.
#[test]
fn a_loop_divides_the_full_piece_of_the_one_around_it() {
    let mut b = Builder::default();
    let a = b.input(&[10]);
    b.stage(&[10], vec![(a, plain(&[0]))], &[0]);
    let flow = count(&b.group(&[(0, 4), (0, 2)]));
    assert_eq!(flow.steps, 5);
    assert_eq!(flow.stages[0].active, 5);
    assert_eq!(flow.stages[0].operations, 10);
}

/// A residual addition wants the input of the branch, too: united before anything is subtracted.
#[test]
fn required_by_two_is_required_once() {
    let mut b = Builder::default();
    let x = b.input(&[10]);
    let y = b.stage(&[10], vec![(x, plain(&[0]))], &[0]);
    // z[p] = y[p - 1] + y[p] + y[p + 1] (padded), out = y + z
    let z = b.stage(
        &[10, 3],
        vec![(y, vec![affine(&[(0, 1), (1, 1)], -1)])],
        &[0],
    );
    b.stage(&[10], vec![(y, plain(&[0])), (z, plain(&[0]))], &[0]);
    b.tensors[y].keep = Some(1);
    b.tensors[z].keep = Some(1);
    let flow = count(&b.group(&[(0, 2)]));
    // Five tiles want 4 elements of y each, the first and the last 3.
    assert_eq!(flow.tensors[y].required, 18);
    assert_eq!(flow.tensors[y].computed, 10);
    assert_eq!(flow.tensors[y].reused, 8);
    // 30 taps, those over the border included, and no stage works for nothing.
    assert_eq!(flow.stages[1].operations, 30);
    // Rates: 3 taps per cycle and 2 elements per cycle: one cycle per tile for y, two for z, one for the sum.
    let group_flow = |rates: &[u64]| {
        let mut b = Builder::default();
        let x = b.input(&[10]);
        let y = b.stage(&[10], vec![(x, plain(&[0]))], &[0]);
        b.stage(&[10], vec![(y, plain(&[0]))], &[0]);
        oracle::run(&b.group(&[(0, 4)]), rates, MOST).expect("small enough")
    };
    let flow = group_flow(&[3, 4]);
    // Tiles 4 4 2: times 2 2 1 and 1 1 1.
    assert_eq!(flow.stages[0].cycles, 5);
    assert_eq!(flow.stages[1].cycles, 3);
    assert_eq!((flow.sequential, flow.pipelined), (8, 6));
}

#[test]
fn what_is_too_large_is_refused() {
    let group = maps(Some(0), Some(1), Fate::Retain);
    assert_eq!(
        oracle::run(&group, &[1, 1], 1000),
        Err(oracle::Refusal::TooLarge)
    );
    let mut huge = group;
    for tensor in &mut huge.tensors {
        tensor.extents = vec![u64::MAX; 3];
    }
    assert_eq!(
        oracle::run(&huge, &[1, 1], u64::MAX),
        Err(oracle::Refusal::TooLarge)
    );
}
