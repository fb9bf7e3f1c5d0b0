//! The designs of a box: those of one array whose layers are all mapped in the same way, row by row.
//!
//! Problem: a row of 256 sizes of the shared buffer under one array, one bandwidth and one private buffer has 256 areas,
//! powers and energies, each of which is the sum of one number for the row and one for the size; the cycles are the same.
//! That is all there is to be done for a design, and twenty million of them are done in a second.

use super::built::{Parts, least_area};
use super::design::{Sums, Totals, design, product};
use super::prepare::Sweep;
use super::rates::RateAxis;
use super::sizes::SizeAxis;
use crate::explore::{Figure, Part};
use crate::hir::explore::Scope;

/// What a layer costs under one dataflow in one box of sizes.
pub(super) struct Use {
    /// Per bandwidth: cycles, and pJ of everything but the memories whose sizes vary.
    pub each: Vec<(f64, f64)>,
    /// pJ of those, per place of their axis.
    pub tables: Vec<Vec<f64>>,
}

/// All designs of one array.
pub(super) struct Rows<'a> {
    pub sweep: &'a Sweep<'a>,
    pub sizes: &'a [SizeAxis],
    pub rate: Option<&'a RateAxis>,
    pub parts: &'a Parts,
    /// The first of them.
    pub places: &'a [usize],
    pub clock_hz: Option<f64>,
    /// The largest area and power that the budget allows.
    pub most: (f64, f64),
}

/// What the designs of a box cost.
enum Costs {
    /// Nothing that is asked for: all are too large.
    TooLarge,
    /// A layer does not run.
    Unfit,
    /// All layers together are one, under one dataflow.
    One(Use),
    /// Per layer how often it runs, and what it costs under every dataflow.
    Several(Vec<(u64, Vec<Use>)>),
}

/// Everything of a design but its last size.
#[derive(Clone, Copy)]
struct Chosen {
    at: Totals,
    rate: usize,
}

