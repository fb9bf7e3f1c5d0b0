//! What every layer type computes, as numbers: the formulas between declared and derived sizes.
//!
//! Problem: `Layer { Type: CONV; Dimensions { K: 64, C: 3, Y: 224, X: 224, R: 3, S: 3 } Padding { Y: 1, X: 1 } }`
//! says everything about 224x224 outputs and 86,704,128 MACs without naming either. This module derives them.
//!
//! Decisions (the reference manual states the same):
//! * `K` and `C` of a grouped CONV are declared for the whole layer and kept *per group* here, as GCONV
//!   declares them; a directive and `Sz` see the per-group sizes.
//! * A transposed convolution gives `P = (Y-1)*stride + dilation*(R-1) + 1 - padding`; there is no
//!   output padding. Its MACs are those of every (input element, kernel element) pair.
//! * LSTM is one product of the concatenated input and hidden vector (`C = D + H`) with the weights of
//!   the four gates (`K = 4*H`), in each of `Steps` steps that follow one another. What others read of it is its
//!   hidden state, H elements a step; its gate functions and its cell state are not counted.

use crate::syntax::ast::Combine;

/// One sliding axis: rows (`Y R Y'`) or columns (`X S X'`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slide {
    /// Input extent without padding.
    pub input: u64,
    pub kernel: u64,
    pub stride: u64,
    pub dilation: u64,
    pub pad_low: u64,
    pub pad_high: u64,
    pub output: u64,
}

/// Why sizes of one axis do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlideError {
    /// The dilated kernel spans more than the padded input.
    KernelTooLarge {
        span: u64,
        padded: u64,
    },
    /// The padding alone is larger than what the outputs need: no input is left.
    NoInput,
    /// Crops all of the output (transposed convolution).
    NoOutput,
    /// Both extents were given and disagree.
    Disagree {
        declared_output: u64,
        derived_output: u64,
    },
    Overflow,
}

/// The parameters of an axis that are always declared (or defaulted).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlideParameters {
    pub kernel: u64,
    pub stride: u64,
    pub dilation: u64,
    pub pad_low: u64,
    pub pad_high: u64,
}

impl SlideParameters {
    /// `dilation * (kernel - 1) + 1`.
    fn span(self) -> Result<u64, SlideError> {
        self.kernel
            .saturating_sub(1)
            .checked_mul(self.dilation)
            .and_then(|reach| reach.checked_add(1))
            .ok_or(SlideError::Overflow)
    }

    fn pads(self) -> Result<u64, SlideError> {
        self.pad_low
            .checked_add(self.pad_high)
            .ok_or(SlideError::Overflow)
    }

    fn with(self, input: u64, output: u64) -> Slide {
        Slide {
            input,
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            pad_low: self.pad_low,
            pad_high: self.pad_high,
            output,
        }
    }

    /// A convolution axis from its input extent.
    ///
    /// # Errors
    /// When the kernel does not fit the padded input, or past `u64`.
    pub fn from_input(self, input: u64) -> Result<Slide, SlideError> {
        let padded = input
            .checked_add(self.pads()?)
            .ok_or(SlideError::Overflow)?;
        let span = self.span()?;
        if span > padded {
            return Err(SlideError::KernelTooLarge { span, padded });
        }
        Ok(self.with(input, (padded - span) / self.stride.max(1) + 1))
    }

    /// A convolution axis from its output extent: the smallest input that gives it.
    ///
    /// # Errors
    /// When nothing of the input is left beside the padding, or past `u64`.
    pub fn from_output(self, output: u64) -> Result<Slide, SlideError> {
        let needed = output
            .saturating_sub(1)
            .checked_mul(self.stride)
            .and_then(|reach| reach.checked_add(self.span().ok()?))
            .ok_or(SlideError::Overflow)?;
        match needed.checked_sub(self.pads()?) {
            None | Some(0) => Err(SlideError::NoInput),
            Some(input) => Ok(self.with(input, output)),
        }
    }

    /// A convolution axis of which both extents were declared.
    ///
    /// # Errors
    /// As [`SlideParameters::from_input`], and when the two disagree.
    pub fn from_both(self, input: u64, output: u64) -> Result<Slide, SlideError> {
        let slide = self.from_input(input)?;
        if slide.output == output {
            Ok(slide)
        } else {
            Err(SlideError::Disagree {
                declared_output: output,
                derived_output: slide.output,
            })
        }
    }

