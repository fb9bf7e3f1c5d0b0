//! What the commands need of the compiler, and nothing else of it: files are loaded here, and run by
//! [`evaluate::run`].

use super::args::{Mapping, Selection as Wanted, Settings};
use super::inputs::{STDIN_NAME, is_stdin, read_stdin};
use super::output::Failure;
use super::progress::{Progress, Searching};
use crate::base::SourceMap;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::{Compiled, Input, NamedFiles, Session, is_same_file};
use crate::evaluate::advice::advise_all;
use crate::evaluate::{self, Cache, Observer, Request, Selection, Step, Until};
use crate::lower::Options;
use crate::models::{self, Model};
use crate::optimize;
use crate::report::Evaluation;
use crate::sweep;
use crate::syntax;
use crate::syntax::ast::Item;
use std::path::Path;

/// A result, and what the compiler has to say about the sources.
pub struct Outcome<T> {
    pub sources: SourceMap,
    pub diagnostics: Diagnostics,
    pub value: T,
}

/// The program of a file or of standard input, and what is wrong with it so far.
pub fn load(file: &Path, settings: &Settings) -> (Compiled, Diagnostics) {
    if !is_stdin(file) {
        return load_as(file, None, settings);
    }
    let name = Path::new(STDIN_NAME);
    match read_stdin() {
        Ok(bytes) => load_as(name, Some(&syntax::decode(&bytes)), settings),
        Err(failure) => {
            let (compiled, mut diagnostics) = load_as(name, Some(""), settings);
            diagnostics.push(Diagnostic::new(Code::E0701, failure.0));
            (compiled, diagnostics)
        }
    }
}

/// The program of a file; with `text`, as if that were what stands in it.
fn load_as(file: &Path, text: Option<&str>, settings: &Settings) -> (Compiled, Diagnostics) {
    let mut session = Session::new(NamedFiles::new(file));
    let hardware = settings.hw.as_ref().map(|hw| hw.to_string_lossy());
    let name = file.to_string_lossy();
    if let Some(text) = text {
        session.set_text(&name, text);
    }
    let mut compiled = session.load_on(&name, &settings.set, hardware.as_deref());
    let diagnostics = std::mem::take(&mut compiled.diagnostics);
    (compiled, diagnostics)
}

pub fn options(mapping: Mapping) -> Options {
    Options { clip: mapping.clip }
}

/// With errors and no map there is nothing to say but the errors.
pub fn runnable(compiled: &Compiled, sink: &Diagnostics) -> bool {
    !(sink.has_errors() && compiled.program.maps.is_empty())
}

/// The selected maps, each with the numbers of its selected layers.
pub fn select(compiled: &Compiled, wanted: &Wanted, file: &Path) -> Result<Selection, Failure> {
    let (map, layer) = (wanted.map.as_deref(), wanted.layer.as_deref());
    Selection::named(compiled, map, layer)
        .map_err(|nothing| Failure(format!("{} {nothing}", file.display())))
}

/// Checks every item and every map of one file; what could not be counted is said here already. With `text`, as if that
/// were what stands in the file.
pub fn check(
    file: &Path,
    text: Option<&str>,
    settings: &Settings,
    mapping: Mapping,
) -> Outcome<Option<String>> {
    let (compiled, mut diagnostics) = match text {
        Some(text) => load_as(file, Some(text), settings),
        None => load(file, settings),
    };
    let request = Request {
        selection: &Selection::all(&compiled),
        models: &[],
        until: Until::Counted,
        options: options(mapping),
        warnings: true,
    };
    evaluate::run(&compiled, &request, &mut Cache::default(), &mut diagnostics);
    optimize::check(&compiled, &mut diagnostics);
    sweep::check(&compiled, &mut diagnostics);
    let missing = (!diagnostics.has_errors())
        .then(|| missing(&compiled))
        .flatten();
    Outcome {
        sources: compiled.sources,
        diagnostics,
        value: missing,
    }
}

/// What is still missing before there is something to evaluate, in a file of networks without maps.
fn missing(compiled: &Compiled) -> Option<String> {
    let program = &compiled.program;
    if !(program.maps.is_empty() && program.searches.is_empty() && program.explorations.is_empty())
    {
        return None;
    }
    let items = &compiled.modules.last()?.ast.items;
    let network = items.iter().find_map(|item| match item {
        Item::Network(node) => Some(node.name.as_str()),
        _ => None,
    })?;
    let names: Vec<&str> = program
        .accelerators
        .iter()
        .map(|known| known.name.as_str())
        .collect();
    Some(match names.as_slice() {
        [] => format!(
            "nothing to evaluate yet: `{network}` has no accelerator to run on; define one or `use` one, and add \
             `Map {network} on NAME {{ }}`"
        ),
        [only] => format!("nothing to evaluate yet: add `Map {network} on {only} {{ }}`"),
        [first, ..] => format!(
            "nothing to evaluate yet: {} accelerators are known ({}); add `Map {network} on {first} {{ }}` for the one that is meant",
            names.len(),
            names.join(", ")
        ),
    })
}

