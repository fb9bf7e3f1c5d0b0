//! Candidates of the same patterns and orders: which sums of products their quantities are, and their bounds.
//!
//! Problem: how often weights are loaded into the buffer depends on the innermost loop that moves them: with `C`
//! inside `P` every `P` loads them again, with `P` inside `C` none does. So the candidates of a space are split into
//! *classes*, in which the loops with more than one trip, and their order, are the same. With the loops outside a
//! tile in order, let `j` be the innermost one that moves the tile. Every step of the loops up to `j` needs a whole
//! tile, every step inside needs none, so
//!
//! ```text
//! crosses = prod over groups of n_g[loops of g up to j]
//!         - sum over the loops l up to j of what is there already: prod over groups of kept_g[l]
//! ```
//!
//! The second sum is the halo of windows that slide in `j`, and what the clipped ends of imperfect pieces save. In
//! most classes all of its terms have a factor 0 and are left out.

use crate::search::model::Quantity;
use crate::search::problem::{Figures, Problem};
use crate::search::space::{self, Block, Candidate, Orders, Rules, Skeleton};
use crate::search::tables::{Kind, Layout, Tables};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A loop with more than one trip: block, group, number among the group's loops in time.
pub type Place = (usize, usize, usize);

/// Patterns per group.
pub type Patterns = SmallVec<[u32; 8]>;

/// One class, or (with fewer patterns than groups) all classes that begin so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Class {
    pub skeleton: usize,
    pub patterns: Patterns,
    /// All loops in time, outermost first; empty while patterns are open.
    pub loops: Vec<Place>,
}

/// A product with one factor per group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    /// Column of the pattern's rows, per group.
    pub columns: SmallVec<[u32; 8]>,
    /// It makes the quantity smaller: the largest factor is the safe one.
    pub lowers: bool,
}

/// A linear form in the terms of a class.
#[derive(Clone, Debug, Default)]
pub struct Sum {
    pub constant: f64,
    pub parts: Vec<(usize, f64)>,
}

/// The sums of products of one class.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    pub terms: Vec<Term>,
    /// As the forms of the model.
    pub forms: Vec<Sum>,
}

/// One skeleton with its tables.
pub struct Room {
    pub skeleton: Skeleton,
    pub tables: Tables,
    pub model: crate::search::model::Model,
    /// Per group and crossing: whether a rank with more than one point indexes the tensor.
    relevant: Vec<Vec<bool>>,
    /// Per group, pattern and crossing: how many of the loops outside the place are up to the innermost that moves
    /// the tile.
    inner: Vec<Vec<Vec<usize>>>,
    /// Per group and quantity: the least factor over all patterns, and the largest; per crossing and kind the largest
    /// part that may be kept.
    least: Vec<Vec<f64>>,
    kept: Vec<Vec<f64>>,
    slides: Vec<bool>,
    quantities: Vec<Quantity>,
    /// The forms of the model, by number of the quantity; empty where a factor is negative.
    forms: Vec<Vec<(usize, f64)>>,
    /// Rows that no other row replaces, by group, pattern and columns.
    pub(crate) kept_rows: KeptRows,
}

/// Rows by group, pattern and columns.
pub(crate) type KeptRows =
    Mutex<BTreeMap<(usize, usize, crate::search::join::Columns), Arc<Vec<u32>>>>;

