//! All combinations of rows of one class: the tables multiplied group by group.
//!
//! Problem: a class has a product of numbers of rows as many candidates. Group by group the products of the terms are
//! extended; the component-wise least of all that is open makes a bound of everything that can still follow, and the
//! capacities, the axes of the arrays, the limits and what was found cut it off. The last group's rows are one list
//! of dot products.
//!
//! Invariant: what is handed on as [`Leaf`] is everything that the goal admits, or the `most` best of it.

use crate::search::class::{Class, Room, Sums, value};
use crate::search::goal::Goal;
use crate::search::problem::Figures;
use crate::search::space::{Block, Rules};
use smallvec::SmallVec;
use std::cmp::Ordering;
use std::sync::Arc;

/// A combination of rows and its bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    pub key: f64,
    pub rows: SmallVec<[u32; 8]>,
}

impl Leaf {
    pub fn order(&self, other: &Leaf) -> Ordering {
        self.key
            .total_cmp(&other.key)
            .then_with(|| self.rows.cmp(&other.rows))
    }
}

/// What of a class is wanted.
#[derive(Clone)]
pub struct Options<'a> {
    /// So many leaves at most, the best.
    pub most: usize,
    /// Rows that are in no component better than another one are left out.
    pub dominance: bool,
    /// Only leaves behind this one in their order.
    pub after: Option<Leaf>,
    /// Asked again and again; says when somebody no longer waits.
    pub stop: &'a dyn Fn() -> bool,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Candidates whose traffic and capacities were formed.
    pub formed: u64,
    /// Partial combinations cut off.
    pub cut: u64,
    /// Rows left out because others are at least as good.
    pub dominated: u64,
}

/// What a class has to offer.
pub struct Joined {
    /// Sorted by key.
    pub leaves: Vec<Leaf>,
    pub work: Work,
    /// There were more than `most`; all of these have a key of at least the last one's.
    pub more: bool,
    /// Somebody no longer waited: combinations were left out.
    pub stopped: bool,
}

struct Part {
    group: usize,
    /// Numbers of the rows.
    rows: Vec<u32>,
    /// Row by row, a factor per term.
    factors: Vec<f64>,
    /// Row by row, per space block.
    uses: Vec<u64>,
    /// Of every so many rows ([`RUNS`]) the safe factors together: a bound for all of them.
    runs: [Vec<f64>; 2],
}

/// Rows that are bounded together.
const RUNS: [usize; 2] = [256, 16];

struct Join<'a> {
    room: &'a Room,
    sums: &'a Sums,
    goal: &'a Goal,
    parts: Vec<Part>,
    /// Per part, per term: safe factors of it and the parts after it together.
    rest: Vec<Vec<f64>>,
    axes: Vec<u64>,
    single: Vec<bool>,
    most: usize,
    leaves: Vec<Leaf>,
    more: bool,
    threshold: f64,
    work: Work,
    figures: Figures,
    values: Vec<f64>,
    scratch: Vec<f64>,
    /// Forms of the last part, its products folded in: per form its parts.
    folded: Vec<Vec<(usize, f64)>>,
    after: Option<Leaf>,
    safe: Vec<f64>,
    stop: &'a dyn Fn() -> bool,
    stopped: bool,
}

