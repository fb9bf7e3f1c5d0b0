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

#[cfg(test)]
mod tests {
    use crate::lsp::analysis::evaluate::ResultCache;
    use crate::lsp::analysis::hints::{HintKind, hints};
    use crate::lsp::analysis::hover::hover;
    use crate::lsp::analysis::testing::cursor;

    const TEXT: &str = "use std.accelerators.systolic;
        Dataflow one { Schedule: XYZ$0iZo; }
        Dataflow two { Schedule: Zi Y Zo X; }
        Network net { Layer conv3 { Type: CONV; Dimensions { N: 1, K: 384, C: 256, Y: 15, X: 15, R: 3, S: 3 } } }
        Map net on systolic { default: one; }
        Map net on systolic as other { default: two; }";

    /// The cost is that of the model that knows the schedule: conv3 takes 430,090 cycles (the authors' program).
    #[test]
    fn a_schedule_has_its_loops_and_its_layers_their_cost_beside_it() {
        let (snapshot, at) = cursor(TEXT);
        let mut cache = ResultCache::default();
        let evaluated = cache.evaluate(&snapshot, || false);
        assert_eq!(evaluated.diagnostics, []);
        let hints = hints(&snapshot, &evaluated, &mut cache);
        let of = |kind| hints.iter().filter(move |hint| hint.kind == kind);
        let spelled: Vec<&str> = of(HintKind::Schedule)
            .map(|hint| hint.label.as_str())
            .collect();
        assert_eq!(spelled, ["Zo Zi Y X", "XZoYZi"]);
        let costs: Vec<&str> = of(HintKind::Cost).map(|hint| hint.label.as_str()).collect();
        assert!(
            costs.iter().any(|cost| cost.contains("430,090 cycles")),
            "{costs:?}"
        );
        let shown = hover(&snapshot, &evaluated, &mut cache, at)
            .unwrap()
            .markdown;
        assert!(shown.contains("of the model `deepopt`"), "{shown}");
        assert!(
            shown.find("* Zo: filters") < shown.find("* X: columns"),
            "{shown}"
        );
    }

    /// What the model does not describe is said in the editor, for every layer.
    #[test]
    fn what_is_refused_is_said() {
        let (snapshot, _) = cursor(
            "use std.accelerators.systolic;
            Network net { Layer a { Type: CONV; Dimensions { N: 1, K: 8, C: 8, Y: 17, X: 17, R: 1, S: 7 } }
                          Layer b { Type: CONV; Dimensions { N: 1, K: 8, C: 8, Y: 17, X: 11, R: 1, S: 7 } } }
            Map net on systolic { default: { Schedule: XYZiZo; } }",
        );
        let evaluated = ResultCache::default().evaluate(&snapshot, || false);
        let codes: Vec<&str> = evaluated
            .diagnostics
            .iter()
            .map(|one| one.code.as_str())
            .collect();
        assert_eq!(codes, ["E0611", "E0611"]);
    }
}
