//! An exploration as a question to `explore`, with everything that is wrong with it said before work begins.

use super::{Engine, counted, deepopt, dmazerunner, searched};
use crate::cost::{Built, Technology};
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::Compiled;
use crate::explore::{Aim, Classes, Figure, Filter, Grid, Heading, Question};
use crate::hir::explore::{Bound, Explore, Figure as Written, Inside, Scope};
use crate::hir::{Layer, Word};
use crate::models::{self, Model};
use crate::optimize::proof;
use crate::pricing;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// A sweep that is ready to run.
pub struct Sweep<'a> {
    pub explore: &'a Explore,
    pub grid: Grid,
    pub question: Question,
    pub model: &'static dyn Model,
    /// Designs of the grid that its conditions admit.
    pub designs: u64,
    /// Those that are evaluated, in the order of the network, equal ones once.
    pub(super) layers: Vec<Merged<'a>>,
    pub(super) technology: Option<Technology>,
    /// Whether a figure that is asked for is made of energy.
    pub(super) is_priced: bool,
    pub(super) engine: Engine<'a>,
}

/// A layer, and how often it and those that equal it run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Merged<'a> {
    /// Index into the layers of the network.
    pub at: usize,
    pub layer: &'a Layer,
    pub times: u64,
}

fn merged<'a>(layers: &'a [Layer], chosen: &[usize]) -> Vec<Merged<'a>> {
    let mut found: Vec<Merged<'a>> = Vec::new();
    for &at in chosen {
        let Some(layer) = layers.get(at) else {
            continue;
        };
        let same = |known: &&mut Merged<'_>| {
            known.layer.shape == layer.shape
                && known.layer.type_name == layer.type_name
                && known.layer.precision == layer.precision
                && known.layer.density == layer.density
                && known.layer.named == layer.named
        };
        match found.iter_mut().find(same) {
            Some(known) => known.times += layer.times,
            None => found.push(Merged {
                at,
                layer,
                times: layer.times,
            }),
        }
    }
    found
}

/// The name of a figure as it is written.
#[must_use]
pub(super) fn name(figure: Figure) -> &'static str {
    match figure {
        Figure::Energy => "energy",
        Figure::Cycles => "cycles",
        Figure::Edp => "edp",
        Figure::E2dp => "e2dp",
        Figure::Ed2p => "ed2p",
        Figure::Area => "area",
        Figure::Power => "power",
        Figure::Buffer => "buffer",
    }
}

fn figure(written: Written) -> Figure {
    match written {
        Written::Energy => Figure::Energy,
        Written::Cycles => Figure::Cycles,
        Written::Edp => Figure::Edp,
        Written::E2dp => Figure::E2dp,
        Written::Ed2p => Figure::Ed2p,
        Written::Area => Figure::Area,
        Written::Power => Figure::Power,
    }
}

/// Judges every exploration of a program, and evaluates nothing.
pub fn check(compiled: &Compiled, sink: &mut Diagnostics) {
    for explore in &compiled.program.explorations {
        let _ = prepare(compiled, explore, sink);
    }
}

