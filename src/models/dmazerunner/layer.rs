//! Layers as the profile sees them: seven loops, three tensors.
//!
//! A convolution has the loops N, M, C, Ox, Oy, Fx, Fy. A depthwise convolution has M = 1, and C indexes its
//! outputs. A matrix product of X rows, Y columns and a reduction over K is the nest N = X, M = Y, C = K with
//! all other loops 1.
//!
//! Of a convolution or a product every loop indexes exactly two of the three tensors; the third is the one
//! that the loop may leave in place ([`Layer::idle`]). Depthwise, C indexes all three.

/// Number of loops.
pub const DIMS: usize = 7;

/// One number per loop, in the order of [`Dim::ALL`].
pub type Factors = [u64; DIMS];

/// A loop of the nest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dim {
    /// Images of the batch; rows X of a product.
    N,
    /// Output channels; columns Y of a product.
    M,
    /// Input channels; the reduction K of a product.
    C,
    /// Rows of the output.
    Ox,
    /// Columns of the output.
    Oy,
    /// Rows of the filter.
    Fx,
    /// Columns of the filter.
    Fy,
}

impl Dim {
    /// All loops, in the order of [`Factors`].
    pub const ALL: [Dim; DIMS] = [Dim::N, Dim::M, Dim::C, Dim::Ox, Dim::Oy, Dim::Fx, Dim::Fy];

    /// Its place in [`Factors`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Number of tensors.
pub const TENSORS: usize = 3;

/// A tensor of the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tensor {
    /// The input, or the left factor.
    I,
    /// The weights, or the right factor.
    W,
    /// The output, the only one that is read and written.
    O,
}

impl Tensor {
    /// All tensors, in the order of arrays with one entry per tensor.
    pub const ALL: [Tensor; TENSORS] = [Tensor::I, Tensor::W, Tensor::O];

    /// Its place in arrays with one entry per tensor.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What the layer computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// A convolution without groups.
    Convolution,
    /// A convolution of every channel by itself; M = 1.
    Depthwise,
    /// A matrix product; only N, M and C may exceed 1.
    Product,
}

/// A layer: bounds, stride and the padded image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    pub operator: Operator,
    /// Trips of each loop.
    pub bounds: Factors,
    /// Step of the window in both directions.
    pub stride: u64,
    /// Rows and columns of the input with its padding.
    pub image: [u64; 2],
}

impl Layer {
    /// A convolution whose input of `height` by `height` is padded by `padding` on every side.
    #[must_use]
    pub fn convolution(bounds: Factors, stride: u64, height: u64, padding: u64) -> Layer {
        Layer {
            operator: Operator::Convolution,
            bounds,
            stride,
            image: [height + 2 * padding; 2],
        }
    }

    /// A product of `rows` by `reduction` and `reduction` by `columns`.
    #[must_use]
    pub fn product(rows: u64, columns: u64, reduction: u64) -> Layer {
        Layer {
            operator: Operator::Product,
            bounds: [rows, columns, reduction, 1, 1, 1, 1],
            stride: 1,
            image: [1, 1],
        }
    }

    /// The tensor that the loop does not index; none if it indexes all three.
    #[must_use]
    pub fn idle(&self, dim: Dim) -> Option<Tensor> {
        match dim {
            Dim::N | Dim::Ox | Dim::Oy => Some(Tensor::W),
            Dim::M => Some(Tensor::I),
            Dim::C if self.operator == Operator::Depthwise => None,
            Dim::C | Dim::Fx | Dim::Fy => Some(Tensor::O),
        }
    }

    /// Product of the factors of the loops that do not index each tensor, and of those that index all.
    #[must_use]
    pub fn idle_products(&self, factors: &Factors) -> ([u64; TENSORS], u64) {
        let mut idle = [1; TENSORS];
        let mut all = 1;
        for dim in Dim::ALL {
            match self.idle(dim) {
                Some(tensor) => idle[tensor.index()] *= factors[dim.index()],
                None => all *= factors[dim.index()],
            }
        }
        (idle, all)
    }

    /// Extents of the box of the tensor that a tile with these factors touches, in the row-major order of the
    /// tensor: O `N, M, Ox, Oy`; W `M, C, Fx, Fy`; I `N, C, rows, columns` of the padded image. The right
    /// factor of a product is stored as `K, Y`.
    #[must_use]
    pub fn tile(&self, tensor: Tensor, f: &Factors) -> [u64; 4] {
        let [n, m, c, ox, oy, fx, fy] = *f;
        match tensor {
            Tensor::I => {
                let rows = (ox - 1) * self.stride + fx;
                let columns = (oy - 1) * self.stride + fy;
                [n, c, rows, columns]
            }
            Tensor::W if self.operator == Operator::Product => [c, m, 1, 1],
            Tensor::W => [m, c, fx, fy],
            Tensor::O if self.operator == Operator::Depthwise => [n, c, ox, oy],
            Tensor::O => [n, m, ox, oy],
        }
    }

    /// Extents of the whole tensor in memory.
    #[must_use]
    pub fn whole(&self, tensor: Tensor) -> [u64; 4] {
        match tensor {
            Tensor::I => {
                let [rows, columns] = self.image;
                [self.bounds[0], self.bounds[2], rows, columns]
            }
            _ => self.tile(tensor, &self.bounds),
        }
    }

    /// Elements of the tensor in a tile with these factors.
    #[must_use]
    pub fn footprint(&self, tensor: Tensor, factors: &Factors) -> u64 {
        self.tile(tensor, factors).iter().product()
    }

    /// [`Layer::footprint`] of all three tensors.
    #[must_use]
    pub fn footprints(&self, factors: &Factors) -> [u64; TENSORS] {
        Tensor::ALL.map(|tensor| self.footprint(tensor, factors))
    }

    /// Multiply-accumulates of the layer.
    #[must_use]
    pub fn macs(&self) -> u64 {
        self.bounds.iter().product()
    }
}
