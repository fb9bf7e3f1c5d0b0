//! The most that is held at once, loop by loop where dimensions depend on loops of their own.
//!
//! Problem: what is live in a step (`live`) is a union of boxes, and its largest size is wanted over all steps. Six loops with
//! ten interesting trips each are a million steps, and each is a union of dozens of boxes. But rows depend on the loops over
//! rows, and columns on those over columns: what a step does to the rows is the same for every column. So loops are
//! sorted into *components* (those that some dimension or condition depends on together), and each component is looked
//! at by itself. There, the sets of one dimension are cut into parts by which steps have them (the present one, the earlier
//! trips of loop 2, the next trip of loop 1, ...); all that matters of a trip is which of these have a part, and its
//! size. Most trips are alike in that, or have less of the same. What is left to be combined are the different states of
//! the components.
//!
//! An element is live if the present step has it in all dimensions, or some past steps have and some future ones that go
//! with them, whichever term of the touched elements it is in.
//!
//! Invariant: the result is that of looking at every combination of the samples, or a refusal.

use super::analysis::TensorSets;
use super::live::{Common, MOST_STEPS, Place, Side};
use super::table::Table;
use super::term::Term;
use crate::base::limits;
use crate::engine::EngineLimit;
use crate::ir::Strided;
use smallvec::{SmallVec, smallvec};
use std::collections::{BTreeMap, BTreeSet};

type Result<T> = std::result::Result<T, EngineLimit>;

/// Which steps, and which terms of them: bit `side * terms + term`.
type Bits = SmallVec<[u64; 2]>;

/// A tensor, and which other steps make its elements live.
pub(super) struct Wanted<'a> {
    pub sets: &'a TensorSets,
    pub products: &'a [Common],
    /// What one element counts.
    pub bits: u128,
}

/// One tensor with its steps numbered.
struct Subject<'a> {
    touched: &'a [Term],
    sides: Vec<Side>,
    /// Pairs of sides.
    products: Vec<(usize, usize)>,
    dims: usize,
    bits: u128,
}

/// Parts of one dimension: who has it, and its size.
type Parts = Vec<(Bits, u64)>;

/// What a component says of one tensor in one of its steps.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Local {
    /// The steps that exist, and the terms whose conditions hold.
    allowed: Bits,
    dims: Vec<Parts>,
}

/// Loops that belong together, by number.
type Component = Vec<usize>;

