//! The proof of a search by the model `dmazerunner`: the tilings class by class, each with its bound.

use super::{About, Checked, Layered, asked, of_layer};
use crate::diag::Diagnostics;
use crate::driver::Compiled;
use crate::models::dmazerunner::profile::picojoule;
use crate::models::dmazerunner::{Dim, Factors, Method};
use crate::optimize::emit;
use crate::optimize::methods::{self, Methods, Task};
use crate::optimize::run::Found;
use crate::search::dmazerunner::certificate::{self, Certificate, Closed, Refuted};
use crate::search::dmazerunner::plain::{self, Orders};
use crate::search::dmazerunner::{Limits, Objective, Score, Share, adaptive};
use serde::{Deserialize, Serialize};

/// The proof for one layer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MethodProof {
    pub search: String,
    pub layer: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same_as: Vec<String>,
    pub model: String,
    pub objective: Vec<String>,
    pub limits: LimitsForm,
    pub best: Option<BestMethod>,
    /// No method scores less.
    pub lower_bound: Option<ScoreForm>,
    pub gap: f64,
    pub proved: bool,
    /// Tilings of the space.
    pub candidates: u64,
    pub covered: CoveredMethods,
    /// Tiles of the SPM whose methods were gone through.
    pub open: Vec<Factors>,
    /// Those that were cut off by their bounds.
    pub closed: Vec<ClosedForm>,
}

/// Thresholds in thousandths, and the two prunings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsForm {
    pub pe: u32,
    pub rf: u32,
    pub spm: u32,
    pub filter_whole: bool,
    pub reduction_in_time: bool,
}

/// The value of the objective, as a decimal number, with the energy in the units of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreForm {
    pub value: String,
    pub energy: u64,
    pub cycles: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BestMethod {
    pub value: f64,
    pub cycles: u64,
    pub energy_pj: u64,
    pub dataflow: String,
    pub score: ScoreForm,
    /// Factors of N, M, C, Ox, Oy, Fx, Fy.
    pub dram: Factors,
    pub spm: Factors,
    pub rf: Factors,
    pub spatial: Factors,
    /// Loops by their place in that list, from the outermost on.
    pub dram_order: [usize; 7],
    pub spm_order: [usize; 7],
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct CoveredMethods {
    pub evaluated: u64,
    pub dominated: u64,
    pub bounded: u64,
    pub closed: u64,
}

/// A class: all tilings with this tile in the SPM.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClosedForm {
    pub tile: Factors,
    pub tilings: u64,
    pub bound: ScoreForm,
}

impl ScoreForm {
    fn of(score: Score) -> ScoreForm {
        ScoreForm {
            value: score.value.to_string(),
            energy: score.energy,
            cycles: score.cycles,
        }
    }

    fn score(&self) -> Option<Score> {
        Some(Score {
            value: self.value.parse().ok()?,
            energy: self.energy,
            cycles: self.cycles,
        })
    }
}

impl LimitsForm {
    fn of(limits: &Limits) -> LimitsForm {
        LimitsForm {
            pe: limits.pe.0,
            rf: limits.rf.0,
            spm: limits.spm.0,
            filter_whole: limits.no_feature_dram,
            reduction_in_time: limits.no_spatial_reduction,
        }
    }

    fn limits(self) -> Limits {
        Limits {
            pe: Share(self.pe),
            rf: Share(self.rf),
            spm: Share(self.spm),
            no_feature_dram: self.filter_whole,
            no_spatial_reduction: self.reduction_in_time,
        }
    }
}

impl BestMethod {
    fn method(&self) -> Option<Method> {
        let order = |places: [usize; 7]| {
            let mut order = Dim::ALL;
            for (dim, place) in order.iter_mut().zip(places) {
                *dim = *Dim::ALL.get(place)?;
            }
            Some(order)
        };
        Some(Method {
            dram: self.dram,
            spm: self.spm,
            rf: self.rf,
            spatial: self.spatial,
            dram_order: order(self.dram_order)?,
            spm_order: order(self.spm_order)?,
        })
    }
}

