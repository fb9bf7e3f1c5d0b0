//! Random fused groups, straight in the IR.
//!
//! A group is read off a stream of choices as in [`crate::generate`]: zero is always the simplest choice (a
//! convolution of a line, one loop, everything kept for the whole group), so that proptest shrinks a case by
//! shrinking numbers. Stages are grown from the inputs on; results that nobody has read yet are preferred, and in
//! the end joined, so that there is one head.

use super::build::{Builder, affine, plain};
use crate::generate::Choices;
use dflowc::ir::{
    Fate, FusedGroup, Index, IndexTerm, Memory, OperationKind, Overlap, Ports, Rate, Refill,
    RoleSet,
};

/// Operations of all stages times steps: what the oracle does in some milliseconds.
const MOST_WORK: u64 = 1_000_000;
/// Steps: the oracle compares every two of them.
const MOST_STEPS: u64 = 200;
/// Elements of a map that is read whole by every operation.
const MOST_FLAT: u64 = 48;

/// A tensor that stages may read.
#[derive(Clone)]
struct Map {
    tensor: usize,
    extents: Vec<u64>,
    /// Is the first dimension a channel (not slid over by windows)?
    channels: bool,
    /// Made in the group, and not read so far.
    unread: bool,
}

pub fn group(choices: &[u32]) -> FusedGroup {
    let c = &mut Choices::new(choices);
    let mut b = Builder::default();
    let count = c.from(2, 4);
    let mut maps = vec![first(c, &mut b)];
    if let (false, [_, width]) = (maps[0].channels, &maps[0].extents[..]) {
        // A second matrix: keys and values beside the queries.
        if c.below(2) == 1 {
            let extents = vec![c.from(2, 8), *width];
            maps.push(Map {
                tensor: b.input(&extents),
                extents,
                channels: false,
                unread: false,
            });
        }
    }
    for _ in 1..count {
        let source = source(c, &maps);
        let made = stage(c, &mut b, &mut maps, source);
        maps.push(made);
    }
    let unread = maps.iter().filter(|map| map.unread).count();
    let last = if unread > 1 {
        join(c, &mut b, &mut maps)
    } else {
        let source = maps.iter().rposition(|map| map.unread).unwrap_or(0);
        stage(c, &mut b, &mut maps, source)
    };
    maps.push(last);
    let mut group = b.group(&[]);
    tile(c, &mut group);
    keep(c, &mut group);
    group
}

/// The input: a line or a map, with channels or without.
fn first(c: &mut Choices, b: &mut Builder) -> Map {
    let kind = c.below(4);
    let axes = if kind >= 2 { 2 } else { 1 };
    let longest = match (axes, c.once_in(5)) {
        (2, false) => 8,
        (2, true) => 11,
        (_, false) => 14,
        (_, true) => 28,
    };
    let mut extents = vec![];
    let channels = kind % 2 == 1;
    if channels {
        extents.push(c.from(1, 4));
    }
    for _ in 0..axes {
        extents.push(longest - c.below(longest - 3));
    }
    Map {
        tensor: b.input(&extents),
        extents,
        channels,
        unread: false,
    }
}

/// The map to go on from: the newest that nobody has read, or any.
fn source(c: &mut Choices, maps: &[Map]) -> usize {
    if c.once_in(2) {
        // More often one that is made in the group.
        let any = c.below(maps.len() as u64 + 2) as usize;
        return if any < maps.len() {
            any
        } else {
            1.min(maps.len() - 1)
        };
    }
    let unread = maps.iter().rposition(|map| map.unread);
    unread.unwrap_or(maps.len() - 1)
}

fn read(maps: &mut [Map], at: usize) -> Map {
    maps[at].unread = false;
    maps[at].clone()
}

