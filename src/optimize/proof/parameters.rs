//! The proof of a search over the parameters of a dataflow: what all combinations came to, which is done again.

use super::{About, Checked, Layered, asked, of_layer};
use crate::diag::Diagnostics;
use crate::driver::Compiled;
use crate::optimize::emit;
use crate::optimize::parameters::{self, End, Parameters, Task};
use crate::optimize::run::Found;
use serde::{Deserialize, Serialize};

/// The proof for one layer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ParameterProof {
    pub search: String,
    pub layer: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same_as: Vec<String>,
    pub model: String,
    pub objective: Vec<String>,
    pub space: Vec<VariedForm>,
    pub candidates: u64,
    pub best: Vec<BestCombination>,
    pub proved: bool,
    pub covered: CoveredCombinations,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariedForm {
    pub parameter: String,
    pub values: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestCombination {
    /// In the order of `space`.
    pub combination: Vec<u64>,
    /// In the order of `objective`.
    pub values: Vec<f64>,
    pub cycles: u64,
    pub dataflow: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoveredCombinations {
    pub evaluated: u64,
    pub capacity: u64,
    pub illegal: u64,
    pub uncounted: u64,
}

impl Layered for Task {
    fn layer(&self) -> usize {
        self.base.layer
    }

    fn equals(&self, other: &Task) -> bool {
        Task::equals(self, other)
    }
}

pub(super) fn proof(about: About<'_>, found: &Found, own: &Parameters) -> ParameterProof {
    let best = found.answers.iter().zip(&own.best);
    let best = best.map(|(answer, &number)| BestCombination {
        combination: own.task.values(number),
        values: answer.values.clone(),
        cycles: answer.cycles,
        dataflow: emit::text(about.layer, about.accelerator, &answer.mapping).unwrap_or_default(),
    });
    let coverage = own.coverage;
    ParameterProof {
        best: best.collect(),
        search: about.search,
        layer: about.layer.name.clone(),
        same_as: about.same_as,
        model: about.model,
        objective: about.objective,
        space: space(&own.task),
        candidates: own.task.combinations(),
        proved: own.proved,
        covered: CoveredCombinations {
            evaluated: coverage.evaluated,
            capacity: coverage.too_large,
            illegal: coverage.illegal,
            uncounted: coverage.uncounted,
        },
    }
}

fn space(task: &Task) -> Vec<VariedForm> {
    let varied = task.varied.iter();
    varied
        .map(|one| VariedForm {
            parameter: one.name.text.clone(),
            values: one.values.clone(),
        })
        .collect()
}

/// Tries all combinations again.
pub(super) fn verify(
    compiled: &Compiled,
    proof: &ParameterProof,
    sink: &mut Diagnostics,
) -> Checked {
    let named = (proof.objective.as_slice(), proof.model.as_str());
    let asked = asked(compiled, &proof.search, named)?;
    let question = asked.question();
    let tasks = parameters::tasks_on(&question, &asked.search.layers, sink);
    let tasks = tasks.ok_or("the search is wrong")?;
    let layers = (proof.layer.as_str(), proof.same_as.as_slice());
    let task = of_layer(asked.network, &tasks, layers)?;
    let layer = asked.network.layers.get(task.base.layer);
    let layer = layer.ok_or("the search has no such layer")?;
    let mut observe = |_: &_| true;
    let again = parameters::run(
        compiled,
        &question,
        task.clone(),
        &End::never(),
        &mut observe,
    );
    let again = again.ok_or("the search has no such layer")?;
    let crate::optimize::run::Evidence::Parameters(own) = &again.evidence else {
        return Err("the search is another one".to_owned());
    };
    let about = About {
        search: proof.search.clone(),
        layer,
        accelerator: asked.accelerator,
        same_as: proof.same_as.clone(),
        model: proof.model.clone(),
        objective: proof.objective.clone(),
    };
    let computed = self::proof(about, &again, own);
    let mut flaws = Vec::new();
    if (&computed.space, computed.candidates) != (&proof.space, proof.candidates) {
        flaws.push("it is about other values".to_owned());
    }
    if computed.covered != proof.covered {
        flaws.push(format!(
            "the combinations are {:?}, not {:?}",
            computed.covered, proof.covered
        ));
    }
    if computed.best != proof.best || !proof.proved {
        flaws.push("trying all combinations finds other answers".to_owned());
    }
    Ok((
        format!("all {} combinations tried again", proof.candidates),
        flaws,
    ))
}
