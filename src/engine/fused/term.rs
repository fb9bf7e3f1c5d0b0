//! Unions of boxes as functions of the inter-layer loops, and what earlier steps have had of them.
//!
//! Problem: the elements that step (p, q) needs are rows that depend on p, times columns that depend on q, times all
//! channels. So is, in one piece each, what the steps before it have had: all columns of the rows before, and of the
//! same rows the columns before. A [`Term`] is such a product of [`Table`]s; sets are lists of disjoint terms, and
//! the differences of `ir::fused` are taken factor by factor, for all steps at once.
//!
//! Some things depend on a loop without moving along any dimension: a weight that is fetched in the first trip of the
//! loop over rows. Such a condition is a *gate*, a factor whose set is {0} where it holds and empty elsewhere.
//!
//! Invariant: no two factors of a term depend on the same loop, so that sums and unions over steps are products. Where a
//! loop drives two dimensions (a tensor read straight and transposed, as in `X X^T`), there is one term for every
//! trip of it, with the condition that it is this trip.

use super::table::{Join, Table};
use crate::base::limits;
use crate::engine::EngineLimit;
use crate::ir::Strided;

type Result<T> = std::result::Result<T, EngineLimit>;

/// A box in every step.
#[derive(Clone, Debug)]
pub(super) struct Term {
    /// One per dimension (of a tensor) or rank (of a stage).
    pub dims: Vec<Table>,
    /// Conditions.
    pub gates: Vec<Table>,
}

/// Steps that lie before the present one, seen from loop `axis`: those around it are where they are, those inside run
/// freely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cone {
    /// In all earlier trips of the loop.
    Earlier(usize),
    /// In the trip just before.
    Previous(usize),
}

impl Cone {
    fn axis(self) -> usize {
        match self {
            Cone::Earlier(axis) | Cone::Previous(axis) => axis,
        }
    }
}

/// The steps that `prior_k` is made of, for `keep` = k of `loops` loops; none if nothing is kept.
pub(super) fn prior(keep: Option<usize>, loops: usize) -> Vec<Cone> {
    let Some(keep) = keep else {
        return Vec::new();
    };
    let mut cones: Vec<Cone> = (keep..loops).map(Cone::Earlier).collect();
    if let Some(outer) = keep.checked_sub(1).filter(|&outer| outer < loops) {
        cones.push(Cone::Previous(outer));
    }
    cones
}

impl Term {
    pub(super) fn factors(&self) -> impl Iterator<Item = &Table> {
        self.dims.iter().chain(&self.gates)
    }

    /// Whether the box is empty in every step.
    fn is_empty(&self) -> bool {
        self.factors().any(Table::is_empty)
    }

    fn depends_on(&self, axis: usize) -> bool {
        self.factors().any(|factor| factor.depends_on(axis))
    }

    /// Gates that depend on a loop of another factor become part of that factor; then a term for every trip of a loop
    /// that still drives two factors.
    fn settled(mut self, terms: &mut Vec<Term>) -> Result<()> {
        let mut gates: Vec<Table> = Vec::with_capacity(self.gates.len());
        for mut gate in std::mem::take(&mut self.gates) {
            loop {
                let axes = gate.axes();
                match gates.iter().position(|other| other.axes() & axes != 0) {
                    Some(other) => gate = gates.swap_remove(other).join(&gate, Join::Intersect)?,
                    None => break,
                }
            }
            if gate != Table::open() {
                gates.push(gate);
            }
        }
        for gate in gates {
            let axes = gate.axes();
            match self.dims.iter_mut().find(|dim| dim.axes() & axes != 0) {
                Some(dim) => *dim = dim.join(&gate, Join::Mask)?,
                None => self.gates.push(gate),
            }
        }
        let (mut seen, mut twice) = (0u64, 0u64);
        for factor in self.factors() {
            if !factor.is_exact() {
                return Err(EngineLimit::TooManyClasses);
            }
            twice |= seen & factor.axes();
            seen |= factor.axes();
        }
        if twice != 0 {
            return self.split(twice.trailing_zeros() as usize, terms);
        }
        if !self.is_empty() {
            terms.push(self);
        }
        Ok(())
    }

