//! Which order wins on a layer: the five, the nine that the first pruning step leaves, or any.
//!
//! Orders that move the same words cost the same; of equal ones the first counts: the five, then the nine, then the rest.

use std::fmt;

use super::estimate::Prices;
use super::exact::Engine;
use super::layer::{Layer, Machine};
use super::parallel;
use super::price::Priced;
use super::schedule::Loop;
use super::simulate::{Order, Simulation, Stationary, Unsimulated};
use crate::models::Problem;
use std::sync::atomic::{AtomicBool, Ordering};

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
    parallel::map(layers, |layer| {
        let mut simulation = Simulation::new(layer, machine).ok()?;
        let energy = |order: &Order| Some(simulation.run(order)?.energy(machine, prices));
        verdict(layer, energy)
    })
}

/// A layer of a program whose pruning is to be verified.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    pub problem: Problem<'a>,
    pub layer: Layer,
    pub machine: Machine,
    pub priced: Priced,
}

/// What all orders cost, by the simulation and by the engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verified {
    /// Or why the layer is not walked.
    pub simulated: Result<Verdict, Unsimulated>,
    /// `None` where a loop would move along several ranks, or the engine counts none of the five.
    pub exact: Option<Verdict>,
}

/// Simulates all orders of all layers, and has the engine count the same orders as loops. Layers that were not begun when
/// `stop` was set are [`Unsimulated::Stopped`].
#[must_use]
pub fn verify_orders(claims: &[Claim<'_>], stop: &AtomicBool) -> Vec<Verified> {
    parallel::map(claims, |claim| {
        let refused = |why| Verified {
            simulated: Err(why),
            exact: None,
        };
        if stop.load(Ordering::Relaxed) {
            return refused(Unsimulated::Stopped);
        }
        let Claim {
            problem,
            layer,
            machine,
            priced,
        } = claim;
        let mut simulation = match Simulation::new(layer, machine) {
            Ok(simulation) => simulation,
            Err(why) => return refused(why),
        };
        let walked = |order: &Order| Some(simulation.run(order)?.energy(machine, &priced.prices));
        let walked = verdict(layer, walked);
        let engine = Engine::new(*problem, layer, machine, priced);
        let exact = engine.and_then(|engine| verdict(layer, |order| engine.energy(order)));
        Verified {
            simulated: walked.ok_or(Unsimulated::Unfit),
            exact,
        }
    })
}

/// The best orders by an energy. `None` if none of the five has one.
fn verdict(layer: &Layer, mut energy: impl FnMut(&Order) -> Option<f64>) -> Option<Verdict> {
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
    let (mut five, mut nine, mut all) = (None, None, None);
    for order in orders {
        let Some(energy) = energy(&order) else {
            continue;
        };
        let found = Winner { order, energy };
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
            out.write_str(one.name())?;
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
