//! What keeps a legal layer from its figures, in words.

use crate::base::num::grouped;
use crate::base::{Span, limits};
use crate::diag::{Code, Diagnostic};
use crate::driver::PlannedLayer;
use crate::engine::{self, EngineLimit};
use crate::lower::Names;
use crate::models::{Failure, Why};

/// Why the engine does not count something.
pub(super) fn reason(limit: &EngineLimit) -> String {
    match limit {
        EngineLimit::TooManyClasses | EngineLimit::Irregular => format!(
            "its loops have too many kinds of windows to be counted in reasonable time (of one group of dimensions at most \
             {} kinds, or {} instances that differ)",
            grouped(limits::GROUP_STATES.into()),
            grouped(limits::LISTED_INSTANCES as u128)
        ),
        EngineLimit::TooManySteps => format!(
            "more than {} steps of PEs follow no pattern and would have to be executed one by one",
            grouped(engine::MOST_STEPS.into())
        ),
        EngineLimit::TooMuchWork => format!(
            "that takes more than {} steps of work, the limit of one layer or group",
            grouped(limits::LAYER.into())
        ),
        EngineLimit::Overflow => "its counts may be larger than 2^64".to_owned(),
        EngineLimit::Mismatch {
            performed,
            expected,
        } => format!(
            "the engine performed {performed} of {expected} operations; this is a mistake of the program, please \
             report it"
        ),
        EngineLimit::Law(law) => format!(
            "its counts break the law that {law}; this is a mistake of the program, please report it"
        ),
    }
}

/// E0604 for what takes too long, E0602 for what the engine does not count.
pub(super) fn code(limit: &EngineLimit) -> Code {
    match limit {
        EngineLimit::TooMuchWork => Code::E0604,
        _ => Code::E0602,
    }
}

/// What helps against E0604.
pub(super) const LESS_WORK: &str = "use fewer loops or Cluster levels, or larger tiles; sizes that divide each other, \
     and offset = size, have fewer kinds of steps";

/// E0604: what stands before it has cost all that one run may cost.
pub(super) fn run_is_spent(what: &str, span: Span) -> Diagnostic {
    let most = grouped(limits::RUN.into());
    let message = format!("{what} is not looked at: this run has taken {most} steps of work");
    Diagnostic::new(Code::E0604, message)
        .at(span, "the first one that is left out")
        .help("split the program, or take `--map` or `--layer` for a part of it")
}

/// E0602 or E0604 at a layer that is beyond the engine.
#[must_use]
pub fn limit_diagnostic(limit: &EngineLimit, names: &Names) -> Diagnostic {
    let reason = reason(limit);
    let refusal = Diagnostic::new(
        code(limit),
        format!("layer `{}` cannot be counted: {reason}", names.layer),
    )
    .at(names.layer_span, "this layer");
    match limit {
        EngineLimit::TooManySteps => refusal.help(
            "use fewer or larger tiles; or map output rows and columns (`Y'`, `X'`) instead of input ones, with the \
             kernel (`R`, `S`) tiled in another Cluster level, which makes a pattern",
        ),
        EngineLimit::TooManyClasses | EngineLimit::Irregular => {
            refusal.help("use fewer or larger tiles")
        }
        EngineLimit::TooMuchWork => refusal.help(LESS_WORK),
        EngineLimit::Overflow | EngineLimit::Mismatch { .. } | EngineLimit::Law(_) => refusal,
    }
}

/// A model has no figures for a layer to which it applies.
pub(super) fn failure_diagnostic(failure: &Failure, names: &Names) -> Diagnostic {
    match failure {
        Failure::Limit(limit) => limit_diagnostic(limit, names),
        Failure::Own(why) => {
            let message = format!("layer `{}` {}", names.layer, why.reason);
            of_model(why, message).at(names.layer_span, "this layer")
        }
    }
}

/// A model does not apply to a layer.
pub(super) fn inapplicable(model: &str, why: &Why, names: &Names) -> Diagnostic {
    let (layer, reason) = (&names.layer, &why.reason);
    let message = format!("the model `{model}` does not apply: layer `{layer}` {reason}");
    of_model(why, message).at(names.layer_span, "this layer")
}

/// Loops that nobody wrote cannot be mended: of a layer that fell to streaming, it is said that it needs a dataflow.
pub(super) fn by_fallback(refusal: Diagnostic, planned: &PlannedLayer) -> Diagnostic {
    match &planned.note {
        Some(note) if planned.fallback && refusal.code == Code::E0613 => {
            refusal.note(note.clone()).help("give the layer a dataflow of those that the model takes: see `dflowc explain E0613`")
        }
        _ => refusal,
    }
}

/// A message under the code that the model gives it; a code that is none is E0601.
pub(super) fn of_model(why: &Why, message: String) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::parse(why.code).unwrap_or(Code::E0601), message);
    match &why.help {
        Some(help) => diagnostic.help(help.clone()),
        None => diagnostic,
    }
}
