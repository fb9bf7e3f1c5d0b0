//! What must hold of the answer to any text.

use crate::dice::Dice;
use crate::watch::watched;
use dflowc::base::{SourceMap, Span};
use dflowc::diag::{Code, Diagnostic, Diagnostics, Fix, json, render};
use dflowc::driver::{Compiled, MemoryFiles, Session};
use dflowc::engine::oracle;
use dflowc::evaluate::{self, Cache, LayerOutcome, Observer, Request, Selection, Until};
use dflowc::lower::raise::raise;
use dflowc::lower::{self, Options};
use dflowc::lsp::analysis::evaluate::ResultCache;
use dflowc::lsp::analysis::{
    Snapshot, complete, folding, hints, hover, paths, rename, signature, symbols, tokens,
};
use dflowc::models::REGISTRY;
use dflowc::report::{Report, csv, json as json_report, text as text_report};
use dflowc::{format, models, syntax};
use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

const NAME: &str = "fuzz.dflow";
/// A file of the MAESTRO tool, and its hardware.
const FOREIGN: &str = "fuzz.m";
const HARDWARE: &str = "hw.m";
/// Layers of no more operations are executed by the interpreter too.
const SMALL: u64 = 3_000;
/// Fixes of one text that are tried.
const MOST_FIXES: usize = 4;

/// The last panic, as the hook saw it.
static PANIC: Mutex<String> = Mutex::new(String::new());

/// Panics are findings, and not printed.
pub fn quiet() {
    std::panic::set_hook(Box::new(|info| {
        if let Ok(mut last) = PANIC.lock() {
            *last = info.to_string();
        }
    }));
}

/// Something that does not hold.
pub struct Finding {
    stage: &'static str,
    what: String,
}

impl Finding {
    pub fn new(stage: &'static str, what: impl Into<String>) -> Finding {
        let what = what.into();
        Finding { stage, what }
    }

    /// Equal for findings that are likely one mistake.
    pub fn kind(&self) -> String {
        let first = self.what.lines().next().unwrap_or_default();
        let plain: String = first
            .chars()
            .filter(|c| !c.is_ascii_digit())
            .take(120)
            .collect();
        format!("{}: {plain}", self.stage)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.stage, self.what)
    }
}

/// A mistake that is put in to be found, where a layer of a legal mapping has a rare number of operations.

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    Panic,
    Count,
    Hang,
}

impl Plant {
    pub fn parse(word: &str) -> Result<Plant, String> {
        match word {
            "panic" => Ok(Plant::Panic),
            "count" => Ok(Plant::Count),
            "hang" => Ok(Plant::Hang),
            _ => Err(format!("`{word}` cannot be planted")),
        }
    }
}

/// Whether a mistake is planted in a layer of so many operations: in fewer than one input of a thousand. A wrong count can
/// only be seen in a layer that is interpreted.
fn is_rare(plant: Option<Plant>, operations: u64) -> bool {
    match plant {
        Some(Plant::Count) => operations <= SMALL && operations % 101 == 50,
        _ => operations % 431 == 215,
    }
}

/// Looks at inputs, and knows what it has seen.
pub struct Checker {
    plant: Option<Plant>,
    codes: BTreeSet<Code>,
    evaluated: u64,
    interpreted: u64,
    raised: u64,
    fixed: u64,
    searched: u64,
}

/// The answer to `text`, of which nothing is counted.
fn answer(text: &str) -> Answer {
    Checker::new(None).answer(&load(text), &mut Vec::new())
}

/// All that the program says about a text.
#[derive(PartialEq)]
struct Answer {
    diagnostics: String,
    reports: Vec<String>,
}

impl Checker {
    pub fn new(plant: Option<Plant>) -> Checker {
        Checker {
            plant,
            codes: BTreeSet::new(),
            evaluated: 0,
            interpreted: 0,
            raised: 0,
            fixed: 0,
            searched: 0,
        }
    }

