//! What can be wrong with names, types, units and sizes, as data; and the words for it.

mod layers;
mod names;
mod values;

use super::eval::UNREADABLE;
use super::fuse_error::FuseError;
use super::shape::Flow;
use crate::base::{Precision, Span};
use crate::diag::{Code, Diagnostic, Mistake};

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
    /// A name that an imported file knows because it imports it.
    NotImported {
        expected: &'static str,
        name: String,
        span: Span,
        /// A `use`, and where it goes.
        add: (Span, String),
    },
    /// `K` of a depthwise layer.
    FiltersOfChannel {
        layer: String,
        filters: u64,
        channels: Option<u64>,
        span: Span,
    },
    /// A number where a block with a size for each axis is meant.
    NeedsAxes {
        key: String,
        /// As it would be written.
        text: String,
        span: Span,
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
        /// What each of several producers gives, and where it is.
        parts: Vec<(Flow, Span)>,
        /// Where a padding of the producer would make it fit, its text, and the name of the producer.
        padding: Option<(Span, String, String)>,
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
    /// An EINSUM that reads what it makes.
    OwnResult {
        tensor: String,
        /// The rank along which it reads what other steps make, how many indices away, and its extent.
        along: Option<(String, i64, u64)>,
        span: Span,
        target: Span,
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
}

impl Mistake for HirError {
    fn code(&self) -> Code {
        match self {
            Self::Unavailable { .. } => Code::E0104,
            Self::UnknownName { .. }
            | Self::NotImported { .. }
            | Self::UsedEarly { .. }
            | Self::NetworksInside { .. }
            | Self::NetworkCycle { .. } => Code::E0201,
            Self::UnknownImport { .. } => Code::E0202,
            Self::ImportCycle { .. } => Code::E0203,
            Self::MapTwice { .. } | Self::DefinedTwice { .. } => Code::E0204,
            Self::UnknownKey { .. } => Code::E0205,
            Self::KeyTwice { .. } => Code::E0206,
            Self::UnknownDimension { .. } | Self::FiltersOfChannel { .. } => Code::E0207,
            Self::WrongUnit { .. } | Self::NoClock { .. } => Code::E0301,
            Self::NoDefault { .. } | Self::Missing { .. } | Self::NoNetworkLayers { .. } => {
                Code::E0302
            }
            Self::NotPositive { .. } | Self::OutOfDomain { .. } => Code::E0303,
            Self::ShapeMismatch { .. }
            | Self::RepeatMismatch { .. }
            | Self::InsideRepeat { .. }
            | Self::BlockInputs { .. }
            | Self::OperandCount { .. } => Code::E0304,
            Self::KernelTooLarge { .. } => Code::E0305,
            Self::ExtentsDisagree { .. } => Code::E0306,
            Self::Overflow { .. } | Self::DivisionByZero { .. } => Code::E0307,
            Self::WrongKind { .. }
            | Self::NeedsAxes { .. }
            | Self::Indivisible { .. }
            | Self::MacsDiffer { .. } => Code::E0308,
            Self::Exclusive { .. } => Code::E0309,
            Self::IndexOutside { .. } => Code::E0310,
            Self::OwnResult { .. } => Code::E0311,
            Self::InexactDivision { .. } => Code::W0301,
            Self::Handover { .. } | Self::GateSums { .. } => Code::W0302,
            Self::Fuse(error) => error.code(),
        }
    }

    fn said(&self) -> Option<Diagnostic> {
        if let Self::Fuse(error) = self {
            return error.said();
        }
        self.unknown()
            .or_else(|| self.circles())
            .or_else(|| self.twice())
            .or_else(|| self.keys())
            .or_else(|| self.kinds())
            .or_else(|| self.numbers())
            .or_else(|| self.shapes())
            .or_else(|| self.inputs())
            .or_else(|| self.extents())
            .or_else(|| self.indices())
            .or_else(|| self.counts())
    }
}
