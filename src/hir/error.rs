//! What can be wrong with names, types, units and sizes, as data; and the words for it.

use super::eval::UNREADABLE;
use super::fuse_error::FuseError;
use super::shape::Flow;
use crate::base::{Precision, Span, num::grouped};
use crate::diag::{Code, Diagnostic};

/// One mistake. Spans are where the mistake is written unless a field says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub enum HirError {
    UnknownName {
        /// `dataflow`, `network`, `layer`, ...
        expected: &'static str,
        name: String,
        span: Span,
        suggestion: Option<String>,
        /// The name exists but is something else.
        found: Option<&'static str>,
    },
    /// A constant that is defined further down (or is this one), a parameter further to the right.
    UsedEarly {
        /// `constant`, `parameter`.
        what: &'static str,
        name: String,
        span: Span,
        definition: Span,
    },
    /// A parameter of a network or an accelerator without a value of its own.
    NoDefault {
        name: String,
        span: Span,
    },
    /// Two maps of one network on one accelerator.
    MapTwice {
        name: String,
        span: Span,
        first: Span,
        /// A name that no other map has.
        free: String,
        /// Behind the accelerator.
        at: Span,
    },
    UnknownImport {
        path: String,
        span: Span,
        suggestion: Option<String>,
    },
    ImportCycle {
        span: Span,
        /// File names from the repeated one around to itself.
        chain: Vec<String>,
    },
    DefinedTwice {
        what: &'static str,
        name: String,
        span: Span,
        first: Span,
    },
    UnknownKey {
        /// `key`, `parameter`.
        what: &'static str,
        key: String,
        owner: String,
        span: Span,
        suggestion: Option<String>,
        known: Vec<String>,
    },
    KeyTwice {
        key: String,
        span: Span,
        first: Span,
    },
    /// Two keys of which only one can be meant.
    Exclusive {
        key: String,
        other: String,
        why: &'static str,
        span: Span,
        /// Of the other key.
        first: Span,
        /// Span, text, and what the edit does.
        fix: (Span, String, &'static str),
    },
    UnknownDimension {
        name: String,
        owner: String,
        span: Span,
        suggestion: Option<String>,
        known: Vec<String>,
    },
    WrongUnit {
        key: String,
        expected: String,
        found: &'static str,
        span: Span,
        /// The same number in the expected unit.
        instead: Option<String>,
    },
    /// A bandwidth per second on an accelerator without `Clock`.
    NoClock {
        key: String,
        span: Span,
    },
    Missing {
        what: String,
        owner: String,
        span: Span,
        /// Where `insertion` would repair it.
        insert: Option<(Span, String)>,
    },
    NotPositive {
        what: String,
        value: String,
        span: Span,
    },
    ShapeMismatch {
        consumer: String,
        producers: String,
        needed: Flow,
        found: Flow,
        /// The producer is an input of the network, of this shape.
        input: Option<String>,
        span: Span,
        producer_span: Span,
        /// Set when the wiring is the default one: where `Inputs: external;` can be inserted.
        insert: Option<Span>,
    },
    /// A repeat that cannot follow itself.
    RepeatMismatch {
        repeat: String,
        reader: String,
        needed: Flow,
        reader_span: Span,
        output: String,
        found: Flow,
        output_span: Span,
        /// Of the number of times.
        span: Span,
    },
    /// A layer of a repeat that is read from outside, and not the last one.
    InsideRepeat {
        layer: String,
        repeat: String,
        times: u64,
        span: Span,
        definition: Span,
    },
    /// A block that is given more or less than its network takes.
    BlockInputs {
        block: String,
        network: String,
        takes: Vec<String>,
        found: usize,
        span: Span,
    },
    OperandCount {
        consumer: String,
        layer_type: &'static str,
        needed: usize,
        found: usize,
        span: Span,
    },
    /// Networks that have each other as blocks.
    NetworksInside {
        networks: Vec<String>,
        span: Span,
    },
    NetworkCycle {
        layers: Vec<String>,
        span: Span,
    },
    KernelTooLarge {
        axis: &'static str,
        span_rows: u64,
        padded: u64,
        span: Span,
    },
    ExtentsDisagree {
        input: &'static str,
        output: &'static str,
        declared: u64,
        derived: u64,
        span: Span,
    },
    Overflow {
        span: Span,
    },
    DivisionByZero {
        span: Span,
    },
    /// `largest_divisor` or `pow2_floor` of a number for which it has no value.
    OutOfDomain {
        span: Span,
    },
    WrongKind {
        expected: String,
        found: String,
        span: Span,
    },
    Indivisible {
        dim: &'static str,
        size: u64,
        groups: u64,
        span: Span,
    },
    MacsDiffer {
        network: String,
        asserted: u128,
        actual: u128,
        span: Span,
    },
    Unavailable {
        what: String,
        span: Span,
    },
    InexactDivision {
        left: i64,
        right: i64,
        span: Span,
    },
    /// Readers in another format than their writers, of one map.
    Handover {
        /// Where the map is.
        span: Span,
        written: (String, Precision, Span),
        read: (String, Precision, Span),
        /// Further readers with the same two formats.
        more: Vec<String>,
    },
    /// A layer that reads an LSTM, which writes the sums of its gates.
    GateSums {
        consumer: String,
        producer: String,
        read: u128,
        written: u128,
        span: Span,
        producer_span: Span,
    },
    /// An index of an EINSUM that leaves its tensor.
    IndexOutside {
        tensor: String,
        /// The first value outside.
        index: i64,
        values: (i64, i64),
        /// Of the tensor along this dimension, if `Extents` says so.
        extent: Option<u64>,
        span: Span,
    },
    NoNetworkLayers {
        span: Span,
    },
    /// In a fused block.
    Fuse(FuseError),
}

