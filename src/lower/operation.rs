//! Layer shape -> [`ir::Operation`]: the row of a layer type as a box of ranks with affine tensors.
//!
//! A 3x3 convolution of 224x224 with padding 1 becomes the ranks `N G K C P Q R S`, the Input index
//! `P + R - 1` over extent 224, and the window `u = P + R` over the padded extent 226. Names go into a
//! table beside the operation: the ir has none.
//!
//! `Y` and `X` of a convolution are windows over the *padded* input: coordinate 0 is the first padded row, and
//! `Sz(Y)` is the padded extent. `Y'` and `X'` (`P` and `Q`) are ranks. A transposed convolution has no window:
//! its `Y` and `X` are ranks, and the output index is the one with two terms.

use crate::hir::layer_type::{self, Index, Kind};
use crate::hir::shape::{Einsum, Shape, Slide, Typed};
use crate::hir::{NamedTensor, Precision};
use crate::ir::{Axis, Dim, Operation, OperationKind, RankId, Role, Tensor, Term, Window};
use crate::syntax::ast::Combine;

/// Bits per element and density of the three roles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elements {
    pub input_bits: u32,
    pub weight_bits: u32,
    pub output_bits: u32,
    /// Of a sum that is not complete.
    pub partial_bits: u32,
    pub input_density: f64,
    pub weight_density: f64,
    pub output_density: f64,
}

/// An operation and what people call its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Desugared {
    pub operation: Operation,
    /// Canonical name of every rank, by rank id.
    pub rank_names: Vec<String>,
    /// Name of every window (`Y`, `X`), by index.
    pub window_names: Vec<String>,
    /// Name of every tensor, in the operation's order.
    pub tensor_names: Vec<String>,
    /// Every name a directive may use (aliases included) and what it walks over.
    pub axes: Vec<(String, Axis)>,
    /// The names of the matrix product that an FC or LSTM is; empty for other types.
    pub matrix: Vec<(String, Axis)>,
    /// Names that only `Sz` knows, with their sizes (`D` and `H` of an LSTM).
    pub sizes: Vec<(String, u64)>,
    /// A rank whose indices follow one another, whatever the dataflow says: the steps of an LSTM. They are the
    /// outermost loop.
    pub sequential: Option<RankId>,
}

impl Desugared {
    /// The views to try, in order.
    #[must_use]
    pub fn views(&self) -> &'static [View] {
        if self.matrix.is_empty() {
            &[View::Own]
        } else {
            &[View::Own, View::MatrixProduct]
        }
    }

    /// The axis called `name`; EINSUM ranks are found whatever their case.
    #[must_use]
    pub fn axis(&self, view: View, name: &str) -> Option<Axis> {
        let axes = match view {
            View::Own => &self.axes,
            View::MatrixProduct => &self.matrix,
        };
        let exact = axes.iter().find(|axis| axis.0 == name);
        exact
            .or_else(|| axes.iter().find(|axis| axis.0.eq_ignore_ascii_case(name)))
            .map(|axis| axis.1)
    }

    /// Extent of an axis; a window's is the padded input.
    #[must_use]
    pub fn extent(&self, axis: Axis) -> u64 {
        match axis {
            Axis::Rank(rank) => self.operation.ranks.get(rank.index()).copied().unwrap_or(1),
            Axis::Window(window) => self
                .operation
                .windows
                .get(usize::from(window))
                .map_or(1, |window| window.extent),
        }
    }

    /// `Sz(name)`.
    #[must_use]
    pub fn size(&self, view: View, name: &str) -> Option<u64> {
        if let Some(axis) = self.axis(view, name) {
            return Some(self.extent(axis));
        }
        if view == View::MatrixProduct {
            return (name == "B").then_some(1);
        }
        self.sizes
            .iter()
            .find(|size| size.0 == name)
            .map(|size| size.1)
    }

    /// Puts in what the layer says of one tensor by its name; `partial` is the format of partial sums, where
    /// somebody gave one.
    pub(super) fn say(&mut self, named: &NamedTensor, partial: Option<Precision>) {
        let at = self
            .tensor_names
            .iter()
            .position(|name| *name == named.name);
        let Some(tensor) = at.and_then(|at| self.operation.tensors.get_mut(at)) else {
            return;
        };
        if let Some(precision) = named.precision {
            tensor.bits = precision.bits();
            let sums = partial.filter(|_| tensor.role == Role::Output);
            tensor.partial_bits = sums.unwrap_or(precision).bits();
        }
        if let Some(density) = named.density {
            tensor.density = density.to_f64();
        }
    }

    /// What the axis is called in messages.
    #[must_use]
    pub fn axis_name(&self, axis: Axis) -> &str {
        let names = match axis {
            Axis::Rank(rank) => self.rank_names.get(rank.index()),
            Axis::Window(window) => self.window_names.get(usize::from(window)),
        };
        names.map_or("?", String::as_str)
    }
}

