//! The five schedules as a model that `--model deepopt` names.
//!
//! A layer whose dataflow is a `Schedule: XYZiZo;` has no loops: layer, machine and schedule are read from the operation, the
//! architecture and the name, and the closed forms do the rest. Prices are those of the technology: a MAC, a bit of every
//! memory at its size, and for the registers a bit of the memory in the array (of the class RF where there is none).
//!
//! Figures follow the published tables: of a batch in a fully connected layer, cycles and accesses are those of one image, and
//! MACs and registers are charged for all of them. What the energy would be with those per image as well is a figure of its
//! own.

use super::estimate::{
    Count, DenseEnergy, Estimate as Closed, Prices as Free, charged_macs, estimate, register_bits,
};
use super::layer::{Inapplicable, Layer, Machine, PerTensor};
use super::schedule::Schedule;
use crate::cost::{
    self, Action, Component, Cost, CostError, Energy, EnergyTerm, Per, Price, Prices,
};
use crate::ir::{Architecture, Role};
use crate::models::{Estimate, Failure, Figure, Model, Part, Pricing, Problem, Subject, Why};

/// The model `deepopt`.
#[derive(Clone, Copy, Debug)]
pub struct DeepOpt;

const NAMES: [&str; 5] = [
    Schedule::XYZiZo.name(),
    Schedule::XZiYZo.name(),
    Schedule::XYZoZi.name(),
    Schedule::XZoYZi.name(),
    Schedule::ZiXYZo.name(),
];

/// Counts need no prices.
const UNPRICED: Free = Free {
    mac: 0.0,
    register_bit: 0.0,
    sram_bit: PerTensor {
        filter: 0.0,
        ifmap: 0.0,
        psum: 0.0,
    },
    dram_bit: 0.0,
    dense: DenseEnergy::Published,
};

