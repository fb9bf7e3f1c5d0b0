//! The five schedules as a model that `--model deepopt` names.
//!
//! A layer whose dataflow is a `Schedule: XYZiZo;` has no loops: layer, machine and schedule are read from the operation, the
//! architecture and the name, and the closed forms do the rest. Prices are those of the technology: a MAC, a bit of every
//! memory at its size, and for the registers a bit of the memory in the array (of the class RF where there is none).
//!
//! Figures follow the published tables: of a batch in a fully connected layer, cycles and accesses are those of one image, and
//! MACs and registers are charged for all of them. What the energy would be with those per image as well is a figure of its
//! own, and the energy of the variant `deepopt(fc: corrected)`.

use super::estimate::{Count, DenseEnergy, Estimate as Closed, Prices, estimate};
use super::layer::{Inapplicable, Layer, Machine};
use super::price;
use super::schedule::Schedule;
use crate::cost::{self, Component, Cost, CostError};
use crate::models::{Estimate, Failure, Figure, Model, Part, Pricing, Problem, Subject, Why};

/// The model `deepopt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeepOpt {
    /// How a fully connected layer of several images is charged.
    pub dense: DenseEnergy,
}

/// As in the published tables.
pub const PUBLISHED: DeepOpt = DeepOpt {
    dense: DenseEnergy::Published,
};

/// Everything per image.
pub const CORRECTED: DeepOpt = DeepOpt {
    dense: DenseEnergy::Corrected,
};

const NAMES: [&str; 5] = [
    Schedule::XYZiZo.name(),
    Schedule::XZiYZo.name(),
    Schedule::XYZoZi.name(),
    Schedule::XZoYZi.name(),
    Schedule::ZiXYZo.name(),
];

impl Model for DeepOpt {
    fn name(&self) -> &'static str {
        match self.dense {
            DenseEnergy::Published => "deepopt",
            DenseEnergy::Corrected => "deepopt(fc: corrected)",
        }
    }

    fn summary(&self) -> &'static str {
        match self.dense {
            DenseEnergy::Published => {
                "The closed forms of DeepOpt for five schedules of a systolic array, each known by its name"
            }
            DenseEnergy::Corrected => {
                "The same, and a fully connected layer is charged with the MACs and registers of one image, as with its accesses"
            }
        }
    }

    fn variants(&self) -> &'static [&'static dyn Model] {
        match self.dense {
            DenseEnergy::Published => &[&CORRECTED],
            DenseEnergy::Corrected => &[],
        }
    }

    fn schedules(&self) -> &'static [&'static str] {
        &NAMES
    }

    fn applies(&self, subject: &Subject<'_>) -> Result<(), Why> {
        evaluated(subject)
            .and_then(|found| found.bounded())
            .map(|_| ())
    }

    fn estimate(&self, subject: &Subject<'_>) -> Result<Estimate, Failure> {
        let found = evaluated(subject).map_err(Failure::Own)?;
        let stall = found.bounded().map_err(Failure::Own)?;
        let cycles = found.closed.cycles;
        let runs = found.layer.runs.unsigned_abs();
        let parts = [
            ("compute", cycles.compute),
            ("stall", stall),
            ("write", cycles.write),
        ];
        let parts: Vec<Part> = parts
            .into_iter()
            .map(|(name, one)| Part {
                name: name.into(),
                cycles: one * runs,
            })
            .collect();
        Ok(Estimate {
            cycles: parts.iter().map(|part| part.cycles).sum(),
            counts: None,
            parts,
            figures: figures(&found),
            parts_of: found.layer.images.unsigned_abs(),
        })
    }

    fn price(
        &self,
        subject: &Subject<'_>,
        estimate: &Estimate,
        pricing: &Pricing<'_>,
    ) -> Result<Option<Cost>, Vec<CostError>> {
        let Ok(found) = evaluated(subject) else {
            return Ok(None);
        };
        let problem = subject.problem();
        let cycles = Some(estimate.cycles);
        let energy = price::energy(problem, &found, cycles, self.dense, pricing)?;
        Ok(energy.map(|energy| Cost {
            energy,
            area: cost::area(pricing.technology, pricing.context, problem.architecture),
        }))
    }

    fn priced_figures(&self, estimate: &Estimate, cost: &Cost) -> Vec<Figure> {
        if estimate.parts_of == 1 || self.dense == DenseEnergy::Corrected {
            return Vec::new();
        }
        let images = estimate.parts_of as f64;
        let of_all =
            |component: &Component| matches!(component, Component::Operations | Component::Own(_));
        let per_image = cost.energy.terms.iter().map(|term| {
            if of_all(&term.component) {
                term.pj / images
            } else {
                term.pj
            }
        });
        vec![Figure {
            name: "energy per image".into(),
            value: per_image.sum(),
            unit: "pJ",
            from: "MACs and registers of one image as well; the published energy has those of all"
                .into(),
        }]
    }

    fn space(&self, _problem: &Problem<'_>) -> Option<Vec<String>> {
        Some(NAMES.map(str::to_owned).to_vec())
    }
}

