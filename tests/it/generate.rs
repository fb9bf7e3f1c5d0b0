//! Random mappings, straight in the IR.
//!
//! A mapping is read off a stream of choices, so that proptest shrinks it by shrinking numbers: zero is
//! always the simplest choice (a small layer, no loop, one memory below the backing store).

use dflowc::ir::{
    Architecture, Array, Axis, Dim, Links, Loop, LoopKind, Mapping, Memory, Move, Network,
    Operation, OperationKind, Origin, Ports, RankId, Rate, Refill, Role, RoleSet, Schedule, Tensor,
    Term, Window,
};

/// A stream of choices; zeros after its end.
pub struct Choices<'a> {
    rest: &'a [u32],
}

impl<'a> Choices<'a> {
    pub fn new(rest: &'a [u32]) -> Choices<'a> {
        Choices { rest }
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        match self.rest.split_first() {
            Some((&first, rest)) => {
                self.rest = rest;
                u64::from(first) % n.max(1)
            }
            None => 0,
        }
    }

    pub fn from(&mut self, lo: u64, hi: u64) -> u64 {
        lo + self.below(hi - lo + 1)
    }

    /// True once in `n`.
    pub fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == n - 1
    }
}

fn dim(terms: &[(usize, i64)], constant: i64, extent: u64) -> Dim {
    Dim {
        terms: terms
            .iter()
            .map(|&(rank, coefficient)| Term {
                rank: RankId(rank as u8),
                coefficient,
            })
            .collect(),
        constant,
        extent,
    }
}

fn tensor(role: Role, bits: u32, dims: Vec<Dim>) -> Tensor {
    Tensor {
        role,
        dims,
        bits,
        partial_bits: bits,
        density: 1.0,
    }
}

