//! `dflowc emit FILE --stage STAGE`

use super::args::{Emit, Stage};
use super::output::{Failure, Output, Status};
use super::pipeline::{Outcome, load, options, runnable, search_maps, select};
use super::{dump, groups};
use crate::base::{FileId, SourceMap};
use crate::diag::Diagnostics;
use crate::driver::{Compiled, read_file};
use crate::evaluate::{
    self, Cache, GroupOutcome, LayerOutcome, Observer, Request, Selection, Until,
};
use crate::import::maestro::{self, is_maestro};
use crate::syntax::{self, lexer};

/// Prints one stage, also of files with errors, as far as the stage was reached.
pub fn run(arguments: &Emit, output: &Output) -> Result<Status, Failure> {
    let outcome = emit(arguments)?;
    let status = output.diagnostics(&outcome.sources, outcome.diagnostics, false)?;
    output.result(outcome.value.as_bytes())?;
    Ok(status)
}

/// What the compiler sees at one stage, as text.
fn emit(arguments: &Emit) -> Result<Outcome<String>, Failure> {
    match arguments.stage {
        Stage::Tokens | Stage::Ast if is_maestro(&arguments.file.to_string_lossy()) => {
            Ok(imported(arguments))
        }
        Stage::Tokens | Stage::Ast => parsed(arguments),
        Stage::Hir => {
            let (compiled, diagnostics) = load(&arguments.file, &arguments.selection.settings);
            let value = indented(&format!("{:?}", compiled.program));
            Ok(Outcome {
                sources: compiled.sources,
                diagnostics,
                value,
            })
        }
        Stage::Ir | Stage::Tree => lowered(arguments),
    }
}

fn parsed(arguments: &Emit) -> Result<Outcome<String>, Failure> {
    let file = &arguments.file;
    let name = file.to_string_lossy();
    let bytes = read_file(file, syntax::MAX_SOURCE_BYTES)
        .map_err(|error| Failure(error.in_words(&name)))?;
    let mut sources = SourceMap::new();
    let id = sources.add(&file.display().to_string(), &syntax::decode(&bytes));
    let text = sources.get(id).map_or("", |source| source.text());
    let parsed = syntax::parse(id, text);
    let value = if arguments.stage == Stage::Tokens {
        tokens(id, &sources)
    } else {
        indented(&format!("{:?}", parsed.ast))
    };
    let mut diagnostics = Diagnostics::new();
    diagnostics.extend(parsed.diagnostics);
    Ok(Outcome {
        sources,
        diagnostics,
        value,
    })
}

/// The words of a MAESTRO file, or the tree of dflow that it is imported as, on the hardware that is given.
fn imported(arguments: &Emit) -> Outcome<String> {
    let (compiled, diagnostics) = load(&arguments.file, &arguments.selection.settings);
    let module = compiled.modules.last();
    let value = module.map(|module| match arguments.stage {
        Stage::Tokens => {
            let file = module.ast.span.file();
            let text = compiled
                .sources
                .get(file)
                .map_or("", |source| source.text());
            let words = maestro::words(file, text);
            listed(words.into_iter(), file, &compiled.sources)
        }
        _ => indented(&format!("{:?}", module.ast)),
    });
    Outcome {
        value: value.unwrap_or_default(),
        sources: compiled.sources,
        diagnostics,
    }
}

fn tokens(file: FileId, sources: &SourceMap) -> String {
    let text = sources.get(file).map_or("", |source| source.text());
    let lexemes = lexer::lex(file, text).lexemes;
    let tokens = lexemes
        .iter()
        .map(|one| (one.lo, format!("{:?}", one.token)));
    listed(tokens, file, sources)
}

/// One token per line: where it is and what it is.
fn listed(
    tokens: impl Iterator<Item = (u32, String)>,
    file: FileId,
    sources: &SourceMap,
) -> String {
    let Some(source) = sources.get(file) else {
        return String::new();
    };
    let mut out = String::new();
    // Columns are counted on from the token before: from the beginning of a long line each would cost its length.
    let (mut line, mut column, mut from) = (0, 1, 0);
    for (lo, token) in tokens {
        let here = source.lines().line(lo);
        let between = source.text().get(from..lo as usize);
        match between {
            Some(between) if here == line => column += between.chars().count(),
            _ => column = source.position(lo).column as usize,
        }
        (line, from) = (here, lo as usize);
        out += &format!("{}:{column}\t{token}\n", here + 1);
    }
    out
}

/// Deeper than this a tree is not indented further: the space would grow with the square of its depth.
const MOST_INDENTED: usize = 24;

