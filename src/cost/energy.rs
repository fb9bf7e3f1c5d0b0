//! Energy = operations + reads and writes of every memory + hops + static power during the run.
//!
//! Each memory and tensor is a term of its own, so a report can show where the energy goes. Zeros that are
//! spread uniformly take their share of the work away: a tensor of density 0.5 is accessed half as often, and
//! a product happens with the product of its operands' densities. The dense energy stands beside it.

use super::CostError;
use super::prices::{Per, Price, Prices};
use crate::engine::Counts;
use crate::ir::{Mapping, Operation, OperationKind, Role};

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
    let mut energy = Energy {
        terms: Vec::new(),
        total_pj: 0.0,
        dense_total_pj: 0.0,
    };
    let mut errors: Vec<CostError> = Vec::new();
    for_each_term(
        mapping,
        counts,
        prices,
        |component, price, amount| match price {
            Ok(price) => {
                let dense = amount.dense(price.per);
                let count = dense * amount.density;
                energy.total_pj += count * price.pj;
                energy.dense_total_pj += dense * price.pj;
                energy.terms.push(EnergyTerm {
                    component,
                    count,
                    pj: count * price.pj,
                    dense_pj: dense * price.pj,
                    price: price.clone(),
                });
            }
            Err(error) if !errors.contains(error) => errors.push(error.clone()),
            Err(_) => {}
        },
    );
    if errors.is_empty() {
        Ok(energy)
    } else {
        Err(errors)
    }
}

/// The total of [`energy`] alone, without allocating: what a search compares. `None` when an action has no
/// price.
#[must_use]
pub fn total_pj(prices: &Prices, mapping: &Mapping, counts: &Counts) -> Option<f64> {
    let mut total = Some(0.0);
    for_each_term(mapping, counts, prices, |_, price, amount| {
        total = match (total, price) {
            (Some(sum), Ok(price)) => {
                Some(sum + amount.dense(price.per) * amount.density * price.pj)
            }
            _ => None,
        };
    });
    total
}

/// How often a priced action occurs.
struct Amount {
    count: u64,
    /// Of one element.
    bits: u32,
    density: f64,
}

impl Amount {
    /// The count in the unit of a price, zeros included.
    fn dense(&self, per: Per) -> f64 {
        match per {
            Per::Bit => self.count as f64 * f64::from(self.bits),
            Per::Operation | Per::Element | Per::Cycle => self.count as f64,
        }
    }
}

/// Visits the terms that occur, in the order of [`Energy::terms`].
fn for_each_term(
    mapping: &Mapping,
    counts: &Counts,
    prices: &Prices,
    mut visit: impl FnMut(Component, &Result<Price, CostError>, Amount),
) {
    let tensors = &mapping.operation.tensors;
    let mut add = |component, price, count, tensor: Option<usize>, density: f64| {
        if count > 0 {
            let bits = tensor.map_or(1, |tensor| tensors[tensor].bits);
            visit(
                component,
                price,
                Amount {
                    count,
                    bits,
                    density,
                },
            );
        }
    };
    let operations = Component::Operations;
    let density = work_density(&mapping.operation);
    add(
        operations,
        &prices.operation,
        counts.operations,
        None,
        density,
    );
    for (memory, (row, [read, write])) in counts.memories.iter().zip(&prices.memories).enumerate() {
        for count in &row.tensors {
            let tensor = count.tensor;
            let component = Component::Read { memory, tensor };
            add(
                component,
                read,
                count.reads,
                Some(tensor),
                tensors[tensor].density,
            );
        }
        for count in &row.tensors {
            let tensor = count.tensor;
            let component = Component::Write { memory, tensor };
            add(
                component,
                write,
                count.writes,
                Some(tensor),
                tensors[tensor].density,
            );
        }
    }
    for (boundary, row) in counts.boundaries.iter().enumerate() {
        for count in &row.tensors {
            let tensor = count.tensor;
            let component = Component::Hops { boundary, tensor };
            add(
                component,
                &prices.hop,
                count.hops,
                Some(tensor),
                tensors[tensor].density,
            );
        }
    }
    if let Some(price) = &prices.static_power {
        add(Component::Static, price, counts.timing.cycles, None, 1.0);
    }
}

/// Fraction of the operations that are not a multiplication with zero; pooling and element-wise layers do
/// them all, for a zero still takes part in a sum or a maximum.
pub(crate) fn work_density(operation: &Operation) -> f64 {
    match operation.kind {
        OperationKind::MultiplyAccumulate => operation
            .tensors
            .iter()
            .filter(|tensor| tensor.role != Role::Output)
            .map(|tensor| tensor.density)
            .product(),
        OperationKind::Reduce | OperationKind::Elementwise => 1.0,
    }
}