/// A layer of any type; at most some 3,000 points.
pub fn operation(c: &mut Choices) -> Operation {
    let bits = [8, 16, 4, 32];
    let (input, weight, output) = (
        bits[c.below(4) as usize],
        bits[c.below(4) as usize],
        bits[c.below(4) as usize],
    );
    let make = |ranks: Vec<u64>, windows, tensors, kind, repeat| Operation {
        ranks,
        windows,
        tensors,
        kind,
        repeat,
    };
    let mac = OperationKind::MultiplyAccumulate;
    match c.below(9) {
        // GEMM, with a batch.
        0 => {
            let (b, m, n, k) = (c.from(1, 2), c.from(1, 6), c.from(1, 6), c.from(1, 6));
            make(
                vec![b, m, n, k],
                vec![],
                vec![
                    tensor(
                        Role::Input,
                        input,
                        vec![
                            dim(&[(0, 1)], 0, b),
                            dim(&[(1, 1)], 0, m),
                            dim(&[(3, 1)], 0, k),
                        ],
                    ),
                    tensor(
                        Role::Weight,
                        weight,
                        vec![
                            dim(&[(0, 1)], 0, b),
                            dim(&[(3, 1)], 0, k),
                            dim(&[(2, 1)], 0, n),
                        ],
                    ),
                    tensor(
                        Role::Output,
                        output,
                        vec![
                            dim(&[(0, 1)], 0, b),
                            dim(&[(1, 1)], 0, m),
                            dim(&[(2, 1)], 0, n),
                        ],
                    ),
                ],
                mac,
                c.from(1, 2),
            )
        }
        // Element-wise addition of two tensors.
        1 => {
            let e = [c.from(1, 2), c.from(1, 4), c.from(1, 5), c.from(1, 5)];
            let all = || (0..4).map(|r| dim(&[(r, 1)], 0, e[r])).collect::<Vec<_>>();
            make(
                e.to_vec(),
                vec![],
                vec![
                    tensor(Role::Input, input, all()),
                    tensor(Role::Input, weight, all()),
                    tensor(Role::Output, output, all()),
                ],
                OperationKind::Elementwise,
                1,
            )
        }
        // Transposed convolution: ranks K C Y X R S.
        2 => {
            let (k, ch, y, x) = (c.from(1, 3), c.from(1, 3), c.from(1, 4), c.from(1, 3));
            let (r, s) = (c.from(1, 3), c.from(1, 2));
            let (stride, dilation, pad) = (c.from(1, 3), c.from(1, 2), c.below(2));
            let rows = (((y - 1) * stride + dilation * (r - 1) + 1).saturating_sub(2 * pad)).max(1);
            let columns = (x - 1) * stride + dilation * (s - 1) + 1;
            let (st, di) = (stride as i64, dilation as i64);
            make(
                vec![k, ch, y, x, r, s],
                vec![],
                vec![
                    tensor(
                        Role::Input,
                        input,
                        vec![
                            dim(&[(1, 1)], 0, ch),
                            dim(&[(2, 1)], 0, y),
                            dim(&[(3, 1)], 0, x),
                        ],
                    ),
                    tensor(
                        Role::Weight,
                        weight,
                        vec![
                            dim(&[(0, 1)], 0, k),
                            dim(&[(1, 1)], 0, ch),
                            dim(&[(4, 1)], 0, r),
                            dim(&[(5, 1)], 0, s),
                        ],
                    ),
                    tensor(
                        Role::Output,
                        output,
                        vec![
                            dim(&[(0, 1)], 0, k),
                            dim(&[(2, st), (4, di)], -(pad as i64), rows),
                            dim(&[(3, st), (5, di)], 0, columns),
                        ],
                    ),
                ],
                mac,
                1,
            )
        }
        // Einsum with an affine index, a tensor with two indices in one group, and a negative coefficient.
        3 => {
            let (a, b, e) = (c.from(1, 5), c.from(1, 4), c.from(1, 4));
            let stride = c.from(1, 3) as i64;
            let flip = c.once_in(3);
            let (terms, constant) = if flip {
                (vec![(0, -stride), (1, 1)], stride * (a as i64 - 1))
            } else {
                (vec![(0, stride), (1, 1)], 0)
            };
            let extent = stride as u64 * (a - 1) + b;
            make(
                vec![a, b, e],
                vec![],
                vec![
                    tensor(
                        Role::Input,
                        input,
                        vec![dim(&terms, constant, extent), dim(&[(2, 1)], 0, e)],
                    ),
                    tensor(
                        Role::Weight,
                        weight,
                        vec![dim(&[(0, 1)], 0, a), dim(&[(1, 1)], 0, b)],
                    ),
                    tensor(
                        Role::Output,
                        output,
                        vec![dim(&[(0, 1)], 0, a), dim(&[(2, 1)], 0, e)],
                    ),
                ],
                mac,
                1,
            )
        }
        // Convolutions: depthwise, pooling, plain, grouped.
        kind => {
            let depthwise = kind == 4 || kind == 5;
            let n = c.from(1, 2);
            let g = if kind == 6 { 2 } else { 1 };
            let k = if depthwise { 1 } else { c.from(1, 4) };
            let ch = c.from(1, 3);
            let axis = |c: &mut Choices| {
                let (kernel, stride, dilation) =
                    (c.from(1, 3), c.from(1, 4).min(3), c.from(1, 3).min(2));
                let (before, after) = (c.below(2), c.below(2));
                let span = dilation * (kernel - 1) + 1;
                let extent = c.from(1, 7).max(span.saturating_sub(before + after)).max(1);
                let padded = extent + before + after;
                (
                    (padded - span) / stride + 1,
                    kernel,
                    stride,
                    dilation,
                    before,
                    extent,
                    padded,
                )
            };
            let (p, r, sy, dy, py, y, uy) = axis(c);
            let (q, s, sx, dx, px, x, ux) = if c.once_in(2) {
                axis(c)
            } else {
                (2, 1, 1, 1, 0, 2, 2)
            };
            // Ranks N G K C P Q R S.
            let window = |output, kernel, stride, dilation, extent| Window {
                output: RankId(output),
                kernel: RankId(kernel),
                stride,
                dilation,
                extent,
            };
            let plane = [
                dim(&[(4, sy as i64), (6, dy as i64)], -(py as i64), y),
                dim(&[(5, sx as i64), (7, dx as i64)], -(px as i64), x),
            ];
            let outputs = [dim(&[(4, 1)], 0, p), dim(&[(5, 1)], 0, q)];
            let image = |planes: &[Dim], channels: Vec<Dim>| -> Vec<Dim> {
                let mut dims = vec![dim(&[(0, 1)], 0, n), dim(&[(1, 1)], 0, g)];
                dims.extend(channels);
                dims.extend_from_slice(planes);
                dims
            };
            let mut tensors = vec![tensor(
                Role::Input,
                input,
                image(&plane, vec![dim(&[(3, 1)], 0, ch)]),
            )];
            if kind != 5 {
                tensors.push(tensor(
                    Role::Weight,
                    weight,
                    vec![
                        dim(&[(1, 1)], 0, g),
                        dim(&[(2, 1)], 0, k),
                        dim(&[(3, 1)], 0, ch),
                        dim(&[(6, 1)], 0, r),
                        dim(&[(7, 1)], 0, s),
                    ],
                ));
            }
            let channel = if depthwise {
                dim(&[(3, 1)], 0, ch)
            } else {
                dim(&[(2, 1)], 0, k)
            };
            tensors.push(tensor(Role::Output, output, image(&outputs, vec![channel])));
            make(
                vec![n, g, k, ch, p, q, r, s],
                vec![window(4, 6, sy, dy, uy), window(5, 7, sx, dx, ux)],
                tensors,
                if kind == 5 {
                    OperationKind::Reduce
                } else {
                    mac
                },
                1,
            )
        }
    }
}

