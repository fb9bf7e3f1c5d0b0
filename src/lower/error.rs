//! What can be wrong with a dataflow on a layer and an accelerator before its coverage is judged.

use crate::base::Span;
use crate::diag::{Code, Diagnostic, Mistake, Severity};
use crate::hir::{UnknownPart, Word};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LowerError {
    /// A window larger than its dimension.
    OverBound {
        layer: String,
        layer_span: Span,
        label: String,
        dim: String,
        size: u64,
        bound: u64,
        span: Span,
        /// The literal to replace, if it is one.
        fix: Option<Span>,
        /// Mapped whole instead (`--clip`).
        clipped: bool,
    },
    /// A window larger than the full piece that it lies in.
    OverPiece {
        layer: String,
        label: String,
        dim: String,
        size: u64,
        bound: u64,
        span: Span,
        /// The loop that makes that piece.
        outer: String,
        outer_span: Span,
        /// The literal to replace, if it is one.
        fix: Option<Span>,
        /// Cut to the piece instead (`--clip`).
        clipped: bool,
    },
    /// A size or offset below 1.
    NotPositive {
        layer: String,
        what: &'static str,
        value: i64,
        span: Span,
    },
    SameDimTwice {
        dim: String,
        span: Span,
        first: Span,
    },
    ClusterTooLarge {
        product: u128,
        available: u64,
        span: Span,
        fix: Option<(Span, u128)>,
    },
    ArraySplit {
        wanted: u64,
        room: u64,
        cluster: u64,
        span: Span,
    },
    /// No such memory, array or axis.
    UnknownPart(UnknownPart),
    UnknownTensor {
        name: String,
        layer: String,
        span: Span,
        known: Vec<String>,
    },
    NotHeld {
        tensor: String,
        memory: String,
        span: Span,
    },
    /// `at` groups from the inside out, or loops behind those of the innermost memory.
    OutOfOrder {
        inner: String,
        outer: String,
        span: Span,
    },
    /// A tile of a memory inside an array placed before the loop that spreads over the array.
    BeforeArray {
        memory: String,
        span: Span,
    },
    Misplaced {
        what: &'static str,
        span: Span,
    },
    /// A loop behind one over an array inside the innermost memory.
    BehindInner {
        memory: String,
        /// The loop over the array.
        first: Span,
        span: Span,
    },
    /// A place that `retain` gives behind loops inside the tile of the innermost memory.
    InsideTile {
        memory: String,
        innermost: String,
        span: Span,
    },
    /// A level that ends in the middle of one of several arrays with networks of their own.
    ArraysDiffer {
        arrays: Vec<String>,
        wanted: u64,
        span: Span,
    },
    Overflow {
        span: Span,
    },
    DivisionByZero {
        span: Span,
    },
    /// A function that has no value for its operands.
    OutOfDomain {
        span: Span,
    },
    /// `Size` of a memory without one.
    Unbounded {
        memory: String,
        span: Span,
        definition: Span,
    },
    TooLarge {
        layer: String,
        span: Span,
    },
    /// A schedule without loops where loops are needed.
    NoLoops {
        name: String,
        span: Span,
    },
    DoesNotServe {
        dim: String,
        span: Span,
        layer: String,
        layer_span: Span,
        layer_type: &'static str,
        known: Vec<String>,
    },
}

/// `a CONV`, `an FC`: as the letters are spoken.
#[must_use]
pub fn with_article(layer_type: &str) -> String {
    let vowel = ["FC", "LSTM", "EINSUM", "ADD"].contains(&layer_type);
    format!("{} {layer_type}", if vowel { "an" } else { "a" })
}

impl LowerError {
    /// The error that [`super::Refusal::DoesNotServe`] is when the choice was explicit.
    #[must_use]
    pub fn does_not_serve(
        dim: &Word,
        layer: &crate::hir::Layer,
        accelerator: &crate::hir::Accelerator,
    ) -> LowerError {
        let known = super::operation(layer, accelerator).map(|operation| {
            let mut names: Vec<String> = operation.axes.into_iter().map(|axis| axis.0).collect();
            names.dedup();
            names
        });
        LowerError::DoesNotServe {
            dim: dim.text.clone(),
            span: dim.span,
            layer: layer.name.clone(),
            layer_span: layer.name_span,
            layer_type: layer.type_name,
            known: known.unwrap_or_default(),
        }
    }

    /// A stage of a fused group has a schedule without loops.
    #[must_use]
    pub fn no_loops(schedule: &Word) -> LowerError {
        LowerError::NoLoops {
            name: schedule.text.clone(),
            span: schedule.span,
        }
    }
}