    /// A transposed axis: `stride` is the upsampling factor, padding crops the output.
    ///
    /// # Errors
    /// When the padding crops everything, or past `u64`.
    pub fn transposed(self, input: u64) -> Result<Slide, SlideError> {
        let full = input
            .saturating_sub(1)
            .checked_mul(self.stride)
            .and_then(|reach| reach.checked_add(self.span().ok()?))
            .ok_or(SlideError::Overflow)?;
        match full.checked_sub(self.pads()?) {
            None | Some(0) => Err(SlideError::NoOutput),
            Some(output) => Ok(self.with(input, output)),
        }
    }
}

impl Slide {
    /// Input extent with the padding on both sides.
    #[must_use]
    pub fn padded(&self) -> u64 {
        self.input
            .saturating_add(self.pad_low)
            .saturating_add(self.pad_high)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolOp {
    Max,
    Average,
}

/// An affine index of an EINSUM tensor: `2*p + r - 1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EinsumIndex {
    /// (index into [`Einsum::ranks`], coefficient), each rank once, no zero coefficient.
    pub terms: Vec<(usize, i64)>,
    pub constant: i64,
    /// What `Extents` says of this dimension of the tensor: indices outside touch nothing.
    pub stated: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EinsumTensor {
    pub name: String,
    pub indices: Vec<EinsumIndex>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Einsum {
    pub ranks: Vec<(String, u64)>,
    /// Operands first, the result last.
    pub tensors: Vec<EinsumTensor>,
    pub combine: Combine,
    /// What is computed of an element is a product of several factors that are read.
    pub product: bool,
}

impl Einsum {
    /// Whether its points are multiply-accumulates: it sums products. All else is counted as operations.
    #[must_use]
    pub fn multiplies(&self) -> bool {
        self.combine == Combine::Sum && self.product
    }

    /// Extent of one index: what is stated, or the largest value it takes plus one.
    #[must_use]
    pub fn extent(&self, index: &EinsumIndex) -> Option<u64> {
        if index.stated.is_some() {
            return index.stated;
        }
        let (_, largest) = self.values(index)?;
        u64::try_from(largest.checked_add(1)?)
            .ok()
            .filter(|&extent| extent > 0)
    }

    /// The smallest and the largest value of an index.
    #[must_use]
    pub fn values(&self, index: &EinsumIndex) -> Option<(i64, i64)> {
        let (mut smallest, mut largest) = (index.constant, index.constant);
        for &(rank, coefficient) in &index.terms {
            let last = i64::try_from(self.ranks.get(rank)?.1.checked_sub(1)?).ok()?;
            let reach = coefficient.checked_mul(last)?;
            smallest = smallest.checked_add(reach.min(0))?;
            largest = largest.checked_add(reach.max(0))?;
        }
        Some((smallest, largest))
    }

    /// Number of elements of a tensor.
    #[must_use]
    pub fn elements(&self, tensor: &EinsumTensor) -> Option<u128> {
        tensor.indices.iter().try_fold(1u128, |product, index| {
            product.checked_mul(u128::from(self.extent(index)?))
        })
    }
}

/// A layer's type with all its sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// CONV and GCONV; `k` and `c` per group.
    Conv {
        n: u64,
        g: u64,
        k: u64,
        c: u64,
        rows: Slide,
        columns: Slide,
    },
    Depthwise {
        n: u64,
        c: u64,
        rows: Slide,
        columns: Slide,
    },
    /// `k` and `c` per group.
    Transposed {
        n: u64,
        g: u64,
        k: u64,
        c: u64,
        rows: Slide,
        columns: Slide,
    },
    Pool {
        n: u64,
        c: u64,
        rows: Slide,
        columns: Slide,
        op: PoolOp,
    },
    Fc {
        n: u64,
        k: u64,
        c: u64,
    },
    Gemm {
        b: u64,
        m: u64,
        n: u64,
        k: u64,
    },
    Add {
        n: u64,
        c: u64,
        y: u64,
        x: u64,
    },
    Lstm {
        n: u64,
        d: u64,
        h: u64,
        steps: u64,
    },
    Einsum(Einsum),
}

/// What flows between layers: a feature map, or something of which only the size is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Map { n: u64, c: u64, y: u64, x: u64 },
    Elements(u128),
}

impl Flow {
    #[must_use]
    pub fn elements(self) -> Option<u128> {
        match self {
            Flow::Map { n, c, y, x } => product(&[n, c, y, x]),
            Flow::Elements(count) => Some(count),
        }
    }
}

impl std::fmt::Display for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Flow::Map { n, c, y, x } => write!(f, "N {n} x C {c} x Y {y} x X {x}"),
            Flow::Elements(count) => write!(f, "{count} elements"),
        }
    }
}