    /// All that is wrong with the answers to `text`.
    pub fn look_at(&mut self, text: &str, dice: &mut Dice) -> Vec<Finding> {
        let mut found = Vec::new();
        let (one, edit, threads) = (dice.next(), dice.next(), dice.once_in(8));
        let mut stage = |name: &'static str, work: &mut dyn FnMut(&mut Vec<Finding>)| {
            let mut own = Vec::new();
            let done = watched(name, text, || {
                catch_unwind(AssertUnwindSafe(|| work(&mut own)))
            });
            if done.is_err() {
                let last = PANIC.lock().map(|last| last.clone()).unwrap_or_default();
                own.push(Finding::new(name, last.replace('\n', " ")));
            }
            found.append(&mut own);
        };
        stage("parse", &mut |found| parses(text, found));
        // What one run may take is the measure: each of those that are compared is a stage of its own.
        let mut first = None;
        stage("evaluate", &mut |found| {
            first = Some(self.evaluates(text, found));
        });
        let mut again = |name, work: &dyn Fn() -> Answer| {
            stage(name, &mut |found| {
                if first.as_ref().is_some_and(|first| *first != work()) {
                    found.push(Finding::new(name, "two runs differ"));
                }
            });
        };
        again("evaluate again", &|| answer(text));
        if threads {
            for (name, number) in [("evaluate, 1 thread", 1), ("evaluate, 2 threads", 2)] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(number).build();
                again(name, &|| match &pool {
                    Ok(pool) => pool.install(|| answer(text)),
                    Err(_) => answer(text),
                });
            }
        }
        stage("layers", &mut |found| self.layers(text, found));
        stage("fix", &mut |found| self.fixes(text, one, found));
        stage("search", &mut |found| {
            self.searched += crate::searched::searches(text, found);
        });
        stage("editor", &mut |found| {
            edits(text, &mut Dice::new(edit), found)
        });
        found
    }

    /// All that is wrong with the answers to a file of the MAESTRO tool.
    pub fn look_at_foreign(&mut self, text: &str) -> Vec<Finding> {
        let mut found = Vec::new();
        let done = watched("import", text, || {
            catch_unwind(AssertUnwindSafe(|| self.imports(text, &mut found)))
        });
        if done.is_err() {
            let last = PANIC.lock().map(|last| last.clone()).unwrap_or_default();
            found.push(Finding::new("import", last.replace('\n', " ")));
        }
        found
    }

    /// Evaluated as it is, it says the same as written in dflow.
    fn imports(&mut self, text: &str, found: &mut Vec<Finding>) {
        let files = MemoryFiles::new().with(FOREIGN, text);
        let session = Session::new(files.with(HARDWARE, "num_pes: 64"));
        let compiled = session.load_on(FOREIGN, &[], Some(HARDWARE));
        spans(&compiled.sources, compiled.diagnostics.iter(), found);
        let answer = self.answer(&compiled, found);
        self.evaluated += u64::from(!answer.reports.is_empty());
        if session
            .load_on(FOREIGN, &[], Some(HARDWARE))
            .diagnostics
            .iter()
            .ne(compiled.diagnostics.iter())
        {
            found.push(Finding::new("import", "two runs differ"));
        }
        let snapshot = Snapshot::new(&session, FOREIGN);
        let mut cache = ResultCache::default();
        let evaluated = cache.evaluate(&snapshot, || false);
        let _ = hints::hints(&snapshot, &evaluated, &mut cache);
        let _ = symbols::outline(&snapshot);
        for offset in [0, text.len() / 3, text.len()] {
            let offset = u32::try_from(offset).unwrap_or(0);
            let _ = hover::hover(&snapshot, &evaluated, &mut cache, offset);
        }
        let (loaded, dflow) = session.import(FOREIGN, Some(HARDWARE));
        let (Some(dflow), false) = (dflow, loaded.diagnostics.has_errors()) else {
            return;
        };
        let Ok(laid_out) = format::format(&dflow) else {
            found.push(Finding::new("import", "what is written does not parse"));
            return;
        };
        let again = load(&laid_out);
        let own = Checker::new(None).answer(&again, found);
        if own.reports != answer.reports {
            found.push(Finding::new("import", "what is written has other figures"));
        }
    }

    /// What was reached.
    pub fn summary(&self, inputs: u64, seconds: u64) {
        let per_second = inputs / seconds.max(1);
        println!(
            "{inputs} inputs, {per_second} a second; {} evaluated to figures",
            self.evaluated
        );
        println!(
            "{} layers interpreted, {} raised, {} fixes tried, {} searches answered",
            self.interpreted, self.raised, self.fixed, self.searched
        );
        let missing: Vec<&str> = Code::ALL
            .iter()
            .filter(|code| !self.codes.contains(code))
            .map(|code| code.as_str())
            .collect();
        println!(
            "{} codes reached; not {}",
            self.codes.len(),
            missing.join(" ")
        );
    }

    /// The answer, with figures in every form.
    fn evaluates(&mut self, text: &str, found: &mut Vec<Finding>) -> Answer {
        let compiled = load(text);
        spans(&compiled.sources, compiled.diagnostics.iter(), found);
        self.codes
            .extend(compiled.diagnostics.iter().map(|one| one.code));
        let first = self.answer(&compiled, found);
        self.evaluated += u64::from(!first.reports.is_empty());
        first
    }

    fn answer(&mut self, compiled: &Compiled, found: &mut Vec<Finding>) -> Answer {
        let mut sink = compiled.diagnostics.clone();
        let mut request = Request {
            selection: &Selection::all(compiled),
            models: &[],
            until: Until::Counted,
            options: Options::default(),
            warnings: true,
        };
        let mut cache = Cache::default();
        evaluate::run(compiled, &request, &mut cache, &mut sink);
        spans(&compiled.sources, sink.iter(), found);
        self.codes.extend(sink.iter().map(|one| one.code));
        for one in sink
            .iter()
            .filter(|one| one.message.contains("mistake of the program"))
        {
            found.push(Finding::new("law", &one.message));
        }
        let mut costs = Diagnostics::new();
        request.models = REGISTRY;
        request.until = Until::Evaluated;
        let evaluations = evaluate::run(compiled, &request, &mut cache, &mut costs);
        spans(&compiled.sources, costs.iter(), found);
        self.codes.extend(costs.iter().map(|one| one.code));
        let sorted = sink.into_sorted(100);
        let diagnostics = render::text(&compiled.sources, &sorted, false)
            + &json::json(&compiled.sources, &sorted);
        let mut reports = Vec::new();
        if evaluations
            .iter()
            .any(|known| !known.layers.is_empty() || !known.groups.is_empty())
        {
            let report = Report::new(NAME, evaluations);
            reports.push(text_report::write(&report, false, dflowc::report::WIDTH));
            reports.push(text_report::write(&report, true, 40));
            reports.push(csv::write(&report));
            match json_report::write(&report) {
                Ok(text) => reports.push(text),
                Err(error) => found.push(Finding::new("report", error.to_string())),
            }
        }
        Answer {
            diagnostics,
            reports,
        }
    }

    /// Small layers are interpreted, all are raised.
    fn layers(&mut self, text: &str, found: &mut Vec<Finding>) {
        let compiled = load(text);
        let mut seen = Layers {
            compiled: &compiled,
            sink: Diagnostics::new(),
            checker: self,
            found,
        };
        let request = Request {
            selection: &Selection::all(&compiled),
            models: &[models::DEFAULT],
            until: Until::Evaluated,
            options: Options::default(),
            warnings: false,
        };
        evaluate::run(&compiled, &request, &mut Cache::default(), &mut seen);
    }

    /// A fix takes its error away and makes none.
    fn fixes(&mut self, text: &str, seed: u64, found: &mut Vec<Finding>) {
        let (before, sources) = errors(text);
        let is_own = |span: Span| {
            let file = sources.get(span.file());
            file.is_some_and(|file| file.name() == NAME)
        };
        let mut dice = Dice::new(seed);
        let with_fix: Vec<&Diagnostic> = before.iter().filter(|one| one.fix.is_some()).collect();
        if with_fix.is_empty() {
            return;
        }
        for _ in 0..MOST_FIXES.min(with_fix.len()) {
            let one = *dice.one(&with_fix);
            let Some(fix) = one.fix.as_deref() else {
                continue;
            };
            // Braces are balanced by all edits together.
            let edits: Vec<&Fix> = match one.code {
                Code::E0102 => {
                    let same = with_fix.iter().filter(|other| other.code == one.code);
                    same.filter_map(|other| other.fix.as_deref()).collect()
                }
                _ => vec![fix],
            };
            let is_own = edits.iter().all(|fix| is_own(fix.span));
            let Some(mended) = apply(text, edits).filter(|_| is_own) else {
                // Of another file: the library is nobody's to edit.
                found.push(Finding::new(
                    "fix",
                    format!("{}: outside of the text", one.code),
                ));
                continue;
            };
            self.fixed += 1;
            let (after, _) = errors(&mended);
            // The parser goes on behind a mistake, and often not before the end of the list: the same mistake further on
            // in it was hidden by this one.
            let longer = mended.len().saturating_sub(text.len()) as u32;
            let place = one.primary().map_or(u32::MAX, |span| span.lo());
            let end = match phase(one.code) {
                1 => place.saturating_add(longer),
                _ => u32::MAX,
            };
            let count = |all: &[Diagnostic]| {
                let same = all.iter().filter(|other| other.code == one.code);
                let same = same.filter(|other| other.message == one.message);
                same.filter(|other| other.primary().is_none_or(|span| span.lo() <= end))
                    .count()
            };
            // Later phases look at what an earlier one no longer refuses: their mistakes are no new ones.
            let of_class = |all: &[Diagnostic]| {
                let errors = all.iter().filter(|other| other.is_error());
                errors
                    .filter(|other| phase(other.code) <= phase(one.code))
                    .count()
            };
            let (now, then) = (of_class(&after), of_class(&before));
            let what = &fix.message;
            // Where several words are missing, what a mended one uncovers is no mistake of the edit.
            let alone = phase(one.code) > 1 || then == 1;
            if now > then && alone {
                found.push(Finding::new(
                    "fix",
                    format!("{}: `{what}` makes {then} errors {now}", one.code),
                ));
            } else if now >= then && count(&after) >= count(&before) {
                found.push(Finding::new(
                    "fix",
                    format!("{}: `{what}` does not mend: {}", one.code, one.message),
                ));
            }
        }
    }
}

