//! The layer types, each a row of one table.
//!
//! Problem: `Type: GEMM; Dimensions { M: 512, N: 512, K: 64 }` says which sizes a layer declares, which ranks it runs
//! over, which tensors it reads and writes with which indices, what it takes of other layers and what they read of it.
//! A row of [`TYPES`] says all of that once. Reading a layer ([`super::layer`]), its numbers ([`super::shape`]), its
//! wiring ([`super::agree`]), its operation (`lower::operation`), its sizes in reports and the words that an editor
//! offers follow from the row; nothing else knows a type by its name.
//!
//! An EINSUM is the row without ranks and tensors: it spells them itself ([`super::einsum`]).

use crate::diag::suggest::nearest;

/// What `Type` names.
pub type Type = &'static LayerType;

/// One layer type.
#[derive(Debug)]
pub struct LayerType {
    /// Its spellings, the one of reports first.
    pub words: &'static [&'static str],
    /// What other tools call it, in capitals: such a name is told ours.
    pub elsewhere: &'static [&'static str],
    /// What a layer of the type declares, in the order of reports; the sizes of its windows come after them.
    pub sizes: &'static [Size],
    pub slides: Slides,
    /// A key whose value is one of a few words, the first when it is absent. It changes no count: `Op: avg`.
    pub choice: Option<(&'static str, &'static [&'static str])>,
    pub ranks: &'static [Rank],
    /// Operands first, the result last.
    pub tensors: &'static [TensorType],
    pub inputs: Inputs,
    pub kind: Kind,
    /// A rank whose indices follow one another, whatever the dataflow says.
    pub sequential: Option<&'static str>,
    /// The ranks that are `M`, `N` and `K` of the matrix product that the type is.
    pub product: Option<[&'static str; 3]>,
    /// The ranks of groups, of what each group makes, and of what it reduces.
    pub groups: Option<[&'static str; 3]>,
    /// Names that only `Sz` knows, and the sizes that they are.
    pub only_sizes: &'static [(&'static str, &'static str)],
}

/// A size that a layer declares.
#[derive(Debug)]
pub struct Size {
    pub name: &'static str,
    pub from: Declared,
    /// Whether reports show a size of 1.
    pub shows_one: bool,
}

/// Where a size is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declared {
    /// In `Dimensions`.
    Needed,
    /// In `Dimensions`; 1 when absent.
    OrOne,
    /// In `Dimensions` for all groups together; kept for each.
    OfAllGroups,
    /// In `Dimensions`, where it can only be 1.
    OnlyOne,
    /// By a key of its own beside the dimensions; 1 when absent.
    Key(&'static str),
}

/// Whether a type moves a window over rows and columns, with `Stride`, `Dilation` and `Padding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slides {
    No,
    /// Over its input: `Y` and `X` may be given, or `Y'` and `X'`.
    OverInput,
    /// Over its output, which follows from `Y` and `X`.
    OverOutput,
}

/// One loop of the operation.
#[derive(Debug)]
pub struct Rank {
    /// The names that a dataflow may use, the one of reports first.
    pub names: &'static [&'static str],
    pub extent: Extent,
}

/// A number that follows from declared sizes.
#[derive(Clone, Copy, Debug)]
pub enum Extent {
    Size(&'static str),
    Sum(&'static str, &'static str),
    Times(u64, &'static str),
}

#[derive(Debug)]
pub struct TensorType {
    pub name: &'static str,
    pub role: Role,
    pub indices: &'static [Index],
    pub flow: FlowOf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Input,
    Weight,
    Output,
}

/// One index of a tensor.
#[derive(Clone, Copy, Debug)]
pub enum Index {
    Rank(&'static str),
    /// `stride * outer + dilation * kernel - padding` along one axis; as wide as that size.
    Window {
        axis: SlideAxis,
        outer: &'static str,
        kernel: &'static str,
        size: &'static str,
    },
}

/// An axis along which windows slide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlideAxis {
    Rows,
    Columns,
}

/// What goes from layer to layer of a tensor, as products of sizes.
#[derive(Debug)]
pub enum FlowOf {
    /// A feature map of N, C, Y and X.
    Map([&'static [&'static str]; 4]),
    /// All of its elements.
    Elements,
    /// Another number of elements than it has.
    Number(&'static [&'static str]),
}

/// How `Inputs` of a layer are operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// All together are the first operand, joined along their channels.
    Joined,
    /// Each is an operand, in order; the others are the layer's own.
    Each,
    /// Each is an operand, and none is the layer's own.
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    MultiplyAccumulate,
    Reduce,
    Elementwise,
}

