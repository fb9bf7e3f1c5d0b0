//! Which layers can be one group.

use super::{FuseError, listed, shape};
use crate::diag::{Diagnostic, Mistake};
use crate::lower::with_article;

impl FuseError {
    /// The layers hang together and end in one.
    pub(super) fn pieces(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::SeveralHeads { heads, kept, fix } => {
                let names = heads.iter().map(|head| &head.0);
                let diagnostic = self.titled(format!(
                    "the group ends in {} layers: {}",
                    heads.len(),
                    listed(names)
                ));
                let diagnostic = heads.iter().fold(diagnostic, |diagnostic, (name, span)| {
                    diagnostic.at(*span, format!("nothing in the group reads `{name}`"))
                });
                let diagnostic = diagnostic
                    .note(
                        "the loops of a group cut the output of its last layer: there must \
                            be one",
                    )
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
            Self::Unconnected { parts, span, first } => {
                let diagnostic = self
                    .titled(format!(
                        "the layers of the group are {} unconnected pieces",
                        parts.len()
                    ))
                    .at(*span, "nothing connects this layer with the first one")
                    .also(*first, "the first piece begins here");
                let named = parts.iter().map(listed).take(8);
                named
                    .fold(diagnostic, |diagnostic, part| {
                        diagnostic.note(format!("a piece: {part}"))
                    })
                    .help("add the layers that connect them, or write one `Fuse` for each piece")
            }
            Self::Detour {
                path,
                span,
                outside,
            } => {
                let reader = path.last().map_or("", String::as_str);
                self.titled(format!(
                    "`{reader}` needs a layer outside of the group that needs the group"
                ))
                .at(*span, "its input leaves the group and comes back")
                .also(*outside, "this layer is not in the group")
                .note(format!("the way out and back: {}", path.join(" -> ")))
                .help("fuse the layers on that way too, or end the group before them")
            }
            _ => return None,
        })
    }

    /// Layers that no group takes.
    pub(super) fn family(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::NotFusible {
                layer,
                layer_type,
                span,
            } => {
                let why = if *layer_type == "LSTM" {
                    "the gates that its products make are not the output that others read"
                } else {
                    "an output index with two ranks is no box of operations"
                };
                self.titled(format!("{} cannot be fused", with_article(layer_type)))
                    .at(*span, format!("`{layer}` is {}", with_article(layer_type)))
                    .note(why)
                    .help("leave it out of the group")
            }
            Self::ResultIndex {
                tensor,
                index,
                span,
                layer_span,
            } => self
                .titled(format!("index {index} of `{tensor}` is not a rank alone"))
                .at(*span, "an element of its result is no box of operations")
                .also(*layer_span, "defined here")
                .help(
                    "index the result by one rank each, all different, or leave the \
                layer out of the group",
                ),
            Self::NoChannels {
                reader,
                part,
                elements,
                image,
                span,
            } => self
                .titled(format!("`{part}` is no number of channels of `{reader}`"))
                .at(
                    *span,
                    format!("{elements} elements, and a channel has {image}"),
                )
                .help("leave the layer out of the group"),
            _ => return None,
        })
    }

    /// What one step reads or makes would be no box.
    pub(super) fn boxes(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::GroupedChannels { layer, span, dim } => self
                .titled(format!(
                    "the groups of `{layer}` have their own channels: a piece of each is no box"
                ))
                .at(*span, "K counts within one group")
                .help("cut G, or write this loop under a loop that takes one group at a time")
                .fix(*dim, "G", "cut the groups"),
            Self::Reshape {
                reader,
                reader_extents,
                made,
                made_extents,
                ranks,
                span,
                cause,
            } => {
                let diagnostic = self
                    .titled(format!(
                        "`{reader}` is `{made}` in other dimensions, and only parts of it \
                    are read at a time"
                    ))
                    .at(
                        *span,
                        format!("reads {} as {}", shape(made_extents), shape(reader_extents)),
                    )
                    .note(format!(
                        "a part of {} is no box of `{made}`",
                        ranks.join(", ")
                    ));
                match cause {
                    Some((label, at)) => diagnostic.also(*at, "this loop cuts it").help(format!(
                        "drop `{label}`, or end the group before the reshape"
                    )),
                    None => diagnostic.help("end the group before the reshape"),
                }
            }
            Self::TwoTiled {
                tensor,
                ranks: [one, other],
                span,
                first,
            } => self
                .titled(format!(
                    "{one} and {other} meet in one index of `{tensor}`, and both are cut"
                ))
                .at(*span, "this loop cuts one of them")
                .also(*first, "this loop cuts the other")
                .note("the pieces that two loops reach through one index are no boxes")
                .help("drop one of the two loops"),
            _ => return None,
        })
    }
}
