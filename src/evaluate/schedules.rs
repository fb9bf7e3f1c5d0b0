//! Schedules that models know by name: `Schedule: XYZiZo;`.
//!
//! A front end takes any name; here, where the models are known, a name that none of them has is a mistake, and so is a
//! layer of which none of those that have it says anything: nobody could ever evaluate it.

use super::limits;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::hir::{DataflowBody, Program};
use crate::lower::Names;
use crate::models::{self, Subject};

/// Names that no model knows, each where it is written.
pub(super) fn check_names(program: &Program, sink: &mut Diagnostics) {
    for dataflow in &program.dataflows {
        let DataflowBody::Schedule(word) = &dataflow.body else {
            continue;
        };
        if models::knowing(&word.text).next().is_some() {
            continue;
        }
        let known: Vec<&str> = models::REGISTRY
            .iter()
            .flat_map(|model| model.schedules().iter().copied())
            .collect();
        let message = format!("no model knows a schedule `{}`", word.text);
        let unknown = Diagnostic::new(Code::E0201, message)
            .at(word.span, "unknown schedule")
            .note(format!("known are {}", known.join(", ")));
        sink.push(match nearest(&word.text, known) {
            Some(near) => unknown.fix(word.span, format!("Schedule: {near}"), "the nearest name"),
            None => unknown,
        });
    }
}

/// Why no model that knows the schedule says anything of the layer; nothing if one does.
pub(super) fn refusal(subject: &Subject<'_>, schedule: &str, names: &Names) -> Option<Diagnostic> {
    let mut first = None;
    for model in models::knowing(schedule) {
        match model.applies(subject) {
            Ok(()) => return None,
            Err(why) => {
                first.get_or_insert_with(|| limits::inapplicable(model.name(), &why, names));
            }
        }
    }
    first
}