/// One stage that reads `maps[source]`.
fn stage(c: &mut Choices, b: &mut Builder, maps: &mut [Map], source: usize) -> Map {
    match c.below(13) {
        0 | 1 => convolution(c, b, &read(maps, source), false),
        2 => channelwise(c, b, &read(maps, source), true),
        3 => channelwise(c, b, &read(maps, source), false),
        10 => channelwise(c, b, &read(maps, source), true),
        11 => convolution(c, b, &read(maps, source), false),
        4 => convolution(c, b, &read(maps, source), true),
        5 => grouped(c, b, &read(maps, source)),
        6 => addition(c, b, maps, source),
        7 => product(c, b, maps, source),
        8 => elementwise(c, b, &read(maps, source)),
        12 => reduction(c, b, &read(maps, source)),
        _ => whole(c, b, &read(maps, source)),
    }
}

/// A window along one axis: extents of the result and of the kernel, and the index of the input.
struct Slide {
    outputs: u64,
    taps: u64,
    stride: i64,
    dilation: i64,
    pad: i64,
}

impl Slide {
    fn of(c: &mut Choices, extent: u64, pointwise: bool) -> Slide {
        let stride = if extent > 3 && c.once_in(4) {
            c.from(2, 3)
        } else {
            1
        };
        if pointwise {
            return Slide {
                outputs: (extent - 1) / stride + 1,
                taps: 1,
                stride: stride as i64,
                dilation: 1,
                pad: 0,
            };
        }
        let pad = c.below(2);
        let dilation = if c.once_in(4) { 2 } else { 1 };
        let padded = extent + 2 * pad;
        let taps = (3 - c.below(3)).min((padded - 1) / dilation + 1);
        let outputs = (padded - dilation * (taps - 1) - 1) / stride + 1;
        // Some windows hang over the border, some rows are never read.
        let outputs = match c.below(8) {
            6 => outputs + 1,
            7 => (outputs - 1).max(1),
            _ => outputs,
        };
        Slide {
            outputs,
            taps,
            stride: stride as i64,
            dilation: dilation as i64,
            pad: pad as i64,
        }
    }

    fn all(c: &mut Choices, map: &Map, pointwise: bool) -> Vec<Slide> {
        let axes = &map.extents[usize::from(map.channels)..];
        axes.iter()
            .map(|&extent| Slide::of(c, extent, pointwise))
            .collect()
    }

    fn index(&self, output: usize, kernel: usize) -> Index {
        affine(&[(output, self.stride), (kernel, self.dilation)], -self.pad)
    }

    fn strided(&self, output: usize) -> Index {
        affine(&[(output, self.stride)], -self.pad)
    }
}

fn made(tensor: usize, extents: Vec<u64>, channels: bool) -> Map {
    Map {
        tensor,
        extents,
        channels,
        unread: true,
    }
}

/// Ranks K, outputs, C, taps; without K and C where the map has no channels, without taps if pointwise.
fn convolution(c: &mut Choices, b: &mut Builder, map: &Map, pointwise: bool) -> Map {
    let slides = Slide::all(c, map, pointwise);
    let axes = slides.len();
    let mut ranks = vec![];
    if map.channels {
        ranks.push(c.from(1, 4));
    }
    let first = ranks.len();
    ranks.extend(slides.iter().map(|slide| slide.outputs));
    let (mut reads, mut kernel) = (vec![], vec![]);
    if map.channels {
        reads.push(affine(&[(ranks.len(), 1)], 0));
        kernel.extend([0, ranks.len()]);
        ranks.push(map.extents[0]);
    }
    for (axis, slide) in slides.iter().enumerate() {
        if pointwise {
            reads.push(slide.strided(first + axis));
        } else {
            reads.push(slide.index(first + axis, ranks.len()));
            kernel.push(ranks.len());
            ranks.push(slide.taps);
        }
    }
    let mut operands = vec![(map.tensor, reads)];
    if !kernel.is_empty() {
        let extents: Vec<u64> = kernel.iter().map(|&rank| ranks[rank]).collect();
        operands.push((b.weight(&extents), plain(&kernel)));
    }
    let result: Vec<usize> = (0..first + axes).collect();
    let tensor = b.stage(&ranks, operands, &result);
    made(tensor, ranks[..first + axes].to_vec(), map.channels)
}

