//! What can be wrong with a fused group before its traffic is counted.

mod fates;
mod group;
mod loops;

use crate::base::Span;
use crate::diag::{Code, Diagnostic, Mistake};
use crate::hir::fused::FateKind;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FuseError {
    /// Layers that nothing in the group reads.
    SeveralHeads {
        heads: Vec<(String, Span)>,
        /// The one that would stay.
        kept: String,
        /// The list, and what it would be.
        fix: Option<(Span, String)>,
    },
    /// Pieces without a wire between them.
    Unconnected {
        parts: Vec<Vec<String>>,
        span: Span,
        first: Span,
    },
    /// A way out of the group and back into it.
    Detour {
        path: Vec<String>,
        /// The layer at its end, in the list.
        span: Span,
        outside: Span,
    },
    /// A layer type that is not in the family.
    NotFusible {
        layer: String,
        layer_type: &'static str,
        span: Span,
    },
    /// A result indexed by something else than ranks alone.
    ResultIndex {
        tensor: String,
        /// From 1.
        index: usize,
        span: Span,
        layer_span: Span,
    },
    NotTheHead {
        layer: String,
        head: String,
        head_span: Span,
        /// Of `tile layer.Dim by n`, and of the dimension in it.
        span: Span,
        dim: Span,
        /// The head has the dimension.
        fits: bool,
    },
    UnknownDimension {
        layer: String,
        layer_type: &'static str,
        layer_span: Span,
        dim: String,
        span: Span,
        suggestion: Option<String>,
        known: Vec<String>,
    },
    /// `Y` or `X` of something that slides.
    WindowAxis {
        layer: String,
        dim: String,
        output: String,
        span: Span,
    },
    PieceTooLarge {
        layer: String,
        layer_span: Span,
        dim: String,
        size: u64,
        extent: u64,
        span: Span,
    },
    OneTrip {
        dim: String,
        size: u64,
        /// What there is to cut: of the enclosing loop, or the dimension.
        whole: u64,
        nested: bool,
        span: Span,
        outer: Span,
    },
    /// A loop over the channels of every group of a convolution.
    GroupedChannels {
        layer: String,
        span: Span,
        dim: Span,
    },
    /// A reader that sees a tensor in other dimensions and takes parts of it.
    Reshape {
        reader: String,
        reader_extents: Vec<u64>,
        made: String,
        made_extents: Vec<u64>,
        /// Of the reader, that would have to be whole.
        ranks: Vec<String>,
        span: Span,
        cause: Option<(String, Span)>,
    },
    /// A part of a concatenation that is no number of channels.
    NoChannels {
        reader: String,
        part: String,
        elements: u128,
        image: u128,
        span: Span,
    },
    TwoTiled {
        tensor: String,
        ranks: [String; 2],
        span: Span,
        first: Span,
    },
    UnknownTensor {
        layer: String,
        name: String,
        span: Span,
        suggestion: Option<String>,
        known: Vec<String>,
    },
    NoFate {
        tensor: String,
        producer: String,
        readers: Vec<String>,
        memory: String,
        span: Span,
        insert: Option<Span>,
    },
    TwoWords {
        tensor: String,
        words: [FateKind; 2],
        span: Span,
        first: Span,
    },
    NotRecomputable {
        tensor: String,
        /// In the group: then nobody there reads it.
        made: bool,
        span: Span,
        fix: Option<(Span, String)>,
    },
    /// A memory of which there are several: what each of them holds would not be counted.
    InsideArray {
        tensors: Vec<String>,
        memory: String,
        instances: u64,
        /// The arrays around it, the outermost first.
        arrays: Vec<String>,
        group: Span,
        /// Where the memory is named.
        words: Vec<Span>,
        /// A memory outside of all arrays that holds the tensors.
        outside: Option<String>,
        store: String,
    },
    SharedArray {
        stages: [String; 2],
        arrays: [String; 2],
        /// By a word, not for want of one.
        chosen: [bool; 2],
        span: Span,
        first: Span,
        keyword: Span,
    },
}

/// `a`, `b` and `c`
fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

fn shape(extents: &[u64]) -> String {
    let extents: Vec<String> = extents.iter().map(u64::to_string).collect();
    extents.join(" x ")
}

fn word(kind: FateKind) -> &'static str {
    match kind {
        FateKind::Retain => "retain",
        FateKind::Recompute => "recompute",
        FateKind::Refetch => "refetch",
    }
}

impl Mistake for FuseError {
    fn code(&self) -> Code {
        match self {
            Self::UnknownTensor { .. } => Code::E0201,
            Self::UnknownDimension { .. } | Self::WindowAxis { .. } => Code::E0207,
            Self::PieceTooLarge { .. } => Code::E0401,
            Self::SeveralHeads { .. } => Code::E0407,
            Self::Unconnected { .. } | Self::Detour { .. } => Code::E0408,
            Self::NoFate { .. } | Self::TwoWords { .. } | Self::NotRecomputable { .. } => {
                Code::E0409
            }
            Self::SharedArray { .. } => Code::E0412,
            Self::OneTrip { .. } => Code::E0413,
            Self::NotTheHead { .. } => Code::E0414,
            Self::InsideArray { .. } => Code::E0602,
            Self::NotFusible { .. }
            | Self::ResultIndex { .. }
            | Self::GroupedChannels { .. }
            | Self::Reshape { .. }
            | Self::NoChannels { .. }
            | Self::TwoTiled { .. } => Code::E0603,
        }
    }

    fn said(&self) -> Option<Diagnostic> {
        self.pieces()
            .or_else(|| self.family())
            .or_else(|| self.boxes())
            .or_else(|| self.cuts())
            .or_else(|| self.steps())
            .or_else(|| self.words())
            .or_else(|| self.tensors())
            .or_else(|| self.inside())
            .or_else(|| self.arrays())
    }
}