/// By which names a dataflow may speak of the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The layer type's own.
    Own,
    /// An FC or LSTM as the matrix product that it is: `M`, `N`, `K` and a `B` of 1.
    MatrixProduct,
}

/// Builder: collects ranks and names while a layer type spells out its tensors.
struct Builder {
    ranks: Vec<u64>,
    names: Vec<String>,
    axes: Vec<(String, Axis)>,
    windows: Vec<Window>,
    window_names: Vec<String>,
    tensors: Vec<Tensor>,
    tensor_names: Vec<String>,
    elements: Elements,
}

impl Builder {
    fn new(elements: Elements) -> Builder {
        Builder {
            ranks: Vec::new(),
            names: Vec::new(),
            axes: Vec::new(),
            windows: Vec::new(),
            window_names: Vec::new(),
            tensors: Vec::new(),
            tensor_names: Vec::new(),
            elements,
        }
    }

    /// Adds a rank; the first name is the canonical one.
    fn rank(&mut self, names: &[&str], extent: u64) -> RankId {
        // A layer has at most a few dozen ranks; the front end refuses more than 64.
        let id = RankId(u8::try_from(self.ranks.len()).unwrap_or(u8::MAX));
        self.ranks.push(extent);
        self.names
            .push(names.first().copied().unwrap_or("?").to_owned());
        for name in names {
            self.axes.push(((*name).to_owned(), Axis::Rank(id)));
        }
        id
    }

    fn window(&mut self, name: &str, slide: &Slide, output: RankId, kernel: RankId) {
        let index = u8::try_from(self.windows.len()).unwrap_or(u8::MAX);
        self.windows.push(Window {
            output,
            kernel,
            stride: slide.stride,
            dilation: slide.dilation,
            extent: slide.padded(),
        });
        self.window_names.push(name.to_owned());
        self.axes.push((name.to_owned(), Axis::Window(index)));
    }

    fn extent(&self, rank: RankId) -> u64 {
        self.ranks[rank.index()]
    }

    fn called(&self, name: &str) -> Option<RankId> {
        let at = self.names.iter().position(|known| known == name)?;
        Some(RankId(u8::try_from(at).ok()?))
    }

    /// A dimension that is just a rank.
    fn plain(&self, rank: RankId) -> Dim {
        Dim {
            terms: vec![Term {
                rank,
                coefficient: 1,
            }],
            constant: 0,
            extent: self.extent(rank),
        }
    }

    fn tensor(&mut self, name: &str, role: Role, dims: Vec<Dim>) {
        let (bits, density) = match role {
            Role::Input => (self.elements.input_bits, self.elements.input_density),
            Role::Weight => (self.elements.weight_bits, self.elements.weight_density),
            Role::Output => (self.elements.output_bits, self.elements.output_density),
        };
        self.tensors.push(Tensor {
            role,
            dims,
            bits,
            partial_bits: match role {
                Role::Output => self.elements.partial_bits,
                Role::Input | Role::Weight => bits,
            },
            density,
        });
        self.tensor_names.push(name.to_owned());
    }

    fn finish(self, kind: OperationKind, repeat: u64, sizes: Vec<(String, u64)>) -> Desugared {
        Desugared {
            operation: Operation {
                ranks: self.ranks,
                windows: self.windows,
                tensors: self.tensors,
                kind,
                repeat,
            },
            rank_names: self.names,
            window_names: self.window_names,
            tensor_names: self.tensor_names,
            axes: self.axes,
            matrix: Vec::new(),
            sizes,
            sequential: None,
        }
    }
}

