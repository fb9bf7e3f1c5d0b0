//! Where the tensors of a group are kept, and where its stages run.

use super::{FuseError, listed, word};
use crate::diag::suggest::did_you_mean;
use crate::diag::{Diagnostic, Mistake};

impl FuseError {
    /// Nothing, or too much, is said of a tensor.
    pub(super) fn words(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::NoFate {
                tensor,
                producer,
                readers,
                memory,
                span,
                insert,
            } => {
                let diagnostic = self
                    .titled(format!(
                        "nothing is said of `{tensor}`, which {} reads",
                        listed(readers)
                    ))
                    .at(*span, format!("`{producer}` makes it"))
                    .note(
                        "one of: `retain` (kept, and nothing is wanted after it left), \
                    `recompute`, `refetch`",
                    );
                let text = format!("retain {tensor} in {memory}; ");
                match insert {
                    Some(at) => diagnostic.fix(*at, text, "keep it where it is read"),
                    None => diagnostic.help(format!("write `{}`", text.trim_end())),
                }
            }
            Self::TwoWords {
                tensor,
                words: [one, other],
                span,
                first,
            } => {
                let (one, other) = (word(*one), word(*other));
                let message = if one == other {
                    format!("`{other}` is said twice of `{tensor}`")
                } else {
                    format!("`{tensor}` cannot be both: `{one}` and `{other}`")
                };
                self.titled(message)
                    .at(*span, "said again here")
                    .also(*first, "first said here")
                    .note(
                        "a tensor has one place (`retain`) and one way back (`recompute` \
                        or `refetch`) at most",
                    )
                    .help(
                        "drop one of the two; a producer's Output and its reader's Input \
                        are one tensor",
                    )
            }
            _ => return None,
        })
    }

    /// Something is said of a tensor of which it cannot be.
    pub(super) fn tensors(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::UnknownTensor {
                layer,
                name,
                span,
                suggestion,
                known,
            } => {
                let diagnostic = self
                    .titled(format!("`{layer}` has no tensor `{name}`"))
                    .at(*span, "unknown tensor")
                    .note(format!("its tensors: {}", known.join(", ")));
                did_you_mean(diagnostic, *span, suggestion.as_ref())
            }
            Self::NotRecomputable {
                tensor,
                made,
                span,
                fix,
            } => {
                let why = if *made {
                    "nothing in the group reads it"
                } else {
                    "nothing in the group makes it"
                };
                let diagnostic = self
                    .titled(format!("`{tensor}` cannot be computed again: {why}"))
                    .at(*span, why);
                match fix {
                    Some((at, text)) => diagnostic.fix(*at, text.clone(), "read it again instead"),
                    None => diagnostic.help("`refetch` it"),
                }
            }
            _ => return None,
        })
    }

    /// Memories inside of arrays.
    pub(super) fn inside(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::InsideArray {
                tensors,
                memory,
                instances,
                arrays,
                group,
                words,
                outside,
                store,
            } => {
                let around = listed(arrays);
                let first = words.first().copied().unwrap_or(*group);
                let diagnostic = self
                    .titled(format!(
                        "the group would keep {} in {memory}, of which there are {instances}",
                        listed(tensors)
                    ))
                    .at(first, format!("{memory} lies inside of {around}"));
                let more = words.iter().skip(1);
                let diagnostic = more.fold(diagnostic, |diagnostic, &span| {
                    diagnostic.also(span, "here as well")
                });
                let diagnostic = diagnostic.note(
                    "a group keeps every tensor once: which part of it lies in which \
                     of several memories, and what two of them both need, would not be \
                     counted",
                );
                match (outside, words.as_slice()) {
                    (Some(outside), [only]) => {
                        diagnostic.fix(*only, outside.clone(), "keep it outside of the arrays")
                    }
                    (Some(outside), _) => {
                        diagnostic.help(format!("retain them in {outside}, outside of {around}"))
                    }
                    (None, _) => diagnostic.help(format!(
                        "put a memory between {store} and {around} and retain them there; \
                         or fuse what one {memory} sees: its part of the layers, on an \
                         accelerator without {around}"
                    )),
                }
            }
            _ => return None,
        })
    }

    /// The arrays of the stages.
    pub(super) fn arrays(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::SharedArray {
                stages: [one, other],
                arrays: [ours, theirs],
                chosen,
                span,
                first,
                keyword,
            } => {
                let runs = |name: &str, chosen: bool| {
                    if chosen {
                        format!("on {name}")
                    } else {
                        format!("on {name}, for want of a word")
                    }
                };
                let message = if ours == theirs {
                    format!(
                        "`{one}` and `{other}` are stages of a pipeline, and both run on {ours}"
                    )
                } else {
                    format!(
                        "`{one}` and `{other}` are stages of a pipeline, and of {ours} and \
                            {theirs} one lies inside the other"
                    )
                };
                self.titled(message)
                    .at(*span, runs(theirs, chosen[1]))
                    .also(*first, runs(ours, chosen[0]))
                    .help(
                        "give every stage an array of its own (`run L on ARRAY`), or write \
                        `sequence`",
                    )
                    .fix(*keyword, "sequence", "let the stages share it in turn")
            }
            _ => return None,
        })
    }
}
