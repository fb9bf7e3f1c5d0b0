//! Does one of the 19 orders that DeepOpt leaves out beat its five? Simulated and counted, layer by layer.

use super::{Chosen, Layered};
use crate::driver::Compiled;
use crate::hir::search::Search;
use crate::lower::{self, Desugared};
use crate::models::deepopt::{Claim, DenseEnergy, Priced, Verdict, Verified, verify_orders};
use crate::models::{Pricing, Problem};
use crate::optimize::Answer;
use crate::optimize::task::technology;
use crate::pricing;
use crate::report::selection::{ComparedReport, PruningReport, SelectionReport};
use std::sync::atomic::AtomicBool;

/// Layers of more rows of results than this are walked only when somebody says so: a walk takes time.
pub const MOST_ROWS: u64 = 60;

/// Verifies the pruning for the layers of a selection, which is the report of `answer`. Layers of more than `rows` rows of
/// results are not walked; neither are those that were not begun when `stop` was set.
pub fn verify_pruning(
    compiled: &Compiled,
    search: &Search,
    answer: &Answer,
    (rows, stop): (u64, &AtomicBool),
    report: &mut SelectionReport,
) {
    let Some(chosen) = &answer.own else { return };
    let questions = questions(compiled, search, chosen, rows).unwrap_or_default();
    let asked: Vec<&Asked> = questions
        .iter()
        .filter_map(|one| one.as_ref().ok())
        .collect();
    let claims: Vec<Claim<'_>> = asked.into_iter().map(Asked::claim).collect();
    let mut verified = verify_orders(&claims, stop).into_iter();
    for (layer, question) in report.layers.iter_mut().zip(&questions) {
        layer.pruning = match question {
            Ok(_) => verified.next().map(|verified| said(&verified)),
            Err(reason) => Some(PruningReport {
                simulated: None,
                exact: None,
                reason: Some(reason.clone()),
            }),
        };
    }
}

/// A layer with its prices.
struct Asked {
    desugared: Desugared,
    architecture: crate::ir::Architecture,
    layer: crate::models::deepopt::Layer,
    machine: crate::models::deepopt::Machine,
    priced: Priced,
}

impl Asked {
    fn claim(&self) -> Claim<'_> {
        Claim {
            problem: Problem {
                operation: &self.desugared.operation,
                architecture: &self.architecture,
            },
            layer: self.layer,
            machine: self.machine,
            priced: self.priced.clone(),
        }
    }
}

/// One per layer: what is asked, or why nothing is.
fn questions(
    compiled: &Compiled,
    search: &Search,
    chosen: &Chosen,
    rows: u64,
) -> Option<Vec<Result<Asked, String>>> {
    let program = &compiled.program;
    let network = program.networks.get(search.network)?;
    let accelerator = program.accelerators.get(search.accelerator)?;
    let technology = technology(compiled, accelerator);
    let one = |layered: &Layered| -> Result<Asked, String> {
        let unpriced = || "there is no price by the bit for each of its memories".to_owned();
        let cost = layered.costs.iter().find_map(|cost| cost.as_ref().ok());
        let cost = cost.ok_or("it fits under none of the five schedules")?;
        if cost.layer.is_dense() {
            return Err("a fully connected layer has no rows and columns to move along".to_owned());
        }
        if cost.layer.rows() > rows {
            return Err(format!(
                "it has {} rows of results, and layers of up to {rows} are walked (`--verify-pruning={}` walks it)",
                cost.layer.rows(),
                cost.layer.rows()
            ));
        }
        let layer = network.layers.get(layered.layer).ok_or_else(unpriced)?;
        let desugared = lower::operation(layer, accelerator).ok_or_else(unpriced)?;
        let architecture = lower::architecture(accelerator);
        let operand = lower::operand_precision(layer, accelerator);
        let pricing = Pricing {
            technology: technology.as_ref().ok_or_else(unpriced)?,
            context: &pricing::context(accelerator, operand),
        };
        let problem = Problem {
            operation: &desugared.operation,
            architecture: &architecture,
        };
        let priced = Priced::of(problem, &pricing, DenseEnergy::Published);
        Ok(Asked {
            priced: priced.ok().flatten().ok_or_else(unpriced)?,
            desugared,
            architecture,
            layer: cost.layer,
            machine: cost.machine,
        })
    };
    Some(chosen.layers.iter().map(one).collect())
}

fn said(verified: &Verified) -> PruningReport {
    PruningReport {
        simulated: verified.simulated.as_ref().ok().map(compared),
        exact: verified.exact.as_ref().map(compared),
        reason: verified.simulated.as_ref().err().map(ToString::to_string),
    }
}

fn compared(verdict: &Verdict) -> ComparedReport {
    let (kept, best) = (&verdict.of_five, &verdict.of_all);
    ComparedReport {
        kept: kept.order.to_string(),
        kept_pj: kept.energy,
        best: best.order.to_string(),
        best_pj: best.energy,
        saved: 1.0 - best.energy / kept.energy,
    }
}