/// The tree that `{:?}` printed, one value a line as `{:#?}` has it, in time and space that are linear.
fn indented(compact: &str) -> String {
    let mut out = String::with_capacity(compact.len() * 3);
    let mut depth = 0usize;
    let mut rest = compact.chars().peekable();
    let new_line = |out: &mut String, depth: usize| {
        out.push('\n');
        (0..depth.min(MOST_INDENTED)).for_each(|_| out.push_str("    "));
    };
    while let Some(next) = rest.next() {
        match next {
            // A string or a character, to its end.
            '"' | '\'' => {
                out.push(next);
                while let Some(inner) = rest.next() {
                    out.push(inner);
                    if inner == '\\' {
                        out.extend(rest.next());
                    } else if inner == next {
                        break;
                    }
                }
            }
            '{' | '[' | '(' => {
                out.push(next);
                while rest.next_if_eq(&' ').is_some() {}
                if let Some(close) = rest.next_if(|close| matches!(close, '}' | ']' | ')')) {
                    out.push(close);
                    continue;
                }
                depth += 1;
                new_line(&mut out, depth);
            }
            ' ' if matches!(rest.peek(), Some('}')) => {}
            '}' | ']' | ')' => {
                depth = depth.saturating_sub(1);
                out.push(',');
                new_line(&mut out, depth);
                out.push(next);
            }
            ',' => {
                out.push(next);
                while rest.next_if_eq(&' ').is_some() {}
                new_line(&mut out, depth);
            }
            _ => out.push(next),
        }
    }
    out.push('\n');
    out
}

/// Layers and groups as text, while a run goes over them.
struct Printer<'a> {
    sink: Diagnostics,
    compiled: &'a Compiled,
    stage: Stage,
    out: String,
}

impl Observer for Printer<'_> {
    fn diagnostics(&mut self) -> &mut Diagnostics {
        &mut self.sink
    }

    fn layer(&mut self, outcome: LayerOutcome<'_>) {
        let map = self.compiled.program.maps.get(outcome.map);
        let named = outcome.planned.as_ref();
        let named = named.and_then(|planned| planned.named.as_ref());
        if let (Some(named), Some(map), Stage::Ir) = (named, map, self.stage) {
            dump::named(&mut self.out, &map.name, named);
        }
        let planned = outcome.planned.and_then(|planned| planned.lowered);
        if let (Some(lowered), Some(map), Stage::Ir) = (planned, map, self.stage) {
            // Illegal mappings are shown as they are: that is when one wants to see them.
            let checked = outcome.checked.as_ref();
            let mapping = checked.map_or(&lowered.mapping, |checked| &*checked.legal);
            dump::mapping(&mut self.out, &map.name, &lowered, mapping);
        }
    }

    fn group(&mut self, outcome: &GroupOutcome<'_>) {
        let map = self.compiled.program.maps.get(outcome.map);
        if let (Some(lowered), Some(map)) = (outcome.lowered, map) {
            match self.stage {
                Stage::Tree => groups::tree(&mut self.out, self.compiled, map, lowered),
                _ => groups::dump(&mut self.out, &map.name, lowered),
            }
        }
    }
}

/// The mapping of every layer and the sets of every group, or the trees of the groups alone.
fn lowered(arguments: &Emit) -> Result<Outcome<String>, Failure> {
    let (mut compiled, mut sink) = load(&arguments.file, &arguments.selection.settings);
    if runnable(&compiled, &sink) {
        let selection = select(&compiled, &arguments.selection, &arguments.file)?;
        search_maps(&mut compiled, &selection, &mut sink);
    }
    let mut printer = Printer {
        sink,
        compiled: &compiled,
        stage: arguments.stage,
        out: String::new(),
    };
    if runnable(&compiled, &printer.sink) {
        let mut selection = select(&compiled, &arguments.selection, &arguments.file)?;
        let tree = arguments.stage == Stage::Tree;
        if tree {
            only_groups(&compiled, &mut selection);
        }
        let request = Request {
            selection: &selection,
            models: &[],
            until: if tree { Until::Lowered } else { Until::Checked },
            options: options(arguments.mapping),
            warnings: false,
        };
        evaluate::run(&compiled, &request, &mut Cache::default(), &mut printer);
        if tree && printer.out.is_empty() && !printer.sink.has_errors() {
            let shown = arguments.file.display();
            return Err(Failure(format!("{shown} has no fused group")));
        }
    }
    let (diagnostics, value) = (printer.sink, printer.out);
    Ok(Outcome {
        sources: compiled.sources,
        diagnostics,
        value,
    })
}

/// Leaves out the layers that run alone: they have no tree.
fn only_groups(compiled: &Compiled, selection: &mut Selection) {
    for (map, layers) in &mut selection.maps {
        let map = compiled.program.maps.get(*map);
        let groups = map.map_or(&[][..], |map| &map.groups);
        let members = groups.iter().flat_map(|group| &group.layers);
        let members: Vec<usize> = members.map(|member| member.0).collect();
        layers.retain(|layer| members.contains(layer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_printed_as_the_standard_library_does() {
        let tree = vec![(Some("a, \"b\" {"), [1, 2], ' '), (None, [3, 4], '\'')];
        assert_eq!(indented(&format!("{tree:?}")), format!("{tree:#?}\n"));
        let empty: Vec<Vec<u8>> = vec![vec![], vec![1]];
        assert_eq!(indented(&format!("{empty:?}")), format!("{empty:#?}\n"));
    }
}