impl From<FuseError> for HirError {
    fn from(error: FuseError) -> Self {
        HirError::Fuse(error)
    }
}

fn did_you_mean(diagnostic: Diagnostic, span: Span, suggestion: Option<&String>) -> Diagnostic {
    match suggestion {
        Some(name) => diagnostic.help(format!("did you mean `{name}`?")).fix(
            span,
            name.clone(),
            "use the known name",
        ),
        None => diagnostic,
    }
}

/// Each name once: some words are keys and blocks.
fn list(names: &[String]) -> String {
    let mut once: Vec<&str> = Vec::new();
    for name in names {
        if !once.contains(&name.as_str()) {
            once.push(name);
        }
    }
    once.join(", ")
}

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

/// Whether `name` is a slip of `near`. In a file that did not parse, an unknown `conv2` may be the layer that
/// was lost beside a known `conv1`, and short names resemble each other by chance; `conv_1` is a slip.
fn is_slip(name: &str, near: &str) -> bool {
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    name.len() > 3 && digits(name) == digits(near)
}

impl HirError {
    /// Whether something that the parser dropped may be all that is wrong.
    pub(super) fn may_follow_from_syntax(&self) -> bool {
        if let HirError::UnknownName {
            name,
            suggestion: Some(near),
            ..
        } = self
        {
            return !is_slip(name, near);
        }
        if let HirError::WrongKind { found, .. } = self {
            return found == UNREADABLE;
        }
        if let HirError::Fuse(error) = self {
            return error.may_follow_from_syntax();
        }
        matches!(
            self,
            HirError::UnknownName { .. }
                | HirError::UnknownImport { .. }
                | HirError::Missing { .. }
                | HirError::MacsDiffer { .. }
                | HirError::OperandCount { .. }
                | HirError::BlockInputs { .. }
                | HirError::NoNetworkLayers { .. }
        )
    }

    /// Where something is missing.
    pub(super) fn missing_at(&self) -> Option<Span> {
        match self {
            HirError::Missing { span, .. } => Some(*span),
            _ => None,
        }
    }

