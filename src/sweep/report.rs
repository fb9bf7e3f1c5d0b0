//! What a sweep found, as `explorations[]` of a report: one entry per objective.

use super::design::arguments;
use super::prepare::{Sweep, name};
use crate::driver::Compiled;
use crate::explore::{Answer, Design, Figure, Part};
use crate::hir::Value;
use crate::hir::explore::{Bound, Inside, Scope};
use crate::report::model::Ordered;
use crate::report::search::{Amount, DesignReport, ExplorationReport};

/// The reports of a sweep, one per objective. `pieces` are those that are done and all of them.
#[must_use]
pub fn report(
    compiled: &Compiled,
    sweep: &Sweep<'_>,
    part: &Part,
    pieces: (u64, u64),
) -> Vec<ExplorationReport> {
    let explore = sweep.explore;
    let program = &compiled.program;
    let network = program.networks.get(explore.network);
    let accelerator = program.accelerators.get(explore.accelerator);
    let layers: Vec<String> = explore
        .layers
        .iter()
        .filter_map(|&at| Some(network?.layers.get(at)?.name.clone()))
        .collect();
    let bounds = |bounds: &[Bound]| -> Vec<String> {
        bounds
            .iter()
            .map(|bound| compiled.sources.text_of(bound.span).to_owned())
            .collect()
    };
    let counts = part.counts;
    let base = ExplorationReport {
        name: explore.name.clone(),
        network: network.map(|network| network.label()).unwrap_or_default(),
        layers,
        accelerator: accelerator.map(|known| known.label()).unwrap_or_default(),
        model: sweep.model.name().to_owned(),
        inside: match &explore.inside {
            Inside::Dataflows(all) => {
                let all: Vec<String> = all.iter().map(|one| compiled.spelling(one)).collect();
                all.join(", ")
            }
            Inside::Adaptive(_) => "adaptive".to_owned(),
            Inside::Space(word) => format!("space {}", word.text),
            Inside::Search { search, .. } => {
                let search = program.searches.get(*search);
                search.map_or_else(String::new, |search| format!("search {}", search.name))
            }
        },
        scope: match explore.scope {
            Scope::Layers => "layers".to_owned(),
            Scope::Network => "network".to_owned(),
        },
        varied: Ordered(
            explore
                .axes
                .iter()
                .map(|axis| (axis.name.clone(), span(&axis.values)))
                .collect(),
        ),
        budget: bounds(&explore.budget),
        objective: Vec::new(),
        designs: sweep.designs,
        evaluated: counts.evaluated,
        unfit: counts.unfit,
        over_budget: counts.over,
        pruned: Ordered(vec![
            ("area".to_owned(), counts.pruned_by_area),
            ("power".to_owned(), counts.pruned_by_power),
        ]),
        pieces_done: (pieces.0 != pieces.1).then_some(pieces.0),
        pieces: (pieces.0 != pieces.1).then_some(pieces.1),
        best: None,
        worst: None,
        worst_among: explore.worst.as_deref().map(bounds),
        front: Vec::new(),
        each: Vec::new(),
    };
    let both = sweep.question.aims.iter().zip(&part.answers);
    both.map(|(aim, answer)| {
        let Answer {
            best,
            worst,
            front,
            each,
            ..
        } = answer;
        let design = |design: &Design| one(compiled, sweep, &aim.figures, design);
        ExplorationReport {
            objective: aim
                .figures
                .iter()
                .map(|&figure| name(figure).to_owned())
                .collect(),
            best: best.as_ref().map(design),
            worst: worst.as_ref().map(design),
            front: front.iter().map(design).collect(),
            each: each.iter().flatten().map(design).collect(),
            ..base.clone()
        }
    })
    .collect()
}

/// `8..64 (29 values)`
fn span(values: &[Value]) -> String {
    match values {
        [one] => one.to_string(),
        [first, .., last] => format!("{first}..{last} ({} values)", values.len()),
        [] => String::new(),
    }
}

fn one(
    compiled: &Compiled,
    sweep: &Sweep<'_>,
    figures: &[Figure],
    design: &Design,
) -> DesignReport {
    let places = sweep.grid.places(design.number);
    let axes = sweep.explore.axes.iter().zip(&places);
    let parameters = axes
        .filter_map(|(axis, &place)| Some((axis.name.clone(), amount(*axis.values.get(place)?))));
    let finite = |figure: Figure| Some(design.get(figure)).filter(|value| value.is_finite());
    let base = compiled.program.accelerators.get(sweep.explore.accelerator);
    let given = arguments(compiled, sweep.explore, &places);
    let given: Vec<String> = given
        .iter()
        .filter_map(|(at, value)| {
            let bound = base?.parameters.get(*at)?;
            Some(format!("{} = {value}", bound.name))
        })
        .collect();
    DesignReport {
        parameters: Ordered(parameters.collect()),
        accelerator: format!(
            "{}({})",
            base.map_or("", |base| base.name.as_str()),
            given.join(", ")
        ),
        values: figures.iter().map(|&figure| design.get(figure)).collect(),
        area_um2: finite(Figure::Area),
        power_mw: finite(Figure::Power),
    }
}

fn amount(value: Value) -> Amount {
    match value {
        Value::Integer(value) => Amount::Number(value),
        Value::Exact(..) => Amount::Text(value.to_string()),
    }
}
