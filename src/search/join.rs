//! All combinations of rows of one class: the tables multiplied group by group.
//!
//! Problem: a class has a product of numbers of rows as many candidates. Group by group the products of the terms are
//! extended; the component-wise least of all that is open makes a bound of everything that can still follow, and the
//! capacities, the axes of the arrays, the limits and what was found cut it off. The last group's rows are one list
//! of dot products, of [`LANES`] rows at a time. Only the forms are formed that what is asked for is made of.
//!
//! Invariant: what is handed on as [`Leaf`] is everything that the goal admits, or the `most` best of it.

use crate::search::class::{Class, Room, Sum, Sums, Term, value};
use crate::search::goal::Goal;
use crate::search::model::Asked;
use crate::search::problem::Figures;
use crate::search::space::{Block, Rules};
use crate::search::tables::Row;
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
    /// So many leaves at most, the best; with 0 nothing is kept of what is formed.
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

impl Work {
    pub fn add(&mut self, other: Work) {
        self.formed += other.formed;
        self.cut += other.cut;
        self.dominated += other.dominated;
    }
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
    /// The same term by term; what there is of no row fills up the last lanes.
    columns: Vec<Vec<f64>>,
    /// Row by row, per space block.
    uses: Vec<u64>,
    /// Of every so many rows ([`RUNS`]) the safe factors together: a bound for all of them.
    runs: [Vec<f64>; 2],
    /// The forms with the products outside, and what is safe inside, folded in: per form its parts.
    folded: Vec<Vec<(usize, f64)>>,
    /// Values of the forms of some rows.
    lanes: Vec<[f64; LANES]>,
}

/// Rows that are formed together.
const LANES: usize = 16;
/// Rows that are bounded together.
const RUNS: [usize; 2] = [256, LANES];

struct Join<'a> {
    room: &'a Room,
    asked: Asked,
    sums: Looked,
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
    /// Where in a front the last figures were compared.
    near: usize,
    after: Option<Leaf>,
    safe: Vec<f64>,
    stop: &'a dyn Fn() -> bool,
    stopped: bool,
}

/// What of the sums of a class is looked at.
struct Looked {
    terms: Vec<Term>,
    /// By number of the form.
    forms: Vec<(usize, Sum)>,
}

impl Looked {
    fn of(sums: &Sums, asked: &Asked) -> Looked {
        let mut numbers: Vec<Option<usize>> = vec![None; sums.terms.len()];
        let mut found = Looked {
            terms: Vec::new(),
            forms: Vec::with_capacity(asked.forms.len()),
        };
        for &number in &asked.forms {
            let mut form = sums.forms[number].clone();
            for (term, _) in &mut form.parts {
                let own = *numbers[*term].get_or_insert(found.terms.len());
                if own == found.terms.len() {
                    found.terms.push(sums.terms[*term].clone());
                }
                *term = own;
            }
            found.forms.push((number, form));
        }
        found
    }
}