impl Mistake for LowerError {
    fn code(&self) -> Code {
        match self {
            Self::NoLoops { .. } | Self::Misplaced { .. } => Code::E0104,
            Self::UnknownTensor { .. } => Code::E0201,
            Self::DoesNotServe { .. } => Code::E0207,
            Self::Unbounded { .. } => Code::E0302,
            Self::OutOfDomain { .. } => Code::E0303,
            Self::Overflow { .. } | Self::DivisionByZero { .. } | Self::TooLarge { .. } => {
                Code::E0307
            }
            Self::OverBound { .. } | Self::OverPiece { .. } | Self::NotPositive { .. } => {
                Code::E0401
            }
            Self::SameDimTwice { .. } => Code::E0404,
            Self::ClusterTooLarge { .. } => Code::E0405,
            Self::NotHeld { .. }
            | Self::OutOfOrder { .. }
            | Self::BeforeArray { .. }
            | Self::BehindInner { .. }
            | Self::InsideTile { .. } => Code::E0502,
            Self::ArraySplit { .. } | Self::ArraysDiffer { .. } => Code::E0505,
            Self::UnknownPart(part) => part.code(),
        }
    }

    fn said(&self) -> Option<Diagnostic> {
        self.names()
            .or_else(|| self.forms())
            .or_else(|| self.numbers())
            .or_else(|| self.windows())
            .or_else(|| self.pieces())
            .or_else(|| self.clusters())
            .or_else(|| self.places())
            .or_else(|| self.too_far_in())
    }
}