    /// One term for every trip of loop `axis`.
    fn split(&self, axis: usize, terms: &mut Vec<Term>) -> Result<()> {
        let trips = self.factors().find_map(|factor| factor.trips_of(axis));
        for trip in 0..trips.unwrap_or(1) {
            let fixed = |factors: &[Table]| -> Result<Vec<Table>> {
                factors
                    .iter()
                    .map(|factor| factor.fixed(axis, trip))
                    .collect()
            };
            let (dims, mut gates) = (fixed(&self.dims)?, fixed(&self.gates)?);
            gates.push(Table::only(axis, trip, trips.unwrap_or(1)));
            terms.extend(Term::new(dims, gates)?);
            if terms.len() > MOST_TERMS {
                return Err(EngineLimit::TooManyClasses);
            }
        }
        Ok(())
    }

    /// Makes disjoint terms of factors: none if they are empty in every step, several if a loop drives two of them.
    ///
    /// # Errors
    /// [`EngineLimit::TooManyClasses`], when there are too many of them or a set cannot be written.
    pub(super) fn new(dims: Vec<Table>, gates: Vec<Table>) -> Result<Vec<Term>> {
        let term = Term { dims, gates };
        // A set that could not be written says that it is empty: ask before believing it.
        if !term.factors().all(Table::is_exact) {
            return Err(EngineLimit::TooManyClasses);
        }
        let mut terms = Vec::with_capacity(1);
        if !term.is_empty() {
            term.settled(&mut terms)?;
        }
        Ok(terms)
    }

    /// Elements, summed over all steps.
    pub(super) fn total(&self, trips: &[u64]) -> u128 {
        let mut product = 1u128;
        let mut seen = 0u64;
        for factor in self.factors() {
            let axes = factor.axes();
            seen |= axes;
            product = product.saturating_mul(factor.total(axes, trips));
        }
        product.saturating_mul(Table::open().total(!seen, trips))
    }

    /// Elements of one step.
    pub(super) fn count_at(&self, trips: &[u64]) -> u128 {
        self.factors().fold(1u128, |product, factor| {
            if product == 0 {
                return 0;
            }
            product.saturating_mul(u128::from(factor.count_at(trips)))
        })
    }

    /// Most elements of any step.
    pub(super) fn largest(&self) -> u128 {
        self.factors().fold(1u128, |product, factor| {
            product.saturating_mul(u128::from(factor.largest()))
        })
    }

    /// The box of one step.
    pub(super) fn at(&self, trips: &[u64]) -> Option<Vec<Strided>> {
        if self.gates.iter().any(|gate| gate.count_at(trips) == 0) {
            return None;
        }
        let sides: Vec<Strided> = self.dims.iter().map(|dim| dim.at(trips)).collect();
        sides.iter().all(|side| !side.is_empty()).then_some(sides)
    }

    /// The union over all steps.
    pub(super) fn whole(&self) -> Vec<Strided> {
        self.dims.iter().map(Table::whole).collect()
    }

    /// The union over the loops from number `loops` on.
    pub(super) fn within(&self, loops: usize) -> Term {
        let collapse = |table: &Table| match loops.checked_sub(1) {
            Some(axis) => table.within(axis),
            None => Table::Set(table.whole()),
        };
        Term {
            dims: self.dims.iter().map(collapse).collect(),
            gates: self.gates.iter().map(collapse).collect(),
        }
    }

    /// With every loop run backwards.
    pub(super) fn reversed(&self) -> Term {
        Term {
            dims: self.dims.iter().map(Table::reversed).collect(),
            gates: self.gates.iter().map(Table::reversed).collect(),
        }
    }

    /// What this term has and `other` in the same step has not.
    fn minus(&self, other: &Term) -> Result<Vec<Term>> {
        let meet = |own: &Table, theirs: &Table, by: Join| own.join(theirs, by);
        self.cut(other, None, &meet)
    }

    /// What this term has and `other` in the steps of the cone has not.
    fn minus_cone(&self, other: &Term, cone: Cone, trips: &[u64]) -> Result<Vec<Term>> {
        let axis = cone.axis();
        let count = trips.get(axis).copied().unwrap_or(1);
        if count <= 1 {
            return Ok(vec![self.clone()]);
        }
        let meet = |own: &Table, theirs: &Table, by: Join| {
            let base = theirs.within(axis);
            if !theirs.depends_on(axis) {
                return own.join(&base, by);
            }
            match cone {
                Cone::Earlier(_) => own.against_earlier(&base, axis, count, by),
                Cone::Previous(_) => own.join(&base.previous(axis, count)?, by),
            }
        };
        // What does not depend on the loop is there from its second trip on.
        let gate = (!other.depends_on(axis)).then(|| Table::after_first(axis, count));
        self.cut(other, gate, &meet)
    }

