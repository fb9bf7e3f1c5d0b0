//! The least that must be held at once.
//!
//! Problem: three rows of a 112-wide map are the *window* of a 3x3 layer that moves by pixels, but of the oldest row only
//! what lies ahead is still needed, and of the newest only what has been made exists: 227 elements, not 336. At step `i`
//! an element is live if the step touches it, or if an earlier step touched it and a later one will reuse it:
//!
//! ```text
//! live(i) = R(i)  +  (prior_k(i) meets later steps of the window)  +  (earlier steps of the window meet the next window)
//! ```
//!
//! (`prior_k` is a contiguous range of steps that ends before `i`; an element that step `j` reuses was touched at or
//! after the start of `prior_k(j)`.) Each part is a union of products, as the sets of `term` are. Along a run of trips the
//! factors grow, shrink or move evenly once the borders are far enough, so that the size is linear in each index between
//! the trips that are looked at here: its maximum lies at one of them.

use super::analysis::{Kind, TensorSets};
use super::grid::MOST_SIZES;
use super::separate::{self, Wanted};
use super::table::Table;
use super::term::Term;
use crate::base::limits;
use crate::engine::EngineLimit;

/// [`limits::LIVE_STEPS`].
pub(super) const MOST_STEPS: usize = limits::LIVE_STEPS;

/// Most elements of a tensor that must be held at once.
pub(super) fn live(sets: &TensorSets, trips: &[u64]) -> Result<u128, EngineLimit> {
    let loops = trips.len();
    let keep = match sets.keep {
        // Nothing is carried from one step to the next but the next one.
        None => loops,
        Some(keep) => keep.min(loops),
    };
    if keep == loops || sets.touched.is_empty() {
        return super::grid::largest(&sets.required, loops, trips);
    }
    let samples = all_samples(&[&sets.touched], trips);
    let products = products(keep, loops);
    if !is_single(sets, &products) || !are_few(&samples, 1) {
        let wanted = Wanted {
            sets,
            products: &products,
            bits: 1,
        };
        return separate::most(&[wanted], &samples, trips);
    }
    let parts = parts_of(sets, &products, &samples, trips)?;
    most(&samples, |index, step| Ok(parts.at(index, step)))
}

/// The largest of what `at` gives for every combination of samples: their indices, and the trips that they are.
fn most(
    samples: &[Vec<u64>],
    mut at: impl FnMut(&[usize], &[u64]) -> Result<u128, EngineLimit>,
) -> Result<u128, EngineLimit> {
    let mut most = 0;
    let mut index = vec![0usize; samples.len()];
    let mut step: Vec<u64> = samples
        .iter()
        .map(|trips| trips.first().copied().unwrap_or(0))
        .collect();
    loop {
        limits::spend(1)?;
        most = most.max(at(&index, &step)?);
        // The next combination, the innermost loop first.
        let mut axis = samples.len();
        loop {
            let Some(next) = axis.checked_sub(1) else {
                return Ok(most);
            };
            axis = next;
            let (Some(at), Some(trips), Some(trip)) =
                (index.get_mut(axis), samples.get(axis), step.get_mut(axis))
            else {
                return Ok(most);
            };
            *at += 1;
            if let Some(&sample) = trips.get(*at) {
                *trip = sample;
                break;
            }
            *at = 0;
            *trip = trips.first().copied().unwrap_or(0);
        }
    }
}

/// What past and future steps have in common; `None` is the present step itself.
pub(super) type Common = Option<(Side, Side)>;

/// The parts that the products tell apart: which products contain the part, and its size.
type Cut = Vec<(u64, u64)>;

/// Which other steps, as loop `axis` sees them: those around it where they are, those inside it running freely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Side {
    pub axis: usize,
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The present step itself, whatever the loop.
    Now,
    Earlier,
    Later,
    Previous,
    Next,
}

impl Place {
    /// The trips that stand there, seen from `now`; none if the range is empty.
    pub(super) fn range(self, now: u64, count: u64) -> (u64, u64) {
        match self {
            Place::Now => (now, now + 1),
            Place::Earlier => (0, now),
            Place::Later => (now + 1, count),
            Place::Previous => (now.saturating_sub(1), now),
            Place::Next => (now + 1, (now + 2).min(count)),
        }
    }

    pub(super) fn exists(self, now: u64, count: u64) -> bool {
        let (from, to) = self.range(now, count);
        from < to
    }
}

/// What is live: the present step (`None`), and what past and future steps have in common.
fn products(keep: usize, loops: usize) -> Vec<Common> {
    let inside = |place: Place| (keep..loops).map(move |axis| Side { axis, place });
    let around = |place: Place| keep.checked_sub(1).map(|axis| Side { axis, place });
    let mut products = vec![None];
    let past = inside(Place::Earlier).chain(around(Place::Previous));
    products
        .extend(past.flat_map(|past| inside(Place::Later).map(move |later| Some((past, later)))));
    let past = inside(Place::Earlier);
    products.extend(past.flat_map(|past| around(Place::Next).map(|next| Some((past, next)))));
    products
}

