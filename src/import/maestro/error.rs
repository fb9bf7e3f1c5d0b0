//! What can be wrong with a `.m` file, what its tool would have made of it, and how that is said.

use crate::base::Span;
use crate::base::num::grouped;
use crate::diag::{Code, Diagnostic, Mistake};

/// A mistake, or something that the reader of the file should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaestroError {
    /// A word that does not fit; `expected` in human words, `near` is a word that does.
    Unexpected {
        span: Span,
        found: String,
        expected: &'static str,
        near: Option<&'static str>,
    },
    /// The file ends.
    UnexpectedEnd {
        span: Span,
        expected: &'static str,
    },
    /// `1.5`, `8+Sz`
    NotAnInteger {
        span: Span,
        text: String,
    },
    NumberTooLarge {
        span: Span,
    },
    Odd {
        span: Span,
        text: String,
    },
    /// Blocks that are still open at `at`, innermost first.
    Unclosed {
        open: Span,
        at: Span,
    },
    StrayBrace {
        span: Span,
    },
    TooDeep {
        span: Span,
        limit: usize,
    },
    /// From here on it was not read.
    TooMany {
        span: Span,
        what: &'static str,
        limit: usize,
    },
    FileTooLarge {
        span: Span,
        limit: usize,
    },
    NoNetwork {
        span: Span,
    },
    /// There is an accelerator in the file and one beside it.
    TwoAccelerators {
        span: Span,
        first: Option<Span>,
    },
    HardwareKey {
        span: Span,
        key: String,
        near: Option<&'static str>,
    },
    HardwareKeyTwice {
        span: Span,
        first: Span,
        key: String,
    },
    NoPes {
        span: Span,
    },
    /// W0602
    AssumedHardware {
        span: Span,
        pes: u64,
    },
    /// W0603: `-3`
    LostSign {
        span: Span,
        number: String,
    },
    /// W0603: a second layer of one name.
    Renamed {
        span: Span,
        first: Span,
        name: String,
        new: String,
    },
    /// W0601
    OtherCount(Box<OtherCount>),
}

/// The public tool prints another number of MACs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherCount {
    /// The directive that makes the difference, or the layer.
    pub span: Span,
    pub reason: Reason,
    pub layer: String,
    pub printed: u128,
    pub true_macs: u128,
    /// Other layers with the same list and the same reason: name, printed, true.
    pub more: Vec<(String, u128, u128)>,
}

/// Why it does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The last fold has one PE; its input window is taken for its outputs.
    LonePe {
        dim: String,
        window: u64,
    },
    /// The last fold ends with a smaller window; one whole window is not counted.
    PartialPe {
        dim: String,
        lost: u64,
    },
    /// A window is larger than the dimension.
    LargerThanInput {
        dim: String,
        window: u64,
        extent: u64,
    },
    /// Several outputs of a window, counted as if the stride were 1.
    Strided {
        dim: String,
        stride: u64,
    },
    Uncovered {
        dim: String,
    },
    Doubled {
        dim: String,
    },
    /// An upsampling layer is counted as a convolution of its input.
    Transposed,
}

/// How many layers a warning lists.
const MOST_LISTED: usize = 4;

impl Mistake for MaestroError {
    fn code(&self) -> Code {
        match self {
            Self::Odd { .. } => Code::E0001,
            Self::NumberTooLarge { .. } => Code::E0005,
            Self::Unexpected { .. }
            | Self::UnexpectedEnd { .. }
            | Self::NotAnInteger { .. }
            | Self::NoNetwork { .. } => Code::E0101,
            Self::Unclosed { .. } | Self::StrayBrace { .. } => Code::E0102,
            Self::TooDeep { .. } => Code::E0103,
            Self::TooMany { .. } => Code::E0104,
            Self::HardwareKey { .. } => Code::E0205,
            Self::HardwareKeyTwice { .. } => Code::E0206,
            Self::NoPes { .. } => Code::E0302,
            Self::TwoAccelerators { .. } => Code::E0309,
            Self::FileTooLarge { .. } => Code::E0702,
            Self::AssumedHardware { .. } => Code::W0602,
            Self::LostSign { .. } | Self::Renamed { .. } => Code::W0603,
            Self::OtherCount(count) => count.code(),
        }
    }

    fn said(&self) -> Option<Diagnostic> {
        self.words()
            .or_else(|| self.bounds())
            .or_else(|| self.hardware())
            .or_else(|| self.differences())
    }
}