/// In which order mistakes are looked for: what a phase refuses, later ones do not see.
fn phase(code: Code) -> u8 {
    match code {
        Code::E0402 | Code::E0403 | Code::E0404 | Code::E0406 | Code::E0410 | Code::E0411 => 5,
        Code::E0502 => 4,
        _ if code < Code::E0101 => 0,
        _ if code < Code::E0201 => 1,
        _ if code < Code::E0301 => 2,
        _ if code < Code::E0401 => 3,
        _ if code < Code::E0501 => 4,
        _ if code < Code::E0601 => 6,
        _ => 7,
    }
}

/// The text after some edits; `None` when they lie elsewhere.
fn apply(text: &str, mut edits: Vec<&Fix>) -> Option<String> {
    edits.sort_by_key(|fix| std::cmp::Reverse((fix.span.lo(), fix.span.hi())));
    let mut text = text.to_owned();
    for fix in edits {
        let range = fix.span.range();
        let is_place = |at| text.is_char_boundary(at);
        if range.end > text.len() || !is_place(range.start) || !is_place(range.end) {
            return None;
        }
        text.replace_range(range, &fix.replacement);
    }
    Some(text)
}

/// Every mistake that `check` finds.
fn errors(text: &str) -> (Vec<Diagnostic>, SourceMap) {
    let compiled = load(text);
    let mut sink = compiled.diagnostics.clone();
    let request = Request {
        selection: &Selection::all(&compiled),
        models: &[],
        until: Until::Checked,
        options: Options::default(),
        warnings: false,
    };
    evaluate::run(&compiled, &request, &mut Cache::default(), &mut sink);
    (sink.into_sorted(10_000).list, compiled.sources)
}

