//! Slips that are understood: what was written as another language has it, and what it is here.

use crate::base::Span;
use crate::diag::Diagnostic;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slip {
    /// `Dimensions: { ... }`
    SignBeforeBlock {
        key: String,
        sign: Span,
        /// Between the key and its block.
        cut: Span,
    },
    /// `K = 4` in a block.
    EqualsForColon {
        first: Span,
        /// A block follows the first.
        opens: bool,
        /// Others behind it.
        more: usize,
        whole: Span,
        /// In place of `whole`.
        text: String,
    },
    /// `Layer conv-1`
    MinusInName { span: Span, name: String },
    /// `Layer 2nd`
    DigitFirst { span: Span, name: String },
    /// `TemporalMap 3,1 Y`, `TemporalMap(1) C`
    MapArguments {
        word: &'static str,
        span: Span,
        text: String,
        /// There is one size.
        one: bool,
    },
    /// `A[m][k]`
    IndexLists {
        first: Span,
        whole: Span,
        text: String,
    },
    /// `Y[m] avg= X[m,n]`
    Reduction { span: Span, name: String },
    /// `for` where a directive stands.
    Loop { span: Span, word: String },
}

impl Slip {
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Slip::SignBeforeBlock { sign: span, .. }
            | Slip::EqualsForColon { first: span, .. }
            | Slip::MinusInName { span, .. }
            | Slip::DigitFirst { span, .. }
            | Slip::MapArguments { span, .. }
            | Slip::IndexLists { first: span, .. }
            | Slip::Reduction { span, .. }
            | Slip::Loop { span, .. } => *span,
        }
    }

    /// In words; `titled` makes a diagnostic of the mistake's code.
    pub(super) fn said(&self, titled: impl FnOnce(String) -> Diagnostic) -> Diagnostic {
        match self {
            Slip::SignBeforeBlock { key, sign, cut } => titled(format!(
                "`{key} {{ ... }}` is a block: it stands without `:`"
            ))
            .at(*sign, "not expected here")
            .fix(*cut, " ", "remove the `:`"),
            Slip::EqualsForColon {
                first,
                opens,
                more,
                whole,
                text,
            } => {
                let message = match opens {
                    true => "a block stands behind its key without `=`",
                    false => "a value stands behind its key and `:`, not `=`",
                };
                let diagnostic = titled(message.to_owned()).at(*first, "not expected here");
                let diagnostic = match more {
                    0 => diagnostic,
                    1 => diagnostic.note("and 1 more `=` behind it"),
                    more => diagnostic.note(format!("and {more} more `=` behind it")),
                };
                diagnostic.fix(*whole, text.clone(), "as blocks and values are written here")
            }
            Slip::MinusInName { span, name } => titled("a name has no `-`".to_owned())
                .at(*span, "letters, digits and `_` are in a name")
                .fix(*span, name.clone(), format!("write `{name}`")),
            Slip::DigitFirst { span, name } => {
                titled("a name does not begin with a digit".to_owned())
                    .at(*span, "begin it with a letter or `_`")
                    .fix(*span, name.clone(), format!("write `{name}`"))
            }
            Slip::MapArguments {
                word,
                span,
                text,
                one,
            } => {
                let diagnostic = titled(format!("a map is written `{word}(size, offset) D`")).at(
                    *span,
                    match one {
                        true => "this has one size and no offset",
                        false => "its parentheses are missing or elsewhere",
                    },
                );
                let what = match one {
                    true => "pieces of this size, one after the other",
                    false => "with both in parentheses",
                };
                diagnostic.fix(*span, text.clone(), what)
            }
            Slip::IndexLists { first, whole, text } => {
                titled("the indices of a tensor are one list: `A[m,k]`".to_owned())
                    .at(*first, "a second list begins here")
                    .fix(*whole, text.clone(), "join the lists")
            }
            Slip::Reduction { span, name } if matches!(name.as_str(), "max" | "min") => {
                titled(format!("`{name}=` is one sign, without a blank"))
                    .at(*span, "not expected here")
                    .fix(*span, format!("{name}="), "write it as one")
            }
            Slip::Reduction { span, name } => titled(format!("`{name}=` is no reduction"))
                .at(*span, "expected `=`, `+=`, `max=` or `min=`"),
            Slip::Loop { span, word } => titled(format!("there is no `{word}` in a dataflow"))
                .at(*span, "a directive begins here")
                .help(
                    "a loop over D in pieces of n is `tile D by n`, side by side on an axis of an array `spread D by n over \
                     A[i]`; n is the extent of a piece, not how many there are",
                ),
        }
    }
}
