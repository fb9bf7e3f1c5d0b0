//! Names that are not there, that come too early or twice.

use super::{HirError, list};
use crate::diag::suggest::did_you_mean;
use crate::diag::{Diagnostic, Mistake};

impl HirError {
    /// Names that nothing has.
    pub(super) fn unknown(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::UnknownName {
                expected,
                name,
                span,
                suggestion,
                found,
            } => {
                let message = format!("there is no {expected} called `{name}`");
                let diagnostic = self.titled(message).at(
                    *span,
                    match found {
                        Some(found) => format!("this is a {found}, not a {expected}"),
                        None => format!("unknown {expected}"),
                    },
                );
                did_you_mean(diagnostic, *span, suggestion.as_ref())
            }
            Self::NotImported {
                expected,
                name,
                span,
                add: (at, text),
            } => self
                .titled(format!("there is no {expected} called `{name}` here"))
                .at(
                    *span,
                    "known in a file that is imported, which imports it itself",
                )
                .fix(*at, text.clone(), format!("add `{}`", text.trim_end())),
            Self::UnknownImport {
                path,
                span,
                suggestion,
            } => {
                let message = format!("`{path}` cannot be imported");
                let diagnostic = self.titled(message).at(*span, "nothing of that name");
                did_you_mean(diagnostic, *span, suggestion.as_ref())
            }
            Self::UnknownDimension {
                name,
                owner,
                span,
                suggestion,
                known,
            } => {
                let diagnostic = self
                    .titled(format!("{owner} has no dimension `{name}`"))
                    .at(*span, "unknown dimension")
                    .note(format!("its dimensions: {}", list(known)));
                did_you_mean(diagnostic, *span, suggestion.as_ref())
            }
            Self::FiltersOfChannel {
                layer,
                filters,
                channels,
                span,
            } => {
                let groups =
                    channels.map_or_else(|| "C".to_owned(), |channels| channels.to_string());
                self.titled(format!("`{layer}` is depthwise: every channel has one filter, and no K"))
                    .at(*span, format!("this is {filters}"))
                    .help(format!(
                        "leave K out; with more than one filter for a channel it is `Type: CONV; Groups: {groups};`, where K counts \
                         the filters of all channels"
                    ))
            }
            Self::Unavailable { what, span } => self
                .titled(format!("{what} is not available here"))
                .at(*span, "not available"),
            _ => return None,
        })
    }

    /// What needs itself, or what comes after it.
    pub(super) fn circles(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::UsedEarly {
                what,
                name,
                span,
                definition,
            } => self
                .titled(format!("the {what} `{name}` is used before it has a value"))
                .at(*span, "used here")
                .also(*definition, "defined here")
                .help(match *what {
                    "constant" => "a constant may use the constants above it",
                    _ => "a default may use the parameters before it",
                }),
            Self::ImportCycle { span, chain } => self
                .titled("files import each other in a circle")
                .at(*span, "this import closes the circle")
                .note(chain.join(" -> ")),
            Self::NetworksInside { networks, span } => self
                .titled("networks are blocks of each other in a circle")
                .at(*span, "this block closes the circle")
                .note(networks.join(" -> ")),
            Self::NetworkCycle { layers, span } => self
                .titled("the layers feed each other in a circle")
                .at(*span, "this layer waits for itself")
                .note(layers.join(" -> ")),
            _ => return None,
        })
    }

    /// What is there already.
    pub(super) fn twice(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::DefinedTwice {
                what,
                name,
                span,
                first,
            } => {
                // Definitions are known before imports, wherever they stand.
                let swapped = span.file() == first.file() && span < first;
                let (span, first) = if swapped {
                    (first, span)
                } else {
                    (span, first)
                };
                self.titled(format!("the {what} `{name}` is defined twice"))
                    .at(*span, "defined again here")
                    .also(*first, "first defined here")
            }
            Self::MapTwice {
                name,
                span,
                first,
                free,
                at,
            } => self
                .titled(format!("the map `{name}` is defined twice"))
                .at(*span, "the same network on the same accelerator")
                .also(*first, "first mapped here")
                .help(
                    "several maps of one pair need names: `Map network on accelerator \
                    as name { ... }`",
                )
                .fix(*at, format!(" as {free}"), "name the map"),
            Self::KeyTwice { key, span, first } => self
                .titled(format!("the key `{key}` is given twice"))
                .at(*span, "given again here")
                .also(*first, "first given here"),
            Self::Exclusive {
                key,
                other,
                why,
                span,
                first,
                fix: (at, text, what),
            } => self
                .titled(format!("the keys `{other}` and `{key}` exclude each other"))
                .at(*span, format!("`{key}` beside `{other}`"))
                .also(*first, "the other one")
                .note(*why)
                .fix(*at, text.clone(), *what),
            _ => return None,
        })
    }
}