/// What is carried to the step after the present one: as [`products`], with the present step among the past ones.
fn carried_products(keep: usize, loops: usize) -> Vec<Common> {
    let now = Side {
        axis: usize::MAX,
        place: Place::Now,
    };
    let future = (keep..loops)
        .map(|axis| Side {
            axis,
            place: Place::Later,
        })
        .chain(keep.checked_sub(1).map(|axis| Side {
            axis,
            place: Place::Next,
        }));
    let mut carried: Vec<Common> = future.map(|future| Some((now, future))).collect();
    carried.extend(products(keep, loops).into_iter().flatten().map(Some));
    carried
}

/// Whether the elements of a tensor are one term whose factors depend on one loop each.
fn is_single(sets: &TensorSets, products: &[Common]) -> bool {
    let single = |table: &Table| table.axes().count_ones() <= 1;
    let one = |only: &Term| only.factors().all(single);
    matches!(sets.touched.as_slice(), [only] if one(only)) && (1..=64).contains(&products.len())
}

/// The parts of such a tensor.
fn parts_of<'a>(
    sets: &TensorSets,
    products: &'a [Common],
    samples: &[Vec<u64>],
    trips: &'a [u64],
) -> Result<Parts<'a>, EngineLimit> {
    let only = sets.touched.first().ok_or(EngineLimit::Irregular)?;
    Parts::new(only, products, samples, trips)
}

/// Most bits of the given tensors that are carried, together, from one step to the next: of elements touched so far and
/// reused the next time they are wanted. Less than the sum of what is live in each, which counts what a step only passes
/// on, and every tensor at its own worst step.
pub(super) fn carried(tensors: &[&TensorSets], trips: &[u64]) -> Result<u128, EngineLimit> {
    let loops = trips.len();
    let kept: Vec<(&TensorSets, Vec<Common>)> = tensors
        .iter()
        .filter_map(|sets| Some((*sets, carried_products(sets.keep?.min(loops), loops))))
        .filter(|(sets, products)| !products.is_empty() && !sets.touched.is_empty())
        .collect();
    let touched: Vec<&[Term]> = kept.iter().map(|(sets, _)| &sets.touched[..]).collect();
    let samples = all_samples(&touched, trips);
    // Of the result, only sums that are not complete are carried.
    let bits = |sets: &TensorSets| match sets.kind {
        Kind::Result => u128::from(sets.partial_bits),
        Kind::Outer | Kind::Inner => u128::from(sets.bits),
    };
    let single = kept
        .iter()
        .all(|(sets, products)| is_single(sets, products));
    if !single || !are_few(&samples, kept.len()) {
        let wanted: Vec<Wanted<'_>> = kept
            .iter()
            .map(|(sets, products)| Wanted {
                sets,
                products,
                bits: bits(sets),
            })
            .collect();
        return separate::most(&wanted, &samples, trips);
    }
    let counters: Vec<(u128, Parts<'_>)> = kept
        .iter()
        .map(|(sets, products)| Ok((bits(sets), parts_of(sets, products, &samples, trips)?)))
        .collect::<Result<_, EngineLimit>>()?;
    most(&samples, |index, step| {
        Ok(counters.iter().fold(0u128, |sum, (bits, parts)| {
            sum.saturating_add(parts.at(index, step).saturating_mul(*bits))
        }))
    })
}

/// The trips to look at, by loop.
fn all_samples(tensors: &[&[Term]], trips: &[u64]) -> Vec<Vec<u64>> {
    (0..trips.len())
        .map(|axis| {
            let mut all: Vec<u64> = tensors
                .iter()
                .flat_map(|touched| samples(touched, axis, trips))
                .collect();
            all.sort_unstable();
            all.dedup();
            all
        })
        .collect()
}

/// Whether so many tensors can be looked at in every combination of the samples.
fn are_few(samples: &[Vec<u64>], tensors: usize) -> bool {
    let steps = samples
        .iter()
        .fold(1usize, |product, trips| product.saturating_mul(trips.len()));
    let sizes = (steps as u128).saturating_mul(tensors as u128);
    steps <= MOST_STEPS && sizes <= MOST_SIZES / 8
}

/// One term whose factors depend on one loop each: every factor is cut into the parts that the products tell apart, and
/// a step only combines the sizes of parts.
struct Parts<'a> {
    products: &'a [Common],
    trips: &'a [u64],
    /// Product of the factors that do not depend on a loop.
    constant: u128,
    /// Loop, and by sample: the parts, as (products that contain the part, size).
    factors: Vec<(usize, Vec<Cut>)>,
}