impl Layered for Task {
    fn layer(&self) -> usize {
        self.layer
    }

    fn equals(&self, other: &Task) -> bool {
        Task::equals(self, other)
    }
}

pub(super) fn proof(about: About<'_>, found: &Found, own: &Methods) -> Option<MethodProof> {
    let certificate = &own.certificate;
    let objective = certificate.objective;
    let best = match certificate.best {
        None => None,
        Some((method, score)) => Some(BestMethod {
            value: methods::value(objective, score, own.unit),
            cycles: score.cycles,
            energy_pj: picojoule(score.energy, own.unit),
            dataflow: text(&about, &own.task, &method)?,
            score: ScoreForm::of(score),
            dram: method.dram,
            spm: method.spm,
            rf: method.rf,
            spatial: method.spatial,
            dram_order: method.dram_order.map(Dim::index),
            spm_order: method.spm_order.map(Dim::index),
        }),
    };
    let closed: Vec<ClosedForm> = certificate
        .closed
        .iter()
        .map(|class| ClosedForm {
            tile: class.tile,
            tilings: class.tilings,
            bound: ScoreForm::of(class.bound),
        })
        .collect();
    Some(MethodProof {
        search: about.search,
        layer: about.layer.name.clone(),
        same_as: about.same_as,
        model: about.model,
        objective: about.objective,
        limits: LimitsForm::of(&certificate.limits),
        best,
        lower_bound: certificate.lower_bound.map(ScoreForm::of),
        gap: found.gap,
        proved: found.proved,
        candidates: certificate.candidates,
        covered: CoveredMethods {
            evaluated: certificate.evaluated,
            dominated: certificate.dominated,
            bounded: certificate.bounded,
            closed: closed.iter().map(|class| class.tilings).sum(),
        },
        open: certificate.open.clone(),
        closed,
    })
}

fn text(about: &About<'_>, task: &Task, method: &Method) -> Option<String> {
    let mapping = task.mapping(method)?;
    emit::text(about.layer, about.accelerator, &mapping).ok()
}