fn rate(c: &mut Choices) -> Option<Rate> {
    match c.below(4) {
        0 => None,
        1 => Some(Rate { bits: 8, cycles: 1 }),
        2 => Some(Rate {
            bits: 40,
            cycles: 3,
        }),
        _ => Some(Rate {
            bits: 64,
            cycles: 1,
        }),
    }
}

fn ports(c: &mut Choices) -> Ports {
    match (c.below(5), rate(c), rate(c)) {
        (3 | 4, Some(rate), _) => Ports::One(rate),
        (0, ..) => Ports::UNBOUNDED,
        (_, read, write) => Ports::Two { read, write },
    }
}

fn links(c: &mut Choices) -> Links {
    if c.once_in(3) {
        Links::PerTensor {
            input: rate(c),
            weight: rate(c),
            output: rate(c),
        }
    } else {
        Links::Shared(rate(c))
    }
}

fn array(c: &mut Choices) -> Array {
    let mut shape = vec![c.from(1, 6)];
    if c.once_in(4) {
        shape.push(2);
    }
    Array {
        shape,
        network: Network {
            links: links(c),
            latency: match c.below(5) {
                4 => Some(0),
                3 => Some(3),
                2 => Some(1),
                _ => None,
            },
            multicast: !c.once_in(3),
            reduction: !c.once_in(3),
            forwarding: c.once_in(3),
            skew: if c.once_in(4) { c.from(1, 2) } else { 0 },
        },
    }
}

/// Which memory of one level holds what: one for everything, one for some, or several side by side.
fn holders(c: &mut Choices) -> Vec<RoleSet> {
    let nothing = RoleSet {
        input: false,
        weight: false,
        output: false,
    };
    match c.below(5) {
        0 | 1 => vec![RoleSet::ALL],
        2 => vec![RoleSet {
            input: c.once_in(2),
            weight: c.once_in(2),
            output: c.once_in(2),
        }],
        _ => {
            let mut side_by_side = vec![nothing; c.from(2, 3) as usize];
            for role in [Role::Input, Role::Weight, Role::Output] {
                // Past the end: it passes the level by.
                let memory = c.below(side_by_side.len() as u64 * 3 + 1) as usize / 3;
                if let Some(holds) = side_by_side.get_mut(memory) {
                    match role {
                        Role::Input => holds.input = true,
                        Role::Weight => holds.weight = true,
                        Role::Output => holds.output = true,
                    }
                }
            }
            side_by_side
        }
    }
}

/// Two to four levels of memories, up to two arrays between or below them.
pub fn architecture(c: &mut Choices) -> Architecture {
    let arrays: Vec<Array> = (0..[0, 1, 1, 2, 2][c.below(5) as usize])
        .map(|_| array(c))
        .collect();
    let mut memories = Vec::new();
    let mut above = 0;
    for level in 0..c.from(2, 4) as usize {
        if level > 0 {
            above = c.from(above as u64, arrays.len() as u64) as usize;
        }
        let holders = if level == 0 {
            vec![RoleSet::ALL]
        } else {
            holders(c)
        };
        for holds in holders {
            memories.push(Memory {
                arrays_above: above,
                level,
                banks: 1,
                streams: c.once_in(5),
                capacity_bits: None,
                double_buffered: c.once_in(2),
                refill: if c.once_in(5) {
                    Refill::Tile
                } else {
                    Refill::Window
                },
                holds,
                ports: ports(c),
            });
        }
    }
    Architecture {
        memories,
        arrays,
        lanes: c.from(1, 2),
    }
}

