//! Schedules with a name: `Schedule: XYZiZo;` and `Schedule: Zo Zi Y X;` are the same, and who reads one may want the other.

use crate::models::deepopt::{Loop, Schedule};
use crate::models::knowing;
use crate::syntax::ast::Name;
use std::fmt::Write;

/// The schedule that the words behind `Schedule:` name.
fn meant(words: &[Name]) -> Option<Schedule> {
    // Of several words each is a loop, from the outermost on; a name reads the other way.
    let name: String = words.iter().rev().map(Name::as_str).collect();
    Schedule::named(&name)
}

/// The other spelling: the loops of a name, the name of loops.
#[must_use]
pub fn other_spelling(words: &[Name]) -> Option<String> {
    let schedule = meant(words)?;
    Some(match words {
        [_] => schedule.loops().map(Loop::name).join(" "),
        _ => schedule.to_string(),
    })
}

/// What it is, as Markdown.
#[must_use]
pub fn about(words: &[Name]) -> Option<String> {
    let schedule = meant(words)?;
    let model = knowing(schedule.name()).next()?;
    let mut out = format!(
        "`{schedule}` of the model `{}`, by formulas. From the outermost loop on:\n\n",
        model.name()
    );
    for step in schedule.loops() {
        let moves = match step {
            Loop::X => "columns of the result, one at a time",
            Loop::Y => "rows of the result, one at a time",
            Loop::Zi => "channels, as many at a time as the rows of the array hold",
            Loop::Zo => "filters, as many at a time as the array has columns",
        };
        let _ = writeln!(out, "* {}: {moves}", step.name());
    }
    Some(out)
}
