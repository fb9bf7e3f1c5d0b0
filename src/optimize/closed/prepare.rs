//! A search over a model's own space, with everything that is wrong with it said before anything is chosen.

use super::Costs;
use crate::cost::CostError;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::Compiled;
use crate::hir::explore::Scope;
use crate::hir::search::{Figure, Own, Search};
use crate::hir::{Accelerator, Layer, Precision};
use crate::ir::Operation;
use crate::models::deepopt::{
    self, Costed, DenseEnergy, Objective, Priced, Prices, Schedule, Uncosted,
};
use crate::models::{self, Model, Pricing, Problem, Why};
use crate::optimize::task::technology;
use crate::{lower, pricing};

/// A layer, evaluated under all schedules.
pub(super) struct Subject {
    /// Index into the layers of the network.
    pub layer: usize,
    pub times: u64,
    operation: Operation,
    operand: Precision,
    pub costs: Costs,
    /// `None`: there are none, or not by the bit.
    pub prices: Option<Prices>,
}

impl Subject {
    /// Whether an answer to the other is one to this.
    pub fn equals(&self, other: &Subject) -> bool {
        self.is(&other.operation, other.operand)
    }

    fn is(&self, operation: &Operation, operand: Precision) -> bool {
        self.operation == *operation && self.operand == operand
    }
}

/// What is asked, of layers that are evaluated.
pub(super) struct Question {
    pub model: &'static dyn Model,
    pub objective: Objective,
    pub scope: Scope,
    pub subjects: Vec<Subject>,
}

/// Judges a search.
pub fn check(compiled: &Compiled, search: &Search, sink: &mut Diagnostics) {
    let _ = prepare(compiled, search, sink);
}

/// How the model is asked.
fn dense(own: &Own) -> DenseEnergy {
    match own.fc {
        Some(fc) if fc.corrected => DenseEnergy::Corrected,
        _ => DenseEnergy::Published,
    }
}

/// The model of a space.
fn model(own: &Own) -> &'static dyn Model {
    match dense(own) {
        DenseEnergy::Published => &deepopt::PUBLISHED,
        DenseEnergy::Corrected => &deepopt::CORRECTED,
    }
}

/// The layers of a search, evaluated; `None` when something is wrong, which has been reported.
pub(super) fn prepare(
    compiled: &Compiled,
    search: &Search,
    sink: &mut Diagnostics,
) -> Option<Question> {
    let own = search.own.as_ref()?;
    is_known(search, own, sink)?;
    let objective = objective(search, sink)?;
    let program = &compiled.program;
    let network = program.networks.get(search.network)?;
    let accelerator = program.accelerators.get(search.accelerator)?;
    let technology = technology(compiled, accelerator);
    let architecture = lower::architecture(accelerator);
    let mut subjects: Vec<Subject> = Vec::with_capacity(search.layers.len());
    let before = sink.error_count();
    for &at in &search.layers {
        let layer = network.layers.get(at)?;
        let desugared = lower::operation(layer, accelerator);
        let Some(desugared) = desugared.filter(|known| known.sequential.is_none()) else {
            let why = "its sizes are past what is counted, or its steps follow one another";
            sink.push(refusal(search, layer, Code::E0602, why));
            continue;
        };
        let operand = lower::operand_precision(layer, accelerator);
        let known = subjects
            .iter()
            .find(|known| known.is(&desugared.operation, operand));
        if let Some(known) = known {
            let subject = Subject {
                layer: at,
                times: layer.times,
                operation: desugared.operation,
                operand,
                costs: known.costs.clone(),
                prices: known.prices,
            };
            subjects.push(subject);
            continue;
        }
        let context = pricing::context(accelerator, operand);
        let priced = technology.as_ref().map(|technology| Pricing {
            technology,
            context: &context,
        });
        let problem = Problem {
            operation: &desugared.operation,
            architecture: &architecture,
        };
        let costs = match costs(problem, priced.as_ref(), objective, dense(own)) {
            Ok(costs) => costs,
            Err(Uncosted::Refused(why)) => {
                sink.push(refused(search, layer, &why));
                // Of hardware that is not described every layer would say the same.
                if why.code == "E0612" {
                    return None;
                }
                continue;
            }
            Err(Uncosted::Unpriced(errors)) => {
                sink.extend(unpriced(compiled, accelerator, &errors));
                return None;
            }
        };
        let prices = priced.and_then(|pricing| {
            let priced = Priced::of(problem, &pricing, dense(own)).ok().flatten();
            priced.map(|priced| priced.prices)
        });
        subjects.push(Subject {
            layer: at,
            times: layer.times,
            operation: desugared.operation,
            operand,
            costs,
            prices,
        });
    }
    (sink.error_count() == before).then_some(Question {
        model: model(own),
        objective,
        scope: own.scope,
        subjects,
    })
}