fn product(factors: &[u64]) -> Option<u128> {
    factors.iter().try_fold(1u128, |product, &factor| {
        product.checked_mul(u128::from(factor))
    })
}

impl Shape {
    /// Points of the operation over all its repetitions; `None` past `u128`.
    #[must_use]
    pub fn points(&self) -> Option<u128> {
        match self {
            Shape::Conv {
                n,
                g,
                k,
                c,
                rows,
                columns,
            } => product(&[
                *n,
                *g,
                *k,
                *c,
                rows.output,
                columns.output,
                rows.kernel,
                columns.kernel,
            ]),
            Shape::Transposed {
                n,
                g,
                k,
                c,
                rows,
                columns,
            } => product(&[
                *n,
                *g,
                *k,
                *c,
                rows.input,
                columns.input,
                rows.kernel,
                columns.kernel,
            ]),
            Shape::Depthwise {
                n,
                c,
                rows,
                columns,
            }
            | Shape::Pool {
                n,
                c,
                rows,
                columns,
                ..
            } => product(&[
                *n,
                *c,
                rows.output,
                columns.output,
                rows.kernel,
                columns.kernel,
            ]),
            Shape::Fc { n, k, c } => product(&[*n, *k, *c]),
            Shape::Gemm { b, m, n, k } => product(&[*b, *m, *n, *k]),
            Shape::Add { n, c, y, x } => product(&[*n, *c, *y, *x]),
            Shape::Lstm { n, d, h, steps } => product(&[*n, 4, *h, d.checked_add(*h)?, *steps]),
            Shape::Einsum(einsum) => einsum
                .ranks
                .iter()
                .try_fold(1u128, |all, rank| all.checked_mul(u128::from(rank.1))),
        }
    }

    /// Multiply-accumulates: 0 for pooling and element-wise layers.
    #[must_use]
    pub fn macs(&self) -> Option<u128> {
        match self {
            Shape::Pool { .. } | Shape::Add { .. } => Some(0),
            Shape::Einsum(einsum) if !einsum.multiplies() => Some(0),
            _ => self.points(),
        }
    }

    /// What the layer produces.
    #[must_use]
    pub fn output(&self) -> Option<Flow> {
        Some(match self {
            Shape::Conv {
                n,
                g,
                k,
                rows,
                columns,
                ..
            }
            | Shape::Transposed {
                n,
                g,
                k,
                rows,
                columns,
                ..
            } => Flow::Map {
                n: *n,
                c: g.checked_mul(*k)?,
                y: rows.output,
                x: columns.output,
            },
            Shape::Depthwise {
                n,
                c,
                rows,
                columns,
            }
            | Shape::Pool {
                n,
                c,
                rows,
                columns,
                ..
            } => Flow::Map {
                n: *n,
                c: *c,
                y: rows.output,
                x: columns.output,
            },
            Shape::Fc { n, k, .. } => Flow::Map {
                n: *n,
                c: *k,
                y: 1,
                x: 1,
            },
            Shape::Add { n, c, y, x } => Flow::Map {
                n: *n,
                c: *c,
                y: *y,
                x: *x,
            },
            Shape::Gemm { b, m, n, .. } => Flow::Elements(product(&[*b, *m, *n])?),
            Shape::Lstm { n, h, steps, .. } => Flow::Elements(product(&[*n, *h, *steps])?),
            Shape::Einsum(einsum) => Flow::Elements(einsum.elements(einsum.tensors.last()?)?),
        })
    }

