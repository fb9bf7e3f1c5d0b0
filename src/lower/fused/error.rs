//! What can be wrong with a fused group before its traffic is counted.

use crate::base::Span;
use crate::diag::{Code, Diagnostic};
use crate::hir::fused::FateKind;
use crate::lower::with_article;

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

impl FuseError {
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one arm per mistake, nothing else")]
    pub fn to_diagnostic(&self) -> Diagnostic {
        match self {
            FuseError::SeveralHeads { heads, kept, fix } => {
                let names = heads.iter().map(|head| &head.0);
                let diagnostic = Diagnostic::new(
                    Code::E0407,
                    format!("the group ends in {} layers: {}", heads.len(), listed(names)),
                );
                let diagnostic = heads.iter().fold(diagnostic, |diagnostic, (name, span)| {
                    diagnostic.at(*span, format!("nothing in the group reads `{name}`"))
                });
                let diagnostic = diagnostic
                    .note("the loops of a group cut the output of its last layer: there must be one")
                    .help(format!(
                        "fuse only what `{kept}` needs, or add the layer that reads them all"
                    ));
                match fix {
                    Some((list, left)) => {
                        diagnostic.fix(*list, left.clone(), format!("fuse what `{kept}` needs"))
                    }
                    None => diagnostic,
                }
            }
            FuseError::Unconnected { parts, span, first } => {
                let diagnostic = Diagnostic::new(
                    Code::E0408,
                    format!("the layers of the group are {} unconnected pieces", parts.len()),
                )
                .at(*span, "nothing connects this layer with the first one")
                .also(*first, "the first piece begins here");
                let named = parts.iter().map(listed).take(8);
                named
                    .fold(diagnostic, |diagnostic, part| {
                        diagnostic.note(format!("a piece: {part}"))
                    })
                    .help("add the layers that connect them, or write one `Fuse` for each piece")
            }
            FuseError::Detour {
                path,
                span,
                outside,
            } => {
                let reader = path.last().map_or("", String::as_str);
                Diagnostic::new(
                    Code::E0408,
                    format!("`{reader}` needs a layer outside of the group that needs the group"),
                )
                .at(*span, "its input leaves the group and comes back")
                .also(*outside, "this layer is not in the group")
                .note(format!("the way out and back: {}", path.join(" -> ")))
                .help("fuse the layers on that way too, or end the group before them")
            }
            FuseError::NotFusible {
                layer,
                layer_type,
                span,
            } => {
                let why = if *layer_type == "LSTM" {
                    "the gates that its products make are not the output that others read"
                } else {
                    "an output index with two ranks is no box of operations"
                };
                Diagnostic::new(
                    Code::E0603,
                    format!("{} cannot be fused", with_article(layer_type)),
                )
                .at(*span, format!("`{layer}` is {}", with_article(layer_type)))
                .note(why)
                .help("leave it out of the group")
            }
            FuseError::ResultIndex {
                tensor,
                index,
                span,
                layer_span,
            } => Diagnostic::new(
                Code::E0603,
                format!("index {index} of `{tensor}` is not a rank alone"),
            )
            .at(*span, "an element of its result is no box of operations")
            .also(*layer_span, "defined here")
            .help("index the result by one rank each, all different, or leave the layer out of the group"),
            FuseError::NotTheHead {
                layer,
                head,
                head_span,
                span,
                dim,
                fits,
            } => {
                let diagnostic = Diagnostic::new(
                    Code::E0414,
                    format!("the loops of this group are over `{head}`, not over `{layer}`"),
                )
                .at(*span, format!("`{layer}` is not the last layer"))
                .also(*head_span, "the last layer of the group")
                .note("tiles of earlier layers follow from what the last one reads");
                if *fits {
                    let words = Span::new(span.file(), span.lo(), dim.lo().max(span.lo()));
                    diagnostic.fix(words, format!("tile {head}."), "cut the last layer's output")
                } else {
                    diagnostic.help(format!("cut a dimension of `{head}`"))
                }
            }
            FuseError::UnknownDimension {
                layer,
                layer_type,
                layer_span,
                dim,
                span,
                suggestion,
                known,
            } => {
                let diagnostic = Diagnostic::new(
                    Code::E0207,
                    format!("`{layer}` has no dimension {dim} to cut"),
                )
                .at(*span, "no such dimension")
                .also(*layer_span, with_article(layer_type))
                .note(format!("its dimensions: {}", known.join(", ")));
                match suggestion {
                    Some(name) => diagnostic
                        .help(format!("did you mean `{name}`?"))
                        .fix(*span, name.clone(), "use the known name"),
                    None => diagnostic,
                }
            }
            FuseError::WindowAxis {
                layer,
                dim,
                output,
                span,
            } => Diagnostic::new(
                Code::E0207,
                format!("a loop of a group cuts outputs, and {dim} of `{layer}` is an input"),
            )
            .at(*span, format!("the output along {dim} is {output}"))
            .note("what is read of the input follows from the outputs")
            .fix(*span, output.clone(), "cut the output"),
            FuseError::PieceTooLarge {
                layer,
                layer_span,
                dim,
                size,
                extent,
                span,
            } => {
                let diagnostic = Diagnostic::new(
                    Code::E0401,
                    format!("a piece of {size} is larger than {dim}, which is {extent} in `{layer}`"),
                )
                .at(*span, format!("{size} of {extent}"))
                .also(*layer_span, format!("{dim} is {extent} here"));
                halved(diagnostic, *span, *extent)
            }
            FuseError::OneTrip {
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
                let diagnostic = Diagnostic::new(
                    Code::E0413,
                    format!("the loop over {dim} takes one step: {size} is {all}"),
                )
                .at(*span, "nothing is cut")
                .also(*outer, format!("{dim} is {whole} here"))
                .note("a loop of one step changes nothing but the places of the words in it");
                halved(diagnostic, *span, *whole)
            }
            FuseError::GroupedChannels { layer, span, dim } => Diagnostic::new(
                Code::E0603,
                format!("the groups of `{layer}` have their own channels: a piece of each is no box"),
            )
            .at(*span, "K counts within one group")
            .help("cut G, or write this loop under a loop that takes one group at a time")
            .fix(*dim, "G", "cut the groups"),
            FuseError::Reshape {
                reader,
                reader_extents,
                made,
                made_extents,
                ranks,
                span,
                cause,
            } => {
                let diagnostic = Diagnostic::new(
                    Code::E0603,
                    format!("`{reader}` is `{made}` in other dimensions, and only parts of it are read at a time"),
                )
                .at(*span, format!("reads {} as {}", shape(made_extents), shape(reader_extents)))
                .note(format!(
                    "a part of {} is no box of `{made}`",
                    ranks.join(", ")
                ));
                match cause {
                    Some((label, at)) => diagnostic
                        .also(*at, "this loop cuts it")
                        .help(format!("drop `{label}`, or end the group before the reshape")),
                    None => diagnostic.help("end the group before the reshape"),
                }
            }
            FuseError::NoChannels {
                reader,
                part,
                elements,
                image,
                span,
            } => Diagnostic::new(
                Code::E0603,
                format!("`{part}` is no number of channels of `{reader}`"),
            )
            .at(
                *span,
                format!("{elements} elements, and a channel has {image}"),
            )
            .help("leave the layer out of the group"),
            FuseError::TwoTiled {
                tensor,
                ranks: [one, other],
                span,
                first,
            } => Diagnostic::new(
                Code::E0603,
                format!("{one} and {other} meet in one index of `{tensor}`, and both are cut"),
            )
            .at(*span, "this loop cuts one of them")
            .also(*first, "this loop cuts the other")
            .note("the pieces that two loops reach through one index are no boxes")
            .help("drop one of the two loops"),
            FuseError::UnknownTensor {
                layer,
                name,
                span,
                suggestion,
                known,
            } => {
                let diagnostic =
                    Diagnostic::new(Code::E0201, format!("`{layer}` has no tensor `{name}`"))
                        .at(*span, "unknown tensor")
                        .note(format!("its tensors: {}", known.join(", ")));
                match suggestion {
                    Some(name) => diagnostic
                        .help(format!("did you mean `{name}`?"))
                        .fix(*span, name.clone(), "use the known name"),
                    None => diagnostic,
                }
            }
            FuseError::NoFate {
                tensor,
                producer,
                readers,
                memory,
                span,
                insert,
            } => {
                let diagnostic = Diagnostic::new(
                    Code::E0409,
                    format!("nothing is said of `{tensor}`, which {} reads", listed(readers)),
                )
                .at(*span, format!("`{producer}` makes it"))
                .note("one of: `retain` (kept, and nothing is wanted after it left), `recompute`, `refetch`");
                let text = format!("retain {tensor} in {memory}; ");
                match insert {
                    Some(at) => diagnostic.fix(*at, text, "keep it where it is read"),
                    None => diagnostic.help(format!("write `{}`", text.trim_end())),
                }
            }
            FuseError::TwoWords {
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
                Diagnostic::new(Code::E0409, message)
                    .at(*span, "said again here")
                    .also(*first, "first said here")
                    .note("a tensor has one place (`retain`) and one way back (`recompute` or `refetch`) at most")
                    .help("drop one of the two; a producer's Output and its reader's Input are one tensor")
            }
            FuseError::NotRecomputable {
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
                let diagnostic = Diagnostic::new(
                    Code::E0409,
                    format!("`{tensor}` cannot be computed again: {why}"),
                )
                .at(*span, why);
                match fix {
                    Some((at, text)) => diagnostic.fix(*at, text.clone(), "read it again instead"),
                    None => diagnostic.help("`refetch` it"),
                }
            }
            FuseError::InsideArray {
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
                let diagnostic = Diagnostic::new(
                    Code::E0602,
                    format!(
                        "the group would keep {} in {memory}, of which there are {instances}",
                        listed(tensors)
                    ),
                )
                .at(first, format!("{memory} lies inside of {around}"));
                let more = words.iter().skip(1);
                let diagnostic = more.fold(diagnostic, |diagnostic, &span| {
                    diagnostic.also(span, "here as well")
                });
                let diagnostic = diagnostic.note(
                    "a group keeps every tensor once: which part of it lies in which of several memories, and what two \
                     of them both need, would not be counted",
                );
                match (outside, words.as_slice()) {
                    (Some(outside), [only]) => {
                        diagnostic.fix(*only, outside.clone(), "keep it outside of the arrays")
                    }
                    (Some(outside), _) => {
                        diagnostic.help(format!("retain them in {outside}, outside of {around}"))
                    }
                    (None, _) => diagnostic.help(format!(
                        "put a memory between {store} and {around} and retain them there; or fuse what one {memory} sees: \
                         its part of the layers, on an accelerator without {around}"
                    )),
                }
            }
            FuseError::SharedArray {
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
                    format!("`{one}` and `{other}` are stages of a pipeline, and both run on {ours}")
                } else {
                    format!(
                        "`{one}` and `{other}` are stages of a pipeline, and of {ours} and {theirs} one lies inside the other"
                    )
                };
                Diagnostic::new(Code::E0412, message)
                    .at(*span, runs(theirs, chosen[1]))
                    .also(*first, runs(ours, chosen[0]))
                    .help("give every stage an array of its own (`run L on ARRAY`), or write `sequence`")
                    .fix(*keyword, "sequence", "let the stages share it in turn")
            }
        }
    }
}

/// The smallest size that is certainly a loop: two pieces.
fn halved(diagnostic: Diagnostic, size: Span, whole: u64) -> Diagnostic {
    if whole < 2 {
        return diagnostic.help("drop the loop: there is one index only");
    }
    diagnostic.fix(size, whole.div_ceil(2).to_string(), "take two steps")
}
