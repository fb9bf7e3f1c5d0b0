//! How a mistake of a phase, which is data, comes to its words.
//!
//! Each phase has an enum of its mistakes: ids, spans, numbers. Beside it stand one table of codes and the prose,
//! topic by topic: a topic is a function that says the variants that belong together and passes on the others, so that
//! `a.or_else(|| b)` says them all. A variant without a code does not compile; one without a topic is found by the
//! first test that makes it.

use super::{Code, Diagnostic};

/// A mistake, or something that somebody should know, as data.
pub trait Mistake {
    /// Its code, by variant; a variant that stands for several keeps it in a field.
    fn code(&self) -> Code;

    /// Message, places, notes, help and edit, from the topic that has this variant; `None` if no topic has it.
    fn said(&self) -> Option<Diagnostic>;

    /// The same, for the sink. What no topic says has its code and the code's title.
    #[must_use]
    fn to_diagnostic(&self) -> Diagnostic {
        let said = self.said();
        debug_assert!(said.is_some(), "no topic says this {}", self.code());
        said.unwrap_or_else(|| self.titled(self.code().title()))
    }

    /// A diagnostic with the code of this mistake, to which a topic adds the rest.
    #[must_use]
    fn titled(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.code(), message)
    }
}