impl MaestroError {
    /// Words and signs that do not fit.
    fn words(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::Unexpected {
                span,
                found,
                expected,
                near,
            } => {
                let wrong = self
                    .titled(format!("expected {expected}, found `{}`", shown(found)))
                    .at(*span, "not expected here");
                match near {
                    Some(word) => wrong.help(format!("did you mean `{word}`?")).fix(
                        *span,
                        *word,
                        format!("write `{word}`"),
                    ),
                    None => wrong,
                }
            }
            Self::UnexpectedEnd { span, expected } => self
                .titled(format!("expected {expected}, found the end of the file"))
                .at(*span, "the file ends here"),
            Self::NotAnInteger { span, text } => {
                let wrong = self
                    .titled(format!("expected a size, found `{}`", shown(text)))
                    .at(*span, "no whole number");
                wrong.note(
                    "a size is a whole number, `Sz(D)` or the name of a Constant; the \
                     format has no arithmetic and no fractions",
                )
            }
            Self::NumberTooLarge { span } => self
                .titled("number too large")
                .at(*span, "more than 18446744073709551615"),
            Self::Odd { span, text } => self
                .titled(format!("unexpected character `{}`", shown(text)))
                .at(*span, "not part of the format")
                .note("a comment is `//` to the end of the line"),
            _ => return None,
        })
    }

    /// Blocks, and how much may be there.
    fn bounds(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::Unclosed { open, at } => self
                .titled("this block is not closed")
                .at(*open, "opened here")
                .also(*at, "`}` is missing before this")
                .fix(at.start(), "} ", "close the block"),
            Self::StrayBrace { span } => self
                .titled("this brace closes nothing")
                .at(*span, "no block is open here")
                .fix(*span, "", "remove the brace"),
            Self::TooDeep { span, limit } => self
                .titled("this block is nested too deeply")
                .at(*span, format!("more than {limit} levels")),
            Self::TooMany { span, what, limit } => {
                let message = format!("more than {limit} {what} are not available");
                self.titled(message).at(*span, "not read from here on")
            }
            Self::FileTooLarge { span, limit } => self
                .titled("the file is too large")
                .at(*span, "not read")
                .note(format!("a file may have at most {limit} bytes")),
            _ => return None,
        })
    }

    /// What runs the network.
    fn hardware(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::NoNetwork { span } => self
                .titled("there is no Network in this file")
                .at(*span, "expected `Network NAME { Layer NAME { ... } }`")
                .note(
                    "a flat list of `num_pes: 256` and such is hardware: give it with \
                    `--hw` beside a network",
                ),
            Self::TwoAccelerators { span, first } => {
                let wrong = self
                    .titled("there are two accelerators for this network")
                    .at(*span, "the second one");
                let wrong = match first {
                    Some(first) => wrong.also(*first, "the first one"),
                    None => wrong,
                };
                wrong.help(
                    "keep the `Accelerator` of the file, or give hardware with `--hw`, \
                    not both",
                )
            }
            Self::HardwareKey { span, key, near } => {
                let wrong = self
                    .titled(format!("unknown key `{}`", shown(key)))
                    .at(*span, "no key of a hardware file")
                    .note(
                        "keys: num_pes, l1_size_cstr, l2_size_cstr, noc_bw_cstr, \
                            offchip_bw_cstr, NoC_NumHops",
                    );
                match near {
                    Some(word) => wrong.help(format!("did you mean `{word}`?")).fix(
                        *span,
                        *word,
                        format!("write `{word}`"),
                    ),
                    None => wrong,
                }
            }
            Self::HardwareKeyTwice { span, first, key } => self
                .titled(format!("`{key}` is given twice"))
                .at(*span, "the second time")
                .also(*first, "the first time"),
            Self::NoPes { span } => self
                .titled("`num_pes` is missing")
                .at(*span, "this file says nothing of how many PEs there are")
                .fix(span.start(), "num_pes: 256\n", "say how many PEs there are"),
            Self::AssumedHardware { span, pes } => self
                .titled(format!(
                    "no hardware is given: {pes} PEs with buffers and links without \
                bounds are assumed"
                ))
                .at(*span, "a `.m` file says nothing of its hardware")
                .help("give the hardware file with `--hw hw.m`"),
            _ => return None,
        })
    }

    /// What the tool of the format takes otherwise.
    fn differences(&self) -> Option<Diagnostic> {
        Some(match self {
            Self::LostSign { span, number } => self
                .titled(format!("`-{number}` is read as {number}"))
                .at(*span, "`-` is a separator in this format")
                .fix(*span, " ", "leave the sign out"),
            Self::Renamed {
                span,
                first,
                name,
                new,
            } => self
                .titled(format!(
                    "a second layer is called `{}`: it is reported as `{new}`",
                    shown(name)
                ))
                .at(*span, "the second one")
                .also(*first, "the first one"),
            Self::OtherCount(count) => count.to_diagnostic(),
            _ => return None,
        })
    }
}

impl Mistake for OtherCount {
    fn code(&self) -> Code {
        Code::W0601
    }

    fn said(&self) -> Option<Diagnostic> {
        let diagnostic = self
            .titled(format!(
                "the public tool prints {} MACs for layer `{}`, which has {}",
                grouped(self.printed),
                self.layer,
                grouped(self.true_macs)
            ))
            .at(self.span, self.reason.to_string());
        let mut listed: Vec<String> = self
            .more
            .iter()
            .take(MOST_LISTED)
            .map(|(name, printed, macs)| {
                format!(
                    "{} instead of {} for `{name}`",
                    grouped(*printed),
                    grouped(*macs)
                )
            })
            .collect();
        if self.more.len() > MOST_LISTED {
            listed.push(format!("{} more layers", self.more.len() - MOST_LISTED));
        }
        Some(if listed.is_empty() {
            diagnostic
        } else {
            diagnostic.note(format!("for the same reason: {}", listed.join(", ")))
        })
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LonePe { dim, window } => write!(
                f,
                "the last fold over {dim} has one PE, whose window of {window} \
                    inputs it takes for its outputs"
            ),
            Self::PartialPe { dim, lost } => write!(
                f,
                "the last fold over {dim} ends with a smaller window, and it \
                    forgets a whole one of {lost}"
            ),
            Self::LargerThanInput {
                dim,
                window,
                extent,
            } => write!(
                f,
                "a window of {window} is larger than {dim}, which is {extent}, and \
                    it counts nothing"
            ),
            Self::Strided { dim, stride } => write!(
                f,
                "windows over {dim} have several outputs, which it counts as if \
                    the stride of {stride} were 1"
            ),
            Self::Uncovered { dim } => {
                write!(f, "it does not see that some of {dim} is in no window")
            }
            Self::Doubled { dim } => {
                write!(
                    f,
                    "it does not see that some of {dim} is in several windows"
                )
            }
            Self::Transposed => f.write_str("it counts the windows inside the input, as of a CONV"),
        }
    }
}

/// The beginning of a word, on one line.
fn shown(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}