impl Room {
    pub fn new(
        problem: &Problem,
        groups: &[crate::ir::Group],
        skeleton: Skeleton,
        tables: Tables,
        unique: &[f64],
    ) -> Room {
        let model = crate::search::model::Model::new(problem, &skeleton, &tables, unique);
        let operation = &problem.operation;
        let tensor = |c: usize| &operation.tensors[tables.crossed[c].tensor];
        let crossings = tables.crossed.len();
        let relevant: Vec<Vec<bool>> = tables
            .groups
            .iter()
            .map(|group| {
                (0..crossings)
                    .map(|c| {
                        group
                            .ranks
                            .iter()
                            .any(|&rank| space::indexes(tensor(c), rank))
                    })
                    .collect()
            })
            .collect();
        let inner = tables
            .groups
            .iter()
            .map(|group| {
                let of = |own: &[(usize, usize)], c: usize| {
                    let moves = |&(block, local): &(usize, usize)| {
                        block < tables.places[c] && space::indexes(tensor(c), group.ranks[local])
                    };
                    own.iter().rposition(moves).map_or(0, |last| last + 1)
                };
                let patterns = group.patterns.iter();
                patterns
                    .map(|p| (0..crossings).map(|c| of(&p.own, c)).collect())
                    .collect()
            })
            .collect();
        let mut quantities: Vec<Quantity> = model
            .forms
            .iter()
            .flat_map(|form| form.parts.iter().map(|part| part.0))
            .collect();
        quantities.sort_unstable();
        quantities.dedup();
        let model_forms = (model.forms.iter())
            .map(|form| {
                if form.parts.iter().any(|part| part.1 < 0.0) {
                    return Vec::new();
                }
                let number = |q: &Quantity| quantities.binary_search(q).unwrap_or(0);
                form.parts
                    .iter()
                    .map(|(quantity, factor)| (number(quantity), *factor))
                    .collect()
            })
            .collect();
        let slides = groups
            .iter()
            .map(|group| !group.windows.is_empty() || group.ranks.len() > 1)
            .collect();
        let mut room = Room {
            skeleton,
            tables,
            model,
            relevant,
            inner,
            least: Vec::new(),
            kept: Vec::new(),
            slides,
            forms: model_forms,
            quantities,
            kept_rows: KeptRows::default(),
        };
        for g in 0..room.tables.groups.len() {
            let patterns = room.tables.groups[g].patterns.len();
            let least = (room.quantities.iter())
                .map(|&quantity| {
                    let all = (0..patterns).map(|p| room.open_factor(g, p, quantity, 0));
                    all.fold(f64::INFINITY, f64::min)
                })
                .collect();
            let mut kept = vec![0.0f64; crossings * 3];
            for pattern in &room.tables.groups[g].patterns {
                for (most, &own) in kept.iter_mut().zip(&pattern.kept) {
                    *most = most.max(own);
                }
            }
            room.least.push(least);
            room.kept.push(kept);
        }
        room
    }

    #[must_use]
    pub fn groups(&self) -> usize {
        self.tables.groups.len()
    }

    fn layout(&self, g: usize, p: usize) -> Layout {
        self.tables.groups[g].patterns[p].layout(self.tables.crossed.len())
    }

    /// Least factor of a pattern whatever the order of the loops, if the tile is moved by a loop of block `from` or
    /// one inside it.
    fn open_factor(&self, g: usize, p: usize, quantity: Quantity, from: usize) -> f64 {
        let pattern = &self.tables.groups[g].patterns[p];
        let layout = self.layout(g, p);
        let column = match quantity {
            Quantity::Crosses(c, kind) if self.tables.crossed[c].child.is_some() => {
                if self.by_neighbours(g, c, kind) {
                    layout.unique(c)
                } else {
                    let outside = pattern
                        .own
                        .iter()
                        .take_while(|(block, _)| *block < from)
                        .count();
                    layout.node(c, kind, outside.max(self.inner[g][p][c]))
                }
            }
            Quantity::Crosses(c, kind) => layout.node(c, kind, layout.times),
            Quantity::Tile(c) => layout.tile(c),
            Quantity::Busiest => layout.busiest(),
            Quantity::Steps => layout.steps(),
        };
        pattern.least[column]
    }

    /// Elements of a sliding group may come from neighbours: only each distinct one is sure to be read.
    fn by_neighbours(&self, g: usize, c: usize, kind: Kind) -> bool {
        kind == Kind::Needed
            && self.slides[g]
            && self.relevant[g][c]
            && self.tables.crossed[c].forwards
    }

    /// Lower bounds of the figures of all candidates that begin with these patterns.
    pub fn open_bound(&self, patterns: &[u32], into: &mut Figures, scratch: &mut Vec<f64>) {
        let mut known: SmallVec<[f64; 32]> = SmallVec::new();
        for (number, &quantity) in self.quantities.iter().enumerate() {
            // The innermost block in which a known loop moves the tile.
            let mut from = 0;
            let mut kept: f64 = 0.0;
            if let Quantity::Crosses(c, kind) = quantity
                && self.tables.crossed[c].child.is_some()
            {
                for g in 0..self.groups() {
                    let part = match patterns.get(g) {
                        Some(&p) => {
                            let inner = self.inner[g][p as usize][c];
                            if let Some(last) = inner.checked_sub(1) {
                                from = from
                                    .max(self.tables.groups[g].patterns[p as usize].own[last].0);
                            }
                            self.tables.groups[g].patterns[p as usize].kept[c * 3 + kind as usize]
                        }
                        None => self.kept[g][c * 3 + kind as usize],
                    };
                    if self.relevant[g][c] && !self.by_neighbours(g, c, kind) {
                        kept = kept.max(part);
                    }
                }
            }
            let product = (0..self.groups()).fold(1.0 - kept, |product, g| {
                product
                    * match patterns.get(g) {
                        Some(&p) => self.open_factor(g, p as usize, quantity, from),
                        None => self.least[g][number],
                    }
            });
            known.push(product);
        }
        // A form that is no sum is not negative, whatever it is.
        let values: SmallVec<[f64; 32]> = (self.model.forms.iter().zip(&self.forms))
            .map(|(form, parts)| match parts.as_slice() {
                [] if !form.parts.is_empty() => 0.0,
                parts => parts.iter().fold(form.constant, |sum, &(number, factor)| {
                    sum + factor * known[number]
                }),
            })
            .collect();
        self.model.figures(&values, into, scratch);
    }

