//! What the commands need of the compiler, and nothing else of it.

use super::args::{Mapping, Model, Selection, Stage};
use super::output::Failure;
use super::progress::Progress;
use crate::base::{FileId, SourceMap};
use crate::diag::Diagnostics;
use crate::report::Evaluation;
use crate::syntax::{self, lexer};
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
    let _ = (selection, mapping);
    let mut sources = SourceMap::new();
    let bytes = std::fs::read(file)
        .map_err(|error| Failure(format!("cannot read {}: {error}", file.display())))?;
    let id = sources.add(&file.display().to_string(), &syntax::decode(&bytes));
    let text = sources.get(id).map_or("", |source| source.text());
    let parsed = syntax::parse(id, text);
    let value = match stage {
        Stage::Tokens => tokens(id, &sources),
        Stage::Ast => format!("{:#?}\n", parsed.ast),
        Stage::Hir | Stage::Ir => return not_yet(file),
    };
    let mut diagnostics = Diagnostics::new();
    diagnostics.extend(parsed.diagnostics);
    Ok(Outcome {
        sources,
        diagnostics,
        value,
    })
}

/// One token per line: where it is and what it is.
fn tokens(file: FileId, sources: &SourceMap) -> String {
    let Some(source) = sources.get(file) else {
        return String::new();
    };
    let mut out = String::new();
    for lexeme in lexer::lex(file, source.text()).lexemes {
        let at = source.position(lexeme.lo);
        out += &format!("{}:{}\t{:?}\n", at.line, at.column, lexeme.token);
    }
    out
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
