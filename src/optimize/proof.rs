//! The certificate of a search as a file, and the check of one.
//!
//! Problem: "no schedule is better" is to be checked by somebody who does not trust the search. The file names the
//! text that it is about (its digest), and has for every layer the answer, the counts, and all parts of the space with
//! their bounds. [`verify`] resolves the text anew, computes every bound and every count by itself, joins again what was
//! joined, counts a hundred parts drawn at random, and enumerates small spaces one by one.
//!
//! Invariant: what a certificate says of the problem (layers, rules, objectives) is taken from the text and never from
//! the file.

mod methods;
mod parameters;

pub use methods::MethodProof;
pub use parameters::ParameterProof;

use super::emit;
use super::loops::Loops;
use super::run::{Answer, Evidence, Found, Question};
use super::task::{Task, model_name, objective, tasks, technology};
use super::why::name;
use super::written::{Library, Written, is_beside};
use crate::cost::Technology;
use crate::diag::Diagnostics;
use crate::driver::Compiled;
use crate::hir::search::Search;
use crate::hir::{Accelerator, Layer, Network};
use crate::search::certificate::{self, Certificate, Flaw, Named, Part};
use crate::search::{self, Candidate, Choices, Goal, Natural, Prepared, SLACK};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::cell::OnceCell;

/// The name of this form.
pub const SCHEMA: &str = "dflow.certificate/1";

/// Everything that the searches of one run came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Document {
    /// [`SCHEMA`].
    pub schema: String,
    /// The program, as seen from the folder of the certificate.
    pub file: String,
    /// What `--set` gave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<String>,
    /// Of the program and of what it imports.
    pub source_sha256: String,
    pub searches: Vec<Proof>,
    /// Of searches by the model `dmazerunner`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<MethodProof>,
    /// Of searches over the parameters of a dataflow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<ParameterProof>,
}

impl Document {
    /// How many answers there are, and how many are said to be the best.
    #[must_use]
    pub fn answers(&self) -> (usize, usize) {
        let loops = self.searches.iter().map(|one| one.proved);
        let methods = self.methods.iter().map(|one| one.proved);
        let parameters = self.parameters.iter().map(|one| one.proved);
        let all: Vec<bool> = loops.chain(methods).chain(parameters).collect();
        (all.len(), all.iter().filter(|proved| **proved).count())
    }
}

/// The proof for one layer of a search.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Proof {
    pub search: String,
    pub layer: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same_as: Vec<String>,
    pub model: String,
    pub objective: Vec<String>,
    pub space: SpaceForm,
    pub best: Vec<BestForm>,
    /// The dataflow of the library that is better than the best of the space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library: Option<LibraryForm>,
    pub lower_bound: Option<f64>,
    pub gap: Option<f64>,
    pub proved: bool,
    pub covered: Covered,
    /// Parts that were cut off, each with its bound.
    pub pruned: Vec<PartForm>,
    /// Parts that were formed candidate by candidate.
    pub joined: Vec<PartForm>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SpaceForm {
    /// Choices of one group up to which all imperfect pieces were tried.
    pub full: usize,
    pub candidates: String,
    pub by_capacity: String,
    pub by_order: String,
}