    /// What operand number `operand` must be, for layers that consume the outputs of others.
    #[must_use]
    pub fn operand(&self, operand: usize) -> Option<Flow> {
        Some(match self {
            Shape::Conv {
                n,
                g,
                c,
                rows,
                columns,
                ..
            }
            | Shape::Transposed {
                n,
                g,
                c,
                rows,
                columns,
                ..
            } => Flow::Map {
                n: *n,
                c: g.checked_mul(*c)?,
                y: rows.input,
                x: columns.input,
            },
            Shape::Depthwise {
                n,
                c,
                rows,
                columns,
            }
            | Shape::Pool {
                n,
                c,
                rows,
                columns,
                ..
            } => Flow::Map {
                n: *n,
                c: *c,
                y: rows.input,
                x: columns.input,
            },
            Shape::Fc { n, c, .. } => Flow::Map {
                n: *n,
                c: *c,
                y: 1,
                x: 1,
            },
            Shape::Add { n, c, y, x } => Flow::Map {
                n: *n,
                c: *c,
                y: *y,
                x: *x,
            },
            Shape::Gemm { b, m, n, k } => Flow::Elements(if operand == 0 {
                product(&[*b, *m, *k])?
            } else {
                product(&[*b, *k, *n])?
            }),
            Shape::Lstm { n, d, steps, .. } => Flow::Elements(product(&[*n, *d, *steps])?),
            Shape::Einsum(einsum) => {
                let operands = einsum.tensors.len().checked_sub(1)?;
                Flow::Elements(einsum.elements(einsum.tensors[..operands].get(operand)?)?)
            }
        })
    }

    /// The canonical spelling of the layer's type.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Shape::Conv { g: 1, .. } => "CONV",
            Shape::Conv { .. } => "GCONV",
            Shape::Depthwise { .. } => "DWCONV",
            Shape::Transposed { .. } => "TRCONV",
            Shape::Pool { .. } => "POOL",
            Shape::Fc { .. } => "FC",
            Shape::Gemm { .. } => "GEMM",
            Shape::Add { .. } => "ADD",
            Shape::Lstm { .. } => "LSTM",
            Shape::Einsum(_) => "EINSUM",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(kernel: u64, stride: u64, dilation: u64, pad: u64) -> SlideParameters {
        SlideParameters {
            kernel,
            stride,
            dilation,
            pad_low: pad,
            pad_high: pad,
        }
    }

    // VGG16 conv1_1: 224x224, 3x3, padding 1 -> 224x224, 86,704,128 MACs (64*3*9*224*224).
    #[test]
    fn vgg_conv1_1() {
        let slide = axis(3, 1, 1, 1).from_input(224).unwrap();
        assert_eq!(slide.output, 224);
        let shape = Shape::Conv {
            n: 1,
            g: 1,
            k: 64,
            c: 3,
            rows: slide,
            columns: slide,
        };
        assert_eq!(shape.macs(), Some(86_704_128));
    }

    // AlexNet conv1: 227x227, 11x11, stride 4 -> 55x55. ResNet conv1: 224, 7x7, stride 2, padding 3 -> 112.
    #[test]
    fn strides_round_down_and_back() {
        assert_eq!(axis(11, 4, 1, 0).from_input(227).unwrap().output, 55);
        assert_eq!(axis(7, 2, 1, 3).from_input(224).unwrap().output, 112);
        // Backwards, the smallest input: (112-1)*2 + 7 - 6 = 223.
        assert_eq!(axis(7, 2, 1, 3).from_output(112).unwrap().input, 223);
        assert!(axis(7, 2, 1, 3).from_both(224, 112).is_ok());
        assert_eq!(
            axis(7, 2, 1, 3).from_both(224, 113),
            Err(SlideError::Disagree {
                declared_output: 113,
                derived_output: 112
            })
        );
    }

    #[test]
    fn a_kernel_larger_than_the_input_is_an_error() {
        assert_eq!(
            axis(5, 1, 1, 0).from_input(4),
            Err(SlideError::KernelTooLarge { span: 5, padded: 4 })
        );
        assert!(axis(5, 1, u64::MAX, 0).from_input(4).is_err());
    }

    // DCGAN-style upsampling: 4x4 kernel, factor 2, padding 1 doubles the extent: (8-1)*2 + 4 - 2 = 16.
    #[test]
    fn transposed_doubles() {
        assert_eq!(axis(4, 2, 1, 1).transposed(8).unwrap().output, 16);
    }
}