    /// The sums of products of a class.
    #[must_use]
    pub fn sums(&self, operation: &crate::ir::Operation, class: &Class) -> Sums {
        let groups = self.groups();
        let mut numbers: BTreeMap<Term, usize> = BTreeMap::new();
        let mut expanded: BTreeMap<(Quantity, bool), Vec<(usize, f64)>> = BTreeMap::new();
        let mut sums = Sums::default();
        // Per loop and group: how many of the group's loops lie outside.
        let mut depths: Vec<SmallVec<[usize; 8]>> = Vec::with_capacity(class.loops.len() + 1);
        let mut depth: SmallVec<[usize; 8]> = SmallVec::from_elem(0, groups);
        for &(_, g, _) in &class.loops {
            depths.push(depth.clone());
            depth[g] += 1;
        }
        depths.push(depth);
        let layouts: Vec<Layout> = (0..groups)
            .map(|g| self.layout(g, class.patterns[g] as usize))
            .collect();
        for form in &self.model.forms {
            let mut sum = Sum {
                constant: form.constant,
                parts: Vec::new(),
            };
            for &(quantity, factor) in &form.parts {
                let lowers = factor < 0.0;
                let parts = expanded.entry((quantity, lowers)).or_insert_with(|| {
                    let products = self.expand(operation, class, &depths, &layouts, quantity);
                    products
                        .into_iter()
                        .map(|(columns, sign)| {
                            let term = Term {
                                columns,
                                lowers: lowers != (sign < 0.0),
                            };
                            let next = numbers.len();
                            (*numbers.entry(term).or_insert(next), sign)
                        })
                        .collect()
                });
                for &(term, sign) in parts.iter() {
                    match sum.parts.iter_mut().find(|(known, _)| *known == term) {
                        Some((_, own)) => *own += sign * factor,
                        None => sum.parts.push((term, sign * factor)),
                    }
                }
            }
            sums.forms.push(sum);
        }
        sums.terms = vec![
            Term {
                columns: SmallVec::new(),
                lowers: false
            };
            numbers.len()
        ];
        for (term, number) in numbers {
            sums.terms[number] = term;
        }
        sums
    }

    /// A quantity as products and their signs.
    fn expand(
        &self,
        operation: &crate::ir::Operation,
        class: &Class,
        depths: &[SmallVec<[usize; 8]>],
        layouts: &[Layout],
        quantity: Quantity,
    ) -> Vec<(SmallVec<[u32; 8]>, f64)> {
        let groups = self.groups();
        let all = |column: &dyn Fn(usize) -> usize| -> SmallVec<[u32; 8]> {
            (0..groups).map(|g| column(g) as u32).collect()
        };
        let (c, kind) = match quantity {
            Quantity::Crosses(c, kind) => (c, kind),
            Quantity::Tile(c) => return vec![(all(&|g| layouts[g].tile(c)), 1.0)],
            Quantity::Busiest => return vec![(all(&|g| layouts[g].busiest()), 1.0)],
            Quantity::Steps => return vec![(all(&|g| layouts[g].steps()), 1.0)],
        };
        let crossed = &self.tables.crossed[c];
        if crossed.child.is_none() {
            return vec![(all(&|g| layouts[g].node(c, kind, layouts[g].times)), 1.0)];
        }
        let tensor = &operation.tensors[crossed.tensor];
        let moves = |&(block, g, own): &Place| {
            let local = self.tables.groups[g].patterns[class.patterns[g] as usize].own[own].1;
            block < self.tables.places[c]
                && space::indexes(tensor, self.tables.groups[g].ranks[local])
        };
        let upto = class
            .loops
            .iter()
            .rposition(moves)
            .map_or(0, |last| last + 1);
        let near = |g: usize| self.by_neighbours(g, c, kind);
        let mut products = vec![(
            all(&|g| {
                if near(g) {
                    layouts[g].unique(c)
                } else {
                    layouts[g].node(c, kind, depths[upto][g])
                }
            }),
            1.0,
        )];
        for (number, &(_, advancing, own)) in class.loops[..upto].iter().enumerate() {
            let column = |g: usize| {
                if g == advancing {
                    layouts[g].edge_kept(c, kind, own)
                } else {
                    layouts[g].node_kept(c, kind, depths[number][g])
                }
            };
            // With neighbours what is kept in the sliding group is not known, and was left out above.
            let some = (0..groups).all(|g| {
                let pattern = &self.tables.groups[g].patterns[class.patterns[g] as usize];
                pattern.most[column(g)] > 0.0
            });
            if some {
                let columns = all(&|g| {
                    if near(g) {
                        layouts[g].unique(c)
                    } else {
                        column(g)
                    }
                });
                if !near(advancing) {
                    products.push((columns, -1.0));
                }
            }
        }
        products
    }

