//! The command line: what can be asked, and who answers.
//!
//! Each command is a file with one `run`; it asks [`pipeline`] for results and hands texts to [`output`].
//! Exit codes: 0 clean, 1 the input has errors, 2 wrong usage or a file that cannot be read or written.

#![allow(clippy::disallowed_methods)]

mod args;
mod check;
mod compare;
mod dump;
mod emit;
mod eval;
mod explain;
mod explore;
mod fix;
mod fmt;
mod groups;
mod import;
mod inputs;
mod list;
#[cfg(feature = "lsp")]
mod lsp;
mod oracle;
mod output;
mod pipeline;
mod progress;
mod search;
mod trace;
mod verify;

use args::{Arguments, Command};
use clap::{CommandFactory, Parser};
use output::{Output, Status};
use std::process::ExitCode;

/// The manual page, in the form of man(7).
fn man(output: &Output) -> Result<Status, output::Failure> {
    let mut page = Vec::new();
    let written = clap_mangen::Man::new(Arguments::command()).render(&mut page);
    written.map_err(|error| output::Failure(format!("cannot write the page: {error}")))?;
    output.result(&page)
}

/// Reads the arguments of the process and does what they ask.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are "errors" with exit code 0; a closed pipe is no reason to complain.
            let _ = error.print();
            return if error.use_stderr() {
                Status::Usage.into()
            } else {
                Status::Clean.into()
            };
        }
    };
    let output = Output::new(&arguments.shared);
    let result = match &arguments.command {
        Command::Check(check) => check::run(check, &output),
        Command::Eval(eval) => eval::run(eval, &output),
        Command::Compare(compare) => compare::run(compare, &output),
        Command::Explain(explain) => explain::run(explain, &output),
        Command::Emit(emit) => emit::run(emit, &output),
        Command::Fmt(fmt) => fmt::run(fmt, &output),
        Command::Import(import) => import::run(import, &output),
        Command::Oracle(oracle) => oracle::run(oracle, &output),
        Command::Trace(trace) => trace::run(trace, &output),
        Command::Explore(explore) => explore::run(explore, &output),
        Command::Merge(merge) => explore::merge(merge, &output),
        Command::Search(search) => search::run(search, &output),
        Command::Verify(verify) => verify::run(verify, &output),
        #[cfg(feature = "lsp")]
        Command::Lsp(_) => lsp::run(),
        Command::List(list) => list::run(list, &output),
        Command::Man => man(&output),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            let mut command = Arguments::command();
            clap_complete::generate(*shell, &mut command, "dflowc", &mut script);
            output.result(&script)
        }
    };
    match result.and_then(|status| output.finish(status)) {
        Ok(status) => status.into(),
        Err(failure) => {
            output.failure(&failure);
            Status::Usage.into()
        }
    }
}