impl Rows<'_> {
    /// Adds the designs of a box to a part. `ranges`: per axis of sizes, from small to large.
    pub fn add(&self, ranges: &[(usize, usize)], layers: Vec<(u64, Vec<Use>)>, part: &mut Part) {
        self.walk_all(ranges, &costs(self.sweep.explore.scope, layers), part);
    }

    /// Counts the designs of a box, all of which are too large.
    pub fn leave_out(&self, ranges: &[(usize, usize)], part: &mut Part) {
        self.walk_all(ranges, &Costs::TooLarge, part);
    }

    fn walk_all(&self, ranges: &[(usize, usize)], costs: &Costs, part: &mut Part) {
        let mut places = self.places.to_vec();
        for (rate, &own) in self.parts.rates.iter().enumerate() {
            if let Some(axis) = self.rate {
                places[axis.axis] = rate;
            }
            let at = self.parts.fixed.plus(own);
            self.walk(ranges, (costs, Chosen { at, rate }), &mut places, part);
        }
    }

    /// `ranges`: of the axes of sizes that are not chosen yet.
    fn walk(
        &self,
        ranges: &[(usize, usize)],
        (costs, chosen): (&Costs, Chosen),
        places: &mut [usize],
        part: &mut Part,
    ) {
        let axis = self.sizes.len() - ranges.len();
        let size = self.sizes.get(axis).zip(ranges.split_first());
        let Some((size, (&(low, high), inside))) = size else {
            return self.row(&Line::POINT, (costs, chosen), places, part);
        };
        let some = size.order.get(low..=high).unwrap_or_default();
        let table = self.parts.sizes.get(axis).map_or(&[][..], Vec::as_slice);
        if inside.is_empty() {
            let line = Line {
                axis: Some((axis, size.axis)),
                some,
                table,
                least: least_area(table),
            };
            return self.row(&line, (costs, chosen), places, part);
        }
        for &place in some {
            places[size.axis] = place;
            let at = chosen.at.plus(table[place]);
            self.walk(inside, (costs, Chosen { at, ..chosen }), places, part);
        }
    }

    /// One design per place on the last axis of sizes.
    fn row(
        &self,
        line: &Line<'_>,
        (costs, chosen): (&Costs, Chosen),
        places: &mut [usize],
        part: &mut Part,
    ) {
        let grid = &self.sweep.grid;
        let (most_area, most_power) = self.most;
        if let Some((_, axis)) = line.axis {
            places[axis] = 0;
        }
        let first = grid.number(places);
        let stride = line.axis.map_or(0, |(_, axis)| grid.stride(axis));
        let is_filtered = grid.is_filtered();
        // One look at the smallest of the whole axis instead of one per design.
        let all = matches!(costs, Costs::TooLarge) || chosen.at.area + line.least > most_area;
        let one = match costs {
            Costs::One(one) => Some(self.energies(one, line, chosen.rate, places)),
            _ => None,
        };
        for &place in line.some {
            if is_filtered {
                if let Some((_, axis)) = line.axis {
                    places[axis] = place;
                }
                if !grid.admits(places) {
                    continue;
                }
            }
            let at = chosen.at.plus(line.table[place]);
            if all || at.area > most_area {
                part.counts.pruned_by_area += 1;
                continue;
            }
            if at.power > most_power {
                part.counts.pruned_by_power += 1;
                continue;
            }
            let number = first + place as u64 * stride;
            let design = match (costs, &one) {
                (Costs::One(_), Some((cycles, fixed, table))) => {
                    let energy = match table {
                        Some(table) => fixed + table[place],
                        None => *fixed,
                    };
                    design(number, (energy, *cycles), at, self.clock_hz)
                }
                (Costs::Several(layers), _) => {
                    if let Some((_, axis)) = line.axis {
                        places[axis] = place;
                    }
                    let sums = self.sums(layers, chosen.rate, places);
                    sums.design(number, at, self.clock_hz)
                }
                _ => {
                    part.unfit(1);
                    continue;
                }
            };
            if self.sweep.is_priced && !design.get(Figure::Energy).is_finite() {
                // A size for which the technology has no price.
                part.unfit(1);
                continue;
            }
            part.design(&self.sweep.question, design);
        }
    }

    /// Of a row: its cycles, the energy of all but the last size, and that of the last one per place.
    fn energies<'u>(
        &self,
        one: &'u Use,
        line: &Line<'_>,
        rate: usize,
        places: &[usize],
    ) -> (f64, f64, Option<&'u [f64]>) {
        let (cycles, fixed) = one.each.get(rate).copied().unwrap_or((f64::NAN, f64::NAN));
        let last = line.axis.map_or(self.sizes.len(), |(axis, _)| axis);
        let before = self.sizes.iter().zip(&one.tables).take(last);
        let fixed = before.fold(fixed, |sum, (size, table)| sum + table[places[size.axis]]);
        (cycles, fixed, one.tables.get(last).map(Vec::as_slice))
    }

    fn sums(&self, layers: &[(u64, Vec<Use>)], rate: usize, places: &[usize]) -> Sums {
        let mut sums = Sums::new(self.sweep.explore.scope);
        for (times, uses) in layers {
            let cost = |one: &Use| {
                let (cycles, fixed) = one.each.get(rate).copied().unwrap_or((f64::NAN, f64::NAN));
                let tables = one.tables.iter().zip(self.sizes);
                let energy =
                    tables.fold(fixed, |sum, (table, size)| sum + table[places[size.axis]]);
                (energy, cycles)
            };
            if let [one] = uses.as_slice() {
                let (energy, cycles) = cost(one);
                sums.add(*times, |figure| product(figure, energy, cycles));
                continue;
            }
            let all: Vec<(f64, f64)> = uses.iter().map(cost).collect();
            sums.add(*times, |figure| {
                let values = all
                    .iter()
                    .map(|&(energy, cycles)| product(figure, energy, cycles));
                values.fold(f64::NAN, f64::min)
            });
        }
        sums
    }
}

/// The last axis of sizes: of a row everything else is the same.
struct Line<'a> {
    /// Its number among the axes of sizes, and in the grid; none where no size is varied.
    axis: Option<(usize, usize)>,
    /// Places on it.
    some: &'a [usize],
    /// Per place.
    table: &'a [Totals],
    /// Least area of a place.
    least: f64,
}

impl Line<'static> {
    /// One design.
    const POINT: Line<'static> = Line {
        axis: None,
        some: &[0],
        table: &[Totals::NOTHING],
        least: 0.0,
    };
}

/// Layers of one dataflow each are one layer, when only sums count.
fn costs(scope: Scope, layers: Vec<(u64, Vec<Use>)>) -> Costs {
    if layers.iter().any(|(_, uses)| uses.is_empty()) {
        return Costs::Unfit;
    }
    if scope == Scope::Layers || layers.iter().any(|(_, uses)| uses.len() != 1) {
        return Costs::Several(layers);
    }
    let mut all: Option<Use> = None;
    for (times, uses) in layers {
        let times = times as f64;
        for mut one in uses {
            for (cycles, energy) in &mut one.each {
                (*cycles, *energy) = (*cycles * times, *energy * times);
            }
            let cells = one.tables.iter_mut().flatten();
            cells.for_each(|cell| *cell *= times);
            let Some(sum) = &mut all else {
                all = Some(one);
                continue;
            };
            for (sum, more) in sum.each.iter_mut().zip(&one.each) {
                (sum.0, sum.1) = (sum.0 + more.0, sum.1 + more.1);
            }
            let cells = sum.tables.iter_mut().flatten();
            let both = cells.zip(one.tables.iter().flatten());
            both.for_each(|(sum, more)| *sum += more);
        }
    }
    all.map_or(Costs::Unfit, Costs::One)
}