    /// Lower bounds of the figures of all candidates of a class.
    pub fn class_bound(
        &self,
        class: &Class,
        sums: &Sums,
        into: &mut Figures,
        scratch: &mut Vec<f64>,
    ) {
        let factors: Vec<f64> = sums
            .terms
            .iter()
            .map(|term| {
                term.columns
                    .iter()
                    .enumerate()
                    .fold(1.0, |product, (g, &column)| {
                        let pattern = &self.tables.groups[g].patterns[class.patterns[g] as usize];
                        let list = if term.lowers {
                            &pattern.most
                        } else {
                            &pattern.least
                        };
                        product * list[column as usize]
                    })
            })
            .collect();
        let values: Vec<f64> = sums
            .forms
            .iter()
            .map(|form| value(form, &factors))
            .collect();
        self.model.figures(&values, into, scratch);
    }

    /// The classes of full patterns: all orders, or those that no other one replaces.
    #[must_use]
    pub fn orders(
        &self,
        operation: &crate::ir::Operation,
        rules: &Rules,
        patterns: &[u32],
        cache: &mut Cache,
    ) -> Vec<Vec<Place>> {
        let mut nests: Vec<Vec<Place>> = vec![Vec::new()];
        for (number, block) in self.skeleton.blocks.iter().enumerate() {
            let Block::Time { memory, .. } = *block else {
                continue;
            };
            let mut own: Vec<Vec<(Place, usize)>> = Vec::new();
            for (g, &p) in patterns.iter().enumerate() {
                let group = &self.tables.groups[g];
                let here: Vec<(Place, usize)> = group.patterns[p as usize]
                    .own
                    .iter()
                    .enumerate()
                    .filter(|(_, (b, _))| *b == number)
                    .map(|(k, &(b, local))| ((b, g, k), group.ranks[local]))
                    .collect();
                if !here.is_empty() {
                    own.push(here);
                }
            }
            let key: Vec<Vec<usize>> = own
                .iter()
                .map(|list| list.iter().map(|l| l.1).collect())
                .collect();
            let ways = cache
                .entry((memory, key.clone()))
                .or_insert_with(|| self.ways(operation, rules, memory, &key));
            let (own, ways) = (&own, &*ways);
            nests = nests
                .iter()
                .flat_map(|known| {
                    ways.iter().map(move |way| {
                        let mut nest = known.clone();
                        nest.extend(way.iter().map(|&(list, at)| own[list][at].0));
                        nest
                    })
                })
                .collect();
        }
        nests
    }

