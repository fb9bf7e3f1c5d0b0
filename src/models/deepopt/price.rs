//! Prices of the model from those of a technology, and the energy of what it counts.
//!
//! A MAC, a bit of every memory at its size, and for the registers a bit of the memory in the array (of the class RF where
//! there is none).

use super::estimate::{DenseEnergy, Prices as Free, charged_macs, register_bits};
use super::layer::PerTensor;
use super::model::Evaluated;
use crate::cost::{Action, Component, CostError, Energy, EnergyTerm, Per, Price};
use crate::ir::{Architecture, Role};
use crate::models::{Pricing, Problem};

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
        dense: DenseEnergy,
    ) -> Result<Option<Priced>, Vec<CostError>> {
        let prices = pricing.prices(problem);
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
                dense,
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

/// Counts of all runs times prices, in the order of [`Energy::terms`]. `None` when power is charged for cycles without a
/// bound.
pub(super) fn energy(
    problem: Problem<'_>,
    found: &Evaluated,
    cycles: Option<u64>,
    dense: DenseEnergy,
    pricing: &Pricing<'_>,
) -> Result<Option<Energy>, Vec<CostError>> {
    let prices = pricing.prices(problem);
    let places = Places::of(problem);
    let (sram, dram) = (&found.closed.sram, &found.closed.dram);
    let bits = &found.machine.bits;
    let macs = charged_macs(&found.layer, dense);
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
        let Some(cycles) = cycles else {
            return Ok(None);
        };
        sum.runs = 1.0;
        sum.add(Component::Static, price, cycles as f64, 1);
    }
    if sum.errors.is_empty() {
        Ok(Some(sum.energy))
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
