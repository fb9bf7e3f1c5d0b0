//! In how many ways the parts of a candidate fit together, without listing them.
//!
//! Problem: each part (a rank, or a group of ranks) has its choices, and these are independent but for two things: the
//! loops of one block may stand in any order, and the spreads over one axis must fit together. So what matters of a
//! choice is how many loops it has in each block and how many trips its spreads make, and of the choices of all parts so
//! far the loops per block and what is left of each axis. 256 PEs after a spread of 3 have room for 85 more, and after
//! another one of 7 for 12: `floor(floor(256 / 3) / 7) = floor(256 / 21)`, so what is left is all that has to be known.
//!
//! Part by part, from the last to the first, a table says for every number of loops and every rest of the axes how many
//! ways there are to choose the parts behind. Parts of a convolution on four memories and 256 x 256 PEs have some 10^5
//! such states where candidates are 10^13.

use crate::search::big::Natural;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Loops in each block.
pub(super) type Loops = SmallVec<[u8; 8]>;
/// By axis: trips of a spread, or what is left for the spreads of other parts.
pub(super) type Trips = SmallVec<[u64; 4]>;

/// Numbers of one table at most: beyond that nothing is counted.
const MOST_NUMBERS: usize = 1 << 22;

/// Ways to put loops between others, times what the last factor of a binomial is formed with: they are counted in 64 bits.
const MOST_ORDERS: f64 = 1e17;

/// Choices of one part that are alike.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub loops: Loops,
    pub trips: Trips,
    pub ways: Natural,
}

/// An axis of an array.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub size: u64,
    /// One part at most is spread over it.
    pub single: bool,
}

/// What the orders of loops multiply with.
#[derive(Clone, Debug)]
pub(super) enum Orders {
    /// Loops of one part keep their order: those of all parts are put between each other in any way.
    Between,
    /// All orders of the loops of a block, but for those that keep theirs: where the block counts its loops, and where it
    /// counts those.
    All(Vec<(usize, Option<usize>)>),
}

/// The parts, and the tables as far as they were needed.
pub(super) struct Ways {
    axes: Vec<Axis>,
    parts: Vec<Vec<Entry>>,
    orders: Orders,
    /// Per number of parts in front: one more than the most loops per block.
    sizes: Vec<SmallVec<[usize; 8]>>,
    tables: Tables,
}

type Table<N> = Vec<BTreeMap<Trips, Arc<Vec<N>>>>;

/// Numbers that fit into 128 bits are counted so; it is ten times as fast.
enum Tables {
    Small(Table<u128>),
    Large(Table<Natural>),
}

trait Number: Clone + Sized {
    fn from_natural(value: &Natural) -> Self;
    fn to_natural(&self) -> Natural;
    /// `self + ways * orders * behind`
    fn add_product(&mut self, ways: &Self, orders: u64, behind: &Self);
}

/// No sum that is formed here passes 128 bits: see [`Ways::new`].
impl Number for u128 {
    fn from_natural(value: &Natural) -> u128 {
        value.to_u128().unwrap_or(u128::MAX)
    }

    fn to_natural(&self) -> Natural {
        Natural::of_u128(*self)
    }

    fn add_product(&mut self, ways: &u128, orders: u64, behind: &u128) {
        let product = ways.wrapping_mul(u128::from(orders)).wrapping_mul(*behind);
        *self = self.wrapping_add(product);
    }
}

impl Number for Natural {
    fn from_natural(value: &Natural) -> Natural {
        value.clone()
    }

    fn to_natural(&self) -> Natural {
        self.clone()
    }

    fn add_product(&mut self, ways: &Natural, orders: u64, behind: &Natural) {
        self.add(&ways.times(&Natural::from(orders)).times(behind));
    }
}

/// `n! / k!`
fn falling(n: u64, k: u64) -> Natural {
    (k + 1..=n).fold(Natural::from(1), |all, n| all.times(&Natural::from(n)))
}

fn binomial(n: u64, k: u64) -> u64 {
    (0..k).fold(1, |value, i| value * (n - i) / (i + 1))
}

impl Ways {
    /// `None` when there are too many blocks to be counted in reasonable time.
    pub fn new(axes: Vec<Axis>, parts: Vec<Vec<Entry>>, orders: Orders) -> Option<Ways> {
        let blocks = parts.iter().flatten().map(|entry| entry.loops.len()).max();
        let mut size: SmallVec<[usize; 8]> = SmallVec::from_elem(1, blocks.unwrap_or(0));
        let mut sizes = vec![size.clone()];
        // All ways if every spread did fit, and all orders of all loops.
        let mut most = 1.0f64;
        for part in &parts {
            for (block, size) in size.iter_mut().enumerate() {
                let loops = part.iter().map(|entry| usize::from(entry.loops[block]));
                *size += loops.max().unwrap_or(0);
            }
            sizes.push(size.clone());
            most *= part.iter().map(|entry| entry.ways.to_f64()).sum::<f64>();
        }
        let numbers = size.iter().try_fold(1usize, |all, &n| all.checked_mul(n))?;
        // So many ways, at most, to put the loops of one part between others.
        let between = size.iter().fold(1.0, |all, &size| {
            let (loops, half) = (size - 1, (size - 1) / 2);
            (0..half).fold(all, |all, i| all * (loops - i) as f64 / (i + 1) as f64)
        });
        if numbers > MOST_NUMBERS || between >= MOST_ORDERS {
            return None;
        }
        for &size in &size {
            most *= (1..size).map(|n| n as f64).product::<f64>();
        }
        let tables = if most < 2f64.powi(126) {
            Tables::Small(vec![BTreeMap::new(); parts.len() + 1])
        } else {
            Tables::Large(vec![BTreeMap::new(); parts.len() + 1])
        };
        Some(Ways {
            axes,
            parts,
            orders,
            sizes,
            tables,
        })
    }