/// The factor of several rows that is safe for a bound.
fn safe_factor(term: &Term, factors: &[f64]) -> f64 {
    let mut safe = if term.lowers { 0.0 } else { f64::INFINITY };
    for &factor in factors {
        let is_safer = if term.lowers {
            factor > safe
        } else {
            factor < safe
        };
        if is_safer {
            safe = factor;
        }
    }
    safe
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
    let limits = goal.limits.iter().map(|limit| limit.of);
    let asked = (room.model).asked(goal.objectives.iter().copied().chain(limits));
    let looked = Looked::of(sums, &asked);
    let terms = looked.terms.len();
    let spaces: Vec<usize> = (room.skeleton.blocks.iter().enumerate())
        .filter(|(_, block)| matches!(block, Block::Space { .. }))
        .map(|(number, _)| number)
        .collect();
    // Of equals one of a front stays, whichever it is; of an answer the one that costs least in all else.
    let compared = if goal.single() {
        &sums.terms
    } else {
        &looked.terms
    };
    let mut work = Work::default();
    let mut parts: Vec<Part> = Vec::with_capacity(room.groups());
    for g in 0..room.groups() {
        let pattern = &room.tables.groups[g].patterns[class.patterns[g] as usize];
        let mut part = Part {
            group: g,
            rows: Vec::new(),
            factors: Vec::new(),
            columns: Vec::with_capacity(terms),
            uses: Vec::new(),
            runs: [Vec::new(), Vec::new()],
            folded: vec![Vec::new(); looked.forms.len()],
            lanes: vec![[0.0; LANES]; looked.forms.len()],
        };
        let rows = if options.dominance {
            kept(room, g, class.patterns[g] as usize, compared)
        } else {
            Arc::new((0..pattern.rows.len() as u32).collect())
        };
        work.dominated += (pattern.rows.len() - rows.len()) as u64;
        for &number in rows.iter() {
            let row = &pattern.rows[number as usize];
            part.rows.push(number);
            let own = looked.terms.iter();
            let own = own.map(|term| row.factors[term.columns[g] as usize]);
            part.factors.extend(own);
            part.uses
                .extend(spaces.iter().map(|&block| row.uses[block]));
        }
        let lanes = part.rows.len().next_multiple_of(LANES);
        for (t, term) in looked.terms.iter().enumerate() {
            let mut column = vec![0.0; lanes];
            for (row, factors) in part.factors.chunks_exact(terms).enumerate() {
                column[row] = factors[t];
            }
            for (runs, size) in part.runs.iter_mut().zip(RUNS) {
                let rows = column[..part.rows.len()].chunks(size);
                runs.resize(rows.len() * terms, 0.0);
                for (run, own) in rows.enumerate() {
                    runs[run * terms + t] = safe_factor(term, own);
                }
            }
            part.columns.push(column);
        }
        parts.push(part);
    }
    parts.sort_by_key(|part| (part.rows.len(), part.group));
    let mut rest: Vec<Vec<f64>> = vec![vec![1.0; terms]; parts.len() + 1];
    for at in (0..parts.len()).rev() {
        let inside = rest[at + 1].clone();
        for (t, (to, term)) in rest[at].iter_mut().zip(&looked.terms).enumerate() {
            let column = &parts[at].columns[t][..parts[at].rows.len()];
            *to = inside[t] * safe_factor(term, column);
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
        asked,
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
        near: 0,
        sums: looked,
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
fn kept(room: &Room, g: usize, p: usize, terms: &[Term]) -> Arc<Vec<u32>> {
    let mut columns: Columns = terms
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
    // A column that is the same in all rows tells none of them from another.
    let differs = |own: &dyn Fn(&Row) -> f64| {
        let first = rows.first().map(own);
        rows.iter().any(|row| Some(own(row)) != first)
    };
    let factors = key.2.iter();
    let factors: Vec<(usize, bool)> = factors
        .map(|&(column, more)| (column as usize, more))
        .filter(|&(column, _)| differs(&|row| row.factors[column]))
        .collect();
    let spaces: Vec<usize> = (room.skeleton.blocks.iter().enumerate())
        .filter(|(_, block)| matches!(block, Block::Space { .. }))
        .map(|(number, _)| number)
        .filter(|&block| differs(&|row| row.uses[block] as f64))
        .collect();
    // All of a row in one list in which less is better.
    let width = factors.len() + spaces.len();
    let mut flat: Vec<f64> = Vec::with_capacity(rows.len() * width);
    for row in rows {
        flat.extend(factors.iter().map(|&(column, more)| {
            let factor = row.factors[column];
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
    // The same rows; those that replaced many come first.
    let mut tried: Vec<u32> = Vec::new();
    for row in order {
        let own = at(row);
        match tried.iter().position(|&other| replaces(at(other), own)) {
            Some(number) => tried.swap(number, number / 2),
            None => {
                kept.push(row);
                tried.push(row);
            }
        }
    }
    // As they came: sorted by what they cost, so that neighbours are alike.
    let kept = Arc::new(kept);
    if let Ok(mut known) = room.kept_rows.lock() {
        known.insert(key, Arc::clone(&kept));
    }
    kept
}

/// Whether nothing of the first list is more than in the second.
#[inline]
fn replaces(own: &[f64], other: &[f64]) -> bool {
    (0..own.len()).all(|at| own[at] <= other[at])
}

impl Join<'_> {
    fn fits(&self) -> bool {
        let held = &self.asked.held;
        held.iter().all(|&(form, most)| self.values[form] <= most)
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
        let (figures, scratch) = (&mut self.figures, &mut self.scratch);
        (self.room.model).asked_figures(&self.asked, &self.values, figures, scratch);
        if !self.goal.admits_near(&self.figures, &mut self.near) {
            return None;
        }
        let key = self.goal.key(&self.figures);
        (key <= self.threshold).then_some(key)
    }

    /// Joins the rows of a part, and of those after it, to the products of those before.
    fn extend(&mut self, at: usize, products: &[f64], free: &[u64], rows: &mut SmallVec<[u32; 8]>) {
        let terms = products.len();
        let is_last = at + 1 == self.parts.len();
        let count = self.parts[at].rows.len();
        self.fold(at, products);
        let mut longer = vec![0.0; if is_last { 0 } else { terms }];
        let mut left: SmallVec<[u64; 4]> = SmallVec::from_slice(free);
        let mut next = 0;
        while let Some(first) = self.next_open(at, &mut next, products) {
            next = (first + LANES).min(count);
            // Behind rows of the next to last part all rows of the last one follow: often enough for a question.
            self.stopped |= at + 2 == self.parts.len() && (self.stop)();
            self.form(at, first);
            for row in first..next {
                if !self.spread(at, row, free, &mut left) {
                    self.work.cut += 1;
                    continue;
                }
                let lanes = &self.parts[at].lanes;
                for ((number, _), lanes) in self.sums.forms.iter().zip(lanes) {
                    self.values[*number] = lanes[row - first];
                }
                self.work.formed += u64::from(is_last);
                let Some(key) = self.open() else {
                    self.work.cut += u64::from(!is_last);
                    continue;
                };
                rows[self.parts[at].group] = self.parts[at].rows[row];
                if is_last {
                    self.keep(key, rows);
                    continue;
                }
                if self.stopped {
                    return;
                }
                let factors = &self.parts[at].factors[row * terms..(row + 1) * terms];
                (0..terms).for_each(|t| longer[t] = products[t] * factors[t]);
                self.extend(at + 1, &longer, &left, rows);
            }
        }
    }

    /// Folds what is outside of a part, and what is safe inside, into its forms.
    fn fold(&mut self, at: usize, products: &[f64]) {
        let rest = &self.rest[at + 1];
        let folded = self.parts[at].folded.iter_mut();
        for (folded, (_, form)) in folded.zip(&self.sums.forms) {
            folded.clear();
            let parts = form.parts.iter();
            folded.extend(parts.map(|&(t, factor)| (t, factor * (products[t] * rest[t]))));
        }
    }

    /// Values of the forms of the rows of a part from one on, or bounds of them.
    fn form(&mut self, at: usize, first: usize) {
        let part = &mut self.parts[at];
        let forms = self.sums.forms.iter().zip(&part.folded);
        for (lanes, ((_, form), folded)) in part.lanes.iter_mut().zip(forms) {
            *lanes = [form.constant; LANES];
            for &(term, factor) in folded {
                if let Some(own) = part.columns[term][first..].first_chunk::<LANES>() {
                    (0..LANES).for_each(|at| lanes[at] += factor * own[at]);
                }
            }
        }
    }

    /// The next row that no bound of its run cuts off.
    fn next_open(&mut self, at: usize, next: &mut usize, products: &[f64]) -> Option<usize> {
        let count = self.parts[at].rows.len();
        'rows: while *next < count {
            for (level, size) in RUNS.into_iter().enumerate() {
                // Of a run of all rows is known what it says: it was looked at with what is outside of the part.
                if next.is_multiple_of(size)
                    && count > size
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
        for (number, form) in &self.sums.forms {
            self.values[*number] = value(form, &self.safe);
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

    /// Takes in a combination that is of interest.
    fn keep(&mut self, key: f64, rows: &SmallVec<[u32; 8]>) {
        if self.most == 0 {
            self.more = true;
            return;
        }
        let leaf = Leaf {
            key,
            rows: rows.clone(),
        };
        let after = self.after.as_ref();
        if after.is_some_and(|after| leaf.order(after) != Ordering::Greater) {
            return;
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