/// Every channel for itself: a depthwise convolution, or a pool.
fn channelwise(c: &mut Choices, b: &mut Builder, map: &Map, weights: bool) -> Map {
    let slides = Slide::all(c, map, false);
    let mut ranks = vec![];
    if map.channels {
        ranks.push(map.extents[0]);
    }
    let first = ranks.len();
    ranks.extend(slides.iter().map(|slide| slide.outputs));
    let outputs = ranks.len();
    ranks.extend(slides.iter().map(|slide| slide.taps));
    let mut reads = plain(&(0..first).collect::<Vec<_>>());
    let mut kernel: Vec<usize> = (0..first).collect();
    for (axis, slide) in slides.iter().enumerate() {
        reads.push(slide.index(first + axis, outputs + axis));
        kernel.push(outputs + axis);
    }
    let mut operands = vec![(map.tensor, reads)];
    let mut kind = OperationKind::Reduce;
    if weights {
        let extents: Vec<u64> = kernel.iter().map(|&rank| ranks[rank]).collect();
        operands.push((b.weight(&extents), plain(&kernel)));
        kind = OperationKind::MultiplyAccumulate;
    }
    let result: Vec<usize> = (0..outputs).collect();
    let extents = ranks[..outputs].to_vec();
    let ranks: Vec<_> = ranks.iter().map(|&extent| (extent, None)).collect();
    let tensor = b.stage_of(kind, &ranks, operands, &result);
    made(tensor, extents, map.channels)
}

/// Groups of channels: channel of the input = its number within the group + size * floor(result channel / results
/// per group).
fn grouped(c: &mut Choices, b: &mut Builder, map: &Map) -> Map {
    if !map.channels {
        return channelwise(c, b, map, true);
    }
    let all = map.extents[0];
    let divisors: Vec<u64> = (1..=all).filter(|n| all.is_multiple_of(*n)).collect();
    let groups = divisors[divisors.len() - 1 - c.below(divisors.len() as u64) as usize];
    let (size, each) = (all / groups, c.from(1, 3));
    let slides = Slide::all(c, map, false);
    let mut ranks = vec![(groups, Some(each))];
    ranks.extend(slides.iter().map(|slide| (slide.outputs, None)));
    let outputs = ranks.len();
    ranks.push((size, None));
    ranks.extend(slides.iter().map(|slide| (slide.taps, None)));
    let term = |rank, coefficient, divisor| IndexTerm {
        rank,
        coefficient,
        divisor,
    };
    let mut reads = vec![Index::Affine {
        terms: vec![term(0, size as i64, each), term(outputs, 1, 1)],
        constant: 0,
    }];
    let mut kernel = vec![0, outputs];
    for (axis, slide) in slides.iter().enumerate() {
        reads.push(slide.index(1 + axis, outputs + 1 + axis));
        kernel.push(outputs + 1 + axis);
    }
    let extent = |rank: usize| ranks[rank].0 * ranks[rank].1.unwrap_or(1);
    let extents: Vec<u64> = kernel.iter().map(|&rank| extent(rank)).collect();
    let weight = b.weight(&extents);
    let operands = vec![(map.tensor, reads), (weight, plain(&kernel))];
    let result: Vec<usize> = (0..outputs).collect();
    let extents = result.iter().map(|&rank| extent(rank)).collect();
    let tensor = b.stage_of(OperationKind::MultiplyAccumulate, &ranks, operands, &result);
    made(tensor, extents, true)
}

/// The sum (or maximum) along the last dimension: half of a softmax.
fn reduction(c: &mut Choices, b: &mut Builder, map: &Map) -> Map {
    let kept = map.extents.len() - 1;
    if kept == 0 {
        return elementwise(c, b, map);
    }
    let all: Vec<usize> = (0..=kept).collect();
    let ranks: Vec<_> = map.extents.iter().map(|&extent| (extent, None)).collect();
    let operands = vec![(map.tensor, plain(&all))];
    let tensor = b.stage_of(OperationKind::Reduce, &ranks, operands, &all[..kept]);
    made(
        tensor,
        map.extents[..kept].to_vec(),
        map.channels && kept > 1,
    )
}