impl LowerError {
    /// Names that the layer or the accelerator does not have.
    fn names(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::UnknownPart(part) => part.to_diagnostic(),
            Self::UnknownTensor {
                name,
                layer,
                span,
                known,
            } => self
                .titled(format!("`{layer}` has no tensor `{name}`"))
                .at(*span, "unknown tensor")
                .note(format!("its tensors: {}", known.join(", "))),
            Self::DoesNotServe {
                dim,
                span,
                layer,
                layer_span,
                layer_type,
                known,
            } => self
                .titled(format!(
                    "the dataflow of `{layer}` maps {dim}, which {} does not have",
                    with_article(layer_type)
                ))
                .at(*span, "no such dimension in the layer")
                .also(*layer_span, with_article(layer_type))
                .note(format!("its dimensions: {}", known.join(", "))),
            Self::Unbounded {
                memory,
                span,
                definition,
            } => self
                .titled(format!("`{memory}` has no `Size`"))
                .at(*span, "its size is asked for here")
                .also(*definition, "without a `Size` it holds everything")
                .help(format!("give `{memory}` a `Size`")),
            _ => return None,
        })
    }

    /// What cannot stand where it stands.
    fn forms(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::NoLoops { name, span } => self
                .titled(format!("the schedule `{name}` is not available here"))
                .at(*span, "a name, and no loops")
                .note("layers that run together need loops")
                .help("give the layer a dataflow with loops, or take it out of the group"),
            Self::Misplaced { what, span } => self
                .titled(format!("{what} is not available"))
                .at(*span, "not available here"),
            Self::SameDimTwice { dim, span, first } => self
                .titled(format!(
                    "{dim} is mapped in space twice at one cluster level"
                ))
                .at(*span, "mapped again here")
                .also(*first, "first mapped here")
                .help("put a `Cluster` between them, or drop one"),
            _ => return None,
        })
    }

    /// Arithmetic.
    fn numbers(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::NotPositive {
                layer,
                what,
                value,
                span,
            } => self
                .titled(format!(
                    "{what} must be at least 1, it is {value} for `{layer}`"
                ))
                .at(*span, format!("this is {value}"))
                .fix(*span, "1", "the smallest legal value"),
            Self::Overflow { span } => self
                .titled("the number does not fit 64 bits")
                .at(*span, "overflows"),
            Self::OutOfDomain { span } => {
                crate::hir::HirError::OutOfDomain { span: *span }.to_diagnostic()
            }
            Self::DivisionByZero { span } => self
                .titled("division by zero")
                .at(*span, "the divisor is 0"),
            Self::TooLarge { layer, span } => self
                .titled(format!(
                    "the sizes of `{layer}` are past what can be counted"
                ))
                .at(*span, "too large"),
            _ => return None,
        })
    }

    /// A window larger than its dimension.
    fn windows(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::OverBound {
                layer,
                layer_span,
                label,
                dim,
                size,
                bound,
                span,
                fix,
                clipped,
            } => {
                let mut diagnostic = self
                    .titled(format!(
                        "a window of {size} is larger than {dim}, which is {bound} in `{layer}`"
                    ))
                    .at(*span, format!("`{label}` maps {size} of {bound}"))
                    .also(*layer_span, format!("{dim} is {bound} here"));
                if *clipped {
                    diagnostic.severity = Severity::Warning;
                    return Some(diagnostic.note(format!("clipped: all {bound} are mapped")));
                }
                // The extent itself would change what the dataflow does with other layers.
                let least = format!("upto {size}");
                diagnostic = diagnostic.help(format!(
                    "write `{least}`, or pass --clip to map the whole dimension"
                ));
                match fix {
                    Some(at) => diagnostic.fix(*at, least, "map the whole dimension"),
                    None => diagnostic,
                }
            }
            _ => return None,
        })
    }

    /// A piece larger than the one around it.
    fn pieces(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::OverPiece {
                layer,
                label,
                dim,
                size,
                bound,
                span,
                outer,
                outer_span,
                fix,
                clipped,
            } => {
                let mut diagnostic = self
                    .titled(format!(
                        "a piece of {size} of {dim} does not lie in a piece of {bound} \
                            (`{layer}`)"
                    ))
                    .at(*span, format!("`{label}` has {size}"))
                    .also(*outer_span, format!("`{outer}` leaves {bound} of {dim}"));
                if *clipped {
                    diagnostic.severity = Severity::Warning;
                    return Some(diagnostic.note(format!("clipped: all {bound} are mapped")));
                }
                let least = format!("upto {size}");
                diagnostic = diagnostic
                    .note(
                        "a size is the extent of a piece, not a number of trips: inner \
                        pieces are the smaller ones",
                    )
                    .help(format!(
                        "write the size of the inner piece, at most {bound}, or `{least}` \
                            for {size} or what there is"
                    ));
                match fix {
                    Some(at) => diagnostic.fix(*at, least, "take what there is"),
                    None => diagnostic,
                }
            }
            _ => return None,
        })
    }

    /// Cluster levels and the arrays that they spread over.
    fn clusters(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::ClusterTooLarge {
                product,
                available,
                span,
                fix,
            } => {
                let diagnostic = self
                    .titled(format!(
                        "the clusters need {product} PEs, the accelerator has {available}"
                    ))
                    .at(*span, format!("product of all clusters: {product}"));
                match fix {
                    Some((at, size)) => {
                        diagnostic.fix(*at, size.to_string(), "the largest cluster that fits")
                    }
                    None => diagnostic,
                }
            }
            Self::ArraySplit {
                wanted,
                room,
                cluster,
                span,
            } => self
                .titled(format!(
                    "a cluster level distributes over {wanted}, but only {room} lie \
                        inside the memory between the arrays"
                ))
                .at(*span, "this level reaches across a memory")
                .help(format!(
                    "cut it with `Cluster({cluster})`, so that one level ends where the memory is"
                )),
            Self::ArraysDiffer {
                arrays,
                wanted,
                span,
            } => self
                .titled(format!(
                    "a cluster level distributes over {wanted}, which ends in the \
                        middle of an array of `{}`",
                    arrays.join("` x `")
                ))
                .at(
                    *span,
                    "this level lies across arrays with networks of their own",
                )
                .help(
                    "let every cluster end with an array, or `spread` over each array by its name",
                ),
            _ => return None,
        })
    }

    /// Loops and the memories whose tiles they walk over.
    fn places(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::NotHeld {
                tensor,
                memory,
                span,
            } => self
                .titled(format!("`{memory}` does not hold `{tensor}`"))
                .at(*span, format!("`{tensor}` passes by `{memory}`"))
                .help("see `Holds` of the memory"),
            Self::OutOfOrder { inner, outer, span } => self
                .titled(format!(
                    "the tile of `{inner}` lies outside that of `{outer}`, which is \
             further out"
                ))
                .at(*span, "these loops come too early or too late")
                .help("write the loops of outer memories first"),
            Self::BeforeArray { memory, span } => self
                .titled(format!(
                    "`{memory}` is inside an array, its tile cannot lie outside the \
             loop over that array"
                ))
                .at(*span, "too far out")
                .note(
                    "an instance keeps the tile of one turn of the loop; a tile \
                 gathered over several turns (columns 0, 7, 14, ... on one PE) \
                 cannot be written",
                )
                .help("move it behind the spatial loops of the arrays above the memory"),
            _ => return None,
        })
    }

    /// What would have to lie inside the tile of an inner memory.
    fn too_far_in(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::BehindInner {
                memory,
                first,
                span,
            } => self
                .titled(format!(
                    "this loop stands behind one over an array inside `{memory}`"
                ))
                .at(*span, "too far in")
                .also(*first, "the loop over the array")
                .help(format!(
                    "spreads over arrays inside `{memory}` come last: write this loop \
                    before them, in an `at {memory} {{ ... }}` if it walks over the \
                    tile of `{memory}`"
                )),
            Self::InsideTile {
                memory,
                innermost,
                span,
            } => self
                .titled(format!(
                    "the tile of `{memory}` cannot lie behind loops inside the tile of \
             `{innermost}`"
                ))
                .at(*span, "too far in")
                .help(format!(
                    "move it before the loops `at {innermost}` and before the spreads \
                    over arrays inside `{innermost}`"
                )),
            _ => return None,
        })
    }
}
