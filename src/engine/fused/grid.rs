//! Steps that differ in nothing that is counted.
//!
//! Problem: 224 x 56 steps of two loops are, but for the first and last few of each loop, translates of each other.
//! Where the pieces of all tables begin, the trips of a loop are cut into runs; a cell of the grid is a run of every
//! loop, and one step stands for all of the cell.

use super::table::Table;
use super::term::{self, Term};
use crate::base::limits;
use crate::engine::EngineLimit;
use smallvec::SmallVec;

/// [`limits::GRID_CELLS`].
const MOST_CELLS: u128 = limits::GRID_CELLS;
/// [`limits::GRID_SIZES`].
pub(super) const MOST_SIZES: u128 = limits::GRID_SIZES;

/// Runs of trips, by loop.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    runs: Vec<Vec<Run>>,
}

/// Consecutive trips of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub first: u64,
    pub count: u64,
}

impl Grid {
    /// The grid of the loops before number `loops` in which all `tables` are regular.
    pub(super) fn new<'a>(
        trips: &[u64],
        loops: usize,
        tables: impl Iterator<Item = &'a Table>,
    ) -> Result<Grid, EngineLimit> {
        let mut bounds: Vec<Vec<u64>> = vec![vec![0]; trips.len()];
        for table in tables {
            table.boundaries(&mut bounds);
        }
        let mut cells = 1u128;
        let mut runs = Vec::with_capacity(loops);
        for (first, &trips) in bounds.iter_mut().zip(trips).take(loops) {
            first.sort_unstable();
            first.dedup();
            cells = cells.saturating_mul(first.len() as u128);
            runs.push(
                first
                    .iter()
                    .zip(first.iter().skip(1).chain(std::iter::once(&trips)))
                    .map(|(&first, &end)| Run {
                        first,
                        count: end - first,
                    })
                    .collect(),
            );
        }
        if cells > MOST_CELLS {
            return Err(EngineLimit::TooManyClasses);
        }
        Ok(Grid { runs })
    }

    /// Refuses a grid of which so many sizes for every cell are too many.
    pub(super) fn bound(&self, sizes: usize) -> Result<(), EngineLimit> {
        let cells = self.runs.iter().fold(1u128, |product, runs| {
            product.saturating_mul(runs.len() as u128)
        });
        if cells.saturating_mul(sizes as u128) > MOST_SIZES {
            return Err(EngineLimit::TooManyClasses);
        }
        Ok(())
    }

    /// The runs of one loop.
    pub(super) fn runs(&self, axis: usize) -> &[Run] {
        self.runs.get(axis).map_or(&[], Vec::as_slice)
    }

    /// Calls `visit` for every cell in the order of its first step, with that step (loops outside of the grid at 0) and
    /// the number of steps.
    pub(super) fn each<E>(
        &self,
        loops: usize,
        mut visit: impl FnMut(&[u64], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut step = vec![0u64; loops.max(self.runs.len())];
        self.descend(0, 1, &mut step, &mut visit)
    }

    fn descend<E>(
        &self,
        axis: usize,
        steps: u64,
        step: &mut [u64],
        visit: &mut impl FnMut(&[u64], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(runs) = self.runs.get(axis) else {
            return visit(step, steps);
        };
        for run in runs {
            if let Some(trip) = step.get_mut(axis) {
                *trip = run.first;
            }
            self.descend(axis + 1, steps.saturating_mul(run.count), step, visit)?;
        }
        Ok(())
    }
}

/// Most elements of one step; `terms` are disjoint and depend on the first `loops` loops only.
pub(super) fn largest(terms: &[Term], loops: usize, trips: &[u64]) -> Result<u128, EngineLimit> {
    match terms {
        [] => Ok(0),
        // The factors depend on different loops: their maxima meet.
        [only] => Ok(only.largest()),
        _ => {
            let tables = terms.iter().flat_map(Term::factors);
            let grid = Grid::new(trips, loops, tables)?;
            let mut most = 0;
            grid.each(trips.len(), |step, _| {
                limits::spend(terms.len() as u64)?;
                most = most.max(term::count_at(terms, step));
                Ok::<(), EngineLimit>(())
            })?;
            Ok(most)
        }
    }
}

/// The sizes of disjoint terms, looked up by cell of a grid.
#[derive(Clone, Debug)]
pub(super) struct Sizes<'a> {
    terms: SmallVec<[Size<'a>; 2]>,
}

/// The size of one term: a constant, times what depends on one loop each, times what depends on several.
#[derive(Clone, Debug)]
struct Size<'a> {
    constant: u128,
    /// Loop, and the size in each of its runs.
    single: SmallVec<[(usize, SmallVec<[u64; 8]>); 3]>,
    several: SmallVec<[&'a Table; 1]>,
}

impl<'a> Sizes<'a> {
    /// In `grid` all factors of `terms` are regular.
    pub(super) fn new(terms: &'a [Term], grid: &Grid, loops: usize) -> Sizes<'a> {
        Sizes {
            terms: terms.iter().map(|term| size(term, grid, loops)).collect(),
        }
    }

    /// Elements of the cell whose runs are `cell` and whose first step is `step`.
    pub(super) fn at(&self, cell: &[usize], step: &[u64]) -> u128 {
        self.terms.iter().fold(0u128, |sum, term| {
            let mut product = term.constant;
            for (axis, sizes) in &term.single {
                let size = cell.get(*axis).and_then(|&run| sizes.get(run));
                product = product.saturating_mul(u128::from(size.copied().unwrap_or(0)));
            }
            for table in &term.several {
                product = product.saturating_mul(u128::from(table.count_at(step)));
            }
            sum.saturating_add(product)
        })
    }
}

fn size<'a>(term: &'a Term, grid: &Grid, loops: usize) -> Size<'a> {
    let mut size = Size {
        constant: 1,
        single: SmallVec::new(),
        several: SmallVec::new(),
    };
    let mut step = vec![0u64; loops];
    for table in term.factors() {
        match table {
            Table::Set(set) => {
                size.constant = size.constant.saturating_mul(u128::from(set.count()));
            }
            Table::Loop(level) if table.axes().count_ones() == 1 => {
                let sizes = grid
                    .runs(level.axis)
                    .iter()
                    .map(|run| {
                        if let Some(trip) = step.get_mut(level.axis) {
                            *trip = run.first;
                        }
                        table.count_at(&step)
                    })
                    .collect();
                size.single.push((level.axis, sizes));
            }
            Table::Loop(_) => size.several.push(table),
        }
    }
    size
}
