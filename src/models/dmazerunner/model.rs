//! The profile as a model that `--model dmazerunner` names.
//!
//! A legal mapping is read as an execution method ([`given`]) and evaluated under its own orders. The machine has no
//! prices of its own: the counts ([`Accesses`]) are multiplied with those of the technology, so that any technology
//! serves; with the published ones the energy is the published one. Static power, which the tool has not, is added
//! where the technology has it.
//!
//! Example: the method of the paper's section 4.2 takes 2,459,648 cycles and 2,908,068,209 pJ (MAC 34.68 uJ, RF 1775.70,
//! network 289.21, SPM 51.12, DRAM 757.35), an EDP of 7.1528e15 pJ x cycles.

use super::layer::Tensor;
use super::machine::{Energies, PICOJOULE};
use super::method::Rejected;
use super::profile::{Profile, evaluate};
use super::subject::{Given, given};
use super::{Accesses, beside};
use crate::cost::{self, Component, Cost, CostError, Energy, EnergyTerm, Per, Price, Prices};
use crate::engine::Counts;
use crate::ir::Mapping;
use crate::models::{
    Difference, Estimate, Failure, Figure, Model, Part, Pricing, Subject, Why, exact,
};

/// The model `dmazerunner`.
#[derive(Clone, Copy, Debug)]
pub struct DMazeRunner;

/// Memories of the architecture, in its order.
pub(super) const DRAM: usize = 0;
pub(super) const SPM: usize = 1;
pub(super) const RF: usize = 2;

/// Of a picojoule times a cycle.
const EDP_UNIT: &str = "pJ x cycles";

impl Model for DMazeRunner {
    fn name(&self) -> &'static str {
        "dmazerunner"
    }

    fn summary(&self) -> &'static str {
        "The cost profile of the dMazeRunner tool: perfect loop nests over DRAM, SPM, one array and RF"
    }

    fn applies(&self, subject: &Subject<'_>) -> Result<(), Why> {
        method(subject).map(|_| ())
    }

    fn estimate(&self, subject: &Subject<'_>) -> Result<Estimate, Failure> {
        let (given, profile) = method(subject).map_err(Failure::Own)?;
        Ok(Estimate {
            cycles: profile.cycles,
            counts: None,
            parts: parts(&profile),
            figures: figures(&given, &profile),
            parts_of: 1,
        })
    }

    fn price(
        &self,
        subject: &Subject<'_>,
        estimate: &Estimate,
        pricing: &Pricing<'_>,
    ) -> Result<Option<Cost>, Vec<CostError>> {
        let Subject::Loops(mapping) = subject else {
            return Ok(None);
        };
        let Ok((_, profile)) = method(subject) else {
            return Ok(None);
        };
        let prices = Prices::new(pricing.technology, pricing.context, mapping);
        let energy = energy(&prices, mapping, &profile.accesses, estimate.cycles)?;
        Ok(Some(Cost {
            energy,
            area: cost::area(pricing.technology, pricing.context, &mapping.architecture),
        }))
    }

    fn priced_figures(&self, estimate: &Estimate, cost: &Cost) -> Vec<Figure> {
        let energy = cost.energy.total_pj.round_ties_even();
        vec![
            Figure {
                name: "energy".into(),
                value: energy,
                unit: "pJ",
                from: "rounded to a picojoule, as the tool does".into(),
            },
            Figure {
                name: "EDP".into(),
                value: energy * estimate.cycles as f64,
                unit: EDP_UNIT,
                from: "rounded energy times cycles".into(),
            },
        ]
    }

    fn differences(
        &self,
        subject: &Subject<'_>,
        estimate: &Estimate,
        exact: &Counts,
    ) -> Vec<Difference> {
        match (subject, method(subject)) {
            (Subject::Loops(mapping), Ok((given, profile))) => {
                beside::differences(mapping, &given, &profile, estimate.cycles, exact)
            }
            _ => Vec::new(),
        }
    }
}

/// The execution method that a subject is, with its profile.
fn method(subject: &Subject<'_>) -> Result<(Given, Profile), Why> {
    let Subject::Loops(mapping) = subject else {
        exact::needs_loops(subject)?;
        return Err(Why::new("has no loops"));
    };
    let given = given(mapping).map_err(|unfit| {
        let why = Why::new(unfit.to_string()).code(unfit.code());
        match unfit.help() {
            Some(help) => why.help(help),
            None => why,
        }
    })?;
    let profile = evaluate(&given.layer, &given.machine, &given.method)
        .map_err(|rejected| refusal(&rejected))?;
    Ok((given, profile))
}

