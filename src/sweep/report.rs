//! What a sweep found, as `explorations[]` of a report: one entry per objective.

use super::Engine;
use super::design::arguments;
use super::prepare::{Sweep, name};
use crate::base::{Dimension, Ratio};
use crate::driver::Compiled;
use crate::explore::{Answer, Design, Figure, Part};
use crate::hir::Value;
use crate::hir::explore::{Axis, Bound, Inside, Scope};
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
                .map(|axis| (axis.name.clone(), span(axis)))
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
fn span(axis: &Axis) -> String {
    match axis.values.as_slice() {
        _ if axis.required => "required".to_owned(),
        [one] => one.to_string(),
        [first, .., last] => format!("{first}..{last} ({} values)", axis.values.len()),
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
    let required = required(sweep, &places);
    let axes = sweep.explore.axes.iter().zip(&places).enumerate();
    let parameters = axes.filter_map(|(at, (axis, &place))| {
        let own = required.iter().find(|one| one.0 == at).map(|one| one.1);
        let value = own.or(axis.values.get(place).copied())?;
        Some((axis.name.clone(), amount(value)))
    });
    let finite = |figure: Figure| Some(design.get(figure)).filter(|value| value.is_finite());
    let base = compiled.program.accelerators.get(sweep.explore.accelerator);
    let mut given = arguments(compiled, sweep.explore, &places);
    for (parameter, value) in &mut given {
        let own = |one: &&(usize, Value)| {
            let axis = sweep.explore.axes.get(one.0);
            axis.is_some_and(|axis| axis.parameters.contains(parameter))
        };
        if let Some(one) = required.iter().find(own) {
            *value = one.1;
        }
    }
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

/// The sizes that are required on a design, by axis.
fn required(sweep: &Sweep<'_>, places: &[usize]) -> Vec<(usize, Value)> {
    let Engine::Counted(engine) = &sweep.engine else {
        return Vec::new();
    };
    if !sweep.explore.axes.iter().any(|axis| axis.required) {
        return Vec::new();
    }
    let found = engine.required(sweep, places).into_iter();
    found
        .filter_map(|(axis, bits)| {
            let bytes = Ratio::new(bits.div_ceil(8), 1)?;
            Some((axis, Value::Exact(bytes, Some(Dimension::Size))))
        })
        .collect()
}

fn amount(value: Value) -> Amount {
    match value {
        Value::Integer(value) => Amount::Number(value),
        Value::Exact(..) => Amount::Text(value.to_string()),
    }
}
