//! `dflowc check --fix FILE...`: applies the edits that are offered, as far as they make things better.
//!
//! Two edits may be two ways to mend one mistake, and an edit may uncover what was hidden behind its mistake. So after every
//! edit the file is checked again, and the edit stays only if there are fewer errors than before (or as many, and
//! fewer messages). Only files that are named are changed; an import of theirs is somebody's own.

use super::args::Check;
use super::output::{Failure, Output, Status};
use super::pipeline::{self, Outcome};
use crate::diag::{Diagnostic, Fix};
use crate::driver::{drop_foreign_fixes, read_file};
use crate::syntax;
use std::path::Path;

/// Edits in one file; whoever has more mistakes reads the messages first.
const MOST_EDITS: usize = 200;

/// What is left to say of a file after its edits, and how many there were.
pub fn mend(
    file: &Path,
    arguments: &Check,
    output: &Output,
) -> Result<(Outcome<Option<String>>, usize), Failure> {
    let name = file.to_string_lossy();
    let check = |text: Option<&str>| {
        let mut outcome = pipeline::check(file, text, &arguments.settings, arguments.mapping);
        drop_foreign_fixes(&outcome.sources, &mut outcome.diagnostics);
        outcome
    };
    let mut outcome = check(None);
    if !outcome.diagnostics.iter().any(|one| one.fix.is_some()) {
        return Ok((outcome, 0));
    }
    let bytes = read_file(file, syntax::MAX_SOURCE_BYTES)
        .map_err(|error| Failure(error.in_words(&name)))?;
    // An edit counts bytes of the text as it was decoded.
    let mut text = syntax::decode(&bytes).into_owned();
    let mut edits = 0;
    while edits < MOST_EDITS {
        let better = outcome.diagnostics.iter().find_map(|one| {
            let edited = edited(&outcome, one, &name, &text)?;
            let after = check(Some(&edited));
            (measure(&after) < measure(&outcome)).then_some((edited, after))
        });
        let Some((edited, after)) = better else {
            break;
        };
        (text, outcome) = (edited, after);
        edits += 1;
    }
    if edits > 0 && output.result_to(&text, Some(file))? != Status::Clean {
        edits = 0;
    }
    Ok((outcome, edits))
}

/// Errors, then messages.
fn measure(outcome: &Outcome<Option<String>>) -> (usize, usize) {
    let all = outcome.diagnostics.iter();
    let (errors, messages) = all.fold((0, 0), |(errors, messages), one| {
        (errors + usize::from(one.is_error()), messages + 1)
    });
    (errors, messages)
}

/// The text of the file after the edit of a message, if it has one for this file.
fn edited(
    outcome: &Outcome<Option<String>>,
    diagnostic: &Diagnostic,
    name: &str,
    text: &str,
) -> Option<String> {
    let Fix {
        span, replacement, ..
    } = diagnostic.fix.as_deref()?;
    let file = outcome.sources.get(span.file())?;
    if file.name() != name || file.text() != text {
        return None;
    }
    let range = span.range();
    let (before, after) = (text.get(..range.start)?, text.get(range.end..)?);
    Some([before, replacement, after].concat())
}
