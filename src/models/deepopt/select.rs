//! The best schedule per layer, and what one schedule for all layers costs more.
//!
//! The published tables apply the objective to each layer and add the values up ([`per_layer`]). A network's own product is another thing:
//! the sum of the energies times the sum of the delays, and the best schedule of each layer does not minimise it. A layer may cost (energy,
//! delay) = (1, 9) or (4, 2): its own product prefers the second, 8 against 9. Beside a layer of (1, 100) the first is better, 2 * 109 =
//! 218 against 5 * 102 = 510; that is what [`network_product`] finds.
//!
//! The exact solution needs no enumeration. `ln(E^a D^b)` is concave, so over the convex hull of all reachable (E, D) its minimum is at a corner; a
//! corner of a sum of sets is the sum of corners of the sets that minimise the same weighted sum. The corners are met one after the other as the weight
//! turns from energy to delay, one layer changing its schedule at a time: at most as many as there are Pareto points in all layers.

use super::objective::Objective;
use super::schedule::Schedule;

/// Energy in pJ and delay in cycles of a layer under the five schedules; `None` where it does not fit, a delay of `None` where it has no bound.
pub type Choices = [Option<Choice>; 5];

/// Figures of one schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    pub energy: f64,
    pub delay: Option<u64>,
}

/// A cycle count as a factor of an objective.
const fn float(cycles: u64) -> f64 {
    cycles as f64
}

impl Choice {
    /// Value of an objective.
    #[must_use]
    pub fn value(&self, objective: Objective) -> f64 {
        objective.of(self.energy, self.delay.map(float))
    }
}

/// Sum over the layers of the objective under one schedule. Infinite if some layer does not fit.
#[must_use]
pub fn fixed(layers: &[Choices], schedule: Schedule, objective: Objective) -> f64 {
    layers
        .iter()
        .map(|choices| {
            choices[schedule.index()].map_or(f64::INFINITY, |choice| choice.value(objective))
        })
        .sum()
}

/// The objective of the sums over the layers; infinite if one has nothing.
#[must_use]
pub fn product_of(layers: impl IntoIterator<Item = Option<Choice>>, objective: Objective) -> f64 {
    let sum = layers.into_iter().try_fold((0.0, Some(0_u64)), |sum, one| {
        let one = one?;
        let delay = sum
            .1
            .zip(one.delay)
            .and_then(|(sum, more)| sum.checked_add(more));
        Some((sum.0 + one.energy, delay))
    });
    sum.map_or(f64::INFINITY, |(energy, delay)| {
        objective.of(energy, delay.map(float))
    })
}

/// The best schedule of every layer for an objective, and the sum of their values. `None` if some layer fits under no schedule.
#[must_use]
pub fn per_layer(layers: &[Choices], objective: Objective) -> Option<(Vec<Schedule>, f64)> {
    let mut chosen = Vec::with_capacity(layers.len());
    let mut sum = 0.0;
    for choices in layers {
        let mut best: Option<(Schedule, f64)> = None;
        for schedule in Schedule::ALL {
            let value =
                choices[schedule.index()].map_or(f64::INFINITY, |choice| choice.value(objective));
            if value < best.map_or(f64::INFINITY, |(_, least)| least) {
                best = Some((schedule, value));
            }
        }
        let (schedule, value) = best?;
        chosen.push(schedule);
        sum += value;
    }
    Some((chosen, sum))
}

/// Schedules per layer that minimise the objective of the sums, with both sums.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    pub schedules: Vec<Schedule>,
    pub energy: f64,
    pub delay: u64,
    pub value: f64,
    /// Corners of the hull that were compared.
    pub corners: usize,
}

/// A layer changes from one corner of its hull to the next one: less delay for more energy.
struct Step {
    layer: usize,
    to: usize,
    /// Energy paid per cycle saved.
    rate: f64,
}

/// Minimises a network-level product exactly; every schedule must have a bound of its delay to take part.
#[must_use]
pub fn network_product(layers: &[Choices], objective: Objective) -> Option<Selection> {
    let hulls: Vec<Vec<(Schedule, f64, u64)>> = layers.iter().map(hull).collect();
    // Every layer starts at its least energy.
    let mut at: Vec<usize> = vec![0; hulls.len()];
    let mut steps = Vec::new();
    for (layer, hull) in hulls.iter().enumerate() {
        hull.first()?;
        for (to, pair) in hull.windows(2).enumerate() {
            let &[from, next] = pair else { continue };
            steps.push(Step {
                layer,
                to: to + 1,
                rate: (next.1 - from.1) / float(from.2 - next.2),
            });
        }
    }
    steps.sort_by(|a, b| {
        a.rate
            .total_cmp(&b.rate)
            .then(a.layer.cmp(&b.layer))
            .then(a.to.cmp(&b.to))
    });
    let sums = |at: &[usize]| -> Option<(f64, u64)> {
        let mut sum = (0.0, 0_u64);
        for (hull, &place) in hulls.iter().zip(at) {
            let &(_, energy, delay) = hull.get(place)?;
            sum = (sum.0 + energy, sum.1.checked_add(delay)?);
        }
        Some(sum)
    };
    let (energy, delay) = sums(&at)?;
    let mut best = (objective.of(energy, Some(float(delay))), at.clone());
    let corners = steps.len() + 1;
    for step in steps {
        if let Some(place) = at.get_mut(step.layer) {
            *place = step.to;
        }
        let (energy, delay) = sums(&at)?;
        let value = objective.of(energy, Some(float(delay)));
        if value < best.0 {
            best = (value, at.clone());
        }
    }
    let (value, at) = best;
    let (energy, delay) = sums(&at)?;
    let schedules = hulls
        .iter()
        .zip(&at)
        .filter_map(|(hull, &place)| hull.get(place).map(|corner| corner.0))
        .collect();
    Some(Selection {
        schedules,
        energy,
        delay,
        value,
        corners,
    })
}

/// The lower left corners of the convex hull of a layer's (energy, delay), by rising energy.
fn hull(choices: &Choices) -> Vec<(Schedule, f64, u64)> {
    let mut points: Vec<(Schedule, f64, u64)> = Schedule::ALL
        .into_iter()
        .filter_map(|schedule| {
            let choice = choices[schedule.index()]?;
            Some((schedule, choice.energy, choice.delay?))
        })
        .collect();
    points.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.2.cmp(&b.2)).then(a.0.cmp(&b.0)));
    let mut hull: Vec<(Schedule, f64, u64)> = Vec::new();
    for point in points {
        if hull.last().is_some_and(|last| point.2 >= last.2) {
            continue;
        }
        while let [.., before, last] = hull.as_slice() {
            // `last` lies on or above the line from `before` to `point`: it minimises no weighted sum alone.
            let above = (last.1 - before.1) * float(last.2 - point.2)
                >= (point.1 - last.1) * float(before.2 - last.2);
            if !above {
                break;
            }
            hull.pop();
        }
        hull.push(point);
    }
    hull
}