impl Desugared {
    /// Gives the ranks `rows`, `columns`, `reduced` the names of a matrix product.
    fn named_as_product(mut self, rows: RankId, columns: RankId, reduced: RankId) -> Desugared {
        self.matrix = [("M", rows), ("N", columns), ("K", reduced)]
            .map(|(name, rank)| (name.to_owned(), Axis::Rank(rank)))
            .to_vec();
        self
    }
}

fn signed(value: u64) -> Option<i64> {
    i64::try_from(value).ok()
}

/// `stride * outer + dilation * kernel - pad_low` over `extent`.
fn affine(slide: &Slide, outer: RankId, kernel: RankId, extent: u64) -> Option<Dim> {
    Some(Dim {
        terms: vec![
            Term {
                rank: outer,
                coefficient: signed(slide.stride)?,
            },
            Term {
                rank: kernel,
                coefficient: signed(slide.dilation)?,
            },
        ],
        constant: signed(slide.pad_low)?.checked_neg()?,
        extent,
    })
}

/// The operation of one layer; `None` when a size is past what the ir can hold.
#[must_use]
pub fn desugar(shape: &Shape, elements: Elements) -> Option<Desugared> {
    let b = Builder::new(elements);
    match shape {
        Shape::Typed(typed) => desugar_typed(b, typed),
        Shape::Einsum(einsum) => desugar_einsum(b, einsum),
    }
}

fn desugar_typed(mut b: Builder, typed: &Typed) -> Option<Desugared> {
    let row = typed.layer_type;
    for rank in row.ranks {
        b.rank(rank.names, typed.extent(rank)?);
    }
    for index in row.operands().iter().flat_map(|tensor| tensor.indices) {
        if let Index::Window {
            axis,
            outer,
            kernel,
            size,
        } = *index
        {
            let (output, kernel) = (b.called(outer)?, b.called(kernel)?);
            b.window(size, typed.axis(axis)?, output, kernel);
        }
    }
    for tensor in row.tensors {
        let dims = tensor.indices.iter().map(|index| match *index {
            Index::Rank(name) => Some(b.plain(b.called(name)?)),
            Index::Window {
                axis,
                outer,
                kernel,
                size,
            } => affine(
                typed.axis(axis)?,
                b.called(outer)?,
                b.called(kernel)?,
                typed.size(size)?,
            ),
        });
        let dims: Option<Vec<Dim>> = dims.collect();
        b.tensor(tensor.name, role(tensor.role), dims?);
    }
    let matrix = row.product.map(|ranks| ranks.map(|name| b.called(name)));
    let sequential = match row.sequential {
        Some(name) => Some(b.called(name)?),
        None => None,
    };
    let mut sizes = Vec::with_capacity(row.only_sizes.len());
    for &(name, size) in row.only_sizes {
        sizes.push((name.to_owned(), typed.size(size)?));
    }
    let kind = match row.kind {
        Kind::MultiplyAccumulate => OperationKind::MultiplyAccumulate,
        Kind::Reduce => OperationKind::Reduce,
        Kind::Elementwise => OperationKind::Elementwise,
    };
    let mut desugared = b.finish(kind, 1, sizes);
    if let Some([rows, columns, reduced]) = matrix {
        desugared = desugared.named_as_product(rows?, columns?, reduced?);
    }
    desugared.sequential = sequential.filter(|&rank| desugared.extent(Axis::Rank(rank)) > 1);
    Some(desugared)
}

fn role(role: layer_type::Role) -> Role {
    match role {
        layer_type::Role::Input => Role::Input,
        layer_type::Role::Weight => Role::Weight,
        layer_type::Role::Output => Role::Output,
    }
}