/// A subject in the words of the model, with what the closed forms say of it.
pub(super) struct Evaluated {
    pub schedule: Schedule,
    pub layer: Layer,
    pub machine: Machine,
    /// Without prices.
    pub closed: Closed,
}

impl Evaluated {
    /// Cycles of the stalls of one run.
    fn bounded(&self) -> Result<u64, Why> {
        self.closed.cycles.stall.ok_or_else(|| {
            let reason = format!(
                "has no bound on its stalls under `{}`: one set of filters does not fit the filter SRAM",
                self.schedule
            );
            Why::new(reason)
                .code("E0614")
                .help("take another schedule, or a larger filter SRAM")
        })
    }
}

pub(super) fn evaluated(subject: &Subject<'_>) -> Result<Evaluated, Why> {
    let Subject::Named { problem, schedule } = subject else {
        let reason = "is mapped by loops, and the model knows five schedules by their names";
        return Err(Why::new(reason)
            .code("E0613")
            .help("give the layer a dataflow of `std.dataflows.deepopt`, or `Schedule: XYZiZo;`"));
    };
    let Some(schedule) = Schedule::named(schedule) else {
        let reason = format!("has the schedule `{schedule}`, which the model does not know");
        let help = format!("it knows {}", NAMES.join(", "));
        return Err(Why::new(reason).code("E0613").help(help));
    };
    let (operation, architecture) = (problem.operation, problem.architecture);
    if operation.tensors.iter().any(|tensor| tensor.density < 1.0) {
        let reason = "has zeros that are skipped, of which the model knows nothing";
        return Err(Why::new(reason).code("E0611"));
    }
    let layer = Layer::of(operation).map_err(|why| {
        refusal(why, "E0611", "is not described: ").help(
            "choose another layer with `--layer`, or give this one loops and take `--model exact`",
        )
    })?;
    let machine = Machine::of(architecture, operation).map_err(|why| {
        refusal(why, "E0612", "is on hardware that is not described: ")
            .help("`std.accelerators.systolic` is such hardware")
    })?;
    let closed = estimate(&layer, &machine, schedule, &Prices::FREE).map_err(|unfit| {
        Why::new(format!("cannot run under `{schedule}`: {unfit}")).code("E0614")
    })?;
    Ok(Evaluated {
        schedule,
        layer,
        machine,
        closed,
    })
}

fn refusal(why: Inapplicable, code: &'static str, before: &str) -> Why {
    let code = match why {
        Inapplicable::TooLarge => "E0602",
        _ => code,
    };
    Why::new(format!("{before}{why}")).code(code)
}

fn figures(found: &Evaluated) -> Vec<Figure> {
    let (sram, dram) = (&found.closed.sram, &found.closed.dram);
    let of = match (found.layer.images, found.layer.runs) {
        (1, 1) => String::new(),
        (1, runs) => format!(", of one of {runs} runs"),
        (images, 1) => format!(", for one of {images} images"),
        (images, runs) => format!(", for one of {images} images and {runs} runs"),
    };
    let figure = |name: &'static str, count: Count, from: &str| Figure {
        name: name.into(),
        value: count.value(),
        unit: "words",
        from: format!("{from}{of}").into(),
    };
    vec![
        figure("filter SRAM", sram.filter, "words read from it"),
        figure("ifmap SRAM", sram.ifmap, "words read from it"),
        figure(
            "psum SRAM",
            sram.psum,
            "words read from it and written to it",
        ),
        figure("filter DRAM", dram.filter, "words read"),
        figure("ifmap DRAM", dram.ifmap, "words read"),
        figure("ofmap DRAM", dram.ofmap, "words written"),
    ]
}