/// A dataflow of the library, priced as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LibraryForm {
    pub name: String,
    pub values: Vec<f64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BestForm {
    pub values: Vec<f64>,
    pub cycles: u64,
    pub energy_pj: f64,
    pub dataflow: String,
    pub skeleton: usize,
    pub orders: Vec<Vec<usize>>,
    pub extents: Vec<Vec<u64>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Covered {
    pub evaluated: u64,
    pub pruned_by: PrunedBy,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PrunedBy {
    pub capacity: String,
    pub order: String,
    pub bound: String,
    pub join: String,
}

/// A part of a space: all candidates that begin so.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartForm {
    pub skeleton: usize,
    /// Per group of ranks the loops with more than one trip, as block and rank.
    pub loops: Vec<Vec<(usize, usize)>>,
    /// All of them from the outside in; empty while groups are open.
    pub order: Vec<(usize, usize)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bound: Vec<f64>,
    pub candidates: String,
}

/// The digest of a program: its own files one after the other, imported ones first, each with its length.
#[must_use]
pub fn digest(compiled: &Compiled) -> String {
    let mut digest = Sha256::new();
    for module in compiled
        .modules
        .iter()
        .filter(|module| module.std_path.is_none())
    {
        let text = compiled
            .sources
            .get(module.ast.span.file())
            .map_or("", |file| file.text());
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text);
    }
    let bytes = digest.finalize();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The document of some searches.
#[must_use]
pub fn document(
    compiled: &Compiled,
    answers: &[(&Search, Answer)],
    file: &str,
    settings: &[String],
) -> Document {
    let mut document = Document {
        schema: SCHEMA.to_owned(),
        file: file.to_owned(),
        settings: settings.to_vec(),
        source_sha256: digest(compiled),
        searches: Vec::new(),
        methods: Vec::new(),
        parameters: Vec::new(),
    };
    for (search, answer) in answers {
        // Of a space that was not tabulated to its end nothing can be checked.
        for found in answer.found.iter().filter(|found| !found.cut) {
            let Some(about) = About::of(compiled, search, found) else {
                continue;
            };
            match &found.evidence {
                Evidence::Loops(loops) => {
                    document
                        .searches
                        .extend(proof(&about, search, found, loops));
                }
                Evidence::Methods(own) => {
                    document.methods.extend(methods::proof(about, found, own));
                }
                // Of a search that was stopped before its end there is nothing to check.
                Evidence::Parameters(own) if own.proved => {
                    document
                        .parameters
                        .push(parameters::proof(about, found, own));
                }
                Evidence::Parameters(_) => {}
            }
        }
    }
    document
}

/// What a proof is about, by name.
pub(super) struct About<'a> {
    search: String,
    layer: &'a Layer,
    accelerator: &'a Accelerator,
    same_as: Vec<String>,
    model: String,
    objective: Vec<String>,
}