/// The largest sum over all steps whose trips are among `samples`.
pub(super) fn most(wanted: &[Wanted<'_>], samples: &[Vec<u64>], trips: &[u64]) -> Result<u128> {
    let subjects: Vec<Subject<'_>> = wanted.iter().map(Subject::new).collect();
    let components = components(&subjects, trips.len());
    let mut states: Vec<Vec<Vec<Local>>> = Vec::with_capacity(components.len());
    for component in &components {
        states.push(states_of(component, &subjects, samples, trips)?);
    }
    // Components with one state only first: they cut down what the others have to be combined with.
    states.sort_by_key(Vec::len);
    let mut most = 0;
    combine(&subjects, &states, &mut Vec::new(), &mut most)?;
    Ok(most)
}

impl<'a> Subject<'a> {
    fn new(wanted: &Wanted<'a>) -> Subject<'a> {
        let now = Side {
            axis: usize::MAX,
            place: Place::Now,
        };
        let mut sides: Vec<Side> = Vec::new();
        let mut number = |side: Side| match sides.iter().position(|known| *known == side) {
            Some(at) => at,
            None => {
                sides.push(side);
                sides.len() - 1
            }
        };
        let products = wanted.products.iter();
        let products = products.map(|product| {
            let (past, future) = product.unwrap_or((now, now));
            (number(past), number(future))
        });
        Subject {
            touched: &wanted.sets.touched,
            products: products.collect(),
            sides,
            dims: wanted.sets.extents.len(),
            bits: wanted.bits,
        }
    }

    fn none(&self) -> Bits {
        smallvec![0; (self.sides.len() * self.touched.len()).div_ceil(64).max(1)]
    }

    fn has(&self, bits: &Bits, side: usize) -> bool {
        let terms = self.touched.len();
        (side * terms..(side + 1) * terms).any(|at| bits[at / 64] >> (at % 64) & 1 == 1)
    }

    /// Whether elements that these have are live.
    fn is_live(&self, bits: &Bits) -> bool {
        let mut products = self.products.iter();
        products.any(|&(past, future)| self.has(bits, past) && self.has(bits, future))
    }

    /// The loops that dimension `dim` depends on, as bits.
    fn axes(&self, dim: usize) -> u64 {
        let tables = self.touched.iter().filter_map(|term| term.dims.get(dim));
        tables.fold(0, |axes, table| axes | table.axes())
    }
}

fn set(bits: &mut Bits, at: usize) {
    bits[at / 64] |= 1 << (at % 64);
}

fn and(left: &Bits, right: &Bits) -> Bits {
    left.iter().zip(right).map(|(a, b)| a & b).collect()
}

/// The loops sorted by what depends on them together; last one without loops, for what depends on none.
fn components(subjects: &[Subject<'_>], loops: usize) -> Vec<Component> {
    let mut leader: Vec<usize> = (0..loops).collect();
    let mut join = |axes: u64| {
        let mut members = (0..loops).filter(|axis| axes >> axis & 1 == 1);
        let Some(first) = members.next() else { return };
        for other in members {
            let (from, to) = (leader[other], leader[first]);
            leader
                .iter_mut()
                .filter(|own| **own == from)
                .for_each(|own| *own = to);
        }
    };
    for subject in subjects {
        (0..subject.dims).for_each(|dim| join(subject.axes(dim)));
        let gates = subject.touched.iter().flat_map(|term| &term.gates);
        gates.for_each(|gate| join(gate.axes()));
    }
    let leaders: BTreeSet<usize> = leader.iter().copied().collect();
    let own = |of: usize| (0..loops).filter(|&axis| leader[axis] == of).collect();
    let mut all: Vec<Component> = leaders.into_iter().map(own).collect();
    all.push(Vec::new());
    all
}

/// Whether a factor that depends on the loops `axes` is looked at in a component.
fn belongs(axes: u64, component: &Component) -> bool {
    match component.as_slice() {
        [] => axes == 0,
        loops => loops.iter().any(|axis| axes >> axis & 1 == 1),
    }
}

/// The different states of one component.
fn states_of(
    component: &Component,
    subjects: &[Subject<'_>],
    samples: &[Vec<u64>],
    trips: &[u64],
) -> Result<Vec<Vec<Local>>> {
    let own = |axis: &usize| samples.get(*axis).map_or(&[][..], Vec::as_slice);
    let steps = component.iter().map(|axis| own(axis).len());
    if steps.fold(1, usize::saturating_mul) > MOST_STEPS {
        return Err(EngineLimit::TooManyClasses);
    }
    let mut known: BTreeSet<Vec<i64>> = BTreeSet::new();
    // Steps with different sets can have parts of the same sizes.
    let mut states: BTreeSet<Vec<Local>> = BTreeSet::new();
    let mut index = vec![0usize; component.len()];
    let mut step = vec![0u64; trips.len()];
    loop {
        for (axis, &at) in component.iter().zip(&index) {
            step[*axis] = own(axis).get(at).copied().unwrap_or(0);
        }
        let mut key = Vec::new();
        let mut found = Vec::with_capacity(subjects.len());
        for subject in subjects {
            found.push(Found::new(subject, component, &step, trips)?);
        }
        found.iter().for_each(|found| found.describe(&mut key));
        if known.insert(key) {
            let pairs = subjects.iter().zip(&found);
            let state = pairs.map(|(subject, found)| found.local(subject));
            states.insert(state.collect::<Result<_>>()?);
        }
        // The next combination, the innermost loop first.
        let mut at = component.len();
        loop {
            let Some(next) = at.checked_sub(1) else {
                return undominated(states);
            };
            at = next;
            index[at] += 1;
            if index[at] < own(&component[at]).len() {
                break;
            }
            index[at] = 0;
        }
    }
}

/// The states without those that have parts of the same steps as another one, and none that is larger.
fn undominated(states: BTreeSet<Vec<Local>>) -> Result<Vec<Vec<Local>>> {
    // By what tells them apart but for sizes: the sizes, and the state.
    type Measured = (Vec<u64>, Vec<Local>);
    let mut kinds: BTreeMap<Vec<Bits>, Vec<Measured>> = BTreeMap::new();
    for state in states {
        let (mut kind, mut sizes) = (Vec::new(), Vec::new());
        for local in &state {
            kind.push(local.allowed.clone());
            for parts in &local.dims {
                // Where the parts of a dimension end.
                kind.push(Bits::new());
                kind.extend(parts.iter().map(|part| part.0.clone()));
                sizes.extend(parts.iter().map(|part| part.1));
            }
        }
        let known = kinds.entry(kind).or_default();
        limits::spend(1 + known.len() as u64)?;
        let no_larger = |left: &[u64], right: &[u64]| left.iter().zip(right).all(|(a, b)| a <= b);
        if known.iter().any(|other| no_larger(&sizes, &other.0)) {
            continue;
        }
        known.retain(|other| !no_larger(&other.0, &sizes));
        known.push((sizes, state));
    }
    let kept = kinds.into_values().flatten();
    Ok(kept.map(|(_, state)| state).collect())
}

/// The sets of one tensor in one step of a component.
struct Found {
    allowed: Bits,
    /// Per dimension of the component: who, and what.
    dims: Vec<Vec<(usize, Strided)>>,
}

impl Found {
    fn new(
        subject: &Subject<'_>,
        component: &Component,
        step: &[u64],
        trips: &[u64],
    ) -> Result<Found> {
        let dims: Vec<usize> = (0..subject.dims)
            .filter(|&dim| belongs(subject.axes(dim), component))
            .collect();
        let mut found = Found {
            allowed: subject.none(),
            dims: dims.iter().map(|_| Vec::new()).collect(),
        };
        for (number, side) in subject.sides.iter().enumerate() {
            let (now, count) = match side.place {
                Place::Now => (0, 1),
                _ => (
                    step.get(side.axis).copied().unwrap_or(0),
                    trips.get(side.axis).copied().unwrap_or(1),
                ),
            };
            // Of a loop of another component this is asked there.
            if component.contains(&side.axis) && !side.place.exists(now, count) {
                continue;
            }
            let (from, to) = side.place.range(now, count);
            let of = |table: &Table| match side.place {
                Place::Now => table.at(step),
                _ => table.range(step, side.axis, from, to),
            };
            for (term, known) in subject.touched.iter().enumerate() {
                limits::spend(1 + dims.len() as u64)?;
                let mut holds = true;
                for gate in known
                    .gates
                    .iter()
                    .filter(|gate| belongs(gate.axes(), component))
                {
                    let open = of(gate);
                    if !open.is_exact() {
                        return Err(EngineLimit::TooManyClasses);
                    }
                    holds &= !open.is_empty();
                }
                if !holds {
                    continue;
                }
                let bit = number * subject.touched.len() + term;
                set(&mut found.allowed, bit);
                for (own, dim) in found.dims.iter_mut().zip(&dims) {
                    if let Some(table) = known.dims.get(*dim) {
                        own.push((bit, of(table)));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Numbers that are equal for steps that differ in nothing but where the sets lie.
    fn describe(&self, key: &mut Vec<i64>) {
        key.extend(self.allowed.iter().map(|word| word.cast_signed()));
        for dim in &self.dims {
            let first = dim
                .iter()
                .filter_map(|(_, set)| set.min())
                .min()
                .unwrap_or(0);
            key.push(i64::MIN);
            for (bit, set) in dim {
                key.push(i64::try_from(*bit).unwrap_or(i64::MAX));
                key.push(i64::from(set.is_exact()));
                for run in set.runs() {
                    key.extend([
                        run.lo.wrapping_sub(first),
                        run.step.cast_signed(),
                        run.count.cast_signed(),
                    ]);
                }
                key.push(i64::MAX);
            }
        }
    }

    /// The parts of every dimension.
    fn local(&self, subject: &Subject<'_>) -> Result<Local> {
        let mut dims = Vec::with_capacity(self.dims.len());
        for sets in &self.dims {
            let mut parts: Vec<(Bits, Strided)> = Vec::new();
            for (bit, whole) in sets {
                let mut rest = whole.clone();
                let mut next = Vec::with_capacity(parts.len() + 2);
                for (who, part) in parts {
                    limits::spend(1)?;
                    let inside = part.intersect(whole);
                    if !inside.is_exact() {
                        return Err(EngineLimit::TooManyClasses);
                    }
                    if inside.is_empty() {
                        next.push((who, part));
                        continue;
                    }
                    rest = rest.subtract(&part);
                    let outside = part.subtract(whole);
                    if !outside.is_exact() || !rest.is_exact() {
                        return Err(EngineLimit::TooManyClasses);
                    }
                    if !outside.is_empty() {
                        next.push((who.clone(), outside));
                    }
                    let mut both = who;
                    set(&mut both, *bit);
                    next.push((both, inside));
                }
                if !rest.is_exact() {
                    return Err(EngineLimit::TooManyClasses);
                }
                if !rest.is_empty() {
                    let mut alone = subject.none();
                    set(&mut alone, *bit);
                    next.push((alone, rest));
                }
                parts = next;
            }
            let mut sizes: BTreeMap<Bits, u64> = BTreeMap::new();
            for (who, part) in parts {
                let who = and(&who, &self.allowed);
                if subject.is_live(&who) {
                    let size = sizes.entry(who).or_insert(0);
                    *size = size.saturating_add(part.count());
                }
            }
            dims.push(sizes.into_iter().collect());
        }
        Ok(Local {
            allowed: self.allowed.clone(),
            dims,
        })
    }
}

/// Tries all combinations of states.
fn combine<'a>(
    subjects: &[Subject<'_>],
    states: &'a [Vec<Vec<Local>>],
    chosen: &mut Vec<&'a [Local]>,
    most: &mut u128,
) -> Result<()> {
    let Some((own, inner)) = states.split_first() else {
        let mut sum = 0u128;
        for (at, subject) in subjects.iter().enumerate() {
            let locals = || chosen.iter().filter_map(|state| state.get(at));
            let allowed = locals().map(|local| &local.allowed);
            let allowed = allowed.fold(None, |all: Option<Bits>, own| match all {
                Some(all) => Some(and(&all, own)),
                None => Some(own.clone()),
            });
            let dims: Vec<&Parts> = locals().flat_map(|local| &local.dims).collect();
            if let Some(allowed) = allowed {
                let elements = live(subject, &dims, &allowed)?;
                sum = sum.saturating_add(elements.saturating_mul(subject.bits));
            }
        }
        *most = (*most).max(sum);
        return Ok(());
    };
    for state in own {
        chosen.push(state);
        combine(subjects, inner, chosen, most)?;
        chosen.pop();
    }
    Ok(())
}

/// Elements whose parts, dimension by dimension, have enough in common to be live.
fn live(subject: &Subject<'_>, dims: &[&Parts], common: &Bits) -> Result<u128> {
    limits::spend(1)?;
    if !subject.is_live(common) {
        return Ok(0);
    }
    let Some((parts, inner)) = dims.split_first() else {
        return Ok(1);
    };
    parts.iter().try_fold(0u128, |sum, (who, size)| {
        let elements = live(subject, inner, &and(who, common))?;
        Ok(sum.saturating_add(elements.saturating_mul(u128::from(*size))))
    })
}