/// All schedules of a layer.
fn costs(
    problem: Problem<'_>,
    pricing: Option<&Pricing<'_>>,
    objective: Objective,
    dense: DenseEnergy,
) -> Result<Costs, Uncosted> {
    let mut found: Vec<Result<Costed, String>> = Vec::with_capacity(5);
    for schedule in Schedule::ALL {
        let mut costed = Costed::of(problem, schedule, pricing, dense);
        if let (Err(Uncosted::Unpriced(_)), Objective::Delay) = (&costed, objective) {
            costed = Costed::of(problem, schedule, None, dense);
        }
        found.push(match costed {
            Ok(costed) => Ok(costed),
            // It does not fit under this one.
            Err(Uncosted::Refused(why)) if why.code == "E0614" => Err(why.reason),
            Err(other) => return Err(other),
        });
    }
    let mut found = found.into_iter();
    Ok(std::array::from_fn(|_| {
        found.next().unwrap_or_else(|| Err(String::new()))
    }))
}

fn refused(search: &Search, layer: &Layer, why: &Why) -> Diagnostic {
    let code = Code::parse(why.code).unwrap_or(Code::E0601);
    let name = &layer.name;
    let message = format!("layer `{name}` {}", why.reason);
    let refusal = Diagnostic::new(code, message)
        .at(search.span, "this search")
        .also(layer.name_span, "the layer");
    match &why.help {
        Some(help) if code == Code::E0612 => refusal.help(help.clone()),
        _ => refusal.help("name the layers that are searched: `layer: ...;` beside `network`"),
    }
}

fn refusal(search: &Search, layer: &Layer, code: Code, why: &str) -> Diagnostic {
    let message = format!("the layer `{}` cannot be searched: {why}", layer.name);
    Diagnostic::new(code, message)
        .at(search.span, "this search")
        .also(layer.name_span, "the layer")
}

/// Cycles of all runs are past 64 bits.
pub(super) fn too_large(search: &Search) -> Diagnostic {
    let message = "the cycles of a layer and its repetitions are more than 2^64";
    Diagnostic::new(Code::E0602, message).at(search.span, "this search")
}

fn unpriced(
    compiled: &Compiled,
    accelerator: &Accelerator,
    errors: &[CostError],
) -> Vec<Diagnostic> {
    let source = accelerator.technology;
    let source = source.and_then(|at| compiled.program.technologies.get(at));
    let said = errors
        .iter()
        .filter_map(|error| Some(pricing::cost_diagnostic(error, accelerator, source?)));
    said.collect()
}

/// Whether there is such a space, of the model that is asked for.
fn is_known(search: &Search, own: &Own, sink: &mut Diagnostics) -> Option<()> {
    let word = &own.space;
    let only = deepopt::PUBLISHED.name();
    if word.text != only {
        let message = format!("no model has a space `{}`", word.text);
        let refusal = Diagnostic::new(Code::E0201, message).at(word.span, "unknown space");
        sink.push(match nearest(&word.text, [only]) {
            Some(near) => refusal.fix(word.span, near.to_owned(), "use the known name"),
            None => refusal.help(format!("`space {only};` is the one that there is")),
        });
        return None;
    }
    let Some(model) = &search.model else {
        return Some(());
    };
    if models::by_name(&model.text).is_none() {
        let message = format!("there is no cost model `{}`", model.text);
        let refusal = Diagnostic::new(Code::E0201, message).at(model.span, "unknown model");
        sink.push(match nearest(&model.text, [only]) {
            Some(near) => refusal.fix(model.span, near.to_owned(), "use the known name"),
            None => refusal.help(format!("the space is of the model `{only}`")),
        });
        return None;
    }
    if model.text != only {
        let text = &model.text;
        let message = format!("the space `{only}` is of the model `{only}`, and `{text}` has none");
        sink.push(
            Diagnostic::new(Code::E0601, message)
                .at(word.span, "asked for here")
                .also(model.span, "by this model")
                .help("leave `model` out"),
        );
        return None;
    }
    Some(())
}

/// What the model minimises.
fn objective(search: &Search, sink: &mut Diagnostics) -> Option<Objective> {
    let refuse = |span, message: &str| {
        Diagnostic::new(Code::E0602, message.to_owned())
            .at(span, "wanted here")
            .help("take `energy`, `cycles`, `edp`, `e2dp` or `ed2p`")
    };
    let (first, more) = search.objectives.split_first()?;
    if let Some(second) = more.first() {
        let message = "no front over the space `deepopt`: all figures of the five schedules are listed for every layer";
        sink.push(refuse(second.span, message));
        return None;
    }
    match first.figure {
        Figure::Energy => Some(Objective::Energy),
        Figure::Cycles => Some(Objective::Delay),
        Figure::Edp => Some(Objective::EnergyDelay),
        Figure::E2dp => Some(Objective::Energy2Delay),
        Figure::Ed2p => Some(Objective::EnergyDelay2),
        Figure::Area => {
            let message = "the area is the same under every schedule";
            sink.push(refuse(first.span, message));
            None
        }
        Figure::Traffic(_) | Figure::Capacity(_) => {
            let message = "the model `deepopt` chooses by energy and cycles";
            sink.push(refuse(first.span, message));
            None
        }
    }
}
