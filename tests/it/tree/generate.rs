//! Random chains and random trees over them, read off a stream of choices: zero is always the simplest.

use super::build::{Chain, Slide};
use crate::generate::Choices;
use dflowc::ir::{Block, Body, Fate, FusedProblem, FusedSchedule, Place, TileLoop};

/// A chain of `count` layers with extents up to `most`, and strides up to `stride`.
pub fn chain(c: &mut Choices, count: u64, most: u64, stride: u64) -> FusedProblem {
    let sides = c.below(3);
    if sides == 0 {
        let mut chain = Chain::new(&[c.from(1, most), c.from(1, most)], 8, 8);
        for _ in 0..count {
            chain = chain.product(c.from(1, most));
        }
        return chain.problem;
    }
    let longest = if sides == 1 { most } else { most.min(4) };
    let channels = if sides == 1 { 3 } else { 2 };
    let mut extents = vec![c.from(1, channels)];
    extents.extend((0..sides).map(|_| longest - c.below(longest / 2 + 1)));
    let mut chain = Chain::new(&extents, 8, 8);
    for _ in 0..count {
        let extents = chain.extents()[1..].iter();
        let slides: Vec<Slide> = extents.map(|&extent| slide(c, extent, stride)).collect();
        let kind = c.below(4);
        let k = if kind < 2 { c.from(1, channels) } else { 0 };
        chain = chain.convolution(k, &slides, kind < 3);
    }
    chain.problem
}

fn slide(c: &mut Choices, extent: u64, most: u64) -> Slide {
    let kernel = [1, 3, 2][c.below(3) as usize].min(extent);
    let padding = if c.below(2) == 1 { (kernel - 1) / 2 } else { 0 };
    let stride = if kernel > 1 { c.from(1, most) } else { 1 };
    Slide {
        out: (extent + 2 * padding - kernel) / stride + 1,
        kernel,
        stride,
        padding,
    }
}

/// A tree with places and fates.
pub fn schedule(c: &mut Choices, problem: &FusedProblem) -> FusedSchedule {
    let root = block(c, problem, 0, problem.layers.len() - 1, true);
    let places = (0..problem.tensors.len())
        .map(|tensor| place(c, problem, &root, tensor))
        .collect();
    FusedSchedule { root, places }
}

fn block(c: &mut Choices, problem: &FusedProblem, first: usize, last: usize, root: bool) -> Block {
    let head = &problem.layers[last];
    let most = if root || first == last { 3 } else { 2 };
    let loops = (0..c.from(0, most)).map(|_| {
        let rank = c.below(head.ranks.len() as u64) as usize;
        // More often one that really cuts.
        let longest = head.ranks[rank].div_ceil(1 + c.below(3));
        let size = c.from(1, longest);
        TileLoop { rank, size }
    });
    let loops = loops.collect();
    if first == last {
        return Block {
            loops,
            body: Body::Layer(first),
        };
    }
    let mut blocks = vec![];
    let mut from = first;
    while from <= last {
        let mut to = from;
        // Not all of them in one block again.
        while to < last && (from > first || to + 1 < last) && c.once_in(3) {
            to += 1;
        }
        blocks.push(block(c, problem, from, to, false));
        from = to + 1;
    }
    Block {
        loops,
        body: Body::Blocks(blocks),
    }
}

/// The way to a layer, and the loops of each block on it.
pub fn path(root: &Block, layer: usize) -> (Vec<usize>, Vec<usize>) {
    let (mut way, mut loops) = (vec![], vec![root.loops.len()]);
    let mut block = root;
    while let Body::Blocks(blocks) = &block.body {
        let at = blocks
            .iter()
            .position(|child| child.layers().contains(&layer))
            .unwrap();
        block = &blocks[at];
        way.push(at);
        loops.push(block.loops.len());
    }
    (way, loops)
}

/// The blocks in which a tensor may lie: how many of the way to a layer, and that way.
pub fn blocks_of(problem: &FusedProblem, root: &Block, tensor: usize) -> (Vec<usize>, Vec<usize>) {
    let touching: Vec<usize> = (0..problem.layers.len())
        .filter(|&layer| {
            let accesses = &problem.layers[layer].accesses;
            accesses.iter().any(|access| access.tensor == tensor)
        })
        .collect();
    let (mut way, loops) = path(root, touching[0]);
    for &layer in &touching[1..] {
        let other = path(root, layer).0;
        let common = way.iter().zip(&other).take_while(|(a, b)| a == b).count();
        way.truncate(common);
    }
    (way, loops)
}

fn place(c: &mut Choices, problem: &FusedProblem, root: &Block, tensor: usize) -> Place {
    let (way, loops) = blocks_of(problem, root, tensor);
    let depth = c.below(way.len() as u64 + 1) as usize;
    let last = problem.layers.len() - 1;
    let inner = problem.tensors[tensor]
        .producer
        .is_some_and(|maker| maker < last);
    let fate = match (inner, c.below(4)) {
        (true, 0 | 1) => Fate::Retain,
        (true, 2) => Fate::Recompute,
        _ => Fate::Refetch,
    };
    Place {
        // More often below all loops of the block.
        loops: (c.below(2 * loops[depth] as u64 + 1) as usize).min(loops[depth]),
        block: way[..depth].to_vec(),
        fate,
    }
}