/// What will be done with the figures.
#[derive(Clone, Copy)]
pub struct Destination<'a> {
    /// Warnings about mappings are diagnostics and not only notes of the report.
    pub strict: bool,
    /// The file that the report goes to.
    pub output: Option<&'a Path>,
    /// A file without maps has nothing to report, which is no mistake of whoever asked.
    pub may_be_empty: bool,
}

/// E0703: the report would be written over a file that it is made from.
pub fn overwrites(compiled: &Compiled, file: &Path, output: &Path) -> Option<Diagnostic> {
    let files = NamedFiles::new(file);
    let input = |input: &&Input| is_same_file(output, &files.real(&input.path));
    let input = compiled.inputs.iter().find(input)?;
    let name = output.display();
    let diagnostic = Diagnostic::new(
        Code::E0703,
        format!(
            "`-o {name}` would replace `{}`, which this run reads",
            input.path
        ),
    )
    .help("give the report a file of its own, such as `-o report.txt`");
    Some(match input.from {
        Some(span) => diagnostic.at(span, "read because it is imported here"),
        None => diagnostic,
    })
}

/// Messages are collected, and a terminal sees how far the run is.
struct Watched<'a> {
    sink: Diagnostics,
    progress: &'a mut Progress,
    /// `all` is every model that applies: the others need not be said.
    all: bool,
}

impl Observer for Watched<'_> {
    fn diagnostics(&mut self) -> &mut Diagnostics {
        &mut self.sink
    }

    fn proceed(&mut self, next: &Step<'_>) -> bool {
        self.progress.step(next.done, next.total, next.name);
        true
    }

    fn inapplicable(&mut self, refusal: Diagnostic) {
        if !self.all {
            self.sink.push(refusal);
        }
    }

    fn unevaluated(&mut self, refusals: Vec<Diagnostic>) {
        if self.all {
            // Those that do not take such a thing at all say less than one that does, and finds a condition wrong.
            let is_general = |refusal: &Diagnostic| refusal.code == Code::E0601;
            let only_general = refusals.iter().all(is_general);
            let said = refusals.into_iter();
            self.sink
                .extend(said.filter(|refusal| only_general || !is_general(refusal)));
        }
    }
}

/// Gives every layer of the selection that is mapped by `auto` the dataflow that its search finds.
pub fn search_maps(compiled: &mut Compiled, chosen: &Selection, sink: &mut Diagnostics) {
    let searches = |map: &(usize, Vec<usize>)| {
        let map = compiled.program.maps.get(map.0);
        map.is_some_and(|map| !map.searches.is_empty())
    };
    if chosen.maps.iter().any(searches) {
        let mut observer = Searching::new();
        optimize::resolve(compiled, &chosen.maps, sink, &mut observer);
        observer.finish();
    }
}

/// Evaluates the selected maps by the model of that name, or by all; layers with errors are named in
/// [`Evaluation::failed`]. Nothing is evaluated when the output is an input.
pub fn evaluate(
    file: &Path,
    selection: &Wanted,
    model: &str,
    mapping: Mapping,
    to: Destination<'_>,
    progress: &mut Progress,
) -> Result<Outcome<Vec<Evaluation>>, Failure> {
    let (mut compiled, mut sink) = load(file, &selection.settings);
    let refused = to
        .output
        .and_then(|output| overwrites(&compiled, file, output));
    let refused = refused.map(|refused| sink.push(refused)).is_some();
    let mut watched = Watched {
        sink,
        progress,
        all: model == models::ALL,
    };
    let mut value = Vec::new();
    let nothing = to.may_be_empty && compiled.program.maps.is_empty();
    if !refused && !nothing && runnable(&compiled, &watched.sink) {
        let chosen = match select(&compiled, selection, file) {
            Ok(chosen) => chosen,
            // What was asked for may be in what could not be read: the mistakes say more than "no such layer".
            Err(_) if watched.sink.has_errors() => {
                return Ok(Outcome {
                    sources: compiled.sources,
                    diagnostics: watched.sink,
                    value,
                });
            }
            Err(nothing) => return Err(nothing),
        };
        search_maps(&mut compiled, &chosen, &mut watched.sink);
        let models: Vec<&dyn Model> = match models::by_name(model) {
            Some(model) => vec![model],
            None => models::REGISTRY.to_vec(),
        };
        let request = Request {
            selection: &chosen,
            models: &models,
            until: Until::Evaluated,
            options: options(mapping),
            warnings: to.strict,
        };
        value = evaluate::run(&compiled, &request, &mut Cache::default(), &mut watched);
        if selection.layer.is_some() {
            let progress = &mut *watched.progress;
            let layers = value.iter().map(|evaluation| evaluation.layers.len()).sum();
            let mut done = 0;
            advise_all(&compiled, &mut value, options(mapping), |name| {
                progress.step(done, layers, &format!("what helps {name}"));
                done += 1;
            });
        }
    }
    Ok(Outcome {
        sources: compiled.sources,
        diagnostics: watched.sink,
        value,
    })
}
