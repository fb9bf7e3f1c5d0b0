//! `dflowc check FILE...`

use super::args::Check;
use super::fix;
use super::inputs::{expand, is_stdin};
use super::output::{Failure, Output, Status};
use super::pipeline;

/// Checks every file; the worst status counts.
pub fn run(arguments: &Check, output: &Output) -> Result<Status, Failure> {
    if arguments.fix && arguments.files.iter().any(|file| is_stdin(file)) {
        return Err(Failure(
            "standard input cannot be changed: name a file".to_owned(),
        ));
    }
    let (files, mut worst) = expand(&arguments.files, output);
    for file in &files {
        let outcome = match arguments.fix {
            true => {
                let (outcome, edits) = fix::mend(file, arguments, output)?;
                output.edited(file, edits);
                outcome
            }
            false => pipeline::check(file, None, &arguments.settings, arguments.mapping),
        };
        let missing = outcome.value.filter(|_| files.len() == 1);
        let status = output.diagnostics(&outcome.sources, outcome.diagnostics, true)?;
        if let Some(missing) = missing {
            output.note(&missing);
        }
        worst = worst.max(status);
    }
    Ok(worst)
}
