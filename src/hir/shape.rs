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

use super::layer_type::{
    self, Extent, FlowOf, Index, Inputs, Kind, Role, SlideAxis, TensorType, Type,
};
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

    /// The second operand counts as weights.
    #[must_use]
    pub fn role(&self, tensor: usize) -> Role {
        match tensor {
            _ if tensor.saturating_add(1) == self.tensors.len() => Role::Output,
            1 => Role::Weight,
            _ => Role::Input,
        }
    }

    /// All tensors but the result.
    #[must_use]
    pub fn operands(&self) -> &[EinsumTensor] {
        self.tensors
            .split_last()
            .map_or(&[], |(_, operands)| operands)
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
    Typed(Typed),
    Einsum(Einsum),
}

/// The sizes of a layer whose ranks and tensors are those of its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    pub layer_type: Type,
    /// By name, in the order of [`layer_type::LayerType::sizes`].
    pub sizes: Vec<(&'static str, u64)>,
    /// Rows and columns of a type that slides.
    pub axes: Option<[Slide; 2]>,
}

impl Typed {
    /// A size by its name; `Y X Y' X' R S` are those of the windows, if there are any.
    #[must_use]
    pub fn size(&self, name: &str) -> Option<u64> {
        let own = self.sizes.iter().find(|size| size.0 == name);
        own.map(|size| size.1).or_else(|| {
            let [rows, columns] = self.axes.as_ref()?;
            Some(match name {
                "Y" => rows.input,
                "X" => columns.input,
                "Y'" => rows.output,
                "X'" => columns.output,
                "R" => rows.kernel,
                "S" => columns.kernel,
                _ => return None,
            })
        })
    }

    /// `None` past `u64`.
    #[must_use]
    pub fn extent(&self, rank: &layer_type::Rank) -> Option<u64> {
        match rank.extent {
            Extent::Size(size) => self.size(size),
            Extent::Sum(left, right) => self.size(left)?.checked_add(self.size(right)?),
            Extent::Times(factor, size) => self.size(size)?.checked_mul(factor),
        }
    }

    #[must_use]
    pub fn axis(&self, axis: SlideAxis) -> Option<&Slide> {
        let [rows, columns] = self.axes.as_ref()?;
        Some(match axis {
            SlideAxis::Rows => rows,
            SlideAxis::Columns => columns,
        })
    }

    fn product_of(&self, sizes: &[&str]) -> Option<u64> {
        sizes
            .iter()
            .try_fold(1u64, |product, size| product.checked_mul(self.size(size)?))
    }

    fn flow(&self, tensor: &TensorType) -> Option<Flow> {
        Some(match &tensor.flow {
            FlowOf::Map([n, c, y, x]) => Flow::Map {
                n: self.product_of(n)?,
                c: self.product_of(c)?,
                y: self.product_of(y)?,
                x: self.product_of(x)?,
            },
            FlowOf::Elements => Flow::Elements(self.elements(tensor)?),
            FlowOf::Number(sizes) => {
                Flow::Elements(product(sizes.iter().map(|size| self.size(size)))?)
            }
        })
    }

    /// Extents of the dimensions of a tensor.
    fn dims(&self, tensor: &TensorType) -> impl Iterator<Item = Option<u64>> {
        tensor.indices.iter().map(|index| match *index {
            Index::Window { size, .. } => self.size(size),
            Index::Rank(name) => {
                let ranks = self.layer_type.ranks;
                self.extent(ranks.iter().find(|rank| rank.names.contains(&name))?)
            }
        })
    }

    fn elements(&self, tensor: &TensorType) -> Option<u128> {
        product(self.dims(tensor))
    }

    /// What `Dimensions` and the keys beside it say, as reports show it.
    fn declared(&self) -> Vec<(String, u64)> {
        let own = self.layer_type.sizes.iter().filter_map(|size| {
            let extent = self.size(size.name)?;
            (size.shows_one || extent > 1).then_some((size.name, extent))
        });
        let of_windows = ["Y", "X", "Y'", "X'", "R", "S"];
        let windows = of_windows.iter().filter_map(|name| {
            self.axes?;
            Some((*name, self.size(name)?))
        });
        own.chain(windows)
            .map(|(name, extent)| (name.to_owned(), extent))
            .collect()
    }
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
            Flow::Map { n, c, y, x } => product([n, c, y, x].map(Some).into_iter()),
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

/// `None` when a factor is, or past `u128`.
fn product(mut factors: impl Iterator<Item = Option<u64>>) -> Option<u128> {
    factors.try_fold(1u128, |product, factor| {
        product.checked_mul(u128::from(factor?))
    })
}

impl Shape {
    #[must_use]
    pub fn layer_type(&self) -> Type {
        match self {
            Shape::Typed(typed) => typed.layer_type,
            Shape::Einsum(_) => &layer_type::EINSUM,
        }
    }

