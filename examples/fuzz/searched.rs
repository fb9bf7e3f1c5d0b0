//! What must hold of what a search finds: it can be read again, has the figures that were printed, and its proof holds.

use crate::checks::{Finding, load};
use dflowc::diag::{Code, Diagnostic, Diagnostics};
use dflowc::evaluate::{self, Cache, Request, Selection, Until};
use dflowc::lower::Options;
use dflowc::models::{self, Model};
use dflowc::optimize::{self, proof};
use std::iter;
use std::time::Duration;

/// A search ends after this time, with what it has.
const BUDGET: Duration = Duration::from_millis(40);
/// Parts of a space of at most so many candidates are enumerated.
const ENUMERATED: u64 = 2_000;
/// Proofs about more tilings are left out: to count the tilings again takes as long as thousands of other inputs.
const VERIFIED: u64 = 10_000_000;

struct Silent;

impl optimize::Observer for Silent {}

/// Runs the searches of a program; how many of them found something.
pub fn searches(text: &str, found: &mut Vec<Finding>) -> u64 {
    let compiled = load(text);
    let mut answered = 0;
    if compiled.diagnostics.has_errors() {
        return answered;
    }
    for search in &compiled.program.searches {
        let mut sink = Diagnostics::new();
        let answer = optimize::run(&compiled, search, Some(BUDGET), &mut sink, &mut Silent);
        let Some(answer) = answer else { continue };
        let _ = optimize::report(&compiled, search, &answer, false);
        let firsts = answer
            .found
            .iter()
            .filter_map(|found| found.answers.first());
        let printed: Vec<u64> = firsts.map(|first| first.cycles).collect();
        if printed.is_empty() {
            continue;
        }
        answered += 1;
        if let Some(emitted) = optimize::emit(&compiled, search, &answer, text, false) {
            let model = search
                .model
                .as_ref()
                .and_then(|word| models::by_name(&word.text));
            let network = compiled.program.networks.get(search.network);
            let with = answer.found.iter().filter(|one| !one.answers.is_empty());
            let with: Vec<usize> = with
                .flat_map(|one| iter::once(one.layer).chain(one.same_as.iter().copied()))
                .collect();
            let layers = network.map_or(&[][..], |network| &network.layers);
            let without = layers.iter().enumerate();
            let without: Vec<String> = without
                .filter(|(at, _)| !with.contains(at))
                .map(|(_, layer)| format!("layer `{}` ", layer.name))
                .collect();
            let model = model.unwrap_or(models::DEFAULT);
            again(&emitted, model, (&printed, &without), found);
        }
        let mut document = proof::document(&compiled, &[(search, answer)], "fuzz.dflow", &[]);
        document.methods.retain(|one| one.candidates <= VERIFIED);
        let verdict = proof::verify(&compiled, &document, ENUMERATED, &mut sink);
        for flaw in verdict.flaws {
            found.push(Finding::new("certificate", flaw));
        }
    }
    answered
}

/// The emitted map has the figures of the answers. Of layers without an answer, which fall to streaming, a model may say
/// that it does not describe it.
fn again(
    text: &str,
    model: &dyn Model,
    (printed, without): (&[u64], &[String]),
    found: &mut Vec<Finding>,
) {
    let compiled = load(text);
    let mut sink = compiled.diagnostics.clone();
    let all = Selection::all(&compiled);
    let last = all.maps.last().cloned();
    let request = Request {
        selection: &Selection {
            maps: last.into_iter().collect(),
        },
        models: &[model],
        until: Until::Evaluated,
        options: Options::default(),
        warnings: false,
    };
    let evaluations = evaluate::run(&compiled, &request, &mut Cache::default(), &mut sink);
    let is_expected = |one: &Diagnostic| match one.code {
        Code::E0503 | Code::W0401 => true,
        Code::E0613 => without.iter().any(|layer| one.message.contains(layer)),
        _ => false,
    };
    if let Some(error) = sink.iter().find(|one| one.is_error() && !is_expected(one)) {
        let what = format!(
            "what is emitted is refused: {}: {}",
            error.code, error.message
        );
        found.push(Finding::new("emit", what));
        return;
    }
    let layers = evaluations.iter().flat_map(|one| &one.layers);
    let counted: Vec<u64> = layers.map(|layer| layer.cycles).collect();
    for cycles in printed {
        if !counted.is_empty() && !counted.contains(cycles) {
            let what = format!("what is emitted takes {counted:?} cycles, {cycles} were printed");
            found.push(Finding::new("emit", what));
        }
    }
}