impl Model for DeepOpt {
    fn name(&self) -> &'static str {
        "deepopt"
    }

    fn summary(&self) -> &'static str {
        "The closed forms of DeepOpt for five schedules of a systolic array, each known by its name"
    }

    fn schedules(&self) -> &'static [&'static str] {
        &NAMES
    }

    fn applies(&self, subject: &Subject<'_>) -> Result<(), Why> {
        evaluated(subject).map(|_| ())
    }

    fn estimate(&self, subject: &Subject<'_>) -> Result<Estimate, Failure> {
        let found = evaluated(subject).map_err(Failure::Own)?;
        let cycles = found.closed.cycles;
        let runs = found.layer.runs.unsigned_abs();
        let parts = [
            ("compute", cycles.compute),
            ("stall", found.stall),
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
        let energy = energy(subject.problem(), &found, estimate.cycles, pricing)?;
        let architecture = subject.problem().architecture;
        Ok(Some(Cost {
            energy,
            area: cost::area(pricing.technology, pricing.context, architecture),
        }))
    }

    fn priced_figures(&self, estimate: &Estimate, cost: &Cost) -> Vec<Figure> {
        if estimate.parts_of == 1 {
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
struct Evaluated {
    layer: Layer,
    machine: Machine,
    closed: Closed,
    stall: u64,
}

fn evaluated(subject: &Subject<'_>) -> Result<Evaluated, Why> {
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
    let closed = estimate(&layer, &machine, schedule, &UNPRICED).map_err(|unfit| {
        Why::new(format!("cannot run under `{schedule}`: {unfit}")).code("E0614")
    })?;
    let Some(stall) = closed.cycles.stall else {
        let reason = format!(
            "has no bound on its stalls under `{schedule}`: one set of filters does not fit the filter SRAM"
        );
        return Err(Why::new(reason)
            .code("E0614")
            .help("take another schedule, or a larger filter SRAM"));
    };
    Ok(Evaluated {
        layer,
        machine,
        closed,
        stall,
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

/// The prices of a machine, and which memory of its architecture each of the model's is.
#[derive(Clone, Debug, PartialEq)]
pub struct Priced {
    pub prices: Free,
    pub memories: PerTensor<usize>,
}

impl Priced {
    /// What a technology says of a problem. `Ok(None)` when it charges otherwise than the model counts: by elements, another
    /// price for writing than for reading, or power while nothing happens.
    ///
    /// # Errors
    /// Every action without a price.
    pub fn of(
        problem: Problem<'_>,
        pricing: &Pricing<'_>,
    ) -> Result<Option<Priced>, Vec<CostError>> {
        let prices = Prices::on(
            pricing.technology,
            pricing.context,
            problem.architecture,
            problem.operation.kind,
        );
        let places = Places::of(problem);
        let mut errors: Vec<CostError> = Vec::new();
        let mut plain = prices.static_power.is_none();
        let mut take = |price: Result<Price, CostError>, per: Per| match price {
            Ok(price) => {
                plain &= price.per == per;
                price.pj
            }
            Err(error) => {
                if !errors.contains(&error) {
                    errors.push(error);
                }
                0.0
            }
        };
        let unknown = || [Err(CostError::Law), Err(CostError::Law)];
        let memory = |at: usize| prices.memories.get(at).cloned().unwrap_or_else(unknown);
        let mut both = |at: usize| {
            let [read, write] = memory(at);
            (take(read, Per::Bit), take(write, Per::Bit))
        };
        let pairs = [0, places.filter.0, places.ifmap.0, places.psum.0].map(&mut both);
        let same = pairs.iter().all(|(read, write)| read == write);
        let [dram, filter, ifmap, psum] = pairs.map(|pair| pair.0);
        let register = match places.registers {
            Some(at) => memory(at)[0].clone(),
            None => class_price(pricing),
        };
        let register_bit = take(register, Per::Bit);
        let mac = take(prices.operation.clone(), Per::Operation);
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok((plain && same).then_some(Priced {
            prices: Free {
                mac,
                register_bit,
                sram_bit: PerTensor {
                    filter,
                    ifmap,
                    psum,
                },
                dram_bit: dram,
                dense: DenseEnergy::Published,
            },
            memories: PerTensor {
                filter: places.filter.0,
                ifmap: places.ifmap.0,
                psum: places.psum.0,
            },
        }))
    }
}

/// Which memory and tensor of the architecture each of the model's is.
struct Places {
    filter: (usize, usize),
    ifmap: (usize, usize),
    psum: (usize, usize),
    /// The innermost memory in the array, whose bits the registers are.
    registers: Option<usize>,
}

impl Places {
    fn of(problem: Problem<'_>) -> Places {
        let architecture = problem.architecture;
        let place = |role: Role| {
            let memories = &architecture.memories;
            let holds = |memory: &crate::ir::Memory| {
                memory.level > 0 && memory.arrays_above == 0 && memory.holds.contains(role)
            };
            let tensors = &problem.operation.tensors;
            (
                memories.iter().position(holds).unwrap_or(0),
                tensors
                    .iter()
                    .position(|tensor| tensor.role == role)
                    .unwrap_or(0),
            )
        };
        Places {
            filter: place(Role::Weight),
            ifmap: place(Role::Input),
            psum: place(Role::Output),
            registers: registers(architecture),
        }
    }
}

fn registers(architecture: &Architecture) -> Option<usize> {
    let memories = &architecture.memories;
    memories.iter().rposition(|memory| memory.arrays_above > 0)
}

/// Counts of all runs times prices, in the order of [`Energy::terms`].
fn energy(
    problem: Problem<'_>,
    found: &Evaluated,
    cycles: u64,
    pricing: &Pricing<'_>,
) -> Result<Energy, Vec<CostError>> {
    let prices = Prices::on(
        pricing.technology,
        pricing.context,
        problem.architecture,
        problem.operation.kind,
    );
    let places = Places::of(problem);
    let (sram, dram) = (&found.closed.sram, &found.closed.dram);
    let bits = &found.machine.bits;
    let macs = charged_macs(&found.layer, DenseEnergy::Published);
    let mut sum = Sum {
        runs: found.layer.runs as f64,
        energy: Energy {
            terms: Vec::new(),
            total_pj: 0.0,
            dense_total_pj: 0.0,
        },
        errors: Vec::new(),
    };
    let memory = |memory: usize, write: bool| {
        let prices = prices.memories.get(memory);
        let unknown = || Err(CostError::Law);
        prices.map_or_else(unknown, |two| two[usize::from(write)].clone())
    };
    sum.add(Component::Operations, &prices.operation, macs, 1);
    let reads = [
        (0, places.ifmap.1, dram.ifmap, bits.ifmap),
        (0, places.filter.1, dram.filter, bits.filter),
    ];
    for (at, tensor, count, bits) in reads {
        let component = Component::Read { memory: at, tensor };
        sum.add(component, &memory(at, false), count.value(), bits);
    }
    let (_, output) = places.psum;
    let results = Component::Write {
        memory: 0,
        tensor: output,
    };
    sum.add(results, &memory(0, true), dram.ofmap.value(), bits.ifmap);
    for ((at, tensor), count, bits) in [
        (places.filter, sram.filter, bits.filter),
        (places.ifmap, sram.ifmap, bits.ifmap),
    ] {
        let component = Component::Read { memory: at, tensor };
        sum.add(component, &memory(at, false), count.value(), bits);
    }
    // A result is written once more than it is read: its first sum has nothing to be added to.
    let (at, tensor) = places.psum;
    let (both, results) = (sram.psum.value(), dram.ofmap.value());
    let read = Component::Read { memory: at, tensor };
    sum.add(read, &memory(at, false), (both - results) / 2.0, bits.psum);
    let written = Component::Write { memory: at, tensor };
    sum.add(
        written,
        &memory(at, true),
        (both + results) / 2.0,
        bits.psum,
    );
    let register = match places.registers {
        Some(at) => memory(at, false),
        None => class_price(pricing),
    };
    let registers = Component::Own("registers");
    sum.add(registers, &register, macs, register_bits(bits));
    if let Some(price) = &prices.static_power {
        sum.runs = 1.0;
        sum.add(Component::Static, price, cycles as f64, 1);
    }
    if sum.errors.is_empty() {
        Ok(sum.energy)
    } else {
        Err(sum.errors)
    }
}

/// The first entry that reads a bit of the class RF.
fn class_price(pricing: &Pricing<'_>) -> Result<Price, CostError> {
    let wanted = Action::Read {
        class: "RF".to_owned(),
        capacity_bits: None,
        width_bits: Some(1),
    };
    let entries = pricing.technology.entries.iter();
    let found = entries.into_iter().find_map(|entry| match &entry.action {
        Action::Read {
            class,
            width_bits: Some(width),
            ..
        } if class == "RF" => Some(Price {
            pj: entry.value / f64::from((*width).max(1)),
            per: Per::Bit,
            label: entry.label.clone(),
        }),
        _ => None,
    });
    found.ok_or_else(|| CostError::MissingEntry {
        action: wanted.to_string(),
        have: pricing.technology.spellings(wanted.word()),
    })
}

struct Sum {
    runs: f64,
    energy: Energy,
    /// Each once.
    errors: Vec<CostError>,
}

impl Sum {
    /// `count` words of `bits` bits in every run. The model multiplies by ratios, so that there may be fractions of a word.
    fn add(
        &mut self,
        component: Component,
        price: &Result<Price, CostError>,
        count: f64,
        bits: i64,
    ) {
        let price = match price {
            Ok(price) => price,
            Err(error) => {
                if !self.errors.contains(error) {
                    self.errors.push(error.clone());
                }
                return;
            }
        };
        let each = match (&component, price.per) {
            (_, Per::Bit) => bits as f64,
            // Filter, input and partial sum read, partial sum written.
            (Component::Own(_), _) => 4.0,
            _ => 1.0,
        };
        let units = count * each * self.runs;
        if units == 0.0 {
            return;
        }
        let pj = units * price.pj;
        self.energy.total_pj += pj;
        self.energy.dense_total_pj += pj;
        self.energy.terms.push(EnergyTerm {
            component,
            count: units.max(0.0).ceil() as u128,
            effective: units,
            price: price.clone(),
            pj,
            dense_pj: pj,
        });
    }
}