    /// What is left of the axes before any spread.
    pub fn empty(&self) -> Trips {
        self.axes.iter().map(|axis| axis.size).collect()
    }

    /// What a choice leaves of `left`; `None`: its spreads do not fit.
    pub fn fit(&self, left: &Trips, trips: &Trips) -> Option<Trips> {
        let mut after = Trips::new();
        for ((axis, &left), &trips) in self.axes.iter().zip(left).zip(trips) {
            if trips > left {
                return None;
            }
            let spread = trips > 1;
            after.push(if spread && axis.single {
                1
            } else {
                left / trips.max(1)
            });
        }
        Some(after)
    }

    /// Ways to choose all parts.
    pub fn all(&mut self) -> Natural {
        let loops = Loops::from_elem(0, self.sizes[0].len());
        let empty = self.empty();
        self.behind(0, &loops, &empty)
    }

    /// Ways to choose the parts from `part` on, behind others that have these loops and leave this of the axes.
    pub fn behind(&mut self, part: usize, loops: &Loops, left: &Trips) -> Natural {
        let at = index(&self.sizes[part], loops);
        let mut tables = std::mem::replace(&mut self.tables, Tables::Small(Vec::new()));
        let found = match &mut tables {
            Tables::Small(table) => self.table(table, part, left)[at].to_natural(),
            Tables::Large(table) => self.table(table, part, left)[at].to_natural(),
        };
        self.tables = tables;
        found
    }

    fn table<N: Number>(&self, known: &mut Table<N>, part: usize, left: &Trips) -> Arc<Vec<N>> {
        let key = if part == self.parts.len() {
            Trips::new()
        } else {
            left.clone()
        };
        if let Some(table) = known[part].get(&key) {
            return table.clone();
        }
        let table = Arc::new(if part == self.parts.len() {
            self.ends()
        } else {
            self.step(known, part, left)
        });
        known[part].insert(key, table.clone());
        table
    }

    /// What the orders of all loops multiply with.
    fn ends<N: Number>(&self) -> Vec<N> {
        let sizes = &self.sizes[self.parts.len()];
        let mut ends = Vec::new();
        each(sizes, |loops| {
            let orders = match &self.orders {
                Orders::Between => Natural::from(1),
                Orders::All(blocks) => {
                    blocks.iter().fold(Natural::from(1), |all, &(own, fixed)| {
                        let fixed = fixed.map_or(0, |at| u64::from(loops[at]));
                        all.times(&falling(u64::from(loops[own]), fixed))
                    })
                }
            };
            ends.push(N::from_natural(&orders));
        });
        ends
    }

    fn step<N: Number>(&self, known: &mut Table<N>, part: usize, left: &Trips) -> Vec<N> {
        // Choices that leave the same, together.
        let mut alike: BTreeMap<Trips, BTreeMap<Loops, Natural>> = BTreeMap::new();
        for entry in &self.parts[part] {
            let Some(mut after) = self.fit(left, &entry.trips) else {
                continue;
            };
            if part + 1 == self.parts.len() {
                after.clear();
            }
            let ways = alike.entry(after).or_default();
            ways.entry(entry.loops.clone())
                .or_default()
                .add(&entry.ways);
        }
        let (sizes, behind_sizes) = (&self.sizes[part], &self.sizes[part + 1]);
        // Where the table behind has the same loops; those of a choice are added to that.
        let mut before: Vec<(Loops, usize)> = Vec::new();
        each(sizes, |loops| {
            before.push((loops.clone(), index(behind_sizes, loops)))
        });
        let mut sums = vec![N::from_natural(&Natural::default()); before.len()];
        for (after, ways) in alike {
            let behind = self.table(known, part + 1, &after);
            for (own, ways) in ways {
                let (ways, own_index) = (N::from_natural(&ways), index(behind_sizes, &own));
                for ((loops, same), sum) in before.iter().zip(&mut sums) {
                    let orders = match self.orders {
                        Orders::Between => between(loops, &own),
                        Orders::All(_) => 1,
                    };
                    sum.add_product(&ways, orders, &behind[same + own_index]);
                }
            }
        }
        sums
    }
}

/// In how many ways loops that keep their order are put between others that do.
pub(super) fn between(before: &Loops, own: &Loops) -> u64 {
    let blocks = before.iter().zip(own);
    let blocks = blocks.filter(|(before, own)| **before > 0 && **own > 0);
    blocks.fold(1, |all, (&before, &own)| {
        all * binomial(u64::from(before) + u64::from(own), u64::from(own))
    })
}

/// Where the table of these sizes has `loops`.
fn index(sizes: &[usize], loops: &Loops) -> usize {
    let digits = sizes.iter().zip(loops);
    digits.fold(0, |at, (&size, &loops)| at * size + usize::from(loops))
}

/// All numbers of loops below `sizes`, in the order of [`index`].
fn each(sizes: &[usize], mut visit: impl FnMut(&Loops)) {
    let mut loops = Loops::from_elem(0, sizes.len());
    loop {
        visit(&loops);
        let mut block = sizes.len();
        loop {
            let Some(next) = block.checked_sub(1) else {
                return;
            };
            block = next;
            if usize::from(loops[block]) + 1 < sizes[block] {
                loops[block] += 1;
                break;
            }
            loops[block] = 0;
        }
    }
}
