//! What was chosen as entries of a map: `l1, l2: { Schedule: XYZiZo; }`.

use super::{Chosen, Layered};
use crate::hir::{Layer, Network};
use crate::models::deepopt::Schedule;
use std::fmt::Write;

/// The dataflow of a schedule, as `report` has it.
pub(super) fn dataflow(schedule: Schedule) -> String {
    format!("{{\n  Schedule: {schedule};\n}}")
}

/// The entries of a map; `false` when there are none.
pub(in crate::optimize) fn emit(out: &mut String, network: &Network, chosen: &Chosen) -> bool {
    let mut any = false;
    for layered in &chosen.layers {
        any |= layer(out, network, layered);
    }
    any
}

fn layer(out: &mut String, network: &Network, layered: &Layered) -> bool {
    let all = std::iter::once(&layered.layer).chain(&layered.same_as);
    let known: Vec<&Layer> = all.filter_map(|&at| network.layers.get(at)).collect();
    let names: Vec<&str> = known.iter().map(|layer| layer.name.as_str()).collect();
    let names = names.join(", ");
    let Some(schedule) = layered.chosen else {
        let _ = writeln!(out, "  // {names}: no schedule was found");
        return false;
    };
    let text = dataflow(schedule).replace('\n', "\n  ");
    let _ = writeln!(out, "  {names}: {text}");
    true
}