pub fn load(text: &str) -> Compiled {
    Session::new(MemoryFiles::new().with(NAME, text)).load(NAME)
}

/// Always a tree, and a layout that stays as it is and means the same.
fn parses(text: &str, found: &mut Vec<Finding>) {
    let mut sources = SourceMap::new();
    let file = sources.add(NAME, text);
    let parsed = syntax::parse(file, text);
    spans(&sources, parsed.diagnostics.iter(), found);
    let Ok(formatted) = format::format_file(file, text) else {
        return;
    };
    match format::format(&formatted) {
        Ok(again) if again == formatted => {}
        Ok(_) => found.push(Finding::new("fmt", "the layout of a layout is another")),
        Err(_) => found.push(Finding::new("fmt", "the layout does not parse")),
    }
    let tokens = |text: &str| -> Vec<String> {
        let lexemes = syntax::lexer::lex(file, text).lexemes;
        let words = lexemes.iter().map(|lexeme| format!("{:?}", lexeme.token));
        words
            .filter(|word| !matches!(word.as_str(), "Semicolon" | "Comma"))
            .collect()
    };
    if tokens(text) != tokens(&formatted) {
        found.push(Finding::new("fmt", "the layout has other tokens"));
    }
}

/// Every place lies in its text, between characters.
fn spans<'a>(
    sources: &SourceMap,
    diagnostics: impl Iterator<Item = &'a Diagnostic>,
    found: &mut Vec<Finding>,
) {
    for one in diagnostics {
        let labels = one.labels.iter().map(|label| label.span);
        for span in labels.chain(one.fix.iter().map(|fix| fix.span)) {
            if !lies(sources, span) {
                found.push(Finding::new(
                    "span",
                    format!("{}: outside: {}", one.code, one.message),
                ));
            }
        }
    }
}

fn lies(sources: &SourceMap, span: Span) -> bool {
    let range = span.range();
    sources.get(span.file()).is_some_and(|file| {
        let text = file.text();
        range.end <= text.len()
            && text.is_char_boundary(range.start)
            && text.is_char_boundary(range.end)
    })
}

/// Looks at legal layers while a run goes over them.
struct Layers<'a> {
    compiled: &'a Compiled,
    sink: Diagnostics,
    checker: &'a mut Checker,
    found: &'a mut Vec<Finding>,
}