    /// Whether `word` is what is missing, before `span` in the same file.
    pub(super) fn is_missing(&self, before: Span, word: &str) -> bool {
        let HirError::Missing { what, span, .. } = self else {
            return false;
        };
        let name = what.trim_start_matches('`');
        let rest = name.strip_prefix(word);
        span.file() == before.file()
            && rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
    }

    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one arm per mistake, nothing else")]
    pub fn to_diagnostic(&self) -> Diagnostic {
        match self {
            HirError::UnknownName {
                expected,
                name,
                span,
                suggestion,
                found,
            } => {
                let message = format!("there is no {expected} called `{name}`");
                let diagnostic = Diagnostic::new(Code::E0201, message).at(
                    *span,
                    match found {
                        Some(found) => format!("this is a {found}, not a {expected}"),
                        None => format!("unknown {expected}"),
                    },
                );
                did_you_mean(diagnostic, *span, suggestion.as_ref())
            }
            HirError::UsedEarly {
                what,
                name,
                span,
                definition,
            } => Diagnostic::new(
                Code::E0201,
                format!("the {what} `{name}` is used before it has a value"),
            )
            .at(*span, "used here")
            .also(*definition, "defined here")
            .help(match *what {
                "constant" => "a constant may use the constants above it",
                _ => "a default may use the parameters before it",
            }),
            HirError::NoDefault { name, span } => {
                Diagnostic::new(Code::E0302, format!("the parameter `{name}` lacks a default"))
                    .at(*span, "a default is missing")
                    .note("the default tells what unit the parameter has, and the definition is checked with it")
                    .help(format!("write `{name} = ...`"))
            }
            HirError::MapTwice {
                name,
                span,
                first,
                free,
                at,
            } => Diagnostic::new(Code::E0204, format!("the map `{name}` is defined twice"))
                .at(*span, "the same network on the same accelerator")
                .also(*first, "first mapped here")
                .help("several maps of one pair need names: `Map network on accelerator as name { ... }`")
                .fix(*at, format!(" as {free}"), "name the map"),
            HirError::UnknownImport {
                path,
                span,
                suggestion,
            } => {
                let message = format!("`{path}` cannot be imported");
                let diagnostic =
                    Diagnostic::new(Code::E0202, message).at(*span, "nothing of that name");
                did_you_mean(diagnostic, *span, suggestion.as_ref())
            }
            HirError::ImportCycle { span, chain } => {
                Diagnostic::new(Code::E0203, "files import each other in a circle")
                    .at(*span, "this import closes the circle")
                    .note(chain.join(" -> "))
            }
            HirError::DefinedTwice {
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
                Diagnostic::new(Code::E0204, format!("the {what} `{name}` is defined twice"))
                    .at(*span, "defined again here")
                    .also(*first, "first defined here")
            }
            HirError::UnknownKey {
                what,
                key,
                owner,
                span,
                suggestion,
                known,
            } => {
                let diagnostic =
                    Diagnostic::new(Code::E0205, format!("{owner} has no {what} `{key}`"))
                        .at(*span, format!("unknown {what}"))
                        .note(format!("known {what}s: {}", list(known)));
                did_you_mean(diagnostic, *span, suggestion.as_ref())
            }
            HirError::KeyTwice { key, span, first } => {
                Diagnostic::new(Code::E0206, format!("the key `{key}` is given twice"))
                    .at(*span, "given again here")
                    .also(*first, "first given here")
            }
            HirError::Exclusive {
                key,
                other,
                why,
                span,
                first,
                fix: (at, text, what),
            } => Diagnostic::new(
                Code::E0309,
                format!("the keys `{other}` and `{key}` exclude each other"),
            )
            .at(*span, format!("`{key}` beside `{other}`"))
            .also(*first, "the other one")
            .note(*why)
            .fix(*at, text.clone(), *what),
            HirError::UnknownDimension {
                name,
                owner,
                span,
                suggestion,
                known,
            } => {
                let diagnostic =
                    Diagnostic::new(Code::E0207, format!("{owner} has no dimension `{name}`"))
                        .at(*span, "unknown dimension")
                        .note(format!("its dimensions: {}", list(known)));
                did_you_mean(diagnostic, *span, suggestion.as_ref())
            }
            HirError::WrongUnit {
                key,
                expected,
                found,
                span,
                instead,
            } => {
                let diagnostic =
                    Diagnostic::new(Code::E0301, format!("`{key}` must be {expected}"))
                        .at(*span, format!("this is {found}"));
                match instead {
                    Some(text) => diagnostic.fix(*span, text.clone(), "use the right unit"),
                    None => diagnostic,
                }
            }
            HirError::NoClock { key, span } => Diagnostic::new(
                Code::E0301,
                format!("`{key}` per second needs the accelerator's `Clock`"),
            )
            .at(*span, "a bandwidth per second")
            .help("add `Clock: ...MHz;` to the accelerator, or give the bandwidth in B/cycle"),
            HirError::Missing {
                what,
                owner,
                span,
                insert,
            } => {
                let diagnostic = Diagnostic::new(Code::E0302, format!("{owner} lacks {what}"))
                    .at(*span, format!("{what} is missing"));
                match insert {
                    Some((at, text)) => diagnostic.fix(*at, text.clone(), format!("add {what}")),
                    None => diagnostic,
                }
            }
            HirError::NotPositive { what, value, span } => {
                Diagnostic::new(Code::E0303, format!("{what} must be at least 1"))
                    .at(*span, format!("this is {value}"))
            }
            HirError::ShapeMismatch {
                consumer,
                producers,
                needed,
                found,
                input,
                span,
                producer_span,
                insert,
            } => {
                if let Some(shape) = input {
                    let message = format!("`{consumer}` does not fit the input `{producers}`");
                    return Diagnostic::new(Code::E0304, message)
                        .at(*span, format!("takes {needed}"))
                        .also(*producer_span, format!("is {shape}"))
                        .note(format!(
                            "`{producers}` is {shape} ({found}), `{consumer}` takes {needed}"
                        ));
                }
                let message = format!("`{consumer}` does not fit what `{producers}` produces");
                let diagnostic = Diagnostic::new(Code::E0304, message)
                    .at(*span, format!("takes {needed}"))
                    .also(*producer_span, format!("gives {found}"))
                    .note(format!(
                        "`{producers}` gives {found}, `{consumer}` takes {needed}"
                    ));
                match insert {
                    Some(at) => diagnostic
                        .help("without `Inputs` a layer takes the output of the layer before it")
                        .fix(*at, " Inputs: external;", "take the input from outside"),
                    None => diagnostic,
                }
            }
            HirError::RepeatMismatch {
                repeat,
                reader,
                needed,
                reader_span,
                output,
                found,
                output_span,
                span,
            } => Diagnostic::new(
                Code::E0304,
                format!("`{repeat}` does not take what it gives, so it cannot follow itself"),
            )
            .at(*span, "repeated here")
            .also(*output_span, format!("gives {found}"))
            .also(*reader_span, format!("takes {needed}"))
            .note(format!("the next time `{reader}` reads what `{output}` gives")),
            HirError::InsideRepeat {
                layer,
                repeat,
                times,
                span,
                definition,
            } => Diagnostic::new(
                Code::E0304,
                format!("`{layer}` runs {times} times: only what `{repeat}` gives at last can be read"),
            )
            .at(*span, "read from outside of the repeat")
            .also(*definition, "repeated here")
            .help(format!("read `{repeat}`, or move the reader into it")),
            HirError::BlockInputs {
                block,
                network,
                takes,
                found,
                span,
            } => {
                let needed = takes.len();
                let plural = if needed == 1 { "" } else { "s" };
                let diagnostic = Diagnostic::new(
                    Code::E0304,
                    format!("`{block}` ({network}) takes {needed} input{plural}, {found} are given"),
                )
                .at(*span, format!("{found} given"));
                if takes.is_empty() {
                    diagnostic.note("all that its layers read is `external`")
                } else {
                    diagnostic.note(format!("in this order: {}", takes.join(", ")))
                }
            }
            HirError::OperandCount {
                consumer,
                layer_type,
                needed,
                found,
                span,
            } => Diagnostic::new(
                Code::E0304,
                format!("`{consumer}` ({layer_type}) takes {needed} inputs, {found} are given"),
            )
            .at(*span, format!("{found} given"))
            .help("name them: `Inputs: a, b;` (or `external`)"),
            HirError::NetworksInside { networks, span } => {
                Diagnostic::new(Code::E0201, "networks are blocks of each other in a circle")
                    .at(*span, "this block closes the circle")
                    .note(networks.join(" -> "))
            }
            HirError::NetworkCycle { layers, span } => {
                Diagnostic::new(Code::E0201, "the layers feed each other in a circle")
                    .at(*span, "this layer waits for itself")
                    .note(layers.join(" -> "))
            }
            HirError::KernelTooLarge {
                axis,
                span_rows,
                padded,
                span,
            } => Diagnostic::new(
                Code::E0305,
                format!("the kernel spans {span_rows} along {axis}, the padded input has {padded}"),
            )
            .at(*span, "no output is left"),
            HirError::ExtentsDisagree {
                input,
                output,
                declared,
                derived,
                span,
            } => Diagnostic::new(
                Code::E0306,
                format!("`{output}: {declared}` disagrees with `{input}`, which gives {derived}"),
            )
            .at(*span, format!("{derived} follows from `{input}`"))
            .help(format!(
                "leave out one of `{input}` and `{output}`, or write `{derived}`"
            ))
            .fix(
                *span,
                derived.to_string(),
                format!("what follows from `{input}`"),
            ),
            HirError::Overflow { span } => {
                Diagnostic::new(Code::E0307, "the number does not fit 64 bits")
                    .at(*span, "overflows")
            }
            HirError::DivisionByZero { span } => {
                Diagnostic::new(Code::E0307, "division by zero").at(*span, "the divisor is 0")
            }
            HirError::OutOfDomain { span } => Diagnostic::new(
                Code::E0303,
                "`largest_divisor` and `pow2_floor` take numbers of at least 1",
            )
            .at(*span, "has no value here")
            .note("`largest_divisor(n, at_most)` takes an `n` of at most 2^32"),
            HirError::WrongKind {
                expected,
                found,
                span,
            } => Diagnostic::new(Code::E0308, format!("expected {expected}"))
                .at(*span, format!("found {found}")),
            HirError::Indivisible {
                dim,
                size,
                groups,
                span,
            } => Diagnostic::new(
                Code::E0308,
                format!("`{dim}: {size}` cannot be split into {groups} groups"),
            )
            .at(*span, format!("{size} is not a multiple of {groups}")),
            HirError::Handover {
                span,
                written: (writer, written, writer_span),
                read: (reader, format, reader_span),
                more,
            } => {
                let diagnostic = Diagnostic::new(
                    Code::W0302,
                    format!("`{reader}` reads {format}, and `{writer}` writes {written}"),
                )
                .at(*span, "in this map")
                .also(*writer_span, format!("its Output is {written}"))
                .also(*reader_span, format!("its input is {format}"))
                .note("what turns the one into the other is in no count");
                match more.as_slice() {
                    [] => diagnostic,
                    more => diagnostic.note(also_so(more)),
                }
            }
            HirError::GateSums {
                consumer,
                producer,
                read,
                written,
                span,
                producer_span,
            } => Diagnostic::new(
                Code::W0302,
                format!("`{consumer}` reads the hidden state of `{producer}`, which writes the sums of its gates"),
            )
            .at(*span, format!("takes {}", elements(*read)))
            .also(*producer_span, format!("writes {}", elements(*written)))
            .note("the gate functions are not part of an LSTM: what they read and write is not in the counts"),
            HirError::IndexOutside {
                tensor,
                index,
                values: (first, last),
                extent,
                span,
            } => {
                let diagnostic =
                    Diagnostic::new(Code::E0310, format!("`{tensor}` has no index {index}"))
                        .at(*span, format!("goes from {first} to {last}"));
                match extent {
                    Some(extent) => diagnostic
                        .note(format!(
                            "`{tensor}` goes from 0 to {} here: nothing of it is touched",
                            extent.saturating_sub(1)
                        ))
                        .help("shift the index, or give the tensor a larger extent"),
                    None => diagnostic
                        .note("without `Extents` a tensor has the indices from 0 to the largest that is used")
                        .help(format!(
                            "shift the index, or say how large the tensor is, so that what is outside is padding: `Extents {{ {tensor}: [...] }}`"
                        )),
                }
            }
            HirError::MacsDiffer {
                network,
                asserted,
                actual,
                span,
            } => Diagnostic::new(
                Code::E0308,
                format!(
                    "`{network}` has {} MACs, not {}",
                    grouped(*actual),
                    grouped(*asserted)
                ),
            )
            .at(*span, format!("the layers add up to {actual}"))
            .fix(*span, format!("Macs: {actual}"), "state the actual total"),
            HirError::Unavailable { what, span } => {
                Diagnostic::new(Code::E0104, format!("{what} is not available here"))
                    .at(*span, "not available")
            }
            HirError::InexactDivision { left, right, span } => Diagnostic::new(
                Code::W0301,
                format!("{left} / {right} is not a whole number and is rounded towards zero"),
            )
            .at(*span, "rounded")
            .help("write `ceil_div(a, b)` to round up"),
            HirError::NoNetworkLayers { span } => {
                Diagnostic::new(Code::E0302, "the network has no layers")
                    .at(*span, "no `Layer` here")
            }
            HirError::Fuse(error) => error.to_diagnostic(),
        }
    }
}
