//! Why no design of a sweep is an answer.

use super::design::accelerator;
use super::prepare::Sweep;
use super::{Engine, design};
use crate::cost::Built;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::Compiled;
use crate::evaluate::{self, Cache, Request, Selection, Until};
use crate::lower::Options;

/// Designs that are looked at for one within the budget.
const MOST: u64 = 10_000;

/// Says of a sweep without an answer what excludes its designs: the budget, or what keeps the layers from the first that is
/// within it.
pub fn explain(compiled: &Compiled, sweep: &Sweep<'_>, sink: &mut Diagnostics) {
    let explore = sweep.explore;
    let within = if explore.budget.is_empty() {
        ""
    } else {
        " within the budget"
    };
    let message = format!("no design of `{}` runs every layer{within}", explore.name);
    let refusal = Diagnostic::new(Code::E0506, message).at(explore.span, "this exploration");
    let Engine::Counted(engine) = &sweep.engine else {
        sink.push(refusal);
        return;
    };
    let Some((places, label)) = first(compiled, sweep) else {
        sink.push(refusal);
        return;
    };
    sink.push(refusal.note(format!("what follows is said of the first one, `{label}`")));
    let Ok(made) = accelerator(compiled, explore, &places) else {
        return;
    };
    let mut compiled = engine.program(&sweep.grid).clone();
    if let Some(place) = compiled.program.accelerators.get_mut(explore.accelerator) {
        *place = made;
    }
    let layers: Vec<usize> = sweep.layers.iter().map(|merged| merged.at).collect();
    let maps = 0..compiled.program.maps.len();
    let request = Request {
        selection: &Selection {
            maps: maps.map(|map| (map, layers.clone())).collect(),
        },
        models: &[sweep.model],
        until: Until::Evaluated,
        options: Options::default(),
        warnings: false,
    };
    evaluate::run(&compiled, &request, &mut Cache::default(), sink);
}

/// The first design within the budget of area and power, and what it is called.
fn first(compiled: &Compiled, sweep: &Sweep<'_>) -> Option<(Vec<usize>, String)> {
    let layer = sweep.layers.first()?.layer;
    (0..sweep.grid.points().min(MOST)).find_map(|number| {
        let places = sweep.grid.places(number);
        if !sweep.grid.admits(&places) {
            return None;
        }
        let made = accelerator(compiled, sweep.explore, &places).ok()?;
        let of = |kind| design::built(kind, sweep.technology.as_ref(), &made, layer);
        let over = sweep.is_too_large(of(Built::Area)) || sweep.takes_too_much(of(Built::Power));
        (!over).then(|| (places, made.label()))
    })
}