/// Loops in one to three cluster levels; mostly legal, sometimes not.
pub fn schedule(c: &mut Choices, operation: &Operation, architecture: &Architecture) -> Schedule {
    let mut loops: Vec<Loop> = Vec::new();
    let mut extents = operation.ranks.clone();
    let levels = c.from(1, 3);
    let mut array = 0;
    for level in 0..levels as u32 {
        let mut free: Vec<usize> = (0..operation.ranks.len()).collect();
        let mut spatial_done = false;
        for _ in 0..c.from(0, 4) {
            if free.is_empty() {
                break;
            }
            let rank = free.remove(c.below(free.len() as u64) as usize);
            if c.once_in(8) {
                // Once more in this level.
                free.push(rank);
            }
            let id = RankId(rank as u8);
            let window = operation.windows.iter().position(|w| w.output == id);
            let exact = !c.once_in(12);
            let mut moves = Vec::new();
            let one = |axis, size: u64, offset: u64| Move {
                axis,
                size: size.max(1),
                offset: offset.max(1),
                origin: Origin::NONE,
            };
            let size = c.from(1, extents[rank].max(1));
            match window {
                Some(w) if c.once_in(2) => {
                    let shape = operation.windows[w];
                    let kernel = extents[shape.kernel.index()];
                    let axis = Axis::Window(w as u8);
                    match c.below(3) {
                        // The row-stationary pair.
                        0 if free.contains(&shape.kernel.index()) => {
                            let rows = c.from(1, kernel);
                            let need = shape.dilation * (rows - 1) + 1;
                            moves.push(one(axis, need, shape.dilation * rows));
                            moves.push(one(Axis::Rank(shape.kernel), rows, rows));
                            free.retain(|&r| r != shape.kernel.index());
                            extents[shape.kernel.index()] = rows;
                        }
                        // Kernel and rows apart (irregular).
                        1 if c.once_in(3) => moves.push(one(axis, size, size)),
                        _ => {
                            let need =
                                shape.stride * (size - 1) + shape.dilation * (kernel - 1) + 1;
                            let slack = c.below(if exact { 1 } else { 3 });
                            let offset = if exact {
                                shape.stride * size
                            } else {
                                c.from(1, 4)
                            };
                            moves.push(one(axis, need + slack, offset));
                            extents[rank] = size;
                        }
                    }
                }
                _ => {
                    let offset = if exact { size } else { c.from(1, 4) };
                    moves.push(one(Axis::Rank(id), size, offset));
                    extents[rank] = size;
                }
            }
            let spatial = array < architecture.arrays.len() && !spatial_done && c.once_in(2);
            let kind = if spatial {
                // A single spatial loop per level; sometimes several levels share one array.
                spatial_done = true;
                let here = array;
                if !c.once_in(3) {
                    array += 1;
                }
                LoopKind::Spatial {
                    array: here,
                    instances: c.from(1, 4),
                }
            } else {
                LoopKind::Temporal
            };
            if kind == LoopKind::Temporal && moves.len() > 1 {
                moves.truncate(1);
            }
            loops.push(Loop {
                moves: moves.into_iter().collect(),
                kind,
                level,
                origin: Origin::NONE,
            });
        }
    }
    let count = loops.len();
    // Loops that only order the accesses inside the innermost tile: plain temporal ones at the end.
    let plain = |l: &Loop| {
        l.kind == LoopKind::Temporal
            && l.moves.iter().all(|m| match m.axis {
                Axis::Rank(rank) => operation.window_of(rank).is_none(),
                Axis::Window(_) => false,
            })
    };
    let mut leaf = count;
    while leaf > 0 && plain(&loops[leaf - 1]) && c.once_in(3) {
        leaf -= 1;
    }
    let after = |memory: &Memory| {
        loops
            .iter()
            .rposition(|l| l.array().is_some_and(|array| array < memory.arrays_above))
            .map_or(0, |index| index + 1)
    };
    // With an array inside the innermost memory some loops lie inside its step.
    let innermost = architecture.memories.last().map_or(0, after);
    let inside = architecture
        .memories
        .last()
        .is_some_and(|memory| memory.arrays_above < architecture.arrays.len());
    let steps = if inside {
        c.from(innermost as u64, leaf as u64) as usize
    } else {
        leaf
    };
    let mut positions = vec![vec![Some(0); operation.tensors.len()]];
    for memory in &architecture.memories[1..] {
        let after = after(memory);
        let own = c.once_in(2);
        let common = c.from(after as u64, steps as u64) as usize;
        let row = (0..operation.tensors.len())
            .map(|tensor| {
                let outer = positions
                    .iter()
                    .filter_map(|row: &Vec<Option<usize>>| row[tensor])
                    .max()
                    .unwrap_or(0);
                let position = if own {
                    c.from(after as u64, steps as u64) as usize
                } else {
                    common
                };
                memory
                    .holds
                    .contains(operation.tensors[tensor].role)
                    .then(|| position.max(outer).max(after))
            })
            .collect();
        positions.push(row);
    }
    Schedule {
        loops,
        positions,
        steps,
        leaf,
    }
}

/// A whole mapping.
pub fn mapping(choices: &[u32]) -> Mapping {
    let mut c = Choices::new(choices);
    let mut operation = operation(&mut c);
    let result = operation.result();
    let result = &mut operation.tensors[result];
    result.partial_bits = [result.bits, result.bits, 32, 16, 24][c.below(5) as usize];
    let mut architecture = architecture(&mut c);
    let schedule = schedule(&mut c, &operation, &architecture);
    // Every array is as large as its loops need, or a little larger.
    for (number, array) in architecture.arrays.iter_mut().enumerate() {
        let own = schedule.loops.iter().filter(|l| l.array() == Some(number));
        let size = own.map(Loop::instances).product::<u64>() + array.shape[0] / 3;
        array.shape = match array.shape.len() {
            1 => vec![size],
            _ => vec![size.div_ceil(2), 2],
        };
    }
    Mapping::new(operation, architecture, schedule)
}