/// The sum of a map and another of its shape, or one value per row of it: one there is, or a new input.
fn addition(c: &mut Choices, b: &mut Builder, maps: &mut [Map], source: usize) -> Map {
    let map = read(maps, source);
    let same: Vec<usize> = (0..maps.len())
        .filter(|&at| at != source && maps[at].extents.len() <= map.extents.len())
        .collect();
    let all: Vec<usize> = (0..map.extents.len()).collect();
    let other = if same.is_empty() || c.once_in(5) {
        (b.input(&map.extents), plain(&all))
    } else {
        let at = same[same.len() - 1 - c.below(same.len() as u64) as usize];
        // Of another shape: cropped, or as if padded.
        let crop = |&rank: &usize| affine(&[(rank, 1)], if c.once_in(6) { 1 } else { 0 });
        let reads = all[..maps[at].extents.len()].iter().map(crop).collect();
        (read(maps, at).tensor, reads)
    };
    let ranks: Vec<_> = map.extents.iter().map(|&extent| (extent, None)).collect();
    let operands = vec![(map.tensor, plain(&all)), other];
    let tensor = b.stage_of(OperationKind::Elementwise, &ranks, operands, &all);
    made(tensor, map.extents, map.channels)
}

/// A function of every element; with a value per first index, now and then.
fn elementwise(c: &mut Choices, b: &mut Builder, map: &Map) -> Map {
    let all: Vec<usize> = (0..map.extents.len()).collect();
    let mut operands = vec![(map.tensor, plain(&all))];
    if c.once_in(3) {
        operands.push((b.weight(&map.extents[..1]), plain(&[0])));
    }
    let ranks: Vec<_> = map.extents.iter().map(|&extent| (extent, None)).collect();
    let tensor = b.stage_of(OperationKind::Elementwise, &ranks, operands, &all);
    made(tensor, map.extents.clone(), map.channels)
}

/// `C[m, j] += A[m, n] * B[n, j]`, or `B[j, n]`: a chain of matrices, attention. B is a weight, or another map.
fn product(c: &mut Choices, b: &mut Builder, maps: &mut [Map], source: usize) -> Map {
    let map = read(maps, source);
    let [m, n] = map.extents[..] else {
        return convolution(c, b, &map, false);
    };
    // Ranks M J N.
    let fits = |at: &usize| maps[*at].extents.len() == 2 && maps[*at].extents.contains(&n);
    let fitting: Vec<usize> = (0..maps.len()).filter(fits).collect();
    let (tensor, dims, j) = if fitting.is_empty() || c.below(2) == 0 {
        let j = c.from(1, 5);
        (b.weight(&[n, j]), [2, 1], j)
    } else {
        let at = fitting[fitting.len() - 1 - c.below(fitting.len() as u64) as usize];
        let other = read(maps, at);
        if other.extents[1] == n {
            (other.tensor, [1, 2], other.extents[0])
        } else {
            (other.tensor, [2, 1], other.extents[1])
        }
    };
    let operands = vec![(map.tensor, plain(&[0, 2])), (tensor, plain(&dims))];
    let tensor = b.stage(&[m, j, n], operands, &[0, 1]);
    made(tensor, vec![m, j], false)
}

/// A fully connected layer of a flattened map, or of every row of it.
fn whole(c: &mut Choices, b: &mut Builder, map: &Map) -> Map {
    let by_row = map.extents.len() > 1 && c.below(2) == 0;
    let kept = usize::from(by_row);
    if map.extents[kept..].iter().product::<u64>() > MOST_FLAT {
        return convolution(c, b, map, false);
    }
    let mut ranks = map.extents[..kept].to_vec();
    ranks.push(c.from(1, 4));
    ranks.push(map.extents[kept..].iter().product());
    let mut reads = plain(&(0..kept).collect::<Vec<_>>());
    reads.extend(map.extents[kept..].iter().map(|_| Index::Whole));
    let weight = b.weight(&ranks[kept..]);
    let operands = vec![(map.tensor, reads), (weight, plain(&[kept, kept + 1]))];
    let result: Vec<usize> = (0..=kept).collect();
    let tensor = b.stage(&ranks, operands, &result);
    made(tensor, ranks[..=kept].to_vec(), false)
}

