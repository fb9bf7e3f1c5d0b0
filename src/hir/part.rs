//! Names of memories, arrays and axes that an accelerator does not have: E0502, wherever it is found out.

use crate::base::Span;
use crate::diag::suggest::{did_you_mean, nearest};
use crate::diag::{Code, Diagnostic, Mistake};

/// No such memory, array or axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPart {
    /// `memory`, `array` or `axis`.
    pub what: &'static str,
    pub name: String,
    pub accelerator: String,
    pub span: Span,
    pub suggestion: Option<String>,
    /// What it has instead.
    pub known: Vec<String>,
}

impl UnknownPart {
    /// With the nearest of the known names as suggestion.
    #[must_use]
    pub fn with_nearest(
        what: &'static str,
        name: &str,
        accelerator: &str,
        span: Span,
        known: Vec<String>,
    ) -> UnknownPart {
        UnknownPart {
            what,
            name: name.to_owned(),
            accelerator: accelerator.to_owned(),
            span,
            suggestion: nearest(name, known.iter().map(String::as_str)).map(str::to_owned),
            known,
        }
    }
}

impl Mistake for UnknownPart {
    fn code(&self) -> Code {
        Code::E0502
    }

    fn said(&self) -> Option<Diagnostic> {
        let (what, span) = (self.what, self.span);
        let diagnostic = self
            .titled(format!(
                "`{}` has no {what} `{}`",
                self.accelerator, self.name
            ))
            .at(span, format!("unknown {what}"))
            .note(match self.known.as_slice() {
                [] => format!("it has no {what} at all"),
                known => format!("it has {}", known.join(", ")),
            });
        Some(did_you_mean(diagnostic, span, self.suggestion.as_ref()))
    }
}