/// Joins the rows of a class.
pub fn join(
    room: &Room,
    rules: &Rules,
    class: &Class,
    sums: &Sums,
    goal: &Goal,
    options: &Options<'_>,
) -> Joined {
    let most = options.most;
    let terms = sums.terms.len();
    let spaces: Vec<usize> = (room.skeleton.blocks.iter().enumerate())
        .filter(|(_, block)| matches!(block, Block::Space { .. }))
        .map(|(number, _)| number)
        .collect();
    let mut work = Work::default();
    let mut parts: Vec<Part> = Vec::with_capacity(room.groups());
    for g in 0..room.groups() {
        let pattern = &room.tables.groups[g].patterns[class.patterns[g] as usize];
        let mut part = Part {
            group: g,
            rows: Vec::new(),
            factors: Vec::new(),
            uses: Vec::new(),
            runs: [Vec::new(), Vec::new()],
        };
        let rows = if options.dominance {
            kept(room, g, class.patterns[g] as usize, sums)
        } else {
            Arc::new((0..pattern.rows.len() as u32).collect())
        };
        work.dominated += (pattern.rows.len() - rows.len()) as u64;
        for &number in rows.iter() {
            let row = &pattern.rows[number as usize];
            part.rows.push(number);
            part.factors.extend(
                sums.terms
                    .iter()
                    .map(|term| row.factors[term.columns[g] as usize]),
            );
            part.uses
                .extend(spaces.iter().map(|&block| row.uses[block]));
        }
        if terms > 0 {
            for (runs, size) in part.runs.iter_mut().zip(RUNS) {
                for run in part.factors.chunks(size * terms) {
                    for t in 0..terms {
                        let column = run.iter().skip(t).step_by(terms);
                        runs.push(if sums.terms[t].lowers {
                            column.fold(0.0f64, |most, &f| most.max(f))
                        } else {
                            column.fold(f64::INFINITY, |least, &f| least.min(f))
                        });
                    }
                }
            }
        }
        parts.push(part);
    }
    parts.sort_by_key(|part| (part.rows.len(), part.group));
    let mut rest: Vec<Vec<f64>> = vec![vec![1.0; terms]; parts.len() + 1];
    for at in (0..parts.len()).rev() {
        let inside = rest[at + 1].clone();
        for ((t, to), inside) in rest[at].iter_mut().enumerate().zip(inside) {
            let column = parts[at].factors.iter().skip(t).step_by(terms.max(1));
            *to = inside
                * if sums.terms[t].lowers {
                    column.fold(0.0f64, |most, &f| most.max(f))
                } else {
                    column.fold(f64::INFINITY, |least, &f| least.min(f))
                };
        }
    }
    let memories = room.skeleton.places.len();
    let axes = spaces
        .iter()
        .map(|&block| match room.skeleton.blocks[block] {
            Block::Space { size, .. } => size,
            Block::Time { .. } => 1,
        });
    let single = spaces
        .iter()
        .map(|&block| match room.skeleton.blocks[block] {
            Block::Space { array, axis, .. } => rules.single.contains(&(array, axis)),
            Block::Time { .. } => false,
        });
    let mut join = Join {
        room,
        sums,
        goal,
        rest,
        axes: axes.collect(),
        single: single.collect(),
        most,
        leaves: Vec::new(),
        more: false,
        threshold: f64::INFINITY,
        work,
        figures: Figures {
            traffic: vec![0.0; memories],
            capacity: vec![0.0; memories],
            ..Figures::default()
        },
        values: vec![0.0; sums.forms.len()],
        scratch: Vec::new(),
        folded: vec![Vec::new(); sums.forms.len()],
        after: options.after.clone(),
        safe: Vec::new(),
        stop: options.stop,
        stopped: false,
        parts,
    };
    let products = vec![1.0; terms];
    let free = join.axes.clone();
    let mut rows = SmallVec::from_elem(0, join.parts.len());
    join.extend(0, &products, &free, &mut rows);
    join.leaves.sort_by(Leaf::order);
    if join.leaves.len() > most {
        join.leaves.truncate(most);
        join.more = true;
    }
    Joined {
        leaves: join.leaves,
        work: join.work,
        more: join.more,
        stopped: join.stopped,
    }
}

/// Columns of a group's rows, and whether more of it is better.
pub type Columns = Vec<(u32, bool)>;