/// Checks a proof: [`certificate::verify`], what is said beside it, and if the layer has at most `enumerated` tilings, with
/// those that do not fit, all of them.
pub(super) fn verify(
    compiled: &Compiled,
    proof: &MethodProof,
    enumerated: u64,
    sink: &mut Diagnostics,
) -> Checked {
    let named = (proof.objective.as_slice(), proof.model.as_str());
    let asked = asked(compiled, &proof.search, named)?;
    let tasks = methods::tasks_on(compiled, &asked.question(), &asked.search.layers, sink);
    let tasks = tasks.ok_or("the search is wrong")?;
    let layers = (proof.layer.as_str(), proof.same_as.as_slice());
    let task = of_layer(asked.network, &tasks, layers)?;
    let layer = asked.network.layers.get(task.layer);
    let layer = layer.ok_or("the search has no such layer")?;
    let certificate = parsed(proof, task.objective).ok_or("it has a number that is none")?;
    let mut flaws = Vec::new();
    let wanted = match task.limits {
        Some(limits) => Some(limits),
        None => {
            let found = adaptive(&task.of, &task.machine).ok();
            found.map(|found| found.join.limits)
        }
    };
    if wanted != Some(certificate.limits) {
        flaws.push("it is about other thresholds than the search".to_owned());
        return Ok((String::new(), flaws));
    }
    if let Err(refuted) = certificate::verify(&certificate, &task.of, &task.machine, 1) {
        flaws.push(words(&refuted));
    }
    let closed: u64 = proof
        .closed
        .iter()
        .fold(0, |sum, class| sum.saturating_add(class.tilings));
    if closed != proof.covered.closed {
        flaws.push(format!(
            "{} tilings are stated where the classes that were cut off have {closed}",
            proof.covered.closed
        ));
    }
    let unit = task.machine.energy_unit();
    if let (Some(best), Some((method, score))) = (&proof.best, certificate.best) {
        let value = methods::value(task.objective, score, unit);
        let figures = (best.value, best.cycles, best.energy_pj);
        if figures != (value, score.cycles, picojoule(score.energy, unit)) {
            flaws.push("the best does not cost what is said".to_owned());
        }
        let mapping = task.mapping(&method);
        let text = mapping.and_then(|mapping| emit::text(layer, asked.accelerator, &mapping).ok());
        if text.as_ref() != Some(&best.dataflow) {
            flaws.push("the dataflow of the best is another one".to_owned());
        }
    }
    let of = |score: Score| methods::value(task.objective, score, unit);
    let best = certificate.best.map(|(_, score)| score);
    if proof.proved != (best == certificate.lower_bound) {
        flaws.push("what is said to be proved is not what the bounds prove".to_owned());
    }
    let gap = match best.zip(certificate.lower_bound) {
        Some((best, bound)) if !proof.proved => (1.0 - of(bound) / of(best)).max(0.0),
        _ => 0.0,
    };
    if proof.gap.to_bits() != gap.to_bits() {
        flaws.push(format!("the gap is {gap}, not {}", proof.gap));
    }
    let mut done = format!(
        "{} tilings in {} classes, each counted and bounded again",
        proof.candidates,
        proof.open.len() + proof.closed.len()
    );
    // Those that the limits exclude are gone through as well.
    let small = plain::tilings(&task.of).is_some_and(|all| all <= enumerated);
    if small && proof.proved {
        let limits = &certificate.limits;
        let all = plain::all(&task.of, &task.machine, limits, Orders::Classes);
        let at = Objective::ALL.iter().position(|one| *one == task.objective);
        let least = at.and_then(|at| all.best.get(at).copied().flatten());
        if least != best || all.tilings != proof.candidates {
            flaws.push("enumerating all finds another best, or another number of them".to_owned());
        }
        done += &format!("; all {} enumerated", all.tilings);
    }
    Ok((done, flaws))
}

fn parsed(proof: &MethodProof, objective: Objective) -> Option<Certificate> {
    let best = match &proof.best {
        None => None,
        Some(best) => Some((best.method()?, best.score.score()?)),
    };
    let closed = |class: &ClosedForm| {
        Some(Closed {
            tile: class.tile,
            tilings: class.tilings,
            bound: class.bound.score()?,
        })
    };
    let lower_bound = match &proof.lower_bound {
        None => None,
        Some(bound) => Some(bound.score()?),
    };
    Some(Certificate {
        objective,
        limits: proof.limits.limits(),
        best,
        lower_bound,
        candidates: proof.candidates,
        evaluated: proof.covered.evaluated,
        dominated: proof.covered.dominated,
        bounded: proof.covered.bounded,
        open: proof.open.clone(),
        closed: proof.closed.iter().map(closed).collect::<Option<_>>()?,
    })
}

fn words(refuted: &Refuted) -> String {
    match refuted {
        Refuted::Best => "the best does not fit, or does not cost what is said".to_owned(),
        Refuted::LowerBound => "the lower bound is not that of the classes".to_owned(),
        Refuted::Sum { parts, candidates } => {
            format!("the parts are {parts} tilings of {candidates}")
        }
        Refuted::Unknown(tile) => {
            format!("the class {tile:?} is listed twice, or is none of the space")
        }
        Refuted::Missing(tile) => format!("the class {tile:?} is not listed"),
        Refuted::Tilings {
            tile,
            stated,
            counted,
        } => format!("the class {tile:?} has {counted} tilings, not {stated}"),
        Refuted::Bound {
            tile,
            stated,
            recomputed,
        } => format!("the class {tile:?} has the bound {recomputed}, not {stated}"),
        Refuted::Better { tile, value } => {
            format!("the class {tile:?} has a better method: {value}")
        }
    }
}
