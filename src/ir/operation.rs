//! What is computed: a box of ranks, and tensors indexed affinely in them.

/// Index of a rank in [`Operation::ranks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RankId(pub u8);

impl RankId {
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// One operation: every integer point of the box `0..ranks[0] x 0..ranks[1] x ...` is one
/// multiply-accumulate (or one element operation, see [`OperationKind`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Extent of every rank; never zero.
    pub ranks: Vec<u64>,
    /// Sliding windows: the input axes over which `Y` and `X` maps move.
    pub windows: Vec<Window>,
    /// Operands first, the result last.
    pub tensors: Vec<Tensor>,
    pub kind: OperationKind,
    /// The whole operation runs this many times, one after the other (LSTM time steps); 1 otherwise.
    pub repeat: u64,
}

/// An input axis `u = stride * output + dilation * kernel` in padded coordinates: `u = 0` is the first
/// padded row, `extent` counts padding on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub output: RankId,
    pub kernel: RankId,
    pub stride: u64,
    pub dilation: u64,
    /// Padded input extent, at least `dilation * (R - 1) + 1`.
    pub extent: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationKind {
    /// Products accumulated into the result: the points count as MACs.
    MultiplyAccumulate,
    /// A reduction without products (pooling): the points count as `ops`, MACs are 0.
    Reduce,
    /// One result element per point, no accumulation (element-wise): the points count as `ops`.
    Elementwise,
}

/// What a tensor is to the layer; `Holds` of a memory speaks of roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Input,
    Weight,
    Output,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub role: Role,
    pub dims: Vec<Dim>,
    /// Bits of one element; of a result, of a complete one.
    pub bits: u32,
    /// Bits of a partial sum of a result; of an operand, those of an element.
    pub partial_bits: u32,
    /// Fraction of non-zero elements, in (0, 1].
    pub density: f64,
}

/// One index of a tensor: `sum of coefficient * rank + constant`, inside `0..extent`; points outside
/// (padding) touch nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dim {
    pub terms: Vec<Term>,
    pub constant: i64,
    pub extent: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    pub rank: RankId,
    pub coefficient: i64,
}

impl Operation {
    /// Number of points of one run of the operation (without `repeat`); `None` past `u128`.
    #[must_use]
    pub fn volume(&self) -> Option<u128> {
        self.ranks.iter().try_fold(1u128, |product, &extent| {
            product.checked_mul(u128::from(extent))
        })
    }

    /// The window whose output or kernel rank is `rank`.
    #[must_use]
    pub fn window_of(&self, rank: RankId) -> Option<usize> {
        self.windows
            .iter()
            .position(|window| window.output == rank || window.kernel == rank)
    }

    /// Index of the result tensor.
    #[must_use]
    pub fn result(&self) -> usize {
        self.tensors.len() - 1
    }
}