impl<'a> Parts<'a> {
    fn new(
        term: &Term,
        products: &'a [Common],
        samples: &[Vec<u64>],
        trips: &'a [u64],
    ) -> Result<Parts<'a>, EngineLimit> {
        let mut parts = Parts {
            products,
            trips,
            constant: 1,
            factors: Vec::new(),
        };
        for table in term.factors() {
            match table {
                Table::Set(set) => {
                    parts.constant = parts.constant.saturating_mul(u128::from(set.count()));
                }
                Table::Loop(level) => {
                    let cut = samples
                        .get(level.axis)
                        .into_iter()
                        .flatten()
                        .map(|&now| parts.cut(table, level.axis, now))
                        .collect::<Result<_, _>>()?;
                    parts.factors.push((level.axis, cut));
                }
            }
        }
        Ok(parts)
    }

    /// The factor at trip `now` of its loop.
    fn cut(&self, table: &Table, axis: usize, now: u64) -> Result<Cut, EngineLimit> {
        let count = self.trips.get(axis).copied().unwrap_or(1);
        // Sets that products ask for, each once, and who asks.
        let mut asked: Vec<((u64, u64), u64)> = Vec::with_capacity(5);
        for (at, product) in self.products.iter().enumerate() {
            let bit = 1u64 << at;
            let sides: [Option<Side>; 2] = match product {
                None => [None, None],
                Some((past, future)) => [Some(*past), Some(*future)],
            };
            for side in sides {
                let range = match side {
                    Some(side) if side.axis == axis => side.place.range(now, count),
                    // A loop inside the one that differs runs freely.
                    Some(side) if side.axis < axis => (0, count),
                    _ => (now, now + 1),
                };
                match asked.iter_mut().find(|known| known.0 == range) {
                    Some(known) => known.1 |= bit,
                    None => asked.push((range, bit)),
                }
            }
        }
        let all = (1u64 << (self.products.len() - 1)) | ((1u64 << (self.products.len() - 1)) - 1);
        let mut parts = vec![(all, table.whole())];
        for ((from, to), bits) in asked {
            let set = table.range(&[], axis, from, to);
            let mut next = Vec::with_capacity(parts.len() + 2);
            for (products, part) in parts {
                let inside = part.intersect(&set);
                if inside.is_empty() && inside.is_exact() {
                    next.push((products & !bits, part));
                    continue;
                }
                if inside.count() < part.count() {
                    let outside = part.subtract(&set);
                    if products & !bits != 0 {
                        next.push((products & !bits, outside));
                    }
                }
                next.push((products, inside));
            }
            parts = next;
        }
        if !parts.iter().all(|part| part.1.is_exact()) {
            return Err(EngineLimit::TooManyClasses);
        }
        Ok(parts
            .into_iter()
            .filter(|part| part.0 != 0)
            .map(|(products, part)| (products, part.count()))
            .collect())
    }

    /// Elements that are live in one step.
    fn at(&self, index: &[usize], step: &[u64]) -> u128 {
        let mut valid = 0u64;
        for (at, product) in self.products.iter().enumerate() {
            let exists = |side: &Side| {
                let now = step.get(side.axis).copied().unwrap_or(0);
                let count = self.trips.get(side.axis).copied().unwrap_or(1);
                side.place.exists(now, count)
            };
            let holds = product
                .as_ref()
                .is_none_or(|(past, future)| exists(past) && exists(future));
            valid |= u64::from(holds) << at;
        }
        if valid == 0 {
            return 0;
        }
        self.constant
            .saturating_mul(combine(&self.factors, index, valid))
    }
}

/// Sum of the products of the sizes of parts that lie in a common product.
fn combine(factors: &[(usize, Vec<Cut>)], index: &[usize], products: u64) -> u128 {
    let Some(((axis, cut), inner)) = factors.split_first() else {
        return 1;
    };
    let parts = index.get(*axis).and_then(|&at| cut.get(at));
    parts.into_iter().flatten().fold(0u128, |sum, (of, size)| {
        let common = products & of;
        if common == 0 {
            return sum;
        }
        sum.saturating_add(u128::from(*size).saturating_mul(combine(inner, index, common)))
    })
}

/// The trips of a loop at which live sets are looked at: the borders of every run of translates, and as many beside them
/// as it takes until sets no longer reach across. Readers that move at different speeds are never far enough apart: then
/// all trips.
fn samples(touched: &[Term], axis: usize, trips: &[u64]) -> Vec<u64> {
    let count = trips.get(axis).copied().unwrap_or(1);
    let mut bounds: Vec<Vec<u64>> = vec![vec![0]; trips.len()];
    let mut reach = 1u64;
    let mut speeds: Vec<i64> = Vec::new();
    for factor in touched.iter().flat_map(Term::factors) {
        factor.boundaries(&mut bounds);
        reach = reach.max(factor.reach(axis));
        factor.speeds(axis, &mut speeds);
    }
    speeds.sort_unstable();
    speeds.dedup();
    if touched.len() > 1 && speeds.len() > 1 {
        return (0..count.min(MOST_STEPS as u64 + 1)).collect();
    }
    let firsts = bounds.get(axis).cloned().unwrap_or_default();
    let mut samples = Vec::new();
    for first in firsts.into_iter().chain(std::iter::once(count)) {
        let from = first.saturating_sub(reach + 1);
        let to = first.saturating_add(reach + 1).min(count.saturating_sub(1));
        samples.extend(from..=to);
    }
    samples.retain(|&trip| trip < count);
    samples.sort_unstable();
    samples.dedup();
    samples
}
