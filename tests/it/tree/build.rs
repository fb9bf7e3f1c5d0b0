//! Chains of layers, straight in the IR.

use dflowc::ir::{Access, FusedLayer, FusedProblem, FusedTensor, Index, IndexTerm};

/// A chain that grows layer by layer; values of `bits`, weights of `weight_bits` (0: they do not count).
#[derive(Clone)]
pub struct Chain {
    pub problem: FusedProblem,
    /// Tensors that are maps of the chain once more: those before these layers.
    pub residuals: Vec<(usize, usize)>,
    bits: u32,
    weight_bits: u32,
}

fn index(terms: &[(usize, i64)], constant: i64) -> Index {
    let terms = terms.iter().map(|&(rank, coefficient)| IndexTerm {
        rank,
        coefficient,
        divisor: 1,
    });
    Index::Affine {
        terms: terms.collect(),
        constant,
    }
}

/// How a layer slides over its rows, or its columns: outputs, kernel, stride, padding.
#[derive(Clone, Copy, Debug)]
pub struct Slide {
    pub out: u64,
    pub kernel: u64,
    pub stride: u64,
    pub padding: u64,
}

impl Slide {
    /// Stride 1, as many outputs as inputs.
    pub fn same(extent: u64, kernel: u64) -> Slide {
        Slide {
            out: extent,
            kernel,
            stride: 1,
            padding: (kernel - 1) / 2,
        }
    }
}

impl Chain {
    pub fn new(input: &[u64], bits: u32, weight_bits: u32) -> Chain {
        let tensor = FusedTensor {
            extents: input.to_vec(),
            bits,
            producer: None,
        };
        Chain {
            problem: FusedProblem {
                layers: vec![],
                tensors: vec![tensor],
            },
            residuals: vec![],
            bits,
            weight_bits,
        }
    }

    fn tensor(&mut self, extents: &[u64], bits: u32, producer: Option<usize>) -> usize {
        self.problem.tensors.push(FusedTensor {
            extents: extents.to_vec(),
            bits,
            producer,
        });
        self.problem.tensors.len() - 1
    }

    /// The newest map.
    fn input(&self) -> usize {
        match self.problem.layers.last() {
            Some(layer) => layer.accesses.last().unwrap().tensor,
            None => 0,
        }
    }

    pub fn extents(&self) -> &[u64] {
        &self.problem.tensors[self.input()].extents
    }

    fn layer(
        &mut self,
        ranks: &[u64],
        input: Vec<Index>,
        weight: Option<(&[usize], Vec<Index>)>,
        made: &[usize],
    ) {
        let at = self.problem.layers.len();
        let mut accesses = vec![Access {
            tensor: self.input(),
            dims: input,
        }];
        if let Some((by, dims)) = weight {
            let extents: Vec<u64> = by.iter().map(|&rank| ranks[rank]).collect();
            let tensor = self.tensor(&extents, self.weight_bits, None);
            accesses.push(Access { tensor, dims });
        }
        let extents: Vec<u64> = made.iter().map(|&rank| ranks[rank]).collect();
        let tensor = self.tensor(&extents, self.bits, Some(at));
        let dims = made.iter().map(|&rank| index(&[(rank, 1)], 0)).collect();
        accesses.push(Access { tensor, dims });
        self.problem.layers.push(FusedLayer {
            ranks: ranks.to_vec(),
            accesses,
        });
    }

    /// `M x K` times `K x n`; ranks M, N, K.
    pub fn product(mut self, n: u64) -> Chain {
        let (m, k) = (self.extents()[0], self.extents()[1]);
        let plain = |rank| index(&[(rank, 1)], 0);
        self.layer(
            &[m, n, k],
            vec![plain(0), plain(2)],
            Some((&[2, 1], vec![plain(2), plain(1)])),
            &[0, 1],
        );
        self
    }

    /// A convolution with `k` channels, or (0) one per channel; ranks K, C (one of them for depthwise), then rows and
    /// columns of the result, then those of the kernel.
    pub fn convolution(mut self, k: u64, slides: &[Slide], weights: bool) -> Chain {
        let c = self.extents()[0];
        let depthwise = k == 0;
        let mut ranks = if depthwise { vec![c] } else { vec![k, c] };
        let first = ranks.len();
        ranks.extend(slides.iter().map(|slide| slide.out));
        ranks.extend(slides.iter().map(|slide| slide.kernel));
        let count = slides.len();
        let mut input = vec![index(&[(first - 1, 1)], 0)];
        let mut made = vec![0];
        let mut by: Vec<usize> = (0..first).collect();
        for (at, slide) in slides.iter().enumerate() {
            let (out, kernel) = (first + at, first + count + at);
            input.push(index(
                &[(out, slide.stride as i64), (kernel, 1)],
                -(slide.padding as i64),
            ));
            made.push(out);
            by.push(kernel);
        }
        let dims: Vec<Index> = by.iter().map(|&rank| index(&[(rank, 1)], 0)).collect();
        let weight = weights.then_some((by.as_slice(), dims));
        self.layer(&ranks, input, weight, &made);
        self
    }

    /// 3x3 with padding 1 on a square map, `k` channels; 0: depthwise.
    pub fn three(self, k: u64) -> Chain {
        let side = self.extents()[1];
        self.convolution(k, &[Slide::same(side, 3); 2], true)
    }

    pub fn pointwise(self, k: u64) -> Chain {
        let side = self.extents()[1];
        self.convolution(k, &[Slide::same(side, 1); 2], true)
    }

    /// The newest layer adds the map before layer `source` to its result.
    pub fn residual(mut self, source: usize) -> Chain {
        let (extents, bits) = (self.extents().to_vec(), self.bits);
        let tensor = self.tensor(&extents, bits, None);
        let layer = self.problem.layers.last_mut().unwrap();
        let dims = layer.accesses.last().unwrap().dims.clone();
        let at = layer.accesses.len() - 1;
        layer.accesses.insert(at, Access { tensor, dims });
        self.residuals.push((tensor, source));
        self
    }

    /// 2x2 with stride 2.
    pub fn pool(self) -> Chain {
        let slide = Slide {
            out: self.extents()[1] / 2,
            kernel: 2,
            stride: 2,
            padding: 0,
        };
        self.convolution(0, &[slide; 2], false)
    }
}