/// A method that the machine cannot hold, although the mapping is legal: the model counts memory more coarsely.
pub fn refusal(rejected: &Rejected) -> Why {
    let sum = |tiles: &[u64]| tiles.iter().sum::<u64>();
    let (reason, help) = match rejected {
        Rejected::Rf { tiles, available } => (
            format!(
                "has tiles of {} elements in a register file of {available} (a tile of the input counts as the box around it)",
                sum(tiles)
            ),
            "make the innermost tiles smaller",
        ),
        Rejected::SpmBytes { tiles, available } => (
            format!(
                "has tiles of {} B in an SPM of {available} B (a tile of the input counts as the box around it, padding included)",
                sum(tiles)
            ),
            "make the tiles of the loops `at DRAM` smaller",
        ),
        Rejected::SpmBanks { tiles, available } => (
            format!(
                "has tiles in {} banks of an SPM of {available} (a bank belongs to one tensor)",
                sum(tiles)
            ),
            "make the tiles of the loops `at DRAM` smaller",
        ),
        Rejected::Pes { needed, available } => (
            format!("needs {needed} PEs of {available}"),
            "spread less over the array",
        ),
        Rejected::TooLarge => {
            return Why::new("has figures beyond 63 bits").code("E0602");
        }
        // What `given` makes is never one of these.
        Rejected::EmptyLoop(dim) | Rejected::Operator(dim) | Rejected::Factors { dim, .. } => {
            return Why::new(format!("has no method over {}", dim.word())).code("E0613");
        }
        Rejected::Order(level) => {
            return Why::new(format!("has no order of the loops of {}", level.word()))
                .code("E0613");
        }
        Rejected::ZeroParameter => {
            return Why::new("is on hardware with a size of zero").code("E0612");
        }
    };
    Why::new(reason).code("E0614").help(help)
}

/// For how long each part of the machine is busy; they overlap.
fn parts(profile: &Profile) -> Vec<Part> {
    const O: usize = Tensor::O.index();
    let (pass, transfers) = (&profile.pass, &profile.transfers);
    let spm_passes = transfers.passes;
    let write_back = pass.compute + pass.reduction;
    let write_backs = if pass.kept == Some(O) {
        spm_passes / transfers.reuse[O]
    } else {
        spm_passes * (pass.passes / pass.reuse[O])
    };
    let network = Tensor::ALL.map(|tensor| match tensor {
        Tensor::O => profile.accesses.spm_writes,
        _ => profile.accesses.spm_reads[tensor.index()],
    });
    let dma = Tensor::ALL.map(|tensor| {
        let x = tensor.index();
        let ways = if tensor == Tensor::O { 2 } else { 1 };
        transfers.dma[x] * ways * (spm_passes / transfers.reuse[x])
    });
    [
        ("compute", pass.compute * pass.passes * spm_passes),
        ("network", network.into_iter().max().unwrap_or(0)),
        ("write-back", write_back * write_backs),
        ("DMA", dma.iter().sum()),
    ]
    .map(|(name, cycles)| Part {
        name: name.into(),
        cycles,
    })
    .to_vec()
}

fn figures(given: &Given, profile: &Profile) -> Vec<Figure> {
    let machine = &given.machine;
    let pes: u64 = given.method.spatial.iter().product();
    let sum = |tiles: &[u64]| tiles.iter().sum::<u64>() as f64;
    let share = |part: f64, whole: u64| part / whole.max(1) as f64;
    let spm_bytes = sum(&profile.sizes.spm) * machine.element_bytes as f64;
    let figure = |name: &'static str, value: f64, unit, from: &'static str| Figure {
        name: name.into(),
        value,
        unit,
        from: from.into(),
    };
    vec![
        figure(
            "PE utilization",
            share(pes as f64, machine.pes),
            "",
            "PEs with work, of all",
        ),
        figure(
            "RF utilization",
            share(sum(&profile.sizes.rf), machine.rf_elements),
            "",
            "tiles of one PE, of the usable half",
        ),
        figure(
            "SPM utilization",
            share(spm_bytes, machine.spm_bytes()),
            "",
            "tiles, of the usable half",
        ),
        figure(
            "SPM pass",
            profile.pass_cycles.total as f64,
            "cycles",
            "passes of the RF in one SPM pass",
        ),
        figure(
            "DMA of a pass",
            profile.transfers.every_pass() as f64,
            "cycles",
            "tiles that change in every SPM pass",
        ),
    ]
}