    /// This term without the product of what `meet` finds of each factor in `other`, as disjoint terms. `gate` is one
    /// more condition of the product.
    fn cut(
        &self,
        other: &Term,
        gate: Option<Table>,
        meet: &impl Fn(&Table, &Table, Join) -> Result<Table>,
    ) -> Result<Vec<Term>> {
        let unchanged = || Ok(vec![self.clone()]);
        let mut inside = self.clone();
        let mut rest: Vec<Term> = Vec::new();
        for at in 0..self.dims.len() {
            let (Some(own), Some(theirs)) = (self.dims.get(at), other.dims.get(at)) else {
                return unchanged();
            };
            if let (Table::Set(own), Table::Set(theirs)) = (own, theirs)
                && own.is_exact()
                && own == theirs
            {
                continue;
            }
            let common = meet(own, theirs, Join::Intersect)?;
            if common.is_empty() {
                return unchanged();
            }
            let left = if common == *own {
                Table::empty()
            } else {
                meet(own, theirs, Join::Subtract)?
            };
            if !left.is_empty() {
                let mut dims = inside.dims.clone();
                if let Some(dim) = dims.get_mut(at) {
                    *dim = left;
                }
                rest.push(Term {
                    dims,
                    gates: self.gates.clone(),
                });
            }
            if let Some(dim) = inside.dims.get_mut(at) {
                *dim = common;
            }
        }
        // Conditions: where those of the product do not all hold, what is left of the box stays.
        let mut holds: Vec<Table> = self.gates.clone();
        let always = Table::open();
        let conditions = other
            .gates
            .iter()
            .map(|gate| {
                let closed = meet(&always, gate, Join::Subtract)?;
                Ok::<_, EngineLimit>((closed, meet(&always, gate, Join::Intersect)?))
            })
            .chain(gate.map(|gate| Ok((always.join(&gate, Join::Subtract)?, gate))));
        for condition in conditions {
            let (closed, open) = condition?;
            if !closed.is_empty() {
                let mut gates = holds.clone();
                gates.push(closed);
                rest.push(Term {
                    dims: inside.dims.clone(),
                    gates,
                });
            }
            if open.is_empty() {
                return unchanged();
            }
            holds.push(open);
        }
        let mut terms = Vec::with_capacity(rest.len());
        for term in rest {
            terms.extend(Term::new(term.dims, term.gates)?);
        }
        Ok(terms)
    }
}

/// The terms without what the steps of `cones` have in `others`.
pub(super) fn minus_cones(
    terms: &[Term],
    others: &[Term],
    cones: &[Cone],
    trips: &[u64],
) -> Result<Vec<Term>> {
    let mut left = terms.to_vec();
    for &cone in cones {
        for other in others {
            left = each(&left, |term| term.minus_cone(other, cone, trips))?;
        }
    }
    Ok(left)
}

/// The terms without what `others` have in the same step.
pub(super) fn minus(terms: &[Term], others: &[Term]) -> Result<Vec<Term>> {
    others.iter().try_fold(terms.to_vec(), |left, other| {
        each(&left, |term| term.minus(other))
    })
}

/// The same elements in terms that have none in common.
pub(super) fn disjoint(terms: &[Term]) -> Result<Vec<Term>> {
    let mut apart: Vec<Term> = Vec::with_capacity(terms.len());
    for term in terms {
        let new = minus(std::slice::from_ref(term), &apart)?;
        apart.extend(new);
    }
    Ok(apart)
}

/// [`limits::TERMS`].
const MOST_TERMS: usize = limits::TERMS;

fn each(terms: &[Term], change: impl Fn(&Term) -> Result<Vec<Term>>) -> Result<Vec<Term>> {
    let mut all = Vec::with_capacity(terms.len());
    for term in terms {
        limits::spend(1)?;
        all.extend(change(term)?);
        if all.len() > MOST_TERMS {
            return Err(EngineLimit::TooManyClasses);
        }
    }
    Ok(all)
}

/// Elements over all steps; the terms are disjoint.
pub(super) fn total(terms: &[Term], trips: &[u64]) -> u128 {
    terms
        .iter()
        .fold(0u128, |sum, term| sum.saturating_add(term.total(trips)))
}

/// Elements of one step; the terms are disjoint.
pub(super) fn count_at(terms: &[Term], trips: &[u64]) -> u128 {
    terms
        .iter()
        .fold(0u128, |sum, term| sum.saturating_add(term.count_at(trips)))
}