/// The sweep of an exploration; `None` when something is wrong with it, which has been reported.
#[must_use]
pub fn prepare<'a>(
    compiled: &'a Compiled,
    explore: &'a Explore,
    sink: &mut Diagnostics,
) -> Option<Sweep<'a>> {
    let program = &compiled.program;
    let accelerator = program.accelerators.get(explore.accelerator)?;
    let network = program.networks.get(explore.network)?;
    let model = charged(explore, model(compiled, explore, sink)?, sink)?;
    let layers = merged(&network.layers, &explore.layers);
    let source = accelerator
        .technology
        .and_then(|at| program.technologies.get(at));
    let technology = source.map(|source| pricing::technology(source, &mut Diagnostics::new()));
    let question = question(explore);
    let clock = accelerator.clock.is_some();
    let is_built = technology
        .as_ref()
        .is_some_and(|technology| technology.has(Built::Power));
    let wanted = wanted(explore);
    let missing = |what: &str, figure: Written, span| {
        let name = name(self::figure(figure));
        Diagnostic::new(
            Code::E0503,
            format!(
                "`{name}` needs {what}, which `{}` does not have",
                accelerator.name
            ),
        )
        .at(span, "wanted here")
        .also(accelerator.name_span, "the accelerator")
    };
    for &(figure, span) in &wanted {
        if figure != Written::Cycles && technology.is_none() {
            sink.push(missing("a `Technology`", figure, span));
            return None;
        }
        if figure == Written::Power && !clock && !is_built {
            sink.push(missing("a `Clock`", figure, span));
            return None;
        }
    }
    let filters = explore.filters.iter().map(|filter| Filter {
        axes: filter.axes.clone(),
        admits: filter.admits.clone(),
    });
    let lengths = explore.axes.iter().map(|axis| axis.values.len()).collect();
    let Some(grid) = Grid::new(lengths, filters.collect()) else {
        let message = "the conditions of `where` link names with too many combinations of values";
        sink.push(
            Diagnostic::new(Code::E0604, message)
                .at(explore.span, "2^24 combinations are looked at")
                .help("leave out a condition, or split the exploration"),
        );
        return None;
    };
    let designs = grid.designs();
    if designs == 0 {
        sink.push(
            Diagnostic::new(Code::E0207, "no design keeps all conditions of `where`")
                .at(explore.span, "each alone is kept by some"),
        );
        return None;
    }
    several(explore, &wanted, is_built, sink)?;
    for (figure, kind) in [(Written::Area, Built::Area), (Written::Power, Built::Power)] {
        let asked = wanted.iter().find(|one| one.0 == figure);
        let (Some(&(_, span)), Some(merged)) = (asked, layers.first()) else {
            continue;
        };
        if kind == Built::Power && !is_built {
            continue;
        }
        let origin = vec![0; grid.lengths().len()];
        let made = match super::design::accelerator(compiled, explore, &origin) {
            Ok(made) => made,
            Err(refused) => {
                sink.extend(refused.iter().cloned());
                return None;
            }
        };
        if super::design::built(kind, technology.as_ref(), &made, merged.layer).is_nan() {
            let name = name(self::figure(figure));
            let message = format!("the {name} of `{}` is not known", made.label());
            let help = match kind {
                Built::Area => "`dflowc eval` says what its technology lacks",
                Built::Power => {
                    "its technology has `power` entries for some of the parts: it needs one for each"
                }
            };
            let refusal = Diagnostic::new(Code::E0503, message).at(span, "wanted here");
            sink.push(refusal.help(help));
            return None;
        }
    }
    let engine = match &explore.inside {
        Inside::Dataflows(dataflows) => {
            let engine = counted::Counted::new(compiled, explore, model, dataflows);
            if explore.axes.iter().any(|axis| axis.required) && !engine.sets_required(&grid) {
                return cannot_require(explore, sink);
            }
            Engine::Counted(Box::new(engine))
        }
        _ if explore.axes.iter().any(|axis| axis.required) => {
            return cannot_require(explore, sink);
        }
        Inside::Adaptive(_) => Engine::DMazeRunner(dmazerunner::Optimizer::new(
            compiled,
            explore,
            &layers,
            technology.as_ref(),
            &wanted
                .iter()
                .map(|&(written, span)| (figure(written), span))
                .collect::<Vec<_>>(),
            sink,
        )?),
        Inside::Space(_) => Engine::DeepOpt(Box::new(deepopt::Allocation::new(
            compiled,
            explore,
            &grid,
            &layers,
            technology.as_ref(),
            sink,
        )?)),
        Inside::Search { search, span } => {
            let search = program.searches.get(*search)?;
            let searched = searched::Searched::new(compiled, (explore, search, *span), sink)?;
            Engine::Searched(Box::new(searched))
        }
    };
    let is_priced = wanted.iter().any(|one| match one.0 {
        Written::Cycles | Written::Area => false,
        Written::Power => !is_built,
        _ => true,
    });
    Some(Sweep {
        is_priced,
        explore,
        grid,
        question,
        model,
        designs,
        layers,
        technology,
        engine,
    })
}