impl<'a> About<'a> {
    fn of(compiled: &'a Compiled, search: &Search, found: &Found) -> Option<About<'a>> {
        let network = compiled.program.networks.get(search.network)?;
        let accelerator = compiled.program.accelerators.get(search.accelerator)?;
        let mut same_as = Vec::with_capacity(found.same_as.len());
        for &at in &found.same_as {
            same_as.push(network.layers.get(at)?.name.clone());
        }
        Some(About {
            search: search.name.clone(),
            layer: network.layers.get(found.layer)?,
            accelerator,
            same_as,
            model: model_name(search).to_owned(),
            objective: objectives(search, accelerator),
        })
    }
}

fn objectives(search: &Search, accelerator: &Accelerator) -> Vec<String> {
    let all = search.objectives.iter();
    all.map(|one| name(objective(one.figure), accelerator))
        .collect()
}

fn proof(about: &About<'_>, search: &Search, found: &Found, loops: &Loops) -> Option<Proof> {
    let own = loops.certificate.as_ref()?;
    let single = search.objectives.len() == 1 && !own.best.is_empty();
    let task = &loops.task;
    let best = loops.outcome.best.iter().map(|best| BestForm {
        values: best.found.values.clone(),
        cycles: best.exact.counts.timing.cycles,
        energy_pj: best.exact.figures.energy,
        dataflow: emit::text(
            about.layer,
            about.accelerator,
            &task.problem.mapping(best.schedule.clone()),
        )
        .unwrap_or_default(),
        skeleton: best.found.candidate.skeleton,
        orders: best.found.candidate.orders.clone(),
        extents: best.found.candidate.extents.clone(),
    });
    Some(Proof {
        search: about.search.clone(),
        layer: about.layer.name.clone(),
        same_as: about.same_as.clone(),
        model: about.model.clone(),
        objective: about.objective.clone(),
        space: SpaceForm {
            full: task.request.choices.full,
            candidates: own.candidates.to_string(),
            by_capacity: own.by_capacity.to_string(),
            by_order: own.by_order.to_string(),
        },
        best: best.collect(),
        library: loops.better_written().map(library_form),
        lower_bound: single
            .then_some(own.lower_bound)
            .filter(|bound| bound.is_finite()),
        gap: single.then(|| loops.outcome.gap()),
        proved: own.proved,
        covered: Covered {
            evaluated: found.evaluated,
            pruned_by: PrunedBy {
                capacity: own.by_capacity.to_string(),
                order: own.by_order.to_string(),
                bound: sum(&own.pruned).to_string(),
                join: sum(&own.joined).to_string(),
            },
        },
        pruned: own.pruned.iter().map(form).collect(),
        joined: own.joined.iter().map(form).collect(),
    })
}

fn library_form(written: &Written) -> LibraryForm {
    LibraryForm {
        name: written.name.clone(),
        values: written.values.clone(),
    }
}

/// The library is looked at again: what is stated is its best, and better than the best of the space.
fn library(
    compiled: &Compiled,
    dataflows: &OnceCell<Library>,
    (proof, search): (&Proof, &Search),
    task: &Task,
) -> Vec<String> {
    let program = &compiled.program;
    let network = program.networks.get(search.network);
    let layer = network.and_then(|network| network.layers.get(task.layer));
    let accelerator = program.accelerators.get(search.accelerator);
    let found = match (layer, accelerator) {
        (Some(layer), Some(accelerator)) if is_beside(search) => {
            let technology = technology(compiled, accelerator);
            let technology = technology.as_ref();
            let library = dataflows.get_or_init(Library::new);
            library.best(task, layer, accelerator, technology, model_name(search))
        }
        _ => None,
    };
    let value = |values: &[f64]| values.first().copied().unwrap_or(f64::INFINITY);
    let best = proof
        .best
        .first()
        .map_or(f64::INFINITY, |best| value(&best.values));
    let better = found.filter(|found| value(&found.values) < best * (1.0 - SLACK));
    if better.as_ref().map(library_form) == proof.library {
        return Vec::new();
    }
    let name = |known: Option<&LibraryForm>| {
        known.map_or_else(
            || "none".to_owned(),
            |known| format!("{} ({:?})", known.name, known.values),
        )
    };
    vec![format!(
        "of the dataflows of the library {} is better than the best of the space, not {}",
        name(better.as_ref().map(library_form).as_ref()),
        name(proof.library.as_ref())
    )]
}

/// Candidates of all parts.
#[must_use]
pub(super) fn sum(parts: &[Part]) -> Natural {
    let mut sum = Natural::default();
    parts.iter().for_each(|part| sum.add(&part.candidates));
    sum
}

fn form(part: &Part) -> PartForm {
    PartForm {
        skeleton: part.class.skeleton,
        loops: part.class.loops.clone(),
        order: part.class.order.clone(),
        bound: part.bound.clone(),
        candidates: part.candidates.to_string(),
    }
}

/// A proof with the search that it is of.
type Subject<'a> = (&'a Proof, &'a Search, Task);

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Per proof: its search and layer, and what was checked.
    pub checked: Vec<(String, String)>,
    /// What is wrong; empty: the document proves what it says.
    pub flaws: Vec<String>,
}