    #[must_use]
    pub fn einsum(&self) -> Option<&Einsum> {
        match self {
            Shape::Einsum(einsum) => Some(einsum),
            Shape::Typed(_) => None,
        }
    }

    /// Rows and columns of a type that slides.
    #[must_use]
    pub fn axes(&self) -> Option<&[Slide; 2]> {
        match self {
            Shape::Typed(typed) => typed.axes.as_ref(),
            Shape::Einsum(_) => None,
        }
    }

    /// Points of the operation over all its repetitions; `None` past `u128`.
    #[must_use]
    pub fn points(&self) -> Option<u128> {
        match self {
            Shape::Typed(typed) => {
                product(typed.layer_type.ranks.iter().map(|rank| typed.extent(rank)))
            }
            Shape::Einsum(einsum) => product(einsum.ranks.iter().map(|rank| Some(rank.1))),
        }
    }

    /// Multiply-accumulates: 0 for pooling and element-wise layers.
    #[must_use]
    pub fn macs(&self) -> Option<u128> {
        let multiplies = match self {
            Shape::Typed(typed) => typed.layer_type.kind == Kind::MultiplyAccumulate,
            Shape::Einsum(einsum) => einsum.multiplies(),
        };
        if multiplies { self.points() } else { Some(0) }
    }

    /// What the layer produces.
    #[must_use]
    pub fn output(&self) -> Option<Flow> {
        match self {
            Shape::Typed(typed) => typed.flow(typed.layer_type.result()?),
            Shape::Einsum(einsum) => Some(Flow::Elements(einsum.elements(einsum.tensors.last()?)?)),
        }
    }

    /// What operand number `operand` must be, for layers that consume the outputs of others.
    #[must_use]
    pub fn operand(&self, operand: usize) -> Option<Flow> {
        match self {
            Shape::Typed(typed) => typed.flow(typed.layer_type.operands().get(operand)?),
            Shape::Einsum(einsum) => {
                let tensor = einsum.operands().get(operand)?;
                Some(Flow::Elements(einsum.elements(tensor)?))
            }
        }
    }

    /// The dimensions of what the layer writes; `None` where others read another number of elements.
    #[must_use]
    pub fn written(&self) -> Option<Vec<u64>> {
        match self {
            Shape::Einsum(einsum) => {
                let indices = einsum.tensors.last()?.indices.iter();
                indices.map(|index| einsum.extent(index)).collect()
            }
            Shape::Typed(typed) => {
                let result = typed.layer_type.result()?;
                match &result.flow {
                    FlowOf::Map(parts) => {
                        let parts = parts.iter().filter(|part| !part.is_empty());
                        parts.map(|part| typed.product_of(part)).collect()
                    }
                    FlowOf::Elements => typed.dims(result).collect(),
                    FlowOf::Number(_) => None,
                }
            }
        }
    }

    /// How many elements the layer writes, where others read only a part of them.
    #[must_use]
    pub fn written_beside(&self) -> Option<u128> {
        let Shape::Typed(typed) = self else {
            return None;
        };
        let result = typed.layer_type.result()?;
        match result.flow {
            FlowOf::Number(_) => typed.elements(result),
            FlowOf::Map(_) | FlowOf::Elements => None,
        }
    }

    /// Whether a feature map that the layer takes is one value per feature to it.
    #[must_use]
    pub fn flattens(&self) -> bool {
        let first = self.layer_type().operands().first();
        first.is_some_and(|tensor| matches!(tensor.flow, FlowOf::Map([_, _, &[], &[]])))
    }

    /// Which part of `inputs` is what operand number `operand` is made of; nothing of one that is the layer's own.
    #[must_use]
    pub fn sources<'a, S>(&self, inputs: &'a [S], operand: usize) -> &'a [S] {
        match self.layer_type().inputs {
            Inputs::Each | Inputs::All => inputs.get(operand..=operand).unwrap_or(&[]),
            Inputs::Joined if operand == 0 => inputs,
            Inputs::Joined => &[],
        }
    }

    /// Role and name of every tensor, the result last.
    pub fn tensors(&self) -> impl Iterator<Item = (Role, &str)> {
        let typed = self.layer_type().tensors.iter();
        let own = self.einsum().into_iter().flat_map(|einsum| {
            let named = einsum.tensors.iter().enumerate();
            named.map(|(at, tensor)| (einsum.role(at), tensor.name.as_str()))
        });
        typed.map(|tensor| (tensor.role, tensor.name)).chain(own)
    }

    /// The sizes of a layer by their names in the language, as reports show them.
    #[must_use]
    pub fn dimensions(&self) -> Vec<(String, u64)> {
        match self {
            Shape::Typed(typed) => typed.declared(),
            Shape::Einsum(einsum) => einsum.ranks.clone(),
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
        let shape = Shape::Typed(Typed {
            layer_type: layer_type::called("CONV").unwrap(),
            sizes: vec![("N", 1), ("G", 1), ("K", 64), ("C", 3)],
            axes: Some([slide; 2]),
        });
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