const fn size(name: &'static str, from: Declared) -> Size {
    Size {
        name,
        from,
        shows_one: true,
    }
}

const fn groups(from: Declared) -> Size {
    Size {
        name: "G",
        from,
        shows_one: false,
    }
}

/// A rank of the size of that name.
const fn rank(names: &'static [&'static str]) -> Rank {
    Rank {
        names,
        extent: Extent::Size(names[0]),
    }
}

const fn rank_of(names: &'static [&'static str], size: &'static str) -> Rank {
    Rank {
        names,
        extent: Extent::Size(size),
    }
}

const fn rows(outer: &'static str, size: &'static str) -> Index {
    Index::Window {
        axis: SlideAxis::Rows,
        outer,
        kernel: "R",
        size,
    }
}

const fn columns(outer: &'static str, size: &'static str) -> Index {
    Index::Window {
        axis: SlideAxis::Columns,
        outer,
        kernel: "S",
        size,
    }
}

const fn input(indices: &'static [Index], flow: FlowOf) -> TensorType {
    tensor("Input", Role::Input, indices, flow)
}

const fn weight(indices: &'static [Index]) -> TensorType {
    tensor("Weight", Role::Weight, indices, FlowOf::Elements)
}

const fn output(indices: &'static [Index], flow: FlowOf) -> TensorType {
    tensor("Output", Role::Output, indices, flow)
}

const fn tensor(
    name: &'static str,
    role: Role,
    indices: &'static [Index],
    flow: FlowOf,
) -> TensorType {
    TensorType {
        name,
        role,
        indices,
        flow,
    }
}

const N: Size = size("N", Declared::OrOne);
const C: Size = size("C", Declared::Needed);
const K: Size = size("K", Declared::Needed);

const OUT_ROWS: Rank = rank_of(&["P", "Y'"], "Y'");
const OUT_COLUMNS: Rank = rank_of(&["Q", "X'"], "X'");

const GROUPED_INPUT: FlowOf = FlowOf::Map([&["N"], &["G", "C"], &["Y"], &["X"]]);
const GROUPED_OUTPUT: FlowOf = FlowOf::Map([&["N"], &["G", "K"], &["Y'"], &["X'"]]);
const MAP: FlowOf = FlowOf::Map([&["N"], &["C"], &["Y"], &["X"]]);
const OUTPUT_MAP: FlowOf = FlowOf::Map([&["N"], &["C"], &["Y'"], &["X'"]]);

/// What most types are.
const PLAIN: LayerType = LayerType {
    words: &[],
    elsewhere: &[],
    sizes: &[],
    slides: Slides::No,
    choice: None,
    ranks: &[],
    tensors: &[],
    inputs: Inputs::Joined,
    kind: Kind::MultiplyAccumulate,
    sequential: None,
    product: None,
    groups: None,
    only_sizes: &[],
};

use Index::Rank as Along;

const CONV: LayerType = LayerType {
    words: &["CONV"],
    elsewhere: &["CONV2D", "CONVOLUTION"],
    sizes: &[
        N,
        groups(Declared::Key("Groups")),
        size("K", Declared::OfAllGroups),
        size("C", Declared::OfAllGroups),
    ],
    slides: Slides::OverInput,
    ranks: &[
        rank(&["N"]),
        rank(&["G"]),
        rank(&["K"]),
        rank(&["C"]),
        OUT_ROWS,
        OUT_COLUMNS,
        rank(&["R"]),
        rank(&["S"]),
    ],
    tensors: &[
        input(
            &[
                Along("N"),
                Along("G"),
                Along("C"),
                rows("P", "Y"),
                columns("Q", "X"),
            ],
            GROUPED_INPUT,
        ),
        weight(&[Along("G"), Along("K"), Along("C"), Along("R"), Along("S")]),
        output(
            &[Along("N"), Along("G"), Along("K"), Along("P"), Along("Q")],
            GROUPED_OUTPUT,
        ),
    ],
    groups: Some(["G", "K", "C"]),
    ..PLAIN
};