/// Checks a document against the program that it names. Spaces of at most `enumerated` candidates are enumerated.
pub fn verify(
    compiled: &Compiled,
    document: &Document,
    enumerated: u64,
    sink: &mut Diagnostics,
) -> Verdict {
    let mut verdict = Verdict::default();
    if document.schema != SCHEMA {
        verdict.flaws.push(format!(
            "the form is `{}`, and this program knows `{SCHEMA}`",
            document.schema
        ));
        return verdict;
    }
    if document.source_sha256 != digest(compiled) {
        verdict.flaws.push(format!(
            "`{}`, or a file that it imports, is not what was searched",
            document.file
        ));
        return verdict;
    }
    let dataflows = OnceCell::new();
    for proof in &document.searches {
        let checked = subject(compiled, proof, sink).map(|subject| {
            let (done, mut flaws) = one(compiled, &subject, enumerated);
            let (proof, search, task) = &subject;
            flaws.extend(library(compiled, &dataflows, (proof, search), task));
            (done, flaws)
        });
        verdict.take((&proof.search, &proof.layer), checked);
    }
    for proof in &document.methods {
        verdict.take(
            (&proof.search, &proof.layer),
            methods::verify(compiled, proof, enumerated, sink),
        );
    }
    for proof in &document.parameters {
        verdict.take(
            (&proof.search, &proof.layer),
            parameters::verify(compiled, proof, sink),
        );
    }
    verdict
}

/// What was checked, and what is wrong with it; an error if the proof is of nothing in the program.
type Checked = Result<(String, Vec<String>), String>;

impl Verdict {
    fn take(&mut self, (search, layer): (&str, &str), checked: Checked) {
        let title = format!("{search}, layer {layer}");
        match checked {
            Err(flaw) => self.flaws.push(format!("{title}: {flaw}")),
            Ok((done, flaws)) => {
                let flaws = flaws.into_iter().map(|flaw| format!("{title}: {flaw}"));
                self.flaws.extend(flaws);
                self.checked.push((title, done));
            }
        }
    }
}

/// A search of the program with what it is about.
struct Asked<'a> {
    search: &'a Search,
    network: &'a Network,
    accelerator: &'a Accelerator,
    technology: Option<Technology>,
}

impl Asked<'_> {
    fn question(&self) -> Question<'_> {
        Question {
            search: self.search,
            network: self.network,
            accelerator: self.accelerator,
            technology: self.technology.as_ref(),
        }
    }
}

/// The search that a proof names, if it is about that objective and model.
fn asked<'a>(
    compiled: &'a Compiled,
    name: &str,
    (objective, model): (&[String], &str),
) -> Result<Asked<'a>, String> {
    let program = &compiled.program;
    let mut searches = program.searches.iter();
    let search = searches
        .find(|search| search.name == *name)
        .ok_or("the program has no such search")?;
    let network = program.networks.get(search.network);
    let network = network.ok_or("its network is not known")?;
    let accelerator = program.accelerators.get(search.accelerator);
    let accelerator = accelerator.ok_or("its accelerator is not known")?;
    if objectives(search, accelerator) != objective || model != model_name(search) {
        return Err("it is about another objective or model".to_owned());
    }
    Ok(Asked {
        search,
        network,
        accelerator,
        technology: technology(compiled, accelerator),
    })
}

/// A layer that is ready to be searched in some way.
trait Layered {
    fn layer(&self) -> usize;
    /// Whether an answer to the other is one to this.
    fn equals(&self, other: &Self) -> bool;
}

impl Layered for Task {
    fn layer(&self) -> usize {
        self.layer
    }

    fn equals(&self, other: &Task) -> bool {
        Task::equals(self, other)
    }
}

/// The task of that layer, which equals those of the other layers.
fn of_layer<'a, T: Layered>(
    network: &Network,
    tasks: &'a [T],
    (layer, same_as): (&str, &[String]),
) -> Result<&'a T, String> {
    let named = |name: &str| {
        tasks.iter().find(|task| {
            let layer = network.layers.get(task.layer());
            layer.is_some_and(|layer| layer.name == *name)
        })
    };
    let task = named(layer).ok_or("the search has no such layer")?;
    for name in same_as {
        if !named(name).is_some_and(|other| other.equals(task)) {
            return Err(format!("`{name}` is not an equal layer"));
        }
    }
    Ok(task)
}

