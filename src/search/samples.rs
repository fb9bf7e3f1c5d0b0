//! Layers and machines for tests.

use crate::cost::{Per, Price, Prices};
use crate::engine::TimingRule;
use crate::ir::{
    self, Architecture, Array, Dim, Links, Memory, Network, Operation, OperationKind, Ports,
    RankId, Rate, Refill, Role, RoleSet, Tensor, Term, Window,
};
use crate::search::problem::Problem;
use crate::search::random::Random;
use std::sync::Arc;

pub fn price(pj: f64) -> Result<Price, crate::cost::CostError> {
    Ok(Price {
        pj,
        per: Per::Bit,
        label: String::new(),
    })
}

fn dim(terms: &[(u8, i64)], constant: i64, extent: u64) -> Dim {
    Dim {
        terms: terms
            .iter()
            .map(|&(rank, coefficient)| Term {
                rank: RankId(rank),
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

/// Output[m, n] += Input[m, k] * Weight[k, n]
pub fn product(m: u64, n: u64, k: u64, bits: u32) -> Operation {
    Operation {
        ranks: vec![m, n, k],
        windows: Vec::new(),
        tensors: vec![
            tensor(
                Role::Input,
                bits,
                vec![dim(&[(0, 1)], 0, m), dim(&[(2, 1)], 0, k)],
            ),
            tensor(
                Role::Weight,
                bits,
                vec![dim(&[(2, 1)], 0, k), dim(&[(1, 1)], 0, n)],
            ),
            tensor(
                Role::Output,
                bits,
                vec![dim(&[(0, 1)], 0, m), dim(&[(1, 1)], 0, n)],
            ),
        ],
        kind: OperationKind::MultiplyAccumulate,
        repeat: 1,
    }
}

/// A convolution over `K C P Q R S`.
pub struct Convolution {
    pub k: u64,
    pub c: u64,
    pub p: u64,
    pub q: u64,
    pub r: u64,
    pub s: u64,
    pub stride: u64,
    pub padding: u64,
    pub depthwise: bool,
}

impl Convolution {
    pub fn operation(&self, bits: u32) -> Operation {
        let rows = |out: u64, kernel: u64| self.stride * (out - 1) + kernel;
        let (y, x) = (rows(self.p, self.r), rows(self.q, self.s));
        let pad = self.padding;
        let channel = if self.depthwise { 0 } else { 1 };
        let input = vec![
            dim(
                &[(channel, 1)],
                0,
                if self.depthwise { self.k } else { self.c },
            ),
            dim(
                &[(2, self.stride as i64), (4, 1)],
                -(pad as i64),
                y - 2 * pad,
            ),
            // One column is enough to see what padding does.
            dim(&[(3, self.stride as i64), (5, 1)], 0, x),
        ];
        let mut weight = vec![dim(&[(0, 1)], 0, self.k)];
        if !self.depthwise {
            weight.push(dim(&[(1, 1)], 0, self.c));
        }
        weight.extend([dim(&[(4, 1)], 0, self.r), dim(&[(5, 1)], 0, self.s)]);
        let output = vec![
            dim(&[(0, 1)], 0, self.k),
            dim(&[(2, 1)], 0, self.p),
            dim(&[(3, 1)], 0, self.q),
        ];
        let window = |output: u8, kernel: u8, extent: u64| Window {
            output: RankId(output),
            kernel: RankId(kernel),
            stride: self.stride,
            dilation: 1,
            extent,
        };
        Operation {
            ranks: vec![
                self.k,
                if self.depthwise { 1 } else { self.c },
                self.p,
                self.q,
                self.r,
                self.s,
            ],
            windows: vec![window(2, 4, y), window(3, 5, x)],
            tensors: vec![
                tensor(Role::Input, bits, input),
                tensor(Role::Weight, bits, weight),
                tensor(Role::Output, bits, output),
            ],
            kind: OperationKind::MultiplyAccumulate,
            repeat: 1,
        }
    }
}

pub fn memory(arrays_above: usize, level: usize, bytes: Option<u64>) -> Memory {
    Memory {
        arrays_above,
        level,
        capacity_bits: bytes.map(|b| u128::from(b) * 8),
        banks: 1,
        double_buffered: false,
        streams: false,
        refill: Refill::Window,
        holds: RoleSet::ALL,
        ports: Ports::UNBOUNDED,
    }
}

pub fn rate(bits: u64) -> Rate {
    Rate { bits, cycles: 1 }
}

pub fn array(shape: &[u64], network: Network) -> Array {
    Array {
        shape: shape.to_vec(),
        network,
    }
}

/// One buffer in front of one PE; energy is the bytes of the backing store.
pub fn one_buffer(operation: Operation, bytes: Option<u64>) -> Problem {
    Problem {
        mapped: Arc::new(ir::Problem {
            operation,
            architecture: Architecture {
                memories: vec![memory(0, 0, None), memory(0, 1, bytes)],
                arrays: Vec::new(),
                lanes: 1,
            },
        }),
        prices: None,
        area_um2: None,
        rule: TimingRule::Exact,
    }
}

/// The machine of the GEMM of 1024^3: DRAM, 64 KiB, 32 x 192 PEs with one weight each.
pub fn nvdla_like(operation: Operation) -> Problem {
    let ports = |read, write| Ports::Two {
        read: Some(read),
        write: Some(write),
    };
    let mut dram = memory(0, 0, None);
    // 38.4 GB/s at 1 GHz: 307.2 bits a cycle, one port.
    dram.ports = Ports::One(Rate {
        bits: 1536,
        cycles: 5,
    });
    let mut buffer = memory(0, 1, Some(64 * 1024));
    buffer.streams = true;
    buffer.ports = ports(rate(4096), rate(1024));
    let mut register = memory(2, 2, Some(1));
    register.streams = true;
    register.holds = RoleSet {
        input: false,
        weight: true,
        output: false,
    };
    let inputs = Network {
        reduction: false,
        ..Network::FREE
    };
    let sums = Network {
        multicast: false,
        ..Network::FREE
    };
    Problem {
        mapped: Arc::new(ir::Problem {
            operation,
            architecture: Architecture {
                memories: vec![dram, buffer, register],
                arrays: vec![array(&[32], inputs), array(&[192], sums)],
                lanes: 1,
            },
        }),
        prices: Some(Prices {
            operation: Ok(Price {
                pj: 0.084 * 1.0,
                per: Per::Operation,
                label: String::new(),
            }),
            memories: vec![
                [price(7.03), price(7.03)],
                [price(0.249), price(0.293)],
                [price(0.0), price(0.0)],
            ],
            hop: price(0.0),
            static_power: None,
        }),
        area_um2: None,
        rule: TimingRule::Exact,
    }
}

/// Some small layer on some small machine, always the same for the same seed; a tenth have a memory that is too
/// small for anything.
pub fn small(seed: u64, size: u64) -> Problem {
    let mut random = Random(seed);
    let mut one = |list: &[u64]| list[random.below(list.len() as u64) as usize];
    let slides = seed.is_multiple_of(2);
    let mut operation = if slides {
        let kernel = one(&[1, 2, 3]);
        Convolution {
            k: one(&[1, 2, 4]),
            c: one(&[1, 2, 3]),
            p: one(&[2, 3, 4, 6]).min(size),
            q: one(&[1, 1, 2]),
            r: kernel,
            s: 1,
            stride: one(&[1, 1, 2]),
            padding: if kernel == 3 { one(&[0, 1]) } else { 0 },
            depthwise: one(&[0, 0, 0, 1]) == 1,
        }
        .operation(8)
    } else {
        product(
            one(&[1, 2, 3, 4, 6]).min(size),
            one(&[2, 4, 5, 8]).min(size),
            one(&[2, 3, 4, 6]).min(size),
            8,
        )
    };
    if one(&[0, 0, 1]) == 1
        && let Some(result) = operation.tensors.last_mut()
    {
        result.partial_bits = 16;
    }
    let infeasible = seed % 10 == 7;
    let least = operation.tensors.len() as u64 + 1;
    let buffer = if infeasible {
        1
    } else {
        one(&[8, 12, 20, 32, 64])
    };
    let register = one(&[least, 6, 8, 16]);
    let mut dram = memory(0, 0, None);
    dram.ports = Ports::One(rate(one(&[4, 8, 16])));
    let mut middle = memory(0, 1, Some(buffer));
    middle.double_buffered = one(&[0, 0, 1]) == 1;
    middle.streams = one(&[0, 1]) == 1;
    if one(&[0, 1]) == 1 {
        middle.ports = Ports::Two {
            read: Some(rate(16)),
            write: Some(rate(8)),
        };
    }
    let shape: Vec<u64> = match one(&[0, 1, 2]) {
        0 => vec![2],
        1 => vec![3],
        _ => vec![2, 2],
    };
    let network = Network {
        links: if one(&[0, 1]) == 1 {
            Links::Shared(Some(rate(16)))
        } else {
            Links::UNBOUNDED
        },
        latency: None,
        multicast: one(&[0, 1, 1]) == 1,
        reduction: one(&[0, 1, 1]) == 1,
        forwarding: false,
        skew: one(&[0, 0, 1]),
    };
    let mut inner = memory(1, 2, Some(register));
    inner.streams = one(&[0, 1]) == 1;
    Problem {
        mapped: Arc::new(ir::Problem {
            operation,
            architecture: Architecture {
                memories: vec![dram, middle, inner],
                arrays: vec![array(&shape, network)],
                lanes: one(&[1, 1, 2]),
            },
        }),
        prices: Some(Prices {
            operation: Ok(Price {
                pj: 1.0,
                per: Per::Operation,
                label: String::new(),
            }),
            memories: vec![
                [price(25.0), price(25.0)],
                [price(0.75), price(1.0)],
                [price(0.125), price(0.0625)],
            ],
            hop: price(0.03125),
            static_power: if one(&[0, 1]) == 1 {
                Some(Ok(Price {
                    pj: 3.0,
                    per: Per::Cycle,
                    label: String::new(),
                }))
            } else {
                None
            },
        }),
        area_um2: None,
        rule: TimingRule::Exact,
    }
}