/// The type of layers that spell their ranks and tensors themselves.
pub const EINSUM: LayerType = LayerType {
    words: &["EINSUM"],
    inputs: Inputs::Each,
    ..PLAIN
};

/// Every type that the language has.
pub static TYPES: [LayerType; 10] = [
    CONV,
    LayerType {
        words: &["GCONV", "NGCONV"],
        elsewhere: &["GROUPED", "GROUPCONV"],
        sizes: &[N, groups(Declared::OrOne), K, C],
        ..CONV
    },
    LayerType {
        words: &["DWCONV", "DSCONV"],
        elsewhere: &["DEPTHWISE", "DEPTHWISECONV", "DEPTHWISECONV2D"],
        sizes: &[N, size("K", Declared::OnlyOne), C],
        slides: Slides::OverInput,
        ranks: &[
            rank(&["N"]),
            rank(&["C"]),
            OUT_ROWS,
            OUT_COLUMNS,
            rank(&["R"]),
            rank(&["S"]),
        ],
        tensors: &[
            input(
                &[Along("N"), Along("C"), rows("P", "Y"), columns("Q", "X")],
                MAP,
            ),
            weight(&[Along("C"), Along("R"), Along("S")]),
            output(
                &[Along("N"), Along("C"), Along("P"), Along("Q")],
                OUTPUT_MAP,
            ),
        ],
        ..PLAIN
    },
    LayerType {
        words: &["TRCONV"],
        elsewhere: &["DECONV", "CONVTRANSPOSE", "CONVTRANSPOSE2D"],
        slides: Slides::OverOutput,
        ranks: &[
            rank(&["N"]),
            rank(&["G"]),
            rank(&["K"]),
            rank(&["C"]),
            rank(&["Y"]),
            rank(&["X"]),
            rank(&["R"]),
            rank(&["S"]),
        ],
        tensors: &[
            input(
                &[Along("N"), Along("G"), Along("C"), Along("Y"), Along("X")],
                GROUPED_INPUT,
            ),
            weight(&[Along("G"), Along("K"), Along("C"), Along("R"), Along("S")]),
            output(
                &[
                    Along("N"),
                    Along("G"),
                    Along("K"),
                    rows("Y", "Y'"),
                    columns("X", "X'"),
                ],
                GROUPED_OUTPUT,
            ),
        ],
        only_sizes: &[("Y'", "Y'"), ("P", "Y'"), ("X'", "X'"), ("Q", "X'")],
        ..CONV
    },
    LayerType {
        words: &["FC"],
        elsewhere: &["LINEAR", "DENSE", "FULLYCONNECTED"],
        sizes: &[N, K, C],
        ranks: &[rank(&["N"]), rank(&["K"]), rank(&["C"])],
        tensors: &[
            input(
                &[Along("N"), Along("C")],
                FlowOf::Map([&["N"], &["C"], &[], &[]]),
            ),
            weight(&[Along("K"), Along("C")]),
            output(
                &[Along("N"), Along("K")],
                FlowOf::Map([&["N"], &["K"], &[], &[]]),
            ),
        ],
        product: Some(["N", "K", "C"]),
        ..PLAIN
    },
    LayerType {
        words: &["GEMM"],
        elsewhere: &["MATMUL", "BMM", "MM"],
        sizes: &[
            Size {
                name: "B",
                from: Declared::OrOne,
                shows_one: false,
            },
            size("M", Declared::Needed),
            size("N", Declared::Needed),
            K,
        ],
        ranks: &[rank(&["B"]), rank(&["M"]), rank(&["N"]), rank(&["K"])],
        tensors: &[
            input(&[Along("B"), Along("M"), Along("K")], FlowOf::Elements),
            weight(&[Along("B"), Along("K"), Along("N")]),
            output(&[Along("B"), Along("M"), Along("N")], FlowOf::Elements),
        ],
        inputs: Inputs::Each,
        ..PLAIN
    },
    LayerType {
        words: &["POOL"],
        elsewhere: &["POOLING", "MAXPOOL", "MAXPOOL2D", "AVGPOOL", "AVGPOOL2D"],
        sizes: &[N, C],
        slides: Slides::OverInput,
        choice: Some(("Op", &["max", "avg"])),
        ranks: &[
            rank(&["N"]),
            rank(&["C"]),
            OUT_ROWS,
            OUT_COLUMNS,
            rank(&["R"]),
            rank(&["S"]),
        ],
        tensors: &[
            input(
                &[Along("N"), Along("C"), rows("P", "Y"), columns("Q", "X")],
                MAP,
            ),
            output(
                &[Along("N"), Along("C"), Along("P"), Along("Q")],
                OUTPUT_MAP,
            ),
        ],
        kind: Kind::Reduce,
        ..PLAIN
    },
    LayerType {
        words: &["ADD", "ELTWISE", "RESIDUAL"],
        elsewhere: &["ELEMENTWISE", "SUM"],
        sizes: &[
            N,
            C,
            size("Y", Declared::Needed),
            size("X", Declared::Needed),
        ],
        ranks: &[
            rank(&["N"]),
            rank(&["C"]),
            rank_of(&["P", "Y'", "Y"], "Y"),
            rank_of(&["Q", "X'", "X"], "X"),
        ],
        tensors: &[
            input(&[Along("N"), Along("C"), Along("P"), Along("Q")], MAP),
            tensor(
                "Input2",
                Role::Input,
                &[Along("N"), Along("C"), Along("P"), Along("Q")],
                MAP,
            ),
            output(&[Along("N"), Along("C"), Along("P"), Along("Q")], MAP),
        ],
        inputs: Inputs::All,
        kind: Kind::Elementwise,
        ..PLAIN
    },
    // Weights are of all steps, what goes in and out of each: gates of H sums, of D inputs and H hidden values. Others
    // read the hidden state, a quarter of the sums.
    LayerType {
        words: &["LSTM"],
        sizes: &[
            N,
            size("D", Declared::Needed),
            size("H", Declared::Needed),
            size("Steps", Declared::Key("Steps")),
        ],
        ranks: &[
            rank_of(&["T"], "Steps"),
            rank(&["N"]),
            Rank {
                names: &["K"],
                extent: Extent::Times(4, "H"),
            },
            Rank {
                names: &["C"],
                extent: Extent::Sum("D", "H"),
            },
        ],
        tensors: &[
            input(
                &[Along("T"), Along("N"), Along("C")],
                FlowOf::Number(&["N", "D", "Steps"]),
            ),
            weight(&[Along("K"), Along("C")]),
            output(
                &[Along("T"), Along("N"), Along("K")],
                FlowOf::Number(&["N", "H", "Steps"]),
            ),
        ],
        sequential: Some("T"),
        product: Some(["N", "K", "C"]),
        only_sizes: &[("D", "D"), ("H", "H")],
        ..PLAIN
    },
    EINSUM,
];