/// An element-wise stage that reads every result that nobody has read: the newest in its own shape, the others along
/// the same ranks, and whole where these do not suffice.
fn join(c: &mut Choices, b: &mut Builder, maps: &mut [Map]) -> Map {
    let unread: Vec<usize> = (0..maps.len())
        .rev()
        .filter(|&at| maps[at].unread)
        .collect();
    let shape = read(maps, unread[0]);
    let operands = unread.iter().map(|&at| {
        let map = read(maps, at);
        let index = |dim: usize| {
            if dim >= shape.extents.len() {
                Index::Whole
            } else if at == unread[0] {
                affine(&[(dim, 1)], 0)
            } else {
                affine(&[(dim, c.from(1, 2) as i64)], c.below(3) as i64 - 1)
            }
        };
        (map.tensor, (0..map.extents.len()).map(index).collect())
    });
    let operands: Vec<_> = operands.collect();
    let ranks: Vec<_> = shape.extents.iter().map(|&extent| (extent, None)).collect();
    let all: Vec<usize> = (0..ranks.len()).collect();
    let tensor = b.stage_of(OperationKind::Elementwise, &ranks, operands, &all);
    made(tensor, shape.extents, shape.channels)
}

/// One to three loops (now and then none) over any ranks of the head.
fn tile(c: &mut Choices, group: &mut FusedGroup) {
    let extents: Vec<u64> = group.stages[group.head()]
        .ranks
        .iter()
        .map(|rank| rank.extent)
        .collect();
    let mut pieces = extents.clone();
    let loops = [1, 2, 2, 3, 3, 1, 2, 0][c.below(8) as usize];
    let operations =
        |stage: &dflowc::ir::Stage| stage.ranks.iter().map(|rank| rank.extent).product::<u64>();
    let mut steps = 1;
    let mut work: u64 = group.stages.iter().map(operations).sum();
    for _ in 0..loops {
        // A rank that can still be divided, but for now and then.
        let any = c.once_in(12);
        let open: Vec<usize> = (0..extents.len())
            .filter(|&rank| any || pieces[rank] > 1)
            .collect();
        if open.is_empty() {
            continue;
        }
        let rank = open[c.below(open.len() as u64) as usize];
        // Of pieces as large as what they divide there is one, which says little.
        let size = match c.below(10) {
            9 => pieces[rank],
            _ => c.from(1, pieces[rank].max(2) - 1),
        };
        let trips = pieces[rank].div_ceil(size);
        if work * trips > MOST_WORK || steps * trips > MOST_STEPS {
            continue;
        }
        work *= trips;
        steps *= trips;
        group.loops.push(dflowc::ir::TileLoop { rank, size });
        pieces[rank] = pieces[rank].min(size);
    }
    if c.below(2) == 1 {
        group.overlap = Overlap::Sequence;
    }
}

/// Where every tensor is kept, what becomes of what is lost, who else wants it, and its bits.
fn keep(c: &mut Choices, group: &mut FusedGroup) {
    let levels = group.loops.len() as u64;
    for tensor in &mut group.tensors {
        // Above all loops, below some, or nowhere.
        tensor.keep = match c.below(8) {
            0 => Some(0),
            7 => None,
            level => Some((level % levels.max(1)) as usize + usize::from(levels > 0)),
        };
        let read_inside = tensor.producer.is_some() && !tensor.escapes;
        tensor.fate = match (c.below(4), read_inside) {
            (0, _) => Fate::Retain,
            (1, true) => Fate::Recompute,
            _ => Fate::Refetch,
        };
        tensor.escapes |= read_inside && c.once_in(5);
        tensor.bits = [8, 16, 4, 32][c.below(4) as usize];
        tensor.partial_bits = tensor.bits;
    }
    // The stages' own view of the bits.
    for stage in &mut group.stages {
        for (access, tensor) in stage.accesses.iter().zip(&mut stage.operation.tensors) {
            tensor.bits = group.tensors[access.tensor].bits;
        }
    }
}

