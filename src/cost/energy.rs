//! Energy = operations + reads and writes of every memory + hops + static power during the run.
//!
//! Each memory and tensor is a term of its own, so a report can show where the energy goes. Zeros that are
//! spread uniformly take their share of the work away: a tensor of density 0.5 is accessed half as often, and
//! a product happens with the product of its operands' densities. The dense energy stands beside it.

use super::CostError;
use super::prices::{Per, Price, Prices};
use crate::engine::Counts;
use crate::ir::{Mapping, OperationKind, Role};

/// Where a part of the energy goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// MACs, or the operations of pooling and element-wise layers.
    Operations,
    Read {
        memory: usize,
        tensor: usize,
    },
    Write {
        memory: usize,
        tensor: usize,
    },
    /// Transfers over the arrays of a boundary (an index into `Counts::boundaries`).
    Hops {
        boundary: usize,
        tensor: usize,
    },
    Static,
}

/// One summand.
#[derive(Clone, Debug, PartialEq)]
pub struct EnergyTerm {
    pub component: Component,
    /// How often the priced unit occurs, zeros taken out; the unit is `price.per`.
    pub count: f64,
    pub price: Price,
    /// `count * price.pj`.
    pub pj: f64,
    /// The same with every density 1.
    pub dense_pj: f64,
}

/// The energy of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Energy {
    /// Operations, then memories from the outside in (reads, then writes, by tensor), hops, static. Terms
    /// that do not occur are left out.
    pub terms: Vec<EnergyTerm>,
    pub total_pj: f64,
    pub dense_total_pj: f64,
}

/// Multiplies counts with prices.
///
/// # Errors
///
/// Every action that occurs and has no price, each once.
pub fn energy(
    prices: &Prices,
    mapping: &Mapping,
    counts: &Counts,
) -> Result<Energy, Vec<CostError>> {
    let tensors = &mapping.operation.tensors;
    let mut sum = Sum::default();

    sum.add(
        Component::Operations,
        &prices.operation,
        counts.operations,
        1,
        work_density(mapping),
    );
    for (memory, (row, [read, write])) in counts.memories.iter().zip(&prices.memories).enumerate() {
        for count in &row.tensors {
            let (tensor, of) = (count.tensor, &tensors[count.tensor]);
            let component = Component::Read { memory, tensor };
            sum.add(component, read, count.reads, of.bits, of.density);
        }
        for count in &row.tensors {
            let (tensor, of) = (count.tensor, &tensors[count.tensor]);
            let component = Component::Write { memory, tensor };
            sum.add(component, write, count.writes, of.bits, of.density);
        }
    }
    for (boundary, row) in counts.boundaries.iter().enumerate() {
        for count in &row.tensors {
            let (tensor, of) = (count.tensor, &tensors[count.tensor]);
            let component = Component::Hops { boundary, tensor };
            sum.add(component, &prices.hop, count.hops, of.bits, of.density);
        }
    }
    if let Some(price) = &prices.static_power {
        sum.add(Component::Static, price, counts.timing.cycles, 1, 1.0);
    }

    if sum.errors.is_empty() {
        Ok(Energy {
            // Not `sum`: over nothing that is -0.0, which would be printed.
            total_pj: sum.terms.iter().fold(0.0, |all, term| all + term.pj),
            dense_total_pj: sum.terms.iter().fold(0.0, |all, term| all + term.dense_pj),
            terms: sum.terms,
        })
    } else {
        Err(sum.errors)
    }
}

/// Fraction of the operations that are not a multiplication with zero; pooling and element-wise layers do
/// them all, for a zero still takes part in a sum or a maximum.
pub(crate) fn work_density(mapping: &Mapping) -> f64 {
    match mapping.operation.kind {
        OperationKind::MultiplyAccumulate => mapping
            .operation
            .tensors
            .iter()
            .filter(|tensor| tensor.role != Role::Output)
            .map(|tensor| tensor.density)
            .product(),
        OperationKind::Reduce | OperationKind::Elementwise => 1.0,
    }
}

#[derive(Default)]
struct Sum {
    terms: Vec<EnergyTerm>,
    errors: Vec<CostError>,
}

impl Sum {
    fn add(
        &mut self,
        component: Component,
        price: &Result<Price, CostError>,
        count: u64,
        bits: u32,
        density: f64,
    ) {
        if count == 0 {
            return;
        }
        match price {
            Ok(price) => {
                let dense = match price.per {
                    Per::Bit => count as f64 * f64::from(bits),
                    Per::Operation | Per::Element | Per::Cycle => count as f64,
                };
                let scaled = dense * density;
                self.terms.push(EnergyTerm {
                    component,
                    count: scaled,
                    pj: scaled * price.pj,
                    dense_pj: dense * price.pj,
                    price: price.clone(),
                });
            }
            Err(error) => {
                if !self.errors.contains(error) {
                    self.errors.push(error.clone());
                }
            }
        }
    }
}
