//! What the counted actions cost: `Counts` and a technology to energy and area.
//!
//! Problem: an engine says that a 108 kB buffer was read 1,200,000 times; the technology file has figures
//! for 64 KiB and 128 KiB. This module finds the price of every action that the mapping performs
//! ([`Prices`]), multiplies ([`Energy`]) and adds up the silicon ([`Area`]). Every figure keeps the label
//! of the technology entry that it came from.
//!
//! Invariants:
//! * an action that is performed and has no entry is an error, never 0;
//! * terms are in a fixed order and summed in that order, so equal input gives equal bits;
//! * nothing here knows the names of layers, memories or files: memories and tensors are indices.

mod area;
mod energy;
mod error;
mod group;
mod parse;
mod prices;
#[cfg(test)]
pub(crate) mod sample;
mod table;
mod tech;
#[cfg(test)]
mod tests;

pub use area::{Area, AreaAbsent, AreaComponent, AreaTerm, area, built};
pub use energy::{Component, Energy, EnergyTerm, energy, total_pj};
pub(crate) use energy::{effective_accesses, work_density};
pub use error::{CostError, ENERGY_LAW};
pub use group::{Action as GroupAction, GroupComponent, GroupEnergy, GroupTerm, group_energy};
pub use parse::{ACTIONS, ActionError, Argument};
pub use prices::{Context, MemoryContext, OwnPrice, Per, Price, Prices};
pub use tech::{Action, Built, Entry, Precision, Technology, capacity_text};

use crate::engine::Counts;
use crate::ir::Mapping;

/// Energy and area of one mapped layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    pub energy: Energy,
    pub area: Area,
}

/// Prices the counts of one mapping.
///
/// # Errors
///
/// Every performed action without a price, each once, in the order of the terms; or that the energy does not
/// add up.
pub fn evaluate(
    technology: &Technology,
    context: &Context,
    mapping: &Mapping,
    counts: &Counts,
) -> Result<Cost, Vec<CostError>> {
    let prices = Prices::new(technology, context, mapping);
    let energy = energy(&prices, mapping, counts)?;
    if !energy::adds_up(&energy, &prices, mapping, counts) {
        return Err(vec![CostError::Law]);
    }
    Ok(Cost {
        energy,
        area: area(technology, context, &mapping.architecture),
    })
}