/// The rows of a pattern that no other row replaces in the given columns; the same for every class that looks at the
/// same columns, so they are remembered.
fn kept(room: &Room, g: usize, p: usize, sums: &Sums) -> Arc<Vec<u32>> {
    let mut columns: Columns = sums
        .terms
        .iter()
        .map(|term| (term.columns[g], term.lowers))
        .collect();
    columns.sort_unstable();
    columns.dedup();
    let key = (g, p, columns);
    if let Ok(known) = room.kept_rows.lock()
        && let Some(rows) = known.get(&key)
    {
        return Arc::clone(rows);
    }
    let rows = &room.tables.groups[g].patterns[p].rows;
    let columns = &key.2;
    let spaces: Vec<usize> = (room.skeleton.blocks.iter().enumerate())
        .filter(|(_, block)| matches!(block, Block::Space { .. }))
        .map(|(number, _)| number)
        .collect();
    // All of a row in one list in which less is better.
    let width = columns.len() + spaces.len();
    let mut flat: Vec<f64> = Vec::with_capacity(rows.len() * width);
    for row in rows {
        flat.extend(columns.iter().map(|&(column, more)| {
            let factor = row.factors[column as usize];
            if more { -factor } else { factor }
        }));
        flat.extend(spaces.iter().map(|&block| row.uses[block] as f64));
    }
    let at = |row: u32| &flat[row as usize * width..(row as usize + 1) * width];
    // A row that replaces another one comes before it in lexicographic order.
    let mut order: Vec<u32> = (0..rows.len() as u32).collect();
    order.sort_by(|&a, &b| {
        let mut pairs = at(a).iter().zip(at(b));
        pairs
            .find_map(|(a, b)| Some(a.total_cmp(b)).filter(|order| order.is_ne()))
            .unwrap_or(Ordering::Equal)
            .then(a.cmp(&b))
    });
    let mut kept: Vec<u32> = Vec::new();
    for row in order {
        let own = at(row);
        if !kept
            .iter()
            .any(|&other| at(other).iter().zip(own).all(|(a, b)| a <= b))
        {
            kept.push(row);
        }
    }
    // As they came: sorted by what they cost, so that neighbours are alike.
    let kept = Arc::new(kept);
    if let Ok(mut known) = room.kept_rows.lock() {
        known.insert(key, Arc::clone(&kept));
    }
    kept
}

