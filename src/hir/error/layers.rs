//! Layers: what they read of each other, and their sizes.

use super::HirError;
use crate::base::num::grouped;
use crate::diag::{Diagnostic, Mistake};

/// Several layers of which one was named.
fn also_so(more: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = more.iter().take(SHOWN).map(|name| format!("`{name}`"));
    let shown: Vec<String> = shown.collect();
    let rest = if more.len() > SHOWN { ", ..." } else { "" };
    let plural = if more.len() == 1 { "layer" } else { "layers" };
    format!(
        "and {} more {plural}: {}{rest}",
        more.len(),
        shown.join(", ")
    )
}

fn elements(count: u128) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} element{plural}", grouped(count))
}

impl HirError {
    /// Layers that do not fit each other.
    pub(super) fn shapes(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::ShapeMismatch {
                consumer,
                producers,
                needed,
                found,
                input,
                parts,
                padding,
                span,
                producer_span,
                insert,
            } => {
                if let Some(shape) = input {
                    let message = format!("`{consumer}` does not fit the input `{producers}`");
                    let diagnostic = self
                        .titled(message)
                        .at(*span, format!("takes {needed}"))
                        .also(*producer_span, format!("is {shape}"));
                    return Some(diagnostic.note(format!(
                        "`{producers}` is {shape} ({found}), `{consumer}` takes {needed}"
                    )));
                }
                let message = format!("`{consumer}` does not fit what `{producers}` produces");
                let mut diagnostic = self.titled(message).at(*span, format!("takes {needed}"));
                if parts.len() > 1 {
                    for (part, place) in parts {
                        diagnostic = diagnostic.also(*place, format!("gives {part}"));
                    }
                    diagnostic = diagnostic.note(format!(
                        "`{producers}` together give {found}, `{consumer}` takes {needed}"
                    ));
                } else {
                    diagnostic = diagnostic
                        .also(*producer_span, format!("gives {found}"))
                        .note(format!(
                            "`{producers}` gives {found}, `{consumer}` takes {needed}"
                        ));
                }
                if let Some((at, text, producer)) = padding {
                    return Some(diagnostic.fix(
                        *at,
                        format!(" {text}"),
                        format!("`{producer}` has no padding; to give as many rows and columns as it takes it needs some"),
                    ));
                }
                match insert {
                    Some(at) => diagnostic
                        .help("without `Inputs` a layer takes the output of the layer before it")
                        .fix(*at, " Inputs: external;", "take the input from outside"),
                    None => diagnostic,
                }
            }
            Self::RepeatMismatch {
                repeat,
                reader,
                needed,
                reader_span,
                output,
                found,
                output_span,
                span,
            } => self
                .titled(format!(
                    "`{repeat}` does not take what it gives, so it cannot follow itself"
                ))
                .at(*span, "repeated here")
                .also(*output_span, format!("gives {found}"))
                .also(*reader_span, format!("takes {needed}"))
                .note(format!(
                    "the next time `{reader}` reads what `{output}` gives"
                )),
            _ => return None,
        })
    }

    /// Inputs that cannot be read, and how many there are.
    pub(super) fn inputs(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::InsideRepeat {
                layer,
                repeat,
                times,
                span,
                definition,
            } => self
                .titled(format!(
                    "`{layer}` runs {times} times: only what `{repeat}` gives at last can be read"
                ))
                .at(*span, "read from outside of the repeat")
                .also(*definition, "repeated here")
                .help(format!("read `{repeat}`, or move the reader into it")),
            Self::BlockInputs {
                block,
                network,
                takes,
                found,
                span,
            } => {
                let needed = takes.len();
                let plural = if needed == 1 { "" } else { "s" };
                let diagnostic = self
                    .titled(format!(
                        "`{block}` ({network}) takes {needed} input{plural}, {found} are given"
                    ))
                    .at(*span, format!("{found} given"));
                if takes.is_empty() {
                    diagnostic.note("all that its layers read is `external`")
                } else {
                    diagnostic.note(format!("in this order: {}", takes.join(", ")))
                }
            }
            Self::OperandCount {
                consumer,
                layer_type,
                needed,
                found,
                span,
            } => self
                .titled(format!(
                    "`{consumer}` ({layer_type}) takes {needed} inputs, {found} are given"
                ))
                .at(*span, format!("{found} given"))
                .help("name them: `Inputs: a, b;` (or `external`)"),
            _ => return None,
        })
    }

    /// Sizes that contradict each other.
    pub(super) fn extents(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::KernelTooLarge {
                axis,
                span_rows,
                padded,
                span,
            } => self
                .titled(format!(
                    "the kernel spans {span_rows} along {axis}, the padded input has {padded}"
                ))
                .at(*span, "no output is left"),
            Self::ExtentsDisagree {
                input,
                output,
                declared,
                derived,
                span,
            } => self
                .titled(format!(
                    "`{output}: {declared}` disagrees with `{input}`, which gives {derived}"
                ))
                .at(*span, format!("{derived} follows from `{input}`"))
                .help(format!(
                    "leave out one of `{input}` and `{output}`, or write `{derived}`"
                ))
                .fix(
                    *span,
                    derived.to_string(),
                    format!("what follows from `{input}`"),
                ),
            _ => return None,
        })
    }

    /// Indices past the end of a tensor, or of elements that are not there yet.
    pub(super) fn indices(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::IndexOutside {
                tensor,
                index,
                values: (first, last),
                extent,
                span,
            } => {
                let diagnostic = self
                    .titled(format!("`{tensor}` has no index {index}"))
                    .at(*span, format!("goes from {first} to {last}"));
                match extent {
                    Some(extent) => diagnostic
                        .note(format!(
                            "`{tensor}` goes from 0 to {} here: nothing of it is touched",
                            extent.saturating_sub(1)
                        ))
                        .help("shift the index, or give the tensor a larger extent"),
                    None => diagnostic
                        .note(
                            "without `Extents` a tensor has the indices from 0 to the largest \
                            that is used",
                        )
                        .help(format!(
                            "shift the index, or say how large the tensor is, so that what is \
                                outside is padding: `Extents {{ {tensor}: [...] }}`"
                        )),
                }
            }
            Self::OwnResult {
                tensor,
                along,
                span,
                target,
            } => {
                let diagnostic = match along {
                    Some((rank, apart, _)) => {
                        let sign = if *apart < 0 { '-' } else { '+' };
                        self.titled(format!(
                            "`{tensor}` is read by the equation that makes it: a recurrence along `{rank}`"
                        ))
                        .at(*span, format!("what step {rank} {sign} {} has made", apart.unsigned_abs()))
                    }
                    None => self
                        .titled(format!("`{tensor}` is read by the equation that makes it"))
                        .at(*span, "of the result itself"),
                };
                let diagnostic = diagnostic.also(*target, "made here").note(
                    "the steps of a layer have no order: none can read what another one has made",
                );
                match along {
                    Some((rank, _, extent)) => diagnostic.help(format!(
                        "leave the rank out and repeat the layer, which then reads what the time before gave: `repeat {extent} steps {{ ... }}` without \
                        an index of `{rank}`; the gates of an LSTM are `Type: LSTM` with `Steps: {extent}`"
                    )),
                    None => diagnostic.help(
                        "a tensor that comes from elsewhere has a name of its own, and is one of `Inputs`",
                    ),
                }
            }
            _ => return None,
        })
    }

    /// What the counts of a network are, and what is in none.
    pub(super) fn counts(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::MacsDiffer {
                network,
                asserted,
                actual,
                span,
            } => self
                .titled(format!(
                    "`{network}` has {} MACs, not {}",
                    grouped(*actual),
                    grouped(*asserted)
                ))
                .at(*span, format!("the layers add up to {actual}"))
                .fix(*span, format!("Macs: {actual}"), "state the actual total"),
            Self::Handover {
                span,
                written: (writer, written, writer_span),
                read: (reader, format, reader_span),
                more,
            } => {
                let diagnostic = self
                    .titled(format!(
                        "`{reader}` reads {format}, and `{writer}` writes {written}"
                    ))
                    .at(*span, "in this map")
                    .also(*writer_span, format!("its Output is {written}"))
                    .also(*reader_span, format!("its input is {format}"))
                    .note("what turns the one into the other is in no count");
                match more.as_slice() {
                    [] => diagnostic,
                    more => diagnostic.note(also_so(more)),
                }
            }
            Self::GateSums {
                consumer,
                producer,
                read,
                written,
                span,
                producer_span,
            } => self
                .titled(format!(
                    "`{consumer}` reads the hidden state of `{producer}`, which writes \
                the sums of its gates"
                ))
                .at(*span, format!("takes {}", elements(*read)))
                .also(*producer_span, format!("writes {}", elements(*written)))
                .note(
                    "the gate functions are not part of an LSTM: what they read and \
                write is not in the counts",
                ),
            _ => return None,
        })
    }
}
