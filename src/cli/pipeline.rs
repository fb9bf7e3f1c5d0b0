//! What the commands need of the compiler, and nothing else of it.

use super::args::{Mapping, Model, Selection, Stage};
use super::output::Failure;
use super::progress::Progress;
use crate::base::SourceMap;
use crate::diag::Diagnostics;
use crate::report::Evaluation;
use std::path::Path;

/// A result, and what the compiler has to say about the sources.
pub struct Outcome<T> {
    pub sources: SourceMap,
    pub diagnostics: Diagnostics,
    pub value: T,
}

/// Judges every item and every map of one file.
pub fn check(file: &Path, mapping: Mapping) -> Result<Outcome<()>, Failure> {
    let _ = mapping;
    not_yet(file)
}

/// Evaluates the selected maps. No evaluation is in the result when there are errors, unless `keep_going`.
pub fn evaluate(
    file: &Path,
    selection: &Selection,
    model: Model,
    mapping: Mapping,
    keep_going: bool,
    progress: &mut Progress,
) -> Result<Outcome<Vec<Evaluation>>, Failure> {
    let _ = (selection, mapping, keep_going);
    progress.step(0, 0, model.name());
    not_yet(file)
}

/// What the compiler sees at one stage, as text.
pub fn emit(
    file: &Path,
    stage: Stage,
    selection: &Selection,
    mapping: Mapping,
) -> Result<Outcome<String>, Failure> {
    let _ = (stage, selection, mapping);
    not_yet(file)
}

/// What the interpreter counted, by layer; with `compare`, the differences to the engine.
pub struct Interpreted {
    pub evaluations: Vec<Evaluation>,
    /// One line per difference; empty when engine and interpreter agree.
    pub differences: Vec<String>,
}

/// Interprets the selected maps step by step.
pub fn interpret(
    file: &Path,
    selection: &Selection,
    mapping: Mapping,
    limit: u64,
    compare: bool,
) -> Result<Outcome<Interpreted>, Failure> {
    let _ = (selection, mapping, limit, compare);
    not_yet(file)
}

fn not_yet<T>(file: &Path) -> Result<T, Failure> {
    Err(Failure(format!(
        "{}: this build cannot read files",
        file.display()
    )))
}
