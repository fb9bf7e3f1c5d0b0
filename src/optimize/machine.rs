//! A layer and an accelerator in the words of the model `dmazerunner`, with the prices of a technology.

use crate::base::Span;
use crate::cost::{CostError, Technology};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::Compiled;
use crate::hir::{Accelerator, Layer};
use crate::models::dmazerunner::{self as model, Machine};
use crate::models::{Pricing, Problem};
use crate::search::dmazerunner::Unsearchable;
use crate::{ir, lower, pricing};

/// A layer as the model has it, on the machine that the accelerator is. Without a technology energies are zero.
///
/// # Errors
/// Why the model does not apply, or reckons otherwise than the technology.
pub fn machine(
    compiled: &Compiled,
    layer: &Layer,
    accelerator: &Accelerator,
    technology: Option<&Technology>,
    (span, label): (Span, &str),
) -> Result<(model::Layer, Machine), Diagnostics> {
    let refuse = |code: Code, why: &str| {
        let message = format!("the layer `{}` {why}", layer.name);
        let refusal = Diagnostic::new(code, message).at(span, label);
        one(refusal.also(
            accelerator.name_span,
            format!("on `{}`", accelerator.label()),
        ))
    };
    let Some(operation) = operation(layer, accelerator) else {
        return Err(refuse(Code::E0602, "is past what is counted"));
    };
    let architecture = lower::architecture(accelerator);
    let (found, mut machine) = model::problem(&operation, &architecture).map_err(|unfit| {
        let code = Code::parse(unfit.code()).unwrap_or(Code::E0601);
        refuse(code, &unfit.to_string())
    })?;
    if let Some(technology) = technology {
        let operand = lower::operand_precision(layer, accelerator);
        let context = pricing::context(accelerator, operand);
        let pricing = Pricing {
            technology,
            context: &context,
        };
        let problem = Problem {
            operation: &operation,
            architecture: &architecture,
        };
        match model::energies(problem, &pricing) {
            Ok(Some(energies)) => machine.energy = energies,
            Ok(None) => {
                let why = "has prices with which the tool does not reckon: one per access, a whole number of \
                           attojoule, the same for reading and writing";
                return Err(refuse(Code::E0612, why));
            }
            Err(errors) => return Err(unpriced(compiled, accelerator, &errors)),
        }
    }
    Ok((found, machine))
}

fn operation(layer: &Layer, accelerator: &Accelerator) -> Option<ir::Operation> {
    lower::operation(layer, accelerator).map(|desugared| desugared.operation)
}

fn unpriced(compiled: &Compiled, accelerator: &Accelerator, errors: &[CostError]) -> Diagnostics {
    let mut sink = Diagnostics::new();
    let source = accelerator.technology;
    let source = source.and_then(|at| compiled.program.technologies.get(at));
    for error in errors {
        sink.extend(source.map(|source| pricing::cost_diagnostic(error, accelerator, source)));
    }
    sink
}

fn one(refusal: Diagnostic) -> Diagnostics {
    let mut sink = Diagnostics::new();
    sink.push(refusal);
    sink
}

/// Why a layer has too many methods to be searched, behind its name.
#[must_use]
pub fn unsearchable(why: Unsearchable) -> String {
    match why {
        Unsearchable::Problem(rejected) => model::refusal(&rejected).reason,
        Unsearchable::TooManyVectors => "has too many divisors to be searched".to_owned(),
        Unsearchable::TooManyTilings => "has more than 2^64 tilings".to_owned(),
    }
}