impl Join<'_> {
    fn fits(&self) -> bool {
        let capacities = self.room.model.capacity.iter();
        capacities
            .clone()
            .all(|&(form, most)| form.is_none_or(|form| self.values[form] <= most))
            && self.room.model.banks.iter().all(|(memory, bank, tiles)| {
                let banks: f64 = tiles
                    .iter()
                    .map(|&form| (self.values[form] / bank).ceil())
                    .sum();
                banks * bank <= self.room.model.capacity[*memory].1
            })
    }

    /// Whether what was evaluated into `values` can still be of interest.
    fn open(&mut self) -> Option<f64> {
        if !self.fits() {
            return None;
        }
        self.room
            .model
            .figures(&self.values, &mut self.figures, &mut self.scratch);
        if !self.goal.admits(&self.figures) {
            return None;
        }
        let key = self.goal.key(&self.figures);
        (key <= self.threshold).then_some(key)
    }

    fn extend(&mut self, at: usize, products: &[f64], free: &[u64], rows: &mut SmallVec<[u32; 8]>) {
        let terms = products.len();
        if at + 1 == self.parts.len() {
            self.last(products, free, rows);
            return;
        }
        let spaces = free.len();
        let mut next = vec![0.0; terms];
        let mut safe = vec![0.0; terms];
        let mut left: SmallVec<[u64; 4]> = SmallVec::from_slice(free);
        let mut next_row = 0;
        while let Some(row) = self.next_open(at, &mut next_row, products) {
            if !self.spread(at, row, free, &mut left) {
                self.work.cut += 1;
                continue;
            }
            let part = &self.parts[at];
            let factors = &part.factors[row * terms..(row + 1) * terms];
            for t in 0..terms {
                next[t] = products[t] * factors[t];
                safe[t] = next[t] * self.rest[at + 1][t];
            }
            for (to, form) in self.values.iter_mut().zip(&self.sums.forms) {
                *to = value(form, &safe);
            }
            if self.open().is_none() {
                self.work.cut += 1;
                continue;
            }
            // Behind the next to last part all rows of the last one follow: often enough for a question.
            self.stopped |= at + 2 == self.parts.len() && (self.stop)();
            if self.stopped {
                return;
            }
            rows[self.parts[at].group] = self.parts[at].rows[row];
            debug_assert_eq!(left.len(), spaces);
            let left = left.clone();
            self.extend(at + 1, &next.clone(), &left, rows);
        }
    }

    /// The next row that no bound of its run cuts off.
    fn next_open(&mut self, at: usize, next: &mut usize, products: &[f64]) -> Option<usize> {
        let count = self.parts[at].rows.len();
        'rows: while *next < count {
            for (level, size) in RUNS.into_iter().enumerate() {
                // A run of all rows says what is known of the part.
                if next.is_multiple_of(size)
                    && count > size.min(RUNS[1])
                    && !self.run_open(at, level, *next / size, products)
                {
                    let end = (*next + size).min(count);
                    self.work.cut += (end - *next) as u64;
                    *next = end;
                    continue 'rows;
                }
            }
            *next += 1;
            return Some(*next - 1);
        }
        None
    }

    /// Whether some row of a run can be of interest.
    fn run_open(&mut self, at: usize, level: usize, run: usize, products: &[f64]) -> bool {
        let terms = products.len();
        if terms == 0 {
            return true;
        }
        let own = &self.parts[at].runs[level][run * terms..(run + 1) * terms];
        self.safe.clear();
        self.safe
            .extend((0..terms).map(|t| products[t] * own[t] * self.rest[at + 1][t]));
        for (to, form) in self.values.iter_mut().zip(&self.sums.forms) {
            *to = value(form, &self.safe);
        }
        self.open().is_some()
    }

    /// What is left of the axes after a row; false if there is not enough.
    #[inline]
    fn spread(&self, at: usize, row: usize, free: &[u64], left: &mut SmallVec<[u64; 4]>) -> bool {
        let spaces = free.len();
        let uses = &self.parts[at].uses[row * spaces..(row + 1) * spaces];
        for s in 0..spaces {
            if uses[s] > free[s] {
                return false;
            }
            left[s] = free[s] / uses[s];
            if self.single[s] && uses[s] > 1 {
                left[s] = 1;
            }
        }
        true
    }

    fn last(&mut self, products: &[f64], free: &[u64], rows: &mut SmallVec<[u32; 8]>) {
        let at = self.parts.len() - 1;
        let terms = products.len();
        for (folded, form) in self.folded.iter_mut().zip(&self.sums.forms) {
            folded.clear();
            folded.extend(
                form.parts
                    .iter()
                    .map(|&(term, factor)| (term, factor * products[term])),
            );
        }
        let mut left: SmallVec<[u64; 4]> = SmallVec::from_slice(free);
        let mut next_row = 0;
        while let Some(row) = self.next_open(at, &mut next_row, products) {
            if !self.spread(at, row, free, &mut left) {
                self.work.cut += 1;
                continue;
            }
            self.work.formed += 1;
            let factors = &self.parts[at].factors[row * terms..(row + 1) * terms];
            for ((to, form), folded) in self
                .values
                .iter_mut()
                .zip(&self.sums.forms)
                .zip(&self.folded)
            {
                *to = folded.iter().fold(form.constant, |sum, &(term, factor)| {
                    sum + factor * factors[term]
                });
            }
            let Some(key) = self.open() else { continue };
            rows[self.parts[at].group] = self.parts[at].rows[row];
            let leaf = Leaf {
                key,
                rows: rows.clone(),
            };
            if self
                .after
                .as_ref()
                .is_some_and(|after| leaf.order(after) != Ordering::Greater)
            {
                continue;
            }
            self.leaves.push(leaf);
            if self.leaves.len() >= 2 * self.most.max(8) {
                self.leaves.sort_by(Leaf::order);
                self.leaves.truncate(self.most);
                self.more = true;
                self.threshold = self.leaves.last().map_or(f64::INFINITY, |leaf| leaf.key);
            }
        }
    }
}