/// A group as Rust text, with `use dflowc::ir::{*, Fate::*, Index::*, OperationKind::*, Overlap::*, Role::*};`
pub fn source_text(group: &FusedGroup) -> String {
    let text = format!("{group:?}").replace('[', "vec![");
    format!(
        "let group = FusedGroup{};",
        text.trim_start_matches("Group")
    )
}

/// A group as a person reads it.
pub fn describe(group: &FusedGroup) -> String {
    let mut text = String::new();
    for (t, tensor) in group.tensors.iter().enumerate() {
        text += &format!(
            "t{t} {:?} {} bits, made by {:?}, keep {:?}, {:?}{}\n",
            tensor.extents,
            tensor.bits,
            tensor.producer,
            tensor.keep,
            tensor.fate,
            if tensor.escapes { ", escapes" } else { "" }
        );
    }
    for (s, stage) in group.stages.iter().enumerate() {
        let extents: Vec<u64> = stage.ranks.iter().map(|rank| rank.extent).collect();
        text += &format!("s{s} {:?} ranks {extents:?}:", stage.kind);
        for access in &stage.accesses {
            let dims: Vec<String> = access.dims.iter().map(index_text).collect();
            text += &format!(" t{}[{}]", access.tensor, dims.join(", "));
        }
        text += "\n";
    }
    for tile in &group.loops {
        text += &format!("tile rank {} by {}\n", tile.rank, tile.size);
    }
    text
}

fn index_text(index: &Index) -> String {
    let Index::Affine { terms, constant } = index else {
        return "whole".to_owned();
    };
    let term = |term: &IndexTerm| match (term.coefficient, term.divisor) {
        (1, 1) => format!("r{}", term.rank),
        (coefficient, 1) => format!("{coefficient}*r{}", term.rank),
        (coefficient, divisor) => format!("{coefficient}*(r{}/{divisor})", term.rank),
    };
    let mut parts: Vec<String> = terms.iter().map(term).collect();
    if *constant != 0 {
        parts.push(constant.to_string());
    }
    parts.join(" + ")
}

/// The memories of a group: the backing store and two or three levels, or memories side by side, with one port, two or
/// none that is bounded, overlapping or not. The tensors are dealt to those inside; zero is one that is free and has
/// them all.
pub fn memories(choices: &[u32], group: &mut FusedGroup) -> Vec<Memory> {
    let c = &mut Choices::new(choices);
    let count = 1 + c.from(1, 3) as usize;
    let mut memories: Vec<Memory> = vec![];
    for at in 0..count {
        let rate = |c: &mut Choices| Rate {
            bits: [8, 3, 64, 20][c.below(4) as usize],
            cycles: c.from(1, 3),
        };
        let ports = match c.below(4) {
            0 => Ports::UNBOUNDED,
            1 => Ports::One(rate(c)),
            2 => Ports::Two {
                read: Some(rate(c)),
                write: Some(rate(c)),
            },
            _ => Ports::Two {
                read: (c.below(2) == 1).then(|| rate(c)),
                write: Some(rate(c)),
            },
        };
        let before = memories.last().map_or(0, |memory| memory.level + 1);
        // Side by side with the one before?
        let beside = at > 1 && c.below(2) == 1;
        memories.push(Memory {
            arrays_above: 0,
            level: before - usize::from(beside),
            capacity_bits: None,
            banks: 1,
            double_buffered: c.below(3) == 1,
            streams: c.below(3) == 1,
            refill: Refill::Window,
            holds: RoleSet::ALL,
            ports,
        });
    }
    for tensor in &mut group.tensors {
        tensor.memory = c.from(1, count as u64 - 1) as usize;
    }
    // Sums of their own width.
    if let Some(result) = group.result(group.head()) {
        let tensor = &mut group.tensors[result];
        tensor.partial_bits = [8, 32, 24][c.below(3) as usize];
    }
    memories
}
