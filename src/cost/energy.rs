//! Energy = operations + reads and writes of every memory + hops + static power during the run.
//!
//! Each memory and tensor is a term of its own, so a report can show where the energy goes. The width goes
//! with the sum: a complete element of the result is `bits` wide wherever it is, an incomplete one
//! `partial_bits`. Zeros that are spread uniformly take their share of the work away: a tensor of density 0.5
//! is accessed half as often, and a product happens with the product of its operands' densities. A partial sum
//! is no zero because the result will be one: the density of a result thins complete elements only. The dense
//! energy stands beside it.

use super::CostError;
use super::prices::{Per, Price, Prices};
use crate::engine::Counts;
use crate::ir::{Mapping, Operation, OperationKind, Role, Tensor};

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
    /// Something that only one model prices, such as the registers of a systolic array.
    Own(&'static str),
}

/// One summand.
#[derive(Clone, Debug, PartialEq)]
pub struct EnergyTerm {
    pub component: Component,
    /// How often the priced unit occurs, zeros included; the unit is `price.per`.
    pub count: u128,
    /// The same without the zeros that are skipped.
    pub effective: f64,
    pub price: Price,
    /// `effective * price.pj`.
    pub pj: f64,
    /// `count * price.pj`.
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
                let (count, effective) = amount.units(price.per);
                let (pj, dense_pj) = (effective * price.pj, count as f64 * price.pj);
                energy.total_pj += pj;
                energy.dense_total_pj += dense_pj;
                energy.terms.push(EnergyTerm {
                    component,
                    count,
                    effective,
                    pj,
                    dense_pj,
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
            (Some(sum), Ok(price)) => Some(sum + amount.units(price.per).1 * price.pj),
            _ => None,
        };
    });
    total
}

/// How often a priced action occurs, and how wide what it moves is.
#[derive(Clone, Copy)]
struct Amount {
    /// Operands, and complete elements of the result: what the density thins.
    complete: u64,
    bits: u32,
    /// Incomplete sums.
    partial: u64,
    partial_bits: u32,
    density: f64,
}

impl Amount {
    /// Something that has no width.
    fn plain(count: u64, density: f64) -> Amount {
        Amount {
            complete: count,
            bits: 1,
            partial: 0,
            partial_bits: 1,
            density,
        }
    }

    /// `count` elements of `tensor`, of which `complete` are complete if it is the result.
    fn elements(tensor: &Tensor, count: u64, complete: u64) -> Amount {
        let complete = match tensor.role {
            Role::Output => complete.min(count),
            Role::Input | Role::Weight => count,
        };
        Amount {
            complete,
            bits: tensor.bits,
            partial: count - complete,
            partial_bits: tensor.partial_bits,
            density: tensor.density,
        }
    }

    /// The count in the unit of a price: with all zeros, and without those that are skipped.
    fn units(self, per: Per) -> (u128, f64) {
        let (complete, partial) = match per {
            Per::Bit => (
                u128::from(self.complete) * u128::from(self.bits),
                u128::from(self.partial) * u128::from(self.partial_bits),
            ),
            Per::Operation | Per::Element | Per::Cycle => {
                (u128::from(self.complete), u128::from(self.partial))
            }
        };
        let effective = complete as f64 * self.density + partial as f64;
        (complete + partial, effective)
    }
}

/// `count` accesses of `tensor` without the zeros; of a result, `complete` of them are of complete elements.
pub(crate) fn effective_accesses(tensor: &Tensor, count: u64, complete: u64) -> f64 {
    Amount::elements(tensor, count, complete)
        .units(Per::Element)
        .1
}

/// Visits the terms that occur, in the order of [`Energy::terms`].
fn for_each_term(
    mapping: &Mapping,
    counts: &Counts,
    prices: &Prices,
    mut visit: impl FnMut(Component, &Result<Price, CostError>, Amount),
) {
    let tensors = &mapping.operation.tensors;
    let mut add = |component, price, amount: Amount| {
        if amount.complete > 0 || amount.partial > 0 {
            visit(component, price, amount);
        }
    };
    let done = Amount::plain(counts.operations, work_density(&mapping.operation));
    add(Component::Operations, &prices.operation, done);
    for (memory, (row, [read, write])) in counts.memories.iter().zip(&prices.memories).enumerate() {
        for count in &row.tensors {
            let tensor = count.tensor;
            let amount = Amount::elements(&tensors[tensor], count.reads, count.complete_reads);
            add(Component::Read { memory, tensor }, read, amount);
        }
        for count in &row.tensors {
            let tensor = count.tensor;
            let amount = Amount::elements(&tensors[tensor], count.writes, count.complete_writes);
            add(Component::Write { memory, tensor }, write, amount);
        }
    }
    for (boundary, row) in counts.boundaries.iter().enumerate() {
        for count in &row.tensors {
            let tensor = count.tensor;
            // The last hop of a sum is the one that carries it complete.
            let amount = Amount::elements(&tensors[tensor], count.hops, count.up_complete);
            add(Component::Hops { boundary, tensor }, &prices.hop, amount);
        }
    }
    if let Some(price) = &prices.static_power {
        let cycles = Amount::plain(counts.timing.cycles, 1.0);
        add(Component::Static, price, cycles);
    }
}

/// Law 6 of `semantics.md` 2.6: every action is a term once, each term is its count times its price, and the
/// total is the sum of the terms. All in the order in which it was made, so equality is exact.
pub(super) fn adds_up(
    energy: &Energy,
    prices: &Prices,
    mapping: &Mapping,
    counts: &Counts,
) -> bool {
    let same = |left: f64, right: f64| left.to_bits() == right.to_bits();
    let mut terms = energy.terms.iter();
    let (mut total, mut dense, mut holds) = (0.0, 0.0, true);
    for_each_term(mapping, counts, prices, |component, price, amount| {
        holds &= match (terms.next(), price) {
            (Some(term), Ok(price)) => {
                let (count, effective) = amount.units(term.price.per);
                total += term.pj;
                dense += term.dense_pj;
                term.component == component
                    && term.price == *price
                    && term.count == count
                    && same(term.effective, effective)
                    && same(term.pj, term.effective * term.price.pj)
                    && same(term.dense_pj, term.count as f64 * term.price.pj)
            }
            _ => false,
        };
    });
    holds
        && terms.next().is_none()
        && same(total, energy.total_pj)
        && same(dense, energy.dense_total_pj)
        && total >= 0.0
        && total.is_finite()
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