fn subject<'a>(
    compiled: &'a Compiled,
    proof: &'a Proof,
    sink: &mut Diagnostics,
) -> Result<Subject<'a>, String> {
    let about = (proof.objective.as_slice(), proof.model.as_str());
    let asked = asked(compiled, &proof.search, about)?;
    let all = tasks(compiled, asked.search, sink).ok_or("the search is wrong")?;
    let layers = (proof.layer.as_str(), proof.same_as.as_slice());
    let task = of_layer(asked.network, &all, layers)?;
    Ok((proof, asked.search, task.clone()))
}

/// What was checked of one layer, and what is wrong with it.
fn one(
    compiled: &Compiled,
    (proof, search, task): &Subject<'_>,
    enumerated: u64,
) -> (String, Vec<String>) {
    let Some(certificate) = parsed(proof) else {
        return (
            String::new(),
            vec!["it has a number that is none".to_owned()],
        );
    };
    let rules = &task.request.rules;
    let choices = Choices {
        full: proof.space.full,
        ..Choices::default()
    };
    let prepared = match Prepared::new(&task.problem, rules, choices) {
        Ok(prepared) => prepared,
        Err(_) => {
            return (
                String::new(),
                vec!["the layer cannot be counted".to_owned()],
            );
        }
    };
    let Ok(counter) = search::counter(&task.problem) else {
        return (
            String::new(),
            vec!["the layer cannot be counted".to_owned()],
        );
    };
    let found = certificate::verify(&prepared, &task.request, &certificate, &counter, 1);
    let mut flaws: Vec<String> = found.iter().map(words).collect();
    flaws.extend(sums(proof, &certificate));
    if proof.gap != gap(proof) {
        flaws.push("the gap is not that of the answer and the lower bound".to_owned());
    }
    flaws.extend(texts(compiled, search, task, &prepared, proof));
    let mut done = format!(
        "{} candidates in {} parts, each bound computed again",
        proof.space.candidates,
        proof.pruned.len() + proof.joined.len()
    );
    let small = certificate.candidates <= Natural::from(enumerated);
    if small && proof.proved {
        let goal = Goal::new(&task.request.objectives, &task.request.limits);
        let all = search::plain::of(&task.problem, &counter, rules, vec![goal], enumerated);
        if let Some((all, best_of_all)) =
            all.and_then(|all| Some((all.candidates, all.goals.into_iter().next()?)))
        {
            let best = |found: Option<&f64>| found.copied().unwrap_or(f64::INFINITY);
            let least = best(
                best_of_all
                    .found
                    .first()
                    .and_then(|found| found.values.first()),
            );
            let stated = best(proof.best.first().and_then(|found| found.values.first()));
            let same = least == stated || (least - stated).abs() <= SLACK * stated.abs();
            if !same || best_of_all.found.len() != proof.best.len() {
                flaws.push(format!(
                    "enumerating all finds {} answers from {least}, not {} from {stated}",
                    best_of_all.found.len(),
                    proof.best.len()
                ));
            }
            done += &format!("; all {all} enumerated");
        }
    }
    (done, flaws)
}

/// The parts of `covered` are those of the lists, and together they are the space.
fn sums(proof: &Proof, certificate: &Certificate) -> Vec<String> {
    let mut flaws = Vec::new();
    let by = &proof.covered.pruned_by;
    let mut all = Natural::default();
    for (stated, computed) in [
        (&by.capacity, certificate.by_capacity.clone()),
        (&by.order, certificate.by_order.clone()),
        (&by.bound, sum(&certificate.pruned)),
        (&by.join, sum(&certificate.joined)),
    ] {
        if Natural::parse(stated).as_ref() != Some(&computed) {
            flaws.push(format!(
                "{stated} candidates are stated where the parts have {computed}"
            ));
        }
        all.add(&computed);
    }
    if all != certificate.candidates {
        flaws.push(format!(
            "the parts are {all} candidates of {}",
            certificate.candidates
        ));
    }
    flaws
}