/// Counts times prices, in the order of [`Energy::terms`].
fn energy(
    prices: &Prices,
    mapping: &Mapping,
    accesses: &Accesses,
    cycles: u64,
) -> Result<Energy, Vec<CostError>> {
    let mut sum = Sum {
        mapping,
        energy: Energy {
            terms: Vec::new(),
            total_pj: 0.0,
            dense_total_pj: 0.0,
        },
        errors: Vec::new(),
    };
    sum.add(
        Component::Operations,
        &prices.operation,
        accesses.operations,
    );
    const O: usize = Tensor::O.index();
    let only_results = |count: u64| {
        let mut counts = [0; 3];
        counts[O] = count;
        counts
    };
    let memories = [
        (DRAM, accesses.dram_reads, accesses.dram_writes),
        (SPM, accesses.spm_reads, accesses.spm_writes),
        (RF, accesses.rf_reads, accesses.rf_writes),
    ];
    for (memory, reads, writes) in memories {
        let Some([read, write]) = prices.memories.get(memory) else {
            continue;
        };
        for (tensor, count) in reads.into_iter().enumerate() {
            sum.add(Component::Read { memory, tensor }, read, count);
        }
        for (tensor, count) in only_results(writes).into_iter().enumerate() {
            sum.add(Component::Write { memory, tensor }, write, count);
        }
    }
    for (tensor, count) in accesses.network.into_iter().enumerate() {
        let hops = Component::Hops {
            boundary: 1,
            tensor,
        };
        sum.add(hops, &prices.hop, count);
    }
    if let Some(price) = &prices.static_power {
        sum.add(Component::Static, price, cycles);
    }
    if sum.errors.is_empty() {
        Ok(sum.energy)
    } else {
        Err(sum.errors)
    }
}

/// The energies of a machine of that architecture by the prices of a technology, for whoever looks for methods.
/// `Ok(None)` when it charges otherwise than the tool: another price for writing than for reading, power while nothing
/// happens, or a price that is no whole number of attojoule.
///
/// # Errors
/// Every action without a price.
pub fn energies(
    problem: crate::models::Problem<'_>,
    pricing: &Pricing<'_>,
) -> Result<Option<Energies>, Vec<CostError>> {
    let prices = pricing.prices(problem);
    let bits = problem.operation.tensors.first().map_or(0, |t| t.bits);
    let mut errors: Vec<CostError> = Vec::new();
    let mut plain = prices.static_power.is_none();
    let mut attojoule = |price: &Result<Price, CostError>| match price {
        Ok(price) => {
            let each = match price.per {
                Per::Bit => price.pj * f64::from(bits),
                Per::Operation | Per::Element | Per::Cycle => price.pj,
            };
            let exact = each * PICOJOULE as f64;
            let whole = exact.round();
            // Further off than the rounding of the two products.
            plain &= (0.0..1e15).contains(&whole) && (exact - whole).abs() <= 1e-9 * whole.max(1.0);
            whole as u64
        }
        Err(error) => {
            if !errors.contains(error) {
                errors.push(error.clone());
            }
            0
        }
    };
    let mut same = true;
    let unknown = [Err(CostError::Law), Err(CostError::Law)];
    let [dram, spm, rf] = [DRAM, SPM, RF].map(|at| {
        let [read, write] = prices.memories.get(at).unwrap_or(&unknown);
        let (read, write) = (attojoule(read), attojoule(write));
        same &= read == write;
        read
    });
    let (noc, mac) = (attojoule(&prices.hop), attojoule(&prices.operation));
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok((plain && same).then_some(Energies {
        rf,
        noc,
        spm,
        dram,
        mac,
    }))
}

struct Sum<'a> {
    mapping: &'a Mapping,
    energy: Energy,
    /// Each once.
    errors: Vec<CostError>,
}

impl Sum<'_> {
    /// All elements are equally wide; what does not occur is no term.
    fn add(&mut self, component: Component, price: &Result<Price, CostError>, count: u64) {
        if count == 0 {
            return;
        }
        let price = match price {
            Ok(price) => price,
            Err(error) => {
                if !self.errors.contains(error) {
                    self.errors.push(error.clone());
                }
                return;
            }
        };
        let bits = self.mapping.operation.tensors.first().map_or(0, |t| t.bits);
        let units = match price.per {
            Per::Bit => u128::from(count) * u128::from(bits),
            Per::Operation | Per::Element | Per::Cycle => u128::from(count),
        };
        let pj = units as f64 * price.pj;
        self.energy.total_pj += pj;
        self.energy.dense_total_pj += pj;
        self.energy.terms.push(EnergyTerm {
            component,
            count: units,
            effective: units as f64,
            price: price.clone(),
            pj,
            dense_pj: pj,
        });
    }
}
