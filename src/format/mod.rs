//! Source text to the same program in one layout: `dflowc fmt`, and formatting in an editor.
//!
//! ```text
//! Network n{Layer a{Type:CONV;                        Network n {
//!   Dimensions {N:1,                        =>          Layer a {
//!     K : 4 }  Inputs:external // the image               Type: CONV;
//! }}                                                      Dimensions { N: 1, K: 4 } Inputs: external; // the image
//!                                                       }
//!                                                     }
//! ```
//!
//! What is laid out are the tokens of the text, not a printed tree: numbers stay as they were spelt (`1_000`,
//! `25.6 GB/s`), parentheses stay, comments stay where they were. The tree says only where statements begin and
//! which of them have a block ([`outline`]). Around every token the blanks are fixed ([`spacing`]); what shares
//! a line is the author's choice within the rules of [`layout`]; columns that the author lined up are lined up
//! ([`align`]).
//!
//! Invariants, each of them tested on generated programs:
//! * the result has the same tree up to places, and the same comments in the same order;
//! * formatting the result changes nothing;
//! * a text with a mistake is refused, so nothing half understood is ever moved.

mod align;
mod layout;
mod outline;
mod pieces;
mod spacing;

use crate::base::FileId;
use crate::diag::Diagnostic;
use crate::syntax;

/// Widest line, in characters, that the formatter makes; comments are never broken.
pub const WIDTH: usize = 120;
/// Blanks per level.
const INDENT: usize = 2;
/// Blanks before what continues a statement on the next line, beyond the statement's own.
const CONTINUATION: usize = 4;

/// The text in the layout of the language.
///
/// # Errors
/// What is wrong with the text, in source order, if it does not parse; spans are those of file 0.
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    format_file(FileId::new(0), text)
}

/// [`format()`] with the spans of diagnostics under the number `file`.
///
/// # Errors
/// Like [`format()`].
pub fn format_file(file: FileId, text: &str) -> Result<String, Vec<Diagnostic>> {
    let parsed = syntax::parse(file, text);
    if parsed.has_errors() {
        return Err(parsed.diagnostics);
    }
    let pieces = pieces::pieces(file, text);
    let outline = outline::outline(&parsed.ast, &pieces);
    let formatted = layout::file(&pieces, &outline);
    Ok(if ends_lines_with_return(text) {
        formatted.replace('\n', "\r\n")
    } else {
        formatted
    })
}

/// Whether the first line ends as on Windows; then all of them shall.
fn ends_lines_with_return(text: &str) -> bool {
    text.split_once('\n')
        .is_some_and(|(first, _)| first.ends_with('\r'))
}

#[cfg(test)]
mod tests;