/// The type that a word spells.
#[must_use]
pub fn called(word: &str) -> Option<Type> {
    TYPES.iter().find(|known| known.words.contains(&word))
}

/// Spellings of all types.
pub fn words() -> impl Iterator<Item = &'static str> {
    TYPES.iter().flat_map(|known| known.words.iter().copied())
}

/// The spelling that an unknown word probably means.
pub(super) fn meant(word: &str) -> Option<&'static str> {
    let capitals = word.to_ascii_uppercase();
    let elsewhere = TYPES
        .iter()
        .find(|known| known.elsewhere.contains(&capitals.as_str()));
    elsewhere
        .map(LayerType::name)
        .or_else(|| nearest(word, words()))
}

impl PartialEq for LayerType {
    fn eq(&self, other: &LayerType) -> bool {
        self.words == other.words
    }
}

impl Eq for LayerType {}

impl LayerType {
    /// The spelling that reports use.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.words.first().copied().unwrap_or("")
    }

    #[must_use]
    pub fn is_einsum(&self) -> bool {
        self.tensors.is_empty()
    }

    /// What `Dimensions` may hold.
    #[must_use]
    pub fn dimensions(&self) -> Vec<&'static str> {
        let own = self.sizes.iter().filter_map(|size| match size.from {
            Declared::Needed | Declared::OrOne | Declared::OfAllGroups => Some(size.name),
            Declared::OnlyOne | Declared::Key(_) => None,
        });
        let of_windows: &[&str] = match self.slides {
            Slides::No => &[],
            Slides::OverInput => &["Y", "X", "Y'", "X'", "P", "Q", "R", "S"],
            Slides::OverOutput => &["Y", "X", "R", "S"],
        };
        own.chain(of_windows.iter().copied()).collect()
    }

    /// Keys with a value.
    #[must_use]
    pub fn properties(&self) -> Vec<&'static str> {
        let mut all = vec!["Type", "Inputs", "Precision", "Description"];
        all.extend(self.sizes.iter().filter_map(|size| match size.from {
            Declared::Key(word) => Some(word),
            _ => None,
        }));
        all.extend(self.choice.map(|choice| choice.0));
        all
    }

    /// Keys with a block.
    #[must_use]
    pub fn blocks(&self) -> &'static [&'static str] {
        if self.is_einsum() {
            return &["Ranks", "Extents", "Precision", "Density"];
        }
        match self.slides {
            Slides::No => &["Dimensions", "Precision", "Density"],
            Slides::OverInput | Slides::OverOutput => &[
                "Dimensions",
                "Stride",
                "Padding",
                "Dilation",
                "Precision",
                "Density",
            ],
        }
    }

    /// The operands that may come from other layers.
    #[must_use]
    pub fn operands(&self) -> &'static [TensorType] {
        self.tensors
            .split_last()
            .map_or(&[], |(_, operands)| operands)
    }

    #[must_use]
    pub fn result(&self) -> Option<&'static TensorType> {
        self.tensors.last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Names that a row uses are names that it has.
    #[test]
    fn rows_are_closed() {
        for row in &TYPES {
            let windows: &[&str] = match row.slides {
                Slides::No => &[],
                Slides::OverInput | Slides::OverOutput => &["Y", "X", "Y'", "X'", "R", "S"],
            };
            let own = row.sizes.iter().map(|size| size.name);
            let sizes: BTreeSet<&str> = own.chain(windows.iter().copied()).collect();
            let known = |size: &str| assert!(sizes.contains(size), "{}: {size}", row.name());
            let ranks: BTreeSet<&str> = row.ranks.iter().map(|rank| rank.names[0]).collect();
            let is_rank = |rank: &str| assert!(ranks.contains(rank), "{}: {rank}", row.name());
            for rank in row.ranks {
                match rank.extent {
                    Extent::Size(size) | Extent::Times(_, size) => known(size),
                    Extent::Sum(left, right) => {
                        known(left);
                        known(right);
                    }
                }
            }
            for tensor in row.tensors {
                for index in tensor.indices {
                    match *index {
                        Index::Rank(rank) => is_rank(rank),
                        Index::Window {
                            outer,
                            kernel,
                            size,
                            ..
                        } => {
                            is_rank(outer);
                            is_rank(kernel);
                            known(size);
                        }
                    }
                }
                match &tensor.flow {
                    FlowOf::Map(parts) => parts.iter().copied().flatten().for_each(|s| known(s)),
                    FlowOf::Number(parts) => parts.iter().for_each(|size| known(size)),
                    FlowOf::Elements => {}
                }
            }
            row.product.iter().flatten().for_each(|rank| is_rank(rank));
            row.groups.iter().flatten().for_each(|rank| is_rank(rank));
            row.sequential.iter().for_each(|rank| is_rank(rank));
            row.only_sizes.iter().for_each(|size| known(size.1));
            // Every rank is an index of some tensor.
            let used = |name: &str| {
                let indices = row.tensors.iter().flat_map(|tensor| tensor.indices);
                indices.into_iter().any(|index| match *index {
                    Index::Rank(rank) => rank == name,
                    Index::Window { outer, kernel, .. } => outer == name || kernel == name,
                })
            };
            assert!(ranks.iter().all(|rank| used(rank)), "{}", row.name());
            assert_eq!(row.result().is_none(), row.is_einsum(), "{}", row.name());
        }
    }

    #[test]
    fn every_word_is_of_one_type() {
        let all: Vec<&str> = words().collect();
        let once: BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(all.len(), once.len());
        assert_eq!(called("RESIDUAL").map(|row| row.name()), Some("ADD"));
        assert_eq!(called("conv"), None);
        let elsewhere: Vec<&str> = TYPES
            .iter()
            .flat_map(|row| row.elsewhere)
            .copied()
            .collect();
        assert!(elsewhere.iter().all(|word| called(word).is_none()));
        assert_eq!(meant("MatMul"), Some("GEMM"));
        assert_eq!(meant("depthwise"), Some("DWCONV"));
        assert_eq!(meant("CONVV"), Some("CONV"));
    }
}