/// E0602: a size that is required is not one that can be set.
fn cannot_require<T>(explore: &Explore, sink: &mut Diagnostics) -> Option<T> {
    let axis = explore.axes.iter().find(|axis| axis.required)?;
    let message = format!("`{}` cannot be set to what is required", axis.name);
    let help = "it must be the `Size` of memories and nothing else, under dataflows that do not ask for it, by a model that \
                counts";
    sink.push(
        Diagnostic::new(Code::E0602, message)
            .at(axis.span, "wanted here")
            .help(help),
    );
    None
}

fn question(explore: &Explore) -> Question {
    let bounds = |bounds: &[Bound]| -> Vec<(Figure, f64)> {
        let bounds = bounds.iter();
        bounds.map(|one| (figure(one.figure), one.value)).collect()
    };
    Question {
        aims: explore
            .objectives
            .iter()
            .map(|objective| Aim {
                figures: objective.figures.iter().map(|&one| figure(one)).collect(),
            })
            .collect(),
        most: bounds(&explore.budget),
        least: explore.worst.as_deref().map(bounds),
        classes: explore.each.map(|each| {
            let behind = explore.axes.iter().skip(each + 1);
            Classes {
                stride: behind.map(|axis| axis.values.len() as u64).product(),
                length: explore.axes.get(each).map_or(0, |axis| axis.values.len()),
            }
        }),
        planes: Vec::new(),
    }
}

/// Every figure that the exploration mentions, and where.
fn wanted(explore: &Explore) -> Vec<(Written, crate::base::Span)> {
    let objectives = explore.objectives.iter();
    let objectives =
        objectives.flat_map(|one| one.figures.iter().map(|&figure| (figure, one.span)));
    let bounds = explore.budget.iter().chain(explore.worst.iter().flatten());
    objectives
        .chain(bounds.map(|bound| (bound.figure, bound.span)))
        .collect()
}

/// Of several schedules per layer every figure is the least one, of another schedule each: such figures are no design
/// together, and their product is that of none.
fn several(
    explore: &Explore,
    wanted: &[(Written, crate::base::Span)],
    power_is_built: bool,
    sink: &mut Diagnostics,
) -> Option<()> {
    // A search finds one schedule per layer.
    let is_one = match &explore.inside {
        Inside::Dataflows(all) => all.len() == 1,
        Inside::Search { .. } => true,
        Inside::Adaptive(_) | Inside::Space(_) => false,
    };
    if is_one {
        return Some(());
    }
    let products = [Written::Edp, Written::E2dp, Written::Ed2p];
    for &(figure, span) in wanted {
        let name = name(self::figure(figure));
        let reason = if figure == Written::Power && !power_is_built {
            "the power of several schedules is that of none of them"
        } else if explore.scope == Scope::Network && products.contains(&figure) {
            "which schedules have the least product of sums is not decided layer by layer"
        } else {
            continue;
        };
        let refusal = Diagnostic::new(Code::E0602, format!("no `{name}` here: {reason}"))
            .at(span, "wanted here");
        sink.push(if figure == Written::Power {
            refusal.help("give one dataflow in `map`")
        } else {
            refusal
                .help("`scope: layers;` adds up the products of the layers, as published tables do")
        });
        return None;
    }
    let of_schedule = |figure: &&Written| match figure {
        Written::Area => false,
        Written::Power => !power_is_built,
        _ => true,
    };
    for objective in &explore.objectives {
        if objective.figures.iter().filter(of_schedule).count() > 1 {
            let message = "a front of figures that different schedules have is none of designs";
            sink.push(
                Diagnostic::new(Code::E0602, message)
                    .at(
                        objective.span,
                        "each figure is the least over the schedules",
                    )
                    .help("give one dataflow in `map`, or take one of the figures and `area`"),
            );
            return None;
        }
    }
    Some(())
}

/// The model, with what `fc` says of it.
fn charged(
    explore: &Explore,
    known: &'static dyn Model,
    sink: &mut Diagnostics,
) -> Option<&'static dyn Model> {
    let Some(fc) = explore.fc else {
        return Some(known);
    };
    let of = models::deepopt::PUBLISHED.name();
    if known.name() != of {
        let message = format!(
            "`fc` is a parameter of the model `{of}`, and `{}` has none",
            known.name()
        );
        let refusal = Diagnostic::new(Code::E0601, message).at(fc.span, "said here");
        sink.push(refusal.help(format!("leave it out, or take `model: {of};`")));
        return None;
    }
    Some(if fc.corrected {
        &models::deepopt::CORRECTED
    } else {
        known
    })
}

