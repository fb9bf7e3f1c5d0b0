//! The loops of a group.

use super::FuseError;
use crate::base::Span;
use crate::diag::suggest::did_you_mean;
use crate::diag::{Diagnostic, Mistake};
use crate::lower::with_article;

impl FuseError {
    /// Loops over something else than the output of the last layer.
    pub(super) fn cuts(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::NotTheHead {
                layer,
                head,
                head_span,
                span,
                dim,
                fits,
            } => {
                let diagnostic = self
                    .titled(format!(
                        "the loops of this group are over `{head}`, not over `{layer}`"
                    ))
                    .at(*span, format!("`{layer}` is not the last layer"))
                    .also(*head_span, "the last layer of the group")
                    .note("tiles of earlier layers follow from what the last one reads");
                if *fits {
                    let words = Span::new(span.file(), span.lo(), dim.lo().max(span.lo()));
                    diagnostic.fix(
                        words,
                        format!("tile {head}."),
                        "cut the last layer's output",
                    )
                } else {
                    diagnostic.help(format!("cut a dimension of `{head}`"))
                }
            }
            Self::UnknownDimension {
                layer,
                layer_type,
                layer_span,
                dim,
                span,
                suggestion,
                known,
            } => {
                let diagnostic = self
                    .titled(format!("`{layer}` has no dimension {dim} to cut"))
                    .at(*span, "no such dimension")
                    .also(*layer_span, with_article(layer_type))
                    .note(format!("its dimensions: {}", known.join(", ")));
                did_you_mean(diagnostic, *span, suggestion.as_ref())
            }
            _ => return None,
        })
    }

    /// Loops that make no pieces.
    pub(super) fn steps(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::WindowAxis {
                layer,
                dim,
                output,
                span,
            } => self
                .titled(format!(
                    "a loop of a group cuts outputs, and {dim} of `{layer}` is an input"
                ))
                .at(*span, format!("the output along {dim} is {output}"))
                .note("what is read of the input follows from the outputs")
                .fix(*span, output.clone(), "cut the output"),
            Self::PieceTooLarge {
                layer,
                layer_span,
                dim,
                size,
                extent,
                span,
            } => {
                let diagnostic = self
                    .titled(format!(
                        "a piece of {size} is larger than {dim}, which is {extent} in `{layer}`"
                    ))
                    .at(*span, format!("{size} of {extent}"))
                    .also(*layer_span, format!("{dim} is {extent} here"));
                halved(diagnostic, *span, *extent)
            }
            Self::OneTrip {
                dim,
                size,
                whole,
                nested,
                span,
                outer,
            } => {
                let all = if *nested {
                    format!("a piece of the loop around it, which is {whole}")
                } else {
                    format!("all of {dim}, which is {whole}")
                };
                let diagnostic = self
                    .titled(format!(
                        "the loop over {dim} takes one step: {size} is {all}"
                    ))
                    .at(*span, "nothing is cut")
                    .also(*outer, format!("{dim} is {whole} here"))
                    .note("a loop of one step changes nothing but the places of the words in it");
                halved(diagnostic, *span, *whole)
            }
            _ => return None,
        })
    }
}

/// The smallest size that is certainly a loop: two pieces.
fn halved(diagnostic: Diagnostic, size: Span, whole: u64) -> Diagnostic {
    if whole < 2 {
        return diagnostic.help("drop the loop: there is one index only");
    }
    diagnostic.fix(size, whole.div_ceil(2).to_string(), "take two steps")
}
