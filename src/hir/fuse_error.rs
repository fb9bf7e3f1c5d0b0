//! What can be wrong with a fused block before anybody knows its tensors, and how it is said.

use super::UnknownPart;
use crate::base::Span;
use crate::diag::{Code, Diagnostic, Mistake};

/// One mistake. Spans are where the mistake is written unless a field says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub enum FuseError {
    /// No such memory or array.
    UnknownPart(UnknownPart),
    /// A layer of the network in a group whose list does not name it.
    OutsideGroup {
        layer: String,
        span: Span,
        group: Span,
    },
    /// Layers of different repeats.
    OtherRepeat {
        layer: String,
        first: String,
        span: Span,
        first_span: Span,
    },
    /// Something else where `layer.name` is wanted.
    NeedsLayer {
        expected: &'static str,
        found: String,
        span: Span,
        instead: Option<String>,
    },
    /// `retain` in the backing store.
    RetainedOutside {
        memory: String,
        span: Span,
        statement: Span,
        instead: String,
    },
    /// `refetch` from a memory that is not the backing store.
    RefetchedInside {
        memory: String,
        outermost: String,
        span: Span,
    },
    /// Two blocks where there may be one.
    BlockTwice {
        what: &'static str,
        help: &'static str,
        span: Span,
        first: Span,
    },
    /// `pipeline` or `sequence` with a `tile` block beside it.
    StagesOutside {
        word: &'static str,
        span: Span,
        tile: Span,
    },
    RunTwice {
        layer: String,
        span: Span,
        first: Span,
    },
    RunOutside {
        layer: String,
        span: Span,
        group: Span,
        /// The one layer without a stage.
        instead: Option<String>,
    },
    RunsMissing {
        layers: Vec<String>,
        word: &'static str,
        span: Span,
        group: Span,
        /// Where the stages can be added, and their text.
        insert: (Span, String),
    },
}

impl FuseError {
    /// Whether something that the parser dropped may be all that is wrong.
    pub(super) fn may_follow_from_syntax(&self) -> bool {
        matches!(
            self,
            Self::UnknownPart(_)
                | Self::OutsideGroup { .. }
                | Self::RunOutside { .. }
                | Self::RunsMissing { .. }
        )
    }
}

impl Mistake for FuseError {
    fn code(&self) -> Code {
        match self {
            Self::OutsideGroup { .. } => Code::E0201,
            Self::BlockTwice { .. } => Code::E0206,
            Self::OtherRepeat { .. }
            | Self::NeedsLayer { .. }
            | Self::RetainedOutside { .. }
            | Self::RefetchedInside { .. }
            | Self::StagesOutside { .. } => Code::E0308,
            Self::RunTwice { .. } | Self::RunOutside { .. } | Self::RunsMissing { .. } => {
                Code::E0415
            }
            Self::UnknownPart(part) => part.code(),
        }
    }

    fn said(&self) -> Option<Diagnostic> {
        self.names()
            .or_else(|| self.memories())
            .or_else(|| self.blocks())
            .or_else(|| self.stages())
    }
}

impl FuseError {
    /// Names, and the layers that they are of.
    fn names(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::UnknownPart(part) => part.to_diagnostic(),
            Self::OutsideGroup { layer, span, group } => {
                let message = format!("`{layer}` is not a layer of this group");
                self.titled(message)
                    .at(*span, "not in the group")
                    .also(*group, "its layers")
                    .help(
                        "a tensor that comes from outside is called after the layer that \
                            reads it: `layer.Input`",
                    )
            }
            Self::OtherRepeat {
                layer,
                first,
                span,
                first_span,
            } => {
                let message = format!("`{layer}` and `{first}` do not run equally often");
                self.titled(message)
                    .at(*span, "not in the same `repeat`")
                    .also(*first_span, "together with this one")
                    .help("a group stands within one time of a `repeat`, or outside of all")
            }
            Self::NeedsLayer {
                expected,
                found,
                span,
                instead,
            } => {
                let diagnostic = self
                    .titled(format!("expected {expected}"))
                    .at(*span, format!("found `{found}`"));
                match instead {
                    Some(text) => diagnostic.fix(*span, text.clone(), format!("write `{text}`")),
                    None => diagnostic,
                }
            }
            _ => return None,
        })
    }

    /// Where tensors are kept.
    fn memories(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::RetainedOutside {
                memory,
                span,
                statement,
                instead,
            } => {
                let message = format!("nothing can be retained in `{memory}`, the backing store");
                self.titled(message)
                    .at(*span, "not a memory of the chip")
                    .help("`refetch` writes a tensor to the backing store and reads it back")
                    .fix(*statement, instead.clone(), "fetch what is wanted again")
            }
            Self::RefetchedInside {
                memory,
                outermost,
                span,
            } => {
                let message = format!("`refetch` reads from `{outermost}`, the backing store");
                self.titled(message)
                    .at(*span, format!("`{memory}` is not the outermost memory"))
                    .fix(*span, outermost.clone(), format!("write `{outermost}`"))
            }
            _ => return None,
        })
    }

    /// Blocks in the wrong place.
    fn blocks(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::BlockTwice {
                what,
                help,
                span,
                first,
            } => self
                .titled(format!("{what} in a fused block"))
                .at(*span, "again here")
                .also(*first, "first here")
                .help(*help),
            Self::StagesOutside { word, span, tile } => {
                let message = format!("`{word}` does not stand in the innermost `tile` block");
                self.titled(message)
                    .at(*span, "outside of a loop")
                    .also(*tile, "this loop is inside")
                    .help(
                        "the stages are what one step of all loops does: move the block \
                        into the loop",
                    )
            }
            _ => return None,
        })
    }

    /// The stages of the innermost block.
    fn stages(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::RunTwice { layer, span, first } => self
                .titled(format!("`{layer}` is run twice"))
                .at(*span, "run again here")
                .also(*first, "first run here")
                .fix(*span, "", "remove the second one"),
            Self::RunOutside {
                layer,
                span,
                group,
                instead,
            } => {
                let message = format!("`{layer}` is run but is not a layer of this group");
                let diagnostic = self
                    .titled(message)
                    .at(*span, "not in the group")
                    .also(*group, "its layers");
                match instead {
                    Some(name) => diagnostic.help(format!("no stage runs `{name}`")).fix(
                        *span,
                        name.clone(),
                        format!("run `{name}`"),
                    ),
                    None => diagnostic.help("add it to the group, or remove the stage"),
                }
            }
            Self::RunsMissing {
                layers,
                word,
                span,
                group,
                insert,
            } => {
                let names: Vec<String> = layers.iter().map(|name| format!("`{name}`")).collect();
                let names = names.join(", ");
                let (what, fix) = match layers.as_slice() {
                    [_] => ("a layer", "run it too"),
                    _ => ("layers", "run them too"),
                };
                self.titled(format!("`{word}` leaves out {what} of the group: {names}"))
                    .at(*span, format!("nothing here runs {names}"))
                    .also(*group, "its layers")
                    .fix(insert.0, insert.1.clone(), fix)
            }
            _ => return None,
        })
    }
}