/// The model, if it is known and can do what is asked.
fn model(
    compiled: &Compiled,
    explore: &Explore,
    sink: &mut Diagnostics,
) -> Option<&'static dyn Model> {
    let (needed, place, what) = match &explore.inside {
        Inside::Dataflows(_) => (None, explore.span, ""),
        Inside::Adaptive(span) => (Some("dmazerunner"), *span, "an adaptive search"),
        Inside::Search { search, span } => {
            let search = compiled.program.searches.get(*search)?;
            let model = search.model.as_ref();
            let name = model.map_or(models::DEFAULT.name(), |model| &model.text);
            (Some(name), *span, "this search")
        }
        Inside::Space(word) => {
            if word.text != "deepopt" {
                let message = format!("no model has a space `{}`", word.text);
                let refusal = Diagnostic::new(Code::E0201, message).at(word.span, "unknown space");
                sink.push(match nearest(&word.text, ["deepopt"]) {
                    Some(near) => refusal.fix(word.span, near.to_owned(), "use the known name"),
                    None => refusal.help("`space deepopt;` is the one that there is"),
                });
                return None;
            }
            (Some("deepopt"), word.span, "the space `deepopt`")
        }
    };
    let Some(Word { text, span }) = &explore.model else {
        return match needed {
            Some(needed) => models::by_name(needed),
            None => Some(models::DEFAULT),
        };
    };
    let Some(known) = models::by_name(text) else {
        let names: Vec<&str> = models::REGISTRY.iter().map(|model| model.name()).collect();
        let refusal = Diagnostic::new(Code::E0201, format!("there is no cost model `{text}`"))
            .at(*span, "unknown model")
            .note(format!("there are {}", names.join(", ")));
        sink.push(match nearest(text, names.iter().copied()) {
            Some(near) => refusal.help(format!("did you mean `{near}`?")).fix(
                *span,
                near.to_owned(),
                "use the known name",
            ),
            None => refusal,
        });
        return None;
    };
    if let Some(needed) = needed.filter(|needed| *needed != known.name()) {
        sink.push(
            Diagnostic::new(
                Code::E0601,
                format!("{what} is of the model `{needed}`, and `{text}` has none"),
            )
            .at(place, "asked for here")
            .also(*span, "by this model")
            .help("say with `map` which dataflow the layers have"),
        );
        return None;
    }
    Some(known)
}

impl Sweep<'_> {
    /// Whether a design of that area is over the budget, whatever it costs to run.
    pub(super) fn is_too_large(&self, um2: f64) -> bool {
        um2 > self.most(Figure::Area)
    }

    /// The same of the power of its parts.
    pub(super) fn takes_too_much(&self, mw: f64) -> bool {
        mw > self.most(Figure::Power)
    }

    /// The largest value of a figure that the budget allows.
    pub(super) fn most(&self, figure: Figure) -> f64 {
        let bounds = self.question.most.iter();
        let own = bounds.filter(|bound| bound.0 == figure);
        own.map(|bound| bound.1).fold(f64::INFINITY, f64::min)
    }

    /// What a journal of this sweep is of.
    #[must_use]
    pub fn heading(&self, compiled: &Compiled, settings: &[String]) -> Heading {
        let explore = self.explore;
        let mut text = String::new();
        // The values and tables of the sweep, all of what it asks, and what was set from outside.
        let _ = write!(
            text,
            "{} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            // Another version may reckon otherwise, or have another library.
            env!("CARGO_PKG_VERSION"),
            explore.name,
            self.grid,
            self.question,
            explore
                .axes
                .iter()
                .map(|axis| (&axis.values, axis.required))
                .collect::<Vec<_>>(),
            explore.scope,
            self.model.name(),
            settings
        );
        let digest = Sha256::digest(text);
        let mut sum = String::with_capacity(64);
        for byte in digest.iter() {
            let _ = write!(sum, "{byte:02x}");
        }
        use crate::explore::Evaluator;
        Heading::new(
            explore.name.clone(),
            proof::digest(compiled),
            sum,
            self.pieces(),
            self.designs,
        )
    }
}
