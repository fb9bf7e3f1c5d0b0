//! Which order wins on a layer: the five, the nine that the first pruning step leaves, or any.
//!
//! Orders that move the same words cost the same; of equal ones the first counts: the five, then the nine, then the rest.

use std::fmt;

use super::estimate::Prices;
use super::layer::{Layer, Machine};
use super::parallel;
use super::schedule::Loop;
use super::simulate::{Order, Simulation, Stationary};

/// An order and the energy of its memories, in pJ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Winner {
    pub order: Order,
    pub energy: f64,
}

/// Best orders of a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    pub of_five: Winner,
    pub of_nine: Winner,
    pub of_all: Winner,
}

/// Simulates all orders of all layers. `None` for a layer that fits under none of the five, or is too large to be walked.
#[must_use]
pub fn verify_pruning(
    layers: &[Layer],
    machine: &Machine,
    prices: &Prices,
) -> Vec<Option<Verdict>> {
    parallel::map(layers, |layer| verdict(layer, machine, prices))
}

fn verdict(layer: &Layer, machine: &Machine, prices: &Prices) -> Option<Verdict> {
    let mut orders = Order::all();
    // On a square layer an order and its mirror image move the same words.
    let square = layer.e == layer.g && layer.r == layer.s;
    let depth = |order: &Order, wanted: Loop| order.loops.iter().position(|&l| l == wanted);
    orders.retain(|order| !square || depth(order, Loop::X) > depth(order, Loop::Y));
    orders.sort_by_key(|order| {
        let [outer, third, second, inner] = order.loops;
        (
            order.kept().is_none(),
            !order.of_nine(),
            inner,
            second,
            third,
            outer,
            order.stationary,
        )
    });
    let mut simulation = Simulation::new(layer, machine).ok()?;
    let (mut five, mut nine, mut all) = (None, None, None);
    for order in orders {
        let Some(moved) = simulation.run(&order) else {
            continue;
        };
        let found = Winner {
            order,
            energy: moved.energy(machine, prices),
        };
        if order.kept().is_some() {
            lower(&mut five, found);
        }
        if order.of_nine() {
            lower(&mut nine, found);
        }
        lower(&mut all, found);
    }
    Some(Verdict {
        of_five: five?,
        of_nine: nine?,
        of_all: all?,
    })
}

/// Keeps the less, unless the difference is that of two sums of the same words in another order.
fn lower(best: &mut Option<Winner>, found: Winner) {
    if best.is_none_or(|best| found.energy < best.energy * (1.0 - 1e-12)) {
        *best = Some(found);
    }
}

/// As the published names read, from the innermost loop outward; a letter where the innermost loop leaves a choice and not the usual one is made.
impl fmt::Display for Order {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, one) in self.loops.iter().rev().enumerate() {
            out.write_str(match one {
                Loop::X => "X",
                Loop::Y => "Y",
                Loop::Zi => "Zi",
                Loop::Zo => "Zo",
            })?;
            if depth == 0 {
                out.write_str(match self.stationary {
                    Stationary::Filter | Stationary::Psum => "",
                    Stationary::Taps | Stationary::Passing => "b",
                    Stationary::Ifmap => "a",
                })?;
            }
        }
        Ok(())
    }
}