fn desugar_einsum(mut b: Builder, einsum: &Einsum) -> Option<Desugared> {
    let ranks: Vec<RankId> = einsum
        .ranks
        .iter()
        .map(|(name, extent)| b.rank(&[name], *extent))
        .collect();
    for (at, tensor) in einsum.tensors.iter().enumerate() {
        let mut dims = Vec::with_capacity(tensor.indices.len());
        for index in &tensor.indices {
            let mut terms = Vec::with_capacity(index.terms.len());
            for &(rank, coefficient) in &index.terms {
                terms.push(Term {
                    rank: *ranks.get(rank)?,
                    coefficient,
                });
            }
            dims.push(Dim {
                terms,
                constant: index.constant,
                extent: einsum.extent(index)?,
            });
        }
        b.tensor(&tensor.name, role(einsum.role(at)), dims);
    }
    let kind = match einsum.combine {
        Combine::Assign => OperationKind::Elementwise,
        _ if einsum.multiplies() => OperationKind::MultiplyAccumulate,
        Combine::Sum | Combine::Max | Combine::Min => OperationKind::Reduce,
    };
    Some(b.finish(kind, 1, Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hir::layer_type::{
        Declared, Extent, FlowOf, Inputs, LayerType, Rank, Role as Of, Size, Slides, TensorType,
    };
    use crate::hir::shape::{EinsumIndex, EinsumTensor, Flow};

    const ELEMENTS: Elements = Elements {
        input_bits: 8,
        weight_bits: 4,
        output_bits: 16,
        partial_bits: 32,
        input_density: 1.0,
        weight_density: 0.5,
        output_density: 1.0,
    };

    const fn needed(name: &'static str) -> Size {
        Size {
            name,
            from: Declared::Needed,
            shows_one: true,
        }
    }

    const fn rank(names: &'static [&'static str]) -> Rank {
        Rank {
            names,
            extent: Extent::Size(names[0]),
        }
    }

    const fn tensor(name: &'static str, role: Of, indices: &'static [Index]) -> TensorType {
        TensorType {
            name,
            role,
            indices,
            flow: FlowOf::Elements,
        }
    }

    /// A type that the language does not have.
    static OUTER: LayerType = LayerType {
        words: &["OUTER"],
        elsewhere: &[],
        sizes: &[needed("M"), needed("N")],
        slides: Slides::No,
        choice: None,
        ranks: &[rank(&["M"]), rank(&["N"])],
        tensors: &[
            tensor("A", Of::Input, &[Index::Rank("M")]),
            tensor("B", Of::Weight, &[Index::Rank("N")]),
            tensor("O", Of::Output, &[Index::Rank("M"), Index::Rank("N")]),
        ],
        inputs: Inputs::Each,
        kind: Kind::MultiplyAccumulate,
        sequential: None,
        product: None,
        groups: None,
        only_sizes: &[],
    };

    /// A row is all that a type needs: its sizes, flows and operation are those of the EINSUM
    /// `O[m,n] += A[m] * B[n]` over the same ranks.
    #[test]
    fn a_new_type_is_a_row() {
        let row = Shape::Typed(Typed {
            layer_type: &OUTER,
            sizes: vec![("M", 6), ("N", 5)],
            axes: None,
        });
        let operand = |name: &str, ranks: &[usize]| EinsumTensor {
            name: name.to_owned(),
            indices: ranks
                .iter()
                .map(|&rank| EinsumIndex {
                    terms: vec![(rank, 1)],
                    constant: 0,
                    stated: None,
                })
                .collect(),
        };
        let einsum = Shape::Einsum(Einsum {
            ranks: vec![("M".to_owned(), 6), ("N".to_owned(), 5)],
            tensors: vec![
                operand("A", &[0]),
                operand("B", &[1]),
                operand("O", &[0, 1]),
            ],
            combine: Combine::Sum,
            product: true,
        });
        assert_eq!(OUTER.dimensions(), ["M", "N"]);
        assert_eq!(row.macs(), Some(30));
        assert_eq!(row.output(), Some(Flow::Elements(30)));
        assert_eq!(row.operand(1), Some(Flow::Elements(5)));
        assert_eq!(row.written(), einsum.written());
        assert_eq!(row.dimensions(), einsum.dimensions());
        assert!(row.tensors().eq(einsum.tensors()));
        assert_eq!(desugar(&row, ELEMENTS), desugar(&einsum, ELEMENTS));
    }
}