/// What an answer to one objective is above its lower bound at most, as a part of it.
fn gap(proof: &Proof) -> Option<f64> {
    let value = match proof.best.as_slice() {
        [best] if !proof.proved => best.values.first().filter(|value| **value > 0.0),
        _ => None,
    };
    let bound = proof.lower_bound.unwrap_or(0.0);
    let gap = value.map_or(0.0, |value| (1.0 - bound / value).max(0.0));
    (proof.objective.len() == 1).then_some(gap)
}

/// The dataflows are those of the candidates.
fn texts(
    compiled: &Compiled,
    search: &Search,
    task: &Task,
    prepared: &Prepared<'_>,
    proof: &Proof,
) -> Vec<String> {
    let program = &compiled.program;
    let layer = program
        .networks
        .get(search.network)
        .and_then(|network| network.layers.get(task.layer));
    let (Some(layer), Some(accelerator)) = (layer, program.accelerators.get(search.accelerator))
    else {
        return vec!["its layer is not known".to_owned()];
    };
    let mut flaws = Vec::new();
    for (at, best) in proof.best.iter().enumerate() {
        let candidate = candidate(best);
        let Some(room) = prepared.rooms.get(candidate.skeleton) else {
            continue;
        };
        let schedule = room.skeleton.schedule(&task.problem.operation, &candidate);
        let mapping = task.problem.mapping(schedule);
        let text = emit::text(layer, accelerator, &mapping).unwrap_or_default();
        if text != best.dataflow {
            flaws.push(format!("the dataflow of answer {} is another one", at + 1));
        }
    }
    flaws
}

fn candidate(best: &BestForm) -> Candidate {
    Candidate {
        skeleton: best.skeleton,
        orders: best.orders.clone(),
        extents: best.extents.clone(),
    }
}

fn parsed(proof: &Proof) -> Option<Certificate> {
    let part = |form: &PartForm| {
        Some(Part {
            class: Named {
                skeleton: form.skeleton,
                loops: form.loops.clone(),
                order: form.order.clone(),
            },
            bound: form.bound.clone(),
            candidates: Natural::parse(&form.candidates)?,
        })
    };
    Some(Certificate {
        candidates: Natural::parse(&proof.space.candidates)?,
        by_capacity: Natural::parse(&proof.space.by_capacity)?,
        by_order: Natural::parse(&proof.space.by_order)?,
        pruned: proof.pruned.iter().map(part).collect::<Option<_>>()?,
        joined: proof.joined.iter().map(part).collect::<Option<_>>()?,
        best: proof
            .best
            .iter()
            .map(|best| (best.values.clone(), candidate(best)))
            .collect(),
        lower_bound: proof.lower_bound.unwrap_or(0.0),
        proved: proof.proved,
    })
}

fn words(flaw: &Flaw) -> String {
    let part = |class: &Named| {
        format!(
            "the part of skeleton {} with the loops {:?}",
            class.skeleton, class.loops
        )
    };
    match flaw {
        Flaw::Best(at) => format!("answer {} does not cost what is said", at + 1),
        Flaw::Class(class) => format!("{} is listed twice, or is none of the space", part(class)),
        Flaw::Missing(class) => format!("{} is not listed", part(class)),
        Flaw::Bound {
            class,
            stated,
            computed,
        } => format!("{} has the bound {computed:?}, not {stated:?}", part(class)),
        Flaw::Open(class) => {
            format!(
                "{} may have a better answer and was not looked at",
                part(class)
            )
        }
        Flaw::Count {
            class: Some(class),
            stated,
            computed,
        } => format!("{} has {computed} candidates, not {stated}", part(class)),
        Flaw::Count {
            class: None,
            stated,
            computed,
        } => format!("the space has {computed} candidates where {stated} are stated"),
        Flaw::Better { class, value } => format!("{} has a better one: {value}", part(class)),
        Flaw::Uncounted => {
            "the space has too many parts to be counted in reasonable time".to_owned()
        }
        Flaw::Lower => "the lower bound is not that of the parts".to_owned(),
    }
}
