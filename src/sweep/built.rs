//! What the designs of one array take of silicon, of power and of memory, whatever runs on them.
//!
//! Problem: a design that is too large or takes too much needs no evaluation, and there are millions of them. Of designs that
//! differ in sizes and a bandwidth each of the three is a sum: one number for what is the same in all of them, one for the
//! bandwidth, one per size.

use super::design::Totals;
use super::prepare::Sweep;
use super::rates::RateAxis;
use super::sizes::SizeAxis;
use crate::cost::{self, AreaComponent, AreaTerm, Built};
use crate::hir::Accelerator;
use crate::ir::Architecture;
use crate::{lower, pricing};

/// The summands of the designs of one array.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub fixed: Totals,
    /// Per bandwidth; one that is 0 where none is varied.
    pub rates: Vec<Totals>,
    /// Per axis of sizes and place on it.
    pub sizes: Vec<Vec<Totals>>,
}

/// What a term belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Fixed,
    Rate,
    Size(usize),
}

impl Parts {
    pub fn new(
        sweep: &Sweep<'_>,
        made: &Accelerator,
        sizes: &[SizeAxis],
        rate: Option<&RateAxis>,
    ) -> Parts {
        let base = lower::architecture(made);
        let owner = |component: AreaComponent| match component {
            AreaComponent::Memory(memory) => sizes
                .iter()
                .position(|size| size.memories.contains(&memory))
                .map_or(Owner::Fixed, Owner::Size),
            AreaComponent::Bus if rate.is_some() => Owner::Rate,
            _ => Owner::Fixed,
        };
        let totals = |architecture: &Architecture, wanted: Owner| {
            let sum = |kind: Built| match terms(sweep, made, kind, architecture) {
                Some(terms) => {
                    let own = terms.iter().filter(|term| owner(term.component) == wanted);
                    own.map(|term| term.value).sum()
                }
                None => f64::NAN,
            };
            let memories = (1..architecture.memories.len())
                .filter(|&at| owner(AreaComponent::Memory(at)) == wanted)
                .map(|at| bytes(architecture, at));
            Totals {
                area: sum(Built::Area),
                power: sum(Built::Power),
                buffer: memories.sum(),
            }
        };
        let rates = rate.map_or_else(
            || vec![Totals::NOTHING],
            |rate| {
                let at = |place: usize| {
                    let mut other = base.clone();
                    rate.set(&mut other, place);
                    totals(&other, Owner::Rate)
                };
                (0..rate.len()).map(at).collect()
            },
        );
        let tables = sizes.iter().enumerate().map(|(axis, size)| {
            let at = |place: usize| {
                let mut other = base.clone();
                size.set(&mut other, place);
                totals(&other, Owner::Size(axis))
            };
            (0..size.bits.len()).map(at).collect()
        });
        Parts {
            fixed: totals(&base, Owner::Fixed),
            rates,
            sizes: tables.collect(),
        }
    }

    /// No design is smaller.
    pub fn least_area(&self) -> f64 {
        let rest = self.sizes.iter().map(|table| least_area(table));
        self.fixed.area + least_area(&self.rates) + rest.sum::<f64>()
    }
}

/// Of some summands the least area; not a number if one of them is not known.
pub(super) fn least_area(table: &[Totals]) -> f64 {
    let areas = table.iter().map(|one| one.area);
    areas.fold(f64::INFINITY, |least, area| {
        if area < least || area.is_nan() {
            area
        } else {
            least
        }
    })
}

/// What every part takes, where the technology says it.
fn terms(
    sweep: &Sweep<'_>,
    made: &Accelerator,
    kind: Built,
    architecture: &Architecture,
) -> Option<Vec<AreaTerm>> {
    let (technology, merged) = sweep.technology.as_ref().zip(sweep.layers.first())?;
    let context = pricing::context(made, lower::operand_precision(merged.layer, made));
    cost::built(kind, technology, &context, architecture).ok()
}

/// Of all instances of a memory; not a number where it has no size.
fn bytes(architecture: &Architecture, memory: usize) -> f64 {
    let bits = architecture
        .memories
        .get(memory)
        .and_then(|one| one.capacity_bits);
    bits.map_or(f64::NAN, |bits| {
        bits as f64 / 8.0 * architecture.instances(memory) as f64
    })
}