impl Observer for Layers<'_> {
    fn diagnostics(&mut self) -> &mut Diagnostics {
        &mut self.sink
    }

    fn layer(&mut self, outcome: LayerOutcome<'_>) {
        let estimate = outcome
            .figures
            .first()
            .and_then(|figures| figures.estimate.as_ref());
        let counts = estimate.and_then(|estimate| estimate.counts.as_ref());
        let (Some(checked), Some(counts)) = (&outcome.checked, counts) else {
            return;
        };
        let mut counts = counts.clone();
        let is_rare = is_rare(self.checker.plant, counts.operations);
        if is_rare {
            match self.checker.plant {
                Some(Plant::Panic) => panic!("planted"),
                Some(Plant::Count) => counts.steps += 1,
                Some(Plant::Hang) => loop {
                    std::hint::spin_loop();
                },
                None => {}
            }
        }
        let is_planted = is_rare && self.checker.plant == Some(Plant::Count);
        if counts.operations <= SMALL || is_planted {
            match oracle::run(&checked.legal, SMALL * 1024) {
                Ok(interpreted) => {
                    self.checker.interpreted += 1;
                    if interpreted != counts {
                        self.found
                            .push(Finding::new("oracle", "the interpreter counts otherwise"));
                    }
                }
                Err(oracle::Refusal::Uncovered(_) | oracle::Refusal::Doubled(_)) => {
                    self.found.push(Finding::new(
                        "oracle",
                        "a legal mapping is not covered exactly once",
                    ));
                }
                Err(_) => {}
            }
        }
        let map = self.compiled.program.maps.get(outcome.map);
        let network = map.and_then(|map| self.compiled.program.networks.get(map.network));
        let accelerator =
            map.and_then(|map| self.compiled.program.accelerators.get(map.accelerator));
        let layer = network.and_then(|network| network.layers.get(outcome.layer));
        if let (Some(layer), Some(accelerator)) = (layer, accelerator)
            && raise(layer, accelerator, &checked.legal).is_ok()
        {
            // What is raised was lowered again: `raise` itself compares.
            self.checker.raised += 1;
        }
        let _ = lower::architecture(accelerator.unwrap_or(&self.compiled.program.accelerators[0]));
    }
}

/// An editor's questions, before and after a few changes; what is remembered between them changes no answer.
fn edits(text: &str, dice: &mut Dice, found: &mut Vec<Finding>) {
    let mut cache = ResultCache::default();
    let mut text = text.to_owned();
    for round in 0..3 {
        let snapshot = Snapshot::new(&Session::new(MemoryFiles::new().with(NAME, &text)), NAME);
        let evaluated = cache.evaluate(&snapshot, || false);
        if !evaluated.complete {
            found.push(Finding::new("editor", "stopped, and nobody stopped it"));
        }
        if round > 0 && dice.once_in(4) {
            let fresh = ResultCache::default().evaluate(&snapshot, || false);
            if fresh.diagnostics != evaluated.diagnostics {
                found.push(Finding::new(
                    "editor",
                    "what is remembered changes the diagnostics",
                ));
            }
        }
        let _ = hints::hints(&snapshot, &evaluated, &mut cache);
        let _ = symbols::outline(&snapshot);
        let _ = (folding::folds(&snapshot), paths::links(&snapshot));
        if !tokens::tokens(&snapshot).is_sorted_by(|a, b| a.span.hi() <= b.span.lo()) {
            found.push(Finding::new("editor", "coloured words overlap"));
        }
        for _ in 0..4 {
            let offset = u32::try_from(dice.index(text.len() + 1)).unwrap_or(0);
            let _ = complete::complete(&snapshot, offset);
            let _ = hover::hover(&snapshot, &evaluated, &mut cache, offset);
            let _ = rename::target(&snapshot, offset);
            let _ = complete::wants_name(&snapshot, offset);
            let _ = signature::signature(&snapshot, offset);
            let _ = paths::begun(&text, offset);
            let grown = folding::around(&snapshot, offset);
            if !grown.is_sorted_by(|a, b| b.contains(*a)) {
                found.push(Finding::new("editor", "a selection does not grow"));
            }
        }
        // As somebody types: a character goes or comes.
        let boundaries: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        if boundaries.is_empty() {
            return;
        }
        let at = *dice.one(&boundaries);
        if dice.once_in(2) {
            text.remove(at);
        } else {
            text.insert(at, *dice.one(&[' ', ';', '{', '}', '1', 'x', '(', ',']));
        }
    }
}