    /// The interleavings of the lists of ranks that are searched, as (list, place in the list).
    fn ways(
        &self,
        operation: &crate::ir::Operation,
        rules: &Rules,
        memory: usize,
        lists: &[Vec<usize>],
    ) -> Vec<Vec<(usize, usize)>> {
        let mut all: Vec<Vec<(usize, usize)>> = Vec::new();
        let mut at = vec![0usize; lists.len()];
        interleave(lists, &mut at, &mut Vec::new(), &mut all);
        if let Some(fixed) = rules.order.get(&memory) {
            let place = |rank: usize| fixed.iter().position(|&r| r == rank);
            all.retain(|way| {
                let places: Vec<usize> = way
                    .iter()
                    .filter_map(|&(l, a)| place(lists[l][a]))
                    .collect();
                places.is_sorted()
            });
        }
        if rules.orders == Orders::All {
            return all;
        }
        // Per tensor the loops that do not move it, outside the innermost that does; and the loops over one sliding
        // index that follow one another from there outwards: the halo stays while they advance.
        let signature = |way: &[(usize, usize)]| -> Vec<(u64, Vec<usize>)> {
            operation
                .tensors
                .iter()
                .map(|tensor| {
                    let moving = |&&(l, a): &&(usize, usize)| space::indexes(tensor, lists[l][a]);
                    let Some(last) = way.iter().rposition(|item| moving(&item)) else {
                        return (0, Vec::new());
                    };
                    let set = way[..last]
                        .iter()
                        .filter(|item| !moving(item))
                        .fold(0u64, |set, &(l, a)| set | 1 << lists[l][a]);
                    let rank = lists[way[last].0][way[last].1];
                    let slides = tensor.dims.iter().find(|dim| {
                        dim.terms.len() > 1
                            && dim.terms.iter().any(|term| term.rank.index() == rank)
                    });
                    let chain = slides.map_or_else(Vec::new, |dim| {
                        let ranks = way[..=last]
                            .iter()
                            .rev()
                            .filter(moving)
                            .map(|&(l, a)| lists[l][a]);
                        ranks
                            .take_while(|&r| dim.terms.iter().any(|term| term.rank.index() == r))
                            .collect()
                    });
                    (set, chain)
                })
                .collect()
        };
        let signatures: Vec<_> = all.iter().map(|way| signature(way)).collect();
        let replaces = |a: usize, b: usize| {
            signatures[a]
                .iter()
                .zip(&signatures[b])
                .all(|(a, b)| a.0 & !b.0 == 0 && a.1.starts_with(&b.1))
        };
        let kept: Vec<usize> = (0..all.len())
            .filter(|&b| {
                !(0..all.len()).any(|a| a != b && replaces(a, b) && (!replaces(b, a) || a < b))
            })
            .collect();
        kept.into_iter().map(|number| all[number].clone()).collect()
    }

    /// Whether the spreads of these rows, one per group, fit the arrays together; the join asks the same group by group.
    #[must_use]
    pub fn spreads_fit(&self, rules: &Rules, patterns: &[u32], rows: &[u32]) -> bool {
        let mut blocks = self.skeleton.blocks.iter().enumerate();
        blocks.all(|(number, block)| {
            let Block::Space { array, axis, size } = *block else {
                return true;
            };
            let single = rules.single.contains(&(array, axis));
            let mut left = size;
            let mut chosen = self.tables.groups.iter().zip(patterns).zip(rows);
            chosen.all(|((group, &pattern), &row)| {
                let uses = group.patterns[pattern as usize].rows[row as usize].uses[number];
                let fits = uses <= left;
                left = match single && uses > 1 {
                    true => 1,
                    false => left / uses.max(1),
                };
                fits
            })
        })
    }

    /// The candidate of a class and a row per group.
    #[must_use]
    pub fn candidate(
        &self,
        operation: &crate::ir::Operation,
        class: &Class,
        rows: &[u32],
    ) -> Candidate {
        let blocks = self.skeleton.blocks.len();
        let mut extents: Vec<Vec<u64>> = operation.ranks.iter().map(|&r| vec![r; blocks]).collect();
        for (g, group) in self.tables.groups.iter().enumerate() {
            let row = &group.patterns[class.patterns[g] as usize].rows[rows[g] as usize];
            for (&rank, chain) in group.ranks.iter().zip(&row.extents) {
                extents[rank].clone_from(chain);
            }
        }
        let mut orders = vec![Vec::new(); blocks];
        for &(block, g, own) in &class.loops {
            let group = &self.tables.groups[g];
            let local = group.patterns[class.patterns[g] as usize].own[own].1;
            orders[block].push(group.ranks[local]);
        }
        Candidate {
            skeleton: class.skeleton,
            orders,
            extents,
        }
    }
}

/// Orders of a block by memory and the groups' lists of ranks.
pub type Cache = BTreeMap<(usize, Vec<Vec<usize>>), Vec<Vec<(usize, usize)>>>;

#[inline]
pub fn value(form: &Sum, factors: &[f64]) -> f64 {
    let mut sum = form.constant;
    for &(term, factor) in &form.parts {
        sum += factor * factors[term];
    }
    sum
}

fn interleave(
    lists: &[Vec<usize>],
    at: &mut Vec<usize>,
    way: &mut Vec<(usize, usize)>,
    all: &mut Vec<Vec<(usize, usize)>>,
) {
    let mut done = true;
    for list in 0..lists.len() {
        if at[list] < lists[list].len() {
            done = false;
            way.push((list, at[list]));
            at[list] += 1;
            interleave(lists, at, way, all);
            at[list] -= 1;
            way.pop();
        }
    }
    if done {
        all.push(way.clone());
    }
}
