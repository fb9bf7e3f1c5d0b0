//! Where texts go: results to standard output or a file, messages to standard error.

use super::args::{ColorChoice, Deny, MessageFormat, Shared};
use crate::base::SourceMap;
use crate::base::harmless::harmless_lines;
use crate::diag::{Code, Diagnostics, Severity, github, json, render, sarif, short};
use crate::driver::{drop_foreign_fixes, write_file};
use crate::report::WIDTH;
use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

/// On less a table of a name and two numbers breaks.
const NARROWEST: usize = 60;

/// Most diagnostics that one run prints.
const LIMIT: usize = 100;

/// How a run ended; see the exit codes in [`super`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Clean,
    Errors,
    Usage,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(match status {
            Status::Clean => 0,
            Status::Errors => 1,
            Status::Usage => 2,
        })
    }
}

/// Why a command could not do its work; not the fault of any line of the input.
#[derive(Debug)]
pub struct Failure(pub String);

/// The channels of one run.
pub struct Output {
    color: bool,
    format: MessageFormat,
    deny_warnings: bool,
    /// One log of all files.
    log: RefCell<sarif::Log>,
}

impl Output {
    pub fn new(shared: &Shared) -> Output {
        let color = match shared.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
                wanted && io::stderr().is_terminal()
            }
        };
        Output {
            color,
            format: shared.message_format,
            deny_warnings: shared.deny.contains(&Deny::Warnings),
            log: RefCell::default(),
        }
    }

    /// The form of messages.
    pub fn format(&self) -> MessageFormat {
        self.format
    }

    /// Whether a warning fails the run.
    pub fn denies_warnings(&self) -> bool {
        self.deny_warnings
    }

    /// A result for standard output.
    pub fn result(&self, text: &[u8]) -> Result<Status, Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(text).and_then(|()| out.flush()) {
            Ok(()) => Ok(Status::Clean),
            // The reader has seen enough (`dflowc eval ... | head`).
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Status::Clean),
            Err(error) => Err(Failure(format!("cannot write to standard output: {error}"))),
        }
    }

    /// Columns of a text for a file, or for standard output when there is none: those of the terminal.
    pub fn width(&self, file: Option<&Path>) -> usize {
        let terminal = match file {
            None => terminal_size::terminal_size_of(io::stdout()),
            Some(_) => None,
        };
        let columns = terminal.map(|(terminal_size::Width(columns), _)| usize::from(columns));
        // A terminal that does not know its size says 0.
        let columns = columns.filter(|&columns| columns > 0);
        columns.map_or(WIDTH, |columns| columns.max(NARROWEST))
    }

    /// A result for a file, or for standard output when there is none.
    pub fn result_to(&self, text: &str, file: Option<&Path>) -> Result<Status, Failure> {
        match file {
            None => self.result(text.as_bytes()),
            Some(path) => match write_file(path, text.as_bytes()) {
                Ok(()) => Ok(Status::Clean),
                // A pipe whose reader has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Status::Clean),
                Err(error) => {
                    let path = path.display();
                    Err(Failure(format!("cannot write {path}: {error}")))
                }
            },
        }
    }

    /// Prints what the compiler has to say. In JSON it is the result of the command when `is_result`, else it
    /// goes beside the result, to standard error.
    pub fn diagnostics(
        &self,
        sources: &SourceMap,
        mut diagnostics: Diagnostics,
        is_result: bool,
    ) -> Result<Status, Failure> {
        if self.deny_warnings {
            diagnostics.deny_warnings();
        }
        drop_foreign_fixes(sources, &mut diagnostics);
        // The range of E07 is about files, not about what stands in them.
        let files = diagnostics
            .iter()
            .any(|diagnostic| matches!(diagnostic.code, Code::E0701 | Code::E0702 | Code::E0703));
        let status = if files {
            Status::Usage
        } else if diagnostics.has_errors() {
            Status::Errors
        } else {
            Status::Clean
        };
        let sorted = diagnostics.into_sorted(LIMIT);
        match self.format {
            MessageFormat::Json | MessageFormat::Github => {
                let text = match self.format {
                    MessageFormat::Json => json::json(sources, &sorted),
                    _ => github::github(sources, &sorted),
                };
                if is_result {
                    self.result(text.as_bytes())?;
                } else {
                    message(&text);
                }
            }
            MessageFormat::Short => message(&short::short(sources, &sorted)),
            // Written when the run is over; beside a result it would be no log of its own.
            MessageFormat::Sarif => self.log.borrow_mut().add(sources, &sorted),
            MessageFormat::Text => {
                let mut text = render::text(sources, &sorted, self.color);
                let count = |severity: Severity| {
                    let number = sorted
                        .list
                        .iter()
                        .filter(|diagnostic| diagnostic.severity == severity)
                        .count();
                    let plural = if number == 1 { "" } else { "s" };
                    (number > 0).then(|| format!("{number} {}{plural}", severity.as_str()))
                };
                let parts: Vec<String> = [
                    count(Severity::Error),
                    count(Severity::Warning),
                    (sorted.more > 0).then(|| format!("{} more not shown", sorted.more)),
                ]
                .into_iter()
                .flatten()
                .collect();
                if !parts.is_empty() {
                    text.push_str(&parts.join(", "));
                    text.push('\n');
                }
                message(&text);
            }
        }
        Ok(status)
    }

    /// Something to know that is no mistake, for people.
    pub fn note(&self, text: &str) {
        if matches!(self.format, MessageFormat::Text | MessageFormat::Short) {
            message(&format!("note: {}\n", harmless_lines(text)));
        }
    }

    /// How many edits a file was given.
    pub fn edited(&self, file: &Path, edits: usize) {
        if edits > 0 && self.format == MessageFormat::Text {
            let plural = if edits == 1 { "" } else { "s" };
            let name = file.display().to_string();
            message(&format!(
                "{edits} edit{plural} in {}\n",
                harmless_lines(&name)
            ));
        }
    }

    /// The end of a run that does not fail: what was collected of all files.
    pub fn finish(&self, status: Status) -> Result<Status, Failure> {
        if self.format == MessageFormat::Sarif {
            self.result(self.log.borrow().text().as_bytes())?;
        }
        Ok(status)
    }

    /// A failure, as one line on standard error.
    pub fn failure(&self, failure: &Failure) {
        match self.format {
            MessageFormat::Text | MessageFormat::Short | MessageFormat::Sarif => {
                message(&format!("dflowc: {}\n", harmless_lines(&failure.0)))
            }
            MessageFormat::Github => {
                message(&format!("::error::{}\n", harmless_lines(&failure.0)));
            }
            MessageFormat::Json => {
                message(&format!(
                    "{}\n",
                    serde_json::json!({ "failure": failure.0 })
                ));
            }
        }
    }
}

/// Standard error may be closed; then nobody wants to know.
fn message(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
