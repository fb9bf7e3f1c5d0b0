//! The points of a sweep and their numbers.
//!
//! Example: axes of 3 and 2 values have the points (0, 0), (0, 1), (1, 0), ... (2, 1) with the numbers 0 to 5: the last
//! axis changes fastest. A filter keeps combinations of some axes out; the points that are left keep their numbers.

/// Which combinations of some axes belong to the sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Ascending.
    pub axes: Vec<usize>,
    /// One per combination, the last axis fastest.
    pub admits: Vec<bool>,
}

/// All points of a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    lengths: Vec<usize>,
    filters: Vec<Filter>,
}

/// Combinations of axes that filters link, directly or by way of others: as many are looked at to count designs.
const MOST_LINKED: u64 = 1 << 24;

impl Grid {
    /// Axes with so many values. `None` when there are more than 2^63 points, or filters link axes of more than 2^24
    /// combinations.
    #[must_use]
    pub fn new(lengths: Vec<usize>, filters: Vec<Filter>) -> Option<Grid> {
        let mut all = lengths.iter().map(|&length| length as u64);
        all.try_fold(1u64, u64::checked_mul)
            .filter(|&points| points < 1 << 63)?;
        let grid = Grid { lengths, filters };
        let small = |linked: &Vec<usize>| {
            let lengths = linked.iter().filter_map(|&axis| grid.lengths.get(axis));
            let product = lengths.map(|&length| length as u64).product::<u64>();
            linked.len() == 1 || product <= MOST_LINKED
        };
        grid.linked().iter().all(small).then_some(grid)
    }

    /// The axes in sets that no filter links, each ascending.
    fn linked(&self) -> Vec<Vec<usize>> {
        let mut sets: Vec<Vec<usize>> = (0..self.lengths.len()).map(|axis| vec![axis]).collect();
        for filter in &self.filters {
            let (touched, mut apart): (Vec<_>, Vec<_>) = sets
                .into_iter()
                .partition(|set| set.iter().any(|axis| filter.axes.contains(axis)));
            let mut joined: Vec<usize> = touched.into_iter().flatten().collect();
            joined.sort_unstable();
            apart.push(joined);
            sets = apart;
        }
        sets
    }

    /// Points, those that filters keep out as well.
    #[must_use]
    pub fn points(&self) -> u64 {
        self.lengths.iter().map(|&length| length as u64).product()
    }

    #[must_use]
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// Whether some combinations are kept out.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        !self.filters.is_empty()
    }

    /// How far apart the numbers of neighbours on an axis are.
    #[must_use]
    pub fn stride(&self, axis: usize) -> u64 {
        let behind = self.lengths.iter().skip(axis + 1);
        behind.map(|&length| length as u64).product()
    }

    /// The index on every axis of the point with that number.
    #[must_use]
    pub fn places(&self, number: u64) -> Vec<usize> {
        let mut rest = number;
        let mut places = vec![0; self.lengths.len()];
        for (place, &length) in places.iter_mut().zip(&self.lengths).rev() {
            let length = length.max(1) as u64;
            *place = usize::try_from(rest % length).unwrap_or(0);
            rest /= length;
        }
        places
    }

    /// The number of a point.
    #[must_use]
    pub fn number(&self, places: &[usize]) -> u64 {
        let both = places.iter().zip(&self.lengths);
        both.fold(0, |number, (&place, &length)| {
            number * length as u64 + place as u64
        })
    }

    /// Whether the point belongs to the sweep.
    #[must_use]
    pub fn admits(&self, places: &[usize]) -> bool {
        self.filters.iter().all(|filter| self.holds(filter, places))
    }

    /// Whether the filters that speak of known places alone admit a point that has these.
    #[must_use]
    pub fn may_admit(&self, places: &[Option<usize>]) -> bool {
        let known: Vec<usize> = places.iter().map(|place| place.unwrap_or(0)).collect();
        let decided = |filter: &&Filter| {
            let mut axes = filter.axes.iter();
            axes.all(|&axis| places.get(axis).is_some_and(Option::is_some))
        };
        let mut decided = self.filters.iter().filter(decided);
        decided.all(|filter| self.holds(filter, &known))
    }

    fn holds(&self, filter: &Filter, places: &[usize]) -> bool {
        let combination = filter.axes.iter().fold(0, |number, &axis| {
            let length = self.lengths.get(axis).copied().unwrap_or(1);
            number * length + places.get(axis).copied().unwrap_or(0)
        });
        filter.admits.get(combination).copied().unwrap_or(false)
    }

    /// Points of the sweep.
    #[must_use]
    pub fn designs(&self) -> u64 {
        let sets = self.linked();
        sets.iter().map(|set| self.count(set)).product()
    }

    /// Combinations of linked axes that are admitted.
    fn count(&self, set: &[usize]) -> u64 {
        let own = |filter: &&Filter| filter.axes.iter().all(|axis| set.contains(axis));
        let filters: Vec<&Filter> = self.filters.iter().filter(own).collect();
        let length = |axis: &usize| self.lengths.get(*axis).copied().unwrap_or(0);
        if filters.is_empty() {
            return set.iter().map(|axis| length(axis) as u64).product();
        }
        let mut places = vec![0; self.lengths.len()];
        let mut sum = 0;
        loop {
            sum += u64::from(filters.iter().all(|filter| self.holds(filter, &places)));
            // The next combination, the last axis fastest.
            let next = set
                .iter()
                .rev()
                .find(|axis| places[**axis] + 1 < length(axis));
            let Some(&next) = next else { return sum };
            places[next] += 1;
            for &behind in set.iter().filter(|axis| **axis > next) {
                places[behind] = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        // x != y, on axes of 3, 2 and 3 values of which the first and the last are compared.
        let admits = (0..9).map(|at| at / 3 != at % 3).collect();
        let filter = Filter {
            axes: vec![0, 2],
            admits,
        };
        Grid::new(vec![3, 2, 3], vec![filter]).unwrap()
    }

    #[test]
    fn numbers_and_places_are_the_same_thing() {
        let grid = grid();
        for number in 0..grid.points() {
            assert_eq!(grid.number(&grid.places(number)), number);
        }
        assert_eq!(grid.places(7), [1, 0, 1]);
    }

    #[test]
    fn what_is_counted_is_what_is_admitted() {
        let grid = grid();
        let admitted = (0..grid.points()).filter(|&number| grid.admits(&grid.places(number)));
        // 3 * 2 * 3 points without the 3 * 2 of equal ends.
        assert_eq!(admitted.count(), 12);
        assert_eq!(grid.designs(), 12);
    }

    #[test]
    fn axes_that_nothing_links_are_counted_apart() {
        let at_least = |axis: usize, length: usize, least: usize| Filter {
            axes: vec![axis],
            admits: (0..length).map(|place| place >= least).collect(),
        };
        let long = 1 << 20;
        let filters = vec![at_least(0, long, 5), at_least(1, long, 7)];
        let grid = Grid::new(vec![long, long, 3], filters).unwrap();
        assert_eq!(grid.designs(), (long as u64 - 5) * (long as u64 - 7) * 3);
        let linking = Filter {
            axes: vec![0, 1],
            admits: Vec::new(),
        };
        assert_eq!(Grid::new(vec![long, long], vec![linking]), None);
    }
}
